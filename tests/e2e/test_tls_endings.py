"""How connections begin and end: cuts, half-closes, deadlines, and those who speak something else."""
import os
import socket
import ssl
import time

import pytest
from harness import BASTION, PATIENCE, SUPERSERVERS, UNTIL_GO, request, together, wait_for
from tls_harness import NAME, TlsClient, TlsServer, connect, curl, trusting

SH = ("sh", "-c")


class Memory:
    """A TLS client without a socket of its own, for what must go byte by byte, or stop in between."""

    def __init__(self, server, context=None):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = (context or trusting()).wrap_bio(self.incoming, self.outgoing, server_hostname=NAME)
        self.sock = connect(server)
        self.sent = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def flush(self, piece=1 << 20, limit=1 << 30):
        """Sends what TLS has to say, in pieces, up to `limit` bytes of the whole connection. False at the limit."""
        data = self.outgoing.read()
        data = data[:limit - self.sent]
        for i in range(0, len(data), piece):
            self.sock.sendall(data[i:i + piece])
        self.sent += len(data)
        return self.sent < limit

    def step(self, action, **options):
        """Drives an action of TLS to its end. None when the limit came first."""
        while True:
            try:
                result = action()
                return result if self.flush(**options) else None
            except ssl.SSLWantReadError:
                if not self.flush(**options):
                    return None
                data = self.sock.recv(65536)
                if not data:
                    self.incoming.write_eof()
                self.incoming.write(data)

    def read_all(self):
        """The rest, up to a close_notify; an end without one raises ssl.SSLEOFError."""
        data = b""
        while True:
            try:
                piece = self.step(lambda: self.tls.read(65536))
            except ssl.SSLZeroReturnError:
                return data
            if piece == b"":
                return data
            data += piece


def all_of(sock):
    data = b""
    while piece := sock.recv(65536):
        data += piece
    return data


# ---- clean ends ----

def test_close_notify_after_an_answer(start):
    server = start(TlsServer)
    with Memory(server) as client:
        client.step(client.tls.do_handshake)
        client.step(lambda: client.tls.write(request(close=True)))
        assert client.read_all().endswith(b"\r\n\r\nok\n")


@pytest.mark.parametrize("program", ["echo ok", "echo ok; exec >&- 2>&- <&-; true", "(sleep 0.1; echo ok) &"])
def test_close_notify_after_a_program(start, program):
    server = start(TlsServer, program=(*SH, program))
    with Memory(server) as client:
        client.step(client.tls.do_handshake)
        assert client.read_all() == b"ok\n"


@pytest.mark.parametrize("hold", ["0", "3600000"])
def test_half_close(start, hold):
    """A close_notify says that nothing more is coming; the answer comes all the same."""
    server = start(TlsServer, FORCE_COMMAND=f": >$T/started; {UNTIL_GO}; echo ok", HTTP_HOLD_MS=hold)
    with Memory(server) as client:
        client.step(client.tls.do_handshake)
        client.step(lambda: client.tls.write(request(version="HTTP/1.0")))
        with pytest.raises(ssl.SSLWantReadError):
            client.tls.unwrap()
        client.flush()
        server.wait_file("started")
        server.go()
        assert client.read_all().endswith(b"\r\n\r\nok\n")


def test_half_close_reaches_the_program(start):
    server = start(TlsServer, program=(*SH, "wc -c; echo done"))
    with Memory(server) as client:
        client.step(client.tls.do_handshake)
        client.step(lambda: client.tls.write(b"x" * 100000))
        with pytest.raises(ssl.SSLWantReadError):
            client.tls.unwrap()
        client.flush()
        assert client.read_all() == b"100000\ndone\n"


def test_a_superserver_that_ignores_its_children(start):
    """As a signal's being ignored is inherited, there would be no exit code, and every end would be a broken one."""
    server = start(TlsServer, argv=lambda s: [*SUPERSERVERS["tcpsvd"](s.host, s.port), "env", "--ignore-signal=CHLD", BASTION, "tls", "echo", "ok"])
    with Memory(server) as client:
        client.step(client.tls.do_handshake)
        assert client.read_all() == b"ok\n"


# ---- broken ends ----

def broken(client):
    """What came until the connection broke, which it must."""
    data = b""
    with pytest.raises(ssl.SSLError) as e:
        while piece := client.step(lambda: client.tls.read(65536)):
            data += piece
    assert "INTERNAL_ERROR" in str(e.value)
    return data


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_failed_command(start, version):
    """In the form of both versions, the second of which has no other sign."""
    server = start(TlsServer, FORCE_COMMAND="echo first; exit 3", HTTP_HOLD_MS="0")
    with Memory(server) as client:
        client.step(client.tls.do_handshake)
        client.step(lambda: client.tls.write(request(version=version)))
        data = broken(client)
        assert b"\r\n\r\n" in data and b"first\n" in data and not data.endswith(b"0\r\n\r\n")


