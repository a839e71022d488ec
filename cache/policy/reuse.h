// May this stored response answer this request now? RFC 9111 sections 4, 4.2.4 and 5.2.1. Pure.
#pragma once

#include "cache/http/directives.h"
#include "cache/policy/meta.h"
#include "cache/policy/outcome.h"

namespace larder::policy {

// A stored response and what captured its selection (vary.h).
struct Candidate {
  const Meta& meta;
  std::string_view vary;
};

// Of two stored responses that both match a request, whether `a` is to be used rather than `b`: the one with Vary, for
// the other may have left it out by mistake (section 4.1), then the one with the later Date (section 4). False when
// nothing tells: then the one received last.
bool is_preferred(const Candidate& a, const Candidate& b);

// Whether a response has come so late that what `stored` tells of was asked for after it and is more recent (by Date):
// it must not take its place. Several seconds may be one response's way from an origin, and there may be several
// origins.
bool is_overtaken(const Meta& late, const Meta& stored);

enum class Reuse : std::uint8_t {
  Fresh,     // answer from the store
  Stale,     // answer from the store although stale: the client allowed it (max-stale)
  Validate,  // ask the origin whether it still holds (or fetch anew when it has no validator)
};

struct ReuseVerdict {
  Reuse reuse = Reuse::Validate;
  Reason reason = Reason::None;
};

// The stored response already matches by key and Vary. only-if-cached is the caller's: a verdict of Validate then means
// 504 (section 5.2.1.7).
ReuseVerdict reuse(const http::RequestDirectives& asked, const Meta& meta, http::Time now);

// May the verdict "Validate, it has expired" be answered with the stale response at once while it is validated in the
// background (RFC 5861 section 3)? Never when the client or must-revalidate asked for validation.
bool may_serve_while_revalidating(const http::RequestDirectives& asked, const Meta& meta, http::Time now);

// May a stale response be served because the origin failed (RFC 5861 section 4; must-revalidate forbids it)?
bool may_serve_on_error(const http::RequestDirectives& asked, const Meta& meta, http::Time now);

}  // namespace larder::policy
