// The first steps of a Transaction: admit and lookup, and the tunnel.
#include "cache/http/text.h"
#include "cache/policy/reuse.h"
#include "cache/policy/validation.h"
#include "cache/policy/vary.h"
#include "proxy/client/connection.h"
#include "proxy/client/pages.h"
#include "proxy/client/transaction.h"
#include "proxy/client/worker.h"
#include "proxy/wire/serialise.h"

namespace larder::client {

using policy::Forward;
using policy::Reason;
using policy::Result;

Next Transaction::admit() {
  if (!worker_.access()->may_use(connection_.peer())) {
    return deny("http_request_denied", "This proxy is not open to your address.",
                "client address not in access.clients");
  }
  if (is_looping()) {  // in any form: Larder's own request comes back in origin-form
    return fail(508, "proxy_loop_detected", "This request has already been through this proxy.",
                "Via names this proxy");
  }
  if (head_.method == http::Method::Connect) return admit_connect();
  if (head_.target.starts_with('/')) return admit_origin_form();
  if (head_.target == "*") {
    if (head_.method == http::Method::Options) return answer_options();
    connection_.close_after();
    return fail(400, "http_request_error", "Only OPTIONS may ask for \"*\".",
                "the request target \"*\" goes with OPTIONS");
  }
  return admit_absolute();
}

Next Transaction::admit_origin_form() {
  is_local_ = true;
  if (head_.method != http::Method::Get && head_.method != http::Method::Head) {
    return respond({405,
                    "text/plain; charset=utf-8",
                    "This is a proxy: it serves only a help page itself.\n",
                    {},
                    "Allow: GET, HEAD\r\n",
                    {}});
  }
  std::string here(http::value_of(head_.fields, http::FieldName::Host).value_or(""));
  if (here.empty()) here = worker_.shared().own.front().to_string();
  const auto path = head_.target.substr(0, head_.target.find('?'));
  if (path == "/") {
    return respond({200, "text/html; charset=utf-8", help_page(here, worker_.shared().version), {}, {}, {}});
  }
  if (path == "/proxy.pac" || path == "/wpad.dat") {
    return respond({200, "application/x-ns-proxy-autoconfig", proxy_pac(here), {}, {}, {}});
  }
  const bool html = wants_html(head_.fields);
  const auto body = error_page(
      404, "Not Found",
      "Larder serves only its help page and /proxy.pac itself. To reach a site through it, set it as your proxy.", {},
      head_.target, html);
  return respond({404, html ? "text/html; charset=utf-8" : "text/plain; charset=utf-8", body, {}, {}, {}});
}

Next Transaction::answer_options() {
  is_local_ = true;
  return respond({200, {}, {}, {}, "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH, CONNECT\r\n", {}});
}

bool Transaction::is_looping() const {
  for (http::MemberIterator via(head_.fields, http::FieldName::Via); via.next();) {
    if (via.member().ends_with(worker_.shared().via)) return true;
  }
  return false;
}

Next Transaction::admit_absolute() {
  const auto uri = http::parse_absolute(head_.target);
  if (!uri) {
    connection_.close_after();
    return fail(400, "http_request_error", "The request target is not one that a proxy can take.",
                "the request target is neither absolute-form, authority-form nor \"*\"");
  }
  uri_ = *uri;
  if (!http::equals_ignoring_case(uri_.scheme, "http")) {
    return fail(501, "http_request_error", "Larder forwards http:// requests; https:// goes through CONNECT.",
                "unsupported scheme in the request target");
  }
  if (head_.method == http::Method::Trace || head_.method == http::Method::Options) {
    const auto hops = http::value_of(head_.fields, http::FieldName::MaxForwards);
    if (hops && http::parse_digits(*hops) == std::uint64_t{0}) {  // RFC 9110 section 7.6.2: the final recipient is here
      if (head_.method == http::Method::Options) return answer_options();
      return respond({405,
                      "text/plain; charset=utf-8",
                      "This proxy does not answer TRACE itself.\n",
                      {},
                      "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH, CONNECT\r\n",
                      {}});
    }
  }
  return go(kLookup);
}

// --- lookup ---

Next Transaction::lookup() {
  const bool has_body = framing_.kind == wire::Framing::Kind::Chunked || framing_.length > 0;
  const bool is_read = head_.method == http::Method::Get || head_.method == http::Method::Head;
  if (!is_read) {
    forward_ = Forward::Method;
    reason_ = Reason::MethodNotStorable;
    if (head_.method != http::Method::Post) return go(kFetch);  // a POST's response may be kept for a later GET
  }
  asked_ = http::parse_request_directives(head_.fields);
  const auto& rules = worker_.origin().rules();
  const policy::UrlRule* rule = policy::append_cache_key(key_, uri_, rules->urls);
  const bool is_never = rule != nullptr && rule->never;
  is_key_shortened_ = rule != nullptr && !rule->ignore_query.empty();
  hash_ = worker_.shared().store.hash(key_);
  if (!is_read) {
    if (is_never) forward_ = Forward::Bypass;
    return go(kFetch);
  }
  if (head_.method == http::Method::Get) range_ = policy::parse_range(head_.fields);  // RFC 9110 section 14.2
  if (has_body || policy::has_origin_condition(head_.fields) || wants_upgrade() || is_never) {
    forward_ = Forward::Bypass;
    reason_ = has_body          ? Reason::RequestBody
              : wants_upgrade() ? Reason::RequestUpgrade
              : is_never        ? Reason::RuleNever
                                : Reason::RequestCondition;
    return asked_.only_if_cached ? refuse_to_fetch() : go(kFetch);
  }
  auto found = worker_.shared().store.lookup(key_, hash_, head_.fields, worker_.tick());
  if (found.object) return judge_stored(std::move(found.object));
  has_other_variants_ = found.other_variants;
  return worker_.shared().store.may_be_on_disk(hash_) ? go(kRead) : miss();
}

Next Transaction::miss() {
  forward_ = has_other_variants_ ? Forward::VaryMiss : Forward::UriMiss;
  reason_ = has_other_variants_ ? Reason::VaryMismatch : Reason::NotStored;
  return asked_.only_if_cached ? refuse_to_fetch() : go(kFetch);
}

Next Transaction::read() {
  using Status = store::disk::Search::Status;
  store::Store& store = worker_.shared().store;
  if (!search_) {
    make_waker();
    search_ = store.search_disk(key_, hash_, waker_);
  }
  store::Ref<store::Object> object;
  while (true) {
    switch (search_->next(object)) {
      case Status::Wait:
        own();
        connection_.flush();
        return Next::Suspend;
      case Status::End:
        search_ = nullptr;
        return miss();
      case Status::Found:
        if (!policy::vary_matches(object->head()->vary, head_.fields)) {
          has_other_variants_ = true;
          break;
        }
        store.use_from_disk(object, *search_, worker_.tick());
        search_ = nullptr;
        return judge_stored(std::move(object));
    }
  }
}

// May what is stored answer this request, now, or has the origin to be asked about it?
Next Transaction::judge_stored(store::Ref<store::Object> object) {
  const store::Head& stored = *object->head();
  if (stored.restricted && !connection_.peer().is_loopback()) {
    return deny("destination_ip_prohibited", "This address may not be reached through the proxy.",
                "the stored response came from a local address");
  }
  const auto verdict = policy::reuse(asked_, stored.meta, worker_.loop().wall());
  reason_ = verdict.reason;
  if (verdict.reuse != policy::Reuse::Validate) {
    result_ = verdict.reuse == policy::Reuse::Fresh ? Result::Hit : Result::Stale;
    return use_stored(std::move(object));
  }
  if (head_.method == http::Method::Get &&
      policy::may_serve_while_revalidating(asked_, stored.meta, worker_.loop().wall())) {
    revalidate_in_background(object);
    result_ = Result::Stale;
    reason_ = Reason::StaleWhileRevalidate;
    return use_stored(std::move(object));
  }
  const bool is_requests_wish = verdict.reason == Reason::RequestNoCache || verdict.reason == Reason::RequestMaxAge ||
                                verdict.reason == Reason::RequestMinFresh;
  forward_ = is_requests_wish ? Forward::Request : Forward::Stale;
  if (asked_.only_if_cached) return refuse_to_fetch();
  if (head_.method == http::Method::Head) {
    head_of_ = std::move(object);
    return go(kFetch);
  }
  stale_ = std::move(object);
  return go(kValidate);
}

// RFC 9111 section 5.2.1.7. No error of anybody's: the client asked for no more than the cache.
Next Transaction::refuse_to_fetch() {
  result_ = Result::Miss;
  reason_ = Reason::OnlyIfCached;
  return fail(504, "http_request_error", "Only a stored answer was asked for, and there is none that may be used.",
              "only-if-cached");
}

// --- tunnels ---

bool Transaction::wants_upgrade() const {
  if (head_.minor == 0 || !http::list_contains(head_.fields, http::FieldName::Connection, "upgrade")) return false;
  bool any = false;
  for (http::MemberIterator m(head_.fields, http::FieldName::Upgrade); m.next(); any = true) {
    // HTTP/2 without TLS (RFC 7540 section 3.2, withdrawn by RFC 9113) is only an offer: declined, the request is an
    // ordinary one, which the cache may answer.
    if (http::equals_ignoring_case(m.member(), "h2c")) return false;
  }
  return any;
}

Next Transaction::admit_connect() {
  result_ = Result::Tunnel;
  // Until the tunnel stands, what follows may already be the tunnel's own bytes: never to be read as requests.
  connection_.close_after();
  forward_ = Forward::Method;
  const auto authority = http::parse_authority(head_.target);
  if (!authority || authority->port == 0) {
    connection_.close_after();
    result_ = Result::Error;
    return fail(400, "http_request_error", "CONNECT needs a host and a port.",
                "the request target is not authority-form");
  }
  if (framing_.kind == wire::Framing::Kind::Chunked || framing_.length > 0) {
    connection_.close_after();
    result_ = Result::Error;
    return fail(400, "http_request_error", "CONNECT has no content.",
                "a CONNECT request with content");  // RFC 9110 section 9.3.6
  }
  if (!worker_.access()->may_connect(authority->port)) {
    return deny("http_request_denied", "Tunnels to this port are not allowed.", "port not in access.connect_ports");
  }
  own();
  const auto target = http::parse_authority(head_.target);
  dial_ = net::dial(worker_.loop(), worker_.resolver(), target->host, target->port, dial_filter(),
                    {worker_.config().timeouts.connect, std::chrono::milliseconds(250)},
                    [this](auto result) { on_dialled(std::move(result)); });
  step_ = &kTunnel;
  return Next::Suspend;
}

void Transaction::on_dialled(tl::expected<net::Dialled, net::DialError> result) {
  dial_.reset();
  if (!result) {
    worker_.counters().origin_connect_failures.add();
    tunnel_failure_ = origin::failure_of(result.error());
    connection_.resume();
    return;
  }
  worker_.counters().origin_connects.add();
  origin_ = result->peer.to_string();
  peer_ = result->peer;
  status_ = 200;
  head_sent_ = true;
  std::string answer = "HTTP/1.1 200 Connection established\r\n";
  append_via(answer);
  append_cache_status(answer);
  answer += "\r\n";
  constexpr std::uint16_t kCleartextPort = 80;
  if (const auto authority = http::parse_authority(head_.target); authority->port == kCleartextPort) {
    connection_.output().append(answer);
    connection_.open_tunnel(std::move(result->fd), std::string(head_.target));
    return;
  }
  const std::uint64_t skip = answer.size();
  connection_.become_tunnel(std::move(result->fd), answer, [this, skip](std::uint64_t /*up*/, std::uint64_t down) {
    body_sent_ = down - std::min(down, skip);
  });
}

void Transaction::on_opened(net::Fd origin, bool is_http) {
  if (!is_http) {
    connection_.become_tunnel(std::move(origin), {},
                              [this](std::uint64_t /*up*/, std::uint64_t down) { body_sent_ = down; });
    return;
  }
  is_opened_ = true;
  worker_.origin().adopt(std::move(origin), peer_, *http::parse_authority(head_.target));
}

Next Transaction::tunnel() {
  if (is_opened_) return go(kFinish);
  if (!tunnel_failure_) return Next::Suspend;
  result_ = Result::Error;
  const auto failure = std::move(*tunnel_failure_);
  tunnel_failure_.reset();
  return fail(failure.status, failure.type, "Larder could not open a connection to the host you asked for.",
              failure.detail);
}

void Transaction::on_switch(origin::Switched switched) {
  pass_interims();
  reader_.reset();
  result_ = Result::Tunnel;
  status_ = 101;
  head_sent_ = true;
  step_ = &kTunnel;
  std::string answer = std::move(switched.head);
  append_via(answer);
  append_cache_status(answer);
  answer += "\r\n";
  const std::uint64_t skip = answer.size();
  answer += switched.early;
  connection_.become_tunnel(std::move(switched.fd), answer, [this, skip](std::uint64_t /*up*/, std::uint64_t down) {
    body_sent_ = down - std::min(down, skip);
  });
}

}  // namespace larder::client
