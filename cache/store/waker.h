// How a thing that others fill or read in the background tells whoever waits for it.
#pragma once

#include <memory>

namespace larder::store {

// Tells somebody to look again. Called from any thread, perhaps under a lock: it must only pass the message on
// (net::Loop::post).
class Waker {
 public:
  virtual ~Waker() = default;
  virtual void wake() = 0;
};
using WakerPtr = std::shared_ptr<Waker>;

}  // namespace larder::store
