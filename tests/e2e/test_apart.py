"""Two people with one account: what the command of one session can do to another's shell and terminal, and what it can't
(bastion(8), SECURITY CONSIDERATIONS)."""
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from harness import AUTH, BASTION, UNTIL_GO, Client, ask, free_port, request, wait_for
from init_harness import InitServer, descendants
from ssh_harness import SshServer, Terminal
from test_no_new_privs import check
from test_ssh_other_sshds import OtherSshd

pytestmark = pytest.mark.root

HERE = Path(__file__).parent
# A shell where there is a terminal; else the attempts on what $T/target names.
COMMAND = "cd $T/; [ -t 0 ] && exec sh; read target <$T/target; exec /usr/bin/python3 $T/sessions_probe.py $target"
CLOSED = {"read terminal", "write terminal", "type into terminal", "open its descriptor", "take its descriptor", "read memory",
          "read memory by call", "read environment", "trace", "see its folder", "new terminal"}
OPEN = {"see its words", "change the terminal's mode", "signal"}
OWN = {"own terminal", "own child", "own files"}


def prepare(server):
    shutil.copy(HERE / "sessions_probe.py", server.t)


def begin(server):
    """A session, the number of its shell, and its terminal."""
    terminal = Terminal(server)
    terminal.send(b"echo at=$$=$(tty)=\n")
    while not (at := re.search(rb"at=(\d+)=(/dev/pts/\d+)=", terminal.read_until(b"=\r\n"))):
        pass
    return terminal, at[1].decode(), at[2].decode()


def found(text):
    """{attempt: error}"""
    return dict(re.findall(r"^([a-z' ]+): (\w+)\r?$", text.decode(), re.M))


def by_session(terminal, *words):
    terminal.send(f"rm -rf own; /usr/bin/python3 sessions_probe.py {' '.join(words)}\n".encode())
    return found(terminal.read_until(b"end of attempts\r\n"))


def without_terminal(server, attempt, *words):
    shutil.rmtree(server.t / "own", ignore_errors=True)
    (server.t / "target").write_text(" ".join(words) + "\n")
    return found(attempt())


def is_apart(attempts, *less):
    """What bastion(8) says is closed is, and what it says is not is not, and one's own works."""
    wanted = {**dict.fromkeys(CLOSED, "refused"), **dict.fromkeys((OPEN | OWN) - {*less}, "done")}
    return {name: "refused" if error in ("EACCES", "EPERM") else error for name, error in attempts.items()} == wanted


def hold_two_sessions(server):
    """Whoever comes first, and also a command without a terminal."""
    early, *of_early = begin(server)
    late, *of_late = begin(server)
    assert is_apart(by_session(early, *of_late))
    assert is_apart(by_session(late, *of_early))
    assert is_apart(without_terminal(server, lambda: server.ssh().stdout, *of_early), "own terminal")
    for terminal in (early, late):
        terminal.send(b"exit 3\n")
        assert terminal.wait() == 3
        terminal.close()


def test_in_the_container(start):
    """There by default; over HTTP too."""
    server = start(InitServer, prepare=prepare, no_new_privs=False, FORCE_COMMAND=COMMAND, COMMAND_LOCK="off")
    hold_two_sessions(server)
    session, *its = begin(server)
    assert is_apart(without_terminal(server, lambda: ask(server).body, *its), "own terminal")
    session.close()
    assert "\ncommands: kept apart from one another (Landlock)\n" in server.execute("/bin/bastion", "check").stdout


def test_on_a_host(start):
    hold_two_sessions(start(SshServer, prepare=prepare, FORCE_COMMAND=COMMAND, NO_NEW_PRIVS="on"))


def test_under_another_sshd(start):
    server = start(OtherSshd, kind="openssh shell", FORCE_COMMAND=COMMAND)
    prepare(server)
    (server.etc / "NO_NEW_PRIVS").write_text("on\n")
    hold_two_sessions(server)


def test_where_commands_may_gain_privileges(start):
    """Nothing is closed then: on a host by default, in the container when it is asked for."""
    for server in (start(SshServer, prepare=prepare, FORCE_COMMAND=COMMAND),
                   start(InitServer, prepare=prepare, FORCE_COMMAND=COMMAND, NO_NEW_PRIVS="off")):
        one, *of_one = begin(server)
        other, *_ = begin(server)
        attempts = by_session(other, *of_one)
        done = {"read terminal", "write terminal", "new terminal"} | OPEN | OWN
        assert {name: attempts[name] for name in done} == dict.fromkeys(done, "done")
        # Its terminal is not this process's controlling one (tty_ioctl(4)), or nobody may at all (dev.tty.legacy_tiocsti).
        assert attempts["type into terminal"] in ("EPERM", "EIO")
        for terminal in (one, other):
            terminal.close()


