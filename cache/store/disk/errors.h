// What went wrong with the disk, counted by kind: larder_cache_errors_total{kind}. Any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "cache/store/disk/format.h"

namespace larder::store::disk {

enum class ErrorKind : std::uint8_t {
  Read,      // the disk could not read
  Write,     // the disk could not write
  Full,      // no space or quota left
  Checksum,  // bytes are not those that were written
  Torn,      // a file or record ends too early
  Missing,   // a file is gone
  Foreign,   // a file that is not Larder's
  Format,    // a file of another version of the format
};
constexpr std::size_t kErrorKinds = 8;

constexpr std::string_view to_string(ErrorKind kind) {
  constexpr std::array<std::string_view, kErrorKinds> kNames{"read", "write",   "full",    "checksum",
                                                             "torn", "missing", "foreign", "format"};
  return kNames[static_cast<std::size_t>(kind)];
}

constexpr ErrorKind kind_of(Damage damage) {
  switch (damage) {
    case Damage::Foreign:
      return ErrorKind::Foreign;
    case Damage::OtherFormat:
      return ErrorKind::Format;
    case Damage::Torn:
      return ErrorKind::Torn;
    default:
      return ErrorKind::Checksum;
  }
}

class Errors {
 public:
  void count(ErrorKind kind) { counts_[static_cast<std::size_t>(kind)].fetch_add(1, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t of(ErrorKind kind) const {
    return counts_[static_cast<std::size_t>(kind)].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<std::uint64_t>, kErrorKinds> counts_{};
};

}  // namespace larder::store::disk
