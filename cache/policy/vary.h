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
// values, as one opaque string; "" when there is no Vary. nullopt for "Vary: *" (see varies_on_everything). When Vary
// nominates Accept-Language, the one tag of the response's Content-Language is remembered too.
//
// Equal captures mean equal selection: they match the same requests, so of two responses to one URI with equal captures
// the newer one takes the other's place. Captures that differ may still have matches in common: where the origin
// changed its Vary, or its mind about the language (responses to "en, de" in English and in German do not replace each
// other, and both match "en, de"). Whoever keeps several must prefer the most recent one that matches (section 4.1).
std::optional<std::string> capture_vary(http::FieldSpan response, http::FieldSpan request);

// Whether both responses name the same fields in Vary, in the same order.
bool has_same_vary(http::FieldSpan a, http::FieldSpan b);

// Whether `request` selects the response whose capture that is. Absent differs from empty. What compares as the same:
// - in all fields, several lines and one line of their members; white space around list members;
// - in Accept-Encoding, Accept-Language, Accept-Charset and Accept, members in any order (only weights tell what is
//   preferred, RFC 9110 section 12.4.2) and case; "q=1", "q=1.000" and no weight, "q=0.5" and "q=0.50"; white space
//   around ";" and the "=" of a weight. In Accept, the parameters of a media range count as they are written;
// - in Accept-Encoding, "x-gzip" and "gzip", "x-compress" and "compress" (section 8.4.1);
// - any Accept-Language that weighs one range above all others, when that is the remembered language of the response.
// A list that is not understood, names one thing twice, or goes beyond the bounds of PreferenceList is compared as it
// stands, so that nothing is guessed and hostile input costs no more than its length. Never allocates. A capture that
// was damaged matches nothing.
bool vary_matches(std::string_view captured, http::FieldSpan request);

// For people: "accept-encoding: gzip; cookie", each field with its normalised value, or without one where the request
// had none; members separated by "; ". What is damaged is left out.
std::string describe_vary(std::string_view captured);

}  // namespace larder::policy
