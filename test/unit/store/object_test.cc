// One writer, many readers: what each sees, when each is woken, and what memory is held meanwhile.
#include "cache/store/object.h"

#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <thread>

#include "cache/store/store.h"

namespace larder::store {
namespace {

struct CountingWaker : Waker {
  void wake() override { ++wakes; }
  std::atomic<int> wakes{0};
};

Ref<const Head> head_of(bool shareable, std::optional<std::uint64_t> length = std::nullopt) {
  auto head = make_ref<Head>();
  head->status = 200;
  head->block = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: \"x\"\r\n";
  head->shareable = shareable;
  head->length = length;
  return head;
}

Object::Plan keeping() {
  return {.keep = true, .window = 1000, .lead = 100'000, .most = 1 << 20};
}
Object::Plan passing(std::uint64_t window) {
  return {.keep = false, .window = window, .lead = 0, .most = 0};
}

void write(Object& object, std::string_view bytes, std::uint64_t hint = 0) {
  while (!bytes.empty()) {
    const auto space = object.space(hint);
    const auto n = std::min(space.size(), bytes.size());
    std::memcpy(space.data(), bytes.data(), n);
    object.publish(n);
    bytes.remove_prefix(n);
  }
}

// Everything a reader can have now, and how it ended.
std::string drain(Reader& reader, Reader::Status& end, std::size_t most = 1 << 20) {
  std::string all;
  Piece piece;
  while ((end = reader.next(most, piece)) == Reader::Status::Ready) all += piece.bytes;
  return all;
}

struct Fixture {
  Store store{64 << 20};
  Ref<Object> object = make_ref<Object>("http://a/", std::uint64_t{1});
  std::shared_ptr<CountingWaker> waker = std::make_shared<CountingWaker>();
  std::shared_ptr<CountingWaker> writer = std::make_shared<CountingWaker>();
  Fixture() {
    object->set_budget(&store);
    object->set_writer(writer);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a reader waits for the head, is woken once, and then follows the body") {
  Reader reader(object, waker);
  CHECK(reader.await_head() == Reader::Status::Wait);
  object->publish_head(head_of(true), keeping());
  CHECK(waker->wakes == 1);
  CHECK(reader.await_head() == Reader::Status::Ready);
  Reader::Status end{};
  CHECK(drain(reader, end).empty());
  CHECK(end == Reader::Status::Wait);
  write(*object, "hello ");
  CHECK(waker->wakes == 2);
  write(*object, "world");
  CHECK(waker->wakes == 2);  // not armed: it has not looked since
  CHECK(drain(reader, end) == "hello world");
  CHECK(end == Reader::Status::Wait);
  object->complete("");
  CHECK(waker->wakes == 3);
  CHECK(drain(reader, end).empty());
  CHECK(end == Reader::Status::End);
}

TEST_CASE_FIXTURE(Fixture, "every reader sees the same bytes, whenever it comes and however it reads") {
  std::string body;
  for (int i = 0; i < 50'000; ++i) body += std::to_string(i);
  Reader early(object, waker);
  object->publish_head(head_of(true), keeping());
  Reader::Status end{};
  std::string by_early;
  for (std::size_t at = 0; at < body.size(); at += 7777) {
    write(*object, std::string_view(body).substr(at, 7777));
    by_early += drain(early, end, 1000);
  }
  Reader middle(object, waker);
  object->complete("");
  Reader late(object, nullptr);
  by_early += drain(early, end);
  CHECK(by_early == body);
  CHECK(drain(middle, end, 3) == body);
  CHECK(end == Reader::Status::End);
  CHECK(drain(late, end) == body);
  CHECK(end == Reader::Status::End);
}

TEST_CASE_FIXTURE(Fixture, "a failure before the head and one in mid-body both reach the reader") {
  SUBCASE("before") {
    Reader reader(object, waker);
    CHECK(reader.await_head() == Reader::Status::Wait);
    object->fail({504, "connection_timeout", "too slow", false});
    CHECK(waker->wakes == 1);
    CHECK(reader.await_head() == Reader::Status::Failed);
    CHECK(object->failure().status == 504);
  }
  SUBCASE("in mid-body") {
    Reader reader(object, waker);
    object->publish_head(head_of(true), keeping());
    write(*object, "half");
    object->fail({502, "http_response_incomplete", "", false});
    Reader::Status end{};
    CHECK(drain(reader, end) == "half");
    CHECK(end == Reader::Status::Failed);
    CHECK_FALSE(object->is_joinable());
  }
}

TEST_CASE_FIXTURE(Fixture, "interim heads come in order, to each reader once") {
  Reader reader(object, waker);
  CHECK(reader.await_head() == Reader::Status::Wait);
  object->add_interim("HTTP/1.1 103 Early Hints\r\n\r\n");
  CHECK(waker->wakes == 1);
  object->add_interim("HTTP/1.1 100 Continue\r\n\r\n");
  std::string head;
  REQUIRE(reader.next_interim(head));
  CHECK(head.starts_with("HTTP/1.1 103"));
  REQUIRE(reader.next_interim(head));
  CHECK(head.starts_with("HTTP/1.1 100"));
  CHECK_FALSE(reader.next_interim(head));
}

TEST_CASE_FIXTURE(Fixture, "a passing body is bounded by its slowest reader, who wakes the writer") {
  Reader fast(object, waker);
  Reader slow(object, waker);
  object->publish_head(head_of(false), passing(100'000));
  CHECK(object->room() == 100'000);
  write(*object, std::string(100'000, 'x'));
  CHECK(object->room() == 0);
  Piece piece;
  for (int i = 0; i < 10; ++i) CHECK(fast.next(10'000, piece) == Reader::Status::Ready);
  CHECK(writer->wakes == 0);  // the slow one has not read
  CHECK(slow.next(30'000, piece) == Reader::Status::Ready);
  CHECK(writer->wakes == 1);
  CHECK(object->room() == piece.bytes.size());
}

TEST_CASE_FIXTURE(Fixture, "a passing body holds no more than its window however long it is") {
  auto reader = std::make_unique<Reader>(object, waker);
  object->publish_head(head_of(false), passing(128 << 10));
  Reader::Status end{};
  std::size_t total = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto space = object->space(0);
    std::memset(space.data(), i, space.size());
    object->publish(space.size());
    total += drain(*reader, end).size();
    CHECK(object->held_bytes() <= 256 << 10);
  }
  CHECK(total == object->published());
  CHECK(store.stats().bytes == 0);
  // Who comes now has missed the front.
  Reader late(object, waker);
  CHECK(late.is_late());
  CHECK_FALSE(object->is_joinable());
}

TEST_CASE_FIXTURE(Fixture, "a kept body runs ahead of its fastest reader by the lead only") {
  Reader reader(object, waker);
  object->publish_head(head_of(true), keeping());
  write(*object, std::string(100'000, 'x'));
  CHECK(object->room() == 0);
  Reader::Status end{};
  CHECK(drain(reader, end, 60'000).size() == 100'000);
  CHECK(writer->wakes == 1);
  CHECK(object->room() == 100'000);
}

TEST_CASE_FIXTURE(Fixture, "a kept body that outgrows its limit becomes a passing one and gives its budget back") {
  Reader reader(object, waker);
  auto plan = keeping();
  plan.most = 50'000;
  object->publish_head(head_of(true), plan);
  Reader::Status end{};
  std::string got;
  for (int i = 0; i < 100; ++i) {
    write(*object, std::string(1000, static_cast<char>('a' + i % 26)));
    got += drain(reader, end);
  }
  CHECK_FALSE(object->is_kept());
  CHECK(object->reserved() == 0);
  CHECK(store.stats().bytes == 0);
  CHECK(got.size() == 100'000);
  CHECK(got.substr(99'000) == std::string(1000, 'v'));
}

TEST_CASE("a kept body whose budget is refused becomes a passing one") {
  Store small(8 << 10);
  auto object = make_ref<Object>("k", std::uint64_t{1});
  object->set_budget(&small);
  const auto waker = std::make_shared<CountingWaker>();
  Reader reader(object, waker);
  object->publish_head(head_of(true, 100'000), keeping());
  write(*object, std::string(100'000, 'z'), 100'000);
  CHECK_FALSE(object->is_kept());
  CHECK(small.stats().bytes == 0);
}

TEST_CASE_FIXTURE(Fixture, "an unknown length ends in a chunk of just its size") {
  object->publish_head(head_of(true), keeping());
  write(*object, std::string(5000, 'q'));
  const auto before = object->held_bytes();
  object->complete("");
  CHECK(object->held_bytes() < before);
  CHECK(object->held_bytes() < 5000 + 4 * sizeof(Chunk));
  Reader reader(object, nullptr);
  Reader::Status end{};
  CHECK(drain(reader, end) == std::string(5000, 'q'));
}

TEST_CASE_FIXTURE(Fixture, "a 304 makes a new object over the same body") {
  object->publish_head(head_of(true), keeping());
  write(*object, "body");
  object->complete("");
  auto renewed = make_ref<Object>("http://a/", std::uint64_t{1});
  Reader waiting(renewed, waker);
  CHECK(waiting.await_head() == Reader::Status::Wait);
  renewed->complete_with(head_of(true), *object);
  CHECK(waker->wakes == 1);
  object = nullptr;
  Reader::Status end{};
  CHECK(drain(waiting, end) == "body");
  CHECK(end == Reader::Status::End);
}

TEST_CASE_FIXTURE(Fixture, "the last reader's going is told to the writer") {
  auto reader = std::make_unique<Reader>(object, waker);
  CHECK(object->has_readers());
  reader.reset();
  CHECK_FALSE(object->has_readers());
  CHECK(writer->wakes == 1);
}

TEST_CASE_FIXTURE(Fixture, "readers on other threads see whole, identical bodies") {
  std::string body;
  for (int i = 0; i < 200'000; ++i) body.push_back(static_cast<char>('a' + (i * 7) % 26));
  struct Flag : Waker {
    void wake() override {
      set.store(true);
      set.notify_one();
    }
    std::atomic<bool> set{false};
  };
  std::vector<std::thread> threads;
  std::array<std::string, 4> got;
  std::atomic<int> attached{0};
  for (auto& mine : got) {
    threads.emplace_back([this, &mine, &attached] {
      const auto flag = std::make_shared<Flag>();
      Reader reader(object, flag);
      attached.fetch_add(1);
      attached.notify_all();
      Piece piece;
      while (reader.await_head() == Reader::Status::Wait) {
        flag->set.wait(false);
        flag->set.store(false);
      }
      while (true) {
        const auto status = reader.next(1500, piece);
        if (status == Reader::Status::Ready) {
          mine += piece.bytes;
        } else if (status == Reader::Status::Wait) {
          flag->set.wait(false);
          flag->set.store(false);
        } else {
          break;
        }
      }
    });
  }
  for (int n = attached.load(); n < 4; n = attached.load()) attached.wait(n);
  object->publish_head(head_of(true), keeping());
  for (std::size_t at = 0; at < body.size(); at += 900) write(*object, std::string_view(body).substr(at, 900));
  object->complete("");
  for (auto& thread : threads) thread.join();
  for (const auto& mine : got) CHECK(mine == body);
}

TEST_CASE("a head's block reads back as its fields") {
  http::FieldList fields;
  const auto head = head_of(true);
  head->parse_fields(fields);
  REQUIRE(fields.size() == 2);
  CHECK(http::value_of(fields, http::FieldName::ContentType) == "text/plain");
  CHECK(http::value_of(fields, http::FieldName::ETag) == "\"x\"");
}

}  // namespace larder::store
