// Who may use the proxy, and what it may connect to. Made from one Config and as immutable; any thread may ask.
#pragma once

#include <cstdint>
#include <vector>

#include "conf/config.h"
#include "proxy/net/address.h"
#include "proxy/net/dialer.h"
#include "proxy/net/local_addresses.h"

namespace larder::access {

class Access {
 public:
  explicit Access(const conf::Config& config);
  // The same with this machine's addresses from elsewhere: for tests.
  Access(const conf::Config& config, net::LocalAddresses::Reader interfaces);

  // access.clients. An IPv4-mapped IPv6 address is an IPv4 one here (net::Address). An empty address may not.
  [[nodiscard]] bool may_use(const net::Address& client) const;
  // access.connect_ports, for CONNECT.
  [[nodiscard]] bool may_connect(std::uint16_t port) const;
  // Asked for each resolved address just before it is dialled, so that no name gets round it. `own` is what the proxy
  // listens on. Loop: `target` would reach one of `own`. Deny: only clients on this machine get to its loopback and
  // link-local addresses (else the proxy would open local services and cloud metadata to the network); nobody gets to
  // multicast or broadcast.
  [[nodiscard]] net::DialVerdict may_dial(const net::Address& client, const net::Address& target,
                                          const std::vector<net::Address>& own) const;

 private:
  [[nodiscard]] bool reaches(const net::Address& target, const net::Address& listener) const;

  std::vector<conf::Network> clients_;
  std::vector<std::uint16_t> connect_ports_;
  net::LocalAddresses local_;
};

}  // namespace larder::access
