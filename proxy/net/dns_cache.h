// Answers by name, until they expire: bounded, the least recently asked goes first. The clock is fed. One thread only.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "proxy/net/loop.h"
#include "proxy/net/resolver.h"

namespace larder::net {

class DnsCache {
 public:
  using Answer = std::shared_ptr<const Resolved>;
  explicit DnsCache(std::size_t capacity) : capacity_(capacity) {}
  DnsCache(const DnsCache&) = delete;
  DnsCache& operator=(const DnsCache&) = delete;

  // Null when there is none, or only an expired one (which is then forgotten).
  Answer find(std::string_view name, Clock::time_point now);
  // Replaces what was there.
  void put(std::string_view name, Answer answer, Clock::time_point expires);
  void clear();
  [[nodiscard]] std::size_t size() const { return by_name_.size(); }

 private:
  struct Entry {
    std::string name;
    Answer answer;
    Clock::time_point expires;
  };
  using Entries = std::list<Entry>;

  const std::size_t capacity_;
  Entries entries_;                                                  // the most recently used first
  std::unordered_map<std::string_view, Entries::iterator> by_name_;  // views into the entries' names
};

}  // namespace larder::net
