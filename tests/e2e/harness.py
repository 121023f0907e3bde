"""Starts bastion behind real superservers and talks to it. Nothing here knows more of bastion than its users do.

Every server has a folder of its own: `t` for what the command leaves behind (the command sees it as $T), `run` for
RUN_DIR, `log` for standard error. $T also marks the processes of a server, so that all of them can be found.
"""
import atexit
import base64
import contextlib
import dataclasses
import fcntl
import itertools
import json
import os
import re
import select
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import threading
import time
from pathlib import Path

import pytest


def reachable(program):
    """A copy that every account may execute: the checkout may be in a folder that is root's alone."""
    folder = tempfile.mkdtemp(prefix="bastion-e2e-program-")
    atexit.register(shutil.rmtree, folder)
    os.chmod(folder, 0o755)
    return shutil.copy(program, folder)


BASTION = reachable(os.environ.get("BASTION") or Path(__file__).parents[2] / "build/bastion")
PATIENCE = 30  # seconds for what happens at once unless something is broken
TOKEN = "correct-horse-battery-staple"
AUTH = f"Authorization: Bearer {TOKEN}"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1"}
IS_ROOT = os.geteuid() == 0
NOT_COUNTED = pytest.mark.skipif("BASTION_COUNTERS" in os.environ, reason="a build of its own, whose counters take memory, pages and calls")


def basic(user_and_password):
    raw = user_and_password if isinstance(user_and_password, bytes) else user_and_password.encode()
    return "Authorization: Basic " + base64.b64encode(raw).decode()


def wait_for(predicate, what="", seconds=PATIENCE, step=0.01):
    """The first true value of the predicate; `step`: the seconds between two tries, more where each takes its time."""
    end = time.monotonic() + seconds
    while True:
        value = predicate()
        if value:
            return value
        assert time.monotonic() < end, f"nothing in {seconds} s: {what}"
        time.sleep(step)


# ---- ports ----

# Each process of the tests begins elsewhere: the workers of one run, and those of two at once.
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", f"gw{os.getpid()}")[2:])
_ports = itertools.count(12000 + 1250 * (_worker % 16) + os.getpid() % 250)


def free_port(host="127.0.0.1"):
    """Below the range of ephemeral ports, so that no client's own port takes it meanwhile."""
    for port in _ports:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind((host, port))
                return port
            except OSError:
                continue


def is_listening(port):
    """Asks the kernel: a connection of our own would be one that bastion serves. By sock_diag(7), which looks at listeners
    alone: /proc/net/tcp is made of every connection of the machine, those that have ended among them."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as s:
        for family in (socket.AF_INET, socket.AF_INET6):
            wanted = struct.pack("=BBBxI48x", family, socket.IPPROTO_TCP, 0, 1 << TCP_LISTEN)
            s.send(struct.pack("=IHHII", 16 + len(wanted), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, 0, 0) + wanted)
            if port in _listeners(s):
                return True
    return False


NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, TCP_LISTEN, NLM_F_REQUEST, NLM_F_DUMP, NLMSG_ERROR, NLMSG_DONE = 4, 20, 10, 1, 0x300, 2, 3


def _listeners(s):
    """The ports that the answer names: messages of a length and a kind, whose port is in the order of the network."""
    ports = set()
    while True:
        data = s.recv(65536)
        while data:
            length, kind = struct.unpack_from("=IH", data)
            assert kind != NLMSG_ERROR, f"sock_diag: {os.strerror(-struct.unpack_from('=i', data, 16)[0])}"
            if kind == NLMSG_DONE:
                return ports
            ports.add(struct.unpack_from(">H", data, 20)[0])
            data = data[(length + 3) & ~3:]


SO_ACCEPTCON = 1 << 16


def is_unix_listening(home, name, owner):
    """Whether a Unix socket of that name (a number may stand behind it) in the folder, a Path, listens and is the account's."""
    listed = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    listening = {words[7] for words in listed if len(words) == 8 and int(words[3], 16) & SO_ACCEPTCON}
    path = next(filter(Path.is_socket, home.glob(name + "*")), None)
    return str(path) in listening and path.owner() == owner


# ---- processes ----

def proc(pid, name):
    """What stands in a file of a process's."""
    fd = os.open(f"/proc/{pid}/{name}", os.O_RDONLY)
    try:
        data = b""
        while piece := os.read(fd, 65536):
            data += piece
        return data
    finally:
        os.close(fd)


