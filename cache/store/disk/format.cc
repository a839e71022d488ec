#include "cache/store/disk/format.h"

#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <utility>

#include "cache/http/text.h"
#include "cache/store/disk/little_endian.h"

namespace larder::store::disk {
namespace {

constexpr std::size_t kSum = sizeof(std::uint64_t);

// Eight bytes each, so that a file of another version of the format is told from one that is not Larder's.
constexpr std::string_view kSegmentMagic = "LARDERsg";
constexpr std::string_view kFooterMagic = "LARDERft";
constexpr std::string_view kJournalMagic = "LARDERjn";
constexpr std::size_t kMagicAndFormat = 12;
// Records are found by their place; this is for people who look for them in a damaged file.
constexpr std::string_view kRecordMagic = "LRec";

constexpr std::string_view kSegmentSuffix = ".seg";
constexpr std::size_t kHexDigits = 16;

constexpr std::string_view kLabelStart = "larder-cache ";
constexpr std::string_view kLabelSeed = "seed ";
constexpr std::string_view kLabelSum = " sum ";

std::uint64_t sum_of(std::string_view bytes, std::uint64_t seed = 0) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

// A seed for what must be found in one place only.
std::uint64_t seed_of(std::uint64_t a, std::uint64_t b) {
  char both[2 * sizeof a];
  NumberWriter out(both);
  out.put(a);
  out.put(b);
  return sum_of({both, sizeof both});
}

// Fixed headers end with the sum of all that is before it.
void seal(char* header, std::size_t size, std::uint64_t seed = 0) {
  NumberWriter(header + size - kSum).put(sum_of({header, size - kSum}, seed));
}
bool is_sealed(std::string_view header, std::uint64_t seed = 0) {
  return load<std::uint64_t>(header.data() + header.size() - kSum) ==
         sum_of(header.substr(0, header.size() - kSum), seed);
}

bool is_hole(std::string_view bytes) {
  return NumberReader(bytes.data()).are_zeros(bytes.size());
}

// What every fixed header with a magic and a format is asked before its fields.
Damage check(std::string_view header, std::string_view magic) {
  if (!header.starts_with(magic)) return Damage::Foreign;
  if (load<std::uint32_t>(header.data() + magic.size()) != kFormat) return Damage::OtherFormat;
  return is_sealed(header) ? Damage::None : Damage::Checksum;
}

void append_hex(std::string& out, std::uint64_t number) {
  for (int shift = 60; shift >= 0; shift -= 4) out.push_back("0123456789abcdef"[(number >> shift) & 15]);
}

// Lenient: whoever asks compares with what append_hex makes of it.
std::uint64_t read_hex(std::string_view digits) {
  std::uint64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  return number;
}

}  // namespace

std::string segment_name(std::uint64_t id) {
  std::string name;
  append_hex(name, id);
  return name.append(kSegmentSuffix);
}

std::optional<std::uint64_t> segment_id(std::string_view name) {
  const std::uint64_t id = read_hex(name.substr(0, kHexDigits));
  return segment_name(id) == name ? std::optional(id) : std::nullopt;
}

void encode(const SegmentHeader& header, std::span<char, kSegmentHeader> out) {
  NumberWriter to(out.data());
  to.put(kSegmentMagic);
  to.put(kFormat);
  to.put(static_cast<std::uint32_t>(header.kind));
  to.put(header.id);
  to.zeros(32);
  seal(out.data(), out.size());
}

Damage decode(std::string_view bytes, SegmentHeader& header) {
  if (bytes.size() < kSegmentHeader) return Damage::Torn;
  bytes = bytes.substr(0, kSegmentHeader);
  if (is_hole(bytes)) return Damage::Torn;
  if (const auto damage = check(bytes, kSegmentMagic); damage != Damage::None) return damage;
  NumberReader from(bytes.data() + kMagicAndFormat);
  const auto kind = from.take<std::uint32_t>();
  const auto id = from.take<std::uint64_t>();
  if (kind > static_cast<std::uint32_t>(SegmentHeader::Kind::Solo) || !from.are_zeros(32)) return Damage::Checksum;
  header = {id, static_cast<SegmentHeader::Kind>(kind)};
  return Damage::None;
}

void encode(const RecordHeader& header, std::uint64_t segment, std::uint64_t offset,
            std::span<char, kRecordHeader> out) {
  NumberWriter to(out.data());
  to.put(kRecordMagic);
  to.put(header.variant);
  to.zeros(2);
  to.put(header.sequence);
  to.put(header.hash);
  to.put(header.key_size);
  to.put(header.head_size);
  to.put(header.body_size);
  to.put(header.head_sum);
  to.put(header.sums_sum);
  seal(out.data(), out.size(), seed_of(segment, offset));
}

Damage decode(std::string_view bytes, std::uint64_t segment, std::uint64_t offset, RecordHeader& header) {
  if (bytes.size() < kRecordHeader) return Damage::Torn;
  bytes = bytes.substr(0, kRecordHeader);
  if (!bytes.starts_with(kRecordMagic)) return is_hole(bytes) ? Damage::Torn : Damage::Checksum;
  if (!is_sealed(bytes, seed_of(segment, offset))) return Damage::Checksum;
  NumberReader from(bytes.data() + kRecordMagic.size());
  RecordHeader read;
  read.variant = from.take<std::uint16_t>();
  const bool is_plain = from.are_zeros(2);
  read.sequence = from.take<std::uint64_t>();
  read.hash = from.take<std::uint64_t>();
  read.key_size = from.take<std::uint32_t>();
  read.head_size = from.take<std::uint32_t>();
  read.body_size = from.take<std::uint64_t>();
  read.head_sum = from.take<std::uint64_t>();
  read.sums_sum = from.take<std::uint64_t>();
  if (!is_plain || read.key_size > kMostKey || read.head_size > kMostHead || read.body_size > kMostBody) {
    return Damage::Checksum;
  }
  header = read;
  return Damage::None;
}

std::uint64_t head_sum(std::string_view key_and_head) {
  return sum_of(key_and_head);
}

std::uint64_t head_sum(std::string_view key, std::string_view head) {
  std::string both;
  both.reserve(key.size() + head.size());
  return head_sum(both.append(key).append(head));
}

std::uint64_t sums_sum(std::string_view sums) {
  return sum_of(sums);
}

std::uint64_t block_sum(std::string_view block, std::uint64_t hash, std::uint64_t number) {
  return sum_of(block, seed_of(hash, number));
}

void append_sum(std::string& out, std::uint64_t sum) {
  char bytes[kSum];
  NumberWriter(bytes).put(sum);
  out.append(bytes, sizeof bytes);
}

std::uint64_t read_sum(std::string_view sums, std::uint64_t number) {
  return load<std::uint64_t>(sums.data() + number * kSum);
}

struct BlockSummer::State {
  explicit State(std::uint64_t h) : hash(h) {
    if (stream == nullptr) std::abort();  // no memory: as wherever else there is none
  }
  ~State() { XXH3_freeState(stream); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void end_block(std::uint64_t sum) {
    append_sum(sums, sum);
    ++number;
    filled = 0;
  }

  const std::uint64_t hash;
  std::uint64_t number = 0;  // of the block that is being filled
  std::size_t filled = 0;    // bytes of it that are in `stream`
  XXH3_state_t* const stream = XXH3_createState();
  std::string sums;
};

BlockSummer::BlockSummer(std::uint64_t hash) : state_(std::make_unique<State>(hash)) {}
BlockSummer::~BlockSummer() = default;
BlockSummer::BlockSummer(BlockSummer&&) noexcept = default;
BlockSummer& BlockSummer::operator=(BlockSummer&&) noexcept = default;

void BlockSummer::add(std::string_view bytes) {
  State& state = *state_;
  while (!bytes.empty()) {
    const auto piece = bytes.substr(0, kBlock - state.filled);
    bytes.remove_prefix(piece.size());
    if (piece.size() == kBlock) {
      state.end_block(block_sum(piece, state.hash, state.number));
      continue;
    }
    if (state.filled == 0) XXH3_64bits_reset_withSeed(state.stream, seed_of(state.hash, state.number));
    XXH3_64bits_update(state.stream, piece.data(), piece.size());
    state.filled += piece.size();
    if (state.filled == kBlock) state.end_block(XXH3_64bits_digest(state.stream));
  }
}

std::string BlockSummer::finish() {
  if (state_->filled > 0) state_->end_block(XXH3_64bits_digest(state_->stream));
  return std::move(state_->sums);
}

std::string encode_footer(std::uint64_t segment, std::span<const FooterEntry> entries) {
  std::string out(entries.size() * kFooterEntry + kFooterTail, '\0');
  FooterTail tail{segment, entries.size(), 0, entries.empty() ? 0 : UINT64_MAX, 0};
  NumberWriter to(out.data());
  for (const FooterEntry& entry : entries) {
    to.put(entry.hash);
    to.put(entry.sequence);
    to.put(entry.offset);
    to.put(entry.size);
    to.put(entry.variant);
    to.zeros(6);
    tail.first_sequence = std::min(tail.first_sequence, entry.sequence);
    tail.last_sequence = std::max(tail.last_sequence, entry.sequence);
  }
  tail.entries_sum = sum_of({out.data(), entries.size() * kFooterEntry});
  to.put(kFooterMagic);
  to.put(kFormat);
  to.zeros(4);
  to.put(tail.segment);
  to.put(tail.entries);
  to.put(tail.entries_sum);
  to.put(tail.first_sequence);
  to.put(tail.last_sequence);
  seal(out.data() + entries.size() * kFooterEntry, kFooterTail);
  return out;
}

Damage decode(std::string_view bytes, FooterTail& tail) {
  if (bytes.size() < kFooterTail) return Damage::Torn;
  bytes = bytes.substr(0, kFooterTail);
  if (const auto damage = check(bytes, kFooterMagic); damage != Damage::None) return damage;
  NumberReader from(bytes.data() + kMagicAndFormat);
  const bool is_plain = from.are_zeros(4);
  FooterTail read;
  read.segment = from.take<std::uint64_t>();
  read.entries = from.take<std::uint64_t>();
  read.entries_sum = from.take<std::uint64_t>();
  read.first_sequence = from.take<std::uint64_t>();
  read.last_sequence = from.take<std::uint64_t>();
  const bool in_order = read.entries > 0 ? read.first_sequence <= read.last_sequence
                                         : read.first_sequence == 0 && read.last_sequence == 0;
  if (!is_plain || !in_order || read.entries > kMostEntries) return Damage::Checksum;
  tail = read;
  return Damage::None;
}

Damage decode_entries(std::string_view bytes, const FooterTail& tail, std::vector<FooterEntry>& entries) {
  if (bytes.size() / kFooterEntry < tail.entries) return Damage::Torn;
  if (bytes.size() != tail.entries * kFooterEntry || sum_of(bytes) != tail.entries_sum) return Damage::Checksum;
  std::vector<FooterEntry> read;
  read.reserve(tail.entries);
  std::uint64_t first = tail.entries > 0 ? UINT64_MAX : 0;
  std::uint64_t last = 0;
  for (NumberReader from(bytes.data()); read.size() < tail.entries;) {
    FooterEntry entry;
    entry.hash = from.take<std::uint64_t>();
    entry.sequence = from.take<std::uint64_t>();
    entry.offset = from.take<std::uint32_t>();
    entry.size = from.take<std::uint32_t>();
    entry.variant = from.take<std::uint16_t>();
    const bool is_plain = from.are_zeros(6);
    const bool is_within =
        entry.offset > 0 && entry.offset < kMostEntries && entry.size > 0 && entry.size <= kMostEntries;
    if (!is_plain || !is_within) return Damage::Checksum;
    first = std::min(first, entry.sequence);
    last = std::max(last, entry.sequence);
    read.push_back(entry);
  }
  if (first != tail.first_sequence || last != tail.last_sequence) return Damage::Checksum;
  entries = std::move(read);
  return Damage::None;
}

namespace {

bool has_text(JournalEntry::Kind kind) {
  using enum JournalEntry::Kind;
  return kind == Host || kind == Prefix || kind == Tag;
}

}  // namespace

void append(std::string& out, const JournalEntry& entry) {
  const auto text = has_text(entry.kind) ? std::string_view(entry.text).substr(0, kMostText) : std::string_view();
  char header[kJournalHeader];
  NumberWriter to(header);
  to.put(kJournalMagic);
  to.put(kFormat);
  to.put(static_cast<std::uint32_t>(entry.kind));
  to.put(entry.sequence);
  to.put(entry.kind == JournalEntry::Kind::Forget ? entry.hash : 0);
  to.put(static_cast<std::uint64_t>(text.size()));
  to.put(sum_of(text));
  seal(header, sizeof header);
  out.append(header, sizeof header).append(text);
}

Damage take(std::string_view& bytes, JournalEntry& entry) {
  if (bytes.size() < kJournalHeader) return Damage::Torn;
  const auto header = bytes.substr(0, kJournalHeader);
  if (is_hole(header)) return Damage::Torn;
  if (const auto damage = check(header, kJournalMagic); damage != Damage::None) return damage;
  NumberReader from(header.data() + kMagicAndFormat);
  const auto number = from.take<std::uint32_t>();
  const auto sequence = from.take<std::uint64_t>();
  const auto hash = from.take<std::uint64_t>();
  const auto text_size = from.take<std::uint64_t>();
  const auto text_sum = from.take<std::uint64_t>();
  if (number < static_cast<std::uint32_t>(JournalEntry::Kind::Forget) ||
      number > static_cast<std::uint32_t>(JournalEntry::Kind::All)) {
    return Damage::Checksum;
  }
  const auto kind = static_cast<JournalEntry::Kind>(number);
  if (hash != 0 && kind != JournalEntry::Kind::Forget) return Damage::Checksum;
  if (text_size > (has_text(kind) ? kMostText : 0)) return Damage::Checksum;
  if (bytes.size() - kJournalHeader < text_size) return Damage::Torn;
  const auto text = bytes.substr(kJournalHeader, text_size);
  if (sum_of(text) != text_sum) return Damage::Checksum;
  entry = {kind, sequence, hash, std::string(text)};
  bytes.remove_prefix(kJournalHeader + text_size);
  return Damage::None;
}

std::string encode(const Label& label) {
  std::string out(kLabelStart);
  http::append_number(out, label.format);
  out.append("\n").append(kLabelSeed);
  append_hex(out, label.seed);
  const std::uint64_t sum = sum_of(out);
  out.append(kLabelSum);
  append_hex(out, sum);
  return out.append("\n");
}

Damage decode(std::string_view text, Label& label) {
  const auto start = text.substr(0, kLabelStart.size());
  if (!kLabelStart.starts_with(start)) return Damage::Foreign;
  const auto end = text.find('\n');
  if (end == std::string_view::npos) return Damage::Torn;
  const auto format = http::parse_digits(text.substr(0, end).substr(start.size()));
  if (!format) return Damage::Foreign;
  if (*format != kFormat) return Damage::OtherFormat;
  const std::size_t seed_at = end + 1 + kLabelSeed.size();
  const Label read{kFormat, read_hex(text.substr(std::min(seed_at, text.size()), kHexDigits))};
  const std::string whole = encode(read);
  if (text == whole) {
    label = read;
    return Damage::None;
  }
  return text.size() < whole.size() ? Damage::Torn : Damage::Checksum;
}

}  // namespace larder::store::disk
