"""A disk that is full, read-only, slow, failing, or gone: Larder goes on, says so once, and comes back by itself."""

import itertools
import os
import shutil
import struct
import subprocess
import tempfile

from disk import DiskCase, content, folder_bytes, own_mounts, page
from harness import *

KIB, MIB = 1 << 10, 1 << 20
FAST = 0.25 if SANITIZED else 0.05  # seconds: 99 of 100 hits in memory


def setUpModule():
    own_mounts()


class Trouble(DiskCase):
    def site(self, size):
        return self.origin(lambda r, c: page(content(r.target, size)))

    def ask(self, origin, size, numbers):
        """Every answer is right, whatever the disk does."""
        for n in numbers:
            self.assert_ok(self.fetch(origin.url(f"/{n}")), content(f"/{n}", size))

    def health(self):
        response = self.proxy.admin("/healthz")
        self.assertEqual(response.status, 200, "it does its work")
        return response.body.decode()

    def written_or_skipped(self):
        metrics = self.proxy.metrics()
        return metrics["larder_cache_disk_stores_total"] + metrics["larder_cache_disk_store_skips_total"]

    def assert_said_once(self, *words):
        self.assertEqual(len(self.said(*words)), 1, self.proxy.stderr)

    def assert_stores(self, origin, size, first):
        """What is fetched from here on survives."""
        self.ask(origin, size, range(first, first + 10))
        self.wait_until(lambda: self.proxy.metric('larder_cache_objects{tier="disk"}') >= 10, "nothing is stored")
        self.proxy.wait_metric("larder_cache_disk_stores_total", lambda v: v >= 10)
        self.kill()
        self.start(self.keys)
        self.shut(origin)
        self.ask(origin, size, range(first, first + 10))


class Full(Trouble):
    keys = {"cache.disk.size": '"1GiB"', "cache.memory": '"16MiB"'}

    def test_a_small_disk_that_is_full(self):
        mount = self.mounted("-t tmpfs -o size=8m tmpfs")
        self.folder = os.path.join(mount, "cache")
        size = 100 * KIB
        origin = self.site(size)
        self.start(self.keys)
        self.ask(origin, size, range(200))
        self.wait_until(lambda: "\ndisk: " in self.health(), "nobody is told")
        self.assertGreater(self.errors()["full"], 0)
        self.assert_said_once("cannot be written")
        self.ask(origin, size, range(200, 250))
        subprocess.run(["mount", "-o", "remount,size=256m", mount], check=True)
        self.wait_state("ok", 40)
        self.assert_said_once("cannot be written")
        self.assert_said_once("stores again")
        self.assertEqual(self.health().strip(), "ok")
        self.assert_stores(origin, size, 1000)

    def test_a_disk_smaller_than_the_size_that_was_wished(self):
        """It keeps what fits, and goes on with that."""
        mount = self.mounted("-t tmpfs -o size=48m tmpfs")
        self.folder = os.path.join(mount, "cache")
        size = MIB
        origin = self.site(size)
        self.start(self.keys)
        self.ask(origin, size, range(70))
        self.wait_state("limited", 40)
        self.assertIn("\ndisk: limited", self.health())
        self.assert_said_once("cannot be written")
        before = self.proxy.metric("larder_cache_disk_stores_total")
        for n in range(100, 200):
            done = self.written_or_skipped()
            self.ask(origin, size, [n])
            self.wait_until(lambda: self.written_or_skipped() > done, "it neither is stored nor is not")
        self.proxy.wait_metric("larder_cache_disk_stores_total", lambda v: v >= before + 60)
        self.assert_said_once("cannot be written")
        self.assertGreater(folder_bytes(self.folder), 24 * MIB)

    def test_a_folder_that_cannot_be_written_at_a_start(self):
        mount = self.mounted("-t tmpfs -o size=48m tmpfs")
        subprocess.run(["mount", "-o", "remount,ro", mount], check=True)
        status, _, err = run_once("--set", 'listen=["127.0.0.1:0"]', "--set", "admin.listen=", "--set", f"cache.disk.path={mount}")
        self.assertEqual(status, 2, err)
        self.assertIn("Read-only", err)
        self.proxy = self.larder({"cache.disk.path": None}, env={"XDG_CACHE_HOME": mount})
        self.wait_said("going on without a disk tier")
        self.assert_serves()


