#include "conf/url_rule.h"

#include <algorithm>
#include <set>
#include <string>

namespace larder::conf {
namespace {

constexpr std::uint64_t kYear = 366ULL * 86'400'000;
constexpr std::uint64_t kManyParameters = 64;
constexpr std::uint64_t kLongestReason = 4096;

// The accessor of one member of UrlRule.
#define LARDER_AT(member) [](UrlRule& r) -> Slot { return &r.member; }

// clang-format off
constexpr RuleKey kRuleKeys[] = {
  {"host", Kind::Host, 0, 0, LARDER_AT(host),
   "Whose URLs the rule is about, on any port: \"deb.debian.org\" for that name alone, \".debian.org\" for it and "
   "every name below it, \"*\" for every host."},
  {"path", Kind::PathGlob, 0, 0, LARDER_AT(path),
   "Which paths, as a pattern for the whole path without its query: * stands for any run of bytes, \"/\" among them, "
   "and ? for any one byte. Dot segments are resolved first and needless percent-encoding is undone. Left out: all."},
  {"fresh", Kind::Duration, 0, kYear, LARDER_AT(fresh),
   "How long a successful response (2xx) counts as fresh, whatever it says itself; \"0s\" asks the origin at each use. "
   "It makes nothing storable that is not, and errors and redirects keep what they say."},
  {"keep_stale", Kind::Duration, 0, kYear, LARDER_AT(keep_stale),
   "How long a stale response is still served when its origin fails. must-revalidate and its like forbid it as ever."},
  {"force", Kind::Flag, 0, 0, LARDER_AT(force),
   "Store and reuse although the response says no-store, private or no-cache, or sets a cookie. DANGEROUS: what was "
   "meant for one client then goes to all; use it only where every client gets the same. What came with Authorization "
   "is never forced."},
  {"never", Kind::Flag, 0, 0, LARDER_AT(never),
   "Never stored and never answered from the cache; goes with none of \"fresh\", \"keep_stale\", \"force\" and "
   "\"ignore_query\"."},
  {"ignore_query", Kind::NameGlobs, 0, kManyParameters, LARDER_AT(ignore_query),
   "Query parameters, as patterns for their names, that are left out of the cache's key, so that URLs which differ in "
   "them alone share a response. The request is forwarded with them."},
  {"why", Kind::Path, 0, kLongestReason, LARDER_AT(why),
   "The reason, for people."},
};
// clang-format on
#undef LARDER_AT

const RuleKey* find_rule_key(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(kRuleKeys), std::end(kRuleKeys), [name](const RuleKey& key) { return key.name == name; });
  return found == std::end(kRuleKeys) ? nullptr : found;
}

std::string unknown(std::string_view name) {
  std::vector<std::string_view> names;
  for (const RuleKey& key : kRuleKeys) names.push_back(key.name);
  if (const auto near = nearest_among(name, names); !near.empty())
    return "a member of a rule; did you mean " + quoted(near) + "?";
  std::string out = "a member of a rule, one of ";
  for (const auto one : names) out.append(one == names.front() ? "" : ", ").append(quoted(one));
  return out;
}

// A rule that never stores has no use for what is said of the stored.
void check_never(const UrlRule& rule, std::vector<Fault>& faults) {
  if (!rule.never) return;
  const auto contradicts = [&](std::string_view name, bool is_said) {
    if (is_said)
      faults.push_back({pointer_part(name), "none of it beside \"never\": what is never stored has no use for it"});
  };
  contradicts("fresh", rule.fresh.has_value());
  contradicts("keep_stale", rule.keep_stale.has_value());
  contradicts("force", rule.force);
  contradicts("ignore_query", !rule.ignore_query.empty());
}

}  // namespace

std::span<const RuleKey> rule_keys() {
  return kRuleKeys;
}

std::vector<Fault> read_rule(const Item& said, UrlRule& rule) {
  if (said.type != Item::Type::Object) return {{"", wanted({Kind::RuleList, 0, 0}) + ", not " + shown(said)}};
  std::vector<Fault> faults;
  std::set<std::string_view> seen;
  for (const Member& member : said.members) {
    const auto place = pointer_part(member.name);
    const RuleKey* key = find_rule_key(member.name);
    if (key == nullptr) {
      faults.push_back({place, unknown(member.name)});
    } else if (!seen.insert(key->name).second) {
      faults.push_back({place, "each member once; this one is repeated"});
    } else {
      for (auto& fault : assign(key->shape(), member.value, key->slot(rule)))
        faults.push_back({place + fault.place, std::move(fault.expected)});
    }
  }
  if (!seen.contains("host"))
    faults.push_back({"", "a rule with a \"host\", such as \".debian.org\", or \"*\" for every one"});
  check_never(rule, faults);
  return faults;
}

}  // namespace larder::conf
