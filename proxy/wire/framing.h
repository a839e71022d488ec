// Where a message's body ends (RFC 9112 section 6.3), decided once from its head. Pure.
#pragma once

#include <cstdint>
#include <tl/expected.hpp>

#include "cache/http/message.h"
#include "proxy/wire/error.h"

namespace larder::wire {

struct Framing {
  enum class Kind : std::uint8_t { None, Length, Chunked, UntilClose };
  Kind kind = Kind::None;
  std::uint64_t length = 0;  // of Kind::Length (may be 0)
  bool operator==(const Framing&) const = default;
};

// Refuses: Content-Length together with Transfer-Encoding, a length that is not 1*DIGIT or does not fit 63 bits,
// several Content-Length values that differ (a list of equal ones is accepted as one), a Transfer-Encoding other than
// exactly one "chunked", Transfer-Encoding from HTTP/1.0. Also the Host rules of section 3.2: HTTP/1.1 needs exactly
// one valid Host unless the method is CONNECT; more than one is refused in any version.
tl::expected<Framing, Reject> request_framing(const http::RequestHead& head);

// `method` is that of the request. None for HEAD, 1xx, 204, 304 and a 2xx to CONNECT; the same refusals as above
// (Reject.status 502), but for a HEAD or 304 the fields' values are only checked, not used.
tl::expected<Framing, Reject> response_framing(http::Method method, const http::ResponseHead& head);

// Whether the connection may carry another message after this one (RFC 9112 section 9.3), by version and Connection;
// a client's Proxy-Connection counts when there is no Connection field.
bool wants_keep_alive(std::uint8_t minor, http::FieldSpan fields);

}  // namespace larder::wire
