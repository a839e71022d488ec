#include "cache/policy/quality.h"

#include <doctest/doctest.h>

#include <string>

using namespace larder::policy;

namespace {

// The members of a line as "name|parameters|quality", separated by blanks, and "!" where the walk broke off.
std::string walk(std::string_view line) {
  std::string out;
  PreferenceIterator p(line);
  while (p.next()) {
    const Preference& preference = p.preference();
    out.append(out.empty() ? "" : " ").append(preference.name).append("|").append(preference.parameters);
    out.append("|").append(std::to_string(preference.quality));
  }
  if (p.is_malformed()) out += "!";
  return out;
}

Preference preference(std::string_view name, Quality quality) {
  return {name, {}, quality};
}

}  // namespace

TEST_CASE("RFC 9110 12.4.2: quality values are numbers of at most three decimals") {
  struct Row {
    const char* text;
    std::optional<Quality> expected;
  };
  const Row rows[] = {
      {"0", 0},       {"0.", 0},       {"0.0", 0},     {"0.000", 0},   {"1", 1000},  {"1.", 1000},
      {"1.0", 1000},  {"1.000", 1000}, {"0.5", 500},   {"0.50", 500},  {"0.05", 50}, {"0.001", 1},
      {"0.999", 999}, {"", {}},        {".5", {}},     {"1.001", {}},  {"1.5", {}},  {"2", {}},
      {"00", {}},     {"01", {}},      {"0.0000", {}}, {"0.1234", {}}, {"-0", {}},   {"+1", {}},
      {"0,5", {}},    {"0.5 ", {}},    {" 1", {}},     {"0.x", {}},    {"10", {}},   {"1e0", {}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(parse_quality(row.text) == row.expected);
  }
}

TEST_CASE("the members of a line of preferences") {
  struct Row {
    const char *line, *expected;
  };
  const Row rows[] = {
      {"", ""},
      {" ,\t, ", ""},
      {"gzip", "gzip||1000"},
      {"gzip, br;q=0.5,*;q=0", "gzip||1000 br||500 *||0"},
      {",, gzip ,,br ,", "gzip||1000 br||1000"},
      {"gzip ; Q = 0.5 , br", "gzip||500 br||1000"},
      {"a/b;x=1", "a/b|;x=1|1000"},
      {"a/b ;x=1; y=2 ; q=0.3", "a/b|;x=1; y=2 |300"},
      {"a/b;x=\"1,2;q=0\", c", "a/b|;x=\"1,2;q=0\"|1000 c||1000"},
      {"a/b;x=\"\\\",\";q=0.1", "a/b|;x=\"\\\",\"|100"},
      {"a/b;quality=1", "a/b|;quality=1|1000"},
      {"gzip;q", "!"},
      {"gzip;q=", "!"},
      {"gzip;q=1.5", "!"},
      {"gzip;q=\"1\"", "!"},
      {"br, gzip;q=0.5;x=1", "br||1000!"},
      {"gzip;q=0.5;q=0.5", "!"},
      {"gzip;", "!"},
      {"gzip;;q=1", "!"},
      {";q=1", "!"},
      {"gzip br", "!"},
      {"gzip=1", "!"},
      {"\"gzip\"", "!"},
      {"br, a/b;x=\"1, gzip", "br||1000!"},
      {"a/b;x=\"1\\", "!"},
      {"gzip\xc3\xbc", "!"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    // Heap memory of the exact size: the sanitizer sees a read past it.
    CHECK(walk(std::string(row.line)) == row.expected);
  }
}

TEST_CASE("parameters are taken from the front") {
  std::string_view rest = "; a=1;b=\"; \\\",\" ,c";
  CHECK(take_parameter(rest) == "a=1");
  CHECK(take_parameter(rest) == "b=\"; \\\",\"");
  CHECK(rest == ",c");
  CHECK(take_parameter(rest) == "");
  CHECK(rest == ",c");
  rest = ";a=\"";
  CHECK(take_parameter(rest) == "");
  CHECK(rest == ";a=\"");
  rest = "";
  CHECK(take_parameter(rest) == "");
}

TEST_CASE("a list is in order of names, whatever order they came in") {
  for (const auto& order : {"gzip BR x *", "* x BR gzip", "x gzip * BR"}) {
    CAPTURE(order);
    PreferenceList list;
    std::string_view rest = order;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(' '), rest.size());
      CHECK(list.add(preference(rest.substr(0, end), 1000)));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    std::string names;
    for (const Preference& p : list.members()) names.append(p.name).append(" ");
    CHECK(names == "* BR gzip x ");
  }
}

TEST_CASE("a list takes no name twice, no endless name and no endless number of them") {
  PreferenceList list;
  CHECK(list.members().empty());
  CHECK(list.add(preference("gzip", 1000)));
  CHECK_FALSE(list.add(preference("GZIP", 500)));
  CHECK(list.add(preference("gzi", 500)));
  const std::string longest(PreferenceList::kLongestName, 'x');
  CHECK(list.add(preference(longest, 1000)));
  CHECK_FALSE(list.add(preference(longest + "x", 1000)));
  CHECK(list.members().size() == 3);
  CHECK(list.members()[1].quality == 1000);

  std::string names = "abcdefghijklmnopq";
  PreferenceList many;
  for (std::size_t i = 0; i < PreferenceList::kMost; ++i) {
    CHECK(many.add(preference(std::string_view(names).substr(i, 1), 1000)));
  }
  CHECK_FALSE(many.add(preference("q", 1000)));
  CHECK(many.members().size() == PreferenceList::kMost);
}

TEST_CASE("RFC 9110 12.4.2: what a list prefers to all else") {
  PreferenceList list;
  CHECK_FALSE(list.prefers("de"));
  list.add(preference("De", 500));
  CHECK(list.prefers("dE"));
  CHECK_FALSE(list.prefers("d"));
  CHECK_FALSE(list.prefers(""));
  list.add(preference("en", 499));
  CHECK(list.prefers("de"));
  CHECK_FALSE(list.prefers("en"));
  list.add(preference("fr", 500));
  CHECK_FALSE(list.prefers("de"));
  CHECK_FALSE(list.prefers("fr"));

  PreferenceList unwanted;
  unwanted.add(preference("de", 0));
  CHECK_FALSE(unwanted.prefers("de"));
}
