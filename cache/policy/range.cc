#include "cache/policy/range.h"

#include <algorithm>
#include <limits>

#include "cache/http/entity_tag.h"
#include "cache/http/text.h"

namespace larder::policy {
namespace {

using http::FieldName;
using http::FieldSpan;
using http::Time;

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
constexpr std::string_view kUnit = "bytes";  // compared without regard to case (section 14.1)

// The value of a field that is there on one line only. Two lines of a field that is no list contradict each other.
std::optional<std::string_view> only_value(FieldSpan fields, FieldName id) {
  return http::count(fields, id) == 1 ? http::value_of(fields, id) : std::nullopt;
}

// What follows the unit and the character behind it; nullopt when the unit is not bytes.
std::optional<std::string_view> after_unit(std::string_view text, char separator) {
  const std::size_t end = text.find(separator);
  if (end == std::string_view::npos || !http::equals_ignoring_case(text.substr(0, end), kUnit)) return std::nullopt;
  return text.substr(end + 1);
}

// 1*DIGIT, saturating: section 14.1.2 wants large numbers to be expected.
std::optional<std::uint64_t> parse_position(std::string_view text) {
  const bool digits = std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (text.empty() || !digits) return std::nullopt;
  return http::parse_digits(text).value_or(kMax);
}

std::optional<RangeSpec> parse_spec(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos || text.size() == 1) return std::nullopt;
  const std::string_view first = text.substr(0, dash);
  const std::string_view last = text.substr(dash + 1);
  const RangeSpec spec{parse_position(first), parse_position(last)};
  // What is there must be a number.
  if (spec.first.has_value() == first.empty() || spec.last.has_value() == last.empty()) return std::nullopt;
  if (spec.first && spec.last && *spec.last < *spec.first) return std::nullopt;
  return spec;
}

// White space belongs to a list's commas (section 5.6.1), and none precedes the first member.
bool begins_blank(std::string_view list) {
  const std::string_view trimmed = http::trim(list);
  return !trimmed.empty() && trimmed.data() != list.data() && trimmed.front() != ',';
}

bool is_some_suffix(const RangeSpec& spec) {
  return !spec.first && spec.last.value_or(0) > 0;
}

// nullopt: unsatisfiable (section 14.1.2).
std::optional<ByteRange> resolve_one(const RangeSpec& spec, std::uint64_t length) {
  if (!spec.first) {
    const std::uint64_t suffix = std::min(spec.last.value_or(0), length);
    if (suffix == 0) return std::nullopt;
    return ByteRange{length - suffix, length - 1};
  }
  if (*spec.first >= length) return std::nullopt;
  return ByteRange{*spec.first, std::min(spec.last.value_or(kMax), length - 1)};
}

// Whether two ranges overlap or are so near that one part is no longer than two.
bool is_near(const ByteRange& a, const ByteRange& b) {
  const ByteRange& low = a.first <= b.first ? a : b;
  const ByteRange& high = a.first <= b.first ? b : a;
  return high.first <= low.last || high.first - low.last - 1 < kPartOverhead;
}

// Adds a range to those before it. What it grows by may bring it near to one that was already looked at. The cost is
// bounded by kMostRanges.
void coalesce(std::vector<ByteRange>& ranges, ByteRange range) {
  auto place = ranges.size();
  while (true) {
    const auto near = std::find_if(ranges.begin(), ranges.end(), [&](const ByteRange& r) { return is_near(r, range); });
    if (near == ranges.end()) break;
    range = {std::min(near->first, range.first), std::max(near->last, range.last)};
    place = std::min(place, static_cast<std::size_t>(near - ranges.begin()));
    ranges.erase(near);
  }
  ranges.insert(ranges.begin() + static_cast<std::ptrdiff_t>(place), range);
}

// first-pos "-" last-pos of a Content-Range.
std::optional<ByteRange> parse_incl_range(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = http::parse_digits(text.substr(0, dash));
  const auto last = http::parse_digits(text.substr(dash + 1));
  if (!first || !last || *last < *first || *last == kMax) return std::nullopt;
  return ByteRange{*first, *last};
}

std::optional<http::EntityTag> strong_tag(FieldSpan stored) {
  const auto text = only_value(stored, FieldName::ETag);
  const auto tag = text ? http::parse_entity_tag(*text) : std::nullopt;
  return tag && !tag->weak ? tag : std::nullopt;
}

std::optional<Time> strong_last_modified(FieldSpan stored, const Meta& meta, Time now) {
  const auto text = only_value(stored, FieldName::LastModified);
  const auto modified = text ? http::parse_date(*text, now) : std::nullopt;
  return modified && meta.date_value - *modified >= kClockTolerance ? modified : std::nullopt;
}

}  // namespace

