"""One SSH session: what runs, what it sees, and what the client gets."""
import pytest

from ssh_harness import ALICE, AGENT_UID, SshServer, Terminal, fingerprint

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def show(start_once):
    """Its command shows what it got."""
    return start_once(SshServer, FORCE_COMMAND="echo out; echo err >&2; id -u; exit 7")


@pytest.mark.parametrize("command", [[], ["anything"], ["rm", "-rf", "/"]])
def test_the_client_cannot_choose(show, command):
    done = show.ssh(*command)
    assert (done.returncode, done.stdout, done.stderr) == (7, f"out\n{AGENT_UID}\n".encode(), b"err\n")


def test_the_log_tells_all_of_it(start):
    server = start(SshServer)
    assert server.ssh().stdout == b"ok\n"
    server.settle()
    login, begin, end, logout = (server.wait_event(e)[0] for e in ("login", "start", "end", "logout"))
    for line in (login, begin, end, logout):
        assert line["run"] == login["run"] and line["user"] == "alice" and line["peer"] == "127.0.0.1" and line["channel"] == "ssh"
    assert login["key"] == fingerprint(ALICE) and login["verdict"] == "allow"
    assert end["exit"] == 0 and end["bytes"] == 3


def test_terminal(start):
    terminal = Terminal(start(SshServer, FORCE_COMMAND="stty size; tty; ps -o stat= -p $$; read line; stty size; exit 5"))
    assert b"33 99" in terminal.read_until(b"/dev/pts/")
    assert terminal.read_until(b"+").strip().endswith(b"s+")  # a session's leader, in the foreground
    terminal.resize(44, 111)
    terminal.send(b"go\n")
    terminal.read_until(b"44 111")
    assert terminal.wait() == 5
    terminal.close()
