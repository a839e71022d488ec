#include "proxy/admin/guard.h"

#include <doctest/doctest.h>

#include <vector>

namespace larder::admin {

TEST_CASE("which hosts this port takes for its own") {
  const std::vector<std::string> names{"larder.example", ".intra.example"};
  for (const char* host :
       {"127.0.0.1", "192.0.2.7", "::1", "2001:db8::1", "localhost", "LocalHost", "localhost.", "a.localhost", "larder",
        "larder.example", "LARDER.example.", "intra.example", "x.y.intra.example"}) {
    CAPTURE(host);
    CHECK(is_own_host(host, names));
  }
  for (const char* host : {"evil.example", "127.0.0.1.evil.example", "127.1", "0x7f.0.0.1", "localhost.evil.example",
                           "xlocalhost.a", "a.larder.example", "xintra.example", "larder.example.evil", ".localhos"}) {
    CAPTURE(host);
    CHECK_FALSE(is_own_host(host, names));
  }
  CHECK(is_own_host("evil.example", std::vector<std::string>{"*"}));
  CHECK_FALSE(is_own_host("a.b", {}));
}

TEST_CASE("what a browser sends for another site's page is refused where it would change something") {
  struct Row {
    http::Method method;
    std::vector<std::pair<std::string_view, std::string_view>> fields;
    unsigned status;  // 0: not refused
  };
  using http::Method;
  const Row rows[] = {
      {Method::Get, {{"Host", "127.0.0.1:3129"}}, 0},
      {Method::Get, {}, 0},
      {Method::Get, {{"Host", "evil.example:3129"}}, 421},
      {Method::Post, {{"Host", "evil.example"}, {"Origin", "http://evil.example"}}, 421},
      {Method::Post, {{"Host", "127.0.0.1:3129"}}, 0},
      {Method::Post, {{"Host", "127.0.0.1:3129"}, {"Origin", "http://127.0.0.1:3129"}}, 0},
      {Method::Post, {{"Host", "localhost:3129"}, {"Origin", "http://LOCALHOST:3129"}}, 0},
      {Method::Post, {{"Host", "127.0.0.1:3129"}, {"Origin", "http://127.0.0.1:8080"}}, 403},
      {Method::Post, {{"Host", "127.0.0.1:3129"}, {"Origin", "http://127.0.0.1"}}, 403},
      {Method::Post, {{"Host", "127.0.0.1:3129"}, {"Origin", "https://evil.example"}}, 403},
      {Method::Post, {{"Host", "127.0.0.1:3129"}, {"Origin", "null"}}, 403},
      {Method::Post, {{"Host", "127.0.0.1:3129"}, {"Origin", ""}}, 403},
      {Method::Post, {{"Host", "127.0.0.1:3129"}, {"Sec-Fetch-Site", "cross-site"}}, 403},
      {Method::Post, {{"Host", "127.0.0.1:3129"}, {"Sec-Fetch-Site", "same-site"}}, 403},
      {Method::Post, {{"Host", "127.0.0.1:3129"}, {"Sec-Fetch-Site", "same-origin"}}, 0},
      {Method::Post, {{"Host", "127.0.0.1:3129"}, {"Sec-Fetch-Site", "none"}}, 0},
      {Method::Get, {{"Host", "127.0.0.1:3129"}, {"Sec-Fetch-Site", "cross-site"}}, 0},
      {Method::Delete, {{"Host", "127.0.0.1:3129"}, {"Origin", "http://evil.example"}}, 403},
  };
  for (const auto& row : rows) {
    http::RequestHead head;
    head.method = row.method;
    std::string said;
    for (const auto& [name, value] : row.fields) {
      head.fields.push_back(name, value);
      said.append(name).append(": ").append(value).append("; ");
    }
    CAPTURE(said);
    const auto refusal = refuse_foreign(head, {});
    CHECK((refusal ? refusal->status : 0) == row.status);
  }
}

}  // namespace larder::admin
