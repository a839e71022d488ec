#include "proxy/client/connection.h"

#include <sys/socket.h>

#include <algorithm>

#include "proxy/client/transaction.h"
#include "proxy/client/worker.h"

namespace larder::client {
namespace {

constexpr std::size_t kOutputHigh = 256ULL * 1024;  // queued for one client; more waits in the object
constexpr std::size_t kInputAhead = 16ULL * 1024;   // read ahead of the running request (pipelining)
constexpr std::uint64_t kWorthDraining =
    64ULL * 1024;  // content nobody wants is read to keep the connection, up to this
constexpr std::uint64_t kMostLingered = 1024ULL * 1024;  // bytes
constexpr std::chrono::milliseconds kLinger{2000};
constexpr std::chrono::milliseconds kDrainSilence{1000};  // a tunnel this long without a byte holds no stop up
// A client that has closed its sending side either waits for the answer or has gone: TCP does not tell. So long it may
// wait for the answer to begin.
constexpr std::chrono::milliseconds kHalfClosed{5000};

}  // namespace

Connection::Connection(Worker& worker, net::Fd fd, const net::Address& peer)
    : worker_(worker),
      peer_(peer),
      peer_text_(peer.to_string()),
      stream_(worker.loop(), std::move(fd), *this),
      input_(worker.buffers()),
      timer_(worker.loop(), [this] { on_timeout(); }),
      parser_(origin::wire_limits(worker.config())) {}

Connection::~Connection() {
  if (body_waker_) body_waker_->mute();
  if (body_) body_->set_on_room(nullptr);
  if (!closed_ && transaction_ && transaction_->ends_by_close()) reset_on_close();
}

void Connection::start() {
  timer_.set(worker_.config().timeouts.client_idle);
  stream_.want_read(true);
}

void Connection::drain() {
  if (tunnel_) {
    tunnel_->hurry(kDrainSilence);
  } else if (opening_ || (!transaction_ && output_.empty())) {
    close();
  }
}

bool Connection::is_content_doubtful() const {
  if (!body_open_) return false;
  return decoder_ != nullptr || body_left_ > kWorthDraining || (transaction_->expects_continue() && !body_begun_);
}

void Connection::close() {
  if (closed_) return;
  closed_ = true;
  timer_.cancel();
  if (transaction_ && transaction_->ends_by_close()) reset_on_close();
  stream_.close();
  if (body_) body_->abort();
  worker_.forget(*this);
}

void Connection::reset_on_close() {
  const struct ::linger hard { 1, 0 };
  ::setsockopt(stream_.fd(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
}

void Connection::cut() {
  flush();
  if (closed_) return;
  // A close-delimited body ends like a whole one when the connection closes in order.
  if (transaction_->ends_by_close()) {
    close();
  } else {
    close_after_ = true;
  }
}

// --- reading ---

bool Connection::fill_input() {
  input_.reserve(4096);
  const auto got = stream_.read(input_.end(), input_.room());
  switch (got.what) {
    case net::Io::Ok:
      input_.added(got.bytes);
      return true;
    case net::Io::Again:
      return true;
    case net::Io::Eof:
      input_ended_ = true;
      return true;
    case net::Io::Error:
      break;
  }
  close();
  return false;
}

void Connection::on_readable() {
  if (lingering_) {
    linger();
    return;
  }
  if (!fill_input()) return;
  if (opening_) {
    look_at_opening();
    if (closed_ || tunnel_) return;
  }
  if (body_open_) feed_body();
  if (!closed_) process();
}

void Connection::process() {
  if (running_ || closed_) return;
  running_ = true;
  while (!closed_ && !transaction_ && !ending_ && !tunnel_) {
    if (output_.size() >= kOutputHigh) {
      flush();
      if (write_blocked_) break;
    }
    if (!next_request()) break;
  }
  running_ = false;
  if (closed_) return;
  // Blocked output is on_writable's alone to flush: it also resumes the transaction that waits for room.
  if (!write_blocked_) flush();
  if (closed_) return;
  if (ending_ && output_.empty() && !transaction_) {
    end_gently();
    return;
  }
  update_interest();
}

bool Connection::next_request() {
  if (body_open_) {  // the last request's content is still to be dropped
    ending_ = input_ended_;
    return false;
  }
  if (input_.empty()) {
    if (input_ended_) ending_ = true;
    return false;
  }
  auto transaction = std::make_unique<Transaction>(*this);
  const auto parsed = parser_.parse(input_.view(), transaction->head());
  if (std::holds_alternative<wire::NeedMore>(parsed)) {
    if (input_ended_) ending_ = true;
    return false;
  }
  transaction_ = std::move(transaction);
  parser_.reset();
  if (const auto* reject = std::get_if<wire::Reject>(&parsed)) {
    on_reject(*reject);
    return false;
  }
  const auto bytes = std::get<wire::Parsed>(parsed).bytes;
  const auto framing = wire::request_framing(transaction_->head());
  if (!framing) {
    on_reject(framing.error());
    return false;
  }
  if (!wire::wants_keep_alive(transaction_->head().minor, transaction_->head().fields)) close_after_ = true;
  std::string_view raw = input_.view().substr(0, bytes);
  if (!inner_.empty() && !rewrite_inner(raw)) return false;
  const Next next = transaction_->begin(raw, *framing);
  if (closed_) return false;
  if (next == Next::Suspend) transaction_->own();
  if (tunnel_) return false;
  input_.consume(bytes);
  if (body_open_) feed_body();
  if (next == Next::Done && !closed_) after_transaction();
  return true;
}

// Makes of "GET /path HTTP/1.1" what the client would have sent without a tunnel.
bool Connection::rewrite_inner(std::string_view& raw) {
  const http::RequestHead& head = transaction_->head();
  const bool is_origin_form = head.target.starts_with('/') || head.target == "*";
  if (!is_origin_form || !is_for(head, inner_)) {
    on_reject({421, "a request inside the tunnel is for another host than the tunnel"});
    return false;
  }
  inner_head_.assign(raw.data(), static_cast<std::size_t>(head.target.data() - raw.data()));
  inner_head_.append("http://").append(inner_).append(head.target == "*" ? std::string_view{} : head.target);
  inner_head_.append(raw.substr(static_cast<std::size_t>(head.target.data() - raw.data()) + head.target.size()));
  const auto parsed = parser_.parse(inner_head_, transaction_->head());
  parser_.reset();
  if (!std::holds_alternative<wire::Parsed>(parsed)) {
    on_reject({414, "the request target is too long"});
    return false;
  }
  raw = inner_head_;
  return true;
}

void Connection::on_reject(const wire::Reject& reject) {
  close_after_ = true;
  transaction_->refuse(reject);
  input_.release();
  if (!closed_) after_transaction();
}

void Connection::after_transaction() {
  transaction_.reset();
  if (body_open_ && body_) {
    // Nobody takes the rest of the content any more.
    body_->set_on_room(nullptr);
    body_.reset();
    if (decoder_ || body_left_ > kWorthDraining) close_after_ = true;
    if (!close_after_) feed_body();
  } else {
    body_.reset();
  }
  if (close_after_ || worker_.is_draining()) ending_ = true;
}

void Connection::resume() {
  if (closed_ || running_ || !transaction_) return;
  running_ = true;
  const Next next = transaction_->resume();
  running_ = false;
  if (closed_) return;
  if (next == Next::Done) after_transaction();
  if (!closed_) process();
}

// --- content of a request ---

void Connection::read_body_into(std::shared_ptr<origin::RequestBody> body, const wire::Framing& framing) {
  body_ = std::move(body);
  body_open_ = true;
  body_begun_ = false;
  body_left_ = framing.length;
  decoder_ = framing.kind == wire::Framing::Kind::Chunked
                 ? std::make_unique<wire::ChunkedDecoder>(origin::wire_limits(worker_.config()))
                 : nullptr;
  if (!body_waker_) {
    body_waker_ = std::make_shared<origin::LoopWaker>(worker_.loop(), [this] {
      if (closed_) return;
      if (body_open_) feed_body();
      if (!closed_) process();
    });
  }
  // Posted, not called: the fetch is in the middle of sending when it makes room.
  body_->set_on_room([waker = body_waker_] { waker->wake(); });
}

void Connection::ignore_body(const wire::Framing& framing) {
  body_.reset();
  decoder_.reset();
  body_left_ = framing.length;
  body_open_ = true;
  if (framing.kind == wire::Framing::Kind::Chunked || framing.length > kWorthDraining) {
    close_after_ = true;
    body_open_ = false;  // the lingering close reads what is on its way
  }
}

void Connection::feed_body() {
  while (body_open_ && !input_.empty()) {
    const bool drop = !body_ || body_->is_unwanted();
    const std::size_t room = drop ? input_.size() : std::min(body_->room(), input_.size());
    if (room == 0) break;
    const auto bytes = input_.view().substr(0, room);
    body_begun_ = true;
    if (!decoder_) {
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), body_left_));
      if (!drop) body_->push(bytes.substr(0, n));
      input_.consume(n);
      body_left_ -= n;
      if (body_left_ > 0) continue;
      body_open_ = false;
      if (!drop) body_->finish({});
      break;
    }
    const auto step = decoder_->step(bytes);
    if (step.status == wire::ChunkedDecoder::Status::Bad) {
      on_body_broken(decoder_->error());
      return;
    }
    if (step.status == wire::ChunkedDecoder::Status::Content && !drop) body_->push(step.content);
    input_.consume(step.used);
    if (step.status != wire::ChunkedDecoder::Status::Done) continue;
    body_open_ = false;
    if (drop) break;
    body_->finish(wire::serialise_trailers(decoder_->trailers()));
  }
  if (body_open_ && input_ended_ && input_.empty() && transaction_)
    on_body_broken({400, "the request ended before its content did"});
}

