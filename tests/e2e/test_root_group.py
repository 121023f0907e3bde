"""No command has the group 0, which reads what is root's; and secrets that commands can read are named."""
import os
import stat

import pytest
from harness import OWN_FOLDERS, TOKEN, ask
from init_harness import InitServer
from ssh_harness import SshServer, named
from test_init import make_socket
from test_ssh_other_sshds import OtherSshd

pytestmark = pytest.mark.root

SECRET = "cat $T/secret; id -G"


def secret(server):
    (server.t / "secret").write_text("sesame\n")
    os.chown(server.t / "secret", 0, 0)
    (server.t / "secret").chmod(0o440)


def test_the_sockets_group(start):
    server = start(InitServer, prepare=secret, FORCE_COMMAND=SECRET, COMMAND_LOCK="off")
    make_socket(server, 0)
    for said in (ask(server).body, server.ssh().stdout):
        assert b"sesame" not in said and said.endswith(b"1000\n")
    socket = "python3 -c 'import os, socket; socket.socket(socket.AF_UNIX).bind(\"/run/x.sock\"); os.chmod(\"/run/x.sock\", 0o660)'"
    more = f'chroot "$root" /usr/bin/{socket}'.replace("/run/x.sock", "/run/docker.sock")
    server = start(InitServer, prepare=secret, FORCE_COMMAND=SECRET, more=more)
    found = [f for f in named(server) if "DOCKER_GROUP=0" in f]
    assert len(found) == 1 and "group 0" in found[0]
    assert b"sesame" not in ask(server).body
    assert found[0] in server.execute("/bin/bastion", "check").stdout


@pytest.mark.parametrize("group", ["0", "4711"])
def test_docker_group(start, group):
    """What it says is given, whatever the socket's group is."""
    server = start(InitServer, prepare=secret, FORCE_COMMAND=SECRET + "; test -w /run/docker.sock && echo may", COMMAND_LOCK="off", DOCKER_GROUP=group)
    make_socket(server, int(group))
    for said in (ask(server).body, server.ssh().stdout):
        assert said.endswith(f"1000 {group}\nmay\n".encode()) and (b"sesame" in said) == (group == "0")
    make_socket(server, 987)
    assert f"1000 {group}\n".encode() in ask(server).body
    assert not any("group 0" in f for f in named(server))


MEMBER = "echo 'agent:x:4242:4242::/:/bin/sh' >>/etc/passwd; sed -i 's/^root:x:0:.*/root:x:0:agent/' /etc/group\n"


def test_a_member_of_the_group(start):
    """Over HTTP the group is left out; where sshd would pass it on, nobody can log in."""
    server = start(before=OWN_FOLDERS + "sed -i /^agent:/d /etc/passwd\n" + MEMBER, SSH_USER="agent", FORCE_COMMAND="id -G")
    assert ask(server).body == b"4242\n"
    member = "sed -i 's/^root:x:0:.*/root:x:0:agent/' /etc/group"
    ssh = start(SshServer, more=member)
    assert ssh.ssh().returncode == 255
    assert any("is in the group 0" in f and "gpasswd" in f for f in named(ssh))


def test_a_member_of_the_group_under_another_sshd(start):
    class Member(OtherSshd):
        def lay_out(self):
            super().lay_out()
            self.more += "sed -i 's/^root:x:0:.*/root:x:0:agent/' /etc/group\n"

    server = start(Member, kind="openssh shell")
    assert server.ssh().returncode == 78
    assert any("in the group 0" in f for f in named(server))


def test_an_account_whose_group_it_is(start):
    before = OWN_FOLDERS + "sed -i /^agent:/d /etc/passwd; echo 'agent:x:4242:0::/:/bin/sh' >>/etc/passwd\n"
    server = start(before=before, SSH_USER="agent")
    assert ask(server).status == 500
    assert "has the group 0" in server.events("fault")[0]["reason"]


def test_started_with_it(start):
    """As another account than root, that has it: it can't be left, and is named."""
    server = start(InitServer, user="4321:0", mode="1777", FORCE_COMMAND="id -G")
    assert ask(server).body == b"0\n"
    assert sum("--user 1000:1000" in f for f in named(server)) == 1


# ---- secrets ----

@pytest.mark.parametrize("mode, uid, gid, exposed", [(0o400, 0, 0, False), (0o600, 0, 0, False), (0o440, 0, 0, False), (0o444, 0, 0, True), (0o644, 0, 0, True),
                                                     (0o440, 0, 1000, True), (0o400, 1000, 0, True), (0o440, 0, 4711, False)])
def test_exposed_secrets(start, mode, uid, gid, exposed):
    def prepare(server):
        (server.etc / "token").write_text(TOKEN)
        os.chown(server.etc / "token", uid, gid)
        (server.etc / "token").chmod(mode)

    server = start(InitServer, prepare=prepare, capabilities="-all,+setuid,+setgid,+chown,+fowner,+kill,+dac_override", HTTP_TOKEN_FILE="/etc/bastion/token",
                   HTTP_TOKEN=None, HTTP_PORT="18080")
    found = [f for f in named(server) if "is a secret that commands can read" in f]
    assert len(found) == exposed and all(f.startswith("/etc/bastion/token: ") and "chmod 600" in f for f in found)
    checked = server.execute("/bin/bastion", "check").stdout
    assert ("is a secret that commands can read" in checked) == exposed


def test_an_exposed_host_key(start):
    def prepare(server):
        os.chown(server.keys, 1000, 1000)

    server = start(InitServer, prepare=prepare, capabilities="-all,+setuid,+setgid,+chown,+fowner,+kill,+dac_override")
    key = server.keys / "ssh_host_ed25519_key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600 and not any("secret" in f for f in named(server))
    os.chown(key, 1000, 1000)
    assert "ssh_host_ed25519_key: is a secret that commands can read" in server.execute("/bin/bastion", "check").stdout
