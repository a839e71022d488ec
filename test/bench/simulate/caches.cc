#include "test/bench/simulate/caches.h"

#include <algorithm>
#include <array>

namespace larder::simulate {
namespace {

using store::disk::Index;
using store::disk::kUnit;
using store::disk::Location;
using store::disk::SegmentHeader;
using store::disk::SegmentInfo;

constexpr std::uint64_t kRecordRest = 512;  // of a record: its header, key, head and sums

// Spreads the objects' numbers as the hashes of keys are spread.
std::uint64_t hash_of(std::uint64_t object) {
  std::uint64_t hash = object + 0x9e3779b97f4a7c15;
  hash = (hash ^ hash >> 30) * 0xbf58476d1ce4e5b9;
  hash = (hash ^ hash >> 27) * 0x94d049bb133111eb;
  return hash ^ hash >> 31;
}

Location location(const SegmentInfo& segment, std::uint64_t record) {
  return {segment.slot, static_cast<std::uint32_t>(segment.bytes / kUnit), static_cast<std::uint32_t>(record / kUnit)};
}

}  // namespace

std::uint64_t record_size(std::uint64_t body) {
  return (body + kRecordRest + kUnit - 1) / kUnit * kUnit;
}

bool Lru::ask(std::uint64_t object, std::uint64_t record) {
  if (const auto place = places_.find(object); place != places_.end()) {
    items_.splice(items_.begin(), items_, place->second);
    return true;
  }
  if (record > capacity_ / 2) return false;
  items_.push_front({object, record});
  places_[object] = items_.begin();
  bytes_ += record;
  while (bytes_ > capacity_) {
    bytes_ -= items_.back().bytes;
    places_.erase(items_.back().object);
    items_.pop_back();
  }
  return false;
}

Disk::Disk(std::uint64_t capacity)
    : capacity_(capacity),
      segment_size_(store::disk::Eviction::segment_size(capacity)),
      recency_(capacity),
      index_(recency_),
      eviction_(capacity, segment_size_) {
  active_ = open(SegmentHeader::Kind::Log).slot;
}

bool Disk::ask(std::uint64_t object, std::uint64_t record) {
  const std::uint64_t hash = hash_of(object);
  std::array<Index::Found, 1> found;
  const bool is_hit = index_.find(hash, found) == 1;
  if (is_hit) {
    index_.touch(hash, found[0].where);
    slots_[found[0].where.segment].used = recency_.now();
  } else if (record <= capacity_ / 2) {
    store(hash, record);
  }
  recency_.pass(record);
  index_.age();
  return is_hit;
}

void Disk::store(std::uint64_t hash, std::uint64_t record) {
  stored_ += record;
  if (store::disk::Eviction::is_solo(record, segment_size_)) {
    make_room(record + store::disk::kSegmentHeader);
    SegmentInfo& segment = open(SegmentHeader::Kind::Solo);
    index_.put(hash, 0, location(segment, record), recency_.now());
    segment.bytes += record;
    segment.live = record;
    segment.used = recency_.now();
    written_ += record;
    sealed_bytes_ += segment.bytes;
  } else {
    index_.put(hash, 0, append(record), recency_.now());
    make_room(0);
  }
  most_bytes_ = std::max(most_bytes_, sealed_bytes_ + slots_[active_].bytes);
}

void Disk::make_room(std::uint64_t more) {
  while (eviction_.is_due(sealed_bytes_ + more) && reclaim()) {
  }
}

SegmentInfo& Disk::open(SegmentHeader::Kind kind) {
  auto slot = static_cast<std::uint32_t>(slots_.size());
  if (free_.empty()) {
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  slots_[slot] = {slot, next_id_++, kind, store::disk::kSegmentHeader, 0, 0};
  return slots_[slot];
}

void Disk::seal() {
  const std::uint64_t footer = active_entries_ * store::disk::kFooterEntry + store::disk::kFooterTail;
  slots_[active_].bytes += footer;
  written_ += footer;
  sealed_bytes_ += slots_[active_].bytes;
  active_ = open(SegmentHeader::Kind::Log).slot;
  active_entries_ = 0;
}

Location Disk::append(std::uint64_t record) {
  const std::uint64_t footer = (active_entries_ + 1) * store::disk::kFooterEntry + store::disk::kFooterTail;
  if (slots_[active_].bytes + record + footer > segment_size_) seal();
  SegmentInfo& segment = slots_[active_];
  const Location where = location(segment, record);
  segment.bytes += record;
  segment.live += record;
  written_ += record;
  ++active_entries_;
  return where;
}

bool Disk::reclaim() {
  sealed_.clear();
  for (const SegmentInfo& segment : slots_) {
    if (segment.id != 0 && segment.slot != active_) sealed_.push_back(segment);
  }
  const store::disk::Epoch horizon = eviction_.horizon(recency_);
  const auto place = eviction_.pick(sealed_, index_, horizon);
  if (!place) return false;
  const SegmentInfo victim = sealed_[*place];
  if (victim.kind == SegmentHeader::Kind::Log) {
    entries_.clear();
    index_.list(victim.slot, entries_);
    eviction_.choose(entries_, horizon);
    for (const Index::Listed& entry : entries_) index_.move(entry.hash, entry.where, append(entry.where.size * kUnit));
    // The file is deleted when all that was carried over is in its place.
    most_bytes_ = std::max(most_bytes_, sealed_bytes_ + slots_[active_].bytes);
  }
  index_.drop(victim.slot);
  sealed_bytes_ -= victim.bytes;
  slots_[victim.slot] = {};
  free_.push_back(victim.slot);
  return true;
}

}  // namespace larder::simulate
