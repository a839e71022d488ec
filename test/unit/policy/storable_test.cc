#include "cache/policy/storable.h"

#include <doctest/doctest.h>

#include <string>

#include "test/unit/http/head_text.h"

using namespace larder;
using namespace larder::policy;
using http::HeadText;
using http::Method;
using http::Time;

namespace {

const Time kNow = std::chrono::sys_days(std::chrono::year(2026) / 8 / 1);

enum class Body : bool { None, Some };

Reason judged(Method method, const char* request_text, Body body, unsigned status, const char* response_text,
              const Rules& rules = {}, const char* target = "") {
  const HeadText request_fields(request_text);
  const HeadText response_fields(response_text);
  http::RequestHead request;
  request.method = method;
  request.target = target;
  request.fields = request_fields.list();
  http::ResponseHead response;
  response.status = static_cast<std::uint16_t>(status);
  response.fields = response_fields.list();
  const auto said = http::parse_response_directives(response.fields);
  const Meta meta = describe(response, said, kNow, kNow, rules);
  const StoreVerdict verdict = storable(request, http::parse_request_directives(request.fields), body == Body::Some,
                                        response, said, meta, rules);
  CHECK(verdict.store == (verdict.reason == Reason::Stored));
  return verdict.reason;
}

struct Row {
  const char* request;
  unsigned status;
  const char* response;
  Reason expected;
};

void check(const Row& row) {
  CAPTURE(row.request);
  CAPTURE(row.status);
  CAPTURE(row.response);
  CHECK(to_string(judged(Method::Get, row.request, Body::None, row.status, row.response)) == to_string(row.expected));
}

constexpr const char* kPlain = "Host: a";
constexpr const char* kFresh = "Cache-Control: max-age=60";
constexpr const char* kModified = "Last-Modified: Wed, 01 Jul 2026 00:00:00 GMT";

}  // namespace

TEST_CASE("RFC 9111 3: the request") {
  CHECK(judged(Method::Get, kPlain, Body::None, 200, kFresh) == Reason::Stored);
  CHECK(judged(Method::Get, kPlain, Body::Some, 200, kFresh) == Reason::RequestBody);
  for (const Method m : {Method::Head, Method::Post, Method::Put, Method::Delete, Method::Options, Method::Other}) {
    CHECK(judged(m, kPlain, Body::None, 200, kFresh) == Reason::MethodNotStorable);
  }
  check({"Cache-Control: no-store", 200, kFresh, Reason::RequestNoStore});  // 5.2.1.5
  check({"Cache-Control: no-cache", 200, kFresh, Reason::Stored});
  check({"Pragma: no-cache", 200, kFresh, Reason::Stored});
  check({"Cookie: a=b", 200, kFresh, Reason::Stored});
  check({"Range: bytes=0-1", 200, kFresh, Reason::Stored});
}

TEST_CASE("RFC 9111 3 and 5.2.2: what the response forbids") {
  const Row rows[] = {
      {kPlain, 200, "Cache-Control: no-store, max-age=60", Reason::NoStore},
      {kPlain, 200, "Cache-Control: No-StOrE\nExpires: Sun, 02 Aug 2026 00:00:00 GMT", Reason::NoStore},
      {kPlain, 200, "Cache-Control: max-age=60\nCache-Control: no-store", Reason::NoStore},
      {kPlain, 200, "Cache-Control: private, max-age=60", Reason::Private},
      {kPlain, 200, "Cache-Control: private=\"Set-Cookie\", max-age=60", Reason::Private},
      {kPlain, 200, "Cache-Control: private, public, max-age=60", Reason::Private},
      {kPlain, 200, "Cache-Control: max-age=60\nVary: *", Reason::VaryStar},
      {kPlain, 200, "Cache-Control: max-age=60\nVary: Accept\nVary: Foo, *", Reason::VaryStar},
      {kPlain, 200, "Cache-Control: max-age=60\nVary: Accept Language", Reason::VaryStar},
      {kPlain, 200, "Cache-Control: max-age=60\nVary: Accept, Foo", Reason::Stored},
      // 5.2.2.3 must-understand
      {kPlain, 200, "Cache-Control: must-understand, no-store, max-age=60", Reason::Stored},
      {kPlain, 299, "Cache-Control: must-understand, no-store, max-age=60", Reason::StatusNotUnderstood},
      {kPlain, 299, "Cache-Control: must-understand, max-age=60", Reason::StatusNotUnderstood},
      {kPlain, 200, "Cache-Control: must-understand, no-store, private, max-age=60", Reason::Private},
      {kPlain, 200, "Cache-Control: must-understand=0, no-store, max-age=60", Reason::NoStore},
      {"Cache-Control: no-store", 200, "Cache-Control: must-understand, no-store, max-age=60", Reason::RequestNoStore},
  };
  for (const Row& row : rows) check(row);
}

