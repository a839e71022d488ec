#include "metrics/exposition.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace larder::metrics {
namespace {

using namespace std::chrono_literals;
using policy::Result;
using Time = std::chrono::steady_clock::time_point;

// The text format 0.0.4, read strictly.
struct Scrape {
  std::map<std::string, std::string> help, type;  // by family
  std::map<std::string, double> values;           // by name and labels as written
  std::vector<std::string> mistakes;

  explicit Scrape(const std::string& text) {
    if (!text.ends_with('\n')) mistakes.emplace_back("no line end at the end");
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) read(line);
  }

  void read(const std::string& line) {
    if (line.starts_with("# HELP ") || line.starts_with("# TYPE ")) {
      const auto space = line.find(' ', 7);
      auto& into = line[2] == 'H' ? help : type;
      if (space == std::string::npos || !into.emplace(line.substr(7, space - 7), line.substr(space + 1)).second)
        mistakes.push_back(line);
      return;
    }
    const auto space = line.rfind(' ');
    if (space == std::string::npos) return mistakes.push_back(line);
    char* end = nullptr;
    const double value = std::strtod(line.c_str() + space + 1, &end);
    if (*end != '\0' || !values.emplace(line.substr(0, space), value).second) mistakes.push_back(line);
  }

  double at(const std::string& series) const {
    const auto found = values.find(series);
    if (found == values.end()) FAIL("no series " << series);
    return found->second;
  }
};

std::string family_of(const std::string& series) {
  return series.substr(0, series.find('{'));
}

// Two workers, and an exposition over them.
struct Fixture {
  Counters one, two;
  Gauges gauges;
  Exposition exposition{{&one, &two}, [this] { return gauges; }, "1.2.3"};

  Scrape scrape() const { return Scrape(exposition.scrape()); }
  void count(Result result, std::uint64_t n) { one.requests[static_cast<std::size_t>(result)].add(n); }
};

constexpr const char* kResultWords[] = {"hit",  "revalidated", "stale",  "miss", "collapsed",
                                        "pass", "tunnel",      "denied", "error"};

TEST_CASE("every series has a help and a type, and is named for Larder") {
  const auto scrape = Fixture().scrape();
  CHECK(scrape.mistakes.empty());
  CHECK(scrape.values.size() > 200);  // nine histograms of twenty-one lines are most of it
  for (const auto& pair : scrape.values) {
    const auto& series = pair.first;  // not a structured binding: CAPTURE makes a lambda of it, which clang 14 refuses
    CAPTURE(series);
    CHECK(series.starts_with("larder_"));
    auto family = family_of(series);
    for (const std::string_view part : {"_bucket", "_sum", "_count"}) {
      if (family.ends_with(part) && scrape.help.count(family) == 0) family.resize(family.size() - part.size());
    }
    REQUIRE(scrape.help.count(family) == 1);
    CHECK(scrape.help.at(family).size() > 20);
    CHECK(scrape.help.at(family).ends_with('.'));
    REQUIRE(scrape.type.count(family) == 1);
    CHECK((scrape.type.at(family) == "counter") == family.ends_with("_total"));
    CHECK(std::isfinite(pair.second));
  }
  CHECK(scrape.type.at("larder_request_duration_seconds") == "histogram");
}

TEST_CASE("the contract's series are all there before anything happened") {
  const auto scrape = Fixture().scrape();
  for (const std::string word : kResultWords) {
    CHECK(scrape.at("larder_requests_total{result=\"" + word + "\"}") == 0);
    CHECK(scrape.at("larder_request_duration_seconds_count{result=\"" + word + "\"}") == 0);
    CHECK(scrape.at("larder_request_duration_seconds_bucket{result=\"" + word + "\",le=\"+Inf\"}") == 0);
  }
  for (const auto* series :
       {"larder_response_bytes_total{source=\"cache\"}", "larder_response_bytes_total{source=\"origin\"}",
        "larder_cache_objects{tier=\"memory\"}", "larder_cache_bytes{tier=\"memory\"}",
        "larder_cache_evictions_total{tier=\"memory\"}", "larder_client_connections",
        "larder_origin_connections{state=\"active\"}", "larder_origin_connections{state=\"idle\"}",
        "larder_origin_connects_total", "larder_origin_requests_total", "larder_hit_ratio", "larder_byte_hit_ratio"}) {
    CHECK(scrape.at(series) == 0);
  }
  CHECK(scrape.at("larder_build_info{version=\"1.2.3\"}") == 1);
  const auto now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  CHECK(scrape.at("larder_process_start_time_seconds") > now - 600);
  CHECK(scrape.at("larder_process_start_time_seconds") <= now);
}

