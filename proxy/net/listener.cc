#include "proxy/net/listener.h"

#include <event2/event.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace larder::net {
namespace {

constexpr int kBacklog = 1024;
constexpr int kAcceptsPerTurn = 64;
constexpr std::chrono::milliseconds kPause{100};

tl::unexpected<ListenError> cannot(std::string_view what, const Address& address, int error) {
  std::string text = "cannot ";
  text += what;
  text += ' ';
  text += address.to_string();
  text += ": ";
  text += std::generic_category().message(error);
  return tl::unexpected(ListenError{std::move(text), error == EAFNOSUPPORT});
}

bool set_flag(int fd, int level, int name) {
  const int on = 1;
  return ::setsockopt(fd, level, name, &on, sizeof on) == 0;
}

// What accept(2) says of one connection that has already failed; the next one may be fine.
bool is_of_one_connection(int error) {
  switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case ETIMEDOUT:
      return true;
    default:
      return false;
  }
}

}  // namespace

tl::expected<Fd, ListenError> listen_on(const Address& address, bool reuse_port) {
  sockaddr_storage name{};
  const socklen_t length = address.to_sockaddr(name);
  if (length == 0) return tl::unexpected(ListenError{"cannot listen on no address", false});
  Fd fd(::socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return cannot("make a socket for", address, errno);
  if (!set_flag(fd.get(), SOL_SOCKET, SO_REUSEADDR) || (reuse_port && !set_flag(fd.get(), SOL_SOCKET, SO_REUSEPORT)) ||
      (address.is_v6() && !set_flag(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY))) {
    return cannot("prepare a socket for", address, errno);
  }
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), length) != 0) return cannot("bind to", address, errno);
  if (::listen(fd.get(), kBacklog) != 0) return cannot("listen on", address, errno);
  return fd;
}

Address bound_address(int fd) {
  sockaddr_storage name{};
  socklen_t length = sizeof name;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &length) != 0) return {};
  return Address::from(reinterpret_cast<const sockaddr*>(&name));
}

struct Listener::Impl {
  Impl(Loop& l, Fd socket, OnAccept callback)
      : loop(l),
        fd(std::move(socket)),
        on_accept(std::move(callback)),
        resume(l, [this] { event_add(readable, nullptr); }) {
    // Linux hands this down to every accepted socket, which saves a call for each.
    set_flag(fd.get(), IPPROTO_TCP, TCP_NODELAY);
    readable = event_new(loop.base(), fd.get(), EV_READ | EV_PERSIST, &Impl::on_readable, this);
    if (readable == nullptr) throw std::bad_alloc();
    event_add(readable, nullptr);
  }
  ~Impl() {
    if (destroyed != nullptr) *destroyed = true;
    event_free(readable);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  static void on_readable(int, short, void* self) { static_cast<Impl*>(self)->accept_some(); }
  void accept_some();
  void pause() {
    event_del(readable);
    resume.set(kPause);
  }

  Loop& loop;
  Fd fd;
  OnAccept on_accept;
  event* readable = nullptr;
  Timer resume;
  bool* destroyed = nullptr;  // set while on_accept runs
};

void Listener::Impl::accept_some() {
  loop.touch();
  bool gone = false;
  destroyed = &gone;
  OnAccept callback = std::move(on_accept);  // held here: it may destroy the listener
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    sockaddr_storage name{};
    socklen_t length = sizeof name;
    Fd accepted(::accept4(fd.get(), reinterpret_cast<sockaddr*>(&name), &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (accepted.valid()) {
      callback(std::move(accepted), Address::from(reinterpret_cast<const sockaddr*>(&name)));
      if (gone) return;
      continue;
    }
    const int error = errno;
    if (error == EAGAIN || error == EWOULDBLOCK) break;
    if (is_of_one_connection(error)) continue;
    // No descriptor or memory left (or something worse): the socket stays readable, so going on would spin.
    pause();
    break;
  }
  destroyed = nullptr;
  on_accept = std::move(callback);
}

Listener::Listener(Loop& loop, Fd fd, OnAccept on_accept)
    : impl_(std::make_unique<Impl>(loop, std::move(fd), std::move(on_accept))),
      address_(bound_address(impl_->fd.get())) {}

Listener::~Listener() = default;

}  // namespace larder::net
