// The pages that Larder itself answers on the proxy port: how to use it, the proxy auto-configuration file, and errors.
// Pure functions to text; any thread. Whatever comes from a request is escaped here.
#pragma once

#include <string>
#include <string_view>

namespace larder::client {

// HTML, self-contained: what Larder is and how to point browsers and tools at it. `proxy_host_port` is where the asker
// reached the proxy, as its Host field named it.
std::string help_page(std::string_view proxy_host_port, std::string_view version);

// A proxy auto-configuration script (application/x-ns-proxy-autoconfig): plain host names and this machine are asked
// directly, all else through the proxy, or directly when it is down. A `proxy_host_port` that is no host and port gives
// a script that says DIRECT.
std::string proxy_pac(std::string_view proxy_host_port);

// A short page about an error that Larder made: `title` in a few words, `what` a sentence for a person, `detail` the
// technical reason ("" for none), `url` what was asked for ("" for unknown; a long one is cut). As HTML or as plain
// text.
std::string error_page(unsigned status, std::string_view title, std::string_view what, std::string_view detail,
                       std::string_view url, bool html);

}  // namespace larder::client
