// An IP address with a port, as a value (no allocation). Pure but for to_sockaddr.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace larder::net {

class Address {
 public:
  Address() = default;
  static Address from(const sockaddr* sa);  // AF_INET and AF_INET6; others give an empty address
  static Address v4(std::uint32_t network_order, std::uint16_t port);
  static Address v6(const in6_addr& address, std::uint16_t port);
  // A literal: dotted quad of four decimal numbers (no octal, hex or short forms: those are names to the resolver and
  // never get round a rule), or IPv6 text without brackets. nullopt otherwise.
  static std::optional<Address> parse_literal(std::string_view host, std::uint16_t port);
  // "ADDR:PORT" or "[ADDR]:PORT" with literals only.
  static std::optional<Address> parse(std::string_view text);

  [[nodiscard]] bool empty() const { return family_ == 0; }
  [[nodiscard]] bool is_v6() const { return family_ == AF_INET6; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  void set_port(std::uint16_t port) { port_ = port; }
  // The address bytes: 4 or 16. An IPv4-mapped IPv6 address (::ffff:a.b.c.d) is kept as IPv4 from the start.
  [[nodiscard]] const std::uint8_t* bytes() const { return bytes_.data(); }
  [[nodiscard]] std::size_t size() const { return is_v6() ? 16 : 4; }

  [[nodiscard]] bool is_loopback() const;                    // 127/8, ::1
  [[nodiscard]] bool is_link_local() const;                  // 169.254/16, fe80::/10
  [[nodiscard]] bool is_unspecified() const;                 // 0/8, ::
  [[nodiscard]] bool is_multicast() const;                   // 224/4, ff00::/8
  [[nodiscard]] bool is_broadcast() const;                   // 255.255.255.255
  [[nodiscard]] bool same_host(const Address& other) const;  // the address without the port
  bool operator==(const Address& other) const;

  socklen_t to_sockaddr(sockaddr_storage& out) const;
  void append_host(std::string& out) const;     // "192.0.2.1", "2001:db8::1"
  [[nodiscard]] std::string to_string() const;  // "192.0.2.1:80", "[2001:db8::1]:80"

 private:
  std::array<std::uint8_t, 16> bytes_{};
  std::uint32_t scope_ = 0;
  std::uint16_t family_ = 0;
  std::uint16_t port_ = 0;
};

}  // namespace larder::net
