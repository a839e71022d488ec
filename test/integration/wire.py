"""HTTP/1 as the tests read it: strict, small and Larder's opposite number. Raises ProtocolError where a peer breaks RFC 9112."""

import re
import socket
import time

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9]) ([\t\x20-\x7e\x80-\xff]*)\Z")
REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) HTTP/1\.([01])\Z")
CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}\Z")
VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*\Z")
TIMEOUT = 20.0


class ProtocolError(Exception):
    """The peer sent what RFC 9112 forbids."""


class Closed(Exception):
    """The peer closed (or reset) where more was due. `got` is what had come of the unfinished piece."""

    def __init__(self, got=b"", reset=False):
        super().__init__(f"closed{' by reset' if reset else ''} after {got[:200]!r}")
        self.got = got
        self.reset = reset


class Fields:
    """Field lines in their order; names compare without case."""

    def __init__(self, lines=()):
        self.lines = [(n, v) for n, v in lines]

    def all(self, name):
        return [v for n, v in self.lines if n.lower() == name.lower()]

    def get(self, name, default=None):
        values = self.all(name)
        return ", ".join(values) if values else default

    def __contains__(self, name):
        return bool(self.all(name))

    def members(self, name):
        """The members of a list field, stripped, without empty ones."""
        return [m.strip() for v in self.all(name) for m in v.split(",") if m.strip()]

    def __repr__(self):
        return repr(self.lines)


class Message:
    """What requests and responses share: `raw_head`, `minor`, `fields`, `body`, `trailers`, `complete`."""

    def __init__(self):
        self.raw_head = b""
        self.minor = 1
        self.fields = Fields()
        self.body = b""
        self.trailers = Fields()
        self.framing = "none"  # none, length, chunked, close
        self.complete = False
        self.reset = False  # ended by a reset rather than by a close

    def __getitem__(self, name):
        return self.fields.get(name)


class Request(Message):
    method = target = ""

    def __repr__(self):
        return f"<{self.method} {self.target} {self.fields}>"


class Response(Message):
    status = 0
    reason = ""
    interims = ()

    def __repr__(self):
        return f"<{self.status} {self.fields} body={self.body[:60]!r}{'' if self.complete else ' CUT'}>"


class Reader:
    """Buffered, strict reading from a socket. Every call is bounded by a deadline."""

    def __init__(self, sock, timeout=TIMEOUT):
        self.sock = sock
        self.timeout = timeout
        self.buffer = bytearray()
        self.eof = False
        self.reset = False

    def fill(self, deadline, most=65536):
        """Reads once; False at the end of the stream."""
        if self.eof:
            return False
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"nothing more within {self.timeout} s; buffered {bytes(self.buffer[:200])!r}")
        self.sock.settimeout(left)
        try:
            data = self.sock.recv(most)
        except (ConnectionResetError, BrokenPipeError):
            self.reset = True
            data = b""
        except socket.timeout:
            raise TimeoutError(f"nothing more within {self.timeout} s; buffered {bytes(self.buffer[:200])!r}") from None
        if not data:
            self.eof = True
            return False
        self.buffer += data
        return True

    def until(self, mark, most):
        deadline = time.monotonic() + self.timeout
        start = 0
        while True:
            at = self.buffer.find(mark, start)
            if at >= 0:
                out = bytes(self.buffer[: at + len(mark)])
                del self.buffer[: at + len(mark)]
                return out
            if len(self.buffer) > most:
                raise ProtocolError(f"no {mark!r} within {most} bytes")
            start = max(0, len(self.buffer) - len(mark) + 1)
            if not self.fill(deadline):
                raise Closed(bytes(self.buffer), self.reset)

    def exactly(self, count):
        deadline = time.monotonic() + self.timeout
        while len(self.buffer) < count:
            if not self.fill(deadline):
                got = bytes(self.buffer)
                self.buffer.clear()
                raise Closed(got, self.reset)
        out = bytes(self.buffer[:count])
        del self.buffer[:count]
        return out

    def some(self):
        """Whatever is there or comes next; b"" at the end."""
        if not self.buffer and not self.fill(time.monotonic() + self.timeout):
            return b""
        out = bytes(self.buffer)
        self.buffer.clear()
        return out

    def to_end(self):
        deadline = time.monotonic() + self.timeout
        while self.fill(deadline):
            pass
        out = bytes(self.buffer)
        self.buffer.clear()
        return out

    def at_end(self):
        """Waits for the peer's close; False when bytes come instead."""
        if self.buffer:
            return False
        return not self.fill(time.monotonic() + self.timeout)

    def head(self):
        """The start line and field lines, and the raw bytes of all."""
        raw = self.until(b"\r\n\r\n", 1 << 20)
        lines = raw[:-4].split(b"\r\n")
        for line in lines:
            if b"\r" in line or b"\n" in line or b"\0" in line:
                raise ProtocolError(f"control character in {line!r}")
        return lines[0], parse_lines(lines[1:]), raw

    def chunked(self, message, on_data=None):
        """Reads a chunked body into the message; raises Closed with the body so far kept in it."""
        while True:
            line = self.until(b"\r\n", 8192)[:-2]
            size_text = line.split(b";", 1)[0]
            if not CHUNK_SIZE.match(size_text):
                raise ProtocolError(f"chunk size {size_text!r}")
            size = int(size_text, 16)
            if size == 0:
                break
            try:
                data = self.exactly(size)
            except Closed as end:
                message.body += end.got
                raise
            message.body += data
            if self.exactly(2) != b"\r\n":
                raise ProtocolError("no CRLF after a chunk")
        lines = []
        while True:
            line = self.until(b"\r\n", 65536)[:-2]
            if not line:
                break
            lines.append(line)
        message.trailers = Fields(parse_lines(lines))


