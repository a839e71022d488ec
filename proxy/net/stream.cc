#include "proxy/net/stream.h"

#include <event2/event.h>
#include <sys/socket.h>

#include <cerrno>

namespace larder::net {

Stream::Stream(Loop& loop, Fd fd, Events& events) : loop_(loop), fd_(std::move(fd)), events_(events) {}

Stream::~Stream() {
  drop_events();
}

void Stream::on_event(int, short what, void* self) {
  auto& stream = *static_cast<Stream*>(self);
  stream.loop_.touch();
  if ((what & EV_READ) != 0) {
    stream.events_.on_readable();
  } else if ((what & EV_WRITE) != 0) {
    stream.events_.on_writable();
  }
}

IoResult Stream::result(ssize_t n) {
  if (n > 0) return {Io::Ok, static_cast<std::size_t>(n)};
  if (n == 0) return {Io::Eof, 0};
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return {Io::Again, 0};
  errno_ = errno;
  return {Io::Error, 0};
}

IoResult Stream::read(char* to, std::size_t room) {
  return result(::recv(fd_.get(), to, room, 0));
}

IoResult Stream::readv(const iovec* to, int count) {
  return result(::readv(fd_.get(), to, count));
}

IoResult Stream::writev(const iovec* from, int count) {
  if (count == 1) return result(::send(fd_.get(), from->iov_base, from->iov_len, MSG_NOSIGNAL));
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(from);
  message.msg_iovlen = static_cast<std::size_t>(count);
  return result(::sendmsg(fd_.get(), &message, MSG_NOSIGNAL));
}

void Stream::want_read(bool yes) {
  if (yes == reading_ || !fd_.valid()) return;
  if (read_event_ == nullptr) {
    read_event_ = event_new(loop_.base(), fd_.get(), EV_READ | EV_PERSIST, on_event, this);
    if (read_event_ == nullptr) return;
  }
  reading_ = yes;
  if (yes) {
    event_add(read_event_, nullptr);
  } else {
    event_del(read_event_);
  }
}

void Stream::want_write(bool yes) {
  if (yes == writing_ || !fd_.valid()) return;
  if (write_event_ == nullptr) {
    write_event_ = event_new(loop_.base(), fd_.get(), EV_WRITE | EV_PERSIST, on_event, this);
    if (write_event_ == nullptr) return;
  }
  writing_ = yes;
  if (yes) {
    event_add(write_event_, nullptr);
  } else {
    event_del(write_event_);
  }
}

void Stream::shutdown_write() {
  if (fd_.valid()) ::shutdown(fd_.get(), SHUT_WR);
}

void Stream::drop_events() {
  // Before the descriptor closes: epoll must forget it first, or a duplicate number could inherit the registration.
  if (read_event_ != nullptr) event_free(read_event_);
  if (write_event_ != nullptr) event_free(write_event_);
  read_event_ = nullptr;
  write_event_ = nullptr;
  reading_ = false;
  writing_ = false;
}

void Stream::close() {
  drop_events();
  fd_.reset();
}

Fd Stream::release() {
  drop_events();
  return std::move(fd_);
}

}  // namespace larder::net
