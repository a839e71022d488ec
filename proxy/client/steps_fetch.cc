// The steps of a Transaction that need an origin: fetch and validate.
#include "cache/policy/reuse.h"
#include "cache/policy/validation.h"
#include "cache/policy/vary.h"
#include "proxy/client/connection.h"
#include "proxy/client/transaction.h"
#include "proxy/client/worker.h"

namespace larder::client {

using policy::Forward;
using policy::Reason;
using policy::Result;

Next Transaction::fetch() {
  return fetch_for(nullptr);
}

Next Transaction::validate() {
  return fetch_for(stale_);
}

Next Transaction::fetch_for(const store::Ref<store::Object>& stale) {
  if (!reader_) start_fetch(stale);
  if (!collapsed_) pass_interims();  // another request's are not for this client
  switch (reader_->await_head()) {
    case store::Reader::Status::Wait:
      connection_.flush();
      return Next::Suspend;
    case store::Reader::Status::Failed:
      return on_fetch_failed(stale);
    default:
      return on_head_known(stale);
  }
}

bool Transaction::may_store() const {
  const bool is_method = head_.method == http::Method::Get || head_.method == http::Method::Post;
  return is_method && forward_ != Forward::Bypass && !asked_.no_store;
}

void Transaction::start_fetch(const store::Ref<store::Object>& stale) {
  own();
  store::Store& store = worker_.shared().store;
  const bool keeps = may_store();
  auto mine = store::make_ref<store::Object>(keeps ? key_ : std::string(), keeps ? hash_ : 0);
  mine->set_budget(&store);
  object_ = mine;
  if (keeps && head_.method == http::Method::Get) {
    // A condition of the client's own travels with the request when nothing is stored: its answer is for this client.
    const bool is_own_condition = !stale && policy::has_cache_condition(head_.fields);
    const bool is_for_one = is_own_condition || base_ || http::has(head_.fields, http::FieldName::Range);
    if (alone_ || asked_.no_cache || is_for_one || store.is_known_unshareable(hash_)) {
      store.lead(mine);
    } else {
      object_ = store.join_or_lead(mine, head_.fields);
    }
  }
  if (waker_) waker_->mute();
  waker_ = std::make_shared<origin::LoopWaker>(worker_.loop(), [this] { connection_.resume(); });
  reader_.emplace(object_, waker_);
  collapsed_ = object_ != mine;
  if (collapsed_) {
    if (!reader_->is_late()) return;
    reader_.reset();
    alone_ = true;
    start_fetch(stale);  // once: alone_ leads
    return;
  }
  ask_origin(mine, stale);
}

void Transaction::ask_origin(const store::Ref<store::Object>& mine, const store::Ref<store::Object>& stale) {
  origin::FetchOrder order;
  order.request = request_;
  order.object = mine;
  order.validate = stale;
  order.may_dial = dial_filter();
  order.may_store = may_store();
  order.keep_range = range_ && !http::has(head_.fields, http::FieldName::IfRange);
  order.head_of = head_of_;
  order.variants = variants_to_offer();
  is_condition_held_back_ = stale || base_;
  if (base_) ask_for_gap(order);
  if (request_->has_body) {
    const bool chunked = framing_.kind == wire::Framing::Kind::Chunked;
    const auto length = chunked ? std::nullopt : std::optional(framing_.length);
    body_ =
        std::make_shared<origin::RequestBody>(length, static_cast<std::size_t>(worker_.config().limits.stream_window));
    order.body = body_;
    connection_.read_body_into(body_, framing_);
  } else if (wants_upgrade()) {
    alive_ = std::make_shared<char>();
    order.on_switch = [this, alive = std::weak_ptr<char>(alive_)](origin::Switched switched) {
      if (!alive.expired()) on_switch(std::move(switched));
    };
  }
  worker_.origin().start(std::move(order));
}

// RFC 9111 section 4.3.1: what is stored for other requests may be just what this one needs.
std::vector<store::Ref<store::Object>> Transaction::variants_to_offer() const {
  constexpr std::size_t kMostTags = 8;
  const bool is_plain_get = head_.method == http::Method::Get && !http::has(head_.fields, http::FieldName::Range) &&
                            !policy::has_cache_condition(head_.fields);
  if (forward_ != Forward::VaryMiss || !may_store() || !is_plain_get) return {};
  auto variants = worker_.shared().store.variants(key_, hash_, kMostTags);
  std::erase_if(variants, [this](const auto& variant) {
    http::FieldList stored;
    variant->head()->parse_fields(stored);
    return !policy::may_offer(stored) || (variant->head()->restricted && !connection_.peer().is_loopback());
  });
  return variants;
}

// RFC 5861 section 3. Whoever else asks meanwhile finds the flight and starts no other.
void Transaction::revalidate_in_background(const store::Ref<store::Object>& stale) {
  own();
  store::Store& store = worker_.shared().store;
  auto mine = store::make_ref<store::Object>(key_, hash_);
  mine->set_budget(&store);
  if (store.join_or_lead(mine, head_.fields) != mine) return;
  origin::FetchOrder order;
  order.request = request_;
  order.object = mine;
  order.validate = stale;
  order.may_dial = dial_filter();
  order.may_store = true;
  order.in_background = true;
  worker_.origin().start(std::move(order));
}

void Transaction::pass_interims() {
  std::string head;
  while (reader_->next_interim(head)) {
    if (head_.minor == 1) connection_.output().append(head);  // RFC 9110 section 15.2: not to HTTP/1.0
  }
}

// What a response that another request brought must be to answer this one as well.
bool Transaction::may_follow(const store::Head& head) const {
  if (!head.shareable || !policy::vary_matches(head.vary, head_.fields)) return false;
  if (head.restricted && !connection_.peer().is_loopback()) return false;
  return policy::reuse(asked_, head.meta, worker_.loop().wall()).reuse != policy::Reuse::Validate;
}

Next Transaction::on_head_known(const store::Ref<store::Object>& stale) {
  const store::Head& head = *object_->head();
  origin_ = head.origin;
  const auto& fallback = stale ? stale : head_of_;
  if (policy::is_origin_error(head.status) && may_serve_on_error(fallback)) {
    stop_reading();
    return serve_stale(fallback);
  }
  if (collapsed_ && (!object_->is_joinable() || !may_follow(head))) {
    stop_reading();
    alone_ = true;
    return Next::More;  // the same step again, now for itself
  }
  if (collapsed_) {
    result_ = Result::Collapsed;
  } else if (head.validated) {
    result_ = Result::Revalidated;
    from_cache_ = true;
  } else {
    result_ = forward_ == Forward::Method || forward_ == Forward::Bypass ? Result::Pass : Result::Miss;
    if (reason_ == Reason::NotStored && !head.shareable) reason_ = head.store_reason;
  }
  if (!head.validated && stale) stale_ = nullptr;
  // A reader that was there before the content was known reads only what is in memory and whole.
  if (head.validated && (object_->parts() != nullptr || object_->body()->source)) {
    auto renewed = object_;
    stop_reading();
    return use_stored(std::move(renewed));
  }
  return go(kDeliver);
}

bool Transaction::may_serve_on_error(const store::Ref<store::Object>& stale) const {
  return stale && policy::may_serve_on_error(asked_, stale->head()->meta, worker_.loop().wall());
}

Next Transaction::serve_stale(const store::Ref<store::Object>& stale) {
  result_ = Result::Stale;
  reason_ = Reason::StaleIfError;
  return use_stored(stale);
}

Next Transaction::on_fetch_failed(const store::Ref<store::Object>& stale) {
  const store::Failure failure = object_->failure();
  stop_reading();
  // Given up, or refused for the address of the client that led: neither is about this one.
  if (collapsed_ && (failure.abandoned || failure.status == 403)) {
    alone_ = true;
    return Next::More;
  }
  const auto& fallback = stale ? stale : head_of_;
  if (may_serve_on_error(fallback)) return serve_stale(fallback);
  base_ = nullptr;
  result_ = Result::Error;
  std::string_view what = "Larder could not get an answer from the site you asked for.";
  if (failure.status == 403) what = "This address may not be reached through the proxy.";
  if (failure.status == 508) what = "This request would come back to this proxy.";
  return fail(failure.status, failure.type, what, failure.detail);
}

}  // namespace larder::client