void Connection::on_body_broken(const wire::Reject& reject) {
  body_open_ = false;
  close_after_ = true;
  if (body_) body_->abort();
  if (!transaction_ || !transaction_->break_off(reject)) {
    flush();
    close();
    return;
  }
  input_.release();
  after_transaction();
}

// --- writing ---

bool Connection::is_output_full() const {
  return output_.size() >= kOutputHigh;
}

void Connection::flush() {
  if (closed_ || output_.empty()) return;
  const auto before = output_.size();
  switch (output_.flush(stream_)) {
    case net::Io::Ok:
      write_blocked_ = false;
      stream_.want_write(false);
      return;
    case net::Io::Again:
      if (!write_blocked_ || output_.size() != before) timer_.set(worker_.config().timeouts.body_idle);
      write_blocked_ = true;
      stream_.want_write(true);
      return;
    default:
      close();
  }
}

void Connection::on_writable() {
  flush();
  if (closed_ || is_output_full()) return;
  if (transaction_) {
    resume();
  } else {
    process();
  }
}

void Connection::update_interest() {
  const auto& timeouts = worker_.config().timeouts;
  bool read = !input_ended_;
  const bool between = !transaction_ && !body_open_ && !write_blocked_;
  if (body_open_) {
    const bool paused = body_ && !body_->is_unwanted() && body_->room() == 0;
    read = read && !paused;
    if (!paused && !write_blocked_) timer_.set(timeouts.body_idle);
  } else if (!between) {
    read = read && input_.size() < kInputAhead;
    if (!write_blocked_) await_answer();
  } else if (input_.empty()) {
    timer_.set(timeouts.client_idle);
    input_.release();
    output_.release();
  } else if (!head_started_) {
    timer_.set(timeouts.header);  // once: more bytes do not put it off
  }
  head_started_ = between && !input_.empty();
  stream_.want_read(read);
}

