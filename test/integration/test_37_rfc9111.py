"""The extensions and the rarer parts of RFC 9111: POST, HEAD, stale-while-revalidate, targeted fields, rules, negative caching."""

import json

from harness import *


def page(fields, body=b"stored", status=200):
    return response_bytes(status, fields if isinstance(fields, dict) else {"Cache-Control": fields}, body)


class Methods(ProxyCase):
    def test_post_with_content_location_answers_a_get(self):
        """RFC 9110 section 9.3.3."""
        origin = self.scripted(lambda r, c: page({"Cache-Control": "max-age=600", "Content-Location": "/form"}, b"result"))
        self.assert_ok(self.fetch(origin.url("/form"), method="POST", body=b"x"), "result")
        self.assert_hit(self.fetch(origin.url("/form")), "result")

    def test_post_without_it_does_not(self):
        for fields in ({"Cache-Control": "max-age=600"}, {"Cache-Control": "max-age=600", "Content-Location": "/other"},
                       {"Content-Location": "/form", "Last-Modified": http_date(-9e6)}):
            with self.subTest(fields):
                origin = self.scripted(page(fields, b"result"), page("max-age=600", b"page"))
                self.fetch(origin.url("/form"), method="POST", body=b"x")
                self.assert_miss(self.fetch(origin.url("/form")), b"page")

    def test_head_updates_what_is_stored(self):
        """RFC 9111 section 4.3.5."""
        stale = {"Cache-Control": "max-age=0", "ETag": '"1"', "X-A": "old"}
        origin = self.scripted(page(stale, b"12345"), lambda r, c: response_bytes(
            200, {"Cache-Control": "max-age=600", "ETag": '"1"', "X-A": "new", "Content-Length": "5"}))
        self.fetch(origin.url("/"))
        self.assertEqual(self.fetch(origin.url("/"), method="HEAD").status, 200)
        response = self.fetch(origin.url("/"))
        self.assert_hit(response, "12345")
        self.assertEqual(response["X-A"], "new")

    def test_head_of_another_representation_drops_what_is_stored(self):
        for fields in ({"ETag": '"2"', "Content-Length": "5"}, {"ETag": '"1"', "Content-Length": "6"}):
            with self.subTest(fields):
                origin = self.scripted(page({"Cache-Control": "max-age=0", "ETag": '"1"'}, b"12345"),
                                       response_bytes(200, {"Cache-Control": "max-age=600", **fields}), page("max-age=600", b"newer"))
                self.fetch(origin.url("/"))
                self.fetch(origin.url("/"), method="HEAD")
                self.assert_miss(self.fetch(origin.url("/")), b"newer")
                self.assertNotIn("If-None-Match", origin.requests[2].fields)


class Variants(ProxyCase):
    def test_validators_of_all_variants_are_sent(self):
        """RFC 9111 section 4.3.1: a 304 that names one of them makes it this request's, too."""
        fields = {"Cache-Control": "max-age=600", "Vary": "X-Kind"}
        asked = []

        def respond(request, _):
            asked.append(request["If-None-Match"])
            kind = request["X-Kind"]
            tag = {"a": '"1"', "b": '"2"', "c": '"1"', "d": '"9"'}[kind]
            if tag in (request["If-None-Match"] or ""):
                return response_bytes(304, {**fields, "ETag": tag})
            return page({**fields, "ETag": tag}, f"of {tag}".encode())

        origin = self.origin(respond)
        for kind, body in (("a", 'of "1"'), ("b", 'of "2"'), ("c", 'of "1"'), ("d", 'of "9"')):
            self.assert_ok(self.fetch(origin.url("/"), {"X-Kind": kind}), body)
        self.assertEqual(asked, [None, '"1"', '"2", "1"', '"1", "2"'])
        for kind, body in (("a", 'of "1"'), ("b", 'of "2"'), ("c", 'of "1"'), ("d", 'of "9"')):
            self.assert_hit(self.fetch(origin.url("/"), {"X-Kind": kind}), body)

    def test_a_304_that_names_none_of_them_is_not_taken(self):
        def respond(request, _):
            if "If-None-Match" in request.fields:
                return response_bytes(304, {"Cache-Control": "max-age=600", "Vary": "X-Kind"})
            return page({"Cache-Control": "max-age=600", "Vary": "X-Kind", "ETag": '"1"'}, request["X-Kind"].encode())

        origin = self.origin(respond)
        for kind in ("a", "b"):
            self.assert_ok(self.fetch(origin.url("/"), {"X-Kind": kind}), kind)


    def test_a_coded_form_is_not_offered_to_who_cannot_read_it(self):
        """Express and old Apaches give the plain and the gzip form one tag and would say 304 of either."""
        def respond(request, _):
            if request["If-None-Match"]:
                return response_bytes(304, {"ETag": '"same"', "Cache-Control": "max-age=600", "Vary": "Accept-Encoding"})
            coded = request["Accept-Encoding"] == "gzip"
            fields = {"ETag": '"same"', "Cache-Control": "max-age=600", "Vary": "Accept-Encoding"}
            return page({**fields, **({"Content-Encoding": "gzip"} if coded else {})}, b"coded" if coded else b"plain")

        origin = self.origin(respond)
        self.assert_ok(self.fetch(origin.url("/"), {"Accept-Encoding": "gzip"}), "coded")
        response = self.fetch(origin.url("/"))
        self.assert_ok(response, "plain")
        self.assertNotIn("Content-Encoding", response.fields)


