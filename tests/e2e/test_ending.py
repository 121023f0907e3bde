"""The end of a run that was asked to end: it lasts as long as somebody of its process group has something to do (COMMAND_TIMEOUT
in bastion-settings(5)).

The command is a shell that starts a script, as `cd /srv && ./deploy` does: the shell is gone at the first signal, and the script's trap
has a roll-back to do, whose output is read to its end."""
import os
import signal
import subprocess

import pytest
from harness import UNTIL_GO, Client, Server, ask, is_alive, request, wait_for

from ssh_harness import SshServer

ROLL_BACK = """
exec 2>/dev/null # where the shell would tell of its sleep's end
trap 'echo got it >>$T/signals; echo rolling back; while [ ! -e $T/go ]; do sleep 0.02; done; i=0
while [ $i -lt 20 ]; do echo line $i; i=$((i + 1)); done; echo rolled back; echo done >>$T/ends; exit 5' HUP TERM
echo $$ >>$T/pids; echo started; : >$T/started; while :; do sleep 0.02; done
"""
OUTPUT = b"started\nrolling back\n" + b"".join(b"line %d\n" % i for i in range(20)) + b"rolled back\n"


def deploying(start, kind=Server, before="", **settings):
    """A server whose command is a shell with that script below it."""
    server = start(kind, FORCE_COMMAND=f"{before} sh $T/deploy; echo not reached >>$T/ends; exit 7", **settings)
    (server.t / "deploy").write_text(ROLL_BACK)
    return server


def let_go(server):
    """When the shell is gone and the trap is at it."""
    wait_for(lambda: server.lines("signals"), "the trap")
    assert not server.events("end")  # the run goes on
    server.go()


def test_timeout_within_the_hold(start):
    server = deploying(start, COMMAND_TIMEOUT="1", HTTP_HOLD_MS="3600000")
    with Client(server) as client:
        client.send(request())
        let_go(server)
        answer = client.answer()
        assert (answer.status, answer.code, answer.body) == (422, 124, OUTPUT)
        client.send(request(target="/healthz", close=True))  # nothing is left to see to
        assert client.answer().status == 200
    assert server.lines("ends") == ["done"]
    assert server.events("end")[0]["bytes"] == len(OUTPUT)


@pytest.mark.slow
def test_timeout_of_a_stream(start):
    server = deploying(start, COMMAND_TIMEOUT="1", HTTP_HOLD_MS="0")
    with Client(server) as client:
        client.send(request())
        head = client.head()
        let_go(server)
        answer = client.read_body(head)
        assert (answer.complete, answer.body) == (False, OUTPUT)
    assert server.lines("ends") == ["done"]


@pytest.mark.parametrize("hold", ["0", "3600000"])
def test_hangup(start, hold):
    """Nobody reads the output any more, and the script must not die of SIGPIPE in its roll-back."""
    server = deploying(start, ON_DISCONNECT="hangup", HTTP_HOLD_MS=hold)
    client = Client(server)
    client.send(request())
    server.wait_file("started")
    client.reset()
    let_go(server)
    end = server.wait_event("end")[0]
    assert (server.lines("ends"), end["signal"], end["reason"]) == (["done"], 1, "the client went away")
    server.settle()


def test_end_of_bastion(start):
    """SIGTERM to the process that serves the connection, as when the service stops."""
    server = deploying(start, HTTP_HOLD_MS="0")
    with Client(server) as client:
        client.send(request())
        head = client.head()
        server.wait_file("started")
        os.kill(server.connections()[0], signal.SIGTERM)
        let_go(server)
        answer = client.read_body(head)
        assert (answer.complete, answer.body) == (False, OUTPUT)
    server.settle()
    assert server.lines("ends") == ["done"]


def test_the_lock_is_held_meanwhile(start):
    server = deploying(start, ON_DISCONNECT="hangup", COMMAND_LOCK="refuse")
    client = Client(server)
    client.send(request())
    server.wait_file("started")
    client.reset()
    wait_for(lambda: server.lines("signals"), "the trap")
    assert ask(server).status == 429
    server.go()
    server.settle()
    assert server.lines("ends") == ["done"]


