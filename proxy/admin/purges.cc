#include "proxy/admin/purges.h"

#include <utility>

#include "cache/http/text.h"
#include "metrics/access_log.h"

namespace larder::admin {
namespace {

using store::disk::JournalEntry;

Answer answer_of(std::size_t memory, const store::Purged& purged) {
  std::string out = "{\"memory\": ";
  http::append_number(out, memory);
  out += ", \"disk\": ";
  http::append_number(out, purged.disk);
  out.append(", \"durable\": ").append(purged.is_durable ? "true" : "false");
  if (!purged.is_over) return json(202, out + ", \"sweeping\": true}");
  if (purged.is_durable) return json(200, out + "}");
  return json(500, out +
                       ", \"error\": \"It is gone, but that could not be written down: a restart may bring back what "
                       "is on disk.\"}");
}

}  // namespace

Purges::Purges(net::Loop& loop, store::Store& store, KeyOf key_of, std::chrono::milliseconds patience)
    : loop_(loop), store_(store), key_of_(std::move(key_of)), patience_(patience) {}

store::Store::Told Purges::told(std::uint64_t number) {
  return [&loop = loop_, jobs = std::weak_ptr<Jobs>(jobs_), number](const store::Purged& purged) {
    loop.post([jobs, number, purged] {
      if (const auto there = jobs.lock()) on_told(*there, number, purged);
    });
  };
}

void Purges::on_told(Jobs& jobs, std::uint64_t number, const store::Purged& purged) {
  const auto found = jobs.find(number);
  if (found == jobs.end()) return;  // was answered that it goes on
  found->second->purged = purged;
  if (purged.is_over) finish(jobs, number);
}

void Purges::finish(Jobs& jobs, std::uint64_t number) {
  const auto found = jobs.find(number);
  const auto job = std::move(found->second);
  jobs.erase(found);
  job->later->give(answer_of(job->memory, job->purged));
}

Understood<std::uint64_t> Purges::start(const Parameters& parameters) {
  const std::uint64_t number = last_ + 1;
  const auto begin = [&] {
    last_ = number;
    auto job = std::make_unique<Job>(loop_, [this, number] { finish(*jobs_, number); });
    job->timer.set(patience_);
    return jobs_->emplace(number, std::move(job)).first->second.get();
  };
  if (const auto url = parameters.get("url")) {
    const auto uri = parse_url(*url);
    if (!uri) return misunderstood(uri.error());
    const std::string key = key_of_(*uri);
    begin()->memory = store_.purge(key, store_.hash(key), told(number));
    return number;
  }
  JournalEntry entry{JournalEntry::Kind::All, 0, 0, {}};
  for (const std::string_view by : {"host", "prefix", "tag"}) {
    const auto text = parameters.get(by);
    if (!text) continue;
    auto selected = select(by, *text);
    if (!selected) return misunderstood(std::move(selected.error()));
    entry = std::move(*selected);
  }
  if (entry.kind == JournalEntry::Kind::All && parameters.get("all") != "1") {
    return misunderstood("To purge everything, say all=1.");
  }
  begin()->memory = store_.purge_all(entry, told(number));
  return number;
}

Reply Purges::reply(const Request& request) {
  if (request.head.method != http::Method::Post) {
    Answer answer = plain(405, "A purge changes something: ask for it by POST.");
    answer.allow = "POST";
    return answer;
  }
  if (request.has_content) return plain(413, "What to purge stands in the query; there must be no content.");
  const auto parameters = Parameters::parse(request.head.target, {"url", "host", "prefix", "tag", "all"});
  if (!parameters) return plain(400, parameters.error());
  if (parameters->size() != 1) return plain(400, "Say one of url, host, prefix, tag and all=1.");
  const auto number = start(*parameters);
  if (!number) return plain(400, number.error());
  return jobs_->at(*number)->later;
}

}  // namespace larder::admin
