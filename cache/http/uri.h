// Request targets and http(s) URIs (RFC 3986, RFC 9110 section 4.2, RFC 9112 section 3.2). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace larder::http {

// Host and port of an authority. A view into the text it was parsed from.
struct Authority {
  std::string_view host;   // reg-name or IPv4address, or IPv6address without its brackets; never empty
  std::uint16_t port = 0;  // 0: none was given
  bool is_ipv6 = false;    // host was an IP-literal in brackets
};

// host [":" port], nothing else: no userinfo (RFC 9110 section 4.2.4), port digits only and 1..65535, an empty port is
// none. The host may hold only what RFC 3986 section 3.2.2 allows; nullopt otherwise.
std::optional<Authority> parse_authority(std::string_view text);

// An absolute URI of a request target. Views into the text.
struct Uri {
  std::string_view scheme;  // as received; "http", "https" or another
  Authority authority;
  std::string_view path_and_query;  // "" when the URI has neither; begins with "/" or "?"
  [[nodiscard]] bool is_http() const;
  [[nodiscard]] std::uint16_t port() const;  // the given port or the scheme's default (80, 443)
};

// absolute-form: scheme "://" authority path-abempty ["?" query]. A fragment, a userinfo, a control or blank character
// is an error; so is a non-ASCII byte in the authority. In path and query such bytes stay: RFC 3986 does not allow
// them, but curl and others send UTF-8 as it was typed; they are percent-encoded wherever the URI is written (as
// section 2.5 has it). nullopt: not an absolute-form target.
std::optional<Uri> parse_absolute(std::string_view target);

// "host" or "host:port" for Host (default port left out), IPv6 in brackets, host in lower case.
void append_host(std::string& out, const Uri& uri);
// The origin-form to send to an origin: "/" when the path is empty, "/?q" for a query alone.
void append_origin_form(std::string& out, const Uri& uri);
// The normalised URI that a cache key is made of: scheme and host in lower case, default port left out, an empty path
// as "/", path and query untouched (RFC 9110 section 4.2.3; no further folding: apt really asks for "/./InRelease").
void append_normalised(std::string& out, const Uri& uri);

// Resolves a URI reference against a base (RFC 3986 section 5.2) far enough for Location and Content-Location:
// absolute, "//authority", absolute path, or relative path. nullopt when the result is no http URI. Appends nothing
// then.
std::optional<std::string> resolve_reference(const Uri& base, std::string_view reference);
// The same scheme, host (without regard to case) and effective port (RFC 9110 section 4.3.1).
bool is_same_origin(const Uri& a, const Uri& b);

}  // namespace larder::http
