"""Whose keys are good (bastion(8), SSH): read anew for every login, from three sources, however their files look."""
import base64
import hashlib
import os
import re
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from harness import BASTION, together
from ssh_harness import ALICE, KEYS, MALLORY, SshServer, Terminal, fingerprint, make_key, public

pytestmark = pytest.mark.root

BOB = make_key(KEYS, "bob", comment="bob@desk")
A, B, M = (public(key).split()[1] for key in (ALICE, BOB, MALLORY))  # their base64
ETC = "/etc/bastion"
HOST_FILE, REPO_FILE, DIR = f"{ETC}/authorized_keys.host", f"{ETC}/authorized_keys.repo", f"{ETC}/users.d"


def limit(name):
    return int(re.search(rf"^#define {name} (\d+)", (Path(__file__).parents[2] / "src/limit.h").read_text(), re.M)[1])


def begin(start, **options):
    """A server whose command says who it runs for."""
    return start(SshServer, **{"FORCE_COMMAND": 'printf %s "$BASTION_USER"', "COMMAND_LOCK": "off", **options})


def who(server, key=ALICE, options=()):
    """The identity that the command learns; None for a key that is not let in."""
    done = server.ssh(key=key, options=options)
    assert done.returncode in (0, 255), done
    print(done, server.log_lines())  # for a test that fails
    return done.stdout.decode(errors="surrogateescape") if done.returncode == 0 else None


def some_key(n):
    """A well-formed line of a key that nobody has."""
    return "ssh-ed25519 " + coded(hashlib.sha256(b"%d" % n).digest())


def coded(bytes_, kind=b"ssh-ed25519"):
    return base64.b64encode(len(kind).to_bytes(4, "big") + kind + len(bytes_).to_bytes(4, "big") + bytes_).decode()


# ---- live ----

def test_added_and_removed(start):
    server = begin(start)
    assert who(server, BOB) is None
    server.admit(BOB, "bob")
    assert who(server, BOB) == "bob"
    (server.users / "bob.pub").unlink()
    assert who(server, BOB) is None
    assert who(server) == "alice"
    server.settle()
    deny = server.events("login", verdict="deny")
    assert [(e["reason"], e["peer"], "user" in e) for e in deny] == [(f"no key that is let in: ssh-ed25519 {fingerprint(BOB)}", "127.0.0.1", False)] * 2
    assert [e["user"] for e in server.events("login", verdict="allow")] == ["bob", "alice"]


def test_another_key_in_the_file(start):
    server = begin(start)
    shutil.copy(f"{BOB}.pub", server.users / "alice.pub")
    assert (who(server), who(server, BOB)) == (None, "alice")


@pytest.mark.parametrize("path", ["etc/authorized_keys.host", "etc/authorized_keys.repo"])
def test_single_files_are_live_too(start, path):
    server = begin(start)
    (server.home / path).write_text(public(BOB))
    assert who(server, BOB) == "bob@desk"
    (server.home / path).write_text("")
    assert who(server, BOB) is None
    (server.home / path).unlink()
    assert who(server) == "alice"


# ---- whose ----

IDENTITIES = [
    ("users.d/carol.pub", "anything at all", "carol"),
    ("users.d/carol.pub", "", "carol"),
    ("users.d/carol.x.pub", "", "carol.x"),
    ("authorized_keys.host", "carol@laptop", "carol@laptop"),
    ("authorized_keys.host", "Carol of the  third floor", "Carol of the  third floor"),
    ("authorized_keys.repo", 'a "quoted" \\ #comment', 'a "quoted" \\ #comment'),
    ("authorized_keys.repo", "J\u00f6rg", "J\u00f6rg"),
    ("authorized_keys.repo", "x" * 255, "x" * 255),
    ("authorized_keys.host", "x" * 256, "authorized_keys.host"),
    ("authorized_keys.host", "", "authorized_keys.host"),
    ("authorized_keys.host", " \t", "authorized_keys.host"),
    ("authorized_keys.repo", "", "authorized_keys.repo"),
    ("authorized_keys.repo", "tab\tin it", "authorized_keys.repo"),
    ("authorized_keys.repo", "\x1b[2J", "authorized_keys.repo"),
    # no keys' files
    ("users.d/.pub", "", None),
    ("users.d/.carol.pub", "", None),
    ("users.d/carol.pub~", "", None),
    ("users.d/carol.pub.bak", "", None),
    ("users.d/more/carol.pub", "", None),
    ("authorized_keys", "", None),
]


