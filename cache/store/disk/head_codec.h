// A stored response's head as bytes in a record (FORMAT.md). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "cache/store/head.h"
#include "cache/store/ref.h"

namespace larder::store::disk {

constexpr std::size_t kHeadNumbers = 112;  // bytes before the texts

// Appends it with the body's trailers. Times and seconds beyond what HTTP can say are brought within it.
void append_head(std::string& out, const Head& head, std::string_view trailers);

struct DecodedHead {
  Ref<Head> head;  // null: the bytes are no head (a checksum has vouched for them: written by another program)
  std::string trailers;
};
// Strict: every number within its bounds, all bytes used, and lines such that Head::parse_fields can rely on them.
DecodedHead decode_head(std::string_view bytes);

// Of the selection by Vary, for RecordHeader::variant: equal captures have equal values, and 0 is that of no Vary
// alone. Different captures seldom have equal ones; then the newer takes the other's place.
std::uint16_t variant_of(std::string_view vary);

}  // namespace larder::store::disk
