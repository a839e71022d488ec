#include "proxy/admin/parameters.h"

#include <doctest/doctest.h>

namespace larder::admin {

using store::disk::JournalEntry;

TEST_CASE("a query is read as it is meant, or not at all") {
  struct Row {
    const char* target;
    const char* url;  // null: refused
    const char* tag;
  };
  const Row rows[] = {
      {"/purge", "", ""},
      {"/purge?", "", ""},
      {"/purge?url=http://a/", "http://a/", ""},
      {"/purge?url=http://a/?x=1", "http://a/?x=1", ""},
      {"/purge?url=http%3A%2F%2Fa%2F%3Fx%3D1%26y%3D2&tag=t", "http://a/?x=1&y=2", "t"},
      {"/purge?tag=a+b&", "", "a+b"},
      {"/purge?tag=a%20b", "", "a b"},
      {"/purge?%74ag=%C3%A9", "", "\xc3\xa9"},
      {"/purge?url=http://a/?x=1&y=2", nullptr, nullptr},
      {"/purge?url", nullptr, nullptr},
      {"/purge?url=", nullptr, nullptr},
      {"/purge?tag=a&tag=b", nullptr, nullptr},
      {"/purge?tag=%", nullptr, nullptr},
      {"/purge?tag=%4", nullptr, nullptr},
      {"/purge?tag=%zz", nullptr, nullptr},
      {"/purge?tag=%+4", nullptr, nullptr},
      {"/purge?tag=a%00b", nullptr, nullptr},
      {"/purge?tag=a%0ab", nullptr, nullptr},
  };
  for (const auto& row : rows) {
    CAPTURE(row.target);
    const auto parameters = Parameters::parse(row.target, {"url", "tag"});
    REQUIRE(parameters.has_value() == (row.url != nullptr));
    if (!parameters) {
      CHECK(parameters.error().ends_with("."));
      continue;
    }
    CHECK(parameters->get("url").value_or("") == row.url);
    CHECK(parameters->get("tag").value_or("") == row.tag);
  }
}

TEST_CASE("what is selected is told as the store knows it") {
  struct Row {
    const char* by;
    const char* text;
    const char* selected;  // null: refused
  };
  const Row rows[] = {
      {"host", "a.example", "a.example"},
      {"host", "2001:db8::1", "2001:db8::1"},
      {"host", "[2001:db8::1]", "2001:db8::1"},
      {"host", "a.example:80", nullptr},
      {"host", "a.example:", nullptr},
      {"host", "http://a.example/", nullptr},
      {"host", "a b", nullptr},
      {"prefix", "http://A.example:80/x", "http://a.example/x"},
      {"prefix", "http://a.example", "http://a.example/"},
      {"prefix", "http://a.example/news/?p=", "http://a.example/news/?p="},
      {"prefix", "a.example/x", nullptr},
      {"prefix", "ftp://a.example/x", nullptr},
      {"prefix", "/x", nullptr},
      {"tag", "front page", "front page"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto selected = select(row.by, row.text);
    REQUIRE(selected.has_value() == (row.selected != nullptr));
    if (selected) CHECK(selected->text == row.selected);
  }
  CHECK_FALSE(select("tag", std::string(store::disk::kMostText + 1, 't')));
  CHECK(select("host", "a")->kind == JournalEntry::Kind::Host);
  CHECK(select("prefix", "http://a/")->kind == JournalEntry::Kind::Prefix);
  CHECK(select("tag", "a")->kind == JournalEntry::Kind::Tag);
}

}  // namespace larder::admin
