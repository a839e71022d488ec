"""The command line, the configuration file, and the life of the process: start, reload, drain, stop."""

import ctypes
import errno
import json
import os
import resource
import signal
import socket
import struct
import tempfile

from harness import *

BASE = {"listen": ["127.0.0.1:0"], "admin": {"listen": "127.0.0.1:0"}, "cache": {"disk": {"path": ""}}, "workers": 2}


class Files(unittest.TestCase):
    def write(self, content):
        if not isinstance(content, str):
            content = json.dumps(content)
        with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
            file.write(content)
        self.addCleanup(os.unlink, file.name)
        return file.name

    def rewrite(self, path, content):
        with open(path, "w", encoding="utf-8") as file:
            file.write(content if isinstance(content, str) else json.dumps(content))


class Once(Files):
    """Calls that print something and end."""

    def refused(self, *args, names):
        status, out, err = run_once(*args)
        self.assertEqual(status, 2, f"{args}: {out}{err}")
        for name in names:
            self.assertIn(name, err, f"{args} should name {name!r}")
        self.assertNotIn("larder: ready", err)

    def test_version(self):
        status, out, _ = run_once("--version")
        self.assertEqual(status, 0)
        self.assertRegex(out, r"\A(?i:larder) [0-9]+\.[0-9]+\.[0-9]+")

    def test_help(self):
        status, out, err = run_once("--help")
        self.assertEqual(status, 0)
        for word in ("--config", "--set", "--check-config", "--print-schema", "--version"):
            self.assertIn(word, out + err)

    def test_schema_is_json_and_names_the_contract_keys(self):
        status, out, _ = run_once("--print-schema")
        self.assertEqual(status, 0)
        schema = json.loads(out)
        self.assertIn("2020-12", schema["$schema"])
        for key in ("listen", "admin.listen", "workers", "cache.memory", "cache.max_object", "cache.targeted_fields", "cache.disk.path",
                    "cache.disk.size", "access.clients", "access.connect_ports", "log.access", "timeouts.first_byte", "dns.servers",
                    "limits.header_bytes"):
            node = schema
            for part in key.split("."):
                node = node["properties"][part]
            self.assertTrue(node.get("description"), key)

    def test_check_config(self):
        self.assertEqual(run_once("--config", self.write(BASE), "--check-config")[0], 0)
        self.assertEqual(run_once("--set", "cache.memory=64MiB", "--check-config")[0], 0)
        self.assertEqual(run_once("--set", "cache.memory=lots", "--check-config")[0], 2)

    def test_unknown_key(self):
        path = self.write({"cache": {"memroy": "1GiB"}})
        self.refused("--config", path, names=[os.path.basename(path), "/cache/memroy", "memory"])
        self.refused("--set", "cahce.memory=1GiB", names=["cahce"])

    def test_wrong_type(self):
        path = self.write({"workers": "many"})
        self.refused("--config", path, names=[os.path.basename(path), "/workers"])
        path = self.write({"listen": "x", "access": {"connect_ports": [443, "https"]}})
        self.refused("--config", path, names=["/listen", "/access/connect_ports/1"])  # all errors at once

    def test_impossible_value(self):
        for key, value in (("cache.memory", "-1"), ("access.clients", '["10.0.0.0/40"]'), ("access.connect_ports", "[70000]"),
                           ("listen", '["127.0.0.1:99999"]'), ("timeouts.connect", "soon"), ("workers", "-2")):
            with self.subTest(key):
                self.refused("--set", f"{key}={value}", names=[key])

    def test_broken_json_has_line_and_column(self):
        path = self.write('{\n  "workers": 1,\n  oops\n}')
        self.refused("--config", path, names=[f"{os.path.basename(path)}:3"])

    def test_missing_file(self):
        self.refused("--config", "/nonexistent/larder.json", names=["/nonexistent/larder.json"])

    def test_unknown_option(self):
        self.assertEqual(run_once("--frobnicate")[0], 2)

    def test_port_in_use(self):
        sock = listen()
        self.addCleanup(sock.close)
        address = f"127.0.0.1:{sock.getsockname()[1]}"
        status, _, err = run_once("--set", f'listen=["{address}"]', "--set", "admin.listen=", "--set", "cache.disk.path=")
        self.assertNotEqual(status, 0)
        self.assertIn(address, err)

    def test_the_shipped_configuration_holds(self):
        path = os.path.join(ROOT, "conf", "larder.json")
        self.assertEqual(run_once("--config", path, "--check-config")[0], 0, "conf/larder.json")


