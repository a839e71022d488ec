// Where a rule of the operator's takes the place of what a response says. Pure.
#pragma once

#include "cache/http/directives.h"
#include "cache/policy/meta.h"
#include "cache/policy/url_rules.h"

namespace larder::policy {

// `force`: without the directives that would keep a shared cache from storing and reusing it.
http::ResponseDirectives overridden(const UrlRule& rule, http::ResponseDirectives said);

// `fresh` (of a 2xx) and `keep_stale`. A response that may not be stored stays so.
void override_meta(const UrlRule& rule, unsigned status, Meta& meta);

}  // namespace larder::policy
