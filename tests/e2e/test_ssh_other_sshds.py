"""The same login shell under OpenSSH's sshd and dropbear (bastion(8), SSH, Under another SSH server): settings are files, the log is syslog, and whoever
logs in is the account."""
import contextlib
import hashlib
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from harness import BASTION, SUPERSERVERS, UNTIL_GO, is_alive, own_dev, wait_for
from ssh_harness import AGENT_UID, ALICE, KEYS, MALLORY, SshServer, Terminal, by_asyncssh, make_key

pytestmark = pytest.mark.root

# Made by ssh-keygen for OpenSSH, and put in dropbear's form for it.
HOST = make_key(KEYS, "other-host", kind="ecdsa")
FORCED = f"exec {BASTION} shell --force-command"


def mounts(pid):
    try:
        return os.stat(f"/proc/{pid}/ns/mnt").st_ino
    except OSError:
        return -1


class OtherSshd(SshServer):
    """`kind`: openssh, dropbear or dropbear -i, and how: `shell`: bastion is the account's login shell; `forced`: that is sh, and
    sshd forces the command; `key`: the key's line is to do that. Settings become files in /etc/bastion, with the path of $T/ in its place. `log`: syslog is there."""

    def __init__(self, kind, conf="", log=True, lock=True, in_shells=True, forced=FORCED, **settings):
        self.sshd, self.form = kind.rsplit(" ", 1)
        self.forced = forced
        self.conf, self.has_log, self.has_lock, self.in_shells, self.received = conf, log, lock, in_shells, b""
        self.files = {"FORCE_COMMAND": "echo x >>$T/runs; echo ok", **settings}
        self.device = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.namespace = None
        super().__init__(argv=OtherSshd.argv, FORCE_COMMAND=None)
        self.namespace = open(f"/proc/{self.process.pid}/ns/mnt")  # as long as it is open its number is no other's

    def lay_out(self):
        super().lay_out()
        for name, value in self.files.items():
            if value is not None:
                (self.etc / name).write_text(value.replace("$T/", f"{self.t}/"))
        if self.has_lock:
            (self.run_dir / "lock").touch()
            os.chown(self.run_dir / "lock", AGENT_UID, AGENT_UID)
        dev = self.home / "dev"
        (dev / "pts").mkdir(parents=True)
        (dev / "ptmx").symlink_to("pts/ptmx")
        if self.has_log:
            self.device.bind(str(dev / "log"))
            os.chmod(dev / "log", 0o777)
        keys = self.home / "agent/.ssh"
        keys.mkdir()
        shutil.copy(f"{ALICE}.pub", keys / "authorized_keys")
        for path in (keys, keys / "authorized_keys"):
            os.chown(path, AGENT_UID, AGENT_UID)
        self.more = f"""{own_dev(dev)}
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts /dev/pts
mkdir -p /run/sshd; echo /bin/sh >/etc/shells
"""
        if self.in_shells:
            self.more += f"echo {BASTION} >>/etc/shells\n"
        if self.form in ("forced", "key"):
            self.more += "sed -i '/^agent:/s,:[^:]*$,:/bin/sh,' /etc/passwd\n"

    def argv(self):
        if self.sshd == "openssh":
            (self.home / "conf").write_text(f"""
                Port {self.port}\nListenAddress 127.0.0.1\nHostKey {HOST}\nPidFile none\nUsePAM no\nUseDNS no\nStrictModes no\n
                MaxStartups 100\nLogLevel ERROR\nPasswordAuthentication no\n{self.conf}\n""" + (f"ForceCommand {self.forced}\n" if self.form == "forced" else ""))
            return ["/usr/sbin/sshd", "-D", "-e", "-f", str(self.home / "conf")]
        subprocess.run(["dropbearconvert", "openssh", "dropbear", HOST, self.home / "host"], check=True, capture_output=True)
        forced = ["-c", self.forced] if self.form == "forced" else []
        if self.sshd == "dropbear -i":
            return [*SUPERSERVERS["tcpsvd"](self.host, self.port), "/usr/sbin/dropbear", "-i", "-s", "-r", str(self.home / "host"), *forced]
        return ["/usr/sbin/dropbear", "-F", "-E", "-s", "-p", f"127.0.0.1:{self.port}", "-r", str(self.home / "host"), *forced]

    def log_text(self):
        """What sshd said itself, then bastion's lines, which must have come through syslog."""
        while True:
            try:
                line = self.device.recv(8192)
            except BlockingIOError:
                return self.log.read_bytes() + self.received
            if b">bastion[" in line:  # dropbear -i has its own to say
                match = re.fullmatch(rb"<37>bastion\[\d+\]: ([^\n]+)", line)
                assert match, line
                self.received += match[1] + b"\n"

    def processes(self, *argv):
        """All on its host, whatever their parents and environments."""
        ours = self.namespace and os.fstat(self.namespace.fileno()).st_ino
        return [int(e) for e in os.listdir("/proc") if e.isdigit() and is_alive(e) and mounts(e) == ours]

    def peer(self):
        """Who has it from sshd alone can tell it."""
        return "127.0.0.1" if self.form == "forced" else "unknown"

    def stop(self):
        super().stop()
        self.namespace.close()
        self.device.close()


