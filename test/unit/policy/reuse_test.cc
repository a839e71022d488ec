#include "cache/policy/reuse.h"

#include <doctest/doctest.h>

#include <ostream>
#include <string>

#include "test/unit/http/head_text.h"

using namespace larder;
using namespace larder::policy;
using http::HeadText;
using http::Seconds;
using http::Time;

namespace {

const Time kReceived = std::chrono::sys_days(std::chrono::year(2026) / 8 / 1);

Meta stored(const char* text) {
  const HeadText head(text);
  http::ResponseHead response;
  response.status = 200;
  response.fields = head.list();
  return describe(response, http::parse_response_directives(head), kReceived, kReceived, Rules{});
}

http::RequestDirectives asked(const char* text) {
  const HeadText head(text);
  return http::parse_request_directives(head);
}

constexpr const char* kPlain = "Host: a";  // a request that says nothing

struct Row {
  const char* request;
  const char* response;
  long long age;
  Reuse reuse;
  Reason reason;
};

}  // namespace

TEST_CASE("RFC 9111 4.2 and 5.2.1: may it answer?") {
  const char* kHour = "Cache-Control: max-age=3600";
  const Row rows[] = {
      {kPlain, kHour, 0, Reuse::Fresh, Reason::Fresh},
      {kPlain, kHour, 3599, Reuse::Fresh, Reason::Fresh},
      {kPlain, kHour, 3600, Reuse::Validate, Reason::Expired},  // 4.2: fresh while the lifetime exceeds the age
      {kPlain, kHour, 999999, Reuse::Validate, Reason::Expired},
      {kPlain, "Cache-Control: max-age=0", 0, Reuse::Validate, Reason::Expired},
      {kPlain, "ETag: \"a\"", 0, Reuse::Validate, Reason::Expired},
      {kPlain, "Cache-Control: max-age=10\nAge: 15", 0, Reuse::Validate, Reason::Expired},
      {kPlain, "Date: Fri, 31 Jul 2026 23:00:00 GMT\nCache-Control: max-age=3600", 0, Reuse::Validate, Reason::Expired},
      {kPlain, "Last-Modified: Fri, 31 Jul 2026 14:00:00 GMT", 3599, Reuse::Fresh, Reason::Fresh},
      {kPlain, "Last-Modified: Fri, 31 Jul 2026 14:00:00 GMT", 3600, Reuse::Validate, Reason::HeuristicExpired},
      // 5.2.2.4 no-cache of the response
      {kPlain, "Cache-Control: max-age=3600, no-cache", 0, Reuse::Validate, Reason::ResponseNoCache},
      {kPlain, "Cache-Control: max-age=3600, no-cache=\"a\"", 0, Reuse::Validate, Reason::ResponseNoCache},
      {"Cache-Control: max-stale", "Cache-Control: no-cache", 0, Reuse::Validate, Reason::ResponseNoCache},
      // 5.2.1.4 no-cache of the request
      {"Cache-Control: no-cache", kHour, 0, Reuse::Validate, Reason::RequestNoCache},
      {"Pragma: no-cache", kHour, 0, Reuse::Validate, Reason::RequestNoCache},
      {"Cache-Control: no-cache, max-stale", kHour, 0, Reuse::Validate, Reason::RequestNoCache},
      // 5.2.1.1 max-age
      {"Cache-Control: max-age=0", kHour, 0, Reuse::Validate, Reason::RequestMaxAge},
      {"Cache-Control: max-age=x", kHour, 0, Reuse::Validate, Reason::RequestMaxAge},
      {"Cache-Control: max-age=1", kHour, 1, Reuse::Fresh, Reason::Fresh},
      {"Cache-Control: max-age=1", kHour, 2, Reuse::Validate, Reason::RequestMaxAge},
      {"Cache-Control: max-age=600", "Cache-Control: max-age=3600\nAge: 1800", 0, Reuse::Validate,
       Reason::RequestMaxAge},
      {"Cache-Control: max-age=9999", kHour, 3600, Reuse::Validate, Reason::Expired},
      {"Cache-Control: max-age=0, max-stale", kHour, 0, Reuse::Validate, Reason::RequestMaxAge},
      {"Cache-Control: max-age=9999, max-stale", kHour, 3600, Reuse::Stale, Reason::AcceptedStale},
      // 5.2.1.3 min-fresh
      {"Cache-Control: min-fresh=60", kHour, 3540, Reuse::Fresh, Reason::Fresh},
      {"Cache-Control: min-fresh=60", kHour, 3541, Reuse::Validate, Reason::RequestMinFresh},
      {"Cache-Control: min-fresh=0", kHour, 3599, Reuse::Fresh, Reason::Fresh},
      {"Cache-Control: min-fresh=0, max-stale", kHour, 3600, Reuse::Validate, Reason::Expired},
      // 5.2.1.2 max-stale
      {"Cache-Control: max-stale=10", kHour, 3599, Reuse::Fresh, Reason::Fresh},
      {"Cache-Control: max-stale=10", kHour, 3600, Reuse::Stale, Reason::AcceptedStale},
      {"Cache-Control: max-stale=10", kHour, 3610, Reuse::Stale, Reason::AcceptedStale},
      {"Cache-Control: max-stale=10", kHour, 3611, Reuse::Validate, Reason::Expired},
      {"Cache-Control: max-stale=0", kHour, 3601, Reuse::Validate, Reason::Expired},
      {"Cache-Control: max-stale=x", kHour, 3601, Reuse::Validate, Reason::Expired},
      {"Cache-Control: max-stale", kHour, 9999999, Reuse::Stale, Reason::AcceptedStale},
      {"Cache-Control: max-stale=1000", "Cache-Control: max-age=1500\nAge: 2000", 0, Reuse::Stale,
       Reason::AcceptedStale},
      // 4.2.4: max-stale never beats the origin
      {"Cache-Control: max-stale", "Cache-Control: max-age=1, must-revalidate", 2, Reuse::Validate, Reason::Expired},
      {"Cache-Control: max-stale", "Cache-Control: max-age=1, proxy-revalidate", 2, Reuse::Validate, Reason::Expired},
      {"Cache-Control: max-stale", "Cache-Control: s-maxage=1", 2, Reuse::Validate, Reason::Expired},
      {kPlain, "Cache-Control: max-age=5, must-revalidate", 4, Reuse::Fresh, Reason::Fresh},
      // What does not ask for validation
      {"Cache-Control: no-store", kHour, 0, Reuse::Fresh, Reason::Fresh},
      {"Cache-Control: only-if-cached", kHour, 0, Reuse::Fresh, Reason::Fresh},
      {"Cache-Control: only-if-cached", kHour, 3600, Reuse::Validate, Reason::Expired},
  };
  for (const Row& row : rows) {
    CAPTURE(row.request);
    CAPTURE(row.response);
    CAPTURE(row.age);
    const ReuseVerdict verdict = reuse(asked(row.request), stored(row.response), kReceived + Seconds(row.age));
    CHECK(static_cast<int>(verdict.reuse) == static_cast<int>(row.reuse));
    CHECK(to_string(verdict.reason) == to_string(row.reason));
  }
}

