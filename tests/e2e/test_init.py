"""bastion init: the start, in the right order or not at all; what it serves, and as whom."""
import os
import stat

import pytest
from harness import NotStarted, TOKEN, ask, is_listening, wait_for
from init_harness import InitServer
from ssh_harness import Terminal

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def plain(start_once):
    return start_once(InitServer, FORCE_COMMAND="echo x >>$T/runs; id -u; id -g; exit 3")


# ---- what it serves ----

def test_http_and_ssh(plain):
    answer = ask(plain)
    assert (answer.status, answer.code, answer.body) == (422, 3, b"1000\n1000\n")
    done = plain.ssh()
    assert (done.returncode, done.stdout) == (3, b"1000\n1000\n")
    assert [e["channel"] for e in plain.wait_event("end", 2)] == ["http", "ssh"]
    assert plain.wait_event("login")[0]["user"] == "alice"
    assert "http on port" in plain.events("ready")[0]["reason"]


def test_terminal(start):
    terminal = Terminal(start(InitServer, FORCE_COMMAND="stty size; tty; read line; exit 5"))
    assert b"33 99" in terminal.read_until(b"/dev/pts/")
    terminal.send(b"go\n")
    assert terminal.wait() == 5
    terminal.close()


def test_health(plain):
    before = plain.log_text()
    done = plain.execute("/bin/bastion", "health")
    assert (done.returncode, done.stdout) == (0, f"http on port {plain.port} answers; ssh on port {plain.ssh_port} answers; ok\n")
    plain.settle()
    assert plain.log_text() == before  # twice a minute, for ever


def test_health_of_nothing(start):
    server = start(InitServer)
    stopped = server.settings["SSH_PORT"] = "1"
    (server.inside("/run/bastion") / "listeners").write_text(f"ssh 127.0.0.1 {stopped}\n")
    done = server.execute("/bin/bastion", "health")
    assert (done.returncode, done.stdout) == (1, "ssh on port 1: no answer\n")


def test_addresses(start):
    """A port at every address, of both families; the peer of IPv4 is one of IPv4."""
    server = start(InitServer, address=None, FORCE_COMMAND="echo $BASTION_PEER; env | grep -c ^TCP")
    assert ask(server).body == b"127.0.0.1\n0\n"
    server.host = "::1"
    assert ask(server).body == b"::1\n0\n"


def test_address_of_ipv6(start):
    server = start(InitServer, address="::1", FORCE_COMMAND="echo $BASTION_PEER")
    server.host = "::1"
    assert ask(server).body == b"::1\n"


def test_what_another_superserver_said_does_not_count(start):
    server = start(InitServer, env={"TCPREMOTEIP": "192.0.2.1", "TCPREMOTEHOST": "evil", "PROTO": "SSL"},
                   FORCE_COMMAND="echo $BASTION_PEER; env | grep -E 'TCP|PROTO'")
    assert ask(server).body == b"127.0.0.1\n"


# ---- the settings ----

@pytest.mark.parametrize("settings, line", [
    ({"HTTPS_PORT": "0"}, "bastion init: HTTPS_PORT: must be a number from 1 to 65535, or off (from the environment)"),
    ({"COMMAND_LOCK": "perhaps"}, "bastion init: COMMAND_LOCK: must be one of: skip refuse wait off rerun join (from the environment)"),
    ({"TLS": "self-signed", "HTTPS_PORT": "2222", "SSH_PORT": "2222"}, "bastion init: HTTPS_PORT: the same port as SSH_PORT (from the environment)"),
    ({"SSH_USER": "root"}, "bastion init: SSH_USER: must not be root, as whom nothing runs"),
    ({"SSH_UID": "65527"}, "bastion init: SSH_UID: 65527 is the number that processes with a TLS key have"),
    ({"SSH_UID": "65524"}, "bastion init: SSH_UID: 65524 is the number that processes have which read the PROXY protocol"),
    ({"SSH_UID": "65526"}, "bastion init: SSH_UID: 65526 is the number that the process has which prints lines of /dev/log"),
    ({"FORCE_COMMAND": None, "ALLOWED_COMMANDS": "echo x\n(unclosed"}, "bastion check: ALLOWED_COMMANDS:2:"),
    ({"FORCE_COMMAND": None}, "bastion check: FORCE_COMMAND: not set"),
    ({"HTTP_TOKEN_FILE": "/nowhere", "HTTP_TOKEN": None}, "bastion init: HTTP_TOKEN: No such file or directory (from HTTP_TOKEN_FILE=/nowhere)"),
    ({"HTTP_PORT": "of"}, "bastion init: HTTP_PORT: must be a number from 1 to 65535, or off (from the environment)"),
    ({"HTTP_PORT": "off", "SSH_PORT": "off"}, "bastion init: HTTP_PORT, HTTPS_PORT, SSH_PORT, MUX_PORT: no port is on that can be served"),
    ({"HTTP_TOKEN": None, "SSH_PORT": "off"}, "bastion init: HTTP_BASIC_AUTH, HTTP_TOKEN: neither is set"),
    ({"RUN_DIR": "/nowhere/at/all"}, "bastion init: RUN_DIR: /nowhere/at/all: No such file or directory (from the environment)"),
    ({"RUN_DIR": "/tmp"}, "bastion init: RUN_DIR: /tmp: must belong to root or to the account that starts bastion, and be writable by nobody else"),
    ({"TLS_CERT": "/nowhere", "TLS_KEY": "/nowhere"}, "bastion check: TLS_CERT, TLS_KEY: /nowhere: No such file or directory"),
])
def test_invalid_settings(settings, line):
    with pytest.raises(NotStarted) as fault:
        InitServer(**settings)
    assert fault.value.code == 78
    assert fault.value.log.startswith(line) and fault.value.log.count("\n") == 1


