#include "cache/policy/targeted.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "cache/policy/rules.h"
#include "test/unit/http/head_text.h"

using namespace larder;
using namespace larder::policy;
using http::HeadText;
using http::kMaxDelta;
using http::Seconds;

namespace {

using P = http::ResponseDirectives;
using Names = std::vector<std::string>;

const Names kNames = {"Larder-Cache-Control", "CDN-Cache-Control"};

P said(void (*set)(P&)) {
  P d;
  set(d);
  return d;
}

P max_age(int seconds) {
  P d;
  d.max_age = Seconds(seconds);
  return d;
}

// What a lone Larder-Cache-Control of that value says.
std::optional<P> read(std::string_view value) {
  const HeadText head("Larder-Cache-Control: " + std::string(value));
  return targeted_directives(head, kNames);
}

struct Row {
  const char* value;
  std::optional<P> expected;
};

void check(const Row& row) {
  CAPTURE(row.value);
  CHECK(read(row.value) == row.expected);
}

const std::optional<P> kIgnored;  // the field counts for nothing
const P kNothing;                 // the field decides, and says nothing that Larder knows

}  // namespace

TEST_CASE("RFC 9213 2.2: the first field of the target list that is valid and not empty decides") {
  struct Head {
    const char* text;
    std::optional<int> max_age;  // none: no targeted field decides
  };
  const Head rows[] = {
      {"Date: x", {}},
      {"Cache-Control: max-age=1", {}},
      {"Larder-Cache-Control: max-age=1", 1},
      {"CDN-Cache-Control: max-age=2", 2},
      {"LARDER-cache-CONTROL: max-age=1", 1},
      // In the order of the list, not of the fields
      {"CDN-Cache-Control: max-age=2\nLarder-Cache-Control: max-age=1", 1},
      {"Larder-Cache-Control: max-age=1\nCDN-Cache-Control: max-age=2", 1},
      // In place of what Cache-Control and Expires say
      {"Cache-Control: no-store\nExpires: 0\nCDN-Cache-Control: max-age=600", 600},
      {"Cache-Control: max-age=60, s-maxage=120\nCDN-Cache-Control: max-age=600", 600},
      // A field that is empty or malformed is as good as absent.
      {"Larder-Cache-Control:\nCDN-Cache-Control: max-age=2", 2},
      {"Larder-Cache-Control: max-age=1,\nCDN-Cache-Control: max-age=2", 2},
      {"Larder-Cache-Control: Max-Age=1\nCDN-Cache-Control: max-age=2", 2},
      {"Larder-Cache-Control: max-age=1, &&&&&\nCDN-Cache-Control: max-age=2", 2},
      {"Larder-Cache-Control: max-age=1\nLarder-Cache-Control: &\nCDN-Cache-Control: max-age=2", 2},
      {"Larder-Cache-Control: max-age=1\nLarder-Cache-Control:\nCDN-Cache-Control: max-age=2", 2},
      {"Larder-Cache-Control: &\nCDN-Cache-Control: &\nCache-Control: max-age=3", {}},
      {"Larder-Cache-Control:\nCDN-Cache-Control:\nCache-Control: max-age=3", {}},
      {"Larder-Cache-Control: max-age=1\nCDN-Cache-Control: &", 1},
      // Section 2.2: those not on the list change nothing.
      {"Other-Cache-Control: max-age=9, no-store\nCDN-Cache-Control: max-age=2", 2},
      {"Other-Cache-Control: max-age=9, no-store", {}},
      // All lines of the name are one field.
      {"CDN-Cache-Control: foo\nDate: x\ncdn-cache-control: max-age=2", 2},
  };
  for (const Head& row : rows) {
    CAPTURE(row.text);
    std::optional<P> expected;
    if (row.max_age) expected = max_age(*row.max_age);
    const HeadText head(row.text);
    CHECK(targeted_directives(head, kNames) == expected);
  }
}