TEST_CASE("each counter reaches its own series, summed over the workers") {
  struct Row {
    Counter Counters::*field;
    const char* series;
  };
  const Row rows[] = {
      {&Counters::bytes_from_cache, "larder_response_bytes_total{source=\"cache\"}"},
      {&Counters::bytes_from_origin, "larder_response_bytes_total{source=\"origin\"}"},
      {&Counters::tunnel_bytes_up, "larder_tunnel_bytes_total{direction=\"up\"}"},
      {&Counters::tunnel_bytes_down, "larder_tunnel_bytes_total{direction=\"down\"}"},
      {&Counters::client_connections, "larder_client_connections"},
      {&Counters::client_connections_accepted, "larder_client_connections_accepted_total"},
      {&Counters::client_connections_refused, "larder_client_connections_refused_total"},
      {&Counters::origin_active, "larder_origin_connections{state=\"active\"}"},
      {&Counters::origin_connects, "larder_origin_connects_total"},
      {&Counters::origin_connect_failures, "larder_origin_connect_failures_total"},
      {&Counters::origin_requests, "larder_origin_requests_total"},
      {&Counters::origin_reused, "larder_origin_reused_total"},
      {&Counters::origin_retries, "larder_origin_retries_total"},
      {&Counters::dns_lookups, "larder_dns_lookups_total"},
      {&Counters::dns_cache_hits, "larder_dns_cache_hits_total"},
      {&Counters::dns_failures, "larder_dns_failures_total"},
      {&Counters::log_lines_dropped, "larder_log_lines_dropped_total"},
      {&Counters::storable_skipped, "larder_storable_skipped_total"},
  };
  Fixture fixture;
  std::uint64_t n = 1000;
  for (const auto& row : rows) {
    (fixture.one.*row.field).add(n);
    (fixture.two.*row.field).add(1);
    n += 1000;
  }
  const auto scrape = fixture.scrape();
  double expected = 1001;
  for (const auto& row : rows) {
    CAPTURE(row.series);
    CHECK(scrape.at(row.series) == expected);
    expected += 1000;
  }
}

TEST_CASE("each result is counted under its own word") {
  Fixture fixture;
  for (std::size_t i = 0; i < policy::kResults; ++i) {
    fixture.one.requests[i].add(10 * (i + 1));
    fixture.two.requests[i].add(1);
  }
  const auto scrape = fixture.scrape();
  for (std::size_t i = 0; i < policy::kResults; ++i) {
    CHECK(scrape.at("larder_requests_total{result=\"" + std::string(kResultWords[i]) + "\"}") ==
          static_cast<double>(10 * (i + 1) + 1));
  }
}

TEST_CASE("gauges are read at the scrape") {
  Fixture fixture;
  fixture.gauges = {1, 2, 3, 4, 5, 6, 7, {}};
  fixture.one.log_lines_dropped.add(10);
  const auto scrape = fixture.scrape();
  CHECK(scrape.at("larder_cache_objects{tier=\"memory\"}") == 1);
  CHECK(scrape.at("larder_cache_bytes{tier=\"memory\"}") == 2);
  CHECK(scrape.at("larder_cache_evictions_total{tier=\"memory\"}") == 3);
  CHECK(scrape.at("larder_cache_capacity_bytes{tier=\"memory\"}") == 4);
  CHECK(scrape.at("larder_origin_connections{state=\"idle\"}") == 5);
  CHECK(scrape.at("larder_workers") == 6);
  CHECK(scrape.at("larder_log_lines_dropped_total") == 17);
}

