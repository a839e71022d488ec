// An Object is where one Fetch and any number of clients meet: one writer fills it, many readers follow while it fills
// or read it when it is finished. A cached response, a response in flight and one that will never be stored are all
// Objects; only whether an index knows it differs.
//
// Life: Pending (no head yet) -> Filling (head known, body growing) -> Complete or Failed. Head and body bytes never
// change once published. A Complete object is read without a lock. The writer's functions belong to one thread;
// everything else may be called from any.
//
// Keeping: a body is kept whole while its budget allows (`keep`), or else passes through a window: what every reader
// has read is dropped. A kept body may run ahead of its fastest reader by `lead` bytes, a passing one ahead of its
// slowest by `window`: so a slow client slows the origin and memory is bounded.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/store/body.h"
#include "cache/store/failure.h"
#include "cache/store/head.h"
#include "cache/store/parts.h"
#include "cache/store/ref.h"
#include "cache/store/waker.h"

namespace larder::store {

class Reader;
class Store;

class Object : public RefCounted<Object> {
 public:
  enum class State : std::uint8_t { Pending, Filling, Complete, Failed };

  Object(std::string key, std::uint64_t hash) : key_(std::move(key)), hash_(hash) {}
  ~Object();

  [[nodiscard]] const std::string& key() const { return key_; }
  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] State state() const { return state_.load(std::memory_order_acquire); }
  [[nodiscard]] bool is_finished() const { return state() >= State::Complete; }
  // Null until known. Once not null, it and what it points to stay as they are.
  [[nodiscard]] const Head* head() const { return published_head_.load(std::memory_order_acquire); }
  [[nodiscard]] const Ref<const Head>& head_ref() const { return head_; }  // only when head() is not null
  [[nodiscard]] const Failure& failure() const { return failure_; }        // only when Failed
  // The body's size; only when Complete, and 0 when there are parts().
  [[nodiscard]] std::uint64_t size() const { return body_->size; }
  [[nodiscard]] Ref<const Body> body() const { return body_; }  // only when Complete
  // Not null: this is a stored incomplete representation (RFC 9111 section 3.3), whose content is only here. Such an
  // object has no Reader. Only when Complete.
  [[nodiscard]] const Parts* parts() const { return parts_.get(); }
  [[nodiscard]] std::size_t content_overhead() const;  // memory beside the chunks; only when Complete
  [[nodiscard]] const std::string& trailers() const { return body_->trailers; }  // only when Complete
  // True while a later reader could still have the body from its first byte.
  [[nodiscard]] bool is_joinable() const { return joinable_.load(std::memory_order_acquire); }
  // Nobody may join it while it is in flight (its request asked for something that is only for itself).
  void keep_to_oneself() { joinable_.store(false, std::memory_order_release); }
  // Never to be indexed: it was invalidated while it was filled.
  void doom() { doomed_.store(true, std::memory_order_release); }
  [[nodiscard]] bool is_doomed() const { return doomed_.load(std::memory_order_acquire); }

  // --- the writer's ---
  struct Plan {
    bool keep = false;                     // keep the body whole, on the budget
    std::uint64_t window = 256ULL * 1024;  // bytes a passing body may be ahead of its slowest reader
    std::uint64_t lead = 1024ULL * 1024;   // bytes a kept body may be ahead of its fastest reader
    std::uint64_t most = UINT64_MAX;       // a kept body past this many bytes becomes a passing one
  };
  void set_writer(WakerPtr waker) { writer_ = std::move(waker); }  // before anyone else has the Object
  void set_budget(Store* budget) { budget_ = budget; }             // before anyone else has the Object; may be null
  void add_interim(std::string head);                              // a whole 1xx head, ready to be sent
  void publish_head(Ref<const Head> head, const Plan& plan);
  // How many bytes may be written now. 0: the readers are behind; the writer is woken when there is room again.
  std::uint64_t room();
  // Memory at the body's end to write into, at least one byte; `hint`: bytes known to follow (0: unknown). A kept body
  // whose budget refuses becomes a passing one here.
  std::span<char> space(std::uint64_t hint);
  void publish(std::size_t bytes);  // of the last space()
  void complete(std::string trailers);
  // Head and finished content at once: a 304's merged head over `older`'s.
  void complete_with(Ref<const Head> head, const Object& older);
  void complete_with(Ref<const Head> head, Ref<Body> body);
  // The same with what is known of an incomplete representation; when it is whole, it becomes an ordinary body.
  void complete_with(Ref<const Head> head, Ref<const Parts> parts);
  void fail(Failure failure);
  [[nodiscard]] bool is_kept() const { return keep_; }
  [[nodiscard]] bool has_readers();
  // Bytes of budget it holds while it fills; Store::commit takes them over.
  [[nodiscard]] std::uint64_t reserved() const { return reserved_; }
  // Memory of the body's chunks now.
  [[nodiscard]] std::size_t held_bytes();
  [[nodiscard]] std::uint64_t published() const { return body_ ? body_->size : 0; }