def parse_lines(lines):
    out = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.match(name):
            raise ProtocolError(f"field line {line!r}")
        value = value.strip(b" \t")
        if not VALUE.match(value):
            raise ProtocolError(f"field value {line!r}")
        out.append((name.decode("ascii"), value.decode("latin-1")))
    return out


def content_length(fields):
    values = {v for v in fields.members("Content-Length")}
    if not values:
        return None
    if len(fields.all("Content-Length")) > 1 or len(values) > 1:
        raise ProtocolError(f"several Content-Length: {fields.all('Content-Length')}")
    value = values.pop()
    if not re.fullmatch(r"[0-9]{1,19}", value):
        raise ProtocolError(f"Content-Length {value!r}")
    return int(value)


def check_framing_fields(fields):
    coding = fields.get("Transfer-Encoding")
    length = content_length(fields)
    if coding is not None and length is not None:
        raise ProtocolError("both Content-Length and Transfer-Encoding")
    if coding is not None and coding.lower() != "chunked":
        raise ProtocolError(f"Transfer-Encoding {coding!r}")
    return coding is not None, length


def read_body(reader, message, chunked, length, until_close):
    try:
        if chunked:
            message.framing = "chunked"
            reader.chunked(message)
        elif length is not None:
            message.framing = "length"
            try:
                message.body = reader.exactly(length)
            except Closed as end:
                message.body = end.got
                raise
        elif until_close:
            message.framing = "close"
            message.body = reader.to_end()
            if reader.reset:
                raise Closed(message.body, True)
        message.complete = True
    except Closed as end:
        message.reset = end.reset
    return message


def read_response_head(reader):
    line, lines, raw = reader.head()
    found = STATUS_LINE.match(line)
    if not found:
        raise ProtocolError(f"status line {line!r}")
    response = Response()
    response.raw_head = raw
    response.minor = int(found[1])
    response.status = int(found[2])
    response.reason = found[3].decode("latin-1")
    response.fields = Fields(lines)
    return response


