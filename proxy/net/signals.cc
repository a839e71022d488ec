#include "proxy/net/signals.h"

#include <event2/event.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <system_error>

namespace larder::net {

Signals::Signals(Loop& loop, std::initializer_list<int> numbers, std::function<void(int)> on_signal)
    : loop_(loop), on_signal_(std::move(on_signal)) {
  sigemptyset(&numbers_);
  for (const int number : numbers) sigaddset(&numbers_, number);
  pthread_sigmask(SIG_BLOCK, &numbers_, nullptr);
  fd_ = Fd(::signalfd(-1, &numbers_, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd_.valid()) throw std::system_error(errno, std::generic_category(), "signalfd");
  readable_ = event_new(loop.base(), fd_.get(), EV_READ | EV_PERSIST, on_readable, this);
  if (readable_ == nullptr) throw std::bad_alloc();
  event_add(readable_, nullptr);
}

Signals::~Signals() {
  event_free(readable_);
  pthread_sigmask(SIG_UNBLOCK, &numbers_, nullptr);
}

void Signals::on_readable(int fd, short, void* self) {
  auto& signals = *static_cast<Signals*>(self);
  signals.loop_.touch();
  signalfd_siginfo info{};
  while (::read(fd, &info, sizeof info) == sizeof info) signals.on_signal_(static_cast<int>(info.ssi_signo));
}

}  // namespace larder::net
