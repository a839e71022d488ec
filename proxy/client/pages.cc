#include "proxy/client/pages.h"

#include <algorithm>

namespace larder::client {
namespace {

constexpr std::size_t kLongestUrl = 512;

// One look for all pages: the system's own fonts, nothing fetched, light and dark.
constexpr std::string_view kStyle = R"(<style>
:root { color-scheme: light dark; --paper: #fbfaf7; --card: #fff; --ink: #24211c; --soft: #6b655b; --line: #e2ddd3;
  --accent: #9a4a12; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #191714; --card: #221f1b; --ink: #ece7de; --soft: #a59d90; --line: #38332c; --accent: #eda05f; }
}
* { box-sizing: border-box; }
body { margin: 0; padding: 3rem 1.25rem; background: var(--paper); color: var(--ink);
  font: 16px/1.6 system-ui, sans-serif; }
main { max-width: 46rem; margin: 0 auto; }
h1 { font-size: 2rem; line-height: 1.25; margin: 0 0 .5rem; letter-spacing: -.01em; }
h2 { font-size: 1.05rem; margin: 0 0 .35rem; }
p { margin: 0 0 .75rem; }
a { color: var(--accent); }
section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  padding: 1.1rem 1.25rem; margin: 1rem 0; }
section > :last-child { margin-bottom: 0; }
code, pre { font: .875rem/1.55 ui-monospace, "DejaVu Sans Mono", monospace; }
code { overflow-wrap: anywhere; }
pre { margin: .5rem 0 .75rem; padding: .7rem .9rem; white-space: pre-wrap; overflow-wrap: anywhere; background: var(--paper);
  border: 1px solid var(--line); border-radius: .4rem; }
.lead { color: var(--soft); font-size: 1.1rem; margin-bottom: 1.75rem; }
.soft { color: var(--soft); font-size: .9rem; }
.status { color: var(--accent); font-weight: 600; margin: 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1rem; margin: 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
footer { color: var(--soft); font-size: .875rem; margin-top: 2rem; }
</style>
)";

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        // Control characters mean nothing in a page, and to a terminal they may mean too much.
        out += (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f ? '?' : c;
    }
  }
}

std::string escaped(std::string_view text) {
  std::string out;
  append_escaped(out, text);
  return out;
}

void append_head(std::string& out, std::string_view title) {
  out +=
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>";
  append_escaped(out, title);
  out += "</title>\n";
  out += kStyle;
  out += "</head>\n<body>\n<main>\n";
}

constexpr std::string_view kTail = "</main>\n</body>\n</html>\n";

// The sections of the help page. @ stands for the proxy's host and port.
constexpr std::string_view kHelp = R"(<section>
<h2>A browser</h2>
<p>Simplest is the automatic way. Enter this address wherever your system or browser asks for an
<em>automatic proxy configuration URL</em> (Firefox: Settings, Network Settings; Windows, macOS and GNOME: the network settings):</p>
<pre><a href="http://@/proxy.pac">http://@/proxy.pac</a></pre>
<p>By hand: enter <code>@</code> as proxy for both HTTP and HTTPS. From a command line:</p>
<pre>chromium --proxy-server=http://@</pre>
</section>
<section>
<h2>A shell, curl, wget and most tools</h2>
<pre>export http_proxy=http://@
export https_proxy=http://@
export no_proxy=localhost,127.0.0.1,::1</pre>
<p>For one command alone:</p>
<pre>curl --proxy http://@ http://example.com/</pre>
</section>
<section>
<h2>apt (Debian, Ubuntu)</h2>
<pre>echo 'Acquire::http::Proxy "http://@";' |
  sudo tee /etc/apt/apt.conf.d/30larder</pre>
</section>
<section>
<h2>npm</h2>
<pre>npm config set proxy http://@
npm config set https-proxy http://@</pre>
</section>
<section>
<h2>pip</h2>
<pre>pip config set global.proxy http://@</pre>
</section>
<section>
<h2>git</h2>
<pre>git config --global http.proxy http://@</pre>
</section>
<section>
<h2>docker build</h2>
<pre>docker build --build-arg http_proxy=http://@ \
             --build-arg https_proxy=http://@ .</pre>
