"""Validation (RFC 9111 section 4.3): what Larder asks an origin, and what it answers to a client's own conditions."""

from harness import *

STALE = {"Cache-Control": "max-age=60", "Age": "100"}
OLD = http_date(-86400)


def ok(body, *fields, **more):
    merged = {}
    for part in fields:
        merged.update(part)
    return response_bytes(200, {**merged, **more}, body)


def unchanged(fields=()):
    return response_bytes(304, dict(fields))


class Towards(ProxyCase):
    def test_etag_and_last_modified_are_sent_and_a_304_renews(self):
        origin = self.scripted(ok("body", STALE, {"ETag": '"v1"', "Last-Modified": OLD, "X-Kept": "a", "X-New": "old"}),
                               unchanged({"Cache-Control": "max-age=600", "ETag": '"v1"', "X-New": "new"}))
        self.assert_miss(self.fetch(origin.url("/r")), "body")
        response = self.fetch(origin.url("/r"))
        self.assert_forwarded(response, "stale", "body", fwd_status=304)
        self.assertRegex(response.fields.all("Cache-Status")[-1], r"\Alarder; fwd=stale; fwd-status=304\b")
        asked = origin.requests[1]
        self.assertEqual(asked["If-None-Match"], '"v1"')
        self.assertEqual(asked["If-Modified-Since"], OLD)
        self.assertEqual(response["X-New"], "new")
        response = self.fetch(origin.url("/r"))  # fresh again
        self.assert_hit(response, "body")
        self.assertEqual((response["X-New"], response["X-Kept"]), ("new", "a"))
        self.assertLess(int(response["Age"]), 60)
        self.assertEqual(response["Content-Length"], "4")

    def test_weak_etag(self):
        origin = self.scripted(ok("body", STALE, ETag='W/"w"'), unchanged({"ETag": 'W/"w"', "Cache-Control": "max-age=600"}))
        self.fetch(origin.url("/r"))
        self.assert_ok(self.fetch(origin.url("/r")), "body")
        self.assertEqual(origin.requests[1]["If-None-Match"], 'W/"w"')
        self.assert_hit(self.fetch(origin.url("/r")), "body")

    def test_last_modified_alone(self):
        origin = self.scripted(ok("body", STALE, {"Last-Modified": OLD}), unchanged({"Cache-Control": "max-age=600"}))
        self.fetch(origin.url("/r"))
        self.assert_ok(self.fetch(origin.url("/r")), "body")
        self.assertEqual(origin.requests[1]["If-Modified-Since"], OLD)
        self.assertNotIn("If-None-Match", origin.requests[1].fields)

    def test_a_200_replaces(self):
        origin = self.scripted(ok("old", STALE, ETag='"1"'), ok("new", {"Cache-Control": "max-age=600"}, ETag='"2"'))
        self.fetch(origin.url("/r"))
        self.assert_forwarded(self.fetch(origin.url("/r")), "stale", "new", stored=True)
        self.assert_hit(self.fetch(origin.url("/r")), "new")

    def test_no_validator_means_a_plain_request(self):
        origin = self.scripted(ok("old", {"Cache-Control": "max-age=60", "Age": "59", "Date": http_date()}), ok("new", STALE))
        self.fetch(origin.url("/r"))
        self.assert_ok(self.fetch(origin.url("/r"), {"Cache-Control": "no-cache"}), "new")
        for name in ("If-None-Match", "If-Modified-Since"):
            self.assertNotIn(name, origin.requests[1].fields)

    def test_no_cache_is_stored_and_always_asked(self):
        fields = {"Cache-Control": "no-cache", "ETag": '"n"'}
        origin = self.scripted(ok("body", fields), unchanged(fields), unchanged(fields))
        self.fetch(origin.url("/r"))
        for _ in range(2):
            response = self.fetch(origin.url("/r"))
            self.assert_ok(response, "body")
            self.assertEqual(cache_status(response)["fwd-status"], 304)

    def test_client_max_age_0_revalidates(self):
        """What apt and a browser's reload send: the store is asked about, not thrown away."""
        origin = self.scripted(ok("body", {"Cache-Control": "max-age=600"}, ETag='"1"'), unchanged({"ETag": '"1"'}))
        self.fetch(origin.url("/r"))
        response = self.fetch(origin.url("/r"), {"Cache-Control": "max-age=0"})
        self.assert_forwarded(response, "request", "body", fwd_status=304)
        self.assertEqual(origin.requests[1]["If-None-Match"], '"1"')

    def test_304_may_not_change_what_describes_the_bytes(self):
        """RFC 9111 section 3.2: all else it updates, Content-Type too."""
        origin = self.scripted(ok("body", STALE, {"ETag": '"1"', "Content-Type": "text/plain"}),
                               unchanged({"ETag": '"1"', "Content-Length": "999", "Content-Type": "text/html",
                                          "Content-Encoding": "gzip", "Content-Range": "bytes 0-1/2", "Connection": "X-Hop", "X-Hop": "1", "Cache-Control": "max-age=600"}))
        self.fetch(origin.url("/r"))
        for _ in range(2):
            response = self.fetch(origin.url("/r"))
            self.assert_ok(response, "body")
            self.assertEqual(response["Content-Type"], "text/html")
            self.assertNotIn("Content-Encoding", response.fields)
            self.assertNotIn("Content-Range", response.fields)
            self.assertNotIn("X-Hop", response.fields)

    def test_304_for_another_etag_is_not_taken(self):
        """A 304 that speaks of another representation must not renew the stored one (RFC 9111 section 4.3.4)."""
        def second(request, _):
            return unchanged({"ETag": '"2"', "Cache-Control": "max-age=600"}) if "If-None-Match" in request.fields else ok("two", STALE, ETag='"2"')

        origin = self.origin(lambda r, c: ok("one", STALE, ETag='"1"') if len(c.origin.requests) == 1 else second(r, c))
        self.fetch(origin.url("/r"))
        response = self.fetch(origin.url("/r"))
        self.assertIn((response.status, response.body), [(200, b"two"), (502, response.body)])

    def test_revalidation_that_fails(self):
        """must-revalidate: a dead origin gives an error, never the stale answer."""
        origin = self.scripted(ok("body", {"Cache-Control": "max-age=60, must-revalidate", "Age": "100", "ETag": '"1"'}))
        self.fetch(origin.url("/r"))
        origin.close()
        response = self.fetch(origin.url("/r"))
        self.assertIn(response.status, (502, 504))
        self.assertNotEqual(response.body, b"body")

    def test_stale_if_error(self):
        origin = self.scripted(ok("body", {"Cache-Control": "max-age=60, stale-if-error=600", "Age": "100", "ETag": '"1"'}))
        self.fetch(origin.url("/r"))
        origin.close()
        response = self.fetch(origin.url("/r"))
        self.assert_ok(response, "body")
        self.assertEqual(self.proxy.wait_log(lambda l: l["url"] == origin.url("/r") and l["result"] == "stale")["status"], 200)

    def test_a_500_on_revalidation_keeps_the_stored(self):
        origin = self.scripted(ok("body", {"Cache-Control": "max-age=0, stale-if-error=0"}, ETag='"1"'),
                               response_bytes(500, (), b"broken"), unchanged({"ETag": '"1"', "Cache-Control": "max-age=600"}))
        self.fetch(origin.url("/r"))
        time.sleep(1.1)  # stale-if-error=0 ends with the first second
        self.assertEqual(self.fetch(origin.url("/r")).status, 500)
        self.assert_ok(self.fetch(origin.url("/r")), "body")

    def test_an_outage_is_hidden_for_a_day_unless_forbidden(self):
        for said, status in (("max-age=0", 200), ("max-age=0, must-revalidate", 503), ("max-age=0, proxy-revalidate", 503),
                             ("no-cache", 503), ("s-maxage=0", 503)):
            with self.subTest(said):
                origin = self.scripted(ok("body", {"Cache-Control": said}, ETag='"1"'), response_bytes(503, (), b"broken"))
                self.fetch(origin.url("/r"))
                self.assertEqual(self.fetch(origin.url("/r")).status, status)
                origin.close()
                self.assertEqual(self.fetch(origin.url("/r")).status, 502 if status == 503 else 200)

    def test_a_client_condition_does_not_reach_the_origin_for_a_stale_entry(self):
        """The stored validator and the client's meet: the client gets its 304 or the body, by its own condition."""
        origin = self.scripted(ok("body", STALE, ETag='"1"'), unchanged({"ETag": '"1"', "Cache-Control": "max-age=600"}))
        self.fetch(origin.url("/r"))
        response = self.fetch(origin.url("/r"), {"If-None-Match": '"other"'})
        self.assert_ok(response, "body")
        self.assertIn('"1"', origin.requests[1]["If-None-Match"])

    def test_result_in_log_and_metrics(self):
        origin = self.scripted(ok("body", STALE, ETag='"1"'), unchanged({"ETag": '"1"'}))
        before = self.proxy.metric('larder_requests_total{result="revalidated"}')
        self.fetch(origin.url("/log"))
        self.fetch(origin.url("/log"))
        line = self.proxy.wait_log(lambda l: l["url"] == origin.url("/log") and l["result"] == "revalidated")
        self.assertEqual((line["status"], line["bytes"]), (200, 4))
        self.assertEqual(self.proxy.metric('larder_requests_total{result="revalidated"}'), before + 1)


