#include "proxy/wire/framing.h"

#include <limits>
#include <optional>
#include <string_view>

#include "cache/http/text.h"
#include "cache/http/uri.h"
#include "proxy/wire/chars.h"

namespace larder::wire {
namespace {

using Refusal = std::optional<Reject>;

// The field lines that decide framing and routing, found in one pass: the first of each name and how many there are.
struct Found {
  const http::Field* first = nullptr;
  std::size_t lines = 0;
  void add(const http::Field& field) {
    if (lines++ == 0) first = &field;
  }
};
struct FramingFields {
  Found host, length, coding;

  explicit FramingFields(http::FieldSpan fields) {
    for (const http::Field& field : fields) {
      if (field.id == http::FieldName::Host) host.add(field);
      if (field.id == http::FieldName::ContentLength) length.add(field);
      if (field.id == http::FieldName::TransferEncoding) coding.add(field);
    }
  }
};

// Calls see(member) for each member of the list that all lines of one name make, the empty members too, until it says
// false.
template <typename See>
bool each_member(http::FieldSpan fields, http::FieldName id, See see) {
  for (const http::Field& field : fields) {
    if (field.id != id) continue;
    std::string_view rest = field.value;
    for (;;) {
      const std::size_t comma = rest.find(',');
      if (!see(trim_ows(rest.substr(0, comma)))) return false;
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return true;
}

// RFC 9110 section 8.6. Members must be the same text, not only the same number: "5, 05" is somebody's trick.
tl::expected<std::uint64_t, Reject> content_length(http::FieldSpan fields, std::string_view first_line) {
  constexpr std::size_t kMaxDigits = std::numeric_limits<std::int64_t>::digits10 + 1;
  const std::string_view text = trim_ows(first_line.substr(0, first_line.find(',')));
  const std::optional<std::uint64_t> length = http::parse_digits(text);
  if (!length || text.size() > kMaxDigits) return tl::unexpected(Reject{400, "Content-Length is not a plain number"});
  if (*length > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return tl::unexpected(Reject{400, "Content-Length is too large"});
  }
  const bool is_same =
      each_member(fields, http::FieldName::ContentLength, [text](std::string_view member) { return member == text; });
  if (!is_same) return tl::unexpected(Reject{400, "Content-Length is given with different values"});
  return *length;
}

bool is_chunked(std::string_view coding) {
  return http::equals_ignoring_case(coding, "chunked");
}

// RFC 9112 section 6.1: 501 for codings that we could not undo but whose end is at least well defined, 400 for the
// rest.
Reject why_not_chunked(http::FieldSpan fields) {
  bool ends_in_chunked = false;
  const bool is_plain = each_member(fields, http::FieldName::TransferEncoding, [&](std::string_view member) {
    if (ends_in_chunked || member.empty() || prefix_in(member, kTokenChar) != member.size()) return false;
    ends_in_chunked = is_chunked(member);
    return true;
  });
  if (is_plain && ends_in_chunked) return {501, "only the transfer coding chunked is supported"};
  return {400, "Transfer-Encoding is not exactly one chunked"};
}

// RFC 9112 section 6.3 without the rules that know the message's kind: what the fields say; None when they say nothing.
tl::expected<Framing, Reject> framing_of(http::FieldSpan fields, const FramingFields& found, std::uint8_t minor) {
  if (found.coding.lines != 0) {
    if (found.length.lines != 0) return tl::unexpected(Reject{400, "both Content-Length and Transfer-Encoding"});
    if (minor == 0) return tl::unexpected(Reject{400, "Transfer-Encoding in an HTTP/1.0 message"});
    if (found.coding.lines > 1 || !is_chunked(found.coding.first->value)) {
      return tl::unexpected(why_not_chunked(fields));
    }
    return Framing{Framing::Kind::Chunked, 0};
  }
  if (found.length.lines != 0) {
    const auto length = content_length(fields, found.length.first->value);
    if (!length) return tl::unexpected(length.error());
    return Framing{Framing::Kind::Length, *length};
  }
  return Framing{};
}

bool is_authority_in_target(const http::RequestHead& head) {
  return head.method == http::Method::Connect || http::parse_absolute(head.target).has_value();
}

// RFC 9112 section 3.2.
Refusal check_host(const http::RequestHead& head, const Found& host) {
  if (host.lines > 1) return Reject{400, "more than one Host"};
  if (host.lines == 0) {
    if (head.minor == 0 || head.method == http::Method::Connect) return std::nullopt;
    return Reject{400, "Host is missing"};
  }
  const std::string_view value = host.first->value;
  // Where the target names the authority, that counts alone (section 3.2.2), and an empty Host contradicts nothing.
  const bool is_valid = value.empty() ? is_authority_in_target(head) : http::parse_authority(value).has_value();
  if (!is_valid) return Reject{400, "Host is not a host with an optional port"};
  return std::nullopt;
}

}  // namespace

tl::expected<Framing, Reject> request_framing(const http::RequestHead& head) {
  const FramingFields found(head.fields);
  if (const Refusal refusal = check_host(head, found.host)) return tl::unexpected(*refusal);
  auto framing = framing_of(head.fields, found, head.minor);
  if (!framing || head.method != http::Method::Connect) return framing;
  // A CONNECT has no content (RFC 9110 section 9.3.6); what follows it belongs to the tunnel. Content that a sender
  // announces all the same would be read as content by some and as tunnel by others. "Content-Length: 0" hides nothing.
  if (framing->kind == Framing::Kind::Chunked || framing->length != 0) {
    return tl::unexpected(Reject{400, "CONNECT with content"});
  }
  return Framing{};
}

tl::expected<Framing, Reject> response_framing(http::Method method, const http::ResponseHead& head) {
  const bool is_tunnel = method == http::Method::Connect && head.status >= 200 && head.status < 300;
  if (is_tunnel) return Framing{};  // both fields are to be ignored there (RFC 9110 section 9.3.6)
  auto framing = framing_of(head.fields, FramingFields(head.fields), head.minor);
  if (!framing) return tl::unexpected(Reject{502, framing.error().why});
  if (http::is_bodiless(method, head.status)) return Framing{};
  if (framing->kind == Framing::Kind::None) return Framing{Framing::Kind::UntilClose, 0};
  return framing;
}

bool wants_keep_alive(std::uint8_t minor, http::FieldSpan fields) {
  using enum http::FieldName;
  const http::FieldName id = http::has(fields, Connection) ? Connection : ProxyConnection;
  if (http::list_contains(fields, id, "close")) return false;
  return minor > 0 || http::list_contains(fields, id, "keep-alive");
}

}  // namespace larder::wire
