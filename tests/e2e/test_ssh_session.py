"""One SSH session: what runs, what it sees, and what the client gets."""
import hashlib
import json
import os
import re
import shutil
import signal

import pytest
from harness import BASTION, SYSTEM_PATH, UNTIL_GO, is_alive, links, parse_line, together, wait_for

from ssh_harness import ALICE, AGENT_UID, SshServer, Terminal, by_asyncssh, fingerprint

pytestmark = pytest.mark.root

LOCK = "/run/bastion/lock"
RUN = "echo x >>$T/runs; "
HELD = RUN + ": >$T/started; " + UNTIL_GO + "; echo done"


@pytest.fixture(scope="module")
def show(start_once):
    """Its command shows what it got."""
    return start_once(SshServer, FORCE_COMMAND="echo out; echo err >&2; id -u; exit 7")


@pytest.mark.parametrize("command", [[], ["anything"], ["rm", "-rf", "/"]])
def test_the_client_cannot_choose(show, command):
    done = show.ssh(*command)
    assert (done.returncode, done.stdout, done.stderr) == (7, f"out\n{AGENT_UID}\n".encode(), b"err\n")


# ---- the end of a command ----

@pytest.mark.parametrize("exchange", ["+curve25519-sha256", "curve25519-sha256", "curve25519-sha256@libssh.org", "sntrup761x25519-sha512@openssh.com"],
                         ids=["the client's choice", "curve25519", "libssh's name of it", "sntrup761"])
def test_key_exchange(show, exchange):
    done = show.ssh(options=["-o", f"KexAlgorithms={exchange}", "-o", "LogLevel=DEBUG1"])
    chosen = re.search(rb"kex: algorithm: (\S+)\r?\n", done.stderr)[1].decode()
    assert done.returncode == 7 and chosen in (exchange, "sntrup761x25519-sha512@openssh.com")


@pytest.mark.parametrize("code", [0, 1, 2, 75, 124, 126, 127, 128, 255])
def test_exit_code(start, code):
    server = start(SshServer, FORCE_COMMAND=f"echo ok; exit {code}")
    done = server.ssh()
    assert (done.returncode, done.stdout, done.stderr) == (code, b"ok\n", b"")
    assert server.wait_event("end")[0]["exit"] == code
    server.settle()


@pytest.mark.parametrize("command, code", [("exec /no/such/program", 127), ("exec /etc/passwd", 126)])
def test_a_program_that_cannot_be_started(start, command, code):
    """The shell says so, on standard error."""
    done = start(SshServer, FORCE_COMMAND=command).ssh()
    assert (done.returncode, done.stdout) == (code, b"")
    assert done.stderr.startswith(b"/bin/sh: ") and done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("name", ["TERM", "KILL", "SEGV", "INT", "HUP", "QUIT", "ABRT", "PIPE", "ALRM", "FPE", "USR1"])
def test_death_by_signal(start, name):
    """OpenSSH's client makes 255 of every signal; AsyncSSH tells which it was."""
    server = start(SshServer, FORCE_COMMAND=f"echo ok; kill -{name} $$")
    assert server.ssh().returncode == 255
    done = by_asyncssh(server)
    assert (done.exit_signal[0], done.stdout) == (name, b"ok\n")
    number = getattr(signal, f"SIG{name}")
    assert [e.get("signal") for e in server.wait_event("end", 2)] == [number] * 2
    server.settle()


def test_a_program_that_dies_in_the_shell(start):
    """The shell's own code is the answer, as everywhere."""
    assert start(SshServer, FORCE_COMMAND="sh -c 'kill -KILL $$'; exit $?").ssh().returncode == 128 + signal.SIGKILL