def test_a_terminal_of_the_same_number(start):
    """What a session leaves behind does not get the terminal that another one is given later."""
    server = start(InitServer, prepare=prepare, FORCE_COMMAND=COMMAND)
    first, _, its = begin(server)
    wait = 'while [ ! -e target ]; do sleep 0.05; done; read target <target; exec python3 sessions_probe.py $target'
    first.send(f"setsid sh -c '{wait}' </dev/null >left 2>&1 & \n exit\n".encode())
    first.wait()
    first.close()
    second, shell, same = begin(server)  # of the container's own, the lowest free number is given
    assert same == its
    (server.t / "next").write_text(f"{shell} {same}\n")
    (server.t / "next").rename(server.t / "target")
    wait_for(lambda: "end of attempts" in (server.t / "left").read_text(), "the one left behind has tried")
    assert is_apart(found((server.t / "left").read_bytes()), "own terminal")
    second.close()


def test_without_landlock(start):
    """Commands run, and have no_new_privs; check says what that means."""
    without = ["/usr/bin/python3", str(HERE / "without_calls.py"), "landlock"]
    server = start(SshServer, prepare=prepare, program=(*without, BASTION, "ssh"), FORCE_COMMAND=COMMAND, NO_NEW_PRIVS="on")
    one, *of_one = begin(server)
    other, *_ = begin(server)
    assert by_session(other, *of_one)["read terminal"] == "done"
    for terminal in (one, other):
        terminal.close()
    said = "\ncommands: not kept apart from one another: "
    assert said in check(*without, NO_NEW_PRIVS="on").stdout and said in check().stdout
    assert "\ncommands: kept apart from one another (Landlock)\n" in check(NO_NEW_PRIVS="on").stdout


# ---- the ruleset that process 1 makes for all of them ----

def ruleset_holders(server):
    """The words, and what the kernel says, of the processes that have it open."""
    held = {}
    for pid in [server.pid, *server.processes()]:
        try:
            if any("landlock-ruleset" in str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()):
                held[pid] = (Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"), Path(f"/proc/{pid}/status").read_text())
        except FileNotFoundError:  # a command's own
            pass
    return held


def test_who_has_the_ruleset(start):
    """Whoever has it could add to it: no process that parses may, and no command."""
    server = start(InitServer, FORCE_COMMAND=f"echo begun; {UNTIL_GO}", TLS="self-signed", HTTPS_PORT=str(free_port()),
                   COMMAND_LOCK="off", HTTP_HOLD_MS="0")
    url = f"https://localhost:{server.settings['HTTPS_PORT']}/cgi-bin/run"
    argv = ["curl", "-sS", "--noproxy", "*", "-N", "-H", AUTH, "--cacert", server.keys / "tls.crt", url]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as by_tls, server.start() as by_ssh:
        try:
            assert by_tls.stdout.readline() == by_ssh.stdout.readline() == b"begun\n"
            ready = {p for spare in server.spares() for p in descendants(spare)}
            held = {pid: found for pid, found in ruleset_holders(server).items() if pid not in ready}
        finally:
            server.go()
        assert by_tls.wait() == by_ssh.wait() == 0
    assert sorted(words[1] for words, _ in held.values()) == [b"http", b"init", b"ssh", b"ssh"]
    for words, status in held.values():
        assert "\nUid:\t0\t0\t0\t0\n" in status and "\nSeccomp:\t0\n" in status, words


def test_what_is_new_in_the_root(start):
    """What has come into /dev since process 1 made its ruleset is open to the next command, and to one on a
    connection that was there before."""
    server = start(InitServer, FORCE_COMMAND="cat /dev/new", COMMAND_LOCK="off")
    with Client(server) as kept:
        assert b"No such file" in kept.send(request()).answer().body
        server.inside("/dev/new").write_text("a file\n")
        assert kept.send(request()).answer().body == b"a file\n"


def test_a_mount_alone(start):
    """Of which no directory's time tells: process 1 hears it from the kernel."""
    server = start(InitServer, FORCE_COMMAND="cat /tmp/new", COMMAND_LOCK="off")
    subprocess.run(["nsenter", "-t", str(server.pid), "-m", "mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", server.root / "tmp"],
                   check=True)
    server.inside("/tmp/new").write_text("a mount\n")
    assert ask(server).body == b"a mount\n"


def test_a_ruleset_that_somebody_else_speaks_of(start):
    """What stands in the environment of the container is nothing that process 1 hands on."""
    server = start(InitServer, FORCE_COMMAND="echo ok", env={"BASTION_APART": "0123456789abcdef"}, NO_NEW_PRIVS="off")
    assert ask(server).body == server.ssh().stdout == b"ok\n"
    assert not ruleset_holders(server)
