// What a request to the operator's port is answered, at once or later. The loop's thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "cache/http/message.h"

namespace larder::admin {

struct Request {
  const http::RequestHead& head;
  bool has_content = false;  // which is not read
};

// All of an answer but the fields that every one has.
struct Answer {
  unsigned status = 200;
  std::string_view type = "text/plain; charset=utf-8";
  std::string body;
  std::string_view allow = "GET, HEAD";  // of a 405
};

inline Answer plain(unsigned status, std::string_view text) {
  return {status, "text/plain; charset=utf-8", std::string(text) + "\n"};
}

inline Answer json(unsigned status, std::string text) {
  return {status, "application/json", std::move(text) + "\n"};
}

// An answer that is not known yet, between who will know it and who waits for it.
class Later {
 public:
  // Once, and not within the call that made it. Nothing happens when nobody waits any more.
  void give(Answer answer) {
    if (on_answer_) std::exchange(on_answer_, nullptr)(std::move(answer));
  }
  void await(std::function<void(Answer)> on_answer) { on_answer_ = std::move(on_answer); }
  void forget() { on_answer_ = nullptr; }

 private:
  std::function<void(Answer)> on_answer_;
};

using LaterPtr = std::shared_ptr<Later>;
using Reply = std::variant<Answer, LaterPtr>;

}  // namespace larder::admin
