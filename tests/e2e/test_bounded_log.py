"""What somebody without a credential can cause as often as he likes has a few lines of the log a second; the rest is counted."""
import os
import re
import resource
import signal
import socket
from pathlib import Path

import pytest
from harness import Client, ask, request, together, wait_for
from init_harness import InitServer
from test_init_supervisor import steal

FOREIGN = request("Sec-Fetch-Site: cross-site")
SEND = ("import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect('/dev/log')\n"
        "for n in range(int(sys.argv[1])): s.send(b'<38>app: %d' % n)")


def left_out(lines):
    """The sum of what the lines say was left out."""
    return sum(int(n) for line in lines for n in re.findall(r"(\d+) (?:more were refused|messages were left out)", line.get("reason", "")))


def test_foreign_origins_on_one_connection(start):
    server = start()
    with Client(server) as client:
        for _ in range(40):
            client.send(FOREIGN * 10)
            assert [client.answer().status for _ in range(10)] == [403] * 10
        assert client.send(request()).answer().status == 200  # and whoever sends them is served as before
    server.settle()
    lines = server.events("deny")
    named = [line for line in lines if "site" in line["reason"]]
    assert len(named) + left_out(lines) == 400
    assert len(lines) < 200  # five a second, however slow this machine is


def test_a_wrong_credential_always_has_its_line(start):
    server = start()
    with Client(server) as client:
        client.send(FOREIGN * 20)
        assert [client.answer().status for _ in range(20)] == [403] * 20
        assert client.send(request(auth="Authorization: Bearer wrong")).answer().status == 401
    server.settle()
    assert len(server.events("login")) == 1


# ---- /dev/log ----

def send(server, uid, count):
    done = server.execute("/usr/bin/setpriv", f"--reuid={uid}", "--clear-groups", "/usr/bin/python3", "-c", SEND, str(count))
    assert done.returncode == 0, done.stderr


def messages(server, uid):
    return [e for e in server.events("syslog") if e["user"] == f"uid {uid}"]


@pytest.mark.root
def test_messages_of_an_account(start):
    """One that sends much has its own left out, and no other's."""
    server = start(InitServer)
    together([lambda: send(server, 1000, 3000), lambda: send(server, 4321, 3)])

    def whole():
        lines = messages(server, 1000)
        return len([line for line in lines if "message" in line]) + left_out(lines) == 3000

    wait_for(whole, "all are printed or counted")
    assert len(messages(server, 1000)) < 1500
    assert [e.get("message") for e in messages(server, 4321)] == ["app: 0", "app: 1", "app: 2"]


SEND_AS_EACH = """
import os, socket
for line in range(30):
    for uid in range(5000, 5020):
        os.setresuid(uid, uid, 0)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.connect("/dev/log")
            s.send(b"<38>app: %d" % line)
        os.setresuid(0, 0, 0)
"""


@pytest.mark.root
def test_more_accounts_than_are_told_apart(start):
    """The messages of all that are one too many are left out as if they were of one account, which is named so; none is lost uncounted."""
    server = start(InitServer)
    done = server.execute("/usr/bin/python3", "-c", SEND_AS_EACH)
    assert done.returncode == 0, done.stderr
    wait_for(lambda: len([e for e in server.events("syslog") if "message" in e]) + left_out(server.events("syslog")) == 600, "all of them")
    assert {e["user"] for e in server.events("syslog")} <= {"several accounts", *(f"uid {uid}" for uid in range(5000, 5020))}


# ---- who prints ----

def status(pid, name):
    return re.search(rf"^{name}:[ \t]*(.*)$", Path(f"/proc/{pid}/status").read_text(), re.M)[1]


