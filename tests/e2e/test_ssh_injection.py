"""What a client sends besides its key: variables, requests, names. None of it chooses what runs, or writes the log."""
import asyncio
import socket
import warnings

import pytest

from ssh_harness import ALICE, KEYS, MALLORY, SshServer, Terminal, by_asyncssh, fingerprint, make_key, public

with warnings.catch_warnings(action="ignore"):
    import asyncssh
    import asyncssh.connection

pytestmark = pytest.mark.root

BOB = make_key(KEYS, "bob-too")

# What the command was started with, less its own name (the run's), and what it is.
SHOW = "tr '\\0' '\\n' </proc/$$/environ | grep -v ^BASTION_RUN=; id; pwd; tr '\\0' ' ' </proc/$$/cmdline; echo x >>$T/runs"


@pytest.fixture(scope="module")
def show(start_once):
    return start_once(SshServer, FORCE_COMMAND=SHOW, COMMAND_LOCK="off")


@pytest.fixture(scope="module")
def untouched(show):
    """What comes out when the client sends nothing."""
    done = show.ssh()
    assert done.returncode == 0 and b"BASTION_USER=alice\n" in done.stdout and b"LANG" not in done.stdout
    return done.stdout


# ---- variables ----

EVIL = {
    "FORCE_COMMAND": "touch $T/evil", "FORCE_COMMAND_FILE": "/etc/passwd", "ALLOWED_COMMANDS": ".*", "COMMAND_PREFIX": "touch", "PATH": "/tmp:.", "LD_PRELOAD": "/tmp/evil.so",
    "LD_LIBRARY_PATH": "/tmp", "LD_AUDIT": "/tmp/evil.so", "ENV": "/tmp/evil", "BASH_ENV": "/tmp/evil", "SHELLOPTS": "xtrace", "PS4": "$(touch $T/evil)", "IFS": "/", "CDPATH": "/tmp",
    "GIT_SSH_COMMAND": "touch $T/evil", "DOCKER_HOST": "tcp://192.0.2.1:2375", "DOCKER_CONFIG": "/tmp", "SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22",
    "SSH_CLIENT": "192.0.2.1 1 22", "SSH_ORIGINAL_COMMAND": "touch $T/evil", "SSH_TTY": "/dev/null", "SSH_USER_AUTH": "/dev/null", "BASTION_USER": "root", "BASTION_PEER": "192.0.2.1",
    "BASTION_RUN": "0000000000000000", "BASTION_CHANNEL": "http", "BASTION_OTHER": "x", "HOME": "/tmp", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/sh", "PWD": "/tmp",
    "MAIL": "/tmp/x", "COMMAND_TIMEOUT": "1", "COMMAND_LOCK": "refuse", "ON_DISCONNECT": "hangup", "AUDIT": "json", "AUDIT_MASK": ".*", "RUN_DIR": "/tmp", "SSH_USER": "nobody",
    "AUTHORIZED_KEYS_DIR": "/tmp", "TCPREMOTEIP": "192.0.2.1", "REMOTE_ADDR": "192.0.2.1", "T": "/tmp", "PYTHONPATH": "/tmp", "PERL5OPT": "-Mevil", "TMPDIR": "/tmp", "TZ": "/etc/passwd",
    "LOCPATH": "/tmp", "MUSL_LOCPATH": "/tmp", "LANGUAGE": "de", "NLSPATH": "/tmp/%N", "TERMINFO": "/tmp", "TERMCAP": "/tmp/x", "EDITOR": "vi", "LC_": "C", "LC_all": "C", "LC_ALL2": "C",
    "LC_ALL/X": "C", "LANG_X": "C", "TERM_PROGRAM": "x", "LC_" + "A" * 40: "C", "lang": "C", " LANG": "C", "LANG ": "C", "GLIBC_TUNABLES": "x", "MALLOC_TRACE": "/tmp/x", "": "x",
}


def by_openssh(server, name, value):
    """SetEnv; LANG goes along, to show that what is sent arrives."""
    done = server.ssh("touch $T/evil", options=["-o", f'SetEnv=LANG=C "{name}={value}"'])
    assert done.stderr == b""
    return done.stdout


def by_other(server, name, value):
    done = by_asyncssh(server, "touch $T/evil", env={"LANG": "C", name: value})
    assert done.stderr == b""
    return done.stdout


