#include "metrics/metrics.h"

namespace larder::metrics {
namespace {

constexpr auto kBoundsInNanoseconds = [] {
  std::array<std::int64_t, Histogram::kBounds.size()> out{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    // NOLINTNEXTLINE(bugprone-incorrect-roundings): none is negative, and lround is not constexpr
    out[i] = static_cast<std::int64_t>(Histogram::kBounds[i] * 1e9 + 0.5);
  }
  return out;
}();

}  // namespace

void Histogram::observe(std::chrono::nanoseconds duration) {
  const std::int64_t took = duration.count() < 0 ? 0 : duration.count();
  std::size_t i = 0;  // most requests are short: looking from the start is faster than halving
  while (i < kBoundsInNanoseconds.size() && took > kBoundsInNanoseconds[i]) ++i;
  buckets_[i].add();
  sum_.add(static_cast<std::uint64_t>(took));
}

}  // namespace larder::metrics
