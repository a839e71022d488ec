#include "proxy/net/dialer.h"

#include <event2/event.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

namespace larder::net {
namespace {

using Outcome = tl::expected<Dialled, DialError>;

DialFailure failure_of(int error) {
  switch (error) {
    case ECONNREFUSED:
      return DialFailure::Refused;
    case ETIMEDOUT:
      return DialFailure::Timeout;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EAGAIN:  // connect(2): no local port left
      return DialFailure::NoDescriptor;
    default:
      return DialFailure::Unreachable;
  }
}

// The higher, the more it tells when several addresses failed. Being out of descriptors is our own fault and hides the
// rest.
int rank(DialFailure kind) {
  switch (kind) {
    case DialFailure::NoDescriptor:
      return 4;
    case DialFailure::Refused:
      return 3;
    case DialFailure::Unreachable:
      return 2;
    default:
      return 1;
  }
}

DialError connect_error(int error, const Address& peer) {
  DialError result;
  result.kind = failure_of(error);
  if (result.kind == DialFailure::Refused) {
    result.detail = "connection refused by " + peer.to_string();
  } else {
    result.detail = "cannot connect to " + peer.to_string() + ": " + std::generic_category().message(error);
  }
  return result;
}

DialError name_error(DnsError error) {
  DialError result;
  result.detail = to_string(error);
  switch (error) {
    case DnsError::NoSuchName:
    case DnsError::NoAddress:
      result.kind = DialFailure::NameUnknown;
      break;
    case DnsError::Timeout:
      result.kind = DialFailure::DnsTimeout;
      break;
    default:
      result.kind = DialFailure::DnsFailure;
      break;
  }
  return result;
}

class Race;

// One address being connected to.
struct Runner {
  explicit Runner(Race& r) : race(r) {}
  ~Runner() {
    if (writable != nullptr) event_free(writable);  // before the descriptor is closed or handed on
  }
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  Race& race;
  Fd fd;
  Address peer;
  event* writable = nullptr;
};

class Race : public std::enable_shared_from_this<Race> {
 public:
  Race(Loop& loop, std::uint16_t port, DialFilter may_dial, const DialOptions& options, DialCallback callback)
      : loop_(loop),
        port_(port),
        options_(options),
        may_dial_(std::move(may_dial)),
        callback_(std::move(callback)),
        next_(loop, [this] { hold()->start_next(); }),
        deadline_(loop, [this] { hold()->on_deadline(); }) {}

  void start(Resolver& resolver, std::string_view host);
  void cancel();
  void on_writable(Runner& runner);

 private:
  // Keeps the race alive while one of its callbacks runs: the owner may drop the Dial inside.
  std::shared_ptr<Race> hold() { return shared_from_this(); }

  void on_resolved(const Resolved& resolved);
  void start_next();
  bool may_start(const Address& peer);
  // True when the race is over.
  bool start_runner(const Address& peer);
  void on_failed(int error, const Address& peer);
  void on_deadline();
  void give_up();
  void finish(Outcome outcome);
  void deliver();

