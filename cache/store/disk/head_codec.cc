#include "cache/store/disk/head_codec.h"

#include <xxhash.h>

#include <algorithm>
#include <optional>

#include "cache/http/text.h"
#include "cache/store/disk/little_endian.h"

namespace larder::store::disk {
namespace {

using http::Seconds;
using http::Time;

constexpr std::string_view kVersionStart = "HTTP/1.";
constexpr std::string_view kCrlf = "\r\n";
constexpr std::string_view kColon = ": ";
constexpr auto kLastReason = policy::Reason::HeuristicExpired;
constexpr auto kLastSource = policy::LifetimeSource::Heuristic;

// The years that a date can name, so that no arithmetic with times overflows.
constexpr Time kEarliest = std::chrono::sys_days(std::chrono::year(0) / 1 / 1);
constexpr Time kLatest = std::chrono::sys_days(std::chrono::year(9999) / 12 / 31) + std::chrono::days(1) - Seconds(1);

// What is said, of all that is yes or no.
enum Flag : std::uint16_t {
  kShareable = 1 << 0,
  kRestricted = 1 << 1,
  kValidated = 1 << 2,
  kNoCache = 1 << 3,
  kImmutable = 1 << 4,
  kMustRevalidate = 1 << 5,
  // What stands in its place, which is 0 otherwise.
  kHasStaleWhileRevalidate = 1 << 6,
  kHasStaleIfError = 1 << 7,
  kHasContentRange = 1 << 8,
  kHasRange = 1 << 9,
  kHasComplete = 1 << 10,
  kHasLength = 1 << 11,
};
constexpr std::uint16_t kAllFlags = (1 << 12) - 1;

std::uint16_t flags_of(const Head& head) {
  const policy::Meta& meta = head.meta;
  const bool has_range = head.content_range && head.content_range->range;
  const bool has_complete = head.content_range && head.content_range->complete;
  return static_cast<std::uint16_t>(
      (head.shareable ? kShareable : 0) | (head.restricted ? kRestricted : 0) | (head.validated ? kValidated : 0) |
      (meta.no_cache ? kNoCache : 0) | (meta.immutable ? kImmutable : 0) |
      (meta.must_revalidate ? kMustRevalidate : 0) | (meta.stale_while_revalidate ? kHasStaleWhileRevalidate : 0) |
      (meta.stale_if_error ? kHasStaleIfError : 0) | (head.content_range ? kHasContentRange : 0) |
      (has_range ? kHasRange : 0) | (has_complete ? kHasComplete : 0) | (head.length ? kHasLength : 0));
}

void put(NumberWriter& to, Time time) {
  to.put(static_cast<std::uint64_t>(std::clamp(time, kEarliest, kLatest).time_since_epoch().count()));
}
void put(NumberWriter& to, Seconds seconds) {
  to.put(static_cast<std::uint64_t>(std::clamp(seconds, Seconds(0), http::kMaxDelta).count()));
}

// Takes numbers off and remembers whether one was out of its bounds.
class StrictReader {
 public:
  explicit StrictReader(const char* at) : from_(at) {}

  [[nodiscard]] bool is_good() const { return good_; }

  template <std::unsigned_integral T>
  T take(T least, T most) {
    const T value = from_.take<T>();
    good_ &= value >= least && value <= most;
    return value;
  }
  template <class Enum>
  Enum take_enum(Enum last) {
    return static_cast<Enum>(take<std::uint8_t>(0, static_cast<std::uint8_t>(last)));
  }
  Time take_time() {
    const Time time{Seconds(static_cast<std::int64_t>(from_.take<std::uint64_t>()))};
    good_ &= time >= kEarliest && time <= kLatest;
    return time;
  }
  Seconds take_seconds() {
    return Seconds(
        static_cast<std::int64_t>(take<std::uint64_t>(0, static_cast<std::uint64_t>(http::kMaxDelta.count()))));
  }
  // Of one that may be absent, and then is 0.
  template <class T>
  std::optional<T> take_optional(bool is_there, T value) {
    good_ &= is_there || value == T{0};
    return is_there ? std::optional(value) : std::nullopt;
  }
  void require(bool holds) { good_ &= holds; }

