"""docker exec's streams: terminals, signals, input and its end, bulk, and an engine that goes away."""
import hashlib
import os
import signal
import socket
import subprocess
import termios
import threading

import pytest
from docker_harness import CLIENTS, OURS, Docker, outcome
from engine import DEBIAN
from harness import free_port, wait_for


@pytest.fixture(params=CLIENTS)
def docker(engine, request):
    """Each client in turn: what the tests say of ours must hold for the real one, too."""
    return Docker(CLIENTS[request.param], engine)


@pytest.fixture
def ours(engine):
    return Docker(OURS, engine)


# ---- terminals ----

def test_terminal_size(docker, idle):
    """From the start, and every later one."""
    terminal = docker.terminal("exec", "-it", "idle", "sh", size=(33, 99))
    terminal.send(b"until [ \"$(stty size)\" = '33 99' ]; do sleep 0.05; done; echo st''arted\r")
    terminal.read_until(b"started")
    terminal.resize(44, 111)
    terminal.send(b"until [ \"$(stty size)\" = '44 111' ]; do sleep 0.05; done; echo res''ized\r")
    terminal.read_until(b"resized")
    terminal.send(b"exit 7\r")
    assert terminal.wait()[0] == 7


def test_terminal_size_is_there_soon(ours, idle):
    """A command that looks after a moment finds it: the engine is asked again until the command is there."""
    terminal = ours.terminal("exec", "-it", "idle", "sh", "-c", "sleep 0.5; stty size", size=(22, 77))
    assert terminal.wait() == (0, b"22 77\r\n")


def test_terminal_is_raw_and_restored(docker, idle):
    terminal = docker.terminal("exec", "-it", "idle", "sh", "-c", "echo ready; read line; exit 3")
    terminal.read_until(b"ready")
    assert not terminal.modes()[3] & (termios.ICANON | termios.ECHO | termios.ISIG)
    terminal.send(b"\r")
    master = os.dup(terminal.master)
    assert terminal.wait()[0] == 3
    assert termios.tcgetattr(master)[3] & termios.ICANON
    os.close(master)


def test_keys_reach_the_command(docker, idle):
    """ctrl-c is the command's; so are all bytes."""
    terminal = docker.terminal("exec", "-it", "idle", "sh", "-c", "trap 'echo interrupted; exit 9' INT; echo ready; while :; do sleep 0.05; done")
    terminal.read_until(b"ready")
    terminal.send(b"\x03")
    terminal.read_until(b"interrupted")
    assert terminal.wait()[0] == 9


def test_detach_keys(docker, idle, engine):
    terminal = docker.terminal("exec", "-it", "idle", "sh", "-c", "echo ready; stty raw -echo; head -c 3; echo left")
    terminal.read_until(b"ready")
    terminal.send(b"\x10x")  # not the sequence: both arrive
    terminal.read_until(b"\x10x")
    terminal.send(b"\x10")
    terminal.send(b"\x11")
    code, rest = terminal.wait()
    assert (code, rest.strip()) == (1, b"read escape sequence")


def test_own_detach_keys(docker, idle):
    terminal = docker.terminal("exec", "-it", "--detach-keys", "ctrl-a,b", "idle", "sh", "-c", "echo ready; exec cat")
    terminal.read_until(b"ready\r\n")
    terminal.send(b"\x01b")
    code, rest = terminal.wait()
    assert (code, rest.strip()) == (1, b"read escape sequence")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signal_restores_the_terminal(ours, idle, number):
    """The shell that comes after sees its own terminal. The signal still ends the client."""
    terminal = ours.terminal("exec", "-it", "idle", "sh", "-c", "echo ready; exec sleep 1000")
    terminal.read_until(b"ready")
    master = os.dup(terminal.master)
    before = terminal.modes()
    os.kill(terminal.pid, number)
    os.waitpid(terminal.pid, 0)
    after = termios.tcgetattr(master)
    os.close(master)
    os.close(terminal.master)
    assert not before[3] & termios.ICANON and after[3] & termios.ICANON and after[3] & termios.ECHO


