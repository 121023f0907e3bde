"""The host's key (bastion(8), SSH): made once, kept for good, and an error where it can't be used, never another key."""
import base64
import os
import re
import shutil
import subprocess

import pytest
from harness import BASTION, together
from ssh_harness import KEYS, TINYSSHD, SshServer, fingerprint, make_key, public

pytestmark = pytest.mark.root

NAME = "ssh_host_ed25519_key"
FOLDER = "/etc/ssh/keys"
HOST = make_key(KEYS, NAME, comment="root@old-host")
READ_ONLY = f"mount -o remount,bind,ro {FOLDER}\n"


def scan(server):
    """The host key's base64 as a client sees it, or None."""
    done = subprocess.run(["ssh-keyscan", "-t", "ed25519", "-p", str(server.port), server.host], capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if not line.startswith("#")]
    assert len(lines) < 2
    return lines[0].split()[2] if lines else None


def base(key):
    return public(key).split()[1]


def place(key=HOST):
    """Has the server start with that key in its folder."""
    return lambda server: shutil.copy(key, server.keys / NAME)


def names(server):
    return sorted(path.name for path in server.keys.iterdir())


def check_refused(server, reason, file=f"/{NAME}"):
    """Said in the log, and the connection closes: no key is made."""
    before = {path: path.read_bytes() for path in server.keys.iterdir() if path.is_file()}
    assert scan(server) is None
    done = server.ssh()
    assert done.returncode == 255 and server.runs() == 0
    assert server.faults() == [f"SSH_KEYS: {FOLDER}{file}: {reason}"] * 2
    assert {path: path.read_bytes() for path in server.keys.iterdir() if path.is_file()} == before


