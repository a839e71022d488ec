// What is to be written to a client: copied bytes (heads, chunk sizes, small bodies) and pinned pieces of stored
// bodies, in order, sent by as few system calls as the kernel allows. One thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "cache/store/object.h"
#include "proxy/net/stream.h"

namespace larder::client {

class Output {
 public:
  // The bytes are copied. For composing a head in place use text() and then note_text().
  void append(std::string_view bytes) {
    text_.append(bytes);
    note_text();
  }
  // The text that append() collects; whoever appends to it directly calls note_text() afterwards.
  std::string& text() { return text_; }
  void note_text();
  // Small pieces are copied (cheaper than an iovec of their own), others pinned.
  void append(store::Piece piece);

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

  // Writes until all is written (Ok) or the socket takes no more (Again), or it breaks (Error).
  net::Io flush(net::Stream& stream);
  // Moves all that is unsent to the end of `to`, as copied bytes.
  void drain_to(std::string& to);
  // Gives memory back that an idle connection should not hold.
  void release();

 private:
  struct Segment {
    const char* pinned = nullptr;  // null: in text_
    std::size_t offset = 0;        // of the first unsent byte, from `pinned` or text_'s begin
    std::size_t size = 0;
    store::Ref<store::Chunk> pin;
  };
  void advance(std::size_t bytes);
  void reset();
  void compact();  // forgets what was sent

  std::string text_;
  std::size_t noted_ = 0;  // how much of text_ is in segments
  std::vector<Segment> segments_;
  std::size_t first_ = 0;  // segments before it are sent
  std::size_t size_ = 0;
};

}  // namespace larder::client
