#include "cache/store/store.h"

#include <xxhash.h>

#include <random>

#include "cache/policy/reuse.h"
#include "cache/policy/vary.h"
#include "cache/store/disk/disk.h"

namespace larder::store {
namespace {

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

constexpr std::size_t kFirstBuckets = 64;

}  // namespace

Store::Store(std::uint64_t capacity, Disk* disk)
    : capacity_(capacity), disk_(disk), seed_(disk != nullptr ? disk->seed() : random_seed()) {
  for (Shard& shard : shards_) shard.buckets.resize(kFirstBuckets, nullptr);
}

Store::~Store() {
  for (Shard& shard : shards_) {
    for (Object* object : shard.buckets) {
      while (object != nullptr) {
        Object* next = object->hash_next_;
        object->drop_owner();
        object = next;
      }
    }
  }
}

std::uint64_t Store::hash(std::string_view key) const {
  return XXH3_64bits_withSeed(key.data(), key.size(), seed_);
}

void Store::unlink_lru(Shard& shard, Object& object) {
  (object.lru_newer_ != nullptr ? object.lru_newer_->lru_older_ : shard.newest) = object.lru_older_;
  (object.lru_older_ != nullptr ? object.lru_older_->lru_newer_ : shard.oldest) = object.lru_newer_;
  object.lru_newer_ = nullptr;
  object.lru_older_ = nullptr;
  shard.oldest_tick.store(shard.oldest != nullptr ? shard.oldest->touched_ : UINT64_MAX, std::memory_order_relaxed);
}

void Store::link_newest(Shard& shard, Object& object, Tick now) {
  object.touched_ = now;
  object.lru_older_ = shard.newest;
  (shard.newest != nullptr ? shard.newest->lru_newer_ : shard.oldest) = &object;
  shard.newest = &object;
  shard.oldest_tick.store(shard.oldest->touched_, std::memory_order_relaxed);
}

void Store::grow(Shard& shard) {
  std::vector<Object*> old(shard.buckets.size() * 2, nullptr);
  old.swap(shard.buckets);
  for (Object* object : old) {
    // Variants of a key stay in their order, newest first: append to the new chains.
    while (object != nullptr) {
      Object* next = object->hash_next_;
      object->hash_next_ = nullptr;
      Object** end = &shard.buckets[bucket_of(shard, object->hash_)];
      while (*end != nullptr) end = &(*end)->hash_next_;
      *end = object;
      object = next;
    }
  }
}

void Store::insert(Shard& shard, Object& object, Tick now) {
  if (shard.size >= shard.buckets.size()) grow(shard);
  Object*& bucket = shard.buckets[bucket_of(shard, object.hash_)];
  object.add_owner();
  object.hash_next_ = bucket;
  bucket = &object;
  ++shard.size;
  link_newest(shard, object, now);
  objects_.fetch_add(1, std::memory_order_relaxed);
}

Ref<Object> Store::take_out(Shard& shard, Object& object) {
  Object** at = &shard.buckets[bucket_of(shard, object.hash_)];
  while (*at != &object) at = &(*at)->hash_next_;
  *at = object.hash_next_;
  object.hash_next_ = nullptr;
  --shard.size;
  unlink_lru(shard, object);
  objects_.fetch_sub(1, std::memory_order_relaxed);
  Ref<Object> taken(&object);
  object.drop_owner();  // the index's count; `taken` holds another
  return taken;
}

Object* Store::find(Shard& shard, std::string_view key, std::uint64_t hash, http::FieldSpan request,
                    bool& other_variants) {
  Object* found = nullptr;
  for (Object* object = shard.buckets[bucket_of(shard, hash)]; object != nullptr; object = object->hash_next_) {
    if (object->hash_ != hash || object->key_ != key) continue;
    const Head& head = *object->head_;
    if (found != nullptr && !policy::is_preferred({head.meta, head.vary}, {found->head_->meta, found->head_->vary})) {
      continue;  // the chain has what was received last first
    }
    if (policy::vary_matches(head.vary, request)) {
      found = object;
    } else {
      other_variants = true;
    }
  }
  return found;
}

Store::Found Store::lookup(std::string_view key, std::uint64_t hash, http::FieldSpan request, Tick now) {
  Shard& shard = shard_of(hash);
  Found found;
  std::unique_lock lock(shard.mutex);
  Object* object = find(shard, key, hash, request, found.other_variants);
  if (object == nullptr) return found;
  if (shard.newest != object) {
    unlink_lru(shard, *object);
    link_newest(shard, *object, now);
  }
  object->touched_ = now;
  if (shard.oldest == object) shard.oldest_tick.store(now, std::memory_order_relaxed);
  found.object = Ref<Object>(object);
  // What memory answers all the time would else be the first to go from disk.
  if (disk_ != nullptr && object->told_disk_ != disk_->clock()) {
    object->told_disk_ = disk_->clock();
    lock.unlock();
    disk_->touch_variant(hash, object->head_->vary);
  }
  return found;
}

bool Store::may_be_on_disk(std::uint64_t hash) const {
  return disk_ != nullptr && disk_->may_have(hash);
}

std::unique_ptr<disk::Search> Store::search_disk(std::string key, std::uint64_t hash, WakerPtr waker) {
  return disk_->search(budget_, std::move(key), hash, std::move(waker));
}

void Store::use_from_disk(const Ref<Object>& object, const disk::Search& search, Tick now) {
  const bool is_worth = object->body()->source == nullptr && disk_->is_worth_memory(search.used());
  const bool is_there = disk_->touch(object->hash_, search.where(), object->size());
  if (!is_worth || !is_there) {
    make_room(0);  // for as long as it is read
    return;
  }
  Shard& shard = shard_of(object->hash_);
  const std::uint64_t cost = charge(*object);
  {
    const std::lock_guard lock(shard.mutex);
    if (cost <= capacity_ && find_same(shard, *object) == nullptr) insert(shard, *object, now);
  }
  // An invalidation in between has looked for it in memory before it was there: it goes through memory again after the
  // disk, so one of the two sees the other.
  if (!disk_->is_there(object->hash_, search.where()) || disk_->is_banned(search, *object)) drop(*object);
  make_room(0);
}

void Store::put_on_disk(const Ref<Object>& object) {
  if (disk_ != nullptr && object->parts() == nullptr) disk_->store(object);
}

std::vector<Ref<Object>> Store::variants(std::string_view key, std::uint64_t hash, std::size_t most) {
  std::vector<Ref<Object>> found;
  Shard& shard = shard_of(hash);
  const std::lock_guard lock(shard.mutex);
  Object* object = shard.buckets[bucket_of(shard, hash)];
  for (; object != nullptr && found.size() < most; object = object->hash_next_) {
    if (object->hash_ == hash && object->key_ == key) found.emplace_back(object);
  }
  return found;
}

Ref<Object> Store::peek(std::string_view key, std::uint64_t hash, http::FieldSpan request) {
  Shard& shard = shard_of(hash);
  bool other_variants = false;
  const std::lock_guard lock(shard.mutex);
  return Ref<Object>(find(shard, key, hash, request, other_variants));
}

Ref<Object> Store::join_or_lead(const Ref<Object>& mine, http::FieldSpan request) {
  Shard& shard = shard_of(mine->hash_);
  const std::lock_guard lock(shard.mutex);
  const auto [begin, end] = shard.flights.equal_range(mine->hash_);
  Ref<Object> unknown;
  for (auto it = begin; it != end; ++it) {
    Object& flight = *it->second;
    if (flight.key_ != mine->key_ || !flight.is_joinable() || flight.is_doomed()) continue;
    const Head* head = flight.head();
    if (head == nullptr) {
      unknown = it->second;  // it may turn out to fit: one whose head is known to is better
    } else if (head->shareable && policy::vary_matches(head->vary, request)) {
      return it->second;
    }
  }
  if (unknown) return unknown;
  shard.flights.emplace(mine->hash_, mine);
  return mine;
}

void Store::lead(const Ref<Object>& mine) {
  mine->keep_to_oneself();
  Shard& shard = shard_of(mine->hash_);
  const std::lock_guard lock(shard.mutex);
  shard.flights.emplace(mine->hash_, mine);
}

void Store::drop_flight(Shard& shard, const Object& object) {
  const auto [begin, end] = shard.flights.equal_range(object.hash_);
  for (auto it = begin; it != end; ++it) {
    if (it->second.get() != &object) continue;
    shard.flights.erase(it);
    return;
  }
}

void Store::leave(const Object& object) {
  Shard& shard = shard_of(object.hash_);
  const std::lock_guard lock(shard.mutex);
  drop_flight(shard, object);
}

void Store::replace_variants(Shard& shard, const Object& object, std::vector<Ref<Object>>& dropped) {
  std::size_t variants = 0;
  Object* next = nullptr;
  for (Object* other = shard.buckets[bucket_of(shard, object.hash_)]; other != nullptr; other = next) {
    next = other->hash_next_;
    if (other->hash_ != object.hash_ || other->key_ != object.key_) continue;
    if (other->head_->vary == object.head_->vary || ++variants >= kMostVariants) {
      other->doom();  // should it still wait to be written to disk
      dropped.push_back(take_out(shard, *other));
    }
  }
}

Object* Store::find_same(Shard& shard, const Object& object) {
  Object* stored = shard.buckets[bucket_of(shard, object.hash_)];
  while (stored != nullptr &&
         (stored->hash_ != object.hash_ || stored->key_ != object.key_ || stored->head_->vary != object.head_->vary)) {
    stored = stored->hash_next_;
  }
  return stored;
}

bool Store::commit(const Ref<Object>& object, Tick now) {
  Shard& shard = shard_of(object->hash_);
  std::vector<Ref<Object>> dropped;
  bool indexed = false;
  const std::uint64_t cost = charge(*object);
  {
    const std::lock_guard lock(shard.mutex);
    drop_flight(shard, *object);
    const Object* stored = find_same(shard, *object);
    const bool is_late = stored != nullptr && policy::is_overtaken(object->head_->meta, stored->head_->meta);
    if (!object->is_doomed() && cost <= capacity_ && !is_late) {
      replace_variants(shard, *object, dropped);
      insert(shard, *object, now);
      put_on_disk(object);  // before an invalidation can come and find it neither here nor there
      indexed = true;
    }
  }
  dropped.clear();  // what is replaced must not cost another its place
  make_room(0);
  return indexed;
}

bool Store::commit_over(const Ref<Object>& object, const Object* base, const Object& flight, Tick now) {
  Shard& shard = shard_of(object->hash_);
  std::vector<Ref<Object>> dropped;
  const std::uint64_t cost = charge(*object);
  {
    const std::lock_guard lock(shard.mutex);
    if (find_same(shard, *object) != base) return false;
    drop_flight(shard, flight);
    if (!flight.is_doomed() && cost <= capacity_) {
      replace_variants(shard, *object, dropped);
      // A body that is on disk is found there: in memory it would hold on to a file that has to go.
      if (!object->body_->source) insert(shard, *object, now);
      put_on_disk(object);
    }
  }
  dropped.clear();
  make_room(0);
  return true;
}

bool Store::commit_renewed(const Ref<Object>& object, const Object& base, Tick now) {
  if (commit_over(object, &base, *object, now)) return true;
  if (commit_over(object, nullptr, *object, now)) return true;  // it was evicted meanwhile
  leave(*object);
  return false;
}

std::uint64_t Store::charge(Object& object) {
  const std::uint64_t cost =
      sizeof(Object) + object.key_.capacity() + object.head_->footprint() + object.content_overhead();
  object.charge_to(*this, cost);
  return cost;
}

bool Store::is_known_unshareable(std::uint64_t hash) {
  Shard& shard = shard_of(hash);
  const std::lock_guard lock(shard.mutex);
  return shard.unshareable[hash % kHints] == hash;
}

void Store::remember_unshareable(std::uint64_t hash, bool unshareable) {
  Shard& shard = shard_of(hash);
  const std::lock_guard lock(shard.mutex);
  std::uint64_t& hint = shard.unshareable[hash % kHints];
  if (unshareable) {
    hint = hash;
  } else if (hint == hash) {
    hint = 0;
  }
}

std::size_t Store::drop_from_memory(std::string_view key, std::uint64_t hash) {
  Shard& shard = shard_of(hash);
  std::vector<Ref<Object>> dropped;
  const std::lock_guard lock(shard.mutex);
  Object* next = nullptr;
  for (Object* object = shard.buckets[bucket_of(shard, hash)]; object != nullptr; object = next) {
    next = object->hash_next_;
    if (object->hash_ != hash || object->key_ != key) continue;
    object->doom();
    dropped.push_back(take_out(shard, *object));
  }
  const auto [begin, end] = shard.flights.equal_range(hash);
  for (auto it = begin; it != end;) {
    if (it->second->key_ == key) {
      it->second->doom();
      dropped.push_back(it->second);
      it = shard.flights.erase(it);
    } else {
      ++it;
    }
  }
  return dropped.size();
}

std::size_t Store::invalidate(std::string_view key, std::uint64_t hash) {
  std::size_t dropped = drop_from_memory(key, hash);
  if (disk_ == nullptr) return dropped;
  disk_->forget(hash);
  return dropped + drop_from_memory(key, hash);  // what was just being read from disk
}

void Store::remove(const Object& object) {
  drop(object);
  if (disk_ == nullptr) return;
  disk_->forget(object.hash_);
  drop(object);
}

bool Store::drop(const Object& object) {
  Shard& shard = shard_of(object.hash_);
  Ref<Object> dropped;
  const std::lock_guard lock(shard.mutex);
  for (Object* other = shard.buckets[bucket_of(shard, object.hash_)]; other != nullptr; other = other->hash_next_) {
    if (other != &object) continue;
    other->doom();
    dropped = take_out(shard, *other);
    return true;
  }
  return false;
}

bool Store::reserve(std::uint64_t bytes) {
  if (reserved_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= capacity_ / 2 && make_room(bytes)) return true;
  release(bytes);
  return false;
}

void Store::release(std::uint64_t bytes) {
  reserved_.fetch_sub(bytes, std::memory_order_relaxed);
}

bool Store::make_room(std::uint64_t more) {
  while (budget_.used() + more > capacity_) {
    // The shard whose least recently used object is the oldest of all: so the shards together behave as one LRU.
    Shard* where = nullptr;
    Tick oldest = UINT64_MAX;
    for (Shard& shard : shards_) {
      const Tick tick = shard.oldest_tick.load(std::memory_order_relaxed);
      if (tick < oldest) {
        oldest = tick;
        where = &shard;
      }
    }
    if (where == nullptr) return false;
    Ref<Object> evicted;
    const std::lock_guard lock(where->mutex);
    if (where->oldest == nullptr) continue;
    evicted = take_out(*where, *where->oldest);
    evictions_.fetch_add(1, std::memory_order_relaxed);
  }
  return true;
}

Store::Stats Store::stats() const {
  return {objects_.load(std::memory_order_relaxed), budget_.used(), evictions_.load(std::memory_order_relaxed),
          capacity_};
}

}  // namespace larder::store
