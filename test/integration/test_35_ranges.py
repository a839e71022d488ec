"""Ranges and partial content (RFC 9110 section 14, RFC 9111 sections 3.3 and 3.4)."""

import random
import re

from harness import *

WHOLE = bytes(i * 7 % 251 for i in range(1_000_000))
TAG = '"v1"'


class RangeOrigin:
    """Serves WHOLE (or another representation) with ranges, as an honest origin does."""

    def __init__(self, content=WHOLE, tag=TAG, fields=None):
        self.content, self.tag = content, tag
        self.fields = {"Cache-Control": "max-age=600"} if fields is None else fields
        self.asked = []  # (Range, If-Range) of each request

    def __call__(self, request, connection):
        self.asked.append((request["Range"], request["If-Range"]))
        fields = {**self.fields, **({"ETag": self.tag} if self.tag else {}), "Content-Type": "application/x-test"}
        size = len(self.content)
        if self.tag and request["If-None-Match"] == self.tag:
            return response_bytes(304, fields)
        match = re.fullmatch(r"bytes=(\d*)-(\d*)", request["Range"] or "")
        if not match or (request["If-Range"] and request["If-Range"] != self.tag):
            return response_bytes(200, fields, self.content)
        first, last = match.groups()
        if not first:
            first, last = max(0, size - int(last)), size - 1
        first, last = int(first), min(int(last or size - 1), size - 1)
        if first >= size:
            return response_bytes(416, {"Content-Range": f"bytes */{size}"})
        return response_bytes(206, {**fields, "Content-Range": f"bytes {first}-{last}/{size}"}, self.content[first : last + 1])


