#include "proxy/wire/chars.h"

#include <doctest/doctest.h>

#include <string>

#include "cache/http/text.h"

namespace larder::wire {
namespace {

TEST_CASE("the table of this room and the text tools of cache/http say the same") {
  for (int i = 0; i < 256; ++i) {
    const char c = static_cast<char>(i);
    CAPTURE(i);
    CHECK(is_in(c, kTokenChar) == http::is_token_char(c));
    CHECK(is_in(c, kTextChar) == http::is_field_value(std::string(1, c)));
    CHECK(is_in(c, kTargetChar) == (i > 0x20 && i != 0x7f));
  }
}

TEST_CASE("is_text finds the one bad byte at any place of any length") {
  for (std::size_t size = 0; size < 40; ++size) {
    const std::string clean(size, '\xa0');
    CHECK(is_text(clean));
    for (std::size_t at = 0; at < size; ++at) {
      for (const char bad : {'\0', '\x1f', '\x7f', '\r', '\n'}) {
        std::string text = clean;
        text[at] = bad;
        CHECK_FALSE(is_text(text));
        text[at] = '\t';
        CHECK(is_text(text));
      }
    }
  }
}

TEST_CASE("trim_ows removes blanks and tabs at the ends, nothing else") {
  CHECK(trim_ows(" \t a b\t ") == "a b");
  CHECK(trim_ows(" \t ") == "");
  CHECK(trim_ows("\va\v") == "\va\v");
}

}  // namespace
}  // namespace larder::wire
