#include "cache/policy/vary.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "cache/http/text.h"

namespace larder::policy {
namespace {

using http::Field;
using http::FieldName;
using http::FieldSpan;

// A capture is a row of records, one for each member of Vary in order: the length of the name (4 bytes, little-endian),
// the name in lower case, 1 when the request had the field or 0, and then only with 1: the length of the value and the
// normalised value. Lengths make it unambiguous whatever the bytes are.

constexpr std::size_t kMostMembers = 64;
constexpr std::size_t kLengthBytes = 4;

// Members of Accept-Encoding that are put in order; longer lists (no client sends any) are compared as they stand.
constexpr std::size_t kMostSorted = 16;

void put_length(std::string& out, std::size_t at, std::size_t length) {
  for (std::size_t i = 0; i < kLengthBytes; ++i) out[at + i] = static_cast<char>(length >> (8 * i) & 0xff);
}

// Reads a capture from the front; what is cut short reads as failure.
class Capture {
 public:
  explicit Capture(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool is_empty() const { return rest_.empty(); }

  bool read_byte(char& out) {
    if (rest_.empty()) return false;
    out = rest_.front();
    rest_.remove_prefix(1);
    return true;
  }

  bool read_text(std::string_view& out) {
    if (rest_.size() < kLengthBytes) return false;
    std::size_t length = 0;
    for (std::size_t i = 0; i < kLengthBytes; ++i) {
      length |= static_cast<std::size_t>(static_cast<unsigned char>(rest_[i])) << (8 * i);
    }
    rest_.remove_prefix(kLengthBytes);
    if (rest_.size() < length) return false;
    out = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return true;
  }

 private:
  std::string_view rest_;
};

// Two places where a normalised value may go: text that grows, and text that it must equal.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}
  void put(std::string_view text) { out_.append(text); }
  void put_lower(std::string_view text) { http::append_lower(out_, text); }

 private:
  std::string& out_;
};

class Comparer {
 public:
  explicit Comparer(std::string_view expected) : rest_(expected) {}
  void put(std::string_view text) { take(text, rest_.substr(0, text.size()) == text); }
  void put_lower(std::string_view text) { take(text, http::equals_ignoring_case(rest_.substr(0, text.size()), text)); }
  [[nodiscard]] bool is_equal() const { return equal_ && rest_.empty(); }

 private:
  void take(std::string_view text, bool same) {
    equal_ = equal_ && same;
    rest_.remove_prefix(std::min(text.size(), rest_.size()));
  }

  std::string_view rest_;
  bool equal_ = true;
};

// One nominated name, resolved once.
class Selector {
 public:
  explicit Selector(std::string_view name) : name_(name), id_(http::field_name(name)) {}

  [[nodiscard]] bool selects(const Field& field) const {
    return field.id == id_ && (id_ != FieldName::Other || http::equals_ignoring_case(field.name, name_));
  }
  // Codings and language ranges are case-insensitive (RFC 9110 sections 8.4.1 and 12.5.4, RFC 4647). The order of
  // codings means nothing; that of languages should not either, but there are origins that choose by it.
  [[nodiscard]] bool ignores_case() const {
    return id_ == FieldName::AcceptEncoding || id_ == FieldName::AcceptLanguage;
  }
  [[nodiscard]] bool ignores_order() const { return id_ == FieldName::AcceptEncoding; }

 private:
  std::string_view name_;
  FieldName id_;
};

bool is_less_ignoring_case(std::string_view a, std::string_view b) {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                      [](char x, char y) { return http::lower(x) < http::lower(y); });
}

// Walks the members of all selected lines of a request, in order.
class SelectedMembers {
 public:
  SelectedMembers(FieldSpan request, const Selector& selector)
      : request_(request), selector_(selector), line_(std::string_view{}) {}

  bool next() {
    while (!line_.next()) {
      while (at_ < request_.size() && !selector_.selects(request_[at_])) ++at_;
      if (at_ == request_.size()) return false;
      line_ = http::MemberIterator(request_[at_++].value);
    }
    return true;
  }
  [[nodiscard]] std::string_view member() const { return line_.member(); }

 private:
  FieldSpan request_;
  const Selector& selector_;
  std::size_t at_ = 0;
  http::MemberIterator line_;
};

// Accept-Encoding's members in alphabetical order; false (and nothing put) when there are too many.
template <typename Sink>
bool put_sorted(FieldSpan request, const Selector& selector, Sink& sink) {
  std::array<std::string_view, kMostSorted> members;
  std::size_t size = 0;
  for (SelectedMembers m(request, selector); m.next(); ++size) {
    if (size == kMostSorted) return false;
    members[size] = m.member();
  }
  const auto end = members.begin() + static_cast<std::ptrdiff_t>(size);
  std::sort(members.begin(), end, is_less_ignoring_case);
  for (auto it = members.begin(); it != end; ++it) {
    if (it != members.begin()) sink.put(", ");
    sink.put_lower(*it);
  }
  return true;
}

// Section 4.1: lines joined, white space between members folded, and what the field's own definition allows.
template <typename Sink>
void put_normalised(FieldSpan request, const Selector& selector, Sink& sink) {
  if (selector.ignores_order() && put_sorted(request, selector, sink)) return;
  bool first = true;
  for (SelectedMembers m(request, selector); m.next(); first = false) {
    if (!first) sink.put(", ");
    selector.ignores_case() ? sink.put_lower(m.member()) : sink.put(m.member());
  }
}

bool is_present(FieldSpan request, const Selector& selector) {
  return std::any_of(request.begin(), request.end(), [&](const Field& f) { return selector.selects(f); });
}

void append_record(std::string& out, std::string_view name, FieldSpan request) {
  const std::size_t name_at = out.size();
  out.append(kLengthBytes, '\0');
  http::append_lower(out, name);
  put_length(out, name_at, name.size());
  const Selector selector(name);
  const bool present = is_present(request, selector);
  out.push_back(present ? '\1' : '\0');
  if (!present) return;
  const std::size_t value_at = out.size();
  out.append(kLengthBytes, '\0');
  Writer writer(out);
  put_normalised(request, selector, writer);
  put_length(out, value_at, out.size() - value_at - kLengthBytes);
}

}  // namespace

bool varies_on_everything(FieldSpan response) {
  std::size_t members = 0;
  for (http::MemberIterator m(response, FieldName::Vary); m.next();) {
    if (m.member() == "*" || !http::is_token(m.member()) || ++members > kMostMembers) return true;
  }
  return false;
}

std::optional<std::string> capture_vary(FieldSpan response, FieldSpan request) {
  if (varies_on_everything(response)) return std::nullopt;
  std::string out;
  for (http::MemberIterator m(response, FieldName::Vary); m.next();) append_record(out, m.member(), request);
  return out;
}

bool vary_matches(std::string_view captured, FieldSpan request) {
  Capture capture(captured);
  while (!capture.is_empty()) {
    std::string_view name;
    std::string_view value;
    char had = 0;
    if (!capture.read_text(name) || !capture.read_byte(had)) return false;
    const Selector selector(name);
    if (is_present(request, selector) != (had == 1)) return false;
    if (had != 1) continue;
    if (!capture.read_text(value)) return false;
    Comparer comparer(value);
    put_normalised(request, selector, comparer);
    if (!comparer.is_equal()) return false;
  }
  return true;
}

}  // namespace larder::policy