 private:
  friend class Reader;
  friend class Store;

  void wake_readers();  // with mutex_ held
  void drop_passed();   // with mutex_ held
  void stop_keeping();  // with mutex_ held
  std::uint64_t room_locked() const;
  void release_budget(std::uint64_t most);
  void charge_to(Store& store, std::uint64_t bytes);
  void trim_last_chunk();                  // with mutex_ held
  void finish_with(Ref<const Head> head);  // with mutex_ held

  const std::string key_;
  const std::uint64_t hash_;
  std::atomic<State> state_{State::Pending};
  std::atomic<const Head*> published_head_{nullptr};
  std::atomic<bool> joinable_{true};
  std::atomic<bool> doomed_{false};
  bool keep_ = false;  // written by the writer, with mutex_ held
  Ref<Chunk> tail_;    // the writer's: the chunk it fills
  Ref<const Head> head_;
  Ref<Body> body_;
  Ref<const Parts> parts_;
  Failure failure_;

  std::mutex mutex_;  // guards what follows, and body_'s content while Filling; a leaf but for Waker::wake
  std::vector<Reader*> readers_;
  std::vector<std::string> interims_;
  WakerPtr writer_;
  bool writer_waits_ = false;
  bool passing_ = false;         // chunks are dropped when passed: readers lock even when Complete
  std::uint64_t tail_used_ = 0;  // bytes published in the last chunk
  Plan plan_;
  Store* budget_ = nullptr;
  std::uint64_t reserved_ = 0;  // of the fills' share, for chunks that are still held
  std::uint64_t charged_ = 0;   // for all but the chunks, since the commit; given back at the end

  // The index's, guarded by its shard's mutex.
  Object* hash_next_ = nullptr;
  Object* lru_newer_ = nullptr;
  Object* lru_older_ = nullptr;
  std::uint64_t touched_ = 0;
  std::uint16_t told_disk_ = 0;  // Disk::clock when the disk was told that it is used
};

// One reader of one Object, from the first byte on. Belongs to one thread.
class Reader {
 public:
  // `waker` may be null when the object is Complete and its body in memory.
  Reader(Ref<Object> object, WakerPtr waker);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  enum class Status : std::uint8_t { Ready, Wait, End, Failed };
  // Ready when the head is known (or the object failed without one: Failed). After Wait the waker is called once.
  Status await_head();
  // The front of the body was already dropped when this reader came: it can never have it whole. Ask once, at first.
  [[nodiscard]] bool is_late() const { return late_; }
  // The next 1xx head that this reader has not seen; false when there is none.
  bool next_interim(std::string& out);
  // The next piece, at most `most` bytes; advances. After Wait the waker is called once.
  Status next(std::size_t most, Piece& piece);
  [[nodiscard]] std::uint64_t position() const { return position_; }
  [[nodiscard]] const Ref<Object>& object() const { return object_; }

 private:
  friend class Object;
  Status take(std::size_t most, Piece& piece);

  Ref<Object> object_;
  WakerPtr waker_;
  bool registered_ = false;
  bool late_ = false;
  bool armed_ = false;          // guarded by the object's mutex
  std::uint64_t position_ = 0;  // guarded by the object's mutex while registered
  std::uint64_t sequence_ = 0;  // of the chunk that position_ is in
  std::size_t offset_ = 0;      // in that chunk
  std::size_t interim_ = 0;
  std::unique_ptr<Cursor> cursor_;  // of a finished body that is not in memory
};

}  // namespace larder::store
