// Of the property test: one sequence, in which each step is compared with the model.
#pragma once

#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "test/unit/policy/property_origin.h"
#include "test/unit/policy/property_subject.h"

namespace larder::property {

inline std::string indented(std::string_view text) {
  std::string out = "    ";
  for (const char c : text) out += c == '\n' ? std::string("\n    ") : std::string(1, c);
  return text.empty() ? "" : out + "\n";
}

enum class Telling : std::uint8_t { Silent, InFull };

class Run {
 public:
  Run(std::uint64_t seed, Telling telling, Counts& counts)
      : random_(seed), telling_(telling), counts_(counts), origin_(random_) {}

  inline void go() {
    for (auto steps = 2 + random_.below(7); steps > 0 && mismatch_.empty(); --steps) step();
  }
  [[nodiscard]] const std::string& mismatch() const { return mismatch_; }  // "" when all was as the model says
  [[nodiscard]] std::string story() const { return story_.str(); }

 private:
  const model::Stored& stored(const KeptPtr& kept) const { return stored_[static_cast<std::size_t>(kept->id)]; }
  const model::Stored* newest() const { return subject_.kept().empty() ? nullptr : &stored(subject_.kept().front()); }

  void reached(Situation s) { ++counts_.situations[static_cast<std::size_t>(s)]; }
  inline void reached_if(bool is_so, Situation s) {
    if (is_so) reached(s);
  }
  inline void excuse(Exception e) {
    ++counts_.exceptions[static_cast<std::size_t>(e)];
    tell(std::string("  excused: ") + kExceptions[static_cast<std::size_t>(e)] + "\n");
  }
  inline void tell(const std::string& text) {
    if (telling_ == Telling::InFull) story_ << text;
  }
  inline void expect(bool holds, const std::string& otherwise) {
    if (holds || !mismatch_.empty()) return;
    mismatch_ = otherwise;
    tell("  MISMATCH: " + otherwise + "\n");
  }

  // Whether Larder may take it to match, by the letter or by an exception.
  inline static bool may_match(const model::Stored& s, const model::Request& r) {
    return model::selects(s, r) || model::is_in_preferred_language(s, r);
  }

  inline void step() {
    ++counts_.steps;
    const Delta pause = random_pause(newest(), now_, random_);
    now_ += pause;
    origin_.live(now_);
    model::Request request = random_request(newest(), origin_, now_, random_);
    if (random_.percent(65)) {
      request.languages = last_.languages;
      request.agent = last_.agent;
    }
    last_ = request;
    const Question question(request, random_);
    tell("after " + std::to_string(pause) + " s: " + std::string(name_of(request.method)) + " " +
         std::string(uri_of(request.target)) + "\n" + indented(http::to_text(question.fields)));
    const Action action = subject_.look_up(question, now_);
    tell_verdicts(request, action);
    check_optimum(request, action);
    switch (action.move) {
      case Move::Refuse:
        expect(request.only_if_cached, "504 to a request without only-if-cached (5.2.1.7)");
        return reached(Situation::OnlyIfCached);
      case Move::Reuse:
        check_reuse(request, action);
        return check_condition(question, request, action.kept);
      case Move::ReuseAndValidate:
        check_reuse(request, action);
        check_condition(question, request, action.kept);
        reached(Situation::WhileRevalidating);
        break;
      case Move::Ask:
        expect(model::is_unsafe(request.method) || !request.only_if_cached,
               "asks in spite of only-if-cached (5.2.1.7)");
        note_why_asked(request, action);
        break;
    }
    if (request.method != model::Method::Head || action.move == Move::Ask) ask(question, request, action);
  }

  inline void tell_verdicts(const model::Request& request, const Action& action) {
    if (telling_ == Telling::Silent) return;
    constexpr const char* kMoves[] = {"reuse", "reuse, and validate meanwhile", "ask", "504"};
    constexpr const char* kUses[] = {"never", "freely", "while revalidating"};
    for (const KeptPtr& kept : subject_.kept()) {
      const auto judgement = model::may_reuse(stored(kept), request, now_);
      story_ << "  model: #" << kept->id << (model::selects(stored(kept), request) ? " matches, " : " no match, ")
             << kUses[static_cast<std::size_t>(judgement.use)] << " (" << judgement.rule << "), age "
             << model::current_age(stored(kept), now_) << " of " << model::freshness_lifetime(stored(kept)) << "\n";
    }
    story_ << "  larder: " << kMoves[static_cast<std::size_t>(action.move)];
    if (action.kept) {
      story_ << " #" << action.kept->id << ", age " << policy::current_age(action.kept->meta, at(now_)).count()
             << " of " << action.kept->meta.freshness_lifetime.count();
    }
    story_ << "\n";
  }

