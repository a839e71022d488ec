"""Just enough PNG: writes small pictures of one colour, reads what Chromium's screenshots are."""

import struct
import zlib


def solid(width, height, colour):
    """A PNG of one (r, g, b)."""
    def piece(kind, data):
        return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes(colour) * width) * height
    return (b"\x89PNG\r\n\x1a\n" + piece(b"IHDR", struct.pack("!IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + piece(b"IDAT", zlib.compress(rows)) + piece(b"IEND", b""))


class Picture:
    def __init__(self, data):
        if data[:8] != b"\x89PNG\r\n\x1a\n":
            raise ValueError("no PNG")
        at, packed = 8, b""
        while at < len(data):
            size, kind = struct.unpack("!I4s", data[at : at + 8])
            content = data[at + 8 : at + 8 + size]
            if kind == b"IHDR":
                self.width, self.height, depth, colour, _, _, interlace = struct.unpack("!IIBBBBB", content)
                if depth != 8 or colour not in (2, 6) or interlace:
                    raise ValueError(f"depth {depth}, colour type {colour}, interlace {interlace}")
                self._step = 3 if colour == 2 else 4
            elif kind == b"IDAT":
                packed += content
            at += 12 + size
        self._rows = self._unfilter(zlib.decompress(packed))

    def _unfilter(self, raw):
        step, length = self._step, self.width * self._step
        rows, before = [], bytearray(length)
        for y in range(self.height):
            kind = raw[y * (length + 1)]
            row = bytearray(raw[y * (length + 1) + 1 : (y + 1) * (length + 1)])
            if kind == 1:
                for i in range(step, length):
                    row[i] = (row[i] + row[i - step]) & 255
            elif kind == 2:
                for i in range(length):
                    row[i] = (row[i] + before[i]) & 255
            elif kind == 3:
                for i in range(length):
                    row[i] = (row[i] + ((row[i - step] if i >= step else 0) + before[i]) // 2) & 255
            elif kind == 4:
                for i in range(length):
                    left, up, corner = (row[i - step], before[i], before[i - step]) if i >= step else (0, before[i], 0)
                    guess = left + up - corner
                    a, b, c = abs(guess - left), abs(guess - up), abs(guess - corner)
                    row[i] = (row[i] + (left if a <= b and a <= c else up if b <= c else corner)) & 255
            rows.append(row)
            before = row
        return rows

    def at(self, x, y):
        return tuple(self._rows[y][x * self._step : x * self._step + 3])

    def colours(self):
        return {self.at(x, y) for y in range(0, self.height, 4) for x in range(0, self.width, 4)}
