#include "cache/http/directives.h"

#include <doctest/doctest.h>

#include <string>

#include "test/unit/http/head_text.h"

using namespace larder::http;

namespace {

RequestDirectives request(void (*set)(RequestDirectives&)) {
  RequestDirectives d;
  set(d);
  return d;
}

ResponseDirectives response(void (*set)(ResponseDirectives&)) {
  ResponseDirectives d;
  set(d);
  return d;
}

using Q = RequestDirectives;
using P = ResponseDirectives;

}  // namespace

TEST_CASE("RFC 9111 5.2.1: request directives") {
  struct Row {
    const char* text;
    RequestDirectives expected;
  };
  const Row rows[] = {
      {"Host: a", {}},
      {"Cache-Control:", {}},
      {"Cache-Control: max-age=0", request([](Q& d) { d.max_age = Seconds(0); })},
      {"Cache-Control: Max-Age=3600, NO-TRANSFORM", request([](Q& d) {
         d.max_age = Seconds(3600);
         d.no_transform = true;
       })},
      {"cache-control: no-cache\nCACHE-CONTROL: no-store", request([](Q& d) { d.no_cache = d.no_store = true; })},
      {"Cache-Control: max-stale", request([](Q& d) { d.max_stale_any = true; })},
      {"Cache-Control: max-stale=60", request([](Q& d) { d.max_stale = Seconds(60); })},
      {"Cache-Control: max-stale, max-stale=60", request([](Q& d) { d.max_stale = Seconds(60); })},
      {"Cache-Control: max-stale=60, max-stale", request([](Q& d) { d.max_stale = Seconds(60); })},
      {"Cache-Control: max-stale=x", request([](Q& d) { d.max_stale = Seconds(0); })},
      {"Cache-Control: max-stale=", request([](Q& d) { d.max_stale = Seconds(0); })},
      {"Cache-Control: min-fresh=5, min-fresh=50, min-fresh=x", request([](Q& d) { d.min_fresh = Seconds(50); })},
      {"Cache-Control: min-fresh=x", {}},
      {"Cache-Control: only-if-cached, stale-if-error=7", request([](Q& d) {
         d.only_if_cached = true;
         d.stale_if_error = Seconds(7);
       })},
      {"Cache-Control: max-age=5, max-age=3\nCache-Control: max-age=9", request([](Q& d) { d.max_age = Seconds(3); })},
      {"Cache-Control: max-age", request([](Q& d) { d.max_age = Seconds(0); })},
      {"Cache-Control: no-cache, ,,,x=y, max-age=20", request([](Q& d) {
         d.no_cache = true;
         d.max_age = Seconds(20);
       })},
      {"Cache-Control: private, s-maxage=4, immutable, foo", {}},  // no request directives
      // Section 5.4
      {"Pragma: no-cache", request([](Q& d) { d.no_cache = true; })},
      {"Pragma: foo, No-Cache", request([](Q& d) { d.no_cache = true; })},
      {"Pragma: no-cache-at-all", {}},
      {"Pragma: no-cache\nCache-Control: max-age=1", request([](Q& d) { d.max_age = Seconds(1); })},
      {"Cache-Control:\nPragma: no-cache", {}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const HeadText head(row.text);
    CHECK(parse_request_directives(head) == row.expected);
  }
}

TEST_CASE("RFC 9111 5.2.2: response directives") {
  struct Row {
    const char* text;
    ResponseDirectives expected;
  };
  const Row rows[] = {
      {"Date: a\nPragma: no-cache", {}},
      {"Cache-Control: public, max-age=60", response([](P& d) {
         d.is_public = true;
         d.max_age = Seconds(60);
       })},
      {"Cache-Control: s-maxage=0, MUST-REVALIDATE,proxy-revalidate", response([](P& d) {
         d.s_maxage = Seconds(0);
         d.must_revalidate = d.proxy_revalidate = true;
       })},
      {"Cache-Control: no-store\nCache-Control: private", response([](P& d) { d.no_store = d.is_private = true; })},
      {"Cache-Control: must-understand, no-store, no-transform, immutable",
       response([](P& d) { d.must_understand = d.no_store = d.no_transform = d.immutable = true; })},
      {"Cache-Control: stale-while-revalidate=5, stale-if-error=6", response([](P& d) {
         d.stale_while_revalidate = Seconds(5);
         d.stale_if_error = Seconds(6);
       })},
      {"Cache-Control: no-cache", response([](P& d) { d.no_cache = true; })},
      {"Cache-Control: no-cache=\"a, b\"", response([](P& d) { d.no_cache_fields = "a, b"; })},
      {"Cache-Control: no-cache=Set-Cookie", response([](P& d) { d.no_cache_fields = "Set-Cookie"; })},
      {"Cache-Control: no-cache=\"\"", response([](P& d) { d.no_cache = true; })},
      {"Cache-Control: no-cache=", response([](P& d) { d.no_cache = true; })},
      {"Cache-Control: private=\"a\", private", response([](P& d) {
         d.is_private = true;
         d.private_fields = "a";
       })},
      {"Cache-Control: private=\"a\"", response([](P& d) { d.private_fields = "a"; })},
      // Arguments
      {"Cache-Control: max-age=\"60\"", response([](P& d) { d.max_age = Seconds(60); })},
      {"Cache-Control: max-age='60'", response([](P& d) { d.max_age = Seconds(0); })},
      {"Cache-Control: max-age=003600", response([](P& d) { d.max_age = Seconds(3600); })},
      {"Cache-Control: max-age=-1", response([](P& d) { d.max_age = Seconds(0); })},
      {"Cache-Control: max-age=+1", response([](P& d) { d.max_age = Seconds(0); })},
      {"Cache-Control: max-age=1.5", response([](P& d) { d.max_age = Seconds(0); })},
      {"Cache-Control: max-age=100a", response([](P& d) { d.max_age = Seconds(0); })},
      {"Cache-Control: max-age=", response([](P& d) { d.max_age = Seconds(0); })},
      {"Cache-Control: max-age", response([](P& d) { d.max_age = Seconds(0); })},
      {"Cache-Control: max-age =60", response([](P& d) { d.max_age = Seconds(0); })},
      {"Cache-Control: max-age= 60", response([](P& d) { d.max_age = Seconds(0); })},
      {"Cache-Control: max-age=\"60", response([](P& d) { d.max_age = Seconds(0); })},
      {"Cache-Control: max-age=2147483647", response([](P& d) { d.max_age = Seconds(2147483647); })},
      {"Cache-Control: max-age=2147483649", response([](P& d) { d.max_age = kMaxDelta; })},
      {"Cache-Control: max-age=99999999999999999999999999", response([](P& d) { d.max_age = kMaxDelta; })},
      {"Cache-Control: max-age=1800, max-age=1", response([](P& d) { d.max_age = Seconds(1); })},
      {"Cache-Control: max-age=1, max-age=1800", response([](P& d) { d.max_age = Seconds(1); })},
      {"Cache-Control: s-maxage=9\nCache-Control: s-maxage=x", response([](P& d) { d.s_maxage = Seconds(0); })},
      // Section 5.2.3: extensions are passed over, and what stands in their quoted strings with them.
      {"Cache-Control: ext=\"max-age=3600, no-store\", max-age=1", response([](P& d) { d.max_age = Seconds(1); })},
      {"Cache-Control: max-age=1, ext=\"\\\", max-age=9\"", response([](P& d) { d.max_age = Seconds(1); })},
      {"Cache-Control: foo=bar, max-agex=3, xmax-age=3, -, =, =x", {}},
      // A quote that is never closed hides nothing that forbids.
      {"Cache-Control: ext=\"a, no-store", response([](P& d) { d.no_store = true; })},
      // What forbids is obeyed with a stray argument, what permits is not.
      {"Cache-Control: no-store=1, must-revalidate=0, proxy-revalidate=\"\"",
       response([](P& d) { d.no_store = d.must_revalidate = d.proxy_revalidate = true; })},
      {"Cache-Control: public=0, immutable=0, must-understand=0", {}},
      {"Cache-Control: only-if-cached, max-stale=3, min-fresh=2", {}},  // no response directives
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const HeadText head(row.text);
    CHECK(parse_response_directives(head) == row.expected);
  }
}

TEST_CASE("directives print as they are written") {
  const HeadText head("Cache-Control: private=\"x\", immutable, s-maxage=3, max-age=4");
  std::ostringstream out;
  out << parse_response_directives(head);
  CHECK(out.str() == "max-age=4, s-maxage=3, immutable, private=\"x\"");
  const HeadText asked("Cache-Control: no-cache, max-stale, min-fresh=1");
  std::ostringstream asked_out;
  asked_out << parse_request_directives(asked);
  CHECK(asked_out.str() == "max-stale, min-fresh=1, no-cache");
}
