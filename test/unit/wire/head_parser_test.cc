#include "proxy/wire/head_parser.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

namespace larder::wire {
namespace {

using namespace std::string_literals;

template <typename Parser, typename Head>
std::string verdict_at_once(Parser& parser, std::string_view bytes, Head& head) {
  const ParseResult result = parser.parse(bytes, head);
  if (const auto* parsed = std::get_if<Parsed>(&result)) return "parsed " + std::to_string(parsed->bytes);
  if (const auto* reject = std::get_if<Reject>(&result)) {
    return "refused " + std::to_string(reject->status) + ": " + std::string(reject->why);
  }
  return "more";
}

// The bytes arrive one by one, each time in another block of memory.
template <typename Parser, typename Head>
std::string verdict_by_bytes(Parser& parser, std::string_view bytes, Head& head, std::string& last_block) {
  std::string verdict = "more";
  for (std::size_t n = 0; n <= bytes.size() && verdict == "more"; ++n) {
    std::string block(bytes.substr(0, n));
    block.shrink_to_fit();
    last_block.swap(block);
    verdict = verdict_at_once(parser, last_block, head);
  }
  return verdict;
}

struct Outcome {
  std::string verdict;
  std::vector<std::string> fields;
};

template <typename Parser, typename Head>
Outcome outcome_of(std::string_view bytes, const Limits& limits = {}) {
  Parser parser(limits);
  Head at_once;
  Head by_bytes;
  std::string block;
  Outcome out;
  out.verdict = verdict_at_once(parser, bytes, at_once);
  parser.reset();
  CHECK(verdict_by_bytes(parser, bytes, by_bytes, block) == out.verdict);
  if (!out.verdict.starts_with("parsed")) return out;
  for (const http::Field& f : at_once.fields) out.fields.push_back(std::string(f.name) + "=" + std::string(f.value));
  std::vector<std::string> again;
  for (const http::Field& f : by_bytes.fields) again.push_back(std::string(f.name) + "=" + std::string(f.value));
  CHECK(again == out.fields);
  return out;
}

Outcome request(std::string_view bytes, const Limits& limits = {}) {
  return outcome_of<RequestParser, http::RequestHead>(bytes, limits);
}
Outcome response(std::string_view bytes, const Limits& limits = {}) {
  return outcome_of<ResponseParser, http::ResponseHead>(bytes, limits);
}

std::string status_of(const Outcome& outcome) {
  return outcome.verdict.substr(0, outcome.verdict.find(':'));
}

TEST_CASE("a request is parsed into views of the given bytes") {
  const std::string bytes =
      "GET http://a.test/x?y HTTP/1.1\r\nHost: a.test\r\nAccept:\t */* \t\r\nX-Empty:\r\n\r\nBODY";
  RequestParser parser{Limits{}};
  http::RequestHead head;
  const ParseResult result = parser.parse(bytes, head);
  REQUIRE(std::holds_alternative<Parsed>(result));
  CHECK(std::get<Parsed>(result).bytes == bytes.size() - 4);
  CHECK(head.method == http::Method::Get);
  CHECK(head.method_name == "GET");
  CHECK(head.target == "http://a.test/x?y");
  CHECK(head.minor == 1);
  REQUIRE(head.fields.size() == 3);
  const http::FieldSpan fields = head.fields.span();
  CHECK(fields[0].id == http::FieldName::Host);
  CHECK(fields[0].value == "a.test");
  CHECK(fields[1].name == "Accept");
  CHECK(fields[1].value == "*/*");
  CHECK(fields[2].value.empty());
  CHECK(head.target.data() == bytes.data() + 4);
  CHECK(fields[1].name.data() == bytes.data() + bytes.find("Accept"));
}

TEST_CASE("accepted requests") {
  struct Row {
    const char* what;
    std::string bytes;
    std::vector<std::string> fields;
  };
  const std::vector<Row> rows = {
      {"no fields", "GET / HTTP/1.0\r\n\r\n", {}},
      {"one empty line before", "\r\nGET / HTTP/1.1\r\nA: b\r\n\r\n", {"A=b"}},
      {"an unknown method", "M-SEARCH * HTTP/1.1\r\n\r\n", {}},
      {"a method of 64 bytes", std::string(64, 'M') + " / HTTP/1.1\r\n\r\n", {}},
      {"a lower-case method", "get / HTTP/1.1\r\n\r\n", {}},
      {"authority-form", "CONNECT a.test:443 HTTP/1.1\r\n\r\n", {}},
      {"a later minor version", "GET / HTTP/1.9\r\n\r\n", {}},
      {"all token characters", "GET / HTTP/1.1\r\n!#$%&'*+-.^_`|~09azAZ: v\r\n\r\n", {"!#$%&'*+-.^_`|~09azAZ=v"}},
      {"obs-text and tab inside a value", "GET / HTTP/1.1\r\nA: \x80\t\xff\r\n\r\n", {"A=\x80\t\xff"}},
      {"colons inside a value", "GET / HTTP/1.1\r\nA::b:c\r\n\r\n", {"A=:b:c"}},
      {"a value of blanks", "GET / HTTP/1.1\r\nA: \t \r\n\r\n", {"A="}},
      {"no blank after the colon", "GET / HTTP/1.1\r\nA:b\r\n\r\n", {"A=b"}},
      {"repeated names stay apart", "GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\na: 3\r\n\r\n", {"A=1", "B=2", "a=3"}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const Outcome outcome = request(row.bytes);
    CHECK(outcome.verdict == "parsed " + std::to_string(row.bytes.size()));
    CHECK(outcome.fields == row.fields);
  }
}

TEST_CASE("versions") {
  RequestParser parser{Limits{}};
  http::RequestHead head;
  for (const char digit : {'0', '1', '2', '9'}) {
    CAPTURE(digit);
    const std::string bytes = "GET / HTTP/1."s + digit + "\r\n\r\n";
    CHECK(std::holds_alternative<Parsed>(parser.parse(bytes, head)));
    CHECK(head.minor == (digit == '0' ? 0 : 1));
  }
  for (const char* version : {"HTTP/2.0", "HTTP/0.9", "HTTP/3.1"}) {
    CAPTURE(version);
    CHECK(status_of(request("GET / "s + version + "\r\n\r\n")) == "refused 505");
  }
  for (const char* version : {"http/1.1", "HTTP/1.1 ", "HTTP/1", "HTTP/1.", "HTTP/1.10", "HTTP/11.1", "HTTP/ 1.1",
                              "HTTP/1,1", "HTTP1.1", "HTTPS/1.1", "HTTP/-1.1", "ICY", "HTTP/1.x", "HTTP/x.1", ""}) {
    CAPTURE(version);
    CHECK(status_of(request("GET / "s + version + "\r\n\r\n")) == "refused 400");
  }
}

TEST_CASE("refused request lines") {
  struct Row {
    const char* what;
    std::string bytes;
    const char* verdict;
  };
  const std::vector<Row> rows = {
      {"HTTP/0.9", "GET /\r\n", "refused 400"},
      {"method alone", "GET\r\n\r\n", "refused 400"},
      {"two empty lines before", "\r\n\r\nGET / HTTP/1.1\r\n\r\n", "refused 400"},
      {"a bare CR before", "\rGET / HTTP/1.1\r\n\r\n", "refused 400"},
      {"a bare LF before", "\nGET / HTTP/1.1\r\n\r\n", "refused 400"},
      {"a blank before", " GET / HTTP/1.1\r\n\r\n", "refused 400"},
      {"two spaces after the method", "GET  / HTTP/1.1\r\n\r\n", "refused 400"},
      {"a tab after the method", "GET\t/ HTTP/1.1\r\n\r\n", "refused 400"},
      {"two spaces before the version", "GET /  HTTP/1.1\r\n\r\n", "refused 400"},
      {"a space in the target", "GET /a b HTTP/1.1\r\n\r\n", "refused 400"},
      {"a tab in the target", "GET /a\tb HTTP/1.1\r\n\r\n", "refused 400"},
      {"a NUL in the target", "GET /a\0b HTTP/1.1\r\n\r\n"s, "refused 400"},
      {"DEL in the target", "GET /\x7f HTTP/1.1\r\n\r\n", "refused 400"},
      {"a bare LF at the end", "GET / HTTP/1.1\n\r\n", "refused 400"},
      {"a bare CR at the end", "GET / HTTP/1.1\rX: y\r\n\r\n", "refused 400"},
      {"CR CR LF at the end", "GET / HTTP/1.1\r\r\n\r\n", "refused 400"},
      {"a method that is no token", "G@T / HTTP/1.1\r\n\r\n", "refused 400"},
      {"a method with a colon", "GET: / HTTP/1.1\r\n\r\n", "refused 400"},
      {"a method of 65 bytes", std::string(65, 'M') + " / HTTP/1.1\r\n\r\n", "refused 501"},
      {"an endless method", std::string(70'000, 'M'), "refused 501"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    CHECK(status_of(request(row.bytes)) == row.verdict);
  }
}

TEST_CASE("what speaks another protocol is refused at its first bytes") {
  CHECK(request("\x16\x03\x01\x02").verdict == "refused 400: this is TLS, but the port speaks plain HTTP");
  CHECK(status_of(request("\x05\x01"s)) == "refused 400");                         // SOCKS5
  CHECK(status_of(request("\x04\x01"s)) == "refused 400");                         // SOCKS4
  CHECK(status_of(request("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")) == "refused 505");  // HTTP/2's preface
  CHECK(status_of(request("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n")) == "refused 400");
  CHECK(status_of(response("SSH-2.0-x\r\n")) == "refused 502");
  CHECK(status_of(response("<html>")) == "refused 502");
}

TEST_CASE("refused field lines, in requests and responses alike") {
  struct Row {
    const char* what;
    std::string line;
    const char* why;
  };
  const std::vector<Row> rows = {
      {"bare LF", "A: b\n", "a line ends in LF without CR"},
      {"bare LF as the end of the head", "A: b\r\n\n", "a line ends in LF without CR"},
      {"bare CR inside a value", "A: b\rc\r\n", "a bare CR in a field value"},
      {"CR CR LF", "A: b\r\r\n", "a bare CR in a field value"},
      {"NUL in a value", "A: b\0c\r\n"s, "a NUL in a field value"},
      {"NUL in a name", "A\0: b\r\n"s, "a field name holds a character that is not allowed"},
      {"ESC in a value", "A: 123456789012345\x1b\r\n", "a control character in a field value"},
      {"DEL in a value", "A: b\x7f\r\n", "a control character in a field value"},
      {"vertical tab around a value", "A: \vchunked\r\n", "a control character in a field value"},
      {"obs-fold", "A: b\r\n c\r\n", "a field line begins with white space (obsolete line folding)"},
      {"obs-fold by a tab", "A: b\r\n\tc\r\n", "a field line begins with white space (obsolete line folding)"},
      {"white space before the first name", " A: b\r\n",
       "a field line begins with white space (obsolete line folding)"},
      {"space before the colon", "A : b\r\n", "white space before the colon of a field line"},
      {"tab before the colon", "A\t: b\r\n", "white space before the colon of a field line"},
      {"no colon", "AB\r\n", "a field line has no colon"},
      {"an empty name", ": b\r\n", "a field line has an empty name"},
      {"a blank inside a name", "A B: c\r\n", "a field name holds a character that is not allowed"},
      {"@ in a name", "A@B: c\r\n", "a field name holds a character that is not allowed"},
      {"obs-text in a name", "A\xe9: c\r\n", "a field name holds a character that is not allowed"},
      {"parentheses in a name", "(A): c\r\n", "a field name holds a character that is not allowed"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    CHECK(request("GET / HTTP/1.1\r\nH: a\r\n" + row.line + "\r\n").verdict == "refused 400: "s + row.why);
    CHECK(response("HTTP/1.1 200 OK\r\nH: a\r\n" + row.line + "\r\n").verdict == "refused 502: "s + row.why);
  }
}

TEST_CASE("every control character is refused at every place of a value") {
  const std::string clean(19, 'v');
  for (int c = 0; c < 256; ++c) {
    for (std::size_t at = 1; at + 1 < clean.size(); ++at) {
      std::string value = clean;
      value[at] = static_cast<char>(c);
      http::RequestHead head;
      RequestParser parser{Limits{}};
      const std::string bytes = "GET / HTTP/1.1\r\nA: " + value + "\r\n\r\n";
      const bool is_allowed = c == '\t' || (c >= 0x20 && c != 0x7f);
      CAPTURE(c);
      CAPTURE(at);
      REQUIRE(std::holds_alternative<Parsed>(parser.parse(bytes, head)) == is_allowed);
    }
  }
}

TEST_CASE("limits, exactly at and one past them") {
  const Limits limits{.head = 200, .target = 40, .fields = 3};
  const auto with_target = [](std::size_t n) { return "GET " + std::string(n, 't') + " HTTP/1.1\r\n\r\n"; };
  CHECK(status_of(request(with_target(40), limits)).starts_with("parsed"));
  CHECK(status_of(request(with_target(41), limits)) == "refused 414");
  CHECK(status_of(request("GET " + std::string(41, 't'), limits)) == "refused 414");  // before the line has ended
  CHECK(request("GET " + std::string(40, 't'), limits).verdict == "more");

  const auto with_fields = [](int n) {
    std::string bytes = "GET / HTTP/1.1\r\n";
    for (int i = 0; i < n; ++i) bytes += "A: b\r\n";
    return bytes + "\r\n";
  };
  CHECK(request(with_fields(3), limits).fields.size() == 3);
  CHECK(status_of(request(with_fields(4), limits)) == "refused 431");

  const auto with_size = [](std::size_t n) {
    const std::string around = "GET / HTTP/1.1\r\nA: \r\n\r\n";
    return std::string(around).insert(around.find("\r\n\r\n"), std::string(n - around.size(), 'v'));
  };
  CHECK(request(with_size(200), limits).verdict == "parsed 200");
  CHECK(status_of(request(with_size(201), limits)) == "refused 431");
  CHECK(request(with_size(300).substr(0, 199), limits).verdict == "more");
  CHECK(status_of(request(with_size(300).substr(0, 200), limits)) == "refused 431");  // before the head has ended

  CHECK(status_of(response("HTTP/1.1 200 " + std::string(300, 'r'), limits)) == "refused 502");
  CHECK(status_of(response("HTTP/1.1 200 OK\r\nA: " + std::string(300, 'r'), limits)) == "refused 502");
  CHECK(status_of(request("GET " + std::string(300, 't'), {.head = 200, .target = 400, .fields = 3})) == "refused 414");
}

TEST_CASE("a head of one endless line arriving byte by byte costs linear time") {
  // 60,000 bytes; a parser that looked again at all of them for each byte would take 1.8e9 steps.
  std::string bytes = "GET / HTTP/1.1\r\nA: ";
  RequestParser parser{Limits{}};
  http::RequestHead head;
  while (bytes.size() < 60'000) {
    bytes.push_back('v');
    REQUIRE(std::holds_alternative<NeedMore>(parser.parse(bytes, head)));
  }
  bytes += "\r\n\r\n";
  REQUIRE(std::holds_alternative<Parsed>(parser.parse(bytes, head)));
  CHECK(head.fields.span()[0].value.size() == 60'000 - 19);
}

TEST_CASE("one parser serves pipelined requests") {
  const std::string bytes = "GET /1 HTTP/1.1\r\nA: 1\r\n\r\nGET /22 HTTP/1.1\r\n\r\nGET /3";
  RequestParser parser{Limits{}};
  http::RequestHead head;
  std::string_view rest = bytes;
  ParseResult result = parser.parse(rest, head);
  REQUIRE(std::holds_alternative<Parsed>(result));
  CHECK(head.target == "/1");
  rest.remove_prefix(std::get<Parsed>(result).bytes);
  parser.reset();
  result = parser.parse(rest, head);
  REQUIRE(std::holds_alternative<Parsed>(result));
  CHECK(head.target == "/22");
  CHECK(head.fields.empty());
  rest.remove_prefix(std::get<Parsed>(result).bytes);
  parser.reset();
  CHECK(std::holds_alternative<NeedMore>(parser.parse(rest, head)));
  CHECK(rest == "GET /3");
}

TEST_CASE("accepted status lines") {
  struct Row {
    std::string line;
    unsigned status;
    std::string reason;
    unsigned minor;
  };
  for (const Row& row : std::vector<Row>{{"HTTP/1.1 200 OK", 200, "OK", 1},
                                         {"HTTP/1.1 204", 204, "", 1},
                                         {"HTTP/1.1 304 ", 304, "", 1},
                                         {"HTTP/1.0 404 Not  Found", 404, "Not  Found", 0},
                                         {"HTTP/1.3 599 caf\xe9\t!", 599, "caf\xe9\t!", 1},
                                         {"HTTP/1.1 999 Request denied", 999, "Request denied", 1},
                                         {"HTTP/1.1 100 Continue", 100, "Continue", 1}}) {
    CAPTURE(row.line);
    const std::string bytes = row.line + "\r\nA: b\r\n\r\n";
    ResponseParser parser{Limits{}};
    http::ResponseHead head;
    const ParseResult result = parser.parse(bytes, head);
    REQUIRE(std::holds_alternative<Parsed>(result));
    CHECK(std::get<Parsed>(result).bytes == bytes.size());
    CHECK(head.status == row.status);
    CHECK(head.reason == row.reason);
    CHECK(head.minor == row.minor);
    CHECK(head.fields.size() == 1);
    CHECK(response(bytes).fields == std::vector<std::string>{"A=b"});
  }
}

TEST_CASE("refused status lines") {
  for (const std::string& line : {"HTTP/2.0 200 OK"s,
                                  "HTTP/0.9 200 OK"s,
                                  "http/1.1 200 OK"s,
                                  "HTTP/1.1 099 X"s,
                                  "HTTP/1.1 20 X"s,
                                  "HTTP/1.1 2000 X"s,
                                  "HTTP/1.1 2x0 X"s,
                                  "HTTP/1.1 -20 X"s,
                                  "HTTP/1.1 +20 X"s,
                                  "HTTP/1.1  200 OK"s,
                                  "HTTP/1.1\t200 OK"s,
                                  "HTTP/1.1 200\tOK"s,
                                  "HTTP/1.1"s,
                                  "HTTP/1.1 "s,
                                  "HTTP/1 200 OK"s,
                                  "HTTP/1.10 200 OK"s,
                                  " HTTP/1.1 200 OK"s,
                                  "ICY 200 OK"s,
                                  ""s,
                                  "HTTP/1.1 200 O\rK"s,
                                  "HTTP/1.1 200\rOK"s,
                                  "HTTP/1.1 200 O\0K"s,
                                  "HTTP/1.1 200 O\x7fK"s,
                                  "HTTP/1.1 200 OK\r"s,
                                  "\r\nHTTP/1.1 200 OK"s}) {
    CAPTURE(line);
    CHECK(status_of(response(line + "\r\nA: b\r\n\r\n")) == "refused 502");
  }
  CHECK(status_of(response("HTTP/1.1 200 OK\nA: b\r\n\r\n")) == "refused 502");
}

}  // namespace
}  // namespace larder::wire
