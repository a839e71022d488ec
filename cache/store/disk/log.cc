#include "cache/store/disk/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "cache/store/disk/extent.h"
#include "cache/store/disk/head_codec.h"
#include "cache/store/disk/loader.h"

namespace larder::store::disk {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kTick{1};
constexpr std::chrono::seconds kLongestPause{30};
constexpr std::uint64_t kMostWaiting = 64ULL << 20;  // bytes of objects that wait to be written
constexpr std::uint64_t kJournalGrowth = 1ULL << 20;

bool is_full(int error) {
  return error == ENOSPC || error == EDQUOT;
}

}  // namespace

Log::Log(Tier& tier, Folder folder, std::function<void()> on_loaded)
    : tier_(tier),
      on_loaded_(std::move(on_loaded)),
      folder_(std::move(folder)),
      segment_size_(tier.options.segment_size != 0 ? tier.options.segment_size
                                                   : Eviction::segment_size(tier.options.size)),
      limit_(tier.options.size),
      appender_(tier, segment_size_),
      thread_([this] { work(); }) {}

Log::~Log() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  ready_.notify_all();
  thread_.join();
  if (journal_ >= 0) ::close(journal_);
}

bool Log::store(Ref<Object> object) {
  const std::uint64_t bytes = object->size();
  if (!is_refusing_.load(std::memory_order_relaxed)) {
    const std::lock_guard lock(mutex_);
    if (waiting_bytes_ == 0 || waiting_bytes_ + bytes <= kMostWaiting) {
      waiting_bytes_ += bytes;
      ++hashes_[object->hash()];
      items_.push_back({std::move(object), {}, nullptr});
      if (!busy_) ready_.notify_one();
      return true;
    }
  }
  tier_.skipped.fetch_add(1, std::memory_order_relaxed);
  return false;
}

void Log::write_down(JournalEntry entry, Written written) {
  const std::lock_guard lock(mutex_);
  entries_.push_back({nullptr, std::move(entry), std::move(written)});
  ready_.notify_one();
}

std::vector<Ref<Object>> Log::waiting() {
  std::vector<Ref<Object>> found;
  const std::lock_guard lock(mutex_);
  if (current_ != nullptr) found.emplace_back(current_);
  for (const auto& item : items_) {
    if (item.object) found.push_back(item.object);
  }
  return found;
}

void Log::doom_waiting(std::uint64_t hash) {
  const std::lock_guard lock(mutex_);
  if (current_ != nullptr && current_->hash() == hash) current_->doom();
  if (!hashes_.contains(hash)) return;  // nearly always: an invalidation must not take as long as the queue is
  for (const auto& item : items_) {
    if (item.object && item.object->hash() == hash) item.object->doom();
  }
}

void Log::flush() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return is_idle() && !busy_; });
}

void Log::work() {
  load();
  next_tick_ = Clock::now() + kTick;
  Clock::time_point give_up_at = Clock::time_point::max();
  std::unique_lock lock(mutex_);
  while (true) {
    busy_ = false;
    if (is_idle()) idle_.notify_all();
    ready_.wait_until(lock, next_tick_, [this] { return stopping_ || !is_idle(); });
    if (stopping_ && give_up_at == Clock::time_point::max()) give_up_at = Clock::now() + kPatience;
    if (stopping_ && (is_idle() || (entries_.empty() && Clock::now() > give_up_at))) break;
    busy_ = true;
    if (!is_idle()) {
      Item item = take_front();
      current_ = item.object.get();
      lock.unlock();
      process(item);
      lock.lock();
      current_ = nullptr;
    }
    lock.unlock();
    if (Clock::now() >= next_tick_) on_tick();
    lock.lock();
  }
  lock.unlock();
  write_journal();
  if (!failing_) appender_.seal();
}

Log::Item Log::take_front() {
  auto& queue = entries_.empty() ? items_ : entries_;
  Item item = std::move(queue.front());
  queue.pop_front();
  if (!item.object) return item;
  waiting_bytes_ -= item.object->size();
  const auto hash = hashes_.find(item.object->hash());
  if (--hash->second == 0) hashes_.erase(hash);
  return item;
}

void Log::process(Item& item) {
  if (!item.object) {
    write_entry(item);
  } else if (!failing_) {
    store_now(*item.object);
  } else {
    tier_.skipped.fetch_add(1, std::memory_order_relaxed);
  }
}

