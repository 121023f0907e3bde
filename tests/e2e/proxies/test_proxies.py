"""Every proxy in every situation. What an answer means (bastion(8), HTTP) must be so behind each of them; where one can't be brought to it, its
cell of the table below says what happens instead, and the comment there says why. init/README.md's table warns of it."""
import hashlib
import re
import select
import subprocess

import pytest
from harness import AUTH, UNTIL_GO, Server, curl, together, wait_for
from proxies import Proxy
from tables import cells
from webs import WEBS, Web

pytestmark = pytest.mark.root

# What a client behind the proxy sees, and how often the command ran for it:
#   200, 422 …  that status with the whole output
#   broken      the output as far as it went, then an error: the client knows that it failed
#   lost        an error, and output is missing
#   complete    a failed command looks like a good one
#   live, held  the lines come when they are written, or at the end
#   hangup      the command was told that its client is gone
TABLE = """
          nginx         nginx1.0      haproxy       caddy         apache        varnish       mod_cgid      fcgiwrap
right     200/1         200/1         200/1         200/1         200/1         200/1         200/1         200/1
failed    422/1         422/1         422/1         422/1         422/1         422/1         422/1         422/1
late      broken/1      broken/1      broken/1      complete/1    broken/1      broken/1      complete/1    complete/1
burst     broken/10     broken/10     broken/10     complete/10   broken/10     broken/10     complete/10   complete/10
lines     live/1        live/1        live/1        live/1        live/1        live/1        live/1        live/1
leaves    hangup/1      hangup/1      hangup/1      hangup/1      hangup/1      hangup/1      hangup/1      hangup/1
second    200,200/2     200,200/2     200,200/2     200,200/2     200,200/2     200,200/2     200,200/2     200,200/2
follows   live,422/1    live,422/1    live,422/1    live,422/1    live,422/1    live,422/1    -             -
healthz   200/0         200/0         200/0         200/0         200/0         200/0         -             -
body5     200/1         200/1         200/1         200/1         200/1         200/1         200/1         200/1
body25    200/1         200/1         200/1         200/1         200/1         200/1         200/1         200/1
body33    413/0         413/0         413/0         413/0         413/0         413/0         413/0         413/0
stdin     200/1         200/1         200/1         200/1         200/1         200/1         200/1         200/1
chunked   200/1         200/1         200/1         200/1         200/1         200/1         411/0         411/0
wrong     401/0         401/0         401/0         401/0         401/0         401/0         401/0         401/0
expect    200/1         200/1         200/1         200/1         200/1         200/1         200/1         200/1
silence   200,200,200/3 200,200,200/3 200,200,200/3 200,200,200/3 200,200,200/3 200,200,200/3 200,200,200/3 200,200,200/3
resume    409/0         409/0         409/0         409/0         409/0         409/0         409/0         409/0
"""
# late      Caddy before 2.7.6 ends a broken answer as if it were whole. mod_cgid and fcgiwrap look at no exit code, and CGI has no
#           other way to say that an answer broke.
# chunked   These two pass on no length, so that a body which broke off would be a whole one for the command.

MIB = 1 << 20
BURSTS = 10
LATELY = 10  # seconds after which a line is one that is held back


class Stage:
    """A proxy, or a web server, and what stands behind it: the same bastion with other settings behind each door."""

    VARIANTS = {
        "quick": {"HTTP_HOLD_MS": "60000"},
        "streams": {"HTTP_HOLD_MS": "0", "ON_DISCONNECT": "hangup"},
        "stdin": {"HTTP_HOLD_MS": "60000", "HTTP_STDIN": "body"},
    }

    def __init__(self, kind, start):
        def settings(variant):
            return {"FORCE_COMMAND": "echo x >>$T/runs; . $T/command", "COMMAND_LOCK": "off", **variant}
        if kind in WEBS:
            self.doors = {name: start(Web, web=kind, **settings(v)) for name, v in self.VARIANTS.items()}
            for web in self.doors.values():
                web.server = web
        else:
            servers = {name: start(Server, **settings(v)) for name, v in self.VARIANTS.items()}
            self.doors = start(Proxy, proxy=kind, servers=servers).doors

    def door(self, name, command):
        """One of the doors, and what its next runs do."""
        door = self.doors[name]
        (door.server.t / "command").write_text(command)
        return door


@pytest.fixture(scope="module")
def stage(request, start_once):
    return Stage(request.param, start_once)


def ask(door, *arguments, output="ok\n", auth=AUTH, path="/cgi-bin/run"):
    """What curl makes of one request, as the table has it, without the count."""
    found = curl(door, "-w", "%{stderr}%{http_code}", *arguments, auth=auth, path=path)
    status, got = found.stderr.decode().split()[-1], found.stdout.decode()
    as_meant = output is None or got == output or status not in ("200", "422")
    if found.returncode == 0:
        return status if as_meant else f"{status} {got[:200]}"
    return "broken" if as_meant and status == "200" else f"lost: {status} {found.stderr.decode()}"


def counted(situation, stage, tmp_path):
    """What the situation finds, and how often the command ran for it."""
    def runs():
        return sum(door.server.runs() for door in stage.doors.values())
    before = runs()
    word = situation(stage, tmp_path)
    return f"{word}/{runs() - before}"


