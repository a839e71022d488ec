// The second half of a Fetch: the response's content, and the ends.
#include <algorithm>
#include <cstring>

#include "proxy/origin/fetch.h"

namespace larder::origin {
namespace {

constexpr std::uint64_t kTurn = 512ULL * 1024;  // bytes of one body per loop turn: others get their share
constexpr std::uint64_t kWorthFinishing = 1
                                          << 20;  // a kept body with no reader left is finished when so much is missing

}  // namespace

void Fetch::read_body() {
  std::uint64_t budget = kTurn;
  while (phase_ == Phase::Body && !body_ended_) {
    const std::uint64_t room = object().room();
    if (room == 0) {
      // The readers are behind: a slow client slows its origin. No deadline runs meanwhile; on_object_wake resumes.
      stream_->want_read(false);
      timer_.cancel();
      return;
    }
    const std::uint64_t before = object().published();
    // What is in the buffer already brings no further event: it is taken whatever the budget says.
    if (!read_piece(input_.empty() ? std::min(room, budget) : room)) return;
    budget -= std::min(budget, object().published() - before);
    if (budget == 0 && !body_ended_ && input_.empty()) return;  // level-triggered: the loop comes back for the rest
  }
  if (phase_ == Phase::Body) finish();
}

bool Fetch::read_piece(std::uint64_t room) {
  using Kind = wire::Framing::Kind;
  switch (framing_.kind) {
    case Kind::Length:
    case Kind::UntilClose: {
      const std::uint64_t most = framing_.kind == Kind::Length ? std::min(room, left_) : room;
      if (!input_.empty()) {
        const auto bytes = input_.view().substr(0, static_cast<std::size_t>(most));
        store_bytes(bytes);
        input_.consume(bytes.size());
        left_ -= framing_.kind == Kind::Length ? bytes.size() : 0;
        body_ended_ = framing_.kind == Kind::Length && left_ == 0;
        return true;
      }
      return read_into_object(most);
    }
    case Kind::Chunked:
      if (!input_.empty()) return decode_buffered(room);
      if (decoder_.chunk_left() >= 4096) return read_into_object(std::min(room, decoder_.chunk_left()));
      return read_into_buffer();
    case Kind::None:
      break;
  }
  return false;
}

bool Fetch::decode_buffered(std::uint64_t room) {
  const auto step =
      decoder_.step(input_.view().substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(room, input_.size()))));
  switch (step.status) {
    case wire::ChunkedDecoder::Status::Bad:
      fail(502, "http_protocol_error",
           "the origin's chunked response is malformed: " + std::string(decoder_.error().why));
      return false;
    case wire::ChunkedDecoder::Status::Content:
      store_bytes(step.content);
      break;
    case wire::ChunkedDecoder::Status::Done:
      body_ended_ = true;
      break;
    case wire::ChunkedDecoder::Status::NeedMore:
      break;
  }
  input_.consume(step.used);
  return true;
}

void Fetch::store_bytes(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::uint64_t hint = framing_.kind == wire::Framing::Kind::Length ? left_ : 0;
    const auto space = object().space(hint);
    const auto n = std::min(space.size(), bytes.size());
    std::memcpy(space.data(), bytes.data(), n);
    object().publish(n);
    bytes.remove_prefix(n);
  }
}

bool Fetch::read_into_object(std::uint64_t most) {
  const std::uint64_t hint = framing_.kind == wire::Framing::Kind::Length ? left_ : 0;
  const auto space = object().space(hint);
  const auto got = stream_->read(space.data(), static_cast<std::size_t>(std::min<std::uint64_t>(most, space.size())));
  if (got.what == net::Io::Again) return false;
  if (got.what == net::Io::Eof) {
    on_eof();
    return false;
  }
  if (got.what == net::Io::Error) {
    fail(502, "http_response_incomplete", "the connection to the origin broke in the middle of its response");
    return false;
  }
  object().publish(got.bytes);
  if (framing_.kind == wire::Framing::Kind::Length) {
    left_ -= got.bytes;
    body_ended_ = left_ == 0;
  } else if (framing_.kind == wire::Framing::Kind::Chunked) {
    decoder_.skip(got.bytes);
  }
  watch(config().timeouts.body_idle);
  return true;
}

