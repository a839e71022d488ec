#include "proxy/client/opening.h"

#include <algorithm>
#include <iterator>
#include <variant>

#include "cache/http/text.h"
#include "cache/http/uri.h"
#include "proxy/wire/framing.h"

namespace larder::client {
namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::chrono::milliseconds kDecision{1000};  // from the first byte: a head that takes longer is none

std::uint16_t port_of(const http::Authority& authority) {
  return authority.port != 0 ? authority.port : kHttpPort;
}

// Whether the bytes may be the beginning of a request by a method that anybody uses; another protocol shall not have to
// wait for a line's end that it does not know.
bool may_be_request(std::string_view bytes) {
  constexpr std::string_view kMethods[] = {"GET ",   "HEAD ",  "POST ",    "PUT ",      "DELETE ",
                                           "PATCH ", "TRACE ", "OPTIONS ", "PROPFIND ", "REPORT "};
  return std::any_of(std::begin(kMethods), std::end(kMethods), [bytes](std::string_view method) {
    const auto n = std::min(method.size(), bytes.size());
    return method.substr(0, n) == bytes.substr(0, n);
  });
}

}  // namespace

bool is_for(const http::RequestHead& request, std::string_view authority) {
  if (http::count(request.fields, http::FieldName::Host) != 1) return false;
  const auto asked = http::parse_authority(*http::value_of(request.fields, http::FieldName::Host));
  const auto there = http::parse_authority(authority);
  return asked && there && http::equals_ignoring_case(asked->host, there->host) && port_of(*asked) == port_of(*there);
}

Opening::Verdict Opening::judge(std::string_view bytes, std::string_view authority, const wire::Limits& limits) {
  if (!may_be_request(bytes)) return Verdict::Other;
  wire::RequestParser parser(limits);
  http::RequestHead head;
  const auto parsed = parser.parse(bytes, head);
  if (std::holds_alternative<wire::NeedMore>(parsed)) return Verdict::Undecided;
  if (std::holds_alternative<wire::Reject>(parsed) || !wire::request_framing(head)) return Verdict::Other;
  const bool is_origin_form = head.target.starts_with('/') || head.target == "*";
  const bool is_plain = head.method != http::Method::Connect && !http::has(head.fields, http::FieldName::Upgrade);
  return is_origin_form && is_plain && is_for(head, authority) ? Verdict::Http : Verdict::Other;
}

Opening::Opening(net::Loop& loop, net::Fd origin, std::string authority, std::chrono::milliseconds idle,
                 std::function<void()> on_other)
    : origin_(loop, std::move(origin), *this),
      authority_(std::move(authority)),
      timer_(loop, [this] { end(); }),
      on_other_(std::move(on_other)) {
  origin_.want_read(true);
  timer_.set(idle);
}

Opening::Verdict Opening::look(std::string_view bytes, const wire::Limits& limits) {
  if (!has_begun_) timer_.set(kDecision);
  has_begun_ = true;
  return judge(bytes, authority_, limits);
}

net::Fd Opening::release() {
  timer_.cancel();
  on_other_ = nullptr;
  return origin_.release();
}

void Opening::end() {
  if (const auto call = std::exchange(on_other_, nullptr)) call();
}

}  // namespace larder::client
