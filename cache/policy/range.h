// Range requests and partial content (RFC 9110 sections 13.1.5, 14, 15.3.7 and 15.5.17; RFC 9111 sections 3.3 and 3.4):
// what a client asks for, which bytes answer it, which parts belong together and what is missing. Pure.
//
// The fields of a stored response to which a 206 adds a part are updated by policy::merge, as by a 304 (RFC 9111
// section 3.4): it leaves Content-Length and Content-Range as stored, and those the caller writes anew.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/http/date.h"
#include "cache/http/fields.h"
#include "cache/policy/meta.h"

namespace larder::policy {

// Bytes of a representation. first <= last, and last is below the largest number, so that size() does not overflow.
struct ByteRange {
  std::uint64_t first = 0, last = 0;  // inclusive
  [[nodiscard]] constexpr std::uint64_t size() const { return last - first + 1; }
  bool operator==(const ByteRange&) const = default;
};

// A range-spec (RFC 9110 section 14.1.1) before the length is known: "first-last", "first-" without last, or "-last"
// without first, where last is the length of the suffix. One of the two is there.
struct RangeSpec {
  std::optional<std::uint64_t> first, last;
  bool operator==(const RangeSpec&) const = default;
};
using RangeSet = std::vector<RangeSpec>;  // in the order asked, never empty

inline constexpr std::size_t kMostRanges = 32;       // of one request that is understood
inline constexpr std::uint64_t kPartOverhead = 80;   // bytes that another part of a multipart/byteranges costs
inline constexpr http::Seconds kClockTolerance{60};  // by how much two clocks may differ; see strong_validator

// The request's Range when Larder understands it: one line, in bytes, a valid ranges-specifier of 1 to kMostRanges
// members. nullopt otherwise, also for a range whose last is before its first: such a Range is ignored (section 14.2).
// A number past 64 bits counts as the largest one, which is beyond the end of everything.
std::optional<RangeSet> parse_range(http::FieldSpan request);

enum class Selection : std::uint8_t {
  Ignore,         // answer as if there was no Range: 200
  Satisfiable,    // 206 with the ranges
  Unsatisfiable,  // 416
};

struct RangeVerdict {
  Selection selection = Selection::Ignore;
  std::vector<ByteRange> ranges;  // of Satisfiable: 1 or more, disjoint, in the order asked
};

// The ranges asked of a representation of `length` bytes (section 14.1.2); what is unsatisfiable among others is left
// out. Several that overlap, or whose gap is smaller than kPartOverhead, become one, at the place of the first of them
// (section 15.3.7.2). Ignore: together they ask for more than the whole, so they overlap to no honest end (section
// 14.2); or for the end of an empty representation, which is satisfiable but which no Content-Range can express.
RangeVerdict resolve(const RangeSet& set, std::uint64_t length);

// Content-Range (section 14.4). One of the two is there.
struct ContentRange {
  std::optional<ByteRange> range;         // none in "bytes */10", which says only the length
  std::optional<std::uint64_t> complete;  // none in "bytes 0-4/*": not known
  bool operator==(const ContentRange&) const = default;
};

// nullopt: another unit, malformed, invalid (last before first, or not within the complete length) or past 64 bits.
// Such a response must not be combined with another.
std::optional<ContentRange> parse_content_range(std::string_view value);
// Of a 206 whose content is one part, with place and whole known: the only kind that can be kept (RFC 9111
// section 3.3). Its range and complete are both there.
std::optional<ContentRange> single_part(unsigned status, http::FieldSpan response);
// "bytes 0-4/10", of a 206.
void append_content_range(std::string& out, const ByteRange& range, std::uint64_t complete);
// "bytes */10", of a 416.
void append_content_range(std::string& out, std::uint64_t complete);

// A text that two responses to one URI and one selection by Vary (a date does not tell variants apart) share only when
// their representations are the same byte for byte. It is the value that If-Range asks with.
struct StrongValidator {
  enum class Kind : std::uint8_t { ETag, LastModified };
  std::string_view text;  // the field's value, a view into it
  Kind kind = Kind::ETag;
  bool operator==(const StrongValidator&) const = default;
};

// The ETag when it is a strong one; in the absence of any ETag (section 13.1.5: only then may If-Range be a date), a
// Last-Modified that is strong by section 8.8.2.2: the response was dated (Date, or else the time of its receipt) so
// long after it that no second change can hide in the same second. One second would do if one clock had made both. A
// cache does not know that, so it must be kClockTolerance. nullopt: there is none, and its parts are never combined
// with others (RFC 9111 section 3.4, RFC 9110 section 15.3.7.3). A validator given twice is none.
std::optional<StrongValidator> strong_validator(http::FieldSpan stored, const Meta& meta, http::Time now);

// Whether the request's Range counts for the stored response (section 13.1.5): there is no If-Range, or it is the
// strong ETag, or in any of the three formats the date of the Last-Modified, strong as for strong_validator (a client
// that knows no ETag is believed even where there is one). Without a Range, If-Range means nothing: the caller does not
// ask.
bool if_range_holds(http::FieldSpan request, http::FieldSpan stored, const Meta& meta, http::Time now);

// The bytes of `wanted` that are not in `have`, which is sorted and disjoint, and so is the answer. Empty: all is
// there, and an incomplete response may answer (RFC 9111 section 3.3).
std::vector<ByteRange> missing(const ByteRange& wanted, std::span<const ByteRange> have);

}  // namespace larder::policy
