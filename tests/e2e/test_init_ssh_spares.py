"""Processes that are ready for SSH before a client is there (test_init_spares.py has those for HTTP): bastion ssh has read its
settings, and the process that will be tinysshd is confined. Neither has read a key."""
import os
import shutil
import signal
import socket
import subprocess
import time

import pytest
from harness import ask, is_alive, parent, wait_for
from init_harness import InitServer, children, is_ready
from ssh_harness import MALLORY, make_key, public
from test_init_spares import SEEN, age, lay_out, seen, writable_memory, write_in_place

pytestmark = pytest.mark.root


@pytest.fixture
def server(start):
    return start(InitServer, FORCE_COMMAND=None, COMMAND_LOCK="off", prepare=lambda s: (s.etc / "FORCE_COMMAND").write_text("echo a"))


def ready(server):
    server.wait_rest()
    spare, = server.spares("ssh")
    return spare


def serving(server):
    """The process of each connection that is being served over SSH."""
    return [p for p in server.processes("bastion", "ssh") if parent(p) == server.pid and p not in server.spares("ssh")]


# ---- a connection ----

def test_a_connection_is_given_to_one_that_is_ready(server):
    layouts = set()
    for _ in range(3):
        spare = ready(server)
        daemon, = children(spare)
        with socket.create_connection(("127.0.0.1", server.ssh_port)) as s:
            assert s.recv(4) == b"SSH-"
            assert serving(server) == [spare] and children(spare) == [daemon]
            layouts |= {lay_out(spare), lay_out(daemon)}
        wait_for(lambda: not is_alive(spare) and not is_alive(daemon), "it serves one connection")
    assert len(layouts) == 6


def test_a_login(server):
    spare = ready(server)
    assert server.ssh().stdout == b"a\n"
    wait_for(lambda: not is_alive(spare), "it has served it")
    login, = server.events("login", verdict="allow")
    assert (login["peer"], login["user"], login["channel"]) == ("127.0.0.1", "alice", "ssh")
    assert login["run"] == server.events("start")[0]["run"]


def test_the_command_sees_no_difference(start):
    with_one, without = start(InitServer, FORCE_COMMAND=SEEN), start(InitServer, FORCE_COMMAND=SEEN, SPARE="0")
    with_one.wait_rest()
    one, other = (seen(server, server.ssh().stdout) for server in (with_one, without))
    assert one == other != []


def test_times_begin_with_the_connection(server):
    spare = wait_for(lambda: next((p for p in server.spares("ssh") if is_ready(p) and age(p) > 2), None), "one that has waited")
    before = time.monotonic()
    assert server.ssh().stdout == b"a\n"
    assert not is_alive(spare) or spare not in server.spares()
    assert server.wait_event("logout")[0]["ms"] <= (time.monotonic() - before) * 1000


# ---- keys ----

def test_keys_are_read_for_the_connection(server):
    """Those of the connection's time, and of its client's address."""
    for change in (lambda: server.admit(MALLORY, "mallory"), lambda: (server.users / "mallory.pub").unlink(),
                   lambda: (server.users / "mallory.pub").write_text('from="192.0.2.1" ' + public(MALLORY)),
                   lambda: (server.users / "mallory.pub").write_text('from="127.0.0.0/8" ' + public(MALLORY))):
        ready(server)
        change()
        ready(server)
        expected = b"a\n" if (server.users / "mallory.pub").exists() and "192" not in (server.users / "mallory.pub").read_text() else b""
        assert server.ssh(key=MALLORY).stdout == expected


def test_a_key_that_expires_while_one_is_ready(server):
    (server.users / "mallory.pub").write_text(f'expiry-time="{time.strftime("%Y%m%d%H%M%S", time.gmtime(time.time() + 4))}Z" ' + public(MALLORY))
    spare = ready(server)
    time.sleep(5)
    assert server.ssh(key=MALLORY).returncode == 255
    wait_for(lambda: not is_alive(spare), "it has served it")
    assert server.ssh().stdout == b"a\n"


def test_a_role_and_its_keys(server):
    """ROLES_DIR is looked at by each connection."""
    role = server.etc / "roles/deploy"
    (role / "users.d").mkdir(parents=True)
    (role / "FORCE_COMMAND").write_text("echo deploy")
    ready(server)
    (role / "users.d/mallory.pub").write_text(public(MALLORY))
    assert server.ssh(key=MALLORY).stdout == b"deploy\n"
    ready(server)
    (role / "FORCE_COMMAND").write_text("echo again!")
    assert server.ssh(key=MALLORY).stdout == b"again!\n"
    ready(server)
    (role / "users.d/mallory.pub").unlink()
    assert server.ssh(key=MALLORY).returncode == 255


