#include "cache/policy/override.h"

namespace larder::policy {

http::ResponseDirectives overridden(const UrlRule& rule, http::ResponseDirectives said) {
  if (!rule.force) return said;
  said.no_store = false;
  said.no_cache = false;
  said.no_cache_fields = {};
  said.is_private = false;
  said.private_fields = {};
  return said;
}

void override_meta(const UrlRule& rule, unsigned status, Meta& meta) {
  if (rule.fresh && status >= 200 && status < 300) {
    meta.freshness_lifetime = *rule.fresh;
    // With force, as if the origin had said so: also of what sets a cookie.
    meta.source = rule.force ? LifetimeSource::MaxAge : LifetimeSource::Configured;
  }
  if (rule.keep_stale) meta.stale_if_error = *rule.keep_stale;
}

}  // namespace larder::policy
