"""One port for SSH, TLS and HTTP (bastion(8), MUX): what a client begins with decides, and no byte of it is lost."""
import contextlib
import fcntl
import hashlib
import os
import select
import shutil
import socket
import ssl
import subprocess
import sys
import termios
import threading
import time

import harness
import pytest
from harness import AUTH, BASTION, TOKEN, Client, ask, curl, free_port, is_listening, pass_bytes, request, wait_for
from init_harness import NetServer, OnePort, is_asleep, lasting
from ssh_harness import ALICE, SshServer, by_asyncssh, public
from test_ssh_clients import by_dbclient, by_plink, dropbear_key, putty_key
from tls_harness import pair

pytestmark = pytest.mark.root
__all__ = ["dropbear_key", "putty_key"]  # fixtures

SAYS = 'echo x >>$T/runs; printf "$BASTION_CHANNEL $BASTION_PEER"'


class Mux(SshServer):
    """`certificate`: there is one; `words`: what stands before `bastion mux`."""

    def __init__(self, certificate=True, words=(), **settings):
        files = pair().settings() if certificate else {}
        super().__init__(program=(*words, BASTION, "mux"), **{"FORCE_COMMAND": SAYS, "HTTP_TOKEN": TOKEN, "COMMAND_LOCK": "off", **files, **settings})

    def reasons(self):
        return [event["reason"] for event in self.events("deny", channel="mux")]


def is_taken(s):
    """Whether the other side's kernel has all that was sent."""
    return int.from_bytes(fcntl.ioctl(s, termios.TIOCOUTQ, bytes(4)), sys.byteorder) == 0


def has_looked(server, s):
    """Whether what was sent has been looked at: it waits for more, or another program has taken over, or it has closed."""
    if select.select([s], [], [], 0)[0]:
        return True
    looking = server.processes(BASTION, "mux")
    return is_taken(s) and server.connections() and all(is_asleep(pid) for pid in looking)


def raw(server, *pieces, half=False):
    """What comes back for these pieces, each sent when the one before has been looked at."""
    with socket.create_connection((server.host, server.port)) as s:
        s.settimeout(60)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = b""
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):  # it closes without having taken a byte
            for piece in pieces:
                s.sendall(piece)
                wait_for(lambda: has_looked(server, s), "it is looked at")
            if half:
                s.shutdown(socket.SHUT_WR)
            while more := s.recv(65536):
                data += more
        return data


def test_each_protocol(start):
    server = start(Mux)
    assert server.ssh().stdout == b"ssh 127.0.0.1"
    assert subprocess.run(["curl", "-sSk", "--noproxy", "*", "-H", AUTH, f"https://127.0.0.1:{server.port}/cgi-bin/run"], capture_output=True).stdout == b"http 127.0.0.1"
    assert curl(server).stdout == b"http 127.0.0.1"  # from this machine itself
    done = subprocess.run(["openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{server.port}"], input=request(close=True), capture_output=True)
    assert b"http 127.0.0.1" in done.stdout
    server.settle()
    assert server.runs() == 4 and server.reasons() == []


