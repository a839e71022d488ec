"""Forwarding: what a request and a response are on the other side of the proxy (RFC 9110 section 7, RFC 9112)."""

from harness import *

NO_STORE = {"Cache-Control": "no-store"}


def echo(request, _):
    """Says what came, so that a test sees it from the client's side too."""
    return response_bytes(200, NO_STORE, f"{request.method} {request.target} ".encode() + request.body)


class Requests(ProxyCase):
    def test_absolute_form_becomes_origin_form(self):
        origin = self.origin(echo)
        self.assert_ok(self.fetch(origin.url("/a/b?c=d%20e")), "GET /a/b?c=d%20e ")
        seen = origin.requests[0]
        self.assertEqual(seen.target, "/a/b?c=d%20e")
        self.assertEqual(seen.fields.all("Host"), [origin.authority])
        self.assertEqual(seen.minor, 1)

    def test_empty_path_is_a_slash(self):
        origin = self.origin(echo)
        self.assert_ok(self.fetch(f"http://{origin.authority}"), "GET / ")
        self.assert_ok(self.fetch(f"http://{origin.authority}?q=1"), "GET /?q=1 ")

    def test_options_of_a_whole_server(self):
        origin = self.origin(echo)
        self.assert_ok(self.fetch(f"http://{origin.authority}", method="OPTIONS"), "OPTIONS * ")

    def test_path_is_not_normalised(self):
        origin = self.origin(echo)
        for path in ("/./InRelease", "/a/../b", "/%7euser", "/a//b", "/a;p=1/b", "/%2f"):
            with self.subTest(path):
                self.assert_ok(self.fetch(origin.url(path)), f"GET {path} ")

    def test_every_method(self):
        origin = self.origin(lambda r, c: response_bytes(200, NO_STORE, b"" if r.method == "HEAD" else r.method.encode()))
        for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "MKCOL", "BREW", "M-SEARCH", "get"):
            with self.subTest(method):
                response = self.fetch(origin.url("/m"), method=method, body=b"x" if method in ("POST", "PUT", "PATCH") else None)
                self.assert_ok(response, method)
                self.assertEqual(origin.requests[-1].method, method)

    def test_host_of_the_target_wins(self):
        origin = self.origin(echo)
        self.assert_ok(self.fetch(origin.url("/"), {"Host": "elsewhere.test"}))
        self.assertEqual(origin.requests[0].fields.all("Host"), [origin.authority])

    def test_body_by_length(self):
        origin = self.origin(echo)
        body = bytes(range(256)) * 1000
        self.assert_ok(self.fetch(origin.url("/p"), method="POST", body=body), b"POST /p " + body)
        self.assertEqual(origin.requests[0].framing, "length")

    def test_body_of_length_zero(self):
        origin = self.origin(echo)
        self.assert_ok(self.fetch(origin.url("/p"), method="POST", body=b""), "POST /p ")
        self.assertEqual(origin.requests[0]["Content-Length"], "0")

    def test_body_by_chunks(self):
        origin = self.origin(echo)
        client = self.client()
        client.send(request_bytes("POST", origin.url("/p"), {"Transfer-Encoding": "chunked"}))
        for piece in (b"one ", b"two ", b"3" * 70000):
            client.send(chunk(piece))
        client.send(last_chunk())
        self.assert_ok(client.read(), b"POST /p one two " + b"3" * 70000)

    def test_request_trailers_reach_the_origin_or_are_dropped_never_merged(self):
        origin = self.origin(echo)
        client = self.client()
        client.send(request_bytes("POST", origin.url("/p"), {"Transfer-Encoding": "chunked", "Trailer": "X-Sum"})
                    + chunk(b"body") + last_chunk([("X-Sum", "42")]))
        self.assert_ok(client.read(), "POST /p body")
        seen = origin.requests[0]
        self.assertEqual(seen.trailers.get("X-Sum", "42"), "42")
        self.assertNotIn("X-Sum", seen.fields)

    def test_request_body_streams(self):
        """The origin answers half a body before the client has sent the other half."""
        first_half_seen = threading.Event()

        def serve(connection):
            request = connection.read_head()
            self.assertEqual(connection.reader.exactly(5), b"first")
            first_half_seen.set()
            self.assertEqual(connection.reader.exactly(6), b"second")
            request.complete = True
            connection.send(response_bytes(200, NO_STORE, b"got both"))

        origin = self.origin(per_connection=serve)
        client = self.client()
        client.send(request_bytes("PUT", origin.url("/s"), {"Content-Length": "11"}) + b"first")
        self.assertTrue(first_half_seen.wait(10), "the first half was held back")
        client.send(b"second")
        self.assert_ok(client.read(), "got both")

    def test_large_upload(self):
        origin = self.origin(lambda r, c: response_bytes(200, NO_STORE, str(len(r.body))))
        size = (4 if SANITIZED else 32) << 20
        self.assert_ok(self.fetch(origin.url("/up"), method="PUT", body=b"u" * size), str(size))

    def test_body_of_a_get_is_forwarded_and_not_stored(self):
        origin = self.origin(lambda r, c: response_bytes(200, {"Cache-Control": "max-age=600"}, b"fat " + r.body))
        self.assert_ok(self.fetch(origin.url("/fat"), body=b"evil"), "fat evil")
        self.assert_ok(self.fetch(origin.url("/fat")), "fat ")

    def test_byte_by_byte(self):
        origin = self.origin(echo)
        client = self.client()
        for byte in request_bytes("POST", origin.url("/slow"), {"Transfer-Encoding": "chunked"}) + chunk(b"drip") + last_chunk():
            client.send(bytes([byte]))
        self.assert_ok(client.read(), "POST /slow drip")

    def test_large_head_passes(self):
        origin = self.origin(echo)
        self.assert_ok(self.fetch(origin.url("/h"), {"Cookie": "c" * 20000}))
        self.assertEqual(len(origin.requests[0]["Cookie"]), 20000)


