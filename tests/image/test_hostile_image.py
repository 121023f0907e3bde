"""The front of HTTP and the command of a container that are taken over (../e2e/test_hostile.py), as an engine starts it: with the
capabilities that the manual names, a root that can't be written, and the engine's own filter of system calls."""
import os
import socket

import pytest
from bastion_image import LEAST, Bastion, build
from harness import request
from test_hostile import HTTP, NEVER, attempts, command, double, nothing_is_left

CONTAINER = ["--read-only", "--tmpfs", "/run", *LEAST]
GROUP = 4000  # the socket's
# In the container's network: what comes on standard input goes to HTTP's port, and what comes back is printed.
TALK = """
import socket, sys
with socket.create_connection(("127.0.0.1", 8080)) as s:
    s.sendall(sys.stdin.buffer.read())
    while data := s.recv(65536):
        sys.stdout.buffer.write(data)
"""


@pytest.fixture(scope="module")
def image(engine):
    build(engine)
    return engine


@pytest.fixture
def bastion(image, tmp_path):
    """With a socket where the engine's would be, of a group that nothing but the command has."""
    made, path = [], tmp_path / "docker.sock"
    tmp_path.chmod(0o755)

    def start(program, **settings):
        mounts = ["-v", f"{program}:{settings.pop('where')}:ro", "-v", f"{path}:/var/run/docker.sock"]
        made.append(Bastion(image, *CONTAINER, *mounts, HOSTILE_SOCKET="/var/run/docker.sock", HOSTILE_RUN_DIR="/run/bastion", **settings))
        return made[-1]

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        os.chown(path, 0, GROUP)
        path.chmod(0o660)
        listener.listen()
        yield start
        for one in made:
            one.remove()


def ask(server):
    return server.within("/usr/bin/python3", "-c", TALK, input=request(close=True)).stdout


@pytest.mark.parametrize("when", HTTP)
def test_front(bastion, when):
    function, defines = HTTP[when]
    server = bastion(double("http", function, defines=defines), where="/bin/bastion")
    found, response = ask(server).split(b"HTTP/1.1 ", 1)
    assert response.startswith(b"200 ")
    found = attempts(found)
    assert found.pop("own-environment") == "ENOENT"
    nothing_is_left(found)


def test_command(bastion):
    """It reaches the engine, and nothing of bastion's; nor is there a place to write."""
    server = bastion(command(), where="/attack", FORCE_COMMAND="exec /attack", HOSTILE_NO_EXEC="1")
    found = attempts(ask(server))
    assert {found[name] for name in ("docker-socket", "fork")} == {"OK"}
    assert {found[name] for name in (*NEVER, "open-by-handle", "unshare", "setns", "bpf", "keyctl", "perf", "userfaultfd", "write-tmp")} <= {
        "EPERM", "EACCES", "ESRCH", "ENOENT", "EROFS", "ENOSYS"}
