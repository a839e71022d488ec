#include "proxy/client/assembly.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

namespace larder::client {
namespace {

using store::Reader;
using Status = Reader::Status;

struct NoWaker : store::Waker {
  void wake() override {}
};

store::Ref<store::Object> filling() {
  auto object = store::make_ref<store::Object>("", std::uint64_t{0});
  object->set_writer(std::make_shared<NoWaker>());
  object->publish_head(store::make_ref<store::Head>(), {.keep = false});
  return object;
}

void put(store::Object& object, const std::string& text) {
  const auto space = object.space(text.size());
  REQUIRE(space.size() >= text.size());
  std::copy(text.begin(), text.end(), space.data());
  object.publish(text.size());
}

store::Ref<store::Object> finished(const std::string& text) {
  auto object = filling();
  put(*object, text);
  object->complete("");
  return object;
}

std::string drain(Assembly& assembly, Reader* reader, Status& last) {
  std::string out;
  store::Piece piece;
  while ((last = assembly.next(reader, 3, piece)) == Status::Ready) out += piece.bytes;
  return out;
}

}  // namespace

TEST_CASE("text, stored and fetched stretches come in the order they were added") {
  const auto whole = finished("0123456789");
  const auto fetched = filling();
  Reader reader(fetched, std::make_shared<NoWaker>());
  Assembly assembly;
  assembly.add_text("<<");
  assembly.add_stored(*whole, {2, 5});
  assembly.add_fetched(4);
  assembly.add_stored(*whole, {9, 9});
  CHECK(assembly.size() == 11);
  Status last = Status::Ready;
  CHECK(drain(assembly, &reader, last) == "<<2345");
  CHECK(last == Status::Wait);
  put(*fetched, "abcd");
  fetched->complete("");
  CHECK(drain(assembly, &reader, last) == "abcd9");
  CHECK(last == Status::End);
  CHECK_FALSE(assembly.is_cut());
}

TEST_CASE("a fetched stretch that ends too early is a cut, not an end") {
  const auto fetched = finished("ab");
  Reader reader(fetched, std::make_shared<NoWaker>());
  Assembly assembly;
  assembly.add_fetched(3);
  Status last = Status::Ready;
  CHECK(drain(assembly, &reader, last) == "ab");
  CHECK(assembly.is_cut());
}

TEST_CASE("more than was promised is left out") {
  const auto fetched = finished("abcdef");
  Reader reader(fetched, std::make_shared<NoWaker>());
  Assembly assembly;
  assembly.add_fetched(2);
  assembly.add_text("!");
  Status last = Status::Ready;
  CHECK(drain(assembly, &reader, last) == "ab!");
  CHECK(last == Status::End);
}

}  // namespace larder::client
