// A message's field lines (RFC 9110 section 5), in order, as views.
//
// Nothing here owns text: a Field points into the buffer that was parsed (a connection's input, or a stored head's own
// block), which must outlive it. FieldList keeps its first kInline fields without allocating and may be cleared and
// used again. Not thread-safe; const access from many threads is fine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "cache/http/field_name.h"

namespace larder::http {

struct Field {
  std::string_view name;   // as received
  std::string_view value;  // without leading and trailing white space (OWS)
  FieldName id = FieldName::Other;
};

using FieldSpan = std::span<const Field>;

class FieldList {
 public:
  FieldList() { fields_.reserve(kInline); }

  void push_back(std::string_view name, std::string_view value) { fields_.push_back({name, value, field_name(name)}); }
  void push_back(const Field& field) { fields_.push_back(field); }
  void clear() { fields_.clear(); }  // keeps its memory
  // Takes out every field for which `unwanted(field)` is true; the others keep their order.
  template <class Unwanted>
  void erase_if(Unwanted unwanted) {
    std::erase_if(fields_, unwanted);
  }
  [[nodiscard]] std::size_t size() const { return fields_.size(); }
  [[nodiscard]] bool empty() const { return fields_.empty(); }
  [[nodiscard]] const Field* begin() const { return fields_.data(); }
  [[nodiscard]] const Field* end() const { return fields_.data() + fields_.size(); }
  [[nodiscard]] FieldSpan span() const { return fields_; }
  // A list is a contiguous range, so it converts to a FieldSpan by itself.

  // Moves every view by the distance from `from` to `to`: the text was copied to another block, byte for byte.
  void rebase(const char* from, const char* to);

 private:
  static constexpr std::size_t kInline = 24;
  std::vector<Field> fields_;
};

// Moves one view by the distance from `from` to `to`; a null view stays null.
void rebase_view(std::string_view& view, const char* from, const char* to);

// The first field line of that name, or null.
const Field* find(FieldSpan fields, FieldName id);
// The same for any name, compared without regard to case.
const Field* find(FieldSpan fields, std::string_view name);
// How many field lines have that name.
std::size_t count(FieldSpan fields, FieldName id);
inline bool has(FieldSpan fields, FieldName id) {
  return find(fields, id) != nullptr;
}
// The value of the first field line of that name.
std::optional<std::string_view> value_of(FieldSpan fields, FieldName id);

// Walks the members of a comma-separated list (RFC 9110 section 5.6.1) over all field lines of one name, in order.
// Empty members are skipped; commas inside quoted strings do not separate; white space around members is removed. A
// quoted string that is never closed is taken as plain text. An entity tag is no quoted string (a backslash in it is a
// backslash, RFC 9110 section 8.8.3): lists of those have their own reader in cache/policy/validation.cc.
//   for (MemberIterator m(fields, FieldName::Connection); m.next();) use(m.member());
class MemberIterator {
 public:
  MemberIterator(FieldSpan fields, FieldName id) : fields_(fields), id_(id) {}
  explicit MemberIterator(std::string_view one_value) : rest_(one_value) {}
  bool next();
  [[nodiscard]] std::string_view member() const { return member_; }

 private:
  std::string_view take_member();

  FieldSpan fields_;
  FieldName id_ = FieldName::Other;
  bool quotes_ = true;  // quoted strings of the current line are recognised
  std::size_t at_ = 0;
  std::string_view rest_;
  std::string_view member_;
};

// Whether any member of the list field equals `token` without regard to case.
bool list_contains(FieldSpan fields, FieldName id, std::string_view token);

}  // namespace larder::http