ALL = ["openssh forced", "openssh shell", "dropbear forced", "dropbear shell"]
every = pytest.mark.parametrize("kind", ALL)
openssh = pytest.mark.parametrize("kind", ALL[:2])


@pytest.fixture
def terminal():
    opened = []
    yield lambda server: opened.append(Terminal(server)) or opened[-1]
    for each in opened:
        each.close()


# ---- a session ----

@pytest.mark.parametrize("form, code", [("shell", 255), ("forced", 0)])
def test_dropbear_asks_for_the_login_shell(start, form, code):
    """In /etc/shells, before it looks at the key."""
    server = start(OtherSshd, kind=f"dropbear {form}", in_shells=False)
    done = server.ssh()
    assert (done.returncode, b"Permission denied" in done.stderr) == (code, code != 0)
    wait_for(lambda: (b"invalid shell" in server.log_text()) == (code != 0), "dropbear's own line")


@pytest.mark.parametrize("kind", [*ALL, "dropbear -i forced", "dropbear -i shell"])
@pytest.mark.parametrize("command", [[], ["anything"], ["rm -rf /; true"]], ids=str)
def test_the_client_cannot_choose(start, kind, command):
    server = start(OtherSshd, kind=kind, FORCE_COMMAND="echo out; echo err >&2; id -u; exit 7")
    done = server.ssh(*command)
    assert (done.returncode, done.stdout, done.stderr) == (7, f"out\n{AGENT_UID}\n".encode(), b"err\n")
    begin, end = server.wait_event("start")[0], server.wait_event("end")[0]
    for line in (begin, end):
        assert (line["user"], line["peer"], line["channel"], line["run"]) == ("agent", server.peer(), "ssh", begin["run"])
    assert (end["exit"], end["bytes"]) == (7, 13)
    assert len(server.events()) == 2


@every
def test_streams(start, kind):
    """Each of the three on its own, byte for byte."""
    server = start(OtherSshd, kind=kind, FORCE_COMMAND="tee $T/in; cat $T/in $T/in >&2")
    data = os.urandom(3 << 20)
    done = server.ssh(input=data)
    assert done.returncode == 0
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()
    assert hashlib.sha256(done.stderr).digest() == hashlib.sha256(data * 2).digest()


@every
def test_death_by_signal(start, kind):
    server = start(OtherSshd, kind=kind, FORCE_COMMAND="kill -TERM $$")
    done = by_asyncssh(server)
    assert done.exit_signal[0] == "TERM"
    assert server.wait_event("end")[0]["signal"] == 15


@every
def test_terminal(start, terminal, kind):
    server = start(OtherSshd, kind=kind, FORCE_COMMAND="stty size; tty; ps -o stat= -p $$; echo $TERM; read line; "
                   "while [ \"$(stty size)\" = '33 99' ]; do sleep 0.05; done; stty size; exit 5")  # the client may send the line first
    client = terminal(server)
    assert b"33 99" in client.read_until(b"/dev/pts/")
    assert b"s+" in client.read_until(b"xterm-256color")  # a session's leader, in the foreground
    client.resize(44, 111)
    client.send(b"go\n")
    client.read_until(b"44 111")
    assert client.wait() == 5


@pytest.mark.parametrize("kind", ["openssh forced", "dropbear forced"])
def test_terminal_of_a_shell_that_goes_on(start, terminal, kind):
    """It is the command's for a while, and then that shell's again."""
    server = start(OtherSshd, kind=kind, forced=f"{BASTION} shell --force-command; echo then $?; read x; echo still $x",
                   FORCE_COMMAND="ps -o stat= -p $$; read x; echo got $x; exit 3")
    client = terminal(server)
    client.read_until(b"+\r\n")  # it is in the foreground: the keys' signals are for it
    client.send(b"one\r")
    client.read_until(b"got one\r\n")
    client.read_until(b"then 3\r\n")
    client.send(b"two\r")
    client.read_until(b"still two\r\n")
    assert client.wait() == 0