@pytest.mark.parametrize("terminal", [False, True])
def test_timeout(start, terminal):
    """124, and nobody of its group is left."""
    server = start(SshServer, FORCE_COMMAND="echo started; sleep 1000 & echo $! >$T/pid; wait", COMMAND_TIMEOUT="1")
    if terminal:
        client = Terminal(server)
        client.read_until(b"started")
        assert client.wait() == 124
        client.close()
    else:
        done = server.ssh()
        assert (done.returncode, done.stdout) == (124, b"started\n")
    end = server.wait_event("end")[0]
    assert end["reason"] == "COMMAND_TIMEOUT" and 1000 <= end["ms"] < 5000
    wait_for(lambda: not is_alive(server.lines("pid")[0]), "the command's child is gone")
    server.settle()


def test_timeout_of_a_command_that_exits_well(start):
    """It caught SIGTERM and says 0: it was cut off all the same."""
    done = start(SshServer, FORCE_COMMAND=f"trap 'echo bye; exit 0' TERM; {UNTIL_GO}", COMMAND_TIMEOUT="1").ssh()
    assert (done.returncode, done.stdout) == (124, b"bye\n")


# ---- input and output ----

def test_streams_are_separate(start):
    """However they are mixed."""
    done = start(SshServer, FORCE_COMMAND="for i in 1 2 3; do echo o$i; echo e$i >&2; done").ssh()
    assert (done.stdout, done.stderr) == (b"o1\no2\no3\n", b"e1\ne2\ne3\n")


@pytest.mark.parametrize("size", [0, 1, 65536, 1000001])
def test_input(start, size):
    data = os.urandom(size)
    done = start(SshServer, FORCE_COMMAND="cat | sha256sum; cat | wc -c").ssh(input=data)
    assert done.stdout.split() == [hashlib.sha256(data).hexdigest().encode(), b"-", b"0"]


@pytest.mark.parametrize("command", ["exit 3", "exec <&-; exit 3", "head -c 10 >/dev/null; exit 3", "sleep 0.2; exit 3", "exec <&-; sleep 0.2; exit 3"])
@pytest.mark.parametrize("size", [10, 70000, 1000000])
def test_input_that_the_command_does_not_read(start, command, size):
    """The client has something to say, nobody listens, and the session ends with the command's code all the same."""
    server = start(SshServer, FORCE_COMMAND=command)
    done = server.ssh(input=bytes(size))
    assert (done.returncode, done.stderr) == (3, b"")
    server.settle()


def test_input_goes_on_while_nothing_is_said(start):
    """A command that answers each line at once: nothing is held back in either direction."""
    server = start(SshServer, FORCE_COMMAND="while read word; do echo got $word; done; exit 4")
    client = server.start()
    for word in (b"one", b"two", b"three"):
        client.stdin.write(word + b"\n")
        client.stdin.flush()
        assert client.stdout.readline() == b"got " + word + b"\n"
    client.stdin.close()
    assert client.wait(30) == 4
    client.stdout.close(), client.stderr.close()


@pytest.mark.parametrize("close, left", [(">&-", ("", "late\n")), ("2>&-", ("late\n", "")), (">&- 2>&-", ("", ""))])
def test_output_that_is_closed_early(start, close, left):
    """The other stream and the exit code come nevertheless, and not before the command has ended."""
    server = start(SshServer, FORCE_COMMAND=f"exec {close}; : >$T/started; {UNTIL_GO}; {{ echo late; }} 2>/dev/null; {{ echo late >&2; }} 2>&2; exit 3")
    client = server.start(stdin=-3)  # subprocess.DEVNULL
    server.wait_file("started")
    assert client.poll() is None
    server.go()
    out, err = client.communicate(timeout=30)
    assert client.returncode == 3
    assert out.decode() == left[0] and left[1] in err.decode()


def test_a_daemon_does_not_hold_the_session(start):
    """The session ends with the command; the lock is free when the last of its children is gone."""
    server = start(SshServer, FORCE_COMMAND=f"{RUN}(setsid sh -c '{UNTIL_GO}; echo too late' &); echo done", COMMAND_LOCK="refuse")
    done = server.ssh()
    assert (done.returncode, done.stdout, done.stderr) == (0, b"done\n", b"")
    assert server.ssh().returncode == 75
    server.go()
    wait_for(lambda: server.ssh().returncode == 0, "the lock is free")
    assert server.runs() == 2


