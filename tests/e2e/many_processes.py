"""bastion init with 8,000 processes below it, each the child of the one before: `make test-processes`. It stands apart, since they
take some memory and more processes than a small machine allows."""
import os
import signal
import subprocess
from pathlib import Path

import pytest
from harness import Client, is_listening, request, wait_for
from init_harness import InitServer

pytestmark = pytest.mark.root
COUNT = 8000


def build(server):
    subprocess.run(["cc", "-O2", "-static", "-o", server.t / "chain", Path(__file__).parent / "chain.c"], check=True)


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_chain_of_processes(start):
    """It is looked at, and ended: nobody waits for process 1 longer than it has said."""
    server = start(InitServer, FORCE_COMMAND=f"$T/chain {COUNT} $T/begun", COMMAND_LOCK="off", prepare=build)
    with Client(server) as client:
        client.send(request())
        # One after the other: on a loaded machine each waits for its turn.
        wait_for(lambda: (server.t / "begun").exists(), "the chain is there", 600)
        assert sum(name.isdigit() for name in os.listdir(server.inside("/proc"))) > COUNT
        server.tell(signal.SIGTERM)
        wait_for(lambda: not is_listening(server.port), "the ports are closed")
        before = cpu_seconds(server.pid)
        server.tell(signal.SIGTERM)
        wait_for(lambda: server.events("end") or server.process.poll() is not None, "the chain is killed")
        assert server.end() == 0
    print(f"process 1 had used {before:.1f} s of CPU when it ceased to wait")
    assert not server.processes()
