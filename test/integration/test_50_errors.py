"""When something is wrong: the client always gets an answer that says so, and nothing half-done looks whole."""

from harness import *


def cut_by(way, fields, sent):
    """An origin that sends a head and `sent`, then ends its connection the given way."""
    def respond(request, connection):
        connection.send(response_bytes(200, fields, sent, length=False))
        if way == "reset":
            connection.reset()
        else:
            connection.close()

    return respond


class Unreachable(ProxyCase):
    keys = {"timeouts.connect": '"600ms"', "timeouts.first_byte": '"600ms"', "timeouts.body_idle": '"600ms"',
            "timeouts.header": '"600ms"', "timeouts.client_idle": '"600ms"'}

    def test_connection_refused(self):
        sock = listen()
        port = sock.getsockname()[1]
        sock.close()
        response = self.fetch(f"http://127.0.0.1:{port}/x")
        self.assertEqual(self.assert_error(response, 502, "refused"), "connection_refused")
        self.assertIn("Via", response.fields)
        self.assertIn("fwd", cache_status(response))

    def test_html_or_text_by_accept(self):
        html = self.fetch("http://127.0.0.1:1/<b>", {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        self.assertIn(html.status, (400, 502))
        self.assertNotIn(b"<b>", html.body)
        html = self.fetch("http://127.0.0.1:1/%3Cb%3E?a&b", {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        self.assert_error(html, 502)
        self.assertIn("text/html", html["Content-Type"])
        self.assertIn(b"<html", html.body.lower())
        self.assertNotIn(b"<b>", html.body)
        for accept in ({"Accept": "*/*"}, {}, {"Accept": "application/json"}):
            text = self.fetch("http://127.0.0.1:1/x", accept)
            self.assert_error(text, 502)
            self.assertIn("text/plain", text["Content-Type"])
            self.assertNotIn(b"<html", text.body.lower())

    def test_head_has_no_body(self):
        client = self.client()
        response = client.ask("HEAD", "http://127.0.0.1:1/x")
        self.assertEqual((response.status, response.body), (502, b""))
        self.assertEqual(client.ask("GET", "http://127.0.0.1:1/x").status, 502)

    def test_connect_timeout(self):
        hole = Blackhole()
        self.addCleanup(hole.close)
        self.assertEqual(self.assert_error(self.fetch(hole.url("/")), 504), "connection_timeout")

    def test_no_answer_in_time(self):
        stuck = threading.Event()
        self.addCleanup(stuck.set)
        origin = self.origin(lambda r, c: stuck.wait(30) and None)
        self.assertEqual(self.assert_error(self.fetch(origin.url("/")), 504), "http_response_timeout")

    def test_a_trickling_head_is_a_timeout_too(self):
        stuck = threading.Event()
        self.addCleanup(stuck.set)
        origin = self.origin(lambda r, c: (c.send(b"HTTP/1.1 200 OK\r\nX-"), stuck.wait(30)) and None)
        self.assert_error(self.fetch(origin.url("/")), 504)

    def test_a_body_that_stops(self):
        stuck = threading.Event()
        self.addCleanup(stuck.set)
        for cached in ("no-store", "max-age=600"):
            with self.subTest(cached):
                origin = self.origin(lambda r, c: (c.send(response_bytes(200, {"Content-Length": "10", "Cache-Control": cached}, b"half")),
                                                   stuck.wait(30)) and None)
                client = self.client()
                client.send_request("GET", origin.url("/"))
                response = self.assert_cut(client)
                self.assertEqual(response.body, b"half")

    def test_origin_closes_without_an_answer(self):
        origin = self.origin(per_connection=lambda c: c.read() and None)
        self.assertIn(self.assert_error(self.fetch(origin.url("/")), 502), ("connection_terminated", "http_response_incomplete"))

    def test_origin_resets(self):
        origin = self.origin(per_connection=lambda c: (c.read(), c.reset()))
        self.assert_error(self.fetch(origin.url("/")), 502)

    def test_half_a_head(self):
        origin = self.origin(per_connection=lambda c: (c.read(), c.send(b"HTTP/1.1 200 OK\r\nX-Half: ")))
        self.assert_error(self.fetch(origin.url("/")), 502)

    def test_not_http_at_all(self):
        origin = self.origin(per_connection=lambda c: (c.read(), c.send(b"SSH-2.0-OpenSSH_9.2\r\n")))
        self.assertEqual(self.assert_error(self.fetch(origin.url("/")), 502), "http_protocol_error")

    def test_client_header_timeout(self):
        client = self.client()
        client.send(b"GET http://127.0.0.1/ HTTP/1.1\r\nHo")
        try:
            self.assertEqual(client.read().status, 408)
        except Closed:
            pass  # silence is allowed too; what counts is that it ends
        self.assert_serves()

    def test_silent_client_is_closed(self):
        client = self.client()
        self.assertTrue(client.at_end())

    def test_client_body_that_stops(self):
        origin = self.origin(per_connection=lambda c: c.read())
        client = self.client()
        client.send(request_bytes("POST", origin.url("/"), {"Content-Length": "10"}) + b"half")
        try:
            self.assertIn(client.read().status, (400, 408, 502, 504))
        except Closed:
            pass
        self.assertFalse(any(r.complete for r in origin.requests))

    def test_the_connection_survives_an_error(self):
        origin = self.origin(lambda r, c: response_bytes(200, {"Cache-Control": "no-store"}, b"ok"))
        client = self.client()
        self.assert_error(client.get("http://127.0.0.1:1/"), 502)
        self.assert_ok(client.get(origin.url("/")), "ok")

    def test_a_post_to_nobody(self):
        """The request body is unread: answered all the same, and never taken for a next request."""
        client = self.client()
        client.send(request_bytes("POST", "http://127.0.0.1:1/", body=b"GET http://127.0.0.1:2/ HTTP/1.1\r\n\r\n"))
        self.assert_error(client.read(), 502)
        client.half_close()
        self.assertEqual(client.reader.to_end(), b"")


class Loops(ProxyCase):
    def test_own_port(self):
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
            with self.subTest(host):
                response = self.fetch(f"http://{host}:{self.proxy.port}/")
                self.assertEqual(self.assert_error(response, 508), "proxy_loop_detected")

    def test_own_admin_port(self):
        self.assert_error(self.fetch(f"http://127.0.0.1:{self.proxy.admin_port}/metrics"), 508)

    def test_via_of_its_own(self):
        """A request that has been here already, on whatever way it came back."""
        origin = self.origin(lambda r, c: response_bytes(200, {"Cache-Control": "no-store"}, r["Via"]))
        via = self.fetch(origin.url("/")).body.decode()
        self.assert_error(self.fetch(origin.url("/"), {"Via": via}), 508)
        self.assertEqual(len(origin.requests), 1)

    def test_chain_of_two_is_no_loop(self):
        """Larder behind Larder: the second goes by its own pseudonym."""
        outer = self.larder()
        origin = self.origin(lambda r, c: response_bytes(200, {"Cache-Control": "no-store"}, b"both"))
        via = self.fetch(origin.url("/"), proxy=outer)
        self.assert_ok(self.fetch(origin.url("/"), {"Via": ", ".join(via.fields.members("Via"))}), "both")


class Truncated(ProxyCase):
    """An origin that dies in mid-body never yields a response that looks complete, and nothing of it is kept."""

    def cut_twice(self, make):
        for cached in ("max-age=600", "no-store"):
            for way in ("close", "reset"):
                with self.subTest(f"{cached} {way}"):
                    make(cached, way)

    def cut_then_whole(self, fields, sent, way, minor=1):
        origin = self.scripted(cut_by(way, fields, sent), response_bytes(200, {"Cache-Control": "max-age=600"}, b"whole"))
        client = self.client()
        client.send_request("GET", origin.url("/t"), minor=minor)
        self.assert_cut(client, minor)
        self.assert_miss(self.fetch(origin.url("/t")), b"whole")

    def test_short_of_its_length(self):
        self.cut_twice(lambda cached, way: self.cut_then_whole({"Cache-Control": cached, "Content-Length": "1000"}, b"x" * 500, way))

    def test_short_of_its_last_chunk(self):
        self.cut_twice(lambda cached, way: self.cut_then_whole(
            {"Cache-Control": cached, "Transfer-Encoding": "chunked"}, chunk(b"x" * 500), way))

    def test_short_inside_a_chunk(self):
        self.cut_twice(lambda cached, way: self.cut_then_whole(
            {"Cache-Control": cached, "Transfer-Encoding": "chunked"}, b"fff\r\n" + b"x" * 500, way))

    def test_short_inside_the_trailers(self):
        self.cut_twice(lambda cached, way: self.cut_then_whole(
            {"Cache-Control": cached, "Transfer-Encoding": "chunked"}, chunk(b"x" * 500) + b"0\r\nX-T: 1\r\n", way))

    def test_until_close_by_reset(self):
        def reset(cached, way):
            if way == "reset":
                self.cut_then_whole({"Cache-Control": cached}, b"x" * 500, way)

        self.cut_twice(reset)

    def test_http_10_client_sees_a_reset(self):
        """Where nothing else can say that the body is not whole, the connection is reset rather than closed."""
        self.cut_then_whole({"Cache-Control": "max-age=600", "Transfer-Encoding": "chunked"}, chunk(b"x" * 500), "close", minor=0)

    def test_the_log_does_not_call_it_a_hit(self):
        origin = self.origin(cut_by("reset", {"Cache-Control": "max-age=600", "Content-Length": "1000"}, b"x" * 500))
        client = self.client()
        client.send_request("GET", origin.url("/l"))
        self.assert_cut(client)
        self.assertNotEqual(self.proxy.wait_log(lambda l: l["url"] == origin.url("/l"))["result"], "hit")
        objects = self.proxy.metric('larder_cache_objects{tier="memory"}')
        self.assert_miss(self.fetch(self.scripted(response_bytes(200, {"Cache-Control": "max-age=6"}, b"1")).url("/")))
        self.assertEqual(self.proxy.metric('larder_cache_objects{tier="memory"}'), objects + 1)


if __name__ == "__main__":
    unittest.main()
