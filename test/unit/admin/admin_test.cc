#include "proxy/admin/admin.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace larder::admin {
namespace {

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

TEST_CASE("metrics are served as Prometheus wants them") {
  Server server;
  server.counters.origin_connects.add(42);
  const auto response = Client(server).get("/metrics");
  CHECK(response.status == 200);
  CHECK(response.has("Content-Type: text/plain; version=0.0.4"));
  CHECK(response.has("Cache-Control: no-store"));
  CHECK(response.has("Connection: keep-alive"));
  CHECK(response.head.find("\r\nDate: ") != std::string::npos);
  CHECK(response.body.find("\nlarder_origin_connects_total 42\n") != std::string::npos);
  CHECK(Client(server).get("/metrics?name[]=x").status == 200);
}

TEST_CASE("HEAD gives the same head and no body") {
  Server server;
  Client client(server);
  const auto whole = client.get("/healthz");
  client.send("HEAD /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto head = client.receive(false);
  CHECK(head.status == 200);
  CHECK(head.has("Content-Length: 3"));
  CHECK(client.get("/healthz").body == whole.body);  // nothing of a body was in between
}

TEST_CASE("health follows the state") {
  Server server;
  Client client(server);
  auto response = client.get("/healthz");
  CHECK(response.status == 200);
  CHECK(response.body == "ok\n");
  server.healthy = false;
  response = client.get("/healthz");
  CHECK(response.status == 503);
  CHECK(response.body == "draining\n");
}

TEST_CASE("the index names the version and leads to the rest") {
  Server server;
  const auto response = Client(server).get("/");
  CHECK(response.status == 200);
  CHECK(response.has("Content-Type: text/html; charset=utf-8"));
  for (const auto* part : {"1.2.3", "href=\"/metrics\"", "href=\"/healthz\""})
    CHECK(response.body.find(part) != std::string::npos);
}

TEST_CASE("what is not served") {
  struct Row {
    const char* request;
    unsigned status;
    bool closes;
  };
  const Row rows[] = {
      {"GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n", 404, false},
      {"GET /metrics/ HTTP/1.1\r\nHost: h\r\n\r\n", 404, false},
      {"POST /metrics HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", 405, false},
      {"POST /metrics HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", 405, true},
      {"PUT /metrics HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 405, true},
      {"DELETE / HTTP/1.1\r\nHost: h\r\n\r\n", 405, false},
      {"GET http://h/metrics HTTP/1.1\r\nHost: h\r\n\r\n", 400, false},
      {"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", 400, false},
      {"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 400, false},
      {"GET /metrics HTTP/1.1\r\n\r\n", 400, true},
      {"GET /metrics HTTP/1.1\nHost: h\n\n", 400, true},
      {"GET /metrics HTTP/1.1\r\nHost : h\r\n\r\n", 400, true},
      {"GET /metrics HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, true},
      {"GET /metrics HTTP/2.0\r\nHost: h\r\n\r\n", 505, true},
      {"\x16\x03\x01\x02\x01\x01\xfc\r\n\r\n", 400, true},
  };
  Server server;
  for (const auto& row : rows) {
    CAPTURE(row.request);
    Client client(server);
    client.send(row.request);
    const auto response = client.receive();
    CHECK(response.status == row.status);
    CHECK(response.body.ends_with("\n"));
    CHECK(response.has(row.closes ? "Connection: close" : "Connection: keep-alive"));
    CHECK(response.has("Allow: GET, HEAD") == (row.status == 405));
    if (row.closes) {
      CHECK(client.is_closed());
    } else {
      CHECK(client.get("/healthz").status == 200);
    }
  }
}

TEST_CASE("too much head is refused, and the answer is not lost in a reset") {
  Server server;
  Client client(server);
  client.send("GET /metrics HTTP/1.1\r\nHost: h\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n");
  CHECK(client.receive().status == 431);
  client.shut();
  CHECK(client.is_closed());
}

TEST_CASE("the connection is kept as the version and the client wish") {
  Server server;
  {
    Client client(server);
    client.send("GET /healthz HTTP/1.0\r\n\r\n");
    CHECK(client.receive().has("Connection: close"));
    CHECK(client.is_closed());
  }
  {
    Client client(server);
    client.send("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    CHECK(client.receive().has("Connection: keep-alive"));
    CHECK(client.get("/healthz").status == 200);
  }
  Client client(server);
  client.send("GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(client.receive().has("Connection: close"));
  CHECK(client.is_closed());  // the second was not answered
}

TEST_CASE("requests may come byte by byte, or many at once") {
  Server server;
  Client client(server);
  for (const char c : std::string_view("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"))
    client.send(std::string_view(&c, 1));
  CHECK(client.receive().body == "ok\n");
  std::string many;
  for (int i = 0; i < 100; ++i)
    many += i % 2 == 0 ? "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n" : "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";
  client.send(many + "GET /healthz HTTP/1.1\r\nHo");
  for (int i = 0; i < 100; ++i) CHECK(client.receive().status == (i % 2 == 0 ? 200 : 404));
  client.send("st: h\r\n\r\n");
  CHECK(client.receive().body == "ok\n");
}

TEST_CASE("a client that has said all still gets its answers") {
  Server server;
  Client client(server);
  client.send("GET /metrics HTTP/1.1\r\nHost: h\r\n\r\nGET /healthz HTTP/1.1\r\nHost: h\r\n\r\n");
  client.shut();
  CHECK(client.receive().status == 200);
  CHECK(client.receive().body == "ok\n");
  CHECK(client.is_closed());
}

TEST_CASE("a client that reads late holds up only itself, and misses nothing") {
  Server server;
  Client slow(server, 4096);
  constexpr int kRequests = 300;  // some 10 MB of answers: more than the kernel keeps
  std::thread sender([&] {
    for (int i = 0; i < kRequests; ++i) slow.send("GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n");
  });
  CHECK(Client(server).get("/healthz").body == "ok\n");
  sender.join();
  for (int i = 0; i < kRequests; ++i) REQUIRE(slow.receive().status == 200);
  CHECK(slow.get("/healthz").body == "ok\n");
}

TEST_CASE("a head that does not come in time is answered 408; silence is just closed") {
  Options options;
  options.header = 300ms;
  Server server(options);
  Client half(server), silent(server);
  half.send("GET / HTTP/1.1\r\n");
  CHECK(half.receive().status == 408);
  CHECK(half.is_closed());
  CHECK(silent.is_closed());
}

TEST_CASE("the time of a later head runs from its own first byte") {
  Options options;
  options.header = 300ms;
  Server server(options);
  Client client(server);
  CHECK(client.get("/healthz").status == 200);
  client.send("GET /healthz HT");
  CHECK(client.receive().status == 408);
}

TEST_CASE("between requests a connection may rest, but not for ever") {
  Options options;
  options.idle = 50ms;
  Server server(options);
  Client client(server);
  CHECK(client.get("/healthz").status == 200);
  CHECK(client.is_closed());
}

TEST_CASE("a client that never reads is given up") {
  Options options;
  options.write = 50ms;
  Server server(options);
  Client client(server, 4096);
  std::string many;
  for (int i = 0; i < 400; ++i) many += "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n";
  client.send(many);
  while (server.connections() != 0) std::this_thread::yield();
  client.drain();
}

TEST_CASE("connections are bounded") {
  Options options;
  options.connections = 2;
  Server server(options);
  Client one(server);
  CHECK(one.get("/healthz").status == 200);
  auto two = std::make_unique<Client>(server);
  CHECK(two->get("/healthz").status == 200);
  CHECK(Client(server).is_closed());
  two.reset();
  while (server.connections() != 1) std::this_thread::yield();
  CHECK(Client(server).get("/healthz").status == 200);
}

TEST_CASE("it may end while connections are open") {
  std::vector<std::unique_ptr<Client>> clients;
  {
    Server server;
    for (int i = 0; i < 5; ++i) {
      clients.push_back(std::make_unique<Client>(server));
      CHECK(clients.back()->get("/healthz").status == 200);
    }
  }
  for (const auto& client : clients) CHECK(client->is_closed());
}

}  // namespace
}  // namespace larder::admin
