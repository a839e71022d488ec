// Signals as callbacks on one loop, by signalfd: no handler runs anywhere, and none is lost between blocking and the
// first turn of the loop. Make it before any other thread is started, for threads inherit what is blocked.
#pragma once

#include <csignal>
#include <functional>
#include <initializer_list>

#include "proxy/net/fd.h"
#include "proxy/net/loop.h"

namespace larder::net {

class Signals {
 public:
  // From here on `numbers` no longer act by themselves: they wait until the loop turns. Throws std::system_error when
  // the system refuses (no descriptor left).
  Signals(Loop& loop, std::initializer_list<int> numbers, std::function<void(int)> on_signal);
  // They act by themselves again.
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  static void on_readable(int fd, short what, void* self);

  Loop& loop_;
  std::function<void(int)> on_signal_;
  sigset_t numbers_{};
  Fd fd_;
  event* readable_ = nullptr;
};

}  // namespace larder::net
