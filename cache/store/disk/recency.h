// When things on disk were last used, coarsely: a logical clock that ticks with the bytes that pass, and how many bytes
// were last used in each of its epochs. It answers what exact LRU would still keep. Any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace larder::store::disk {

// A tick of the logical clock; compared by is_older, because it wraps.
using Epoch = std::uint16_t;

class Recency {
 public:
  static constexpr std::size_t kEpochs = 65536;

  // `capacity` in bytes: the clock ticks whenever a small part of it has been stored or read.
  explicit Recency(std::uint64_t capacity);
  Recency(const Recency&) = delete;
  Recency& operator=(const Recency&) = delete;

  [[nodiscard]] Epoch now() const { return epoch_at(ticks()); }
  // So many bytes were stored or read.
  void pass(std::uint64_t bytes);
  void add(Epoch epoch, std::uint64_t bytes);
  void remove(Epoch epoch, std::uint64_t bytes);  // of those added
  // Of two epochs, both no more than kEpochs / 2 ticks ago.
  [[nodiscard]] static bool is_older(Epoch a, Epoch b) { return static_cast<std::int16_t>(a - b) < 0; }
  // The oldest epoch such that all bytes last used in it or later are at most `bytes`: what is older than that would no
  // longer be in an LRU of so many bytes. The one after now() when even that has more. Costs a walk over the epochs in
  // use: for eviction, not for requests.
  [[nodiscard]] Epoch horizon(std::uint64_t bytes) const;
  // When the clock stood before so many bytes passed, no further back than oldest(): for what is loaded at a start.
  [[nodiscard]] Epoch ago(std::uint64_t bytes) const;

  // Ticks since the start, not wrapping: whoever keeps epochs must clamp those older than kEpochs / 4 ticks (to
  // oldest()) at least once in kEpochs / 8 ticks, and then say so.
  [[nodiscard]] std::uint64_t ticks() const { return ticks_.load(std::memory_order_relaxed); }
  [[nodiscard]] Epoch oldest() const { return static_cast<Epoch>(now() - kEpochs / 4); }
  // All epochs kept are at most kEpochs / 4 older than at `ticks`. The clock stands still when this is overdue: what
  // was used long ago must not seem to be used now.
  void clamped(std::uint64_t ticks) { clamped_.store(ticks, std::memory_order_relaxed); }

 private:
  // Begins so that oldest() is there from the start.
  static Epoch epoch_at(std::uint64_t ticks) { return static_cast<Epoch>(ticks + kEpochs / 4); }

  const std::uint64_t step_;
  std::atomic<std::uint64_t> passed_{0};
  std::atomic<std::uint64_t> ticks_{0};
  std::atomic<std::uint64_t> clamped_{0};
  std::array<std::atomic<std::uint64_t>, kEpochs> bytes_{};
};

}  // namespace larder::store::disk