TEST_CASE("RFC 9213 2.2: the target list is the caller's") {
  const HeadText head("A-Cache-Control: max-age=1\nB-Cache-Control: max-age=2\nCache-Control: no-store");
  CHECK(targeted_directives(head, Names{}) == std::nullopt);
  CHECK(targeted_directives(head, Names{""}) == std::nullopt);
  CHECK(targeted_directives(head, Names{"C-Cache-Control"}) == std::nullopt);
  CHECK(targeted_directives(head, Names{"C-Cache-Control", "b-cache-control", "A-Cache-Control"}) == max_age(2));
  CHECK(targeted_directives(head, Names{"A-Cache-Control", "B-Cache-Control"}) == max_age(1));
  // The name of a field that Larder knows by number
  CHECK(targeted_directives(head, Names{"cache-control"}) == said([](P& d) { d.no_store = true; }));
  CHECK(targeted_directives({}, kNames) == std::nullopt);
}

TEST_CASE("RFC 9213 2.1: lifetimes are integers") {
  struct Lifetime {
    const char* name;
    std::optional<Seconds> P::*directive;
  };
  const Lifetime lifetimes[] = {
      {"max-age", &P::max_age},
      {"s-maxage", &P::s_maxage},
      {"stale-while-revalidate", &P::stale_while_revalidate},
      {"stale-if-error", &P::stale_if_error},
  };
  struct Value {
    const char* text;
    bool ignored;  // the whole field
    std::optional<Seconds> expected;
  };
  const Value values[] = {
      {"=10", false, Seconds(10)},
      {"=0", false, Seconds(0)},
      {"=0010", false, Seconds(10)},
      {"=10;x=1", false, Seconds(10)},
      {"=10;x=\"no-store\";y", false, Seconds(10)},
      {"=2147483647", false, Seconds(2147483647)},
      {"=2147483648", false, kMaxDelta},
      {"=2147483649", false, kMaxDelta},
      {"=99999999999", false, kMaxDelta},
      {"=999999999999999", false, kMaxDelta},
      // No delta-seconds (RFC 9111 section 1.2.2): stale, as section 4.2.1 encourages
      {"=-1", false, Seconds(0)},
      {"=-0", false, Seconds(0)},
      {"=-999999999999999", false, Seconds(0)},
      // Another type is not consumed.
      {"", false, {}},
      {"=?1", false, {}},
      {"=?0", false, {}},
      {"=10.0", false, {}},
      {"=-10.5", false, {}},
      {"=\"10\"", false, {}},
      {"=\"\"", false, {}},
      {"=ten", false, {}},
      {"=(10)", false, {}},
      {"=()", false, {}},
      {"=:MTA=:", false, {}},
      // The field is no dictionary.
      {"=1000000000000000", true, {}},
      {"=-1000000000000000", true, {}},
      {"=99999999999999999999999999999999", true, {}},
      {"=10,", true, {}},
      {"=", true, {}},
      {"= 10", true, {}},
      {" =10", true, {}},
      {"=10 x", true, {}},
      {"=10s", true, {}},
      {"=+10", true, {}},
      {"=10.", true, {}},
      {"=1.2345", true, {}},
      {"='10'", true, {}},
      {"=\"10", true, {}},
      {"=10;X=1", true, {}},
      {"=10 ;x", true, {}},
      {"=10; ", true, {}},
      {"=?2", true, {}},
  };
  for (const Lifetime& lifetime : lifetimes) {
    for (const Value& value : values) {
      P expected;
      expected.*lifetime.directive = value.expected;
      const std::string text = std::string(lifetime.name) + value.text;
      CAPTURE(text);
      CHECK(read(text) == (value.ignored ? kIgnored : expected));
    }
  }
}