@pytest.mark.parametrize("path, comment, identity", IDENTITIES, ids=[f"{p} {c}"[:50].encode("unicode_escape").decode() for p, c, _ in IDENTITIES])
def test_identity(start, path, comment, identity):
    server = begin(start)
    (server.etc / path).parent.mkdir(exist_ok=True)
    (server.etc / path).write_text(f"ssh-ed25519 {B} {comment}\n")
    assert who(server, BOB) == identity
    assert who(server) == "alice"
    assert not server.faults()


@pytest.mark.parametrize("name", [b"al ice", b'al"ice', b"al\\ice", b"al'ice$(id)", b"-n", b"alice=x verdict=deny", "\u00e4lice".encode(), b"al\xffice", b"x" * 251], ids=repr)
def test_odd_names_are_quoted(start, name):
    server = begin(start)
    shutil.copy(f"{BOB}.pub", os.fsencode(server.users) + b"/" + name + b".pub")
    assert who(server, BOB) == os.fsdecode(name)
    logged = server.events("login", verdict="allow")[0]["user"]  # a line that parses, else this fails
    assert logged.encode().decode("unicode_escape").encode("latin-1") == name


NO_IDENTITIES = pytest.mark.parametrize("name", [b"al\nice", b"\n", b"al\tice", b"\x1b[2J", b"al\x7fice"], ids=repr)


@NO_IDENTITIES
def test_names_that_cannot_be_an_identity(start, name):
    server = begin(start)
    shutil.copy(f"{BOB}.pub", os.fsencode(server.users) + b"/" + name + b".pub")
    assert (who(server, BOB), who(server)) == (None, "alice")
    assert len(server.faults()) == 1 and server.faults()[0].endswith(": a name that can't be an identity")


@NO_IDENTITIES
def test_check_names_them_in_one_line(start, name):
    """On a terminal, say: nothing in a file's name is for that."""
    server = begin(start)
    shutil.copy(f"{BOB}.pub", os.fsencode(server.users) + b"/" + name + b".pub")
    shown = check(server)
    assert len(re.findall(rf"^fault: {DIR}/.*: a name that can't be an identity$", shown, re.M)) == 1
    assert not re.search(r"[^\n\x20-\x7e]", shown)


