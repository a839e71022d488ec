// Every outcome of a request and every reason behind it, listed once. The log word, the metric label, the Cache-Status
// parameter and the word a test expects all come from here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace larder::policy {

// clang-format off
// X(enumerator, word): how a request was answered (the label `result` of larder_requests_total).
#define LARDER_RESULTS(X)          \
  X(Hit, "hit")                    \
  X(Revalidated, "revalidated")    \
  X(Stale, "stale")                \
  X(Miss, "miss")                  \
  X(Collapsed, "collapsed")        \
  X(Pass, "pass")                  \
  X(Tunnel, "tunnel")              \
  X(Denied, "denied")              \
  X(Error, "error")

// X(enumerator, word): why a request was forwarded (the parameter `fwd` of Cache-Status, RFC 9211 section 2.2).
#define LARDER_FORWARDS(X)         \
  X(None, "")                      \
  X(Bypass, "bypass")              \
  X(Method, "method")              \
  X(UriMiss, "uri-miss")           \
  X(VaryMiss, "vary-miss")         \
  X(Miss, "miss")                  \
  X(Request, "request")            \
  X(Stale, "stale")                \
  X(Partial, "partial")

// X(enumerator, word): the rule that decided.
#define LARDER_REASONS(X)                            \
  X(None, "")                                        \
  /* may it be stored? */                            \
  X(Stored, "stored")                                \
  X(MethodNotStorable, "method")                     \
  X(RequestNoStore, "request-no-store")              \
  X(RequestBody, "request-body")                     \
  X(NoStore, "no-store")                             \
  X(Private, "private")                              \
  X(Authorization, "authorization")                  \
  X(UnkeyedField, "unkeyed-field")                   \
  X(VaryStar, "vary-star")                           \
  X(StatusNotUnderstood, "status-not-understood")    \
  X(StatusNotStorable, "status-not-storable")        \
  X(NotFinal, "not-final")                           \
  X(Partial, "partial-content")                      \
  X(NotModifiedForClient, "not-modified")            \
  X(NoFreshness, "no-freshness-or-validator")        \
  X(TooLarge, "too-large")                           \
  X(Incomplete, "incomplete")                        \
  /* may it be reused? */                            \
  X(Fresh, "fresh")                                  \
  X(AcceptedStale, "max-stale")                      \
  X(NotStored, "not-stored")                         \
  X(VaryMismatch, "vary-mismatch")                   \
  X(Expired, "expired")                              \
  X(ResponseNoCache, "no-cache")                     \
  X(RequestNoCache, "request-no-cache")              \
  X(RequestMaxAge, "request-max-age")                \
  X(RequestMinFresh, "request-min-fresh")            \
  X(OnlyIfCached, "only-if-cached")                  \
  X(RequestUpgrade, "upgrade")                       \
  X(RequestCondition, "client-condition")            \
  X(RuleNever, "rule-never")                         \
  X(StaleIfError, "stale-if-error")                  \
  X(StaleWhileRevalidate, "stale-while-revalidate")  \
  X(HeuristicExpired, "heuristic-expired")
// clang-format on

enum class Result : std::uint8_t {
#define LARDER_X(id, word) id,
  LARDER_RESULTS(LARDER_X)
};
enum class Forward : std::uint8_t { LARDER_FORWARDS(LARDER_X) };
enum class Reason : std::uint8_t { LARDER_REASONS(LARDER_X) };
#undef LARDER_X

inline constexpr std::size_t kResults = static_cast<std::size_t>(Result::Error) + 1;

std::string_view to_string(Result r);
std::string_view to_string(Forward f);
std::string_view to_string(Reason r);

}  // namespace larder::policy
