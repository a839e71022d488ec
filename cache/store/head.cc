#include "cache/store/head.h"

#include <string_view>

namespace larder::store {

void Head::parse_fields(http::FieldList& out) const {
  out.clear();
  std::string_view rest = block;
  rest.remove_prefix(rest.find("\r\n") + 2);  // our own serialisation: a status line is always there
  while (!rest.empty()) {
    const auto end = rest.find("\r\n");
    const auto line = rest.substr(0, end);
    const auto colon = line.find(": ");
    out.push_back(line.substr(0, colon), line.substr(colon + 2));
    rest.remove_prefix(end + 2);
  }
}

}  // namespace larder::store
