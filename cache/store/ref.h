// An owning pointer to a thing that counts its own owners: 8 bytes, one atomic step to copy. The count may be touched
// from any thread; the thing itself has its own rules.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace larder::store {

template <class T>
class RefCounted {
 public:
  RefCounted() = default;
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;

  void add_owner() const { owners_.fetch_add(1, std::memory_order_relaxed); }
  void drop_owner() const {
    if (owners_.fetch_sub(1, std::memory_order_acq_rel) == 1) T::destroy(static_cast<const T*>(this));
  }
  // For accounting and tests only: stale as soon as read.
  [[nodiscard]] std::uint32_t owners() const { return owners_.load(std::memory_order_relaxed); }
  static void destroy(const T* thing) { delete thing; }

 protected:
  ~RefCounted() = default;

 private:
  mutable std::atomic<std::uint32_t> owners_{0};
};

template <class T>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}  // NOLINT(google-explicit-constructor): reads as a null pointer does
  explicit Ref(T* thing) : thing_(thing) {
    if (thing_ != nullptr) thing_->add_owner();
  }
  Ref(const Ref& other) : Ref(other.thing_) {}
  Ref(Ref&& other) noexcept : thing_(std::exchange(other.thing_, nullptr)) {}
  template <class U>
  Ref(const Ref<U>& other) : Ref(other.get()) {}  // NOLINT(google-explicit-constructor): T* converts from U*
  Ref& operator=(Ref other) noexcept {
    std::swap(thing_, other.thing_);
    return *this;
  }
  ~Ref() {
    if (thing_ != nullptr) thing_->drop_owner();
  }

  [[nodiscard]] T* get() const { return thing_; }
  T* operator->() const { return thing_; }
  T& operator*() const { return *thing_; }
  explicit operator bool() const { return thing_ != nullptr; }
  friend bool operator==(const Ref& a, const Ref& b) { return a.thing_ == b.thing_; }

 private:
  T* thing_ = nullptr;
};

template <class T, class... Args>
Ref<T> make_ref(Args&&... args) {
  return Ref<T>(new T(std::forward<Args>(args)...));
}

}  // namespace larder::store
