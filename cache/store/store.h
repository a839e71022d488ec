// What is kept, in two tiers behind one door: what is stored goes to disk (where there is one) as well as to memory,
// and what memory evicts stays there. In memory: an index of Complete objects with LRU eviction by bytes, and the
// flights (objects being filled) that other requests may join. Shared by all workers: sharded by key hash, one short
// mutex per shard; no lock is held across a system call, a callback or a destructor of an Object.
//
// Lock order: a shard's mutex is a leaf but for the disk's queue. An Object's mutex may be held when
// reserve()/release() is called.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cache/http/fields.h"
#include "cache/store/listing.h"
#include "cache/store/object.h"

namespace larder::store {

class Disk;
namespace disk {
class Search;
}

// Steady milliseconds, for the LRU's order.
using Tick = std::uint64_t;

class Store {
 public:
  // `capacity` in bytes; 0: nothing is ever kept in memory. `disk`: the tier behind it, null for none. It
  // must have ended its work before the store goes.
  explicit Store(std::uint64_t capacity, Disk* disk = nullptr);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Seeded at start-up, so that no client can aim for one shard or bucket.
  [[nodiscard]] std::uint64_t hash(std::string_view key) const;

  struct Found {
    Ref<Object> object;           // Complete, and selected by Vary; null when there is none
    bool other_variants = false;  // the URI is known, but no stored response has this request's selecting fields
  };
  // Of the variants that match the one that policy::is_preferred; makes it the most recently used.
  Found lookup(std::string_view key, std::uint64_t hash, http::FieldSpan request, Tick now);

  // --- the disk, when memory has nothing ---
  [[nodiscard]] bool may_be_on_disk(std::uint64_t hash) const;
  std::unique_ptr<disk::Search> search_disk(std::string key, std::uint64_t hash, WakerPtr waker);
  // `object`, which the search gave last, is used: it is kept there longer, and in memory where that is worth while.
  void use_from_disk(const Ref<Object>& object, const disk::Search& search, Tick now);
  [[nodiscard]] const Disk* disk() const { return disk_; }

  // Variants of a URI in memory, the newest first, at most `most`; whatever their Vary.
  std::vector<Ref<Object>> variants(std::string_view key, std::uint64_t hash, std::size_t most);
  // The same object without making it more recently used; null when there is none.
  Ref<Object> peek(std::string_view key, std::uint64_t hash, http::FieldSpan request);

  // A flight for this request that may be joined (its head unknown yet, or shareable and selected by Vary); otherwise
  // `mine` becomes a flight and is returned.
  Ref<Object> join_or_lead(const Ref<Object>& mine, http::FieldSpan request);
  // `mine` becomes a flight that nobody joins, so that an invalidation meanwhile reaches it.
  void lead(const Ref<Object>& mine);
  // The flight is over: failed, not shareable, or not kept after all. Harmless for others.
  void leave(const Object& object);
  // A Complete, kept, shareable object replaces the stored one of the same key and Vary selection; ends the flight.
  // Not done for a doomed one. False when it was not indexed.
  bool commit(const Ref<Object>& object, Tick now);
  // The same for an object that was made of `base` (null: of nothing stored) and of what `flight` brought: only while
  // `base` is still what is stored there, and unless `flight` was doomed. Ends the flight only when it is done.
  bool commit_over(const Ref<Object>& object, const Object* base, const Object& flight, Tick now);

  // `object` is `base` renewed by a 304. Not done when something newer has taken its place meanwhile; ends the flight.
  bool commit_renewed(const Ref<Object>& object, const Object& base, Tick now);

  // Responses of this key were not shareable lately: do not make requests wait for each other.
  [[nodiscard]] bool is_known_unshareable(std::uint64_t hash);
  void remember_unshareable(std::uint64_t hash, bool unshareable);

  // Removes all variants and dooms the flights of the key. How many were removed.
  std::size_t invalidate(std::string_view key, std::uint64_t hash);
  // The same for the operator, who is `told` once it is over and durable: from any thread, perhaps before this returns;
  // not when the disk tier goes before that. How many were removed from memory, flights included.
  using Told = std::function<void(const Purged&)>;
  std::size_t purge(std::string_view key, std::uint64_t hash, const Told& told);
  // The same for all that `what` means (its kind is not Forget, its sequence is not used). Walks all of memory. `told`
  // may be called twice: when it is durable, and when it is over.
  std::size_t purge_all(const disk::JournalEntry& what, const Told& told);
  // What is stored, a page at a time. `done`: from any thread, perhaps before this returns; not when the disk tier goes
  // before that.
  void list(const Query& query, std::function<void(Listing)> done);
  // Removes that very object, if it is still indexed; from disk with all its variants.
  void remove(const Object& object);

