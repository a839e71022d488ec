"""Responses that the proxy must not pass on: (name, the raw bytes an origin answers with before it closes, expected).

Expected {502}: the head or its framing is malformed, the client gets Larder's own 502. Expected "truncated": the head is fine
but its body breaks; the client must see a cut connection (or a 502), never a body that looks complete. Every row would give
b"not this" to a client whose proxy is lenient. Bytes only, no HTTP library.
"""

BODY = b"not this"
CL = b"Content-Length: 8"
TE = b"Transfer-Encoding: chunked"
END = b"0\r\n\r\n"

RESPONSES = []


def row(name, raw):
    RESPONSES.append((name, raw, {502}))


def truncated(name, raw):
    RESPONSES.append((name, raw, "truncated"))


def head(*lines, line=b"HTTP/1.1 200 OK"):
    return b"\r\n".join((line, b"Cache-Control: max-age=600", *lines)) + b"\r\n\r\n"


# --- the status line ----------------------------------------------------------------------------------------------------

for name, line in {
    "HTTP/2.0": b"HTTP/2.0 200 OK",
    "HTTP/0.9": b"HTTP/0.9 200 OK",
    "version in lower case": b"http/1.1 200 OK",
    "version without a minor digit": b"HTTP/1 200 OK",
    "version 1.10": b"HTTP/1.10 200 OK",
    "another protocol": b"ICY 200 OK",
    "no version": b"200 OK",
    "a leading blank": b" HTTP/1.1 200 OK",
    "two spaces before the status": b"HTTP/1.1  200 OK",
    "a tab before the status": b"HTTP/1.1\t200 OK",
    "no status": b"HTTP/1.1",
    "an empty status": b"HTTP/1.1  OK",
    "a status of two digits": b"HTTP/1.1 20 OK",
    "a status of four digits": b"HTTP/1.1 2000 OK",
    "a status with a letter": b"HTTP/1.1 2x0 OK",
    "a status with a sign": b"HTTP/1.1 +20 OK",
    "a hexadecimal status": b"HTTP/1.1 0xc8 OK",
    "status 000": b"HTTP/1.1 000 OK",
    "status 099": b"HTTP/1.1 099 OK",
    "a tab after the status": b"HTTP/1.1 200\tOK",
    "a bare CR in the reason": b"HTTP/1.1 200 O\rK",
    "a bare CR after the status": b"HTTP/1.1 200\rContent-Length: 8",
    "CR CR LF": b"HTTP/1.1 200 OK\r",
    "NUL in the reason": b"HTTP/1.1 200 O\x00K",
    "ESC in the reason": b"HTTP/1.1 200 O\x1bK",
    "a request": b"GET / HTTP/1.1",
    "an endless reason": b"HTTP/1.1 200 " + b"r" * 70_000,
}.items():
    row("status line: " + name, head(CL, line=line) + BODY)
row("status line: ends in a bare LF", b"HTTP/1.1 200 OK\n" + CL + b"\r\n\r\n" + BODY)
row("every line ends in a bare LF", b"HTTP/1.1 200 OK\n" + CL + b"\n\n" + BODY)
row("an empty line before the status line", b"\r\n" + head(CL) + BODY)
row("a body without a head (HTTP/0.9)", b"<html>" + BODY + b"</html>\r\n\r\n")
row("the head never ends", b"HTTP/1.1 200 OK\r\n" + CL + b"\r\n")
row("a malformed interim response before a good one", b"HTTP/1.1 103 Early\r\nA : b\r\n\r\n" + head(CL) + BODY)
row("a malformed response after a good interim one", b"HTTP/1.1 100 Continue\r\n\r\n" + head(CL, b"A : b") + BODY)

# --- field lines --------------------------------------------------------------------------------------------------------

