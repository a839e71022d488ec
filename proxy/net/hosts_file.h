// What /etc/hosts says. Pure.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/net/address.h"

namespace larder::net {

class HostsFile {
 public:
  HostsFile() = default;
  // hosts(5): an address and names on each line, '#' begins a comment. Lines that make no sense are skipped.
  explicit HostsFile(std::string_view text);

  // `name` in lower case, without a dot at the end. The addresses have port 0 and the file's order; null when the file
  // does not name it.
  [[nodiscard]] const std::vector<Address>* find(const std::string& name) const;
  [[nodiscard]] std::size_t size() const { return names_.size(); }

 private:
  std::unordered_map<std::string, std::vector<Address>> names_;
};

}  // namespace larder::net
