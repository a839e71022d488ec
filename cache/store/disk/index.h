// What is on disk, and where: 32 bytes an object and a bucket of 4 (linear hashing: a bucket more with every entry, so
// that no request ever waits for a table to be made anew). It knows hashes, not keys: what it names has to be
// read and compared. Sharded by hash, a short mutex a shard; no lock is held across a call of anybody else's. Any
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "cache/store/disk/recency.h"

namespace larder::store::disk {

// Offsets and sizes within a segment count in units: records begin at multiples of it.
constexpr std::uint64_t kUnit = 64;

// Where a record is. `segment` is a slot of the segment table, not a file's number: it is used again.
struct Location {
  std::uint32_t segment = 0;  // below 2^20
  std::uint32_t offset = 0;   // units, below 2^20
  std::uint32_t size = 0;     // units; above 2^20 the index keeps it rounded up to 4096 of them
  friend bool operator==(const Location&, const Location&) = default;
};

class Index {
 public:
  static constexpr std::size_t kMostVariants = 256;  // of one hash: the oldest goes

  explicit Index(Recency& recency);
  ~Index();
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;

  struct Found {
    Location where;
    std::uint16_t variant = 0;
    Epoch used = 0;
  };
  // The entries of a hash, what was put last first; how many were written to `out`.
  std::size_t find(std::uint64_t hash, std::span<Found> out) const;
  [[nodiscard]] bool has(std::uint64_t hash) const;
  [[nodiscard]] bool has(std::uint64_t hash, std::uint16_t variant) const;

  // In front of the hash's others. What it replaces: the entry of the same hash and variant (or the oldest of too
  // many).
  std::optional<Location> put(std::uint64_t hash, std::uint16_t variant, const Location& where, Epoch used);
  // Behind the hash's others, and only where none of the same variant is: for what is loaded from the newest to the
  // oldest. False: not put.
  bool put_older(std::uint64_t hash, std::uint16_t variant, const Location& where, Epoch used);
  // The very entry at `from` is now at `to`, its epoch and place among the hash's kept. False: it is no longer there.
  bool move(std::uint64_t hash, const Location& from, const Location& to);
  bool remove(std::uint64_t hash, const Location& where);
  // Whether the very entry is there.
  [[nodiscard]] bool is_at(std::uint64_t hash, const Location& where) const;
  // All of a hash; appends where they were.
  void remove_all(std::uint64_t hash, std::vector<Location>& removed);
  // It is used now (Recency::now); does not pass() any bytes. False: no longer there.
  bool touch(std::uint64_t hash, const Location& where);
  bool touch(std::uint64_t hash, std::uint16_t variant);

  struct Listed {
    std::uint64_t hash = 0;
    std::uint16_t variant = 0;
    Epoch used = 0;
    Location where;
  };
  // All entries of a segment, in no order; appends.
  void list(std::uint32_t segment, std::vector<Listed>& out) const;
  // Of a segment: the bytes of its entries.
  [[nodiscard]] std::uint64_t live(std::uint32_t segment) const;
  // Of a segment: the bytes of its entries that were used at `epoch` or later.
  [[nodiscard]] std::uint64_t used_since(std::uint32_t segment, Epoch epoch) const;
  // Removes all entries of a segment; how many.
  std::size_t drop(std::uint32_t segment);
  void clear();

  // Clamps epochs that are about to wrap (Recency::ticks). One thread; to be called now and then, cheap when there is
  // nothing to do.
  void age();

  [[nodiscard]] const Recency& recency() const { return recency_; }
  [[nodiscard]] std::uint64_t size() const;    // entries
  [[nodiscard]] std::uint64_t bytes() const;   // of the records, all together
  [[nodiscard]] std::uint64_t memory() const;  // bytes the index itself takes

 private:
  static constexpr std::size_t kShards = 16;
  struct Entry;
  struct Shard;
  [[nodiscard]] Shard& shard_of(std::uint64_t hash) const;

  Recency& recency_;
  std::uint64_t clamped_ = 0;  // Recency::ticks of the last time
  std::unique_ptr<std::array<Shard, kShards>> shards_;
};

}  // namespace larder::store::disk
