#include "cache/store/disk/loader.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

namespace larder::store::disk {
namespace {

constexpr std::uint64_t kScanPiece = 1ULL << 20;

}  // namespace

Loader::Loaded Loader::load() {
  Loaded loaded;
  if (folder_.damage() != Damage::None) tier_.errors.count(kind_of(folder_.damage()));
  loaded.journal_bytes = load_journal();
  const auto listing = folder_.list();
  if (!listing) {
    tier_.ledger.end_loading();
    loaded.error = listing.error();
    return loaded;
  }
  if (is_journal_damaged_ && !listing->segments.empty()) {
    tier_.options.say("cache.disk: " + tier_.options.path +
                      ": its journal is missing or damaged: starting with an empty cache");
  }
  if (!listing->segments.empty()) loaded.next_id = listing->segments.front() + 1;
  for (std::size_t i = 0; i < listing->foreign; ++i) tier_.errors.count(ErrorKind::Foreign);
  if (listing->foreign > 0) {
    tier_.options.say("cache.disk: " + tier_.options.path + ": " + std::to_string(listing->foreign) +
                      " files in it are not Larder's: left alone");
  }
  for (const std::uint64_t id : listing->segments) {
    is_journal_damaged_ ? folder_.remove_segment(id) : load_segment(id);
  }
  tier_.ledger.end_loading();
  if (other_formats_ > 0) {
    tier_.options.say("cache.disk: " + tier_.options.path + ": " + std::to_string(other_formats_) +
                      " files of another format: discarded");
  }
  return loaded;
}

// Torn by a crash at its end: what comes after must not be lost behind it. Anything else: what was invalidated is not
// known any more, and nothing that might have been may be used.
std::uint64_t Loader::load_journal() {
  std::vector<JournalEntry> entries;
  const auto text = folder_.read(kJournalName, kMostJournal);
  if (!text) tier_.errors.count(errno == ENOENT ? ErrorKind::Missing : ErrorKind::Read);
  std::string_view rest = text ? std::string_view(*text) : std::string_view();
  JournalEntry entry;
  Damage damage = Damage::None;
  while (!rest.empty() && (damage = take(rest, entry)) == Damage::None) entries.push_back(entry);
  if (damage != Damage::None) tier_.errors.count(kind_of(damage));
  const bool is_torn_or_whole = damage == Damage::None || damage == Damage::Torn;
  is_journal_damaged_ = !text || text->size() == kMostJournal || !is_torn_or_whole;
  const std::uint64_t good = text ? text->size() - rest.size() : 0;
  const bool is_as_it_should_be = text && rest.empty();
  if (!is_as_it_should_be && !folder_.replace(kJournalName, text ? std::string_view(*text).substr(0, good) : "")) {
    tier_.errors.count(ErrorKind::Write);
  }
  tier_.ledger.begin_loading(std::move(entries));
  return good;
}

void Loader::discard(std::uint64_t id, Damage damage) {
  tier_.errors.count(kind_of(damage));
  if (damage == Damage::Foreign) {
    tier_.options.say("cache.disk: " + segment_name(id) + ": not Larder's: left alone");
    return;
  }
  if (damage == Damage::OtherFormat) {
    ++other_formats_;
  } else {
    tier_.options.say("cache.disk: " + segment_name(id) + ": damaged: discarded");
  }
  folder_.remove_segment(id);
}

void Loader::load_segment(std::uint64_t id) {
  const int fd = folder_.open_segment(id);
  if (fd < 0) {
    tier_.errors.count(errno == ENOENT ? ErrorKind::Missing : ErrorKind::Read);
    tier_.options.say("cache.disk: " + segment_name(id) + ": cannot be opened: " + std::strerror(errno));
    return;
  }
  SegmentHeader header;
  std::array<char, kSegmentHeader> bytes{};
  const ssize_t n = ::pread(fd, bytes.data(), bytes.size(), 0);
  const auto damage = n < 0 ? Damage::Torn : decode({bytes.data(), static_cast<std::size_t>(n)}, header);
  struct stat about {};
  if (n < 0 || ::fstat(fd, &about) != 0) {
    ::close(fd);
    tier_.errors.count(ErrorKind::Read);
    return;
  }
  if (damage != Damage::None || header.id != id) {
    ::close(fd);
    return discard(id, damage == Damage::None ? Damage::Checksum : damage);
  }
  auto segment = make_ref<Segment>(id, header.kind, fd, folder_.seed());
  segment->set_bytes(static_cast<std::uint64_t>(about.st_size));
  std::vector<FooterEntry> entries;
  if (!load_footer(segment, entries)) scan(segment, entries);
  if (entries.empty()) return folder_.remove_segment(id);
  if (!tier_.segments.add(segment)) return;
  // As if all had been used when they were written: the oldest files first.
  const Epoch used = tier_.recency.ago(loaded_bytes_);
  loaded_bytes_ += segment->bytes();
  std::uint64_t first = UINT64_MAX;
  std::uint64_t last = 0;
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    first = std::min(first, entry->sequence);
    last = std::max(last, entry->sequence);
    if (!tier_.ledger.may_load(entry->hash, entry->sequence)) continue;
    tier_.index.put_older(entry->hash, entry->variant, {segment->slot(), entry->offset, entry->size}, used);
  }
  segment->set_first_sequence(first);
  tier_.ledger.raise(last);
}

