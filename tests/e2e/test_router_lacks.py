"""What a router may lack: /proc, a log, a line in /etc/passwd. Each program works without, or says in a line what is missing; none
crashes or ends with a code that the manual does not name."""
import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import tls_harness
from harness import BASTION, OWN_FOLDERS, SYSTEM_PATH, TOKEN, ask, curl, free_port, own_dev, private, settings_files, syslog, wait_for
from ssh_harness import SshServer, own_host
from test_ssh_other_sshds import OtherSshd
from tls_harness import TlsServer

pytestmark = pytest.mark.root

# Both also work where root is not the machine's (tests/target): mounts that were there before can't be undone, nor devices made.
NO_PROC = "mount -t tmpfs tmpfs /proc"
NO_DEV_LOG = f"own=$(mktemp -d); mount -t tmpfs -o mode=755 tmpfs $own; {own_dev('$own')}"
REQUEST = {"REQUEST_METHOD": "GET", "PATH_INFO": "", "SCRIPT_NAME": "/cgi-bin/run", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "a",
           "HTTP_AUTHORIZATION": f"Bearer {TOKEN}", "REMOTE_ADDR": "192.0.2.1"}
FILES = {"FORCE_COMMAND": "echo ok", "HTTP_TOKEN": TOKEN, "SSH_USER": "nobody"}


def called(*words, script="", files=None, user=None, **environment):
    """`bastion` with words, in a mount namespace where `script` has been at work; settings are files in /etc/bastion."""
    front = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
    argv = private(f"{OWN_FOLDERS}{settings_files(FILES if files is None else files)}\n{script}", [*front, BASTION, *words])
    return subprocess.run(argv, env={"PATH": SYSTEM_PATH, **environment}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


# ---- without /proc ----

def test_http_without_proc(start):
    server = start(before=NO_PROC)
    assert (curl(server).stdout, server.events("fault")) == (b"ok\n", [])


def test_tls_without_proc(start):
    server = start(TlsServer, before=NO_PROC)
    assert (tls_harness.curl(server).stdout, server.events("fault")) == (b"ok\n", [])


def test_ssh_without_proc(start):
    """It is there that tinysshd's place is read, and the list of keys. The client gets no key exchange, and check says why, too."""
    server = start(SshServer, more=NO_PROC)
    done = server.ssh()
    assert done.returncode == 255 and done.stdout == b""  # the client's own code of a connection that failed
    missing = "/proc/self/exe: cannot be read, so that tinysshd is not found"
    assert server.faults() == [missing]
    looked = subprocess.run(private(own_host(server), [BASTION, "check"]), env={"PATH": SYSTEM_PATH, **server.settings}, capture_output=True, text=True)
    assert looked.returncode == 78 and f"fault: {missing}" in looked.stdout + looked.stderr


def test_cgi_without_proc():
    done = called("cgi", script=NO_PROC, **REQUEST)
    assert done.stdout.startswith("Status: 200 OK\n") and done.stdout.endswith("\nok\n"), done


class OtherWithoutProc(OtherSshd):
    def lay_out(self):
        super().lay_out()
        self.more += NO_PROC + "\n"


@pytest.mark.parametrize("kind", ["dropbear shell", "dropbear forced", "openssh shell"])
def test_login_shell_without_proc(start, kind):
    server = start(OtherWithoutProc, kind=kind, FORCE_COMMAND="cat; exit 3")
    done = server.ssh(input=b"text")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"text", b""), server.log_text()


def test_init_without_proc():
    """Not in a container, too."""
    done = called("init", script=NO_PROC, HTTP_PORT=str(free_port()), SSH_PORT="off", FORCE_COMMAND="id", HTTP_TOKEN=TOKEN)
    assert done.returncode == 78 and done.stderr.startswith("bastion init: /proc: is not mounted"), done


@pytest.mark.parametrize("words, code, said", [
    (["check"], 0, "not looked at: /proc/self/status"), (["check", "id"], 0, "allow: rule force"), (["docker", "ps"], 1, "Cannot connect to the Docker daemon"),
    (["token", "/run/bastion", "ci"], 0, "bastion_"), (["cert", "/run/bastion", "router.lan"], 0, "TLS_CERT="), (["health"], 1, "bastion init is not at work here"),
    (["mux"], 71, "descriptor 0 is no connection"), (["proxy", BASTION, "http"], 1, "the address is not in TRUSTED_PROXIES")])
def test_tools_without_proc(words, code, said):
    done = called(*words, script=NO_PROC)
    assert done.returncode == code and said in done.stdout + done.stderr, done


# ---- without /dev/log, where standard error is the client ----

INETD = 'exec "$@" 2>&0'


def check_reason(server, folder, channel):
    """The run's line stands in a file that only root can read."""
    left = wait_for(lambda: folder.exists() and folder.read_bytes(), "the file that says why")
    assert folder.stat().st_mode & 0o777 == 0o600
    assert b'reason="no log takes the line of this run"' in left and f"channel={channel} ".encode() in left
    assert server.runs() == 0


def without_log(server):
    return NO_DEV_LOG


def test_http_without_a_log(start):
    server = start(program=("sh", "-c", INETD, "sh", BASTION, "http"), before=without_log)
    assert (answer := ask(server)).status == 500 and answer.body == b"Internal Server Error\n"
    check_reason(server, server.run_dir / "unlogged", "http")