def numbered():
    """{(process, inode of its folder)} of all that there are: no later process of that number has this inode."""
    with os.scandir("/proc") as entries:
        return {(int(entry.name), entry.inode()) for entry in entries if entry.name.isdigit()}


class Stats(dict):
    """{process: (its state, its parent)}, each asked for once."""

    def __missing__(self, pid):
        try:
            state, ppid = proc(pid, "stat").rpartition(b")")[2].split(None, 2)[:2]
        except OSError:
            state, ppid = b"X", 0
        self[pid] = state, int(ppid)
        return self[pid]

    def is_alive(self, pid):
        return self[pid][0] not in b"ZX"

    def descends(self, pid, roots):
        """Whether it is one of the roots, or comes from one."""
        while pid > 1 and pid not in roots:
            pid = self[pid][1]
        return pid in roots


def is_alive(pid):
    return Stats().is_alive(pid)


def parent(pid):
    return Stats()[pid][1]


def has_marker(pid, marker, roots, stats):
    """Whether the process has the marker (bytes NAME=value) in its environment; where that can't be read (bastion hides its
    own from other processes of the account) or was wiped, whether it descends from a superserver."""
    try:
        environment = proc(pid, "environ")
    except OSError:
        environment = b""
    if environment.strip(b"\0"):
        return marker in environment.split(b"\0")
    return stats.descends(pid, roots)


def processes(marker, roots, bare=False, older=frozenset()):
    """Those alive that have the marker; `bare`: and all that come from a root, whatever their environment is. `older`: what there was
    before the marker, by numbered(): most of all processes, which need not be asked again at each try of each wait."""
    stats = Stats()
    return [pid for pid, _ in sorted(numbered() - older)
            if (bare and pid not in roots and stats.descends(pid, roots) or has_marker(pid, marker, roots, stats)) and stats.is_alive(pid)]


def arguments(pid):
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
    except OSError:
        return []
    # Before them stand an emulator's name and the program's path (tests/target).
    return words[2:] if words and os.path.basename(words[0]).startswith(b"qemu-") else words


def link(pid, fd):
    """What a process's descriptor is; None where it is closed."""
    try:
        return os.readlink(f"/proc/{pid}/fd/{fd}")
    except FileNotFoundError:
        return None


def links(pid):
    """What its descriptors are, but for those that are closed meanwhile."""
    return [what for fd in os.listdir(f"/proc/{pid}/fd") if (what := link(pid, fd))]


def private(script, argv):
    """argv in a mount namespace of its own, after a shell script that sets it up."""
    return ["unshare", "-m", "--propagation", "private", "sh", "-euc", script + '\nexec "$@"', "sh", *argv]


# What hides the machine's own /etc/bastion and /run/bastion, and lets a test fill new ones. The files that the C library
# needs to know accounts come along.
OWN_FOLDERS = """
e=$(mktemp -d); mount -t tmpfs -o mode=755 tmpfs $e
cp -a /etc/passwd /etc/group /etc/nsswitch.conf /etc/ld.so.* /etc/hosts $e/
mkdir $e/bastion $e/alternatives; mount --bind /etc/alternatives $e/alternatives; mount --rbind $e /etc; umount -R $e; rmdir $e
mount -t tmpfs -o mode=755 tmpfs /run; mkdir /run/bastion
"""


def own_dev(folder):
    """/dev in `folder`: the few devices that a program needs, and /dev/log only where the test listens there."""
    return f"for d in null zero full random urandom; do : >>{folder}/$d; mount --bind /dev/$d {folder}/$d; done; mount --rbind {folder} /dev"


@contextlib.contextmanager
def syslog():
    """A syslog of the test's own: its socket, and what puts it into a server's /dev (Server's `before`)."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        def listen(server):
            (server.home / "dev").mkdir()
            log.bind(str(server.home / "dev/log"))
            os.chmod(server.home / "dev/log", 0o777)
            return own_dev(server.home / "dev")
        yield log, listen


def settings_files(settings, folder="/etc/bastion"):
    return "\n".join(f"printf %s {shlex.quote(value)} >{folder}/{name}" for name, value in settings.items())


# ---- terminals ----

def set_size(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class Pty:
    """A terminal's other side, `master`, with a program at it."""

    def __init__(self, master):
        self.master, self.seen = master, b""

    def send(self, data):
        os.write(self.master, data)

    def read_until(self, wanted, seconds=PATIENCE):
        """Reads on until `wanted` (bytes) has been seen; returns all that came before and with it, and forgets it."""
        end = time.monotonic() + seconds
        while wanted not in self.seen:
            assert select.select([self.master], [], [], max(0, end - time.monotonic()))[0], f"no {wanted!r} in {self.seen!r}"
            try:
                got = os.read(self.master, 65536)
            except OSError:
                got = b""
            assert got, f"the terminal ended without {wanted!r}: {self.seen!r}"
            self.seen += got
        at = self.seen.index(wanted) + len(wanted)
        before, self.seen = self.seen[:at], self.seen[at:]
        return before


