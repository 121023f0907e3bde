"""bastion init at work: limits, children, signals, its listeners, /dev/log, and the end."""
import ctypes
import contextlib
import os
import resource
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from harness import NOT_COUNTED, PATIENCE, UNTIL_GO, Client, ask, free_port, is_alive, is_listening, request, together, wait_for
from init_harness import InitServer, memory
from ssh_harness import Terminal

pytestmark = pytest.mark.root


def zombies(server):
    listed = server.execute("/usr/bin/ps", "-eo", "stat=,pid=,comm=").stdout.splitlines()
    return [line for line in listed if line.startswith("Z")]


# ---- children ----

@pytest.mark.slow
def test_no_zombies(start):
    """A thousand commands, each of which leaves a process behind that ends after it."""
    server = start(InitServer, FORCE_COMMAND="(sleep 0.01 &); echo ok", COMMAND_LOCK="off")
    done = together([lambda: [ask(server).body for _ in range(125)]] * 8)
    assert done == [[b"ok\n"] * 125] * 8
    server.settle()
    wait_for(lambda: not zombies(server), "everything is reaped")


def test_its_own_children_are_reaped_while_nothing_happens(start):
    server = start(InitServer, FORCE_COMMAND="(sleep 0.2; : >$T/left) & echo ok", COMMAND_LOCK="off")
    ask(server)
    server.wait_file("left")
    wait_for(lambda: not zombies(server), "what the command left is reaped")


def test_a_crash_of_a_connection_is_told(start):
    server = start(InitServer, FORCE_COMMAND=UNTIL_GO, HTTP_HOLD_MS="60000")
    with Client(server) as client:
        client.send(request())
        server.wait_event("start")
        victim, = server.monitors()
        os.kill(victim, signal.SIGSEGV)
        with contextlib.suppress(EOFError):  # its front ends with it, and may have a word for the client before
            assert client.answer().status == 500
    assert "signal 11" in server.wait_event("fault")[0]["reason"]
    server.go()
    server.settle()
    assert ask(server).status == 200


def test_a_group_for_each_connection(start):
    """So that a signal to one connection's processes reaches no other's."""
    server = start(InitServer)
    with Client(server), Client(server):
        pids = wait_for(lambda: len(found := server.monitors()) == 2 and found, "two connections")
        assert [os.getpgid(p) for p in pids] == [os.getsid(p) for p in pids] == pids


# ---- the lock ----

def test_the_lock_ends_with_the_container(start):
    first = start(InitServer, FORCE_COMMAND=f"echo x >>$T/runs; {UNTIL_GO}")
    with Client(first) as client:
        client.send(request())
        first.wait_event("start")
        first.tell(signal.SIGKILL)
        first.end()
    assert not first.processes()


def test_the_lock_is_held_by_what_the_command_left(start):
    """And by nothing that init has: its own descriptors are not inherited, nor are theirs its."""
    server = start(InitServer, FORCE_COMMAND=f"echo x >>$T/runs; ({UNTIL_GO}) >/dev/null 2>&1 &")
    assert ask(server)["X-Bastion-Skipped"] is None
    assert ask(server)["X-Bastion-Skipped"] == "1"
    server.go()
    wait_for(lambda: ask(server)["X-Bastion-Skipped"] is None, "the lock is free")


def test_descriptors(start):
    server = start(InitServer, FORCE_COMMAND="ls /proc/self/fd", COMMAND_LOCK="off")
    assert ask(server).body == server.ssh().stdout == b"0\n1\n2\n3\n"  # the last is ls's own


# ---- limits ----

@pytest.mark.slow
def test_300_at_once(start):
    server = start(InitServer, MAX_CONNECTIONS="300", MAX_CONNECTIONS_PER_ADDRESS="300", COMMAND_LOCK="off")
    clients = [Client(server).send(request(close=True)) for _ in range(300)]
    assert [client.answer().status for client in clients] == [200] * 300
    for client in clients:
        client.__exit__()
    assert server.settled_runs() == 300


