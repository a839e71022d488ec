#include "cache/policy/override.h"

#include <doctest/doctest.h>

#include "cache/policy/storable.h"
#include "test/unit/http/head_text.h"

using namespace larder;
using namespace larder::policy;

namespace {

const http::Time kNow = std::chrono::sys_days(std::chrono::year(2026) / 8 / 1);

struct Judged {
  Reason reason = Reason::None;
  Meta meta;
};

// As a Fetch judges a response under a rule.
Judged judged(const UrlRule& rule, const char* response_text, unsigned status = 200,
              const char* request_text = "Host: a") {
  const http::HeadText request_fields(request_text);
  const http::HeadText response_fields(response_text);
  http::RequestHead request;
  request.method = http::Method::Get;
  request.fields = request_fields.list();
  http::ResponseHead response;
  response.status = static_cast<std::uint16_t>(status);
  response.fields = response_fields.list();
  const auto said = overridden(rule, http::parse_response_directives(response.fields));
  Judged out;
  out.meta = describe(response, said, kNow, kNow, {});
  override_meta(rule, status, out.meta);
  out.reason = storable(request, {}, false, response, said, out.meta, {}).reason;
  return out;
}

UrlRule fresh_for_a_day() {
  UrlRule rule;
  rule.fresh = http::Seconds(86400);
  return rule;
}

}  // namespace

TEST_CASE("fresh takes the place of the lifetime, of successes only") {
  const UrlRule rule = fresh_for_a_day();
  for (const char* said : {"Server: x", "Cache-Control: max-age=0", "Expires: 0", "Cache-Control: max-age=60"}) {
    CAPTURE(said);
    const Judged result = judged(rule, said);
    CHECK(result.reason == Reason::Stored);
    CHECK(result.meta.freshness_lifetime == http::Seconds(86400));
  }
  CHECK(judged(rule, "Cache-Control: max-age=60", 404).meta.freshness_lifetime == http::Seconds(60));
  CHECK(judged(rule, "Cache-Control: max-age=60", 302).meta.freshness_lifetime == http::Seconds(60));
}

TEST_CASE("fresh makes nothing storable that its origin keeps to itself") {
  const UrlRule rule = fresh_for_a_day();
  CHECK(judged(rule, "Cache-Control: no-store").reason == Reason::NoStore);
  CHECK(judged(rule, "Cache-Control: private").reason == Reason::Private);
  CHECK(judged(rule, "Set-Cookie: a=b").reason == Reason::NoFreshness);
  CHECK(judged(rule, "Vary: *").reason == Reason::VaryStar);
  CHECK(judged(rule, "Server: x", 200, "Authorization: Basic x").reason == Reason::Authorization);
  CHECK(judged(rule, "Cache-Control: no-cache\nETag: \"1\"").meta.no_cache);
}

TEST_CASE("force overrides what the response says, but never Authorization") {
  UrlRule rule = fresh_for_a_day();
  rule.force = true;
  for (const char* said : {"Cache-Control: no-store", "Cache-Control: private", "Cache-Control: no-cache",
                           "Cache-Control: private=\"x\", no-cache=\"y\"", "Set-Cookie: a=b"}) {
    CAPTURE(said);
    const Judged result = judged(rule, said);
    CHECK(result.reason == Reason::Stored);
    CHECK_FALSE(result.meta.no_cache);
  }
  CHECK(judged(rule, "Cache-Control: no-store", 200, "Authorization: Basic x").reason == Reason::Authorization);
}

TEST_CASE("keep_stale takes the place of stale-if-error") {
  UrlRule rule;
  rule.keep_stale = http::Seconds(10);
  CHECK(judged(rule, "Cache-Control: max-age=60, stale-if-error=5").meta.stale_if_error == http::Seconds(10));
  CHECK(judged(rule, "Cache-Control: max-age=60").meta.freshness_lifetime == http::Seconds(60));
}
