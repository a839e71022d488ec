#include "conf/value.h"

#include <algorithm>
#include <limits>

#include "conf/load.h"
#include "conf/units.h"

namespace larder::conf {
namespace {

constexpr std::size_t kLongestShown = 48;
constexpr std::size_t kMostFaults = 50;  // of one list

bool is_field_name(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";  // tchar, RFC 9110 section 5.6.2
  return !text.empty() && text.size() <= 255 && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

std::string in_unit(Kind kind, std::uint64_t number) {
  if (kind == Kind::Duration) {
    if (number > 0 && number % 86'400'000 == 0) return std::to_string(number / 86'400'000) + "d";
    return std::to_string(number) + "ms";
  }
  if (kind == Kind::Size && number > 0) {
    constexpr std::string_view kUnits[] = {"", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    std::size_t unit = 0;
    for (; number % 1024 == 0 && unit + 1 < std::size(kUnits); number /= 1024) ++unit;
    return std::to_string(number).append(kUnits[unit]);
  }
  return std::to_string(number);
}

std::string but_not(const std::string& expected, const std::string& instead) {
  return expected + ", not " + instead;
}

// What one member of a list wants; of a scalar key, the value itself.
std::string_view wanted_member(Kind kind) {
  switch (kind) {
    case Kind::Listen:
      return R"(an address such as "127.0.0.1:3129" or "[::1]:3129", or "" for none)";
    case Kind::Path:
      return "a text";
    case Kind::Size:
      return R"(a size such as "256MiB" or a number of bytes)";
    case Kind::Duration:
      return R"(a duration such as "10s" or "250ms" or a number of seconds)";
    case Kind::Count:
      return "a whole number";
    case Kind::ListenList:
      return R"(an address such as "127.0.0.1:3128" or "[::1]:3128")";
    case Kind::ServerList:
      return R"(an address such as "192.0.2.53", "192.0.2.53:5353" or "2001:db8::53")";
    case Kind::FieldNames:
      return R"(a field name such as "Larder-Cache-Control")";
    case Kind::NetworkList:
      return R"(a network such as "10.0.0.0/8", "fd00::/8" or "192.0.2.7", without bits beyond its prefix)";
    case Kind::PortList:
      return "a port from 1 to 65535";
  }
  return {};
}

std::optional<std::string> as_text(Kind kind, const Scalar& said) {
  if (said.type != Scalar::Type::Text) return std::nullopt;
  const std::string& text = said.text;
  bool good = false;
  switch (kind) {
    case Kind::Listen:
      good = text.empty() || is_address_with_port(text, 0);
      break;
    case Kind::ListenList:
      good = is_address_with_port(text, 0);
      break;
    case Kind::ServerList:
      good = is_address(text) || is_address_with_port(text, 1);
      break;
    case Kind::FieldNames:
      good = is_field_name(text);
      break;
    default:
      good = text.find('\0') == std::string::npos;
  }
  return good ? std::optional(text) : std::nullopt;
}

std::optional<std::uint64_t> as_number(Kind kind, const Scalar& said) {
  const bool text = said.type == Scalar::Type::Text;
  if (kind == Kind::Size && text) return parse_size(said.text);
  if (kind == Kind::Duration) {
    if (text) {
      const auto millis = parse_duration(said.text);
      return millis ? std::optional(static_cast<std::uint64_t>(millis->count())) : std::nullopt;
    }
    if (said.whole && *said.whole > std::numeric_limits<std::uint64_t>::max() / 1000) return std::nullopt;
    return said.whole ? std::optional(*said.whole * 1000) : std::nullopt;
  }
  return text ? std::nullopt : said.whole;
}

// One overload per type of slot; true when the value was good.
struct Put {
  const Key& key;
  const Value& value;
  std::vector<Fault>& faults;

  void wrong(std::optional<std::size_t> member, std::string expected) const {
    faults.push_back({member, std::move(expected)});
  }

  const Scalar* scalar() const {
    const auto* said = std::get_if<Scalar>(&value);
    if (said == nullptr) wrong({}, but_not(wanted(key), "a list"));
    return said;
  }

  template <typename Number>
  std::optional<Number> number() const {
    const Scalar* said = scalar();
    if (said == nullptr) return std::nullopt;
    const auto number = as_number(key.kind, *said);
    if (number && *number >= key.min && *number <= key.max) return static_cast<Number>(*number);
    wrong({}, but_not(wanted(key), shown(*said)));
    return std::nullopt;
  }

  void operator()(std::string* slot) const {
    const Scalar* said = scalar();
    if (said == nullptr) return;
    const auto text = as_text(key.kind, *said);
    if (text && (key.max == 0 || text->size() <= key.max)) {
      *slot = *text;
    } else {
      wrong({}, but_not(wanted(key), shown(*said)));
    }
  }
  void operator()(std::uint64_t* slot) const { *slot = number<std::uint64_t>().value_or(*slot); }
  void operator()(unsigned* slot) const { *slot = number<unsigned>().value_or(*slot); }
  void operator()(Millis* slot) const {
    if (const auto millis = number<Millis::rep>()) *slot = Millis(*millis);
  }

  // All members by `read`, or nothing at all.
  template <typename Member, typename Read>
  void list(std::vector<Member>* slot, Read read) const {
    const auto* said = std::get_if<std::vector<Scalar>>(&value);
    if (said == nullptr) return wrong({}, but_not(wanted(key), shown(value)));
    if (said->size() < key.min || said->size() > key.max) {
      return wrong({},
                   but_not(wanted(key), std::to_string(said->size()) + (said->size() == 1 ? " member" : " members")));
    }
    std::vector<Member> members;
    for (std::size_t i = 0; i < said->size(); ++i) {
      std::optional<Member> member = read((*said)[i]);
      if (faults.size() == kMostFaults) return;
      if (!member) {
        wrong(i, but_not(std::string(wanted_member(key.kind)), shown((*said)[i])));
      } else {
        members.push_back(std::move(*member));
      }
    }
    if (faults.empty()) *slot = std::move(members);
  }
  void operator()(std::vector<std::string>* slot) const {
    list(slot, [&](const Scalar& said) { return as_text(key.kind, said); });
  }
  void operator()(std::vector<Network>* slot) const {
    list(slot,
         [](const Scalar& said) { return said.type == Scalar::Type::Text ? parse_network(said.text) : std::nullopt; });
  }
  void operator()(std::vector<std::uint16_t>* slot) const {
    list(slot, [](const Scalar& said) -> std::optional<std::uint16_t> {
      if (said.type != Scalar::Type::Number || !said.whole || *said.whole < 1 || *said.whole > 65'535)
        return std::nullopt;
      return static_cast<std::uint16_t>(*said.whole);
    });
  }
};

}  // namespace

std::string quoted(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text.substr(0, kLongestShown)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.append(1, '\\').append(1, c);
    } else if (byte < 0x20 || byte == 0x7f) {
      out.append("\\u00").append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
    } else {
      out += c;
    }
  }
  return out.append(text.size() > kLongestShown ? "...\"" : "\"");
}

std::string shown(const Scalar& scalar) {
  if (scalar.type == Scalar::Type::Text) return quoted(scalar.text);
  return scalar.text.size() > kLongestShown ? scalar.text.substr(0, kLongestShown) + "..." : scalar.text;
}

std::string shown(const Value& value) {
  const auto* scalar = std::get_if<Scalar>(&value);
  return scalar == nullptr ? "a list" : shown(*scalar);
}

std::string wanted(const Key& key) {
  std::string out(wanted_member(key.kind));
  if (is_list(key.kind)) {
    out = "a list of which each member is " + out;
    if (key.min > 0) out += ", with at least one";
    return out;
  }
  if (key.kind != Kind::Size && key.kind != Kind::Duration && key.kind != Kind::Count) return out;
  return out + " from " + in_unit(key.kind, key.min) + " to " + in_unit(key.kind, key.max);
}

std::vector<Fault> assign(const Key& key, const Value& value, Config& config) {
  std::vector<Fault> faults;
  std::visit(Put{key, value, faults}, key.slot(config));
  return faults;
}

}  // namespace larder::conf
