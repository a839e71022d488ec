#include "cache/policy/outcome.h"

#include <iterator>

namespace larder::policy {
namespace {

#define LARDER_X(id, word) word,
constexpr std::string_view kResultWords[] = {LARDER_RESULTS(LARDER_X)};
constexpr std::string_view kForwardWords[] = {LARDER_FORWARDS(LARDER_X)};
constexpr std::string_view kReasonWords[] = {LARDER_REASONS(LARDER_X)};
#undef LARDER_X

template <std::size_t N>
std::string_view word(const std::string_view (&words)[N], std::size_t i) {
  return i < N ? words[i] : std::string_view{};
}

static_assert(std::size(kResultWords) == kResults);

}  // namespace

std::string_view to_string(Result r) {
  return word(kResultWords, static_cast<std::size_t>(r));
}
std::string_view to_string(Forward f) {
  return word(kForwardWords, static_cast<std::size_t>(f));
}
std::string_view to_string(Reason r) {
  return word(kReasonWords, static_cast<std::size_t>(r));
}

}  // namespace larder::policy
