// What an unsafe method makes invalid (RFC 9111 section 4.4). Pure.
#pragma once

#include <string>
#include <vector>

#include "cache/http/message.h"
#include "cache/http/uri.h"

namespace larder::policy {

// A non-error (2xx, 3xx) response to an unsafe or unknown method invalidates.
bool invalidates(http::Method method, unsigned status);

// The normalised URIs (append_normalised) to invalidate: the target's own, and those of Location and Content-Location
// when they have the target's origin. Without duplicates, the target first.
std::vector<std::string> invalidated(const http::Uri& target, http::FieldSpan response);

}  // namespace larder::policy
