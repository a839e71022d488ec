#include "proxy/client/output.h"

#include <array>

namespace larder::client {
namespace {

constexpr std::size_t kCopied = 2048;  // a piece up to this size is copied: memcpy is cheaper than a pin and an iovec

constexpr std::size_t kCompacted = 256;  // sent segments that may lie in front: a client always behind must not add up

}  // namespace

void Output::note_text() {
  const std::size_t added = text_.size() - noted_;
  if (added == 0) return;
  size_ += added;
  if (segments_.size() > first_ && segments_.back().pinned == nullptr) {
    segments_.back().size += added;
  } else {
    segments_.push_back({nullptr, noted_, added, {}});
  }
  noted_ = text_.size();
}

void Output::append(store::Piece piece) {
  if (piece.bytes.size() <= kCopied) {
    append(piece.bytes);
    return;
  }
  size_ += piece.bytes.size();
  segments_.push_back({piece.bytes.data(), 0, piece.bytes.size(), std::move(piece.pin)});
}

void Output::reset() {
  text_.clear();
  noted_ = 0;
  segments_.clear();
  first_ = 0;
}

void Output::advance(std::size_t bytes) {
  size_ -= bytes;
  while (bytes > 0) {
    Segment& segment = segments_[first_];
    const std::size_t n = bytes < segment.size ? bytes : segment.size;
    bytes -= n;
    segment.size -= n;
    segment.offset += n;
    if (segment.size > 0) break;
    segment.pin = nullptr;
    ++first_;
  }
  if (size_ == 0) {
    reset();
  } else if (first_ >= kCompacted) {
    compact();
  }
}

void Output::compact() {
  segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(first_));
  first_ = 0;
  std::size_t sent = noted_;
  for (const Segment& segment : segments_) {
    if (segment.pinned == nullptr) {
      sent = segment.offset;
      break;
    }
  }
  text_.erase(0, sent);
  noted_ -= sent;
  for (Segment& segment : segments_) {
    if (segment.pinned == nullptr) segment.offset -= sent;
  }
}

net::Io Output::flush(net::Stream& stream) {
  while (size_ > 0) {
    std::array<iovec, net::Stream::kMaxIov> pieces;
    int count = 0;
    for (std::size_t i = first_; i < segments_.size() && count < net::Stream::kMaxIov; ++i) {
      const Segment& segment = segments_[i];
      const char* from = (segment.pinned != nullptr ? segment.pinned : text_.data()) + segment.offset;
      pieces[static_cast<std::size_t>(count++)] = {const_cast<char*>(from), segment.size};
    }
    const auto written = stream.writev(pieces.data(), count);
    if (written.what != net::Io::Ok) return written.what;
    advance(written.bytes);
  }
  return net::Io::Ok;
}

void Output::drain_to(std::string& to) {
  for (std::size_t i = first_; i < segments_.size(); ++i) {
    const Segment& segment = segments_[i];
    to.append((segment.pinned != nullptr ? segment.pinned : text_.data()) + segment.offset, segment.size);
  }
  size_ = 0;
  reset();
}

void Output::release() {
  if (size_ > 0) return;
  std::string().swap(text_);
  std::vector<Segment>().swap(segments_);
  noted_ = 0;
  first_ = 0;
}

}  // namespace larder::client
