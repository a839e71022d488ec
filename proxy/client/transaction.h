// The life of one request, as a table of named steps. A Transaction never talks to an origin: it reads an Object.
//
//   admit     who asks, for what; local pages, tunnels, refusals
//   lookup    what memory has, and whether it may be used
//   read      what the disk has, and whether it may be used
//   fetch     nothing usable: start or join a Fetch and wait for its head
//   validate  something stale: the same with its validators
//   complete  a part of it is stored: fetch what is missing
//   deliver   head and body to the client
//   finish    count, log, and tell the connection
//
// Each step answers More (go on with the next step set), Suspend (something will call Connection::resume), or Done. A
// plain hit runs through all of them in one turn without copying the request. Its connection's thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cache/http/directives.h"
#include "cache/http/message.h"
#include "cache/http/uri.h"
#include "cache/policy/outcome.h"
#include "cache/policy/range.h"
#include "cache/store/disk/search.h"
#include "cache/store/object.h"
#include "proxy/client/assembly.h"
#include "proxy/net/dialer.h"
#include "proxy/origin/origin.h"
#include "proxy/origin/request.h"
#include "proxy/origin/waker.h"
#include "proxy/wire/error.h"
#include "proxy/wire/framing.h"

namespace larder::client {

class Connection;
class Transaction;
class Worker;

enum class Next : std::uint8_t { More, Suspend, Done };

struct Step {
  const char* name;
  Next (Transaction::*run)();
};

// Whether the client names text/html in Accept: a browser gets pages, a tool gets plain text.
bool wants_html(http::FieldSpan request);

class Transaction {
 public:
  explicit Transaction(Connection& connection);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  // The parser's target. Views into the connection's input until own() copies them.
  http::RequestHead& head() { return head_; }
  // Begins with the first step. `raw`: the head's bytes.
  Next begin(std::string_view raw, const wire::Framing& framing);
  // Goes on with the step that had suspended.
  Next resume();
  // The head could not be parsed, or its framing not be decided: answers and finishes.
  Next refuse(const wire::Reject& reject);
  // The content broke while it was being forwarded: answers 400 if nothing was sent yet. False when something was.
  bool break_off(const wire::Reject& reject);
  // The client's first bytes in the tunnel that it asked for: `is_http`: requests, which the connection will read
  // itself.
  void on_opened(net::Fd origin, bool is_http);
  // The bytes of the head will move: keeps its own copy. Idempotent.
  void own();
  [[nodiscard]] bool is_answering() const { return head_sent_; }
  // The client may hold its content back until it gets a 100 (RFC 9110 section 10.1.1).
  [[nodiscard]] bool expects_continue() const;
  // The response is under way and its end is the connection's: closed in order, it would look whole.
  [[nodiscard]] bool ends_by_close() const { return close_delimited_ && !finished_; }

  static const Step kAdmit, kLookup, kRead, kFetch, kValidate, kComplete, kDeliver, kFinish, kTunnel;

 private:
  Next run();
  Next go(const Step& step) {
    step_ = &step;
    return Next::More;
  }

  // steps (steps.cc, steps_fetch.cc, steps_range.cc, steps_deliver.cc)
  Next admit();
  Next lookup();
  Next read();
  Next fetch();
  Next validate();
  Next complete();
  Next deliver();
  Next finish();
  Next tunnel();

  // admit
  Next admit_origin_form();
  Next admit_connect();
  Next admit_absolute();
  Next answer_options();
  bool is_looping() const;
  [[nodiscard]] bool wants_upgrade() const;
  void on_dialled(tl::expected<net::Dialled, net::DialError> result);

  // lookup, read
  Next miss();  // nothing is stored that has this request's selecting fields
  Next judge_stored(store::Ref<store::Object> object);
  Next refuse_to_fetch();
  Next use_stored(store::Ref<store::Object> object);  // result_ says how it may be used

  // ranges and parts
  // Which bytes of a stored representation answer this request; Ignore: all.
  [[nodiscard]] policy::RangeVerdict select(const store::Object& object) const;
  Next use_parts();
  Next fetch_anew();  // the stored part is of no use
  void ask_for_gap(origin::FetchOrder& order) const;
  Next on_gap_head();
  enum class GapStatus : std::uint8_t { Ready, Wait, Failed };
  GapStatus go_on_to_next_gap();
  [[nodiscard]] bool is_the_gap(const store::Head& head) const;
  bool start_selected();  // false: the answer is the whole stored body, as always
  void start_completed(const store::Head& head);
  void assemble_multipart(const std::vector<policy::ByteRange>& ranges, http::FieldList& fields);
  struct Assembled {
    unsigned status = 206;
    const store::Head* head = nullptr;  // for Age
    http::FieldSpan fields;
    std::optional<policy::ByteRange> range;  // of a single part
    std::uint64_t complete = 0;
  };
  void write_assembled(const Assembled& answer);

