"""Starts `bastion init` as process 1 of a container of our own making: namespaces for mounts and processes, and the root folder
that the image has. The network is this machine's, so init listens on 127.0.0.1."""
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import harness
from harness import BASTION, PATIENCE, Client, free_port, is_listening, link, links, wait_for
from ssh_harness import SshServer

TOP = Path(__file__).parents[2]
# Of another machine's build its own; another build of bastion alone stands beside this one's other programs.
_beside = Path(os.environ.get("BASTION") or "/none").parent
PROGRAMS = _beside if (_beside / "sh").exists() else TOP / "build"
PORTS = {"HTTP_PORT": "off", "HTTPS_PORT": "off", "SSH_PORT": "22", "MUX_PORT": "off"}  # on which processes are ready, and what they are by default
# What bastion(8), THE CONTAINER, says that it needs, and no more.
CAPABILITIES = "-all,+setuid,+setgid,+chown,+fowner,+kill"

# The image's root, read-only, with what an engine mounts over it, and this machine's programs for commands.
CONTAINER = """
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode="$mode" tmpfs "$root/run"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for d in null zero full random urandom tty; do : >"$root/dev/$d"; mount --bind "/dev/$d" "$root/dev/$d"; done
mkdir "$root/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount --bind "$home/etc" "$root/etc/bastion"
[ -z "$volume" ] || mount --bind "$home/keys" "$root/etc/ssh/keys"
mount --bind "$home/t" "$root$home/t"
[ -z "$counters" ] || { mkdir -p "$root$counters"; mount --bind "$counters" "$root$counters"; }
for d in usr lib lib32 lib64; do [ ! -d /$d ] || mount --bind /$d "$root/$d"; done
mount -o remount,bind,ro "$root"
"""


