#include "cache/policy/vary.h"

#include <doctest/doctest.h>

#include <string>

#include "test/unit/http/head_text.h"

using namespace larder;
using namespace larder::policy;
using http::HeadText;

namespace {

struct Row {
  const char *vary, *first, *second;
  bool matches;
};

std::optional<std::string> captured(std::string_view vary, std::string_view request) {
  const HeadText response(vary);
  const HeadText fields(request);
  return capture_vary(response, fields);
}

}  // namespace

TEST_CASE("RFC 9111 4.1: which requests a response answers") {
  const Row rows[] = {
      {"Date: x", "Foo: 1", "Foo: 2", true},
      {"Vary:", "Foo: 1", "Foo: 2", true},
      {"Vary: Foo", "Foo: 1", "Foo: 1", true},
      {"Vary: Foo", "Foo: 1", "foo: 1", true},
      {"Vary: foo", "FOO: 1", "Foo: 1\nBar: 2", true},
      {"Vary: Foo", "Foo: 1", "Foo: 2", false},
      {"Vary: Foo", "Foo: a", "Foo: A", false},
      {"Vary: Foo", "Foo: 1", "Bar: 1", false},
      {"Vary: Foo", "Bar: 1", "Foo: 1", false},
      {"Vary: Foo", "Bar: 1", "Bar: 2", true},  // absent both times
      {"Vary: Foo", "Foo:", "Bar: 1", false},   // absent is not empty
      {"Vary: Foo", "Foo:", "Foo:", true},
      {"Vary: Foo", "Foo: 1", "Foo: 12", false},
      {"Vary: Foo", "Foo: 12", "Foo: 1", false},
      {"Vary: Foo", "Foo: 1", "Foo: 1\nFoo: 2", false},
      {"Vary: Foo", "Foo: 1, 2", "Foo: 1\nFoo: 2", true},
      {"Vary: Foo", "Foo: 1,2", "Foo:  1 ,\t2 ", true},
      {"Vary: Foo", "Foo: 1, 2", "Foo: 2, 1", false},
      {"Vary: Foo", "Foo: 1 2", "Foo: 12", false},
      {"Vary: Foo", "Foo: \"1,2\"", "Foo: \"1, 2\"", false},  // inside a quoted string white space counts
      {"Vary: Foo, Bar", "Foo: 1\nBar: 2", "Bar: 2\nFoo: 1", true},
      {"Vary: Foo, Bar", "Foo: 1\nBar: 2", "Foo: 1\nBar: 3", false},
      {"Vary: Foo\nVary: Bar", "Foo: 1\nBar: 2", "Foo: 1\nBar: 3", false},
      {"Vary: Foo, Bar", "Foo: 1", "Bar: 1", false},
      {"Vary: Foo, Bar, Baz", "Foo: 1\nBaz: 3", "Baz: 3\nFoo: 1", true},
      {"Vary: Foo, Foo", "Foo: 1", "Foo: 1", true},
      {"Vary: Cookie", "Cookie: a=b", "Cookie: a=c", false},
      {"Vary: User-Agent", "User-Agent: x", "User-Agent: x", true},
      // Fields whose definition says what is the same
      {"Vary: Accept-Encoding", "Accept-Encoding: gzip, br", "Accept-Encoding: BR,GZip", true},
      {"Vary: Accept-Encoding", "Accept-Encoding: gzip, br", "Accept-Encoding: br\nAccept-Encoding: gzip", true},
      {"Vary: Accept-Encoding", "Accept-Encoding: gzip", "Accept-Encoding: gzip, br", false},
      {"Vary: Accept-Encoding", "Accept-Encoding: gzip", "Accept-Encoding: identity", false},
      {"Vary: Accept-Encoding", "Accept-Encoding: gzip;q=0, br", "Accept-Encoding: gzip, br;q=0", false},
      {"Vary: Accept-Encoding", "Host: a", "Accept-Encoding: gzip", false},
      {"Vary: Accept-Language", "Accept-Language: en, de", "Accept-Language: EN, De", true},
      {"Vary: Accept-Language", "Accept-Language: en, de", "Accept-Language: de, en", false},
      {"Vary: Accept", "Accept: a/b", "Accept: A/B", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.vary);
    CAPTURE(row.first);
    CAPTURE(row.second);
    const auto capture = captured(row.vary, row.first);
    REQUIRE(capture.has_value());
    const HeadText first(row.first);
    const HeadText second(row.second);
    CHECK(vary_matches(*capture, first));
    CHECK(vary_matches(*capture, second) == row.matches);
    // The same as comparing captures, and the same the other way round.
    CHECK((*capture == *captured(row.vary, row.second)) == row.matches);
    CHECK(vary_matches(*captured(row.vary, row.second), first) == row.matches);
  }
}

