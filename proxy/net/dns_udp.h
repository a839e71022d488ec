// One DNS server that is asked one question by UDP: evdns puts the question on the wire and reads the reply. Loop's
// thread only.
//
// What evdns of libevent 2.1.12 does otherwise than a look-up needs it, and what is done about it here:
// - All its look-ups share one socket (RFC 5452 section 9.2 wants many ports), and one failure makes a server dead to
//   all of them for a while, in which it is asked for "google.com". Here every question to every server has an
//   evdns_base of its own, which ends with the first failure.
// - It takes SERVFAIL for a time-out. It gets one attempt and more time than any look-up takes, so that its
//   time-out says SERVFAIL; when to ask again is the owner's affair.
// - Its socket is not connected: it never hears of a closed port, and takes replies from any port. It is found and
//   connected (find_socket), and watched for errors.
// - It disregards the TTLs of aliases, cannot tell "no SOA" from a TTL of 0, and takes failures (SERVFAIL, NXDOMAIN,
//   truncated) from replies to other questions. So parse_reply looks at a reply before evdns reads it: its TTL counts
//   too, and what is no reply to this question is thrown away.
// - A truncated reply is all that it says of one. Those, and what evdns cannot read, are handed on as truncated, to be
//   asked for by TCP.
// What it does not do: EDNS (what is larger than 512 bytes goes by TCP, and is lost where TCP is barred), follow
// aliases (it takes every address of the right type in the answer, and none beside NXDOMAIN), check the case of the
// letters that it sends mixed.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "proxy/net/address.h"
#include "proxy/net/dns_message.h"
#include "proxy/net/loop.h"

struct event;
struct evdns_base;

namespace larder::net {

class DnsUdp {
 public:
  using Callback = std::function<void(DnsReply)>;

  // `question` must outlive this. `on_reply` is called by the loop, never inside a call: with what the server says, or
  // with Kind::Failed when it refuses or cannot be reached. It may destroy this, and with a failure should: nothing
  // more is to be had then.
  DnsUdp(Loop& loop, const Address& server, const DnsQuestion& question, Callback on_reply);
  ~DnsUdp();
  DnsUdp(const DnsUdp&) = delete;
  DnsUdp& operator=(const DnsUdp&) = delete;

  // Asks; once more if it has asked before, and a late reply to the earlier question counts too. False: this server
  // cannot be asked.
  [[nodiscard]] bool ask();

 private:
  struct Pending;

  [[nodiscard]] bool open(const Address& server);
  [[nodiscard]] bool connect_and_watch(int fd, const Address& server);
  void on_readable(int fd);
  void tell(DnsReply reply);  // nothing may follow it
  static void on_ready(int fd, short what, void* self);
  static void on_answer(int result, char type, int count, int ttl, void* addresses, void* pending_of);

  Loop& loop_;
  const DnsQuestion& question_;
  Callback on_reply_;
  evdns_base* base_;           // null: out of order
  event* readable_ = nullptr;  // of evdns' socket; null: it was not found
  Pending* pending_;
  std::optional<std::uint32_t> seen_ttl_;  // the smallest of the replies before evdns read them
};

}  // namespace larder::net
