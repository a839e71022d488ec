"""Purging and listing on the operator's port: in memory and on disk, with all variants, in flight, across kill -9; and who
is refused."""

import json
import signal
import tempfile
import urllib.parse

from harness import *

FRESH = {"Cache-Control": "max-age=3600"}


def page(body=b"stored", **fields):
    return response_bytes(200, {**FRESH, **{name.replace("_", "-"): value for name, value in fields.items()}}, body)


def query(**parameters):
    return "?" + "&".join(f"{name}={urllib.parse.quote(str(value), safe='')}" for name, value in parameters.items())


class PurgeCase(ProxyCase):
    def said(self, response, status=200):
        self.assertEqual(response.status, status, response)
        self.assertEqual(response["Content-Type"], "application/json")
        return json.loads(response.body)

    def purge(self, proxy=None, **what):
        said = self.said((proxy or self.proxy).admin("/purge" + query(**what), "POST"))
        self.assertEqual(said.pop("durable"), True)
        return said

    def listing(self, proxy=None, **filters):
        """All pages together."""
        objects = []
        while True:
            said = self.said((proxy or self.proxy).admin("/objects" + query(**filters)))
            self.assertLessEqual(len(said["objects"]), filters.get("limit", 100))
            objects += said["objects"]
            if said["next"] is None:
                return objects
            filters["after"] = said["next"]

    def urls(self, proxy=None, **filters):
        return sorted(one["url"] for one in self.listing(proxy, **filters))


    def assert_from_origin(self, response, body):
        self.assert_ok(response, body)
        self.assertNotIn("hit", cache_status(response))


