// What a cache must remember of a response to judge it later (RFC 9111 section 4.2), computed once when the head
// arrives. Pure values; the arithmetic keeps the RFC's own names and saturates.
#pragma once

#include <cstdint>
#include <optional>

#include "cache/http/date.h"
#include "cache/http/directives.h"
#include "cache/http/message.h"
#include "cache/policy/rules.h"

namespace larder::policy {

// Configured: the operator's word for errors that give none themselves.
enum class LifetimeSource : std::uint8_t { None, SMaxage, MaxAge, Expires, Configured, Heuristic };

struct Meta {
  http::Time request_time{};   // when the request that brought it was sent
  http::Time response_time{};  // when its head was received
  http::Time date_value{};     // Date, or response_time when there is none (or an unparsable one)
  http::Seconds age_value{0};  // the Age field; 0 when absent or unparsable
  http::Seconds freshness_lifetime{0};
  LifetimeSource source = LifetimeSource::None;
  bool no_cache = false;         // unqualified no-cache: never reused without validation
  bool immutable = false;        // RFC 8246: a reload while it is fresh is no reason to ask
  bool must_revalidate = false;  // must-revalidate, proxy-revalidate or s-maxage (section 5.2.2.10): never stale
  std::optional<http::Seconds> stale_while_revalidate, stale_if_error;  // as said, or the operator's where nothing is
};

// Reads the head's facts. `now` of both times comes from the caller: request_time <= response_time.
Meta describe(const http::ResponseHead& response, const http::ResponseDirectives& directives, http::Time request_time,
              http::Time response_time, const Rules& rules);

// RFC 9111 section 4.2.3. Never negative; saturates at kMaxDelta.
http::Seconds current_age(const Meta& meta, http::Time now);
// freshness_lifetime - current_age: negative when stale.
http::Seconds ttl(const Meta& meta, http::Time now);

// Statuses that count as the origin's failure (RFC 5861 section 4).
constexpr bool is_origin_error(unsigned status) {
  return status == 500 || status == 502 || status == 503 || status == 504;
}

// RFC 9110 section 15.1: statuses that may be given a heuristic lifetime.
bool is_heuristically_cacheable(unsigned status);

}  // namespace larder::policy
