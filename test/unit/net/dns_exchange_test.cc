// What DnsExchange promises, and what evdns would do if it were let (dns_udp.h).
#include "proxy/net/dns_exchange.h"

#include <doctest/doctest.h>
#include <netinet/in.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "test/unit/net/dns_server.h"
#include "test/unit/net/resolver_fixture.h"
#include "test/unit/net/support.h"

namespace larder::net {
namespace {

using namespace std::chrono_literals;
using test::addresses;
using test::DnsServer;
using test::kV4;
using test::kV6;
using test::ResolverTest;
using test::run;
using test::Script;

std::shared_ptr<DnsServers> only(const std::string& address) {
  auto servers = std::make_shared<DnsServers>();
  servers->addresses = {Address::parse(address).value()};
  return servers;
}

std::unique_ptr<DnsExchange> exchange(Loop& loop, const std::shared_ptr<DnsServers>& servers, std::string_view name,
                                      DnsExchange::Callback callback) {
  return std::make_unique<DnsExchange>(loop, servers, DnsQuestion{std::string(name), DnsType::A}, std::move(callback));
}

// No system gives this port to a socket that asks for any, as it might a port that was just closed.
constexpr const char* kClosed = "127.0.0.1:1";

void wait(Loop& loop, std::chrono::milliseconds time) {
  Timer timer(loop, [&] { loop.stop(); });
  timer.set(time);
  REQUIRE(run(loop));
}

Script failing() {
  Script script;
  script.rcode = test::kServerFailure;
  return script;
}

DnsAnswer ask(const DnsServer& server, std::string_view name) {
  Loop loop;
  DnsAnswer got;
  const auto open = exchange(loop, only(server.address()), name, [&](DnsAnswer answer) {
    got = std::move(answer);
    loop.stop();
  });
  REQUIRE(run(loop));
  return got;
}

TEST_CASE("an exchange may end at any time, and is then not called any more") {
  DnsServer server;
  Script slow = addresses({kV4});
  slow.delay = 30ms;
  server.say("slow.test", slow);
  server.say("a.test", addresses({kV4}));
  const auto never = [](const DnsAnswer&) { FAIL("called after its end"); };
  {  // right after it began, and so does the loop
    Loop loop;
    exchange(loop, only(server.address()), "a.test", never);
  }
  Loop loop;
  exchange(loop, only(server.address()), "a.test", never);
  auto open = exchange(loop, only(server.address()), "slow.test", never);
  wait(loop, 10ms);
  open.reset();  // while the server thinks
  wait(loop, 50ms);
  open = exchange(loop, only(kClosed), "a.test", never);
  open.reset();
  wait(loop, 10ms);
}

TEST_CASE("an exchange may end in its own callback and in another's, also when its reply was read already") {
  DnsServer server;
  server.say("a.test", addresses({kV4}));
  Loop loop;
  int called = 0;
  std::vector<std::unique_ptr<DnsExchange>> open;
  open.reserve(100);
  for (int i = 0; i < 100; ++i) {
    open.push_back(exchange(loop, only(server.address()), "a.test", [&](const DnsAnswer& answer) {
      CHECK(answer.addresses == std::vector<Address>{kV4});
      ++called;
      open.clear();
      loop.stop();
    }));
  }
  while (server.asked() < 100) std::this_thread::yield();  // so that one turn reads many replies
  REQUIRE(run(loop));
  test::turns(loop, 3);
  CHECK(called == 1);
}

TEST_CASE("a loop may end with replies that were read and not told") {
  DnsServer server;
  server.say("a.test", addresses({kV4}));
  int called = 0;
  {
    Loop loop;
    std::vector<std::unique_ptr<DnsExchange>> open;
    open.reserve(200);
    for (int i = 0; i < 200; ++i) {
      open.push_back(exchange(loop, only(server.address()), "a.test", [&](const DnsAnswer&) {
        ++called;
        loop.stop();
      }));
    }
    while (server.answered() < 200) std::this_thread::yield();
    REQUIRE(run(loop));
  }
  CHECK(called > 0);
  CHECK(called < 200);
}

TEST_CASE("a closed port is told at once, never inside the call, whatever sockets other threads open meanwhile") {
  std::vector<std::thread> threads;
  threads.reserve(4);
  std::atomic<int> slow{0};
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, server = t % 2 == 0 ? kClosed : "[::1]:1"] {
      Loop loop;
      for (int i = 0; i < 100 && wrong == 0; ++i) {
        const auto begin = Clock::now();
        bool inside = true;
        const auto open = exchange(loop, only(server), "a.test", [&](const DnsAnswer& answer) {
          if (inside || answer.error != DnsError::ServerFailure) ++wrong;
          loop.stop();
        });
        inside = false;
        if (!run(loop)) ++wrong;
        if (Clock::now() - begin > 1s) ++slow;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(slow == 0);
}

TEST_CASE_FIXTURE(ResolverTest, "one name's failure does not delay another, before or after") {
  options.servers.emplace_back(kClosed);
  server.say("broken.test", failing());
  server.say("a.test", {kV4, kV6});
  server.say("b.test", {kV4, kV6});
  std::vector<std::string> told;
  const auto note = [&](const Resolved& resolved) {
    told.push_back(test::describe(resolved));
    if (told.size() == 2) loop.stop();
  };
  const auto begin = Clock::now();
  const auto broken = resolver().resolve("broken.test", note);
  const auto good = resolver().resolve("a.test", note);
  REQUIRE(run(loop));
  CHECK(Clock::now() - begin < 1s);
  std::sort(told.begin(), told.end());
  CHECK(told == std::vector<std::string>{"2001:db8::1 192.0.2.1", "no name server could answer"});
  CHECK(ask("b.test") == "2001:db8::1 192.0.2.1");
  CHECK(took < 1s);
  CHECK(asked("broken.test") == 2);
}

TEST_CASE_FIXTURE(ResolverTest, "whatever a server refuses with, it is told at once") {
  for (const std::uint16_t rcode :
       {test::kFormatError, test::kServerFailure, std::uint16_t{4}, std::uint16_t{5}, std::uint16_t{9}}) {
    CAPTURE(rcode);
    Script refusing;
    refusing.rcode = rcode;
    const std::string name = "r" + std::to_string(rcode) + ".test";
    server.say(name, refusing);
    CHECK(ask(name) == "no name server could answer");
    CHECK(took < 1s);
  }
}

TEST_CASE_FIXTURE(ResolverTest, "nothing is asked for but what the resolver was asked for") {
  Script silent;
  silent.silent = true;
  server.say("broken.test", failing());
  server.say("silent.test", silent);
  server.say("a.test", {kV4});
  options.timeout = 500ms;
  for (int i = 0; i < 3; ++i) {
    ask("broken.test");
    ask("silent.test");
    ask("a.test");
    wait(1100ms);  // failures are forgotten
  }
  CHECK(asked("a.test") == 2);
  CHECK(asked("broken.test") == 6);
  CHECK(server.asked() == asked("a.test") + asked("broken.test") + asked("silent.test"));
}

TEST_CASE("a late reply to the first question counts after the second was sent") {
  DnsServer server;
  Script slow = addresses({kV4});
  slow.delay = 150ms;
  server.say("slow.test", slow);
  Loop loop;
  const auto servers = only(server.address());
  servers->retry = 100ms;
  const auto begin = Clock::now();
  const auto open = exchange(loop, servers, "slow.test", [&](const DnsAnswer&) { loop.stop(); });
  REQUIRE(run(loop));
  CHECK(Clock::now() - begin < 240ms);
  CHECK(server.asked() == 2);
}

TEST_CASE("names are the same in any case: the question's letters are sent mixed, and may come back in lower case") {
  DnsServer server;
  Script lower = addresses({kV4});
  lower.lower_case = true;
  server.say("a-name-with-many-letters.example.test", lower);
  server.say("another-name-with-letters.example.test", addresses({kV4}));
  for (int i = 0; i < 5; ++i) {
    CHECK(ask(server, "a-name-with-many-letters.example.test").addresses == std::vector<Address>{kV4});
    CHECK(ask(server, "another-name-with-letters.example.test").addresses == std::vector<Address>{kV4});
  }
}

TEST_CASE("the smallest TTL counts, also that of an alias; a negative answer's comes from its SOA if it has one") {
  DnsServer server;
  Script alias = addresses({kV4});
  alias.ttl = 3600;
  alias.alias_ttl = 20;
  server.say("alias.test", alias);
  CHECK(ask(server, "alias.test").ttl == 20s);
  alias.ttl = 10;
  server.say("alias.test", alias);
  CHECK(ask(server, "alias.test").ttl == 10s);
  Script none;
  none.negative_ttl = 7;
  server.say("none.test", none);
  CHECK(ask(server, "none.test").error == DnsError::NoAddress);
  CHECK(ask(server, "none.test").ttl == 7s);
  none.negative_ttl = 0;
  none.rcode = test::kNoSuchName;
  server.say("none.test", none);
  CHECK(ask(server, "none.test").error == DnsError::NoSuchName);
  CHECK_FALSE(ask(server, "none.test").ttl);
}

TEST_CASE("a reply to another question, or from another port, is no reply") {
  DnsServer server;
  Script decoy = addresses({kV4});
  decoy.decoy = true;
  server.say("a.test", decoy);
  CHECK(ask(server, "a.test").addresses == std::vector<Address>{kV4});
  Script elsewhere = addresses({kV4});
  elsewhere.other_port = true;
  server.say("b.test", elsewhere);
  Loop loop;
  const auto open = exchange(loop, only(server.address()), "b.test", [](const DnsAnswer&) { FAIL("believed"); });
  wait(loop, 100ms);
  CHECK(server.asked() == 2);
}

TEST_CASE("a server on any address is one on this host; one without a route is left at once") {
  DnsServer server;
  server.say("a.test", addresses({kV4}));
  Loop loop;
  const auto servers = only(server.address());
  Address any = Address::v4(0, servers->addresses[0].port());
  servers->addresses = {any};
  DnsAnswer got;
  const auto note = [&](DnsAnswer answer) {
    got = std::move(answer);
    loop.stop();
  };
  auto open = exchange(loop, servers, "a.test", note);
  REQUIRE(run(loop));
  CHECK(got.addresses == std::vector<Address>{kV4});
  servers->addresses = {Address::v4(htonl(INADDR_BROADCAST), 53)};
  const auto begin = Clock::now();
  open = exchange(loop, servers, "a.test", note);
  REQUIRE(run(loop));
  CHECK(got.error == DnsError::ServerFailure);
  CHECK(Clock::now() - begin < 1s);
}

}  // namespace
}  // namespace larder::net
