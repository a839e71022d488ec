// Of the property test: the origin and the clients, and what they may say.
#pragma once

#include <optional>

#include "test/unit/policy/property_spelling.h"

namespace larder::property {

// An origin that has one resource, which changes now and then, and no firm habits.
class Origin {
 public:
  explicit Origin(Random& random) : random_(random), vary_habit_(random.below(6)) {}

  inline void live(Instant now) {
    if (last_modified_ == 0 || random_.percent(35)) {
      ++content_;
      last_modified_ = now - random_.magnitude(10000000);
    }
  }

  inline model::Response response(const model::Request& request, Instant now) {
    constexpr int kRare[] = {203, 204, 299, 299, 301, 302, 404, 404, 410, 429, 500, 503, 503, 503};
    model::Response r;
    r.status = random_.percent(70) ? 200 : random_.one_of(kRare);
    if (random_.percent(5)) r.status = 503;
    say_directives(r);
    say_when(r, now);
    if (random_.percent(70)) r.etag = model::Tag{content_, random_.percent(25)};
    if (random_.percent(50)) r.last_modified = last_modified_;
    say_vary(r, random_.percent(90) ? vary_habit_ : random_.below(6));
    if (random_.percent(20)) r.content_language = static_cast<int>(random_.below(3));
    r.set_cookie = random_.percent(5);
    if (model::is_unsafe(request.method)) {
      r.location = random_.percent(40);
      r.content_location = random_.percent(40);
    }
    return r;
  }

  // To a request with the validators of `stored`, or with a client's own condition (null).
  inline model::Response not_modified(const model::Response* stored, Instant now) {
    model::Response r;
    r.status = 304;
    if (random_.percent(60)) say_directives(r);
    if (random_.percent(50)) say_when(r, now);
    if (stored != nullptr && random_.percent(75)) r.etag = stored->etag;
    if (stored != nullptr && random_.percent(50)) r.last_modified = stored->last_modified;
    if (random_.percent(4)) r.etag = model::Tag{content_ + 1, random_.percent(50)};
    if (random_.percent(4)) r.last_modified = now - random_.magnitude(1000);
    if (r.etag && random_.percent(4)) r.etag->weak = !r.etag->weak;
    if (random_.percent(30)) say_vary(r, random_.percent(80) ? vary_habit_ : random_.below(6));
    return r;
  }

  [[nodiscard]] int content() const { return content_; }
  [[nodiscard]] Instant last_modified() const { return last_modified_; }

 private:
  inline void say_directives(model::Response& r) {
    r.max_age = random_.perhaps_delta(50);
    r.s_maxage = random_.perhaps_delta(7);
    r.stale_while_revalidate = random_.perhaps_delta(15);
    r.stale_if_error = random_.perhaps_delta(25);
    r.no_cache = random_.percent(4);
    r.no_cache_fields = random_.percent(2);
    r.is_private = random_.percent(4);
    r.private_fields = random_.percent(2);
    r.no_store = random_.percent(5);
    r.is_public = random_.percent(8);
    r.must_revalidate = random_.percent(8);
    r.proxy_revalidate = random_.percent(4);
    r.immutable = random_.percent(3);
    r.must_understand = random_.percent(r.no_store ? 40 : 5);
  }

  inline void say_when(model::Response& r, Instant now) {
    if (random_.percent(85)) r.date = now;
    const Delta skew = random_.percent(25) ? random_.magnitude(100000) : 0;
    if (r.date) *r.date += random_.percent(50) ? skew : -skew;
    if (random_.percent(20)) r.expires = r.date.value_or(now) + random_.magnitude(1000000);
    if (r.expires && random_.percent(10)) *r.expires -= random_.magnitude(100);
    r.invalid_expires = !r.expires && random_.percent(4);
    if (random_.percent(15)) r.age = random_.percent(5) ? model::kLargestDelta : random_.magnitude(100000);
  }

  inline static void say_vary(model::Response& r, std::int64_t which) {
    r.vary_language = which == 1 || which == 2 || which == 3;
    r.vary_agent = which == 3 || which == 4;
    r.vary_all = which == 5 && r.status != 304;
  }

  Random& random_;
  std::int64_t vary_habit_;
  int content_ = 0;
  Instant last_modified_ = 0;
};

// A moment or a number at, or next to, the limit where a verdict changes.
inline Delta beside(Delta limit, Random& random) {
  return std::max<Delta>(0, limit - 1 + random.below(3));
}

// How long until the next request. `stored`: what it may be about, null when nothing is stored.
inline Delta random_pause(const model::Stored* stored, Instant now, Random& random) {
  constexpr Delta kLongestPause = 1000000;
  if (stored == nullptr || random.percent(50)) return random.magnitude(kLongestPause);
  Delta limit = model::freshness_lifetime(*stored) - model::current_age(*stored, now);
  if (random.percent(20)) limit += stored->response.stale_while_revalidate.value_or(0);
  if (random.percent(20)) limit += stored->response.stale_if_error.value_or(0);
  return std::min(beside(limit, random), kLongestPause);
}

inline void ask_for_age(model::Request& r, const model::Stored* stored, Instant now, Random& random) {
  const Delta age = stored != nullptr ? model::current_age(*stored, now) : random.magnitude(1000000);
  const Delta left = stored != nullptr ? model::freshness_lifetime(*stored) - age : random.magnitude(1000000);
  if (random.percent(12)) r.max_age = random.percent(80) ? beside(age, random) : random.magnitude(1000000);
  if (random.percent(12)) r.min_fresh = random.percent(80) ? beside(left, random) : random.magnitude(1000000);
  if (random.percent(12)) r.max_stale = random.percent(80) ? beside(-left, random) : random.magnitude(1000000);
  if (random.percent(10)) r.stale_if_error = random.percent(80) ? beside(-left, random) : random.magnitude(1000000);
  r.max_stale_any = random.percent(6);
}

inline model::Request random_request(const model::Stored* stored, const Origin& origin, Instant now, Random& random) {
  constexpr model::Method kUnsafe[] = {model::Method::Post, model::Method::Delete, model::Method::Unknown};
  constexpr model::Target kTargets[] = {model::Target::Own, model::Target::Sibling, model::Target::Foreign};
  constexpr int kWeights[] = {model::kHighestWeight, model::kHighestWeight, 500, 0};
  model::Request r;
  if (random.percent(10)) r.method = model::Method::Head;
  if (random.percent(10)) r.method = random.one_of(kUnsafe);
  if (model::is_unsafe(r.method)) r.target = random.one_of(kTargets);
  if (random.percent(60)) ask_for_age(r, stored, now, random);
  r.no_cache = random.percent(3);
  r.no_store = random.percent(3);
  r.only_if_cached = random.percent(5);
  r.pragma_no_cache = random.percent(3);
  r.authorization = random.percent(10);
  if (random.percent(70)) {
    r.languages.emplace();
    for (auto n = random.below(3); n >= 0; --n)
      (*r.languages)[static_cast<int>(random.below(3))] = random.one_of(kWeights);
    if (random.percent(3)) r.languages->clear();
  }
  if (random.percent(60)) r.agent = static_cast<int>(1 + random.below(2));
  if (random.percent(15)) r.if_none_match_any = random.percent(10);
  for (auto n = random.percent(15) && !r.if_none_match_any ? 1 + random.below(3) : 0; n > 0; --n) {
    r.if_none_match.push_back({origin.content() + 1 - static_cast<int>(random.below(3)), random.percent(30)});
  }
  if (random.percent(10)) r.if_modified_since = beside(random.percent(70) ? origin.last_modified() : now, random);
  return r;
}

}  // namespace larder::property
