// The shipped sets of rules, in the very form that cache.rules takes: what --print-preset shows is what is obeyed.
#include <algorithm>
#include <iterator>

#include "conf/load.h"
#include "conf/reader.h"
#include "conf/url_rule.h"

namespace larder::conf {
namespace {

struct Preset {
  std::string_view name;
  std::string_view rules;
};

constexpr std::string_view kApt = R"json([
  {
    "host": ".debian.org", "path": "*/by-hash/*", "fresh": "365d", "keep_stale": "365d",
    "why": "An index under by-hash is named by its digest: other content has another name."
  },
  {
    "host": ".debian.org", "path": "*/pool/*", "fresh": "365d", "keep_stale": "365d",
    "why": "A package's file is named by its version, and no version is taken twice."
  },
  {
    "host": ".debian.org", "path": "*/dists/*", "fresh": "0s", "keep_stale": "7d",
    "why": "The indexes must fit together (or: Hash Sum mismatch), so each use asks. apt checks their Valid-Until."
  },
  {
    "host": ".ubuntu.com", "path": "*/by-hash/*", "fresh": "365d", "keep_stale": "365d",
    "why": "As in Debian: named by the digest."
  },
  {
    "host": ".ubuntu.com", "path": "*/pool/*", "fresh": "365d", "keep_stale": "365d",
    "why": "As in Debian: named by the version, which is never taken twice."
  },
  {
    "host": ".ubuntu.com", "path": "*/dists/*", "fresh": "0s", "keep_stale": "7d",
    "why": "As in Debian: the indexes must fit together."
  },
  {
    "host": "ppa.launchpadcontent.net", "path": "*/pool/*", "fresh": "365d", "keep_stale": "365d",
    "why": "No PPA takes a version twice. Some private repositories do, hence no rule for every host."
  },
  {
    "host": "ppa.launchpadcontent.net", "path": "*/dists/*", "fresh": "0s", "keep_stale": "7d",
    "why": "As in Debian: the indexes must fit together."
  }
]
)json";

constexpr std::string_view kContainers = R"json([
  {
    "host": "*", "path": "/v2/*/blobs/sha256:*", "fresh": "365d", "keep_stale": "365d",
    "why": "A layer is named by its digest. For registries by plain http; https passes as a tunnel."
  },
  {
    "host": "*", "path": "/v2/*/manifests/sha256:*", "fresh": "365d", "keep_stale": "365d",
    "why": "A manifest asked for by its digest never changes either."
  },
  {
    "host": "*", "path": "/v2/*/manifests/*", "fresh": "0s", "keep_stale": "7d",
    "why": "A tag moves: each use asks. Without the registry, the image last seen does."
  },
  {
    "host": "*", "path": "/v2/*/tags/list", "fresh": "0s", "keep_stale": "7d",
    "why": "The list of tags grows with each push."
  }
]
)json";

constexpr std::string_view kNpm = R"json([
  {
    "host": "registry.npmjs.org", "path": "/*/-/*.tgz", "fresh": "365d", "keep_stale": "365d",
    "why": "A tarball is named by its version, and no version is published twice."
  },
  {
    "host": "registry.npmjs.org", "path": "/-/*",
    "why": "Services such as search keep what they say: an exception from the next rule."
  },
  {
    "host": "registry.npmjs.org", "fresh": "0s", "keep_stale": "7d",
    "why": "Lists of versions (packuments) grow with each release: each use asks."
  },
  {
    "host": "registry.yarnpkg.com", "path": "/*/-/*.tgz", "fresh": "365d", "keep_stale": "365d",
    "why": "The same registry under Yarn's name: the tarballs."
  },
  {
    "host": "registry.yarnpkg.com", "path": "/-/*",
    "why": "Its services keep what they say."
  },
  {
    "host": "registry.yarnpkg.com", "fresh": "0s", "keep_stale": "7d",
    "why": "Its lists of versions grow too."
  }
]
)json";

constexpr std::string_view kPip = R"json([
  {
    "host": "files.pythonhosted.org", "path": "/packages/*", "fresh": "365d", "keep_stale": "365d",
    "why": "A file's path holds its digest, and PyPI takes no file name twice."
  },
  {
    "host": "pypi.org", "path": "/simple/*", "fresh": "0s", "keep_stale": "7d",
    "why": "The list of a project's files grows with each release: each use asks."
  },
  {
    "host": "pypi.org", "path": "/pypi/*/json", "fresh": "0s", "keep_stale": "7d",
    "why": "The same facts in the older form."
  }
]
)json";

constexpr Preset kPresets[] = {{"apt", kApt}, {"containers", kContainers}, {"npm", kNpm}, {"pip", kPip}};

std::string_view text_of(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(kPresets), std::end(kPresets), [name](const Preset& p) { return p.name == name; });
  return found == std::end(kPresets) ? std::string_view{} : found->rules;
}

}  // namespace

std::vector<std::string_view> preset_names() {
  std::vector<std::string_view> names;
  for (const Preset& preset : kPresets) names.push_back(preset.name);
  return names;
}

std::string preset_json(std::string_view name) {
  return std::string(text_of(name));
}

bool is_preset(std::string_view name) {
  return !text_of(name).empty();
}

std::vector<UrlRule> preset_rules(std::string_view name) {
  std::vector<UrlRule> rules;
  if (const auto value = read_value(text_of(name))) assign({Kind::RuleList, 0, 4096}, *value, &rules);
  return rules;
}

}  // namespace larder::conf