# ---- settings ----

def check_runs(server, expected=b"ok\n"):
    done = server.ssh()
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, b"")


@pytest.mark.parametrize("mode", [0o600, 0o644], ids=oct)
def test_a_named_file(start, tmp_path, mode):
    """Read as root, for a shell that is not."""
    secret = tmp_path / "command"
    secret.write_text(f"echo ok; cat {secret} 2>/dev/null; :\n")  # its folder is root's alone
    os.chmod(secret, mode)
    check_runs(start(SshServer, FORCE_COMMAND=None, FORCE_COMMAND_FILE=str(secret)))


@pytest.mark.parametrize("mode", [0o600, 0o644], ids=oct)
def test_a_settings_file(start, mode):
    """A change counts at the next login."""
    server = start(SshServer, FORCE_COMMAND=None)
    path = server.etc / "FORCE_COMMAND"
    for word in ("one", "two"):
        path.write_text(f"echo {word}\n")
        os.chmod(path, mode)
        check_runs(server, word.encode() + b"\n")


def test_a_command_of_many_lines(start):
    check_runs(start(SshServer, FORCE_COMMAND="a=ok\n# a comment\n\nif [ $a = ok ]\nthen\n\techo $a\nfi\n"))


def test_the_environment_wins_over_a_file(start):
    server = start(SshServer, FORCE_COMMAND="echo ok")
    (server.etc / "FORCE_COMMAND").write_text("echo file\n")
    check_runs(server)


def test_run_dir_is_what_it_always_is(start):
    """The login shell must know it by itself (RUN_DIR in bastion-settings(5))."""
    server = start(SshServer, FORCE_COMMAND="ls -l /proc/$$/fd; :", RUN_DIR="/no/such/folder")
    assert f"-> {LOCK}\n".encode() in server.ssh().stdout


@pytest.mark.parametrize("settings", [{"FORCE_COMMAND": None}, {"FORCE_COMMAND": ""}], ids=str)
@pytest.mark.parametrize("terminal", [False, True])
def test_nothing_to_run(start, settings, terminal):
    server = start(SshServer, **settings)
    done = server.ssh(options=["-tt"] if terminal else [])
    assert done.returncode == 78
    said = done.stdout if terminal else done.stderr
    assert said.strip().count(b"\n") == 0 and b"log" in said
    assert b"FORCE_COMMAND" not in said and b"/" not in said
    assert done.stderr == b"" if terminal else done.stdout == b""
    fault = server.wait_event("fault")[0]
    assert "FORCE_COMMAND" in fault["reason"] and fault["peer"] == "127.0.0.1" and fault["channel"] == "ssh"
    server.settle()
    assert not server.events("start")


FAULTY = [{"FORCE_COMMAND": "  "}, {"FORCE_COMMAND_FILE": "/no/such/file", "FORCE_COMMAND": None}, {"COMMAND_TIMEOUT": "soon"}, {"COMMAND_LOCK": "perhaps"}, {"COMMAND_LOCK_WAIT": "-1"},
          {"ON_DISCONNECT": "no"}, {"AUDIT": "xml"}, {"AUDIT_MASK": "("}, {"SSH_USER": "nobody"}, {"SSH_USER": "root"}, {"SSH_USER": "no-such-account"}, {"SSH_KEYS": "keys"},
          {"AUTHORIZED_KEYS_DIR": "users.d"}]


@pytest.mark.parametrize("settings", FAULTY, ids=str)
def test_a_setting_that_is_invalid(start, settings):
    """Nobody is served; the setting is named in the log, and the client learns nothing."""
    server = start(SshServer, **settings)
    done = server.ssh()
    assert done.returncode in (78, 255) and done.stdout == b""
    name = [*settings][0].removesuffix("_FILE")
    assert name.encode() not in done.stderr
    fault = server.wait_event("fault")[0]
    assert fault["reason"].startswith(name)
    server.settle()
    assert server.runs() == 0 and not server.events("start")


