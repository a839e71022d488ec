#include "proxy/admin/parameters.h"

#include <algorithm>

#include "cache/http/text.h"

namespace larder::admin {
namespace {

using store::disk::JournalEntry;

// nullopt: a "%" without two digits, or a control character.
std::optional<std::string> decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const auto byte = http::parse_hex(text.substr(i + 1, 2));
      if (!byte) return std::nullopt;
      c = static_cast<char>(static_cast<unsigned char>(*byte));
      i += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return std::nullopt;
    out.push_back(c);
  }
  return out;
}

std::string quoted(std::string_view text) {
  return "'" + std::string(text) + "'";
}

Understood<JournalEntry> select_host(std::string_view text) {
  const bool is_bare_ipv6 = !text.starts_with('[') && std::count(text.begin(), text.end(), ':') > 1;
  const std::string bracketed = is_bare_ipv6 ? "[" + std::string(text) + "]" : std::string(text);
  const auto authority = http::parse_authority(bracketed);
  if (!authority || authority->port != 0 || bracketed.ends_with(':')) {
    return misunderstood(quoted(text) + " is no host: give a name or an address, without scheme, port or path.");
  }
  return JournalEntry{JournalEntry::Kind::Host, 0, 0, std::string(authority->host)};
}

Understood<JournalEntry> select_prefix(std::string_view text) {
  const auto uri = parse_url(text);
  if (!uri) return misunderstood(uri.error());
  JournalEntry entry{JournalEntry::Kind::Prefix, 0, 0, {}};
  http::append_normalised(entry.text, *uri);
  return entry;
}

}  // namespace

Understood<Parameters> Parameters::parse(std::string_view target, std::initializer_list<std::string_view> known) {
  Parameters found;
  const auto begin = target.find('?');
  auto rest = begin == std::string_view::npos ? std::string_view() : target.substr(begin + 1);
  while (!rest.empty()) {
    const auto one = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    if (one.empty()) continue;
    const auto equals = std::min(one.find('='), one.size());
    auto name = decode(one.substr(0, equals));
    auto value = decode(one.substr(std::min(one.size(), equals + 1)));
    if (!name || !value) return misunderstood("The query is not percent-encoded as it should be.");
    if (std::find(known.begin(), known.end(), *name) == known.end()) {
      return misunderstood("There is no parameter " + quoted(*name) +
                           " here; in a value, '&' is written as %26, '#' as %23 and '%' as %25.");
    }
    if (found.get(*name)) return misunderstood("The parameter " + quoted(*name) + " is given twice.");
    if (value->empty()) return misunderstood("The parameter " + quoted(*name) + " has no value.");
    found.list_.emplace_back(std::move(*name), std::move(*value));
  }
  return found;
}

std::optional<std::string_view> Parameters::get(std::string_view name) const {
  const auto found = std::find_if(list_.begin(), list_.end(), [name](const auto& one) { return one.first == name; });
  return found != list_.end() ? std::optional<std::string_view>(found->second) : std::nullopt;
}

Understood<http::Uri> parse_url(std::string_view text) {
  const auto uri = http::parse_absolute(text);
  if (!uri || !uri->is_http()) {
    return misunderstood(quoted(text) + " is no URL that can be stored: give all of it, from http:// on.");
  }
  return *uri;
}

Understood<JournalEntry> select(std::string_view by, std::string_view text) {
  if (text.size() > store::disk::kMostText) return misunderstood("The " + std::string(by) + " is too long.");
  if (by == "host") return select_host(text);
  if (by == "prefix") return select_prefix(text);
  return JournalEntry{JournalEntry::Kind::Tag, 0, 0, std::string(text)};
}

}  // namespace larder::admin
