// POST /purge: removes what is stored of a URL, a host, a URL prefix or a tag, and answers when that is durable and
// complete. The loop's thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "cache/http/uri.h"
#include "cache/store/store.h"
#include "proxy/admin/parameters.h"
#include "proxy/admin/reply.h"
#include "proxy/net/loop.h"

namespace larder::admin {

class Purges {
 public:
  using KeyOf = std::function<std::string(const http::Uri&)>;

  // `store` must have ended its work before the loop goes. `key_of`: what a URL is stored under. `patience`: after that
  // the answer is that it goes on.
  Purges(net::Loop& loop, store::Store& store, KeyOf key_of, std::chrono::milliseconds patience);

  Reply reply(const Request& request);

 private:
  struct Job {
    Job(net::Loop& loop, std::function<void()> on_due) : timer(loop, std::move(on_due)) {}
    LaterPtr later = std::make_shared<Later>();
    std::size_t memory = 0;
    store::Purged purged;
    net::Timer timer;
  };
  using Jobs = std::unordered_map<std::uint64_t, std::unique_ptr<Job>>;

  Understood<std::uint64_t> start(const Parameters& parameters);
  store::Store::Told told(std::uint64_t number);
  static void on_told(Jobs& jobs, std::uint64_t number, const store::Purged& purged);
  static void finish(Jobs& jobs, std::uint64_t number);

  net::Loop& loop_;
  store::Store& store_;
  const KeyOf key_of_;
  const std::chrono::milliseconds patience_;
  const std::shared_ptr<Jobs> jobs_ = std::make_shared<Jobs>();  // what others tell may come when there are none
  std::uint64_t last_ = 0;
};

}  // namespace larder::admin
