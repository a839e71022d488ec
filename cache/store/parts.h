// What is kept of a representation whose whole is not there (RFC 9111 section 3.3): stretches of its content, each a
// Body of its own. All come from responses of one strong validator, or from a single response.
#pragma once

#include <cstdint>
#include <vector>

#include "cache/policy/range.h"
#include "cache/store/body.h"
#include "cache/store/ref.h"

namespace larder::store {

struct Part {
  std::uint64_t first = 0;  // where in the representation its first byte is
  Ref<const Body> body;     // finished, never empty
  [[nodiscard]] policy::ByteRange range() const { return {first, first + body->size - 1}; }
};

// Immutable. Sorted, disjoint and not touching: neighbours are one Body.
struct Parts : RefCounted<Parts> {
  std::uint64_t complete = 0;  // length of the whole representation
  std::vector<Part> list;

  [[nodiscard]] bool is_whole() const { return list.size() == 1 && list.front().body->size == complete; }
  [[nodiscard]] std::size_t overhead() const;  // memory beside the chunks
  [[nodiscard]] std::uint64_t size() const;    // bytes that are there
  // The stretches that are there, for policy::missing.
  [[nodiscard]] std::vector<policy::ByteRange> ranges() const;
};

// `older` (may be null) with one more stretch: where both have a byte, `newer`'s counts. Chunks are shared, not copied,
// but for the two at the ends of what is cut.
Ref<const Parts> add_part(const Parts* older, const Part& newer, std::uint64_t complete);

}  // namespace larder::store