# ---- the environment ----

OURS = {"BASTION_RUN", "BASTION_CHANNEL", "BASTION_USER", "BASTION_PEER", "HOME", "USER", "LOGNAME", "PATH", "PWD", "T", "ASAN_OPTIONS", "UBSAN_OPTIONS"}
ALL = {"COMMAND_TIMEOUT": "100", "COMMAND_LOCK": "wait", "COMMAND_LOCK_WAIT": "10", "ON_DISCONNECT": "continue", "AUDIT": "json", "AUDIT_MASK": "x+",
       "HTTP_BASIC_AUTH": "user:password", "HTTP_TOKEN": "secret-of-http-0123456789", "HTTP_HOLD_MS": "2000", "HTTP_STDIN": "body", "SSH_PORT": "22", "SSH_UID": "1000",
       "AUTHORIZED_KEYS_HOST": "/x", "AUTHORIZED_KEYS_REPO": "/x", "MAX_CONNECTIONS": "64", "SSH_USER": "agent", "AUDIT_FILE": "/x", "TLS_KEY": "/x"}


def environment(output):
    found = dict(entry.decode().split("=", 1) for entry in output.split(b"\0")[:-1])
    return {k: v for k, v in found.items() if k not in ("_", "OLDPWD", "SHLVL")}  # the shell's own


@pytest.mark.parametrize("settings", [{}, ALL], ids=["few", "all"])
def test_environment(start, settings):
    """The administrator's without a setting of his, what the manual names (ENVIRONMENT), and nothing of tinysshd's or the superserver's."""
    server = start(SshServer, FORCE_COMMAND="env -0", env={"ADMIN_WORD": "two words", "DOCKER_HOST": "unix:///run/docker.sock", "HOME": "/root", "BASTION_USER": "x"}, **settings)
    found = environment(server.ssh().stdout)
    run = server.wait_event("start")[0]["run"]
    assert set(found) == OURS | {"ADMIN_WORD", "DOCKER_HOST"}
    assert found == {**found, "ADMIN_WORD": "two words", "PATH": SYSTEM_PATH, "HOME": f"{server.home}/agent", "USER": "agent", "LOGNAME": "agent", "PWD": f"{server.home}/agent",
                     "BASTION_RUN": run, "BASTION_CHANNEL": "ssh", "BASTION_USER": "alice", "BASTION_PEER": "127.0.0.1", "DOCKER_HOST": "unix:///run/docker.sock"}


def test_path_where_the_administrator_has_none(start):
    server = start(SshServer, FORCE_COMMAND="echo $PATH", program=["env", "-u", "PATH", BASTION, "ssh"])
    assert "/usr/bin" in server.ssh().stdout.decode().strip().split(":")


def descriptors(output):
    return {int(number): target for number, target in re.findall(r" (\d+) -> (\S+)", output.decode())}


@pytest.mark.parametrize("lock", ["skip", "off"])
def test_descriptors(start, lock):
    """0, 1, 2 and at most the lock."""
    found = descriptors(start(SshServer, FORCE_COMMAND="ls -l /proc/$$/fd; :", COMMAND_LOCK=lock).ssh().stdout)
    pipes = [found.pop(fd) for fd in (0, 1, 2)]
    assert len(set(pipes)) == 3 and all(pipe.startswith("pipe:") for pipe in pipes)
    assert [*found.values()] == ([] if lock == "off" else [LOCK]) and all(fd > 9 for fd in found)


def test_descriptors_with_a_terminal(start):
    client = Terminal(start(SshServer, FORCE_COMMAND="ls -l /proc/$$/fd; echo end of list"))
    found = descriptors(client.read_until(b"end of list"))
    assert set(found) == {0, 1, 2} and len(set(found.values())) == 1 and found[0].startswith("/dev/pts/")
    client.wait()
    client.close()


