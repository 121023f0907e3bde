"""Runs the real docker client and bastion's, and compares what they do."""
import os
import pty
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import harness
import newest_client
from engine import CLIENT
from harness import PATIENCE, Pty, set_size

LINKS = Path(tempfile.mkdtemp(prefix="bastion-docker-"))
harness.atexit.register(shutil.rmtree, LINKS)
os.chmod(LINKS, 0o755)
OURS = str(LINKS / "docker")
os.symlink(harness.BASTION, OURS)
CLIENTS = {"real": CLIENT, "ours": OURS}
NEWEST = newest_client.find()  # of the real ones; the machine's own where that is new
REAL = sorted({CLIENT, NEWEST})


class Docker:
    """One of the clients, for one engine."""

    def __init__(self, program, engine, host=None):
        self.program = program
        self.env = {**engine.env, **harness.SANITIZERS, "DOCKER_HOST": host or engine.host}

    def __call__(self, *arguments, input=None, env=None, timeout=PATIENCE * 2, **options):
        """The finished process."""
        given = {"input": input} if input is not None else {"stdin": subprocess.DEVNULL}
        return subprocess.run([self.program, *map(str, arguments)], capture_output=True, timeout=timeout, env={**self.env, **(env or {})},
                              **given, **options)

    def start(self, *arguments, **options):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.Popen([self.program, *map(str, arguments)], env=self.env, **pipes)

    def terminal(self, *arguments, **options):
        return Terminal([self.program, *map(str, arguments)], self.env, **options)


def outcome(done):
    """What a script can see."""
    def clean(text):
        # Clients of several years say the same in other words.
        text = text.replace(b"Error response from daemon: No such container", b"Error: No such container")
        text = text.replace(b"Failed to initialize: ", b"").replace(b"endpoint: Invalid bind", b"endpoint: invalid bind")
        text = re.sub(rb"invalid env file \([^)]*\): ", b"poorly formatted environment: ", text)
        # One of them ran first: of another second, of another exec's terminal.
        text = re.sub(rb"(\d+ seconds?|Less than a second) +", b"N seconds ", text, flags=re.I)
        return re.sub(rb"/dev/pts/\d+", b"/dev/pts/N", text)
    return done.returncode, clean(done.stdout), clean(done.stderr)


def same_outcome(got, wanted):
    """The words about wrong usage are another each year."""
    usage = b"--help" in got.stderr and b"--help" in wanted.stderr
    return outcome(got)[:2] == outcome(wanted)[:2] if usage else outcome(got) == outcome(wanted)


def of_one_second(ours, real, got, wanted, *arguments, **options):
    """What both have printed, of another try where it shows an age that turned between them: its words have another width, and other ones."""
    for _ in range(10):
        if outcome(got) == outcome(wanted) or not re.search(rb"second|minute|hour", got.stdout + wanted.stdout):
            break
        got, wanted = ours(*arguments, **options), real(*arguments, **options)
    return got, wanted


class Terminal(Pty):
    """A program on a terminal of its own, which is its controlling one."""

    def __init__(self, argv, env, size=(33, 99)):
        self.pid, master = pty.fork()
        if self.pid == 0:
            set_size(0, *size)
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):  # whoever started the tests may ignore them (nohup(1))
                signal.signal(number, signal.SIG_DFL)
            os.execve(argv[0], argv, {**env, "TERM": "xterm"})
        super().__init__(master)

    def resize(self, *size):
        set_size(self.master, *size)  # the kernel tells whom it concerns

    def modes(self):
        import termios
        return termios.tcgetattr(self.master)

    def wait(self):
        """The exit code (128 + n for a signal), and what was still printed."""
        rest = self.seen
        try:
            while got := os.read(self.master, 65536):
                rest += got
        except OSError:
            pass
        status = os.waitpid(self.pid, 0)[1]
        os.close(self.master)
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else 128 - code, rest
