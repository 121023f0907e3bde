"""One port for SSH, TLS and HTTP (bastion(8), MUX): what a client begins with decides, and no byte of it is lost."""
import contextlib
import socket
import subprocess
import threading

import pytest
from harness import AUTH, BASTION, TOKEN, Client, ask, curl, free_port, is_listening, pass_bytes, request, wait_for
from init_harness import InitServer
from ssh_harness import SshServer, by_asyncssh
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


class OnePort(InitServer):
    def is_listening(self):
        return is_listening(int(self.settings["MUX_PORT"]))


def raw(server, *pieces, half=False):
    """What comes back for these pieces, each sent when the one before has arrived."""
    with socket.create_connection((server.host, server.port)) as s:
        s.settimeout(60)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = b""
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):  # it closes without having taken a byte
            for piece in pieces:
                s.sendall(piece)
            if half:
                s.shutdown(socket.SHUT_WR)
            while more := s.recv(65536):
                data += more
        return data


def test_each_protocol(start):
    server = start(Mux)
    assert server.ssh().stdout == b"ssh 127.0.0.1"
    assert subprocess.run(["curl", "-sSk", "--noproxy", "*", "-H", AUTH, f"https://127.0.0.1:{server.port}/cgi-bin/run"], capture_output=True).stdout == b"http 127.0.0.1"
    assert ask(server).body == b"http 127.0.0.1"  # from this machine itself
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
        wait_for(lambda: server.processes(BASTION, "mux") or server.processes(BASTION, "ssh"))
        s.sendall(b"SSH-2.0-x\r\n"[len(text):])
        assert s.recv(64).startswith(b"SSH-2.0-")


def test_http_byte_by_byte(start):
    server = start(Mux)
    with Client(server) as client:
        for byte in request(close=True):
            client.send(bytes([byte]))
        assert client.answer().body == b"http 127.0.0.1"


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


def test_not_a_socket():
    done = subprocess.run([BASTION, "mux"], stdin=subprocess.DEVNULL, capture_output=True, env={"FORCE_COMMAND": "id"})
    assert done.returncode == 71 and b"descriptor 0 is no connection" in done.stderr
