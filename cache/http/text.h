// Small text tools of RFC 9110 and RFC 5234: character classes, case-insensitive comparison, numbers. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace larder::http {

// One entry for each byte: what classes it is in, and its lower case. In the header because the parsers ask for every
// byte.
namespace bytes {
inline constexpr std::uint8_t kToken = 1;  // tchar
inline constexpr std::uint8_t kValue = 2;  // may stand in a field value

constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> table{};
  for (std::size_t c = 0; c < 256; ++c) {
    const bool control = (c < 0x20 && c != '\t') || c == 0x7f;
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    table[c] = static_cast<std::uint8_t>((control ? 0 : kValue) | (alnum ? kToken : 0));
  }
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] |= kToken;
  return table;
}

constexpr std::array<char, 256> make_lower() {
  std::array<char, 256> table{};
  for (std::size_t c = 0; c < 256; ++c) {
    const bool upper = c >= 'A' && c <= 'Z';
    table[c] = static_cast<char>(static_cast<unsigned char>(upper ? c + 32 : c));
  }
  return table;
}

inline constexpr std::array<std::uint8_t, 256> kClasses = make_classes();
inline constexpr std::array<char, 256> kLower = make_lower();
}  // namespace bytes

constexpr bool is_token_char(char c) {  // RFC 9110 section 5.6.2 tchar
  return (bytes::kClasses[static_cast<unsigned char>(c)] & bytes::kToken) != 0;
}
bool is_token(std::string_view text);     // 1*tchar
bool is_field_value(std::string_view v);  // no control characters but HTAB: VCHAR, SP, HTAB, obs-text
bool equals_ignoring_case(std::string_view a, std::string_view b);
std::string_view trim(std::string_view text);  // without SP and HTAB at both ends
constexpr char lower(char c) {
  return bytes::kLower[static_cast<unsigned char>(c)];
}
void append_lower(std::string& out, std::string_view text);

// 1*DIGIT that fits 64 bits, nothing else: no sign, no blank. nullopt otherwise.
std::optional<std::uint64_t> parse_digits(std::string_view text);
// 1*HEXDIG that fits 63 bits, nothing else.
std::optional<std::uint64_t> parse_hex(std::string_view text);
void append_number(std::string& out, std::uint64_t n);

}  // namespace larder::http
