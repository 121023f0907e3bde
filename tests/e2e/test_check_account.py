"""`bastion check` on the account, its login shell, RUN_DIR, and what an SSH login needs on the disk."""
from pathlib import Path

import pytest
from check_harness import look
from harness import BASTION
from ssh_harness import ALICE, public

pytestmark = pytest.mark.root

KEY = {"users.d/alice.pub": public(ALICE)}  # with a key there, SSH is configured


def one_fault(*words, **options):
    found = look(**options)
    assert found.code == 78 and len(found.faults) == 1 and all(word in found.faults[0] for word in words), found


# ---- the account ----

def test_no_such_account():
    one_fault("SSH_USER: there is no account nobody-here", "(from the environment)", SSH_USER="nobody-here")


def test_name_that_is_none():
    """It is said once, and nobody is looked for."""
    found = look(SSH_USER="a b", before="sed -i /^agent/d /etc/passwd")
    assert found.code == 78 and [fault.split(":")[0] for fault in found.faults] == ["SSH_USER"]


def test_no_account_by_default():
    one_fault("SSH_USER: there is no account agent", "(by default)", SSH_USER=None, before="sed -i /^agent/d /etc/passwd")


@pytest.mark.parametrize("uid, word", [(0, "is root"), (65524, "PROXY protocol"), (65526, "/dev/log"), (65527, "TLS key")])
def test_account_that_is_unfit(uid, word):
    found = look(before=f"sed -i 's/^agent:x:[0-9]*/agent:x:{uid}/' /etc/passwd")
    assert found.code == 78 and word in found.faults[0]


def test_as_an_ordinary_account():
    """It says what it did not look at, and judges what is there as if it were started so."""
    found = look(user=65534, RUN_DIR="/run/own", before="mkdir /run/own; chown 65534 /run/own")
    assert found.code == 0 and found.lines("not looked at")[0].startswith("SSH_USER: ") and found.verdict.endswith("1 thing not looked at.")
    found = look(user=65534, RUN_DIR="/run/own", files=KEY, before="mkdir /run/own; chown 65534 /run/own")
    assert any(line.startswith("SSH: ") and "root" in line for line in found.lines("not looked at"))
    assert found.code == 0


def test_a_secret_that_this_account_cannot_read():
    found = look(user=65534, HTTP_TOKEN=None, files={"HTTP_TOKEN": "0123456789abcdef"}, RUN_DIR="/run/own",
                 before="mkdir /run/own; chown 65534 /run/own; chmod 600 /etc/bastion/HTTP_TOKEN")
    assert found.code == 78 and "Permission denied (from /etc/bastion/HTTP_TOKEN); bastion as this account can't read it, as root perhaps" in found.faults[0]


# ---- the login shell ----

def test_ssh_needs_bastion_as_the_shell():
    shell = "sed -i 's,^\\(agent:.*\\):.*,\\1:/bin/sh,' /etc/passwd"
    one_fault("SSH_USER: the login shell of agent", "it must be bastion", files=KEY, before=shell)
    assert look(before=shell).code == 0  # over HTTP it does not matter


def test_shell_that_is_missing():
    one_fault("/nowhere/bastion", "No such file", files=KEY, before="sed -i 's,^\\(agent:.*\\):.*,\\1:/nowhere/bastion,' /etc/passwd")


def test_shell_that_the_account_can_read():
    """The tests' own copy is such a one, or not, as the build made it."""
    found = look(before=f"mkdir /run/x; cp {BASTION} /run/x/bastion; chmod 755 /run/x/bastion; sed -i 's,^\\(agent:.*\\):.*,\\1:/run/x/bastion,' /etc/passwd")
    assert found.code == 0 and "chmod 711 /run/x/bastion" in found.warnings[0]


def test_shells():
    """Other sshds ask for it, bastion ssh does not."""
    before = "echo /bin/sh >/etc/shells"
    files = {"FORCE_COMMAND": "id", "SSH_USER": "agent"}
    found = look("--files", files=files, before=before)
    assert found.code == 0 and any("is not in /etc/shells" in w for w in found.warnings)
    found = look("--files", files=files, before=f"{before}; echo {BASTION} >>/etc/shells")
    assert not any("/etc/shells" in w for w in found.warnings)
    assert look(files=files, before=before).warnings == []
    found = look("--files", files=files)  # where it is not there, nobody asks for it
    assert found.code == 0 and not any("/etc/shells" in w for w in found.warnings)


# ---- RUN_DIR ----

RUN_DIRS = {
    "missing": ("", "make it (mkdir -p"),
    "a file": ("touch /run/own", "not a directory"),
    "another's": ("mkdir /run/own; chown 4242 /run/own", "belongs to another account than root: chown root"),
    "for everybody": ("mkdir -m 777 /run/own", "chmod go-w"),
    "for a group": ("mkdir -m 775 /run/own", "chmod go-w"),
    "a link to nowhere": ("ln -s /run/nowhere /run/own", "No such file"),
    "read-only": ("mkdir /run/own; mount --bind /run/own /run/own; mount -o remount,bind,ro /run/own", "read-only"),
}


