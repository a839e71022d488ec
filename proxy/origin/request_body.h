// A request's content on its way from the client connection to the fetch: a bounded pipe with a counted window. Both
// ends live on one loop.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace larder::origin {

class RequestBody {
 public:
  // `length`: the declared Content-Length; nullopt when it came chunked and goes on chunked.
  RequestBody(std::optional<std::uint64_t> length, std::size_t window) : length_(length), window_(window) {}

  [[nodiscard]] std::optional<std::uint64_t> length() const { return length_; }

  // --- the client's end ---
  [[nodiscard]] std::size_t room() const { return held() >= window_ ? 0 : window_ - held(); }
  void push(std::string_view bytes) {
    if (begin_ > bytes_.size() / 2) {  // taken from the front, but never all of it: do not grow by what is gone
      bytes_.erase(0, begin_);
      begin_ = 0;
    }
    bytes_.append(bytes);
    notify(on_data_);
  }
  void finish(std::string trailers) {
    finished_ = true;
    trailers_ = std::move(trailers);
    notify(on_data_);
  }
  // The client will not send the rest: broken framing or a closed connection.
  void abort() {
    aborted_ = true;
    notify(on_data_);
  }
  void set_on_room(std::function<void()> on_room) { on_room_ = std::move(on_room); }
  // The fetch does not want the rest: the client's bytes are to be dropped.
  [[nodiscard]] bool is_unwanted() const { return unwanted_; }

  // --- the fetch's end ---
  [[nodiscard]] std::string_view front() const { return std::string_view(bytes_).substr(begin_); }
  void pop(std::size_t bytes) {
    begin_ += bytes;
    taken_ += bytes;
    if (begin_ == bytes_.size()) {
      bytes_.clear();
      begin_ = 0;
    }
    notify(on_room_);
  }
  [[nodiscard]] bool is_finished() const { return finished_; }  // front() is the last of it
  [[nodiscard]] bool is_aborted() const { return aborted_; }
  [[nodiscard]] const std::string& trailers() const { return trailers_; }
  [[nodiscard]] std::uint64_t taken() const { return taken_; }  // bytes popped: more than 0 cannot be repeated
  void set_on_data(std::function<void()> on_data) { on_data_ = std::move(on_data); }
  void refuse() {
    unwanted_ = true;
    on_data_ = nullptr;
    notify(on_room_);
  }

 private:
  [[nodiscard]] std::size_t held() const { return bytes_.size() - begin_; }
  // A copy: the callee may replace the callback.
  static void notify(const std::function<void()>& callback) {
    if (const auto call = callback) call();
  }

  std::optional<std::uint64_t> length_;
  std::size_t window_;
  std::string bytes_;
  std::size_t begin_ = 0;
  std::uint64_t taken_ = 0;
  bool finished_ = false;
  bool aborted_ = false;
  bool unwanted_ = false;
  std::string trailers_;
  std::function<void()> on_data_;
  std::function<void()> on_room_;
};

}  // namespace larder::origin
