"""Names (asynchronous DNS, cache, hosts file) and addresses (RFC 8305), with a scripted DNS server."""

import os
import tempfile

from harness import *

NO_STORE = {"Cache-Control": "no-store"}


def ok(request, connection):
    return response_bytes(200, NO_STORE, request["Host"])


class Names(ProxyCase):
    def start(self, zone, keys=None, **kw):
        self.dns_server = self.dns(zone, **kw)
        return self.larder({"dns.servers": f'["{self.dns_server.address}"]', "workers": "1", "timeouts.connect": '"5s"', **(keys or {})})

    def test_a_name_is_asked_once_within_its_ttl(self):
        proxy = self.start({"origin.test": [("A", "127.0.0.1", 300)]})
        origin = self.origin(ok)
        for i in range(5):
            self.assert_ok(self.fetch(f"http://origin.test:{origin.port}/{i}", proxy=proxy), f"origin.test:{origin.port}")
        # Another port is another connection, and still the same name.
        other = self.origin(ok)
        self.assert_ok(self.fetch(f"http://origin.test:{other.port}/", proxy=proxy))
        self.assertEqual(self.dns_server.count("origin.test", "A"), 1)
        self.assertLessEqual(self.dns_server.count("origin.test", "AAAA"), 1)

    def test_the_ttl_ends(self):
        proxy = self.start({"moving.test": [("A", "127.0.0.1", 1)]}, {"dns.min_ttl": '"1s"', "timeouts.origin_idle": '"1ms"'})
        first = self.origin(lambda r, c: response_bytes(200, {"Connection": "close", **NO_STORE}, b"first"))
        second = self._watch(Origin(lambda r, c: response_bytes(200, {"Connection": "close", **NO_STORE}, b"second"), host="127.0.0.2", port=first.port))
        self.assert_ok(self.fetch(f"http://moving.test:{first.port}/", proxy=proxy), "first")
        self.dns_server.zone["moving.test"] = [("A", "127.0.0.2", 300)]
        deadline = time.monotonic() + 20
        while self.fetch(f"http://moving.test:{first.port}/", proxy=proxy).body != b"second":
            self.assertLess(time.monotonic(), deadline, "the old address outlived its TTL")
            time.sleep(0.1)  # only time itself ends a TTL
        self.assertEqual(self.dns_server.count("moving.test", "A"), 2)
        self.assertEqual(len(second.requests), 1)

    def test_unknown_name(self):
        proxy = self.start({})
        response = self.fetch("http://nowhere.test/", proxy=proxy)
        self.assertEqual(self.assert_error(response, 502, "nowhere.test"), "dns_error")

    def test_negative_answers_are_cached(self):
        proxy = self.start({}, negative_ttl=300)
        for _ in range(5):
            self.assert_error(self.fetch("http://nowhere.test/", proxy=proxy), 502)
        self.assertEqual(self.dns_server.count("nowhere.test", "A"), 1)

    def test_negative_answers_end(self):
        proxy = self.start({}, {"dns.min_ttl": '"100ms"', "dns.negative_ttl": '"200ms"'}, negative_ttl=1)
        origin = self.origin(ok)
        self.assert_error(self.fetch(f"http://later.test:{origin.port}/", proxy=proxy), 502)
        self.dns_server.zone["later.test"] = [("A", "127.0.0.1", 60)]
        deadline = time.monotonic() + 20
        while self.fetch(f"http://later.test:{origin.port}/", proxy=proxy).status != 200:
            self.assertLess(time.monotonic(), deadline, "the negative answer stays for ever")
            time.sleep(0.05)

    def test_silent_server_is_a_timeout(self):
        proxy = self.start({"silent.test": "SILENT"}, {"dns.timeout": '"700ms"'})
        self.assertEqual(self.assert_error(self.fetch("http://silent.test/", proxy=proxy), 504), "dns_timeout")

    def test_failing_server(self):
        proxy = self.start({"broken.test": "SERVFAIL"}, {"dns.timeout": '"2s"'})
        self.assertIn(self.fetch("http://broken.test/", proxy=proxy).status, (502, 504))

    def test_many_at_once_ask_once(self):
        proxy = self.start({"busy.test": [("A", "127.0.0.1", 300)]})
        origin = self.origin(ok)
        answers = self.gather(20, lambda i: self.fetch(f"http://busy.test:{origin.port}/{i}", proxy=proxy))
        for answer in answers:
            self.assert_ok(answer)
        self.assertEqual(self.dns_server.count("busy.test", "A"), 1)

    def test_hosts_file_comes_first(self):
        with tempfile.NamedTemporaryFile("w", suffix=".hosts", delete=False) as hosts:
            hosts.write("# mine\n127.0.0.1  fromhosts.test alias.test\n")
        self.addCleanup(os.unlink, hosts.name)
        proxy = self.start({}, {"dns.hosts": f'"{hosts.name}"'})
        origin = self.origin(ok)
        for name in ("fromhosts.test", "alias.test", "FromHosts.Test"):
            self.assert_ok(self.fetch(f"http://{name}:{origin.port}/", proxy=proxy))
        self.assertEqual(self.dns_server.questions, [])

    def test_names_that_cannot_be(self):
        proxy = self.start({})
        for name in ("a..test", "-.x_y" + "z" * 64 + ".test", "x" * 300):
            with self.subTest(name[:20]):
                self.assertIn(self.fetch(f"http://{name}/", proxy=proxy).status, (400, 502))
        self.assert_serves(proxy)

    def test_connect_uses_the_same_names(self):
        origin = self.origin(ok)
        proxy = self.start({"tunnel.test": [("A", "127.0.0.1", 300)]}, {"access.connect_ports": f"[{origin.port}]"})
        client = self.client(proxy)
        self.assertEqual(client.ask("CONNECT", f"tunnel.test:{origin.port}").status, 200)
        self.assert_ok(client.ask("GET", "/", {"Host": "inside"}), "inside")


