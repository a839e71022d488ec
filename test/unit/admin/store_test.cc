// /purge and /objects as they are asked over a connection.
#include "cache/store/store.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <latch>

#include "cache/store/disk/disk.h"
#include "test/unit/admin/server.h"

namespace larder::admin {
namespace {

struct Shop {
  store::Store store{8 << 20};
  std::unique_ptr<Server> server;

  Shop() {
    Options options;
    options.store = &store;
    options.key_of = [](const http::Uri& uri) {
      std::string key;
      http::append_normalised(key, uri);
      return key.substr(0, key.find('?'));  // as a rule that ignores all parameters
    };
    options.names = {"larder.example"};
    server = std::make_unique<Server>(std::move(options));
  }
  void put(const std::string& key, std::string_view fields = {}) {
    auto object = store::make_ref<store::Object>(key, store.hash(key));
    auto head = store::make_ref<store::Head>();
    head->status = 200;
    head->block = "HTTP/1.1 200 OK\r\n" + std::string(fields);
    head->shareable = true;
    head->meta.freshness_lifetime = http::Seconds(600);
    head->meta.response_time = http::Time(http::Seconds(1'900'000'000));
    object->publish_head(head, {.keep = true, .window = 1 << 20, .lead = UINT64_MAX, .most = UINT64_MAX});
    object->complete("");
    CHECK(store.commit(object, 1));
  }
  std::uint64_t objects() const { return store.stats().objects; }
};

Response ask(Client& client, std::string_view method, std::string_view target, std::string_view fields = {},
             std::string_view content = {}) {
  std::string text(method);
  text.append(" ").append(target).append(" HTTP/1.1\r\n");
  if (fields.find("Host:") == std::string_view::npos) text += "Host: 127.0.0.1\r\n";
  client.send(text.append(fields).append("\r\n").append(content));
  return client.receive(method != "HEAD");
}

}  // namespace

TEST_CASE("purging over the port, and the connection goes on") {
  Shop shop;
  Client client(*shop.server);
  shop.put("http://a.example/x");
  shop.put("http://a.example/y", "Cache-Tag: t\r\n");
  shop.put("http://b.example/x");
  shop.put("http://b.example/y");
  CHECK(ask(client, "POST", "/purge?url=http://A.example/x%3Futm=1").body ==
        "{\"memory\": 1, \"disk\": 0, \"durable\": true}\n");
  CHECK(shop.objects() == 3);
  CHECK(ask(client, "POST", "/purge?tag=t", "Content-Length: 0\r\n").body.starts_with("{\"memory\": 1,"));
  CHECK(ask(client, "POST", "/purge?prefix=http://b.example/x").body.starts_with("{\"memory\": 1,"));
  CHECK(ask(client, "POST", "/purge?host=c.example").body.starts_with("{\"memory\": 0,"));
  CHECK(shop.objects() == 1);
  const auto all = ask(client, "POST", "/purge?all=1");
  CHECK(all.status == 200);
  CHECK(all.has("Content-Type: application/json"));
  CHECK(all.has("Connection: keep-alive"));
  CHECK(shop.objects() == 0);
}

TEST_CASE("purges that are not done") {
  struct Row {
    const char* method;
    const char* target;
    const char* fields;
    const char* content;
    unsigned status;
  };
  constexpr Row kRows[] = {
      {"GET", "/purge?all=1", "", "", 405},
      {"PUT", "/purge?all=1", "", "", 405},
      {"POST", "/purge", "", "", 400},
      {"POST", "/purge?all=0", "", "", 400},
      {"POST", "/purge?all=1&host=a.example", "", "", 400},
      {"POST", "/purge?url=/x", "", "", 400},
      {"POST", "/purge?host=http://a.example/", "", "", 400},
      {"POST", "/purge?prefix=a.example", "", "", 400},
      {"POST", "/purge?what=x", "", "", 400},
      {"POST", "/purge?all=1", "Content-Length: 3\r\n", "abc", 413},
      {"POST", "/purge?all=1", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n", 413},
      {"POST", "/purge?all=1", "Host: evil.example\r\n", "", 421},
      {"POST", "/purge?all=1", "Origin: http://evil.example\r\n", "", 403},
      {"POST", "/purge?all=1", "Sec-Fetch-Site: cross-site\r\n", "", 403},
      {"POST", "/objects", "", "", 405},
  };
  Shop shop;
  shop.put("http://a.example/");
  for (const auto& row : kRows) {
    CAPTURE(row.target);
    CAPTURE(row.fields);
    Client client(*shop.server);
    const auto response = ask(client, row.method, row.target, row.fields, row.content);
    CHECK(response.status == row.status);
    CHECK(response.body.ends_with(".\n"));
    CHECK(shop.objects() == 1);
  }
  Client client(*shop.server);
  CHECK(ask(client, "GET", "/purge").has("Allow: POST"));
  CHECK(ask(client, "POST", "/purge?all=1", "Host: larder.example:3129\r\nOrigin: http://larder.example:3129\r\n")
            .status == 200);
  CHECK(shop.objects() == 0);
}

TEST_CASE("listing over the port") {
  Shop shop;
  Client client(*shop.server);
  CHECK(ask(client, "GET", "/objects").body == "{\"objects\": [], \"next\": null}\n");
  shop.put("http://a.example/\"x\"", "Content-Type: text/plain\r\n");
  const auto one = ask(client, "GET", "/objects").body;
  for (const char* part :
       {R"("url": "http://a.example/\"x\"")", R"("tiers": ["memory"])", R"("status": 200)", R"("size": 0)",
        R"("stored_at": "2030-03-17T17:46:40.000Z")", R"("content_type": "text/plain")", R"("next": null)"}) {
    CAPTURE(one);
    CHECK(one.find(part) != std::string::npos);
  }
  for (int i = 0; i < 10; ++i) shop.put("http://b.example/" + std::to_string(i));
  std::string after;
  std::size_t found = 0;
  while (true) {
    const auto page = ask(client, "GET", "/objects?host=b.example&limit=3" + after).body;
    for (auto at = page.find("\"url\""); at != std::string::npos; at = page.find("\"url\"", at + 1)) ++found;
    const auto next = page.find("\"next\": \"");
    if (next == std::string::npos) break;
    after = "&after=" + page.substr(next + 9, page.find('"', next + 9) - next - 9);
  }
  CHECK(found == 10);
  for (const char* query : {"limit=0", "limit=1001", "limit=x", "tier=tape", "after=x", "host=a:1", "url=http://a/"}) {
    CAPTURE(query);
    CHECK(ask(client, "GET", std::string("/objects?") + query).status == 400);
  }
  CHECK(ask(client, "HEAD", "/objects").body.empty());
  CHECK(ask(client, "GET", "/healthz").body == "ok\n");
}

TEST_CASE("requests behind one whose answer comes later are answered in their order") {
  Shop shop;
  Client client(*shop.server);
  std::string many;
  for (int i = 0; i < 50; ++i) {
    many += "POST /purge?all=1 HTTP/1.1\r\nHost: h\r\n\r\nGET /healthz HTTP/1.1\r\nHost: h\r\n\r\n";
  }
  client.send(many);
  client.shut();
  for (int i = 0; i < 50; ++i) {
    CHECK(client.receive().body.starts_with("{\"memory\": 0"));
    CHECK(client.receive().body == "ok\n");
  }
  CHECK(client.is_closed());
}

TEST_CASE("a client may go before its answer comes") {
  Shop shop;
  for (int i = 0; i < 20; ++i) {
    Client(*shop.server).send("POST /purge?all=1 HTTP/1.1\r\nHost: h\r\n\r\nGET /objects HTTP/1.1\r\nHost: h\r\n\r\n");
  }
  while (shop.server->connections() != 0) std::this_thread::yield();
  CHECK(Client(*shop.server).get("/healthz").status == 200);
}

TEST_CASE("a purge that takes long is answered that it goes on, and goes on") {
  char folder[] = "/tmp/larder-admin-XXXXXX";
  REQUIRE(::mkdtemp(folder) != nullptr);
  std::ofstream(std::string(folder) + "/foreign.txt") << "makes the loader say so";
  std::latch go_on(1);
  store::disk::Options of_disk;
  of_disk.path = folder;
  of_disk.size = 64 << 20;
  of_disk.say = [&go_on](const std::string&) { go_on.wait(); };
  auto disk = std::move(*store::Disk::open(std::move(of_disk), 7));
  {
    store::Store store(1 << 20, disk.get());
    Options options;
    options.store = &store;
    options.purge = 20ms;
    Server server(std::move(options));
    Client client(server);
    const auto response = ask(client, "POST", "/purge?host=a.example");
    CHECK(response.status == 202);
    CHECK(response.body == "{\"memory\": 0, \"disk\": 0, \"durable\": false, \"sweeping\": true}\n");
    go_on.count_down();
    disk->flush();
    CHECK(std::filesystem::file_size(std::string(folder) + "/journal") > 0);
    disk.reset();
  }
  std::filesystem::remove_all(folder);
}

TEST_CASE("without a store there is nothing to purge or list") {
  Server server;
  CHECK(Client(server).get("/objects").status == 404);
}

}  // namespace larder::admin
