"""`bastion check` on the keys of those who log in, and on the host's own."""
import shutil
import subprocess

import pytest
from check_harness import look
from ssh_harness import ALICE, KEYS, fingerprint, make_key, public

pytestmark = pytest.mark.root

DIR = "/etc/bastion/users.d"
ED = public(ALICE)
RSA, ECDSA = make_key(KEYS, "rsa-of-check", kind="rsa", comment="rsa@desk"), make_key(KEYS, "ecdsa-of-check", kind="ecdsa", comment="ecdsa@desk")
RFC4716 = subprocess.run(["ssh-keygen", "-e", "-f", f"{ALICE}.pub"], capture_output=True, text=True, check=True).stdout


def test_good_keys():
    found = look(files={"users.d/alice.pub": ED, "authorized_keys.repo": f"# ours\nno-pty {public(KEYS / 'mallory')}"})
    assert (found.code, found.warnings) == (0, [])
    assert found.lines("key") == [f'256 {fingerprint(ALICE)} "alice"  ({DIR}/alice.pub:1)',
                                  f'256 {fingerprint(KEYS / "mallory")} "authorized_keys.repo" no-pty  (/etc/bastion/authorized_keys.repo:2)']


@pytest.mark.parametrize("key", [RSA, ECDSA], ids=["rsa", "ecdsa"])
def test_a_key_of_another_type(key):
    """With what ssh-keygen says of it. The only one of a file: a fault, since somebody can't log in; else a warning."""
    kind, _, comment = public(key).split()
    said = f'a key of another type than ssh-ed25519: {kind} {fingerprint(key)} "{comment}"; its owner makes one that can be used: ssh-keygen -t ed25519'
    found = look(files={"users.d/alice.pub": ED, "users.d/bob.pub": public(key)})
    assert found.code == 78 and found.faults == [f"{DIR}/bob.pub:1: {said}"]
    found = look(files={"users.d/alice.pub": public(key) + ED})
    assert found.code == 0 and found.warnings == [f"{DIR}/alice.pub:1: {said}"]


BAD = {
    "torn": (ED[:40] + "\n" + ED[40:], ["a damaged key: ssh-ed25519", "has an option"]),
    "an option": (f'command="id" {ED}', ["has an option that is not obeyed"]),
    "UTF-16": (None, ["text in UTF-16"]),
    "RFC 4716": (RFC4716, ["RFC 4716"]),
    "HTML": ("<!DOCTYPE html>\n<html>\n", ["HTML"]),
    "private": (ALICE.read_text(), ["a PRIVATE KEY"]),
    "nonsense": ("hello\n", ["not a key"]),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_file_that_nobody_can_use(kind):
    content, words = BAD[kind]
    if content is None:
        content, before = "", f"printf '\\377\\376s\\0s\\0' >{DIR}/bob.pub"
    else:
        before = ""
    found = look(files={"users.d/alice.pub": ED, "users.d/bob.pub": content}, before=before)
    assert found.code == 78 and len(found.faults) == len(words)
    assert all(fault.startswith(f"{DIR}/bob.pub") and word in fault for fault, word in zip(found.faults, words))
    assert "AAAA" not in found.out + found.err and "b3Bl" not in found.out + found.err


@pytest.mark.parametrize("name, better", [("bob", "bob"), ("bob.keys", "bob"), ("BOB.PUB", "bob")])
def test_a_name_that_is_not_read(name, better):
    [fault] = look(files={"users.d/alice.pub": ED, f"users.d/{name}": public(RSA)}).faults
    assert fault == f"{DIR}/{name}: is not read, since its name does not end in .pub: rename it to {better}.pub"


def test_a_private_key_among_good_ones():
    """However many others can log in."""
    [fault] = look(files={"users.d/alice.pub": ED, "users.d/id_ed25519": ALICE.read_text()}).faults
    assert "a PRIVATE KEY" in fault


def test_a_mount_whose_source_is_missing():
    found = look(files={"users.d/alice.pub": ED}, before="mkdir /etc/bastion/authorized_keys.host")
    assert found.code == 78 and found.faults[0].startswith("/etc/bastion/authorized_keys.host: a folder, where a file is wanted")


def test_a_crowd_of_bad_lines():
    """Some are shown, the rest is counted."""
    found = look(files={"users.d/alice.pub": ED}, before=f"yes nonsense | head -n 1000 >>{DIR}/alice.pub")
    assert found.code == 0 and 50 < len(found.warnings) < 1000 and "more lines that can't be used" in found.warnings[-1]


def test_no_key_where_one_is_wanted():
    found = look(AUTHORIZED_KEYS_DIR="/etc/bastion/others.d")
    assert found.code == 78 and found.faults == ["AUTHORIZED_KEYS_DIR, _HOST, _REPO: no usable key: nobody can log in over SSH"]


def test_ssh_that_is_switched_off():
    """What it would need does not matter then."""
    before = "sed -i 's,^\\(agent:.*\\):.*,\\1:/bin/sh,' /etc/passwd"
    assert look(files={"users.d/alice.pub": ED}, before=before).code == 78
    assert look(files={"users.d/alice.pub": ED}, before=before, SSH_PORT="off").code == 0


def test_no_ssh_at_all():
    found = look()
    assert found.lines("key") == [] == found.lines("host key")


# ---- the host's key ----

@pytest.fixture
def host(tmp_path):
    return make_key(tmp_path, "ssh_host_ed25519_key", comment="root@old-host")


def test_host_key(host):
    shown = subprocess.run(["ssh-keygen", "-lf", host], capture_output=True, text=True, check=True).stdout.strip()
    assert look(SSH_KEYS=str(host.parent)).lines("host key") == [shown]


def test_host_key_that_is_damaged(host):
    host.write_text("nonsense")
    [fault] = look(files={"users.d/alice.pub": ED}, SSH_KEYS=str(host.parent)).faults
    assert fault.startswith(f"SSH_KEYS: {host}: ")


def test_host_key_with_a_passphrase(host, tmp_path):
    shutil.rmtree(tmp_path), tmp_path.mkdir()
    make_key(tmp_path, "ssh_host_ed25519_key", passphrase="sesame")
    assert look(files={"users.d/alice.pub": ED}, SSH_KEYS=str(tmp_path)).code == 78


def test_host_key_that_cannot_be_kept():
    found = look(files={"users.d/alice.pub": ED}, before="mount --bind /etc/ssh/keys /etc/ssh/keys; mount -o remount,bind,ro /etc/ssh/keys")
    assert found.code == 0 and "can't be kept there (Read-only" in found.warnings[0]
