#include "cache/policy/meta.h"

#include <doctest/doctest.h>

#include <string>

#include "test/unit/http/head_text.h"

using namespace larder;
using namespace larder::policy;
using http::kMaxDelta;
using http::Seconds;
using http::Time;

namespace {

// Sat, 01 Aug 2026 12:00:00 GMT
const Time kNow = std::chrono::sys_days(std::chrono::year(2026) / 8 / 1) + std::chrono::hours(12);

Meta described(const char* text, unsigned status = 200, Time requested = kNow, Time received = kNow,
               const Rules& rules = {}) {
  const http::HeadText head(text);
  http::ResponseHead response;
  response.status = static_cast<std::uint16_t>(status);
  response.fields = head.list();
  return describe(response, http::parse_response_directives(head), requested, received, rules);
}

struct LifetimeRow {
  const char* text;
  unsigned status;
  long long lifetime;
  LifetimeSource source;
};

}  // namespace

TEST_CASE("RFC 9111 4.2.1: the freshness lifetime") {
  using S = LifetimeSource;
  const LifetimeRow rows[] = {
      {"Date: Sat, 01 Aug 2026 12:00:00 GMT", 200, 0, S::None},
      {"Cache-Control: s-maxage=30, max-age=10\nExpires: Sat, 01 Aug 2026 13:00:00 GMT", 200, 30, S::SMaxage},
      {"Cache-Control: max-age=10, s-maxage=30", 200, 30, S::SMaxage},
      {"Cache-Control: max-age=30, s-maxage=0", 200, 0, S::SMaxage},
      {"Cache-Control: max-age=10\nExpires: Sat, 01 Aug 2026 13:00:00 GMT", 200, 10, S::MaxAge},
      {"Cache-Control: max-age=0\nExpires: Sat, 01 Aug 2026 13:00:00 GMT", 200, 0, S::MaxAge},
      {"Cache-Control: max-age=x\nExpires: Sat, 01 Aug 2026 13:00:00 GMT", 200, 0, S::MaxAge},
      {"Cache-Control: max-age=3600\nExpires: 0", 200, 3600, S::MaxAge},
      {"Cache-Control: max-age=99999999999", 200, 2147483648, S::MaxAge},
      // Section 5.3
      {"Expires: Sat, 01 Aug 2026 13:00:00 GMT", 200, 3600, S::Expires},
      {"Expires: Saturday, 01-Aug-26 13:00:00 GMT", 200, 3600, S::Expires},
      {"Expires: Sat Aug  1 13:00:00 2026", 200, 3600, S::Expires},
      {"Expires: Sat, 01 Aug 2026 13:00:00 GMT\nDate: Sat, 01 Aug 2026 11:00:00 GMT", 200, 7200, S::Expires},
      {"Expires: Sat, 01 Aug 2026 13:00:00 GMT\nDate: yesterday", 200, 3600, S::Expires},
      {"Expires: Sat, 01 Aug 2026 11:00:00 GMT", 200, 0, S::Expires},
      {"Expires: 0", 200, 0, S::Expires},
      {"Expires: -1", 200, 0, S::Expires},
      {"Expires:", 200, 0, S::Expires},
      {"Expires: Sat, 01 Aug 2026 13:00:00 UTC", 200, 0, S::Expires},
      {"Expires: Fri, 31 Dec 9999 23:59:59 GMT", 200, 2147483648, S::Expires},
      {"Expires: Sat, 01 Aug 2026 13:00:00 GMT\nExpires: Sat, 01 Aug 2026 13:00:00 GMT", 200, 3600, S::Expires},
      {"Expires: Sat, 01 Aug 2026 13:00:00 GMT\nExpires: Sat, 01 Aug 2026 13:00:01 GMT", 200, 0, S::Expires},
      {"Expires: Sat, 01 Aug 2026 13:00:00 GMT\nExpires: 0", 200, 0, S::Expires},
      {"Expires: 0\nLast-Modified: Sat, 01 Aug 2026 02:00:00 GMT", 200, 0, S::Expires},
      // Section 4.2.2: a tenth of the time since Last-Modified, a day at most.
      {"Last-Modified: Sat, 01 Aug 2026 02:00:00 GMT", 200, 3600, S::Heuristic},
      {"Last-Modified: Sat, 01 Aug 2026 01:00:00 GMT\nDate: Sat, 01 Aug 2026 11:00:00 GMT", 200, 3600, S::Heuristic},
      {"Last-Modified: Sat, 01 Aug 2026 11:59:59 GMT", 200, 0, S::Heuristic},
      {"Last-Modified: Sat, 01 Aug 2026 12:00:00 GMT", 200, 0, S::Heuristic},
      {"Last-Modified: Sat, 01 Aug 2026 12:00:01 GMT", 200, 0, S::None},
      {"Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT", 200, 86400, S::Heuristic},
      {"Last-Modified: never", 200, 0, S::None},
      {"Last-Modified: Sat, 01 Aug 2026 02:00:00 GMT", 404, 3600, S::Heuristic},
      {"Last-Modified: Sat, 01 Aug 2026 02:00:00 GMT", 302, 0, S::None},
      {"Last-Modified: Sat, 01 Aug 2026 02:00:00 GMT", 599, 0, S::None},
      {"Last-Modified: Sat, 01 Aug 2026 02:00:00 GMT\nCache-Control: public", 599, 3600, S::Heuristic},
  };
  for (const LifetimeRow& row : rows) {
    CAPTURE(row.text);
    CAPTURE(row.status);
    const Meta meta = described(row.text, row.status);
    CHECK(meta.freshness_lifetime.count() == row.lifetime);
    CHECK(static_cast<int>(meta.source) == static_cast<int>(row.source));
  }
}

