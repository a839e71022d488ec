#include "cache/policy/validation.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <span>

#include "cache/http/date.h"
#include "cache/http/entity_tag.h"
#include "cache/http/text.h"

namespace larder::policy {
namespace {

using http::Field;
using http::FieldName;
using http::FieldSpan;

// The members of a list of entity tags. Such a list cannot be read as one of quoted strings: a backslash in an entity
// tag is no escape (RFC 9110 section 8.8.3). What is no entity tag is a member up to its comma.
class TagList {
 public:
  explicit TagList(std::string_view text) : rest_(text) {}

  bool next() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(", \t"), rest_.size()));
    if (rest_.empty()) return false;
    // A closing quote counts only when it is one: a comma or the end follows. (Each byte is looked at twice at most.)
    const std::size_t open = rest_.starts_with("W/\"") ? 2 : 0;
    const std::size_t close = rest_[open] == '"' ? rest_.find('"', open + 1) : std::string_view::npos;
    const std::size_t from = close == std::string_view::npos ? 0 : close;
    const std::size_t end = std::min(rest_.find(',', from), rest_.size());
    member_ = http::trim(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return true;
  }
  [[nodiscard]] std::string_view member() const { return member_; }

 private:
  std::string_view rest_;
  std::string_view member_;
};

// Weak comparison (section 8.8.3.2) of two tags as text. Some origins leave out the quotes; what does not parse matches
// only the very same text.
bool weakly_equal(std::string_view a, std::string_view b) {
  const auto tag_a = http::parse_entity_tag(a);
  const auto tag_b = http::parse_entity_tag(b);
  if (!tag_a || !tag_b) return a == b;
  return http::is_weak_match(*tag_a, *tag_b);
}

// Section 13.1.2, asked the other way round: whether the condition "none matches" is false.
bool any_tag_matches(FieldSpan request, std::optional<std::string_view> stored_tag) {
  for (const Field& field : request) {
    if (field.id != FieldName::IfNoneMatch) continue;
    if (field.value == "*") return true;  // there is a current representation: the stored one
    if (!stored_tag) continue;
    for (TagList tags(field.value); tags.next();) {
      if (weakly_equal(tags.member(), *stored_tag)) return true;
    }
  }
  return false;
}

// Sections 13.1.3 and RFC 9111 4.3.2: Last-Modified, or else Date, or else the time of receipt, which Meta's date_value
// is by then.
bool is_unmodified_since(FieldSpan request, FieldSpan stored, const Meta& meta, http::Time now) {
  if (http::count(request, FieldName::IfModifiedSince) != 1) return false;
  const auto since = http::parse_date(*http::value_of(request, FieldName::IfModifiedSince), now);
  if (!since) return false;
  const auto last_modified = http::value_of(stored, FieldName::LastModified);
  if (!last_modified) return meta.date_value <= *since;
  const auto modified = http::parse_date(*last_modified, now);
  return modified && *modified <= *since;
}

// The digests that Larder does not act on. A Content-Digest covers the content of its own message, and a 304 has none
// (RFC 9530 section 2). A Repr-Digest, like Digest and Content-MD5 before it, covers the selected representation
// (section 3), which after a weak validation need not be, byte for byte, what is stored; after a strong one the stored
// digest is as good.
bool is_digest(std::string_view name) {
  constexpr std::string_view kDigests[] = {"Content-MD5", "Content-Digest", "Repr-Digest", "Digest"};
  return std::any_of(std::begin(kDigests), std::end(kDigests),
                     [&](std::string_view digest) { return http::equals_ignoring_case(digest, name); });
}

// What a 304 says about its own hop (RFC 9110 section 7.6.1) or about bytes that it does not carry, and so never
// replaces what is stored. RFC 9111 section 3.2 limits the latter to what the integrity of the stored response needs:
// a Content-Type is not among it, as Larder does nothing by it. Age is told apart: see merge.
bool stays_as_stored(const Field& field) {
  switch (field.id) {
    case FieldName::Connection:
    case FieldName::KeepAlive:
    case FieldName::ProxyAuthenticate:
    case FieldName::ProxyAuthenticationInfo:
    case FieldName::ProxyAuthorization:
    case FieldName::ProxyConnection:
    case FieldName::Te:
    case FieldName::Trailer:
    case FieldName::TransferEncoding:
    case FieldName::Upgrade:
    case FieldName::ContentEncoding:
    case FieldName::ContentLength:
    case FieldName::ContentRange:
    case FieldName::ETag:
      return true;
    case FieldName::Other:
      return is_digest(field.name);
    default:
      return false;
  }
}

