// One connection to the operator's port: reads a request, writes its answer, and so on. Owned by Admin; its loop's
// thread only.
#pragma once

#include <string>
#include <string_view>

#include "proxy/admin/admin.h"
#include "proxy/net/stream.h"
#include "proxy/wire/error.h"
#include "proxy/wire/head_parser.h"

namespace larder::admin {

class Connection final : public net::Buried, private net::Stream::Events {
 public:
  Connection(Admin& admin, net::Fd fd);
  ~Connection() override;

 private:
  // What the timer is for, and what is done when it comes.
  enum class Waiting : std::uint8_t { Head, Idle, Answer, Write, Linger };

  void on_readable() override;
  void on_writable() override { work(); }
  void on_due();

  void work();
  bool write_some();   // true when all was written; else waits for the peer, or is gone
  bool answer_next();  // true when there was a whole request
  void answer_bad(const wire::Reject& reject);
  void on_answer(const Answer& answer);
  void put(const Answer& answer);
  void wait_for_request();
  void start_linger();
  void discard();
  void wait(Waiting what, std::chrono::milliseconds time);
  void end();

  Admin& admin_;
  net::Stream stream_;
  net::Timer timer_;
  Waiting waiting_ = Waiting::Head;
  wire::RequestParser parser_;
  http::RequestHead head_;
  std::string in_;        // received and not yet answered
  std::size_t at_ = 0;    // where the next request begins in in_
  std::string out_;       // one answer
  std::size_t sent_ = 0;  // of out_
  LaterPtr later_;        // not null: an answer is waited for, and nothing is read
  bool bare_ = false;     // the answer is to HEAD
  bool last_ = false;     // no request is read after this answer
  bool eof_ = false;      // the client sends no more
  std::size_t discarded_ = 0;
};

}  // namespace larder::admin
