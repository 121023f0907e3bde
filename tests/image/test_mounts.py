"""Who may decide what runs, on a real engine: keys, rules and the host's key on mounts that the command's account could write, as the
folders of the host's user 1000 are, with the seccomp profile that this engine gives by itself, with none, and with one that knows no
Landlock. Where there is Landlock they count and are closed to commands; where there is none, they don't count, which is said."""
import json
import os
import shutil
from pathlib import Path

import pytest
from bastion_image import IMAGE, Bastion, build
from engine import DEBIAN, TOP
from harness import TOKEN
from ssh_harness import ALICE, MALLORY, make_key

USERS = {"root": [], "1000": ["--user", "1000:1000", "--tmpfs", "/run:uid=1000,gid=1000,mode=755"]}
PROFILES = ["preset", "unconfined", "without Landlock"]
CALLS = ["landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"]
NEEDED = 3  # Landlock's version from which on it keeps from truncating

USERS_D, LIST, KEYS = "/etc/bastion/users.d", "/etc/bastion/allowed-commands.list", "/etc/ssh/keys"
RULES = "echo [a-z]+\nsh -c [^ ]+\n/usr/bin/python3 /attack.py( [^ ]+)+\n"
# The machine's own python for the attack: there is nothing in the image.
PYTHON = ["-v", "/usr:/usr:ro", "-v", "/usr/lib:/lib:ro", "-v", "/usr/lib64:/lib64:ro", "-v", f"{TOP}/tests/e2e/attack.py:/attack.py:ro",
          "--tmpfs", "/tmp:mode=1777", "-e", "T=/tmp"]


@pytest.fixture(scope="module")
def image(engine):
    build(engine)
    return engine


@pytest.fixture(scope="module")
def profiles(image, tmp_path_factory):
    """Of each: the options for it, and the version of Landlock that a container has with it, as another program is told (0: none)."""
    file = tmp_path_factory.mktemp("seccomp") / "profile.json"
    forbidden = {"names": CALLS, "action": "SCMP_ACT_ERRNO"}  # with EPERM, as engines answer what they have not heard of
    file.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [forbidden]}))
    options = {"preset": [], "unconfined": ["--security-opt", "seccomp=unconfined"], "without Landlock": ["--security-opt", f"seccomp={file}"]}
    ask = ["run", "--rm", "--network", "none"]
    told = {name: image.docker(*ask, *words, DEBIAN, "perl", "-e", "print syscall(444, 0, 0, 1)").stdout for name, words in options.items()}
    return {name: (words, max(0, int(told[name]))) for name, words in options.items()}


class Mounts:
    """A folder of a host's user, with what a container has of it."""

    def __init__(self, image, home):
        self.image, self.home, self.made = image, home, []
        home.chmod(0o755)
        for name in ("users.d", "keys"):
            (home / name).mkdir()
        shutil.copy(f"{ALICE}.pub", home / "users.d/alice.pub")
        (home / "list").write_text(RULES)
        make_key(home / "keys", "ssh_host_ed25519_key")
        self.own(1000)

    def own(self, uid, name="."):
        for path in (self.home / name, *(self.home / name).rglob("*")):
            os.chown(path, uid, uid)

    def words(self, mode=""):
        return ["-v", f"{self.home}/users.d:{USERS_D}{mode}", "-v", f"{self.home}/list:{LIST}{mode}", "-v", f"{self.home}/keys:{KEYS}{mode}"]

    def bastion(self, *options, mode=""):
        self.made.append(Bastion(self.image, *self.words(mode), *PYTHON, *options, volumes=False, FORCE_COMMAND=None,
                                 ALLOWED_COMMANDS="echo (variable)"))
        return self.made[-1]

    def tree(self):
        return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(self.home.rglob("*"))}

    def close(self):
        for one in self.made:
            one.remove()


@pytest.fixture
def mounts(image, tmp_path):
    made = Mounts(image, tmp_path)
    yield made
    made.close()


def request(b, words):
    return b.curl("-i", "-H", f"X-Bastion-Command: {words}").stdout


def works(b, over_ssh=True):
    """A key logs in, and a rule of the list allows."""
    assert request(b, "echo listed").endswith(b"\r\n\r\nlisted\n"), b.log()
    done = b.ssh("echo listed")
    assert (done.returncode, done.stdout) == ((0, b"listed\n") if over_ssh else (255, b"")), b.log()
    assert b.within(*b.arguments(key=MALLORY), "echo", "listed").returncode == 255


