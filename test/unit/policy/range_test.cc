#include "cache/policy/range.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "test/unit/http/head_text.h"

using namespace larder;
using namespace larder::policy;
using http::HeadText;

namespace {

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

// As a Range or Content-Range would write them.
std::string to_text(const RangeSet& set) {
  std::string out;
  for (const RangeSpec& spec : set) {
    if (!out.empty()) out += ",";
    if (spec.first) http::append_number(out, *spec.first);
    out += "-";
    if (spec.last) http::append_number(out, *spec.last);
  }
  return out;
}

std::string to_text(const std::vector<ByteRange>& ranges) {
  std::string out;
  for (const ByteRange& range : ranges) {
    if (!out.empty()) out += ",";
    out += std::to_string(range.first) + "-" + std::to_string(range.last);
  }
  return out;
}

// "" for none.
std::string parsed(const std::string& fields) {
  const auto set = parse_range(HeadText(fields));
  return set ? to_text(*set) : "";
}

std::string with_members(std::size_t n) {
  std::string value = "Range: bytes=0-0";
  for (std::size_t i = 1; i < n; ++i) value += ",0-0";
  return value;
}

std::string resolved(const std::string& set, std::uint64_t length) {
  const auto asked = parse_range(HeadText("Range: bytes=" + set));
  REQUIRE(asked.has_value());
  const RangeVerdict verdict = resolve(*asked, length);
  CHECK(verdict.ranges.empty() == (verdict.selection != Selection::Satisfiable));
  if (verdict.selection == Selection::Ignore) return "200";
  return verdict.selection == Selection::Unsatisfiable ? "416" : to_text(verdict.ranges);
}

std::set<std::uint64_t> bytes_of(const std::vector<ByteRange>& ranges) {
  std::set<std::uint64_t> bytes;
  for (const ByteRange& range : ranges) {
    for (std::uint64_t i = range.first; i <= range.last; ++i) bytes.insert(i);
  }
  return bytes;
}

}  // namespace

TEST_CASE("RFC 9110 14.1.1, 14.2: the ranges that are understood") {
  struct Row {
    const char *fields, *expected;
  };
  const Row rows[] = {
      {"Range: bytes=0-0", "0-0"},
      {"Range: bytes=0-499", "0-499"},
      {"Range: bytes=-1", "-1"},
      {"Range: bytes=-0", "-0"},
      {"Range: bytes=5-", "5-"},
      {"Range: bytes=0-", "0-"},
      {"Range: bytes=0-0,-1", "0-0,-1"},
      {"range: bytes=7-9,0-3,5-", "7-9,0-3,5-"},
      {"Host: a\nRange: bytes=0-1\nAccept: */*", "0-1"},
      {"Range: BYTES=0-1", "0-1"},
      {"Range: ByTes=0-1", "0-1"},
      {"Range: bytes=007-0009", "7-9"},
      // The list: empty members, white space around commas (5.6.1)
      {"Range: bytes=0-1 , 3-4", "0-1,3-4"},
      {"Range: bytes=0-1\t,\t3-4", "0-1,3-4"},
      {"Range: bytes=,0-1", "0-1"},
      {"Range: bytes= ,0-1", "0-1"},
      {"Range: bytes=0-1,", "0-1"},
      {"Range: bytes=,,0-1, ,,3-4,,", "0-1,3-4"},
      // Past 64 bits: valid, and beyond every end
      {"Range: bytes=0-18446744073709551615", "0-18446744073709551615"},
      {"Range: bytes=0-18446744073709551616", "0-18446744073709551615"},
      {"Range: bytes=18446744073709551616-", "18446744073709551615-"},
      {"Range: bytes=-99999999999999999999999999999999", "-18446744073709551615"},
      {"Range: bytes=99999999999999999999-99999999999999999999", "18446744073709551615-18446744073709551615"},
      // None, or another unit
      {"Host: a", ""},
      {"Range:", ""},
      {"Range: items=0-1", ""},
      {"Range: seconds=0-1", ""},
      {"Range: byte=0-1", ""},
      {"Range: bytess=0-1", ""},
      {"Range: =0-1", ""},
      {"Range: 0-1", ""},
      {"Range: none", ""},
      {"X-Range: bytes=0-1", ""},
      {"Content-Range: bytes=0-1", ""},
      // Malformed
      {"Range: bytes", ""},
      {"Range: bytes=", ""},
      {"Range: bytes=,", ""},
      {"Range: bytes=, ,", ""},
      {"Range: bytes=-", ""},
      {"Range: bytes=--", ""},
      {"Range: bytes=--1", ""},
      {"Range: bytes=1--", ""},
      {"Range: bytes=1--2", ""},
      {"Range: bytes=1-2-3", ""},
      {"Range: bytes=1", ""},
      {"Range: bytes=a", ""},
      {"Range: bytes=a-", ""},
      {"Range: bytes=-a", ""},
      {"Range: bytes=0-a", ""},
      {"Range: bytes=a-0", ""},
      {"Range: bytes=0x0-0x1", ""},
      {"Range: bytes=+0-1", ""},
      {"Range: bytes=0-+1", ""},
      {"Range: bytes=0.0-1", ""},
      {"Range: bytes=0-1;q=1", ""},
      {"Range: bytes=0-1/10", ""},
      {"Range: bytes=0-*", ""},
      {"Range: bytes=*", ""},
      {"Range: bytes=\"0-1\"", ""},
      {"Range: bytes=\"0-1,2-3\"", ""},
      {"Range: bytes=0-1,\"", ""},
      {"Range: bytes==0-1", ""},
      {"Range: bytes 0-1", ""},
      {"Range: bytes: 0-1", ""},
      {"Range: bytes =0-1", ""},
      {"Range: bytes= 0-1", ""},
      {"Range: bytes=\t0-1", ""},
      {"Range: bytes=0 -1", ""},
      {"Range: bytes=0- 1", ""},
      {"Range: bytes=0 1", ""},
      {"Range: bytes=0-1 3-4", ""},
      {"Range: bytes=0-1;3-4", ""},
      {"Range: bytes=0-1,bytes=3-4", ""},
      {"Range: bytes=\xd9\xa0-1", ""},
      // Invalid: the last before the first; one such member spoils the set
      {"Range: bytes=1-0", ""},
      {"Range: bytes=18446744073709551616-0", ""},
      {"Range: bytes=0-1,5-4", ""},
      {"Range: bytes=0-1,x", ""},
      {"Range: bytes=x,0-1", ""},
      {"Range: bytes=0-1,-", ""},
      // Several lines
      {"Range: bytes=0-1\nRange: bytes=3-4", ""},
      {"Range: bytes=0-1\nRange: bytes=0-1", ""},
      {"Range: bytes=0-1\nRange:", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.fields);
    CHECK(parsed(row.fields) == row.expected);
  }
}

