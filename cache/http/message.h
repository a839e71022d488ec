// The heads of a request and a response as data. Views into the bytes they were parsed from, which must outlive them.
#pragma once

#include <cstdint>
#include <string_view>

#include "cache/http/fields.h"

namespace larder::http {

enum class Method : std::uint8_t { Get, Head, Post, Put, Delete, Connect, Options, Trace, Patch, Other };

Method method_of(std::string_view name);  // case-sensitive (RFC 9110 section 9.1)
// RFC 9110 section 9.2.1. An unknown method is neither safe nor idempotent.
bool is_safe(Method method);
bool is_idempotent(Method method);  // section 9.2.2

struct RequestHead {
  Method method = Method::Other;
  std::uint8_t minor = 1;        // HTTP/1.minor, 0 or 1
  std::string_view method_name;  // as received
  std::string_view target;       // request-target as received (RFC 9112 section 3.2)
  FieldList fields;

  void clear();
  void rebase(const char* from, const char* to);  // see FieldList::rebase
};

struct ResponseHead {
  std::uint16_t status = 0;
  std::uint8_t minor = 1;
  std::string_view reason;
  FieldList fields;

  void clear();
  void rebase(const char* from, const char* to);
};

// The reason phrase of RFC 9110 section 15 for a status, "" when it has none.
std::string_view reason_phrase(unsigned status);

// Whether a response to `method` with `status` has no content whatever its fields say (RFC 9112 section 6.3 rules 1,
// 2).
bool is_bodiless(Method method, unsigned status);

}  // namespace larder::http
