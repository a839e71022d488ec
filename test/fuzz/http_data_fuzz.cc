// libFuzzer: HTTP as data (cache/http) and the policies that read peers' text (cache/policy), on arbitrary bytes. The
// sanitizers find what crashes; `require` finds what is not as the headers promise.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "cache/http/date.h"
#include "cache/http/directives.h"
#include "cache/http/entity_tag.h"
#include "cache/http/field_name.h"
#include "cache/http/fields.h"
#include "cache/http/message.h"
#include "cache/http/text.h"
#include "cache/http/uri.h"
#include "cache/policy/invalidation.h"
#include "cache/policy/meta.h"
#include "cache/policy/range.h"
#include "cache/policy/reuse.h"
#include "cache/policy/storable.h"
#include "cache/policy/targeted.h"
#include "cache/policy/url_rules.h"
#include "cache/policy/validation.h"
#include "cache/policy/vary.h"

namespace {

using namespace larder;

const http::Time kNow = std::chrono::sys_days(std::chrono::year(2026) / 8 / 1);

void require(bool promised) {
  if (!promised) std::abort();
}

// Takes the text up to the next `end` off the front.
std::string_view take(std::string_view& rest, char end) {
  const std::size_t n = std::min(rest.find(end), rest.size());
  const std::string_view taken = rest.substr(0, n);
  rest.remove_prefix(std::min(n + 1, rest.size()));
  return taken;
}

void read_fields(std::string_view text, http::FieldList& out) {
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    const std::string_view name = take(line, ':');
    out.push_back(name, http::trim(line));
  }
}

void fuzz_text(std::string_view text) {
  const http::FieldName id = http::field_name(text);
  require(id == http::FieldName::Other || http::equals_ignoring_case(http::to_string(id), text));
  if (const auto n = http::parse_digits(text)) {
    std::string written;
    http::append_number(written, *n);
    require(http::parse_digits(written) == n);
  }
  if (const auto n = http::parse_hex(text)) require(*n >> 63 == 0);
  if (const auto date = http::parse_date(text, kNow)) {
    std::string written;
    http::append_date(written, *date);
    require(written.size() == 29 &&
            http::parse_date(written, kNow) == std::min(*date, http::Time(http::Seconds(253402300799))));
  }
  if (const auto tag = http::parse_entity_tag(text)) {
    require(tag->opaque.size() + (tag->weak ? 2 : 0) == text.size());
    require(http::is_weak_match(*tag, *tag) && http::is_strong_match(*tag, *tag) == !tag->weak);
  }
  std::size_t length = 0;
  for (http::MemberIterator m(text); m.next(); length += m.member().size()) {
    require(!m.member().empty() && http::trim(m.member()).size() == m.member().size());
  }
  require(length <= text.size());
}

void fuzz_uri(std::string_view text, std::string_view reference) {
  if (const auto a = http::parse_authority(text)) require(!a->host.empty());
  const auto uri = http::parse_absolute(text);
  if (!uri) return;
  std::string once, twice, target;
  http::append_normalised(once, *uri);
  const auto again = http::parse_absolute(once);
  require(again.has_value() && again->port() == uri->port() && http::is_same_origin(*uri, *again));
  http::append_normalised(twice, *again);
  require(once == twice);
  http::append_origin_form(target, *uri);
  require(target.starts_with('/'));
  if (const auto resolved = http::resolve_reference(*uri, reference)) {
    const auto result = http::parse_absolute(*resolved);
    require(result.has_value() && result->is_http());
  }
}

void fuzz_vary(http::FieldSpan response, http::FieldSpan request, http::FieldSpan other, std::string_view raw) {
  (void)policy::vary_matches(raw, request);
  const auto mine = policy::capture_vary(response, request);
  const auto theirs = policy::capture_vary(response, other);
  require(mine.has_value() == theirs.has_value());
  require(mine.has_value() == !policy::varies_on_everything(response));
  if (!mine) return;
  require(policy::vary_matches(*mine, request) && policy::vary_matches(*theirs, other));
  const bool matches = policy::vary_matches(*mine, other);
  require(matches || *mine != *theirs);
  // A remembered language matches by preference too.
  if (http::find(response, "Content-Language") == nullptr) require(matches == (*mine == *theirs));
}