 private:
  NumberReader from_;
  bool good_ = true;
};

std::optional<policy::ContentRange> take_content_range(StrictReader& from, std::uint16_t flags) {
  const auto first = from.take<std::uint64_t>(0, UINT64_MAX);
  const auto last = from.take<std::uint64_t>(0, UINT64_MAX);
  const auto complete = from.take_optional((flags & kHasComplete) != 0, from.take<std::uint64_t>(0, UINT64_MAX));
  const bool has_range = (flags & kHasRange) != 0;
  from.require(has_range ? first <= last && last < complete.value_or(UINT64_MAX) : first == 0 && last == 0);
  from.require((flags & kHasContentRange) != 0 ? has_range || complete : !has_range && !complete);
  if ((flags & kHasContentRange) == 0) return std::nullopt;
  policy::ContentRange range;
  if (has_range) range.range = policy::ByteRange{first, last};
  range.complete = complete;
  return range;
}

// How long the texts are that follow the numbers.
struct TextSizes {
  std::uint32_t block = 0, vary = 0, origin = 0, trailers = 0;
  [[nodiscard]] std::uint64_t sum() const { return std::uint64_t{block} + vary + origin + trailers; }
};

bool decode_numbers(std::string_view bytes, Head& head, TextSizes& sizes) {
  StrictReader from(bytes.data());
  policy::Meta& meta = head.meta;
  head.status = from.take<std::uint16_t>(100, 999);
  head.minor = from.take<std::uint8_t>(0, 9);
  meta.source = from.take_enum(kLastSource);
  head.store_reason = from.take_enum(kLastReason);
  from.take<std::uint8_t>(0, 0);
  const auto flags = from.take<std::uint16_t>(0, kAllFlags);
  head.shareable = (flags & kShareable) != 0;
  head.restricted = (flags & kRestricted) != 0;
  head.validated = (flags & kValidated) != 0;
  meta.no_cache = (flags & kNoCache) != 0;
  meta.immutable = (flags & kImmutable) != 0;
  meta.must_revalidate = (flags & kMustRevalidate) != 0;
  meta.request_time = from.take_time();
  meta.response_time = from.take_time();
  meta.date_value = from.take_time();
  meta.age_value = from.take_seconds();
  meta.freshness_lifetime = from.take_seconds();
  meta.stale_while_revalidate = from.take_optional((flags & kHasStaleWhileRevalidate) != 0, from.take_seconds());
  meta.stale_if_error = from.take_optional((flags & kHasStaleIfError) != 0, from.take_seconds());
  head.content_range = take_content_range(from, flags);
  head.length = from.take_optional((flags & kHasLength) != 0, from.take<std::uint64_t>(0, UINT64_MAX));
  for (std::uint32_t* size : {&sizes.block, &sizes.vary, &sizes.origin, &sizes.trailers}) {
    *size = from.take<std::uint32_t>(0, UINT32_MAX);
  }
  return from.is_good();
}

// How many bytes at the front are of a class.
std::size_t prefix_of(std::string_view text, std::uint8_t kind, std::size_t from = 0) {
  while (from < text.size() && (http::bytes::kClasses[static_cast<unsigned char>(text[from])] & kind) != 0) ++from;
  return from;
}

constexpr std::uint64_t of_each_byte(std::uint8_t value) {
  return value * (UINT64_MAX / 0xff);
}

// Whether one of eight bytes is below 0x20 or is 0x7f: those that may not stand in a value, and the tab.
constexpr bool has_control(std::uint64_t eight) {
  const std::uint64_t deletes = eight ^ of_each_byte(0x7f);
  const std::uint64_t below = (eight - of_each_byte(0x20)) & ~eight;
  const std::uint64_t zeros = (deletes - of_each_byte(0x01)) & ~deletes;
  return ((below | zeros) & of_each_byte(0x80)) != 0;
}

// Takes a field's value off, as far as it may go. Every hit on disk asks for every byte of a head: eight at a time.
void take_value(std::string_view& text) {
  std::size_t n = 0;
  while (text.size() - n >= 8 && !has_control(load<std::uint64_t>(text.data() + n))) n += 8;
  text.remove_prefix(prefix_of(text, http::bytes::kValue, n));
}

bool take(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

// Only "name: value" lines, each with its CRLF.
bool are_field_lines(std::string_view text) {
  while (!text.empty()) {
    const std::size_t name = prefix_of(text, http::bytes::kToken);
    text.remove_prefix(name);
    if (name == 0 || !take(text, kColon)) return false;
    take_value(text);
    if (!take(text, kCrlf)) return false;
  }
  return true;
}

bool is_block(std::string_view text) {
  if (!take(text, kVersionStart)) return false;
  take_value(text);
  return take(text, kCrlf) && are_field_lines(text);
}

}  // namespace

void append_head(std::string& out, const Head& head, std::string_view trailers) {
  const policy::Meta& meta = head.meta;
  const auto range = head.content_range.value_or(policy::ContentRange());
  const auto bytes = range.range.value_or(policy::ByteRange());
  char numbers[kHeadNumbers];
  NumberWriter to(numbers);
  to.put(head.status);
  to.put(head.minor);
  to.put(static_cast<std::uint8_t>(meta.source));
  to.put(static_cast<std::uint8_t>(head.store_reason));
  to.zeros(1);
  to.put(flags_of(head));
  put(to, meta.request_time);
  put(to, meta.response_time);
  put(to, meta.date_value);
  put(to, meta.age_value);
  put(to, meta.freshness_lifetime);
  put(to, meta.stale_while_revalidate.value_or(Seconds(0)));
  put(to, meta.stale_if_error.value_or(Seconds(0)));
  to.put(bytes.first);
  to.put(bytes.last);
  to.put(range.complete.value_or(0));
  to.put(head.length.value_or(0));
  for (const std::size_t size : {head.block.size(), head.vary.size(), head.origin.size(), trailers.size()}) {
    to.put(static_cast<std::uint32_t>(size));
  }
  out.append(numbers, sizeof numbers).append(head.block).append(head.vary).append(head.origin).append(trailers);
}

DecodedHead decode_head(std::string_view bytes) {
  if (bytes.size() < kHeadNumbers) return {};
  auto head = make_ref<Head>();
  TextSizes sizes;
  if (!decode_numbers(bytes, *head, sizes)) return {};
  auto rest = bytes.substr(kHeadNumbers);
  if (rest.size() != sizes.sum()) return {};
  const auto take = [&rest](std::size_t size) {
    const auto text = rest.substr(0, size);
    rest.remove_prefix(size);
    return text;
  };
  head->block = take(sizes.block);
  head->vary = take(sizes.vary);
  head->origin = take(sizes.origin);
  if (!is_block(head->block) || !are_field_lines(rest)) return {};
  return {std::move(head), std::string(rest)};
}

std::uint16_t variant_of(std::string_view vary) {
  if (vary.empty()) return 0;
  const auto variant = static_cast<std::uint16_t>(XXH3_64bits(vary.data(), vary.size()) & 0xffff);
  return variant != 0 ? variant : 1;
}

}  // namespace larder::store::disk
