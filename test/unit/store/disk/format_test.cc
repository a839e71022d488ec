// The disk tier's files as bytes: what is written reads the same, what was damaged in any way is never accepted, and
// the bytes themselves are pinned, so that nobody changes the format without a new number.
#include "cache/store/disk/format.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

namespace larder::store::disk {
namespace {

constexpr std::uint64_t kSegment = 0x1234;
constexpr std::uint64_t kOffset = 640;

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    for (const int shift : {4, 0}) out.push_back("0123456789abcdef"[(static_cast<unsigned char>(c) >> shift) & 15]);
  }
  return out;
}

std::string flipped(std::string bytes, std::size_t bit) {
  bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << (bit % 8));
  return bytes;
}

std::string bytes_of(const SegmentHeader& header) {
  std::string out(kSegmentHeader, '\0');
  encode(header, std::span<char, kSegmentHeader>(out.data(), kSegmentHeader));
  return out;
}

std::string bytes_of(const RecordHeader& header, std::uint64_t segment = kSegment, std::uint64_t offset = kOffset) {
  std::string out(kRecordHeader, '\0');
  encode(header, segment, offset, std::span<char, kRecordHeader>(out.data(), kRecordHeader));
  return out;
}

std::string bytes_of(const JournalEntry& entry) {
  std::string out;
  append(out, entry);
  return out;
}

RecordHeader a_record() {
  return {.sequence = 7,
          .hash = 0x1122334455667788,
          .variant = 0xabcd,
          .key_size = 30,
          .head_size = 400,
          .body_size = kBlock + 1,
          .head_sum = 0x0102030405060708,
          .sums_sum = 0x1112131415161718};
}

const std::vector<FooterEntry> kEntries = {{.hash = 1, .sequence = 12, .offset = 1, .size = 8, .variant = 0},
                                           {.hash = UINT64_MAX, .sequence = 9, .offset = 9, .size = 1, .variant = 3},
                                           {.hash = 2, .sequence = 40, .offset = kMostEntries - 1, .size = 1}};

std::string tail_of(const std::string& footer) {
  return footer.substr(footer.size() - kFooterTail);
}
std::string entries_of(const std::string& footer) {
  return footer.substr(0, footer.size() - kFooterTail);
}

bool is_same(const RecordHeader& a, const RecordHeader& b) {
  return bytes_of(a) == bytes_of(b);
}
bool is_same(const FooterEntry& a, const FooterEntry& b) {
  return a.hash == b.hash && a.sequence == b.sequence && a.offset == b.offset && a.size == b.size &&
         a.variant == b.variant;
}
bool is_same(const JournalEntry& a, const JournalEntry& b) {
  return a.kind == b.kind && a.sequence == b.sequence && a.hash == b.hash && a.text == b.text;
}

// Everything that has a fixed header, and how it is read: its damage, with a result that must not matter.
struct Form {
  std::string name;
  std::string bytes;
  std::size_t magic;   // bytes of it
  std::size_t format;  // bytes of the format's number, behind the magic
  std::function<Damage(std::string_view)> decode;
};

std::vector<Form> forms() {
  const auto segment = [](std::string_view bytes) {
    SegmentHeader header;
    return decode(bytes, header);
  };
  const auto record = [](std::string_view bytes) {
    RecordHeader header;
    return decode(bytes, kSegment, kOffset, header);
  };
  const auto tail = [](std::string_view bytes) {
    FooterTail read;
    return decode(bytes, read);
  };
  const auto journal = [](std::string_view bytes) {
    JournalEntry entry;
    return take(bytes, entry);
  };
  return {{"a segment", bytes_of({.id = kSegment, .kind = SegmentHeader::Kind::Solo}), 8, 4, segment},
          {"a record", bytes_of(a_record()), 0, 0, record},
          {"a footer", tail_of(encode_footer(kSegment, kEntries)), 8, 4, tail},
          {"a footer of nothing", tail_of(encode_footer(kSegment, {})), 8, 4, tail},
          {"a forgotten hash", bytes_of({JournalEntry::Kind::Forget, 5, 77, ""}), 8, 4, journal},
          {"a purged host", bytes_of({JournalEntry::Kind::Host, 6, 0, "www.example.test"}), 8, 4, journal},
          {"all purged", bytes_of({JournalEntry::Kind::All, 8, 0, ""}), 8, 4, journal}};
}

std::string body_of(std::size_t size) {
  std::string body(size, '\0');
  for (std::size_t i = 0; i < size; ++i) body[i] = static_cast<char>(i * 31 + (i >> 8));
  return body;
}

