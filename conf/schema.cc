#include "conf/schema.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace larder::conf {
namespace {

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;
constexpr std::uint64_t kEiB = 1ULL << 60;  // no sum of a few sizes can overflow
constexpr std::uint64_t kYear = 366ULL * 86'400'000;
constexpr std::uint64_t kMany = 4096;  // members of a list

// The accessor of one member of Config.
#define LARDER_AT(member) [](Config& c) -> Slot { return &c.member; }

// clang-format off
constexpr Key kKeys[] = {
  {"listen", Kind::ListenList, R"(["127.0.0.1:3128"])", 1, 64, LARDER_AT(listen),
   "Addresses on which clients reach the proxy, each \"ADDR:PORT\" or \"[IPv6]:PORT\"; port 0 takes any free one."},
  {"workers", Kind::Count, "0", 0, 1024, LARDER_AT(workers),
   "Threads that serve clients; 0 means one per usable core."},

  {"admin.listen", Kind::Listen, R"("127.0.0.1:3129")", 0, 0, LARDER_AT(admin.listen),
   "Address of the operator's port: metrics, health, listing and purging; \"\" for none."},

  {"admin.names", Kind::HostList, "[]", 0, 64, LARDER_AT(admin.names),
   "Names under which the operator's port is reached, besides addresses, localhost and names without a dot; "
   "\".example\" is it and all below, \"*\" every one. A request for any other is answered 421, so that no web page can "
   "reach that port by a name of its own (DNS rebinding)."},

  {"cache.memory", Kind::Size, R"("256MiB")", 0, kEiB, LARDER_AT(cache.memory),
   "Size of the memory tier; 0 for none."},
  {"cache.max_object", Kind::Size, R"("1GiB")", 0, kEiB, LARDER_AT(cache.max_object),
   "Responses with a larger body are passed on but not stored."},
  {"cache.heuristic_percent", Kind::Count, "10", 0, 100, LARDER_AT(cache.heuristic_percent),
   "A response without explicit freshness counts as fresh for this percentage of its age since Last-Modified (RFC "
   "9111 section 4.2.2)."},
  {"cache.heuristic_max", Kind::Duration, R"("1d")", 0, kYear, LARDER_AT(cache.heuristic_max),
   "The longest freshness that is ever guessed in this way."},
  {"cache.targeted_fields", Kind::FieldNames, R"(["Larder-Cache-Control"])", 0, 16, LARDER_AT(cache.targeted_fields),
   "Response fields that are obeyed in place of Cache-Control (RFC 9213); the first that is present wins."},
  {"cache.stale_while_revalidate", Kind::Duration, R"("0s")", 0, kYear, LARDER_AT(cache.stale_while_revalidate),
   "For how long a stale response is served while it is being revalidated (RFC 5861 section 3), where it neither says "
   "so itself nor forbids it."},
  {"cache.stale_if_error", Kind::Duration, R"("1d")", 0, kYear, LARDER_AT(cache.stale_if_error),
   "For how long a stale response is served when its origin fails (RFC 5861 section 4), where it neither says so "
   "itself nor forbids it."},
  {"cache.presets", Kind::PresetNames, "[]", 0, 16, LARDER_AT(cache.presets),
   "Shipped sets of rules, out of \"apt\", \"containers\", \"npm\" and \"pip\"; they come after those of cache.rules, "
   "in this order. --print-preset shows one with the reason for each line."},
  {"cache.rules", Kind::RuleList, "[]", 0, kMany, LARDER_AT(cache.rules),
   "Rules for the URLs of a host: {\"host\", \"path\", \"fresh\", \"force\", \"never\", \"keep_stale\", "
   "\"ignore_query\", \"why\"}, explained in --print-schema. They are tried in order and the first that matches a URL "
   "applies alone; one that says nothing but its host and path is an exception from those behind it."},
  {"cache.negative.not_found", Kind::Duration, R"("0s")", 0, kYear, LARDER_AT(cache.negative.not_found),
   "For how long a 404 or 410 without explicit freshness is kept; 0 for what RFC 9111 allows by itself."},
  {"cache.negative.server_error", Kind::Duration, R"("0s")", 0, kYear, LARDER_AT(cache.negative.server_error),
   "For how long a 500, 502, 503 or 504 without explicit freshness is kept; 0 for not at all."},
  {"cache.disk.path", Kind::Path, R"("auto")", 0, 4095, LARDER_AT(cache.disk.path),
   "Folder of the disk tier, made when it is missing; \"\" for none. \"auto\" is $XDG_CACHE_HOME/larder, else "
   "~/.cache/larder, else (neither variable is set) none; where that one cannot be used, Larder runs without."},
  {"cache.disk.size", Kind::Size, R"("10GiB")", 0, kEiB, LARDER_AT(cache.disk.size),
   "Size of the disk tier; 0 for none. Its memory grows by 40 bytes with each object there."},

  {"access.clients", Kind::NetworkList,
   R"(["127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10"])", 0, kMany,
   LARDER_AT(access.clients),
   "Networks whose clients may use the proxy; all others are refused."},
  {"access.connect_ports", Kind::PortList, "[80, 443]", 0, kMany, LARDER_AT(access.connect_ports),
   "Ports to which CONNECT may open a tunnel; others are answered 403."},

  {"log.access", Kind::Path, R"("stdout")", 0, 4095, LARDER_AT(log.access),
   "Where each request is logged as one JSON object per line: \"stdout\", a file's path, or \"\" for nowhere."},

  {"dns.servers", Kind::ServerList, "[]", 0, 8, LARDER_AT(dns.servers),
   "Name servers, each \"ADDR\" or \"ADDR:PORT\"; none means those of /etc/resolv.conf."},
  {"dns.hosts", Kind::Path, R"("/etc/hosts")", 0, 4095, LARDER_AT(dns.hosts),
   "A hosts file that is asked before DNS; \"\" for none."},
  {"dns.timeout", Kind::Duration, R"("5s")", 1, kYear, LARDER_AT(dns.timeout),
   "How long finding one name may take, all tries together."},
  {"dns.min_ttl", Kind::Duration, R"("1s")", 0, kYear, LARDER_AT(dns.min_ttl),
   "Answers are kept at least this long, whatever they say."},
  {"dns.max_ttl", Kind::Duration, R"("1h")", 0, kYear, LARDER_AT(dns.max_ttl),
   "Answers are kept at most this long, whatever they say."},
  {"dns.negative_ttl", Kind::Duration, R"("10s")", 0, kYear, LARDER_AT(dns.negative_ttl),
   "\"No such name\" is remembered at most this long."},

  {"timeouts.connect", Kind::Duration, R"("10s")", 1, kYear, LARDER_AT(timeouts.connect),
   "Connecting to one origin, all its addresses together."},
  {"timeouts.first_byte", Kind::Duration, R"("60s")", 1, kYear, LARDER_AT(timeouts.first_byte),
   "From the end of a request to the head of the origin's response."},
  {"timeouts.body_idle", Kind::Duration, R"("60s")", 1, kYear, LARDER_AT(timeouts.body_idle),
   "Between two bytes of a body, on either side."},
  {"timeouts.header", Kind::Duration, R"("15s")", 1, kYear, LARDER_AT(timeouts.header),
   "From the first byte of a client's request to the end of its head."},
  {"timeouts.client_idle", Kind::Duration, R"("75s")", 1, kYear, LARDER_AT(timeouts.client_idle),
   "How long a client's connection is kept between requests."},
  {"timeouts.origin_idle", Kind::Duration, R"("50s")", 1, kYear, LARDER_AT(timeouts.origin_idle),
   "How long an origin's connection is kept between requests."},
  {"timeouts.tunnel_idle", Kind::Duration, R"("10m")", 1, kYear, LARDER_AT(timeouts.tunnel_idle),
   "How long a tunnel or an upgraded connection may be silent."},
  {"timeouts.drain", Kind::Duration, R"("5s")", 0, kYear, LARDER_AT(timeouts.drain),
   "After SIGTERM: how long requests in flight may go on."},

  {"limits.header_bytes", Kind::Size, R"("64KiB")", kKiB, 16 * kMiB, LARDER_AT(limits.header_bytes),
   "The largest head of a message; a request beyond it is answered 431."},
  {"limits.target_bytes", Kind::Size, R"("32KiB")", 256, 16 * kMiB, LARDER_AT(limits.target_bytes),
   "The longest request target (URL); a longer one is answered 414."},
  {"limits.header_fields", Kind::Count, "256", 8, 65'535, LARDER_AT(limits.header_fields),
   "The most field lines in a head; a request with more is answered 431."},
  {"limits.client_connections", Kind::Count, "65536", 1, std::numeric_limits<unsigned>::max(),
   LARDER_AT(limits.client_connections),
   "Client connections that may be open together; further ones are closed at once."},
  {"limits.origin_idle_connections", Kind::Count, "1024", 0, std::numeric_limits<unsigned>::max(),
   LARDER_AT(limits.origin_idle_connections),
   "Idle origin connections that are kept, in all."},
  {"limits.origin_idle_per_host", Kind::Count, "64", 0, std::numeric_limits<unsigned>::max(),
   LARDER_AT(limits.origin_idle_per_host),
   "Idle origin connections that are kept for one host and port."},
  {"limits.stream_window", Kind::Size, R"("256KiB")", 4 * kKiB, 1024 * kMiB, LARDER_AT(limits.stream_window),
   "Bytes of a body in flight per request that is not stored: what a slow client can make Larder hold."},
};
// clang-format on
#undef LARDER_AT

constexpr std::size_t kLongestCompared = 63;

// Levenshtein's distance, for texts of at most kLongestCompared bytes.
std::size_t distance(std::string_view a, std::string_view b) {
  std::array<std::size_t, kLongestCompared + 1> row{};
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

// All names that may stand in a message: keys and the sections they lie in.
std::vector<std::string_view> all_names() {
  std::vector<std::string_view> names;
  for (const Key& key : kKeys) {
    names.push_back(key.name);
    for (auto s = section_of(key.name); !s.empty(); s = section_of(s)) {
      if (std::find(names.begin(), names.end(), s) == names.end()) names.push_back(s);
    }
  }
  return names;
}

}  // namespace

bool is_list(Kind kind) {
  return kind >= Kind::ListenList;
}

std::span<const Key> keys() {
  return kKeys;
}

const Key* find_key(std::string_view dotted) {
  const auto* found =
      std::find_if(std::begin(kKeys), std::end(kKeys), [&](const Key& key) { return key.name == dotted; });
  return found == std::end(kKeys) ? nullptr : found;
}

bool is_section(std::string_view dotted) {
  return !dotted.empty() && std::any_of(std::begin(kKeys), std::end(kKeys), [&](const Key& key) {
    return key.name.size() > dotted.size() && key.name.starts_with(dotted) && key.name[dotted.size()] == '.';
  });
}

std::string_view leaf_of(std::string_view dotted) {
  const auto dot = dotted.rfind('.');
  return dot == std::string_view::npos ? dotted : dotted.substr(dot + 1);
}

std::string_view section_of(std::string_view dotted) {
  const auto dot = dotted.rfind('.');
  return dot == std::string_view::npos ? std::string_view{} : dotted.substr(0, dot);
}

std::string_view nearest_among(std::string_view word, std::span<const std::string_view> names) {
  if (word.empty() || word.size() > kLongestCompared) return {};
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 4) + 1;
  for (const auto name : names) {
    if (std::max(name.size(), word.size()) - std::min(name.size(), word.size()) >= best_distance) continue;
    const auto d = distance(word, name);
    if (d < best_distance) {
      best = name;
      best_distance = d;
    }
  }
  return best;
}

std::string_view nearest(std::string_view dotted) {
  const auto names = all_names();
  if (const auto best = nearest_among(dotted, names); !best.empty()) return best;
  if (dotted.empty() || dotted.size() > kLongestCompared) return {};
  // The right word in the wrong place: "memory" at the top, "cache.workers".
  for (const auto name : names) {
    if (leaf_of(name) == leaf_of(dotted)) return name;
  }
  return {};
}

std::string members_of(std::string_view section) {
  std::string out;
  for (const auto name : all_names()) {
    if (section_of(name) != section) continue;
    if (!out.empty()) out += ", ";
    out.append("\"").append(leaf_of(name)).append("\"");
  }
  return out;
}

}  // namespace larder::conf