namespace {

struct StaleRow {
  const char* request;
  const char* response;
  long long age;
  bool expected;
};

}  // namespace

TEST_CASE("RFC 5861 3: stale-while-revalidate") {
  const char* kSwr = "Cache-Control: max-age=10, stale-while-revalidate=5";
  const StaleRow rows[] = {
      {kPlain, kSwr, 10, true},
      {kPlain, kSwr, 15, true},
      {kPlain, kSwr, 16, false},
      {kPlain, kSwr, 9, false},  // fresh: there is nothing to decide
      {kPlain, "Cache-Control: max-age=10", 10, false},
      {kPlain, "Cache-Control: max-age=10, stale-while-revalidate=x", 11, false},
      {kPlain, "Cache-Control: max-age=10, stale-while-revalidate=5, must-revalidate", 12, false},
      {kPlain, "Cache-Control: s-maxage=10, stale-while-revalidate=5", 12, false},  // RFC 9111 5.2.2.10
      {kPlain, "Cache-Control: no-cache, stale-while-revalidate=5", 0, false},
      {"Cache-Control: no-cache", kSwr, 12, false},
      {"Cache-Control: max-age=0", kSwr, 12, false},
      {"Cache-Control: max-age=11", kSwr, 12, false},
      {"Cache-Control: max-age=12", kSwr, 12, true},
      {"Cache-Control: min-fresh=0", kSwr, 12, false},
  };
  for (const StaleRow& row : rows) {
    CAPTURE(row.request);
    CAPTURE(row.response);
    CAPTURE(row.age);
    CHECK(may_serve_while_revalidating(asked(row.request), stored(row.response), kReceived + Seconds(row.age)) ==
          row.expected);
  }
}