def spare(extra=4):
    """Connections from the loopback address may be a few more."""
    return extra


def known(server, count):
    """So many connections that have shown a credential, and persist: others make room, see test_init_unknown.py."""
    clients = [Client(server) for _ in range(count)]
    for client in clients:
        assert client.send(request()).answer().status == 200
    return clients


def test_limit_of_an_address(start):
    server = start(InitServer, MAX_CONNECTIONS_PER_ADDRESS="2", COMMAND_LOCK="off")
    open_ones = known(server, 2 + spare())
    assert len(server.monitors()) == 2 + spare()
    with Client(server) as client:
        client.send(request())
        answer = client.answer()
        assert (answer.status, answer["Retry-After"], answer.body) == (503, "1", b"Too many connections.\n")
        assert client.is_closed()
    line = server.wait_event("deny")[0]
    assert line["reason"] == "MAX_CONNECTIONS_PER_ADDRESS: as many connections are open"
    assert (line["peer"], line["channel"]) == ("127.0.0.1", "http")
    assert server.ssh().returncode == 0  # each listener counts its own
    open_ones.pop().__exit__()
    wait_for(lambda: len(server.monitors()) < 2 + spare(), "one has ended")
    assert ask(server).status == 200
    for client in open_ones:
        client.__exit__()


def test_limit_of_a_listener(start):
    """Another address does not help; and of many refusals the log has few lines."""
    server = start(InitServer, address="0.0.0.0", MAX_CONNECTIONS="3", COMMAND_LOCK="off")
    open_ones = known(server, 3 + spare())
    for n in range(200):
        with socket.create_connection(("127.0.0.1", server.port), source_address=(f"127.0.1.{n % 100 + 1}", 0)) as s:
            s.sendall(request())
            got = b""
            while more := s.recv(4096):
                got += more
            assert got.startswith(b"HTTP/1.1 503 ") and got.endswith(b"Too many connections.\n")
    assert 1 <= len(server.events("deny")) <= 20
    for client in open_ones:
        client.__exit__()


def test_a_refusal_takes_no_descriptor_for_ever(start):
    """Clients that are refused and stay have to go when others come."""
    server = start(InitServer, MAX_CONNECTIONS="1", COMMAND_LOCK="off")
    open_ones = known(server, 1 + spare())
    refused = [Client(server) for _ in range(100)]
    assert refused[-1].answer().status == 503
    assert len(os.listdir(f"/proc/{server.pid}/fd")) < 64
    for client in [*refused, *open_ones]:
        client.__exit__()


def test_ssh_over_the_limit_is_closed(start):
    server = start(InitServer, MAX_CONNECTIONS="1", COMMAND_LOCK="off", FORCE_COMMAND=f"echo begun; {UNTIL_GO}")
    held = [server.start() for _ in range(1 + spare())]
    assert all(session.stdout.readline() == b"begun\n" for session in held)
    with socket.create_connection(("127.0.0.1", server.ssh_port)) as s:
        assert s.recv(100) == b""
    server.go()
    assert [session.wait(PATIENCE) for session in held] == [0] * len(held)


# ---- what is short ----

def test_too_few_descriptors(start):
    """Clients wait, and are served when there are some again."""
    server = start(InitServer, SPARE="0")
    _, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    used = len(os.listdir(f"/proc/{server.pid}/fd"))
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (used, hard))
    with Client(server) as client:
        client.send(request(close=True))
        assert "No file descriptors available" in server.wait_event("fault")[0]["reason"]
        assert not server.events("start")
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (1024, hard))
        assert client.answer().status == 200
    assert is_alive(server.pid)


def test_few_descriptors_from_the_start(start):
    """poll(2) refuses a list that is longer than the limit, however many of its places are empty."""
    server = start(InitServer)
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (20, 20))
    for _ in range(2):  # it is waiting already when the limit is set
        with Client(server) as client:
            assert client.send(request(target="/healthz")).answer().status == 200


