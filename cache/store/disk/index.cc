#include "cache/store/disk/index.h"

#include <algorithm>
#include <mutex>

namespace larder::store::disk {
namespace {

constexpr std::uint32_t kPage = 4096;  // entries, buckets
constexpr std::uint32_t kSlots = 256;  // of segments whose list heads are made together

// --- a location in 62 bits: segment 20, offset 20, size 21, and one that says it is there ---

constexpr std::uint64_t kThere = std::uint64_t{1} << 63;
constexpr std::uint32_t kSegments = 1U << 20;
constexpr std::uint32_t kOffsets = 1U << 20;
constexpr std::uint32_t kExact = 1U << 20;
constexpr std::uint32_t kCoarse = 4096;

bool is_valid(const Location& where) {
  return where.segment < kSegments && where.offset < kOffsets;
}

std::uint64_t pack(const Location& where) {
  std::uint64_t size = where.size;
  if (size > kExact) size = kExact + (size - kExact + kCoarse - 1) / kCoarse;
  return kThere | size << 40 | std::uint64_t{where.offset % kOffsets} << 20 | where.segment % kSegments;
}

std::uint32_t segment_of(std::uint64_t packed) {
  return static_cast<std::uint32_t>(packed % kSegments);
}

std::uint64_t units_of(std::uint64_t packed) {
  const std::uint64_t size = (packed & ~kThere) >> 40;
  return size <= kExact ? size : kExact + (size - kExact) * kCoarse;
}

std::uint64_t bytes_of(std::uint64_t packed) {
  return units_of(packed) * kUnit;
}

Location unpack(std::uint64_t packed) {
  const auto size = std::min<std::uint64_t>(units_of(packed), UINT32_MAX);
  return {segment_of(packed), static_cast<std::uint32_t>(packed >> 20 & (kOffsets - 1)),
          static_cast<std::uint32_t>(size)};
}

}  // namespace

// Entries are named by numbers, from 1 on; 0 is none.
struct Index::Entry {
  std::uint64_t hash;
  std::uint64_t where;  // packed; 0: free
  std::uint32_t next;   // in the bucket's chain, or of the free ones
  std::uint32_t after;  // in the segment's list
  std::uint32_t before;
  Epoch used;
  std::uint16_t variant;
};

struct alignas(64) Index::Shard {
  static_assert(sizeof(Entry) == 32);

  struct Heads {
    std::array<std::uint32_t, kSlots> first{};
    std::array<std::uint64_t, kSlots> bytes{};
    std::uint32_t taken = 0;
  };
  using Page = std::array<Entry, kPage>;
  using Buckets = std::array<std::uint32_t, kPage>;

  std::mutex mutex;
  Recency* recency = nullptr;
  std::vector<std::unique_ptr<Page>> pages;
  std::vector<std::unique_ptr<Buckets>> buckets;
  std::vector<std::unique_ptr<Heads>> heads;  // null: no entry in any of those segments
  std::uint32_t free = 0;
  std::uint32_t fresh = 1;  // all from here on were never used
  std::uint64_t buckets_used = 0;
  std::uint64_t mask = 0;  // of a hash: the number of buckets when all that are there are split once more, less 1
  std::uint64_t size = 0;
  std::uint64_t bytes = 0;

  Shard() { reset(); }
  Entry& at(std::uint32_t n) { return (*pages[n / kPage])[n % kPage]; }
  std::uint32_t& bucket(std::uint64_t n) { return (*buckets[n / kPage])[n % kPage]; }
  std::uint32_t& bucket_of(std::uint64_t hash);
  std::uint32_t first_of(std::uint32_t segment) const;
  // The links that name the hash's entry at that place, or an entry; null: there is none.
  std::uint32_t* find(std::uint64_t hash, std::uint64_t where);
  std::uint32_t* find_variant(std::uint64_t hash, std::uint16_t variant);
  std::uint32_t* link_to(std::uint32_t n);
  // What a new entry takes the place of; null: of none.
  std::uint32_t* find_replaced(std::uint64_t hash, std::uint16_t variant);
  // Where an older entry is to be linked; null: it is not wanted.
  std::uint32_t* find_end(std::uint64_t hash, std::uint16_t variant);
  void insert(std::uint32_t* link, const Entry& entry);
  void take_out(std::uint32_t* link);
  void use(Entry& entry, Epoch epoch);
  void enlist(std::uint32_t n);
  void delist(const Entry& entry);
  void reset();

