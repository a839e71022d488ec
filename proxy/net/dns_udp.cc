#include "proxy/net/dns_udp.h"

#include <event2/dns.h>
#include <event2/event.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "proxy/net/fd.h"

namespace larder::net {
namespace {

constexpr const char* kForever = "100000000";      // seconds: three years, where the longest look-up may take one
constexpr const char* kLongestProbeWait = "3600";  // seconds; more is not taken
constexpr std::size_t kLargestReply = 1500;        // evdns reads no more of one
constexpr int kRepliesPerTurn = 16;                // that are thrown away
constexpr int kSearchedAbove = 64;                 // descriptors
constexpr int kSearchedBelow = 1024;
constexpr unsigned kFirstMark = 70'000;  // receive buffers that no socket has by itself, but
constexpr unsigned kMarks = 30'000;      // sufficient, and below the limit that kernels have

thread_local bool could_not_send = false;

// evdns tells of a question that could not be sent by a log line, and only so. All that it logs else is either told by
// a callback too, or chatter.
void on_log(int, const char* message) {
  if (std::strstr(message, " has failed: ") != nullptr) could_not_send = true;
}

evdns_base* new_base(Loop& loop) {
  [[maybe_unused]] static const bool is_installed = (evdns_set_log_fn(on_log), true);
  return evdns_base_new(loop.base(), 0);
}

void free_base(evdns_base* base) {
  // By itself evdns would close its socket before it tells epoll, when the number may already be another's.
  evdns_base_clear_nameservers_and_suspend(base);
  // With 1, what has no reply yet ends in a callback too. So they can be counted.
  evdns_base_free(base, 1);
}

// A server on "any address" is one on this host: replies come from there, and evdns compares.
Address reachable(const Address& server) {
  const in6_addr loopback = IN6ADDR_LOOPBACK_INIT;
  if (!server.is_unspecified()) return server;
  return server.is_v6() ? Address::v6(loopback, server.port()) : Address::v4(htonl(INADDR_LOOPBACK), server.port());
}

int next_mark() {
  static std::atomic<unsigned> next{0};
  return static_cast<int>(kFirstMark + next.fetch_add(1, std::memory_order_relaxed) % kMarks);
}

int lowest_free_descriptor() {
  return Fd(::eventfd(0, EFD_CLOEXEC)).get();
}

int option_of(int fd, int option) {
  int value = 0;
  socklen_t length = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

bool is_unbound(int fd) {
  sockaddr_storage name{};
  socklen_t length = sizeof name;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &length) != 0) return false;
  return Address::from(reinterpret_cast<const sockaddr*>(&name)).port() == 0;
}

bool is_marked(int fd, int mark) {
  // Linux reports twice the size that was set.
  return option_of(fd, SO_RCVBUF) == 2 * mark && option_of(fd, SO_TYPE) == SOCK_DGRAM && is_unbound(fd);
}

// The socket that evdns has just opened and does not tell: at the descriptor that was free before, or near it if other
// threads opened or closed some meanwhile. The size of its receive buffer proves it: no other socket of the process
// that is still unbound has the same. -1: not found, and evdns does without our help.
int find_socket(int free_before, int mark) {
  for (int fd = std::max(0, free_before); fd <= free_before + kSearchedAbove; ++fd) {
    if (is_marked(fd, mark)) return fd;
  }
  for (int fd = free_before - 1; fd >= std::max(0, free_before - kSearchedBelow); --fd) {
    if (is_marked(fd, mark)) return fd;
  }
  return -1;
}

void copy_addresses(DnsReply& reply, char type, int count, const void* addresses) {
  const auto* at = static_cast<const std::uint8_t*>(addresses);
  for (int i = 0; i < count; ++i) {
    if (type == DNS_IPv4_A) {
      std::uint32_t network_order = 0;
      std::memcpy(&network_order, at, sizeof network_order);
      at += sizeof network_order;
      reply.addresses.push_back(Address::v4(network_order, 0));
    } else {
      in6_addr in6{};
      std::memcpy(&in6, at, sizeof in6);
      at += sizeof in6;
      reply.addresses.push_back(Address::v6(in6, 0));
    }
  }
}

DnsReply to_reply(int result, char type, int count, int ttl, const void* addresses) {
  DnsReply reply;
  switch (result) {
    case DNS_ERR_NONE:
      copy_addresses(reply, type, count, addresses);
      reply.kind = reply.addresses.empty() ? DnsReply::Kind::NoAddress : DnsReply::Kind::Addresses;
      reply.ttl = static_cast<std::uint32_t>(std::max(0, ttl));  // RFC 2181 section 8
      break;
    case DNS_ERR_NOTEXIST:
    case DNS_ERR_NODATA:
      reply.kind = result == DNS_ERR_NODATA ? DnsReply::Kind::NoAddress : DnsReply::Kind::NoSuchName;
      if (ttl > 0) reply.ttl = static_cast<std::uint32_t>(ttl);
      break;
    case DNS_ERR_TRUNCATED:
    case DNS_ERR_UNKNOWN:
      reply.truncated = true;
      break;
    default:  // TIMEOUT is SERVFAIL; FORMAT, NOTIMPL and REFUSED are what they say
      break;
  }
  return reply;
}

}  // namespace

