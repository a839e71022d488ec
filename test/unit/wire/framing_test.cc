#include "proxy/wire/framing.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "proxy/wire/head_parser.h"

namespace larder::wire {
namespace {

using namespace std::string_literals;

std::string to_text(const tl::expected<Framing, Reject>& framing) {
  if (!framing) return "refused " + std::to_string(framing.error().status) + ": " + std::string(framing.error().why);
  switch (framing->kind) {
    case Framing::Kind::None:
      return "none";
    case Framing::Kind::Length:
      return "length " + std::to_string(framing->length);
    case Framing::Kind::Chunked:
      return "chunked";
    case Framing::Kind::UntilClose:
      return "until close";
  }
  return "?";
}

std::string status_of(const std::string& text) {
  return text.substr(0, text.find(':'));
}

// `head` is the whole head without the empty line at its end.
std::string of_request(const std::string& head) {
  const std::string bytes = head + "\r\n";
  RequestParser parser{Limits{}};
  http::RequestHead parsed;
  const bool is_parsed = std::holds_alternative<Parsed>(parser.parse(bytes, parsed));
  REQUIRE(is_parsed);
  return to_text(request_framing(parsed));
}

std::string of_response(http::Method method, const std::string& head) {
  const std::string bytes = head + "\r\n";
  ResponseParser parser{Limits{}};
  http::ResponseHead parsed;
  const bool is_parsed = std::holds_alternative<Parsed>(parser.parse(bytes, parsed));
  REQUIRE(is_parsed);
  return to_text(response_framing(method, parsed));
}

std::string post(const std::string& fields) {
  return of_request("POST /x HTTP/1.1\r\nHost: a.test\r\n" + fields);
}
std::string ok(const std::string& fields) {
  return of_response(http::Method::Get, "HTTP/1.1 200 OK\r\n" + fields);
}

TEST_CASE("Content-Length") {
  struct Row {
    std::string fields;
    std::string verdict;
  };
  const std::string bad = "refused 400: Content-Length is not a plain number";
  const std::string differs = "refused 400: Content-Length is given with different values";
  for (const Row& row : std::vector<Row>{
           {"", "none"},
           {"Content-Length: 0\r\n", "length 0"},
           {"content-length: 5\r\n", "length 5"},
           {"Content-Length: 007\r\n", "length 7"},
           {"Content-Length: 9223372036854775807\r\n", "length 9223372036854775807"},
           {"Content-Length: 5, 5\r\n", "length 5"},
           {"Content-Length: 5\r\nContent-Length: 5\r\n", "length 5"},
           {"Content-Length: 5,5 ,\t5\r\nContent-Length: 5\r\n", "length 5"},
           {"Content-Length: 9223372036854775808\r\n", "refused 400: Content-Length is too large"},
           {"Content-Length: 18446744073709551621\r\n", bad},  // 2^64 + 5
           {"Content-Length: 00000000000000000005\r\n", bad},  // 20 digits
           {"Content-Length: \r\n", bad},
           {"Content-Length: +5\r\n", bad},
           {"Content-Length: -1\r\n", bad},
           {"Content-Length: 0x5\r\n", bad},
           {"Content-Length: 5 5\r\n", bad},
           {"Content-Length: 5.0\r\n", bad},
           {"Content-Length: 5e0\r\n", bad},
           {"Content-Length: 5;a\r\n", bad},
           {"Content-Length: \"5\"\r\n", bad},
           {"Content-Length: ,5\r\n", bad},
           {"Content-Length: \xb2\r\n", bad},
           {"Content-Length: five\r\n", bad},
           {"Content-Length: 5, 6\r\n", differs},
           {"Content-Length: 5, 05\r\n", differs},
           {"Content-Length: 5,\r\n", differs},
           {"Content-Length: 5,,5\r\n", differs},
           {"Content-Length: 5\r\nContent-Length: 6\r\n", differs},
           {"Content-Length: 5\r\nContent-Length: \r\n", differs},
           {"Content-Length: 5\r\nX: y\r\nCONTENT-LENGTH: 6\r\n", differs},
       }) {
    CAPTURE(row.fields);
    CHECK(post(row.fields) == row.verdict);
    if (row.verdict.starts_with("length")) CHECK(ok(row.fields) == row.verdict);
    if (row.verdict.starts_with("refused")) CHECK(ok(row.fields) == "refused 502" + row.verdict.substr(11));
  }
}

TEST_CASE("Transfer-Encoding") {
  struct Row {
    std::string fields;
    std::string verdict;
  };
  for (const Row& row : std::vector<Row>{
           {"Transfer-Encoding: chunked\r\n", "chunked"},
           {"transfer-encoding: \tChunkeD \r\n", "chunked"},
           {"Transfer-Encoding: \r\n", "refused 400"},
           {"Transfer-Encoding: identity\r\n", "refused 400"},
           {"Transfer-Encoding: gzip\r\n", "refused 400"},
           {"Transfer-Encoding: xchunked\r\n", "refused 400"},
           {"Transfer-Encoding: chunked;q=1\r\n", "refused 400"},
           {"Transfer-Encoding: chunked, chunked\r\n", "refused 400"},
           {"Transfer-Encoding: chunked, identity\r\n", "refused 400"},
           {"Transfer-Encoding: ,chunked\r\n", "refused 400"},
           {"Transfer-Encoding: chunked,\r\n", "refused 400"},
           {"Transfer-Encoding: \"chunked\"\r\n", "refused 400"},
           {"Transfer-Encoding: \xa0"s + "chunked\r\n", "refused 400"},
           {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "refused 400"},
           {"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", "refused 400"},
           {"Transfer-Encoding: gzip, chunked\r\n", "refused 501"},
           {"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", "refused 501"},
           {"Transfer-Encoding: gzip;q=1, chunked\r\n", "refused 400"},
           {"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "refused 400"},
           {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "refused 400"},
           {"Content-Length: 0\r\nTransfer-Encoding: gzip, chunked\r\n", "refused 400"},
           {"Content-Length: x\r\nTransfer-Encoding: chunked\r\n", "refused 400"},
       }) {
    CAPTURE(row.fields);
    CHECK(status_of(post(row.fields)) == row.verdict);
    CHECK(status_of(ok(row.fields)) == (row.verdict == "chunked" ? "chunked" : "refused 502"));
  }
  CHECK(status_of(of_request("POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n")) == "refused 400");
  CHECK(status_of(of_response(http::Method::Get, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n")) ==
        "refused 502");
}

TEST_CASE("Host") {
  struct Row {
    std::string head;
    std::string verdict;
  };
  const std::string invalid = "refused 400: Host is not a host with an optional port";
  for (const Row& row : std::vector<Row>{
           {"GET /x HTTP/1.1\r\nHost: a.test\r\n", "none"},
           {"GET /x HTTP/1.1\r\nHost: a.test:8080\r\n", "none"},
           {"GET /x HTTP/1.1\r\nHost: [::1]:80\r\n", "none"},
           {"GET http://a.test/ HTTP/1.1\r\nHost: b.test\r\n", "none"},  // the target wins
           {"GET http://a.test/ HTTP/1.1\r\nHost:\r\n", "none"},
           {"GET /x HTTP/1.0\r\n", "none"},
           {"CONNECT a.test:443 HTTP/1.0\r\n", "none"},  // pip
           {"CONNECT a.test:443 HTTP/1.1\r\n", "none"},
           {"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n", "none"},  // Java
           {"CONNECT a.test:443 HTTP/1.1\r\nHost:\r\n", "none"},
           {"GET http://a.test/ HTTP/1.1\r\n", "refused 400: Host is missing"},
           {"GET http://a.test/ HTTP/1.9\r\n", "refused 400: Host is missing"},
           {"GET /x HTTP/1.1\r\nHost:\r\n", invalid},
           {"GET /x HTTP/1.1\r\nHost: a b\r\n", invalid},
           {"GET http://a.test/ HTTP/1.1\r\nHost: a/b\r\n", invalid},
           {"GET http://a.test/ HTTP/1.1\r\nHost: u@a.test\r\n", invalid},
           {"GET http://a.test/ HTTP/1.1\r\nHost: a.test:x\r\n", invalid},
           {"GET http://a.test/ HTTP/1.1\r\nHost: a.test:99999\r\n", invalid},
           {"GET http://a.test/ HTTP/1.1\r\nHost: http://a.test\r\n", invalid},
           {"GET http://a.test/ HTTP/1.1\r\nHost: [::1\r\n", invalid},
           {"GET /x HTTP/1.0\r\nHost: a b\r\n", invalid},
           {"CONNECT a.test:443 HTTP/1.1\r\nHost: a b\r\n", invalid},
           {"GET /x HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n", "refused 400: more than one Host"},
           {"GET /x HTTP/1.0\r\nHost: a.test\r\nhost: b.test\r\n", "refused 400: more than one Host"},
           {"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n", "refused 400: more than one Host"},
       }) {
    CAPTURE(row.head);
    CHECK(of_request(row.head) == row.verdict);
  }
}

TEST_CASE("a CONNECT has no content") {
  const std::string connect = "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n";
  CHECK(of_request(connect) == "none");
  CHECK(of_request(connect + "Content-Length: 0\r\n") == "none");
  CHECK(of_request(connect + "Content-Length: 5\r\n") == "refused 400: CONNECT with content");
  CHECK(of_request(connect + "Transfer-Encoding: chunked\r\n") == "refused 400: CONNECT with content");
}

TEST_CASE("responses that have no content, whatever their fields say") {
  using enum http::Method;
  const std::string length = "Content-Length: 5\r\n";
  CHECK(of_response(Head, "HTTP/1.1 200 OK\r\n" + length) == "none");
  CHECK(of_response(Head, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n") == "none");
  CHECK(of_response(Get, "HTTP/1.1 304 Not Modified\r\n" + length) == "none");
  CHECK(of_response(Get, "HTTP/1.1 204 No Content\r\n" + length) == "none");
  CHECK(of_response(Get, "HTTP/1.1 100 Continue\r\n") == "none");
  CHECK(of_response(Get, "HTTP/1.1 103 Early Hints\r\n" + length) == "none");
  CHECK(of_response(Connect, "HTTP/1.1 200 OK\r\n" + length) == "none");
  CHECK(of_response(Connect, "HTTP/1.1 200 OK\r\nTransfer-Encoding: x\r\n") == "none");
  CHECK(of_response(Connect, "HTTP/1.1 407 No\r\n" + length) == "length 5");
  CHECK(of_response(Get, "HTTP/1.1 200 OK\r\n") == "until close");
  CHECK(of_response(Get, "HTTP/1.0 200 OK\r\n" + length) == "length 5");
  CHECK(of_response(Post, "HTTP/1.1 205 Reset\r\n" + length) == "length 5");
  // Not used, but checked:
  CHECK(status_of(of_response(Head, "HTTP/1.1 200 OK\r\nContent-Length: x\r\n")) == "refused 502");
  CHECK(status_of(of_response(Get, "HTTP/1.1 304 Not Modified\r\nContent-Length: 1, 2\r\n")) == "refused 502");
  CHECK(status_of(of_response(Get, "HTTP/1.1 204 No Content\r\n" + length + "Transfer-Encoding: chunked\r\n")) ==
        "refused 502");
}

TEST_CASE("keep-alive") {
  const auto keeps = [](std::uint8_t minor, std::string_view name, std::string_view value) {
    http::FieldList fields;
    if (!name.empty()) fields.push_back(name, value);
    return wants_keep_alive(minor, fields.span());
  };
  CHECK(keeps(1, "", ""));
  CHECK_FALSE(keeps(0, "", ""));
  CHECK_FALSE(keeps(1, "Connection", "close"));
  CHECK_FALSE(keeps(1, "Connection", "upgrade, CLOSE"));
  CHECK(keeps(1, "Connection", "closed"));
  CHECK(keeps(0, "Connection", "Keep-Alive"));
  CHECK_FALSE(keeps(0, "Connection", "keep-alive, close"));
  CHECK(keeps(0, "Proxy-Connection", "keep-alive"));
  CHECK_FALSE(keeps(1, "Proxy-Connection", "close"));
  http::FieldList both;
  both.push_back("Proxy-Connection", "keep-alive");
  both.push_back("Connection", "close");
  CHECK_FALSE(wants_keep_alive(1, both.span()));
  CHECK_FALSE(wants_keep_alive(0, both.span()));
}

}  // namespace
}  // namespace larder::wire
