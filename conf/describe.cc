// The schema told to people and tools: JSON Schema, Markdown, and the example file.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "conf/load.h"
#include "conf/schema.h"
#include "conf/url_rule.h"

namespace larder::conf {
namespace {

using Json = nlohmann::ordered_json;

Json type_of(const Shape& shape);

Json type_of_rule() {
  Json rule{
      {"type", "object"}, {"additionalProperties", false}, {"required", {"host"}}, {"properties", Json::object()}};
  for (const RuleKey& key : rule_keys()) {
    Json one = type_of(key.shape());
    one["description"] = key.meaning;
    rule["properties"][std::string(key.name)] = std::move(one);
  }
  return rule;
}

Json type_of_member(Kind kind) {
  switch (kind) {
    case Kind::PortList:
      return {{"type", "integer"}, {"minimum", 1}, {"maximum", 65'535}};
    case Kind::FieldNames:
      return {{"type", "string"}, {"pattern", "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"}};
    case Kind::NameGlobs:
      return {{"type", "string"}, {"pattern", "^[^#&= ]+$"}};
    case Kind::PresetNames:
      return {{"enum", preset_names()}};
    case Kind::RuleList:
      return type_of_rule();
    default:
      return {{"type", "string"}};
  }
}

Json type_of(const Shape& shape) {
  switch (shape.kind) {
    case Kind::Listen:
    case Kind::Path:
      return {{"type", "string"}};
    case Kind::Host:
      return {{"type", "string"}, {"pattern", "^([*]|[.]?[0-9A-Za-z_][0-9A-Za-z_.-]*|[[]?[0-9A-Fa-f:.]+[]]?)$"}};
    case Kind::PathGlob:
      return {{"type", "string"}, {"pattern", "^[/*][^# ]*$"}};
    case Kind::Flag:
      return {{"type", "boolean"}};
    case Kind::Size:
      return {{"type", {"string", "integer"}}, {"pattern", "^[0-9]+ ?([Bb]|[KkMmGgTt][Ii]?[Bb])?$"}, {"minimum", 0}};
    case Kind::Duration:
      return {{"type", {"string", "integer"}}, {"pattern", "^[0-9]+ ?([Mm]?[Ss]|[Mm]|[Hh]|[Dd])?$"}, {"minimum", 0}};
    case Kind::Count:
      return {{"type", "integer"}, {"minimum", shape.min}, {"maximum", shape.max}};
    default:
      break;
  }
  Json list{{"type", "array"}, {"items", type_of_member(shape.kind)}, {"maxItems", shape.max}};
  if (shape.min > 0) list["minItems"] = shape.min;
  return list;
}

// The object schema of a section, made when missing.
Json& section_schema(Json& root, std::string_view section) {
  Json* at = &root;
  for (std::size_t from = 0; !section.empty() && from <= section.size();) {
    const auto dot = std::min(section.find('.', from), section.size());
    Json& inner = (*at)["properties"][std::string(section.substr(from, dot - from))];
    if (inner.is_null()) inner = {{"type", "object"}, {"additionalProperties", false}, {"properties", Json::object()}};
    at = &inner;
    from = dot + 1;
  }
  return *at;
}

}  // namespace

std::string json_schema() {
  Json root{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
            {"title", "Larder's configuration"},
            {"type", "object"},
            {"additionalProperties", false},
            {"properties", Json::object()}};
  for (const Key& key : keys()) {
    Json one = type_of(key.shape());
    one["default"] = Json::parse(key.fallback);
    one["description"] = key.meaning;
    section_schema(root, section_of(key.name))["properties"][std::string(leaf_of(key.name))] = std::move(one);
  }
  return root.dump(2) + "\n";
}

std::string markdown_table() {
  std::string out = "| key | default | meaning |\n|---|---|---|\n";
  for (const Key& key : keys()) {
    out.append("| `")
        .append(key.name)
        .append("` | `")
        .append(key.fallback)
        .append("` | ")
        .append(key.meaning)
        .append(" |\n");
  }
  return out;
}

std::string default_json() {
  std::string out = "{";
  std::string_view open;  // the section that the text stands in
  bool first = true;
  const auto line = [&](std::size_t depth) { out.append(first ? "\n" : ",\n").append(2 * depth, ' '); };
  const auto depth_of = [](std::string_view section) {
    return section.empty() ? std::size_t{0}
                           : static_cast<std::size_t>(1 + std::count(section.begin(), section.end(), '.'));
  };
  const auto contains = [](std::string_view outer, std::string_view inner) {
    return outer.empty() || inner == outer || (inner.starts_with(outer) && inner[outer.size()] == '.');
  };
  for (const Key& key : keys()) {
    const auto section = section_of(key.name);
    for (; !contains(open, section); open = section_of(open), first = false)
      out.append("\n").append(2 * depth_of(open), ' ').append("}");
    while (open != section) {
      const auto dot = section.find('.', open.empty() ? 0 : open.size() + 1);
      const auto next = section.substr(0, dot);
      line(depth_of(open) + 1);
      out.append("\"").append(leaf_of(next)).append("\": {");
      open = next;
      first = true;
    }
    line(depth_of(section) + 1);
    out.append("\"").append(leaf_of(key.name)).append("\": ").append(key.fallback);
    first = false;
  }
  for (; !open.empty(); open = section_of(open)) out.append("\n").append(2 * depth_of(open), ' ').append("}");
  return out + "\n}\n";
}

}  // namespace larder::conf
