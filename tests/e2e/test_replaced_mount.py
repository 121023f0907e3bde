"""A file that is mounted by itself, and that something has replaced on the host since."""
import os
import shutil

import pytest
from harness import ask
from init_harness import InitServer
from ssh_harness import ALICE, MALLORY, named, public

pytestmark = pytest.mark.root

SAID = "is mounted as a single file that has been replaced since"
FILES = {"allowed-commands.list": "echo one\n", "authorized_keys.host": public(MALLORY), "HTTP_HOLD_MS": "5000\n"}
MOUNT = "\n".join(f'mount --bind "$home/{name}" "$root/etc/bastion/{name}"' for name in FILES)


def lay_out(server):
    for name, text in FILES.items():
        (server.etc / name).touch()
        (server.home / name).write_text(text)


def replace(server, name, text):
    """As sed -i and editors do."""
    (server.home / "new").write_text(text)
    os.replace(server.home / "new", server.home / name)


def said(server):
    return [f for f in named(server) if SAID in f]


def test_said_once_for_each_change(start):
    server = start(InitServer, prepare=lay_out, more=MOUNT, FORCE_COMMAND=None)
    assert ask(server, "X-Bastion-Command: echo one").body == b"one\n"
    assert server.ssh("echo one", key=MALLORY).stdout == b"one\n"
    assert said(server) == []
    replace(server, "allowed-commands.list", "echo two\n")
    for _ in range(2):
        assert ask(server, "X-Bastion-Command: echo one").body == b"one\n"  # that is what is mounted
        assert server.ssh("echo one").stdout == b"one\n"
    assert len(said(server)) == 1 and said(server)[0].startswith("/etc/bastion/allowed-commands.list: ")
    replace(server, "authorized_keys.host", "")
    replace(server, "HTTP_HOLD_MS", "1000\n")
    for _ in range(2):
        assert server.ssh("echo one", key=MALLORY).stdout == b"one\n"
        ask(server, "X-Bastion-Command: echo one")
    assert sorted(f.split()[0].rstrip(":") for f in said(server)) == [f"/etc/bastion/{name}" for name in sorted(FILES, key=lambda n: f"/etc/bastion/{n}")]
    checked = server.execute("/bin/bastion", "check").stdout
    for name in FILES:
        assert f"warning: /etc/bastion/{name}: {SAID}" in checked


def test_in_a_folder_nothing_is_old(start):
    server = start(InitServer, FORCE_COMMAND=None, prepare=lambda s: (s.etc / "allowed-commands.list").write_text("echo one\n"))
    for word in ("one", "two", "three"):
        (server.etc / "new").write_text(f"echo {word}\n")
        os.replace(server.etc / "new", server.etc / "allowed-commands.list")
        assert ask(server, f"X-Bastion-Command: echo {word}").body.decode() == word + "\n"
        shutil.copy(f"{ALICE}.pub", server.etc / "new")
        os.replace(server.etc / "new", server.users / "alice.pub")
        assert server.ssh(f"echo {word}").returncode == 0
    assert said(server) == []


def test_it_is_said_at_the_start(start):
    more = MOUNT + '\nfor f in "$home"/HTTP_HOLD_MS "$home"/authorized_keys.host; do cp $f $f.new; mv $f.new $f; done'
    server = start(InitServer, prepare=lay_out, more=more, FORCE_COMMAND=None)
    assert {f.split(": ")[0] for f in said(server)} == {"/etc/bastion/HTTP_HOLD_MS", "/etc/bastion/authorized_keys.host"}
