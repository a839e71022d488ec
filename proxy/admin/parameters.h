// The query of a request to the operator's port, and what of what is stored it is about. Pure.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "cache/http/uri.h"
#include "cache/store/disk/format.h"

namespace larder::admin {

// An error is a sentence for whoever asked.
template <class T>
using Understood = tl::expected<T, std::string>;
inline tl::unexpected<std::string> misunderstood(std::string sentence) {
  return tl::unexpected(std::move(sentence));
}

class Parameters {
 public:
  // `known`: the names that may be there, each at most once. Names and values are percent-decoded; "+" stays what it
  // is, because it is a usual part of URLs.
  static Understood<Parameters> parse(std::string_view target, std::initializer_list<std::string_view> known);

  [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const;
  [[nodiscard]] std::size_t size() const { return list_.size(); }

 private:
  std::vector<std::pair<std::string, std::string>> list_;
};

// An absolute http or https URL; views into `text`.
Understood<http::Uri> parse_url(std::string_view text);

// What is stored of a host (a name or an address, without port), under a URL prefix (which ends anywhere after the
// host, and is normalised as keys are), or with a tag. `by`: "host", "prefix" or "tag".
Understood<store::disk::JournalEntry> select(std::string_view by, std::string_view text);

}  // namespace larder::admin
