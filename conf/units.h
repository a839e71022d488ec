// Numbers and addresses as text, beyond those that load.h declares. Pure; inside conf only.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace larder::conf {

std::optional<std::uint64_t> parse_whole(std::string_view text);  // 1*DIGIT that fits 64 bits, nothing else
bool is_address(std::string_view text);                           // an IPv4 or IPv6 literal, without brackets
// "ADDR:PORT" or "[ADDR]:PORT", literals only.
bool is_address_with_port(std::string_view text, std::uint16_t lowest_port);

}  // namespace larder::conf
