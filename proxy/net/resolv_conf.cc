#include "proxy/net/resolv_conf.h"

#include <arpa/inet.h>
#include <net/if.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "proxy/net/dns_message.h"
#include "proxy/net/words.h"

namespace larder::net {
namespace {

constexpr std::uint16_t kDnsPort = 53;
constexpr std::size_t kMaxServers = 3;
constexpr std::size_t kMaxSearch = 32;
constexpr unsigned kMaxDots = 15;

// With a zone too ("fe80::1%eth0"): home routers announce themselves so.
std::optional<Address> parse_server(std::string_view word) {
  const std::size_t percent = word.find('%');
  const auto address = Address::parse_literal(word.substr(0, percent), kDnsPort);
  if (!address || percent == std::string_view::npos || !address->is_v6()) return address;
  sockaddr_storage name{};
  address->to_sockaddr(name);
  auto* in6 = reinterpret_cast<sockaddr_in6*>(&name);
  in6->sin6_scope_id = ::if_nametoindex(std::string(word.substr(percent + 1)).c_str());
  return Address::from(reinterpret_cast<const sockaddr*>(&name));
}

void add_domain(std::vector<std::string>& search, std::string_view word) {
  if (!word.empty() && word.back() == '.') word.remove_suffix(1);
  if (search.size() < kMaxSearch && is_plausible_name(word)) search.push_back(to_lower(word));
}

void read_option(std::string_view word, ResolvConf& conf) {
  constexpr std::string_view kDots = "ndots:";
  if (word.substr(0, kDots.size()) != kDots) return;
  word.remove_prefix(kDots.size());
  unsigned value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error == std::errc() && end == word.data() + word.size()) conf.ndots = std::min(value, kMaxDots);
}

}  // namespace

ResolvConf ResolvConf::parse(std::string_view text) {
  ResolvConf conf;
  while (!text.empty()) {
    std::string_view line = take_line(text);
    line = line.substr(0, line.find_first_of("#;"));
    const std::string_view keyword = take_word(line);
    std::string_view word = take_word(line);
    if (keyword == "nameserver") {
      const auto server = parse_server(word);
      if (server && conf.servers.size() < kMaxServers) conf.servers.push_back(*server);
    } else if (keyword == "search" || keyword == "domain") {  // the last of them counts
      conf.search.clear();
      for (; !word.empty(); word = take_word(line)) add_domain(conf.search, word);
    } else if (keyword == "options") {
      for (; !word.empty(); word = take_word(line)) read_option(word, conf);
    }
  }
  return conf;
}

std::vector<std::string> ResolvConf::candidates(std::string_view name) const {
  if (!name.empty() && name.back() == '.') return {std::string(name.substr(0, name.size() - 1))};
  std::vector<std::string> names;
  const bool is_complete_first = static_cast<unsigned>(std::count(name.begin(), name.end(), '.')) >= ndots;
  if (is_complete_first) names.emplace_back(name);
  for (const std::string& domain : search) {
    std::string longer(name);
    longer += '.';
    longer += domain;
    if (is_plausible_name(longer)) names.push_back(std::move(longer));
  }
  if (!is_complete_first) names.emplace_back(name);
  return names;
}

}  // namespace larder::net
