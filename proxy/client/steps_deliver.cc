// The last steps of a Transaction: what the client is sent.
#include <algorithm>

#include "cache/http/text.h"
#include "cache/policy/validation.h"
#include "proxy/client/connection.h"
#include "proxy/client/transaction.h"
#include "proxy/client/worker.h"
#include "proxy/wire/chunked.h"
#include "proxy/wire/serialise.h"

namespace larder::client {
namespace {

constexpr std::size_t kPiece = 256ULL * 1024;  // bytes of a body queued at once
constexpr std::uint64_t kTurn = 2 << 20;       // bytes of a body sent in one turn of the loop

}  // namespace

using policy::Forward;
using policy::Result;

Next Transaction::deliver() {
  if (!head_sent_) start_response();
  if (!has_body_out_) {
    reader_.reset();
    return go(kFinish);
  }
  return deliver_body();
}

bool Transaction::is_bodiless(unsigned status) const {
  return http::is_bodiless(head_.method, status);
}

void Transaction::start_response() {
  const store::Head& head = *object_->head();
  if (base_) return start_completed(head);
  const bool own_condition_sent = !is_condition_held_back_ && (result_ == Result::Miss || result_ == Result::Pass);
  if (!own_condition_sent && policy::has_cache_condition(head_.fields)) {
    http::FieldList stored;
    head.parse_fields(stored);
    const auto condition = policy::evaluate(head_, head.status, stored, head.meta, worker_.loop().wall());
    if (condition == policy::Condition::NotModified) {
      write_not_modified(head);
      return;
    }
  }
  if (from_cache_ && (range_ || object_->parts() != nullptr) && start_selected()) return;
  write_head(head);
}

void Transaction::write_head(const store::Head& head) {
  status_ = head.status;
  has_body_out_ = !is_bodiless(head.status);
  std::string& out = connection_.output().text();
  out += head.block;
  if (head.content_range) {
    out += "Content-Range: ";
    policy::append_content_range(out, *head.content_range->range, *head.content_range->complete);
    out += "\r\n";
  }
  append_framing(out, head);
  append_age(out, head);
  append_common(out);
  out += "\r\n";
  connection_.output().note_text();
  head_sent_ = true;
}

void Transaction::write_not_modified(const store::Head& head) {
  status_ = 304;
  has_body_out_ = false;
  http::FieldList stored;
  head.parse_fields(stored);
  std::string& out = connection_.output().text();
  wire::append_status_line(out, 304, http::reason_phrase(304));
  for (const auto& field : stored) {
    if (policy::belongs_into_304(field.id)) wire::append_field(out, field.name, field.value);
  }
  append_age(out, head);
  append_common(out);
  out += "\r\n";
  connection_.output().note_text();
  head_sent_ = true;
}

void Transaction::append_age(std::string& out, const store::Head& head) const {
  // RFC 9111 section 5.1: a stored response carries its age; a passing one only what it came with.
  if (!from_cache_ && head.meta.age_value == http::Seconds{0}) return;
  out += "Age: ";
  http::append_number(out, static_cast<std::uint64_t>(policy::current_age(head.meta, worker_.loop().wall()).count()));
  out += "\r\n";
}

void Transaction::append_framing(std::string& out, const store::Head& head) {
  std::optional<std::uint64_t> length = head.length;
  // A stored body's size is known whatever its origin declared; also to HEAD.
  const bool is_whole = object_->state() == store::Object::State::Complete && (has_body_out_ || from_cache_);
  if (is_whole) length = object_->size();
  // Trailers need the chunked coding to travel in.
  const bool has_trailers = has_body_out_ && head_.minor == 1 && object_->state() == store::Object::State::Complete &&
                            !object_->trailers().empty();
  if (length && !has_trailers && head.status != 204 && head.status != 304) {
    out += "Content-Length: ";
    http::append_number(out, *length);
    out += "\r\n";
    return;
  }
  if (!has_body_out_) return;
  if (head_.minor == 1) {
    chunked_ = true;
    out += "Transfer-Encoding: chunked\r\n";
  } else {
    close_delimited_ = true;
    connection_.close_after();
  }
}

void Transaction::append_via(std::string& out) const {
  // RFC 9110 section 7.6.3: the version in which this message was received; our own answers are 1.1.
  const bool is_old = object_ && object_->head() != nullptr && object_->head()->minor == 0;
  out.append(is_old ? "Via: 1.0 " : "Via: 1.1 ").append(worker_.shared().via).append("\r\n");
}

void Transaction::append_cache_status(std::string& out) const {
  out += "Cache-Status: larder";
  if (result_ == Result::Hit || result_ == Result::Stale) {
    out += "; hit; ttl=";
    const auto ttl = policy::ttl(object_->head()->meta, worker_.loop().wall()).count();
    if (ttl < 0) out.push_back('-');
    http::append_number(out, static_cast<std::uint64_t>(ttl < 0 ? -ttl : ttl));
  } else if (forward_ != Forward::None) {
    out.append("; fwd=").append(policy::to_string(forward_));
    const store::Head* head = object_ ? object_->head() : nullptr;
    if (head != nullptr && head->validated) {
      out += "; fwd-status=304";
    } else if (base_) {
      out += "; fwd-status=206";
      if (head != nullptr && head->store_reason == policy::Reason::Stored) out += "; stored";
    } else if (head != nullptr && !collapsed_ && head->shareable && head->store_reason == policy::Reason::Stored) {
      out += "; stored";
    }
    if (collapsed_) out += "; collapsed";
    const bool is_kept_out = head != nullptr && !head->shareable && head->store_reason != policy::Reason::None;
    if (is_kept_out) out.append("; detail=").append(policy::to_string(head->store_reason));
  }
  if (is_key_shortened_) append_key_parameter(out);
  if (!error_.empty()) out.append("; detail=").append(error_);
  out += "\r\n";
}

// RFC 9211 section 2.7: said only where it is not simply the URI that was asked for.
void Transaction::append_key_parameter(std::string& out) const {
  out += "; key=\"";
  for (const char c : key_) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
}

void Transaction::append_common(std::string& out) {
  append_via(out);
  if (!is_local_) append_cache_status(out);
  if (worker_.is_draining() || connection_.is_content_doubtful()) connection_.close_after();
  if (connection_.will_close()) {
    out += "Connection: close\r\n";
  } else if (head_.minor == 0) {
    out += "Connection: keep-alive\r\n";
  }
}

// A client as fast as memory must not keep the worker for a whole large body: the others get their turn.
Next Transaction::yield_turn() {
  connection_.flush();
  make_waker();
  waker_->wake();
  return Next::Suspend;
}

Next Transaction::deliver_body() {
  const std::uint64_t turn_ends = body_sent_ + kTurn;
  while (true) {
    if (body_sent_ >= turn_ends) return yield_turn();
    if (connection_.is_output_full()) {
      connection_.flush();
      if (connection_.is_output_full()) return Next::Suspend;  // on_writable resumes
    }
    if (assembly_ && base_ && assembly_->is_at_fetched(gap_ + (is_gap_asked_ ? 0 : 1))) {
      const GapStatus gap = go_on_to_next_gap();
      if (gap == GapStatus::Failed) return give_up_body("http_response_incomplete");
      if (gap == GapStatus::Wait) {
        connection_.flush();
        return Next::Suspend;
      }
    }
    store::Piece piece;
    const auto status =
        assembly_ ? assembly_->next(reader_ ? &*reader_ : nullptr, kPiece, piece) : reader_->next(kPiece, piece);
    if (assembly_ && assembly_->is_cut()) return give_up_body("http_response_incomplete");
    switch (status) {
      case store::Reader::Status::Ready:
        body_sent_ += piece.bytes.size();
        if (chunked_) {
          wire::append_chunk_start(connection_.output().text(), piece.bytes.size());
          connection_.output().note_text();
        }
        connection_.output().append(std::move(piece));
        if (chunked_) connection_.output().append(wire::kChunkEnd);
        break;
      case store::Reader::Status::Wait:
        connection_.flush();
        return Next::Suspend;
      case store::Reader::Status::End:
        if (chunked_) {
          wire::append_last_chunk(connection_.output().text(), object_->trailers());
          connection_.output().note_text();
        }
        return go(kFinish);
      case store::Reader::Status::Failed:
        // Nothing failed but the disk: what was sent cannot be taken back.
        return give_up_body(object_->state() == store::Object::State::Failed ? object_->failure().type
                                                                             : "proxy_internal_error");
    }
  }
}

Next Transaction::give_up_body(std::string_view error) {
  result_ = Result::Error;
  error_ = error;
  connection_.cut();
  return go(kFinish);
}

}  // namespace larder::client
