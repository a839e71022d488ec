#include "proxy/client/assembly.h"

#include <algorithm>

namespace larder::client {

using Status = store::Reader::Status;

void Assembly::add_stretch(const store::Ref<const store::Body>& body, std::uint64_t from, std::uint64_t size,
                           const store::WakerPtr& waker) {
  segments_.push_back({store::Stretch(body, from, size, waker), 0, 0});
  size_ += size;
}

void Assembly::add_text(std::string_view text) {
  auto body = store::make_ref<store::Body>();
  body->chunks.push_back(store::Chunk::make(text.size()));
  std::copy(text.begin(), text.end(), body->chunks.front()->data());
  body->size = text.size();
  add_stretch(body, 0, text.size(), nullptr);
}

void Assembly::add_stored(const store::Object& object, const policy::ByteRange& range, const store::WakerPtr& waker) {
  if (object.parts() == nullptr) {
    add_stretch(object.body(), range.first, range.size(), waker);
    return;
  }
  for (const store::Part& part : object.parts()->list) {
    const auto there = part.range();
    const std::uint64_t first = std::max(there.first, range.first);
    const std::uint64_t last = std::min(there.last, range.last);
    if (first <= last) add_stretch(part.body, first - part.first, last - first + 1, waker);
  }
}

void Assembly::add_fetched(std::uint64_t size) {
  segments_.push_back({std::nullopt, size, fetched_++});
  size_ += size;
}

bool Assembly::is_at_fetched(std::size_t n) {
  const auto is_over = [](const Segment& s) { return s.stored ? s.stored->is_at_end() : s.left == 0; };
  while (!segments_.empty() && is_over(segments_.front())) segments_.pop_front();
  return !segments_.empty() && !segments_.front().stored && segments_.front().number == n;
}

Status Assembly::next(store::Reader* reader, std::size_t most, store::Piece& piece) {
  while (!segments_.empty()) {
    Segment& segment = segments_.front();
    if (segment.stored) {
      if (!segment.stored->is_at_end()) {
        const auto status = segment.stored->next(most, piece);
        return status == store::Cursor::Status::Ready  ? Status::Ready
               : status == store::Cursor::Status::Wait ? Status::Wait
                                                       : Status::Failed;
      }
    } else if (segment.left > 0) {
      const auto status = reader->next(static_cast<std::size_t>(std::min<std::uint64_t>(most, segment.left)), piece);
      if (status == Status::Ready) segment.left -= piece.bytes.size();
      cut_ = status == Status::End;
      return status;
    }
    segments_.pop_front();
  }
  return Status::End;
}

}  // namespace larder::client
