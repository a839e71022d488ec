#include "metrics/exposition.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <sstream>
#include <string_view>
#include <utility>

namespace larder::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr auto kWindow = std::chrono::minutes(5);
constexpr auto kTick = std::chrono::seconds(1);

std::uint64_t at(const std::array<Counter, policy::kResults>& counters, policy::Result result) {
  return counters[static_cast<std::size_t>(result)].get();
}

// The families of one scrape, in the order in which they are added.
class Page {
 public:
  void counter(const char* name, const char* help) { begin(name, help, MetricType::Counter); }
  void gauge(const char* name, const char* help) { begin(name, help, MetricType::Gauge); }
  void histogram(const char* name, const char* help) { begin(name, help, MetricType::Histogram); }

  // A series of the family begun last.
  void value(double number) { add(number); }
  void value(std::uint64_t number) { add(static_cast<double>(number)); }
  void value(const char* label, std::string_view word, std::uint64_t number) {
    add(static_cast<double>(number)).label.push_back({label, std::string(word)});
  }
  ClientMetric& add(double number) {
    ClientMetric metric;
    metric.counter.value = number;  // the serialiser reads the one that fits the family's type
    metric.gauge.value = number;
    return families_.back().metric.emplace_back(std::move(metric));
  }

  [[nodiscard]] std::string text() const {
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, families_);
    return std::move(out).str();
  }

 private:
  void begin(const char* name, const char* help, MetricType type) {
    families_.push_back({std::string("larder_") + name, help, type, {}});
  }
  std::vector<MetricFamily> families_;
};

void add_requests(Page& page, const std::vector<const Counters*>& workers) {
  page.counter("requests_total",
               "Requests answered, by how: hit (from the cache), revalidated (from the cache after the origin said it "
               "had not changed), "
               "stale (from the cache though no longer fresh), miss (fetched and, where allowed, stored), collapsed "
               "(waited for another "
               "client's fetch of the same thing), pass (fetched, not meant for the cache), tunnel (CONNECT or "
               "upgrade), denied (refused "
               "by the access rules), error (no answer could be given).");
  for (std::size_t i = 0; i < policy::kResults; ++i) {
    std::uint64_t total = 0;
    for (const auto* worker : workers) total += worker->requests[i].get();
    page.value("result", policy::to_string(static_cast<policy::Result>(i)), total);
  }
  page.histogram(
      "request_duration_seconds",
      "Time from a request's first byte to its response's last, by how it was answered (see larder_requests_total).");
  for (std::size_t i = 0; i < policy::kResults; ++i) {
    ClientMetric& metric = page.add(0);
    metric.label.push_back({"result", std::string(policy::to_string(static_cast<policy::Result>(i)))});
    std::uint64_t sum = 0;
    for (const auto* worker : workers) sum += worker->duration[i].sum_nanoseconds();
    std::uint64_t below = 0;
    for (std::size_t b = 0; b < Histogram::kBuckets; ++b) {
      for (const auto* worker : workers) below += worker->duration[i].bucket(b);
      const double bound =
          b < Histogram::kBounds.size() ? Histogram::kBounds[b] : std::numeric_limits<double>::infinity();
      metric.histogram.bucket.push_back({below, bound});
    }
    metric.histogram.sample_count = below;
    metric.histogram.sample_sum = static_cast<double>(sum) / 1e9;
  }
}

void add_cache(Page& page, const Gauges& gauges) {
  const bool has_disk = !gauges.disk.states.empty();
  page.gauge("cache_objects", "Responses stored now, by tier.");
  page.value("tier", "memory", gauges.memory_objects);
  if (has_disk) page.value("tier", "disk", gauges.disk.objects);
  page.gauge("cache_bytes", "Bytes that the stored responses take now, by tier.");
  page.value("tier", "memory", gauges.memory_bytes);
  if (has_disk) page.value("tier", "disk", gauges.disk.bytes);
  page.gauge("cache_capacity_bytes", "Bytes that stored responses may take at most, by tier, as configured.");
  page.value("tier", "memory", gauges.memory_capacity);
  if (has_disk) page.value("tier", "disk", gauges.disk.capacity);
  page.counter("cache_evictions_total", "Stored responses dropped to make room for others, by tier.");
  page.value("tier", "memory", gauges.memory_evictions);
  if (has_disk) page.value("tier", "disk", gauges.disk.evictions);
}