@every
def test_what_the_command_gets(start, kind):
    """No descriptor but its own three and the lock's (and ls's), and an environment of bastion's."""
    server = start(OtherSshd, kind=kind, FORCE_COMMAND="ls /proc/self/fd | tr '\\n' ' '; env")
    descriptors, *variables = server.ssh().stdout.decode().splitlines()
    assert re.fullmatch(r"0 1 100 2 3 \S+", descriptors)
    known = dict(line.split("=", 1) for line in [descriptors.rsplit(" ", 1)[1], *variables])
    run = server.wait_event("end")[0]["run"]
    assert {k: v for k, v in known.items() if k not in ("PWD", "OLDPWD", "SHLVL", "_")} == {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": f"{server.home}/agent", "USER": "agent", "LOGNAME": "agent",
        "BASTION_RUN": run, "BASTION_CHANNEL": "ssh", "BASTION_USER": "agent", "BASTION_PEER": server.peer()}


@every
def test_a_wrong_key(start, kind):
    server = start(OtherSshd, kind=kind)
    assert server.ssh(key=MALLORY).returncode == 255
    assert server.runs() == 0 and not server.events()


# ---- the client goes away ----

TRAPPED = "echo $$ >$T/pid; trap 'echo hup >>$T/signals; exit 3' HUP; echo ready; while [ ! -e $T/go ]; do sleep 0.02; done; echo done >>$T/signals"


@every
def test_killed_client(start, kind):
    server = start(OtherSshd, kind=kind, FORCE_COMMAND=TRAPPED, ON_DISCONNECT="hangup")
    client = server.start()
    assert client.stdout.readline() == b"ready\n"
    client.kill()
    client.communicate()
    end = server.wait_event("end")[0]
    assert server.lines("signals") == ["hup"]
    assert (end["reason"], end["exit"]) == ("the client went away", 3)
    wait_for(lambda: not is_alive(server.lines("pid")[0]), "the command ends")
    server.settle()


@every
def test_killed_client_and_a_command_that_goes_on(start, kind):
    """ON_DISCONNECT is `continue` where the run holds the lock, which it goes on holding."""
    server = start(OtherSshd, kind=kind, FORCE_COMMAND=TRAPPED)
    client = server.start()
    assert client.stdout.readline() == b"ready\n"
    client.kill()
    client.communicate()
    assert b"under way" in server.ssh().stdout
    server.go()
    end = server.wait_event("end")[0]
    assert server.lines("signals") == ["done"] and end["exit"] == 0


@every
def test_killed_client_of_a_terminal(start, terminal, kind):
    server = start(OtherSshd, kind=kind, FORCE_COMMAND=TRAPPED)
    client = terminal(server)
    client.read_until(b"ready")
    client.process.kill()
    server.wait_event("end")
    assert set(server.lines("signals")) == {"hup"}  # of the terminal, and of bastion
    wait_for(lambda: not is_alive(server.lines("pid")[0]), "the command ends")


@every
def test_killed_sshd(start, kind):
    """All that serves the session."""
    server = start(OtherSshd, kind=kind, FORCE_COMMAND=TRAPPED, ON_DISCONNECT="hangup")
    client = server.start()
    assert client.stdout.readline() == b"ready\n"
    for pid in server.connections():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the death of one is that of another
            if Path(f"/proc/{pid}/comm").read_text() in ("sshd\n", "dropbear\n"):
                os.kill(pid, 9)
    assert client.wait() == 255
    client.communicate()
    server.wait_event("end")
    assert server.lines("signals") == ["hup"]


# ---- what the client writes ----

INJECTED = {
    "FORCE_COMMAND": "echo pwned", "FORCE_COMMAND_FILE": "/etc/passwd", "ALLOWED_COMMANDS": ".*", "COMMAND_PREFIX": "sh -c", "COMMAND_LOCK": "refuse", "RUN_DIR": "/tmp",
    "AUDIT": "json", "AUDIT_MASK": ".*", "SSH_USER": "root", "PATH": "/tmp/pwned", "LD_PRELOAD": "/tmp/pwned.so", "LD_LIBRARY_PATH": "/tmp", "ENV": "/tmp/pwned",
    "BASH_ENV": "/tmp/pwned", "IFS": "x", "PS4": "$(echo pwned)", "GIT_SSH_COMMAND": "pwned", "DOCKER_HOST": "tcp://192.0.2.1:1", "SSH_CONNECTION": "192.0.2.9 1 192.0.2.8 2",
    "SSH_CLIENT": "192.0.2.9 1 2", "SSH_ORIGINAL_COMMAND": "pwned", "BASTION_USER": "root", "BASTION_PEER": "192.0.2.9", "BASTION_RUN": "0", "BASTION_CHANNEL": "http",
    "HOME": "/tmp", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/sh", "TCPREMOTEIP": "192.0.2.9", "REMOTE_ADDR": "192.0.2.9", "LC_pwned": "x", "LC_ALL": "/tmp/pwned",
    "LANG": "C.UTF-8", "LC_TIME": "de_DE.UTF-8", "BASTION_LOG": "stderr",
}