std::string sums_of(std::string_view body, std::uint64_t hash, std::size_t piece) {
  BlockSummer summer(hash);
  for (std::size_t at = 0; at < body.size(); at += piece) summer.add(body.substr(at, piece));
  return summer.finish();
}

}  // namespace

TEST_CASE("a segment's file is named by its id, and nothing else is") {
  for (const std::uint64_t id : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1234}, UINT64_MAX}) {
    CHECK(segment_name(id).size() == 20);
    CHECK(segment_id(segment_name(id)) == id);
  }
  CHECK(segment_name(1234) == "00000000000004d2.seg");
  for (const char* name :
       {"", ".", "seg", ".seg", "4d2.seg", "00000000000004D2.seg", "00000000000004d2.seg~", "00000000000004d2",
        "00000000000004d2.sex", "000000000000004d2.seg", "0x000000000004d2.seg", "-0000000000004d2.seg",
        "+0000000000004d2.seg", "               1.seg", "000000000000zzzz.seg", "journal", "larder-cache"}) {
    CAPTURE(name);
    CHECK_FALSE(segment_id(name));
  }
}

TEST_CASE("the bytes are those of format 1") {
  struct Case {
    std::string bytes;
    std::string expected;  // in hexadecimal, a number at a time
  };
  const Case cases[] = {
      {bytes_of({.id = kSegment, .kind = SegmentHeader::Kind::Solo}),
       "4c41524445527367 01000000 01000000 3412000000000000"
       "0000000000000000 0000000000000000 0000000000000000 0000000000000000 568aa1fd9d93bdc3"},
      {bytes_of(a_record()),
       "4c526563 cdab 0000 0700000000000000 8877665544332211 1e000000 90010000 0100010000000000"
       "0807060504030201 1817161514131211 086a3522e9574bb8"},
      {encode_footer(kSegment, std::span(kEntries).first(1)),
       "0100000000000000 0c00000000000000 01000000 08000000 0000 000000000000"
       "4c41524445526674 01000000 00000000 3412000000000000 0100000000000000 f7b1c4042fdd0ea0"
       "0c00000000000000 0c00000000000000 ddacbbdfcca7df60"},
      {bytes_of({JournalEntry::Kind::Tag, 6, 0, "news"}),
       "4c41524445526a6e 01000000 04000000 0600000000000000 0000000000000000 0400000000000000"
       "2401ad8ec0a9a6ce 99e4833871c2609f 6e657773"},
      {sums_of(body_of(kBlock + 1), 7, 1000), "6d7b53d731a0b006 eac29a367c047a9d"},
  };
  CHECK(kFormat == 1);
  for (Case c : cases) {
    std::erase(c.expected, ' ');
    CHECK(hex(c.bytes) == c.expected);
  }
  CHECK(encode(Label{.seed = 0x0102030405060708}) == "larder-cache 1\nseed 0102030405060708 sum f013a013b369ee86\n");
}

TEST_CASE("a segment's header reads as it was written") {
  for (const auto kind : {SegmentHeader::Kind::Log, SegmentHeader::Kind::Solo}) {
    for (const std::uint64_t id : {std::uint64_t{0}, std::uint64_t{5}, UINT64_MAX}) {
      SegmentHeader read;
      CHECK(decode(bytes_of({id, kind}) + "more", read) == Damage::None);
      CHECK(read.id == id);
      CHECK(read.kind == kind);
    }
  }
}

TEST_CASE("a record's header reads as it was written, in its own place only") {
  RecordHeader read;
  const std::string bytes = bytes_of(a_record());
  CHECK(decode(bytes + "more", kSegment, kOffset, read) == Damage::None);
  CHECK(is_same(read, a_record()));
  for (const auto& [segment, offset] : {std::pair{kSegment + 1, kOffset}, std::pair{kSegment, kOffset + 64},
                                        std::pair{kSegment + 64, kOffset - 64}, std::pair{kOffset, kSegment}}) {
    CHECK(decode(bytes, segment, offset, read) == Damage::Checksum);
  }
}

TEST_CASE("what is cut off is torn, wherever") {
  for (const Form& form : forms()) {
    CAPTURE(form.name);
    CHECK(form.decode(form.bytes) == Damage::None);
    for (std::size_t size = 0; size < form.bytes.size(); ++size) {
      CHECK(form.decode(form.bytes.substr(0, size)) == Damage::Torn);
    }
  }
}

