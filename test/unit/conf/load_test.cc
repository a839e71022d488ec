#include "conf/load.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>

namespace larder::conf {
namespace {

using namespace std::chrono_literals;

std::vector<Error> errors_of(std::string_view text, const std::vector<std::string>& set = {}) {
  auto result = load_text(text, "f", set);
  return result ? std::vector<Error>{} : std::move(result.error());
}

Config good(std::string_view text, const std::vector<std::string>& set = {}) {
  auto result = load_text(text, "f", set);
  if (!result) FAIL(result.error().front().where << ": " << result.error().front().expected);
  return *result;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// Sets an environment variable for as long as it lives.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) before_ = old;
    set(value);
  }
  ~Environment() { set(before_ ? before_->c_str() : nullptr); }

 private:
  void set(const char* value) { value == nullptr ? ::unsetenv(name_) : ::setenv(name_, value, 1); }
  const char* name_;
  std::optional<std::string> before_;
};

class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view text) {
    const int fd = ::mkstemp(path_);
    REQUIRE(fd >= 0);
    ::close(fd);
    std::ofstream(path_) << text;
  }
  ~TemporaryFile() { ::unlink(path_); }
  std::string path() const { return path_; }

 private:
  char path_[32] = "/tmp/larder-conf-XXXXXX";
};

TEST_CASE("with nothing said, the defaults are those of the contract") {
  const auto config = load("", {});
  REQUIRE(config);
  CHECK(config->listen == std::vector<std::string>{"127.0.0.1:3128"});
  CHECK(config->admin.listen == "127.0.0.1:3129");
  CHECK(config->workers == 0);
  CHECK(config->cache.memory == 256ULL << 20);
  CHECK(config->cache.max_object == 1ULL << 30);
  CHECK(config->cache.targeted_fields == std::vector<std::string>{"Larder-Cache-Control"});
  CHECK(config->cache.disk.size == 10ULL << 30);
  CHECK(config->access.connect_ports == std::vector<std::uint16_t>{80, 443});
  CHECK(config->log.access == "stdout");
  const std::vector<Network> clients{*parse_network("127.0.0.0/8"),    *parse_network("::1"),
                                     *parse_network("10.0.0.0/8"),     *parse_network("172.16.0.0/12"),
                                     *parse_network("192.168.0.0/16"), *parse_network("fc00::/7"),
                                     *parse_network("fe80::/10")};
  CHECK(config->access.clients == clients);
}