TEST_CASE("RFC 9111 4.2.2: the operator's heuristic") {
  const char* text = "Last-Modified: Sat, 01 Aug 2026 02:00:00 GMT";
  Rules rules;
  rules.heuristic_percent = 50;
  CHECK(described(text, 200, kNow, kNow, rules).freshness_lifetime == Seconds(18000));
  rules.heuristic_max = Seconds(600);
  CHECK(described(text, 200, kNow, kNow, rules).freshness_lifetime == Seconds(600));
  rules.heuristic_percent = 0;
  CHECK(described(text, 200, kNow, kNow, rules).freshness_lifetime == Seconds(0));
  rules.heuristic_percent = 4294967295;
  rules.heuristic_max = Seconds::max();
  CHECK(described("Last-Modified: Sat, 01 Jan 0000 00:00:00 GMT", 200, kNow, kNow, rules).freshness_lifetime ==
        kMaxDelta);
}

TEST_CASE("RFC 9111 5.1: Age") {
  struct Row {
    const char* text;
    long long age;
  };
  const Row rows[] = {
      {"Host: a", 0},
      {"Age: 0", 0},
      {"Age: 15", 15},
      {"Age: 7200, 0", 7200},
      {"Age: 0,7200", 0},
      {"Age: 7200\nAge: 0", 7200},
      {"Age: 0\nAge: 7200", 0},
      {"Age:\nAge: 7", 7},
      {"Age: abc", 0},
      {"Age: abc, 7200", 0},
      {"Age: -7200", 0},
      {"Age: 7200.0", 0},
      {"Age: 7200;x=1", 0},
      {"Age: \"7200\"", 0},
      {"Age: 2147483648", 2147483648},
      {"Age: 2147483649", 2147483648},
      {"Age: 99999999999999999999999", 2147483648},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(described(row.text).age_value.count() == row.age);
  }
}

