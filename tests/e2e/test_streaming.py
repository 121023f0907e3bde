"""The answer to a run that outlasts the hold (bastion(8), HTTP)."""
import hashlib
import subprocess
import time

import pytest
from harness import AUTH, UNTIL_GO, Client, ask, curl, request, wait_for

LATE = f"echo first; {UNTIL_GO}; echo second; exit "


def test_output_arrives_while_the_command_runs(start):
    server = start(FORCE_COMMAND=LATE + "0", HTTP_HOLD_MS="50")
    with Client(server) as client:
        client.send(request())
        head = client.head()
        assert (head.status, head["Transfer-Encoding"], head["Content-Length"], head["Trailer"]) == (200, "chunked", None, None)
        assert head["X-Bastion-Exit-Code"] is None
        assert client.chunk() == b"first\n"
        assert not server.events("end")
        server.go()
        rest = client.read_body(head)
        assert (rest.complete, rest.body, rest.trailers) == (True, b"second\n", [])
        client.send(request(close=True))  # the connection goes on
        assert client.answer().body == b"first\nsecond\n"


@pytest.mark.parametrize("command", ["exit 3", "exit 255", "kill -KILL $$", "kill -TERM $$"])
def test_failure_breaks_the_transfer(start, command):
    server = start(FORCE_COMMAND=f"echo first; {UNTIL_GO}; echo second; {command}", HTTP_HOLD_MS="50")
    with Client(server) as client:
        client.send(request("TE: trailers", "Connection: TE") + request())
        head = client.head()
        assert client.chunk() == b"first\n"
        server.go()
        rest = client.read_body(head)
        assert (rest.complete, rest.body) == (False, b"second\n")  # all of the output, and no last chunk
        assert client.is_closed()
    server.settle()
    assert len(server.events("start")) == 1


@pytest.mark.parametrize("arguments, code", [([], 18), (["--http1.0"], 56)], ids=["1.1", "1.0"])
def test_curl_fails(start, arguments, code):
    """1.0 has no chunks: there it is a reset."""
    server = start(FORCE_COMMAND="echo first; sleep 0.2; echo second; exit 3", HTTP_HOLD_MS="50")
    found = curl(server, *arguments)
    assert (found.returncode, found.stdout) == (code, b"first\nsecond\n")


@pytest.mark.slow
def test_http_1_0_resets_when_all_was_taken(start):
    """A client that takes its time gets all of the output before the reset."""
    server = start(FORCE_COMMAND="head -c 200000 /dev/zero; exit 3", HTTP_HOLD_MS="0")
    with Client(server, receive_buffer=4096) as client:
        client.send(request(version="HTTP/1.0"))
        server.wait_event("end")
        time.sleep(3)
        got = b""
        with pytest.raises(ConnectionResetError):
            while data := client.sock.recv(65536):
                got += data
        assert len(got.partition(b"\r\n\r\n")[2]) == 200000


def test_http_1_0_streams_until_the_end(start):
    server = start(FORCE_COMMAND=LATE + "0", HTTP_HOLD_MS="50")
    with Client(server) as client:
        client.send(request("TE: trailers", version="HTTP/1.0"))
        head = client.head()
        assert (head.status, head["Transfer-Encoding"], head["Content-Length"], head["Trailer"]) == (200, None, None, None)
        assert client.file.readline() == b"first\n"
        server.go()
        assert client.file.read() == b"second\n"


@pytest.mark.parametrize("fields, wanted", [
    (["TE: trailers"], True), (["TE: deflate, trailers"], True), (["te: Trailers", "Connection: TE"], True), (["TE: deflate"], False), ([], False)], ids=str)
def test_trailers(start, fields, wanted):
    server = start(FORCE_COMMAND="echo first; sleep 0.1", HTTP_HOLD_MS="20")
    answer = ask(server, *fields)
    assert (answer["Trailer"], answer.trailers) == (("X-Bastion-Exit-Code", [("X-Bastion-Exit-Code", "0")]) if wanted else (None, []))
    assert answer.complete


def test_no_hold(start):
    """The status line comes although the command says nothing."""
    server = start(FORCE_COMMAND=UNTIL_GO + "; echo end", HTTP_HOLD_MS="0")
    with Client(server) as client:
        client.send(request())
        head = client.head()
        assert (head.status, head["Transfer-Encoding"]) == (200, "chunked")
        server.go()
        assert client.read_body(head).body == b"end\n"


