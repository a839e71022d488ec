// One line of the access log. On the path of every request: no allocation, no locale, no division that can be saved.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "metrics/access_log.h"

namespace larder::metrics {
namespace {

constexpr char kHex[] = "0123456789abcdef";

// Whether a byte may stand in a JSON string as it is: printable ASCII but the quote and the backslash.
constexpr auto kPlain = [] {
  std::array<bool, 256> out{};
  for (std::size_t c = 0x20; c < 0x7f; ++c) out[c] = c != '"' && c != '\\';
  return out;
}();

void append_escaped_byte(std::string& out, unsigned char c) {
  switch (c) {
    case '"':
      out.append("\\\"", 2);
      return;
    case '\\':
      out.append("\\\\", 2);
      return;
    case '\n':
      out.append("\\n", 2);
      return;
    case '\r':
      out.append("\\r", 2);
      return;
    case '\t':
      out.append("\\t", 2);
      return;
    default:
      break;
  }
  const char coded[] = {'\\', 'u', '0', '0', kHex[c >> 4], kHex[c & 15]};
  out.append(coded, sizeof coded);
}

// Bytes of the well-formed UTF-8 sequence at the start of `text` (Unicode standard, table 3-7), 0 when there is none.
// Only for a first byte beyond ASCII.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto is_tail = [&](std::size_t i) { return (byte(i) & 0xc0U) == 0x80U; };
  const unsigned first = byte(0);
  const unsigned second = byte(1);
  if (first >= 0xc2 && first <= 0xdf) return is_tail(1) ? 2 : 0;
  if ((first & 0xf0U) == 0xe0U) {
    const unsigned low = first == 0xe0 ? 0xa0 : 0x80;   // no overlong forms
    const unsigned high = first == 0xed ? 0x9f : 0xbf;  // no surrogates
    return second >= low && second <= high && is_tail(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const unsigned low = first == 0xf0 ? 0x90 : 0x80;
    const unsigned high = first == 0xf4 ? 0x8f : 0xbf;  // nothing past U+10FFFF
    return second >= low && second <= high && is_tail(2) && is_tail(3) ? 4 : 0;
  }
  return 0;
}

void append_text(std::string& out, std::string_view text) {
  while (!text.empty()) {
    std::size_t plain = 0;
    while (plain < text.size() && kPlain[static_cast<unsigned char>(text[plain])]) ++plain;
    out.append(text.data(), plain);
    text.remove_prefix(plain);
    if (text.empty()) return;
    const auto first = static_cast<unsigned char>(text.front());
    const std::size_t length = first < 0x80 ? 0 : utf8_length(text);
    const auto second = length == 2 ? static_cast<unsigned char>(text[1]) : 0U;
    if (first == 0xc2 && length == 2 && second < 0xa0) {
      // U+0080 to U+009F: control characters too, which some terminals obey.
      append_escaped_byte(out, static_cast<unsigned char>(second));
      text.remove_prefix(2);
    } else if (length > 0) {
      out.append(text.data(), length);
      text.remove_prefix(length);
    } else {
      append_escaped_byte(out, first);
      text.remove_prefix(1);
    }
  }
}

void append_member(std::string& out, std::string_view begin, std::string_view text) {
  out.append(begin);
  append_text(out, text);
  out.push_back('"');
}

void append_number(std::string& out, std::uint64_t n) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, n).ptr;
  out.append(digits, static_cast<std::size_t>(end - digits));
}

void put_digits(char* to, std::size_t width, std::uint64_t n) {
  for (std::size_t i = width; i-- > 0; n /= 10) to[i] = static_cast<char>('0' + n % 10);
}

// "2031-01-02T03:04:05" of the second that was formatted last; most lines share it with the line before.
struct Second {
  std::chrono::sys_seconds at = std::chrono::sys_seconds::min();
  char text[19] = {};
};

void format_second(Second& second, std::chrono::sys_seconds at) {
  second.at = at;
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const auto of_day = static_cast<std::uint64_t>((at - day).count());
  std::memcpy(second.text, "0000-00-00T00:00:00", sizeof second.text);
  put_digits(second.text, 4, static_cast<std::uint64_t>(static_cast<int>(date.year())));
  put_digits(second.text + 5, 2, static_cast<unsigned>(date.month()));
  put_digits(second.text + 8, 2, static_cast<unsigned>(date.day()));
  put_digits(second.text + 11, 2, of_day / 3600);
  put_digits(second.text + 14, 2, of_day / 60 % 60);
  put_digits(second.text + 17, 2, of_day % 60);
}

void append_time(std::string& out, std::chrono::sys_time<std::chrono::milliseconds> ts) {
  thread_local Second last;
  // Years 0 to 9999 only, as RFC 3339 has them; a clock that is further off is shown at the edge.
  constexpr std::chrono::sys_time<std::chrono::milliseconds> kFirst{std::chrono::milliseconds(-62'167'219'200'000)};
  constexpr std::chrono::sys_time<std::chrono::milliseconds> kLast{std::chrono::milliseconds(253'402'300'799'999)};
  ts = std::clamp(ts, kFirst, kLast);
  const auto second = std::chrono::floor<std::chrono::seconds>(ts);
  if (second != last.at) format_second(last, second);
  char text[24];
  std::memcpy(text, last.text, sizeof last.text);
  text[19] = '.';
  put_digits(text + 20, 3, static_cast<std::uint64_t>((ts - second).count()));
  text[23] = 'Z';
  out.append(text, sizeof text);
}

}  // namespace

void append_json_text(std::string& out, std::string_view text) {
  append_member(out, "\"", text);
}

void append_json_time(std::string& out, std::chrono::sys_time<std::chrono::milliseconds> ts) {
  out.push_back('"');
  append_time(out, ts);
  out.push_back('"');
}

void append_json(std::string& out, const AccessRecord& record) {
  out.append("{\"ts\":\"");
  append_time(out, record.ts);
  append_member(out, "\",\"client\":\"", record.client);
  append_member(out, ",\"method\":\"", record.method);
  append_member(out, ",\"url\":\"", record.url);
  out.append(",\"status\":");
  append_number(out, record.status);
  out.append(",\"bytes\":");
  append_number(out, record.bytes);
  append_member(out, ",\"result\":\"", record.result);
  out.append(",\"duration_ms\":");
  const auto micros = static_cast<std::uint64_t>(std::max<std::int64_t>(0, record.duration.count())) / 1000;
  append_number(out, micros / 1000);
  char fraction[4] = {'.'};
  put_digits(fraction + 1, 3, micros % 1000);
  out.append(fraction, sizeof fraction);
  append_member(out, ",\"origin\":\"", record.origin);
  if (!record.reason.empty()) append_member(out, ",\"reason\":\"", record.reason);
  if (!record.user_agent.empty()) append_member(out, ",\"user_agent\":\"", record.user_agent);
  if (!record.aborted.empty()) append_member(out, ",\"aborted\":\"", record.aborted);
  out.append("}\n");
}

}  // namespace larder::metrics