class Outages(ProxyCase):
    """What hides an outage must not be lost to the outage, nor to anybody who asks in an odd way."""
    keys = {"cache.negative.server_error": '"10m"'}
    STALE = {"Cache-Control": "max-age=0", "ETag": '"1"'}

    def test_an_error_that_may_be_kept_does_not_replace_it(self):
        for fields in ({}, {"Cache-Control": "max-age=600"}):
            with self.subTest(fields):
                origin = self.origin(lambda r, c: page(self.STALE, b"good") if len(c.origin.requests) == 1 else page(fields, b"bad", 503))
                for _ in range(4):
                    response = self.fetch(origin.url("/"))
                    self.assert_ok(response, "good")
                    self.assertNotIn("Warning", response.fields)  # RFC 9111 section 5.5: obsolete, and left out

    def test_head_is_covered_too(self):
        origin = self.origin(lambda r, c: page(self.STALE, b"good") if r.method == "GET" else response_bytes(503))
        self.fetch(origin.url("/"))
        response = self.fetch(origin.url("/"), method="HEAD")
        self.assertEqual((response.status, response["Content-Length"]), (200, "4"))

    def test_odd_requests_do_not_take_it_away(self):
        def respond(request, connection):
            if len(connection.origin.requests) == 1:
                return page(self.STALE, b"good")
            if request["Range"]:
                return response_bytes(416, {"Content-Range": "bytes */4"})
            if request["X-Odd"]:
                return response_bytes(int(request["X-Odd"]), {"Cache-Control": "no-store"}, b"no")
            if request["If-None-Match"] and (request["Authorization"] or request["X-Forwarded-Host"]):
                return response_bytes(304, self.STALE)
            if request.method == "HEAD":
                return response_bytes(200, {"Content-Length": "4", **self.STALE})
            return response_bytes(503)

        for method, odd in (("GET", {"Range": "bytes=99-"}), ("GET", {"Authorization": "Basic x"}), ("GET", {"X-Forwarded-Host": "evil"}),
                            ("GET", {"X-Odd": "400"}), ("GET", {"X-Odd": "429"}), ("HEAD", {"Cache-Control": "no-store"}),
                            ("HEAD", {"Authorization": "Basic x"}), ("GET", {"Cookie": "a=b", "X-Odd": "200"})):
            with self.subTest((method, odd)):
                origin = self.origin(respond)
                self.fetch(origin.url("/"))
                self.fetch(origin.url("/"), odd, method=method)
                self.assert_ok(self.fetch(origin.url("/")), "good")  # the origin is out of order, and hidden

    def test_but_the_resources_own_word_ends_it(self):
        origin = self.scripted(page(self.STALE, b"good"), page("no-store", b"private now"), response_bytes(503))
        self.fetch(origin.url("/"))
        self.assert_ok(self.fetch(origin.url("/")), "private now")
        self.assertEqual(self.fetch(origin.url("/")).status, 503)