void Log::load() {
  Loader loader(tier_, folder_);
  const auto loaded = loader.load();
  journal_size_ = loaded.journal_bytes;
  appender_.set_next_id(loaded.next_id);
  tier_.state = State::Ok;
  if (loaded.error != 0) fail(loaded.error, "cannot be read");
  compact_journal();
  if (!failing_ && tier_.segments.bytes() > limit_) make_room();  // it may be smaller than it was
  on_loaded_();
}

void Log::on_tick() {
  next_tick_ = Clock::now() + kTick;
  tier_.index.age();
  if (!folder_.is_there()) return start_anew();
  if (failing_ && Clock::now() >= try_at_) try_again();
  if (!failing_ && journal_size_ > compacted_size_ * 2 + kJournalGrowth) compact_journal();
  if (!failing_ && limit_ < tier_.options.size && folder_.room() > 2 * segment_size_) {
    // Somebody else has given room back.
    limit_ = std::min(tier_.options.size, limit_ + segment_size_);
    if (limit_ == tier_.options.size) tier_.state = State::Ok;
  }
}

// --- storing ---

// The body with its bytes in memory, as it is or read from disk; null when they cannot be had.
Ref<const Body> Log::in_memory(const Ref<const Body>& body) {
  if (!body->source) return body;
  const auto& extent = static_cast<const Extent&>(*body->source);  // nobody else makes sources
  auto loaded = make_ref<Body>();
  loaded->size = body->size;
  loaded->chunks.push_back(Chunk::make(static_cast<std::size_t>(body->size)));
  Chunk& chunk = *loaded->chunks.front();
  ErrorKind error = ErrorKind::Read;
  if (extent.read_blocks(0, {chunk.data(), chunk.capacity()}, Patience::Blocking, error) == ReadStatus::Done) {
    return loaded;
  }
  tier_.errors.count(error);
  return nullptr;
}

void Log::store_now(const Object& object) {
  const Head& head = *object.head();
  const Ref<const Body> body = in_memory(object.body());
  if (!body) return;
  RecordHeader header;
  header.hash = object.hash();
  header.variant = variant_of(head.vary);
  std::string key_and_head = object.key();
  append_head(key_and_head, head, object.trailers());
  header.key_size = static_cast<std::uint32_t>(object.key().size());
  header.head_size = static_cast<std::uint32_t>(key_and_head.size() - object.key().size());
  header.body_size = body->size;
  if (header.key_size > kMostKey || header.head_size > kMostHead || header.body_size > kMostBody) return;
  header.head_sum = head_sum(key_and_head);
  std::vector<iovec> content{{key_and_head.data(), key_and_head.size()}};
  BlockSummer summer(header.hash);
  std::uint64_t left = body->size;
  for (const auto& chunk : body->chunks) {
    const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(left, chunk->capacity()));
    summer.add({chunk->data(), bytes});
    content.push_back({const_cast<char*>(chunk->data()), bytes});
    left -= bytes;
  }
  std::string sums = summer.finish();
  header.sums_sum = sums_sum(sums);
  content.push_back({sums.data(), sums.size()});
  if (!open_segment_for(header.size())) return;
  const auto sequence = tier_.ledger.begin(header.hash, [&object] { return !object.is_doomed(); });
  if (!sequence) return;
  header.sequence = *sequence;
  const auto where = appender_.append(header, content);
  if (!where) {
    tier_.ledger.give_up();
    return fail(where.error(), "cannot be written to");
  }
  tier_.ledger.end(header.sequence, object.key(), head, [&] {
    if (object.is_doomed()) return;
    tier_.recency.pass(header.size());
    tier_.index.put(header.hash, header.variant, *where, tier_.recency.now());
  });
  tier_.stored.fetch_add(1, std::memory_order_relaxed);
  tier_.stored_bytes.fetch_add(header.size(), std::memory_order_relaxed);
}

bool Log::open_segment_for(std::uint64_t record) {
  if (appender_.has_room(record)) return true;
  appender_.seal();
  if (const auto begun = appender_.begin(folder_); !begun) {
    fail(begun.error(), "cannot be written to");
    return false;
  }
  if (!make_room()) return false;
  // Larger than a segment: its own tier would be needed.
  return appender_.has_room(record);
}

// --- the journal ---

void Log::write_entry(Item& item) {
  tier_.ledger.settle(item.entry);
  append(unwritten_, item.entry);
  bool is_written = write_journal();
  // A person who purges wants it gone whatever happens to the machine.
  if (is_written && item.written) is_written = ::fdatasync(journal_) == 0;
  if (item.written) item.written(item.entry, is_written);
}

