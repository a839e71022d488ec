// A piece of a body: a block of memory that is written once, front to back, by one writer, and read by many.
//
// Bytes below what the Object has published are immutable and may be read without a lock by whoever holds a Ref.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include "cache/store/ref.h"

namespace larder::store {

class Chunk : public RefCounted<Chunk> {
 public:
  // One allocation for header and bytes.
  static Ref<Chunk> make(std::size_t capacity) {
    void* memory = ::operator new(sizeof(Chunk) + capacity);
    return Ref<Chunk>(new (memory) Chunk(capacity));
  }
  static void destroy(const Chunk* chunk) {
    chunk->~Chunk();
    ::operator delete(const_cast<Chunk*>(chunk));
  }

  [[nodiscard]] char* data() { return reinterpret_cast<char*>(this + 1); }
  [[nodiscard]] const char* data() const { return reinterpret_cast<const char*>(this + 1); }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  // What counts against a budget: the bytes and the header.
  [[nodiscard]] std::size_t footprint() const { return sizeof(Chunk) + capacity_; }

 private:
  friend class RefCounted<Chunk>;
  explicit Chunk(std::size_t capacity) : capacity_(capacity) {}
  ~Chunk() = default;

  std::size_t capacity_;
};

}  // namespace larder::store
