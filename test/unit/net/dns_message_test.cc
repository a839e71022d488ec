#include "proxy/net/dns_message.h"

#include <doctest/doctest.h>

#include <string>

#include "test/unit/net/dns_server.h"
#include "test/unit/net/support.h"

namespace larder::net {
namespace {

using test::kReply;
using test::literal;
using test::MessageBuilder;
using Kind = DnsReply::Kind;

const DnsQuestion kQuestion{"www.example.test", DnsType::A};

std::optional<DnsReply> parse(const MessageBuilder& message, const DnsQuestion& question = kQuestion) {
  return parse_reply(message.bytes().data(), message.bytes().size(), 7, question);
}

// "kind addresses ttl"
std::string describe(const std::optional<DnsReply>& reply) {
  if (!reply) return "ignored";
  std::string out;
  switch (reply->kind) {
    case Kind::Addresses:
      out = "addresses";
      break;
    case Kind::NoAddress:
      out = "no-address";
      break;
    case Kind::NoSuchName:
      out = "no-such-name";
      break;
    case Kind::Failed:
      out = "failed";
      break;
  }
  if (reply->truncated) out += " truncated";
  for (const Address& a : reply->addresses) {
    out += ' ';
    a.append_host(out);
  }
  if (reply->ttl) out += " ttl=" + std::to_string(*reply->ttl);
  return out;
}

MessageBuilder answer(std::uint16_t flags = kReply) {
  MessageBuilder message(7, flags);
  message.question("www.example.test", 1);
  return message;
}

TEST_CASE("plausible names") {
  for (const std::string_view good :
       {"a", "localhost", "www.example.com", "_dmarc.example.com", "xn--bcher-kva.example", "1.2.3.4.example",
        "3com.com", "a-.b", "-a.b", "www.example.c0m", "0xg", "A.B"}) {
    CAPTURE(good);
    // "0xg" looks like a hexadecimal number to lenient readers that stop at the first strange digit.
    CHECK(is_plausible_name(good) == (good != "0xg"));
  }
  for (const std::string_view bad : {"",
                                     ".",
                                     "a.",
                                     ".a",
                                     "a..b",
                                     "a b",
                                     "a/b",
                                     "a\\b",
                                     "b\xc3\xbc"
                                     "cher",
                                     "127.1",
                                     "2130706433",
                                     "1.2.3.4",
                                     "0x7f.1",
                                     "0x7f000001",
                                     "www.example.0x1",
                                     "a.1",
                                     "a:b",
                                     "a@b",
                                     "a%2eb",
                                     "*"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_plausible_name(bad));
  }
  CHECK(is_plausible_name(std::string(63, 'a')));
  CHECK_FALSE(is_plausible_name(std::string(64, 'a')));
  std::string longest;
  for (int i = 0; i < 4; ++i) longest += std::string(62, 'a') + ".";
  CHECK(is_plausible_name(longest + "a"));
  CHECK_FALSE(is_plausible_name(longest + "aa"));
}

TEST_CASE("a question, byte for byte") {
  const auto plain = encode_query(0x1234, {"ab.c", DnsType::Aaaa});
  const std::string expected(
      "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02"
      "ab\x01"
      "c\x00\x00\x1c\x00\x01",
      22);
  CHECK(std::string(plain.begin(), plain.end()) == expected);
}

TEST_CASE("replies") {
  const Address a1 = literal("192.0.2.1");
  const Address a2 = literal("192.0.2.2");
  CHECK(describe(parse(answer().address("www.example.test", a1, 60).address("www.example.test", a2, 30))) ==
        "addresses 192.0.2.1 192.0.2.2 ttl=30");
  // Case does not matter, and a TTL with the top bit set is none.
  CHECK(describe(parse(answer().address("WWW.Example.TEST", a1, 0x80000000U))) == "addresses 192.0.2.1 ttl=0");
  // Aliases, in any order; the smallest TTL counts.
  CHECK(describe(parse(answer()
                           .address("end.test", a1, 60)
                           .cname("mid.test", "end.test", 20)
                           .cname("www.example.test", "mid.test", 40))) == "addresses 192.0.2.1 ttl=20");
  // Addresses of other names are not believed.
  CHECK(describe(parse(answer().address("evil.test", a1, 60).soa("test", 300, 200))) == "no-address ttl=200");
  CHECK(describe(parse(answer().cname("www.example.test", "gone.test", 10).soa("test", 300, 200))) ==
        "no-address ttl=10");
  CHECK(describe(parse(answer(kReply | 3).soa("test", 300, 200))) == "no-such-name ttl=200");
  CHECK(describe(parse(answer(kReply | 3).soa("test", 100, 200))) == "no-such-name ttl=100");
  CHECK(describe(parse(answer(kReply | 3))) == "no-such-name");
  CHECK(describe(parse(answer())) == "no-address");
  CHECK(describe(parse(answer(kReply | 2))) == "failed");
  CHECK(describe(parse(answer(kReply | 5))) == "failed");
  CHECK(describe(parse(answer(kReply | 1))) == "failed");
  CHECK(describe(parse(MessageBuilder(7, kReply | 1))) == "failed");
  CHECK(describe(parse(answer(kReply | 0x0200).address("www.example.test", a1, 60))) ==
        "addresses truncated 192.0.2.1 ttl=60");
  CHECK(describe(parse(answer(kReply | 0x0200))) == "no-address truncated");
  // An alias that leads to itself ends.
  CHECK(describe(parse(answer().cname("www.example.test", "www.example.test", 9))) == "no-address");
  // An address of the wrong length or the other type is no address.
  CHECK(describe(parse(answer().count(1, 1).name("www.example.test").u16(1).u16(1).u32(9).u16(3).raw("abc"))) ==
        "no-address");
  CHECK(describe(parse(answer().address("www.example.test", literal("2001:db8::1"), 60))) == "no-address");
}

TEST_CASE("IPv6 addresses; a mapped one is IPv4") {
  const DnsQuestion question{"a.test", DnsType::Aaaa};
  MessageBuilder message(7, kReply);
  message.question("a.test", 28).address("a.test", literal("2001:db8::1"), 60);
  CHECK(describe(parse(message, question)) == "addresses 2001:db8::1 ttl=60");
  MessageBuilder mapped(7, kReply);
  mapped.question("a.test", 28).count(1, 1).name("a.test").u16(28).u16(1).u32(60).u16(16);
  mapped.raw(std::string(10, '\0') + "\xff\xff\x7f" + std::string(2, '\0') + "\x01");
  CHECK(describe(parse(mapped, question)) == "addresses 127.0.0.1 ttl=60");
}

TEST_CASE("what is no reply to the question is ignored, not believed") {
  const Address a1 = literal("192.0.2.1");
  MessageBuilder other_id(8, kReply);
  other_id.question("www.example.test", 1).address("www.example.test", a1, 60);
  CHECK_FALSE(parse(other_id));
  MessageBuilder other_name(7, kReply);
  other_name.question("www.example.tess", 1).address("www.example.test", a1, 60);
  CHECK_FALSE(parse(other_name));
  MessageBuilder other_type(7, kReply);
  other_type.question("www.example.test", 28).address("www.example.test", a1, 60);
  CHECK_FALSE(parse(other_type));
  MessageBuilder no_question(7, kReply);
  no_question.address("www.example.test", a1, 60);
  CHECK_FALSE(parse(no_question));
  MessageBuilder a_question(7, 0x0100);
  a_question.question("www.example.test", 1);
  CHECK_FALSE(parse(a_question));
  MessageBuilder an_update(7, kReply | 0x2800);
  an_update.question("www.example.test", 1);
  CHECK_FALSE(parse(an_update));
  for (std::size_t size = 0; size < 34; ++size) CHECK_FALSE(parse_reply(answer().bytes().data(), size, 7, kQuestion));
}

TEST_CASE("compressed names") {
  // The owner points at the question's name (offset 12); the alias's target ends in a pointer to its ".test" (offset
  // 24).
  MessageBuilder message = answer();
  message.count(1, 2);
  message.u16(0xc00c)
      .u16(5)
      .u16(1)
      .u32(60)
      .u16(6)
      .raw(
          "\x03"
          "end")
      .u16(0xc018);
  message.name("end.test").u16(1).u16(1).u32(60).u16(4).raw("\x01\x02\x03\x04");
  CHECK(describe(parse(message)) == "addresses 1.2.3.4 ttl=60");
}

TEST_CASE("messages that lie about their lengths end as failures") {
  const auto with_owner = [](std::uint16_t pointer) {
    return answer().count(1, 1).u16(pointer).u16(1).u16(1).u32(60).u16(4).raw("abcd");
  };
  CHECK(describe(parse(with_owner(0xc00c))) == "addresses 97.98.99.100 ttl=60");
  CHECK(describe(parse(with_owner(0xc022))) == "failed");  // at itself
  CHECK(describe(parse(with_owner(0xffff))) == "failed");  // past the end
  // Ahead, at the owner of the next record: names only point back.
  CHECK(describe(parse(with_owner(0xc032).count(1, 1).name("www.example.test").u16(16).u16(1).u32(1).u16(0))) ==
        "failed");
  CHECK(describe(parse(answer().count(1, 1).raw("\x40"
                                                "a"))) == "failed");
  CHECK(describe(parse(answer().count(1, 1).raw("\x3f"
                                                "a"))) == "failed");
  CHECK(describe(parse(answer().count(1, 1).name("a").u16(1).u16(1).u32(1).u16(5).raw("abcd"))) == "failed");
  // Every shortened form of a good reply is either ignored or a failure, never a crash or an address.
  const MessageBuilder good =
      answer().cname("www.example.test", "end.test", 60).address("end.test", literal("192.0.2.1"), 60);
  for (std::size_t size = 0; size < good.bytes().size(); ++size) {
    const test::Bytes cut(good.bytes().begin(), good.bytes().begin() + static_cast<std::ptrdiff_t>(size));
    const std::string result = describe(parse_reply(cut.data(), cut.size(), 7, kQuestion));
    CAPTURE(size);
    CHECK((result == "ignored" || result == "failed"));
  }
}

// It was "no address", which is remembered; and a target that ended in the next record was followed.
TEST_CASE("an alias that cannot be read is a failure") {
  const auto with_target = [](std::uint16_t length, std::string_view target) {
    MessageBuilder message = answer();
    message.address("x", literal("192.0.2.1"), 60).count(1, 1);
    return message.name("www.example.test").u16(5).u16(1).u32(60).u16(length).raw(target);
  };
  CHECK(describe(parse(with_target(3, {"\x01x\0", 3}))) == "addresses 192.0.2.1 ttl=60");
  CHECK(describe(parse(with_target(0, {"\x01x\0", 3}))) == "failed");             // it begins behind its record
  CHECK(describe(parse(with_target(2, {"\x01x\0", 3}))) == "failed");             // it ends behind it
  CHECK(describe(parse(with_target(4, {"\x01x\0\0", 4}))) == "failed");           // it ends before the record does
  CHECK(describe(parse(with_target(2, "\x3fx").soa("test", 1, 1))) == "failed");  // it never ends
  CHECK(describe(parse(with_target(2, "\xc0\xff"))) == "failed");                 // it points ahead
  CHECK(describe(parse(with_target(2, "\xc0\x22"))) == "addresses 192.0.2.1 ttl=60");
}

TEST_CASE("every single wrong byte is survived") {
  const MessageBuilder good = answer()
                                  .cname("www.example.test", "end.test", 60)
                                  .address("end.test", literal("192.0.2.1"), 60)
                                  .soa("test", 1, 1);
  int survived = 0;
  for (std::size_t at = 0; at < good.bytes().size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      test::Bytes wrong = good.bytes();
      wrong[at] = static_cast<std::uint8_t>(value);
      const auto reply = parse_reply(wrong.data(), wrong.size(), 7, kQuestion);
      survived += !reply || reply->addresses.size() <= 1 ? 1 : 0;
    }
  }
  CHECK(survived == static_cast<int>(good.bytes().size()) * 256);
}

}  // namespace
}  // namespace larder::net