@pytest.mark.root
@pytest.mark.parametrize("user", [None, "43210:43210"])
def test_the_printer_is_an_ordinary_account(start, user):
    server = start(InitServer, user=user, mode="1777" if user else "755", more="chmod 1777 $root/dev")
    printer = server.printer()
    number = "43210" if user else "65526"
    wait_for(lambda: status(printer, "Uid").split() == [number] * 4, "it is that account")
    assert status(printer, "Gid").split() == [number] * 4 and status(printer, "Groups").split() in ([], [number])
    assert {status(printer, c) for c in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    assert status(printer, "NoNewPrivs") == "1"
    sockets = [os.readlink(f"/proc/{printer}/fd/{fd}") for fd in os.listdir(f"/proc/{printer}/fd")]
    assert sum(name.startswith("socket:") for name in sockets) <= 2  # /dev/log, and perhaps the log: no port
    send(server, 1000, 1)
    assert server.wait_event("syslog")[0]["message"] == "app: 0"


@pytest.mark.root
def test_what_comes_last_is_printed(start):
    """While nobody prints any more, too: by a process without capabilities as well."""
    server = start(InitServer)
    printer = server.printer()
    os.kill(printer, signal.SIGSTOP)
    send(server, 1000, 5)
    server.tell()
    assert server.end() == 0
    assert [e["message"] for e in messages(server, 1000)] == [f"app: {n}" for n in range(5)]


# ---- of all connections of a port ----

WRONG = request(auth="Authorization: Bearer wrong", close=True)


@pytest.mark.root
def test_wrong_credentials_of_many_connections(start):
    server = start(InitServer, MAX_CONNECTIONS="100", MAX_CONNECTIONS_PER_ADDRESS="100")
    clients = [Client(server) for _ in range(60)]
    for client in clients:
        client.send(WRONG)
    assert [client.answer().status for client in clients] == [401] * 60
    for client in clients:
        client.__exit__()

    def whole():
        return len(server.events("login")) + left_out(server.events("deny")) == 60

    wait_for(whole, "each has a line, or is counted")
    assert len(server.events("login")) < 40
    counts = [line for line in server.events("deny")]
    assert {line["channel"] for line in counts} == {"http"} and not any("peer" in line for line in counts)


@pytest.mark.root
def test_keys_that_are_not_let_in(start):
    """Each port counts its own; and after a second there are lines again."""
    server = start(InitServer, MAX_CONNECTIONS="100", MAX_CONNECTIONS_PER_ADDRESS="100")
    held = [socket.create_connection(("127.0.0.1", server.ssh_port)) for _ in range(30)]
    for s in held:
        assert s.recv(4) == b"SSH-"
        s.sendall(b"nonsense\r\n")
        s.close()
    wait_for(lambda: len(server.events("login")) + left_out(server.events("deny")) == 30, "each has a line, or is counted")
    assert len(server.events("login")) < 25
    with Client(server) as client:
        assert client.send(WRONG).answer().status == 401
    assert server.wait_event("login", channel="http")


@pytest.mark.root
def test_one_that_asks_without_end(start):
    """A process that serves a connection may be somebody else's by now. One that takes no answers is not listened to any more."""
    server = start(InitServer)
    with Client(server) as client:
        assert client.send(request()).answer().status == 200
        victim, = server.monitors()
        with steal(victim, 3) as link, pytest.raises(ConnectionError):
            while True:
                link.sendall(b"d" * 1000)
        assert client.send(request()).answer().status == ask(server).status == 200
        assert client.send(WRONG).answer().status == 401
    wait_for(lambda: server.events("login"), "it writes its lines as if nobody were there to ask")
    assert not server.events("fault") and len(server.events("deny")) < 200


@pytest.mark.root
def test_no_command_has_the_link(start):
    server = start(InitServer, FORCE_COMMAND="ls /proc/self/fd; env | grep -c BASTION_INIT", COMMAND_LOCK="off")
    assert ask(server).body == server.ssh().stdout == b"0\n1\n2\n3\n0\n"


def descriptors(server):
    return len(os.listdir(f"/proc/{server.pid}/fd"))


@pytest.mark.root
def test_a_link_ends_with_its_connection(start):
    """Also where somebody else has got hold of the other end. (Processes that are ready have links, too.)"""
    server = start(InitServer, SPARE="0")
    before = descriptors(server)
    with Client(server) as client:
        assert client.send(request()).answer().status == 200
        victim, = server.monitors()
        link = steal(victim, 3)
    server.settle()
    wait_for(lambda: descriptors(server) == before, "its own end is closed")
    link.close()


@pytest.mark.root
def test_few_descriptors_are_for_clients(start):
    """Connections beyond them are served without a link."""
    server = start(InitServer, MAX_CONNECTIONS="100", MAX_CONNECTIONS_PER_ADDRESS="100", COMMAND_LOCK="off")
    _, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (descriptors(server) + 70, hard))
    clients = [Client(server) for _ in range(90)]
    for client in clients:
        client.send(request())
    assert [client.answer().status for client in clients] == [200] * 90
    for client in clients:
        client.__exit__()
    assert not server.events("fault")
