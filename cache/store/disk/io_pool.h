// Threads that may wait for a disk, so that no worker does.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace larder::store::disk {

// A job runs once, on one of the threads; at the end those still waiting are dropped unrun. Any thread.
class IoPool {
 public:
  using Job = std::function<void()>;

  explicit IoPool(unsigned threads);
  ~IoPool();
  IoPool(const IoPool&) = delete;
  IoPool& operator=(const IoPool&) = delete;

  void run(Job job);
  // Waits for the jobs that run; no other runs any more. Once, by whoever owns it.
  void stop();
  // Only when no other waits: for what is nobody's request.
  void run_idle(Job job);

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Job> jobs_;
  std::deque<Job> idle_jobs_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace larder::store::disk
