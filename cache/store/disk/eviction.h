// What goes when the disk tier is full, so that the whole behaves as LRU by bytes. Solo segments are evicted exactly
// so; a log segment goes whole, and its records that were used lately are carried over to the segment that is being
// written. Decisions only: it keeps nothing and moves nothing. test/bench/simulate shows how near to LRU it is.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "cache/store/disk/format.h"
#include "cache/store/disk/index.h"
#include "cache/store/disk/recency.h"

namespace larder::store::disk {

// Of a segment that is not being written, and whose entries are all in the index.
struct SegmentInfo {
  std::uint32_t slot = 0;
  std::uint64_t id = 0;
  SegmentHeader::Kind kind = SegmentHeader::Kind::Log;
  std::uint64_t bytes = 0;  // of the file
  std::uint64_t live = 0;   // of its records that the index names
  Epoch used = 0;           // Solo: of its entry in the index
};

class Eviction {
 public:
  // Both in bytes: of all files together, and of a full log segment.
  Eviction(std::uint64_t capacity, std::uint64_t segment_size);

  // The size of log segments that suits a capacity: a power of two, 1 to 64 MiB.
  static std::uint64_t segment_size(std::uint64_t capacity);
  // Whether a record of so many bytes should have a segment of its own, where log segments are of `segment_size`.
  static bool is_solo(std::uint64_t record, std::uint64_t segment_size);

  // Whether a segment must go, when all files but the one being written have so many bytes together.
  [[nodiscard]] bool is_due(std::uint64_t bytes) const { return bytes + segment_size_ > capacity_; }
  // Records in log segments last used before it are not worth to be kept. For one reclaim: costs a walk over the epochs
  // in use.
  [[nodiscard]] Epoch horizon(const Recency& recency) const;
  // Which of `segments` (in any order) goes next: its place among them. None: there are none. Costs a walk over the
  // entries of some log segments.
  [[nodiscard]] std::optional<std::size_t> pick(std::span<const SegmentInfo> segments, const Index& index,
                                                Epoch horizon) const;
  // Of an entry of a log segment: whether its record is worth to be carried over, with its epoch.
  [[nodiscard]] static bool should_carry(const Index::Listed& entry, Epoch horizon);
  // Leaves of a log segment's entries those to be carried over, by their offset: those that should, but never so many
  // that hardly anything would be gained. However hot everything is, so many bytes are free after so many reclaims.
  void choose(std::vector<Index::Listed>& entries, Epoch horizon) const;

 private:
  const std::uint64_t capacity_;
  const std::uint64_t segment_size_;
};

}  // namespace larder::store::disk
