// A reference for tests: a shared cache of one URI as RFC 9111 describes it, rule by rule, with no regard to speed and
// without a line of cache/. Its input is structured: what a message means, not how it is spelled. Section numbers are
// those of RFC 9111 where no other RFC is named.
//
// The RFC mostly says what a cache must not do. So the model has two kinds of answers: what is forbidden (with the
// section that forbids it) and, named ought_*, what any cache worth its name does. Between the two a cache is free.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace larder::rfc9111 {

using Instant = std::int64_t;  // seconds since 1970-01-01 UTC
using Delta = std::int64_t;    // seconds

inline constexpr Delta kLargestDelta = 2147483648;  // section 1.2.2
inline constexpr Delta kLongestHeuristic = 86400;   // Larder's promise; the RFC suggests only the tenth
inline constexpr Delta kPartOfUnchanged = 10;       // section 4.2.2: "a typical setting ... might be 10 %"
inline constexpr int kHighestWeight = 1000;         // RFC 9110 section 12.4.2, in thousandths
using Languages = std::map<int, int>;               // Accept-Language: a language's number -> its weight

enum class Method : std::uint8_t { Get, Head, Post, Delete, Unknown };

// Which URI is asked for: the one of this cache, another one of its origin, or one of another origin.
enum class Target : std::uint8_t { Own, Sibling, Foreign };

struct Tag {
  int opaque = 0;
  bool weak = false;
};

// RFC 9110 section 8.8.3.2.
inline bool is_strongly_equal(const Tag& a, const Tag& b) {
  return !a.weak && !b.weak && a.opaque == b.opaque;
}
inline bool is_weakly_equal(const Tag& a, const Tag& b) {
  return a.opaque == b.opaque;
}

struct Request {
  Method method = Method::Get;
  Target target = Target::Own;
  std::optional<Delta> max_age, max_stale, min_fresh, stale_if_error;
  bool max_stale_any = false;
  bool no_cache = false;
  bool no_store = false;
  bool only_if_cached = false;
  bool pragma_no_cache = false;
  bool authorization = false;
  std::optional<Languages> languages;
  int agent = 0;  // User-Agent; 0: none
  bool if_none_match_any = false;
  std::vector<Tag> if_none_match;
  std::optional<Instant> if_modified_since;

  [[nodiscard]] bool has_cache_control() const {
    return max_age || max_stale || min_fresh || stale_if_error || max_stale_any || no_cache || no_store ||
           only_if_cached;
  }
};

struct Response {
  int status = 200;
  std::optional<Delta> max_age, s_maxage, stale_while_revalidate, stale_if_error;
  bool no_cache = false, no_cache_fields = false;  // unqualified, qualified
  bool is_private = false, private_fields = false;
  bool no_store = false;
  bool is_public = false;
  bool must_revalidate = false;
  bool proxy_revalidate = false;
  bool must_understand = false;
  bool immutable = false;
  bool invalid_expires = false;  // an Expires that is no date
  std::optional<Instant> expires, date, last_modified;
  std::optional<Delta> age;
  std::optional<Tag> etag;
  bool vary_all = false, vary_language = false, vary_agent = false;
  std::optional<int> content_language;
  bool set_cookie = false;
  bool location = false, content_location = false;  // both name this cache's URI

  [[nodiscard]] bool has_cache_control() const {
    return max_age || s_maxage || stale_while_revalidate || stale_if_error || no_cache || no_cache_fields ||
           is_private || private_fields || no_store || is_public || must_revalidate || proxy_revalidate ||
           must_understand || immutable;
  }
  [[nodiscard]] bool has_vary() const { return vary_all || vary_language || vary_agent; }
  [[nodiscard]] bool has_validator() const { return etag || last_modified; }
};

// A stored response with what must be known of how it came.
struct Stored {
  Response response;
  std::vector<Request> requests;  // the one that brought it, then those whose validation renewed it
  Instant request_time = 0, response_time = 0;
  bool invalidated = false;  // section 4.4
  bool superseded = false;   // a 304 updated it (section 3.2): there is a newer form of it
};

// --- section 4.2: freshness ---

inline Instant date_value(const Stored& stored) {
  return stored.response.date.value_or(stored.response_time);  // RFC 9110 section 6.6.1
}

inline bool has_explicit_lifetime(const Response& r) {
  return r.s_maxage || r.max_age || r.expires || r.invalid_expires;
}

