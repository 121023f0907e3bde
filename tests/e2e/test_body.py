"""Bodies: dropped, or the command's input; and no body is ever a request (bastion(8), HTTP; HTTP_STDIN in
bastion-settings(5))."""
import hashlib
import threading
import time

import pytest
from harness import UNTIL_GO, Client, ask, chunked, curl, request

HELLO = b"hello"
MIB = 1048576
LIMIT = 32 * MIB

BAD_CHUNKS = [
    ("size in no digits", b"g\r\nhello\r\n0\r\n\r\n"),
    ("empty size", b"\r\nhello\r\n0\r\n\r\n"),
    ("negative size", b"-5\r\nhello\r\n0\r\n\r\n"),
    ("size with a plus", b"+5\r\nhello\r\n0\r\n\r\n"),
    ("size with 0x", b"0x5\r\nhello\r\n0\r\n\r\n"),
    ("space before the size", b" 5\r\nhello\r\n0\r\n\r\n"),
    ("space behind the size", b"5 \r\nhello\r\n0\r\n\r\n"),
    ("tab behind the size", b"5\t;a\r\nhello\r\n0\r\n\r\n"),
    ("size of 2^64 + 5", b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    ("size of 2^32 zeros", b"0" * 1000 + b"5\r\nhello\r\n0\r\n\r\n"),
    ("negative in two's complement", b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
    ("text in the size", b"5x\r\nhello\r\n0\r\n\r\n"),
    ("no CRLF behind the data", b"5\r\nhello0\r\n\r\n"),
    ("LF behind the data", b"5\r\nhello\n0\r\n\r\n"),
    ("CR behind the data", b"5\r\nhello\r0\r\n\r\n"),
    ("two bytes behind the data", b"5\r\nhelloXX0\r\n\r\n"),
    ("data longer than its size", b"4\r\nhello\r\n0\r\n\r\n"),
    ("LF behind the size", b"5\nhello\r\n0\r\n\r\n"),
    ("CR behind the size", b"5\rhello\r\n0\r\n\r\n"),
    ("LF behind the last size", b"5\r\nhello\r\n0\n\r\n"),
    ("LF at the end", b"5\r\nhello\r\n0\r\n\n"),
    ("LF in an extension", b"5;a=\nb\r\nhello\r\n0\r\n\r\n"),
    ("CR in an extension", b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    ("NUL in an extension", b"5;a\0\r\nhello\r\n0\r\n\r\n"),
    ("long extensions", b"5;" + b"a" * 20000 + b"\r\nhello\r\n0\r\n\r\n"),
    ("trailer without colon", b"0\r\nABC\r\n\r\n"),
    ("space before a trailer's colon", b"0\r\nA : b\r\n\r\n"),
    ("trailer without name", b"0\r\n: b\r\n\r\n"),
    ("fold in the trailers", b"0\r\nA: b\r\n c\r\n\r\n"),
    ("LF behind a trailer", b"0\r\nA: b\n\r\n"),
    ("NUL in a trailer", b"0\r\nA: \0\r\n\r\n"),
    ("long trailers", b"0\r\n" + b"A: bcdefgh\r\n" * 3000 + b"\r\n"),
    ("a request as the trailer", b"0\r\n" + request()),
]


@pytest.mark.parametrize("name, body", BAD_CHUNKS, ids=[c[0] for c in BAD_CHUNKS])
def test_bad_chunks(plain, name, body):
    before = plain.runs()
    with Client(plain) as client:
        client.send(request("Transfer-Encoding: chunked", method="POST", body=body) + request())
        answer = client.answer()
        assert (answer.status, answer["Connection"]) == (400, "close")
        assert client.is_closed()
    assert plain.settled_runs() == before


@pytest.mark.parametrize("body", [
    b"0\r\n\r\n",
    b"000\r\n\r\n",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"00005\r\nhello\r\n0\r\n\r\n",
    b"A\r\nhelloworld\r\n0\r\n\r\n",
    b"a\r\nhelloworld\r\n0\r\n\r\n",
    b"5;a\r\nhello\r\n0;b=c\r\n\r\n",
    b'5;a="b;c"\r\nhello\r\n0\r\n\r\n',
    b"5\r\nhello\r\n0\r\nA: b\r\nC:\r\n\r\n",
    b"5\r\nhello\r\n0\r\nAuthorization: Bearer wrong\r\nContent-Length: 7\r\nHost: x\r\n\r\n",
    b"1\r\nx\r\n" * 500 + b"0\r\n\r\n",
], ids=lambda b: repr(b[:40]))
def test_good_chunks(plain, body):
    before = plain.runs()
    with Client(plain) as client:
        client.send(request("Transfer-Encoding: chunked", method="POST", body=body) + request(close=True))
        assert [client.answer().status, client.answer().status] == [200, 200]
        assert client.is_closed()
    assert plain.settled_runs() == before + 2


def test_a_trailer_is_no_credential(plain):
    before = plain.runs()
    body = b"0\r\nAuthorization: " + request().split(b"Authorization: ")[1].split(b"\r\n")[0] + b"\r\n\r\n"
    assert ask(plain, "Transfer-Encoding: chunked", method="POST", auth=None, body=body).status == 401
    assert plain.settled_runs() == before


# ---- smuggling ----

@pytest.mark.parametrize("fields, options, status, runs", [
    ([], {}, 200, 1),
    ([], {"method": "GET"}, 200, 1),
    ([], {"auth": "Authorization: Bearer x"}, 401, 0),
    ([], {"target": "/none"}, 404, 0),
    ([], {"target": "/healthz", "method": "GET"}, 200, 0),
    ([], {"method": "PUT"}, 405, 0),
    ([], {"method": "HEAD"}, 405, 0),
    (["Origin: null"], {}, 403, 0),
    (["Expect: 100-continue"], {"auth": None}, 401, 0),
], ids=str)
@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_a_body_is_no_request(plain, fields, options, status, runs, coding):
    """Whatever becomes of the request, the one that its body spells does not run."""
    before = plain.runs()
    body = request() * 2
    fields = [*fields, "Transfer-Encoding: chunked"] if coding == "chunked" else fields
    options = {"method": "POST", **options}
    with Client(plain) as client:
        client.send(request(*fields, body=chunked(body) if coding == "chunked" else body, **options)).end()
        assert client.answer(options["method"]).status == status
        assert client.is_closed()
    assert plain.settled_runs() == before + runs


@pytest.mark.parametrize("coding", ["length", "chunked"])
@pytest.mark.parametrize("auth, status, runs", [(True, 200, 1), (False, 401, 0)])
def test_a_large_body_is_no_request(plain, coding, auth, status, runs):
    """It is read to its end, and the next request is found behind it."""
    before = plain.runs()
    body = (request() * 20000)[:2 * MIB]
    fields = ["Transfer-Encoding: chunked"] if coding == "chunked" else []
    with Client(plain) as client:
        client.send(request(*fields, method="POST", body=chunked(body) if fields else body, **({} if auth else {"auth": None})) + request(close=True))
        assert [client.answer().status, client.answer().status] == [status, 200]
        assert client.is_closed()
    assert plain.settled_runs() == before + runs + 1


# ---- dropped bodies ----

@pytest.mark.parametrize("coding", ["length", "chunked"])
@pytest.mark.parametrize("size", [MIB, LIMIT])
def test_body_is_dropped(plain, coding, size):
    """All of it is sent before a byte of the answer is read, and the connection goes on."""
    body = bytes(size)
    fields = ["Transfer-Encoding: chunked"] if coding == "chunked" else []
    with Client(plain) as client:
        for last in (False, True):
            client.send(request(*fields, method="POST", body=chunked(*[body[:65536]] * (size // 65536)) if fields else body, close=last))
            answer = client.answer()
            assert (answer.status, answer.body) == (200, b"ok\n")
            assert answer["Connection"] == ("close" if last else "keep-alive")
        assert client.is_closed()


def test_the_run_does_not_wait_for_the_body(start):
    """It starts at once, and its output comes while the body is on its way."""
    server = start(FORCE_COMMAND=f"echo x >>$T/runs; echo first; {UNTIL_GO}; echo second", HTTP_HOLD_MS="0")
    with Client(server) as client:
        client.send(request(f"Content-Length: {20 * MIB}", method="POST", body=bytes(MIB)))
        head = client.head()
        assert (head.status, client.chunk()) == (200, b"first\n")
        for _ in range(19):  # more than all buffers on the way: somebody reads it
            client.send(bytes(MIB))
        server.go()
        rest = client.read_body(head)
        assert (rest.complete, rest.body) == (True, b"second\n")
        client.send(request(close=True))
        assert client.answer().body == b"first\nsecond\n"


@pytest.mark.parametrize("fields, rest, end", [
    ([f"Content-Length: {20 * MIB}"], bytes(19 * MIB), b""),
    (["Transfer-Encoding: chunked"], chunked(*[bytes(MIB)] * 40, end=b""), b"0\r\n\r\n"),
], ids=["length", "chunked"])
@pytest.mark.parametrize("exit_code", [0, 3])
def test_slow_body_gets_its_answer_before_its_end(plain, start, fields, rest, end, exit_code):
    """The command has ended: the answer need not wait for a client that takes its time, and arrives whatever that does. What comes
    behind it is read, also more than a body may announce, and is no request."""
    server = start(FORCE_COMMAND=f"echo x >>$T/runs; echo ok; exit {exit_code}")
    with Client(server) as client:
        client.send(request(*fields, method="POST", body=bytes(MIB) if not end else chunked(bytes(MIB), end=b"")))
        answer = client.answer()
        assert (answer.status, answer.body, answer["Connection"]) == (422 if exit_code else 200, b"ok\n", "close")
        client.send(rest)
        client.send(end + request())
        assert client.is_closed()  # and a reset would raise
    assert server.settled_runs() == 1


def test_chunked_body_beyond_the_limit(plain):
    """How long it is shows while the command runs: it is read to its end all the same, never run and then reset."""
    with Client(plain) as client:
        client.send(request("Transfer-Encoding: chunked", method="POST", body=chunked(*[bytes(MIB)] * 50)))
        assert client.answer().body == b"ok\n"
        client.send(request(close=True))
        assert client.answer().body == b"ok\n"


@pytest.mark.parametrize("size, sent", [(LIMIT + 1, LIMIT + 1), (200 * MIB, 200 * MIB), (1 << 40, 100000)])
def test_longer_body_is_refused_before_anything_runs(plain, size, sent):
    """And the answer is there for a client that reads nothing before it has sent all."""
    before = plain.runs()
    with Client(plain) as client:
        client.send(request(f"Content-Length: {size}", method="POST", body=bytes(sent), close=True))
        answer = client.answer()
        assert (answer.status, answer["Connection"]) == (413, "close") and b"Nothing was run" in answer.body
        assert client.is_closed()
    assert plain.settled_runs() == before
    assert plain.events("deny", status=413)


@pytest.mark.parametrize("fields, options, status", [
    ([], {"auth": None}, 401),
    ([], {"target": "/none"}, 404),
    ([], {"method": "PUT"}, 405),
    (["Origin: null"], {}, 403),
    (["Range: bytes=1-"], {}, 409),
    (["Expect: 200-ok"], {}, 417),
    (["A : b"], {}, 400),
], ids=str)
@pytest.mark.parametrize("size", [5 * MIB, 100 * MIB])
def test_refusal_of_a_large_body_arrives(plain, fields, options, status, size):
    before = plain.runs()
    with Client(plain) as client:
        client.send(request(*fields, body=bytes(size), **{"method": "POST", **options}))
        assert client.answer().status == status
    assert plain.settled_runs() == before


@pytest.mark.root
def test_fault_of_the_settings_arrives(start):
    server = start(HTTP_HOLD_MS="nonsense")
    with Client(server) as client:
        client.send(request(method="POST", body=bytes(20 * MIB)))
        assert client.answer().status == 500


def test_much_output_for_a_client_that_sends_first(start):
    """Neither side stands still because the other doesn't read."""
    server = start(FORCE_COMMAND="head -c 20000000 /dev/zero")
    with Client(server) as client:
        client.send(request(method="POST", body=bytes(20 * MIB), close=True))
        answer = client.answer()
        assert (len(answer.body), answer.complete) == (20000000, True)


@pytest.mark.parametrize("settings", [{}, {"HTTP_STDIN": "body"}], ids=["off", "body"])
def test_broken_answer_does_not_wait_for_the_body(start, settings):
    """A client that sends for as long as it likes reads at once that the command has failed."""
    server = start(FORCE_COMMAND="echo first; sleep 0.1; exit 3", HTTP_HOLD_MS="0", **settings)
    with Client(server, timeout=5) as client:
        client.send(request("Transfer-Encoding: chunked", method="POST", body=b"5\r\nhello\r\n"))
        answer = client.answer()
        assert (answer.body, answer.complete) == (b"first\n", False)
        client.send(b"5\r\nworld\r\n")  # nobody resets it
        assert client.sock.recv(1) == b""


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
@pytest.mark.parametrize("size, receive_buffer", [(5000000, None), (300000, 4096)], ids=["more than all buffers", "as much as bastion's side holds"])
def test_broken_answer_for_a_client_that_sends_first(start, version, size, receive_buffer):
    server = start(FORCE_COMMAND=f"head -c {size} /dev/zero; exit 3", HTTP_HOLD_MS="0")
    with Client(server, receive_buffer=receive_buffer) as client:
        client.send(request(method="POST", body=bytes(30 * MIB), version=version))
        head, got = client.head(), 0
        try:
            while data := client.chunk() if version == "HTTP/1.1" else client.file.read1(65536):
                got += len(data)
            assert version != "HTTP/1.1"
        except (EOFError, ConnectionResetError) as e:
            assert isinstance(e, EOFError) == (version == "HTTP/1.1")
        assert (head.status, got) == (200, size)


@pytest.mark.parametrize("fields", [[], ["Expect:"], ["Expect: 100-continue"]], ids=str)
@pytest.mark.parametrize("version", ["--http1.1", "--http1.0"])
def test_curl_sends_a_large_body(plain, tmp_path, fields, version):
    (tmp_path / "body").write_bytes(bytes(20 * MIB))
    found = curl(plain, version, "--data-binary", f"@{tmp_path / 'body'}", *[a for f in fields for a in ("-H", f)])
    assert found.stdout == b"ok\n"


@pytest.mark.parametrize("raw", [
    request("Content-Length: 10", method="POST", body=HELLO),
    request("Transfer-Encoding: chunked", method="POST", body=b"5\r\nhel"),
    request("Transfer-Encoding: chunked", method="POST", body=b"5\r\nhello\r\n"),
    request("Transfer-Encoding: chunked", method="POST", body=b"0\r\n"),
], ids=repr)
def test_body_that_breaks_off(plain, raw):
    """The run is under way: what it does is told, and nothing else is read on this connection."""
    before = plain.runs()
    with Client(plain) as client:
        client.send(raw).end()
        answer = client.answer()
        assert (answer.status, answer["Connection"]) == (200, "close")
        assert client.is_closed()
    assert plain.settled_runs() == before + 1


def test_body_that_turns_out_bad(start):
    """The same for one that is found to be no chunked body while the command runs; what follows is no request."""
    server = start(FORCE_COMMAND=f"echo x >>$T/runs; : >$T/started; {UNTIL_GO}; echo ok", HTTP_HOLD_MS="3600000")
    with Client(server) as client:
        client.send(request("Transfer-Encoding: chunked", method="POST", body=b"5\r\nhel"))
        server.wait_file("started")
        client.send(b"loX\r\n0\r\n\r\n" + request())
        server.go()
        answer = client.answer()
        assert (answer.status, answer.body, answer["Connection"]) == (200, b"ok\n", "close")
        assert client.is_closed()
    assert server.settled_runs() == 1


# ---- the command's input ----

@pytest.fixture(scope="module")
def cat(start_once):
    return start_once(HTTP_STDIN="body", FORCE_COMMAND="echo x >>$T/runs; cat")


def test_input_is_off_by_default(start):
    server = start(FORCE_COMMAND="cat; readlink /proc/self/fd/0")
    assert ask(server, method="POST", body=HELLO).body == b"/dev/null\n"


@pytest.mark.parametrize("fields, body, wanted", [
    ([], b"", b""),
    (["Content-Length: 0"], b"", b""),
    ([], HELLO, HELLO),
    ([], bytes(range(256)) * 100, bytes(range(256)) * 100),
    (["Transfer-Encoding: chunked"], chunked(HELLO, b" ", b"world"), b"hello world"),
    (["Transfer-Encoding: chunked"], b"0\r\n\r\n", b""),
    (["Transfer-Encoding: chunked"], b"5;x=y\r\nhello\r\n0\r\nA: trailer\r\n\r\n", HELLO),
    ([], request(), request()),
], ids=lambda v: repr(v)[:40])
def test_input(cat, fields, body, wanted):
    """Twice on one connection: the end of the first body is found."""
    before = cat.runs()
    with Client(cat) as client:
        for last in (False, True):
            client.send(request(*fields, method="POST", body=body, close=last))
            answer = client.answer()
            assert (answer.status, answer.body) == (200, wanted)
        assert client.is_closed()
    assert cat.settled_runs() == before + 2


def test_input_of_a_get(cat):
    assert ask(cat).body == b""


def test_input_waits_for_continue(cat):
    with Client(cat) as client:
        client.send(request("Expect: 100-continue", "Content-Length: 5", method="POST", close=True))
        assert client.head().status == 100
        client.send(HELLO)
        assert client.answer().body == HELLO


@pytest.mark.parametrize("arguments", [[], ["-H", "Transfer-Encoding: chunked"]], ids=["length", "chunked"])
def test_input_of_10_megabytes(start, tmp_path, arguments):
    server = start(HTTP_STDIN="body", FORCE_COMMAND="sha256sum")
    content = bytes(range(251)) * 40000
    (tmp_path / "body").write_bytes(content)
    found = curl(server, "--data-binary", f"@{tmp_path / 'body'}", *arguments)
    assert found.stdout.split() == [hashlib.sha256(content).hexdigest().encode(), b"-"]


def test_input_and_output_at_once(cat):
    """A command that answers while it reads must not stand still because neither side reads."""
    content = bytes(range(256)) * 8192
    with Client(cat) as client:
        sender = threading.Thread(target=client.send, args=(request(method="POST", body=content, close=True),))
        sender.start()
        answer = client.answer()
        sender.join()
        assert (answer.status, answer.complete, answer.body == content) == (200, True, True)


def test_input_as_it_comes(cat):
    with Client(cat, timeout=5) as client:
        client.send(request("Transfer-Encoding: chunked", method="POST", close=True))
        assert client.send(b"5\r\nhello\r\n").head()["Transfer-Encoding"] == "chunked"
        assert client.chunk() == HELLO
        client.send(b"5\r\nworld\r\n")
        assert client.chunk() == b"world"
        client.send(b"0\r\n\r\n")
        assert client.chunk() == b""


def test_input_that_the_command_leaves(start):
    """What it did not take is not read as requests: the next one is behind it."""
    server = start(HTTP_STDIN="body")
    with Client(server) as client:
        client.send(request(method="POST", body=request() * 50000) + request(close=True))
        for _ in range(2):
            answer = client.answer()
            assert (answer.status, answer.body) == (200, b"ok\n")
        assert client.is_closed()
    assert server.settled_runs() == 2


def test_input_that_the_command_closes(start):
    """It goes on without, and so does the client, which sends all before it reads."""
    server = start(HTTP_STDIN="body", FORCE_COMMAND=f"head -c 5; exec <&-; {UNTIL_GO}; echo end", HTTP_HOLD_MS="0")
    with Client(server) as client:
        client.send(request(method="POST", body=HELLO + bytes(20 * MIB)))
        server.go()
        answer = client.answer()
        assert (answer.body, answer.complete) == (b"helloend\n", True)
        client.send(request(method="POST", body=HELLO, close=True))
        assert client.answer().body == b"helloend\n"


@pytest.mark.slow
def test_half_close_behind_a_slow_body(start):
    """The time within which it is no going away begins with the last byte of the request, not with the first."""
    server = start(FORCE_COMMAND=f"trap 'exit 9' HUP; : >$T/started; {UNTIL_GO}; echo ok", HTTP_HOLD_MS="3600000", ON_DISCONNECT="hangup")
    with Client(server) as client:
        client.send(request("Content-Length: 6", method="POST", body=b"a"))
        server.wait_file("started")
        for _ in range(5):
            time.sleep(0.4)
            client.send(b"b")
        client.end()
        client.sock.settimeout(2.5)
        with pytest.raises(TimeoutError):
            client.sock.recv(1)
        client.sock.settimeout(20)
        client.file = client.sock.makefile("rb")
        server.go()
        assert client.answer().body == b"ok\n"


def test_input_is_left_by_a_command_that_fails(start):
    server = start(HTTP_STDIN="body", FORCE_COMMAND="exec <&-; echo no; exit 3")
    answer = ask(server, method="POST", body=bytes(20 * MIB))
    assert (answer.status, answer.code, answer.body) == (422, 3, b"no\n")


@pytest.mark.parametrize("field, more", [
    ("Content-Length: 10", b""),
    ("Transfer-Encoding: chunked", b""),
    ("Transfer-Encoding: chunked", b"5\r\nhel"),
    ("Transfer-Encoding: chunked", b"x\r\n"),
], ids=str)
def test_input_that_breaks_off(start, field, more):
    """The client must not read a success, and the command is told, where it is to be told."""
    server = start(HTTP_STDIN="body", ON_DISCONNECT="hangup",
                   FORCE_COMMAND="trap 'echo hup >>$T/signals; exit 1' HUP; read line; : >$T/started; cat >/dev/null; " + UNTIL_GO)
    with Client(server) as client:
        client.send(request(field, method="POST", body=chunked(b"hello\n", end=b"") if "chunked" in field else b"hello\n"))
        server.wait_file("started")
        client.send(more).end()
        assert not client.file.read().startswith(b"HTTP/1.1 200")
    server.settle()
    assert server.lines("signals") == ["hup"]


@pytest.mark.parametrize("raw", [
    request(close=True),
    request("Content-Length: 0", method="POST", close=True),
    request("Transfer-Encoding: chunked", method="POST", close=True, body=b"0\r\n\r\n"),
], ids=["GET", "length", "chunked"])
@pytest.mark.parametrize("hold", ["0", "3600000"])
def test_empty_input_ends_at_once(start, raw, hold):
    """Not only when something else happens on the connection."""
    server = start(HTTP_STDIN="body", HTTP_HOLD_MS=hold, FORCE_COMMAND="cat; echo end")
    with Client(server, timeout=5) as client:
        client.send(raw)
        answer = client.answer()
        assert (answer.status, answer.body, answer.complete) == (200, b"end\n", True)
