// The scripted name server itself (dns_server.h). Its name makes the unit's glob take it in.
#include "test/unit/net/dns_server.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "proxy/net/listener.h"
#include "proxy/net/words.h"
#include "test/unit/net/support.h"

namespace larder::net::test {

MessageBuilder& MessageBuilder::u16(std::uint16_t value) {
  bytes_.push_back(static_cast<std::uint8_t>(value >> 8));
  bytes_.push_back(static_cast<std::uint8_t>(value & 0xff));
  return *this;
}

MessageBuilder& MessageBuilder::u32(std::uint32_t value) {
  return u16(static_cast<std::uint16_t>(value >> 16)).u16(static_cast<std::uint16_t>(value & 0xffff));
}

MessageBuilder& MessageBuilder::raw(std::string_view bytes) {
  for (const char c : bytes) bytes_.push_back(static_cast<std::uint8_t>(c));
  return *this;
}

MessageBuilder& MessageBuilder::name(std::string_view dotted) {
  while (!dotted.empty()) {
    const std::string_view label = dotted.substr(0, dotted.find('.'));
    bytes_.push_back(static_cast<std::uint8_t>(label.size()));
    raw(label);
    dotted.remove_prefix(std::min(dotted.size(), label.size() + 1));
  }
  bytes_.push_back(0);
  return *this;
}

MessageBuilder& MessageBuilder::count(int section, int by) {
  auto& low = bytes_[static_cast<std::size_t>(5 + 2 * section)];
  low = static_cast<std::uint8_t>(low + by);
  return *this;
}

MessageBuilder& MessageBuilder::question(std::string_view dotted, std::uint16_t type) {
  return count(0, 1).name(dotted).u16(type).u16(1);
}

MessageBuilder& MessageBuilder::address(std::string_view owner, const Address& address, std::uint32_t ttl) {
  count(1, 1).name(owner).u16(address.is_v6() ? 28 : 1).u16(1).u32(ttl).u16(static_cast<std::uint16_t>(address.size()));
  bytes_.insert(bytes_.end(), address.bytes(), address.bytes() + address.size());
  return *this;
}

MessageBuilder& MessageBuilder::cname(std::string_view owner, std::string_view target, std::uint32_t ttl) {
  return count(1, 1).name(owner).u16(5).u16(1).u32(ttl).u16(static_cast<std::uint16_t>(target.size() + 2)).name(target);
}

MessageBuilder& MessageBuilder::soa(std::string_view zone, std::uint32_t ttl, std::uint32_t minimum) {
  return count(2, 1).name(zone).u16(6).u16(1).u32(ttl).u16(22).name("").name("").u32(1).u32(2).u32(3).u32(4).u32(
      minimum);
}

DnsServer::DnsServer() : stop_(::eventfd(0, EFD_CLOEXEC)) {
  // The same port for both; another process may hold the TCP one, then another is taken.
  for (int tries = 0; tries < 20 && !udp_.valid(); ++tries) {
    auto listening = listen_on(literal("127.0.0.1", 0), false);
    REQUIRE(listening.has_value());
    address_ = bound_address(listening->get());
    sockaddr_storage name{};
    const socklen_t length = address_.to_sockaddr(name);
    Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), length) != 0) continue;
    udp_ = std::move(fd);
    tcp_ = std::move(*listening);
  }
  REQUIRE(udp_.valid());
  other_udp_ = Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  thread_ = std::thread([this] { serve(); });
}

DnsServer::~DnsServer() {
  const std::uint64_t one = 1;
  CHECK(::write(stop_.get(), &one, sizeof one) == sizeof one);
  thread_.join();
}

std::string DnsServer::address() const {
  return address_.to_string();
}

void DnsServer::say(std::string_view name, DnsType type, Script script) {
  std::lock_guard lock(mutex_);
  scripts_[{std::string(name), static_cast<std::uint16_t>(type)}] = std::move(script);
}

void DnsServer::say(std::string_view name, const Script& script) {
  say(name, DnsType::A, script);
  say(name, DnsType::Aaaa, script);
}

void DnsServer::say(std::string_view name, const std::vector<Address>& addresses, std::uint32_t ttl) {
  Script v4;
  Script v6;
  v4.ttl = v6.ttl = ttl;
  for (const Address& a : addresses) (a.is_v6() ? v6 : v4).addresses.push_back(a);
  say(name, DnsType::A, std::move(v4));
  say(name, DnsType::Aaaa, std::move(v6));
}

int DnsServer::asked(std::string_view name, DnsType type) const {
  std::lock_guard lock(mutex_);
  const auto at = asked_.find({std::string(name), static_cast<std::uint16_t>(type)});
  return at == asked_.end() ? 0 : at->second;
}

int DnsServer::asked() const {
  std::lock_guard lock(mutex_);
  int sum = 0;
  for (const auto& entry : asked_) sum += entry.second;
  return sum;
}

std::vector<std::uint16_t> DnsServer::ports() const {
  std::lock_guard lock(mutex_);
  return ports_;
}

