#include "metrics/access_log.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <new>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

// ThreadSanitizer brings an operator new of its own that cannot be replaced.
#if defined(__SANITIZE_THREAD__)
#define LARDER_COUNTS_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LARDER_COUNTS_ALLOCATIONS 0
#endif
#endif
#ifndef LARDER_COUNTS_ALLOCATIONS
#define LARDER_COUNTS_ALLOCATIONS 1
#endif

#if LARDER_COUNTS_ALLOCATIONS
namespace {
thread_local std::size_t allocations = 0;
}

// Every allocation of this program is counted, so that a test can tell that there was none.
void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
#endif

namespace larder::metrics {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// 2024-02-29T12:34:56.789Z
constexpr std::chrono::sys_time<std::chrono::milliseconds> kTime{1'709'210'096'789ms};

AccessRecord record() {
  AccessRecord r;
  r.ts = kTime;
  r.client = "192.0.2.1:50000";
  r.method = "GET";
  r.url = "http://h/";
  r.status = 200;
  r.bytes = 1234;
  r.result = "hit";
  r.duration = 1'234'567ns;
  return r;
}

std::string line_of(const AccessRecord& r) {
  std::string out;
  append_json(out, r);
  return out;
}

// How a text appears in a line, without its quotes.
std::string shown(std::string_view text) {
  auto r = record();
  r.url = text;
  const auto line = line_of(r);
  const auto from = line.find("\"url\":\"") + 7;
  return line.substr(from, line.find("\",\"status\"") - from);
}

std::size_t lines_in(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

std::string read_file(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

struct Folder {
  Folder() {
    char name[] = "/tmp/larder-log-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

struct Pipe {
  Pipe() { REQUIRE(::pipe2(ends, O_CLOEXEC) == 0); }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  void close_end(std::size_t i) {
    if (ends[i] >= 0) ::close(ends[i]);
    ends[i] = -1;
  }
  std::string read_all() {  // to the end: all writers must be closed
    std::string out;
    char piece[4096];
    for (ssize_t n = 0; (n = ::read(ends[0], piece, sizeof piece)) > 0;) out.append(piece, static_cast<std::size_t>(n));
    return out;
  }
  int ends[2] = {-1, -1};
};

std::unique_ptr<AccessLog> open_log(const std::string& destination) {
  auto log = AccessLog::open(destination);
  if (!log) FAIL(log.error());
  return std::move(*log);
}

TEST_CASE("one line, all members in their order") {
  auto r = record();
  CHECK(line_of(r) ==
        "{\"ts\":\"2024-02-29T12:34:56.789Z\",\"client\":\"192.0.2.1:50000\",\"method\":\"GET\",\"url\":\"http://h/"
        "\",\"status\":200,\"bytes\":1234,"
        "\"result\":\"hit\",\"duration_ms\":1.234,\"origin\":\"\"}\n");
  r.origin = "[2001:db8::1]:80";
  r.reason = "fresh";
  r.user_agent = "curl/8";
  CHECK(line_of(r).ends_with(",\"origin\":\"[2001:db8::1]:80\",\"reason\":\"fresh\",\"user_agent\":\"curl/8\"}\n"));
  r.aborted = "deliver";
  CHECK(line_of(r).ends_with(",\"user_agent\":\"curl/8\",\"aborted\":\"deliver\"}\n"));
}

TEST_CASE("numbers at their edges") {
  auto r = record();
  r.status = 0;
  r.bytes = 18'446'744'073'709'551'615ULL;
  r.duration = -1ns;
  CHECK(line_of(r).find("\"status\":0,\"bytes\":18446744073709551615,\"result\":\"hit\",\"duration_ms\":0.000,") !=
        std::string::npos);
  r.duration = 1h + 1us;
  CHECK(line_of(r).find("\"duration_ms\":3600000.001,") != std::string::npos);
}

TEST_CASE("times, in any order") {
  struct Row {
    std::int64_t millis;
    const char* text;
  };
  const Row rows[] = {
      {0, "1970-01-01T00:00:00.000Z"},
      {999, "1970-01-01T00:00:00.999Z"},
      {-1, "1969-12-31T23:59:59.999Z"},
      {951'782'399'999, "2000-02-28T23:59:59.999Z"},
      {951'782'400'000, "2000-02-29T00:00:00.000Z"},
      {1'709'210'096'001, "2024-02-29T12:34:56.001Z"},
      {1'709'210'096'000, "2024-02-29T12:34:56.000Z"},
      {253'402'300'799'999, "9999-12-31T23:59:59.999Z"},
      {253'402'300'800'000, "9999-12-31T23:59:59.999Z"},
      {INT64_MAX, "9999-12-31T23:59:59.999Z"},
      {INT64_MIN, "0000-01-01T00:00:00.000Z"},
  };
  for (const auto& row : rows) {
    auto r = record();
    r.ts = std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(row.millis));
    CHECK(line_of(r).substr(7, 24) == row.text);
  }
}

TEST_CASE("what JSON needs is escaped, and what a terminal would obey") {
  struct Row {
    std::string_view text;
    const char* shown;
  };
  using namespace std::string_view_literals;
  const Row rows[] = {
      {"plain ASCII ~!", "plain ASCII ~!"},
      {"\"\\", "\\\"\\\\"},
      {"\n\r\t", "\\n\\r\\t"},
      {"\x00\x01\x1b\x1f\x7f"sv, "\\u0000\\u0001\\u001b\\u001f\\u007f"},
      {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
      {"\xe2\x82\xac", "\xe2\x82\xac"},
      {"\xf0\x9f\x8d\x8e", "\xf0\x9f\x8d\x8e"},
      {"\xc2\x9b", "\\u009b"},
      {"\xc2\xa0", "\xc2\xa0"},
      {"\x80", "\\u0080"},             // a tail alone
      {"\xff\xfe", "\\u00ff\\u00fe"},  // no UTF-8 has these
      {"\xc3", "\\u00c3"},             // cut
      {"\xe2\x82", "\\u00e2\\u0082"},
      {"\xf0\x9f\x8d", "\\u00f0\\u009f\\u008d"},
      {"\xc3(", "\\u00c3("},
      {"\xc0\xaf", "\\u00c0\\u00af"},  // overlong
      {"\xe0\x80\xaf", "\\u00e0\\u0080\\u00af"},
      {"\xf0\x80\x80\xaf", "\\u00f0\\u0080\\u0080\\u00af"},
      {"\xed\xa0\x80", "\\u00ed\\u00a0\\u0080"},  // a surrogate
      {"\xf4\x90\x80\x80", "\\u00f4\\u0090\\u0080\\u0080"},
      {"\xf5\x80\x80\x80", "\\u00f5\\u0080\\u0080\\u0080"},
      {"\xef\xbf\xbf", "\xef\xbf\xbf"},
      {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.shown);
    CHECK(shown(row.text) == row.shown);
  }
}

TEST_CASE("no byte can break a line or make it longer than six times itself") {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  auto r = record();
  r.client = r.method = r.url = r.result = r.origin = r.reason = r.user_agent = all;
  const auto line = line_of(r);
  CHECK(lines_in(line) == 1);
  CHECK(line.size() < 7 * 6 * all.size());
  for (const char c : line.substr(0, line.size() - 1))
    CHECK((static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7f));
}

#if LARDER_COUNTS_ALLOCATIONS
TEST_CASE("a line allocates nothing where there is room") {
  auto r = record();
  const std::string long_url(2'000, '\xff');
  std::string out;
  out.reserve(20'000);
  const auto before = allocations;
  append_json(out, r);
  r.url = long_url;
  r.ts += 1s;
  append_json(out, r);
  CHECK(allocations == before);
  CHECK(lines_in(out) == 2);
  const std::string copy(out);
  CHECK(allocations > before);  // the count does count
}
#endif

TEST_CASE("lines reach a file that is made for the owner and the group") {
  const Folder folder;
  const auto path = folder.path + "/access.log";
  const auto mask = ::umask(0);
  Counter dropped;
  {
    auto log = open_log(path);
    CHECK(log->enabled());
    AccessLog::Buffer buffer(*log, dropped);
    buffer.write(record());
    buffer.write(record());
  }
  ::umask(mask);
  CHECK(read_file(path) == line_of(record()) + line_of(record()));
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0640);
  {
    auto log = open_log(path);
    AccessLog::Buffer buffer(*log, dropped);
    buffer.write(record());
  }
  CHECK(lines_in(read_file(path)) == 3);  // appended
  CHECK(dropped.get() == 0);
}

TEST_CASE("no destination, no thread, no work") {
  auto log = open_log("");
  CHECK_FALSE(log->enabled());
  Counter dropped;
  AccessLog::Buffer buffer(*log, dropped);
  buffer.write(record());
  buffer.flush();
  log->reopen();
  CHECK(dropped.get() == 0);
}

TEST_CASE("a path that cannot be opened is named with the reason") {
  const auto log = AccessLog::open("/nonexistent/access.log");
  REQUIRE_FALSE(log);
  CHECK(log.error() == "cannot open the access log /nonexistent/access.log: No such file or directory");
}

TEST_CASE("many lines from many workers all arrive, each whole") {
  const Folder folder;
  const auto path = folder.path + "/access.log";
  constexpr std::size_t kWorkers = 3;
  constexpr std::size_t kLines = 20'000;
  Counter dropped[kWorkers];
  {
    auto log = open_log(path);
    std::vector<std::thread> workers;
    for (auto& counter : dropped) {
      workers.emplace_back([&log, &counter] {
        AccessLog::Buffer buffer(*log, counter);
        for (std::size_t i = 0; i < kLines; ++i) {
          buffer.write(record());
          if (i % 7 == 0) buffer.flush();
        }
      });
    }
    for (auto& worker : workers) worker.join();
  }
  std::istringstream lines(read_file(path));
  std::size_t count = 0;
  const auto expected = line_of(record());
  for (std::string line; std::getline(lines, line); ++count) {
    if (line + "\n" != expected) FAIL_CHECK(line);
  }
  CHECK(count + dropped[0].get() + dropped[1].get() + dropped[2].get() == kWorkers * kLines);
  CHECK(count > 0);
}

TEST_CASE("nobody reads: the worker is not held up, memory is bounded, what is dropped is counted") {
  Pipe pipe;
  const auto started = Clock::now();
  Counter dropped;
  constexpr std::size_t kLines = 200'000;  // some 40 MB, and the queue holds 1 MiB
  std::uint64_t lost = 0;
  {
    auto log = AccessLog::attach(pipe.ends[1], {.queue_bytes = 1 << 20, .last_wait = 50ms});
    {
      AccessLog::Buffer buffer(*log, dropped);
      for (std::size_t i = 0; i < kLines; ++i) buffer.write(record());
    }
    CHECK(Clock::now() - started < 20s);
    CHECK(dropped.get() > kLines / 2);
    CHECK(dropped.get() < kLines);
    CHECK(log->lost_lines() == 0);  // the writer still waits
    std::thread ender([&] { log.reset(); });
    ender.join();  // ends although nobody reads
  }
  CHECK(Clock::now() - started < 40s);
  pipe.close_end(1);
  lost = lines_in(pipe.read_all());
  CHECK(lost > 0);
  CHECK(lost < kLines - dropped.get());
}

TEST_CASE("few lines at a time do not each take a block of memory") {
  Pipe pipe;
  Counter dropped;
  // A queue of four blocks, and far more flushes than that while the writer stands still.
  auto log = AccessLog::attach(pipe.ends[1], {.queue_bytes = 4 * 72 * 1024, .last_wait = 10ms});
  {
    AccessLog::Buffer buffer(*log, dropped);
    for (int i = 0; i < 500; ++i) {
      buffer.write(record());
      buffer.flush();
    }
  }
  CHECK(dropped.get() == 0);
}

TEST_CASE("a slow reader gets everything at the end") {
  Pipe pipe;
  Counter dropped;
  std::string got;
  std::thread reader;
  {
    auto log = AccessLog::attach(pipe.ends[1], {.queue_bytes = 16 << 20, .last_wait = 20s});
    {
      AccessLog::Buffer buffer(*log, dropped);
      for (int i = 0; i < 10'000; ++i) buffer.write(record());
    }
    reader = std::thread([&] { got = pipe.read_all(); });
  }
  pipe.close_end(1);
  reader.join();
  CHECK(lines_in(got) == 10'000);
  CHECK(dropped.get() == 0);
}

TEST_CASE("a socket will do for standard output too") {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  Counter dropped;
  {
    auto log = AccessLog::attach(ends[1], {});
    AccessLog::Buffer buffer(*log, dropped);
    buffer.write(record());
  }
  std::string got(1000, '\0');
  got.resize(static_cast<std::size_t>(::read(ends[0], got.data(), got.size())));
  CHECK(got == line_of(record()));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("a reader that went away costs lines, never the process") {
  Pipe pipe;
  pipe.close_end(0);
  Counter dropped;
  auto log = AccessLog::attach(pipe.ends[1], {});
  AccessLog::Buffer buffer(*log, dropped);
  for (int i = 0; i < 5; ++i) {
    buffer.write(record());
    buffer.flush();
  }
  while (log->lost_lines() < 5) std::this_thread::yield();
  CHECK(log->write_errors() >= 1);
}

TEST_CASE("texts and times for other JSON are those of the lines") {
  std::string out;
  append_json_text(out, "a\"\n\xff");
  append_json_time(out, std::chrono::sys_seconds(std::chrono::seconds(1'900'000'000)));
  CHECK(out == R"("a\"\n\u00ff""2030-03-17T17:46:40.000Z")");
}

TEST_CASE("after reopen, lines go to the new file, and none is lost") {
  const Folder folder;
  const auto path = folder.path + "/access.log";
  Counter dropped;
  {
    auto log = open_log(path);
    AccessLog::Buffer buffer(*log, dropped);
    buffer.write(record());
    buffer.flush();
    std::filesystem::rename(path, path + ".1");
    log->reopen();
    while (!std::filesystem::exists(path)) std::this_thread::yield();
    buffer.write(record());
    buffer.write(record());
  }
  CHECK(lines_in(read_file(path + ".1")) + lines_in(read_file(path)) == 3);
  CHECK(lines_in(read_file(path)) >= 2);
}

TEST_CASE("a reopen that fails keeps the old file") {
  const Folder folder;
  const auto path = folder.path + "/in/access.log";
  std::filesystem::create_directory(folder.path + "/in");
  Counter dropped;
  {
    auto log = open_log(path);
    AccessLog::Buffer buffer(*log, dropped);
    std::filesystem::rename(folder.path + "/in", folder.path + "/moved");
    log->reopen();
    while (log->write_errors() == 0) std::this_thread::yield();
    buffer.write(record());
  }
  CHECK(read_file(folder.path + "/moved/access.log") == line_of(record()));
}

TEST_CASE("a full disk costs lines and is counted") {
  if (::access("/dev/full", W_OK) != 0) return;
  Counter dropped;
  auto log = open_log("/dev/full");
  AccessLog::Buffer buffer(*log, dropped);
  buffer.write(record());
  buffer.flush();
  while (log->lost_lines() == 0) std::this_thread::yield();
  CHECK(log->lost_lines() == 1);
  CHECK(log->write_errors() == 1);
}

}  // namespace
}  // namespace larder::metrics