  Loop& loop_;
  const std::uint16_t port_;
  const DialOptions options_;
  DialFilter may_dial_;
  DialCallback callback_;  // empty once called or cancelled
  Resolver::QueryPtr query_;
  std::vector<Address> addresses_;
  std::size_t begun_ = 0;  // addresses_ before this have had their turn
  std::vector<std::unique_ptr<Runner>> runners_;
  Timer next_;
  Timer deadline_;
  std::optional<DialError> error_;  // the most telling connect error so far
  bool denied_ = false;
  bool would_loop_ = false;
  bool starting_ = false;  // inside dial(): the callback must wait
  std::optional<Outcome> outcome_;
};

void on_writable_event(int, short, void* arg) {
  auto& runner = *static_cast<Runner*>(arg);
  runner.race.on_writable(runner);
}

void Race::start(Resolver& resolver, std::string_view host) {
  starting_ = true;
  query_ = resolver.resolve(host, [this](const Resolved& resolved) { hold()->on_resolved(resolved); });
  starting_ = false;
}

void Race::cancel() {
  callback_ = nullptr;
  outcome_.reset();
  query_.reset();
  runners_.clear();
  next_.cancel();
  deadline_.cancel();
}

void Race::on_resolved(const Resolved& resolved) {
  if (resolved.error != DnsError::None) return finish(tl::unexpected(name_error(resolved.error)));
  addresses_ = resolved.addresses;
  for (Address& address : addresses_) address.set_port(port_);
  deadline_.set(options_.timeout);
  start_next();
}

// Begins the next address that is allowed; the one after it follows by timer (RFC 8305 section 5), or when this one
// fails.
void Race::start_next() {
  while (begun_ < addresses_.size()) {
    const Address peer = addresses_[begun_++];
    if (!may_start(peer)) continue;
    const std::size_t running = runners_.size();
    if (start_runner(peer)) return;
    if (runners_.size() == running) continue;  // failed at once
    if (begun_ < addresses_.size()) next_.set(options_.stagger);
    return;
  }
  if (runners_.empty()) give_up();
}

bool Race::may_start(const Address& peer) {
  const DialVerdict verdict = may_dial_ ? may_dial_(peer) : DialVerdict::Allow;
  denied_ = denied_ || verdict == DialVerdict::Deny;
  would_loop_ = would_loop_ || verdict == DialVerdict::Loop;
  return verdict == DialVerdict::Allow;
}

bool Race::start_runner(const Address& peer) {
  sockaddr_storage name{};
  const socklen_t length = peer.to_sockaddr(name);
  auto runner = std::make_unique<Runner>(*this);
  runner->peer = peer;
  runner->fd = Fd(::socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!runner->fd.valid()) {
    on_failed(errno, peer);
    return false;
  }
  const int fd = runner->fd.get();
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&name), length) == 0) {
    finish(Dialled{std::move(runner->fd), peer});
    return true;
  }
  if (errno != EINPROGRESS && errno != EINTR) {
    on_failed(errno, peer);
    return false;
  }
  runner->writable = event_new(loop_.base(), fd, EV_WRITE, on_writable_event, runner.get());
  if (runner->writable == nullptr) throw std::bad_alloc();
  event_add(runner->writable, nullptr);
  runners_.push_back(std::move(runner));
  return false;
}

void Race::on_writable(Runner& runner) {
  const auto self = hold();
  loop_.touch();
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(runner.fd.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  const Address peer = runner.peer;
  const auto at = std::find_if(runners_.begin(), runners_.end(), [&](const auto& r) { return r.get() == &runner; });
  const std::unique_ptr<Runner> done = std::move(*at);
  runners_.erase(at);
  if (error == 0) {
    event_free(std::exchange(done->writable, nullptr));  // the descriptor goes to someone with events of their own
    return finish(Dialled{std::move(done->fd), peer});
  }
  on_failed(error, peer);
  start_next();
}

void Race::on_failed(int error, const Address& peer) {
  DialError failed = connect_error(error, peer);
  if (!error_ || rank(failed.kind) >= rank(error_->kind)) error_ = std::move(failed);
}

void Race::on_deadline() {
  if (!runners_.empty()) on_failed(ETIMEDOUT, runners_.back()->peer);
  begun_ = addresses_.size();
  give_up();
}

void Race::give_up() {
  if (error_) return finish(tl::unexpected(std::move(*error_)));
  if (would_loop_) return finish(tl::unexpected(DialError{DialFailure::WouldLoop, "the address is this proxy's own"}));
  if (denied_) return finish(tl::unexpected(DialError{DialFailure::Denied, "the address is not allowed"}));
  finish(tl::unexpected(DialError{DialFailure::Timeout, "no connection in time"}));
}

void Race::finish(Outcome outcome) {
  query_.reset();
  runners_.clear();
  next_.cancel();
  deadline_.cancel();
  outcome_ = std::move(outcome);
  if (!starting_) return deliver();
  loop_.post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->deliver();
  });
}

void Race::deliver() {
  if (!callback_ || !outcome_) return;
  DialCallback callback = std::exchange(callback_, nullptr);
  Outcome outcome = std::move(*outcome_);
  outcome_.reset();
  callback(std::move(outcome));
}

class RaceDial final : public Dial {
 public:
  explicit RaceDial(std::shared_ptr<Race> race) : race_(std::move(race)) {}
  ~RaceDial() override { race_->cancel(); }
  RaceDial(const RaceDial&) = delete;
  RaceDial& operator=(const RaceDial&) = delete;

 private:
  std::shared_ptr<Race> race_;
};

}  // namespace

std::unique_ptr<Dial> dial(Loop& loop, Resolver& resolver, std::string_view host, std::uint16_t port,
                           DialFilter may_dial, const DialOptions& options, DialCallback callback) {
  auto race = std::make_shared<Race>(loop, port, std::move(may_dial), options, std::move(callback));
  race->start(resolver, host);
  return std::make_unique<RaceDial>(std::move(race));
}

}  // namespace larder::net