class Races(ProxyCase):
    def test_a_late_304_does_not_bring_an_older_version_back(self):
        late = threading.Event()

        def respond(request, connection):
            number = len(connection.origin.requests)
            if number == 1:
                return page({"Cache-Control": "max-age=0", "ETag": '"1"'}, b"v1")
            if number == 2:
                late.wait(20)
                return response_bytes(304, {"ETag": '"1"', "Cache-Control": "max-age=600"})
            return page({"Cache-Control": "max-age=600", "ETag": '"2"'}, b"v2")

        origin = self.origin(respond)
        self.fetch(origin.url("/"))
        slow = self.client()
        slow.send_request("GET", origin.url("/"))
        origin.wait_requests(2)
        self.assert_ok(self.fetch(origin.url("/"), {"Cache-Control": "no-cache"}), "v2")
        late.set()
        self.assert_ok(slow.read(), "v1")
        self.assert_hit(self.fetch(origin.url("/")), "v2")

    def test_an_origin_that_drops_its_vary(self):
        """The old answer, with Vary, was preferred to the new one for ever."""
        def respond(request, connection):
            if len(connection.origin.requests) == 1:
                return page({"Cache-Control": "max-age=600", "Vary": "Accept-Language"}, b"v1")
            return page("max-age=600", b"v2")

        origin = self.origin(respond)
        self.assert_ok(self.fetch(origin.url("/")), "v1")
        self.assert_ok(self.fetch(origin.url("/"), {"Cache-Control": "no-cache"}), "v2")
        self.assert_hit(self.fetch(origin.url("/")), "v2")

    def test_followers_of_an_error_that_is_hidden_do_not_go_alone(self):
        go = threading.Event()

        def respond(request, connection):
            if len(connection.origin.requests) == 1:
                return page({"Cache-Control": "max-age=5", "Age": "10", "ETag": '"1"'}, b"good")
            go.wait(20)
            return response_bytes(503)

        origin = self.origin(respond)
        self.fetch(origin.url("/"))
        clients = [self.client() for _ in range(10)]
        for client in clients:
            client.send_request("GET", origin.url("/"))
        origin.wait_requests(2)
        self.proxy.wait_metric("larder_client_connections", lambda value: value >= 10)
        go.set()
        for client in clients:
            self.assert_ok(client.read(), "good")
        self.assertEqual(len(origin.requests), 2)

    def test_one_odd_request_does_not_end_collapsing(self):
        """After a POST, or a request that may not be stored, everybody fetched for himself."""
        go = threading.Event()

        def respond(request, connection):
            if request["X-Odd"]:
                return response_bytes(int(request["X-Odd"]))
            if request.method == "GET" and not request["X-Forwarded-Host"]:
                go.wait(20)
            return page({"Cache-Control": "max-age=600"})

        for odd in ({"method": "POST", "body": b"x"}, {"fields": {"X-Forwarded-Host": "evil"}}, {"fields": {"X-Odd": "400"}}):
            with self.subTest(odd):
                go.clear()
                origin = self.origin(respond)
                self.fetch(origin.url("/"), **odd)
                clients = [self.client() for _ in range(5)]
                for client in clients:
                    client.send_request("GET", origin.url("/"))
                origin.wait_requests(2)
                self.proxy.wait_metric("larder_client_connections", lambda value: value >= 5)
                go.set()
                for client in clients:
                    self.assert_ok(client.read())
                self.assertEqual(len(origin.requests), 2)


class Memory(ProxyCase):
    keys = {"cache.memory": '"32MiB"', "workers": "1"}

    def test_interim_responses_are_not_kept(self):
        hint = b"HTTP/1.1 103 Early Hints\r\nLink: <" + b"x" * 50_000 + b">\r\n\r\n"

        def respond(request, connection):
            return hint * 20 + page("max-age=600", b"tiny")

        origin = self.origin(respond)
        before = self.proxy.memory_kib()
        for i in range(60):
            self.assert_ok(self.fetch(origin.url(f"/{i}")), "tiny")
        self.assertLess(self.proxy.memory_kib() - before, 30_000 if SANITIZED else 8_000)

    def test_a_304_on_a_large_body_evicts_nothing(self):
        """The body was counted twice while its old and its new head were there."""
        small = self.origin(lambda r, c: page("max-age=600", b"s" * 1_000_000))
        for i in range(10):
            self.fetch(small.url(f"/{i}"))
        large = self.scripted(page({"Cache-Control": "max-age=0", "ETag": '"1"'}, b"l" * 12_000_000),
                              response_bytes(304, {"ETag": '"1"', "Cache-Control": "max-age=600"}))
        self.fetch(large.url("/"))
        evicted = self.proxy.metric('larder_cache_evictions_total{tier="memory"}')
        self.assert_ok(self.fetch(large.url("/")), b"l" * 12_000_000)
        self.assertEqual(self.proxy.metric('larder_cache_evictions_total{tier="memory"}'), evicted)
        for i in range(10):
            self.assert_hit(self.fetch(small.url(f"/{i}")), b"s" * 1_000_000)


