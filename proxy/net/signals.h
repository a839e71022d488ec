// Signals as callbacks on one loop. Only one loop of a process may own signals (libevent 2.1): main's.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <vector>

#include "proxy/net/loop.h"

namespace larder::net {

class Signals {
 public:
  Signals(Loop& loop, std::initializer_list<int> numbers, std::function<void(int)> on_signal);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  static void on_event(int number, short what, void* self);

  Loop& loop_;
  std::function<void(int)> on_signal_;
  std::vector<event*> events_;
};

}  // namespace larder::net
