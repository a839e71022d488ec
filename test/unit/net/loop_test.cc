#include "proxy/net/loop.h"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "test/unit/net/support.h"

namespace larder::net {
namespace {

using namespace std::chrono_literals;
using test::run;

struct Mourned final : Buried {
  explicit Mourned(std::function<void()> last_words) : last_words_(std::move(last_words)) {}
  ~Mourned() override { last_words_(); }
  Mourned(const Mourned&) = delete;
  Mourned& operator=(const Mourned&) = delete;

 private:
  std::function<void()> last_words_;
};

TEST_CASE("posts of the loop's own thread run in order, and the loop does not block before them") {
  Loop loop;
  std::vector<int> order;
  int left = 10'000;
  std::function<void()> again = [&] {
    if (--left > 0) return loop.post(again);
    loop.stop();
  };
  loop.post([&] { order.push_back(1); });
  loop.post([&] { order.push_back(2); });
  loop.post(again);
  REQUIRE(run(loop));
  CHECK(left == 0);
  CHECK(order == std::vector<int>{1, 2});
}

TEST_CASE("what is posted by a post runs in the next turn, so that it starves nobody") {
  Loop loop;
  bool over = false;
  std::function<void()> for_ever = [&] {
    if (!over) loop.post(for_ever);
  };
  Timer timer(loop, [&] {
    over = true;
    loop.stop();
  });
  timer.set(20ms);
  loop.post(for_ever);
  REQUIRE(run(loop));
  CHECK(over);
}

TEST_CASE("a post from another thread wakes a loop that has nothing to do, each thread's posts in order") {
  Loop loop;
  constexpr int kThreads = 4;
  constexpr int kEach = 2'000;
  std::vector<int> last(kThreads, -1);
  int in_order = 0;
  int done = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        loop.post([&, t, i] {
          const auto at = static_cast<std::size_t>(t);
          if (last[at] == i - 1) ++in_order;
          last[at] = i;
          if (++done == kThreads * kEach) loop.stop();
        });
      }
    });
  }
  const bool in_time = run(loop);
  for (std::thread& thread : threads) thread.join();
  REQUIRE(in_time);
  CHECK(in_order == kThreads * kEach);
}

TEST_CASE("a post wakes the loop again after it slept") {
  Loop loop;
  std::atomic<int> answered{0};
  std::thread other([&] {
    for (int i = 1; i <= 100; ++i) {
      loop.post([&, i] {
        answered.store(i);
        answered.notify_one();
      });
      for (int seen = answered.load(); seen != i; seen = answered.load()) answered.wait(seen);
    }
    loop.post([&] { loop.stop(); });
  });
  const bool in_time = run(loop);
  other.join();
  REQUIRE(in_time);
  CHECK(answered.load() == 100);
}

TEST_CASE("run() may be called by a thread that did not make the loop") {
  Loop loop;
  CHECK(loop.in_thread());
  bool inside = false;
  bool in_time = false;
  std::thread worker([&] { in_time = run(loop); });
  loop.post([&] {
    inside = loop.in_thread();
    loop.stop();
  });
  worker.join();
  CHECK(in_time);
  CHECK(inside);
  CHECK_FALSE(loop.in_thread());
}

TEST_CASE("a stop before run() is not lost") {
  Loop loop;
  loop.stop();
  REQUIRE(run(loop));
}

TEST_CASE("what is posted after the end is destroyed without being run") {
  auto held = std::make_shared<int>(0);
  bool was_run = false;
  {
    Loop loop;
    loop.stop();
    REQUIRE(run(loop));
    loop.post([held, &was_run] { was_run = true; });
    CHECK(held.use_count() == 2);
  }
  CHECK(held.use_count() == 1);
  CHECK_FALSE(was_run);
}

TEST_CASE("what a post holds is let go when it has run, not with the batch") {
  Loop loop;
  auto held = std::make_shared<int>(0);
  const std::weak_ptr<int> watch = held;
  bool gone = false;
  loop.post([held] { CHECK(held.use_count() > 0); });
  loop.post([&] {
    gone = watch.expired();
    loop.stop();
  });
  held.reset();
  REQUIRE(run(loop));
  CHECK(gone);
}

