#include "proxy/origin/fetch.h"

#include "cache/http/text.h"
#include "cache/policy/validation.h"
#include "proxy/wire/serialise.h"

namespace larder::origin {
namespace {

// How lately a connection must have been used to carry what cannot be sent twice: an origin that closes idle
// connections does so later than this.
constexpr std::chrono::seconds kTrusted{2};
constexpr std::size_t kOutput = 64ULL * 1024;  // bytes of request body in the write buffer at once

struct DialAnswer {
  std::uint16_t status;
  std::string_view type;  // RFC 9209 section 2.3
};

DialAnswer answer_of(net::DialFailure failure) {
  switch (failure) {
    case net::DialFailure::NameUnknown:
    case net::DialFailure::DnsFailure:
      return {502, "dns_error"};
    case net::DialFailure::DnsTimeout:
      return {504, "dns_timeout"};
    case net::DialFailure::Denied:
      return {403, "destination_ip_prohibited"};
    case net::DialFailure::WouldLoop:
      return {508, "proxy_loop_detected"};
    case net::DialFailure::Refused:
      return {502, "connection_refused"};
    case net::DialFailure::Unreachable:
      return {502, "destination_ip_unroutable"};
    case net::DialFailure::Timeout:
      return {504, "connection_timeout"};
    case net::DialFailure::NoDescriptor:
      return {503, "proxy_internal_error"};
  }
  return {502, "proxy_internal_error"};
}

}  // namespace

wire::Limits wire_limits(const conf::Config& config) {
  return {static_cast<std::size_t>(config.limits.header_bytes), static_cast<std::size_t>(config.limits.target_bytes),
          config.limits.header_fields};
}

store::Failure failure_of(const net::DialError& error) {
  const DialAnswer answer = answer_of(error.kind);
  return {answer.status, answer.type, error.detail, false};
}

Fetch::Fetch(Origin& origin, FetchOrder order)
    : origin_(origin),
      order_(std::move(order)),
      config_(origin.config_),
      rules_(origin.rules_),
      waker_(std::make_shared<LoopWaker>(origin.house_.loop, [this] { on_object_wake(); })),
      timer_(origin.house_.loop, [this] { on_timeout(); }),
      input_(origin.house_.buffers),
      parser_(wire_limits(*config_)),
      decoder_(wire_limits(*config_)) {
  object().set_writer(waker_);
  const auto& uri = order_.request->uri;
  pool_key_ = pool_key(uri.authority.host, uri.port());
  rule_ = rules_->urls.match(uri);
}

Fetch::~Fetch() {
  waker_->mute();
  if (order_.body) order_.body->set_on_data(nullptr);
  if (phase_ == Phase::Over) return;
  // The worker ends first: whoever follows on another one is told.
  object().fail({502, "connection_terminated", "the proxy is stopping", true});
  if (order_.may_store) origin_.house_.store.leave(object());
}

void Fetch::start() {
  if (order_.body) order_.body->set_on_data([this] { send_request(); });
  connect(false);
}

// --- connecting ---

void Fetch::connect(bool fresh) {
  phase_ = Phase::Connecting;
  const auto& request = *order_.request;
  if (!fresh && !order_.on_switch) {
    const auto since = may_repeat() ? net::Clock::time_point::min() : origin_.house_.loop.now() - kTrusted;
    if (auto parked = origin_.house_.pool.take(pool_key_, order_.may_dial, since)) {
      origin_.house_.counters.origin_reused.add();
      begin_exchange(std::move(parked->fd), parked->peer, parked->exchanges);
      return;
    }
  }
  dial_ = net::dial(origin_.house_.loop, origin_.house_.resolver, request.uri.authority.host, request.uri.port(),
                    order_.may_dial, {config().timeouts.connect, std::chrono::milliseconds(250)},
                    [this](auto result) { on_dialled(std::move(result)); });
}

void Fetch::on_dialled(tl::expected<net::Dialled, net::DialError> result) {
  dial_.reset();
  if (!result) {
    origin_.house_.counters.origin_connect_failures.add();
    const DialAnswer answer = answer_of(result.error().kind);
    fail(answer.status, answer.type, std::move(result.error().detail));
    return;
  }
  origin_.house_.counters.origin_connects.add();
  begin_exchange(std::move(result->fd), result->peer, 0);
}

void Fetch::begin_exchange(net::Fd fd, const net::Address& peer, std::uint32_t exchanges) {
  phase_ = Phase::Head;
  peer_ = peer;
  exchanges_ = exchanges;
  stream_ = std::make_unique<net::Stream>(origin_.house_.loop, std::move(fd), static_cast<net::Stream::Events&>(*this));
  origin_.house_.counters.origin_active.add();
  origin_.house_.counters.origin_requests.add();
  request_time_ = origin_.house_.loop.wall();
  compose_request();
  stream_->want_read(true);
  send_request();
}

bool Fetch::may_repeat() const {
  return http::is_idempotent(order_.request->head.method) && !order_.body;
}

bool Fetch::may_retry() const {
  return exchanges_ > 0 && !any_byte_ && !retried_ && may_repeat();
}

void Fetch::again(bool fresh) {
  close_connection();
  output_.clear();
  output_sent_ = 0;
  request_sent_ = false;
  request_broken_ = false;
  any_byte_ = false;
  parser_.reset();
  input_.release();
  timer_.cancel();
  connect(fresh);
}

// --- the request ---

void Fetch::compose_request() {
  const Request& request = *order_.request;
  const bool validating = order_.validate && !unconditional_;
  wire::append_request(output_, request.head, request.uri, origin_.house_.via, order_.validate || order_.range);
  if (order_.body) {
    if (const auto length = order_.body->length()) {
      output_ += "Content-Length: ";
      http::append_number(output_, *length);
      output_ += "\r\n";
    } else {
      output_ += "Transfer-Encoding: chunked\r\n";
    }
    if (request.expects_continue()) {
      output_ += "Expect: 100-continue\r\n";
    }
  } else if (http::has(request.head.fields, http::FieldName::ContentLength)) {
    output_ += "Content-Length: 0\r\n";
  }
  append_range();
  if (!order_.variants.empty() && !unconditional_) append_variants();
  if (validating) {
    http::FieldList stored;
    order_.validate->head()->parse_fields(stored);
    const auto validators = policy::validators(stored);
    if (!validators.if_none_match.empty()) wire::append_field(output_, "If-None-Match", validators.if_none_match);
    if (!validators.if_modified_since.empty()) {
      wire::append_field(output_, "If-Modified-Since", validators.if_modified_since);
    }
  }
  if (order_.on_switch) {
    output_ += "Connection: Upgrade\r\n";
    wire::append_field(output_, "Upgrade", http::value_of(request.head.fields, http::FieldName::Upgrade).value_or(""));
  } else if (http::list_contains(request.head.fields, http::FieldName::Te, "trailers")) {
    output_ += "Connection: TE\r\nTE: trailers\r\n";
  }
  output_ += "\r\n";
}

void Fetch::append_variants() {
  std::string tags;
  for (const auto& variant : order_.variants) {
    http::FieldList stored;
    variant->head()->parse_fields(stored);
    const auto tag = http::value_of(stored, http::FieldName::ETag).value_or("");
    if (tags.find(tag) != std::string::npos) continue;
    if (!tags.empty()) tags += ", ";
    tags += tag;
  }
  wire::append_field(output_, "If-None-Match", tags);
}

void Fetch::append_range() {
  if (order_.range) {
    output_ += "Range: bytes=";
    http::append_number(output_, order_.range->first);
    output_.push_back('-');
    if (!order_.to_end) http::append_number(output_, order_.range->last);
    output_ += "\r\n";
    if (!order_.if_range.empty()) wire::append_field(output_, "If-Range", order_.if_range);
  } else if (order_.validate && order_.keep_range) {
    const auto& fields = order_.request->head.fields;
    wire::append_field(output_, "Range", http::value_of(fields, http::FieldName::Range).value_or(""));
  }
}

bool Fetch::fill_output() {
  output_.clear();
  output_sent_ = 0;
  if (!order_.body || request_broken_) {
    request_sent_ = true;
    return false;
  }
  RequestBody& body = *order_.body;
  const auto bytes = body.front().substr(0, kOutput);
  const bool chunked = !body.length();
  if (!bytes.empty()) {
    if (chunked) wire::append_chunk_start(output_, bytes.size());
    output_ += bytes;
    if (chunked) output_ += wire::kChunkEnd;
    body.pop(bytes.size());
    return true;
  }
  if (!body.is_finished()) return false;
  request_sent_ = true;
  if (!chunked) return false;
  wire::append_last_chunk(output_, body.trailers());
  return true;
}

void Fetch::send_request() {
  if (stream_ == nullptr || phase_ == Phase::Over || phase_ == Phase::Connecting) return;
  if (order_.body && order_.body->is_aborted()) {
    abandon();
    return;
  }
  while (true) {
    if (output_sent_ == output_.size()) {
      if (request_sent_ || !fill_output()) break;
    }
    const iovec piece{output_.data() + output_sent_, output_.size() - output_sent_};
    const auto written = stream_->writev(&piece, 1);
    if (written.what == net::Io::Again) {
      stream_->want_write(true);
      watch(config().timeouts.body_idle);
      return;
    }
    if (written.what != net::Io::Ok) {
      on_request_broken();
      return;
    }
    output_sent_ += written.bytes;
  }
  stream_->want_write(false);
  if (phase_ != Phase::Head) return;
  if (request_sent_) {
    watch(config().timeouts.first_byte);
  } else {
    timer_.cancel();  // waiting for the client's next bytes: its own deadline runs
  }
}

void Fetch::on_request_broken() {
  // The origin has closed its reading side. It may have answered first (413, 401): what it said is still to be read.
  request_broken_ = true;
  stream_->want_write(false);
  if (order_.body) order_.body->refuse();
  if (phase_ == Phase::Head) watch(config().timeouts.first_byte);
}

// --- the response ---

void Fetch::on_writable() {
  send_request();
}

void Fetch::on_readable() {
  if (phase_ == Phase::Head) {
    read_head();
  } else if (phase_ == Phase::Body) {
    read_body();
  }
}

void Fetch::read_head() {
  input_.reserve(4096);
  const auto got = stream_->read(input_.end(), input_.room());
  if (got.what == net::Io::Again) return;
  if (got.what != net::Io::Ok) {
    if (may_retry()) {
      retried_ = true;
      origin_.house_.counters.origin_retries.add();
      again(true);
      return;
    }
    fail(502, any_byte_ ? "http_response_incomplete" : "connection_terminated",
         any_byte_ ? "the origin closed the connection in the middle of its response head"
                   : "the origin closed the connection without answering");
    return;
  }
  any_byte_ = true;
  input_.added(got.bytes);
  if (parse_heads()) read_body();
}

bool Fetch::parse_heads() {
  while (phase_ == Phase::Head) {
    const auto parsed = parser_.parse(input_.view(), response_);
    if (std::holds_alternative<wire::NeedMore>(parsed)) return false;
    if (const auto* reject = std::get_if<wire::Reject>(&parsed)) {
      fail(502, "http_protocol_error", "the origin's response is malformed: " + std::string(reject->why));
      return false;
    }
    const auto bytes = std::get<wire::Parsed>(parsed).bytes;
    parser_.reset();
    if (response_.status == 101) {
      on_switching(response_, bytes);
      return false;
    }
    if (response_.status < 200) {
      on_interim(response_);
      if (phase_ == Phase::Head) input_.consume(bytes);
      continue;
    }
    on_head(response_, bytes);
  }
  return phase_ == Phase::Body;
}

void Fetch::on_interim(const http::ResponseHead& head) {
  constexpr unsigned kMostInterims = 32;
  if (++interims_ > kMostInterims) {
    fail(502, "http_protocol_error", "the origin sent too many interim responses");
    return;
  }
  if (order_.in_background) return;
  std::string text;
  wire::append_status_line(text, head.status, head.reason);
  wire::append_end_to_end(text, head.fields);
  text += "\r\n";
  constexpr std::size_t kMostBytes = 64ULL * 1024;  // all together; more is left out, as a proxy may
  interim_bytes_ += text.size();
  if (interim_bytes_ <= kMostBytes) object().add_interim(std::move(text));
}

void Fetch::on_switching(const http::ResponseHead& head, std::size_t head_bytes) {
  if (!order_.on_switch) {
    fail(502, "http_upgrade_failed", "the origin switched protocols although nobody had asked");
    return;
  }
  Switched switched;
  wire::append_status_line(switched.head, 101, head.reason);
  wire::append_end_to_end(switched.head, head.fields);
  switched.head += "Connection: Upgrade\r\n";
  wire::append_field(switched.head, "Upgrade", http::value_of(head.fields, http::FieldName::Upgrade).value_or(""));
  input_.consume(head_bytes);
  switched.early = input_.view();
  switched.fd = stream_->release();
  // The object ends without a response: the connection itself is the answer.
  const auto on_switch = std::move(order_.on_switch);
  object().fail({502, "http_upgrade_failed", "switched to another protocol", true});
  over();
  on_switch(std::move(switched));
}

}  // namespace larder::origin
