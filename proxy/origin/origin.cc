#include "proxy/origin/origin.h"

#include "proxy/origin/fetch.h"

namespace larder::origin {

policy::Rules rules_of(const conf::Config& config) {
  policy::Rules rules;
  rules.max_object = config.cache.max_object;
  rules.heuristic_percent = config.cache.heuristic_percent;
  rules.heuristic_max = std::chrono::duration_cast<http::Seconds>(config.cache.heuristic_max);
  rules.targeted_fields = config.cache.targeted_fields;
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

void Origin::forget(Fetch& fetch) {
  const auto it = fetches_.find(&fetch);
  house_.loop.bury(std::move(it->second));
  fetches_.erase(it);
  if (fetches_.empty() && on_idle_) on_idle_();
}

}  // namespace larder::origin
