// Synthetic requests: which object is asked for next, and how large it is. The same each time.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace larder::simulate {

struct Workload {
  std::string name;
  double skew = 0.9;    // of Zipf
  double spread = 2.0;  // sigma of the logarithm of sizes, whose median is 10 KiB
  double scanned = 0;   // share of the requests that belong to scans over objects never asked for again
};

struct Request {
  std::uint64_t object = 0;
  std::uint64_t bytes = 0;
};

class Trace {
 public:
  Trace(const Workload& workload, std::size_t objects)
      : workload_(workload), sizes_(objects), chance_(objects), other_(objects), next_scanned_(objects) {
    for (std::uint64_t& size : sizes_) size = draw_size();
    make_alias_table();
  }

  // Of all objects but the scanned ones.
  [[nodiscard]] std::uint64_t bytes() const { return std::reduce(sizes_.begin(), sizes_.end()); }

  Request next() {
    if (is_scan()) return {next_scanned_++, draw_size()};
    const std::size_t slot = std::uniform_int_distribution<std::size_t>(0, sizes_.size() - 1)(random_);
    const std::size_t object = unit_(random_) < chance_[slot] ? slot : other_[slot];
    return {object, sizes_[object]};
  }

 private:
  static constexpr std::uint64_t kRound = 50000;  // requests: a scan, and what is between two

  bool is_scan() {
    const std::uint64_t place = count_++ % kRound;
    return static_cast<double>(place) < workload_.scanned * static_cast<double>(kRound);
  }

  std::uint64_t draw_size() {
    const double size = std::lognormal_distribution<double>(std::log(10240.0), workload_.spread)(random_);
    return static_cast<std::uint64_t>(std::clamp(size, 64.0, 16.0 * 1024 * 1024));
  }

  // Walker's: each slot stands for one object or another, so that a draw costs the same however many there are.
  void make_alias_table() {
    std::vector<double> weight(sizes_.size());
    for (std::size_t i = 0; i < weight.size(); ++i) weight[i] = std::pow(static_cast<double>(i + 1), -workload_.skew);
    const double mean = std::reduce(weight.begin(), weight.end()) / static_cast<double>(weight.size());
    std::vector<std::size_t> poor;
    std::vector<std::size_t> rich;
    for (std::size_t i = 0; i < weight.size(); ++i) {
      chance_[i] = weight[i] / mean;
      (chance_[i] < 1 ? poor : rich).push_back(i);
    }
    while (!poor.empty() && !rich.empty()) {
      const std::size_t from = rich.back();
      other_[poor.back()] = from;
      chance_[from] -= 1 - chance_[poor.back()];
      poor.pop_back();
      if (chance_[from] >= 1) continue;
      rich.pop_back();
      poor.push_back(from);
    }
    for (const std::size_t i : poor) chance_[i] = 1;  // but for rounding
  }

  const Workload workload_;
  std::mt19937_64 random_{20261124};
  std::uniform_real_distribution<double> unit_{0, 1};
  std::vector<std::uint64_t> sizes_;
  std::vector<double> chance_;
  std::vector<std::size_t> other_;
  std::uint64_t next_scanned_;
  std::uint64_t count_ = 0;
};

}  // namespace larder::simulate
