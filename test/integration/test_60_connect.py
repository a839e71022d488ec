"""CONNECT (RFC 9110 section 9.3.6): bytes both ways, nothing added, nothing lost, half-close kept."""

from harness import *


class Tunnels(ProxyCase):
    has_own_proxies = True

    def tunnel(self, per_connection, keys=None, **kw):
        """An open tunnel to an origin that does as told; self.proxy is this test's own."""
        self.target = self.origin(per_connection=per_connection, **kw)
        self.proxy = self.larder({"access.connect_ports": f"[{self.target.port}]", **(keys or {})})
        client = self.client()
        response = client.ask("CONNECT", self.target.authority)
        self.assertEqual(response.status, 200, response)
        return client, response

    def test_bytes_both_ways(self):
        def serve(connection):
            while data := connection.reader.some():
                connection.send(data.upper())

        client, response = self.tunnel(serve)
        self.assertNotIn("Content-Length", response.fields)  # the reader refuses them too
        self.assertNotIn("Transfer-Encoding", response.fields)
        for text in (b"one", b"\x16\x03\x01\x00 binary \xff\x00", b"z" * 100000):
            client.send(text)
            self.assertEqual(client.reader.exactly(len(text)), text.upper())

    def test_http_10_without_host(self):
        """What Python's urllib3 (pip) sends."""
        target = self.origin(per_connection=lambda c: c.send(c.reader.exactly(4)))
        self.proxy = self.larder({"access.connect_ports": f"[{target.port}]"})
        client = self.client()
        client.send(f"CONNECT {target.authority} HTTP/1.0\r\n\r\n".encode())
        self.assertEqual(client.read("CONNECT", minor=0).status, 200)
        client.send(b"ping")
        self.assertEqual(client.reader.exactly(4), b"ping")

    def test_odd_hosts(self):
        """Java sends Host without the port; the target counts."""
        target = self.origin(per_connection=lambda c: c.send(c.reader.exactly(4)))
        self.proxy = self.larder({"access.connect_ports": f"[{target.port}]"})
        for fields in ({"Host": "127.0.0.1"}, {"Host": "other.test:1"}, {"Host": target.authority, "Proxy-Connection": "keep-alive"}):
            with self.subTest(fields), Client(self.proxy.port) as client:
                self.assertEqual(client.ask("CONNECT", target.authority, fields).status, 200)
                client.send(b"ping")
                self.assertEqual(client.reader.exactly(4), b"ping")

    def test_bytes_sent_along_with_the_request(self):
        target = self.origin(per_connection=lambda c: c.send(c.reader.exactly(5)[::-1]))
        self.proxy = self.larder({"access.connect_ports": f"[{target.port}]"})
        client = self.client()
        client.send(request_bytes("CONNECT", target.authority, {"Host": target.authority}) + b"early")
        self.assertEqual(client.read("CONNECT").status, 200)
        self.assertEqual(client.reader.exactly(5), b"ylrae")

    def test_origin_that_speaks_first(self):
        client, _ = self.tunnel(lambda c: c.send(b"220 hello\r\n"))
        self.assertEqual(client.reader.exactly(11), b"220 hello\r\n")
        self.assertTrue(client.at_end())

    def test_client_half_close_is_kept(self):
        def serve(connection):
            got = connection.reader.to_end()  # the client's end arrives ...
            connection.send(b"%d bytes" % len(got))  # ... and this way is still open

        client, _ = self.tunnel(serve)
        client.send(b"q" * 5000)
        client.half_close()
        self.assertEqual(client.reader.to_end(), b"5000 bytes")

    def test_origin_half_close_is_kept(self):
        heard = []
        done = threading.Event()

        def serve(connection):
            connection.send(b"all from me")
            connection.half_close()
            heard.append(connection.reader.to_end())
            done.set()

        client, _ = self.tunnel(serve)
        self.assertEqual(client.reader.to_end(), b"all from me")
        client.send(b"and this is mine")
        client.half_close()
        self.assertTrue(done.wait(20))
        self.assertEqual(heard, [b"and this is mine"])

    def test_reset_travels(self):
        """A client that dies takes the origin's connection with it."""
        ended = threading.Event()

        def serve(connection):
            connection.send(b"hi")
            connection.reader.to_end()
            ended.set()

        client, _ = self.tunnel(serve)
        self.assertEqual(client.reader.exactly(2), b"hi")
        client.abort()
        self.assertTrue(ended.wait(20))

    def test_large_transfer_both_ways_at_once(self):
        size = (4 if SANITIZED else 32) << 20
        got, done = [], threading.Event()

        def serve(connection):
            sender = threading.Thread(target=lambda: (connection.send(b"d" * size), connection.half_close()))
            sender.start()
            got.append(len(connection.reader.to_end()))
            sender.join()
            done.set()

        client, _ = self.tunnel(serve)
        sender = threading.Thread(target=lambda: (client.send(b"u" * size), client.half_close()))
        sender.start()
        self.assertEqual(len(client.reader.to_end()), size)
        sender.join(20)
        self.assertTrue(done.wait(20))
        self.assertEqual(got, [size])

    def test_back_pressure(self):
        """An endless sender is stopped by a client that does not read: the proxy's memory stays what it was."""
        import select
        blocked = threading.Event()

        def serve(connection):
            connection.sock.setblocking(False)
            block = b"x" * 65536
            while not blocked.is_set():
                if not select.select([], [connection.sock], [], 1.0)[1]:
                    blocked.set()
                    return
                try:
                    connection.origin.sent = getattr(connection.origin, "sent", 0) + connection.sock.send(block)
                except BlockingIOError:
                    pass
                if connection.origin.sent > 256 << 20:
                    connection.origin.problem("256 MiB went into a tunnel that nobody reads")
                    return

        before = None
        client, _ = self.tunnel(serve)
        before = self.proxy.memory_kib()
        self.assertTrue(blocked.wait(60))
        self.assertLess(self.proxy.memory_kib() - before, 16 << 10)

    def test_idle_timeout(self):
        client, _ = self.tunnel(lambda c: c.reader.to_end(), {"timeouts.tunnel_idle": '"400ms"'})
        began = time.monotonic()
        self.assertTrue(client.at_end())
        self.assertGreater(time.monotonic() - began, 0.3)

    def test_log_and_metrics(self):
        client, _ = self.tunnel(lambda c: c.send(c.reader.exactly(4) * 3))
        client.send(b"four")
        self.assertEqual(client.reader.to_end(), b"four" * 3)
        client.close()
        line = self.proxy.wait_log(lambda l: l["method"] == "CONNECT")
        self.assertEqual((line["result"], line["url"], line["status"]), ("tunnel", self.target.authority, 200))
        self.assertEqual(line["bytes"], 12)
        self.assertEqual(line["origin"], self.target.authority)
        self.assertEqual(self.proxy.metric('larder_requests_total{result="tunnel"}'), 1)

    def test_refused_and_unknown(self):
        sock = listen()
        port = sock.getsockname()[1]
        sock.close()
        dns = self.dns({})
        self.proxy = self.larder({"access.connect_ports": f"[{port}]", "dns.servers": f'["{dns.address}"]'})
        client = self.client()
        response = client.ask("CONNECT", f"127.0.0.1:{port}")
        self.assert_error(response, 502)
        self.assert_error(self.fetch(f"nowhere.test:{port}", method="CONNECT"), 502)

    def test_own_port_is_a_loop(self):
        sock = listen()
        port = sock.getsockname()[1]
        sock.close()
        self.proxy = self.larder({"listen": f'["127.0.0.1:{port}"]', "access.connect_ports": f"[{port}]"})
        self.assert_error(self.fetch(f"127.0.0.1:{port}", method="CONNECT"), 508)
        self.assert_error(self.fetch(f"localhost:{port}", method="CONNECT"), 508)

    def test_malformed_targets(self):
        self.proxy = self.larder({})
        for target in ("127.0.0.1", "127.0.0.1:", ":443", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:4x", "http://127.0.0.1:443/", "/", "*",
                       "u@127.0.0.1:443", "[::1:443", "[::1]443"):
            with self.subTest(target), Client(self.proxy.port) as client:
                client.send(f"CONNECT {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                self.assertIn(client.read().status, (400, 403))

    def test_ipv6_target(self):
        client, _ = self.tunnel(lambda c: c.send(c.reader.exactly(4)), host="::1")
        client.send(b"six!")
        self.assertEqual(client.reader.exactly(4), b"six!")

    def test_keep_alive_then_connect(self):
        target = self.origin(per_connection=lambda c: c.send(c.reader.exactly(4)))
        plain = self.origin(lambda r, c: response_bytes(200, {"Cache-Control": "no-store"}, b"plain"))
        self.proxy = self.larder({"access.connect_ports": f"[{target.port}]"})
        client = self.client()
        self.assert_ok(client.get(plain.url("/")), "plain")
        self.assertEqual(client.ask("CONNECT", target.authority).status, 200)
        client.send(b"ping")
        self.assertEqual(client.reader.exactly(4), b"ping")

    def test_shutdown_with_an_open_tunnel(self):
        client, _ = self.tunnel(lambda c: c.reader.to_end(), {"timeouts.drain": '"200ms"'})
        self.assertLess(self.proxy.stop(), 10)
        self.assertTrue(client.at_end())
        self.proxy = None  # it has ended as it should


if __name__ == "__main__":
    unittest.main()
