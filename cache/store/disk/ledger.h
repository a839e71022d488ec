// The order of stores and invalidations: each gets a number, and what was invalidated never comes back, neither by a
// store that was under way nor from the files after a restart. Any thread; a leaf mutex but for the calls it is given.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cache/store/disk/format.h"
#include "cache/store/head.h"

namespace larder::store::disk {

// Whether a record of that key and head is one that a Host, Prefix, Tag or All entry means (its sequence aside).
bool is_meant(const JournalEntry& ban, std::string_view key, const Head& head);
// The same of a response whose head (null) is not known yet: it may turn out to carry the tag.
bool may_be_meant(const JournalEntry& ban, std::string_view key, const Head* head);

class Ledger {
 public:
  // --- stores: the writer's thread ---

  // The sequence for a record of `hash`; nullopt when `is_wanted` (asked under the lock) says that it is no longer.
  // Until end() an invalidation knows that such a record is being written.
  template <class IsWanted>
  std::optional<std::uint64_t> begin(std::uint64_t hash, IsWanted is_wanted) {
    const std::lock_guard lock(mutex_);
    if (!is_wanted()) return std::nullopt;
    in_flight_ = hash;
    return ++sequence_;
  }
  // The same for a record that was written before as `sequence`, and not when a ban means it.
  template <class IsWanted>
  std::optional<std::uint64_t> begin_again(std::uint64_t sequence, std::uint64_t hash, std::string_view key,
                                           const Head& head, IsWanted is_wanted) {
    const std::lock_guard lock(mutex_);
    if (!is_wanted() || is_banned_locked(sequence, key, head)) return std::nullopt;
    in_flight_ = hash;
    return ++sequence_;
  }
  // The record is written: `index_it` is called unless a ban has come since that means it.
  template <class IndexIt>
  void end(std::uint64_t sequence, std::string_view key, const Head& head, IndexIt index_it) {
    const std::lock_guard lock(mutex_);
    in_flight_.reset();
    if (!is_banned_locked(sequence, key, head)) index_it();
  }
  // It could not be written; or it was, and is indexed without end().
  void give_up() {
    const std::lock_guard lock(mutex_);
    in_flight_.reset();
  }

  // --- invalidations: whoever makes one has doomed the objects in memory before ---

  // The sequence of what is invalidated while the greatest of what is there is not known: greater than all, until
  // settle().
  static constexpr std::uint64_t kLater = UINT64_MAX;

  struct Forgotten {
    std::uint64_t sequence = 0;
    bool was_in_flight = false;  // or may be among what is not loaded yet: it has to be written down
  };
  Forgotten forget(std::uint64_t hash);
  // The entry gets its sequence and counts from now on.
  void ban(JournalEntry& entry);
  // An entry of kLater gets its sequence, and its ban the same; others stay as they are. Once all is loaded, before it
  // is written down.
  void settle(JournalEntry& entry);
  // No record that is older than it can be met any more.
  void lift(std::uint64_t sequence);

  // Whether a record read from disk may be used.
  [[nodiscard]] bool is_banned(std::uint64_t sequence, std::string_view key, const Head& head) const;

  // --- loading ---

  // All that the journal says; and from now on what is forgotten is remembered until end_loading().
  void begin_loading(std::vector<JournalEntry> journal);
  // A record or a journal entry of this sequence was found: the next is greater.
  void raise(std::uint64_t sequence);
  [[nodiscard]] bool may_load(std::uint64_t hash, std::uint64_t sequence) const;
  void end_loading();
  // Of those that the journal knew, the Host, Prefix and Tag entries.
  [[nodiscard]] std::vector<JournalEntry> bans() const;

 private:
  bool is_banned_locked(std::uint64_t sequence, std::string_view key, const Head& head) const;

  mutable std::mutex mutex_;
  std::uint64_t sequence_ = 0;
  std::optional<std::uint64_t> in_flight_;
  std::vector<JournalEntry> bans_;
  bool loading_ = false;
  std::unordered_map<std::uint64_t, std::uint64_t> forgotten_;  // hash -> sequence; while loading
  std::uint64_t all_forgotten_ = 0;                             // every record of a smaller sequence
};

}  // namespace larder::store::disk