def test_no_hold_and_a_quick_failure(start):
    server = start(FORCE_COMMAND="echo no; exit 3", HTTP_HOLD_MS="0")
    answer = ask(server)
    assert (answer.status, answer.complete, answer.body) == (200, False, b"no\n")


def test_hold_is_a_second_by_default(start):
    server = start(FORCE_COMMAND="echo first; " + UNTIL_GO)
    with Client(server) as client:
        begin = time.monotonic()
        client.send(request())
        head = client.head()
        assert head["Transfer-Encoding"] == "chunked" and time.monotonic() - begin >= 0.99
        server.go()
        assert client.read_body(head).complete


def test_held_output_starts_the_stream(start):
    """64 KiB, long before the hold is over."""
    server = start(FORCE_COMMAND=f"head -c 65536 /dev/zero; {UNTIL_GO}; exit 1", HTTP_HOLD_MS="3600000")
    with Client(server) as client:
        client.send(request())
        head = client.head()
        assert (head.status, head["Transfer-Encoding"]) == (200, "chunked")
        got = 0
        while got < 65536:
            got += len(client.chunk())
        server.go()
        assert not client.read_body(head).complete


def test_silence_after_the_first_output(start):
    """A command that closes its output keeps the message open until it exits."""
    server = start(FORCE_COMMAND=f"echo first; exec >&- 2>&-; {UNTIL_GO}; exit 3", HTTP_HOLD_MS="20")
    with Client(server) as client:
        client.send(request())
        head = client.head()
        assert client.chunk() == b"first\n"
        client.sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.sock.recv(1)
        client.sock.settimeout(20)
        server.go()
        client.file = client.sock.makefile("rb")  # a file object is done for after a timeout
        assert not client.read_body(head).complete


def test_interleaved_output(start):
    server = start(FORCE_COMMAND="for i in 1 2 3 4 5; do echo out $i; echo err $i >&2; sleep 0.02; done", HTTP_HOLD_MS="0")
    assert ask(server).body == b"".join(b"out %d\nerr %d\n" % (i, i) for i in range(1, 6))


def test_output_that_waits_when_the_command_ends(start):
    """The client takes nothing until the command has filled all the buffers on the way, with its pipe full, and has ended. A
    writer that does not wait (oflag=nonblock) tells how much got in."""
    server = start(FORCE_COMMAND="for i in $(seq 150); do dd if=/dev/zero bs=4096 oflag=nonblock 2>>$T/dd; sleep 0.002; done; exit 1", HTTP_HOLD_MS="0")
    with Client(server, receive_buffer=4096) as client:
        client.send(request(close=True))
        end = server.wait_event("end")[0]
        written = sum(int(line.split()[0]) for line in server.lines("dd") if " bytes " in line)
        answer = client.answer()
        assert (end["exit"], answer.complete) == (1, False)
        assert len(answer.body) == end["bytes"] == written


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--http1.1"], ["--http1.0"]], ids=str)
def test_100_megabytes(start, arguments):
    """Nothing lost, nothing added."""
    size = 100_000_000
    server = start(FORCE_COMMAND=f"yes 0123456789abcde | head -c {size}")
    with subprocess.Popen(["curl", "-sS", "-H", AUTH, *arguments, server.url()], stdout=subprocess.PIPE) as process:
        digest, count = hashlib.sha256(), 0
        while piece := process.stdout.read(1 << 20):
            digest.update(piece)
            count += len(piece)
    assert (process.returncode, count) == (0, size)
    assert digest.digest() == hashlib.sha256(b"0123456789abcde\n" * (size // 16)).digest()


@pytest.mark.slow
def test_slow_reader_costs_no_memory(start):
    """The command is held back; the program keeps a window of the output, not all of it."""
    server = start(FORCE_COMMAND="head -c 300000000 /dev/zero; echo x >>$T/runs", HTTP_HOLD_MS="0")
    with Client(server) as client:
        client.send(request(close=True))
        head = client.head()
        pid = wait_for(server.connections, "the process of the connection")[0]
        total = len(client.chunk())
        begun = memory(pid)
        while data := client.chunk():
            total += len(data)
            if total < 20_000_000:
                time.sleep(0.005)  # slow at first, so that all the buffers on the way fill up
            elif not server.runs():
                peak = memory(pid)
        assert (total, head.status) == (300_000_000, 200)
    assert peak - begun < 4_000_000


def memory(pid):
    """The most that a process ever had, in bytes (proc(5), VmHWM)."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
