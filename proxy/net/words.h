// Cutting the lines of configuration files into words. Pure.
#pragma once

#include <string>
#include <string_view>

namespace larder::net {

// Takes the next line off `text`, without its end. Call while `text` is not empty.
inline std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

// Takes the next word off `line`; "" when none is left.
inline std::string_view take_word(std::string_view& line) {
  constexpr std::string_view kBlanks = " \t\r\f\v";
  const std::size_t begin = line.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) {
    line = {};
    return {};
  }
  line.remove_prefix(begin);
  const std::size_t end = line.find_first_of(kBlanks);
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(word.size());
  return word;
}

inline std::string to_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace larder::net
