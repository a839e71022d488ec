#include "cache/policy/validation.h"

#include <doctest/doctest.h>

#include <string>

#include "test/unit/http/head_text.h"

using namespace larder;
using namespace larder::policy;
using http::HeadText;
using http::Method;
using http::Seconds;
using http::Time;

namespace {

const Time kNow = std::chrono::sys_days(std::chrono::year(2026) / 8 / 1);

}  // namespace

TEST_CASE("RFC 9111 4.3.1: the validators to send") {
  struct Row {
    const char *stored, *etag, *last_modified;
  };
  const Row rows[] = {
      {"Host: a", "", ""},
      {"ETag: W/\"a\"", "W/\"a\"", ""},
      {"ETag: abc", "abc", ""},
      {"ETag:", "", ""},
      {"Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "", "Sun, 06 Nov 1994 08:49:37 GMT"},
      {"Last-Modified: Sunday, 06-Nov-94 08:49:37 GMT", "", "Sunday, 06-Nov-94 08:49:37 GMT"},
      {"Last-Modified: 1994", "", ""},
      {"Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\nETag: \"x\"", "\"x\"", "Sun, 06 Nov 1994 08:49:37 GMT"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.stored);
    const HeadText stored(row.stored);
    const Validators v = validators(stored);
    CHECK(v.if_none_match == row.etag);
    CHECK(v.if_modified_since == row.last_modified);
    CHECK(v.any() == !(std::string(row.etag) + row.last_modified).empty());
  }
}

TEST_CASE("RFC 9111 4.3.4: which 304 freshens which response") {
  struct Row {
    const char *stored, *not_modified;
    bool expected;
  };
  const Row rows[] = {
      {"ETag: \"a\"", "ETag: \"a\"", true},
      {"ETag: \"a\"", "ETag: \"b\"", false},
      {"ETag: W/\"a\"", "ETag: \"a\"", false},  // a strong one matches strongly
      {"ETag: W/\"a\"", "ETag: W/\"a\"", true},
      {"ETag: \"a\"", "ETag: W/\"a\"", true},
      {"ETag: W/\"a\"", "ETag: W/\"b\"", false},
      {"Last-Modified: x", "ETag: \"a\"", false},
      {"Last-Modified: x", "ETag: W/\"a\"", false},
      {"ETag: abc", "ETag: abc", true},  // unquoted, as some origins send it
      {"ETag: abc", "ETag: abd", false},
      {"ETag: abc", "ETag: \"abc\"", false},
      {"ETag: \"a\"\nLast-Modified: x", "ETag: \"a\"\nLast-Modified: y", true},
      {"ETag: \"a\"\nLast-Modified: x", "ETag: \"b\"\nLast-Modified: x", false},
      {"Last-Modified: x", "Last-Modified: x", true},
      {"Last-Modified: x", "Last-Modified: y", false},
      {"ETag: \"a\"", "Last-Modified: y", false},
      {"ETag: \"a\"", "Date: now", true},
      {"Last-Modified: x", "Date: now", true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.stored);
    CAPTURE(row.not_modified);
    const HeadText stored(row.stored);
    const HeadText not_modified(row.not_modified);
    CHECK(may_freshen(stored, not_modified) == row.expected);
  }
}

TEST_CASE("RFC 9111 3.2: a stored head updated by a 304") {
  struct Row {
    const char *stored, *not_modified, *expected;
  };
  const Row rows[] = {
      {"A: 1\nB: 2", "C: 3", "A: 1\nB: 2\nC: 3"},
      {"A: 1\nB: 2", "a: 9", "B: 2\na: 9"},
      {"Set-Cookie: a\nA: 1\nSet-Cookie: b", "Set-Cookie: c\nSet-Cookie: d", "A: 1\nSet-Cookie: c\nSet-Cookie: d"},
      {"Cache-Control: max-age=1\nETag: \"x\"", "cache-control: max-age=9", "ETag: \"x\"\ncache-control: max-age=9"},
      {"Content-Foo: 1\nContent-Location: /a", "Content-Foo: 2\nContent-Location: /b",
       "Content-Foo: 2\nContent-Location: /b"},
      {"Content-Type: a/b\nA: 1", "Content-Type: a/b;charset=utf-8", "A: 1\nContent-Type: a/b;charset=utf-8"},
      {"Content-Language: de\nA: 1", "Content-Language: en", "A: 1\nContent-Language: en"},
      // What describes the stored bytes stays with them
      {"Content-Length: 5\nContent-Encoding: gzip\nContent-Range: x",
       "Content-Length: 0\nContent-Encoding: br\nContent-Range: y",
       "Content-Length: 5\nContent-Encoding: gzip\nContent-Range: x"},
      {"ETag: \"x\"", "ETag: W/\"x\"", "ETag: \"x\""},
      {"Content-MD5: a\nDigest: b\nContent-Digest: c\nRepr-Digest: d",
       "content-md5: e\ndigest: f\nContent-digest: g\nrepr-digest: h",
       "Content-MD5: a\nDigest: b\nContent-Digest: c\nRepr-Digest: d"},
      {"Want-Repr-Digest: a", "Want-Repr-Digest: b", "Want-Repr-Digest: b"},
      {"A: 1", "Content-Length: 0\nContent-Encoding: br\nETag: \"x\"\nRepr-Digest: d", "A: 1"},
      // Hop-by-hop fields of the 304 end here (RFC 9110 7.6.1), and those that Connection names
      {"A: 1",
       "Connection: close\nKeep-Alive: x\nTransfer-Encoding: chunked\nTrailer: x\nUpgrade: x\nTE: x\nProxy-Connection: "
       "x\n"
       "Proxy-Authenticate: x\nProxy-Authorization: x\nProxy-Authentication-Info: x\nB: 2",
       "A: 1\nB: 2"},
      {"A: 1\nB: 2", "Connection: close, A\nConnection: c\na: 9\nC: 3\nD: 4", "A: 1\nB: 2\nD: 4"},
      {"Expires: x", "Connection: Expires\nExpires: y", "Expires: y"},  // a known end-to-end field is not named away
      // The age and the date of what was validated are those of the validation
      {"Date: old\nAge: 100\nA: 1", "Date: new", "A: 1\nDate: new"},
      {"Date: old\nAge: 100\nA: 1", "Date: new\nAge: 3", "A: 1\nDate: new\nAge: 3"},
      {"Date: old\nAge: 100\nA: 1", "B: 2", "A: 1\nB: 2"},
      {"", "A: 1", "A: 1"},
      {"A: 1", "", "A: 1"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.stored);
    CAPTURE(row.not_modified);
    const HeadText stored(row.stored);
    const HeadText not_modified(row.not_modified);
    http::FieldList out;
    out.push_back("Left", "over");
    merge(stored, not_modified, out);
    CHECK(http::to_text(out) == row.expected);
  }
}

TEST_CASE("RFC 9111 4.3.4: a freshened response is as fresh as its 304 says") {
  const HeadText stored("Date: Fri, 31 Jul 2026 00:00:00 GMT\nAge: 50\nCache-Control: max-age=60\nETag: \"a\"");
  const HeadText not_modified("Date: Sat, 01 Aug 2026 00:00:00 GMT\nETag: \"a\"");
  http::ResponseHead merged;
  merged.status = 200;
  merge(stored, not_modified, merged.fields);
  const Meta meta = describe(merged, http::parse_response_directives(merged.fields), kNow, kNow, Rules{});
  CHECK(ttl(meta, kNow) == Seconds(60));
}

TEST_CASE("RFC 9110 13.2.2, RFC 9111 4.3.2: the client's own conditions") {
  struct Row {
    const char *request, *stored;
    bool not_modified;
  };
  const Row rows[] = {
      {"Host: a", "ETag: \"a\"", false},
      {"If-None-Match: \"a\"", "ETag: \"a\"", true},
      {"If-None-Match: W/\"a\"", "ETag: \"a\"", true},
      {"If-None-Match: \"a\"", "ETag: W/\"a\"", true},
      {"If-None-Match: \"b\"", "ETag: \"a\"", false},
      {"If-None-Match: \"b\" , W/\"x\",\"a\"", "ETag: \"a\"", true},
      {"If-None-Match: ,, \"a\",", "ETag: \"a\"", true},
      {"If-None-Match: \"b\"\nIf-None-Match: \"a\"", "ETag: \"a\"", true},
      {"If-None-Match: *", "ETag: \"a\"", true},
      {"If-None-Match: *", "Date: x", true},
      {"If-None-Match: \"a\"", "Date: x", false},
      {"If-None-Match:", "ETag: \"a\"", false},
      {"If-None-Match: \"x,a\", \"b\"", "ETag: \"x,a\"", true},
      {"If-None-Match: \"x,a\"", "ETag: \"a\"", false},
      {"If-None-Match: \"x\\\", \"a\"", "ETag: \"a\"", true},  // a backslash is no escape here
      {"If-None-Match: \"x\\\", \"a\"", "ETag: \"x\\\"", true},
      {"If-None-Match: abc", "ETag: abc", true},
      {"If-None-Match: abc", "ETag: \"abc\"", false},
      {"If-None-Match: w/\"a\"", "ETag: \"a\"", false},
      {"If-None-Match: \"a", "ETag: \"a\"", false},
      {"If-None-Match: *, \"b\"", "ETag: \"a\"", false},
      {"If-None-Match: \"\xc3\xbc\"", "ETag: \"\xc3\xbc\"", true},
      // If-None-Match goes before If-Modified-Since
      {"If-None-Match: \"b\"\nIf-Modified-Since: Sat, 01 Aug 2026 00:00:00 GMT",
       "ETag: \"a\"\nLast-Modified: Wed, 01 Jul 2026 00:00:00 GMT", false},
      {"If-None-Match: \"a\"\nIf-Modified-Since: Mon, 01 Jun 2026 00:00:00 GMT",
       "ETag: \"a\"\nLast-Modified: Wed, 01 Jul 2026 00:00:00 GMT", true},
      // 13.1.3
      {"If-Modified-Since: Wed, 01 Jul 2026 00:00:00 GMT", "Last-Modified: Wed, 01 Jul 2026 00:00:00 GMT", true},
      {"If-Modified-Since: Wednesday, 01-Jul-26 00:00:00 GMT", "Last-Modified: Wed, 01 Jul 2026 00:00:00 GMT", true},
      {"If-Modified-Since: Wed, 01 Jul 2026 00:00:01 GMT", "Last-Modified: Wed, 01 Jul 2026 00:00:00 GMT", true},
      {"If-Modified-Since: Tue, 30 Jun 2026 23:59:59 GMT", "Last-Modified: Wed, 01 Jul 2026 00:00:00 GMT", false},
      {"If-Modified-Since: yesterday", "Last-Modified: Wed, 01 Jul 2026 00:00:00 GMT", false},
      {"If-Modified-Since: Wed, 01 Jul 2026 00:00:00 GMT\nIf-Modified-Since: Wed, 01 Jul 2026 00:00:00 GMT",
       "Last-Modified: Wed, 01 Jul 2026 00:00:00 GMT", false},
      {"If-Modified-Since: Sat, 01 Aug 2026 00:00:00 GMT", "Last-Modified: x", false},
      // Without Last-Modified: Date, or the time of receipt
      {"If-Modified-Since: Fri, 31 Jul 2026 23:00:00 GMT", "Date: Fri, 31 Jul 2026 23:00:00 GMT", true},
      {"If-Modified-Since: Fri, 31 Jul 2026 22:59:59 GMT", "Date: Fri, 31 Jul 2026 23:00:00 GMT", false},
      {"If-Modified-Since: Sat, 01 Aug 2026 00:00:00 GMT", "A: 1", true},
      {"If-Modified-Since: Fri, 31 Jul 2026 23:59:59 GMT", "A: 1", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.request);
    CAPTURE(row.stored);
    const HeadText request_fields(row.request);
    const HeadText stored(row.stored);
    http::RequestHead request;
    request.fields = request_fields.list();
    http::ResponseHead response;
    response.status = 200;
    response.fields = stored.list();
    const Meta meta = describe(response, {}, kNow, kNow, Rules{});
    const auto judged = [&](Method method, unsigned status) {
      request.method = method;
      const Condition c = evaluate(request, status, stored, meta, kNow);
      return c == Condition::NotModified;
    };
    CHECK(judged(Method::Get, 200) == row.not_modified);
    CHECK(judged(Method::Head, 200) == row.not_modified);
    CHECK_FALSE(judged(Method::Post, 200));
    CHECK_FALSE(judged(Method::Get, 404));
    CHECK_FALSE(judged(Method::Get, 206));
  }
}

TEST_CASE("a walk over hostile entity tags is linear") {
  std::string value = "If-None-Match: ";
  for (int i = 0; i < 100000; ++i) value += "\"a,";
  const HeadText request_fields(value);
  const HeadText stored("ETag: \"b\"");
  http::RequestHead request;
  request.method = Method::Get;
  request.fields = request_fields.list();
  CHECK(evaluate(request, 200, stored, Meta{}, kNow) == Condition::Proceed);
}

TEST_CASE("whose conditions they are") {
  const HeadText none("Range: bytes=0-1\nIf-Range: \"a\"");
  CHECK_FALSE(has_origin_condition(none));
  CHECK_FALSE(has_cache_condition(none));
  CHECK(has_origin_condition(HeadText("If-Match: *")));
  CHECK(has_origin_condition(HeadText("if-unmodified-since: x")));
  CHECK_FALSE(has_cache_condition(HeadText("If-Match: *")));
  CHECK(has_cache_condition(HeadText("If-None-Match: *")));
  CHECK(has_cache_condition(HeadText("If-Modified-Since: x")));
  CHECK_FALSE(has_origin_condition(HeadText("If-None-Match: *")));
}

TEST_CASE("RFC 9110 15.4.5: what a 304 carries") {
  using http::FieldName;
  for (const FieldName id : {FieldName::CacheControl, FieldName::ContentLocation, FieldName::Date, FieldName::ETag,
                             FieldName::Expires, FieldName::Vary, FieldName::LastModified}) {
    CHECK(belongs_into_304(id));
  }
  for (const FieldName id : {FieldName::ContentLength, FieldName::ContentType, FieldName::ContentEncoding,
                             FieldName::Age, FieldName::SetCookie, FieldName::Connection, FieldName::Other}) {
    CHECK_FALSE(belongs_into_304(id));
  }
}

TEST_CASE("RFC 9111 4.3.5: what a 200 to HEAD may update") {
  struct HeadRow {
    const char* stored;
    const char* head;
    bool expected;
  };
  const HeadRow rows[] = {
      {"ETag: \"1\"", "ETag: \"1\"", true},
      {"ETag: \"1\"", "ETag: \"2\"", false},
      {"ETag: \"1\"", "ETag: W/\"1\"", false},
      {"ETag: \"1\"", "Server: x", true},
      {"Server: x", "ETag: \"1\"", false},
      {"Last-Modified: Wed, 01 Jul 2026 00:00:00 GMT", "Last-Modified: Wed, 01 Jul 2026 00:00:00 GMT", true},
      {"Last-Modified: Wed, 01 Jul 2026 00:00:00 GMT", "Last-Modified: Thu, 02 Jul 2026 00:00:00 GMT", false},
      {"ETag: \"1\"", "ETag: \"1\"\nContent-Length: 10", true},
      {"ETag: \"1\"", "ETag: \"1\"\nContent-Length: 11", false},
      {"ETag: \"1\"", "Content-Length: x", false},
  };
  for (const HeadRow& row : rows) {
    CAPTURE(row.stored);
    CAPTURE(row.head);
    const http::HeadText stored(row.stored);
    const http::HeadText head(row.head);
    CHECK(may_update_by_head(stored.list(), 10, head.list()) == row.expected);
  }
}

TEST_CASE("RFC 9111 4.3.1: which tags of other variants may be offered") {
  CHECK(may_offer(http::HeadText("ETag: \"1\"").list()));
  CHECK_FALSE(may_offer(http::HeadText("ETag: W/\"1\"").list()));
  CHECK_FALSE(may_offer(http::HeadText("ETag: 1").list()));
  CHECK_FALSE(may_offer(http::HeadText("Server: x").list()));
  CHECK_FALSE(may_offer(http::HeadText("ETag: \"1\"\nContent-Encoding: gzip").list()));
}
