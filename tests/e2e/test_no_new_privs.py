"""NO_NEW_PRIVS: whether a command can gain anything by a program that is setuid."""
import os
import re
import shutil
import subprocess

import pytest
from harness import BASTION, OWN_FOLDERS, SYSTEM_PATH, TOKEN, ask, private
from init_harness import InitServer
from ssh_harness import AGENT_UID, SshServer
from test_ssh_other_sshds import OtherSshd

pytestmark = pytest.mark.root

# Who a setuid program of root's is, and what the kernel says of the shell that starts it.
LOOK = "$T/id -u; while read name value; do [ $name != NoNewPrivs: ] || echo $value; done </proc/self/status"


def place(server):
    """id(1) of our own, setuid."""
    shutil.copy("/usr/bin/id", server.t / "id")
    os.chown(server.t / "id", 0, 0)
    (server.t / "id").chmod(0o4755)


def seen(text, uid):
    """Whether the command gained anything."""
    found = text.decode().split()
    assert found in (["0", "0"], [str(uid), "1"])
    return found[0] == "0"


@pytest.mark.parametrize("value", ["on", "off", None])
@pytest.mark.parametrize("kind", [None, SshServer])
def test_on_a_host(start, kind, value):
    """There commands may, unless it says otherwise."""
    if kind is None:
        server = start(FORCE_COMMAND=LOOK, NO_NEW_PRIVS=value, SSH_USER="nobody")
        place(server)
        assert seen(ask(server).body, 65534) == (value != "on")
    else:
        server = start(kind, FORCE_COMMAND=LOOK, NO_NEW_PRIVS=value)
        place(server)
        assert seen(server.ssh().stdout, AGENT_UID) == (value != "on")


@pytest.mark.parametrize("value", ["on", "off", None])
def test_in_the_container(start, value):
    """There they may not, unless it says otherwise: bastion is started without no_new_privs, as Docker does."""
    server = start(InitServer, prepare=place, no_new_privs=False, FORCE_COMMAND=LOOK, COMMAND_LOCK="off", NO_NEW_PRIVS=value)
    assert seen(ask(server).body, 1000) == (value == "off")
    assert seen(server.ssh().stdout, 1000) == (value == "off")
    why = "off" if value == "off" else "on: NO_NEW_PRIVS=on" if value == "on" else "on: NO_NEW_PRIVS is on by default here"
    assert f"\ncommands: no_new_privs {why}\n" in server.execute("/bin/bastion", "check").stdout


def test_under_another_sshd(start):
    """The login shell believes no variable; the setting is a file there."""
    server = start(OtherSshd, kind="openssh shell", FORCE_COMMAND=LOOK)
    place(server)
    assert seen(server.ssh().stdout, AGENT_UID)
    (server.etc / "NO_NEW_PRIVS").write_text("on\n")
    assert not seen(server.ssh().stdout, AGENT_UID)


def test_in_broker_mode(start):
    """Where no shell stands between."""
    for value in ("on", "off"):
        server = start(ALLOWED_COMMANDS=".*/id -u", FORCE_COMMAND=None, NO_NEW_PRIVS=value)
        place(server)
        assert ask(server, f"X-Bastion-Command: {server.t}/id -u").body == (b"0\n" if value == "off" else b"65534\n")


def check(*become, before="", **settings):
    env = {"PATH": SYSTEM_PATH, "HTTP_TOKEN": TOKEN, "SSH_USER": "nobody", "FORCE_COMMAND": "id", **settings}
    return subprocess.run(private(OWN_FOLDERS + before, [*become, BASTION, "check"]), env=env, capture_output=True, text=True)


def told(found):
    return re.search("^commands: no_new_privs (.*)$", found.stdout, re.M)[1]


def test_what_check_says():
    assert told(check()) == "off"
    assert told(check(NO_NEW_PRIVS="on")) == "on: NO_NEW_PRIVS=on"
    assert told(check("setpriv", "--no-new-privs", NO_NEW_PRIVS="off")).startswith("on: as bastion has itself (docker's ")
    closed = "chown nobody /etc/bastion"
    assert told(check(before=closed, NO_NEW_PRIVS="off")) == "on: Landlock, which closes files to them, takes it"
    found = check(NO_NEW_PRIVS="yes")
    assert found.returncode == 78 and "NO_NEW_PRIVS: must be one of: off on (from the environment)" in found.stderr


def test_what_check_says_of_sudo():
    there = "mkdir /run/bin; ln -s /usr/bin/id /run/bin/sudo"
    found = check(before=there, FORCE_COMMAND="/run/bin/sudo id", NO_NEW_PRIVS="on")
    assert "warning: sudo: can't become anybody here: no_new_privs is on for commands: NO_NEW_PRIVS=on\n" in found.stdout
    assert "become anybody" not in check(before=there, FORCE_COMMAND="/run/bin/sudo id").stdout


def test_closed_files_take_it(start):
    """As the manual says: who is under Landlock gains nothing either."""
    server = start(before=OWN_FOLDERS + "chown nobody /etc/bastion", FORCE_COMMAND=LOOK, NO_NEW_PRIVS="off", SSH_USER="nobody")
    place(server)
    assert not seen(ask(server).body, 65534)
