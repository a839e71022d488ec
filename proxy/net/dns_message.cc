#include "proxy/net/dns_message.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace larder::net {
namespace {

constexpr std::uint16_t kTypeCname = 5;
constexpr std::uint16_t kTypeSoa = 6;
constexpr std::uint16_t kClassIn = 1;
constexpr std::uint16_t kFlagReply = 0x8000;
constexpr std::uint16_t kFlagTruncated = 0x0200;
constexpr std::uint16_t kFlagRecursionDesired = 0x0100;
constexpr std::uint16_t kOpcodeMask = 0x7800;
constexpr std::uint16_t kRcodeMask = 0x000f;
constexpr std::uint16_t kRcodeFormatError = 1;
constexpr std::uint16_t kRcodeNoSuchName = 3;
constexpr int kMaxPointers = 64;          // in one compressed name
constexpr int kMaxChain = 16;             // of CNAMEs
constexpr std::size_t kMaxRecords = 512;  // of one reply that are looked at
constexpr std::size_t kMaxAddresses = 64;

void put16(std::vector<std::uint8_t>& out, std::uint16_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value & 0xff));
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_name_char(char c) {
  c = lower(c);
  return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
}

// Reads forward and never past the end; once something did not fit, `ok` stays false and everything reads as zero.
struct Reader {
  const std::uint8_t* data;
  std::size_t size;
  std::size_t at = 0;
  bool ok = true;

  bool has(std::size_t n) {
    if (!ok || size - at < n) ok = false;
    return ok;
  }
  std::uint16_t u16() {
    if (!has(2)) return 0;
    const auto value = static_cast<std::uint16_t>((data[at] << 8) | data[at + 1]);
    at += 2;
    return value;
  }
  std::uint32_t u32() {
    const std::uint32_t high = u16();
    return (high << 16) | u16();
  }
  void skip(std::size_t n) {
    if (has(n)) at += n;
  }
  std::string name();
};

// A name in lower case with dots between its labels. Bytes that no host name has become '?', which equals no name of
// ours. Pointers only lead back (RFC 1035 section 4.1.4), so this ends.
std::string Reader::name() {
  std::string out;
  std::size_t pos = at;
  std::size_t after = 0;  // where reading goes on, once a pointer was followed
  int pointers = 0;
  while (ok) {
    if (pos >= size) break;
    const std::uint8_t length = data[pos];
    if (length == 0) {
      at = after != 0 ? after : pos + 1;
      return out;
    }
    if ((length & 0xc0) == 0xc0) {
      if (pos + 1 >= size || ++pointers > kMaxPointers) break;
      const std::size_t target = static_cast<std::size_t>((length & 0x3f) << 8) | data[pos + 1];
      if (after == 0) after = pos + 2;
      if (target >= pos) break;
      pos = target;
      continue;
    }
    if (length > 63 || size - pos <= length || out.size() + length > 254) break;
    if (!out.empty()) out += '.';
    for (std::size_t i = pos + 1; i <= pos + length; ++i) {
      const char c = static_cast<char>(data[i]);
      out += is_name_char(c) ? lower(c) : '?';
    }
    pos += 1U + length;
  }
  ok = false;
  return out;
}

struct Record {
  std::string owner;
  std::uint16_t type = 0;
  std::uint32_t ttl = 0;
  std::size_t at = 0;  // its data
  std::size_t length = 0;
};

Record read_record(Reader& reader) {
  Record record;
  record.owner = reader.name();
  record.type = reader.u16();
  const std::uint16_t record_class = reader.u16();
  record.ttl = reader.u32();
  if (record.ttl > 0x7fffffffU) record.ttl = 0;  // RFC 2181 section 8
  record.length = reader.u16();
  record.at = reader.at;
  reader.skip(record.length);
  if (record_class != kClassIn) record.type = 0;
  return record;
}

void note_ttl(DnsReply& reply, std::uint32_t ttl) {
  reply.ttl = reply.ttl ? std::min(*reply.ttl, ttl) : ttl;
}

Address address_of(const std::uint8_t* bytes, DnsType type) {
  if (type == DnsType::A) {
    std::uint32_t network_order = 0;
    std::memcpy(&network_order, bytes, 4);
    return Address::v4(network_order, 0);
  }
  in6_addr in6{};
  std::memcpy(&in6, bytes, 16);
  return Address::v6(in6, 0);
}

