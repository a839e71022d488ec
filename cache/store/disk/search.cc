#include "cache/store/disk/search.h"

#include <utility>

#include "cache/store/disk/extent.h"
#include "cache/store/disk/head_codec.h"
#include "cache/store/disk/tier.h"

namespace larder::store::disk {

Search::Search(Tier& tier, Budget& budget, std::string key, std::uint64_t hash, WakerPtr waker)
    : tier_(tier),
      budget_(budget),
      key_(std::move(key)),
      hash_(hash),
      waker_(std::move(waker)),
      count_(tier.index.find(hash, candidates_)) {}

Search::Status Search::next(Ref<Object>& object) {
  if (pending_) {
    if (!pending_->done.load(std::memory_order_acquire)) return Status::Wait;
    const auto pending = std::exchange(pending_, nullptr);
    const Location& where = candidates_[at_++].where;
    if (pending->status == ReadStatus::Done) {
      object = use(std::move(pending->record));
      if (object) return Status::Found;
    } else {
      on_bad(*pending->record.segment, where, pending->error);
    }
  }
  while (at_ < count_) {
    const Location where = candidates_[at_].where;
    const auto segment = tier_.segments.get(where.segment);
    if (!segment) {  // evicted since
      ++at_;
      continue;
    }
    Record record;
    ErrorKind error = ErrorKind::Read;
    switch (read_record(segment, where, Patience::None, &budget_, record, error)) {
      case ReadStatus::Done:
        ++at_;
        object = use(std::move(record));
        if (object) return Status::Found;
        break;
      case ReadStatus::Bad:
        ++at_;
        on_bad(*segment, where, error);
        break;
      case ReadStatus::WouldBlock:
        pending_ = std::make_shared<Pending>();
        tier_.pool.run([pending = pending_, segment, where, &budget = budget_, waker = waker_] {
          pending->status = read_record(segment, where, Patience::Blocking, &budget, pending->record, pending->error);
          pending->done.store(true, std::memory_order_release);
          waker->wake();
        });
        return Status::Wait;
    }
  }
  return Status::End;
}

void Search::on_bad(const Segment& segment, const Location& where, ErrorKind error) {
  tier_.report(error, segment);
  // What cannot be read now may be readable later; what is wrong stays wrong.
  if (error != ErrorKind::Read) tier_.index.remove(hash_, where);
}

Ref<Object> Search::use(Record record) {
  if (record.header.hash != hash_ || record.key() != key_) return nullptr;
  auto decoded = decode_head(record.head());
  if (!decoded.head) {
    tier_.report(ErrorKind::Checksum, *record.segment);
    return nullptr;
  }
  if (tier_.ledger.is_banned(record.header.sequence, record.key(), *decoded.head)) return nullptr;
  const RecordHeader& header = record.header;
  sequence_ = header.sequence;
  auto body = make_ref<Body>();
  body->size = header.body_size;
  body->trailers = std::move(decoded.trailers);
  if (body->size > 0 && record.is_whole) {
    record.bytes->narrow(static_cast<std::size_t>(header.body_offset()), static_cast<std::size_t>(header.body_size));
    body->chunks.push_back(std::move(record.bytes));
  } else if (body->size > 0) {
    body->source = make_ref<Extent>(Extent::House{tier_.pool, tier_.errors, tier_.index}, std::move(record), where());
  }
  auto object = make_ref<Object>(key_, hash_);
  object->complete_with(decoded.head, std::move(body));
  return object;
}

}  // namespace larder::store::disk
