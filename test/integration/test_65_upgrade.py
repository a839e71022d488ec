"""Upgrade (RFC 9110 section 7.8): WebSocket over plain http is carried, bytes both ways."""

from harness import *

ASK = {"Connection": "keep-alive, Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13"}
AGREED = (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
          b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")


class Upgrade(ProxyCase):
    def test_websocket(self):
        def serve(connection):
            request = connection.read()
            if request["Upgrade"] != "websocket" or "upgrade" not in request["Connection"].lower():
                connection.origin.problem(f"the wish was lost: {request}")
            if "Sec-WebSocket-Key" not in request.fields:
                connection.origin.problem("no key")
            connection.send(AGREED + b"\x81\x05first")
            while data := connection.reader.some():
                connection.send(data[::-1])

        origin = self.origin(per_connection=serve)
        client = self.client()
        client.send_request("GET", origin.url("/ws"), ASK)
        response = client.read()
        self.assertEqual(response.status, 101)
        self.assertEqual(response["Upgrade"], "websocket")
        self.assertIn("upgrade", response["Connection"].lower())
        self.assertEqual(response["Sec-WebSocket-Accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        self.assertEqual(client.reader.exactly(7), b"\x81\x05first")
        for frame in (b"\x81\x03abc", b"\x00\xff" * 5000):
            client.send(frame)
            self.assertEqual(client.reader.exactly(len(frame)), frame[::-1])
        client.half_close()
        self.assertTrue(client.at_end())

    def test_frames_behind_the_request(self):
        origin = self.origin(per_connection=lambda c: (c.read(), c.send(AGREED), c.send(c.reader.exactly(5))))
        client = self.client()
        client.send(request_bytes("GET", origin.url("/ws"), ASK) + b"early")
        self.assertEqual(client.read().status, 101)
        self.assertEqual(client.reader.exactly(5), b"early")

    def test_an_origin_that_declines(self):
        origin = self.origin(lambda r, c: response_bytes(200, {"Cache-Control": "no-store"}, b"plain"))
        client = self.client()
        self.assert_ok(client.get(origin.url("/ws"), ASK), "plain")
        self.assert_ok(client.get(origin.url("/next")), "plain")

    def test_a_cached_page_is_no_answer_to_an_upgrade(self):
        def serve(connection):
            while (request := connection.read()) is not None:
                if "Upgrade" in request.fields:
                    connection.send(AGREED + b"frames")
                    return
                connection.send(response_bytes(200, {"Cache-Control": "max-age=600"}, b"page"))

        origin = self.origin(per_connection=serve)
        self.assert_miss(self.fetch(origin.url("/ws")), b"page")
        client = self.client()
        client.send_request("GET", origin.url("/ws"), ASK)
        self.assertEqual(client.read().status, 101)
        self.assertEqual(client.reader.exactly(6), b"frames")
        self.assert_hit(self.fetch(origin.url("/ws")), "page")

    def test_a_101_that_nobody_asked_for(self):
        origin = self.origin(per_connection=lambda c: (c.read(), c.send(AGREED + b"stray")))
        self.assert_error(self.fetch(origin.url("/")), 502)
        self.assert_serves()

    def test_http_10_may_not_upgrade(self):
        """RFC 9110 section 7.8: an Upgrade in an HTTP/1.0 request is ignored."""
        origin = self.origin(lambda r, c: response_bytes(200, {"Cache-Control": "no-store"}, r["Upgrade"] or "none"))
        self.assert_ok(self.fetch(origin.url("/"), ASK, minor=0), "none")


if __name__ == "__main__":
    unittest.main()
