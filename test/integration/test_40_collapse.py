"""Collapsed forwarding (RFC 9111 section 4, RFC 9211 section 2.8): many clients, one origin request, one stream."""

import hashlib
import random

from harness import *

CLIENTS = 50


class Collapse(ProxyCase):
    def ask_together(self, url, count=CLIENTS, fields=()):
        clients = [self.client() for _ in range(count)]
        for client in clients:
            client.send_request("GET", url, fields)
        return clients

    def joined(self, origin, count):
        """All `count` requests have been taken by the proxy: what it counts as open and asked."""
        self.proxy.wait_metric("larder_client_connections", lambda value: value >= count)

    def test_one_request_streamed_to_all_as_it_arrives(self):
        """The origin sends the second half only when all clients hold the first: possible only if all read one stream."""
        all_have_half = threading.Event()

        def respond(request, connection):
            connection.send(response_bytes(200, {"Cache-Control": "max-age=600", "Content-Length": "200000"}, b"1" * 100000))
            if not all_have_half.wait(30):
                connection.origin.problem("not all clients got the first half")
            return b"2" * 100000

        origin = self.scripted(respond)
        clients = self.ask_together(origin.url("/one"))

        def half(i):
            head = clients[i].read_head()
            self.assertEqual(head.status, 200)
            self.assertEqual(clients[i].reader.exactly(100000), b"1" * 100000)
            return head

        heads = self.gather(CLIENTS, half)
        all_have_half.set()
        self.gather(CLIENTS, lambda i: self.assertEqual(clients[i].reader.exactly(100000), b"2" * 100000))
        self.assertEqual(len(origin.requests), 1)
        said = [cache_status(head) for head in heads]
        self.assertEqual(sum(1 for s in said if s.get("stored") and not s.get("collapsed")), 1, "one of them was forwarded")
        self.assertEqual(sum(1 for s in said if s.get("collapsed") is True), CLIENTS - 1)
        self.assertEqual({s.get("fwd") for s in said}, {"uri-miss"})
        self.assert_hit(self.fetch(origin.url("/one")), b"1" * 100000 + b"2" * 100000)
        self.proxy.wait_until(lambda: sum(1 for l in self.proxy.log if l["url"] == origin.url("/one")
                                          and l["result"] == "collapsed") == CLIENTS - 1, "the log lines of all")

    SIZE = (2 if SANITIZED else 10) << 20

    def ask_200(self, origin, path):
        """200 clients at once; the SHA-256 of what each of them got."""
        clients = self.ask_together(origin.url(path), 200)

        def read(i):
            head = clients[i].read_head()
            self.assertEqual((head.status, head["Content-Length"]), (200, str(self.SIZE)))
            digest, left = hashlib.sha256(), self.SIZE
            while left:
                data = clients[i].reader.some()
                digest.update(data)
                left -= len(data)
            clients[i].close()
            return digest.hexdigest()

        return self.gather(200, read, timeout=240)

    def test_200_clients_on_one_cold_object(self):
        body = random.Random(1).randbytes(self.SIZE)
        origin = self.scripted(response_bytes(200, {"Cache-Control": "max-age=600"}, body))
        self.assertEqual(set(self.ask_200(origin, "/cold")), {hashlib.sha256(body).hexdigest()})
        self.assertEqual(len(origin.requests), 1)

    def test_200_clients_on_a_private_response(self):
        """200 origin requests, and nobody gets another's."""
        bodies = [bytes([i]) * self.SIZE for i in range(200)]
        numbers = iter(range(200))
        lock = threading.Lock()

        def respond(request, connection):
            with lock:
                number = next(numbers)
            return response_bytes(200, {"Cache-Control": "private, max-age=600"}, bodies[number])

        origin = self.origin(respond)
        digests = self.ask_200(origin, "/private")
        self.assertEqual(len(origin.requests), 200)
        self.assertEqual(set(digests), {hashlib.sha256(body).hexdigest() for body in bodies})
        self.assertEqual(len(set(digests)), 200)

    def test_chunked_stream_to_http_10_and_11(self):
        go = threading.Event()

        def respond(request, connection):
            connection.send(response_bytes(200, {"Cache-Control": "max-age=600", "Transfer-Encoding": "chunked"}, chunk(b"a" * 1000), length=False))
            if not go.wait(30):
                connection.origin.problem("the clients did not get the first part")
            connection.send(chunk(b"b" * 1000) + last_chunk())

        origin = self.scripted(respond)
        clients = [self.client() for _ in range(10)]
        for i, client in enumerate(clients):
            client.send_request("GET", origin.url("/mixed"), minor=i % 2)
        heads = self.gather(10, lambda i: clients[i].read_head())
        go.set()
        for i, client in enumerate(clients):
            wire.finish_response(client.reader, heads[i], request_minor=i % 2)
            self.assert_ok(heads[i], b"a" * 1000 + b"b" * 1000)

    def test_waiting_before_the_head(self):
        """All wait while the origin thinks; then one answer for all."""
        go = threading.Event()

        def respond(request, connection):
            go.wait(30)
            return response_bytes(200, {"Cache-Control": "max-age=600"}, b"late")

        origin = self.scripted(respond)
        clients = self.ask_together(origin.url("/late"), 20)
        origin.wait_requests(1)
        self.joined(origin, 20)
        go.set()
        for client in clients:
            self.assert_ok(client.read(), "late")

    def test_a_private_answer_is_for_one_alone(self):
        """The leader's response may not be shared: each of the others asks for itself."""
        go = threading.Event()
        numbers = iter(range(1000))
        lock = threading.Lock()

        def respond(request, connection):
            go.wait(30)
            with lock:
                number = next(numbers)
            return response_bytes(200, {"Cache-Control": "private"}, f"secret {number}")

        origin = self.origin(respond)
        clients = self.ask_together(origin.url("/private"), 20)
        origin.wait_requests(1)
        self.joined(origin, 20)
        go.set()
        bodies = {client.read().body for client in clients}
        self.assertEqual(len(bodies), 20, "an answer that was private went to two clients")
        self.assertEqual(len(origin.requests), 20)

    def test_different_variants_are_not_mixed(self):
        go = threading.Event()

        def respond(request, connection):
            go.wait(30)
            return response_bytes(200, {"Cache-Control": "max-age=600", "Vary": "X-V"}, request["X-V"])

        origin = self.origin(respond)
        clients = [self.client() for _ in range(20)]
        for i, client in enumerate(clients):
            client.send_request("GET", origin.url("/vary"), {"X-V": f"v{i % 4}"})
        origin.wait_requests(1)
        self.joined(origin, 20)
        go.set()
        for i, client in enumerate(clients):
            self.assert_ok(client.read(), f"v{i % 4}")

    def test_requests_with_credentials_are_not_collapsed_blindly(self):
        go = threading.Event()

        def respond(request, connection):
            go.wait(30)
            return response_bytes(200, {"Cache-Control": "max-age=600"}, request["Authorization"])

        origin = self.origin(respond)
        clients = [self.client() for _ in range(8)]
        for i, client in enumerate(clients):
            client.send_request("GET", origin.url("/auth"), {"Authorization": f"Bearer {i}"})
        origin.wait_requests(1)
        self.joined(origin, 8)
        go.set()
        for i, client in enumerate(clients):
            self.assert_ok(client.read(), f"Bearer {i}")

    def test_the_first_client_may_leave(self):
        """The one whose request went out closes; the others still get it all."""
        go = threading.Event()

        def respond(request, connection):
            connection.send(response_bytes(200, {"Cache-Control": "max-age=600", "Content-Length": "2000"}, b"1" * 1000))
            go.wait(30)
            return b"2" * 1000

        origin = self.scripted(respond)
        first = self.client()
        first.send_request("GET", origin.url("/left"))
        self.assertEqual(first.read_head().status, 200)
        others = self.ask_together(origin.url("/left"), 5)
        for other in others:
            self.assertEqual(other.read_head().status, 200)
        first.abort()
        for other in others:
            self.assertEqual(other.reader.exactly(1000), b"1" * 1000)
        go.set()
        for other in others:
            self.assertEqual(other.reader.exactly(1000), b"2" * 1000)

    def test_a_slow_reader_does_not_hold_the_others(self):
        """One client reads nothing; the rest get a body far larger than any window."""
        size = 8 << 20
        origin = self.scripted(response_bytes(200, {"Cache-Control": "max-age=600"}, b"s" * size))
        lazy = self.client(receive_buffer=4096)
        lazy.send_request("GET", origin.url("/slow"))
        origin.wait_requests(1)
        for _ in range(3):
            self.assert_ok(ask(self.proxy.port, "GET", origin.url("/slow")), b"s" * size)
        self.assert_ok(lazy.read(), b"s" * size)

    def test_origin_that_dies_is_an_error_for_all(self):
        go = threading.Event()

        def respond(request, connection):
            go.wait(30)
            connection.reset()

        origin = self.origin(respond)
        clients = self.ask_together(origin.url("/dead"), 10)
        origin.wait_requests(1)
        self.joined(origin, 10)
        go.set()
        for client in clients:
            self.assert_error(client.read(), 502)

    def test_origin_that_dies_in_mid_body_cuts_all(self):
        go = threading.Event()

        def respond(request, connection):
            connection.send(response_bytes(200, {"Cache-Control": "max-age=600", "Content-Length": "2000"}, b"1" * 1000))
            go.wait(30)
            connection.reset()

        origin = self.scripted(respond, response_bytes(200, {"Cache-Control": "max-age=600"}, b"whole"))
        clients = self.ask_together(origin.url("/cut"), 10)
        heads = [client.read_head() for client in clients]
        go.set()
        for client, head in zip(clients, heads):
            wire.finish_response(client.reader, head)
            self.assertFalse(head.complete)
        self.assert_ok(self.fetch(origin.url("/cut")), "whole")  # nothing of it was kept

    def test_stale_entries_are_validated_once(self):
        go = threading.Event()

        def second(request, connection):
            go.wait(30)
            return response_bytes(304, {"ETag": '"1"', "Cache-Control": "max-age=600"})

        origin = self.scripted(response_bytes(200, {"Cache-Control": "max-age=60", "Age": "100", "ETag": '"1"'}, b"body"), second)
        self.assert_miss(self.fetch(origin.url("/v")), "body")
        clients = self.ask_together(origin.url("/v"), 20)
        origin.wait_requests(2)
        self.joined(origin, 20)
        go.set()
        for client in clients:
            self.assert_ok(client.read(), "body")


if __name__ == "__main__":
    unittest.main()