def without_ipv6():
    """For the child, before it becomes the program: a kernel on which socket(AF_INET6, ...) is EAFNOSUPPORT (by seccomp)."""
    socket_call = {"x86_64": 41, "aarch64": 198}[os.uname().machine]
    load, jump_equal, ret = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
    number, first_argument = 0, 16  # offsets in struct seccomp_data
    refuse, allow = 0x00050000 | errno.EAFNOSUPPORT, 0x7FFF0000
    program = b"".join(struct.pack("=HBBI", *line) for line in (
        (load, 0, 0, number), (jump_equal, 0, 3, socket_call), (load, 0, 0, first_argument), (jump_equal, 0, 1, socket.AF_INET6),
        (ret, 0, 0, refuse), (ret, 0, 0, allow)))
    text = ctypes.create_string_buffer(program)
    filter_ = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(text)))
    libc = ctypes.CDLL(None, use_errno=True)
    pr_set_no_new_privs, pr_set_seccomp, mode_filter = 38, 22, 2
    if libc.prctl(pr_set_no_new_privs, 1, 0, 0, 0) != 0 or libc.prctl(pr_set_seccomp, mode_filter, filter_, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


class Running(Files, ProxyCase):
    keys = {}

    def origin_page(self, fields=None):
        return self.origin(lambda r, c: response_bytes(200, fields or {"Cache-Control": "max-age=600"}, b"page"))

    def test_set_beats_the_file(self):
        path = self.write({**BASE, "cache": {"disk": {"path": ""}, "memory": "64MiB"}, "access": {"clients": ["192.0.2.0/24"]}})
        proxy = self.larder({"access.clients": '["127.0.0.0/8"]'}, config=path)
        self.assert_ok(self.fetch(self.origin_page().url("/"), proxy=proxy), "page")

    def test_several_listeners(self):
        proxy = self.larder({"listen": '["127.0.0.1:0","[::1]:0"]'}, env={"LARDER_TEST_LISTENERS": "2"})
        origin = self.origin_page()
        self.assertEqual(len(proxy.ports), 2)
        self.assert_ok(ask(proxy.ports[0], "GET", origin.url("/")), "page")
        self.assert_ok(ask(proxy.ports[1], "GET", origin.url("/"), host="::1"), "page")

    def test_a_kernel_without_ipv6(self):
        proxy = self.larder({"listen": '["127.0.0.1:0","[::1]:0"]'}, before=without_ipv6)
        self.assertEqual(len(proxy.ports), 1)
        self.assertTrue(any("[::1]:0" in line and "not supported" in line for line in proxy.stderr), proxy.stderr)
        self.assert_ok(self.fetch(self.origin_page().url("/"), proxy=proxy), "page")
        with self.assertRaisesRegex(AssertionError, "ended with 1"):
            Larder({"listen": '["[::1]:0"]'}, before=without_ipv6)

    def test_a_signal_right_after_ready_is_not_lost(self):
        for number in (signal.SIGTERM, signal.SIGINT) * 5:
            proxy = Larder(wait=False)
            proxy.wait_until(lambda: any("ready" in line for line in proxy.stderr), "ready", 60)
            proxy.signal(number)
            proxy.process.wait(20)
            proxy.stop()

    def test_a_client_that_goes_away_is_logged(self):
        proxy = self.larder()
        stuck = threading.Event()
        self.addCleanup(stuck.set)
        origin = self.origin(lambda r, c: stuck.wait(60) and None)
        client = self.client(proxy)
        client.send_request("GET", origin.url("/slow"))
        origin.wait_requests(1)
        client.abort()
        line = proxy.wait_log(lambda entry: entry["url"].endswith("/slow"))
        self.assertEqual((line["aborted"], line["status"]), ("fetch", 0))

    def test_without_admin(self):
        proxy = self.larder({"admin.listen": '""'})
        self.assertIsNone(proxy.admin_port)
        self.assert_ok(self.fetch(self.origin_page().url("/"), proxy=proxy), "page")

    def test_reload_changes_and_keeps_connections_and_cache(self):
        path = self.write({**BASE, "access": {"connect_ports": [443]}})
        proxy = self.larder(config=path)
        origin = self.scripted(response_bytes(200, {"Cache-Control": "max-age=600"}, b"kept"))
        target = self.origin(lambda r, c: response_bytes(200, (), b"tunnel"))
        client = self.client(proxy)
        self.assert_miss(client.get(origin.url("/")), b"kept")
        self.assert_error(self.fetch(target.authority, method="CONNECT", proxy=proxy), 403)
        self.rewrite(path, {**BASE, "access": {"connect_ports": [443, target.port]}})
        proxy.signal(signal.SIGHUP)
        proxy.wait_until(lambda: any("reload" in line for line in proxy.stderr), "word of the reload")
        self.assertEqual(self.fetch(target.authority, method="CONNECT", proxy=proxy).status, 200)
        self.assert_hit(client.get(origin.url("/")), "kept")  # on the connection from before, from the cache of before

    def test_reload_of_a_bad_file_keeps_the_old(self):
        path = self.write(BASE)
        proxy = self.larder(config=path)
        self.rewrite(path, {**BASE, "workers": "none"})
        proxy.signal(signal.SIGHUP)
        proxy.wait_until(lambda: any("/workers" in line for line in proxy.stderr), "the refusal")
        self.assert_ok(self.fetch(self.origin_page().url("/"), proxy=proxy), "page")
        self.assertTrue(proxy.alive())

    def test_idle_stop_is_at_once(self):
        proxy = self.larder()
        origin = self.origin_page()
        client = self.client(proxy)
        self.assert_ok(client.get(origin.url("/")), "page")  # an idle client and an idle origin connection stay open
        took = proxy.stop()
        self.assertLess(took, 5.0 if SANITIZED else 1.0)
        self.assertTrue(client.at_end())

    def test_sigint_stops_too(self):
        proxy = self.larder()
        proxy.signal(signal.SIGINT)
        proxy.process.wait(10)
        proxy.stop()

    def test_a_request_in_flight_is_finished(self):
        proxy = self.larder()
        release = threading.Event()

        def respond(request, connection):
            connection.send(response_bytes(200, {"Content-Length": "8", "Cache-Control": "no-store"}, b"half"))
            release.wait(20)
            return b"done"

        origin = self.origin(respond)
        client = self.client(proxy)
        client.send_request("GET", origin.url("/"))
        self.assertEqual(client.read_head().status, 200)
        self.assertEqual(client.reader.exactly(4), b"half")
        proxy.signal(signal.SIGTERM)

        def refused():
            try:
                Client(proxy.port, timeout=2).close()
                return False
            except OSError:
                return True

        deadline = time.monotonic() + 10
        while not refused():  # the port closes first
            self.assertLess(time.monotonic(), deadline, "still listening after SIGTERM")
            time.sleep(0.02)
        release.set()
        self.assertEqual(client.reader.exactly(4), b"done")
        self.assertTrue(client.at_end())
        proxy.stop()

    def test_drain_has_an_end(self):
        proxy = self.larder({"timeouts.drain": '"300ms"'})
        stuck = threading.Event()
        self.addCleanup(stuck.set)
        origin = self.origin(lambda r, c: stuck.wait(60) and None)
        client = self.client(proxy)
        client.send_request("GET", origin.url("/"))
        origin.wait_requests(1)
        self.assertLess(proxy.stop(), 10.0)

    def test_start_needs_no_home_and_no_init(self):
        proxy = self.larder({"cache.disk.path": None}, env={"HOME": "/proc/nonexistent", "XDG_CACHE_HOME": ""})
        self.assert_ok(self.fetch(self.origin_page().url("/"), proxy=proxy), "page")

    def test_access_log_to_a_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "access.log")
            proxy = self.larder({"log.access": json.dumps(path)})
            origin = self.origin_page()
            self.fetch(origin.url("/logged"), proxy=proxy)
            proxy.stop()
            with open(path, encoding="utf-8") as log:
                line = json.loads(log.readline())
            self.assertEqual(line["url"], origin.url("/logged"))
            self.assertEqual(proxy.log, [])

    def test_no_access_log(self):
        proxy = self.larder({"log.access": '""'})
        self.fetch(self.origin_page().url("/"), proxy=proxy)
        proxy.stop()
        self.assertEqual(proxy.log, [])

    def test_few_descriptors_end_nothing(self):
        """Out of file descriptors it pauses; afterwards it serves."""
        proxy = self.larder()
        # UBSan's check of dynamic types opens a pipe at a type's first use: all are used before descriptors are short.
        self.assert_ok(self.fetch(self.origin_page().url("/first"), proxy=proxy), "page")
        self.fetch("http://127.0.0.1:1/", proxy=proxy)
        soft = len(os.listdir(f"/proc/{proxy.pid}/fd")) + 10
        resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE, (soft, soft))
        crowd = [Client(proxy.port) for _ in range(40)]
        for client in crowd:
            client.close()
        origin = self.origin_page()
        self.assert_ok(self.fetch(origin.url("/"), proxy=proxy), "page")


if __name__ == "__main__":
    unittest.main()
