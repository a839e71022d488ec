#include "proxy/wire/chunked.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "proxy/wire/chars.h"
#include "proxy/wire/field_line.h"
#include "proxy/wire/serialise.h"

namespace larder::wire {
namespace {

constexpr std::uint64_t kMaxChunk = std::uint64_t{1} << 62;
constexpr std::size_t kMaxSizeLine = 4096;

// -1: not a HEXDIG.
int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// What RFC 9110 section 6.5.1 does not let a trailer carry: how the message is framed, routed, authenticated or
// decoded. Passing it on would hand a sender a second, unchecked head.
bool may_be_trailer(http::FieldName id) {
  using enum http::FieldName;
  switch (id) {
    case Authorization:
    case CacheControl:
    case Connection:
    case ContentEncoding:
    case ContentLength:
    case ContentRange:
    case ContentType:
    case Cookie:
    case Host:
    case SetCookie:
    case Vary:
    case Via:
      return false;
    default:
      return !is_hop_by_hop(id);
  }
}

}  // namespace

ChunkedDecoder::Step ChunkedDecoder::bad(std::string_view why, std::uint16_t status) {
  state_ = State::Bad;
  error_ = {status, why};
  return {Status::Bad, 0, {}};
}

void ChunkedDecoder::on_size_byte(char c) {
  const int digit = hex_value(c);
  if (++line_ > kMaxSizeLine) {
    bad("the size line of a chunk is too long");
  } else if (digit >= 0) {
    any_digit_ = true;
    // The first comparison keeps the multiplication from wrapping, the second is the limit itself.
    const bool is_far_over = left_ > kMaxChunk / 16;
    left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
    if (is_far_over || left_ > kMaxChunk) bad("a chunk is too large");
  } else if (!any_digit_) {
    bad("a chunk does not begin with its size in hexadecimal digits");
  } else if (c == '\r') {
    state_ = State::SizeLf;
  } else if (c == ';') {
    state_ = State::Extension;
  } else {
    bad("the size of a chunk is followed by something that is neither CRLF nor an extension");
  }
}

void ChunkedDecoder::on_extension(std::string_view input, std::size_t& at) {
  const std::size_t n = prefix_in(input.substr(at, kMaxSizeLine + 1 - line_), kTextChar);
  line_ += n;
  at += n;
  if (line_ > kMaxSizeLine) {
    bad("a chunk extension is too long");
  } else if (at < input.size()) {
    if (input[at++] != '\r') {
      bad("a control character in a chunk extension");
    } else {
      state_ = State::SizeLf;
    }
  }
}

// Takes bytes up to the end of one trailer line, or all there are.
void ChunkedDecoder::on_trailer(std::string_view input, std::size_t& at) {
  const std::size_t lf = input.find('\n', at);
  const std::size_t end = lf == std::string_view::npos ? input.size() : lf + 1;
  if (end - at > limits_.head - std::min(limits_.head, trailer_text_.size())) {
    bad("the trailer fields are too large", 431);
    return;
  }
  trailer_text_.append(input.substr(at, end - at));
  at = end;
  if (lf == std::string_view::npos) return;
  const std::string_view line = std::string_view(trailer_text_).substr(line_);
  if (!line.ends_with("\r\n")) {
    bad("a trailer line ends in LF without CR");
    return;
  }
  line_ = trailer_text_.size();
  if (line.size() == 2) {
    finish_trailer();
    return;
  }
  FieldLine field;  // only checked here: trailer_text_ may still move
  const std::string_view why = split_field_line(line.substr(0, line.size() - 2), field);
  if (!why.empty()) bad(why);
}

// The whole trailer section is in trailer_text_, which will not move any more, and each line was checked: make the
// fields.
void ChunkedDecoder::finish_trailer() {
  for (std::string_view rest = trailer_text_; rest.size() > 2;) {
    if (trailers_.size() >= limits_.fields) {
      bad("too many trailer fields", 431);
      return;
    }
    const std::size_t lf = rest.find('\n');
    FieldLine field;
    split_field_line(rest.substr(0, lf - 1), field);
    trailers_.push_back(field.name, field.value);
    rest.remove_prefix(lf + 1);
  }
  state_ = State::Done;
}

ChunkedDecoder::Step ChunkedDecoder::step(std::string_view input) {
  std::size_t at = 0;
  while (at < input.size() && state_ != State::Done && state_ != State::Bad) {
    switch (state_) {
      case State::Size:
        on_size_byte(input[at++]);
        break;
      case State::Extension:
        on_extension(input, at);
        break;
      case State::SizeLf:
        if (input[at++] != '\n') return bad("a bare CR after the size of a chunk");
        line_ = 0;
        any_digit_ = false;
        state_ = left_ == 0 ? State::Trailer : State::Data;
        break;
      case State::Data: {
        const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size() - at));
        skip(n);
        return {Status::Content, at + n, input.substr(at, n)};
      }
      case State::DataEnd:
        if (input[at++] != '\r') return bad("a chunk is longer than its size says");
        state_ = State::DataEndLf;
        break;
      case State::DataEndLf:
        if (input[at++] != '\n') return bad("a bare CR after the content of a chunk");
        state_ = State::Size;
        break;
      case State::Trailer:
        on_trailer(input, at);
        break;
      case State::Done:
      case State::Bad:
        break;
    }
  }
  if (state_ == State::Bad) return {Status::Bad, 0, {}};
  return {state_ == State::Done ? Status::Done : Status::NeedMore, at, {}};
}

void ChunkedDecoder::reset() {
  state_ = State::Size;
  left_ = 0;
  line_ = 0;
  any_digit_ = false;
  trailer_text_.clear();
  trailers_.clear();
  error_ = {};
}

void append_chunk_start(std::string& out, std::uint64_t bytes) {
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), bytes, 16).ptr;
  out.append(digits.data(), end);
  out.append(kChunkEnd);
}

std::string serialise_trailers(http::FieldSpan trailers) {
  std::string lines;
  for (const http::Field& field : trailers) {
    if (may_be_trailer(field.id)) append_field(lines, field.name, field.value);
  }
  return lines;
}

void append_last_chunk(std::string& out, std::string_view trailer_lines) {
  out.append("0\r\n").append(trailer_lines).append(kChunkEnd);
}

}  // namespace larder::wire