std::optional<RangeSet> parse_range(FieldSpan request) {
  const auto value = only_value(request, FieldName::Range);
  const auto list = value ? after_unit(*value, '=') : std::nullopt;
  if (!list || begins_blank(*list)) return std::nullopt;
  RangeSet set;
  for (http::MemberIterator m(*list); m.next();) {
    const auto spec = parse_spec(m.member());
    if (!spec || set.size() == kMostRanges) return std::nullopt;
    set.push_back(*spec);
  }
  if (set.empty()) return std::nullopt;
  return set;
}

RangeVerdict resolve(const RangeSet& set, std::uint64_t length) {
  if (length == 0) {
    const bool wants_end = std::any_of(set.begin(), set.end(), is_some_suffix);
    return {wants_end ? Selection::Ignore : Selection::Unsatisfiable, {}};
  }
  RangeVerdict verdict{Selection::Unsatisfiable, {}};
  std::uint64_t left = length;  // of what may be asked for in all
  for (const RangeSpec& spec : set) {
    const auto range = resolve_one(spec, length);
    if (!range) continue;
    if (range->size() > left) return {Selection::Ignore, {}};
    left -= range->size();
    verdict.selection = Selection::Satisfiable;
    coalesce(verdict.ranges, *range);
  }
  return verdict;
}

std::optional<ContentRange> parse_content_range(std::string_view value) {
  const auto rest = after_unit(value, ' ');
  const std::size_t slash = rest ? rest->find('/') : std::string_view::npos;
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view range = rest->substr(0, slash);
  const std::string_view complete = rest->substr(slash + 1);
  ContentRange said;
  if (complete != "*") {
    said.complete = http::parse_digits(complete);
    if (!said.complete) return std::nullopt;
  }
  if (range == "*") return said.complete ? std::optional(said) : std::nullopt;
  said.range = parse_incl_range(range);
  if (!said.range || (said.complete && *said.complete <= said.range->last)) return std::nullopt;
  return said;
}

std::optional<ContentRange> single_part(unsigned status, http::FieldSpan response) {
  if (status != 206 || http::count(response, FieldName::ContentRange) != 1) return std::nullopt;
  const auto type = http::value_of(response, FieldName::ContentType).value_or("");
  constexpr std::string_view kMultipart = "multipart/byteranges";
  if (http::equals_ignoring_case(type.substr(0, kMultipart.size()), kMultipart)) {
    return std::nullopt;
  }
  const auto said = parse_content_range(*http::value_of(response, FieldName::ContentRange));
  return said && said->range && said->complete ? said : std::nullopt;
}

void append_content_range(std::string& out, const ByteRange& range, std::uint64_t complete) {
  out.append(kUnit).append(" ");
  http::append_number(out, range.first);
  out.append("-");
  http::append_number(out, range.last);
  out.append("/");
  http::append_number(out, complete);
}

void append_content_range(std::string& out, std::uint64_t complete) {
  out.append(kUnit).append(" */");
  http::append_number(out, complete);
}

std::optional<StrongValidator> strong_validator(FieldSpan stored, const Meta& meta, Time now) {
  using Kind = StrongValidator::Kind;
  // A weak ETag says outright that the bytes may differ, whatever Last-Modified says.
  if (http::has(stored, FieldName::ETag)) {
    const auto tag = strong_tag(stored);
    return tag ? std::optional(StrongValidator{tag->opaque, Kind::ETag}) : std::nullopt;
  }
  if (!strong_last_modified(stored, meta, now)) return std::nullopt;
  return StrongValidator{*http::value_of(stored, FieldName::LastModified), Kind::LastModified};
}

bool if_range_holds(FieldSpan request, FieldSpan stored, const Meta& meta, Time now) {
  if (!http::has(request, FieldName::IfRange)) return true;
  const auto asked = only_value(request, FieldName::IfRange);
  if (!asked) return false;
  if (const auto tag = http::parse_entity_tag(*asked)) {
    const auto ours = strong_tag(stored);
    return ours && http::is_strong_match(*tag, *ours);
  }
  const auto date = http::parse_date(*asked, now);
  return date && date == strong_last_modified(stored, meta, now);
}

std::vector<ByteRange> missing(const ByteRange& wanted, std::span<const ByteRange> have) {
  std::vector<ByteRange> gaps;
  std::uint64_t next = wanted.first;
  for (const ByteRange& range : have) {
    if (range.last < next) continue;
    if (range.first > wanted.last) break;
    if (range.first > next) gaps.push_back({next, range.first - 1});
    if (range.last >= wanted.last) return gaps;
    next = range.last + 1;
  }
  gaps.push_back({next, wanted.last});
  return gaps;
}

}  // namespace larder::policy
