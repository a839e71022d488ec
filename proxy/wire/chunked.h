// The chunked transfer coding (RFC 9112 section 7.1), incremental and strict.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "cache/http/fields.h"
#include "proxy/wire/error.h"
#include "proxy/wire/head_parser.h"

namespace larder::wire {

// Takes the coded bytes in any pieces, gives the content in place (views into the piece), without buffering any of it.
// Chunk sizes are 1*HEXDIG up to 2^62; a chunk extension is checked for control characters, bounded (4 KiB in all per
// chunk) and dropped; lines end in CRLF only. Trailer fields are parsed as strictly as a head's, within `limits`, and
// kept until the next reset. White space after a size is refused even before an extension (section 7.1.1 calls it bad):
// what a size is must not be a matter of taste.
class ChunkedDecoder {
 public:
  explicit ChunkedDecoder(const Limits& limits) : limits_(limits) {}
  ChunkedDecoder(const ChunkedDecoder&) = delete;  // trailers_ are views into trailer_text_
  ChunkedDecoder& operator=(const ChunkedDecoder&) = delete;

  enum class Status : std::uint8_t { NeedMore, Content, Done, Bad };
  struct Step {
    Status status = Status::NeedMore;
    std::size_t used = 0;      // bytes of the input consumed by this step
    std::string_view content;  // Status::Content: the bytes, a view into the input
  };
  // One step over `input`. Call again with the rest while it answers Content; NeedMore means everything was consumed.
  Step step(std::string_view input);

  // Bytes of content left in the current chunk: that many may be read straight to their destination; tell skip() so.
  [[nodiscard]] std::uint64_t chunk_left() const { return state_ == State::Data ? left_ : 0; }
  void skip(std::uint64_t bytes) {
    left_ -= bytes;
    if (left_ == 0) state_ = State::DataEnd;
  }

  [[nodiscard]] const Reject& error() const { return error_; }          // after Bad
  [[nodiscard]] http::FieldSpan trailers() const { return trailers_; }  // after Done
  void reset();

 private:
  enum class State : std::uint8_t { Size, Extension, SizeLf, Data, DataEnd, DataEndLf, Trailer, Done, Bad };
  Step bad(std::string_view why, std::uint16_t status = 400);
  void on_size_byte(char c);
  void on_extension(std::string_view input, std::size_t& at);
  void on_trailer(std::string_view input, std::size_t& at);
  void finish_trailer();

  Limits limits_;
  State state_ = State::Size;
  std::uint64_t left_ = 0;
  std::size_t line_ = 0;  // bytes of the current size line so far; in trailers: where the current line begins
  bool any_digit_ = false;
  std::string trailer_text_;
  http::FieldList trailers_;
  Reject error_;
};

// Appends the size line of a chunk of `bytes` > 0 bytes. After the content itself, append kChunkEnd.
void append_chunk_start(std::string& out, std::uint64_t bytes);
inline constexpr std::string_view kChunkEnd = "\r\n";
// The trailer fields to pass on, as lines; those that may not be trailers (framing, routing, authentication, caching,
// hop-by-hop: RFC 9110 section 6.5.1) are left out.
std::string serialise_trailers(http::FieldSpan trailers);
// Appends the last chunk, the trailer lines and the final empty line.
void append_last_chunk(std::string& out, std::string_view trailer_lines);

}  // namespace larder::wire
