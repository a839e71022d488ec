// What is queued leaves in order and whole, over a socket that takes little at a time.
#include "proxy/client/output.h"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

namespace larder::client {
namespace {

struct Quiet : net::Stream::Events {
  void on_readable() override {}
  void on_writable() override {}
};

store::Piece piece_of(std::size_t bytes, char letter) {
  auto chunk = store::Chunk::make(bytes);
  std::memset(chunk->data(), letter, bytes);
  return {{chunk->data(), bytes}, chunk};
}

}  // namespace

TEST_CASE("heads, small and large pieces keep their order through partial writes") {
  std::array<int, 2> fds{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()) == 0);
  net::Loop loop;
  Quiet quiet;
  net::Stream stream(loop, net::Fd(fds[0]), quiet);
  const net::Fd reader(fds[1]);
  Output output;
  std::string expected;
  for (int i = 0; i < 40; ++i) {
    output.append("head" + std::to_string(i));
    expected += "head" + std::to_string(i);
    const std::size_t bytes = i % 3 == 0 ? 100 : 50'000;
    output.append(piece_of(bytes, static_cast<char>('a' + i % 26)));
    expected.append(bytes, static_cast<char>('a' + i % 26));
    output.text() += "tail";
    output.note_text();
    expected += "tail";
  }
  CHECK(output.size() == expected.size());
  std::string got;
  std::array<char, 7000> buffer{};
  bool was_full = false;
  while (got.size() < expected.size()) {
    const auto io = output.flush(stream);
    REQUIRE(io != net::Io::Error);
    was_full = was_full || io == net::Io::Again;
    const ssize_t n = ::recv(reader.get(), buffer.data(), buffer.size(), 0);
    REQUIRE(n > 0);
    got.append(buffer.data(), static_cast<std::size_t>(n));
  }
  CHECK(was_full);
  CHECK(got == expected);
  CHECK(output.empty());
}

TEST_CASE("a pin is let go as soon as its bytes are out, and draining gives all that is left") {
  Output output;
  auto piece = piece_of(10'000, 'p');
  const auto chunk = piece.pin;
  output.append(std::move(piece));
  output.append("end");
  CHECK(chunk->owners() == 2);
  std::string all;
  output.drain_to(all);
  CHECK(all == std::string(10'000, 'p') + "end");
  CHECK(chunk->owners() == 1);
  CHECK(output.empty());
}

}  // namespace larder::client
