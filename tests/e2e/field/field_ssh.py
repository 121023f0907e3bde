"""SSH's libraries of other languages: Go's x/crypto/ssh and npm's ssh2. See ../clients/test_ssh_table.py for the words."""
import pytest
from languages import program
from ssh_situations import SITUATIONS, Stage
from tables import cells

pytestmark = pytest.mark.root

TABLE = """
            x/crypto/ssh      ssh2
right       0                 0
code        5                 5
signal      TERM              TERM
keepalive   0                 0
terminal    0                 0
modes       0                 0
close       closed,hangup     closed,hangup
leaves      hangup            hangup
second      refused,0         refused,0
forward     refused,refused,0 refused,refused,0
"""


@pytest.fixture(scope="module")
def words(request, tmp_path_factory):
    return program(request.param, tmp_path_factory.mktemp("client"))


@pytest.mark.parametrize("words, situation, expected", cells(TABLE, SITUATIONS), indirect=["words"], scope="module")
def test_cell(words, start, situation, expected):
    assert situation(Stage(words, start)) == expected
