// What the tests of proxy/net share.
#pragma once

#include <chrono>
#include <string_view>

#include "proxy/net/address.h"
#include "proxy/net/loop.h"

namespace larder::net::test {

using namespace std::chrono_literals;

// Runs until somebody calls loop.stop(). False: nobody did for ten seconds, which a test must REQUIRE not to happen.
inline bool run(Loop& loop) {
  bool in_time = true;
  Timer guard(loop, [&] {
    in_time = false;
    loop.stop();
  });
  guard.set(10s);
  loop.run();
  return in_time;
}

// Lets the loop have so many turns.
inline void turns(Loop& loop, int count) {
  for (int i = 0; i < count; ++i) {
    loop.post([&] { loop.stop(); });
    loop.run();
  }
}

inline Address literal(std::string_view host, std::uint16_t port = 0) {
  return Address::parse_literal(host, port).value();
}

}  // namespace larder::net::test
