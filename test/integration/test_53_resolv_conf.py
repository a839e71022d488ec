"""The system's own files: /etc/resolv.conf (servers, search domains) and /etc/hosts, in namespaces of this test's own."""

from harness import *

FILES = {"/etc/resolv.conf": "nameserver 127.0.0.1\nsearch inner.test other.test\noptions ndots:1\n",
         "/etc/hosts": "127.0.0.1 localhost\n127.0.0.1 listed.example listed\n"}
NO_STORE = {"Cache-Control": "no-store"}


def setUpModule():
    own_network(FILES)


class System(ProxyCase):
    def setUp(self):
        super().setUp()
        self.server = self.dns({"short.inner.test": [("A", "127.0.0.1", 60)], "second.other.test": [("A", "127.0.0.1", 60)],
                                "full.example": [("A", "127.0.0.1", 60)]}, port=53)
        self.origin_here = self.origin(lambda r, c: response_bytes(200, NO_STORE, r["Host"]))

    def ask(self, name):
        return self.fetch(f"http://{name}:{self.origin_here.port}/")

    def test_servers_of_resolv_conf(self):
        self.assert_ok(self.ask("full.example"), f"full.example:{self.origin_here.port}")
        self.assertGreaterEqual(self.server.count("full.example"), 1)

    def test_search_domains(self):
        self.assert_ok(self.ask("short"), f"short:{self.origin_here.port}")  # Host stays as the client said it
        self.assert_ok(self.ask("second"))
        self.assertEqual(self.server.count("short.other.test"), 0, "searched on after an answer")

    def test_a_final_dot_ends_the_search(self):
        self.assert_error(self.ask("short."), 502)
        self.assertEqual(self.server.count("short.inner.test"), 0)

    def test_hosts_file(self):
        self.assert_ok(self.ask("listed.example"))
        self.assert_ok(self.ask("listed"))
        self.assert_ok(self.ask("localhost"))
        self.assertEqual(self.server.questions, [])


if __name__ == "__main__":
    unittest.main()
