// Names to addresses, without blocking: evdns (dns_udp.h) with a cache. One per worker; its loop's thread only.
//
// A literal address answers at once (inside the call). /etc/hosts (conf dns.hosts) comes before DNS and is read again
// when it changes (checked at most once a second). "localhost" and names under it are loopback without asking,
// "invalid" and "onion" are unknown (RFC 6761, RFC 7686). The servers and search domains of resolv.conf apply, and it
// too is read again when it changes; without a server there is ServerFailure at once. A and AAAA are asked together;
// AAAA may come up to 50 ms after A (RFC 8305 section 3) before the answer is given without it, and is then only
// cached. Answers are cached by their TTL between dns.min_ttl and dns.max_ttl; "no such name" and "no data" by their
// own, at most dns.negative_ttl; time-outs and server failures are not cached beyond 1 s. The cache is bounded (4096
// names, LRU). One query in flight serves all who ask for the name. A name that cannot be a host's is NoSuchName
// without asking.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/net/address.h"
#include "proxy/net/loop.h"

namespace larder::net {

enum class DnsError : std::uint8_t { None, NoSuchName, NoAddress, Timeout, ServerFailure };
std::string_view to_string(DnsError e);  // readable: "no such name", ...

struct Resolved {
  DnsError error = DnsError::None;
  std::vector<Address> addresses;  // port 0; both families, IPv6 first and then alternating (RFC 8305 section 4); never
                                   // empty without error
};

struct ResolverOptions {
  std::vector<std::string> servers;  // "ADDR" or "ADDR:PORT"; empty: those of resolv.conf
  std::string hosts;
  std::chrono::milliseconds timeout{5000}, min_ttl{1000}, max_ttl{3600000}, negative_ttl{10000};
  std::string resolv_conf = "/etc/resolv.conf";
  bool operator==(const ResolverOptions&) const = default;
};

struct ResolverStats {           // counted since the start
  std::uint64_t lookups = 0;     // names asked for (no literals)
  std::uint64_t cache_hits = 0;  // of them, answered from the cache
  std::uint64_t failures = 0;    // of them, answered with an error of any kind
};

class Resolver {
 public:
  Resolver(Loop& loop, const ResolverOptions& options);
  ~Resolver();

  using Callback = std::function<void(const Resolved&)>;
  // A question that is open. Dropping it drops the interest: the callback will not be called. May outlive the Resolver.
  class Query;
  using QueryPtr = std::unique_ptr<Query>;

  // Answers through `callback`, inside this call when the answer is known (then null is returned), later otherwise. The
  // callback may drop the query.
  [[nodiscard]] QueryPtr resolve(std::string_view host, Callback callback);
  // For names asked for from now on; what is cached is kept unless the options differ.
  void configure(const ResolverOptions& options);
  [[nodiscard]] const ResolverStats& stats() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

class Resolver::Query {
 public:
  virtual ~Query() = default;
};

}  // namespace larder::net
