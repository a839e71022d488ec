"""Real programs as clients, Debian's nginx (and git's own server side) as origins."""

import gzip
import hashlib
import http.client
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import urllib.request

from harness import *
from nginx import Nginx


class Programs(ProxyCase):
    """Runs programs in a folder and a HOME of their own."""

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="larder-client-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.proxy_url = f"http://127.0.0.1:{self.proxy.port}"

    def run_program(self, *command, expect=0, env=None, timeout=120, cwd=None):
        self.assertIsNotNone(shutil.which(command[0]), f"{command[0]} is missing")
        environment = {"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "HOME": self.folder, "LC_ALL": "C.UTF-8", **(env or {})}
        done = subprocess.run(command, capture_output=True, timeout=timeout, env=environment, cwd=cwd or self.folder,
                              stdin=subprocess.DEVNULL, check=False)
        self.assertEqual(done.returncode, expect, f"{command}\n{done.stdout.decode('utf-8', 'replace')}{done.stderr.decode('utf-8', 'replace')}")
        return done.stdout

    def nginx(self, **kw):
        return self._watch(Nginx(**kw))

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()


class Curl(Programs):
    def curl(self, *args, **kw):
        return self.run_program("curl", "-sS", "--max-time", "60", "-x", self.proxy_url, *args, **kw)

    def test_get_twice(self):
        nginx = self.nginx()
        nginx.write("page.html", "<p>hello</p>")
        for _ in range(2):
            self.assertEqual(self.curl("-f", nginx.url("/page.html")), b"<p>hello</p>")
        self.assertEqual(nginx.log(), [("GET", "/page.html", 200, 12)])
        head = self.curl("-sSI", nginx.url("/page.html")).decode()
        self.assertIn("larder; hit", head)
        self.assertEqual(len(nginx.log()), 1)

    def test_many_urls_over_one_connection(self):
        nginx = self.nginx(extra="expires 1h;")
        for i in range(10):
            nginx.write(f"{i}.txt", f"file {i}\n")
        out = self.curl("-f", *[nginx.url(f"/{i}.txt") for i in range(10)], "-w", "%{num_connects}\n")
        lines = out.decode().splitlines()
        self.assertEqual(lines[0::2], [f"file {i}" for i in range(10)])
        self.assertEqual(lines[1::2], ["1"] + ["0"] * 9, "connections opened per request")

    def test_large_hits_do_not_stall(self):
        """Far more than the output holds, to clients that drain it at the very moment the proxy tries again: no pause is for
        ever. (A flush between two steps of a delivery once forgot to go on; it took a hundred hits to meet it.)"""
        size, count = 16 << 20, 10 if SANITIZED else 40
        origin = self.scripted(response_bytes(200, {"Cache-Control": "max-age=600"}, bytes(size)))
        self.assertEqual(len(self.curl("-f", origin.url("/l"))), size)

        def work(_):
            sizes = self.curl("-f", *["-o", "/dev/null", origin.url("/l")] * count, "-w", "%{size_download}\n").split()
            return sizes == [str(size).encode()] * count

        self.assertEqual(self.gather(4, work, timeout=120), [True] * 4)

    def test_post_two_megabytes_with_expect(self):
        with open(self.path("up"), "wb") as file:
            file.write(os.urandom(2 << 20))
        origin = self.origin(lambda r, c: response_bytes(200, {"Cache-Control": "no-store"}, hashlib.sha256(r.body).hexdigest()))
        got = self.curl("-f", "--data-binary", f"@{self.path('up')}", "-H", "Expect: 100-continue", origin.url("/up"))
        self.assertEqual(got.decode(), hashlib.sha256(self.read("up")).hexdigest())

    def test_upload_of_unknown_length(self):
        origin = self.origin(lambda r, c: response_bytes(200, {"Cache-Control": "no-store"}, r.body))
        with open(self.path("up"), "wb") as file:
            file.write(b"c" * 300000)
        self.assertEqual(self.curl("-f", "-T", self.path("up"), "-H", "Transfer-Encoding: chunked", origin.url("/up")), b"c" * 300000)

    def test_http_10_and_ranges_and_compression(self):
        nginx = self.nginx(extra="gzip on; gzip_types text/plain; gzip_min_length 1; gzip_proxied any; gzip_vary on; expires 1h;")
        nginx.write("t.txt", "word " * 5000)
        self.assertEqual(self.curl("-f", "-0", nginx.url("/t.txt")), b"word " * 5000)
        self.assertEqual(self.curl("-f", "--compressed", nginx.url("/t.txt")), b"word " * 5000)
        self.assertEqual(self.curl("-f", nginx.url("/t.txt")), b"word " * 5000)
        self.assertEqual(self.curl("-f", "-r", "5-8", nginx.url("/t.txt")), b"word")

    def test_tunnel(self):
        nginx = self.nginx()
        nginx.write("t.txt", "through the tunnel")
        proxy = self.larder({"access.connect_ports": f"[{nginx.port}]"})
        out = self.run_program("curl", "-sSf", "-p", "-x", f"http://127.0.0.1:{proxy.port}", nginx.url("/t.txt"))
        self.assertEqual(out, b"through the tunnel")
        self.run_program("curl", "-sSf", "-p", "-x", self.proxy_url, nginx.url("/t.txt"), expect=22)  # CONNECT to that port: 403

    def test_conditional(self):
        nginx = self.nginx(extra="expires 1h;")
        nginx.write("c.txt", "conditional")
        self.curl("-f", "--etag-save", self.path("etag"), "-o", self.path("c"), nginx.url("/c.txt"))
        out = self.curl("--etag-compare", self.path("etag"), "-o", "/dev/null", "-w", "%{http_code}", nginx.url("/c.txt"))
        self.assertEqual(out, b"304")
        self.assertEqual(len(nginx.log()), 1)

    def test_error_is_readable(self):
        self.assertEqual(self.curl("-o", self.path("e"), "-w", "%{http_code}", "http://127.0.0.1:1/"), b"502")
        self.assertIn(b"refused", self.read("e").lower())

    def test_ftp_is_said_to_be_unsupported(self):
        self.assertIn(self.curl("-o", "/dev/null", "-w", "%{http_code}", "ftp://127.0.0.1/x"), (b"400", b"501"))


class Wget(Programs):
    def wget(self, *args, **kw):
        return self.run_program("wget", "-q", "--tries=1", "--timeout=60", *args, env={"http_proxy": self.proxy_url}, **kw)

    def test_get_and_resume(self):
        nginx = self.nginx(extra="expires 1h;")
        nginx.write("file.bin", bytes(range(256)) * 40)
        self.wget(nginx.url("/file.bin"))
        self.assertEqual(self.read("file.bin"), bytes(range(256)) * 40)
        with open(self.path("file.bin"), "r+b") as file:
            file.truncate(1000)
        self.wget("-c", nginx.url("/file.bin"))
        self.assertEqual(self.read("file.bin"), bytes(range(256)) * 40)

    def test_mirror_twice(self):
        nginx = self.nginx(extra="expires 1h;")
        nginx.write("index.html", "".join(f'<a href="{i}.html">{i}</a>' for i in range(8)))
        for i in range(8):
            nginx.write(f"{i}.html", f"<p>{i}</p>")
        self.wget("-r", "-l", "1", "-e", "robots=off", "-P", "one", nginx.url("/index.html"))
        asked = len(nginx.log())
        self.assertEqual(asked, 9)
        self.wget("-r", "-l", "1", "-e", "robots=off", "-P", "two", nginx.url("/index.html"))
        self.assertEqual(len(nginx.log()), asked, "the second visit went to the origin")
        self.assertEqual(self.read(f"two/127.0.0.1:{nginx.port}/7.html"), b"<p>7</p>")


def git_server(root):
    """An origin's answer made by git http-backend, as a web server with CGI gives it."""
    def respond(request, _):
        path, _, query = request.target.partition("?")
        env = {"GIT_PROJECT_ROOT": root, "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path, "QUERY_STRING": query, "REMOTE_USER": "t",
               "REQUEST_METHOD": request.method, "CONTENT_TYPE": request["Content-Type"] or "", "CONTENT_LENGTH": str(len(request.body)),
               "PATH": os.environ["PATH"], "HTTP_CONTENT_ENCODING": request["Content-Encoding"] or "", "HOME": root,
               "GIT_PROTOCOL": request["Git-Protocol"] or ""}
        done = subprocess.run(["git", "http-backend"], input=request.body, env=env, capture_output=True, timeout=60, check=True)
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        fields = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n")]
        status = next((int(v.split()[0]) for n, v in fields if n == "Status"), 200)
        return response_bytes(status, [f for f in fields if f[0] != "Status"], body, chunked=True)

    return respond


class Git(Programs):
    def git(self, *args, cwd=None, proxied=True):
        env = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a",
               "GIT_COMMITTER_EMAIL": "a@b", "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
        if proxied:
            env["http_proxy"] = self.proxy_url
        return self.run_program("git", *args, cwd=cwd, env=env)

    def repository(self):
        work = self.path("work")
        self.git("init", "-q", "-b", "main", work, proxied=False)
        for i in range(20):
            with open(os.path.join(work, f"{i}.bin"), "wb") as file:
                file.write(os.urandom(20000))
        self.git("add", ".", cwd=work, proxied=False)
        self.git("commit", "-q", "-m", "first", cwd=work, proxied=False)
        self.git("clone", "-q", "--bare", work, self.path("srv/repo.git"), proxied=False)
        self.git("-C", self.path("srv/repo.git"), "config", "http.receivepack", "true", proxied=False)
        return work

    def test_smart_clone_fetch_and_push(self):
        work = self.repository()
        origin = self.origin(git_server(self.path("srv")))
        self.git("clone", "-q", origin.url("/repo.git"), "clone")
        self.assertEqual(self.read("clone/7.bin"), self.read("work/7.bin"))
        with open(self.path("clone/new.bin"), "wb") as file:
            file.write(os.urandom(3 << 20))  # beyond http.postBuffer: pushed in chunks
        self.git("add", ".", cwd=self.path("clone"))
        self.git("commit", "-q", "-m", "second", cwd=self.path("clone"))
        self.git("push", "-q", cwd=self.path("clone"))
        self.git("clone", "-q", origin.url("/repo.git"), "again")
        self.assertEqual(self.read("again/new.bin"), self.read("clone/new.bin"))
        self.assertTrue(any("chunked" in (r["Transfer-Encoding"] or "") for r in origin.requests), "no push by chunks")
        self.git("fsck", "--strict", cwd=self.path("again"))
        self.assertTrue(work)

    def test_dumb_clone_from_nginx(self):
        self.repository()
        self.git("-C", self.path("srv/repo.git"), "repack", "-a", "-d", "-q", proxied=False)
        self.git("-C", self.path("srv/repo.git"), "update-server-info", proxied=False)
        nginx = self.nginx(root=self.path("srv"))
        os.chmod(self.folder, 0o755)
        for name in ("one", "two"):
            self.git("clone", "-q", nginx.url("/repo.git"), name)
            self.assertEqual(self.read(f"{name}/19.bin"), self.read("work/19.bin"))
        packs = [l for l in nginx.log() if l[1].endswith(".pack") and l[2] == 200]
        self.assertEqual(len(packs), 1, "the pack came from the origin twice")


class Apt(Programs):
    def repository(self, nginx, count=6):
        """A flat repository of `count` tiny packages, made by dpkg-deb and by hand."""
        packages = []
        for i in range(count):
            tree = self.path(f"tree{i}")
            os.makedirs(os.path.join(tree, "DEBIAN"))
            control = f"Package: larder-test-{i}\nVersion: 1.{i}\nArchitecture: all\nMaintainer: T <t@t.invalid>\nDescription: test {i}\n"
            with open(os.path.join(tree, "DEBIAN", "control"), "w", encoding="ascii") as file:
                file.write(control)
            with open(os.path.join(tree, "data"), "wb") as file:
                file.write(os.urandom(50000))
            self.run_program("dpkg-deb", "--root-owner-group", "-b", tree, self.path(f"{i}.deb"))
            deb = self.read(f"{i}.deb")
            nginx.write(f"larder-test-{i}_1.{i}_all.deb", deb)
            packages.append(control + f"Filename: ./larder-test-{i}_1.{i}_all.deb\nSize: {len(deb)}\nSHA256: {hashlib.sha256(deb).hexdigest()}\n")
        text = "\n".join(packages).encode()
        packed = gzip.compress(text)
        nginx.write("Packages", text)
        nginx.write("Packages.gz", packed)
        sums = "".join(f" {hashlib.sha256(d).hexdigest()} {len(d)} {n}\n" for n, d in (("Packages", text), ("Packages.gz", packed)))
        nginx.write("Release", f"Origin: test\nSuite: test\nDate: {http_date().replace('GMT', 'UTC')}\nArchitectures: amd64 all\nSHA256:\n{sums}")

    def apt(self, *args, cwd=None):
        options = []
        for key, value in (("Dir::State", self.path("state")), ("Dir::Cache", self.path("cache")), ("Dir::Etc", self.path("etc")),
                           ("Dir::State::status", self.path("status")), ("Dir::Log", self.path("log")), ("APT::Sandbox::User", "root"),
                           ("Acquire::http::Proxy", self.proxy_url), ("APT::Architecture", "amd64"), ("Acquire::Languages", "none"),
                           ("Acquire::Retries", "0"), ("Dir::Etc::trusted", "/dev/null"), ("Dir::Etc::trustedparts", "/dev/null")):
            options += ["-o", f"{key}={value}"]
        # Where this machine's own apt has a configuration, its indices' odd options are not this test's matter.
        return self.run_program("apt-get", "-q", *options, *args, env={"APT_CONFIG": "/dev/null"}, cwd=cwd)

    def test_update_and_download_twice(self):
        nginx = self.nginx()
        self.repository(nginx)
        os.chmod(self.folder, 0o755)
        names = [f"larder-test-{i}" for i in range(6)]
        for turn in ("one", "two"):
            for part in ("state/lists/partial", "cache/archives/partial", "etc/apt.conf.d", "etc/preferences.d", "etc/sources.list.d", "log", turn):
                os.makedirs(self.path(part), exist_ok=True)
            with open(self.path("status"), "wb"):
                pass
            with open(self.path("etc/sources.list"), "w", encoding="ascii") as file:
                file.write(f"deb [trusted=yes] {nginx.url('/')} ./\n")
            self.apt("update")
            self.apt("download", *names, cwd=self.path(turn))
            for i in range(6):
                self.assertEqual(self.read(f"{turn}/larder-test-{i}_1.{i}_all.deb"), self.read(f"{i}.deb"))
            shutil.rmtree(self.path("state"))
            shutil.rmtree(self.path("cache"))
        debs = [l for l in nginx.log() if l[1].endswith(".deb") and l[2] == 200]
        self.assertEqual(len(debs), 6, "packages came from the origin twice")


class Npm(Programs):
    def test_install_twice(self):
        """A registry of two packages, one needing the other."""
        def package(name, depends):
            data = json.dumps({"name": name, "version": "1.0.0", "main": "i.js", "dependencies": depends}).encode()
            out = io.BytesIO()
            with tarfile.open(fileobj=out, mode="w:gz") as tar:
                for path, content in (("package/package.json", data), ("package/i.js", f"module.exports='{name}'".encode())):
                    info = tarfile.TarInfo(path)
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))
            return out.getvalue()

        packages = {"larder-a": ({"larder-b": "^1.0.0"}, None), "larder-b": ({}, None)}
        packages = {name: (depends, package(name, depends)) for name, (depends, _) in packages.items()}

        def respond(request, connection):
            path = request.target.split("?")[0]
            if path.endswith(".tgz"):
                return response_bytes(200, {"Cache-Control": "max-age=3600", "Content-Type": "application/octet-stream"},
                                      packages[path.split("/")[1]][1])
            name = path.strip("/")
            if name not in packages:
                return response_bytes(404, {"Content-Type": "application/json"}, b"{}")
            depends, tarball = packages[name]
            version = {"name": name, "version": "1.0.0", "dependencies": depends, "dist": {
                "tarball": connection.origin.url(f"/{name}/-/{name}-1.0.0.tgz"), "shasum": hashlib.sha1(tarball).hexdigest()}}
            return response_bytes(200, {"Cache-Control": "max-age=300", "Content-Type": "application/json", "Vary": "Accept-Encoding, Accept"},
                                  json.dumps({"name": name, "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}))

        origin = self.origin(respond)
        for name in ("userrc", "globalrc"):  # this machine's own settings are not this test's matter
            with open(self.path(name), "wb"):
                pass
        for turn in ("one", "two"):
            os.makedirs(self.path(turn))
            with open(self.path(f"{turn}/package.json"), "w", encoding="ascii") as file:
                json.dump({"name": "t", "version": "1.0.0", "dependencies": {"larder-a": "1"}}, file)
            self.run_program("npm", "install", "--no-audit", "--no-fund", "--no-update-notifier", "--registry", origin.url("/"),
                             "--cache", self.path(f"cache-{turn}"), "--proxy", self.proxy_url, "--noproxy=", cwd=self.path(turn),
                             env={"npm_config_userconfig": self.path("userrc"), "npm_config_globalconfig": self.path("globalrc")})
            self.assertEqual(self.read(f"{turn}/node_modules/larder-b/i.js"), b"module.exports='larder-b'")
        tarballs = [r.target for r in origin.requests if r.target.endswith(".tgz")]
        self.assertEqual(len(tarballs), 2, f"tarballs came from the origin twice: {tarballs}")


class Python(Programs):
    def test_urllib(self):
        nginx = self.nginx(extra="expires 1h;")
        nginx.write("simple/index.html", "<a>index</a>")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": self.proxy_url}))
        for _ in range(2):
            with opener.open(nginx.url("/simple/index.html"), timeout=30) as response:
                self.assertEqual(response.read(), b"<a>index</a>")
        self.assertEqual(len(nginx.log()), 1)

    def test_tunnel_of_http_client(self):
        """http.client.set_tunnel asks CONNECT with HTTP/1.0 and without Host, as pip's urllib3 does."""
        nginx = self.nginx()
        nginx.write("t.txt", "tunnelled")
        proxy = self.larder({"access.connect_ports": f"[{nginx.port}]"})
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=30)
        self.addCleanup(connection.close)
        connection.set_tunnel("127.0.0.1", nginx.port)
        connection.request("GET", "/t.txt")
        self.assertEqual(connection.getresponse().read(), b"tunnelled")


if __name__ == "__main__":
    unittest.main()
