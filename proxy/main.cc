// Wires the rooms together: command line, configuration, listeners, workers, signals, reload, drain.
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <random>
#include <thread>

#include "cache/policy/url_rules.h"
#include "cache/store/disk/disk.h"
#include "conf/load.h"
#include "metrics/exposition.h"
#include "proxy/admin/admin.h"
#include "proxy/admin/health_check.h"
#include "proxy/client/worker.h"
#include "proxy/net/signals.h"

namespace larder {
namespace {

constexpr int kExitConfig = 2;

struct Arguments {
  std::string config;
  std::vector<std::string> set;
  bool check = false;
  bool print_schema = false;
  bool print_table = false;
  bool print_default = false;
  std::string preset;
  bool health = false;
  std::string admin;
};

void say(const std::string& line) {
  std::fprintf(stderr, "larder: %s\n", line.c_str());
}

void complain(const std::vector<conf::Error>& errors) {
  for (const auto& error : errors) say(error.where + ": " + error.expected);
}

std::string random_name() {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::random_device device;
  std::uint32_t bits = device();
  std::string name;
  for (int i = 0; i < 8; ++i, bits >>= 4) name.push_back(kDigits[bits & 15]);
  return name;
}

// As many descriptors as the system allows us; nothing is ever sized by the result.
void raise_descriptor_limit() {
  constexpr rlim_t kEnough = 1 << 20;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min(limit.rlim_max, kEnough);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Bodies come and go in pieces of up to 256 KiB: by default each that is freed goes back to the system at once, and the
// next is got from there page by page.
void keep_freed_memory() {
  constexpr int kKept = 8 << 20;  // for each thread, at most
  constexpr int kLargest = 1 << 20;
  ::mallopt(M_TRIM_THRESHOLD, kKept);
  ::mallopt(M_MMAP_THRESHOLD, kLargest);
}

unsigned usable_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (::sched_getaffinity(0, sizeof(cores), &cores) == 0) return static_cast<unsigned>(CPU_COUNT(&cores));
  return std::max(1U, std::thread::hardware_concurrency());
}

origin::Pool::Limits pool_limits(const conf::Config& config) {
  return {config.limits.origin_idle_connections, config.limits.origin_idle_per_host, config.timeouts.origin_idle};
}

class Program {
 public:
  explicit Program(Arguments arguments, std::shared_ptr<const conf::Config> config)
      : arguments_(std::move(arguments)), config_(std::move(config)) {}

  int run();

 private:
  bool open_log();
  bool listen();
  bool listen_admin();
  int open_disk();
  void start_workers();
  void on_signal(int number);
  void reload();
  void drain();
  void on_second();
  metrics::Gauges gauges() const;
  std::string troubles() const;
  std::string key_of(const http::Uri& uri) const;

