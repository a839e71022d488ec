"""Clients that send CONNECT even for http:// (Node's undici before 8.7, netty, older npm): plain HTTP in a tunnel to port 80
runs through the cache; anything else there passes untouched. In a network of this test's own, where port 80 is free."""

from harness import *

KEPT = {"Cache-Control": "max-age=600"}


def setUpModule():
    own_network()


class Cleartext(ProxyCase):
    def tunnel(self, authority="127.0.0.1:80"):
        client = self.client()
        self.assertEqual(client.ask("CONNECT", authority).status, 200)
        return client

    def inside(self, client, target="/", fields=(), method="GET", body=None, host="127.0.0.1"):
        return client.ask(method, target, {"Host": host, **dict(fields)}, body)

    def test_requests_in_a_tunnel_run_through_the_cache(self):
        origin = self.scripted(lambda r, c: response_bytes(200, KEPT, f"{r.target} {r['Host']} {r['Via']}"), port=80)
        client = self.tunnel()
        first = self.inside(client, "/page")
        self.assert_miss(first, None)
        self.assertTrue(first.body.startswith(b"/page 127.0.0.1 1.1 larder"), first.body)
        self.assert_hit(self.inside(client, "/page"), first.body)  # the connection goes on
        self.assert_hit(self.fetch("http://127.0.0.1/page"), first.body)  # one cache for both ways
        self.assertEqual(len(origin.connections), 1, "the tunnel's own connection was used")
        self.assert_hit(self.inside(self.tunnel(), "/page"), first.body)
        line = self.proxy.wait_log(lambda l: l["url"] == "http://127.0.0.1/page" or l["url"] == "http://127.0.0.1:80/page")
        self.assertIn(line["result"], ("miss", "hit"))

    def test_content_and_pipelining(self):
        self.origin(lambda r, c: response_bytes(200, {"Cache-Control": "no-store"}, r.target.encode() + b" " + r.body), port=80)
        client = self.tunnel()
        self.assert_ok(self.inside(client, "/p", method="POST", body=b"x" * 100_000), b"/p " + b"x" * 100_000)
        client.send(request_bytes("GET", "/1", {"Host": "127.0.0.1"}) + request_bytes("GET", "/2", {"Host": "127.0.0.1:80"}))
        self.assert_ok(client.read(), "/1 ")
        self.assert_ok(client.read(), "/2 ")

    def test_along_with_the_connect_and_byte_by_byte(self):
        self.origin(lambda r, c: response_bytes(200, {"Cache-Control": "no-store"}, b"ok"), port=80)
        request = request_bytes("GET", "/fresh", {"Host": "127.0.0.1"})
        client = self.client()
        client.send(b"CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n" + request)
        self.assertEqual(client.read("CONNECT").status, 200)
        response = client.read()
        self.assert_ok(response, "ok")
        self.assertIn("larder", response["Via"])
        client = self.tunnel()
        for i in range(len(request)):
            client.send(request[i : i + 1])
        self.assertIn("larder", client.read()["Via"])

    def raw(self, sent, answer=b"pong", authority="127.0.0.1:80"):
        """What the origin gets when `sent` is said in the tunnel, and that its answer comes back untouched."""
        got = []

        def serve(connection):
            got.append(connection.reader.exactly(len(sent)))
            connection.send(answer)
            connection.wait_closed()

        origin = self._watch(Origin(per_connection=serve, port=80))
        client = self.tunnel(authority)
        client.send(sent)
        self.assertEqual(client.reader.exactly(len(answer)), answer)
        client.close()
        origin.close()
        self.assertEqual(got, [sent])

    def test_anything_else_passes_untouched(self):
        for sent in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"SSH-2.0-x\r\n", b"\x00\x01\x02",
                     b"GET / HTTP/1.1\r\nHost: other.test\r\n\r\n",  # another site's name must not get this one's answers
                     b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: 127.0.0.1\r\n\r\n",
                     b"GET / HTTP/1.1\r\nHost : 127.0.0.1\r\n\r\n",
                     b"GET http://127.0.0.1/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
                     b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                     b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"):
            with self.subTest(sent[:40]):
                self.raw(sent)

    def test_a_beginning_without_an_end_passes_after_a_second(self):
        self.raw(b"GET / HT")

    def test_an_origin_that_speaks_first(self):
        def serve(connection):
            connection.send(b"220 hello\r\n")
            connection.send(connection.reader.exactly(4)[::-1])

        self.origin(per_connection=serve, port=80)
        client = self.tunnel()
        self.assertEqual(client.reader.exactly(11), b"220 hello\r\n")
        client.send(b"abcd")
        self.assertEqual(client.reader.exactly(4), b"dcba")

    def test_a_later_request_for_another_host_is_refused(self):
        self.origin(lambda r, c: response_bytes(200, KEPT, b"mine"), port=80)
        client = self.tunnel()
        self.assert_ok(self.inside(client), "mine")
        refusal = self.inside(client, host="other.test")
        self.assertEqual(refusal.status, 421)
        self.assertTrue(client.at_end())

    def test_the_rules_apply_inside(self):
        proxy = self.larder({"cache.rules": '[{"host":"127.0.0.1","never":true}]'})
        self.origin(lambda r, c: response_bytes(200, KEPT, b"x"), port=80)
        client = self.client(proxy)
        self.assertEqual(client.ask("CONNECT", "127.0.0.1:80").status, 200)
        for _ in range(2):
            self.assertEqual(cache_status(self.inside(client)).get("fwd"), "bypass")

    def test_a_silent_tunnel_does_not_hold_a_stop_up(self):
        self.origin(per_connection=lambda c: c.wait_closed(), port=80)
        proxy = self.larder()
        client = self.client(proxy)
        self.assertEqual(client.ask("CONNECT", "127.0.0.1:80").status, 200)
        self.assertLess(proxy.stop(), 4.0)


if __name__ == "__main__":
    unittest.main()
