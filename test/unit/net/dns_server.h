// A name server on loopback, by UDP and TCP, that says what the test tells it to and counts what it was asked.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "proxy/net/address.h"
#include "proxy/net/dns_message.h"
#include "proxy/net/fd.h"

namespace larder::net::test {

using Bytes = std::vector<std::uint8_t>;

// Builds messages by hand, so that the code under test does not check itself.
class MessageBuilder {
 public:
  MessageBuilder(std::uint16_t id, std::uint16_t flags) { (*this).u16(id).u16(flags).u16(0).u16(0).u16(0).u16(0); }
  MessageBuilder& u16(std::uint16_t value);
  MessageBuilder& u32(std::uint32_t value);
  MessageBuilder& name(std::string_view dotted);
  MessageBuilder& raw(std::string_view bytes);
  MessageBuilder& question(std::string_view dotted, std::uint16_t type);
  // The owner is spelt out; the sections must be filled in order.
  MessageBuilder& address(std::string_view owner, const Address& address, std::uint32_t ttl);
  MessageBuilder& cname(std::string_view owner, std::string_view target, std::uint32_t ttl);
  MessageBuilder& soa(std::string_view zone, std::uint32_t ttl, std::uint32_t minimum);
  MessageBuilder& count(int section, int by);  // 0 questions, 1 answers, 2 authorities, 3 additional
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

constexpr std::uint16_t kReply = 0x8180;
constexpr std::uint16_t kTruncated = 0x0200;
constexpr std::uint16_t kFormatError = 1;
constexpr std::uint16_t kServerFailure = 2;
constexpr std::uint16_t kNoSuchName = 3;

// What is said to one question.
struct Script {
  std::vector<Address> addresses;
  std::uint32_t ttl = 300;
  std::uint16_t rcode = 0;
  std::uint32_t negative_ttl = 300;  // of the SOA when there are no addresses; 0: no SOA
  std::chrono::milliseconds delay{0};
  int dropped = 0;              // so many questions go unanswered first
  bool silent = false;          // all do
  bool truncate = false;        // by UDP: no addresses, to be asked by TCP
  bool close_tcp = false;       // TCP connections are closed without a word
  bool lower_case = false;      // the question is repeated so, however it was spelt
  bool decoy = false;           // by UDP: "no such name" of another name comes first, with the same id
  bool other_port = false;      // UDP replies come from another port than was asked
  std::uint32_t alias_ttl = 0;  // not 0: the addresses are those of an alias
  std::uint16_t id_xor = 0;     // a wrong id
};

class DnsServer {
 public:
  DnsServer();
  ~DnsServer();
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;

  // "127.0.0.1:PORT"
  [[nodiscard]] std::string address() const;
  void say(std::string_view name, DnsType type, Script script);
  // Both types: A and AAAA addresses each to their own.
  void say(std::string_view name, const std::vector<Address>& addresses, std::uint32_t ttl = 300);
  void say(std::string_view name, const Script& script);  // the same to both
  // How often it was asked, by UDP and TCP, in whatever case. Names that were never told of get NXDOMAIN with an SOA of
  // 300 s.
  [[nodiscard]] int asked(std::string_view name, DnsType type) const;
  [[nodiscard]] int asked() const;
  [[nodiscard]] int asked_by_tcp() const { return by_tcp_.load(); }
  // UDP replies that have been sent: over loopback they have come by then.
  [[nodiscard]] int answered() const { return answered_.load(); }
  // Source ports of all UDP questions.
  [[nodiscard]] std::vector<std::uint16_t> ports() const;

 private:
  using Key = std::pair<std::string, std::uint16_t>;
  struct Late {
    std::chrono::steady_clock::time_point when;
    Bytes message;
    Address to;
    int from;  // the socket
  };
  enum class Way { Udp, Tcp };
  struct Replies {
    std::vector<Bytes> messages;  // none: no answer
    std::chrono::milliseconds delay{0};
    bool other_port = false;
  };

  void serve();
  void answer_udp();
  void answer_tcp();
  void send_late();
  [[nodiscard]] int wait_ms() const;
  Replies replies_to(const Bytes& query, Way way);

  Fd udp_;
  Fd other_udp_;
  Fd tcp_;
  Fd stop_;
  Address address_;
  std::vector<Late> late_;
  mutable std::mutex mutex_;  // guards the rest
  std::map<Key, Script> scripts_;
  std::map<Key, int> asked_;
  std::vector<std::uint16_t> ports_;
  std::atomic<int> by_tcp_{0};
  std::atomic<int> answered_{0};
  std::thread thread_;
};

}  // namespace larder::net::test
