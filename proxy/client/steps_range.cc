// The steps of a Transaction about ranges and parts: which stored bytes answer a request, and what has to be fetched to
// make a stored part do (RFC 9110 section 14, RFC 9111 sections 3.3 and 3.4).
#include <algorithm>
#include <random>

#include "cache/http/text.h"
#include "cache/policy/validation.h"
#include "proxy/client/connection.h"
#include "proxy/client/transaction.h"
#include "proxy/client/worker.h"
#include "proxy/wire/serialise.h"

namespace larder::client {
namespace {

using policy::Forward;
using policy::Reason;
using policy::Result;
using policy::Selection;

std::uint64_t length_of(const store::Object& object) {
  return object.parts() != nullptr ? object.parts()->complete : object.size();
}

bool is_all_there(const store::Object& object, const policy::ByteRange& range) {
  return object.parts() == nullptr || policy::missing(range, object.parts()->ranges()).empty();
}

// Which of a representation's fields go into an answer put together of parts of it. A 416 is about the request (RFC
// 9110 section 15.5.17), and a digest of the whole message is none of a part (RFC 9530 section 2).
bool belongs_into(unsigned status, const http::Field& field) {
  if (status == 416) {
    using enum http::FieldName;
    constexpr std::string_view kCors = "Access-Control-";  // without them a page's script sees no 416
    return field.id == Date || field.id == AcceptRanges || field.id == Vary ||
           http::equals_ignoring_case(field.name.substr(0, kCors.size()), kCors) ||
           http::equals_ignoring_case(field.name, "Cross-Origin-Resource-Policy");
  }
  if (field.id == http::FieldName::ContentRange) return false;
  return status != 206 || !(http::equals_ignoring_case(field.name, "Content-Digest") ||
                            http::equals_ignoring_case(field.name, "Content-MD5"));
}

// What separates the parts of one answer: not to be met in any content.
std::string make_boundary() {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::random_device random;  // the system's: an origin must not be able to foresee it
  std::string boundary = "larder-";
  for (int word = 0; word < 4; ++word) {
    auto bits = random();
    for (int i = 0; i < 8; ++i, bits >>= 4) boundary.push_back(kDigits[bits & 15]);
  }
  return boundary;
}

}  // namespace

policy::RangeVerdict Transaction::select(const store::Object& object) const {
  if (!range_) return {};
  const store::Head& head = *object.head();
  http::FieldList stored;
  head.parse_fields(stored);
  if (!policy::if_range_holds(head_.fields, stored, head.meta, worker_.loop().wall())) return {};
  return policy::resolve(*range_, length_of(object));
}

Next Transaction::use_stored(store::Ref<store::Object> object) {
  from_cache_ = true;
  object_ = std::move(object);
  if (object_->parts() != nullptr) return use_parts();
  if (object_->body()->source) {
    own();  // the answer may have to wait for the disk
    make_waker();
    reader_.emplace(object_, waker_);
  } else {
    reader_.emplace(object_, nullptr);
  }
  return go(kDeliver);
}

Next Transaction::use_parts() {
  const store::Head& head = *object_->head();
  http::FieldList stored;
  head.parse_fields(stored);
  const auto now = worker_.loop().wall();
  const bool is_head_enough = head_.method == http::Method::Head ||
                              policy::evaluate(head_, 200, stored, head.meta, now) == policy::Condition::NotModified;
  const auto verdict = select(*object_);
  if (is_head_enough || verdict.selection == Selection::Unsatisfiable) return go(kDeliver);
  const bool is_all = std::all_of(verdict.ranges.begin(), verdict.ranges.end(),
                                  [&](const policy::ByteRange& range) { return is_all_there(*object_, range); });
  is_part_wanted_ = verdict.selection == Selection::Satisfiable;
  if (is_part_wanted_ && is_all) return go(kDeliver);

  wanted_ = is_part_wanted_ ? verdict.ranges.front() : policy::ByteRange{0, length_of(*object_) - 1};
  // Parts without a strong validator are never combined; several ranges of which something is missing are not worth it.
  if (verdict.ranges.size() > 1 || !policy::strong_validator(stored, head.meta, now)) return fetch_anew();
  gaps_ = policy::missing(wanted_, object_->parts()->ranges());
  constexpr std::size_t kMostGaps = 16;  // more requests than that cost more than the bytes between
  if (gaps_.size() > kMostGaps) gaps_ = {{gaps_.front().first, gaps_.back().last}};
  gap_ = 0;
  forward_ = Forward::Partial;
  reason_ = Reason::Partial;
  from_cache_ = false;
  base_ = std::move(object_);
  object_ = nullptr;
  if (asked_.only_if_cached) {
    base_ = nullptr;
    return refuse_to_fetch();
  }
  return go(kComplete);
}

Next Transaction::fetch_anew() {
  stop_reading();
  base_ = nullptr;
  from_cache_ = false;
  forward_ = Forward::Partial;
  reason_ = Reason::Partial;
  if (asked_.only_if_cached) return refuse_to_fetch();
  alone_ = true;
  return go(kFetch);
}

Next Transaction::complete() {
  if (!reader_) start_fetch(nullptr);
  pass_interims();
  switch (reader_->await_head()) {
    case store::Reader::Status::Wait:
      connection_.flush();
      return Next::Suspend;
    case store::Reader::Status::Failed:
      return on_fetch_failed(nullptr);
    default:
      return on_gap_head();
  }
}

void Transaction::ask_for_gap(origin::FetchOrder& order) const {
  const store::Head& head = *base_->head();
  http::FieldList stored;
  head.parse_fields(stored);
  order.range = gaps_[gap_];
  order.to_end = gaps_[gap_].last + 1 == base_->parts()->complete;
  if (const auto validator = policy::strong_validator(stored, head.meta, worker_.loop().wall())) {
    order.if_range = validator->text;
  }
}

bool Transaction::is_the_gap(const store::Head& head) const {
  const policy::ByteRange& gap = gaps_[gap_];
  return head.content_range && head.content_range->range == gap &&
         head.content_range->complete == base_->parts()->complete && head.length.value_or(gap.size()) == gap.size() &&
         store::is_same_representation(*base_->head(), head, worker_.loop().wall());
}

Next Transaction::on_gap_head() {
  const store::Head& head = *object_->head();
  origin_ = head.origin;
  if (is_the_gap(head)) {
    result_ = Result::Miss;
    return go(kDeliver);
  }
  // Another representation by now, or another part than was asked for: then as the client has asked. A 200 is the whole
  // of the new one (RFC 9110 section 13.1.5), and anything else the origin's own answer.
  const bool is_of_no_use = head.status == 206 || head.status == 304 || head.status == 412 || head.status == 416;
  if (is_of_no_use) return fetch_anew();
  base_ = nullptr;
  return on_head_known(nullptr);
}

// --- deliver ---

// The answer has come to the next part that is missing: it is asked for only now.
Transaction::GapStatus Transaction::go_on_to_next_gap() {
  if (!is_gap_asked_) {
    ++gap_;
    is_gap_asked_ = true;
    start_fetch(nullptr);
  }
  switch (reader_->await_head()) {
    case store::Reader::Status::Wait:
      return GapStatus::Wait;
    case store::Reader::Status::Failed:
      return GapStatus::Failed;
    default:
      // It may be another representation by now; what was sent of this one cannot be taken back.
      is_gap_asked_ = false;
      return is_the_gap(*object_->head()) ? GapStatus::Ready : GapStatus::Failed;
  }
}

bool Transaction::start_selected() {
  const store::Head& head = *object_->head();
  const auto verdict = select(*object_);
  if (verdict.selection == Selection::Ignore && object_->parts() == nullptr) return false;
  if (head.status != 200 && object_->parts() == nullptr) return false;  // RFC 9110 section 14.2: only of a 200
  const std::uint64_t complete = length_of(*object_);
  http::FieldList fields;
  head.parse_fields(fields);
  assembly_ = std::make_unique<Assembly>();
  if (head_.method == http::Method::Head) {
    write_assembled({200, &head, fields, std::nullopt, complete});
  } else if (verdict.selection == Selection::Unsatisfiable) {
    write_assembled({416, &head, fields, std::nullopt, complete});
  } else if (verdict.ranges.size() == 1) {
    assembly_->add_stored(*object_, verdict.ranges.front(), waker_);
    write_assembled({206, &head, fields, verdict.ranges.front(), complete});
  } else {
    assemble_multipart(verdict.ranges, fields);
    write_assembled({206, &head, fields, std::nullopt, complete});
  }
  return true;
}

void Transaction::start_completed(const store::Head& head) {
  http::FieldList stored;
  http::FieldList fresh;
  http::FieldList merged;
  base_->head()->parse_fields(stored);
  head.parse_fields(fresh);
  policy::merge(stored, fresh, merged);
  assembly_ = std::make_unique<Assembly>();
  std::uint64_t at = wanted_.first;
  for (const policy::ByteRange& gap : gaps_) {
    if (gap.first > at) assembly_->add_stored(*base_, {at, gap.first - 1});
    assembly_->add_fetched(gap.size());
    at = gap.last + 1;
  }
  if (at <= wanted_.last) assembly_->add_stored(*base_, {at, wanted_.last});
  const auto complete = base_->parts()->complete;
  if (is_part_wanted_) {
    write_assembled({206, &head, merged, wanted_, complete});
  } else {
    write_assembled({200, &head, merged, std::nullopt, complete});
  }
}

// RFC 9110 section 14.6.
void Transaction::assemble_multipart(const std::vector<policy::ByteRange>& ranges, http::FieldList& fields) {
  const std::string boundary = make_boundary();
  const auto type = http::value_of(fields, http::FieldName::ContentType);
  std::string text;
  for (const auto& range : ranges) {
    text += "\r\n--" + boundary + "\r\n";
    if (type) wire::append_field(text, "Content-Type", *type);
    text += "Content-Range: ";
    policy::append_content_range(text, range, length_of(*object_));
    text += "\r\n\r\n";
    assembly_->add_text(std::exchange(text, {}));
    assembly_->add_stored(*object_, range, waker_);
  }
  assembly_->add_text("\r\n--" + boundary + "--\r\n");
  multipart_type_ = "multipart/byteranges; boundary=" + boundary;
  fields.erase_if([](const http::Field& field) { return field.id == http::FieldName::ContentType; });
  fields.push_back("Content-Type", multipart_type_);
}

void Transaction::write_assembled(const Assembled& answer) {
  status_ = static_cast<std::uint16_t>(answer.status);
  has_body_out_ = assembly_->size() > 0;
  std::string& out = connection_.output().text();
  wire::append_status_line(out, answer.status, http::reason_phrase(answer.status));
  http::FieldList fields;
  for (const http::Field& field : answer.fields) {
    if (belongs_into(answer.status, field)) fields.push_back(field);
  }
  wire::append_end_to_end(out, fields);
  if (answer.range || answer.status == 416) {
    out += "Content-Range: ";
    answer.range ? policy::append_content_range(out, *answer.range, answer.complete)
                 : policy::append_content_range(out, answer.complete);
    out += "\r\n";
  }
  if (answer.status == 416) out += "Cache-Control: no-store\r\n";
  out += "Content-Length: ";
  http::append_number(out, head_.method == http::Method::Head ? answer.complete : assembly_->size());
  out += "\r\n";
  append_age(out, *answer.head);
  append_common(out);
  out += "\r\n";
  connection_.output().note_text();
  head_sent_ = true;
}

}  // namespace larder::client
