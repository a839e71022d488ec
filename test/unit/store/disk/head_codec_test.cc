// A head on disk: nothing of it is lost, and bytes that no head is made of are refused whole.
#include "cache/store/disk/head_codec.h"

#include <doctest/doctest.h>

#include <functional>
#include <string>

#include "cache/http/text.h"

namespace larder::store::disk {
namespace {

using http::Seconds;
using http::Time;

const Time kNow = std::chrono::sys_days(std::chrono::year(2026) / 8 / 1);
constexpr const char* kTrailers = "Checksum: 7\r\n";

Ref<Head> a_head() {
  auto head = make_ref<Head>();
  head->status = 206;
  head->minor = 0;
  head->block = "HTTP/1.1 206 Partial Content\r\nDate: Sat, 01 Aug 2026 00:00:00 GMT\r\nX-Empty: \r\n";
  head->meta.request_time = kNow;
  head->meta.response_time = kNow + Seconds(1);
  head->meta.date_value = kNow - Seconds(2);
  head->meta.age_value = Seconds(3);
  head->meta.freshness_lifetime = Seconds(60);
  head->meta.source = policy::LifetimeSource::Expires;
  head->meta.no_cache = true;
  head->meta.must_revalidate = true;
  head->meta.stale_if_error = Seconds(0);
  head->vary = std::string("accept-encoding\0gzip", 20);
  head->content_range = policy::ContentRange{policy::ByteRange{5, 9}, 20};
  head->length = 5;
  head->shareable = true;
  head->store_reason = policy::Reason::Stored;
  head->validated = true;
  head->origin = "192.0.2.1:80";
  return head;
}

std::string bytes_of(const Head& head, std::string_view trailers = "") {
  std::string out;
  append_head(out, head, trailers);
  return out;
}

void check_same(const Head& a, const Head& b) {
  CHECK(a.status == b.status);
  CHECK(a.minor == b.minor);
  CHECK(a.block == b.block);
  CHECK(a.meta.request_time == b.meta.request_time);
  CHECK(a.meta.response_time == b.meta.response_time);
  CHECK(a.meta.date_value == b.meta.date_value);
  CHECK(a.meta.age_value == b.meta.age_value);
  CHECK(a.meta.freshness_lifetime == b.meta.freshness_lifetime);
  CHECK(a.meta.source == b.meta.source);
  CHECK(a.meta.no_cache == b.meta.no_cache);
  CHECK(a.meta.immutable == b.meta.immutable);
  CHECK(a.meta.must_revalidate == b.meta.must_revalidate);
  CHECK(a.meta.stale_while_revalidate == b.meta.stale_while_revalidate);
  CHECK(a.meta.stale_if_error == b.meta.stale_if_error);
  CHECK(a.vary == b.vary);
  CHECK(a.content_range == b.content_range);
  CHECK(a.length == b.length);
  CHECK(a.shareable == b.shareable);
  CHECK(a.store_reason == b.store_reason);
  CHECK(a.restricted == b.restricted);
  CHECK(a.validated == b.validated);
  CHECK(a.origin == b.origin);
}

struct Change {
  std::string name;
  std::function<void(Head&)> make;
};

// Bytes of a_head() with some overwritten.
std::string overwritten(std::size_t at, std::string_view with) {
  return bytes_of(*a_head(), kTrailers).replace(at, with.size(), with);
}

}  // namespace

TEST_CASE("a head comes back as it was, each field for itself") {
  const Change changes[] = {
      {"nothing", [](Head&) {}},
      {"the lowest status", [](Head& h) { h.status = 100; }},
      {"the highest status", [](Head& h) { h.status = 999; }},
      {"minor", [](Head& h) { h.minor = 1; }},
      {"only a status line", [](Head& h) { h.block = "HTTP/1.1 200 \r\n"; }},
      {"a large block", [](Head& h) { h.block += "X: " + std::string(100'000, 'x') + "\r\n"; }},
      {"obs-text and tabs", [](Head& h) { h.block += "X: a\t\xff: b\r\n"; }},
      {"request_time", [](Head& h) { h.meta.request_time -= Seconds(10); }},
      {"response_time", [](Head& h) { h.meta.response_time += Seconds(10); }},
      {"before 1970", [](Head& h) { h.meta.date_value = std::chrono::sys_days(std::chrono::year(1) / 1 / 1); }},
      {"the last year", [](Head& h) { h.meta.date_value = std::chrono::sys_days(std::chrono::year(9999) / 12 / 31); }},
      {"age_value", [](Head& h) { h.meta.age_value = Seconds(0); }},
      {"freshness_lifetime", [](Head& h) { h.meta.freshness_lifetime = http::kMaxDelta; }},
      {"no source", [](Head& h) { h.meta.source = policy::LifetimeSource::None; }},
      {"the last source", [](Head& h) { h.meta.source = policy::LifetimeSource::Heuristic; }},
      {"no_cache", [](Head& h) { h.meta.no_cache = false; }},
      {"immutable", [](Head& h) { h.meta.immutable = true; }},
      {"must_revalidate", [](Head& h) { h.meta.must_revalidate = false; }},
      {"stale_while_revalidate", [](Head& h) { h.meta.stale_while_revalidate = Seconds(30); }},
      {"stale_if_error not said", [](Head& h) { h.meta.stale_if_error.reset(); }},
      {"no vary", [](Head& h) { h.vary.clear(); }},
      {"no content_range", [](Head& h) { h.content_range.reset(); }},
      {"a range of unknown length", [](Head& h) { h.content_range->complete.reset(); }},
      {"a length alone",
       [](Head& h) {
         h.content_range = policy::ContentRange{std::nullopt, 0};
       }},
      {"the last byte there can be",
       [](Head& h) {
         h.content_range = policy::ContentRange{policy::ByteRange{0, UINT64_MAX - 1}, UINT64_MAX};
       }},
      {"no length", [](Head& h) { h.length.reset(); }},
      {"no bytes", [](Head& h) { h.length = 0; }},
      {"the greatest length", [](Head& h) { h.length = UINT64_MAX; }},
      {"shareable", [](Head& h) { h.shareable = false; }},
      {"the last reason", [](Head& h) { h.store_reason = policy::Reason::HeuristicExpired; }},
      {"no reason", [](Head& h) { h.store_reason = policy::Reason::None; }},
      {"restricted", [](Head& h) { h.restricted = true; }},
      {"validated", [](Head& h) { h.validated = false; }},
      {"no origin", [](Head& h) { h.origin.clear(); }},
  };
  for (const Change& change : changes) {
    CAPTURE(change.name);
    const auto head = a_head();
    change.make(*head);
    for (const std::string trailers : {"", kTrailers}) {
      const auto decoded = decode_head(bytes_of(*head, trailers));
      REQUIRE(decoded.head);
      check_same(*decoded.head, *head);
      CHECK(decoded.trailers == trailers);
      CHECK(bytes_of(*decoded.head, decoded.trailers) == bytes_of(*head, trailers));
    }
  }
}

TEST_CASE("an empty head's defaults come back too") {
  Head head;
  head.status = 200;
  head.block = "HTTP/1.1 200 OK\r\n";
  const auto decoded = decode_head(bytes_of(head));
  REQUIRE(decoded.head);
  check_same(*decoded.head, head);
}

TEST_CASE("the reasons and sources of a head are the numbers of format 1") {
  CHECK(static_cast<int>(policy::Reason::Stored) == 1);
  CHECK(static_cast<int>(policy::Reason::Fresh) == 18);
  CHECK(static_cast<int>(policy::Reason::HeuristicExpired) == 33);
  CHECK(policy::to_string(static_cast<policy::Reason>(34)).empty());  // or decode_head would refuse it
  CHECK(static_cast<int>(policy::LifetimeSource::Heuristic) == 5);
}

TEST_CASE("times and seconds beyond what HTTP can say are brought within it") {
  auto head = a_head();
  head->meta.request_time = Time::min();
  head->meta.response_time = Time::max();
  head->meta.age_value = Seconds(-1);
  head->meta.freshness_lifetime = Seconds::max();
  head->meta.stale_if_error = Seconds::min();
  const auto decoded = decode_head(bytes_of(*head));
  REQUIRE(decoded.head);
  CHECK(decoded.head->meta.request_time == Time(std::chrono::sys_days(std::chrono::year(0) / 1 / 1)));
  CHECK(decoded.head->meta.response_time + Seconds(1) == Time(std::chrono::sys_days(std::chrono::year(10000) / 1 / 1)));
  CHECK(decoded.head->meta.age_value == Seconds(0));
  CHECK(decoded.head->meta.freshness_lifetime == http::kMaxDelta);
  CHECK(decoded.head->meta.stale_if_error == Seconds(0));
}

TEST_CASE("bytes too few or too many are no head") {
  const std::string bytes = bytes_of(*a_head(), kTrailers);
  REQUIRE(decode_head(bytes).head);
  for (std::size_t size = 0; size < bytes.size(); ++size) CHECK_FALSE(decode_head(bytes.substr(0, size)).head);
  CHECK_FALSE(decode_head(bytes + "x").head);
  CHECK_FALSE(decode_head(bytes + std::string(1, '\0')).head);
}

TEST_CASE("numbers out of their bounds are no head's") {
  using namespace std::string_view_literals;
  const std::string_view ones = "\xff\xff\xff\xff\xff\xff\xff\xff";
  struct Case {
    std::string name;
    std::size_t at;
    std::string_view with;
  };
  const Case cases[] = {
      {"status 99", 0, "\x63\x00"sv},
      {"status 1000", 0, "\xe8\x03"sv},
      {"a minor of two digits", 2, "\x0a"},
      {"a source past the last", 3, "\x06"},
      {"a reason past the last", 4, "\x22"},
      {"the byte that is not used", 5, "\x01"},
      {"a flag that is none", 7, "\x1f"},
      {"a time before all", 8, "\x00\x00\x00\x00\x00\x00\x00\x80"sv},
      {"a time after all", 16, "\xff\xff\xff\xff\xff\xff\xff\x7f"},
      {"a date just too late", 24, "\x80\x41\xf4\xff\x3a\x00\x00\x00"sv},
      {"a negative age", 32, ones},
      {"a lifetime past kMaxDelta", 40, "\x01\x00\x00\x80\x00\x00\x00\x00"sv},
      {"a time to serve stale that is not said", 48, "\x01"},
      {"an endless time to serve stale on errors", 56, ones},
      {"a first byte behind the last", 64, "\x0a"},
      {"a last byte beyond the end", 72, "\x14"},
      {"a last byte that there cannot be", 72, ones},
      {"a complete length before the last byte", 80, "\x09"},
      {"a block of no bytes", 96, "\x00"sv},
      {"a block longer than all", 96, ones.substr(0, 4)},
      {"a vary longer than all", 100, ones.substr(0, 4)},
      {"an origin longer than all", 104, ones.substr(0, 4)},
      {"trailers longer than all", 108, ones.substr(0, 4)},
      {"all of them", 96, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    CHECK_FALSE(decode_head(overwritten(c.at, c.with)).head);
  }
  // What is not said has a zero in its place, and a range belongs to a Content-Range.
  auto head = a_head();
  head->length.reset();
  CHECK_FALSE(decode_head(bytes_of(*head).replace(88, 1, "\x01")).head);
  head->content_range.reset();
  CHECK_FALSE(decode_head(bytes_of(*head).replace(64, 1, "\x01")).head);
  CHECK_FALSE(decode_head(bytes_of(*head).replace(80, 1, "\x01")).head);
  CHECK_FALSE(decode_head(bytes_of(*head).replace(7, 1, "\x01")).head);
  CHECK_FALSE(decode_head(bytes_of(*head).replace(7, 1, "\x02")).head);
}

TEST_CASE("a block that parse_fields could not rely on is none") {
  const char* blocks[] = {"",
                          "\r\n",
                          "HTTP/1.1 200 OK",
                          "HTTP/1.1 200 OK\n",
                          "HTTP/2 200 OK\r\n",
                          "http/1.1 200 OK\r\n",
                          "HTTP/1.1 200 a\nb\r\n",
                          "HTTP/1.1 200 a\rb\r\n",
                          "HTTP/1.1 200 OK\r\n\r\n",
                          "HTTP/1.1 200 OK\r\nName: value",
                          "HTTP/1.1 200 OK\r\nName: value\n",
                          "HTTP/1.1 200 OK\r\nName: value\r",
                          "HTTP/1.1 200 OK\r\nName:value\r\n",
                          "HTTP/1.1 200 OK\r\nName\r\n",
                          "HTTP/1.1 200 OK\r\n: value\r\n",
                          "HTTP/1.1 200 OK\r\nNa me: value\r\n",
                          "HTTP/1.1 200 OK\r\nName: a\nSet-Cookie: b\r\n",
                          "HTTP/1.1 200 OK\r\nName: a\rb\r\n",
                          "HTTP/1.1 200 OK\r\nName: value\r\n folded: value\r\n",
                          "HTTP/1.1 200 OK\r\nName: value\r\n\r\nbody: x\r\n"};
  for (const std::string block : blocks) {
    CAPTURE(block);
    auto head = a_head();
    head->block = block;
    CHECK_FALSE(decode_head(bytes_of(*head)).head);
  }
  CHECK_FALSE(decode_head(bytes_of(*a_head(), "\r\n")).head);
  CHECK_FALSE(decode_head(bytes_of(*a_head(), "Trailer: a\r\n\r\nHTTP/1.1 200 OK\r\n")).head);
}

TEST_CASE("a value may have any byte but control characters, wherever it stands") {
  for (int byte = 0; byte < 256; ++byte) {
    CAPTURE(byte);
    for (std::size_t at = 0; at < 20; ++at) {
      auto head = a_head();
      std::string value(20, 'x');
      value[at] = static_cast<char>(byte);
      head->block += "Name: " + value + "\r\n";
      CHECK(static_cast<bool>(decode_head(bytes_of(*head)).head) == http::is_field_value(value));
    }
  }
}

TEST_CASE("the fields of a block that came back are those that went") {
  const auto decoded = decode_head(bytes_of(*a_head()));
  REQUIRE(decoded.head);
  http::FieldList fields;
  decoded.head->parse_fields(fields);
  REQUIRE(fields.size() == 2);
  CHECK(fields.begin()[0].id == http::FieldName::Date);
  CHECK(fields.begin()[1].name == "X-Empty");
  CHECK(fields.begin()[1].value.empty());
}

TEST_CASE("a variant is 0 without Vary and only then, and the same for the same capture") {
  CHECK(variant_of("") == 0);
  CHECK(variant_of("accept-encoding: gzip") == variant_of(std::string("accept-encoding: gzip")));
  CHECK(variant_of("accept-encoding: gzip") != variant_of("accept-encoding: br"));
  CHECK(variant_of("accept-encoding: gzip") == 58582);
  for (int i = 0; i < 200'000; ++i) {  // some of them would be 0
    if (variant_of(std::to_string(i)) == 0) FAIL(i);
  }
}

}  // namespace larder::store::disk
