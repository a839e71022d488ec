#include "cache/policy/targeted.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "cache/http/structured.h"

namespace larder::policy {
namespace {

using http::BareItem;
using http::ResponseDirectives;
using http::Seconds;

struct Delta {
  std::string_view name;
  std::optional<Seconds> ResponseDirectives::*directive;
};

constexpr Delta kDeltas[] = {
    {"max-age", &ResponseDirectives::max_age},
    {"s-maxage", &ResponseDirectives::s_maxage},
    {"stale-while-revalidate", &ResponseDirectives::stale_while_revalidate},
    {"stale-if-error", &ResponseDirectives::stale_if_error},
};

// What a flag does when it is said.
enum class Effect : std::uint8_t {
  Forbids,  // only takes away from what a cache may do
  Permits,  // among others; must-revalidate is one of them, for it opens a response to Authorization (RFC 9111 3.5)
};

struct Flag {
  std::string_view name;
  bool ResponseDirectives::*directive;
  Effect effect;
};

constexpr Flag kFlags[] = {
    {"no-store", &ResponseDirectives::no_store, Effect::Forbids},
    {"no-cache", &ResponseDirectives::no_cache, Effect::Forbids},
    {"private", &ResponseDirectives::is_private, Effect::Forbids},
    {"proxy-revalidate", &ResponseDirectives::proxy_revalidate, Effect::Forbids},
    {"no-transform", &ResponseDirectives::no_transform, Effect::Forbids},
    {"public", &ResponseDirectives::is_public, Effect::Permits},
    {"must-revalidate", &ResponseDirectives::must_revalidate, Effect::Permits},
    {"must-understand", &ResponseDirectives::must_understand, Effect::Permits},
    {"immutable", &ResponseDirectives::immutable, Effect::Permits},
};

std::optional<Seconds> delta_of(const BareItem& item) {
  if (item.kind != BareItem::Kind::Integer) return std::nullopt;
  return std::clamp(Seconds(item.number), Seconds(0), http::kMaxDelta);
}

bool is_said(const BareItem& item, Effect effect) {
  return item.kind == BareItem::Kind::Boolean ? item.boolean : effect == Effect::Forbids;
}

// Overwrites what an earlier member of the same key said (RFC 8941 section 4.2.2).
void take(ResponseDirectives& out, std::string_view key, const BareItem& item) {
  for (const Delta& delta : kDeltas) {
    if (delta.name == key) out.*delta.directive = delta_of(item);
  }
  for (const Flag& flag : kFlags) {
    if (flag.name == key) out.*flag.directive = is_said(item, flag.effect);
  }
}

// nullopt: the field is absent, empty or malformed (RFC 9213 section 2.1).
std::optional<ResponseDirectives> read_targeted(http::FieldSpan response, std::string_view name) {
  ResponseDirectives out;
  bool empty = true;
  http::Dictionary members(response, name);
  for (; members.next(); empty = false) take(out, members.key(), members.item());
  if (empty || members.is_malformed()) return std::nullopt;
  return out;
}

}  // namespace

std::optional<ResponseDirectives> targeted_directives(http::FieldSpan response, std::span<const std::string> names) {
  for (const std::string& name : names) {
    if (const auto said = read_targeted(response, name)) return said;
  }
  return std::nullopt;
}

}  // namespace larder::policy
