"""Origin connections: kept, shared, checked before use, never reused in doubt (RFC 9112 section 9.3)."""

from harness import *

NO_STORE = {"Cache-Control": "no-store"}
IDLE = 'larder_origin_connections{state="idle"}'


def echo(request, _):
    return response_bytes(200, NO_STORE, f"{request.method} {request.target} ".encode() + request.body)


class Pool(ProxyCase):
    def setUp(self):
        super().setUp()
        # Each test counts idle connections: a proxy of its own keeps the count its own.
        self.proxy_own = self.larder()

    def ask(self, target, **kw):
        return self.fetch(target, proxy=self.proxy_own, **kw)

    def parked(self, count=1):
        self.proxy_own.wait_metric(IDLE, lambda value: value == count)

    def test_reuse_across_client_connections_and_workers(self):
        origin = self.origin(echo)
        for i in range(30):
            self.assert_ok(self.ask(origin.url(f"/{i}")))
            self.parked()
        self.assertEqual(len(origin.connections), 1)
        self.assertEqual(self.proxy_own.metric("larder_origin_connects_total"), 1)
        self.assertEqual(self.proxy_own.metric("larder_origin_requests_total"), 30)

    def test_reuse_after_chunks_and_after_a_post(self):
        origin = self.origin(lambda r, c: response_bytes(200, NO_STORE, b"x", chunked=True))
        self.assert_ok(self.ask(origin.url("/1"), method="POST", body=b"b"))
        self.parked()
        self.assert_ok(self.ask(origin.url("/2")))
        self.assertEqual(len(origin.connections), 1)

    def test_no_reuse_when_the_origin_says_close(self):
        origin = self.origin(lambda r, c: response_bytes(200, {"Connection": "close", **NO_STORE}, b"x"))
        for _ in range(3):
            self.assert_ok(self.ask(origin.url("/")))
        self.assertEqual(len(origin.connections), 3)

    def test_no_reuse_of_http_10_without_keep_alive(self):
        def serve(connection):
            connection.read()
            connection.send(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\nCache-Control: no-store\r\n\r\nx")
            if not connection.wait_closed():
                connection.origin.problem("a second request on an HTTP/1.0 connection")

        origin = self.origin(per_connection=serve)
        for _ in range(2):
            self.assert_ok(self.ask(origin.url("/")))
        self.assertEqual(len(origin.connections), 2)

    def test_a_reused_connection_that_dies_is_replaced_once(self):
        """The origin closes at the second request on its first connection, without a byte."""
        def serve(connection):
            if connection.number == 1:
                connection.read()
                connection.send(response_bytes(200, NO_STORE, b"first"))
                connection.read()
                return  # closes
            while connection.read() is not None:
                connection.send(response_bytes(200, NO_STORE, b"second"))

        origin = self.origin(per_connection=serve)
        self.assert_ok(self.ask(origin.url("/")), "first")
        self.parked()
        self.assert_ok(self.ask(origin.url("/")), "second")
        self.assertEqual(len(origin.connections), 2)
        self.assertEqual(len(origin.requests), 3)

    def test_retry_is_for_once_only(self):
        def serve(connection):
            connection.read()
            if connection.number == 1:
                connection.send(response_bytes(200, NO_STORE, b"first"))
                connection.read()

        origin = self.origin(per_connection=serve)
        self.assert_ok(self.ask(origin.url("/")), "first")
        self.parked()
        self.assert_error(self.ask(origin.url("/")), 502)
        self.assertEqual(len(origin.requests), 3)

    def test_a_fresh_connection_that_dies_is_not_retried(self):
        origin = self.origin(per_connection=lambda c: c.read() and None)
        self.assert_error(self.ask(origin.url("/")), 502)
        self.assertEqual(len(origin.connections), 1)

    def test_a_post_is_not_repeated(self):
        """Each connection dies at its second request: a POST meets that only where it was sent on a used connection, and
        then it must end there rather than reach the origin twice."""
        def serve(connection):
            connection.read()
            connection.send(response_bytes(200, NO_STORE, f"from {connection.number}"))
            connection.read()

        origin = self.origin(per_connection=serve)
        for i in range(5):
            self.assert_ok(self.ask(origin.url(f"/{i}")))
            response = self.ask(origin.url("/"), method="POST", body=b"once")
            self.assertIn(response.status, (200, 502))
            self.assertEqual([r.method for r in origin.requests].count("POST"), i + 1)

    def test_no_retry_after_the_first_response_byte(self):
        def serve(connection):
            connection.read()
            if connection.number == 1:
                connection.send(response_bytes(200, NO_STORE, b"first"))
                connection.read()
                connection.send(b"HTTP/1.1 2")
                return
            connection.send(response_bytes(200, NO_STORE, b"repeated"))

        origin = self.origin(per_connection=serve)
        self.assert_ok(self.ask(origin.url("/")), "first")
        self.parked()
        self.assert_error(self.ask(origin.url("/")), 502)
        self.assertEqual(len(origin.connections), 1)

    def test_an_idle_connection_closed_by_the_origin_costs_nothing(self):
        """Seen when it is taken (or before): even a POST, which could not be repeated, goes through."""
        close = threading.Event()
        closed = threading.Event()

        def serve(connection):
            connection.read()
            connection.send(response_bytes(200, NO_STORE, b"ok"))
            if connection.number == 1:
                close.wait(20)
                connection.close()
                closed.set()

        origin = self.origin(per_connection=serve)
        self.assert_ok(self.ask(origin.url("/")), "ok")
        self.parked()
        close.set()
        self.assertTrue(closed.wait(20))
        self.assert_ok(self.ask(origin.url("/"), method="POST", body=b"x"), "ok")
        self.assertEqual(len(origin.requests), 2)

    def test_stray_bytes_on_an_idle_connection_close_it(self):
        stray = threading.Event()
        sent = threading.Event()

        def serve(connection):
            connection.read()
            connection.send(response_bytes(200, NO_STORE, f"from {connection.number}"))
            if connection.number == 1:
                stray.wait(20)
                connection.send(response_bytes(200, NO_STORE, b"poison"))
                sent.set()
                if not connection.wait_closed():
                    connection.origin.problem("used again after stray bytes")

        origin = self.origin(per_connection=serve)
        self.assert_ok(self.ask(origin.url("/1")), "from 1")
        self.parked()
        stray.set()
        self.assertTrue(sent.wait(20))
        self.assert_ok(self.ask(origin.url("/2")), "from 2")

    def test_stray_bytes_behind_a_response_close_it(self):
        def serve(connection):
            connection.read()
            connection.send(response_bytes(200, NO_STORE, f"from {connection.number}") + response_bytes(200, NO_STORE, b"poison"))
            if not connection.wait_closed():
                connection.origin.problem("used again after stray bytes")

        origin = self.origin(per_connection=serve)
        for i in (1, 2, 3):
            self.assert_ok(self.ask(origin.url(f"/{i}")), f"from {i}")

    def test_no_reuse_after_an_unfinished_response(self):
        """The client leaves in mid-body: what would still come must never be another request's answer."""
        def serve(connection):
            request = connection.read()
            if request.target == "/big":
                connection.send(response_bytes(200, {"Content-Length": str(1 << 30), **NO_STORE}, b"x" * 65536, length=False))
                if not connection.wait_closed():
                    connection.origin.problem("used again after an unfinished exchange")
            else:
                connection.send(response_bytes(200, NO_STORE, b"clean"))

        origin = self.origin(per_connection=serve)
        client = self.client(self.proxy_own)
        client.send_request("GET", origin.url("/big"))
        self.assertEqual(client.read_head().status, 200)
        client.abort()
        self.assert_ok(self.ask(origin.url("/next")), "clean")
        self.assertEqual(len(origin.connections), 2)

    def test_no_reuse_after_an_answer_to_half_a_request(self):
        """An origin that answers before the request body has come whole (an early response)."""
        def serve(connection):
            request = connection.read_head()
            if request.method == "POST":
                connection.send(response_bytes(403, NO_STORE, b"early"))
                connection.reader.to_end()
            else:
                connection.send(response_bytes(200, NO_STORE, b"clean"))

        origin = self.origin(per_connection=serve)
        client = self.client(self.proxy_own)
        client.send(request_bytes("POST", origin.url("/p"), {"Content-Length": "100000"}) + b"part")
        response = client.read()
        self.assertEqual((response.status, response.body), (403, b"early"))
        client.close()
        self.assert_ok(self.ask(origin.url("/next")), "clean")
        self.assertEqual(len(origin.connections), 2)

    def test_a_client_that_leaves_in_mid_request_reaches_no_conclusion(self):
        """Half a request body and then nothing: the origin must not see a complete request."""
        ended = threading.Event()

        def serve(connection):
            request = connection.read_head()
            wire.finish_request(connection.reader, request)
            if request.complete:
                connection.origin.problem("half a body was made to look whole")
            ended.set()

        origin = self.origin(per_connection=serve)
        client = self.client(self.proxy_own)
        client.send(request_bytes("POST", origin.url("/p"), {"Transfer-Encoding": "chunked"}) + chunk(b"half"))
        origin.wait_requests(1)
        client.close()
        self.assertTrue(ended.wait(20))

    def test_many_at_once_make_many_connections(self):
        gate = threading.Barrier(8)

        def respond(request, _):
            gate.wait(20)
            return response_bytes(200, NO_STORE, request.target)

        origin = self.origin(respond)
        answers = self.gather(8, lambda i: self.ask(origin.url(f"/{i}")))
        for i, answer in enumerate(answers):
            self.assert_ok(answer, f"/{i}")
        self.parked(8)

    def test_idle_connections_end_in_time(self):
        proxy = self.larder({"timeouts.origin_idle": '"300ms"'})

        def serve(connection):
            connection.read()
            connection.send(response_bytes(200, NO_STORE, b"ok"))
            if not connection.wait_closed():
                connection.origin.problem("something came on an idle connection")

        origin = self.origin(per_connection=serve)
        self.assert_ok(self.fetch(origin.url("/"), proxy=proxy), "ok")
        proxy.wait_metric(IDLE, lambda value: value == 0)
        self.assertEqual(len(origin.connections), 1)

    def test_idle_connections_are_bounded_per_host(self):
        proxy = self.larder({"limits.origin_idle_per_host": "2"})
        gate = threading.Barrier(6)

        def respond(request, _):
            gate.wait(20)
            return response_bytes(200, NO_STORE, b"ok")

        origin = self.origin(respond)
        self.gather(6, lambda i: self.fetch(origin.url(f"/{i}"), proxy=proxy))
        proxy.wait_metric('larder_origin_connections{state="active"}', lambda value: value == 0)
        self.assertLessEqual(proxy.metric(IDLE), 2)


if __name__ == "__main__":
    unittest.main()
