"""Storing and reusing (RFC 9111 sections 3 to 5). A hit is proven by an origin whose script is at its end."""

from harness import *


def page(fields=(), body=b"stored", status=200, **kw):
    return response_bytes(status, fields if isinstance(fields, (dict, list)) else {"Cache-Control": fields}, body, **kw)


class Freshness(ProxyCase):
    def stored(self, fields, body=b"stored", **kw):
        """Fetched once, then a hit."""
        origin = self.scripted(page(fields, body, **kw))
        self.assert_miss(self.fetch(origin.url("/s")), body)
        response = self.fetch(origin.url("/s"))
        self.assert_hit(response, body)
        return response

    def not_reused(self, fields, request=(), stored=None):
        """Fetched anew each time."""
        origin = self.scripted(page(fields, b"one"), page(fields, b"two"))
        self.assert_ok(self.fetch(origin.url("/n"), request), "one")
        response = self.fetch(origin.url("/n"), request)
        self.assert_ok(response, "two")
        self.assertNotIn("hit", cache_status(response))
        return response

    def test_max_age(self):
        self.stored("max-age=600")

    def test_the_words_of_cache_status(self):
        origin = self.scripted(page("max-age=600"))
        self.assertEqual(self.fetch(origin.url("/w")).fields.all("Cache-Status")[-1].split(", ")[-1], "larder; fwd=uri-miss; stored")
        self.assertRegex(self.fetch(origin.url("/w")).fields.all("Cache-Status")[-1], r"\Alarder; hit; ttl=(599|600)\Z")
        origin = self.scripted(page("no-store"))
        self.assertEqual(self.fetch(origin.url("/w")).fields.all("Cache-Status")[-1], "larder; fwd=uri-miss; detail=no-store")

    def test_s_maxage_beats_max_age(self):
        self.stored("max-age=0, s-maxage=600")
        self.not_reused("max-age=600, s-maxage=0")

    def test_max_age_beats_expires(self):
        self.stored({"Cache-Control": "max-age=600", "Expires": http_date(-60)})
        self.not_reused({"Cache-Control": "max-age=0", "Expires": http_date(600)})

    def test_expires(self):
        self.stored({"Expires": http_date(600), "Date": http_date()})
        self.not_reused({"Expires": http_date(-600), "Date": http_date()})
        self.not_reused({"Expires": "0", "Last-Modified": http_date(-10_000_000)})

    def test_heuristic_from_last_modified(self):
        self.stored({"Last-Modified": http_date(-30 * 86400), "Date": http_date()})

    def test_heuristic_is_a_tenth(self):
        """Modified 100 s before Date and received 50 s old: past its tenth."""
        self.not_reused({"Last-Modified": http_date(-150), "Date": http_date(-50)})

    def test_nothing_said_is_not_reused(self):
        self.not_reused({"Date": http_date()})

    def test_age_counts(self):
        self.not_reused({"Cache-Control": "max-age=60", "Age": "61"})
        self.assertGreaterEqual(int(self.stored({"Cache-Control": "max-age=600", "Age": "100"})["Age"]), 100)

    def test_an_old_date_counts_as_age(self):
        self.not_reused({"Cache-Control": "max-age=60", "Date": http_date(-100)})
        age = int(self.stored({"Cache-Control": "max-age=600", "Date": http_date(-100)})["Age"])
        self.assertTrue(99 <= age <= 140, age)

    def test_age_is_of_this_answer(self):
        """It is at least what has passed since, and the origin's own Age field is not copied beside it."""
        response = self.stored({"Cache-Control": "max-age=600", "Age": "7", "Date": http_date()})
        self.assertEqual(len(response.fields.all("Age")), 1)
        self.assertTrue(7 <= int(response["Age"]) <= 40)

    def test_it_goes_stale_with_time(self):
        origin = self.origin(lambda r, c: page("max-age=1", str(len(c.origin.requests))))
        self.assert_miss(self.fetch(origin.url("/t")), "1")
        self.assert_hit(self.fetch(origin.url("/t")), "1")
        deadline = time.monotonic() + 20
        while (response := self.fetch(origin.url("/t"))).body == b"1":  # nothing to wait for but the clock itself
            self.assertLessEqual(int(response["Age"]), 1)
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        self.assert_ok(response, "2")
        self.assertEqual(cache_status(response)["fwd"], "stale")

    def test_no_store(self):
        self.not_reused("no-store, max-age=600")
        self.assertIsNone(cache_status(self.not_reused("no-store")).get("stored"))

    def test_private(self):
        self.not_reused("private, max-age=600")

    def test_no_cache_without_a_validator(self):
        self.not_reused("no-cache, max-age=600")

    def test_directives_in_odd_spelling(self):
        self.stored("MAX-AGE=600")
        self.stored('max-age="600"')
        self.stored("foo=\"a, no-store\", max-age=600 , , bar")
        self.stored([("Cache-Control", "public"), ("Cache-Control", "max-age=600")])
        self.not_reused("max-age=600, No-Store")
        self.not_reused("max-age=6x")

    def test_overflowing_max_age_is_long(self):
        self.stored("max-age=99999999999999999999")

    def test_authorization(self):
        auth = {"Authorization": "Basic dTpw"}
        self.not_reused("max-age=600", auth)
        for word in ("public", "s-maxage=600", "must-revalidate"):
            with self.subTest(word):
                origin = self.scripted(page(f"max-age=600, {word}"))
                self.assert_ok(self.fetch(origin.url("/a"), auth))
                self.assert_hit(self.fetch(origin.url("/a"), auth))
                self.assert_hit(self.fetch(origin.url("/a")))

    def test_set_cookie_is_kept_when_told(self):
        response = self.stored({"Cache-Control": "max-age=600", "Set-Cookie": "a=b"})
        self.assertEqual(response["Set-Cookie"], "a=b")

    def test_statuses_with_explicit_freshness(self):
        for status in (203, 301, 308, 404, 405, 410, 414, 501):
            with self.subTest(status):
                origin = self.scripted(page("max-age=600", b"s", status))
                self.fetch(origin.url("/"))
                self.assert_hit(self.fetch(origin.url("/")), "s", status)

    def test_errors_are_not_kept_without_being_told(self):
        for status in (302, 400, 413, 431, 500, 502, 503):
            with self.subTest(status):
                origin = self.scripted(page({"Last-Modified": http_date(-9e6)}, b"1", status), page({}, b"2", status))
                self.fetch(origin.url("/"))
                self.assertEqual(self.fetch(origin.url("/")).body, b"2")

    def test_errors_that_a_request_may_have_provoked_are_not_kept_on_a_guess(self):
        """RFC 9110 section 15.1 lets 414 and 501 be kept; an odd request must not fix them on a URL for everybody."""
        for status in (414, 501):
            for odd in ({"X-HTTP-Method-Override": "DELETE"}, {"Cookie": "x" * 5000}, {"X-Forwarded-Host": "evil"}):
                with self.subTest((status, odd)):
                    origin = self.scripted(page({"Last-Modified": http_date(-9e6)}, b"1", status), page("max-age=60", b"fine"))
                    self.fetch(origin.url("/"), odd)
                    self.assert_ok(self.fetch(origin.url("/")), "fine")
            origin = self.scripted(page({"Last-Modified": http_date(-9e6)}, b"1", status))
            self.fetch(origin.url("/"))
            self.assert_hit(self.fetch(origin.url("/")), "1", status)

    def test_chunked_and_trailers_stored(self):
        self.stored("max-age=600", b"c" * 100000, chunked=True, trailers=[("X-T", "1")])
        response = self.stored("max-age=600", b"c" * 100000, chunked=True)
        self.assertEqual(response["Content-Length"], "100000")

    def test_until_close_stored_or_not_but_whole(self):
        origin = self.origin(lambda r, c: page({"Cache-Control": "max-age=600", "Connection": "close"}, b"tail", length=False))
        for _ in range(2):
            self.assert_ok(self.fetch(origin.url("/c")), "tail")

    def test_empty_body(self):
        self.stored("max-age=600", b"")

    def test_fields_of_a_stored_response(self):
        response = self.stored([("Cache-Control", "max-age=600"), ("Content-Type", "text/x-odd"), ("ETag", '"e"'), ("X-Two", "1"),
                                ("X-Two", "2"), ("Connection", "X-Hop"), ("X-Hop", "gone"), ("Via", "1.1 inner")])
        self.assertEqual(response["Content-Type"], "text/x-odd")
        self.assertEqual(response["ETag"], '"e"')
        self.assertEqual(response.fields.members("X-Two"), ["1", "2"])
        self.assertNotIn("X-Hop", response.fields)
        self.assertEqual(len(response.fields.members("Via")), 2)
        self.assertEqual(len(response.fields.all("Date")), 1)

    def test_large_object(self):
        self.stored("max-age=600", bytes(range(256)) * (16 << 12))

    def test_key_is_the_whole_uri(self):
        origin = self.origin(lambda r, c: page("max-age=600", r.target))
        for path in ("/k", "/k?", "/k?a", "/k?A", "/K", "/k/", "/k%2f", "/./k"):
            with self.subTest(path):
                self.assert_miss(self.fetch(origin.url(path)), path)

    def test_scheme_host_and_fragmentless_key_are_normal(self):
        origin = self.scripted(page("max-age=600"))
        self.assert_miss(self.fetch(f"http://localhost:{origin.port}/n"))
        self.assert_hit(self.fetch(f"HTTP://LOCALHOST:{origin.port}/n"))

    def test_head_is_answered_from_a_stored_get(self):
        origin = self.scripted(page("max-age=600", b"12345"))
        self.assert_miss(self.fetch(origin.url("/h")))
        response = self.fetch(origin.url("/h"), method="HEAD")
        self.assert_hit(response, "")
        self.assertEqual(response["Content-Length"], "5")

    def test_a_head_is_no_answer_to_a_get(self):
        origin = self.scripted(page({"Cache-Control": "max-age=600", "Content-Length": "5"}, b"", length=False), page("max-age=600", b"12345"))
        self.fetch(origin.url("/h"), method="HEAD")
        self.assert_ok(self.fetch(origin.url("/h")), "12345")

    def test_post_is_never_answered_from_the_cache(self):
        origin = self.scripted(page("max-age=600", b"1"), page("max-age=600", b"2"), page("max-age=600", b"3"))
        self.assert_ok(self.fetch(origin.url("/p"), method="POST", body=b"b"), "1")
        self.assert_ok(self.fetch(origin.url("/p"), method="POST", body=b"b"), "2")
        self.assert_ok(self.fetch(origin.url("/p")), "3")

    def test_http_10_client_hit(self):
        origin = self.scripted(page("max-age=600", b"ten", chunked=True))
        self.fetch(origin.url("/o"))
        self.assert_hit(self.fetch(origin.url("/o"), minor=0), "ten")

    def test_range_of_a_stored_object_is_right(self):
        """206 from the store or from the origin, or the whole: never a wrong byte."""
        origin = self.origin(lambda r, c: page({"Cache-Control": "max-age=600", "Content-Range": "bytes 1-2/5"}, b"bc", 206)
                             if "Range" in r.fields else page("max-age=600", b"abcde"))
        self.fetch(origin.url("/r"))
        response = self.fetch(origin.url("/r"), {"Range": "bytes=1-2"})
        self.assertIn((response.status, response.body), [(206, b"bc"), (200, b"abcde")])
        self.assert_hit(self.fetch(origin.url("/r")), "abcde")

    def test_a_206_never_becomes_the_whole(self):
        origin = self.origin(lambda r, c: page({"Cache-Control": "max-age=600", "Content-Range": "bytes 1-2/5"}, b"bc", 206)
                             if "Range" in r.fields else page("max-age=600", b"abcde"))
        self.assertEqual(self.fetch(origin.url("/r"), {"Range": "bytes=1-2"}).status, 206)
        self.assert_ok(self.fetch(origin.url("/r")), "abcde")


