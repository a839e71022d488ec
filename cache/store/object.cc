#include "cache/store/object.h"

#include <algorithm>

#include "cache/store/store.h"

namespace larder::store {
namespace {

constexpr std::size_t kFirstChunk = 4ULL * 1024;
constexpr std::size_t kPassingChunk = 64ULL * 1024;
constexpr std::size_t kLargestChunk = 256ULL * 1024;

}  // namespace

Object::~Object() {
  release_budget(reserved_);
  if (charged_ > 0) budget_->budget().uncharge(charged_);
}

void Object::wake_readers() {
  for (Reader* reader : readers_) {
    if (!reader->armed_) continue;
    reader->armed_ = false;
    reader->waker_->wake();
  }
}

bool Object::has_readers() {
  const std::lock_guard lock(mutex_);
  return !readers_.empty();
}

std::size_t Object::held_bytes() {
  const std::lock_guard lock(mutex_);
  std::size_t bytes = 0;
  if (body_) {
    for (const auto& chunk : body_->chunks) bytes += chunk->footprint();
  }
  return bytes;
}

void Object::add_interim(std::string head) {
  const std::lock_guard lock(mutex_);
  interims_.push_back(std::move(head));
  wake_readers();
}

void Object::publish_head(Ref<const Head> head, const Plan& plan) {
  const std::lock_guard lock(mutex_);
  plan_ = plan;
  keep_ = plan.keep;
  passing_ = !plan.keep;
  body_ = make_ref<Body>();
  head_ = std::move(head);
  // A body that cannot be kept goes at its slowest reader's pace: nobody is made to share that of another.
  if (!head_->shareable || !keep_) joinable_.store(false, std::memory_order_release);
  published_head_.store(head_.get(), std::memory_order_release);
  state_.store(State::Filling, std::memory_order_release);
  wake_readers();
}

std::uint64_t Object::room_locked() const {
  const std::uint64_t ahead_of_all = keep_ ? plan_.lead : plan_.window;
  if (readers_.empty()) return keep_ ? UINT64_MAX : plan_.window;  // a kept body may finish for the next client
  std::uint64_t mark = readers_.front()->position_;
  for (const Reader* reader : readers_) {
    mark = keep_ ? std::max(mark, reader->position_) : std::min(mark, reader->position_);
  }
  const std::uint64_t ahead = body_->size - mark;
  return ahead >= ahead_of_all ? 0 : ahead_of_all - ahead;
}

std::uint64_t Object::room() {
  const std::lock_guard lock(mutex_);
  const std::uint64_t bytes = room_locked();
  writer_waits_ = bytes == 0;
  return bytes;
}

void Object::stop_keeping() {
  keep_ = false;
  passing_ = true;
  joinable_.store(false, std::memory_order_release);
  drop_passed();  // the chunks that somebody has yet to read stay on the budget until then
}

void Object::release_budget(std::uint64_t most) {
  const std::uint64_t bytes = std::min(most, reserved_);
  if (bytes > 0) budget_->release(bytes);
  reserved_ -= bytes;
}

void Object::charge_to(Store& store, std::uint64_t bytes) {
  if (charged_ == 0) {
    budget_ = &store;
    charged_ = bytes;
    store.budget().charge(bytes);
  }
  release_budget(reserved_);
}

std::span<char> Object::space(std::uint64_t hint) {
  // The last chunk's free end belongs to the writer; the list of chunks is shared, and so behind the lock.
  if (tail_ && tail_used_ < tail_->capacity()) return {tail_->data() + tail_used_, tail_->capacity() - tail_used_};
  auto& chunks = body_->chunks;
  const std::lock_guard lock(mutex_);
  if (keep_ && body_->size + std::max<std::uint64_t>(hint, 1) > plan_.most) stop_keeping();
  std::size_t capacity = kPassingChunk;
  if (hint > 0) {
    capacity = static_cast<std::size_t>(std::min<std::uint64_t>(hint, keep_ ? kLargestChunk : kPassingChunk));
  } else if (keep_) {
    capacity = chunks.empty() ? kFirstChunk : std::min(chunks.back()->capacity() * 2, kPassingChunk);
  }
  if (keep_) {
    const std::uint64_t cost = sizeof(Chunk) + capacity;
    if (budget_ == nullptr || !budget_->reserve(cost)) {
      stop_keeping();
    } else {
      reserved_ += cost;
    }
  }
  tail_ = Chunk::make(capacity, keep_ ? &budget_->budget() : nullptr);
  chunks.push_back(tail_);
  tail_used_ = 0;
  return {tail_->data(), capacity};
}

void Object::publish(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  tail_used_ += bytes;
  body_->size += bytes;
  wake_readers();
}

void Object::trim_last_chunk() {
  auto& chunks = body_->chunks;
  if (!keep_ || chunks.empty()) return;
  const std::size_t slack = chunks.back()->capacity() - tail_used_;
  if (slack < 512 && slack * 4 < chunks.back()->capacity()) return;
  if (tail_used_ == 0) {
    chunks.pop_back();
    return;
  }
  // A reader that holds the old chunk keeps it alive; positions in the new one are the same.
  auto exact = Chunk::make(tail_used_, chunks.back()->budget());
  std::copy_n(chunks.back()->data(), tail_used_, exact->data());
  chunks.back() = std::move(exact);
}

void Object::complete(std::string trailers) {
  const std::lock_guard lock(mutex_);
  body_->trailers = std::move(trailers);
  tail_ = nullptr;
  trim_last_chunk();
  writer_waits_ = false;
  writer_ = nullptr;
  state_.store(State::Complete, std::memory_order_release);
  wake_readers();
}

void Object::complete_with(Ref<const Head> head, const Object& older) {
  const std::lock_guard lock(mutex_);
  body_ = older.body_;
  parts_ = older.parts_;
  finish_with(std::move(head));
}

void Object::complete_with(Ref<const Head> head, Ref<Body> body) {
  const std::lock_guard lock(mutex_);
  body_ = std::move(body);
  finish_with(std::move(head));
}

void Object::complete_with(Ref<const Head> head, Ref<const Parts> parts) {
  const std::lock_guard lock(mutex_);
  body_ = make_ref<Body>();
  if (parts->is_whole()) {
    append_stretch(*body_, *parts->list.front().body, 0, parts->complete);
  } else {
    parts_ = std::move(parts);
  }
  finish_with(std::move(head));
}

std::size_t Object::content_overhead() const {
  return body_->overhead() + (parts_ ? parts_->overhead() : 0);
}

void Object::finish_with(Ref<const Head> head) {
  head_ = std::move(head);
  keep_ = true;
  published_head_.store(head_.get(), std::memory_order_release);
  state_.store(State::Complete, std::memory_order_release);
  wake_readers();
}

void Object::fail(Failure failure) {
  const std::lock_guard lock(mutex_);
  failure_ = std::move(failure);
  tail_ = nullptr;
  writer_waits_ = false;
  writer_ = nullptr;
  joinable_.store(false, std::memory_order_release);
  state_.store(State::Failed, std::memory_order_release);
  wake_readers();
}

void Object::drop_passed() {
  if (!passing_ || body_ == nullptr) return;
  std::uint64_t slowest = body_->first + body_->chunks.size();
  for (const Reader* reader : readers_) slowest = std::min(slowest, reader->sequence_);
  const auto passed = static_cast<std::ptrdiff_t>(slowest - body_->first);
  // The last chunk is the writer's as long as it fills it.
  const auto most = static_cast<std::ptrdiff_t>(body_->chunks.size()) - (is_finished() ? 0 : 1);
  const auto count = std::min(passed, most);
  if (count <= 0) return;
  std::uint64_t bytes = 0;
  for (std::ptrdiff_t i = 0; i < count; ++i) bytes += body_->chunks[static_cast<std::size_t>(i)]->footprint();
  release_budget(bytes);
  body_->chunks.erase(body_->chunks.begin(), body_->chunks.begin() + count);
  body_->first += static_cast<std::uint64_t>(count);
  joinable_.store(false, std::memory_order_release);
}

Reader::Reader(Ref<Object> object, WakerPtr waker) : object_(std::move(object)), waker_(std::move(waker)) {
  if (object_->state() == Object::State::Complete && object_->body_->source) {
    cursor_ = object_->body_->source->open(waker_);
    return;
  }
  if (object_->state() == Object::State::Complete && waker_ == nullptr) return;
  const std::lock_guard lock(object_->mutex_);
  // A finished and kept body needs no register: nothing of it will change or be dropped.
  if (object_->state() == Object::State::Complete && !object_->passing_) return;
  late_ = object_->body_ != nullptr && object_->body_->first > 0;
  if (late_) return;
  object_->readers_.push_back(this);
  registered_ = true;
}

Reader::~Reader() {
  if (!registered_) return;
  const std::lock_guard lock(object_->mutex_);
  std::erase(object_->readers_, this);
  // Only who waited for the head gets them, and a stored object has no use for them.
  if (object_->readers_.empty()) std::vector<std::string>().swap(object_->interims_);
  object_->drop_passed();
  // The writer looks again: there may be room now, or nobody left to write for.
  if (!object_->is_finished() && object_->writer_ != nullptr) object_->writer_->wake();
}

Reader::Status Reader::await_head() {
  if (object_->head() != nullptr) return Status::Ready;
  const std::lock_guard lock(object_->mutex_);
  if (object_->head() != nullptr) return Status::Ready;
  if (object_->state() == Object::State::Failed) return Status::Failed;
  armed_ = true;
  return Status::Wait;
}

bool Reader::next_interim(std::string& out) {
  if (!registered_) return false;
  const std::lock_guard lock(object_->mutex_);
  if (interim_ >= object_->interims_.size()) return false;
  out = object_->interims_[interim_++];
  return true;
}

Reader::Status Reader::take(std::size_t most, Piece& piece) {
  const Body& body = *object_->body_;
  while (position_ < body.size) {
    const auto& chunk = body.chunks[sequence_ - body.first];
    const bool is_last = sequence_ - body.first + 1 == body.chunks.size();
    // While it fills, the last chunk holds what the writer has published; a trimmed or full one holds its capacity.
    const std::uint64_t in_chunk = is_last ? offset_ + (body.size - position_) : chunk->capacity();
    if (offset_ == in_chunk) {
      ++sequence_;
      offset_ = 0;
      continue;
    }
    const auto n = std::min(static_cast<std::size_t>(in_chunk) - offset_, most);
    piece.bytes = {chunk->data() + offset_, n};
    piece.pin = chunk;
    offset_ += n;
    position_ += n;
    return Status::Ready;
  }
  return Status::Wait;
}

Reader::Status Reader::next(std::size_t most, Piece& piece) {
  if (cursor_) {
    if (position_ == object_->size()) return Status::End;
    const auto status = cursor_->read(position_, most, piece);
    if (status == Cursor::Status::Ready) position_ += piece.bytes.size();
    return status == Cursor::Status::Ready  ? Status::Ready
           : status == Cursor::Status::Wait ? Status::Wait
                                            : Status::Failed;
  }
  if (!registered_) {  // Complete and kept: immutable
    return take(most, piece) == Status::Ready ? Status::Ready : Status::End;
  }
  const std::lock_guard lock(object_->mutex_);
  const auto status = take(most, piece);
  if (status == Status::Ready) {
    object_->drop_passed();
    if (object_->writer_waits_ && object_->room_locked() > 0) {
      object_->writer_waits_ = false;
      object_->writer_->wake();
    }
    return status;
  }
  switch (object_->state()) {
    case Object::State::Complete:
      return Status::End;
    case Object::State::Failed:
      return Status::Failed;
    default:
      armed_ = true;
      return Status::Wait;
  }
}

}  // namespace larder::store
