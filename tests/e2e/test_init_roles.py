"""`bastion init` with commands of several accounts under way (RUN_AS of roles): they end as those of one do, each with its line in the
log, and none stays."""
import contextlib
import signal

import pytest
from harness import Client, ask, request, wait_for
from init_harness import InitServer
from role_harness import bearer, token
from ssh_harness import ALICE, KEYS, make_key

pytestmark = pytest.mark.root

BOB = make_key(KEYS, "bob-of-init-roles")
ACCOUNTS = {"a": "2001:2001", "b": "2002:2003", "c": None, "d": "2001:2001"}  # a and d are one account's
STUBBORN = "trap '' HUP TERM INT; (trap '' HUP TERM INT; while :; do sleep 0.1; done) & : >$T/begun.$BASTION_ROLE; while :; do sleep 0.1; done"
PATIENT = ": >$T/begun.$BASTION_ROLE; [ -e $T/go ] || exec sleep 1000"


def begin(start, command, stack):
    """A role for each account, with a command under way over HTTP, and over SSH for two more of them."""
    def prepare(server):
        server.t.mkdir(exist_ok=True)
        server.t.chmod(0o777)
        for role, account in ACCOUNTS.items():
            folder = server.etc / "roles" / role
            (folder / "tokens.d").mkdir(parents=True)
            (folder / "users.d").mkdir()
            (folder / "FORCE_COMMAND").write_text(command)
            (folder / "COMMAND_LOCK").write_text("off")
            (folder / "ON_DISCONNECT").write_text("hangup")
            (folder / "tokens.d/x.token").write_text(token(role))
            if account:
                (folder / "RUN_AS").write_text(account)
        (server.etc / "roles/a/users.d/alice.pub").write_text((ALICE.parent / "alice.pub").read_text())
        (server.etc / "roles/b/users.d/bob.pub").write_text((BOB.parent / f"{BOB.name}.pub").read_text())

    server = start(InitServer, prepare=prepare, alice=False, HTTP_TOKEN="outside", FORCE_COMMAND="echo outside")
    for role in ACCOUNTS:
        stack.enter_context(Client(server)).send(request(auth=bearer(role)))
    for key in ALICE, BOB:
        session = server.start(key=key)
        stack.callback(session.communicate)
        stack.callback(session.kill)
    wait_for(lambda: len(server.events("start")) == 6, "all run")
    for role in ACCOUNTS:
        server.wait_file(f"begun.{role}")
    return server


def ended(server):
    return sorted((event["role"], event["channel"], event.get("signal")) for event in server.events("end"))


ALL = sorted([*((role, "http") for role in ACCOUNTS), ("a", "ssh"), ("b", "ssh")])


def test_the_end(start):
    """SIGTERM, and a second signal that does not wait: what ignores every other signal is killed, of whatever account."""
    with contextlib.ExitStack() as stack:
        server = begin(start, STUBBORN, stack)
        server.tell(signal.SIGTERM)
        wait_for(lambda: server.events("stop"), "it ends")
        server.tell(signal.SIGINT)
        assert server.end() == 0
        assert ended(server) == [(*one, 9) for one in ALL]
        assert not server.processes()


def test_a_hangup(start):
    """SIGHUP ends what runs, and a new request is served."""
    with contextlib.ExitStack() as stack:
        server = begin(start, PATIENT, stack)
        server.tell(signal.SIGHUP)
        server.settle()
        assert [one[:2] for one in ended(server)] == ALL and all(one[2] for one in ended(server))
        server.go()
        assert {role: ask(server, auth=bearer(role)).status for role in ACCOUNTS} == dict.fromkeys(ACCOUNTS, 200)
