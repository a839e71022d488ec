// Validators and conditions of ranges (cache/policy/range.h).
#include <doctest/doctest.h>

#include <string>

#include "cache/policy/range.h"
#include "test/unit/http/head_text.h"

using namespace larder;
using namespace larder::policy;
using http::HeadText;
using http::Seconds;
using http::Time;

namespace {

const Time kNow = std::chrono::sys_days(std::chrono::year(2026) / 8 / 1);

Meta meta_of(const HeadText& stored) {
  http::ResponseHead response;
  response.status = 200;
  response.fields = stored.list();
  return describe(response, {}, kNow, kNow, Rules{});
}

}  // namespace

TEST_CASE("RFC 9110 8.8.1, RFC 9111 3.4: the validator under which parts may be combined") {
  using Kind = StrongValidator::Kind;
  struct Row {
    const char* stored;
    std::optional<StrongValidator> expected;
  };
  const Row rows[] = {
      {"ETag: \"a\"", StrongValidator{"\"a\"", Kind::ETag}},
      {"ETag: \"\"", StrongValidator{"\"\"", Kind::ETag}},
      {"ETag: \"a\"\nLast-Modified: Wed, 01 Jul 2026 00:00:00 GMT", StrongValidator{"\"a\"", Kind::ETag}},
      {"ETag: W/\"a\"", std::nullopt},
      {"ETag: abc", std::nullopt},
      {"ETag:", std::nullopt},
      {"ETag: \"a\"\nETag: \"b\"", std::nullopt},
      {"ETag: \"a\", \"b\"", std::nullopt},
      {"Date: Fri, 31 Jul 2026 00:00:00 GMT", std::nullopt},
      // A date only where there is no ETag (13.1.5)
      {"ETag: W/\"a\"\nLast-Modified: Wed, 01 Jul 2026 00:00:00 GMT", std::nullopt},
      {"ETag: abc\nLast-Modified: Wed, 01 Jul 2026 00:00:00 GMT", std::nullopt},
      {"Last-Modified: Wed, 01 Jul 2026 00:00:00 GMT",
       StrongValidator{"Wed, 01 Jul 2026 00:00:00 GMT", Kind::LastModified}},
      {"Last-Modified: Wednesday, 01-Jul-26 00:00:00 GMT",
       StrongValidator{"Wednesday, 01-Jul-26 00:00:00 GMT", Kind::LastModified}},
      {"Last-Modified: 2026", std::nullopt},
      {"Last-Modified:", std::nullopt},
      {"Last-Modified: Wed, 01 Jul 2026 00:00:00 GMT\nLast-Modified: Wed, 01 Jul 2026 00:00:00 GMT", std::nullopt},
      // So long before Date that the clocks do not matter (8.8.2.2)
      {"Date: Fri, 31 Jul 2026 00:01:00 GMT\nLast-Modified: Fri, 31 Jul 2026 00:00:00 GMT",
       StrongValidator{"Fri, 31 Jul 2026 00:00:00 GMT", Kind::LastModified}},
      {"Date: Fri, 31 Jul 2026 00:00:59 GMT\nLast-Modified: Fri, 31 Jul 2026 00:00:00 GMT", std::nullopt},
      {"Date: Fri, 31 Jul 2026 00:00:00 GMT\nLast-Modified: Fri, 31 Jul 2026 00:00:00 GMT", std::nullopt},
      {"Date: Fri, 31 Jul 2026 00:00:00 GMT\nLast-Modified: Fri, 31 Jul 2026 01:00:00 GMT", std::nullopt},
      // Without a Date, or with a wrong one, the time of receipt
      {"Last-Modified: Fri, 31 Jul 2026 23:59:00 GMT",
       StrongValidator{"Fri, 31 Jul 2026 23:59:00 GMT", Kind::LastModified}},
      {"Last-Modified: Fri, 31 Jul 2026 23:59:01 GMT", std::nullopt},
      {"Date: today\nLast-Modified: Fri, 31 Jul 2026 23:59:01 GMT", std::nullopt},
      {"Last-Modified: Sat, 01 Jan 9999 00:00:00 GMT", std::nullopt},
      {"Last-Modified: Sat, 01 Jan 0000 00:00:00 GMT",
       StrongValidator{"Sat, 01 Jan 0000 00:00:00 GMT", Kind::LastModified}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.stored);
    const HeadText stored(row.stored);
    const auto validator = strong_validator(stored, meta_of(stored), kNow);
    CHECK(validator == row.expected);
    if (!validator) continue;
    const auto field = validator->kind == Kind::ETag ? http::FieldName::ETag : http::FieldName::LastModified;
    CHECK(validator->text.data() == http::find(stored, field)->value.data());
    // What Larder would ask with holds for the response that it is taken from.
    const HeadText request("Range: bytes=0-1\nIf-Range: " + std::string(validator->text));
    CHECK(if_range_holds(request, stored, meta_of(stored), kNow));
  }
}

