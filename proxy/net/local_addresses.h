// The addresses of this machine's interfaces, read from the system now and then. Any thread.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "proxy/net/address.h"
#include "proxy/net/loop.h"

namespace larder::net {

class LocalAddresses {
 public:
  using Reader = std::function<std::vector<Address>()>;

  // Reads at once. `read` is for tests.
  LocalAddresses();
  explicit LocalAddresses(Reader read);

  // Whether one of the interfaces has this address (without regard to the port). Reads anew when the last time is 5 s
  // ago.
  [[nodiscard]] bool contains(const Address& address, Clock::time_point now) const;

 private:
  using Addresses = std::shared_ptr<const std::vector<Address>>;
  Addresses current(Clock::time_point now) const;

  Reader read_;
  mutable std::mutex mutex_;  // guards the rest; never held while reading
  mutable Addresses addresses_;
  mutable Clock::time_point next_read_;
};

}  // namespace larder::net