TEST_CASE("a flipped bit anywhere is damage") {
  for (const Form& form : forms()) {
    CAPTURE(form.name);
    for (std::size_t bit = 0; bit < form.bytes.size() * 8; ++bit) {
      CAPTURE(bit);
      const Damage expected = bit / 8 < form.magic                 ? Damage::Foreign
                              : bit / 8 < form.magic + form.format ? Damage::OtherFormat
                                                                   : Damage::Checksum;
      CHECK(form.decode(flipped(form.bytes, bit)) == expected);
    }
  }
}

TEST_CASE("a hole in a file is torn; the end of a file without a footer has none") {
  const std::string zeros(4096, '\0');
  SegmentHeader segment;
  RecordHeader record;
  FooterTail tail;
  JournalEntry entry;
  std::string_view journal = zeros;
  CHECK(decode(zeros, segment) == Damage::Torn);
  CHECK(decode(zeros, 0, 0, record) == Damage::Torn);
  CHECK(decode(zeros, tail) == Damage::Foreign);
  CHECK(take(journal, entry) == Damage::Torn);
  CHECK(journal.size() == zeros.size());
}

TEST_CASE("a damaged thing leaves the result as it was") {
  SegmentHeader segment{.id = 3, .kind = SegmentHeader::Kind::Solo};
  RecordHeader record = a_record();
  FooterTail tail{.segment = 4, .entries = 1};
  std::vector<FooterEntry> entries = kEntries;
  JournalEntry entry{JournalEntry::Kind::Host, 1, 0, "a"};
  Label label{.seed = 5};
  std::string_view journal = "LARDERjn";
  CHECK(decode("", segment) != Damage::None);
  CHECK(decode(bytes_of(a_record(), 1), kSegment, kOffset, record) != Damage::None);
  CHECK(decode("", tail) != Damage::None);
  CHECK(decode_entries("", tail, entries) != Damage::None);
  CHECK(take(journal, entry) != Damage::None);
  CHECK(decode("larder-cache 2\n", label) != Damage::None);
  CHECK(segment.id == 3);
  CHECK(is_same(record, a_record()));
  CHECK(tail.segment == 4);
  CHECK(entries.size() == kEntries.size());
  CHECK(entry.text == "a");
  CHECK(journal == "LARDERjn");
  CHECK(label.seed == 5);
}

TEST_CASE("sizes beyond the bounds are damage, and those within never overflow") {
  RecordHeader most = a_record();
  most.key_size = kMostKey;
  most.head_size = kMostHead;
  most.body_size = kMostBody;
  RecordHeader read;
  CHECK(decode(bytes_of(most), kSegment, kOffset, read) == Damage::None);
  CHECK(read.blocks() == kMostBody / kBlock);
  CHECK(read.size() == kRecordHeader + kMostKey + kMostHead + kMostBody + kMostBody / kBlock * 8);

  RecordHeader key = most;
  ++key.key_size;
  RecordHeader head = most;
  ++head.head_size;
  RecordHeader body = most;
  ++body.body_size;
  RecordHeader all = most;
  all.key_size = all.head_size = UINT32_MAX;
  all.body_size = UINT64_MAX;
  for (const RecordHeader& beyond : {key, head, body, all}) {
    CHECK(decode(bytes_of(beyond), kSegment, kOffset, read) == Damage::Checksum);
  }
}

TEST_CASE("a record's parts lie one behind the other") {
  const RecordHeader record = a_record();
  CHECK(record.body_offset() == 64 + 30 + 400);
  CHECK(record.blocks() == 2);
  CHECK(record.sums_offset() == record.body_offset() + kBlock + 1);
  CHECK(record.size() == record.sums_offset() + 16);
  CHECK(RecordHeader().size() == kRecordHeader);
}

TEST_CASE("the sum of key and head is that of both together") {
  CHECK(head_sum("http://example.test/", "head") == head_sum("http://example.test/head"));
  CHECK(head_sum("", "") == head_sum(""));
  CHECK(head_sum("a", "b") != head_sum("b", "a"));
}

TEST_CASE("a body's sums are those of its blocks, whatever pieces it came in") {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, kBlock - 1, kBlock, kBlock + 1, 3 * kBlock + 5}) {
    CAPTURE(size);
    const std::string body = body_of(size);
    std::string expected;
    for (std::size_t at = 0; at < size; at += kBlock) {
      append_sum(expected, block_sum(std::string_view(body).substr(at, kBlock), 9, at / kBlock));
    }
    for (const std::size_t piece : {std::size_t{1}, std::size_t{1000}, kBlock - 1, kBlock, kBlock + 1, 4 * kBlock}) {
      CHECK(sums_of(body, 9, piece) == expected);
    }
    CHECK(expected.size() == RecordHeader{.body_size = size}.blocks() * 8);
    for (std::size_t i = 0; i * kBlock < size; ++i) {
      CHECK(read_sum(expected, i) == block_sum(std::string_view(body).substr(i * kBlock, kBlock), 9, i));
    }
  }
}

