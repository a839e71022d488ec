#include "cache/store/disk/disk.h"

#include <utility>

#include "cache/store/disk/eviction.h"

namespace larder::store {

tl::expected<std::unique_ptr<Disk>, disk::FolderError> Disk::open(disk::Options options, std::uint64_t seed) {
  std::string note;
  auto folder = disk::Folder::open(options.path, seed, note);
  if (!folder) return tl::unexpected(std::move(folder.error()));
  if (!note.empty()) options.say("cache.disk: " + note);
  if (options.segment_size == 0) options.segment_size = disk::Eviction::segment_size(options.size);
  return std::unique_ptr<Disk>(new Disk(std::move(options), std::move(*folder)));
}

Disk::Disk(disk::Options options, disk::Folder folder) : seed_(folder.seed()), tier_(std::move(options)) {
  log_ = std::make_unique<disk::Log>(tier_, std::move(folder));
}

Disk::~Disk() = default;

std::unique_ptr<disk::Search> Disk::search(Budget& budget, std::string key, std::uint64_t hash, WakerPtr waker) {
  return std::make_unique<disk::Search>(tier_, budget, std::move(key), hash, std::move(waker));
}

bool Disk::touch(std::uint64_t hash, const disk::Location& where, std::uint64_t bytes) {
  tier_.recency.pass(bytes);
  return tier_.index.touch(hash, where);
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
  const auto forgotten = tier_.ledger.forget(hash);
  std::vector<disk::Location> removed;
  tier_.index.remove_all(hash, removed);
  if (removed.empty() && !forgotten.was_in_flight) return;
  log_->write_down({disk::JournalEntry::Kind::Forget, forgotten.sequence, hash, {}}, nullptr);
}

void Disk::forget_all(disk::JournalEntry entry, std::function<void(bool)> done) {
  tier_.ledger.ban(entry);
  log_->write_down(std::move(entry), std::move(done));
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
