#include "cache/http/directives.h"

#include <algorithm>
#include <ostream>
#include <utility>

#include "cache/http/text.h"

namespace larder::http {
namespace {

// One member of Cache-Control (RFC 9111 section 5.2), argument without its quotes.
struct Directive {
  std::string_view name;
  std::string_view argument;
  bool has_argument = false;
};

Directive read_directive(std::string_view member) {
  const std::size_t equals = member.find('=');
  if (equals == std::string_view::npos) return {member, {}, false};
  // No blank may stand around "="; where one does, the name is still understood, so that no restriction is lost, but
  // the argument keeps its blank and is refused as a number.
  std::string_view argument = member.substr(equals + 1);
  if (argument.size() >= 2 && argument.front() == '"' && argument.back() == '"') {
    argument = argument.substr(1, argument.size() - 2);
  }
  std::string_view name = member.substr(0, equals);
  if (!name.empty() && trim(name).size() != name.size()) argument = " ";
  return {trim(name), argument, true};
}

// The smaller of what was said before and now; what cannot be read counts as 0.
void keep_smaller(std::optional<Seconds>& kept, const Directive& d) {
  const Seconds said = parse_delta_seconds(d.argument).value_or(Seconds(0));
  kept = kept ? std::min(*kept, said) : said;
}

void keep_larger(std::optional<Seconds>& kept, const Directive& d) {
  const auto said = parse_delta_seconds(d.argument);
  if (said) kept = kept ? std::max(*kept, *said) : *said;
}

// no-cache and private: with a list of field names they say less, so a bare one given beside wins. Of two lists the
// first is kept; no part of Larder relies on a list being whole.
void qualified(const Directive& d, bool& unqualified, std::string_view& list) {
  if (trim(d.argument).empty()) {
    unqualified = true;
  } else if (list.empty()) {
    list = d.argument;
  }
}

bool is(const Directive& d, std::string_view name) {
  return equals_ignoring_case(d.name, name);
}

void take(RequestDirectives& out, const Directive& d) {
  switch (d.name.size()) {
    case 7:
      if (is(d, "max-age")) keep_smaller(out.max_age, d);
      break;
    case 8:
      if (is(d, "no-cache")) out.no_cache = true;
      if (is(d, "no-store")) out.no_store = true;
      break;
    case 9:
      if (is(d, "min-fresh")) keep_larger(out.min_fresh, d);
      if (!is(d, "max-stale")) break;
      if (d.has_argument) keep_smaller(out.max_stale, d);
      if (!d.has_argument) out.max_stale_any = true;
      break;
    case 12:
      if (is(d, "no-transform")) out.no_transform = true;
      break;
    case 14:
      if (is(d, "only-if-cached")) out.only_if_cached = true;
      if (is(d, "stale-if-error")) keep_smaller(out.stale_if_error, d);
      break;
    default:
      break;
  }
}

// What forbids is obeyed even with a stray argument; what permits (public, must-understand, immutable) is not.
void take(ResponseDirectives& out, const Directive& d) {
  switch (d.name.size()) {
    case 6:
      if (is(d, "public") && !d.has_argument) out.is_public = true;
      break;
    case 7:
      if (is(d, "max-age")) keep_smaller(out.max_age, d);
      if (is(d, "private")) qualified(d, out.is_private, out.private_fields);
      break;
    case 8:
      if (is(d, "no-cache")) qualified(d, out.no_cache, out.no_cache_fields);
      if (is(d, "no-store")) out.no_store = true;
      if (is(d, "s-maxage")) keep_smaller(out.s_maxage, d);
      break;
    case 9:
      if (is(d, "immutable") && !d.has_argument) out.immutable = true;
      break;
    case 12:
      if (is(d, "no-transform")) out.no_transform = true;
      break;
    case 14:
      if (is(d, "stale-if-error")) keep_smaller(out.stale_if_error, d);
      break;
    case 15:
      if (is(d, "must-revalidate")) out.must_revalidate = true;
      if (is(d, "must-understand") && !d.has_argument) out.must_understand = true;
      break;
    case 16:
      if (is(d, "proxy-revalidate")) out.proxy_revalidate = true;
      break;
    case 22:
      if (is(d, "stale-while-revalidate")) keep_smaller(out.stale_while_revalidate, d);
      break;
    default:
      break;
  }
}

// Prints the directives that were said, separated by ", ".
class Printer {
 public:
  explicit Printer(std::ostream& out) : out_(out) {}
  void flag(bool said, std::string_view name) {
    if (said) out_ << between() << name;
  }
  void delta(const std::optional<Seconds>& said, std::string_view name) {
    if (said) out_ << between() << name << '=' << said->count();
  }
  void list(std::string_view said, std::string_view name) {
    if (!said.empty()) out_ << between() << name << "=\"" << said << '"';
  }

 private:
  std::string_view between() { return std::exchange(separator_, ", "); }

  std::ostream& out_;
  std::string_view separator_;
};

}  // namespace

std::optional<Seconds> parse_delta_seconds(std::string_view text) {
  if (text.empty()) return std::nullopt;
  Seconds::rep n = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    n = std::min(n * 10 + (c - '0'), kMaxDelta.count());
  }
  return Seconds(n);
}

RequestDirectives parse_request_directives(FieldSpan fields) {
  RequestDirectives out;
  bool said = false;
  bool pragma = false;
  for (const Field& field : fields) {
    if (field.id == FieldName::Pragma) pragma = true;
    if (field.id != FieldName::CacheControl) continue;
    said = true;
    for (MemberIterator m(field.value); m.next();) take(out, read_directive(m.member()));
  }
  // A max-stale with a limit is the stricter one of the two.
  if (out.max_stale) out.max_stale_any = false;
  if (pragma && !said) out.no_cache = list_contains(fields, FieldName::Pragma, "no-cache");
  return out;
}

ResponseDirectives parse_response_directives(FieldSpan fields) {
  ResponseDirectives out;
  for (const Field& field : fields) {
    if (field.id != FieldName::CacheControl) continue;
    for (MemberIterator m(field.value); m.next();) take(out, read_directive(m.member()));
  }
  return out;
}

std::ostream& operator<<(std::ostream& out, const RequestDirectives& d) {
  Printer p(out);
  p.delta(d.max_age, "max-age");
  p.delta(d.max_stale, "max-stale");
  p.flag(d.max_stale_any, "max-stale");
  p.delta(d.min_fresh, "min-fresh");
  p.delta(d.stale_if_error, "stale-if-error");
  p.flag(d.no_cache, "no-cache");
  p.flag(d.no_store, "no-store");
  p.flag(d.no_transform, "no-transform");
  p.flag(d.only_if_cached, "only-if-cached");
  return out;
}

std::ostream& operator<<(std::ostream& out, const ResponseDirectives& d) {
  Printer p(out);
  p.delta(d.max_age, "max-age");
  p.delta(d.s_maxage, "s-maxage");
  p.delta(d.stale_while_revalidate, "stale-while-revalidate");
  p.delta(d.stale_if_error, "stale-if-error");
  p.flag(d.no_cache, "no-cache");
  p.flag(d.no_store, "no-store");
  p.flag(d.is_private, "private");
  p.flag(d.is_public, "public");
  p.flag(d.must_revalidate, "must-revalidate");
  p.flag(d.proxy_revalidate, "proxy-revalidate");
  p.flag(d.must_understand, "must-understand");
  p.flag(d.no_transform, "no-transform");
  p.flag(d.immutable, "immutable");
  p.list(d.no_cache_fields, "no-cache");
  p.list(d.private_fields, "private");
  return out;
}

}  // namespace larder::http