class Fields(ProxyCase):
    def test_hop_by_hop_fields_of_a_request_end_here(self):
        origin = self.origin(echo)
        self.assert_ok(self.fetch(origin.url("/"), {
            "Connection": "close, X-Named,Keep-Alive", "X-Named": "1", "Keep-Alive": "timeout=5", "TE": "trailers",
            "Proxy-Connection": "keep-alive", "Proxy-Authorization": "Basic eDp5", "X-Kept": "2", "Upgrade": "h2c"}))
        seen = origin.requests[0]
        for name in ("X-Named", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Upgrade"):
            self.assertNotIn(name, seen.fields)
        # A TE on this side is Larder's own, and nominated as such (RFC 9110 section 10.1.4).
        self.assertIn(seen["TE"], (None, "trailers"))
        self.assertEqual("TE" in seen.fields, "TE" in seen.fields.members("Connection"))
        self.assertEqual(seen["X-Kept"], "2")
        self.assertNotIn("close", seen["Connection"] or "", "the origin connection is Larder's own to close")

    def test_hop_by_hop_fields_of_a_response_end_here(self):
        origin = self.origin(lambda r, c: response_bytes(200, {
            "Connection": "X-Named, keep-alive", "X-Named": "1", "Keep-Alive": "timeout=5", "Proxy-Connection": "x",
            "Proxy-Authenticate": "Basic", "X-Kept": "2", "Upgrade": "h2c", **NO_STORE}, b"b"))
        response = self.fetch(origin.url("/"))
        self.assert_ok(response, "b")
        for name in ("X-Named", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Upgrade"):
            self.assertNotIn(name, response.fields)
        self.assertEqual(response["X-Kept"], "2")

    def test_via_both_ways(self):
        origin = self.origin(lambda r, c: response_bytes(200, {"Via": "1.0 inner", **NO_STORE}, b"b"))
        response = self.fetch(origin.url("/"), {"Via": "1.1 outer (comment)"})
        seen = origin.requests[0].fields.members("Via")
        self.assertEqual(seen[0], "1.1 outer (comment)")
        self.assertEqual(len(seen), 2)
        self.assertRegex(seen[1], r"\A1\.1 \S+")
        back = response.fields.members("Via")
        self.assertEqual(back[0], "1.0 inner")
        self.assertEqual(len(back), 2)
        self.assertRegex(back[1], r"\A1\.1 \S+")

    def test_via_names_the_version_received(self):
        origin = self.origin(echo)
        self.fetch(origin.url("/"), minor=0)
        self.assertRegex(origin.requests[0]["Via"], r"\A1\.0 \S+")

    def test_unknown_and_repeated_fields_keep_order_and_lines(self):
        origin = self.origin(lambda r, c: response_bytes(
            200, [("Set-Cookie", "a=1"), ("X-Odd", ""), ("Set-Cookie", "b=2; Path=/"), *NO_STORE.items()], b"b"))
        response = self.fetch(origin.url("/"), [("X-Many", "1"), ("X-Many", "2"), ("Cookie", "k=v")])
        self.assertEqual(response.fields.all("Set-Cookie"), ["a=1", "b=2; Path=/"])
        self.assertEqual(response.fields.all("X-Odd"), [""])
        self.assertEqual(origin.requests[0].fields.members("X-Many"), ["1", "2"])
        self.assertEqual(origin.requests[0]["Cookie"], "k=v")

    def test_latin_1_values_pass(self):
        origin = self.origin(lambda r, c: response_bytes(200, {"X-Name": "J\xfcrgen", **NO_STORE}, b"b"))
        self.assertEqual(self.fetch(origin.url("/"))["X-Name"], "J\xfcrgen")

    def test_framing_fields_may_not_be_nominated_away(self):
        origin = self.origin(echo)
        self.assert_ok(self.fetch(origin.url("/n"), {"Connection": "Content-Length, Host, Via"}, "POST", b"whole"), "POST /n whole")
        self.assertEqual(origin.requests[0].fields.all("Host"), [origin.authority])

    def test_cache_status_and_via_on_every_response(self):
        origin = self.origin(echo)
        for method in ("GET", "POST", "DELETE", "OPTIONS"):
            response = self.fetch(origin.url("/"), method=method, body=b"x" if method == "POST" else None)
            self.assertIn("Via", response.fields)
            self.assertIn("fwd", cache_status(response))
        self.assertEqual(cache_status(self.fetch(origin.url("/"), method="POST", body=b"x"))["fwd"], "method")


class Responses(ProxyCase):
    def test_body_by_length(self):
        body = bytes(range(256)) * 4096
        origin = self.origin(lambda r, c: response_bytes(200, NO_STORE, body))
        response = self.fetch(origin.url("/"))
        self.assert_ok(response, body)
        self.assertEqual(response.framing, "length")

    def test_body_by_chunks(self):
        origin = self.origin(lambda r, c: response_bytes(
            200, {"Transfer-Encoding": "chunked", **NO_STORE}, chunk(b"a" * 10) + chunk(b"b" * 100000) + last_chunk(), length=False))
        client = self.client()
        response = client.get(origin.url("/"))
        self.assert_ok(response, b"a" * 10 + b"b" * 100000)
        self.assert_ok(client.get(origin.url("/")), b"a" * 10 + b"b" * 100000)

    def test_body_until_close(self):
        origin = self.origin(lambda r, c: response_bytes(200, {"Connection": "close", **NO_STORE}, b"until the end", length=False))
        client = self.client()
        self.assert_ok(client.get(origin.url("/1")), "until the end")
        self.assert_ok(client.get(origin.url("/2")), "until the end")  # the client's connection outlives the origin's

    def test_trailers_reach_the_client(self):
        origin = self.origin(lambda r, c: response_bytes(
            200, {"Trailer": "X-Sum", **NO_STORE}, b"body", chunked=True, trailers=[("X-Sum", "7"), ("Content-Length", "9")]))
        response = self.fetch(origin.url("/"), {"TE": "trailers"})
        self.assert_ok(response, "body")
        self.assertEqual(response.trailers.get("X-Sum"), "7")
        self.assertNotIn("Content-Length", response.trailers)
        self.assertNotIn("X-Sum", response.fields)

    def test_response_streams(self):
        """The client holds the first half before the origin has sent the second."""
        first_half_read = threading.Event()

        def respond(request, connection):
            connection.send(response_bytes(200, {"Content-Length": "10", **NO_STORE}, b"first"))
            if not first_half_read.wait(10):
                connection.origin.problem("the first half was held back")
            return b"final"

        origin = self.origin(respond)
        client = self.client()
        client.send_request("GET", origin.url("/"))
        self.assertEqual(client.read_head().status, 200)
        self.assertEqual(client.reader.exactly(5), b"first")
        first_half_read.set()
        self.assertEqual(client.reader.exactly(5), b"final")

    def test_byte_by_byte(self):
        origin = self.origin(lambda r, c: c.send_slowly(response_bytes(200, NO_STORE, b"drip", chunked=True, trailers=[("X-T", "1")])))
        self.assert_ok(self.fetch(origin.url("/")), "drip")

    def test_head_has_no_body(self):
        origin = self.origin(lambda r, c: response_bytes(200, {"Content-Length": "1000", **NO_STORE}, b"", length=False))
        client = self.client()
        response = client.ask("HEAD", origin.url("/"))
        self.assertEqual((response.status, response["Content-Length"]), (200, "1000"))
        self.assertEqual(client.ask("HEAD", origin.url("/")).status, 200)
        self.assertEqual(len(origin.connections), 1, "nothing was left unread")

    def test_statuses_without_a_body(self):
        origin = self.origin(lambda r, c: response_bytes(int(r.target[1:]), NO_STORE))
        client = self.client()
        for status in (204, 304, 204):
            response = client.get(origin.url(f"/{status}"), {"If-None-Match": '"x"'})
            self.assertEqual((response.status, response.body), (status, b""))

    def test_every_status_passes(self):
        origin = self.origin(lambda r, c: response_bytes(int(r.target[1:]), NO_STORE, b"s"))
        client = self.client()
        for status in (200, 201, 203, 207, 226, 299, 300, 303, 400, 402, 404, 418, 429, 451, 499, 500, 501, 503, 511, 599):
            response = client.get(origin.url(f"/{status}"))
            self.assertEqual((response.status, response.body), (status, b"s"))

    def test_empty_reason_phrase(self):
        origin = self.origin(lambda r, c: b"HTTP/1.1 200 \r\nContent-Length: 2\r\nCache-Control: no-store\r\n\r\nok")
        self.assert_ok(self.fetch(origin.url("/")), "ok")

    def test_http_10_origin(self):
        origin = self.origin(per_connection=lambda c: (c.read(), c.send(b"HTTP/1.0 200 OK\r\nCache-Control: no-store\r\n\r\nold")))
        response = self.fetch(origin.url("/"))
        self.assert_ok(response, "old")
        self.assertRegex(response["Via"], r"\A1\.0 \S+")

    def test_ranges_pass(self):
        def respond(request, _):
            self.assertEqual(request["Range"], "bytes=2-3")
            return response_bytes(206, {"Content-Range": "bytes 2-3/6", "Cache-Control": "max-age=600"}, b"cd")

        origin = self.origin(respond)
        for _ in range(2):
            response = self.fetch(origin.url("/r"), {"Range": "bytes=2-3"})
            self.assert_ok(response, "cd", 206)
            self.assertEqual(response["Content-Range"], "bytes 2-3/6")


class Interim(ProxyCase):
    def test_expect_100_continue(self):
        """The client sends the body only after a 100, whoever said it."""
        def serve(connection):
            while (request := connection.read_head()) is not None:
                if "Expect" in request.fields:
                    connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
                wire.finish_request(connection.reader, request)
                connection.send(response_bytes(200, NO_STORE, b"took " + request.body))

        origin = self.origin(per_connection=serve)
        client = self.client()
        client.send(request_bytes("POST", origin.url("/e"), {"Expect": "100-continue", "Content-Length": "4"}))
        self.assertEqual(client.read_head().status, 100)
        client.send(b"body")
        self.assert_ok(client.read(), "took body")

    def test_expect_when_the_client_does_not_wait(self):
        origin = self.origin(echo)
        client = self.client()
        client.send(request_bytes("POST", origin.url("/e"), {"Expect": "100-continue"}, b"at once"))
        self.assert_ok(client.read(), "POST /e at once")
        self.assert_ok(client.get(origin.url("/next")), "GET /next ")

    def test_a_final_answer_instead_of_100(self):
        """An origin that refuses at once: the client gets that, and nothing is mixed up afterwards."""
        def serve(connection):
            connection.read_head()
            connection.send(response_bytes(413, {"Connection": "close", **NO_STORE}, b"too much"))
            connection.reader.to_end()

        origin = self.origin(per_connection=serve)
        client = self.client()
        client.send(request_bytes("POST", origin.url("/e"), {"Expect": "100-continue", "Content-Length": "400"}))
        response = client.read()
        self.assertEqual((response.status, response.body), (413, b"too much"))

    def test_early_hints_pass_at_once(self):
        hints_read = threading.Event()

        def respond(request, connection):
            connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </s.css>; rel=preload\r\n\r\n")
            if not hints_read.wait(10):
                connection.origin.problem("the 103 was held back")
            return response_bytes(200, {"Cache-Control": "max-age=60"}, b"page")

        origin = self.origin(respond)
        client = self.client()
        client.send_request("GET", origin.url("/h"))
        hints = client.read_head()
        self.assertEqual((hints.status, hints["Link"]), (103, "</s.css>; rel=preload"))
        hints_read.set()
        response = client.read()
        self.assert_ok(response, "page")
        self.assertNotIn("Link", response.fields)

    def test_several_interim_responses(self):
        origin = self.origin(lambda r, c: b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
                             b"HTTP/1.1 103 Early Hints\r\nLink: </b>\r\n\r\n" + response_bytes(200, NO_STORE, b"end"))
        response = self.fetch(origin.url("/"))
        self.assert_ok(response, "end")
        self.assertEqual([i.status for i in response.interims], [102, 103, 103])

    def test_interim_responses_are_not_for_http_10(self):
        origin = self.origin(lambda r, c: b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + response_bytes(200, NO_STORE, b"end"))
        response = self.fetch(origin.url("/"), minor=0)  # the reader refuses a 1xx here
        self.assert_ok(response, "end")


class ClientConnections(ProxyCase):
    def test_keep_alive(self):
        origin = self.origin(echo)
        client = self.client()
        for i in range(5):
            self.assert_ok(client.get(origin.url(f"/{i}")), f"GET /{i} ")

    def test_close_when_asked(self):
        origin = self.origin(echo)
        for field in ("Connection", "Proxy-Connection"):
            with self.subTest(field), Client(self.proxy.port) as client:
                response = client.get(origin.url("/"), {field: "close"})
                self.assert_ok(response)
                self.assertIn("close", response.fields.members("Connection"))
                self.assertTrue(client.at_end())

    def test_http_10_closes(self):
        origin = self.origin(echo)
        with Client(self.proxy.port) as client:
            self.assert_ok(client.get(origin.url("/"), minor=0), "GET / ")
            self.assertTrue(client.at_end())

    def test_http_10_keep_alive_when_asked(self):
        origin = self.origin(echo)
        for field in ("Connection", "Proxy-Connection"):
            with self.subTest(field), Client(self.proxy.port) as client:
                response = client.get(origin.url("/1"), {field: "Keep-Alive"}, minor=0)
                self.assert_ok(response)
                self.assertIn("keep-alive", (response["Connection"] or "").lower())
                self.assert_ok(client.get(origin.url("/2"), {field: "Keep-Alive"}, minor=0), "GET /2 ")

    def test_chunks_become_close_delimited_for_http_10(self):
        head_read = threading.Event()

        def respond(request, connection):
            connection.send(response_bytes(200, {"Transfer-Encoding": "chunked", **NO_STORE}, chunk(b"old "), length=False))
            head_read.wait(10)  # so that nobody knows the length when the head goes out
            return chunk(b"enough") + last_chunk()

        origin = self.origin(respond)
        with Client(self.proxy.port) as client:
            client.send_request("GET", origin.url("/"), {"Connection": "keep-alive"}, minor=0)
            response = client.read_head()
            head_read.set()
            wire.finish_response(client.reader, response, request_minor=0)
            self.assert_ok(response, "old enough")
            self.assertEqual(response.framing, "close")

    def test_pipelined_requests_are_answered_in_order(self):
        """The first answer comes last from its origin; the others must wait for it."""
        release = threading.Event()

        def respond(request, connection):
            if request.target == "/0" and not release.wait(20):
                connection.origin.problem("never released")
            return response_bytes(200, NO_STORE, request.target)

        origin = self.origin(respond)
        client = self.client()
        client.send(b"".join(request_bytes("GET", origin.url(f"/{i}")) for i in range(10)))
        origin.wait_requests(1)
        release.set()
        for i in range(10):
            self.assert_ok(client.read(), f"/{i}")

    def test_pipeline_of_mixed_kinds(self):
        origin = self.origin(lambda r, c: response_bytes(
            200, {"Cache-Control": "max-age=600"}, b"" if r.method == "HEAD" else r.target.encode() + b" " + r.body))
        self.assert_miss(self.fetch(origin.url("/hit")))
        self.assertEqual(len(origin.requests), 1)
        client = self.client()
        client.send(request_bytes("GET", origin.url("/hit"))
                    + request_bytes("POST", origin.url("/post"), body=b"GET http://no/ HTTP/1.1\r\n\r\n")
                    + request_bytes("HEAD", origin.url("/head"))
                    + request_bytes("GET", "http://127.0.0.1:1/refused")
                    + request_bytes("POST", origin.url("/chunks"), {"Transfer-Encoding": "chunked"}) + chunk(b"c") + last_chunk()
                    + request_bytes("GET", origin.url("/hit")))
        self.assert_hit(client.read(), "/hit ")
        self.assert_ok(client.read(), "/post GET http://no/ HTTP/1.1\r\n\r\n")
        self.assert_ok(client.read("HEAD"), "")
        self.assert_error(client.read(), 502)
        self.assert_ok(client.read(), "/chunks c")
        self.assert_hit(client.read(), "/hit ")

    def test_pipeline_ends_with_close(self):
        origin = self.origin(echo)
        with Client(self.proxy.port) as client:
            client.send(request_bytes("GET", origin.url("/1")) + request_bytes("GET", origin.url("/2"), {"Connection": "close"})
                        + request_bytes("GET", origin.url("/3")))
            self.assert_ok(client.read(), "GET /1 ")
            self.assert_ok(client.read(), "GET /2 ")
            self.assertTrue(client.at_end())
        self.assertNotIn("/3", [r.target for r in origin.requests])

    def test_half_closed_client_gets_its_answer(self):
        origin = self.origin(echo)
        client = self.client()
        client.send(request_bytes("GET", origin.url("/half")))
        client.half_close()
        self.assert_ok(client.read(), "GET /half ")

    def test_empty_line_before_a_request(self):
        origin = self.origin(echo)
        client = self.client()
        client.send(b"\r\n" + request_bytes("GET", origin.url("/1")))
        self.assert_ok(client.read(), "GET /1 ")


class Switched(ProxyCase):
    def test_date_is_added_when_the_origin_has_none(self):
        origin = self.origin(echo)
        self.assertRegex(self.fetch(origin.url("/"))["Date"], r"\A[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\Z")

    def test_ftp_urls_are_refused_with_words(self):
        response = self.fetch("ftp://127.0.0.1/pub/x")
        self.assertIn(response.status, (400, 501))
        self.assertTrue(response.body.strip())

    def test_ipv6_origin(self):
        origin = self.origin(echo, host="::1")
        self.assert_ok(self.fetch(origin.url("/six")), "GET /six ")
        self.assertEqual(origin.requests[0]["Host"], origin.authority)

    def test_user_info_is_not_passed_on(self):
        origin = self.origin(echo)
        response = self.fetch(f"http://user:secret@{origin.authority}/u")
        self.assertIn(response.status, (200, 400))
        for request in origin.requests:
            self.assertNotIn(b"secret", request.raw_head)


if __name__ == "__main__":
    unittest.main()
