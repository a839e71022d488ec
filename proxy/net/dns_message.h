// DNS messages as bytes (RFC 1035 section 4): the question for one name and type, and what a reply says to it. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/net/address.h"

namespace larder::net {

enum class DnsType : std::uint16_t { A = 1, Aaaa = 28 };

struct DnsQuestion {
  std::string name;  // lower case, without a dot at the end, plausible (see is_plausible_name)
  DnsType type = DnsType::A;
};

struct DnsReply {
  enum class Kind : std::uint8_t {
    Addresses,
    NoAddress,   // the name has no address of this type
    NoSuchName,  // NXDOMAIN
    Failed,      // SERVFAIL, REFUSED, ..., or a reply that cannot be read
  };
  Kind kind = Kind::Failed;
  bool truncated = false;          // there is more: to be asked again by TCP
  std::vector<Address> addresses;  // port 0
  std::optional<std::uint32_t>
      ttl;  // seconds; the smallest of the chain, or of a negative answer's SOA (RFC 2308 section 5)
};

// Letters, digits, hyphens and underscores in labels of 1 to 63, at most 253 in all, without a dot at the end. A last
// label that is a number is none: no top-level domain is, and "127.1" or "0x7f.1" must not become an address by
// somebody's leniency.
bool is_plausible_name(std::string_view name);

// The message, without the length that goes before it on TCP.
std::vector<std::uint8_t> encode_query(std::uint16_t id, const DnsQuestion& question);

// nullopt: no reply to this question (other id, other name, no reply at all); to be ignored, for anybody may send such
// a packet.
std::optional<DnsReply> parse_reply(const std::uint8_t* data, std::size_t size, std::uint16_t id,
                                    const DnsQuestion& question);

}  // namespace larder::net
