// One worker: a thread's loop with all that belongs to it - listeners, client connections, its side towards origins,
// its counters and log lines. Made by main before its thread runs; afterwards reached by post() only.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "cache/store/store.h"
#include "conf/config.h"
#include "metrics/access_log.h"
#include "metrics/metrics.h"
#include "proxy/access/access.h"
#include "proxy/net/buffer.h"
#include "proxy/net/listener.h"
#include "proxy/net/loop.h"
#include "proxy/net/resolver.h"
#include "proxy/origin/origin.h"
#include "proxy/origin/pool.h"

namespace larder::client {

class Connection;

// What all workers share. Outlives them.
struct Shared {
  store::Store& store;
  origin::Pool& pool;
  metrics::AccessLog& log;
  std::vector<net::Address> own;  // the addresses this proxy listens on, the admin port's too: never dialled
  std::string via;                // this process's member of Via without the version: "larder (3f29a1c4)"
  std::string version;
  std::atomic<std::uint64_t> connections{0};  // of clients, all workers together
};

class Worker {
 public:
  // `counters` outlives the worker, so that a scrape may read them at any time.
  Worker(Shared& shared, metrics::Counters& counters, std::shared_ptr<const conf::Config> config);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void listen(net::Fd fd);  // before run()
  void run();               // until stop_now(), or drained
  [[nodiscard]] net::Loop& loop() { return loop_; }

  // The rest: the worker's thread.
  void configure(std::shared_ptr<const conf::Config> config);
  // Stops accepting, lets what is in flight end, then ends run().
  void drain();
  void stop_now();

  [[nodiscard]] const conf::Config& config() const { return *config_; }
  [[nodiscard]] const std::shared_ptr<const conf::Config>& config_ref() const { return config_; }
  [[nodiscard]] const std::shared_ptr<const access::Access>& access() const { return access_; }
  [[nodiscard]] Shared& shared() { return shared_; }
  [[nodiscard]] metrics::Counters& counters() { return counters_; }
  [[nodiscard]] net::BufferPool& buffers() { return buffers_; }
  [[nodiscard]] net::Resolver& resolver() { return resolver_; }
  [[nodiscard]] origin::Origin& origin() { return *origin_; }
  [[nodiscard]] metrics::AccessLog::Buffer& log() { return log_; }
  [[nodiscard]] bool is_draining() const { return draining_; }
  [[nodiscard]] store::Tick tick() const;
  void forget(Connection& connection);

 private:
  void on_accept(net::Fd fd, const net::Address& peer);
  void on_flush();
  void stop_when_idle();  // when draining

  Shared& shared_;
  metrics::Counters& counters_;
  std::shared_ptr<const conf::Config> config_;
  std::shared_ptr<const access::Access> access_;
  net::Loop loop_;
  net::BufferPool buffers_;
  net::Resolver resolver_;
  std::unique_ptr<origin::Origin> origin_;
  metrics::AccessLog::Buffer log_;
  net::Timer flush_timer_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  std::unordered_map<Connection*, std::unique_ptr<Connection>> connections_;
  bool draining_ = false;
};

}  // namespace larder::client