TEST_CASE("the schema's defaults are those of the struct") {
  const Config loaded = *load("", {"cache.disk.path="});
  const Config plain;
  CHECK(loaded.listen == plain.listen);
  CHECK(loaded.workers == plain.workers);
  CHECK(loaded.admin.listen == plain.admin.listen);
  CHECK(loaded.admin.names == plain.admin.names);
  CHECK(loaded.cache.memory == plain.cache.memory);
  CHECK(loaded.cache.max_object == plain.cache.max_object);
  CHECK(loaded.cache.heuristic_percent == plain.cache.heuristic_percent);
  CHECK(loaded.cache.heuristic_max == plain.cache.heuristic_max);
  CHECK(loaded.cache.targeted_fields == plain.cache.targeted_fields);
  CHECK(loaded.cache.stale_while_revalidate == plain.cache.stale_while_revalidate);
  CHECK(loaded.cache.stale_if_error == plain.cache.stale_if_error);
  CHECK(loaded.cache.presets == plain.cache.presets);
  CHECK(loaded.cache.rules == plain.cache.rules);
  CHECK(loaded.cache.negative.not_found == plain.cache.negative.not_found);
  CHECK(loaded.cache.negative.server_error == plain.cache.negative.server_error);
  CHECK(loaded.cache.disk.path == plain.cache.disk.path);
  CHECK(loaded.cache.disk.size == plain.cache.disk.size);
  CHECK(loaded.access.connect_ports == plain.access.connect_ports);
  CHECK(loaded.log.access == plain.log.access);
  CHECK(loaded.dns.servers == plain.dns.servers);
  CHECK(loaded.dns.hosts == plain.dns.hosts);
  CHECK(loaded.dns.timeout == plain.dns.timeout);
  CHECK(loaded.dns.min_ttl == plain.dns.min_ttl);
  CHECK(loaded.dns.max_ttl == plain.dns.max_ttl);
  CHECK(loaded.dns.negative_ttl == plain.dns.negative_ttl);
  CHECK(loaded.timeouts.connect == plain.timeouts.connect);
  CHECK(loaded.timeouts.first_byte == plain.timeouts.first_byte);
  CHECK(loaded.timeouts.body_idle == plain.timeouts.body_idle);
  CHECK(loaded.timeouts.header == plain.timeouts.header);
  CHECK(loaded.timeouts.client_idle == plain.timeouts.client_idle);
  CHECK(loaded.timeouts.origin_idle == plain.timeouts.origin_idle);
  CHECK(loaded.timeouts.tunnel_idle == plain.timeouts.tunnel_idle);
  CHECK(loaded.timeouts.drain == plain.timeouts.drain);
  CHECK(loaded.limits.header_bytes == plain.limits.header_bytes);
  CHECK(loaded.limits.target_bytes == plain.limits.target_bytes);
  CHECK(loaded.limits.header_fields == plain.limits.header_fields);
  CHECK(loaded.limits.client_connections == plain.limits.client_connections);
  CHECK(loaded.limits.origin_idle_connections == plain.limits.origin_idle_connections);
  CHECK(loaded.limits.origin_idle_per_host == plain.limits.origin_idle_per_host);
  CHECK(loaded.limits.stream_window == plain.limits.stream_window);
}

TEST_CASE("the disk tier lies in the cache folder of the user") {
  const Environment home("HOME", "/home/u");
  {
    const Environment xdg("XDG_CACHE_HOME", "/var/cache/u");
    CHECK(good("{}").cache.disk.path == "/var/cache/u/larder");
    CHECK(good(R"({"cache": {"disk": {"path": ""}}})").cache.disk.path.empty());
    CHECK(good(R"({"cache": {"disk": {"path": "/d"}}})").cache.disk.path == "/d");
  }
  {
    const Environment xdg("XDG_CACHE_HOME", "relative");  // to be ignored
    CHECK(good("{}").cache.disk.path == "/home/u/.cache/larder");
  }
  const Environment xdg("XDG_CACHE_HOME", nullptr);
  CHECK(good("{}").cache.disk.path == "/home/u/.cache/larder");
  const Environment nobody("HOME", nullptr);
  CHECK(good("{}").cache.disk.path.empty());
}

TEST_CASE("a file sets what it names and leaves the rest") {
  const auto config = good(R"({
    "listen": ["0.0.0.0:8080", "[::]:8080"],
    "workers": 4,
    "admin": {"listen": "", "names": ["Larder.Example.", ".intra", "*"]},
    "cache": {"memory": 1048576, "disk": {"path": "/d", "size": "1TiB"}, "targeted_fields": [],
              "stale_while_revalidate": "30s", "stale_if_error": 0, "negative": {"not_found": "1m", "server_error": 5}},
    "access": {"clients": ["192.0.2.0/24"], "connect_ports": [443, 8443]},
    "timeouts": {"connect": 3, "header": "250ms"},
    "dns": {"servers": ["192.0.2.53", "[2001:db8::53]:5353", "2001:db8::54"]}
  })");
  CHECK(config.listen == std::vector<std::string>{"0.0.0.0:8080", "[::]:8080"});
  CHECK(config.workers == 4);
  CHECK(config.admin.listen.empty());
  CHECK(config.admin.names == std::vector<std::string>{"larder.example", ".intra", "*"});
  CHECK(config.cache.memory == 1048576);
  CHECK(config.cache.disk.path == "/d");
  CHECK(config.cache.disk.size == 1ULL << 40);
  CHECK(config.cache.targeted_fields.empty());
  CHECK(config.cache.stale_while_revalidate == 30s);
  CHECK(config.cache.stale_if_error == 0s);
  CHECK(config.cache.negative.not_found == 60s);
  CHECK(config.cache.negative.server_error == 5s);
  CHECK(config.cache.max_object == 1ULL << 30);
  CHECK(config.access.clients == std::vector<Network>{*parse_network("192.0.2.0/24")});
  CHECK(config.access.connect_ports == std::vector<std::uint16_t>{443, 8443});
  CHECK(config.timeouts.connect == 3s);
  CHECK(config.timeouts.header == 250ms);
  CHECK(config.timeouts.drain == 5s);
  CHECK(config.dns.servers.size() == 3);
}

