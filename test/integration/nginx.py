"""Debian's nginx as an origin: a folder of files, its access log, and CGI by a small Python gateway where a test wants it."""

import os
import shutil
import subprocess
import tempfile
import time

from origin import listen

CONFIGURATION = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log notice;
events {{ worker_connections 512; }}
http {{
  types {{ text/html html; text/css css; application/javascript js; image/png png; image/svg+xml svg; text/plain txt; }}
  default_type application/octet-stream;
  log_format seen '$request_method $uri $status $body_bytes_sent $http_via';
  access_log {folder}/access.log seen;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  client_max_body_size 64m;
  server {{ listen 127.0.0.1:{port}; server_name localhost; root {root}; {extra} }}
}}
"""


class Nginx:
    def __init__(self, root=None, extra=""):
        program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if program is None:
            raise AssertionError("nginx is missing")
        self._folder = tempfile.TemporaryDirectory(prefix="larder-nginx-")
        self.folder = self._folder.name
        os.chmod(self.folder, 0o755)
        self.root = root or os.path.join(self.folder, "root")
        os.makedirs(self.root, exist_ok=True)
        with listen() as probe:
            self.port = probe.getsockname()[1]
        path = os.path.join(self.folder, "nginx.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(folder=self.folder, port=self.port, root=self.root, extra=extra))
        self.process = subprocess.Popen([program, "-p", self.folder, "-c", path, "-g", "user root;"] if os.geteuid() == 0
                                        else [program, "-p", self.folder, "-c", path],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self._wait()

    def _wait(self):
        import socket
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError("nginx did not start: " + self.process.stderr.read().decode()) from None
                time.sleep(0.02)

    def url(self, path="/"):
        return f"http://127.0.0.1:{self.port}{path}"

    def write(self, path, content):
        full = os.path.join(self.root, path.lstrip("/"))
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        # nginx makes Last-Modified of it, and a heuristic lifetime wants some age.
        old = time.time() - 30 * 86400
        os.utime(full, (old, old))
        return full

    def log(self):
        """[(method, path, status, bytes)] of all requests so far."""
        try:
            with open(os.path.join(self.folder, "access.log"), encoding="utf-8") as file:
                lines = [line.split(" ") for line in file.read().splitlines()]
        except FileNotFoundError:
            return []
        return [(l[0], l[1], int(l[2]), int(l[3])) for l in lines]

    @property
    def problems(self):
        """What the error log has to say; for ProxyCase._watch."""
        try:
            with open(os.path.join(self.folder, "error.log"), encoding="utf-8") as file:
                return [l for l in file.read().splitlines() if "[crit]" in l or "[alert]" in l or "[emerg]" in l]
        except FileNotFoundError:
            return []

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()
        self._folder.cleanup()
