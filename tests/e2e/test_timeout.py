"""Deadlines: of the command, and of a client that is slow (COMMAND_TIMEOUT in bastion-settings(5); bastion(8), HTTP)."""
import time

import pytest
from harness import UNTIL_GO, Client, ask, curl, is_alive, request, together, wait_for

LEAVES_PIDS = "echo x >>$T/runs; echo started; sleep 1000 & echo $! >>$T/pids; echo $$ >>$T/pids; wait"


def pids(server):
    return [int(line) for line in server.lines("pids")]


def test_command_timeout(start):
    """124, and nobody of its group is left."""
    server = start(FORCE_COMMAND=LEAVES_PIDS, COMMAND_TIMEOUT="1", HTTP_HOLD_MS="3600000")
    answer = ask(server)
    assert (answer.status, answer.code, answer.body) == (422, 124, b"started\n")
    wait_for(lambda: not any(map(is_alive, pids(server))), "the group is gone")
    assert len(pids(server)) == 2
    assert server.wait_event("end")[0]["reason"] == "COMMAND_TIMEOUT"


@pytest.mark.slow
def test_command_timeout_breaks_a_stream(start):
    server = start(FORCE_COMMAND=LEAVES_PIDS, COMMAND_TIMEOUT="1", HTTP_HOLD_MS="50")
    found = curl(server)
    assert (found.returncode, found.stdout) == (18, b"started\n")
    wait_for(lambda: not any(map(is_alive, pids(server))), "the group is gone")


def test_command_timeout_of_a_command_that_exits_well(start):
    """It caught SIGTERM and says 0: it was cut off all the same."""
    server = start(FORCE_COMMAND=f"trap 'echo bye; exit 0' TERM; {UNTIL_GO}", COMMAND_TIMEOUT="1", HTTP_HOLD_MS="3600000")
    answer = ask(server)
    assert (answer.status, answer.code) == (422, 124) and answer.body.endswith(b"bye\n")


def test_quick_command_has_no_timeout(start):
    server = start(COMMAND_TIMEOUT="1")
    assert ask(server).status == 200


@pytest.mark.slow
def test_command_that_ignores_the_timeout(start):
    """SIGKILL comes five seconds after SIGTERM."""
    server = start(FORCE_COMMAND=f"[ ! -s $T/pids ] || exit 0; trap '' TERM; {LEAVES_PIDS}; wait; wait; {UNTIL_GO}", COMMAND_TIMEOUT="1", HTTP_HOLD_MS="3600000")
    begin = time.monotonic()
    answer = ask(server)
    assert (answer.status, answer.code) == (422, 124)
    assert 5.9 <= time.monotonic() - begin < 10
    wait_for(lambda: not any(map(is_alive, pids(server))), "the group is gone")
    assert ask(server)["X-Bastion-Skipped"] is None  # and the lock is free


@pytest.mark.slow
def test_child_that_ignores_the_timeout(start):
    """The command ends at SIGTERM, a child of its group does not: it too is killed."""
    server = start(FORCE_COMMAND=f"(trap '' TERM; echo $(exec sh -c 'echo $PPID') >>$T/pids; {UNTIL_GO}) & {UNTIL_GO}", COMMAND_TIMEOUT="1", HTTP_HOLD_MS="3600000")
    answer = ask(server)
    assert (answer.status, answer.code) == (422, 124)
    assert len(pids(server)) == 1
    wait_for(lambda: not any(map(is_alive, pids(server))), "the child is gone")


@pytest.mark.slow
def test_slow_clients(plain):
    """10 s for a head, whatever comes meanwhile; 15 s between two requests. All at once, to wait only once."""
    before = plain.runs()

    def timed(client):
        begin = time.monotonic()
        raw = client.file.read()
        return time.monotonic() - begin, raw

    def silent():
        with Client(plain) as client:
            return timed(client)

    def byte_by_byte():
        """A byte a second: a deadline that each byte renews would never come."""
        with Client(plain) as client:
            begin = time.monotonic()
            client.sock.settimeout(1)
            for byte in request() * 2:
                client.send(bytes([byte]))
                try:
                    data = client.sock.recv(4096)
                except TimeoutError:
                    continue
                return time.monotonic() - begin, data

    def cut_head():
        with Client(plain) as client:
            client.send(request()[:-2])
            return timed(client)

    def second_head():
        """Its time starts with its first byte."""
        with Client(plain) as client:
            client.send(request(target="/healthz"))
            assert client.answer().status == 200
            time.sleep(3)
            client.send("G")
            return timed(client)

    def idle():
        with Client(plain) as client:
            client.send(request(target="/healthz"))
            assert client.answer().status == 200
            return timed(client)

    results = together([silent, byte_by_byte, cut_head, second_head, idle])
    for seconds, raw in results[:4]:
        assert raw.startswith(b"HTTP/1.1 408 ") and b"Connection: close\r\n" in raw
        assert 9 <= seconds < 14
    seconds, raw = results[4]
    assert raw == b"" and 14 <= seconds < 19
    assert plain.settled_runs() == before


@pytest.mark.slow
def test_next_request_within_the_idle_time(plain):
    """12 s between two requests are more than a head may take, and still all right."""
    with Client(plain) as client:
        client.send(request())
        assert client.answer().status == 200
        time.sleep(12)
        client.send(request())
        assert client.answer().status == 200