  // What any cache would do: answer from the store, when the newest that may match is one that it ought to have and
  // use.
  inline void check_optimum(const model::Request& request, const Action& action) {
    int best = -1;
    for (std::size_t id = 0; id < stored_.size(); ++id) {
      if (is_expected_[id]) best = model::surely_selects(stored_[id], request) ? static_cast<int>(id) : best;
    }
    if (best < 0) return;
    for (const KeptPtr& kept : subject_.kept()) {
      if (kept->id != best && may_match(stored(kept), request)) return;  // check_choice has its say
    }
    const model::Stored& s = stored_[static_cast<std::size_t>(best)];
    const std::string name = "#" + std::to_string(best);
    const bool is_used = action.kept && action.kept->id == best;
    const bool is_reused = is_used && (action.move == Move::Reuse || action.move == Move::ReuseAndValidate);
    if (model::ought_to_reuse(s, request, now_)) {
      expect(is_reused, name + " ought to be reused");
    } else if (request.method == model::Method::Get && !request.only_if_cached && s.response.has_validator()) {
      expect(is_used, name + " ought to be validated (4.3.1)");
    }
  }

  inline void check_reuse(const model::Request& request, const Action& action) {
    const std::string name = "#" + std::to_string(action.kept->id);
    model::Stored s = stored(action.kept);
    if (!model::selects(s, request)) {
      if (!model::is_in_preferred_language(s, request)) return expect(false, name + " does not match by Vary (4.1)");
      excuse(Exception::PreferredLanguage);
    }
    const auto judgement = model::may_reuse(s, request, now_);
    expect(policy::current_age(action.kept->meta, at(now_)).count() == model::current_age(s, now_),
           name + " is sent with another age (4.2.3, 5.1)");
    expect(judgement.use != model::Use::Never, name + " must not be reused (" + judgement.rule + ")");
    expect(judgement.use == model::Use::Freely || action.move == Move::ReuseAndValidate,
           name + " is only to be used while it is revalidated (" + judgement.rule + ")");
    check_choice(request, s, action.kept);
    note_hit(request, s, action);
  }

  // Section 4 and 4.1: of several stored responses that match and may be used.
  inline void check_choice(const model::Request& request, const model::Stored& chosen, const KeptPtr& kept) {
    for (const KeptPtr& other : subject_.kept()) {
      const model::Stored& s = stored(other);
      if (other == kept || !model::surely_selects(s, request)) continue;
      if (model::may_reuse(s, request, now_).use != model::Use::Freely) continue;
      const std::string name = "#" + std::to_string(other->id);
      if (s.response.has_vary() != chosen.response.has_vary()) {
        expect(chosen.response.has_vary(), name + " matches and has a Vary (4.1)");
      } else {
        expect(!model::is_more_recent(s, chosen), name + " matches and is more recent (4)");
        expect(other->id < kept->id || model::is_more_recent(chosen, s), name + " matches and was received later (4)");
      }
    }
  }

  inline void note_hit(const model::Request& request, const model::Stored& s, const Action& action) {
    const bool fresh = model::is_fresh(s, now_);
    const bool is_explicit = model::has_explicit_lifetime(s.response);
    reached_if(fresh && is_explicit, Situation::FreshHit);
    reached_if(fresh && !is_explicit, Situation::HeuristicHit);
    reached_if(!fresh && action.move == Move::Reuse, Situation::MaxStaleHit);
    reached_if(request.method == model::Method::Head, Situation::HeadHit);
    reached_if(s.response.has_vary(), Situation::VaryHit);
  }

  inline void note_why_asked(const model::Request& request, const Action& action) {
    if (!action.kept) return reached_if(action.other_variants, Situation::VaryMiss);
    const model::Stored& s = stored(action.kept);
    const auto by_rule = [&](std::string_view section) {
      return std::string_view(model::may_reuse(s, request, now_).rule).starts_with(section);
    };
    const bool fresh = model::is_fresh(s, now_);
    const bool takes_stale = request.max_stale_any || request.max_stale.value_or(0) > 0;
    reached_if(takes_stale && by_rule("5.2.2.2:"), Situation::MustRevalidate);
    reached_if(fresh && by_rule("5.2.2.4:"), Situation::StoredNoCache);
    reached_if(fresh && by_rule("5.2.1.4:"), Situation::RequestNoCache);
    reached_if(fresh && by_rule("5.2.1.1:"), Situation::RequestMaxAge);
    reached_if(fresh && by_rule("5.2.1.3:"), Situation::RequestMinFresh);
  }

