#include "conf/value.h"

#include <algorithm>
#include <limits>

#include "conf/load.h"
#include "conf/units.h"
#include "conf/url_rule.h"

namespace larder::conf {
namespace {

constexpr std::size_t kLongestShown = 48;
constexpr std::size_t kMostFaults = 50;    // of one value
constexpr std::size_t kLongestHost = 253;  // RFC 1035 section 2.3.4, as text
constexpr std::size_t kLongestGlob = 1024;
constexpr std::size_t kLongestRun = 64;  // of a glob between two *, as in cache/policy/url_rules.h

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

std::string names_of_presets() {
  std::string out;
  for (const auto name : preset_names()) out.append(out.empty() ? "\"" : ", \"").append(name).append("\"");
  return out;
}

// What one member of a list wants; of a scalar key, the value itself.
std::string wanted_member(Kind kind) {
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
    case Kind::Flag:
      return "true or false";
    case Kind::Host:
    case Kind::HostList:
      return R"(a host such as "deb.debian.org", ".debian.org" (it and all below) or "*", without scheme or port)";
    case Kind::PathGlob:
      return R"(a pattern for paths such as "/pool/*.deb", with at most 64 bytes between two *)";
    case Kind::NameGlobs:
      return R"(a query parameter's name or a pattern for it such as "utm_*")";
    case Kind::PresetNames:
      return "one of " + names_of_presets();
    case Kind::RuleList:
      return R"(an object such as {"host": ".debian.org", "path": "*.deb", "fresh": "365d"})";
  }
  return {};
}

bool is_glob(std::string_view text, std::string_view never) {
  if (text.empty() || text.size() > kLongestGlob) return false;
  for (auto star = text.find('*'); star != std::string_view::npos;) {
    const auto next = text.find('*', star + 1);
    if (next != std::string_view::npos && next - star - 1 > kLongestRun) return false;
    star = next;
  }
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return c > 0x20 && c < 0x7f && never.find(c) == std::string_view::npos; });
}

// The host as a rule holds it; nullopt when no request can be for it.
std::optional<std::string> as_host(std::string_view text) {
  if (text == "*") return "*";
  const bool bracketed = text.size() > 2 && text.starts_with('[') && text.ends_with(']');
  std::string host(bracketed ? text.substr(1, text.size() - 2) : text);
  for (char& c : host) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (is_address(host) && (!bracketed || host.find(':') != std::string::npos)) return host;
  if (bracketed) return std::nullopt;
  if (host.ends_with('.')) host.pop_back();
  const auto name = std::string_view(host).substr(host.starts_with('.') ? 1 : 0);
  if (name.empty() || name.size() > kLongestHost || name.starts_with('.') || name.ends_with('.')) return std::nullopt;
  const bool good = name.find("..") == std::string_view::npos && std::all_of(name.begin(), name.end(), [](char c) {
                      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '_' || c == '.';
                    });
  return good ? std::optional(host) : std::nullopt;
}

std::optional<std::string> as_text(Kind kind, const Item& said) {
  if (said.type != Item::Type::Text) return std::nullopt;
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
    case Kind::Host:
    case Kind::HostList:
      return as_host(text);
    case Kind::PathGlob:
      good = (text.starts_with('/') || text.starts_with('*')) && is_glob(text, "#");
      break;
    case Kind::NameGlobs:
      good = is_glob(text, "#&=");
      break;
    case Kind::PresetNames:
      good = is_preset(text);
      break;
    default:
      good = text.find('\0') == std::string::npos;
  }
  return good ? std::optional(text) : std::nullopt;
}

std::optional<std::uint64_t> as_number(Kind kind, const Item& said) {
  const bool text = said.type == Item::Type::Text;
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
  const Shape& shape;
  const Value& value;
  std::vector<Fault>& faults;

  void wrong(std::string place, std::string expected) const {
    faults.push_back({std::move(place), std::move(expected)});
  }

  const Item* scalar() const {
    const auto* said = std::get_if<Item>(&value);
    if (said == nullptr) wrong("", but_not(wanted(shape), "a list"));
    return said;
  }

  template <typename Number>
  std::optional<Number> number() const {
    const Item* said = scalar();
    if (said == nullptr) return std::nullopt;
    const auto number = as_number(shape.kind, *said);
    if (number && *number >= shape.min && *number <= shape.max) return static_cast<Number>(*number);
    wrong("", but_not(wanted(shape), shown(*said)));
    return std::nullopt;
  }

  void operator()(std::string* slot) const {
    const Item* said = scalar();
    if (said == nullptr) return;
    const auto text = as_text(shape.kind, *said);
    if (text && (shape.max == 0 || text->size() <= shape.max)) {
      *slot = *text;
    } else {
      wrong("", but_not(wanted(shape), shown(*said)));
    }
  }
  void operator()(std::uint64_t* slot) const { *slot = number<std::uint64_t>().value_or(*slot); }
  void operator()(unsigned* slot) const { *slot = number<unsigned>().value_or(*slot); }
  void operator()(Millis* slot) const {
    if (const auto millis = number<Millis::rep>()) *slot = Millis(*millis);
  }
  void operator()(std::optional<Millis>* slot) const {
    if (const auto millis = number<Millis::rep>()) *slot = Millis(*millis);
  }
  void operator()(bool* slot) const {
    const Item* said = scalar();
    if (said == nullptr) return;
    if (said->type != Item::Type::Flag) return wrong("", but_not(wanted(shape), shown(*said)));
    *slot = said->text == "true";
  }

  const std::vector<Item>* members() const {
    const auto* said = std::get_if<std::vector<Item>>(&value);
    if (said == nullptr) {
      wrong("", but_not(wanted(shape), shown(value)));
    } else if (said->size() < shape.min || said->size() > shape.max) {
      wrong("", but_not(wanted(shape), std::to_string(said->size()) + (said->size() == 1 ? " member" : " members")));
    } else {
      return said;
    }
    return nullptr;
  }

  // All members by `read`, or nothing at all.
  template <typename Read, typename T>
  void list(std::vector<T>* slot, Read read) const {
    const auto* said = members();
    if (said == nullptr) return;
    std::vector<T> good;
    for (std::size_t i = 0; i < said->size() && faults.size() < kMostFaults; ++i) {
      std::optional<T> member = read((*said)[i]);
      if (!member) {
        wrong("/" + std::to_string(i), but_not(wanted_member(shape.kind), shown((*said)[i])));
      } else {
        good.push_back(std::move(*member));
      }
    }
    if (faults.empty()) *slot = std::move(good);
  }
  void operator()(std::vector<std::string>* slot) const {
    list(slot, [&](const Item& said) { return as_text(shape.kind, said); });
  }
  void operator()(std::vector<Network>* slot) const {
    list(slot,
         [](const Item& said) { return said.type == Item::Type::Text ? parse_network(said.text) : std::nullopt; });
  }
  void operator()(std::vector<std::uint16_t>* slot) const {
    list(slot, [](const Item& said) -> std::optional<std::uint16_t> {
      if (said.type != Item::Type::Number || !said.whole || *said.whole < 1 || *said.whole > 65'535)
        return std::nullopt;
      return static_cast<std::uint16_t>(*said.whole);
    });
  }
  void operator()(std::vector<UrlRule>* slot) const {
    const auto* said = members();
    if (said == nullptr) return;
    std::vector<UrlRule> rules(said->size());
    for (std::size_t i = 0; i < said->size() && faults.size() < kMostFaults; ++i) {
      for (auto& fault : read_rule((*said)[i], rules[i]))
        wrong("/" + std::to_string(i) + fault.place, std::move(fault.expected));
    }
    if (faults.empty()) *slot = std::move(rules);
  }
};

}  // namespace

// Out of the header: there, Member is not yet known.
Item::Item() = default;
Item::Item(Type its_type, std::string its_text, std::optional<std::uint64_t> its_whole)
    : type(its_type), text(std::move(its_text)), whole(its_whole) {}

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

std::string shown(const Item& item) {
  if (item.type == Item::Type::Text) return quoted(item.text);
  return item.text.size() > kLongestShown ? item.text.substr(0, kLongestShown) + "..." : item.text;
}

std::string shown(const Value& value) {
  const auto* item = std::get_if<Item>(&value);
  return item == nullptr ? "a list" : shown(*item);
}

std::string pointer_part(std::string_view name) {
  std::string out = "/";
  for (const char c : name.substr(0, 64)) {
    if (c == '~' || c == '/') {
      out.append(c == '~' ? "~0" : "~1");
    } else {
      out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;  // a message stays on its line
    }
  }
  return out;
}

std::string wanted(const Shape& shape) {
  std::string out = wanted_member(shape.kind);
  if (is_list(shape.kind)) {
    out = "a list of which each member is " + out;
    if (shape.min > 0) out += ", with at least one";
    return out;
  }
  if (shape.kind != Kind::Size && shape.kind != Kind::Duration && shape.kind != Kind::Count) return out;
  return out + " from " + in_unit(shape.kind, shape.min) + " to " + in_unit(shape.kind, shape.max);
}

std::vector<Fault> assign(const Shape& shape, const Value& value, const Slot& slot) {
  std::vector<Fault> faults;
  std::visit(Put{shape, value, faults}, slot);
  if (faults.size() > kMostFaults) faults.resize(kMostFaults);
  return faults;
}

}  // namespace larder::conf
