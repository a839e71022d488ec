#include "cache/store/disk/eviction.h"

#include <algorithm>
#include <bit>

namespace larder::store::disk {
namespace {

// Found by test/bench/simulate: the smallest that keep every trace's hit ratio well within 2 points of exact LRU's.
constexpr std::uint64_t kSegments = 256;  // of a capacity, where the sizes allowed permit
constexpr std::uint64_t kSoloShare = 4;   // of a segment: from one of so many parts on, a record is solo
constexpr std::uint64_t kLogKept = 60;    // of 100 bytes: records in log segments last used earlier than those go
constexpr std::uint64_t kSoloKept = 95;   // solos go alone and cost no carrying: nearly as LRU would
constexpr std::size_t kCandidates = 32;   // of the oldest log segments

// Of a log segment's bytes; what is carried is written twice, and gains nothing.
constexpr std::uint64_t most_carried(std::uint64_t bytes) {
  return bytes / 8 * 7;
}

bool is_log(const SegmentInfo& segment) {
  return segment.kind == SegmentHeader::Kind::Log;
}

// What of a log segment would stay.
struct Share {
  std::uint64_t kept = 0;
  std::uint64_t bytes = 0;
};

bool is_less(const Share& a, const Share& b) {
  return a.kept * b.bytes < b.kept * a.bytes;
}

std::optional<std::size_t> oldest_solo(std::span<const SegmentInfo> segments) {
  std::optional<std::size_t> oldest;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (is_log(segments[i])) continue;
    if (segments[i].live == 0) return i;
    if (!oldest || Recency::is_older(segments[i].used, segments[*oldest].used)) oldest = i;
  }
  return oldest;
}

struct Candidate {
  std::size_t place = 0;
  Share share;
};

// Of the oldest log segments the one with the smallest share of bytes used since the horizon, or of all the others one
// of which even less is live.
std::optional<Candidate> coldest_log(std::span<const SegmentInfo> segments, const Index& index, Epoch horizon) {
  std::vector<std::size_t> logs;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (is_log(segments[i])) logs.push_back(i);
  }
  std::sort(logs.begin(), logs.end(), [&](std::size_t a, std::size_t b) { return segments[a].id < segments[b].id; });
  std::optional<Candidate> best;
  for (std::size_t i = 0; i < logs.size(); ++i) {
    const SegmentInfo& segment = segments[logs[i]];
    const std::uint64_t kept = i < kCandidates ? index.used_since(segment.slot, horizon) : segment.live;
    const Share share{kept, std::max<std::uint64_t>(segment.bytes, 1)};
    if (!best || is_less(share, best->share)) best = {logs[i], share};
  }
  return best;
}

}  // namespace

Eviction::Eviction(std::uint64_t capacity, std::uint64_t segment_size)
    : capacity_(capacity), segment_size_(segment_size) {}

std::uint64_t Eviction::segment_size(std::uint64_t capacity) {
  return std::clamp<std::uint64_t>(std::bit_floor(capacity / kSegments), 1 << 20, 64 << 20);
}

bool Eviction::is_solo(std::uint64_t record, std::uint64_t segment_size) {
  return record > segment_size / kSoloShare;
}

Epoch Eviction::horizon(const Recency& recency) const {
  return recency.horizon(capacity_ / 100 * kLogKept);
}

std::optional<std::size_t> Eviction::pick(std::span<const SegmentInfo> segments, const Index& index,
                                          Epoch horizon) const {
  const auto solo = oldest_solo(segments);
  if (solo) {
    const SegmentInfo& segment = segments[*solo];
    if (segment.live == 0) return solo;
    if (Recency::is_older(segment.used, index.recency().horizon(capacity_ / 100 * kSoloKept))) return solo;
  }
  const auto log = coldest_log(segments, index, horizon);
  if (!log) return solo;
  // Hardly anything to be gained from the log segments: a solo that is colder than all that has to go otherwise.
  const bool is_hot = log->share.kept > most_carried(log->share.bytes);
  if (is_hot && solo && Recency::is_older(segments[*solo].used, horizon)) return solo;
  return log->place;
}

bool Eviction::should_carry(const Index::Listed& entry, Epoch horizon) {
  return !Recency::is_older(entry.used, horizon);
}

void Eviction::choose(std::vector<Index::Listed>& entries, Epoch horizon) const {
  std::erase_if(entries, [&](const Index::Listed& entry) { return !should_carry(entry, horizon); });
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return Recency::is_older(b.used, a.used); });
  std::uint64_t bytes = 0;
  const auto end = std::find_if(entries.begin(), entries.end(), [&](const Index::Listed& entry) {
    bytes += entry.where.size * kUnit;
    return bytes > most_carried(segment_size_);
  });
  entries.erase(end, entries.end());
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.where.offset < b.where.offset; });
}

}  // namespace larder::store::disk