TEST_CASE("RFC 9111 4.1: a response that no other request may have") {
  for (const char* vary : {"Vary: *", "Vary: , *", "Vary: *, Foo", "Vary: Foo, *", "Vary: Foo\nVary: *", "Vary: a b",
                           "Vary: Accept;q=1", "Vary: \"Foo\""}) {
    CAPTURE(vary);
    CHECK(varies_on_everything(HeadText(vary)));
    CHECK_FALSE(captured(vary, "Foo: 1").has_value());
  }
  CHECK_FALSE(varies_on_everything(HeadText("Vary: Foo, Bar")));
  std::string many = "Vary: a";
  for (int i = 1; i < 64; ++i) many += ",a";
  CHECK_FALSE(varies_on_everything(HeadText(many)));
  CHECK(varies_on_everything(HeadText(many + ",a")));
}

TEST_CASE("no Vary captures nothing and matches everything") {
  CHECK(captured("Date: x", "Foo: 1") == "");
  CHECK(vary_matches("", HeadText("Foo: 1")));
}

TEST_CASE("more codings than are sorted still match themselves, and nothing else") {
  std::string forth = "Accept-Encoding: c0", back = "c0";
  for (int i = 1; i < 40; ++i) {
    forth += ", c" + std::to_string(i);
    back = "c" + std::to_string(i) + ", " + back;
  }
  const auto capture = captured("Vary: Accept-Encoding", forth);
  CHECK(vary_matches(*capture, HeadText(forth)));
  CHECK_FALSE(vary_matches(*capture, HeadText("Accept-Encoding: " + back)));
}

TEST_CASE("a capture cannot be forged by the values in it") {
  const auto a = captured("Vary: Foo, Bar", "Foo: 1\nBar: 2");
  const auto b = captured("Vary: Foo, Bar", "Foo: 1, Bar: 2");
  const auto c = captured("Vary: FooBar", "FooBar: 1");
  CHECK(a != b);
  CHECK_FALSE(vary_matches(*a, HeadText("Foo: 1, Bar: 2")));
  CHECK_FALSE(vary_matches(*b, HeadText("Foo: 1\nBar: 2")));
  CHECK(c != captured("Vary: Foo", "Foo: 1"));
}

TEST_CASE("a damaged capture matches nothing and reads nothing beyond its end") {
  const HeadText request("Foo: 1\nBar: 2");
  const std::string whole = *captured("Vary: Foo, Bar", "Foo: 1\nBar: 2");
  const std::size_t first_record = captured("Vary: Foo", "Foo: 1")->size();
  for (std::size_t n = 1; n < whole.size(); ++n) {
    CAPTURE(n);
    // Heap memory of the exact size: the sanitizer sees a read past it.
    const std::string cut(whole.data(), n);
    CHECK(vary_matches(cut, request) == (n == first_record));
  }
  CHECK_FALSE(vary_matches("\xff\xff\xff\xff", request));
  CHECK_FALSE(vary_matches(std::string("\xff\xff\xff\xff\xff\xff\xff\xff"), request));
}
