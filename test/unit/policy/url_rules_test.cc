#include "cache/policy/url_rules.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace larder;
using namespace larder::policy;

namespace {

UrlRule rule_of(std::string host, std::string path = "", std::string why = "") {
  UrlRule rule;
  rule.host = std::move(host);
  rule.path = std::move(path);
  rule.why = std::move(why);
  return rule;
}

// What a glob means, by trying everything: exponential, and obviously right.
bool slow_match(std::string_view glob, std::string_view text) {
  if (glob.empty()) return text.empty();
  if (glob.front() == '*') {
    return slow_match(glob.substr(1), text) || (!text.empty() && slow_match(glob, text.substr(1)));
  }
  return !text.empty() && (glob.front() == '?' || glob.front() == text.front()) &&
         slow_match(glob.substr(1), text.substr(1));
}

// All texts over an alphabet up to a length.
std::vector<std::string> all_texts(std::string_view alphabet, std::size_t longest) {
  std::vector<std::string> texts{""};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].size() == longest) break;
    for (const char c : alphabet) texts.push_back(texts[i] + c);
  }
  return texts;
}

}  // namespace

TEST_CASE("which texts a glob stands for") {
  struct Row {
    const char *glob, *text;
    bool matches;
  };
  const Row rows[] = {
      {"", "", true},
      {"", "a", false},
      {"*", "", true},
      {"*", "/a/b", true},
      {"?", "", false},
      {"?", "/", true},
      {"?", "ab", false},
      {"/a", "/a", true},
      {"/a", "/A", false},
      {"/a", "/ab", false},
      {"/a*", "/a", true},
      {"/a*", "/abc/d", true},
      {"/a?", "/a", false},
      {"*.deb", "/pool/x.deb", true},
      {"*.deb", "/pool/x.udeb", false},
      {"*.deb", ".deb", true},
      {"*.deb", "/pool/x.deb.sig", false},
      {"/v2/*/blobs/sha???:*", "/v2/library/debian/blobs/sha256:00", true},
      {"/v2/*/blobs/sha???:*", "/v2/blobs/sha256:00", false},  // two runs never share a byte
      {"a*a", "a", false},
      {"a*a", "aa", true},
      {"*ab*ab*", "abab", true},
      {"*ab*ab*", "abb", false},
      {"*aab*", "aaab", true},
      {"*a?c*", "aabac!", false},
      {"*a?c*", "aabacabc", true},
      {"**", "", true},
      {"a**b", "ab", true},
      {"[a]", "a", false},  // nothing but * and ? is special
      {"[a]", "[a]", true},
      {"\\*", "\\x", true},
      {"*\xff*", "a\xff z", true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.glob);
    CAPTURE(row.text);
    CHECK(matches_glob(row.glob, row.text) == row.matches);
  }
}

TEST_CASE("every short glob stands for what its definition says") {
  const auto texts = all_texts("ab", 6);
  std::size_t wrong = 0;
  for (const auto& glob : all_texts("ab*?", 5)) {
    for (const auto& text : texts) wrong += matches_glob(glob, text) != slow_match(glob, text) ? 1U : 0U;
  }
  CHECK(wrong == 0);
}

TEST_CASE("a glob's runs have a bound, which the ends of the text do not share") {
  const std::string most(kLongestRun, 'a');
  CHECK(matches_glob("*" + most + "*", "b" + most + "b"));
  CHECK_FALSE(matches_glob("*" + most + "*", "b" + most.substr(1) + "b"));
  CHECK_FALSE(matches_glob("*" + most + "a*", most + most));
  CHECK(matches_glob(most + "b*b" + most, most + "bb" + most));
}

TEST_CASE("no glob is slow, whatever the text") {
  std::string glob = "*";
  for (int i = 0; i < 30; ++i) glob += "a*a?a*";
  const std::string text(1'000'000, 'a');
  CHECK_FALSE(matches_glob(glob + "b", text));
  CHECK(matches_glob(glob, text));
}

