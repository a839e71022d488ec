#include "cache/http/uri.h"

#include <doctest/doctest.h>

#include <string>

using namespace larder::http;

TEST_CASE("RFC 3986 3.2: authorities") {
  struct Row {
    const char *text, *host;
    std::uint16_t port;
    bool is_ipv6;
  };
  const Row rows[] = {
      {"example.com", "example.com", 0, false},
      {"example.com:", "example.com", 0, false},
      {"Example.COM:8080", "Example.COM", 8080, false},
      {"a:1", "a", 1, false},
      {"a:65535", "a", 65535, false},
      {"a:00080", "a", 80, false},
      {"a_b-c.~x", "a_b-c.~x", 0, false},
      {"a%20b", "a%20b", 0, false},
      {"!$&'()*+,;=", "!$&'()*+,;=", 0, false},
      {"192.0.2.1:80", "192.0.2.1", 80, false},
      {"[::1]", "::1", 0, true},
      {"[::]:443", "::", 443, true},
      {"[2001:db8::A:1]:1", "2001:db8::A:1", 1, true},
      {"[1:2:3:4:5:6:7:8]", "1:2:3:4:5:6:7:8", 0, true},
      {"[1::]", "1::", 0, true},
      {"[::ffff:192.0.2.1]", "::ffff:192.0.2.1", 0, true},
      {"[1:2:3:4:5:6:255.255.255.255]", "1:2:3:4:5:6:255.255.255.255", 0, true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto a = parse_authority(row.text);
    REQUIRE(a.has_value());
    CHECK(a->host == row.host);
    CHECK(a->port == row.port);
    CHECK(a->is_ipv6 == row.is_ipv6);
  }
}

TEST_CASE("RFC 3986 3.2, RFC 9110 4.2.4: what is no authority") {
  for (const char* bad : {"",
                          ":",
                          ":80",
                          "a:0",
                          "a:65536",
                          "a:99999999999999999999",
                          "a:8a",
                          "a:+8",
                          "a: 8",
                          "a:8 ",
                          "a:80:80",
                          "u@a",
                          "u:p@a",
                          "a b",
                          " a",
                          "a/",
                          "a?",
                          "a#",
                          "a%",
                          "a%2",
                          "a%zz",
                          "a\\b",
                          "a\"",
                          "a<b",
                          "a|b",
                          "\xc3\xa4",
                          "a\x7f",
                          "[",
                          "[]",
                          "[]:80",
                          "[::1",
                          "::1",
                          "[::1]x",
                          "[::1]80",
                          "[fe80::1%25eth0]",
                          "[fe80::1%eth0]",
                          "[v1.x]",
                          "[:1]",
                          "[1:]",
                          "[1:::2]",
                          "[1::2::3]",
                          "[12345::]",
                          "[g::]",
                          "[1:2:3:4:5:6:7]",
                          "[1:2:3:4:5:6:7:8:9]",
                          "[1:2:3:4:5:6:7::8]",
                          "[1:2:3:4:5:6:7:1.2.3.4]",
                          "[1.2.3.4]",
                          "[::1.2.3]",
                          "[::1.2.3.256]",
                          "[::1.2.3.04]",
                          "[::1.2.3.4.5]",
                          "[::1.2.3.4:5]",
                          "[::1..3.4]",
                          "[[::1]]"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_authority(bad).has_value());
  }
}

TEST_CASE("RFC 9112 3.2.2: absolute-form, and what is made of it") {
  struct Row {
    const char *text, *path, *host, *origin_form, *normalised;
    std::uint16_t port;
    bool is_http;
  };
  const Row rows[] = {
      {"http://a", "", "a", "/", "http://a/", 80, true},
      {"http://a/", "/", "a", "/", "http://a/", 80, true},
      {"HTTP://EXAMPLE.com:80/A?B", "/A?B", "example.com", "/A?B", "http://example.com/A?B", 80, true},
      {"http://a:/x", "/x", "a", "/x", "http://a/x", 80, true},
      {"http://a:443/", "/", "a:443", "/", "http://a:443/", 443, true},
      {"https://a:443/", "/", "a", "/", "https://a/", 443, true},
      {"https://a:80/", "/", "a:80", "/", "https://a:80/", 80, true},
      {"http://a?q=1", "?q=1", "a", "/?q=1", "http://a/?q=1", 80, true},
      {"http://a/b/./c/../d//e", "/b/./c/../d//e", "a", "/b/./c/../d//e", "http://a/b/./c/../d//e", 80, true},
      {"http://a/%7Ex?a?b", "/%7Ex?a?b", "a", "/%7Ex?a?b", "http://a/%7Ex?a?b", 80, true},
      {"http://a/x|{y}\\\"^`", "/x|{y}\\\"^`", "a", "/x|{y}\\\"^`", "http://a/x|{y}\\\"^`", 80, true},
      {"http://a/\xc3\xa4/x?\xff", "/\xc3\xa4/x?\xff", "a", "/%C3%A4/x?%FF", "http://a/%C3%A4/x?%FF", 80, true},
      {"http://[2001:DB8::1]:8080/", "/", "[2001:db8::1]:8080", "/", "http://[2001:db8::1]:8080/", 8080, true},
      {"http://a/http://b/", "/http://b/", "a", "/http://b/", "http://a/http://b/", 80, true},
      {"ftp://a/x", "/x", "a", "/x", "ftp://a/x", 0, false},
      {"x+y-z.1://a:21", "", "a:21", "/", "x+y-z.1://a:21/", 21, false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto uri = parse_absolute(row.text);
    REQUIRE(uri.has_value());
    CHECK(uri->path_and_query == row.path);
    CHECK(uri->port() == row.port);
    CHECK(uri->is_http() == row.is_http);
    std::string host, origin_form, normalised;
    append_host(host, *uri);
    append_origin_form(origin_form, *uri);
    append_normalised(normalised, *uri);
    CHECK(host == row.host);
    CHECK(origin_form == row.origin_form);
    CHECK(normalised == row.normalised);
    // A normalised URI is its own normal form.
    std::string again;
    append_normalised(again, *parse_absolute(normalised));
    CHECK(again == normalised);
  }
}

TEST_CASE("RFC 9112 3.2.2: what is no absolute-form") {
  for (const char* bad : {"",
                          "/",
                          "*",
                          "a",
                          "a:80",
                          "http:",
                          "http:/",
                          "http://",
                          "http:///x",
                          "http://:80/",
                          "http:a/b",
                          "://a/",
                          "1http://a/",
                          "ht tp://a/",
                          "http://u@a/",
                          "http://u:p@a/",
                          "http://a/#f",
                          "http://a#f",
                          "http://a?b#f",
                          "http://a/b c",
                          "http://a/\t",
                          "http://a/\r\n",
                          "http://a/\x7f",
                          "http://\xc3\xa4/",
                          "http://a\\b/",
                          "http://a:b/",
                          "http://[::1/",
                          " http://a/",
                          "http://a/ "}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_absolute(bad).has_value());
  }
  CHECK_FALSE(parse_absolute(std::string_view("http://a/\0", 10)).has_value());
}

TEST_CASE("RFC 3986 5.4: references resolved") {
  struct Row {
    const char *base, *reference;
    const char* expected;  // null: no http URI
  };
  const char* kBase = "http://a/b/c/d;p?q";
  const Row rows[] = {
      // 5.4.1, the normal examples
      {kBase, "g:h", nullptr},
      {kBase, "g", "http://a/b/c/g"},
      {kBase, "./g", "http://a/b/c/g"},
      {kBase, "g/", "http://a/b/c/g/"},
      {kBase, "/g", "http://a/g"},
      {kBase, "//g", "http://g"},
      {kBase, "?y", "http://a/b/c/d;p?y"},
      {kBase, "g?y", "http://a/b/c/g?y"},
      {kBase, "#s", "http://a/b/c/d;p?q"},  // a fragment is no part of what is asked for
      {kBase, "g#s", "http://a/b/c/g"},
      {kBase, "g?y#s", "http://a/b/c/g?y"},
      {kBase, ";x", "http://a/b/c/;x"},
      {kBase, "g;x", "http://a/b/c/g;x"},
      {kBase, "g;x?y#s", "http://a/b/c/g;x?y"},
      {kBase, "", "http://a/b/c/d;p?q"},
      {kBase, ".", "http://a/b/c/"},
      {kBase, "./", "http://a/b/c/"},
      {kBase, "..", "http://a/b/"},
      {kBase, "../", "http://a/b/"},
      {kBase, "../g", "http://a/b/g"},
      {kBase, "../..", "http://a/"},
      {kBase, "../../", "http://a/"},
      {kBase, "../../g", "http://a/g"},
      // 5.4.2, the abnormal ones
      {kBase, "../../../g", "http://a/g"},
      {kBase, "../../../../g", "http://a/g"},
      {kBase, "/./g", "http://a/g"},
      {kBase, "/../g", "http://a/g"},
      {kBase, "g.", "http://a/b/c/g."},
      {kBase, ".g", "http://a/b/c/.g"},
      {kBase, "g..", "http://a/b/c/g.."},
      {kBase, "..g", "http://a/b/c/..g"},
      {kBase, "./../g", "http://a/b/g"},
      {kBase, "./g/.", "http://a/b/c/g/"},
      {kBase, "g/./h", "http://a/b/c/g/h"},
      {kBase, "g/../h", "http://a/b/c/h"},
      {kBase, "g;x=1/./y", "http://a/b/c/g;x=1/y"},
      {kBase, "g;x=1/../y", "http://a/b/c/y"},
      {kBase, "g?y/./x", "http://a/b/c/g?y/./x"},
      {kBase, "g?y/../x", "http://a/b/c/g?y/../x"},
      {kBase, "http:g", nullptr},  // strict
      // Ours
      {kBase, "https://B:8443/x/../y?z", "https://b:8443/y?z"},
      {kBase, "HTTP://A:80", "http://a"},
      {kBase, "//h:81/p", "http://h:81/p"},
      {kBase, "/a//../b", "http://a/a/b"},
      {kBase, "/a/b:c", "http://a/a/b:c"},
      {kBase, "?", "http://a/b/c/d;p?"},
      {"http://a", "g", "http://a/g"},
      {"http://a?q", "g", "http://a/g"},
      {"http://a?q", "", "http://a?q"},
      {"https://[::1]:444/x", "y", "https://[::1]:444/y"},
      {"http://a/b?c/d", "e", "http://a/e"},
      {kBase, "ftp://a/x", nullptr},
      {kBase, "javascript:alert(1)", nullptr},
      {kBase, "http://u@a/", nullptr},
      {kBase, "//u@a/", nullptr},
      {kBase, "//", nullptr},
      {kBase, "g h", nullptr},
      {kBase, "/\xc3\xa4", "http://a/\xc3\xa4"},
      {kBase, ":", nullptr},
      {"ftp://a/x", "y", nullptr},
  };
  for (const Row& row : rows) {
    CAPTURE(row.base);
    CAPTURE(row.reference);
    const auto resolved = resolve_reference(*parse_absolute(row.base), row.reference);
    CHECK(resolved.value_or("none") == (row.expected == nullptr ? "none" : row.expected));
  }
}

TEST_CASE("dot segments are removed in linear time") {
  std::string reference;
  for (int i = 0; i < 100000; ++i) reference += "/aa";
  for (int i = 0; i < 100000; ++i) reference += "/..";
  CHECK(resolve_reference(*parse_absolute("http://a/"), reference) == "http://a/");
}

TEST_CASE("RFC 9110 4.3.1: same origin") {
  const auto same = [](const char* a, const char* b) { return is_same_origin(*parse_absolute(a), *parse_absolute(b)); };
  CHECK(same("http://a/x", "HTTP://A:80/y?z"));
  CHECK(same("https://a", "https://a:443"));
  CHECK(same("http://[::A]/", "http://[::a]/"));
  CHECK_FALSE(same("http://a/", "https://a/"));
  CHECK_FALSE(same("http://a:443/", "https://a/"));
  CHECK_FALSE(same("http://a/", "http://a:81/"));
  CHECK_FALSE(same("http://a/", "http://b/"));
}
