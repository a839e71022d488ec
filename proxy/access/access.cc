#include "proxy/access/access.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace larder::access {
namespace {

bool contains(const conf::Network& network, const net::Address& address) {
  if (address.empty() || address.size() != network.bytes) return false;
  const std::size_t bits = std::min<std::size_t>(network.prefix, address.size() * 8);
  const std::size_t whole = bits / 8;
  if (std::memcmp(network.address.data(), address.bytes(), whole) != 0) return false;
  const std::size_t rest = bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff << (8 - rest));
  return ((network.address[whole] ^ address.bytes()[whole]) & mask) == 0;
}

// Connecting to 0.0.0.0 or :: is connecting to this machine.
bool is_this_machine(const net::Address& address) {
  return address.is_loopback() || address.is_unspecified();
}

}  // namespace

Access::Access(const conf::Config& config)
    : clients_(config.access.clients), connect_ports_(config.access.connect_ports) {}

Access::Access(const conf::Config& config, net::LocalAddresses::Reader interfaces)
    : clients_(config.access.clients), connect_ports_(config.access.connect_ports), local_(std::move(interfaces)) {}

bool Access::may_use(const net::Address& client) const {
  return std::any_of(clients_.begin(), clients_.end(),
                     [&](const conf::Network& network) { return contains(network, client); });
}

bool Access::may_connect(std::uint16_t port) const {
  return std::find(connect_ports_.begin(), connect_ports_.end(), port) != connect_ports_.end();
}

net::DialVerdict Access::may_dial(const net::Address& client, const net::Address& target,
                                  const std::vector<net::Address>& own) const {
  if (target.empty() || target.is_multicast() || target.is_broadcast()) return net::DialVerdict::Deny;
  if (std::any_of(own.begin(), own.end(), [&](const net::Address& listener) { return reaches(target, listener); })) {
    return net::DialVerdict::Loop;
  }
  if (!client.is_loopback() && (is_this_machine(target) || target.is_link_local())) return net::DialVerdict::Deny;
  return net::DialVerdict::Allow;
}

bool Access::reaches(const net::Address& target, const net::Address& listener) const {
  if (target.port() != listener.port() || target.is_v6() != listener.is_v6()) return false;
  if (target.same_host(listener)) return true;
  if (target.is_unspecified()) return listener.is_loopback();  // the kernel takes the loopback address then
  if (!listener.is_unspecified()) return false;
  return target.is_loopback() || local_.contains(target, net::Clock::now());
}

}  // namespace larder::access
