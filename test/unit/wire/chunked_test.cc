#include "proxy/wire/chunked.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

namespace larder::wire {
namespace {

using namespace std::string_literals;

struct Outcome {
  std::string verdict = "more";  // or "done N" (coded bytes taken), or "refused STATUS: why"
  std::string content;
  std::vector<std::string> trailers;
  bool operator==(const Outcome&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Outcome& o) {
  out << o.verdict << " [" << o.content << "]";
  for (const std::string& t : o.trailers) out << " " << t;
  return out;
}

// Decodes `coded` handed over in pieces of `piece` bytes.
Outcome decode(std::string_view coded, std::size_t piece, const Limits& limits) {
  ChunkedDecoder decoder(limits);
  Outcome out;
  for (std::size_t begin = 0; begin < coded.size(); begin += piece) {
    const std::string block(coded.substr(begin, piece));  // its own memory, so that views that stay behind are seen
    for (std::size_t taken = 0; taken < block.size();) {
      const ChunkedDecoder::Step step = decoder.step(std::string_view(block).substr(taken));
      taken += step.used;
      out.content.append(step.content);
      if (step.status == ChunkedDecoder::Status::Bad) {
        out.verdict = "refused " + std::to_string(decoder.error().status) + ": " + std::string(decoder.error().why);
        return out;
      }
      if (step.status == ChunkedDecoder::Status::Done) {
        out.verdict = "done " + std::to_string(begin + taken);
        for (const http::Field& f : decoder.trailers()) {
          out.trailers.push_back(std::string(f.name) + "=" + std::string(f.value));
        }
        return out;
      }
      REQUIRE(step.used > 0);
    }
  }
  return out;
}

Outcome decode(std::string_view coded, const Limits& limits = {}) {
  const Outcome at_once = decode(coded, coded.size() + 1, limits);
  for (const std::size_t piece : {1U, 2U, 3U, 7U}) {
    CAPTURE(piece);
    CHECK(decode(coded, piece, limits) == at_once);
  }
  return at_once;
}

TEST_CASE("accepted bodies") {
  const auto is_done = [](const std::string& coded, const std::string& content, const std::string& rest = "") {
    CAPTURE(coded);
    const Outcome out = decode(coded + rest);
    CHECK(out.verdict == "done " + std::to_string(coded.size()));
    CHECK(out.content == content);
  };
  is_done("0\r\n\r\n", "");
  is_done("5\r\nhello\r\n0\r\n\r\n", "hello", "GET / HTTP/1.1\r\n");
  is_done("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", "abc");
  is_done("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789");
  is_done("0005\r\nhello\r\n000\r\n\r\n", "hello");
  is_done("4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n");
  is_done("5;a=b;c=\"d\xe9 e\"\r\nhello\r\n0;x\r\n\r\n", "hello");
  is_done("5;\r\nhello\r\n0\r\n\r\n", "hello");
  is_done("5; \t\r\nhello\r\n0\r\n\r\n", "hello");
}

TEST_CASE("refused bodies") {
  for (const std::string& coded : {""s + "\r\nhello",
                                   "g\r\n"s,
                                   "0x5\r\nhello\r\n0\r\n\r\n"s,
                                   "+5\r\nhello"s,
                                   "-5\r\nhello"s,
                                   " 5\r\nhello"s,
                                   "\t5\r\nhello"s,
                                   "5 \r\nhello"s,
                                   "5 ;a\r\nhello"s,
                                   "5\t\r\nhello"s,
                                   "5\nhello"s,
                                   "5\r\r\nhello"s,
                                   "5\rhello"s,
                                   "5,\r\nhello"s,
                                   "5.0\r\nhello"s,
                                   "5h\r\nhello"s,
                                   "5_0\r\nhello"s,
                                   "\"5\"\r\nhello"s,
                                   ";a\r\nhello"s,
                                   "5;a\nhello"s,
                                   "5;a\rb\r\nhello"s,
                                   "5;a\0b\r\nhello"s,
                                   "5;a\x7f\r\nhello"s,
                                   "5\0\r\nhello"s,
                                   "\xef\xbc\x95\r\nhello"s,  // a full-width 5
                                   "5\r\nhello!\r\n"s,
                                   "5\r\nhello\n0\r\n\r\n"s,
                                   "5\r\nhello\rx"s,
                                   "5\r\nhello0\r\n\r\n"s,
                                   "5\r\nhello\r\n\r\n0\r\n"s,
                                   "5\r\nhell\r\n0\r\n\r\n"s,  // one byte short: the CR counts as content
                                   "0\r\n\n"s,
                                   "0\r\n\rX\r\n"s,
                                   "0\r\nA: b\n\r\n"s,
                                   "0\r\nA: b\r\n c\r\n\r\n"s,
                                   "0\r\nA : b\r\n\r\n"s,
                                   "0\r\nAB\r\n\r\n"s,
                                   "0\r\n: b\r\n\r\n"s,
                                   "0\r\nA: \0\r\n\r\n"s,
                                   "0\r\nA: b\rc\r\n\r\n"s,
                                   "0\r\n A: b\r\n\r\n"s,
                                   "0\n\n"s,
                                   "0\r\n\0\r\n\r\n"s}) {
    CAPTURE(coded);
    CHECK(decode(coded).verdict.starts_with("refused 400: "));
  }
}

TEST_CASE("sizes up to 2^62 and no further") {
  CHECK(decode("4000000000000000\r\nx").verdict == "more");
  CHECK(decode("00000000000000000000004000000000000000\r\nx").verdict == "more");
  for (const char* size : {"4000000000000001", "5000000000000000", "8000000000000000", "ffffffffffffffff",
                           "10000000000000000", "10000000000000005", "123456789abcdef01234"}) {
    CAPTURE(size);
    CHECK(decode(std::string(size) + "\r\nx").verdict == "refused 400: a chunk is too large");
  }
}

TEST_CASE("size lines are bounded") {
  CHECK(decode("5;" + std::string(4093, 'x') + "\r\nhello\r\n0\r\n\r\n").verdict.starts_with("done"));
  CHECK(decode("5;" + std::string(4096, 'x') + "\r\nhello").verdict == "refused 400: a chunk extension is too long");
  CHECK(decode("5;" + std::string(9000, 'x')).verdict == "refused 400: a chunk extension is too long");
  CHECK(decode(std::string(5000, '0')).verdict == "refused 400: the size line of a chunk is too long");
  // The bound is per chunk, not per body.
  std::string many;
  for (int i = 0; i < 4; ++i) many += "1;" + std::string(3000, 'x') + "\r\na\r\n";
  CHECK(decode(many + "0\r\n\r\n").content == "aaaa");
}

TEST_CASE("trailer fields") {
  const Outcome out = decode("3\r\nabc\r\n0\r\nA: 1\r\nX-Sum:\t z \r\n\r\nrest");
  CHECK(out.verdict == "done 31");
  CHECK(out.content == "abc");
  CHECK(out.trailers == std::vector<std::string>{"A=1", "X-Sum=z"});

  const Limits limits{.head = 40, .target = 10, .fields = 2};
  CHECK(decode("0\r\nA: 1\r\nB: 2\r\n\r\n", limits).trailers.size() == 2);
  CHECK(decode("0\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n", limits).verdict == "refused 431: too many trailer fields");
  const auto with_size = [](std::size_t n) { return "0\r\nA: " + std::string(n - 7, 'v') + "\r\n\r\n"; };
  CHECK(decode(with_size(40), limits).verdict == "done 43");
  CHECK(decode(with_size(41), limits).verdict == "refused 431: the trailer fields are too large");
  CHECK(decode("0\r\n" + std::string(41, 'v'), limits).verdict == "refused 431: the trailer fields are too large");
}

TEST_CASE("a million chunks of one byte") {
  constexpr std::size_t kChunks = 1'000'000;
  std::string coded;
  for (std::size_t i = 0; i < kChunks; ++i) coded += "1\r\nx\r\n";
  coded += "0\r\n\r\n";
  CHECK(decode(coded, coded.size(), {}).content.size() == kChunks);
}

TEST_CASE("the content of a chunk may be read past the decoder") {
  ChunkedDecoder decoder{Limits{}};
  CHECK(decoder.chunk_left() == 0);
  CHECK(decoder.step("8\r\n").status == ChunkedDecoder::Status::NeedMore);
  CHECK(decoder.chunk_left() == 8);
  decoder.skip(3);
  CHECK(decoder.chunk_left() == 5);
  const ChunkedDecoder::Step step = decoder.step("ab");
  CHECK(step.content == "ab");
  decoder.skip(3);
  CHECK(decoder.chunk_left() == 0);
  CHECK(decoder.step("\r\n0\r\n\r\n").status == ChunkedDecoder::Status::Done);
}

TEST_CASE("after Done and after Bad a decoder stays there until it is reset") {
  ChunkedDecoder decoder{Limits{}};
  CHECK(decoder.step("0\r\nA: b\r\n\r\n").status == ChunkedDecoder::Status::Done);
  CHECK(decoder.trailers().size() == 1);
  const ChunkedDecoder::Step again = decoder.step("5\r\nhello");
  CHECK(again.status == ChunkedDecoder::Status::Done);
  CHECK(again.used == 0);
  decoder.reset();
  CHECK(decoder.trailers().empty());
  CHECK(decoder.step("x").status == ChunkedDecoder::Status::Bad);
  CHECK(decoder.step("5\r\nhello").status == ChunkedDecoder::Status::Bad);
  decoder.reset();
  CHECK(decoder.step("5\r\nhello").content == "hello");
}

TEST_CASE("what the encoder writes") {
  std::string out;
  append_chunk_start(out, 1);
  append_chunk_start(out, 255);
  append_chunk_start(out, 0xffff'ffff'ffff'ffffU);
  CHECK(out == "1\r\nff\r\nffffffffffffffff\r\n");

  http::FieldList trailers;
  trailers.push_back("X-Sum", "z");
  for (const char* name :
       {"Content-Length", "Transfer-Encoding", "Host", "Connection", "Trailer", "Set-Cookie", "Cache-Control",
        "Authorization", "Content-Encoding", "Content-Type", "Content-Range", "Proxy-Authenticate"}) {
    trailers.push_back(name, "5");
  }
  trailers.push_back("Server-Timing", "");
  std::string last;
  append_last_chunk(last, serialise_trailers(trailers.span()));
  CHECK(last == "0\r\nX-Sum: z\r\nServer-Timing: \r\n\r\n");
  std::string bare;
  append_last_chunk(bare, {});
  CHECK(bare == "0\r\n\r\n");
}

}  // namespace
}  // namespace larder::wire
