// Where things on disk are: what was put is found, newest first; replaced, moved, aged and dropped by segment; and the
// bytes of each epoch stay right whatever happens.
#include "cache/store/disk/index.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <thread>

namespace larder::store::disk {
namespace {

constexpr std::uint64_t kCapacity = 512 * 1000;
constexpr std::uint64_t kStep = 1000;

using Places = std::vector<Location>;

// Verbs, so that a case reads as prose.
struct Shelf {
  void put(std::uint64_t hash, std::uint16_t variant, const Location& where) {
    index.put(hash, variant, where, recency.now());
  }
  Places find(std::uint64_t hash) const {
    std::vector<Index::Found> found(2 * Index::kMostVariants);
    found.resize(index.find(hash, found));
    Places places;
    for (const auto& each : found) places.push_back(each.where);
    return places;
  }
  Epoch used(std::uint64_t hash) const {
    Index::Found found;
    REQUIRE(index.find(hash, {&found, 1}) == 1);
    return found.used;
  }
  std::vector<std::uint64_t> hashes(std::uint32_t segment) const {
    std::vector<Index::Listed> listed;
    index.list(segment, listed);
    std::vector<std::uint64_t> found;
    for (const auto& entry : listed) found.push_back(entry.hash);
    std::sort(found.begin(), found.end());
    return found;
  }
  // All bytes of the histogram, to the byte.
  std::uint64_t counted() const {
    std::uint64_t least = 0;
    std::uint64_t most = std::uint64_t{1} << 50;
    while (least < most) {
      const std::uint64_t middle = least + (most - least) / 2;
      if (recency.horizon(middle) != recency.horizon(UINT64_MAX)) {
        least = middle + 1;
      } else {
        most = middle;
      }
    }
    return least;
  }