// RFC 9110 section 15.1.
inline bool is_heuristically_cacheable(int status) {
  const std::vector<int> statuses = {200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501};
  return std::find(statuses.begin(), statuses.end(), status) != statuses.end();
}

// Section 4.2.1, for a shared cache; heuristics by section 4.2.2.
inline Delta freshness_lifetime(const Stored& stored) {
  const Response& r = stored.response;
  if (r.s_maxage) return std::min(*r.s_maxage, kLargestDelta);
  if (r.max_age) return std::min(*r.max_age, kLargestDelta);
  if (r.invalid_expires) return 0;
  if (r.expires) return std::clamp<Delta>(*r.expires - date_value(stored), 0, kLargestDelta);
  if (!is_heuristically_cacheable(r.status) && !r.is_public) return 0;
  if (!r.last_modified || *r.last_modified > date_value(stored)) return 0;
  return std::min((date_value(stored) - *r.last_modified) / kPartOfUnchanged, kLongestHeuristic);
}

// Section 4.2.3.
inline Delta current_age(const Stored& stored, Instant now) {
  const Delta apparent_age = std::max<Delta>(0, stored.response_time - date_value(stored));
  const Delta response_delay = stored.response_time - stored.request_time;
  const Delta corrected_age_value = stored.response.age.value_or(0) + response_delay;
  const Delta corrected_initial_age = std::max(apparent_age, corrected_age_value);
  const Delta resident_time = now - stored.response_time;
  return std::min(corrected_initial_age + resident_time, kLargestDelta);
}

inline bool is_fresh(const Stored& stored, Instant now) {
  return freshness_lifetime(stored) > current_age(stored, now);
}

// --- section 3: storing ---

// Those of RFC 9110 that a response of these tests may have.
inline bool is_understood(int status) {
  const std::vector<int> statuses = {200, 203, 204, 301, 302, 307, 404, 410, 500, 503};
  return std::find(statuses.begin(), statuses.end(), status) != statuses.end();
}

// The section that forbids to store the response; null when none does.
inline const char* forbids_storing(const Request& request, const Response& response) {
  const bool understood = is_understood(response.status);
  if (request.method != Method::Get && request.method != Method::Post) return "3: the method";
  if (request.target != Target::Own) return "2: another URI";
  if (response.status < 200) return "3: not final";
  if (response.status == 304) return "3: a 304 only updates";
  if (response.status == 429) return "RFC 6585 4";
  if (response.must_understand && !understood) return "5.2.2.3: must-understand";
  if (response.no_store && !response.must_understand) return "5.2.2.5: no-store";
  if (request.no_store) return "5.2.1.5: no-store of the request";
  if (response.is_private) return "5.2.2.7: private";
  if (response.private_fields) return "5.2.2.7: private, with fields that must not be stored";
  const bool shared_anyway = response.must_revalidate || response.is_public || response.s_maxage;
  if (request.authorization && !shared_anyway) return "3.5: Authorization";
  const bool grounds =
      response.is_public || has_explicit_lifetime(response) || is_heuristically_cacheable(response.status);
  return grounds ? nullptr : "3: nothing that allows it";
}

// It is certain to be useful: fresh for a time that the origin gave, and some request is known to match.
inline bool ought_to_store(const Stored& stored) {
  const Response& response = stored.response;
  const Request& request = stored.requests.back();
  if (request.method != Method::Get || forbids_storing(request, response) != nullptr || response.vary_all) return false;
  if ((response.no_cache || response.no_cache_fields) && !response.has_validator()) return false;
  return has_explicit_lifetime(response) && is_fresh(stored, stored.response_time);
}

// --- section 4: constructing responses from caches ---

// Section 4.1, for one of the requests that a stored response has answered.
inline bool selects(const Response& response, const Request& original, const Request& request) {
  return !response.vary_all && (!response.vary_language || original.languages == request.languages) &&
         (!response.vary_agent || original.agent == request.agent);
}

// A validation tells that the stored response is the one for its request, too.
inline bool selects(const Stored& stored, const Request& request) {
  return std::any_of(stored.requests.begin(), stored.requests.end(),
                     [&](const Request& original) { return selects(stored.response, original, request); });
}

// The same whichever of those requests a cache remembers.
inline bool surely_selects(const Stored& stored, const Request& request) {
  return std::all_of(stored.requests.begin(), stored.requests.end(),
                     [&](const Request& original) { return selects(stored.response, original, request); });
}