TEST_CASE("what is wrong is named by its place and by what was expected") {
  struct Row {
    const char* text;
    const char* where;
    const char* expected;  // a part of it
  };
  const Row rows[] = {
      {R"({"cache": {"memory": "lots"}})", "f: /cache/memory",
       R"(a size such as "256MiB" or a number of bytes from 0 to 1EiB, not "lots")"},
      {R"({"cache": {"memory": -1}})", "f: /cache/memory", "not -1"},
      {R"({"cache": {"memory": 1.5}})", "f: /cache/memory", "not 1.5"},
      {R"({"cache": {"memory": "2EiB"}})", "f: /cache/memory", "not \"2EiB\""},
      {R"({"cache": {"memory": null}})", "f: /cache/memory", "not null"},
      {R"({"cache": {"memory": true}})", "f: /cache/memory", "not true"},
      {R"({"cache": {"memory": [1]}})", "f: /cache/memory", "not a list"},
      {R"({"cache": {"memory": {"a": 1}}})", "f: /cache/memory", "not an object"},
      {R"({"cache": 5})", "f: /cache", R"(an object with the keys "memory", "max_object")"},
      {R"({"cache": []})", "f: /cache", "not a list"},
      {R"({"cache": {"disk": "/d"}})", "f: /cache/disk", R"(an object with the keys "path", "size", not "/d")"},
      {R"({"cache": {"heuristic_percent": 101}})", "f: /cache/heuristic_percent",
       "a whole number from 0 to 100, not 101"},
      {R"({"cache": {"heuristic_percent": "10"}})", "f: /cache/heuristic_percent", "a whole number"},
      {R"({"cache": {"targeted_fields": ["a b"]}})", "f: /cache/targeted_fields/0", "a field name"},
      {R"({"cache": {"stale_if_error": "367d"}})", "f: /cache/stale_if_error", "from 0ms to 366d"},
      {R"({"cache": {"negative": "1m"}})", "f: /cache/negative", R"(the keys "not_found", "server_error", not "1m")"},
      {R"({"workers": 99999})", "f: /workers", "from 0 to 1024"},
      {R"({"workers": 18446744073709551616})", "f: /workers", "a whole number"},
      {R"({"timeouts": {"connect": "10 parsecs"}})", "f: /timeouts/connect", R"(a duration such as "10s")"},
      {R"({"timeouts": {"connect": 0}})", "f: /timeouts/connect", "from 1ms"},
      {R"({"timeouts": {"connect": 18446744073709551615}})", "f: /timeouts/connect", "a duration"},
      {R"({"listen": "127.0.0.1:3128"})", "f: /listen", "a list of which each member is an address"},
      {R"({"listen": []})", "f: /listen", "with at least one"},
      {R"({"listen": ["127.0.0.1:3128", "localhost:80"]})", "f: /listen/1", R"(not "localhost:80")"},
      {R"({"listen": [{"a": [[]]}]})", "f: /listen/0", "not an object"},
      {R"({"admin": {"listen": "3129"}})", "f: /admin/listen", "an address such as"},
      {R"({"admin": {"names": ["a:80"]}})", "f: /admin/names/0", "a host such as"},
      {R"({"access": {"clients": ["10.0.0.0/33"]}})", "f: /access/clients/0", "a network such as"},
      {R"({"access": {"clients": ["10.0.0.0/8", "10.0.0.1/8"]}})", "f: /access/clients/1",
       "without bits beyond its prefix"},
      {R"({"access": {"clients": [4]}})", "f: /access/clients/0", "not 4"},
      {R"({"access": {"connect_ports": [443, 0]}})", "f: /access/connect_ports/1", "a port from 1 to 65535, not 0"},
      {R"({"access": {"connect_ports": [65536]}})", "f: /access/connect_ports/0", "a port"},
      {R"({"access": {"connect_ports": ["443"]}})", "f: /access/connect_ports/0", "a port"},
      {R"({"dns": {"servers": ["192.0.2.53:0"]}})", "f: /dns/servers/0", "an address"},
      {R"({"log": {"access": 1}})", "f: /log/access", "a text, not 1"},
      {R"({"log": {"access": "a\u0000b"}})", "f: /log/access", R"(not "a\u0000b")"},
      {R"({"dns": {"min_ttl": "2h"}})", "f: /dns/min_ttl", "at most dns.max_ttl"},
      {R"([])", "f", "an object with the keys \"listen\""},
      {R"("x")", "f", "not \"x\""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto errors = errors_of(row.text);
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].where == row.where);
    CHECK_MESSAGE(has(errors[0].expected, row.expected), errors[0].expected);
  }
}

