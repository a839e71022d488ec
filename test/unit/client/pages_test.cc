#include "proxy/client/pages.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace larder::client {
namespace {

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// Every tag that is opened is closed, in order; void elements aside.
bool is_balanced(std::string_view page) {
  constexpr std::string_view kVoid[] = {"meta", "!DOCTYPE"};
  std::vector<std::string> open;
  for (std::size_t at = page.find('<'); at != std::string_view::npos; at = page.find('<', at + 1)) {
    const bool closes = page[at + 1] == '/';
    const auto name_at = at + (closes ? 2 : 1);
    const std::string name(page.substr(name_at, page.find_first_of(" >\n", name_at) - name_at));
    if (std::find(std::begin(kVoid), std::end(kVoid), name) != std::end(kVoid)) continue;
    if (!closes) {
      open.push_back(name);
    } else if (open.empty() || open.back() != name) {
      return false;
    } else {
      open.pop_back();
    }
  }
  return open.empty();
}

TEST_CASE("the help page names the address in every recipe, and the version") {
  const auto page = help_page("cache.example:3128", "1.2.3");
  for (const auto* recipe :
       {"http://cache.example:3128/proxy.pac", "--proxy-server=http://cache.example:3128",
        "export https_proxy=http://cache.example:3128", "curl --proxy http://cache.example:3128",
        "Acquire::http::Proxy \"http://cache.example:3128\";", "npm config set proxy http://cache.example:3128",
        "pip config set global.proxy http://cache.example:3128",
        "git config --global http.proxy http://cache.example:3128",
        "--build-arg http_proxy=http://cache.example:3128"}) {
    CAPTURE(recipe);
    CHECK(has(page, recipe));
  }
  CHECK(has(page, "Larder 1.2.3"));
  CHECK(page.find('@') == page.rfind('@'));  // no placeholder is left: the one is the style's @media
  CHECK(is_balanced(page));
}

TEST_CASE("the help page fetches nothing and runs nothing") {
  const auto page = help_page("127.0.0.1:3128", "0");
  for (const auto* outside : {"<script", "src=", "<link", "url(", "@import", "<iframe"}) {
    CAPTURE(outside);
    CHECK_FALSE(has(page, outside));
  }
}

TEST_CASE("what a Host field brings is escaped everywhere") {
  const auto page = help_page("\"><script>alert('&')</script>\x01", "<b>");
  CHECK_FALSE(has(page, "<script"));
  CHECK_FALSE(has(page, "<b>"));
  CHECK_FALSE(has(page, "\x01"));
  CHECK(has(page, "&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;?"));
  CHECK(is_balanced(page));
}

TEST_CASE("proxy.pac sends all but local names to the proxy") {
  const auto pac = proxy_pac("[2001:db8::1]:3128");
  CHECK(has(pac, "function FindProxyForURL(url, host)"));
  CHECK(has(pac, "isPlainHostName(host)"));
  CHECK(has(pac, "\"PROXY [2001:db8::1]:3128; DIRECT\""));
}

TEST_CASE("proxy.pac never carries text that could be a script") {
  for (const std::string& bad : std::vector<std::string>{"", "a\"; alert(1); \"", "a\\", "a\nb", "a;DIRECT", "a b",
                                                         "a'b", "<", std::string(301, 'a')}) {
    CAPTURE(bad);
    const auto pac = proxy_pac(bad);
    CHECK_FALSE(has(pac, "PROXY"));
    CHECK(has(pac, "return \"DIRECT\";\n}\n"));
  }
}

TEST_CASE("an error page as HTML escapes all four texts") {
  const auto page = error_page(502, "<t>", "<w>", "<d>", "http://h/?<u>&x", true);
  CHECK(has(page, "<h1>&lt;t&gt;</h1>"));
  CHECK(has(page, "<title>502 &lt;t&gt;</title>"));
  CHECK(has(page, "&lt;w&gt;"));
  CHECK(has(page, "<dd>&lt;d&gt;</dd>"));
  CHECK(has(page, "http://h/?&lt;u&gt;&amp;x"));
  CHECK(is_balanced(page));
}

TEST_CASE("an error page leaves out what is not known") {
  const auto page = error_page(400, "Bad request", "It was not HTTP.", "", "", true);
  CHECK_FALSE(has(page, "<dl>"));
  CHECK_FALSE(has(page, "Requested"));
  CHECK(error_page(400, "Bad request", "It was not HTTP.", "", "", false) ==
        "400 Bad request\n\nIt was not HTTP.\n\n(answered by the proxy Larder)\n");
}

TEST_CASE("an error page as text is for a terminal") {
  const auto page = error_page(504, "Time-out", "Nothing came.", "read\x1b[31m", "http://h/\r\nx", false);
  CHECK(page ==
        "504 Time-out\n\nNothing came.\n\nRequested: http://h/??x\nReason: read?[31m\n\n(answered by the proxy "
        "Larder)\n");
}

TEST_CASE("a long URL is cut") {
  const std::string url = "http://h/" + std::string(5000, 'u');
  for (const bool html : {false, true}) {
    const auto page = error_page(414, "Too long", "Really.", "", url, html);
    CHECK_FALSE(has(page, std::string(600, 'u')));
    CHECK(has(page, "uuu..."));
  }
}

}  // namespace
}  // namespace larder::client