for name, line in {
    "no colon": b"Secret",
    "an empty name": b": value",
    "a space before the colon": b"Secret : value",
    "a tab before the colon": b"Secret\t: value",
    "a blank inside the name": b"Se cret: value",
    "@ in the name": b"Se@cret: value",
    "NUL in the name": b"Se\x00cret: value",
    "obs-text in the name": b"S\xe9cret: value",
    "NUL in the value": b"Secret: va\x00lue",
    "BEL in the value": b"Secret: va\x07lue",
    "DEL in the value": b"Secret: va\x7flue",
    "a bare CR in the value": b"Secret: va\rlue",
    "a bare CR that hides a field": b"Secret: value\rSet-Cookie: a=b",
    "a bare LF that hides a field": b"Secret: value\nSet-Cookie: a=b",
    "CR CR LF": b"Secret: value\r",
    "obs-fold": b"Secret: value\r\n more",
    "obs-fold by a tab": b"Secret: value\r\n\tmore",
    "70 KB": b"Secret: " + b"v" * 70_000,
}.items():
    row("field: " + name, head(CL, line, b"Accept-Ranges: none") + BODY)
row("field: white space before the first", b"HTTP/1.1 200 OK\r\n " + CL + b"\r\n\r\n" + BODY)
row("field: 300 of them", head(CL, *(b"Secret-%d: v" % i for i in range(300))) + BODY)
row("the head's empty line is a bare LF", b"HTTP/1.1 200 OK\r\n" + CL + b"\r\n\n" + BODY)

# --- framing ------------------------------------------------------------------------------------------------------------

for name, value in {
    "empty": b"",
    "+8": b"+8",
    "-1": b"-1",
    "hexadecimal": b"0x8",
    "words": b"eight",
    "a decimal point": b"8.0",
    "two numbers": b"8 8",
    "a parameter": b"8;a=b",
    "2^63": b"9223372036854775808",
    "2^64 + 8, which wraps to 8": b"18446744073709551624",
    "20 digits with leading zeros": b"00000000000000000008",
    "a list that differs": b"8, 9",
    "a list that ends in a comma": b"8,",
    "a list that begins with a comma": b",8",
}.items():
    row("Content-Length: " + name, head(b"Content-Length: " + value) + BODY)
row("Content-Length: two that differ", head(CL, b"Content-Length: 3") + BODY)
row("Content-Length: two that differ, the other way", head(b"Content-Length: 3", CL) + BODY)
row("Content-Length: bad in HTTP/1.0", head(b"Content-Length: 8x", line=b"HTTP/1.0 200 OK") + BODY)
row("Content-Length: bad in a 404", head(b"Content-Length: x", line=b"HTTP/1.1 404 Not Found") + BODY)
row("Content-Length: bad in a 304", head(b"Content-Length: x", line=b"HTTP/1.1 304 Not Modified"))
row("Content-Length: bad in a 204", head(b"Content-Length: 1, 2", line=b"HTTP/1.1 204 No Content"))

CODED = b"8\r\n" + BODY + b"\r\n" + END
for name, value in {
    "empty": b"",
    "identity": b"identity",
    "gzip alone": b"gzip",
    "gzip, chunked": b"gzip, chunked",
    "xchunked": b"xchunked",
    "chunked with a parameter": b"chunked;q=1",
    "chunked twice": b"chunked, chunked",
    "chunked not last": b"chunked, identity",
    "a comma before": b",chunked",
    "a comma after": b"chunked,",
    "quoted": b'"chunked"',
    "a no-break space before": b"\xa0chunked",
    "a vertical tab before": b"\x0bchunked",
}.items():
    row("Transfer-Encoding: " + name, head(b"Transfer-Encoding: " + value) + CODED)
