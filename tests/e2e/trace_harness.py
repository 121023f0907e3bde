"""Which process of a connection makes which calls, by the kernel's tracepoints (tracefs): no process is stopped for it, so that
tinysshd, which `bastion ssh` traces itself, counts like the others. For test_budget.py and tests/bench/budget."""
import collections
import contextlib
import os
import re
import subprocess

from harness import is_alive, wait_for
from init_harness import children, descendants

SWITCHES = ("sched/sched_process_fork", "sched/sched_process_exec", "sched/sched_process_exit", "sched/sched_switch")
MOUNT = "/sys/kernel/tracing"
CALLS = "raw_syscalls/sys_enter"
LINE = re.compile(r"\s*(.+)-(\d+)\s+\[\d+\]\s+\S+\s+(\d+\.\d+): (\w+): ?(.*)")


class Tracer:
    """An instance of the kernel's tracing for one process and all that it starts."""

    def __init__(self, pid):
        # At its usual place, where it stays, and may be already: where a mount's folder goes, the mount goes from each namespace that was
        # made meanwhile, and to the servers in these that is a change.
        subprocess.run(["mount", "-t", "tracefs", "tracefs", MOUNT], capture_output=True)
        self.folder = f"{MOUNT}/instances/bastion-{os.getpid()}"
        os.mkdir(self.folder)
        self.put("buffer_size_kb", "8192")
        self.put("options/event-fork", "1")
        self.put("trace_clock", "mono")
        self.put("set_event_pid", str(pid))

    def put(self, name, text):
        with open(f"{self.folder}/{name}", "w") as f:
            f.write(text)

    @contextlib.contextmanager
    def events(self, names):
        for name in names:
            self.put(f"events/{name}/enable", "1")
        try:
            yield
        finally:
            self.put("events/enable", "0")

    def lines(self, function):
        """What was traced while the function ran."""
        self.put("trace", "")
        function()
        with open(f"{self.folder}/trace") as f:
            return [match.groups() for match in map(LINE.match, f) if match]

    def close(self):
        self.put("set_event_pid", "")
        os.rmdir(self.folder)


# ---- what was traced ----

def number(text, name):
    return int(re.search(rf"\b{name}=(\d+)", text)[1])


class Account:
    """One request, by processes. Each has a name for what it is, in `stages`: another one once it has executed a program."""

    def __init__(self, lines, init, ready):
        self.counts = collections.defaultdict(collections.Counter)
        self.details = collections.defaultdict(collections.Counter)
        self.stage, self.children = {init: "bastion init", **ready}, collections.Counter()
        self.since = {}
        for _, pid, when, event, text in lines:
            getattr(self, event, lambda *_: None)(int(pid), float(when) * 1e6, text)

    def name(self, pid):
        return self.stage.get(pid)

    def sched_process_fork(self, pid, when, text):
        child = number(text, "child_pid")
        if pid in self.stage:
            self.children[pid] += 1
            self.counts[self.name(pid)]["forks"] += 1
            self.stage[child] = f"{self.stage[pid]} > {self.children[pid]}"

    def sched_process_exec(self, pid, when, text):
        if pid in self.stage:
            self.charge(pid, when)
            self.counts[self.name(pid)]["execs"] += 1
            self.stage[pid] += " " + os.path.basename(re.search(r"filename=(\S+)", text)[1])
            self.since[pid] = when

    def sys_enter(self, pid, when, text):
        if pid in self.stage:
            self.counts[self.name(pid)]["calls"] += 1
            self.details[self.name(pid)]["call " + text.split(" ")[1]] += 1

    def fault(self, pid, when, text):
        if pid in self.stage:
            self.counts[self.name(pid)]["faults"] += 1
            self.details[self.name(pid)]["fault " + text] += 1

    page_fault_user = page_fault_kernel = fault

    def charge(self, pid, when):
        if pid in self.since:
            self.counts[self.name(pid)]["µs"] += when - self.since.pop(pid)

    def sched_switch(self, pid, when, text):
        before, after = number(text, "prev_pid"), number(text, "next_pid")
        if before in self.stage:
            self.counts[self.name(before)]["switches"] += 1
            self.charge(before, when)
        if after in self.stage:
            self.since[after] = when


# What the processes are, by how they have come about: which child of whom, and which programs they have executed.
FIRST = "bastion init > 1"
NEXT = "made ready for the next"
# What is ready for a connection of each kind, a process and its descendants; and what comes from them in it.
READY = {"http": ("monitor", "front"), "tls": ("bastion tls", "monitor", "front"), "ssh": ("bastion ssh", "tinysshd's start")}
NAMES = {
    "monitor > 1": "the command's start", "monitor > 1 sh": "the command",
    "tinysshd's start tinysshd": "tinysshd", "tinysshd's start tinysshd > 1": "tinysshd, which signs",
    "tinysshd's start tinysshd > 2": "tinysshd, which looks for the key",
    "tinysshd's start tinysshd > 3": "tinysshd, which starts the shell",
    "tinysshd's start tinysshd > 3 bastion": "the login shell, a front",
    "bastion ssh > 1": "monitor", "bastion ssh > 1 > 1": "the command's start", "bastion ssh > 1 > 1 sh": "the command",
}


def named(stage):
    return NEXT if stage.startswith(FIRST) else NAMES.get(stage, stage)


def ready_processes(server, program):
    """{process: what it is in a connection}, of those that are ready for the next one."""
    spare, = server.wait_spares(program=program)
    return dict(zip(descendants(spare), READY[program]))


def wait_rest(server):
    """Until nobody is served, as many are ready as at rest, and process 1 has seen the end of all others."""
    server.wait_rest()
    wait_for(lambda: all(map(is_alive, children(server.pid))), "process 1 sees the end")