def test_tls_without_a_log(start):
    server = start(TlsServer, bastion=("sh", "-c", INETD, "sh", BASTION), before=without_log)
    done = tls_harness.curl(server)
    assert done.stdout == b"Internal Server Error\n"
    check_reason(server, server.run_dir / "unlogged", "http")


def test_ssh_without_a_log(start):
    """The client gets no byte but the protocol's."""
    server = start(SshServer, program=("sh", "-c", INETD, "sh", BASTION, "ssh"), more=f"{NO_DEV_LOG}; mkdir /dev/pts; mount -t devpts devpts /dev/pts")
    done = server.ssh()
    assert done.returncode != 0 and done.stdout == b""
    check_reason(server, server.run_dir / "unlogged", "ssh")


def test_check_says_what_becomes_of_it():
    done = called("check", script=NO_DEV_LOG)
    line, = [line for line in done.stdout.splitlines() if line.startswith("no /dev/log: ")]
    assert "nothing runs (500)" in line and done.returncode == 0


# ---- accounts without a line in /etc/passwd ----

NOBODYS = 54321


@pytest.mark.parametrize("words, code, said", [
    (["http"], 0, "500 Internal Server Error"), (["cgi"], 0, "500 Internal Server Error"), (["ssh"], 78, ""), (["init"], 78, "bastion init: "),
    (["check"], 78, "fault: ")])
@pytest.mark.parametrize("name", ["nosuch", str(NOBODYS)])
def test_commands_of_no_account(words, code, said, name):
    """SSH_USER names none: everybody who would run a command says so, by name."""
    settings = {"FORCE_COMMAND": "id", "HTTP_TOKEN": TOKEN, "SSH_USER": name}
    if words == ["cgi"]:
        done = called(*words, files=settings, **REQUEST)
    else:
        done = called(*words, files={}, HTTP_PORT=str(free_port()), SSH_PORT="off", **settings)
    assert done.returncode == code and said in done.stdout + done.stderr, done
    assert f"there is no account {name}" in done.stderr + done.stdout, done


@pytest.mark.parametrize("name", ["nosuch", str(NOBODYS)])
def test_login_shell_of_no_account(tmp_path, name):
    """Forced by root's sshd. Standard error is the client's: the reason is in the log."""
    with syslog() as (log, listen):
        done = called("shell", "--force-command", script=listen(SimpleNamespace(home=tmp_path)), files={**FILES, "SSH_USER": name})
        assert (done.returncode, done.stderr) == (78, "bastion: the settings of this service are not usable; its log says why\n")
        assert f"there is no account {name}" in log.recv(8192).decode()


@pytest.fixture
def folder(tmp_path):
    """That account's own, where each part of the path can be entered."""
    path = Path(f"/tmp/bastion-nobodys-{os.getpid()}-{tmp_path.name}")
    path.mkdir()
    os.chown(path, NOBODYS, NOBODYS)
    yield path
    wait_for(lambda: shutil.rmtree(path, ignore_errors=True) or not path.exists(), "nobody to write there")


@pytest.mark.parametrize("words, code, said", [
    (["ssh"], 78, f"{NOBODYS} has no login shell in /etc/passwd"), (["check"], 0, f"started by this account, {NOBODYS}"),
    (["docker", "ps"], 1, "Cannot connect to the Docker daemon"), (["token", "{}", "ci"], 0, "bastion_"),
    (["cert", "{}", "router.lan"], 0, "TLS_CERT="), (["check", "id"], 0, "allow: rule force")])
def test_started_by_no_account(folder, words, code, said):
    environment = {"FORCE_COMMAND": "id", "HTTP_TOKEN": TOKEN, "RUN_DIR": str(folder)}
    done = called(*[word.format(folder) for word in words], files={}, user=NOBODYS, **environment)
    assert done.returncode == code and said in done.stdout + done.stderr, done


@pytest.mark.parametrize("program", ["http", "tls", "init"])
def test_served_by_no_account(folder, start, program):
    """Its commands run as it. (The folder is last to go: until it ends, the server writes there.)"""
    front = ("setpriv", f"--reuid={NOBODYS}", f"--regid={NOBODYS}", "--clear-groups", BASTION)
    settings = {"FORCE_COMMAND": "id -u", "RUN_DIR": str(folder), "SSH_USER": None}
    if program == "http":
        assert curl(start(program=(*front, "http"), **settings)).stdout == f"{NOBODYS}\n".encode()
    elif program == "tls":
        pair = tls_harness.pair()
        for path in (pair.crt, pair.key):
            shutil.copy(path, folder / path.name)
            os.chown(folder / path.name, NOBODYS, NOBODYS)
        server = start(TlsServer, bastion=front, TLS_CERT=str(folder / pair.crt.name), TLS_KEY=str(folder / pair.key.name), **settings)
        assert tls_harness.curl(server).stdout == f"{NOBODYS}\n".encode()
    else:
        server = start(argv=lambda s: [*front[:-1], "env", f"HTTP_PORT={s.port}", BASTION, "init", "--address", "127.0.0.1"], SSH_PORT="off", **settings)
        assert curl(server).stdout == f"{NOBODYS}\n".encode()
