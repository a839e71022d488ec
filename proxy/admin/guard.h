// Keeps pages that a browser shows away from the operator's port: their scripts run where that port can be reached.
// Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/admin/reply.h"

namespace larder::admin {

// Whether a request for that host (without port and brackets) may have been meant for this port: an address, a name
// without a dot, "localhost" and what is below it, or one of `names` (".example" is it and all below, "*" every one).
// Any other may be somebody's name whose address was changed to this machine's (DNS rebinding), and its page would be
// of the same origin as this port.
bool is_own_host(std::string_view host, std::span<const std::string> names);

// The refusal of a request for a foreign host (421), or of one that changes something and comes from another site's
// page (403); nullopt: neither.
std::optional<Answer> refuse_foreign(const http::RequestHead& head, std::span<const std::string> names);

}  // namespace larder::admin
