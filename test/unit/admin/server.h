// An operator's port under test, and a client that speaks to it byte by byte.
#pragma once

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "proxy/admin/admin.h"

namespace larder::admin {

using namespace std::chrono_literals;

// An Admin on a loop and a thread of its own, on a free port of this machine.
class Server {
 public:
  explicit Server(Options options = {}) {
    options.version = "1.2.3";
    options.healthy = [this] { return healthy.load(); };
    auto listening = net::listen_on(*net::Address::parse("127.0.0.1:0"), false);
    if (!listening) FAIL(listening.error().text);
    admin_ = std::make_unique<Admin>(loop_, std::move(*listening), exposition_, std::move(options));
    address_ = admin_->address();
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~Server() {
    loop_.post([this] { loop_.stop(); });
    thread_.join();
    admin_.reset();
  }

  const net::Address& address() const { return address_; }

  std::size_t connections() {  // asked on the loop's thread
    std::atomic<std::size_t> count{0};
    std::atomic<bool> done{false};
    loop_.post([&] {
      count = admin_->connections();
      done = true;
    });
    while (!done) std::this_thread::yield();
    return count;
  }

  std::atomic<bool> healthy{true};
  metrics::Counters counters;

 private:
  net::Loop loop_;
  metrics::Exposition exposition_{{&counters}, [] { return metrics::Gauges{}; }, "1.2.3"};
  std::unique_ptr<Admin> admin_;
  net::Address address_;
  std::thread thread_;
};

struct Response {
  unsigned status = 0;
  std::string head;
  std::string body;

  bool has(std::string_view line) const { return head.find("\r\n" + std::string(line) + "\r\n") != std::string::npos; }
};

// A blocking client that gives up after ten seconds.
class Client {
 public:
  explicit Client(const Server& server, int receive_buffer = 0)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval limit{10, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (receive_buffer > 0) ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_storage name{};
    const auto length = server.address().to_sockaddr(name);
    REQUIRE(::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&name), length) == 0);
  }

  void send(std::string_view text) {
    while (!text.empty()) {
      const auto n = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) FAIL("cannot send");
      text.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  void shut() { ::shutdown(fd_.get(), SHUT_WR); }

  Response receive(bool with_body = true) {
    Response out;
    while (buffer_.find("\r\n\r\n") == std::string::npos) {
      if (!more()) FAIL("the connection ended within a head: " << buffer_);
    }
    const auto end = buffer_.find("\r\n\r\n") + 4;
    out.head = buffer_.substr(0, end);
    buffer_.erase(0, end);
    out.status = static_cast<unsigned>(std::stoul(out.head.substr(9, 3)));
    const auto at = out.head.find("Content-Length: ");
    REQUIRE(at != std::string::npos);
    const auto length = with_body ? std::stoul(out.head.substr(at + 16)) : 0;
    while (buffer_.size() < length) {
      if (!more()) FAIL("the connection ended within a body");
    }
    out.body = buffer_.substr(0, length);
    buffer_.erase(0, length);
    return out;
  }
  // Whether the server closes, in good order and with nothing more to say.
  bool is_closed() { return buffer_.empty() && !more() && last_ == 0; }
  // Reads to the end, whatever way it comes.
  void drain() {
    while (more()) buffer_.clear();
  }

  Response get(std::string_view path) {
    send("GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n\r\n");
    return receive();
  }

 private:
  bool more() {
    char piece[16'384];
    last_ = ::recv(fd_.get(), piece, sizeof piece, 0);
    if (last_ > 0) buffer_.append(piece, static_cast<std::size_t>(last_));
    return last_ > 0;
  }
  net::Fd fd_;
  std::string buffer_;
  ssize_t last_ = 0;
};

}  // namespace larder::admin