TEST_CASE("which hosts a rule is for") {
  struct Row {
    const char *rule, *host;
    bool matches;
  };
  const Row rows[] = {
      {"deb.debian.org", "deb.debian.org", true},
      {"deb.debian.org", "deb.debian.org.", true},
      {"Deb.Debian.ORG.", "deb.debian.org", true},
      {"deb.debian.org", "x.deb.debian.org", false},
      {"deb.debian.org", "debian.org", false},
      {"deb.debian.org", "xdeb.debian.org", false},
      {".debian.org", "debian.org", true},
      {".debian.org", "debian.org.", true},
      {".debian.org", "deb.debian.org", true},
      {".debian.org", "a.b.deb.debian.org", true},
      {".Debian.ORG.", "deb.debian.org", true},
      {".debian.org", "xdebian.org", false},  // never inside a label
      {".debian.org", "debian.org.example", false},
      {".debian.org", "org", false},
      {".debian.org", "", false},
      {".debian.org", ".", false},
      {".debian.org", "..debian.org", true},
      {"*", "debian.org", true},
      {"*", "", true},
      {"192.0.2.1", "192.0.2.1", true},
      {"2001:db8::1", "2001:db8::1", true},
      {"2001:db8::1", "2001:db8::2", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.rule);
    CAPTURE(row.host);
    CHECK((UrlRules({rule_of(row.rule)}).match(row.host, "/x") != nullptr) == row.matches);
  }
}

TEST_CASE("which paths a rule is for") {
  struct Row {
    const char *rule, *path;
    bool matches;
  };
  const Row rows[] = {
      {"", "/x", true},
      {"", "", true},
      {"/", "", true},
      {"/", "/", true},
      {"/x", "/x", true},
      {"/x", "/x/", false},
      {"/x/*", "/x/y/z", true},
      {"/x*", "/X", false},
      // RFC 3986 6.2.2: as the origin will understand it
      {"/private/*", "/public/../private/a", true},
      {"/private/*", "/./private/a", true},
      {"/private/*", "/%70rivate/a", true},
      {"/private/*", "/x/%2e%2E/private/a", true},
      {"/private/*", "/x/.%2e/private/a", true},
      {"/private/*", "/../../private/a", true},
      {"/private/*", "/x/private/a", false},
      {"/v2/*/blobs/sha256:*", "/v2/a/blobs/sha256:b/../../../../account", false},
      {"/account", "/v2/a/blobs/sha256:b/../../../../account", true},
      {"/a/", "/a/b/..", true},
      {"/a/", "/a/.", true},
      {"/", "/a/..", true},
      {"/a/...", "/a/...", true},
      {"/a/.b", "/a/.b", true},
      {"/a~b", "/a%7Eb", true},
      {"/a%2Fb", "/a%2Fb", true},  // a coded slash is no slash
      {"/a/b", "/a%2Fb", false},
      {"/a%", "/a%", true},
      {"/a%2", "/a%2", true},
      {"/a%zz", "/a%zz", true},
      {"/a%2525", "/a%2525", true},  // decoded once at most
      {"*", "*", true},              // OPTIONS
  };
  for (const Row& row : rows) {
    CAPTURE(row.rule);
    CAPTURE(row.path);
    CHECK((UrlRules({rule_of("a", row.rule)}).match("a", row.path) != nullptr) == row.matches);
  }
}

TEST_CASE("the first rule that matches applies, however its host is written") {
  const UrlRules rules({
      rule_of("a.example", "/1", "exact"),
      rule_of(".a.example", "/2", "below"),
      rule_of("*", "/3", "anywhere"),
      rule_of(".example", "/?", "wide"),
      rule_of("a.example", "", "late"),
      rule_of("*", "*.deb", "last"),
  });
  struct Row {
    const char *host, *path, *why;
  };
  const Row rows[] = {
      {"a.example", "/1", "exact"},  {"a.example", "/2", "below"},   {"a.example", "/3", "anywhere"},
      {"a.example", "/4", "wide"},   {"a.example", "/44", "late"},   {"a.example", "/4.deb", "late"},
      {"b.a.example", "/1", "wide"}, {"b.a.example", "/2", "below"}, {"b.a.example", "/4.deb", "last"},
      {"b.a.example", "/44", ""},    {"other", "/3", "anywhere"},    {"other", "/1", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.host);
    CAPTURE(row.path);
    const UrlRule* found = rules.match(row.host, row.path);
    CHECK((found == nullptr ? "" : found->why) == row.why);
  }
}

TEST_CASE("no rules match nothing") {
  CHECK(UrlRules().is_empty());
  CHECK(UrlRules().match("a", "/") == nullptr);
  CHECK(UrlRules(std::vector<UrlRule>{}).match("", "") == nullptr);
  CHECK_FALSE(UrlRules({rule_of("a")}).is_empty());
}

