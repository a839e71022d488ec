#include "cache/http/entity_tag.h"

namespace larder::http {
namespace {

// etagc of RFC 9110 section 8.8.3: no blank, no quote, no control character; obs-text is allowed.
bool is_tag_char(char c) {
  const auto u = static_cast<unsigned char>(c);
  return u > 0x20 && u != '"' && u != 0x7f;
}

}  // namespace

std::optional<EntityTag> parse_entity_tag(std::string_view text) {
  EntityTag tag;
  if (text.starts_with("W/")) {  // the W is case-sensitive
    tag.weak = true;
    text.remove_prefix(2);
  }
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::nullopt;
  for (const char c : text.substr(1, text.size() - 2)) {
    if (!is_tag_char(c)) return std::nullopt;
  }
  tag.opaque = text;
  return tag;
}

bool is_strong_match(const EntityTag& a, const EntityTag& b) {
  return !a.weak && !b.weak && a.opaque == b.opaque;
}

bool is_weak_match(const EntityTag& a, const EntityTag& b) {
  return a.opaque == b.opaque;
}

}  // namespace larder::http
