// One file of the disk tier, open for reading, and the table of all of them.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "cache/store/disk/format.h"
#include "cache/store/ref.h"

namespace larder::store::disk {

// How a read ended.
enum class Io : std::uint8_t {
  Done,
  WouldBlock,  // not in the page cache: only where it was asked not to block
  Short,       // the file ends before
  Failed,      // errno says why
};

// Its file stays readable as long as somebody has a Ref, also when it was deleted. Any thread.
class Segment : public RefCounted<Segment> {
 public:
  // Owns `fd`. `seed`: the folder's.
  Segment(std::uint64_t id, SegmentHeader::Kind kind, int fd, std::uint64_t seed);
  ~Segment();

  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] SegmentHeader::Kind kind() const { return kind_; }
  // What its records' headers are sealed with: nobody who does not know the seed can make one, in a body say.
  [[nodiscard]] std::uint64_t salt() const { return salt_; }
  [[nodiscard]] std::uint32_t slot() const { return slot_; }
  [[nodiscard]] int fd() const { return fd_; }
  // Bytes of the file.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  void set_bytes(std::uint64_t bytes) { bytes_.store(bytes, std::memory_order_relaxed); }
  // Of its records; 0 until known.
  [[nodiscard]] std::uint64_t first_sequence() const { return first_sequence_.load(std::memory_order_relaxed); }
  void set_first_sequence(std::uint64_t sequence) { first_sequence_.store(sequence, std::memory_order_relaxed); }

  // Reads all of `out` from `offset` on, from the page cache alone.
  [[nodiscard]] Io read_cached(std::span<char> out, std::uint64_t offset) const;
  // May block: not for a worker.
  [[nodiscard]] Io read(std::span<char> out, std::uint64_t offset) const;
  // The first to say so: an error of it is logged once.
  [[nodiscard]] bool is_first_error() const { return !complained_.exchange(true, std::memory_order_relaxed); }

 private:
  friend class SegmentTable;
  const std::uint64_t id_;
  const SegmentHeader::Kind kind_;
  const int fd_;
  const std::uint64_t salt_;
  const bool is_memory_;  // of a file system that is never slow (tmpfs)
  std::uint32_t slot_ = 0;
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> first_sequence_{0};
  mutable std::atomic<bool> complained_{false};
};

// Slots of segments: what an index entry names. A slot is used again only when all others were. Any thread.
class SegmentTable {
 public:
  static constexpr std::uint32_t kSlots = 1U << 20;

  // False: there are too many.
  bool add(const Ref<Segment>& segment);
  [[nodiscard]] Ref<Segment> get(std::uint32_t slot) const;  // null: there is none
  void remove(const Segment& segment);
  void clear();
  [[nodiscard]] std::vector<Ref<Segment>> all() const;  // by slot
  [[nodiscard]] std::uint64_t bytes() const;            // of all files
  [[nodiscard]] std::size_t size() const;

 private:
  mutable std::mutex mutex_;
  std::vector<Ref<Segment>> slots_;
  std::uint32_t next_ = 0;
  std::size_t size_ = 0;
};

}  // namespace larder::store::disk
