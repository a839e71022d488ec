#include "proxy/net/resolver.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "proxy/net/dns_cache.h"
#include "proxy/net/dns_exchange.h"
#include "proxy/net/dns_message.h"
#include "proxy/net/hosts_file.h"
#include "proxy/net/resolv_conf.h"
#include "proxy/net/watched_file.h"
#include "proxy/net/words.h"

namespace larder::net {
namespace {

constexpr std::size_t kCachedNames = 4096;
constexpr std::uint16_t kDnsPort = 53;
constexpr std::chrono::milliseconds kResolutionDelay{50};  // RFC 8305 section 3
constexpr std::chrono::milliseconds kFailureTtl{1'000};
constexpr std::chrono::milliseconds kLongestRetry{2'000};
constexpr std::chrono::milliseconds kShortestRetry{100};

// IPv6 first, then by turns (RFC 8305 section 4), each family in the order given.
std::vector<Address> interleave(const std::vector<Address>& v6, const std::vector<Address>& v4) {
  std::vector<Address> out;
  out.reserve(v6.size() + v4.size());
  for (std::size_t i = 0; i < std::max(v6.size(), v4.size()); ++i) {
    if (i < v6.size()) out.push_back(v6[i]);
    if (i < v4.size()) out.push_back(v4[i]);
  }
  return out;
}

std::vector<Address> interleave(const std::vector<Address>& mixed) {
  std::vector<Address> v6;
  std::vector<Address> v4;
  for (const Address& address : mixed) (address.is_v6() ? v6 : v4).push_back(address);
  return interleave(v6, v4);
}

bool is_under(std::string_view name, std::string_view domain) {
  if (name.size() < domain.size() || name.substr(name.size() - domain.size()) != domain) return false;
  return name.size() == domain.size() || name[name.size() - domain.size() - 1] == '.';
}

// Names that never go to a DNS server: RFC 6761 sections 6.3 and 6.4, RFC 7686.
std::optional<Resolved> special_answer(std::string_view name) {
  if (is_under(name, "localhost")) {
    return Resolved{DnsError::None, {*Address::parse_literal("::1", 0), *Address::parse_literal("127.0.0.1", 0)}};
  }
  if (is_under(name, "invalid") || is_under(name, "onion")) return Resolved{DnsError::NoSuchName, {}};
  return std::nullopt;
}

// Who waits for an answer. The callback is empty once it was called, or when nobody is interested any more.
struct Waiter {
  Resolver::Callback callback;
};

class WaiterQuery final : public Resolver::Query {
 public:
  explicit WaiterQuery(std::shared_ptr<Waiter> waiter) : waiter_(std::move(waiter)) {}
  ~WaiterQuery() override { waiter_->callback = nullptr; }
  WaiterQuery(const WaiterQuery&) = delete;
  WaiterQuery& operator=(const WaiterQuery&) = delete;

 private:
  std::shared_ptr<Waiter> waiter_;
};

}  // namespace

std::string_view to_string(DnsError e) {
  switch (e) {
    case DnsError::None:
      return "no error";
    case DnsError::NoSuchName:
      return "no such name";
    case DnsError::NoAddress:
      return "the name has no address";
    case DnsError::Timeout:
      return "the name servers did not answer in time";
    case DnsError::ServerFailure:
      return "no name server could answer";
  }
  return "unknown";
}

struct Resolver::State : std::enable_shared_from_this<Resolver::State> {
  class Lookup;

  State(Loop& l, const ResolverOptions& o)
      : loop(l), options(o), cache(kCachedNames), hosts_file(o.hosts), conf_file(o.resolv_conf) {}

  QueryPtr resolve(std::string_view host, Callback callback);
  void answer(const Resolved& resolved, const Callback& callback);
  void reread_files();
  void use_servers(std::vector<Address> addresses);
  void remember(const std::string& name, const DnsCache::Answer& resolved, std::optional<std::chrono::seconds> ttl);
  void deliver(const std::vector<std::shared_ptr<Waiter>>& waiters, const Resolved& resolved);
  void end(Lookup& lookup);

  Loop& loop;
  ResolverOptions options;
  ResolverStats stats;
  bool closed = false;  // the Resolver is gone
  DnsCache cache;
  WatchedFile hosts_file;
  WatchedFile conf_file;
  HostsFile hosts;
  ResolvConf conf;
  std::shared_ptr<DnsServers> servers;  // null: there are none
  std::unordered_map<std::string, std::unique_ptr<Lookup>> lookups;
};

// One name on its way through DNS: its candidates in turn, of each A and AAAA together.
class Resolver::State::Lookup final : public Buried {
 public:
  Lookup(State& state, std::string name)
      : state_(state),
        name_(std::move(name)),
        servers_(state.servers),
        candidates_(state.conf.candidates(name_)),
        deadline_(state.loop, [this] { on_deadline(); }),
        grace_(state.loop, [this] { on_grace_over(); }) {}

  void start() {
    deadline_.set(state_.options.timeout);
    ask();
  }
  [[nodiscard]] const std::string& name() const { return name_; }
  void add(std::shared_ptr<Waiter> waiter) { waiters_.push_back(std::move(waiter)); }
  // What was answered without the late AAAA; null before.
  [[nodiscard]] const DnsCache::Answer& early() const { return early_; }

 private:
  struct Half {
    std::unique_ptr<DnsExchange> exchange;
    std::optional<DnsAnswer> answer;
    [[nodiscard]] bool has_addresses() const { return answer && answer->error == DnsError::None; }
  };

  void ask();
  void on_answer(Half& half, DnsAnswer answer);
  void on_deadline();
  void on_grace_over();
  void note_failure();
  void settle();
  void conclude(DnsError error);
  [[nodiscard]] std::optional<std::chrono::seconds> ttl() const;

  State& state_;
  const std::string name_;
  const std::shared_ptr<DnsServers> servers_;  // as they were at the start: a new resolv.conf serves new look-ups
  const std::vector<std::string> candidates_;
  std::size_t candidate_ = 0;
  Half a_;
  Half aaaa_;
  Timer deadline_;
  Timer grace_;  // how much longer AAAA may take
  std::vector<std::shared_ptr<Waiter>> waiters_;
  DnsError worst_ = DnsError::NoSuchName;  // of the candidates so far
  std::optional<std::chrono::seconds> negative_ttl_;
  DnsCache::Answer early_;
  bool done_ = false;
};

void Resolver::State::Lookup::ask() {
  const std::string& candidate = candidates_[candidate_];
  a_ = {};
  aaaa_ = {};
  const auto begin = [&](Half& half, DnsType type) {
    half.exchange =
        std::make_unique<DnsExchange>(state_.loop, servers_, DnsQuestion{candidate, type},
                                      [this, &half](DnsAnswer answer) { on_answer(half, std::move(answer)); });
  };
  begin(a_, DnsType::A);
  begin(aaaa_, DnsType::Aaaa);
}

// The exchange that calls this may be destroyed here: it is done with itself.
void Resolver::State::Lookup::on_answer(Half& half, DnsAnswer answer) {
  if (done_) return;
  half.answer = std::move(answer);
  if (a_.answer && aaaa_.answer) return settle();
  if (a_.has_addresses() || (a_.answer && a_.answer->error == DnsError::NoSuchName)) grace_.set(kResolutionDelay);
}

void Resolver::State::Lookup::on_grace_over() {
  if (!a_.has_addresses()) {  // NXDOMAIN is said of the name, not of one type
    aaaa_.answer = DnsAnswer{DnsError::NoSuchName, {}, std::nullopt};
    return settle();
  }
  auto resolved = std::make_shared<Resolved>();
  resolved->addresses = a_.answer->addresses;
  early_ = resolved;
  state_.remember(name_, resolved, a_.answer->ttl);
  // The look-up goes on, to add the late AAAA to what is cached.
  state_.deliver(std::exchange(waiters_, {}), *resolved);
}

void Resolver::State::Lookup::on_deadline() {
  const DnsAnswer late{DnsError::Timeout, {}, std::nullopt};
  if (!a_.answer) a_.answer = late;
  if (!aaaa_.answer) aaaa_.answer = late;
  candidate_ = candidates_.size() - 1;  // there is no time for another
  settle();
}

// Both halves of a candidate are known.
void Resolver::State::Lookup::settle() {
  grace_.cancel();
  if (a_.has_addresses() || aaaa_.has_addresses()) return conclude(DnsError::None);
  note_failure();
  if (++candidate_ < candidates_.size()) return ask();
  conclude(worst_);
}

// What does not settle whether the name exists weighs more than what does; an existing name more than an unknown one.
void Resolver::State::Lookup::note_failure() {
  const DnsError a = a_.answer->error;
  const DnsError aaaa = aaaa_.answer->error;
  // "No such name" is said of the name, whatever the type: then the other half's trouble does not matter.
  const DnsError error =
      a == DnsError::NoSuchName || aaaa == DnsError::NoSuchName ? DnsError::NoSuchName : std::max(a, aaaa);
  worst_ = std::max(worst_, error);
  for (const Half* half : {&a_, &aaaa_}) {
    if (half->answer->ttl)
      negative_ttl_ = negative_ttl_ ? std::min(*negative_ttl_, *half->answer->ttl) : *half->answer->ttl;
  }
}

std::optional<std::chrono::seconds> Resolver::State::Lookup::ttl() const {
  std::optional<std::chrono::seconds> ttl;
  for (const Half* half : {&a_, &aaaa_}) {
    if (half->has_addresses() && half->answer->ttl) ttl = ttl ? std::min(*ttl, *half->answer->ttl) : *half->answer->ttl;
  }
  return ttl;
}

void Resolver::State::Lookup::conclude(DnsError error) {
  done_ = true;
  deadline_.cancel();
  auto resolved = std::make_shared<Resolved>();
  resolved->error = error;
  if (error == DnsError::None) resolved->addresses = interleave(aaaa_.answer->addresses, a_.answer->addresses);
  state_.remember(name_, resolved, error == DnsError::None ? ttl() : negative_ttl_);
  const auto waiters = std::exchange(waiters_, {});
  State& state = state_;
  state.end(*this);  // this lives until the turn ends, but asks no more
  state.deliver(waiters, *resolved);
}

void Resolver::State::end(Lookup& lookup) {
  const auto at = lookups.find(lookup.name());
  loop.bury(std::move(at->second));
  lookups.erase(at);
}

void Resolver::State::remember(const std::string& name, const DnsCache::Answer& resolved,
                               std::optional<std::chrono::seconds> ttl) {
  using std::chrono::milliseconds;
  milliseconds keep = kFailureTtl;
  if (resolved->error == DnsError::None) {
    keep = std::clamp<milliseconds>(ttl.value_or(std::chrono::seconds(0)), options.min_ttl,
                                    std::max(options.min_ttl, options.max_ttl));
  } else if (resolved->error == DnsError::NoSuchName || resolved->error == DnsError::NoAddress) {
    keep = ttl ? std::min<milliseconds>(*ttl, options.negative_ttl) : options.negative_ttl;
  }
  cache.put(name, resolved, loop.now() + keep);
}

// Everyone who waits is told, even if one of them drops another's query, or the Resolver, in its callback.
void Resolver::State::deliver(const std::vector<std::shared_ptr<Waiter>>& waiters, const Resolved& resolved) {
  const auto self = shared_from_this();
  for (const auto& waiter : waiters) {
    if (closed) return;
    if (!waiter->callback) continue;
    if (resolved.error != DnsError::None) ++stats.failures;
    const Callback callback = std::exchange(waiter->callback, nullptr);
    callback(resolved);
  }
}

void Resolver::State::answer(const Resolved& resolved, const Callback& callback) {
  if (resolved.error != DnsError::None) ++stats.failures;
  callback(resolved);
}

void Resolver::State::use_servers(std::vector<Address> addresses) {
  servers.reset();
  if (addresses.empty()) return;
  servers = std::make_shared<DnsServers>();
  // Each server twice within the time there is.
  const auto share = options.timeout / (2 * static_cast<long>(addresses.size()));
  servers->retry = std::clamp(share, kShortestRetry, kLongestRetry);
  servers->addresses = std::move(addresses);
}

void Resolver::State::reread_files() {
  if (const auto text = hosts_file.changed(loop.now())) hosts = HostsFile(*text);
  const auto text = conf_file.changed(loop.now());
  if (!text) return;
  conf = ResolvConf::parse(*text);
  std::vector<Address> addresses;
  if (options.servers.empty()) addresses = conf.servers;
  for (const std::string& server : options.servers) {
    auto address = Address::parse_literal(server, kDnsPort);
    if (!address) address = Address::parse(server);
    if (address) addresses.push_back(*address);
  }
  use_servers(std::move(addresses));
}

Resolver::QueryPtr Resolver::State::resolve(std::string_view host, Callback callback) {
  if (const auto literal = Address::parse_literal(host, 0)) {
    callback(Resolved{DnsError::None, {*literal}});
    return nullptr;
  }
  ++stats.lookups;
  std::string name = to_lower(host);
  const bool is_complete = !name.empty() && name.back() == '.';
  const std::string bare = is_complete ? name.substr(0, name.size() - 1) : name;
  if (!is_plausible_name(bare)) {
    answer({DnsError::NoSuchName, {}}, callback);
    return nullptr;
  }
  reread_files();
  if (const auto* listed = hosts.find(bare)) {
    answer({DnsError::None, interleave(*listed)}, callback);
    return nullptr;
  }
  if (const auto special = special_answer(bare)) {
    answer(*special, callback);
    return nullptr;
  }
  if (const auto cached = cache.find(name, loop.now())) {
    ++stats.cache_hits;
    answer(*cached, callback);
    return nullptr;
  }
  if (!servers) {
    answer({DnsError::ServerFailure, {}}, callback);
    return nullptr;
  }
  const auto running = lookups.find(name);
  if (running != lookups.end() && running->second->early() != nullptr) {
    const DnsCache::Answer early = running->second->early();
    answer(*early, callback);
    return nullptr;
  }
  auto waiter = std::make_shared<Waiter>(Waiter{std::move(callback)});
  auto& lookup = lookups[name];
  const bool is_new = lookup == nullptr;
  if (is_new) lookup = std::make_unique<Lookup>(*this, name);
  lookup->add(waiter);
  if (is_new) lookup->start();
  return std::make_unique<WaiterQuery>(std::move(waiter));
}

Resolver::Resolver(Loop& loop, const ResolverOptions& options) : state_(std::make_shared<State>(loop, options)) {}

Resolver::~Resolver() {
  state_->closed = true;
}

Resolver::QueryPtr Resolver::resolve(std::string_view host, Callback callback) {
  const auto state = state_;  // the callback may destroy the Resolver
  return state->resolve(host, std::move(callback));
}

void Resolver::configure(const ResolverOptions& options) {
  if (options == state_->options) return;
  state_->options = options;
  state_->cache.clear();
  state_->hosts_file = WatchedFile(options.hosts);
  state_->conf_file = WatchedFile(options.resolv_conf);
}

const ResolverStats& Resolver::stats() const {
  return state_->stats;
}

}  // namespace larder::net
