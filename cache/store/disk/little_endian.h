// Numbers as they lie in the disk tier's files: little-endian on every machine, one behind the other. Pure.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace larder::store::disk {

namespace bytes {
// To little-endian, and back.
template <std::unsigned_integral T>
constexpr T swapped(T value) {
  if constexpr (std::endian::native == std::endian::big) {
    T turned = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      turned = static_cast<T>(turned | static_cast<T>((value >> (8 * i)) & 0xff) << (8 * (sizeof(T) - 1 - i)));
    }
    return turned;
  }
  return value;
}
}  // namespace bytes

template <std::unsigned_integral T>
T load(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return bytes::swapped(value);
}

// Writes into memory that has room for all that is put.
class NumberWriter {
 public:
  explicit NumberWriter(char* at) : at_(at) {}

  template <std::unsigned_integral T>
  void put(T value) {
    value = bytes::swapped(value);
    std::memcpy(at_, &value, sizeof value);
    at_ += sizeof value;
  }
  void put(std::string_view text) {
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  void zeros(std::size_t n) {
    std::memset(at_, 0, n);
    at_ += n;
  }

 private:
  char* at_;
};

// Reads from memory that has all that is taken.
class NumberReader {
 public:
  explicit NumberReader(const char* at) : at_(at) {}

  template <std::unsigned_integral T>
  T take() {
    const T value = load<T>(at_);
    at_ += sizeof value;
    return value;
  }
  void skip(std::size_t n) { at_ += n; }
  // Whether the next n bytes are zeros; takes them.
  bool are_zeros(std::size_t n) {
    bool all = true;
    for (const char* end = at_ + n; at_ != end; ++at_) all &= *at_ == 0;
    return all;
  }

 private:
  const char* at_;
};

}  // namespace larder::store::disk
