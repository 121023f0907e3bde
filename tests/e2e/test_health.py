"""bastion health, where no `bastion init` is: what it says of a list of listeners, and of there being none."""
import socket
import subprocess
import threading

import pytest
from harness import BASTION, PATIENCE, SANITIZERS, free_port


def health(run_dir, **settings):
    done = subprocess.run([BASTION, "health"], env={**SANITIZERS, "RUN_DIR": str(run_dir), **settings}, capture_output=True, text=True, timeout=PATIENCE)
    return done.returncode, done.stdout


def test_nobody_is_at_work(tmp_path):
    assert health(tmp_path) == (1, f"{tmp_path}/listeners: No such file or directory: bastion init is not at work here\n")
    missing = tmp_path / "missing"
    assert health(missing) == (1, f"{missing}/listeners: No such file or directory: bastion init is not at work here\n")


def test_a_setting_that_is_none(tmp_path):
    code, said = health("relative")
    assert code == 1 and said.startswith("RUN_DIR: ")


def test_nothing_is_served(tmp_path):
    (tmp_path / "listeners").write_text("")
    assert health(tmp_path) == (1, "nothing is served\n")


@pytest.mark.parametrize("line", ["http", "http 127.0.0.1", "http 127.0.0.1 x", "http 127.0.0.1 65536"])
def test_a_line_that_is_none(tmp_path, line):
    (tmp_path / "listeners").write_text(line + "\n")
    assert health(tmp_path) == (1, "")


@pytest.mark.parametrize("channel", ["http", "https", "mux", "ssh", "other"])
@pytest.mark.parametrize("address", ["127.0.0.1", "nowhere"])
def test_nobody_listens(tmp_path, channel, address):
    port = free_port()
    (tmp_path / "listeners").write_text(f"{channel} {address} {port}\n")
    assert health(tmp_path) == (1, f"{channel} on port {port}: no answer\n")


@pytest.mark.parametrize("channel", ["http", "https", "mux", "ssh"])
@pytest.mark.parametrize("answer", [b"", b"S", b"220 mail.example ESMTP\r\n"])
def test_somebody_else_answers(tmp_path, channel, answer):
    """Another program has the port: what it says is no answer of that channel's, nor is its silence until it hangs up."""
    def serve():
        client, _ = listener.accept()
        with client:
            client.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        (tmp_path / "listeners").write_text(f"{channel} 127.0.0.1 {port}\n")
        server = threading.Thread(target=serve)
        server.start()
        assert health(tmp_path) == (1, f"{channel} on port {port}: no answer\n")
        server.join()
