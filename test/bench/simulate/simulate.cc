// How near the disk tier comes to exact LRU of the same bytes, and how much more it writes than it stores: replays
// synthetic traces against both, with the tier's own Index, Recency and Eviction over segments that are only counted.
//
//   test/bench/simulate/run            the table, of 3 million requests a line
//   test/bench/simulate/run --check    fewer requests; exit 1 when a hit ratio falls more than 2 points short of LRU's
//
// The first third of each line's requests fills the caches and is not counted. Both count a record as what its file
// takes, so that LRU has no more room than the tier. "most" is the most bytes that all files ever had, as a share of
// the capacity; more than 100 % while a segment that goes and what was carried over from it are both there.
#include <algorithm>
#include <cstdio>
#include <string_view>
#include <vector>

#include "test/bench/simulate/caches.h"
#include "test/bench/simulate/trace.h"

namespace larder::simulate {
namespace {

constexpr double kAllowed = 2;  // points

const std::vector<Workload> kWorkloads{
    {.name = "zipf 0.9"},
    {.name = "zipf 1.0", .skew = 1.0},
    {.name = "zipf 0.7", .skew = 0.7},
    {.name = "zipf 0.9, 40 % scans", .scanned = 0.4},
    {.name = "zipf 0.9, small", .spread = 1.0},
};
constexpr double kShares[] = {0.01, 0.1, 0.3};

struct Scale {
  std::size_t objects = 200'000;
  std::size_t requests = 3'000'000;
};

struct Ratio {
  std::uint64_t hits = 0;
  std::uint64_t bytes = 0;
};

struct Line {
  Ratio all;
  Ratio lru;
  Ratio disk;
  double amplification = 0;
  double most = 0;

  [[nodiscard]] double hits(const Ratio& of) const {
    return 100 * static_cast<double>(of.hits) / static_cast<double>(all.hits);
  }
  [[nodiscard]] double bytes(const Ratio& of) const {
    return 100 * static_cast<double>(of.bytes) / static_cast<double>(all.bytes);
  }
};

void count(Ratio& ratio, std::uint64_t bytes) {
  ++ratio.hits;
  ratio.bytes += bytes;
}

Line replay(const Workload& workload, double share, const Scale& scale) {
  Trace trace(workload, scale.objects);
  const auto capacity = static_cast<std::uint64_t>(share * static_cast<double>(trace.bytes()));
  Lru lru(capacity);
  Disk disk(capacity);
  Line line;
  std::uint64_t stored = 0;
  std::uint64_t written = 0;
  for (std::size_t i = 0; i < scale.requests; ++i) {
    if (i == scale.requests / 3) {
      line = {};
      stored = disk.stored();
      written = disk.written();
    }
    const Request request = trace.next();
    count(line.all, request.bytes);
    if (lru.ask(request.object, record_size(request.bytes))) count(line.lru, request.bytes);
    if (disk.ask(request.object, record_size(request.bytes))) count(line.disk, request.bytes);
  }
  line.amplification = static_cast<double>(disk.written() - written) / static_cast<double>(disk.stored() - stored);
  line.most = 100 * static_cast<double>(disk.most_bytes()) / static_cast<double>(capacity);
  std::printf("%-21s %4.0f %% %8.1f %8.1f %6.2f %6.2f  %6.2f %6.2f  %+6.2f %+6.2f %7.3f %6.1f %9zu\n",
              workload.name.c_str(), 100 * share, static_cast<double>(capacity) / (1 << 20),
              static_cast<double>(disk.segment_size()) / (1 << 20), line.hits(line.lru), line.bytes(line.lru),
              line.hits(line.disk), line.bytes(line.disk), line.hits(line.disk) - line.hits(line.lru),
              line.bytes(line.disk) - line.bytes(line.lru), line.amplification, line.most,
              static_cast<std::size_t>(disk.most_segments()));
  std::fflush(stdout);
  return line;
}

int simulate(const Scale& scale) {
  double shortest = 0;
  std::printf("%zu requests of %zu objects a line; sizes in MiB, ratios in %%, differences in points\n", scale.requests,
              scale.objects);
  std::printf("%-21s %6s %8s %8s %6s %6s  %6s %6s  %6s %6s %7s %6s %9s\n", "trace", "cache", "size", "segment", "LRU",
              "bytes", "disk", "bytes", "diff", "bytes", "written", "most", "segments");
  for (const Workload& workload : kWorkloads) {
    for (const double share : kShares) {
      const Line line = replay(workload, share, scale);
      shortest = std::min(shortest, line.hits(line.disk) - line.hits(line.lru));
    }
  }
  const bool is_near = shortest >= -kAllowed;
  std::printf("%s: at most %.2f points below exact LRU (%.0f are allowed)\n", is_near ? "ok" : "FAIL", -shortest,
              kAllowed);
  return is_near ? 0 : 1;
}

}  // namespace
}  // namespace larder::simulate

int main(int count, char** arguments) {
  if (count == 1) return larder::simulate::simulate({});
  if (count == 2 && std::string_view(arguments[1]) == "--check") {
    return larder::simulate::simulate({.objects = 100'000, .requests = 1'000'000});
  }
  std::fprintf(stderr, "usage: %s [--check]\n", arguments[0]);
  return 2;
}
