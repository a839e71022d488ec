"""The disk tier: what is stored survives the process, whatever ends it, and what memory has no room for stays."""

import gzip
import os
import random
import signal
import subprocess

from disk import DiskCase, content, own_mounts, page, segments
from harness import *

KIB, MIB = 1 << 10, 1 << 20
ENDS = (signal.SIGTERM, signal.SIGKILL)
OWN_FIELDS = ("age", "cache-status", "via", "connection")  # what may differ between two answers of one stored response
NOBODY = 65534


def setUpModule():
    own_mounts()


class Restart(DiskCase):
    def site(self):
        """{name: (path, fields of the request, response)}: one of each kind of what can be stored."""
        pages = {f"{size} bytes": ("/%d" % size, (), page(content("size", size)))
                 for size in (0, 1, KIB, 65535, 65536, 65537, 100 * KIB, 256 * KIB, MIB, 5 * MIB)}
        for v in "abc":
            body = content(f"variant {v}", 3000)
            pages[f"variant {v}"] = ("/vary", {"X-V": v}, page(body, {"Cache-Control": "max-age=6000", "Vary": "X-V"}))
        for size in (10, 400 * KIB):
            pages[f"trailers {size}"] = (f"/trailers/{size}", {"TE": "trailers"}, page(
                content("trailers", size), chunked=True, trailers=[("X-Sum", "17"), ("X-Two", "2")]))
        packed = gzip.compress(b"packed " * 9000, mtime=0)
        pages["gzip"] = ("/gzip", {"Accept-Encoding": "gzip"}, page(packed, [
            ("Cache-Control", "max-age=6000"), ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")]))
        pages["404"] = ("/404", (), page(b"not here", "max-age=6000", 404))
        pages["301"] = ("/301", (), page(b"", {"Cache-Control": "max-age=6000", "Location": "/elsewhere"}, 301))
        pages["fields"] = ("/fields", (), page(b"f", [
            ("Cache-Control", "max-age=6000"), ("ETag", '"e"'), ("Last-Modified", http_date(-1000)), ("X-Two", "1"),
            ("X-Two", "2"), ("Set-Cookie", "a=b"), ("Age", "100"), ("X-Empty", ""), ("X-Long", "l" * 7000)]))
        pages["a long URL"] = ("/" + "u" * 6000, (), page(b"long"))
        return pages

    def fill(self, pages):
        asked = {(path, dict(fields).get("X-V")): answer for path, fields, answer in pages.values()}
        origin = self.origin(lambda r, c: asked[(r.target, r["X-V"])])
        before = {}
        for name, (path, fields, _) in pages.items():
            self.assert_miss_of_any_kind(self.fetch(origin.url(path), fields))
        self.wait_stored(len(pages))
        self.shut(origin)
        for name, (path, fields, _) in pages.items():
            before[name] = self.fetch(origin.url(path), fields)
            self.assert_hit(before[name], status=before[name].status)
        return origin, before

    def assert_miss_of_any_kind(self, response):
        self.assertTrue(response.complete, response)
        self.assertIs(cache_status(response).get("stored"), True, response)

    def assert_same(self, before, after):
        """The same response, from the store: byte for byte, field for field."""
        self.assert_hit(after, before.body, before.status)

        def lines(response):
            return [(n, v) for n, v in response.fields.lines if n.lower() not in OWN_FIELDS]

        self.assertEqual(lines(after), lines(before))
        self.assertEqual(after.trailers.lines, before.trailers.lines)
        self.assertGreaterEqual(int(after["Age"]), int(before["Age"]))

    def check_all(self, origin, pages, before):
        for name, (path, fields, _) in pages.items():
            with self.subTest(name):
                self.assert_same(before[name], self.fetch(origin.url(path), fields))

    def restart(self, how, folder=None):
        pages = self.site()
        self.start(folder=folder)
        origin, before = self.fill(pages)
        self.assertEqual(before["trailers 10"].trailers.lines, [("X-Sum", "17"), ("X-Two", "2")])
        self.end(how)
        self.start(folder=folder)
        self.check_all(origin, pages, before)  # from disk
        self.check_all(origin, pages, before)  # from memory, or from disk again
        self.assertEqual(self.proxy.metric('larder_cache_objects{tier="disk"}'), len(pages))
        self.assertEqual(self.errors(), {})
        self.end(how)
        self.start({"cache.memory": '"1MiB"'}, folder=folder)  # what was promoted is still on disk
        self.check_all(origin, pages, before)

    def test_sigterm_loses_nothing(self):
        self.restart(signal.SIGTERM)

    def test_sigkill_loses_nothing(self):
        self.restart(signal.SIGKILL)

    def test_on_tmpfs(self):
        self.restart(signal.SIGKILL, os.path.join(self.mounted("-t tmpfs -o size=128m tmpfs"), "cache"))

    def test_on_ext4(self):
        image = os.path.join(self.new_folder(), "image")
        subprocess.run(["truncate", "-s", "128M", image], check=True)
        subprocess.run(["mkfs.ext4", "-q", image], check=True)
        self.restart(signal.SIGKILL, os.path.join(self.mounted("-o loop " + image), "cache"))

    def test_on_overlayfs(self):
        base = self.mounted("-t tmpfs -o size=128m tmpfs")
        parts = {name: os.path.join(base, name) for name in ("lower", "upper", "work")}
        for path in parts.values():
            os.mkdir(path)
        options = ",".join(f"{n}dir={p}" for n, p in parts.items())
        self.restart(signal.SIGKILL, os.path.join(self.mounted(f"-t overlay -o {options} overlay"), "cache"))

    def test_answers_that_are_made_from_a_stored_response(self):
        """HEAD, ranges, conditions: each the first thing that is asked after a restart."""
        for size in (KIB, MIB):
            body = content("made", size)
            origin = self.scripted(page(body, {"Cache-Control": "max-age=6000", "ETag": '"e"', "Last-Modified": http_date(-9000)}))
            url = origin.url(f"/made/{size}")
            self.start()
            self.assert_miss(self.fetch(url), body)
            self.wait_stored(1)
            for how in ENDS:
                for name, check in self.made(url, body).items():
                    with self.subTest(f"{name} of {size} after {how.name}"):
                        self.end(how)
                        self.start()
                        check()
            self.stop()

    def made(self, url, body):
        def ranges(said, parts, status=206):
            response = self.fetch(url, {"Range": f"bytes={said}"})
            self.assertIs(cache_status(response).get("hit"), True, response)
            self.assertEqual(response.status, status)
            self.assertTrue(response.complete)
            for first, last in parts:
                self.assertIn(body[first : last + 1], response.body)
            if len(parts) == 1:
                self.assertEqual(len(response.body), parts[0][1] - parts[0][0] + 1)

        def head():
            response = self.fetch(url, method="HEAD")
            self.assert_hit(response, "")
            self.assertEqual(response["Content-Length"], str(len(body)))

        def condition(fields, status):
            response = self.fetch(url, fields)
            self.assertEqual(response.status, status, response)
            self.assertIs(cache_status(response).get("hit"), True, response)

        end, middle = len(body) - 1, len(body) // 2
        return {
            "HEAD": head,
            "a range": lambda: ranges(f"{middle}-{middle + 99}", [(middle, middle + 99)]),
            "the last bytes": lambda: ranges("-7", [(end - 6, end)]),
            "two ranges": lambda: ranges(f"0-9,{middle}-{middle + 9}", [(0, 9), (middle, middle + 9)]),
            "If-None-Match": lambda: condition({"If-None-Match": '"e"'}, 304),
            "If-Modified-Since": lambda: condition({"If-Modified-Since": http_date(-10)}, 304),
            "a condition that fails": lambda: self.assert_hit(self.fetch(url, {"If-None-Match": '"other"'}), body),
            "only-if-cached": lambda: self.assert_hit(self.fetch(url, {"Cache-Control": "only-if-cached"}), body),
        }

    def test_age_goes_on_while_nothing_runs(self):
        origin = self.scripted(page(b"old", {"Cache-Control": "max-age=6000", "Age": "1000"}))
        self.start()
        self.assert_miss(self.fetch(origin.url("/age")), "old")
        stored = time.monotonic()
        self.wait_stored(1)
        self.stop()
        self.wait_until(lambda: time.monotonic() - stored > 2, "the clock stands still")
        self.start()
        response = self.fetch(origin.url("/age"))
        self.assert_hit(response, "old")
        self.assertGreaterEqual(int(response["Age"]), 1002)

    def test_it_goes_stale_while_nothing_runs(self):
        origin = self.scripted(page(b"1", "max-age=1"), page(b"2"))
        self.start()
        self.assert_miss(self.fetch(origin.url("/stale")), "1")
        self.wait_stored(1)
        stored = time.monotonic()
        self.stop()
        self.wait_until(lambda: time.monotonic() - stored > 2.1, "the clock stands still")
        self.start()
        self.assert_forwarded(self.fetch(origin.url("/stale")), "stale", "2")

    def test_what_must_not_be_stored_is_not_on_disk(self):
        secret = b"Larder must not write this " * 9
        origin = self.origin(lambda r, c: page(secret, "no-store" if "store" in r.target else "private, max-age=60"))
        self.start()
        for path in ("/no-store", "/private"):
            self.assert_ok(self.fetch(origin.url(path)), secret)
        self.stop()
        for path in segments(self.folder):
            with open(path, "rb") as file:
                self.assertNotIn(secret[:27], file.read())

    def test_under_another_uid(self):
        folder = self.new_folder()
        os.chown(folder, NOBODY, NOBODY)

        def become_nobody():
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)

        origin = self.scripted(page(b"anybody's"))
        for how in ENDS:
            self.start(folder=folder, before=become_nobody)
            self.assert_ok(self.fetch(origin.url("/uid")), "anybody's")
            self.wait_until(lambda: self.proxy.metric('larder_cache_objects{tier="disk"}') == 1, "not stored")
            self.end(how)
        self.start(folder=folder, before=become_nobody)
        self.assert_hit(self.fetch(origin.url("/uid")), "anybody's")
        for name in os.listdir(folder):
            about = os.stat(os.path.join(folder, name))
            self.assertEqual((about.st_uid, about.st_mode & 0o077), (NOBODY, 0), name)


class TwoTiers(DiskCase):
    def test_what_memory_evicts_stays_on_disk(self):
        self.start({"cache.memory": '"1MiB"'})
        origin = self.origin(lambda r, c: page(content(r.target, 100 * KIB)))
        paths = [f"/{i}" for i in range(50)]
        for path in paths:
            self.assert_miss(self.fetch(origin.url(path)), content(path, 100 * KIB))
        self.wait_stored(50)
        self.shut(origin)
        for _ in range(3):
            random.shuffle(paths)
            for path in paths:
                self.assert_hit(self.fetch(origin.url(path)), content(path, 100 * KIB))
        metrics = self.proxy.metrics()
        self.assertLessEqual(metrics['larder_cache_bytes{tier="memory"}'], MIB)
        self.assertGreater(metrics['larder_cache_evictions_total{tier="memory"}'], 40)
        self.assertEqual(metrics["larder_cache_disk_stores_total"], 50, "written once each")

    def test_many_clients_at_once_read_what_only_the_disk_has(self):
        self.start()
        sizes = (KIB, 100 * KIB, 300 * KIB, 3 * MIB)
        origin = self.origin(lambda r, c: page(content(r.target, int(r.target[1:]))))
        for size in sizes:
            self.assert_miss(self.fetch(origin.url(f"/{size}")), content(f"/{size}", size))
        self.wait_stored(len(sizes))
        self.stop()
        self.start({"cache.memory": '"1MiB"'})
        self.shut(origin)

        def read(i):
            size = sizes[i % len(sizes)]
            for _ in range(3):
                self.assert_hit(self.fetch(origin.url(f"/{size}")), content(f"/{size}", size))

        self.gather(16, read)

    def test_a_client_that_leaves_in_the_middle_harms_nobody(self):
        body = content("left", 5 * MIB)
        origin = self.scripted(page(body))
        self.start()
        self.assert_miss(self.fetch(origin.url("/left")), body)
        self.wait_stored(1)
        self.stop()
        self.start({"cache.memory": '"1MiB"'})
        for _ in range(8):
            client = self.client(receive_buffer=16384)
            client.send_request("GET", origin.url("/left"))
            self.assertEqual(client.read_head().status, 200)
            client.abort()
        self.assert_hit(self.fetch(origin.url("/left")), body)


class Durable(DiskCase):
    """What was renewed or invalidated is so after kill -9 too."""

    def renewed(self, size, between):
        body = content("renewed", size)
        old = {"Cache-Control": "max-age=60", "Age": "100", "ETag": '"e"', "X-Of": "200"}
        new = {"Cache-Control": "max-age=6000", "ETag": '"e"', "X-Of": "304"}
        origin = self.scripted(page(body, old), page(b"", new, 304))
        self.on_new_folder()
        self.start()
        self.assert_miss(self.fetch(origin.url("/r")), body)
        self.wait_stored(1)
        if between:
            self.kill()
            self.start({"cache.memory": '"1MiB"'})
        stored = self.proxy.metric("larder_cache_disk_stores_total")
        response = self.fetch(origin.url("/r"))
        self.assert_ok(response, body)
        self.assertEqual(response["X-Of"], "304")
        self.assertEqual(origin.requests[1]["If-None-Match"], '"e"')
        self.wait_stored(stored + 1)
        for _ in range(2):
            self.kill()
            self.start()
            response = self.fetch(origin.url("/r"))
            self.assert_hit(response, body)
            self.assertEqual(response["X-Of"], "304")
            self.assertEqual(self.errors(), {})

    def test_a_304_renews_what_memory_has(self):
        for size in (0, KIB, MIB):
            with self.subTest(size):
                self.renewed(size, between=False)

    def test_a_304_renews_what_only_the_disk_has(self):
        for size in (0, KIB, 200 * KIB, 300 * KIB, MIB):
            with self.subTest(size):
                self.renewed(size, between=True)

    def journal_bytes(self):
        try:
            return os.stat(os.path.join(self.folder, "journal")).st_size
        except FileNotFoundError:
            return 0

    def invalidated(self, prepare=lambda: None, size=KIB):
        """Two variants and another URL are stored, then a POST; what it meant is gone for good."""
        def respond(request, connection):
            if request.method == "POST":
                connection.origin.version = 2
                return page(b"done", {"Location": "/too"}, 201)
            v = request["X-V"] or ""
            return page(content(request.target + v, size, connection.origin.version),
                        {"Cache-Control": "max-age=6000", "Vary": "X-V"})

        origin = self.origin(respond)
        origin.version = 1
        asked = [("/it", "a"), ("/it", "b"), ("/too", "a"), ("/other", "a")]

        def get(path, v):
            return self.fetch(origin.url(path), {"X-V": v})

        self.on_new_folder()
        self.start()
        for path, v in asked:
            self.assert_ok(get(path, v), content(path + v, size, 1))
        self.wait_stored(len(asked))
        prepare()
        before = self.journal_bytes()
        self.assert_ok(self.fetch(origin.url("/it"), method="POST", body=b"b"), "done", 201)
        self.wait_until(lambda: self.journal_bytes() >= before + 2 * 56, "nothing is written down")
        self.kill()
        self.start()
        objects = self.proxy.metric('larder_cache_objects{tier="disk"}')
        self.assertEqual(objects, 1)
        for path, v in asked[:3]:
            self.assert_forwarded(get(path, v), cache_status_fwd(path, v), content(path + v, size, 2), stored=True)
        self.assert_hit(get("/other", "a"), content("/othera", size, 1))
        self.wait_stored(3)
        for _ in range(2):
            self.kill()
            self.start()
            for path, v in asked[:3]:
                self.assert_hit(get(path, v), content(path + v, size, 2))
            self.assert_hit(get("/other", "a"), content("/othera", size, 1))

    def test_what_was_invalidated_in_memory_does_not_come_back(self):
        self.invalidated()

    def test_what_was_invalidated_on_disk_alone_does_not_come_back(self):
        def forget_memory():
            self.kill()
            self.start()

        self.invalidated(forget_memory)
        self.invalidated(forget_memory, size=MIB)

    def test_an_invalidation_right_after_the_answer_counts(self):
        """Before the response may have reached the disk."""
        origin = self.origin(lambda r, c: page(content(r.target, 200 * KIB, c.origin.version)) if r.method == "GET" else page(b""))
        self.start()
        for i in range(40):
            origin.version = 1
            self.fetch(origin.url(f"/{i}"))
            self.assert_ok(self.fetch(origin.url(f"/{i}"), method="POST", body=b""))
        origin.version = 2
        # A purge is answered when it is written down, and so is what came before it.
        self.assertEqual(self.proxy.admin("/purge?host=nobody.example", "POST").status, 200)
        self.kill()
        self.start()
        for i in range(40):
            self.assert_ok(self.fetch(origin.url(f"/{i}")), content(f"/{i}", 200 * KIB, 2))

    def test_the_newest_of_many_versions_counts(self):
        origin = self.origin(lambda r, c: page(b"%d" % len(c.origin.requests)))
        self.start()
        for i in range(1, 21):
            self.assert_ok(self.fetch(origin.url("/v"), {"Cache-Control": "no-cache"}), b"%d" % i)
        self.wait_stored(1)
        self.stop()
        self.start()
        self.shut(origin)
        self.assert_hit(self.fetch(origin.url("/v")), "20")


def cache_status_fwd(path, v):
    """The second variant that is asked for finds the first one."""
    return "vary-miss" if (path, v) == ("/it", "b") else "uri-miss"


class Claims(DiskCase):
    def test_a_second_process_on_a_configured_folder_ends_with_2(self):
        self.start()
        status, _, err = run_once("--set", 'listen=["127.0.0.1:0"]', "--set", "admin.listen=",
                                  "--set", f"cache.disk.path={self.folder}")
        self.assertEqual(status, 2, err)
        self.assertIn(self.folder, err)
        self.assertIn("another Larder uses this folder", err)
        self.assert_serves()

    def test_a_second_process_of_the_same_user_goes_on_without(self):
        home = self.new_folder()
        origin = self.scripted(page(b"first's"), page(b"second's"))
        first = self.larder({"cache.disk.path": None}, env={"XDG_CACHE_HOME": home})
        self.assert_miss(self.fetch(origin.url("/"), proxy=first), "first's")
        second = self.proxy = self.larder({"cache.disk.path": None}, env={"XDG_CACHE_HOME": home})
        self.wait_said("another Larder uses this folder", "going on without a disk tier")
        self.assertNotIn('larder_cache_objects{tier="disk"}', second.metrics())
        self.assert_miss(self.fetch(origin.url("/")), "second's")
        self.assert_hit(self.fetch(origin.url("/")), "second's")
        self.assertTrue(os.path.exists(os.path.join(home, "larder", "larder-cache")))
        second.stop()
        first.stop()
        self.proxy = self.larder({"cache.disk.path": None}, env={"XDG_CACHE_HOME": home})
        self.wait_loaded()
        self.assert_hit(self.fetch(origin.url("/")), "first's")

    def test_a_folder_that_cannot_be(self):
        file = os.path.join(self.new_folder(), "file")
        with open(file, "w", encoding="ascii"):
            pass
        status, _, err = run_once("--set", 'listen=["127.0.0.1:0"]', "--set", "admin.listen=", "--set", f"cache.disk.path={file}/x")
        self.assertEqual(status, 2, err)
        self.assertIn(file, err)
        self.proxy = self.larder({"cache.disk.path": None}, env={"XDG_CACHE_HOME": file})
        self.wait_said("going on without a disk tier")
        self.assert_serves()

    def test_none_is_made_when_none_is_wanted(self):
        home = self.new_folder()
        for keys in ({"cache.disk.path": '""'}, {"cache.disk.path": None, "cache.disk.size": "0"}):
            self.proxy = self.larder(keys, env={"XDG_CACHE_HOME": home})
            self.assert_serves()
            self.stop()
            self.assertEqual(os.listdir(home), [])


if __name__ == "__main__":
    unittest.main()