def check(server):
    """What `bastion check` says there."""
    argv = ["nsenter", "-m", "-t", str(server.process.pid), BASTION, "check"]
    return subprocess.run(argv, env=server.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout.decode(errors="replace")


def test_check_shows_them(start):
    server = begin(start)
    (server.etc / "authorized_keys.repo").write_text(f"no-pty ssh-ed25519 {B} bob the builder\nssh-rsa AAAA\n")
    shown = check(server)
    finger = {key: subprocess.run(["ssh-keygen", "-lf", key], capture_output=True, text=True, check=True).stdout.split()[1] for key in (ALICE, BOB)}
    assert f'\nkey: 256 {finger[ALICE]} "alice"  ({DIR}/alice.pub:1)\nkey: 256 {finger[BOB]} "bob the builder" no-pty  ({REPO_FILE}:1)\n' in shown
    assert f"\nwarning: {REPO_FILE}:2: a key of another type than ssh-ed25519: ssh-rsa" in shown


# ---- however the file looks ----

FORMATS = {
    "plain": b"%s\n",
    "no final newline": b"%s",
    "CRLF": b"# from Windows\r\n\r\n%s\r\n",
    "CR and no newline": b"%s\r",
    "blank lines and comments": b"\n# one\n   # two\n\t\n \n%s\n\n\n# three",
    "leading spaces": b"    %s\n",
    "leading tabs": b"\t\t%s\n",
    "spaces behind": b"%s  \t \n",
    "a bad line before it": b"\0\xff nonsense\n%s\n",
    "a bad line behind it": b"%s\nssh-ed25519",
}


@pytest.mark.parametrize("path", ["users.d/bob.pub", "authorized_keys.repo"])
@pytest.mark.parametrize("form", FORMATS)
def test_formats(start, path, form):
    server = begin(start)
    (server.etc / path).write_bytes(FORMATS[form].replace(b"%s", f"ssh-ed25519 {B} bob".encode()))
    assert who(server, BOB) == "bob"
    assert len(server.faults()) == ("bad line" in form)


@pytest.mark.parametrize("between", ["\t", "   ", " \t "], ids=repr)
def test_white_space_between(start, between):
    server = begin(start)
    (server.etc / "authorized_keys.host").write_text(between.join(["no-user-rc", "ssh-ed25519", B, "bob\n"]))
    assert who(server, BOB) == "bob"


@pytest.mark.parametrize("path, uid, mode", [
    ("users.d/alice.pub", 4242, 0o666),
    ("users.d/alice.pub", 1000, 0o777),
    ("users.d/alice.pub", 0, 0o000),
    ("users.d", 4242, 0o755),
    ("users.d", 0, 0o777),
    ("users.d", 1000, 0o1777),
    ("users.d", 0, 0o000),
], ids=str)
def test_owners_and_modes(start, path, uid, mode):
    """The file that tinysshd reads is another one."""
    def give_away(server):
        os.chown(server.etc / path, uid, uid)
        os.chmod(server.etc / path, mode)
    server = begin(start, prepare=give_away)
    assert who(server) == "alice"
    assert not server.faults()


def bind_read_only(*paths):
    return "".join(f"mount --bind {p} {p}; mount -o remount,bind,ro {p}\n" for p in paths)


def test_read_only_mounts_of_others(start):
    """As people mount them: files of an ordinary account of the host."""
    def fill(server):
        (server.etc / "authorized_keys.host").write_text(public(BOB))
        (server.etc / "authorized_keys.repo").write_text(public(MALLORY))
        for path in (server.etc / "authorized_keys.host", server.etc / "authorized_keys.repo", server.users, server.users / "alice.pub"):
            os.chown(path, 1000, 1000)
            os.chmod(path, 0o700 if path.is_dir() else 0o600)
    server = begin(start, prepare=fill, more=bind_read_only(HOST_FILE, REPO_FILE, DIR))
    assert [who(server, key) for key in (ALICE, BOB, MALLORY)] == ["alice", "bob@desk", "authorized_keys.repo"]
    assert not server.faults()


def test_read_only_everything(start):
    server = begin(start, more=bind_read_only(ETC))
    assert who(server) == "alice"
    assert not server.faults()


def test_several_keys_in_a_file(start):
    server = begin(start)
    (server.users / "team.pub").write_text(f"ssh-ed25519 {B} bob\n# and\nssh-ed25519 {M} mallory")
    assert (who(server, BOB), who(server, MALLORY), who(server)) == ("team", "team", "alice")


@pytest.mark.parametrize("first, second, identity", [
    ("users.d/a.pub", "users.d/b.pub", "a"),
    ("users.d/B.pub", "users.d/a.pub", "B"),  # by their bytes
    ("users.d/z.pub", "authorized_keys.host", "z"),
    ("authorized_keys.host", "authorized_keys.repo", "first"),
])
def test_the_first_of_equal_keys_counts(start, first, second, identity):
    """With its options, too, whichever was written first."""
    server = begin(start)
    (server.etc / second).write_text(f"ssh-ed25519 {B} second\n")
    (server.etc / first).write_text(f"no-pty ssh-ed25519 {B} first\nssh-ed25519 {B} again\n")
    assert who(server, BOB) == identity
    assert server.ssh(key=BOB, options=["-tt"]).returncode == 126
    assert not server.faults()


def test_kubernetes(start):
    """A ConfigMap's files are links through ..data, which is swapped."""
    def mount(server):
        for version, keys in (("..1", {"alice": ALICE}), ("..2", {"alice": MALLORY, "bob": BOB})):
            (server.users / version).mkdir()
            for name, key in keys.items():
                shutil.copy(f"{key}.pub", server.users / version / f"{name}.pub")
        (server.users / "..data").symlink_to("..1")
        (server.users / "alice.pub").symlink_to("..data/alice.pub")
    server = begin(start, prepare=mount, alice=False)
    assert [who(server, key) for key in (ALICE, MALLORY, BOB)] == ["alice", None, None]
    (server.users / "..data_tmp").symlink_to("..2")
    os.rename(server.users / "..data_tmp", server.users / "..data")
    (server.users / "bob.pub").symlink_to("..data/bob.pub")
    assert [who(server, key) for key in (ALICE, MALLORY, BOB)] == [None, "alice", "bob"]
    assert not server.faults()


# ---- what can't be read ----

def make_socket(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))


