"""Where the client is, by X-Forwarded-For (bastion-settings(5), TRUSTED_PROXIES): in the log, for the command, and for from= of tokens. From
anybody but a trusted proxy the field is noise. Here 127.0.0.1 is the proxy; any other address of the loopback network is a client."""
import socket
import subprocess
import sys

import pytest
from harness import BASTION, Client, Server, ask, request, together
from role_harness import HttpRoles, token
from test_hostile import double
from test_hostile_front import ADMITTED, CREDENTIAL, FAULT, LOGIN, READY, TAKEN, TakenOver, message, puppet, run
from test_tokens_http import TokenServer, bearer

pytestmark = pytest.mark.root

PROXY = "127.0.0.1"
FORWARDED = TAKEN + 1


class At(Client):
    """A client with an address of its own."""

    def __init__(self, server, source):
        self.source = source
        super().__init__(server)

    def connect(self, server):
        self.sock.close()
        self.sock = socket.create_connection((server.host, server.port), source_address=(self.source, 0))


def ask_from(server, source, *fields, **options):
    with At(server, source) as client:
        client.send(request(*fields, close=True, **options))
        return client.answer()


def xff(value):
    return f"X-Forwarded-For: {value}"


@pytest.fixture(scope="module")
def server(start_once):
    return start_once(TRUSTED_PROXIES=f"{PROXY}, 2001:db8:1::/48 192.0.2.0/24", FORCE_COMMAND='printf %s "$BASTION_PEER"', COMMAND_LOCK="off")


CLIENTS = [
    ([], PROXY, None),
    (["203.0.113.5"], "203.0.113.5", PROXY),
    (["198.51.100.1, 203.0.113.5"], "203.0.113.5", PROXY),
    (["198.51.100.1", "203.0.113.5"], "203.0.113.5", PROXY),
    (["203.0.113.5", "192.0.2.7"], "203.0.113.5", PROXY),
    (["203.0.113.5, 192.0.2.7,, 2001:db8:1::9,"], "203.0.113.5", PROXY),
    (["[2001:db8::5]:51234"], "2001:db8::5", PROXY),
    (["::ffff:203.0.113.5"], "203.0.113.5", PROXY),
    (["192.0.2.1, 192.0.2.7"], PROXY, None),
    (["203.0.113.5, unknown"], "unknown", PROXY),
    (["203.0.113.5;"], "unknown", PROXY),
    (["198.51.100.1, " * 570 + "203.0.113.5"], "203.0.113.5", PROXY),
    (["203.0.113.5", *["192.0.2.7, 192.0.2.8"] * 8], "unknown", PROXY),
]


@pytest.mark.parametrize("lines, client, via", CLIENTS, ids=[str(i) for i in range(len(CLIENTS))])
def test_client(server, lines, client, via):
    """What a trusted proxy says counts; what anybody else says does not, nor a field whose name only looks like it."""
    before = len(server.events())
    noise = ["X_Forwarded_For: 198.51.100.9", "Forwarded: for=198.51.100.9", "X-Real-IP: 198.51.100.9", "X-Forwarded-For-: 198.51.100.9"]
    assert ask_from(server, PROXY, *map(xff, lines), *noise).body.decode() == client
    assert ask_from(server, "127.0.0.2", *map(xff, lines), *noise).body == b"127.0.0.2"
    server.settle()
    events = server.events()[before:]
    assert [(e["event"], e["peer"], e.get("via")) for e in events] == [
        ("start", client, via), ("end", client, via), ("start", "127.0.0.2", None), ("end", "127.0.0.2", None)]


def test_each_request(server):
    """A proxy sends the requests of many clients by one connection: each is its own client's, and so is what cannot be read."""
    before = len(server.events())
    with Client(server) as client:
        for fields in ([xff("203.0.113.1")], [xff("203.0.113.2")], [], [xff("203.0.113.3"), "Origin: http://elsewhere"], ["Sec-Purpose: prefetch"]):
            client.send(request(*fields))
            client.answer()
        client.send(request(xff("203.0.113.4")))
        client.answer()
        client.send(b"no request\r\n\r\n")
        assert client.answer().status == 400
    server.settle()
    assert [(e["event"], e["peer"], e.get("via")) for e in server.events()[before:] if e["event"] != "end"] == [
        ("start", "203.0.113.1", PROXY), ("start", "203.0.113.2", PROXY), ("start", PROXY, None), ("deny", "203.0.113.3", PROXY), ("deny", PROXY, None),
        ("start", "203.0.113.4", PROXY), ("deny", PROXY, None)]


