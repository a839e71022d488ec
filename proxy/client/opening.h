// The first bytes of a tunnel to port 80. Some clients ask for a tunnel even for http:// (Node's undici before 8.7,
// netty, older npm): what they say in it can run through the same cache and rules as any request. Everything else that
// may be spoken on that port passes untouched.
//
// It is plain HTTP only when the client speaks first, and its first head is whole, well formed, in origin-form, for the
// very host that the tunnel leads to (any other Host could put one site's answers under another's name), and asks for
// no other protocol. Loop's thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "cache/http/message.h"
#include "proxy/net/fd.h"
#include "proxy/net/loop.h"
#include "proxy/net/stream.h"
#include "proxy/wire/head_parser.h"

namespace larder::client {

// Whether a request inside the tunnel is for where the tunnel leads: one Host, the same host and port. `authority` is
// "host" or "host:port".
bool is_for(const http::RequestHead& request, std::string_view authority);

class Opening final : public net::Buried, private net::Stream::Events {
 public:
  enum class Verdict : std::uint8_t { Undecided, Http, Other };

  // What the client's bytes so far are. Pure.
  static Verdict judge(std::string_view bytes, std::string_view authority, const wire::Limits& limits);

  // `on_other` is called at most once, from the loop: the origin spoke first, or the client has taken too long to
  // decide.
  Opening(net::Loop& loop, net::Fd origin, std::string authority, std::chrono::milliseconds idle,
          std::function<void()> on_other);

  // The client's bytes so far, at least one.
  Verdict look(std::string_view bytes, const wire::Limits& limits);
  [[nodiscard]] const std::string& authority() const { return authority_; }
  // Gives the origin's connection away; no call comes after it.
  net::Fd release();

 private:
  void on_readable() override { end(); }
  void on_writable() override {}
  void end();

  net::Stream origin_;
  std::string authority_;
  net::Timer timer_;
  std::function<void()> on_other_;
  bool has_begun_ = false;
};

}  // namespace larder::client
