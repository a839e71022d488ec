#include "cache/http/entity_tag.h"

#include <doctest/doctest.h>

using namespace larder::http;

TEST_CASE("RFC 9110 8.8.3: an entity tag and nothing around it") {
  CHECK(parse_entity_tag("\"xyzzy\"")->opaque == "\"xyzzy\"");
  CHECK_FALSE(parse_entity_tag("\"xyzzy\"")->weak);
  CHECK(parse_entity_tag("W/\"xyzzy\"")->opaque == "\"xyzzy\"");
  CHECK(parse_entity_tag("W/\"xyzzy\"")->weak);
  CHECK(parse_entity_tag("\"\"").has_value());
  CHECK(parse_entity_tag("\"a\\\"").has_value());  // a backslash is a character like others
  CHECK(parse_entity_tag("\"a,b\xe4\"").has_value());
  for (const char* bad : {"", "\"", "W/", "W/\"", "xyzzy", "w/\"a\"", "W\"a\"", "\"a", "a\"", "\"a\" ", " \"a\"",
                          "\"a b\"", "\"a\"b\"", "\"a\x7f\"", "'a'", "\"a\", \"b\""}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_entity_tag(bad).has_value());
  }
}

TEST_CASE("RFC 9110 8.8.3.2: the table of comparisons") {
  struct Row {
    const char *a, *b;
    bool strong, weak;
  };
  const Row rows[] = {
      {"W/\"1\"", "W/\"1\"", false, true}, {"W/\"1\"", "W/\"2\"", false, false}, {"W/\"1\"", "\"1\"", false, true},
      {"\"1\"", "\"1\"", true, true},      {"\"1\"", "\"2\"", false, false},     {"\"a\"", "\"A\"", false, false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.a);
    CAPTURE(row.b);
    const EntityTag a = *parse_entity_tag(row.a);
    const EntityTag b = *parse_entity_tag(row.b);
    CHECK(is_strong_match(a, b) == row.strong);
    CHECK(is_strong_match(b, a) == row.strong);
    CHECK(is_weak_match(a, b) == row.weak);
    CHECK(is_weak_match(b, a) == row.weak);
  }
}
