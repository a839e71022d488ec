"""What every integration test starts from: a case with a proxy, origins that are checked at the end, and one's own eyes
for Cache-Status. `from harness import *` is how the tests use it."""

import contextlib
import ctypes
import email.utils
import os
import re
import subprocess
import tempfile
import threading
import time
import unittest

import wire
from client import Client, ask
from larder import BINARY, ROOT, SANITIZED, Larder, run_once
from origin import Blackhole, DnsServer, Origin, listen
from wire import Closed, ProtocolError, chunk, last_chunk, request_bytes, response_bytes

__all__ = ["BINARY", "Blackhole", "Client", "Closed", "DnsServer", "Larder", "Origin", "ProtocolError", "ProxyCase", "ROOT",
           "SANITIZED", "ask", "cache_status", "chunk", "http_date", "last_chunk", "listen", "own_network", "request_bytes",
           "response_bytes", "run_once", "threading", "time", "unittest", "wire"]

OUTPUT = os.environ.get("LARDER_TEST_OUTPUT", os.path.join(ROOT, "build", "test-output"))


def http_date(offset=0):
    """The HTTP date `offset` seconds from now."""
    return email.utils.formatdate(time.time() + offset, usegmt=True)


PARAMETER = re.compile(r'\s*;\s*([a-z*][a-z0-9_.*-]*)(?:=("(?:[^"\\]|\\.)*"|[^;,\s]+))?')


def cache_status(response):
    """Larder's own member of Cache-Status (RFC 9211) as a dict: {"hit": True} or {"fwd": "uri-miss", "stored": True}."""
    members = []
    for line in response.fields.all("Cache-Status"):
        at = 0
        while at < len(line):
            name = re.compile(r'\s*("[^"]*"|[A-Za-z*][A-Za-z0-9_.:/*-]*)').match(line, at)
            if not name:
                raise AssertionError(f"Cache-Status is no list of tokens with parameters: {line!r}")
            at = name.end()
            parameters = {}
            while (found := PARAMETER.match(line, at)) is not None:
                value = found[2]
                if value is None:
                    parameters[found[1]] = True
                else:
                    parameters[found[1]] = int(value) if re.fullmatch(r"-?[0-9]+", value) else value.strip('"')
                at = found.end()
            members.append((name[1].strip('"'), parameters))
            rest = line[at:].lstrip()
            if rest and not rest.startswith(","):
                raise AssertionError(f"Cache-Status is no list: {line!r}")
            at = len(line) - len(rest) + 1 if rest else len(line)
    own = [p for n, p in members if n == "larder"]
    if not own:
        raise AssertionError(f"no member of Larder in Cache-Status: {response}")
    if members[-1][0] != "larder":
        raise AssertionError(f"Larder's member is not the last (RFC 9211 section 2): {response.fields.all('Cache-Status')}")
    return own[-1]


def own_network(files=None):
    """Moves this test process (and what it starts) into a network namespace of its own where only loopback and 10.99.0.1
    exist: tests from a 'foreign' address stay on this machine. `files` maps paths such as /etc/resolv.conf to what they shall
    hold, for this process alone. Called from setUpModule, before any thread or socket."""
    libc = ctypes.CDLL(None, use_errno=True)
    new_net, new_mounts = 0x40000000, 0x00020000  # CLONE_NEWNET, CLONE_NEWNS
    if libc.unshare(new_net | (new_mounts if files else 0)) != 0:
        raise OSError(ctypes.get_errno(), "unshare(); these tests want root")
    for command in ("link set lo up", "addr add 10.99.0.1/32 dev lo", "-6 addr add fd99::1/128 dev lo nodad"):
        subprocess.run(["ip", *command.split()], check=True)
    if not files:
        return
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        for path, content in files.items():
            copy = os.path.join(folder, os.path.basename(path))
            with open(copy, "w", encoding="ascii") as file:
                file.write(content)
            subprocess.run(["mount", "--bind", copy, path], check=True)  # outlives the folder's entry


