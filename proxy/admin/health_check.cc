#include "proxy/admin/health_check.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "proxy/net/address.h"
#include "proxy/net/fd.h"

namespace larder::admin {

tl::expected<void, std::string> check_health(const std::string& address, const std::string& path) {
  auto target = net::Address::parse(address);
  if (!target) return tl::unexpected("'" + address + "' is not ADDR:PORT");
  if (target->is_unspecified()) {
    target = net::Address::parse_literal(target->is_v6() ? "::1" : "127.0.0.1", target->port());
  }
  const net::Fd fd(::socket(target->is_v6() ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{2, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  sockaddr_storage raw{};
  const socklen_t size = target->to_sockaddr(raw);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&raw), size) != 0) {
    return tl::unexpected(target->to_string() + ": " + std::strerror(errno));
  }
  const std::string request = "GET " + path + " HTTP/1.1\r\nHost: larder\r\nConnection: close\r\n\r\n";
  if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
    return tl::unexpected(target->to_string() + ": " + std::strerror(errno));
  }
  std::array<char, 512> answer{};
  std::size_t got = 0;
  while (got < answer.size()) {
    const ssize_t n = ::recv(fd.get(), answer.data() + got, answer.size() - got, 0);
    if (n <= 0) break;
    got += static_cast<std::size_t>(n);
  }
  const std::string_view text(answer.data(), got);
  if (text.starts_with("HTTP/1.1 200 ")) return {};
  return tl::unexpected(target->to_string() + ": " + std::string(text.substr(0, text.find("\r\n"))));
}

}  // namespace larder::admin
