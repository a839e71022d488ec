#include "cache/store/listing.h"

#include <algorithm>
#include <array>

#include "cache/http/text.h"
#include "cache/store/disk/ledger.h"

namespace larder::store {

std::string to_string(const Place& place) {
  std::string text(1, place.is_on_disk ? 'd' : 'm');
  for (const std::uint64_t number : {place.group, place.at, place.passed}) {
    text.push_back('.');
    http::append_number(text, number);
  }
  return text;
}

std::optional<Place> parse_place(std::string_view text) {
  if (!text.starts_with('m') && !text.starts_with('d')) return std::nullopt;
  Place place;
  place.is_on_disk = text.front() == 'd';
  text.remove_prefix(1);
  for (std::uint64_t* number : std::array{&place.group, &place.at, &place.passed}) {
    if (!text.starts_with('.')) return std::nullopt;
    text.remove_prefix(1);
    const auto digits = text.substr(0, text.find('.'));
    const auto value = http::parse_digits(digits);
    if (!value) return std::nullopt;
    *number = *value;
    text.remove_prefix(digits.size());
  }
  return text.empty() ? std::optional(place) : std::nullopt;
}

bool Query::is_asked_for(std::string_view key, const Head& head) const {
  return std::all_of(meant.begin(), meant.end(),
                     [&](const disk::JournalEntry& one) { return disk::is_meant(one, key, head); });
}

}  // namespace larder::store
