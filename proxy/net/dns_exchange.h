// One question put to the DNS servers, until one of them answers. Loop's thread only.
//
// A question goes to a server by UDP (evdns: dns_udp.h, with what that costs), and by TCP when the reply was cut off or
// could not be read. Every exchange has sockets, and so source ports, of its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "proxy/net/address.h"
#include "proxy/net/dns_message.h"
#include "proxy/net/loop.h"
#include "proxy/net/resolver.h"

namespace larder::net {

// The servers of one resolver, shared by its exchanges.
struct DnsServers {
  std::vector<Address> addresses;          // never empty
  std::size_t preferred = 0;               // the one that answered last is asked first
  std::chrono::milliseconds retry{2'000};  // until the next server is asked, or the same once more
};

struct DnsAnswer {
  DnsError error = DnsError::None;
  std::vector<Address> addresses;
  std::optional<std::chrono::seconds> ttl;
};

class DnsExchange {
 public:
  using Callback = std::function<void(DnsAnswer)>;

  // Asks the preferred server, then the others in turn, over and over. There is no end to this but an answer, or
  // ServerFailure when every server has refused or failed: the owner sets the limit. The callback comes at most once,
  // never inside this call, and may destroy the exchange.
  DnsExchange(Loop& loop, std::shared_ptr<DnsServers> servers, DnsQuestion question, Callback callback);
  ~DnsExchange();
  DnsExchange(const DnsExchange&) = delete;
  DnsExchange& operator=(const DnsExchange&) = delete;

 private:
  struct Link;

  void send_next();
  bool ask_udp(Link& link);
  bool start_tcp(Link& link);
  void on_tcp_connected(Link& link);
  void on_tcp_readable(Link& link);
  // These may end the exchange and with it this object: nothing may follow them.
  void take(Link& link, DnsReply reply);
  void give_up(Link& link);
  void finish(DnsAnswer answer);

  Loop& loop_;
  std::shared_ptr<DnsServers> servers_;
  DnsQuestion question_;
  Callback callback_;
  std::vector<std::unique_ptr<Link>> links_;  // one for each server, in servers_' order
  std::size_t next_;
  Timer retry_;
};

}  // namespace larder::net