class RequestDirectives(ProxyCase):
    def warm(self, fields="max-age=600", *more):
        origin = self.scripted(page(fields, b"old"), *more)
        self.assert_miss(self.fetch(origin.url("/d")), "old")
        return origin

    def test_no_cache_and_pragma(self):
        for field in ({"Cache-Control": "no-cache"}, {"Pragma": "no-cache"}):
            with self.subTest(field):
                origin = self.warm("max-age=600", page("max-age=600", b"new"))
                response = self.fetch(origin.url("/d"), field)
                self.assert_forwarded(response, "request", "new")
                self.assert_hit(self.fetch(origin.url("/d")), "new")

    def test_pragma_counts_only_without_cache_control(self):
        origin = self.warm()
        self.assert_hit(self.fetch(origin.url("/d"), {"Pragma": "no-cache", "Cache-Control": "max-age=60"}), "old")

    def test_max_age_0(self):
        origin = self.warm("max-age=600", page("max-age=600", b"new"))
        self.assert_forwarded(self.fetch(origin.url("/d"), {"Cache-Control": "max-age=0"}), "request", "new")

    def test_max_age_of_the_request_limits_age(self):
        origin = self.scripted(page({"Cache-Control": "max-age=600", "Age": "100"}, b"old"),
                               page("max-age=600", b"new"))
        self.fetch(origin.url("/d"))
        self.assert_hit(self.fetch(origin.url("/d"), {"Cache-Control": "max-age=300"}), "old")
        self.assert_ok(self.fetch(origin.url("/d"), {"Cache-Control": "max-age=50"}), "new")

    def test_min_fresh(self):
        origin = self.scripted(page({"Cache-Control": "max-age=600", "Age": "500"}, b"old"), page("max-age=600", b"new"))
        self.fetch(origin.url("/d"))
        self.assert_hit(self.fetch(origin.url("/d"), {"Cache-Control": "min-fresh=20"}), "old")
        self.assert_ok(self.fetch(origin.url("/d"), {"Cache-Control": "min-fresh=200"}), "new")

    def test_max_stale(self):
        stale = {"Cache-Control": "max-age=60", "Age": "100", "ETag": '"1"'}
        origin = self.scripted(page(stale, b"old"), page("max-age=600", b"new"))
        self.fetch(origin.url("/d"))
        for word in ("max-stale", "max-stale=600"):
            response = self.fetch(origin.url("/d"), {"Cache-Control": word})
            self.assert_hit(response, "old")
            self.assertLess(cache_status(response).get("ttl", -1), 0)
        self.assert_ok(self.fetch(origin.url("/d"), {"Cache-Control": "max-stale=10"}), "new")

    def test_must_revalidate_beats_max_stale(self):
        for word in ("must-revalidate", "proxy-revalidate", "s-maxage=60"):
            with self.subTest(word):
                origin = self.scripted(page({"Cache-Control": f"max-age=60, {word}", "Age": "100", "ETag": '"1"'}, b"old"),
                                       page("max-age=600", b"new"))
                self.fetch(origin.url("/d"))
                self.assert_ok(self.fetch(origin.url("/d"), {"Cache-Control": "max-stale"}), "new")

    def test_request_no_store_keeps_nothing(self):
        origin = self.scripted(page("max-age=600", b"1"), page("max-age=600", b"2"))
        self.assert_ok(self.fetch(origin.url("/d"), {"Cache-Control": "no-store"}), "1")
        self.assert_ok(self.fetch(origin.url("/d")), "2")

    def test_only_if_cached(self):
        origin = self.warm()
        self.assert_hit(self.fetch(origin.url("/d"), {"Cache-Control": "only-if-cached"}), "old")
        response = self.fetch(origin.url("/other"), {"Cache-Control": "only-if-cached"})
        self.assertEqual(response.status, 504)


