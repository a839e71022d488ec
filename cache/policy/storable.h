// May a shared cache store this response? RFC 9111 sections 3, 3.3 and 3.5. Pure.
#pragma once

#include "cache/http/directives.h"
#include "cache/http/message.h"
#include "cache/policy/meta.h"
#include "cache/policy/outcome.h"

namespace larder::policy {

struct StoreVerdict {
  bool store = false;
  Reason reason = Reason::None;  // Stored, or the first rule that forbids it
};

// Stored are responses to GET, and to POST where RFC 9110 section 9.3.3 allows it (request.target must then be in
// absolute-form). `has_body`: the request had content (a "fat GET" is never stored). A response
// with neither an explicit lifetime, a validator nor a heuristic is not worth storing (NoFreshness). Content-Length
// past rules.max_object: TooLarge.
StoreVerdict storable(const http::RequestHead& request, const http::RequestDirectives& asked, bool has_body,
                      const http::ResponseHead& response, const http::ResponseDirectives& said, const Meta& meta,
                      const Rules& rules);

// Whether a response that is not kept, for `reason`, says of the resource itself that what is stored of it is over.
// What only this request or client brought about does not: anybody could take away what hides an outage.
bool ends_stored(Reason reason, unsigned status);

}  // namespace larder::policy