TEST_CASE("RFC 9111 3.5: Authorization") {
  const char* kAuthorized = "Authorization: Basic YTpi";
  const Row rows[] = {
      {kAuthorized, 200, kFresh, Reason::Authorization},
      {kAuthorized, 200, "Cache-Control: public, max-age=60", Reason::Stored},
      {kAuthorized, 200, "Cache-Control: s-maxage=60", Reason::Stored},
      {kAuthorized, 200, "Cache-Control: must-revalidate, max-age=60", Reason::Stored},
      {kAuthorized, 200, "Cache-Control: proxy-revalidate, max-age=60", Reason::Authorization},
      {kAuthorized, 200, "Cache-Control: public=1, max-age=60", Reason::Authorization},
      {kAuthorized, 200, "Cache-Control: immutable, max-age=60", Reason::Authorization},
      {"Proxy-Authorization: Basic YTpi", 200, kFresh, Reason::Stored},
  };
  for (const Row& row : rows) check(row);
}

TEST_CASE("RFC 9111 3: statuses with an explicit lifetime") {
  for (const unsigned status : {200U, 201U, 203U, 204U, 205U, 299U, 300U, 301U, 302U, 303U, 307U, 308U, 400U, 401U,
                                403U, 404U, 405U, 410U, 413U, 414U, 451U, 499U, 500U, 501U, 502U, 503U, 504U, 599U}) {
    check({kPlain, status, kFresh, Reason::Stored});
    check({kPlain, status, "Expires: Sun, 02 Aug 2026 00:00:00 GMT", Reason::Stored});
    check({kPlain, status, "Cache-Control: s-maxage=60", Reason::Stored});
  }
  for (const unsigned status : {100U, 101U, 103U, 199U}) check({kPlain, status, kFresh, Reason::NotFinal});
  check({kPlain, 206, kFresh, Reason::Partial});
  check({kPlain, 304, kFresh, Reason::NotModifiedForClient});
  // RFC 6585 forbids 428, 429, 431 and 511; the others answer one request or connection.
  for (const unsigned status : {407U, 408U, 412U, 416U, 417U, 421U, 425U, 426U, 428U, 429U, 431U, 511U}) {
    check({kPlain, status, kFresh, Reason::StatusNotStorable});
  }
}

TEST_CASE("RFC 9111 4.2.2: statuses without an explicit lifetime") {
  for (const unsigned status : {200U, 203U, 204U, 300U, 301U, 308U, 404U, 405U, 410U, 414U, 501U}) {
    check({kPlain, status, kModified, Reason::Stored});
  }
  for (const unsigned status : {201U, 202U, 299U, 302U, 303U, 307U, 400U, 403U, 413U, 500U, 502U, 503U, 504U, 599U}) {
    check({kPlain, status, kModified, Reason::NoFreshness});
  }
  // Not where the request may have provoked them.
  const std::string large = "Cookie: " + std::string(4096, 'x');
  for (const unsigned status : {414U, 501U}) {
    for (const char* odd : {"Expect: 100-continue", large.c_str()}) {
      check({odd, status, kModified, Reason::NoFreshness});
      check({odd, 404, kModified, Reason::Stored});
      check({odd, status, kFresh, Reason::Stored});
    }
  }
  const std::string with_public = std::string(kModified) + "\nCache-Control: public";
  for (const unsigned status : {200U, 302U, 403U, 414U, 501U, 599U}) {
    check({kPlain, status, with_public.c_str(), Reason::Stored});
  }
}

