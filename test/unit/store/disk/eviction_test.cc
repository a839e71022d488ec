// What goes when the disk tier is full: the coldest, solos by themselves, and always something.
#include "cache/store/disk/eviction.h"

#include <doctest/doctest.h>

#include <vector>

namespace larder::store::disk {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kCapacity = 100 * kMiB;
constexpr std::uint32_t kUnits = kMiB / kUnit;  // of a full log segment
constexpr auto kLog = SegmentHeader::Kind::Log;
constexpr auto kSolo = SegmentHeader::Kind::Solo;

// Segments of which each has one entry, or none. Their slot is their place.
struct Yard {
  // Used that long ago, in hundredths of the capacity.
  std::size_t add(SegmentHeader::Kind kind, std::uint32_t used_units, std::uint64_t ago) {
    const auto slot = static_cast<std::uint32_t>(segments.size());
    const Epoch used = recency.ago(ago * kMiB);
    const std::uint64_t live = used_units * kUnit;
    segments.push_back({slot, slot + 1, kind, std::max<std::uint64_t>(live, kMiB), live, used});
    if (used_units > 0) index.put(slot, 0, {slot, 1, used_units}, used);
    return slot;
  }
  [[nodiscard]] std::optional<std::size_t> pick() const {
    return eviction.pick(segments, index, eviction.horizon(recency));
  }

  Recency recency{kCapacity};
  Index index{recency};
  Eviction eviction{kCapacity, kMiB};
  std::vector<SegmentInfo> segments;
};

}  // namespace

TEST_CASE("log segments are a 256th of the capacity, within 1 and 64 MiB") {
  struct Case {
    std::uint64_t capacity, size;
  };
  for (const Case& c : std::vector<Case>{{0, kMiB},
                                         {100 * kMiB, kMiB},
                                         {1024 * kMiB, 4 * kMiB},
                                         {10240 * kMiB, 32 * kMiB},
                                         {kMiB * kMiB, 64 * kMiB}}) {
    CHECK(Eviction::segment_size(c.capacity) == c.size);
  }
}

TEST_CASE("a record of more than a quarter of a segment is solo") {
  CHECK_FALSE(Eviction::is_solo(kMiB, 4 * kMiB));
  CHECK(Eviction::is_solo(kMiB + 1, 4 * kMiB));
}

TEST_CASE("a segment must go when a full one would no longer fit") {
  const Eviction eviction(kCapacity, kMiB);
  CHECK_FALSE(eviction.is_due(99 * kMiB));
  CHECK(eviction.is_due(99 * kMiB + 1));
}

TEST_CASE("of nothing nothing is picked") {
  CHECK_FALSE(Yard().pick());
}

TEST_CASE("of log segments the one with the smallest share used lately goes, or else the oldest") {
  Yard yard;
  yard.add(kLog, kUnits, 0);
  const auto second = yard.add(kLog, kUnits / 2, 0);
  yard.add(kLog, kUnits / 2, 0);
  CHECK(yard.pick() == second);
}

TEST_CASE("a segment of which nothing is used goes, however young it is") {
  Yard yard;
  for (int i = 0; i < 40; ++i) yard.add(kLog, kUnits, 0);
  CHECK(yard.pick() == 0);
  const auto dead = yard.add(kLog, 0, 0);
  CHECK(yard.pick() == dead);
}

TEST_CASE("the coldest is looked for among the oldest") {
  Yard yard;
  for (int i = 0; i < 31; ++i) yard.add(kLog, kUnits / 2, 0);
  const auto among = yard.add(kLog, kUnits, 90);
  CHECK(yard.pick() == 0);  // all that there is would stay
  for (int i = 0; i < 70; ++i) yard.add(kLog, kUnits, 1);
  CHECK(yard.pick() == among);
}

TEST_CASE("a solo beyond the horizon goes before any log segment, the oldest first") {
  Yard yard;
  yard.add(kLog, kUnits / 2, 80);
  for (int i = 0; i < 98; ++i) yard.add(kSolo, kUnits, 1);
  yard.add(kSolo, kUnits, 50);
  const auto oldest = yard.add(kSolo, kUnits, 60);
  yard.add(kSolo, kUnits, 55);
  CHECK(yard.pick() == oldest);
}

TEST_CASE("a solo that an LRU would keep stays as long as log segments have something to give") {
  Yard yard;
  const auto log = yard.add(kLog, kUnits / 2, 0);
  const auto solo = yard.add(kSolo, kUnits, 5);
  CHECK(yard.pick() == log);
  yard.segments.erase(yard.segments.begin());
  CHECK(yard.pick() == 0);  // there is no other
  yard.segments[0].live = 0;
  CHECK(yard.pick() == 0);
  CHECK(solo == 1);
}

TEST_CASE("a solo colder than log segments that are all hot goes before them") {
  Yard yard;
  for (int i = 0; i < 59; ++i) yard.add(kLog, kUnits, 1);
  const auto solo = yard.add(kSolo, 2 * kUnits, 30);
  CHECK(yard.pick() == solo);
}

TEST_CASE("what was used since the horizon is carried over, by its offset") {
  const Eviction eviction(kCapacity, kMiB);
  std::vector<Index::Listed> entries{
      {1, 0, 100, {0, 900, 1}}, {2, 0, 99, {0, 2, 1}}, {3, 0, 101, {0, 5, 1}}, {4, 0, 65000, {0, 3, 1}}};
  CHECK(eviction.should_carry(entries[0], 100));
  CHECK_FALSE(eviction.should_carry(entries[1], 100));
  eviction.choose(entries, 100);
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].hash == 3);
  CHECK(entries[1].hash == 1);
}

TEST_CASE("of a segment that is hot all over, an eighth goes all the same: what was not used for longest") {
  const Eviction eviction(kCapacity, kMiB);
  std::vector<Index::Listed> entries;
  for (std::uint32_t i = 0; i < 16; ++i) {
    entries.push_back({i, 0, static_cast<Epoch>(100 + (i + 5) % 16), {0, i * kUnits / 16, kUnits / 16}});
  }
  eviction.choose(entries, 0);
  REQUIRE(entries.size() == 14);
  for (const auto& entry : entries) CHECK(entry.used >= 102);
}

}  // namespace larder::store::disk
