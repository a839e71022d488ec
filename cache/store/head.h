// The head of a stored or passing response: already serialised, with what policy must know of it. Immutable once
// published.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cache/http/fields.h"
#include "cache/policy/meta.h"
#include "cache/policy/outcome.h"
#include "cache/policy/range.h"
#include "cache/store/ref.h"

namespace larder::store {

struct Head : RefCounted<Head> {
  std::uint16_t status = 0;
  std::uint8_t minor = 1;  // HTTP/1.minor as it was received, for Via
  // "HTTP/1.1 200 OK\r\n" and the end-to-end field lines, each with its CRLF; without Content-Length, Age and the final
  // empty line, which are computed at delivery.
  std::string block;
  policy::Meta meta;
  std::string vary;  // policy::capture_vary of the request that brought it; "" without Vary
  // Of a single-part 206: which bytes of what length. Then `block` has no Content-Range; it is computed at delivery.
  std::optional<policy::ContentRange> content_range;
  std::optional<std::uint64_t> length;  // bytes of body as declared (also of a response that carries none: to HEAD)
  bool shareable = false;               // may answer other requests: an index or a flight may hand it out
  policy::Reason store_reason = policy::Reason::None;  // why it is stored, or not
  bool restricted = false;  // came from a loopback or link-local address: only for clients on loopback
  bool validated = false;   // a 304 renewed an older head over the same body
  std::string origin;       // "192.0.2.1:80", the address it came from, for the log

  // The fields of `block`, as views into it. Linear; for conditional requests and merges, not for plain hits.
  void parse_fields(http::FieldList& out) const;
  [[nodiscard]] std::size_t footprint() const {
    return sizeof(*this) + block.capacity() + vary.capacity() + origin.capacity();
  }
};

// Whether two responses to one URI are of one representation, byte for byte: the same strong validator.
bool is_same_representation(const Head& a, const Head& b, http::Time now);

}  // namespace larder::store
