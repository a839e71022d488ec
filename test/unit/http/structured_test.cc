#include "cache/http/structured.h"

#include <doctest/doctest.h>

#include <string>

#include "test/unit/http/head_text.h"

using namespace larder::http;
using Kind = BareItem::Kind;

namespace {

std::string to_text(const BareItem& item) {
  switch (item.kind) {
    case Kind::Integer:
      return "i" + std::to_string(item.number);
    case Kind::Decimal:
      return "d" + std::to_string(item.number);
    case Kind::String:
      return "s<" + std::string(item.text) + ">";
    case Kind::Token:
      return "t<" + std::string(item.text) + ">";
    case Kind::Boolean:
      return item.boolean ? "?1" : "?0";
    case Kind::Other:
      return "other";
  }
  return "no kind";
}

// The members of the field X as "key:item", separated by blanks, and "!" where the walk broke off.
std::string walk(FieldSpan fields) {
  std::string out;
  Dictionary d(fields, "X");
  while (d.next()) {
    out.append(out.empty() ? "" : " ").append(d.key()).append(":").append(to_text(d.item()));
  }
  if (d.is_malformed()) out += "!";
  CHECK_FALSE(d.next());  // an end is an end
  return out;
}

// The same of one line that need not be a text of C.
std::string walk_line(std::string_view value) {
  // Heap memory of the exact size: the sanitizer sees a read past it.
  const std::string copy(value);
  FieldList fields;
  fields.push_back("X", trim(std::string_view(copy)));
  return walk(fields);
}

struct Row {
  std::string_view value;
  std::string_view expected;
};

void check(const Row& row) {
  const std::string text(row.value);
  CAPTURE(text);
  CHECK(walk_line(row.value) == row.expected);
}

}  // namespace

TEST_CASE("RFC 8941 4.2.2: the members of a dictionary") {
  const Row rows[] = {
      {"", ""},
      {"   ", ""},
      {"a", "a:?1"},
      {"a=1", "a:i1"},
      {"a,b", "a:?1 b:?1"},
      {"a, b=2,c", "a:?1 b:i2 c:?1"},
      {"a \t,\t b", "a:?1 b:?1"},
      {"a=1,a=2", "a:i1 a:i2"},  // the later one counts: to the caller
      {"a=1, a", "a:i1 a:?1"},
      {"a=?0, b=x, c=\"y\", d=1.5, e=(1 2), f=:YQ==:", "a:?0 b:t<x> c:s<y> d:d1500 e:other f:other"},
      // Commas at the ends, and empty members
      {",", "!"},
      {",a", "!"},
      {"a,", "!"},
      {"a, ", "!"},
      {"a=1,b=2,", "a:i1!"},
      {"a,,b", "a:?1!"},
      {"a, ,b", "a:?1!"},
      // Something else than a comma between members
      {"a b", "!"},
      {"a=1 b=2", "!"},
      {"a;b", "a:?1"},
      {"a:b", "!"},
      {"a\"b\"", "!"},
      {"a=1\"b\"", "!"},
      {"a=\"b\"c", "!"},
      {"a=?1x", "!"},
      {"a=?10", "!"},
      {"a=(1)x", "!"},
      {"a=1x", "!"},
      {"a=1=2", "!"},
      {"a==1", "!"},
      {"a=", "!"},
      {"a=,b", "!"},
      {"a= 1", "!"},
      {"a =1", "!"},
      {"a\t=1", "!"},
      {"=1", "!"},
      {"a=1, &&&&&", "a:i1!"},
      {std::string_view("a\0", 2), "!"},
      {std::string_view("a=1\0,b", 6), "!"},
      {"a\r\n", "!"},
  };
  for (const Row& row : rows) check(row);
}

TEST_CASE("RFC 8941 4.2.3.3: keys begin with a lower-case letter or a star, and have no upper case") {
  const Row rows[] = {
      {"a-b_c.d*e9", "a-b_c.d*e9:?1"},
      {"*", "*:?1"},
      {"*a=1", "*a:i1"},
      {"a--", "a--:?1"},
      {"max-age=10", "max-age:i10"},
      {"Max-Age=10", "!"},
      {"max-Age=10", "!"},
      {"A", "!"},
      {"a, B", "a:?1!"},
      {"1a", "!"},
      {"-a", "!"},
      {"_a", "!"},
      {".a", "!"},
      {"a!", "!"},
      {"a/b", "!"},
      {"\"a\"=1", "!"},
      {"?1", "!"},
      {"(a)", "!"},
      {"a\xc3\xa4=1", "!"},
      {"\xff", "!"},
  };
  for (const Row& row : rows) check(row);
}

