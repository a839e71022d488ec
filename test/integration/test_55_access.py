"""Who may ask, and for what. Runs in a network namespace of its own, where 10.99.0.1 plays the foreign address."""

from harness import *

FOREIGN = "10.99.0.1"
FOREIGN_6 = "fd99::1"
NO_STORE = {"Cache-Control": "no-store"}


def setUpModule():
    own_network()


def ok(request, connection):
    return response_bytes(200, NO_STORE, b"ok")


class Clients(ProxyCase):
    keys = {"listen": '["0.0.0.0:0"]'}

    def far(self, target, method="GET", proxy=None, fields=(), body=None):
        """Asked from the foreign address."""
        return ask((proxy or self.proxy).port, method, target, fields, body, host=FOREIGN, source=FOREIGN)

    def test_private_networks_may_use_it_by_default(self):
        origin = self._watch(Origin(ok, host=FOREIGN))
        self.assert_ok(self.far(origin.url("/")), "ok")

    def test_others_may_not(self):
        proxy = self.larder({"listen": '["0.0.0.0:0"]', "access.clients": '["127.0.0.0/8"]'})
        origin = self._watch(Origin(ok, host=FOREIGN))
        response = self.far(origin.url("/"), proxy=proxy)
        self.assert_error(response, 403)
        self.assertEqual(origin.requests, [])
        self.assertEqual(proxy.wait_log(lambda l: l["result"] == "denied")["status"], 403)
        self.assertEqual(proxy.metric('larder_requests_total{result="denied"}'), 1)
        self.assert_ok(ask(proxy.port, "GET", origin.url("/")), "ok")
        self.assertEqual(self.far("/", proxy=proxy, fields={"Host": "x"}).status, 403)
        self.assert_error(self.far(f"{FOREIGN}:443", "CONNECT", proxy), 403)

    def test_ipv6_client_networks(self):
        proxy = self.larder({"listen": '["[::]:0"]', "access.clients": '["::1"]'})
        origin = self._watch(Origin(ok, host="::1"))
        self.assert_ok(ask(proxy.port, "GET", origin.url("/"), host="::1"), "ok")
        self.assert_error(ask(proxy.port, "GET", origin.url("/"), host=FOREIGN_6, source=FOREIGN_6), 403)

    def test_foreign_clients_do_not_reach_loopback(self):
        origin = self.origin(ok)
        six = self._watch(Origin(ok, host="::1"))
        for url in (origin.url("/"), f"http://localhost:{origin.port}/", f"http://127.0.0.2:{origin.port}/", six.url("/"),
                    f"http://[::ffff:127.0.0.1]:{origin.port}/", f"http://0.0.0.0:{origin.port}/", f"http://[::]:{origin.port}/",
                    f"http://[::ffff:7f00:1]:{origin.port}/"):
            with self.subTest(url):
                response = self.far(url)
                self.assertEqual(self.assert_error(response, 403), "destination_ip_prohibited")
        for text in ("0x7f.1", "2130706433", "127.1", "0177.0.0.1"):
            with self.subTest(text):
                self.assertIn(self.far(f"http://{text}:{origin.port}/").status, (400, 403, 502))
        self.assertEqual(origin.requests + six.requests, [])
        self.assert_ok(ask(self.proxy.port, "GET", origin.url("/")), "ok")  # a client on loopback may

    def test_foreign_clients_do_not_reach_link_local(self):
        for url in ("http://169.254.169.254/latest/", "http://[fe80::1]/"):
            with self.subTest(url):
                self.assert_error(self.far(url), 403)

    def test_a_name_that_resolves_to_loopback_is_refused_by_its_address(self):
        dns = self.dns({"rebind.test": [("A", "127.0.0.1", 60)], "mixed.test": [("A", "127.0.0.1", 60), ("A", FOREIGN, 60)]})
        proxy = self.larder({"listen": '["0.0.0.0:0"]', "dns.servers": f'["{dns.address}"]'})
        origin = self._watch(Origin(lambda r, c: response_bytes(200, NO_STORE, b"foreign"), host=FOREIGN))
        inner = self._watch(Origin(ok, port=origin.port))
        self.assert_error(self.far(f"http://rebind.test:{inner.port}/", proxy=proxy), 403)
        self.assert_ok(self.far(f"http://mixed.test:{origin.port}/", proxy=proxy), "foreign")
        self.assertEqual(inner.requests, [])

    def test_connect_is_held_to_the_same(self):
        origin = self.origin(ok)
        proxy = self.larder({"listen": '["0.0.0.0:0"]', "access.connect_ports": f"[{origin.port}]"})
        self.assert_error(self.far(origin.authority, "CONNECT", proxy), 403)
        self.assertEqual(len(origin.connections), 0)

    def test_an_idle_connection_of_another_client_is_no_way_round(self):
        """A loopback client leaves an idle connection to a loopback origin; a foreign one must not be handed it."""
        origin = self.origin(ok)
        self.assert_ok(ask(self.proxy.port, "GET", origin.url("/")), "ok")
        self.proxy.wait_metric('larder_origin_connections{state="idle"}', lambda value: value >= 1)
        self.assert_error(self.far(origin.url("/")), 403)
        self.assertEqual(len(origin.requests), 1)

    def test_a_cached_object_of_a_forbidden_origin(self):
        """Not a byte of a loopback origin reaches a foreign client, stored or not."""
        origin = self.origin(lambda r, c: response_bytes(200, {"Cache-Control": "max-age=600"}, b"inner secret"))
        self.assert_ok(ask(self.proxy.port, "GET", origin.url("/secret")), "inner secret")
        response = self.far(origin.url("/secret"))
        self.assertEqual(response.status, 403)
        self.assertNotIn(b"inner secret", response.body)

    def test_own_address_under_any_name_is_a_loop(self):
        for host in (FOREIGN, "127.0.0.1", "localhost", "0.0.0.0", "127.0.0.3"):
            with self.subTest(host):
                response = ask(self.proxy.port, "GET", f"http://{host}:{self.proxy.port}/")
                self.assert_error(response, 508)
        self.assert_error(self.far(f"http://{FOREIGN}:{self.proxy.port}/"), 508)

    def test_unreachable_network(self):
        self.assert_error(self.far("http://192.0.2.1/"), 502)


class ConnectPorts(ProxyCase):
    def test_default_ports(self):
        origin = self.origin(ok)
        response = self.fetch(origin.authority, method="CONNECT")
        self.assert_error(response, 403, str(origin.port))
        self.assert_error(self.fetch("127.0.0.1:25", method="CONNECT"), 403)
        self.assertEqual(self.fetch("127.0.0.1:443", method="CONNECT").status, 502)  # allowed, and nobody listens
        self.assertEqual(self.fetch("127.0.0.1:80", method="CONNECT").status, 502)


if __name__ == "__main__":
    unittest.main()
