// The disk tier's writer: one thread that appends what is stored, writes down what is invalidated, makes room, and goes
// on by itself when a failing disk comes back.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "cache/store/disk/appender.h"
#include "cache/store/disk/eviction.h"
#include "cache/store/disk/folder.h"
#include "cache/store/disk/record.h"
#include "cache/store/disk/tier.h"
#include "cache/store/object.h"

namespace larder::store::disk {

class Log {
 public:
  // `on_loaded` is called on the writer's thread, before it writes anything.
  Log(Tier& tier, Folder folder, std::function<void()> on_loaded);
  // Writes what waits, as long as that takes no more than kPatience, and ends the segment.
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // --- any thread; none of these waits for the disk ---

  // False: it will not be stored, because the disk is failing or too slow.
  bool store(Ref<Object> object);
  // Of an entry and whether it is on disk.
  using Written = std::function<void(const JournalEntry&, bool)>;
  // Before all that waits to be stored. `written` (may be null) is called on the writer's thread when it is on disk, or
  // cannot be for now: then it is written as soon as it can be. What was begun to be stored before it is stored by
  // then.
  void write_down(JournalEntry entry, Written written);
  // What still waits to be stored, or is just being: also what memory has evicted meanwhile.
  [[nodiscard]] std::vector<Ref<Object>> waiting();
  // Dooms those of a hash.
  void doom_waiting(std::uint64_t hash);
  // All that was to be written when this was called is written, or has failed.
  void flush();

 private:
  static constexpr std::chrono::seconds kPatience{5};

  struct Item {
    Ref<Object> object;  // null: an entry of the journal
    JournalEntry entry;
    Written written;
  };

  void work();
  [[nodiscard]] bool is_idle() const { return entries_.empty() && items_.empty(); }  // with mutex_ held
  Item take_front();                                                                 // with mutex_ held
  void load();
  void on_tick();
  void process(Item& item);

  void store_now(const Object& object);
  Ref<const Body> in_memory(const Ref<const Body>& body);
  bool open_segment_for(std::uint64_t record);
  void write_entry(Item& item);
  bool write_journal();
  void compact_journal();

  // reclaim.cc
  bool make_room();
  bool reclaim_one(const Eviction& eviction);
  void carry_over(const Ref<Segment>& from, std::vector<Index::Listed>& entries);
  bool carry(const Ref<Segment>& from, const Index::Listed& entry);
  void remove(const Ref<Segment>& segment);

  void fail(int error, const char* what);
  void try_again();
  void start_anew();  // the folder is gone

  Tier& tier_;
  const std::function<void()> on_loaded_;
  Folder folder_;
  const std::uint64_t segment_size_;
  std::uint64_t limit_;  // bytes of all files: options.size, or what the disk has room for
  Appender appender_;
  int journal_ = -1;
  std::uint64_t journal_size_ = 0;
  std::string unwritten_;             // entries that are not in the journal yet
  std::uint64_t compacted_size_ = 0;  // of the journal when it was last looked through
  bool failing_ = false;
  std::chrono::steady_clock::time_point try_at_{};
  std::chrono::seconds pause_{1};
  std::chrono::steady_clock::time_point next_tick_{};

  std::mutex mutex_;
  std::condition_variable ready_;
  std::condition_variable idle_;
  std::deque<Item> entries_;                               // of the journal
  std::deque<Item> items_;                                 // objects
  std::unordered_map<std::uint64_t, std::size_t> hashes_;  // of the objects in items_, and how often
  Object* current_ = nullptr;                              // is just being stored
  std::uint64_t waiting_bytes_ = 0;
  bool busy_ = true;
  bool stopping_ = false;
  std::atomic<bool> is_refusing_{false};  // stores are of no use now
  std::thread thread_;                    // last: it uses all the others
};

}  // namespace larder::store::disk
