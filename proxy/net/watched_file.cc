#include "proxy/net/watched_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "proxy/net/fd.h"

namespace larder::net {
namespace {

constexpr std::chrono::seconds kLookEvery{1};
constexpr std::size_t kLargest = 32U << 20;  // a block list with a million lines still fits

std::string read_all(const std::string& path) {
  std::string text;
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return text;
  std::array<char, 16384> buffer{};
  while (text.size() < kLargest) {
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return text;
}

}  // namespace

std::optional<std::string> WatchedFile::changed(Clock::time_point now) {
  if (now < next_look_) return std::nullopt;
  next_look_ = now + kLookEvery;
  struct stat info {};
  Stamp stamp;
  const bool is_there = !path_.empty() && ::stat(path_.c_str(), &info) == 0 && S_ISREG(info.st_mode);
  if (is_there) {
    stamp.device = info.st_dev;
    stamp.inode = info.st_ino;
    stamp.size = info.st_size;
    stamp.modified = std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
  }
  if (stamp_ == stamp) return std::nullopt;
  stamp_ = stamp;
  return is_there ? read_all(path_) : std::string();
}

}  // namespace larder::net
