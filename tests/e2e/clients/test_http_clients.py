"""Every client in every situation, without a proxy. What an answer means (bastion(8), HTTP) must be what the client's user sees; where a client
can't be brought to it, its cell of the table below says what happens instead, and the comment there says why. init/README.md's table of
clients warns of it."""
import pytest
from clients import CLIENTS
from situations import SITUATIONS, Stage
from tables import cells

# What the client's user sees, and how often the command ran for it:
#   200, 422 …  that status with the whole output
#   broken      an error: the user knows that it failed
#   complete    a failed command looks like a good one
#   live, held  the lines come when they are written, or at the end
#   hangup      the command was told that its client is gone
# and of two requests, on how many connections.
TABLE = """
          curl        wget        busybox    aria2      urllib3     requests    httpx       ruby        php        lwp
right     200/1       200/1       200/1      200/1      200/1       200/1       200/1       200/1       200/1      200/1
post      200/1       200/1       200/1      -          200/1       200/1       200/1       200/1       200/1      200/1
failed    422/1       422/1       422/1      422/1      422/1       422/1       422/1       422/1       422/1      422/1
late      broken/1    broken/1    broken/1   broken/5   broken/4    broken/1    broken/1    broken/2    complete/1 complete/1
latepost  broken/1    broken/1    broken/1   -          broken/1    broken/1    broken/1    broken/1    complete/1 complete/1
lines     live/1      live/1      live/1     -          live/1      live/1      live/1      live/1      held/1     live/1
leaves    hangup/1    hangup/1    hangup/1   -          hangup/1    hangup/1    hangup/1    hangup/1    hangup/1   hangup/1
twice     200,200/2/1 200,200/2/1 -          -          200,200/2/1 200,200/2/1 200,200/2/1 200,200/2/1 -          200,200/2/1
silence   200/1       200/1       200/1      200/1      200/1       200/1       200/1       200/1       200/1      200/1
healthz   200/0       200/0       200/0      200/0      200/0       200/0       200/0       200/0       200/0      200/0
body5     200/1       200/1       200/1      -          200/1       200/1       200/1       200/1       200/1      200/1
body25    200/1       200/1       200/1      -          200/1       200/1       200/1       200/1       200/1      200/1
body33    413/0       413/0       413/0      -          413/0       413/0       413/0       413/0       413/0      413/0
stdin     200/1       200/1       200/1      -          200/1       200/1       200/1       200/1       200/1      200/1
chunked   200/1       -           -          -          200/1       200/1       200/1       200/1       -          200/1
unwanted  200/1       -           -          -          200/1       200/1       200/1       200/1       -          200/1
wrong     401/0       401/0       401/0      -          401/0       401/0       401/0       401/0       401/0      401/0
expect    200/1       -           -          -          -           -           -           200/1       -          -
resume    broken/0    409/0       -          -          -           -           -           -           -          -
"""
# late      A broken answer is for these the network's fault, and they ask again by themselves: aria2 altogether 5 times, urllib3 4 times
#           and Ruby twice, both of them a GET only. wget asks for the rest, with Range, which is refused. PHP's file_get_contents does
#           not tell, nor does LWP by is_success or the status: its own field X-Died does.
# lines     PHP reads what is chunked until its buffer is full or the answer ends; only what came together with the head is seen before.
# resume    curl does not show an answer which is not the rest.

@pytest.fixture(scope="module")
def stage(request, start_once):
    return Stage(CLIENTS[request.param], start_once)


@pytest.mark.parametrize("stage, situation, expected", cells(TABLE, SITUATIONS), indirect=["stage"], scope="module")
def test_cell(stage, situation, expected):
    assert situation(stage) == expected
