"""Starts `bastion init` as process 1 of a container of our own making: namespaces for mounts and processes, and the root folder
that the image has. The network is this machine's, so init listens on 127.0.0.1."""
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import harness
from harness import BASTION, PATIENCE, free_port
from ssh_harness import SshServer

TOP = Path(__file__).parents[2]
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
        self.options = {"mode": mode, "volume": "1" if volume else ""}
        less = ["/usr/bin/setpriv", "--bounding-set", capabilities, *(["--no-new-privs"] if no_new_privs else [])] if user is None else []
        self.words = [*wrap, "chroot", *(["--userspec", user] if user else []), "{root}", *less, "/bin/bastion", "init",
                      *(["--address", address] if address else [])]
        super(SshServer, self).__init__(argv=InitServer.build, **{"AUDIT": "text", **ports, **settings})

    def lay_out(self):
        super().lay_out()
        if ("HTTP_TOKEN" in self.settings or "HTTP_BASIC_AUTH" in self.settings) and self.settings.get("HTTP_PORT") != "off":
            self.env["HTTP_PORT"] = self.settings.setdefault("HTTP_PORT", str(self.port))
        else:
            self.port = self.ssh_port
        self.root = self.home / "root"
        subprocess.run([TOP / "init/rootfs", self.root], check=True)
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
        """All that serves: not init, nor what prints lines of /dev/log."""
        return [p for p in self.processes() if p not in self.roots() and p not in self.printers()]

    def monitors(self):
        """The processes of connections that process 1 has started: each has a front of its own."""
        return [p for p in self.processes("bastion", "http") if harness.parent(p) == self.pid]

    def printers(self):
        return [p for p in self.processes() if p not in self.roots() and is_init(p)]


def is_init(pid):
    try:
        return b"\0init\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def memory(pid, what="Private_Clean|Private_Dirty"):
    """KiB of a process."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(n) for n in re.findall(rf"^(?:{what}): *(\d+)", text, re.M))
