#include "proxy/net/dns_cache.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "test/unit/net/support.h"

namespace larder::net {
namespace {

using namespace std::chrono_literals;

DnsCache::Answer some(std::string_view host) {
  return std::make_shared<Resolved>(Resolved{DnsError::None, {test::literal(host)}});
}

const Clock::time_point kNow{1000h};

TEST_CASE("answers hold until they expire") {
  DnsCache cache(10);
  CHECK(cache.find("a", kNow) == nullptr);
  const auto answer = some("192.0.2.1");
  cache.put("a", answer, kNow + 5s);
  CHECK(cache.find("a", kNow) == answer);
  CHECK(cache.find("a", kNow + 4999ms) == answer);
  CHECK(cache.find("a", kNow + 5s) == nullptr);
  CHECK(cache.size() == 0);
}

TEST_CASE("a new answer replaces the old one and its time") {
  DnsCache cache(10);
  cache.put("a", some("192.0.2.1"), kNow + 5s);
  const auto later = some("192.0.2.2");
  cache.put("a", later, kNow + 9s);
  CHECK(cache.size() == 1);
  CHECK(cache.find("a", kNow + 8s) == later);
}

TEST_CASE("bounded: the least recently asked goes first") {
  DnsCache cache(3);
  for (const char* name : {"a", "b", "c"}) cache.put(name, some("192.0.2.1"), kNow + 5s);
  CHECK(cache.find("a", kNow) != nullptr);
  cache.put("d", some("192.0.2.1"), kNow + 5s);
  CHECK(cache.size() == 3);
  CHECK(cache.find("b", kNow) == nullptr);
  for (const char* name : {"a", "c", "d"}) CHECK(cache.find(name, kNow) != nullptr);
  for (int i = 0; i < 1000; ++i) cache.put("n" + std::to_string(i), some("192.0.2.1"), kNow + 5s);
  CHECK(cache.size() == 3);
  CHECK(cache.find("n999", kNow) != nullptr);
}

}  // namespace
}  // namespace larder::net