class InitServer(SshServer):
    """bastion init. Keyword arguments in capitals are settings. `user`: "1000:1000" as with docker run --user; `capabilities`: what
    root has of them; `volume=False`: no mount at SSH_KEYS; `mode`: that of /run; `uts`: the container's name; `more`: shell commands
    before it starts, outside of the root that is $root; `wrap`: a program that starts it; `no_new_privs`: whether root has it."""

    def __init__(self, user=None, capabilities=CAPABILITIES, volume=True, mode="755", uts="box", more="", address="127.0.0.1", alice=True,
                 prepare=None, wrap=(), no_new_privs=True, **settings):
        self.more, self.prepare, self.alice, self.address = f"echo {uts} >/proc/sys/kernel/hostname\n{more}", prepare, alice, address
        self.ssh_port = free_port()
        ports = {"SSH_PORT": str(self.ssh_port), "RUN_DIR": None, "SSH_USER": None}
        # Where an executable of tests/coverage counts; it finds the folder by the same path in here.
        self.options = {"mode": mode, "volume": "1" if volume else "", "counters": os.environ.get("BASTION_COUNTERS", "")}
        less = ["/usr/bin/setpriv", "--bounding-set", capabilities, *(["--no-new-privs"] if no_new_privs else [])] if user is None else []
        self.words = [*wrap, "chroot", *(["--userspec", user] if user else []), "{root}", *less, "/bin/bastion", "init",
                      *(["--address", address] if address else [])]
        super(SshServer, self).__init__(argv=type(self).build, **{"AUDIT": "text", **ports, **settings})

    def lay_out(self):
        super().lay_out()
        if ("HTTP_TOKEN" in self.settings or "HTTP_BASIC_AUTH" in self.settings) and self.settings.get("HTTP_PORT") != "off":
            self.env["HTTP_PORT"] = self.settings.setdefault("HTTP_PORT", str(self.port))
        else:
            self.port = self.ssh_port
        self.root = self.home / "root"
        subprocess.run([TOP / "init/rootfs", self.root], check=True, env={**os.environ, "BUILD": str(PROGRAMS)})
        shutil.copy(BASTION, self.root / "bin/bastion")
        for name in ("usr", "lib", "lib32", "lib64"):
            (self.root / name).mkdir()
        (self.root / str(self.t).lstrip("/")).mkdir(parents=True)

    def build(self):
        values = {"root": self.root, "home": self.home, **self.options}
        variables = "".join(f"{name}='{value}'; " for name, value in values.items())
        script = variables + CONTAINER + self.more + '\nexec "$@"'
        return ["unshare", "--uts", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "sh", "-euc", script, "sh",
                *[word.format(root=self.root) for word in self.words]]

    # -- what it does --

    @property
    def pid(self):
        """Process 1, by the number that this side knows it by."""
        return int(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0])

    def inside(self, path):
        return Path(f"/proc/{self.pid}/root{path}")

    def tell(self, number=signal.SIGTERM):
        os.kill(self.pid, number)

    def end(self, timeout=PATIENCE):
        """Its exit code."""
        return self.process.wait(timeout)

    def execute(self, *argv, **options):
        """As `docker exec` does it: the finished process."""
        pid = self.pid
        environment = {"PATH": "/bin:/usr/bin:/usr/sbin", **self.settings}
        return subprocess.run(["nsenter", "-t", str(pid), "-m", "-p", f"-r/proc/{pid}/root", *argv], env=environment, text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE, **options)

    def arguments(self, *more, **options):
        words = super().arguments(*more, **options)
        words[words.index("-p") + 1] = str(self.ssh_port)
        return words

    def roots(self):
        return [self.process.pid, *([] if self.process.poll() is not None else [self.pid])]

    def connections(self):
        """All that serves: not init, nor what prints lines of /dev/log, nor what is ready for a connection. (Which those are is asked
        last: what is made ready meanwhile is no connection.)"""
        roots, there = self.roots(), self.processes()
        there = [p for p in there if p not in roots and not is_init(p)]
        ready = {p for spare in self.spares() for p in descendants(spare)}
        return [p for p in there if p not in ready]

    def monitors(self):
        """The processes of connections that process 1 has started, each with a front of its own: what was ready a moment ago is none
        yet, and what is made ready meanwhile is none either."""
        pid, ready = self.pid, self.spares("http")
        there = [p for p in self.processes("bastion", "http") if harness.parent(p) == pid]
        ready += self.spares("http")
        return [p for p in there if p not in ready]

    def spares(self, *program):
        """The first process of each that has been started for a connection, and has none yet: of all ports, or of this program's."""
        pid = self.pid
        return [p for p in self.processes("bastion", *program) if harness.parent(p) == pid and is_spare(p)]

    def wait_spares(self, count=1, program="http"):
        """As many for the port of this program, once they are ready."""
        return wait_for(lambda: len(ready := [p for p in self.spares(program) if is_ready(p)]) >= count and ready, f"{count} spares")

    def wait_rest(self):
        """Until nobody is served, and as many are ready as at rest: no more, as they are after many connections, and no fewer."""
        count = sum(self.settings.get(name, usual) != "off" for name, usual in PORTS.items()) * int(self.settings.get("SPARE", "1"))
        self.settle()
        wait_for(lambda: len(ready := self.spares()) == count and all(map(is_ready, ready)), "as at rest")

    def printers(self):
        roots = self.roots()
        return [p for p in self.processes() if p not in roots and is_init(p)]

    def printer(self):
        """The one, once a connection can come: whatever process 1 starts is called as it is until it executes its program."""
        self.wait_spares()
        return wait_for(lambda: len(found := self.printers()) == 1 and found, "it prints")[0]


class OnePort(InitServer):
    """It listens on MUX_PORT alone."""

    def is_listening(self):
        return is_listening(int(self.settings["MUX_PORT"]))


