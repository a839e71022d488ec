// A piece of a body: a block of memory that is written once, front to back, by one writer, and read by many.
//
// Bytes below what the Object has published are immutable and may be read without a lock by whoever holds a Ref.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include "cache/store/budget.h"
#include "cache/store/ref.h"

namespace larder::store {

class Chunk : public RefCounted<Chunk> {
 public:
  // One allocation for header and bytes. `budget` (null: none) is charged with the footprint until the chunk's end.
  static Ref<Chunk> make(std::size_t capacity, Budget* budget = nullptr) {
    void* memory = ::operator new(sizeof(Chunk) + capacity);
    if (budget != nullptr) budget->charge(sizeof(Chunk) + capacity);
    return Ref<Chunk>(new (memory) Chunk(capacity, budget));
  }
  static void destroy(const Chunk* chunk) {
    if (chunk->budget_ != nullptr) chunk->budget_->uncharge(chunk->footprint());
    chunk->~Chunk();
    ::operator delete(const_cast<Chunk*>(chunk));
  }

  [[nodiscard]] char* data() { return reinterpret_cast<char*>(this + 1) + skipped_; }
  [[nodiscard]] const char* data() const { return reinterpret_cast<const char*>(this + 1) + skipped_; }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  // What counts against a budget: the bytes and the header.
  [[nodiscard]] std::size_t footprint() const { return sizeof(Chunk) + allocated_; }
  // Only these of its bytes are wanted: what came with them from a file is not. Before anybody else has it.
  void narrow(std::size_t from, std::size_t size) {
    skipped_ += from;
    capacity_ = size;
  }
  [[nodiscard]] Budget* budget() const { return budget_; }

 private:
  friend class RefCounted<Chunk>;
  Chunk(std::size_t capacity, Budget* budget) : capacity_(capacity), allocated_(capacity), budget_(budget) {}
  ~Chunk() = default;

  std::size_t capacity_;
  std::size_t allocated_;
  std::size_t skipped_ = 0;
  Budget* budget_;
};

}  // namespace larder::store
