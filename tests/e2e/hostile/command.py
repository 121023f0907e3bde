"""A command that attacks every process that it can see but its own: a line for each attempt, "attempt PID NAME ERRNO", ERRNO 0 where it
succeeded. What could do harm to the tests is tried in a harmless form that takes the same right. In $T/attack it is one whole line at the
end, so that nobody reads half of it."""
import ctypes
import os
import resource
import signal
import sys

libc = ctypes.CDLL(None, use_errno=True)
PTRACE_SEIZE, PTRACE_DETACH = 0x4206, 17
LINES = []


def call(function, *arguments):
    ctypes.set_errno(0)
    if function(*arguments) == -1:
        raise OSError(ctypes.get_errno(), "")


def read_by_call(pid):
    class iovec(ctypes.Structure):
        _fields_ = [("at", ctypes.c_void_p), ("n", ctypes.c_size_t)]
    here = ctypes.create_string_buffer(8)
    at = int(open(f"/proc/{pid}/maps").readline().split("-")[0], 16)
    mine, its = iovec(ctypes.addressof(here), 8), iovec(at, 8)
    call(libc.process_vm_readv, pid, ctypes.byref(mine), 1, ctypes.byref(its), 1, 0)


def trace(pid):
    call(libc.ptrace, PTRACE_SEIZE, pid, None, None)
    call(libc.ptrace, PTRACE_DETACH, pid, None, None)


def take_descriptor(pid):
    fd = os.pidfd_open(pid)
    call(libc.syscall, 438, fd, 0, 0)  # pidfd_getfd(2): the same number everywhere


def set_limit(pid):
    limit = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, limit)


def own_by_name(path):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))


ATTEMPTS = {
    "signal": lambda pid: os.kill(pid, 0),
    "stop": lambda pid: os.kill(pid, signal.SIGSTOP),
    "trace": trace,
    "limit": set_limit,
    "pin": lambda pid: os.sched_setaffinity(pid, os.sched_getaffinity(pid)),
    "slow": lambda pid: os.setpriority(os.PRIO_PROCESS, pid, 19),
    "environment": lambda pid: open(f"/proc/{pid}/environ", "rb").read(),
    "memory": lambda pid: open(f"/proc/{pid}/mem", "rb"),
    "write memory": lambda pid: open(f"/proc/{pid}/mem", "r+b"),
    "memory by call": read_by_call,
    "descriptors": lambda pid: os.listdir(f"/proc/{pid}/fd"),
    "open descriptor": lambda pid: os.open(f"/proc/{pid}/fd/0", os.O_RDONLY | os.O_NONBLOCK),
    "take descriptor": take_descriptor,
    "folder": lambda pid: os.listdir(f"/proc/{pid}/cwd/"),
    "killed first": lambda pid: open(f"/proc/{pid}/oom_score_adj", "w").write("0"),
}


def attempt(who, name, function, *arguments):
    try:
        function(*arguments)
        error = 0
    except OSError as e:
        error = e.errno
    except ValueError:
        error = -1
    LINES.append(f"attempt {who} {name.replace(' ', '-')} {error}")


def mine():
    found = {os.getpid()}
    pid = os.getppid()
    while pid > 1 and os.stat(f"/proc/{pid}").st_uid == os.getuid():
        found.add(pid)
        pid = int(open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[1])
    return found


for entry in os.listdir("/proc"):
    if entry.isdigit() and int(entry) not in mine():
        try:
            uid = [line for line in open(f"/proc/{entry}/status") if line.startswith("Uid:")][0].split()[1]
        except OSError:
            continue
        if int(uid) == os.getuid():
            continue  # test_apart.py: what of one session is closed to another of the same account
        LINES.append(f"process {entry} {uid}")
        for name, function in ATTEMPTS.items():
            attempt(entry, name, function, int(entry))
for path in sys.argv[1:]:
    attempt(path, "write", own_by_name, path)
    attempt(path, "write", lambda p: os.close(os.open(os.path.dirname(p), os.O_WRONLY | os.O_TMPFILE, 0o600)), path)
    attempt(path, "write", os.unlink, path)
    attempt(path, "write", os.rename, path, path + "x")
print("\n".join(LINES))
