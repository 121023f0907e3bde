"""Files among the keys that are no files of keys: the log says once what each is, and who can log in does not change."""
import shutil
import subprocess

import pytest
from harness import BASTION
from ssh_harness import ALICE, KEYS, SshServer, make_key, public

pytestmark = pytest.mark.root

DIR = "/etc/bastion/users.d"
BOB = make_key(KEYS, "bob-of-files", comment="bob@desk")
RSA = make_key(KEYS, "rsa-of-files", kind="rsa", comment="rsa@desk")
RFC4716 = subprocess.run(["ssh-keygen", "-e", "-f", f"{BOB}.pub"], capture_output=True, check=True).stdout
PEM = subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519"], capture_output=True, check=True).stdout
PEM_PUBLIC = subprocess.run(["openssl", "pkey", "-pubout"], input=PEM, capture_output=True, check=True).stdout
PPK = subprocess.run(["puttygen", str(BOB), "-O", "private", "-o", "/dev/stdout"], capture_output=True).stdout or b"PuTTY-User-Key-File-3: ssh-ed25519\n"

SECRET = "a PRIVATE KEY: take it away from here"


def lets_in(server, key):
    return server.ssh(key=key).returncode == 0


# What is saved as bob.pub, and what the log says of it.
FILES = {
    "UTF-16 LE": (b"\xff\xfe" + public(BOB).encode("utf-16-le"), "text in UTF-16"),
    "UTF-16 BE": (b"\xfe\xff" + public(BOB).encode("utf-16-be"), "text in UTF-16"),
    "UTF-16 without a mark": (public(BOB).encode("utf-16-le"), "text in UTF-16"),
    "RFC 4716": (RFC4716, "a key in the form of RFC 4716"),
    "PEM": (PEM_PUBLIC, "a public key in PEM"),
    "HTML": (b"<!DOCTYPE html>\n<html lang=\"en\">\n<title>Page not found</title>\n", "a page in HTML"),
    "HTML, later": (b"\r\n\r\n<html>\n", "a page in HTML"),
    "JSON": (b'{"message":"Not Found","status":"404"}', "JSON and no key"),
    "Not Found": (b"Not Found", "the words Not Found"),
    "OpenSSH's private key": (BOB.read_bytes(), SECRET),
    "RSA private key": (RSA.read_bytes(), SECRET),
    "PKCS#8": (PEM, SECRET),
    "PuTTY": (PPK, SECRET),
}


@pytest.mark.parametrize("kind", FILES)
def test_what_it_is(start, kind):
    """One line for the file, with nothing of its content, however many connections come and however many lines it has."""
    content, said = FILES[kind]
    server = start(SshServer)
    (server.users / "bob.pub").write_bytes(content)
    assert [lets_in(server, key) for key in (BOB, ALICE, ALICE)] == [False, True, True]
    [fault] = server.faults()
    assert fault.startswith(f"{DIR}/bob.pub: {said}")
    assert not [line for line in content.split(b"\n")[1:-1] if len(line) > 20 and line in server.log_text()]


@pytest.mark.parametrize("path", ["users.d/bob.pub", "authorized_keys.repo"])
def test_a_byte_order_mark_is_no_part_of_a_key(start, path):
    """As it is none of a rule."""
    server = start(SshServer)
    (server.etc / path).write_bytes(b"\xef\xbb\xbf" + public(BOB).encode())
    assert lets_in(server, BOB) and server.faults() == []


def test_keys_beside_something_else_count(start):
    """What could log in before the file was named still can."""
    server = start(SshServer)
    (server.etc / "authorized_keys.host").write_bytes(b"<!-- ours -->\n" + public(BOB).encode() + BOB.read_bytes())
    assert lets_in(server, BOB)
    assert f"/etc/bastion/authorized_keys.host: {FILES['HTML'][1]}" in server.faults()[0]


# ---- other names ----

NAMES = [("bob", "bob"), ("bob.keys", "bob"), ("bob.key", "bob"), ("bob.txt", "bob"), ("bob.pub.txt", "bob"), ("BOB.PUB", "bob"), ("Bob.Pub", "Bob"), ("bob.smith", "bob.smith"),
         ("b", "b")]


@pytest.mark.parametrize("name, better", NAMES)
@pytest.mark.parametrize("content", [public(BOB).encode(), b"\xef\xbb\xbf" + public(BOB).encode(), public(RSA).encode(), RFC4716], ids=["key", "BOM", "RSA", "RFC 4716"])
def test_a_name_that_is_not_read(start, name, better, content):
    server = start(SshServer)
    (server.users / name).write_bytes(content)
    assert [lets_in(server, key) for key in (BOB, ALICE)] == [False, True]
    assert server.faults() == [f"{DIR}/{name}: is not read, since its name does not end in .pub: rename it to {better}.pub"]


def test_a_private_key_beside_its_public_half(start):
    server = start(SshServer)
    shutil.copy(ALICE, server.users / "id_ed25519")
    assert lets_in(server, ALICE)
    [fault] = server.faults()
    assert fault.startswith(f"{DIR}/id_ed25519: {SECRET}")


@pytest.mark.parametrize("name", ["bob.pub~", "bob.pub.bak", "bob.off", "bob.disabled", ".bob.pub", "bob.pub.old"])
def test_what_was_put_aside_is_no_mistake(start, name):
    server = start(SshServer)
    shutil.copy(f"{BOB}.pub", server.users / name)
    assert [lets_in(server, key) for key in (BOB, ALICE)] == [False, True]
    assert server.faults() == []


def test_what_holds_no_key_is_no_mistake(start):
    server = start(SshServer)
    (server.users / "README").write_text("One file a person.\n")
    (server.users / "empty").touch()
    (server.users / "more").mkdir()
    (server.users / "link").symlink_to("/dev/zero")
    assert lets_in(server, ALICE) and server.faults() == []


def test_a_crowd_of_other_files_hides_no_key(start):
    server = start(SshServer)
    for i in range(2000):
        (server.users / f"0{i}").touch()
    shutil.copy(f"{BOB}.pub", server.users / "zoe.pub")
    assert lets_in(server, BOB) and server.faults() == []


@pytest.mark.parametrize("name", [b"al\nice", b"\x1b[2J"])
def test_such_a_name_is_one_line(start, name):
    server = start(SshServer)
    shutil.copy(f"{BOB}.pub", bytes(server.users) + b"/" + name)
    assert lets_in(server, ALICE)
    assert len(server.faults()) == 1 and "?" in server.faults()[0]
    shown = subprocess.run(["nsenter", "-m", "-t", str(server.process.pid), BASTION, "check"], env=server.env, capture_output=True).stdout
    assert b"\x1b" not in shown and b"al\nice" not in shown
