#include "conf/units.h"

#include <doctest/doctest.h>

#include <string>

#include "conf/load.h"

namespace larder::conf {
namespace {

TEST_CASE("sizes") {
  struct Row {
    const char* text;
    std::optional<std::uint64_t> bytes;
  };
  const Row rows[] = {
      {"0", 0},
      {"512", 512},
      {"512B", 512},
      {"64KiB", 65'536},
      {"256MiB", 256ULL << 20},
      {"10GiB", 10ULL << 30},
      {"1TiB", 1ULL << 40},
      {"1kB", 1'000},
      {"1GB", 1'000'000'000},
      {"2 MiB", 2ULL << 20},
      {"3gib", 3ULL << 30},
      {"18446744073709551615", 18'446'744'073'709'551'615ULL},
      {"", {}},
      {"MiB", {}},
      {"-1", {}},
      {"+1", {}},
      {" 1", {}},
      {"1 ", {}},
      {"1  MiB", {}},
      {"1.5GiB", {}},
      {"1e3", {}},
      {"0x10", {}},
      {"1M", {}},
      {"1MiBs", {}},
      {"1s", {}},
      {"18446744073709551616", {}},
      {"18014398509481984KiB", {}},  // 2^64 bytes
      {"99999999999TiB", {}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    CHECK(parse_size(row.text) == row.bytes);
  }
}

TEST_CASE("durations") {
  struct Row {
    const char* text;
    std::optional<std::int64_t> millis;
  };
  const Row rows[] = {
      {"250ms", 250},
      {"10s", 10'000},
      {"5m", 300'000},
      {"2h", 7'200'000},
      {"1d", 86'400'000},
      {"0s", 0},
      {"7", 7'000},
      {"", {}},
      {"s", {}},
      {"-1s", {}},
      {"1.5s", {}},
      {"1w", {}},
      {"1 min", {}},
      {"1s1s", {}},
      {"9223372036854775807ms", 9'223'372'036'854'775'807},
      {"9223372036854775808ms", {}},
      {"18446744073709551615d", {}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto got = parse_duration(row.text);
    CHECK(got.has_value() == row.millis.has_value());
    if (got && row.millis) CHECK(got->count() == *row.millis);
  }
}

Network v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d, std::uint8_t prefix) {
  return {{a, b, c, d}, 4, prefix};
}

TEST_CASE("networks") {
  CHECK(parse_network("10.0.0.0/8") == v4(10, 0, 0, 0, 8));
  CHECK(parse_network("192.0.2.7") == v4(192, 0, 2, 7, 32));
  CHECK(parse_network("0.0.0.0/0") == v4(0, 0, 0, 0, 0));
  CHECK(parse_network("192.0.2.6/31") == v4(192, 0, 2, 6, 31));
  Network loopback{{}, 16, 128};
  loopback.address[15] = 1;
  CHECK(parse_network("::1") == loopback);
  Network local{{0xfe, 0x80}, 16, 10};
  CHECK(parse_network("fe80::/10") == local);
}

TEST_CASE("an IPv4-mapped network is the IPv4 network, as peers are known by") {
  CHECK(parse_network("::ffff:10.0.0.0/104") == v4(10, 0, 0, 0, 8));
  CHECK(parse_network("::ffff:192.0.2.7") == v4(192, 0, 2, 7, 32));
  CHECK(parse_network("::/0")->bytes == 16);
}

TEST_CASE("what is no network") {
  for (const std::string text : {"",
                                 "/",
                                 "/8",
                                 "10",
                                 "10.0.0/8",
                                 "10.0.0.0/",
                                 "10.0.0.0/33",
                                 "10.0.0.0/-1",
                                 "10.0.0.0/8/8",
                                 "10.0.0.0/08x",
                                 "010.0.0.1",
                                 "0x7f.0.0.1",
                                 "10.0.0.0 /8",
                                 "::1/129",
                                 "[::1]",
                                 "fe80::1%eth0",
                                 "localhost",
                                 "10.0.0.1/8",
                                 "fc00::1/7",
                                 "1.2.3.4.5",
                                 "10.0.0.0/0008"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_network(text).has_value());
  }
  CHECK_FALSE(parse_network(std::string("10.0.0.1\0", 9)).has_value());
}

TEST_CASE("addresses with ports") {
  for (const auto* text : {"127.0.0.1:3128", "0.0.0.0:0", "[::]:65535", "[::1]:80"}) {
    CAPTURE(text);
    CHECK(is_address_with_port(text, 0));
  }
  for (const auto* text :
       {"", ":", ":3128", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1",
        "127.0.0.1:000080", "[127.0.0.1]:80", "::1:80", "[::1]", "[::1:80", "localhost:80", "*:80", "127.0.0.1:80 "}) {
    CAPTURE(text);
    CHECK_FALSE(is_address_with_port(text, 0));
  }
  CHECK_FALSE(is_address_with_port("192.0.2.53:0", 1));
}

}  // namespace
}  // namespace larder::conf