def test_curl_sees_it(start):
    server = start(TlsServer, FORCE_COMMAND="echo first; exit 3", HTTP_HOLD_MS="0")
    for version in ("--http1.1", "--http1.0"):
        done = curl(server, version)
        assert (done.returncode, done.stdout) == (56, b"first\n")


@pytest.mark.slow
def test_failed_command_that_leaves_processes(start):
    """The answer ends while http still has to see to what the command left."""
    server = start(TlsServer, FORCE_COMMAND="trap '' TERM; echo first; sleep 1000", COMMAND_TIMEOUT="1", HTTP_HOLD_MS="0")
    with Memory(server) as client:
        client.step(client.tls.do_handshake)
        client.step(lambda: client.tls.write(request()))
        broken(client)
    assert server.settle() is None


@pytest.mark.parametrize("program, output", [("exit 1", b""), ("kill -9 $$", b""), ("printf part; exit 1", b"part"), ("printf part; kill -9 $$", b"part"),
                                             ("printf part; exec >&- 2>&- <&-; sleep 1000", b"part"),
                                             ("head -c 300000 /dev/zero; exit 1", bytes(300000))], ids=lambda v: repr(v)[:30])
def test_failed_program(start, program, output):
    """Nor does one count that leaves its end open: nobody knows then whether this is all of it."""
    server = start(TlsServer, program=(*SH, program))
    with Memory(server) as client:
        client.step(client.tls.do_handshake)
        assert broken(client) == output


# ---- the client goes away ----

WAITS = "trap 'echo hup >>$T/signals; exit 1' HUP; : >$T/started; " + UNTIL_GO


@pytest.mark.parametrize("leave", ["close", "reset", "garbage", "forged close", "fatal alert"])
def test_client_gone(start, leave):
    """Without a close_notify that is authentic the client is gone, however it went."""
    server = start(TlsServer, FORCE_COMMAND=WAITS, ON_DISCONNECT="hangup")
    with Memory(server) as client:
        client.step(client.tls.do_handshake)
        client.step(lambda: client.tls.write(request()))
        server.wait_file("started")
        if leave == "reset":
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        if leave == "garbage":
            client.sock.sendall(b"\x17\x03\x03\x00\x20" + os.urandom(32))
        if leave == "forged close":  # as anybody on the way could
            client.sock.sendall(b"\x15\x03\x03\x00\x1a" + os.urandom(26))
        if leave == "fatal alert":
            client.sock.sendall(b"\x16\x03\x03\x00\x20" + os.urandom(32))
        if leave in ("close", "reset"):
            client.sock.close()
        server.wait_event("end")
    assert server.lines("signals") == ["hup"]
    server.settle()


def probes_soon(server):
    """Whether the server's side of a connection has the kernel ask within seconds (02: the timer of SO_KEEPALIVE, in 1/100 s)."""
    lines = [line.split() for line in open("/proc/net/tcp") if f" 0100007F:{server.port:04X} " in line]
    return [f for f in lines if f[3] == "01" and f[5].startswith("02:") and int(f[5][3:], 16) < 500]


def test_gone_after_a_half_close(start):
    """It said that it had said all, and waited; then it went."""
    server = start(TlsServer, FORCE_COMMAND=WAITS, HTTP_HOLD_MS="3600000", ON_DISCONNECT="hangup")
    with Memory(server) as client:
        client.step(client.tls.do_handshake)
        client.step(lambda: client.tls.write(request()))
        with pytest.raises(ssl.SSLWantReadError):
            client.tls.unwrap()
        client.flush()
        server.wait_file("started")
        wait_for(lambda: probes_soon(server), "its end is known")
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    server.wait_event("end")
    assert server.lines("signals") == ["hup"]


def test_a_forged_end_is_no_end(start):
    """What it would have answered does not get out: only an alert, so that nobody takes the part for the whole."""
    server = start(TlsServer, program=(*SH, "cat; echo whole"))
    with Memory(server) as client:
        client.step(client.tls.do_handshake)
        client.step(lambda: client.tls.write(b"part"))
        assert client.step(lambda: client.tls.read(100)) == b"part"
        client.sock.sendall(b"\x15\x03\x03\x00\x02\x01\x00")
        with pytest.raises(ssl.SSLError) as e:
            client.step(lambda: client.tls.read(100))
        assert "BAD_RECORD_MAC" in str(e.value) or "RECORD_OVERFLOW" in str(e.value)
    assert server.wait_event("deny", channel="tls")[0]["reason"].startswith("TLS: a record ")
    server.settle()


def test_continue(start):
    """The deployment ends as if nobody had gone, and the process with it: a superserver counts it until then."""
    server = start(TlsServer, FORCE_COMMAND=f": >$T/started; {UNTIL_GO}; echo done >>$T/ends", ON_DISCONNECT="continue")
    with Memory(server) as client:
        client.step(client.tls.do_handshake)
        client.step(lambda: client.tls.write(request()))
        server.wait_file("started")
    wait_for(lambda: not [c for c in open("/proc/net/tcp") if f":{server.port:04X} " in c and " 01 " in c], "the connection is closed")
    assert server.processes(BASTION, "tls")
    server.go()
    server.settle()
    assert server.lines("ends") == ["done"]