  // fetch, validate
  Next fetch_for(const store::Ref<store::Object>& stale);
  void start_fetch(const store::Ref<store::Object>& stale);
  void ask_origin(const store::Ref<store::Object>& mine, const store::Ref<store::Object>& stale);
  [[nodiscard]] std::vector<store::Ref<store::Object>> variants_to_offer() const;
  void revalidate_in_background(const store::Ref<store::Object>& stale);
  Next on_head_known(const store::Ref<store::Object>& stale);
  Next on_fetch_failed(const store::Ref<store::Object>& stale);
  [[nodiscard]] bool may_serve_on_error(const store::Ref<store::Object>& stale) const;
  Next serve_stale(const store::Ref<store::Object>& stale);
  [[nodiscard]] bool may_follow(const store::Head& head) const;
  [[nodiscard]] bool may_store() const;
  void stop_reading();
  void make_waker();
  void pass_interims();
  void on_switch(origin::Switched switched);

  // deliver
  void start_response();
  void write_head(const store::Head& head);
  void write_not_modified(const store::Head& head);
  void append_common(std::string& out);  // Via, Cache-Status, Connection
  void append_via(std::string& out) const;
  void append_age(std::string& out, const store::Head& head) const;
  void append_cache_status(std::string& out) const;
  void append_key_parameter(std::string& out) const;
  void append_framing(std::string& out, const store::Head& head);
  Next deliver_body();
  Next yield_turn();
  Next give_up_body(std::string_view error);  // `error`: static text
  [[nodiscard]] bool is_bodiless(unsigned status) const;

  // answers of Larder's own
  struct Answer {
    unsigned status = 200;
    std::string_view type;  // Content-Type
    std::string_view body;
    std::string_view proxy_status;  // RFC 9209 error type; "" for none
    std::string_view extra;         // further field lines, each with CRLF
    std::string_view detail;        // for Proxy-Status
  };
  Next respond(const Answer& answer);
  Next fail(unsigned status, std::string_view proxy_status, std::string_view what, std::string_view detail = {});
  Next deny(std::string_view proxy_status, std::string_view what, std::string_view detail = {});

  void log(std::string_view aborted);  // the step that was cut short, or ""
  void drop_body();                    // nobody will forward the request's content
  [[nodiscard]] net::DialFilter dial_filter() const;

  Connection& connection_;
  Worker& worker_;
  const Step* step_ = nullptr;
  http::RequestHead head_;
  std::string_view raw_;
  std::shared_ptr<const origin::Request> request_;  // set by own(); head_ then points into it
  wire::Framing framing_;
  std::shared_ptr<origin::RequestBody> body_;

  http::Uri uri_;
  http::RequestDirectives asked_;
  std::string key_;
  bool is_key_shortened_ = false;  // a rule left parameters out of it
  std::uint64_t hash_ = 0;
  bool has_other_variants_ = false;
  std::unique_ptr<store::disk::Search> search_;

  std::optional<policy::RangeSet> range_;  // asked for, in a way that is understood

  store::Ref<store::Object> stale_;      // stored, to be validated
  store::Ref<store::Object> head_of_;    // stored, to be updated by what HEAD says
  store::Ref<store::Object> base_;       // stored in part, to be completed
  std::vector<policy::ByteRange> gaps_;  // what of it is missing
  std::size_t gap_ = 0;                  // which of them is being fetched
  bool is_gap_asked_ = false;            // in the middle of the answer; its head is awaited
  policy::ByteRange wanted_;             // what of it the client gets
  bool is_part_wanted_ = false;          // because it asked for a range
  std::string multipart_type_;
  bool is_condition_held_back_ = false;  // the origin was asked by another condition than the client's
  store::Ref<store::Object> object_;     // being read
  std::optional<store::Reader> reader_;
  std::unique_ptr<Assembly> assembly_;  // the answer's content when it is not simply all that reader_ reads
  std::shared_ptr<origin::LoopWaker> waker_;
  std::unique_ptr<net::Dial> dial_;
  std::shared_ptr<char> alive_;  // expires with this: for callbacks that may come later

  policy::Result result_ = policy::Result::Error;
  policy::Forward forward_ = policy::Forward::None;
  policy::Reason reason_ = policy::Reason::None;
  bool collapsed_ = false;
  bool alone_ = false;       // has to fetch for itself
  bool from_cache_ = false;  // the body's bytes did not come from an origin for this request
  bool head_sent_ = false;
  bool chunked_ = false;
  bool close_delimited_ = false;
  bool has_body_out_ = false;
  bool finished_ = false;
  bool is_opened_ = false;   // the tunnel carries requests: it was none
  bool own_answer_ = false;  // Larder's own: its bytes came from neither cache nor origin
  bool is_local_ = false;    // a page of Larder's own: not a proxied request
  std::string_view error_;   // the Proxy-Status error type of an answer of Larder's own; static text
  std::optional<store::Failure> tunnel_failure_;
  net::Address peer_;  // of a tunnel's far end
  std::uint16_t status_ = 0;
  std::uint64_t body_sent_ = 0;
  std::string origin_;
  std::chrono::steady_clock::time_point began_{};
  std::chrono::system_clock::time_point began_wall_{};
};

}  // namespace larder::client
