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

void check(const Row& row) {
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
  };
  for (const Row& row : rows) check(row);
}

TEST_CASE("RFC 9110 12.5.3, 8.4.1: Accept-Encoding compares by what it says") {
  const char* vary = "Vary: Accept-Encoding";
  const Row rows[] = {
      {vary, "Accept-Encoding: gzip, br", "Accept-Encoding: BR,GZip", true},
      {vary, "Accept-Encoding: gzip, br", "Accept-Encoding: br\nAccept-Encoding: gzip", true},
      {vary, "Accept-Encoding: gzip, deflate, br", "Accept-Encoding: br, gzip, deflate", true},
      {vary, "Accept-Encoding: gzip", "Accept-Encoding: gzip, br", false},
      {vary, "Accept-Encoding: gzip", "Accept-Encoding: identity", false},
      {vary, "Accept-Encoding: gzip;q=0, br", "Accept-Encoding: gzip, br;q=0", false},
      {vary, "Host: a", "Accept-Encoding: gzip", false},
      {vary, "Host: a", "Accept-Encoding:", false},
      {vary, "Accept-Encoding:", "Accept-Encoding: ,", true},
      {vary, "Accept-Encoding: br;q=1.0, gzip;q=0.8, *;q=0.1", "Accept-Encoding: *;Q=0.100,gzip ; q=0.80,br", true},
      {vary, "Accept-Encoding: gzip;q=1.", "Accept-Encoding: gzip;q=1.000", true},
      {vary, "Accept-Encoding: gzip;q=0", "Accept-Encoding: gzip;q=0.000", true},
      {vary, "Accept-Encoding: gzip;q=0.05", "Accept-Encoding: gzip;q=0.050", true},
      {vary, "Accept-Encoding: gzip;q=0.05", "Accept-Encoding: gzip;q=0.5", false},
      {vary, "Accept-Encoding: gzip;q=0.123", "Accept-Encoding: gzip;q=0.12", false},
      {vary, "Accept-Encoding: gzip\t; q = 0.5", "Accept-Encoding: gzip;q=0.5", true},
      {vary, "Accept-Encoding: x-gzip, X-Compress;q=0.5", "Accept-Encoding: compress;q=0.5, gzip", true},
      {vary, "Accept-Encoding: x-br", "Accept-Encoding: br", false},
      // One coding twice: nothing is guessed
      {vary, "Accept-Encoding: gzip, gzip", "Accept-Encoding: gzip", false},
      {vary, "Accept-Encoding: gzip, gzip;q=0", "Accept-Encoding: gzip;q=0, gzip", false},
      {vary, "Accept-Encoding: gzip, x-gzip;q=0", "Accept-Encoding: x-gzip, gzip;q=0", false},
      {vary, "Accept-Encoding: x-gzip, gzip", "Accept-Encoding:  x-gzip ,gzip", true},
      {vary, "Accept-Encoding: gzip, x-gzip", "Accept-Encoding: gzip, gzip", false},
      // Nor where the list is malformed
      {vary, "Accept-Encoding: gzip;q=2, br", "Accept-Encoding: gzip;q=2,br", true},
      {vary, "Accept-Encoding: gzip;q=2, br", "Accept-Encoding: br, gzip;q=2", false},
      {vary, "Accept-Encoding: gzip;q=2, br", "Accept-Encoding: gzip, br", false},
      {vary, "Accept-Encoding: gzip;q=.5", "Accept-Encoding: gzip;q=0.5", false},
      {vary, "Accept-Encoding: gzip;q=0.1234", "Accept-Encoding: gzip;q=0.123", false},
      {vary, "Accept-Encoding: gzip;q", "Accept-Encoding: gzip", false},
      {vary, "Accept-Encoding: gzip;", "Accept-Encoding: gzip", false},
      {vary, "Accept-Encoding: gzip;x=1, br", "Accept-Encoding: br, gzip;x=1", false},
      {vary, "Accept-Encoding: gzip br", "Accept-Encoding: br gzip", false},
      {vary, "Accept-Encoding: \"gzip, br\"", "Accept-Encoding: \"br, gzip\"", false},
  };
  for (const Row& row : rows) check(row);
}

