"""What was once wrong, each shown to stay right. The comments say what happened."""

import json
import signal
import tempfile

from harness import *

NO_STORE = {"Cache-Control": "no-store"}
KEPT = {"Cache-Control": "max-age=600"}


class Caching(ProxyCase):
    keys = {"cache.memory": "8MiB"}

    def test_001_nominated_fields_select_nothing(self):
        """A client that named Accept-Encoding in Connection got the answer for those without it stored under "br"."""
        def respond(request, _):
            return response_bytes(200, {**KEPT, "Vary": "Origin, Accept-Encoding"}, f"{request['Origin']} {request['Accept-Encoding']}")

        origin = self.origin(respond)
        fields = {"Origin": "https://good.test", "Accept-Encoding": "br"}
        self.assert_ok(self.fetch(origin.url("/"), {**fields, "Connection": "Origin, Accept-Encoding"}), "None None")
        self.assert_ok(self.fetch(origin.url("/"), fields), "https://good.test br")
        self.assert_hit(self.fetch(origin.url("/"), {"Accept-Language": "en"}), "None None")

    def test_002_a_slow_client_holds_nobody_up_when_the_body_is_too_large_to_keep(self):
        """Two clients shared one stream that could not be kept, at the pace of the slower one."""
        size = 6 << 20  # more than half of cache.memory
        asked = threading.Semaphore(0)
        go = threading.Event()

        def respond(request, connection):
            asked.release()
            go.wait(30)
            return response_bytes(200, KEPT, b"x" * size)

        origin = self.origin(respond)
        slow = self.client(receive_buffer=4096)
        slow.send_request("GET", origin.url("/big"))
        self.assertTrue(asked.acquire(timeout=20))
        quick = self.client()
        quick.send_request("GET", origin.url("/big"))  # waits for the same head, then goes on alone
        go.set()
        self.assertEqual(len(quick.read().body), size)  # the slow one has not read a byte
        self.assertEqual(len(slow.read().body), size)

    def test_003_what_nobody_may_follow_is_not_waited_for(self):
        """Requests for a response without freshness waited for one another, round for round."""
        together = threading.Barrier(5)

        def respond(request, connection):
            if connection.origin.may_gather:
                together.wait(20)  # passes only if all five are at the origin at once
            return response_bytes(200, {"Cache-Control": "no-cache", "ETag": '"1"'}, b"x")

        origin = self.origin(respond)
        origin.may_gather = False
        self.assert_ok(self.fetch(origin.url("/")), "x")
        origin.may_gather = True
        for answer in self.gather(5, lambda i: self.fetch(origin.url("/"))):
            self.assert_ok(answer, "x")

    def test_004_stale_if_error_covers_a_503(self):
        """Only a connection that failed counted as an error (RFC 5861 section 4: 500, 502, 503, 504 as well)."""
        origin = self.scripted(response_bytes(200, {"Cache-Control": "max-age=0, stale-if-error=60", "ETag": '"1"'}, b"kept"),
                               response_bytes(503, {}, b"sorry"), response_bytes(404, {}, b"gone"))
        self.assert_ok(self.fetch(origin.url("/")), "kept")
        response = self.fetch(origin.url("/"))
        self.assert_ok(response, "kept")
        self.assertRegex(response["Cache-Status"], r"hit; ttl=-?[0-9]+")
        self.assert_ok(self.fetch(origin.url("/")), "gone", status=404)

    def test_005_head_of_a_stored_chunked_response_has_its_length(self):
        origin = self.scripted(response_bytes(200, KEPT, b"12345", chunked=True))
        self.assert_ok(self.fetch(origin.url("/")), "12345")
        self.assertEqual(self.fetch(origin.url("/"), method="HEAD")["Content-Length"], "5")

    def test_006_only_if_cached_is_no_error(self):
        before = self.proxy.metric('larder_requests_total{result="error"}')
        response = self.fetch("http://nobody.invalid/", {"Cache-Control": "only-if-cached"})
        self.assertEqual(response.status, 504)
        self.assertEqual(self.proxy.metric('larder_requests_total{result="error"}'), before)

    def test_007_an_offer_of_h2c_is_declined(self):
        """curl --http2 and Java's client offer it with every request, and none of those could be answered from the cache."""
        offer = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAoAAAAAIAAAAA"}
        seen = []

        def respond(request, _):
            seen.append((request["Upgrade"], request["HTTP2-Settings"]))
            return response_bytes(200, KEPT, b"page")

        origin = self.scripted(respond)
        self.assert_miss(self.fetch(origin.url("/"), offer), b"page")
        self.assert_hit(self.fetch(origin.url("/"), offer), "page")
        self.assertEqual(seen, [(None, None)])

    def test_008_utf8_in_a_url(self):
        """curl sends what was typed; it is encoded on the way, and both spellings are one."""
        origin = self.scripted(lambda r, c: response_bytes(200, KEPT, r.target))
        port = origin.port
        client = self.client()
        client.send(f"GET http://127.0.0.1:{port}/ü?ü HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        self.assert_ok(client.read(), "/%C3%BC?%C3%BC")
        self.assert_hit(self.fetch(origin.url("/%C3%BC?%C3%BC")), "/%C3%BC?%C3%BC")

    def test_009_statuses_beyond_599_are_passed_on_and_not_kept(self):
        origin = self.scripted(*[response_bytes(999, KEPT, b"denied")] * 2)
        for _ in range(2):
            client = self.client()
            client.send_request("GET", origin.url("/"), {"Connection": "close"})
            answer = client.reader.to_end()
            self.assertTrue(answer.startswith(b"HTTP/1.1 999 "), answer)
            self.assertTrue(answer.endswith(b"\r\n\r\ndenied"), answer)


class Connections(ProxyCase):
    def test_020_a_refused_connect_ends_the_connection(self):
        """The bytes behind it, meant for the tunnel, were taken for requests."""
        origin = self.origin(lambda r, c: response_bytes(200, NO_STORE, b"smuggled"))
        client = self.client()
        client.send(b"CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n" + request_bytes("GET", origin.url("/")))
        refusal = client.read("CONNECT")
        self.assert_error(refusal, 403)
        self.assertEqual(refusal["Connection"], "close")
        self.assertTrue(client.at_end())
        self.assertEqual(origin.requests, [])

    def test_021_content_that_was_held_back_ends_the_connection(self):
        """After a final answer to Expect nobody can tell whether the content or the next request follows."""
        def serve(connection):
            wire.read_request_head(connection.reader)
            connection.send(response_bytes(401, {"WWW-Authenticate": "Basic"}, b"who?"))

        origin = self.origin(per_connection=serve)
        fields = {"Expect": "100-continue", "Content-Length": "5"}
        for target, status in ((origin.url("/"), 401), ("http://127.0.0.1:%d/" % self.proxy.port, 508)):
            with self.subTest(status):
                client = self.client()
                client.send(request_bytes("POST", target, fields))
                response = client.read("POST")
                self.assertEqual(response.status, status)
                self.assertEqual(response["Connection"], "close")
                self.assertTrue(client.at_end())

    def test_022_a_client_that_has_gone_is_let_go(self):
        """One that closed while it waited kept its fetch for up to a minute: a FIN may be only a half-close."""
        stuck = threading.Event()
        self.addCleanup(stuck.set)
        origin = self.origin(lambda r, c: stuck.wait(60) and None)
        proxy = self.larder()
        client = self.client(proxy)
        client.send_request("GET", origin.url("/"))
        origin.wait_requests(1)
        client.close()
        proxy.wait_metric("larder_client_connections", lambda value: value == 0)
        proxy.wait_metric('larder_origin_connections{state="active"}', lambda value: value == 0)

    def test_023_a_half_closed_client_gets_its_answer(self):
        origin = self.origin(lambda r, c: (time.sleep(0.5), response_bytes(200, NO_STORE, b"late"))[1])
        client = self.client()
        client.send_request("GET", origin.url("/"))
        client.half_close()
        self.assert_ok(client.read(), "late")

    def test_024_larders_own_request_in_origin_form_is_a_loop(self):
        """Sent to an address that Larder did not know for its own, it came back so and got the help page."""
        origin = self.scripted(lambda r, c: response_bytes(200, NO_STORE, r["Via"]))
        via = self.fetch(origin.url("/")).body.decode()
        response = ask(self.proxy.port, "GET", "/", {"Host": "a.test", "Via": via})
        self.assert_error(response, 508)

    def test_025_a_post_goes_on_a_connection_that_was_just_used(self):
        origin = self.origin(lambda r, c: response_bytes(200, NO_STORE, r.body))
        proxy = self.larder()
        client = self.client(proxy)
        for i in range(5):
            self.assert_ok(client.ask("POST", origin.url("/"), body=b"body"), "body")
        self.assertEqual(len(origin.connections), 1)

    def test_026_interim_responses_before_a_switch_are_passed_on(self):
        ask_for = {"Connection": "Upgrade", "Upgrade": "websocket"}

        def serve(connection):
            connection.read()
            connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
                            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            connection.wait_closed()

        origin = self.origin(per_connection=serve)
        client = self.client()
        client.send_request("GET", origin.url("/"), ask_for)
        self.assertEqual([client.read_head().status, client.read_head().status], [103, 101])


class Process(ProxyCase):
    def test_040_two_larders_do_not_share_a_port(self):
        """They did, and the kernel dealt the clients out between two caches."""
        for key in ("listen", "admin.listen"):
            with self.subTest(key):
                port = self.proxy.port if key == "listen" else self.proxy.admin_port
                address = f"127.0.0.1:{port}"
                listen = f'["{address}"]' if key == "listen" else '["127.0.0.1:0"]'
                admin = address if key == "admin.listen" else "127.0.0.1:0"
                status, _, err = run_once("--set", f"listen={listen}", "--set", f"admin.listen={admin}", "--set", "cache.disk.path=")
                self.assertEqual(status, 1, err)
                self.assertIn(address, err)

    def test_041_open_tunnels_and_half_heads_do_not_hold_a_stop_up(self):
        """Every browser has tunnels open, and Docker waits ten seconds."""
        target = self.origin(per_connection=lambda c: c.wait_closed())
        proxy = self.larder({"access.connect_ports": f"[{target.port}]"})
        tunnel = self.client(proxy)
        self.assertEqual(tunnel.ask("CONNECT", target.authority).status, 200)
        half = self.client(proxy)
        half.send(b"GET http://a.test/ HTT")
        proxy.wait_metric("larder_client_connections", lambda value: value == 2)
        self.assertLess(proxy.stop(), 8.0 if SANITIZED else 3.0)

    def test_042_a_reload_reaches_the_names(self):
        origin = self.origin(lambda r, c: response_bytes(200, NO_STORE, b"found"))
        with tempfile.TemporaryDirectory() as folder:
            config, hosts = f"{folder}/larder.json", f"{folder}/hosts"
            with open(hosts, "w", encoding="ascii") as file:
                file.write("127.0.0.1 reloaded.test\n")
            settings = {"listen": ["127.0.0.1:0"], "admin": {"listen": "127.0.0.1:0"}, "cache": {"disk": {"path": ""}},
                        "dns": {"hosts": "", "servers": ["127.0.0.1:1"]}}
            with open(config, "w", encoding="ascii") as file:
                json.dump(settings, file)
            proxy = self.larder(config=config)
            self.assertEqual(self.fetch(f"http://reloaded.test:{origin.port}/", proxy=proxy).status, 502)
            settings["dns"]["hosts"] = hosts
            with open(config, "w", encoding="ascii") as file:
                json.dump(settings, file)
            proxy.signal(signal.SIGHUP)
            proxy.wait_until(lambda: any("reload: done" in line for line in proxy.stderr), "the reload")
            deadline = time.monotonic() + 10
            while self.fetch(f"http://reloaded.test:{origin.port}/", proxy=proxy).status != 200:  # each worker has its turn
                self.assertLess(time.monotonic(), deadline, "the new hosts file is not read")
                time.sleep(0.02)


if __name__ == "__main__":
    unittest.main()
