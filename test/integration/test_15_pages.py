"""What Larder says of itself: the pages of the proxy port, the operator's port, the log line."""

import datetime
import re

from harness import *

RESULTS = ("hit", "revalidated", "stale", "miss", "collapsed", "pass", "tunnel", "denied", "error")


class ProxyPort(ProxyCase):
    def local(self, path, method="GET", fields=None):
        return self.fetch(path, fields if fields is not None else {"Host": f"127.0.0.1:{self.proxy.port}"}, method)

    def test_help_page(self):
        response = self.local("/")
        self.assert_ok(response)
        self.assertIn("text/html", response["Content-Type"])
        text = response.body.decode("utf-8")
        for word in ("Larder", f"127.0.0.1:{self.proxy.port}", "curl", "apt", "npm", "proxy.pac"):
            self.assertIn(word, text)

    def test_help_page_names_the_host_that_was_asked_and_escapes_it(self):
        self.assertIn("cache.lan:3128", self.local("/", fields={"Host": "cache.lan:3128"}).body.decode())
        response = self.local("/", fields={"Host": "a<b>"})
        self.assertNotIn(b"a<b>", response.body)

    def test_proxy_pac(self):
        response = self.local("/proxy.pac")
        self.assert_ok(response)
        self.assertEqual(response["Content-Type"].split(";")[0], "application/x-ns-proxy-autoconfig")
        self.assertIn("FindProxyForURL", response.body.decode())
        self.assertIn(f"PROXY 127.0.0.1:{self.proxy.port}", response.body.decode())

    def test_other_paths(self):
        response = self.local("/nothing/here")
        self.assertEqual(response.status, 404)
        self.assertTrue(response.body.strip())

    def test_head_and_other_methods(self):
        response = self.local("/", "HEAD")
        self.assertEqual((response.status, response.body), (200, b""))
        response = self.local("/", "DELETE")
        self.assertEqual(response.status, 405)
        self.assertIn("GET", response["Allow"])

    def test_pages_keep_the_connection(self):
        origin = self.origin(lambda r, c: response_bytes(200, {"Cache-Control": "no-store"}, b"x"))
        client = self.client()
        host = {"Host": "p"}
        self.assertEqual(client.get("/", host).status, 200)
        self.assertEqual(client.get("/proxy.pac", host).status, 200)
        self.assert_ok(client.get(origin.url("/")), "x")

    def test_options_star(self):
        response = self.local("*", "OPTIONS")
        self.assertLess(response.status, 300)


class AdminPort(ProxyCase):
    def test_healthz(self):
        response = self.proxy.admin("/healthz")
        self.assert_ok(response)
        self.assertEqual(response.body.strip(), b"ok")
        self.assertEqual(self.proxy.admin("/healthz", "HEAD").status, 200)

    def test_index_and_errors(self):
        self.assertIn(b"/metrics", self.proxy.admin("/").body)
        self.assertEqual(self.proxy.admin("/none").status, 404)
        self.assertEqual(self.proxy.admin("/metrics", "POST").status, 405)

    def test_malformed_requests_are_refused(self):
        for raw in (b"GET /metrics\r\n\r\n", b"\x16\x03\x01\x02", b"GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n"):
            with Client(self.proxy.admin_port) as client:
                client.send(raw)
                client.half_close()
                try:
                    self.assertEqual(client.read().status, 400)
                except Closed:
                    pass
        self.assertEqual(self.proxy.admin("/healthz").status, 200)

    def test_every_metric_of_the_contract(self):
        self.fetch(self.origin(lambda r, c: response_bytes(200, {"Cache-Control": "max-age=9"}, b"x")).url("/"))
        response = self.proxy.admin("/metrics")
        self.assertRegex(response["Content-Type"], r"\Atext/plain; version=0\.0\.4")
        text = response.body.decode()
        wanted = [f'larder_requests_total{{result="{r}"}}' for r in RESULTS]
        wanted += [f'larder_request_duration_seconds_{part}{{result="{r}"' for r in RESULTS for part in ("bucket", "sum", "count")]
        wanted += [f'larder_response_bytes_total{{source="{s}"}}' for s in ("cache", "origin")]
        wanted += [f'larder_cache_{name}{{tier="memory"}}' for name in ("objects", "bytes", "evictions_total")]
        wanted += [f'larder_origin_connections{{state="{s}"}}' for s in ("idle", "active")]
        wanted += ["larder_client_connections ", "larder_origin_connects_total ", "larder_origin_requests_total ",
                   "larder_hit_ratio ", "larder_byte_hit_ratio "]
        for series in wanted:
            self.assertIn("\n" + series, text)
        families = set(re.findall(r"^# TYPE (\S+) (?:counter|gauge|histogram|summary)$", text, re.M))
        for series in re.findall(r"^(larder_[a-z0-9_]+)", text, re.M):
            family = re.sub(r"_(bucket|sum|count)$", "", series)
            self.assertTrue({series, family} & families, f"no TYPE for {series}")
        for family in families:
            help_text = re.search(rf"^# HELP {family} (.+)$", text, re.M)
            self.assertIsNotNone(help_text, f"no HELP for {family}")
            self.assertGreater(len(help_text[1]), 15)
        for line in text.splitlines():
            if not line.startswith("#"):
                self.assertRegex(line, r'\A[a-z_][a-z0-9_]*(\{[^}]*\})? (NaN|[-+]?Inf|[-+0-9.e]+)\Z')

    def test_counts_are_right(self):
        proxy = self.larder()
        origin = self.origin(lambda r, c: response_bytes(200, {"Cache-Control": "max-age=600"}, b"z" * 1000))
        for _ in range(4):
            self.assert_ok(self.fetch(origin.url("/"), proxy=proxy))
        self.fetch(origin.url("/"), method="POST", body=b"x", proxy=proxy)
        self.fetch("http://127.0.0.1:1/", proxy=proxy)
        got = proxy.wait_metric('larder_requests_total{result="error"}', lambda value: value == 1) and proxy.metrics()
        self.assertEqual(got['larder_requests_total{result="miss"}'], 1)
        self.assertEqual(got['larder_requests_total{result="hit"}'], 3)
        self.assertEqual(got['larder_requests_total{result="pass"}'], 1)
        self.assertEqual(got['larder_response_bytes_total{source="cache"}'], 3000)
        self.assertEqual(got['larder_response_bytes_total{source="origin"}'], 2000)
        self.assertEqual(got['larder_request_duration_seconds_count{result="hit"}'], 3)
        self.assertEqual(got["larder_origin_requests_total"], 2)
        ratio = proxy.wait_metric("larder_hit_ratio", lambda value: value > 0)
        self.assertAlmostEqual(ratio, 3 / 5, delta=0.11)
        self.assertTrue(0 < proxy.metric("larder_byte_hit_ratio") < 1)


