#include "cache/http/text.h"

#include <doctest/doctest.h>

#include <optional>

using namespace larder::http;
using Number = std::optional<std::uint64_t>;

TEST_CASE("RFC 9110 5.6.2: a token is made of tchar only") {
  for (int c = 0; c < 256; ++c) {
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool mark =
        c != 0 && std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
    CAPTURE(c);
    CHECK(is_token_char(static_cast<char>(c)) == (alnum || mark));
  }
  CHECK(is_token("Cache-Control"));
  CHECK_FALSE(is_token(""));
  CHECK_FALSE(is_token("a b"));
  CHECK_FALSE(is_token("a:"));
}

TEST_CASE("RFC 9110 5.5: a field value holds no control character but HTAB") {
  for (int c = 0; c < 256; ++c) {
    const char byte = static_cast<char>(c);
    CAPTURE(c);
    CHECK(is_field_value({&byte, 1}) == (c == '\t' || (c >= 0x20 && c != 0x7f)));
  }
  CHECK(is_field_value(""));
}

TEST_CASE("case is folded for ASCII letters and nothing else") {
  CHECK(equals_ignoring_case("Max-Age", "mAX-aGE"));
  CHECK_FALSE(equals_ignoring_case("max-age", "max-ag"));
  CHECK_FALSE(equals_ignoring_case("[", "{"));
  CHECK_FALSE(equals_ignoring_case("@", "`"));
  CHECK_FALSE(equals_ignoring_case("\xc4", "\xe4"));
  std::string out = "A";
  append_lower(out, "BC-\xc4");
  CHECK(out == "Abc-\xc4");
}

TEST_CASE("trim takes SP and HTAB only") {
  CHECK(trim(" \t a b\t ") == "a b");
  CHECK(trim(" \t ") == "");
  CHECK(trim("\r\na\n") == "\r\na\n");
}

TEST_CASE("digits: no sign, no blank, no overflow") {
  CHECK(parse_digits("0") == Number(0));
  CHECK(parse_digits("00017") == Number(17));
  CHECK(parse_digits("18446744073709551615") == Number(18446744073709551615U));
  for (const char* bad : {"", "+1", "-1", " 1", "1 ", "1a", "0x1", "18446744073709551616", "99999999999999999999"}) {
    CAPTURE(bad);
    CHECK(parse_digits(bad) == std::nullopt);
  }
}

TEST_CASE("hex: fits 63 bits or is refused") {
  CHECK(parse_hex("0") == Number(0));
  CHECK(parse_hex("aBcDeF09") == Number(0xabcdef09));
  CHECK(parse_hex("7fffffffffffffff") == Number(0x7fffffffffffffff));
  CHECK(parse_hex("00000000000000000001") == Number(1));
  for (const char* bad : {"", "0x1", "+1", "1 ", "g", "8000000000000000", "fffffffffffffffff"}) {
    CAPTURE(bad);
    CHECK(parse_hex(bad) == std::nullopt);
  }
}

TEST_CASE("append_number") {
  std::string out = "n=";
  append_number(out, 0);
  append_number(out, 18446744073709551615U);
  CHECK(out == "n=018446744073709551615");
}
