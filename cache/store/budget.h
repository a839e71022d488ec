// The bytes that the memory tier holds, counted where they are: each chunk of a kept body counts from its making to its
// end, however many objects share it and whoever still reads it.
#pragma once

#include <atomic>
#include <cstdint>

namespace larder::store {

// Outlives every chunk that counts on it. Any thread.
class Budget {
 public:
  void charge(std::uint64_t bytes) { used_.fetch_add(bytes, std::memory_order_relaxed); }
  void uncharge(std::uint64_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> used_{0};
};

}  // namespace larder::store