// Whether it is only for Accept-Language that it is not selected, while the one language that the request wants above
// all others is that of the stored response.
inline bool is_in_preferred_language(const Stored& stored, const Request& request) {
  Stored in_any_language = stored;
  in_any_language.response.vary_language = false;
  const auto language = stored.response.content_language;
  if (!selects(in_any_language, request) || !language || !request.languages) return false;
  const auto wanted = request.languages->find(*language);
  if (wanted == request.languages->end() || wanted->second == 0) return false;
  return std::all_of(request.languages->begin(), request.languages->end(),
                     [&](const auto& other) { return other.first == wanted->first || other.second < wanted->second; });
}

enum class Use : std::uint8_t {
  Never,             // not without a successful validation
  Freely,            // fresh, or stale and the client allows it
  WhileRevalidating  // stale, and the origin allows it while it is asked (RFC 5861 section 3)
};

struct Judgement {
  Use use = Use::Never;
  const char* rule = "";
};

// Sections 5.2.2.2, 5.2.2.8, 5.2.2.10: never stale.
inline bool is_never_stale(const Response& response) {
  return response.must_revalidate || response.proxy_revalidate || response.s_maxage;
}

// Section 4.2.4, for a stored response whose age has reached its lifetime.
inline Judgement may_reuse_stale(const Stored& stored, const Request& request, Instant now) {
  const Delta staleness = current_age(stored, now) - freshness_lifetime(stored);
  if (is_never_stale(stored.response)) return {Use::Never, "5.2.2.2: must-revalidate"};
  if (request.min_fresh) return {Use::Never, "5.2.1.3: min-fresh"};
  if (request.max_stale && staleness <= *request.max_stale) return {Use::Freely, "5.2.1.2: max-stale"};
  if (!request.max_stale && request.max_stale_any) return {Use::Freely, "5.2.1.2: max-stale"};
  const auto& window = stored.response.stale_while_revalidate;
  if (window && staleness <= *window) return {Use::WhileRevalidating, "RFC 5861 3: stale-while-revalidate"};
  return {Use::Never, "4.2.4: stale"};
}

// But for the selection by Vary: see selects. Request directives are advisory (section 5.2.1); this model obeys them.
inline Judgement may_reuse(const Stored& stored, const Request& request, Instant now) {
  const Response& r = stored.response;
  const bool no_cache = request.no_cache || (request.pragma_no_cache && !request.has_cache_control());
  if (request.method != Method::Get && request.method != Method::Head) return {Use::Never, "4: the method"};
  if (request.target != Target::Own) return {Use::Never, "4: another URI"};
  if (stored.invalidated) return {Use::Never, "4.4: invalidated"};
  if (stored.superseded) return {Use::Never, "4.3.4: a 304 updated it"};
  if (r.no_cache || r.no_cache_fields) return {Use::Never, "5.2.2.4: no-cache"};
  if (no_cache) return {Use::Never, "5.2.1.4: no-cache of the request"};
  const Delta age = current_age(stored, now);
  // RFC 8246 section 2.1: max-age=0 is a reload, which need not reach an origin that said immutable; while fresh only.
  const bool may_ignore_reload = r.immutable && request.max_age == Delta{0} && is_fresh(stored, now);
  if (request.max_age && age > *request.max_age && !may_ignore_reload) {
    return {Use::Never, "5.2.1.1: max-age of the request"};
  }
  if (!is_fresh(stored, now)) return may_reuse_stale(stored, request, now);
  const Delta left = freshness_lifetime(stored) - age;
  if (request.min_fresh && left < std::min(*request.min_fresh, kLargestDelta))
    return {Use::Never, "5.2.1.3: min-fresh"};
  return {Use::Freely, "4.2: fresh"};
}

// Where the origin said how long and nobody asks for validation. max-age=0 is such a request (Larder's choice).
inline bool ought_to_reuse(const Stored& stored, const Request& request, Instant now) {
  if (!has_explicit_lifetime(stored.response) || request.max_age == Delta{0}) return false;
  const Use use = may_reuse(stored, request, now).use;
  return use == Use::Freely || (use == Use::WhileRevalidating && !request.only_if_cached);
}

// Section 4: "the most recent (as determined by the Date header field)".
inline bool is_more_recent(const Stored& a, const Stored& b) {
  return date_value(a) > date_value(b);
}