@openssh
@pytest.mark.parametrize("command", [[], ["x"]], ids=str)
def test_injected_environment(start, kind, command):
    """Even where sshd takes all of it."""
    server = start(OtherSshd, kind=kind, conf="AcceptEnv *", FORCE_COMMAND="echo x >>$T/runs; env", COMMAND_LOCK="off")
    clean = server.ssh(*command).stdout.decode()
    done = server.ssh(*command, options=[f"-oSetEnv={' '.join(f'{name}={chr(34)}{value}{chr(34)}' for name, value in INJECTED.items())}"])
    got = done.stdout.decode()
    unrun = {re.sub("^BASTION_RUN=.*", "", line) for line in clean.splitlines()}
    assert done.returncode == 0 and "BASTION_USER=agent" in unrun
    assert {re.sub("^BASTION_RUN=.*", "", line) for line in got.splitlines()} - unrun == {"LANG=C.UTF-8", "LC_TIME=de_DE.UTF-8"}
    server.settle()
    first, second = server.events("start")
    assert {k: v for k, v in first.items() if k not in ("time", "run")} == {k: v for k, v in second.items() if k not in ("time", "run")}
    assert second["peer"] == server.peer() and re.fullmatch("[0-9a-f]{16}", second["run"])


BROKER = {"FORCE_COMMAND": None, "ALLOWED_COMMANDS": "echo [a-z]+\n", "COMMAND_PREFIX": "/usr/bin/env"}


@every
@pytest.mark.parametrize("request_, shown", [("echo hello", b"hello\n"), ("echo hello world", None), ("id", None), ("echo hello; id", None), ("echo hello\nid", None),
                                             ("", None), ("bastion shell --force-command", None), ("shell --force-command", None)])
def test_broker(start, kind, request_, shown):
    server = start(OtherSshd, kind=kind, **BROKER)
    done = server.ssh(*([request_] if request_ else []))
    server.settle()
    if shown is not None:
        assert (done.returncode, done.stdout, done.stderr) == (0, shown, b"")
        assert [(e["request"], e["user"], e["peer"]) for e in server.events("start")] == [(request_, "agent", server.peer())]
    else:
        assert (done.returncode, done.stdout) == (126, b"") and done.stderr.startswith(b"[broker] DENY: ")
        assert [(e["exit"], e["user"], e["peer"]) for e in server.events()] == [(126, "agent", server.peer())]


@pytest.mark.parametrize("request_", ["id", ""])
def test_original_command_is_not_believed_in_a_login_shell(start, request_):
    """There the client wrote it."""
    server = start(OtherSshd, kind="openssh shell", conf="AcceptEnv *", **BROKER)
    done = server.ssh(*([request_] if request_ else []), options=['-oSetEnv=SSH_ORIGINAL_COMMAND="echo hello"'])
    assert (done.returncode, done.stdout) == (126, b"")


def test_original_command_is_sshds(start):
    server = start(OtherSshd, kind="openssh forced", conf="AcceptEnv *", **BROKER)
    assert server.ssh("id", options=['-oSetEnv=SSH_ORIGINAL_COMMAND="echo hello"']).returncode == 126
    assert server.ssh("echo yes", options=['-oSetEnv=SSH_ORIGINAL_COMMAND="id"']).stdout == b"yes\n"


@pytest.mark.parametrize("connection, peer", [
    (None, "unknown"), ("", "unknown"), ("192.0.2.9", "192.0.2.9"), ("192.0.2.9 1 2 3", "192.0.2.9"), ("2001:DB8::1 1 2 3", "2001:db8::1"), ("::ffff:192.0.2.9 1", "192.0.2.9"),
    (" 192.0.2.9", "unknown"), ("nonsense", "unknown"), ("192.0.2.9\nevent=x", "unknown"), ("1" * 5000, "unknown"),
])
def test_peer(start, connection, peer):
    """From SSH_CONNECTION, and from nothing else."""
    server = start(OtherSshd, kind="openssh forced", FORCE_COMMAND="echo $BASTION_PEER")
    argv = ["nsenter", "-m", "-t", str(server.process.pid), "setpriv", f"--reuid={AGENT_UID}", f"--regid={AGENT_UID}", "--clear-groups", BASTION, "shell", "--force-command"]
    env = {"PATH": os.environ["PATH"], "SSH_CLIENT": "192.0.2.1 1 2", **({} if connection is None else {"SSH_CONNECTION": connection})}
    assert subprocess.run(argv, env=env, capture_output=True, check=True, input=b"").stdout.decode() == f"{peer}\n"
    assert {e["peer"] for e in server.events()} == {peer}


