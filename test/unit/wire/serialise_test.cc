#include "proxy/wire/serialise.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "proxy/wire/head_parser.h"

namespace larder::wire {
namespace {

std::string rewritten(const std::string& bytes, bool without_conditions) {
  RequestParser parser{Limits{}};
  http::RequestHead head;
  const bool is_parsed = std::holds_alternative<Parsed>(parser.parse(bytes, head));
  REQUIRE(is_parsed);
  const auto uri = http::parse_absolute(head.target);
  REQUIRE(uri.has_value());
  std::string out;
  append_request(out, head, *uri, "larder", without_conditions);
  return out;
}

std::string end_to_end(const std::string& bytes) {
  ResponseParser parser{Limits{}};
  http::ResponseHead head;
  const bool is_parsed = std::holds_alternative<Parsed>(parser.parse(bytes, head));
  REQUIRE(is_parsed);
  std::string out;
  append_end_to_end(out, head.fields.span());
  return out;
}

TEST_CASE("a request is written anew: origin-form, Host from the target, Via") {
  CHECK(rewritten("GET http://A.test:80/x?y HTTP/1.0\r\nUser-Agent: u\r\nHost: other.test\r\nX-Empty:\r\n\r\n",
                  false) == "GET /x?y HTTP/1.1\r\nHost: a.test\r\nUser-Agent: u\r\nX-Empty: \r\nVia: 1.0 larder\r\n");
  CHECK(rewritten("GET http://a.test:8080 HTTP/1.1\r\nHost: a.test\r\n\r\n", false) ==
        "GET / HTTP/1.1\r\nHost: a.test:8080\r\nVia: 1.1 larder\r\n");
  CHECK(rewritten("GET http://[::1]:81/ HTTP/1.1\r\nHost: a.test\r\n\r\n", false) ==
        "GET / HTTP/1.1\r\nHost: [::1]:81\r\nVia: 1.1 larder\r\n");
}

TEST_CASE("OPTIONS for the server itself becomes the asterisk") {
  CHECK(
      rewritten("OPTIONS http://a.test HTTP/1.1\r\nHost: a.test\r\n\r\n", false).starts_with("OPTIONS * HTTP/1.1\r\n"));
  CHECK(rewritten("OPTIONS http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", false)
            .starts_with("OPTIONS / HTTP/1.1\r\n"));
  CHECK(rewritten("OPTIONS http://a.test?q HTTP/1.1\r\nHost: a.test\r\n\r\n", false)
            .starts_with("OPTIONS /?q HTTP/1.1\r\n"));
  CHECK(rewritten("GET http://a.test HTTP/1.1\r\nHost: a.test\r\n\r\n", false).starts_with("GET / HTTP/1.1\r\n"));
}

TEST_CASE("what ends at this hop is left out of a request") {
  CHECK(rewritten(
            "POST http://a.test/ HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive, X-Mine,TE\r\n"
            "Proxy-Connection: keep-alive\r\nKeep-Alive: 5\r\nTE: trailers\r\nTrailer: T\r\nTransfer-Encoding: "
            "chunked\r\n"
            "Upgrade: x\r\nProxy-Authorization: Basic eA==\r\nX-MINE: gone\r\nX-Mine2: stays\r\nContent-Length: 5\r\n"
            "Expect: 100-continue\r\nAccept: a\r\n\r\n",
            false) == "POST / HTTP/1.1\r\nHost: a.test\r\nX-Mine2: stays\r\nAccept: a\r\nVia: 1.1 larder\r\n");
}

TEST_CASE("conditions go when the fetch is Larder's own, and a Range with them") {
  const std::string bytes =
      "GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nIf-Match: \"a\"\r\nIf-None-Match: \"b\"\r\nIf-Modified-Since: "
      "x\r\n"
      "If-Unmodified-Since: y\r\nIf-Range: \"c\"\r\nRange: bytes=0-1\r\nAccept: a\r\n\r\n";
  CHECK(rewritten(bytes, true) == "GET / HTTP/1.1\r\nHost: a.test\r\nAccept: a\r\nVia: 1.1 larder\r\n");
  const std::string kept = rewritten(bytes, false);
  for (const char* line : {"If-Match: \"a\"\r\n", "If-None-Match: \"b\"\r\n", "If-Modified-Since: x\r\n",
                           "If-Unmodified-Since: y\r\n", "If-Range: \"c\"\r\n", "Range: bytes=0-1\r\n"}) {
    CAPTURE(line);
    CHECK(kept.find(line) != std::string::npos);
  }
}

TEST_CASE("Via members received are kept, in order, in one field") {
  CHECK(rewritten("GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nVia: 1.0 one\r\nA: b\r\nvia: 1.1 two, 1.1 "
                  "three\r\nVia:\r\n\r\n",
                  false) ==
        "GET / HTTP/1.1\r\nHost: a.test\r\nA: b\r\nVia: 1.0 one, 1.1 two, 1.1 three, 1.1 larder\r\n");
}

TEST_CASE("nominated fields") {
  http::FieldList fields;
  fields.push_back("Connection", "close, X-a , Cookie");
  fields.push_back("connection", "ACCEPT,,x-C");
  const Nominated nominated(fields.span());
  const auto has = [&](std::string_view name) { return nominated.has({name, "", http::field_name(name)}); };
  for (const char* name : {"X-A", "x-a", "cookie", "Accept", "X-C"}) CHECK_MESSAGE(has(name), name);
  for (const char* name : {"X-B", "X-", "X-AA", "Range", "close2"}) CHECK_MESSAGE(!has(name), name);

  http::FieldList greedy;
  greedy.push_back("Connection",
                   "host, content-length, cache-control, date, via, age, authorization, set-cookie, vary, "
                   "content-type, content-encoding, content-range");
  const Nominated none(greedy.span());
  for (http::MemberIterator m(greedy.span(), http::FieldName::Connection); m.next();) {
    CAPTURE(m.member());
    CHECK_FALSE(none.has({m.member(), "", http::field_name(m.member())}));
  }
}

TEST_CASE("a Connection field full of names costs no more than its length") {
  // 20,000 names against 250 fields: compared each with each that would be 5,000,000 comparisons of long common
  // prefixes.
  std::string names;
  for (int i = 0; i < 20'000; ++i) names += "n" + std::to_string(i % 10) + ",";
  http::FieldList fields;
  fields.push_back("Connection", names);
  for (int i = 0; i < 250; ++i) fields.push_back(i % 2 == 0 ? "n3" : "m3", "v");
  std::string out;
  append_end_to_end(out, fields.span());
  CHECK(out.size() == 125 * std::string_view("m3: v\r\n").size());
}

TEST_CASE("the end-to-end fields of a response") {
  CHECK(
      end_to_end(
          "HTTP/1.1 200 OK\r\nDate: d\r\nConnection: x-hop, date\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nContent-Length: 5\r\n"
          "Age: 7\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\nProxy-Authenticate: Basic\r\nVia: 1.1 a\r\nVia: 1.1 "
          "b\r\n"
          "Cache-Status: c; hit\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nETag: \"e\"\r\n\r\n") ==
      "Date: d\r\nVia: 1.1 a\r\nVia: 1.1 b\r\nCache-Status: c; hit\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nETag: "
      "\"e\"\r\n");
}

TEST_CASE("every hop-by-hop name, and no other that Larder knows") {
  int hops = 0;
  for (const char* name : {"Connection", "Proxy-Connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding",
                           "Upgrade", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Authentication-Info"}) {
    CAPTURE(name);
    CHECK(is_hop_by_hop(http::field_name(name)));
  }
  for (int i = 0; i <= static_cast<int>(http::FieldName::Warning); ++i) {
    if (is_hop_by_hop(static_cast<http::FieldName>(i))) ++hops;
  }
  CHECK(hops == 10);
}

TEST_CASE("status lines and fields") {
  std::string out;
  append_status_line(out, 200, "OK");
  append_status_line(out, 299, "");
  append_field(out, "A", "b");
  CHECK(out == "HTTP/1.1 200 OK\r\nHTTP/1.1 299 \r\nA: b\r\n");
}

}  // namespace
}  // namespace larder::wire
