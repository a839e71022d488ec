// Idle origin connections: taken when silent and allowed, never when dead, dirty or forbidden.
#include "proxy/origin/pool.h"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <array>

namespace larder::origin {
namespace {

using namespace std::chrono_literals;

struct Pair {
  Pair() {
    std::array<int, 2> fds{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()) == 0);
    ours = net::Fd(fds[0]);
    theirs = net::Fd(fds[1]);
  }
  net::Fd ours, theirs;
};

PooledConnection parked(net::Fd fd, const char* peer = "192.0.2.1:80") {
  return {std::move(fd), *net::Address::parse(peer), 1};
}

net::DialVerdict allow(const net::Address&) {
  return net::DialVerdict::Allow;
}

}  // namespace

TEST_CASE("the most recently parked connection of the host is taken, each once") {
  Pool pool({});
  Pair a, b;
  const int newer = b.ours.get();
  pool.park("a:80", parked(std::move(a.ours)), {});
  pool.park("a:80", parked(std::move(b.ours)), {});
  CHECK(pool.idle() == 2);
  CHECK_FALSE(pool.take("b:80", allow).has_value());
  const auto first = pool.take("a:80", allow);
  REQUIRE(first.has_value());
  CHECK(first->fd.get() == newer);
  CHECK(pool.take("a:80", allow).has_value());
  CHECK_FALSE(pool.take("a:80", allow).has_value());
  CHECK(pool.idle() == 0);
}

TEST_CASE("a connection that ended or has stray bytes is closed, not reused") {
  Pool pool({});
  Pair ended, dirty;
  pool.park("a:80", parked(std::move(ended.ours)), {});
  pool.park("a:80", parked(std::move(dirty.ours)), {});
  ended.theirs.reset();
  CHECK(::send(dirty.theirs.get(), "HTTP/1.1 408", 12, MSG_NOSIGNAL) == 12);
  SUBCASE("when taken") {
    CHECK_FALSE(pool.take("a:80", allow).has_value());
  }
  SUBCASE("when swept") {
    pool.sweep({});
  }
  CHECK(pool.idle() == 0);
  char byte = 0;
  CHECK(::recv(dirty.theirs.get(), &byte, 1, 0) <= 0);  // our end is closed
}

TEST_CASE("a connection is not lent to a request that might not have dialled its peer") {
  Pool pool({});
  Pair local, remote;
  pool.park("a:80", parked(std::move(remote.ours), "192.0.2.1:80"), {});
  pool.park("a:80", parked(std::move(local.ours), "127.0.0.1:80"), {});
  const auto taken = pool.take("a:80", [](const net::Address& peer) {
    return peer.is_loopback() ? net::DialVerdict::Deny : net::DialVerdict::Allow;
  });
  REQUIRE(taken.has_value());
  CHECK_FALSE(taken->peer.is_loopback());
  CHECK(pool.idle() == 1);
}

TEST_CASE("old connections are swept, and the limits hold") {
  Pool pool({.total = 3, .per_host = 2, .idle = 10s});
  const net::Clock::time_point start{};
  std::array<Pair, 5> pairs;
  pool.park("a:80", parked(std::move(pairs[0].ours)), start);
  pool.park("a:80", parked(std::move(pairs[1].ours)), start + 5s);
  pool.park("a:80", parked(std::move(pairs[2].ours)), start + 6s);  // the oldest of the host goes
  CHECK(pool.idle() == 2);
  char byte = 0;
  CHECK(::recv(pairs[0].theirs.get(), &byte, 1, 0) == 0);
  pool.park("b:80", parked(std::move(pairs[3].ours)), start + 6s);
  pool.park("c:80", parked(std::move(pairs[4].ours)), start + 6s);  // no room in all: this one is closed
  CHECK(pool.idle() == 3);
  CHECK(::recv(pairs[4].theirs.get(), &byte, 1, 0) == 0);
  pool.sweep(start + 15s + 500ms);
  CHECK(pool.idle() == 2);
  pool.sweep(start + 17s);
  CHECK(pool.idle() == 0);
}

}  // namespace larder::origin
