// The content of a response, as chunks. Shared by the objects of several heads: a 304 makes a new Object over the same
// Body.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cache/store/chunk.h"
#include "cache/store/ref.h"
#include "cache/store/source.h"

namespace larder::store {

// While an Object fills it, guarded by that Object's mutex; finished and kept, immutable. All chunks but the last are
// full.
struct Body : RefCounted<Body> {
  std::vector<Ref<Chunk>> chunks;  // all of them, or the window's
  std::uint64_t size = 0;          // published bytes, from the body's first
  std::uint64_t first = 0;         // sequence number of chunks[0]: how many were dropped before it
  std::string trailers;            // serialised trailer lines, known when complete
  Ref<const Source> source;        // not null: its bytes are there, and there are no chunks

  // Memory beside the chunks, which count for themselves (budget.h).
  [[nodiscard]] std::size_t overhead() const;
};

// Reads a stretch of a finished, kept body. One thread; the body may be shared.
class Stretch {
 public:
  // `from` + `size` is within the body. `waker`: of a body that is not in memory; may be null for others.
  Stretch(Ref<const Body> body, std::uint64_t from, std::uint64_t size, WakerPtr waker = nullptr);
  // The next piece, at most `most` bytes; not at the end. Of a body in memory always Ready.
  Cursor::Status next(std::size_t most, Piece& piece);
  [[nodiscard]] bool is_at_end() const { return left_ == 0; }

 private:
  Ref<const Body> body_;
  std::unique_ptr<Cursor> cursor_;  // of a body that is not in memory
  std::uint64_t left_;
  std::size_t chunk_ = 0;
  std::uint64_t offset_ = 0;  // in that chunk, or in the body of a cursor
};

// Appends `size` bytes from `from` of a finished body in memory. Whole chunks are shared; those of which only a part is
// wanted, or that are not full, are copied, on the same budget.
void append_stretch(Body& to, const Body& body, std::uint64_t from, std::uint64_t size);

}  // namespace larder::store
