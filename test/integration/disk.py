"""What the tests of the disk tier share: folders, proxies that come and go on them, and the files as FORMAT.md has them."""

import collections
import ctypes
import hashlib
import json
import os
import shutil
import signal
import struct
import subprocess
import tempfile

from harness import ProxyCase, response_bytes, time

SEGMENT_HEADER = RECORD_HEADER = UNIT = 64
FOOTER_TAIL = 64
BLOCK = 65536

Record = collections.namedtuple("Record", "offset variant sequence key_size head_size body_size")


def content(name, size, version=0):
    """The body of that name and version: any two differ."""
    return hashlib.shake_128(f"{name} {version}".encode()).digest(size)


def page(body=b"", fields="max-age=6000", status=200, **kw):
    return response_bytes(status, fields if isinstance(fields, (dict, list)) else {"Cache-Control": fields}, body, **kw)


def segments(folder):
    """The segments' paths, the oldest first."""
    return sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".seg"))


def records(path):
    """The records of a segment, read header by header."""
    with open(path, "rb") as file:
        data = file.read()
    found, at = [], SEGMENT_HEADER
    while data[at : at + 4] == b"LRec":
        variant, _, sequence, _, key, head, body = struct.unpack_from("<HHQQIIQ", data, at + 4)
        found.append(Record(at, variant, sequence, key, head, body))
        size = RECORD_HEADER + key + head + body + (body + BLOCK - 1) // BLOCK * 8
        at += (size + UNIT - 1) // UNIT * UNIT
    return found


def flip(path, offset, bit=3):
    """Turns one bit over; a negative offset counts from the end."""
    with open(path, "r+b") as file:
        file.seek(offset, os.SEEK_SET if offset >= 0 else os.SEEK_END)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1 << bit]))


def overwrite(path, offset, data):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def folder_bytes(folder):
    """Bytes of all files; None when a file came or went meanwhile."""
    try:
        names = sorted(os.listdir(folder))
        total = sum(os.stat(os.path.join(folder, name)).st_size for name in names)
        return total if sorted(os.listdir(folder)) == names else None
    except FileNotFoundError:
        return None


def own_mounts():
    """What this test process mounts from now on is its own and goes with it. Called from setUpModule."""
    if ctypes.CDLL(None, use_errno=True).unshare(0x00020000) != 0:  # CLONE_NEWNS
        raise OSError("unshare(); these tests want root")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


class DiskCase(ProxyCase):
    """Each test starts its own proxies, one after the other, on a folder of its own."""

    has_own_proxies = True

    def setUp(self):
        super().setUp()
        self.folder = os.path.join(self.new_folder(), "larder")

    def new_folder(self):
        path = tempfile.mkdtemp(prefix="larder-disk-")
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        return path

    def mounted(self, what):
        """A folder on which `what` (arguments of mount) is mounted."""
        path = self.new_folder()
        subprocess.run(["mount", *what.split(), path], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", path], check=False)
        return path

    def on_new_folder(self):
        """What starts next finds nothing."""
        if self.proxy is not None:
            self.stop()
        self.folder = os.path.join(self.new_folder(), "larder")

    def start(self, keys=None, folder=None, **kw):
        """A proxy on the folder, once all that is there is loaded; the one before is stopped."""
        if self.proxy is not None:
            self.stop()
        self.proxy = self.larder({"cache.disk.path": json.dumps(folder or self.folder), **(keys or {})}, **kw)
        if kw.get("wait", True):
            self.wait_loaded()
        return self.proxy

    def stop(self):
        proxy, self.proxy = self.proxy, None
        proxy.stop()

    def kill(self):
        """kill -9, and nothing else is held against it."""
        proxy, self.proxy = self.proxy, None
        proxy.signal(signal.SIGKILL)
        proxy.process.wait()
        proxy._join()
        del proxy.bad_log[-1:]  # the line of the access log that was being written
        proxy.judge(-signal.SIGKILL)

    def end(self, how):
        self.kill() if how == signal.SIGKILL else self.stop()

    def wait_loaded(self, timeout=20.0):
        self.proxy.wait_metric('larder_cache_disk_state{state="loading"}', lambda v: v == 0, timeout)

    def wait_stored(self, count):
        """Until so many responses were written since the start."""
        return self.proxy.wait_metric("larder_cache_disk_stores_total", lambda v: v >= count, 10.0)

    def wait_state(self, state, timeout=20.0):
        self.proxy.wait_metric(f'larder_cache_disk_state{{state="{state}"}}', lambda v: v == 1, timeout)

    def errors(self):
        """{"checksum": 2}: what was counted since the start."""
        head = 'larder_cache_errors_total{kind="'
        return {name[len(head) : -2]: int(v) for name, v in self.proxy.metrics().items() if name.startswith(head) and v}

    def said(self, *words):
        """The lines of stderr with all these words."""
        return [line for line in list(self.proxy.stderr) if all(word in line for word in words)]

    def wait_said(self, *words, timeout=20.0):
        self.proxy.wait_until(lambda: self.said(*words), f"a line with {words}", timeout)

    def wait_until(self, question, what, timeout=20.0):
        """For what makes no event: a file's size, a clock."""
        deadline = time.monotonic() + timeout
        while not question():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.01)

    def shut(self, origin):
        """From now on whoever asks it is wrong: this is how a hit is proven."""

        def refuse(request, connection):
            connection.origin.problem(f"asked again: {request}")
            return page(b"asked again", "no-store", 500)

        origin.respond = refuse
