// Purging and listing over both tiers: what is meant goes everywhere and at once, and stays away; what is not meant
// stays.
#include <doctest/doctest.h>

#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "cache/policy/vary.h"
#include "cache/store/disk/disk.h"
#include "cache/store/store.h"
#include "test/unit/store/support.h"

namespace larder::store {
namespace {

using disk::JournalEntry;
using Kind = JournalEntry::Kind;

// A folder of its own, and a disk tier and a store in it that may be closed and opened again.
class Kitchen {
 public:
  explicit Kitchen(std::uint64_t capacity = 64 << 20) : capacity_(capacity) {
    CHECK(::mkdtemp(path_) != nullptr);
    open();
  }
  ~Kitchen() {
    close();
    std::filesystem::remove_all(path_);
  }
  void open() {
    disk::Options options;
    options.path = path_;
    options.size = 256 << 20;
    options.memory = capacity_;
    options.segment_size = 1 << 20;
    auto opened = Disk::open(std::move(options), 7);
    REQUIRE(opened);
    disk = std::move(*opened);
    store = std::make_unique<Store>(capacity_, disk.get());
  }
  void close() {
    disk.reset();
    store.reset();
  }
  void reopen() {
    close();
    open();
    disk->flush();
  }

  Ref<Object> pending(const std::string& key) {
    auto object = make_ref<Object>(key, store->hash(key));
    object->set_budget(store.get());
    return object;
  }
  static void fill(Object& object, std::string_view fields = {}, std::size_t bytes = 100, std::string_view vary = {}) {
    auto head = make_ref<Head>();
    head->status = 200;
    head->block = "HTTP/1.1 200 OK\r\n" + std::string(fields);
    head->shareable = true;
    http::FieldList request;
    http::FieldList response;
    if (!vary.empty()) {
      request.push_back("Accept-Language", vary);
      response.push_back("Vary", "Accept-Language");
    }
    head->vary = policy::capture_vary(response, request).value();
    test::fill(object, head, std::string(bytes, 'x'));
  }
  Ref<Object> put(const std::string& key, std::string_view fields = {}, std::size_t bytes = 100,
                  std::string_view vary = {}) {
    auto object = pending(key);
    store->lead(object);
    fill(*object, fields, bytes, vary);
    CHECK(store->commit(object, ++now_));
    return object;
  }

  bool has_in_memory(const std::string& key) { return !store->variants(key, store->hash(key), 1).empty(); }
  bool has_on_disk(const std::string& key) {
    const auto signal = std::make_shared<test::Signal>();
    const auto search = store->search_disk(key, store->hash(key), signal);
    return static_cast<bool>(test::next_of(*search, *signal));
  }

  struct Outcome {
    std::size_t memory = 0;
    Purged purged;
  };
  Outcome purge(const std::string& url) {
    return await([&](const Store::Told& told) { return store->purge(url, store->hash(url), told); });
  }
  Outcome purge(Kind kind, const std::string& text = {}) {
    return await([&](const Store::Told& told) { return store->purge_all({kind, 0, 0, text}, told); });
  }

  Listing list(const Query& query) {
    std::optional<Listing> got;
    store->list(query, [&](Listing listing) {
      const std::lock_guard lock(mutex_);
      got = std::move(listing);
      changed_.notify_all();
    });
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return got.has_value(); });
    return std::move(*got);
  }
  // All pages; no URL twice.
  std::set<std::string> list_all(Query query) {
    std::set<std::string> urls;
    while (true) {
      const auto page = list(query);
      CHECK(page.objects.size() <= query.most);
      for (const auto& one : page.objects) {
        CAPTURE(one.key);
        CHECK(urls.insert(one.key).second);
      }
      if (!page.next) return urls;
      CHECK(parse_place(to_string(*page.next)) == page.next);
      query.from = *page.next;
    }
  }

  std::unique_ptr<Store> store;
  std::unique_ptr<Disk> disk;

 private:
  Outcome await(auto&& begin) {
    Outcome outcome;
    outcome.memory = begin([this, &outcome](const Purged& purged) {
      const std::lock_guard lock(mutex_);
      outcome.purged = purged;
      changed_.notify_all();
    });
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return outcome.purged.is_over; });
    CHECK(outcome.purged.is_durable);
    return outcome;
  }

  const std::uint64_t capacity_;
  char path_[32] = "/tmp/larder-purge-XXXXXX";
  Tick now_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
};

