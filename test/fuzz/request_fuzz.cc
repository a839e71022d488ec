// A request as a client sends it: head, framing, chunked body, and what is forwarded of it.
#include <cstdint>

#include "cache/http/uri.h"
#include "proxy/wire/framing.h"
#include "proxy/wire/serialise.h"
#include "wire_check.h"

namespace larder::fuzz {
namespace {

// The fields that append_request is to write between Host and Via, told in the words of its contract.
Fields expected_fields(const http::RequestHead& head, bool without_conditions) {
  using enum http::FieldName;
  const wire::Nominated nominated(head.fields.span());
  Fields out;
  for (const http::Field& f : head.fields) {
    const bool is_condition = f.id == IfMatch || f.id == IfNoneMatch || f.id == IfModifiedSince ||
                              f.id == IfUnmodifiedSince || f.id == IfRange || f.id == Range;
    if (f.id == Host || f.id == ContentLength || f.id == Expect || f.id == Via) continue;
    if (wire::is_hop_by_hop(f.id) || nominated.has(f) || (without_conditions && is_condition)) continue;
    out.emplace_back(f.name, f.value);
  }
  return out;
}

void check_forwarded(const http::RequestHead& head, const http::Uri& uri, bool without_conditions) {
  std::string bytes;
  wire::append_request(bytes, head, uri, "larder", without_conditions);
  bytes += "\r\n";
  wire::RequestParser parser{wire::Limits{}};
  http::RequestHead again;
  const Verdict verdict = verdict_of(parser.parse(bytes, again), again);
  check(verdict.kind == Verdict::Kind::Good && verdict.bytes == bytes.size(), "what is forwarded is one whole head");
  check(again.method_name == head.method_name && again.minor == 1, "the method is forwarded, in our own version");
  check(again.target == "*" || again.target.starts_with("/"), "the target is forwarded in origin-form");
  Fields fields = verdict.fields;
  check(fields.size() >= 2 && fields.front().first == "Host" && fields.back().first == "Via", "Host first, Via last");
  check(fields.back().second.ends_with(" larder"), "our own Via member comes last");
  fields.erase(fields.begin());
  fields.pop_back();
  check(fields == expected_fields(head, without_conditions), "the end-to-end fields are forwarded as they came");
  const auto framing = wire::request_framing(again);
  check(framing && framing->kind == wire::Framing::Kind::None, "no framing is forwarded, and Host is valid");
}

void run(std::string_view bytes) {
  http::RequestHead head;
  const Verdict verdict = parse_both_ways<wire::RequestParser>(bytes, head);
  if (verdict.kind == Verdict::Kind::Refused) {
    const unsigned s = verdict.status;
    check(s == 400 || s == 414 || s == 431 || s == 501 || s == 505, "a refusal has a status for its client");
  }
  if (verdict.kind != Verdict::Kind::Good) return;
  const auto framing = wire::request_framing(head);
  if (!framing) {
    check(framing.error().status == 400 || framing.error().status == 501, "so has a refused framing");
    return;
  }
  check(framing->kind != wire::Framing::Kind::UntilClose, "no request ends with its connection");
  if (framing->kind == wire::Framing::Kind::Chunked) decode_both_ways(bytes.substr(verdict.bytes));
  if (head.method == http::Method::Connect) return;
  if (const auto uri = http::parse_absolute(head.target)) {
    check_forwarded(head, *uri, false);
    check_forwarded(head, *uri, true);
  }
}

}  // namespace
}  // namespace larder::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  larder::fuzz::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