TEST_CASE("RFC 9110 12.5.2, 12.5.4: Accept-Language and Accept-Charset compare by what they say") {
  for (const std::string name : {"Accept-Language", "Accept-Charset"}) {
    const std::string vary = "Vary: " + name;
    struct Values {
      const char *first, *second;
      bool matches;
    };
    const Values rows[] = {
        {"en, de", "EN, De", true},
        {"en, de", "de, en", true},  // weights decide, not the order
        {"en, de", "en,  de", true},
        {"en, de", "en", false},
        {"en, de;q=0.5", "de;q=0.50 , en;q=1", true},
        {"en, de;q=0.5", "de, en;q=0.5", false},
        {"en-US,en;q=0.9,*;q=0.1", "*;q=0.1, EN;q=0.9, en-us", true},
        {"en-US", "en", false},
        {"en, en", "en", false},
        {"en;q=0.1, en, de", "en, en;q=0.1, de", false},
        {"x-gzip", "gzip", false},
        {"en;level=1, de", "de, en;level=1", false},
    };
    for (const Values& row : rows) {
      const std::string first = name + ": " + row.first;
      const std::string second = name + ": " + row.second;
      check({vary.c_str(), first.c_str(), second.c_str(), row.matches});
    }
  }
}

TEST_CASE("RFC 9110 12.5.1: Accept compares by what it says, parameters as they are written") {
  const Row rows[] = {
      {"Vary: Accept", "Accept: a/b", "Accept: A/B", true},
      {"Vary: Accept", "Accept: text/html, */*;q=0.8", "Accept: */*;q=0.80,TEXT/html;q=1.0", true},
      {"Vary: Accept", "Accept: text/html, a/b", "Accept: text/html", false},
      {"Vary: Accept", "Accept: text/*, a/b;q=0.5", "Accept: text/*;q=0.5, a/b", false},
      {"Vary: Accept", "Accept: a/b;x=1;y=2;q=0.5, c/d", "Accept: c/d, A/b ; x=1; y=2 ;q=0.50", true},
      {"Vary: Accept", "Accept: a/b;x=1", "Accept: a/b", false},
      {"Vary: Accept", "Accept: a/b;x=1", "Accept: a/b;x=2", false},
      {"Vary: Accept", "Accept: a/b;x=y", "Accept: a/b;x=Y", false},
      {"Vary: Accept", "Accept: a/b;x=1;y=2", "Accept: a/b;y=2;x=1", false},
      {"Vary: Accept", "Accept: a/b;x=\"c;q=1, d\", e/f", "Accept: e/f,a/b; x=\"c;q=1, d\"", true},
      {"Vary: Accept", "Accept: a/b;x=\"c; d\"", "Accept: a/b;x=\"c;d\"", false},
      {"Vary: Accept", "Accept: a/b;x=\"\\\";q=1\"", "Accept: a/b;x=\"\\\"\"", false},
      {"Vary: Accept", "Accept: a/b;x=1, a/b", "Accept: a/b, a/b;x=1", false},      // one range twice
      {"Vary: Accept", "Accept: a/b;q=1;x=1", "Accept: a/b;x=1", false},            // RFC 7231 accept-ext
      {"Vary: Accept", "Accept: a/b;x=\"c, d/e", "Accept: d/e, a/b;x=\"c", false},  // never closed
  };
  for (const Row& row : rows) check(row);
}

