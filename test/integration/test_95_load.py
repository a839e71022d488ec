"""Many idle keep-alive clients with busy ones among them: no error, and what an idle connection costs."""

import os
import resource

from harness import *

IDLE = {"": 5000, "asan": 1000, "tsan": 500}[SANITIZED]
BUSY = 64
ROUNDS = {"": 50, "asan": 10, "tsan": 5}[SANITIZED]


class Load(ProxyCase):
    keys = {"timeouts.client_idle": '"10m"'}

    @classmethod
    def setUpClass(cls):
        wanted = 2 * IDLE + 1000
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(wanted, hard)), hard))
        if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < IDLE + 200:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
        super().setUpClass()

    def test_idle_and_busy(self):
        origin = self.origin(lambda r, c: response_bytes(200, {"Cache-Control": "no-store" if r.target.startswith("/pass") else "max-age=600"},
                                                         b"k" * 1024))
        self.assert_ok(self.fetch(origin.url("/hit")), b"k" * 1024)
        self.assert_hit(self.fetch(origin.url("/hit")))
        errors = self.proxy.metric('larder_requests_total{result="error"}')
        before = self.proxy.memory_kib()
        idle = []
        self.addCleanup(lambda: [client.close() for client in idle])
        for _ in range(IDLE):
            client = Client(self.proxy.port, timeout=60)
            idle.append(client)
            self.assertEqual(client.get(origin.url("/hit")).status, 200)
        self.proxy.wait_metric("larder_client_connections", lambda value: value == IDLE)
        after = self.proxy.memory_kib()
        print(f"       memory: {before} KiB before, {after} KiB with {IDLE} idle connections: "
              f"{(after - before) * 1024 / IDLE:.0f} bytes each", flush=True)

        began = time.monotonic()

        def busy(i):
            with Client(self.proxy.port, timeout=60) as client:
                for turn in range(ROUNDS):
                    target = origin.url("/hit" if turn % 4 else f"/pass/{i}/{turn}")
                    response = client.get(target)
                    self.assert_ok(response, b"k" * 1024)
            return True

        self.assertEqual(self.gather(BUSY, busy, timeout=300), [True] * BUSY)
        took = time.monotonic() - began
        print(f"       {BUSY} busy clients among them: {BUSY * ROUNDS} requests in {took:.1f} s (Python clients), no error", flush=True)
        for client in idle:  # they are all still there, and served
            self.assertEqual(client.get(origin.url("/hit")).status, 200)
        self.assertEqual(self.proxy.metric('larder_requests_total{result="error"}'), errors)
        self.assertLess((after - before) * 1024 / IDLE, 64 * 1024 if SANITIZED else 8 * 1024)
        for client in idle:
            client.close()
        self.proxy.wait_metric("larder_client_connections", lambda value: value == 0)

    def test_descriptors_come_back(self):
        origin = self.origin(lambda r, c: response_bytes(200, {"Cache-Control": "no-store", "Connection": "close"}, b"x"))
        self.assert_ok(self.fetch(origin.url("/")))
        self.proxy.wait_metric("larder_client_connections", lambda value: value == 0)
        before = len(os.listdir(f"/proc/{self.proxy.pid}/fd"))
        for i in range(200):
            client = self.client()
            client.send_request("GET", origin.url(f"/{i}"))
            if i % 3:
                client.read()
            client.close() if i % 2 else client.abort()
        self.proxy.wait_metric("larder_client_connections", lambda value: value == 0)
        deadline = time.monotonic() + 20
        while len(os.listdir(f"/proc/{self.proxy.pid}/fd")) > before + 4:
            self.assertLess(time.monotonic(), deadline, "descriptors leak")
            time.sleep(0.05)


if __name__ == "__main__":
    unittest.main()
