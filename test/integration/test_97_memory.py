"""Bodies of any size cost a bounded memory: a download larger than any cache by a client that is slow at first."""

import select
import socket
import zlib

from harness import *

SIZE = (512 << 20) if SANITIZED else (2 << 30)
BLOCK = 1 << 20
GROWTH_KIB = {"": 16, "asan": 64, "tsan": 64}[SANITIZED] << 10  # a sanitizer keeps what was freed for a while


def block(i, seed=bytes(range(256)) * (BLOCK // 256)):
    return i.to_bytes(8, "big") + seed[8:]


class Memory(ProxyCase):
    def download(self, fields, keys=None, chunked=True, size=SIZE):
        proxy = self.larder(keys)
        blocked = threading.Event()
        sums = {}

        def serve(connection):
            connection.read()
            frame = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(size)}
            connection.send(response_bytes(200, {**fields, **frame}, length=False))
            crc = 0
            connection.sock.settimeout(None)
            for i in range(size // BLOCK):
                data = block(i)
                crc = zlib.crc32(data, crc)
                view = memoryview(chunk(data) if chunked else data)
                while view:
                    if not blocked.is_set() and not select.select([], [connection.sock], [], 1.0)[1]:
                        blocked.set()  # a whole second without room: the proxy has stopped reading
                    sent = connection.sock.send(view, socket.MSG_DONTWAIT if not blocked.is_set() else 0)
                    view = view[sent:]
            if chunked:
                connection.send(last_chunk())
            sums["origin"] = crc
            if connection.read() is not None:
                connection.origin.problem("asked again")

        origin = self.origin(per_connection=serve, timeout=300)
        # One small exchange first: buffers, tables and the resolver are there before the measure is taken.
        self.assert_serves(proxy)
        before = proxy.memory_kib()
        client = self.client(proxy, timeout=120, receive_buffer=65536)
        client.send_request("GET", origin.url("/big"))
        self.assertEqual(client.read_head().status, 200)
        self.assertTrue(blocked.wait(120), "a slow client never slowed its origin")
        held = proxy.memory_kib() - before
        self.assertLess(held, GROWTH_KIB, "memory while the client does not read")
        got, sums["client"] = self.drain(client, chunked, size)
        peak = proxy.memory_kib("VmHWM") - before
        self.assertEqual(got, size)
        self.assertEqual(sums["client"], sums["origin"])
        print(f"       {size >> 20} MiB {'by chunks' if chunked else 'by length'}: {held} KiB more while stalled, {peak} KiB at the peak", flush=True)
        self.assertLess(peak, GROWTH_KIB, "memory at its peak")

    def drain(self, client, chunked, size):
        """(bytes, crc) of the body, without keeping it."""
        reader, crc, got = client.reader, 0, 0
        if not chunked:
            while got < size:
                data = reader.some()
                self.assertTrue(data, "cut")
                crc, got = zlib.crc32(data, crc), got + len(data)
            return got, crc
        while True:
            piece = int(reader.until(b"\r\n", 8192)[:-2], 16)
            if piece == 0:
                self.assertEqual(reader.exactly(2), b"\r\n")
                return got, crc
            left = piece
            while left:
                data = reader.exactly(min(left, 1 << 18))
                crc, left = zlib.crc32(data, crc), left - len(data)
            got += piece
            self.assertEqual(reader.exactly(2), b"\r\n")

    def test_download_by_chunks(self):
        self.download({"Cache-Control": "no-store"})

    def test_download_by_length(self):
        self.download({"Cache-Control": "no-store"}, chunked=False, size=SIZE // 4)

    def test_a_storable_one_without_a_length_that_proves_too_large(self):
        """Storable by its fields, but larger than the whole memory tier: it is passed on within bounds."""
        self.download({"Cache-Control": "max-age=600"}, {"cache.memory": '"4MiB"'}, size=SIZE // 4)

    def test_upload(self):
        """A slow origin slows its client."""
        size = SIZE // 4
        proxy = self.larder()
        go = threading.Event()
        sums = {}

        def serve(connection):
            connection.read_head()
            go.wait(120)
            crc = got = 0
            while got < size:
                data = connection.reader.some()
                if not data:
                    connection.origin.problem(f"cut after {got}")
                    return
                crc, got = zlib.crc32(data, crc), got + len(data)
            sums["origin"] = crc
            connection.send(response_bytes(200, {"Cache-Control": "no-store"}, b"took it"))

        origin = self.origin(per_connection=serve, timeout=300)
        self.assert_serves(proxy)
        before = proxy.memory_kib()
        client = self.client(proxy, timeout=120)
        client.send(request_bytes("PUT", origin.url("/up"), {"Content-Length": str(size)}))
        crc, stalled = 0, False
        for i in range(size // BLOCK):
            data = block(i)
            crc = zlib.crc32(data, crc)
            view = memoryview(data)
            while view:
                if not stalled and not select.select([], [client.sock], [], 1.0)[1]:
                    stalled = True
                    self.assertLess(proxy.memory_kib() - before, GROWTH_KIB, "memory while the origin does not read")
                    go.set()
                view = view[client.sock.send(view):]
        self.assertTrue(stalled, "a slow origin never slowed its client")
        self.assert_ok(client.read(), "took it")
        self.assertEqual(sums["origin"], crc)
        self.assertLess(proxy.memory_kib("VmHWM") - before, GROWTH_KIB)


if __name__ == "__main__":
    unittest.main()
