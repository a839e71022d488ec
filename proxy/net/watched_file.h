// A small text file that is read again when it was changed or replaced: /etc/hosts, /etc/resolv.conf. One thread only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "proxy/net/loop.h"

namespace larder::net {

class WatchedFile {
 public:
  // "" for no file at all.
  explicit WatchedFile(std::string path) : path_(std::move(path)) {}

  // The text if it is new since the last call (a missing file has the text ""; the first call always gives one), else
  // nullopt. Looks at the file at most once a second.
  std::optional<std::string> changed(Clock::time_point now);

 private:
  struct Stamp {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    std::int64_t modified = 0;  // nanoseconds
    bool operator==(const Stamp&) const = default;
  };

  std::string path_;
  std::optional<Stamp> stamp_;  // none: never read
  Clock::time_point next_look_ = Clock::time_point::min();
};

}  // namespace larder::net