TEST_CASE("a block is right in its own place of a body of its own key only") {
  const auto sum = block_sum("block", 7, 2);
  CHECK(block_sum("block", 7, 2) == sum);
  CHECK(block_sum("block", 7, 3) != sum);
  CHECK(block_sum("block", 8, 2) != sum);
  CHECK(block_sum("block", 2, 7) != sum);
  CHECK(block_sum("clock", 7, 2) != sum);
}

TEST_CASE("a summer may move while it sums") {
  const std::string body = body_of(kBlock + 100);
  BlockSummer first(4);
  first.add(std::string_view(body).substr(0, 50));
  BlockSummer second(std::move(first));
  second.add(std::string_view(body).substr(50));
  first = std::move(second);
  CHECK(first.finish() == sums_of(body, 4, kBlock));
}

TEST_CASE("a footer reads as it was written") {
  for (std::size_t n = 0; n <= kEntries.size(); ++n) {
    const std::string footer = encode_footer(kSegment, std::span(kEntries).first(n));
    CHECK(footer.size() == n * kFooterEntry + kFooterTail);
    FooterTail tail;
    REQUIRE(decode(tail_of(footer), tail) == Damage::None);
    CHECK(tail.segment == kSegment);
    CHECK(tail.entries == n);
    CHECK(tail.first_sequence == (n == 0 ? 0 : n == 1 ? 12 : 9));
    CHECK(tail.last_sequence == (n == 0 ? 0 : n < 3 ? 12 : 40));
    std::vector<FooterEntry> entries;
    REQUIRE(decode_entries(entries_of(footer), tail, entries) == Damage::None);
    CHECK(std::equal(entries.begin(), entries.end(), kEntries.begin(), kEntries.begin() + static_cast<long>(n),
                     [](const FooterEntry& a, const FooterEntry& b) { return is_same(a, b); }));
  }
}

TEST_CASE("a footer's entries are whole and right, or none is") {
  const std::string footer = encode_footer(kSegment, kEntries);
  FooterTail tail;
  REQUIRE(decode(tail_of(footer), tail) == Damage::None);
  const std::string bytes = entries_of(footer);
  std::vector<FooterEntry> entries;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK(decode_entries(std::string_view(bytes).substr(0, size), tail, entries) == Damage::Torn);
  }
  CHECK(decode_entries(bytes + std::string(kFooterEntry, '\0'), tail, entries) == Damage::Checksum);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    CHECK(decode_entries(flipped(bytes, bit), tail, entries) == Damage::Checksum);
  }
  tail.entries = UINT64_MAX;
  CHECK(decode_entries(bytes, tail, entries) == Damage::Torn);
  CHECK(entries.empty());
}

