#include "cache/policy/quality.h"

#include <algorithm>
#include <memory>
#include <type_traits>

#include "cache/http/text.h"

namespace larder::policy {
namespace {

static_assert(std::is_trivially_destructible_v<Preference>, "a PreferenceList destroys none");

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

std::string_view trim_front(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  return text;
}

// Nothing more of the member follows.
bool is_at_end(std::string_view rest) {
  return rest.empty() || rest.front() == ',';
}

// The end of the parameter at the front of text: its ";" or ",", or where the text ends; npos when a quoted string
// (section 5.6.4) is never closed.
std::size_t parameter_end(std::string_view text) {
  bool quoted = false;
  std::size_t i = 0;
  for (; i < text.size() && (quoted || (text[i] != ';' && text[i] != ',')); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (text[i] == '\\' && quoted) ++i;
  }
  return quoted ? std::string_view::npos : i;
}

// What stands behind "q=" when the parameter is a weight; nullopt when it is another parameter.
std::optional<std::string_view> weight_of(std::string_view parameter) {
  if (http::lower(parameter.front()) != 'q') return std::nullopt;
  const std::string_view rest = trim_front(parameter.substr(1));
  if (rest.empty()) return rest;  // "q" alone: a weight that says nothing, which is no qvalue
  if (rest.front() != '=') return std::nullopt;
  return trim_front(rest.substr(1));
}

// Which of two names comes first, without regard to case: below 0, 0 (the same) or above.
int compare_ignoring_case(std::string_view a, std::string_view b) {
  const std::size_t common = std::min(a.size(), b.size());
  for (std::size_t i = 0; i < common; ++i) {
    const char x = http::lower(a[i]);
    const char y = http::lower(b[i]);
    if (x != y) return x < y ? -1 : 1;
  }
  if (a.size() == b.size()) return 0;
  return a.size() < b.size() ? -1 : 1;
}

}  // namespace

std::optional<Quality> parse_quality(std::string_view text) {
  constexpr std::size_t kLongest = 5;  // "0.123"
  if (text.empty() || text.size() > kLongest || (text.front() != '0' && text.front() != '1')) return std::nullopt;
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  unsigned value = text.front() == '1' ? kHighestQuality : 0;
  unsigned place = 100;
  for (const char c : text.substr(std::min<std::size_t>(text.size(), 2))) {
    if (!is_digit(c)) return std::nullopt;
    value += static_cast<unsigned>(c - '0') * place;
    place /= 10;
  }
  if (value > kHighestQuality) return std::nullopt;
  return static_cast<Quality>(value);
}

std::string_view take_parameter(std::string_view& rest) {
  if (rest.empty() || rest.front() != ';') return {};
  const std::string_view text = rest.substr(1);
  const std::size_t end = parameter_end(text);
  if (end == std::string_view::npos) return {};
  rest = text.substr(end);
  return http::trim(text.substr(0, end));
}

bool PreferenceIterator::next() {
  while (!rest_.empty() && (is_blank(rest_.front()) || rest_.front() == ',')) rest_.remove_prefix(1);
  if (rest_.empty()) return false;
  std::size_t end = 0;
  while (end < rest_.size() && (http::is_token_char(rest_[end]) || rest_[end] == '/')) ++end;
  preference_ = {rest_.substr(0, end), {}, kHighestQuality};
  rest_ = trim_front(rest_.substr(end));
  malformed_ = end == 0 || !take_parameters();
  return !malformed_;
}

// The parameters at the front of rest_, up to the end of the member.
bool PreferenceIterator::take_parameters() {
  const std::string_view from = rest_;
  while (!is_at_end(rest_)) {
    const std::string_view parameter = take_parameter(rest_);
    if (parameter.empty()) return false;
    if (const auto weight = weight_of(parameter)) {
      const auto quality = parse_quality(*weight);
      if (!quality || !is_at_end(rest_)) return false;
      preference_.quality = *quality;
    } else {
      preference_.parameters = from.substr(0, from.size() - rest_.size());
    }
  }
  return true;
}

bool PreferenceList::add(const Preference& preference) {
  if (size_ == kMost || preference.name.size() > kLongestName) return false;
  std::size_t at = size_;
  for (; at > 0; --at) {
    const int order = compare_ignoring_case(preference.name, members_[at - 1].name);
    if (order == 0) return false;
    if (order > 0) break;
  }
  std::construct_at(members_ + size_, preference);
  std::move_backward(members_ + at, members_ + size_, members_ + size_ + 1);
  members_[at] = preference;
  ++size_;
  return true;
}

bool PreferenceList::prefers(std::string_view name) const {
  const auto all = members();
  const auto mine = std::find_if(all.begin(), all.end(),
                                 [&](const Preference& p) { return http::equals_ignoring_case(p.name, name); });
  if (mine == all.end() || mine->quality == 0) return false;
  return std::all_of(all.begin(), all.end(),
                     [&](const Preference& p) { return &p == &*mine || p.quality < mine->quality; });
}

bool PreferenceList::is_first_choice(std::string_view name) const {
  const auto all = members();
  const auto mine = std::find_if(all.begin(), all.end(),
                                 [&](const Preference& p) { return http::equals_ignoring_case(p.name, name); });
  if (mine == all.end() || mine->quality == 0) return false;
  return std::all_of(all.begin(), all.end(), [&](const Preference& p) { return p.quality <= mine->quality; });
}

}  // namespace larder::policy
