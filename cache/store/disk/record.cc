#include "cache/store/disk/record.h"

#include <algorithm>

namespace larder::store::disk {
namespace {

constexpr std::uint64_t kFirstRead = 8ULL * 1024;  // header, key and head of almost all

ReadStatus bad(ErrorKind& error, ErrorKind kind) {
  error = kind;
  return ReadStatus::Bad;
}

bool are_blocks_right(std::string_view body, std::string_view sums, std::uint64_t hash) {
  for (std::uint64_t i = 0; i * kBlock < body.size(); ++i) {
    if (block_sum(body.substr(i * kBlock, kBlock), hash, i) != read_sum(sums, i)) return false;
  }
  return true;
}

// Of a body that is read block by block: what each block must sum to, and the first one.
ReadStatus read_sums(Record& record, Patience patience, ErrorKind& error) {
  const RecordHeader& header = record.header;
  record.sums.resize(header.blocks() * sizeof(std::uint64_t));
  auto status = read_bytes(*record.segment, record.sums, record.offset + header.sums_offset(), patience, error);
  if (status != ReadStatus::Done) return status;
  if (sums_sum(record.sums) != header.sums_sum) return bad(error, ErrorKind::Checksum);
  record.first = Chunk::make(static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, header.body_size)));
  const std::span<char> out(record.first->data(), record.first->capacity());
  status = read_bytes(*record.segment, out, record.offset + header.body_offset(), patience, error);
  if (status != ReadStatus::Done || out.empty()) return status;
  const bool is_right = block_sum({out.data(), out.size()}, header.hash, 0) == read_sum(record.sums, 0);
  return is_right ? status : bad(error, ErrorKind::Checksum);
}

// How many bytes it may have.
std::uint64_t begin_at(const Ref<Segment>& segment, const Location& where, Record& record) {
  record.segment = segment;
  record.offset = std::uint64_t{where.offset} * kUnit;
  const bool is_solo = segment->kind() == SegmentHeader::Kind::Solo;
  return is_solo ? segment->bytes() - std::min(segment->bytes(), record.offset) : std::uint64_t{where.size} * kUnit;
}

// The first bytes of a record of at most `size`, and as many more as its head needs.
ReadStatus read_first(Record& record, std::uint64_t first, std::uint64_t size, Patience patience, Budget* budget,
                      ErrorKind& error) {
  while (true) {
    if (first < kRecordHeader || first > size) return bad(error, ErrorKind::Torn);
    record.bytes = Chunk::make(first, budget);
    const std::span<char> out(record.bytes->data(), first);
    const auto status = read_bytes(*record.segment, out, record.offset, patience, error);
    if (status != ReadStatus::Done) {
      return status;
    }
    const auto damage = decode({out.data(), kRecordHeader}, record.segment->salt(), record.offset, record.header);
    if (damage != Damage::None) return bad(error, kind_of(damage));
    if (record.header.size() > size) return bad(error, ErrorKind::Torn);
    const std::uint64_t needed = kRecordHeader + record.header.key_size + record.header.head_size;
    if (needed <= first) break;
    first = needed;  // a head larger than is usual
  }
  const std::string_view key_and_head(record.key().data(), record.header.key_size + record.header.head_size);
  return head_sum(key_and_head) == record.header.head_sum ? ReadStatus::Done : bad(error, ErrorKind::Checksum);
}

}  // namespace

ReadStatus read_bytes(const Segment& segment, std::span<char> out, std::uint64_t offset, Patience patience,
                      ErrorKind& error) {
  switch (patience == Patience::None ? segment.read_cached(out, offset) : segment.read(out, offset)) {
    case Io::Done:
      return ReadStatus::Done;
    case Io::WouldBlock:
      return ReadStatus::WouldBlock;
    case Io::Short:
      error = ErrorKind::Torn;
      return ReadStatus::Bad;
    case Io::Failed:
      break;
  }
  error = ErrorKind::Read;
  return ReadStatus::Bad;
}

ReadStatus read_front(const Ref<Segment>& segment, const Location& where, Record& record, ErrorKind& error) {
  const std::uint64_t size = begin_at(segment, where, record);
  return read_first(record, std::min(kFirstRead, size), size, Patience::Blocking, nullptr, error);
}

ReadStatus read_record(const Ref<Segment>& segment, const Location& where, Patience patience, Budget* budget,
                       Record& record, ErrorKind& error) {
  const std::uint64_t size = begin_at(segment, where, record);
  record.is_whole = size <= kWhole;
  const auto status = read_first(record, record.is_whole ? size : kFirstRead, size, patience, budget, error);
  if (status != ReadStatus::Done) return status;
  if (!record.is_whole) return read_sums(record, patience, error);
  const RecordHeader& header = record.header;
  const std::string_view all(record.bytes->data(), record.bytes->capacity());
  const auto sums = all.substr(header.sums_offset(), header.blocks() * sizeof(std::uint64_t));
  if (sums_sum(sums) != header.sums_sum ||
      !are_blocks_right(all.substr(header.body_offset(), header.body_size), sums, header.hash)) {
    return bad(error, ErrorKind::Checksum);
  }
  return ReadStatus::Done;
}

}  // namespace larder::store::disk
