// One connected, non-blocking socket on a loop: reads and writes when asked, tells when it may.
//
// A Stream does no buffering: its owner reads into its own memory (zero copies into a stored chunk) and writes its own
// iovecs. Interest is explicit: want_read(false) is back-pressure, want_write(true) only after a write answered Again.
// Loop's thread only. An owner may call close() in any callback, and must not destroy the Stream inside one
// (Loop::bury).
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

#include "proxy/net/address.h"
#include "proxy/net/fd.h"
#include "proxy/net/loop.h"

struct event;

namespace larder::net {

enum class Io : std::uint8_t { Ok, Again, Eof, Error };

struct IoResult {
  Io what = Io::Again;
  std::size_t bytes = 0;  // of Ok: at least 1
};

class Stream {
 public:
  class Events {
   public:
    virtual void on_readable() = 0;
    virtual void on_writable() = 0;

   protected:
    ~Events() = default;
  };

  // Takes the descriptor. No interest is registered yet.
  Stream(Loop& loop, Fd fd, Events& events);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  IoResult read(char* to, std::size_t room);
  IoResult readv(const iovec* to, int count);
  // Writes what the kernel takes. `count` <= kMaxIov.
  IoResult writev(const iovec* from, int count);
  static constexpr int kMaxIov = 64;

  void want_read(bool yes);
  void want_write(bool yes);
  [[nodiscard]] bool wants_read() const { return reading_; }

  // Half-close: the peer sees EOF, reading goes on.
  void shutdown_write();
  // Ends all interest and closes. No callback comes after it. Idempotent.
  void close();
  // Ends all interest and gives the descriptor away.
  Fd release();
  [[nodiscard]] bool is_open() const { return fd_.valid(); }
  [[nodiscard]] int fd() const { return fd_.get(); }
  // The error of the last Io::Error, an errno.
  [[nodiscard]] int error() const { return errno_; }

 private:
  static void on_event(int fd, short what, void* self);
  IoResult result(ssize_t n);
  void drop_events();

  Loop& loop_;
  Fd fd_;
  Events& events_;
  event* read_event_ = nullptr;  // made when first wanted
  event* write_event_ = nullptr;
  bool reading_ = false;
  bool writing_ = false;
  int errno_ = 0;
};

}  // namespace larder::net
