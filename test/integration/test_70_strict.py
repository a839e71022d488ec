"""Malformed and ambiguous messages (tables in malformed_requests.py and malformed_responses.py): each is refused, none
reaches the other side, and after each the process still serves."""

from harness import *
from malformed_requests import REQUESTS
from malformed_responses import RESPONSES

SECRET = b"must not be reached"


class Strict(ProxyCase):
    keys = {"timeouts.header": '"5s"', "timeouts.body_idle": '"5s"'}

    def still_serves(self, good):
        response = self.fetch(good.url("/good"))
        self.assert_ok(response, "good")

    def answer(self, client):
        """The first response's status and whether the connection ended after it; None when it ended without one."""
        try:
            response = client.read()
        except Closed:
            return None
        self.assertIn("close", [m.lower() for m in response.fields.members("Connection")], response)
        try:
            rest = client.reader.to_end()
        except TimeoutError:
            self.fail(f"the connection stays open after {response}")
        self.assertEqual(rest, b"", "something after the refusal")
        return response

    def send_all(self, client, raw):
        try:
            client.send(raw)
        except OSError:
            pass  # refused before all of it was sent: what counts is the answer


def request_test(name, raw, expected, options):
    def test(self):
        good = self.origin(lambda r, c: response_bytes(200, {"Cache-Control": "no-store"}, b"good"))
        origin = Origin(lambda r, c: response_bytes(200, {"Cache-Control": "max-age=600"}, SECRET))
        self.addCleanup(origin.close)  # its problems are the point here, not a failure
        with Client(self.proxy.port, timeout=10) as client:
            self.send_all(client, raw.replace(b"@ORIGIN@", origin.authority.encode()))
            response = self.answer(client)
        if response is None:
            # A body that breaks after its head was forwarded may be answered by a cut only.
            self.assertTrue(options.get("origin-may-see"), "closed without an answer")
        else:
            self.assertIn(response.status, expected, response)
            self.assertNotIn(SECRET, response.body)
        if options.get("origin-may-see"):
            self.assertFalse([r for r in origin.requests if r.complete], "the origin saw a complete request")
        else:
            self.assertEqual(len(origin.connections), 0, "an origin connection was made")
        self.still_serves(good)

    test.__doc__ = name
    return test


def response_test(name, raw, expected):
    def test(self):
        asked = []

        def serve(connection):
            while (request := connection.read()) is not None:
                asked.append(request)
                if len(asked) == 1:
                    connection.send(raw)
                    return
                connection.send(response_bytes(200, {"Cache-Control": "no-store"}, b"good"))

        origin = self.origin(per_connection=serve)
        with Client(self.proxy.port, timeout=10) as client:
            client.send_request("GET", origin.url("/good"))
            try:
                response = client.read()
            except Closed:
                response = None
        if expected == "truncated":
            if response is not None and response.status != 502:
                self.assertFalse(response.complete, f"looks complete: {response}")
        else:
            self.assertIsNotNone(response, "closed without an answer")
            self.assertIn(response.status, expected, response)
            self.assert_error(response, response.status)
        self.still_serves(origin)  # asked anew: nothing of it was kept

    test.__doc__ = name
    return test


def slug(name):
    return "".join(c if c.isalnum() else "_" for c in name.lower())


for number, row in enumerate(REQUESTS):
    setattr(Strict, f"test_request_{number:03}_{slug(row[0])}", request_test(*row[:3], row[3] if len(row) > 3 else {}))
for number, row in enumerate(RESPONSES):
    setattr(Strict, f"test_response_{number:03}_{slug(row[0])}", response_test(*row[:3]))


class Tables(unittest.TestCase):
    def test_are_as_large_as_promised(self):
        self.assertGreaterEqual(len(REQUESTS), 120)
        self.assertGreaterEqual(len(RESPONSES), 60)
        for table in (REQUESTS, RESPONSES):
            self.assertEqual(len({row[1] for row in table}), len(table), "a row twice")


