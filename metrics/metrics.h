// Plain counters and histograms. Each worker has its own Counters, written by that worker's thread alone (relaxed
// atomics, so a scrape may read them at any time) and summed at the scrape. Knows nothing of Prometheus: that is
// metrics/exposition.h.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "cache/policy/outcome.h"

namespace larder::metrics {

// A number that one thread writes and any may read.
class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  void sub(std::uint64_t n = 1) { value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Durations in buckets whose bounds are kBounds (seconds, inclusive upper), then one for all longer.
class Histogram {
 public:
  static constexpr std::array<double, 18> kBounds{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05,
                                                  .1,    .25,    .5,    1,    2.5,   5,    10,  30,   60};
  void observe(std::chrono::nanoseconds duration);
  [[nodiscard]] std::uint64_t bucket(std::size_t i) const { return buckets_[i].get(); }
  [[nodiscard]] std::uint64_t sum_nanoseconds() const { return sum_.get(); }
  static constexpr std::size_t kBuckets = kBounds.size() + 1;

 private:
  std::array<Counter, kBuckets> buckets_;
  Counter sum_;
};

// One worker's. All fields are written by its thread only.
struct alignas(64) Counters {
  std::array<Counter, policy::kResults> requests;    // by result
  std::array<Histogram, policy::kResults> duration;  // by result
  Counter bytes_from_cache, bytes_from_origin;       // response body bytes sent to clients, by where they came from
  Counter tunnel_bytes_up, tunnel_bytes_down;        // client to origin, origin to client
  Counter client_connections;                        // open now
  Counter client_connections_accepted, client_connections_refused;
  Counter origin_active;  // origin connections in use now
  Counter origin_connects, origin_connect_failures;
  Counter origin_requests, origin_reused;  // exchanges; those on a connection that had carried one before
  Counter origin_retries;
  Counter dns_lookups, dns_cache_hits, dns_failures;
  Counter log_lines_dropped;
  Counter storable_skipped;  // responses passed though storable: no room or too large
};

}  // namespace larder::metrics
