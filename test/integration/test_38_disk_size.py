"""cache.disk.size is kept at all times, and what has to go is what was not asked for."""

from disk import DiskCase, content, folder_bytes, page
from harness import *

KIB, MIB = 1 << 10, 1 << 20


class Size(DiskCase):
    SIZE, SEGMENT = 16 * MIB, MIB

    def test_five_times_the_size_passes_through(self):
        """With a few that are asked for again and again, so that eviction carries them over."""
        self.start({"cache.disk.size": str(self.SIZE), "cache.memory": '"1MiB"'})
        sizes = (100 * KIB, 3 * KIB, 240 * KIB, 40 * KIB, 400 * KIB)
        origin = self.origin(lambda r, c: page(content(r.target, int(r.target.split("/")[1]))))
        largest, done = [0], threading.Event()

        def watch():
            while not done.is_set():
                largest[0] = max(largest[0], folder_bytes(self.folder) or 0)

        def load(i):
            client, sent, n = self.client(), 0, 0
            while sent < 5 * self.SIZE // 3:
                size = sizes[n % len(sizes)]
                path = f"/{size}/{i}/{n}"
                self.assert_ok(client.get(origin.url(path)), content(path, size))
                sent, n = sent + size, n + 1
                path = f"/{100 * KIB}/hot/{n % 12}"  # more than memory has room for
                self.assert_ok(client.get(origin.url(path)), content(path, 100 * KIB))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            self.gather(3, load)
        finally:
            done.set()
            watcher.join()
        metrics = self.proxy.metrics()
        self.assertLessEqual(largest[0], self.SIZE + self.SEGMENT)
        self.assertGreater(largest[0], self.SIZE // 2)
        self.assertGreater(metrics['larder_cache_evictions_total{tier="disk"}'], 100)
        self.assertLessEqual(metrics['larder_cache_bytes{tier="disk"}'], self.SIZE + self.SEGMENT)
        asked = sum("/hot/" in r.target for r in origin.requests)
        self.assertLess(asked, 40, "what is asked for again and again was evicted")
        self.assertEqual(self.errors(), {})
        self.stop()
        self.assertLessEqual(folder_bytes(self.folder), self.SIZE + self.SEGMENT)

    def test_what_memory_answers_again_and_again_stays_on_disk_too(self):
        """Or a restart would lose just what is asked for most."""
        keys = {"cache.disk.size": str(self.SIZE), "cache.memory": '"16MiB"'}
        self.start(keys)
        origin = self.origin(lambda r, c: page(content(r.target, 100 * KIB)))
        client = self.client()
        for n in range(5 * self.SIZE // (100 * KIB)):
            self.assert_ok(client.get(origin.url(f"/{n}")))
            self.assert_ok(client.get(origin.url(f"/hot/{n % 10}")))
        self.assertEqual(sum("/hot/" in r.target for r in origin.requests), 10)
        self.wait_until(lambda: self.proxy.metric("larder_cache_disk_stores_total") >= 800, "not stored")
        self.kill()
        self.start(keys)
        self.shut(origin)
        for n in range(10):
            self.assert_hit(self.fetch(origin.url(f"/hot/{n}")), content(f"/hot/{n}", 100 * KIB))

    def test_a_smaller_size_counts_from_the_start_on(self):
        self.start({"cache.disk.size": str(self.SIZE)})
        origin = self.origin(lambda r, c: page(content(r.target, 200 * KIB)))
        for i in range(60):
            self.fetch(origin.url(f"/{i}"))
        self.wait_stored(60)
        self.stop()
        self.start({"cache.disk.size": str(self.SIZE // 2)})
        self.wait_until(lambda: (folder_bytes(self.folder) or self.SIZE) <= self.SIZE // 2 + self.SEGMENT, "still too large", 5)
        self.assert_hit(self.fetch(origin.url("/59")), content("/59", 200 * KIB))  # the newest stay


if __name__ == "__main__":
    unittest.main()