  Arguments arguments_;
  std::shared_ptr<const conf::Config> config_;
  net::Loop loop_;
  std::unique_ptr<metrics::AccessLog> log_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<store::Disk> disk_;  // goes before the store: what it still reads or writes counts on that
  std::unique_ptr<origin::Pool> pool_;
  std::unique_ptr<client::Shared> shared_;
  std::vector<std::unique_ptr<metrics::Counters>> counters_;
  std::vector<std::unique_ptr<client::Worker>> workers_;
  std::vector<std::vector<net::Fd>> listening_;  // by worker
  std::vector<net::Address> addresses_;
  net::Fd admin_fd_;
  std::unique_ptr<metrics::Exposition> exposition_;
  std::unique_ptr<admin::Admin> admin_;
  std::vector<std::thread> threads_;
  std::unique_ptr<net::Timer> second_;
  std::unique_ptr<net::Timer> drain_timer_;
  std::size_t running_ = 0;
  bool draining_ = false;
};

bool Program::open_log() {
  auto log = metrics::AccessLog::open(config_->log.access);
  if (!log) {
    say("log.access: " + log.error());
    return false;
  }
  log_ = std::move(*log);
  return true;
}

bool Program::listen() {
  const unsigned count = config_->workers != 0 ? config_->workers : usable_cores();
  listening_.resize(count);
  for (const auto& text : config_->listen) {
    auto address = net::Address::parse(text);  // the configuration has checked it
    // Once without sharing: or a second Larder would take half of the first one's clients and nobody would notice.
    if (const auto alone = net::listen_on(*address, false); !alone && !alone.error().is_family_unknown) {
      say("listen: " + alone.error().text);
      return false;
    }
    for (auto& of_worker : listening_) {
      auto fd = net::listen_on(*address, true);
      if (!fd) {
        say("listen: " + fd.error().text);
        // A configuration for every machine names "[::]" beside "0.0.0.0": one family is enough to serve.
        if (fd.error().is_family_unknown) break;
        return false;
      }
      // Port 0: the first socket takes a free port, the other workers' sockets share it.
      address = net::bound_address(fd->get());
      of_worker.push_back(std::move(*fd));
    }
    if (listening_.front().size() > addresses_.size()) addresses_.push_back(*address);
  }
  return !addresses_.empty();
}

bool Program::listen_admin() {
  if (config_->admin.listen.empty()) return true;
  auto fd = net::listen_on(*net::Address::parse(config_->admin.listen), false);
  if (!fd) {
    say("admin.listen: " + fd.error().text);
    return false;
  }
  admin_fd_ = std::move(*fd);
  return true;
}

metrics::Gauges::Disk disk_gauges(const store::Disk::Stats& stats) {
  metrics::Gauges::Disk disk;
  disk.objects = stats.objects;
  disk.bytes = stats.bytes;
  disk.capacity = stats.capacity;
  disk.evictions = stats.evictions;
  disk.stored = stats.stored;
  disk.stored_bytes = stats.stored_bytes;
  disk.carried_bytes = stats.carried_bytes;
  disk.skipped = stats.skipped;
  disk.index_bytes = stats.index_memory;
  for (std::size_t i = 0; i < store::disk::kStates; ++i) {
    const auto state = static_cast<store::disk::State>(i);
    disk.states.emplace_back(to_string(state), state == stats.state ? 1 : 0);
  }
  for (std::size_t i = 0; i < store::disk::kErrorKinds; ++i) {
    disk.errors.emplace_back(to_string(static_cast<store::disk::ErrorKind>(i)), stats.errors[i]);
  }
  return disk;
}

metrics::Gauges Program::gauges() const {
  const auto stats = store_->stats();
  metrics::Gauges gauges;
  gauges.memory_objects = stats.objects;
  gauges.memory_bytes = stats.bytes;
  gauges.memory_evictions = stats.evictions;
  gauges.memory_capacity = stats.capacity;
  if (disk_) gauges.disk = disk_gauges(disk_->stats());
  gauges.origin_idle = pool_->idle();
  gauges.workers = workers_.size();
  gauges.log_lines_lost = log_->lost_lines();
  return gauges;
}

// 0, or the exit status.
int Program::open_disk() {
  const auto& wanted = config_->cache.disk;
  if (wanted.path.empty() || wanted.size == 0) return 0;
  store::disk::Options options;
  options.path = wanted.path;
  options.size = wanted.size;
  options.memory = config_->cache.memory;
  options.say = say;
  std::random_device device;
  auto opened = store::Disk::open(std::move(options), (std::uint64_t{device()} << 32) | device());
  if (opened) {
    disk_ = std::move(*opened);
    return 0;
  }
  say("cache.disk.path: " + opened.error().text + (wanted.is_explicit ? "" : "; going on without a disk tier"));
  return wanted.is_explicit ? kExitConfig : 0;
}

void Program::start_workers() {
  for (std::size_t i = 0; i < listening_.size(); ++i) {
    counters_.push_back(std::make_unique<metrics::Counters>());
    workers_.push_back(std::make_unique<client::Worker>(*shared_, *counters_.back(), config_));
    for (auto& fd : listening_[i]) workers_.back()->listen(std::move(fd));
  }
  running_ = workers_.size();
  for (auto& worker : workers_) {
    threads_.emplace_back([this, &worker] {
      worker->run();
      loop_.post([this] {
        if (--running_ == 0) loop_.stop();
      });
    });
  }
}

std::string Program::troubles() const {
  using store::disk::State;
  const State state = disk_ ? disk_->stats().state : State::Ok;
  return state == State::Failing || state == State::Limited ? std::string("\ndisk: ") + to_string(state) : "";
}

std::string Program::key_of(const http::Uri& uri) const {
  std::string key;
  policy::append_cache_key(key, uri, origin::rules_of(*config_).urls);
  return key;
}

void Program::on_second() {
  pool_->sweep(loop_.now());
  second_->set(std::chrono::seconds(1));
}

void Program::reload() {
  auto loaded = conf::load(arguments_.config, arguments_.set);
  if (!loaded) {
    complain(loaded.error());
    say("reload: refused, the old configuration stays");
    return;
  }
  auto fresh = std::make_shared<const conf::Config>(std::move(*loaded));
  const auto& old = *config_;
  if (fresh->listen != old.listen || fresh->admin.listen != old.admin.listen || fresh->admin.names != old.admin.names ||
      fresh->workers != old.workers || fresh->cache.memory != old.cache.memory ||
      fresh->cache.disk.path != old.cache.disk.path || fresh->cache.disk.size != old.cache.disk.size ||
      fresh->log.access != old.log.access) {
    say("reload: listen, admin, workers, cache.memory, cache.disk and log.access change only at a restart");
  }
  config_ = fresh;
  pool_->set_limits(pool_limits(*fresh));
  for (auto& worker : workers_) {
    worker->loop().post([&worker = *worker, fresh] { worker.configure(fresh); });
  }
  say("reload: done");
}

void Program::drain() {
  if (draining_) {  // asked twice: at once
    for (auto& worker : workers_) worker->loop().post([&worker = *worker] { worker.stop_now(); });
    return;
  }
  draining_ = true;
  for (auto& worker : workers_) worker->loop().post([&worker = *worker] { worker.drain(); });
  drain_timer_ = std::make_unique<net::Timer>(loop_, [this] {
    for (auto& worker : workers_) worker->loop().post([&worker = *worker] { worker.stop_now(); });
  });
  drain_timer_->set(config_->timeouts.drain);
}

void Program::on_signal(int number) {
  if (number == SIGHUP) {
    reload();
  } else if (number == SIGUSR1) {
    log_->reopen();
  } else {
    drain();
  }
}

int Program::run() {
  raise_descriptor_limit();
  keep_freed_memory();
  // Before the first thread, so that all of them leave these signals to the loop here.
  const net::Signals signals(loop_, {SIGTERM, SIGINT, SIGHUP, SIGUSR1}, [this](int number) { on_signal(number); });
  if (!open_log() || !listen() || !listen_admin()) return 1;
  if (const int status = open_disk(); status != 0) return status;
  store_ = std::make_unique<store::Store>(config_->cache.memory, disk_.get());
  pool_ = std::make_unique<origin::Pool>(pool_limits(*config_));
  shared_ = std::unique_ptr<client::Shared>(
      new client::Shared{*store_, *pool_, *log_, addresses_, "larder (" + random_name() + ")", LARDER_VERSION});
  if (admin_fd_.valid()) shared_->own.push_back(net::bound_address(admin_fd_.get()));
  start_workers();
  std::vector<const metrics::Counters*> counters;
  for (const auto& one : counters_) counters.push_back(one.get());
  exposition_ = std::make_unique<metrics::Exposition>(
      std::move(counters), [this] { return gauges(); }, LARDER_VERSION);
  if (admin_fd_.valid()) {
    admin::Options options;
    options.version = LARDER_VERSION;
    options.healthy = [this] { return !draining_; };
    options.troubles = [this] { return troubles(); };
    options.store = store_.get();
    options.key_of = [this](const http::Uri& uri) { return key_of(uri); };
    options.names = config_->admin.names;
    admin_ = std::make_unique<admin::Admin>(loop_, std::move(admin_fd_), *exposition_, std::move(options));
  }
  second_ = std::make_unique<net::Timer>(loop_, [this] { on_second(); });
  second_->set(std::chrono::seconds(1));
  for (const auto& address : addresses_) say("listening on " + address.to_string());
  if (admin_) say("admin on " + admin_->address().to_string());
  say("ready");
  loop_.run();
  for (auto& thread : threads_) thread.join();
  admin_.reset();
  second_.reset();
  drain_timer_.reset();
  if (disk_) disk_->stop_reading();
  workers_.clear();  // their log buffers hand over the last lines
  return 0;
}

int health(const Arguments& arguments) {
  std::string address = arguments.admin;
  std::string path = "/healthz";
  if (address.empty()) {
    const auto config = conf::load(arguments.config, arguments.set);
    if (!config) {
      complain(config.error());
      return kExitConfig;
    }
    address = config->admin.listen;
    if (address.empty()) {
      address = config->listen.front();
      path = "/";
    }
  }
  const auto checked = admin::check_health(address, path);
  if (checked) return 0;
  say("health: " + checked.error());
  return 1;
}

int print_preset(const std::string& name) {
  const std::string text = conf::preset_json(name);
  if (text.empty()) {
    std::string names;
    for (const auto known : conf::preset_names()) names.append(names.empty() ? "" : ", ").append(known);
    say("--print-preset: there is no preset '" + name + "', only " + names);
    return kExitConfig;
  }
  std::cout << text;
  return 0;
}

int start(Arguments arguments) {
  if (arguments.print_schema) {
    std::cout << conf::json_schema() << '\n';
    return 0;
  }
  if (arguments.print_table) {
    std::cout << conf::markdown_table();
    return 0;
  }
  if (arguments.print_default) {
    std::cout << conf::default_json();
    return 0;
  }
  if (!arguments.preset.empty()) return print_preset(arguments.preset);
  if (arguments.health) return health(arguments);
  auto config = conf::load(arguments.config, arguments.set);
  if (!config) {
    complain(config.error());
    return kExitConfig;
  }
  if (arguments.check) {
    std::cout << "larder: the configuration is good\n";
    return 0;
  }
  std::signal(SIGPIPE, SIG_IGN);
  Program program(std::move(arguments), std::make_shared<const conf::Config>(std::move(*config)));
  return program.run();
}

}  // namespace
}  // namespace larder

