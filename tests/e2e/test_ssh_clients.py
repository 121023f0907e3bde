"""Other clients than OpenSSH's, much data, many at once, and clients that go away."""
import hashlib
import os
import subprocess

import pytest
from harness import PATIENCE, SYSTEM_PATH, UNTIL_GO, is_alive, together, wait_for
from ssh_harness import ALICE, KEYS, SshServer, fingerprint

pytestmark = pytest.mark.root

MANY = 100 << 20


@pytest.fixture(scope="module")
def dropbear_key():
    path = KEYS / "alice.dropbear"
    subprocess.run(["dropbearconvert", "openssh", "dropbear", ALICE, path], check=True, capture_output=True)
    return path


@pytest.fixture(scope="module")
def putty_key():
    path = KEYS / "alice.ppk"
    subprocess.run(["puttygen", ALICE, "-O", "private", "-o", path], check=True)
    return path


def by_dbclient(server, *command, key, terminal=False):
    return ["dbclient", "-y", "-y", "-p", str(server.port), "-i", str(key), *(["-t"] if terminal else []), f"agent@{server.host}", *command]


def by_plink(server, *command, key, terminal=False):
    host = wait_for(lambda: (path := server.keys / "ssh_host_ed25519_key.pub").exists() and path, "the host's key")
    return ["plink", "-batch", "-ssh", "-P", str(server.port), "-i", str(key), "-hostkey", fingerprint(host), *(["-t"] if terminal else ["-T"]), f"agent@{server.host}", *command]


@pytest.fixture(params=["dbclient", "plink"])
def client(request):
    """A function of server and command that gives the client's words."""
    way = {"dbclient": by_dbclient, "plink": by_plink}[request.param]
    key = request.getfixturevalue({"dbclient": "dropbear_key", "plink": "putty_key"}[request.param])
    return lambda server, *command, **options: way(server, *command, key=key, **options)


def run(argv, **options):
    return subprocess.run(argv, capture_output=True, timeout=PATIENCE, env={"PATH": SYSTEM_PATH, "HOME": str(KEYS), "TERM": "xterm"}, **options)


# ---- other clients ----

def begin(start, **settings):
    server = start(SshServer, **settings)
    server.ssh()  # makes the host's key, which plink wants to be told
    server.settle()
    return server


def test_a_session(start, client):
    server = begin(start, FORCE_COMMAND='echo "$BASTION_USER"; echo oops >&2; cat; exit 5')
    done = run(client(server, "anything", "else"), input=b"hello\n")
    assert (done.returncode, done.stdout) == (5, b"alice\nhello\n")
    assert b"oops\n" in done.stderr
    server.settle()
    assert [e["key"] for e in server.events("login", verdict="allow")] == [fingerprint(ALICE)] * 2


def test_a_terminal(start, client):
    server = begin(start, FORCE_COMMAND="test -t 0 && echo yes; echo $TERM; exit 6")
    master, slave = os.openpty()  # dbclient wants one of its own for that
    done = run(client(server, terminal=True), stdin=slave)
    os.close(master), os.close(slave)
    assert (done.returncode, done.stdout.split()) == (6, [b"yes", b"xterm"])


def test_input_and_output_of_a_megabyte(start, client):
    data = os.urandom(1 << 20)
    assert run(client(begin(start, FORCE_COMMAND="cat"), "x"), input=data).stdout == data


def test_another_clients_key_is_none(start, client):
    server = begin(start, FORCE_COMMAND="echo x >>$T/runs")
    (server.users / "alice.pub").unlink()
    runs = server.settled_runs()
    assert run(client(server, "x"), input=b"").returncode != 0
    server.settle()
    assert server.runs() == runs and server.events("login", verdict="deny")


# ---- much data ----

@pytest.mark.slow
@pytest.mark.parametrize("way", ["out", "in", "both"])
def test_100_megabytes(start, tmp_path, way):
    data, got = tmp_path / "data", tmp_path / "got"
    data.write_bytes(os.urandom(1 << 20) * (MANY >> 20))
    os.chmod(tmp_path, 0o755)
    digest = hashlib.sha256(data.read_bytes()).hexdigest().encode()
    command = {"out": "for i in $(seq 100); do cat $T/piece; done", "in": "sha256sum", "both": "cat"}[way]
    server = start(SshServer, FORCE_COMMAND=command)
    (server.t / "piece").write_bytes(data.read_bytes()[:1 << 20])
    with open(data, "rb") as source, open(got, "wb") as sink:
        client = server.start(stdin=source if way != "out" else subprocess.DEVNULL, stdout=sink)
        assert client.wait(120) == 0 and client.stderr.read() == b""
    client.stderr.close()
    assert got.read_bytes().split()[0] == digest if way == "in" else hashlib.sha256(got.read_bytes()).hexdigest().encode() == digest