class Gone(Trouble):
    keys = {"cache.disk.size": '"64MiB"', "cache.memory": '"4MiB"'}

    def test_the_folder_is_deleted(self):
        size = 100 * KIB
        origin = self.site(size)
        self.start(self.keys)
        self.ask(origin, size, range(60))
        self.wait_stored(60)
        shutil.rmtree(self.folder)
        self.ask(origin, size, range(60, 120))
        self.wait_said("was gone", timeout=5)
        self.assertGreater(self.errors()["missing"], 0)
        self.ask(origin, size, range(60))
        self.wait_state("ok")
        self.assert_stores(origin, size, 1000)

    def test_the_folder_and_what_it_is_in_are_deleted(self):
        self.folder = os.path.join(self.folder, "deep", "down")
        size = 100 * KIB
        origin = self.site(size)
        self.start(self.keys)
        self.ask(origin, size, range(5))
        shutil.rmtree(os.path.dirname(self.folder))
        with open(os.path.dirname(self.folder), "wb"):
            pass  # where a folder should be
        self.wait_said("gone and cannot be made", timeout=5)
        self.assertIn("\ndisk: failing", self.health())
        self.ask(origin, size, range(20))
        os.unlink(os.path.dirname(self.folder))
        self.wait_state("ok", 40)
        self.assert_stores(origin, size, 1000)

    def test_another_folder_takes_its_place(self):
        """A file system that is mounted over it, or an older copy: what is in there is not known, and neither is what was
        invalidated since. It must neither be an answer, now or after a restart, nor be left to fill the disk."""
        size = 100 * KIB
        versions = {"now": 1}
        origin = self.origin(lambda r, c: page(content(r.target, size, versions["now"])) if r.method == "GET" else page(b""))
        self.start(self.keys)
        for n in range(100):
            self.fetch(origin.url(f"/{n}"))
        self.wait_stored(100)
        copy = self.folder + "-copy"
        shutil.copytree(self.folder, copy)
        versions["now"] = 2
        for n in range(10):
            self.assert_ok(self.fetch(origin.url(f"/{n}"), method="POST", body=b""))
        os.rename(self.folder, self.folder + "-old")
        os.rename(copy, self.folder)
        self.wait_said("was gone", timeout=5)
        for n in range(200, 300):
            self.fetch(origin.url(f"/{n}"))
        self.kill()
        self.start(self.keys)
        for n in range(10):
            self.assert_ok(self.fetch(origin.url(f"/{n}")), content(f"/{n}", size, 2))


