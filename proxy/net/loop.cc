#include "proxy/net/loop.h"

#include <event2/event.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <new>
#include <stdexcept>
#include <utility>

namespace larder::net {
namespace {

// Longer waits are cut to this: far beyond any deadline, and safe to add to a time point.
constexpr std::chrono::hours kLongestWait{24 * 365};

void log_libevent(int severity, const char* message) {
  if (severity == EVENT_LOG_DEBUG) return;
  std::fprintf(stderr, "larder: libevent: %s\n", message);
}

event_base* new_base() {
  // libevent's own logger is global; setting it again to the same function is harmless.
  event_set_log_callback(log_libevent);
  event_config* config = event_config_new();
  if (config == nullptr) return nullptr;
  // One thread per base: no locks. What EVENT_NO* in the environment says must not take epoll away.
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
  event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_O1);
  event_base* base = event_base_new_with_config(config);
  event_config_free(config);
  return base;
}

// The eventfd is watched edge-triggered and never read: each write is an edge of its own, and 2^64 writes do not
// happen.
void on_wakeup(int, short, void*) {}

}  // namespace

Loop::Loop() : base_(new_base()), thread_(std::this_thread::get_id()) {
  if (base_ == nullptr) throw std::runtime_error("cannot create an event loop (epoll)");
  wake_fd_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_fd_ >= 0) wakeup_ = event_new(base_, wake_fd_, EV_READ | EV_PERSIST | EV_ET, on_wakeup, this);
  if (wakeup_ == nullptr || event_add(wakeup_, nullptr) != 0) {
    if (wakeup_ != nullptr) event_free(wakeup_);
    if (wake_fd_ >= 0) ::close(wake_fd_);
    event_base_free(base_);
    throw std::runtime_error("cannot create an event loop (eventfd)");
  }
  touch();
}

Loop::~Loop() {
  // What is destroyed here may post and bury in its destructors.
  while (has_work()) {
    empty_graveyard();
    std::vector<std::function<void()>> unrun;
    {
      std::lock_guard lock(mutex_);
      unrun.swap(posts_);
    }
  }
  event_free(wakeup_);
  // What evdns has put off holds memory that only its turn gives back.
  event_base_loop(base_, EVLOOP_NONBLOCK);
  event_base_free(base_);
  ::close(wake_fd_);
}

void Loop::run() {
  {
    std::lock_guard lock(mutex_);
    thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  }
  running_ = true;
  while (!stopping_) {
    fresh_ = false;
    event_base_loop(base_, has_work() ? EVLOOP_ONCE | EVLOOP_NONBLOCK : EVLOOP_ONCE);
    drain_posts();
    empty_graveyard();
  }
  running_ = false;
  stopping_ = false;
}

void Loop::stop() {
  stopping_ = true;
}

void Loop::post(std::function<void()> fn) {
  bool must_wake = false;
  {
    std::lock_guard lock(mutex_);
    posts_.push_back(std::move(fn));
    // The loop's own thread looks at the queue before it blocks, so it needs no system call.
    must_wake = !woken_ && !in_thread();
    if (must_wake) woken_ = true;
  }
  if (must_wake) wake();
}

void Loop::wake() {
  const std::uint64_t one = 1;
  // Can only fail when the counter is full, and then the loop has been woken already.
  [[maybe_unused]] const ssize_t n = ::write(wake_fd_, &one, sizeof one);
}

bool Loop::has_work() {
  if (!graveyard_.empty()) return true;
  std::lock_guard lock(mutex_);
  return !posts_.empty();
}

// Runs a snapshot of the queue: what these functions post runs in the next turn, after the sockets had theirs.
void Loop::drain_posts() {
  std::vector<std::function<void()>> batch;
  {
    std::lock_guard lock(mutex_);
    woken_ = false;
    if (posts_.empty()) return;
    batch.swap(posts_);
  }
  touch();
  for (auto& fn : batch) {
    fn();
    fn = nullptr;  // what it holds is let go now, not when the whole batch is done
  }
  batch.clear();
  std::lock_guard lock(mutex_);
  if (posts_.empty()) posts_.swap(batch);  // keeps the storage
}

void Loop::bury(std::unique_ptr<Buried> thing) {
  graveyard_.push_back(std::move(thing));
}

void Loop::empty_graveyard() {
  std::vector<std::unique_ptr<Buried>> dead;
  dead.swap(graveyard_);
}

void Loop::touch() {
  if (fresh_) return;
  fresh_ = running_;
  now_ = Clock::now();
  timespec ts{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &ts);
  wall_ = std::chrono::sys_seconds(std::chrono::seconds(ts.tv_sec));
}

Timer::Timer(Loop& loop, std::function<void()> on_due) : loop_(loop), on_due_(std::move(on_due)) {
  event_ = event_new(loop_.base(), -1, 0, &Timer::on_event, this);
  if (event_ == nullptr) throw std::bad_alloc();
}

Timer::~Timer() {
  if (destroyed_ != nullptr) *destroyed_ = true;
  event_free(event_);
}

void Timer::set(std::chrono::milliseconds from_now) {
  const std::chrono::milliseconds wait =
      std::clamp<std::chrono::milliseconds>(from_now, std::chrono::milliseconds(0), kLongestWait);
  loop_.touch();
  due_ = loop_.now() + wait;
  // A later time waits for the event that is already there, which then adds itself again.
  if (due_ < added_) add(wait);
}

void Timer::cancel() {
  due_ = Clock::time_point::max();
  if (added_ == Clock::time_point::max()) return;
  added_ = Clock::time_point::max();
  event_del(event_);
}

void Timer::add(Clock::duration wait) {
  // Up to the next microsecond: an event that is early comes twice.
  const auto micros = std::chrono::ceil<std::chrono::microseconds>(wait).count();
  timeval tv{};
  tv.tv_sec = static_cast<time_t>(micros / 1'000'000);
  tv.tv_usec = static_cast<suseconds_t>(micros % 1'000'000);
  added_ = loop_.now() + wait;
  event_add(event_, &tv);
}

void Timer::on_event(int, short, void* self) {
  auto& timer = *static_cast<Timer*>(self);
  timer.loop_.touch();
  timer.added_ = Clock::time_point::max();
  const auto now = timer.loop_.now();
  // Put off since, or early: libevent counts in the coarse clock, which lags by up to a tick.
  if (now < timer.due_) {
    timer.add(timer.due_ - now);
    return;
  }
  timer.due_ = Clock::time_point::max();
  // Held here, for the function may destroy the timer and with it itself.
  auto fn = std::move(timer.on_due_);
  bool destroyed = false;
  timer.destroyed_ = &destroyed;
  fn();
  if (destroyed) return;
  timer.destroyed_ = nullptr;
  timer.on_due_ = std::move(fn);
}

}  // namespace larder::net
