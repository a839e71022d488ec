#include "proxy/client/worker.h"

#include "proxy/client/connection.h"

namespace larder::client {
namespace {

net::ResolverOptions resolver_options(const conf::Config& config) {
  net::ResolverOptions options;
  options.servers = config.dns.servers;
  options.hosts = config.dns.hosts;
  options.timeout = config.dns.timeout;
  options.min_ttl = config.dns.min_ttl;
  options.max_ttl = config.dns.max_ttl;
  options.negative_ttl = config.dns.negative_ttl;
  return options;
}

constexpr std::chrono::milliseconds kFlush{100};  // how late a line may reach the log, and DNS counters the scrape

}  // namespace

Worker::Worker(Shared& shared, metrics::Counters& counters, std::shared_ptr<const conf::Config> config)
    : shared_(shared),
      counters_(counters),
      config_(std::move(config)),
      access_(std::make_shared<const access::Access>(*config_)),
      resolver_(loop_, resolver_options(*config_)),
      origin_(std::make_unique<origin::Origin>(
          origin::Origin::House{loop_, resolver_, buffers_, shared.pool, shared.store, counters, shared.via}, config_)),
      log_(shared.log, counters.log_lines_dropped),
      flush_timer_(loop_, [this] { on_flush(); }) {}

Worker::~Worker() = default;

void Worker::listen(net::Fd fd) {
  listeners_.push_back(std::make_unique<net::Listener>(
      loop_, std::move(fd),
      [this](net::Fd accepted, const net::Address& peer) { on_accept(std::move(accepted), peer); }));
}

void Worker::run() {
  flush_timer_.set(kFlush);
  loop_.run();
  // Connections first: their readers let go of the objects that fetches fill.
  listeners_.clear();
  connections_.clear();
  origin_.reset();
  on_flush();
}

void Worker::on_flush() {
  log_.flush();
  const auto& dns = resolver_.stats();
  counters_.dns_lookups.add(dns.lookups - counters_.dns_lookups.get());
  counters_.dns_cache_hits.add(dns.cache_hits - counters_.dns_cache_hits.get());
  counters_.dns_failures.add(dns.failures - counters_.dns_failures.get());
  flush_timer_.set(kFlush);
}

void Worker::configure(std::shared_ptr<const conf::Config> config) {
  config_ = std::move(config);
  access_ = std::make_shared<const access::Access>(*config_);
  resolver_.configure(resolver_options(*config_));
  origin_->configure(config_);
}

store::Tick Worker::tick() const {
  return static_cast<store::Tick>(
      std::chrono::duration_cast<std::chrono::milliseconds>(loop_.now().time_since_epoch()).count());
}

void Worker::on_accept(net::Fd fd, const net::Address& peer) {
  if (shared_.connections.load(std::memory_order_relaxed) >= config_->limits.client_connections) {
    counters_.client_connections_refused.add();
    return;  // closes it
  }
  shared_.connections.fetch_add(1, std::memory_order_relaxed);
  counters_.client_connections.add();
  counters_.client_connections_accepted.add();
  auto connection = std::make_unique<Connection>(*this, std::move(fd), peer);
  Connection& made = *connection;
  connections_.emplace(&made, std::move(connection));
  made.start();
}

void Worker::forget(Connection& connection) {
  const auto it = connections_.find(&connection);
  if (it == connections_.end()) return;
  shared_.connections.fetch_sub(1, std::memory_order_relaxed);
  counters_.client_connections.sub();
  loop_.bury(std::move(it->second));
  connections_.erase(it);
  stop_when_idle();
}

void Worker::stop_when_idle() {
  // A fetch here may be filling an object that another worker's clients read.
  if (draining_ && connections_.empty() && origin_->is_idle()) loop_.stop();
}

void Worker::drain() {
  draining_ = true;
  origin_->set_on_idle([this] { stop_when_idle(); });
  listeners_.clear();
  std::vector<Connection*> all;  // a connection that closes leaves the map
  for (const auto& [connection, owned] : connections_) all.push_back(connection);
  for (Connection* connection : all) connection->drain();
  stop_when_idle();
}

void Worker::stop_now() {
  loop_.stop();
}

}  // namespace larder::client
