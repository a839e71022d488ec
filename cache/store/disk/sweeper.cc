#include "cache/store/disk/sweeper.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "cache/store/disk/head_codec.h"
#include "cache/store/disk/record.h"
#include "cache/store/disk/tier.h"

namespace larder::store::disk {
namespace {

using Clock = std::chrono::steady_clock;

// A page that finds little ends all the same: whoever asks can see how far it has come.
constexpr std::chrono::seconds kPageTime{2};

// Names a segment without keeping its file.
struct Named {
  std::uint64_t id = 0;
  std::uint32_t slot = 0;
};

std::vector<Named> name_all(const Tier& tier) {
  std::vector<Named> names;
  for (const auto& segment : tier.segments.all()) names.push_back({segment->id(), segment->slot()});
  std::sort(names.begin(), names.end(), [](const Named& a, const Named& b) { return a.id < b.id; });
  return names;
}

// Null: it was evicted.
Ref<Segment> find(const Tier& tier, const Named& named) {
  auto segment = tier.segments.get(named.slot);
  return segment && segment->id() == named.id ? segment : nullptr;
}

std::vector<Index::Listed> entries_of(const Tier& tier, const Segment& segment) {
  std::vector<Index::Listed> entries;
  tier.index.list(segment.slot(), entries);
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.where.offset < b.where.offset; });
  return entries;
}

// Null: it cannot be read, which is reported; what is wrong, and not only out of reach, is taken out of the index.
Ref<Head> read_head(Tier& tier, const Ref<Segment>& segment, const Index::Listed& entry, Record& record,
                    ErrorKind& error) {
  error = ErrorKind::Checksum;
  if (read_front(segment, entry.where, record, error) == ReadStatus::Done && record.header.hash == entry.hash) {
    if (auto decoded = decode_head(record.head()); decoded.head) return std::move(decoded.head);
  }
  tier.report(error, *segment);
  if (error != ErrorKind::Read) tier.index.remove(entry.hash, entry.where);
  return nullptr;
}

class Remove final : public Sweeper::Task {
 public:
  Remove(Tier& tier, std::vector<JournalEntry> bans, std::function<void(std::uint64_t)> done)
      : tier_(tier), bans_(std::move(bans)), done_(std::move(done)), segments_(name_all(tier)) {
    for (const auto& ban : bans_) last_ = std::max(last_, ban.sequence);
  }

  bool step(const std::atomic<bool>& stopping) override {
    if (at_ < segments_.size()) {
      if (const auto segment = find(tier_, segments_[at_])) sweep(segment, stopping);
      ++at_;
    }
    if (stopping) return false;
    if (at_ < segments_.size()) return true;
    // What was out of reach may be read again, and must then still meet the bans.
    for (const auto& ban : bans_) {
      if (!is_anything_left_) tier_.ledger.lift(ban.sequence);
    }
    done_(removed_);
    return false;
  }

 private:
  void sweep(const Ref<Segment>& segment, const std::atomic<bool>& stopping) {
    if (segment->first_sequence() > last_) return;
    if (bans_.front().kind == JournalEntry::Kind::All && at_ + 1 < segments_.size()) {
      removed_ += tier_.index.drop(segment->slot());  // the last alone has newer ones, or hardly any other
      return;
    }
    for (const auto& entry : entries_of(tier_, *segment)) {
      if (stopping) return;
      Record record;
      ErrorKind error = ErrorKind::Read;
      const auto head = read_head(tier_, segment, entry, record, error);
      if (!head) {
        is_anything_left_ = is_anything_left_ || error == ErrorKind::Read;
      } else if (is_meant_by_any(record, *head) && tier_.index.remove(entry.hash, entry.where)) {
        ++removed_;
      }
    }
  }

  bool is_meant_by_any(const Record& record, const Head& head) const {
    return std::any_of(bans_.begin(), bans_.end(), [&](const JournalEntry& ban) {
      return record.header.sequence < ban.sequence && is_meant(ban, record.key(), head);
    });
  }

  Tier& tier_;
  const std::vector<JournalEntry> bans_;  // not empty; one of all that is there comes alone
  const std::function<void(std::uint64_t)> done_;
  const std::vector<Named> segments_;
  std::uint64_t last_ = 0;
  std::size_t at_ = 0;
  std::uint64_t removed_ = 0;
  bool is_anything_left_ = false;
};

class List final : public Sweeper::Task {
 public:
  List(Tier& tier, Query query, std::function<void(Listing)> done)
      : tier_(tier), query_(std::move(query)), done_(std::move(done)), segments_(name_all(tier)) {}

  bool step(const std::atomic<bool>& stopping) override {
    while (at_ < segments_.size() && segments_[at_].id < query_.from.group) ++at_;
    if (at_ < segments_.size()) {
      const auto segment = find(tier_, segments_[at_]);
      if (segment && !look_at(segment, stopping)) {
        if (!stopping) done_(std::move(listing_));
        return false;
      }
      ++at_;
    }
    if (at_ < segments_.size()) return true;
    done_(std::move(listing_));
    return false;
  }

 private:
  // False: the page ends here.
  bool look_at(const Ref<Segment>& segment, const std::atomic<bool>& stopping) {
    const std::uint64_t from = segment->id() == query_.from.group ? query_.from.at : 0;
    for (const auto& entry : entries_of(tier_, *segment)) {
      if (entry.where.offset < from) continue;
      if (stopping) return false;
      if (listing_.objects.size() == query_.most || (is_begun_ && Clock::now() > until_)) {
        listing_.next = Place{true, segment->id(), entry.where.offset, 0};
        return false;
      }
      is_begun_ = true;
      Record record;
      ErrorKind error = ErrorKind::Read;
      const auto head = read_head(tier_, segment, entry, record, error);
      if (!head || !query_.is_asked_for(record.key(), *head)) continue;
      if (tier_.ledger.is_banned(record.header.sequence, record.key(), *head)) continue;
      listing_.objects.push_back({std::string(record.key()), head, record.header.body_size, false, false, true});
    }
    return true;
  }

  Tier& tier_;
  const Query query_;
  const std::function<void(Listing)> done_;
  const std::vector<Named> segments_;
  const Clock::time_point until_ = Clock::now() + kPageTime;
  std::size_t at_ = 0;
  bool is_begun_ = false;  // however late: each page comes further than the one before
  Listing listing_;
};

}  // namespace

Sweeper::Sweeper(Tier& tier) : tier_(tier) {}

Sweeper::~Sweeper() = default;

void Sweeper::remove(std::vector<JournalEntry> bans, std::function<void(std::uint64_t)> done) {
  start(std::make_unique<Remove>(tier_, std::move(bans), std::move(done)));
}

void Sweeper::list(Query query, std::function<void(Listing)> done) {
  start(std::make_unique<List>(tier_, std::move(query), std::move(done)));
}

void Sweeper::start(std::unique_ptr<Task> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    if (std::exchange(is_running_, true)) return;
  }
  tier_.pool.run_idle([self = shared_from_this()] { self->step(); });
}

void Sweeper::step() {
  std::unique_ptr<Task> task;
  {
    const std::lock_guard lock(mutex_);
    task = std::move(tasks_.front());
    tasks_.pop_front();
  }
  const bool goes_on = !stopping_ && task->step(stopping_);
  {
    const std::lock_guard lock(mutex_);
    if (goes_on) tasks_.push_back(std::move(task));
    if (stopping_ || tasks_.empty()) {
      is_running_ = false;
      return;
    }
  }
  tier_.pool.run_idle([self = shared_from_this()] { self->step(); });
}

}  // namespace larder::store::disk
