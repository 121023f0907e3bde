"""Runs `bastion check` on a host of its own and sees that nothing there changes: a mount namespace with another /etc/bastion,
/etc/ssh/keys, /run and /etc/passwd."""
import dataclasses
import os
import shutil
import subprocess
import tempfile

from harness import BASTION, OWN_FOLDERS, SANITIZERS, SYSTEM_PATH, TOKEN, private, settings_files
from ssh_harness import AGENT_UID

# What is there before and after, to the nanosecond. Reading changes a file's access time alone.
SNAPSHOT = "find /etc /run /home/agent -xdev -printf '%p %y %m %U:%G %s %T@ %C@ %l\\n' 2>/dev/null | sort"

# An account as bastion ssh wants it. `{shell}` is a program of that name.
AGENT = """
mkdir -p /etc/bastion/users.d /etc/bastion/tokens.d /etc/ssh/keys
mount -t tmpfs -o mode=755 tmpfs /home; mkdir /home/agent
sed -i /^agent:/d /etc/passwd /etc/group
echo "agent:x:{uid}:{uid}::/home/agent:{shell}" >>/etc/passwd
echo "agent:x:{uid}:" >>/etc/group
"""


@dataclasses.dataclass
class Found:
    code: int
    out: str
    err: str

    def lines(self, mark):
        """What follows that mark: fault, warning, not looked at, key, ..."""
        text = self.err if mark == "fault" else self.out
        return [line[len(mark) + 2:] for line in text.splitlines() if line.startswith(mark + ": ")]

    @property
    def faults(self):
        return self.lines("fault")

    @property
    def warnings(self):
        return self.lines("warning")

    @property
    def verdict(self):
        return self.out.splitlines()[-1]


def look(*arguments, before="", files=None, user=None, become=(), program=None, path=SYSTEM_PATH, env=None, **settings):
    """`become` is a program that starts it, `before` is a shell script, `files` what lies in /etc/bastion, settings in capitals what the environment has (None: not
    that preset). Every line is printable, every fault is a line of its own, and the verdict agrees with the exit code."""
    program = program or BASTION
    preset = {"FORCE_COMMAND": "id", "HTTP_TOKEN": TOKEN, "SSH_USER": "agent"}
    values = {k: v for k, v in {**preset, **settings}.items() if v is not None}
    folder = tempfile.mkdtemp(prefix="bastion-e2e-check-")
    os.chmod(folder, 0o755)
    script = OWN_FOLDERS + AGENT.format(uid=AGENT_UID, shell=BASTION) + settings_files(files or {}) + f"""
{before}
{SNAPSHOT} >{folder}/before"""
    become = [*become, *(["setpriv", f"--reuid={user}", "--clear-groups", "--regid=65534"] if user else [])]
    argv = ["bash", "-c", f'"$@"; code=$?; {SNAPSHOT} >{folder}/after; exit $code', "sh", *become, "env", "-i", f"PATH={path}",
            *(f"{k}={v}" for k, v in {**SANITIZERS, **(env or {})}.items()), *(os.fsencode(f"{k}=") + (v if isinstance(v, bytes) else v.encode()) for k, v in values.items()),
            program, "check", *arguments]
    try:
        done = subprocess.run(private(script, argv), capture_output=True, env={"PATH": SYSTEM_PATH})
        assert os.path.exists(f"{folder}/after"), done
        with open(f"{folder}/before") as one, open(f"{folder}/after") as other:
            assert one.read() == other.read()
    finally:
        shutil.rmtree(folder)
    found = Found(done.returncode, done.stdout.decode("ascii"), done.stderr.decode("ascii"))
    assert not [line for line in found.err.splitlines() if not line.startswith("fault: ")], found
    if not arguments or arguments == ("--files",):
        assert found.verdict.startswith("It does not work like this: " if found.code else "What is configured can work"), found
        assert found.code == (78 if found.faults else 0), found
    return found
