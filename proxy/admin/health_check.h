// `larder health`: asks a running Larder's admin port whether it is well. For container health checks; blocking,
// start-up code.
#pragma once

#include <string>
#include <tl/expected.hpp>

namespace larder::admin {

// GET `path` at "ADDR:PORT" gives 200 within two seconds (an unspecified address is asked at loopback). The error says
// what was wrong. "/healthz" for the admin port; where there is none, "/" of a proxy port, which is Larder's own page.
tl::expected<void, std::string> check_health(const std::string& address, const std::string& path);

}  // namespace larder::admin
