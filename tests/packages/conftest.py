import os
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
sys.path.insert(0, str(TOP / "tests/e2e"))


def pytest_configure(config):
    config.addinivalue_line("markers", "root: what is done in namespaces, for which one has to be root")


def pytest_collection_modifyitems(items):
    for item in items:
        if os.geteuid() and "root" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="only root can make namespaces"))


@pytest.fixture(scope="session")
def version():
    return subprocess.run([TOP / "build/bastion", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]


@pytest.fixture(scope="session")
def tarball(version):
    """The release's own."""
    subprocess.run(["make", "-s", "dist"], cwd=TOP, check=True)
    return TOP / f"build/release/bastion-{version}.tar.gz"


def clean_environment(**more):
    """Nothing of the make that has started these tests."""
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent", **more}
