#include "cache/store/disk/recency.h"

#include <algorithm>

namespace larder::store::disk {
namespace {

constexpr std::uint64_t kSteps = 512;                               // of a capacity
constexpr std::uint64_t kUnclamped = Recency::kEpochs / 8;          // ticks without a clamping
constexpr std::uint64_t kBack = Recency::kEpochs / 4 + kUnclamped;  // how long ago an epoch may be

}  // namespace

Recency::Recency(std::uint64_t capacity) : step_(std::max<std::uint64_t>(capacity / kSteps, 1)) {}

void Recency::pass(std::uint64_t bytes) {
  const std::uint64_t before = passed_.fetch_add(bytes, std::memory_order_relaxed);
  const std::uint64_t steps = (before + bytes) / step_ - before / step_;
  if (steps == 0) return;
  const std::uint64_t most = clamped_.load(std::memory_order_relaxed) + kUnclamped;
  std::uint64_t ticks = ticks_.load(std::memory_order_relaxed);
  while (ticks < most) {
    const std::uint64_t next = ticks + std::min(steps, most - ticks);
    if (ticks_.compare_exchange_weak(ticks, next, std::memory_order_relaxed)) return;
  }
}

void Recency::add(Epoch epoch, std::uint64_t bytes) {
  bytes_[epoch].fetch_add(bytes, std::memory_order_relaxed);
}

void Recency::remove(Epoch epoch, std::uint64_t bytes) {
  bytes_[epoch].fetch_sub(bytes, std::memory_order_relaxed);
}

Epoch Recency::horizon(std::uint64_t bytes) const {
  const Epoch last = now();
  std::uint64_t sum = 0;
  for (std::uint64_t back = 0; back <= kBack; ++back) {
    const auto epoch = static_cast<Epoch>(last - back);
    sum += bytes_[epoch].load(std::memory_order_relaxed);
    if (sum > bytes) return static_cast<Epoch>(epoch + 1);
  }
  return static_cast<Epoch>(last - kBack);
}

Epoch Recency::ago(std::uint64_t bytes) const {
  return static_cast<Epoch>(now() - std::min<std::uint64_t>(bytes / step_, kEpochs / 4));
}

}  // namespace larder::store::disk
