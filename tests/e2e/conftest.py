import os
import socket
import tempfile
from pathlib import Path

import pytest

import emulated
import harness


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than about two seconds")
    config.addinivalue_line("markers", "root: needs to be root; an ordinary user can't ask for it")


def spread(items):
    """The slow ones evenly among the first half of the others, and those of one file apart: each process takes a hundred in a row and
    more, and none is to have many that wait half a minute, nor to begin with one when all others have ended."""
    slow = [item for item in items if item.get_closest_marker("slow")]
    others = [item for item in items if not item.get_closest_marker("slow")]
    slow = [item for i in range(8) for item in slow[i::8]]
    step = len(others) // (2 * len(slow) + 1)
    for i, item in enumerate(slow):
        others.insert(i * (step + 1), item)
    items[:] = others


def pytest_collection_modifyitems(items):
    if "PYTEST_XDIST_WORKER" in os.environ:
        spread(items)
    for item in items:
        if item.get_closest_marker("root") and not harness.IS_ROOT:
            item.add_marker(pytest.mark.skip(reason="only root can do this"))
        why = emulated.reason(item.nodeid)
        if why:
            item.add_marker(pytest.mark.skip(reason=why))


class Started:
    """Starts servers, and stops all of them at the end."""

    def __init__(self):
        self.all = []

    def __call__(self, kind=harness.Server, /, **options):
        self.all.append(kind(**options))
        return self.all[-1]

    def stop(self):
        faults = []
        for server in reversed(self.all):
            try:
                server.stop()
            except Exception as e:  # the others are to be stopped too
                faults.append(e)
        if faults:
            raise faults[0]


@pytest.fixture
def start():
    started = Started()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def start_once():
    started = Started()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def plain(start_once):
    """A server with the simplest command, for all tests of a file that only count its runs."""
    return start_once()


@pytest.fixture
def engine():
    """Stands for the Docker engine: a socket that everybody may connect to."""
    with tempfile.TemporaryDirectory(prefix="bastion-e2e-") as folder, socket.socket(socket.AF_UNIX) as listener:
        path = Path(folder) / "sock"
        Path(folder).chmod(0o755)
        listener.bind(str(path))
        path.chmod(0o777)
        listener.listen()
        yield str(path)
