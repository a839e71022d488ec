// Writing heads: what is forwarded is always made anew from the parsed form (RFC 9112), never copied raw. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cache/http/fields.h"
#include "cache/http/message.h"
#include "cache/http/uri.h"

namespace larder::wire {

// Whether a field ends at this hop (RFC 9110 section 7.6.1): Connection, Proxy-Connection, Keep-Alive, TE, Trailer,
// Transfer-Encoding, Upgrade, Proxy-Authenticate, Proxy-Authorization, Proxy-Authentication-Info.
bool is_hop_by_hop(http::FieldName id);

// The names that this message's Connection field nominates; asked once per message, then per field. Views into the
// fields' text, which must outlive it. Fields that would change the message's meaning or hide it from caches are not
// taken as nominated (RFC 9110 section 7.6.1: a sender may never name them): Host, Content-Length, Content-Type,
// Content-Encoding, Content-Range, Cache-Control, Vary, Date, Age, Authorization, Via, Set-Cookie.
class Nominated {
 public:
  explicit Nominated(http::FieldSpan fields);
  [[nodiscard]] bool has(const http::Field& field) const;

 private:
  std::uint64_t known_ = 0;               // by FieldName
  std::vector<std::string_view> others_;  // sorted; empty for nearly every message
};

// Takes the fields that Connection nominates out of a request, as if the client had not sent them: the origin will not
// see them, so nothing may be chosen by them either (a response selected by a nominated Accept-Encoding would be stored
// for those who really sent it). Hop-by-hop fields stay for this hop to read.
void drop_nominated(http::FieldList& fields);

void append_field(std::string& out, std::string_view name, std::string_view value);   // "name: value\r\n"
void append_status_line(std::string& out, unsigned status, std::string_view reason);  // always HTTP/1.1

// Appends the request line and all end-to-end fields but Host (written first, from `uri`, RFC 9112 section 3.2.2),
// Content-Length, Expect, Via and, when `without_conditions`, the conditional fields and Range (a Range without its
// If-Range could be answered from another version). Hop-by-hop and nominated fields are left out. The existing Via
// members are kept and "1.<minor> pseudonym" is appended to them as one field. No final CRLF: the caller adds framing
// and its own fields.
void append_request(std::string& out, const http::RequestHead& head, const http::Uri& uri,
                    std::string_view via_pseudonym, bool without_conditions);

// Appends the end-to-end fields of a response as they are stored or passed on: hop-by-hop, nominated, Content-Length
// and Age are left out (the last two are computed at delivery). Received Via and Cache-Status lines stay; Larder's own
// members follow as further lines of the same lists.
void append_end_to_end(std::string& out, http::FieldSpan fields);

}  // namespace larder::wire
