#include "proxy/client/tunnel.h"

namespace larder::client {
namespace {

constexpr std::size_t kWindow = 64ULL * 1024;  // bytes waiting in one direction
constexpr int kTurns = 8;                      // reads of one direction per loop turn: others get their share

}  // namespace

Tunnel::Tunnel(net::Loop& loop, net::BufferPool& buffers, metrics::Counters& counters, net::Fd client, net::Fd origin,
               std::chrono::milliseconds idle, std::function<void()> on_end)
    : loop_(loop),
      client_(*this, loop, std::move(client)),
      origin_(*this, loop, std::move(origin)),
      up_(client_, origin_, buffers, counters.tunnel_bytes_up),
      down_(origin_, client_, buffers, counters.tunnel_bytes_down),
      timer_(loop, [this] { end(); }),
      idle_(idle),
      on_end_(std::move(on_end)) {}

void Tunnel::start(std::string_view to_client, std::string_view to_origin) {
  down_.buffer.append(to_client);
  up_.buffer.append(to_origin);
  touch();
  pump();
}

void Tunnel::touch() {
  last_byte_ = loop_.now();
  timer_.set(idle_);
}

void Tunnel::hurry(std::chrono::milliseconds idle) {
  if (over_ || idle >= idle_) return;
  idle_ = idle;
  const auto silent = std::chrono::duration_cast<std::chrono::milliseconds>(loop_.now() - last_byte_);
  if (silent >= idle) {
    end();
  } else {
    timer_.set(idle - silent);
  }
}

bool Tunnel::move(Direction& way) {
  for (int turn = 0; turn < kTurns; ++turn) {
    bool blocked = false;
    while (!way.buffer.empty()) {
      const auto bytes = way.buffer.view();
      const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
      const auto written = way.to.stream.writev(&piece, 1);
      if (written.what == net::Io::Again) {
        blocked = true;
        break;
      }
      if (written.what != net::Io::Ok) {
        // The sink takes no more; what it still sends the other way goes on.
        way.eof = true;
        way.closed = true;
        way.buffer.release();
        break;
      }
      way.buffer.consume(written.bytes);
      way.sent += written.bytes;
      way.counter.add(written.bytes);
      touch();
    }
    if (way.eof || blocked) break;
    way.buffer.reserve(kWindow);
    const auto got = way.from.stream.read(way.buffer.end(), way.buffer.room());
    if (got.what == net::Io::Again) break;
    if (got.what == net::Io::Error) return false;
    if (got.what == net::Io::Eof) {
      way.eof = true;
      break;
    }
    way.buffer.added(got.bytes);
    touch();
  }
  if (way.buffer.empty()) {
    way.buffer.release();
    if (way.eof && !way.closed) {
      way.closed = true;
      way.to.stream.shutdown_write();
    }
  }
  way.from.stream.want_read(!way.eof && way.buffer.empty());
  way.to.stream.want_write(!way.buffer.empty());
  return true;
}

void Tunnel::pump() {
  if (over_) return;
  if (!move(up_) || !move(down_) || (up_.closed && down_.closed)) end();
}

void Tunnel::end() {
  if (over_) return;
  over_ = true;
  timer_.cancel();
  client_.stream.close();
  origin_.stream.close();
  on_end_();
}

}  // namespace larder::client
