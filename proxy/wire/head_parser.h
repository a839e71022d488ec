// Strict parsers of message heads (RFC 9112 sections 2 to 5): bytes in, views out, nothing copied.
//
// Give the parser all bytes of the message received so far, contiguous and starting at the message's first byte; it
// answers how many bytes the head takes, that it needs more, or why it refuses. It remembers how far it has looked, so
// that a head arriving byte by byte costs linear time; call reset() before another message (any answer but NeedMore
// resets, too). The views in the head point into the given bytes: parse again (or rebase) when they move. No allocation
// beyond FieldList's. Not thread-safe.
//
// Refused (400 unless said): a line not ended by CRLF (bare CR or bare LF), control characters, NUL, obs-fold, a name
// that is no token, space before the colon, no colon, leading white space, an empty name; a request line with other
// than single spaces, a method that is no token, a version other than HTTP/1.x (505 for another major version). 414 for
// a request target longer than limits.target, 431 for a head longer than limits.head or with more than limits.fields
// lines, 501 for a method longer than 64 bytes; all of a response's refusals are 502. One empty line before a request
// line is skipped (section 2.2) and counted in the head's bytes.
//
// Bytes are judged from left to right and each line when it is complete (a start line at once, so that a TLS client on
// a plain port is answered), hence the verdict does not depend on the pieces in which a head arrives.
#pragma once

#include <cstddef>
#include <string_view>
#include <variant>

#include "cache/http/message.h"
#include "proxy/wire/error.h"

namespace larder::wire {

struct Limits {
  std::size_t head = 65'536;    // bytes of start line and field lines
  std::size_t target = 32'768;  // bytes of request-target
  std::size_t fields = 256;     // field lines
};

struct NeedMore {};
struct Parsed {
  std::size_t bytes = 0;  // what the head took of the input, its last CRLF included
};
using ParseResult = std::variant<NeedMore, Parsed, Reject>;

// How far a parser has looked into a head that is not complete yet. Offsets from the message's first byte.
struct HeadProgress {
  std::size_t scanned = 0;  // bytes that need not be looked at again
  std::size_t line = 0;     // where the line begins that has not ended yet
  std::size_t version = 0;  // where a request line's version begins; 0: not found yet
  std::size_t fields = 0;   // field lines so far
  bool in_fields = false;   // the start line is complete
};

class RequestParser {
 public:
  explicit RequestParser(const Limits& limits) : limits_(limits) {}
  ParseResult parse(std::string_view bytes, http::RequestHead& out);
  void reset() { progress_ = {}; }

 private:
  ParseResult advance(std::string_view bytes, http::RequestHead& out);

  Limits limits_;
  HeadProgress progress_;
};

// A status line needs a three-digit status from 100 to 599; a missing reason phrase (with or without its space) is
// accepted.
class ResponseParser {
 public:
  explicit ResponseParser(const Limits& limits) : limits_(limits) {}
  ParseResult parse(std::string_view bytes, http::ResponseHead& out);
  void reset() { progress_ = {}; }

 private:
  ParseResult advance(std::string_view bytes, http::ResponseHead& out);

  Limits limits_;
  HeadProgress progress_;
};

}  // namespace larder::wire
