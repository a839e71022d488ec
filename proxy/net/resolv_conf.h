// What /etc/resolv.conf says, as far as it is obeyed here. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/net/address.h"

namespace larder::net {

struct ResolvConf {
  std::vector<Address> servers;     // port 53; at most 3, as in the C library
  std::vector<std::string> search;  // lower case, without dots at the ends; at most 32
  unsigned ndots = 1;               // names with fewer dots are tried with the search domains first

  // resolv.conf(5): nameserver, search, domain, options ndots:N. Other words are skipped.
  static ResolvConf parse(std::string_view text);

  // The names to ask for, in order. `name` is lower case; a dot at its end says that it is complete (and is left out of
  // the answer).
  [[nodiscard]] std::vector<std::string> candidates(std::string_view name) const;
};

}  // namespace larder::net
