// What the operator says about caching, as the pure functions of this room take it. A value; immutable while shared.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cache/http/date.h"

namespace larder::policy {

struct Rules {
  std::uint64_t max_object = std::uint64_t{1} << 30;  // bytes of body; larger ones are passed, not stored
  unsigned heuristic_percent = 10;                    // of the time since Last-Modified (RFC 9111 section 4.2.2)
  http::Seconds heuristic_max{86400};
  std::vector<std::string> targeted_fields{"Larder-Cache-Control"};  // RFC 9213; obeyed by issue 3
};

}  // namespace larder::policy