// From the name that was asked along the CNAMEs to the records of the name at their end. What belongs to other names is
// not believed. False: an alias's target cannot be read, or does not fill its record.
bool follow_answers(const Reader& message, const std::vector<Record>& records, const DnsQuestion& question,
                    DnsReply& reply) {
  std::string owner = question.name;
  for (int i = 0; i < kMaxChain; ++i) {
    const auto alias = std::find_if(records.begin(), records.end(),
                                    [&](const Record& r) { return r.type == kTypeCname && r.owner == owner; });
    if (alias == records.end()) break;
    Reader target = message;
    target.at = alias->at;
    owner = target.name();
    if (!target.ok || target.at != alias->at + alias->length) return false;
    note_ttl(reply, alias->ttl);
  }
  const std::size_t length = question.type == DnsType::A ? 4 : 16;
  for (const Record& record : records) {
    if (record.type != static_cast<std::uint16_t>(question.type) || record.owner != owner || record.length != length)
      continue;
    if (reply.addresses.size() == kMaxAddresses) break;
    reply.addresses.push_back(address_of(message.data + record.at, question.type));
    note_ttl(reply, record.ttl);
  }
  return true;
}

// How long "no" holds: RFC 2308 section 5. A CNAME's TTL before it, if any, limits it too.
void read_negative_ttl(Reader& reader, std::uint16_t authorities, DnsReply& reply) {
  bool found = false;
  for (std::uint16_t i = 0; i < authorities && i < kMaxRecords && !found; ++i) {
    const Record record = read_record(reader);
    if (!reader.ok) break;
    if (record.type != kTypeSoa || record.length < 20) continue;
    Reader minimum = reader;
    minimum.at = record.at + record.length - 4;
    note_ttl(reply, std::min(record.ttl, minimum.u32()));
    found = true;
  }
  if (!found) reply.ttl.reset();
}

bool is_question(Reader& reader, const DnsQuestion& question) {
  return reader.name() == question.name && reader.u16() == static_cast<std::uint16_t>(question.type) &&
         reader.u16() == kClassIn && reader.ok;
}

}  // namespace

bool is_plausible_name(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  std::size_t begin = 0;
  std::string_view label;
  while (begin <= name.size()) {
    const std::size_t end = std::min(name.find('.', begin), name.size());
    label = name.substr(begin, end - begin);
    if (label.empty() || label.size() > 63 || !std::all_of(label.begin(), label.end(), is_name_char)) return false;
    begin = end + 1;
  }
  const bool is_hex = label.size() >= 2 && label[0] == '0' && lower(label[1]) == 'x';
  return !is_hex && !std::all_of(label.begin(), label.end(), is_digit);
}

std::vector<std::uint8_t> encode_query(std::uint16_t id, const DnsQuestion& question) {
  std::vector<std::uint8_t> out;
  out.reserve(12 + question.name.size() + 2 + 4);
  put16(out, id);
  put16(out, kFlagRecursionDesired);
  put16(out, 1);
  put16(out, 0);
  put16(out, 0);
  put16(out, 0);
  std::size_t begin = 0;
  while (begin <= question.name.size()) {
    const std::size_t end = std::min(question.name.find('.', begin), question.name.size());
    out.push_back(static_cast<std::uint8_t>(end - begin));
    out.insert(out.end(), question.name.begin() + static_cast<std::ptrdiff_t>(begin),
               question.name.begin() + static_cast<std::ptrdiff_t>(end));
    begin = end + 1;
  }
  out.push_back(0);
  put16(out, static_cast<std::uint16_t>(question.type));
  put16(out, kClassIn);
  return out;
}

std::optional<DnsReply> parse_reply(const std::uint8_t* data, std::size_t size, std::uint16_t id,
                                    const DnsQuestion& question) {
  Reader reader{data, size};
  const std::uint16_t reply_id = reader.u16();
  const std::uint16_t flags = reader.u16();
  const std::uint16_t questions = reader.u16();
  const std::uint16_t answers = reader.u16();
  const std::uint16_t authorities = reader.u16();
  reader.u16();
  if (!reader.ok || reply_id != id || (flags & kFlagReply) == 0 || (flags & kOpcodeMask) != 0) return std::nullopt;
  DnsReply reply;
  const std::uint16_t rcode = flags & kRcodeMask;
  if (questions == 0 && rcode == kRcodeFormatError)
    return reply;  // it could not read the question, so it cannot repeat it
  if (questions != 1 || !is_question(reader, question)) return std::nullopt;
  reply.truncated = (flags & kFlagTruncated) != 0;
  if (rcode != 0 && rcode != kRcodeNoSuchName) return reply;

  std::vector<Record> records;
  for (std::uint16_t i = 0; i < answers && records.size() < kMaxRecords; ++i) {
    Record record = read_record(reader);
    if (!reader.ok) break;
    records.push_back(std::move(record));
  }
  if (!reader.ok && !reply.truncated) return reply;
  if (!follow_answers(reader, records, question, reply)) {
    reply.ttl.reset();
    return reply;
  }
  // Some servers say "no such name" of the end of an alias and give the address all the same.
  if (!reply.addresses.empty()) {
    reply.kind = DnsReply::Kind::Addresses;
    return reply;
  }
  reply.kind = rcode == kRcodeNoSuchName ? DnsReply::Kind::NoSuchName : DnsReply::Kind::NoAddress;
  read_negative_ttl(reader, authorities, reply);
  return reply;
}

}  // namespace larder::net
