"""A raw client: says exactly the bytes it is told and reads answers strictly."""

import socket
import struct

import wire


class Client:
    """One connection to the proxy (or to anything that speaks HTTP/1)."""

    def __init__(self, port, host="127.0.0.1", timeout=wire.TIMEOUT, source=None, receive_buffer=None):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if source:
            self.sock.bind((source, 0))
        self.sock.connect((host, port))
        self.timeout = timeout
        self.reader = wire.Reader(self.sock, timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.sock.settimeout(self.timeout)
        self.sock.sendall(data)

    def send_request(self, method, target, fields=(), body=None, minor=1, chunked=False):
        self.send(wire.request_bytes(method, target, fields, body, minor, chunked=chunked))

    def read(self, method="GET", minor=1):
        return wire.read_response(self.reader, method, minor)

    def read_head(self):
        """A head of any status; follow it with wire.finish_response or reads of your own."""
        return wire.read_response_head(self.reader)

    def ask(self, method, target, fields=(), body=None, minor=1, chunked=False):
        self.send_request(method, target, fields, body, minor, chunked)
        return self.read(method, minor)

    def get(self, target, fields=(), minor=1):
        return self.ask("GET", target, fields, minor=minor)

    def at_end(self):
        """Waits for the peer's close; False when more bytes come."""
        return self.reader.at_end()

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def close(self):
        self.sock.close()

    def abort(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def ask(port, method, target, fields=(), body=None, minor=1, host="127.0.0.1", source=None, timeout=wire.TIMEOUT):
    """One request on a connection of its own."""
    with Client(port, host, timeout, source) as client:
        return client.ask(method, target, fields, body, minor)
