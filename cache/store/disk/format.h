// The disk tier's files as bytes: encoding and strict decoding, and nothing else. FORMAT.md describes them for people.
// All integers are little-endian; checksums are XXH3 64. Pure.
//
// A decode() that returns anything but None leaves its result as it was. It never reads beyond what it is given, which
// may be anything; what it accepts is within the bounds that stand here, so that sizes can be added without a thought.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace larder::store::disk {

constexpr std::uint32_t kFormat = 1;

// Why bytes are not what was looked for. Also the label of larder_cache_errors_total{kind} where one has it.
enum class Damage : std::uint8_t {
  None,
  Foreign,      // not one of Larder's files
  OtherFormat,  // one of another version
  Torn,         // shorter than it says, or never finished
  Checksum,     // the bytes are not those that were written
};

// --- the files of the folder ---

constexpr const char* kLabelName = "larder-cache";
constexpr const char* kJournalName = "journal";
constexpr const char* kLockName = "lock";

// "00000000000004d2.seg"
std::string segment_name(std::uint64_t id);
// nullopt: no segment is called so.
std::optional<std::uint64_t> segment_id(std::string_view name);

// --- a segment: its header, records one after the other, and when it is full a footer ---

constexpr std::size_t kSegmentHeader = 64;

struct SegmentHeader {
  enum class Kind : std::uint8_t {
    Log,   // many records
    Solo,  // one, of an object too large for the others
  };
  std::uint64_t id = 0;  // grows with every segment that is made; also in the file's name
  Kind kind = Kind::Log;
};

void encode(const SegmentHeader& header, std::span<char, kSegmentHeader> out);
// Torn: too few bytes, or nothing but zeros. Whether it is of the file that bears its id is the caller's question.
Damage decode(std::string_view bytes, SegmentHeader& header);

// --- a record: header, key, head, body, the sums of the body's blocks; each record begins at a multiple of kUnit ---

constexpr std::size_t kRecordHeader = 64;
constexpr std::size_t kBlock = 64ULL * 1024;  // of a body, with a sum of its own
constexpr std::uint64_t kMostBody = std::uint64_t{1} << 42;
constexpr std::uint32_t kMostKey = 1 << 20;
constexpr std::uint32_t kMostHead = 1 << 24;

struct RecordHeader {
  std::uint64_t sequence = 0;  // grows with every record and every invalidation
  std::uint64_t hash = 0;      // of the key
  std::uint16_t variant = 0;   // of the selection by Vary
  std::uint32_t key_size = 0;
  std::uint32_t head_size = 0;
  std::uint64_t body_size = 0;
  std::uint64_t head_sum = 0;  // of key and head
  std::uint64_t sums_sum = 0;  // of the blocks' sums

  [[nodiscard]] std::uint64_t body_offset() const { return kRecordHeader + key_size + head_size; }
  [[nodiscard]] std::uint64_t blocks() const { return (body_size + kBlock - 1) / kBlock; }
  [[nodiscard]] std::uint64_t sums_offset() const { return body_offset() + body_size; }
  [[nodiscard]] std::uint64_t size() const { return sums_offset() + blocks() * sizeof(std::uint64_t); }
};

// `segment` (Segment::salt) and `offset` (bytes) say where it is: a header read from anywhere else is damaged
// (Checksum). Torn: too few bytes, or nothing but zeros: a hole.
void encode(const RecordHeader& header, std::uint64_t segment, std::uint64_t offset,
            std::span<char, kRecordHeader> out);
Damage decode(std::string_view bytes, std::uint64_t segment, std::uint64_t offset, RecordHeader& header);

// Of key and head, which lie one behind the other.
std::uint64_t head_sum(std::string_view key_and_head);
std::uint64_t head_sum(std::string_view key, std::string_view head);
// Of the sums, as they lie in the file.
std::uint64_t sums_sum(std::string_view sums);
// Of one block of the body of a record of that hash: it stays when the record is written again elsewhere.
std::uint64_t block_sum(std::string_view block, std::uint64_t hash, std::uint64_t number);
void append_sum(std::string& out, std::uint64_t sum);
std::uint64_t read_sum(std::string_view sums, std::uint64_t number);  // number < sums.size() / 8

// Sums the blocks of a body that comes in pieces of any size.
class BlockSummer {
 public:
  explicit BlockSummer(std::uint64_t hash);
  ~BlockSummer();
  BlockSummer(BlockSummer&&) noexcept;
  BlockSummer& operator=(BlockSummer&&) noexcept;
  void add(std::string_view bytes);
  // The sums of all blocks, the last one perhaps shorter; once.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// --- the footer of a full log segment: its records, and at the very end of the file what it is ---

constexpr std::size_t kFooterEntry = 32;
constexpr std::size_t kFooterTail = 64;
constexpr std::uint64_t kMostEntries = 1 << 20;  // a log segment has no more units

struct FooterEntry {
  std::uint64_t hash = 0;
  std::uint64_t sequence = 0;
  std::uint32_t offset = 0;  // units
  std::uint32_t size = 0;    // units
  std::uint16_t variant = 0;
};

// Entries and tail, to be appended to the segment of that id.
std::string encode_footer(std::uint64_t segment, std::span<const FooterEntry> entries);

struct FooterTail {
  std::uint64_t segment = 0;
  std::uint64_t entries = 0;  // how many
  std::uint64_t entries_sum = 0;
  std::uint64_t first_sequence = 0;  // smallest and largest of its records; 0 and 0 when it has none
  std::uint64_t last_sequence = 0;
};
// The file's last kFooterTail bytes. Foreign: it has no footer. Whether it is of this segment is the caller's question.
Damage decode(std::string_view bytes, FooterTail& tail);
// The bytes of all entries, tail.entries * kFooterEntry of them, just before the tail. Their offsets
// are from 1 to kMostEntries - 1, their sizes from 1 to kMostEntries.
Damage decode_entries(std::string_view bytes, const FooterTail& tail, std::vector<FooterEntry>& entries);

// --- the journal: what was invalidated, one entry behind the other ---

constexpr std::size_t kJournalHeader = 56;
constexpr std::size_t kMostText = 64ULL * 1024;

struct JournalEntry {
  enum class Kind : std::uint8_t {
    Forget = 1,  // all records of a hash
    Host = 2,    // all whose URL is of that host
    Prefix = 3,  // all whose URL begins so
    Tag = 4,     // all that carry that tag
    All = 5,
  };
  Kind kind = Kind::Forget;
  std::uint64_t sequence = 0;  // records of a smaller one are meant
  std::uint64_t hash = 0;      // Forget
  std::string text;            // Host, Prefix, Tag
};

// Writes what is of the kind's and leaves out the rest. Text past kMostText is cut: as a prefix it means more then, as
// a host or tag nothing, so whoever takes one from outside refuses what is longer.
void append(std::string& out, const JournalEntry& entry);
// Takes the first entry off `bytes`. Not None: the rest cannot be read, and `bytes` stays; Torn: it ends too early, or
// in zeros.
Damage take(std::string_view& bytes, JournalEntry& entry);

// --- the file that says what the folder is ---

struct Label {
  std::uint32_t format = kFormat;
  std::uint64_t seed = 0;  // of the hashes of keys
};
std::string encode(const Label& label);  // two lines of text, for people too
Damage decode(std::string_view text, Label& label);

}  // namespace larder::store::disk
