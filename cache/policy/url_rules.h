// What the operator says about single URLs, by host and path. Pure values and functions; immutable while shared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cache/http/date.h"
#include "cache/http/uri.h"

namespace larder::policy {

// Whether the glob stands for the whole text: "*" for any run of bytes ("/" among them, and none at all), "?" for any
// one byte, every other byte for itself. Linear in the text, whatever the glob. A run of more than kLongestRun bytes
// between two "*" matches nothing (the configuration refuses it).
inline constexpr std::size_t kLongestRun = 64;
bool matches_glob(std::string_view glob, std::string_view text);

struct UrlRule {
  std::string host;  // "a.example"; ".example": that name and all below it; "*": every one
  std::string path;  // a glob over the path without its query; "" for all
  // The freshness lifetime of a successful (2xx) response that may be stored, in place of what RFC 9111 section 4.2.1
  // finds. Not of errors and redirects: a missing file must not be missing for a year.
  std::optional<http::Seconds> fresh;
  std::optional<http::Seconds> keep_stale;  // stale-if-error (RFC 5861 section 4), whatever the response says of that
  // Store and reuse in spite of no-store, private, no-cache (RFC 9111 section 5.2.2) and Set-Cookie. Never in spite of
  // Authorization (section 3.5).
  bool force = false;
  bool never = false;                     // neither stored nor answered from the store
  std::vector<std::string> ignore_query;  // globs over the names of parameters that are no part of the key
  std::string why;
};

// Rules in their order; the first that matches a URL applies alone. Finding it costs a look-up for each label of the
// host and a glob for each rule of that host, however many rules other hosts have.
class UrlRules {
 public:
  UrlRules() = default;
  // Hosts may be in any case and end in a dot.
  explicit UrlRules(std::vector<UrlRule> rules);

  [[nodiscard]] bool is_empty() const { return rules_.empty(); }

  // The rule for a host in lower case (IPv6 without brackets; a trailing dot is ignored) and a path, "" for "/". The
  // path is normalised for the comparison as an origin does it: "%7E" is "~" (RFC 3986 section 6.2.2.2) and dot
  // segments are resolved (section 5.2.4), so that no detour leads around a "never" or into a "fresh". nullptr: none.
  // The rule lives as long as this does. Allocates only for a path with "%" or "/." in it.
  [[nodiscard]] const UrlRule* match(std::string_view host_lowercase, std::string_view path) const;
  // The same for a URI as it was asked for. Costs nothing when there are no rules.
  [[nodiscard]] const UrlRule* match(const http::Uri& uri) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Indices = std::vector<std::uint32_t>;  // into rules_, ascending
  using ByHost = std::unordered_map<std::string, Indices, Hash, std::equal_to<>>;

  void find_in(const Indices& indices, std::string_view path, std::size_t& first) const;
  void find_in(const ByHost& hosts, std::string_view host, std::string_view path, std::size_t& first) const;

  std::vector<UrlRule> rules_;
  ByHost exact_;                   // "a.example"
  ByHost below_;                   // ".example", without its dot
  Indices anywhere_;               // "*"
  std::size_t longest_below_ = 0;  // bytes: no longer suffix of a host need be looked up
};

// The key under which responses of a URI are stored, by the rules that apply to it; the rule that matched, or null.
const UrlRule* append_cache_key(std::string& out, const http::Uri& uri, const UrlRules& rules);

// Appends the normalised URI (http::append_normalised) without the parameters that the rule ignores; the others stay
// untouched and in their order, and when none is left, neither is the "?". Names are compared as they stand, in their
// case and without decoding. True: something was left out.
bool append_key(std::string& out, const http::Uri& uri, const UrlRule& rule);

}  // namespace larder::policy
