"""What one request over HTTP takes of the kernel, the command itself apart: system calls, counted by strace, and page faults, which
process 1 knows of all that it has waited for (proc(5), stat); and the calls of a request over HTTPS and of a login over SSH, by the
kernel's tracepoints. These are counts, the same on a busy machine and on a quiet one, but where it is said. tests/bench/budget has
them by process, and tests/bench/README.md what they have been."""
import collections
import contextlib
import re
import resource
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest
from harness import NOT_COUNTED, PATIENCE, UNTIL_GO, ask, free_port, request, wait_for
from init_harness import InitServer, children, memory

from ssh_harness import SshServer
from trace_harness import CALLS, NEXT, SWITCHES, Account, Tracer, named, ready_processes, wait_rest

pytestmark = pytest.mark.root

# The processes of a connection, from its accept on, by what each may call. What has been done ahead of time (init/spares.h) is the
# row `ready`, of the process that takes this one's place, and its front. A kernel that lacks something (a pipe that takes a line
# without a wait, Linux 6.4) makes for a few calls more; whoever adds one deliberately raises the number, and says in
# tests/bench/README.md why.
MOST_CALLS = {"init": 60, "monitor": 42, "front": 22, "start": 16, "ready": 96}
# Of monitor, front and command together; a kernel maps more or fewer pages around the one that was touched.
MOST_FAULTS = 36

# The same of a full handshake and one request, and of a login by a key with a command, both with the least that OpenSSL's and OpenSSH's
# clients exchange. How many there are hangs on how many pieces the client's bytes come in: the least of TRIES is no more than this.
# Of `bastion ssh` and of tinysshd, which wake up for each, the least has been 235 to 254 and 238 to 249, the more the busier the machine.
MOST_CALLS_HTTPS = {"bastion init": 34, "bastion tls": 112, "monitor": 40, "front": 20, "the command's start": 16, NEXT: 127}
MOST_CALLS_SSH = {"bastion init": 34, "bastion ssh": 275, "tinysshd's start": 8, "tinysshd": 270, "tinysshd, which signs": 25,
                  "tinysshd, which looks for the key": 67, "tinysshd, which starts the shell": 66, "the login shell, a front": 59,
                  "monitor": 70, "the command's start": 18, NEXT: 152}
TRIES = 5
JUDGED = 1  # LIMIT_JUDGED_MS, in seconds

# KiB that it has written to in an SSH session whose command waits. Of tinysshd's buffers, 670 KiB, it uses few pages.
MOST_MEMORY = {"tinysshd": 110}


@contextlib.contextmanager
def traced(pids, trace):
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-o", trace, *(word for pid in pids for word in ("-p", str(pid)))])
    try:
        for pid in pids:
            wait_for(lambda pid=pid: f"TracerPid:\t{tracer.pid}\n" in Path(f"/proc/{pid}/status").read_text(), "strace is there")
        yield
    finally:
        tracer.terminate()
        tracer.wait()


def calls_of_a_request(server, trace):
    """{process: [call, ...]}, where the command's process is `start` until it has executed the command."""
    monitor, = server.wait_spares()
    front, = children(monitor)
    names = {server.pid: "init", monitor: "monitor", front: "front"}
    with traced(names, trace):
        assert ask(server).body == b"ok\n"
        server.settle()
        assert monitor not in server.wait_spares()
    lines = re.findall(r"^(\d+) +(.*)$", trace.read_text(), re.M)
    for pid, text in lines:  # whose child each of the others is shows by what it executes
        if '"echo ok"' in text:
            names[int(pid)] = "start"
    calls = collections.defaultdict(list)
    for pid, text in lines:
        call = re.match(r"(\w+)\(", text)
        if call is None:  # the rest of one that another process's stands between
            continue
        name = names.get(int(pid), "ready")
        calls[name].append(call[1])
        if name == "start" and call[1] in ("execve", "execveat"):
            names[int(pid)] = "command"
    return calls


@NOT_COUNTED
def test_calls(start, tmp_path):
    server = start(InitServer, FORCE_COMMAND="echo ok")
    server.wait_spares()
    ask(server)  # the lock's file is made
    server.wait_rest()
    calls = calls_of_a_request(server, tmp_path / "trace")
    assert {"init", "ready", "monitor", "front", "start", "command"} == set(calls)
    found = {name: len(calls[name]) for name in MOST_CALLS}
    assert all(found[name] <= most for name, most in MOST_CALLS.items()), (found, {n: collections.Counter(c) for n, c in calls.items()})


