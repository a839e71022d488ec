#include "cache/policy/invalidation.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "test/unit/http/head_text.h"

using namespace larder;
using namespace larder::policy;
using http::HeadText;
using http::Method;

TEST_CASE("RFC 9111 4.4: a non-error response to an unsafe method invalidates") {
  for (const Method m : {Method::Post, Method::Put, Method::Delete, Method::Patch, Method::Other}) {
    for (const unsigned status : {200U, 201U, 204U, 299U, 302U, 304U, 399U}) CHECK(invalidates(m, status));
    for (const unsigned status : {0U, 100U, 199U, 400U, 404U, 500U, 599U}) CHECK_FALSE(invalidates(m, status));
  }
  for (const Method m : {Method::Get, Method::Head, Method::Options, Method::Trace, Method::Connect}) {
    CHECK_FALSE(invalidates(m, 200));
  }
}

TEST_CASE("RFC 9111 4.4: which URIs") {
  struct Row {
    const char *target, *response;
    std::vector<std::string> expected;
  };
  const Row rows[] = {
      {"HTTP://A:80/x?y", "Date: x", {"http://a/x?y"}},
      {"http://a", "Date: x", {"http://a/"}},
      {"http://a/x/y", "Location: z", {"http://a/x/y", "http://a/x/z"}},
      {"http://a/x/y", "Content-Location: /z?q#f", {"http://a/x/y", "http://a/z?q"}},
      {"http://a/x", "Content-Location: /c\nLocation: /l", {"http://a/x", "http://a/l", "http://a/c"}},
      {"http://a/x", "Location: http://A:80/l", {"http://a/x", "http://a/l"}},
      {"http://a/x", "Location: /x\nContent-Location: http://a/x", {"http://a/x"}},
      {"http://a/x", "Location: /y\nContent-Location: ../y", {"http://a/x", "http://a/y"}},
      // Another origin's are not touched
      {"http://a/x", "Location: http://b/l", {"http://a/x"}},
      {"http://a/x", "Location: //b/l", {"http://a/x"}},
      {"http://a/x", "Location: https://a/l", {"http://a/x"}},
      {"http://a/x", "Location: http://a:81/l", {"http://a/x"}},
      // Nonsense
      {"http://a/x", "Location: ftp://a/l\nContent-Location: a b", {"http://a/x"}},
      {"http://a/x", "Location:", {"http://a/x"}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.target);
    CAPTURE(row.response);
    const HeadText response(row.response);
    CHECK(invalidated(*http::parse_absolute(row.target), response) == row.expected);
  }
}
