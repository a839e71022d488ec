#include "cache/store/disk/disk.h"

#include <algorithm>
#include <utility>

#include "cache/store/disk/eviction.h"
#include "cache/store/disk/head_codec.h"

namespace larder::store {

tl::expected<std::unique_ptr<Disk>, disk::FolderError> Disk::open(disk::Options options, std::uint64_t seed) {
  std::string note;
  auto folder = disk::Folder::open(options.path, seed, note);
  if (!folder) return tl::unexpected(std::move(folder.error()));
  if (!note.empty()) options.say("cache.disk: " + note);
  if (options.segment_size == 0) options.segment_size = disk::Eviction::segment_size(options.size);
  return std::unique_ptr<Disk>(new Disk(std::move(options), std::move(*folder)));
}

Disk::Disk(disk::Options options, disk::Folder folder)
    : seed_(folder.seed()), tier_(std::move(options)), sweeper_(std::make_shared<disk::Sweeper>(tier_)) {
  tier_.ledger.begin_loading({});  // what is invalidated from now on is older than nothing there
  log_ = std::make_unique<disk::Log>(tier_, std::move(folder), [this] { sweep_loaded(); });
}

Disk::~Disk() {
  sweeper_->stop();
}

// Every use of a record is checked against the bans that the journal has kept; few cost less than reading all there is.
void Disk::sweep_loaded() {
  constexpr std::size_t kFew = 16;
  auto bans = tier_.ledger.bans();
  if (bans.size() > kFew) sweeper_->remove(std::move(bans), [](std::uint64_t) {});
}

bool Disk::has(std::uint64_t hash, std::string_view vary) const {
  return tier_.index.has(hash, disk::variant_of(vary));
}

std::unique_ptr<disk::Search> Disk::search(Budget& budget, std::string key, std::uint64_t hash, WakerPtr waker) {
  return std::make_unique<disk::Search>(tier_, budget, std::move(key), hash, std::move(waker));
}

bool Disk::touch(std::uint64_t hash, const disk::Location& where, std::uint64_t bytes) {
  tier_.recency.pass(bytes);
  return tier_.index.touch(hash, where);
}

void Disk::touch_variant(std::uint64_t hash, std::string_view vary) {
  tier_.index.touch(hash, disk::variant_of(vary));
}

bool Disk::is_worth_memory(disk::Epoch used) const {
  // It would have stayed in a memory of a few times the size: then it is likely to be asked for again.
  constexpr std::uint64_t kReach = 4;
  return !disk::Recency::is_older(used, tier_.recency.ago(kReach * tier_.options.memory));
}

std::uint64_t Disk::largest() const {
  return tier_.options.segment_size / 2;
}

void Disk::store(const Ref<Object>& object) {
  if (object->size() > largest()) return;
  log_->store(object);
}

void Disk::forget(std::uint64_t hash) {
  log_->doom_waiting(hash);
  const auto forgotten = tier_.ledger.forget(hash);
  std::vector<disk::Location> removed;
  tier_.index.remove_all(hash, removed);
  if (removed.empty() && !forgotten.was_in_flight) return;
  log_->write_down({disk::JournalEntry::Kind::Forget, forgotten.sequence, hash, {}}, nullptr);
}

void Disk::purge(std::uint64_t hash, Told told) {
  log_->doom_waiting(hash);
  const auto forgotten = tier_.ledger.forget(hash);
  std::vector<disk::Location> removed;
  tier_.index.remove_all(hash, removed);
  log_->write_down({disk::JournalEntry::Kind::Forget, forgotten.sequence, hash, {}},
                   [count = removed.size(), told = std::move(told)](const disk::JournalEntry&, bool is_written) {
                     told({count, is_written, true});
                   });
}

void Disk::purge_all(disk::JournalEntry entry, Told told) {
  for (const auto& object : log_->waiting()) {
    if (disk::is_meant(entry, object->key(), *object->head())) object->doom();
  }
  tier_.ledger.ban(entry);
  // Not before: a record that was begun earlier must have met the ban.
  log_->write_down(std::move(entry), [this, told = std::move(told)](const disk::JournalEntry& ban, bool is_written) {
    told({0, is_written, false});
    sweeper_->remove({ban}, [told, is_written](std::uint64_t count) { told({count, is_written, true}); });
  });
}

Disk::Stats Disk::stats() const {
  Stats stats;
  stats.state = tier_.state;
  stats.objects = tier_.index.size();
  stats.bytes = tier_.segments.bytes();
  stats.capacity = tier_.options.size;
  stats.evictions = tier_.evictions;
  stats.stored = tier_.stored;
  stats.stored_bytes = tier_.stored_bytes;
  stats.carried_bytes = tier_.carried_bytes;
  stats.skipped = tier_.skipped;
  stats.index_memory = tier_.index.memory();
  for (std::size_t i = 0; i < disk::kErrorKinds; ++i) {
    stats.errors[i] = tier_.errors.of(static_cast<disk::ErrorKind>(i));
  }
  return stats;
}

}  // namespace larder::store