def test_tokens(start):
    """from= is about that client: not about the proxy, and not about what the client has written itself."""
    server = start(TokenServer, TRUSTED_PROXIES=PROXY)
    auth = bearer(server.make("near", "--from", "203.0.113.0/24,127.0.0.0/8"))
    assert ask(server, xff("203.0.113.9"), auth=auth).body == b"near"
    assert ask(server, xff("198.51.100.1, 203.0.113.9"), auth=auth).body == b"near"
    assert ask(server, auth=auth).body == b"near"  # the proxy itself
    assert ask_from(server, "127.0.0.2", xff("198.51.100.1"), auth=auth).body == b"near"
    wrong = ("198.51.100.1", "203.0.113.9, 198.51.100.1", "unknown", "203.0.113.9, ?")
    assert {answer.status for answer in together([lambda value=value: ask(server, xff(value), auth=auth) for value in wrong])} == {401}
    server.settle()
    assert sorted((e["peer"], e["via"]) for e in server.events("login")) == [(p, PROXY) for p in ("198.51.100.1", "198.51.100.1", "unknown", "unknown")]
    auth = bearer(server.make("far", "--from", "203.0.113.0/24"))
    assert ask(server, xff("203.0.113.9"), auth=auth).body == b"far"
    assert [answer.status for answer in together([lambda: ask(server, auth=auth), lambda: ask_from(server, "127.0.0.2", xff("203.0.113.9"), auth=auth)])] == [401, 401]


def test_roles(start):
    """Of a role's credential, too; and whose word counts is said outside of the roles, for each request of a connection."""
    def prepare(server):
        for name, client in (("one", "203.0.113.1"), ("two", "203.0.113.2")):
            server.put(name, FORCE_COMMAND='printf "$BASTION_ROLE $BASTION_PEER"', ci_token=token(f"of {name}", f" from={client}"))

    server = start(HttpRoles, prepare=prepare, TRUSTED_PROXIES=f"{PROXY} 192.0.2.0/24")
    with Client(server) as client:
        def said(name, value):
            client.send(request(xff(value), auth=bearer(f"of {name}")))
            answer = client.answer()
            return answer.body.decode() if answer.status == 200 else answer.status
        assert [said("one", "203.0.113.1, 192.0.2.7"), said("two", "203.0.113.2, 192.0.2.7"), said("one", "203.0.113.2, 192.0.2.7"),
                said("one", "203.0.113.1, 192.0.2.8, 192.0.2.7")] == ["one 203.0.113.1", "two 203.0.113.2", 401, "one 203.0.113.1"]
    server.settle()
    assert [(e.get("role"), e["peer"], e["via"]) for e in server.events() if e["event"] in ("start", "login")] == [
        ("one", "203.0.113.1", PROXY), ("two", "203.0.113.2", PROXY), ("one", "203.0.113.2", PROXY), ("one", "203.0.113.1", PROXY)]


@pytest.mark.parametrize("trusted", [None, "192.0.2.1"])
def test_nobody_is_trusted(start, trusted):
    server = start(TRUSTED_PROXIES=trusted, FORCE_COMMAND='printf %s "$BASTION_PEER"')
    assert ask(server, xff("203.0.113.5")).body == PROXY.encode()
    assert "via" not in server.wait_event("end")[0]


def test_local_socket(start):
    """Who comes by no IP address is no proxy of the list."""
    server = start(Server, program=("env", "TCPREMOTEIP=local", BASTION, "http"), TRUSTED_PROXIES="0.0.0.0/0 ::/0", FORCE_COMMAND='printf %s "$BASTION_PEER"')
    assert ask(server, xff("203.0.113.5")).body == PROXY.encode()  # the socket's own peer, and all others are proxies


