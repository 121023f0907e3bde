"""What a library that speaks SSH is put through, each time with one `bastion ssh`.

Each is driven by a program that takes: host, port, user, file of the key, situation. It passes on what comes, and says on standard
error what it made of it: the exit code, or the signal; before that, what became of a second session or of a forwarding.
"""
import subprocess

from harness import PATIENCE, SYSTEM_PATH
from ssh_harness import ALICE, SshServer


class Stage:
    def __init__(self, words, start):
        self.words, self.start = words, start

    def server(self, command, **settings):
        return self.start(SshServer, FORCE_COMMAND=command, **settings)

    def begin(self, server, situation):
        return subprocess.Popen([*self.words, server.host, str(server.port), "agent", str(ALICE), situation], env={"PATH": SYSTEM_PATH, "HOME": str(server.home)},
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ask(self, command, situation, output="ok\n"):
        """The words of the client; its output must be that."""
        client = self.begin(self.server(command), situation)
        got, words = client.communicate(timeout=PATIENCE)
        assert got.replace("\r\n", "\n") == output, (got, words)
        return words.strip()


def right(stage):
    return stage.ask("echo ok", "right")


def code(stage):
    return stage.ask("echo ok; exit 5", "code")


def signal(stage):
    return stage.ask("echo ok; kill -TERM $$", "signal")


def keepalive(stage):
    """Eight of them or more, each of which wants an answer; AsyncSSH gives up after three that have none."""
    return stage.ask("sleep 4; echo ok", "keepalive")


def terminal(stage):
    return stage.ask("test -t 0 && echo $TERM; stty size", "terminal", "xterm\n33 77\n")


def modes(stage):
    return stage.ask("stty -a | grep -o -e '-echo ' -e ' erase = [^;]*'", "modes", " erase = ^H\n-echo \n")


def close(stage):
    """The client waits for the answer, and a command that nobody reads any more is hung up."""
    server = stage.server("trap 'exit 1' HUP; echo begun; while sleep 0.05; do :; done", ON_DISCONNECT="hangup")
    words = stage.begin(server, "close").communicate(timeout=PATIENCE)[1].strip()
    return f"{words},{hung_up(server)}"


def leaves(stage):
    server = stage.server("trap 'exit 1' HUP; echo begun; while sleep 0.05; do :; done", ON_DISCONNECT="hangup")
    client = stage.begin(server, "leaves")
    assert client.stdout.readline() == "begun\n"
    client.kill()
    client.communicate()
    return hung_up(server)


def hung_up(server):
    end = server.wait_event("end")[0]
    return "hangup" if end.get("reason") == "the client went away" else str(end)


def second(stage):
    return stage.ask("echo first; cat; echo last", "second", "first\nlast\n")


def forward(stage):
    return stage.ask("echo first; cat; echo last", "forward", "first\nlast\n")


SITUATIONS = [right, code, signal, keepalive, terminal, modes, close, leaves, second, forward]
