// What goes over all that is in memory, for the operator: purging and listing. In slices, so that no shard is locked
// for long.
#include <utility>

#include "cache/store/disk/disk.h"
#include "cache/store/disk/ledger.h"
#include "cache/store/store.h"

namespace larder::store {
namespace {

constexpr std::size_t kSlice = 256;           // objects
constexpr std::size_t kMostLooked = 100'000;  // for one page

}  // namespace

bool Store::take_slice(Shard& shard, std::size_t& bucket, std::vector<Ref<Object>>& out) {
  const std::size_t had = out.size();
  const std::lock_guard lock(shard.mutex);
  // When there are twice as many buckets since the last slice, what was in those passed is here again: no harm.
  if (bucket >= shard.buckets.size()) return false;
  for (; bucket < shard.buckets.size() && out.size() < had + kSlice; ++bucket) {
    for (Object* object = shard.buckets[bucket]; object != nullptr; object = object->hash_next_) {
      out.emplace_back(object);
    }
  }
  return true;
}

// --- purging ---

std::size_t Store::doom_flights(Shard& shard, const disk::JournalEntry& what) {
  std::vector<Ref<Object>> flights;
  {
    const std::lock_guard lock(shard.mutex);
    flights.reserve(shard.flights.size());
    for (const auto& [hash, flight] : shard.flights) flights.push_back(flight);
  }
  std::erase_if(
      flights, [&what](const Ref<Object>& flight) { return !disk::may_be_meant(what, flight->key(), flight->head()); });
  const std::lock_guard lock(shard.mutex);
  for (const auto& flight : flights) {
    flight->doom();
    drop_flight(shard, *flight);
  }
  return flights.size();
}

// The flights of a shard first: one that ends meanwhile is then among its objects.
std::size_t Store::drop_meant(const disk::JournalEntry& what) {
  std::size_t dropped = 0;
  for (Shard& shard : shards_) {
    dropped += doom_flights(shard, what);
    std::vector<Ref<Object>> slice;
    for (std::size_t bucket = 0; take_slice(shard, bucket, slice); slice.clear()) {
      for (const auto& object : slice) {
        if (!disk::is_meant(what, object->key_, *object->head_)) continue;
        object->doom();  // also where it has been evicted since, and waits to be written to disk
        if (drop(*object)) ++dropped;
      }
    }
  }
  return dropped;
}

std::size_t Store::purge(std::string_view key, std::uint64_t hash, const Told& told) {
  std::size_t dropped = drop_from_memory(key, hash);
  if (disk_ == nullptr) {
    told({0, true, true});
    return dropped;
  }
  disk_->purge(hash, told);
  return dropped + drop_from_memory(key, hash);
}

std::size_t Store::purge_all(const disk::JournalEntry& what, const Told& told) {
  std::size_t dropped = drop_meant(what);
  if (disk_ == nullptr) {
    told({0, true, true});
    return dropped;
  }
  disk_->purge_all(what, told);
  return dropped + drop_meant(what);  // what was just being read from disk
}

// --- listing ---

std::optional<Place> Store::list_memory(const Query& query, std::vector<Listed>& out) {
  std::size_t looked = 0;
  Place place = query.from;
  for (; place.group < kShards; ++place.group, place.at = 0, place.passed = 0) {
    Shard& shard = shards_[place.group];
    std::vector<Ref<Object>> slice;
    std::size_t next = place.at;
    for (; take_slice(shard, next, slice); slice.clear(), place.at = next, place.passed = 0) {
      for (std::size_t i = place.passed; i < slice.size(); ++i) {
        // A slice begins at a bucket, so a place in it is found again by counting.
        if (out.size() == query.most || ++looked > kMostLooked) return Place{false, place.group, place.at, i};
        const Object& object = *slice[i];
        if (!query.is_asked_for(object.key_, *object.head_)) continue;
        const Parts* parts = object.parts();
        const bool on_disk = disk_ != nullptr && parts == nullptr && disk_->has(object.hash_, object.head_->vary);
        out.push_back({object.key_, object.head_, parts != nullptr ? parts->size() : object.size(), parts != nullptr,
                       true, on_disk});
      }
    }
  }
  return std::nullopt;
}

bool Store::is_in_memory(const Listed& listed) {
  const std::uint64_t of_key = hash(listed.key);
  Shard& shard = shard_of(of_key);
  const std::lock_guard lock(shard.mutex);
  Object* object = shard.buckets[bucket_of(shard, of_key)];
  for (; object != nullptr; object = object->hash_next_) {
    if (object->hash_ == of_key && object->key_ == listed.key && object->head_->vary == listed.head->vary) return true;
  }
  return false;
}

void Store::list(const Query& query, std::function<void(Listing)> done) {
  Listing listing;
  const bool has_memory = query.tier != Query::Tier::Disk && !query.from.is_on_disk;
  const bool has_disk = query.tier != Query::Tier::Memory && disk_ != nullptr;
  if (has_memory) listing.next = list_memory(query, listing.objects);
  if (listing.next || !has_disk) return done(std::move(listing));
  Query rest = query;
  if (has_memory || !query.from.is_on_disk) rest.from = Place{true, 0, 0, 0};
  if (listing.objects.size() == query.most) {
    listing.next = rest.from;
    return done(std::move(listing));
  }
  rest.most -= listing.objects.size();
  disk_->list(std::move(rest),
              [this, tier = query.tier, first = std::move(listing.objects), done = std::move(done)](Listing found) {
                Listing all{first, found.next};
                for (Listed& one : found.objects) {
                  one.in_memory = is_in_memory(one);
                  if (one.in_memory && tier == Query::Tier::Any) continue;  // was shown with what is in memory
                  all.objects.push_back(std::move(one));
                }
                done(std::move(all));
              });
}

}  // namespace larder::store
