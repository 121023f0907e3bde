"""A router: qemu's Malta board with a 24Kc, the processor without floating point of many routers, or a board with another processor for
which bastion was built (BOARDS). Its kernel and its busybox are Debian's (fetch), its root file system lies in its memory, 6 MB of it;
the net card's ports are on this machine's loopback address, and it reaches nothing itself. What it is told goes over its serial
line, to a shell (init)."""
import gzip
import os
import re
import select
import shutil
import stat
import subprocess
import tempfile
import time
from pathlib import Path

from harness import TOKEN, free_port
from ssh_harness import ALICE, SshServer
from tls_harness import pair

HERE = Path(__file__).parent
TOP = HERE.parents[1]
PROGRAMS = Path(os.environ.get("BASTION", TOP / "build/mipsel-linux-gnu/bastion")).parent
PARTS = TOP / "build/router" / PROGRAMS.name
PATIENCE = 240  # seconds: a router is slow, an emulated one beside other tests more so
# qemu's program, its words for the board, the console, the net card; MB of memory. Of the first: Debian's kernel, made for all boards,
# takes 20 MB before anything runs, where one made for a board takes some 7, and the file system, which a router has in flash
# memory, takes 6 more: to programs that is a router with 32 MB. At 36 this one does not start.
BOARDS = {
    "mipsel-linux-gnu": ("mipsel", "-M malta -cpu 24Kc -vga none", "ttyS0", "pcnet", 48),
    "mips64el-linux-gnuabi64": ("mips64el", "-M malta -cpu 5KEc", "ttyS0", "pcnet", 128),
    "aarch64-linux-gnu": ("aarch64", "-M virt -cpu cortex-a53", "ttyAMA0", "e1000", 256),
    "arm-linux-gnueabihf": ("arm", "-M virt,highmem=off -cpu cortex-a15", "ttyAMA0", "e1000", 256),
    "powerpc64le-linux-gnu": ("ppc64", "-M pseries -vga none", "hvc0", "e1000", 512),
    "riscv64-linux-gnu": ("riscv64", "-M virt", "ttyS0", "e1000", 256),
    "s390x-linux-gnu": ("s390x", "-M s390-ccw-virtio", "ttysclp0", "virtio-net-ccw", 256),
}

# The services by the port they have there.
SERVICES = {"inetd": {"http": 8080, "tls": 8443, "ssh": 22}, "tcpsvd": {"http": 9080, "tls": 9443, "rsa": 9444, "ssh": 9022}}
# Two lines of output; the command goes on as long as a test holds it.
COMMAND = "echo ok; while [ -e /tmp/hold ]; do sleep 1; done"

FILES = {
    "etc/passwd": "root:x:0:0::/:/bin/sh\nagent:*:1000:1000::/usr/lib/bastion:/usr/sbin/bastion\n"
                  "nobody:*:65534:65534::/:/bin/false\n",
    "etc/group": "root:x:0:\nagent:*:1000:\nnogroup:*:65534:\n",
    "etc/hosts": "127.0.0.1 localhost\n10.0.2.15 router\n",
    "etc/protocols": "tcp 6 TCP\n",
    "etc/services": "http-alt 8080/tcp\nhttps-alt 8443/tcp\nssh 22/tcp\n",
    "etc/inetd.conf": "http-alt stream tcp nowait root /bin/env env RUN_DIR=/tmp/run/inetd-http /usr/sbin/bastion http\n"
                      "https-alt stream tcp nowait root /bin/env env RUN_DIR=/tmp/run/inetd-tls /usr/sbin/bastion tls /usr/sbin/bastion http\n"
                      "ssh stream tcp nowait root /usr/sbin/bastion bastion ssh\n",
    "etc/bastion/FORCE_COMMAND": COMMAND,
    "etc/bastion/COMMAND_LOCK": "off",
    "etc/bastion/HTTP_TOKEN": TOKEN,
    "etc/bastion/TLS_CERT": "/etc/tls/ec.crt",
    "etc/bastion/TLS_KEY": "/etc/tls/ec.key",
}
FOLDERS = ["bin", "sbin", "dev", "proc", "sys", "tmp", "usr", "usr/bin", "usr/sbin", "usr/lib", "usr/lib/bastion", "lib",
           "etc", "etc/tls", "etc/ssh", "etc/bastion", "etc/bastion/users.d"]


def archive(entries):
    """An archive as `cpio -H newc` makes it, all of it root's. Entries: (name, mode with type, content, device number)."""
    out = b""
    for number, (name, mode, data, device) in enumerate([*entries, ("TRAILER!!!", 0, b"", (0, 0))], 1):
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0)
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return out


def file(name, data, mode=0o644):
    return name, stat.S_IFREG | mode, data.encode() if isinstance(data, str) else data, (0, 0)