int main(int argc, char** argv) {
  larder::Arguments arguments;
  CLI::App app(
      "Larder: a caching HTTP forward proxy. Without arguments it listens on 127.0.0.1:3128 and keeps 256 MiB in "
      "memory.",
      "larder");
  app.set_version_flag("--version", "larder " LARDER_VERSION);
  app.add_option("--config", arguments.config, "Configuration file (JSON)")->type_name("FILE");
  app.add_option("--set", arguments.set, "One configuration key, wins over the file; may be given again")
      ->type_name("KEY=VALUE")
      ->take_all()
      ->allow_extra_args(false);
  app.add_flag("--check-config", arguments.check, "Check the configuration and exit");
  app.add_flag("--print-schema", arguments.print_schema, "Print the configuration's JSON Schema and exit");
  app.add_flag("--print-config-table", arguments.print_table, "Print every key as a Markdown table and exit");
  app.add_flag("--print-default-config", arguments.print_default,
               "Print a configuration with every key's default and exit");
  app.add_option("--print-preset", arguments.preset, "Print a shipped set of caching rules (cache.presets) and exit")
      ->type_name("NAME");
  auto* health = app.add_subcommand("health", "Ask a running Larder whether it is well: exit 0 or 1");
  health->add_option("--admin", arguments.admin, "Its admin address; else the configuration's")->type_name("ADDR:PORT");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : larder::kExitConfig;
  }
  arguments.health = health->parsed();
  try {
    return larder::start(std::move(arguments));
  } catch (const std::exception& error) {  // start-up only: nothing throws once the loops run
    std::fprintf(stderr, "larder: %s\n", error.what());
    return 1;
  }
}