TEST_CASE("RFC 8941 4.2.4: integers of 15 digits, decimals of 12 and 3") {
  const Row rows[] = {
      {"a=0", "a:i0"},
      {"a=-0", "a:i0"},
      {"a=00042", "a:i42"},
      {"a=-1", "a:i-1"},
      {"a=2147483648", "a:i2147483648"},
      {"a=99999999999", "a:i99999999999"},
      {"a=999999999999999", "a:i999999999999999"},
      {"a=-999999999999999", "a:i-999999999999999"},
      {"a=000000000000001", "a:i1"},
      {"a=1000000000000000", "!"},
      {"a=0000000000000001", "!"},
      {"a=-1000000000000000", "!"},
      {"a=18446744073709551617", "!"},
      {"a=99999999999999999999999999999999999999999999999999", "!"},
      {"a=-", "!"},
      {"a=--1", "!"},
      {"a=- 1", "!"},
      {"a=-a", "!"},
      {"a=+1", "!"},
      {"a=1-", "!"},
      {"a=1e3", "!"},
      {"a=0x10", "!"},
      {"a=1_000", "!"},
      {"a=10.0", "a:d10000"},
      {"a=0.001", "a:d1"},
      {"a=-0.5", "a:d-500"},
      {"a=-0.0", "a:d0"},
      {"a=1.05", "a:d1050"},
      {"a=999999999999.999", "a:d999999999999999"},
      {"a=-999999999999.999", "a:d-999999999999999"},
      {"a=000000000001.1", "a:d1100"},
      {"a=1234567890123.1", "!"},
      {"a=123456789012345.1", "!"},
      {"a=1.", "!"},
      {"a=1.,b", "!"},
      {"a=.5", "!"},
      {"a=-.5", "!"},
      {"a=1.2345", "!"},
      {"a=1.0000", "!"},
      {"a=1.2.3", "!"},
      {"a=1.-2", "!"},
  };
  for (const Row& row : rows) check(row);
}

TEST_CASE("RFC 8941 4.2.5: strings are closed, printable, and escape only quotes and backslashes") {
  const Row rows[] = {
      {R"(a="")", "a:s<>"},
      {R"(a="b c, d=1; e")", "a:s<b c, d=1; e>"},
      {R"(a="\"", b)", R"(a:s<\"> b:?1)"},
      {R"(a="\\", b)", R"(a:s<\\> b:?1)"},
      {R"(a="\\\"")", R"(a:s<\\\">)"},
      {R"(a=" ~")", "a:s< ~>"},
      {R"(a=")", "!"},
      {R"(a="b)", "!"},
      {R"(a="b, no-store)", "!"},
      {R"(a="\)", "!"},
      {R"(a="\")", "!"},
      {R"(a="\\\")", "!"},
      {R"(a="\b")", "!"},
      {R"(a="\ ")", "!"},
      {R"(a='b')", "!"},
      {"a=\"b\tc\"", "!"},
      {"a=\"b\x01\"", "!"},
      {"a=\"b\x1f\"", "!"},
      {"a=\"b\x7f\"", "!"},
      {"a=\"b\x80\"", "!"},
      {"a=\"b\xff\"", "!"},
      {"a=\"\xc3\xbc\"", "!"},
      {"a=\"\\\xff\"", "!"},
      {std::string_view("a=\"\0\"", 5), "!"},
  };
  for (const Row& row : rows) check(row);
}

TEST_CASE("RFC 8941 4.2.6: tokens begin with a letter or a star") {
  const Row rows[] = {
      {"a=b", "a:t<b>"},
      {"a=*", "a:t<*>"},
      {"a=B/c:d", "a:t<B/c:d>"},
      {"a=*foo123/456", "a:t<*foo123/456>"},
      {"a=b!#$%&'*+-.^_`|~9", "a:t<b!#$%&'*+-.^_`|~9>"},
      {"a=true", "a:t<true>"},
      {"a=Set-Cookie", "a:t<Set-Cookie>"},
      {"a=/b", "!"},
      {"a=_b", "!"},
      {"a=!b", "!"},
      {"a=b\"c\"", "!"},
      {"a=b(c)", "!"},
      {"a=b=c", "!"},
      {"a=b@c", "!"},
      {"a=b\xc3\xbc", "!"},
      {"a=\xc3\xbc", "!"},
  };
  for (const Row& row : rows) check(row);
}

