// The whole tier: what is stored is found again by another process, what is invalidated is not, and nothing that is
// wrong on the disk is ever an answer.
#include "cache/store/disk/disk.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>
#include <string>

#include "cache/store/disk/eviction.h"
#include "cache/store/store.h"
#include "test/unit/store/support.h"

namespace larder::store {
namespace {

namespace fs = std::filesystem;

using test::Signal;

// A folder that is gone with the test.
struct TemporaryFolder {
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "larder-disk-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~TemporaryFolder() { fs::remove_all(path); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  fs::path path;
};

std::string content(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

// A store over a disk, as one process has it.
struct Process {
  explicit Process(const fs::path& path, std::uint64_t size = 64 << 20, std::uint64_t segment_size = 1 << 20) {
    disk::Options options;
    options.path = path.string();
    options.size = size;
    options.memory = 1 << 20;
    options.segment_size = segment_size;
    options.say = [this](const std::string& line) {
      const std::lock_guard lock(mutex);
      said.push_back(line);
    };
    auto opened = Disk::open(options, 42);
    REQUIRE(opened.has_value());
    tier = std::move(*opened);
    store = std::make_unique<Store>(1 << 20, tier.get());
    tier->flush();  // it is loaded
  }
  ~Process() { tier.reset(); }

  Ref<Object> make(const std::string& key, std::string_view bytes, std::string_view fields = "") {
    auto object = make_ref<Object>(key, store->hash(key));
    object->set_budget(store.get());
    auto head = make_ref<Head>();
    head->status = 200;
    head->block = "HTTP/1.1 200 OK\r\n" + std::string(fields);
    head->shareable = true;
    test::fill(*object, head, bytes);
    return object;
  }
  void put(const std::string& key, std::string_view bytes, std::string_view fields = "") {
    tier->store(make(key, bytes, fields));
    tier->flush();
  }
  // What a search for the key finds first; "?" for nothing, "!" for a body that breaks off.
  std::string get(const std::string& key) {
    const auto signal = std::make_shared<Signal>();
    Budget budget;
    const auto hash = store->hash(key);
    const auto search = tier->search(budget, key, hash, signal);
    const auto object = test::next_of(*search, *signal);
    if (!object) return "?";
    tier->touch(hash, search->where(), object->size());
    std::string bytes;
    Reader reader(object, signal);
    while (true) {
      Piece piece;
      switch (reader.next(SIZE_MAX, piece)) {
        case Reader::Status::Ready:
          bytes += piece.bytes;
          break;
        case Reader::Status::Wait:
          signal->await();
          break;
        case Reader::Status::End:
          return bytes;
        case Reader::Status::Failed:
          return "!";
      }
    }
  }
  std::uint64_t errors() const {
    std::uint64_t sum = 0;
    for (const auto count : tier->stats().errors) sum += count;
    return sum;
  }

  std::mutex mutex;
  std::vector<std::string> said;
  std::unique_ptr<Store> store;
  std::unique_ptr<Disk> tier;
};

// The folder as a kill at this moment would leave it: without what a process does at its end.
void copy_folder(const fs::path& from, const fs::path& to) {
  fs::remove_all(to);
  fs::copy(from, to, fs::copy_options::recursive);
}

fs::path segment_in(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".seg") return entry.path();
  }
  return {};
}

std::string bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_to(const fs::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

}  // namespace

TEST_CASE("what one process stored the next one finds, whether the first ended or was killed") {
  const TemporaryFolder folder;
  const TemporaryFolder copy;
  const std::size_t sizes[]{0, 1, 1000, 65536, 65537, 262144, 500'000};
  {
    Process first(folder.path);
    for (const auto size : sizes) first.put("http://a/" + std::to_string(size), content(size, 1));
    for (const auto size : sizes) CHECK(first.get("http://a/" + std::to_string(size)) == content(size, 1));
    copy_folder(folder.path, copy.path);
  }
  for (const auto& path : {folder.path, copy.path}) {
    Process next(path);
    CHECK(next.tier->stats().objects == std::size(sizes));
    for (const auto size : sizes) CHECK(next.get("http://a/" + std::to_string(size)) == content(size, 1));
    CHECK(next.get("http://a/other") == "?");
    CHECK(next.errors() == 0);
  }
}

TEST_CASE("the newest of a key is found, also after a restart") {
  const TemporaryFolder folder;
  for (unsigned version = 1; version <= 3; ++version) {
    Process process(folder.path);
    if (version > 1) CHECK(process.get("http://a/") == content(100, version - 1));
    process.put("http://a/", content(100, version));
    CHECK(process.get("http://a/") == content(100, version));
    CHECK(process.tier->stats().objects == 1);
  }
}

TEST_CASE("what was forgotten does not come back, neither from the files nor by a store that waits") {
  const TemporaryFolder folder;
  const TemporaryFolder copy;
  {
    Process process(folder.path);
    process.put("http://a/1", "one");
    process.put("http://a/2", "two");
    process.tier->forget(process.store->hash("http://a/1"));
    const auto late = process.make("http://a/3", "three");
    late->doom();
    process.tier->store(late);
    process.tier->flush();
    CHECK(process.get("http://a/1") == "?");
    CHECK(process.get("http://a/3") == "?");
    copy_folder(folder.path, copy.path);
  }
  for (const auto& path : {folder.path, copy.path}) {
    Process next(path);
    CHECK(next.get("http://a/1") == "?");
    CHECK(next.get("http://a/2") == "two");
    next.put("http://a/1", "new");  // what is stored afterwards is not meant
  }
  Process last(folder.path);
  CHECK(last.get("http://a/1") == "new");
}

TEST_CASE("a whole host, a prefix and a tag are forgotten for good") {
  const TemporaryFolder folder;
  using Kind = disk::JournalEntry::Kind;
  {
    Process process(folder.path);
    process.put("http://a/1", "1");
    process.put("http://b/x/1", "2");
    process.put("http://b/y/1", "3");
    process.put("http://c/1", "4", "Cache-Tag: red, green\r\n");
    process.put("http://c/2", "5", "Surrogate-Key: blue green\r\n");
    process.put("http://c/3", "6", "Cache-Tag: greenish\r\n");
    std::atomic<int> durable = 0;
    const auto told = [&durable](const Purged& purged) { durable += purged.is_durable && !purged.is_over ? 1 : 0; };
    process.tier->purge_all({Kind::Host, 0, 0, "a"}, told);
    process.tier->purge_all({Kind::Prefix, 0, 0, "http://b/x/"}, told);
    process.tier->purge_all({Kind::Tag, 0, 0, "green"}, told);
    process.tier->flush();
    CHECK(durable == 3);
    process.tier.reset();  // what is still swept counts in `durable`
  }
  Process next(folder.path);
  CHECK(next.get("http://a/1") == "?");
  CHECK(next.get("http://b/x/1") == "?");
  CHECK(next.get("http://b/y/1") == "3");
  CHECK(next.get("http://c/1") == "?");
  CHECK(next.get("http://c/2") == "?");
  CHECK(next.get("http://c/3") == "6");
}

TEST_CASE("the files stay within the size, and what is used stays") {
  const TemporaryFolder folder;
  constexpr std::uint64_t kSize = 8 << 20;
  constexpr std::uint64_t kSegment = 512 << 10;
  constexpr unsigned kHot = 8;  // in each segment there is one of them
  const auto hot = [](unsigned i) { return "http://hot/" + std::to_string(i % kHot); };
  {
    Process process(folder.path, kSize, kSegment);
    for (unsigned i = 0; i < 1000; ++i) {
      if (i % 8 == 0) process.put(hot(i / 8), content(20'000, i / 8 % kHot));
      process.put("http://cold/" + std::to_string(i), content(50'000, i));
      for (unsigned n = 0; i % 20 == 19 && n < kHot; ++n) {
        if (i > 8 * kHot) REQUIRE(process.get(hot(n)) == content(20'000, n));
      }
      std::uint64_t bytes = 0;
      for (const auto& entry : fs::directory_iterator(folder.path)) bytes += entry.file_size();
      REQUIRE(bytes <= kSize + kSegment);
    }
    unsigned kept = 0;
    for (unsigned i = 0; i < 700; ++i) kept += process.get("http://cold/" + std::to_string(i)) == "?" ? 0 : 1;
    CHECK(kept < 70);
    CHECK(process.get("http://cold/999") == content(50'000, 999));
    CHECK(process.tier->stats().evictions > 700);
    CHECK(process.errors() == 0);
  }
  Process next(folder.path, kSize, kSegment);
  CHECK(next.get("http://cold/999") == content(50'000, 999));
  for (unsigned n = 0; n < kHot; ++n) CHECK(next.get(hot(n)) == content(20'000, n));
}

TEST_CASE("what is carried over is whole, and is found after a restart") {
  const TemporaryFolder folder;
  constexpr std::uint64_t kSize = 4 << 20;
  constexpr std::uint64_t kSegment = 256 << 10;
  {
    Process process(folder.path, kSize, kSegment);
    // One in four is used again and again, in every segment there is: to make room, it must be written again.
    for (unsigned i = 0; i < 400; ++i) {
      process.put("http://a/" + std::to_string(i), content(10'000 + i, i));
      for (unsigned n = 0; n <= i && n < 160; n += 4) {
        REQUIRE(process.get("http://a/" + std::to_string(n)) == content(10'000 + n, n));
      }
    }
    CHECK(process.tier->stats().carried_bytes > 0);
  }
  Process next(folder.path, kSize, kSegment);
  for (unsigned n = 0; n < 160; n += 4) CHECK(next.get("http://a/" + std::to_string(n)) == content(10'000 + n, n));
  CHECK(next.errors() == 0);
}

TEST_CASE("no flipped bit is ever an answer") {
  const TemporaryFolder folder;
  const TemporaryFolder copy;
  {
    Process process(folder.path);
    process.put("http://a/1", content(300, 1));
    process.put("http://a/2", content(300, 2));
  }
  const auto whole = bytes_of(segment_in(folder.path));
  std::size_t lost = 0;
  for (std::size_t bit = 0; bit < whole.size() * 8; bit += 11) {
    copy_folder(folder.path, copy.path);
    auto damaged = whole;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    write_to(segment_in(copy.path), damaged);
    Process process(copy.path);
    for (const unsigned i : {1U, 2U}) {
      const auto got = process.get("http://a/" + std::to_string(i));
      if (got == "?")
        ++lost;
      else
        REQUIRE(got == content(300, i));
    }
  }
  CHECK(lost > 0);
}

TEST_CASE("a file cut anywhere gives what is whole in it, and no more") {
  const TemporaryFolder folder;
  const TemporaryFolder copy;
  {
    Process process(folder.path);
    for (unsigned i = 0; i < 4; ++i) process.put("http://a/" + std::to_string(i), content(300, i));
  }
  const auto whole = bytes_of(segment_in(folder.path));
  for (std::size_t size = 0; size < whole.size(); size += 37) {
    copy_folder(folder.path, copy.path);
    write_to(segment_in(copy.path), std::string_view(whole).substr(0, size));
    Process process(copy.path);
    bool is_gone = false;
    for (unsigned i = 0; i < 4; ++i) {
      const auto got = process.get("http://a/" + std::to_string(i));
      if (got == "?")
        is_gone = true;
      else
        CHECK((!is_gone && got == content(300, i)));
    }
    process.put("http://a/new", "new");
    CHECK(process.get("http://a/new") == "new");
  }
}

TEST_CASE("damage under a running process is a miss, or cuts a large body short of the wrong byte") {
  const TemporaryFolder folder;
  Process process(folder.path, 64 << 20, 16 << 20);
  process.put("http://a/small", content(5000, 1));
  process.put("http://a/large", content(3 << 20, 2));
  const auto path = segment_in(folder.path);
  {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    for (const std::streamoff at : {std::streamoff{2000}, std::streamoff{2 << 20}}) {
      file.seekp(at);
      file.put('x');
      file.put('y');
    }
  }
  CHECK(process.get("http://a/small") == "?");
  CHECK(process.get("http://a/large") == "!");
  CHECK(process.errors() == 2);
  fs::resize_file(path, 0);
  CHECK(process.get("http://a/large") == "?");
}

TEST_CASE("without its journal, or with one that is too long to be known, nothing that is there may be used") {
  const TemporaryFolder folder;
  const TemporaryFolder copy;
  {
    Process process(folder.path);
    process.put("http://a/1", "one");
    process.put("http://a/2", "two");
    process.tier->forget(process.store->hash("http://a/1"));
  }
  for (const bool is_there : {false, true}) {
    copy_folder(folder.path, copy.path);
    const auto journal = copy.path / disk::kJournalName;
    is_there ? fs::resize_file(journal, disk::kMostJournal) : static_cast<void>(fs::remove(journal));
    {
      Process process(copy.path);
      CHECK(process.get("http://a/1") == "?");
      CHECK(process.get("http://a/2") == "?");
      CHECK(process.errors() > 0);
      process.put("http://a/2", "new");
    }
    Process next(copy.path);
    CHECK(next.get("http://a/2") == "new");
    CHECK(next.errors() == 0);
  }
}

TEST_CASE("a second process is told that the folder is taken") {
  const TemporaryFolder folder;
  const Process process(folder.path);
  disk::Options options;
  options.path = folder.path.string();
  options.size = 1 << 20;
  const auto second = Disk::open(options, 1);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().is_taken);
}

TEST_CASE("a store over a disk promotes, invalidates both tiers, and does not bring back what is replaced") {
  const TemporaryFolder folder;
  Process process(folder.path);
  Store& store = *process.store;
  const auto hash = store.hash("http://a/");
  const auto object = process.make("http://a/", "first");
  store.lead(object);
  REQUIRE(store.commit(object, 1));
  process.tier->flush();
  CHECK(store.may_be_on_disk(hash));
  const auto newer = process.make("http://a/", "second");
  store.lead(newer);
  REQUIRE(store.commit(newer, 2));
  CHECK(object->is_doomed());
  process.tier->flush();
  CHECK(process.get("http://a/") == "second");

  Store other(1 << 20, process.tier.get());  // an empty memory before the same disk
  const auto signal = std::make_shared<Signal>();
  const auto search = other.search_disk("http://a/", hash, signal);
  auto found = test::next_of(*search, *signal);
  REQUIRE(found);
  other.use_from_disk(found, *search, 1);
  CHECK(other.lookup("http://a/", hash, {}, 2).object == found);
  CHECK(other.invalidate("http://a/", hash) == 1);
  CHECK_FALSE(other.lookup("http://a/", hash, {}, 2).object);
  CHECK_FALSE(other.may_be_on_disk(hash));
  found = nullptr;
}

}  // namespace larder::store
