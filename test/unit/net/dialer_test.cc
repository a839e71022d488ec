#include "proxy/net/dialer.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/net/listener.h"
#include "test/unit/net/support.h"

namespace larder::net {
namespace {

using namespace std::chrono_literals;
using test::literal;
using test::run;

Fd start_connect(const Address& address) {
  sockaddr_storage name{};
  const socklen_t length = address.to_sockaddr(name);
  Fd fd(::socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  REQUIRE(fd.valid());
  const int result = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), length);
  REQUIRE((result == 0 || errno == EINPROGRESS));
  return fd;
}

// An address that answers nothing: a listener whose queue is full, so that the kernel drops further SYNs.
class BlackHole {
 public:
  explicit BlackHole(const Address& address) {
    auto fd = listen_on(address, false);
    REQUIRE(fd.has_value());
    fd_ = std::move(*fd);
    address_ = bound_address(fd_.get());
    REQUIRE(::listen(fd_.get(), 0) == 0);
    bool is_full = false;
    for (int i = 0; i < 10 && !is_full; ++i) {
      clients_.push_back(start_connect(address_));
      pollfd wait{clients_.back().get(), POLLOUT, 0};
      is_full = ::poll(&wait, 1, 100) == 0;
    }
    REQUIRE(is_full);
  }
  [[nodiscard]] const Address& address() const { return address_; }

 private:
  Fd fd_;
  Address address_;
  std::vector<Fd> clients_;
};

// A port of `host` at which nobody listens.
Address closed_port(std::string_view host) {
  const auto fd = listen_on(literal(host, 0), false);
  REQUIRE(fd.has_value());
  return bound_address(fd->get());
}

std::string_view name_of(DialFailure kind) {
  constexpr std::string_view kNames[] = {"NameUnknown", "DnsTimeout",  "DnsFailure", "Denied",      "WouldLoop",
                                         "Refused",     "Unreachable", "Timeout",    "NoDescriptor"};
  return kNames[static_cast<std::size_t>(kind)];
}

class DialerTest {
 protected:
  DialerTest() {
    REQUIRE(::mkdtemp(folder_.data()) != nullptr);
    options_.hosts = folder_ + "/hosts";
    options_.resolv_conf = "";
  }
  ~DialerTest() {
    std::remove(options_.hosts.c_str());
    ::rmdir(folder_.c_str());
  }
  DialerTest(const DialerTest&) = delete;
  DialerTest& operator=(const DialerTest&) = delete;

  // "host" has these addresses, in this order.
  void host_is(const std::vector<std::string>& addresses) {
    std::ofstream file(options_.hosts);
    for (const std::string& address : addresses) file << address << " host\n";
  }
  std::unique_ptr<Dial> start(std::string_view host, std::uint16_t port) {
    begin_ = Clock::now();
    if (!resolver_) resolver_ = std::make_unique<Resolver>(loop, options_);
    return dial(loop, *resolver_, host, port, filter, dial_options, [this](tl::expected<Dialled, DialError> outcome) {
      took = Clock::now() - begin_;
      ++calls;
      if (outcome) {
        dialled = std::move(*outcome);
        result = "connected " + dialled.peer.to_string();
      } else {
        result = std::string(name_of(outcome.error().kind)) + ": " + outcome.error().detail;
      }
      loop.stop();
    });
  }
  std::string connect(std::string_view host, std::uint16_t port) {
    calls = 0;
    const auto attempt = start(host, port);
    CHECK(calls == 0);  // never inside the call
    REQUIRE(run(loop));
    CHECK(calls == 1);
    return result;
  }

  Loop loop;
  DialFilter filter = [this](const Address& address) {
    asked.push_back(address.to_string());
    return DialVerdict::Allow;
  };
  DialOptions dial_options;
  std::string result;
  Dialled dialled;
  int calls = 0;
  Clock::duration took{};
  std::vector<std::string> asked;  // of the filter

