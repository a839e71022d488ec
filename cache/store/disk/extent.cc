#include "cache/store/disk/extent.h"

#include <algorithm>
#include <atomic>
#include <utility>

namespace larder::store::disk {
namespace {

// Read at once for one reader, and so what a slow one holds in memory.
constexpr std::uint64_t kBlocksAtOnce = 2;

}  // namespace

Extent::Extent(House house, Record record, const Location& where)
    : house_(house),
      segment_(std::move(record.segment)),
      header_(record.header),
      where_(where),
      body_(record.offset + record.header.body_offset()),
      sums_(std::move(record.sums)),
      first_(std::move(record.first)) {}

void Extent::on_bad(ErrorKind error) const {
  house_.errors.count(error);
  if (error != ErrorKind::Read) house_.index.remove(header_.hash, where_);
}

ReadStatus Extent::read_blocks(std::uint64_t block, std::span<char> out, Patience patience, ErrorKind& error) const {
  const auto status = read_bytes(*segment_, out, body_ + block * kBlock, patience, error);
  if (status != ReadStatus::Done) return status;
  const std::string_view bytes(out.data(), out.size());
  for (std::uint64_t at = 0; at < bytes.size(); at += kBlock, ++block) {
    if (block_sum(bytes.substr(at, kBlock), header_.hash, block) == read_sum(sums_, block)) continue;
    error = ErrorKind::Checksum;
    return ReadStatus::Bad;
  }
  return ReadStatus::Done;
}

class ExtentCursor final : public Cursor {
 public:
  ExtentCursor(Ref<const Extent> extent, WakerPtr waker)
      : extent_(std::move(extent)), waker_(std::move(waker)), chunk_(extent_->first_) {}

  Status read(std::uint64_t offset, std::size_t most, Piece& piece) override {
    if (pending_) {
      if (!pending_->done.load(std::memory_order_acquire)) return Status::Wait;
      const auto pending = std::exchange(pending_, nullptr);
      if (pending->status != ReadStatus::Done) return fail(pending->error);
      take(pending->block, std::move(pending->chunk));
    }
    if (!chunk_ || offset < begin_ || offset - begin_ >= chunk_->capacity()) {
      const Status status = load(offset / kBlock);
      if (status != Status::Ready) return status;
    }
    const auto skip = static_cast<std::size_t>(offset - begin_);
    piece.bytes = {chunk_->data() + skip, std::min(chunk_->capacity() - skip, most)};
    piece.pin = chunk_;
    return Status::Ready;
  }

 private:
  // A read under way on another thread; the cursor may go before it ends.
  struct Pending {
    Ref<Chunk> chunk;
    std::uint64_t block = 0;
    ReadStatus status = ReadStatus::Bad;
    ErrorKind error = ErrorKind::Read;
    std::atomic<bool> done{false};
  };

  void take(std::uint64_t block, Ref<Chunk> chunk) {
    begin_ = block * kBlock;
    chunk_ = std::move(chunk);
  }

  Status fail(ErrorKind error) {
    extent_->on_bad(error);
    return Status::Failed;
  }

  Status load(std::uint64_t block) {
    const auto size = static_cast<std::size_t>(std::min(kBlocksAtOnce * kBlock, extent_->size() - block * kBlock));
    auto chunk = Chunk::make(size);
    ErrorKind error = ErrorKind::Read;
    switch (extent_->read_blocks(block, {chunk->data(), size}, Patience::None, error)) {
      case ReadStatus::Done:
        take(block, std::move(chunk));
        return Status::Ready;
      case ReadStatus::Bad:
        return fail(error);
      case ReadStatus::WouldBlock:
        break;
    }
    if (waker_ == nullptr) return Status::Failed;
    pending_ = std::make_shared<Pending>();
    pending_->chunk = std::move(chunk);
    pending_->block = block;
    extent_->house_.pool.run([pending = pending_, extent = extent_, waker = waker_] {
      pending->status = extent->read_blocks(pending->block, {pending->chunk->data(), pending->chunk->capacity()},
                                            Patience::Blocking, pending->error);
      pending->done.store(true, std::memory_order_release);
      waker->wake();
    });
    return Status::Wait;
  }

  const Ref<const Extent> extent_;
  const WakerPtr waker_;
  Ref<Chunk> chunk_;
  std::uint64_t begin_ = 0;  // of chunk_ in the body
  std::shared_ptr<Pending> pending_;
};

std::unique_ptr<Cursor> Extent::open(WakerPtr waker) const {
  return std::make_unique<ExtentCursor>(Ref<const Extent>(this), std::move(waker));
}

}  // namespace larder::store::disk
