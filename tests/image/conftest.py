import pytest

import engine as docker_engine
from harness import IS_ROOT
from replay import Replay


def pytest_configure(config):
    config.addinivalue_line("markers", "root: what is taken from ../e2e needs to be root, as all here does")
    config.addinivalue_line("markers", "slow: see ../e2e/conftest.py")


def pytest_collection_modifyitems(items):
    for item in items:
        if not IS_ROOT:
            item.add_marker(pytest.mark.skip(reason="only root can start a Docker engine"))


@pytest.fixture(scope="session")
def engine():
    with docker_engine.running() as started:
        yield started


@pytest.fixture
def container(engine):
    """Makes containers (see Engine.run) that are gone after the test."""
    made = []

    def run(*command, **options):
        made.append(engine.run(*command, **options))
        return made[-1]

    yield run
    engine.remove(*made)


@pytest.fixture(scope="module")
def idle(engine):
    """One container that does nothing, for all tests of a file that only execute something in it."""
    name = engine.run(options=["--name", "idle"])
    yield "idle"
    engine.remove(name)


@pytest.fixture
def replay():
    started = []

    def start(script, pings=None):
        started.append(Replay(script, pings))
        return started[-1]

    yield start
    for server in started:
        server.close()
