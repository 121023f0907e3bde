"""`bastion proxy` (bastion(8), PROXIES): the header of the PROXY protocol from trusted proxies, and the program behind it."""
import os
import socket
import struct

import pytest
from harness import BASTION, TOKEN, Client, Server, request, together, wait_for
from ssh_harness import ALICE, KEYS, SshServer, make_key, public
from test_forwarded import At
from test_tls_isolation import status
from tls_harness import TlsClient, TlsServer

pytestmark = pytest.mark.root

PROXY = "127.0.0.1"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V1 = b"PROXY TCP4 203.0.113.5 192.0.2.1 50000 443\r\n"
SHOW = 'printf "$TCPREMOTEIP $TCPREMOTEPORT $REMOTE_ADDR $REMOTE_PORT $TCPLOCALIP $TCPLOCALPORT ${TCPREMOTEHOST-} ${BASTION_VIA-}|"; cat'


def v2(command=0x21, family=0x11, source="203.0.113.5", destination="192.0.2.1", more=b"", length=None):
    kind = socket.AF_INET6 if ":" in source else socket.AF_INET
    body = {0x11: lambda: socket.inet_pton(kind, source) + socket.inet_pton(kind, destination) + struct.pack(">HH", 50000, 443)}
    body[0x21] = body[0x11]
    body[0x31] = lambda: b"/a".ljust(216, b"\0")
    data = body.get(family, lambda: b"")() + more
    return SIGNATURE + struct.pack(">BBH", command, family, len(data) if length is None else length) + data


class Shown(Server):
    """bastion proxy before a program that says what it has been told, and then what the client sends."""

    def __init__(self, program=("sh", "-c", SHOW), **options):
        super().__init__(program=("env", "TCPREMOTEHOST=liar", BASTION, "proxy", *program), **{"TRUSTED_PROXIES": f"{PROXY} 192.0.2.0/24", **options})

    def connections(self):
        return self.processes(BASTION, "proxy")


@pytest.fixture(scope="module")
def shown(start_once):
    return start_once(Shown, env={"BASTION_VIA": "not an address"})


def tell(server, *pieces, source=PROXY):
    """What comes back from a connection by which these pieces are sent, each by itself, and then its end."""
    with At(server, source) as client:
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            client.send(piece)
        try:
            client.end()
            return client.file.read()
        except (ConnectionError, OSError):
            return b""


NAMED = b"203.0.113.5 50000 203.0.113.5 50000 192.0.2.1 443  127.0.0.1|"

HEADERS = {
    "v1": (V1, NAMED),
    "v1-ipv6": (b"PROXY TCP6 2001:db8::5 2001:db8::1 50000 443\r\n", b"2001:db8::5 50000 2001:db8::5 50000 2001:db8::1 443  127.0.0.1|"),
    "v1-mapped": (b"PROXY TCP6 ::ffff:203.0.113.5 ::ffff:192.0.2.1 50000 443\r\n", NAMED),
    "v2": (v2(), NAMED),
    "v2-ipv6": (v2(family=0x21, source="2001:db8::5", destination="2001:db8::1"), b"2001:db8::5 50000 2001:db8::5 50000 2001:db8::1 443  127.0.0.1|"),
    "v2-values": (v2(more=b"\x03\0\x04abcd\x02\0\x05a.b.c"), NAMED),
    "v2-long": (v2(more=b"\x20\x3f\0" + b"x" * 16000), NAMED),
}
NOBODY = {
    "v1-unknown": b"PROXY UNKNOWN\r\n",
    "v1-unknown-long": b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n",
    "v2-local": v2(0x20),
    "v2-local-values": v2(0x20, more=b"abc"),
    "v2-unspecified": v2(family=0),
    "v2-unix": v2(family=0x31),
}
BAD = {
    "nothing-known": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "v1-108-bytes": b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",
    "v1-no-end": b"PROXY TCP4 203.0.113.5 192.0.2.1 50000 443" + b" " * 100,
    "v1-lf": V1.replace(b"\r", b""),
    "v1-family": V1.replace(b"TCP4", b"TCP6"),
    "v1-port": V1.replace(b"50000", b"65536"),
    "v1-zero": V1.replace(b"50000", b"050000"),
    "v2-65535": v2(length=65535) + b"x" * 65535,
    "v2-short": v2(length=11),
    "v2-datagram": v2(family=0x12, more=b"x" * 12),
    "v2-version": v2(0x11),
    "v2-command": v2(0x22),
    "v2-signature": v2().replace(b"QUIT", b"QUIt"),
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 60,
}