def check(server):
    """What `bastion check` says of the key there."""
    argv = ["nsenter", "-m", "-t", str(server.process.pid), BASTION, "check"]
    shown = subprocess.run(argv, env=server.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    return re.search("^(host key|fault: SSH_KEYS): (.*)", shown, re.M)[2]


# ---- made ----

def test_made_at_first_use(start):
    server = start(SshServer)
    assert names(server) == []
    key = scan(server)
    assert names(server) == [NAME, f"{NAME}.pub"]
    private, open_ = server.keys / NAME, server.keys / f"{NAME}.pub"
    assert [path.stat().st_mode & 0o7777 for path in (private, open_)] == [0o600, 0o644]
    assert [path.stat().st_uid for path in (private, open_)] == [0, 0]
    assert open_.read_text().split()[:2] == ["ssh-ed25519", key]
    assert scan(server) == key and server.ssh().returncode == 0
    assert not server.faults()


def test_as_ssh_keygen_reads_it(start):
    """From the private file and from the public one; and `bastion check` says the same."""
    server = start(SshServer)
    key = scan(server)
    made = subprocess.run(["ssh-keygen", "-y", "-f", server.keys / NAME], capture_output=True, text=True, check=True).stdout.split()
    assert made[:2] == ["ssh-ed25519", key]
    shown = subprocess.run(["ssh-keygen", "-lf", server.keys / NAME], capture_output=True, text=True, check=True).stdout.strip()
    assert check(server) == shown
    (server.keys / f"{NAME}.pub").unlink()
    assert fingerprint(server.keys / NAME) == shown.split()[1]


def test_check_before_there_is_one(start):
    server = start(SshServer)
    assert check(server) == "none yet; the first SSH connection makes one"
    assert names(server) == []


def test_lasts_over_restarts(start):
    """Of the container: /run/bastion is empty then."""
    first = start(SshServer)
    key = scan(first)
    second = start(SshServer, prepare=lambda server: shutil.copytree(first.keys, server.keys, dirs_exist_ok=True))
    assert scan(second) == key


def test_no_two_hosts_alike(start):
    assert scan(start(SshServer)) != scan(start(SshServer))


@pytest.mark.parametrize("count", [2, 20])
def test_first_connections_at_the_same_time(start, count):
    server = start(SshServer)
    keys = together([lambda: scan(server)] * count)
    assert None not in keys and len(set(keys)) == 1
    assert names(server) == [NAME, f"{NAME}.pub"]
    assert base(server.keys / NAME) == keys[0] == scan(server)
    server.settle()
    assert not [path for path in server.run_dir.rglob("*") if "new" in path.name]


@pytest.mark.parametrize("more, settings", [
    (f"umount {FOLDER}; rmdir {FOLDER}", {}),
    (f"umount {FOLDER}; rmdir {FOLDER} /etc/ssh", {}),
    ("", {"SSH_KEYS": "/etc/a/b c/d"}),
    ("", {"SSH_KEYS": "/etc/a//b/"}),
])
def test_missing_folder_is_made(start, more, settings):
    server = start(SshServer, more=more, **settings)
    key = scan(server)
    folder = server.inside(settings.get("SSH_KEYS", FOLDER))
    assert public(folder / NAME).split()[1] == key == scan(server)
    assert folder.stat().st_mode & 0o022 == 0
    assert not server.faults()


def test_leftovers_of_killed_connections(start):
    """Whatever lies in the way of a new key was nobody's."""
    def litter(server):
        for pid in range(2, 30):
            (server.run_dir / f"new.{pid}").mkdir()
            (server.run_dir / f"new.{pid}/.ed25519.sk").write_bytes(b"x" * 64)
        (server.keys / f".{NAME}.0123456789abcdef").write_text("half")
    server = start(SshServer, prepare=litter)
    key = scan(server)
    assert key and base(server.keys / NAME) == key


# ---- taken over ----

@pytest.mark.parametrize("form", [b"%s", b"# a note\n%s", b"%s\n\n"], ids=repr)
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"], ids=repr)
def test_openssh_key(start, form, newline):
    server = start(SshServer, prepare=lambda server: (server.keys / NAME).write_bytes(form.replace(b"%s", HOST.read_bytes()).replace(b"\n", newline)))
    assert scan(server) == base(HOST) == scan(server)
    assert server.ssh().stdout == b"ok\n"
    assert not server.faults() and names(server) == [NAME]


@pytest.mark.parametrize("comment", ["", "x", "root@host", "the third floor's host", "J\u00f6rg", "x" * 120, "x" * 300], ids=lambda c: c[:10])
def test_openssh_key_with_comment(start, comment):
    """`bastion check` shows it as ssh-keygen(1) does."""
    key = make_key(KEYS, f"commented-{os.urandom(4).hex()}", comment=comment)
    server = start(SshServer, prepare=place(key))
    assert scan(server) == base(key)
    shown = subprocess.run(["ssh-keygen", "-lf", f"{key}.pub"], capture_output=True, text=True, check=True).stdout.strip()
    if comment.isascii() and len(comment) < 128:
        assert check(server) == shown
    else:
        assert check(server).split()[:2] == shown.split()[:2]


@pytest.mark.parametrize("uid, mode", [(0, 0o644), (0, 0o666), (0, 0o000), (1000, 0o600), (4242, 0o400)])
def test_owners_and_modes(start, uid, mode):
    """Those of whoever mounted it; what tinysshd reads is a copy."""
    def own(server):
        place()(server)
        for path in (server.keys / NAME, server.keys):
            os.chown(path, uid, uid)
        os.chmod(server.keys / NAME, mode)
    server = start(SshServer, prepare=own, more=READ_ONLY)
    assert scan(server) == base(HOST)
    assert not server.faults()
    copy = server.run_dir / "hostkey"
    assert [path.stat().st_mode & 0o7777 for path in (copy, copy / ".ed25519.sk")] == [0o700, 0o600]


def test_kubernetes(start):
    """A Secret's files are links through ..data, on a read-only mount."""
    def mount(server):
        (server.keys / "..1").mkdir()
        shutil.copy(HOST, server.keys / "..1" / NAME)
        (server.keys / "..data").symlink_to("..1")
        (server.keys / NAME).symlink_to(f"..data/{NAME}")
    server = start(SshServer, prepare=mount, more=READ_ONLY)
    assert scan(server) == base(HOST)
    assert not server.faults()


def test_tinyssh_key(start):
    """As tinysshd-makekey(1) leaves it."""
    def make(server):
        server.keys.rmdir()
        subprocess.run(["tinysshd-makekey", server.keys], executable=TINYSSHD, check=True)
    server = start(SshServer, prepare=make)
    raw = (server.keys / "ed25519.pk").read_bytes()
    assert scan(server) == base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + raw).decode()
    assert names(server) == [".ed25519.sk", "ed25519.pk"]
    assert not server.faults()
    shutil.copy(HOST, server.keys / NAME)  # which comes first
    assert scan(server) == base(HOST)


