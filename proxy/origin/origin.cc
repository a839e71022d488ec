#include "proxy/origin/origin.h"

#include <algorithm>

#include "cache/http/text.h"
#include "proxy/origin/fetch.h"

namespace larder::origin {

std::string pool_key(std::string_view host, std::uint16_t port) {
  std::string key;
  http::append_lower(key, host);
  key.push_back(':');
  http::append_number(key, port);
  return key;
}

policy::Rules rules_of(const conf::Config& config) {
  policy::Rules rules;
  rules.max_object = config.cache.max_object;
  rules.heuristic_percent = config.cache.heuristic_percent;
  rules.heuristic_max = std::chrono::duration_cast<http::Seconds>(config.cache.heuristic_max);
  const auto seconds = [](conf::Millis time) { return std::chrono::duration_cast<http::Seconds>(time); };
  rules.targeted_fields = config.cache.targeted_fields;
  rules.stale_while_revalidate = seconds(config.cache.stale_while_revalidate);
  rules.stale_if_error = seconds(config.cache.stale_if_error);
  rules.not_found_lifetime = seconds(config.cache.negative.not_found);
  rules.server_error_lifetime = seconds(config.cache.negative.server_error);
  std::vector<policy::UrlRule> urls;
  for (const conf::UrlRule& said : config.cache.rules) {
    policy::UrlRule rule;
    rule.host = said.host;
    rule.path = said.path;
    if (said.fresh) rule.fresh = seconds(*said.fresh);
    if (said.keep_stale) rule.keep_stale = seconds(*said.keep_stale);
    rule.force = said.force;
    rule.never = said.never;
    rule.ignore_query = said.ignore_query;
    rule.why = said.why;
    urls.push_back(std::move(rule));
  }
  rules.urls = policy::UrlRules(std::move(urls));
  return rules;
}

Origin::Origin(House house, std::shared_ptr<const conf::Config> config) : house_(std::move(house)) {
  configure(std::move(config));
}

Origin::~Origin() = default;

void Origin::configure(std::shared_ptr<const conf::Config> config) {
  config_ = std::move(config);
  rules_ = std::make_shared<const policy::Rules>(rules_of(*config_));
}

void Origin::start(FetchOrder order) {
  auto fetch = std::make_unique<Fetch>(*this, std::move(order));
  Fetch& started = *fetch;
  fetches_.emplace(&started, std::move(fetch));
  started.start();
}

void Origin::adopt(net::Fd fd, const net::Address& peer, const http::Authority& authority) {
  // Counted as used once: when it turns out to be dead, the request goes on another one.
  house_.pool.park(pool_key(authority.host, authority.port), {std::move(fd), peer, 1}, house_.loop.now());
}

bool Origin::is_idle() const {
  return std::all_of(fetches_.begin(), fetches_.end(),
                     [](const auto& entry) { return entry.second->is_in_background(); });
}

void Origin::forget(Fetch& fetch) {
  const auto it = fetches_.find(&fetch);
  house_.loop.bury(std::move(it->second));
  fetches_.erase(it);
  if (on_idle_ && is_idle()) on_idle_();
}

}  // namespace larder::origin
