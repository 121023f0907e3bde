"""What the folders of credentials said is kept in RUN_DIR as long as nothing in them changes: every change counts at the next request,
and what is kept is believed only if root alone can have written it. Each test has folders of its own, in which all has been at rest."""
import copy
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from harness import BASTION, PATIENCE, together, wait_for
from role_harness import SshRoles, bearer, token
from ssh_harness import ALICE, MALLORY

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="what is kept is root's")

ROLES = 12
NOBODY = 65534
EVIL = "a secret that stands nowhere"
# Seconds between two looks at whether something is kept: it takes seconds of rest, and each look is a whole request.
STEP = 0.2


class Folders:
    """ROLES_DIR, TOKENS_DIR, AUTHORIZED_KEYS_DIR and RUN_DIR, all root's, of requests that start `bastion http` by itself."""

    def __init__(self, top, name):
        self.top = top / name
        self.roles, self.tokens, self.users, self.run = (self.top / n for n in ("roles", "tokens.d", "users.d", "run"))
        for path in (self.roles, self.tokens, self.users, self.run):
            path.mkdir(parents=True)
        (self.tokens / "outside.token").write_text(token("of no role"))
        for r in range(ROLES):
            role = self.roles / f"r{r}"
            (role / "tokens.d").mkdir(parents=True)
            (role / "users.d").mkdir()
            (role / "FORCE_COMMAND").write_text(f"printf r{r}; (printf x >>{role}/users.d/x.pub) 2>/dev/null && printf !; :")
            (role / "tokens.d/x.token").write_text(token(f"secret {r}"))
            shutil.copy(f"{ALICE}.pub", role / "users.d/x.pub")
        self.kept = self.run / "known-tokens"

    def ask(self, secret, wrap=(), **settings):
        """What the command has said, or the status."""
        request = f"POST /cgi-bin/run HTTP/1.1\r\nHost: a\r\n{bearer(secret)}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        environment = {"PATH": os.environ["PATH"], "FORCE_COMMAND": "printf outside", "SSH_USER": "nobody", "COMMAND_LOCK": "off", "RUN_DIR": str(self.run),
                       "ROLES_DIR": str(self.roles), "TOKENS_DIR": str(self.tokens), "AUTHORIZED_KEYS_DIR": str(self.users), **settings}
        done = subprocess.run([*wrap, BASTION, "http"], env=environment, input=request.encode(), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
        self.log = done.stderr.decode()
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        status = int(head.split()[1])
        return body.decode() if status == 200 else status

    def asks(self, *secrets, **settings):
        """All at the same time: each refusal takes a second."""
        return together([lambda secret=secret: self.ask(secret, **settings) for secret in secrets])

    def another_run(self, name):
        """The same folders with another RUN_DIR."""
        other = copy.copy(self)
        other.run = self.top / name
        other.run.mkdir()
        other.kept = other.run / self.kept.name
        return other

    def keep(self, **settings):
        """Asks until it is kept."""
        def is_kept():
            assert self.ask("secret 0", **settings) == "r0"
            return self.kept.exists()
        wait_for(is_kept, "it is kept", step=STEP)
        return self

    def forge(self, role=0):
        """Puts another secret's digest in a token's place: it counts just where what is kept is believed."""
        before, after = (hashlib.sha256(text.encode()).digest() for text in (f"secret {role}", EVIL))
        bytes_ = self.kept.read_bytes()
        assert bytes_.count(before) == 1
        self.kept.write_bytes(bytes_.replace(before, after))
        return self


@pytest.fixture(scope="module")
def top():
    path = Path(tempfile.mkdtemp(prefix="bastion-e2e-", dir="/run"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


# ---- a change counts ----

def edit(f):
    (f.roles / "r3/tokens.d/x.token").write_text(token("another 3"))


def edit_with_its_time(f):
    """Of the same length, and with the time of its last change set back."""
    path = f.roles / "r3/tokens.d/x.token"
    st = path.stat()
    edit(f)
    os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))


def replace(f):
    (f.roles / "r3/tokens.d/y").write_text(token("another 3"))
    (f.roles / "r3/tokens.d/y").rename(f.roles / "r3/tokens.d/x.token")


def replace_folder(f):
    shutil.copytree(f.roles / "r3", f.top / "r3")
    (f.top / "r3/tokens.d/x.token").write_text(token("another 3"))
    (f.roles / "r3").rename(f.top / "old")
    (f.top / "r3").rename(f.roles / "r3")


def rename_role(f):
    (f.roles / "r3").rename(f.roles / "s3")


def give_away(f):
    os.chown(f.roles / "r3/tokens.d/x.token", 4242, 4242)


def link(f):
    (f.roles / "r3/tokens.d/x.token").rename(f.top / "x.token")
    (f.roles / "r3/tokens.d/x.token").symlink_to(f.top / "x.token")


CHANGES = {  # what is asked afterwards: what is answered
    edit: {"secret 3": 401, "another 3": "r3"},
    edit_with_its_time: {"secret 3": 401, "another 3": "r3"},
    replace: {"secret 3": 401, "another 3": "r3"},
    replace_folder: {"secret 3": 401, "another 3": "r3"},
    rename_role: {"secret 3": "r3"},
    give_away: {"secret 3": 401},
    link: {"secret 3": 401},
    lambda f: (f.roles / "r3/tokens.d/x.token").unlink(): {"secret 3": 401},
    lambda f: shutil.rmtree(f.roles / "r3"): {"secret 3": 401},
    lambda f: (f.roles / "r3/tokens.d/x.token").chmod(0o666): {"secret 3": 401},
    lambda f: (f.roles / "r3/tokens.d").chmod(0o777): {"secret 3": 401},
    lambda f: f.roles.chmod(0o777): {"secret 3": 401},
    lambda f: (f.roles / "r3/tokens.d/new.token").write_text(token("new")): {"secret 3": "r3", "new": "r3"},
    lambda f: (f.roles / "r3/HTTP_TOKEN").write_text("new"): {"secret 3": "r3", "new": "r3"},
    lambda f: (f.roles / "r4/tokens.d/x.token").write_text(token("secret 3")): {"secret 3": 401, "secret 4": 401},
    lambda f: (f.tokens / "outside.token").write_text(token("new")): {"of no role": 401, "new": "outside", "secret 3": "r3"},
}


def test_a_change_counts_at_the_next_request(top):
    """One folder for each change: what is put there takes seconds to be at rest, all of them together."""
    folders = [Folders(top, f"change{i}") for i in range(len(CHANGES))]
    for f, change in zip([f.keep() for f in folders], CHANGES):
        change(f)
    found = together([lambda f=f, wanted=wanted: f.asks(*wanted) for f, wanted in zip(folders, CHANGES.values())])
    assert [dict(zip(wanted, said)) for wanted, said in zip(CHANGES.values(), found)] == list(CHANGES.values())
    others = together([lambda f=f: f.ask("secret 5") for f in folders])
    assert others == [401 if f.roles.stat().st_mode & 2 else "r5" for f in folders] and others.count(401) == 1


def test_what_a_command_could_write_is_closed_to_it(top):
    """A key that has become the account's since, of whatever role."""
    f = Folders(top, "closed").keep()
    assert f.ask("secret 5") == "r5"
    (f.roles / "r5/users.d/x.pub").chmod(0o666)
    assert f.ask("secret 5") == "r5"
    (f.roles / "r5/users.d/x.pub").chmod(0o644)
    os.chown(f.roles / "r5/users.d/x.pub", NOBODY, NOBODY)
    assert f.ask("secret 5") == "r5"
    assert (f.roles / "r5/users.d/x.pub").read_text() == Path(f"{ALICE}.pub").read_text()


# ---- what is believed ----

def test_what_is_believed(top):
    f = Folders(top, "believed").keep()
    assert f.kept.stat().st_mode & 0o7777 == 0o600
    assert f.ask(EVIL) == 401
    f.forge()
    assert f.asks(EVIL, "secret 0") == ["r0", 401]

    # The clock was set since then, so that the time of a change may come a second time.
    assert f.ask(EVIL, wrap=("unshare", "--time", "--fork", "--boottime", "5000")) == 401

    # It is about other folders.
    f.kept.unlink()
    f.keep(TOKENS_DIR=str(f.users)).forge()
    assert [f.ask(EVIL, TOKENS_DIR=str(f.users)), f.ask(EVIL), f.ask("of no role")] == ["r0", 401, "outside"]


SPOILT = {
    "another's": lambda f: os.chown(f.kept, NOBODY, 0),
    "the group's": lambda f: f.kept.chmod(0o620),
    "everybody's": lambda f: f.kept.chmod(0o602),
    "of two names": lambda f: os.link(f.kept, f.run / "second"),
    "a link": lambda f: (f.kept.rename(f.run / "first"), f.kept.symlink_to("first")),
    "shorter": lambda f: f.kept.write_bytes(f.kept.read_bytes()[:-1]),
    "longer": lambda f: f.kept.write_bytes(f.kept.read_bytes() + b"\0"),
    "of another program": lambda f: f.kept.write_bytes(f.kept.read_bytes().replace(b"bastion ", b"another ", 1)),
    "empty": lambda f: f.kept.write_bytes(b""),
    "a pipe": lambda f: (f.kept.unlink(), os.mkfifo(f.kept)),
    "of great numbers": lambda f: f.kept.write_bytes(f.kept.read_bytes()[:80] + b"\xff" * 64 + f.kept.read_bytes()[144:]),
    "of great numbers alone": lambda f: f.kept.write_bytes(f.kept.read_bytes()[:64] + b"\xff" * 4096),
}


def test_what_is_not_believed(top):
    """The same folders, with a forgery for each fault in a RUN_DIR of its own."""
    first = Folders(top, "forged").keep().forge()
    spoilt = {name: first.another_run(f"run{i}") for i, name in enumerate(SPOILT)}
    for f in spoilt.values():
        shutil.copy2(first.kept, f.kept)
    assert together([lambda f=f: f.ask(EVIL) for f in spoilt.values()]) == ["r0"] * len(SPOILT)
    for name, f in spoilt.items():
        SPOILT[name](f)
    said = together([lambda f=f: [f.ask(EVIL), f.ask("secret 0")] for f in spoilt.values()])
    assert dict(zip(spoilt, said)) == dict.fromkeys(SPOILT, [401, "r0"])


def test_an_account_that_is_not_root_keeps_nothing(top):
    """Its commands could write it."""
    f = Folders(top, "nobody").keep()
    f.kept.unlink()
    for path in (f.run, *f.run.iterdir()):
        os.chown(path, NOBODY, NOBODY)
    f.run.chmod(0o700)
    assert f.ask("secret 0", wrap=("setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups")) in ("r0", 401, 500)
    assert not f.kept.exists()


def test_what_changed_a_moment_ago_is_not_kept(top):
    """The next change might have the same time."""
    f = Folders(top, "moment").keep()
    f.kept.unlink()
    before = time.time()
    (f.roles / "r7/users.d/x.pub").write_text("# nothing\n")
    assert f.ask("secret 0") == "r0"
    assert not f.kept.exists() or time.time() - before > 2
    f.keep()


def test_a_read_only_mount(top):
    """What is somebody's is kept where it is on a mount that nobody can write; and counts no more once he can."""
    f = Folders(top, "mount")
    mount = f.roles / "r0"
    for path in (mount, *mount.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    script = f"mount --bind {mount} {mount}; mount -o remount,bind,ro {mount}; echo; exec sleep 600"
    holder = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-euc", script], stdout=subprocess.PIPE)
    inside = ("nsenter", "--mount", f"--target={holder.pid}")
    try:
        assert holder.stdout.readline() == b"\n"

        def is_kept():
            assert f.ask("secret 0", wrap=inside) == "r0"
            return f.kept.exists()
        wait_for(is_kept, "it is kept", step=STEP)
        f.forge()
        assert f.ask(EVIL, wrap=inside) == "r0"
        subprocess.run([*inside, "mount", "-o", "remount,bind,rw", mount], check=True)
        assert f.ask(EVIL, wrap=inside) == 401
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


# ---- keys ----

def test_keys(start):
    def prepare(server):
        for r in range(ROLES):
            server.put(f"r{r}", FORCE_COMMAND="printf $BASTION_ROLE", x_token=token(f"secret {r}"))
        server.put("r3", alice_pub=ALICE)
    server = start(SshRoles, prepare=prepare)
    kept = server.home / "run/known-keys"

    def is_kept():
        assert server.ssh("x").stdout == b"r3"
        return kept.exists()
    wait_for(is_kept, "it is kept", step=STEP)
    assert server.ssh("x").stdout == b"r3"
    assert server.ssh("x", key=MALLORY).returncode == 255
    path = server.roles / "r3/users.d/alice.pub"
    path.write_text(Path(f"{MALLORY}.pub").read_text())
    assert server.ssh("x").returncode == 255
    assert server.ssh("x", key=MALLORY).stdout == b"r3"
    (server.roles / "r4/users.d").mkdir()
    path.rename(server.roles / "r4/users.d/mallory.pub")
    assert server.ssh("x", key=MALLORY).stdout == b"r4"


def test_keys_that_are_read_each_time(start):
    """What a key's end means depends on the machine's local time; and a file beside the keys may come to hold one."""
    def prepare(server):
        for r in range(ROLES):
            server.put(f"r{r}", FORCE_COMMAND="printf $BASTION_ROLE", x_token=token(f"secret {r}"))
        server.put("r3", alice_pub=ALICE)
    server = start(SshRoles, prepare=prepare)
    path, kept = server.roles / "r3/users.d/alice.pub", server.home / "run/known-keys"
    path.write_text('expiry-time="20990101" ' + path.read_text())
    began = time.time()

    def is_at_rest():
        assert server.ssh("x").stdout == b"r3"
        return time.time() - began > 4
    wait_for(is_at_rest, "all is at rest", step=STEP)
    assert server.ssh("x").stdout == b"r3" and not kept.exists()


# ---- more than can be closed ----

def test_more_than_can_be_closed(top):
    """Nothing runs where commands could write more than they can be kept from; and the log says what helps."""
    f = Folders(top, "many")
    for i in range(2600):
        path = f.roles / f"r1/tokens.d/t{i}.token"
        path.write_text("# nothing\n")
        os.chown(path, NOBODY, NOBODY)
    assert [f.ask("secret 0"), f.ask("secret 1"), f.ask("of no role")] == [500, 500, 500]
    assert "more than 2560 files and folders of it" in f.log and "chown root, or mount it read-only (:ro)" in f.log
    for i in range(600):
        os.unlink(f.roles / f"r1/tokens.d/t{i}.token")
    assert f.ask("secret 0") == "r0"
