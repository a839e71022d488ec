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

bool is_same_representation(const Head& a, const Head& b, http::Time now) {
  http::FieldList fields_a;
  http::FieldList fields_b;
  a.parse_fields(fields_a);
  b.parse_fields(fields_b);
  const auto validator_a = policy::strong_validator(fields_a, a.meta, now);
  const auto validator_b = policy::strong_validator(fields_b, b.meta, now);
  if (!validator_a || !validator_b || *validator_a != *validator_b) return false;
  // A 304 has moved the Date of a freshened head, and with it what made its Last-Modified strong.
  return validator_a->kind == policy::StrongValidator::Kind::ETag || (!a.validated && !b.validated);
}

}  // namespace larder::store
