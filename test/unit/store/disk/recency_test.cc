// The logical clock of the disk tier, and what it says an LRU of so many bytes would keep.
#include "cache/store/disk/recency.h"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

namespace larder::store::disk {
namespace {

constexpr std::uint64_t kCapacity = 512 * 1000;
constexpr std::uint64_t kStep = 1000;

void tick(Recency& recency, std::uint64_t ticks) {
  recency.pass(ticks * kStep);
}

}  // namespace

TEST_CASE("the clock ticks once in each 512th of the capacity that passes") {
  Recency recency(kCapacity);
  const Epoch first = recency.now();
  recency.pass(kStep - 1);
  CHECK(recency.ticks() == 0);
  recency.pass(1);
  CHECK(recency.ticks() == 1);
  recency.pass(10 * kStep);
  CHECK(recency.ticks() == 11);
  CHECK(recency.now() == static_cast<Epoch>(first + 11));
}

TEST_CASE("a capacity smaller than its steps still has a clock") {
  for (const std::uint64_t capacity : std::vector<std::uint64_t>{0, 1, 511}) {
    Recency recency(capacity);
    recency.pass(3);
    CHECK(recency.ticks() == 3);
  }
}

TEST_CASE("of two epochs the older one is told, also where they wrap") {
  struct Case {
    Epoch a, b;
    bool older;
  };
  for (const Case& c : std::vector<Case>{{1, 2, true},
                                         {2, 1, false},
                                         {7, 7, false},
                                         {65535, 0, true},
                                         {0, 65535, false},
                                         {50000, 10000, true},
                                         {10000, 50000, false}}) {
    CAPTURE(c.a);
    CAPTURE(c.b);
    CHECK(Recency::is_older(c.a, c.b) == c.older);
  }
}

TEST_CASE("the horizon is the oldest epoch whose bytes still fit") {
  Recency recency(kCapacity);
  std::vector<Epoch> epochs;
  for (int i = 0; i < 4; ++i) {
    tick(recency, 3);
    epochs.push_back(recency.now());
    recency.add(recency.now(), 100);
  }
  struct Case {
    std::uint64_t bytes;
    Epoch horizon;
  };
  for (const Case& c : std::vector<Case>{{0, static_cast<Epoch>(epochs[3] + 1)},
                                         {99, static_cast<Epoch>(epochs[3] + 1)},
                                         {100, static_cast<Epoch>(epochs[2] + 1)},
                                         {199, static_cast<Epoch>(epochs[2] + 1)},
                                         {399, static_cast<Epoch>(epochs[0] + 1)}}) {
    CAPTURE(c.bytes);
    CHECK(recency.horizon(c.bytes) == c.horizon);
  }
  CHECK_FALSE(Recency::is_older(recency.oldest(), recency.horizon(400)));
}

TEST_CASE("what was removed no longer counts, and a sum that is short for a moment heals") {
  Recency recency(kCapacity);
  recency.add(recency.now(), 100);
  recency.remove(recency.now(), 100);
  CHECK_FALSE(Recency::is_older(recency.oldest(), recency.horizon(0)));
  recency.remove(recency.now(), 50);
  recency.add(recency.now(), 50);
  CHECK_FALSE(Recency::is_older(recency.oldest(), recency.horizon(0)));
}

TEST_CASE("bytes ago are ticks ago, and never before the oldest") {
  Recency recency(kCapacity);
  CHECK(recency.ago(0) == recency.now());
  CHECK(recency.ago(7 * kStep) == static_cast<Epoch>(recency.now() - 7));
  CHECK(recency.ago(UINT64_MAX) == recency.oldest());
}

TEST_CASE("the clock wraps as long as epochs are clamped, and waits when they are not") {
  Recency recency(kCapacity);
  for (int i = 0; i < 100; ++i) {
    tick(recency, 5000);
    recency.clamped(recency.ticks());
    CHECK(recency.ticks() == 5000 * (static_cast<std::uint64_t>(i) + 1));
    CHECK(Recency::is_older(recency.oldest(), recency.now()));
  }
  const std::uint64_t before = recency.ticks();
  for (int i = 0; i < 100; ++i) tick(recency, 5000);
  CHECK(recency.ticks() == before + Recency::kEpochs / 8);
  recency.clamped(recency.ticks());
  tick(recency, 1);
  CHECK(recency.ticks() == before + Recency::kEpochs / 8 + 1);
}

TEST_CASE("no tick is lost or counted twice by threads that pass bytes together") {
  Recency recency(kCapacity);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 10000; ++n) {
        recency.pass(100);
        const Epoch epoch = recency.now();
        recency.add(epoch, 10);
        if (n % 100 == 0) static_cast<void>(recency.horizon(5));
        recency.remove(epoch, 10);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(recency.ticks() == 4 * 10000 * 100 / kStep);
  CHECK_FALSE(Recency::is_older(recency.oldest(), recency.horizon(0)));
}

}  // namespace larder::store::disk
