// Idle origin connections, shared by all workers: parked without an event, looked at (for EOF or stray bytes) when
// taken and once a second. Any thread; no system call is made under its mutex.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/net/address.h"
#include "proxy/net/dialer.h"
#include "proxy/net/fd.h"
#include "proxy/net/loop.h"

namespace larder::origin {

struct PooledConnection {
  net::Fd fd;
  net::Address peer;
  std::uint32_t exchanges = 0;  // carried so far
};

class Pool {
 public:
  struct Limits {
    std::size_t total = 1024;
    std::size_t per_host = 64;
    std::chrono::milliseconds idle{50'000};
  };
  explicit Pool(const Limits& limits) : limits_(limits) {}
  void set_limits(const Limits& limits);

  // The most recently parked connection to `key` ("host:port"), not before `since`, that is still silent and open and
  // whose peer may be dialled for this request (`may_dial` is asked without the lock). Dead ones found on the way are
  // closed.
  std::optional<PooledConnection> take(std::string_view key, const net::DialFilter& may_dial,
                                       net::Clock::time_point since = net::Clock::time_point::min());
  // Parks it. Past the limits the oldest of the host, or this one, is closed.
  void park(std::string_view key, PooledConnection connection, net::Clock::time_point now);
  // Closes what is too old or not silent. Once a second, by one thread.
  void sweep(net::Clock::time_point now);
  [[nodiscard]] std::size_t idle() const;

 private:
  struct Parked {
    PooledConnection connection;
    net::Clock::time_point since;
    std::uint64_t id = 0;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  static bool is_silent(int fd);
  std::optional<Parked> take_newest(std::string_view key, std::uint64_t before);
  void put_back(std::string_view key, std::vector<Parked> unfit);

  mutable std::mutex mutex_;
  Limits limits_;
  std::unordered_map<std::string, std::deque<Parked>, Hash, std::equal_to<>> hosts_;
  std::size_t count_ = 0;
  std::uint64_t next_id_ = 1;
};

}  // namespace larder::origin
