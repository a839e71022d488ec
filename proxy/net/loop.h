// One thread's event loop: an event_base without locks. Whatever belongs to a Loop is touched by its thread only; the
// one door from other threads is post().
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

struct event;
struct event_base;

namespace larder::net {

using Clock = std::chrono::steady_clock;

// Anything that must not die inside its own callback: see Loop::bury.
class Buried {
 public:
  Buried() = default;
  Buried(const Buried&) = delete;
  Buried& operator=(const Buried&) = delete;
  virtual ~Buried() = default;
};

class Loop {
 public:
  Loop();  // throws std::runtime_error at start-up when the system gives no event_base or eventfd
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs until stop(). Calls the posted functions, then the callbacks, then empties the graveyard, turn by turn.
  void run();
  // From the loop's thread.
  void stop();

  // Runs `fn` in this loop's next turn. From any thread, also this one; order of one thread's posts is kept. After the
  // loop has ended, what was posted is destroyed without being run.
  void post(std::function<void()> fn);

  // Destroys `thing` at the end of the current turn, when no callback of it is on the stack. Loop's thread only.
  void bury(std::unique_ptr<Buried> thing);

  // Cached at the start of the turn's callbacks: cheap, up to one turn old.
  [[nodiscard]] Clock::time_point now() const { return now_; }
  // Wall-clock seconds, cached alike.
  [[nodiscard]] std::chrono::sys_seconds wall() const { return wall_; }
  // Called by event callbacks (Stream, Timer, ...) before they call out. Reads the clocks once a turn; outside run(),
  // every time.
  void touch();

  [[nodiscard]] event_base* base() const { return base_; }  // for proxy/net only
  // The thread that made the Loop, until another one calls run().
  [[nodiscard]] bool in_thread() const { return thread_.load(std::memory_order_relaxed) == std::this_thread::get_id(); }

 private:
  [[nodiscard]] bool has_work();
  void drain_posts();
  void empty_graveyard();
  void wake();

  event_base* base_ = nullptr;
  event* wakeup_ = nullptr;
  int wake_fd_ = -1;
  std::atomic<std::thread::id> thread_;  // written under mutex_, so that post() knows for sure whether to wake
  Clock::time_point now_{};
  std::chrono::sys_seconds wall_{};
  bool running_ = false;
  bool fresh_ = false;  // the clocks were read in this turn
  bool stopping_ = false;
  std::vector<std::unique_ptr<Buried>> graveyard_;
  std::mutex mutex_;  // guards posts_ and woken_
  std::vector<std::function<void()>> posts_;
  bool woken_ = false;
};

// A one-shot deadline that is cheap to move: putting it off only stores the new time; the event is added again when the
// old time comes. Belongs to the loop's thread. The callback may destroy the timer.
class Timer {
 public:
  Timer(Loop& loop, std::function<void()> on_due);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void set(std::chrono::milliseconds from_now);  // replaces an earlier time
  void cancel();
  [[nodiscard]] bool is_set() const { return due_ != Clock::time_point::max(); }

 private:
  static void on_event(int fd, short what, void* self);
  void add(Clock::duration wait);

  Loop& loop_;
  std::function<void()> on_due_;
  bool* destroyed_ = nullptr;  // set while on_due_ runs
  event* event_ = nullptr;
  Clock::time_point due_ = Clock::time_point::max();
  Clock::time_point added_ = Clock::time_point::max();  // when the event itself will fire
};

}  // namespace larder::net
