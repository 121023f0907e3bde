"""Containers of the image that Dockerfile.scratch makes, as users have them, on the tests' own engine. They have a network of their
own with nothing but its loopback interface, so that ports are the image's; the tests enter it to be clients."""
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from engine import CLIENT, TOP
from harness import AUTH, PATIENCE, SYSTEM_PATH, TOKEN, parse_line, wait_for
from ssh_harness import ALICE, Terminal

IMAGE = "bastion"
CAPABILITIES = ["SETUID", "SETGID", "CHOWN", "FOWNER", "KILL"]
LEAST = ["--cap-drop", "ALL", *(word for name in CAPABILITIES for word in ("--cap-add", name))]


def build(engine):
    """By the Makefile, as the README has it. The stage before it gets a name, so that the next session finds it in the cache."""
    engine.docker("build", "--network", "host", "--target", "build", "-f", TOP / "Dockerfile.scratch", "-t", f"{IMAGE}-build", TOP)
    argv = ["make", "-s", "image", f"DOCKER={CLIENT}", "BUILD_FLAGS=--network host", f"IMAGE={IMAGE}"]
    subprocess.run(argv, cwd=TOP, env=engine.env, check=True, capture_output=True)


class Bastion:
    """A container. Keyword arguments in capitals are settings; `volumes`: whether keys and host's keys are mounted."""

    def __init__(self, engine, *options, image=IMAGE, volumes=True, network="none", **settings):
        self.engine = engine
        self.home = Path(tempfile.mkdtemp(prefix="bastion-image-"))
        os.chmod(self.home, 0o755)
        self.users, self.keys = self.home / "users.d", self.home / "keys"
        for folder in (self.users, self.keys):
            folder.mkdir(0o755)
        shutil.copy(f"{ALICE}.pub", self.users / "alice.pub")
        # What a file of compose has of these is there already.
        mounts = ["-v", f"{self.users}:/etc/bastion/users.d:ro", "-v", f"{self.keys}:/etc/ssh/keys"] if volumes else []
        preset = {"HTTP_TOKEN": TOKEN, "FORCE_COMMAND": "echo ok"}
        words = [w for k, v in {**preset, **settings}.items() if v is not None for w in ("-e", f"{k}={v}")]
        self.name = engine.docker("run", "-d", "--network", network, *mounts, *words, *options, image).stdout.strip()
        self.host = "127.0.0.1"
        self.wait()

    def wait(self):
        wait_for(lambda: self.lines("ready") or not self.is_running(), "it is ready")

    def is_running(self):
        return self.engine.inspect(self.name, "{{.State.Running}}") == "true"

    def exit_code(self):
        wait_for(lambda: not self.is_running(), "it ends")
        return int(self.engine.inspect(self.name, "{{.State.ExitCode}}"))

    # -- its log --

    def log(self):
        done = self.engine.docker("logs", self.name)
        return done.stdout + done.stderr

    def lines(self, event, **fields):
        found = [parse_line(line) for line in self.log().splitlines() if " bastion event=" in line]
        return [e for e in found if all(e.get(k) == v for k, v in {"event": event, **fields}.items())]

    # -- its clients --

    @property
    def pid(self):
        """Its process 1, by this side's number."""
        for pid in self.engine.processes(self.name):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("NSpid:") and line.split()[-1] == "1":
                    return pid
        raise LookupError(self.log())

    def within(self, *argv, **options):
        """A program of this machine's in the container's network; the finished process."""
        preset = {"capture_output": True, "timeout": PATIENCE, "env": {"PATH": SYSTEM_PATH, "HOME": str(self.home)},
                  **({} if "input" in options else {"stdin": subprocess.DEVNULL})}
        return subprocess.run(["nsenter", "-t", str(self.pid), "-n", *map(str, argv)], **{**preset, **options})

    def curl(self, *arguments, auth=AUTH, url="http://127.0.0.1:8080/cgi-bin/run", **options):
        return self.within("curl", "-sS", "--noproxy", "*", *(["-H", auth] if auth else []), *arguments, url, **options)

    def arguments(self, *more, key=ALICE, user="agent"):
        """What Terminal asks for."""
        settings = [f"UserKnownHostsFile={self.home}/known_hosts", "StrictHostKeyChecking=accept-new", "BatchMode=yes",
                    "LogLevel=ERROR", "IdentitiesOnly=yes", "IdentityAgent=none"]
        words = [w for s in settings for w in ("-o", s)]
        return ["nsenter", "-t", str(self.pid), "-n", "ssh", "-F", "/dev/null", "-l", user, *words, "-i", str(key), *more, "127.0.0.1"]

    def ssh(self, *command, options=(), key=ALICE, **more):
        preset = {"capture_output": True, "timeout": PATIENCE, "env": {"PATH": SYSTEM_PATH, "HOME": str(self.home)},
                  **({} if "input" in more else {"stdin": subprocess.DEVNULL})}
        return subprocess.run([*self.arguments(*options, key=key), *command], **{**preset, **more})

    def terminal(self, *command, **options):
        return Terminal(self, *command, **options)

    def execute(self, *argv, **options):
        """docker exec."""
        return self.engine.docker("exec", self.name, *argv, check=False, **options)

    def remove(self):
        self.engine.remove(self.name)
        shutil.rmtree(self.home, ignore_errors=True)
