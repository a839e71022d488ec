#include "cache/http/message.h"

#include <doctest/doctest.h>

#include <string>

using namespace larder::http;

TEST_CASE("RFC 9110 9.1 and 9.2: methods are case-sensitive, and safe and idempotent as said") {
  struct Row {
    const char* name;
    Method method;
    bool safe, idempotent;
  };
  const Row rows[] = {
      {"GET", Method::Get, true, true},          {"HEAD", Method::Head, true, true},
      {"POST", Method::Post, false, false},      {"PUT", Method::Put, false, true},
      {"DELETE", Method::Delete, false, true},   {"CONNECT", Method::Connect, false, false},
      {"OPTIONS", Method::Options, true, true},  {"TRACE", Method::Trace, true, true},
      {"PATCH", Method::Patch, false, false},    {"get", Method::Other, false, false},
      {"GETS", Method::Other, false, false},     {"", Method::Other, false, false},
      {"PROPFIND", Method::Other, false, false}, {"POSTS", Method::Other, false, false},
      {"M-SEARCH", Method::Other, false, false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(method_of(row.name) == row.method);
    CHECK(is_safe(row.method) == row.safe);
    CHECK(is_idempotent(row.method) == row.idempotent);
  }
}

TEST_CASE("RFC 9112 6.3: which responses have no body") {
  CHECK(is_bodiless(Method::Head, 200));
  CHECK(is_bodiless(Method::Get, 100));
  CHECK(is_bodiless(Method::Get, 199));
  CHECK(is_bodiless(Method::Get, 204));
  CHECK(is_bodiless(Method::Post, 304));
  CHECK(is_bodiless(Method::Connect, 200));
  CHECK(is_bodiless(Method::Connect, 299));
  CHECK_FALSE(is_bodiless(Method::Connect, 407));
  CHECK_FALSE(is_bodiless(Method::Get, 200));
  CHECK_FALSE(is_bodiless(Method::Get, 205));
  CHECK_FALSE(is_bodiless(Method::Options, 404));
}

TEST_CASE("reason phrases") {
  CHECK(reason_phrase(200) == "OK");
  CHECK(reason_phrase(304) == "Not Modified");
  CHECK(reason_phrase(413) == "Content Too Large");
  CHECK(reason_phrase(431) == "Request Header Fields Too Large");
  CHECK(reason_phrase(504) == "Gateway Timeout");
  CHECK(reason_phrase(306) == "");
  CHECK(reason_phrase(599) == "");
  CHECK(reason_phrase(0) == "");
}

TEST_CASE("heads are cleared and moved with their text") {
  std::string first = "GET /x Host a";
  const std::string_view t = first;
  RequestHead request{Method::Get, 0, t.substr(0, 3), t.substr(4, 2), {}};
  request.fields.push_back(t.substr(7, 4), t.substr(12, 1));
  const std::string second = first;
  request.rebase(first.data(), second.data());
  first.assign(first.size(), '#');
  CHECK(request.method_name == "GET");
  CHECK(request.target == "/x");
  CHECK(value_of(request.fields, FieldName::Host) == "a");
  request.clear();
  CHECK(request.method == Method::Other);
  CHECK(request.minor == 1);
  CHECK(request.target.empty());
  CHECK(request.fields.empty());

  std::string one = "OK";
  ResponseHead response{200, 0, one, {}};
  const std::string two = one;
  response.rebase(one.data(), two.data());
  CHECK(response.reason.data() == two.data());
  response.clear();
  CHECK(response.status == 0);
  CHECK(response.minor == 1);
  CHECK(response.reason.empty());
}