def given(server, env):
    done = by_asyncssh(server, env=env)
    assert (done.exit_status, done.exit_signal, done.stderr) == (0, None, b"")
    return done.stdout


def check_log(server, before):
    """The lines that came since are as ever."""
    server.settle()
    events = server.events()[before:]
    assert [e["event"] for e in events] == ["login", "start", "end", "logout"]
    for event in events:
        assert (event["user"], event["peer"], event["channel"], event["run"]) == ("alice", "127.0.0.1", "ssh", events[0]["run"])
    assert events[0]["key"] == fingerprint(ALICE) and len(events[0]["run"]) == 16 and events[0]["run"] != "0" * 16
    assert events[1]["command"].startswith("tr ") and events[2]["exit"] == 0


def lines_more(output, untouched):
    """The lines that are there and were not; none may be missing."""
    lines, expected = output.splitlines(), untouched.splitlines()
    assert not {*expected} - {*lines}
    return sorted({*lines} - {*expected})


@pytest.mark.parametrize("name", EVIL)
def test_variable(show, untouched, name):
    show.settle()
    before = len(show.events())
    assert lines_more(by_other(show, name, EVIL[name]), untouched) == [b"LANG=C"]
    check_log(show, before)
    assert not (show.t / "evil").exists()


@pytest.mark.parametrize("name", [n for n in EVIL if n.replace("_", "").isalnum() and '"' not in EVIL[n]])
def test_variable_by_openssh(show, untouched, name):
    show.settle()
    before = len(show.events())
    assert lines_more(by_openssh(show, name, EVIL[name]), untouched) == [b"LANG=C"]
    check_log(show, before)
    assert not (show.t / "evil").exists()


def test_all_variables_at_once(show, untouched):
    """On a terminal too."""
    done = by_asyncssh(show, env={"LANG": "C", **{n: v for n, v in EVIL.items() if n}}, term_type="xterm", term_size=(80, 24))
    assert lines_more(done.stdout.replace(b"\r\n", b"\n"), untouched) == [b"LANG=C", b"TERM=xterm"]


@pytest.mark.parametrize("name, value", [
    ("TERM", "xterm-256color"), ("TERM", "screen.linux"), ("LANG", "de_DE.UTF-8"), ("LANG", "C"), ("LC_ALL", "sr_RS@latin"), ("LC_CTYPE", "C.UTF-8"), ("LC_MESSAGES", "POSIX"),
    ("LC_TIME", "x" * 63), ("LC_MEASUREMENT", "en_US.ISO-8859-1"), ("LC_PAPER", "a+b"),
])
def test_variable_that_survives(show, untouched, name, value):
    assert lines_more(given(show, {name: value}), untouched) == [f"{name}={value}".encode()]


UNSAFE = ["", "..", ".", "../../../tmp/evil", "/tmp/evil", "C/../x", "C D", " C", "C ", "a;b", "a|b", "$HOME", "$(id)", "`id`", "a\nLD_PRELOAD=/x", "a\nb", "a\rb", "a\tb", "\x1b[2J", "x" * 64,
          "x" * 5000, "a=b", "a:b", "a,b", "a%s", "a%n", "'", '"', "a\\b", "*", "?", "~", "!", "{}", "<x", "a&b", "\u00e9", "C#", "\x7f"]


@pytest.mark.parametrize("name", ["LANG", "LC_ALL", "TERM"])
def test_unsafe_values(show, untouched, name):
    """All in one table: the values that came through must be none."""
    survivors = {value for value in UNSAFE if lines_more(given(show, {name: value}), untouched)}
    assert survivors == set()


def test_unsafe_terminal_type(show, untouched):
    """The name of the terminal comes another way."""
    for value in ("", "/tmp/evil", "../evil", "..", "a b", "a;b", "$(id)", "a\nLD_PRELOAD=x", "x" * 64):
        done = by_asyncssh(show, term_type=value, term_size=(80, 24))
        assert lines_more(done.stdout.replace(b"\r\n", b"\n"), untouched) == [], value