  // Section 4.3.2: the client's own condition against what it is answered from.
  inline void check_condition(const Question& question, const model::Request& request, const KeptPtr& kept) {
    if (!policy::has_cache_condition(question.fields)) return;
    const auto condition = policy::evaluate(question.head, kept->status, kept->fields, kept->meta, at(now_));
    const bool expected = model::is_not_modified(request, stored(kept));
    expect(
        (condition == policy::Condition::NotModified) == expected,
        expected ? "the client's condition asks for a 304 (4.3.2)" : "a 304 that the client did not ask for (4.3.2)");
    reached(expected ? Situation::ClientNotModified : Situation::ClientModified);
  }

  inline void ask(const Question& question, const model::Request& request, const Action& action) {
    const KeptPtr base = action.kept;
    bool conditional = false;
    if (base) {
      const model::Response& r = stored(base).response;
      const auto sent = policy::validators(base->fields);
      expect(sent.if_none_match == (r.etag ? spell_tag(*r.etag) : ""), "not the stored ETag is sent (4.3.1)");
      expect(sent.if_modified_since == (r.last_modified ? spell_last_modified(*r.last_modified) : ""),
             "not the stored Last-Modified is sent (4.3.1)");
      conditional = sent.any();
    }
    // Whatever is asked now may bring something newer than what was expected of the store.
    for (std::size_t id = 0; id < stored_.size(); ++id) {
      if (may_match(stored_[id], request)) is_expected_[id] = false;
    }
    if (conditional && random_.percent(50)) {
      const model::Stored validated = stored(base);
      if (answer(question, request, base, origin_.not_modified(&validated.response, now_)) != Fate::NotTheSame) return;
    }
    const bool is_own_condition = !base && !request.if_none_match.empty() && !model::is_unsafe(request.method);
    const bool holds = is_own_condition && random_.percent(30);
    answer(question, request, base, holds ? origin_.not_modified(nullptr, now_) : origin_.response(request, now_));
  }

  inline Fate answer(const Question& question, const model::Request& request, const KeptPtr& base,
                     model::Response response) {
    Answer text(response.status, spell(response, random_));
    text.request_time = now_;
    now_ += random_.percent(50) ? 0 : random_.magnitude(100);
    text.response_time = now_;
    tell("  origin, " + std::to_string(text.response_time - text.request_time) +
         " s later: " + std::to_string(response.status) + "\n" + indented(http::to_text(text.fields)));
    const int id = static_cast<int>(stored_.size());
    const bool had_any = !subject_.kept().empty();
    const Taken taken = subject_.take(question, base, text, id);
    tell(std::string("  larder: ") + kFates[static_cast<std::size_t>(taken.fate)] + " " +
         std::string(policy::to_string(taken.reason)) + " #" + std::to_string(id) + "\n");
    if (response.status == 304 && base) {
      check_validation(response, stored(base).response, taken.fate);
      if (taken.fate == Fate::NotTheSame) return taken.fate;
      response = model::updated(stored(base).response, response);
    }
    const bool is_renewed = taken.fate == Fate::Renewed || taken.fate == Fate::RenewedNotStored;
    model::Stored made{response, {request}, text.request_time, text.response_time};
    if (is_renewed)
      made.requests.insert(made.requests.begin(), stored(base).requests.begin(), stored(base).requests.end());
    check_storing(request, made, taken);
    if (base && !is_renewed) check_failure(question, request, base, response);
    if (taken.fate == Fate::Renewed) stored_[static_cast<std::size_t>(base->id)].superseded = true;
    stored_.push_back(made);
    is_expected_.push_back(model::ought_to_store(made));
    if (had_any) check_invalidation(request, response);
    if (is_renewed) check_condition(question, request, taken.kept);
    return taken.fate;
  }

