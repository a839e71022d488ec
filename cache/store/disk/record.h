// Reading records: every byte is checked before anybody sees it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "cache/store/budget.h"
#include "cache/store/chunk.h"
#include "cache/store/disk/errors.h"
#include "cache/store/disk/format.h"
#include "cache/store/disk/index.h"
#include "cache/store/disk/segment.h"

namespace larder::store::disk {

enum class Patience : std::uint8_t {
  None,      // only what is in the page cache
  Blocking,  // as long as it takes: not on a worker
};

struct Record {
  Ref<Segment> segment;
  std::uint64_t offset = 0;  // of the record in the file
  RecordHeader header;
  // Header, key and head; of a whole one the body and its sums too.
  Ref<Chunk> bytes;
  bool is_whole = false;
  std::string sums;  // of the body's blocks, when it is not whole
  Ref<Chunk> first;  // its first block then: a body that is damaged there is a miss, and not an answer that breaks off

  [[nodiscard]] std::string_view key() const { return {bytes->data() + kRecordHeader, header.key_size}; }
  [[nodiscard]] std::string_view head() const { return {key().data() + header.key_size, header.head_size}; }
};

enum class ReadStatus : std::uint8_t { Done, WouldBlock, Bad };

// All of `out` from `offset` on. Bad: `error` says how.
ReadStatus read_bytes(const Segment& segment, std::span<char> out, std::uint64_t offset, Patience patience,
                      ErrorKind& error);

// Records up to this size are read in one go.
constexpr std::uint64_t kWhole = 256ULL * 1024;

// Bad: `error` says how. Where the body is part of it, it was checked; a larger one has yet to be, block by block.
// `budget` is charged with the bytes (null: none).
ReadStatus read_record(const Ref<Segment>& segment, const Location& where, Patience patience, Budget* budget,
                       Record& record, ErrorKind& error);
// No more of it than header, key and head; blocking.
ReadStatus read_front(const Ref<Segment>& segment, const Location& where, Record& record, ErrorKind& error);

}  // namespace larder::store::disk