class Ranges(ProxyCase):
    def serve(self, **kw):
        self.script = RangeOrigin(**kw)
        return self.origin(self.script)

    def part(self, origin, spec, **fields):
        return self.fetch(origin.url("/r"), {"Range": f"bytes={spec}", **{k.replace("_", "-"): v for k, v in fields.items()}})

    def assert_part(self, response, first, last, content=WHOLE):
        self.assert_ok(response, content[first : last + 1], status=206)
        self.assertEqual(response["Content-Range"], f"bytes {first}-{last}/{len(content)}")
        self.assertEqual(response["Content-Length"], str(last - first + 1))

    def test_from_a_stored_whole(self):
        origin = self.serve()
        self.assert_miss(self.fetch(origin.url("/r")), WHOLE)
        end = len(WHOLE) - 1
        for spec, first, last in (("0-0", 0, 0), ("0-99", 0, 99), ("300000-700000", 300000, 700000), ("999999-", end, end),
                                  ("5-", 5, end), ("-1", end, end), ("-5000000", 0, end), ("7-5000000", 7, end)):
            with self.subTest(spec):
                response = self.part(origin, spec)
                self.assert_part(response, first, last)
                self.assertIs(cache_status(response).get("hit"), True)
                self.assertEqual(response["ETag"], TAG)
        self.assertEqual(len(self.script.asked), 1)

    def test_unsatisfiable(self):
        origin = self.serve()
        self.fetch(origin.url("/r"))
        for spec in ("1000000-", "5000000-6000000", "-0"):
            with self.subTest(spec):
                response = self.part(origin, spec)
                self.assertEqual((response.status, response["Content-Range"], response.body), (416, "bytes */1000000", b""))
        self.assertEqual(len(self.script.asked), 1)

    def test_what_is_no_range_is_ignored(self):
        origin = self.serve()
        self.fetch(origin.url("/r"))
        for field in ("bytes=5-4", "bytes=a-b", "lines=1-2", "bytes", "bytes=0-1,x"):
            with self.subTest(field):
                self.assert_ok(self.fetch(origin.url("/r"), {"Range": field}), WHOLE)

    def test_several_ranges(self):
        origin = self.serve()
        self.fetch(origin.url("/r"))
        response = self.part(origin, "0-9, 5000-5099, -10")
        self.assert_ok(response, status=206)
        self.assertNotIn("Content-Range", response.fields)
        boundary = re.fullmatch(r"multipart/byteranges; boundary=([0-9a-z-]+)", response["Content-Type"])[1].encode()
        parts = response.body.split(b"\r\n--" + boundary)
        self.assertEqual((parts[0], parts[-1]), (b"", b"--\r\n"))
        wanted = [(0, 9), (5000, 5099), (999990, 999999)]
        self.assertEqual(len(parts), len(wanted) + 2)
        for part, (first, last) in zip(parts[1:], wanted):
            head, content = part.split(b"\r\n\r\n", 1)
            self.assertIn(b"Content-Type: application/x-test", head)
            self.assertIn(f"Content-Range: bytes {first}-{last}/1000000".encode(), head)
            self.assertEqual(content, WHOLE[first : last + 1])
        self.assertEqual(len(self.script.asked), 1)

    def test_if_range(self):
        origin = self.serve()
        self.fetch(origin.url("/r"))
        self.assert_part(self.part(origin, "0-9", If_Range=TAG), 0, 9)
        for validator in ('"v2"', 'W/"v1"', http_date(-3600), "nonsense"):
            with self.subTest(validator):
                self.assert_hit(self.part(origin, "0-9", If_Range=validator), WHOLE)

    def test_head_ignores_range(self):
        origin = self.serve()
        self.fetch(origin.url("/r"))
        response = self.fetch(origin.url("/r"), {"Range": "bytes=0-9"}, method="HEAD")
        self.assertEqual((response.status, response["Content-Length"]), (200, "1000000"))

    def test_conditions_come_first(self):
        origin = self.serve()
        self.fetch(origin.url("/r"))
        self.assertEqual(self.part(origin, "0-9", If_None_Match=TAG).status, 304)

    def test_a_part_is_stored_and_used(self):
        origin = self.serve()
        response = self.part(origin, "1000-1999")
        self.assert_part(response, 1000, 1999)
        self.assertIs(cache_status(response).get("stored"), True)
        for spec, first, last in (("1000-1999", 1000, 1999), ("1500-1500", 1500, 1500), ("1001-1998", 1001, 1998)):
            self.assert_part(self.part(origin, spec), first, last)
        self.assertEqual(len(self.script.asked), 1)

    def test_what_is_missing_is_asked_for(self):
        origin = self.serve()
        self.assert_part(self.part(origin, "1000-1999"), 1000, 1999)
        response = self.part(origin, "1500-2999")
        self.assert_part(response, 1500, 2999)
        self.assertEqual(cache_status(response).get("fwd"), "partial")
        self.assert_part(self.part(origin, "500-3499"), 500, 3499)
        self.assert_part(self.part(origin, "500-3499"), 500, 3499)
        self.assertEqual(self.script.asked, [("bytes=1000-1999", None), ("bytes=2000-2999", TAG), ("bytes=500-999", TAG),
                                             ("bytes=3000-3499", TAG)])

    def test_several_gaps_are_filled_one_after_the_other(self):
        origin = self.serve()
        for first in range(100_000, 1_000_000, 200_000):
            self.part(origin, f"{first}-{first + 99_999}")
        del self.script.asked[:]
        self.assert_forwarded(self.fetch(origin.url("/r")), "partial", WHOLE)
        self.assertEqual(self.script.asked, [(f"bytes={first}-{first + 99_999}", TAG) for first in range(0, 1_000_000, 200_000)])
        self.assert_hit(self.fetch(origin.url("/r")), WHOLE)

    def test_a_change_between_two_gaps_is_a_cut(self):
        origin = self.serve()
        for first in (0, 400_000):
            self.part(origin, f"{first}-{first + 99_999}")
        whole = self.script.__call__

        def changing(request, connection):
            if request["Range"] == "bytes=500000-":
                self.script.content, self.script.tag = WHOLE[::-1], '"v2"'
            return whole(request, connection)

        origin.respond = changing
        client = self.client()
        client.send_request("GET", origin.url("/r"))
        self.assert_cut(client)
        self.assert_ok(self.fetch(origin.url("/r")), WHOLE[::-1])

    def test_parts_become_the_whole(self):
        origin = self.serve()
        self.part(origin, "0-499999")
        response = self.fetch(origin.url("/r"))
        self.assert_forwarded(response, "partial", WHOLE)
        self.assertEqual(self.script.asked[1:], [("bytes=500000-", TAG)])
        self.assert_hit(self.fetch(origin.url("/r")), WHOLE)
        self.assert_part(self.part(origin, "-7"), 999993, 999999)
        self.assertEqual(len(self.script.asked), 2)

    def test_random_parts_of_one_file(self):
        """Whatever the order and overlap, every byte is right, and in the end nothing is asked for any more."""
        dice = random.Random(3)
        origin = self.serve()
        for _ in range(60):
            first = dice.randrange(len(WHOLE))
            last = min(len(WHOLE) - 1, first + dice.randrange(1, 120_000))
            self.assert_part(self.part(origin, f"{first}-{last}"), first, last)
        self.assert_ok(self.fetch(origin.url("/r")), WHOLE)
        asked = len(self.script.asked)
        for spec, first, last in (("0-999999", 0, 999999), ("123456-654321", 123456, 654321)):
            self.assert_part(self.part(origin, spec), first, last)
        self.assertEqual(len(self.script.asked), asked)

    def test_without_a_strong_validator_nothing_is_combined(self):
        for tag in ('W/"v1"', None):
            with self.subTest(tag):
                origin = self.serve(tag=tag)
                self.assert_part(self.part(origin, "0-99"), 0, 99)
                self.assert_part(self.part(origin, "50-149"), 50, 149)
                self.assertEqual(self.script.asked, [("bytes=0-99", None), ("bytes=50-149", None)])

    def test_another_representation_replaces_the_part(self):
        origin = self.serve()
        self.part(origin, "0-99")
        newer = WHOLE[::-1]
        self.script.content, self.script.tag = newer, '"v2"'
        self.assert_ok(self.part(origin, "50-149"), newer)  # If-Range failed: the whole of the new one
        self.assert_part(self.part(origin, "0-99"), 0, 99, newer)
        self.assertEqual(self.script.asked, [("bytes=0-99", None), ("bytes=100-149", TAG)])

    def test_a_stale_part_is_validated(self):
        origin = self.serve(fields={"Cache-Control": "max-age=0"})
        self.assert_part(self.part(origin, "0-99"), 0, 99)
        self.script.fields = {"Cache-Control": "max-age=600"}
        response = self.part(origin, "10-19")
        self.assert_part(response, 10, 19)
        self.assertEqual(cache_status(response).get("fwd-status"), 304)
        self.assert_part(self.part(origin, "20-29"), 20, 29)
        self.assertEqual(len(self.script.asked), 2)

    def test_a_stale_whole_that_has_changed(self):
        origin = self.serve(fields={"Cache-Control": "max-age=0"})
        self.fetch(origin.url("/r"))
        newer = WHOLE[::-1]
        self.script.content, self.script.tag = newer, '"v2"'
        self.assert_part(self.part(origin, "10-19"), 10, 19, newer)  # asked for with the condition: no whole file

    def test_multipart_from_the_origin_is_passed_on(self):
        body = b"\r\n--b\r\nContent-Range: bytes 0-0/9\r\n\r\na\r\n--b\r\nContent-Range: bytes 8-8/9\r\n\r\ni\r\n--b--\r\n"
        answer = response_bytes(206, {"Cache-Control": "max-age=600", "Content-Type": "multipart/byteranges; boundary=b"}, body)
        origin = self.scripted(answer, answer)
        for _ in range(2):
            self.assert_ok(self.part(origin, "0-0,8-8"), body, status=206)

    def test_a_lying_content_range_is_not_believed(self):
        for said, body in (("bytes 0-4/10", b"0123456789"), ("bytes 4-0/10", b"01234"), ("bytes 0-4/*", b"01234"),
                           ("bytes 0-4/3", b"01234"), ("0-4/10", b"01234")):
            with self.subTest(said):
                answer = response_bytes(206, {"Cache-Control": "max-age=600", "Content-Range": said}, body)
                origin = self.scripted(answer, answer)
                for _ in range(2):
                    response = self.part(origin, "0-4")
                    self.assert_ok(response, body, status=206)
                    self.assertEqual(response["Content-Range"], said)

    def test_a_206_that_nobody_asked_for_is_not_kept(self):
        answer = response_bytes(206, {"Cache-Control": "max-age=600", "Content-Range": "bytes 0-4/10"}, b"01234")
        origin = self.scripted(answer, answer)
        for _ in range(2):
            self.assert_ok(self.fetch(origin.url("/r")), "01234", status=206)

    def test_an_origin_that_dies_in_a_missing_part(self):
        origin = self.serve()
        self.part(origin, "0-99999")
        whole = self.script.__call__

        def dying(request, connection):
            connection.send(whole(request, connection)[:50000])
            connection.close()

        origin.respond = dying
        client = self.client()
        client.send_request("GET", origin.url("/r"))
        self.assert_cut(client)
        origin.respond = self.script
        self.assert_ok(self.fetch(origin.url("/r")), WHOLE)

    def test_a_range_of_a_large_unknown_object_streams_at_once(self):
        """The client has the part's beginning while its origin still holds the rest back, and nobody asks for more than it."""
        has_beginning = threading.Event()

        def respond(request, connection):
            self.script.asked.append(request["Range"])
            connection.send(response_bytes(206, {"Cache-Control": "max-age=600", "ETag": TAG, "Content-Length": "200000",
                                                 "Content-Range": "bytes 700000-899999/1000000"}, WHOLE[700_000:800_000]))
            if not has_beginning.wait(20):
                connection.origin.problem("the client did not get the beginning")
            return WHOLE[800_000:900_000]

        origin = self.serve()
        origin.respond = respond
        client = self.client()
        client.send_request("GET", origin.url("/r"), {"Range": "bytes=700000-899999"})
        self.assertEqual(client.read_head().status, 206)
        self.assertEqual(client.reader.exactly(100_000), WHOLE[700_000:800_000])
        has_beginning.set()
        self.assertEqual(client.reader.exactly(100_000), WHOLE[800_000:900_000])
        self.assertEqual(self.script.asked, ["bytes=700000-899999"])

    def test_an_origin_without_ranges(self):
        origin = self.origin(lambda r, c: response_bytes(200, {"Cache-Control": "max-age=600", "ETag": TAG}, WHOLE))
        self.assert_ok(self.part(origin, "10-19"), WHOLE)
        self.assert_part(self.part(origin, "10-19"), 10, 19)  # from what it sent
        self.assertEqual(len(origin.requests), 1)

    def test_a_416_is_about_the_request_alone(self):
        origin = self.serve(fields={"Cache-Control": "max-age=600", "Set-Cookie": "a=b"})
        self.fetch(origin.url("/r"))
        response = self.part(origin, "5000000-")
        self.assertEqual((response.status, response["Cache-Control"]), (416, "no-store"))
        for name in ("Set-Cookie", "Content-Type", "ETag"):
            self.assertNotIn(name, response.fields)

    def test_digests_of_a_message_are_not_those_of_a_part(self):
        digest = {"Content-Digest": "sha-256=:AAAA:", "Content-MD5": "AAAA", "Repr-Digest": "sha-256=:BBBB:"}
        origin = self.serve(fields={"Cache-Control": "max-age=600", **digest})
        self.part(origin, "0-99999")
        whole = self.fetch(origin.url("/r"))
        self.assert_ok(whole, WHOLE)
        part = self.part(origin, "0-9")
        self.assert_part(part, 0, 9)
        for name in ("Content-Digest", "Content-MD5"):
            self.assertNotIn(name, part.fields)
        self.assertEqual(part["Repr-Digest"], digest["Repr-Digest"])

    def test_a_multipart_with_a_content_range_is_not_kept(self):
        answer = response_bytes(206, {"Cache-Control": "max-age=600", "Content-Range": "bytes 0-4/10",
                                      "Content-Type": "Multipart/ByteRanges; boundary=x"}, b"01234")
        origin = self.scripted(answer, answer)
        for _ in range(2):
            self.assert_ok(self.part(origin, "0-4"), "01234", status=206)

    def test_parts_larger_than_allowed_are_not_kept(self):
        proxy = self.larder({"cache.max_object": '"300KiB"'})
        origin = self.serve()
        for first in range(0, 1_000_000, 100_000):
            self.assert_part(self.fetch(origin.url("/r"), {"Range": f"bytes={first}-{first + 99_999}"}, proxy=proxy), first, first + 99_999)
        # The last one's bytes go when its client has them.
        proxy.wait_metric('larder_cache_bytes{tier="memory"}', lambda value: value < 310_000)

    def test_a_clients_condition_on_what_has_changed(self):
        """The stored one was stale, the origin sent the new one whole, and the client has just that."""
        origin = self.serve(fields={"Cache-Control": "max-age=0"})
        self.fetch(origin.url("/r"))
        self.script.tag = '"v2"'
        self.assertEqual(self.fetch(origin.url("/r"), {"If-None-Match": '"v2"'}).status, 304)

    def test_a_late_part_does_not_replace_a_newer_whole(self):
        late = threading.Event()
        origin = self.serve()
        script = self.script
        dates = {"v1": http_date(-100), "v2": http_date(-10)}

        def respond(request, connection):
            script.fields = {"Cache-Control": "max-age=600", "Date": dates["v1"]}
            answer = script(request, connection)
            if request["Range"]:
                late.wait(20)
                return answer
            return response_bytes(200, {"Cache-Control": "max-age=600", "ETag": '"v2"', "Date": dates["v2"]}, WHOLE[::-1])

        origin.respond = respond
        slow = self.client()
        slow.send_request("GET", origin.url("/r"), {"Range": "bytes=0-4"})
        origin.wait_requests(1)
        time.sleep(1.1)  # times are in seconds: the whole is asked for later
        self.assert_ok(self.fetch(origin.url("/r")), WHOLE[::-1])
        late.set()
        self.assertEqual(slow.read().status, 206)
        self.assert_hit(self.fetch(origin.url("/r")), WHOLE[::-1])

    def test_parts_of_one_language(self):
        """Requests that select the same by other words join the same parts."""
        origin = self.serve(fields={"Cache-Control": "max-age=600", "Vary": "Accept-Language", "Content-Language": "en"})
        self.assert_part(self.part(origin, "0-99", Accept_Language="en, de;q=0.5"), 0, 99)
        self.assert_part(self.part(origin, "100-199", Accept_Language="en"), 100, 199)
        self.assert_part(self.part(origin, "50-149", Accept_Language="en"), 50, 149)
        self.assertEqual(len(self.script.asked), 2)

    def test_unsafe_methods_drop_the_parts(self):
        origin = self.serve()
        self.part(origin, "0-99")
        self.fetch(origin.url("/r"), method="DELETE")
        self.part(origin, "0-99")
        self.assertEqual(len([a for a in self.script.asked if a[0]]), 2)


if __name__ == "__main__":
    unittest.main()