@pytest.mark.parametrize("name", HEADERS)
def test_header(shown, name):
    """The client is told by all names; what stands behind the header reaches the program, also in the same segment, and every byte of it."""
    header, told = HEADERS[name]
    rest = b"\r\n" + V1 + bytes(range(256)) * 300
    every = [bytes([b]) for b in header] if len(header) < 200 else [header[:15], header[15:17], header[17:]]
    assert together([lambda pieces=pieces: tell(shown, *pieces) for pieces in (
        [header], [header + rest], [header, rest], [*every], [*every[:-1], every[-1] + rest], [header[:14], header[14:] + rest])]
    ) == [told + tail for tail in (b"", rest, rest, b"", rest, rest)]


@pytest.mark.parametrize("name", NOBODY)
def test_nobody(shown, name):
    """A proxy that speaks for itself stays the client."""
    told = tell(shown, NOBODY[name], b"rest").decode()
    assert told.split()[0] == PROXY and told.endswith(" liar not an address|rest")  # the environment as it was


@pytest.mark.parametrize("name", BAD)
def test_bad(start, name):
    server = start(Shown)
    assert tell(server, BAD[name]) == b""
    server.settle()
    assert [(e["event"], e["channel"], e["peer"], e["reason"]) for e in server.events()] == [
        ("deny", "proxy", PROXY, "what came is no header of the PROXY protocol")]


def test_not_trusted(start):
    """From anybody else the connection is closed, whatever comes; and so it is where nobody is trusted."""
    for server in (start(Shown), start(Shown, TRUSTED_PROXIES=None)):
        source = "127.0.0.2"
        assert [tell(server, piece, source=source) for piece in (V1, v2(), b"PROXY UNKNOWN\r\n", b"x")] == [b""] * 4
        with At(server, source) as client:
            assert client.is_closed()  # it does not wait for a byte
        server.settle()
        assert [(e["event"], e["peer"], e["reason"]) for e in server.events()] == [
            ("deny", source, "the address is not in TRUSTED_PROXIES: nobody there speaks for a client")] * 5


def test_checks_of_health(start):
    """Who only connects, or says that he speaks for nobody, and goes: no program is started, and there is no line of it."""
    server = start(Shown, program=("sh", "-c", "echo x >>$T/runs"))
    itself = V1.replace(b"203.0.113.5", PROXY.encode())
    assert [tell(server, *pieces) for pieces in ([], [itself], *[[header] for header in NOBODY.values()])] == [b""] * (2 + len(NOBODY))
    for header in [b"", V1[:30], *NOBODY.values()]:
        with Client(server) as client:
            client.send(header).reset()
    server.settle()
    assert server.events() == [] and server.runs() == 0
    assert tell(server, NOBODY["v2-local"], b"x") == b"" and server.runs() == 1


@pytest.mark.slow
@pytest.mark.parametrize("part", [b"", V1[:9], v2()[:20], v2(more=b"x" * 9000)[:9000]], ids=["nothing", "v1", "v2", "v2-long"])
def test_stalls(start, part):
    server = start(Shown)
    with Client(server) as client:
        client.send(part)
        assert client.is_closed()
    assert tell(server, V1[:20]) == b""
    server.settle()
    assert sorted(e["reason"] for e in server.events()) == [
        "no whole header of the PROXY protocol came in time", "the connection ended within a header of the PROXY protocol"]


def test_twice(start):
    """A second header, the client's own, is nobody's: the program behind gets it as the client's bytes."""
    server = start(Shown, program=(BASTION, "http"))
    answer = tell(server, V1, b"PROXY TCP4 198.51.100.9 192.0.2.1 1 2\r\n" + request(close=True))
    assert answer.startswith(b"HTTP/1.1 400 ")
    server.settle()
    assert [(e["event"], e["peer"], e["via"]) for e in server.events()] == [("deny", "203.0.113.5", PROXY)]


def test_chain(start):
    """Two trusted proxies in a row, with a header each; and one of HTTP behind one of TCP."""
    server = start(Shown, program=(BASTION, "proxy", BASTION, "http"), FORCE_COMMAND='printf "$BASTION_PEER"')
    outer = b"PROXY TCP4 192.0.2.7 192.0.2.1 50000 443\r\n"
    assert tell(server, outer + V1 + request(close=True)).endswith(b"\r\n\r\n203.0.113.5")
    assert tell(server, V1 + V1 + request(close=True)) == b""
    server.settle()
    assert [(e["event"], e["peer"], e["via"]) for e in server.events()] == [
        ("start", "203.0.113.5", f"192.0.2.7,{PROXY}"), ("end", "203.0.113.5", f"192.0.2.7,{PROXY}"), ("deny", "203.0.113.5", PROXY)]
    server = start(Shown, program=(BASTION, "http"), FORCE_COMMAND='printf "$BASTION_PEER"')
    field = "X-Forwarded-For: 198.51.100.4"
    assert tell(server, outer + request(field, close=True)).endswith(b"\r\n\r\n198.51.100.4")
    assert tell(server, V1 + request(field, close=True)).endswith(b"\r\n\r\n203.0.113.5")
    server.settle()
    assert [(e["peer"], e["via"]) for e in server.events("end")] == [("198.51.100.4", f"192.0.2.7,{PROXY}"), ("203.0.113.5", PROXY)]


