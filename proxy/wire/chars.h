// The character classes of a message head as one table, for the parsers of this room. Pure; inline since every byte of
// every head passes here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace larder::wire {

inline constexpr std::uint8_t kTokenChar = 1;  // tchar, RFC 9110 section 5.6.2
// What a request-target may hold at most: visible ASCII (RFC 9112 section 3), and bytes beyond it, which are
// percent-encoded before they go any further (cache/http/uri.h).
inline constexpr std::uint8_t kTargetChar = 2;
inline constexpr std::uint8_t kTextChar =
    4;  // HTAB, SP, VCHAR, obs-text: field values, reason phrases, chunk extensions

namespace detail {
constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> table{};
  for (std::size_t c = 0; c < table.size(); ++c) {
    const bool is_letter_or_digit = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (is_letter_or_digit) table[c] |= kTokenChar;
    if (c > 0x20 && c != 0x7f) table[c] |= kTargetChar;
    if (c == '\t' || (c >= 0x20 && c != 0x7f)) table[c] |= kTextChar;
  }
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] |= kTokenChar;
  return table;
}
inline constexpr std::array<std::uint8_t, 256> kClasses = make_classes();
}  // namespace detail

inline bool is_in(char c, std::uint8_t char_class) {
  return (detail::kClasses[static_cast<unsigned char>(c)] & char_class) != 0;
}

// How many characters of `text`, from its beginning, are of that class.
inline std::size_t prefix_in(std::string_view text, std::uint8_t char_class) {
  std::size_t n = 0;
  while (n < text.size() && is_in(text[n], char_class)) ++n;
  return n;
}

// Whether all of `text` is kTextChar. Eight bytes a step: field values are most of a head.
inline bool is_text(std::string_view text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101U;
  constexpr std::uint64_t kHighs = 0x8080808080808080U;
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, 8);
    const std::uint64_t del = word ^ (kOnes * 0x7f);
    const std::uint64_t suspects = (((word - kOnes * 0x20) & ~word) | ((del - kOnes) & ~del)) & kHighs;
    if (suspects == 0) continue;  // no byte below 0x20, none 0x7f
    if (prefix_in(text.substr(at, 8), kTextChar) != 8) return false;
  }
  return prefix_in(text.substr(at), kTextChar) == text.size() - at;
}

// Without SP and HTAB at both ends (OWS).
inline std::string_view trim_ows(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace larder::wire