TEST_CASE("RFC 9111 4.1: a response in a known language answers all who prefer that to any other") {
  struct Select {
    const char *content_language, *first, *second;
    bool matches;
  };
  const Select rows[] = {
      {"Content-Language: de", "en, de", "fr;q=0.5, de;q=1.0", true},
      {"Content-Language: de", "en, de", "de", true},
      {"content-language: DE", "en, de", "de, en;q=0.999", true},
      {"Content-Language: de-AT", "de-at", "DE-at, de;q=0.9, *;q=0.1", true},
      {"Content-Language: de-AT", "en", "DE-at, de;q=0.9, *;q=0.1", false},  // not what was asked for
      {"Content-Language: de", "en, de;q=0.9", "de", false},
      {"Content-Language: de", "", "de", false},
      {"Content-Language: de", "en, de", "de;q=0.2, en;q=0.1", true},
      {"Content-Language: de", "*", "de\nAccept-Language: en;q=0.5", false},
      {"Content-Language: de", "de, *;q=0.1", "de\nAccept-Language: en;q=0.5", true},
      {"Content-Language: de", "en, de", "de, en", true},  // the same list
      {"Content-Language: de", "en, de", "de, fr", false},
      {"Content-Language: de", "en, de", "de, *", false},
      {"Content-Language: de", "en, de", "de;q=0.5, fr", false},
      {"Content-Language: de", "en, de", "de;q=0", false},
      {"Content-Language: de", "en, de", "fr", false},
      {"Content-Language: de", "en, de", "*", false},
      {"Content-Language: *", "en, de", "*", false},
      {"Content-Language: de", "en, de", "", false},
      {"Content-Language: de-AT", "en, de", "de", false},  // no match by prefix
      {"Content-Language: de", "en, de", "de-AT", false},
      {"Content-Language: de, en", "en, de", "de", false},
      {"Content-Language: de\nContent-Language: en", "en, de", "de", false},
      {"Content-Language: de, de", "en, de", "de", false},
      {"Content-Language: ,de,", "en, de", "de", true},
      {"Content-Language:", "en, de", "de", false},
      {"Content-Language: \"de\"", "en, de", "de", false},
      {"Content-Language: de", "en, de", "de, de;q=0.5", false},  // not understood
      {"Content-Language: de", "en, de", "de, en;q=2", false},
      {"Content-Language: de", "en, de", "de, en;q=0.5;x=1", false},
  };
  for (const Select& row : rows) {
    CAPTURE(row.content_language);
    CAPTURE(row.first);
    CAPTURE(row.second);
    const std::string response = std::string("Vary: Accept-Language\n") + row.content_language;
    const std::string first = std::string("Accept-Language: ") + row.first;
    const std::string second = std::string("Accept-Language: ") + row.second;
    CHECK(vary_matches(*captured(response, first), HeadText(first)));
    CHECK(vary_matches(*captured(response, first), HeadText(second)) == row.matches);
  }
}

TEST_CASE("a known language takes the place of Accept-Language and of nothing else") {
  const std::string response = "Vary: Accept-Encoding, Accept-Language, Foo\nContent-Language: de";
  const auto capture = captured(response, "Accept-Encoding: gzip\nFoo: 1\nAccept-Language: de, fr");
  CHECK(vary_matches(*capture, HeadText("Foo: 1\nAccept-Encoding: gzip\nAccept-Language: fr, de")));
  CHECK(vary_matches(*capture, HeadText("Foo: 1\nAccept-Encoding: gzip\nAccept-Language: de")));
  CHECK_FALSE(vary_matches(*capture, HeadText("Foo: 1\nAccept-Encoding: gzip\nAccept-Language: en")));
  CHECK_FALSE(vary_matches(*capture, HeadText("Foo: 1\nAccept-Encoding: br\nAccept-Language: de")));
  CHECK_FALSE(vary_matches(*capture, HeadText("Accept-Encoding: gzip\nAccept-Language: de")));
  // Not where Vary does not ask, nor for a field that only looks alike
  CHECK(captured("Vary: Foo\nContent-Language: de", "Foo: 1") == captured("Vary: Foo", "Foo: 1"));
  CHECK_FALSE(vary_matches(*captured("Vary: Accept-Charset\nContent-Language: de", "Accept-Charset: en"),
                           HeadText("Accept-Charset: de")));
}

