#include "proxy/admin/objects.h"

#include <utility>

#include "cache/http/text.h"
#include "cache/policy/meta.h"
#include "cache/policy/vary.h"
#include "metrics/access_log.h"

namespace larder::admin {
namespace {

using metrics::append_json_text;

constexpr std::uint64_t kMostObjects = 1000;

void append_seconds(std::string& out, http::Seconds seconds) {
  if (seconds.count() < 0) out.push_back('-');
  http::append_number(out, static_cast<std::uint64_t>(seconds.count() < 0 ? -seconds.count() : seconds.count()));
}

void append_object(std::string& out, const store::Listed& object, http::Time now) {
  const store::Head& head = *object.head;
  http::FieldList fields;
  head.parse_fields(fields);
  out += "{\"url\": ";
  append_json_text(out, object.key);
  out += ", \"tiers\": [";
  if (object.in_memory) out += "\"memory\"";
  if (object.on_disk) out += object.in_memory ? ", \"disk\"" : "\"disk\"";
  out += "], \"status\": ";
  http::append_number(out, head.status);
  out += ", \"size\": ";
  http::append_number(out, object.size);
  if (object.is_partial) out += ", \"partial\": true";
  out += ", \"age\": ";
  append_seconds(out, policy::current_age(head.meta, now));
  out += ", \"ttl\": ";
  append_seconds(out, policy::ttl(head.meta, now));
  out += ", \"stored_at\": ";
  metrics::append_json_time(out, head.meta.response_time);
  if (!head.vary.empty()) {
    out += ", \"variant\": ";
    append_json_text(out, policy::describe_vary(head.vary));
  }
  if (const auto* type = http::find(fields, "Content-Type")) {
    out += ", \"content_type\": ";
    append_json_text(out, type->value);
  }
  out += "}";
}

Understood<store::Query> query_of(const Parameters& parameters) {
  store::Query query;
  for (const std::string_view by : {"host", "prefix", "tag"}) {
    const auto text = parameters.get(by);
    if (!text) continue;
    auto selected = select(by, *text);
    if (!selected) return misunderstood(std::move(selected.error()));
    query.meant.push_back(std::move(*selected));
  }
  if (const auto tier = parameters.get("tier")) {
    if (tier != "memory" && tier != "disk") return misunderstood("The tier is memory or disk.");
    query.tier = tier == "memory" ? store::Query::Tier::Memory : store::Query::Tier::Disk;
  }
  if (const auto limit = parameters.get("limit")) {
    const auto number = http::parse_digits(*limit);
    if (!number || *number == 0 || *number > kMostObjects) return misunderstood("The limit is from 1 to 1000.");
    query.most = static_cast<std::size_t>(*number);
  }
  if (const auto after = parameters.get("after")) {
    const auto place = store::parse_place(*after);
    if (!place) return misunderstood("'after' takes what 'next' said on the page before.");
    query.from = *place;
  }
  return query;
}

}  // namespace

std::string describe(const store::Listing& listing, http::Time now) {
  std::string out = "{\"objects\": [";
  for (std::size_t i = 0; i < listing.objects.size(); ++i) {
    out += i == 0 ? "\n  " : ",\n  ";
    append_object(out, listing.objects[i], now);
  }
  out += listing.objects.empty() ? "], \"next\": " : "\n], \"next\": ";
  if (listing.next) {
    append_json_text(out, to_string(*listing.next));
  } else {
    out += "null";
  }
  return out + "}";
}

Reply Objects::reply(const Request& request) {
  const auto parameters = Parameters::parse(request.head.target, {"host", "prefix", "tag", "tier", "limit", "after"});
  if (!parameters) return plain(400, parameters.error());
  const auto query = query_of(*parameters);
  if (!query) return plain(400, query.error());
  const auto later = std::make_shared<Later>();
  store_.list(*query, [&loop = loop_, later](const store::Listing& listing) {
    // Described where the listing was made: a long one must not hold the loop up.
    const auto now = std::chrono::floor<http::Seconds>(std::chrono::system_clock::now());
    loop.post([later, text = describe(listing, now)] { later->give(json(200, text)); });
  });
  return later;
}

}  // namespace larder::admin