TEST_CASE("a request has kMostRanges ranges at most, and empty members are none") {
  CHECK(parse_range(HeadText(with_members(kMostRanges)))->size() == kMostRanges);
  CHECK_FALSE(parse_range(HeadText(with_members(kMostRanges + 1))).has_value());
  CHECK(parsed("Range: bytes=" + std::string(100000, ',') + "0-1") == "0-1");
  CHECK_FALSE(parse_range(HeadText(with_members(100000))).has_value());
  CHECK(parsed("Range: bytes=0-" + std::string(100000, '9')) == "0-18446744073709551615");
}

TEST_CASE("RFC 9110 14.1.2, 15.5.17: one range against a length") {
  struct Row {
    const char* set;
    std::uint64_t length;
    const char* expected;
  };
  const Row rows[] = {
      {"0-0", 1, "0-0"},
      {"0-0", 10, "0-0"},
      {"0-9", 10, "0-9"},
      {"0-10", 10, "0-9"},
      {"0-", 10, "0-9"},
      {"9-", 10, "9-9"},
      {"9-9", 10, "9-9"},
      {"9-100", 10, "9-9"},
      {"10-", 10, "416"},
      {"10-20", 10, "416"},
      {"11-", 10, "416"},
      {"-1", 10, "9-9"},
      {"-5", 10, "5-9"},
      {"-10", 10, "0-9"},
      {"-11", 10, "0-9"},
      {"-0", 10, "416"},
      {"0-18446744073709551615", 10, "0-9"},
      {"3-99999999999999999999", 10, "3-9"},
      {"-99999999999999999999", 10, "0-9"},
      {"99999999999999999999-", 10, "416"},
      // The longest representation that a number can express
      {"0-", kMax, "0-18446744073709551614"},
      {"-1", kMax, "18446744073709551614-18446744073709551614"},
      {"-18446744073709551615", kMax, "0-18446744073709551614"},
      {"18446744073709551614-", kMax, "18446744073709551614-18446744073709551614"},
      {"18446744073709551615-", kMax, "416"},
      {"99999999999999999999-", kMax, "416"},
      // An empty one has no byte to begin with, but an end
      {"0-0", 0, "416"},
      {"0-", 0, "416"},
      {"5-", 0, "416"},
      {"-0", 0, "416"},
      {"-1", 0, "200"},
      {"0-0,-1", 0, "200"},
      {"0-0,-0", 0, "416"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.set);
    CAPTURE(row.length);
    CHECK(resolved(row.set, row.length) == row.expected);
  }
}