def test_account_and_signals(start):
    """The account alone, without capabilities; no signal blocked or ignored, whatever the superserver ignores."""
    ignoring = ["sh", "-c", "trap '' HUP INT QUIT PIPE TERM USR1 USR2 ALRM TSTP; exec \"$@\"", "sh", BASTION, "ssh"]
    server = start(SshServer, FORCE_COMMAND="cat /proc/self/status; umask; pwd", program=ignoring)
    text = server.ssh().stdout.decode()
    found = dict(re.findall(r"^(\w+):\s+(.*)$", text, re.M))
    assert found["Uid"].split() == [str(AGENT_UID)] * 4 == found["Gid"].split()
    assert found["Groups"].split() in ([], [str(AGENT_UID)])
    assert int(found["CapEff"], 16) == int(found["CapPrm"], 16) == int(found["SigBlk"], 16) == 0
    assert int(found["SigIgn"], 16) & 0x7fffffff == 0  # above are real-time signals
    assert text.splitlines()[-1] == f"{server.home}/agent"


# ---- the lock ----

def begin(server, **options):
    """A run under way."""
    client = server.start(**options)
    server.wait_file("started")
    return client


def finish(server, client, expected=b"done\n"):
    server.go()
    out, err = client.communicate(timeout=30)
    assert (client.returncode, out, err) == (0, expected, b"")


@pytest.mark.parametrize("setting, code, event", [("skip", 0, "skip"), (None, 0, "skip"), ("refuse", 75, "refuse")])
def test_a_second_run(start, setting, code, event):
    """One line says so, on standard output where it is no error."""
    server = start(SshServer, FORCE_COMMAND=HELD, COMMAND_LOCK=setting)
    first = begin(server)
    done = server.ssh()
    said, silent = (done.stderr, done.stdout) if code else (done.stdout, done.stderr)
    assert (done.returncode, said.count(b"\n"), silent) == (code, 1, b"") and said.endswith(b"\n")
    assert len(server.wait_event(event)) == 1
    finish(server, first)
    assert server.ssh().stdout == b"done\n"
    server.settle()
    assert server.runs() == 2 and len(server.events(event)) == 1


def is_waiting(server):
    """Whether somebody stands in line for the lock (proc_locks(5))."""
    inode = os.stat(server.run_dir / "lock").st_ino
    with open("/proc/locks") as locks:
        return any("->" in line and f":{inode} " in line for line in locks)


def test_wait(start):
    server = start(SshServer, FORCE_COMMAND=HELD, COMMAND_LOCK="wait")
    first = begin(server)
    second = server.start()
    wait_for(lambda: is_waiting(server), "the second waits")
    assert server.runs() == 1
    finish(server, first)
    finish(server, second)
    assert server.runs() == 2


def test_wait_ends(start):
    server = start(SshServer, FORCE_COMMAND=HELD, COMMAND_LOCK="wait", COMMAND_LOCK_WAIT="1")
    first = begin(server)
    done = server.ssh()
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (75, b"", 1)
    finish(server, first)
    assert server.runs() == 1


def test_off(start):
    server = start(SshServer, FORCE_COMMAND=HELD, COMMAND_LOCK="off")
    clients = [server.start() for _ in range(3)]
    wait_for(lambda: server.runs() == 3, "all three are under way")
    for client in clients:
        finish(server, client)


OVERLAP = "mkdir $T/busy || echo x >>$T/overlaps; echo x >>$T/runs; sleep 0.01; rmdir $T/busy"


@pytest.mark.slow
def test_20_clients_wait(start):
    """Each runs, none at the same time."""
    server = start(SshServer, FORCE_COMMAND=OVERLAP, COMMAND_LOCK="wait")
    assert [done.returncode for done in together([server.ssh] * 20)] == [0] * 20
    assert (server.runs(), server.lines("overlaps")) == (20, [])