class ClientConditions(ProxyCase):
    def warm(self, **fields):
        origin = self.scripted(ok("body", {"Cache-Control": "max-age=600", "Last-Modified": OLD, "ETag": '"v"', "Vary": "X-V",
                                           "Content-Type": "text/plain", **fields}))
        self.assert_miss(self.fetch(origin.url("/c")), "body")
        return origin

    def test_304_from_the_cache(self):
        origin = self.warm()
        for condition in ({"If-None-Match": '"v"'}, {"If-None-Match": 'W/"v"'}, {"If-None-Match": '"x", "v"'},
                          {"If-None-Match": "*"}, {"If-Modified-Since": OLD}, {"If-Modified-Since": http_date(-10)}):
            with self.subTest(condition):
                response = self.fetch(origin.url("/c"), condition)
                self.assertEqual((response.status, response.body), (304, b""))
                self.assertIs(cache_status(response)["hit"], True)
                self.assertEqual(response["ETag"], '"v"')
                self.assertEqual(response["Cache-Control"], "max-age=600")
                self.assertIn("Date", response.fields)
                self.assertNotIn("Content-Type", response.fields)

    def test_200_when_the_condition_says_so(self):
        origin = self.warm()
        for condition in ({"If-None-Match": '"w"'}, {"If-Modified-Since": http_date(-2 * 86400)}, {"If-Modified-Since": "yesterday"},
                          {"If-None-Match": '"w"', "If-Modified-Since": OLD}):
            with self.subTest(condition):
                self.assert_hit(self.fetch(origin.url("/c"), condition), "body")

    def test_head_with_a_condition(self):
        origin = self.warm()
        response = self.fetch(origin.url("/c"), {"If-None-Match": '"v"'}, method="HEAD")
        self.assertEqual(response.status, 304)

    def test_304_for_a_stale_entry_that_holds(self):
        origin = self.scripted(ok("body", STALE, ETag='"v"'), unchanged({"ETag": '"v"', "Cache-Control": "max-age=600"}))
        self.fetch(origin.url("/c"))
        self.assertEqual(self.fetch(origin.url("/c"), {"If-None-Match": '"v"'}).status, 304)
        self.assert_hit(self.fetch(origin.url("/c")), "body")

    def test_condition_on_something_unknown(self):
        """Nothing stored: the client ends with a right answer, and a later client gets a whole one."""
        def respond(request, _):
            if request["If-None-Match"] == '"v"':
                return unchanged({"ETag": '"v"', "Cache-Control": "max-age=600"})
            return ok("body", {"Cache-Control": "max-age=600"}, ETag='"v"')

        origin = self.origin(respond)
        self.assertEqual(self.fetch(origin.url("/u"), {"If-None-Match": '"v"'}).status, 304)
        self.assert_ok(self.fetch(origin.url("/u")), "body")

    def test_if_match_is_the_origins_to_judge(self):
        origin = self.scripted(ok("body", {"Cache-Control": "max-age=600"}, ETag='"v"'), response_bytes(412, (), b"no"))
        self.fetch(origin.url("/m"))
        self.assertEqual(self.fetch(origin.url("/m"), {"If-Match": '"other"'}).status, 412)

    def test_no_condition_on_a_404(self):
        origin = self.scripted(response_bytes(404, {"Cache-Control": "max-age=600", "ETag": '"v"'}, b"none"))
        self.fetch(origin.url("/4"))
        self.assert_hit(self.fetch(origin.url("/4"), {"If-None-Match": '"v"'}), "none", 404)


if __name__ == "__main__":
    unittest.main()