@pytest.mark.parametrize("bytes_", [b"", b"x" * 63, b"x" * 64, b"x" * 65, b"\0" * 64])
def test_damaged_tinyssh_key(start, bytes_):
    server = start(SshServer, prepare=lambda server: (server.keys / ".ed25519.sk").write_bytes(bytes_))
    check_refused(server, "it is damaged", "/.ed25519.sk")


@pytest.mark.parametrize("way", ["renamed", "written"])
def test_replaced_key_counts_at_once(start, way):
    server = start(SshServer)
    assert scan(server) != base(HOST)
    if way == "renamed":
        shutil.copy(HOST, server.keys / "new")
        os.rename(server.keys / "new", server.keys / NAME)
    else:
        shutil.copy(HOST, server.keys / NAME)
    assert together([lambda: scan(server)] * 4) == [base(HOST)] * 4
    assert server.ssh().returncode == 0


# ---- what can't be used ----

LOCKED = "it is encrypted; ssh-keygen -p takes the passphrase away"
ANOTHER = "it is no ed25519 key"
DAMAGED = "it is damaged"


@pytest.mark.parametrize("extra", [[], ["-Z", "aes256-cbc"], ["-Z", "chacha20-poly1305@openssh.com"]], ids=str)
def test_encrypted_key(start, extra):
    key = make_key(KEYS, f"locked-{os.urandom(4).hex()}", passphrase="secret of it", extra=["-a", "1", *extra])
    server = start(SshServer, prepare=place(key))
    check_refused(server, LOCKED)
    assert LOCKED in check(server)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "secret of it", "-N", "", "-f", server.keys / NAME], check=True)
    assert scan(server) == base(key)


@pytest.mark.parametrize("kind, extra, reason", [
    ("ecdsa", [], ANOTHER),
    ("rsa", ["-b", "2048"], ANOTHER),
    ("rsa", ["-b", "4096"], ANOTHER),
    ("rsa", ["-b", "2048", "-m", "PEM"], DAMAGED),
], ids=str)
@pytest.mark.slow
def test_key_of_another_type(start, kind, extra, reason):
    key = make_key(KEYS, f"another-{os.urandom(4).hex()}", kind=kind, extra=extra)
    check_refused(start(SshServer, prepare=place(key)), reason)


def flipped(at):
    """The key file with one character of its base64 changed."""
    begin, *lines, end = HOST.read_text().splitlines()
    text = "".join(lines)
    text = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1:]
    return "\n".join([begin, text, end, ""]).encode()


def half(n):
    return HOST.read_bytes()[:n]