class Headed(TlsClient):
    """A client behind a proxy."""

    def connect(self, server):
        super().connect(server)
        self.sock.sendall(V1)


def test_tls(start):
    server = start(TlsServer, bastion=(BASTION, "proxy", BASTION), TRUSTED_PROXIES=PROXY, FORCE_COMMAND='printf "$BASTION_PEER"')
    with Headed(server) as client:
        client.send(request(close=True))
        assert client.answer().body == b"203.0.113.5"
    with Client(server) as client:
        client.send(V1 + b"SSH-2.0-x\r\n")
        client.file.read()
    server.settle()
    assert [(e["event"], e["channel"], e["peer"], e["via"]) for e in server.events()] == [
        ("start", "http", "203.0.113.5", PROXY), ("end", "http", "203.0.113.5", PROXY), ("deny", "tls", "203.0.113.5", PROXY)]


def test_ssh(start):
    """from= of a key, and every line of the log."""
    server = start(SshServer, program=(BASTION, "proxy", BASTION, "ssh"), TRUSTED_PROXIES=PROXY, FORCE_COMMAND='printf "$BASTION_PEER"')
    bob = make_key(KEYS, "bob-behind-a-proxy")
    (server.users / "bob.pub").write_text(f'from="203.0.113.0/24" {public(bob)}')

    def through(source, key, header):
        """By a relay that says the header first, as a proxy does."""
        script = (f"import os,socket,threading\ns=socket.create_connection(('{server.host}',{server.port}),source_address=('{source}',0))\ns.sendall({header!r})\n"
                  "def up():\n while (d:=os.read(0,65536)): s.sendall(d)\n s.shutdown(1)\n"
                  "threading.Thread(target=up,daemon=True).start()\nwhile (d:=s.recv(65536)): os.write(1,d)\n")
        (server.home / "relay.py").write_text(script)
        return server.ssh(key=key, options=["-o", f"ProxyCommand=/usr/bin/python3 {server.home}/relay.py"])

    far = V1.replace(b"203.0.113.5", b"198.51.100.5")
    assert through(PROXY, bob, V1).stdout == b"203.0.113.5"
    assert through(PROXY, ALICE, far).stdout == b"198.51.100.5"
    assert through(PROXY, bob, far).returncode == 255
    assert through("127.0.0.2", bob, V1).returncode == 255
    server.settle()
    found = [(e["event"], e["peer"], e.get("via")) for e in server.events() if e["event"] != "logout"]
    assert found == [("login", "203.0.113.5", PROXY), ("start", "203.0.113.5", PROXY), ("end", "203.0.113.5", PROXY),
                     ("login", "198.51.100.5", PROXY), ("start", "198.51.100.5", PROXY), ("end", "198.51.100.5", PROXY),
                     ("login", "198.51.100.5", PROXY), ("deny", "127.0.0.2", None)]
    assert {e.get("via") for e in server.events("logout")} == {PROXY}


def test_programs(start):
    server = start(Shown, program=("/nowhere/program",))
    assert tell(server, V1) == b""
    assert server.wait_event("fault")[0]["reason"] == "/nowhere/program: No such file or directory"
    server = start(Shown, TRUSTED_PROXIES="10.0.0.0/8 nobody")
    assert tell(server, V1) == b""
    assert server.wait_event("fault")[0]["reason"].startswith("TRUSTED_PROXIES: entry 2 is no address")


def test_reader(start):
    """Whoever reads the header is another account, confined, without the secrets; what it reads for is not."""
    server = start(Shown)
    with Client(server) as client:
        client.send(V1[:10])
        pids = wait_for(lambda: len(found := server.connections()) == 2 and found, "the process that reads")
        reader = wait_for(lambda: [p for p in pids if status(p, "Uid").split() == ["65524"] * 4], "its account")[0]
        wait_for(lambda: status(reader, "Seccomp") == "2", "it is confined")
        assert status(reader, "NoNewPrivs") == "1" and status(reader, "CapEff") == "0" * 16
        assert TOKEN.encode() not in open(f"/proc/{reader}/environ", "rb").read()
        assert sorted(map(int, os.listdir(f"/proc/{reader}/fd")))[0] == 0 and len(os.listdir(f"/proc/{reader}/fd")) == 2
        assert status([p for p in pids if p != reader][0], "Uid").split() == ["0"] * 4
        client.send(V1[10:]).end()
        assert client.file.read().startswith(b"203.0.113.5 ")
