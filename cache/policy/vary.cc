#include "cache/policy/vary.h"

#include <algorithm>
#include <cstdint>

#include "cache/http/text.h"
#include "cache/policy/quality.h"

namespace larder::policy {
namespace {

using http::Field;
using http::FieldName;
using http::FieldSpan;

// A capture is a row of records, one for each member of Vary in order: the length of the name (4 bytes, little-endian),
// the name in lower case, a byte of flags, and then what the flags say is there, each text with its length: the
// normalised value of the request's field (kPresent), and the language in lower case that the response says it is in
// (kLanguage, with Accept-Language only). Lengths make it unambiguous whatever the bytes are.

constexpr std::size_t kMostMembers = 64;
constexpr std::size_t kLengthBytes = 4;
constexpr unsigned char kPresent = 1;
constexpr unsigned char kLanguage = 2;

void put_length(std::string& out, std::size_t at, std::size_t length) {
  for (std::size_t i = 0; i < kLengthBytes; ++i) out[at + i] = static_cast<char>(length >> (8 * i) & 0xff);
}

struct Record {
  std::string_view name;
  std::string_view value;     // kPresent
  std::string_view language;  // kLanguage
  unsigned char flags = 0;
  [[nodiscard]] bool has(unsigned char flag) const { return (flags & flag) != 0; }
};

// Reads a capture from the front; what is cut short, or has a flag that is none, reads as failure.
class Capture {
 public:
  explicit Capture(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool is_empty() const { return rest_.empty(); }

  bool read(Record& out) {
    out = Record{};
    if (!read_text(out.name) || rest_.empty()) return false;
    out.flags = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    if (out.flags > (kPresent | kLanguage)) return false;
    if (out.has(kPresent) && !read_text(out.value)) return false;
    return !out.has(kLanguage) || read_text(out.language);
  }

 private:
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
  // Byte by byte: the texts are too short for anything better.
  void put(std::string_view text) {
    take(text, [](char c) { return c; });
  }
  void put_lower(std::string_view text) { take(text, http::lower); }
  [[nodiscard]] bool is_equal() const { return equal_ && rest_.empty(); }

 private:
  template <typename Map>
  void take(std::string_view text, Map map) {
    const std::string_view expected = rest_.substr(0, text.size());
    std::size_t same = 0;
    while (same < expected.size() && expected[same] == map(text[same])) ++same;
    equal_ = equal_ && same == text.size();
    rest_.remove_prefix(same);
  }

  std::string_view rest_;
  bool equal_ = true;
};

// What a field's own definition lets a cache see as the same (section 4.1). In all of them lines are joined and white
// space around members is folded.
enum class Folding : std::uint8_t {
  Unknown,      // no more than that
  Preferences,  // case, order, the spelling of weights
  Codings,      // the same, and the two names that some codings have
  MediaRanges,  // the same as Preferences, but parameters stay as they are: the case of their values may count
};

// One nominated name, resolved once.
class Selector {
 public:
  explicit Selector(std::string_view name) : name_(name), id_(http::field_name(name)) {}

  [[nodiscard]] bool selects(const Field& field) const {
    return field.id == id_ && (id_ != FieldName::Other || http::equals_ignoring_case(field.name, name_));
  }
  [[nodiscard]] bool is_language() const { return id_ == FieldName::AcceptLanguage; }

  // Codings, charsets, language ranges and media ranges are case-insensitive (RFC 9110 sections 8.4.1, 8.3.2, 12.5.4
  // with RFC 4647, and 8.3.1), and only weights say what is preferred (section 12.4.2). That holds for languages too:
  // some recipients read their order as a preference, but section 12.5.4 says that this cannot be relied upon, and that
  // a client to which the order matters gives each language a weight of its own.
  [[nodiscard]] Folding folding() const {
    switch (id_) {
      case FieldName::Accept:
        return Folding::MediaRanges;
      case FieldName::AcceptEncoding:
        return Folding::Codings;
      case FieldName::AcceptLanguage:
        return Folding::Preferences;
      case FieldName::Other:
        return http::equals_ignoring_case(name_, "Accept-Charset") ? Folding::Preferences : Folding::Unknown;
      default:
        return Folding::Unknown;
    }
  }

