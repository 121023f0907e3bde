"""What is a request, and what two parsers could read in two ways (RFC 9110, RFC 9112; bastion(8), HTTP).

Every bad message carries the right credential and a whole second request behind it. One answer comes, the connection ends,
and the command has not run: neither for the first nor for the second.
"""
import socket
import time

import pytest
from harness import AUTH, Client, chunked, curl, request, wait_for

SECOND = request()
BODY = b"hello"


def head(*lines, start="POST /cgi-bin/run HTTP/1.1", host="Host: bastion.test"):
    """Lines as they are, each with its CRLF; the credential is there always."""
    all_lines = [start, *([host] if host else []), AUTH, *lines]
    return b"".join((x.encode("latin-1") if isinstance(x, str) else x) + b"\r\n" for x in all_lines) + b"\r\n"


BAD_LINES = [
    ("bare LF everywhere", head().replace(b"\r\n", b"\n")),
    ("bare LF after the request line", head().replace(b"\r\n", b"\n", 1)),
    ("bare LF after a field", head("A: b").replace(b"A: b\r\n", b"A: b\n")),
    ("bare LF at the end", head()[:-2] + b"\n"),
    ("bare LF in a field", head("A: b\nC: d")),
    ("bare CR in a field", head("A: b\rC: d")),
    ("bare CR behind a field", head("A: b\r")),
    ("bare CR in a name", head("A\rB: c")),
    ("bare CR in the request line", head(start="POST /cgi-bin/run\rx HTTP/1.1")),
    ("CR CR LF", head("A: b").replace(b"A: b\r\n", b"A: b\r\r\n")),
    ("LF CR", head("A: b").replace(b"A: b\r\n", b"A: b\n\r")),
    ("obs-fold with a space", head("A: b\r\n c")),
    ("obs-fold with a tab", head("A: b\r\n\tc")),
    ("obs-fold of nothing", head("A: b\r\n ")),
    ("obs-fold first", head(host=" Host: bastion.test")),
    ("space before the colon", head("A : b")),
    ("tab before the colon", head("A\t: b")),
    ("space before the colon of Content-Length", head("Content-Length : 5") + BODY),
    ("space before the colon of Host", head(host="Host : bastion.test")),
    ("space before the colon of Transfer-Encoding", head("Transfer-Encoding : chunked") + chunked(BODY)),
    ("no colon", head("A")),
    ("no name", head(": b")),
    ("space in a name", head("A B: c")),
    ("parenthesis in a name", head("A(B): c")),
    ("quote in a name", head('A"B": c')),
    ("byte above 0x7f in a name", head("\xe4: b")),
    ("NUL in a name", head("A\0: b")),
    ("NUL in a value", head("A: b\0c")),
    ("NUL in the credential", head().replace(AUTH.encode(), AUTH.encode() + b"\0")),
    ("0x01 in a value", head("A: b\x01c")),
    ("0x08 in a value", head("A: b\x08c")),
    ("vertical tab in a value", head("A: b\x0bc")),
    ("ESC in a value", head("A: \x1b[2J")),
    ("0x7f in a value", head("A: b\x7fc")),
]
BAD_STARTS = [
    ("two spaces before the target", "POST  /cgi-bin/run HTTP/1.1"),
    ("two spaces before the version", "POST /cgi-bin/run  HTTP/1.1"),
    ("tab", "POST\t/cgi-bin/run HTTP/1.1"),
    ("tab before the version", "POST /cgi-bin/run\tHTTP/1.1"),
    ("space first", " POST /cgi-bin/run HTTP/1.1"),
    ("space last", "POST /cgi-bin/run HTTP/1.1 "),
    ("space in the target", "POST /cgi-bin/run x HTTP/1.1"),
    ("no version", "POST /cgi-bin/run"),
    ("no version but its space", "POST /cgi-bin/run "),
    ("no target", "POST HTTP/1.1"),
    ("empty target", "POST  HTTP/1.1"),
    ("lower-case version", "POST /cgi-bin/run http/1.1"),
    ("mixed-case version", "POST /cgi-bin/run Http/1.1"),
    ("other protocol", "POST /cgi-bin/run HTTPS/1.1"),
    ("version without minor", "POST /cgi-bin/run HTTP/1"),
    ("version with two digits", "POST /cgi-bin/run HTTP/1.10"),
    ("version with a leading zero", "POST /cgi-bin/run HTTP/01.1"),
    ("version with a comma", "POST /cgi-bin/run HTTP/1,1"),
    ("version in letters", "POST /cgi-bin/run HTTP/x.y"),
    ("version with text behind", "POST /cgi-bin/run HTTP/1.1x"),
    ("NUL in the target", "POST /cgi-bin/run\0 HTTP/1.1"),
    ("NUL in the method", "PO\0ST /cgi-bin/run HTTP/1.1"),
    ("0x7f in the target", "POST /cgi-bin/run\x7f HTTP/1.1"),
    ("byte above 0x7f in the target", "POST /cgi-bin/run?\xe4 HTTP/1.1"),
    ("control character in the target", "POST /cgi-bin/run?\x01 HTTP/1.1"),
    ("fragment", "POST /cgi-bin/run#x HTTP/1.1"),
    ("method that is no token", "PO@T /cgi-bin/run HTTP/1.1"),
    ("method in brackets", "[POST] /cgi-bin/run HTTP/1.1"),
    ("target without slash", "POST cgi-bin/run HTTP/1.1"),
    ("asterisk", "POST * HTTP/1.1"),
    ("authority form", "CONNECT bastion.test:80 HTTP/1.1"),
    ("absolute form of another host", "POST http://other.test/cgi-bin/run HTTP/1.1"),
    ("absolute form of another port", "POST http://bastion.test:81/cgi-bin/run HTTP/1.1"),
    ("absolute form without host", "POST http:///cgi-bin/run HTTP/1.1"),
    ("absolute form with a user", "POST http://user@bastion.test/cgi-bin/run HTTP/1.1"),
    ("absolute form of another scheme", "POST ftp://bastion.test/cgi-bin/run HTTP/1.1"),
]
BAD_LENGTHS = [
    ("length and coding", ["Content-Length: 5", "Transfer-Encoding: chunked"], chunked(BODY)),
    ("coding and length", ["Transfer-Encoding: chunked", "Content-Length: 5"], BODY),
    ("length 0 and coding", ["Content-Length: 0", "Transfer-Encoding: chunked"], chunked(BODY)),
    ("length and other coding", ["Content-Length: 5", "Transfer-Encoding: identity"], BODY),
    ("two lengths", ["Content-Length: 5", "Content-Length: 6"], BODY),
    ("two equal lengths", ["Content-Length: 5", "Content-Length: 5"], BODY),
    ("list of lengths", ["Content-Length: 5, 6"], BODY),
    ("list of equal lengths", ["Content-Length: 5, 5"], BODY),
    ("length with a comma", ["Content-Length: 5,"], BODY),
    ("length with a plus", ["Content-Length: +5"], BODY),
    ("negative length", ["Content-Length: -1"], BODY),
    ("minus zero", ["Content-Length: -0"], BODY),
    ("length with text", ["Content-Length: 5x"], BODY),
    ("length with a space and text", ["Content-Length:  5x"], BODY),
    ("length with a space inside", ["Content-Length: 5 5"], BODY),
    ("hexadecimal length", ["Content-Length: 0x5"], BODY),
    ("length with a point", ["Content-Length: 5.0"], BODY),
    ("length with an exponent", ["Content-Length: 1e1"], BODY),
    ("quoted length", ['Content-Length: "5"'], BODY),
    ("empty length", ["Content-Length:"], BODY),
    ("length of 2^63", ["Content-Length: 9223372036854775808"], BODY),
    ("length of 2^64 + 5", ["Content-Length: 18446744073709551621"], BODY),
    ("huge length", ["Content-Length: " + "9" * 100], BODY),
    ("gzip", ["Transfer-Encoding: gzip"], BODY),
    ("identity", ["Transfer-Encoding: identity"], BODY),
    ("empty coding", ["Transfer-Encoding:"], BODY),
    ("chunked twice", ["Transfer-Encoding: chunked, chunked"], chunked(chunked(BODY))),
    ("gzip, chunked", ["Transfer-Encoding: gzip, chunked"], chunked(BODY)),
    ("chunked, gzip", ["Transfer-Encoding: chunked, gzip"], chunked(BODY)),
    ("two fields", ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], chunked(BODY)),
    ("two different fields", ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], chunked(BODY)),
    ("chunked with a parameter", ["Transfer-Encoding: chunked;q=1"], chunked(BODY)),
    ("quoted chunked", ['Transfer-Encoding: "chunked"'], chunked(BODY)),
    ("xchunked", ["Transfer-Encoding: xchunked"], chunked(BODY)),
    ("chunked with a comma before", ["Transfer-Encoding: ,chunked"], chunked(BODY)),
]
BAD_HOSTS = [
    ("none", []),
    ("two", ["Host: bastion.test", "Host: other.test"]),
    ("two equal", ["Host: bastion.test", "Host: bastion.test"]),
    ("two in one", ["Host: bastion.test, other.test"]),
    ("with a space", ["Host: bastion test"]),
    ("with a path", ["Host: bastion.test/x"]),
    ("with a user", ["Host: user@bastion.test"]),
    ("with a scheme", ["Host: http://bastion.test"]),
    ("with a port above 65535", ["Host: bastion.test:65536"]),
    ("with a port in letters", ["Host: bastion.test:http"]),
    ("with two ports", ["Host: bastion.test:80:80"]),
    ("with a bracket open", ["Host: [::1"]),
    ("with text behind the bracket", ["Host: [::1]x"]),
    ("with a question mark", ["Host: bastion.test?x"]),
    ("with a byte above 0x7f", ["Host: b\xe4stion.test"]),
    ("with a percent sign and no digits", ["Host: bastion%zz.test"]),
    ("with half of a percent encoding", ["Host: bastion%7"]),
]
BAD = (
    [("line: " + name, raw, 400) for name, raw in BAD_LINES]
    + [("start: " + name, head(start=start), 400) for name, start in BAD_STARTS]
    + [("length: " + name, head(*lines) + body, 400) for name, lines, body in BAD_LENGTHS]
    + [("host: " + name, head(*lines, host=None), 400) for name, lines in BAD_HOSTS]
    + [
        ("1.0: chunked", head("Transfer-Encoding: chunked", start="POST /cgi-bin/run HTTP/1.0") + chunked(BODY), 400),
        ("1.0: two hosts", head("Host: other.test", start="POST /cgi-bin/run HTTP/1.0"), 400),
        ("start: two empty lines before", b"\r\n\r\n" + head(), 400),
        ("start: bare LF before", b"\n" + head(), 400),
        ("start: HTTP/2.0", head(start="POST /cgi-bin/run HTTP/2.0"), 505),
        ("start: HTTP/0.9", head(start="POST /cgi-bin/run HTTP/0.9"), 505),
        ("start: the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + head(), 505),
        ("start: a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(32)) + b"\r\n\r\n", 400),
        ("expect: unknown", head("Expect: 200-ok", "Content-Length: 5") + BODY, 417),
    ]
)


# What speaks something else is told what this is, in the answer and in the log. The TLS hello is OpenSSL's own, cut where no LF has come.
OTHERS = [
    ("TLS", b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03", "not TLS"),
    ("PROXY v1", b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 8080\r\n" + request(), "PROXY protocol"),
    ("PROXY v2", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\xdc\4\x1f\x90" + request(), "PROXY protocol"),
    ("SSH", b"SSH-2.0-OpenSSH_9.2p1\r\n", "not SSH"),
]


@pytest.mark.parametrize("name, raw, told", OTHERS, ids=[o[0] for o in OTHERS])
def test_another_protocol_is_named(start, name, raw, told):
    server = start()
    with Client(server, timeout=5) as client:  # less than a head may take
        client.send(raw)
        answer = client.answer()
        assert (answer.status, answer["Connection"]) == (400, "close") and told.encode() in answer.body
        assert client.is_closed()
    assert told in server.wait_event("deny")[0]["reason"]
    assert server.settled_runs() == 0


def test_openssl_says_what_is_wrong(start):
    """Of an answer in clear text OpenSSL reports the one thing that everybody knows the meaning of."""
    server = start()
    found = curl(server, "-k", server.url().replace("http:", "https:"))
    assert b"wrong version number" in found.stderr
    assert server.wait_event("deny")[0]["reason"].startswith("This port speaks plain HTTP")


def check_refused(server, raw, status):
    before = server.runs()
    with Client(server) as client:
        client.send(raw + SECOND)
        answer = client.answer()
        assert (answer.status, answer.complete) == (status, True)
        assert answer["Connection"] == "close"
        assert client.is_closed()  # a reset would raise: it could destroy the answer on a longer way
    assert server.settled_runs() == before


@pytest.mark.parametrize("name, raw, status", BAD, ids=[b[0] for b in BAD])
def test_bad_message(plain, name, raw, status):
    check_refused(plain, raw, status)


GOOD = [
    ("plain", head()),
    ("one empty line before", b"\r\n" + head()),
    ("white space around a value", head("A: \t b \t ")),
    ("no space behind the colon", head("A:b")),
    ("empty value", head("A:")),
    ("all that a name may hold", head("!#$%&'*+-.^_`|~09azAZ: x")),
    ("tab inside a value", head("A: b\tc")),
    ("bytes above 0x7f in a value", head("A: \x80\xff")),
    ("Host in other letters", head(host="hOST: bastion.test")),
    ("Host with port", head(host="Host: bastion.test:8080")),
    ("Host with an empty port", head(host="Host: bastion.test:")),
    ("Host of IPv6", head(host="Host: [2001:db8::1]:80")),
    ("empty Host", head(host="Host:")),
    ("absolute form", head(start="POST http://bastion.test/cgi-bin/run HTTP/1.1")),
    ("absolute form, other letters", head(start="POST HTTP://BASTION.test/cgi-bin/run HTTP/1.1")),
    ("absolute form of TLS", head(start="POST https://bastion.test/cgi-bin/run?x HTTP/1.1")),
    ("later minor version", head(start="POST /cgi-bin/run HTTP/1.7")),
    ("length 0", head("Content-Length: 0")),
    ("length with zeros before", head("Content-Length: 0005") + BODY),
    ("length", head("content-LENGTH: 5") + BODY),
    ("chunked", head("Transfer-Encoding: chunked") + chunked(BODY)),
    ("Chunked", head("transfer-encoding:  CHUNKED ") + chunked(BODY)),
]


@pytest.mark.parametrize("name, raw", GOOD, ids=[g[0] for g in GOOD])
def test_good_message(plain, name, raw):
    """It runs; and where it ends is understood, since the request behind it runs too."""
    before = plain.runs()
    with Client(plain) as client:
        client.send(raw + request(close=True))
        assert [client.answer().status, client.answer().status] == [200, 200]
        assert client.is_closed()
    assert plain.settled_runs() == before + 2


@pytest.mark.parametrize("size", [1, 7])
def test_message_in_small_pieces(plain, size):
    """A parser that keeps its place must find the same message."""
    raw = head("Content-Length: 5", "A: b") + BODY
    before = plain.runs()
    with Client(plain) as client:
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(0, len(raw), size):
            client.send(raw[i:i + size])
        assert client.answer().status == 200
    assert plain.settled_runs() == before + 1


# ---- limits ----

def sized_line(n):
    return "GET /cgi-bin/run?" + "x" * (n - len("GET /cgi-bin/run? HTTP/1.1")) + " HTTP/1.1"


def sized_head(n):
    rest = n - len(head("A: ", start="GET /cgi-bin/run HTTP/1.1"))
    return head("A: " + "x" * rest, start="GET /cgi-bin/run HTTP/1.1")


LIMITS = [
    ("request line of 8192", head(start=sized_line(8192)), 200),
    ("request line of 8193", head(start=sized_line(8193)), 414),
    ("request line of 30000", head(start=sized_line(30000)), 414),
    ("request line without end", b"GET /" + b"x" * 10000, 414),
    ("request line of 9000, bad", head(start="GET " + "x" * 9000 + " HTTP/1.1"), 414),
    ("head of 32768", sized_head(32768), 200),
    ("head of 32769", sized_head(32769), 431),
    ("head of 40000", sized_head(40000), 431),
    ("head without end", head()[:-2] + b"A: " + b"x" * 40000, 431),
    ("head of small fields", head(*["A: b"] * 8000), 431),
    ("100 fields", head(*["A: b"] * 98), 200),
    ("101 fields", head(*["A: b"] * 99), 431),
]


@pytest.mark.parametrize("name, raw, status", LIMITS, ids=[x[0] for x in LIMITS])
def test_limit(plain, name, raw, status):
    assert not status == 200 or len(raw) <= 32768
    if status != 200:
        check_refused(plain, raw, status)
        return
    before = plain.runs()
    with Client(plain) as client:
        client.send(raw + request(close=True))
        assert [client.answer().status, client.answer().status] == [200, 200]
    assert plain.settled_runs() == before + 2


# ---- connections ----

def test_keep_alive(plain):
    before = plain.runs()
    with Client(plain) as client:
        for _ in range(5):
            client.send(request())
            answer = client.answer()
            assert (answer.status, answer.body, answer["Connection"]) == (200, b"ok\n", "keep-alive")
            assert answer["Keep-Alive"] == "timeout=15"
        client.send(request("connection: foo, CLOSE"))
        answer = client.answer()
        assert (answer["Connection"], answer["Keep-Alive"]) == ("close", None)
        assert client.is_closed()
    assert plain.settled_runs() == before + 6


def test_curl_keeps_the_connection(plain):
    found = curl(plain, "-w", "%{num_connects}\n", "-o", "/dev/null", plain.url(), "-o", "/dev/null")
    assert found.stdout == b"1\n0\n"


def test_pipelining(start):
    server = start(FORCE_COMMAND="echo x >>$T/runs; wc -l <$T/runs; cat")
    raw = (request(target="/healthz") + request(target="/none") + request(method="POST", body=BODY) + request(method="PUT", body=BODY)
           + request("Transfer-Encoding: chunked", method="POST", body=chunked(BODY)) + request(method="HEAD") + request() * 10 + request(close=True)
           + request() * 3)
    with Client(server) as client:
        client.send(raw)
        got = [(a.status, a.body) for a in (client.answer(m) for m in ["GET"] * 5 + ["HEAD"] + ["GET"] * 11)]
        assert client.is_closed()
    statuses = [200, 404, 200, 405, 200, 405] + [200] * 11
    assert [status for status, _ in got] == statuses
    assert [int(body) for status, body in got[1:] if status == 200] == list(range(1, 14))
    assert server.settled_runs() == 13  # those behind `close` never


def test_client_ends_after_its_requests(plain):
    """A half-closed connection gets all of its answers."""
    before = plain.runs()
    with Client(plain) as client:
        client.send(request() * 3).end()
        assert [client.answer().status for _ in range(3)] == [200] * 3
        assert client.is_closed()
    assert plain.settled_runs() == before + 3


def test_client_ends_within_the_head(plain):
    before = plain.runs()
    with Client(plain) as client:
        client.send(request()[:-2]).end()
        assert client.answer().status == 400
        assert client.is_closed()
    assert plain.settled_runs() == before


def test_client_says_nothing(plain):
    with Client(plain) as client:
        client.end()
        assert client.is_closed()


@pytest.mark.parametrize("fields", [[], ["Connection: keep-alive"]])
@pytest.mark.parametrize("host", ["bastion.test", None])
def test_http_1_0(plain, fields, host):
    before = plain.runs()
    with Client(plain) as client:
        client.send(request(*fields, version="HTTP/1.0", host=host) + SECOND)
        answer = client.answer()
        assert (answer.status, answer.body, answer["Transfer-Encoding"]) == (200, b"ok\n", None)
        assert client.is_closed()
    assert plain.settled_runs() == before + 1


# ---- 100-continue ----

def test_continue(plain):
    with Client(plain) as client:
        client.send(request("Expect: 100-continue", "Content-Length: 5", method="POST"))
        assert client.head().status == 100
        client.send(BODY + request(close=True))
        assert [client.answer().status, client.answer().status] == [200, 200]


@pytest.mark.parametrize("fields, version, auth, statuses", [
    (["Expect: 100-continue", "Content-Length: 5"], "HTTP/1.0", AUTH, [200]),
    (["Expect: 100-continue"], "HTTP/1.1", AUTH, [200]),
    (["Expect: 100-Continue", "Transfer-Encoding: chunked"], "HTTP/1.1", AUTH, [100, 200]),
    (["Expect: 100-continue", "Content-Length: 5"], "HTTP/1.1", None, [401]),
    (["Expect: 100-continue", "Content-Length: 5", "Origin: null"], "HTTP/1.1", AUTH, [403]),
    (["Expect: 100-continue", "Content-Length: 40000000"], "HTTP/1.1", AUTH, [413]),
], ids=str)
def test_continue_only_where_a_body_is_wanted(plain, fields, version, auth, statuses):
    body = b"" if statuses[0] > 200 else chunked(BODY) if "chunked" in fields[-1] else BODY if len(fields) > 1 else b""
    with Client(plain) as client:
        client.send(request(*fields, method="POST", auth=auth, version=version))
        got = []
        if statuses[0] == 100:
            got.append(client.head().status)
        client.send(body)
        got.append((answer := client.answer()).status)
        assert got == statuses
        if statuses[0] > 200:
            # the body may come all the same: it must not be read as a request
            assert answer["Connection"] == "close"
            assert client.is_closed()


def test_curl_waits_for_continue(plain, tmp_path):
    (tmp_path / "body").write_bytes(b"x" * 20000000)
    found = curl(plain, "-v", "-H", "Expect: 100-continue", "--data-binary", f"@{tmp_path / 'body'}")
    assert found.stdout == b"ok\n"
    assert b"HTTP/1.1 100 Continue" in found.stderr


@pytest.mark.slow
def test_a_connection_ends_after_a_while(plain):
    """However busy it is: a credential that was taken away since would count for ever."""
    with Client(plain) as client:
        def last():
            time.sleep(1)  # not so fast: there is another test beside this one
            client.send(request(target="/healthz", auth=None))
            return client.answer()["Connection"] == "close"
        wait_for(last, "the last answer", 100)
        assert client.is_closed()