struct Stored {
  const char* url;
  const char* fields;
};
constexpr Stored kShelf[] = {
    {"http://a.example/", ""},
    {"http://a.example/news/1", "Cache-Tag: news, front page\r\n"},
    {"http://a.example/news/2?x=1", "Surrogate-Key: news article-2\r\n"},
    {"http://b.example/news/1", "cache-tag: newsletter\r\nsurrogate-key: x\r\n"},
    {"http://a.example:8080/news/", "Cache-Tag: News\r\n"},
    {"http://[2001:db8::1]/", "X-Other: news\r\n"},
};

struct Row {
  Kind kind;
  const char* text;
  const char* meant;  // a digit for each of kShelf
};
constexpr Row kRows[] = {
    {Kind::Host, "a.example", "0124"},
    {Kind::Host, "A.EXAMPLE", "0124"},
    {Kind::Host, "example", ""},
    {Kind::Host, "2001:db8::1", "5"},
    {Kind::Prefix, "http://a.example/", "012"},
    {Kind::Prefix, "http://a.example/news/", "12"},
    {Kind::Prefix, "http://a.example", "0124"},
    {Kind::Tag, "news", "12"},
    {Kind::Tag, "front page", "1"},
    {Kind::Tag, "article-2", "2"},
    {Kind::Tag, "front", ""},
    {Kind::Tag, "x", "3"},
    {Kind::All, "", "012345"},
};

bool is_in(const Row& row, std::size_t i) {
  return std::string_view(row.meant).find(static_cast<char>('0' + i)) != std::string_view::npos;
}

}  // namespace

TEST_CASE("a purge takes what it means, from memory and from disk, and nothing else; after a restart too") {
  for (const auto& row : kRows) {
    CAPTURE(row.text);
    Kitchen k;
    for (const auto& one : kShelf) k.put(one.url, one.fields);
    k.disk->flush();
    const auto outcome = k.purge(row.kind, row.text);
    CHECK(outcome.memory == std::strlen(row.meant));
    CHECK(outcome.purged.disk == std::strlen(row.meant));
    for (std::size_t i = 0; i < std::size(kShelf); ++i) {
      CAPTURE(kShelf[i].url);
      CHECK(k.has_in_memory(kShelf[i].url) != is_in(row, i));
      CHECK(k.has_on_disk(kShelf[i].url) != is_in(row, i));
    }
    k.reopen();
    for (std::size_t i = 0; i < std::size(kShelf); ++i) CHECK(k.has_on_disk(kShelf[i].url) != is_in(row, i));
  }
}

TEST_CASE("a listing shows what its filter means, in either tier") {
  Kitchen k;
  for (const auto& one : kShelf) k.put(one.url, one.fields);
  k.disk->flush();
  for (const auto tier : {Query::Tier::Any, Query::Tier::Memory, Query::Tier::Disk}) {
    for (const auto& row : kRows) {
      CAPTURE(row.text);
      std::set<std::string> meant;
      for (std::size_t i = 0; i < std::size(kShelf); ++i) {
        if (is_in(row, i)) meant.insert(kShelf[i].url);
      }
      Query query{{{row.kind, 0, 0, row.text}}, tier, {}, 2};
      CHECK(k.list_all(query) == meant);
    }
  }
  const Query both{{{Kind::Host, 0, 0, "a.example"}, {Kind::Tag, 0, 0, "news"}}, Query::Tier::Any, {}, 100};
  CHECK(k.list_all(both).size() == 2);
}

TEST_CASE("a listing says where each object is") {
  Kitchen k;
  k.put("http://a/disk");
  k.disk->flush();
  k.reopen();
  k.put("http://a/both");
  k.disk->flush();
  const auto listing = k.list({});
  REQUIRE(listing.objects.size() == 2);
  CHECK(listing.objects[0].key == "http://a/both");
  CHECK(listing.objects[0].in_memory);
  CHECK(listing.objects[0].on_disk);
  CHECK(listing.objects[0].size == 100);
  CHECK(listing.objects[0].head->status == 200);
  CHECK(listing.objects[1].key == "http://a/disk");
  CHECK_FALSE(listing.objects[1].in_memory);
  CHECK(listing.objects[1].on_disk);
  CHECK(listing.objects[1].size == 100);
}