def file_system():
    """With /var in memory as on OpenWrt, and without /run."""
    entries = [(name, stat.S_IFDIR | 0o755, b"", (0, 0)) for name in FOLDERS]
    entries += [("var", stat.S_IFLNK | 0o777, b"tmp", (0, 0)), ("dev/console", stat.S_IFCHR | 0o600, b"", (5, 1))]
    entries += [(str(path.relative_to(PARTS / "root")), stat.S_IFDIR | 0o755, b"", (0, 0)) for path in sorted((PARTS / "root").rglob("*"))
                if path.is_dir() and str(path.relative_to(PARTS / "root")) not in FOLDERS]
    entries.append(file("init", (HERE / "init").read_bytes(), 0o755))
    for path in sorted((PARTS / "root").rglob("*")):
        if path.is_file():
            entries.append(file(str(path.relative_to(PARTS / "root")), path.read_bytes(), 0o755))
    entries.append(file("usr/sbin/bastion", (PROGRAMS / "bastion").read_bytes(), 0o711))
    entries.append(file("usr/sbin/tinysshd", (PROGRAMS / "tinysshd").read_bytes(), 0o755))
    for name, kind in (("ec", "P-256"), ("rsa", "RSA:2048")):
        for ending in ("crt", "key"):
            entries.append(file(f"etc/tls/{name}.{ending}", getattr(pair(kind), ending).read_bytes(), 0o600))
    entries += [file(name, content, 0o600 if "TOKEN" in name else 0o644) for name, content in FILES.items()]
    entries += [file("etc/bastion/SSH_USER", "agent"), file("etc/bastion/users.d/alice.pub", Path(f"{ALICE}.pub").read_bytes())]
    return entries


class Service:
    """One of its ports, as far as the harness's clients have to know."""
    host = "127.0.0.1"
    arguments, ssh, start = SshServer.arguments, SshServer.ssh, SshServer.start

    def __init__(self, port, home):
        self.port, self.home = port, home

    def url(self, path="/cgi-bin/run"):
        return f"http://{self.host}:{self.port}{path}"


class Router:
    def __init__(self, memory=None, more=()):
        """`memory`: in MB, if not the board's; `more`: words for qemu."""
        machine, board, console, card, usual = BOARDS[PROGRAMS.name]
        self.home = Path(tempfile.mkdtemp(prefix="bastion-router-"))
        self.seen, self.process = b"", None
        with gzip.open(self.home / "initramfs", "wb", 9) as out:
            out.write(archive(file_system()))
        self.services = {(by, what): Service(free_port(), self.home) for by, ports in SERVICES.items() for what in ports}
        forwards = "".join(f",hostfwd=tcp:127.0.0.1:{service.port}-:{SERVICES[by][what]}" for (by, what), service in self.services.items())
        argv = ["setpriv", "--pdeathsig", "KILL", f"qemu-system-{machine}", *board.split(), "-m", str(memory or usual), "-display", "none",
                "-monitor", "none", "-serial", "stdio", "-no-reboot", "-kernel", PARTS / "vmlinuz", "-initrd", self.home / "initramfs",
                "-append", f"console={console} nokaslr loglevel=3 panic=1 rdinit=/init",
                "-netdev", "user,id=net,restrict=on" + forwards, "-device", f"{card},netdev=net" + ("" if card == "virtio-net-ccw" else ",romfile="), *more]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            self.read_until(rb"router: up\r?\n")
            self.run("true")
        except BaseException:
            self.stop()
            raise

    def read_until(self, pattern):
        """What came before it."""
        end = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.seen)):
            assert select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0], f"no {pattern}: {self.seen}"
            got = os.read(self.process.stdout.fileno(), 65536)
            assert got and b"Kernel panic" not in self.seen, f"the router has ended: {self.seen.decode(errors='replace')}"
            self.seen += got
        before, self.seen = self.seen[:found.start()], self.seen[found.end():]
        return before

    def run(self, command):
        """What a command prints there; it has to succeed."""
        self.process.stdin.write(f"{command}; echo END:$?\n".encode())
        self.process.stdin.flush()
        said = self.read_until(rb"END:(?=\d)").decode(errors="replace").replace("\r", "")
        code = self.read_until(rb"\r?\n")
        assert code == b"0", f"{command}: {code}: {said}"
        return said

    def clock(self):
        """Nanoseconds that its processor has worked since the start."""
        return int(re.search(r"^cpu0 .*", self.run("cat /proc/schedstat"), re.M)[0].split()[7])

    def processes(self):
        """Those of bastion and tinysshd: (words, the most memory that was resident, what is no file's of it), in KiB."""
        script = ("for p in /proc/[0-9]*; do case $(readlink $p/exe) in */bastion|*/tinysshd) "
                  "echo \"$(tr '\\0' ' ' <$p/cmdline)|$(sed -n 's/^VmHWM: *//p' $p/status)|$(sed -n 's/^Anonymous: *//p' $p/smaps_rollup)\";; esac; done")
        rows = [line.split("|") for line in self.run(script).splitlines() if line.count("|") == 2]
        return [(words.strip(), *(int(n.split()[0]) for n in numbers)) for words, *numbers in rows if all(numbers)]

    def states(self, *names):
        """Those of bastion and tinysshd: (name, the first word of each such line in its status). The name is the subcommand, or argv[0]."""
        script = ("for p in /proc/[0-9]*; do case $(readlink $p/exe) in */bastion|*/tinysshd) "
                  "tr '\\0' ' ' <$p/cmdline; echo \"|$(tr '\\n' ' ' <$p/status)\";; esac; done")
        rows = [line.split("|") for line in self.run(script).splitlines() if "|" in line]
        return [(words.removeprefix("bastion ").split()[0], *(re.search(rf"{name}:\s*(\w+)", status)[1] for name in names)) for words, status in rows if status]

    def sleepers(self):
        """How many commands wait."""
        return int(self.run("grep -l '^sleep' /proc/[0-9]*/cmdline 2>/dev/null | wc -l; true"))

    def free(self):
        """KiB that its processes could still have."""
        return int(re.search(r"MemAvailable: *(\d+)", self.run("cat /proc/meminfo"))[1])

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.home)
