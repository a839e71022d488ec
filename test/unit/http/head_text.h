// For tests: field lines written as text, "Name: value" one a line.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "cache/http/fields.h"
#include "cache/http/text.h"

namespace larder::http {

// Owns its text, so that a row of a table can hold it.
class HeadText {
 public:
  explicit HeadText(std::string_view text) : text_(text) {
    std::string_view rest = text_;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      const std::string_view line = rest.substr(0, end);
      const std::size_t colon = line.find(':');
      fields_.push_back(line.substr(0, colon), trim(line.substr(colon + 1)));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  HeadText(const HeadText&) = delete;
  HeadText& operator=(const HeadText&) = delete;

  operator FieldSpan() const { return fields_; }  // NOLINT(google-explicit-constructor)
  [[nodiscard]] const FieldList& list() const { return fields_; }

 private:
  std::string text_;
  FieldList fields_;
};

// The other way round, for comparison.
inline std::string to_text(FieldSpan fields) {
  std::string out;
  for (const Field& field : fields) {
    if (!out.empty()) out.push_back('\n');
    out.append(field.name).append(": ").append(field.value);
  }
  return out;
}

}  // namespace larder::http
