#include "cache/policy/storable.h"

#include "cache/http/text.h"
#include "cache/http/uri.h"
#include "cache/policy/range.h"
#include "cache/policy/validation.h"
#include "cache/policy/vary.h"

namespace larder::policy {
namespace {

using http::FieldName;

constexpr StoreVerdict refuse(Reason reason) {
  return {false, reason};
}

// The statuses whose caching rules Larder knows and follows (RFC 9111 section 5.2.2.3): all final ones of RFC 9110 that
// may be stored at all.
bool is_understood(unsigned status) {
  return !http::reason_phrase(status).empty();
}

// Answers to this one request or connection rather than to what the URI names: another request must not get them. 428,
// 429, 431 and 511 must not be stored by RFC 6585; 412, 416 and 417 answer fields that are no part of the key; 407,
// 408, 421, 425 and 426 are about the connection and the client on it.
bool answers_one_request(unsigned status) {
  switch (status) {
    case 407:
    case 408:
    case 412:
    case 416:
    case 417:
    case 421:
    case 425:
    case 426:
    case 428:
    case 429:
    case 431:
    case 511:
      return true;
    default:
      return false;
  }
}

// Errors that a hostile request may provoke for a URI that is fine for others ("CPDoS"). RFC 9110 section 15.1 lets 414
// and 501 be kept on a guess all the same; that is done only where the request could not have caused them.
bool is_provokable_error(unsigned status) {
  return status == 400 || status == 413 || status == 414 || status >= 500;
}

// A request with more than the key in it that may make an origin fail: so many bytes of fields that an origin's limit
// may be near, or an expectation.
bool is_odd(const http::RequestHead& request) {
  constexpr std::size_t kPlainBytes = 4096;
  std::size_t bytes = 0;
  for (const http::Field& field : request.fields) bytes += field.name.size() + field.value.size();
  return bytes > kPlainBytes || http::has(request.fields, FieldName::Expect);
}

// Fields by which many origins let a request pass for another one: of another host, path or method. Whoever sends one
// must not fix what comes back on a URL for everybody ("web cache poisoning"), unless the origin says by Vary that it
// answers by that field.
bool has_unkeyed_field(const http::RequestHead& request, const http::ResponseHead& response) {
  constexpr std::string_view kNames[] = {
      "Forwarded",
      "X-Forwarded-Host",
      "X-Forwarded-Proto",
      "X-Forwarded-Scheme",
      "X-Forwarded-Port",
      "X-Forwarded-Server",
      "X-Forwarded-Prefix",
      "X-Host",
      "X-HTTP-Host-Override",
      "X-Original-URL",
      "X-Rewrite-URL",
      "X-Original-Host",
      "X-HTTP-Method",
      "X-HTTP-Method-Override",
      "X-Method-Override",
  };
  for (const http::Field& field : request.fields) {
    if (field.id != FieldName::Other || field.name.size() < 6) continue;
    if (http::lower(field.name.front()) != 'x' && http::lower(field.name.front()) != 'f') continue;
    if (http::equals_ignoring_case(field.value, "http"))
      continue;  // -Proto and -Scheme of an honest gateway: the truth
    for (const std::string_view name : kNames) {
      if (!http::equals_ignoring_case(field.name, name)) continue;
      if (!http::list_contains(response.fields, FieldName::Vary, name)) return true;
    }
  }
  return false;
}

Reason status_forbids(unsigned status, const http::ResponseDirectives& said) {
  if (status < 200) return Reason::NotFinal;
  if (status > 599) return Reason::StatusNotStorable;  // no status of HTTP (RFC 9110 section 15)
  if (status == 304) return Reason::NotModifiedForClient;
  if (answers_one_request(status)) return Reason::StatusNotStorable;
  if (said.must_understand && !is_understood(status)) return Reason::StatusNotUnderstood;
  return Reason::None;
}

// RFC 9111 section 3: what the two sides say against it.
Reason directives_forbid(const http::RequestHead& request, const http::ResponseHead& response,
                         const http::ResponseDirectives& said) {
  // With must-understand, no-store is meant for caches that do not understand the status (section 5.2.2.3).
  if (said.no_store && !said.must_understand) return Reason::NoStore;
  // private="..." forbids only the listed fields; Larder keeps a response whole or not at all.
  if (said.is_private || !said.private_fields.empty()) return Reason::Private;
  const bool shared_anyway = said.is_public || said.must_revalidate || said.s_maxage.has_value();
  if (http::has(request.fields, FieldName::Authorization) && !shared_anyway) return Reason::Authorization;
  if (varies_on_everything(response.fields)) return Reason::VaryStar;
  if (has_unkeyed_field(request, response)) return Reason::UnkeyedField;
  return Reason::None;
}

bool is_explicit(LifetimeSource source) {
  return source == LifetimeSource::SMaxage || source == LifetimeSource::MaxAge || source == LifetimeSource::Expires;
}

// Said by the origin, or by the operator in its place.
bool is_said(LifetimeSource source) {
  return is_explicit(source) || source == LifetimeSource::Configured;
}

// RFC 9110 section 9.3.3: the response to a POST may answer a later GET when it says for how long, and that it is a
// representation of the very URI that was asked.
bool is_reusable_post(const http::RequestHead& request, const http::ResponseHead& response, const Meta& meta) {
  if (response.status != 200 || !is_explicit(meta.source)) return false;
  const auto target = http::parse_absolute(request.target);
  const auto location = http::value_of(response.fields, FieldName::ContentLocation);
  if (!target || !location || http::count(response.fields, FieldName::ContentLocation) != 1) return false;
  const auto resolved = http::resolve_reference(*target, *location);
  const auto named = resolved ? http::parse_absolute(*resolved) : std::nullopt;
  if (!named) return false;
  std::string key;
  std::string named_key;
  http::append_normalised(key, *target);
  http::append_normalised(named_key, *named);
  return key == named_key;
}

bool is_some(const std::optional<http::Seconds>& s) {
  return s && *s > http::Seconds(0);
}

// Where nobody said how long, or for whom, a response is kept only when its status allows a guess (section 3) and none
// of the dangers of guessing is in sight: a provoked error, or a cookie that was meant for one client.
bool may_guess(const http::RequestHead& request, const http::ResponseHead& response) {
  return is_heuristically_cacheable(response.status) && !http::has(response.fields, FieldName::SetCookie) &&
         (!is_provokable_error(response.status) || !is_odd(request));
}

// Whether keeping it can ever save anything: it is fresh for a while, may be served stale, or can be validated. With no
// lifetime given, only a 200 is worth a question to the origin at each use: conditions are evaluated for no other
// status (RFC 9110 section 13.2.1).
bool is_worth_storing(const http::RequestHead& request, const http::ResponseHead& response,
                      const http::ResponseDirectives& said, const Meta& meta) {
  // The operator's lifetime says nothing of whom a cookie is for.
  const bool is_guarded = meta.source == LifetimeSource::Configured && http::has(response.fields, FieldName::SetCookie);
  const bool is_provoked = meta.source == LifetimeSource::Configured && response.status >= 400 && is_odd(request);
  if (is_provoked) return false;
  const bool has_lifetime = is_said(meta.source) && !is_guarded;
  if (!has_lifetime && !said.is_public && !may_guess(request, response)) return false;
  const bool can_validate = (has_lifetime || response.status == 200) && validators(response.fields).any();
  if (meta.no_cache) return can_validate;
  return can_validate || meta.freshness_lifetime > http::Seconds(0) || is_some(said.stale_while_revalidate) ||
         is_some(said.stale_if_error);
}

bool is_too_large(http::FieldSpan fields, const Rules& rules) {
  const auto text = http::value_of(fields, FieldName::ContentLength);
  if (!text) return false;
  const auto length = http::parse_digits(*text);
  return length && *length > rules.max_object;
}

}  // namespace

StoreVerdict storable(const http::RequestHead& request, const http::RequestDirectives& asked, bool has_body,
                      const http::ResponseHead& response, const http::ResponseDirectives& said, const Meta& meta,
                      const Rules& rules) {
  const bool is_post = request.method == http::Method::Post && is_reusable_post(request, response, meta);
  if (request.method != http::Method::Get && !is_post) return refuse(Reason::MethodNotStorable);
  if (has_body && !is_post) return refuse(Reason::RequestBody);
  if (asked.no_store) return refuse(Reason::RequestNoStore);
  if (const Reason r = status_forbids(response.status, said); r != Reason::None) return refuse(r);
  if (response.status == 206 && !single_part(206, response.fields)) return refuse(Reason::Partial);
  if (const Reason r = directives_forbid(request, response, said); r != Reason::None) return refuse(r);
  if (!is_worth_storing(request, response, said, meta)) return refuse(Reason::NoFreshness);
  if (is_too_large(response.fields, rules)) return refuse(Reason::TooLarge);
  return {true, Reason::Stored};
}

bool ends_stored(Reason reason, unsigned status) {
  const bool is_of_resource = (status >= 200 && status < 400 && status != 206) || status == 404 || status == 410;
  switch (reason) {
    case Reason::NoStore:
    case Reason::Private:
    case Reason::VaryStar:
    case Reason::NoFreshness:
      return is_of_resource;
    default:
      return false;
  }
}

}  // namespace larder::policy
