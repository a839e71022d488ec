// A resolver that asks the scripted name server of dns_server.h.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/net/resolver.h"
#include "test/unit/net/dns_server.h"
#include "test/unit/net/support.h"

namespace larder::net::test {

inline const Address kV4 = Address::parse_literal("192.0.2.1", 0).value();
inline const Address kOtherV4 = Address::parse_literal("192.0.2.2", 0).value();
inline const Address kV6 = Address::parse_literal("2001:db8::1", 0).value();

inline Script addresses(std::vector<Address> list) {
  Script script;
  script.addresses = std::move(list);
  return script;
}

inline std::string describe(const Resolved& resolved) {
  if (resolved.error != DnsError::None) return std::string(to_string(resolved.error));
  std::string out;
  for (const Address& address : resolved.addresses) {
    if (!out.empty()) out += ' ';
    address.append_host(out);
  }
  return out;
}

class ResolverTest {
 protected:
  ResolverTest() {
    options.servers = {server.address()};
    options.resolv_conf = "";
  }

  Resolver& resolver() {
    if (!resolver_) resolver_ = std::make_unique<Resolver>(loop, options);
    return *resolver_;
  }
  // Asks and waits for the answer. `inside` tells whether it came within the call.
  std::string ask(std::string_view name) {
    std::optional<std::string> answer;
    const auto begin = Clock::now();
    const auto query = resolver().resolve(name, [&](const Resolved& resolved) {
      answer = describe(resolved);
      loop.stop();
    });
    inside = answer.has_value();
    CHECK(inside == (query == nullptr));
    // A stop that was called inside the call is taken back by a run.
    REQUIRE(run(loop));
    took = Clock::now() - begin;
    return answer.value();
  }
  void wait(std::chrono::milliseconds time) {
    Timer timer(loop, [&] { loop.stop(); });
    timer.set(time);
    REQUIRE(run(loop));
  }
  [[nodiscard]] int asked(std::string_view name) const {
    return server.asked(name, DnsType::A) + server.asked(name, DnsType::Aaaa);
  }

  DnsServer server;
  Loop loop;
  ResolverOptions options;
  bool inside = false;
  Clock::duration took{};
  std::unique_ptr<Resolver> resolver_;
};

}  // namespace larder::net::test