class StaleWhileRevalidate(ProxyCase):
    def test_the_stale_answer_comes_at_once_and_the_next_is_fresh(self):
        """RFC 5861 section 3."""
        go = threading.Event()

        def second(request, connection):
            if request["If-None-Match"] != '"1"':
                connection.origin.problem("asked without the validator")
            go.wait(20)
            return page({"Cache-Control": "max-age=600", "ETag": '"2"'}, b"new")

        origin = self.scripted(page({"Cache-Control": "max-age=0, stale-while-revalidate=60", "ETag": '"1"'}, b"old"), second)
        self.fetch(origin.url("/"))
        for _ in range(3):  # the origin is asked once
            response = self.fetch(origin.url("/"))
            self.assert_ok(response, "old")
            self.assertRegex(response["Cache-Status"], r"larder; hit; ttl=-?[0-9]+")
        origin.wait_requests(2)
        go.set()
        deadline = time.monotonic() + 20
        while self.fetch(origin.url("/")).body != b"new":
            self.assertLess(time.monotonic(), deadline, "the revalidation in the background came to nothing")
            time.sleep(0.01)
        self.assert_hit(self.fetch(origin.url("/")), "new")

    def test_not_against_the_wish_of_either_side(self):
        for said, asked in (("max-age=0, stale-while-revalidate=60, must-revalidate", {}), ("no-cache, stale-while-revalidate=60", {}),
                            ("max-age=0, stale-while-revalidate=60", {"Cache-Control": "no-cache"}),
                            ("max-age=0, stale-while-revalidate=60", {"Cache-Control": "max-age=0"})):
            with self.subTest((said, asked)):
                origin = self.scripted(page({"Cache-Control": said, "ETag": '"1"'}, b"old"), page({"ETag": '"2"'}, b"new"))
                self.fetch(origin.url("/"))
                self.assert_ok(self.fetch(origin.url("/"), asked), "new")

    def test_an_error_in_the_background_changes_nothing(self):
        origin = self.origin(lambda r, c: page({"Cache-Control": "max-age=0, stale-while-revalidate=60", "ETag": '"1"'}, b"old")
                             if len(c.origin.requests) == 1 else response_bytes(500, {}, b"x" * 500_000))
        for i in range(5):
            self.assert_ok(self.fetch(origin.url("/")), "old")
        origin.wait_requests(2)


class Targeted(ProxyCase):
    keys = {"cache.targeted_fields": '["Larder-Cache-Control","CDN-Cache-Control"]'}

    def test_the_targeted_field_decides(self):
        """RFC 9213."""
        origin = self.scripted(page({"Cache-Control": "no-store", "CDN-Cache-Control": "max-age=600"}))
        self.fetch(origin.url("/"))
        response = self.fetch(origin.url("/"))
        self.assert_hit(response, "stored")
        self.assertEqual(response["CDN-Cache-Control"], "max-age=600")

    def test_the_first_of_the_list_wins_and_expires_is_not_looked_at(self):
        origin = self.scripted(*[page({"Larder-Cache-Control": "no-store", "CDN-Cache-Control": "max-age=600", "Expires": http_date(600)}, body)
                                 for body in (b"one", b"two")])
        for body in ("one", "two"):
            self.assert_ok(self.fetch(origin.url("/")), body)

    def test_one_that_is_malformed_is_ignored(self):
        origin = self.scripted(page({"Larder-Cache-Control": "max-age=", "Cache-Control": "max-age=600"}))
        self.fetch(origin.url("/"))
        self.assert_hit(self.fetch(origin.url("/")), "stored")


class NotAskedFor(ProxyCase):
    def test_cdn_cache_control_is_not_for_a_forward_proxy(self):
        origin = self.scripted(*[page({"Cache-Control": "no-store", "CDN-Cache-Control": "max-age=600"}, body) for body in (b"one", b"two")])
        for body in ("one", "two"):
            self.assert_ok(self.fetch(origin.url("/")), body)


class Negative(ProxyCase):
    keys = {"cache.negative.not_found": '"10m"', "cache.negative.server_error": '"10m"'}

    def test_errors_are_kept_for_the_configured_time(self):
        for status in (404, 410, 500, 502, 503, 504):
            with self.subTest(status):
                origin = self.scripted(page({}, b"sorry", status))
                self.fetch(origin.url("/"))
                self.assert_hit(self.fetch(origin.url("/")), "sorry", status)

    def test_but_not_against_the_origins_word(self):
        origin = self.scripted(page("no-store", b"one", 404), page("max-age=0", b"two", 404), page({}, b"three", 404))
        for body in ("one", "two", "three"):
            self.assert_ok(self.fetch(origin.url("/")), body, status=404)