@pytest.mark.slow
def test_100_logins_at_once(start):
    """Each of them has its own run, and every name of a run is another."""
    server = start(SshServer, FORCE_COMMAND="echo $BASTION_RUN", COMMAND_LOCK="off")
    done = together([lambda: server.ssh(timeout=120)] * 100)
    assert {(d.returncode, d.stderr) for d in done} == {(0, b"")}
    assert len({d.stdout for d in done}) == 100
    server.settle()
    assert [len(server.events(event)) for event in ("login", "start", "end", "logout")] == [100] * 4


# ---- clients that go away ----

TELLS = "trap 'echo hup >>$T/signals' HUP; trap 'echo term >>$T/signals' TERM; : >$T/started; " + UNTIL_GO + "; echo done >>$T/ends"


def leave(server, **options):
    client = server.start(**options)
    server.wait_file("started")
    client.kill()
    client.communicate()


def test_a_run_that_holds_the_lock_continues(start):
    server = start(SshServer, FORCE_COMMAND=TELLS, COMMAND_LOCK="refuse")
    leave(server)
    assert server.ssh().returncode == 75
    server.go()
    end = server.wait_event("end")[0]
    assert (server.lines("signals"), server.lines("ends"), end["exit"], end["reason"]) == ([], ["done"], 0, "the client went away")
    server.settle()
    (server.t / "started").unlink()
    assert server.ssh().returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"COMMAND_LOCK": "off"}, {"ON_DISCONNECT": "hangup"}], ids=["default", "set"])
def test_any_other_is_hung_up(start, settings):
    """SIGHUP, then SIGTERM, then what can't be ignored: nothing is left, whatever the command thinks of it."""
    server = start(SshServer, FORCE_COMMAND=TELLS, **settings)
    leave(server)
    server.settle()
    assert server.lines("signals") == ["hup", "term"] and not server.lines("ends")
    assert server.events("end")[0]["reason"] == "the client went away"


def test_a_command_that_obeys_is_gone_at_once(start):
    """And those that it has started, which are of its process group."""
    server = start(SshServer, FORCE_COMMAND="sleep 1000 & echo $! >$T/child; sleep 1000 & : >$T/started; wait", ON_DISCONNECT="hangup")
    leave(server)
    child = int((server.t / "child").read_text())
    wait_for(lambda: not is_alive(child), "the child's end", 6)
    server.settle()


def test_the_connection_breaks(start):
    """Without a word: the client's side of the connection is reset."""
    server = start(SshServer, FORCE_COMMAND="sleep 1000 & : >$T/started; wait", ON_DISCONNECT="hangup")
    client = server.start()
    server.wait_file("started")
    subprocess.run(["ss", "-K", "dst", server.host, "dport", "=", str(server.port)], check=True, capture_output=True)
    client.communicate(timeout=PATIENCE)
    server.settle()


def test_whoever_waits_for_the_lock_and_leaves_does_not_run(start):
    server = start(SshServer, FORCE_COMMAND="echo x >>$T/runs; : >$T/started; " + UNTIL_GO, COMMAND_LOCK="wait", ON_DISCONNECT="hangup")
    first = server.start()
    server.wait_file("started")
    second = server.start()
    server.wait_event("wait")
    second.kill()
    second.communicate()
    server.wait_event("gone")
    server.go()
    first.communicate(timeout=PATIENCE)
    server.settle()
    assert server.runs() == 1


def test_much_output_and_nobody_reads_it(start):
    server = start(SshServer, FORCE_COMMAND=f": >$T/started; {UNTIL_GO}; head -c 3000000 /dev/zero && echo done >>$T/ends")
    leave(server)
    server.go()
    assert server.wait_event("end")[0]["exit"] == 0
    assert server.lines("ends") == ["done"]
    server.settle()
