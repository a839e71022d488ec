// The end of the log: the segment that is being written, record after record. The writer's thread only.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "cache/store/disk/folder.h"
#include "cache/store/disk/format.h"
#include "cache/store/disk/tier.h"

namespace larder::store::disk {

class Appender {
 public:
  Appender(Tier& tier, std::uint64_t segment_size) : tier_(tier), segment_size_(segment_size) {}

  // Ids from here on.
  void set_next_id(std::uint64_t id) { next_id_ = id; }
  [[nodiscard]] bool is_open() const { return static_cast<bool>(segment_); }
  // Whether a record of so many bytes still goes into the open segment, with the footer it will need.
  [[nodiscard]] bool has_room(std::uint64_t record) const;
  // Begins a new segment; there is none open. Errors are errno's.
  tl::expected<void, int> begin(const Folder& folder);
  // Writes a record, has_room() for it: its content (key, head, body, sums) in pieces that make header.size().
  tl::expected<Location, int> append(const RecordHeader& header, std::span<const iovec> content);
  // Writes the footer and ends the segment. Without a footer it would be read whole at the next start, no more.
  void seal();
  // The segment is as it is: what was written of it stays readable.
  void drop();
  [[nodiscard]] const Segment* segment() const { return segment_.get(); }

 private:
  Tier& tier_;
  const std::uint64_t segment_size_;
  std::uint64_t next_id_ = 1;
  Ref<Segment> segment_;
  std::uint64_t end_ = 0;  // where the next record begins
  std::vector<FooterEntry> entries_;
};

// Writes all of it at `offset`; errno's value, 0 when done.
int write_at(int fd, std::vector<iovec> pieces, std::uint64_t offset);

}  // namespace larder::store::disk
