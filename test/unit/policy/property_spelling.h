// Of the property test: what is counted, the random numbers, and structured values as header text, in any of the forms
// that mean the same.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/http/date.h"
#include "test/unit/http/head_text.h"
#include "test/unit/policy/rfc9111_model.h"

namespace larder::property {

namespace model = larder::rfc9111;
using http::HeadText;
using http::Seconds;
using http::Time;
using model::Delta;
using model::Instant;

// clang-format off
// X(enumerator, what it is): every situation that a run must reach, lest it test nothing.
#define SITUATIONS(X)                                                          \
  X(FreshHit, "fresh hit")                                                     \
  X(HeuristicHit, "hit by a heuristic lifetime")                               \
  X(MaxStaleHit, "stale hit that max-stale allows")                            \
  X(WhileRevalidating, "stale hit while it is revalidated")                    \
  X(HeadHit, "HEAD answered from a stored GET")                                \
  X(ClientNotModified, "304 from the store to a client's own condition")       \
  X(ClientModified, "a client's own condition that does not hold")             \
  X(VaryMiss, "other variants are stored")                                     \
  X(VaryHit, "hit by a stored response with Vary")                             \
  X(MustRevalidate, "must-revalidate and its like beat max-stale")             \
  X(StoredNoCache, "a fresh stored response with no-cache")                    \
  X(RequestNoCache, "a fresh stored response, but the request says no-cache")  \
  X(RequestMaxAge, "a fresh stored response too old for the request")          \
  X(RequestMinFresh, "a fresh stored response not fresh enough")               \
  X(OnlyIfCached, "504 to only-if-cached")                                     \
  X(Renewed, "validated: 304")                                                 \
  X(Replaced, "validated: a new response")                                     \
  X(NotTheSame, "a 304 about something else")                                  \
  X(StaleOnError, "stale because the origin failed")                           \
  X(FailureShown, "the origin failed and stale is forbidden")                  \
  X(NoStore, "not stored: no-store")                                           \
  X(RequestNoStore, "not stored: no-store of the request")                     \
  X(Private, "not stored: private")                                            \
  X(Authorization, "not stored: Authorization")                                \
  X(SharedAuthorization, "stored in spite of Authorization")                   \
  X(MustUnderstand, "stored in spite of no-store: must-understand")            \
  X(NotUnderstood, "not stored: status not understood")                        \
  X(PassedNotModified, "not stored: the origin's 304 to the client")           \
  X(Invalidated, "invalidated by an unsafe method")                            \
  X(SiblingInvalidated, "invalidated by Location or Content-Location")         \
  X(ForeignSpared, "not invalidated by another origin")                        \
  X(FailureSpared, "not invalidated by a failed unsafe method")

// X(enumerator, why): where Larder departs from the letter, and the model's verdict is set aside. The test warns of
// one that no longer occurs: then its reason is gone, and it should go.
#define EXCEPTIONS(X)                                                                                          \
  X(PreferredLanguage, "4.1: selected by its Content-Language, although the Accept-Language differs (vary.h)") \
  X(UnnamedNotModified, "4.3.4: a 304 without any validator counts for the one whose validators were sent")
// clang-format on

#define LARDER_X(id, text) id,
enum class Situation : std::uint8_t { SITUATIONS(LARDER_X) };
enum class Exception : std::uint8_t { EXCEPTIONS(LARDER_X) };
#undef LARDER_X
#define LARDER_X(id, text) text,
constexpr const char* kSituations[] = {SITUATIONS(LARDER_X)};
constexpr const char* kExceptions[] = {EXCEPTIONS(LARDER_X)};
#undef LARDER_X

struct Counts {
  std::array<std::size_t, std::size(kSituations)> situations{};
  std::array<std::size_t, std::size(kExceptions)> exceptions{};
  std::size_t steps = 0;
};

// SplitMix64: the same numbers everywhere. Never two draws in one expression whose order the language leaves open, so
// that a seed is the same sequence with every compiler.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  std::int64_t below(std::int64_t n) { return static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(n)); }
  bool percent(int p) { return below(100) < p; }
  // 0 to `most`, each order of magnitude as likely as another.
  inline Delta magnitude(Delta most) {
    Delta bound = 1;
    for (auto digits = below(8); digits > 0 && bound < most; --digits) bound *= 10;
    return below(std::min(bound, most) + 1);
  }
  template <typename T, std::size_t N>
  inline const T& one_of(const T (&choices)[N]) {
    return choices[below(static_cast<std::int64_t>(N))];
  }
  inline std::optional<Delta> perhaps_delta(int p) {
    if (!percent(p)) return std::nullopt;
    return percent(2) ? model::kLargestDelta : magnitude(1000000);
  }

 private:
  std::uint64_t state_;
};

constexpr const char* kLanguages[] = {"en", "de", "fr-CH"};
constexpr const char* kUri = "http://a.example/x";
constexpr const char* kSibling = "http://a.example/y";
constexpr const char* kForeign = "http://b.example/x";

inline std::string padded(unsigned n) {
  return (n < 10 ? "0" : "") + std::to_string(n);
}

