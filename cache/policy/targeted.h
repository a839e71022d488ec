// Targeted cache control (RFC 9213): directives that a response addresses to this cache, or its kind, by a field of
// another name. Pure; nothing here allocates.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "cache/http/directives.h"
#include "cache/http/fields.h"

namespace larder::policy {

// What the first field of the target list `names` (section 2.2; compared without regard to case) says that is present,
// not empty, and well formed; nullopt when there is none. An answer, even one without a directive that Larder knows,
// stands in place of Cache-Control AND Expires: the caller must look at neither of them (nor at Pragma).
//
// The field is a Dictionary of RFC 8941 (section 2.1), so its keys are in lower case, the last of several members with
// one key counts, and one mistake makes the whole field count for nothing. Parameters and unknown members are ignored.
//  - max-age, s-maxage, stale-while-revalidate, stale-if-error: an Integer, at most kMaxDelta (RFC 9111 section 1.2.2).
//    A negative one is no delta-seconds and counts as 0, as in Cache-Control (section 4.2.1). A value of another type
//    (10.0, "10", none) is not consumed (RFC 9213 section 2.1): the directive is not said.
//  - public, must-revalidate, must-understand, immutable: a Boolean; with another value they are not said.
//  - no-store, no-cache, private, proxy-revalidate, no-transform can only forbid: any value but ?0 says them, as in
//    Cache-Control. A qualified no-cache or private (a list of field names) is obeyed as an unqualified one, which is
//    stricter, and allowed (RFC 9111 sections 5.2.2.4 and 5.2.2.7): no_cache_fields and private_fields stay empty.
std::optional<http::ResponseDirectives> targeted_directives(http::FieldSpan response,
                                                            std::span<const std::string> names);

}  // namespace larder::policy
