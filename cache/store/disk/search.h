// One request's look at what is on disk under its key. Its worker's thread; never blocks it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "cache/store/disk/record.h"
#include "cache/store/object.h"
#include "cache/store/waker.h"

namespace larder::store {
class Store;
}

namespace larder::store::disk {

struct Tier;

class Search {
 public:
  // `budget` is charged with the bodies that are read into memory.
  Search(Tier& tier, Budget& budget, std::string key, std::uint64_t hash, WakerPtr waker);

  enum class Status : std::uint8_t {
    Found,  // the next stored response of this key, what was stored last first
    Wait,   // the waker is called once there is more
    End,
  };
  Status next(Ref<Object>& object);
  // Where what next() gave last is, and when it was used before.
  [[nodiscard]] const Location& where() const { return candidates_[at_ - 1].where; }
  [[nodiscard]] Epoch used() const { return candidates_[at_ - 1].used; }
  [[nodiscard]] std::uint64_t sequence() const { return sequence_; }

 private:
  static constexpr std::size_t kMostCandidates = 16;

  // A read under way on another thread; the search may go before it ends.
  struct Pending {
    Record record;
    ReadStatus status = ReadStatus::Bad;
    ErrorKind error = ErrorKind::Read;
    std::atomic<bool> done{false};
  };

  // Null: it is not of this key, or may not be used.
  Ref<Object> use(Record record);
  void on_bad(const Segment& segment, const Location& where, ErrorKind error);

  Tier& tier_;
  Budget& budget_;
  const std::string key_;
  const std::uint64_t hash_;
  const WakerPtr waker_;
  std::array<Index::Found, kMostCandidates> candidates_;
  std::size_t count_;
  std::size_t at_ = 0;
  std::uint64_t sequence_ = 0;  // of what next() gave last
  std::shared_ptr<Pending> pending_;
};

}  // namespace larder::store::disk
