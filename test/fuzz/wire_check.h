// What the fuzz targets of proxy/wire share: verdicts that can be compared, and input that arrives in pieces.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "cache/http/fields.h"
#include "proxy/wire/chunked.h"
#include "proxy/wire/head_parser.h"

namespace larder::fuzz {

// Small, so that the fuzzer can reach them.
inline constexpr wire::Limits kLimits{.head = 1024, .target = 256, .fields = 16};

inline void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

using Fields = std::vector<std::pair<std::string, std::string>>;

inline Fields copy_of(http::FieldSpan fields) {
  Fields out;
  for (const http::Field& f : fields) {
    check(f.id == http::field_name(f.name), "a field's id is that of its name");
    out.emplace_back(f.name, f.value);
  }
  return out;
}

// What a parser or decoder said of a message, without views into it.
struct Verdict {
  enum class Kind { NeedMore, Good, Refused };
  Kind kind = Kind::NeedMore;
  std::size_t bytes = 0;  // taken, when Good
  unsigned status = 0;    // when Refused
  std::string start;      // method and target, or status and reason
  std::string content;    // decoded
  std::string why;        // when Refused
  Fields fields;
  bool operator==(const Verdict&) const = default;
};

inline std::string start_of(const http::RequestHead& head) {
  return std::string(head.method_name) + " " + std::string(head.target) + " " + std::to_string(head.minor);
}
inline std::string start_of(const http::ResponseHead& head) {
  return std::to_string(head.status) + " " + std::string(head.reason) + " " + std::to_string(head.minor);
}

template <typename Head>
Verdict verdict_of(const wire::ParseResult& result, const Head& head) {
  Verdict out;
  if (const auto* parsed = std::get_if<wire::Parsed>(&result)) {
    out.kind = Verdict::Kind::Good;
    out.bytes = parsed->bytes;
    out.start = start_of(head);
    out.fields = copy_of(head.fields.span());
  } else if (const auto* reject = std::get_if<wire::Reject>(&result)) {
    out.kind = Verdict::Kind::Refused;
    out.status = reject->status;
    out.why = reject->why;
    check(!out.why.empty(), "a refusal says why");
  }
  return out;
}

// The head's bytes arrive one by one, each time in memory of their own: views into an earlier call's bytes would be
// seen by AddressSanitizer.
template <typename Parser, typename Head>
Verdict parse_by_bytes(std::string_view bytes) {
  Parser parser(kLimits);
  Head head;
  for (std::size_t n = 0; n <= bytes.size(); ++n) {
    const std::vector<char> block(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
    const Verdict verdict = verdict_of(parser.parse({block.data(), block.size()}, head), head);
    if (verdict.kind != Verdict::Kind::NeedMore) return verdict;
  }
  return {};
}

// Parses a head at once and by bytes, checks that both say the same, and answers what was said. `head` keeps the views.
template <typename Parser, typename Head>
Verdict parse_both_ways(std::string_view bytes, Head& head) {
  Parser parser(kLimits);
  Verdict at_once = verdict_of(parser.parse(bytes, head), head);
  check(parse_by_bytes<Parser, Head>(bytes) == at_once, "a head means the same in pieces as at once");
  if (at_once.kind == Verdict::Kind::Good) {
    check(at_once.bytes <= kLimits.head && at_once.bytes <= bytes.size(), "a head is within its bytes and its limit");
    check(at_once.fields.size() <= kLimits.fields, "no more fields than allowed");
    check(bytes.substr(0, at_once.bytes).ends_with("\r\n"), "a head ends in CRLF");
  }
  return at_once;
}

// Decodes a chunked body whose bytes come in pieces of `piece` bytes.
inline Verdict decode(std::string_view coded, std::size_t piece) {
  wire::ChunkedDecoder decoder(kLimits);
  Verdict out;
  for (std::size_t begin = 0; begin < coded.size(); begin += piece) {
    const std::string_view part = coded.substr(begin, piece);
    const std::vector<char> block(part.begin(), part.end());
    for (std::size_t taken = 0; taken < block.size();) {
      const auto step = decoder.step({block.data() + taken, block.size() - taken});
      check(step.used <= block.size() - taken && step.content.size() <= step.used, "a step is within its input");
      taken += step.used;
      out.content.append(step.content);
      if (step.status == wire::ChunkedDecoder::Status::Bad) {
        out.kind = Verdict::Kind::Refused;
        out.status = decoder.error().status;
        out.why = decoder.error().why;
        check(!out.why.empty(), "a refusal says why");
        return out;
      }
      if (step.status == wire::ChunkedDecoder::Status::Done) {
        out.kind = Verdict::Kind::Good;
        out.bytes = begin + taken;
        out.fields = copy_of(decoder.trailers());
        return out;
      }
      check(step.used > 0, "a step takes something");
    }
  }
  return out;
}

inline Verdict decode_both_ways(std::string_view coded) {
  const Verdict at_once = decode(coded, coded.size() + 1);
  check(decode(coded, 1) == at_once, "a chunked body means the same in pieces as at once");
  check(decode(coded, 3) == at_once, "a chunked body means the same in threes as at once");
  return at_once;
}

}  // namespace larder::fuzz