class Vary(ProxyCase):
    def test_variants(self):
        origin = self.scripted(page({"Cache-Control": "max-age=600", "Vary": "Accept-Language"}, b"deutsch"),
                               page({"Cache-Control": "max-age=600", "Vary": "Accept-Language"}, b"english"),
                               page({"Cache-Control": "max-age=600", "Vary": "Accept-Language"}, b"none"))
        de, en = {"Accept-Language": "de"}, {"Accept-Language": "en"}
        self.assert_miss(self.fetch(origin.url("/v"), de), "deutsch")
        self.assert_forwarded(self.fetch(origin.url("/v"), en), "vary-miss", "english", stored=True)
        self.assert_ok(self.fetch(origin.url("/v")), "none")
        self.assert_hit(self.fetch(origin.url("/v"), de), "deutsch")
        self.assert_hit(self.fetch(origin.url("/v"), en), "english")
        self.assert_hit(self.fetch(origin.url("/v")), "none")

    def test_several_names_and_lines(self):
        fields = [("Cache-Control", "max-age=600"), ("Vary", "X-A, x-b"), ("Vary", "X-C")]
        origin = self.scripted(page(fields, b"1"), page(fields, b"2"))
        ask = {"X-A": "1", "X-B": "2", "X-C": "3"}
        self.fetch(origin.url("/v"), ask)
        self.assert_hit(self.fetch(origin.url("/v"), {"x-c": "3", "x-b": "2", "x-a": "1", "X-D": "4"}), "1")
        self.assert_ok(self.fetch(origin.url("/v"), {**ask, "X-C": "other"}), "2")

    def test_white_space_and_case_of_names_do_not_matter(self):
        origin = self.scripted(page({"Cache-Control": "max-age=600", "Vary": "ACCEPT-encoding"}, b"1"))
        self.fetch(origin.url("/v"), {"Accept-Encoding": "gzip, br"})
        self.assert_hit(self.fetch(origin.url("/v"), {"accept-encoding": "gzip,br"}), "1")

    def test_star_is_never_reused(self):
        origin = self.scripted(page({"Cache-Control": "max-age=600", "Vary": "*"}, b"1"), page({"Cache-Control": "max-age=600", "Vary": "*"}, b"2"))
        self.fetch(origin.url("/v"))
        self.assert_ok(self.fetch(origin.url("/v")), "2")


