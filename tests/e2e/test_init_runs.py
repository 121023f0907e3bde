"""Runs that outlive their request under `bastion init` (bastion(8), RUNS and THE CONTAINER): whom process 1 counts, and how it ends."""
import contextlib
import json
import os
import signal
import subprocess

import pytest
from harness import AUTH, UNTIL_GO, Client, free_port, request, wait_for
from init_harness import InitServer
from test_runs import ASYNC, JSON, begin, get, state, until

pytestmark = pytest.mark.root
LATER = {"FORCE_COMMAND": f"echo x >>$T/runs; echo first; {UNTIL_GO}; echo second", "COMMAND_LOCK": "off"}


def lone_keeper(server):
    """The process that keeps the one run, once its connection's first process, which led their group, has ended."""
    def found():
        pids = server.monitors()
        with contextlib.suppress(ProcessLookupError):
            return len(pids) == 1 and os.getpgid(pids[0]) != pids[0] and pids
    keeper, = wait_for(found, "the keeper is alone")
    return keeper


def test_they_hold_no_connection(start):
    """More runs than there may be connections: the next client is served, and process 1 knows of the runs until they end."""
    server = start(InitServer, MAX_CONNECTIONS_PER_ADDRESS="2", MAX_CONNECTIONS="2", **LATER)
    runs = [begin(server) for _ in range(12)]
    assert {state(server, run) for run in runs} == {"running"}
    server.go()
    for run in runs:
        until(server, run, "ended")
        assert get(server, run).body == b"first\nsecond\n"
    server.settle()
    server.tell()
    assert server.end() == 0 and server.events("stop")[0]["reason"] == "Terminated; 0 connections are open"


def test_one_ends_by_itself(start):
    """SIGTERM: what runs comes to its end, without a client too, and its line is in the log."""
    server = start(InitServer, **LATER)
    run = begin(server)
    lone_keeper(server)
    with Client(server) as idle:
        assert idle.send(request(target="/healthz", auth=None)).answer().status == 200
        server.tell()
        assert idle.is_closed()  # what has nothing to do is told to end; the keeper is not
        assert not server.events("end")
    server.go()
    assert server.end() == 0
    end, = server.events("end")
    assert (end["run"], end["exit"]) == (run, 0)
    assert server.events("stop")[0]["reason"] == "Terminated; 1 connections are open, and runs of 1 others go on"


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"TLS": "self-signed"}], ids=["http", "https"])
def test_one_does_not_end(start, settings):
    """One that hears no signal gets SIGKILL, and its line: the keeper is the last to go."""
    server = start(InitServer, FORCE_COMMAND="trap '' HUP TERM; : >$T/begun; while :; do sleep 0.1; done", HTTPS_PORT=str(free_port()), **settings)
    if settings:
        port = server.settings["HTTPS_PORT"]
        subprocess.run(["curl", "-sSk", "--retry", "20", "--retry-connrefused", "--retry-delay", "1", "-H", AUTH, "-H", ASYNC, f"https://127.0.0.1:{port}/cgi-bin/run"], check=True, capture_output=True)
    else:
        begin(server)
    server.wait_file("begun")
    server.tell()
    assert server.end() == 0 and not server.processes()
    assert server.events("end")[0]["signal"] == 9


def test_hang_up(start):
    """SIGHUP ends what runs, as it ends connections with their commands."""
    server = start(InitServer, **LATER)
    run = begin(server)
    server.tell(signal.SIGHUP)
    until(server, run, "ended")
    assert json.loads(get(server, run, JSON).body)["signal"] == 15 and server.process.poll() is None


def test_the_connection_is_killed(start):
    """Whatever serves the connection is killed: the run goes on, and ends as it would have."""
    server = start(InitServer, **LATER)
    with Client(server) as client:
        client.send(request(ASYNC))
        run = client.answer()["X-Bastion-Run"]
        first = [pid for pid in server.monitors() if os.getsid(pid) == pid]
        os.kill(first[0], signal.SIGKILL)
        assert client.is_closed()
    assert state(server, run) == "running"
    server.go()
    until(server, run, "ended")
    server.tell()
    assert server.end() == 0 and server.events("end")[0]["exit"] == 0


def test_the_keeper_is_killed(start):
    server = start(InitServer, **LATER)
    run = begin(server)
    os.kill(lone_keeper(server), signal.SIGKILL)
    until(server, run, "lost")
    server.tell()
    server.go()
    assert server.end() == 0 and not server.processes()
