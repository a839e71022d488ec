#include "cache/http/date.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace larder::http {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 7> kLongDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                       "Thursday", "Friday", "Saturday"};

// What a date says before it is known to exist.
struct Parts {
  int year = 0;
  unsigned month = 0, day = 0, hour = 0, minute = 0, second = 0;
  bool operator==(const Parts&) const = default;
};

// Reads a date from left to right; the first thing that is not as expected makes all that follows fail.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  void literal(std::string_view expected) {
    if (!rest_.starts_with(expected)) return fail();
    rest_.remove_prefix(expected.size());
  }

  unsigned digits(std::size_t n) {
    if (rest_.size() < n) return fail(), 0;
    unsigned value = 0;
    for (const char c : rest_.substr(0, n)) {
      if (c < '0' || c > '9') return fail(), 0;
      value = value * 10 + static_cast<unsigned>(c - '0');
    }
    rest_.remove_prefix(n);
    return value;
  }

  // The position in `words` of the word at the front. Names are case-sensitive (RFC 9110 section 5.6.7).
  template <std::size_t N>
  unsigned word(const std::array<std::string_view, N>& words) {
    for (unsigned i = 0; i < N; ++i) {
      if (!rest_.starts_with(words[i])) continue;
      rest_.remove_prefix(words[i].size());
      return i;
    }
    fail();
    return 0;
  }

  unsigned month() { return word(kMonths) + 1; }

  void time_of_day(Parts& parts) {
    parts.hour = digits(2);
    literal(":");
    parts.minute = digits(2);
    literal(":");
    parts.second = digits(2);
  }

  // asctime's day: two digits, or a space and one.
  unsigned padded_day() {
    if (!rest_.starts_with(' ')) return digits(2);
    literal(" ");
    return digits(1);
  }

  [[nodiscard]] bool is_done() const { return ok_ && rest_.empty(); }

 private:
  void fail() {
    ok_ = false;
    rest_ = {};
  }

  std::string_view rest_;
  bool ok_ = true;
};

Parts parts_of(Time time) {
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return {static_cast<int>(date.year()),
          static_cast<unsigned>(date.month()),
          static_cast<unsigned>(date.day()),
          static_cast<unsigned>(clock.hours().count()),
          static_cast<unsigned>(clock.minutes().count()),
          static_cast<unsigned>(clock.seconds().count())};
}

std::optional<Time> to_time(const Parts& p) {
  const std::chrono::year_month_day date{std::chrono::year(p.year), std::chrono::month(p.month),
                                         std::chrono::day(p.day)};
  // Second 60 is a leap second (the grammar allows it); it becomes the first of the next minute.
  if (!date.ok() || p.hour > 23 || p.minute > 59 || p.second > 60) return std::nullopt;
  return std::chrono::sys_days(date) + hours(p.hour) + minutes(p.minute) + Seconds(p.second);
}

constexpr Time kFirst = std::chrono::sys_days(std::chrono::year(0) / 1 / 1);
constexpr Time kLast = std::chrono::sys_days(std::chrono::year(9999) / 12 / 31) + Seconds(86399);

// A two-digit year is the latest one that is at most 50 years ahead (RFC 9110 section 5.6.7).
void expand_year(Parts& p, Time now) {
  Parts limit = parts_of(std::clamp(now, kFirst, kLast));
  limit.year += 50;
  const int century = limit.year - limit.year % 100;
  p.year += century;
  const auto key = [](const Parts& x) { return std::tie(x.year, x.month, x.day, x.hour, x.minute, x.second); };
  if (key(p) > key(limit)) p.year -= 100;
}

std::optional<Time> parse_imf(std::string_view text) {
  Reader r(text);
  Parts p;
  r.word(kDays);
  r.literal(", ");
  p.day = r.digits(2);
  r.literal(" ");
  p.month = r.month();
  r.literal(" ");
  p.year = static_cast<int>(r.digits(4));
  r.literal(" ");
  r.time_of_day(p);
  r.literal(" GMT");
  return r.is_done() ? to_time(p) : std::nullopt;
}

std::optional<Time> parse_rfc850(std::string_view text, Time now) {
  Reader r(text);
  Parts p;
  r.word(kLongDays);
  r.literal(", ");
  p.day = r.digits(2);
  r.literal("-");
  p.month = r.month();
  r.literal("-");
  p.year = static_cast<int>(r.digits(2));
  r.literal(" ");
  r.time_of_day(p);
  r.literal(" GMT");
  if (!r.is_done()) return std::nullopt;
  expand_year(p, now);
  return to_time(p);
}

std::optional<Time> parse_asctime(std::string_view text) {
  Reader r(text);
  Parts p;
  r.word(kDays);
  r.literal(" ");
  p.month = r.month();
  r.literal(" ");
  p.day = r.padded_day();
  r.literal(" ");
  r.time_of_day(p);
  r.literal(" ");
  p.year = static_cast<int>(r.digits(4));
  return r.is_done() ? to_time(p) : std::nullopt;
}

void append_padded(std::string& out, unsigned value, unsigned width) {
  for (unsigned unit = width == 4 ? 1000 : 10; unit != 0; unit /= 10) {
    out.push_back(static_cast<char>('0' + value / unit % 10));
  }
}

}  // namespace

std::optional<Time> parse_date(std::string_view text, Time now) {
  if (text.size() < 24) return std::nullopt;  // the shortest form is asctime's
  if (text[3] == ',') return parse_imf(text);
  if (text[3] == ' ') return parse_asctime(text);
  return parse_rfc850(text, now);
}

void append_date(std::string& out, Time time) {
  time = std::clamp(time, kFirst, kLast);
  const Parts p = parts_of(time);
  const std::chrono::weekday weekday(std::chrono::floor<days>(time));
  out.append(kDays[weekday.c_encoding()]).append(", ");
  append_padded(out, p.day, 2);
  out.append(" ").append(kMonths[p.month - 1]).append(" ");
  append_padded(out, static_cast<unsigned>(p.year), 4);
  out.append(" ");
  append_padded(out, p.hour, 2);
  out.append(":");
  append_padded(out, p.minute, 2);
  out.append(":");
  append_padded(out, p.second, 2);
  out.append(" GMT");
}

}  // namespace larder::http
