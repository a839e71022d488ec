// Vary (RFC 9111 section 4.1): which requests a stored response answers. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cache/http/fields.h"

namespace larder::policy {

// No later request can be known to match (section 4.1): Vary has a member "*", or one that is no field name, or more
// members than any honest response has (the match is made on every hit, so its cost is bounded).
bool varies_on_everything(http::FieldSpan response);

// What must be remembered of the request that brought the response: the fields its Vary nominates and their normalised
// values, as one opaque string; "" when there is no Vary. nullopt for "Vary: *" (see varies_on_everything). Equal
// captures mean equal selection, so it may serve as a secondary key.
std::optional<std::string> capture_vary(http::FieldSpan response, http::FieldSpan request);

// Whether `request` selects the response whose capture that is. Several lines of one field are joined, white space
// around list members is folded; absent differs from empty. Codings and language ranges compare without regard to case,
// and Accept-Encoding without regard to order. Never allocates. A capture that was damaged matches nothing.
bool vary_matches(std::string_view captured, http::FieldSpan request);

}  // namespace larder::policy
