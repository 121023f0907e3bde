"""What the command gets: account, environment, descriptors; and that nothing comes from the request (bastion(8), ENVIRONMENT)."""
import grp
import os
import pwd
import socket
import stat

import pytest
from harness import AUTH, BASTION, SYSTEM_PATH, TOKEN, Client, Listener, ask, basic, request

# Every setting that FORCE_COMMAND goes together with, validly.
ALL = {
    "COMMAND_TIMEOUT": "100", "COMMAND_LOCK": "wait", "COMMAND_LOCK_WAIT": "10", "ON_DISCONNECT": "continue", "AUDIT": "json", "AUDIT_MASK": "x+",
    "HTTP_BASIC_AUTH": "user:password", "HTTP_TOKEN": TOKEN, "HTTP_HOLD_MS": "2000", "HTTP_STDIN": "body", "HTTP_PORT": "8080", "HTTPS_PORT": "8443",
    "SSH_PORT": "22", "SSH_UID": "1000", "SSH_GID": "1000", "TLS_CERT": "/x", "TLS_KEY": "/x", "TLS_CLIENT_CA": "/x", "AUTHORIZED_KEYS_DIR": "/x",
    "AUTHORIZED_KEYS_HOST": "/x", "AUTHORIZED_KEYS_REPO": "/x", "SSH_KEYS": "/x", "MAX_CONNECTIONS": "64", "MAX_CONNECTIONS_PER_ADDRESS": "16",
    "TRUSTED_PROXIES": "192.0.2.1", "PROXY_PROTOCOL": "on",
}
OTHERS = ["FORCE_COMMAND", "ALLOWED_COMMANDS", "COMMAND_PREFIX", "TLS", "SSH_USER", "RUN_DIR"]
OURS = {"BASTION_RUN", "BASTION_CHANNEL", "BASTION_USER", "BASTION_PEER", "HOME", "USER", "LOGNAME", "PATH", "PWD", "T", "ASAN_OPTIONS", "UBSAN_OPTIONS"}
ENV = "env -0"


def environment(answer):
    assert answer.status == 200
    found = dict(entry.decode().split("=", 1) for entry in answer.body.split(b"\0")[:-1])
    return {k: v for k, v in found.items() if k not in ("_", "OLDPWD", "SHLVL")}  # the shell's own


def test_environment(start):
    server = start(FORCE_COMMAND=ENV, env={"ADMIN_WORD": "two words", "EMPTY": ""})
    answer = ask(server)
    found = environment(answer)
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    assert found["ADMIN_WORD"] == "two words" and found["EMPTY"] == ""
    assert (found["HOME"], found["USER"]) == (account.pw_dir, account.pw_name)
    assert found["PATH"] == SYSTEM_PATH
    assert found["BASTION_RUN"] == answer["X-Bastion-Run"]
    assert (found["BASTION_CHANNEL"], found["BASTION_USER"], found["BASTION_PEER"]) == ("http", "token", "127.0.0.1")
    assert set(found) <= OURS | {"ADMIN_WORD", "EMPTY"}


def test_user_of_basic(start):
    server = start(FORCE_COMMAND=ENV, HTTP_BASIC_AUTH="alice:secret")
    found = environment(ask(server, auth=basic("alice:secret")))
    assert found["BASTION_USER"] == "alice"
    assert not any("secret" in value for value in found.values())


def test_no_setting_reaches_the_command(start, tmp_path):
    server = start(FORCE_COMMAND=ENV, **ALL)
    found = environment(ask(server, auth=basic("user:password")))
    assert set(found) <= OURS


def test_no_named_file_reaches_the_command(start):
    files = {f"{name}_FILE": "/no/such/file" for name in [*ALL, *OTHERS] if name not in ("TLS", "ALLOWED_COMMANDS", "COMMAND_PREFIX")}
    server = start(FORCE_COMMAND=ENV, TLS_FILE=None, **{k: "" for k in files}, **{k: v for k, v in ALL.items() if k != "HTTP_BASIC_AUTH"})
    assert set(environment(ask(server))) <= OURS


SUPERSERVER_WORDS = ["PROTO", "TCPREMOTEIP", "TCPREMOTEPORT", "TCPREMOTEHOST", "TCPREMOTEADDR", "TCPREMOTEINFO", "TCPLOCALIP", "TCPLOCALPORT", "TCPLOCALHOST",
                     "TCPLOCALADDR", "TCPCONCURRENCY", "TCPORIGDSTIP", "TCPORIGDSTPORT", "REMOTE_ADDR", "REMOTE_PORT", "REMOTE_HOST", "LISTEN_FDS", "LISTEN_PID",
                     "LISTEN_FDNAMES", "SSL_PROTOCOL", "SSL_CIPHER", "BASTION_RUN", "BASTION_CHANNEL", "BASTION_USER", "BASTION_PEER", "BASTION_OTHER"]