def test_without_proc():
    with pytest.raises(NotStarted) as fault:
        InitServer(more='umount "$root/proc"')
    assert (fault.value.code, fault.value.log.count("\n")) == (78, 1) and fault.value.log.startswith("bastion init: /proc: is not mounted")


def test_a_bad_host_key(start):
    with pytest.raises(NotStarted) as fault:
        InitServer(prepare=lambda s: (s.keys / "ssh_host_ed25519_key").write_text("nonsense"))
    assert fault.value.code == 78 and fault.value.log.count("\n") == 1
    assert fault.value.log.startswith("bastion ssh: SSH_KEYS: /etc/ssh/keys/ssh_host_ed25519_key: ")


def test_a_bad_rule_of_the_file_is_no_reason(start):
    server = start(InitServer, FORCE_COMMAND=None,
                   prepare=lambda s: (s.etc / "allowed-commands.list").write_text("(x\necho [a-z]+\n"))
    assert ask(server, "X-Bastion-Command: echo fine").body == b"fine\n"


def test_snapshot(start):
    """What a login shell of another sshd reads; nothing of it is a secret, and nothing of an earlier start is left."""
    server = start(InitServer, FORCE_COMMAND="echo 'a\nb'", COMMAND_LOCK="wait", SSH_USER="deploy",
                   more='d=$root/run/bastion/settings; mkdir -p $d; echo x >$d/COMMAND_TIMEOUT; echo y >$d/HTTP_TOKEN')
    folder = server.inside("/run/bastion/settings")
    assert (folder / ".init").read_text() == ""
    (folder / ".init").unlink()
    assert {p.name: p.read_text() for p in folder.iterdir()} == {
        "FORCE_COMMAND": "echo 'a\nb'\n", "COMMAND_LOCK": "wait\n", "SSH_USER": "deploy\n", "AUDIT": "text\n"}
    assert all(p.stat().st_uid == 0 and stat.S_IMODE(p.stat().st_mode) == 0o644 for p in folder.iterdir())
    assert TOKEN.encode() not in b"".join(p.read_bytes() for p in server.inside("/run/bastion").rglob("*") if p.is_file())


def test_settings_from_files(start):
    """A ConfigMap, and a Secret that only root can read."""
    def fill(server):
        (server.etc / "FORCE_COMMAND").write_text("id -un\n")
        (server.etc / "HTTP_TOKEN").write_text(TOKEN + "\n")
        (server.etc / "HTTP_TOKEN").chmod(0o600)

    server = start(InitServer, FORCE_COMMAND=None, HTTP_TOKEN=None, prepare=fill, HTTP_PORT="19999")
    assert server.ssh().stdout == b"agent\n"
    server.port = 19999
    assert ask(server).body == b"agent\n"
    (server.etc / "FORCE_COMMAND").write_text("echo edited\n")
    assert ask(server).body == b"edited\n" and server.ssh().stdout == b"edited\n"


# ---- the accounts ----

def test_numbers_and_name(start):
    server = start(InitServer, SSH_USER="deploy", SSH_UID="4321", SSH_GID="99", FORCE_COMMAND="id -u; id -g; echo $HOME $USER")
    expected = b"4321\n99\n/home/agent deploy\n"
    assert ask(server).body == expected
    assert server.ssh(user="deploy").stdout == expected
    assert server.ssh(user="agent").returncode == 255