def read_response(reader, method="GET", request_minor=1):
    """One final response with its body; interim ones are kept in `.interims`. Raises Closed when no head came."""
    interims = []
    while True:
        response = read_response_head(reader)
        if not 100 <= response.status < 200 or response.status == 101:
            break
        if request_minor == 0:
            raise ProtocolError("an interim response to an HTTP/1.0 request (RFC 9110 section 15.2)")
        if "Content-Length" in response.fields or "Transfer-Encoding" in response.fields:
            raise ProtocolError("framing fields in an interim response")
        interims.append(response)
    response.interims = interims
    finish_response(reader, response, method, request_minor)
    return response


def finish_response(reader, response, method="GET", request_minor=1):
    """The body of a response whose head was read by read_response_head."""
    chunked, length = check_framing_fields(response.fields)
    if method == "CONNECT" and 200 <= response.status < 300:
        if chunked or length is not None:
            raise ProtocolError("framing fields in a 2xx to CONNECT (RFC 9110 section 9.3.6)")
        response.complete = True
    elif method == "HEAD" or response.status in (101, 204, 304):
        if response.status in (101, 204) and (chunked or length is not None):
            raise ProtocolError(f"framing fields in a {response.status} (RFC 9110 section 8.6)")
        response.complete = True
    else:
        if chunked and request_minor == 0:
            raise ProtocolError("chunked to an HTTP/1.0 client (RFC 9112 section 6.1)")
        read_body(reader, response, chunked, length, True)
    return response


def read_request_head(reader):
    """A request's head; None when the peer closed between requests."""
    if not reader.buffer and not reader.fill(time.monotonic() + reader.timeout):
        return None
    line, lines, raw = reader.head()
    found = REQUEST_LINE.match(line)
    if not found:
        raise ProtocolError(f"request line {line!r}")
    request = Request()
    request.raw_head = raw
    request.method = found[1].decode("ascii")
    request.target = found[2].decode("ascii")
    request.minor = int(found[3])
    request.fields = Fields(lines)
    return request


def finish_request(reader, request):
    chunked, length = check_framing_fields(request.fields)
    read_body(reader, request, chunked, length, False)
    return request


def response_bytes(status=200, fields=(), body=b"", reason="", chunked=False, trailers=(), length=True):
    """A response as an origin sends it. Content-Length is added unless `chunked`, or not `length`."""
    if isinstance(body, str):
        body = body.encode()
    lines = list(fields.items() if isinstance(fields, dict) else fields)
    out = f"HTTP/1.1 {status} {reason or 'Said'}\r\n"
    for name, value in lines:
        out += f"{name}: {value}\r\n"
    bodiless = status in (204, 304) or 100 <= status < 200
    if chunked:
        out += "Transfer-Encoding: chunked\r\n"
    elif length and not bodiless and not any(n.lower() == "content-length" for n, _ in lines):
        out += f"Content-Length: {len(body)}\r\n"
    out += "\r\n"
    data = out.encode("latin-1")
    if chunked:
        return data + chunk(body) + last_chunk(trailers)
    return data + body


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data) if data else b""


def last_chunk(trailers=()):
    return b"0\r\n" + b"".join(f"{n}: {v}\r\n".encode("latin-1") for n, v in trailers) + b"\r\n"


def request_bytes(method, target, fields=(), body=None, minor=1, host=None, chunked=False):
    """A request as a client of a proxy sends it; Host is taken from an absolute-form target."""
    lines = list(fields.items() if isinstance(fields, dict) else fields)
    names = {n.lower() for n, _ in lines}
    if host is None and "//" in target:
        host = target.split("//", 1)[1].split("/", 1)[0].split("?", 1)[0]
    out = f"{method} {target} HTTP/1.{minor}\r\n"
    if "host" not in names and host is not None:
        out += f"Host: {host}\r\n"
    for name, value in lines:
        out += f"{name}: {value}\r\n"
    if isinstance(body, str):
        body = body.encode()
    if chunked:
        out += "Transfer-Encoding: chunked\r\n"
    elif body is not None and "content-length" not in names:
        out += f"Content-Length: {len(body)}\r\n"
    data = (out + "\r\n").encode("latin-1")
    if chunked:
        return data + chunk(body or b"") + last_chunk()
    return data + (body or b"")
