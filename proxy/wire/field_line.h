// Field lines (RFC 9112 section 5), as they stand in heads and in trailers. Pure.
#pragma once

#include <string_view>

namespace larder::wire {

// A field line in its two parts: views into the line, the value without the white space around it.
struct FieldLine {
  std::string_view name;
  std::string_view value;
};

// Splits `line`, given without its CRLF. Answers why it is refused, or "" when `out` was set.
std::string_view split_field_line(std::string_view line, FieldLine& out);

}  // namespace larder::wire
