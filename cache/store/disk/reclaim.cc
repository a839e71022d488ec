// How the writer makes room.
#include <algorithm>
#include <array>

#include "cache/store/disk/head_codec.h"
#include "cache/store/disk/log.h"

namespace larder::store::disk {
namespace {

constexpr std::size_t kMoreReclaims = 64;  // than there are files: each frees something, so this ends long before

}  // namespace

bool Log::make_room() {
  const Eviction eviction(limit_, segment_size_);
  const std::size_t most = tier_.segments.size() + kMoreReclaims;
  for (std::size_t i = 0; i < most; ++i) {
    const std::uint64_t active = appender_.is_open() ? appender_.segment()->bytes() : 0;
    if (!eviction.is_due(tier_.segments.bytes() - active)) break;
    if (!reclaim_one(eviction)) break;
  }
  return !failing_;
}

bool Log::reclaim_one(const Eviction& eviction) {
  tier_.index.age();
  const auto segments = tier_.segments.all();
  std::vector<SegmentInfo> infos;
  std::vector<const Ref<Segment>*> of_info;
  for (const auto& segment : segments) {
    if (segment.get() == appender_.segment()) continue;
    SegmentInfo info{segment->slot(), segment->id(), segment->kind(), segment->bytes(), 0, tier_.recency.oldest()};
    info.live = tier_.index.live(segment->slot());
    if (info.kind == SegmentHeader::Kind::Solo) {
      std::vector<Index::Listed> only;
      tier_.index.list(segment->slot(), only);
      if (!only.empty()) info.used = only.front().used;
    }
    infos.push_back(info);
    of_info.push_back(&segment);
  }
  const Epoch horizon = eviction.horizon(tier_.recency);
  const auto picked = eviction.pick(infos, tier_.index, horizon);
  if (!picked) return false;
  const Ref<Segment> victim = *of_info[*picked];
  if (victim->kind() == SegmentHeader::Kind::Log && !failing_) {
    std::vector<Index::Listed> entries;
    tier_.index.list(victim->slot(), entries);
    eviction.choose(entries, horizon);
    carry_over(victim, entries);
  }
  remove(victim);
  return true;
}

void Log::carry_over(const Ref<Segment>& from, std::vector<Index::Listed>& entries) {
  for (const auto& entry : entries) {
    if (!carry(from, entry)) return;
  }
}

// False: nothing can be written.
bool Log::carry(const Ref<Segment>& from, const Index::Listed& entry) {
  std::string bytes(std::size_t{entry.where.size} * kUnit, '\0');
  const std::uint64_t offset = std::uint64_t{entry.where.offset} * kUnit;
  RecordHeader header;
  if (from->read(bytes, offset) != Io::Done) {
    tier_.report(ErrorKind::Read, *from);
    return true;
  }
  const auto damage = decode(std::string_view(bytes).substr(0, kRecordHeader), from->salt(), offset, header);
  if (damage != Damage::None || header.size() > bytes.size() || header.hash != entry.hash) {
    tier_.report(kind_of(damage), *from);
    return true;
  }
  const std::string_view key(bytes.data() + kRecordHeader, header.key_size);
  const std::string_view head_bytes(key.data() + header.key_size, header.head_size);
  const auto decoded = decode_head(head_bytes);
  if (!decoded.head) {
    tier_.report(ErrorKind::Checksum, *from);
    return true;
  }
  if (!appender_.has_room(header.size())) {
    appender_.seal();
    if (const auto begun = appender_.begin(folder_); !begun) {
      fail(begun.error(), "cannot be written to");
      return false;
    }
  }
  const auto sequence = tier_.ledger.begin_again(header.sequence, header.hash, key, *decoded.head,
                                                 [&] { return tier_.index.is_at(entry.hash, entry.where); });
  if (!sequence) return true;
  header.sequence = *sequence;
  const iovec content{bytes.data() + kRecordHeader, static_cast<std::size_t>(header.size()) - kRecordHeader};
  const auto where = appender_.append(header, {&content, 1});
  tier_.ledger.give_up();
  if (!where) {
    fail(where.error(), "cannot be written to");
    return false;
  }
  tier_.index.move(entry.hash, entry.where, *where);
  tier_.carried_bytes.fetch_add(header.size(), std::memory_order_relaxed);
  return true;
}

void Log::remove(const Ref<Segment>& segment) {
  tier_.evictions.fetch_add(tier_.index.drop(segment->slot()), std::memory_order_relaxed);
  folder_.remove_segment(segment->id());
  tier_.segments.remove(*segment);
}

}  // namespace larder::store::disk
