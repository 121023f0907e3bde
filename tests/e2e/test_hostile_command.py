"""A command that attacks bastion: what runs as SSH_USER in the container. Everything is in a process namespace of the test's own, since
what it can signal is killed."""
import collections
import contextlib
import errno
import os
import re
import shutil
import signal
import struct
from pathlib import Path

import pytest
from harness import BASTION, TOKEN, UNTIL_GO, Client, arguments, ask, request, together, wait_for
from init_harness import CAPABILITIES, InitServer
from ssh_harness import TINYSSHD, SshServer
from test_hostile import SOURCES, double
from test_hostile_front import (COUNT, ENDED, ENDING, FAULT, HELLO, LOGIN, MERGED, READY, REFUSAL, REFUSED, RUN, STARTED, STREAMS, TERMINAL, TEXT, Puppet,
                                message, run)

pytestmark = pytest.mark.root

SETTINGS = {"HTTP_TOKEN": TOKEN, "COMMAND_LOCK": "off"}


def attack(server):
    shutil.copy(SOURCES / "command.py", server.t)


# ---- what it can't do ----

PLACES = ["/etc/bastion/settings", "/etc/bastion/users.d/x.pub", "/etc/ssh/keys/ed25519.pk", "/run/bastion/lock", "/run/bastion/settings/HTTP_TOKEN", "/run/x",
          "/bin/bastion", "/etc/passwd", "/dev/x"]


def test_other_processes(start):
    """Of every account but its own: process 1, the printer of its log, monitors and fronts of other connections, `bastion ssh`."""
    server = start(InitServer, **SETTINGS, prepare=attack, SPARE="3",
                   FORCE_COMMAND=f'case $BASTION_CHANNEL in ssh) : >$T/there; {UNTIL_GO};; esac; exec /usr/bin/python3 $T/command.py {" ".join(PLACES)}')
    session = server.start("x")
    server.wait_file("there")
    with Client(server) as idle:
        wait_for(lambda: len(server.monitors()) == 1, "a front and its monitor")
        server.wait_spares(3)
        text = ask(server).body.decode()
        idle.send(request(method="HEAD", auth=None))
    server.go()
    session.communicate()
    processes = dict(re.findall(r"^process (\d+) (\d+)$", text, re.M))
    found = [(who, name, errno.errorcode.get(int(code), code)) for who, name, code in re.findall(r"^attempt (\S+) (\S+) (-?\d+)$", text, re.M)]
    # Process 1 and what prints its log; bastion ssh, tinysshd and a monitor; two pairs of front and monitor, and two more that are
    # ready for a connection, beside those that are being started.
    count = collections.Counter(processes.values())
    assert processes["1"] == "0" and set(count) == {"0", "65525", "65526"} and count["65526"] == 1
    assert count["65525"] >= 4 and count["0"] >= 8
    assert len(found) == 15 * len(processes) + 4 * len(PLACES)
    assert {f for f in found if f[2] not in ("EPERM", "EACCES", "EROFS", "ENOENT", "ENOTSUP", "EOPNOTSUPP")} == set()
    assert {f for f in found if f[2] in ("ENOENT", "ENOTSUP", "EOPNOTSUPP") and f[1] != "write"} == set()


# ---- what it can: of its own account ----

KILLS = "kill -STOP -1; kill -KILL -1; echo x >>$T/runs"


# One at a time attacks, and the others are what it finds: two that stop one another would wait for COMMAND_TIMEOUT.
IN_TURN = "if mkdir $T/turn 2>&-; then kill -STOP -1; kill -KILL -1; rmdir $T/turn; else sleep 0.1; fi"


def test_kills_all_that_it_can(start):
    """A hundred runs: a hundred ends in the log, and no place is taken when they are over."""
    server = start(InitServer, **SETTINGS, FORCE_COMMAND=IN_TURN, MAX_CONNECTIONS="8")

    def some():
        for _ in range(25):
            with Client(server) as client:
                client.send(request(close=True)).file.read()

    together([some] * 4)
    server.settle()
    assert len(server.events("start")) == len(server.events("end")) == 100
    assert {e["run"] for e in server.events("start")} == {e["run"] for e in server.events("end")}
    assert server.events("fault") == [] and len(server.events("end", signal=9)) > 1
    clients = [Client(server) for _ in range(8)]
    answers = together([lambda c=c: c.send(request(close=True)).file.read(12) for c in clients])
    assert {answer[:9] for answer in answers} == {b"HTTP/1.1 "}
    for client in clients:
        client.__exit__()


@pytest.mark.slow
@pytest.mark.parametrize("command", [KILLS, "kill -STOP -1; echo x >>$T/runs"], ids=["kill", "stop"])
def test_kills_its_session(start, command):
    """tinysshd and the login shell are of its account: its session ends, with its line; so do all that it has stopped, when the client goes."""
    server = start(InitServer, **SETTINGS, FORCE_COMMAND=command, MAX_CONNECTIONS="4")
    for count in range(1, 11):
        session = server.start("x")
        server.wait_event("end", count=count)
        session.kill()
        session.communicate()
    server.settle()
    assert len(server.events("start")) == len(server.events("end")) == len(server.events("logout")) == 10
    assert ask(server).status == 200


