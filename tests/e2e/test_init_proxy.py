"""bastion init with PROXY_PROTOCOL and TRUSTED_PROXIES (bastion(8), THE CONTAINER): its limits count the client whom a proxy names, and the
proxy never. Any address of 198.51.100.0/24 can be anybody's here; those from .200 on are proxies."""
import re
import socket
import ssl
import subprocess

import harness
import pytest
from harness import Client, ask, free_port, request, wait_for
from init_harness import InitServer, NetClient, NetServer
from test_init_unknown import WRONG, is_ended, served

pytestmark = pytest.mark.root

PROXY, OTHER_PROXY, STRANGER, PERSON = "198.51.100.200", "198.51.100.201", "198.51.100.7", "198.51.100.8"
NOT_TRUSTED = "the address is not in TRUSTED_PROXIES: nobody there speaks for a client"


def header(client):
    return f"PROXY TCP4 {client} 198.51.100.1 50000 443\r\n".encode()


class Behind(NetClient):
    """A client whose proxy says where it is."""

    def __init__(self, server, client, proxy=PROXY):
        self.client = client
        super().__init__(server, proxy)

    def connect(self, server):
        super().connect(server)
        self.sock.sendall(header(self.client))


def begin(start, **settings):
    return start(NetServer, **{"PROXY_PROTOCOL": "on", "TRUSTED_PROXIES": "198.51.100.200/30", "COMMAND_LOCK": "off",
                               "FORCE_COMMAND": 'echo "$BASTION_PEER" >>$T/runs; printf "$BASTION_PEER"', **settings})


def is_closed(client):
    """With bytes of the client's unread that is a reset."""
    try:
        return client.is_closed()
    except ConnectionResetError:
        return True


def behind(server):
    """The processes of connections whose proxy has named a client: `bastion proxy` has become what serves them."""
    return [p for p in server.processes("/bin/bastion", "http") if harness.parent(p) == server.pid]


def of(server, event, *names):
    return [tuple(e.get(n) for n in names) for e in server.events(event)]


def test_each_listener(start):
    """HTTP, HTTPS and SSH know the client, whom the proxy names and nobody else; the health check is let in."""
    https = free_port()
    server = begin(start, TLS="self-signed", HTTPS_PORT=str(https))
    with Behind(server, STRANGER) as client:
        assert client.send(request(close=True)).answer().body == STRANGER.encode()
    with server.connect(PROXY, https) as s:
        s.sendall(header(PERSON))
        context = ssl._create_unverified_context()
        with context.wrap_socket(s) as tls:
            tls.sendall(request(close=True))
            assert tls.recv(65536).endswith(b"\r\n\r\n" + PERSON.encode())
    relay = server.home / "relay.py"
    relay.write_text("import os,socket,sys,threading\ns=socket.create_connection((sys.argv[1],int(sys.argv[2])),source_address=(sys.argv[3],0))\n"
                     "s.sendall(sys.argv[4].encode()+b'\\r\\n')\ndef up():\n while (d:=os.read(0,65536)): s.sendall(d)\n s.shutdown(1)\n"
                     "threading.Thread(target=up,daemon=True).start()\nwhile (d:=s.recv(65536)): os.write(1,d)\n")

    def through(source):
        command = f"/usr/bin/python3 {relay} {server.host} {server.ssh_port} {source} '{header(PERSON).decode().strip()}'"
        return server.ssh(options=["-o", f"ProxyCommand={command}"])

    assert through(PROXY).stdout == PERSON.encode()
    assert through(STRANGER).returncode == 255
    for port in (server.port, https, server.ssh_port):
        with server.connect(STRANGER, port) as s:
            s.sendall(header(PERSON))
            wait_for(lambda: is_ended(s), "it is closed")
    inside = ["nsenter", "-t", str(server.pid), "-m", "-p", f"-r/proc/{server.pid}/root", "/bin/bastion", "health"]
    health = subprocess.run(server.command(*inside), capture_output=True, text=True, env={"PATH": "/bin"}, timeout=60)
    assert health.stdout.count("answers") == 3 and health.returncode == 0
    wait_for(lambda: not server.connections(), "the connections end")
    assert set(of(server, "start", "channel", "peer", "via")) == {("http", STRANGER, PROXY), ("http", PERSON, PROXY), ("ssh", PERSON, PROXY)}
    assert of(server, "deny", "channel", "peer", "reason") == [("proxy", STRANGER, NOT_TRUSTED)] * 4
    assert server.lines() == [STRANGER, PERSON, PERSON]


def test_health_is_no_way_in(start):
    """From this machine's own address nobody else is named, nor anything believed."""
    server = begin(start, SSH_PORT="off")

    def local(*data):
        s = server.within(lambda: socket.create_connection(("127.0.0.1", server.port)))
        with s:
            s.settimeout(60)
            for d in data:
                s.sendall(d)
            try:
                s.shutdown(socket.SHUT_WR)
                return b"".join(iter(lambda: s.recv(65536), b""))
            except OSError:  # it was reset, perhaps before that
                return b""

    assert local(header(PERSON), request(close=True)) == b""
    assert local(request(close=True)) == b""
    assert local(b"PROXY UNKNOWN\r\n", request("X-Forwarded-For: 198.51.100.9", close=True)).endswith(b"\r\n\r\n127.0.0.1")
    assert server.lines() == ["127.0.0.1"]


