#include "cache/http/message.h"

namespace larder::http {

Method method_of(std::string_view name) {
  switch (name.size()) {
    case 3:
      if (name == "GET") return Method::Get;
      return name == "PUT" ? Method::Put : Method::Other;
    case 4:
      if (name == "HEAD") return Method::Head;
      return name == "POST" ? Method::Post : Method::Other;
    case 5:
      if (name == "PATCH") return Method::Patch;
      return name == "TRACE" ? Method::Trace : Method::Other;
    case 6:
      return name == "DELETE" ? Method::Delete : Method::Other;
    case 7:
      if (name == "CONNECT") return Method::Connect;
      return name == "OPTIONS" ? Method::Options : Method::Other;
    default:
      return Method::Other;
  }
}

bool is_safe(Method method) {
  return method == Method::Get || method == Method::Head || method == Method::Options || method == Method::Trace;
}

bool is_idempotent(Method method) {
  return is_safe(method) || method == Method::Put || method == Method::Delete;
}

void RequestHead::clear() {
  method = Method::Other;
  minor = 1;
  method_name = {};
  target = {};
  fields.clear();
}

void RequestHead::rebase(const char* from, const char* to) {
  rebase_view(method_name, from, to);
  rebase_view(target, from, to);
  fields.rebase(from, to);
}

void ResponseHead::clear() {
  status = 0;
  minor = 1;
  reason = {};
  fields.clear();
}

void ResponseHead::rebase(const char* from, const char* to) {
  rebase_view(reason, from, to);
  fields.rebase(from, to);
}

bool is_bodiless(Method method, unsigned status) {
  if (method == Method::Head || status / 100 == 1 || status == 204 || status == 304) return true;
  return method == Method::Connect && status / 100 == 2;
}

}  // namespace larder::http
