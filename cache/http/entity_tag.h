// Entity tags (RFC 9110 section 8.8.3). Views; pure.
#pragma once

#include <optional>
#include <string_view>

namespace larder::http {

struct EntityTag {
  std::string_view opaque;  // with its quotes
  bool weak = false;
};

std::optional<EntityTag> parse_entity_tag(std::string_view text);  // exactly one, nothing around it
bool is_strong_match(const EntityTag& a, const EntityTag& b);      // section 8.8.3.2
bool is_weak_match(const EntityTag& a, const EntityTag& b);

}  // namespace larder::http
