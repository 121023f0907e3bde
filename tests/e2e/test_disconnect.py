"""The client goes away (ON_DISCONNECT in bastion-settings(5))."""
import subprocess

import pytest
from harness import UNTIL_GO, Client, curl_in_background, is_alive, request, wait_for

# Tells what it got. The traps stand before the file that says so.
TELLS = ("trap 'echo hup >>$T/signals' HUP; trap 'echo term >>$T/signals; exit 1' TERM; echo x >>$T/runs; : >$T/started; "
         + UNTIL_GO + "; echo done >>$T/ends")
LEAVES = "trap 'echo hup >>$T/signals; exit 1' HUP; echo x >>$T/runs; : >$T/started; " + UNTIL_GO + "; echo done >>$T/ends"


def reset(server):
    client = Client(server)
    client.send(request())
    server.wait_file("started")
    client.reset()


def kill_curl(server):
    process = curl_in_background(server)
    server.wait_file("started")
    process.kill()
    process.wait()


@pytest.mark.parametrize("settings", [{}, {"ON_DISCONNECT": "continue", "COMMAND_LOCK": "off"}], ids=["default", "set"])
@pytest.mark.parametrize("leave", [reset, kill_curl])
@pytest.mark.parametrize("hold", ["0", "3600000"])
def test_continue(start, settings, leave, hold):
    """The deployment ends as if nobody had gone, and is recorded as such."""
    server = start(FORCE_COMMAND=TELLS, HTTP_HOLD_MS=hold, **settings)
    leave(server)
    server.go()
    end = server.wait_event("end")[0]
    assert (server.lines("signals"), server.lines("ends"), end["exit"]) == ([], ["done"], 0)
    server.settle()


def test_continue_with_much_output(start):
    """Nobody reads it, and the command must not stand still or die of SIGPIPE."""
    server = start(FORCE_COMMAND=f": >$T/started; {UNTIL_GO}; head -c 3000000 /dev/zero && echo done >>$T/ends", HTTP_HOLD_MS="0")
    reset(server)
    server.go()
    assert server.wait_event("end")[0]["exit"] == 0
    assert server.lines("ends") == ["done"]


def test_two_runs_and_one_client_gone(start):
    """The next client finds the lock held by the run that goes on."""
    server = start(FORCE_COMMAND=TELLS, COMMAND_LOCK="refuse")
    reset(server)
    with Client(server) as client:
        client.send(request())
        assert client.answer().status == 429
    server.go()
    server.wait_event("end")


@pytest.mark.parametrize("settings", [{"ON_DISCONNECT": "hangup"}, {"COMMAND_LOCK": "off"}], ids=["set", "default"])
@pytest.mark.parametrize("hold", ["0", "3600000"])
def test_hangup_at_a_reset(start, settings, hold):
    """hangup is the default of a run that holds no lock."""
    server = start(FORCE_COMMAND=LEAVES, HTTP_HOLD_MS=hold, **settings)
    reset(server)
    server.wait_event("end")
    assert (server.lines("signals"), server.lines("ends")) == (["hup"], [])


def test_hangup_when_output_finds_nobody(start):
    server = start(FORCE_COMMAND=f"trap 'echo hup >>$T/signals; exit 1' HUP; : >$T/started; {UNTIL_GO}; while :; do echo x; sleep 0.02; done",
                   HTTP_HOLD_MS="0", ON_DISCONNECT="hangup")
    kill_curl(server)
    server.go()
    server.wait_event("end")
    assert server.lines("signals") == ["hup"]


@pytest.mark.slow
@pytest.mark.parametrize("hold", ["0", "3600000"])
def test_hangup_of_a_silent_command(start, hold):
    """curl is killed: the kernel sends a FIN, which a half-close is too. A dead client is found out all the same; Linux
    keeps answering for a closed socket for a minute."""
    server = start(FORCE_COMMAND=LEAVES, HTTP_HOLD_MS=hold, ON_DISCONNECT="hangup")
    kill_curl(server)
    wait_for(lambda: server.events("end"), "the command is told", seconds=90)
    assert (server.lines("signals"), server.lines("ends")) == (["hup"], [])


@pytest.mark.slow
def test_hangup_escalates(start):
    """SIGHUP, SIGTERM 5 s later, SIGKILL 5 s later; the whole group."""
    server = start(FORCE_COMMAND="trap 'date +%s.%N >>$T/hup' HUP; trap 'date +%s.%N >>$T/term' TERM; sh -c 'trap \"\" HUP TERM; sleep 1000' & echo $! >>$T/pids; "
                   + ": >$T/started; " + UNTIL_GO, ON_DISCONNECT="hangup")
    reset(server)
    end = server.wait_event("end")[0]
    assert (end["signal"], len(server.lines("hup")), len(server.lines("term"))) == (9, 1, 1)
    assert 4.8 < float(server.lines("term")[0]) - float(server.lines("hup")[0]) < 8
    assert end["ms"] > 9900
    wait_for(lambda: not is_alive(int(server.lines("pids")[0])), "the group is gone")


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"ON_DISCONNECT": "hangup"}, {}], ids=["hangup", "continue"])
@pytest.mark.parametrize("hold", ["0", "3600000"])
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_half_close_gets_its_answer(start, settings, hold, version):
    """A client that has sent all it has to say is not gone."""
    server = start(FORCE_COMMAND=LEAVES, HTTP_HOLD_MS=hold, **settings)
    with Client(server) as client:
        client.send(request(version=version)).end()
        server.wait_file("started")
        client.sock.settimeout(2.5)  # longer than a probe of the other side takes
        if hold == "0":
            assert client.head().status == 200
        with pytest.raises(TimeoutError):
            client.sock.recv(1)
        client.sock.settimeout(20)
        client.file = client.sock.makefile("rb")
        server.go()
        assert client.file.read().endswith(b"0\r\n\r\n" if (hold, version) == ("0", "HTTP/1.1") else b"" if hold == "0" else b"Content-Length: 0\r\n\r\n")
    server.settle()
    assert (server.lines("signals"), server.lines("ends")) == ([], ["done"])


def test_netcat_gets_its_answer(start):
    """busybox nc half-closes at the end of its input."""
    server = start(FORCE_COMMAND="sleep 0.3; echo ok", ON_DISCONNECT="hangup")
    found = subprocess.run(["busybox", "nc", server.host, str(server.port)], input=request(), capture_output=True, timeout=30)
    assert found.stdout.endswith(b"\r\n\r\nok\n")