@pytest.mark.parametrize("lock", ["skip", "refuse", "wait"])
def test_a_terminal_takes_no_lock(start, lock):
    """Two people may have a shell, also while a run is under way."""
    server = start(SshServer, FORCE_COMMAND=f"if [ -t 0 ]; then echo hello; read word; echo got $word; else {HELD}; fi", COMMAND_LOCK=lock)
    run = begin(server)
    terminals = [Terminal(server), Terminal(server)]
    for terminal in terminals:
        terminal.read_until(b"hello")
    for terminal in terminals:
        terminal.send(b"word\n")
        terminal.read_until(b"got word")
        assert terminal.wait() == 0
        terminal.close()
    finish(server, run)


# ---- the log ----

@pytest.mark.parametrize("audit", ["text", "json"])
def test_the_log_tells_all_of_it(start, audit):
    server = start(SshServer, AUDIT=audit)
    assert server.ssh().stdout == b"ok\n"
    server.settle()
    login, begin, end, logout = (server.wait_event(e)[0] for e in ("login", "start", "end", "logout"))
    for line in (login, begin, end, logout):
        assert line["run"] == login["run"] and line["user"] == "alice" and line["peer"] == "127.0.0.1" and line["channel"] == "ssh"
    assert login["key"] == fingerprint(ALICE) and login["verdict"] == "allow"
    assert end["exit"] == 0 and end["bytes"] == 3
    assert begin["command"] == end["command"] == server.settings["FORCE_COMMAND"]
    assert login["time"] <= begin["time"] <= end["time"] <= logout["time"] and len(server.log_lines()) == 4
    if audit == "json":
        assert [json.loads(line)["event"] for line in server.log_lines()] == ["login", "start", "end", "logout"]


def test_every_session_has_a_run_of_its_own(start):
    server = start(SshServer)
    for _ in range(3):
        server.ssh()
    server.settle()
    assert len({e["run"] for e in server.events("start")}) == 3


@pytest.mark.parametrize("audit", ["text", "json"])
def test_mask(start, audit):
    server = start(SshServer, FORCE_COMMAND="echo hunter22 >/dev/null", AUDIT=audit, AUDIT_MASK="hunter[0-9]+")
    assert server.ssh().returncode == 0
    server.settle()
    assert [e["command"] for e in server.events("start") + server.events("end")] == ["echo *** >/dev/null"] * 2
    assert b"hunter22" not in server.log_text()


@pytest.mark.parametrize("audit", ["text", "json"])
def test_a_command_forges_no_line(start, audit):
    command = 'echo ok\n# 2026-01-01T00:00:00.000Z bastion event=end run=0 verdict=allow\n# "quote" \\ \x1b[2J\x7f \u00e4 {"event":"x"}'
    server = start(SshServer, FORCE_COMMAND=command, AUDIT=audit)
    assert server.ssh().stdout == b"ok\n"
    server.settle()
    assert not re.search(rb"[^\n\x20-\x7e]", server.log_text())
    assert [parse_line(line)["event"] for line in server.log_lines()] == ["login", "start", "end", "logout"]


def test_the_command_reaches_neither_shell_nor_log(start):
    """It runs as the same account as the login shell, which has a way to the log."""
    server = start(SshServer, FORCE_COMMAND="cd /proc/$PPID; for what in mem environ fd/0 fd/3 fd/4 fd/5 fd/6; do echo forged >$what; cat $what; done; ls fd; :")
    done = server.ssh()
    assert done.stdout == b"" and b"Permission denied" in done.stderr
    server.settle()
    assert [parse_line(line)["event"] for line in server.log_lines()] == ["login", "start", "end", "logout"]


# ---- a terminal ----

