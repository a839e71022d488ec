// Bytes both ways between a client and an origin, untouched: a CONNECT tunnel or a connection upgraded to another
// protocol.
//
// Half-close is kept: when one side ends its sending, the other is told so and may go on. Ends when both have, when
// either breaks, or after `idle` without a byte. Memory is bounded per direction and given back when nothing waits.
// Loop's thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>

#include "metrics/metrics.h"
#include "proxy/net/buffer.h"
#include "proxy/net/fd.h"
#include "proxy/net/loop.h"
#include "proxy/net/stream.h"

namespace larder::client {

class Tunnel final : public net::Buried {
 public:
  // `to_client` and `to_origin` are bytes to be sent first. `on_end` is called once, from the loop; the owner buries
  // the tunnel.
  Tunnel(net::Loop& loop, net::BufferPool& buffers, metrics::Counters& counters, net::Fd client, net::Fd origin,
         std::chrono::milliseconds idle, std::function<void()> on_end);
  ~Tunnel() override = default;
  void start(std::string_view to_client, std::string_view to_origin);

  // From now on it ends after `idle` without a byte, counted from the last one: perhaps at once, inside this call.
  void hurry(std::chrono::milliseconds idle);

  [[nodiscard]] std::uint64_t bytes_up() const { return up_.sent; }  // client to origin
  [[nodiscard]] std::uint64_t bytes_down() const { return down_.sent; }

 private:
  struct Side final : net::Stream::Events {
    Side(Tunnel& of, net::Loop& loop, net::Fd fd) : tunnel(of), stream(loop, std::move(fd), *this) {}
    void on_readable() override { tunnel.pump(); }
    void on_writable() override { tunnel.pump(); }
    Tunnel& tunnel;
    net::Stream stream;
  };
  struct Direction {
    Direction(Side& source, Side& sink, net::BufferPool& pool, metrics::Counter& bytes)
        : from(source), to(sink), buffer(pool), counter(bytes) {}
    Side& from;
    Side& to;
    net::Buffer buffer;
    metrics::Counter& counter;
    std::uint64_t sent = 0;
    bool eof = false;     // the source has ended
    bool closed = false;  // and the sink has been told
  };

  void pump();
  bool move(Direction& way);  // false: a side broke
  void end();

  void touch();

  net::Loop& loop_;
  Side client_;
  Side origin_;
  Direction up_;
  Direction down_;
  net::Timer timer_;
  std::chrono::milliseconds idle_;
  net::Clock::time_point last_byte_;
  std::function<void()> on_end_;
  bool over_ = false;
};

}  // namespace larder::client
