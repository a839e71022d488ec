// What becomes of a 206: its bytes join those that are stored of the same representation (RFC 9111 section 3.4).
#include <algorithm>

#include "cache/http/text.h"
#include "cache/policy/range.h"
#include "cache/policy/reuse.h"
#include "cache/policy/validation.h"
#include "cache/policy/vary.h"
#include "proxy/origin/fetch.h"

namespace larder::origin {
namespace {

constexpr int kTries = 4;                // another part may come in between; then this one is worth no more
constexpr std::size_t kMostParts = 256;  // that do not touch; each costs a little at every request

// They describe the content of one message, not the representation (RFC 9530 section 2).
void drop_message_digests(http::FieldList& fields) {
  fields.erase_if([](const http::Field& field) {
    return http::equals_ignoring_case(field.name, "Content-Digest") ||
           http::equals_ignoring_case(field.name, "Content-MD5");
  });
}

}  // namespace

store::Ref<store::Object> Fetch::combine(const store::Part& part, const store::Object* base) const {
  const store::Head& fresh = *object().head();
  const std::uint64_t complete = *fresh.content_range->complete;
  const store::Parts* older = nullptr;
  if (base != nullptr && store::is_same_representation(*base->head(), fresh, origin_.house_.loop.wall())) {
    if (base->parts() == nullptr) return nullptr;  // the whole is there already
    if (base->parts()->complete == complete) older = base->parts();
  }
  if (base != nullptr && older == nullptr && policy::is_overtaken(fresh.meta, base->head()->meta)) return nullptr;
  const auto parts = store::add_part(older, part, complete);
  const std::uint64_t largest = std::min(rules_->max_object, origin_.house_.store.largest());
  if (parts->list.size() > kMostParts || parts->size() > largest) return nullptr;

  http::ResponseHead head;
  head.status = 200;  // of the representation, whether or not all of it is there
  head.minor = fresh.minor;
  head.reason = http::reason_phrase(head.status);
  http::FieldList fields;
  fresh.parse_fields(fields);
  drop_message_digests(fields);
  bool has_same_selection = false;
  if (older != nullptr) {
    http::FieldList stored;
    base->head()->parse_fields(stored);
    policy::merge(stored, fields, head.fields);
    has_same_selection = policy::has_same_vary(stored, head.fields);
  } else {
    head.fields = fields;
  }
  auto made = make_head(head, head.fields);
  made->meta = fresh.meta;
  made->vary = has_same_selection ? base->head()->vary : fresh.vary;
  made->shareable = true;
  made->store_reason = policy::Reason::Stored;
  made->restricted = fresh.restricted || (older != nullptr && base->head()->restricted);
  auto combined = store::make_ref<store::Object>(object().key(), object().hash());
  combined->complete_with(made, parts);
  return combined;
}

void Fetch::commit_part() {
  store::Store& store = origin_.house_.store;
  const auto& said = *object().head()->content_range;
  const store::Part part{said.range->first, object().body()};
  // A content shorter than its Content-Range is an incomplete one (RFC 9111 section 3.3); a longer one is nonsense.
  if (part.body->size == 0 || part.body->size > said.range->size()) return;
  for (int tries = 0; tries < kTries; ++tries) {
    const auto base = store.peek(object().key(), object().hash(), order_.request->head.fields);
    const auto combined = combine(part, base.get());
    if (!combined) return;
    if (base && base->head()->vary != combined->head()->vary) {  // selected by something else from now on
      if (object().is_doomed()) return;
      store.remove(*base);
      store.commit(combined, tick());
      return;
    }
    if (store.commit_over(combined, base.get(), object(), tick())) return;
  }
}

}  // namespace larder::origin
