#include "proxy/net/local_addresses.h"

#include <doctest/doctest.h>

#include <vector>

#include "test/unit/net/support.h"

namespace larder::net {
namespace {

using namespace std::chrono_literals;
using test::literal;

TEST_CASE("addresses are read anew every five seconds, and compared without the port") {
  int reads = 0;
  std::vector<Address> interfaces{literal("10.0.0.5")};
  const auto begin = Clock::now();
  const LocalAddresses local([&] {
    ++reads;
    return interfaces;
  });
  const auto end = Clock::now();
  CHECK(local.contains(literal("10.0.0.5", 80), begin));
  CHECK_FALSE(local.contains(literal("10.0.0.6", 80), begin));
  interfaces = {literal("10.0.0.6")};
  CHECK_FALSE(local.contains(literal("10.0.0.6"), begin + 4999ms));
  CHECK(reads == 1);
  CHECK(local.contains(literal("10.0.0.6"), end + 5s));
  CHECK_FALSE(local.contains(literal("10.0.0.5"), end + 5s));
  CHECK(local.contains(literal("10.0.0.6"), end + 9s));
  CHECK(reads == 2);
}

TEST_CASE("this machine has its loopback address") {
  CHECK(LocalAddresses().contains(literal("127.0.0.1"), Clock::now()));
}

}  // namespace
}  // namespace larder::net
