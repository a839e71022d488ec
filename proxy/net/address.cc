#include "proxy/net/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace larder::net {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// Decimal without sign, blanks or leading zeros ("010" is octal to some readers), at most `max`.
std::optional<unsigned> parse_decimal(std::string_view text, unsigned max) {
  if (text.empty() || text.size() > 5 || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > max) return std::nullopt;
  return value;
}

bool parse_quad(std::string_view text, std::uint8_t* out) {
  for (int i = 0; i < 4; ++i) {
    const std::size_t dot = i < 3 ? text.find('.') : text.size();
    if (dot == std::string_view::npos) return false;
    const auto part = parse_decimal(text.substr(0, dot), 255);
    if (!part) return false;
    out[i] = static_cast<std::uint8_t>(*part);
    text.remove_prefix(i < 3 ? dot + 1 : dot);
  }
  return text.empty();
}

}  // namespace

Address Address::from(const sockaddr* sa) {
  Address address;
  if (sa == nullptr) return address;
  if (sa->sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, sa, sizeof in);
    return v4(in.sin_addr.s_addr, ntohs(in.sin_port));
  }
  if (sa->sa_family == AF_INET6) {
    sockaddr_in6 in6{};
    std::memcpy(&in6, sa, sizeof in6);
    address = v6(in6.sin6_addr, ntohs(in6.sin6_port));
    if (address.is_v6()) address.scope_ = in6.sin6_scope_id;
  }
  return address;
}

Address Address::v4(std::uint32_t network_order, std::uint16_t port) {
  Address address;
  address.family_ = AF_INET;
  address.port_ = port;
  std::memcpy(address.bytes_.data(), &network_order, 4);
  return address;
}

Address Address::v6(const in6_addr& address, std::uint16_t port) {
  Address result;
  result.port_ = port;
  if (std::memcmp(address.s6_addr, kMappedPrefix.data(), kMappedPrefix.size()) == 0) {
    result.family_ = AF_INET;
    std::memcpy(result.bytes_.data(), address.s6_addr + 12, 4);
  } else {
    result.family_ = AF_INET6;
    std::memcpy(result.bytes_.data(), address.s6_addr, 16);
  }
  return result;
}

std::optional<Address> Address::parse_literal(std::string_view host, std::uint16_t port) {
  if (host.find(':') == std::string_view::npos) {
    std::array<std::uint8_t, 4> quad{};
    if (!parse_quad(host, quad.data())) return std::nullopt;
    std::uint32_t network_order = 0;
    std::memcpy(&network_order, quad.data(), 4);
    return v4(network_order, port);
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (host.size() >= text.size() || host.find('\0') != std::string_view::npos) return std::nullopt;
  std::copy(host.begin(), host.end(), text.begin());
  in6_addr in6{};
  if (::inet_pton(AF_INET6, text.data(), &in6) != 1) return std::nullopt;
  return v6(in6, port);
}

std::optional<Address> Address::parse(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_decimal(text.substr(colon + 1), 65535);
  if (!port) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool has_colon = host.find(':') != std::string_view::npos;
  if (has_colon) {
    if (host.size() < 2 || host.front() != '[' || host.back() != ']') return std::nullopt;
    host = host.substr(1, host.size() - 2);
  }
  return parse_literal(host, static_cast<std::uint16_t>(*port));
}

bool Address::is_loopback() const {
  if (!is_v6()) return family_ == AF_INET && bytes_[0] == 127;
  return bytes_[15] == 1 && std::all_of(bytes_.begin(), bytes_.begin() + 15, [](std::uint8_t b) { return b == 0; });
}

bool Address::is_link_local() const {
  if (!is_v6()) return family_ == AF_INET && bytes_[0] == 169 && bytes_[1] == 254;
  return bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

bool Address::is_unspecified() const {
  if (!is_v6()) return family_ == AF_INET && bytes_[0] == 0;
  return std::all_of(bytes_.begin(), bytes_.end(), [](std::uint8_t b) { return b == 0; });
}

bool Address::is_multicast() const {
  if (!is_v6()) return family_ == AF_INET && (bytes_[0] & 0xf0) == 0xe0;
  return bytes_[0] == 0xff;
}

bool Address::is_broadcast() const {
  return family_ == AF_INET &&
         std::all_of(bytes_.begin(), bytes_.begin() + 4, [](std::uint8_t b) { return b == 0xff; });
}

bool Address::same_host(const Address& other) const {
  // A link-local address without a scope may be that of any interface.
  return family_ == other.family_ && bytes_ == other.bytes_ &&
         (scope_ == other.scope_ || scope_ == 0 || other.scope_ == 0);
}

bool Address::operator==(const Address& other) const {
  return family_ == other.family_ && bytes_ == other.bytes_ && scope_ == other.scope_ && port_ == other.port_;
}

socklen_t Address::to_sockaddr(sockaddr_storage& out) const {
  out = {};
  if (family_ == AF_INET) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port_);
    std::memcpy(&in.sin_addr, bytes_.data(), 4);
    std::memcpy(&out, &in, sizeof in);
    return sizeof in;
  }
  if (family_ == AF_INET6) {
    sockaddr_in6 in6{};
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(port_);
    in6.sin6_scope_id = scope_;
    std::memcpy(&in6.sin6_addr, bytes_.data(), 16);
    std::memcpy(&out, &in6, sizeof in6);
    return sizeof in6;
  }
  return 0;
}

void Address::append_host(std::string& out) const {
  if (empty()) return;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (::inet_ntop(family_, bytes_.data(), text.data(), text.size()) != nullptr) out += text.data();
}

std::string Address::to_string() const {
  std::string out;
  if (empty()) return out;
  if (is_v6()) out += '[';
  append_host(out);
  if (is_v6()) out += ']';
  out += ':';
  out += std::to_string(port_);
  return out;
}

}  // namespace larder::net
