#include "cache/store/disk/io_pool.h"

#include <utility>

namespace larder::store::disk {

IoPool::IoPool(unsigned threads) {
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

IoPool::~IoPool() {
  stop();
}

void IoPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  ready_.notify_all();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

void IoPool::run(Job job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  ready_.notify_one();
}

void IoPool::run_idle(Job job) {
  {
    const std::lock_guard lock(mutex_);
    idle_jobs_.push_back(std::move(job));
  }
  ready_.notify_one();
}

void IoPool::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    ready_.wait(lock, [this] { return stopping_ || !jobs_.empty() || !idle_jobs_.empty(); });
    if (stopping_) return;
    auto& queue = jobs_.empty() ? idle_jobs_ : jobs_;
    {
      const Job job = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      job();
    }
    lock.lock();
  }
}

}  // namespace larder::store::disk
