"""bastion init while it stops: its ports are nobody else's until it is gone, and a start after that has them at once. And who may stop it."""
import signal
import socket
import subprocess

import pytest
from harness import OWN_FOLDERS, UNTIL_GO, Client, ask, is_listening, private, request, wait_for
from init_harness import InitServer

pytestmark = pytest.mark.root

# Tries to listen on each port in all ways that there are, until it is killed; `held` are sockets that were bound when there was a
# chance. A client that comes to such a socket is answered 200, and what it sent is kept.
THIEF = """
import itertools, os, signal, socket, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGHUP, signal.SIG_IGN)
folder, ports = sys.argv[1], [int(p) for p in sys.argv[2:]]
ways = list(itertools.product(ports, ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::"), (socket.AF_INET6, "::ffff:127.0.0.1")),
                              (0, 1), (0, 1)))
rounds = 0
while True:
    for port, (family, address), reuse_address, reuse_port in ways:
        s = socket.socket(family)
        try:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse_address)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, reuse_port)
            s.bind((address, port))
            open(folder + "/stolen", "a").write(f"bound {port} {address} {reuse_address} {reuse_port}\\n")
            s.listen()
            open(folder + "/stolen", "a").write("and listened\\n")
        except OSError:
            pass
        s.close()
    rounds += 1
    open(folder + "/rounds", "a").write(f"{rounds} {time.monotonic()}\\n")
    time.sleep(0.01)
"""


def refuses(port, host="127.0.0.1"):
    try:
        socket.create_connection((host, port), 5).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        pass  # it was waiting to be accepted at the very moment
    return False


def last_round(server):
    """When it ended. The very last line may be half written, where a page of the file ends."""
    return float(server.lines("rounds")[-2].split()[1])


def thief(server):
    (server.t / "thief.py").write_text(THIEF)


@pytest.mark.slow
@pytest.mark.parametrize("address", ["127.0.0.1", None], ids=["one address", "every address"])
def test_nobody_can_have_a_port_while_it_stops(start, address):
    """A command of SSH_USER's tries for as long as the stop takes, which is as long as it lets it."""
    server = start(InitServer, address=address, FORCE_COMMAND=": >$T/begun; exec /usr/bin/python3 $T/thief.py $T $PORTS",
                   env={"PORTS": "0"}, prepare=lambda s: (thief(s), s.env.update(PORTS=f"{s.port} {s.ssh_port}")))
    with Client(server) as client:
        client.send(request())
        wait_for(lambda: len(server.lines("rounds")) > 2, "it tries")
        before = last_round(server)
        server.tell()
        wait_for(lambda: refuses(server.port) and refuses(server.ssh_port), "clients are refused")
        last = before
        while server.process.poll() is None:
            assert refuses(server.port) and refuses(server.ssh_port), server.lines("stolen")
            last = last_round(server)
        assert server.end() == 0
    assert server.lines("stolen") == []
    assert last - before > 9  # it was there all the time


def test_clients_are_refused_while_it_stops(start):
    """At once, and what is under way is not touched."""
    server = start(InitServer, FORCE_COMMAND=f"{UNTIL_GO}; echo whole", HTTP_HOLD_MS="60000")
    with Client(server) as client:
        client.send(request())
        server.wait_event("start")
        server.tell()
        server.wait_event("stop")
        wait_for(lambda: refuses(server.port) and refuses(server.ssh_port), "clients are refused")
        used = lambda: sum(int(n) for n in open(f"/proc/{server.pid}/stat").read().rsplit(")", 1)[1].split()[11:13])
        before = used()
        for _ in range(50):
            assert refuses(server.port)
        assert used() - before < 20  # hundredths of a second: it does not go round in circles
        server.go()
        assert client.answer().body == b"whole\n"
    assert server.end() == 0


def test_a_start_after_the_end_has_the_port_at_once(start):
    """Though connections that this side has closed are remembered for a minute (TIME_WAIT, RFC 9293, section 3.6.1)."""
    server = start(InitServer)
    port = server.port
    with Client(server) as client:
        client.send(request(close=True))
        assert client.answer().status == 200
        assert client.is_closed()
    wait_for(lambda: any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "06" for table in ("tcp", "tcp6")
                         for line in open(f"/proc/net/{table}").read().splitlines()[1:]), "TIME_WAIT")
    server.tell()
    assert server.end() == 0
    words = private(OWN_FOLDERS, [str(server.root / "bin/bastion"), "init", "--address", "127.0.0.1"])
    log = server.home / "second"
    again = subprocess.Popen(words, env={**server.env, "RUN_DIR": str(server.run_dir), "SSH_USER": "nobody"}, stderr=open(log, "wb"))
    try:
        wait_for(lambda: "event=ready" in log.read_text(), "the second one is ready")
        assert f"http on port {port}" in log.read_text() and "can't listen" not in log.read_text()
        assert is_listening(port)
        again.terminate()  # on a host, whose sender has a number, that counts
        assert again.wait(30) == 0
    finally:
        again.kill()


@pytest.mark.parametrize("user", [None, "1000:1000"])
def test_signals_from_inside_end_nothing(start, user):
    """Not even from the account that it is itself; nor do they hang anybody up."""
    queue = "/usr/bin/python3 -c 'import ctypes; c = ctypes.CDLL(None); [c.sigqueue(1, n, None) for n in (1, 2, 3, 15)]'"
    forged = "/usr/bin/python3 $T/forge.py"
    server = start(InitServer, user=user, mode="1777", COMMAND_LOCK="off", prepare=lambda s: (s.t / "forge.py").write_text(FORGE),
                   FORCE_COMMAND=f"for n in HUP INT QUIT TERM; do kill -$n 1; done 2>/dev/null; {queue}; {forged}; echo alive")
    with Client(server) as idle:
        idle.send(request(target="/healthz"))
        assert idle.answer().status == 200
        assert ask(server).body == b"alive\n"
        for name in ("HUP", "INT", "QUIT", "TERM"):
            assert server.execute("/usr/bin/kill", f"-{name}", "1").returncode == 0
        server.execute("/usr/bin/python3", str(server.t / "forge.py"))
        assert ask(server).body == b"alive\n"
        idle.send(request(target="/healthz"))
        assert idle.answer().status == 200  # the connection is the same
    assert not server.events("stop")
    reasons = [e["reason"] for e in server.events("fault")]
    assert sum("in this container" in r for r in reasons) == 1, reasons  # of many the log has one line
    server.tell(signal.SIGTERM)
    assert server.end() == 0
    assert len(server.events("stop")) == 1


# rt_sigqueueinfo(2) with a sender's number of 0, as if it came from outside.
FORGE = """
import ctypes, os, struct
c = ctypes.CDLL(None)
for number in (1, 2, 3, 15):
    info = ctypes.create_string_buffer(struct.pack("iiiiiI", number, 0, -1, 0, 0, 0), 128)
    c.syscall(129, 1, number, info)
"""