TEST_CASE("a footer that no segment can have is damage, though its sums are right") {
  struct Case {
    std::string name;
    FooterEntry entry;
  };
  const Case cases[] = {
      {"in the segment's header", {.sequence = 1, .offset = 0, .size = 1}},
      {"of no size", {.sequence = 1, .offset = 1, .size = 0}},
      {"beyond the largest segment", {.sequence = 1, .offset = kMostEntries, .size = 1}},
      {"larger than it", {.sequence = 1, .offset = 1, .size = kMostEntries + 1}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    const std::string footer = encode_footer(kSegment, {&c.entry, 1});
    FooterTail tail;
    std::vector<FooterEntry> entries;
    REQUIRE(decode(tail_of(footer), tail) == Damage::None);
    CHECK(decode_entries(entries_of(footer), tail, entries) == Damage::Checksum);
  }
  FooterTail other;
  std::vector<FooterEntry> entries;
  const std::string footer = encode_footer(kSegment, kEntries);
  REQUIRE(decode(tail_of(footer), other) == Damage::None);
  ++other.last_sequence;
  CHECK(decode_entries(entries_of(footer), other, entries) == Damage::Checksum);

  const std::vector<FooterEntry> many(kMostEntries + 1, kEntries[0]);
  FooterTail tail;
  CHECK(decode(tail_of(encode_footer(kSegment, std::span(many).first(kMostEntries))), tail) == Damage::None);
  CHECK(decode(tail_of(encode_footer(kSegment, many)), tail) == Damage::Checksum);
}

TEST_CASE("a journal reads as it was written, up to where it was torn") {
  using enum JournalEntry::Kind;
  const std::vector<JournalEntry> written = {{Forget, 1, 0xfedcba9876543210, ""},
                                             {Host, 2, 0, "www.example.test"},
                                             {Prefix, 3, 0, "http://example.test/a/"},
                                             {Tag, 4, 0, std::string("any\0byte\xff", 9)},
                                             {Prefix, 5, 0, ""},
                                             {All, UINT64_MAX, 0, ""}};
  std::string bytes;
  std::vector<std::size_t> ends;
  for (const auto& entry : written) {
    append(bytes, entry);
    ends.push_back(bytes.size());
  }
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const auto whole = static_cast<std::size_t>(std::upper_bound(ends.begin(), ends.end(), size) - ends.begin());
    // A file may also have grown before its bytes were there.
    for (const std::string& tail : {std::string(), std::string(kJournalHeader, '\0')}) {
      const std::string torn = bytes.substr(0, size) + tail;
      std::string_view rest = torn;
      JournalEntry entry;
      std::size_t n = 0;
      while (take(rest, entry) == Damage::None) CHECK(is_same(entry, written.at(n++)));
      CHECK(n == whole);
      if (tail.empty()) CHECK(take(rest, entry) == Damage::Torn);
    }
  }
}

TEST_CASE("a journal entry has what its kind has, and its text is bounded") {
  using enum JournalEntry::Kind;
  struct Case {
    JournalEntry given;
    JournalEntry expected;
  };
  const std::string longest(kMostText, 'x');
  const Case cases[] = {{{Forget, 1, 2, "text"}, {Forget, 1, 2, ""}},
                        {{All, 1, 2, "text"}, {All, 1, 0, ""}},
                        {{Host, 1, 2, "host"}, {Host, 1, 0, "host"}},
                        {{Prefix, 1, 0, longest}, {Prefix, 1, 0, longest}},
                        {{Prefix, 1, 0, longest + "y"}, {Prefix, 1, 0, longest}}};
  for (const Case& c : cases) {
    const std::string bytes = bytes_of(c.given);
    std::string_view rest = bytes;
    JournalEntry read;
    CHECK(take(rest, read) == Damage::None);
    CHECK(rest.empty());
    CHECK(is_same(read, c.expected));
  }
  for (const int kind : {0, 6, 255}) {
    const std::string bytes = bytes_of({static_cast<JournalEntry::Kind>(kind), 1, 0, ""});
    std::string_view rest = bytes;
    JournalEntry read;
    CHECK(take(rest, read) == Damage::Checksum);
  }
}

TEST_CASE("a label says what the folder is, in text") {
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{0xabcdef}, UINT64_MAX}) {
    Label read;
    CHECK(decode(encode(Label{.seed = seed}), read) == Damage::None);
    CHECK(read.format == kFormat);
    CHECK(read.seed == seed);
  }
  const std::string label = encode(Label{.seed = 1});
  struct Case {
    std::string text;
    Damage expected;
  };
  const Case cases[] = {{"", Damage::Torn},
                        {"larder", Damage::Torn},
                        {"larder-cache 1", Damage::Torn},
                        {"larder-cache 1\n", Damage::Torn},
                        {label.substr(0, label.size() - 1), Damage::Torn},
                        {label + "\n", Damage::Checksum},
                        {"larder-cache 01" + label.substr(14), Damage::Checksum},
                        {encode(Label{.format = 2, .seed = 1}), Damage::OtherFormat},
                        {"larder-cache 0\nanything", Damage::OtherFormat},
                        {"larder-cache 4294967297\n", Damage::OtherFormat},
                        {"larder-cache x\n", Damage::Foreign},
                        {"larder-cache \n", Damage::Foreign},
                        {"larder-cache -1\n", Damage::Foreign},
                        {"squid", Damage::Foreign},
                        {std::string(64, '\0'), Damage::Foreign}};
  for (const Case& c : cases) {
    CAPTURE(c.text);
    Label read;
    CHECK(decode(c.text, read) == c.expected);
  }
  for (std::size_t bit = 0; bit < label.size() * 8; ++bit) {
    Label read;
    CHECK(decode(flipped(label, bit), read) != Damage::None);
  }
}

}  // namespace larder::store::disk
