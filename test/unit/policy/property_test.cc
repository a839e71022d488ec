// Random sequences of requests to one URI over a simulated clock: what the functions of this room decide is compared,
// step by step, with rfc9111_model.h.
//
// LARDER_SEQUENCES: how many. LARDER_SEED: only the sequence of that seed, told in full; a mismatch prints its seed.
#include <doctest/doctest.h>

#include <cstdlib>
#include <optional>
#include <string>

#include "test/unit/policy/property_run.h"

using namespace larder;
using namespace larder::property;

namespace {

std::optional<std::uint64_t> environment(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr) return std::nullopt;
  return http::parse_digits(text);
}

constexpr std::uint64_t sequences_by_default() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
  return 10000;
#else
  return 100000;
#endif
}

}  // namespace

// A failure prints "LARDER_SEED=..."; with that in the environment the same sequence runs alone, and is told in full.
TEST_CASE("RFC 9111: random sequences are judged as the model judges them") {
  constexpr std::uint64_t kFirstSeed = 9111;
  constexpr std::size_t kMostFailures = 5;
  Counts counts;
  if (const auto seed = environment("LARDER_SEED")) {
    Run run(*seed, Telling::InFull, counts);
    run.go();
    MESSAGE("LARDER_SEED=" << *seed << "\n" << run.story());
    CHECK(run.mismatch() == "");
    return;
  }
  const std::uint64_t sequences = environment("LARDER_SEQUENCES").value_or(sequences_by_default());
  std::size_t failures = 0;
  for (std::uint64_t i = 0; i < sequences && failures < kMostFailures; ++i) {
    const std::uint64_t seed = kFirstSeed + i;
    Run run(seed, Telling::Silent, counts);
    run.go();
    if (run.mismatch().empty()) continue;
    ++failures;
    Counts unused;
    Run again(seed, Telling::InFull, unused);
    again.go();
    FAIL_CHECK("LARDER_SEED=" << seed << ": " << run.mismatch() << "\n" << again.story());
  }
  if (failures != 0) return;
  // None of all this has been shown unless it happened.
  for (std::size_t i = 0; i < counts.situations.size(); ++i) {
    const std::string situation = kSituations[i];
    CAPTURE(situation);
    CHECK(counts.situations[i] >= sequences / 200);
  }
  for (std::size_t i = 0; i < counts.exceptions.size(); ++i) {
    const std::string exception = kExceptions[i];
    CAPTURE(exception);
    WARN(counts.exceptions[i] >= sequences / 50000);
  }
}
