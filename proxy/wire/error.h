// Why bytes from a peer were refused. A value; the text is static.
#pragma once

#include <cstdint>
#include <string_view>

namespace larder::wire {

// A message that was refused: the status a client is answered (400, 414, 431, 501, 505; for an origin's response the
// caller answers 502) and a sentence saying what was wrong, for the error page, Proxy-Status details and the log.
struct Reject {
  std::uint16_t status = 400;
  std::string_view why;
};

}  // namespace larder::wire