bool Fetch::read_into_buffer() {
  input_.reserve(4096);
  const auto got = stream_->read(input_.end(), input_.room());
  if (got.what == net::Io::Again) return false;
  if (got.what != net::Io::Ok) {
    fail(502, "http_response_incomplete", "the connection to the origin ended in the middle of its response");
    return false;
  }
  input_.added(got.bytes);
  watch(config().timeouts.body_idle);
  return true;
}

void Fetch::on_eof() {
  if (framing_.kind == wire::Framing::Kind::UntilClose) {
    body_ended_ = true;
    finish();
    return;
  }
  fail(502, "http_response_incomplete", "the origin closed the connection in the middle of its response");
}

void Fetch::on_object_wake() {
  if (phase_ == Phase::Over) return;
  if (!object().has_readers()) {
    const bool worth = phase_ == Phase::Body && object().is_kept() && framing_.kind == wire::Framing::Kind::Length &&
                       left_ <= kWorthFinishing;
    if (!worth) {
      abandon();
      return;
    }
  }
  if (phase_ == Phase::Body && stream_ != nullptr && !stream_->wants_read()) {
    stream_->want_read(true);
    watch(config().timeouts.body_idle);
    read_body();
  }
}

void Fetch::finish() {
  if (phase_ == Phase::Body) {
    const bool chunked = framing_.kind == wire::Framing::Kind::Chunked;
    object().complete(chunked ? wire::serialise_trailers(decoder_.trailers()) : std::string());
    if (object().is_kept() && object().head()->content_range) {
      commit_part();
    } else if (object().is_kept()) {
      const bool is_stored = origin_.house_.store.commit(order_.object, tick());
      // The origin has answered the same request anew: what it had answered before is over, also under another
      // selection.
      if (is_stored && order_.validate && order_.validate->head()->vary != object().head()->vary) {
        origin_.house_.store.remove(*order_.validate);
      }
    }
  }
  const bool whole = request_sent_ && output_sent_ == output_.size() && !request_broken_;
  if (keep_alive_ && !is_bound_to_user_ && whole && input_.empty() && stream_ != nullptr && stream_->is_open()) {
    PooledConnection parked{stream_->release(), peer_, exchanges_ + 1};
    origin_.house_.pool.park(pool_key_, std::move(parked), origin_.house_.loop.now());
  }
  over();
}

store::Tick Fetch::tick() const {
  return static_cast<store::Tick>(
      std::chrono::duration_cast<std::chrono::milliseconds>(origin_.house_.loop.now().time_since_epoch()).count());
}

void Fetch::fail(std::uint16_t status, std::string_view type, std::string detail) {
  object().fail({status, type, std::move(detail), false});
  over();
}

void Fetch::abandon() {
  object().fail({502, "connection_terminated", "the request was given up", true});
  over();
}

void Fetch::over() {
  if (phase_ == Phase::Over) return;
  phase_ = Phase::Over;
  timer_.cancel();
  dial_.reset();
  if (order_.may_store) origin_.house_.store.leave(object());
  close_connection();
  if (order_.body) order_.body->refuse();
  origin_.forget(*this);
}

void Fetch::close_connection() {
  if (stream_ == nullptr) return;
  origin_.house_.counters.origin_active.sub();
  stream_->close();
  // Possibly inside the stream's own callback: it dies with this fetch, or when another connection takes its place.
  struct Grave : net::Buried {
    std::unique_ptr<net::Stream> stream;
  };
  auto grave = std::make_unique<Grave>();
  grave->stream = std::move(stream_);
  origin_.house_.loop.bury(std::move(grave));
}

void Fetch::on_timeout() {
  if (phase_ == Phase::Head) {
    fail(504, "http_response_timeout", "the origin did not answer in time");
  } else if (phase_ == Phase::Body) {
    fail(504, "http_response_timeout", "the origin stopped in the middle of its response");
  }
}

}  // namespace larder::origin