TEST_CASE("an unknown key is refused, and the nearest known one named") {
  struct Row {
    const char* text;
    const char* where;
    const char* expected;
  };
  const Row rows[] = {
      {R"({"cache": {"memroy": 1}})", "f: /cache/memroy", "did you mean /cache/memory?"},
      {R"({"cahce": {"memory": 1}})", "f: /cahce", "did you mean /cache?"},
      {R"({"memory": 1})", "f: /memory", "did you mean /cache/memory?"},
      {R"({"timeout": {"connect": 1}})", "f: /timeout", "did you mean /timeouts?"},
      {R"({"cache.memory": 1})", "f: /cache.memory", R"({"cache": {...}})"},
      {R"({"cache": {"disk.size": 1}})", "f: /cache/disk.size", "did you mean /cache/disk/size?"},
      {R"({"": 1})", "f: /", "a known key, one of"},
      {R"({"a/b~c": {"x": [1, {"y": 2}]}})", "f: /a~1b~0c", "a known key"},
      {R"({"access": {"something_else_entirely": 1}})", "f: /access/something_else_entirely",
       R"(one of "clients", "connect_ports")"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto errors = errors_of(row.text);
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].where == row.where);
    CHECK_MESSAGE(has(errors[0].expected, row.expected), errors[0].expected);
  }
}

TEST_CASE("a key given twice is refused, a section too") {
  auto errors = errors_of(R"({"workers": 1, "cache": {"memory": 1, "memory": 2}, "workers": 1, "cache": {}})");
  REQUIRE(errors.size() == 3);
  CHECK(errors[0].where == "f: /cache/memory");
  CHECK(errors[1].where == "f: /workers");
  CHECK(errors[2].where == "f: /cache");
  for (const auto& error : errors) CHECK(error.expected == "each key once; this one is repeated");
}

TEST_CASE("all errors are told, not only the first") {
  const auto errors =
      errors_of(R"({"workers": -1, "x": 1, "access": {"connect_ports": [0, 80, 0]}})", {"cache.memory=lots", "y=1"});
  REQUIRE(errors.size() == 6);
  CHECK(errors[0].where == "f: /workers");
  CHECK(errors[1].where == "f: /x");
  CHECK(errors[2].where == "f: /access/connect_ports/0");
  CHECK(errors[3].where == "f: /access/connect_ports/2");
  CHECK(errors[4].where == "--set cache.memory");
  CHECK(errors[5].where == "--set y");
}

