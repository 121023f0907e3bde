"""Where the client is (bastion-settings(5), TRUSTED_PROXIES), behind real proxies: those of HTTP say it in X-Forwarded-For, those of TCP in a
header of the PROXY protocol. The proxies are at 127.0.0.1, and each other address of the loopback network is a client's. What a client
says of itself, through the proxy or past it, moves neither from= nor the log."""
import pytest
from harness import BASTION, Server, request, wait_for
from proxies import Proxy
from ssh_harness import KEYS, SshServer, make_key, public
from test_forwarded import At
from test_tokens_http import TokenServer, bearer
from tls_harness import TlsClient, TlsServer

pytestmark = pytest.mark.root

PROXY, NEAR, FAR = "127.0.0.1", "127.0.0.2", "127.0.0.3"
BY_HTTP = ["nginx-forwarded", "haproxy-forwarded", "caddy", "apache"]
BY_TCP = ["haproxy-v1", "haproxy-v2", "nginx-stream"]
# A connection to the server by whomever: the health checks of a proxy, too.
COUNTED = ("sh", "-c", f"echo x >>$T/connections; exec {BASTION} proxy {BASTION} \"$@\"", "sh")
FORGED = [
    [f"X-Forwarded-For: {NEAR}"],
    [f"X-Forwarded-For: {NEAR}", f"X-Forwarded-For: {NEAR}, {PROXY}"],
    [f"X-Forwarded-For: {NEAR}, ,"],
    [f"X-Forwarded-For: {NEAR}" + f", {PROXY}" * 600],
    [f"x_forwarded_for: {NEAR}", f"X-Real-IP: {NEAR}", f"Forwarded: for={NEAR}"],
]


class Stage:
    """A server behind a proxy, which lets `near` in from one address alone."""

    def __init__(self, kind, start):
        program = {} if kind in BY_HTTP else {"program": (*COUNTED, "http")}
        self.server = start(TokenServer, TRUSTED_PROXIES=PROXY, FORCE_COMMAND='printf "$BASTION_PEER"', **program)
        self.door = start(Proxy, proxy=kind, servers={"http": self.server}).doors["http"]
        self.near = bearer(self.server.make("near", "--from", NEAR))
        self.anybody = bearer(self.server.ci)

    def ask(self, source, *fields, auth, to=None, before=b""):
        """The status and what came with it."""
        with At(to or self.door, source) as client:
            client.send(before + request(*fields, auth=auth, close=True))
            try:
                answer = client.answer()
                return answer.status, answer.body.decode() if answer.status == 200 else ""
            except (ConnectionResetError, EOFError, AssertionError):  # the first where it closes with bytes unread
                return None, client.file.read().decode()

    def events(self):
        """What the log has had since the last call."""
        seen, self.seen = getattr(self, "seen", 0), len(self.server.events())
        return [(e["event"], e["peer"], e.get("via")) for e in self.server.events()[seen:] if e["event"] != "end"]


@pytest.fixture(scope="module")
def stage(request, start_once):
    return Stage(request.param, start_once)


class Near(TlsClient):
    def connect(self, server):
        self.sock.bind((NEAR, 0))
        super().connect(server)


def each(kinds):
    return pytest.mark.parametrize("stage", [pytest.param(kind, marks=pytest.mark.xdist_group(f"address-{kind}")) for kind in kinds],
                                   indirect=True, scope="module")


@each(BY_HTTP + BY_TCP)
def test_client(stage):
    assert stage.ask(NEAR, auth=stage.near) == stage.ask(NEAR, auth=stage.anybody) == (200, NEAR)
    assert stage.ask(FAR, auth=stage.near) == (401, "") and stage.ask(FAR, auth=stage.anybody) == (200, FAR)
    assert stage.events() == [("start", NEAR, PROXY), ("start", NEAR, PROXY), ("login", FAR, PROXY), ("start", FAR, PROXY)]