# ---- the handshake ----

@pytest.mark.parametrize("piece", [1, 3])
def test_byte_by_byte(start, piece):
    server = start(TlsServer)
    with Memory(server) as client:
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.step(client.tls.do_handshake, piece=piece)
        client.step(lambda: client.tls.write(request(close=True)), piece=piece)
        assert client.read_all().endswith(b"\r\n\r\nok\n")


def length_of_handshake(server):
    with Memory(server) as client:
        client.step(client.tls.do_handshake)
        return client.sent


@pytest.mark.parametrize("way", ["close", "end", "reset"])
def test_cut_in_every_phase(start, way):
    """After any number of bytes: nothing runs, nothing is left, no line of a fault."""
    server = start(TlsServer)
    whole = length_of_handshake(server)
    for limit in (0, 1, 4, 5, 6, 50, whole - 120, whole - 80, whole - 50, whole - 46, whole - 45, whole - 40, whole - 2, whole - 1):
        with Memory(server) as client:
            assert client.step(client.tls.do_handshake, limit=limit) is None
            assert client.sent == limit
            if way == "end":
                client.sock.shutdown(socket.SHUT_WR)
                all_of(client.sock)
            elif way == "reset":
                client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    server.settle()
    assert server.runs() == 0
    assert not server.events("fault")


@pytest.mark.slow
@pytest.mark.parametrize("speak", ["nothing", "a bit now and then"])
def test_too_slow(start, speak):
    """10 s for the handshake as a whole, not for each byte of it."""
    server = start(TlsServer)
    hello = iter(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500))
    begin = time.monotonic()
    with connect(server, timeout=0.4) as sock:
        while True:
            try:
                assert sock.recv(1) == b""
                break
            except TimeoutError:
                if speak != "nothing":
                    sock.sendall(bytes([next(hello)]))
            except (ConnectionResetError, BrokenPipeError):
                break
            assert time.monotonic() - begin < PATIENCE
    assert time.monotonic() - begin > 9
    server.settle()
    assert server.log_text() == b""


@pytest.mark.slow
def test_never_lets_up(start):
    """Nor does one get more time who keeps the engine busy, with records that have nothing in them."""
    server = start(TlsServer)
    begin = time.monotonic()
    with connect(server) as sock:
        with pytest.raises(OSError):
            while time.monotonic() - begin < 15:
                sock.sendall(b"\x16\x03\x03\x00\x00" * 100000)
    server.settle()


# ---- something else ----

@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "CONNECT", "PRI"])
@pytest.mark.parametrize("piece", [1, 100])
def test_clear_http(start, method, piece):
    server = start(TlsServer)
    with connect(server) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        said = b"%s / HTTP/1.1\r\nHost: x\r\n\r\n" % method.encode()
        try:
            for i in range(0, len(said), piece):
                sock.sendall(said[i:i + piece])
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = all_of(sock)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n") and b"https://" in answer
    assert server.wait_event("deny", channel="tls")[0]["reason"] == "HTTP without TLS"
    server.settle()
    assert server.runs() == 0


@pytest.mark.parametrize("garbage, alert", [
    (b"SSH-2.0-OpenSSH_9.2\r\n", 10), (b"GE", 10), (b"hello\n", 10), (b"\x00" * 50, 10), (b"\x80\x2e\x01\x03\x01", 10), (b"\xff" * 5, 10),
    (b"\x16\x05\x00\x00\x10" + bytes(16), 70), (b"\x16\x03\x01\xff\xff" + bytes(16), 22), (b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", 10),
    (b"\x16\x03\x01\x00\x08\x01\x00\x00\x04\x03\x03\x00\x00", 50), (b"\x17\x03\x03\x00\x01x", 10), (b"\x15\x03\x03\x00\x02\x02\x28", 10),
    (b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03", 50),
])
def test_garbage(start, garbage, alert):
    """An alert and nothing else, whatever follows."""
    server = start(TlsServer)
    with connect(server) as sock:
        sock.sendall(garbage)
        sock.shutdown(socket.SHUT_WR)
        assert all_of(sock) == bytes([21, 3, 3, 0, 2, 2, alert])
    assert server.wait_event("deny", channel="tls")
    server.settle()
    assert not server.events("fault")


def test_silent_connections_leave_no_line(start):
    server = start(TlsServer)
    for _ in range(3):
        connect(server).close()
    server.settle()
    assert server.log_text() == b""


# ---- many ----

@pytest.mark.slow
def test_200_at_once(start):
    server = start(TlsServer, COMMAND_LOCK="off")

    def one():
        with TlsClient(server) as client:
            client.send(request(close=True))
            return client.answer().status

    assert together([one] * 200) == [200] * 200
    assert server.settled_runs() == 200
