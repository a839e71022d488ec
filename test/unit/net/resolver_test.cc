#include "proxy/net/resolver.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "test/unit/net/resolver_fixture.h"

namespace larder::net {
namespace {

using namespace std::chrono_literals;
using test::addresses;
using test::describe;
using test::DnsServer;
using test::kOtherV4;
using test::kV4;
using test::kV6;
using test::literal;
using test::ResolverTest;
using test::run;
using test::Script;

TEST_CASE_FIXTURE(ResolverTest, "literals are answered inside the call, without asking") {
  CHECK(ask("192.0.2.7") == "192.0.2.7");
  CHECK(inside);
  CHECK(ask("2001:db8::7") == "2001:db8::7");
  CHECK(inside);
  CHECK(server.asked() == 0);
  CHECK(resolver().stats().lookups == 0);
}

TEST_CASE_FIXTURE(ResolverTest, "both families, IPv6 first and by turns") {
  server.say("a.test", {kV4, kOtherV4, literal("192.0.2.3"), kV6, literal("2001:db8::2")});
  CHECK(ask("a.test") == "2001:db8::1 192.0.2.1 2001:db8::2 192.0.2.2 192.0.2.3");
  CHECK_FALSE(inside);
}

TEST_CASE_FIXTURE(ResolverTest, "answers are cached, without regard to case") {
  server.say("a.test", {kV4, kV6});
  CHECK(ask("A.Test") == "2001:db8::1 192.0.2.1");
  CHECK(ask("a.test") == "2001:db8::1 192.0.2.1");
  CHECK(inside);
  CHECK(asked("a.test") == 2);
  CHECK(resolver().stats().lookups == 2);
  CHECK(resolver().stats().cache_hits == 1);
  CHECK(resolver().stats().failures == 0);
}

TEST_CASE_FIXTURE(ResolverTest, "an answer holds for its TTL, which is lengthened to min_ttl") {
  options.min_ttl = 200ms;
  server.say("a.test", {kV4}, 0);
  CHECK(ask("a.test") == "192.0.2.1");
  server.say("a.test", {kOtherV4}, 0);
  CHECK(ask("a.test") == "192.0.2.1");
  CHECK(inside);
  wait(210ms);
  CHECK(ask("a.test") == "192.0.2.2");
  CHECK(asked("a.test") == 4);
}

TEST_CASE_FIXTURE(ResolverTest, "the smaller TTL of both families counts") {
  options.min_ttl = 0ms;
  Script short_lived = addresses({kV6});
  short_lived.ttl = 1;
  server.say("a.test", DnsType::A, addresses({kV4}));
  server.say("a.test", DnsType::Aaaa, short_lived);
  ask("a.test");
  CHECK(ask("a.test") == "2001:db8::1 192.0.2.1");
  CHECK(inside);
  wait(1010ms);
  ask("a.test");
  CHECK_FALSE(inside);
}

TEST_CASE_FIXTURE(ResolverTest, "a long TTL is cut to max_ttl") {
  options.min_ttl = 10ms;
  options.max_ttl = 50ms;
  server.say("a.test", {kV4}, 3600);
  ask("a.test");
  wait(60ms);
  ask("a.test");
  CHECK_FALSE(inside);
  CHECK(asked("a.test") == 4);
}

TEST_CASE_FIXTURE(ResolverTest, "no such name, and a name without an address, are cached for negative_ttl") {
  options.negative_ttl = 200ms;
  server.say("empty.test", std::vector<Address>{});
  const std::pair<std::string_view, std::string_view> rows[] = {{"gone.test", "no such name"},
                                                                {"empty.test", "the name has no address"}};
  for (const auto& row : rows) {
    const std::string_view name = row.first;
    const std::string_view error = row.second;
    CAPTURE(name);
    CHECK(ask(name) == error);
    CHECK(took < 1s);
    CHECK(ask(name) == error);
    CHECK(inside);
    CHECK(asked(name) == 2);
    wait(210ms);
    CHECK(ask(name) == error);
    CHECK(asked(name) == 4);
  }
  CHECK(resolver().stats().failures == 6);
}

TEST_CASE_FIXTURE(ResolverTest, "a negative answer's own shorter time counts") {
  options.negative_ttl = 60s;
  Script gone;
  gone.rcode = test::kNoSuchName;
  gone.negative_ttl = 1;
  server.say("gone.test", gone);
  ask("gone.test");
  ask("gone.test");
  CHECK(inside);
  wait(1010ms);
  ask("gone.test");
  CHECK_FALSE(inside);
}

TEST_CASE_FIXTURE(ResolverTest, "a server's failure is told at once, and forgotten after a second") {
  Script failure;
  failure.rcode = test::kServerFailure;
  server.say("broken.test", failure);
  CHECK(ask("broken.test") == "no name server could answer");
  CHECK(took < 1s);
  ask("broken.test");
  CHECK(inside);
  wait(1010ms);
  server.say("broken.test", {kV4});
  CHECK(ask("broken.test") == "192.0.2.1");
}

TEST_CASE_FIXTURE(ResolverTest, "silence ends with the time allowed") {
  options.timeout = 300ms;
  Script silent;
  silent.silent = true;
  server.say("silent.test", silent);
  CHECK(ask("silent.test") == "the name servers did not answer in time");
  CHECK(took >= 300ms);
  CHECK(took < 3s);
  CHECK(server.asked("silent.test", DnsType::A) >= 2);  // it was asked again
}

TEST_CASE_FIXTURE(ResolverTest, "an IPv4 answer counts although the IPv6 one never comes, and the other way round") {
  options.timeout = 300ms;
  Script silent;
  silent.silent = true;
  server.say("four.test", DnsType::A, addresses({kV4}));
  server.say("four.test", DnsType::Aaaa, silent);
  CHECK(ask("four.test") == "192.0.2.1");
  CHECK(took >= 50ms);
  CHECK(took < 290ms);
  server.say("six.test", DnsType::Aaaa, addresses({kV6}));
  server.say("six.test", DnsType::A, silent);
  CHECK(ask("six.test") == "2001:db8::1");
}

TEST_CASE_FIXTURE(ResolverTest, "a late IPv6 answer is waited for 50 ms, then only cached") {
  Script late = addresses({kV6});
  late.delay = 300ms;
  server.say("a.test", DnsType::A, addresses({kV4}));
  server.say("a.test", DnsType::Aaaa, late);
  CHECK(ask("a.test") == "192.0.2.1");
  CHECK(took >= 50ms);
  CHECK(took < 300ms);
  CHECK(ask("a.test") == "192.0.2.1");
  CHECK(inside);
  wait(400ms);
  CHECK(ask("a.test") == "2001:db8::1 192.0.2.1");
  CHECK(inside);
  CHECK(asked("a.test") == 2);

  late.delay = 10ms;
  server.say("b.test", DnsType::A, addresses({kV4}));
  server.say("b.test", DnsType::Aaaa, late);
  CHECK(ask("b.test") == "2001:db8::1 192.0.2.1");
}

TEST_CASE_FIXTURE(ResolverTest,
                  "who asks while a late IPv6 answer is awaited gets what is known, also when it has expired") {
  options.min_ttl = 0ms;
  options.max_ttl = 1ms;
  Script late = addresses({kV6});
  late.delay = 1000ms;
  server.say("a.test", DnsType::A, addresses({kV4}));
  server.say("a.test", DnsType::Aaaa, late);
  CHECK(ask("a.test") == "192.0.2.1");
  wait(20ms);
  CHECK(ask("a.test") == "192.0.2.1");
  CHECK(inside);
  CHECK(asked("a.test") == 2);
}

TEST_CASE_FIXTURE(ResolverTest, "one question serves all who ask, even if one drops another's query") {
  Script slow = addresses({kV4});
  slow.delay = 50ms;
  server.say("a.test", DnsType::A, slow);
  server.say("a.test", DnsType::Aaaa, addresses({kV6}));
  std::vector<int> told;
  std::vector<Resolver::QueryPtr> queries(5);
  for (int i = 0; i < 5; ++i) {
    queries[static_cast<std::size_t>(i)] = resolver().resolve("a.test", [&, i](const Resolved& resolved) {
      told.push_back(i);
      CHECK(describe(resolved) == "2001:db8::1 192.0.2.1");
      if (i == 1) {
        queries[1].reset();  // its own
        queries[3].reset();  // another's that is still to come
        queries[0].reset();  // one that is over
      }
      if (i == 4) loop.stop();
    });
    CHECK(queries[static_cast<std::size_t>(i)] != nullptr);
  }
  queries[2].reset();
  REQUIRE(run(loop));
  CHECK(told == std::vector<int>{0, 1, 4});
  CHECK(asked("a.test") == 2);
}

TEST_CASE_FIXTURE(ResolverTest,
                  "a callback may destroy the resolver; the others are then not called; queries may outlive it") {
  server.say("a.test", {kV4});
  std::vector<int> told;
  std::vector<Resolver::QueryPtr> queries;
  for (int i = 0; i < 2; ++i) {
    queries.push_back(resolver().resolve("a.test", [&, i](const Resolved&) {
      told.push_back(i);
      resolver_.reset();
      loop.stop();
    }));
  }
  REQUIRE(run(loop));
  test::turns(loop, 3);
  CHECK(told == std::vector<int>{0});
  queries.clear();

  bool called = false;
  Script slow = addresses({kV4});
  slow.delay = 20ms;
  server.say("slow.test", slow);
  auto query = resolver().resolve("slow.test", [&](const Resolved&) { called = true; });
  resolver_.reset();
  wait(60ms);
  CHECK_FALSE(called);
}

TEST_CASE_FIXTURE(ResolverTest, "a callback inside the call may destroy the resolver, and a callback may ask again") {
  const auto none = resolver().resolve("192.0.2.1", [&](const Resolved&) { resolver_.reset(); });
  CHECK(none == nullptr);
  server.say("a.test", {kV4});
  server.say("b.test", {kOtherV4});
  std::string second;
  Resolver::QueryPtr inner;
  const auto outer = resolver().resolve("a.test", [&](const Resolved&) {
    inner = resolver().resolve("b.test", [&](const Resolved& resolved) {
      second = describe(resolved);
      loop.stop();
    });
  });
  REQUIRE(run(loop));
  CHECK(second == "192.0.2.2");
}

TEST_CASE_FIXTURE(ResolverTest, "a lost question is asked again") {
  options.timeout = 800ms;
  Script lossy = addresses({kV4});
  lossy.dropped = 1;
  server.say("a.test", DnsType::A, lossy);
  server.say("a.test", DnsType::Aaaa, Script{});
  CHECK(ask("a.test") == "192.0.2.1");
  CHECK(server.asked("a.test", DnsType::A) == 2);
}

TEST_CASE_FIXTURE(ResolverTest,
                  "another server is asked when one fails or is silent, and is then the first to be asked") {
  DnsServer second;
  options.servers.push_back(second.address());
  options.timeout = 1s;
  Script failure;
  failure.rcode = test::kServerFailure;
  Script silent;
  silent.silent = true;
  server.say("failing.test", failure);
  server.say("silent.test", silent);
  for (const char* name : {"failing.test", "silent.test", "other.test"}) second.say(name, {kV4});
  CHECK(ask("failing.test") == "192.0.2.1");
  CHECK(took < 200ms);
  CHECK(ask("other.test") == "192.0.2.1");
  CHECK(asked("other.test") == 0);
  resolver_.reset();
  CHECK(ask("silent.test") == "192.0.2.1");
  CHECK(asked("silent.test") == 2);
}

TEST_CASE_FIXTURE(ResolverTest, "a server whose port is closed is left at once") {
  std::string closed;
  {
    const DnsServer gone;
    closed = gone.address();
  }
  options.servers = {closed, server.address()};
  server.say("a.test", {kV4});
  CHECK(ask("a.test") == "192.0.2.1");
  CHECK(took < 1s);
  resolver_.reset();
  options.servers = {closed};
  CHECK(ask("a.test") == "no name server could answer");
  CHECK(took < 1s);
}

TEST_CASE_FIXTURE(ResolverTest, "a truncated answer is asked for again by TCP") {
  std::vector<Address> many;
  for (int i = 0; i < 60; ++i) many.push_back(literal("192.0.2." + std::to_string(i)));
  Script big = addresses(many);
  big.truncate = true;
  server.say("big.test", DnsType::A, big);
  server.say("big.test", DnsType::Aaaa, Script{});
  const std::string answer = ask("big.test");
  CHECK(std::count(answer.begin(), answer.end(), ' ') == 59);
  CHECK(server.asked_by_tcp() == 1);
  CHECK(server.asked("big.test", DnsType::A) == 2);

  big.close_tcp = true;
  server.say("worse.test", DnsType::A, big);
  server.say("worse.test", DnsType::Aaaa, Script{});
  CHECK(ask("worse.test") == "no name server could answer");
}

TEST_CASE_FIXTURE(ResolverTest, "a reply with another id is not believed") {
  options.timeout = 200ms;
  Script forged = addresses({kV4});
  forged.id_xor = 1;
  server.say("a.test", forged);
  CHECK(ask("a.test") == "the name servers did not answer in time");
}

TEST_CASE_FIXTURE(ResolverTest, "every question has a port of its own") {
  std::set<std::uint16_t> ports;
  for (int i = 0; i < 10; ++i) ask("n" + std::to_string(i) + ".test");
  for (const std::uint16_t port : server.ports()) ports.insert(port);
  CHECK(ports.size() >= 15);  // of 20: the system may give one a second time
}

TEST_CASE_FIXTURE(ResolverTest, "names that no server is asked for") {
  CHECK(ask("localhost") == "::1 127.0.0.1");
  CHECK(ask("app.LOCALHOST.") == "::1 127.0.0.1");
  for (const char* name : {"x.invalid", "abc.onion", "127.1", "0x7f.0.0.1", "2130706433", "a..b", "", ".",
                           "under score", "127.0.0.1.", "[::1]"}) {
    CAPTURE(name);
    CHECK(ask(name) == "no such name");
    CHECK(inside);
  }
  CHECK(ask(std::string(254, 'a')) == "no such name");
  CHECK(server.asked() == 0);
}

}  // namespace
}  // namespace larder::net