def test_more_descriptors_than_usual(start):
    """Where the usual ones do not suffice, process 1 takes as many as it ever may; commands have as many as it was given."""
    server = start(InitServer, more="ulimit -Sn 128", MAX_CONNECTIONS="80", MAX_CONNECTIONS_PER_ADDRESS="80", COMMAND_LOCK="off",
                   FORCE_COMMAND="ulimit -Sn; ulimit -Hn")
    given = soft, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    assert soft == 128
    with contextlib.ExitStack() as stack:
        for _ in range(70):  # each of which takes one, as long as it is open
            client = stack.enter_context(Client(server)).send(request())
            assert client.answer().body == f"{soft}\n{hard}\n".encode()
        assert len(os.listdir(f"/proc/{server.pid}/fd")) > 70
        assert resource.prlimit(server.pid, resource.RLIMIT_NOFILE) == (hard, hard) != given


def test_too_few_processes(start):
    """No process can be made: the client is refused, and the next one is served. (For root there is no such limit of its own.)"""
    server = start(InitServer, user="43210:43210", mode="1777", SPARE="0")

    def prlimit(limit):
        account = ["setpriv", "--reuid=43210", "--regid=43210", "--clear-groups"]
        subprocess.run([*account, "prlimit", "--pid", str(server.pid), f"--nproc={limit}:"], check=True)

    prlimit(0)
    with Client(server) as client:
        client.send(request())
        assert client.answer().status == 503
    wait_for(lambda: any("no process could be made" in e["reason"] for e in server.events("fault")), "a line on it")
    prlimit(4096)
    assert ask(server).status == 200


# ---- listeners ----

def test_a_taken_port(start):
    """The others are served meanwhile, and this one is tried again until it is free."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        server = start(InitServer, SSH_PORT=str(port))
        faults = server.wait_event("fault", 2, channel="ssh")
        assert faults[0]["reason"] == f"port {port}: can't listen: Address in use; trying again in 100 ms"
        assert faults[1]["reason"].endswith("in 200 ms")
        assert ask(server).status == 200
        assert server.execute("/bin/bastion", "health").returncode == 1
    wait_for(lambda: is_listening(port), "it listens")
    server.ssh_port = port
    assert server.ssh().returncode == 0


def steal(pid, fd):
    """A descriptor of another process's (pidfd_getfd(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    taken = libc.syscall(438, os.pidfd_open(pid), fd, 0)
    assert taken != -1, os.strerror(ctypes.get_errno())
    return socket.socket(fileno=taken)


def listening_descriptor(server, port):
    for name in os.listdir(f"/proc/{server.pid}/fd"):
        if os.readlink(f"/proc/{server.pid}/fd/{name}").startswith("socket:"):
            with steal(server.pid, int(name)) as s:
                if s.family in (socket.AF_INET, socket.AF_INET6) and s.getsockname()[1] == port:
                    return int(name)
    raise LookupError(port)


def test_a_listener_that_breaks(start):
    server = start(InitServer)
    with steal(server.pid, listening_descriptor(server, server.port)) as s:
        s.shutdown(socket.SHUT_RDWR)  # accept(2) fails on it from now on
    assert server.wait_event("fault")[0]["reason"] == f"port {server.port}: accept: Invalid argument; trying again in 100 ms"
    wait_for(lambda: is_listening(server.port), "it listens again")
    assert ask(server).status == 200 and server.ssh().returncode == 0


# ---- /dev/log ----

SEND = "import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect('/dev/log'); s.send(eval(sys.argv[1]))"


def log_line(server, text, uid):
    done = server.execute("/usr/bin/setpriv", f"--reuid={uid}", "--clear-groups", "/usr/bin/python3", "-c", SEND, repr(text))
    assert done.returncode == 0, done.stderr