@pytest.mark.parametrize("value, fault", [
    ("localhost", "entry 1 is no address and no network (names are not looked up)"),
    ("10.0.0.0/8, 192.0.2.1/24", "entry 2 has bits beyond those of its network"),
    ("10.0.0.0/33", "entry 1 has a slash without the number of a network's bits behind it"),
    (",", "names no address"),
])
def test_wrong_setting(start, value, fault):
    """It is an error of the settings: nobody is served, since nobody would know whom."""
    server = start(TRUSTED_PROXIES=value)
    assert ask(server, xff("203.0.113.5")).status == 500
    assert server.wait_event("fault")[0]["reason"] == f"TRUSTED_PROXIES: {fault} (from the environment)"
    found = subprocess.run([BASTION, "check"], env={**server.env, "PROXY_PROTOCOL": "yes"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert f"TRUSTED_PROXIES: {fault}" in found.stdout and "PROXY_PROTOCOL: must be one of: off on" in found.stdout and found.returncode == 78


# ---- a front that is taken over ----

def forwarded(*addresses, more=0, text=None):
    packed = b"".join(socket.inet_pton(socket.AF_INET6, address) for address in addresses)
    return message(FORWARDED, packed if text is None else text, bytes([more]))


@pytest.fixture(scope="module")
def taken_over():
    return double("puppet", "front_wait_ready")


def test_front_of_a_proxy(start, taken_over):
    """Where the network has nothing to say, neither has the front; what it may say has one form."""
    server = start(TakenOver, double=taken_over, FORCE_COMMAND='echo "$BASTION_PEER" >>$T/runs', TRUSTED_PROXIES="192.0.2.1")
    with puppet(server) as p:
        p.expect(READY)
        p.send(forwarded("::ffff:203.0.113.5"))
        assert p.receive() is None
    server.settle()
    assert [e["reason"] for e in server.events("fault")] == [FAULT]
    server = start(TakenOver, double=taken_over, FORCE_COMMAND='echo "$BASTION_PEER" >>$T/runs', TRUSTED_PROXIES=PROXY)
    for count, packet in enumerate([forwarded(text=b"x"), forwarded(text=b"x" * 15), forwarded(text=b"x" * 17), forwarded(*["::1"] * 17), forwarded("::1", more=2)], 1):
        with puppet(server) as p:
            p.expect(READY)
            p.send(packet)
            assert p.receive() is None
        server.settle()
        assert len(server.events("fault", reason=FAULT)) == count
    with puppet(server) as p:
        p.expect(READY)
        p.send(forwarded("::ffff:203.0.113.5", "::1"))
        p.send(forwarded("::ffff:127.0.0.1", "2001:db8::9"))
        p.send(message(LOGIN, CREDENTIAL))
        p.expect(ADMITTED)
        p.send(run())
    server.wait_event("end")
    assert server.lines() == ["2001:db8::9"]
    with puppet(server) as p:  # a login for one client is none for the next
        p.expect(READY)
        p.send(message(LOGIN, CREDENTIAL))
        p.expect(ADMITTED)
        p.send(forwarded("2001:db8::9"))
        p.send(run())
        assert p.receive() is None
    server.settle()
    assert len(server.lines()) == 1 and len(server.events("fault", reason=FAULT)) == 6


# ---- CGI ----

# Executes argv[1] as `bastion cgi` with exactly these variables: two of one name need a list, which no shell makes.
EXECUTE = """
import ctypes, sys
strings = lambda words: (ctypes.c_char_p * (len(words) + 1))(*[w.encode() for w in words], None)
ctypes.CDLL(None).execve(sys.argv[1].encode(), strings(["bastion", "cgi"]), strings(sys.argv[2:]))
"""

CGI_HOST = """
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/bastion /etc/bastion
mount -t tmpfs -o mode=755 tmpfs /etc/bastion
cd /etc/bastion
printf token >HTTP_TOKEN
printf 'printf %s "$BASTION_PEER"' >FORCE_COMMAND
printf '192.0.2.1\\n2001:db8::/32\\n' >TRUSTED_PROXIES
printf nobody >SSH_USER
exec "$@"
"""


def cgi(*variables, server="Apache/2.4.1 (Unix)"):
    """What the command says, and the log."""
    request_variables = ["REQUEST_METHOD=GET", "HTTP_HOST=a", "HTTP_AUTHORIZATION=Bearer token", "GATEWAY_INTERFACE=CGI/1.1",
                         f"SERVER_SOFTWARE={server}"]
    done = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-euc", CGI_HOST, "sh", sys.executable, "-c", EXECUTE, BASTION,
                           *request_variables, *variables], capture_output=True, stdin=subprocess.DEVNULL, timeout=60, text=True)
    return done.stdout.rpartition("\n\n")[2], done.stderr


def test_cgi():
    """REMOTE_ADDR is the peer, HTTP_X_FORWARDED_FOR the field."""
    field = "HTTP_X_FORWARDED_FOR=203.0.113.5"
    got, log = cgi("REMOTE_ADDR=192.0.2.1", field)
    assert got == "203.0.113.5" and " peer=203.0.113.5 via=192.0.2.1 " in log
    assert cgi("REMOTE_ADDR=2001:db8::1", "HTTP_X_FORWARDED_FOR=198.51.100.1, 203.0.113.6")[0] == "203.0.113.6"
    assert cgi("REMOTE_ADDR=192.0.2.2", field)[0] == "192.0.2.2"
    assert cgi(field)[0] == "unknown"
    assert cgi("REMOTE_ADDR=192.0.2.1", field, server="nginx/1.22.1")[0] == "203.0.113.5"
    assert cgi("REMOTE_ADDR=192.0.2.1", field, server="lighttpd/1.4.69")[0] == "unknown"
    assert cgi("REMOTE_ADDR=192.0.2.1", server="lighttpd/1.4.69")[0] == "192.0.2.1"
    assert cgi("REMOTE_ADDR=192.0.2.1", "HTTP_X_FORWARDED_FOR=")[0] == "192.0.2.1"
    assert cgi("REMOTE_ADDR=192.0.2.1", field, "TRUSTED_PROXIES=203.0.113.5", "BASTION_VIA=203.0.113.7")[0] == "203.0.113.5"


def test_cgi_with_two():
    """A web server makes a second variable of that name where a client sends X_Forwarded_For: nobody knows which is the proxy's."""
    for values in (("203.0.113.5", "198.51.100.1"), ("198.51.100.1", "203.0.113.5")):
        got, log = cgi("REMOTE_ADDR=192.0.2.1", *[f"HTTP_X_FORWARDED_FOR={value}" for value in values])
        assert got == "unknown" and " peer=unknown via=192.0.2.1 " in log
        assert cgi("REMOTE_ADDR=192.0.2.2", *[f"HTTP_X_FORWARDED_FOR={value}" for value in values])[0] == "192.0.2.2"
