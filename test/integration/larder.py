"""The real program under test: started on free ports, watched, stopped, and judged by how it ended."""

import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time

import client

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get("LARDER_BINARY", os.path.join(ROOT, "build", "larder"))
SANITIZED = os.environ.get("LARDER_SANITIZED", "")  # "", "asan" or "tsan": set by ./run, sizes some tests
START_TIMEOUT = 60 if SANITIZED else 20

REPORT = re.compile(r"ERROR: (Address|Leak|Undefined|Thread)\w*Sanitizer|WARNING: ThreadSanitizer|runtime error:|"
                    r"AddressSanitizer:DEADLYSIGNAL|terminate called|Assertion .* failed|pure virtual method")
LISTENING = re.compile(r"larder: (listening|admin) on (\[?[0-9a-fA-F.:]+?\]?):([0-9]+)\s*$")

SANITIZER_ENV = {
    "ASAN_OPTIONS": "abort_on_error=0:exitcode=66:detect_leaks=1:detect_stack_use_after_return=1:quarantine_size_mb=16",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=66",
    "TSAN_OPTIONS": "halt_on_error=0:exitcode=66:second_deadlock_stack=1",
}


class Larder:
    """One process. Positional arguments are `--set` values; None values of `keys` are left out."""

    DEFAULTS = {
        "listen": '["127.0.0.1:0"]',
        "admin.listen": '"127.0.0.1:0"',
        "workers": "2",
    }

    def __init__(self, keys=None, config=None, args=(), wait=True, env=None, before=None):
        merged = dict(self.DEFAULTS if config is None else {})
        merged.update(keys or {})
        self.command = [BINARY]
        if config is not None:
            self.command += ["--config", config]
        for key, value in merged.items():
            if value is not None:
                self.command += ["--set", f"{key}={value if isinstance(value, str) else json.dumps(value)}"]
        self.command += list(args)
        self.expects_admin = merged.get("admin.listen") not in ('""', "")
        self.listeners = int(env.pop("LARDER_TEST_LISTENERS", 1)) if env else 1
        self.home = tempfile.TemporaryDirectory(prefix="larder-home-")
        environment = dict(os.environ, HOME=self.home.name, XDG_CACHE_HOME=self.home.name, **SANITIZER_ENV)
        for name in list(environment):
            if name.lower().endswith("_proxy"):
                del environment[name]
        environment.update(env or {})
        self.ports = []
        self.admin_port = None
        self.stderr = []
        self.log = []  # access log lines, as parsed JSON
        self.bad_log = []
        self._ready = False
        self._changed = threading.Condition()
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        stdin=subprocess.DEVNULL, env=environment, cwd=self.home.name,
                                        preexec_fn=before)
        self._threads = [threading.Thread(target=self._read_log, daemon=True),
                         threading.Thread(target=self._read_errors, daemon=True)]
        for thread in self._threads:
            thread.start()
        if wait:
            self.wait_ready()

    @property
    def port(self):
        return self.ports[0]

    @property
    def pid(self):
        return self.process.pid

    def _read_log(self):
        for raw in self.process.stdout:
            text = raw.decode("utf-8", "replace").rstrip("\n")
            with self._changed:
                try:
                    self.log.append(json.loads(text))
                except ValueError:
                    self.bad_log.append(text)
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def _read_errors(self):
        for raw in self.process.stderr:
            text = raw.decode("utf-8", "replace").rstrip("\n")
            found = LISTENING.search(text)
            with self._changed:
                self.stderr.append(text)
                if found and found[1] == "listening":
                    self.ports.append(int(found[3]))
                elif found:
                    self.admin_port = int(found[3])
                elif "larder: ready" in text:
                    self._ready = True
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def wait_until(self, question, what, timeout=20.0):
        """Waits for `question()` to be true; asked again at every line that the process prints."""
        with self._changed:
            if not self._changed.wait_for(question, timeout):
                raise AssertionError(f"waited {timeout} s for {what}; stderr:\n" + "\n".join(self.stderr[-40:]))

    def wait_ready(self):
        def done():
            return self._ready or self.process.poll() is not None

        deadline = time.monotonic() + START_TIMEOUT
        while not done():
            with self._changed:
                self._changed.wait(0.2)
            if time.monotonic() > deadline:
                self.process.kill()
                raise AssertionError(f"not ready within {START_TIMEOUT} s: {self.command}\n" + "\n".join(self.stderr))
        if not self._ready:
            raise AssertionError(f"ended with {self.process.returncode} before it was ready: {self.command}\n"
                                 + "\n".join(self.stderr))
        if len(self.ports) < self.listeners or (self.expects_admin and self.admin_port is None):
            raise AssertionError("ready, but did not name its ports:\n" + "\n".join(self.stderr))
        if self.admin_port is not None:
            self.admin("/healthz")  # its main loop turns

    def wait_log(self, match, timeout=20.0):
        """The first access log line for which `match(line)` is true, waiting for it."""
        found = []

        def look():
            found[:] = [line for line in self.log if match(line)]
            return bool(found)

        self.wait_until(look, "a line of the access log; there are " + repr(self.log[-5:]), timeout)
        return found[0]

    def admin(self, path, method="GET"):
        return client.ask(self.admin_port, method, path, fields={"Host": f"127.0.0.1:{self.admin_port}"})

    def metrics(self):
        """{'larder_x{label="y"}': value} as scraped now."""
        response = self.admin("/metrics")
        if response.status != 200:
            raise AssertionError(f"/metrics answered {response}")
        out = {}
        for line in response.body.decode().splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                out[name] = float(value)
        return out

    def metric(self, name):
        return self.metrics().get(name, 0.0)

    def wait_metric(self, name, test, timeout=20.0):
        """Scrapes until `test(value)` holds. A counter gives no event to wait for, hence the short pauses."""
        deadline = time.monotonic() + timeout
        while True:
            value = self.metric(name)
            if test(value):
                return value
            if time.monotonic() > deadline:
                raise AssertionError(f"{name} stayed {value}")
            time.sleep(0.01)

    def memory_kib(self, field="VmRSS"):
        with open(f"/proc/{self.pid}/status") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1])
        raise AssertionError(f"no {field} in /proc/{self.pid}/status")

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, timeout=30.0):
        """SIGTERM, then the verdict: exit status 0 and no report of a sanitizer. Returns the seconds it took."""
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            self._join()
            raise AssertionError(f"did not end within {timeout} s of SIGTERM:\n" + "\n".join(self.stderr[-40:])) from None
        took = time.monotonic() - began
        self._join()
        self.judge()
        return took

    def _join(self):
        for thread in self._threads:
            thread.join(10)
        self.process.stdout.close()
        self.process.stderr.close()
        self.home.cleanup()

    def judge(self, status=0):
        text = "\n".join(self.stderr)
        if REPORT.search(text):
            raise AssertionError("a sanitizer or the run-time complained:\n" + text[-20000:])
        if self.process.returncode != status:
            raise AssertionError(f"exit status {self.process.returncode}, not {status}; stderr:\n" + text[-5000:])
        if self.bad_log:
            raise AssertionError(f"access log lines that are not JSON: {self.bad_log[:3]}")

    def alive(self):
        return self.process.poll() is None


def run_once(*args, timeout=30, env=None):
    """Runs the program to its end: (exit status, stdout, stderr)."""
    environment = dict(os.environ, **SANITIZER_ENV)
    environment.update(env or {})
    done = subprocess.run([BINARY, *args], capture_output=True, timeout=timeout, env=environment,
                          stdin=subprocess.DEVNULL, check=False)
    out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    if REPORT.search(err):
        raise AssertionError("a sanitizer or the run-time complained:\n" + err)
    return done.returncode, out, err