TEST_CASE("responses to the same request in two languages have captures of their own") {
  const auto capture = [](const char* language) {
    return captured(std::string("Vary: Accept-Language\nContent-Language: ") + language, "Accept-Language: en, de");
  };
  CHECK(capture("de") == capture("DE"));
  CHECK(capture("de") != capture("en"));
  CHECK(capture("de") != captured("Vary: Accept-Language", "Accept-Language: en, de"));
  CHECK(capture("de, en") == captured("Vary: Accept-Language", "Accept-Language: en, de"));
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

TEST_CASE("more codings than are put in order still match themselves, and nothing else") {
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
  const HeadText request("Foo: 1\nAccept-Language: en");
  const std::string response = "Vary: Foo, Accept-Language\nContent-Language: de";
  const std::string whole = *captured(response, "Foo: 1\nAccept-Language: en");
  const std::size_t first_record = captured("Vary: Foo", "Foo: 1")->size();
  REQUIRE(vary_matches(whole, request));
  for (std::size_t n = 1; n < whole.size(); ++n) {
    CAPTURE(n);
    // Heap memory of the exact size: the sanitizer sees a read past it.
    const std::string cut(whole.data(), n);
    CHECK(vary_matches(cut, request) == (n == first_record));
  }
  const std::size_t flags_at = 4 + std::string_view("foo").size();
  for (int flags = 0; flags < 256; ++flags) {
    CAPTURE(flags);
    std::string changed = whole;
    changed[flags_at] = static_cast<char>(flags);
    CHECK(vary_matches(changed, request) == (changed == whole));
  }
  // A language with another field than Accept-Language
  const std::string other = std::string("\3\0\0\0foo\3\1\0\0\0", 12) + "1" + std::string("\2\0\0\0", 4) + "de";
  CHECK_FALSE(vary_matches(other, request));
  CHECK_FALSE(vary_matches("\xff\xff\xff\xff", request));
  CHECK_FALSE(vary_matches(std::string("\xff\xff\xff\xff\xff\xff\xff\xff"), request));
}

TEST_CASE("hostile lists cost no more than their length") {
  std::string ranges = "Accept-Language: de";
  for (int i = 0; i < 100000; ++i) ranges += ", en;q=0.5";
  std::string wide = "Accept-Language: de";
  for (int i = 0; i < 16; ++i) wide += "," + std::string(50000, 'x') + std::to_string(i);
  const std::string response = "Vary: Accept-Language\nContent-Language: de";
  const auto capture = captured(response, "Accept-Language: en");
  for (const std::string& list : {ranges, wide}) {
    CHECK_FALSE(vary_matches(*capture, HeadText(list)));
    CHECK(vary_matches(*captured(response, list), HeadText(list)));
  }
}

TEST_CASE("whether two responses vary by the same fields") {
  struct SameRow {
    const char* a;
    const char* b;
    bool expected;
  };
  const SameRow rows[] = {
      {"Server: x", "Server: y", true},
      {"Vary: Accept", "vary: ACCEPT", true},
      {"Vary: Accept, Foo", "Vary: Accept\nVary: Foo", true},
      {"Vary: Accept", "Server: x", false},
      {"Vary: Accept", "Vary: Accept, Foo", false},
      {"Vary: Accept, Foo", "Vary: Foo, Accept", false},
      {"Vary: *", "Vary: *", true},
  };
  for (const SameRow& row : rows) {
    CAPTURE(row.a);
    CAPTURE(row.b);
    CHECK(has_same_vary(HeadText(row.a), HeadText(row.b)) == row.expected);
    CHECK(has_same_vary(HeadText(row.b), HeadText(row.a)) == row.expected);
  }
}

TEST_CASE("a capture can be told to people") {
  struct Told {
    const char* response;
    const char* request;
    const char* text;
  };
  const Told rows[] = {
      {"Server: x", "Accept: a", ""},
      {"Vary: Accept-Encoding", "Accept-Encoding: GZIP", "accept-encoding: gzip"},
      {"Vary: Accept-Encoding, Cookie", "Accept-Encoding: gzip", "accept-encoding: gzip; cookie"},
      {"Vary: X", "X:", "x: "},
  };
  for (const Told& row : rows) {
    CAPTURE(row.response);
    CHECK(describe_vary(*capture_vary(HeadText(row.response), HeadText(row.request))) == row.text);
  }
  CHECK(describe_vary("damaged") == "");
}