@NOT_COUNTED
@pytest.mark.parametrize("spare", ["0", "1"])
def test_process_1_waits(start, tmp_path, spare):
    """Whatever has come, between two events it makes no call: of a loop that doesn't wait there would be thousands."""
    server = start(InitServer, FORCE_COMMAND="echo ok", SPARE=spare)
    with traced([server.pid], tmp_path / "trace"):
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", server.ssh_port)) as s:
                assert s.recv(4) == b"SSH-"
            server.settle()
            assert ask(server).body == b"ok\n"
            server.settle()
        if spare != "0":
            server.wait_rest()
    calls = re.findall(rf"^{server.pid} +(\w+)\(", (tmp_path / "trace").read_text(), re.M)
    assert 40 < len(calls) < 600, collections.Counter(calls)


def least_calls(server, program, most, ask):
    """{process: calls}, each the least of up to TRIES, the command's apart, which are as many as it takes to keep to `most`. A try is none
    where process 1 began anew, or where the connection took so long that what had been judged was judged again."""
    tracer, tries, least, seconds = Tracer(server.pid), [], {}, 0

    def once():
        nonlocal seconds
        begun = time.monotonic()
        ask()
        seconds = time.monotonic() - begun
        wait_rest(server)
    try:
        for _ in range(2):  # the lock's file is made; and a change while process 1 began to watch shows at the next connection
            once()
        with tracer.events([*SWITCHES[:3], CALLS]):
            for _ in range(6 * TRIES):
                ready, calls = ready_processes(server, program), collections.Counter()
                for stage, counts in Account(tracer.lines(once), server.pid, ready).counts.items():
                    calls[named(stage)] += counts["calls"]
                del calls["the command"]
                if seconds < JUDGED and calls.keys() == most.keys():
                    tries.append(calls)
                    least = {name: min(calls[name] for calls in tries) for name in most}
                if len(tries) == TRIES or least and keeps_to(least, most):
                    break
    finally:
        tracer.close()
    assert least, f"processes: {dict(calls)}"
    return least


def keeps_to(found, most):
    return all(found[name] <= most[name] for name in most)


TRACED = pytest.mark.skipif("tracefs" not in Path("/proc/filesystems").read_text(), reason="this kernel has no tracepoints")


@TRACED
@NOT_COUNTED
def test_calls_of_https(start):
    port = free_port()
    server = start(InitServer, FORCE_COMMAND="echo ok", TLS="self-signed", HTTPS_PORT=str(port))
    context = ssl.create_default_context(cafile=server.keys / "tls.crt")

    def https():
        with socket.create_connection((server.host, port)) as s, context.wrap_socket(s, server_hostname="localhost") as client:
            client.sendall(request(close=True))
            assert b"".join(iter(lambda: client.recv(65536), b"")).endswith(b"ok\n")
    wait_rest(server)
    found = least_calls(server, "tls", MOST_CALLS_HTTPS, https)
    assert keeps_to(found, MOST_CALLS_HTTPS), found


@TRACED
@NOT_COUNTED
def test_calls_of_ssh(start):
    server = start(InitServer, FORCE_COMMAND="echo ok", HTTP_TOKEN=None)

    def login():
        assert server.ssh().stdout == b"ok\n"
    found = least_calls(server, "ssh", MOST_CALLS_SSH, login)
    assert keeps_to(found, MOST_CALLS_SSH), found


def faults(pid, field=7):
    """proc(5), stat: minflt; field 8: those of children that it has waited for."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[field])


@NOT_COUNTED
def test_page_faults(start):
    server = start(InitServer, FORCE_COMMAND="echo ok")
    found = []
    for _ in range(9):
        server.wait_rest()
        spare, = server.spares("http")
        ahead = sum(map(faults, [spare, *children(spare)]))
        before = faults(server.pid, 8)
        assert ask(server).body == b"ok\n"
        server.settle()
        wait_for(lambda: faults(server.pid, 8) > before, "process 1 has waited for it")
        found.append(faults(server.pid, 8) - before - ahead)
    assert sorted(found)[4] <= MOST_FAULTS, found


@NOT_COUNTED
def test_memory_of_an_ssh_session(start):
    """And its buffers are locked, whether used or not: no secret gets to a swap device."""
    server = start(SshServer, FORCE_COMMAND=UNTIL_GO)
    client = server.start()
    server.wait_event("start")
    tinysshd, = server.processes("tinysshd")
    locked = re.search(r"^VmLck:\s*(\d+)", Path(f"/proc/{tinysshd}/status").read_text(), re.M)
    found = {"tinysshd": memory(tinysshd, "Anonymous")}
    server.go()
    client.communicate(timeout=PATIENCE)
    assert client.returncode == 0
    assert int(locked[1]) > 600 or resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] < 1 << 20
    assert all(found[name] <= most for name, most in MOST_MEMORY.items()), found