def make_loop(path):
    path.symlink_to(path.name)


def make_long(path):
    path.write_text((public(BOB) + "#\n" * limit("LIMIT_KEY_FILE"))[:limit("LIMIT_KEY_FILE") + 1])


UNREADABLE = {
    "directory": (lambda path: path.mkdir(), "a folder, where a file is wanted: a mount whose source is missing makes one"),  # docker makes one for a missing bind mount
    "FIFO": (lambda path: os.mkfifo(path), "not a regular file"),
    "socket": (make_socket, "No such device or address"),
    "loop": (make_loop, "Symbolic link loop"),
    "link to /dev/zero": (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
    "link to a file that fails": (lambda path: path.symlink_to("/proc/self/mem"), "I/O error"),
    "too long": (make_long, "too long"),
}


@pytest.mark.parametrize("path", ["authorized_keys.host", "authorized_keys.repo", "users.d/bob.pub"])
@pytest.mark.parametrize("kind", UNREADABLE)
def test_unreadable(start, path, kind):
    """Named once, and the others count."""
    make, reason = UNREADABLE[kind]
    server = begin(start, prepare=lambda server: make(server.etc / path))
    assert (who(server), who(server, BOB)) == ("alice", None)
    assert server.faults() == [f"{ETC}/{path}: {reason}"]


@pytest.mark.parametrize("value, reason", [("/dev/zero", "not a regular file"), ("/proc/self/mem", "I/O error"), ("/etc/passwd/x", "Not a directory")])
def test_unreadable_setting(start, value, reason):
    server = begin(start, AUTHORIZED_KEYS_HOST=value)
    assert who(server) == "alice"
    assert server.faults() == [f"{value}: {reason}"]


def test_folder_that_is_a_file(start):
    def replace(server):
        shutil.rmtree(server.users)
        server.users.write_text(public(BOB))
        (server.etc / "authorized_keys.host").write_text(f"ssh-ed25519 {A}\n")
    server = begin(start, prepare=replace)
    assert who(server) == "authorized_keys.host"
    assert server.faults() == [f"{DIR}: Not a directory"]


def test_folder_that_is_missing(start):
    """Nobody needs one."""
    def replace(server):
        shutil.rmtree(server.users)
        (server.etc / "authorized_keys.host").write_text(f"ssh-ed25519 {A}\n")
    server = begin(start, prepare=replace)
    assert who(server) == "authorized_keys.host"
    assert not server.faults()


def test_as_long_as_may_be(start):
    server = begin(start)
    (server.users / "bob.pub").write_text("#" * (limit("LIMIT_KEY_FILE") - len(public(BOB)) - 1) + "\n" + public(BOB))
    assert who(server, BOB) == "bob"
    assert not server.faults()


def test_as_many_as_there_is_room_for(start):
    most = limit("LIMIT_KEYS")
    server = begin(start, alice=False)
    lines = [some_key(n) for n in range(most - 1)] + [f"ssh-ed25519 {A}", f"ssh-ed25519 {B}"]
    (server.users / "all.pub").write_text("\n".join(lines))
    assert (who(server), who(server, BOB)) == ("all", None)
    assert server.faults() == [f"{DIR}/all.pub:{most + 1}: one key more than there is room for"]


def test_as_many_files_as_there_is_room_for(start):
    """Of the files beyond it at least it is said that they are there."""
    most = limit("LIMIT_KEYS")
    server = begin(start, alice=False)
    for n in range(most):
        (server.users / f"{n}.pub").write_text(some_key(n))
    shutil.copy(f"{ALICE}.pub", server.users / "0.pub")
    assert who(server) == "0"
    assert not server.faults()
    server.admit(BOB, "one more")
    who(server)
    assert server.faults() == [f"{DIR}: more files than there is room for"]


# ---- what can't be used ----

TYPE, DAMAGED, OPTION = "a key of another type than ssh-ed25519", "a damaged key", "has an option that is not obeyed here"


@pytest.fixture(scope="session")
def rsa():
    return make_key(KEYS, "rsa", kind="rsa", extra=["-b", "2048"])


@pytest.fixture(scope="session")
def ecdsa():
    return make_key(KEYS, "ecdsa", kind="ecdsa")


@pytest.mark.parametrize("path", ["authorized_keys.host", "users.d/bob.pub"])
def test_other_types_and_damaged_keys(start, path, rsa, ecdsa):
    """Each named once, with its line; the good ones between them work."""
    seed = hashlib.sha256(b"x").digest()
    wrong = [
        (public(rsa).strip(), TYPE),
        (public(ecdsa).strip(), TYPE),
        ("ssh-dss " + coded(seed * 4, b"ssh-dss"), TYPE),
        ("sk-ssh-ed25519@openssh.com " + coded(seed, b"sk-ssh-ed25519@openssh.com") + " yubi", TYPE),
        ("sk-ecdsa-sha2-nistp256@openssh.com " + coded(seed, b"sk-ecdsa-sha2-nistp256@openssh.com"), TYPE),
        ("ssh-ed25519-cert-v01@openssh.com " + coded(seed, b"ssh-ed25519-cert-v01@openssh.com"), TYPE),
        ("ssh-ed25519 " + coded(seed[:31]), DAMAGED),
        ("ssh-ed25519 " + coded(seed + b"x"), DAMAGED),
        ("ssh-ed25519 " + coded(seed, b"ssh-ed25518"), DAMAGED),
        ("ssh-ed25519 " + M[:-1], DAMAGED),
        ("ssh-ed25519 " + M[:30] + "!" + M[31:], DAMAGED),
        ("ssh-ed25519 " + M[:30] + " " + M[30:], DAMAGED),
        ("ssh-ed25519 " + M + "=", DAMAGED),
        ("ssh-ed25519", DAMAGED),
    ]
    server = begin(start)
    text = "".join(f"{line}\n# \n{some_key(n)} k{n}\n" for n, (line, _) in enumerate(wrong))
    (server.etc / path).write_text(text + public(BOB))
    assert who(server, BOB) == ("bob" if "users" in path else "bob@desk")
    named = [f"{ETC}/{path}:{1 + 3 * n}: {reason}" for n, (_, reason) in enumerate(wrong)]
    assert server.faults() == named
    assert [who(server, key) for key in (ALICE, rsa, ecdsa, MALLORY)] == ["alice", None, None, None]
    assert server.faults() == named


RSA_LINE = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQ== bob\n"


@pytest.mark.parametrize("texts", [
    [RSA_LINE, "ssh-ed25519 x\n"],
    [RSA_LINE, "# new\n" + RSA_LINE],
    [RSA_LINE, "", RSA_LINE],
], ids=["another fault", "another line", "gone and back"])
def test_a_changed_line_is_named_again(start, texts):
    server = begin(start)
    for text in texts:
        (server.etc / "authorized_keys.repo").write_text(text)
        who(server)
        who(server)
    assert len(server.faults()) == 2


@pytest.mark.parametrize("options, terminal", [
    ("no-port-forwarding", True),
    ("no-agent-forwarding,no-X11-forwarding,no-user-rc,no-port-forwarding", True),
    ("NO-PORT-FORWARDING,No-Agent-Forwarding,no-x11-forwarding,No-User-RC", True),
    ("restrict,pty", True),
    ("pty", True),
    ("no-pty,PTY", True),
    ("no-pty", False),
    ("No-Pty,no-user-rc", False),
    ("restrict", False),
    ("RESTRICT", False),
    ("pty,restrict", False),
    ("restrict,pty,no-pty", False),
])
def test_options_that_are_obeyed(start, options, terminal):
    server = begin(start, FORCE_COMMAND="echo x >>$T/runs; [ -t 0 ] && echo a terminal || echo none")
    (server.users / "bob.pub").write_text(f"{options} ssh-ed25519 {B} bob\n")
    assert server.ssh(key=BOB).stdout == b"none\n"
    session = Terminal(server, key=BOB)
    session.read_until(b"a terminal" if terminal else b"bastion: this key may have no terminal")
    assert session.wait() == (0 if terminal else 126)
    session.close()
    server.settle()
    assert server.runs() == 1 + terminal and not server.faults()
    deny = server.events("deny")
    assert [(e["user"], e["exit"], e["reason"]) for e in deny] == ([] if terminal else [("bob", 126, "this key may have no terminal")])
    assert len(server.events("start")) == 1 + terminal


OTHER_OPTIONS = [
    'command="id"', 'command="a b, c \\" d"', 'command="x" ssh-ed25519 ' + A + ' "', 'command=""', 'from', 'from=', 'from=127.0.0.1', "from='127.0.0.1'",
    'environment="A=b c"', "cert-authority", 'expiry-time', 'expiry-time=20991231', 'principals="agent"', 'tunnel="0"', 'permitopen="a:1"', 'permitlisten="1"',
    "verify-required", "no-touch-required", "port-forwarding", "agent-forwarding", "x11-forwarding", "user-rc", "unknown", 'no-pty="yes"', "no-pty,", ",no-pty",
    "no-pty,,restrict", 'from="127.0.0.1"x', 'from="127.0.0.1",', 'from="127.0.0.1",command="id"', 'no-user-rc,command="id",no-pty',
]


def test_options_that_are_not_obeyed(start):
    """To drop a limit would grant more than was meant."""
    server = begin(start, alice=False)
    lines = [f"{option} ssh-ed25519 {M} mallory" for option in OTHER_OPTIONS]
    (server.etc / "authorized_keys.host").write_text("\n".join(lines) + f"\nssh-ed25519 {B} bob")
    assert [who(server, key) for key in (MALLORY, ALICE, BOB)] == [None, None, "bob"]
    named = server.faults()
    assert [fault.split(": ")[0] for fault in named] == [f"{HOST_FILE}:{n}" for n in range(1, len(lines) + 1)]
    assert {fault.split(": ")[1] for fault in named} == {OPTION}


@pytest.mark.parametrize("line", ['command="%s', "no-pty restrict %s", "no-pty,  pty %s", "'no-pty' %s", "x"], ids=repr)
def test_what_is_no_key(start, line):
    server = begin(start)
    (server.users / "mallory.pub").write_text(line.replace("%s", f"ssh-ed25519 {M}"))
    assert who(server, MALLORY) is None
    assert [fault.split(": ")[0] for fault in server.faults()] == [f"{DIR}/mallory.pub:1"]


def test_no_key_at_all(start):
    """Said once, until there has been one; a login fails as any other does."""
    server = begin(start, alice=False)
    assert who(server) is None and who(server) is None
    server.settle()
    assert len(server.faults()) == 1 and server.faults()[0].endswith("no usable key: nobody can log in")
    assert len(server.events("login", verdict="deny")) == 2
    server.admit(ALICE)
    assert who(server) == "alice"
    (server.users / "alice.pub").unlink()
    assert who(server) is None
    assert len(server.faults()) == 2


def test_more_faults_than_the_log_is_told(start):
    """A whole file of nonsense, which is no reason to lock out the rest."""
    server = begin(start)
    (server.etc / "authorized_keys.host").write_text("nonsense\n" * 20000)
    assert who(server) == "alice"
    named = server.faults()
    assert len(named) > 100 and named == [f"{HOST_FILE}:{n}: not a key" for n in range(1, len(named) + 1)]
    assert who(server) == "alice"
    assert server.faults() == named


# ---- elsewhere ----

@pytest.mark.parametrize("way", ["environment", "file that is named", "file in /etc/bastion"])
def test_settings(start, tmp_path, way):
    """The presets' places do not count then."""
    shutil.copy(f"{BOB}.pub", tmp_path / "bob.pub")
    (tmp_path / "place").write_text(f"{tmp_path}\n")

    def write(server):
        (server.etc / "AUTHORIZED_KEYS_DIR").write_text(str(tmp_path))
    server = begin(start, **{"environment": {"AUTHORIZED_KEYS_DIR": str(tmp_path)}, "file that is named": {"AUTHORIZED_KEYS_DIR_FILE": str(tmp_path / "place")},
                             "file in /etc/bastion": {"prepare": write}}[way])
    assert (who(server), who(server, BOB)) == (None, "bob")


def test_single_files_elsewhere(start, tmp_path):
    (tmp_path / "h").write_text(f"ssh-ed25519 {B}\n")
    (tmp_path / "r").write_text(f"ssh-ed25519 {M}\n")
    server = begin(start, AUTHORIZED_KEYS_HOST=str(tmp_path / "h"), AUTHORIZED_KEYS_REPO=str(tmp_path / "r"))
    assert [who(server, key) for key in (ALICE, BOB, MALLORY)] == ["alice", "h", "r"]


# ---- at the same time ----

class Rewriting:
    """Does something over and over on a thread of its own."""

    def __init__(self, *steps):
        self.steps, self.stopping, self.rounds = steps, False, 0
        self.thread = threading.Thread(target=self._work, daemon=True)

    def _work(self):
        while not self.stopping:
            for step in self.steps:
                step()
            self.rounds += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join()


def put(path, text):
    """As an editor or a deployment does it: never half of it."""
    Path(f"{path}.new").write_text(text)
    os.rename(f"{path}.new", path)


@pytest.mark.parametrize("count", [2, pytest.param(20, marks=pytest.mark.slow)])
@pytest.mark.parametrize("path", ["users.d/bob.pub", "authorized_keys.host"])
def test_never_half_a_file(start, count, path):
    """Alice is let in whatever happens to the others' keys meanwhile."""
    server = begin(start)
    others = "".join(some_key(n) + "\n" for n in range(200))
    steps = [lambda: put(server.etc / path, others + public(BOB)), lambda: put(server.users / "alice.pub", public(ALICE)), (server.etc / path).unlink]
    with Rewriting(*steps) as rewriting:
        for _ in range(3):
            assert together([lambda: who(server)] * count) == ["alice"] * count
    assert rewriting.rounds > 10


@pytest.mark.slow
def test_a_login_under_way_brings_no_key_back(start):
    """Others log in all the time: what they have read before a change must not undo it."""
    server = begin(start)
    with Rewriting(lambda: together([lambda: who(server)] * 4)):
        for _ in range(10):
            server.admit(BOB, "bob")
            assert who(server, BOB) == "bob"
            (server.users / "bob.pub").unlink()
            assert who(server, BOB) is None


def test_a_long_list_is_read_by_the_block(start):
    """And not by the byte, which a client with any key could have done as often as it likes."""
    def key(n):
        digits = "".join("ABCDEFGHIJ"[int(d)] for d in str(n))
        return f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{digits:A>43} of {n}\n"

    def calls():
        """read(2) and its kin, of the server and of its children that have ended."""
        return int(re.search(r"^syscr: (\d+)$", Path(f"/proc/{server.process.pid}/io").read_text(), re.M).group(1))

    server = start(SshServer, prepare=lambda server: (server.users / "many.pub").write_text("".join(key(n) for n in range(1000))))
    assert server.ssh().stdout == b"ok\n"
    server.settle()
    before = calls()
    assert server.ssh().stdout == b"ok\n" and server.ssh(key=MALLORY).returncode == 255
    server.settle()
    assert 0 < calls() - before < 4000