class AccessLog(ProxyCase):
    def test_line(self):
        origin = self.origin(lambda r, c: response_bytes(200, {"Cache-Control": "max-age=600"}, b"12345"))
        self.fetch(origin.url("/l?q=1"))
        line = self.proxy.wait_log(lambda l: l["url"] == origin.url("/l?q=1"))
        for key in ("ts", "client", "method", "url", "status", "bytes", "result", "duration_ms", "origin"):
            self.assertIn(key, line)
        self.assertEqual((line["method"], line["status"], line["bytes"], line["result"]), ("GET", 200, 5, "miss"))
        self.assertEqual(line["origin"], origin.authority)
        self.assertTrue(line["client"].startswith("127.0.0.1"))
        self.assertIsInstance(line["duration_ms"], (int, float))
        self.assertGreaterEqual(line["duration_ms"], 0)
        when = datetime.datetime.fromisoformat(line["ts"].replace("Z", "+00:00"))
        self.assertLess(abs((datetime.datetime.now(datetime.timezone.utc) - when).total_seconds()), 60)

    def test_results(self):
        origin = self.origin(lambda r, c: response_bytes(200, {"Cache-Control": "max-age=600"}, b"12345"))
        self.fetch(origin.url("/x"))
        self.fetch(origin.url("/x"))
        hit = self.proxy.wait_log(lambda l: l["url"] == origin.url("/x") and l["result"] == "hit")
        self.assertEqual(hit["origin"], "")
        self.fetch(origin.url("/x"), method="POST", body=b"1")
        self.proxy.wait_log(lambda l: l["method"] == "POST" and l["result"] == "pass")
        self.fetch("http://127.0.0.1:1/gone")
        self.assertEqual(self.proxy.wait_log(lambda l: l["url"] == "http://127.0.0.1:1/gone")["result"], "error")
        with Client(self.proxy.port) as client:
            client.send(b"GET http://a/ HTTP/1.1\r\nBad Name: 1\r\n\r\n")
            self.assertEqual(client.read().status, 400)
        self.assertEqual(self.proxy.wait_log(lambda l: l["status"] == 400)["result"], "error")

    def test_a_connection_without_a_request_is_no_line(self):
        """Health checks that connect and leave must not fill the log."""
        with Client(self.proxy.port):
            pass
        origin = self.origin(lambda r, c: response_bytes(200, {"Cache-Control": "no-store"}, b"x"))
        self.fetch(origin.url("/after"))
        self.proxy.wait_log(lambda l: l["url"] == origin.url("/after"))
        self.assertFalse([l for l in self.proxy.log if not l["method"]])

    def test_odd_bytes_leave_the_log_json(self):
        origin = self.origin(lambda r, c: response_bytes(200, {"Cache-Control": "no-store"}, b"x"))
        self.fetch(origin.url('/"quoted"\\%00'), {"User-Agent": 'evil" \\ \xff agent'})
        self.proxy.wait_log(lambda l: "quoted" in l["url"])
        self.assertEqual(self.proxy.bad_log, [])


if __name__ == "__main__":
    unittest.main()
