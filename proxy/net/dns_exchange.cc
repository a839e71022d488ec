#include "proxy/net/dns_exchange.h"

#include <event2/event.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <utility>

#include "proxy/net/dns_udp.h"
#include "proxy/net/fd.h"

namespace larder::net {
namespace {

constexpr std::size_t kLengthPrefix = 2;  // RFC 1035 section 4.2.2

// Ids must not be guessed (RFC 5452 section 9.1).
std::uint16_t random_id() {
  std::uint16_t id = 0;
  if (::getrandom(&id, sizeof id, 0) != static_cast<ssize_t>(sizeof id))
    id = static_cast<std::uint16_t>(Clock::now().time_since_epoch().count());
  return id;
}

int socket_error(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

DnsAnswer to_answer(DnsReply reply) {
  DnsAnswer answer;
  if (reply.kind == DnsReply::Kind::NoAddress) answer.error = DnsError::NoAddress;
  if (reply.kind == DnsReply::Kind::NoSuchName) answer.error = DnsError::NoSuchName;
  answer.addresses = std::move(reply.addresses);
  if (reply.ttl) answer.ttl = std::chrono::seconds(*reply.ttl);
  return answer;
}

}  // namespace

// The exchange's dealings with one server.
struct DnsExchange::Link {
  enum class State : std::uint8_t { Idle, Udp, TcpConnecting, Tcp, Failed };

  Link(DnsExchange& e, std::size_t i) : exchange(e), index(i) {}
  ~Link() { close(); }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  void close() {
    udp.reset();
    if (ready != nullptr) event_free(std::exchange(ready, nullptr));
    fd.reset();
  }
  [[nodiscard]] const Address& server() const { return exchange.servers_->addresses[index]; }
  bool connect_tcp() {
    close();
    sockaddr_storage name{};
    const socklen_t length = server().to_sockaddr(name);
    fd = Fd(::socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    return fd.valid() &&
           (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), length) == 0 || errno == EINPROGRESS);
  }
  void watch(short what) {
    if (ready != nullptr) event_free(ready);
    ready = event_new(exchange.loop_.base(), fd.get(), what, &Link::on_ready, this);
    if (ready == nullptr) throw std::bad_alloc();
    event_add(ready, nullptr);
  }
  static void on_ready(int, short, void* self) {
    auto& link = *static_cast<Link*>(self);
    link.exchange.loop_.touch();
    if (link.state == State::TcpConnecting) return link.exchange.on_tcp_connected(link);
    if (link.state == State::Tcp) link.exchange.on_tcp_readable(link);
  }

  DnsExchange& exchange;
  const std::size_t index;
  State state = State::Idle;
  std::unique_ptr<DnsUdp> udp;
  // Of TCP:
  Fd fd;
  event* ready = nullptr;
  std::uint16_t id = 0;
  std::vector<std::uint8_t> data;  // the reply so far, with its length
};

DnsExchange::DnsExchange(Loop& loop, std::shared_ptr<DnsServers> servers, DnsQuestion question, Callback callback)
    : loop_(loop),
      servers_(std::move(servers)),
      question_(std::move(question)),
      callback_(std::move(callback)),
      next_(servers_->preferred),
      retry_(loop, [this] { send_next(); }) {
  for (std::size_t i = 0; i < servers_->addresses.size(); ++i) links_.push_back(std::make_unique<Link>(*this, i));
  send_next();
}

DnsExchange::~DnsExchange() = default;

void DnsExchange::send_next() {
  const std::size_t count = links_.size();
  for (std::size_t i = 0; i < count; ++i) {
    Link& link = *links_[next_++ % count];
    if (link.state == Link::State::TcpConnecting || link.state == Link::State::Tcp) {  // too slow
      link.close();
      link.state = Link::State::Failed;
    }
    if (link.state == Link::State::Failed) continue;
    retry_.set(servers_->retry);
    if (ask_udp(link)) return;
    link.close();
    link.state = Link::State::Failed;
  }
  // Nobody is left. From the constructor the callback must not be called: then the timer comes back here.
  if (retry_.is_set()) return retry_.set(std::chrono::milliseconds(0));
  finish({DnsError::ServerFailure, {}, std::nullopt});
}

bool DnsExchange::ask_udp(Link& link) {
  if (link.state == Link::State::Idle) {
    link.udp = std::make_unique<DnsUdp>(loop_, link.server(), question_,
                                        [this, &link](DnsReply reply) { take(link, std::move(reply)); });
    link.state = Link::State::Udp;
  }
  return link.udp->ask();
}

void DnsExchange::take(Link& link, DnsReply reply) {
  if (reply.truncated && link.state == Link::State::Udp) {
    servers_->preferred = link.index;
    if (!start_tcp(link)) give_up(link);
    return;
  }
  if (reply.kind == DnsReply::Kind::Failed) return give_up(link);
  servers_->preferred = link.index;
  finish(to_answer(std::move(reply)));
}

bool DnsExchange::start_tcp(Link& link) {
  if (!link.connect_tcp()) return false;
  link.id = random_id();
  link.state = Link::State::TcpConnecting;
  link.watch(EV_WRITE);
  retry_.set(servers_->retry);
  return true;
}

void DnsExchange::on_tcp_connected(Link& link) {
  if (socket_error(link.fd.get()) != 0) return give_up(link);
  const auto query = encode_query(link.id, question_);
  std::vector<std::uint8_t> message{static_cast<std::uint8_t>(query.size() >> 8),
                                    static_cast<std::uint8_t>(query.size() & 0xff)};
  message.insert(message.end(), query.begin(), query.end());
  // An empty send buffer takes so little whole.
  if (::send(link.fd.get(), message.data(), message.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(message.size()))
    return give_up(link);
  link.state = Link::State::Tcp;
  link.data.clear();
  link.watch(EV_READ | EV_PERSIST);
}

void DnsExchange::on_tcp_readable(Link& link) {
  std::array<std::uint8_t, 4096> buffer{};
  const ssize_t n = ::recv(link.fd.get(), buffer.data(), buffer.size(), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return give_up(link);
  link.data.insert(link.data.end(), buffer.begin(), buffer.begin() + n);
  if (link.data.size() < kLengthPrefix) return;
  const std::size_t length = static_cast<std::size_t>(link.data[0] << 8) | link.data[1];
  if (link.data.size() < kLengthPrefix + length) return;
  auto reply = parse_reply(link.data.data() + kLengthPrefix, length, link.id, question_);
  if (!reply) return give_up(link);
  take(link, std::move(*reply));
}

// This server is of no use for this question; the next one is asked at once.
void DnsExchange::give_up(Link& link) {
  link.close();
  link.state = Link::State::Failed;
  retry_.cancel();
  send_next();
}

void DnsExchange::finish(DnsAnswer answer) {
  retry_.cancel();
  for (auto& link : links_) link->close();
  const Callback callback = std::exchange(callback_, nullptr);
  if (callback) callback(std::move(answer));
}

}  // namespace larder::net
