// Sizes, durations, networks and addresses as text: the pieces of load.h that need no JSON.
#include "conf/units.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <limits>

#include "conf/load.h"

namespace larder::conf {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr Unit kSizes[] = {{"", 1},
                           {"b", 1},
                           {"kib", 1ULL << 10},
                           {"mib", 1ULL << 20},
                           {"gib", 1ULL << 30},
                           {"tib", 1ULL << 40},
                           {"kb", 1'000},
                           {"mb", 1'000'000},
                           {"gb", 1'000'000'000},
                           {"tb", 1'000'000'000'000}};
constexpr Unit kDurations[] = {{"", 1'000},   {"ms", 1},        {"s", 1'000},
                               {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// "<digits>[ ]<unit>" in the smallest unit.
std::optional<std::uint64_t> parse_quantity(std::string_view text, std::span<const Unit> units) {
  const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_whole(text.substr(0, digits));
  if (!number) return std::nullopt;
  auto rest = text.substr(digits);
  if (rest.size() > 1 && rest.front() == ' ') rest.remove_prefix(1);
  if (rest.size() > 3) return std::nullopt;
  const auto name = lowered(rest);
  const auto unit = std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.name == name; });
  if (unit == units.end()) return std::nullopt;
  if (*number > std::numeric_limits<std::uint64_t>::max() / unit->factor) return std::nullopt;
  return *number * unit->factor;
}

// Fills address and bytes from a literal.
bool parse_address(std::string_view text, Network& out) {
  char zero_ended[INET6_ADDRSTRLEN] = {};
  if (text.empty() || text.size() >= sizeof zero_ended || text.find('\0') != std::string_view::npos) return false;
  std::memcpy(zero_ended, text.data(), text.size());
  in_addr v4{};
  if (inet_pton(AF_INET, zero_ended, &v4) == 1) {
    out.bytes = 4;
    std::memcpy(out.address.data(), &v4, sizeof v4);
    return true;
  }
  in6_addr v6{};
  if (inet_pton(AF_INET6, zero_ended, &v6) != 1) return false;
  out.bytes = 16;
  std::memcpy(out.address.data(), &v6, sizeof v6);
  return true;
}

bool has_bits_beyond_prefix(const Network& network) {
  for (unsigned bit = network.prefix; bit < network.bytes * 8U; ++bit) {
    if ((network.address[bit / 8] & (0x80U >> (bit % 8))) != 0) return true;
  }
  return false;
}

constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// ::ffff:a.b.c.d/n is the IPv4 network of its last four bytes: the rest of the house knows such peers as IPv4.
void unmap(Network& network) {
  if (network.bytes != 16 || network.prefix < 96) return;
  if (!std::equal(kMapped.begin(), kMapped.end(), network.address.begin())) return;
  std::array<std::uint8_t, 16> v4{};
  std::copy_n(network.address.begin() + 12, 4, v4.begin());
  network = {v4, 4, static_cast<std::uint8_t>(network.prefix - 96)};
}

}  // namespace

std::optional<std::uint64_t> parse_whole(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  return parse_quantity(text, kSizes);
}

std::optional<Millis> parse_duration(std::string_view text) {
  const auto millis = parse_quantity(text, kDurations);
  if (!millis || *millis > static_cast<std::uint64_t>(Millis::max().count())) return std::nullopt;
  return Millis(static_cast<Millis::rep>(*millis));
}

std::optional<Network> parse_network(std::string_view text) {
  Network out;
  const auto slash = text.find('/');
  if (!parse_address(text.substr(0, slash), out)) return std::nullopt;
  const unsigned bits = out.bytes * 8U;
  out.prefix = static_cast<std::uint8_t>(bits);
  if (slash != std::string_view::npos) {
    const auto digits = text.substr(slash + 1);
    const auto prefix = parse_whole(digits);
    if (!prefix || *prefix > bits || digits.size() > 3) return std::nullopt;
    out.prefix = static_cast<std::uint8_t>(*prefix);
  }
  // A prefix shorter than the address is more often a slip than a wish, and would let in more than was meant.
  if (has_bits_beyond_prefix(out)) return std::nullopt;
  unmap(out);
  return out;
}

bool is_address(std::string_view text) {
  Network ignored;
  return parse_address(text, ignored);
}

bool is_address_with_port(std::string_view text, std::uint16_t lowest_port) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  const auto digits = text.substr(colon + 1);
  const auto port = parse_whole(digits);
  if (!port || *port < lowest_port || *port > 65'535 || digits.size() > 5) return false;
  auto host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  Network address;
  return parse_address(host, address) && bracketed == (address.bytes == 16);
}

}  // namespace larder::conf
