"""`bastion check` on what the system allows, and on what does not work for lack of it."""
import os
import re
import subprocess
from pathlib import Path

import pytest
from check_harness import AGENT
from harness import BASTION, OWN_FOLDERS, SYSTEM_PATH, TOKEN, private
from ssh_harness import AGENT_UID

pytestmark = pytest.mark.root

ALL = ["CHOWN", "FOWNER", "SETGID", "SETUID", "KILL"]


def look_with(*become, command="id"):
    env = {"PATH": SYSTEM_PATH, "FORCE_COMMAND": command, "HTTP_TOKEN": TOKEN, "SSH_USER": "agent"}
    return subprocess.run(private(OWN_FOLDERS + AGENT.format(uid=AGENT_UID, shell=BASTION), [*become, BASTION, "check"]), env=env, capture_output=True, text=True)


def with_capabilities(names):
    only = ",".join(["-all", *(f"+{name.lower()}" for name in names)])
    return look_with("setpriv", f"--bounding-set={only}", f"--inh-caps={only}")


def here(found):
    return re.search("^here: (.*)$", found.stdout, re.M)[1]


def test_here():
    found = look_with()
    assert here(found).startswith("root, uid 0; capabilities ") and os.uname().release in here(found)
    assert all(word in here(found) for word in ("no_new_privs off", "/ writable", "andlock", "seccomp "))
    assert "no_new_privs on" in here(look_with("setpriv", "--no-new-privs"))


def test_no_filters_of_calls():
    without = ["/usr/bin/python3", str(Path(__file__).parent / "without_calls.py"), "seccomp"]
    assert "warning: seccomp: there are no filters of system calls here" in look_with(*without).stdout
    assert "there are no filters" not in look_with().stdout


def test_no_landlock():
    without = ["/usr/bin/python3", str(Path(__file__).parent / "without_calls.py"), "landlock"]
    assert "; no Landlock; " in here(look_with(*without))


def test_all_capabilities():
    """As the first process of a user namespace has them, whatever this machine has left of them."""
    assert "capabilities all; " in here(look_with("unshare", "--user", "--map-root-user"))


def test_nothing_is_known_without_proc():
    found = look_with("sh", "-c", 'umount -l /proc && exec "$@"', "sh")
    assert "not looked at: /proc/self/status: is not there" in found.stdout and "capabilities none" in here(found)
    assert "is missing" not in found.stdout + found.stderr


def test_nobody_takes_the_log_of_inetd():
    found = look_with("sh", "-euc", 'mount -t tmpfs tmpfs /dev; exec "$@"', "sh")
    assert "no /dev/log: " in found.stdout and found.returncode == 0
    found = look_with("sh", "-euc", 'mount -t tmpfs tmpfs /dev; : >/dev/log; exec "$@"', "sh")
    assert "no /dev/log: " not in found.stdout


def test_few_capabilities():
    """Those that bastion(8) names are enough."""
    found = with_capabilities(ALL)
    assert found.returncode == 0 and "warning" not in found.stdout
    assert sorted(re.search("capabilities ([A-Z ]+);", here(found))[1].split()) == sorted(ALL)


@pytest.mark.parametrize("name, fault", [("SETUID", True), ("SETGID", True), ("CHOWN", True), ("FOWNER", False), ("KILL", False)])
def test_a_capability_is_missing(name, fault):
    found = with_capabilities([other for other in ALL if other != name])
    assert found.returncode == (78 if fault else 0)
    assert f"{'fault' if fault else 'warning'}: capabilities: {name} is missing: " in (found.stderr if fault else found.stdout)
    assert f"--cap-add {name}" in found.stdout + found.stderr


@pytest.mark.parametrize("program", ["sudo", "su", "/usr/bin/sudo"])
def test_sudo_without_new_privileges(program, tmp_path):
    """systemd's NoNewPrivileges and docker's no-new-privileges are its end."""
    become = ["setpriv", "--no-new-privs"]
    script = "mkdir /run/bin; ln -s /usr/bin/id /run/bin/sudo; ln -s /usr/bin/id /run/bin/su; mount --bind /run/bin /mnt\n"
    command = program if program.startswith("/run") else f"/mnt/{program.split('/')[-1]} systemctl reload nginx"
    env = {"PATH": SYSTEM_PATH, "FORCE_COMMAND": command, "HTTP_TOKEN": TOKEN, "SSH_USER": "agent"}

    def look(*become):
        return subprocess.run(private(OWN_FOLDERS + AGENT.format(uid=AGENT_UID, shell=BASTION) + script, [*become, BASTION, "check"]), env=env, capture_output=True, text=True)

    assert f"warning: {program.split('/')[-1]}: can't become anybody here: no_new_privs is on for commands: as bastion has itself" in look(*become).stdout
    assert "warning" not in look().stdout