TEST_CASE("RFC 9110 13.1.5: whether If-Range holds") {
  struct Row {
    const char *request, *stored;
    bool expected;
  };
  const Row rows[] = {
      {"Range: bytes=0-1", "ETag: \"a\"", true},
      {"Range: bytes=0-1", "Server: b", true},
      // Entity tags compare strongly
      {"If-Range: \"a\"", "ETag: \"a\"", true},
      {"If-Range: \"a\"", "ETag: \"b\"", false},
      {"If-Range: \"a\"", "ETag: \"A\"", false},
      {"If-Range: W/\"a\"", "ETag: \"a\"", false},
      {"If-Range: \"a\"", "ETag: W/\"a\"", false},
      {"If-Range: W/\"a\"", "ETag: W/\"a\"", false},
      {"If-Range: \"\"", "ETag: \"\"", true},
      {"If-Range: \"a\\\"", "ETag: \"a\\\"", true},
      {"If-Range: \"a\"", "Server: b", false},
      {"If-Range: \"a\"", "ETag: \"a\"\nETag: \"b\"", false},
      // Neither a tag nor a date, or several
      {"If-Range:", "ETag: \"a\"", false},
      {"If-Range:", "ETag:", false},
      {"If-Range: *", "ETag: \"a\"", false},
      {"If-Range: a", "ETag: a", false},
      {"If-Range: a", "ETag: \"a\"", false},
      {"If-Range: \"a", "ETag: \"a", false},
      {"If-Range: \"a\", \"b\"", "ETag: \"a\"", false},
      {"If-Range: \"a\"\nIf-Range: \"a\"", "ETag: \"a\"", false},
      {"If-Range: 2026", "Last-Modified: 2026", false},
      // Dates: equal, in any of the three formats
      {"If-Range: Wed, 01 Jul 2026 00:00:00 GMT", "Last-Modified: Wed, 01 Jul 2026 00:00:00 GMT", true},
      {"If-Range: Wednesday, 01-Jul-26 00:00:00 GMT", "Last-Modified: Wed, 01 Jul 2026 00:00:00 GMT", true},
      {"If-Range: Wed Jul  1 00:00:00 2026", "Last-Modified: Wed, 01 Jul 2026 00:00:00 GMT", true},
      {"If-Range: Wed, 01 Jul 2026 00:00:00 GMT", "Last-Modified: Wed Jul  1 00:00:00 2026", true},
      {"If-Range: Wed, 01 Jul 2026 00:00:00 GMT", "Last-Modified: Wednesday, 01-Jul-26 00:00:00 GMT", true},
      {"If-Range: Wed, 01 Jul 2026 00:00:01 GMT", "Last-Modified: Wed, 01 Jul 2026 00:00:00 GMT", false},
      {"If-Range: Tue, 30 Jun 2026 23:59:59 GMT", "Last-Modified: Wed, 01 Jul 2026 00:00:00 GMT", false},
      {"If-Range: Wed, 01 Jul 2026 00:00:00 GMT", "Server: b", false},
      {"If-Range: Wed, 01 Jul 2026 00:00:00 GMT", "Date: Wed, 01 Jul 2026 00:00:00 GMT", false},
      {"If-Range: Wed, 01 Jul 2026 00:00:00 GMT", "Last-Modified: x", false},
      {"If-Range: Wed, 01 Jul 2026 00:00:00 GMT",
       "Last-Modified: Wed, 01 Jul 2026 00:00:00 GMT\nLast-Modified: Wed, 01 Jul 2026 00:00:00 GMT", false},
      // A client may know no ETag of a response that has one
      {"If-Range: Wed, 01 Jul 2026 00:00:00 GMT", "ETag: \"a\"\nLast-Modified: Wed, 01 Jul 2026 00:00:00 GMT", true},
      {"If-Range: Wed, 01 Jul 2026 00:00:00 GMT", "ETag: W/\"a\"\nLast-Modified: Wed, 01 Jul 2026 00:00:00 GMT", true},
      {"If-Range: \"b\"", "ETag: \"a\"\nLast-Modified: Wed, 01 Jul 2026 00:00:00 GMT", false},
      // 8.8.2.2: too near to Date to be strong
      {"If-Range: Fri, 31 Jul 2026 00:00:00 GMT",
       "Date: Fri, 31 Jul 2026 00:01:00 GMT\nLast-Modified: Fri, 31 Jul 2026 00:00:00 GMT", true},
      {"If-Range: Fri, 31 Jul 2026 00:00:00 GMT",
       "Date: Fri, 31 Jul 2026 00:00:59 GMT\nLast-Modified: Fri, 31 Jul 2026 00:00:00 GMT", false},
      {"If-Range: Fri, 31 Jul 2026 00:00:00 GMT",
       "Date: Fri, 31 Jul 2026 00:00:00 GMT\nLast-Modified: Fri, 31 Jul 2026 00:00:00 GMT", false},
      {"If-Range: Sun, 02 Aug 2026 00:00:00 GMT", "Last-Modified: Sun, 02 Aug 2026 00:00:00 GMT", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.request);
    CAPTURE(row.stored);
    const HeadText request(row.request);
    const HeadText stored(row.stored);
    CHECK(if_range_holds(request, stored, meta_of(stored), kNow) == row.expected);
  }
}