def test_limits_count_the_client(start):
    """As many connections as one client may have, by whichever proxy; the proxies have as many as the listener."""
    server = begin(start, MAX_CONNECTIONS_PER_ADDRESS="2", SSH_PORT="off")
    held = [Behind(server, STRANGER, proxy) for proxy in (PROXY, OTHER_PROXY)]
    for client in held:
        assert client.send(request()).answer().body == STRANGER.encode()
    with Behind(server, STRANGER) as client:
        assert is_closed(client.send(request()))
    held += [Behind(server, f"198.51.100.{n}") for n in range(10, 20)]
    for client in held[2:]:
        assert client.send(request()).answer().status == 200
    assert of(server, "deny", "channel", "peer", "reason") == [("http", STRANGER, "MAX_CONNECTIONS_PER_ADDRESS: as many connections are open")]
    held[0].__exit__()
    wait_for(lambda: len(behind(server)) == len(held) - 1, "it has ended")
    with Behind(server, STRANGER) as client:
        assert client.send(request()).answer().status == 200
    for client in held[1:]:
        client.__exit__()


def test_failing_clients_wait(start):
    """Those behind the proxy who fail; the others behind it are served meanwhile, and so is the proxy itself."""
    server = begin(start, SSH_PORT="off")
    failing = [Behind(server, STRANGER).send(WRONG) for _ in range(8)]
    assert [client.answer().status for client in failing] == [401] * 8
    wait_for(lambda: not server.connections(), "they are gone")
    with Behind(server, STRANGER) as waits:
        waits.send(request())
        wait_for(lambda: server.processes("bastion", "proxy"), "it has come")
        for other in (PERSON, "198.51.100.9"):
            with Behind(server, other) as person:
                assert person.send(request(close=True)).answer().status == 200
        with server.at(PROXY) as itself:
            itself.send(b"PROXY UNKNOWN\r\n" + request(close=True))
            assert itself.answer().status == 200
        assert server.lines() == [PERSON, "198.51.100.9", PROXY]
        assert waits.answer().status == 200
    assert server.lines()[3:] == [STRANGER] and not server.events("fault")
    assert {e["peer"] for e in server.events("login")} == {STRANGER}


def test_the_proxy_never_waits(start):
    """Without the protocol all come from the proxy's address: no limit and no penalty of an address is about that."""
    server = begin(start, PROXY_PROTOCOL=None, MAX_CONNECTIONS_PER_ADDRESS="1", SSH_PORT="off")
    held = [server.at(PROXY).send(request(f"X-Forwarded-For: 198.51.100.{n}")) for n in range(10, 20)]
    assert [client.answer().body.decode() for client in held] == [f"198.51.100.{n}" for n in range(10, 20)]
    for client in held:
        client.__exit__()
    wrong = [server.at(PROXY).send(WRONG) for _ in range(10)]
    assert [client.answer().status for client in wrong] == [401] * 10
    wait_for(lambda: not served(server), "they are gone")
    with server.at(PERSON) as person, server.at(PROXY) as client:
        assert client.send(request()).answer().body == PROXY.encode()
        assert person.send(request("X-Forwarded-For: 198.51.100.9")).answer().body == PERSON.encode()
    assert not [e for e in server.events("deny") if "MAX_CONNECTIONS" in e["reason"]]


def test_bad_headers_of_strangers(start):
    """Many of them: a few lines, and the rest counted; and they keep nobody out."""
    server = begin(start, SSH_PORT="off")
    for _ in range(60):
        with server.at(PROXY) as client:
            client.send(b"GET / HTTP/1.1\r\n\r\n")
            assert is_closed(client)
    with Behind(server, PERSON) as person:
        assert person.send(request(close=True)).answer().status == 200

    def counted():
        lines = server.events("deny")
        return len([e for e in lines if "peer" in e]) + sum(int(n) for e in lines for n in re.findall(r"(\d+) more were refused", e["reason"]))

    wait_for(lambda: counted() == 60, "each has a line, or is counted")
    assert len(server.events("deny")) < 40


def test_without_trusted_proxies(start):
    server = start(InitServer, PROXY_PROTOCOL="on", SSH_PORT="off")
    with Client(server) as client:
        client.send(b"PROXY TCP4 203.0.113.5 127.0.0.1 1 2\r\n" + request())
        assert is_closed(client)
    assert "PROXY_PROTOCOL: is on without TRUSTED_PROXIES: nobody is believed, and nobody served" in [e["reason"] for e in server.events("notice")]


def test_exported_for_cgi(start):
    """`bastion cgi` and other sshds' login shells find what init had in its environment."""
    server = start(InitServer, TRUSTED_PROXIES="192.0.2.0/24", SSH_PORT="off")
    assert server.inside("/run/bastion/settings/TRUSTED_PROXIES").read_text() == "192.0.2.0/24\n"
    assert ask(server).status == 200