@pytest.mark.parametrize("kind", RUN_DIRS)
def test_run_dir(kind):
    """Without the lock it is no fault."""
    before, word = RUN_DIRS[kind]
    one_fault("RUN_DIR: /run/own: ", word, "(from the environment)", before=before, RUN_DIR="/run/own")
    found = look(before=before, RUN_DIR="/run/own", COMMAND_LOCK="off")
    assert found.code == 0 and len(found.warnings) == 1 and word in found.warnings[0]


def test_run_dir_by_default():
    one_fault("RUN_DIR: /run/bastion: ", "make it", "(by default)", before="rmdir /run/bastion")


# ---- SSH ----

def test_ssh_as_it_should_be():
    found = look(files=KEY)
    assert (found.code, found.warnings) == (0, [])
    assert found.lines("host key") == ["none yet; the first SSH connection makes one"]


FOLDERS = {
    "/run for everybody": ("chmod 777 /run", "/run: must be a directory that root owns"),
    "/run another's": ("chown 4242 /run", "/run: must be a directory that root owns"),
    "/run/bastion for a group": ("chmod 775 /run/bastion", "/run/bastion: must be"),
    "keys another's": ("mkdir /run/bastion/ssh; chown 4242 /run/bastion/ssh", "/run/bastion/ssh: must be"),
    "a folder of its own": ("mkdir /home/agent/.ssh", "is not a link to /run/bastion/ssh"),
    "a link elsewhere": ("ln -s /tmp /home/agent/.ssh", "is not a link to /run/bastion/ssh"),
    "a home that is missing": ("rmdir /home/agent", "can't be made: No such file"),
    "a home that is read-only": ("mount -o remount,ro /home", "can't be made: Read-only"),
}


@pytest.mark.parametrize("kind", FOLDERS)
def test_folders(kind):
    """Only where SSH is configured."""
    before, word = FOLDERS[kind]
    found = look(files=KEY, before=before)
    assert found.code == 78 and any(word in fault for fault in found.faults), found
    if "/run/bastion for" not in kind:
        assert look(before=before, FORCE_COMMAND="id").code == 0


def test_a_link_that_leads_there_already():
    """Also while there is nothing behind it: after a reboot, say."""
    assert look(files=KEY, before="ln -s /run/bastion/ssh /home/agent/.ssh").code == 0
    assert look(files=KEY, before="ln -s /run/bastion/ssh /home/agent/.ssh; mkdir /run/bastion/ssh").code == 0


def test_tinysshd_is_missing():
    found = look(files=KEY, before=f"mkdir /run/x; cp {BASTION} /run/x/bastion; chmod 711 /run/x/bastion; sed -i 's,^\\(agent:.*\\):.*,\\1:/run/x/bastion,' /etc/passwd", program="/run/x/bastion")
    assert found.code == 78 and len(found.faults) == 1 and found.faults[0].startswith("tinysshd: not found as /run/x/")


# ---- the container ----

IMAGE = """
rm /etc/passwd /etc/group; ln -s /run/bastion/passwd /etc/passwd; ln -s /run/bastion/group /etc/group
rmdir /run/bastion; chmod 1777 /run; ln -s /run/bastion/ssh /home/agent/.ssh
"""


def test_in_the_image_before_init():
    """The accounts and /run are what init makes."""
    assert look(before=IMAGE).code == 0
    assert look(before=IMAGE, files=KEY).code == 0
    found = look(before=IMAGE, SSH_USER="root")
    assert found.code == 78 and "must not be root" in found.faults[0]


def test_in_the_image_with_nothing_to_serve():
    one_fault("HTTP_BASIC_AUTH, HTTP_TOKEN: neither is set", "no key", before=IMAGE, HTTP_TOKEN=None)
    assert look(before=IMAGE, HTTP_TOKEN=None, files=KEY).code == 0


def test_in_the_image_read_only():
    """Without memory at /run there is no place for anything."""
    one_fault("RUN_DIR: /run/bastion", before=IMAGE + "mount -o remount,ro /run")


def test_in_the_image_as_another_account():
    """Over SSH it needs a /run of its own; the account is made for it."""
    found = look(before=IMAGE, files=KEY, user=1000)
    assert [fault.split(":")[0] for fault in found.faults] == ["/run"] and "--tmpfs /run:uid=1000" in found.faults[0]
    assert look(before=IMAGE, user=1000).code == 0
    assert look(before=IMAGE, files=KEY, user=1000, SSH_PORT="off").code == 0
    assert look(before=IMAGE + "chown 1000 /run; chmod 755 /run", files=KEY, user=1000).code == 0


# ---- other accounts ----

def test_other_accounts_where_nothing_can_be_traced():
    """bastion ssh can't tell there who has logged in."""
    other = "echo other:x:4242:4242::/run/other:/bin/sh >>/etc/passwd; mkdir -p /run/other/.ssh; touch /run/other/.ssh/authorized_keys"
    without = ["/usr/bin/python3", str(Path(__file__).parent / "without_calls.py"), "ptrace"]
    one_fault("other could log in by /run/other/.ssh/authorized_keys", files=KEY, before=other, become=without)
    assert look(files=KEY, before=other).code == look(files=KEY, become=without).code == 0