TEST_CASE("RFC 9110 15.3.7.2: several ranges, coalesced where two parts cost more than one") {
  struct Row {
    const char* set;
    std::uint64_t length;
    const char* expected;
  };
  const Row rows[] = {
      {"0-9,500-509", 1000, "0-9,500-509"},
      {"500-509,0-9", 1000, "500-509,0-9"},  // in the order asked
      {"0-0,-1", 1000, "0-0,999-999"},
      {"-1,0-0", 1000, "999-999,0-0"},
      {"0-0,-1", 10, "0-9"},  // the gap is smaller than a part's overhead
      // Overlap and adjacency
      {"0-9,5-14", 1000, "0-14"},
      {"5-14,0-9", 1000, "0-14"},
      {"0-99,10-19", 1000, "0-99"},
      {"10-19,0-99", 1000, "0-99"},
      {"0-9,0-9", 1000, "0-9"},
      {"0-9,10-19", 1000, "0-19"},
      {"0-4,5-9", 10, "0-9"},
      // The gap: 79 bytes are fewer than 80
      {"0-9,89-99", 1000, "0-99"},
      {"89-99,0-9", 1000, "0-99"},
      {"0-9,90-99", 1000, "0-9,90-99"},
      {"90-99,0-9", 1000, "90-99,0-9"},
      // One that joins others takes the place of the first of them
      {"0-0,200-200,100-150", 1000, "0-0,100-200"},
      {"0-0,100-100,50-50", 1000, "0-100"},
      {"100-100,0-0,50-50", 1000, "0-100"},
      {"900-900,0-0,100-100,500-500,50-50", 1000, "900-900,0-100,500-500"},
      {"0-0,900-900,100-100,500-500,50-50", 1000, "0-100,900-900,500-500"},
      {"0-0,150-150,300-300,450-450,71-380", 1000, "0-450"},
      // What is unsatisfiable is left out
      {"0-9,2000-", 1000, "0-9"},
      {"2000-,0-9", 1000, "0-9"},
      {"2000-,-0,0-9,-0", 1000, "0-9"},
      {"2000-,1000-", 1000, "416"},
      {"2000-,-0", 1000, "416"},
      // More than the whole (14.2)
      {"0-,0-", 1000, "200"},
      {"0-,0-0", 1000, "200"},
      {"0-0,0-", 1000, "200"},
      {"-1000,5-6", 1000, "200"},
      {"0-499,500-", 1000, "0-999"},
      {"0-500,500-", 1000, "200"},
      {"0-499,0-499", 1000, "0-499"},
      {"0-499,0-500", 1000, "200"},
      {"0-0,0-0", 1, "200"},
      {"0-399,0-399,0-399", 1000, "200"},
      {"0-,2000-", 1000, "0-999"},
      // No sum overflows
      {"0-,0-,0-", kMax, "200"},
      {"0-0,-1", kMax, "0-0,18446744073709551614-18446744073709551614"},
      {"0-9223372036854775807,9223372036854775808-", kMax, "0-18446744073709551614"},
      {"18446744073709551614-,0-18446744073709551613", kMax, "0-18446744073709551614"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.set);
    CAPTURE(row.length);
    CHECK(resolved(row.set, row.length) == row.expected);
  }
}