def test_terminal_lost(ours, idle, engine):
    """Nobody is left to tell: the client ends, and spins on nothing."""
    terminal = ours.terminal("exec", "-it", "idle", "sh", "-c", "echo ready; exec sleep 1000")
    terminal.read_until(b"ready")
    os.close(terminal.master)
    assert os.waitstatus_to_exitcode(os.waitpid(terminal.pid, 0)[1]) == -signal.SIGHUP


def test_full_screen_shell(docker, container):
    name = container(image=DEBIAN)
    terminal = docker.terminal("exec", "-it", name, "bash", "--norc")
    terminal.send(b"tput cols; echo $((6 * 7)) $TERM; exit 4\r")
    terminal.read_until(b"42 xterm")
    assert terminal.wait()[0] == 4


# ---- input ----

def test_input_ends(docker, idle):
    done = docker("exec", "-i", "idle", "sh", "-c", "cat; echo end; exit 6", input=b"text\n")
    assert outcome(done) == (6, b"text\nend\n", b"")


def test_no_input_without_i(docker, idle):
    done = docker("exec", "idle", "sh", "-c", "cat; echo end", input=b"text\n")
    assert outcome(done) == (0, b"end\n", b"")


def test_ends_while_input_is_open(docker, idle):
    """The command is done although nobody closes its input."""
    with docker.start("exec", "-i", "idle", "sh", "-c", "read line; echo $line; exit 8") as process:
        process.stdin.write(b"one\n")
        process.stdin.flush()
        assert (process.stdout.read(), process.wait(30)) == (b"one\n", 8)


def test_dialogue(docker, idle):
    """Each line is passed on at once, both ways."""
    with docker.start("exec", "-i", "idle", "cat") as process:
        for i in range(50):
            process.stdin.write(b"line %d\n" % i)
            process.stdin.flush()
            assert process.stdout.readline() == b"line %d\n" % i
        process.stdin.close()
        assert process.wait(30) == 0


def test_blocked_output_does_not_hold_back_input(docker, idle):
    """The output is more than a pipe holds, and is read only when all input has been taken."""
    with docker.start("exec", "-i", "idle", "sh", "-c", "head -c 90000 /dev/zero; sha256sum") as process:
        data = os.urandom(3_000_000)
        process.stdin.write(data)
        process.stdin.close()
        out = process.stdout.read()
        assert out[:90000] == b"\0" * 90000 and out[90000:].split()[0].decode() == hashlib.sha256(data).hexdigest()


# ---- bulk ----

MEGABYTES = 100


