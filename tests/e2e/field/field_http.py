"""HTTP's clients of other languages: Go's net/http, Node's fetch, Java's HttpClient. See ../clients/test_http_clients.py for the words."""
import pytest
from clients import Script
from languages import program
from situations import SITUATIONS, Stage
from tables import cells

TABLE = """
          go          fetch       java
right     200/1       200/1       200/1
post      200/1       200/1       200/1
failed    422/1       422/1       422/1
late      broken/1    broken/1    broken/1
latepost  broken/1    broken/1    broken/1
lines     live/1      live/1      live/1
leaves    hangup/1    hangup/1    hangup/1
twice     200,200/2/1 200,200/2/1 200,200/2/1
silence   200/1       200/1       200/1
healthz   200/0       200/0       200/0
body5     200/1       200/1       200/1
body25    200/1       200/1       200/1
body33    413/0       413/0       413/0
stdin     200/1       200/1       200/1
chunked   200/1       200/1       200/1
unwanted  200/1       200/1       200/1
wrong     401/0       401/0       401/0
expect    200/1       -           200/1
"""


@pytest.fixture(scope="module")
def stage(request, start_once, tmp_path_factory):
    words = program(request.param, tmp_path_factory.mktemp("client"))
    return Stage(Script(*words), start_once)


@pytest.mark.parametrize("stage, situation, expected", cells(TABLE, SITUATIONS), indirect=["stage"], scope="module")
def test_cell(stage, situation, expected):
    assert situation(stage) == expected
