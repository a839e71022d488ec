// What names are looked up with: a DNS reply, a name, a resolv.conf or a hosts file, as the first byte says ("0" a
// reply to a question for A, "4" for AAAA, "1" a name, "2" a resolv.conf, "3" a hosts file). A reply's question is
// always for www.example.test, with the id that the reply has.
#include <arpa/inet.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/net/dns_message.h"
#include "proxy/net/hosts_file.h"
#include "proxy/net/resolv_conf.h"
#include "proxy/net/words.h"

namespace larder::fuzz {
namespace {

using Bytes = std::vector<std::uint8_t>;
using net::Address;
using net::DnsQuestion;
using net::DnsReply;
using net::DnsType;
using Kind = DnsReply::Kind;

constexpr std::uint32_t kMaxTtl = 0x7fffffff;

void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

std::optional<DnsReply> parse(const Bytes& message, std::uint16_t id, const DnsQuestion& question) {
  return net::parse_reply(message.data(), message.size(), id, question);
}

bool is_lower(std::string_view text) {
  return text == net::to_lower(text);
}

// The bytes of an A or AAAA record.
Bytes data_of(const Address& address, DnsType type) {
  Bytes out;
  if (type == DnsType::Aaaa && !address.is_v6()) out = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  out.insert(out.end(), address.bytes(), address.bytes() + address.size());
  return out;
}

Bytes reply_of(std::uint16_t id, const DnsQuestion& question, const std::vector<Address>& addresses,
               std::uint32_t ttl) {
  Bytes out = net::encode_query(id, question);
  out[2] |= 0x80;
  out[7] = static_cast<std::uint8_t>(addresses.size());
  for (const Address& address : addresses) {
    const Bytes data = data_of(address, question.type);
    const auto type = static_cast<std::uint8_t>(question.type);
    out.insert(out.end(), {0xc0, 12, 0, type, 0, 1});
    for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<std::uint8_t>(ttl >> shift));
    out.insert(out.end(), {0, static_cast<std::uint8_t>(data.size())});
    out.insert(out.end(), data.begin(), data.end());
  }
  return out;
}

// A question is none of its own replies; an answer to it is one, with everything that was said.
void check_question(std::uint16_t id, const DnsQuestion& question, const std::vector<Address>& addresses,
                    std::uint32_t ttl) {
  check(!parse(net::encode_query(id, question), id, question), "a question is no reply");
  const auto reply = parse(reply_of(id, question, addresses, ttl), id, question);
  check(reply && reply->kind == Kind::Addresses && !reply->truncated, "an answer to it is one");
  check(reply->addresses == addresses && reply->ttl == ttl, "with its addresses and its time to live");
}

void check_kind(const Bytes& message, const DnsQuestion& question, const DnsReply& reply) {
  check((reply.kind == Kind::Addresses) == !reply.addresses.empty(), "addresses, if it says so");
  check(reply.addresses.size() <= 64, "not too many");
  for (const Address& address : reply.addresses) {
    check(address.port() == 0 && !address.empty(), "an address has no port");
    check(question.type == DnsType::Aaaa || !address.is_v6(), "it is of the type that was asked for");
    const Bytes data = data_of(address, question.type);
    check(std::search(message.begin(), message.end(), data.begin(), data.end()) != message.end(), "it was said");
  }
  check(!reply.ttl || *reply.ttl <= kMaxTtl, "a time to live has 31 bits");
  if (reply.kind == Kind::Addresses) check(reply.ttl.has_value(), "addresses have a time to live");
  if (reply.kind == Kind::Failed) check(!reply.ttl, "a failure has none");
}

// What was said does not depend on what follows it, and what is cut off is not read as something else.
void check_ends(Bytes message, std::uint16_t id, const DnsQuestion& question, const DnsReply& reply) {
  Bytes cut(message.begin(), message.end() - 1 - static_cast<std::ptrdiff_t>(id % message.size()));
  cut.shrink_to_fit();
  if (const auto part = parse(cut, id, question); part && part->kind != Kind::Failed) {
    check(part->kind == reply.kind && part->addresses == reply.addresses, "a part says the same or nothing");
    check(part->ttl == reply.ttl || !part->ttl, "and for as long");
  }
  if (reply.kind != Kind::Addresses) return;
  message.insert(message.end(), {0xc0, 12, 0, 1, 0, 1});
  const auto longer = parse(message, id, question);
  check(longer && longer->addresses == reply.addresses && longer->ttl == reply.ttl, "what follows is not read");
  message[2] |= 0x02;
  const auto truncated = parse(message, id, question);
  check(truncated && truncated->truncated && truncated->addresses == reply.addresses, "truncated, it is still there");
}

void fuzz_reply(std::string_view input, DnsType type) {
  const Bytes message(input.begin(), input.end());
  const auto id = static_cast<std::uint16_t>(message.size() < 2 ? 0 : message[0] << 8 | message[1]);
  const DnsQuestion question{"www.example.test", type};
  const auto reply = parse(message, id, question);
  check(!parse(message, id ^ 1, question), "a reply has the id that was asked with");
  if (!reply) return;
  check(message.size() >= 12, "a reply has a header");
  const DnsType other = type == DnsType::A ? DnsType::Aaaa : DnsType::A;
  const bool has_question = message[4] != 0 || message[5] != 0;
  check(has_question || reply->kind == Kind::Failed, "a reply repeats the question that it answers");
  check(!has_question || !parse(message, id, {question.name, other}), "with its type");
  check(!has_question || !parse(message, id, {"example.test", type}), "and its name");
  check_kind(message, question, *reply);
  if (!reply->truncated) check_ends(message, id, question, *reply);
  if (reply->kind == Kind::Addresses) check_question(id, question, reply->addresses, *reply->ttl);
}

void fuzz_name(std::string_view name) {
  if (!net::is_plausible_name(name)) return;
  check(!name.empty() && name.size() <= 253 && name.front() != '.' && name.back() != '.', "a name has its length");
  check(!Address::parse_literal(name, 0), "a name is no literal");
  in_addr in{};
  check(::inet_aton(std::string(name).c_str(), &in) == 0, "nor is it one to the lenient");
  const std::string lower = net::to_lower(name);
  check(net::is_plausible_name(lower), "a name is one in lower case too");
  const Address v4 = Address::v4(htonl(0xc0000201), 0);
  const Address v6 = *Address::parse_literal("2001:db8::1", 0);
  check_question(7, {lower, DnsType::A}, {v4, v4}, 0);
  check_question(0xffff, {lower, DnsType::Aaaa}, {v6, v4}, kMaxTtl);
}

void check_candidates(const net::ResolvConf& conf, std::string_view name) {
  const std::vector<std::string> names = conf.candidates(name);
  if (name.ends_with('.')) {
    check(names.size() == 1 && names[0] + "." == name, "a complete name is asked for as it is");
    return;
  }
  check(std::count(names.begin(), names.end(), name) == 1, "the name itself is asked for");
  check(names.size() <= conf.search.size() + 1, "and at most one name for each domain");
  const auto dots = static_cast<unsigned>(std::count(name.begin(), name.end(), '.'));
  check((dots >= conf.ndots ? names.front() : names.back()) == name, "first or last, as ndots says");
  for (const std::string& candidate : names) {
    if (candidate == name) continue;
    check(net::is_plausible_name(candidate) && candidate.starts_with(std::string(name) + "."), "with a domain");
    check(!net::is_plausible_name(name) || is_lower(candidate), "in lower case");
  }
}

void fuzz_resolv_conf(std::string_view text) {
  const net::ResolvConf conf = net::ResolvConf::parse(text);
  check(conf.servers.size() <= 3 && conf.search.size() <= 32 && conf.ndots <= 15, "the C library's limits");
  std::string again = "options ndots:" + std::to_string(conf.ndots) + "\nsearch";
  for (const std::string& domain : conf.search) {
    check(net::is_plausible_name(domain) && is_lower(domain), "a search domain is a name");
    again += " " + domain;
  }
  for (const Address& server : conf.servers) {
    check(!server.empty() && server.port() == 53, "a server has an address");
    again += "\nnameserver ";
    server.append_host(again);
  }
  const net::ResolvConf second = net::ResolvConf::parse(again);
  check(second.ndots == conf.ndots && second.search == conf.search, "what is written anew is read the same");
  check(std::equal(second.servers.begin(), second.servers.end(), conf.servers.begin(), conf.servers.end(),
                   [](const Address& a, const Address& b) { return a.same_host(b); }),
        "and so are the servers");
  for (const std::string_view name : {"www", "www.example.test", "www.example.test.", "a.b.c", "", "."})
    check_candidates(conf, name);
  check_candidates(conf, net::to_lower(net::take_line(text)));
}

// The words of `text` that the file does name.
std::set<std::string> names_in(const net::HostsFile& hosts, std::string_view text) {
  std::set<std::string> names;
  while (!text.empty()) {
    std::string_view line = net::take_line(text);
    for (std::string_view word = net::take_word(line); !word.empty(); word = net::take_word(line)) {
      word = word.substr(0, word.find('#'));
      if (word.size() > 1 && word.ends_with('.')) word.remove_suffix(1);
      std::string name = net::to_lower(word);
      if (hosts.find(name) != nullptr) names.insert(std::move(name));
    }
  }
  return names;
}

void fuzz_hosts(std::string_view text) {
  const net::HostsFile hosts(text);
  check(hosts.find("") == nullptr, "nothing has no name");
  const std::set<std::string> names = names_in(hosts, text);
  check(names.size() == hosts.size(), "every name is a word of the file");
  std::string again;
  for (const std::string& name : names) {
    const std::vector<Address>& addresses = *hosts.find(name);
    check(!addresses.empty() && addresses.size() <= 32, "a name has some addresses");
    for (const Address& address : addresses) {
      check(!address.empty() && address.port() == 0, "an address has no port");
      check(std::count(addresses.begin(), addresses.end(), address) == 1, "and is there once");
      address.append_host(again);
      again += "\t" + name + ".\n";
    }
  }
  const net::HostsFile second(again);
  check(second.size() == hosts.size(), "what is written anew names the same");
  for (const std::string& name : names) {
    const std::vector<Address>* addresses = second.find(name);
    check(addresses != nullptr && *addresses == *hosts.find(name), "with the same addresses, in their order");
  }
}

void run(std::uint8_t what, std::string_view input) {
  switch (what & 3) {
    case 0:
      fuzz_reply(input, (what & 4) == 0 ? DnsType::A : DnsType::Aaaa);
      break;
    case 1:
      fuzz_name(input);
      break;
    case 2:
      fuzz_resolv_conf(input);
      break;
    default:
      fuzz_hosts(input);
  }
}

}  // namespace
}  // namespace larder::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0) larder::fuzz::run(data[0], {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}
