#include "metrics/metrics.h"

#include <doctest/doctest.h>

namespace larder::metrics {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a duration falls into the first bucket that is not below it") {
  struct Row {
    std::chrono::nanoseconds duration;
    std::size_t bucket;
  };
  const Row rows[] = {
      {-1s, 0}, {0ns, 0},    {1ns, 0},   {100us, 0}, {100us + 1ns, 1}, {250us, 1},      {251us, 2},
      {1ms, 3}, {1001us, 4}, {100ms, 9}, {1s, 12},   {60s, 17},        {60s + 1ns, 18}, {1h, 18},
  };
  for (const auto& row : rows) {
    CAPTURE(row.duration.count());
    Histogram histogram;
    histogram.observe(row.duration);
    for (std::size_t i = 0; i < Histogram::kBuckets; ++i) CHECK(histogram.bucket(i) == (i == row.bucket ? 1U : 0U));
  }
}

TEST_CASE("the sum is of what was observed, and never shrinks") {
  Histogram histogram;
  histogram.observe(2s);
  histogram.observe(500ms);
  histogram.observe(-5s);  // a clock that went backwards
  CHECK(histogram.sum_nanoseconds() == 2'500'000'000);
}

TEST_CASE("a counter counts up and down") {
  Counter counter;
  counter.add();
  counter.add(5);
  counter.sub(2);
  CHECK(counter.get() == 4);
}

}  // namespace
}  // namespace larder::metrics
