#include "proxy/client/transaction.h"

#include "cache/http/text.h"
#include "proxy/client/connection.h"
#include "proxy/client/pages.h"
#include "proxy/client/worker.h"
#include "proxy/wire/serialise.h"

namespace larder::client {

bool wants_html(http::FieldSpan request) {
  for (http::MemberIterator range(request, http::FieldName::Accept); range.next();) {
    if (http::equals_ignoring_case(http::trim(range.member().substr(0, range.member().find(';'))), "text/html"))
      return true;
  }
  return false;
}

const Step Transaction::kAdmit{"admit", &Transaction::admit};
const Step Transaction::kLookup{"lookup", &Transaction::lookup};
const Step Transaction::kRead{"read", &Transaction::read};
const Step Transaction::kFetch{"fetch", &Transaction::fetch};
const Step Transaction::kValidate{"validate", &Transaction::validate};
const Step Transaction::kComplete{"complete", &Transaction::complete};
const Step Transaction::kDeliver{"deliver", &Transaction::deliver};
const Step Transaction::kFinish{"finish", &Transaction::finish};
const Step Transaction::kTunnel{"tunnel", &Transaction::tunnel};

Transaction::Transaction(Connection& connection) : connection_(connection), worker_(connection.worker()) {}

Transaction::~Transaction() {
  if (waker_) waker_->mute();
  // Cut short by a client that went away: that is worth a line too.
  if (step_ != nullptr && !finished_) log(step_->name);
}

Next Transaction::begin(std::string_view raw, const wire::Framing& framing) {
  began_ = std::chrono::steady_clock::now();
  began_wall_ = std::chrono::system_clock::now();
  raw_ = raw;
  framing_ = framing;
  wire::drop_nominated(head_.fields);
  step_ = &kAdmit;
  return run();
}

Next Transaction::resume() {
  return run();
}

Next Transaction::run() {
  Next next = Next::More;
  while (next == Next::More) next = (this->*step_->run)();
  return next;
}

void Transaction::own() {
  if (request_ || finished_) return;
  const bool has_body = framing_.kind == wire::Framing::Kind::Chunked || framing_.length > 0;
  request_ = origin::Request::copy(raw_, head_, has_body);
  head_ = request_->head;
  uri_ = request_->uri;
  raw_ = request_->bytes;
}

Next Transaction::refuse(const wire::Reject& reject) {
  began_ = std::chrono::steady_clock::now();
  began_wall_ = std::chrono::system_clock::now();
  framing_ = {};
  step_ = &kAdmit;
  // A head that was not understood is not to be quoted either.
  if (head_.method_name.empty() || head_.target.empty()) head_.clear();
  connection_.close_after();
  fail(reject.status, "http_request_error", "Your client sent a request that Larder cannot accept.", reject.why);
  return run();
}

bool Transaction::break_off(const wire::Reject& reject) {
  if (head_sent_ || status_ != 0) return false;
  stop_reading();
  connection_.close_after();
  result_ = policy::Result::Error;
  fail(reject.status, "http_request_error", "Your client's request broke off or is malformed.", reject.why);
  run();
  return true;
}

void Transaction::make_waker() {
  if (!waker_) waker_ = std::make_shared<origin::LoopWaker>(worker_.loop(), [this] { connection_.resume(); });
}

void Transaction::stop_reading() {
  reader_.reset();
  object_ = nullptr;
}

net::DialFilter Transaction::dial_filter() const {
  return [access = worker_.access(), client = connection_.peer(),
          own = &worker_.shared().own](const net::Address& target) { return access->may_dial(client, target, *own); };
}

bool Transaction::expects_continue() const {
  return head_.minor == 1 && http::list_contains(head_.fields, http::FieldName::Expect, "100-continue");
}

void Transaction::drop_body() {
  const bool has_body = framing_.kind == wire::Framing::Kind::Chunked || framing_.length > 0;
  if (!has_body || body_) return;
  if (expects_continue()) {
    connection_.close_after();  // whether the content follows nobody can tell
  } else {
    connection_.ignore_body(framing_);
  }
}

// --- answers of Larder's own ---

Next Transaction::respond(const Answer& answer) {
  own_answer_ = true;
  drop_body();
  status_ = static_cast<std::uint16_t>(answer.status);
  std::string& out = connection_.output().text();
  wire::append_status_line(out, answer.status, http::reason_phrase(answer.status));
  out += "Date: ";
  http::append_date(out, worker_.loop().wall());
  out += "\r\n";
  if (!answer.type.empty()) wire::append_field(out, "Content-Type", answer.type);
  out += "Content-Length: ";
  http::append_number(out, answer.body.size());
  out += "\r\n";
  if (!answer.proxy_status.empty()) {
    out.append("Proxy-Status: larder; error=").append(answer.proxy_status);
    if (!answer.detail.empty()) {
      out += "; details=\"";
      for (const char c : answer.detail) {
        if (c == '"' || c == '\\') out.push_back('\\');
        out.push_back(c >= ' ' && c <= '~' ? c : '?');  // sf-string is ASCII (RFC 8941 section 3.3.3)
      }
      out.push_back('"');
    }
    out += "\r\nCache-Control: no-store\r\n";
  }
  out += answer.extra;
  append_common(out);
  out += "\r\n";
  if (head_.method != http::Method::Head) {
    out += answer.body;
    body_sent_ = answer.body.size();
  }
  connection_.output().note_text();
  head_sent_ = true;
  return go(kFinish);
}

Next Transaction::fail(unsigned status, std::string_view proxy_status, std::string_view what, std::string_view detail) {
  if (status == 403 || status == 508) result_ = policy::Result::Denied;
  const bool html = wants_html(head_.fields);
  const std::string body = error_page(status, http::reason_phrase(status), what, detail, head_.target, html);
  error_ = proxy_status;
  return respond(
      {status, html ? "text/html; charset=utf-8" : "text/plain; charset=utf-8", body, proxy_status, {}, detail});
}

Next Transaction::deny(std::string_view proxy_status, std::string_view what, std::string_view detail) {
  result_ = policy::Result::Denied;
  return fail(403, proxy_status, what, detail);
}

// --- finish ---

Next Transaction::finish() {
  reader_.reset();
  log({});
  finished_ = true;
  return Next::Done;
}

void Transaction::log(std::string_view aborted) {
  if (is_local_) return;
  const auto duration = std::chrono::steady_clock::now() - began_;
  auto& counters = worker_.counters();
  const auto result = static_cast<std::size_t>(result_);
  counters.requests[result].add();
  counters.duration[result].observe(duration);
  // Tunnels have counters of their own.
  if (!own_answer_ && result_ != policy::Result::Tunnel)
    (from_cache_ ? counters.bytes_from_cache : counters.bytes_from_origin).add(body_sent_);
  metrics::AccessRecord record;
  record.ts = std::chrono::time_point_cast<std::chrono::milliseconds>(began_wall_);
  record.client = connection_.peer_text();
  record.method = head_.method_name;
  record.url = head_.target;
  record.status = status_;
  record.bytes = body_sent_;
  record.result = policy::to_string(result_);
  record.duration = duration;
  record.origin = origin_;
  record.reason = error_.empty() ? policy::to_string(reason_) : error_;
  if (const auto agent = http::value_of(head_.fields, http::FieldName::UserAgent)) record.user_agent = *agent;
  record.aborted = aborted;
  worker_.log().write(record);
}

}  // namespace larder::client
