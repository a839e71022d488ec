#include "cache/policy/reuse.h"

#include <algorithm>

namespace larder::policy {
namespace {

using http::Seconds;

constexpr ReuseVerdict validate(Reason reason) {
  return {Reuse::Validate, reason};
}

bool accepts_stale(const http::RequestDirectives& asked, Seconds staleness) {
  return asked.max_stale_any || (asked.max_stale && staleness <= *asked.max_stale);
}

// By the letter of RFC 9111 section 5.2.1.1, max-age=0 accepts a response of age 0. Clients that send it (apt, pip, a
// browser's reload) mean "ask the origin", and must not be told otherwise within the second of the last fetch. What is
// immutable has nothing new to say to a reload while it is fresh (RFC 8246 section 2); who insists says no-cache.
bool is_too_old(const http::RequestDirectives& asked, const Meta& meta, Seconds age) {
  if (!asked.max_age) return false;
  if (*asked.max_age == Seconds(0)) return !meta.immutable || age >= meta.freshness_lifetime;
  return age > *asked.max_age;
}

}  // namespace

bool is_preferred(const Candidate& a, const Candidate& b) {
  if (a.vary.empty() != b.vary.empty()) return b.vary.empty();
  return a.meta.date_value > b.meta.date_value;
}

bool is_overtaken(const Meta& late, const Meta& stored) {
  return stored.request_time > late.request_time && stored.date_value > late.date_value;
}

ReuseVerdict reuse(const http::RequestDirectives& asked, const Meta& meta, http::Time now) {
  if (meta.no_cache) return validate(Reason::ResponseNoCache);
  if (asked.no_cache) return validate(Reason::RequestNoCache);
  const Seconds age = current_age(meta, now);
  if (is_too_old(asked, meta, age)) return validate(Reason::RequestMaxAge);
  const Seconds left = meta.freshness_lifetime - age;
  if (left > Seconds(0)) {
    if (asked.min_fresh && left < *asked.min_fresh) return validate(Reason::RequestMinFresh);
    return {Reuse::Fresh, Reason::Fresh};
  }
  // Section 4.2.4: stale is served only where neither side forbids it and the client asked for it. min-fresh asks for
  // the contrary and wins over a max-stale beside it.
  if (!meta.must_revalidate && !asked.min_fresh && accepts_stale(asked, -left)) {
    return {Reuse::Stale, Reason::AcceptedStale};
  }
  return validate(meta.source == LifetimeSource::Heuristic ? Reason::HeuristicExpired : Reason::Expired);
}

bool may_serve_while_revalidating(const http::RequestDirectives& asked, const Meta& meta, http::Time now) {
  if (!meta.stale_while_revalidate || meta.must_revalidate || asked.min_fresh) return false;
  const ReuseVerdict verdict = reuse(asked, meta, now);
  const bool expired = verdict.reason == Reason::Expired || verdict.reason == Reason::HeuristicExpired;
  return expired && -ttl(meta, now) <= *meta.stale_while_revalidate;
}

bool may_serve_on_error(const http::RequestDirectives& asked, const Meta& meta, http::Time now) {
  // no-cache on either side forbids any use without validation (sections 5.2.1.4 and 5.2.2.4); must-revalidate forbids
  // only the stale one (section 5.2.2.2).
  if (meta.no_cache || asked.no_cache) return false;
  const Seconds staleness = -ttl(meta, now);
  if (meta.must_revalidate && staleness >= Seconds(0)) return false;
  // RFC 5861 section 4: in a response or a request, and regardless of other freshness information.
  const auto allows = [staleness](const std::optional<Seconds>& limit) { return limit && staleness <= *limit; };
  return allows(meta.stale_if_error) || allows(asked.stale_if_error);
}

}  // namespace larder::policy
