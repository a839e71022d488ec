// The operator's port: metrics for Prometheus, health for a supervisor, what is stored and how it is purged, and a page
// that leads to them all.
//
// Origin-form targets only: this port is no proxy. Only a POST changes anything, and none of another site's page
// (guard.h). It has a loop of its own (given from outside), so that a slow scrape delays no client of the proxy, and it
// drives Exposition::tick. That loop's thread only, construction and destruction included (or before run() and after
// it). The store's disk tier must have ended its work before the loop goes.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "cache/store/store.h"
#include "metrics/exposition.h"
#include "proxy/admin/objects.h"
#include "proxy/admin/purges.h"
#include "proxy/admin/reply.h"
#include "proxy/net/listener.h"
#include "proxy/net/loop.h"

namespace larder::admin {

struct Options {
  std::string version;
  std::function<bool()> healthy;  // false while draining; called on the loop's thread
  // What is not as it should be although requests are taken, each as a line with its LF before it. Same thread.
  std::function<std::string()> troubles = [] { return std::string(); };
  store::Store* store = nullptr;             // null: there is nothing to list or purge
  Purges::KeyOf key_of;                      // what a URL is stored under; on the loop's thread
  std::vector<std::string> names;            // under which this port is asked, see is_own_host
  std::chrono::milliseconds purge{10'000};   // until the answer to a purge is that it goes on
  std::size_t connections = 256;             // further ones are closed at once
  std::chrono::milliseconds header{10'000};  // from a request's first byte (or the accept) to its head's last
  std::chrono::milliseconds idle{120'000};   // between requests: longer than any usual scrape interval
  std::chrono::milliseconds write{10'000};   // for the peer to take some bytes of an answer
};

class Connection;

class Admin {
 public:
  // `listening` comes from net::listen_on. `exposition` must outlive the Admin.
  Admin(net::Loop& loop, net::Fd listening, metrics::Exposition& exposition, Options options);
  ~Admin();
  Admin(const Admin&) = delete;
  Admin& operator=(const Admin&) = delete;

  [[nodiscard]] const net::Address& address() const { return listener_.address(); }
  [[nodiscard]] std::size_t connections() const { return connections_.size(); }

 private:
  friend class Connection;
  [[nodiscard]] Answer answer_health() const;
  Reply reply(const Request& request);
  void on_accept(net::Fd fd);
  void on_tick();
  void remove(Connection& connection);  // destroys it at the end of this turn

  net::Loop& loop_;
  metrics::Exposition& exposition_;
  const Options options_;
  std::unique_ptr<Purges> purges_;  // null without a store
  std::unique_ptr<Objects> objects_;
  std::unordered_map<Connection*, std::unique_ptr<Connection>> connections_;
  net::Timer ticker_;
  net::Listener listener_;
};

}  // namespace larder::admin