bool Loader::load_footer(const Ref<Segment>& segment, std::vector<FooterEntry>& entries) {
  if (segment->bytes() < kSegmentHeader + kFooterTail) return false;
  std::array<char, kFooterTail> bytes{};
  const std::uint64_t at = segment->bytes() - kFooterTail;
  FooterTail tail;
  if (segment->read(bytes, at) != Io::Done) return false;
  const auto damage = decode({bytes.data(), bytes.size()}, tail);
  if (damage == Damage::Checksum || damage == Damage::OtherFormat) tier_.errors.count(kind_of(damage));
  if (damage != Damage::None || tail.segment != segment->id()) return false;
  if (tail.entries > (at - kSegmentHeader) / kFooterEntry) return false;
  std::string table(tail.entries * kFooterEntry, '\0');
  if (segment->read(table, at - table.size()) != Io::Done) return false;
  if (decode_entries(table, tail, entries) == Damage::None) return true;
  tier_.errors.count(ErrorKind::Checksum);
  entries.clear();
  return false;
}

// The process ended before the footer was written: record after record, and past what is damaged.
void Loader::scan(const Ref<Segment>& segment, std::vector<FooterEntry>& entries) {
  std::string piece;
  std::uint64_t piece_at = 0;
  std::uint64_t at = kSegmentHeader;
  bool is_damaged = false;
  while (at + kRecordHeader <= segment->bytes()) {
    if (at < piece_at || at + kRecordHeader > piece_at + piece.size()) {
      piece.resize(std::min(kScanPiece, segment->bytes() - at));
      piece_at = at;
      if (segment->read(piece, at) != Io::Done) {
        tier_.report(ErrorKind::Read, *segment);
        return;
      }
    }
    RecordHeader header;
    const auto bytes = std::string_view(piece).substr(at - piece_at, kRecordHeader);
    const auto damage = decode(bytes, segment->salt(), at, header);
    if (damage != Damage::None || at + header.size() > segment->bytes()) {
      // Counted once for each stretch that cannot be read.
      if (!is_damaged) tier_.errors.count(damage == Damage::None ? ErrorKind::Torn : kind_of(damage));
      is_damaged = true;
      at += kUnit;
      continue;
    }
    is_damaged = false;
    const std::uint64_t units = (header.size() + kUnit - 1) / kUnit;
    entries.push_back({header.hash, header.sequence, static_cast<std::uint32_t>(at / kUnit),
                       static_cast<std::uint32_t>(units), header.variant});
    at += units * kUnit;
  }
  if (!is_damaged && at < segment->bytes()) tier_.errors.count(ErrorKind::Torn);
}

}  // namespace larder::store::disk