TEST_CASE("whatever is asked, the answer has the bytes asked for, disjoint, and few more") {
  std::mt19937 random(1);
  const auto below = [&](std::uint64_t n) { return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random); };
  for (int round = 0; round < 2000; ++round) {
    const std::uint64_t length = 1 + below(3000);
    RangeSet set;
    std::set<std::uint64_t> wanted;
    std::uint64_t asked = 0;
    for (std::uint64_t n = 1 + below(kMostRanges); n > 0; --n) {
      const std::uint64_t first = below(length + 50);
      const ByteRange range{first, first + below(60)};
      set.push_back({range.first, range.last});
      for (std::uint64_t i = range.first; i <= range.last && i < length; ++i, ++asked) wanted.insert(i);
    }
    const RangeVerdict verdict = resolve(set, length);
    REQUIRE((verdict.selection == Selection::Ignore) == (asked > length));
    if (verdict.selection == Selection::Ignore) continue;
    REQUIRE((verdict.selection == Selection::Unsatisfiable) == wanted.empty());
    const auto given = bytes_of(verdict.ranges);
    REQUIRE(std::includes(given.begin(), given.end(), wanted.begin(), wanted.end()));
    REQUIRE((given.empty() || *given.rbegin() < length));
    std::uint64_t sum = 0;
    for (const ByteRange& a : verdict.ranges) {
      sum += a.size();
      REQUIRE(wanted.contains(a.first));
      REQUIRE(wanted.contains(a.last));
      for (const ByteRange& b : verdict.ranges) REQUIRE((a.last + kPartOverhead < b.first || b.first <= a.first));
    }
    REQUIRE(sum == given.size());
    // Of the bytes that nobody asked for, no run is as long as a part's overhead.
    std::uint64_t run = 0;
    for (const std::uint64_t byte : given) {
      run = wanted.contains(byte) ? 0 : run + 1;
      REQUIRE(run < kPartOverhead);
    }
  }
}

TEST_CASE("RFC 9110 14.4: Content-Range") {
  const auto said = [](std::uint64_t first, std::uint64_t last, std::optional<std::uint64_t> complete) {
    return ContentRange{ByteRange{first, last}, complete};
  };
  struct Row {
    const char* value;
    std::optional<ContentRange> expected;
  };
  const Row rows[] = {
      {"bytes 0-4/10", said(0, 4, 10)},
      {"bytes 0-0/1", said(0, 0, 1)},
      {"bytes 5-9/10", said(5, 9, 10)},
      {"bytes 0-4/*", said(0, 4, std::nullopt)},
      {"bytes */10", ContentRange{std::nullopt, 10}},
      {"bytes */0", ContentRange{std::nullopt, 0}},
      {"BYTES 0-4/10", said(0, 4, 10)},
      {"bytes 00-04/010", said(0, 4, 10)},
      {"bytes 0-18446744073709551614/18446744073709551615", said(0, kMax - 1, kMax)},
      {"bytes 0-18446744073709551614/*", said(0, kMax - 1, std::nullopt)},
      {"bytes */18446744073709551615", ContentRange{std::nullopt, kMax}},
      // Invalid
      {"bytes 4-0/10", std::nullopt},
      {"bytes 4-3/*", std::nullopt},
      {"bytes 0-10/10", std::nullopt},
      {"bytes 0-4/4", std::nullopt},
      {"bytes 0-0/0", std::nullopt},
      {"bytes 10-20/10", std::nullopt},
      {"items 0-4/10", std::nullopt},
      // Past 64 bits, or with a size past them
      {"bytes 0-18446744073709551615/*", std::nullopt},
      {"bytes 0-18446744073709551615/18446744073709551615", std::nullopt},
      {"bytes 0-18446744073709551616/*", std::nullopt},
      {"bytes 18446744073709551616-18446744073709551617/*", std::nullopt},
      {"bytes 0-4/18446744073709551616", std::nullopt},
      {"bytes */18446744073709551616", std::nullopt},
      // Malformed
      {"", std::nullopt},
      {" ", std::nullopt},
      {"bytes", std::nullopt},
      {"bytes ", std::nullopt},
      {"bytes /", std::nullopt},
      {"bytes */*", std::nullopt},
      {"bytes *", std::nullopt},
      {"bytes */", std::nullopt},
      {"bytes /10", std::nullopt},
      {"bytes -/10", std::nullopt},
      {"bytes -4/10", std::nullopt},
      {"bytes 0-/10", std::nullopt},
      {"bytes 4/10", std::nullopt},
      {"bytes 0-4", std::nullopt},
      {"bytes 0-4/", std::nullopt},
      {"bytes 0-4/10/10", std::nullopt},
      {"bytes 0-4-5/10", std::nullopt},
      {"bytes 0--4/10", std::nullopt},
      {"bytes +0-4/10", std::nullopt},
      {"bytes 0-4/-10", std::nullopt},
      {"bytes 0x0-0x4/10", std::nullopt},
      {"bytes a-4/10", std::nullopt},
      {"bytes *-4/10", std::nullopt},
      {"bytes 0-4/**", std::nullopt},
      {"bytes 0-4,6-7/10", std::nullopt},
      {"bytes 0-4/10, bytes 0-4/10", std::nullopt},
      {"bytes=0-4/10", std::nullopt},
      {"bytes: 0-4/10", std::nullopt},
      {"bytes  0-4/10", std::nullopt},
      {"bytes\t0-4/10", std::nullopt},
      {" bytes 0-4/10", std::nullopt},
      {"bytes 0-4/10 ", std::nullopt},
      {"bytes 0 - 4/10", std::nullopt},
      {"bytes 0-4 / 10", std::nullopt},
      {"0-4/10", std::nullopt},
      {" 0-4/10", std::nullopt},
  };
  for (const Row& row : rows) {
    CAPTURE(row.value);
    CHECK(parse_content_range(row.value) == row.expected);
  }
}