@each(BY_HTTP)
@pytest.mark.parametrize("fields", FORGED, ids=range(len(FORGED)))
def test_forged_fields(stage, fields):
    """Through the proxy, and past it."""
    for to, via in ((None, PROXY), (stage.server, None)):
        assert stage.ask(FAR, *fields, auth=stage.near, to=to) == (401, "")
        assert stage.ask(FAR, *fields, auth=stage.anybody, to=to) == (200, FAR)
        assert stage.events() == [("login", FAR, via), ("start", FAR, via)]


@each(BY_TCP)
def test_forged_headers(stage):
    """Behind the proxy's own header it is no request; past the proxy nothing is read. And a field of HTTP is noise: its sender is no proxy."""
    for forged in (f"PROXY TCP4 {NEAR} 127.0.0.1 1 2\r\n".encode(), b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x02\x7f\0\0\x01\0\x01\0\x02"):
        assert stage.ask(FAR, auth=stage.near, before=forged)[0] == 400
        assert stage.ask(FAR, auth=stage.near, before=forged, to=stage.server)[0] is None
        assert stage.events() == [("deny", FAR, PROXY), ("deny", FAR, None)]
    assert stage.ask(FAR, f"X-Forwarded-For: {NEAR}", auth=stage.near) == (401, "")
    assert stage.ask(FAR, f"X-Forwarded-For: {NEAR}", auth=stage.anybody) == (200, FAR)
    assert stage.events() == [("login", FAR, PROXY), ("start", FAR, PROXY)]


@pytest.mark.xdist_group("address-haproxy-persistent")
def test_many_clients_by_one_connection(start):
    """The proxy sends requests of several clients by a connection that it keeps: each request is its own client's."""
    server = start(Server, program=("sh", "-c", f"echo x >>$T/connections; exec {BASTION} http"), TRUSTED_PROXIES=PROXY, FORCE_COMMAND='printf "$BASTION_PEER"')
    door = start(Proxy, proxy="nginx-upstream", servers={"http": server}).doors["http"]
    for n in range(2, 12):
        with At(door, f"127.0.0.{n}") as client:
            client.send(request(close=True))
            assert client.answer().body.decode() == f"127.0.0.{n}"
    assert len(server.lines("connections")) < 10
    assert [e["peer"] for e in server.events("start")] == [f"127.0.0.{n}" for n in range(2, 12)]


@pytest.mark.parametrize("kind", BY_TCP)
def test_tls_and_ssh(start, kind):
    """They know the client too; and the proxy's health checks leave no line."""
    https = start(TlsServer, bastion=(*COUNTED[:3], "sh"), TRUSTED_PROXIES=PROXY, FORCE_COMMAND='printf "$BASTION_PEER"')
    ssh = start(SshServer, program=(*COUNTED, "ssh"), TRUSTED_PROXIES=PROXY, FORCE_COMMAND='printf "$BASTION_PEER"')
    near = make_key(KEYS, f"near-{kind}")
    (ssh.users / "near.pub").write_text(f'from="{NEAR}" {public(near)}')
    doors = start(Proxy, proxy=kind, servers={"https": https, "ssh": ssh}).doors
    if kind.startswith("haproxy"):
        for server in (https, ssh):
            wait_for(lambda server=server: len(server.lines("connections")) > 5, "health checks")
            assert server.events() == []

    with Near(doors["https"]) as client:
        client.send(request(close=True))
        assert client.answer().body.decode() == NEAR

    def log_in(source, key):
        done = ssh.ssh(key=key, options=["-p", str(doors["ssh"].port), "-b", source])
        return done.stdout.decode()

    assert [log_in(NEAR, near), log_in(FAR, near), log_in(FAR, KEYS / "alice")] == [NEAR, "", FAR]
    ssh.wait_event("end", 2)
    https.wait_event("end")
    assert [(e["event"], e["peer"], e["via"]) for e in ssh.events() if e["event"] in ("login", "start")] == [
        ("login", NEAR, PROXY), ("start", NEAR, PROXY), ("login", FAR, PROXY), ("login", FAR, PROXY), ("start", FAR, PROXY)]
    assert [(e["event"], e["peer"], e["via"]) for e in https.events()] == [("start", NEAR, PROXY), ("end", NEAR, PROXY)]
    assert [e["verdict"] for e in ssh.events("login", peer=FAR)] == ["deny", "allow"]