class Rules(ProxyCase):
    keys = {"cache.rules": json.dumps([
        {"host": "127.0.0.1", "path": "/never/*", "never": True, "why": "a test"},
        {"host": "127.0.0.1", "path": "/fresh/*", "fresh": "1h"},
        {"host": "127.0.0.1", "path": "/force/*", "fresh": "1h", "force": True},
        {"host": "127.0.0.1", "path": "/query/*", "ignore_query": ["utm_*", "sid"]},
    ])}

    def test_never(self):
        origin = self.scripted(page("max-age=600", b"one"), page("max-age=600", b"two"))
        for body in ("one", "two"):
            response = self.fetch(origin.url("/never/x"))
            self.assert_ok(response, body)
            self.assertEqual(cache_status(response).get("fwd"), "bypass")

    def test_fresh(self):
        origin = self.scripted(page("max-age=0"), page("no-store", b"private"), page("no-store", b"again"))
        self.fetch(origin.url("/fresh/a"))
        self.assert_hit(self.fetch(origin.url("/fresh/a")), "stored")
        for body in ("private", "again"):
            self.assert_ok(self.fetch(origin.url("/fresh/b")), body)

    def test_force(self):
        origin = self.scripted(page("no-store, private"))
        self.fetch(origin.url("/force/a"))
        self.assert_hit(self.fetch(origin.url("/force/a")), "stored")

    def test_force_of_what_sets_a_cookie(self):
        origin = self.scripted(page({"Set-Cookie": "a=b"}))
        self.fetch(origin.url("/force/b"))
        self.assert_hit(self.fetch(origin.url("/force/b")), "stored")

    def test_never_is_for_post_too(self):
        origin = self.scripted(page({"Cache-Control": "max-age=600", "Content-Location": "/never/form"}, b"result"), page({}, b"page"))
        self.fetch(origin.url("/never/form"), method="POST", body=b"x")
        self.assert_ok(self.fetch(origin.url("/never/form")), "page")

    def test_a_parameter_that_hides_another_is_not_ignored(self):
        """Origins that split at ";" too would answer for id 666."""
        origin = self.scripted(page("max-age=600", b"666"), page("max-age=600", b"1"))
        self.assert_ok(self.fetch(origin.url("/query/c?id=1&utm_x=a;id=666")), "666")
        self.assert_ok(self.fetch(origin.url("/query/c?id=1")), "1")

    def test_ignored_parameters(self):
        seen = []

        def respond(request, _):
            seen.append(request.target)
            return page("max-age=600")

        origin = self.scripted(respond)
        self.assert_miss(self.fetch(origin.url("/query/a?id=1&utm_source=x&sid=9")), b"stored")
        for query in ("id=1", "id=1&utm_medium=y", "sid=&id=1"):
            response = self.fetch(origin.url(f"/query/a?{query}"))
            self.assert_hit(response, "stored")
            self.assertEqual(cache_status(response)["key"], origin.url("/query/a?id=1"))
        self.assertEqual(seen, ["/query/a?id=1&utm_source=x&sid=9"])  # forwarded with all of them

    def test_an_unsafe_method_finds_the_key_without_them(self):
        origin = self.scripted(page("max-age=600", b"one"), page({}, b"posted"), page("max-age=600", b"two"))
        self.fetch(origin.url("/query/b?id=1&sid=1"))
        self.fetch(origin.url("/query/b?sid=2&id=1"), method="DELETE")
        self.assert_miss(self.fetch(origin.url("/query/b?id=1")), b"two")


class Presets(unittest.TestCase):
    def test_each_can_be_shown_and_used(self):
        for name in ("apt", "containers", "npm", "pip"):
            status, out, err = run_once("--print-preset", name)
            self.assertEqual(status, 0, err)
            for line in json.loads(out):
                self.assertTrue(line["why"], line)
            self.assertEqual(run_once("--set", f'cache.presets=["{name}"]', "--check-config")[0], 0)
        status, _, err = run_once("--print-preset", "nmp")
        self.assertEqual(status, 2)
        self.assertIn("npm", err)


if __name__ == "__main__":
    unittest.main()