 private:
  std::string_view name_;
  FieldName id_;
};

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

// RFC 9110 section 8.4.1: two codings have an old name that means the same.
std::string_view coding_name(std::string_view name) {
  if (name.size() < 2 || name[1] != '-') return name;
  if (http::equals_ignoring_case(name, "x-gzip")) return "gzip";
  if (http::equals_ignoring_case(name, "x-compress")) return "compress";
  return name;
}

// The preferences that the request's lines list. False when they are not all understood, or name one thing twice, or
// are more than any client sends: such a list is compared as it stands.
bool read_preferences(FieldSpan request, const Selector& selector, Folding folding, PreferenceList& out) {
  for (const Field& field : request) {
    if (!selector.selects(field)) continue;
    PreferenceIterator p(field.value);
    while (p.next()) {
      Preference preference = p.preference();
      if (folding == Folding::Codings) preference.name = coding_name(preference.name);
      if (folding != Folding::MediaRanges && !preference.parameters.empty()) return false;
      if (!out.add(preference)) return false;
    }
    if (p.is_malformed()) return false;
  }
  return true;
}

// The shortest spelling: nothing for 1, no zeros at the end.
template <typename Sink>
void put_quality(Quality quality, Sink& sink) {
  constexpr std::string_view kDigits = "0123456789";
  if (quality == kHighestQuality) return;
  sink.put(quality == 0 ? ";q=0" : ";q=0.");
  for (std::size_t rest = quality; rest != 0; rest = rest % 100 * 10) sink.put(kDigits.substr(rest / 100, 1));
}

template <typename Sink>
void put_preference(const Preference& preference, Sink& sink) {
  sink.put_lower(preference.name);
  for (std::string_view rest = preference.parameters; !rest.empty();) {
    sink.put(";");
    sink.put(take_parameter(rest));
  }
  put_quality(preference.quality, sink);
}

// False, and nothing is put, when the list is not understood.
template <typename Sink>
bool put_preferences(FieldSpan request, const Selector& selector, Folding folding, Sink& sink) {
  PreferenceList preferences;
  if (!read_preferences(request, selector, folding, preferences)) return false;
  std::string_view separator;
  for (const Preference& preference : preferences.members()) {
    sink.put(separator);
    put_preference(preference, sink);
    separator = ", ";
  }
  return true;
}

template <typename Sink>
void put_normalised(FieldSpan request, const Selector& selector, Sink& sink) {
  const Folding folding = selector.folding();
  if (folding != Folding::Unknown && put_preferences(request, selector, folding, sink)) return;
  std::string_view separator;
  for (SelectedMembers m(request, selector); m.next(); separator = ", ") {
    sink.put(separator);
    sink.put(m.member());
  }
}

bool is_present(FieldSpan request, const Selector& selector) {
  return std::any_of(request.begin(), request.end(), [&](const Field& f) { return selector.selects(f); });
}

// The language that a response says it is in: the one member of its Content-Language (RFC 9110 section 8.5); "" when
// there is none or are several, or it is nothing that a range could equal.
std::string_view content_language(FieldSpan response) {
  const Selector selector("Content-Language");
  SelectedMembers members(response, selector);
  if (!members.next()) return {};
  const std::string_view tag = members.member();
  const bool is_tag =
      http::is_token(tag) && tag.find('*') == std::string_view::npos && tag.size() <= PreferenceList::kLongestName;
  return is_tag && !members.next() ? tag : std::string_view{};
}

// An origin that has a response in `language` can choose no other one for a request that asks for that above all else,
// so the rest of the field does not matter. Only the very same tag counts: what an origin takes for a range that is
// longer or shorter than the tags it has, is its own affair (RFC 4647 section 3).
bool asks_for_language(FieldSpan request, const Selector& selector, std::string_view language) {
  PreferenceList preferences;
  return read_preferences(request, selector, Folding::Preferences, preferences) && preferences.prefers(language);
}

// What a response is in says something only if its request had asked for that: one that asked for a language nobody has
// may have brought anything, and must not fix it for those who ask for this one.
bool has_asked_for_language(FieldSpan request, const Selector& selector, std::string_view language) {
  PreferenceList preferences;
  return read_preferences(request, selector, Folding::Preferences, preferences) &&
         preferences.is_first_choice(language);
}

// Appends what `write` appends, with its length before it.
template <typename Write>
void append_text(std::string& out, Write write) {
  const std::size_t at = out.size();
  out.append(kLengthBytes, '\0');
  write();
  put_length(out, at, out.size() - at - kLengthBytes);
}

void append_record(std::string& out, std::string_view name, FieldSpan response, FieldSpan request) {
  const Selector selector(name);
  const bool present = is_present(request, selector);
  std::string_view language = selector.is_language() ? content_language(response) : std::string_view{};
  if (!language.empty() && !has_asked_for_language(request, selector, language)) language = {};
  append_text(out, [&] { http::append_lower(out, name); });
  out.push_back(static_cast<char>((present ? kPresent : 0) | (language.empty() ? 0 : kLanguage)));
  if (present) {
    Writer writer(out);
    append_text(out, [&] { put_normalised(request, selector, writer); });
  }
  if (!language.empty()) append_text(out, [&] { http::append_lower(out, language); });
}

bool record_matches(const Record& record, FieldSpan request) {
  const Selector selector(record.name);
  if (record.has(kLanguage) && !selector.is_language()) return false;  // damaged
  const bool present = is_present(request, selector);
  if (present == record.has(kPresent)) {
    if (!present) return true;
    Comparer comparer(record.value);
    put_normalised(request, selector, comparer);
    if (comparer.is_equal()) return true;
  }
  return record.has(kLanguage) && asks_for_language(request, selector, record.language);
}

}  // namespace

bool varies_on_everything(FieldSpan response) {
  std::size_t members = 0;
  for (http::MemberIterator m(response, FieldName::Vary); m.next();) {
    if (m.member() == "*" || !http::is_token(m.member()) || ++members > kMostMembers) return true;
  }
  return false;
}

bool has_same_vary(FieldSpan a, FieldSpan b) {
  http::MemberIterator in_a(a, FieldName::Vary);
  http::MemberIterator in_b(b, FieldName::Vary);
  while (true) {
    const bool has_a = in_a.next();
    if (has_a != in_b.next()) return false;
    if (!has_a) return true;
    if (!http::equals_ignoring_case(in_a.member(), in_b.member())) return false;
  }
}

std::optional<std::string> capture_vary(FieldSpan response, FieldSpan request) {
  if (varies_on_everything(response)) return std::nullopt;
  std::string out;
  for (http::MemberIterator m(response, FieldName::Vary); m.next();) append_record(out, m.member(), response, request);
  return out;
}

bool vary_matches(std::string_view captured, FieldSpan request) {
  Capture capture(captured);
  while (!capture.is_empty()) {
    Record record;
    if (!capture.read(record) || !record_matches(record, request)) return false;
  }
  return true;
}

std::string describe_vary(std::string_view captured) {
  std::string out;
  Capture capture(captured);
  for (Record record; !capture.is_empty() && capture.read(record);) {
    if (!out.empty()) out += "; ";
    out += record.name;
    if (record.has(kPresent)) out.append(": ").append(record.value);
  }
  return out;
}

}  // namespace larder::policy
