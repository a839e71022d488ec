// One exchange with an origin that fills one Object: take or dial a connection, send the request, read the response.
//
// A Fetch never talks to a client; it sees readers of its Object come and go. It ends by completing or failing the
// Object; it is dropped (its connection closed) when nobody reads any more and the rest is not worth fetching for the
// next client. A reused connection that dies before the first byte of the response is replaced once by a fresh one when
// the request may be repeated (RFC 9112 section 9.3.1); one that may not travels only on a connection that was used a
// moment ago, or on a fresh one. Origin's loop only.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/net/buffer.h"
#include "proxy/net/stream.h"
#include "proxy/origin/origin.h"
#include "proxy/origin/waker.h"
#include "proxy/wire/chunked.h"
#include "proxy/wire/framing.h"
#include "proxy/wire/head_parser.h"

namespace larder::origin {

class Fetch final : public net::Buried, private net::Stream::Events {
 public:
  Fetch(Origin& origin, FetchOrder order);
  ~Fetch() override;
  void start();
  // Nobody waits for it.
  [[nodiscard]] bool is_in_background() const { return order_.in_background && !object().has_readers(); }

 private:
  enum class Phase : std::uint8_t { Connecting, Head, Body, Over };

  // connecting
  void connect(bool fresh);
  void on_dialled(tl::expected<net::Dialled, net::DialError> result);
  void begin_exchange(net::Fd fd, const net::Address& peer, std::uint32_t exchanges);
  void again(bool fresh);                 // give up this connection and take another
  [[nodiscard]] bool may_repeat() const;  // nothing is lost or done twice when the request is sent again
  [[nodiscard]] bool may_retry() const;

  // the request
  void compose_request();
  void append_range();
  void append_variants();
  bool select_variant(http::FieldSpan not_modified);  // sets order_.validate; false when none is meant
  void send_request();
  bool fill_output();  // from the request body; false when there is nothing to send now
  void on_request_broken();

  // the response
  void on_readable() override;
  void on_writable() override;
  void read_head();
  bool parse_heads();  // false when the fetch is over or needs more
  void on_interim(const http::ResponseHead& head);
  void on_head(const http::ResponseHead& head, std::size_t head_bytes);
  void ask_again_unconditionally();
  void keep_selection(store::Head& made, http::FieldSpan renewed, const store::Object& older, http::FieldSpan stored);
  void on_not_modified(const http::ResponseHead& head);
  void on_switching(const http::ResponseHead& head, std::size_t head_bytes);
  store::Ref<store::Head> make_head(const http::ResponseHead& head, http::FieldSpan fields) const;
  http::ResponseDirectives read_meta(store::Head& head, const http::ResponseHead& response) const;
  void judge(store::Head& head, const http::ResponseHead& response) const;
  void judge_storing(store::Head& head, const http::ResponseHead& response, const http::ResponseDirectives& said,
                     const http::RequestHead& request) const;
  void invalidate(const std::string& uri);
  void update_by_head(const http::ResponseHead& head);
  void after_head(const http::ResponseHead& head, const store::Head& stored);
  void publish(const store::Ref<store::Head>& head);
  void read_body();
  bool read_piece(std::uint64_t room);  // false: nothing more now (or over)
  bool decode_buffered(std::uint64_t room);
  bool read_into_object(std::uint64_t most);
  bool read_into_buffer();
  void store_bytes(std::string_view bytes);
  void on_eof();
  void on_object_wake();

  // a 206 (fetch_partial.cc)
  void commit_part();
  // What is to be stored now that `part` has come, `base` being what is stored; null when it adds nothing.
  store::Ref<store::Object> combine(const store::Part& part, const store::Object* base) const;
  [[nodiscard]] store::Tick tick() const;

  // ends
  void finish();
  void fail(std::uint16_t status, std::string_view type, std::string detail);
  void abandon();
  void over();
  void close_connection();
  void on_timeout();
  void watch(std::chrono::milliseconds timeout) { timer_.set(timeout); }

  [[nodiscard]] const conf::Config& config() const { return *config_; }
  [[nodiscard]] store::Object& object() const { return *order_.object; }

  Origin& origin_;
  FetchOrder order_;
  std::shared_ptr<const conf::Config> config_;
  std::shared_ptr<const policy::Rules> rules_;
  const policy::UrlRule* rule_ = nullptr;  // of rules_, for this URL; null: none
  std::shared_ptr<LoopWaker> waker_;
  net::Timer timer_;
  Phase phase_ = Phase::Connecting;

  std::string pool_key_;
  std::unique_ptr<net::Dial> dial_;
  std::unique_ptr<net::Stream> stream_;
  net::Address peer_;
  std::uint32_t exchanges_ = 0;
  bool retried_ = false;
  bool unconditional_ = false;  // the 304 did not fit what is stored: ask again without validators

  std::string output_;
  std::size_t output_sent_ = 0;
  bool request_sent_ = false;
  bool request_broken_ = false;  // the origin does not take the rest

  net::Buffer input_;
  wire::ResponseParser parser_;
  http::ResponseHead response_;
  bool any_byte_ = false;
  unsigned interims_ = 0;
  std::size_t interim_bytes_ = 0;
  wire::Framing framing_;
  std::uint64_t left_ = 0;  // of a Length body
  wire::ChunkedDecoder decoder_;
  bool body_ended_ = false;
  bool keep_alive_ = false;
  bool is_bound_to_user_ =
      false;  // NTLM and Negotiate log in the connection, not the request: nobody else may ride on it
  http::Time request_time_{};
};

}  // namespace larder::origin
