// `larder health`: asks a running Larder's admin port whether it is well. For container health checks; blocking,
// start-up code.
#pragma once

#include <string>
#include <tl/expected.hpp>

namespace larder::admin {

// GET /healthz at "ADDR:PORT" within two seconds (an unspecified address is asked at loopback). The error says what was
// wrong.
tl::expected<void, std::string> check_health(const std::string& address);

}  // namespace larder::admin