SOCKET = """
import os, socket, sys
path, group = sys.argv[1], int(sys.argv[2])
if os.path.exists(path):
    os.unlink(path)
socket.socket(socket.AF_UNIX).bind(path)
os.chown(path, 0, group)
os.chmod(path, 0o660)
"""


def make_socket(server, gid):
    assert server.execute("/usr/bin/python3", "-c", SOCKET, "/run/docker.sock", str(gid)).stderr == ""


def test_the_group_of_the_docker_socket(start):
    """Whatever its number is, and when it changes; over HTTP and SSH."""
    server = start(InitServer, FORCE_COMMAND="id -G; test -w /var/run/docker.sock && echo may", COMMAND_LOCK="off")
    assert ask(server).body == server.ssh().stdout == b"1000\n"
    for gid in (987, 4711, 1000):
        make_socket(server, gid)
        groups = b"1000 %d\nmay\n" % gid if gid != 1000 else b"1000\nmay\n"
        assert ask(server).body == server.ssh().stdout == groups
    make_socket(server, 0)  # root's group would be more than a socket
    assert ask(server).body == server.ssh().stdout == b"1000\n"
    (server.inside("/run") / "docker.sock").unlink()
    assert ask(server).body == server.ssh().stdout == b"1000\n"


# ---- with less ----

@pytest.mark.parametrize("given, settings, missing", [
    ("chown,fowner,kill", {}, "SETUID and SETGID"), ("setgid,chown,fowner,kill", {}, "SETUID"), ("setuid,chown,fowner,kill", {}, "SETGID"),
    ("", {}, "SETUID and SETGID"), ("setuid,setgid,fowner,kill", {}, "CHOWN"), ("setuid,setgid,fowner,kill", {"COMMAND_LOCK": "off"}, "CHOWN"),
    ("setuid,setgid,fowner,kill", {"SSH_PORT": "off"}, "CHOWN"),
])
def test_capabilities_without_which_nobody_is_served(given, settings, missing):
    with pytest.raises(NotStarted) as fault:
        InitServer(capabilities="-all" + "".join(f",+{name}" for name in given.split(",") if name), **settings)
    assert fault.value.code == 78 and fault.value.log.count("\n") == 1
    assert fault.value.log.startswith(f"bastion init: capabilities: root is without {missing}, so that no") and "--cap-add" in fault.value.log


def test_capabilities_without_which_it_works_in_part(start):
    server = start(InitServer, capabilities="-all,+setuid,+setgid", SSH_PORT="off", COMMAND_LOCK="off")
    assert ask(server).status == 200
    reasons = [e["reason"] for e in server.events("notice")]
    assert [r.split(",")[0] for r in reasons] == ["capabilities: root is without FOWNER", "capabilities: root is without KILL"]
    assert server.events("fault") == []


def test_ports_that_are_off(start):
    """One each way; and health asks those that are on."""
    server = start(InitServer, SSH_PORT="off")
    assert ask(server).status == 200 and not is_listening(server.ssh_port)
    assert server.execute("/bin/bastion", "health").stdout == f"http on port {server.port} answers; ok\n"
    assert server.events("notice") == server.events("fault") == []
    server = start(InitServer, HTTP_PORT="off")
    assert server.ssh().returncode == 0
    assert server.events("ready")[0]["reason"] == f"ssh on port {server.ssh_port}"


def test_ports_that_are_off_are_no_others(start):
    """Off and off are not one port."""
    assert ask(start(InitServer, SSH_PORT="off", TLS="self-signed", HTTPS_PORT="off")).status == 200


def test_service_links(start):
    """Kubernetes sets such variables for services with the names of protocols."""
    links = {"SSH_PORT": "tcp://10.0.0.7:22", "HTTPS_PORT": "udp://10.0.0.8:443", "HTTPS_SERVICE_PORT": "443"}
    server = start(InitServer, prepare=lambda s: s.env.update(links))
    assert ask(server).status == 200
    assert "port 22" in server.events("ready")[0]["reason"] + " ".join(e["reason"] for e in server.events("fault"))  # it may be taken
    reasons = [e["reason"] for e in server.events("notice")]
    assert [r.split(" is what")[0] for r in reasons] == ["HTTPS_PORT: udp://10.0.0.8:443", "SSH_PORT: tcp://10.0.0.7:22"]
    assert all("peer" not in e for e in server.events("notice"))


