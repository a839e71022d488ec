// What every store must do: find what was committed, by key and Vary; keep within its bytes; evict in LRU order; join
// flights; forget what was invalidated, also what was on its way.
#include "cache/store/store.h"

#include <doctest/doctest.h>

#include <string>
#include <thread>

#include "cache/policy/vary.h"
#include "test/unit/store/support.h"

namespace larder::store {
namespace {

using test::NoWaker;

// Verbs, so that a case reads as prose.
struct Kitchen {
  explicit Kitchen(std::uint64_t capacity = 8 << 20) : store(capacity) {}

  Ref<Object> pending(const std::string& key) {
    auto object = make_ref<Object>(key, store.hash(key));
    object->set_budget(&store);
    return object;
  }
  void fill(Object& object, std::size_t bytes, const http::FieldList& request = {}, std::string_view vary = {}) {
    auto head = make_ref<Head>();
    head->status = 200;
    head->block = "HTTP/1.1 200 OK\r\n";
    head->shareable = true;
    http::FieldList response;
    if (!vary.empty()) response.push_back("Vary", vary);
    head->vary = policy::capture_vary(response, request).value();
    test::fill(object, head, std::string(bytes, 'x'));
  }
  Ref<Object> put(const std::string& key, std::size_t bytes = 100, const http::FieldList& request = {},
                  std::string_view vary = {}) {
    auto object = pending(key);
    store.lead(object);
    fill(*object, bytes, request, vary);
    store.commit(object, ++now);
    return object;
  }
  Store::Found get(const std::string& key, const http::FieldList& request = {}) {
    return store.lookup(key, store.hash(key), request, ++now);
  }
  bool has(const std::string& key) { return static_cast<bool>(get(key).object); }

