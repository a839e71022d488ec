#include "cache/store/disk/record.h"

#include <algorithm>

namespace larder::store::disk {
namespace {

constexpr std::uint64_t kFirstRead = 8ULL * 1024;  // header, key and head of almost all

ReadStatus read(const Segment& segment, Patience patience, std::span<char> out, std::uint64_t offset,
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

// Of a body that is read block by block: what each block must sum to.
ReadStatus read_sums(Record& record, Patience patience, ErrorKind& error) {
  record.sums.resize(record.header.blocks() * sizeof(std::uint64_t));
  const auto status = read(*record.segment, patience, record.sums, record.offset + record.header.sums_offset(), error);
  if (status == ReadStatus::Done && sums_sum(record.sums) != record.header.sums_sum) {
    return bad(error, ErrorKind::Checksum);
  }
  return status;
}

}  // namespace

ReadStatus read_record(const Ref<Segment>& segment, const Location& where, Patience patience, Budget* budget,
                       Record& record, ErrorKind& error) {
  record.segment = segment;
  record.offset = std::uint64_t{where.offset} * kUnit;
  const bool is_solo = segment->kind() == SegmentHeader::Kind::Solo;
  const std::uint64_t size =
      is_solo ? segment->bytes() - std::min(segment->bytes(), record.offset) : std::uint64_t{where.size} * kUnit;
  record.is_whole = size <= kWhole;
  std::uint64_t first = record.is_whole ? size : kFirstRead;
  while (true) {
    if (first < kRecordHeader || first > size) return bad(error, ErrorKind::Torn);
    record.bytes = Chunk::make(first, budget);
    const std::span<char> out(record.bytes->data(), first);
    if (const auto status = read(*segment, patience, out, record.offset, error); status != ReadStatus::Done) {
      return status;
    }
    const auto damage = decode({out.data(), kRecordHeader}, segment->salt(), record.offset, record.header);
    if (damage != Damage::None) return bad(error, kind_of(damage));
    if (record.header.size() > size) return bad(error, ErrorKind::Torn);
    const std::uint64_t needed = kRecordHeader + record.header.key_size + record.header.head_size;
    if (needed <= first) break;
    first = needed;  // a head larger than is usual
  }
  const RecordHeader& header = record.header;
  const std::string_view all(record.bytes->data(), first);
  if (head_sum(all.substr(kRecordHeader, header.key_size + header.head_size)) != header.head_sum) {
    return bad(error, ErrorKind::Checksum);
  }
  if (!record.is_whole) return read_sums(record, patience, error);
  const auto sums = all.substr(header.sums_offset(), header.blocks() * sizeof(std::uint64_t));
  if (sums_sum(sums) != header.sums_sum ||
      !are_blocks_right(all.substr(header.body_offset(), header.body_size), sums, header.hash)) {
    return bad(error, ErrorKind::Checksum);
  }
  return ReadStatus::Done;
}

}  // namespace larder::store::disk
