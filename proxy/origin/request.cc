#include "proxy/origin/request.h"

#include "cache/http/text.h"

namespace larder::origin {
namespace {

// RFC 9110 section 7.6.2: an intermediary that forwards TRACE or OPTIONS counts Max-Forwards down.
void count_down(Request& request) {
  const auto value = http::value_of(request.head.fields, http::FieldName::MaxForwards);
  const auto left = value ? http::parse_digits(*value) : std::nullopt;
  if (!left || *left == 0) return;
  http::append_number(request.max_forwards, *left - 1);
  http::FieldList counted;
  for (const auto& field : request.head.fields) {
    counted.push_back(
        {field.name, field.id == http::FieldName::MaxForwards ? request.max_forwards : field.value, field.id});
  }
  request.head.fields = std::move(counted);
}

}  // namespace

std::shared_ptr<const Request> Request::copy(std::string_view raw, const http::RequestHead& parsed, bool has_body) {
  auto request = std::make_shared<Request>();
  request->bytes.assign(raw);
  request->head = parsed;
  request->head.rebase(raw.data(), request->bytes.data());
  if (auto uri = http::parse_absolute(request->head.target)) request->uri = *uri;
  request->asked = http::parse_request_directives(request->head.fields);
  request->has_body = has_body;
  if (parsed.method == http::Method::Trace || parsed.method == http::Method::Options) count_down(*request);
  return request;
}

}  // namespace larder::origin