// The names that a Connection field nominates. No honest message has more than a few; past kMost they are not looked
// at, so that a hostile one costs no more.
class Nominated {
 public:
  explicit Nominated(FieldSpan fields) {
    for (http::MemberIterator m(fields, FieldName::Connection); size_ < kMost && m.next();)
      names_[size_++] = m.member();
  }
  [[nodiscard]] bool has(const Field& field) const {
    const auto names = std::span(names_).first(size_);
    return field.id == FieldName::Other && std::any_of(names.begin(), names.end(), [&](std::string_view name) {
             return http::equals_ignoring_case(name, field.name);
           });
  }

 private:
  static constexpr std::size_t kMost = 16;
  std::array<std::string_view, kMost> names_;
  std::size_t size_ = 0;
};

bool has_same_name(FieldSpan fields, const Field& field) {
  if (field.id != FieldName::Other) return http::has(fields, field.id);
  return std::any_of(fields.begin(), fields.end(), [&](const Field& f) {
    return f.id == FieldName::Other && http::equals_ignoring_case(f.name, field.name);
  });
}

}  // namespace

Validators validators(FieldSpan stored) {
  Validators v;
  v.if_none_match = http::value_of(stored, FieldName::ETag).value_or(std::string_view{});
  const auto last_modified = http::value_of(stored, FieldName::LastModified);
  // Whether it is a date does not depend on what time it is.
  if (last_modified && http::parse_date(*last_modified, http::Time{})) v.if_modified_since = *last_modified;
  return v;
}

bool may_offer(FieldSpan stored) {
  const auto text = http::value_of(stored, FieldName::ETag);
  const auto tag = text ? http::parse_entity_tag(*text) : std::nullopt;
  return tag && !tag->weak && !http::has(stored, FieldName::ContentEncoding);
}

bool may_freshen(FieldSpan stored, FieldSpan not_modified) {
  if (const auto theirs = http::value_of(not_modified, FieldName::ETag)) {
    const auto ours = http::value_of(stored, FieldName::ETag);
    if (!ours) return false;
    const auto tag = http::parse_entity_tag(*theirs);
    if (!tag || tag->weak) return weakly_equal(*theirs, *ours);
    const auto stored_tag = http::parse_entity_tag(*ours);
    return stored_tag && http::is_strong_match(*tag, *stored_tag);
  }
  if (const auto theirs = http::value_of(not_modified, FieldName::LastModified)) {
    return theirs == http::value_of(stored, FieldName::LastModified);
  }
  return true;
}

bool may_update_by_head(FieldSpan stored, std::uint64_t length, FieldSpan head) {
  for (const FieldName id : {FieldName::ETag, FieldName::LastModified}) {
    const auto theirs = http::value_of(head, id);
    if (theirs && theirs != http::value_of(stored, id)) return false;
  }
  const auto said = http::value_of(head, FieldName::ContentLength);
  return !said || http::parse_digits(*said) == length;
}

void merge(FieldSpan stored, FieldSpan not_modified, http::FieldList& out) {
  out.clear();
  const Nominated nominated(not_modified);
  const auto replaces = [&](const Field& f) { return !stays_as_stored(f) && !nominated.has(f); };
  for (const Field& field : stored) {
    // The stored Age and Date tell of the time before the validation; with them the response would be stale for ever.
    const bool outdated = field.id == FieldName::Age || field.id == FieldName::Date;
    if (outdated || (replaces(field) && has_same_name(not_modified, field))) continue;
    out.push_back(field);
  }
  for (const Field& field : not_modified) {
    if (replaces(field)) out.push_back(field);
  }
}

Condition evaluate(const http::RequestHead& request, unsigned status, FieldSpan stored, const Meta& meta,
                   http::Time now) {
  const bool reads = request.method == http::Method::Get || request.method == http::Method::Head;
  if (!reads || status != 200) return Condition::Proceed;
  const FieldSpan fields = request.fields;
  const bool holds = http::has(fields, FieldName::IfNoneMatch)
                         ? any_tag_matches(fields, http::value_of(stored, FieldName::ETag))
                         : is_unmodified_since(fields, stored, meta, now);
  return holds ? Condition::NotModified : Condition::Proceed;
}

bool has_origin_condition(FieldSpan request) {
  return http::has(request, FieldName::IfMatch) || http::has(request, FieldName::IfUnmodifiedSince);
}

bool has_cache_condition(FieldSpan request) {
  return http::has(request, FieldName::IfNoneMatch) || http::has(request, FieldName::IfModifiedSince);
}

bool belongs_into_304(FieldName id) {
  switch (id) {
    case FieldName::CacheControl:
    case FieldName::ContentLocation:
    case FieldName::Date:
    case FieldName::ETag:
    case FieldName::Expires:
    case FieldName::Vary:
    // Not required, but they tell the next cache which of its responses is meant, and what this one has passed.
    case FieldName::LastModified:
    case FieldName::Via:
    case FieldName::CacheStatus:
      return true;
    default:
      return false;
  }
}

}  // namespace larder::policy
