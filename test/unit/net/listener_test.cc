#include "proxy/net/listener.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "test/unit/net/support.h"

namespace larder::net {
namespace {

using namespace std::chrono_literals;
using test::literal;
using test::run;

// A blocking connect: it ends when the kernel has queued the connection, accepted or not.
Fd connect_to(const Address& address) {
  sockaddr_storage name{};
  const socklen_t length = address.to_sockaddr(name);
  Fd fd(::socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(fd.valid());
  REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), length) == 0);
  return fd;
}

TEST_CASE("accepts, and tells the peer; sockets are non-blocking, close-on-exec and without delay") {
  for (const std::string_view host : {"127.0.0.1", "::1"}) {
    CAPTURE(host);
    Loop loop;
    auto fd = listen_on(literal(host, 0), false);
    REQUIRE(fd.has_value());
    Fd accepted;
    Address peer;
    Listener listener(loop, std::move(*fd), [&](Fd socket, const Address& from) {
      accepted = std::move(socket);
      peer = from;
      loop.stop();
    });
    CHECK(listener.address().same_host(literal(host)));
    REQUIRE(listener.address().port() != 0);
    const Fd client = connect_to(listener.address());
    REQUIRE(run(loop));
    CHECK(peer == bound_address(client.get()));
    CHECK((::fcntl(accepted.get(), F_GETFL) & O_NONBLOCK) != 0);
    CHECK((::fcntl(accepted.get(), F_GETFD) & FD_CLOEXEC) != 0);
    int no_delay = 0;
    socklen_t length = sizeof no_delay;
    REQUIRE(::getsockopt(accepted.get(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &length) == 0);
    CHECK(no_delay != 0);
  }
}

TEST_CASE("more connections than are taken in one turn are all taken") {
  Loop loop;
  auto fd = listen_on(literal("127.0.0.1", 0), false);
  REQUIRE(fd.has_value());
  std::vector<Fd> accepted;
  Listener listener(loop, std::move(*fd), [&](Fd socket, const Address&) {
    accepted.push_back(std::move(socket));
    if (accepted.size() == 150) loop.stop();
  });
  std::vector<Fd> clients;
  for (int i = 0; i < 150; ++i) clients.push_back(connect_to(listener.address()));
  REQUIRE(run(loop));
  CHECK(accepted.size() == 150);
}

TEST_CASE("the callback may destroy the listener") {
  Loop loop;
  auto fd = listen_on(literal("127.0.0.1", 0), false);
  REQUIRE(fd.has_value());
  std::unique_ptr<Listener> listener;
  int count = 0;
  auto held = std::make_shared<int>(7);
  listener = std::make_unique<Listener>(loop, std::move(*fd), [&, held](Fd, const Address&) {
    listener.reset();
    count += *held;
    loop.stop();
  });
  const Fd one = connect_to(listener->address());
  const Fd two = connect_to(listener->address());
  REQUIRE(run(loop));
  CHECK(count == 7);
}

TEST_CASE("a port in use is an error that names the address, unless it is shared") {
  auto first = listen_on(literal("127.0.0.1", 0), false);
  REQUIRE(first.has_value());
  const Address address = bound_address(first->get());
  const auto second = listen_on(address, false);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().text == "cannot bind to " + address.to_string() + ": Address already in use");

  auto shared = listen_on(literal("127.0.0.1", 0), true);
  REQUIRE(shared.has_value());
  CHECK(listen_on(bound_address(shared->get()), true).has_value());
  CHECK_FALSE(listen_on(Address(), false).has_value());
}

TEST_CASE("IPv4 and IPv6 may listen on the same port") {
  auto v6 = listen_on(literal("::", 0), false);
  REQUIRE(v6.has_value());
  CHECK(listen_on(literal("0.0.0.0", bound_address(v6->get()).port()), false).has_value());
}

// Lowers the limit of descriptors so that none is left.
class NoDescriptors {
 public:
  NoDescriptors() {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &saved_) == 0);
    const Fd lowest(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    REQUIRE(lowest.valid());
    rlimit none = saved_;
    none.rlim_cur = static_cast<rlim_t>(lowest.get());
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &saved_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit saved_{};
};

TEST_CASE("without descriptors accepting pauses instead of spinning, and goes on when there are some again") {
  Loop loop;
  auto fd = listen_on(literal("127.0.0.1", 0), false);
  REQUIRE(fd.has_value());
  Clock::time_point accepted_at{};
  Listener listener(loop, std::move(*fd), [&](Fd, const Address&) {
    accepted_at = Clock::now();
    loop.stop();
  });
  const Fd client = connect_to(listener.address());
  auto none = std::make_unique<NoDescriptors>();
  Timer soon(loop, [&] { loop.stop(); });
  soon.set(30ms);
  rusage before{};
  ::getrusage(RUSAGE_THREAD, &before);
  REQUIRE(run(loop));
  rusage after{};
  ::getrusage(RUSAGE_THREAD, &after);
  CHECK(accepted_at == Clock::time_point{});
  const auto micros = [](const rusage& r) {
    return (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1'000'000 + r.ru_utime.tv_usec + r.ru_stime.tv_usec;
  };
  CHECK(micros(after) - micros(before) < 15'000);  // of 30 ms, all of which a spinning loop would burn
  none.reset();
  REQUIRE(run(loop));
  CHECK(accepted_at != Clock::time_point{});
}

}  // namespace
}  // namespace larder::net
