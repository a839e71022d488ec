"""Requests that the proxy must refuse: (name, raw bytes, acceptable statuses[, options]).

@ORIGIN@ stands for the origin's host:port. Every row is malformed or ambiguous by its bytes alone, so the answer never waits for
a time-out, and the connection ends after it: many rows carry a second request behind the trouble, which must not be answered.
Option "origin-may-see": the head is fine and may have been forwarded when the body breaks; a complete request never may be.
Bytes only, no HTTP library: nothing here may be tidied up on its way.
"""

URL = b"http://@ORIGIN@/secret"
HOST = b"Host: @ORIGIN@"
NEXT = b"GET " + URL + b" HTTP/1.1\r\n" + HOST + b"\r\n\r\n"  # what a smuggler would like to be taken for a request
MAY_SEE = {"origin-may-see": True}

REQUESTS = []


def row(name, raw, expected=400, options=None):
    statuses = {expected} if isinstance(expected, int) else set(expected)
    REQUESTS.append((name, raw, statuses) if options is None else (name, raw, statuses, options))


def head(*lines, line=b"GET " + URL + b" HTTP/1.1"):
    return b"\r\n".join((line, *lines)) + b"\r\n\r\n"


# --- the request line ---------------------------------------------------------------------------------------------------

def request_line(name, line, expected=400):
    row("request line: " + name, head(HOST, line=line), expected)


