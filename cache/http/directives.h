// Cache-Control (RFC 9111 section 5.2, RFC 5861, RFC 8246) as a value. Pure; compares and prints for tests.
//
// "Not said" is not zero: an absent argument is nullopt. delta-seconds saturate at kMaxDelta (section 1.2.2). A
// directive given twice: the smaller (for max-stale and stale-*: also the smaller, for min-fresh the larger) value
// wins, since the stricter reading is safe; an unparsable max-age/s-maxage (and max-stale, stale-*) counts as 0
// (stale), as section 4.2.1 encourages, an unparsable min-fresh as not said. Names compare without regard to case;
// arguments may be tokens or quoted strings (section 5.2). Unknown directives are ignored.
#pragma once

#include <chrono>
#include <iosfwd>
#include <optional>
#include <string_view>

#include "cache/http/date.h"
#include "cache/http/fields.h"

namespace larder::http {

inline constexpr Seconds kMaxDelta{2147483648};  // 2^31, RFC 9111 section 1.2.2

struct RequestDirectives {
  std::optional<Seconds> max_age, max_stale, min_fresh, stale_if_error;
  bool max_stale_any = false;  // max-stale without an argument
  bool no_cache = false;       // also Pragma: no-cache when there is no Cache-Control (section 5.4)
  bool no_store = false;
  bool no_transform = false;
  bool only_if_cached = false;
  bool operator==(const RequestDirectives&) const = default;
};

struct ResponseDirectives {
  std::optional<Seconds> max_age, s_maxage, stale_while_revalidate, stale_if_error;
  bool no_cache = false;  // unqualified
  bool no_store = false;
  bool is_private = false;  // unqualified
  bool is_public = false;
  bool must_revalidate = false;
  bool proxy_revalidate = false;
  bool must_understand = false;
  bool no_transform = false;
  bool immutable = false;
  std::string_view no_cache_fields;  // the list of a qualified no-cache="a, b", without quotes
  std::string_view private_fields;   // the same of private="..."
  bool operator==(const ResponseDirectives&) const = default;
};

// delta-seconds (section 1.2.2): 1*DIGIT and nothing else, saturating at kMaxDelta.
std::optional<Seconds> parse_delta_seconds(std::string_view text);

RequestDirectives parse_request_directives(FieldSpan fields);
ResponseDirectives parse_response_directives(FieldSpan fields);
std::ostream& operator<<(std::ostream& out, const RequestDirectives& d);
std::ostream& operator<<(std::ostream& out, const ResponseDirectives& d);

}  // namespace larder::http
