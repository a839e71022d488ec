// The content of an answer that is put together: stretches of stored bodies, of one that an origin is just sending, and
// the text between the parts of a multipart/byteranges (RFC 9110 section 14.6). One transaction's; its thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>

#include "cache/policy/range.h"
#include "cache/store/object.h"

namespace larder::client {

class Assembly {
 public:
  void add_text(std::string_view text);
  // Bytes of the representation of which `object`, Complete, holds at least these.
  // `waker`: of a body that is not in memory; may be null for others.
  void add_stored(const store::Object& object, const policy::ByteRange& range, const store::WakerPtr& waker = nullptr);
  // So many bytes from the Reader, the next ones of what it reads.
  void add_fetched(std::uint64_t size);

  // The next byte is one of the (n+1)th fetched stretch, for n from 0: who reads must have a Reader of that one.
  [[nodiscard]] bool is_at_fetched(std::size_t n);
  // All bytes that were added.
  [[nodiscard]] std::uint64_t size() const { return size_; }
  // As Reader::next, over everything in the order it was added. End when the Reader ends too early: see is_cut().
  // Failed also when stored bytes cannot be read any more.
  store::Reader::Status next(store::Reader* reader, std::size_t most, store::Piece& piece);
  // The fetched stretch had fewer bytes than its head had promised.
  [[nodiscard]] bool is_cut() const { return cut_; }

 private:
  struct Segment {
    std::optional<store::Stretch> stored;  // none: fetched
    std::uint64_t left = 0;                // of a fetched one, which is never empty at first
    std::size_t number = 0;                // of a fetched one
  };
  void add_stretch(const store::Ref<const store::Body>& body, std::uint64_t from, std::uint64_t size,
                   const store::WakerPtr& waker);

  std::deque<Segment> segments_;
  std::uint64_t size_ = 0;
  std::size_t fetched_ = 0;  // how many were added
  bool cut_ = false;
};

}  // namespace larder::client
