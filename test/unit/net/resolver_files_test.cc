// The resolver's files: hosts and resolv.conf.
#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "test/unit/net/resolver_fixture.h"

namespace larder::net {
namespace {

using namespace std::chrono_literals;
using test::kOtherV4;
using test::kV4;
using test::ResolverTest;
using test::Script;

class Files : public ResolverTest {
 protected:
  Files() {
    REQUIRE(::mkdtemp(folder.data()) != nullptr);
    options.hosts = folder + "/hosts";
    options.resolv_conf = folder + "/resolv.conf";
  }
  ~Files() {
    std::remove(options.hosts.c_str());
    std::remove(options.resolv_conf.c_str());
    ::rmdir(folder.c_str());
  }
  static void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

  std::string folder = "/tmp/larder-resolver-XXXXXX";
};

TEST_CASE_FIXTURE(Files, "the hosts file comes before DNS, and is read again when it changes") {
  write(options.hosts, "192.0.2.1 a.test\n2001:db8::1 a.test\n192.0.2.9 localhost\n");
  server.say("a.test", {kOtherV4});
  CHECK(ask("A.test.") == "2001:db8::1 192.0.2.1");
  CHECK(inside);
  CHECK(ask("localhost") == "192.0.2.9");
  CHECK(server.asked() == 0);
  write(options.hosts, "");
  wait(1010ms);
  CHECK(ask("a.test") == "192.0.2.2");
}

TEST_CASE_FIXTURE(Files, "search domains are tried, in order and after complete names") {
  write(options.resolv_conf, "search one.test two.test\nnameserver 192.0.2.53\n");
  server.say("host.two.test", {kV4});
  CHECK(ask("host") == "192.0.2.1");
  CHECK(server.asked("host.one.test", DnsType::A) == 1);
  CHECK(server.asked("host", DnsType::A) == 0);
  CHECK(ask("host") == "192.0.2.1");
  CHECK(inside);
  CHECK(ask("host.") == "no such name");
  CHECK(server.asked("host", DnsType::A) == 1);

  server.say("www.host.one.test", {kOtherV4});
  CHECK(ask("www.host") == "192.0.2.2");
  CHECK(server.asked("www.host", DnsType::A) == 1);
  CHECK(ask("gone") == "no such name");
  CHECK(server.asked("gone", DnsType::A) == 1);
}

TEST_CASE_FIXTURE(Files, "what is certain does not hide a failure of a search domain") {
  write(options.resolv_conf, "search one.test\n");
  Script failure;
  failure.rcode = test::kServerFailure;
  server.say("host.one.test", failure);
  CHECK(ask("host") == "no name server could answer");
}

TEST_CASE_FIXTURE(Files, "without a server there is an error at once; a new resolv.conf is seen") {
  options.servers.clear();
  CHECK(ask("a.test") == "no name server could answer");
  CHECK(inside);
  write(options.resolv_conf, "# nothing yet\n");
  wait(1010ms);
  CHECK(ask("a.test") == "no name server could answer");
  CHECK(inside);
  // Nobody answers at 127.0.0.1:53 or a forwarder refuses .test; either way it is asked now, not refused inside.
  write(options.resolv_conf, "nameserver 127.0.0.1\n");
  wait(1010ms);
  options.timeout = 100ms;
  ask("a.test");
  CHECK_FALSE(inside);
}

}  // namespace
}  // namespace larder::net