void fuzz_policy(const http::RequestHead& request, const http::ResponseHead& response, http::FieldSpan not_modified) {
  const auto asked = http::parse_request_directives(request.fields);
  const auto said = http::parse_response_directives(response.fields);
  for (const auto& delta : {asked.max_age, asked.max_stale, asked.min_fresh, said.max_age, said.s_maxage}) {
    require(!delta || (*delta >= http::Seconds(0) && *delta <= http::kMaxDelta));
  }
  const policy::Rules rules;
  const policy::Meta meta = policy::describe(response, said, kNow, kNow, rules);
  require(meta.freshness_lifetime >= http::Seconds(0) && meta.freshness_lifetime <= http::kMaxDelta);
  const auto age = policy::current_age(meta, kNow);
  require(age >= http::Seconds(0) && age <= http::kMaxDelta);

  const auto verdict = policy::storable(request, asked, false, response, said, meta, rules);
  if (verdict.store) require((!said.no_store || said.must_understand) && !said.is_private && !asked.no_store);
  const auto use = policy::reuse(asked, meta, kNow);
  if (use.reuse == policy::Reuse::Fresh) require(policy::ttl(meta, kNow) > http::Seconds(0) && !meta.no_cache);
  if (use.reuse == policy::Reuse::Stale) require(!meta.must_revalidate && !meta.no_cache);
  if (policy::may_serve_while_revalidating(asked, meta, kNow)) require(use.reuse == policy::Reuse::Validate);
  (void)policy::may_serve_on_error(asked, meta, kNow);

  (void)policy::evaluate(request, response.status, response.fields, meta, kNow);
  (void)policy::validators(response.fields);
  (void)policy::may_freshen(response.fields, not_modified);
  http::FieldList merged;
  policy::merge(response.fields, not_modified, merged);
  require(merged.size() <= response.fields.size() + not_modified.size());
  if (const auto uri = http::parse_absolute(request.target)) {
    const auto keys = policy::invalidated(*uri, response.fields);
    require(!keys.empty() && keys.size() <= 3);
  }
}

void fuzz_ranges(http::FieldSpan request, http::FieldSpan response, std::string_view text, std::uint64_t length) {
  if (const auto said = policy::parse_content_range(text)) {
    require(said->range || said->complete);
    if (said->range && said->complete) {
      require(said->range->first <= said->range->last && said->range->last < *said->complete);
      std::string written;
      policy::append_content_range(written, *said->range, *said->complete);
      require(policy::parse_content_range(written) == said);
    }
  }
  (void)policy::single_part(206, response);
  const auto set = policy::parse_range(request);
  if (!set) return;
  require(!set->empty() && set->size() <= policy::kMostRanges);
  const auto verdict = policy::resolve(*set, length);
  require(verdict.ranges.empty() == (verdict.selection != policy::Selection::Satisfiable));
  std::uint64_t bytes = 0;
  for (const auto& range : verdict.ranges) {
    require(range.first <= range.last && range.last < length);
    bytes += range.size();
  }
  require(bytes <= length);
  for (std::size_t i = 1; i < verdict.ranges.size(); ++i) {
    const auto gaps = policy::missing(verdict.ranges[i], {&verdict.ranges[0], 1});
    require(gaps.size() == 1 && gaps[0] == verdict.ranges[i]);  // disjoint
  }
}

void fuzz_targeted(http::FieldSpan response) {
  static const std::vector<std::string> kNames{"Larder-Cache-Control", "CDN-Cache-Control"};
  const auto said = policy::targeted_directives(response, kNames);
  if (!said) return;
  require(http::find(response, kNames[0]) != nullptr || http::find(response, kNames[1]) != nullptr);
  for (const auto& delta : {said->max_age, said->s_maxage, said->stale_while_revalidate, said->stale_if_error}) {
    require(!delta || (*delta >= http::Seconds(0) && *delta <= http::kMaxDelta));
  }
}

void fuzz_rules(std::string_view target, std::string_view glob, std::string_view ignored) {
  const auto uri = http::parse_absolute(target);
  if (!uri) return;
  policy::UrlRule rule;
  rule.host = "*";
  rule.path = glob;
  rule.ignore_query = {std::string(ignored)};
  const policy::UrlRules rules({rule});
  std::string key;
  std::string plain;
  http::append_normalised(plain, *uri);
  const bool is_matched = policy::append_cache_key(key, *uri, rules) != nullptr;
  require(key.size() <= plain.size() && (is_matched || key == plain));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Four parts, separated by NUL: a target, and the field lines of a request, a response and a 304. Each is also taken
  // as one text of its own.
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string_view whole = rest;
  http::RequestHead request;
  http::ResponseHead response;
  http::FieldList not_modified;
  request.method = http::Method::Get;
  request.target = take(rest, '\0');
  const std::string_view asked = take(rest, '\0');
  const std::string_view said = take(rest, '\0');
  read_fields(asked, request.fields);
  read_fields(said, response.fields);
  read_fields(rest, not_modified);
  response.status = size % 5 == 0 ? 404 : 200;

  fuzz_text(whole);
  fuzz_text(request.target);
  for (const http::Field& field : response.fields) fuzz_text(field.value);
  fuzz_uri(request.target, asked);
  fuzz_vary(response.fields, request.fields, not_modified, whole);
  fuzz_policy(request, response, not_modified);
  fuzz_ranges(request.fields, response.fields, request.target, size % 1000);
  fuzz_targeted(response.fields);
  fuzz_rules(request.target, asked, said);
  return 0;
}