@pytest.mark.parametrize("by", ["dbclient", "plink", "asyncssh"])
def test_ssh_clients(start, by, request):
    """Those that speak first, and those that wait for the server."""
    server = start(Mux)
    server.ssh()  # makes the host's key, which plink wants to be told
    if by == "asyncssh":
        assert by_asyncssh(server).stdout.strip().endswith(b"ssh 127.0.0.1")
        return
    way, key = {"dbclient": (by_dbclient, "dropbear_key"), "plink": (by_plink, "putty_key")}[by]
    done = subprocess.run(way(server, "any", key=request.getfixturevalue(key)), capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    assert done.stdout == b"ssh 127.0.0.1", done


def test_who_waits_is_ssh_s(start):
    """A client that says nothing hears the server's identification."""
    server = start(Mux)
    with socket.create_connection((server.host, server.port)) as s:
        s.settimeout(60)
        assert s.recv(64).startswith(b"SSH-2.0-")


@pytest.mark.parametrize("text", [b"S", b"SS", b"SSH", b"SSH-", b"SSH-2.0-x\r\n"])
def test_ssh_in_pieces(start, text):
    """No byte is lost, however they come."""
    server = start(Mux)
    with socket.create_connection((server.host, server.port)) as s:
        s.settimeout(60)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.sendall(text)
        wait_for(lambda: has_looked(server, s), "it is looked at")
        s.sendall(b"SSH-2.0-x\r\n"[len(text):])
        assert s.recv(64).startswith(b"SSH-2.0-")


def test_http_byte_by_byte(start):
    server = start(Mux)
    with Client(server) as client:
        for n, byte in enumerate(request(close=True)):
            client.send(bytes([byte]))
            if n < len("GET /"):
                wait_for(lambda: has_looked(server, client.sock), "it is looked at")
        assert client.answer().body == b"http 127.0.0.1"


def by_tls(server, data, cut=(), protocols=("h2", "http/1.1")):
    """What comes back by TLS; the client's hello is sent in pieces that end there."""
    context = ssl._create_unverified_context()
    context.set_alpn_protocols(protocols)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing)
    got = b""
    with socket.create_connection((server.host, server.port)) as s:
        s.settimeout(60)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def talk(function):
            while True:
                try:
                    return function()
                except ssl.SSLWantReadError:
                    s.sendall(outgoing.read())
                    if more := s.recv(65536):
                        incoming.write(more)
                    else:
                        incoming.write_eof()

        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
        hello = outgoing.read()
        for begin, end in zip((0, *cut), (*cut, len(hello))):
            s.sendall(hello[begin:end])
            wait_for(lambda: has_looked(server, s), "it is looked at")
        talk(tls.do_handshake)
        tls.write(data)
        with contextlib.suppress(ssl.SSLZeroReturnError, ssl.SSLEOFError):
            while more := talk(lambda: tls.read(65536)):
                got += more
    return got


@pytest.mark.parametrize("cut", [(1,), (1, 2), (5,), range(1, 12)], ids=["first byte", "two bytes", "record's head", "byte by byte"])
def test_tls_in_pieces(start, cut):
    server = start(Mux)
    assert by_tls(server, request(close=True), cut).endswith(b"\r\n\r\nhttp 127.0.0.1")


@pytest.mark.parametrize("begin", [b"SSH / HTTP/1.1\r\nHost: a\r\n\r\n", b"SSHD / HTTP/1.1\r\nHost: a\r\n\r\n", b"PROXYING / HTTP/1.1\r\nHost: a\r\n\r\n"])
def test_methods_that_begin_as_another_protocol(start, begin):
    """The method byte by byte: what it could be is open until it is told."""
    server = start(Mux)
    method, rest = begin.split(b" ", 1)
    assert raw(server, *[bytes([byte]) for byte in method + b" "], rest, half=True).startswith(b"HTTP/1.1 404 ")
    assert server.reasons() == []


# ---- those who look whether it is there ----

KUBELET = ["User-Agent: kube-probe/1.30", "Accept: */*"]


@pytest.mark.parametrize("scheme", ["HTTP", "HTTPS"])
def test_a_probe_of_kubernetes(start, scheme):
    """httpGet: from the node's address, in clear text where there is no certificate; by TLS it trusts any, and offers h2."""
    server = start(Mux, certificate=scheme == "HTTPS", words=("env", "TCPREMOTEIP=192.0.2.7"))
    probe = request(*KUBELET, target="/healthz", auth=None, host=f"192.0.2.1:{server.port}", close=True)
    answer = by_tls(server, probe) if scheme == "HTTPS" else raw(server, probe)
    assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"\r\n\r\nok\n")
    server.settle()
    assert server.events() == []


@pytest.mark.parametrize("certificate", [True, False])
@pytest.mark.parametrize("end", ["close", "reset", "reset within a word"])
def test_who_only_connects(start, certificate, end):
    """As tcpSocket probes of Kubernetes do, with a reset, and balancers: no process and no line stays behind."""
    server = start(Mux, certificate=certificate)
    for _ in range(3):
        with Client(server) as client:
            if end == "reset within a word":
                client.send(b"GE")
                wait_for(lambda: has_looked(server, client.sock), "it is looked at")
            if end != "close":
                client.reset()
    server.settle()
    assert server.events() == []


def after_silence(server, talk):
    """Whether the client spoke in time. A browser opens connections before it knows what for; the page that says so is here a second."""
    with socket.create_connection((server.host, server.port)) as s:
        begin = time.monotonic()
        s.settimeout(60)
        time.sleep(1)  # the silence is what is tested
        if time.monotonic() - begin > 2:  # on this machine, of the three seconds that there are
            return False
        talk(s)
        return True