TEST_CASE("a flood of errors is cut") {
  std::string text = "{";
  for (int i = 0; i < 1000; ++i) text += "\"x" + std::to_string(i) + "\": 1, ";
  CHECK(errors_of(text + "\"workers\": 1}").size() == 50);
}

TEST_CASE("a mistake in the JSON is named by line and column") {
  struct Row {
    const char* text;
    const char* where;
    const char* expected;
  };
  const Row rows[] = {
      {"", "f:1:1", "ends too early"},
      {"{\n  \"workers\": 1\n", "f:3:1", "ends too early"},
      {"{\"workers\": 1,}", "f:1:15", "unexpected '}'"},
      {"{\n  \"workers\" 1}", "f:2:13", "unexpected number literal"},
      {"{} x", "f:1:4", "JSON, but"},
      {"{\n  // why\n}", "f:2:3", "JSON without comments"},
      {"{ /* why */ }", "f:1:3", "JSON without comments"},
      {"# why\n{}", "f:1:1", "JSON without comments"},
      {"{\"workers\": 1e999}", "f:1:17", "numbers"},
      {"{\"log\": {\"access\": \"\xff\"}}", "f:1:21", "UTF-8"},
      {"{\"log\": {\"access\": \"a\nb\"}}", "f:1:22", "control character"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto errors = errors_of(row.text);
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].where == row.where);
    CHECK_MESSAGE(has(errors[0].expected, row.expected), errors[0].expected);
  }
}

TEST_CASE("no depth of nesting overflows anything") {
  constexpr std::size_t kDeep = 500'000;
  for (const std::string open : {"[", "{\"a\":"}) {
    for (const std::string before : {"", "{\"x\":", "{\"listen\":", "{\"listen\":[", "{\"cache\":"}) {
      CAPTURE(open);
      CAPTURE(before);
      std::string text = before;
      for (std::size_t i = 0; i < kDeep; ++i) text += open;
      CHECK_FALSE(errors_of(text).empty());
    }
  }
  std::string closed = "{\"x\":" + std::string(kDeep, '[') + std::string(kDeep, ']') + ", \"workers\": 1}";
  CHECK(errors_of(closed).size() == 1);
}

TEST_CASE("--set wins over the file, and the last one over earlier ones") {
  const auto config =
      good(R"({"workers": 1, "cache": {"memory": "1MiB"}})", {"workers=2", "cache.memory=2MiB", "workers=3"});
  CHECK(config.workers == 3);
  CHECK(config.cache.memory == 2ULL << 20);
}

TEST_CASE("--set takes JSON where the key's type has it, and plain text elsewhere") {
  CHECK(good("{}", {"cache.memory=1048576"}).cache.memory == 1048576);
  CHECK(good("{}", {"cache.memory=\"1MiB\""}).cache.memory == 1048576);
  CHECK(good("{}", {"cache.memory=1MiB"}).cache.memory == 1048576);
  CHECK(good("{}", {"timeouts.connect=250ms"}).timeouts.connect == 250ms);
  CHECK(good("{}", {"timeouts.connect=2"}).timeouts.connect == 2s);
  CHECK(good("{}", {"log.access=123"}).log.access == "123");
  CHECK(good("{}", {"log.access=null"}).log.access == "null");
  CHECK(good("{}", {"log.access=\"a b\""}).log.access == "a b");
  CHECK(good("{}", {"log.access=a=b"}).log.access == "a=b");
  CHECK(good("{}", {"log.access="}).log.access.empty());
  CHECK(good("{}", {"admin.listen="}).admin.listen.empty());
}