TEST_CASE("pages lead through everything once, over shards and segments") {
  Kitchen k;
  std::set<std::string> urls;
  for (int i = 0; i < 3000; ++i) {
    const std::string url = "http://a/" + std::to_string(i);
    k.put(url, {}, i % 100 == 0 ? 200'000 : 500);
    urls.insert(url);
  }
  k.disk->flush();
  CHECK(k.list_all({{}, Query::Tier::Memory, {}, 7}) == urls);
  CHECK(k.list_all({{}, Query::Tier::Disk, {}, 7}) == urls);
  CHECK(k.list_all({{}, Query::Tier::Any, {}, 1000}) == urls);
  CHECK(k.purge(Kind::Prefix, "http://a/1").purged.disk == 1111);
  CHECK(k.list_all({{}, Query::Tier::Any, {}, 1000}).size() == 1889);
  CHECK(k.purge(Kind::All).purged.disk == 1889);
  CHECK(k.list({}).objects.empty());
}

TEST_CASE("places are read strictly, and those that are nowhere end the listing") {
  for (const char* text : {"", "m", "x.0.0.0", "m.0.0", "m.0.0.0.", "m.0.0.0.0", "m0.0.0", "m.-1.0.0", "d.1.2.x",
                           "m.99999999999999999999.0.0"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_place(text));
  }
  Kitchen k;
  k.put("http://a/");
  k.disk->flush();
  for (const char* text : {"m.31.18446744073709551615.0", "m.18446744073709551615.0.0", "d.18446744073709551615.0.0"}) {
    CAPTURE(text);
    Query query{{}, Query::Tier::Any, parse_place(text).value(), 100};
    const auto listing = k.list(query);
    CHECK_FALSE(listing.next);
  }
}

TEST_CASE("a purge by URL takes all variants") {
  Kitchen k;
  for (const char* language : {"de", "en", "fr"}) k.put("http://a/", {}, 100, language);
  k.put("http://a/b");
  k.disk->flush();
  const auto outcome = k.purge("http://a/");
  CHECK(outcome.memory == 3);
  CHECK(outcome.purged.disk == 3);
  CHECK(k.purge("http://a/").memory == 0);  // nothing there: no error
  k.reopen();
  CHECK_FALSE(k.has_on_disk("http://a/"));
  CHECK(k.has_on_disk("http://a/b"));
}

TEST_CASE("what is in flight is not stored when it was meant, or may turn out to be") {
  struct Case {
    Kind kind;
    const char* text;
    bool is_known;  // the head, before the purge
    const char* fields;
    bool is_stored;
  };
  constexpr Case kCases[] = {
      {Kind::Host, "a", false, "", false},
      {Kind::Host, "b", false, "", true},
      {Kind::Prefix, "http://a/x", false, "", false},
      {Kind::Prefix, "http://a/y", false, "", true},
      {Kind::All, "", true, "", false},
      {Kind::Tag, "t", false, "", false},
      {Kind::Tag, "t", true, "Cache-Tag: t\r\n", false},
      {Kind::Tag, "t", true, "Cache-Tag: u\r\n", true},
  };
  for (const auto& one : kCases) {
    CAPTURE(one.text);
    CAPTURE(one.fields);
    Kitchen k;
    const auto object = k.pending("http://a/x");
    k.store->lead(object);
    if (one.is_known) Kitchen::fill(*object, one.fields);
    CHECK(k.purge(one.kind, one.text).memory == (one.is_stored ? 0 : 1));
    if (!one.is_known) Kitchen::fill(*object, one.fields);
    CHECK(k.store->commit(object, 1) == one.is_stored);
    k.disk->flush();
    CHECK(k.has_in_memory("http://a/x") == one.is_stored);
    CHECK(k.has_on_disk("http://a/x") == one.is_stored);
  }
}

TEST_CASE("what memory evicted while it waited to be written does not come to the disk after a purge") {
  for (const bool by_url : {true, false}) {
    Kitchen k(1 << 20);
    // Far more than memory holds, so that much waits and is evicted when the purge comes.
    for (int i = 0; i < 400; ++i) k.put("http://a/" + std::to_string(i), {}, 100'000);
    if (by_url) {
      for (int i = 0; i < 400; ++i) {
        const std::string url = "http://a/" + std::to_string(i);
        k.store->invalidate(url, k.store->hash(url));
      }
    } else {
      k.purge(Kind::Host, "a");
    }
    k.disk->flush();
    CHECK(k.disk->stats().objects == 0);
    CHECK(k.list({}).objects.empty());
    k.put("http://a/new");
    k.disk->flush();
    CHECK(k.has_on_disk("http://a/new"));
    k.reopen();
    CHECK(k.list({}).objects.size() == 1);
    CHECK(k.has_on_disk("http://a/new"));
  }
}

TEST_CASE("a purge while the disk is still being loaded counts for what is there, and is durable") {
  for (const auto kind : {Kind::Forget, Kind::Host, Kind::Tag, Kind::All}) {
    Kitchen k;
    for (int i = 0; i < 500; ++i) k.put("http://a/" + std::to_string(i), "Cache-Tag: t\r\n", 5000);
    k.close();
    k.open();
    if (kind == Kind::Forget) {
      k.purge("http://a/0");
      k.purge("http://a/499");
    } else {
      k.purge(kind, kind == Kind::Host ? "a" : "t");
    }
    k.put("http://a/499/new");
    k.disk->flush();
    for (int round = 0; round < 2; ++round) {
      CHECK_FALSE(k.has_on_disk("http://a/0"));
      CHECK_FALSE(k.has_on_disk("http://a/499"));
      CHECK(k.has_on_disk("http://a/250") == (kind == Kind::Forget));
      CHECK(k.has_on_disk("http://a/499/new"));
      k.reopen();
    }
  }
}

TEST_CASE("what is stored after a purge stays, also what it would have meant") {
  Kitchen k;
  k.put("http://a/", "Cache-Tag: t\r\n");
  k.disk->flush();
  k.purge(Kind::Tag, "t");
  k.put("http://a/", "Cache-Tag: t\r\n");
  k.disk->flush();
  CHECK(k.has_in_memory("http://a/"));
  CHECK(k.has_on_disk("http://a/"));
  k.reopen();
  CHECK(k.has_on_disk("http://a/"));
}

TEST_CASE("what a search gave before a purge does not come to memory after it") {
  Kitchen k;
  k.put("http://a/");
  k.disk->flush();
  k.reopen();
  const auto hash = k.store->hash("http://a/");
  const auto signal = std::make_shared<test::Signal>();
  const auto search = k.store->search_disk("http://a/", hash, signal);
  const auto found = test::next_of(*search, *signal);
  REQUIRE(found);
  k.purge(Kind::Host, "a");
  k.store->use_from_disk(found, *search, 1);
  CHECK_FALSE(k.has_in_memory("http://a/"));
}

TEST_CASE("without a disk tier it is over at once") {
  Store store(1 << 20);
  Purged last;
  CHECK(store.purge_all({Kind::All, 0, 0, {}}, [&](const Purged& purged) { last = purged; }) == 0);
  CHECK(last.is_over);
  CHECK(last.is_durable);
  bool listed = false;
  store.list({}, [&](const Listing& listing) { listed = listing.objects.empty() && !listing.next; });
  CHECK(listed);
}

TEST_CASE("a disk tier may go while it is swept and listed") {
  for (int round = 0; round < 10; ++round) {
    Kitchen k;
    for (int i = 0; i < 300; ++i) k.put("http://a/" + std::to_string(i), {}, 5000);
    for (int i = 0; i < 5; ++i) {
      k.store->purge_all({Kind::Host, 0, 0, "a" + std::to_string(i)}, [](const Purged&) {});
      k.store->list({{}, Query::Tier::Disk, {}, 100}, [](const Listing&) {});
    }
  }
}

TEST_CASE("bans of earlier runs are swept at a start when they are many") {
  for (const int bans : {2, 40}) {
    Kitchen k;
    for (int i = 0; i < 50; ++i) k.put("http://h" + std::to_string(i) + "/");
    k.disk->flush();
    for (int i = 0; i < bans; ++i) k.purge(Kind::Host, "h" + std::to_string(i));
    k.reopen();
    if (bans == 40) {
      while (k.disk->stats().objects != 10) std::this_thread::yield();  // gives no event
    }
    CHECK(k.list({}).objects.size() == 50 - static_cast<std::size_t>(bans));
  }
}

TEST_CASE("a ban made while loading gets its sequence later") {
  disk::Ledger ledger;
  ledger.begin_loading({});
  JournalEntry ban{Kind::Host, 0, 0, "a"};
  ledger.ban(ban);
  CHECK(ban.sequence == disk::Ledger::kLater);
  const Head head;
  CHECK(ledger.is_banned(1'000'000, "http://a/", head));
  ledger.raise(1'000'000);
  ledger.end_loading();
  ledger.settle(ban);
  CHECK(ban.sequence == 1'000'001);
  CHECK(ledger.is_banned(1'000'000, "http://a/", head));
  CHECK_FALSE(ledger.is_banned(1'000'002, "http://a/", head));
  ledger.lift(ban.sequence);
  CHECK_FALSE(ledger.is_banned(1'000'000, "http://a/", head));
}

}  // namespace larder::store
