"""What one request over HTTP takes of the kernel, the command itself apart: system calls, counted by strace, and page faults, which
process 1 knows of all that it has waited for (proc(5), stat). These are counts, the same on a busy machine and on a quiet one.
tests/bench/budget has them by process, and tests/bench/README.md what they have been."""
import collections
import re
import subprocess
from pathlib import Path

import pytest
from harness import NOT_COUNTED, ask, wait_for
from init_harness import InitServer

pytestmark = pytest.mark.root

# The processes of a connection, by what each may call. A kernel that lacks something (a pipe that takes a line without a wait,
# Linux 6.4) makes for a few calls more; whoever adds one deliberately raises the number, and says in tests/bench/README.md why.
MOST_CALLS = {"monitor": 88, "front": 43, "start": 16}
# Of monitor, front and command together; a kernel maps more or fewer pages around the one that was touched.
MOST_FAULTS = 90


def calls_of_a_request(server, trace):
    """{process: [call, ...]}, where the command's process is `start` until it has executed the command."""
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-o", trace, "-p", str(server.pid)])
    try:
        wait_for(lambda: f"TracerPid:\t{tracer.pid}\n" in Path(f"/proc/{server.pid}/status").read_text(), "strace is there")
        assert ask(server).body == b"ok\n"
        server.settle()
    finally:
        tracer.terminate()
        tracer.wait()
    calls, names = collections.defaultdict(list), {server.pid: "init"}
    for pid, text in re.findall(r"^(\d+) +(.*)$", trace.read_text(), re.M):
        call = re.match(r"(\w+)\(", text)
        if call is None:  # the rest of one that another process's stands between
            continue
        name = names.get(int(pid))
        if name is None:
            name = names[int(pid)] = ("born", "front", "start")[len(names) - 1]
        calls[name].append(call[1])
        if call[1] in ("execve", "execveat"):
            names[int(pid)] = {"born": "monitor", "start": "command"}[name]
    return calls


@NOT_COUNTED
def test_calls(start, tmp_path):
    server = start(InitServer, FORCE_COMMAND="echo ok")
    ask(server)
    server.settle()
    calls = calls_of_a_request(server, tmp_path / "trace")
    assert {"init", "born", "monitor", "front", "start", "command"} == set(calls)
    found = {name: len(calls[name]) for name in MOST_CALLS}
    assert all(found[name] <= most for name, most in MOST_CALLS.items()), (found, {n: collections.Counter(c) for n, c in calls.items()})


def faults_of_children(server):
    return int(Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()[8])


@NOT_COUNTED
def test_page_faults(start):
    server = start(InitServer, FORCE_COMMAND="echo ok")
    found = []
    for _ in range(9):
        before = faults_of_children(server)
        assert ask(server).body == b"ok\n"
        server.settle()
        wait_for(lambda: faults_of_children(server) > before, "process 1 has waited for it")
        found.append(faults_of_children(server) - before)
    assert sorted(found)[4] <= MOST_FAULTS, found
