#include "cache/policy/invalidation.h"

#include <algorithm>

namespace larder::policy {
namespace {

using http::FieldName;

void add(std::vector<std::string>& uris, const http::Uri& uri) {
  std::string key;
  http::append_normalised(key, uri);
  if (std::find(uris.begin(), uris.end(), key) == uris.end()) uris.push_back(std::move(key));
}

}  // namespace

bool invalidates(http::Method method, unsigned status) {
  // CONNECT is unsafe but names no resource.
  if (http::is_safe(method) || method == http::Method::Connect) return false;
  return status >= 200 && status < 400;
}

std::vector<std::string> invalidated(const http::Uri& target, http::FieldSpan response) {
  std::vector<std::string> uris;
  add(uris, target);
  for (const FieldName id : {FieldName::Location, FieldName::ContentLocation}) {
    const auto reference = http::value_of(response, id);
    const auto text = reference ? http::resolve_reference(target, *reference) : std::nullopt;
    const auto uri = text ? http::parse_absolute(*text) : std::nullopt;
    // Another origin's responses are not this one's to throw away (section 4.4).
    if (uri && http::is_same_origin(target, *uri)) add(uris, *uri);
  }
  return uris;
}

}  // namespace larder::policy