<p class="soft">Inside a container, <code>127.0.0.1</code> is the container itself: name the proxy by an address of its host
there, or build with <code>--network host</code>.</p>
</section>
<section>
<h2>What is kept, and what is not</h2>
<p>Answers to <code>http://</code> requests are kept as long as their origin allows (RFC 9111). <code>https://</code> goes
through a sealed tunnel: Larder sees the name of the host and how many bytes pass, and can keep nothing. The
<code>Cache-Status</code> field of each response tells what became of it:</p>
<pre>curl -sI --proxy http://@ http://example.com/ |
  grep -i cache-status</pre>
</section>
)";

// Host and port as a URI's authority may spell them, without anything that could end a string in a script.
bool is_host_port(std::string_view text) {
  const auto is_safe = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_' || c == ':' || c == '[' || c == ']';
  };
  return !text.empty() && text.size() <= 300 && std::all_of(text.begin(), text.end(), is_safe);
}

std::string printable(std::string_view text) {
  std::string out(text);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return out;
}

std::string cut(std::string_view url) {
  return url.size() <= kLongestUrl ? std::string(url) : std::string(url.substr(0, kLongestUrl)) + "...";
}

}  // namespace

std::string help_page(std::string_view proxy_host_port, std::string_view version) {
  const std::string address = escaped(proxy_host_port);
  std::string out;
  out.reserve(8UL * 1024);
  append_head(out, "Larder: a caching HTTP proxy");
  out +=
      "<h1>This is Larder, a caching HTTP proxy.</h1>\n"
      "<p class=\"lead\">It fetches pages, packages and files for everyone who asks through it, and keeps what may be "
      "kept, so that the next "
      "one need not wait. You have reached it at <code>" +
      address + "</code>.</p>\n";
  for (std::string_view rest = kHelp; !rest.empty();) {
    const auto mark = std::min(rest.find('@'), rest.size());
    out += rest.substr(0, mark);
    if (mark < rest.size()) out += address;
    rest.remove_prefix(std::min(mark + 1, rest.size()));
  }
  out += "<footer>Larder ";
  append_escaped(out, version);
  out += "</footer>\n";
  out += kTail;
  return out;
}

std::string proxy_pac(std::string_view proxy_host_port) {
  std::string way = "DIRECT";
  if (is_host_port(proxy_host_port)) way = "PROXY " + std::string(proxy_host_port) + "; DIRECT";
  return "// Larder's proxy auto-configuration. Give browsers the address of this file.\n"
         "function FindProxyForURL(url, host) {\n"
         "  var plain = host.indexOf(\":\") < 0 && isPlainHostName(host);  // an IPv6 address has no dots either\n"
         "  var here = host === \"localhost\" || shExpMatch(host, \"*.localhost\") || /^127(\\.[0-9]+){3}$/.test(host) "
         "||\n"
         "             host === \"::1\" || host === \"[::1]\";\n"
         "  if (plain || here) {\n"
         "    return \"DIRECT\";\n"
         "  }\n"
         "  return \"" +
         way +
         "\";\n"
         "}\n";
}

std::string error_page(unsigned status, std::string_view title, std::string_view what, std::string_view detail,
                       std::string_view url, bool html) {
  const std::string number = std::to_string(status);
  const std::string shown_url = cut(url);
  std::string out;
  if (!html) {
    out = number + " " + printable(title) + "\n\n" + printable(what) + "\n";
    if (!url.empty()) out += "\nRequested: " + printable(shown_url) + "\n";
    if (!detail.empty()) out += std::string(url.empty() ? "\n" : "") + "Reason: " + printable(detail) + "\n";
    return out + "\n(answered by the proxy Larder)\n";
  }
  append_head(out, number + " " + std::string(title));
  out += "<p class=\"status\">Error " + number + "</p>\n<h1>";
  append_escaped(out, title);
  out += "</h1>\n<p class=\"lead\">";
  append_escaped(out, what);
  out += "</p>\n";
  if (!url.empty() || !detail.empty()) {
    out += "<section>\n<dl>\n";
    if (!url.empty()) out += "<dt>Requested</dt><dd><code>" + escaped(shown_url) + "</code></dd>\n";
    if (!detail.empty()) out += "<dt>Reason</dt><dd>" + escaped(detail) + "</dd>\n";
    out += "</dl>\n</section>\n";
  }
  out += "<footer>This page was made by Larder, the proxy between you and the site, not by the site itself.</footer>\n";
  out += kTail;
  return out;
}

}  // namespace larder::client
