// Carries an Object's wake to a loop: from any thread to the one that owns what must look again.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "cache/store/object.h"
#include "proxy/net/loop.h"

namespace larder::origin {

class LoopWaker : public store::Waker, public std::enable_shared_from_this<LoopWaker> {
 public:
  LoopWaker(net::Loop& loop, std::function<void()> on_wake) : loop_(loop), on_wake_(std::move(on_wake)) {}

  void wake() override {
    // Several wakes before the loop comes round are one.
    if (pending_.exchange(true, std::memory_order_acq_rel)) return;
    loop_.post([self = shared_from_this()] {
      self->pending_.store(false, std::memory_order_release);
      if (const auto call = self->on_wake_) call();  // a copy: the callee may mute
    });
  }
  // The owner is going: a wake that is under way finds nothing. Loop's thread.
  void mute() { on_wake_ = nullptr; }

 private:
  net::Loop& loop_;
  std::function<void()> on_wake_;
  std::atomic<bool> pending_{false};
};

}  // namespace larder::origin
