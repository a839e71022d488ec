// A connection to a host by name: resolve, filter, race (RFC 8305). One loop's thread only.
//
// Every address that `may_dial` allows is tried: the next one 250 ms after the last began, or at once when one fails;
// the first to connect wins, the others are closed. The address that was checked is the one that is dialled.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "proxy/net/address.h"
#include "proxy/net/fd.h"
#include "proxy/net/loop.h"
#include "proxy/net/resolver.h"

namespace larder::net {

enum class DialFailure : std::uint8_t {
  NameUnknown,
  DnsTimeout,
  DnsFailure,
  Denied,
  WouldLoop,
  Refused,
  Unreachable,
  Timeout,
  NoDescriptor
};

struct DialError {
  DialFailure kind = DialFailure::Unreachable;
  std::string detail;  // "no such name", "connection refused by 192.0.2.1:80", ...
};

struct Dialled {
  Fd fd;  // connected, non-blocking, close-on-exec, TCP_NODELAY
  Address peer;
};

enum class DialVerdict : std::uint8_t { Allow, Deny, Loop };
using DialFilter = std::function<DialVerdict(const Address&)>;

class Dial {  // one attempt; dropping it cancels it
 public:
  virtual ~Dial() = default;
};

struct DialOptions {
  std::chrono::milliseconds timeout{10000};  // in all, from the first connect (name look-up has the resolver's own)
  std::chrono::milliseconds stagger{250};
};

using DialCallback = std::function<void(tl::expected<Dialled, DialError>)>;

// Starts. The callback is never called inside this call, and at most once; it may drop the Dial.
// When every address fails, the error is the most telling one: Denied and WouldLoop when no address was allowed, else
// the last connect error (Refused before Unreachable before Timeout).
[[nodiscard]] std::unique_ptr<Dial> dial(Loop& loop, Resolver& resolver, std::string_view host, std::uint16_t port,
                                         DialFilter may_dial, const DialOptions& options, DialCallback callback);

}  // namespace larder::net