// What evdns holds of us. Every question ends in one callback, after our end if need be: when its reply was read, the
// callback waits for its turn in the loop, and no way leads to it any more.
struct DnsUdp::Pending {
  DnsUdp* udp;
  unsigned questions = 0;
};

DnsUdp::DnsUdp(Loop& loop, const Address& server, const DnsQuestion& question, Callback on_reply)
    : loop_(loop),
      question_(question),
      on_reply_(std::move(on_reply)),
      base_(new_base(loop)),
      pending_(new Pending{this}) {
  if (base_ == nullptr || open(reachable(server))) return;
  free_base(std::exchange(base_, nullptr));
}

DnsUdp::~DnsUdp() {
  if (readable_ != nullptr) event_free(readable_);  // before its descriptor is closed
  pending_->udp = nullptr;
  if (base_ != nullptr) free_base(base_);
  if (pending_->questions == 0) delete pending_;
}

bool DnsUdp::open(const Address& server) {
  const int mark = next_mark();
  const std::pair<const char*, std::string> options[] = {
      {"timeout", kForever},
      {"attempts", "1"},
      {"initial-probe-timeout", kLongestProbeWait},
      {"so-rcvbuf", std::to_string(mark)},
  };
  for (const auto& [name, value] : options) {
    if (evdns_base_set_option(base_, name, value.c_str()) != 0) return false;
  }
  sockaddr_storage name{};
  const socklen_t length = server.to_sockaddr(name);
  const int free_before = lowest_free_descriptor();
  const auto* address = reinterpret_cast<const sockaddr*>(&name);
  if (evdns_base_nameserver_sockaddr_add(base_, address, static_cast<ev_socklen_t>(length), 0) != 0) return false;
  const int fd = find_socket(free_before, mark);
  return fd < 0 || connect_and_watch(fd, server);
}

// Connected, the kernel drops what comes from others, and tells of an unreachable port.
bool DnsUdp::connect_and_watch(int fd, const Address& server) {
  sockaddr_storage name{};
  const socklen_t length = server.to_sockaddr(name);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&name), length) != 0) return false;
  // Of two events of one descriptor libevent calls the younger first: this one, before that of evdns.
  readable_ = event_new(loop_.base(), fd, EV_READ | EV_PERSIST, &DnsUdp::on_ready, this);
  if (readable_ == nullptr) throw std::bad_alloc();
  event_add(readable_, nullptr);
  return true;
}

bool DnsUdp::ask() {
  if (base_ == nullptr) return false;
  const auto resolve = question_.type == DnsType::A ? evdns_base_resolve_ipv4 : evdns_base_resolve_ipv6;
  could_not_send = false;
  if (resolve(base_, question_.name.c_str(), DNS_QUERY_NO_SEARCH, &DnsUdp::on_answer, pending_) == nullptr)
    return false;
  ++pending_->questions;
  return !could_not_send;
}

void DnsUdp::on_ready(int fd, short, void* self) {
  auto& udp = *static_cast<DnsUdp*>(self);
  udp.loop_.touch();
  udp.on_readable(fd);
}

void DnsUdp::on_readable(int fd) {
  std::array<std::uint8_t, kLargestReply> buffer;
  for (int i = 0; i < kRepliesPerTurn; ++i) {
    const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), MSG_PEEK);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n < 0) return tell({});  // ECONNREFUSED and the like, told by ICMP
    // Which ids evdns has given is its secret; it looks at them itself.
    const auto id = static_cast<std::uint16_t>(n < 2 ? 0 : buffer[0] << 8 | buffer[1]);
    const auto reply = parse_reply(buffer.data(), static_cast<std::size_t>(n), id, question_);
    if (reply) {
      if (reply->ttl) seen_ttl_ = std::min(*reply->ttl, seen_ttl_.value_or(*reply->ttl));
      return;
    }
    ::recv(fd, buffer.data(), buffer.size(), 0);
  }
}

void DnsUdp::on_answer(int result, char type, int count, int ttl, void* addresses, void* pending_of) {
  auto* pending = static_cast<Pending*>(pending_of);
  --pending->questions;
  if (pending->udp == nullptr) {
    if (pending->questions == 0) delete pending;
    return;
  }
  DnsUdp& udp = *pending->udp;
  udp.loop_.touch();
  DnsReply reply = to_reply(result, type, count, ttl, addresses);
  const bool is_cached = reply.kind != DnsReply::Kind::Failed;
  if (is_cached && udp.seen_ttl_) reply.ttl = std::min(*udp.seen_ttl_, reply.ttl.value_or(*udp.seen_ttl_));
  udp.tell(std::move(reply));
}

void DnsUdp::tell(DnsReply reply) {
  const Callback on_reply = on_reply_;  // a copy, for it may destroy the original
  on_reply(std::move(reply));
}

}  // namespace larder::net