class Sizes(ProxyCase):
    keys = {"limits.header_bytes": '"16KiB"', "limits.target_bytes": '"4KiB"', "limits.header_fields": "50", "timeouts.header": '"5s"'}

    def setUp(self):
        super().setUp()
        self.echo = self.origin(lambda r, c: response_bytes(200, {"Cache-Control": "no-store"}, b"ok"))

    def test_at_the_limits_and_past_them(self):
        prefix = len(self.echo.url("/"))
        for target, status in ((4096, 200), (4097, 414)):
            self.assertEqual(self.fetch(self.echo.url("/" + "a" * (target - prefix))).status, status, target)
        for count, status in ((49, 200), (50, 431)):  # and Host
            self.assertEqual(self.fetch(self.echo.url("/"), [(f"X-{i}", "1") for i in range(count)]).status, status, count)
        self.assertEqual(self.fetch(self.echo.url("/"), {"X": "a" * 15000}).status, 200)
        self.assertEqual(self.fetch(self.echo.url("/"), {"X": "a" * 17000}).status, 431)

    def test_response_heads_too(self):
        big = self.origin(lambda r, c: response_bytes(200, {"X": "a" * 17000}, b"x"))
        self.assert_error(self.fetch(big.url("/")), 502)
        many = self.origin(lambda r, c: response_bytes(200, [(f"X-{i}", "1") for i in range(60)], b"x"))
        self.assert_error(self.fetch(many.url("/")), 502)

    def test_trailers_too(self):
        long = self.origin(lambda r, c: response_bytes(200, {"Cache-Control": "max-age=600"}, b"x", chunked=True, trailers=[("X", "a" * 20000)]))
        client = self.client()
        client.send_request("GET", long.url("/"))
        try:
            response = client.read()
            self.assertTrue(response.status == 502 or not response.complete)
        except Closed:
            pass

    def test_endless_first_line(self):
        with Client(self.proxy.port, timeout=10) as client:
            try:
                for _ in range(100):
                    client.send(b"A" * 10000)
            except OSError:
                pass
            try:
                self.assertIn(client.read().status, (400, 414, 431, 501))
            except Closed:
                pass  # a reset that overtook the answer
        self.assert_serves()

    def test_a_million_tiny_chunks(self):
        count = 20_000 if SANITIZED else 200_000
        got = self.origin(lambda r, c: response_bytes(200, {"Cache-Control": "no-store"}, str(len(r.body))), timeout=60)
        client = self.client(timeout=60)
        client.send(request_bytes("POST", got.url("/"), {"Transfer-Encoding": "chunked"}))
        client.send(b"1\r\nx\r\n" * count + last_chunk())
        self.assert_ok(client.read(), str(count))


class Garbage(ProxyCase):
    keys = {"timeouts.header": '"2s"'}

    def test_tls_on_the_plain_port(self):
        with Client(self.proxy.port, timeout=10) as client:
            client.send(bytes.fromhex("16030100c8010000c40303") + bytes(range(189)))
            try:
                self.assertEqual(client.read().status, 400)
            except Closed:
                pass
        self.assert_serves()

    def test_random_bytes_end_nothing(self):
        """Seeded, so that a failure can be had again."""
        import random
        chance = random.Random(20260)
        base = request_bytes("POST", "http://127.0.0.1:1/p?q", {"Content-Length": "4", "X-Field": "value", "Accept": "*/*"}) + b"body"
        for turn in range(100 if SANITIZED else 400):
            raw = bytearray(base)
            for _ in range(chance.randint(1, 6)):
                kind, at = chance.randint(0, 2), chance.randrange(len(raw))
                if kind == 0:
                    raw[at] = chance.randrange(256)
                elif kind == 1:
                    del raw[at : at + chance.randint(1, 4)]
                else:
                    raw[at:at] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 4)))
            with Client(self.proxy.port, timeout=10) as client:
                try:
                    client.send(bytes(raw))
                    client.half_close()
                    client.reader.to_end()
                except OSError:
                    pass
            self.assertTrue(self.proxy.alive(), f"ended at turn {turn} by {bytes(raw)!r}")
        self.assert_serves()


if __name__ == "__main__":
    unittest.main()
