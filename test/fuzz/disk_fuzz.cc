// What the disk tier reads from its files: a segment's header, a record's, a footer, a journal, the label, a stored
// head, a file's name, or a body to be summed, as the first byte says ("0" to "7"). The first four are read as they are
// and once more with their sums set right, or hardly an input would get past those.
#include <xxhash.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "cache/store/disk/format.h"
#include "cache/store/disk/head_codec.h"

namespace larder::fuzz {
namespace {

using namespace store::disk;

constexpr std::uint64_t kSegment = 0x0123456789abcdef;
constexpr std::uint64_t kOffset = 64;

void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

// As FORMAT.md says, and not by the code that is tried.
void put(std::string& bytes, std::size_t at, std::uint64_t number, std::size_t size = 8) {
  for (std::size_t i = 0; i < size; ++i) bytes[at + i] = static_cast<char>(number >> (8 * i) & 0xff);
}
std::uint64_t get(std::string_view bytes, std::size_t at) {
  std::uint64_t number = 0;
  for (std::size_t i = 8; i-- > 0;) number = number << 8 | static_cast<unsigned char>(bytes[at + i]);
  return number;
}
std::uint64_t sum(std::string_view bytes, std::uint64_t seed = 0) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}
std::uint64_t seed_of(std::uint64_t a, std::uint64_t b) {
  std::string both(16, '\0');
  put(both, 0, a);
  put(both, 8, b);
  return sum(both);
}
void seal(std::string& bytes, std::size_t at, std::size_t size, std::uint64_t seed = 0) {
  put(bytes, at + size - 8, sum(std::string_view(bytes).substr(at, size - 8), seed));
}

void fuzz_segment(std::string_view bytes) {
  SegmentHeader header;
  const Damage damage = decode(bytes, header);
  check(bytes.size() >= kSegmentHeader || damage == Damage::Torn, "too few bytes are torn");
  if (damage != Damage::None) return;
  std::string again(kSegmentHeader, '\0');
  encode(header, std::span<char, kSegmentHeader>(again.data(), again.size()));
  check(bytes.starts_with(again), "a segment's header is written as it was read");
}

void fuzz_record(std::string_view bytes) {
  RecordHeader header;
  const Damage damage = decode(bytes, kSegment, kOffset, header);
  check(damage != Damage::Foreign && damage != Damage::OtherFormat, "a record is ours or nothing");
  check(bytes.size() >= kRecordHeader || damage == Damage::Torn, "too few bytes are torn");
  if (damage != Damage::None) return;
  check(header.key_size <= kMostKey && header.head_size <= kMostHead && header.body_size <= kMostBody, "its bounds");
  check(header.body_offset() >= kRecordHeader && header.sums_offset() >= header.body_offset(), "in their order");
  check(header.size() - header.sums_offset() == header.blocks() * 8 && header.size() < 2 * kMostBody,
        "without overflow");
  std::string again(kRecordHeader, '\0');
  encode(header, kSegment, kOffset, std::span<char, kRecordHeader>(again.data(), again.size()));
  check(bytes.starts_with(again), "a record's header is written as it was read");
  RecordHeader other;
  check(decode(bytes, kSegment, kOffset + 64, other) == Damage::Checksum, "it is right in one place only");
}

void fuzz_footer(std::string_view bytes) {
  FooterTail tail;
  const std::size_t size = bytes.size() - std::min(bytes.size(), kFooterTail);
  if (decode(bytes.substr(size), tail) != Damage::None) return;
  check(tail.entries <= kMostEntries && tail.first_sequence <= tail.last_sequence, "its bounds");
  std::vector<FooterEntry> entries;
  const Damage damage = decode_entries(bytes.substr(0, size), tail, entries);
  check(size / kFooterEntry >= tail.entries || damage == Damage::Torn, "too few bytes are torn");
  if (damage != Damage::None) return;
  for (const FooterEntry& entry : entries) {
    check(entry.offset > 0 && entry.offset < kMostEntries && entry.size > 0 && entry.size <= kMostEntries,
          "its bounds");
  }
  check(encode_footer(tail.segment, entries) == bytes, "a footer is written as it was read");
}

void fuzz_journal(std::string_view bytes) {
  std::string again;
  std::string_view rest = bytes;
  JournalEntry entry;
  Damage damage = Damage::None;
  while ((damage = take(rest, entry)) == Damage::None) {
    check(entry.text.size() <= kMostText, "its bound");
    append(again, entry);
    check(bytes.size() - rest.size() == again.size(), "an entry is as long as it is written");
  }
  check(rest.size() >= kJournalHeader || damage == Damage::Torn, "too few bytes are torn");
  check(bytes.starts_with(again), "a journal is written as it was read");
}

void fuzz_label(std::string_view text) {
  Label label;
  const Damage damage = decode(text, label);
  check((damage == Damage::None) == (text == encode(label)), "a label is written as it was read");
}

void fuzz_head(std::string_view bytes) {
  const DecodedHead decoded = decode_head(bytes);
  if (!decoded.head) return;
  const store::Head& head = *decoded.head;
  check(head.status >= 100 && head.status <= 999 && head.minor <= 9, "its bounds");
  http::FieldList fields;
  head.parse_fields(fields);
  std::string block = head.block.substr(0, head.block.find("\r\n") + 2);
  for (const http::Field& field : fields) block.append(field.name).append(": ").append(field.value).append("\r\n");
  check(block == head.block, "its fields are all of the block");
  std::string again;
  append_head(again, head, decoded.trailers);
  check(again == bytes, "a head is written as it was read");
  check((variant_of(head.vary) == 0) == head.vary.empty(), "a variant is 0 without Vary only");
}

void fuzz_name(std::string_view name) {
  const auto id = segment_id(name);
  check(!id || segment_name(*id) == name, "a segment has one name");
}

// A body whose size the first three bytes say, in pieces whose sizes the others say.
void fuzz_sums(std::string_view input) {
  if (input.size() < 4) return;
  const std::size_t size = get(std::string(input.substr(0, 3)) + std::string(5, '\0'), 0) % (4 * kBlock);
  input.remove_prefix(3);
  std::string body;
  while (body.size() < size) body.append(input.substr(0, size - body.size()));
  const std::uint64_t hash = size + input.size();
  BlockSummer summer(hash);
  std::string_view rest = body;
  for (std::size_t i = 0; !rest.empty(); ++i) {
    const auto piece = rest.substr(0, (static_cast<unsigned char>(input[i % input.size()]) + 1U) * 509U);
    summer.add(piece);
    rest.remove_prefix(piece.size());
  }
  const std::string sums = summer.finish();
  check(sums.size() == RecordHeader{.body_size = size}.blocks() * 8, "a sum for each block");
  for (std::size_t i = 0; i * kBlock < size; ++i) {
    const auto block = std::string_view(body).substr(i * kBlock, kBlock);
    check(read_sum(sums, i) == sum(block, seed_of(hash, i)), "of its bytes, in its place");
    check(read_sum(sums, i) == block_sum(block, hash, i), "in whatever pieces they came");
  }
}

// The same with all sums set right.
std::string mended(std::uint8_t what, std::string bytes) {
  if (what == 0 && bytes.size() >= kSegmentHeader) seal(bytes, 0, kSegmentHeader);
  if (what == 1 && bytes.size() >= kRecordHeader) seal(bytes, 0, kRecordHeader, seed_of(kSegment, kOffset));
  if (what == 2 && bytes.size() >= kFooterTail) {
    const std::size_t tail = bytes.size() - kFooterTail;
    put(bytes, tail + 32, sum(std::string_view(bytes).substr(0, tail)));
    seal(bytes, tail, kFooterTail);
  }
  for (std::size_t at = 0; what == 3 && bytes.size() - at >= kJournalHeader;) {
    const std::uint64_t size = std::min(get(bytes, at + 32), bytes.size() - at - kJournalHeader);
    put(bytes, at + 40, sum(std::string_view(bytes).substr(at + kJournalHeader, size)));
    seal(bytes, at, kJournalHeader);
    at += kJournalHeader + size;
  }
  return bytes;
}

void run(std::uint8_t what, std::string_view input) {
  what &= 7;
  using Target = void (*)(std::string_view);
  constexpr Target kTargets[] = {fuzz_segment, fuzz_record, fuzz_footer, fuzz_journal,
                                 fuzz_label,   fuzz_head,   fuzz_name,   fuzz_sums};
  // Of exactly its size, so that a read beyond the end is seen.
  const std::vector<char> exact(input.begin(), input.end());
  kTargets[what]({exact.data(), exact.size()});
  if (what > 3) return;
  const std::string right = mended(what, std::string(input));
  const std::vector<char> again(right.begin(), right.end());
  kTargets[what]({again.data(), again.size()});
}

}  // namespace
}  // namespace larder::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0) larder::fuzz::run(data[0], {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}