TEST_CASE("RFC 9111 3: worth storing, or not") {
  const Row rows[] = {
      {kPlain, 200, "Server: x", Reason::NoFreshness},
      {kPlain, 200, "Cache-Control: public", Reason::NoFreshness},
      {kPlain, 200, "ETag: \"a\"", Reason::Stored},
      {kPlain, 404, "ETag: \"a\"", Reason::NoFreshness},  // no condition is ever evaluated for it
      {kPlain, 200, "Last-Modified: Sat, 01 Aug 2026 00:00:00 GMT", Reason::Stored},  // lifetime 0, but a validator
      {kPlain, 404, "Last-Modified: Sat, 01 Aug 2026 00:00:00 GMT", Reason::NoFreshness},
      {kPlain, 200, "Last-Modified: today", Reason::NoFreshness},
      {kPlain, 200, "Cache-Control: max-age=0", Reason::NoFreshness},
      {kPlain, 200, "Cache-Control: max-age=0\nETag: \"a\"", Reason::Stored},
      {kPlain, 200, "Expires: 0", Reason::NoFreshness},
      {kPlain, 200, "Expires: 0\nETag: \"a\"", Reason::Stored},
      {kPlain, 200, "Cache-Control: max-age=0, stale-while-revalidate=60", Reason::Stored},
      {kPlain, 200, "Cache-Control: max-age=0, stale-if-error=60", Reason::Stored},
      {kPlain, 200, "Cache-Control: max-age=0, stale-if-error=0", Reason::NoFreshness},
      {kPlain, 200, "Cache-Control: max-age=1500\nAge: 2000", Reason::Stored},  // max-stale may use it
      // 5.2.2.4: with no-cache only a validator makes it worth while
      {kPlain, 200, "Cache-Control: no-cache", Reason::NoFreshness},
      {kPlain, 200, "Cache-Control: no-cache, max-age=60", Reason::NoFreshness},
      {kPlain, 200, "Cache-Control: no-cache, max-age=60\nETag: \"a\"", Reason::Stored},
      {kPlain, 200, "Cache-Control: no-cache\nETag: \"a\"", Reason::Stored},
      {kPlain, 200, "Cache-Control: no-cache=\"x\", max-age=60", Reason::NoFreshness},
      {kPlain, 302, "Cache-Control: no-cache\nETag: \"a\"", Reason::NoFreshness},
      // A cookie with a lifetime was meant to be shared; one without was meant for one client.
      {kPlain, 200, "Cache-Control: max-age=60\nSet-Cookie: a=b", Reason::Stored},
      {kPlain, 200, "Last-Modified: Wed, 01 Jul 2026 00:00:00 GMT\nSet-Cookie: a=b", Reason::NoFreshness},
      {kPlain, 200, "ETag: \"a\"\nSet-Cookie: a=b", Reason::NoFreshness},
      {kPlain, 200, "Cache-Control: no-cache\nETag: \"a\"\nSet-Cookie: a=b", Reason::NoFreshness},
      {kPlain, 200, "Cache-Control: public\nETag: \"a\"\nSet-Cookie: a=b", Reason::Stored},
      {kPlain, 200, "Cache-Control: max-age=60\nPragma: no-cache", Reason::Stored},  // 5.4: Pragma is for requests
  };
  for (const Row& row : rows) check(row);
}

TEST_CASE("a request that may pass for another one fixes nothing on a URL") {
  for (const char* field :
       {"X-Forwarded-Host: evil", "x-forwarded-host: evil", "Forwarded: host=evil", "X-Host: evil",
        "X-Original-URL: /admin", "X-Rewrite-URL: /admin", "X-HTTP-Method-Override: DELETE", "X-HTTP-Method: PUT",
        "X-Method-Override: PUT", "X-Forwarded-Proto: https", "X-Forwarded-Port: 1", "X-Forwarded-Scheme: x",
        "X-Forwarded-Prefix: /x", "X-Forwarded-Server: evil", "X-HTTP-Host-Override: evil", "X-Original-Host: evil"}) {
    check({field, 200, kFresh, Reason::UnkeyedField});
    const std::string name = std::string(field).substr(0, std::string_view(field).find(':'));
    check({field, 200, ("Cache-Control: max-age=60\nVary: Accept, " + name).c_str(), Reason::Stored});
  }
  for (const char* field : {"X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: http", "X-Forwarded-Scheme: HTTP",
                            "X-Requested-With: XMLHttpRequest", "Foo: bar", "From: a@b"}) {
    check({field, 200, kFresh, Reason::Stored});
  }
}

