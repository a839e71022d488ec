#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "conf/load.h"
#include "conf/schema.h"

namespace larder::conf {
namespace {

using Json = nlohmann::json;

// The dotted names of all leaves of an object.
void collect(const Json& object, const std::string& before, std::vector<std::string>& out) {
  for (const auto& [name, value] : object.items()) {
    if (value.is_object()) {
      collect(value, before + name + ".", out);
    } else {
      out.push_back(before + name);
    }
  }
}

TEST_CASE("conf/larder.json is what default_json says") {
  std::ifstream file(LARDER_SOURCE_DIR "/conf/larder.json");
  std::ostringstream text;
  text << file.rdbuf();
  CHECK(text.str() == default_json());
}

TEST_CASE("the default file holds every key once and changes nothing") {
  std::vector<std::string> names;
  collect(Json::parse(default_json()), "", names);
  std::vector<std::string> wanted;
  for (const auto& key : keys()) wanted.emplace_back(key.name);
  std::sort(names.begin(), names.end());
  std::sort(wanted.begin(), wanted.end());
  CHECK(names == wanted);

  const auto config = load_text(default_json(), "larder.json", {});
  REQUIRE(config);
  const auto plain = load("", {});
  CHECK(config->cache.disk.path == plain->cache.disk.path);
  CHECK(config->access.clients == plain->access.clients);
  CHECK(config->limits.stream_window == plain->limits.stream_window);
}

TEST_CASE("the JSON Schema describes every key") {
  const auto schema = Json::parse(json_schema());
  CHECK(schema["$schema"] == "https://json-schema.org/draft/2020-12/schema");
  CHECK(schema["additionalProperties"] == false);
  for (const auto& key : keys()) {
    CAPTURE(key.name);
    std::string pointer = "/properties/" + std::string(key.name);
    for (auto dot = pointer.find('.'); dot != std::string::npos; dot = pointer.find('.')) {
      pointer.replace(dot, 1, "/properties/");
      CHECK(schema.at(Json::json_pointer(pointer.substr(0, dot)))["additionalProperties"] == false);
    }
    const auto& one = schema.at(Json::json_pointer(pointer));
    CHECK(one.contains("type"));
    CHECK(one["default"] == Json::parse(key.fallback));
    CHECK(one["description"] == key.meaning);
  }
  CHECK(schema["properties"]["access"]["properties"]["connect_ports"]["items"]["minimum"] == 1);
  CHECK(schema["properties"]["listen"]["minItems"] == 1);
  CHECK(schema["properties"]["workers"]["maximum"] == 1024);
}

TEST_CASE("the Markdown table has one row per key") {
  const auto table = markdown_table();
  CHECK(std::count(table.begin(), table.end(), '\n') == static_cast<std::ptrdiff_t>(keys().size() + 2));
  CHECK(table.find("| `cache.memory` | `\"256MiB\"` | ") != std::string::npos);
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) CHECK(std::count(line.begin(), line.end(), '|') == 4);
}

TEST_CASE("the table of keys keeps its own rules") {
  std::vector<std::string_view> sections;
  for (const auto& key : keys()) {
    CAPTURE(key.name);
    CHECK(std::count_if(keys().begin(), keys().end(), [&](const Key& other) { return other.name == key.name; }) == 1);
    CHECK(key.min <= std::max<std::uint64_t>(key.max, key.min));
    CHECK(key.meaning.ends_with('.'));
    // Keys of one section stand together, or default_json would open it twice.
    const auto section = section_of(key.name);
    if (sections.empty() || sections.back() != section) {
      CHECK(std::find(sections.begin(), sections.end(), section) == sections.end());
      sections.push_back(section);
    }
  }
}

TEST_CASE("the nearest name") {
  CHECK(nearest("cache.disk.sise") == "cache.disk.size");
  CHECK(nearest("listn") == "listen");
  CHECK(nearest("disk.path") == "cache.disk.path");
  CHECK(nearest("wholly.unlike.anything") == "");
  CHECK(nearest("") == "");
  CHECK(nearest(std::string(1000, 'c')) == "");
}

}  // namespace
}  // namespace larder::conf
