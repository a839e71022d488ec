// From text to Config, or to a list of errors that name the place (file and JSON pointer) and what was expected.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "conf/config.h"

namespace larder::conf {

struct Error {
  std::string where;     // "larder.json: /cache/memory", "--set cache.memory", "larder.json:3:17"
  std::string expected;  // "a size such as \"256MiB\" or a number of bytes, not \"lots\""
};

// Everything that was said. `file` "" = none. Each `set` is "dotted.key=value" (the value is JSON, or else taken as a
// string); it wins over the file, the last one over earlier ones. All errors are gathered, not only the first.
tl::expected<Config, std::vector<Error>> load(const std::string& file, const std::vector<std::string>& set);

// The same for text already read (`name` stands for it in errors). For tests and fuzzing.
tl::expected<Config, std::vector<Error>> load_text(std::string_view text, std::string_view name,
                                                   const std::vector<std::string>& set);

// A JSON Schema (draft 2020-12) of the file: every key with type, default and description.
std::string json_schema();
// The same as a Markdown table: | key | default | meaning |
std::string markdown_table();
// conf/larder.json as it should be: every key with its default.
std::string default_json();

// The shipped rule sets that cache.presets may name, in the order of the alphabet.
std::vector<std::string_view> preset_names();
// One of them as JSON: a list as cache.rules takes it, each rule with the reason for it. "" when there is none of that
// name.
std::string preset_json(std::string_view name);

// Pieces, for other rooms and tests.
std::optional<std::uint64_t> parse_size(std::string_view text);  // "256MiB", "10GiB", "1GB", "512", "64KiB"
std::optional<Millis> parse_duration(std::string_view text);     // "250ms", "10s", "5m", "2h", "1d"
std::optional<Network> parse_network(std::string_view text);     // "10.0.0.0/8", "::1", "192.0.2.7"

}  // namespace larder::conf