class ProxyCase(unittest.TestCase):
    """One proxy per class, set by `keys`; origins per test. A test that leaves a problem with an origin, or a proxy that
    ends other than by a clean exit, fails."""

    keys = {}
    maxDiff = 4000

    has_own_proxies = False  # each test starts its own
    proxy = None

    @classmethod
    def setUpClass(cls):
        if not cls.has_own_proxies:
            cls.proxy = Larder(cls.class_keys())

    @classmethod
    def class_keys(cls):
        return cls.keys

    @classmethod
    def tearDownClass(cls):
        if not cls.has_own_proxies:
            cls.proxy.stop()

    def setUp(self):
        self._watched = []

    def tearDown(self):
        if self.proxy is not None and not self.proxy.alive():
            self.fail("the proxy ended:\n" + "\n".join(self.proxy.stderr[-60:]))
        for watched in self._watched:
            self.assertEqual(watched.problems, [], "problems at the origin")

    def _watch(self, server):
        self._watched.append(server)
        self.addCleanup(server.close)
        return server

    def origin(self, respond=None, **kw):
        return self._watch(Origin(respond, **kw))

    def scripted(self, *responses, **kw):
        return self._watch(Origin.script(*responses, **kw))

    def dns(self, zone=None, **kw):
        return self._watch(DnsServer(zone, **kw))

    def larder(self, keys=None, **kw):
        """A proxy of this test's own, stopped and judged at its end."""
        proxy = Larder(keys, **kw)

        def end():
            if proxy.process.returncode is None or not proxy.process.stdout.closed:
                proxy.stop()

        self.addCleanup(end)
        return proxy

    def client(self, proxy=None, **kw):
        client = Client((proxy or self.proxy).port, **kw)
        self.addCleanup(client.close)
        return client

    def fetch(self, target, fields=(), method="GET", body=None, minor=1, proxy=None):
        """One request on a client connection of its own. Where it only read along with the end of the request before (the
        last bytes reach a client a moment before the object is in the index), it is asked again: tests of collapsing ask
        for themselves."""
        deadline = time.monotonic() + 2
        while True:
            response = ask((proxy or self.proxy).port, method, target, fields, body, minor)
            said = response["Cache-Status"] or ""
            if not said.endswith("; collapsed") or time.monotonic() > deadline:
                return response

    def assert_ok(self, response, body=None, status=200):
        self.assertEqual(response.status, status, response)
        self.assertTrue(response.complete, response)
        if body is not None:
            self.assertEqual(response.body, body if isinstance(body, bytes) else body.encode())

    def assert_hit(self, response, body=None, status=200):
        self.assert_ok(response, body, status)
        said = cache_status(response)
        self.assertIs(said.get("hit"), True, response)
        self.assertNotIn("fwd", said)
        self.assertIn("Age", response.fields)
        self.assertRegex(response["Age"], r"\A[0-9]+\Z")

    def assert_forwarded(self, response, why, body=None, status=200, **more):
        """Answered by the origin because of `why`; `more` names further parameters of Cache-Status, with _ for -."""
        self.assert_ok(response, body, status)
        said = cache_status(response)
        self.assertEqual(said.get("fwd"), why, response)
        self.assertNotIn("hit", said)
        for name, value in more.items():
            self.assertEqual(said.get(name.replace("_", "-")), value, f"{name} in {said}")

    def assert_miss(self, response, body=None, stored=True):
        self.assert_forwarded(response, "uri-miss", body, stored=True if stored else None)

    def assert_error(self, response, status, *words):
        """An error of Larder's own making: Proxy-Status names it, the body says it in words."""
        self.assertEqual(response.status, status, response)
        self.assertTrue(response.complete, response)
        proxy_status = response["Proxy-Status"]
        self.assertIsNotNone(proxy_status, response)
        self.assertRegex(proxy_status, r"\A\"?larder\"?\s*;\s*error=[a-z_]+", response)
        self.assertTrue(response.body.strip(), "an error without a word")
        self.assertLess(len(response.body), 8192)
        text = response.body.decode("utf-8").lower()
        for word in words:
            self.assertIn(word.lower(), text)
        return re.match(r".*?error=([a-z_]+)", proxy_status)[1]

    def assert_cut(self, client, minor=1):
        """What remains of the response must not look complete."""
        try:
            response = client.read(minor=minor)
        except Closed:
            return None
        self.assertFalse(response.complete, f"looks complete though its origin died: {response}")
        return response

    def assert_serves(self, proxy=None):
        """The process still does its work for somebody else."""
        with contextlib.closing(Origin(lambda request, _: response_bytes(200, {"Cache-Control": "no-store"}, b"alive"))) as origin:
            response = self.fetch(origin.url("/alive"), proxy=proxy)
            self.assert_ok(response, "alive")

    def gather(self, count, work, timeout=60):
        """Runs `work(i)` in `count` threads and returns the results in order; the first exception is raised here."""
        results = [None] * count
        errors = []

        def run(i):
            try:
                results[i] = work(i)
            except BaseException as error:  # handed on to the test's own thread
                errors.append(error)

        threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(count)]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + timeout
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if errors:
            raise errors[0]
        self.assertFalse(any(t.is_alive() for t in threads), "threads that did not end")
        return results
