"""A client that takes next to nothing of its run's output, and so holds the lock (COMMAND_LOCK in bastion-settings(5)). A minute shows
it: all that takes so long is in the same minute."""
import contextlib
import os
import socket
import ssl
import threading
import time

import pytest
from harness import UNTIL_GO, Client, ask, request, wait_for
from ssh_harness import SshServer
from tls_harness import NAME, TlsServer, authority
from tls_harness import curl as tls_curl

pytestmark = pytest.mark.slow

# The first run has more to say than all buffers hold; the others are short.
FLOOD = "echo x >>$T/runs; if mkdir $T/first 2>/dev/null; then head -c 300000000 /dev/zero; fi; echo done"
GONE = "the client took next to nothing for a minute while others wanted the lock: it counts as gone"
WITHIN = 180  # seconds, on a loaded machine; a minute and a little on an idle one


def begin(server, **options):
    """A run whose client takes nothing yet."""
    client = Client(server, receive_buffer=4096)
    client.send(request(**options))
    wait_for(lambda: server.runs() == 1, "the run starts")
    return client


@contextlib.contextmanager
def taking(read, pace):
    """Meanwhile somebody reads `pace` bytes a second, from the beginning on and whatever else goes on here. (curl --limit-rate=4K
    takes 400 KiB at once, and then nothing for a hundred seconds; and whoever has been fast before has a receive buffer from which
    the other side hears as seldom.)"""
    ended, total = threading.Event(), [0]

    def take():
        start = time.monotonic()
        while not ended.wait(0.5):
            total[0] += len(read(max(1, int((time.monotonic() - start) * pace) - total[0])))

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    yield total
    assert thread.is_alive()  # nobody has cut it
    ended.set()
    thread.join()


def until_ended(servers, meanwhile):
    """The end of each one's first run. `meanwhile` is done every second or so."""
    def ended():
        time.sleep(1)
        meanwhile()
        return all(server.events("end") for server in servers)

    wait_for(ended, "the runs end", WITHIN)
    return [server.events("end")[0] for server in servers]


def test_over_http(start):
    wait, hangup, skip, drip, alone, silent, fast = (
        start(FORCE_COMMAND=command, HTTP_HOLD_MS="0", **settings) for command, settings in [
            (FLOOD, {"COMMAND_LOCK": "wait"}),
            (f"trap 'echo hup >>$T/signals; exit 1' HUP; {FLOOD}", {"COMMAND_LOCK": "wait", "ON_DISCONNECT": "hangup"}),
            (FLOOD, {"COMMAND_LOCK": "skip"}),
            (FLOOD, {"COMMAND_LOCK": "refuse"}),
            (FLOOD, {}),
            (f"echo x >>$T/runs; head -c 3000 /dev/zero; {UNTIL_GO}; echo done", {}),
            (FLOOD, {})])
    first = {server: begin(server) for server in (alone, silent, wait, hangup, skip, drip, fast)}
    in_line = [Client(server, timeout=WITHIN) for server in (wait, hangup)]
    for client in in_line:
        client.send(request(close=True))

    def others():
        """Next to nothing is a few bytes a second, too; and of the others some come now and then."""
        first[drip].sock.recv(100)
        for server in (skip, drip, silent, fast):
            if not server.events("end"):
                ask(server)

    with taking(first[fast].sock.recv, 4096):
        ends = until_ended([wait, hangup, skip, drip], others)
    assert [end["reason"] for end in ends] == [GONE] * 4
    # The commands went on to their end, but for the one whose setting says otherwise; and those in line had their turn.
    assert [end.get("exit") for end in ends] == [0, 1, 0, 0] and hangup.lines("signals") == ["hup"]
    assert [client.answer().body for client in in_line] == [b"done\n"] * 2
    # Nobody else is touched: whom nobody waits for; who has taken all there is; who takes 4 KiB a second.
    assert [server.events("end") for server in (alone, silent, fast)] == [[]] * 3
    assert fast.events("skip") and silent.events("skip")
    silent.go()
    assert first[silent].answer().body == bytes(3000) + b"done\n"
    for client in (*first.values(), *in_line):
        client.reset()


def test_over_tls(start):
    """`bastion tls` takes from the front as much as its client takes, not megabytes at a time."""
    skip, fast = (start(TlsServer, FORCE_COMMAND=FLOOD, HTTP_HOLD_MS="0") for _ in range(2))
    context = ssl.create_default_context(cafile=authority().crt)
    with contextlib.ExitStack() as stack:
        clients = []
        for server in (skip, fast):
            connection = stack.enter_context(socket.create_connection((server.host, server.port)))
            clients.append(stack.enter_context(context.wrap_socket(connection, server_hostname=NAME)))
            clients[-1].sendall(request())
            wait_for(lambda server=server: server.runs() == 1, "the run starts")

        def others():
            for server in (skip, fast):
                if not server.events("end"):
                    tls_curl(server)

        with taking(clients[1].recv, 8192):
            assert until_ended([skip], others)[0]["reason"] == GONE
        assert fast.events("end") == [] and fast.events("skip")


@pytest.mark.root
def test_over_ssh(start):
    """The same, where the client is behind tinysshd."""
    skip, alone, fast = (start(SshServer, FORCE_COMMAND=FLOOD) for _ in range(3))
    sessions = [server.start() for server in (alone, skip, fast)]
    for server in (alone, skip, fast):
        wait_for(lambda server=server: server.runs() == 1, "the run starts")
    user = skip.events("start")[0]["user"]
    told = []

    def others():
        for server in (skip, fast):
            if not server.events("end"):
                told.append(server.ssh().stdout.decode())

    with taking(lambda n: os.read(sessions[2].stdout.fileno(), n), 32768):
        assert until_ended([skip], others)[0]["reason"] == GONE
    assert f'A run by "{user}" is under way already (' in told[0]
    assert [server.events("end") for server in (alone, fast)] == [[]] * 2 and fast.events("skip")
    for session in sessions:
        session.kill()
        session.communicate()
