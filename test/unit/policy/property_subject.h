// Of the property test: a cache of one URI made of Larder's policies, in the order in which the proxy asks them.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cache/policy/invalidation.h"
#include "cache/policy/reuse.h"
#include "cache/policy/storable.h"
#include "cache/policy/validation.h"
#include "cache/policy/vary.h"
#include "test/unit/policy/property_spelling.h"

namespace larder::property {

inline Time at(Instant t) {
  return Time{Seconds(t)};
}

constexpr std::string_view uri_of(model::Target target) {
  if (target == model::Target::Own) return kUri;
  return target == model::Target::Sibling ? kSibling : kForeign;
}

inline std::string_view name_of(model::Method method) {
  constexpr const char* kNames[] = {"GET", "HEAD", "POST", "DELETE", "FROB"};
  return kNames[static_cast<std::size_t>(method)];
}

// A request as it arrives.
struct Question {
  Question(const model::Request& request, Random& random)
      : uri(*http::parse_absolute(uri_of(request.target))), fields(spell(request, random)) {
    head.method_name = name_of(request.method);
    head.method = http::method_of(head.method_name);
    head.fields = fields.list();
    asked = http::parse_request_directives(fields);
  }
  http::Uri uri;
  HeadText fields;
  http::RequestHead head;
  http::RequestDirectives asked;
};

// A response as it arrives.
struct Answer {
  inline Answer(int status, std::string_view text) : fields(text) {
    head.status = static_cast<std::uint16_t>(status);
    head.fields = fields.list();
  }
  HeadText fields;
  http::ResponseHead head;
  Instant request_time = 0, response_time = 0;
};

struct Kept {
  Kept(int number, unsigned code, std::string_view text) : id(number), status(code), fields(text) {}
  int id;  // that of the model's Stored
  unsigned status;
  HeadText fields;
  policy::Meta meta;
  std::string vary;
};
using KeptPtr = std::shared_ptr<const Kept>;

enum class Move : std::uint8_t { Reuse, ReuseAndValidate, Ask, Refuse };

struct Action {
  Move move = Move::Ask;
  KeptPtr kept;  // what is reused, or what is validated
  bool other_variants = false;
};

enum class Fate : std::uint8_t { Passed, Stored, Renewed, RenewedNotStored, NotTheSame };

struct Taken {
  Fate fate = Fate::Passed;
  KeptPtr kept;  // what the client is answered from; not that of NotTheSame
  policy::Reason reason = policy::Reason::None;
};

class Subject {
 public:
  Subject() { rules_.stale_if_error = rules_.stale_while_revalidate = Seconds(0); }

  // As Transaction::lookup.
  [[nodiscard]] Action look_up(const Question& q, Instant now) const {
    if (q.head.method != http::Method::Get && q.head.method != http::Method::Head) return {};
    Action action;
    for (const KeptPtr& kept : kept_) {
      action.other_variants = true;
      const bool is_next_best =
          action.kept && !policy::is_preferred({kept->meta, kept->vary}, {action.kept->meta, action.kept->vary});
      if (!is_next_best && policy::vary_matches(kept->vary, q.fields)) action.kept = kept;
    }
    if (!action.kept) return q.asked.only_if_cached ? Action{Move::Refuse, nullptr, false} : action;
    const auto verdict = policy::reuse(q.asked, action.kept->meta, at(now));
    if (verdict.reuse != policy::Reuse::Validate) {
      action.move = Move::Reuse;
    } else if (q.asked.only_if_cached) {
      action.move = Move::Refuse;
    } else if (policy::may_serve_while_revalidating(q.asked, action.kept->meta, at(now))) {
      action.move = Move::ReuseAndValidate;
    } else if (q.head.method == http::Method::Head) {
      action.kept = nullptr;
    }
    return action;
  }

  // As Fetch::on_head and on_not_modified. `base` is what was validated.
  inline Taken take(const Question& q, const KeptPtr& base, const Answer& answer, int id) {
    if (answer.head.status != 304 || !base) {
      return judge(q, base, answer, std::make_shared<Kept>(id, answer.head.status, http::to_text(answer.fields)));
    }
    if (!policy::may_freshen(base->fields, answer.fields)) return {Fate::NotTheSame, nullptr, policy::Reason::None};
    http::FieldList merged;
    policy::merge(base->fields, answer.fields, merged);
    Answer renewed(static_cast<int>(base->status), http::to_text(merged));
    renewed.request_time = answer.request_time;
    renewed.response_time = answer.response_time;
    const bool has_same_vary = policy::has_same_vary(base->fields, merged);
    if (!has_same_vary) std::erase(kept_, base);
    Taken taken = judge(q, base, renewed, std::make_shared<Kept>(id, base->status, http::to_text(merged)),
                        has_same_vary ? &base->vary : nullptr);
    taken.fate = taken.fate == Fate::Stored ? Fate::Renewed : Fate::RenewedNotStored;
    return taken;
  }

  [[nodiscard]] const std::vector<KeptPtr>& kept() const { return kept_; }  // the newest first

 private:
  // As Fetch::judge, keep_selection and after_head, and Store::commit.
  Taken judge(const Question& q, const KeptPtr& base, const Answer& answer, const std::shared_ptr<Kept>& made,
              const std::string* selection = nullptr) {
    const auto said = http::parse_response_directives(answer.fields);
    made->meta = policy::describe(answer.head, said, at(answer.request_time), at(answer.response_time), rules_);
    Taken taken{Fate::Passed, made, policy::Reason::None};
    // The proxy does not ask storable when it knows the answer; here it must be the same.
    const bool may_store = q.head.method == http::Method::Get && !q.asked.no_store;
    const auto verdict = policy::storable(q.head, q.asked, false, answer.head, said, made->meta, rules_);
    const auto vary = policy::capture_vary(answer.fields, q.fields);
    taken.reason = verdict.reason;
    if (verdict.store && vary) {
      made->vary = selection != nullptr ? *selection : *vary;
      std::erase_if(kept_, [&](const KeptPtr& other) { return other->vary == made->vary; });
      kept_.insert(kept_.begin(), made);
      // The same request answered anew, as Fetch::finish.
      if (base && answer.head.status != 304 && base->vary != made->vary) std::erase(kept_, base);
      taken.fate = Fate::Stored;
    } else if (may_store && base && !http::has(q.fields, http::FieldName::Authorization) &&
               policy::ends_stored(verdict.reason, answer.head.status)) {
      std::erase(kept_, base);
    }
    if (policy::invalidates(q.head.method, answer.head.status)) {
      for (const auto& uri : policy::invalidated(q.uri, answer.fields)) {
        if (uri == kUri) kept_.clear();
      }
    }
    return taken;
  }

  policy::Rules rules_;
  std::vector<KeptPtr> kept_;
};

}  // namespace larder::property
