#include "proxy/admin/admin.h"

#include <utility>

#include "proxy/admin/connection.h"
#include "proxy/admin/guard.h"

namespace larder::admin {
namespace {

constexpr std::chrono::seconds kTick{1};

constexpr std::string_view kIndexBegin = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Larder</title>
<style>
:root { color-scheme: light dark; --paper: #fbfaf7; --ink: #24211c; --soft: #6b655b; --accent: #9a4a12; }
@media (prefers-color-scheme: dark) { :root { --paper: #191714; --ink: #ece7de; --soft: #a59d90; --accent: #eda05f; } }
body { margin: 0 auto; max-width: 40rem; padding: 3rem 1.25rem; background: var(--paper); color: var(--ink);
  font: 16px/1.6 system-ui, sans-serif; }
h1 { margin: 0; }
p { color: var(--soft); margin: 0 0 1.5rem; }
a { color: var(--accent); font-weight: 600; }
dt { margin-top: .75rem; }
dd { margin: 0; color: var(--soft); }
</style>
</head>
<body>
<h1>Larder</h1>
<p>Version )";

constexpr std::string_view kIndexEnd = R"(. This is the operator's port.</p>
<dl>
<dt><a href="/metrics">/metrics</a></dt><dd>Counters and gauges for Prometheus.</dd>
<dt><a href="/healthz">/healthz</a></dt><dd>200 while requests are taken, 503 while draining.</dd>
<dt><a href="/objects">/objects</a></dt><dd>What is stored; filters: host, prefix, tag, tier, limit, after.</dd>
<dt>/purge</dt><dd>POST with one of url, host, prefix, tag or all=1 in the query: removes what is stored of that.</dd>
</dl>
</body>
</html>
)";

}  // namespace

Admin::Admin(net::Loop& loop, net::Fd listening, metrics::Exposition& exposition, Options options)
    : loop_(loop),
      exposition_(exposition),
      options_(std::move(options)),
      ticker_(loop, [this] { on_tick(); }),
      listener_(loop, std::move(listening), [this](net::Fd fd, const net::Address&) { on_accept(std::move(fd)); }) {
  if (options_.store != nullptr) {
    purges_ = std::make_unique<Purges>(loop, *options_.store, options_.key_of, options_.purge);
    objects_ = std::make_unique<Objects>(loop, *options_.store);
  }
  exposition_.tick(loop_.now());
  ticker_.set(kTick);
}

Admin::~Admin() = default;

void Admin::on_tick() {
  exposition_.tick(loop_.now());
  ticker_.set(kTick);
}

void Admin::on_accept(net::Fd fd) {
  if (connections_.size() >= options_.connections) return;  // closed by dropping it
  auto connection = std::make_unique<Connection>(*this, std::move(fd));
  connections_.emplace(connection.get(), std::move(connection));
}

void Admin::remove(Connection& connection) {
  const auto found = connections_.find(&connection);
  if (found == connections_.end()) return;
  loop_.bury(std::move(found->second));
  connections_.erase(found);
}

Answer Admin::answer_health() const {
  if (!options_.healthy()) return plain(503, "draining");
  return plain(200, "ok" + options_.troubles());
}

Reply Admin::reply(const Request& request) {
  const http::RequestHead& head = request.head;
  if (!head.target.starts_with('/')) return plain(400, "This port is not the proxy: ask for a path such as /metrics.");
  if (auto refusal = refuse_foreign(head, options_.names)) return std::move(*refusal);
  const auto path = head.target.substr(0, head.target.find('?'));
  if (path == "/purge" && purges_) return purges_->reply(request);
  if (head.method != http::Method::Get && head.method != http::Method::Head)
    return plain(405, "Only GET and HEAD are answered here.");
  if (path == "/objects" && objects_) return objects_->reply(request);
  if (path == "/metrics") return Answer{200, "text/plain; version=0.0.4", exposition_.scrape()};
  if (path == "/healthz") return answer_health();
  if (path == "/")
    return Answer{200, "text/html; charset=utf-8", std::string(kIndexBegin).append(options_.version).append(kIndexEnd)};
  return plain(404, "There is nothing here; see /.");
}

}  // namespace larder::admin