class Invalidation(ProxyCase):
    def warm(self, origin, *paths):
        for path in paths:
            self.assert_miss(self.fetch(origin.url(path)))
            self.assert_hit(self.fetch(origin.url(path)))

    def site(self, post=lambda r: page({"Cache-Control": "no-store"}, b"done")):
        return self.origin(lambda r, c: page("max-age=600", r.target) if r.method == "GET" else post(r))

    def test_unsafe_and_unknown_methods_invalidate(self):
        for method in ("POST", "PUT", "DELETE", "PATCH", "BREW"):
            with self.subTest(method):
                origin = self.site()
                self.warm(origin, "/i")
                self.assert_ok(self.fetch(origin.url("/i"), method=method, body=b"x"))
                self.assert_miss(self.fetch(origin.url("/i")))

    def test_safe_methods_do_not(self):
        for method in ("OPTIONS", "PROPFIND"):
            with self.subTest(method):
                origin = self.site()
                self.warm(origin, "/i")
                self.fetch(origin.url("/i"), method=method)
                if method == "OPTIONS":
                    self.assert_hit(self.fetch(origin.url("/i")))

    def test_an_error_does_not(self):
        origin = self.site(lambda r: page({}, b"no", 500))
        self.warm(origin, "/i")
        self.fetch(origin.url("/i"), method="POST", body=b"x")
        self.assert_hit(self.fetch(origin.url("/i")))

    def test_location_and_content_location_of_the_same_origin(self):
        origin = self.site(lambda r: page({"Location": "/loc", "Content-Location": origin.url("/cont")}, b"", 201))
        self.warm(origin, "/i", "/loc", "/cont", "/else")
        self.fetch(origin.url("/i"), method="POST", body=b"x")
        for path in ("/i", "/loc", "/cont"):
            self.assert_miss(self.fetch(origin.url(path)))
        self.assert_hit(self.fetch(origin.url("/else")))

    def test_not_another_origins(self):
        other = self.site()
        origin = self.site(lambda r: page({"Location": other.url("/safe")}, b"", 201))
        self.warm(other, "/safe")
        self.fetch(origin.url("/i"), method="POST", body=b"x")
        self.assert_hit(self.fetch(other.url("/safe")))

    def test_all_variants_go(self):
        origin = self.origin(lambda r, c: page({"Cache-Control": "max-age=600", "Vary": "X-V"}, r["X-V"] or "") if r.method == "GET" else page({}))
        for v in "ab":
            self.fetch(origin.url("/i"), {"X-V": v})
            self.assert_hit(self.fetch(origin.url("/i"), {"X-V": v}), v)
        self.fetch(origin.url("/i"), method="DELETE")
        before = len(origin.requests)
        for v in "ab":
            self.assert_ok(self.fetch(origin.url("/i"), {"X-V": v}), v)
        self.assertEqual(len(origin.requests), before + 2)


