"""Origins that do what a test says, byte by byte, and remember all that was asked of them."""

import socket
import struct
import threading
import time
import traceback

import wire

_used_ports = set()


def listen(host="127.0.0.1", port=0, backlog=512):
    """A listening socket on a port that this process never handed out before (so that cache keys never meet again)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kept = []
    try:
        while True:
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((host, port))
            sock.listen(backlog)
            got = sock.getsockname()[1]
            if port or got not in _used_ports:
                _used_ports.add(got)
                return sock
            kept.append(sock)
    finally:
        for extra in kept:
            extra.close()


class Connection:
    """One connection that the proxy opened to an origin."""

    def __init__(self, origin, sock, number):
        self.origin = origin
        self.sock = sock
        self.number = number  # 1 for the origin's first
        self.reader = wire.Reader(sock, origin.timeout)
        self.served = 0
        self.open = True

    def read_head(self):
        request = wire.read_request_head(self.reader)
        if request is not None:
            request.connection = self.number
            self.origin._record(request)
        return request

    def read(self):
        """The next request with its body, or None at the end."""
        request = self.read_head()
        if request is not None:
            wire.finish_request(self.reader, request)
        return request

    def send(self, data):
        self.sock.settimeout(self.origin.timeout)
        self.sock.sendall(data)

    def send_slowly(self, data):
        """Each byte in a segment of its own."""
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(data)):
            self.send(data[i : i + 1])

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def close(self):
        if self.open:
            self.open = False
            try:
                self.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self.sock.close()

    def reset(self):
        """Ends with a RST: the peer sees the connection die, not end."""
        if self.open:
            self.open = False
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.sock.close()

    def wait_closed(self):
        """True once the proxy has closed (or reset) its side."""
        return self.reader.at_end()


class Origin:
    """An origin server. `respond(request, connection)` returns bytes to send, or None when it did all itself.

    With `per_connection`, the function is called once with each connection instead. Whatever goes wrong in them is kept in
    `problems`, which the test case checks at its end.
    """

    def __init__(self, respond=None, per_connection=None, host="127.0.0.1", port=0, timeout=wire.TIMEOUT):
        self.respond = respond
        self.per_connection = per_connection
        self.host = host
        self.timeout = timeout
        self.requests = []
        self.problems = []
        self.connections = []
        self._lock = threading.Condition()
        self._listener = listen(host, port)
        self.port = self._listener.getsockname()[1]
        self._closing = False
        self._thread = threading.Thread(target=self._accept, name=f"origin-{self.port}", daemon=True)
        self._thread.start()

    @classmethod
    def script(cls, *responses, **kw):
        """Answers the n-th request with the n-th of `responses` (bytes, or a function of request and connection) and
        calls any further one a problem: this is how a hit is proven."""
        lock = threading.Lock()
        left = list(responses)

        def respond(request, connection):
            with lock:
                if not left:
                    connection.origin.problem(f"asked once too often: {request}")
                    return wire.response_bytes(500, {"Connection": "close"}, b"the script is at its end")
                step = left.pop(0)
            return step(request, connection) if callable(step) else step

        return cls(respond, **kw)

    @property
    def authority(self):
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def url(self, path="/"):
        return f"http://{self.authority}{path}"

    def problem(self, text):
        with self._lock:
            self.problems.append(text)

    def _record(self, request):
        with self._lock:
            self.requests.append(request)
            self._lock.notify_all()

    def wait_requests(self, count, timeout=None):
        """Waits until `count` requests have been seen (their heads)."""
        with self._lock:
            ok = self._lock.wait_for(lambda: len(self.requests) >= count, timeout or self.timeout)
        if not ok:
            raise AssertionError(f"origin saw {len(self.requests)} requests, waited for {count}")

    def wait_connections(self, count, timeout=None):
        with self._lock:
            ok = self._lock.wait_for(lambda: len(self.connections) >= count, timeout or self.timeout)
        if not ok:
            raise AssertionError(f"origin saw {len(self.connections)} connections, waited for {count}")

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if self._closing:
                    sock.close()
                    return
                connection = Connection(self, sock, len(self.connections) + 1)
                self.connections.append(connection)
                self._lock.notify_all()
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection):
        try:
            if self.per_connection:
                self.per_connection(connection)
            else:
                self._serve(connection)
        except (wire.Closed, ConnectionError, BrokenPipeError):
            pass  # the proxy left in the middle: some tests want just that
        except OSError as error:
            if not self._closing and connection.open:
                self.problem(f"{type(error).__name__}: {error}")
        except Exception:
            if not self._closing:
                self.problem(traceback.format_exc())
        finally:
            connection.close()

    def _serve(self, connection):
        while connection.open:
            try:
                request = connection.read()
            except TimeoutError:
                return  # an idle connection that nobody used again
            if request is None:
                return
            if not request.complete:
                return
            data = self.respond(request, connection)
            connection.served += 1
            if data is None:
                continue
            connection.send(data)
            if b"\r\nConnection: close\r\n" in data.split(b"\r\n\r\n", 1)[0] + b"\r\n":
                return

    def close(self):
        with self._lock:
            if self._closing:
                return
            self._closing = True
            connections = list(self.connections)
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        for connection in connections:
            connection.close()
        self._thread.join(5)


class Blackhole:
    """An address that swallows connection attempts: a listener whose queue is full, so that the kernel drops each SYN."""

    def __init__(self, host="127.0.0.1", port=0):
        self._listener = listen(host, port, backlog=0)
        self.host = host
        self.port = self._listener.getsockname()[1]
        self._fill = []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.settimeout(0.25)
            self._fill.append(sock)
            try:
                sock.connect((host, self.port))
            except (socket.timeout, TimeoutError):
                return  # this one got no answer: full
        raise AssertionError("could not fill the queue")

    def url(self, path="/"):
        return f"http://{self.host}:{self.port}{path}"

    def close(self):
        for sock in self._fill:
            sock.close()
        self._listener.close()


class DnsServer:
    """A DNS server over UDP. `zone` maps a name to a list of (type, value, ttl) with type "A" or "AAAA", to "NXDOMAIN",
    "SERVFAIL", or to "SILENT" (no answer). Names that are not there do not exist. Counts its questions."""

    TYPES = {"A": 1, "AAAA": 28}

    def __init__(self, zone=None, negative_ttl=1, port=0):
        self.zone = dict(zone or {})
        self.negative_ttl = negative_ttl
        self.questions = []  # (name, type)
        self.problems = []
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.0.1", port))
        self.port = self._sock.getsockname()[1]
        self._lock = threading.Lock()
        self._closing = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def count(self, name, kind=None):
        with self._lock:
            return sum(1 for n, t in self.questions if n == name.lower() and kind in (None, t))

    def _run(self):
        while True:
            try:
                packet, peer = self._sock.recvfrom(4096)
            except OSError:
                return
            if self._closing:
                return
            try:
                answer = self._answer(packet)
                if answer is not None:
                    self._sock.sendto(answer, peer)
            except Exception:
                self.problems.append(traceback.format_exc())

    def _answer(self, packet):
        labels, at = [], 12
        while packet[at]:
            labels.append(packet[at + 1 : at + 1 + packet[at]].decode("ascii"))
            at += 1 + packet[at]
        question = packet[12 : at + 5]
        kind = struct.unpack("!H", packet[at + 1 : at + 3])[0]
        # evdns spells names in mIxEd case (the 0x20 trick): compare without case, answer with the question as it was.
        name = ".".join(labels).lower()
        known = {1: "A", 28: "AAAA"}.get(kind, str(kind))
        with self._lock:
            self.questions.append((name, known))
            entry = self.zone.get(name, "NXDOMAIN")
        if entry == "SILENT":
            return None
        rcode = {"NXDOMAIN": 3, "SERVFAIL": 2}.get(entry, 0) if isinstance(entry, str) else 0
        records = [] if isinstance(entry, str) else [r for r in entry if r[0] == known]
        out = b""
        for _, value, ttl in records:
            data = socket.inet_pton(socket.AF_INET6 if ":" in value else socket.AF_INET, value)
            out += b"\xc0\x0c" + struct.pack("!HHIH", self.TYPES[known], 1, ttl, len(data)) + data
        authority = 0
        if not records and rcode in (0, 3):
            soa = b"\xc0\x0c" + b"\xc0\x0c" + struct.pack("!IIIII", 1, 60, 60, 60, self.negative_ttl)
            out += b"\xc0\x0c" + struct.pack("!HHIH", 6, 1, self.negative_ttl, len(soa)) + soa
            authority = 1
        head = packet[:2] + struct.pack("!HHHHH", 0x8580 | rcode, 1, len(records), authority, 0)
        return head + question + out

    def close(self):
        self._closing = True
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bell:
                bell.sendto(b"", ("127.0.0.1", self.port))
        finally:
            self._thread.join(5)
            self._sock.close()
