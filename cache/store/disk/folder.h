// The folder of the disk tier: made, claimed for one process, and told apart from other folders.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "cache/store/disk/format.h"

namespace larder::store::disk {

struct FolderError {
  std::string text;       // a sentence
  bool is_taken = false;  // by another process
};

// As much of a journal as is read. What is longer is not known, and so nothing of what it might have meant.
constexpr std::size_t kMostJournal = 256ULL << 20;

// An open and locked folder. One thread at a time.
class Folder {
 public:
  // Makes what is missing, takes the lock, reads the label or writes one with `seed`. A folder of another format is
  // emptied of Larder's files, which `note` says.
  static tl::expected<Folder, FolderError> open(const std::string& path, std::uint64_t seed, std::string& note);
  Folder(Folder&& other) noexcept;
  Folder& operator=(Folder&& other) noexcept;
  ~Folder();

  [[nodiscard]] int fd() const { return fd_; }
  // What was wrong with its label, and made it begin empty; None: nothing.
  [[nodiscard]] Damage damage() const { return damage_; }
  [[nodiscard]] std::uint64_t seed() const { return seed_; }
  // Deletes all that is Larder's, and writes the label and an empty journal; false: errno says why.
  [[nodiscard]] bool empty(std::uint64_t seed);
  // The path still leads to this folder, and its lock is still there.
  [[nodiscard]] bool is_there() const;

  struct Listing {
    std::vector<std::uint64_t> segments;  // ids, the newest first
    std::size_t foreign = 0;              // files that are none of Larder's
  };
  [[nodiscard]] tl::expected<Listing, int> list() const;  // or errno
  // All bytes of a small file; nullopt: errno says why.
  [[nodiscard]] std::optional<std::string> read(const char* name, std::size_t most) const;
  // Puts a file in place at once and durably; false: errno says why.
  [[nodiscard]] bool replace(const char* name, std::string_view bytes) const;
  // For reading and writing; makes it when it must not exist yet. -1: errno says why.
  [[nodiscard]] int open_segment(std::uint64_t id) const;
  [[nodiscard]] int make_segment(std::uint64_t id) const;
  // Deletes the file; what is being read of it goes on.
  void remove_segment(std::uint64_t id) const;
  [[nodiscard]] int open_journal() const;  // for appending
  // Bytes that an unprivileged process may still write there.
  [[nodiscard]] std::uint64_t room() const;

 private:
  Folder(std::string path, int fd, int lock) : path_(std::move(path)), fd_(fd), lock_(lock) {}
  tl::expected<void, FolderError> claim_label(std::uint64_t seed, std::string& note);

  std::string path_;
  int fd_ = -1;
  int lock_ = -1;
  std::uint64_t seed_ = 0;
  Damage damage_ = Damage::None;
};

}  // namespace larder::store::disk
