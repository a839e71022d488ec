#include "proxy/net/hosts_file.h"

#include <algorithm>

#include "proxy/net/words.h"

namespace larder::net {

HostsFile::HostsFile(std::string_view text) {
  while (!text.empty()) {
    std::string_view line = take_line(text);
    line = line.substr(0, line.find('#'));
    // A zone ("fe80::1%lo0") is of no use to a connection by name; such a line is skipped by parse_literal.
    const auto address = Address::parse_literal(take_word(line), 0);
    if (!address) continue;
    for (std::string_view word = take_word(line); !word.empty(); word = take_word(line)) {
      if (word.size() > 1 && word.back() == '.') word.remove_suffix(1);
      std::vector<Address>& addresses = names_[to_lower(word)];
      // A few at most, so the search is short; a file that names one name a thousand times does not make it long.
      if (addresses.size() < 32 && std::find(addresses.begin(), addresses.end(), *address) == addresses.end())
        addresses.push_back(*address);
    }
  }
}

const std::vector<Address>* HostsFile::find(const std::string& name) const {
  const auto at = names_.find(name);
  return at == names_.end() ? nullptr : &at->second;
}

}  // namespace larder::net