  Store store;
  Tick now = 0;
};

http::FieldList accepting(std::string_view language) {
  http::FieldList fields;
  fields.push_back("Accept-Language", language);
  return fields;
}

}  // namespace

TEST_CASE("what was committed is found, and nothing else") {
  Kitchen k;
  const auto object = k.put("http://a/1");
  CHECK(k.get("http://a/1").object == object);
  CHECK_FALSE(k.has("http://a/2"));
  CHECK(k.store.stats().objects == 1);
}

TEST_CASE("a newer object replaces the stored one and its charge") {
  Kitchen k;
  k.put("http://a/1", 100'000);
  const auto before = k.store.stats().bytes;
  const auto newer = k.put("http://a/1", 100'000);
  CHECK(k.get("http://a/1").object == newer);
  CHECK(k.store.stats().objects == 1);
  CHECK(k.store.stats().bytes == before);
}

TEST_CASE("variants live side by side; a request selects by Vary") {
  Kitchen k;
  const auto english = k.put("http://a/", 10, accepting("en"), "Accept-Language");
  const auto german = k.put("http://a/", 10, accepting("de"), "Accept-Language");
  CHECK(k.get("http://a/", accepting("en")).object == english);
  CHECK(k.get("http://a/", accepting("de")).object == german);
  const auto french = k.get("http://a/", accepting("fr"));
  CHECK_FALSE(french.object);
  CHECK(french.other_variants);
  CHECK(k.store.invalidate("http://a/", k.store.hash("http://a/")) == 2);
  CHECK_FALSE(k.has("http://a/"));
}

TEST_CASE("variants of one URL are bounded, the oldest go") {
  Kitchen k;
  for (int i = 0; i < 400; ++i) k.put("http://a/", 10, accepting("l" + std::to_string(i)), "Accept-Language");
  CHECK(k.store.stats().objects == 256);
  CHECK_FALSE(k.get("http://a/", accepting("l0")).object);
  CHECK(k.get("http://a/", accepting("l399")).object);
}

TEST_CASE("bytes stay within the capacity, the least recently used go first") {
  Kitchen k(1 << 20);
  for (int i = 0; i < 8; ++i) k.put("http://a/" + std::to_string(i), 100'000);
  CHECK(k.has("http://a/0"));  // used again: now the most recent
  for (int i = 8; i < 12; ++i) k.put("http://a/" + std::to_string(i), 100'000);
  CHECK(k.store.stats().bytes <= 1 << 20);
  CHECK(k.has("http://a/0"));
  CHECK(k.has("http://a/11"));
  CHECK_FALSE(k.has("http://a/1"));
  CHECK(k.store.stats().evictions >= 1);
}

TEST_CASE("ten thousand objects are all found again, and the table grows") {
  Kitchen k(256 << 20);
  for (int i = 0; i < 10'000; ++i) k.put("http://host" + std::to_string(i % 7) + "/" + std::to_string(i));
  CHECK(k.store.stats().objects == 10'000);
  int found = 0;
  for (int i = 0; i < 10'000; ++i)
    found += k.has("http://host" + std::to_string(i % 7) + "/" + std::to_string(i)) ? 1 : 0;
  CHECK(found == 10'000);
}

TEST_CASE("an evicted object stays whole for whoever reads it") {
  Kitchen k(1 << 20);
  Reader reader(k.put("http://a/", 300'000), nullptr);
  for (int i = 0; i < 20; ++i) k.put("http://b/" + std::to_string(i), 200'000);
  CHECK_FALSE(k.has("http://a/"));
  Piece piece;
  std::size_t bytes = 0;
  while (reader.next(4096, piece) == Reader::Status::Ready) bytes += piece.bytes.size();
  CHECK(bytes == 300'000);
}

TEST_CASE("what is evicted but still read counts against the capacity until it is let go") {
  Kitchen k(1 << 20);
  {
    Reader first(k.put("http://a/1", 400'000), nullptr);
    Reader second(k.put("http://a/2", 400'000), nullptr);
    k.put("http://a/3", 400'000);
    CHECK_FALSE(k.has("http://a/1"));
    CHECK(k.store.stats().bytes > 800'000);
    // With both of them held, there is no room for a third of that size.
    const auto third = k.pending("http://a/4");
    third->publish_head(make_ref<Head>(), {.keep = true});
    third->space(400'000);
    CHECK_FALSE(third->is_kept());
    CHECK(k.store.stats().bytes <= 1 << 20);
  }
  k.put("http://a/5", 400'000);
  CHECK(k.has("http://a/5"));
  CHECK(k.store.stats().bytes < 900'000);
}

TEST_CASE("a body that can no longer be kept stays on the budget until its readers have passed it") {
  Kitchen k(1 << 20);
  const auto object = k.pending("http://a/");
  object->set_writer(std::make_shared<NoWaker>());
  object->publish_head(make_ref<Head>(), {.keep = true, .window = 1 << 20, .lead = UINT64_MAX, .most = 200'000});
  Reader slow(object, std::make_shared<NoWaker>());
  for (int i = 0; i < 2; ++i) object->publish(object->space(100'000).size());
  CHECK(object->is_kept());
  object->publish(object->space(100'000).size());
  CHECK_FALSE(object->is_kept());
  CHECK(k.store.stats().bytes > 200'000);
  Piece piece;
  while (slow.position() < 200'001) REQUIRE(slow.next(4096, piece) == Reader::Status::Ready);
  CHECK(k.store.stats().bytes == 0);
}

TEST_CASE("the second request joins the flight of the first") {
  Kitchen k;
  const auto first = k.pending("http://a/");
  CHECK(k.store.join_or_lead(first, {}) == first);
  const auto second = k.pending("http://a/");
  CHECK(k.store.join_or_lead(second, {}) == first);
  const auto other = k.pending("http://b/");
  CHECK(k.store.join_or_lead(other, {}) == other);
  k.fill(*first, 10);
  k.store.commit(first, 1);
  const auto third = k.pending("http://a/");
  CHECK(k.store.join_or_lead(third, {}) == third);  // the flight is over
}

TEST_CASE("a flight whose Vary does not fit, or that is nobody's to join, is not joined") {
  Kitchen k;
  const auto english = k.pending("http://a/");
  k.store.join_or_lead(english, accepting("en"));
  k.fill(*english, 10, accepting("en"), "Accept-Language");
  const auto german = k.pending("http://a/");
  CHECK(k.store.join_or_lead(german, accepting("de")) == german);
  const auto again = k.pending("http://a/");
  CHECK(k.store.join_or_lead(again, accepting("en")) == english);
  const auto mine = k.pending("http://c/");
  k.store.lead(mine);
  const auto theirs = k.pending("http://c/");
  CHECK(k.store.join_or_lead(theirs, {}) == theirs);
}

TEST_CASE("what was invalidated while it was on its way is never indexed (RFC 9111 section 4.4)") {
  Kitchen k;
  auto flight = k.pending("http://a/");
  k.store.join_or_lead(flight, {});
  k.store.invalidate("http://a/", k.store.hash("http://a/"));
  k.fill(*flight, 10);
  CHECK_FALSE(k.store.commit(flight, 1));
  CHECK_FALSE(k.has("http://a/"));
  flight = nullptr;
  CHECK(k.store.stats().bytes == 0);
}

TEST_CASE("removing an object that was replaced leaves the newer one") {
  Kitchen k;
  const auto older = k.put("http://a/");
  const auto newer = k.put("http://a/");
  k.store.remove(*older);
  CHECK(k.get("http://a/").object == newer);
  k.store.remove(*newer);
  CHECK_FALSE(k.has("http://a/"));
}

TEST_CASE("fills may hold half the capacity and give back what they do not keep") {
  Kitchen k(1 << 20);
  CHECK(k.store.reserve(512 << 10));
  CHECK_FALSE(k.store.reserve(1));
  k.store.release(512 << 10);
  CHECK(k.store.reserve(1));
  k.store.release(1);
  CHECK(k.store.stats().bytes == 0);  // only chunks are charged
  {
    const auto object = k.pending("http://a/");
    object->publish_head(make_ref<Head>(), {.keep = true});
    object->space(100'000);
    CHECK(k.store.stats().bytes > 100'000);
  }
  CHECK(k.store.stats().bytes == 0);  // dropped without a commit: aborted
}

TEST_CASE("a store without capacity keeps nothing") {
  Kitchen k(0);
  k.put("http://a/", 10);
  CHECK_FALSE(k.has("http://a/"));
  CHECK(k.store.stats().objects == 0);
}

TEST_CASE("what is not shareable is remembered and forgotten") {
  Kitchen k;
  const auto hash = k.store.hash("http://a/");
  CHECK_FALSE(k.store.is_known_unshareable(hash));
  k.store.remember_unshareable(hash, true);
  CHECK(k.store.is_known_unshareable(hash));
  k.store.remember_unshareable(hash, false);
  CHECK_FALSE(k.store.is_known_unshareable(hash));
}

TEST_CASE("many threads: no lost objects, bytes within the capacity, nothing leaks") {
  Kitchen k(4 << 20);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&k, t] {
      Kitchen mine(0);
      for (int i = 0; i < 2000; ++i) {
        const std::string key = "http://h/" + std::to_string((i * 31 + t) % 300);
        const auto hash = k.store.hash(key);
        if (i % 50 == 49) {
          k.store.invalidate(key, hash);
        } else if (!k.store.lookup(key, hash, {}, static_cast<Tick>(i)).object) {
          auto object = make_ref<Object>(key, hash);
          object->set_budget(&k.store);
          object->set_writer(std::make_shared<NoWaker>());
          if (k.store.join_or_lead(object, {}) != object) continue;
          mine.fill(*object, 20'000);
          k.store.commit(object, static_cast<Tick>(i));
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const auto stats = k.store.stats();
  CHECK(stats.bytes <= 4 << 20);
  CHECK(stats.objects > 0);
  for (int i = 0; i < 300; ++i) {
    const std::string key = "http://h/" + std::to_string(i);
    k.store.invalidate(key, k.store.hash(key));
  }
  CHECK(k.store.stats().objects == 0);
  CHECK(k.store.stats().bytes == 0);
}

}  // namespace larder::store
