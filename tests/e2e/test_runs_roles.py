"""Whose runs they are (bastion(8), RUNS): a credential of the role sees them, and nobody else learns that there are any."""
import os
import shutil

import pytest
from harness import UNTIL_GO, Client, ask, request
from role_harness import HttpRoles, bearer, token
from test_runs import ASYNC, JSON, begin, get, listed

pytestmark = pytest.mark.root
A, B, OUTSIDE = bearer("secret-of-a"), bearer("secret-of-b"), bearer("outside")


def prepare(server):
    server.put("a", FORCE_COMMAND=f"echo of a; {UNTIL_GO}", ci_token=token("secret-of-a"))
    server.put("b", FORCE_COMMAND="echo of b", ci_token=token("secret-of-b"))
    (server.etc / "tokens.d").mkdir()
    (server.etc / "tokens.d/out.token").write_text(token("outside"))
    (server.etc / "FORCE_COMMAND").write_text("echo outside")


@pytest.fixture
def server(start):
    return start(HttpRoles, prepare=prepare)


def whole(server, *fields, **options):
    """All of an answer, but for its time."""
    with Client(server) as client:
        client.send(request(*fields, close=True, **options))
        answer = client.answer(options.get("method", "GET"))
    return answer.status, [field for field in answer.fields if field[0] != "Date"], answer.body


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
@pytest.mark.parametrize("more", [[], [JSON]], ids=["text", "json"])
def test_nobody_learns_of_them(server, method, more):
    """The answer is that for a run which never was, to the last byte; and nothing happens to the run."""
    run = begin(server, auth=A)
    for auth in (B, OUTSIDE):
        other = whole(server, *more, method=method, target=f"/runs/{run}", auth=auth)
        assert other == whole(server, *more, method=method, target="/runs/0123456789abcdef", auth=auth) and other[0] == 404
        assert listed(server, auth=auth) == []
    assert get(server, run, method="HEAD", auth=A)["X-Bastion-State"] == "running" and listed(server, auth=A) == [run]
    server.go()


def test_each_has_its_own(server):
    server.go()
    runs = {auth: begin(server, auth=auth) for auth in (A, B, OUTSIDE)}
    for auth, run in runs.items():
        assert listed(server, auth=auth) == [run]
    folder = server.inside("/run/bastion") if hasattr(server, "inside") else f"/proc/{server.process.pid}/root/run/bastion"
    assert sorted(name for name in os.listdir(folder) if name.startswith("runs")) == ["runs", "runs.a", "runs.b"]
    answer = get(server, runs[A], auth=A)
    assert b"of a\n" in answer.body and {e["role"] for e in server.events("follow", run=runs[A])} == {"a"}


def test_a_crowd_in_one_keeps_no_other_out(start):
    server = start(HttpRoles, prepare=prepare, RUNS_KEEP="1")
    begin(server, auth=A)
    assert ask(server, ASYNC, auth=A).status == 503
    assert ask(server, ASYNC, auth=B).status == 202 and ask(server, ASYNC, auth=OUTSIDE).status == 202
    server.go()


def test_the_credential_changes_its_role(server):
    """What counts is whose it is now: also of a run that it has started itself."""
    run = begin(server, auth=A)
    shutil.move(server.roles / "a/tokens.d/ci.token", server.roles / "b/tokens.d/other.token")
    assert get(server, run, auth=A).status == 404 and listed(server, auth=A) == []
    server.put("a", new_token=token("new-of-a"))
    assert listed(server, auth=bearer("new-of-a")) == [run]
    server.go()


def test_the_role_is_gone_or_faulty(server):
    """A role with an error serves nobody; one that is gone has no credential. The run goes on, and is there when the role is again."""
    run = begin(server, auth=A)
    (server.roles / "a/COMMAND_TIMEOUT").write_text("never")
    for method in ("GET", "HEAD", "DELETE"):
        assert get(server, run, method=method, auth=A).status == 500
    assert ask(server, target="/runs", auth=A).status == 500
    (server.roles / "a").rename(server.roles / ".a")
    assert get(server, run, auth=A).status == 401
    server.go()
    server.wait_event("end")
    (server.roles / ".a/COMMAND_TIMEOUT").unlink()
    (server.roles / ".a").rename(server.roles / "a")
    until_a = get(server, run, auth=A)
    assert until_a.body == b"of a\n" and until_a.code == 0


def test_names_are_no_paths(server):
    """Of a role named as another's folder begins, or of none: nothing leads from one folder to another."""
    run = begin(server, auth=A)
    for target in (f"/runs/a/{run}", f"/runs.a/{run}", f"/runs/../runs.a/{run}", f"/runs/{run}/../../runs.a/{run}"):
        assert ask(server, target=target, auth=OUTSIDE).status == 404
    server.go()
