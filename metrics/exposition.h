// The one file that speaks to prometheus-cpp: from Counters and gauges to the text that Prometheus scrapes.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "metrics/metrics.h"

namespace larder::metrics {

// What is read from elsewhere at the moment of the scrape.
struct Gauges {
  std::uint64_t memory_objects = 0, memory_bytes = 0, memory_evictions = 0;
  std::uint64_t memory_capacity = 0;
  std::uint64_t origin_idle = 0;
  std::uint64_t workers = 0;
  std::uint64_t log_lines_lost = 0;  // AccessLog::lost_lines()
  struct Disk {
    std::uint64_t objects = 0, bytes = 0, capacity = 0, evictions = 0;
    std::uint64_t stored = 0, stored_bytes = 0, carried_bytes = 0, skipped = 0;
    std::uint64_t index_bytes = 0;
    std::vector<std::pair<std::string_view, std::uint64_t>> states;  // none without a disk tier; 1 for the present one
    std::vector<std::pair<std::string_view, std::uint64_t>> errors;  // by kind
  } disk;
};

// Serves scrapes; any one thread at a time. The counters must outlive it.
class Exposition {
 public:
  Exposition(std::vector<const Counters*> workers, std::function<Gauges()> gauges, std::string version);

  // Called once a second by the admin loop's timer with a steady time: keeps five minutes of history for the ratios.
  void tick(std::chrono::steady_clock::time_point now);
  // The text exposition format 0.0.4, by prometheus-cpp's serialiser.
  [[nodiscard]] std::string scrape() const;
  // hits (hit + revalidated + stale + collapsed) over those plus miss and pass, in the last five minutes; 0 when
  // nothing was asked. Bytes alike.
  [[nodiscard]] double hit_ratio() const;
  [[nodiscard]] double byte_hit_ratio() const;

 private:
  struct Sample {
    std::chrono::steady_clock::time_point at;
    std::uint64_t hits = 0, lookups = 0, bytes_cache = 0, bytes_all = 0;
  };
  [[nodiscard]] Sample sample(std::chrono::steady_clock::time_point now) const;
  [[nodiscard]] double ratio(std::uint64_t Sample::*part, std::uint64_t Sample::*whole) const;
  [[nodiscard]] std::uint64_t sum(Counter Counters::*field) const;

  std::vector<const Counters*> workers_;
  std::function<Gauges()> gauges_;
  std::string version_;
  double started_;  // seconds since the epoch
  std::deque<Sample>
      history_;  // oldest first; the first one is at most as young as the window is long, once that has passed
  bool ticked_ = false;
};

}  // namespace larder::metrics
