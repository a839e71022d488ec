#include "cache/store/disk/segment.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace larder::store::disk {
namespace {

// What is kept by slot stays small: with few segments the numbers begin again soon, but not at once.
constexpr std::size_t kFewestSlots = 256;

bool is_in_memory(int fd) {
  struct statfs about {};
  if (::fstatfs(fd, &about) != 0) return false;
  return about.f_type == TMPFS_MAGIC || about.f_type == RAMFS_MAGIC;
}

}  // namespace

Segment::Segment(std::uint64_t id, SegmentHeader::Kind kind, int fd, std::uint64_t seed)
    : id_(id), kind_(kind), fd_(fd), salt_(seed ^ id), is_memory_(is_in_memory(fd)) {}

Segment::~Segment() {
  ::close(fd_);
}

Io Segment::read_cached(std::span<char> out, std::uint64_t offset) const {
  if (is_memory_) return read(out, offset);
  while (!out.empty()) {
    const iovec piece{out.data(), out.size()};
    const ssize_t n = ::preadv2(fd_, &piece, 1, static_cast<off_t>(offset), RWF_NOWAIT);
    if (n < 0 && errno == EINTR) continue;
    // EAGAIN: it is not there. Anything else will be told where it may block.
    if (n < 0) return Io::WouldBlock;
    if (n == 0) return Io::Short;
    out = out.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return Io::Done;
}

Io Segment::read(std::span<char> out, std::uint64_t offset) const {
  while (!out.empty()) {
    const ssize_t n = ::pread(fd_, out.data(), out.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Io::Failed;
    if (n == 0) return Io::Short;
    out = out.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return Io::Done;
}

bool SegmentTable::add(const Ref<Segment>& segment) {
  const std::lock_guard lock(mutex_);
  if (size_ == kSlots) return false;
  while (true) {
    const std::uint32_t slot = next_;
    next_ = (next_ + 1) % static_cast<std::uint32_t>(std::clamp<std::size_t>(size_ * 4, kFewestSlots, kSlots));
    if (slot >= slots_.size()) slots_.resize(slot + 1);
    if (slots_[slot]) continue;
    segment->slot_ = slot;
    slots_[slot] = segment;
    ++size_;
    return true;
  }
}

Ref<Segment> SegmentTable::get(std::uint32_t slot) const {
  const std::lock_guard lock(mutex_);
  return slot < slots_.size() ? slots_[slot] : nullptr;
}

void SegmentTable::remove(const Segment& segment) {
  Ref<Segment> dropped;
  const std::lock_guard lock(mutex_);
  if (segment.slot_ >= slots_.size() || slots_[segment.slot_].get() != &segment) return;
  std::swap(dropped, slots_[segment.slot_]);
  --size_;
}

void SegmentTable::clear() {
  std::vector<Ref<Segment>> dropped;
  const std::lock_guard lock(mutex_);
  dropped.swap(slots_);
  slots_.resize(dropped.size());  // their numbers are not used again at once
  size_ = 0;
}

std::vector<Ref<Segment>> SegmentTable::all() const {
  std::vector<Ref<Segment>> found;
  const std::lock_guard lock(mutex_);
  found.reserve(size_);
  for (const auto& segment : slots_) {
    if (segment) found.push_back(segment);
  }
  return found;
}

std::uint64_t SegmentTable::bytes() const {
  std::uint64_t sum = 0;
  const std::lock_guard lock(mutex_);
  for (const auto& segment : slots_) sum += segment ? segment->bytes() : 0;
  return sum;
}

std::size_t SegmentTable::size() const {
  const std::lock_guard lock(mutex_);
  return size_;
}

}  // namespace larder::store::disk
