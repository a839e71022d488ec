#include "proxy/admin/admin.h"

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

#include "test/unit/admin/server.h"

namespace larder::admin {
namespace {

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
