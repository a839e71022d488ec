// A value as the operator said it, before its key gives it a meaning; and the step from there into a Config.
// Used inside conf only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "conf/config.h"
#include "conf/schema.h"

namespace larder::conf {

struct Member;

// A scalar, or an object that stands in a list.
struct Item {
  enum class Type : std::uint8_t { Other, Number, Text, Flag, Object };

  Item();  // Other
  Item(Type its_type, std::string its_text, std::optional<std::uint64_t> its_whole = {});

  Type type = Type::Other;
  std::string text;  // of Text: the text itself; else how it is shown in a message: "-5", "null", "an object"
  std::optional<std::uint64_t> whole;  // of a Number that is whole and not negative
  std::vector<Member> members;         // of an Object, in their order, repeated ones too
};
using Value = std::variant<Item, std::vector<Item>>;

struct Member {
  std::string name;
  Value value;  // holds no Object: what stands deeper is Other
};

// For messages: quoted and escaped when it is a text, cut when long.
std::string shown(const Item& item);
std::string shown(const Value& value);
std::string quoted(std::string_view text);
// One step of a JSON pointer, "/name" (RFC 6901 section 3), as it may stand in a message.
std::string pointer_part(std::string_view name);

// What a key wants, for messages: "a size such as \"256MiB\" or a number of bytes".
std::string wanted(const Shape& shape);

// What is wrong with a value, and what was expected in its place.
struct Fault {
  std::string place;  // a JSON pointer from the value on: "" for the whole, "/2" for a member of a list, "/2/host"
  std::string expected;
};

// Puts the value into its slot; with any fault, the slot keeps what it had. At most fifty faults are told.
std::vector<Fault> assign(const Shape& shape, const Value& value, const Slot& slot);

}  // namespace larder::conf