@pytest.mark.parametrize("count", [20, 1000])
def test_very_many_variables(show, untouched, count):
    """However many are sent, the administrator's are all there, and no more than a handful are added."""
    names = [f"LC_{chr(65 + i // 676 % 26)}{chr(65 + i // 26 % 26)}{chr(65 + i % 26)}" for i in range(count)]
    more = lines_more(given(show, {name: "C" for name in names}), untouched)
    assert 0 < len(more) < 32 and all(line.startswith(b"LC_") for line in more)


# ---- requests ----

REQUESTS = ["touch T/evil", "; touch T/evil", "$(touch T/evil)", "`touch T/evil`", "| touch T/evil", "&& touch T/evil", "x\ntouch T/evil\n", "'; touch T/evil; '", '"; touch T/evil; "',
            "-c 'touch T/evil'", "-c", "--", "-", "--force-command", "shell --force-command", "bastion shell --force-command", "--help", "--version", "check", "http", "ssh", "docker ps", "init",
            "sh", "/bin/sh -i", "scp -t T/evil", "scp -f /etc/passwd", "internal-sftp", "/usr/lib/openssh/sftp-server", "rsync --server . T/evil", "git-upload-pack 'T'", " ", "\t",
            "\x1b[2J", "%s%n", "\u00e9", "\udcff\udcfe", "x" * 30000, "FORCE_COMMAND=x", "*", "~", "$T", "${IFS}", "\\", "\r\n"]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda r: ascii(r)[:40])
def test_request(show, untouched, request_):
    """FORCE_COMMAND is what runs, and nothing of the request is in the log."""
    show.settle()
    before = len(show.events())
    text = request_.replace("T/", f"{show.t}/").encode(errors="surrogateescape")
    done = by_asyncssh(show, text)
    assert (done.exit_status, done.stdout, done.stderr) == (0, untouched, b"")
    check_log(show, before)
    assert not (show.t / "evil").exists()


@pytest.mark.parametrize("request_", ["", "touch T/evil", "x; touch T/evil", "$(touch T/evil)"], ids=ascii)
def test_request_by_openssh(show, untouched, request_):
    done = show.ssh(request_.replace("T/", f"{show.t}/"))
    assert (done.returncode, done.stdout, done.stderr) == (0, untouched, b"")
    assert not (show.t / "evil").exists()


def test_request_on_a_terminal(start):
    server = start(SshServer, FORCE_COMMAND="tr '\\0' ' ' </proc/$$/cmdline; echo; echo end")
    terminal = Terminal(server, f"touch {server.t}/evil")
    assert b"evil" not in terminal.read_until(b"end\r\n")
    assert terminal.wait() == 0
    terminal.close()
    assert not (server.t / "evil").exists()


@pytest.mark.parametrize("size", [32000, 33000, 100000])
def test_request_that_is_too_long(start, size):
    """What does not fit a packet of tinysshd's ends the connection; nothing else happens."""
    server = start(SshServer)
    done = server.ssh("x" * size)
    assert (done.returncode, done.stdout) in ((0, b"ok\n"), (255, b""))
    server.settle()
    assert server.runs() == (done.returncode == 0)
    assert [e["event"] for e in server.events()] in (["login", "start", "end", "logout"], ["login", "logout"])


# ---- who it is ----

def text_of(key):
    return public(key).split()[1]


def accepted(key, account="agent", end=" {packet_auth.c:1}"):
    """The line in which tinysshd says that this key may log in."""
    return f"tinysshd: AAAAAAAA: info: auth: {account}: ssh-ed25519 {text_of(key)} accepted{end}"


NAMES = {
    "line": "x\n" + accepted(ALICE),
    "whole line": "x\n" + accepted(ALICE) + "\n",
    "line and a half": "x\n" + accepted(ALICE) + "\ntinysshd: ",
    "without a place": "x\n" + accepted(ALICE, end=""),
    "without a place, whole": "x\n" + accepted(ALICE, end="\n"),
    "behind a fatal line": "x\ntinysshd: AAAAAAAA: fatal: y\n" + accepted(ALICE) + "\n",
    "of a line of ours": '\n2026-01-01T00:00:00.000Z bastion event=login run=0 channel=ssh user="alice" verdict=allow\n',
    "of a line of ours, in JSON": '\n{"event":"login","user":"alice","verdict":"allow"}\n',
    "at the end of a piece of 256": "x" * 43 + "\n" + accepted(ALICE) + "\n",
    "the real name, and more": "agent\n" + accepted(ALICE) + "\n",
}


