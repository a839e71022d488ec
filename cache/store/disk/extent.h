// A body that stays on disk: read a piece at a time, each checked before it is handed out.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "cache/store/disk/errors.h"
#include "cache/store/disk/io_pool.h"
#include "cache/store/disk/record.h"
#include "cache/store/disk/segment.h"
#include "cache/store/source.h"

namespace larder::store::disk {

class Extent final : public Source {
 public:
  // What readers need to wait and to complain; outlives every extent.
  struct House {
    IoPool& pool;
    Errors& errors;
    Index& index;
  };
  // `where`: what the index names it by.
  Extent(House house, Record record, const Location& where);

  [[nodiscard]] std::unique_ptr<Cursor> open(WakerPtr waker) const override;
  [[nodiscard]] std::uint64_t size() const { return header_.body_size; }
  // Reads whole blocks from `block` on, as many as `out` has room for (the last one may be shorter), and checks them.
  ReadStatus read_blocks(std::uint64_t block, std::span<char> out, Patience patience, ErrorKind& error) const;

 private:
  friend class ExtentCursor;
  // Damaged once, damaged for ever: the next request is a miss.
  void on_bad(ErrorKind error) const;

  const House house_;
  const Ref<Segment> segment_;
  const RecordHeader header_;
  const Location where_;
  const std::uint64_t body_;  // offset in the file
  const std::string sums_;
  const Ref<Chunk> first_;  // the body's first block, checked
};

}  // namespace larder::store::disk