def test_exit_code_is_the_commands_own(start):
    """Also of one that outlives its children."""
    server = start(FORCE_COMMAND=f"exec 2>/dev/null; trap 'wait; echo end; exit 9' TERM; sh -c 'trap \"echo child; exit 5\" TERM; : >$T/started; {UNTIL_GO}' & wait",
                   HTTP_HOLD_MS="0")
    with Client(server) as client:
        client.send(request())
        server.wait_file("started")
        os.kill(server.connections()[0], signal.SIGTERM)
        answer = client.answer()
        assert (answer.complete, answer.body) == (False, b"child\nend\n")
    assert server.wait_event("end")[0]["exit"] == 9


def test_who_left_the_group_is_not_waited_for(start):
    """A daemon has a session of its own."""
    server = deploying(start, before="setsid sh -c 'echo $$ >>$T/daemon; exec sleep 1000' >/dev/null 2>&1 & while [ ! -s $T/daemon ]; do sleep 0.02; done;",
                       COMMAND_TIMEOUT="1", HTTP_HOLD_MS="3600000")
    server.go()
    answer = ask(server)
    assert (answer.code, answer.body, server.lines("ends")) == (124, OUTPUT, ["done"])
    assert is_alive(int(server.lines("daemon")[0]))


@pytest.mark.slow
@pytest.mark.parametrize("settings, leave", [({"COMMAND_TIMEOUT": "1"}, False), ({"ON_DISCONNECT": "hangup"}, True)], ids=["timeout", "hangup"])
def test_the_grace_ends(start, settings, leave):
    """What does not come to its end is killed, and the run is over."""
    server = deploying(start, HTTP_HOLD_MS="3600000", **settings)
    with Client(server) as client:
        client.send(request())
        server.wait_file("started")
        if leave:
            client.reset()
        else:
            answer = client.answer()
            assert (answer.code, answer.body) == (124, b"started\nrolling back\n")
    server.wait_event("end")
    wait_for(lambda: not is_alive(int(server.lines("pids")[0])), "SIGKILL")
    server.settle()
    assert server.lines("ends") == []


def test_a_command_that_was_not_asked_to_end(start):
    """Its own end counts: what it leaves behind is not waited for, in the group or not."""
    server = start(FORCE_COMMAND=f"sh -c '{UNTIL_GO}' >/dev/null 2>&1 & echo ok", COMMAND_LOCK="off")
    assert ask(server).body == b"ok\n"
    server.go()


def test_six_of_six(start):
    """What was seen: of six roll-backs one came to its end."""
    server = start(FORCE_COMMAND="sh $T/deploy; exit 7", COMMAND_LOCK="off", COMMAND_TIMEOUT="1", HTTP_HOLD_MS="50")
    (server.t / "deploy").write_text("exec 2>/dev/null; trap 'i=0; while [ $i -lt 30 ]; do echo line; sleep 0.01; i=$((i + 1)); done; echo done >>$T/ends; exit 1' TERM\n"
                                     "echo started; while :; do sleep 0.02; done\n")
    processes = [subprocess.Popen(["curl", "-sS", "--noproxy", "*", "-H", "Authorization: Bearer " + server.settings["HTTP_TOKEN"], server.url()],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for _ in range(6)]
    assert [p.communicate()[0] for p in processes] == [b"started\n" + b"line\n" * 30] * 6
    assert server.lines("ends") == ["done"] * 6


# ---- over SSH ----

@pytest.mark.root
@pytest.mark.slow
def test_timeout_over_ssh(start):
    server = deploying(start, SshServer, COMMAND_TIMEOUT="1")
    client = server.start()
    let_go(server)
    assert (client.communicate()[0], client.returncode, server.lines("ends")) == (OUTPUT, 124, ["done"])


@pytest.mark.root
@pytest.mark.slow
def test_hangup_over_ssh(start):
    server = deploying(start, SshServer, ON_DISCONNECT="hangup")
    client = server.start()
    server.wait_file("started")
    client.kill()
    client.communicate()
    let_go(server)
    assert server.wait_event("end")[0]["reason"] == "the client went away"
    assert server.lines("ends") == ["done"]
