#include "cache/store/disk/appender.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

namespace larder::store::disk {
namespace {

constexpr std::array<char, kUnit> kPadding{};

iovec piece_of(std::span<const char> bytes) {
  return {const_cast<char*>(bytes.data()), bytes.size()};
}

std::uint64_t round_up(std::uint64_t bytes) {
  return (bytes + kUnit - 1) / kUnit * kUnit;
}

}  // namespace

int write_at(int fd, std::vector<iovec> pieces, std::uint64_t offset) {
  std::size_t first = 0;
  while (first < pieces.size()) {
    const auto count = static_cast<int>(std::min<std::size_t>(pieces.size() - first, IOV_MAX));
    const ssize_t n = ::pwritev(fd, &pieces[first], count, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    offset += static_cast<std::uint64_t>(n);
    auto left = static_cast<std::size_t>(n);
    while (first < pieces.size() && left >= pieces[first].iov_len) left -= pieces[first++].iov_len;
    if (first == pieces.size()) break;
    pieces[first].iov_base = static_cast<char*>(pieces[first].iov_base) + left;
    pieces[first].iov_len -= left;
  }
  return 0;
}

bool Appender::has_room(std::uint64_t record) const {
  const std::uint64_t footer = (entries_.size() + 1) * kFooterEntry + kFooterTail;
  return is_open() && end_ + round_up(record) + footer <= segment_size_;
}

tl::expected<void, int> Appender::begin(const Folder& folder) {
  const std::uint64_t id = next_id_++;
  const int fd = folder.make_segment(id);
  if (fd < 0) return tl::unexpected(errno);
  auto segment = make_ref<Segment>(id, SegmentHeader::Kind::Log, fd, folder.seed());
  std::array<char, kSegmentHeader> header{};
  encode(SegmentHeader{id, SegmentHeader::Kind::Log}, header);
  int error = write_at(fd, {piece_of(header)}, 0);
  segment->set_bytes(kSegmentHeader);
  if (error == 0 && !tier_.segments.add(segment)) error = ENFILE;
  if (error != 0) {
    folder.remove_segment(id);
    return tl::unexpected(error);
  }
  segment_ = std::move(segment);
  end_ = kSegmentHeader;
  entries_.clear();
  return {};
}

tl::expected<Location, int> Appender::append(const RecordHeader& header, std::span<const iovec> content) {
  std::array<char, kRecordHeader> head{};
  encode(header, segment_->salt(), end_, head);
  const std::uint64_t size = round_up(header.size());
  std::vector<iovec> pieces{piece_of(head)};
  pieces.insert(pieces.end(), content.begin(), content.end());
  if (size > header.size()) pieces.push_back(piece_of(std::span(kPadding).first(size - header.size())));
  if (const int error = write_at(segment_->fd(), std::move(pieces), end_); error != 0) return tl::unexpected(error);
  const Location where{segment_->slot(), static_cast<std::uint32_t>(end_ / kUnit),
                       static_cast<std::uint32_t>(size / kUnit)};
  entries_.push_back({header.hash, header.sequence, where.offset, where.size, header.variant});
  if (segment_->first_sequence() == 0) segment_->set_first_sequence(header.sequence);
  end_ += size;
  segment_->set_bytes(end_);
  return where;
}

void Appender::seal() {
  if (!segment_) return;
  const std::string footer = encode_footer(segment_->id(), entries_);
  if (write_at(segment_->fd(), {piece_of(footer)}, end_) == 0) {
    segment_->set_bytes(end_ + footer.size());
    // From now on it is only read: let the kernel write it out at its leisure, but begin now.
    ::sync_file_range(segment_->fd(), 0, 0, SYNC_FILE_RANGE_WRITE);
  } else if (::ftruncate(segment_->fd(), static_cast<off_t>(end_)) != 0) {
    segment_->set_bytes(end_ + footer.size());  // as much of it as there is
  }
  drop();
}

void Appender::drop() {
  segment_ = nullptr;
  entries_.clear();
  entries_.shrink_to_fit();
}

}  // namespace larder::store::disk
