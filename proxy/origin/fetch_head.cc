// The middle of a Fetch: what the response's head says, and what becomes of it.
#include "cache/http/text.h"
#include "cache/policy/invalidation.h"
#include "cache/policy/override.h"
#include "cache/policy/range.h"
#include "cache/policy/reuse.h"
#include "cache/policy/storable.h"
#include "cache/policy/targeted.h"
#include "cache/policy/validation.h"
#include "cache/policy/vary.h"
#include "proxy/origin/fetch.h"
#include "proxy/wire/serialise.h"

namespace larder::origin {
namespace {

// RFC 4559 section 6: these schemes authenticate the connection itself.
bool names_connection_login(http::FieldSpan fields, std::string_view name) {
  for (const http::Field& field : fields) {
    if (!http::equals_ignoring_case(field.name, name)) continue;
    const auto scheme = field.value.substr(0, field.value.find(' '));
    if (http::equals_ignoring_case(scheme, "NTLM") || http::equals_ignoring_case(scheme, "Negotiate")) return true;
  }
  return false;
}

}  // namespace

store::Ref<store::Head> Fetch::make_head(const http::ResponseHead& head, http::FieldSpan fields) const {
  auto made = store::make_ref<store::Head>();
  made->status = head.status;
  made->minor = head.minor;
  made->content_range = policy::single_part(head.status, fields);
  made->block.reserve(512);
  wire::append_status_line(made->block, head.status, head.reason);
  if (made->content_range) {
    http::FieldList others;
    for (const http::Field& field : fields) {
      if (field.id != http::FieldName::ContentRange) others.push_back(field);
    }
    wire::append_end_to_end(made->block, others);
  } else {
    wire::append_end_to_end(made->block, fields);
  }
  const auto now = origin_.house_.loop.wall();
  if (!http::has(fields, http::FieldName::Date)) {  // RFC 9110 section 6.6.1: a recipient with a clock adds it
    made->block += "Date: ";
    http::append_date(made->block, now);
    made->block += "\r\n";
  }
  made->origin = peer_.to_string();
  made->restricted = peer_.is_loopback() || peer_.is_link_local() || peer_.is_unspecified();
  return made;
}

http::ResponseDirectives Fetch::read_meta(store::Head& head, const http::ResponseHead& response) const {
  const auto targeted = policy::targeted_directives(response.fields, rules_->targeted_fields);
  auto said = targeted ? *targeted : http::parse_response_directives(response.fields);
  if (rule_ != nullptr) said = policy::overridden(*rule_, said);
  const auto now = origin_.house_.loop.wall();
  if (targeted) {  // RFC 9213 section 2.2: Expires is ignored as well
    http::ResponseHead without;
    without.status = response.status;
    without.fields = response.fields;
    without.fields.erase_if([](const http::Field& field) { return field.id == http::FieldName::Expires; });
    head.meta = policy::describe(without, said, request_time_, now, *rules_);
  } else {
    head.meta = policy::describe(response, said, request_time_, now, *rules_);
  }
  if (rule_ != nullptr) policy::override_meta(*rule_, response.status, head.meta);
  return said;
}

void Fetch::judge(store::Head& head, const http::ResponseHead& response) const {
  const auto said = read_meta(head, response);
  if (!order_.may_store) return;
  judge_storing(head, response, said, order_.request->head);
  // What hides an outage must not be replaced by it.
  const bool hides = order_.validate && policy::is_origin_error(response.status) &&
                     policy::may_serve_on_error({}, order_.validate->head()->meta, origin_.house_.loop.wall());
  if (hides) {
    head.shareable = false;
    head.store_reason = policy::Reason::StaleIfError;
  }
}

void Fetch::judge_storing(store::Head& head, const http::ResponseHead& response, const http::ResponseDirectives& said,
                          const http::RequestHead& request) const {
  if (response.status == 206 && !order_.range && !http::has(request.fields, http::FieldName::Range)) {
    head.store_reason = policy::Reason::Partial;  // nobody had asked for a part
    return;
  }
  const auto verdict =
      policy::storable(request, order_.request->asked, order_.request->has_body, response, said, head.meta, *rules_);
  head.store_reason = verdict.reason;
  // What is only too large to keep may still be streamed to all who wait for it now.
  head.shareable = verdict.store || verdict.reason == policy::Reason::TooLarge;
  if (!head.shareable) return;
  if (auto vary = policy::capture_vary(response.fields, request.fields)) {
    head.vary = std::move(*vary);
  } else {
    head.shareable = false;
    head.store_reason = policy::Reason::VaryStar;
  }
}

void Fetch::after_head(const http::ResponseHead& head, const store::Head& stored) {
  store::Store& store = origin_.house_.store;
  const Request& request = *order_.request;
  if (policy::invalidates(request.head.method, head.status)) {
    for (const auto& uri : policy::invalidated(request.uri, head.fields)) invalidate(uri);
    // Only now: its own flight must not be among those that it dooms.
    if (order_.may_store && stored.shareable) store.lead(order_.object);
  }
  if (order_.may_store) {
    // What is never fresh no other request may use on its way, so none shall wait for it.
    const bool is_followable =
        stored.shareable && !stored.meta.no_cache && stored.meta.freshness_lifetime > http::Seconds(0);
    if (stored.shareable || policy::ends_stored(stored.store_reason, head.status)) {
      store.remember_unshareable(object().hash(), !is_followable);
    }
    if (!stored.shareable) store.leave(object());
    // What one client gets for its cookie or its name is no word on what the others have.
    const bool is_for_one = http::has(request.head.fields, http::FieldName::Cookie) ||
                            http::has(request.head.fields, http::FieldName::Authorization);
    const bool is_over = !stored.shareable && !is_for_one && policy::ends_stored(stored.store_reason, head.status);
    if (order_.validate && is_over) store.remove(*order_.validate);
  }
}

void Fetch::invalidate(const std::string& uri) {
  std::string key;
  policy::append_cache_key(key, *http::parse_absolute(uri), rules_->urls);
  origin_.house_.store.invalidate(key, origin_.house_.store.hash(key));
}

// RFC 9111 section 4.3.5.
void Fetch::update_by_head(const http::ResponseHead& head) {
  const store::Object& stored = *order_.head_of;
  http::FieldList fields;
  stored.head()->parse_fields(fields);
  const std::uint64_t length = stored.parts() != nullptr ? stored.parts()->complete : stored.size();
  if (!policy::may_update_by_head(fields, length, head.fields)) {
    origin_.house_.store.remove(stored);
    return;
  }
  http::ResponseHead renewed;
  renewed.status = stored.head()->status;
  renewed.minor = head.minor;
  renewed.reason = http::reason_phrase(renewed.status);
  policy::merge(fields, head.fields, renewed.fields);
  auto made = make_head(renewed, renewed.fields);
  http::RequestHead as_get = order_.request->head;
  as_get.method = http::Method::Get;
  judge_storing(*made, renewed, read_meta(*made, renewed), as_get);
  if (!policy::has_same_vary(fields, renewed.fields)) {
    origin_.house_.store.remove(stored);
    return;
  }
  made->vary = stored.head()->vary;
  made->restricted = made->restricted || stored.head()->restricted;
  made->length = stored.head()->length;
  made->validated = true;
  if (!made->shareable || made->store_reason != policy::Reason::Stored) {
    if (policy::ends_stored(made->store_reason, 200)) origin_.house_.store.remove(stored);
    return;
  }
  auto updated = store::make_ref<store::Object>(stored.key(), stored.hash());
  updated->complete_with(made, stored);
  origin_.house_.store.commit_over(updated, &stored, object(), tick());
}

// A renewed response is selected as it was when it was first stored, unless its Vary has changed: then its old form,
// under its old selection, is not valid any more.
void Fetch::keep_selection(store::Head& made, http::FieldSpan renewed, const store::Object& older,
                           http::FieldSpan stored) {
  if (policy::has_same_vary(stored, renewed)) {
    made.vary = older.head()->vary;
  } else {
    origin_.house_.store.remove(older);
  }
}

bool Fetch::select_variant(http::FieldSpan not_modified) {
  if (!http::has(not_modified, http::FieldName::ETag)) return false;  // it does not say which
  for (const auto& variant : order_.variants) {
    http::FieldList stored;
    variant->head()->parse_fields(stored);
    if (!policy::may_freshen(stored, not_modified)) continue;
    order_.validate = variant;
    return true;
  }
  return false;
}

// What it said does not fit what is stored.
void Fetch::ask_again_unconditionally() {
  unconditional_ = true;
  again(false);
}

void Fetch::on_not_modified(const http::ResponseHead& head) {
  const store::Head& older = *order_.validate->head();
  http::FieldList stored;
  older.parse_fields(stored);
  if (!policy::may_freshen(stored, head.fields)) {
    ask_again_unconditionally();
    return;
  }
  http::ResponseHead renewed;
  renewed.status = older.status;
  renewed.minor = head.minor;
  renewed.reason = http::reason_phrase(older.status);
  policy::merge(stored, head.fields, renewed.fields);
  auto made = make_head(renewed, renewed.fields);
  judge(*made, renewed);
  made->length = older.length;
  made->restricted = made->restricted || older.restricted;
  made->validated = true;
  keep_alive_ = wire::wants_keep_alive(head.minor, head.fields) && input_.empty();
  body_ended_ = true;
  // A variant stays for its own requests as well; what was validated for this one is replaced by its new form.
  if (order_.variants.empty()) keep_selection(*made, renewed.fields, *order_.validate, stored);
  after_head(renewed, *made);
  const bool keep = made->shareable && made->store_reason == policy::Reason::Stored;
  object().complete_with(made, *order_.validate);
  if (keep && order_.variants.empty()) {
    origin_.house_.store.commit_renewed(order_.object, *order_.validate, tick());
  } else if (keep) {
    origin_.house_.store.commit(order_.object, tick());
  }
  finish();
}

void Fetch::on_head(const http::ResponseHead& head, std::size_t head_bytes) {
  const auto framing = wire::response_framing(order_.request->head.method, head);
  if (!framing) {
    fail(502, "http_protocol_error", "the origin's response is malformed: " + std::string(framing.error().why));
    return;
  }
  is_bound_to_user_ = names_connection_login(order_.request->head.fields, "Authorization") ||
                      names_connection_login(head.fields, "WWW-Authenticate");
  framing_ = *framing;
  left_ = framing_.length;
  keep_alive_ = wire::wants_keep_alive(head.minor, head.fields) && framing_.kind != wire::Framing::Kind::UntilClose;
  const bool was_conditional = (order_.validate || !order_.variants.empty()) && !unconditional_;
  if (head.status == 304 && was_conditional) {
    // The views in `head` stay valid: consuming moves nothing.
    input_.consume(head_bytes);
    if (order_.validate || select_variant(head.fields)) {
      on_not_modified(head);
    } else {
      ask_again_unconditionally();
    }
    return;
  }
  auto made = make_head(head, head.fields);
  judge(*made, head);
  if (framing_.kind == wire::Framing::Kind::Length) {
    made->length = framing_.length;
  } else if (framing_.kind == wire::Framing::Kind::None) {
    const auto declared = http::value_of(head.fields, http::FieldName::ContentLength);
    if (declared) made->length = http::parse_digits(*declared);
  }
  if (framing_.kind == wire::Framing::Kind::UntilClose && made->store_reason == policy::Reason::Stored) {
    made->store_reason = policy::Reason::Incomplete;  // its end cannot be told from a cut: shared now, kept never
  }
  after_head(head, *made);
  if (order_.head_of && head.status == 200) update_by_head(head);
  input_.consume(head_bytes);
  publish(made);
}

void Fetch::publish(const store::Ref<store::Head>& head) {
  store::Object::Plan plan;
  const std::uint64_t largest = std::min(rules_->max_object, origin_.house_.store.largest());
  plan.keep = head->shareable && head->store_reason == policy::Reason::Stored && head->length.value_or(0) <= largest;
  if (head->store_reason == policy::Reason::Stored && !plan.keep) head->store_reason = policy::Reason::TooLarge;
  plan.window = config().limits.stream_window;
  plan.lead = config().limits.stream_window * 4;
  plan.most = largest;
  if (head->shareable && !plan.keep) {
    origin_.house_.counters.storable_skipped.add();
    if (order_.may_store) origin_.house_.store.remember_unshareable(object().hash(), true);
  }
  phase_ = Phase::Body;
  object().publish_head(head, plan);
  if (order_.in_background && !plan.keep) {
    abandon();
    return;
  }
  body_ended_ =
      framing_.kind == wire::Framing::Kind::None || (framing_.kind == wire::Framing::Kind::Length && left_ == 0);
  watch(config().timeouts.body_idle);
}

}  // namespace larder::origin
