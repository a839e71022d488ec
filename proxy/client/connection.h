// One client connection: reads requests in order, runs one Transaction at a time, writes what they produce. Knows
// framing and deadlines; knows nothing of caches and origins. Its worker's thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cache/http/message.h"
#include "proxy/client/opening.h"
#include "proxy/client/output.h"
#include "proxy/client/tunnel.h"
#include "proxy/net/buffer.h"
#include "proxy/net/loop.h"
#include "proxy/net/stream.h"
#include "proxy/origin/request_body.h"
#include "proxy/origin/waker.h"
#include "proxy/wire/chunked.h"
#include "proxy/wire/framing.h"
#include "proxy/wire/head_parser.h"

namespace larder::client {

class Transaction;
class Worker;

class Connection final : public net::Buried, private net::Stream::Events {
 public:
  Connection(Worker& worker, net::Fd fd, const net::Address& peer);
  ~Connection() override;
  void start();

  // --- for its Transaction ---
  [[nodiscard]] Worker& worker() { return worker_; }
  [[nodiscard]] const net::Address& peer() const { return peer_; }
  [[nodiscard]] const std::string& peer_text() const { return peer_text_; }
  [[nodiscard]] Output& output() { return output_; }
  // No more of a body is to be queued now: what waits to be written is enough.
  [[nodiscard]] bool is_output_full() const;
  // Writes what waits; a Transaction that waits for something calls it so that the client sees what there is.
  void flush();
  // After this response the connection ends.
  void close_after() { close_after_ = true; }
  [[nodiscard]] bool will_close() const { return close_after_; }
  // The request has content: from now on it is read into `body`.
  void read_body_into(std::shared_ptr<origin::RequestBody> body, const wire::Framing& framing);
  // The request's content is dropped as it comes: nobody forwards it. Past a small size the connection will close
  // instead.
  void ignore_body(const wire::Framing& framing);
  // The response cannot be finished. What was written must not look complete: where only a reset shows that, it is
  // reset.
  void cut();
  // The connection becomes one end of a tunnel, after `to_client` was sent. `on_end` is told the bytes each way.
  void become_tunnel(net::Fd origin, const std::string& to_client,
                     std::function<void(std::uint64_t up, std::uint64_t down)> on_end);
  // The answer to CONNECT is sent; what the client says first in the tunnel to `authority` decides whether it is one:
  // Transaction::on_opened.
  void open_tunnel(net::Fd origin, std::string authority);
  // A Transaction that had answered Suspend may go on.
  void resume();

  // The request's content is not all there, and what comes next may or may not be more of it: a client may wait for a
  // 100 (Continue) or send on what nobody reads. Then this answer has to be the connection's last.
  [[nodiscard]] bool is_content_doubtful() const;

  // --- for its Worker ---
  // The process is stopping: closes what is idle, hurries a tunnel. A request in flight is finished.
  void drain();
  void close();

 private:
  void on_readable() override;
  void on_writable() override;
  void on_timeout();
  bool fill_input();    // false: closed
  void process();       // parses and runs until there is nothing to do now
  bool next_request();  // false when there is no whole request, or the connection is ending
  void after_transaction();
  void on_reject(const wire::Reject& reject);
  void feed_body();
  void on_body_broken(const wire::Reject& reject);
  void end_gently();  // the last byte is queued: send it, then close without a reset
  void linger();
  void reset_on_close();
  void look_at_opening();
  void decide_opening(Opening::Verdict verdict);
  bool rewrite_inner(std::string_view& raw);  // false: refused
  void update_interest();
  void await_answer();

  Worker& worker_;
  net::Address peer_;
  std::string peer_text_;
  net::Stream stream_;
  net::Buffer input_;
  Output output_;
  net::Timer timer_;
  wire::RequestParser parser_;
  std::unique_ptr<Transaction> transaction_;
  std::unique_ptr<Tunnel> tunnel_;
  std::unique_ptr<Opening> opening_;
  std::string inner_;       // not "": requests come inside a tunnel to this authority, in origin-form
  std::string inner_head_;  // the current one's head in absolute-form

  std::shared_ptr<origin::RequestBody> body_;  // null: dropped as it comes
  std::shared_ptr<origin::LoopWaker> body_waker_;
  std::unique_ptr<wire::ChunkedDecoder> decoder_;
  std::uint64_t body_left_ = 0;
  bool body_open_ = false;   // of the current request, content is still to come
  bool body_begun_ = false;  // and some has come

  bool running_ = false;      // inside process(): do not enter it again
  bool input_ended_ = false;  // the client has closed its sending side
  bool close_after_ = false;
  bool ending_ = false;  // nothing more is read as requests
  bool lingering_ = false;
  bool closed_ = false;
  bool write_blocked_ = false;
  std::uint64_t lingered_ = 0;
  bool head_started_ = false;  // part of a head is there: its deadline runs
};

}  // namespace larder::client
