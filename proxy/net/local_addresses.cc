#include "proxy/net/local_addresses.h"

#include <ifaddrs.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace larder::net {
namespace {

constexpr std::chrono::seconds kReadEvery{5};

std::vector<Address> read_interfaces() {
  std::vector<Address> out;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return out;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    const Address address = Address::from(entry->ifa_addr);
    if (!address.empty()) out.push_back(address);
  }
  ::freeifaddrs(list);
  return out;
}

}  // namespace

LocalAddresses::LocalAddresses() : LocalAddresses(read_interfaces) {}

LocalAddresses::LocalAddresses(Reader read)
    : read_(std::move(read)),
      addresses_(std::make_shared<const std::vector<Address>>(read_())),
      next_read_(Clock::now() + kReadEvery) {}

bool LocalAddresses::contains(const Address& address, Clock::time_point now) const {
  const Addresses addresses = current(now);
  return std::any_of(addresses->begin(), addresses->end(), [&](const Address& own) { return own.same_host(address); });
}

LocalAddresses::Addresses LocalAddresses::current(Clock::time_point now) const {
  {
    std::lock_guard lock(mutex_);
    if (now < next_read_) return addresses_;
    next_read_ = now + kReadEvery;  // the others go on with what there is
  }
  auto fresh = std::make_shared<const std::vector<Address>>(read_());
  std::lock_guard lock(mutex_);
  addresses_ = fresh;
  return fresh;
}

}  // namespace larder::net