# ---- servers ----

SUPERSERVERS = {
    "tcpsvd": lambda host, port: ["tcpsvd", "-l", "localhost", "-c", "400", "-b", "400", host, str(port)],
    "tcpserver": lambda host, port: ["tcpserver", "-H", "-R", "-l", "localhost", "-c", "400", host, str(port)],
}


class Folder:
    """What every server leaves behind and is asked for."""

    BARE = False  # whether some of its processes have an environment of their own

    def __init__(self):
        self.home = Path(tempfile.mkdtemp(prefix="bastion-e2e-"))
        os.chmod(self.home, 0o755)
        self.t, self.run_dir, self.log = self.home / "t", self.home / "run", self.home / "log"
        self.t.mkdir()
        os.chmod(self.t, 0o777)
        self.run_dir.mkdir(0o755)
        self.log.touch()
        self.marker, self.older = f"T={self.t}".encode(), numbered()

    def processes(self, *argv):
        """This server's live processes; with words, those whose arguments start with them."""
        found = processes(self.marker, self.roots(), self.BARE, self.older)
        wanted = [os.fsencode(word) for word in argv]
        return [pid for pid in found if arguments(pid)[:len(wanted)] == wanted] if wanted else found

    def connections(self):
        return self.processes(BASTION, "http")

    def settle(self):
        """Waits until no connection is being served any more."""
        wait_for(lambda: not self.connections(), "the connections end")

    def settled_runs(self):
        self.settle()
        return self.runs()

    def lines(self, name="runs"):
        path = self.t / name
        return path.read_text().splitlines() if path.exists() else []

    def runs(self):
        return len(self.lines())

    def wait_file(self, name):
        return wait_for(lambda: (self.t / name).exists(), f"$T/{name}")

    def go(self, name="go"):
        (self.t / name).touch()

    # -- the log --

    def log_text(self):
        return self.log.read_bytes()

    def log_lines(self):
        return self.log_text().decode("ascii").splitlines()

    def events(self, event=None, **fields):
        found = [parse_line(line) for line in self.log_lines() if "bastion event=" in line or line.startswith("{")]
        fields = {"event": event, **fields} if event else fields
        return [e for e in found if all(e.get(k) == v for k, v in fields.items())]

    def wait_event(self, event, count=1, **fields):
        return wait_for(lambda: len(found := self.events(event, **fields)) >= count and found, f"event {event} {fields}")

    def remove(self):
        wait_for(self._all_killed, "the processes of a test end")
        log = self.log_text()
        shutil.rmtree(self.home)
        assert b"Sanitizer" not in log and b"runtime error" not in log, log.decode(errors="replace")

    def _all_killed(self):
        left = self.processes()
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return not left


def parse_line(line):
    """A line of the log as a dictionary; fails on anything that is not wholly such a line."""
    if line.startswith("{"):
        return json.loads(line)
    match = re.fullmatch(r'(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) bastion((?: [a-z]+=(?:"(?:[^"\\]|\\.)*"|[^\s"]+))+)', line)
    assert match, f"not a line of the log: {line!r}"
    fields = {"time": match[1]}
    for name, value in re.findall(r' ([a-z]+)=("(?:[^"\\]|\\.)*"|[^\s"]+)', match[2]):
        assert name not in fields, f"{name} twice: {line!r}"
        fields[name] = value[1:-1] if value.startswith('"') else int(value) if re.fullmatch(r"\d{1,15}", value) and name != "run" else value
    return fields


class NotStarted(AssertionError):
    """A server has ended at once, with a code and these lines."""

    def __init__(self, code, log):
        super().__init__(f"exit code {code}: {log}")
        self.code, self.log = code, log


# Runs what follows where there are no random numbers: neither the call nor the device.
WITHOUT_RANDOM = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /dev && exec "$@"', "sh", "/usr/bin/python3", str(Path(__file__).parent / "without_calls.py"), "getrandom"]


