// The disk tier: what is stored survives the process. See FORMAT.md for its files. Any thread; nothing here waits for
// the disk but open(), the destructor, flush() and list().
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "cache/store/disk/folder.h"
#include "cache/store/disk/log.h"
#include "cache/store/disk/search.h"
#include "cache/store/disk/sweeper.h"
#include "cache/store/disk/tier.h"
#include "cache/store/listing.h"
#include "cache/store/object.h"

namespace larder::store {

class Disk {
 public:
  // Claims the folder; what is in it is loaded in the background. `seed`: for the hashes of a new one.
  static tl::expected<std::unique_ptr<Disk>, disk::FolderError> open(disk::Options options, std::uint64_t seed);
  ~Disk();
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  // Keys must be hashed with it (Store).
  [[nodiscard]] std::uint64_t seed() const { return seed_; }
  // Whether something may be there under a key of this hash.
  [[nodiscard]] bool may_have(std::uint64_t hash) const { return tier_.index.has(hash); }
  std::unique_ptr<disk::Search> search(Budget& budget, std::string key, std::uint64_t hash, WakerPtr waker);
  // What a search gave is used: it is worth to be kept. False: it is no longer there.
  bool touch(std::uint64_t hash, const disk::Location& where, std::uint64_t bytes);
  [[nodiscard]] bool is_there(std::uint64_t hash, const disk::Location& where) const {
    return tier_.index.is_at(hash, where);
  }
  // Whether something of that hash and selection by Vary is there.
  [[nodiscard]] bool has(std::uint64_t hash, std::string_view vary) const;
  // Whether what a search gave has been invalidated since.
  [[nodiscard]] bool is_banned(const disk::Search& search, const Object& object) const {
    return tier_.ledger.is_banned(search.sequence(), object.key(), *object.head());
  }
  // Stands still as long as little is stored on or read from disk.
  [[nodiscard]] disk::Epoch clock() const { return tier_.recency.now(); }
  // The same for what memory has answered; harmless when there is no such entry.
  void touch_variant(std::uint64_t hash, std::string_view vary);
  // Whether what was last used at `used` comes back so soon that memory should have it.
  [[nodiscard]] bool is_worth_memory(disk::Epoch used) const;

  // Largest record that is stored.
  [[nodiscard]] std::uint64_t largest() const;
  // To be stored, unless it is doomed before that.
  void store(const Ref<Object>& object);
  // What is stored under the hash is gone for good. The caller has doomed what is in memory before.
  void forget(std::uint64_t hash);
  // The same, and the caller is told when it is durable. `told` is called once it is over, on the writer's thread; not
  // when the Disk goes before that.
  using Told = std::function<void(const Purged&)>;
  void purge(std::uint64_t hash, Told told);
  // The same for all that the entry means (its kind is not Forget). It counts at once; `told` is called when it is on
  // disk, and when all that it means has been found there.
  void purge_all(disk::JournalEntry entry, Told told);
  // See Sweeper::list.
  void list(Query query, std::function<void(Listing)> done) { sweeper_->list(std::move(query), std::move(done)); }
  void flush() { log_->flush(); }
  // No waker is called any more: before the loops that they lead to go.
  void stop_reading() {
    sweeper_->stop();
    tier_.pool.stop();
  }

  struct Stats {
    disk::State state = disk::State::Loading;
    std::uint64_t objects = 0;
    std::uint64_t bytes = 0;  // of all files
    std::uint64_t capacity = 0;
    std::uint64_t evictions = 0;
    std::uint64_t stored = 0, stored_bytes = 0, carried_bytes = 0, skipped = 0;
    std::uint64_t index_memory = 0;
    std::array<std::uint64_t, disk::kErrorKinds> errors{};
  };
  [[nodiscard]] Stats stats() const;

 private:
  void sweep_loaded();
  Disk(disk::Options options, disk::Folder folder);

  const std::uint64_t seed_;
  disk::Tier tier_;
  const std::shared_ptr<disk::Sweeper> sweeper_;
  std::unique_ptr<disk::Log> log_;
};

}  // namespace larder::store
