// Conditional requests: the ones that Larder sends (RFC 9111 section 4.3) and the ones that clients send and Larder
// answers (RFC 9110 section 13). Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "cache/http/fields.h"
#include "cache/http/message.h"
#include "cache/policy/meta.h"

namespace larder::policy {

// The stored validators to send upstream, as the field values; "" when the stored response has none.
struct Validators {
  std::string_view if_none_match;      // the ETag as stored
  std::string_view if_modified_since;  // the Last-Modified as stored (only when it parses)
  [[nodiscard]] bool any() const { return !if_none_match.empty() || !if_modified_since.empty(); }
};
Validators validators(http::FieldSpan stored);

// Whether the entity tag of a response stored for another request may be offered for this one (section 4.3.1): it is a
// strong one, and no content coding stands between them. Many origins give the coded and the plain form one tag, and
// would say "not modified" of a coded form to a client that cannot read it.
bool may_offer(http::FieldSpan stored);

// Whether a 304 may freshen the stored response (section 4.3.4): a strong ETag in it must match strongly, a weak one
// weakly, a Last-Modified alone must be equal; no validator at all in the 304 is taken as a match of what was sent.
bool may_freshen(http::FieldSpan stored, http::FieldSpan not_modified);

// Whether a 200 to HEAD may update the stored response of that length to GET (section 4.3.5): what it says of
// validators and Content-Length is as stored. If not, what is stored is not valid any more.
bool may_update_by_head(http::FieldSpan stored, std::uint64_t length, http::FieldSpan head);

// The stored fields updated by a 304's (section 3.2): every field of the 304 replaces the stored ones of that name,
// also Content-Type and others that begin with "Content-". As stored stay hop-by-hop fields, Content-Length, and, to
// keep the stored bytes and what is said of them in step, those that describe exactly these bytes: ETag,
// Content-Encoding, Content-Range and the digests (Content-MD5, Digest, Content-Digest, Repr-Digest); the 304's are not
// added either. Views into both.
void merge(http::FieldSpan stored, http::FieldSpan not_modified, http::FieldList& out);

enum class Condition : std::uint8_t { Proceed, NotModified };  // send it, 304

// A client's own preconditions against a stored response of `status` (section 13.2.2 for a cache: If-None-Match before
// If-Modified-Since; evaluated for GET and HEAD and a stored 200 only, Proceed otherwise). If-Match and
// If-Unmodified-Since are the origin's to judge: see has_origin_condition.
Condition evaluate(const http::RequestHead& request, unsigned status, http::FieldSpan stored, const Meta& meta,
                   http::Time now);

// If-Match or If-Unmodified-Since is there: the request is for the origin to judge, not for a cache.
bool has_origin_condition(http::FieldSpan request);
// If-None-Match or If-Modified-Since is there.
bool has_cache_condition(http::FieldSpan request);

// Whether a field line of a stored response belongs into a 304 that Larder makes (RFC 9110 section 15.4.5).
bool belongs_into_304(http::FieldName id);

}  // namespace larder::policy
