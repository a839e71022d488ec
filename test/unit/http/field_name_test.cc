#include "cache/http/field_name.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "cache/http/text.h"

using namespace larder::http;

namespace {

struct Known {
  FieldName id;
  std::string text;
};

const std::vector<Known> kAll = {
#define LARDER_X(id, text) {FieldName::id, text},
    LARDER_FIELD_NAMES(LARDER_X)
#undef LARDER_X
};

}  // namespace

TEST_CASE("every known name is found in any case, and written back as on the wire") {
  for (const Known& known : kAll) {
    CAPTURE(known.text);
    std::string lower_case, upper_case;
    for (const char c : known.text) {
      lower_case.push_back(lower(c));
      upper_case.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c);
    }
    CHECK(field_name(known.text) == known.id);
    CHECK(field_name(lower_case) == known.id);
    CHECK(field_name(upper_case) == known.id);
    CHECK(to_string(known.id) == known.text);
  }
  CHECK(to_string(FieldName::Other) == "");
}

TEST_CASE("a name that differs in one byte is another name") {
  for (const Known& known : kAll) {
    for (std::size_t at = 0; at < known.text.size(); ++at) {
      for (int c = 0; c < 256; ++c) {
        std::string other = known.text;
        other[at] = static_cast<char>(c);
        if (equals_ignoring_case(other, known.text)) continue;
        const FieldName found = field_name(other);
        CAPTURE(other);
        CHECK((found == FieldName::Other || equals_ignoring_case(to_string(found), other)));
      }
    }
  }
}

TEST_CASE("longer, shorter and empty names are not known") {
  for (const Known& known : kAll) {
    CAPTURE(known.text);
    CHECK(field_name(known.text + "x") == FieldName::Other);
    CHECK(field_name(known.text + " ") == FieldName::Other);
    CHECK(field_name("x" + known.text) == FieldName::Other);
  }
  CHECK(field_name("") == FieldName::Other);
  CHECK(field_name("X-Frame-Options") == FieldName::Other);
  CHECK(field_name(std::string(100000, 'a')) == FieldName::Other);
}