class Memory(PurgeCase):
    keys = {"cache.disk.path": '""', "cache.rules": json.dumps([{"host": "127.0.0.1", "path": "/short*", "ignore_query": ["utm_*"]}])}

    def test_by_url_with_all_variants(self):
        origin = self.origin(lambda r, c: page(r["Accept-Language"].encode(), Vary="Accept-Language"))
        for language in ("de", "en", "fr"):
            self.assert_from_origin(self.fetch(origin.url("/v"), {"Accept-Language": language}), language)
        self.assert_miss(self.fetch(origin.url("/w"), {"Accept-Language": "de"}))
        self.assertEqual(self.purge(url=origin.url("/v")), {"memory": 3, "disk": 0})
        self.assertEqual(self.purge(url=origin.url("/v")), {"memory": 0, "disk": 0})
        for language in ("de", "en", "fr"):
            self.assert_from_origin(self.fetch(origin.url("/v"), {"Accept-Language": language}), language)
        self.assert_hit(self.fetch(origin.url("/w"), {"Accept-Language": "de"}))

    def test_a_url_with_a_query_of_its_own(self):
        origin = self.scripted(page(), page(b"other"))
        self.assert_miss(self.fetch(origin.url("/q?a=1&b=2")))
        self.assertEqual(self.purge(url=origin.url("/q?a=1&b=2"))["memory"], 1)
        self.assert_miss(self.fetch(origin.url("/q?a=1&b=2")), "other")

    def test_a_url_whose_key_a_rule_shortens(self):
        origin = self.scripted(page(), page(b"other"))
        self.assert_ok(self.fetch(origin.url("/short?utm_source=x")))
        self.assertEqual(self.purge(url=origin.url("/short?utm_source=y"))["memory"], 1)
        self.assert_ok(self.fetch(origin.url("/short?utm_source=z")), "other")

    def test_by_host(self):
        origin = self.origin(lambda r, c: page())
        here, there = origin.url("/h"), f"http://localhost:{origin.port}/h"
        for url in (here, there):
            self.assert_miss(self.fetch(url))
        self.assertGreaterEqual(self.purge(host="LocalHost")["memory"], 1)
        self.assert_hit(self.fetch(here))
        self.assert_miss(self.fetch(there))

    def test_by_prefix(self):
        origin = self.origin(lambda r, c: page())
        for path in ("/news/1", "/news/2?x", "/newsletter", "/"):
            self.assert_miss(self.fetch(origin.url(path)))
        self.assertEqual(self.purge(prefix=origin.url("/news/"))["memory"], 2)
        for path in ("/newsletter", "/"):
            self.assert_hit(self.fetch(origin.url(path)))
        for path in ("/news/1", "/news/2?x"):
            self.assert_miss(self.fetch(origin.url(path)))

    def test_by_tag(self):
        tags = {"/1": {"Cache_Tag": "purge-a, purge-b"}, "/2": {"Surrogate_Key": "purge-b purge-c"}, "/3": {"Cache_Tag": "purge-bb"}, "/4": {}}
        origin = self.origin(lambda r, c: page(**tags[r.target]))
        for path in tags:
            self.assert_miss(self.fetch(origin.url(path)))
        self.assertEqual(self.purge(tag="purge-b")["memory"], 2)
        for path in ("/3", "/4"):
            self.assert_hit(self.fetch(origin.url(path)))
        for path in ("/1", "/2"):
            self.assert_miss(self.fetch(origin.url(path)))

    def test_what_is_in_flight_reaches_its_client_and_is_not_kept(self):
        for kind in ("url", "host", "tag", "all"):
            with self.subTest(kind):
                half, purged = threading.Event(), threading.Event()

                def respond(request, connection):
                    connection.send(response_bytes(200, {**FRESH, "Cache-Tag": "flying", "Content-Length": "8"}, b"half"))
                    half.set()
                    purged.wait(20)
                    return b"half"

                origin = self.scripted(respond, page(b"anew"))
                url = origin.url("/flight")
                client = self.client()
                client.send_request("GET", url)
                self.assertTrue(half.wait(20))
                client.read_head()  # so that its tags are known here too
                said = self.purge(**{kind: {"url": url, "host": "127.0.0.1", "tag": "flying", "all": 1}[kind]})
                self.assertGreaterEqual(said["memory"], 1)
                purged.set()
                self.assertEqual(client.reader.exactly(8), b"halfhalf")
                self.assert_miss(self.fetch(url), "anew")

    def test_listing(self):
        origin = self.origin(lambda r, c: page(b"x" * 1000, Content_Type="text/plain", Vary="Accept-Language", Cache_Tag="listed"))
        self.assert_miss(self.fetch(origin.url("/l"), {"Accept-Language": "de"}))
        self.assert_hit(self.fetch(origin.url("/l"), {"Accept-Language": "de"}))
        (one,) = self.listing(prefix=origin.url("/l"))
        self.assertEqual(one["url"], origin.url("/l"))
        self.assertEqual((one["tiers"], one["status"], one["size"]), (["memory"], 200, 1000))
        self.assertEqual((one["content_type"], one["variant"]), ("text/plain", "accept-language: de"))
        self.assertTrue(3590 <= one["ttl"] <= 3600 and 0 <= one["age"] <= 10, one)
        self.assertRegex(one["stored_at"], r"\A20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z\Z")
        self.assertEqual(self.urls(tag="listed", prefix=origin.url("/l")), [origin.url("/l")])
        self.assertEqual(self.urls(tag="unlisted", prefix=origin.url("/l")), [])
        self.assertEqual(self.urls(tier="disk"), [])

    def test_pages(self):
        origin = self.origin(lambda r, c: page())
        urls = sorted(origin.url(f"/p/{i}") for i in range(25))
        for url in urls:
            self.assert_miss(self.fetch(url))
        for limit in (1, 10, 1000):
            self.assertEqual(self.urls(prefix=origin.url("/p/"), limit=limit), urls)

    def test_who_is_refused(self):
        origin = self.scripted(page())
        self.assert_miss(self.fetch(origin.url("/kept")))
        own = f"127.0.0.1:{self.proxy.admin_port}"
        for status, method, fields in (
            (405, "GET", {}),
            (421, "POST", {"Host": "rebound.example"}),
            (403, "POST", {"Origin": "http://evil.example"}),
            (403, "POST", {"Origin": f"http://127.0.0.1:{self.proxy.port}"}),
            (403, "POST", {"Origin": "null"}),
            (403, "POST", {"Sec-Fetch-Site": "cross-site"}),
            (403, "POST", {"Sec-Fetch-Site": "same-site"}),
        ):
            with self.subTest(fields, method=method):
                response = ask(self.proxy.admin_port, method, "/purge?all=1", {"Host": own, **fields})
                self.assertEqual(response.status, status, response)
                self.assertRegex(response.body, rb"\A[A-Z'].*\.\n\Z")
        for path in ("/", "/metrics", "/objects", "/healthz"):
            self.assertEqual(ask(self.proxy.admin_port, "GET", path, {"Host": "rebound.example:3129"}).status, 421)
        self.assertEqual(ask(self.proxy.admin_port, "POST", "/purge?all=1", {"Host": own}, b"content").status, 413)
        self.assert_hit(self.fetch(origin.url("/kept")))

    def test_names_of_the_operators_own(self):
        proxy = self.larder({"admin.names": '["larder.example", ".intra.example"]'})
        for host in ("larder.example:3129", "a.intra.example", "localhost", "larder", "[::1]:3129"):
            self.assertEqual(ask(proxy.admin_port, "GET", "/healthz", {"Host": host}).status, 200, host)
        self.assertEqual(ask(proxy.admin_port, "GET", "/healthz", {"Host": "other.example"}).status, 421)

    def test_the_index_page_names_them(self):
        body = self.proxy.admin("/").body
        self.assertIn(b"/purge", body)
        self.assertIn(b"/objects", body)