int DnsServer::wait_ms() const {
  if (late_.empty()) return -1;
  const auto first =
      std::min_element(late_.begin(), late_.end(), [](const Late& a, const Late& b) { return a.when < b.when; });
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(first->when - std::chrono::steady_clock::now());
  return static_cast<int>(std::max<std::int64_t>(0, left.count()));
}

void DnsServer::serve() {
  for (;;) {
    std::array<pollfd, 3> fds{{{udp_.get(), POLLIN, 0}, {tcp_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
    ::poll(fds.data(), fds.size(), wait_ms());
    if (fds[2].revents != 0) return;
    if (fds[0].revents != 0) answer_udp();
    if (fds[1].revents != 0) answer_tcp();
    send_late();
  }
}

void DnsServer::answer_udp() {
  Bytes query(4096);
  sockaddr_storage from{};
  socklen_t length = sizeof from;
  const ssize_t n = ::recvfrom(udp_.get(), query.data(), query.size(), 0, reinterpret_cast<sockaddr*>(&from), &length);
  if (n < 0) return;
  query.resize(static_cast<std::size_t>(n));
  const Address peer = Address::from(reinterpret_cast<const sockaddr*>(&from));
  {
    std::lock_guard lock(mutex_);
    ports_.push_back(peer.port());
  }
  Replies replies = replies_to(query, Way::Udp);
  const auto when = std::chrono::steady_clock::now() + replies.delay;
  const int way_out = (replies.other_port ? other_udp_ : udp_).get();
  for (Bytes& message : replies.messages) late_.push_back({when, std::move(message), peer, way_out});
}

void DnsServer::send_late() {
  const auto now = std::chrono::steady_clock::now();
  for (const Late& late : late_) {
    if (late.when > now) continue;
    sockaddr_storage name{};
    const socklen_t length = late.to.to_sockaddr(name);
    ::sendto(late.from, late.message.data(), late.message.size(), 0, reinterpret_cast<const sockaddr*>(&name), length);
    ++answered_;
  }
  late_.erase(std::remove_if(late_.begin(), late_.end(), [&](const Late& l) { return l.when <= now; }), late_.end());
}

// One question to a connection, answered in two pieces.
void DnsServer::answer_tcp() {
  const Fd peer(::accept4(tcp_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  std::array<std::uint8_t, 2> prefix{};
  if (!peer.valid() || ::recv(peer.get(), prefix.data(), prefix.size(), MSG_WAITALL) != 2) return;
  Bytes query(static_cast<std::size_t>(prefix[0] << 8 | prefix[1]));
  if (::recv(peer.get(), query.data(), query.size(), MSG_WAITALL) != static_cast<ssize_t>(query.size())) return;
  ++by_tcp_;
  const Replies replies = replies_to(query, Way::Tcp);
  if (replies.messages.empty()) return;
  const Bytes& reply = replies.messages.front();
  Bytes framed{static_cast<std::uint8_t>(reply.size() >> 8), static_cast<std::uint8_t>(reply.size() & 0xff)};
  framed.insert(framed.end(), reply.begin(), reply.end());
  ::send(peer.get(), framed.data(), 1, MSG_NOSIGNAL);
  ::send(peer.get(), framed.data() + 1, framed.size() - 1, MSG_NOSIGNAL);
}

DnsServer::Replies DnsServer::replies_to(const Bytes& query, Way way) {
  std::string spelt;
  std::size_t at = 12;
  while (at < query.size() && query[at] != 0) {
    if (!spelt.empty()) spelt += '.';
    spelt.append(reinterpret_cast<const char*>(&query[at + 1]), query[at]);
    at += query[at] + 1U;
  }
  const std::string name = to_lower(spelt);
  const auto u16_at = [&](std::size_t i) { return static_cast<std::uint16_t>(query[i] << 8 | query[i + 1]); };
  const std::uint16_t type = u16_at(at + 1);

  std::lock_guard lock(mutex_);
  ++asked_[{name, type}];
  const auto known = scripts_.find({name, type});
  Script unknown;
  unknown.rcode = kNoSuchName;
  Script& script = known == scripts_.end() ? unknown : known->second;
  if (script.silent || (script.dropped > 0 && script.dropped-- > 0)) return {};
  if (way == Way::Tcp && script.close_tcp) return {};
  const auto id = static_cast<std::uint16_t>(u16_at(0) ^ script.id_xor);
  Replies replies{{}, script.delay, script.other_port};
  if (script.decoy && way == Way::Udp) {
    MessageBuilder decoy(id, kReply | kNoSuchName);
    replies.messages.push_back(decoy.question("decoy.test", type).bytes());
  }
  const bool cut = script.truncate && way == Way::Udp;
  MessageBuilder reply(id, static_cast<std::uint16_t>(kReply | script.rcode | (cut ? kTruncated : 0)));
  reply.question(script.lower_case ? name : spelt, type);
  if (!cut) {
    if (script.alias_ttl != 0) reply.cname(name, "end.test", script.alias_ttl);
    for (const Address& a : script.addresses) reply.address(script.alias_ttl != 0 ? "end.test" : name, a, script.ttl);
    if (script.addresses.empty() && script.negative_ttl != 0) reply.soa("test", 86400, script.negative_ttl);
  }
  replies.messages.push_back(reply.bytes());
  return replies;
}

}  // namespace larder::net::test
