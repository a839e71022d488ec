#include "proxy/origin/pool.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace larder::origin {

void Pool::set_limits(const Limits& limits) {
  const std::lock_guard lock(mutex_);
  limits_ = limits;
}

bool Pool::is_silent(int fd) {
  char byte = 0;
  return ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

// The most recently parked of those with an id below `before`.
std::optional<Pool::Parked> Pool::take_newest(std::string_view key, std::uint64_t before) {
  const std::lock_guard lock(mutex_);
  const auto host = hosts_.find(key);
  if (host == hosts_.end()) return std::nullopt;
  auto& parked = host->second;
  const auto it = std::find_if(parked.rbegin(), parked.rend(), [&](const Parked& one) { return one.id < before; });
  if (it == parked.rend()) return std::nullopt;
  Parked taken = std::move(*it);
  parked.erase(std::next(it).base());
  if (parked.empty()) hosts_.erase(host);
  --count_;
  return taken;
}

void Pool::put_back(std::string_view key, std::vector<Parked> unfit) {
  const std::lock_guard lock(mutex_);
  auto& parked = hosts_[std::string(key)];
  for (Parked& one : unfit) {
    const auto after = std::find_if(parked.begin(), parked.end(), [&](const Parked& p) { return p.id > one.id; });
    parked.insert(after, std::move(one));
    ++count_;
  }
}

std::optional<PooledConnection> Pool::take(std::string_view key, const net::DialFilter& may_dial,
                                           net::Clock::time_point since) {
  std::vector<Parked> unfit;
  std::optional<PooledConnection> found;
  std::uint64_t before = UINT64_MAX;
  while (auto taken = take_newest(key, before)) {
    before = taken->id;
    // A connection opened for one client must not carry another one past the address rules.
    if (taken->since < since) {
      unfit.push_back(std::move(*taken));
      break;  // the rest is older still
    }
    if (may_dial(taken->connection.peer) != net::DialVerdict::Allow) {
      unfit.push_back(std::move(*taken));
    } else if (is_silent(taken->connection.fd.get())) {
      found = std::move(taken->connection);
      break;
    }
  }
  if (!unfit.empty()) put_back(key, std::move(unfit));
  return found;
}

void Pool::park(std::string_view key, PooledConnection connection, net::Clock::time_point now) {
  PooledConnection closed;  // destroyed, and so closed, after the lock
  const std::lock_guard lock(mutex_);
  if (limits_.total == 0 || limits_.per_host == 0) {
    closed = std::move(connection);
    return;
  }
  auto host = hosts_.find(key);
  if (count_ >= limits_.total && (host == hosts_.end() || host->second.empty())) {
    closed = std::move(connection);
    return;
  }
  if (host == hosts_.end()) host = hosts_.emplace(std::string(key), std::deque<Parked>()).first;
  auto& parked = host->second;
  if (parked.size() >= limits_.per_host || count_ >= limits_.total) {
    closed = std::move(parked.front().connection);
    parked.pop_front();
    --count_;
  }
  parked.push_back({std::move(connection), now, next_id_++});
  ++count_;
}

void Pool::sweep(net::Clock::time_point now) {
  std::vector<pollfd> polled;
  std::vector<std::uint64_t> ids;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, parked] : hosts_) {
      for (const auto& one : parked) {
        polled.push_back({one.connection.fd.get(), POLLIN | POLLRDHUP, 0});
        ids.push_back(one.id);
      }
    }
  }
  if (polled.empty()) return;
  ::poll(polled.data(), polled.size(), 0);
  // A descriptor polled may have been taken and even closed meanwhile: only an id that is still parked counts.
  std::unordered_map<std::uint64_t, bool> noisy;
  for (std::size_t i = 0; i < polled.size(); ++i) {
    if (polled[i].revents != 0) noisy.emplace(ids[i], true);
  }
  std::vector<PooledConnection> closed;
  const std::lock_guard lock(mutex_);
  for (auto host = hosts_.begin(); host != hosts_.end();) {
    auto& parked = host->second;
    for (auto it = parked.begin(); it != parked.end();) {
      if (now - it->since < limits_.idle && !noisy.contains(it->id)) {
        ++it;
        continue;
      }
      closed.push_back(std::move(it->connection));
      it = parked.erase(it);
      --count_;
    }
    host = parked.empty() ? hosts_.erase(host) : std::next(host);
  }
}

std::size_t Pool::idle() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

}  // namespace larder::origin