  // Makes room for the next bytes of a body being filled, which the caller then charges by making the chunk. False: no
  // room may be made. Fills may hold half the capacity: release() gives that share back, and the bytes stay charged.
  bool reserve(std::uint64_t bytes);
  void release(std::uint64_t bytes);
  [[nodiscard]] Budget& budget() { return budget_; }
  // The largest body that may be kept.
  [[nodiscard]] std::uint64_t largest() const { return capacity_ / 2; }

  struct Stats {
    std::uint64_t objects = 0;  // indexed
    std::uint64_t bytes = 0;    // of all objects there are: indexed, filling, or evicted and still read
    std::uint64_t evictions = 0;
    std::uint64_t capacity = 0;
  };
  [[nodiscard]] Stats stats() const;

 private:
  static constexpr std::size_t kShards = 32;
  static constexpr std::size_t kHints = 512;
  static constexpr std::size_t kMostVariants = 256;  // of one URI: each look-up may have to try them all

  struct Shard {
    std::mutex mutex;
    std::vector<Object*> buckets;  // owned: one count each
    std::size_t size = 0;
    Object* newest = nullptr;
    Object* oldest = nullptr;
    std::unordered_multimap<std::uint64_t, Ref<Object>> flights;
    std::array<std::uint64_t, kHints> unshareable{};
    std::atomic<Tick> oldest_tick{UINT64_MAX};  // read without the lock to choose where to evict
  };

  Shard& shard_of(std::uint64_t hash) { return shards_[hash >> 59]; }
  static std::size_t bucket_of(const Shard& shard, std::uint64_t hash) { return hash & (shard.buckets.size() - 1); }
  static Object* find_same(Shard& shard, const Object& object);  // of the same key and selection; null: none
  static void unlink_lru(Shard& shard, Object& object);
  static void link_newest(Shard& shard, Object& object, Tick now);
  static void grow(Shard& shard);
  void insert(Shard& shard, Object& object, Tick now);
  // Takes it out of the shard; the caller drops the returned count after unlocking.
  Ref<Object> take_out(Shard& shard, Object& object);
  void drop_flight(Shard& shard, const Object& object);
  static Object* find(Shard& shard, std::string_view key, std::uint64_t hash, http::FieldSpan request,
                      bool& other_variants);
  // Removes `same variant` objects of the key and the oldest variants past kMostVariants.
  void replace_variants(Shard& shard, const Object& object, std::vector<Ref<Object>>& dropped);
  std::uint64_t charge(Object& object);  // with all that it costs beside its chunks, which is returned
  // Evicts until all and `more` fit under the capacity; false when there is nothing left to evict.
  bool make_room(std::uint64_t more);

  bool drop(const Object& object);  // from memory; false: it is not there
  std::size_t drop_from_memory(std::string_view key, std::uint64_t hash);
  // purge.cc
  // Appends what is in some of the shard's buckets from `bucket` on, which is moved behind them; false: it was there.
  static bool take_slice(Shard& shard, std::size_t& bucket, std::vector<Ref<Object>>& out);
  std::size_t drop_meant(const disk::JournalEntry& what);
  std::size_t doom_flights(Shard& shard, const disk::JournalEntry& what);
  std::optional<Place> list_memory(const Query& query, std::vector<Listed>& out);
  bool is_in_memory(const Listed& listed);
  void put_on_disk(const Ref<Object>& object);

  Budget budget_;  // first: the objects in the shards count on it to their end
  const std::uint64_t capacity_;
  Disk* const disk_;
  const std::uint64_t seed_;
  std::array<Shard, kShards> shards_;
  std::atomic<std::uint64_t> reserved_{0};  // of fills
  std::atomic<std::uint64_t> objects_{0};
  std::atomic<std::uint64_t> evictions_{0};
};

}  // namespace larder::store
