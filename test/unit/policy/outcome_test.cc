#include "cache/policy/outcome.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

using namespace larder::policy;

TEST_CASE("the contract's words") {
  CHECK(to_string(Result::Hit) == "hit");
  CHECK(to_string(Result::Error) == "error");
  CHECK(to_string(Forward::UriMiss) == "uri-miss");
  CHECK(to_string(Forward::None) == "");
  CHECK(to_string(Reason::ResponseNoCache) == "no-cache");
  CHECK(to_string(Reason::HeuristicExpired) == "heuristic-expired");
}

TEST_CASE("no two reasons share a word") {
  std::set<std::string> seen;
  std::size_t n = 0;
#define LARDER_X(id, word)                \
  CHECK(to_string(Reason::id) == (word)); \
  seen.insert(word);                      \
  ++n;
  LARDER_REASONS(LARDER_X)
#undef LARDER_X
  CHECK(seen.size() == n);
}

TEST_CASE("a value outside the list has no word") {
  CHECK(to_string(static_cast<Reason>(250)) == "");
  CHECK(to_string(static_cast<Result>(kResults)) == "");
}
