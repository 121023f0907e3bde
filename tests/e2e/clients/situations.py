"""What a client is put through, each time with one bastion, and what is to be seen of it (see the table in test_http_clients.py)."""
import hashlib
import os
import select
import subprocess
import tempfile
from pathlib import Path

from harness import SYSTEM_PATH, TOKEN, UNTIL_GO, Server

MIB = 1 << 20
PATIENCE = 60
LATELY = 10  # seconds after which a line is one that is held back


class Stage:
    """A client, and the same bastion with other settings, started when one is asked for."""

    VARIANTS = {
        "quick": {"HTTP_HOLD_MS": "60000"},
        "streams": {"HTTP_HOLD_MS": "0", "ON_DISCONNECT": "hangup"},
        "stdin": {"HTTP_HOLD_MS": "60000", "HTTP_STDIN": "body"},
    }

    def __init__(self, client, start):
        self.client, self.start, self.servers = client, start, {}

    def server(self, variant, command):
        """That bastion, and what its next runs do. It notes a number for each run that is that of its connection."""
        if variant not in self.servers:
            self.servers[variant] = self.start(Server, FORCE_COMMAND="echo $PPID >>$T/runs; . $T/command", COMMAND_LOCK="off", **self.VARIANTS[variant])
        server = self.servers[variant]
        (server.t / "command").write_text(command)
        (server.t / "runs").unlink(missing_ok=True)
        return server

    def argv(self, server, folder, method="GET", body=b"", token=TOKEN, mode="plain", path="/cgi-bin/run"):
        name = ""
        if body:
            (folder / "body").write_bytes(body)
            name = str(folder / "body")
        return self.client.argv(method, server.url(path), token, name, mode, folder)

    def ask(self, server, output=b"ok\n", **request):
        """What the client makes of its request, as the table has it. Output is compared where the client takes it for a whole one."""
        with tempfile.TemporaryDirectory(prefix="bastion-e2e-client-") as folder:
            folder = Path(folder)
            done = subprocess.run(self.argv(server, folder, **request), stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, env=environment(folder))
            try:
                status, whole, got = self.client.read(done, folder)
            except Exception as e:
                raise AssertionError(done) from e
        word = status if whole else "broken"
        if whole and output is not None and got != output and status.startswith("200"):
            word = f"{status} {got[:200]}"
        return f"{word}/{server.runs()}"

    def watch(self, server, folder):
        return subprocess.Popen(self.argv(server, folder, mode="lines"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(folder))


def environment(folder):
    """No proxy, no configuration of somebody's own."""
    return {"PATH": SYSTEM_PATH, "HOME": str(folder), "LANG": "C.UTF-8", "NO_PROXY": "*", "no_proxy": "*"}


def text(size):
    return b"0123456789abcdef" * (size // 16)


def digest(body):
    return hashlib.sha256(body).hexdigest().encode() + b"  -\n"


def right(stage):
    return stage.ask(stage.server("quick", "echo ok"))


def post(stage):
    return stage.ask(stage.server("quick", "echo ok"), method="POST")


def failed(stage):
    return stage.ask(stage.server("quick", "echo no; exit 3"))


LATE = "echo first; sleep 0.2; echo last; exit 3"


def late(stage):
    return complete(stage.ask(stage.server("streams", LATE), output=b"first\nlast\n"))


def latepost(stage):
    return complete(stage.ask(stage.server("streams", LATE), output=b"first\nlast\n", method="POST"))


def complete(cell):
    """A failed command's output, taken for a good one's."""
    return cell.replace("200/", "complete/")


def lines(stage):
    """The first line comes a second behind the head: what arrives with it shows nothing of what a client does with a line alone."""
    server = stage.server("streams", f"sleep 1; echo first; {UNTIL_GO}; echo last")
    with tempfile.TemporaryDirectory(prefix="bastion-e2e-client-") as folder:
        client = stage.watch(server, Path(folder))
        word = "live" if select.select([client.stdout], [], [], LATELY)[0] else "held"
        server.go()
        got = client.communicate(timeout=PATIENCE)[0]
    os.unlink(server.t / "go")
    return f"{word}/{server.runs()}" if got == b"first\nlast\n" else f"{got}"


def leaves(stage):
    server = stage.server("streams", "trap 'exit 1' HUP; : >$T/begun; while sleep 0.05; do echo line; done")
    ends = len(server.events("end"))
    with tempfile.TemporaryDirectory(prefix="bastion-e2e-client-") as folder:
        client = stage.watch(server, Path(folder))
        server.wait_file("begun")
        client.kill()
        client.communicate()
    end = server.wait_event("end", ends + 1)[-1]
    os.unlink(server.t / "begun")
    return f"hangup/{server.runs()}" if end.get("reason") == "the client went away" else f"{end}"


def twice(stage):
    """How many connections that takes is behind the count of runs."""
    server = stage.server("quick", "echo ok")
    return f"{stage.ask(server, output=b'ok' + bytes([10]) + b'ok' + bytes([10]), mode='twice')}/{len({*server.lines()})}"


def silence(stage):
    """Longer than bastion waits for a head or for a next request."""
    return stage.ask(stage.server("streams", "echo first; sleep 16; echo last"), output=b"first\nlast\n")


def healthz(stage):
    return stage.ask(stage.server("quick", "echo ok"), method="HEAD", path="/healthz", output=None)


def body5(stage):
    return stage.ask(stage.server("quick", "echo ok"), method="POST", body=text(5 * MIB))


def body25(stage):
    return stage.ask(stage.server("quick", "sleep 0.3; echo ok"), method="POST", body=text(25 * MIB))


def body33(stage):
    return stage.ask(stage.server("quick", "echo ok"), method="POST", body=text(33 * MIB), output=None)


def stdin(stage):
    return stage.ask(stage.server("stdin", "sha256sum"), method="POST", body=text(5 * MIB), output=digest(text(5 * MIB)))


def chunked(stage):
    return stage.ask(stage.server("stdin", "sha256sum"), method="POST", body=text(5 * MIB), output=digest(text(5 * MIB)), mode="chunked")


def unwanted(stage):
    """A chunked body that nobody wants."""
    return stage.ask(stage.server("quick", "echo ok"), method="POST", body=text(5 * MIB), mode="chunked")


def wrong(stage):
    return stage.ask(stage.server("quick", "echo ok"), method="POST", body=text(5 * MIB), token="wrong", output=None)


def expect(stage):
    return stage.ask(stage.server("quick", "echo ok"), method="POST", body=text(MIB), mode="expect")


def resume(stage):
    return stage.ask(stage.server("quick", "echo ok"), mode="resume", output=None)


SITUATIONS = [right, post, failed, late, latepost, lines, leaves, twice, silence, healthz, body5, body25, body33, stdin, chunked, unwanted, wrong, expect, resume]
