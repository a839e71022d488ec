#include "cache/store/body.h"

#include <algorithm>

namespace larder::store {

std::size_t Body::overhead() const {
  return sizeof(*this) + chunks.capacity() * sizeof(chunks[0]) + trailers.capacity();
}

Stretch::Stretch(Ref<const Body> body, std::uint64_t from, std::uint64_t size, WakerPtr waker)
    : body_(std::move(body)), left_(size), offset_(from) {
  if (body_->source) {
    cursor_ = body_->source->open(std::move(waker));
    return;
  }
  while (left_ > 0 && offset_ >= body_->chunks[chunk_]->capacity()) offset_ -= body_->chunks[chunk_++]->capacity();
}

Cursor::Status Stretch::next(std::size_t most, Piece& piece) {
  if (cursor_) {
    const auto status = cursor_->read(offset_, static_cast<std::size_t>(std::min<std::uint64_t>(most, left_)), piece);
    if (status != Cursor::Status::Ready) return status;
    offset_ += piece.bytes.size();
    left_ -= piece.bytes.size();
    return status;
  }
  const auto& chunk = body_->chunks[chunk_];
  // left_ never reaches past what is published, also where the last chunk is not full.
  const std::uint64_t n = std::min({chunk->capacity() - offset_, left_, std::uint64_t{most}});
  piece.bytes = {chunk->data() + offset_, static_cast<std::size_t>(n)};
  piece.pin = chunk;
  left_ -= n;
  offset_ += n;
  if (offset_ == chunk->capacity()) {
    ++chunk_;
    offset_ = 0;
  }
  return Cursor::Status::Ready;
}

void append_stretch(Body& to, const Body& body, std::uint64_t from, std::uint64_t size) {
  Piece piece;
  for (Stretch stretch(Ref<const Body>(&body), from, size); !stretch.is_at_end();) {
    stretch.next(SIZE_MAX, piece);
    if (piece.bytes.size() != piece.pin->capacity()) {
      auto exact = Chunk::make(piece.bytes.size(), piece.pin->budget());
      std::copy(piece.bytes.begin(), piece.bytes.end(), exact->data());
      piece.pin = std::move(exact);
    }
    to.size += piece.bytes.size();
    to.chunks.push_back(std::move(piece.pin));
  }
}

}  // namespace larder::store