class Server(Folder):
    """bastion behind a superserver. Keyword arguments in capitals are settings (None: not set, whatever the default)."""

    def __init__(self, kind="tcpsvd", host="127.0.0.1", user=None, program=(BASTION, "http"), before="", argv=None, stderr=None,
                 env=None, **settings):
        super().__init__()
        self.host, self.port = host, free_port(host)
        preset = {"HTTP_TOKEN": TOKEN, "FORCE_COMMAND": "echo x >>$T/runs; echo ok", "RUN_DIR": str(self.run_dir)}
        if IS_ROOT and user is None:
            preset["SSH_USER"] = "nobody"
        if user is not None:
            shutil.chown(self.run_dir, user)
        self.settings = {k: v for k, v in {**preset, **settings}.items() if v is not None}
        self.env = {"PATH": SYSTEM_PATH, "T": str(self.t), **SANITIZERS, **(env or {}), **self.settings}
        self.lay_out()
        argv = argv(self) if argv else [*SUPERSERVERS[kind](host, self.port), *program]
        if before:
            argv = private(before if isinstance(before, str) else before(self), argv)
        identity = {} if user is None else {"user": user, "group": "nogroup", "extra_groups": []}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(argv, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=stderr or log,
                                            cwd="/", start_new_session=True, **identity)
        wait_for(lambda: self.is_listening() or self.process.poll() is not None, f"port {self.port}")
        if self.process.poll() is not None:
            fault = self.log_text().decode(errors="replace")
            self.remove()
            raise NotStarted(self.process.returncode, fault)

    def is_listening(self):
        return is_listening(self.port)

    def lay_out(self):
        """Nothing runs yet, and the folder is there: for what derives from this."""

    def roots(self):
        return [self.process.pid]

    def url(self, path="/cgi-bin/run"):
        return f"http://{'[%s]' % self.host if ':' in self.host else self.host}:{self.port}{path}"

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.remove()


