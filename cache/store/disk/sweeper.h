// What goes over everything on disk: removing what a ban means, and listing. A segment at a time, on a thread of the
// pool that nobody's request waits for, one thing after the other in turn. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "cache/store/disk/format.h"
#include "cache/store/listing.h"

namespace larder::store::disk {

struct Tier;

class Sweeper : public std::enable_shared_from_this<Sweeper> {
 public:
  explicit Sweeper(Tier& tier);
  ~Sweeper();
  Sweeper(const Sweeper&) = delete;
  Sweeper& operator=(const Sweeper&) = delete;

  // What runs ends with the record it is at, and is not heard of again. Before the tier goes.
  void stop() { stopping_ = true; }

  // Takes what the bans mean out of the index, and lifts them. They have their sequences, and no record older than them
  // is being written any more. `done`: how many; on a thread of the pool.
  void remove(std::vector<JournalEntry> bans, std::function<void(std::uint64_t)> done);
  // From query.from on, which is on disk; on_disk alone is set. `done`: on a thread of the pool.
  void list(Query query, std::function<void(Listing)> done);

  class Task {
   public:
    virtual ~Task() = default;
    // Another segment; false: that was the last, or it is stopping.
    virtual bool step(const std::atomic<bool>& stopping) = 0;
  };

 private:
  void start(std::unique_ptr<Task> task);
  void step();

  Tier& tier_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::deque<std::unique_ptr<Task>> tasks_;
  bool is_running_ = false;
};

}  // namespace larder::store::disk