TEST_CASE("--set takes lists as JSON or separated by commas") {
  const std::vector<std::string> both{"127.0.0.1:1", "[::1]:2"};
  CHECK(good("{}", {R"(listen=["127.0.0.1:1", "[::1]:2"])"}).listen == both);
  CHECK(good("{}", {"listen=127.0.0.1:1,[::1]:2"}).listen == both);
  CHECK(good("{}", {"listen=127.0.0.1:1 , [::1]:2"}).listen == both);
  CHECK(good("{}", {"listen=127.0.0.1:1"}).listen.size() == 1);
  CHECK(good("{}", {"access.connect_ports=443,8443"}).access.connect_ports == std::vector<std::uint16_t>{443, 8443});
  CHECK(good("{}", {"access.connect_ports=[443]"}).access.connect_ports == std::vector<std::uint16_t>{443});
  CHECK(good("{}", {"access.connect_ports="}).access.connect_ports.empty());
  CHECK(good("{}", {"access.clients=10.0.0.0/8"}).access.clients.size() == 1);
}

TEST_CASE("what is wrong with --set") {
  struct Row {
    const char* set;
    const char* where;
    const char* expected;
  };
  const Row rows[] = {
      {"workers", "--set workers", "KEY=VALUE"},
      {"", "--set ", "KEY=VALUE"},
      {"=1", "--set ", "a known key"},
      {"cache.memroy=1", "--set cache.memroy", "did you mean cache.memory?"},
      {"cache=1", "--set cache", R"(a key of that section: "memory")"},
      {"cache.memory.x=1", "--set cache.memory.x", "did you mean cache.memory?"},
      {"cache.memory=lots", "--set cache.memory", "not \"lots\""},
      {"cache.memory=[1]", "--set cache.memory", "not \"[1]\""},
      {"workers=", "--set workers", "not \"\""},
      {"workers=-1", "--set workers", "not -1"},
      {"listen=", "--set listen", "at least one, not 0 members"},
      {"listen=127.0.0.1:1,,127.0.0.1:2", "--set listen/1", "not \"\""},
      {"listen=127.0.0.1:1,x", "--set listen/1", "not \"x\""},
      {"access.connect_ports=443,0", "--set access.connect_ports/1", "not 0"},
      {"access.connect_ports=443,https", "--set access.connect_ports/1", "not \"https\""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.set);
    const auto errors = errors_of("{}", {row.set});
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].where == row.where);
    CHECK_MESSAGE(has(errors[0].expected, row.expected), errors[0].expected);
  }
}

TEST_CASE("text of the operator's never breaks a message's line, and long text is cut") {
  const auto errors = errors_of(R"({"workers": "a\n\u001b\"", "x\ny": 1, "log": {"access": ["z"]}})",
                                {"cache.memory=" + std::string(10'000, 'z')});
  REQUIRE(errors.size() == 4);
  for (const auto& error : errors) {
    CHECK((error.where + error.expected).find_first_of("\n\x1b") == std::string::npos);
    CHECK(error.expected.size() < 300);
  }
}

TEST_CASE("a file is read from its path, which stands in the errors") {
  const TemporaryFile file(R"({"workers": 7})");
  CHECK(load(file.path(), {})->workers == 7);
  CHECK(load(file.path(), {"workers=8"})->workers == 8);
  const TemporaryFile bad(R"({"workers": "x"})");
  const auto result = load(bad.path(), {});
  REQUIRE_FALSE(result);
  CHECK(result.error()[0].where == bad.path() + ": /workers");
}

TEST_CASE("a file that cannot be read is an error, whatever the reason") {
  for (const std::string path : {"/nonexistent/larder.json", "/", "/dev/zero"}) {
    CAPTURE(path);
    const auto result = load(path, {});
    REQUIRE_FALSE(result);
    REQUIRE(result.error().size() == 1);
    CHECK(result.error()[0].where == path);
    CHECK(has(result.error()[0].expected, "a file") != has(result.error()[0].expected, "a readable file"));
  }
}

}  // namespace
}  // namespace larder::conf
