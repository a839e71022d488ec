#include "conf/url_rule.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

#include "conf/load.h"

namespace larder::conf {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

std::string with_rules(const std::string& rules) {
  return R"({"cache": {"rules": )" + rules + "}}";
}

std::vector<Error> errors_of(const std::string& text, const std::vector<std::string>& set = {}) {
  auto result = load_text(text, "f", set);
  return result ? std::vector<Error>{} : std::move(result.error());
}

std::vector<UrlRule> good(const std::string& rules) {
  auto result = load_text(with_rules(rules), "f", {});
  if (!result) FAIL(result.error().front().where << ": " << result.error().front().expected);
  return result->cache.rules;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("a rule is read with all its members") {
  const auto rules = good(R"([
    {"host": ".Debian.ORG.", "path": "*.deb", "fresh": "365d", "keep_stale": 3600, "force": true, "never": false,
     "ignore_query": ["utm_*", "fbclid"], "why": "because"},
    {"host": "deb.debian.org"},
    {"host": "*", "never": true}
  ])");
  REQUIRE(rules.size() == 3);
  UrlRule first;
  first.host = ".debian.org";
  first.path = "*.deb";
  first.fresh = 365 * 24h;
  first.keep_stale = 1h;
  first.force = true;
  first.ignore_query = {"utm_*", "fbclid"};
  first.why = "because";
  CHECK(rules[0] == first);
  UrlRule second;
  second.host = "deb.debian.org";
  CHECK(rules[1] == second);
  CHECK_FALSE(rules[1].fresh.has_value());
  CHECK(rules[2].never);
}

TEST_CASE("no freshness is not a freshness of 0") {
  CHECK(good(R"([{"host": "a", "fresh": "0s", "keep_stale": 0}])")[0].fresh == 0ms);
  CHECK(good(R"([{"host": "a", "fresh": "0s", "keep_stale": 0}])")[0].keep_stale == 0ms);
  CHECK(good("[]").empty());
}

TEST_CASE("which hosts a rule may name, and how they are kept") {
  struct Row {
    const char *said, *kept;
  };
  const Row rows[] = {
      {"a", "a"},
      {"A.Example", "a.example"},
      {"a.example.", "a.example"},
      {".example", ".example"},
      {".a.example.", ".a.example"},
      {"xn--bcher-kva.example", "xn--bcher-kva.example"},
      {"_x.a-b", "_x.a-b"},
      {"*", "*"},
      {"192.0.2.1", "192.0.2.1"},
      {"2001:DB8::1", "2001:db8::1"},
      {"[2001:db8::1]", "2001:db8::1"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.said);
    CHECK(good(R"([{"host": ")" + std::string(row.said) + R"("}])")[0].host == row.kept);
  }
  for (const std::string bad : {"", ".", "..", "*.example", "a..b", "..a", "a..", "a:80", "http://a", "a/b", "a b",
                                "b\u00fccher.example", "[a]", "[192.0.2.1]", "[]", "[", "[::1]:80", "a*", "a%20"}) {
    CAPTURE(bad);
    const auto errors = errors_of(with_rules(R"([{"host": ")" + bad + R"("}])"));
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].where == "f: /cache/rules/0/host");
    CHECK(has(errors[0].expected, "a host such as"));
  }
  CHECK(errors_of(with_rules(R"([{"host": ")" + std::string(254, 'a') + R"("}])")).size() == 1);
}