TEST_CASE("RFC 8941 4.2.8: booleans are ?1 and ?0") {
  const Row rows[] = {
      {"a=?1", "a:?1"}, {"a=?0", "a:?0"}, {"a=?1, b", "a:?1 b:?1"}, {"a=?", "!"},   {"a=?2", "!"}, {"a=??1", "!"},
      {"a=? 1", "!"},   {"a=?T", "!"},    {"a=?true", "!"},         {"a=?,b", "!"},
  };
  for (const Row& row : rows) check(row);
}

TEST_CASE("RFC 8941 4.2.7: byte sequences are checked and not handed out") {
  const Row rows[] = {
      {"a=::", "a:other"},
      {"a=:aGVsbG8=:", "a:other"},
      {"a=:aGVsbG8:, b", "a:other b:?1"},  // without its padding
      {"a=:iZ==:", "a:other"},             // with pad bits
      {"a=:iZ=:", "a:other"},
      {"a=:AZaz09+/:", "a:other"},
      {"a=:aGVs:;x=1", "a:other"},
      {"a=:", "!"},
      {"a=:aGVs", "!"},
      {"a=:aGVsbG8=", "!"},
      {"a=:a:", "!"},  // 6 bits are no byte
      {"a=:aGVsb:", "!"},
      {"a=:=:", "!"},
      {"a=:aGVs=:", "!"},
      {"a=:aGVsbG8==:", "!"},
      {"a=:YQ===:", "!"},
      {"a=:=aGVsbG8=:", "!"},
      {"a=:aG=VsbG8=:", "!"},
      {"a=:aGVs bG8=:", "!"},
      {"a=:aGVs-_8=:", "!"},
      {"a=:aGVs:x", "!"},
      {"a=:\xff:", "!"},
  };
  for (const Row& row : rows) check(row);
}

TEST_CASE("RFC 8941 4.2.1.2: inner lists are checked and not handed out") {
  const Row rows[] = {
      {"a=()", "a:other"},
      {"a=(  )", "a:other"},
      {"a=(1)", "a:other"},
      {"a=( 1  b \"c\" ?0 1.5 :YQ==: ), b", "a:other b:?1"},
      {"a=(\")\" \",\")", "a:other"},
      {"a=(1;x=2;y b;z);q=1;r", "a:other"},
      {"a=(1; x)", "a:other"},
      {"a=(", "!"},
      {"a=( ", "!"},
      {"a=(1", "!"},
      {"a=(1 ", "!"},
      {"a=(1 2", "!"},
      {"a=(1,2)", "!"},
      {"a=(1, 2)", "!"},
      {"a=(1\t2)", "!"},
      {"a=(\t1)", "!"},
      {"a=(1\"b\")", "!"},
      {"a=(1 ;x)", "!"},
      {"a=((1))", "!"},
      {"a=(1 (2))", "!"},
      {"a=(1;x=(2))", "!"},
      {"a=(&)", "!"},
      {"a=)", "!"},
      {"a=(1))", "!"},
      {"a=() ()", "!"},
  };
  for (const Row& row : rows) check(row);
}

TEST_CASE("RFC 8941 4.2.3.2: parameters are checked and passed over") {
  const Row rows[] = {
      {"a;x", "a:?1"},
      {"a;x=1, b", "a:?1 b:?1"},
      {"max-age=10;x=1", "max-age:i10"},
      {"a=1;x;y=2;  z=\";,\";*=t;v=?0;w=:YQ==:;u=1.5", "a:i1"},
      {"a=1;x=1;x=2", "a:i1"},
      {"a=1;x=\"b\" , b", "a:i1 b:?1"},
      {"a;", "!"},
      {"a;;x", "!"},
      {"a; ", "!"},
      {"a ;x", "!"},
      {"a=1 ;x", "!"},
      {"a;\tx", "!"},
      {"a;X", "!"},
      {"a;1", "!"},
      {"a;x=", "!"},
      {"a;x=,b", "!"},
      {"a;x= 1", "!"},
      {"a;x =1", "!"},
      {"a;x=()", "!"},
      {"a;x=&", "!"},
      {"a;x=1.", "!"},
      {"a;x=1234567890123456", "!"},
      {"a;=1", "!"},
      {";x", "!"},
  };
  for (const Row& row : rows) check(row);
}

TEST_CASE("the types of RFC 9651 are unknown to RFC 8941") {
  check({"a=@1659578233", "!"});
  check({"a=%\"f%c3%bc\"", "!"});
}

