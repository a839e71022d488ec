#include "proxy/client/opening.h"

#include <doctest/doctest.h>

#include <string>

namespace larder::client {
namespace {

using Verdict = Opening::Verdict;

struct Row {
  std::string bytes;
  Verdict expected;
};

}  // namespace

TEST_CASE("what is said first in a tunnel to a.test:80") {
  const std::string ask = "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n";
  const Row rows[] = {
      {ask, Verdict::Http},
      {"GET /x HTTP/1.1\r\nHost: A.Test:80\r\n\r\n", Verdict::Http},
      {"GET /x HTTP/1.0\r\nHost: a.test\r\n\r\n", Verdict::Http},
      {"OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n", Verdict::Http},
      {"POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc", Verdict::Http},
      {ask + ask, Verdict::Http},
      {"GET /x HTTP/1.1\r\nHost: a.test\r\n", Verdict::Undecided},
      {"G", Verdict::Undecided},
      {"GET /x HTTP/1.1\r\nHost: b.test\r\n\r\n", Verdict::Other},
      {"GET /x HTTP/1.1\r\nHost: a.test:81\r\n\r\n", Verdict::Other},
      {"GET /x HTTP/1.1\r\n\r\n", Verdict::Other},
      {"GET /x HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n", Verdict::Other},
      {"GET /x HTTP/1.1\r\nHost : a.test\r\n\r\n", Verdict::Other},
      {"GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\n\r\n", Verdict::Other},
      {"CONNECT a.test:80 HTTP/1.1\r\nHost: a.test\r\n\r\n", Verdict::Other},
      {"GET /x HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", Verdict::Other},
      {"POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", Verdict::Other},
      {"\x16\x03\x01\x02", Verdict::Other},
      {"SSH-2.0-OpenSSH\r\n", Verdict::Other},
      {"PRI * HTTP/2.0\r\n\r\n", Verdict::Other},
      {"PING", Verdict::Other},
      {"get / ", Verdict::Other},
      {"GETX", Verdict::Other},
      {"PU", Verdict::Undecided},
  };
  for (const Row& row : rows) {
    CAPTURE(row.bytes);
    CHECK(Opening::judge(row.bytes, "a.test:80", wire::Limits{}) == row.expected);
    CHECK(Opening::judge(row.bytes, "A.test", wire::Limits{}) == row.expected);
  }
}

TEST_CASE("no beginning of a request is taken for something else, and none decides before its head is whole") {
  const std::string ask = "GET /x HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\n\r\n";
  for (std::size_t n = 0; n < ask.size(); ++n) {
    CHECK(Opening::judge(ask.substr(0, n), "a.test:80", wire::Limits{}) == Verdict::Undecided);
  }
}

}  // namespace larder::client