class OnDisk(PurgeCase):
    """Each test has a folder and a proxy of its own."""

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="larder-purge-")
        self.addCleanup(folder.cleanup)
        self.path = folder.name

    def start(self, **keys):
        return self.larder({"cache.disk.path": json.dumps(self.path), "cache.disk.size": '"64MiB"', **keys})

    def kill(self, proxy):
        proxy.signal(signal.SIGKILL)
        proxy.process.wait(20)
        proxy._join()

    def store(self, proxy, origin, paths):
        for path in paths:
            self.assert_miss(self.fetch(origin.url(path), proxy=proxy))
        proxy.wait_metric('larder_cache_objects{tier="disk"}', lambda value: value >= len(paths))

    PATHS = ("/a/1", "/a/2", "/b/1", "/b/2")
    KINDS = (("url", "/a/1", ("/a/1",)), ("prefix", "/a/", ("/a/1", "/a/2")), ("tag", "one", ("/a/1", "/b/1")),
             ("host", None, PATHS), ("all", None, PATHS))

    def test_each_kind_in_both_tiers_and_across_kill(self):
        for kind, what, gone in self.KINDS:
            with self.subTest(kind):
                origin = self.origin(lambda r, c: page(r.target.encode(), Cache_Tag="one" if r.target.endswith("1") else "two"))
                proxy = self.start()
                self.purge(proxy, all=1)
                self.store(proxy, origin, self.PATHS)
                value = {"url": lambda: origin.url(what), "prefix": lambda: origin.url(what), "tag": lambda: what,
                         "host": lambda: "127.0.0.1", "all": lambda: 1}[kind]()
                self.assertEqual(self.purge(proxy, **{kind: value}), {"memory": len(gone), "disk": len(gone)})
                left = sorted(origin.url(path) for path in self.PATHS if path not in gone)
                self.assertEqual(self.urls(proxy), left)
                self.kill(proxy)
                asked = len(origin.requests)
                proxy = self.start()
                proxy.wait_metric('larder_cache_disk_state{state="loading"}', lambda value: value == 0)
                self.assertEqual(self.urls(proxy), left)
                for path in self.PATHS:
                    response = self.fetch(origin.url(path), proxy=proxy)
                    (self.assert_miss if path in gone else self.assert_hit)(response, path)
                self.assertEqual(len(origin.requests) - asked, len(gone))
                proxy.stop()

    def test_what_is_on_disk_alone_with_all_variants(self):
        origin = self.origin(lambda r, c: page(r["Accept-Language"].encode(), Vary="Accept-Language"))
        proxy = self.start()
        for language in ("de", "en", "fr"):
            self.assert_from_origin(self.fetch(origin.url("/v"), {"Accept-Language": language}, proxy=proxy), language)
        proxy.wait_metric('larder_cache_objects{tier="disk"}', lambda value: value == 3)
        proxy.stop()
        proxy = self.start()
        proxy.wait_metric('larder_cache_objects{tier="disk"}', lambda value: value == 3)
        self.assertEqual([one["tiers"] for one in self.listing(proxy)], [["disk"]] * 3)
        self.assert_hit(self.fetch(origin.url("/v"), {"Accept-Language": "en"}, proxy=proxy), "en")
        self.assertEqual(self.purge(proxy, url=origin.url("/v"))["disk"], 3)
        self.assertEqual(self.listing(proxy), [])
        for language in ("de", "en", "fr"):
            self.assert_from_origin(self.fetch(origin.url("/v"), {"Accept-Language": language}, proxy=proxy), language)

    def test_right_after_a_start(self):
        """The purge comes while the folder may still be being read."""
        origin = self.origin(lambda r, c: page(r.target.encode()))
        proxy = self.start()
        self.store(proxy, origin, self.PATHS)
        for _ in range(5):
            self.kill(proxy)
            proxy = self.start()
            self.assertEqual(self.purge(proxy, prefix=origin.url("/a/"))["memory"], 0)
            self.assertEqual(self.urls(proxy), [origin.url("/b/1"), origin.url("/b/2")])
        self.kill(proxy)
        proxy = self.start()
        self.assert_miss(self.fetch(origin.url("/a/1"), proxy=proxy), "/a/1")
        self.assert_hit(self.fetch(origin.url("/b/1"), proxy=proxy), "/b/1")

    def test_pages_lead_through_both_tiers(self):
        origin = self.origin(lambda r, c: page(b"x" * 30_000))
        proxy = self.start()
        old = [f"/old/{i}" for i in range(60)]
        self.store(proxy, origin, old)
        proxy.stop()
        proxy = self.start()
        proxy.wait_metric('larder_cache_objects{tier="disk"}', lambda value: value == 60)
        new = [f"/new/{i}" for i in range(20)]
        self.store(proxy, origin, new)
        proxy.wait_metric('larder_cache_objects{tier="disk"}', lambda value: value == 80)
        every = sorted(origin.url(path) for path in old + new)
        for limit in (7, 1000):
            self.assertEqual(self.urls(proxy, limit=limit), every)
            self.assertEqual(self.urls(proxy, limit=limit, tier="disk"), every)
            self.assertEqual(self.urls(proxy, limit=limit, tier="memory"), sorted(origin.url(path) for path in new))
        self.assertEqual(self.urls(proxy, limit=3, prefix=origin.url("/old/5")),
                         sorted(origin.url(path) for path in old if path.startswith("/old/5")))
        self.assertTrue(all(one["size"] == 30_000 for one in self.listing(proxy)))
        self.assertEqual(self.purge(proxy, prefix=origin.url("/old/"))["disk"], 60)
        self.assertEqual(len(self.listing(proxy)), 20)

    def test_under_load_nothing_old_comes_back(self):
        """Every answer after a purge is from an origin's answer given after that purge began."""
        version = [0]
        origin = self.origin(lambda r, c: page(str(version[0]).encode() + b" " + b"x" * 20_000, Cache_Tag="load"))
        proxy = self.start(**{"cache.memory": '"1MiB"'})
        for round_ in range(1, 11):
            self.gather(4, lambda i: [self.fetch(origin.url(f"/{i}/{n}"), proxy=proxy) for n in range(20)])
            version[0] = round_
            said = self.purge(proxy, **({"tag": "load"} if round_ % 2 else {"host": "127.0.0.1"}))
            self.assertGreaterEqual(said["memory"] + said["disk"], 1)
            for n in range(20):
                self.assertEqual(self.fetch(origin.url(f"/0/{n}"), proxy=proxy).body.split()[0], str(round_).encode())


if __name__ == "__main__":
    unittest.main()
