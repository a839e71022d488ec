#include "proxy/net/signals.h"

#include <event2/event.h>

namespace larder::net {

Signals::Signals(Loop& loop, std::initializer_list<int> numbers, std::function<void(int)> on_signal)
    : loop_(loop), on_signal_(std::move(on_signal)) {
  for (const int number : numbers) {
    event* made = evsignal_new(loop.base(), number, on_event, this);
    if (made == nullptr) continue;
    evsignal_add(made, nullptr);
    events_.push_back(made);
  }
}

Signals::~Signals() {
  for (event* made : events_) event_free(made);
}

void Signals::on_event(int number, short, void* self) {
  auto& signals = *static_cast<Signals*>(self);
  signals.loop_.touch();
  signals.on_signal_(number);
}

}  // namespace larder::net