def test_superserver_words_do_not_reach_the_command(start):
    server = start(Listener, FORCE_COMMAND=ENV, env={name: "192.0.2.7" for name in SUPERSERVER_WORDS})
    found = environment(ask(server))
    assert set(found) <= OURS
    assert found["BASTION_PEER"] == "192.0.2.7" and found["BASTION_CHANNEL"] == "http"


@pytest.mark.parametrize("env", [{"HOME": "/root", "USER": "root", "LOGNAME": "root", "PWD": "/root"}, {"PATH": ""}], ids=str)
def test_the_accounts_words_win(start, env):
    server = start(Listener, FORCE_COMMAND="/usr/bin/env -0; /usr/bin/pwd >&2 || :", env=env)
    answer = ask(server)
    found = dict(e.split("=", 1) for e in answer.body.decode().split("\0") if "=" in e)
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    assert (found["HOME"], found["USER"]) == (account.pw_dir, account.pw_name)


def test_path_where_the_administrator_has_none(start):
    server = start(Listener, FORCE_COMMAND=ENV)
    del server.env["PATH"]
    assert "/usr/bin" in environment(ask(server))["PATH"].split(":")


# ---- nothing from the request ----

MARK = "marker7531"


@pytest.mark.parametrize("stdin", ["off", "body"])
def test_nothing_of_the_request_reaches_the_command(start, stdin):
    server = start(FORCE_COMMAND="env; tr '\\0' ' ' </proc/$$/cmdline; tr '\\0' '\\n' </proc/$PPID/cmdline; pwd", HTTP_STDIN=stdin)
    fields = [f"{name}: {MARK}" for name in ("X-Bastion-Command", "User-Agent", "Cookie", "Token", "Force-Command", "Proxy", "X-Forwarded-For", MARK)]
    answer = ask(server, *fields, target=f"/cgi-bin/run?{MARK}", method="POST", body=MARK.encode(), host=MARK)
    assert answer.status == 200 and b"BASTION_RUN" in answer.body
    assert MARK.encode() not in answer.body


def test_requested_command_is_ignored(start):
    server = start()
    assert ask(server, "X-Bastion-Command: touch $T/other").body == b"ok\n"
    assert ask(server, "X-Bastion-Command: \xff", "X-Bastion-Command: b").body == b"ok\n"
    assert sorted(os.listdir(server.t)) == ["runs"]


def test_setting_from_a_header_is_ignored(start):
    server = start()
    assert ask(server, "FORCE_COMMAND: touch $T/other", "HTTP_TOKEN: x", "COMMAND_LOCK: off").body == b"ok\n"
    assert ask(server, "Token: x", "HTTP_TOKEN: x", auth="Authorization: Bearer x").status == 401
    assert sorted(os.listdir(server.t)) == ["runs"]


# ---- descriptors ----

def descriptors(server):
    # $$ is the shell itself, whose descriptors `ls` reads from outside.
    found = {}
    for line in ask(server).body.decode().splitlines():
        if " -> " in line:
            name, _, target = line.rpartition(" -> ")
            found[int(name.split()[-1])] = target
    return found


@pytest.mark.parametrize("leak", [False, True])
def test_descriptors(start, leak):
    """0, 1, 2 and the lock, whatever the superserver left open."""
    extra = [os.open("/etc/passwd", os.O_RDONLY), os.dup2(0, 57), *socket.socketpair()] if leak else []
    numbers = tuple(fd if isinstance(fd, int) else fd.fileno() for fd in extra)
    server = start(Listener, FORCE_COMMAND="ls -l /proc/$$/fd; :", leak=numbers)
    found = descriptors(server)
    for fd in numbers[:2]:
        os.close(fd)
    assert found.pop(0) == "/dev/null"
    assert found.pop(1) == found.pop(2) and len(found) == 1
    number, lock = found.popitem()
    assert lock == str(server.run_dir / "lock")
    assert number > 9  # a script's own numbers are free


def test_descriptors_without_lock(start):
    found = descriptors(start(FORCE_COMMAND="ls -l /proc/$$/fd; :", COMMAND_LOCK="off"))
    assert set(found) == {0, 1, 2}


