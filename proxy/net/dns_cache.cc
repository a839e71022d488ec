#include "proxy/net/dns_cache.h"

#include <utility>

namespace larder::net {

DnsCache::Answer DnsCache::find(std::string_view name, Clock::time_point now) {
  const auto at = by_name_.find(name);
  if (at == by_name_.end()) return nullptr;
  const Entries::iterator entry = at->second;
  if (entry->expires <= now) {
    by_name_.erase(at);
    entries_.erase(entry);
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  return entry->answer;
}

void DnsCache::put(std::string_view name, Answer answer, Clock::time_point expires) {
  const auto at = by_name_.find(name);
  if (at != by_name_.end()) {
    at->second->answer = std::move(answer);
    at->second->expires = expires;
    entries_.splice(entries_.begin(), entries_, at->second);
    return;
  }
  if (capacity_ == 0) return;
  if (entries_.size() == capacity_) {
    by_name_.erase(entries_.back().name);
    entries_.pop_back();
  }
  entries_.push_front({std::string(name), std::move(answer), expires});
  by_name_.emplace(entries_.front().name, entries_.begin());
}

void DnsCache::clear() {
  by_name_.clear();
  entries_.clear();
}

}  // namespace larder::net
