"""Starts `bastion ssh` behind a real superserver, on a host of its own: a mount namespace with other accounts, another
/etc/bastion, /etc/ssh/keys and /run/bastion, all of them open to the test from outside (`etc`, `keys`, `run`)."""
import os
import select
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import harness
from harness import BASTION, PATIENCE, SYSTEM_PATH, Pty, Server, set_size, wait_for

# Of another build, its own, if it has one.
_beside = Path(os.environ.get("BASTION") or "/none").with_name("tinysshd")
TINYSSHD = harness.reachable(_beside if _beside.exists() else Path(__file__).parents[2] / "build/tinysshd")
AGENT_UID = 4242

# tinysshd is to be found beside bastion, as in the container.
shutil.copy(TINYSSHD, Path(BASTION).parent)


def make_key(folder, name="id", kind="ed25519", comment="", passphrase="", extra=()):
    """A fresh key pair; the private key's path."""
    path = Path(folder) / name
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", comment, "-f", path, *extra], check=True)
    return path


def public(key):
    return Path(f"{key}.pub").read_text()


def fingerprint(key):
    return subprocess.run(["ssh-keygen", "-lf", key], capture_output=True, text=True, check=True).stdout.split()[1]


CURVE = "curve25519-sha256"

# What every test of SSH has: a key that is let in, and one that is not.
KEYS = Path(tempfile.mkdtemp(prefix="bastion-e2e-keys-"))
harness.atexit.register(shutil.rmtree, KEYS)
ALICE = make_key(KEYS, "alice", comment="alice@laptop")
MALLORY = make_key(KEYS, "mallory")


def own_host(server):
    """The accounts: `agent`, whose shell is bastion; the machine's others stay. The folders are the test's."""
    h = server.home
    return f"""{harness.OWN_FOLDERS}
mkdir -p /etc/bastion /etc/ssh/keys
grep -v ^agent: /etc/passwd >/etc/passwd.new; mv /etc/passwd.new /etc/passwd
echo "agent:x:{AGENT_UID}:{AGENT_UID}::{h}/agent:{BASTION}" >>/etc/passwd
echo "agent:x:{AGENT_UID}:" >>/etc/group
mount --bind {h}/etc /etc/bastion; mount --bind {h}/keys /etc/ssh/keys; mount --bind {h}/run /run/bastion
{server.more}"""


class SshServer(Server):
    """`bastion ssh` behind tcpsvd. Keyword arguments in capitals are settings, given in its environment. `more`: shell commands
    for its host; `alice=False`: her key is not there yet."""

    BARE = True  # tinysshd's

    def __init__(self, kind="tcpsvd", more="", alice=True, prepare=None, program=(BASTION, "ssh"), **settings):
        self.more, self.prepare, self.alice = more, prepare, alice
        preset = {"HTTP_TOKEN": None, "RUN_DIR": None, "SSH_USER": None, "FORCE_COMMAND": "echo x >>$T/runs; echo ok"}
        super().__init__(kind, program=program, before=own_host, **{**preset, **settings})

    def lay_out(self):
        """Called by the harness when the server's folder is there and nothing runs yet."""
        for name in ("etc", "etc/users.d", "keys", "agent"):
            (self.home / name).mkdir(0o755)
        self.etc, self.users, self.keys = self.home / "etc", self.home / "etc/users.d", self.home / "keys"
        if self.alice:
            self.admit(ALICE)
        if self.prepare:
            self.prepare(self)

    def admit(self, key, name="alice"):
        shutil.copy(f"{key}.pub", self.users / f"{name}.pub")

    def connections(self):
        roots = self.roots()
        return [p for p in self.processes() if p not in roots]

    def arguments(self, *more, key=ALICE, user="agent"):
        """ssh's arguments up to the host, those in `more` first, which wins. What the user has set up for himself plays no part. Of
        the key exchanges the one that costs the client 20 ms, where sntrup761 costs it 140 (test_ssh_session.py has them all)."""
        return ["ssh", "-F", "/dev/null", *more, "-o", f"KexAlgorithms={CURVE}", "-p", str(self.port), "-l", user, "-o", f"UserKnownHostsFile={self.home}/known_hosts",
                "-o", "StrictHostKeyChecking=accept-new", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-o", "IdentitiesOnly=yes",
                "-o", "IdentityAgent=none", *(["-i", str(key)] if key else []), self.host]

    def ssh(self, *command, options=(), key=ALICE, user="agent", input=b"", env=None, timeout=PATIENCE):
        """A session without a terminal; the finished process."""
        return subprocess.run([*self.arguments(*options, key=key, user=user), *command], input=input, capture_output=True,
                              timeout=timeout, env={"PATH": SYSTEM_PATH, "HOME": str(self.home), **(env or {})})

    def start(self, *command, options=(), key=ALICE, user="agent", **popen):
        """The same, running: pipes for all three descriptors unless said otherwise."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **popen}
        return subprocess.Popen([*self.arguments(*options, key=key, user=user), *command],
                                env={"PATH": SYSTEM_PATH, "HOME": str(self.home)}, **pipes)

    def settle(self):
        wait_for(lambda: not self.connections(), "the connections end")

    def faults(self):
        """What the log names as faults."""
        return [event["reason"] for event in self.events("fault")]

    def inside(self, path):
        """A path of the server's own host, seen from outside."""
        return Path(f"/proc/{self.process.pid}/root{path}")


def named(server):
    """What the log names, as a fault of a connection or as a notice of the start."""
    return [event["reason"] for event in server.events() if event["event"] in ("fault", "notice")]


class Terminal(Pty):
    """An ssh session on a terminal of its own: `size` is (rows, columns)."""

    def __init__(self, server, *command, size=(33, 99), options=(), key=ALICE):
        master, slave = os.openpty()
        super().__init__(master)
        set_size(master, *size)
        self.process = subprocess.Popen([*server.arguments("-tt", *options, key=key), *command], stdin=slave, stdout=slave, stderr=slave,
                                        env={"PATH": SYSTEM_PATH, "HOME": str(server.home), "TERM": "xterm-256color"}, start_new_session=True)
        os.close(slave)

    def resize(self, rows, columns):
        set_size(self.master, rows, columns)
        self.process.send_signal(signal.SIGWINCH)  # the terminal is not its controlling one

    def wait(self):
        """The client's exit code; what it still prints is read, so that it can end."""
        try:
            while select.select([self.master], [], [], PATIENCE)[0] and os.read(self.master, 65536):
                pass
        except OSError:
            pass
        return self.process.wait(PATIENCE)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)


def by_asyncssh(server, command=None, *, key=ALICE, user="agent", **options):
    """A session of AsyncSSH's, which tells exit code (`exit_status`) and signal (`exit_signal`) apart; what it brings is in bytes."""
    import asyncio
    import warnings
    with warnings.catch_warnings(action="ignore"):
        import asyncssh

    async def talk():
        async with asyncssh.connect(server.host, server.port, username=user, client_keys=[str(key)], known_hosts=None, config=None,
                                    agent_path=None) as connection:
            return await connection.run(command, encoding=None, **options)

    return asyncio.run(asyncio.wait_for(talk(), PATIENCE))
