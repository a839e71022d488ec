// The members of one rule in cache.rules, and the shipped sets of rules. Used inside conf only; immutable, any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "conf/config.h"
#include "conf/schema.h"
#include "conf/value.h"

namespace larder::conf {

struct RuleKey {
  std::string_view name;
  Kind kind;
  std::uint64_t min, max;  // as in Key
  Slot (*slot)(UrlRule&);
  std::string_view meaning;
  [[nodiscard]] constexpr Shape shape() const { return {kind, min, max}; }
};

std::span<const RuleKey> rule_keys();  // in the order in which they are shown; only "host" must be there

// Reads one member of the list into `rule`. With any fault, whose places count from that member on, `rule` is of no
// use.
std::vector<Fault> read_rule(const Item& said, UrlRule& rule);

bool is_preset(std::string_view name);
// The rules of a preset; none when there is none of that name.
std::vector<UrlRule> preset_rules(std::string_view name);

}  // namespace larder::conf