def is_refused(b, error, over_ssh=True):
    """What a command tries to write."""
    for path in (f"{USERS_D}/evil.pub", f"{USERS_D}/alice.pub", LIST, f"{KEYS}/ssh_host_ed25519_key", f"{KEYS}/.ed25519.sk"):
        assert error in request(b, f"sh -c :>>{path}"), b.log()
        assert not over_ssh or error in b.ssh(f"sh -c :>>{path}").stderr, b.log()
    if over_ssh:
        terminal = b.terminal(f"sh -c :>>{USERS_D}/evil.pub")
        terminal.read_until(error)
        assert terminal.wait() != 0
        terminal.close()


def names(said, path):
    """Whether it is named with the remedy, once."""
    found = [text for text in said if text.startswith(f"{path}: does not count: ")]
    return len(found) == 1 and "Landlock" in found[0] and ":ro" in found[0] and "chown root" in found[0]


def notices(b):
    return [e["reason"] for e in b.lines("notice")]


def faults(done):
    """What `bastion check` names, which makes it fail."""
    assert done.returncode == 78, done.stdout + done.stderr
    return [line.removeprefix("fault: ") for line in (done.stdout + done.stderr).splitlines() if line.startswith("fault: ")]


# ---- where there is Landlock ----

def held(b, path):
    """What a file in the container holds, or where a link leads."""
    there = Path(f"/proc/{b.pid}/root{path}")
    return os.readlink(there) if there.is_symlink() else there.read_bytes()


def check_closed(m, b, made):
    """`made`: what bastion has made in the container that is the account's."""
    works(b)
    before = m.tree()
    is_refused(b, b"Permission denied")
    kept = [held(b, path) for path in made]
    files = " ".join([f"{USERS_D}/alice.pub", LIST, f"{KEYS}/ssh_host_ed25519_key", f"{KEYS}/.ed25519.sk", *made])
    attack = f"/usr/bin/python3 /attack.py {USERS_D} {files}"
    for said in (request(b, attack), b.ssh(attack).stdout):
        assert said.endswith(b"done\n") and b"seized" not in said, said
    assert m.tree() == before
    assert [held(b, path) for path in made] == kept
    works(b)
    assert not any("does not count" in text for text in notices(b)), b.log()
    done = b.execute("bastion", "check")
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout + done.stderr
    assert all(f"{path}: closed to commands" in said for path in (USERS_D, LIST, KEYS)), said
    # It is Landlock that does it: the account by itself can write there.
    assert b.engine.docker("exec", "--user", "1000:1000", b.name, "sh", "-c", f": >{USERS_D}/evil.pub").returncode == 0


# ---- where there is none ----

def check_does_not_count(m, options):
    """Keys and rules are left out, and the account can change nothing by its own."""
    m.own(0, "keys")
    b = m.bastion(*options)
    assert names(notices(b), USERS_D) and names(notices(b), LIST), b.log()
    assert b.ssh("echo variable").returncode == 255
    assert b"403" in request(b, "echo listed") and request(b, "echo variable").endswith(b"variable\n")
    found = faults(b.execute("bastion", "check"))
    assert names(found, USERS_D) and names(found, LIST), found


def check_no_host_key(m, options):
    """A root that can't serve SSH does not start; all that is to be mended is named then, too."""
    b = m.bastion(*options)
    assert b.exit_code() == 78
    assert f"bastion ssh: SSH_KEYS: {KEYS}: " in b.log()
    found = faults(m.image.docker("run", "--rm", "--network", "none", *m.words(), *options, "-e", f"HTTP_TOKEN={TOKEN}", "--entrypoint",
                                  "/bin/bastion", IMAGE, "check", check=False))
    for path in (USERS_D, LIST, KEYS):
        assert names(notices(b), path), b.log()
        assert names(found, path), found


# ---- the tests ----

@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("profile", PROFILES)
def test_read_write(mounts, profiles, profile, user):
    options, version = profiles[profile]
    if version >= NEEDED:
        made = ["ssh/authorized_keys", "hostkey/.ed25519.sk"] if user == "1000" else []
        check_closed(mounts, mounts.bastion(*options, *USERS[user]), [f"/run/bastion/{name}" for name in made])
        return
    if user == "root":
        check_no_host_key(mounts, options)
    check_does_not_count(mounts, [*options, *USERS[user]])


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("profile", PROFILES)
def test_read_only(mounts, profiles, profile, user):
    """It works everywhere; over SSH as another account than root only with Landlock, since what is made for a login is its own."""
    options, version = profiles[profile]
    b = mounts.bastion(*options, *USERS[user], mode=":ro")
    over_ssh = user == "root" or version >= NEEDED
    works(b, over_ssh)
    is_refused(b, b"Read-only file system", over_ssh)
    assert over_ssh or any("SSH is not served" in text for text in notices(b))
    for path in (USERS_D, LIST, KEYS):
        assert not any(text.startswith(f"{path}: does not count") for text in notices(b)), b.log()
    done = b.execute("bastion", "check")
    assert done.returncode == (0 if over_ssh else 78), done.stdout + done.stderr