TEST_CASE("what is wrong in a rule is named by its place and by what was expected") {
  struct Row {
    const char* rules;
    const char* where;
    const char* expected;
  };
  const Row rows[] = {
      {"5", "f: /cache/rules", "a list of which each member is an object such as"},
      {R"({"host": "a"})", "f: /cache/rules", "not an object"},
      {"[5]", "f: /cache/rules/0", "not 5"},
      {R"(["a"])", "f: /cache/rules/0", "not \"a\""},
      {R"([{"host": "a"}, ["a", ["b"]]])", "f: /cache/rules/1", "not a list"},
      {"[{}]", "f: /cache/rules/0", "a rule with a \"host\""},
      {R"([{"path": "/x"}])", "f: /cache/rules/0", "a rule with a \"host\""},
      {R"([{"host": 1}])", "f: /cache/rules/0/host", "not 1"},
      {R"([{"host": ["a"]}])", "f: /cache/rules/0/host", "not a list"},
      {R"([{"host": {"a": [{}]}}])", "f: /cache/rules/0/host", "not an object"},
      {R"([{"host": "a", "fersh": 1}])", "f: /cache/rules/0/fersh", R"(did you mean "fresh"?)"},
      {R"([{"host": "a", "ttl": 1}])", "f: /cache/rules/0/ttl", R"(one of "host", "path", "fresh")"},
      {R"([{"host": "a", "x/y\n": {"z": []}}])", "f: /cache/rules/0/x~1y?", "a member of a rule"},
      {R"([{"host": "a", "host": "b"}])", "f: /cache/rules/0/host", "each member once; this one is repeated"},
      {R"([{"host": "a", "path": "x"}])", "f: /cache/rules/0/path", R"(a pattern for paths such as "/pool/*.deb")"},
      {R"([{"host": "a", "path": ""}])", "f: /cache/rules/0/path", "not \"\""},
      {R"([{"host": "a", "path": "/a b"}])", "f: /cache/rules/0/path", "a pattern"},
      {R"([{"host": "a", "path": "/a#b"}])", "f: /cache/rules/0/path", "a pattern"},
      {R"([{"host": "a", "path": "/\u00fc"}])", "f: /cache/rules/0/path", "a pattern"},
      {R"([{"host": "a", "fresh": "long"}])", "f: /cache/rules/0/fresh", "from 0ms to 366d, not \"long\""},
      {R"([{"host": "a", "fresh": "367d"}])", "f: /cache/rules/0/fresh", "from 0ms to 366d"},
      {R"([{"host": "a", "fresh": -1}])", "f: /cache/rules/0/fresh", "not -1"},
      {R"([{"host": "a", "fresh": null}])", "f: /cache/rules/0/fresh", "not null"},
      {R"([{"host": "a", "keep_stale": true}])", "f: /cache/rules/0/keep_stale", "a duration"},
      {R"([{"host": "a", "force": "true"}])", "f: /cache/rules/0/force", "true or false, not \"true\""},
      {R"([{"host": "a", "force": 1}])", "f: /cache/rules/0/force", "true or false, not 1"},
      {R"([{"host": "a", "never": []}])", "f: /cache/rules/0/never", "true or false, not a list"},
      {R"([{"host": "a", "ignore_query": "utm_*"}])", "f: /cache/rules/0/ignore_query", "a list of which each member"},
      {R"([{"host": "a", "ignore_query": ["x", 5]}])", "f: /cache/rules/0/ignore_query/1", "not 5"},
      {R"([{"host": "a", "ignore_query": ["x", {"y": 1}]}])", "f: /cache/rules/0/ignore_query/1", "not an object"},
      {R"([{"host": "a", "ignore_query": ["x", ["y"]]}])", "f: /cache/rules/0/ignore_query/1", "not a list"},
      {R"([{"host": "a", "ignore_query": ["x=1"]}])", "f: /cache/rules/0/ignore_query/0", "a query parameter's name"},
      {R"([{"host": "a", "ignore_query": [""]}])", "f: /cache/rules/0/ignore_query/0", "a query parameter's name"},
      {R"([{"host": "a", "why": 1}])", "f: /cache/rules/0/why", "a text, not 1"},
      // Contradictions
      {R"([{"host": "a", "never": true, "fresh": "1d"}])", "f: /cache/rules/0/fresh", "beside \"never\""},
      {R"([{"host": "a", "fresh": 0, "never": true}])", "f: /cache/rules/0/fresh", "beside \"never\""},
      {R"([{"host": "a", "never": true, "keep_stale": "1d"}])", "f: /cache/rules/0/keep_stale", "beside \"never\""},
      {R"([{"host": "a", "never": true, "force": true}])", "f: /cache/rules/0/force", "beside \"never\""},
      {R"([{"host": "a", "never": true, "ignore_query": ["x"]}])", "f: /cache/rules/0/ignore_query",
       "beside \"never\""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.rules);
    const auto errors = errors_of(with_rules(row.rules));
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].where == row.where);
    CHECK_MESSAGE(has(errors[0].expected, row.expected), errors[0].expected);
  }
}

TEST_CASE("what contradicts nothing is accepted") {
  CHECK(good(R"([{"host": "a", "never": false, "fresh": "1d", "force": true}])")[0].force);
  CHECK(
      good(R"([{"host": "a", "never": true, "force": false, "ignore_query": [], "path": "/x", "why": ""}])")[0].never);
}

TEST_CASE("a pattern's runs have a bound") {
  const std::string most(64, 'a');
  CHECK(good(R"([{"host": "a", "path": "/*)" + most + R"(*"}])").size() == 1);
  CHECK(errors_of(with_rules(R"([{"host": "a", "path": "/*)" + most + R"(a*"}])")).size() == 1);
  CHECK(good(R"([{"host": "a", "path": "/)" + most + "a*a" + most + R"("}])").size() == 1);
  CHECK(errors_of(with_rules(R"([{"host": "a", "path": "/)" + std::string(1024, 'a') + R"("}])")).size() == 1);
}

TEST_CASE("all errors of all rules are told, and a flood is cut") {
  const auto errors = errors_of(with_rules(R"([{"host": "", "fresh": "x"}, 5, {"host": "a", "b": 1}])"));
  REQUIRE(errors.size() == 4);
  CHECK(errors[0].where == "f: /cache/rules/0/host");
  CHECK(errors[1].where == "f: /cache/rules/0/fresh");
  CHECK(errors[2].where == "f: /cache/rules/1");
  CHECK(errors[3].where == "f: /cache/rules/2/b");

  std::string members = R"([{"host": "a")";
  for (int i = 0; i < 1000; ++i) members += ", \"x" + std::to_string(i) + "\": 1";
  CHECK(errors_of(with_rules(members + "}]")).size() == 50);
  CHECK(errors_of("{}", {"cache.rules=" + members + "}]"}).size() == 50);
  std::string rules = "[5";
  for (int i = 0; i < 1000; ++i) rules += ",{}";
  CHECK(errors_of(with_rules(rules + "]")).size() == 50);
  std::string valid = R"([{"host": "a"})";
  for (int i = 0; i < 4096; ++i) valid += R"(,{"host": "a"})";
  CHECK(has(errors_of(with_rules(valid + "]"))[0].expected, "4097 members"));
}

TEST_CASE("no depth of nesting inside a rule overflows anything") {
  constexpr std::size_t kDeep = 300'000;
  for (const std::string before : {"[", R"([{"host":)", R"([{"host":"a","ignore_query":[)"}) {
    for (const std::string open : {"[", "{\"a\":"}) {
      CAPTURE(before);
      CAPTURE(open);
      std::string text = before;
      for (std::size_t i = 0; i < kDeep; ++i) text += open;
      CHECK_FALSE(errors_of(with_rules(text)).empty());
      CHECK_FALSE(errors_of("{}", {"cache.rules=" + text}).empty());
    }
  }
  const std::string closed = R"([{"host": "a", "fresh": )" + std::string(kDeep, '[') + std::string(kDeep, ']') + "}]";
  const auto errors = errors_of(with_rules(closed));
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].where == "f: /cache/rules/0/fresh");
}

TEST_CASE("--set takes rules as JSON, and nothing else") {
  const auto config = load("", {R"(cache.rules=[{"host": "a,b.example", "path": "/x,y"}])"});
  CHECK_FALSE(config);  // "," is in no host
  const auto taken = load("", {R"(cache.rules=[{"host": "b.example", "path": "/x,y", "fresh": "1d"}])"});
  REQUIRE(taken);
  CHECK(taken->cache.rules[0].path == "/x,y");
  for (const std::string said : {"", "a,b", R"([{"host": "a"})", "{}"}) {
    CAPTURE(said);
    const auto errors = errors_of("{}", {"cache.rules=" + said});
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].where == "--set cache.rules");
    CHECK(has(errors[0].expected, "a list of which each member is an object such as"));
  }
  CHECK(errors_of("{}", {R"(cache.rules=[{"host": "a", "fresh": "x"}])"})[0].where == "--set cache.rules/0/fresh");
}

TEST_CASE("presets come behind the operator's own rules, in the order in which they are named") {
  const auto own = R"({"cache": {"presets": ["pip", "apt"], "rules": [{"host": "a"}]}})";
  const auto config = load_text(own, "f", {});
  REQUIRE(config);
  std::vector<UrlRule> wanted{good(R"([{"host": "a"}])")};
  for (const auto name : {"pip", "apt"}) {
    for (const auto& rule : preset_rules(name)) wanted.push_back(rule);
  }
  CHECK(config->cache.rules == wanted);
  CHECK(load("", {"cache.presets=npm,containers"})->cache.rules.size() ==
        preset_rules("npm").size() + preset_rules("containers").size());
  CHECK(load("", {})->cache.rules.empty());
}

TEST_CASE("an unknown preset is refused, and the known ones named") {
  const auto errors = errors_of(R"({"cache": {"presets": ["apt", "cargo", 5]}})");
  REQUIRE(errors.size() == 2);
  CHECK(errors[0].where == "f: /cache/presets/1");
  CHECK(errors[0].expected == R"(one of "apt", "containers", "npm", "pip", not "cargo")");
  CHECK(errors[1].where == "f: /cache/presets/2");
}

TEST_CASE("every preset is a list that cache.rules takes, with a reason for each rule") {
  CHECK(preset_names() == std::vector<std::string_view>{"apt", "containers", "npm", "pip"});
  for (const auto name : preset_names()) {
    CAPTURE(name);
    CHECK(is_preset(name));
    CHECK(has(std::string(find_key("cache.presets")->meaning), quoted(name)));
    const auto rules = preset_rules(name);
    CHECK_FALSE(rules.empty());
    CHECK(good(preset_json(name)) == rules);
    CHECK(Json::parse(preset_json(name)).size() == rules.size());
    for (const auto& rule : rules) {
      CAPTURE(rule.path);
      CHECK(rule.why.ends_with('.'));
      CHECK_FALSE(rule.force);  // a shipped rule never leaks what was meant for one client
      CHECK_FALSE(rule.never);
      CHECK(rule.ignore_query.empty());
    }
  }
  CHECK(preset_json("").empty());
  CHECK(preset_json("cargo").empty());
  CHECK(preset_rules("cargo").empty());
  CHECK_FALSE(is_preset(""));
}

TEST_CASE("the JSON Schema describes every member of a rule") {
  const auto schema = Json::parse(json_schema());
  const auto& cache = schema["properties"]["cache"]["properties"];
  const auto& rule = cache["rules"]["items"];
  CHECK(rule["type"] == "object");
  CHECK(rule["additionalProperties"] == false);
  CHECK(rule["required"] == Json{"host"});
  CHECK(rule["properties"].size() == rule_keys().size());
  for (const auto& key : rule_keys()) {
    CAPTURE(key.name);
    const auto& one = rule["properties"][std::string(key.name)];
    CHECK(one.contains("type"));
    CHECK(one["description"] == key.meaning);
    CHECK(key.meaning.ends_with('.'));
    CHECK(has(std::string(find_key("cache.rules")->meaning), quoted(key.name)));
  }
  CHECK(rule["properties"]["never"]["type"] == "boolean");
  CHECK(rule["properties"]["ignore_query"]["items"]["type"] == "string");
  CHECK(cache["presets"]["items"]["enum"] == Json(preset_names()));
}

}  // namespace
}  // namespace larder::conf