void add_disk(Page& page, const Gauges::Disk& disk) {
  if (disk.states.empty()) return;
  page.gauge("cache_disk_state", "How the disk tier is: 1 for the state it is in, 0 for the others.");
  for (const auto& [state, is_now] : disk.states) page.value("state", state, is_now);
  page.counter("cache_errors_total", "Things found wrong on the disk, by kind; none of them was ever an answer.");
  for (const auto& [kind, count] : disk.errors) page.value("kind", kind, count);
  page.counter("cache_disk_stores_total", "Responses written to disk.");
  page.value(disk.stored);
  page.counter("cache_disk_store_skips_total",
               "Responses not written to disk, because it was failing or slower than they came.");
  page.value(disk.skipped);
  page.counter("cache_disk_written_bytes_total",
               "Bytes written to disk: stored (new), or carried (written again, to be kept when their file went).");
  page.value("reason", "stored", disk.stored_bytes);
  page.value("reason", "carried", disk.carried_bytes);
  page.gauge("cache_disk_index_bytes", "Memory that the index of the disk tier takes.");
  page.value(disk.index_bytes);
}

// In what follows, total(field) is that counter's sum over all workers.
void add_connections(Page& page, const Gauges& gauges, const auto& total) {
  page.gauge("client_connections", "Connections from clients that are open now.");
  page.value(total(&Counters::client_connections));
  page.counter("client_connections_accepted_total", "Connections from clients that were accepted.");
  page.value(total(&Counters::client_connections_accepted));
  page.counter("client_connections_refused_total",
               "Connections from clients that were closed at once, because too many were open.");
  page.value(total(&Counters::client_connections_refused));
  page.gauge(
      "origin_connections",
      "Connections to origin servers that are open now: active (carrying a request) or idle (kept for the next).");
  page.value("state", "active", total(&Counters::origin_active));
  page.value("state", "idle", gauges.origin_idle);
  page.counter("origin_connects_total", "Connections to origin servers that were opened.");
  page.value(total(&Counters::origin_connects));
  page.counter("origin_connect_failures_total", "Attempts to connect to an origin server that failed.");
  page.value(total(&Counters::origin_connect_failures));
  page.counter("origin_requests_total", "Requests sent to origin servers.");
  page.value(total(&Counters::origin_requests));
  page.counter("origin_reused_total",
               "Requests sent to origin servers on a connection that had carried another before.");
  page.value(total(&Counters::origin_reused));
  page.counter("origin_retries_total",
               "Requests sent again on a new connection, because the origin server had closed a kept one.");
  page.value(total(&Counters::origin_retries));
}

void add_tunnels(Page& page, const auto& total) {
  page.counter("tunnel_bytes_total",
               "Bytes carried by tunnels (CONNECT, upgrades): up is from client to origin server, down is back.");
  page.value("direction", "up", total(&Counters::tunnel_bytes_up));
  page.value("direction", "down", total(&Counters::tunnel_bytes_down));
}

void add_dns_and_log(Page& page, const Gauges& gauges, const auto& total) {
  page.counter("dns_lookups_total", "Host names that were to be turned into addresses.");
  page.value(total(&Counters::dns_lookups));
  page.counter("dns_cache_hits_total", "Host names whose addresses were still known from an earlier answer.");
  page.value(total(&Counters::dns_cache_hits));
  page.counter("dns_failures_total", "Host names for which no address was found.");
  page.value(total(&Counters::dns_failures));
  page.counter("log_lines_dropped_total",
               "Access log lines that were not written, because the log's reader or disk was too slow or failed.");
  page.value(total(&Counters::log_lines_dropped) + gauges.log_lines_lost);
}

}  // namespace

