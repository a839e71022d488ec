#include "cache/http/fields.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "test/unit/http/head_text.h"

using namespace larder::http;
using Words = std::vector<std::string>;

namespace {

Words members(FieldSpan fields, FieldName id) {
  Words out;
  for (MemberIterator m(fields, id); m.next();) out.emplace_back(m.member());
  return out;
}

}  // namespace

TEST_CASE("fields are found by number and by name, the first line first") {
  const HeadText head("Host: a\nX-One: 1\nx-one: 2\nCACHE-CONTROL: no-store\nCache-Control: private");
  CHECK(value_of(head, FieldName::CacheControl) == "no-store");
  CHECK(count(head, FieldName::CacheControl) == 2);
  CHECK(find(head, "cache-control")->value == "no-store");
  CHECK(find(head, "X-ONE")->value == "1");
  CHECK(find(head, "X-Two") == nullptr);
  CHECK(find(head, FieldName::ETag) == nullptr);
  CHECK(value_of(head, FieldName::ETag) == std::nullopt);
  CHECK(has(head, FieldName::Host));
  CHECK_FALSE(has(head, FieldName::Age));
}

TEST_CASE("an empty value is present") {
  const HeadText head("Accept:");
  CHECK(has(head, FieldName::Accept));
  CHECK(value_of(head, FieldName::Accept) == "");
}

TEST_CASE("RFC 9110 5.6.1: list members") {
  struct Row {
    const char* text;
    Words expected;
  };
  const Row rows[] = {
      {"Connection: close", {"close"}},
      {"Connection: a, b ,\tc", {"a", "b", "c"}},
      {"Connection: ,, a,, ,b,", {"a", "b"}},
      {"Connection:", {}},
      {"Connection: , ,", {}},
      {"Connection: a\nHost: x\nconnection:\nCONNECTION: b, c", {"a", "b", "c"}},
      {"Connection: a=\"1, 2\", b", {"a=\"1, 2\"", "b"}},
      {"Connection: \"\\\", x\", b", {"\"\\\", x\"", "b"}},
      {"Connection: \"\", b", {"\"\"", "b"}},
      {"Connection: a\"b,c\"d,e", {"a\"b,c\"d", "e"}},
      // A quote that is never closed shelters nothing, not even on the line's later quotes; the next line starts anew.
      {"Connection: a=\"1, no-store", {"a=\"1", "no-store"}},
      {"Connection: \"\\\", \\\", b", {"\"\\\"", "\\\"", "b"}},
      {"Connection: \"x, y\nConnection: \"p, q\"", {"\"x", "y", "\"p, q\""}},
      {"Connection: \"a\\", {"\"a\\"}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const HeadText head(row.text);
    CHECK(members(head, FieldName::Connection) == row.expected);
  }
}

TEST_CASE("list_contains ignores case and compares whole members") {
  const HeadText head("Connection: Keep-Alive, Foo\nConnection: close-not");
  CHECK(list_contains(head, FieldName::Connection, "keep-alive"));
  CHECK(list_contains(head, FieldName::Connection, "FOO"));
  CHECK_FALSE(list_contains(head, FieldName::Connection, "close"));
  CHECK_FALSE(list_contains(head, FieldName::Te, "foo"));
}

TEST_CASE("a walk over hostile quotes is linear") {
  // Without a memory for the quote that is never closed this takes 10^11 steps.
  std::string value = "\"";
  for (int i = 0; i < 200000; ++i) value += "\\\",";
  std::size_t n = 0;
  for (MemberIterator m(std::string_view{value}); m.next();) ++n;
  CHECK(n == 200000);
}

TEST_CASE("a rebased list says the same from another block") {
  std::string first = "Host: a\nX:";
  FieldList list;
  list.push_back(std::string_view(first).substr(0, 4), std::string_view(first).substr(6, 1));
  list.push_back(std::string_view(first).substr(8, 1), std::string_view(first).substr(10, 0));
  list.push_back("X", std::string_view{});
  const std::string second = first;
  FieldList moved;
  moved.push_back(*list.begin());
  moved.push_back(*(list.begin() + 1));
  moved.push_back({{}, {}, FieldName::Other});
  moved.rebase(first.data(), second.data());
  first.assign(first.size(), '#');
  CHECK(moved.size() == 3);
  CHECK(moved.begin()->name == "Host");
  CHECK(moved.begin()->name.data() == second.data());
  CHECK(moved.begin()->value == "a");
  CHECK((moved.begin() + 1)->name == "X");
  CHECK((moved.begin() + 1)->value.data() == second.data() + 10);
  CHECK((moved.begin() + 2)->name.data() == nullptr);
  moved.clear();
  CHECK(moved.empty());
}
