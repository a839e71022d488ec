// What the operator says about caching, as the pure functions of this room take it. A value; immutable while shared.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cache/http/date.h"
#include "cache/policy/url_rules.h"

namespace larder::policy {

struct Rules {
  std::uint64_t max_object = std::uint64_t{1} << 30;  // bytes of body; larger ones are passed, not stored
  unsigned heuristic_percent = 10;                    // of the time since Last-Modified (RFC 9111 section 4.2.2)
  http::Seconds heuristic_max{86400};
  std::vector<std::string> targeted_fields{"Larder-Cache-Control"};  // RFC 9213
  // RFC 5861, for a storable response that neither says so itself nor forbids it (RFC 9111 section 4.2.4).
  http::Seconds stale_while_revalidate{0};
  http::Seconds stale_if_error{0};
  // The freshness lifetime of errors that give none; 0: what section 4.2.2 allows by itself.
  http::Seconds not_found_lifetime{0};     // 404, 410
  http::Seconds server_error_lifetime{0};  // 500, 502, 503, 504
  UrlRules urls;
};

}  // namespace larder::policy
