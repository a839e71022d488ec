// A contiguous run of bytes that is filled at its end and consumed at its front; grows up to what its owner asks for.
//
// Blocks of the standard size come from and return to a per-worker BufferPool, so that an idle connection holds none.
// One thread.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::net {

class BufferPool {
 public:
  static constexpr std::size_t kBlock = 16ULL * 1024;
  std::unique_ptr<char[]> take() {
    if (free_.empty()) return std::make_unique_for_overwrite<char[]>(kBlock);
    auto block = std::move(free_.back());
    free_.pop_back();
    return block;
  }
  void give(std::unique_ptr<char[]> block) {
    if (free_.size() < kMost) free_.push_back(std::move(block));
  }

 private:
  static constexpr std::size_t kMost = 256;
  std::vector<std::unique_ptr<char[]>> free_;
};

class Buffer {
 public:
  explicit Buffer(BufferPool& pool) : pool_(pool) {}
  ~Buffer() { release(); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  [[nodiscard]] std::string_view view() const { return {block_.get() + begin_, end_ - begin_}; }
  [[nodiscard]] std::size_t size() const { return end_ - begin_; }
  [[nodiscard]] bool empty() const { return begin_ == end_; }
  void consume(std::size_t bytes) {
    begin_ += bytes;
    if (begin_ == end_) begin_ = end_ = 0;
  }

  // Room for at least `least` bytes more at the end, moving or growing as needed (then earlier views are void).
  void reserve(std::size_t least) {
    if (block_ == nullptr && least <= BufferPool::kBlock) {
      block_ = pool_.take();
      capacity_ = BufferPool::kBlock;
    }
    if (capacity_ - end_ >= least) return;
    const std::size_t held = size();
    if (capacity_ - held >= least) {
      std::memmove(block_.get(), block_.get() + begin_, held);
    } else {
      std::size_t wanted = capacity_ == 0 ? BufferPool::kBlock : capacity_;
      while (wanted - held < least) wanted *= 2;
      auto bigger = std::make_unique_for_overwrite<char[]>(wanted);
      if (held > 0) std::memcpy(bigger.get(), block_.get() + begin_, held);
      give_back();
      block_ = std::move(bigger);
      capacity_ = wanted;
    }
    begin_ = 0;
    end_ = held;
  }
  [[nodiscard]] char* end() { return block_.get() + end_; }
  [[nodiscard]] std::size_t room() const { return capacity_ - end_; }
  void added(std::size_t bytes) { end_ += bytes; }
  void append(std::string_view bytes) {
    if (bytes.empty()) return;
    reserve(bytes.size());
    std::memcpy(end(), bytes.data(), bytes.size());
    added(bytes.size());
  }
  // Gives the memory back and forgets the content.
  void release() {
    give_back();
    begin_ = end_ = capacity_ = 0;
  }

 private:
  void give_back() {
    if (block_ != nullptr && capacity_ == BufferPool::kBlock) pool_.give(std::move(block_));
    block_.reset();
  }

  BufferPool& pool_;
  std::unique_ptr<char[]> block_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace larder::net
