#include "cache/http/fields.h"

#include <algorithm>

#include "cache/http/text.h"

namespace larder::http {
namespace {

// The end of the quoted string (RFC 9110 section 5.6.4) that opens at text[0]: the index after its closing quote, or 0
// when it is never closed.
std::size_t quoted_length(std::string_view text) {
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') return i + 1;
    if (text[i] == '\\') ++i;
  }
  return 0;
}

}  // namespace

void rebase_view(std::string_view& view, const char* from, const char* to) {
  if (view.data() != nullptr) view = {to + (view.data() - from), view.size()};
}

void FieldList::rebase(const char* from, const char* to) {
  for (Field& field : fields_) {
    rebase_view(field.name, from, to);
    rebase_view(field.value, from, to);
  }
}

const Field* find(FieldSpan fields, FieldName id) {
  for (const Field& field : fields) {
    if (field.id == id) return &field;
  }
  return nullptr;
}

const Field* find(FieldSpan fields, std::string_view name) {
  const FieldName id = field_name(name);
  if (id != FieldName::Other) return find(fields, id);
  for (const Field& field : fields) {
    if (field.id == FieldName::Other && equals_ignoring_case(field.name, name)) return &field;
  }
  return nullptr;
}

std::size_t count(FieldSpan fields, FieldName id) {
  return static_cast<std::size_t>(
      std::count_if(fields.begin(), fields.end(), [id](const Field& f) { return f.id == id; }));
}

std::optional<std::string_view> value_of(FieldSpan fields, FieldName id) {
  const Field* field = find(fields, id);
  if (field == nullptr) return std::nullopt;
  return field->value;
}

bool MemberIterator::next() {
  while (true) {
    while (rest_.empty()) {
      while (at_ < fields_.size() && fields_[at_].id != id_) ++at_;
      if (at_ == fields_.size()) return false;
      rest_ = fields_[at_++].value;
      quotes_ = true;
    }
    member_ = trim(take_member());
    if (!member_.empty()) return true;
  }
}

// The member at the front of rest_, which loses it together with the comma behind it.
std::string_view MemberIterator::take_member() {
  std::size_t i = 0;
  while (i < rest_.size() && rest_[i] != ',') {
    const std::size_t quoted = rest_[i] == '"' && quotes_ ? quoted_length(rest_.substr(i)) : 1;
    // A quote that is never closed shelters nothing, or it would hide a no-store behind it; and no later quote of this
    // line is looked at again, which keeps the walk linear.
    if (quoted == 0) quotes_ = false;
    i += quoted == 0 ? 1 : quoted;
  }
  const std::string_view member = rest_.substr(0, i);
  rest_.remove_prefix(std::min(i + 1, rest_.size()));
  return member;
}

bool list_contains(FieldSpan fields, FieldName id, std::string_view token) {
  for (MemberIterator m(fields, id); m.next();) {
    if (equals_ignoring_case(m.member(), token)) return true;
  }
  return false;
}

}  // namespace larder::http