# ---- the lock, and what is missing ----

@every
def test_lock(start, kind):
    server = start(OtherSshd, kind=kind, FORCE_COMMAND=f"echo x >>$T/runs; {UNTIL_GO}; echo ok")
    first = server.start()
    server.wait_file("runs")
    assert re.fullmatch(rb'A run by "[^"]+" is under way already \([0-9a-f]{16}, since \S+\): this one is left out\.\n', server.ssh().stdout)
    server.go()
    assert first.communicate()[0] == b"ok\n" and first.returncode == 0
    assert server.runs() == 1 and len(server.wait_event("skip")) == 1


@every
def test_without_a_lock_file(start, kind):
    """The account can't make one there: nothing runs, and the log says why."""
    server = start(OtherSshd, kind=kind, lock=False)
    done = server.ssh()
    assert (done.returncode, done.stdout, done.stderr) == (71, b"", b"bastion: a fault of this service; its log says why\n")
    assert server.runs() == 0 and "Permission denied" in server.wait_event("fault")[0]["reason"]


@every
def test_without_a_lock_file_where_none_is_needed(start, kind):
    server = start(OtherSshd, kind=kind, lock=False, COMMAND_LOCK="off")
    assert server.ssh().stdout == b"ok\n"


@every
def test_without_a_log(start, kind):
    """Nobody records the run, so it does not start."""
    server = start(OtherSshd, kind=kind, log=False)
    done = server.ssh()
    assert (done.returncode, done.stdout, done.stderr) == (71, b"", b"bastion: a fault of this service; its log says why\n")
    assert server.runs() == 0


@every
@pytest.mark.parametrize("files", [{"FORCE_COMMAND": None}, {"COMMAND_PREFIX": "x"}, {"COMMAND_LOCK": "perhaps"}, {"AUDIT_MASK": "("}], ids=str)
def test_invalid_settings(start, kind, files):
    """The client learns no detail."""
    server = start(OtherSshd, kind=kind, **files)
    done = server.ssh()
    assert (done.returncode, done.stdout) == (78, b"")
    assert done.stderr == b"bastion: the settings of this service are not usable; its log says why\n"
    assert server.runs() == 0 and [e["event"] for e in server.events()] == ["fault"]


@openssh
@pytest.mark.parametrize("path, uid, mode", [("etc/FORCE_COMMAND", 1000, 0o644), ("etc/FORCE_COMMAND", 0, 0o666), ("etc", 1000, 0o755), ("etc", 0, 0o777)], ids=str)
def test_settings_that_others_could_write(start, kind, path, uid, mode):
    server = start(OtherSshd, kind=kind)
    os.chown(server.home / path, uid, -1)
    os.chmod(server.home / path, mode)
    assert server.ssh().returncode == 78 and server.runs() == 0


@every
def test_secrets_of_root_are_nobodys_concern(start, kind):
    """Those of HTTP, in the same folder."""
    server = start(OtherSshd, kind=kind, HTTP_TOKEN="secret-of-root-alone")
    os.chmod(server.etc / "HTTP_TOKEN", 0o600)
    assert server.ssh().stdout == b"ok\n"


def test_a_role_by_name(start):
    """There the key is not known to bastion: its line in authorized_keys names the role, by a command that sshd forces."""
    server = start(OtherSshd, kind="openssh key")
    folder = server.etc / "roles/mail"
    folder.mkdir(parents=True)
    (folder / "allowed-commands.list").write_text("echo .*\n")
    (folder / "COMMAND_LOCK").write_text("off")
    keys = server.home / "agent/.ssh/authorized_keys"
    key = keys.read_text()

    def said(role):
        name = f" --role '{role}'" if role is not None else ""
        keys.write_text(f'command="exec {BASTION} shell --force-command{name}" {key}')
        done = server.ssh("echo hi")
        return done.stdout.decode() if done.returncode == 0 else done.returncode
    assert said("mail") == "hi\n"
    assert [said(role) for role in ("none", "../roles/mail", "")] == [78, 78, 78]
    assert said(None) == "ok\n"
    assert [e.get("role") for e in server.wait_event("end", 2)] == ["mail", None]
