// The two that are compared: exact LRU by bytes, and the disk tier's index, clock and eviction over segments that are
// only counted. Each is asked for an object and keeps it when it was not there.
#pragma once

#include <cstdint>
#include <list>
#include <unordered_map>
#include <vector>

#include "cache/store/disk/eviction.h"
#include "cache/store/disk/format.h"
#include "cache/store/disk/index.h"
#include "cache/store/disk/recency.h"

namespace larder::simulate {

// Of a body of so many bytes: both count what a record takes in a file.
std::uint64_t record_size(std::uint64_t body);

class Lru {
 public:
  explicit Lru(std::uint64_t capacity) : capacity_(capacity) {}
  // Whether it was there.
  bool ask(std::uint64_t object, std::uint64_t record);

 private:
  struct Item {
    std::uint64_t object = 0;
    std::uint64_t bytes = 0;
  };
  const std::uint64_t capacity_;
  std::uint64_t bytes_ = 0;
  std::list<Item> items_;  // the newest first
  std::unordered_map<std::uint64_t, std::list<Item>::iterator> places_;
};

class Disk {
 public:
  explicit Disk(std::uint64_t capacity);
  bool ask(std::uint64_t object, std::uint64_t record);

  [[nodiscard]] std::uint64_t stored() const { return stored_; }    // bytes of records, each once
  [[nodiscard]] std::uint64_t written() const { return written_; }  // with what was carried over, and footers
  // The most that all files ever had.
  [[nodiscard]] std::uint64_t most_bytes() const { return most_bytes_; }
  [[nodiscard]] std::uint64_t most_segments() const { return slots_.size(); }
  [[nodiscard]] std::uint64_t segment_size() const { return segment_size_; }

 private:
  store::disk::SegmentInfo& open(store::disk::SegmentHeader::Kind kind);
  void seal();
  store::disk::Location append(std::uint64_t record);
  void store(std::uint64_t hash, std::uint64_t record);
  void make_room(std::uint64_t more);
  bool reclaim();  // false: there is nothing

  const std::uint64_t capacity_;
  const std::uint64_t segment_size_;
  store::disk::Recency recency_;
  store::disk::Index index_;
  store::disk::Eviction eviction_;
  std::vector<store::disk::SegmentInfo> slots_;
  std::vector<std::uint32_t> free_;
  std::vector<store::disk::SegmentInfo> sealed_;     // for a reclaim
  std::vector<store::disk::Index::Listed> entries_;  // for a reclaim
  std::uint32_t active_ = 0;
  std::uint64_t active_entries_ = 0;
  std::uint64_t next_id_ = 1;
  std::uint64_t sealed_bytes_ = 0;
  std::uint64_t stored_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t most_bytes_ = 0;
};

}  // namespace larder::simulate
