#include "cache/store/parts.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace larder::store {
namespace {

// Of chunks of so many bytes, all but the last full.
Ref<const Body> body_of(const std::string& text, std::size_t chunk, Budget* budget = nullptr) {
  auto body = make_ref<Body>();
  for (std::size_t at = 0; at < text.size(); at += chunk) {
    const auto piece = text.substr(at, chunk);
    auto made = Chunk::make(at + chunk <= text.size() ? piece.size() : chunk, budget);  // the last one has slack
    std::copy(piece.begin(), piece.end(), made->data());
    body->chunks.push_back(made);
  }
  body->size = text.size();
  return body;
}

std::string read(Ref<const Body> body, std::uint64_t from, std::uint64_t size, std::size_t most = SIZE_MAX) {
  std::string out;
  Piece piece;
  for (Stretch stretch(std::move(body), from, size); !stretch.is_at_end();) {
    REQUIRE(stretch.next(most, piece) == Cursor::Status::Ready);
    CHECK(piece.bytes.size() <= most);
    CHECK_FALSE(piece.bytes.empty());
    out += piece.bytes;
  }
  return out;
}

constexpr std::size_t kLength = 997;

// What was put in, byte by byte; '.' for what is not there.
struct Expected {
  std::string bytes = std::string(kLength, '.');
  void put(std::size_t first, const std::string& text) { bytes.replace(first, text.size(), text); }
};

std::string shown(const Parts& parts) {
  std::string out(kLength, '.');
  for (const Part& part : parts.list) {
    out.replace(part.first, part.body->size, read(part.body, 0, part.body->size));
  }
  return out;
}

}  // namespace

TEST_CASE("a stretch is any run of bytes, in pieces of any size") {
  const std::string text = "abcdefghijklmnopqrstuvwxyz";
  for (const std::size_t chunk : {1U, 3U, 7U, 26U, 40U}) {
    const auto body = body_of(text, chunk);
    for (std::size_t from = 0; from <= text.size(); from += 5) {
      for (std::size_t size = 0; from + size <= text.size(); size += 3) {
        CHECK(read(body, from, size) == text.substr(from, size));
        CHECK(read(body, from, size, 2) == text.substr(from, size));
      }
    }
  }
}

TEST_CASE("appending shares whole chunks and copies the cut ones, on the same budget") {
  Budget budget;
  {
    const auto body = body_of("0123456789", 4, &budget);
    const auto before = budget.used();
    Body whole;
    append_stretch(whole, *body, 0, 8);
    CHECK(whole.size == 8);
    CHECK(whole.chunks[0] == body->chunks[0]);
    CHECK(budget.used() == before);  // shared
    Body cut;
    append_stretch(cut, *body, 1, 9);
    CHECK(cut.size == 9);
    CHECK(cut.chunks.size() == 3);
    CHECK(cut.chunks[1] == body->chunks[1]);
    CHECK(cut.chunks[2]->capacity() == 2);  // without the slack of the last
    CHECK(budget.used() == before + 2 * sizeof(Chunk) + 3 + 2);
  }
  CHECK(budget.used() == 0);
}

TEST_CASE("parts that touch become one, and those that overlap are cut") {
  const auto one = add_part(nullptr, {10, body_of("aaaaa", 2)}, kLength);
  CHECK(one->list.size() == 1);
  CHECK_FALSE(one->is_whole());
  const auto apart = add_part(one.get(), {20, body_of("bbbbb", 2)}, kLength);
  CHECK(apart->ranges() == std::vector<policy::ByteRange>{{10, 14}, {20, 24}});
  CHECK(apart->size() == 10);
  const auto joined = add_part(apart.get(), {15, body_of("ccccc", 3)}, kLength);
  CHECK(joined->ranges() == std::vector<policy::ByteRange>{{10, 24}});
  const auto over = add_part(joined.get(), {12, body_of("XX", 2)}, kLength);
  CHECK(read(over->list[0].body, 0, 15) == "aaXXacccccbbbbb");
}

TEST_CASE("what comes byte by byte is no chunk for each byte") {
  Ref<const Parts> parts;
  for (std::size_t i = 0; i < kLength; ++i) parts = add_part(parts.get(), {i, body_of("x", 1)}, kLength);
  CHECK(parts->is_whole());
  CHECK(parts->list[0].body->chunks.size() == 1);
}

TEST_CASE("whatever comes in whatever order, each byte is the one that came last") {
  std::mt19937 random(5);  // NOLINT: the same every time
  for (int round = 0; round < 200; ++round) {
    Expected expected;
    Ref<const Parts> parts;
    for (int i = 0; i < 30; ++i) {
      const std::size_t first = random() % kLength;
      const std::size_t size = 1 + random() % std::min<std::size_t>(kLength - first, 1 + random() % 200);
      const std::string text(size, static_cast<char>('a' + random() % 26));
      expected.put(first, text);
      parts = add_part(parts.get(), {first, body_of(text, 1 + random() % 50)}, kLength);
      REQUIRE(shown(*parts) == expected.bytes);
      for (std::size_t k = 1; k < parts->list.size(); ++k) {  // sorted, and never touching
        REQUIRE(parts->list[k].first > parts->list[k - 1].range().last + 1);
      }
    }
    const std::string all(kLength, 'z');
    CHECK(add_part(parts.get(), {0, body_of(all, 100)}, kLength)->is_whole());
  }
}

}  // namespace larder::store