  inline void check_validation(const model::Response& not_modified, const model::Response& validated, Fate fate) {
    const model::Match match = model::identifies(not_modified, validated);
    const bool is_taken = fate != Fate::NotTheSame;
    if (match == model::Match::Unnamed && is_taken) {
      excuse(Exception::UnnamedNotModified);
    } else {
      expect(is_taken == (match == model::Match::Same),
             is_taken ? "the 304 is not about the stored response (4.3.4)" : "the 304 is about it (4.3.4)");
    }
    reached(is_taken ? Situation::Renewed : Situation::NotTheSame);
  }

  inline void check_storing(const model::Request& request, const model::Stored& made, const Taken& taken) {
    const char* forbidden = model::forbids_storing(request, made.response);
    const bool is_stored = taken.fate == Fate::Stored || taken.fate == Fate::Renewed;
    expect(!is_stored || forbidden == nullptr, std::string("must not be stored: ") + (forbidden ? forbidden : ""));
    expect(is_stored || !model::ought_to_store(made), "ought to be stored");
    const policy::Meta& meta = taken.kept->meta;
    expect(policy::current_age(meta, at(now_)).count() == model::current_age(made, now_), "another age (4.2.3)");
    expect(meta.freshness_lifetime.count() == model::freshness_lifetime(made), "another lifetime (4.2.1, 4.2.2)");
    const model::Response& r = made.response;
    if (is_stored) {
      reached_if(request.authorization, Situation::SharedAuthorization);
      reached_if(r.no_store && r.must_understand, Situation::MustUnderstand);
      return;
    }
    const std::string_view rule = forbidden != nullptr ? forbidden : "";
    reached_if(rule.starts_with("5.2.2.5:"), Situation::NoStore);
    reached_if(rule.starts_with("5.2.1.5:"), Situation::RequestNoStore);
    reached_if(rule.starts_with("5.2.2.7:"), Situation::Private);
    reached_if(rule.starts_with("3.5:"), Situation::Authorization);
    reached_if(rule.starts_with("5.2.2.3:"), Situation::NotUnderstood);
    reached_if(rule.starts_with("3: a 304"), Situation::PassedNotModified);
  }

  // RFC 5861 section 4.
  void check_failure(const Question& question, const model::Request& request, const KeptPtr& base,
                     const model::Response& response) {
    if (!policy::is_origin_error(static_cast<unsigned>(response.status))) return reached(Situation::Replaced);
    const bool may = policy::may_serve_on_error(question.asked, base->meta, at(now_));
    const bool expected = model::may_use_on_error(stored(base), request, now_);
    expect(may == expected, may ? "stale must not be used on an error (RFC 5861 4, 4.2.4)"
                                : "stale may be used on an error (RFC 5861 4)");
    reached(expected ? Situation::StaleOnError : Situation::FailureShown);
  }

  inline void check_invalidation(const model::Request& request, const model::Response& response) {
    if (!model::is_unsafe(request.method)) return;
    const auto rule = model::invalidation(request, response);
    const bool ought = model::ought_to_invalidate(request, response);
    const bool is_emptied = subject_.kept().empty();
    expect(!is_emptied || rule != model::Invalidation::MustNot, "another origin's to throw away (4.4)");
    expect(is_emptied || rule != model::Invalidation::Must, "must be invalidated (4.4)");
    expect(is_emptied == ought, ought ? "ought to be invalidated (4.4)" : "nothing invalidates it (4.4)");
    const bool names_this = response.location || response.content_location;
    reached_if(ought && request.target == model::Target::Own, Situation::Invalidated);
    reached_if(ought && request.target == model::Target::Sibling, Situation::SiblingInvalidated);
    reached_if(names_this && request.target == model::Target::Foreign, Situation::ForeignSpared);
    reached_if(!ought && request.target == model::Target::Own, Situation::FailureSpared);
    if (!ought) return;
    for (model::Stored& s : stored_) s.invalidated = true;
    is_expected_.assign(stored_.size(), false);
  }

  static constexpr const char* kFates[] = {"passed on", "stored", "renewed", "renewed, not stored",
                                           "not the same, asks again"};

  Random random_;
  Telling telling_;
  Counts& counts_;
  Origin origin_;
  Subject subject_;
  Instant now_ = std::chrono::sys_days(std::chrono::year(2026) / 8 / 1).time_since_epoch() / Seconds(1);
  model::Request last_;
  std::vector<model::Stored> stored_;  // all that ever was, stored or not; the index is the id
  std::vector<bool> is_expected_;      // still certain to be in the store, and the newest that matches its requests
  std::string mismatch_;
  std::ostringstream story_;
};

}  // namespace larder::property