// An HTTP-date in any of the three formats of RFC 9110 section 5.6.7.
inline std::string spell_date(Instant at, Random& random) {
  constexpr const char* kDays[] = {"Sun", "Mon", "Tues", "Wednes", "Thurs", "Fri", "Satur"};
  constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const Time time{Seconds(at)};
  const auto midnight = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(midnight);
  const std::chrono::hh_mm_ss clock(time - midnight);
  const std::string day = kDays[std::chrono::weekday(midnight).c_encoding()];
  const std::string month = kMonths[static_cast<unsigned>(date.month()) - 1];
  const std::string year = std::to_string(static_cast<int>(date.year()));
  const auto of_month = static_cast<unsigned>(date.day());
  const std::string hms = padded(static_cast<unsigned>(clock.hours().count())) + ":" +
                          padded(static_cast<unsigned>(clock.minutes().count())) + ":" +
                          padded(static_cast<unsigned>(clock.seconds().count()));
  switch (random.below(5)) {
    case 0:
      return day + "day, " + padded(of_month) + "-" + month + "-" + year.substr(2) + " " + hms + " GMT";
    case 1:
      return day.substr(0, 3) + " " + month + (of_month < 10 ? "  " : " ") + std::to_string(of_month) + " " + hms +
             " " + year;
    default:
      return day.substr(0, 3) + ", " + padded(of_month) + " " + month + " " + year + " " + hms + " GMT";
  }
}

inline std::string spell_tag(const model::Tag& tag) {
  // A comma and a backslash are plain characters in an entity tag (RFC 9110 section 8.8.3).
  constexpr const char* kForms[] = {"v", "v,", "v\\", "a, b"};
  const std::string form = tag.opaque % 4 == 3 ? "v;" : kForms[tag.opaque % 4];
  return (tag.weak ? "W/\"" : "\"") + form + std::to_string(tag.opaque) + "\"";
}

// Field lines in the making.
class Spelling {
 public:
  explicit Spelling(Random& random) : random_(random) {}

  inline void field(std::string_view name, std::string_view value) {
    constexpr const char* kBlank[] = {" ", "", "\t", "  "};
    const std::string blank = random_.one_of(kBlank);
    lines_.push_back(in_any_case(name) + ":" + blank + std::string(value) + blank);
  }

  inline void date(std::string_view name, const std::optional<Instant>& at) {
    if (at) field(name, spell_date(*at, random_));
  }

  // A list field, in one line or several, with any white space and empty members.
  inline void list(std::string_view name, std::vector<std::string> members) {
    constexpr const char* kBetween[] = {", ", ",", " , ", ",\t", ", ,", ",,"};
    std::string value;
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (i == 0) {
        value = members[i];
      } else if (random_.percent(20)) {
        field(name, value);
        value = members[i];
      } else {
        value += random_.one_of(kBetween) + members[i];
      }
    }
    if (random_.percent(5)) value += ",";
    field(name, value);
  }

  inline void flag(bool said, std::string_view name) {
    if (said) say(name, "");
  }

  // What is stricter when smaller.
  inline void delta(const std::optional<Delta>& said, std::string_view name) {
    constexpr const char* kNoNumber[] = {"=x", "=", "=-1", "=1.5", "=\"\"", "= 5"};
    if (!said) return;
    const bool is_unread = *said == 0 && random_.percent(20);
    say(name, is_unread ? random_.one_of(kNoNumber) : argument(*said));
    if (random_.percent(5)) say(name, argument(*said + random_.below(100)));
  }

  // What is stricter when larger.
  inline void lower_bound(const std::optional<Delta>& said, std::string_view name) {
    if (!said) return;
    say(name, argument(*said));
    if (random_.percent(5)) say(name, argument(random_.below(*said + 1)));
  }

  void say(std::string_view name, const std::string& argument) { directives_.push_back(in_any_case(name) + argument); }

  inline void cache_control() {
    constexpr const char* kUnknown[] = {"x", "max-agee=0", "no-stor", "y=\"no-store, max-age=0, private\"",
                                        "community=\"UCI\""};
    if (directives_.empty()) return;
    if (random_.percent(20)) directives_.emplace_back(random_.one_of(kUnknown));
    shuffle(directives_);
    list("Cache-Control", std::move(directives_));
  }

  // The lines in any order, but those of one list in theirs.
  inline std::string text() {
    if (random_.percent(50))
      std::stable_sort(lines_.begin(), lines_.end(),
                       [](const auto& a, const auto& b) { return http::lower(a[0]) > http::lower(b[0]); });
    std::string out;
    for (const auto& line : lines_) out += (out.empty() ? "" : "\n") + line;
    return out;
  }

  template <typename T>
  inline void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) {
      std::swap(items[i - 1], items[static_cast<std::size_t>(random_.below(static_cast<std::int64_t>(i)))]);
    }
  }

  inline std::string in_any_case(std::string_view name) {
    std::string out(name);
    const auto style = random_.below(4);
    for (char& c : out) {
      const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      if (is_letter && (style == 1 || (style == 2 && random_.percent(50)))) c = static_cast<char>(c ^ 0x20);
    }
    return out;
  }

 private:
  inline std::string argument(Delta n) {
    std::string digits = std::to_string(n);
    if (n >= model::kLargestDelta && random_.percent(50)) digits = "99999999999999999999999";
    if (random_.percent(5)) digits = "0" + digits;
    return random_.percent(20) ? "=\"" + digits + "\"" : "=" + digits;
  }

  Random& random_;
  std::vector<std::string> lines_;
  std::vector<std::string> directives_;
};

