// hosts_file, resolv_conf and watched_file.
#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "proxy/net/hosts_file.h"
#include "proxy/net/resolv_conf.h"
#include "proxy/net/watched_file.h"
#include "test/unit/net/support.h"

namespace larder::net {
namespace {

using namespace std::chrono_literals;

std::string text_of(const std::vector<Address>* addresses) {
  if (addresses == nullptr) return "none";
  std::string out;
  for (const Address& address : *addresses) {
    if (!out.empty()) out += ' ';
    address.append_host(out);
  }
  return out;
}

TEST_CASE("a hosts file") {
  const HostsFile hosts(
      "# comment\n"
      "127.0.0.1\tlocalhost  Vm.Example.\n"
      "::1 localhost # ip6-localhost\n"
      "192.0.2.1 twice\r\n"
      "192.0.2.1 twice\n"
      "192.0.2.2 twice once\n"
      "fe80::1%lo0 zoned\n"
      "127.1 short\n"
      "not-an-address name\n"
      "192.0.2.3\n"
      "\n"
      "  \t \n"
      "192.0.2.9 last");
  CHECK(text_of(hosts.find("localhost")) == "127.0.0.1 ::1");
  CHECK(text_of(hosts.find("vm.example")) == "127.0.0.1");
  CHECK(text_of(hosts.find("twice")) == "192.0.2.1 192.0.2.2");
  CHECK(text_of(hosts.find("once")) == "192.0.2.2");
  CHECK(text_of(hosts.find("last")) == "192.0.2.9");
  for (const char* name : {"ip6-localhost", "zoned", "short", "name", "#", "Vm.Example", ""})
    CHECK(text_of(hosts.find(name)) == "none");
  CHECK(hosts.size() == 5);
  CHECK(HostsFile("").size() == 0);
}

TEST_CASE("a resolv.conf") {
  const ResolvConf conf = ResolvConf::parse(
      "# made by hand\n"
      "domain old.example\n"
      "search Corp.Example. lab.example bad..name\n"
      "nameserver 192.0.2.53 ; the first\n"
      "nameserver 2001:db8::53\n"
      "nameserver nonsense\n"
      "nameserver fe80::53%lo\n"
      "nameserver 192.0.2.54\n"
      "options timeout:1 ndots:2 rotate\n"
      "options ndots:x\n"
      "sortlist 1.2.3.4");
  REQUIRE(conf.servers.size() == 3);
  CHECK(conf.servers[0].to_string() == "192.0.2.53:53");
  CHECK(conf.servers[1].to_string() == "[2001:db8::53]:53");
  CHECK(conf.servers[2].to_string() == "[fe80::53]:53");
  CHECK(conf.search == std::vector<std::string>{"corp.example", "lab.example"});
  CHECK(conf.ndots == 2);
  CHECK(ResolvConf::parse("options ndots:4000000000").ndots == 15);
  CHECK(ResolvConf::parse("").servers.empty());
}

TEST_CASE("the names that are asked for") {
  using Names = std::vector<std::string>;
  ResolvConf conf;
  CHECK(conf.candidates("host") == Names{"host"});
  conf.search = {"corp.example", "lab.example"};
  CHECK(conf.candidates("host") == Names{"host.corp.example", "host.lab.example", "host"});
  CHECK(conf.candidates("www.host") == Names{"www.host", "www.host.corp.example", "www.host.lab.example"});
  CHECK(conf.candidates("host.") == Names{"host"});
  CHECK(conf.candidates("www.host.") == Names{"www.host"});
  conf.ndots = 2;
  CHECK(conf.candidates("www.host").back() == "www.host");
  // What gets too long with a domain is not asked for.
  const std::string label(60, 'a');
  const std::string longest = label + "." + label + "." + label + "." + label + ".b.c";
  CHECK(conf.candidates(longest) == Names{longest});
}

class TemporaryFile {
 public:
  TemporaryFile() {
    const int fd = ::mkstemp(path_.data());
    REQUIRE(fd >= 0);
    ::close(fd);
  }
  ~TemporaryFile() { std::remove(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }
  void write(const std::string& text) const { std::ofstream(path_) << text; }

 private:
  std::string path_ = "/tmp/larder-name-file-XXXXXX";
};

TEST_CASE("a file is read again when it changed, looked at once a second at most") {
  const Clock::time_point now{1000h};
  const TemporaryFile file;
  file.write("one");
  WatchedFile watched(file.path());
  CHECK(watched.changed(now) == "one");
  file.write("longer");
  CHECK_FALSE(watched.changed(now + 999ms));
  CHECK(watched.changed(now + 1s) == "longer");
  CHECK_FALSE(watched.changed(now + 2s));
  std::remove(file.path().c_str());
  CHECK(watched.changed(now + 3s) == "");
  CHECK_FALSE(watched.changed(now + 4s));
  file.write("back");
  CHECK(watched.changed(now + 5s) == "back");
}

TEST_CASE("a missing file, no file and a folder have no text, and say so once") {
  const Clock::time_point now{1000h};
  for (const char* path : {"/nonexistent/hosts", "", "/tmp"}) {
    WatchedFile watched(path);
    CHECK(watched.changed(now) == "");
    CHECK_FALSE(watched.changed(now + 1h));
  }
}

}  // namespace
}  // namespace larder::net