def test_bulk_out(docker, idle):
    size = MEGABYTES * 1_000_000
    with docker.start("exec", "idle", "sh", "-c", f"yes 0123456789abcde | head -c {size}") as process:
        digest, count = hashlib.sha256(), 0
        while piece := process.stdout.read(1 << 20):
            digest.update(piece)
            count += len(piece)
        assert (process.wait(30), count) == (0, size)
    assert digest.digest() == hashlib.sha256(b"0123456789abcde\n" * (size // 16)).digest()


def test_bulk_out_without_proc(ours, idle):
    """Where a pipe can't be opened anew, as for another account's."""
    script = f"umount -l /proc; exec {OURS} exec idle head -c 20000000 /dev/zero"
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, env=ours.env, timeout=60)
    assert (done.returncode, done.stdout.count(0), done.stderr) == (0, 20_000_000, b"")


def test_bulk_in(docker, idle, tmp_path):
    data = os.urandom(1_000_000)
    (tmp_path / "data").write_bytes(data * MEGABYTES)
    with open(tmp_path / "data") as file:
        done = subprocess.run([docker.program, "exec", "-i", "idle", "sha256sum"], stdin=file, capture_output=True, env=docker.env, timeout=120)
    assert done.stdout.split()[0].decode() == hashlib.sha256(data * MEGABYTES).hexdigest()


def test_bulk_both_ways(docker, idle):
    data = os.urandom(1 << 20)
    with docker.start("exec", "-i", "idle", "cat") as process:
        writer = threading.Thread(target=lambda: ([process.stdin.write(data) for _ in range(MEGABYTES)], process.stdin.close()))
        writer.start()
        got = hashlib.sha256(process.stdout.read()).digest()
        writer.join()
        assert (got, process.wait(30)) == (hashlib.sha256(data * MEGABYTES).digest(), 0)


def test_both_streams_keep_apart(docker, idle):
    done = docker("exec", "idle", "sh", "-c", "for i in $(seq 300); do echo out $i; echo err $i >&2; done")
    assert outcome(done) == (0, b"".join(b"out %d\n" % i for i in range(1, 301)), b"".join(b"err %d\n" % i for i in range(1, 301)))


def test_to_a_file(ours, idle, tmp_path):
    with open(tmp_path / "out", "wb") as out:
        assert subprocess.run([OURS, "exec", "idle", "head", "-c", "1000000", "/dev/zero"], stdout=out, env=ours.env, timeout=60).returncode == 0
    assert (tmp_path / "out").stat().st_size == 1_000_000


def test_to_a_socket(ours, idle):
    """As bastion http under inetd has it: standard output is one, and it is not made non-blocking."""
    here, there = socket.socketpair()
    with here, there, subprocess.Popen([OURS, "exec", "idle", "head", "-c", "5000000", "/dev/zero"], stdout=there, env=ours.env) as process:
        assert there.getblocking()
        there.close()
        count = 0
        while piece := here.recv(65536):
            count += len(piece)
        assert (count, process.wait(30)) == (5_000_000, 0)


def test_nobody_reads(docker, idle):
    with docker.start("exec", "idle", "yes") as process:
        assert process.stdout.read(2) == b"y\n"
        process.stdout.close()
        assert process.wait(30) in (-signal.SIGPIPE, 1)


# ---- ends that are none of the command's ----

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_without_a_terminal(engine, idle, number):
    """What is executed goes on, as with the real one: the engine has no way to signal it."""
    codes = []
    for program in CLIENTS.values():
        with Docker(program, engine).start("exec", "idle", "sh", "-c", "echo ready; exec sleep 1000") as process:
            assert process.stdout.readline() == b"ready\n"
            process.send_signal(number)
            codes.append(process.wait(30))
    assert codes[0] == codes[1] == -number


@pytest.mark.parametrize("way", [["kill"], ["stop", "-t", "0"], ["rm", "-f"]], ids=str)
def test_container_ends_in_the_middle(engine, way):
    results = []
    for program in CLIENTS.values():
        name = engine.run(options=["--name", "middle"])
        with Docker(program, engine).start("exec", "-i", "middle", "sh", "-c", "echo ready; exec sleep 1000") as process:
            assert process.stdout.readline() == b"ready\n"
            engine.docker(*way, "middle")
            results.append((process.wait(30), process.stdout.read(), len(process.stderr.read().splitlines())))
        engine.remove(*([name] if way[0] != "rm" else []))
    assert results[0] == results[1]


def test_over_tcp(engine, idle):
    """A connection of TCP, here to a relay before the engine's socket."""
    port = free_port()
    with subprocess.Popen(["tcpsvd", "-l", "localhost", "127.0.0.1", str(port), "nc", "-NU", str(engine.socket)]) as relay:
        try:
            docker = Docker(OURS, engine, host=f"tcp://127.0.0.1:{port}")
            wait_for(lambda: docker("version").returncode == 0, "the relay")
            done = docker("exec", "-i", "idle", "sh", "-c", "cat; echo err >&2; exit 5", input=b"x" * 300000)
            assert outcome(done) == (5, b"x" * 300000, b"err\n")
            assert docker("-H", engine.host, "ps", "-q").returncode == 0
        finally:
            relay.terminate()


def test_output_closed_before_the_end(ours, idle):
    """The real one says 0 here: the command has not ended when its output has."""
    assert ours("exec", "idle", "sh", "-c", "exec >&- 2>&-; sleep 0.5; exit 3").returncode == 3