TEST_CASE("RFC 9110 9.3.3: the response to a POST") {
  struct PostRow {
    const char* target;
    unsigned status;
    const char* response;
    Reason expected;
  };
  const char* here = "http://a/form";
  const PostRow rows[] = {
      {here, 200, "Cache-Control: max-age=60\nContent-Location: http://a/form", Reason::Stored},
      {here, 200, "Cache-Control: max-age=60\nContent-Location: HTTP://A:80/form", Reason::Stored},
      {here, 200, "Cache-Control: max-age=60\nContent-Location: /form", Reason::Stored},
      {here, 200, "Cache-Control: max-age=60\nContent-Location: form", Reason::Stored},
      {here, 200, "Expires: Sun, 02 Aug 2026 00:00:00 GMT\nContent-Location: /form", Reason::Stored},
      {here, 200, "Cache-Control: max-age=60", Reason::MethodNotStorable},
      {here, 200, "Cache-Control: max-age=60\nContent-Location: /other", Reason::MethodNotStorable},
      {here, 200, "Cache-Control: max-age=60\nContent-Location: http://b/form", Reason::MethodNotStorable},
      {here, 200, "Cache-Control: max-age=60\nContent-Location: /form\nContent-Location: /form",
       Reason::MethodNotStorable},
      {here, 200, "Last-Modified: Wed, 01 Jul 2026 00:00:00 GMT\nContent-Location: /form", Reason::MethodNotStorable},
      {here, 201, "Cache-Control: max-age=60\nContent-Location: /form", Reason::MethodNotStorable},
      {here, 200, "Cache-Control: max-age=60, private\nContent-Location: /form", Reason::Private},
      {"/form", 200, "Cache-Control: max-age=60\nContent-Location: /form", Reason::MethodNotStorable},
  };
  for (const PostRow& row : rows) {
    CAPTURE(row.target);
    CAPTURE(row.response);
    CHECK(to_string(judged(Method::Post, kPlain, Body::Some, row.status, row.response, {}, row.target)) ==
          to_string(row.expected));
  }
}

TEST_CASE("errors that the operator keeps for a while") {
  Rules rules;
  rules.not_found_lifetime = http::Seconds(30);
  rules.server_error_lifetime = http::Seconds(5);
  for (const unsigned status : {404U, 410U, 500U, 502U, 503U, 504U}) {
    CHECK(judged(Method::Get, kPlain, Body::None, status, "Server: x", rules) == Reason::Stored);
    CHECK(judged(Method::Get, kPlain, Body::None, status, "Cache-Control: no-store", rules) == Reason::NoStore);
    CHECK(judged(Method::Get, kPlain, Body::None, status, "Cache-Control: max-age=0", rules) == Reason::NoFreshness);
  }
  const std::string large = "Cookie: " + std::string(4096, 'x');
  for (const unsigned status : {404U, 410U, 500U, 502U, 503U, 504U}) {  // the request may have provoked it
    CHECK(judged(Method::Get, large.c_str(), Body::None, status, "Server: x", rules) == Reason::NoFreshness);
  }
  for (const unsigned status : {400U, 403U, 413U, 501U, 505U}) {
    CHECK(judged(Method::Get, kPlain, Body::None, status, "Server: x", rules) == Reason::NoFreshness);
  }
}

TEST_CASE("a body larger than the operator allows") {
  Rules rules;
  rules.max_object = 1000;
  const auto with_length = [&](const std::string& length) {
    return judged(Method::Get, kPlain, Body::None, 200,
                  ("Cache-Control: max-age=60\nContent-Length: " + length).c_str(), rules);
  };
  CHECK(with_length("1000") == Reason::Stored);
  CHECK(with_length("1001") == Reason::TooLarge);
  CHECK(with_length("18446744073709551615") == Reason::TooLarge);
}

TEST_CASE("what ends a stored response, and what only seems to") {
  struct EndRow {
    Reason reason;
    unsigned status;
    bool expected;
  };
  const EndRow rows[] = {
      {Reason::NoStore, 200, true},        {Reason::Private, 200, true},       {Reason::VaryStar, 200, true},
      {Reason::NoFreshness, 302, true},    {Reason::NoFreshness, 404, true},   {Reason::NoStore, 410, true},
      {Reason::NoStore, 400, false},       {Reason::NoStore, 403, false},      {Reason::NoStore, 429, false},
      {Reason::NoFreshness, 500, false},   {Reason::NoFreshness, 206, false},  {Reason::RequestNoStore, 200, false},
      {Reason::Authorization, 200, false}, {Reason::UnkeyedField, 200, false}, {Reason::StatusNotStorable, 416, false},
      {Reason::Partial, 206, false},       {Reason::TooLarge, 200, false},     {Reason::StaleIfError, 503, false},
  };
  for (const EndRow& row : rows) {
    CAPTURE(to_string(row.reason));
    CAPTURE(row.status);
    CHECK(ends_stored(row.reason, row.status) == row.expected);
  }
}
