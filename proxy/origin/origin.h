// One worker's side towards origins: starts fetches and owns them until they end. Its loop's thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "cache/policy/range.h"
#include "cache/policy/rules.h"
#include "cache/store/store.h"
#include "conf/config.h"
#include "metrics/metrics.h"
#include "proxy/net/buffer.h"
#include "proxy/net/dialer.h"
#include "proxy/net/loop.h"
#include "proxy/net/resolver.h"
#include "proxy/origin/pool.h"
#include "proxy/origin/request.h"
#include "proxy/origin/request_body.h"
#include "proxy/wire/head_parser.h"

namespace larder::origin {

// A connection that an origin has switched to another protocol (101), given away.
struct Switched {
  net::Fd fd;
  std::string early;  // bytes that already followed the 101
  std::string head;   // the 101's own head, ready for the client but for the final empty line
};

// What to fetch. The object has its first Reader already; it gets no writer but this fetch.
struct FetchOrder {
  std::shared_ptr<const Request> request;
  store::Ref<store::Object> object;
  store::Ref<store::Object> validate;  // the stored response whose validators are sent; null for none
  // Stored under the same URI for other requests: their entity tags are sent, and a 304 that names one of them makes it
  // this request's as well (RFC 9111 section 4.3.1). Only without `validate`.
  std::vector<store::Ref<store::Object>> variants;
  // Bytes to ask for in place of what the request asks, and the strong validator of the part that they shall complete
  // (If-Range; "" for none). The request's own Range and conditions stay behind.
  std::optional<policy::ByteRange> range;
  bool to_end = false;  // `range` reaches the end of the representation
  std::string if_range;
  // HEAD: the stored response to GET that its answer may update (RFC 9111 section 4.3.5); null for none.
  store::Ref<store::Object> head_of;
  bool in_background = false;         // nobody reads: only worth while what comes may be kept
  bool keep_range = false;            // with `validate`: the request's Range goes along
  std::shared_ptr<RequestBody> body;  // null for none
  net::DialFilter may_dial;
  bool may_store = false;                   // the object is a flight: its response may be kept and shared
  std::function<void(Switched)> on_switch;  // set: the client asked for an upgrade; called at most once, from the loop
};

class Fetch;

class Origin {
 public:
  struct House {  // what outlives every Origin
    net::Loop& loop;
    net::Resolver& resolver;
    net::BufferPool& buffers;
    Pool& pool;
    store::Store& store;
    metrics::Counters& counters;
    std::string via;  // this process's pseudonym in Via
  };
  Origin(House house, std::shared_ptr<const conf::Config> config);
  ~Origin();

  // For fetches from now on.
  void configure(std::shared_ptr<const conf::Config> config);
  // A connection that a tunnel has opened and does not need: for later fetches from there.
  void adopt(net::Fd fd, const net::Address& peer, const http::Authority& authority);
  // Never calls back inside this call; the outcome is seen on the object.
  void start(FetchOrder order);
  [[nodiscard]] const std::shared_ptr<const policy::Rules>& rules() const { return rules_; }
  // Nothing that anybody waits for is in flight.
  [[nodiscard]] bool is_idle() const;
  // Called when the last fetch has ended.
  void set_on_idle(std::function<void()> on_idle) { on_idle_ = std::move(on_idle); }

 private:
  friend class Fetch;
  void forget(Fetch& fetch);

  House house_;
  std::shared_ptr<const conf::Config> config_;
  std::shared_ptr<const policy::Rules> rules_;
  std::unordered_map<Fetch*, std::unique_ptr<Fetch>> fetches_;
  std::function<void()> on_idle_;
};

// Under which a connection is parked: "host:port".
std::string pool_key(std::string_view host, std::uint16_t port);

// What to tell a client whose origin could not be reached.
store::Failure failure_of(const net::DialError& error);

// The limits of the configuration as the parsers take them, for clients and origins alike.
wire::Limits wire_limits(const conf::Config& config);

policy::Rules rules_of(const conf::Config& config);

}  // namespace larder::origin
