"""Many at once in one container: connections with a command each, logins, and lines for the log. How long they take is measured elsewhere
(tests/bench/many); here it is that nobody is lost."""
import contextlib
import subprocess
from datetime import datetime

import pytest
from harness import UNTIL_GO, Client, ask, request, wait_for
from init_harness import InitServer, NetServer

pytestmark = [pytest.mark.root, pytest.mark.slow]

CONNECTIONS, LOGINS, LINES = 300, 32, 20000


def address(n):
    return f"198.51.100.{10 + n // 16}"  # MAX_CONNECTIONS_PER_ADDRESS is 16


def until(client, text):
    """Reads until the text has come."""
    got = b""
    while text not in got:
        more = client.file.read1(4096)
        assert more, got
        got += more


def test_connections(start):
    """As many as MAX_CONNECTIONS says, each with a command under way, and not one more; whoever ends makes room."""
    server = start(NetServer, MAX_CONNECTIONS=str(CONNECTIONS), SSH_PORT="off", COMMAND_LOCK="off", HTTP_HOLD_MS="0",
                   FORCE_COMMAND="echo begun; read -r x <$T/pipe; echo done", prepare=lambda s: subprocess.run(["mkfifo", "-m", "666", s.t / "pipe"], check=True))
    with contextlib.ExitStack() as stack:
        clients = []
        for n in range(0, CONNECTIONS, 20):  # not all at the same moment: who takes too long to show a credential is ended
            some = [stack.enter_context(server.at(address(n + i))) for i in range(20)]
            clients += some
            for client in some:
                client.send(request(close=True))
            for client in some:
                until(client, b"begun\n")
        with server.at("198.51.100.8") as other:
            answer = other.send(request(close=True)).answer()
        assert (answer.status, answer.body) == (503, b"Too many connections.\n")
        assert [(e["peer"], e["reason"]) for e in server.events("deny")] == [("198.51.100.8", "MAX_CONNECTIONS: as many connections are open")]
        clients[0].reset()
        wait_for(lambda: len(server.monitors()) < CONNECTIONS, "it has ended")
        with server.at("198.51.100.8") as other:
            until(other.send(request(close=True)), b"begun\n")
            with open(server.t / "pipe", "r+b", buffering=0) as pipe:  # open until all have read: who opens it late would wait for a writer
                pipe.write(b"\n" * CONNECTIONS)  # an empty line for each, which is a byte
                for client in (*clients[1:], other):
                    assert client.file.read().endswith(b"done\n\r\n0\r\n\r\n")
    assert len(server.events("start")) == CONNECTIONS + 1 and len(server.events("deny")) == 1


def test_logins(start):
    """By SSH, all of them at the same moment, of one address: as many as may be."""
    server = start(InitServer, MAX_CONNECTIONS=str(LOGINS), MAX_CONNECTIONS_PER_ADDRESS=str(LOGINS), COMMAND_LOCK="off",
                   FORCE_COMMAND=f"echo begun; {UNTIL_GO}; echo done")
    sessions = [server.start(stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT) for _ in range(LOGINS)]
    assert [session.stdout.readline() for session in sessions] == [b"begun\n"] * LOGINS
    server.go()
    assert [session.communicate()[0] for session in sessions] == [b"done\n"] * LOGINS
    assert server.events("deny") == []


FLOOD = f"""
import os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect("/dev/log")
for n in range({LINES}):
    s.send(b"<14>a line")
open(os.environ["T"] + "/half", "w").close()
while not os.path.exists(os.environ["T"] + "/go"):
    s.send(b"<14>a line")
    n += 1
print(n + 1)
"""


def test_lines(start):
    """A command that writes to /dev/log as fast as it can: a few lines a second are in the log, which says how many are not, to the last
    one; others are served meanwhile, and their lines are there."""
    server = start(InitServer, SSH_PORT="off", COMMAND_LOCK="off", HTTP_HOLD_MS="0", prepare=lambda s: (s.t / "flood.py").write_text(FLOOD),
                   FORCE_COMMAND="if [ -e $T/first ]; then echo served; else : >$T/first; exec /usr/bin/python3 $T/flood.py; fi")
    other = "import socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect('/dev/log'); s.send(b'<14>of somebody else')"
    with Client(server) as client:
        client.send(request(close=True))
        server.wait_file("half")
        assert [ask(server).body for _ in range(20)] == [b"served\n"] * 20
        assert server.execute("/usr/bin/setpriv", "--reuid=4321", "--clear-groups", "/usr/bin/python3", "-c", other).returncode == 0
        wait_for(lambda: server.events("syslog", user="uid 4321", message="of somebody else"), "somebody else's line")
        server.go()
        offered = int(client.answer().body)

    def lines():
        events = server.events("syslog", user="uid 1000")
        left_out = sum(int(e["reason"].removesuffix(" messages were left out")) for e in events if "reason" in e)
        return [e for e in events if "message" in e], left_out

    wait_for(lambda: sum((len(lines()[0]), lines()[1])) >= offered, "all of them are accounted for")
    written, left_out = lines()
    assert len(written) + left_out == offered
    first, last = (datetime.fromisoformat(written[i]["time"].rstrip("Z")) for i in (0, -1))
    assert 20 <= len(written) <= 20 * ((last - first).total_seconds() + 2)  # LIMIT_SYSLOG_LINES a second
