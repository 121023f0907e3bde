"""Libraries that speak SSH, in what they do and OpenSSH's client does not, or does otherwise."""
import subprocess
from pathlib import Path

import pytest
from ssh_situations import SITUATIONS, Stage
from tables import cells

pytestmark = pytest.mark.root

HERE = Path(__file__).parent

# The exit code or signal that the library's user sees. `refused`: a second session, a forwarding of either direction. `closed`: the
# server has answered that the channel was closed. `hangup`: the command was told that its client is gone.
TABLE = """
            asyncssh          libssh
right       0                 0
code        5                 5
signal      TERM              -1
keepalive   0                 0
terminal    0                 0
modes       0                 -
close       closed,hangup     closed,hangup
leaves      hangup            hangup
second      refused,0         refused,0
forward     refused,refused,0 refused,refused,0
"""
# libssh tells an exit by a signal only to a callback: its exit code is -1. It can send no modes of a terminal before 0.11.


@pytest.fixture(scope="module")
def program(request, tmp_path_factory):
    if request.param == "asyncssh":
        return ["/usr/bin/python3", str(HERE / "by_asyncssh.py")]
    made = tmp_path_factory.mktemp("libssh") / "by_libssh"
    subprocess.run(["gcc", "-Wall", "-Werror", "-o", made, HERE / "by_libssh.c", "-lssh"], check=True)
    return [str(made)]


@pytest.mark.parametrize("program, situation, expected", cells(TABLE, SITUATIONS), indirect=["program"], scope="module")
def test_cell(program, start, situation, expected):
    assert situation(Stage(program, start)) == expected