 private:
  ResolverOptions options_;
  std::unique_ptr<Resolver> resolver_;
  std::string folder_ = "/tmp/larder-dialer-XXXXXX";
  Clock::time_point begin_{};
};

TEST_CASE_FIXTURE(DialerTest,
                  "a listening port: the socket is connected, non-blocking, close-on-exec and without delay") {
  const auto listening = listen_on(literal("127.0.0.1", 0), false);
  REQUIRE(listening.has_value());
  const Address address = bound_address(listening->get());
  CHECK(connect("127.0.0.1", address.port()) == "connected " + address.to_string());
  CHECK(dialled.peer == address);
  const int fd = dialled.fd.get();
  CHECK((::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
  CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  int no_delay = 0;
  socklen_t length = sizeof no_delay;
  REQUIRE(::getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &length) == 0);
  CHECK(no_delay != 0);
  CHECK(::send(fd, "x", 1, MSG_NOSIGNAL) == 1);
  CHECK(asked == std::vector<std::string>{address.to_string()});
}

TEST_CASE_FIXTURE(DialerTest, "IPv6, by literal and by name") {
  const auto listening = listen_on(literal("::1", 0), false);
  REQUIRE(listening.has_value());
  const Address address = bound_address(listening->get());
  CHECK(connect("::1", address.port()) == "connected " + address.to_string());
  CHECK(connect("localhost", address.port()) == "connected " + address.to_string());
}

TEST_CASE_FIXTURE(DialerTest, "a closed port is refused, and the error names it") {
  const Address closed = closed_port("127.0.0.1");
  CHECK(connect("127.0.0.1", closed.port()) == "Refused: connection refused by " + closed.to_string());
}

TEST_CASE_FIXTURE(DialerTest, "the next address follows at once when one is refused") {
  const auto listening = listen_on(literal("127.0.0.3", 0), false);
  REQUIRE(listening.has_value());
  const std::uint16_t port = bound_address(listening->get()).port();
  host_is({"127.0.0.2", "127.0.0.3"});
  CHECK(connect("host", port) == "connected 127.0.0.3:" + std::to_string(port));
  CHECK(took < 200ms);
}

TEST_CASE_FIXTURE(DialerTest, "the next address follows after 250 ms when one is silent, and wins") {
  const BlackHole hole(literal("127.0.0.2", 0));
  const std::uint16_t port = hole.address().port();
  const auto listening = listen_on(literal("127.0.0.3", port), false);
  REQUIRE(listening.has_value());
  host_is({"127.0.0.2", "127.0.0.3", "127.0.0.4"});
  CHECK(connect("host", port) == "connected 127.0.0.3:" + std::to_string(port));
  CHECK(took >= 250ms);
  CHECK(took < 900ms);  // before the first address's SYN is sent again
  // The third was not needed.
  CHECK(asked == std::vector<std::string>{"127.0.0.2:" + std::to_string(port), "127.0.0.3:" + std::to_string(port)});
}

TEST_CASE_FIXTURE(DialerTest, "a silent address ends with the time allowed; refused tells more than silent") {
  const BlackHole hole(literal("127.0.0.2", 0));
  const std::uint16_t port = hole.address().port();
  dial_options.timeout = 150ms;
  CHECK(connect("127.0.0.2", port).substr(0, 8) == "Timeout:");
  CHECK(took >= 150ms);
  CHECK(took < 900ms);
  host_is({"127.0.0.9", "127.0.0.2"});
  CHECK(connect("host", port) == "Refused: connection refused by 127.0.0.9:" + std::to_string(port));
  CHECK(took >= 150ms);
}

TEST_CASE_FIXTURE(DialerTest, "nothing that the filter denies is dialled") {
  const auto listening = listen_on(literal("127.0.0.2", 0), false);
  REQUIRE(listening.has_value());
  const std::uint16_t port = bound_address(listening->get()).port();
  host_is({"127.0.0.2", "127.0.0.3"});
  filter = [](const Address&) { return DialVerdict::Deny; };
  CHECK(connect("host", port).substr(0, 7) == "Denied:");
  filter = [](const Address& a) { return a.bytes()[3] == 2 ? DialVerdict::Loop : DialVerdict::Deny; };
  CHECK(connect("host", port).substr(0, 10) == "WouldLoop:");
  pollfd wait{listening->get(), POLLIN, 0};
  CHECK(::poll(&wait, 1, 0) == 0);  // nobody has connected
  // An allowed one that fails tells more than a denied one.
  filter = [](const Address& a) { return a.bytes()[3] == 2 ? DialVerdict::Deny : DialVerdict::Allow; };
  CHECK(connect("host", port) == "Refused: connection refused by 127.0.0.3:" + std::to_string(port));
  filter = [](const Address& a) { return a.bytes()[3] == 3 ? DialVerdict::Loop : DialVerdict::Allow; };
  CHECK(connect("host", port) == "connected 127.0.0.2:" + std::to_string(port));
}

TEST_CASE_FIXTURE(DialerTest, "names that do not resolve") {
  CHECK(connect("gone.invalid", 80) == "NameUnknown: no such name");
  CHECK(connect("127.1", 80) == "NameUnknown: no such name");
  CHECK(connect("nobody-to-ask.test", 80) == "DnsFailure: no name server could answer");
}

TEST_CASE_FIXTURE(DialerTest, "dropping the Dial cancels it, connecting or already done") {
  const BlackHole hole(literal("127.0.0.2", 0));
  const auto listening = listen_on(literal("127.0.0.1", 0), false);
  REQUIRE(listening.has_value());
  dial_options.timeout = 50ms;
  auto silent = start("127.0.0.2", hole.address().port());
  auto refused = start("gone.invalid", 80);  // its outcome is known, only not yet told
  auto open = start("127.0.0.1", bound_address(listening->get()).port());
  silent.reset();
  refused.reset();
  open.reset();
  Timer later(loop, [&] { loop.stop(); });
  later.set(150ms);
  REQUIRE(run(loop));
  CHECK(calls == 0);
}

TEST_CASE_FIXTURE(DialerTest, "the callback may drop the Dial") {
  const auto listening = listen_on(literal("127.0.0.1", 0), false);
  REQUIRE(listening.has_value());
  const std::uint16_t open = bound_address(listening->get()).port();
  const std::uint16_t closed = closed_port("127.0.0.1").port();
  ResolverOptions options;
  options.resolv_conf = "";
  Resolver resolver(loop, options);
  for (const std::uint16_t port : {open, closed}) {
    std::unique_ptr<Dial> attempt;
    auto held = std::make_shared<int>(7);
    int seen = 0;
    attempt = dial(loop, resolver, "127.0.0.1", port, nullptr, {}, [&, held](const tl::expected<Dialled, DialError>&) {
      attempt.reset();
      seen = *held;
      loop.stop();
    });
    REQUIRE(run(loop));
    CHECK(seen == 7);
    CHECK(held.use_count() == 1);
  }
}

TEST_CASE_FIXTURE(DialerTest, "out of descriptors is told as such") {
  const Address closed = closed_port("127.0.0.1");
  connect("127.0.0.1", closed.port());  // so that everything else that needs a descriptor has one
  rlimit saved{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &saved) == 0);
  {
    const Fd lowest(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    REQUIRE(lowest.valid());
    rlimit none = saved;
    none.rlim_cur = static_cast<rlim_t>(lowest.get());
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  }
  const std::string failed = connect("127.0.0.1", closed.port());
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &saved) == 0);
  CHECK(failed == "NoDescriptor: cannot connect to " + closed.to_string() + ": Too many open files");
}

}  // namespace
}  // namespace larder::net
