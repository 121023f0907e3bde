"""init/examples: what a CI job does to start a run and to follow it, run by real shells with real curl, over connections that break."""
import re
import socket
import subprocess
import threading
from pathlib import Path

import pytest
import yaml
from harness import AUTH, SYSTEM_PATH, TOKEN, pass_bytes, request

EXAMPLES = Path(__file__).parents[2] / "init/examples"
FUNCTION = (EXAMPLES / "bastion-run.sh").read_text()


def scripts():
    """Those that a forge would run."""
    yield "shell", FUNCTION + "bastion_run\n"
    for name in ("github", "forgejo"):
        steps = yaml.safe_load((EXAMPLES / f"{name}.yml").read_text())["jobs"]["deploy"]["steps"]
        yield name, steps[-1]["run"]
    yield "gitlab", "\n".join(yaml.safe_load((EXAMPLES / "gitlab.yml").read_text())["deploy"]["script"])


SHELLS = {"shell": [["dash"], ["busybox", "sh"], ["bash"]], "github": [["bash", "-e"], ["bash", "-eo", "pipefail"]], "forgejo": [["bash", "-e"]],
          "gitlab": [["busybox", "sh", "-e"], ["bash", "-eo", "pipefail"]]}
CASES = [(name, shell) for name, _ in scripts() for shell in SHELLS[name]]
by_shell = pytest.mark.parametrize("name, shell", CASES, ids=[f"{name}-{'-'.join(shell)}" for name, shell in CASES])


class Road:
    """A connection's way to bastion, on which `damage(number, head)` says of each what becomes of it: NONE, a text that is answered in
    bastion's place, or the bytes at which the answer breaks off."""

    def __init__(self, server, damage, cut=lambda: None):
        self.server, self.damage, self.cut, self.heads = server, damage, cut, []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.carry, args=(client,), daemon=True).start()

    def carry(self, client):
        with client, socket.create_connection((self.server.host, self.server.port)) as bastion:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = client.recv(65536)
                if not piece:
                    return
                head += piece
            self.heads.append(head.decode())
            fault = self.damage(self, head.decode())
            if isinstance(fault, str):
                client.sendall(fault.encode())
                return
            bastion.sendall(head)
            if fault is None:
                threading.Thread(target=pass_bytes, args=(client, bastion), daemon=True).start()
                pass_bytes(bastion, client)
                return
            seen = b""
            while fault not in seen and (piece := bastion.recv(65536)):
                seen += piece
                client.sendall(piece)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.cut()

    def close(self):
        self.socket.close()


def run(road, name, shell, command=None):
    script = dict(scripts())[name]
    if command:
        script = re.sub(r"\nbastion_run\n$", f"\nbastion_run '{command}'\n", script)
    return subprocess.run([*shell, "-c", script], capture_output=True, text=True, timeout=120,
                          env={"PATH": SYSTEM_PATH, "BASTION_URL": road.url, "BASTION_TOKEN": TOKEN, "no_proxy": "*"})


def test_the_same_function():
    """Stands in each."""
    wanted = FUNCTION[FUNCTION.index("bastion_run() ("):] + "bastion_run\n"
    assert [script for name, script in scripts() if name != "shell" and script != wanted] == []


LINES = "".join(f"line {i}\n" for i in range(1, 2001))
GATEWAY = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 12\r\nConnection: close\r\n\r\nBad Gateway\n"


@by_shell
@pytest.mark.parametrize("code", [0, 3])
def test_a_lost_connection(start, name, shell, code):
    """The output is whole, nothing stands there twice, and the exit code is the command's."""
    server = start(FORCE_COMMAND=f"seq -f 'line %.0f' 1000; while [ ! -e $T/go ]; do sleep 0.02; done; seq -f 'line %.0f' 1001 2000; exit {code}")

    def damage(road, head):
        following = [h for h in road.heads if h.startswith("GET /runs/")]
        if head.startswith("GET /runs/") and len(following) == 1:
            return b"line 500\n"
    road = Road(server, damage, server.go)
    done = run(road, name, shell)
    assert (done.stdout, done.returncode) == (LINES, code), done
    assert sum(head.startswith("POST ") for head in road.heads) == 1 and TOKEN not in done.stderr
    road.close()


def test_a_proxy_that_fails(start):
    """While the run goes on, and once it has ended: its texts are no output."""
    server = start(FORCE_COMMAND="echo one; while [ ! -e $T/go ]; do sleep 0.02; done; echo two; exit 7")

    def damage(road, head):
        asked = [h for h in road.heads if h.startswith(("GET /runs/", "HEAD /runs/"))]
        if len(asked) == 2:
            return b"one\n"
        return GATEWAY if len(asked) in (3, 5) else None
    road = Road(server, damage, server.go)
    done = run(road, "shell", ["dash"])
    assert (done.stdout, done.returncode) == ("one\ntwo\n", 7), done
    road.close()


@pytest.mark.parametrize("settings, command, said, code", [
    ({"FORCE_COMMAND": "echo ok"}, None, "ok\n", 0),
    ({"FORCE_COMMAND": "exit 9"}, None, "", 9),
    ({"FORCE_COMMAND": "/no/such/program"}, None, "/bin/sh: 1: /no/such/program: not found\n", 127),
    ({"FORCE_COMMAND": None, "ALLOWED_COMMANDS": "echo .*"}, "echo a b", "a b\n", 0),
    ({"FORCE_COMMAND": None, "ALLOWED_COMMANDS": "echo .*"}, "rm x", "[broker] DENY: rm x\n", 1),
    ({"HTTP_TOKEN": "another-one-0123456789"}, None, "", 1),
    ({"RUNS_KEEP": "0", "FORCE_COMMAND": "echo ok"}, None, "ok\n", 0),
])
def test_without_faults(start, settings, command, said, code):
    road = Road(start(**settings), lambda *_: None)
    done = run(road, "shell", ["dash"], command)
    assert done.returncode == code and done.stdout.startswith(said), done
    road.close()


def test_left_out(start):
    """COMMAND_LOCK=skip: a success that says so, as for any client."""
    from harness import Client
    server = start(FORCE_COMMAND="echo x >>$T/runs; while [ ! -e $T/go ]; do sleep 0.02; done", HTTP_HOLD_MS="60000")
    road = Road(server, lambda *_: None)
    with Client(server) as first:
        first.send(request(auth=AUTH))
        server.wait_file("runs")
        done = run(road, "shell", ["dash"])
        assert done.returncode == 0 and "left out" in done.stdout
        server.go()
        assert first.answer().code == 0
    road.close()
