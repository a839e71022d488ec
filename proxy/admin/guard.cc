#include "proxy/admin/guard.h"

#include <algorithm>

#include "cache/http/text.h"
#include "cache/http/uri.h"
#include "proxy/net/address.h"

namespace larder::admin {
namespace {

bool is_or_is_below(std::string_view host, std::string_view name) {
  if (http::equals_ignoring_case(host, name)) return true;
  if (host.size() <= name.size() || host[host.size() - name.size() - 1] != '.') return false;
  return http::equals_ignoring_case(host.substr(host.size() - name.size()), name);
}

// What a browser says of the page that asks (the Fetch standard); other programs say nothing.
bool is_of_another_site(const http::RequestHead& head) {
  if (const auto* site = http::find(head.fields, "Sec-Fetch-Site")) {
    if (site->value != "same-origin" && site->value != "none") return true;
  }
  const auto* origin = http::find(head.fields, "Origin");
  if (origin == nullptr) return false;
  const auto host = http::value_of(head.fields, http::FieldName::Host).value_or("");
  const auto scheme = origin->value.find("://");
  return scheme == std::string_view::npos || !http::equals_ignoring_case(origin->value.substr(scheme + 3), host);
}

}  // namespace

bool is_own_host(std::string_view host, std::span<const std::string> names) {
  if (net::Address::parse_literal(host, 0)) return true;
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.find('.') == std::string_view::npos || is_or_is_below(host, "localhost")) return true;
  return std::any_of(names.begin(), names.end(), [host](std::string_view name) {
    if (name == "*") return true;
    return name.starts_with('.') ? is_or_is_below(host, name.substr(1)) : http::equals_ignoring_case(host, name);
  });
}

std::optional<Answer> refuse_foreign(const http::RequestHead& head, std::span<const std::string> names) {
  if (const auto host = http::value_of(head.fields, http::FieldName::Host)) {
    const auto authority = http::parse_authority(*host);
    if (!authority || !is_own_host(authority->host, names)) {
      return plain(421, "This port is not known by the name in Host: use its address, or add the name to admin.names.");
    }
  }
  if (!http::is_safe(head.method) && is_of_another_site(head)) {
    return plain(403, "A page of another site may not do this.");
  }
  return std::nullopt;
}

}  // namespace larder::admin