class Listener(Folder):
    """A superserver in the manner of systemd's Accept=yes, for what the others never do: it can leave descriptors open,
    set any variable, and point standard error anywhere."""

    def __init__(self, host="127.0.0.1", stderr=None, leak=(), env=None, user=None, **settings):
        super().__init__()
        self.host = host
        self.socket = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=64)
        self.port = self.socket.getsockname()[1]
        preset = {"HTTP_TOKEN": TOKEN, "FORCE_COMMAND": "echo x >>$T/runs; echo ok", "RUN_DIR": str(self.run_dir)}
        if IS_ROOT and user is None:
            preset["SSH_USER"] = "nobody"
        if user is not None:
            shutil.chown(self.run_dir, user)
        self.settings = {k: v for k, v in {**preset, **settings}.items() if v is not None}
        self.env = {"PATH": SYSTEM_PATH, "T": str(self.t), **SANITIZERS, **(env or {}), **self.settings}
        self.options = {"pass_fds": leak, **({} if user is None else {"user": user, "group": "nogroup", "extra_groups": []})}
        self.stderr, self.children = stderr, []
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection, open(self.log, "ab") as log:
                stderr = connection if self.stderr == "client" else log if self.stderr is None else self.stderr
                self.children.append(subprocess.Popen([BASTION, "http"], env=self.env, stdin=connection, stdout=connection,
                                                      stderr=stderr, **self.options))

    url = Server.url

    def roots(self):
        return [child.pid for child in self.children if child.poll() is None]

    def stop(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join()
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()
        self.remove()


# ---- clients ----

@dataclasses.dataclass
class Answer:
    status: int
    version: str
    fields: list
    body: bytes = b""
    chunks: list = dataclasses.field(default_factory=list)
    trailers: list = dataclasses.field(default_factory=list)
    complete: bool = True

    def __getitem__(self, name):
        """The field's value, or None. No field that bastion sends may come twice."""
        values = [v for k, v in self.fields if k.lower() == name.lower()]
        assert len(values) < 2, f"{name} twice"
        return values[0] if values else None

    @property
    def code(self):
        return None if self["X-Bastion-Exit-Code"] is None else int(self["X-Bastion-Exit-Code"])


class Client:
    """A connection of raw bytes, whose answers are parsed strictly."""

    def __init__(self, server, timeout=PATIENCE, receive_buffer=None):
        self.sock = socket.socket(socket.AF_INET6 if ":" in server.host else socket.AF_INET)
        self.sock.settimeout(timeout)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.connect(server)
        self.file = self.sock.makefile("rb")

    def connect(self, server):
        self.sock.connect((server.host, server.port))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.sock.close()

    def send(self, data):
        """The server may have refused and closed already: what it said is read after that."""
        try:
            self.sock.sendall(data.encode("latin-1") if isinstance(data, str) else data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def end(self):
        self.sock.shutdown(socket.SHUT_WR)
        return self

    def reset(self):
        """Goes away with a reset. A file object would keep the descriptor open."""
        self.file.close()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def line(self):
        line = self.file.readline(70000)
        if line == b"":
            raise EOFError
        assert line.endswith(b"\r\n"), f"cut line: {line!r}"
        return line[:-2].decode("latin-1")

    def _fields(self):
        fields = []
        while (line := self.line()) != "":
            match = re.fullmatch(r"([A-Za-z0-9-]+): (.*)", line)
            assert match, f"not a field: {line!r}"
            fields.append((match[1], match[2]))
        return fields

    def head(self):
        match = re.fullmatch(r"(HTTP/1\.[01]) (\d{3}) (.*)", line := self.line())
        assert match, line
        return Answer(int(match[2]), match[1], self._fields())

    def chunk(self):
        """The next chunk's content; empty: the last one."""
        size = self.line()
        assert re.fullmatch("[0-9a-f]+", size), size
        data = self.file.read(int(size, 16))
        if len(data) < int(size, 16):
            raise EOFError
        if data:
            assert self.file.read(2) == b"\r\n"
        return data

    def read_body(self, answer, method="GET"):
        length = answer["Content-Length"]
        if answer["Transfer-Encoding"] is not None:
            assert answer["Transfer-Encoding"] == "chunked" and length is None
            try:
                while data := self.chunk():
                    answer.chunks.append(data)
                answer.trailers = self._fields()
            except EOFError:
                answer.complete = False
            answer.body = b"".join(answer.chunks)
        elif method == "HEAD":
            pass
        elif length is not None:
            answer.body = self.file.read(int(length))
            answer.complete = len(answer.body) == int(length)
        else:
            answer.body = self.file.read()
        return answer

    def answer(self, method="GET"):
        return self.read_body(self.head(), method)

    def is_closed(self):
        """Waits for the end of the connection; nothing may come before it."""
        return self.file.read(1) == b""


def request(*fields, method="GET", target="/cgi-bin/run", version="HTTP/1.1", auth=AUTH, host="bastion.test", body=b"", close=False):
    """A well-formed request's bytes. Fields are whole lines."""
    lines = [f"{method} {target} {version}"]
    lines += [f"Host: {host}"] if host is not None else []
    lines += [auth] if auth else []
    lines += fields
    lines += ["Connection: close"] if close else []
    lines += [f"Content-Length: {len(body)}"] if body and not any(f.lower().startswith(("content-length", "transfer-")) for f in fields) else []
    return "".join(line + "\r\n" for line in lines).encode("latin-1") + b"\r\n" + body


def chunked(*pieces, end=b"0\r\n\r\n"):
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + end


def ask(server, *fields, **options):
    """One request on a connection of its own."""
    with Client(server) as client:
        client.send(request(*fields, close=True, **options))
        answer = client.answer(options.get("method", "GET"))
        assert client.is_closed()
        return answer


def curl(server, *arguments, path="/cgi-bin/run", auth=AUTH, **options):
    argv = ["curl", "-sS", "--max-time", "120", "--noproxy", "*", *(["-H", auth] if auth else []), *arguments, server.url(path)]
    return subprocess.run(argv, capture_output=True, **options)


def curl_in_background(server, *arguments, path="/cgi-bin/run"):
    return subprocess.Popen(["curl", "-sS", "--noproxy", "*", "-H", AUTH, *arguments, server.url(path)],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def pass_bytes(source, target):
    """Passes on what one socket says to another, and its end."""
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def together(functions):
    """Results of functions that run at the same time."""
    results = [None] * len(functions)

    def call(i):
        try:
            results[i] = functions[i]()
        except BaseException as e:  # handed to the caller below
            results[i] = e

    threads = [threading.Thread(target=call, args=(i,), daemon=True) for i in range(len(functions))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for r in results:
        if isinstance(r, BaseException):
            raise r
    return results


UNTIL_GO = "while [ ! -e $T/go ]; do sleep 0.02; done"
