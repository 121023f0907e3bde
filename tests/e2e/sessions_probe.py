"""What one process can do to another of the same account, and to its terminal: a line for each attempt, with the name of its error
or `done`. A command of bastion's runs it: sessions_probe.py PID TERMINAL."""
import ctypes
import errno
import fcntl
import os
import signal
import sys
import termios

libc = ctypes.CDLL(None, use_errno=True)
PTRACE_SEIZE, PTRACE_DETACH = 0x4206, 17
PIDFD_OPEN, PIDFD_GETFD = 434, 438


def call(function, *arguments):
    result = function(*arguments)
    if result == -1:
        raise OSError(ctypes.get_errno(), "")
    return result


def read(path):
    with open(path, "rb", buffering=0) as file:
        return file.read(4096)


def open_terminal(path, flags):
    fd = os.open(path, flags | os.O_NOCTTY | os.O_NONBLOCK)
    os.close(fd)


def type_into(path):
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    fcntl.ioctl(fd, termios.TIOCSTI, b"#")


def memory(pid):
    with open(f"/proc/{pid}/maps") as maps:
        start = int(maps.readline().split("-")[0], 16)
    fd = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    os.pread(fd, 16, start)


def vm_read(pid):
    class Vector(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]
    here = ctypes.create_string_buffer(16)
    local, remote = Vector(ctypes.addressof(here), 16), Vector(0x1000, 16)
    try:
        call(libc.process_vm_readv, pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)
    except OSError as e:
        if e.errno != errno.EFAULT:  # nothing is at that address: it was looked at
            raise


def trace(pid):
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    call(libc.ptrace, PTRACE_SEIZE, pid, None, None)
    libc.ptrace(PTRACE_DETACH, pid, None, None)


def take_descriptor(pid):
    pidfd = call(libc.syscall, PIDFD_OPEN, pid, 0)
    call(libc.syscall, PIDFD_GETFD, pidfd, 0, 0)


def attempts(pid, terminal):
    yield "read terminal", lambda: open_terminal(terminal, os.O_RDONLY)
    yield "write terminal", lambda: open_terminal(terminal, os.O_WRONLY)
    yield "type into terminal", lambda: type_into(terminal)
    yield "open its descriptor", lambda: open_terminal(f"/proc/{pid}/fd/0", os.O_RDWR)
    yield "take its descriptor", lambda: take_descriptor(pid)
    yield "read memory", lambda: memory(pid)
    yield "read memory by call", lambda: vm_read(pid)
    yield "read environment", lambda: read(f"/proc/{pid}/environ")
    yield "trace", lambda: trace(pid)
    yield "see its folder", lambda: os.readlink(f"/proc/{pid}/cwd")
    yield "see its words", lambda: read(f"/proc/{pid}/cmdline")
    yield "change the terminal's mode", lambda: os.chmod(terminal, 0o620)
    yield "signal", lambda: os.kill(pid, signal.SIGCONT)


def own_terminal():
    """What must work all the same."""
    open_terminal(os.ttyname(0), os.O_RDWR)
    if os.path.exists("/dev/tty"):
        open_terminal("/dev/tty", os.O_RDWR)
    open_terminal("/proc/self/fd/1", os.O_WRONLY)  # to which /dev/stdout leads


def own_child():
    pid = os.fork()
    if pid == 0:
        signal.pause()
    try:
        trace(pid)
        read(f"/proc/{pid}/environ")
        memory(pid)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def own_files():
    for folder in ("own/a/x", "own/b"):
        os.makedirs(folder)
    with open("own/a/file", "w") as file:
        file.write("text")
    for name in ("file", "x"):
        os.rename(f"own/a/{name}", f"own/b/{name}")
    os.link("own/b/file", "own/a/file")
    with open("/dev/null", "r+b", buffering=0) as null:
        null.write(read("/dev/urandom"))
    read("/etc/passwd")
    ends = os.pipe()
    with open(f"/proc/self/fd/{ends[1]}", "wb") as again:
        again.write(b"x")


def new_terminal():
    os.openpty()


def tell(name, attempt):
    try:
        attempt()
        result = "done"
    except OSError as e:
        result = errno.errorcode[e.errno]
    print(f"{name}: {result}")


print()  # a shell's prompt may stand there
if len(sys.argv) > 2:
    for name, attempt in attempts(int(sys.argv[1]), sys.argv[2]):
        tell(name, attempt)
if os.isatty(0):
    tell("own terminal", own_terminal)
tell("own child", own_child)
tell("own files", own_files)
tell("new terminal", new_terminal)
print("end of attempts")
