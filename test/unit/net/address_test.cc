#include "proxy/net/address.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "test/unit/net/support.h"

namespace larder::net {
namespace {

using test::literal;

TEST_CASE("literals are read strictly: what another reader could take for another address is no literal") {
  struct Row {
    std::string_view text;
    std::string_view host;  // "" for no literal
  };
  const Row rows[] = {
      {"127.0.0.1", "127.0.0.1"},
      {"0.0.0.0", "0.0.0.0"},
      {"255.255.255.255", "255.255.255.255"},
      {"::1", "::1"},
      {"::", "::"},
      {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
      {"::ffff:192.0.2.1", "192.0.2.1"},
      {"::ffff:c000:201", "192.0.2.1"},
      {"127.1", ""},
      {"2130706433", ""},
      {"0x7f.0.0.1", ""},
      {"0177.0.0.1", ""},
      {"127.0.0.01", ""},
      {"127.0.0.1.", ""},
      {".127.0.0.1", ""},
      {"127..0.1", ""},
      {"127.0.0.256", ""},
      {"127.0.0.1.1", ""},
      {"127.0.0.-1", ""},
      {"127.0.0.+1", ""},
      {"127.0.0.1 ", ""},
      {" 127.0.0.1", ""},
      {"127.0.0.99999999999", ""},
      {"", ""},
      {":", ""},
      {"[::1]", ""},
      {"::1%lo", ""},
      {"1:2:3:4:5:6:7:8:9", ""},
      {"12345::", ""},
      {"localhost", ""},
      {"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto address = Address::parse_literal(row.text, 80);
    REQUIRE(address.has_value() == !row.host.empty());
    if (!address) continue;
    std::string host;
    address->append_host(host);
    CHECK(host == row.host);
    CHECK(address->port() == 80);
  }
  CHECK_FALSE(Address::parse_literal(std::string_view("::1\0", 4), 80));
}

TEST_CASE("address and port") {
  struct Row {
    std::string_view text;
    std::string_view expected;  // "" for an error
  };
  const Row rows[] = {
      {"127.0.0.1:3128", "127.0.0.1:3128"},
      {"[::1]:0", "[::1]:0"},
      {"[::ffff:10.0.0.1]:80", "10.0.0.1:80"},
      {"0.0.0.0:65535", "0.0.0.0:65535"},
      {"127.0.0.1:65536", ""},
      {"127.0.0.1:", ""},
      {"127.0.0.1", ""},
      {"::1:80", ""},
      {"[::1]", ""},
      {"[::1:80", ""},
      {"127.0.0.1:080", ""},
      {"127.0.0.1:-1", ""},
      {"localhost:80", ""},
      {":80", ""},
      {"", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto address = Address::parse(row.text);
    REQUIRE(address.has_value() == !row.expected.empty());
    if (address) CHECK(address->to_string() == row.expected);
  }
}

TEST_CASE("kinds of addresses") {
  struct Row {
    std::string_view host;
    std::string_view kind;
  };
  const Row rows[] = {
      {"127.0.0.1", "loopback"},
      {"127.255.255.255", "loopback"},
      {"::1", "loopback"},
      {"::ffff:127.0.0.1", "loopback"},
      {"126.255.255.255", ""},
      {"128.0.0.1", ""},
      {"::2", ""},
      {"1::1", ""},
      {"169.254.0.1", "link-local"},
      {"169.254.169.254", "link-local"},
      {"fe80::1", "link-local"},
      {"febf::1", "link-local"},
      {"169.255.0.1", ""},
      {"fec0::1", ""},
      {"fe7f::1", ""},
      {"0.0.0.0", "unspecified"},
      {"0.1.2.3", "unspecified"},
      {"::", "unspecified"},
      {"1.0.0.0", ""},
      {"224.0.0.1", "multicast"},
      {"239.255.255.255", "multicast"},
      {"ff02::1", "multicast"},
      {"240.0.0.1", ""},
      {"223.255.255.255", ""},
      {"255.255.255.255", "broadcast"},
      {"255.255.255.254", ""},
      {"10.0.0.1", ""},
      {"2001:db8::1", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.host);
    const Address address = literal(row.host);
    CHECK(address.is_loopback() == (row.kind == "loopback"));
    CHECK(address.is_link_local() == (row.kind == "link-local"));
    CHECK(address.is_unspecified() == (row.kind == "unspecified"));
    CHECK(address.is_multicast() == (row.kind == "multicast"));
    CHECK(address.is_broadcast() == (row.kind == "broadcast"));
  }
  const Address none;
  CHECK(none.empty());
  CHECK_FALSE(none.is_loopback());
  CHECK_FALSE(none.is_unspecified());
  CHECK(none.to_string().empty());
}

TEST_CASE("equality takes the port into account, same_host does not") {
  CHECK(literal("10.0.0.1", 80) == literal("10.0.0.1", 80));
  CHECK_FALSE(literal("10.0.0.1", 80) == literal("10.0.0.1", 81));
  CHECK(literal("10.0.0.1", 80).same_host(literal("10.0.0.1", 81)));
  CHECK_FALSE(literal("10.0.0.1").same_host(literal("10.0.0.2")));
  CHECK_FALSE(literal("0.0.0.0").same_host(literal("::")));
}

TEST_CASE("there and back through a sockaddr, with the scope") {
  for (const std::string_view host : {"192.0.2.7", "2001:db8::7"}) {
    sockaddr_storage name{};
    const Address address = literal(host, 4711);
    CHECK(address.to_sockaddr(name) > 0);
    CHECK(Address::from(reinterpret_cast<const sockaddr*>(&name)) == address);
  }
  sockaddr_in6 scoped{};
  scoped.sin6_family = AF_INET6;
  REQUIRE(::inet_pton(AF_INET6, "fe80::1", &scoped.sin6_addr) == 1);
  scoped.sin6_scope_id = 3;
  const Address on_three = Address::from(reinterpret_cast<const sockaddr*>(&scoped));
  scoped.sin6_scope_id = 4;
  const Address on_four = Address::from(reinterpret_cast<const sockaddr*>(&scoped));
  CHECK_FALSE(on_three == on_four);
  CHECK_FALSE(on_three.same_host(on_four));
  CHECK(on_three.same_host(literal("fe80::1")));
  sockaddr_storage name{};
  on_three.to_sockaddr(name);
  sockaddr_in6 back{};
  std::memcpy(&back, &name, sizeof back);
  CHECK(back.sin6_scope_id == 3);

  sockaddr_storage local{};
  local.ss_family = AF_UNIX;
  CHECK(Address::from(reinterpret_cast<const sockaddr*>(&local)).empty());
  CHECK(Address::from(nullptr).empty());
  CHECK(Address().to_sockaddr(name) == 0);
}

}  // namespace
}  // namespace larder::net
