#include "cache/http/date.h"

#include <doctest/doctest.h>

#include <string>

using namespace larder::http;
using std::chrono::sys_days;

namespace {

constexpr Time at(int y, unsigned mo, unsigned d, int h = 0, int mi = 0, int s = 0) {
  return sys_days(std::chrono::year(y) / std::chrono::month(mo) / std::chrono::day(d)) + std::chrono::hours(h) +
         std::chrono::minutes(mi) + Seconds(s);
}

constexpr Time kNow = at(2026, 8, 1, 12);

std::string written(Time time) {
  std::string out;
  append_date(out, time);
  return out;
}

}  // namespace

TEST_CASE("RFC 9110 5.6.7: dates that are dates") {
  struct Row {
    const char* text;
    Time now;
    Time expected;
  };
  const Row rows[] = {
      {"Sun, 06 Nov 1994 08:49:37 GMT", kNow, at(1994, 11, 6, 8, 49, 37)},
      {"Sunday, 06-Nov-94 08:49:37 GMT", kNow, at(1994, 11, 6, 8, 49, 37)},
      {"Sun Nov  6 08:49:37 1994", kNow, at(1994, 11, 6, 8, 49, 37)},
      {"Wed Nov 16 08:49:37 1994", kNow, at(1994, 11, 16, 8, 49, 37)},
      {"Thu, 01 Jan 1970 00:00:00 GMT", kNow, at(1970, 1, 1)},
      {"Wed, 31 Dec 1969 23:59:59 GMT", kNow, at(1969, 12, 31, 23, 59, 59)},
      {"Thu, 29 Feb 2024 00:00:00 GMT", kNow, at(2024, 2, 29)},
      {"Tue, 19 Jan 2038 03:14:08 GMT", kNow, at(2038, 1, 19, 3, 14, 8)},
      {"Fri, 31 Dec 9999 23:59:59 GMT", kNow, at(9999, 12, 31, 23, 59, 59)},
      {"Sat, 31 Dec 2016 23:59:60 GMT", kNow, at(2017, 1, 1)},              // a leap second
      {"Mon, 06 Nov 1994 08:49:37 GMT", kNow, at(1994, 11, 6, 8, 49, 37)},  // another day's name
      // Two digits: at most 50 years ahead, to the second.
      {"Saturday, 01-Aug-76 12:00:00 GMT", kNow, at(2076, 8, 1, 12)},
      {"Saturday, 01-Aug-76 12:00:01 GMT", kNow, at(1976, 8, 1, 12, 0, 1)},
      {"Friday, 02-Aug-75 12:00:00 GMT", kNow, at(2075, 8, 2, 12)},
      {"Saturday, 01-Jan-00 00:00:00 GMT", kNow, at(2000, 1, 1)},
      {"Friday, 01-Jan-99 00:00:00 GMT", kNow, at(1999, 1, 1)},
      {"Tuesday, 29-Feb-00 00:00:00 GMT", kNow, at(2000, 2, 29)},
      {"Thursday, 01-Jan-05 00:00:00 GMT", at(2099, 6, 1), at(2105, 1, 1)},
      {"Thursday, 01-Jan-70 00:00:00 GMT", Time{}, at(1970, 1, 1)},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto parsed = parse_date(row.text, row.now);
    REQUIRE(parsed.has_value());
    CHECK(written(*parsed) == written(row.expected));
  }
}

TEST_CASE("RFC 9110 5.6.7: what is no date") {
  const char* rows[] = {
      "",
      "0",
      "-1",
      "Sun, 06 Nov 1994 08:49:37 UTC",
      "Sun, 06 Nov 1994 08:49:37 gmt",
      "Sun, 06 Nov 1994 08:49:37 +0000",
      "Sun, 06 Nov 1994 08:49:37",
      "Sun, 06 Nov 1994 08:49:37 GMT ",
      " Sun, 06 Nov 1994 08:49:37 GMT",
      "Sun, 06 Nov 1994 08:49:37 GMT, x",
      "SUN, 06 Nov 1994 08:49:37 GMT",
      "Sun, 06 NOV 1994 08:49:37 GMT",
      "Sun 06 Nov 1994 08:49:37 GMT",
      "Sun, 6 Nov 1994 08:49:37 GMT",
      "Sun,  6 Nov 1994 08:49:37 GMT",
      "Sun, 06 Nov 94 08:49:37 GMT",
      "Sun, 06-Nov-1994 08:49:37 GMT",
      "Sun, 06  Nov  1994 08:49:37 GMT",
      "Sun, 06 Nov 1994 8:49:37 GMT",
      "Sun, 06 Nov 1994 08.49.37 GMT",
      "Sun, 06 Nov 1994 24:00:00 GMT",
      "Sun, 06 Nov 1994 23:60:00 GMT",
      "Sun, 06 Nov 1994 23:59:61 GMT",
      "Sun, 00 Nov 1994 08:49:37 GMT",
      "Sun, 31 Nov 1994 08:49:37 GMT",
      "Wed, 29 Feb 2023 00:00:00 GMT",
      "Sun, 06 Nov 199a 08:49:37 GMT",
      "Sunday, 06-Nov-1994 08:49:37 GMT",
      "Sun, 06-Nov-94 08:49:37 GMT",
      "Sunday, 6-Nov-94 08:49:37 GMT",
      "Sun Nov 6 08:49:37 1994",
      "Sun Nov 06 08:49:37 94  ",
      "Sun Nov  6 08:49:37 1994 GMT",
      "1994-11-06T08:49:37.0000Z",
      "Tuesday, 29-Feb-01 00:00:00 GMT",
  };
  for (const char* row : rows) {
    CAPTURE(row);
    CHECK_FALSE(parse_date(row, kNow).has_value());
  }
}

TEST_CASE("IMF-fixdate is written in 29 bytes and read back") {
  CHECK(written(at(1994, 11, 6, 8, 49, 37)) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(written(Time{}) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(written(at(1969, 12, 31, 23, 59, 59)) == "Wed, 31 Dec 1969 23:59:59 GMT");
  CHECK(written(Time::max()) == "Fri, 31 Dec 9999 23:59:59 GMT");
  CHECK(written(Time::min()).size() == 29);
  for (Time t = at(1900, 1, 1); t < at(2200, 1, 1); t += Seconds(86400 * 13 + 3607)) {
    const std::string text = written(t);
    REQUIRE(text.size() == 29);
    REQUIRE(parse_date(text, kNow) == t);
  }
}
