"""The processes of a container that are taken over (../e2e/test_hostile.py, test_hostile_sshd.py), as an engine starts it: with the
capabilities that the manual names, a root that can't be written, and the engine's own filter of system calls."""
import os
import socket

import pytest
from bastion_image import LEAST, Bastion, build
from harness import reachable, request, wait_for
from ssh_harness import TINYSSHD
from test_hostile import HTTP, NEVER, TLS, attempts, command, double, nothing_is_left
from test_hostile_sshd import SHELL, WHEN, build as build_sshd, attempts as attempts_of_sshd, build_shell, it_is_held, shell_is_held

CONTAINER = ["--read-only", "--tmpfs", "/run", *LEAST]
GROUP = 4000  # the socket's
# In the container's network: what comes on standard input goes to HTTP's port, and what comes back is printed.
TALK = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as s:
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

    def start(program, more=(), **settings):
        mounts = [*more, "-v", f"{program}:{settings.pop('where')}:ro", "-v", f"{path}:/var/run/docker.sock"]
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
    return server.within("/usr/bin/python3", "-c", TALK, "8080", input=request(close=True)).stdout


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


@pytest.mark.parametrize("when", TLS)
def test_tls(bastion, when):
    function, defines = TLS[when]
    server = bastion(double("tls", function, defines=defines), where="/bin/bastion", TLS="self-signed")
    assert server.curl("-k", url="https://127.0.0.1:8443/cgi-bin/run").stdout == b"ok\n"
    found = attempts(server.log().encode())
    assert found.pop("own-environment") == "ENOENT"
    nothing_is_left(found)


# A client's connection to the container's SSH port, of which what the server says is kept, to its end: the client goes before.
RELAY = """
import contextlib, os, signal, socket, sys, threading
signal.signal(signal.SIGHUP, signal.SIG_IGN)
def send():
    while data := sys.stdin.buffer.raw.read(65536):
        s.sendall(data)
with socket.create_connection(("127.0.0.1", 22)) as s, open(sys.argv[1] + ".part", "wb", 0) as kept:
    threading.Thread(target=send, daemon=True).start()
    while data := s.recv(65536):
        kept.write(data)
        with contextlib.suppress(OSError):
            os.write(1, data)
os.rename(sys.argv[1] + ".part", sys.argv[1])
"""


@pytest.mark.parametrize("when", WHEN)
def test_sshd(bastion, when, tmp_path):
    build_sshd(when, tmp_path, "/var/run/docker.sock", real="/real")
    server = bastion(reachable(tmp_path / "tinysshd"), more=("-v", f"{TINYSSHD}:/real:ro"), where="/bin/tinysshd")
    if when == WHEN[0]:
        said = server.within("/usr/bin/python3", "-c", TALK, "22", input=b"").stdout
    else:
        (tmp_path / "relay.py").write_text(RELAY)
        server.ssh(options=("-o", f"ProxyCommand=/usr/bin/python3 {tmp_path}/relay.py {tmp_path}/said"))
        said = wait_for(lambda: (tmp_path / "said").exists() and (tmp_path / "said").read_bytes(), "the server has said all")
    it_is_held(attempts_of_sshd(said))


@pytest.mark.parametrize("when", SHELL)
def test_shell(bastion, when):
    server = bastion(build_shell(when, "/var/run/docker.sock"), where="/bin/bastion")
    done = server.ssh()
    assert done.stdout.endswith(b"ok\n") and done.returncode == 0
    shell_is_held(attempts_of_sshd(done.stdout), when)