TEST_CASE("a Content-Range that was written reads as what it says") {
  std::string out = "Content-Range: ";
  append_content_range(out, {0, 4}, 10);
  CHECK(out == "Content-Range: bytes 0-4/10");
  CHECK(parse_content_range("bytes 0-4/10") == ContentRange{ByteRange{0, 4}, 10});
  out.clear();
  append_content_range(out, {0, kMax - 1}, kMax);
  CHECK(out == "bytes 0-18446744073709551614/18446744073709551615");
  out.clear();
  append_content_range(out, 0);
  CHECK(out == "bytes */0");
}

TEST_CASE("RFC 9111 3.3: what is missing of a range") {
  struct Row {
    ByteRange wanted;
    std::vector<ByteRange> have;
    const char* expected;
  };
  const Row rows[] = {
      {{0, 9}, {}, "0-9"},
      {{0, 9}, {{0, 9}}, ""},
      {{0, 9}, {{0, 100}}, ""},
      {{3, 5}, {{0, 9}}, ""},
      {{0, 0}, {{0, 0}}, ""},
      {{0, 0}, {{1, 1}}, "0-0"},
      {{0, 9}, {{0, 4}}, "5-9"},
      {{0, 9}, {{5, 9}}, "0-4"},
      {{0, 9}, {{5, 20}}, "0-4"},
      {{0, 9}, {{3, 5}}, "0-2,6-9"},
      {{0, 9}, {{0, 0}, {9, 9}}, "1-8"},
      {{0, 9}, {{1, 1}, {3, 3}, {5, 8}}, "0-0,2-2,4-4,9-9"},
      {{0, 9}, {{0, 4}, {5, 9}}, ""},  // touching
      {{0, 9}, {{0, 4}, {5, 7}}, "8-9"},
      {{10, 19}, {{0, 9}}, "10-19"},
      {{10, 19}, {{0, 10}}, "11-19"},
      {{10, 19}, {{20, 29}}, "10-19"},
      {{10, 19}, {{19, 29}}, "10-18"},
      {{10, 19}, {{0, 3}, {5, 11}, {18, 25}, {30, 40}}, "12-17"},
      {{0, kMax - 1}, {}, "0-18446744073709551614"},
      {{0, kMax - 1}, {{5, kMax - 1}}, "0-4"},
      {{kMax - 1, kMax - 1}, {{0, kMax - 2}}, "18446744073709551614-18446744073709551614"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.wanted.first);
    CAPTURE(row.wanted.last);
    CAPTURE(to_text(row.have));
    CHECK(to_text(missing(row.wanted, row.have)) == row.expected);
  }
}

TEST_CASE("what is there and what is missing make the whole, and nothing twice") {
  std::mt19937 random(2);
  const auto below = [&](std::uint64_t n) { return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random); };
  for (int round = 0; round < 5000; ++round) {
    std::vector<ByteRange> have;
    for (std::uint64_t next = below(5); next < 60;) {
      have.push_back({next, next + below(9)});
      next = have.back().last + 1 + below(9);
    }
    const std::uint64_t first = below(70);
    const ByteRange wanted{first, first + below(40)};
    const auto gaps = missing(wanted, have);
    const auto stored = bytes_of(have);
    std::set<std::uint64_t> expected;
    for (std::uint64_t i = wanted.first; i <= wanted.last; ++i) {
      if (!stored.contains(i)) expected.insert(i);
    }
    REQUIRE(bytes_of(gaps) == expected);
    for (std::size_t i = 1; i < gaps.size(); ++i) REQUIRE(gaps[i - 1].last + 1 < gaps[i].first);
  }
}
