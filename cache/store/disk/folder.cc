#include "cache/store/disk/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace larder::store::disk {
namespace {

constexpr mode_t kFolderMode = 0700;  // what people read is nobody else's business
constexpr mode_t kFileMode = 0600;
constexpr std::size_t kLabelSize = 4096;
constexpr const char* kNewName = "new";  // what replace() writes before it is renamed

bool make_folders(const std::string& path) {
  for (std::size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1)) {
    if (::mkdir(path.substr(0, end).c_str(), kFolderMode) != 0 && errno != EEXIST && errno != EROFS) return false;
  }
  return ::mkdir(path.c_str(), kFolderMode) == 0 || errno == EEXIST;
}

FolderError failed(const std::string& path, const char* what) {
  const int error = errno;
  return {path + ": " + what + ": " + std::strerror(error), false};
}

// What is no regular file is nobody's data: opening one must not wait for a writer, nor lead elsewhere.
int open_file(int folder, const char* name, int flags) {
  const int fd = ::openat(folder, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, kFileMode);
  struct stat about {};
  if (fd >= 0 && (::fstat(fd, &about) != 0 || !S_ISREG(about.st_mode))) {
    ::close(fd);
    errno = EINVAL;
    return -1;
  }
  return fd;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

tl::expected<Folder, FolderError> Folder::open(const std::string& path, std::uint64_t seed, std::string& note) {
  if (!make_folders(path)) return tl::unexpected(failed(path, "cannot be made"));
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return tl::unexpected(failed(path, "cannot be opened"));
  Folder folder(path, fd, -1);
  folder.lock_ = open_file(fd, kLockName, O_RDWR | O_CREAT);
  if (folder.lock_ < 0) return tl::unexpected(failed(path, "cannot be written to"));
  if (::flock(folder.lock_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return tl::unexpected(failed(path, "cannot be locked"));
    return tl::unexpected(FolderError{path + ": another Larder uses this folder", true});
  }
  if (auto claimed = folder.claim_label(seed, note); !claimed) return tl::unexpected(std::move(claimed.error()));
  return folder;
}

tl::expected<void, FolderError> Folder::claim_label(std::uint64_t seed, std::string& note) {
  const auto text = read(kLabelName, kLabelSize);
  Label label;
  const auto damage = text ? decode(*text, label) : Damage::Torn;
  if (text && damage == Damage::None) {
    seed_ = label.seed;
    return {};
  }
  const bool is_missing = !text && errno == ENOENT;
  // What is there under its name and is no file is in the way, and not worth to be kept.
  if (!text && errno != ENOENT && errno != EINVAL && errno != ELOOP) {
    return tl::unexpected(failed(path_, "its label cannot be read"));
  }
  // Without the seed the hashes in the files mean nothing.
  const auto listing = list();
  if (!is_missing || (listing && !listing->segments.empty())) {
    damage_ = is_missing ? Damage::Torn : damage;
    note = path_ + ": " +
           (damage == Damage::OtherFormat ? "its files are of another format" : "its label is missing or damaged") +
           ": starting with an empty cache";
  }
  if (!empty(seed)) return tl::unexpected(failed(path_, "cannot be written to"));
  return {};
}

Folder::Folder(Folder&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      lock_(std::exchange(other.lock_, -1)),
      seed_(other.seed_),
      damage_(other.damage_) {}

Folder& Folder::operator=(Folder&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  std::swap(lock_, other.lock_);
  std::swap(seed_, other.seed_);
  std::swap(damage_, other.damage_);
  return *this;
}

Folder::~Folder() {
  if (lock_ >= 0) ::close(lock_);
  if (fd_ >= 0) ::close(fd_);
}

bool Folder::empty(std::uint64_t seed) {
  if (const auto listing = list()) {
    for (const std::uint64_t id : listing->segments) remove_segment(id);
  }
  if (!replace(kJournalName, {}) || !replace(kLabelName, encode(Label{kFormat, seed}))) return false;
  seed_ = seed;
  return true;
}

bool Folder::is_there() const {
  struct stat by_path {};
  struct stat by_lock {};
  const std::string lock = path_ + "/" + kLockName;
  if (::stat(lock.c_str(), &by_path) != 0) return errno != ENOENT && errno != ENOTDIR;  // unknown: no reason to give up
  return ::fstat(lock_, &by_lock) == 0 && by_path.st_ino == by_lock.st_ino && by_path.st_dev == by_lock.st_dev;
}

tl::expected<Folder::Listing, int> Folder::list() const {
  const int again = ::openat(fd_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* stream = again < 0 ? nullptr : ::fdopendir(again);
  if (stream == nullptr) {
    const int error = errno;
    if (again >= 0) ::close(again);
    return tl::unexpected(error);
  }
  Listing listing;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (const auto id = segment_id(name)) {
      listing.segments.push_back(*id);
    } else if (name != "." && name != ".." && name != kLockName && name != kLabelName && name != kJournalName &&
               name != kNewName) {
      ++listing.foreign;
    }
  }
  ::closedir(stream);
  std::sort(listing.segments.begin(), listing.segments.end(), std::greater<>());
  return listing;
}

std::optional<std::string> Folder::read(const char* name, std::size_t most) const {
  const int fd = open_file(fd_, name, O_RDONLY);
  if (fd < 0) return std::nullopt;
  std::string bytes;
  while (bytes.size() < most) {
    char piece[65536];
    const ssize_t n = ::read(fd, piece, std::min(sizeof piece, most - bytes.size()));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int error = errno;
      ::close(fd);
      errno = error;
      return std::nullopt;
    }
    if (n == 0) break;
    bytes.append(piece, static_cast<std::size_t>(n));
  }
  ::close(fd);
  return bytes;
}

bool Folder::replace(const char* name, std::string_view bytes) const {
  ::unlinkat(fd_, kNewName, 0);
  const int fd = open_file(fd_, kNewName, O_WRONLY | O_CREAT | O_EXCL);
  if (fd < 0) return false;
  const bool written = write_all(fd, bytes) && ::fdatasync(fd) == 0;
  const int error = errno;
  ::close(fd);
  errno = error;
  return written && ::renameat(fd_, kNewName, fd_, name) == 0;
}

int Folder::open_segment(std::uint64_t id) const {
  return open_file(fd_, segment_name(id).c_str(), O_RDWR);
}

int Folder::make_segment(std::uint64_t id) const {
  return open_file(fd_, segment_name(id).c_str(), O_RDWR | O_CREAT | O_EXCL);
}

void Folder::remove_segment(std::uint64_t id) const {
  ::unlinkat(fd_, segment_name(id).c_str(), 0);
}

int Folder::open_journal() const {
  return open_file(fd_, kJournalName, O_WRONLY | O_CREAT | O_APPEND);
}

std::uint64_t Folder::room() const {
  struct statvfs about {};
  if (::fstatvfs(fd_, &about) != 0) return 0;
  return std::uint64_t{about.f_bavail} * about.f_frsize;
}

}  // namespace larder::store::disk
