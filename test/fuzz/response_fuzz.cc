// A response as an origin sends it: head, framing for several methods, chunked body, and the fields that are kept of
// it.
#include <cstdint>

#include "proxy/wire/framing.h"
#include "proxy/wire/serialise.h"
#include "wire_check.h"

namespace larder::fuzz {
namespace {

void check_kept(const http::ResponseHead& head) {
  using enum http::FieldName;
  const wire::Nominated nominated(head.fields.span());
  Fields expected;
  for (const http::Field& f : head.fields) {
    if (f.id == ContentLength || f.id == Age || wire::is_hop_by_hop(f.id) || nominated.has(f)) continue;
    expected.emplace_back(f.name, f.value);
  }
  std::string bytes;
  wire::append_status_line(bytes, head.status, head.reason);
  wire::append_end_to_end(bytes, head.fields.span());
  bytes += "\r\n";
  wire::ResponseParser parser{wire::Limits{}};
  http::ResponseHead again;
  const Verdict verdict = verdict_of(parser.parse(bytes, again), again);
  check(verdict.kind == Verdict::Kind::Good && verdict.bytes == bytes.size(), "what is kept is one whole head");
  check(again.status == head.status && again.reason == head.reason, "its status is kept");
  check(verdict.fields == expected, "its end-to-end fields are kept as they came");
}

void run(std::string_view bytes) {
  http::ResponseHead head;
  const Verdict verdict = parse_both_ways<wire::ResponseParser>(bytes, head);
  if (verdict.kind == Verdict::Kind::Refused) check(verdict.status == 502, "a refused response is a 502");
  if (verdict.kind != Verdict::Kind::Good) return;
  check(head.status >= 100 && head.status <= 999, "a status is three digits, the first not 0");
  check_kept(head);
  for (const auto method : {http::Method::Get, http::Method::Head, http::Method::Connect}) {
    const auto framing = wire::response_framing(method, head);
    if (!framing) {
      check(framing.error().status == 502, "a refused framing is a 502");
      continue;
    }
    const bool is_bodiless = http::is_bodiless(method, head.status);
    check((framing->kind == wire::Framing::Kind::None) == is_bodiless, "None is for what cannot have content, only");
    if (framing->kind == wire::Framing::Kind::Chunked) decode_both_ways(bytes.substr(verdict.bytes));
  }
}

}  // namespace
}  // namespace larder::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  larder::fuzz::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