SIZE = len(HOST.read_bytes())
SPOILT = {
    "empty": b"",
    "newline": b"\n",
    "zeros": b"\0" * 400,  # as after a power cut
    "public key": public(HOST).encode(),
    "first line": half(36),
    "half": half(SIZE // 2),
    "all but the last line": half(SIZE - 34),
    "all but one character": half(SIZE - 2),
    "a line lost": b"".join(HOST.read_bytes().splitlines(True)[:2] + HOST.read_bytes().splitlines(True)[3:]),
    "twice in one": HOST.read_bytes().replace(b"-----END", HOST.read_bytes().splitlines()[1] + b"\n-----END"),
    "long": HOST.read_bytes().replace(b"-----END", b"A" * 100000 + b"\n-----END"),
    **{f"character {at}": flipped(at) for at in (
        2,                # the magic
        26,               # the cipher's name
        90,               # the first public key
        132, 138,         # the two check numbers
        150,              # the type
        180,              # the second public key
        220, 235, 258,    # the seed
        270, 290)},       # the third public key
}


@pytest.mark.parametrize("how", SPOILT)
def test_damaged_key(start, how):
    server = start(SshServer, prepare=lambda server: (server.keys / NAME).write_bytes(SPOILT[how]))
    check_refused(server, {"character 26": LOCKED, "long": "too long"}.get(how, DAMAGED))


def test_damaged_later(start):
    """That a copy of it has served before does not help: what the folder says counts."""
    server = start(SshServer, prepare=place())
    assert scan(server) == base(HOST)
    (server.keys / NAME).write_bytes(flipped(235))
    check_refused(server, DAMAGED)
    shutil.copy(HOST, server.keys / NAME)
    assert scan(server) == base(HOST)


@pytest.mark.parametrize("what, reason", [
    (lambda path: path.mkdir(), "a folder, where a file is wanted: a mount whose source is missing makes one"),  # docker makes one for a missing bind mount
    (lambda path: path.symlink_to(path.name), "Symbolic link loop"),
    (lambda path: path.symlink_to("/proc/self/mem"), "I/O error"),
    (lambda path: path.symlink_to("gone"), None),
    (lambda path: os.mkfifo(path), None),
    (lambda path: path.symlink_to("/dev/zero"), None),
], ids=["directory", "loop", "I/O error", "link to nothing", "FIFO", "/dev/zero"])
def test_unreadable_key(start, what, reason):
    """Never made anew: it is there, somebody meant something by it."""
    server = start(SshServer, prepare=lambda server: what(server.keys / NAME))
    assert [scan(server) for _ in range(2)] == [None, None]
    assert names(server) == [NAME]
    assert len(server.faults()) == 2 and all(fault.startswith(f"SSH_KEYS: {FOLDER}/{NAME}: ") for fault in server.faults())
    if reason:
        assert server.faults()[0].endswith(reason)


@pytest.mark.parametrize("value, reason", [("/etc/passwd", "Not a directory"), ("/etc/passwd/keys", "Not a directory"), ("/etc/loop", "Symbolic link loop")])
def test_unreadable_folder(start, value, reason):
    server = start(SshServer, more="ln -s loop /etc/loop", SSH_KEYS=value)
    assert scan(server) is None
    assert server.faults() == [f"SSH_KEYS: {value}: {reason}"]


# ---- where nothing can be kept ----

def test_read_only_empty_folder(start):
    """Said once; the key is the same for every connection as long as this host runs."""
    server = start(SshServer, more=READ_ONLY)
    keys = {scan(server) for _ in range(4)}
    assert len(keys) == 1 and None not in keys
    assert server.ssh().returncode == 0
    assert server.faults() == [f"SSH_KEYS: {FOLDER}: Read-only file system: the host key that was made will not last"]
    assert names(server) == []


def test_read_only_missing_folder(start):
    server = start(SshServer, more=f"umount {FOLDER}; rmdir {FOLDER}; mount --bind /etc/ssh /etc/ssh; mount -o remount,bind,ro /etc/ssh")
    keys = {scan(server) for _ in range(3)}
    assert len(keys) == 1 and None not in keys
    assert len(server.faults()) == 1 and server.faults()[0].endswith("the host key that was made will not last")


@pytest.mark.slow
def test_read_only_first_connections_at_the_same_time(start):
    server = start(SshServer, more=READ_ONLY)
    for _ in range(6):
        keys = together([lambda: scan(server)] * 20)
        assert set(keys) == {scan(server)}
        server.settle()
        shutil.rmtree(server.run_dir / "hostkey")  # as after a restart of the container


def test_kept_as_soon_as_it_can_be(start):
    """A key in the folder counts from then on."""
    server = start(SshServer, more=READ_ONLY)
    assert scan(server) != base(HOST)
    shutil.copy(HOST, server.keys / NAME)
    assert scan(server) == base(HOST)


@pytest.mark.parametrize("mount, fill", [
    ("size=8k", "cat /dev/zero 2>/dev/null >filler || :"),
    ("nr_inodes=9", "while touch filler$((n += 1)) 2>/dev/null; do :; done"),
], ids=["space", "inodes"])
def test_full_disk(start, mount, fill):
    """No key that is gone tomorrow, and no half of a file."""
    server = start(SshServer, more=f"mount -t tmpfs -o {mount} tmpfs {FOLDER}; (cd {FOLDER}; n=0; {fill})")
    folder = server.inside(FOLDER)
    assert scan(server) is None and server.ssh().returncode == 255
    assert server.faults() == [f"SSH_KEYS: {FOLDER}/{NAME}: No space left on device"] * 2
    for path in folder.iterdir():
        assert "filler" in path.name
        path.unlink()
    key = scan(server)
    assert key and base(folder / NAME) == key == scan(server)


def test_full_run_folder(start):
    """tinysshd's copy can't be put where it looks."""
    server = start(SshServer, prepare=place(), more="mount -t tmpfs -o size=64k,mode=755 tmpfs /run/bastion; cat /dev/zero 2>/dev/null >/run/bastion/filler || :")
    assert scan(server) is None
    assert len(server.faults()) == 1 and server.faults()[0].endswith("No space left on device")
    server.inside("/run/bastion/filler").unlink()
    assert scan(server) == base(HOST)