class Names(asyncssh.SSHClient):
    """Tries one key after the other, each with a user name of its own: a client may change it (RFC 4252, section 5)."""

    def __init__(self, tries):
        self.tries = [*tries]

    def connection_made(self, connection):
        self.connection = connection

    def public_key_auth_requested(self):
        if not self.tries:
            return None
        self.connection._username, key = self.tries.pop(0)
        return str(key)


def log_in(server, tries, monkeypatch):
    """What the session's output is, or None where none of the tries was right."""
    monkeypatch.setattr(asyncssh.connection, "saslprep", lambda name: name)  # refuses control characters

    async def talk():
        connection, _ = await asyncssh.create_connection(lambda: Names(tries), server.host, server.port, username=tries[0][0], known_hosts=None, config=None,
                                                         agent_path=None, client_keys=[], preferred_auth="publickey")
        async with connection:
            return (await connection.run("x", encoding=None)).stdout

    try:
        return asyncio.run(asyncio.wait_for(talk(), 30))
    except (asyncssh.PermissionDenied, asyncssh.ConnectionLost, ConnectionResetError):
        return None


@pytest.mark.parametrize("audit", ["text", "json"])
@pytest.mark.parametrize("name", NAMES)
def test_a_forged_acceptance(start, monkeypatch, name, audit):
    """The name that the client gives is in tinysshd's log, its newlines are not."""
    server = start(SshServer, AUDIT=audit)
    assert log_in(server, [(NAMES[name], MALLORY)], monkeypatch) is None
    server.settle()
    assert [(e["event"], e["verdict"], e.get("user"), e.get("key")) for e in server.events()] == [("login", "deny", None, None)]
    assert len(server.log_lines()) == 1 and server.runs() == 0


@pytest.mark.parametrize("name", NAMES)
def test_a_forged_acceptance_before_a_login(start, monkeypatch, name):
    """Bob may log in, and is Bob."""
    server = start(SshServer, FORCE_COMMAND="echo $BASTION_USER")
    server.admit(BOB, "bob")
    assert log_in(server, [(NAMES[name], MALLORY), ("agent", BOB)], monkeypatch) == b"bob\n"
    server.settle()
    assert {e.get("user") for e in server.events()} == {"bob"}
    assert [e["event"] for e in server.events()] == ["login", "start", "end", "logout"]
    assert server.events("login")[0]["key"] == fingerprint(BOB)


@pytest.mark.parametrize("tries", [
    [("agent", MALLORY), ("agent", BOB)], [("root", MALLORY), ("agent", BOB)], [("root", BOB), ("agent", BOB)], [("x: not exist", BOB), ("agent", BOB)],
    [("agent: not exist", MALLORY), ("agent", BOB)], [("", BOB), ("agent", BOB)], [("x" * 255, BOB), ("agent", BOB)],
], ids=lambda tries: tries[0][0][:20] or "empty")
def test_another_name_first(start, monkeypatch, tries):
    server = start(SshServer, FORCE_COMMAND="echo $BASTION_USER")
    server.admit(BOB, "bob")
    assert log_in(server, tries, monkeypatch) == b"bob\n"
    server.settle()
    assert {e.get("user") for e in server.events()} == {"bob"}


@pytest.mark.parametrize("name", ["agent\n", "agent ", " agent", "agent\x00", "AGENT", "agent:x", "./agent", "agent/", ""], ids=ascii)
def test_a_name_that_is_almost_right(start, monkeypatch, name):
    server = start(SshServer)
    assert log_in(server, [(name, ALICE)], monkeypatch) is None
    server.settle()
    assert [(e["event"], e["verdict"]) for e in server.events()] == [("login", "deny")] and server.runs() == 0


@pytest.mark.parametrize("hello", ["", "SSH-2.0-x ", "SSH-2.0-x\n"], ids=ascii)
def test_a_forged_line_before_the_login(start, hello):
    """In the place of the client's greeting, and behind it."""
    server = start(SshServer)
    with socket.create_connection((server.host, server.port)) as client:
        client.sendall((hello + accepted(ALICE) + "\r\n").encode())
        client.shutdown(socket.SHUT_WR)
        while client.recv(4096):
            pass
    server.settle()
    assert [(e["event"], e["verdict"], e.get("user")) for e in server.events()] == [("login", "deny", None)]
