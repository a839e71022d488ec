// A value as the operator said it, before its key gives it a meaning; and the step from there into a Config.
// Used inside conf only.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "conf/config.h"
#include "conf/schema.h"

namespace larder::conf {

struct Scalar {
  enum class Type : std::uint8_t { Other, Number, Text };
  Type type = Type::Other;
  std::string text;  // of Text: the text itself; else how it is shown in a message: "-5", "null", "an object"
  std::optional<std::uint64_t> whole;  // of a Number that is whole and not negative
};
using Value = std::variant<Scalar, std::vector<Scalar>>;

// For messages: quoted and escaped when it is a text, cut when long.
std::string shown(const Scalar& scalar);
std::string shown(const Value& value);
std::string quoted(std::string_view text);

// What a key wants, for messages: "a size such as \"256MiB\" or a number of bytes".
std::string wanted(const Key& key);

// What is wrong with a value: which member of the list (none: the whole) and what was expected in its place.
struct Fault {
  std::optional<std::size_t> member;
  std::string expected;
};

// Puts the value into its place in `config`; with any fault, `config` keeps what it had there.
std::vector<Fault> assign(const Key& key, const Value& value, Config& config);

}  // namespace larder::conf
