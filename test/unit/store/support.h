// What the tests of cache/store share.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

#include "cache/store/disk/search.h"
#include "cache/store/object.h"

namespace larder::store::test {

// Nobody waits.
struct NoWaker : Waker {
  void wake() override {}
};

// Somebody does.
struct Signal : Waker {
  void wake() override {
    const std::lock_guard lock(mutex);
    woken = true;
    ready.notify_one();
  }
  void await() {
    std::unique_lock lock(mutex);
    ready.wait(lock, [this] { return woken; });
    woken = false;
  }
  std::mutex mutex;
  std::condition_variable ready;
  bool woken = false;
};

// All of a response that is to be kept.
inline void fill(Object& object, Ref<const Head> head, std::string_view content) {
  object.publish_head(std::move(head), {.keep = true, .window = 1 << 20, .lead = UINT64_MAX, .most = UINT64_MAX});
  while (!content.empty()) {
    const auto space = object.space(content.size());
    const auto n = std::min(content.size(), space.size());
    std::copy_n(content.data(), n, space.data());
    object.publish(n);
    content.remove_prefix(n);
  }
  object.complete("");
}

// What the search finds next; null at its end. `signal` is its waker.
inline Ref<Object> next_of(disk::Search& search, Signal& signal) {
  Ref<Object> object;
  auto status = search.next(object);
  for (; status == disk::Search::Status::Wait; status = search.next(object)) signal.await();
  return status == disk::Search::Status::Found ? object : nullptr;
}

}  // namespace larder::store::test