// False: it stays to be written.
bool Log::write_journal() {
  if (unwritten_.empty()) return true;
  if (journal_ < 0) journal_ = folder_.open_journal();
  int error = journal_ < 0 ? errno : 0;
  for (std::string_view rest = unwritten_; error == 0 && !rest.empty();) {
    const ssize_t n = ::write(journal_, rest.data(), rest.size());
    if (n > 0) rest.remove_prefix(static_cast<std::size_t>(n));
    if (n < 0 && errno != EINTR) error = errno;
  }
  if (error == 0) {
    journal_size_ += unwritten_.size();
    unwritten_.clear();
    return true;
  }
  // Half an entry would hide those behind it.
  if (journal_ >= 0 && ::ftruncate(journal_, static_cast<off_t>(journal_size_)) != 0) {
    ::close(std::exchange(journal_, -1));
  }
  if (!failing_) fail(error, "its journal cannot be written");
  return false;
}

// Entries that no record on disk is older than have done their work.
void Log::compact_journal() {
  const auto text = folder_.read(kJournalName, kMostJournal);
  if (!text || text->size() == kMostJournal) return;
  std::uint64_t oldest = UINT64_MAX;
  for (const auto& segment : tier_.segments.all()) {
    if (segment->first_sequence() != 0) oldest = std::min(oldest, segment->first_sequence());
  }
  std::string kept;
  std::string_view rest = *text;
  for (JournalEntry entry; disk::take(rest, entry) == Damage::None;) {
    if (entry.sequence > oldest) append(kept, entry);
  }
  compacted_size_ = kept.size();
  if (kept.size() == text->size()) return;
  if (!folder_.replace(kJournalName, kept)) return;
  if (journal_ >= 0) ::close(std::exchange(journal_, -1));
  journal_size_ = kept.size();
}

// --- a disk that fails ---

void Log::fail(int error, const char* what) {
  if (!folder_.is_there()) return start_anew();
  tier_.errors.count(is_full(error) ? ErrorKind::Full : ErrorKind::Write);
  appender_.drop();
  try_at_ = Clock::now() + pause_;
  if (std::exchange(failing_, true)) return;
  is_refusing_ = true;
  tier_.state = State::Failing;
  tier_.options.say("cache.disk: " + tier_.options.path + ": " + what + ": " + std::strerror(error) +
                    "; nothing is stored there until it can be");
}

void Log::try_again() {
  pause_ = std::min(pause_ * 2, kLongestPause);
  try_at_ = Clock::now() + pause_;
  if (folder_.room() < segment_size_) {
    // Keep what fits: another user of the disk has taken the rest.
    const std::uint64_t bytes = tier_.segments.bytes();
    if (bytes < 4 * segment_size_) return;
    limit_ = bytes - segment_size_;
    const Eviction eviction(limit_, segment_size_);
    while (eviction.is_due(tier_.segments.bytes()) && reclaim_one(eviction)) {
    }
  }
  if (!write_journal() || !appender_.begin(folder_)) return;
  failing_ = false;
  is_refusing_ = false;
  pause_ = std::chrono::seconds(1);
  tier_.state = limit_ < tier_.options.size ? State::Limited : State::Ok;
  tier_.options.say("cache.disk: " + tier_.options.path + ": stores again");
}

void Log::start_anew() {
  tier_.index.clear();
  tier_.segments.clear();
  appender_.drop();
  unwritten_.clear();  // nothing is left that they could mean
  journal_size_ = 0;
  if (journal_ >= 0) ::close(std::exchange(journal_, -1));
  if (!failing_) tier_.errors.count(ErrorKind::Missing);
  std::string note;
  auto made = Folder::open(tier_.options.path, folder_.seed(), note);
  // Another may have taken its place: what is in that one is not known here.
  if (!made || !made->empty(folder_.seed())) {
    if (std::exchange(failing_, true)) return;
    is_refusing_ = true;
    tier_.state = State::Failing;
    tier_.options.say("cache.disk: the folder is gone and cannot be made again: " +
                      (made ? tier_.options.path + ": " + std::strerror(errno) : made.error().text));
    return;
  }
  folder_ = std::move(*made);
  failing_ = false;
  is_refusing_ = false;
  tier_.state = State::Ok;
  tier_.options.say("cache.disk: " + tier_.options.path + ": the folder was gone: made again, empty");
}

}  // namespace larder::store::disk