@pytest.mark.slow
def test_a_browser_s_connection_in_advance(start):
    """It is silent for a second, then speaks; another one stays silent until it is closed, and the page is there all the same."""
    server = start(Mux)
    answers = []

    def speak(s):
        with ssl._create_unverified_context().wrap_socket(s) as tls:
            tls.sendall(request(close=True))
            answers.append(b"".join(iter(lambda: tls.recv(65536), b"")))

    with socket.create_connection((server.host, server.port)) as silent:
        wait_for(lambda: after_silence(server, speak), "a second's silence that took no longer")
        assert answers[-1].endswith(b"\r\n\r\nhttp 127.0.0.1")
        silent.settimeout(60)
        assert silent.recv(64).startswith(b"SSH-2.0-")  # a browser drops what speaks before it was asked
    server.settle()
    assert server.reasons() == []


# ---- what is closed ----

@pytest.mark.parametrize("pieces, reason", [
    ([b"\x80\x2e\x01\x03\x01\x00\x15"], "what came is neither SSH, nor TLS, nor HTTP"),
    ([b"get / HTTP/1.1\r\n\r\n"], "what came is neither SSH, nor TLS, nor HTTP"),
    ([b"\0"], "what came is neither SSH, nor TLS, nor HTTP"),
    ([b"A" * 40], "what came is neither SSH, nor TLS, nor HTTP"),
    ([b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", b"SSH-2.0-x\r\n"], "a header of the PROXY protocol, which takes bastion proxy before this"),
    ([b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"], "a header of the PROXY protocol, which takes bastion proxy before this"),
])
def test_what_is_none(start, pieces, reason):
    """It is closed without an answer, and named."""
    server = start(Mux)
    assert raw(server, *pieces) == b""
    server.settle()
    assert server.reasons() == [reason] and server.runs() == 0


@pytest.mark.parametrize("text", [b"", b"GE", b"SSH"])
def test_a_client_that_ends(start, text):
    """It leaves no process and no line."""
    server = start(Mux)
    assert raw(server, text, half=True) == b""
    server.settle()
    assert server.events() == []


def test_urgent_data(start):
    """A byte that no look gets past: it is not waited for others, which would take all of a processor."""
    server = start(Mux)
    with socket.create_connection((server.host, server.port)) as s:
        s.settimeout(60)
        s.sendall(b"G")
        wait_for(lambda: has_looked(server, s), "it is looked at")
        s.send(b"E", socket.MSG_OOB)
        with contextlib.suppress(ConnectionResetError):
            assert s.recv(64) == b""
    server.settle()
    assert server.reasons() == ["what came is neither SSH, nor TLS, nor HTTP"]


@pytest.mark.slow
def test_a_client_that_stops_within_a_word(start):
    server = start(Mux)
    with socket.create_connection((server.host, server.port)) as s:
        s.settimeout(60)
        s.sendall(b"GE")
        try:
            assert s.recv(64) == b""
        except ConnectionResetError:
            pass
    assert server.reasons() == ["too few bytes came to tell SSH, TLS and HTTP apart"]


def test_without_a_certificate(start):
    server = start(Mux, certificate=False)
    assert ask(server).body == b"http 127.0.0.1"
    assert curl(server, path="/").returncode == 0
    assert subprocess.run(["curl", "-sSk", "--noproxy", "*", f"https://127.0.0.1:{server.port}/"], capture_output=True).returncode != 0
    assert server.reasons() == ["the client speaks TLS, and there is no certificate"]


@pytest.mark.parametrize("certificate, trusted, served", [(True, None, False), (False, None, True), (True, "192.0.2.0/24", True), (True, "198.51.100.0/24", False)])
def test_http_in_clear_text_from_elsewhere(start, certificate, trusted, served):
    """Where there is a certificate a credential comes by TLS; but from a trusted proxy."""
    more = {"TRUSTED_PROXIES": trusted} if trusted else {}
    server = start(Mux, certificate=certificate, words=("env", "TCPREMOTEIP=192.0.2.7"), **more)
    if served:
        assert ask(server).body == b"http 192.0.2.7"
        assert server.reasons() == []
        return
    assert raw(server, request(close=True)) == b""
    assert server.reasons() == ["the client speaks HTTP without TLS, though there is a certificate"]


@pytest.mark.parametrize("address, served", [
    ("127.0.0.2", True), ("::1", True), ("::ffff:127.0.0.1", True), ("::ffff:192.0.2.7", False), ("::", False), ("0.0.0.0", False), ("128.0.0.1", False),
    ("2001:db8::1", False)])
def test_who_is_this_machine_itself(start, address, served):
    server = start(Mux, words=("env", f"TCPREMOTEIP={address}"))
    assert raw(server, request(close=True)).startswith(b"HTTP/1.1 200 ") is served
    assert len(server.reasons()) == (not served)


def test_nobody_says_that_he_is_this_machine(start):
    """Only a trusted proxy's word on the client's address counts; what it says of the client is who the client is."""
    stranger = start(Mux, words=("env", "TCPREMOTEIP=192.0.2.7"))
    assert raw(stranger, request("X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: https", close=True)) == b""
    assert stranger.reasons() == ["the client speaks HTTP without TLS, though there is a certificate"]
    proxy = start(Mux, words=("env", "TCPREMOTEIP=192.0.2.7"), TRUSTED_PROXIES="192.0.2.0/24")
    assert raw(proxy, request("X-Forwarded-For: 203.0.113.5", close=True)).endswith(b"\r\n\r\nhttp 203.0.113.5")
    assert [(e["peer"], e["via"]) for e in proxy.events("start")] == [("203.0.113.5", "192.0.2.7")]


@pytest.mark.parametrize("of, served", [("192.0.2.0/24", True), ("198.51.100.0/24", False)])
def test_where_credentials_count(start, of, served):
    """from= of keys and tokens means the client, also behind the look."""
    def prepare(s):
        (s.users / "alice.pub").write_text(f'from="{of}" {public(ALICE)}')
        (s.etc / "tokens.d").mkdir()
        (s.etc / "tokens.d/ci.token").write_text(f"sha256:{hashlib.sha256(TOKEN.encode()).hexdigest()} from={of}\n")
    server = start(Mux, words=("env", "TCPREMOTEIP=192.0.2.7"), prepare=prepare, HTTP_TOKEN=None, alice=False)
    assert server.ssh().stdout == (b"ssh 192.0.2.7" if served else b"")
    assert (b"\r\n\r\nhttp 192.0.2.7" in by_tls(server, request(close=True))) is served
    assert server.runs() == (2 if served else 0)


def test_behind_a_proxy_header(start):
    """`bastion proxy bastion mux`: each program knows the client."""
    server = start(Mux, words=(BASTION, "proxy"), TRUSTED_PROXIES="127.0.0.1")
    header = b"PROXY TCP4 192.0.2.9 192.0.2.1 50000 443\r\n"
    assert b"http 192.0.2.9" in raw(server, header + request(close=True))
    assert raw(server, header, b"SSH-2.0-x\r\n", half=True).startswith(b"SSH-2.0-")
    client = ["openssl", "s_client", "-quiet", "-connect"]
    with socket.create_server(("127.0.0.1", 0)) as relay:
        def pass_on():
            near, _ = relay.accept()
            with near, socket.create_connection((server.host, server.port)) as far:
                far.sendall(header)
                threading.Thread(target=lambda: pass_bytes(near, far), daemon=True).start()
                pass_bytes(far, near)
        threading.Thread(target=pass_on, daemon=True).start()
        done = subprocess.run([*client, f"127.0.0.1:{relay.getsockname()[1]}"], input=request(close=True), capture_output=True)
    assert b"http 192.0.2.9" in done.stdout


@pytest.mark.parametrize("tls", ["self-signed", None])
def test_mux_port(start, tls):
    """init listens there beside its other ports, or with these off alone."""
    port = free_port()
    server = start(OnePort, HTTP_TOKEN=TOKEN, MUX_PORT=str(port), SSH_PORT="off", HTTP_PORT="off", HTTPS_PORT="off", FORCE_COMMAND=SAYS, COMMAND_LOCK="off", **({"TLS": tls} if tls else {}))
    server.port = server.ssh_port = port
    assert server.ssh().stdout == b"ssh 127.0.0.1"
    assert ask(server).body == b"http 127.0.0.1"
    done = subprocess.run(["curl", "-sSk", "--noproxy", "*", "-H", AUTH, f"https://127.0.0.1:{port}/cgi-bin/run"], capture_output=True)
    assert done.stdout == (b"http 127.0.0.1" if tls else b"")
    health = server.execute("/bin/bastion", "health")
    assert (health.stdout, health.returncode) == (f"mux on port {port} answers; ok\n", 0)
    server.settle()
    assert [e["reason"] for e in server.events("deny")] == ([] if tls else ["the client speaks TLS, and there is no certificate"])


def test_health_behind_a_proxy_header(start):
    """The health check says that it speaks for nobody, and is this machine itself."""
    port = free_port()
    server = start(OnePort, HTTP_TOKEN=TOKEN, MUX_PORT=str(port), SSH_PORT="off", HTTP_PORT="off", HTTPS_PORT="off", TLS="self-signed",
                   PROXY_PROTOCOL="on", TRUSTED_PROXIES="192.0.2.1")
    health = server.execute("/bin/bastion", "health")
    assert (health.stdout, health.returncode) == (f"mux on port {port} answers; ok\n", 0)


def test_an_upgrade_meanwhile(start, tmp_path):
    """The executable's file has been replaced, or is gone, while a client had said nothing: what it then says is served."""
    own = tmp_path / "bastion"
    shutil.copy(BASTION, own)
    tmp_path.chmod(0o755)
    server = start(Mux, words=("sh", "-c", f'exec {own} mux', "sh"))  # before `bastion mux`, which are words for nobody
    for replace in (lambda: (shutil.copy("/bin/false", tmp_path / "new"), os.rename(tmp_path / "new", own)), own.unlink):
        for talk in (lambda s: s, lambda s: ssl._create_unverified_context().wrap_socket(s)):
            shutil.copy(BASTION, tmp_path / "again")
            os.rename(tmp_path / "again", own)
            with socket.create_connection((server.host, server.port)) as s:
                s.settimeout(60)
                wait_for(lambda: server.processes(str(own), "mux"), "it looks")
                replace()
                with talk(s) as client:
                    client.sendall(request(close=True))
                    assert b"".join(iter(lambda: client.recv(65536), b"")).endswith(b"\r\n\r\nhttp 127.0.0.1")
    assert server.reasons() == []


class OnePortOfMany(NetServer):
    def is_listening(self):
        return self.within(lambda: is_listening(int(self.settings["MUX_PORT"])))


def started(server):
    """The processes that process 1 has started, but those that wait for a connection."""
    return {p for p in server.processes() if harness.parent(p) == server.pid} - set(server.spares())


@pytest.mark.slow
@pytest.mark.parametrize("said", [b"", b"G", b"S", b"\x16"])
def test_a_crowd_that_says_too_little(start, said):
    """From an address each. Whoever has a credential is let in, and they are no more processes than there may be connections."""
    port = free_port()
    server = start(OnePortOfMany, HTTP_TOKEN=TOKEN, MUX_PORT=str(port), SSH_PORT="off", HTTP_PORT="off", HTTPS_PORT="off", TLS="self-signed",
                   FORCE_COMMAND=SAYS, COMMAND_LOCK="off")
    server.port = server.ssh_port = port
    with contextlib.ExitStack() as stack:
        for n in range(250):
            s = stack.enter_context(server.connect(f"198.51.100.{2 + n}", port))
            with contextlib.suppress(ConnectionError, BrokenPipeError):
                s.sendall(said)
        most = len(lasting(lambda: started(server)))
        url = f"https://{server.host}:{port}/cgi-bin/run"
        for source in ("198.51.100.7", "198.51.100.253"):
            assert subprocess.run(server.command("curl", "-sSk", "--noproxy", "*", "--max-time", "30", "--interface", source, "-H", AUTH, url),
                                  capture_output=True).stdout == f"http {source}".encode()
            assert server.ssh(options=["-b", source]).stdout == f"ssh {source}".encode()
    assert most <= 64 + 1 + 1  # one that has just ended, and the printer of /dev/log


def test_not_a_socket():
    done = subprocess.run([BASTION, "mux"], stdin=subprocess.DEVNULL, capture_output=True, env={"FORCE_COMMAND": "id"})
    assert done.returncode == 71 and b"descriptor 0 is no connection" in done.stderr