class Bounds(ProxyCase):
    keys = {"cache.disk.path": '""', "cache.memory": '"4MiB"', "cache.max_object": '"1MiB"'}

    def test_memory_is_an_lru_by_bytes(self):
        """The one that is asked for again and again stays; the memory is never exceeded."""
        origin = self.origin(lambda r, c: page("max-age=600", b"x" * 100_000))
        self.assert_miss(self.fetch(origin.url("/hot")))
        for i in range(100):
            self.assert_ok(self.fetch(origin.url(f"/{i}")))
            self.assert_hit(self.fetch(origin.url("/hot")))
        metrics = self.proxy.metrics()
        self.assertLessEqual(metrics['larder_cache_bytes{tier="memory"}'], 4 << 20)
        self.assertGreater(metrics['larder_cache_bytes{tier="memory"}'], 1 << 20)
        self.assertGreater(metrics['larder_cache_evictions_total{tier="memory"}'], 50)
        asked = len(origin.requests)
        self.assert_miss(self.fetch(origin.url("/0")))  # the oldest went
        self.assertEqual(len(origin.requests), asked + 1)

    def test_too_large_is_passed_whole_and_not_stored(self):
        body = b"y" * (2 << 20)
        for chunked in (False, True):
            with self.subTest(chunked=chunked):
                origin = self.scripted(*[page("max-age=600", body, chunked=chunked)] * 2)
                response = self.fetch(origin.url("/l"))
                self.assert_ok(response, body)
                if not chunked:
                    self.assertIsNone(cache_status(response).get("stored"))
                response = self.fetch(origin.url("/l"))
                self.assert_ok(response, body)
                self.assertNotIn("hit", cache_status(response))


class NoMemory(ProxyCase):
    keys = {"cache.memory": "0"}

    def test_without_a_tier_everything_passes(self):
        origin = self.scripted(page("max-age=600", b"1"), page("max-age=600", b"2"))
        self.assert_ok(self.fetch(origin.url("/")), "1")
        self.assert_ok(self.fetch(origin.url("/")), "2")


if __name__ == "__main__":
    unittest.main()
