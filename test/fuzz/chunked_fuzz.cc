// A chunked body: the same in any pieces; and what is encoded anew decodes to the same content and the trailers that
// may pass.
#include <algorithm>
#include <cstdint>

#include "proxy/wire/serialise.h"
#include "wire_check.h"

namespace larder::fuzz {
namespace {

std::string encoded(std::string_view content, http::FieldSpan trailers) {
  std::string out;
  while (!content.empty()) {
    const std::string_view part = content.substr(0, 17);
    wire::append_chunk_start(out, part.size());
    out.append(part);
    out.append(wire::kChunkEnd);
    content.remove_prefix(part.size());
  }
  wire::append_last_chunk(out, wire::serialise_trailers(trailers));
  return out;
}

void run(std::string_view coded) {
  const Verdict verdict = decode_both_ways(coded);
  if (verdict.kind == Verdict::Kind::Refused) {
    check(verdict.status == 400 || verdict.status == 431, "a refusal has a status");
  }
  if (verdict.kind != Verdict::Kind::Good) return;
  check(coded.substr(0, verdict.bytes).ends_with("\r\n"), "a body ends in CRLF");

  http::FieldList trailers;
  for (const auto& [name, value] : verdict.fields) trailers.push_back(name, value);
  const std::string again = encoded(verdict.content, trailers.span());
  const Verdict second = decode(again, again.size());
  check(second.kind == Verdict::Kind::Good && second.bytes == again.size(), "what is encoded anew is one whole body");
  check(second.content == verdict.content, "with the same content");
  for (const auto& field : second.fields) {
    const http::FieldName id = http::field_name(field.first);
    check(!wire::is_hop_by_hop(id) && id != http::FieldName::ContentLength && id != http::FieldName::Host,
          "no framing in a trailer");
  }
  const auto is_other = [](const auto& field) { return http::field_name(field.first) == http::FieldName::Other; };
  check(std::count_if(second.fields.begin(), second.fields.end(), is_other) ==
            std::count_if(verdict.fields.begin(), verdict.fields.end(), is_other),
        "and every trailer field that Larder has no opinion on");
}

}  // namespace
}  // namespace larder::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  larder::fuzz::run({reinterpret_cast<const char*>(data), size});
  return 0;
}
