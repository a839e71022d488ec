#include "cache/policy/meta.h"

#include <algorithm>

namespace larder::policy {
namespace {

using http::FieldName;
using http::kMaxDelta;
using http::Seconds;
using http::Time;

// later - earlier, never negative (clocks differ and step back) and never more than kMaxDelta.
Seconds elapsed(Time later, Time earlier) {
  if (later <= earlier) return Seconds(0);
  Seconds::rep difference;
  if (__builtin_sub_overflow(later.time_since_epoch().count(), earlier.time_since_epoch().count(), &difference)) {
    return kMaxDelta;
  }
  return std::min(Seconds(difference), kMaxDelta);
}

Seconds bounded(Seconds s) {
  return std::clamp(s, Seconds(0), kMaxDelta);
}

std::optional<Time> date_field(http::FieldSpan fields, FieldName id, Time now) {
  const auto text = http::value_of(fields, id);
  return text ? http::parse_date(*text, now) : std::nullopt;
}

// RFC 9111 section 5.1: of a list the first member counts; what is no delta-seconds is ignored.
Seconds read_age(http::FieldSpan fields) {
  http::MemberIterator m(fields, FieldName::Age);
  return m.next() ? http::parse_delta_seconds(m.member()).value_or(Seconds(0)) : Seconds(0);
}

// Section 5.3: what is no date ("0" above all) has already expired; so have two that disagree (section 4.2.1).
Seconds lifetime_by_expires(http::FieldSpan fields, const Meta& meta) {
  const http::Field* first = http::find(fields, FieldName::Expires);
  for (const http::Field& field : fields) {
    if (field.id == FieldName::Expires && field.value != first->value) return Seconds(0);
  }
  const auto expires = http::parse_date(first->value, meta.response_time);
  return expires ? elapsed(*expires, meta.date_value) : Seconds(0);
}

// Section 4.2.2. nullopt: no heuristic applies.
std::optional<Seconds> lifetime_by_heuristic(const http::ResponseHead& response,
                                             const http::ResponseDirectives& directives, const Meta& meta,
                                             const Rules& rules) {
  if (!directives.is_public && !is_heuristically_cacheable(response.status)) return std::nullopt;
  const auto last_modified = date_field(response.fields, FieldName::LastModified, meta.response_time);
  if (!last_modified || *last_modified > meta.date_value) return std::nullopt;
  const Seconds unchanged = elapsed(meta.date_value, *last_modified);
  return std::min(bounded(unchanged * Seconds::rep{rules.heuristic_percent} / 100), bounded(rules.heuristic_max));
}

// What the operator says of errors that say nothing.
std::optional<Seconds> lifetime_of_error(unsigned status, const Rules& rules) {
  Seconds lifetime{0};
  if (status == 404 || status == 410) lifetime = rules.not_found_lifetime;
  if (is_origin_error(status)) lifetime = rules.server_error_lifetime;
  return lifetime > Seconds(0) ? std::optional(bounded(lifetime)) : std::nullopt;
}

std::optional<Seconds> said_or(const std::optional<Seconds>& said, Seconds otherwise) {
  if (said || otherwise <= Seconds(0)) return said;
  return bounded(otherwise);
}

}  // namespace

Meta describe(const http::ResponseHead& response, const http::ResponseDirectives& directives, Time request_time,
              Time response_time, const Rules& rules) {
  Meta meta;
  meta.request_time = request_time;
  meta.response_time = response_time;
  meta.date_value = date_field(response.fields, FieldName::Date, response_time).value_or(response_time);
  meta.age_value = read_age(response.fields);
  // A qualified no-cache="..." is obeyed as an unqualified one: stricter, and allowed (section 5.2.2.4).
  meta.no_cache = directives.no_cache || !directives.no_cache_fields.empty();
  meta.must_revalidate = directives.must_revalidate || directives.proxy_revalidate || directives.s_maxage.has_value();
  meta.immutable = directives.immutable;
  meta.stale_while_revalidate = said_or(directives.stale_while_revalidate, rules.stale_while_revalidate);
  meta.stale_if_error = said_or(directives.stale_if_error, rules.stale_if_error);

  // Section 4.2.1: the first of these that is there decides, even with 0.
  if (directives.s_maxage) {
    meta.source = LifetimeSource::SMaxage;
    meta.freshness_lifetime = *directives.s_maxage;
  } else if (directives.max_age) {
    meta.source = LifetimeSource::MaxAge;
    meta.freshness_lifetime = *directives.max_age;
  } else if (http::has(response.fields, FieldName::Expires)) {
    meta.source = LifetimeSource::Expires;
    meta.freshness_lifetime = lifetime_by_expires(response.fields, meta);
  } else if (const auto configured = lifetime_of_error(response.status, rules)) {
    meta.source = LifetimeSource::Configured;
    meta.freshness_lifetime = *configured;
  } else if (const auto guess = lifetime_by_heuristic(response, directives, meta, rules)) {
    meta.source = LifetimeSource::Heuristic;
    meta.freshness_lifetime = *guess;
  }
  return meta;
}

Seconds current_age(const Meta& meta, Time now) {
  const Seconds apparent_age = elapsed(meta.response_time, meta.date_value);
  const Seconds response_delay = elapsed(meta.response_time, meta.request_time);
  const Seconds corrected_age_value = bounded(meta.age_value) + response_delay;
  const Seconds corrected_initial_age = std::max(apparent_age, corrected_age_value);
  const Seconds resident_time = elapsed(now, meta.response_time);
  return std::min(corrected_initial_age + resident_time, kMaxDelta);
}

Seconds ttl(const Meta& meta, Time now) {
  return meta.freshness_lifetime - current_age(meta, now);
}

bool is_heuristically_cacheable(unsigned status) {
  switch (status) {
    case 200:
    case 203:
    case 204:
    case 206:
    case 300:
    case 301:
    case 308:
    case 404:
    case 405:
    case 410:
    case 414:
    case 501:
      return true;
    default:
      return false;
  }
}

}  // namespace larder::policy