TEST_CASE("many rules, and hosts of any length, are found quickly") {
  std::vector<UrlRule> many;
  for (int i = 0; i < 20'000; ++i) {
    many.push_back(
        rule_of((i % 2 == 0 ? "." : "") + ("h" + std::to_string(i)) + ".example", "*/x*", std::to_string(i)));
  }
  const UrlRules rules(std::move(many));
  for (int i = 0; i < 20'000; i += 2) {
    const auto* found = rules.match("deep.below.h" + std::to_string(i) + ".example", "/x");
    REQUIRE(found != nullptr);
    CHECK(found->why == std::to_string(i));
  }
  CHECK(rules.match("deep.h1.example", "/x") == nullptr);
  std::string labels;
  for (int i = 0; i < 500'000; ++i) labels += "a.";
  CHECK(rules.match(labels, "/x") == nullptr);
  CHECK(rules.match(labels + "h0.example", "/x") != nullptr);
}

TEST_CASE("a copy finds rules of its own") {
  UrlRules copy;
  {
    const UrlRules rules({rule_of(".a", "", "why")});
    copy = rules;
  }
  REQUIRE(copy.match("b.a", "/") != nullptr);
  CHECK(copy.match("b.a", "/")->why == "why");
}

TEST_CASE("RFC 9111 2: the key is the URI without the parameters that the rule ignores") {
  UrlRule rule = rule_of("*");
  rule.ignore_query = {"utm_*", "fbclid", "v?"};
  struct Row {
    const char *uri, *key;
    bool is_shorter;
  };
  const Row rows[] = {
      {"HTTP://A:80", "http://a/", false},
      {"http://a/x", "http://a/x", false},
      {"http://a/x?", "http://a/x?", false},
      {"http://a/x?b=1", "http://a/x?b=1", false},
      {"http://a/x?fbclid=1", "http://a/x", true},
      {"http://a/x?fbclid", "http://a/x", true},
      {"http://a?fbclid=1", "http://a/", true},
      {"http://a?b", "http://a/?b", false},
      {"http://a/x?utm_source=m&utm_=&utm_a", "http://a/x", true},
      {"http://a/x?utm=1", "http://a/x?utm=1", false},
      {"http://a/x?z=1&utm_a=2&b=3", "http://a/x?z=1&b=3", true},
      {"http://a/x?utm_a=2&z=1&fbclid=4&b=3&v1", "http://a/x?z=1&b=3", true},
      {"http://a/x?z=utm_a&b=fbclid", "http://a/x?z=utm_a&b=fbclid", false},
      {"http://a/x?z=1=2&fbclid=1=2", "http://a/x?z=1=2", true},
      {"http://a/x?z=1&z=1", "http://a/x?z=1&z=1", false},
      {"http://a/x?a&&b&", "http://a/x?a&&b&", false},  // untouched means untouched
      {"http://a/x?a&&fbclid&b&", "http://a/x?a&&b&", true},
      {"http://a/x?fbclid&", "http://a/x?", true},  // an empty parameter is left
      {"http://a/x?=1&fbclid", "http://a/x?=1", true},
      {"http://a/x?FBCLID=1", "http://a/x?FBCLID=1", false},
      {"http://a/x?fb%63lid=1", "http://a/x?fb%63lid=1", false},
      {"http://a/x?y?fbclid=1", "http://a/x?y?fbclid=1", false},
      {"http://a/x?y=?&fbclid=?", "http://a/x?y=?", true},
      {"http://a/x;fbclid=1?v=1&v2", "http://a/x;fbclid=1?v=1", true},
      {"https://[2001:DB8::1]:444/x?v1=", "https://[2001:db8::1]:444/x", true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.uri);
    const auto uri = http::parse_absolute(row.uri);
    REQUIRE(uri.has_value());
    std::string key = "before ";
    CHECK(append_key(key, *uri, rule) == row.is_shorter);
    CHECK(key == std::string("before ") + row.key);
  }
}

TEST_CASE("a rule that ignores nothing leaves the key as it is, and one that ignores everything leaves no query") {
  const auto uri = http::parse_absolute("http://a/x?b=1&&c");
  std::string plain;
  http::append_normalised(plain, *uri);
  std::string key;
  CHECK_FALSE(append_key(key, *uri, rule_of("a")));
  CHECK(key == plain);
  UrlRule all = rule_of("a");
  all.ignore_query = {"*"};
  key.clear();
  CHECK(append_key(key, *uri, all));
  CHECK(key == "http://a/x");
}
