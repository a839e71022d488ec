#include "proxy/wire/serialise.h"

#include <algorithm>

#include "cache/http/text.h"

namespace larder::wire {
namespace {

constexpr std::string_view kCrlf = "\r\n";

static_assert(static_cast<unsigned>(http::FieldName::Warning) < 64, "a set of FieldNames is a 64-bit mask");
std::uint64_t bit(http::FieldName id) {
  return std::uint64_t{1} << static_cast<unsigned>(id);
}

bool is_less_ignoring_case(std::string_view a, std::string_view b) {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return static_cast<unsigned char>(http::lower(x)) < static_cast<unsigned char>(http::lower(y));
  });
}

// Naming these in Connection would change what the message means or hide it from caches (RFC 9110 section 7.6.1).
bool may_be_nominated(http::FieldName id) {
  using enum http::FieldName;
  switch (id) {
    case Age:
    case Authorization:
    case CacheControl:
    case ContentEncoding:
    case ContentLength:
    case ContentRange:
    case ContentType:
    case Date:
    case Host:
    case SetCookie:
    case Vary:
    case Via:
      return false;
    default:
      return true;
  }
}

bool is_condition(http::FieldName id) {
  using enum http::FieldName;
  return id == IfMatch || id == IfNoneMatch || id == IfModifiedSince || id == IfUnmodifiedSince || id == IfRange;
}

// What append_request writes itself, or leaves to its caller.
bool is_written_anew(http::FieldName id) {
  using enum http::FieldName;
  return id == Host || id == ContentLength || id == Expect || id == Via;
}

// RFC 9112 section 3.2.4: OPTIONS for a URI without path and query is a question to the server itself.
void append_target(std::string& out, const http::RequestHead& head, const http::Uri& uri) {
  if (head.method == http::Method::Options && uri.path_and_query.empty()) {
    out.push_back('*');
  } else {
    http::append_origin_form(out, uri);
  }
}

// RFC 9110 section 7.6.3: the members received, in their order, then our own.
void append_via(std::string& out, const http::RequestHead& head, std::string_view pseudonym) {
  out.append("Via: ");
  for (const http::Field& field : head.fields) {
    if (field.id != http::FieldName::Via || field.value.empty()) continue;
    out.append(field.value);
    out.append(", ");
  }
  out.append(head.minor == 0 ? "1.0 " : "1.1 ");
  out.append(pseudonym);
  out.append(kCrlf);
}

}  // namespace

bool is_hop_by_hop(http::FieldName id) {
  using enum http::FieldName;
  switch (id) {
    case Connection:
    case KeepAlive:
    case ProxyAuthenticate:
    case ProxyAuthenticationInfo:
    case ProxyAuthorization:
    case ProxyConnection:
    case Te:
    case Trailer:
    case TransferEncoding:
    case Upgrade:
      return true;
    default:
      return false;
  }
}

Nominated::Nominated(http::FieldSpan fields) {
  for (http::MemberIterator m(fields, http::FieldName::Connection); m.next();) {
    const http::FieldName id = http::field_name(m.member());
    if (id == http::FieldName::Other) {
      if (!http::equals_ignoring_case(m.member(), "close")) others_.push_back(m.member());
    } else if (may_be_nominated(id)) {
      known_ |= bit(id);
    }
  }
  std::sort(others_.begin(), others_.end(), is_less_ignoring_case);
}

bool Nominated::has(const http::Field& field) const {
  if (field.id != http::FieldName::Other) return (known_ & bit(field.id)) != 0;
  return !others_.empty() && std::binary_search(others_.begin(), others_.end(), field.name, is_less_ignoring_case);
}

void drop_nominated(http::FieldList& fields) {
  if (!http::has(fields, http::FieldName::Connection)) return;
  const Nominated nominated(fields);
  fields.erase_if([&](const http::Field& field) { return !is_hop_by_hop(field.id) && nominated.has(field); });
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name);
  out.append(": ");
  out.append(value);
  out.append(kCrlf);
}

void append_status_line(std::string& out, unsigned status, std::string_view reason) {
  out.append("HTTP/1.1 ");
  http::append_number(out, status);
  out.push_back(' ');  // also before an empty reason (RFC 9112 section 4)
  out.append(reason);
  out.append(kCrlf);
}

void append_request(std::string& out, const http::RequestHead& head, const http::Uri& uri,
                    std::string_view via_pseudonym, bool without_conditions) {
  out.append(head.method_name);
  out.push_back(' ');
  append_target(out, head, uri);
  out.append(" HTTP/1.1\r\nHost: ");
  http::append_host(out, uri);
  out.append(kCrlf);
  const Nominated nominated(head.fields);
  for (const http::Field& field : head.fields) {
    if (is_written_anew(field.id) || is_hop_by_hop(field.id) || nominated.has(field)) continue;
    // A Range whose If-Range is gone could be answered from another version than the client holds; so it goes as well.
    if (without_conditions && (is_condition(field.id) || field.id == http::FieldName::Range)) continue;
    append_field(out, field.name, field.value);
  }
  append_via(out, head, via_pseudonym);
}

void append_end_to_end(std::string& out, http::FieldSpan fields) {
  const Nominated nominated(fields);
  for (const http::Field& field : fields) {
    if (field.id == http::FieldName::ContentLength || field.id == http::FieldName::Age) continue;
    if (is_hop_by_hop(field.id) || nominated.has(field)) continue;
    append_field(out, field.name, field.value);
  }
}

}  // namespace larder::wire
