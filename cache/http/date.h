// HTTP-date (RFC 9110 section 5.6.7). Pure: no clock.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace larder::http {

using Seconds = std::chrono::seconds;
using Time = std::chrono::sys_seconds;  // wall clock, UTC

// Any of the three formats (IMF-fixdate, RFC 850, asctime); an RFC 850 year more than 50 years ahead of `now` is taken
// as past. nullopt for anything else.
std::optional<Time> parse_date(std::string_view text, Time now);
// Appends IMF-fixdate, 29 bytes.
void append_date(std::string& out, Time time);

}  // namespace larder::http