TEST_CASE("the buried die at the end of the turn; what a destructor buries dies in the next one") {
  Loop loop;
  std::vector<int> order;
  loop.post([&] {
    loop.bury(std::make_unique<Mourned>([&] {
      order.push_back(2);
      loop.bury(std::make_unique<Mourned>([&] { order.push_back(4); }));
      loop.post([&] { order.push_back(3); });
    }));
    loop.post([&] { loop.post([&] { loop.stop(); }); });
    order.push_back(1);
  });
  REQUIRE(run(loop));
  CHECK(order == std::vector<int>{1, 2, 3, 4});
}

TEST_CASE("a loop that ends buries all, also what destructors bury and post") {
  std::vector<int> order;
  {
    Loop loop;
    loop.bury(std::make_unique<Mourned>([&] {
      order.push_back(1);
      loop.bury(std::make_unique<Mourned>([&] { order.push_back(2); }));
      loop.post([] { FAIL("must not run"); });
    }));
  }
  CHECK(order == std::vector<int>{1, 2});
}

TEST_CASE("a timer is never early") {
  Loop loop;
  for (int i = 0; i < 20; ++i) {
    const auto begin = Clock::now();
    Clock::time_point end{};
    Timer timer(loop, [&] {
      end = Clock::now();
      loop.stop();
    });
    timer.set(7ms);
    CHECK(timer.is_set());
    REQUIRE(run(loop));
    CHECK_FALSE(timer.is_set());
    // set() counts from the turn's time, which outside run() is now.
    CHECK(end - begin >= 7ms);
  }
}

TEST_CASE("a timer can be put off, brought forward and cancelled") {
  Loop loop;
  std::vector<int> order;
  Timer put_off(loop, [&] {
    order.push_back(3);
    loop.stop();
  });
  Timer brought_forward(loop, [&] { order.push_back(1); });
  Timer cancelled(loop, [&] { order.push_back(-1); });
  Timer plain(loop, [&] { order.push_back(2); });
  put_off.set(1ms);
  put_off.set(60ms);
  brought_forward.set(1h);
  brought_forward.set(5ms);
  cancelled.set(2ms);
  cancelled.set(10ms);
  cancelled.cancel();
  CHECK_FALSE(cancelled.is_set());
  plain.set(30ms);
  REQUIRE(run(loop));
  CHECK(order == std::vector<int>{1, 2, 3});
}

TEST_CASE("a timer can be set again in its callback, and after a cancel") {
  Loop loop;
  int count = 0;
  std::unique_ptr<Timer> timer;
  timer = std::make_unique<Timer>(loop, [&] {
    if (++count == 5) return loop.stop();
    timer->set(1ms);
    timer->cancel();
    timer->set(0ms);
  });
  timer->set(-5ms);
  REQUIRE(run(loop));
  CHECK(count == 5);
}

TEST_CASE("a timer's callback may destroy the timer, and a huge time does not overflow") {
  Loop loop;
  auto held = std::make_shared<int>(7);
  std::unique_ptr<Timer> timer;
  int seen = 0;
  timer = std::make_unique<Timer>(loop, [&, held] {
    timer.reset();
    seen = *held;  // the function itself must still be there
    loop.stop();
  });
  timer->set(std::chrono::milliseconds::max());
  timer->set(1ms);
  REQUIRE(run(loop));
  CHECK(seen == 7);
  CHECK(held.use_count() == 1);
}

TEST_CASE("now() and wall() stand still within a turn and go on with the next") {
  Loop loop;
  Clock::time_point first{};
  bool same = false;
  Clock::time_point second{};
  loop.post([&] {
    first = loop.now();
    const auto begin = Clock::now();
    while (Clock::now() - begin < 2ms) {
    }
    loop.touch();
    same = loop.now() == first;
    loop.post([&] {
      second = loop.now();
      loop.stop();
    });
  });
  REQUIRE(run(loop));
  CHECK(same);
  CHECK(second - first >= 2ms);
  const auto drift = std::chrono::system_clock::now() - loop.wall();
  CHECK(drift < 5s);
  CHECK(drift > -5s);
}

}  // namespace
}  // namespace larder::net