def data(tmp_path, size):
    """A file of that size, for curl's --data-binary, and what the command prints of it."""
    content = b"0123456789abcdef" * (size // 16)
    (tmp_path / "data").write_bytes(content)
    return f"@{tmp_path}/data", hashlib.sha256(content).hexdigest() + "  -\n"


def right(stage, _):
    return ask(stage.door("quick", "echo ok"))


def failed(stage, _):
    return ask(stage.door("quick", "echo no; exit 3"), output="no\n")


def late(stage, _):
    """The last words come right before the end."""
    word = ask(stage.door("streams", "echo first; sleep 0.2; echo last; exit 3"), output="first\nlast\n")
    return "complete" if word == "200" else word


def burst(stage, _):
    """All of the output right before the end: a proxy that learns of an error at once forgets what it has not passed on. Now and then."""
    door = stage.door("streams", "sleep 0.1; seq 2000; exit 3")
    words = {ask(door, output="".join(f"{n}\n" for n in range(1, 2001))) for _ in range(BURSTS)}
    return "complete" if words == {"200"} else ",".join(words)


def lines(stage, _):
    door = stage.door("streams", f"echo first; {UNTIL_GO}; echo last")
    client = subprocess.Popen(["curl", "-sSN", "-H", AUTH, door.url()], stdout=subprocess.PIPE)
    word = "live" if select.select([client.stdout], [], [], LATELY)[0] and client.stdout.readline() == b"first\n" else "held"
    door.server.go()
    rest = client.communicate()[0]
    (door.server.t / "go").unlink()
    return word if rest.endswith(b"last\n") and client.returncode == 0 else f"{rest} {client.returncode}"


def leaves(stage, _):
    door = stage.door("streams", "trap 'exit 1' HUP; echo begun; while sleep 0.05; do echo line; done")
    before = len(door.server.events("end"))
    client = subprocess.Popen(["curl", "-sSN", "-H", AUTH, door.url()], stdout=subprocess.PIPE)
    client.stdout.readline()
    client.kill()
    client.communicate()
    end = door.server.wait_event("end", before + 1)[-1]
    return "hangup" if end.get("reason") == "the client went away" else f"{end}"


STEPS = "first\nlast\n"


def follows(stage, _):
    """A run that outlives its request (bastion(8), RUNS), through the proxy: each line as it comes, and afterwards how it ended."""
    door = stage.door("streams", f"echo first; {UNTIL_GO}; echo last; exit 3")
    begun = curl(door, "-i", "-H", "Prefer: respond-async", text=True).stdout
    path = re.search(r"(?mi)^location: (\S+)", begun)[1]
    client = subprocess.Popen(["curl", "-sSN", "-H", AUTH, door.url(path)], stdout=subprocess.PIPE)
    word = "live" if select.select([client.stdout], [], [], LATELY)[0] and client.stdout.readline() == b"first\n" else "held"
    door.server.go()
    rest = client.communicate()[0]
    (door.server.t / "go").unlink()
    wait_for(lambda: curl(door, "-I", path=path).stdout.find(b"ended") > 0, "it has ended")
    return f"{word},{ask(door, path=path, output=STEPS)}" if rest == b"last\n" else f"{rest}"


def second(stage, _):
    door = stage.door("quick", "echo ok")
    found = curl(door, "-w", "%{stderr}%{http_code},", door.url())
    assert found.stdout == b"ok\nok\n", found
    return found.stderr.decode().rstrip(",")


def silence(stage, _):
    """Longer than bastion waits for a head (10 s) or for the next request (15 s): of a command, and meanwhile of the clients, whose next
    request the proxy must not send on a connection that is no more."""
    def command():
        return ask(stage.door("streams", "echo first; sleep 16; echo last"), output="first\nlast\n")

    def clients():
        door = stage.door("quick", "echo ok")
        first = ask(door)
        door.server.settle()
        return f"{first},{ask(door)}"

    return ",".join(together([command, clients]))


def healthz(stage, _):
    return ask(stage.doors["quick"], "--head", path="/healthz", auth=None, output=None)


def body5(stage, tmp_path):
    return ask(stage.door("quick", "echo ok"), "-H", "Expect:", "--data-binary", data(tmp_path, 5 * MIB)[0])


def body25(stage, tmp_path):
    return ask(stage.door("quick", "sleep 0.3; echo ok"), "-H", "Expect:", "--data-binary", data(tmp_path, 25 * MIB)[0])


def body33(stage, tmp_path):
    return ask(stage.door("quick", "echo ok"), "-H", "Expect:", "--data-binary", data(tmp_path, 33 * MIB)[0], output=None)


def stdin(stage, tmp_path):
    name, digest = data(tmp_path, 5 * MIB)
    return ask(stage.door("stdin", "sha256sum"), "-H", "Expect:", "--data-binary", name, output=digest)


def chunked(stage, tmp_path):
    name, digest = data(tmp_path, 5 * MIB)
    return ask(stage.door("stdin", "sha256sum"), "-H", "Transfer-Encoding: chunked", "-H", "Expect:", "--data-binary", name, output=digest)


def wrong(stage, tmp_path):
    return ask(stage.door("quick", "echo ok"), "-H", "Expect:", "--data-binary", data(tmp_path, 5 * MIB)[0], auth="Authorization: Bearer wrong", output=None)


def expect(stage, _):
    """curl would send the body after a second all the same: so it has to be told to wait for longer."""
    return ask(stage.door("quick", "echo ok"), "-H", "Expect: 100-continue", "--expect100-timeout", "30", "--max-time", "20", "--data-binary", "x=1")


def resume(stage, _):
    return ask(stage.door("quick", "echo ok"), "--range", "1-", output=None)


SITUATIONS = [right, failed, late, burst, lines, leaves, follows, second, silence, healthz, body5, body25, body33, stdin, chunked, wrong, expect, resume]


@pytest.mark.parametrize("stage, situation, expected", cells(TABLE, SITUATIONS), indirect=["stage"], scope="module")
def test_cell(stage, tmp_path, situation, expected):
    assert counted(situation, stage, tmp_path) == expected