row("Transfer-Encoding: chunked in two lines", head(TE, TE) + CODED)
row("Transfer-Encoding: gzip and chunked in two lines", head(b"Transfer-Encoding: gzip", TE) + CODED)
row("Transfer-Encoding: in HTTP/1.0", head(TE, line=b"HTTP/1.0 200 OK") + CODED)
row("both: length first", head(CL, TE) + CODED)
row("both: coding first", head(TE, CL) + CODED)
row("both: length covers the chunked body", head(b"Content-Length: %d" % len(CODED), TE) + CODED)
row("both: in a 204", head(CL, TE, line=b"HTTP/1.1 204 No Content"))
row("both: an empty coding", head(CL, b"Transfer-Encoding:") + BODY)

# --- bodies that break --------------------------------------------------------------------------------------------------

truncated("length 8, no byte", head(CL))
truncated("length 8, one byte short", head(CL) + BODY[:-1])
truncated("length 8, one byte short, HTTP/1.0", head(CL, line=b"HTTP/1.0 200 OK") + BODY[:-1])
truncated("length of 2^63 - 1", head(b"Content-Length: 9223372036854775807") + BODY)
for name, size in {
    "0x before the size": b"0x8",
    "+ before the size": b"+8",
    "- before the size": b"-8",
    "a blank before the size": b" 8",
    "a blank after the size": b"8 ",
    "a tab after the size": b"8\t",
    "no size": b"",
    "an extension without a size": b";a=b",
    "a size with a letter behind": b"8g",
    "NUL after the size": b"8\x00",
    "a size of 2^64 + 8, which wraps to 8": b"10000000000000008",
    "a size of 2^63": b"8000000000000000",
    "a size of 2^64 - 1": b"f" * 16,
    "a bare CR in the extension": b"8;a\rb",
    "a bare LF in the extension": b"8;a\nb",
    "NUL in the extension": b"8;a\x00b",
    "an endless extension": b"8;" + b"x" * 9000,
}.items():
    truncated("chunk: " + name, head(TE) + size + b"\r\n" + BODY + b"\r\n" + END)
truncated("chunk: a bare LF after the size", head(TE) + b"8\n" + BODY + b"\r\n" + END)
truncated("chunk: a bare LF after the content", head(TE) + b"8\r\n" + BODY + b"\n" + END)
truncated("chunk: nothing after the content", head(TE) + b"8\r\n" + BODY + END)
truncated("chunk: content longer than its size", head(TE) + b"7\r\n" + BODY + b"\r\n" + END)
truncated("chunk: content shorter than its size", head(TE) + b"9\r\n" + BODY + b"\r\n" + END)
truncated("chunk: an empty line between chunks", head(TE) + b"8\r\n" + BODY + b"\r\n\r\n" + END)
truncated("chunk: the second is bad", head(TE) + b"8\r\n" + BODY + b"\r\n0x1\r\na\r\n" + END)
truncated("chunk: no chunk at all", head(TE))
truncated("chunk: the body is not chunked", head(TE) + BODY)
truncated("chunk: cut inside the content", head(TE) + b"9\r\n" + BODY)
truncated("chunk: no last chunk", head(TE) + b"8\r\n" + BODY + b"\r\n")
truncated("chunk: cut after the last chunk's size", head(TE) + b"8\r\n" + BODY + b"\r\n0\r\n")
truncated("chunk: the last line ends in a bare LF", head(TE) + b"8\r\n" + BODY + b"\r\n0\r\n\n")
for name, line in {
    "no colon": b"Secret",
    "a space before the colon": b"Secret : value",
    "obs-fold": b"Secret: value\r\n more",
    "a bare CR": b"Secret: va\rlue",
    "a bare LF": b"Secret: value\nX: y",
    "NUL": b"Secret: va\x00lue",
    "70 KB": b"Secret: " + b"v" * 70_000,
    "300 fields": b"\r\n".join([b"Secret: v"] * 300),
    "cut": b"Secret: value\r\nX",
}.items():
    end = b"" if name == "cut" else b"\r\n\r\n"
    truncated("trailer: " + name, head(TE) + b"8\r\n" + BODY + b"\r\n0\r\n" + line + end)
