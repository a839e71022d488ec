// A client's request as its own value: the head's bytes and the views into them. Made when a request has to wait or to
// be forwarded (a plain hit is answered from the connection's buffer). Immutable and shared by the transaction and its
// fetch.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "cache/http/directives.h"
#include "cache/http/message.h"
#include "cache/http/uri.h"

namespace larder::origin {

struct Request {
  std::string bytes;
  http::RequestHead head;
  http::Uri uri;
  http::RequestDirectives asked;
  bool has_body = false;
  std::string max_forwards;  // the decremented value that head.fields carries (TRACE, OPTIONS; RFC 9110 section 7.6.2)

  // RFC 9110 section 10.1.1: an HTTP/1.0 client's expectation is ignored.
  [[nodiscard]] bool expects_continue() const {
    return has_body && head.minor == 1 && http::list_contains(head.fields, http::FieldName::Expect, "100-continue");
  }

  // `raw` is what `parsed` points into.
  static std::shared_ptr<const Request> copy(std::string_view raw, const http::RequestHead& parsed, bool has_body);
};

}  // namespace larder::origin