request_line("HTTP/0.9", b"GET " + URL)
request_line("a method alone", b"GET")
request_line("nothing but spaces", b"   ")
request_line("a leading space", b" GET " + URL + b" HTTP/1.1")
request_line("a leading tab", b"\tGET " + URL + b" HTTP/1.1")
request_line("two spaces after the method", b"GET  " + URL + b" HTTP/1.1")
request_line("a tab after the method", b"GET\t" + URL + b" HTTP/1.1")
request_line("a vertical tab after the method", b"GET\x0b" + URL + b" HTTP/1.1")
request_line("two spaces before the version", b"GET " + URL + b"  HTTP/1.1")
request_line("a tab before the version", b"GET " + URL + b"\tHTTP/1.1")
request_line("a trailing space", b"GET " + URL + b" HTTP/1.1 ")
request_line("a trailing word", b"GET " + URL + b" HTTP/1.1 x")
request_line("two versions", b"GET " + URL + b" HTTP/1.1 HTTP/1.1")
request_line("a space in the target", b"GET " + URL + b"?a b HTTP/1.1")
request_line("a tab in the target", b"GET " + URL + b"?a\tb HTTP/1.1")
request_line("NUL in the target", b"GET " + URL + b"?a\x00b HTTP/1.1")
request_line("ESC in the target", b"GET " + URL + b"?a\x1bb HTTP/1.1")
request_line("DEL in the target", b"GET " + URL + b"?a\x7fb HTTP/1.1")
request_line("a no-break space before the version", b"GET " + URL + b"\xa0HTTP/1.1")
request_line("a bare CR in the target", b"GET " + URL + b"\rX HTTP/1.1")
request_line("a bare CR at the end", b"GET " + URL + b" HTTP/1.1\rX: y")
request_line("CR CR LF at the end", b"GET " + URL + b" HTTP/1.1\r")
request_line("a method that is no token", b"G@T " + URL + b" HTTP/1.1")
request_line("a method with a colon", b"GET: " + URL + b" HTTP/1.1")
request_line("NUL in the method", b"GE\x00T " + URL + b" HTTP/1.1")
request_line("a method of 65 bytes", b"M" * 65 + b" " + URL + b" HTTP/1.1", 501)
request_line("version in lower case", b"GET " + URL + b" http/1.1")
request_line("version without a minor digit", b"GET " + URL + b" HTTP/1")
request_line("version 1.", b"GET " + URL + b" HTTP/1.")
request_line("version 1.10", b"GET " + URL + b" HTTP/1.10")
request_line("version 01.1", b"GET " + URL + b" HTTP/01.1")
request_line("version 1.1 by a comma", b"GET " + URL + b" HTTP/1,1")
request_line("version of another protocol", b"GET " + URL + b" ICAP/1.0")
request_line("version with a sign", b"GET " + URL + b" HTTP/+1.1")
request_line("HTTP/2.0", b"GET " + URL + b" HTTP/2.0", 505)
request_line("HTTP/0.9 spelled out", b"GET " + URL + b" HTTP/0.9", 505)
request_line("HTTP/9.9", b"GET " + URL + b" HTTP/9.9", 505)
row("request line: ends in a bare LF", b"GET " + URL + b" HTTP/1.1\n" + HOST + b"\r\n\r\n")
row("every line ends in a bare LF", b"GET " + URL + b" HTTP/1.1\n" + HOST + b"\n\n")
row("two empty lines before the request line", b"\r\n\r\n" + NEXT)
row("a bare LF before the request line", b"\n" + NEXT)
row("a bare CR before the request line", b"\r" + NEXT)
row("NUL before the request line", b"\x00" + NEXT)
row("HTTP/2's preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)
row("a TLS ClientHello", bytes.fromhex("16030100c8010000c40303") + bytes(range(189)))
row("a SOCKS5 greeting", b"\x05\x01\x00")
row("a PROXY protocol line", b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n" + NEXT)
row("a response where a request is due", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

# --- the request target: absolute-form, authority-form for CONNECT, * for OPTIONS; nothing else ---------------------------

def target(name, text, method=b"GET", expected=400):
    row("target: " + name, head(HOST, line=method + b" " + text + b" HTTP/1.1"), expected)


target("a relative path", b"secret")
target("a query alone", b"?secret")
target("authority-form for GET", b"@ORIGIN@")
target("authority-form for POST", b"@ORIGIN@", b"POST")
target("* for GET", b"*")
target("* for POST", b"*", b"POST")
target("** for OPTIONS", b"**", b"OPTIONS")
target("a scheme without //", b"http:@ORIGIN@/secret")
target("a scheme with one /", b"http:/@ORIGIN@/secret")
target("no scheme before ://", b"://@ORIGIN@/secret")
target("a scheme with a blank's code in it", b"ht%20tp://@ORIGIN@/secret")
target("no authority", b"http:///secret")
target("no authority, no path", b"http://")
target("userinfo", b"http://user:word@@ORIGIN@/secret")
target("empty userinfo", b"http://@@ORIGIN@/secret")
target("a fragment", URL + b"#part")
target("a backslash in the authority", b"http://@ORIGIN@\\@x.test/secret")
target("a port too large", b"http://127.0.0.1:65616/secret")
target("a port with letters", b"http://127.0.0.1:8o/secret")
target("a negative port", b"http://127.0.0.1:-80/secret")
target("port 0", b"http://127.0.0.1:0/secret")
target("two ports", b"http://@ORIGIN@:80/secret")
target("an open bracket", b"http://[::1/secret")
target("brackets around a name", b"http://[localhost]/secret")
target("an IPv6 address without brackets", b"http://::1/secret")
target("a host with a forbidden character", b"http://local<host/secret")
target("CONNECT with a URI", URL, b"CONNECT")
target("CONNECT with a path", b"/secret", b"CONNECT")
target("CONNECT with *", b"*", b"CONNECT")
target("CONNECT without a port", b"127.0.0.1", b"CONNECT")
target("CONNECT with an empty port", b"127.0.0.1:", b"CONNECT")
target("CONNECT to port 0", b"127.0.0.1:0", b"CONNECT")
target("CONNECT to port 65979", b"127.0.0.1:65979", b"CONNECT")
target("CONNECT with userinfo", b"user@@ORIGIN@", b"CONNECT")
target("CONNECT with a path behind the port", b"@ORIGIN@/secret", b"CONNECT")
target("CONNECT without a host", b":443", b"CONNECT")

# --- field lines --------------------------------------------------------------------------------------------------------

def field(name, line):
    row("field: " + name, head(HOST, line, b"Accept: */*") + NEXT)


field("no colon", b"Secret")
field("an empty name", b": value")
field("a space before the colon", b"Secret : value")
field("a tab before the colon", b"Secret\t: value")
field("a space before Content-Length's colon", b"Content-Length : 5")
field("a space before Transfer-Encoding's colon", b"Transfer-Encoding : chunked")
field("a blank inside the name", b"Se cret: value")
field("@ in the name", b"Se@cret: value")
field("a slash in the name", b"Se/cret: value")
field("parentheses in the name", b"(Secret): value")
field("quotes around the name", b'"Secret": value')
field("NUL in the name", b"Se\x00cret: value")
field("DEL in the name", b"Se\x7fcret: value")
field("obs-text in the name", b"S\xe9cret: value")
field("a no-break space before the name", b"\xa0Secret: value")
field("NUL in the value", b"Secret: va\x00lue")
field("NUL at the end of the value", b"Secret: value\x00")
field("BEL in the value", b"Secret: va\x07lue")
field("ESC in the value", b"Secret: va\x1blue")
field("DEL in the value", b"Secret: va\x7flue")
field("a form feed in the value", b"Secret: \x0cvalue")
field("a bare CR in the value", b"Secret: va\rlue")
field("a bare CR that hides a field", b"Secret: value\rContent-Length: 5")
field("CR CR LF", b"Secret: value\r")
field("a bare LF that hides a field", b"Secret: value\nContent-Length: 5")
field("a bare LF that ends the head for some", b"Secret: value\n\nGET /x HTTP/1.1")
field("obs-fold", b"Secret: value\r\n more")
field("obs-fold by a tab", b"Secret: value\r\n\tmore")
field("obs-fold of blanks alone", b"Secret: value\r\n \r\nX: y")
field("obs-fold of a framing field", b"Transfer-Encoding:\r\n chunked")
row("field: white space before the first", head(b" " + HOST))
row("field: a tab before the first", head(b"\t" + HOST))
row("the head's empty line is a bare LF", b"GET " + URL + b" HTTP/1.1\r\n" + HOST + b"\r\n\n" + NEXT)
row("the head's empty line is CR CR LF", b"GET " + URL + b" HTTP/1.1\r\n" + HOST + b"\r\n\r\r\n" + NEXT)

# --- Host ---------------------------------------------------------------------------------------------------------------

row("Host: missing in HTTP/1.1", head(b"Accept: */*"))
row("Host: missing in HTTP/1.2", head(b"Accept: */*", line=b"GET " + URL + b" HTTP/1.2"))
row("Host: twice the same", head(HOST, HOST))
row("Host: twice, differing", head(HOST, b"host: x.test"))
row("Host: twice in HTTP/1.0", head(HOST, HOST, line=b"GET " + URL + b" HTTP/1.0"))
row("Host: twice for CONNECT", head(HOST, HOST, line=b"CONNECT @ORIGIN@ HTTP/1.1"))
for name, value in {
    "with a blank": b"@ORIGIN@ x.test",
    "with a path": b"@ORIGIN@/x",
    "with a scheme": b"http://@ORIGIN@",
    "with userinfo": b"user@@ORIGIN@",
    "with a port of letters": b"127.0.0.1:x",
    "with a port too large": b"127.0.0.1:99999",
    "with two ports": b"@ORIGIN@:80",
    "with an open bracket": b"[::1",
    "with a query": b"@ORIGIN@?x",
    "with obs-text": b"x\xe9.test",
    "of a port alone": b":80",
}.items():
    row("Host: " + name, head(b"Host: " + value))

# --- Content-Length -----------------------------------------------------------------------------------------------------

def post(*lines, version=b"1.1"):
    return head(HOST, *lines, line=b"POST " + URL + b" HTTP/" + version)


for name, value in {
    "empty": b"",
    "+5": b"+5",
    "-1": b"-1",
    "-0": b"-0",
    "hexadecimal": b"0x5",
    "a letter": b"5a",
    "words": b"five",
    "a decimal point": b"5.0",
    "an exponent": b"5e0",
    "two numbers": b"5 5",
    "a parameter": b"5;a=b",
    "quoted": b'"5"',
    "an underscore": b"5_0",
    "a superscript digit": b"\xb2",
    "a full-width digit": "５".encode(),
    "2^63": b"9223372036854775808",
    "2^64 + 5, which wraps to 5": b"18446744073709551621",
    "20 digits with leading zeros": b"00000000000000000005",
    "a hundred digits": b"5" * 100,
    "a list that differs": b"5, 6",
    "a list that differs in form": b"5, 05",
    "a list that ends in a comma": b"5,",
    "a list that begins with a comma": b",5",
    "a list with an empty member": b"5,,5",
    "a list with a semicolon": b"5; 5",
    "a vertical tab before it": b"\x0b5",
}.items():
    row("Content-Length: " + name, post(b"Content-Length: " + value) + b"hello" + NEXT)
row("Content-Length: two that differ", post(b"Content-Length: 5", b"Content-Length: 0") + b"hello" + NEXT)
row("Content-Length: two that differ, the other way", post(b"Content-Length: 0", b"Content-Length: 5") + b"hello" + NEXT)
row("Content-Length: two apart, in two cases", post(b"Content-Length: 5", b"A: b", b"CONTENT-LENGTH: 6") + b"hello" + NEXT)
row("Content-Length: one good, one empty", post(b"Content-Length: 5", b"Content-Length:") + b"hello" + NEXT)
row("Content-Length: bad on a GET", head(HOST, b"Content-Length: 5x") + b"hello" + NEXT)
row("Content-Length: bad in HTTP/1.0", post(b"Content-Length: +5", version=b"1.0") + b"hello")

# --- Transfer-Encoding --------------------------------------------------------------------------------------------------

BODY = b"0\r\n\r\n" + NEXT
for name, value in {
    "empty": b"",
    "identity": b"identity",
    "gzip alone": b"gzip",
    "xchunked": b"xchunked",
    "chunkedx": b"chunkedx",
    "chunked with a parameter": b"chunked;q=1",
    "chunked twice in a list": b"chunked, chunked",
    "chunked not last": b"chunked, identity",
    "chunked not last, with gzip": b"chunked, gzip",
    "a comma before chunked": b",chunked",
    "a comma after chunked": b"chunked,",
    "quoted": b'"chunked"',
    "in single quotes": b"'chunked'",
    "a no-break space before": b"\xa0chunked",
    "a vertical tab before": b"\x0bchunked",
    "NUL after": b"chunked\x00",
    "another letter that folds to k": "chun\u212aed".encode(),
    "a semicolon before": b";chunked",
    "a colon before": b": chunked",
    "in brackets": b"[chunked]",
}.items():
    row("Transfer-Encoding: " + name, post(b"Transfer-Encoding: " + value) + BODY)
TE = b"Transfer-Encoding: chunked"
row("Transfer-Encoding: gzip, chunked", post(b"Transfer-Encoding: gzip, chunked") + BODY, {400, 501})
row("Transfer-Encoding: gzip and chunked in two lines", post(b"Transfer-Encoding: gzip", TE) + BODY, {400, 501})
row("Transfer-Encoding: identity, chunked", post(b"Transfer-Encoding: identity, chunked") + BODY, {400, 501})
row("Transfer-Encoding: chunked in two lines", post(TE, TE) + BODY)
row("Transfer-Encoding: two lines, the second nonsense", post(TE, b"Transfer-Encoding: cow") + BODY)
row("Transfer-Encoding: two lines, the second empty", post(TE, b"Transfer-Encoding:") + BODY)
row("Transfer-Encoding: in HTTP/1.0", post(TE, version=b"1.0") + BODY)
row("Transfer-Encoding: bad on a GET", head(HOST, b"Transfer-Encoding: chunked, x") + BODY)
row("both: length first", post(b"Content-Length: 5", TE) + BODY)
row("both: coding first", post(TE, b"Content-Length: 5") + BODY)
row("both: length 0", post(b"Content-Length: 0", TE) + BODY)
row("both: length covers the chunked body", post(b"Content-Length: %d" % len(BODY), TE) + BODY)
row("both: an empty length", post(b"Content-Length:", TE) + BODY)
row("both: a coding that is not chunked", post(b"Content-Length: 5", b"Transfer-Encoding: identity") + b"hello" + NEXT)
row("both: an empty coding", post(b"Content-Length: 5", b"Transfer-Encoding:") + b"hello" + NEXT)
row("both: on a GET", head(HOST, b"Content-Length: 5", TE) + BODY)
row("both: in HTTP/1.0", post(b"Content-Length: 5", TE, version=b"1.0") + BODY)
row("CONNECT with a length", head(HOST, b"Content-Length: 5", line=b"CONNECT @ORIGIN@ HTTP/1.1") + b"hello" + NEXT)
row("CONNECT with a coding", head(HOST, TE, line=b"CONNECT @ORIGIN@ HTTP/1.1") + BODY)

# --- what is too long ---------------------------------------------------------------------------------------------------

row("a target of 40 KB", head(HOST, line=b"GET " + URL + b"?" + b"t" * 40_000 + b" HTTP/1.1"), 414)
row("a target of 40 KB without an end", b"GET " + URL + b"?" + b"t" * 40_000, 414)
row("a method of 70 KB", b"M" * 70_000, {400, 501})
row("a field of 70 KB", head(HOST, b"Secret: " + b"v" * 70_000), 431)
row("a field of 70 KB without an end", b"GET " + URL + b" HTTP/1.1\r\n" + HOST + b"\r\nSecret: " + b"v" * 70_000, 431)
row("a field name of 70 KB", head(HOST, b"N" * 70_000 + b": v"), 431)
row("70 KB of fields", head(HOST, *(b"Secret-%d: " % i + b"v" * 700 for i in range(100))), 431)
row("300 fields", head(HOST, *(b"Secret-%d: v" % i for i in range(300))), 431)
row("300 empty Connection fields", head(HOST, *([b"Connection:"] * 300)), 431)

# --- chunked bodies -----------------------------------------------------------------------------------------------------

def chunked(name, body, expected=400):
    row("chunk: " + name, post(TE) + body, expected, MAY_SEE)


END = b"0\r\n\r\n"
for name, size in {
    "0x before the size": b"0x5",
    "0X before the size": b"0X5",
    "+ before the size": b"+5",
    "- before the size": b"-5",
    "a blank before the size": b" 5",
    "a tab before the size": b"\t5",
    "a blank after the size": b"5 ",
    "a tab after the size": b"5\t",
    "a blank before the extension": b"5 ;a=b",
    "no size": b"",
    "an extension without a size": b";a=b",
    "a size that is no number": b"g",
    "a size with a letter behind": b"5g",
    "a size with a comma": b"5,5",
    "a size with a point": b"5.",
    "a size with an underscore": b"0_5",
    "a size with the suffix h": b"5h",
    "a quoted size": b'"5"',
    "a full-width size": "５".encode(),
    "NUL after the size": b"5\x00",
    "a size of 2^64 + 5, which wraps to 5": b"10000000000000005",
    "a size of 2^63": b"8000000000000000",
    "a size of 2^64 - 1": b"f" * 16,
    "a size of forty digits": b"5" * 40,
    "a bare CR after the size": b"5\rx",
    "CR CR LF after the size": b"5\r",
    "a bare CR in the extension": b"5;a\rb",
    "a bare LF in the extension": b"5;a\nb",
    "NUL in the extension": b"5;a\x00b",
    "ESC in the extension": b"5;a=\x1b",
    "an endless extension": b"5;" + b"x" * 9000,
}.items():
    chunked(name, size + b"\r\nhello\r\n" + END + NEXT)
chunked("a bare LF after the size", b"5\nhello\r\n" + END + NEXT)
chunked("a bare LF after the content", b"5\r\nhello\n" + END + NEXT)
chunked("a bare CR after the content", b"5\r\nhello\r" + END + NEXT)
chunked("nothing after the content", b"5\r\nhello" + END + NEXT)
chunked("content longer than its size", b"5\r\nhello!\r\n" + END + NEXT)
chunked("content shorter than its size", b"5\r\nhell\r\n" + END + NEXT)
chunked("an empty line between chunks", b"5\r\nhello\r\n\r\n" + END + NEXT)
chunked("the second chunk is bad", b"5\r\nhello\r\n0x1\r\na\r\n" + END + NEXT)
chunked("bare LFs throughout", b"5\nhello\n0\n\n" + NEXT)
chunked("the last chunk ends in a bare LF", b"5\r\nhello\r\n0\n\r\n" + NEXT)
chunked("the trailer section ends in a bare LF", b"5\r\nhello\r\n0\r\n\n" + NEXT)
for name, line in {
    "no colon": b"Secret",
    "a space before the colon": b"Secret : value",
    "an empty name": b": value",
    "obs-fold": b"Secret: value\r\n more",
    "white space first": b" Secret: value",
    "a bare CR": b"Secret: va\rlue",
    "a bare LF": b"Secret: value\nX: y",
    "NUL": b"Secret: va\x00lue",
    "a request where trailers are due": b"GET /x HTTP/1.1",
}.items():
    chunked("trailer: " + name, b"5\r\nhello\r\n0\r\n" + line + b"\r\n\r\n" + NEXT)
chunked("trailer: 70 KB", b"5\r\nhello\r\n0\r\nSecret: " + b"v" * 70_000 + b"\r\n\r\n" + NEXT, {400, 431})
chunked("trailer: 300 fields", b"5\r\nhello\r\n0\r\n" + b"Secret: v\r\n" * 300 + b"\r\n" + NEXT, {400, 431})
