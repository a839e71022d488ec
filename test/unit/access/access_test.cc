#include "proxy/access/access.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

namespace larder::access {
namespace {

using net::Address;
using net::DialVerdict;

Address literal(std::string_view host, std::uint16_t port = 0) {
  return Address::parse_literal(host, port).value();
}

conf::Network network(std::string_view host, std::uint8_t prefix) {
  const Address address = literal(host);
  conf::Network result;
  result.bytes = static_cast<std::uint8_t>(address.size());
  for (std::size_t i = 0; i < address.size(); ++i) result.address[i] = address.bytes()[i];
  result.prefix = prefix;
  return result;
}

TEST_CASE("who may use the proxy") {
  conf::Config config;
  config.access.clients = {network("127.0.0.0", 8), network("10.1.0.0", 20), network("::1", 128), network("fd00::", 7),
                           network("203.0.113.5", 32)};
  const Access access(config);
  struct Row {
    std::string_view client;
    bool may;
  };
  const Row rows[] = {
      {"127.0.0.1", true},    {"127.255.0.1", true},     {"128.0.0.1", false},    {"10.1.0.1", true},
      {"10.1.15.255", true},  {"10.1.16.0", false},      {"10.0.255.255", false}, {"203.0.113.5", true},
      {"203.0.113.4", false}, {"203.0.113.37", false},   {"::1", true},           {"::2", false},
      {"fc00::1", true},      {"fdff:ffff::1", true},    {"fe00::1", false},      {"::ffff:127.0.0.1", true},
      {"7f00::1", false},     {"::ffff:8.8.8.8", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.client);
    CHECK(access.may_use(literal(row.client)) == row.may);
  }
  CHECK_FALSE(access.may_use(Address()));
}

TEST_CASE("a network of no bits holds every address of its family, and an empty list nobody") {
  conf::Config config;
  config.access.clients = {network("0.0.0.0", 0)};
  CHECK(Access(config).may_use(literal("203.0.113.1")));
  CHECK_FALSE(Access(config).may_use(literal("2001:db8::1")));
  CHECK_FALSE(Access(config).may_use(Address()));
  config.access.clients = {network("::", 0)};
  CHECK(Access(config).may_use(literal("2001:db8::1")));
  CHECK_FALSE(Access(config).may_use(literal("203.0.113.1")));
  config.access.clients.clear();
  CHECK_FALSE(Access(config).may_use(literal("127.0.0.1")));
}

TEST_CASE("ports of CONNECT") {
  conf::Config config;
  config.access.connect_ports = {443, 8443};
  const Access access(config);
  CHECK(access.may_connect(443));
  CHECK(access.may_connect(8443));
  for (const int port : {0, 22, 25, 80, 444}) CHECK_FALSE(access.may_connect(static_cast<std::uint16_t>(port)));
  config.access.connect_ports.clear();
  CHECK_FALSE(Access(config).may_connect(443));
}

std::string_view name_of(DialVerdict verdict) {
  return verdict == DialVerdict::Allow ? "allow" : verdict == DialVerdict::Deny ? "deny" : "loop";
}

TEST_CASE("what may be dialled") {
  // This machine is 10.0.0.5 and 2001:db8::5.
  const Access access(conf::Config{}, [] {
    return std::vector<Address>{literal("127.0.0.1"), literal("::1"), literal("10.0.0.5"), literal("2001:db8::5")};
  });
  const std::vector<Address> specific{literal("127.0.0.1", 3128), literal("::1", 3128), literal("10.0.0.5", 8080)};
  const std::vector<Address> any{literal("0.0.0.0", 3128), literal("::", 3129)};
  const std::vector<Address> none;
  struct Row {
    std::string_view client;
    std::string_view target;
    std::uint16_t port;
    const std::vector<Address>& own;
    std::string_view verdict;
  };
  const Row rows[] = {
      // The outside is for everybody.
      {"127.0.0.1", "203.0.113.1", 80, specific, "allow"},
      {"10.0.0.9", "203.0.113.1", 3128, any, "allow"},
      {"10.0.0.9", "2001:db8::9", 443, any, "allow"},
      {"10.0.0.9", "10.0.0.7", 80, any, "allow"},
      // Loopback, link-local and unspecified are for this machine's own.
      {"127.0.0.1", "127.0.0.1", 80, specific, "allow"},
      {"::1", "127.0.0.1", 80, specific, "allow"},
      {"127.0.0.1", "::1", 80, specific, "allow"},
      {"127.0.0.1", "169.254.169.254", 80, specific, "allow"},
      {"127.0.0.1", "0.0.0.0", 80, specific, "allow"},
      {"10.0.0.9", "127.0.0.1", 80, specific, "deny"},
      {"10.0.0.9", "127.8.8.8", 80, specific, "deny"},
      {"10.0.0.9", "::1", 80, specific, "deny"},
      {"10.0.0.9", "::ffff:127.0.0.1", 80, specific, "deny"},
      {"10.0.0.9", "0.0.0.0", 80, specific, "deny"},
      {"10.0.0.9", "0.1.2.3", 80, specific, "deny"},
      {"10.0.0.9", "::", 80, specific, "deny"},
      {"10.0.0.9", "169.254.169.254", 80, specific, "deny"},
      {"10.0.0.9", "fe80::1", 80, specific, "deny"},
      {"10.0.0.5", "127.0.0.1", 80, specific, "deny"},
      // Nobody's.
      {"127.0.0.1", "224.0.0.1", 80, specific, "deny"},
      {"127.0.0.1", "ff02::1", 80, specific, "deny"},
      {"127.0.0.1", "255.255.255.255", 80, specific, "deny"},
      {"10.0.0.9", "239.1.1.1", 80, specific, "deny"},
      // The proxy itself, at the addresses it names.
      {"127.0.0.1", "127.0.0.1", 3128, specific, "loop"},
      {"10.0.0.9", "127.0.0.1", 3128, specific, "loop"},
      {"127.0.0.1", "::1", 3128, specific, "loop"},
      {"127.0.0.1", "10.0.0.5", 8080, specific, "loop"},
      {"127.0.0.1", "10.0.0.5", 3128, specific, "allow"},
      {"127.0.0.1", "127.0.0.1", 8080, specific, "allow"},
      {"127.0.0.1", "127.0.0.2", 3128, specific, "allow"},
      {"127.0.0.1", "0.0.0.0", 3128, specific, "loop"},
      {"127.0.0.1", "::", 3128, specific, "loop"},
      {"127.0.0.1", "0.0.0.0", 8080, specific, "allow"},
      // The proxy itself, wherever it can be reached.
      {"127.0.0.1", "127.0.0.1", 3128, any, "loop"},
      {"127.0.0.1", "127.0.0.2", 3128, any, "loop"},
      {"127.0.0.1", "10.0.0.5", 3128, any, "loop"},
      {"10.0.0.9", "10.0.0.5", 3128, any, "loop"},
      {"127.0.0.1", "0.0.0.0", 3128, any, "loop"},
      {"127.0.0.1", "::1", 3129, any, "loop"},
      {"127.0.0.1", "2001:db8::5", 3129, any, "loop"},
      {"127.0.0.1", "::", 3129, any, "loop"},
      {"127.0.0.1", "::1", 3128, any, "allow"},
      {"127.0.0.1", "127.0.0.1", 3129, any, "allow"},
      {"127.0.0.1", "10.0.0.6", 3128, any, "allow"},
      {"127.0.0.1", "127.0.0.1", 3128, none, "allow"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.client);
    CAPTURE(row.target);
    CAPTURE(row.port);
    CHECK(name_of(access.may_dial(literal(row.client), literal(row.target, row.port), row.own)) == row.verdict);
  }
  CHECK(access.may_dial(literal("127.0.0.1"), Address(), none) == DialVerdict::Deny);
  // Who cannot be named is not on this machine.
  CHECK(access.may_dial(Address(), literal("127.0.0.1", 80), none) == DialVerdict::Deny);
}

TEST_CASE("the machine's own addresses are read from the system") {
  const Access access{conf::Config{}};
  CHECK(access.may_dial(literal("127.0.0.1"), literal("127.0.0.1", 3128), {literal("0.0.0.0", 3128)}) ==
        DialVerdict::Loop);
}

}  // namespace
}  // namespace larder::access