// RFC 5861 section 4, within the bounds of section 4.2.4: may it be used because the origin failed? The request is one
// that it matches and that had to be forwarded.
inline bool may_use_on_error(const Stored& stored, const Request& request, Instant now) {
  const Response& r = stored.response;
  if (r.no_cache || r.no_cache_fields || request.no_cache) return false;
  if (request.pragma_no_cache && !request.has_cache_control()) return false;
  if (is_never_stale(r) && !is_fresh(stored, now)) return false;
  const Delta staleness = current_age(stored, now) - freshness_lifetime(stored);
  return (r.stale_if_error && staleness <= *r.stale_if_error) ||
         (request.stale_if_error && staleness <= *request.stale_if_error);
}

// --- section 4.3: validation ---

enum class Match : std::uint8_t {
  Different,  // the 304 is not about this stored response
  Unnamed,    // it does not say about which: it has no validator
  Same
};

// Section 4.3.4, for the one stored response whose validators were sent.
inline Match identifies(const Response& not_modified, const Response& stored) {
  if (not_modified.etag) {
    if (!stored.etag) return Match::Different;
    const bool equal = not_modified.etag->weak ? is_weakly_equal(*not_modified.etag, *stored.etag)
                                               : is_strongly_equal(*not_modified.etag, *stored.etag);
    return equal ? Match::Same : Match::Different;
  }
  if (not_modified.last_modified) {
    return not_modified.last_modified == stored.last_modified ? Match::Same : Match::Different;
  }
  return stored.has_validator() ? Match::Unnamed : Match::Same;
}

// Section 3.2. Fields are replaced whole: a Cache-Control takes the place of all directives there were. The ETag that
// was validated stays: the stored bytes depend on it. What the 304 does not say of Date and Age is that of its receipt
// (RFC 9110 section 6.6.1; the age of section 4.2 begins anew with a validation).
inline Response updated(const Response& stored, const Response& not_modified) {
  Response r = not_modified.has_cache_control() ? not_modified : stored;  // the directives; now the rest
  r.status = stored.status;
  r.etag = stored.etag;
  r.date = not_modified.date;
  r.age = not_modified.age;
  r.last_modified = not_modified.last_modified ? not_modified.last_modified : stored.last_modified;
  const Response& expires_of = not_modified.expires || not_modified.invalid_expires ? not_modified : stored;
  r.expires = expires_of.expires;
  r.invalid_expires = expires_of.invalid_expires;
  const Response& vary_of = not_modified.has_vary() ? not_modified : stored;
  r.vary_all = vary_of.vary_all;
  r.vary_language = vary_of.vary_language;
  r.vary_agent = vary_of.vary_agent;
  r.content_language = not_modified.content_language ? not_modified.content_language : stored.content_language;
  r.set_cookie = not_modified.set_cookie || stored.set_cookie;
  r.location = not_modified.location || stored.location;
  r.content_location = not_modified.content_location || stored.content_location;
  return r;
}

// Section 4.3.2, RFC 9110 sections 13.1.2, 13.1.3 and 13.2.2: whether the client's own condition makes a 304 of the
// stored response.
inline bool is_not_modified(const Request& request, const Stored& stored) {
  const Response& r = stored.response;
  if (r.status != 200 || (request.method != Method::Get && request.method != Method::Head)) return false;
  if (request.if_none_match_any) return true;
  if (!request.if_none_match.empty()) {
    return r.etag && std::any_of(request.if_none_match.begin(), request.if_none_match.end(),
                                 [&](const Tag& tag) { return is_weakly_equal(tag, *r.etag); });
  }
  return request.if_modified_since && r.last_modified.value_or(date_value(stored)) <= *request.if_modified_since;
}

// --- section 4.4: invalidation ---

inline bool is_unsafe(Method method) {
  return method != Method::Get && method != Method::Head;
}

enum class Invalidation : std::uint8_t { MustNot, May, Must };

// Of this cache's URI. A response that is an error proves no change: "may", as a cache may always forget.
inline Invalidation invalidation(const Request& request, const Response& response) {
  if (request.target == Target::Foreign) return Invalidation::MustNot;
  const bool is_success = response.status >= 200 && response.status < 400;
  const bool must = is_unsafe(request.method) && is_success && request.target == Target::Own;
  return must ? Invalidation::Must : Invalidation::May;
}

// What section 4.4 allows for Location and Content-Location of the same origin, and nothing without a reason.
inline bool ought_to_invalidate(const Request& request, const Response& response) {
  const bool is_success = response.status >= 200 && response.status < 400;
  const bool names_this = response.location || response.content_location;
  if (!is_unsafe(request.method) || !is_success) return false;
  return request.target == Target::Own || (request.target == Target::Sibling && names_this);
}

}  // namespace larder::rfc9111
