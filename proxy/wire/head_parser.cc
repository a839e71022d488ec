#include "proxy/wire/head_parser.h"

#include <algorithm>
#include <cstring>

#include "proxy/wire/chars.h"
#include "proxy/wire/field_line.h"

namespace larder::wire {
namespace {

constexpr std::size_t kMaxMethod = 64;
constexpr std::size_t kVersionLength = 8;  // HTTP/1.1

ParseResult refuse(std::string_view why, std::uint16_t status = 400) {
  return Reject{status, why};
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The end of the line that begins at progress.line: the offset of its LF, or npos when it has not arrived.
std::size_t find_lf(std::string_view bytes, HeadProgress& progress) {
  const void* lf = std::memchr(bytes.data() + progress.scanned, '\n', bytes.size() - progress.scanned);
  if (lf == nullptr) {
    progress.scanned = bytes.size();
    return std::string_view::npos;
  }
  const auto at = static_cast<std::size_t>(static_cast<const char*>(lf) - bytes.data());
  progress.scanned = at + 1;
  return at;
}

ParseResult read_fields(std::string_view bytes, const Limits& limits, HeadProgress& progress, http::FieldList& out) {
  for (;;) {
    const std::size_t lf = find_lf(bytes, progress);
    if (lf == std::string_view::npos) return NeedMore{};
    const std::size_t begin = progress.line;
    if (lf == begin || bytes[lf - 1] != '\r') return refuse("a line ends in LF without CR");
    progress.line = lf + 1;
    const std::string_view line = bytes.substr(begin, lf - 1 - begin);
    if (line.empty()) return Parsed{progress.line};
    if (++progress.fields > limits.fields) return refuse("too many field lines", 431);
    FieldLine field;
    const std::string_view why = split_field_line(line, field);
    if (!why.empty()) return refuse(why);
    out.push_back(field.name, field.value);
  }
}

// Whether `text`, as far as it goes, is "HTTP/" DIGIT "." DIGIT.
bool is_version_prefix(std::string_view text) {
  constexpr std::string_view kShape = "HTTP/0.0";
  const std::size_t n = std::min(text.size(), kShape.size());
  for (std::size_t i = 0; i < n; ++i) {
    if (kShape[i] == '0' ? !is_digit(text[i]) : text[i] != kShape[i]) return false;
  }
  return true;
}

// A later minor version is to be read as the latest we know (RFC 9110 section 2.5).
std::uint8_t minor_of(std::string_view version) {
  return version[kVersionLength - 1] == '0' ? 0 : 1;
}

std::string_view why_no_method(char first) {
  if (first == '\x16') return "this is TLS, but the port speaks plain HTTP";
  return "the method is not a token followed by one space";
}

// The version at the end of a request line, and the line's CRLF.
ParseResult read_request_version(std::string_view bytes, HeadProgress& progress, http::RequestHead& out) {
  const std::string_view rest = bytes.substr(progress.version, kVersionLength + 2);
  if (!is_version_prefix(rest)) return refuse("the request line does not end in an HTTP version");
  if (rest.size() > kVersionLength && rest[kVersionLength] != '\r') {
    return refuse("the HTTP version is not followed by CRLF");
  }
  if (rest.size() < kVersionLength + 2) return NeedMore{};
  if (rest.back() != '\n') return refuse("a bare CR in the request line");
  if (rest[5] != '1') return refuse("this HTTP version is not supported", 505);
  out.minor = minor_of(rest);
  progress.line = progress.scanned = progress.version + rest.size();
  progress.in_fields = true;
  return Parsed{progress.line};
}

// RFC 9112 section 3: method SP request-target SP HTTP-version CRLF. Parsed: the line is complete.
ParseResult read_request_line(std::string_view bytes, const Limits& limits, HeadProgress& progress,
                              http::RequestHead& out) {
  if (progress.line == 0 && bytes.starts_with('\r')) {  // section 2.2: one empty line may come first
    if (bytes.size() == 1) return NeedMore{};
    if (bytes[1] != '\n') return refuse("a bare CR before the request line");
    progress.line = 2;
  }
  const std::size_t method = prefix_in(bytes.substr(progress.line, kMaxMethod + 1), kTokenChar);
  if (method > kMaxMethod) return refuse("the method's name is too long", 501);
  const std::size_t method_end = progress.line + method;
  if (method_end == bytes.size()) return NeedMore{};
  if (method == 0 || bytes[method_end] != ' ') return refuse(why_no_method(bytes[progress.line]));
  const std::size_t target = method_end + 1;

  if (progress.version == 0) {
    const std::size_t from = std::max(target, progress.scanned);
    const std::size_t room = limits.target - std::min(limits.target, from - target);
    const std::size_t at = from + prefix_in(bytes.substr(from, room), kTargetChar);
    progress.scanned = at;
    if (at == bytes.size()) return NeedMore{};
    if (bytes[at] != ' ') {
      if (is_in(bytes[at], kTargetChar)) return refuse("the request target is too long", 414);
      if (bytes[at] == '\r' || bytes[at] == '\n') return refuse("the request line has no HTTP version");
      return refuse("the request target holds a character that is not allowed");
    }
    if (at == target) return refuse("the request target is empty");
    progress.version = at + 1;
  }
  out.method_name = bytes.substr(progress.line, method);
  out.method = http::method_of(out.method_name);
  out.target = bytes.substr(target, progress.version - 1 - target);
  return read_request_version(bytes, progress, out);
}

// RFC 9112 section 4: HTTP-version SP 3DIGIT [SP reason-phrase] CRLF. A missing second space is common and harmless.
ParseResult read_status_line(std::string_view bytes, HeadProgress& progress, http::ResponseHead& out) {
  constexpr std::size_t kStatus = kVersionLength + 1;
  constexpr std::size_t kStatusEnd = kStatus + 3;
  const std::string_view shape = bytes.substr(0, kStatusEnd + 1);
  if (!is_version_prefix(shape)) return refuse("the response does not begin with an HTTP version");
  if (shape.size() >= kVersionLength && shape[5] != '1') return refuse("this HTTP version is not supported");
  if (shape.size() > kVersionLength && shape[kVersionLength] != ' ') return refuse("no space after the HTTP version");
  const std::string_view digits = shape.substr(std::min(shape.size(), kStatus)).substr(0, 3);
  // 600 to 999 are no statuses of HTTP, but some servers use them; they are passed on and never kept (RFC 9110 section
  // 15: to be processed as a 5xx).
  if (!digits.empty() && digits[0] < '1') return refuse("the status is not from 100 to 999");
  if (!std::all_of(digits.begin(), digits.end(), is_digit)) return refuse("the status is not three digits");
  if (shape.size() <= kStatusEnd) return NeedMore{};
  if (shape[kStatusEnd] != ' ' && shape[kStatusEnd] != '\r') return refuse("no space after the status");

  progress.scanned = std::max(progress.scanned, kStatusEnd);
  const std::size_t lf = find_lf(bytes, progress);
  if (lf == std::string_view::npos) return NeedMore{};
  if (bytes[lf - 1] != '\r') return refuse("the status line ends in LF without CR");
  const std::string_view tail = bytes.substr(kStatusEnd, lf - 1 - kStatusEnd);
  if (!is_text(tail)) return refuse("a control character in the reason phrase");
  out.minor = minor_of(bytes);
  out.status = static_cast<std::uint16_t>((digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0'));
  out.reason = tail.empty() ? tail : tail.substr(1);
  progress.line = lf + 1;
  progress.in_fields = true;
  return Parsed{progress.line};
}

bool is_parsed(const ParseResult& result) {
  return std::holds_alternative<Parsed>(result);
}
bool is_unfinished(const ParseResult& result) {
  return std::holds_alternative<NeedMore>(result);
}

}  // namespace

ParseResult RequestParser::advance(std::string_view bytes, http::RequestHead& out) {
  if (!progress_.in_fields) {
    const ParseResult start = read_request_line(bytes, limits_, progress_, out);
    if (!is_parsed(start)) return start;
  }
  return read_fields(bytes, limits_, progress_, out.fields);
}

ParseResult RequestParser::parse(std::string_view bytes, http::RequestHead& out) {
  // What is beyond the limit is not looked at, so that an oversized head gets one answer however it arrives.
  const std::string_view seen = bytes.substr(0, limits_.head);
  if (seen.size() < progress_.scanned) reset();  // not the message we were in
  const bool is_resumed = progress_.scanned != 0;
  out.clear();
  ParseResult result = advance(seen, out);
  if (is_parsed(result) && is_resumed) {
    // The earlier lines were found in an earlier call and their bytes may have moved since: read once more from the
    // start.
    reset();
    out.clear();
    result = advance(seen, out);
  }
  if (is_unfinished(result)) {
    if (bytes.size() < limits_.head) return result;
    result = progress_.in_fields ? refuse("the head is too large", 431) : refuse("the request line is too long", 414);
  }
  reset();
  return result;
}

ParseResult ResponseParser::advance(std::string_view bytes, http::ResponseHead& out) {
  if (!progress_.in_fields) {
    const ParseResult start = read_status_line(bytes, progress_, out);
    if (!is_parsed(start)) return start;
  }
  return read_fields(bytes, limits_, progress_, out.fields);
}

ParseResult ResponseParser::parse(std::string_view bytes, http::ResponseHead& out) {
  const std::string_view seen = bytes.substr(0, limits_.head);
  if (seen.size() < progress_.scanned) reset();  // not the message we were in
  const bool is_resumed = progress_.scanned != 0;
  out.clear();
  ParseResult result = advance(seen, out);
  if (is_parsed(result) && is_resumed) {  // as in RequestParser::parse
    reset();
    out.clear();
    result = advance(seen, out);
  }
  if (is_unfinished(result)) {
    if (bytes.size() < limits_.head) return result;
    result = refuse("the head is too large");
  }
  if (auto* reject = std::get_if<Reject>(&result)) reject->status = 502;
  reset();
  return result;
}

}  // namespace larder::wire
