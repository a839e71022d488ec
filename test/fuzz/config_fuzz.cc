// load_text on any bytes: it neither throws nor crashes, and what it accepts is what its own rules allow. The text
// after the first NUL is taken as one --set.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "conf/load.h"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

bool is_printable(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto nul = input.find('\0');
  std::vector<std::string> set;
  if (nul != std::string_view::npos) set.emplace_back(input.substr(nul + 1));
  const auto result = larder::conf::load_text(input.substr(0, nul), "fuzz", set);
  if (!result) {
    check(!result.error().empty() && result.error().size() <= 50 + 50 * set.size());
    for (const auto& error : result.error())
      check(!error.where.empty() && !error.expected.empty() && is_printable(error.where));
    return 0;
  }
  check(!result->listen.empty());
  check(result->cache.heuristic_percent <= 100);
  check(result->timeouts.connect.count() > 0 && result->dns.min_ttl <= result->dns.max_ttl);
  for (const auto port : result->access.connect_ports) check(port != 0);
  for (const auto& network : result->access.clients)
    check((network.bytes == 4 || network.bytes == 16) && network.prefix <= network.bytes * 8U);
  return 0;
}