  Recency recency{kCapacity};
  Index index{recency};
};

}  // namespace

TEST_CASE("what was put is found, and nothing else") {
  Shelf shelf;
  shelf.put(42, 7, {3, 5, 9});
  Index::Found found;
  REQUIRE(shelf.index.find(42, {&found, 1}) == 1);
  CHECK(found.where == Location{3, 5, 9});
  CHECK(found.variant == 7);
  CHECK(found.used == shelf.recency.now());
  CHECK(shelf.index.has(42));
  CHECK_FALSE(shelf.index.has(43));
  CHECK(shelf.index.size() == 1);
  CHECK(shelf.index.bytes() == 9 * kUnit);
  CHECK(shelf.counted() == 9 * kUnit);
}

TEST_CASE("a location keeps its largest values, and rounds up only sizes above 2^20 units") {
  struct Case {
    Location put, kept;
  };
  for (const Case& c :
       std::vector<Case>{{{0, 0, 0}, {0, 0, 0}},
                         {{(1 << 20) - 1, (1 << 20) - 1, 1 << 20}, {(1 << 20) - 1, (1 << 20) - 1, 1 << 20}},
                         {{1, 1, (1 << 20) + 1}, {1, 1, (1 << 20) + 4096}},
                         {{1, 1, (1 << 20) + 4096}, {1, 1, (1 << 20) + 4096}},
                         {{1, 1, UINT32_MAX}, {1, 1, UINT32_MAX}}}) {
    CAPTURE(c.put.size);
    Shelf shelf;
    shelf.put(1, 0, c.put);
    CHECK(shelf.find(1) == Places{c.kept});
    CHECK(shelf.index.touch(1, c.put));
    CHECK(shelf.index.touch(1, c.kept));
    CHECK(shelf.counted() == shelf.index.bytes());
    CHECK(shelf.index.remove(1, c.put));
    CHECK(shelf.counted() == 0);
  }
}

TEST_CASE("a place that cannot be is not put") {
  Shelf shelf;
  CHECK_FALSE(shelf.index.put_older(1, 0, {1 << 20, 0, 1}, 0));
  CHECK_FALSE(shelf.index.put_older(1, 0, {0, 1 << 20, 1}, 0));
  CHECK(shelf.index.size() == 0);
}

TEST_CASE("put comes first and replaces its variant; put_older comes last and replaces nothing") {
  Shelf shelf;
  CHECK_FALSE(shelf.index.put(1, 10, {0, 1, 1}, 0));
  CHECK_FALSE(shelf.index.put(1, 11, {0, 2, 1}, 0));
  CHECK(shelf.find(1) == Places{{0, 2, 1}, {0, 1, 1}});
  CHECK(shelf.index.put(1, 10, {0, 3, 1}, 0) == Location{0, 1, 1});
  CHECK(shelf.find(1) == Places{{0, 3, 1}, {0, 2, 1}});
  CHECK(shelf.index.put_older(1, 12, {0, 4, 1}, 0));
  CHECK_FALSE(shelf.index.put_older(1, 10, {0, 5, 1}, 0));
  CHECK(shelf.find(1) == Places{{0, 3, 1}, {0, 2, 1}, {0, 4, 1}});
  CHECK(shelf.index.size() == 3);
}

TEST_CASE("find writes no more than there is room for, and the newest of them") {
  Shelf shelf;
  for (std::uint16_t i = 0; i < 5; ++i) shelf.put(1, i, {0, i, 1});
  std::array<Index::Found, 2> found;
  REQUIRE(shelf.index.find(1, found) == 2);
  CHECK(found[0].variant == 4);
  CHECK(found[1].variant == 3);
  CHECK(shelf.index.find(1, {}) == 0);
}

TEST_CASE("of too many variants the oldest goes, and an older one does not come in") {
  Shelf shelf;
  for (std::uint16_t i = 0; i < Index::kMostVariants; ++i) shelf.put(1, i, {0, i, 1});
  CHECK_FALSE(shelf.index.put_older(1, 1000, {1, 0, 1}, 0));
  CHECK(shelf.index.put(1, 1001, {1, 1, 1}, 0) == Location{0, 0, 1});
  CHECK(shelf.index.size() == Index::kMostVariants);
  CHECK(shelf.find(1).front() == Location{1, 1, 1});
  CHECK(shelf.find(1).back() == Location{0, 1, 1});
}

TEST_CASE("the very entry is moved, with its epoch and its place among the others") {
  Shelf shelf;
  const Epoch early = shelf.recency.now();
  shelf.put(1, 0, {0, 1, 4});
  shelf.put(1, 1, {0, 2, 4});
  shelf.recency.pass(50 * kStep);
  CHECK(shelf.index.move(1, {0, 1, 4}, {7, 8, 4}));
  CHECK_FALSE(shelf.index.move(1, {0, 1, 4}, {7, 9, 4}));
  CHECK(shelf.find(1) == Places{{0, 2, 4}, {7, 8, 4}});
  CHECK(shelf.used(1) == early);
  CHECK(shelf.hashes(0).size() == 1);
  CHECK(shelf.hashes(7).size() == 1);
  CHECK(shelf.counted() == 8 * kUnit);
}

TEST_CASE("remove takes the very entry, remove_all those of the hash") {
  Shelf shelf;
  for (std::uint16_t i = 0; i < 3; ++i) shelf.put(1, i, {0, i, 1});
  shelf.put(1 + 4096, 0, {0, 100, 1});  // in the same bucket
  CHECK(shelf.index.remove(1, {0, 1, 1}));
  CHECK_FALSE(shelf.index.remove(1, {0, 1, 1}));
  CHECK_FALSE(shelf.index.remove(2, {0, 0, 1}));
  Places removed{{9, 9, 9}};
  shelf.index.remove_all(1, removed);
  CHECK(removed == Places{{9, 9, 9}, {0, 2, 1}, {0, 0, 1}});
  CHECK(shelf.index.has(1 + 4096));
  CHECK(shelf.index.size() == 1);
  CHECK(shelf.counted() == kUnit);
}

TEST_CASE("touch makes it used now") {
  Shelf shelf;
  shelf.put(1, 0, {0, 1, 4});
  shelf.put(2, 0, {0, 2, 4});
  shelf.recency.pass(5 * kStep);
  CHECK(shelf.index.touch(1, {0, 1, 4}));
  CHECK_FALSE(shelf.index.touch(1, {0, 2, 4}));
  CHECK(shelf.used(1) == shelf.recency.now());
  CHECK(shelf.recency.ticks() == 5);
  CHECK(shelf.index.used_since(0, shelf.recency.now()) == 4 * kUnit);
  CHECK(shelf.index.used_since(0, shelf.recency.oldest()) == 8 * kUnit);
  CHECK(shelf.index.live(0) == 8 * kUnit);
  CHECK(shelf.recency.horizon(4 * kUnit) == static_cast<Epoch>(shelf.recency.now() - 4));
}

TEST_CASE("an entry is known and touched by its variant too") {
  Shelf shelf;
  shelf.put(1, 5, {0, 1, 4});
  shelf.put(1, 6, {0, 2, 4});
  shelf.recency.pass(5 * kStep);
  CHECK(shelf.index.has(1, 5));
  CHECK_FALSE(shelf.index.has(1, 7));
  CHECK_FALSE(shelf.index.has(2, 5));
  CHECK(shelf.index.touch(1, 5));
  CHECK_FALSE(shelf.index.touch(1, 7));
  CHECK(shelf.index.used_since(0, shelf.recency.now()) == 4 * kUnit);
}

TEST_CASE("what of a segment is live follows puts, moves and removals") {
  Shelf shelf;
  shelf.put(1, 0, {3, 1, 4});
  shelf.put(2, 0, {3, 2, 6});
  CHECK(shelf.index.live(3) == 10 * kUnit);
  CHECK(shelf.index.live(4) == 0);
  CHECK(shelf.index.live(99'999) == 0);
  CHECK(shelf.index.move(1, {3, 1, 4}, {4, 1, 4}));
  CHECK(shelf.index.live(3) == 6 * kUnit);
  CHECK(shelf.index.live(4) == 4 * kUnit);
  CHECK(shelf.index.remove(2, {3, 2, 6}));
  CHECK(shelf.index.live(3) == 0);
  CHECK(shelf.index.drop(4) == 1);
  CHECK(shelf.index.live(4) == 0);
}

TEST_CASE("a segment is listed and dropped whole, also when other segments' entries lie between") {
  Shelf shelf;
  const std::uint64_t spread = std::uint64_t{1} << 57;  // over the shards
  for (std::uint32_t i = 0; i < 300; ++i) shelf.put(i * spread + i, 0, {i % 3 * 1000, i, 2});
  CHECK(shelf.hashes(1000).size() == 100);
  CHECK(shelf.hashes(17).empty());
  CHECK(shelf.index.drop(1000) == 100);
  CHECK(shelf.index.drop(1000) == 0);
  CHECK(shelf.hashes(1000).empty());
  CHECK(shelf.hashes(0).size() == 100);
  CHECK(shelf.hashes(2000).size() == 100);
  CHECK(shelf.index.size() == 200);
  CHECK(shelf.counted() == 400 * kUnit);
}

TEST_CASE("slots that go up for ever do not make the index grow") {
  Shelf shelf;
  shelf.put(1, 0, {(1 << 20) - 1, 0, 1});
  shelf.index.clear();
  shelf.put(1, 0, {0, 0, 1});
  const std::uint64_t before = shelf.index.memory();
  for (std::uint32_t slot = 1; slot < 1 << 20; slot += 5) {
    shelf.put(1, 0, {slot, 0, 1});
  }
  // The list of groups of slots, of one shard.
  CHECK(shelf.index.memory() <= before + (1 << 20) / 256 * sizeof(void*));
}

TEST_CASE("clear leaves nothing, in the histogram neither, and the index goes on") {
  Shelf shelf;
  for (std::uint32_t i = 0; i < 10000; ++i) shelf.put(i * 0x9e3779b97f4a7c15, 0, {i % 7, i, 2});
  const std::uint64_t full = shelf.index.memory();
  shelf.index.clear();
  CHECK(shelf.index.size() == 0);
  CHECK(shelf.index.bytes() == 0);
  CHECK(shelf.index.memory() < full);
  CHECK(shelf.counted() == 0);
  CHECK_FALSE(shelf.index.has(0));
  shelf.put(0, 0, {1, 2, 3});
  CHECK(shelf.hashes(1) == std::vector<std::uint64_t>{0});
}

TEST_CASE("however often the clock wraps, what is old stays old and what is young young") {
  Shelf shelf;
  shelf.put(1, 0, {0, 1, 1});
  for (int i = 0; i < 200; ++i) {
    shelf.recency.pass(3000 * kStep);
    shelf.index.age();
    shelf.put(2, 0, {0, 2, 1});
    CHECK(Recency::is_older(shelf.used(1), shelf.used(2)));
    CHECK_FALSE(Recency::is_older(shelf.used(1), static_cast<Epoch>(shelf.recency.now() - 3 * Recency::kEpochs / 8)));
  }
  CHECK(shelf.recency.ticks() == 200 * 3000);
  CHECK(shelf.recency.horizon(kUnit) == static_cast<Epoch>(shelf.used(1) + 1));
  shelf.index.clear();
  CHECK(shelf.counted() == 0);
}

TEST_CASE("an entry costs at most 44 bytes") {
  Shelf shelf;
  std::mt19937_64 random(1);
  for (std::uint32_t i = 1; i <= 1'200'000; ++i) {
    shelf.put(random(), 0, {i / 5000, i % 5000, 160});
    if (i < 500'000 || i % 10'000 != 0) continue;
    REQUIRE(shelf.index.size() == i);
    REQUIRE(shelf.index.memory() <= 44 * std::uint64_t{i});
  }
}

namespace {

// What the index should do, in the simplest way.
struct Model {
  struct Item {
    std::uint16_t variant = 0;
    Location where;
    Epoch used = 0;
  };
  Item* at(std::uint64_t hash, const Location& where) {
    for (Item& item : items[hash]) {
      if (item.where == where) return &item;
    }
    return nullptr;
  }
  std::optional<Location> put(std::uint64_t hash, const Item& item) {
    auto& all = items[hash];
    std::optional<Location> replaced;
    auto same = std::find_if(all.begin(), all.end(), [&](const Item& i) { return i.variant == item.variant; });
    if (same == all.end() && all.size() == Index::kMostVariants) --same;
    if (same != all.end()) {
      replaced = same->where;
      all.erase(same);
    }
    all.insert(all.begin(), item);
    return replaced;
  }
  bool put_older(std::uint64_t hash, const Item& item) {
    auto& all = items[hash];
    if (all.size() == Index::kMostVariants) return false;
    if (std::any_of(all.begin(), all.end(), [&](const Item& i) { return i.variant == item.variant; })) return false;
    all.push_back(item);
    return true;
  }
  std::size_t drop(std::uint32_t segment) {
    std::size_t dropped = 0;
    for (auto& [hash, all] : items) {
      dropped += std::erase_if(all, [&](const Item& item) { return item.where.segment == segment; });
    }
    return dropped;
  }

  std::map<std::uint64_t, std::vector<Item>> items;  // the newest first
};

// Does the same to both, at random.
struct Pair {
  std::uint64_t any(std::uint64_t below) { return std::uniform_int_distribution<std::uint64_t>(0, below - 1)(random); }
  // Few enough to meet again; all shards, and buckets that are shared until they are split.
  std::uint64_t any_hash() { return any(16) << 60 | any(30) << 11; }
  Location any_new() {
    return {static_cast<std::uint32_t>(any(20) * 100), ++offset, static_cast<std::uint32_t>(any(9))};
  }
  Location any_of(std::uint64_t hash) {
    const auto& all = model.items[hash];
    return all.empty() || any(10) == 0 ? any_new() : all[any(all.size())].where;
  }

  void change() {
    const std::uint64_t hash = any_hash();
    const Model::Item item{static_cast<std::uint16_t>(any(300)), any_new(), shelf.recency.ago(any(100) * kStep)};
    switch (any(8)) {
      case 0:
      case 1:
        REQUIRE(shelf.index.put(hash, item.variant, item.where, item.used) == model.put(hash, item));
        break;
      case 2:
      case 3:
        REQUIRE(shelf.index.put_older(hash, item.variant, item.where, item.used) == model.put_older(hash, item));
        break;
      case 4:
        return touch(hash, any_of(hash));
      case 5:
        return move(hash, any_of(hash), item.where);
      case 6:
        return remove(hash);
      default:
        shelf.recency.pass(any(3 * kStep));
    }
  }
  void touch(std::uint64_t hash, const Location& where) {
    Model::Item* item = model.at(hash, where);
    REQUIRE(shelf.index.touch(hash, where) == (item != nullptr));
    if (item != nullptr) item->used = shelf.recency.now();
  }
  void move(std::uint64_t hash, const Location& from, const Location& to) {
    Model::Item* item = model.at(hash, from);
    REQUIRE(shelf.index.move(hash, from, to) == (item != nullptr));
    if (item != nullptr) item->where = to;
  }
  void remove(std::uint64_t hash) {
    auto& all = model.items[hash];
    const Location where = any_of(hash);
    REQUIRE(shelf.index.remove(hash, where) ==
            (std::erase_if(all, [&](const auto& i) { return i.where == where; }) > 0));
    if (any(50) == 0) {
      Places removed;
      shelf.index.remove_all(hash, removed);
      REQUIRE(removed.size() == all.size());
      all.clear();
    }
    if (any(200) == 0) {
      const auto segment = static_cast<std::uint32_t>(any(20) * 100);
      REQUIRE(shelf.index.drop(segment) == model.drop(segment));
    }
  }
  void compare() {
    std::size_t size = 0;
    std::uint64_t bytes = 0;
    std::map<std::uint32_t, std::vector<std::uint64_t>> segments;
    for (const auto& [hash, all] : model.items) {
      Places places;
      for (const auto& item : all) {
        places.push_back(item.where);
        bytes += item.where.size * kUnit;
        segments[item.where.segment].push_back(hash);
      }
      size += all.size();
      REQUIRE(shelf.find(hash) == places);
      REQUIRE(shelf.index.has(hash) == !all.empty());
      if (!all.empty()) REQUIRE(shelf.used(hash) == all.front().used);
    }
    REQUIRE(shelf.index.size() == size);
    REQUIRE(shelf.index.bytes() == bytes);
    REQUIRE(shelf.counted() == bytes);
    for (auto& [segment, hashes] : segments) {
      std::sort(hashes.begin(), hashes.end());
      REQUIRE(shelf.hashes(segment) == hashes);
    }
  }

  std::mt19937_64 random{20261124};
  std::uint32_t offset = 0;
  Shelf shelf;
  Model model;
};

}  // namespace

TEST_CASE("whatever is done to it, it is as a simple model of it") {
  Pair pair;
  for (int i = 0; i < 200'000; ++i) {
    pair.change();
    if (i % 10'000 == 0) pair.compare();
  }
  pair.compare();
}

TEST_CASE("buckets that are split keep their entries and the order of each hash's") {
  Shelf shelf;
  std::mt19937_64 random(7);
  std::vector<std::uint64_t> hashes(30'000);
  for (auto& hash : hashes) hash = random() >> 4;  // of one shard
  for (std::uint16_t variant = 0; variant < 3; ++variant) {
    for (std::uint32_t i = 0; i < hashes.size(); ++i) shelf.put(hashes[i], variant, {variant, i, 1});
  }
  for (std::uint32_t i = 0; i < hashes.size(); ++i) {
    REQUIRE(shelf.find(hashes[i]) == Places{{2, i, 1}, {1, i, 1}, {0, i, 1}});
  }
}

TEST_CASE("threads that do everything at once leave the sums right") {
  Shelf shelf;
  const auto work = [&](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<Index::Found> found(8);
    Places removed;
    std::vector<Index::Listed> listed;
    for (std::uint32_t i = 0; i < 20'000; ++i) {
      const std::uint64_t hash = (random() % 16 << 60) | random() % 500;
      const Location where{static_cast<std::uint32_t>(random() % 10), i, static_cast<std::uint32_t>(random() % 50)};
      const std::size_t n = shelf.index.find(hash, found);
      if (n > 0) shelf.index.touch(hash, found[n - 1].where);
      if (n > 0 && i % 3 == 0) shelf.index.move(hash, found[0].where, where);
      if (i % 2 == 0) shelf.index.put(hash, static_cast<std::uint16_t>(random() % 4), where, shelf.recency.now());
      if (i % 2 == 1)
        shelf.index.put_older(hash, static_cast<std::uint16_t>(random() % 4), where, shelf.recency.ago(kStep));
      if (i % 50 == 0) shelf.index.remove_all(hash, removed);
      if (i % 200 == 0) shelf.index.list(where.segment, listed);
      if (i % 2000 == 0) shelf.index.drop(where.segment);
      shelf.recency.pass(20 * kStep);
      removed.clear();
      listed.clear();
    }
  };
  std::vector<std::thread> threads;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) threads.emplace_back(work, seed);
  for (int i = 0; i < 200; ++i) {
    shelf.index.age();
    static_cast<void>(shelf.recency.horizon(shelf.index.bytes() / 2));
  }
  for (auto& thread : threads) thread.join();
  std::uint64_t bytes = 0;
  std::vector<Index::Listed> listed;
  for (std::uint32_t segment = 0; segment < 10; ++segment) shelf.index.list(segment, listed);
  for (const auto& entry : listed) bytes += entry.where.size * kUnit;
  CHECK(listed.size() == shelf.index.size());
  CHECK(bytes == shelf.index.bytes());
  CHECK(shelf.counted() == bytes);
  shelf.index.clear();
  CHECK(shelf.counted() == 0);
}

}  // namespace larder::store::disk