class Faulty(Trouble):
    """What a preloaded library does to reads and writes."""

    keys = {"cache.disk.size": '"64MiB"', "cache.memory": '"16MiB"'}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.built = tempfile.TemporaryDirectory(prefix="larder-faults-")
        cls.shim = os.path.join(cls.built.name, "faults.so")
        source = os.path.join(ROOT, "test", "integration", "faults.c")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", cls.shim, source, "-ldl"], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.built.cleanup()

    def start_faulty(self):
        self.control = os.path.join(self.new_folder(), "control")
        with open(self.control, "wb") as file:
            file.write(b"..".ljust(8, b"\0") + bytes(56))
        env = {"LD_PRELOAD": self.shim, "LARDER_FAULTS": self.control, "LARDER_FAULTS_UNDER": self.folder}
        if SANITIZED == "asan":
            env["ASAN_OPTIONS"] = "abort_on_error=0:exitcode=66:detect_leaks=0:verify_asan_link_order=0"
        return self.start(self.keys, env=env)

    def faults(self, reads=".", writes="."):
        with open(self.control, "r+b", buffering=0) as file:
            file.write((reads + writes).encode())

    def met(self):
        """How many reads and writes met a fault."""
        with open(self.control, "rb") as file:
            return struct.unpack_from("<II", file.read(), 8)

    def filled(self, size, count):
        """`count` objects on disk, and none of them in memory."""
        origin = self.site(size)
        self.start(self.keys)
        self.ask(origin, size, range(count))
        self.wait_stored(count)
        self.start_faulty()
        return origin

    def test_a_disk_that_stalls_keeps_nobody_waiting_but_its_own(self):
        size, clients, each = 100 * KIB, 16, 2
        origin = self.filled(size, clients * each)
        hot = self.origin(lambda r, c: page(b"hot" * 100))
        self.assert_miss(self.fetch(hot.url("/hot")))
        self.shut(origin)
        self.shut(hot)
        self.faults(reads="s")
        slow, times = [], []  # seconds of each answer

        def read_disk(i):
            for n in range(each):
                began = time.monotonic()
                self.ask(origin, size, [i * each + n])
                slow.append(time.monotonic() - began)

        def read_memory():
            connections = [self.client() for _ in range(4)]
            self.wait_until(lambda: self.met()[0] >= 4, "the disk is not read")
            for i in range(2000):
                began = time.monotonic()
                response = connections[i % 4].get(hot.url("/hot"))
                times.append(time.monotonic() - began)
                self.assert_hit(response, b"hot" * 100)

        self.gather(clients + 1, lambda i: read_memory() if i == clients else read_disk(i))
        times.sort()
        print(f"       2,000 memory hits beside {clients} clients of a disk that stalls: p50 {times[1000] * 1e3:.2f} ms, p99 "
              f"{times[1980] * 1e3:.2f} ms, most {times[-1] * 1e3:.1f} ms; disk hits {min(slow):.2f} to {max(slow):.2f} s", flush=True)
        self.assertLess(times[1980], FAST)
        self.assertGreater(min(slow), 0.45)
        self.assertEqual(self.errors(), {})

    def test_a_large_body_from_a_disk_that_stalls_arrives_whole(self):
        self.keys = {**self.keys, "cache.disk.size": '"4GiB"'}
        origin = self.filled(600 * KIB, 2)
        self.shut(origin)
        self.faults(reads="s")
        self.gather(4, lambda i: self.ask(origin, 600 * KIB, [i % 2]))
        self.assertEqual(self.errors(), {})

    def test_writes_that_stall_hold_up_no_answer(self):
        self.start_faulty()
        origin = self.site(KIB)
        self.faults(writes="s")
        began = time.monotonic()
        self.ask(origin, KIB, range(100))
        self.ask(origin, KIB, range(100))
        self.assertLess(time.monotonic() - began, 5 if SANITIZED else 2)
        self.faults()
        self.wait_stored(100)

    def test_reads_that_fail_are_misses(self):
        size = 100 * KIB
        origin = self.filled(size, 20)
        self.faults(reads="e")
        self.ask(origin, size, range(10))
        self.assertEqual(len(origin.requests), 30)
        errors = self.errors()
        self.assertEqual(set(errors), {"read"})
        self.assertEqual(errors["read"], 10)
        self.assertLessEqual(len(self.said("cache.disk")), 1)
        self.faults()
        self.shut(origin)
        self.ask(origin, size, range(20))  # what could not be read for a while is not lost

    def test_reads_of_large_bodies_that_fail_are_misses(self):
        """Unless the answer had begun, it is fetched instead."""
        self.keys = {**self.keys, "cache.disk.size": '"4GiB"'}
        origin = self.filled(600 * KIB, 4)
        self.faults(reads="e")
        self.ask(origin, 600 * KIB, range(4))
        self.assertEqual(set(self.errors()), {"read"})

    def writes_fail(self, fault, kind):
        size = 100 * KIB
        origin = self.site(size)
        self.start_faulty()
        self.ask(origin, size, range(10))
        self.wait_stored(10)
        self.faults(writes=fault)
        self.ask(origin, size, range(100, 150))
        self.wait_state("failing", 5)
        self.assertIn("\ndisk: failing", self.health())
        self.assertEqual(set(self.errors()), {kind})
        self.assert_said_once("cannot be written")
        self.ask(origin, size, range(100, 150))
        self.proxy.wait_metric("larder_cache_disk_store_skips_total", lambda v: v >= 40)
        self.faults()
        self.wait_state("ok", 20)
        self.assert_said_once("cannot be written")
        self.assert_said_once("stores again")
        self.assertEqual(self.health().strip(), "ok")
        self.assert_stores(origin, size, 1000)

    def test_writes_that_fail(self):
        self.writes_fail("e", "write")

    def test_no_space_left(self):
        self.writes_fail("n", "full")

    def test_a_disk_that_becomes_read_only(self):
        self.writes_fail("r", "write")

    def test_permission_that_is_lost(self):
        self.writes_fail("p", "write")

    def test_an_invalidation_finds_what_waits_to_be_written(self):
        """Memory has no longer room for it, and the disk has not got it yet."""
        self.keys = {**self.keys, "cache.memory": '"1MiB"'}
        size = 100 * KIB
        versions = {}
        origin = self.origin(lambda r, c: page(content(r.target, size, versions.get(r.target, 0)))
                             if r.method == "GET" else page(b""))
        self.start_faulty()
        self.faults(writes="s")
        self.ask(origin, size, range(30))
        for n in range(20):
            versions[f"/{n}"] = 2
            self.assert_ok(self.fetch(origin.url(f"/{n}"), method="POST", body=b""))
        self.faults()
        # What waits takes memory, so that others are not stored; when one is, all before it has had its turn.
        before = self.proxy.metrics()["larder_cache_disk_stores_total"]
        deadline = time.monotonic() + 10
        for n in itertools.count(100):
            self.ask(origin, size, [n])
            if self.proxy.metrics()["larder_cache_disk_stores_total"] > before:
                break
            self.assertLess(time.monotonic(), deadline, "nothing is stored any more")
        for n in range(20):
            self.assert_ok(self.fetch(origin.url(f"/{n}")), content(f"/{n}", size, 2))

    def test_an_invalidation_does_not_wait_for_stores(self):
        """Whoever invalidates relies on it; a store may be lost."""
        size = 100 * KIB
        origin = self.site(size)
        self.start_faulty()
        self.ask(origin, size, [0])
        self.wait_stored(1)
        self.faults(writes="s")
        self.ask(origin, size, range(1, 40))  # 20 s of writing
        self.assert_ok(self.fetch(origin.url("/0"), method="POST", body=b""))
        # The store under way comes first; the others would take 20 s.
        self.wait_until(lambda: os.path.getsize(os.path.join(self.folder, "journal")) > 0, "it is not written down", 5)
        self.kill()
        origin.respond = lambda r, c: page(content(r.target, size, 2))
        self.start(self.keys)
        self.assert_ok(self.fetch(origin.url("/0")), content("/0", size, 2))

    def test_an_invalidation_on_a_failing_disk_holds(self):
        """It cannot be written down: then what it meant must not come back after a restart, whatever that costs."""
        size = KIB
        origin = self.site(size)
        self.start_faulty()
        self.ask(origin, size, range(3))
        self.wait_stored(3)
        self.faults(writes="e")
        self.assert_ok(self.fetch(origin.url("/0"), method="POST", body=b""))
        self.ask(origin, size, [50, 51])
        self.wait_state("failing", 5)
        origin.respond = lambda r, c: page(content(r.target, size, 2))
        self.faults()
        self.wait_state("ok", 20)
        self.kill()
        self.start(self.keys)
        self.assert_ok(self.fetch(origin.url("/0")), content("/0", size, 2))


if __name__ == "__main__":
    unittest.main()