class Addresses(ProxyCase):
    start = Names.start

    def test_every_address_is_tried(self):
        origin = self._watch(Origin(ok, host="127.0.0.7"))
        records = [("A", f"127.0.0.{i}", 300) for i in range(2, 8)]
        proxy = self.start({"many.test": records})
        self.assert_ok(self.fetch(f"http://many.test:{origin.port}/", proxy=proxy))

    def test_all_refuse(self):
        proxy = self.start({"none.test": [("A", "127.0.0.2", 300), ("A", "127.0.0.3", 300), ("AAAA", "::1", 300)]})
        self.assertEqual(self.assert_error(self.fetch("http://none.test:1/", proxy=proxy), 502), "connection_refused")

    def test_a_dead_ipv6_route_costs_a_quarter_second(self):
        """[::1]:PORT swallows connection attempts, 127.0.0.1:PORT answers."""
        hole = Blackhole("::1")
        self.addCleanup(hole.close)
        origin = self._watch(Origin(ok, port=hole.port))
        proxy = self.start({"race.test": [("AAAA", "::1", 300), ("A", "127.0.0.1", 300)]}, {"timeouts.connect": '"20s"'})
        began = time.monotonic()
        self.assert_ok(self.fetch(f"http://race.test:{origin.port}/", proxy=proxy))
        took = time.monotonic() - began
        self.assertLess(took, 5.0 if SANITIZED else 1.5)
        self.assertGreater(took, 0.2, "IPv6 was not tried first")

    def test_ipv6_is_preferred_when_it_works(self):
        six = self._watch(Origin(lambda r, c: response_bytes(200, NO_STORE, b"six"), host="::1"))
        four = self._watch(Origin(lambda r, c: response_bytes(200, NO_STORE, b"four"), port=six.port))
        proxy = self.start({"both.test": [("A", "127.0.0.1", 300), ("AAAA", "::1", 300)]})
        self.assert_ok(self.fetch(f"http://both.test:{six.port}/", proxy=proxy), "six")
        self.assertEqual(four.requests, [])

    def test_ipv6_only_and_ipv4_only(self):
        six = self._watch(Origin(ok, host="::1"))
        four = self.origin(ok)
        proxy = self.start({"six.test": [("AAAA", "::1", 300)], "four.test": [("A", "127.0.0.1", 300)]})
        self.assert_ok(self.fetch(f"http://six.test:{six.port}/", proxy=proxy))
        self.assert_ok(self.fetch(f"http://four.test:{four.port}/", proxy=proxy))


class Dnsmasq(ProxyCase):
    def test_a_real_dns_server(self):
        """Debian's dnsmasq answers for its own names."""
        import shutil
        import subprocess
        import socket
        program = shutil.which("dnsmasq", path=os.environ.get("PATH", "") + ":/usr/sbin")
        self.assertIsNotNone(program, "dnsmasq is missing")
        # dnsmasq takes no port 0: a port that is free now may be somebody's a moment later, so another one is tried.
        said = b""
        for _ in range(10):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            server = subprocess.Popen(
                [program, "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null",
                 "--listen-address=127.0.0.1", "--bind-interfaces", f"--port={port}", "--address=/real.test/127.0.0.1",
                 "--pid-file=", "--user=root", "--log-facility=-", "--log-queries"],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.addCleanup(server.stdout.close)
            self.addCleanup(server.wait)
            self.addCleanup(server.terminate)
            for line in server.stdout:
                said += line
                if b"started" in line:
                    break
            else:
                continue
            break
        else:
            self.fail(f"dnsmasq did not start: {said!r}")
        proxy = self.larder({"dns.servers": f'["127.0.0.1:{port}"]'})
        origin = self.origin(ok)
        self.assert_ok(self.fetch(f"http://www.real.test:{origin.port}/", proxy=proxy))


if __name__ == "__main__":
    unittest.main()