TEST_CASE("RFC 9213 2.1: what forbids is said by any value but ?0, what permits by true alone") {
  struct Name {
    const char* name;
    bool P::*directive;
    bool forbids;
  };
  const Name names[] = {
      {"no-store", &P::no_store, true},
      {"no-cache", &P::no_cache, true},
      {"private", &P::is_private, true},
      {"proxy-revalidate", &P::proxy_revalidate, true},
      {"no-transform", &P::no_transform, true},
      {"public", &P::is_public, false},
      {"must-revalidate", &P::must_revalidate, false},  // permits too (RFC 9111 section 3.5)
      {"must-understand", &P::must_understand, false},
      {"immutable", &P::immutable, false},
  };
  enum class Says : std::uint8_t { Yes, No, WhenItForbids, NoDictionary };
  struct Value {
    const char* text;
    Says says;
  };
  const Value values[] = {
      {"", Says::Yes},
      {"=?1", Says::Yes},
      {";x=?0", Says::Yes},
      {"=?1;x", Says::Yes},
      {"=?0", Says::No},
      {"=?0;x=?1", Says::No},
      {"=1", Says::WhenItForbids},
      {"=0", Says::WhenItForbids},
      {"=1.5", Says::WhenItForbids},
      {"=true", Says::WhenItForbids},
      {"=Set-Cookie", Says::WhenItForbids},
      {"=\"Set-Cookie, X\"", Says::WhenItForbids},
      {"=\"\"", Says::WhenItForbids},
      {"=(\"Set-Cookie\" x)", Says::WhenItForbids},
      {"=()", Says::WhenItForbids},
      {"=:YQ==:", Says::WhenItForbids},
      {"=", Says::NoDictionary},
      {"=?", Says::NoDictionary},
      {"=?2", Says::NoDictionary},
      {"=\"Set-Cookie", Says::NoDictionary},
      {"=(\"a\", \"b\")", Says::NoDictionary},
      {",", Says::NoDictionary},
      {" max-age=1", Says::NoDictionary},
  };
  for (const Name& name : names) {
    for (const Value& value : values) {
      P expected;
      expected.*name.directive = value.says == Says::Yes || (value.says == Says::WhenItForbids && name.forbids);
      const std::string text = std::string(name.name) + value.text;
      CAPTURE(text);
      CHECK(read(text) == (value.says == Says::NoDictionary ? kIgnored : expected));
    }
  }
}

TEST_CASE("RFC 9213 2.1: fields of several members") {
  const Row rows[] = {
      {"max-age=60, s-maxage=5, public", said([](P& d) {
         d.max_age = Seconds(60);
         d.s_maxage = Seconds(5);
         d.is_public = true;
       })},
      {"max-age=1,must-revalidate;x=1 \t, \t stale-if-error=?1,no-store=?0", said([](P& d) {
         d.max_age = Seconds(1);
         d.must_revalidate = true;
       })},
      {"must-understand, no-store, max-age=5", said([](P& d) {
         d.must_understand = d.no_store = true;
         d.max_age = Seconds(5);
       })},
      // Unknown members are ignored; one is enough to decide (section 3.1).
      {"none", kNothing},
      {"foobar, max-age=60", max_age(60)},
      {"foo=(1 2), bar=\"no-store, max-age=9\", max-ag=1, max-agee=2, *", kNothing},
      // No response directives
      {"only-if-cached, max-stale=3, min-fresh=2", kNothing},
      // RFC 8941 4.2.2: the last of several members with one key counts alone.
      {"max-age=10, max-age=20", max_age(20)},
      {"max-age=20, max-age=10", max_age(10)},
      {"max-age=20, max-age=-1", max_age(0)},
      {"max-age=20, max-age", kNothing},
      {"max-age=20, max-age=\"10\"", kNothing},
      {"max-age, max-age=20", max_age(20)},
      {"no-store, no-store=?0", kNothing},
      {"no-store=?0, no-store", said([](P& d) { d.no_store = true; })},
      {"public, public=1", kNothing},
      {"private=\"a\", private=?0", kNothing},
      // One mistake anywhere
      {"no-store, Max-Age=10", kIgnored},
      {"max-age=10, no-store,", kIgnored},
      {",max-age=10", kIgnored},
      {"max-age=10,, no-store", kIgnored},
      {"max-age=10 no-store", kIgnored},
      {"max-age=10; no-store", max_age(10)},  // a parameter
      {"max-age=10, ext=\"no-store", kIgnored},
      {"max-age=10, x=1000000000000000", kIgnored},
      {"max-age=10, x=\"\xc3\xbc\"", kIgnored},
      {"max-age=10, \xc3\xbc", kIgnored},
      {"", kIgnored},
      {"   ", kIgnored},
      {",", kIgnored},
  };
  for (const Row& row : rows) check(row);
}

TEST_CASE("RFC 9213 2.2: a response under the default list ignores the field of content delivery networks") {
  const HeadText head("CDN-Cache-Control: max-age=600\nCache-Control: no-store");
  CHECK(targeted_directives(head, Rules{}.targeted_fields) == std::nullopt);
}

TEST_CASE("a hostile field costs no more than its length") {
  std::string value = "max-age=1";
  for (int i = 0; i < 200000; ++i) value += ", max-age=\"\\\\\";x";
  CHECK(read(value) == kNothing);
  CHECK(read(value + ",") == kIgnored);
}
