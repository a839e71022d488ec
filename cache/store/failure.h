// Why an Object could not be filled, in the words of those who must answer a client.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace larder::store {

struct Failure {
  std::uint16_t status = 502;  // what to answer when no byte of a response has been sent yet
  std::string_view type;       // a Proxy-Status error type (RFC 9209 section 2.3), static text
  std::string detail;          // a sentence for a person
  bool abandoned = false;      // nobody was reading any more: whoever joined too late starts again
};

}  // namespace larder::store
