#include "cache/http/structured.h"

#include <algorithm>

#include "cache/http/text.h"

// Each take_x below is the algorithm of its section: it takes an x from the front of `rest`, or fails and leaves
// anything in it.

namespace larder::http {
namespace {

using Kind = BareItem::Kind;

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

constexpr bool is_lower_alpha(char c) {
  return c >= 'a' && c <= 'z';
}

constexpr bool is_alpha(char c) {
  return is_lower_alpha(lower(c));
}

constexpr bool is_key_char(char c) {
  return is_lower_alpha(c) || is_digit(c) || c == '_' || c == '-' || c == '.' || c == '*';
}

constexpr bool is_base64(char c) {
  return is_alpha(c) || is_digit(c) || c == '+' || c == '/';
}

bool take(std::string_view& rest, char c) {
  if (rest.empty() || rest.front() != c) return false;
  rest.remove_prefix(1);
  return true;
}

// The longest run of such characters at the front, perhaps "".
template <class IsWanted>
std::string_view take_while(std::string_view& rest, IsWanted is_wanted) {
  const auto end = std::find_if_not(rest.begin(), rest.end(), is_wanted);
  const std::string_view taken = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
  rest.remove_prefix(taken.size());
  return taken;
}

void skip_spaces(std::string_view& rest) {  // SP alone
  take_while(rest, [](char c) { return c == ' '; });
}

void skip_blanks(std::string_view& rest) {  // OWS
  take_while(rest, [](char c) { return c == ' ' || c == '\t'; });
}

// Section 4.2.3.3. "" when there is none.
std::string_view take_key(std::string_view& rest) {
  if (rest.empty() || (!is_lower_alpha(rest.front()) && rest.front() != '*')) return {};
  return take_while(rest, is_key_char);
}

// Not more than 15 of them.
std::int64_t to_number(std::string_view digits) {
  std::int64_t n = 0;
  for (const char c : digits) n = n * 10 + (c - '0');
  return n;
}

// Section 4.2.4: an integer of up to 15 digits, or up to 12 with 1 to 3 decimals.
bool take_number(std::string_view& rest, BareItem& out) {
  constexpr std::size_t kMostDigits = 15, kMostBeforePoint = 12, kMostDecimals = 3;
  const int sign = take(rest, '-') ? -1 : 1;
  const std::string_view whole = take_while(rest, is_digit);
  if (whole.empty() || whole.size() > kMostDigits) return false;
  out.kind = Kind::Integer;
  out.number = sign * to_number(whole);
  if (!take(rest, '.')) return true;
  const std::string_view decimals = take_while(rest, is_digit);
  if (whole.size() > kMostBeforePoint || decimals.empty() || decimals.size() > kMostDecimals) return false;
  std::int64_t thousandths = to_number(decimals);
  for (std::size_t i = decimals.size(); i < kMostDecimals; ++i) thousandths *= 10;
  out.kind = Kind::Decimal;
  out.number = sign * (to_number(whole) * 1000 + thousandths);
  return true;
}

// Section 4.2.5.
bool take_string(std::string_view& rest, BareItem& out) {
  for (std::size_t i = 1; i < rest.size(); ++i) {
    const char c = rest[i];
    if (c == '"') {
      out.kind = Kind::String;
      out.text = rest.substr(1, i - 1);
      rest.remove_prefix(i + 1);
      return true;
    }
    if (c < 0x20 || c > 0x7e) return false;  // obs-text too, whether char has a sign or not
    if (c != '\\') continue;
    ++i;
    if (i == rest.size() || (rest[i] != '"' && rest[i] != '\\')) return false;
  }
  return false;
}

// Section 4.2.6. Its first character is known to be right.
bool take_token(std::string_view& rest, BareItem& out) {
  out.kind = Kind::Token;
  out.text = take_while(rest, [](char c) { return is_token_char(c) || c == ':' || c == '/'; });
  return true;
}

// Section 4.2.7: padding may be missing and pad bits may be set, but no base64 is one character longer than a multiple
// of four, and none has more padding than makes it one.
bool take_byte_sequence(std::string_view& rest) {
  if (!take(rest, ':')) return false;
  const std::size_t last_group = take_while(rest, is_base64).size() % 4;
  const std::size_t padding = take_while(rest, [](char c) { return c == '='; }).size();
  return last_group != 1 && padding <= (4 - last_group) % 4 && take(rest, ':');
}

// Section 4.2.8.
bool take_boolean(std::string_view& rest, BareItem& out) {
  if (!take(rest, '?')) return false;
  out.kind = Kind::Boolean;
  out.boolean = take(rest, '1');
  return out.boolean || take(rest, '0');
}

// Section 4.2.3.1.
bool take_bare_item(std::string_view& rest, BareItem& out) {
  out = {};
  if (rest.empty()) return false;
  const char c = rest.front();
  if (c == '-' || is_digit(c)) return take_number(rest, out);
  if (c == '"') return take_string(rest, out);
  if (c == ':') return take_byte_sequence(rest);
  if (c == '?') return take_boolean(rest, out);
  return (is_alpha(c) || c == '*') && take_token(rest, out);
}

// Section 4.2.3.2: none, or any number of them.
bool take_parameters(std::string_view& rest) {
  BareItem ignored;
  while (take(rest, ';')) {
    skip_spaces(rest);
    if (take_key(rest).empty() || (take(rest, '=') && !take_bare_item(rest, ignored))) return false;
  }
  return true;
}

// Section 4.2.1.2, but for the parameters of the list itself. Inner lists do not nest.
bool take_inner_list(std::string_view& rest) {
  BareItem ignored;
  if (!take(rest, '(')) return false;
  while (true) {
    skip_spaces(rest);
    if (take(rest, ')')) return true;
    if (!take_bare_item(rest, ignored) || !take_parameters(rest)) return false;
    if (rest.empty() || (rest.front() != ' ' && rest.front() != ')')) return false;
  }
}

}  // namespace

bool Dictionary::next() {
  if (malformed_ || (rest_.empty() && !open_line())) return false;
  malformed_ = !take_member();
  return !malformed_;
}

// Makes the next line of that name the current one. False: there is none, or the field is empty or malformed.
bool Dictionary::open_line() {
  const Field* line = find(fields_, name_);
  if (line == nullptr) return false;
  fields_ = fields_.subspan(static_cast<std::size_t>(line - fields_.data()) + 1);
  rest_ = trim(line->value);
  if (!rest_.empty()) return true;
  // An empty line is a dictionary only when it is the field's only one.
  malformed_ = !key_.empty() || find(fields_, name_) != nullptr;
  return false;
}

// Section 4.2.2: one turn of its loop. The end of a line stands for the comma that joins it to the next.
bool Dictionary::take_member() {
  key_ = take_key(rest_);
  if (key_.empty()) return false;
  item_ = {};
  if (!take(rest_, '=')) {
    item_.kind = Kind::Boolean;
    item_.boolean = true;
  } else if (rest_.starts_with('(')) {
    if (!take_inner_list(rest_)) return false;
  } else if (!take_bare_item(rest_, item_)) {
    return false;
  }
  if (!take_parameters(rest_)) return false;
  skip_blanks(rest_);
  if (rest_.empty()) return true;
  if (!take(rest_, ',')) return false;
  skip_blanks(rest_);
  return !rest_.empty();  // a comma behind the last member
}

}  // namespace larder::http