TEST_CASE("RFC 8941 4.2: all lines of the name are one field") {
  struct Lines {
    const char* text;
    const char* expected;
  };
  const Lines rows[] = {
      {"Y: a", ""},
      {"X:", ""},
      {"Y: &\nX: a=1\nZ: &", "a:i1"},
      {"X: a=1\nx: b", "a:i1 b:?1"},
      {"X: a=1, b\nY: c\nX: d;x=1\nX: e", "a:i1 b:?1 d:?1 e:?1"},
      {"X: a=1\nX: a=2", "a:i1 a:i2"},
      // Joined by a comma, an empty line is an empty member.
      {"X:\nX:", "!"},
      {"X:\nX: a", "!"},
      {"X: a\nX:", "a:?1!"},
      {"X: a\nX:\nX: b", "a:?1!"},
      {"X: a\nY:\nX: b", "a:?1 b:?1"},
      // One bad line is a bad field.
      {"X: a,\nX: b", "!"},
      {"X: a\nX: , b", "a:?1!"},
      {"X: a\nX: B", "a:?1!"},
      {"X: A\nX: b", "!"},
      {"X: a\nX: ;x", "a:?1!"},
      {"X: a=\nX: 1", "!"},
      {"X: a=(1\nX: 2)", "!"},
      {"X: a=\"b\nX: c\"", "!"},  // section 4.2 lets a parser choose
  };
  for (const Lines& row : rows) {
    CAPTURE(row.text);
    const HeadText head(row.text);
    CHECK(walk(head) == row.expected);
  }
}

TEST_CASE("a dictionary is found under any name, in any case") {
  const HeadText head("CDN-Cache-Control: a\nCache-Control: b\ncdn-cache-control: c");
  struct Name {
    const char* name;
    std::size_t members;
  };
  for (const Name& row : {Name{"CDN-Cache-Control", 2}, Name{"cdn-CACHE-control", 2}, Name{"cache-control", 1},
                          Name{"CDN-Cache-Contro", 0}, Name{"", 0}}) {
    CAPTURE(row.name);
    Dictionary d(head, row.name);
    std::size_t n = 0;
    while (d.next()) ++n;
    CHECK(n == row.members);
    CHECK_FALSE(d.is_malformed());
  }
}

TEST_CASE("a prefix of a valid field is valid or malformed, and never read past its end") {
  const std::string whole = R"(a=-1.25;p="\\\"";q, b=(1 "x";y=?1 :YQ==:);z=*t/u:v, c="\"", d=?0, e=:YWI=:)";
  CHECK(walk_line(whole) == R"(a:d-1250 b:other c:s<\"> d:?0 e:other)");
  for (std::size_t n = 0; n <= whole.size(); ++n) {
    (void)walk_line(whole.substr(0, n));
    (void)walk_line(whole.substr(n));
  }
}

TEST_CASE("a walk over a hostile dictionary is linear") {
  // Were one part of it read again for each other part, each of these would take more than 10^10 steps.
  struct Hostile {
    const char *head, *repeated, *tail;
    bool malformed;
  };
  const Hostile rows[] = {
      {"a", ",a", "", false},    {"a", ";x", "", false},           {"a", ";x=\"\"", ";", true},
      {"a=(", "1 ", ")", false}, {"a=(", "1;x ", "", true},        {"a=\"", "\\\"", "", true},
      {"a=(", "(", "", true},    {"a=:", "YWJj", "", true},        {"a", "\t ", "b", true},
      {"a=", "9", "", true},     {"a=1.", "9", "", true},          {"a=t", ":", "\x7f", true},
      {"a", "*", "=\"", true},   {"a=\"\"", ",a=\"\"", ",", true}, {"a=(", " ", "", true},
  };
  for (const Hostile& row : rows) {
    CAPTURE(row.repeated);
    std::string value = row.head;
    for (int i = 0; i < 200000; ++i) value += row.repeated;
    value += row.tail;
    FieldList fields;
    fields.push_back("X", value);
    Dictionary d(fields, "X");
    while (d.next()) continue;
    CHECK(d.is_malformed() == row.malformed);
  }
  FieldList lines;
  for (int i = 0; i < 200000; ++i) lines.push_back(i % 2 == 0 ? "Y" : "X", "a");
  Dictionary d(lines, "X");
  std::size_t n = 0;
  while (d.next()) ++n;
  CHECK(n == 100000);
}
