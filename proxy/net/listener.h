// A listening socket on one loop (SO_REUSEPORT: every worker has its own on the same port).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "proxy/net/address.h"
#include "proxy/net/fd.h"
#include "proxy/net/loop.h"

namespace larder::net {

struct ListenError {
  std::string text;                // names the address and the system's reason
  bool is_family_unknown = false;  // this kernel has no IPv6 (or no IPv4) at all
};

// Binds and listens; not yet accepting. Port 0 takes a free one: see bound_address. `reuse_port` lets others share it.
tl::expected<Fd, ListenError> listen_on(const Address& address, bool reuse_port);
Address bound_address(int fd);

// Accepts on `fd` from its creation until it is destroyed. Uses accept4 with non-blocking and close-on-exec, up to 64
// connections a turn. Out of descriptors (EMFILE, ENFILE, ENOBUFS, ENOMEM): accepting pauses for 100 ms instead of
// spinning. ECONNABORTED is ignored.
class Listener {
 public:
  using OnAccept = std::function<void(Fd, const Address& peer)>;
  Listener(Loop& loop, Fd fd, OnAccept on_accept);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  [[nodiscard]] const Address& address() const { return address_; }

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  Address address_;
};

}  // namespace larder::net