def test_terminal(start):
    terminal = Terminal(start(SshServer, FORCE_COMMAND="stty size; tty; ps -o stat= -p $$; for old in '33 99' '44 111'; do read line; "
                              "while [ \"$(stty size)\" = \"$old\" ]; do sleep 0.05; done; stty size; done; exit 5"))  # the line may come first
    assert b"33 99" in terminal.read_until(b"/dev/pts/")
    assert terminal.read_until(b"+").strip().endswith(b"s+")  # a session's leader, in the foreground
    for rows, columns in ((44, 111), (7, 20)):
        terminal.resize(rows, columns)
        terminal.send(b"go\n")
        terminal.read_until(b"%d %d" % (rows, columns))
    assert terminal.wait() == 5
    terminal.close()


def test_a_resize_is_told(start):
    """The command gets SIGWINCH, as at any terminal."""
    terminal = Terminal(start(SshServer, FORCE_COMMAND=f"trap 'stty size; exit 6' WINCH; echo ready; {UNTIL_GO}"))
    terminal.read_until(b"ready")
    terminal.resize(50, 132)
    terminal.read_until(b"50 132")
    assert terminal.wait() == 6
    terminal.close()


def test_term(start):
    terminal = Terminal(start(SshServer, FORCE_COMMAND="echo term=$TERM."))
    terminal.read_until(b"term=xterm-256color.")
    terminal.wait()
    terminal.close()


def test_controlling_terminal(start):
    terminal = Terminal(start(SshServer, FORCE_COMMAND="echo written >/dev/tty; read word </dev/tty; echo got $word"))
    terminal.read_until(b"written")
    terminal.send(b"word\n")
    terminal.read_until(b"got word")
    assert terminal.wait() == 0
    terminal.close()


def test_end_of_input(start):
    """Ctrl-D."""
    terminal = Terminal(start(SshServer, FORCE_COMMAND="cat; exit 8"))
    terminal.send(b"line\n")
    terminal.read_until(b"line\r\nline")
    terminal.send(b"\x04")
    assert terminal.wait() == 8
    terminal.close()


@pytest.mark.parametrize("keys, trap, code", [(b"\x03", "trap 'exit 9' INT; ", 9), (b"\x1c", "trap 'exit 10' QUIT; ", 10), (b"\x03", "", 255)], ids=str)
def test_interrupt(start, keys, trap, code):
    """Ctrl-C and Ctrl-\\ end the command."""
    server = start(SshServer, FORCE_COMMAND=f"{trap}echo ready; {UNTIL_GO}")
    terminal = Terminal(server)
    terminal.read_until(b"ready")
    terminal.send(keys)
    assert terminal.wait() == code
    terminal.close()
    end = server.wait_event("end")[0]
    assert end.get("signal", end.get("exit")) == (signal.SIGINT if code == 255 else code)
    server.settle()


def test_stop(start):
    """Ctrl-Z: nobody is there who could let a stopped command go on."""
    terminal = Terminal(start(SshServer, FORCE_COMMAND="echo ready; read word; echo got $word; exit 6"))
    terminal.read_until(b"ready")
    terminal.send(b"\x1a")
    terminal.send(b"word\n")
    terminal.read_until(b"got word")
    assert terminal.wait() == 6
    terminal.close()


def test_job_control(start):
    """An interactive shell as the command."""
    server = start(SshServer, FORCE_COMMAND="PS1='prompt> ' bash --norc --noediting -i")
    terminal = Terminal(server)
    said = terminal.read_until(b"prompt> ")
    assert b"job control" not in said  # "no job control in this shell"

    def say(keys, expected):
        terminal.send(keys)
        terminal.read_until(expected)

    say(b"sleep 1000\n", b"sleep 1000\r\n")
    foreground(server, "sleep")
    say(b"\x1a", b"Stopped")
    terminal.read_until(b"prompt> ")
    say(b"jobs\n", b"Stopped")
    terminal.read_until(b"prompt> ")
    say(b"fg\n", b"sleep 1000\r\n")
    foreground(server, "sleep")
    say(b"\x03", b"prompt> ")
    terminal.send(b"exit 4\n")
    assert terminal.wait() == 4
    terminal.close()