def test_dev_log(start):
    server = start(InitServer)
    log_line(server, b"<38>sshd[7]: hello\n", 1000)
    line = server.wait_event("syslog")[0]
    assert (line["user"], line["message"]) == ("uid 1000", "sshd[7]: hello")


def test_dev_log_goes_with_it(start):
    """On a host, /dev outlives it."""
    server = start(InitServer)
    folder = os.open(server.inside("/dev"), os.O_RDONLY)
    assert "log" in os.listdir(folder)
    server.tell()
    assert server.end() == 0
    assert "log" not in os.listdir(folder)
    os.close(folder)


def test_dev_log_forges_nothing(start):
    server = start(InitServer)
    forged = b"<38>x\n2026-11-25T00:00:00.000Z bastion event=login run=1 verdict=allow\n\x1b[2J\xff" + b"y" * 9000
    log_line(server, forged, 1000)
    log_line(server, b"second", 4321)
    wait_for(lambda: len(server.events("syslog")) == 2, "both lines")
    assert len(server.log_lines()) == 3 and not server.events("login")  # parse_line has seen that each is one line
    assert all(len(line) <= 4096 for line in server.log_lines())
    assert [e["user"] for e in server.events("syslog")] == ["uid 1000", "uid 4321"]


def test_dev_log_is_taken_up_again(start):
    """The process that prints is started anew when it is gone."""
    server = start(InitServer)
    printer = server.printer()
    os.kill(printer, signal.SIGKILL)
    wait_for(lambda: server.printers() not in ([], [printer]), "another one")
    log_line(server, b"still here", 1000)
    assert server.wait_event("syslog")[0]["message"] == "still here"


def test_many_lines_are_whole(start):
    """Of the log itself: runs over both channels, and syslog lines, at once."""
    server = start(InitServer, FORCE_COMMAND=f'/usr/bin/python3 -c "{SEND}" "b\'<13>\' + b\'5\' * 2000"', COMMAND_LOCK="off")
    assert {a.status for a in together([lambda: ask(server)] * 12)} == {200}
    server.settle()
    wait_for(lambda: len(server.events("syslog")) == 12, "their lines")
    assert len(server.events("start")) == len(server.events("end")) == 12


def test_a_log_that_is_gone(start):
    """Its own /dev/log is no other log: nothing runs, and no line goes round in a circle."""
    reading, writing = os.pipe()
    server = start(InitServer, stderr=writing)
    os.close(writing)
    assert ask(server).status == 200
    os.close(reading)
    log_line(server, b"into nothing", 1000)
    assert ask(server).status == 500 and server.ssh().returncode != 0
    assert len(server.lines("runs")) == 1
    printer = server.printer()
    wait_for(lambda: is_waiting(printer), "the printer waits")


def is_waiting(pid):
    """In ppoll(2), for something to print."""
    return Path(f"/proc/{pid}/syscall").read_text().startswith("271 ")


# ---- signals, and the end ----

def test_the_end_of_an_idle_one_is_quick(start):
    server = start(InitServer)
    with Client(server) as client, socket.create_connection(("127.0.0.1", server.ssh_port)) as ssh:
        client.send(request())
        assert client.answer().status == 200  # and the connection persists
        assert ssh.recv(4) == b"SSH-"
        begun = time.monotonic()
        server.tell(signal.SIGTERM)
        assert server.end() == 0
        assert client.is_closed()
    assert time.monotonic() - begun < 5  # not the ten seconds that a command would have
    assert server.events("stop")[0]["reason"] == "Terminated; 2 connections are open"


@pytest.mark.parametrize("channel", ["http", "ssh", "terminal"])
def test_a_running_command_ends_by_itself(start, channel):
    """SIGTERM: nobody new, but what runs comes to its end, and its client to the answer."""
    server = start(InitServer, FORCE_COMMAND=f": >$T/begun; echo begun; {UNTIL_GO}; echo whole; exit 3", HTTP_HOLD_MS="60000")
    with Begun(server, channel) as session:
        server.wait_file("begun")
        server.tell(signal.SIGTERM)
        wait_for(lambda: not is_listening(server.port) and not is_listening(server.ssh_port), "the ports are closed")
        assert server.process.poll() is None
        server.go()
        assert session.result() == (b"begun\nwhole\n", 3)
    assert server.end() == 0


