// What the operator says: one immutable value that all rooms read. Made by conf/load.h; every key's name, type, default
// and meaning stands in conf/schema.cc, from which the help, the JSON Schema and the README's table are made.
//
// A Config is shared as shared_ptr<const Config>; a reload swaps the pointer. Any thread may read.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace larder::conf {

using Millis = std::chrono::milliseconds;

// An IP network in CIDR form. IPv4 is kept as 4 bytes, IPv6 as 16.
struct Network {
  std::array<std::uint8_t, 16> address{};
  std::uint8_t bytes = 4;  // 4 or 16
  std::uint8_t prefix = 0;
  bool operator==(const Network&) const = default;
};

// What the operator says about the URLs of a host: one member of cache.rules, or a line of a preset. The meaning of
// each member stands in conf/url_rule.cc.
struct UrlRule {
  std::string host;  // in lower case: "a.example", ".example" (it and all below) or "*" (every one)
  std::string path;  // a glob over the path without its query; "" for all
  std::optional<Millis> fresh;
  std::optional<Millis> keep_stale;
  bool force = false;
  bool never = false;
  std::vector<std::string> ignore_query;  // globs over parameters' names
  std::string why;
  bool operator==(const UrlRule&) const = default;
};

struct Config {
  std::vector<std::string> listen{"127.0.0.1:3128"};  // "ADDR:PORT", "[ADDR]:PORT"; port 0 = any free one
  unsigned workers = 0;                               // 0: one per usable core

  struct Admin {
    std::string listen = "127.0.0.1:3129";  // "" for none
    std::vector<std::string> names;         // hosts, as UrlRule::host: under which browsers may reach it
  } admin;

  struct Cache {
    std::uint64_t memory = 256ULL << 20;    // bytes; 0 for no memory tier
    std::uint64_t max_object = 1ULL << 30;  // bytes of body
    unsigned heuristic_percent = 10;        // RFC 9111 section 4.2.2
    Millis heuristic_max{86'400'000};
    std::vector<std::string> targeted_fields{"Larder-Cache-Control"};
    Millis stale_while_revalidate{0};   // RFC 5861 section 3, where a response says nothing of it
    Millis stale_if_error{86'400'000};  // section 4, likewise
    std::vector<std::string> presets;   // names out of preset_names()
    std::vector<UrlRule> rules;         // the operator's own, then (added by load) those of the presets, in their order
    struct Negative {                   // freshness of errors that give none
      Millis not_found{0};              // 404, 410; 0: what RFC 9111 section 4.2.2 allows by itself
      Millis server_error{0};           // 500, 502, 503, 504; 0: none
    } negative;
    struct Disk {
      std::string path;  // "" for none; the default is $XDG_CACHE_HOME/larder or ~/.cache/larder
      std::uint64_t size = 10ULL << 30;
      bool is_explicit = false;  // the path was given: without it Larder does not start
    } disk;
  } cache;

  struct Access {
    std::vector<Network> clients;  // who may use the proxy
    std::vector<std::uint16_t> connect_ports{80, 443};
  } access;

  struct Log {
    std::string access = "stdout";  // "stdout", a path, or "" for none
  } log;

  struct Dns {
    std::vector<std::string> servers;  // "ADDR" or "ADDR:PORT"; empty: /etc/resolv.conf
    std::string hosts = "/etc/hosts";  // "" for none
    Millis timeout{5'000};             // for one name, all tries together
    Millis min_ttl{1'000};             // shorter TTLs are lengthened to this
    Millis max_ttl{3'600'000};         // longer ones are cut
    Millis negative_ttl{10'000};       // when the answer names none, and the most for a negative answer
  } dns;

  struct Timeouts {
    Millis connect{10'000};       // to one origin, all its addresses together
    Millis first_byte{60'000};    // from the end of the request to the response head
    Millis body_idle{60'000};     // between two bytes of a body, either side
    Millis header{15'000};        // from a request's first byte to its head's last
    Millis client_idle{75'000};   // a client connection between requests
    Millis origin_idle{50'000};   // an origin connection between exchanges
    Millis tunnel_idle{600'000};  // a tunnel or upgraded connection without a byte
    Millis drain{5'000};          // SIGTERM: how long requests in flight may go on
  } timeouts;

  struct Limits {
    std::uint64_t header_bytes = 64ULL * 1024;  // a message head
    std::uint64_t target_bytes = 32ULL * 1024;  // a request target
    unsigned header_fields = 256;               // field lines
    unsigned client_connections = 65'536;       // in all; further ones are closed at once
    unsigned origin_idle_connections = 1'024;   // in all
    unsigned origin_idle_per_host = 64;
    std::uint64_t stream_window = 256ULL * 1024;  // bytes of a body in flight per request that is not stored
  } limits;
};

}  // namespace larder::conf