@pytest.mark.slow
@pytest.mark.parametrize("capabilities", [CAPABILITIES, CAPABILITIES.replace(",+kill", "")], ids=["all", "without KILL"])
def test_stops_another_before_it_starts(start, capabilities):
    """What is the account's, and no program of its own yet: the run fails after a while, and nothing of it is left."""
    stopped = double("stopped", "drop_in_child")
    server = start(InitServer, **SETTINGS, capabilities=capabilities, prepare=lambda s: shutil.copy(stopped, s.t / "bastion"),
                   more='mount --bind "$home/t/bastion" "$root/bin/bastion"')
    assert ask(server).code == 126
    assert [e["reason"] for e in server.events("end")] == ["Operation timed out"]
    server.settle()


# ---- the login shell ----

@pytest.fixture(scope="module")
def taken_over():
    return double("puppet", "front_wait_ready")


@contextlib.contextmanager
def shell(server):
    """The account's shell does what the client says (hostile/puppet.c); its monitor is the shipped one."""
    session = server.start("x", bufsize=0)
    made = Puppet(session.stdin.write, lambda n: read_all(session.stdout, n))
    made.session = session
    try:
        yield made
    finally:
        session.kill()
        session.communicate()


def read_all(file, n):
    data = b""
    while len(data) < n and (piece := file.read(n - len(data))):
        data += piece
    return data


def serve(start, double_, **settings):
    """The double in the place of bastion, as the account's shell too."""
    tinysshd = shutil.copy(TINYSSHD, Path(double_).parent)
    assert Path(tinysshd).exists()
    return start(SshServer, program=(double_, "ssh"), more=f"sed -i 's#{BASTION}$#{double_}#' /etc/passwd", **settings)


def test_a_shell_runs_one(start, taken_over):
    """What an honest one would say works by the double: the tests below fail for the reason that they name."""
    server = serve(start, taken_over)
    with shell(server) as s:
        s.expect(READY)
        s.send(run(STREAMS, variables=b"TERM=xterm\0"))
        s.expect(STARTED, ENDING)
        s.send(message(COUNT, body=struct.pack("=q", 3)))
        s.expect(ENDED)
    server.settle()
    assert [e["bytes"] for e in server.events("end")] == [3] and server.faults() == []


@pytest.mark.slow
def test_a_shell_says_what_it_may_not(start, taken_over):
    server, count = serve(start, taken_over), 0
    wrong = [(message(kind), 0) for kind in (0, READY, STARTED, ENDED, HELLO, LOGIN, COUNT, REFUSAL, REFUSAL + 1)]
    wrong += [(message(RUN)[:39], 0), (message(RUN, b"x" * (TEXT + 1)), 0), (run(STREAMS), 1), (run(MERGED), 0), (run(TERMINAL), 0), (run(TERMINAL), 1),
              (run(TERMINAL), 12), (run(STREAMS, variables=b"LD_PRELOAD=x\0"), 0), (run(STREAMS, variables=b"TERM=x y\0"), 0),
              (run(STREAMS, variables=b"TERM=x\0" * 17), 0), (run(STREAMS, length=1), 0)]
    for packet, fds in wrong:
        with shell(server) as s:
            s.expect(READY)
            s.send(packet, fds=fds)
            assert s.receive() is None, packet[:12]
            count += 1
    server.settle()
    assert server.faults() == [FAULT] * count and server.events("start") == []
    assert len(server.events("logout")) == count


@pytest.mark.parametrize("letter", ["k", "h", "c"])
def test_a_shell_dies_or_stays(start, taken_over, letter):
    """In a run: ended by a signal, busy for ever, or with its socket closed. The run gets its line, and when the client goes all ends."""
    server = serve(start, taken_over, FORCE_COMMAND=f": >$T/there; {UNTIL_GO}", ON_DISCONNECT="continue")
    with shell(server) as s:
        s.expect(READY)
        s.send(run(STREAMS))
        server.wait_file("there")
        s.write(letter.encode())
    assert server.events("end") == []
    server.go()
    server.wait_event("end")
    server.settle()


def test_a_shell_is_stopped(start):
    """By another of its account: the run's end is recorded, and the session ends with its client."""
    server = start(SshServer, FORCE_COMMAND=f": >$T/there; {UNTIL_GO}")
    session = server.start("x")
    server.wait_file("there")
    login = [pid for pid in server.processes() if arguments(pid)[1:] == [b"-c", b"x"]]
    os.kill(login[0], signal.SIGSTOP)
    server.go()
    assert "bytes" not in server.wait_event("end")[0]
    session.kill()
    session.communicate()
    server.settle()


def test_a_shell_gives_a_device_for_its_terminal(start, taken_over):
    """A role's account gets the terminal of its session, and never one that is everybody's."""
    def roles(server):
        folder = server.etc / "roles/a"
        folder.mkdir(parents=True)
        (folder / "RUN_AS").write_text("5000:5001"), (folder / "FORCE_COMMAND").write_text("exit 0")
        (server.users).rename(folder / "users.d")

    server = serve(start, taken_over, prepare=roles)
    try:
        with shell(server) as s:
            s.expect(READY)
            s.send(run(TERMINAL), fds=1, letter=b"p")
            s.expect(REFUSED)
        server.settle()
        assert os.stat("/dev/ptmx").st_uid == 0
        assert [e["reason"] for e in server.events("fault")] == ["the terminal can't be given to the account of the role"]
    finally:
        os.chown("/dev/ptmx", 0, -1)