 private:
  std::uint32_t allocate();
  void add_bucket();
};

// --- a shard: chains ---

std::uint32_t& Index::Shard::bucket_of(std::uint64_t hash) {
  const std::uint64_t n = hash & mask;
  return bucket(n < buckets_used ? n : n & mask >> 1);
}

std::uint32_t* Index::Shard::find(std::uint64_t hash, std::uint64_t where) {
  for (std::uint32_t* link = &bucket_of(hash); *link != 0; link = &at(*link).next) {
    const Entry& entry = at(*link);
    if (entry.hash == hash && entry.where == where) return link;
  }
  return nullptr;
}

std::uint32_t* Index::Shard::find_variant(std::uint64_t hash, std::uint16_t variant) {
  for (std::uint32_t* link = &bucket_of(hash); *link != 0; link = &at(*link).next) {
    const Entry& entry = at(*link);
    if (entry.hash == hash && entry.variant == variant) return link;
  }
  return nullptr;
}

std::uint32_t* Index::Shard::link_to(std::uint32_t n) {
  std::uint32_t* link = &bucket_of(at(n).hash);
  while (*link != n) link = &at(*link).next;
  return link;
}

std::uint32_t* Index::Shard::find_replaced(std::uint64_t hash, std::uint16_t variant) {
  std::size_t others = 0;
  std::uint32_t* last = nullptr;
  for (std::uint32_t* link = &bucket_of(hash); *link != 0; link = &at(*link).next) {
    const Entry& entry = at(*link);
    if (entry.hash != hash) continue;
    if (entry.variant == variant) return link;
    last = link;
    ++others;
  }
  return others < kMostVariants ? nullptr : last;
}

std::uint32_t* Index::Shard::find_end(std::uint64_t hash, std::uint16_t variant) {
  std::size_t others = 0;
  std::uint32_t* link = &bucket_of(hash);
  for (; *link != 0; link = &at(*link).next) {
    const Entry& entry = at(*link);
    if (entry.hash != hash) continue;
    if (entry.variant == variant || ++others == kMostVariants) return nullptr;
  }
  return link;
}

void Index::Shard::insert(std::uint32_t* link, const Entry& entry) {
  const std::uint32_t n = allocate();
  at(n) = entry;
  at(n).next = *link;
  *link = n;
  enlist(n);
  ++size;
  bytes += bytes_of(entry.where);
  recency->add(entry.used, bytes_of(entry.where));
  if (size > buckets_used) add_bucket();
}

void Index::Shard::take_out(std::uint32_t* link) {
  const std::uint32_t n = *link;
  Entry& entry = at(n);
  *link = entry.next;
  delist(entry);
  --size;
  bytes -= bytes_of(entry.where);
  recency->remove(entry.used, bytes_of(entry.where));
  entry.where = 0;
  entry.next = free;
  free = n;
}

std::uint32_t Index::Shard::allocate() {
  if (const std::uint32_t n = free; n != 0) {
    free = at(n).next;
    return n;
  }
  if (fresh / kPage >= pages.size()) pages.push_back(std::make_unique_for_overwrite<Page>());
  return fresh++;
}

// Splits the next bucket in turn in two, each with its entries in the order they had.
void Index::Shard::add_bucket() {
  const std::uint64_t added = buckets_used;
  if (added > mask) mask = mask << 1 | 1;
  if (added / kPage >= buckets.size()) buckets.push_back(std::make_unique<Buckets>());
  std::uint32_t* stay = &bucket(added & mask >> 1);
  std::uint32_t* go = &bucket(added);
  for (std::uint32_t n = *stay; n != 0; n = at(n).next) {
    std::uint32_t*& end = (at(n).hash & mask) == added ? go : stay;
    *end = n;
    end = &at(n).next;
  }
  *stay = 0;
  *go = 0;
  ++buckets_used;
}

void Index::Shard::use(Entry& entry, Epoch epoch) {
  if (entry.used == epoch) return;
  recency->remove(entry.used, bytes_of(entry.where));
  entry.used = epoch;
  recency->add(entry.used, bytes_of(entry.where));
}

void Index::Shard::reset() {
  pages.clear();
  buckets.clear();
  heads.clear();
  buckets.push_back(std::make_unique<Buckets>());
  free = 0;
  fresh = 1;
  buckets_used = kPage;
  mask = kPage - 1;
  size = 0;
  bytes = 0;
}

// --- a shard: the lists of segments ---

std::uint32_t Index::Shard::first_of(std::uint32_t segment) const {
  const std::size_t group = segment / kSlots;
  return group < heads.size() && heads[group] ? heads[group]->first[segment % kSlots] : 0;
}

void Index::Shard::enlist(std::uint32_t n) {
  const std::uint32_t segment = segment_of(at(n).where);
  const std::size_t group = segment / kSlots;
  if (group >= heads.size()) heads.resize(group + 1);
  if (!heads[group]) heads[group] = std::make_unique<Heads>();
  heads[group]->bytes[segment % kSlots] += bytes_of(at(n).where);
  std::uint32_t& first = heads[group]->first[segment % kSlots];
  if (first != 0) {
    at(first).before = n;
  } else {
    ++heads[group]->taken;
  }
  at(n).after = first;
  at(n).before = 0;
  first = n;
}

void Index::Shard::delist(const Entry& entry) {
  const std::uint32_t segment = segment_of(entry.where);
  auto& group = heads[segment / kSlots];
  group->bytes[segment % kSlots] -= bytes_of(entry.where);
  if (entry.after != 0) at(entry.after).before = entry.before;
  if (entry.before != 0) {
    at(entry.before).after = entry.after;
    return;
  }
  group->first[segment % kSlots] = entry.after;
  // Slots move on and on: heads of segments long gone would grow to 4 bytes times all slots.
  if (entry.after == 0 && --group->taken == 0) group.reset();
}

// --- the index ---

Index::Index(Recency& recency) : recency_(recency), shards_(std::make_unique<std::array<Shard, kShards>>()) {
  for (Shard& shard : *shards_) shard.recency = &recency_;
}

Index::~Index() = default;

// By the bits of the hash that do not choose the bucket.
Index::Shard& Index::shard_of(std::uint64_t hash) const {
  return (*shards_)[hash >> 60];
}

std::size_t Index::find(std::uint64_t hash, std::span<Found> out) const {
  Shard& shard = shard_of(hash);
  std::size_t found = 0;
  const std::lock_guard lock(shard.mutex);
  for (std::uint32_t n = shard.bucket_of(hash); n != 0 && found < out.size(); n = shard.at(n).next) {
    const Entry& entry = shard.at(n);
    if (entry.hash == hash) out[found++] = {unpack(entry.where), entry.variant, entry.used};
  }
  return found;
}

bool Index::has(std::uint64_t hash) const {
  Found found;
  return find(hash, {&found, 1}) == 1;
}

std::optional<Location> Index::put(std::uint64_t hash, std::uint16_t variant, const Location& where, Epoch used) {
  Shard& shard = shard_of(hash);
  std::optional<Location> replaced;
  const std::lock_guard lock(shard.mutex);
  if (std::uint32_t* link = shard.find_replaced(hash, variant)) {
    replaced = unpack(shard.at(*link).where);
    shard.take_out(link);
  }
  shard.insert(&shard.bucket_of(hash), {hash, pack(where), 0, 0, 0, used, variant});
  return replaced;
}

bool Index::put_older(std::uint64_t hash, std::uint16_t variant, const Location& where, Epoch used) {
  if (!is_valid(where)) return false;
  Shard& shard = shard_of(hash);
  const std::lock_guard lock(shard.mutex);
  std::uint32_t* link = shard.find_end(hash, variant);
  if (link == nullptr) return false;
  shard.insert(link, {hash, pack(where), 0, 0, 0, used, variant});
  return true;
}

bool Index::move(std::uint64_t hash, const Location& from, const Location& to) {
  Shard& shard = shard_of(hash);
  const std::lock_guard lock(shard.mutex);
  const std::uint32_t* link = shard.find(hash, pack(from));
  if (link == nullptr) return false;
  Entry& entry = shard.at(*link);
  shard.delist(entry);
  shard.bytes -= bytes_of(entry.where);
  recency_.remove(entry.used, bytes_of(entry.where));
  entry.where = pack(to);
  shard.bytes += bytes_of(entry.where);
  recency_.add(entry.used, bytes_of(entry.where));
  shard.enlist(*link);
  return true;
}

bool Index::remove(std::uint64_t hash, const Location& where) {
  Shard& shard = shard_of(hash);
  const std::lock_guard lock(shard.mutex);
  std::uint32_t* link = shard.find(hash, pack(where));
  if (link == nullptr) return false;
  shard.take_out(link);
  return true;
}

bool Index::is_at(std::uint64_t hash, const Location& where) const {
  Shard& shard = shard_of(hash);
  const std::lock_guard lock(shard.mutex);
  return shard.find(hash, pack(where)) != nullptr;
}

void Index::remove_all(std::uint64_t hash, std::vector<Location>& removed) {
  Shard& shard = shard_of(hash);
  const std::lock_guard lock(shard.mutex);
  for (std::uint32_t* link = &shard.bucket_of(hash); *link != 0;) {
    Entry& entry = shard.at(*link);
    if (entry.hash != hash) {
      link = &entry.next;
      continue;
    }
    removed.push_back(unpack(entry.where));
    shard.take_out(link);
  }
}

bool Index::touch(std::uint64_t hash, const Location& where) {
  Shard& shard = shard_of(hash);
  const std::lock_guard lock(shard.mutex);
  const std::uint32_t* link = shard.find(hash, pack(where));
  if (link == nullptr) return false;
  shard.use(shard.at(*link), recency_.now());
  return true;
}

bool Index::has(std::uint64_t hash, std::uint16_t variant) const {
  Shard& shard = shard_of(hash);
  const std::lock_guard lock(shard.mutex);
  return shard.find_variant(hash, variant) != nullptr;
}

bool Index::touch(std::uint64_t hash, std::uint16_t variant) {
  Shard& shard = shard_of(hash);
  const std::lock_guard lock(shard.mutex);
  const std::uint32_t* link = shard.find_variant(hash, variant);
  if (link == nullptr) return false;
  shard.use(shard.at(*link), recency_.now());
  return true;
}

// --- the index: segments, and all ---

std::uint64_t Index::live(std::uint32_t segment) const {
  std::uint64_t sum = 0;
  for (Shard& shard : *shards_) {
    const std::lock_guard lock(shard.mutex);
    const std::size_t group = segment / kSlots;
    if (group < shard.heads.size() && shard.heads[group]) sum += shard.heads[group]->bytes[segment % kSlots];
  }
  return sum;
}

void Index::list(std::uint32_t segment, std::vector<Listed>& out) const {
  for (Shard& shard : *shards_) {
    const std::lock_guard lock(shard.mutex);
    for (std::uint32_t n = shard.first_of(segment); n != 0; n = shard.at(n).after) {
      const Entry& entry = shard.at(n);
      out.push_back({entry.hash, entry.variant, entry.used, unpack(entry.where)});
    }
  }
}

std::uint64_t Index::used_since(std::uint32_t segment, Epoch epoch) const {
  std::uint64_t sum = 0;
  for (Shard& shard : *shards_) {
    const std::lock_guard lock(shard.mutex);
    for (std::uint32_t n = shard.first_of(segment); n != 0; n = shard.at(n).after) {
      const Entry& entry = shard.at(n);
      if (!Recency::is_older(entry.used, epoch)) sum += bytes_of(entry.where);
    }
  }
  return sum;
}

std::size_t Index::drop(std::uint32_t segment) {
  std::size_t dropped = 0;
  for (Shard& shard : *shards_) {
    const std::lock_guard lock(shard.mutex);
    while (const std::uint32_t n = shard.first_of(segment)) {
      shard.take_out(shard.link_to(n));
      ++dropped;
    }
  }
  return dropped;
}

void Index::clear() {
  for (Shard& shard : *shards_) {
    const std::lock_guard lock(shard.mutex);
    for (std::uint32_t n = 1; n < shard.fresh; ++n) {
      const Entry& entry = shard.at(n);
      if (entry.where != 0) recency_.remove(entry.used, bytes_of(entry.where));
    }
    shard.reset();
  }
}

void Index::age() {
  const std::uint64_t ticks = recency_.ticks();
  if (ticks - clamped_ < Recency::kEpochs / 16) return;
  const Epoch oldest = recency_.oldest();
  for (Shard& shard : *shards_) {
    // A page at a time: entries stay where they are, and what is put meanwhile is young.
    for (std::uint32_t from = 0;; from += kPage) {
      const std::lock_guard lock(shard.mutex);
      if (from >= shard.fresh) break;
      for (std::uint32_t n = std::max(from, 1U); n < std::min(from + kPage, shard.fresh); ++n) {
        Entry& entry = shard.at(n);
        if (entry.where != 0 && Recency::is_older(entry.used, oldest)) shard.use(entry, oldest);
      }
    }
  }
  clamped_ = ticks;
  recency_.clamped(ticks);
}

std::uint64_t Index::size() const {
  std::uint64_t sum = 0;
  for (Shard& shard : *shards_) {
    const std::lock_guard lock(shard.mutex);
    sum += shard.size;
  }
  return sum;
}

std::uint64_t Index::bytes() const {
  std::uint64_t sum = 0;
  for (Shard& shard : *shards_) {
    const std::lock_guard lock(shard.mutex);
    sum += shard.bytes;
  }
  return sum;
}

std::uint64_t Index::memory() const {
  std::uint64_t sum = sizeof(*this) + sizeof(*shards_);
  for (Shard& shard : *shards_) {
    const std::lock_guard lock(shard.mutex);
    sum += shard.pages.size() * sizeof(Shard::Page) + shard.buckets.size() * sizeof(Shard::Buckets);
    sum += (shard.pages.capacity() + shard.buckets.capacity() + shard.heads.capacity()) * sizeof(void*);
    for (const auto& group : shard.heads) sum += group ? sizeof(Shard::Heads) : 0;
  }
  return sum;
}

}  // namespace larder::store::disk