def foreground(server, name):
    """Waits until a program of this name runs in the terminal's foreground group (proc_pid_stat(5), pgrp and tpgid)."""
    def found():
        for pid in server.processes(name):
            fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
            if fields[0] == "S" and fields[2] == fields[5]:
                return True
    wait_for(found, f"{name} in the foreground")


RAW = """python3 -uc '
import os, sys, termios, tty
tty.setraw(0)
os.write(1, b"\\33[?1049hready")
while (data := os.read(0, 1024)) and data != b"q":
    os.write(1, b"".join(b"<%02x>" % byte for byte in data))
os.write(1, b"\\33[?1049l")
sys.exit(11)'"""


def test_raw_mode(start):
    """Every byte goes through as it is, in both directions."""
    terminal = Terminal(start(SshServer, FORCE_COMMAND=RAW), options=["-e", "none"])
    terminal.read_until(b"\x1b[?1049hready")
    for byte in range(256):
        if byte != ord("q"):
            terminal.send(bytes([byte]))
            terminal.read_until(b"<%02x>" % byte)
    terminal.send(b"q")
    terminal.read_until(b"\x1b[?1049l")
    assert terminal.wait() == 11
    terminal.close()


@pytest.mark.parametrize("program, quit", [("less", b"q"), ("vi", b":q!\r")])
def test_full_screen_program(start, program, quit):
    """It uses the last line of the client's screen, whatever size that has now."""
    if not shutil.which(program):
        pytest.skip(f"there is no {program}")
    server = start(SshServer, FORCE_COMMAND=f"seq 1 1000 >$T/text; {program} $T/text")
    terminal = Terminal(server, size=(30, 80))
    terminal.read_until(b"29\r\n" if program == "less" else b"\x1b[30;")
    if program == "less":
        terminal.read_until(b"\x1b[K")
    foreground(server, program)  # asleep, as it has nothing to draw: a change before that it may overlook
    terminal.resize(40, 80)
    terminal.read_until(b"39\r\n" if program == "less" else b"\x1b[40;")
    terminal.send(quit)
    assert terminal.wait() == 0
    terminal.close()


def test_much_output_on_a_terminal(start):
    """Its end is not lost when the command ends at once."""
    terminal = Terminal(start(SshServer, FORCE_COMMAND="seq 1 50000; exit 3"))
    found = terminal.read_until(b"\n50000\r\n").split()
    assert found == [b"%d" % i for i in range(1, 50001)]
    assert terminal.wait() == 3
    terminal.close()


def test_a_terminal_without_a_client(start):
    """It is hung up."""
    server = start(SshServer, FORCE_COMMAND=f"trap 'echo hup >>$T/signals; exit 1' HUP; : >$T/started; {UNTIL_GO}")
    terminal = Terminal(server)
    server.wait_file("started")
    terminal.close()
    server.wait_event("end")
    assert server.lines("signals") == ["hup"]
    server.settle()


def test_a_killed_login_shell(start):
    """Others of the account can do that to it. The command goes on, and its end has its line."""
    server = start(SshServer, FORCE_COMMAND="kill -KILL $PPID 2>$T/error; : >$T/begun; while [ ! -e $T/go ]; do sleep 0.02; done; exit 7")
    client = server.start()
    server.wait_file("begun")
    (shell,) = server.processes("bastion", "-c") or server.processes("-bastion")
    os.kill(shell, signal.SIGKILL)
    assert client.wait(timeout=60) != 0
    wait_for(lambda: not any(link.startswith("socket:") for p in server.processes(BASTION, "ssh") for link in links(p)), "its end has been seen")
    server.go()
    (end,) = server.wait_event("end")
    assert (end["user"], end["reason"], end["exit"]) == ("alice", "the client went away", 7)
    assert "not permitted" in (server.t / "error").read_text() # the monitor is root's
    server.settle()
    assert [e["event"] for e in server.events()].count("end") == 1
