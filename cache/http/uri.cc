#include "cache/http/uri.h"

#include <algorithm>
#include <array>

#include "cache/http/text.h"

namespace larder::http {
namespace {

// Classes of RFC 3986 section 2, one bit each.
constexpr std::uint8_t kRegName = 1;  // unreserved / sub-delims; pct-encoded is checked where it stands
constexpr std::uint8_t kHex = 2;
constexpr std::uint8_t kScheme = 4;  // ALPHA / DIGIT / "+" / "-" / "."
constexpr std::uint8_t kAlpha = 8;
constexpr std::uint8_t kTarget = 16;  // what may stand in a target: no blank, no control character, no "#"

constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> table{};
  for (std::size_t c = 0x21; c < 0x7f; ++c) {
    const bool digit = c >= '0' && c <= '9';
    const bool alpha = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (digit || alpha) table[c] |= kRegName | kScheme;
    if (alpha) table[c] |= kAlpha;
    if (digit || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f')) table[c] |= kHex;
    if (c != '#') table[c] |= kTarget;
  }
  for (std::size_t c = 0x80; c < 0x100; ++c) table[c] |= kTarget;
  for (const char c : std::string_view("-._~!$&'()*+,;=")) table[static_cast<unsigned char>(c)] |= kRegName;
  for (const char c : std::string_view("+-.")) table[static_cast<unsigned char>(c)] |= kScheme;
  return table;
}

constexpr std::array<std::uint8_t, 256> kClasses = make_classes();

bool is_a(char c, std::uint8_t classes) {
  return (kClasses[static_cast<unsigned char>(c)] & classes) != 0;
}

bool all_are(std::string_view text, std::uint8_t classes) {
  for (const char c : text) {
    if (!is_a(c, classes)) return false;
  }
  return true;
}

bool is_reg_name(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (text.size() - i < 3 || !is_a(text[i + 1], kHex) || !is_a(text[i + 2], kHex)) return false;
      i += 2;
    } else if (!is_a(text[i], kRegName)) {
      return false;
    }
  }
  return !text.empty();
}

bool is_ipv4(std::string_view text) {
  for (unsigned part = 0; part < 4; ++part) {
    std::size_t end = text.find('.');
    if ((part == 3) != (end == std::string_view::npos)) return false;
    if (end == std::string_view::npos) end = text.size();
    const auto value = end <= 3 ? parse_digits(text.substr(0, end)) : std::nullopt;
    if (!value || *value > 255 || (end > 1 && text.front() == '0')) return false;
    text.remove_prefix(part == 3 ? end : end + 1);
  }
  return true;
}

// IPv6address of RFC 3986 section 3.2.2; no zone id (RFC 6874): it means nothing outside the sender's host.
bool is_ipv6(std::string_view text) {
  unsigned groups = 0;
  bool compressed = false;
  if (text.starts_with("::")) {
    compressed = true;
    text.remove_prefix(2);
  }
  while (!text.empty()) {
    if (text.find(':') == std::string_view::npos && text.find('.') != std::string_view::npos) {
      groups += 2;
      if (!is_ipv4(text)) return false;
      break;
    }
    std::size_t digits = 0;
    while (digits < text.size() && is_a(text[digits], kHex)) ++digits;
    if (digits == 0 || digits > 4 || ++groups > 8) return false;
    text.remove_prefix(digits);
    if (text.empty()) break;
    if (text.starts_with("::")) {
      if (compressed) return false;
      compressed = true;
      text.remove_prefix(2);
    } else if (text.front() != ':' || text.size() == 1) {
      return false;
    } else {
      text.remove_prefix(1);
    }
  }
  return compressed ? groups < 8 : groups == 8;
}

// ":" *DIGIT behind a host, or nothing.
bool read_port(std::string_view text, std::uint16_t& port) {
  if (text.empty()) return true;
  if (text.front() != ':') return false;
  text.remove_prefix(1);
  if (text.empty()) return true;
  const auto n = parse_digits(text);
  if (!n || *n == 0 || *n > 65535) return false;
  port = static_cast<std::uint16_t>(*n);
  return true;
}

std::uint16_t default_port(std::string_view scheme) {
  if (equals_ignoring_case(scheme, "http")) return 80;
  return equals_ignoring_case(scheme, "https") ? 443 : 0;
}

// With every byte beyond ASCII percent-encoded.
void append_encoded(std::string& out, std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  while (!text.empty()) {
    const auto plain =
        std::find_if(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
    out.append(text.begin(), plain);
    text.remove_prefix(static_cast<std::size_t>(plain - text.begin()));
    if (text.empty()) return;
    const auto byte = static_cast<unsigned char>(text.front());
    out.push_back('%');
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
    text.remove_prefix(1);
  }
}

}  // namespace

std::optional<Authority> parse_authority(std::string_view text) {
  Authority a;
  std::size_t host_end;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    // 45 characters is the longest IPv6address there is; no bracket at all is further than that.
    if (close > 46 || !is_ipv6(text.substr(1, close - 1))) return std::nullopt;
    a.host = text.substr(1, close - 1);
    a.is_ipv6 = true;
    host_end = close + 1;
  } else {
    host_end = std::min(text.find(':'), text.size());
    a.host = text.substr(0, host_end);
    if (!is_reg_name(a.host)) return std::nullopt;
  }
  if (a.host.empty() || !read_port(text.substr(host_end), a.port)) return std::nullopt;
  return a;
}

bool Uri::is_http() const {
  return equals_ignoring_case(scheme, "http") || equals_ignoring_case(scheme, "https");
}

std::uint16_t Uri::port() const {
  return authority.port != 0 ? authority.port : default_port(scheme);
}

std::optional<Uri> parse_absolute(std::string_view target) {
  Uri uri;
  const std::size_t colon = target.find(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  uri.scheme = target.substr(0, colon);
  if (!is_a(uri.scheme.front(), kAlpha) || !all_are(uri.scheme, kScheme)) return std::nullopt;
  target.remove_prefix(colon + 1);
  if (!target.starts_with("//")) return std::nullopt;
  target.remove_prefix(2);
  const std::size_t end = std::min(target.find_first_of("/?#"), target.size());
  const auto authority = parse_authority(target.substr(0, end));  // "@" is in none: no userinfo
  if (!authority) return std::nullopt;
  uri.authority = *authority;
  uri.path_and_query = target.substr(end);
  if (!all_are(uri.path_and_query, kTarget)) return std::nullopt;
  return uri;
}

void append_host(std::string& out, const Uri& uri) {
  if (uri.authority.is_ipv6) out.push_back('[');
  append_lower(out, uri.authority.host);
  if (uri.authority.is_ipv6) out.push_back(']');
  if (uri.authority.port == 0 || uri.authority.port == default_port(uri.scheme)) return;
  out.push_back(':');
  append_number(out, uri.authority.port);
}

void append_origin_form(std::string& out, const Uri& uri) {
  if (!uri.path_and_query.starts_with('/')) out.push_back('/');
  append_encoded(out, uri.path_and_query);
}

void append_normalised(std::string& out, const Uri& uri) {
  append_lower(out, uri.scheme);
  out.append("://");
  append_host(out, uri);
  append_origin_form(out, uri);
}

bool is_same_origin(const Uri& a, const Uri& b) {
  return a.port() == b.port() && equals_ignoring_case(a.scheme, b.scheme) &&
         equals_ignoring_case(a.authority.host, b.authority.host);
}

}  // namespace larder::http