TEST_CASE("RFC 9111 5.2.2: the flags that outlive the head") {
  struct Row {
    const char* text;
    bool no_cache, must_revalidate;
  };
  const Row rows[] = {
      {"Cache-Control: max-age=1", false, false},
      {"Cache-Control: no-cache", true, false},
      {"Cache-Control: no-cache=\"Set-Cookie\"", true, false},  // taken as unqualified
      {"Cache-Control: must-revalidate", false, true},
      {"Cache-Control: proxy-revalidate", false, true},
      {"Cache-Control: s-maxage=5", false, true},
      {"Pragma: no-cache", false, false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(described(row.text).no_cache == row.no_cache);
    CHECK(described(row.text).must_revalidate == row.must_revalidate);
  }
  const Meta meta = described("Cache-Control: stale-while-revalidate=5, stale-if-error=0");
  CHECK(meta.stale_while_revalidate == Seconds(5));
  CHECK(meta.stale_if_error == Seconds(0));
  CHECK(described("Host: a").stale_if_error == std::nullopt);
}

TEST_CASE("RFC 9111 4.2.3: the age of a response") {
  struct Row {
    const char* why;
    long long date;      // relative to response_time
    long long age;       // the Age field
    long long delay;     // response_time - request_time
    long long resident;  // now - response_time
    long long expected;
  };
  const Row rows[] = {
      {"straight from the origin", 0, 0, 0, 0, 0},
      {"it ages here", 0, 0, 0, 10, 10},
      {"apparent age alone", -5, 0, 0, 0, 5},
      {"a Date in the future is no negative age", 50, 0, 0, 10, 10},
      {"Age alone", 0, 100, 0, 0, 100},
      {"Age and the delay add up", 0, 100, 7, 0, 107},
      {"the delay counts without Age too", 0, 0, 7, 0, 7},
      {"the larger of apparent and corrected age", -200, 100, 7, 10, 210},
      {"the other one larger", -90, 100, 7, 10, 117},
      {"now before response_time: a clock stepped back", 0, 3, 0, -1000, 3},
      {"request after response: a clock stepped back", 0, 3, -1000, 4, 7},
      {"Age saturates", 0, 2147483648, 5, 5, 2147483648},
      {"residence saturates", 0, 0, 0, 99999999999, 2147483648},
      {"apparent age saturates", -99999999999, 0, 0, 0, 2147483648},
  };
  for (const Row& row : rows) {
    CAPTURE(row.why);
    Meta meta;
    meta.response_time = kNow;
    meta.date_value = kNow + Seconds(row.date);
    meta.request_time = kNow - Seconds(row.delay);
    meta.age_value = Seconds(row.age);
    meta.freshness_lifetime = Seconds(60);
    const Time now = kNow + Seconds(row.resident);
    CHECK(current_age(meta, now).count() == row.expected);
    CHECK(ttl(meta, now).count() == 60 - row.expected);
  }
}

TEST_CASE("RFC 9111 4.2.3: the ends of time do no harm") {
  Meta meta;
  meta.response_time = Time::max();
  meta.date_value = Time::min();
  meta.request_time = Time::min();
  meta.age_value = Seconds::max();
  CHECK(current_age(meta, Time::max()) == kMaxDelta);
  CHECK(current_age(meta, Time::min()) == kMaxDelta);
  meta.response_time = Time::min();
  meta.date_value = Time::max();
  meta.age_value = Seconds::min();
  CHECK(current_age(meta, Time::min()) == Seconds(0));
}

TEST_CASE("RFC 9111 4.2.3: describe keeps the times it is given") {
  const Meta meta = described("Date: Sat, 01 Aug 2026 11:59:00 GMT\nAge: 3", 200, kNow - Seconds(2), kNow);
  CHECK(meta.request_time == kNow - Seconds(2));
  CHECK(meta.response_time == kNow);
  CHECK(meta.date_value == kNow - Seconds(60));
  CHECK(current_age(meta, kNow + Seconds(1)) == Seconds(61));
  CHECK(described("Date: x").date_value == kNow);
  CHECK(described("Date: Sat, 01 Aug 2026 11:00:00 GMT\nDate: x").date_value == kNow - Seconds(3600));
}

TEST_CASE("RFC 9110 15.1: heuristically cacheable statuses") {
  std::string found;
  for (unsigned status = 0; status < 1000; ++status) {
    if (is_heuristically_cacheable(status)) found += std::to_string(status) + " ";
  }
  CHECK(found == "200 203 204 206 300 301 308 404 405 410 414 501 ");
}

TEST_CASE("RFC 5861: the operator's defaults count only where the response is silent") {
  Rules rules;
  rules.stale_while_revalidate = Seconds(10);
  rules.stale_if_error = Seconds(20);
  const Meta silent = described("Cache-Control: max-age=1", 200, kNow, kNow, rules);
  CHECK(silent.stale_while_revalidate == Seconds(10));
  CHECK(silent.stale_if_error == Seconds(20));
  const Meta said =
      described("Cache-Control: max-age=1, stale-while-revalidate=0, stale-if-error=5", 200, kNow, kNow, rules);
  CHECK(said.stale_while_revalidate == Seconds(0));
  CHECK(said.stale_if_error == Seconds(5));
  CHECK_FALSE(described("Cache-Control: max-age=1").stale_if_error.has_value());
}

TEST_CASE("the operator's lifetime of errors stands behind what they say, and before a guess") {
  Rules rules;
  rules.not_found_lifetime = Seconds(30);
  rules.server_error_lifetime = Seconds(5);
  using S = LifetimeSource;
  const LifetimeRow rows[] = {
      {"Server: x", 404, 30, S::Configured}, {"Server: x", 410, 30, S::Configured},
      {"Server: x", 503, 5, S::Configured},  {"Server: x", 200, 0, S::None},
      {"Server: x", 501, 0, S::None},        {"Cache-Control: max-age=7", 404, 7, S::MaxAge},
      {"Expires: 0", 404, 0, S::Expires},    {"Last-Modified: Wed, 01 Jul 2026 00:00:00 GMT", 404, 30, S::Configured},
  };
  for (const LifetimeRow& row : rows) {
    CAPTURE(row.text);
    CAPTURE(row.status);
    const Meta meta = described(row.text, row.status, kNow, kNow, rules);
    CHECK(meta.freshness_lifetime == Seconds(row.lifetime));
    CHECK(meta.source == row.source);
  }
}
