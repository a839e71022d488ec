#include "proxy/admin/connection.h"

#include <utility>
#include <variant>

#include "cache/http/date.h"
#include "cache/http/text.h"
#include "proxy/wire/framing.h"
#include "proxy/wire/serialise.h"

namespace larder::admin {
namespace {

constexpr wire::Limits kLimits{72UL * 1024, 64UL * 1024, 100};  // a target may hold a URL, percent-encoded
constexpr std::size_t kRead = 16UL * 1024;
constexpr std::size_t kMostDiscarded = 1 << 20;
constexpr std::chrono::seconds kLinger{2};

}  // namespace

Connection::Connection(Admin& admin, net::Fd fd)
    : admin_(admin),
      stream_(admin.loop_, std::move(fd), *this),
      timer_(admin.loop_, [this] { on_due(); }),
      parser_(kLimits) {
  stream_.want_read(true);
  wait(Waiting::Head, admin_.options_.header);
}

Connection::~Connection() {
  if (later_) later_->forget();
}

void Connection::wait(Waiting what, std::chrono::milliseconds time) {
  waiting_ = what;
  timer_.set(time);
}

void Connection::on_due() {
  if (waiting_ == Waiting::Head && at_ < in_.size()) {
    answer_bad({408, "the request's head did not arrive in time"});
    work();
  } else {
    end();
  }
}

void Connection::on_readable() {
  if (waiting_ == Waiting::Linger) return discard();
  const std::size_t had = in_.size();
  in_.resize(had + kRead);
  const auto got = stream_.read(in_.data() + had, kRead);
  in_.resize(had + got.bytes);
  if (got.what == net::Io::Again) return;
  if (got.what == net::Io::Error) return end();
  if (got.what == net::Io::Eof) eof_ = true;
  work();
}

// Answers one request after the other; comes back when it must wait for the peer, or for an answer.
void Connection::work() {
  do {
    if (later_) return;
    if (!write_some()) return;
    if (last_) return start_linger();
  } while (answer_next());
  if (eof_) return end();
  wait_for_request();
}

bool Connection::write_some() {
  while (sent_ < out_.size()) {
    const iovec rest{out_.data() + sent_, out_.size() - sent_};
    const auto put = stream_.writev(&rest, 1);
    if (put.what == net::Io::Ok) {
      sent_ += put.bytes;
    } else if (put.what == net::Io::Again) {
      stream_.want_read(false);  // what else the client asks waits until it has taken this
      stream_.want_write(true);
      wait(Waiting::Write, admin_.options_.write);
      return false;
    } else {
      end();
      return false;
    }
  }
  out_.clear();
  sent_ = 0;
  stream_.want_write(false);
  return true;
}

bool Connection::answer_next() {
  const auto input = std::string_view(in_).substr(at_);
  if (input.empty()) return false;
  const auto parsed = parser_.parse(input, head_);
  if (std::holds_alternative<wire::NeedMore>(parsed)) return false;
  if (const auto* reject = std::get_if<wire::Reject>(&parsed)) {
    answer_bad(*reject);
    return true;
  }
  const auto framing = wire::request_framing(head_);
  if (!framing) {
    answer_bad(framing.error());
    return true;
  }
  // Content means nothing to what is asked here. It is not read, so nothing after it can be.
  const bool has_content = framing->kind == wire::Framing::Kind::Chunked || framing->length > 0;
  last_ = has_content || !wire::wants_keep_alive(head_.minor, head_.fields.span());
  bare_ = head_.method == http::Method::Head;
  auto reply = admin_.reply({head_, has_content});
  at_ += std::get<wire::Parsed>(parsed).bytes;
  parser_.reset();
  head_.clear();
  if (const auto* answer = std::get_if<Answer>(&reply)) {
    put(*answer);
    waiting_ = Waiting::Idle;
  } else {
    later_ = std::get<LaterPtr>(reply);
    later_->await([this](const Answer& known) { on_answer(known); });
    stream_.want_read(false);
    timer_.cancel();
    waiting_ = Waiting::Answer;
  }
  return true;
}

void Connection::on_answer(const Answer& answer) {
  later_ = nullptr;
  waiting_ = Waiting::Idle;
  put(answer);
  work();
}

void Connection::answer_bad(const wire::Reject& reject) {
  last_ = true;
  bare_ = false;
  put(plain(reject.status, reject.why));
}

void Connection::put(const Answer& answer) {
  wire::append_status_line(out_, answer.status, http::reason_phrase(answer.status));
  out_ += "Date: ";
  http::append_date(out_, admin_.loop_.wall());
  out_ += "\r\n";
  wire::append_field(out_, "Content-Type", answer.type);
  out_ += "Content-Length: ";
  http::append_number(out_, answer.body.size());
  out_ += "\r\n";
  wire::append_field(out_, "Cache-Control", "no-store");
  wire::append_field(out_, "X-Content-Type-Options", "nosniff");
  if (answer.status == 405) wire::append_field(out_, "Allow", answer.allow);
  wire::append_field(out_, "Connection", last_ ? "close" : "keep-alive");
  out_ += "\r\n";
  if (!bare_) out_ += answer.body;
}

void Connection::wait_for_request() {
  in_.erase(0, at_);
  at_ = 0;
  stream_.want_read(true);
  if (!in_.empty()) {
    // From the request's first byte: later ones do not put the time off.
    if (waiting_ != Waiting::Head) wait(Waiting::Head, admin_.options_.header);
  } else if (waiting_ != Waiting::Head) {
    wait(Waiting::Idle, admin_.options_.idle);
  }
}

// Closing while bytes of the client lie unread would make the kernel reset the connection and the answer be lost
// (RFC 9112 section 9.6): what still comes is thrown away until the client closes too.
void Connection::start_linger() {
  if (eof_) return end();
  stream_.shutdown_write();
  stream_.want_read(true);
  wait(Waiting::Linger, kLinger);
}

void Connection::discard() {
  in_.resize(kRead);
  const auto got = stream_.read(in_.data(), in_.size());
  if (got.what == net::Io::Again) return;
  discarded_ += got.bytes;
  if (got.what != net::Io::Ok || discarded_ > kMostDiscarded) end();
}

void Connection::end() {
  if (later_) later_->forget();
  timer_.cancel();
  stream_.close();
  admin_.remove(*this);
}

}  // namespace larder::admin