inline std::string spell_weight(int weight, Random& random) {
  constexpr const char* kHighest[] = {"", ";q=1", "; q=1.0", ";Q=1.000"};
  constexpr const char* kHalf[] = {";q=0.5", " ; q=0.50", ";q=0.500"};
  constexpr const char* kNone[] = {";q=0", ";q=0.0"};
  if (weight == model::kHighestWeight) return random.one_of(kHighest);
  return weight == 0 ? random.one_of(kNone) : random.one_of(kHalf);
}

inline std::string spell(const model::Request& r, Random& random) {
  Spelling s(random);
  s.delta(r.max_age, "max-age");
  s.delta(r.max_stale, "max-stale");
  s.lower_bound(r.min_fresh, "min-fresh");
  s.delta(r.stale_if_error, "stale-if-error");
  s.flag(r.max_stale_any, "max-stale");
  s.flag(r.no_cache, "no-cache");
  s.flag(r.no_store, "no-store");
  s.flag(r.only_if_cached, "only-if-cached");
  s.cache_control();
  if (r.pragma_no_cache) s.field("Pragma", s.in_any_case("no-cache"));
  if (r.authorization) s.field("Authorization", "Basic YTpi");
  if (r.agent != 0) s.field("User-Agent", "agent/" + std::to_string(r.agent));
  if (r.languages) {
    std::vector<std::string> members;
    for (const auto& [language, weight] : *r.languages) {
      const std::string name = s.in_any_case(kLanguages[language]);
      members.push_back(name + spell_weight(weight, random));
    }
    s.shuffle(members);
    s.list("Accept-Language", members);
  }
  if (r.if_none_match_any) s.field("If-None-Match", "*");
  if (!r.if_none_match.empty()) {
    std::vector<std::string> tags;
    for (const auto& tag : r.if_none_match) tags.push_back(spell_tag(tag));
    s.list("If-None-Match", tags);
  }
  s.date("If-Modified-Since", r.if_modified_since);
  return s.text();
}

inline void spell_directives(const model::Response& r, Spelling& s) {
  s.delta(r.max_age, "max-age");
  s.delta(r.s_maxage, "s-maxage");
  s.delta(r.stale_while_revalidate, "stale-while-revalidate");
  s.delta(r.stale_if_error, "stale-if-error");
  s.flag(r.no_cache, "no-cache");
  s.flag(r.no_store, "no-store");
  s.flag(r.is_private, "private");
  s.flag(r.is_public, "public");
  s.flag(r.must_revalidate, "must-revalidate");
  s.flag(r.proxy_revalidate, "proxy-revalidate");
  s.flag(r.must_understand, "must-understand");
  s.flag(r.immutable, "immutable");
  if (r.no_cache_fields) s.say("no-cache", "=\"Set-Cookie, X-A\"");
  if (r.private_fields) s.say("private", "=\"Set-Cookie\"");
  s.cache_control();
}

// The same date always in the same form: an origin compares it as text, and so does Larder.
inline std::string spell_last_modified(Instant at) {
  Random by_date(static_cast<std::uint64_t>(at));
  return spell_date(at, by_date);
}

inline std::string spell(const model::Response& r, Random& random) {
  constexpr const char* kNoDate[] = {"0", "-1", "", "never", "Thu, 32 Jan 2026 00:00:00 GMT"};
  Spelling s(random);
  spell_directives(r, s);
  s.date("Expires", r.expires);
  if (r.invalid_expires) s.field("Expires", random.one_of(kNoDate));
  s.date("Date", r.date);
  if (!r.date && random.percent(20)) s.field("Date", random.one_of(kNoDate));
  if (r.age) s.field("Age", std::to_string(*r.age));
  if (!r.age && random.percent(5)) s.field("Age", "-5");
  if (r.etag) s.field("ETag", spell_tag(*r.etag));
  if (r.last_modified) s.field("Last-Modified", spell_last_modified(*r.last_modified));
  std::vector<std::string> vary;
  if (r.vary_language) vary.push_back(s.in_any_case("Accept-Language"));
  if (r.vary_agent) vary.push_back(s.in_any_case("User-Agent"));
  if (r.vary_all) vary.emplace_back("*");
  if (!vary.empty()) s.list("Vary", vary);
  if (r.content_language) s.field("Content-Language", s.in_any_case(kLanguages[*r.content_language]));
  if (r.set_cookie) s.field("Set-Cookie", "a=b");
  if (r.location) s.field("Location", kUri);
  if (r.content_location) s.field("Content-Location", kUri);
  return s.text();
}

}  // namespace larder::property
