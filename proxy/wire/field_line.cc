#include "proxy/wire/field_line.h"

#include <cstddef>

#include "proxy/wire/chars.h"

namespace larder::wire {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

// The name ended at `at`, and not at a colon that follows a name. RFC 9112 section 5.1 for the blank before a colon,
// section 5.2 for folded lines.
std::string_view why_no_name(std::string_view line, std::size_t at) {
  if (at == 0 && line.front() == ':') return "a field line has an empty name";
  if (at == 0 && is_blank(line.front())) return "a field line begins with white space (obsolete line folding)";
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return "a field line has no colon";
  if (is_blank(line[colon - 1])) return "white space before the colon of a field line";
  return "a field name holds a character that is not allowed";
}

std::string_view why_no_value(std::string_view value) {
  if (value.find('\r') != std::string_view::npos) return "a bare CR in a field value";
  if (value.find('\0') != std::string_view::npos) return "a NUL in a field value";
  return "a control character in a field value";
}

}  // namespace

std::string_view split_field_line(std::string_view line, FieldLine& out) {
  const std::size_t name = prefix_in(line, kTokenChar);
  if (name == 0 || name == line.size() || line[name] != ':') {
    return line.empty() ? "a field line is empty" : why_no_name(line, name);
  }
  const std::string_view value = trim_ows(line.substr(name + 1));
  if (!is_text(value)) return why_no_value(value);
  out = {line.substr(0, name), value};
  return {};
}

}  // namespace larder::wire
