// The access log: one JSON object per line, gathered by each worker and written by one thread of the log's own.
//
// A worker never waits for the log: its Buffer hands whole blocks of lines over under a short lock, and when the writer
// is so slow that the queue is full (16 MiB in all), lines are dropped and counted. Write errors stop nothing either.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <tl/expected.hpp>
#include <vector>

#include "metrics/metrics.h"

namespace larder::metrics {

// One request. The views need to live during the call only.
struct AccessRecord {
  std::chrono::sys_time<std::chrono::milliseconds> ts{};  // when the request began
  std::string_view client;                                // "192.0.2.1:50000"
  std::string_view method;
  std::string_view url;
  unsigned status = 0;      // 0: the client went away before there was one
  std::uint64_t bytes = 0;  // of the response's body, as sent
  std::string_view result;  // policy::to_string(Result)
  std::chrono::nanoseconds duration{};
  std::string_view origin;      // address:port that was dialled, or ""
  std::string_view reason;      // policy::to_string(Reason); left out when ""
  std::string_view user_agent;  // left out when ""
  std::string_view aborted;     // the step that the client's end cut short; left out when ""
};

// Appends the line, its end included. Always valid JSON in valid UTF-8 without control characters: bytes that are no
// UTF-8 appear as the characters of the same number (\u00XX). Allocates only what `out` lacks. Any thread.
void append_json(std::string& out, const AccessRecord& record);
// Its parts, for others who write JSON: a text in its quotes, and a time as it has it, in quotes too.
void append_json_text(std::string& out, std::string_view text);
void append_json_time(std::string& out, std::chrono::sys_time<std::chrono::milliseconds> ts);

class AccessLog {
 public:
  struct Options {
    std::size_t queue_bytes = 16U << 20;         // of memory, for lines handed over and not yet written
    std::chrono::milliseconds last_wait{2'000};  // at the end: how long to wait for a slow reader
  };

  // `destination`: "stdout", a path (appended to, made with mode 0640) or "" for none. The error names the path and the
  // system's reason.
  static tl::expected<std::unique_ptr<AccessLog>, std::string> open(std::string_view destination,
                                                                    const Options& options);
  static tl::expected<std::unique_ptr<AccessLog>, std::string> open(std::string_view destination);
  // Writes to a descriptor that stays its owner's. reopen() means nothing to it.
  static std::unique_ptr<AccessLog> attach(int fd, const Options& options);

  // All Buffers must be gone. Writes everything that was queued; lines that a stuck reader does not take are counted as
  // lost.
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  // After rotation: the writer opens the path again before it writes on (what was queued earlier may go to either
  // file); on failure it stays with the old one. Any thread; not a signal handler.
  void reopen();

  [[nodiscard]] bool enabled() const { return writer_.joinable(); }
  // Lines that were handed over but could not be written, and failed writes. Any thread.
  [[nodiscard]] std::uint64_t lost_lines() const { return lost_lines_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t write_errors() const { return write_errors_.load(std::memory_order_relaxed); }

  class Buffer;

 private:
  struct Block {
    std::string text;
    std::uint64_t lines = 0;
  };
  AccessLog(int fd, bool owned, std::string path, const Options& options);

  bool hand_over(
      Block& block);  // false when there is no room; else `block` is empty, perhaps with memory for the next lines
  void run();
  void write_block(const Block& block);
  std::size_t write_some(std::string_view text, int& error);
  bool wait_writable(int& error);
  void open_again();
  void complain(int error);

  const Options options_;
  const std::string path_;  // "" when there is nothing to open again

  std::mutex mutex_;  // guards what follows; never held across a system call
  std::condition_variable more_;
  std::deque<Block> queue_;
  std::size_t queued_bytes_ = 0;  // capacity of the blocks in queue_ and of those being written
  std::vector<std::string> spare_;
  bool reopen_ = false;
  bool stopping_ = false;

  // The writer's own.
  int fd_ = -1;
  bool owned_ = false;
  enum class Sink : std::uint8_t { File, Socket, Other };
  static Sink sink_of(int fd);
  Sink sink_ = Sink::Other;
  bool mid_line_ = false;  // an error came when part of a line was out
  std::chrono::steady_clock::time_point next_complaint_{};

  std::atomic<std::chrono::steady_clock::time_point>
      end_by_;  // what the writer may not outlive while it waits for a reader
  std::atomic<std::uint64_t> lost_lines_{0}, write_errors_{0};
  std::thread writer_;  // last: it uses all the others
};

// One worker's lines. That worker's thread only. The log and the counter must outlive it.
class AccessLog::Buffer {
 public:
  Buffer(AccessLog& log, Counter& dropped);
  ~Buffer() { flush(); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  void write(const AccessRecord& record);  // hands over by itself when 64 KiB are full
  void flush();                            // to be called every 100 ms; cheap when there is nothing

 private:
  AccessLog& log_;
  Counter& dropped_;
  Block block_;
};

}  // namespace larder::metrics