class Begun:
    """A run over one of the ways in; `result` is its output and exit code."""

    def __init__(self, server, channel):
        self.channel = channel
        if channel == "http":
            self.session = Client(server).send(request())
        elif channel == "ssh":
            self.session = server.start()
        else:
            self.session = Terminal(server)

    def __enter__(self):
        return self

    def result(self):
        if self.channel == "http":
            answer = self.session.answer()
            return answer.body, answer.code
        if self.channel == "ssh":
            output = self.session.stdout.read()
            return output, self.session.wait(PATIENCE)
        output = self.session.read_until(b"whole\r\n").replace(b"\r", b"")
        return output, self.session.wait()

    def __exit__(self, *_):
        if self.channel == "http":
            self.session.__exit__()
        elif self.channel == "ssh":
            self.session.kill()
            self.session.communicate()
        else:
            self.session.close()


@pytest.mark.slow
@pytest.mark.parametrize("channel", ["http", "ssh", "terminal"])
@pytest.mark.parametrize("lock", ["skip", "off"])
def test_a_command_that_does_not_end(start, channel, lock):
    """It has ten seconds, then SIGTERM (or its terminal hangs up), then SIGKILL. A second signal does not wait."""
    server = start(InitServer, FORCE_COMMAND="trap 'echo x >>$T/terms' HUP TERM; : >$T/begun; while :; do sleep 0.1; done",
                   COMMAND_LOCK=lock)
    with Begun(server, channel):
        server.wait_file("begun")
        server.tell(signal.SIGTERM)
        wait_for(lambda: not is_listening(server.port), "the ports are closed")
        assert server.process.poll() is None and not server.lines("terms")
        server.tell(signal.SIGINT)
        assert server.end() == 0
    assert server.lines("terms")
    assert not server.processes()


@pytest.mark.slow
def test_ten_seconds_and_no_more(start):
    """A command that hears no signal, and one that its client has left."""
    server = start(InitServer, FORCE_COMMAND="trap '' HUP TERM; : >$T/begun; while :; do sleep 0.1; done", ON_DISCONNECT="continue")
    with Client(server) as client:
        client.send(request())
        server.wait_file("begun")
    server.tell()
    assert server.end() == 0
    assert not server.processes()
    assert server.events("end")[0]["signal"] == 9  # the run's last line, too


def test_sigquit_does_not_wait(start):
    server = start(InitServer, FORCE_COMMAND="sleep 1000")
    with Client(server) as client:
        client.send(request())
        server.wait_event("start")
        server.tell(signal.SIGQUIT)
        assert server.end() == 0


@pytest.mark.parametrize("channel", ["http", "ssh"])
def test_sighup_ends_connections_and_goes_on(start, channel):
    server = start(InitServer, FORCE_COMMAND="[ -e $T/go ] || sleep 1000", ON_DISCONNECT="hangup")
    with Begun(server, channel):
        server.wait_event("start")
        server.tell(signal.SIGHUP)
        server.settle()
    server.go()
    assert ask(server).status == 200


def test_other_signals_end_nothing(start):
    server = start(InitServer)
    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGPIPE):
        server.execute("/usr/bin/kill", f"-{int(number)}", "1")
    assert ask(server).status == 200


# ---- it takes little ----

@NOT_COUNTED
def test_memory(start):
    server = start(InitServer)
    assert ask(server).status == 200
    server.settle()
    pids = [server.pid, *server.printers()]
    assert sum(memory(pid, "Anonymous") for pid in pids) < 200  # beside pages of the executable, which all of bastion shares
