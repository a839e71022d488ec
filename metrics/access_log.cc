#include "metrics/access_log.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

namespace larder::metrics {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kFull = 64UL * 1024;
constexpr std::size_t kReserve = kFull + 8UL * 1024;  // a full block plus the line that filled it, most of the time
constexpr std::size_t kMostSpare = 16;
constexpr auto kComplaintEvery = std::chrono::minutes(1);
constexpr int kPollMillis = 50;

int open_path(const std::string& path) {
  // O_NONBLOCK: a FIFO without a reader is an error now, not a start that hangs. Files do not mind it.
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
}

// A thread that takes no signals: they belong to main, and SIGPIPE is told by EPIPE.
std::thread start_without_signals(auto function) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(function));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

AccessLog::Sink AccessLog::sink_of(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return Sink::Other;
  return S_ISREG(status.st_mode) ? Sink::File : S_ISSOCK(status.st_mode) ? Sink::Socket : Sink::Other;
}

tl::expected<std::unique_ptr<AccessLog>, std::string> AccessLog::open(std::string_view destination,
                                                                      const Options& options) {
  if (destination == "stdout") return attach(STDOUT_FILENO, options);
  if (destination.empty()) return std::unique_ptr<AccessLog>(new AccessLog(-1, false, "", options));
  std::string path(destination);
  const int fd = open_path(path);
  if (fd < 0) return tl::unexpected("cannot open the access log " + path + ": " + std::strerror(errno));
  return std::unique_ptr<AccessLog>(new AccessLog(fd, true, std::move(path), options));
}

tl::expected<std::unique_ptr<AccessLog>, std::string> AccessLog::open(std::string_view destination) {
  return open(destination, Options{});
}

std::unique_ptr<AccessLog> AccessLog::attach(int fd, const Options& options) {
  return std::unique_ptr<AccessLog>(new AccessLog(fd, false, "", options));
}

AccessLog::AccessLog(int fd, bool owned, std::string path, const Options& options)
    : options_(options),
      path_(std::move(path)),
      fd_(fd),
      owned_(owned),
      sink_(sink_of(fd)),
      end_by_(Clock::time_point::max()) {
  if (fd >= 0) writer_ = start_without_signals([this] { run(); });
}

AccessLog::~AccessLog() {
  if (!enabled()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  end_by_.store(Clock::now() + options_.last_wait, std::memory_order_relaxed);
  more_.notify_one();
  writer_.join();
  if (owned_) ::close(fd_);
}

void AccessLog::reopen() {
  if (path_.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    reopen_ = true;
  }
  more_.notify_one();
}

bool AccessLog::hand_over(Block& block) {
  {
    const std::lock_guard lock(mutex_);
    Block* last = queue_.empty() ? nullptr : &queue_.back();
    if (last != nullptr && last->text.capacity() - last->text.size() >= block.text.size()) {
      last->text += block.text;  // few lines at a time must not take a whole block each
      last->lines += block.lines;
      block.text.clear();
    } else {
      if (queued_bytes_ + block.text.capacity() > options_.queue_bytes) return false;
      queued_bytes_ += block.text.capacity();
      queue_.push_back(std::exchange(block, {}));
      if (!spare_.empty()) {
        block.text = std::move(spare_.back());
        spare_.pop_back();
      }
    }
    block.lines = 0;
  }
  more_.notify_one();
  return true;
}

void AccessLog::run() {
  for (std::unique_lock lock(mutex_);;) {
    more_.wait(lock, [this] { return stopping_ || reopen_ || !queue_.empty(); });
    if (std::exchange(reopen_, false)) {
      lock.unlock();
      open_again();
      lock.lock();
    }
    if (queue_.empty()) {
      if (stopping_) return;
      continue;
    }
    Block block = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    write_block(block);
    const std::size_t capacity = block.text.capacity();
    block.text.clear();
    std::optional<std::string> too_much;  // freed without the lock
    lock.lock();
    queued_bytes_ -= capacity;
    if (spare_.size() < kMostSpare && capacity <= 2 * kReserve) {
      spare_.push_back(std::move(block.text));
    } else {
      too_much = std::move(block.text);
      lock.unlock();
      too_much.reset();
      lock.lock();
    }
  }
}

// One write. `error` is set when nothing more will go out now.
std::size_t AccessLog::write_some(std::string_view text, int& error) {
  // A pipe that polls as writable takes PIPE_BUF bytes without blocking (POSIX), but not always more; and standard
  // output may not be made non-blocking, since others share it.
  if (sink_ != Sink::File) {
    if (!wait_writable(error)) return 0;
    text = text.substr(0, PIPE_BUF);
  }
  const auto n = sink_ == Sink::Socket ? ::send(fd_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                                       : ::write(fd_, text.data(), text.size());
  if (n > 0) return static_cast<std::size_t>(n);
  if (n < 0 && errno != EINTR && errno != EAGAIN) error = errno;
  return 0;
}

bool AccessLog::wait_writable(int& error) {
  for (;;) {
    const bool late = Clock::now() >= end_by_.load(std::memory_order_relaxed);
    pollfd wanted{fd_, POLLOUT, 0};
    const int ready = ::poll(&wanted, 1, late ? 0 : kPollMillis);
    if (ready > 0) return true;  // also on POLLERR: write() will name the error
    if (ready < 0 && errno != EINTR) error = errno;
    if (ready == 0 && late) error = ETIMEDOUT;
    if (error != 0) return false;
  }
}

void AccessLog::write_block(const Block& block) {
  int error = 0;
  while (mid_line_ && error == 0) mid_line_ = write_some("\n", error) == 0;  // the half line stays alone
  std::string_view rest = block.text;
  while (error == 0 && !rest.empty()) rest.remove_prefix(write_some(rest, error));
  if (error == 0) return;
  const auto done = std::string_view(block.text).substr(0, block.text.size() - rest.size());
  if (!done.empty()) mid_line_ = done.back() != '\n';
  lost_lines_.fetch_add(static_cast<std::uint64_t>(std::count(rest.begin(), rest.end(), '\n')),
                        std::memory_order_relaxed);
  write_errors_.fetch_add(1, std::memory_order_relaxed);
  complain(error);
}

void AccessLog::open_again() {
  const int fd = open_path(path_);
  if (fd < 0) {
    write_errors_.fetch_add(1, std::memory_order_relaxed);
    return complain(errno);
  }
  ::close(fd_);
  fd_ = fd;
  sink_ = sink_of(fd);
  mid_line_ = false;
}

void AccessLog::complain(int error) {
  const auto now = Clock::now();
  if (now < next_complaint_) return;
  next_complaint_ = now + kComplaintEvery;
  std::fprintf(stderr, "larder: cannot write the access log %s: %s\n",
               path_.empty() ? "to standard output" : path_.c_str(), std::strerror(error));
}

AccessLog::Buffer::Buffer(AccessLog& log, Counter& dropped) : log_(log), dropped_(dropped) {
  if (log_.enabled()) block_.text.reserve(kReserve);
}

void AccessLog::Buffer::write(const AccessRecord& record) {
  if (!log_.enabled()) return;
  append_json(block_.text, record);
  ++block_.lines;
  if (block_.text.size() >= kFull) flush();
}

void AccessLog::Buffer::flush() {
  if (block_.lines == 0) return;
  if (!log_.hand_over(block_)) {
    dropped_.add(block_.lines);
    block_.text.clear();
    block_.lines = 0;
  }
  // A block that a few giant lines blew up is not kept.
  if (block_.text.capacity() > 4 * kReserve) std::string().swap(block_.text);
  block_.text.reserve(kReserve);
}

}  // namespace larder::metrics