void Connection::await_answer() {
  if (!input_ended_) {
    timer_.cancel();  // the transaction has its own deadlines
  } else if (!transaction_->is_answering() && !timer_.is_set()) {
    timer_.set(kHalfClosed);
  }
}

// --- ends ---

void Connection::on_timeout() {
  if (closed_ || tunnel_) return;
  if (lingering_ || write_blocked_) {
    close();
  } else if (body_open_ && transaction_) {
    const bool paused = body_ && !body_->is_unwanted() && body_->room() == 0;
    if (!paused) on_body_broken({408, "the request's content stopped coming"});
    if (!closed_) process();
  } else if (transaction_) {
    if (input_ended_ && !transaction_->is_answering()) close();
  } else if (!input_.empty()) {
    transaction_ = std::make_unique<Transaction>(*this);
    on_reject({408, "the request head did not arrive in time"});
    if (!closed_) process();
  } else {
    close();
  }
}

void Connection::end_gently() {
  // Closing with unread input would reset the connection and could take the response with it (RFC 9112 section 9.6).
  stream_.shutdown_write();
  if (input_ended_) {
    close();
    return;
  }
  lingering_ = true;
  input_.release();
  timer_.set(kLinger);
  stream_.want_read(true);
}

void Connection::linger() {
  input_.reserve(4096);
  const auto got = stream_.read(input_.end(), input_.room());
  if (got.what == net::Io::Again) return;
  if (got.what != net::Io::Ok || (lingered_ += got.bytes) > kMostLingered) close();
}

void Connection::open_tunnel(net::Fd origin, std::string authority) {
  opening_ = std::make_unique<Opening>(worker_.loop(), std::move(origin), std::move(authority),
                                       worker_.config().timeouts.tunnel_idle,
                                       [this] { decide_opening(Opening::Verdict::Other); });
  flush();
  if (closed_) return;
  if (input_.empty()) {
    update_interest();
  } else {
    look_at_opening();
  }
}

void Connection::look_at_opening() {
  auto verdict = Opening::Verdict::Other;
  if (!input_ended_ && input_.size() < kInputAhead) {
    verdict = opening_->look(input_.view(), origin::wire_limits(worker_.config()));
  }
  if (verdict != Opening::Verdict::Undecided) decide_opening(verdict);
}

void Connection::decide_opening(Opening::Verdict verdict) {
  const std::string authority = opening_->authority();
  net::Fd origin = opening_->release();
  worker_.loop().bury(std::move(opening_));
  if (verdict == Opening::Verdict::Http) {
    inner_ = authority;
    close_after_ = false;
    transaction_->on_opened(std::move(origin), true);
    resume();
  } else {
    transaction_->on_opened(std::move(origin), false);
  }
}

void Connection::become_tunnel(net::Fd origin, const std::string& to_client,
                               std::function<void(std::uint64_t up, std::uint64_t down)> on_end) {
  std::string first;
  output_.drain_to(first);
  first += to_client;
  timer_.cancel();
  tunnel_ = std::make_unique<Tunnel>(worker_.loop(), worker_.buffers(), worker_.counters(), stream_.release(),
                                     std::move(origin), worker_.config().timeouts.tunnel_idle,
                                     [this, on_end = std::move(on_end)] {
                                       on_end(tunnel_->bytes_up(), tunnel_->bytes_down());
                                       close();
                                     });
  const std::string to_origin(input_.view());
  input_.release();
  tunnel_->start(first, to_origin);
}

}  // namespace larder::client
