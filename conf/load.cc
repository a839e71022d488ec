#include "conf/load.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "conf/reader.h"
#include "conf/schema.h"
#include "conf/url_rule.h"
#include "conf/value.h"

namespace larder::conf {
namespace {

constexpr std::size_t kLongestFile = 1 << 20;

Config defaults() {
  Config config;
  for (const Key& key : keys()) {
    if (const auto value = read_value(key.fallback)) assign(key.shape(), *value, key.slot(config));
  }
  return config;
}

std::string auto_disk_path() {
  // A relative $XDG_CACHE_HOME is to be ignored (XDG base directory specification).
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && cache[0] == '/') return std::string(cache) + "/larder";
  const char* home = std::getenv("HOME");
  return home != nullptr && home[0] == '/' ? std::string(home) + "/.cache/larder" : "";
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool is_numeric(Kind kind) {
  return kind == Kind::Size || kind == Kind::Duration || kind == Kind::Count || kind == Kind::PortList;
}

// A scalar from the command line: JSON where its type is one that the key can have, else the text as it stands.
Item scalar_of(Kind kind, std::string_view text) {
  if (auto value = read_value(text)) {
    if (auto* scalar = std::get_if<Item>(&*value)) {
      if (scalar->type == Item::Type::Text || (scalar->type == Item::Type::Number && is_numeric(kind)))
        return std::move(*scalar);
    }
  }
  return {Item::Type::Text, std::string(text)};
}

Value value_of(Kind kind, std::string_view text) {
  if (!is_list(kind)) return scalar_of(kind, text);
  if (auto value = read_value(text)) {
    if (std::holds_alternative<std::vector<Item>>(*value)) return std::move(*value);
  }
  if (kind == Kind::RuleList) return scalar_of(kind, text);  // no rule can be said without JSON
  std::vector<Item> members;
  for (std::size_t from = 0; from <= text.size() && !trim(text).empty();) {
    const auto comma = std::min(text.find(',', from), text.size());
    members.push_back(scalar_of(kind, trim(text.substr(from, comma - from))));
    from = comma + 1;
  }
  return members;
}

void set_key(std::string_view said, Config& config, std::vector<Error>& errors) {
  const auto equals = said.find('=');
  const auto name = said.substr(0, equals);
  std::string where = "--set ";
  where += quoted(name).substr(1, quoted(name).size() - 2);
  if (equals == std::string_view::npos) return errors.push_back({where, "KEY=VALUE"});
  const Key* key = find_key(name);
  if (key == nullptr) {
    const auto near = nearest(name);
    if (is_section(name)) return errors.push_back({where, "a key of that section: " + members_of(name)});
    return errors.push_back({where, near.empty() ? "a known key; see --print-schema"
                                                 : "a known key; did you mean " + std::string(near) + "?"});
  }
  for (auto& fault : assign(key->shape(), value_of(key->kind, said.substr(equals + 1)), key->slot(config))) {
    errors.push_back({where + fault.place, std::move(fault.expected)});
  }
}

// What no single key can know.
void check_together(std::string_view name, const Config& config, std::vector<Error>& errors) {
  const std::string file = name.empty() ? "--set " : std::string(name) + ": ";
  if (config.dns.min_ttl > config.dns.max_ttl) {
    errors.push_back({file + (name.empty() ? "dns.min_ttl" : "/dns/min_ttl"),
                      "at most dns.max_ttl, " + std::to_string(config.dns.max_ttl.count()) + "ms, not " +
                          std::to_string(config.dns.min_ttl.count()) + "ms"});
  }
}

tl::expected<Config, std::vector<Error>> load_from(const std::string_view* text, std::string_view name,
                                                   const std::vector<std::string>& set) {
  Config config = defaults();
  std::vector<Error> errors;
  if (text != nullptr) read_file_text(*text, name, config, errors);
  for (const auto& said : set) set_key(said, config, errors);
  if (errors.empty()) check_together(name, config, errors);
  if (!errors.empty()) return tl::unexpected(std::move(errors));
  config.cache.disk.is_explicit = config.cache.disk.path != kAutoPath;
  if (!config.cache.disk.is_explicit) config.cache.disk.path = auto_disk_path();
  for (const auto& preset : config.cache.presets) {
    for (auto& rule : preset_rules(preset)) config.cache.rules.push_back(std::move(rule));
  }
  return config;
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

tl::expected<std::string, std::string> read_whole(const std::string& path) {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "re"));
  if (!file) return tl::unexpected("a readable file (" + std::string(std::strerror(errno)) + ")");
  std::string text;
  char piece[16'384];
  while (const auto got = std::fread(piece, 1, sizeof piece, file.get())) {
    text.append(piece, got);
    if (text.size() > kLongestFile) return tl::unexpected<std::string>("a file of at most 1MiB");
  }
  if (std::ferror(file.get()) != 0)
    return tl::unexpected("a readable file (" + std::string(std::strerror(errno)) + ")");
  return text;
}

}  // namespace

tl::expected<Config, std::vector<Error>> load(const std::string& file, const std::vector<std::string>& set) {
  if (file.empty()) return load_from(nullptr, "", set);
  const auto text = read_whole(file);
  if (!text) return tl::unexpected(std::vector<Error>{{file, text.error()}});
  return load_text(*text, file, set);
}

tl::expected<Config, std::vector<Error>> load_text(std::string_view text, std::string_view name,
                                                   const std::vector<std::string>& set) {
  return load_from(&text, name, set);
}

}  // namespace larder::conf
