"""What one request over HTTP takes of the kernel, the command itself apart: system calls, counted by strace, and page faults, which
process 1 knows of all that it has waited for (proc(5), stat). These are counts, the same on a busy machine and on a quiet one.
tests/bench/budget has them by process, and tests/bench/README.md what they have been."""
import collections
import contextlib
import re
import resource
import socket
import subprocess
from pathlib import Path

import pytest
from harness import NOT_COUNTED, PATIENCE, UNTIL_GO, ask, wait_for
from init_harness import InitServer, children, memory

from ssh_harness import SshServer

pytestmark = pytest.mark.root

# The processes of a connection, from its accept on, by what each may call. What has been done ahead of time (init/spares.h) is the
# row `ready`, of the process that takes this one's place, and its front. A kernel that lacks something (a pipe that takes a line
# without a wait, Linux 6.4) makes for a few calls more; whoever adds one deliberately raises the number, and says in
# tests/bench/README.md why.
MOST_CALLS = {"init": 60, "monitor": 42, "front": 22, "start": 16, "ready": 96}
# Of monitor, front and command together; a kernel maps more or fewer pages around the one that was touched.
MOST_FAULTS = 36

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