Exposition::Exposition(std::vector<const Counters*> workers, std::function<Gauges()> gauges, std::string version)
    : workers_(std::move(workers)),
      gauges_(std::move(gauges)),
      version_(std::move(version)),
      started_(std::chrono::duration<double>(
                   std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()))
                   .count()) {
  history_.push_back(sample({}));
}

std::uint64_t Exposition::sum(Counter Counters::*field) const {
  std::uint64_t total = 0;
  for (const auto* worker : workers_) total += (worker->*field).get();
  return total;
}

Exposition::Sample Exposition::sample(std::chrono::steady_clock::time_point now) const {
  using enum policy::Result;
  Sample out;
  out.at = now;
  for (const auto* worker : workers_) {
    for (const auto result : {Hit, Revalidated, Stale, Collapsed}) out.hits += at(worker->requests, result);
    for (const auto result : {Miss, Pass}) out.lookups += at(worker->requests, result);
  }
  out.lookups += out.hits;
  out.bytes_cache = sum(&Counters::bytes_from_cache);
  out.bytes_all = out.bytes_cache + sum(&Counters::bytes_from_origin);
  return out;
}

void Exposition::tick(std::chrono::steady_clock::time_point now) {
  if (!std::exchange(ticked_, true)) history_.front().at = now;  // the counters as they were at the start
  // Ticks that come faster than once a second replace each other: the history stays as long as five minutes are.
  if (history_.size() > 1 && now - history_[history_.size() - 2].at < kTick) history_.pop_back();
  history_.push_back(sample(now));
  while (history_.size() > 2 && now - history_[1].at >= kWindow) history_.pop_front();
}

double Exposition::ratio(std::uint64_t Sample::*part, std::uint64_t Sample::*whole) const {
  const Sample now = sample(history_.back().at);
  const Sample& then = history_.front();
  const auto asked = now.*whole - then.*whole;
  return asked == 0 ? 0.0 : static_cast<double>(now.*part - then.*part) / static_cast<double>(asked);
}

double Exposition::hit_ratio() const {
  return ratio(&Sample::hits, &Sample::lookups);
}
double Exposition::byte_hit_ratio() const {
  return ratio(&Sample::bytes_cache, &Sample::bytes_all);
}

std::string Exposition::scrape() const {
  const Gauges gauges = gauges_();
  const auto total = [&](Counter Counters::*field) { return sum(field); };
  Page page;
  page.gauge("build_info", "Always 1; the label names the version of Larder that runs.");
  page.add(1).label.push_back({"version", version_});
  page.gauge("process_start_time_seconds", "When Larder was started, in seconds since 1970-01-01 UTC.");
  page.value(started_);
  page.gauge("workers", "Threads that serve clients.");
  page.value(gauges.workers);

  add_requests(page, workers_);
  page.counter("response_bytes_total",
               "Bytes of response bodies sent to clients, by where they came from: the cache or an origin server.");
  page.value("source", "cache", total(&Counters::bytes_from_cache));
  page.value("source", "origin", total(&Counters::bytes_from_origin));
  page.gauge("hit_ratio",
             "Share of requests answered from the cache (hit, revalidated, stale, collapsed) among those and miss and "
             "pass, over the last five minutes; 0 when there were none.");
  page.value(hit_ratio());
  page.gauge(
      "byte_hit_ratio",
      "Share of response body bytes that came from the cache, over the last five minutes; 0 when there were none.");
  page.value(byte_hit_ratio());

  add_cache(page, gauges);
  add_disk(page, gauges.disk);
  page.counter("storable_skipped_total",
               "Responses that were allowed into the cache but not stored: too large, or no room.");
  page.value(total(&Counters::storable_skipped));

  add_connections(page, gauges, total);
  add_tunnels(page, total);
  add_dns_and_log(page, gauges, total);
  return page.text();
}

}  // namespace larder::metrics