class NetServer(InitServer):
    """One in a network namespace of its own, where clients have any address of 198.51.100.0/24 and 2001:db8::/32: it listens at
    198.51.100.1 and 2001:db8::1, among others. Whoever talks to it is a client of `at`, or a program started by `command`."""

    HOSTS = {4: "198.51.100.1", 6: "2001:db8::1"}

    def __init__(self, **options):
        super().__init__(address=None, **options)
        self.host = self.HOSTS[4]

    def build(self):
        words = super().build()
        return ["unshare", "--net", "sh", "-euc", "ip link set lo up; ip route add local 198.51.100.0/24 dev lo;"
                'ip route add local 2001:db8::/32 dev lo; exec "$@"', "sh", *words]

    def is_listening(self):
        return self.within(lambda: is_listening(self.port))

    def within(self, function):
        """What the function returns there. Its sockets stay there."""
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(lambda: (self._enter(), function())[1]).result()

    def _enter(self):
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"/proc/{self.process.pid}/ns/net") as ns:
            assert libc.setns(ns.fileno(), 0x40000000) == 0, os.strerror(ctypes.get_errno())  # this thread alone

    def command(self, *argv):
        """What runs a program where the server's addresses are."""
        return ["nsenter", f"--net=/proc/{self.process.pid}/ns/net", *argv]

    def arguments(self, *more, **options):
        return self.command(*super().arguments(*more, **options))

    def connect(self, source, port=None):
        """A connection from that address."""
        return self.within(lambda: self._connect(source, port or self.port))

    def _connect(self, source, port):
        s = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET)
        s.settimeout(PATIENCE)
        if ":" in source:
            s.setsockopt(socket.IPPROTO_IPV6, 78, 1)  # IPV6_FREEBIND: such a route alone is not enough (ipv6(7))
        s.bind((source, 0))
        s.connect((self.HOSTS[6 if ":" in source else 4], port))
        return s

    def at(self, source):
        """Its HTTP client with that address."""
        return NetClient(self, source)


class NetClient(Client):
    def __init__(self, server, source):
        self.source = source
        super().__init__(server)

    def connect(self, server):
        self.sock.close()
        self.sock = server.connect(self.source)


def children(pid):
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def lasting(look):
    """The processes that two looks find: whatever ends or begins meanwhile, several in a crowd, is in one alone."""
    return set(look()) & set(look())


def descendants(pid):
    """It, and all that come from it."""
    return [pid, *(p for child in children(pid) for p in descendants(child))]


def is_spare(pid):
    """Whether it was started to wait for a connection, and has none."""
    try:
        if b"\0BASTION_INIT=s" not in b"\0" + Path(f"/proc/{pid}/environ").read_bytes():
            return False
        if harness.arguments(pid)[1:2] != [b"http"]:  # of SSH, at its end, that is so again
            waits = os.readlink(f"/proc/{pid}/fd/0").endswith("/null") and "anon_inode:[eventpoll]" not in links(pid)
            return waits and is_executing(pid)
        # Its front gets it, which is made before its monitor has a signalfd, and which is gone when it has served. (Asked in this order: what
        # begins between two questions is no end.)
        begins, fronts = not has_signals(pid), children(pid)
        waits = begins or bool(fronts) and all(map(has_no_client, fronts))
        return waits and all(map(is_executing, [pid, *fronts]))
    except OSError:
        return False


def has_signals(pid):
    return "anon_inode:[signalfd]" in links(pid)


def has_no_client(front):
    """Whether it has no standard input, which is its connection; or, until it has closed that, its monitor's. (What a monitor makes later,
    to keep a run or to be a command, is another program, or has its signalfd.)"""
    standard_input = link(front, 0)
    if standard_input is None:
        return True
    return standard_input.endswith("/null") and harness.arguments(front)[1:2] == [b"http"] and not has_signals(front)


def is_executing(pid):
    """Whether it has its memory, which a process that ends gives back before its descriptors: asked after these, it says whether what was
    seen of them was so while it worked. (Until all are closed it counts as alive.)"""
    return harness.arguments(pid) != []


def is_ready(pid):
    """Whether a spare has done all that it does ahead of time: the last is to make a signalfd, in the monitor; for SSH, to wait, and to
    have a child that waits, where tinysshd is to run; of the two that execute another program then, to wait."""
    try:
        if harness.arguments(pid)[1:2] in ([b"mux"], [b"proxy"]):
            return is_asleep(pid)
        if harness.arguments(pid)[1:2] == [b"ssh"]:
            return is_asleep(pid) and any(is_asleep(p) and os.readlink(f"/proc/{p}/cwd").endswith("/hostkey") for p in children(pid))
        return has_signals(pid) or any(map(is_ready, children(pid)))
    except OSError:
        return False


def is_asleep(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("S")
    except OSError:
        return False


def is_init(pid):
    try:
        return b"\0init\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def memory(pid, what="Private_Clean|Private_Dirty"):
    """KiB of a process."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(n) for n in re.findall(rf"^(?:{what}): *(\d+)", text, re.M))
