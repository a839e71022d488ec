// Content that is not in memory: where it can be had, and one reader's place in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "cache/store/chunk.h"
#include "cache/store/ref.h"
#include "cache/store/waker.h"

namespace larder::store {

// A piece of a body: a view, and what keeps it alive.
struct Piece {
  std::string_view bytes;
  Ref<Chunk> pin;
};

// One reader's. Its thread only, but for the waker.
class Cursor {
 public:
  enum class Status : std::uint8_t { Ready, Wait, Failed };
  virtual ~Cursor() = default;
  // Some bytes from `offset`, which is before the end, at most `most` and at least one. After Wait the waker is called
  // once, and then it is to be asked again. Never blocks. Failed: they cannot be had, now or later.
  virtual Status read(std::uint64_t offset, std::size_t most, Piece& piece) = 0;
};

// Immutable, and shared by any threads.
class Source : public RefCounted<Source> {
 public:
  virtual ~Source() = default;
  // `waker` is called from any thread, until the cursor's owner mutes it.
  [[nodiscard]] virtual std::unique_ptr<Cursor> open(WakerPtr waker) const = 0;
};

}  // namespace larder::store