def test_descriptors_with_input(start):
    found = descriptors(start(FORCE_COMMAND="ls -l /proc/$$/fd; :", COMMAND_LOCK="off", HTTP_STDIN="body"))
    assert set(found) == {0, 1, 2} and found[0].startswith("pipe:") and found[0] != found[1]


def test_second_run_of_a_connection(start):
    """No descriptor of the first is left."""
    server = start(FORCE_COMMAND="ls -l /proc/$$/fd; :")
    with Client(server) as client:
        counts = []
        for _ in range(3):
            client.send(request())
            counts.append(client.answer().body.count(b" -> "))
        assert counts == [4, 4, 4]


# ---- the account ----

@pytest.mark.root
def test_account(start):
    server = start(FORCE_COMMAND="grep -E '^(Uid|Gid|Groups|CapPrm|CapEff|SigBlk|SigIgn):' /proc/self/status")
    found = {line.split(":")[0]: line.split()[1:] for line in ask(server).body.decode().splitlines()}
    nobody = pwd.getpwnam("nobody")
    assert found["Uid"] == [str(nobody.pw_uid)] * 4
    assert found["Gid"] == [str(nobody.pw_gid)] * 4
    assert set(found["Groups"]) == {str(g) for g in os.getgrouplist("nobody", nobody.pw_gid)} | docker_group()
    assert int(found["CapEff"][0], 16) == int(found["CapPrm"][0], 16) == 0
    assert int(found["SigBlk"][0], 16) == 0


def test_signals_are_as_they_come(start):
    """Whatever the superserver ignores: a command that can't be told to end would outlive COMMAND_TIMEOUT."""
    ignoring = ["sh", "-c", "trap '' HUP INT QUIT PIPE TERM USR1 USR2 ALRM TSTP; exec \"$@\"", "sh", BASTION, "http"]
    server = start(FORCE_COMMAND="grep SigIgn /proc/self/status", program=ignoring)
    ignored = int(ask(server).body.split()[1], 16)
    assert ignored & 0x7fffffff == 0  # above are real-time signals


def docker_group():
    try:
        st = os.stat("/var/run/docker.sock")
        return {str(st.st_gid)} if stat.S_ISSOCK(st.st_mode) and st.st_mode & 0o020 else set()
    except OSError:
        return set()


@pytest.mark.root
def test_group_of_the_docker_socket(start):
    """Whatever its number is on this host."""
    server = start(FORCE_COMMAND="id -G", env={"DOCKER_HOST": "unix:///no/such/socket"})
    path = str(server.t / "docker.sock")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
        os.chmod(path, 0o660)
        os.chown(path, 0, 4711)
        with_socket = start(FORCE_COMMAND="id -G", env={"DOCKER_HOST": f"unix://{path}"})
        assert "4711" in ask(with_socket).body.decode().split()
    assert "4711" not in ask(server).body.decode().split()


@pytest.mark.root
def test_groups_of_the_superserver_are_dropped(start):
    server = start(Listener, FORCE_COMMAND="id -G")
    server.options["extra_groups"] = [0, 4, 4712]
    assert not {"0", "4", "4712"} & set(ask(server).body.decode().split())


@pytest.mark.root
def test_supplementary_groups_of_the_account(start):
    """An account in more than one group, wherever this system has one."""
    wanted = next((p.pw_name for p in pwd.getpwall() if p.pw_uid != 0 and any(p.pw_name in g.gr_mem for g in grp.getgrall())), "nobody")
    server = start(FORCE_COMMAND="id -un; id -G", SSH_USER=wanted)
    name, groups = ask(server).body.decode().splitlines()
    assert name == wanted
    assert set(groups.split()) == {str(g) for g in os.getgrouplist(wanted, pwd.getpwnam(wanted).pw_gid)} | docker_group()


@pytest.mark.root
def test_an_ordinary_user_keeps_his_account(start):
    server = start(FORCE_COMMAND="id -un; echo $USER", user="nobody", SSH_USER="root")
    assert ask(server).body == b"nobody\nnobody\n"


def test_the_server_cannot_be_read_by_its_command(start):
    """The command runs as the same account as the process that knows the credential."""
    server = start(FORCE_COMMAND="cat /proc/$PPID/environ /proc/$PPID/mem; ls -l /proc/$PPID/fd; :", user="nobody" if os.geteuid() == 0 else None)
    body = ask(server).body
    assert TOKEN.encode() not in body and AUTH.encode() not in body
    assert b"Permission denied" in body