@pytest.mark.parametrize("zone, said", [("Europe/Berlin", True), (":Mars/Olympus", True), ("CET-1CEST,M3.5.0,M10.5.0/3", False), ("UTC", False), ("There/Is", False)])
def test_a_time_zone_that_is_not_there(start, zone, said):
    zones = "d=$root/usr/share/zoneinfo; mount -t tmpfs tmpfs $root/usr/share; mkdir -p $d/There; : >$d/There/Is"
    server = start(InitServer, env={"TZ": zone}, more=zones)
    reasons = [e["reason"] for e in server.events("notice")]
    assert [r.split(": there is")[0] for r in reasons] == (["TZ: " + zone.lstrip(":")] if said else [])
    assert ask(server).status == 200
    assert len(server.events("notice")) == len(reasons)  # once


def test_keys_that_are_unusable_are_nobodys_fault(start):
    server = start(InitServer, prepare=lambda s: (s.users / "bob.pub").write_text("ssh-rsa AAAA bob\n"))
    notice, = server.events("notice")
    assert "bob.pub" in notice["reason"] and "peer" not in notice and notice["channel"] == "ssh"
    assert server.events("fault") == []


@pytest.mark.parametrize("mode", ["755", "1777"])
def test_run_belongs_to_root(start, mode):
    server = start(InitServer, mode=mode)
    assert ask(server).status == 200 and server.ssh().returncode == 0
    for path in ("/run", "/run/bastion"):
        st = os.stat(server.inside(path))
        assert (st.st_uid, stat.S_IMODE(st.st_mode)) == (0, 0o755)


def test_another_accounts_run_folder():
    with pytest.raises(NotStarted) as fault:
        InitServer(more="mkdir $root/run/bastion; chown 1000 $root/run/bastion")
    assert fault.value.code == 78 and "another account" in fault.value.log


def test_a_run_folder_that_is_none():
    with pytest.raises(NotStarted) as fault:
        InitServer(RUN_DIR="/bin/bastion")
    assert (fault.value.code, fault.value.log) == (78, "bastion init: RUN_DIR: /bin/bastion: not a directory (from the environment)\n")


def test_a_volume_that_is_not_the_accounts():
    """An emptyDir of Kubernetes is root's, for everybody to write: at /run it will do, at /run/bastion it is nobody's own."""
    with pytest.raises(NotStarted) as fault:
        InitServer(user="1000:1000", more="mkdir -m 777 $root/run/bastion")
    assert fault.value.code == 78 and fault.value.log.count("\n") == 1
    assert fault.value.log.startswith("bastion init: /run/bastion: can't be made, or is another account's: mount memory at /run itself")


@pytest.mark.parametrize("user", [None, "4321:4321"])
def test_nowhere_to_write(user):
    with pytest.raises(NotStarted) as fault:
        InitServer(user=user, more='mount -o remount,ro "$root/run"')
    assert fault.value.code == 78 and fault.value.log.count("\n") == 1
    assert fault.value.log.startswith("bastion init: /run/bastion: can't be made")


def test_a_user_of_its_own(start):
    """--user 1000:1000: the command runs as that account, whose SSH works where /run is its own."""
    server = start(InitServer, user="1000:1000", more='chown 1000:1000 "$root/run"', prepare=own_keys, FORCE_COMMAND="id -u; id -un")
    assert ask(server).body == b"1000\nagent\n"
    assert server.ssh().stdout == b"1000\nagent\n"
    terminal = Terminal(server)
    terminal.read_until(b"agent")
    assert terminal.wait() == 0
    terminal.close()


def own_keys(server):
    os.chown(server.keys, 1000, 1000)


@pytest.mark.parametrize("mode", ["1777", "777"], ids=["the image's", "an emptyDir"])
def test_any_user(start, mode):
    """/run is for all, so no place for keys: HTTP alone, and one line that says so."""
    server = start(InitServer, user="4321:4321", mode=mode, FORCE_COMMAND="id -u; id -un")
    assert ask(server).body == b"4321\nagent\n"
    reason, = [e["reason"] for e in server.events("notice")]
    assert reason.startswith(f"/run: belongs to uid 0, with mode {mode}, and this is uid 4321: SSH is not served") and "--tmpfs /run:uid=4321" in reason
    assert server.events("fault") == []
    assert server.ssh().returncode == 255


def test_the_credential_is_not_in_reach(start):
    """A command of the same account can't read init's environment."""
    server = start(InitServer, user="4321:4321", mode="1777", FORCE_COMMAND="cat /proc/1/environ")
    assert b"Permission denied" in ask(server).body


def test_no_volume(start):
    server = start(InitServer, volume=False)
    warnings = ("on no volume", "will not last")
    wait_for(lambda: any(w in e["reason"] for e in server.events("notice") for w in warnings), "a warning")
    assert server.ssh().returncode == 0


def test_a_volume(start):
    server = start(InitServer)
    assert server.events("fault") == server.events("notice") == []
    assert (server.keys / "ssh_host_ed25519_key").exists()
