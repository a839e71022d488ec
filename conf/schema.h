// The one table of all configuration keys. Parsing, --print-schema, the README's table and conf/larder.json are made
// from it. Used inside conf only; immutable, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "conf/config.h"

namespace larder::conf {

enum class Kind : std::uint8_t {
  Listen,       // "ADDR:PORT" with literals, or "" for none
  Path,         // any text without NUL
  Size,         // bytes: a whole number, or a text with a unit
  Duration,     // seconds as a whole number, or a text with a unit
  Count,        // a whole number
  Flag,         // true or false
  Host,         // "a.example", ".example" or "*"
  PathGlob,     // with * and ?
  ListenList,   // of "ADDR:PORT"
  ServerList,   // of "ADDR" or "ADDR:PORT"
  FieldNames,   // of field names (RFC 9110 section 5.1)
  HostList,     // as Host
  NetworkList,  // of CIDR texts
  PortList,     // of whole numbers from 1 to 65535
  NameGlobs,    // of globs over the names of query parameters
  PresetNames,  // of names out of preset_names()
  RuleList,     // of objects, see url_rule.h
};
bool is_list(Kind kind);

// What a value must be.
struct Shape {
  Kind kind;
  // Of the number (bytes, milliseconds, count), or of how many members a list has; of a text, max is its longest length
  // and 0 any.
  std::uint64_t min, max;
};

// Where a value of some kind is kept in a Config or a rule.
using Slot =
    std::variant<std::string*, std::uint64_t*, unsigned*, bool*, Millis*, std::optional<Millis>*,
                 std::vector<std::string>*, std::vector<Network>*, std::vector<std::uint16_t>*, std::vector<UrlRule>*>;

struct Key {
  std::string_view name;  // dotted: "cache.disk.size"
  Kind kind;
  std::string_view fallback;  // the default, as the JSON text that the file would hold
  std::uint64_t min, max;     // see Shape
  Slot (*slot)(Config&);
  std::string_view meaning;  // one or two sentences, without '|'
  [[nodiscard]] constexpr Shape shape() const { return {kind, min, max}; }
};

std::span<const Key> keys();  // in the order in which they are shown; keys of one section stand together
const Key* find_key(std::string_view dotted);
bool is_section(std::string_view dotted);  // "cache", "cache.disk"
// The last part of a dotted name, and what stands before it ("" at the top).
std::string_view leaf_of(std::string_view dotted);
std::string_view section_of(std::string_view dotted);
// The one of `names` that differs least from `word`, "" when none is near.
std::string_view nearest_among(std::string_view word, std::span<const std::string_view> names);
// The key or section that was probably meant, "" when none is near.
std::string_view nearest(std::string_view dotted);
// The names directly inside a section, for a message: `"memory", "max_object", ...`.
std::string members_of(std::string_view section);

// The value of cache.disk.path that stands for $XDG_CACHE_HOME/larder or ~/.cache/larder.
inline constexpr std::string_view kAutoPath = "auto";

}  // namespace larder::conf