TEST_CASE("large counts keep every digit") {
  Fixture fixture;
  fixture.one.bytes_from_cache.add(9'007'199'254'740'991);  // 2^53 - 1: the last that a double counts exactly
  CHECK(fixture.exposition.scrape().find("{source=\"cache\"} 9007199254740991\n") != std::string::npos);
}

TEST_CASE("histogram buckets are cumulative, over all workers") {
  Fixture fixture;
  auto& hits = fixture.one.duration[static_cast<std::size_t>(Result::Hit)];
  hits.observe(50us);
  hits.observe(200us);
  hits.observe(1h);
  fixture.two.duration[static_cast<std::size_t>(Result::Hit)].observe(200us);
  const auto scrape = fixture.scrape();
  const auto bucket = [&](const char* le) {
    return scrape.at("larder_request_duration_seconds_bucket{result=\"hit\",le=\"" + std::string(le) + "\"}");
  };
  CHECK(bucket("0.0001") == 1);
  CHECK(bucket("0.00025") == 3);
  CHECK(bucket("60") == 3);
  CHECK(bucket("+Inf") == 4);
  CHECK(scrape.at("larder_request_duration_seconds_count{result=\"hit\"}") == 4);
  CHECK(scrape.at("larder_request_duration_seconds_sum{result=\"hit\"}") == doctest::Approx(3600.00045));
  CHECK(scrape.at("larder_request_duration_seconds_count{result=\"miss\"}") == 0);
}

TEST_CASE("the ratios are 0 while nothing was asked") {
  Fixture fixture;
  CHECK(fixture.exposition.hit_ratio() == 0.0);
  CHECK(fixture.exposition.byte_hit_ratio() == 0.0);
  fixture.exposition.tick(Time{} + 1h);
  CHECK(fixture.exposition.hit_ratio() == 0.0);
  fixture.count(Result::Tunnel, 5);  // not a question to the cache
  fixture.count(Result::Denied, 5);
  fixture.count(Result::Error, 5);
  CHECK(fixture.exposition.hit_ratio() == 0.0);
}

TEST_CASE("hits of all kinds count, against those and misses and passes") {
  Fixture fixture;
  fixture.exposition.tick(Time{} + 1h);
  fixture.count(Result::Hit, 1);
  fixture.count(Result::Revalidated, 2);
  fixture.count(Result::Stale, 3);
  fixture.count(Result::Collapsed, 4);
  fixture.count(Result::Miss, 7);
  fixture.count(Result::Pass, 3);
  fixture.count(Result::Error, 100);
  fixture.two.bytes_from_cache.add(100);
  fixture.one.bytes_from_origin.add(300);
  CHECK(fixture.exposition.hit_ratio() == doctest::Approx(0.5));
  CHECK(fixture.exposition.byte_hit_ratio() == doctest::Approx(0.25));
  CHECK(fixture.scrape().at("larder_hit_ratio") == doctest::Approx(0.5));
  CHECK(fixture.scrape().at("larder_byte_hit_ratio") == doctest::Approx(0.25));
}

TEST_CASE("what was asked before the first tick counts too") {
  Fixture fixture;
  fixture.count(Result::Hit, 1);
  CHECK(fixture.exposition.hit_ratio() == 1.0);
  fixture.exposition.tick(Time{} + 1h);
  CHECK(fixture.exposition.hit_ratio() == 1.0);
}

TEST_CASE("what is older than five minutes is forgotten") {
  Fixture fixture;
  Time now = Time{} + 1h;
  fixture.exposition.tick(now);
  fixture.count(Result::Hit, 10);
  for (int i = 0; i < 299; ++i) fixture.exposition.tick(now += 1s);
  CHECK(fixture.exposition.hit_ratio() == 1.0);
  fixture.count(Result::Miss, 10);
  fixture.exposition.tick(now += 1s);
  CHECK(fixture.exposition.hit_ratio() == doctest::Approx(0.5));
  fixture.exposition.tick(now += 1s);  // the hits came more than five minutes ago now
  CHECK(fixture.exposition.hit_ratio() == 0.0);
  fixture.count(Result::Hit, 30);
  CHECK(fixture.exposition.hit_ratio() == doctest::Approx(0.75));
  for (int i = 0; i < 301; ++i) fixture.exposition.tick(now += 1s);
  CHECK(fixture.exposition.hit_ratio() == 0.0);
  CHECK(fixture.exposition.byte_hit_ratio() == 0.0);
}

TEST_CASE("a long pause between ticks forgets all before it") {
  Fixture fixture;
  fixture.exposition.tick(Time{} + 1h);
  fixture.count(Result::Hit, 10);
  fixture.exposition.tick(Time{} + 1h + 1s);
  fixture.exposition.tick(Time{} + 3h);
  CHECK(fixture.exposition.hit_ratio() == 0.0);
}

TEST_CASE("ticks that come too fast do not shorten the window") {
  Fixture fixture;
  Time now = Time{} + 1h;
  fixture.exposition.tick(now);
  fixture.count(Result::Hit, 10);
  for (int i = 0; i < 10'000; ++i) fixture.exposition.tick(now += 20ms);
  CHECK(fixture.exposition.hit_ratio() == 1.0);
  for (int i = 0; i < 6'000; ++i) fixture.exposition.tick(now += 20ms);
  CHECK(fixture.exposition.hit_ratio() == 0.0);
}

TEST_CASE("counters that were running before are not taken for news") {
  Counters worker;
  worker.requests[static_cast<std::size_t>(Result::Hit)].add(1000);
  Exposition exposition(
      {&worker}, [] { return Gauges{}; }, "");
  exposition.tick(Time{} + 1h);
  CHECK(exposition.hit_ratio() == 0.0);
  worker.requests[static_cast<std::size_t>(Result::Miss)].add(1);
  CHECK(exposition.hit_ratio() == 0.0);
  worker.requests[static_cast<std::size_t>(Result::Hit)].add(1);
  CHECK(exposition.hit_ratio() == doctest::Approx(0.5));
}

}  // namespace
}  // namespace larder::metrics