TEST_CASE("RFC 5861 4: stale-if-error") {
  const char* kSie = "Cache-Control: max-age=10, stale-if-error=5";
  const StaleRow rows[] = {
      {kPlain, kSie, 12, true},
      {kPlain, kSie, 15, true},
      {kPlain, kSie, 16, false},
      {kPlain, "Cache-Control: max-age=10", 11, false},
      {kPlain, "Cache-Control: max-age=10, stale-while-revalidate=5", 11, false},
      {"Cache-Control: stale-if-error=5", "Cache-Control: max-age=10", 15, true},
      {"Cache-Control: stale-if-error=5", "Cache-Control: max-age=10", 16, false},
      {"Cache-Control: stale-if-error=50", kSie, 16, true},
      {"Cache-Control: stale-if-error=1", kSie, 15, true},
      // apt and pip ask with max-age=0 for what may well be fresh; the origin is gone
      {"Cache-Control: max-age=0", kSie, 3, true},
      {"Cache-Control: max-age=0", kSie, 12, true},
      {"Cache-Control: max-age=0", "Cache-Control: max-age=10", 3, false},
      {"Cache-Control: min-fresh=9", kSie, 12, true},
      {"Cache-Control: no-cache", kSie, 12, false},
      {kPlain, "Cache-Control: no-cache, stale-if-error=5", 0, false},
      {kPlain, "Cache-Control: max-age=10, stale-if-error=5, must-revalidate", 12, false},
      {kPlain, "Cache-Control: max-age=10, stale-if-error=5, must-revalidate", 10, false},
      {kPlain, "Cache-Control: s-maxage=10, stale-if-error=5", 12, false},
      {"Cache-Control: max-age=0", "Cache-Control: max-age=10, stale-if-error=5, must-revalidate", 9, true},
  };
  for (const StaleRow& row : rows) {
    CAPTURE(row.request);
    CAPTURE(row.response);
    CAPTURE(row.age);
    CHECK(may_serve_on_error(asked(row.request), stored(row.response), kReceived + Seconds(row.age)) == row.expected);
  }
}

TEST_CASE("RFC 8246 2: what is immutable is not asked about at a reload, while it is fresh") {
  const char* kImmutable = "Cache-Control: max-age=3600, immutable";
  const Row rows[] = {
      {"Cache-Control: max-age=0", kImmutable, 10, Reuse::Fresh, Reason::Fresh},
      {"Cache-Control: max-age=0", kImmutable, 3600, Reuse::Validate, Reason::RequestMaxAge},
      {"Cache-Control: max-age=0, max-stale", kImmutable, 3600, Reuse::Validate, Reason::RequestMaxAge},
      {"Cache-Control: max-age=5", kImmutable, 10, Reuse::Validate, Reason::RequestMaxAge},
      {"Cache-Control: no-cache", kImmutable, 10, Reuse::Validate, Reason::RequestNoCache},
      {"Pragma: no-cache", kImmutable, 10, Reuse::Validate, Reason::RequestNoCache},
      {"Cache-Control: max-age=0", "Cache-Control: max-age=3600, immutable, no-cache", 10, Reuse::Validate,
       Reason::ResponseNoCache},
      {"Cache-Control: max-age=0", "Cache-Control: max-age=3600", 10, Reuse::Validate, Reason::RequestMaxAge},
  };
  for (const Row& row : rows) {
    CAPTURE(row.request);
    CAPTURE(row.response);
    const auto verdict = reuse(asked(row.request), stored(row.response), kReceived + Seconds(row.age));
    CHECK(verdict.reuse == row.reuse);
    CHECK(to_string(verdict.reason) == to_string(row.reason));
  }
}

TEST_CASE("RFC 9111 4 and 4.1: which of several that match") {
  const Meta older = stored("Date: Fri, 31 Jul 2026 00:00:00 GMT");
  const Meta newer = stored("Date: Fri, 31 Jul 2026 00:00:01 GMT");
  CHECK(is_preferred({newer, ""}, {older, ""}));
  CHECK_FALSE(is_preferred({older, ""}, {newer, ""}));
  CHECK_FALSE(is_preferred({older, ""}, {older, ""}));
  CHECK(is_preferred({newer, "x"}, {older, "y"}));
  CHECK(is_preferred({older, "x"}, {newer, ""}));
  CHECK_FALSE(is_preferred({newer, ""}, {older, "x"}));
}