def secret(server):
    text = subprocess.run(["ssh-keygen", "-y", "-f", server.keys / "ssh_host_ed25519_key"], capture_output=True, text=True, check=True).stdout
    tinysshd_form = server.inside("/run/bastion/hostkey/.ed25519.sk").read_bytes()
    assert len(tinysshd_form) == 64 and text.startswith("ssh-ed25519 ")
    return tinysshd_form[:32]


def test_what_is_ready_has_no_host_key(server):
    key = secret(server)
    spare = ready(server)
    for pid in (spare, *children(spare)):
        assert not any(key in data for data in writable_memory(pid))


def host_key(server):
    """As a client sees it."""
    done = subprocess.run(["ssh-keyscan", "-p", str(server.ssh_port), "-t", "ed25519", "127.0.0.1"], capture_output=True, text=True)
    return done.stdout.split()[-1]


def test_a_host_key_that_is_replaced(server):
    before = host_key(server)
    ready(server)
    other = make_key(server.home, "other")
    shutil.copyfile(other, server.keys / "ssh_host_ed25519_key")
    assert host_key(server) == public(other).split()[1] != before


# ---- changes ----

def test_a_setting(server):
    spare = ready(server)
    write_in_place(server.etc / "FORCE_COMMAND", "echo b")
    assert server.ssh().stdout == b"b\n"
    wait_for(lambda: not is_alive(spare), "nothing that was ready before is left")


def test_an_account_that_is_taken_away(server):
    spare = ready(server)
    passwd = server.inside("/run/bastion/passwd")
    passwd.write_text(passwd.read_text().replace("agent:x:1000", "agent:x:0000"))
    assert server.ssh().returncode == 255
    wait_for(lambda: not is_alive(spare), "nothing that was ready before is left")


@pytest.mark.parametrize("folder", ["hostkey", "ssh"])
def test_a_folder_in_the_place_of_another(server, folder):
    """Landlock knows it by its inode: a new process is made for it, whoever took it away."""
    spare = ready(server)
    server.inside(f"/run/bastion/{folder}").rename(server.inside("/run/bastion/old"))
    assert server.ssh().stdout == b"a\n"
    wait_for(lambda: not is_alive(spare), "it has served it")
    assert not server.events("error")


def test_an_upgrade(server):
    """Of each program, put in the place of the old one."""
    for name in ("bastion", "tinysshd"):
        spares = server.wait_spares() + [ready(server)]
        shutil.copy(server.root / f"bin/{name}", server.root / "bin/new")
        (server.root / "bin/new").rename(server.root / f"bin/{name}")
        assert server.ssh().stdout == b"a\n"
        if name == "bastion":
            wait_for(lambda: not any(map(is_alive, spares)), "none is the old program")
            server.settle()


# ---- what ends ----

@pytest.mark.parametrize("which", ["bastion", "tinysshd"])
def test_one_that_is_killed(server, which):
    spare = ready(server)
    daemon, = children(spare)
    lines = len(server.events())
    os.kill({"bastion": spare, "tinysshd": daemon}[which], signal.SIGKILL)
    wait_for(lambda: not is_alive(daemon), "its end")
    assert server.ssh().stdout == b"a\n"
    assert {e["event"] for e in server.events()[lines:]} <= {"login", "logout", "start", "end"}


def test_the_end_of_bastion_init(server):
    spare = ready(server)
    everybody = [spare, *children(spare)]
    server.tell()
    assert server.end() == 0
    assert not any(map(is_alive, everybody))


def test_commands_can_not(start):
    server = start(InitServer, COMMAND_LOCK="off", FORCE_COMMAND="for p in /proc/[0-9]*; do [ -O $p ] || { kill -9 ${p#/proc/}; cat $p/mem; ls $p/fd; }; done 2>/dev/null; echo ok")
    spare = ready(server)
    daemon, = children(spare)
    assert ask(server).body == b"ok\n"
    server.settle()
    assert ready(server) == spare and children(spare) == [daemon]


def test_a_health_check(server):
    """It takes one, and leaves no line."""
    ready(server)
    lines = len(server.events())
    assert server.execute("/bin/bastion", "health").returncode == 0
    server.settle()
    assert len(server.events()) == lines
