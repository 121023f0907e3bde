"""Each way to be started (bastion(8), DESCRIPTION): the same answers, the right peer, and a log in the right place."""
import os

import pytest
from harness import AUTH, BASTION, UNTIL_GO, Client, Listener, ask, curl, own_dev, parse_line, request, together, syslog

COMMAND = "echo x >>$T/runs; echo $BASTION_PEER"


@pytest.mark.parametrize("kind", ["tcpsvd", "tcpserver"])
def test_superserver(start, kind):
    server = start(kind=kind, FORCE_COMMAND=COMMAND, COMMAND_LOCK="wait")
    assert curl(server).stdout == b"127.0.0.1\n"
    assert curl(server, "--fail-with-body", "-d", "x=1").stdout == b"127.0.0.1\n"
    assert ask(server, target="/none").status == 404
    assert [a.status for a in together([lambda: ask(server)] * 8)] == [200] * 8
    assert server.settled_runs() == 10
    assert len(server.events("end", peer="127.0.0.1")) == 10


@pytest.mark.parametrize("kind", ["tcpsvd", "tcpserver"])
def test_streaming_behind_it(start, kind):
    server = start(kind=kind, FORCE_COMMAND=f"echo first; {UNTIL_GO}; exit 3", HTTP_HOLD_MS="20")
    with Client(server) as client:
        client.send(request())
        head = client.head()
        assert client.chunk() == b"first\n"
        server.go()
        assert not client.read_body(head).complete


def test_systemd(start):
    server = start(Listener, FORCE_COMMAND=COMMAND, env={"REMOTE_ADDR": "192.0.2.9", "REMOTE_PORT": "4711", "LISTEN_FDS": "1", "LISTEN_PID": "1", "LISTEN_FDNAMES": "connection"})
    assert curl(server).stdout == b"192.0.2.9\n"


def test_ipv6(start):
    server = start(Listener, host="::1", FORCE_COMMAND=COMMAND)
    assert curl(server).stdout == b"::1\n"
    assert ask(server, host=f"[::1]:{server.port}").body == b"::1\n"
    assert server.events("start")[0]["peer"] == "::1"


@pytest.mark.parametrize("kind", ["tcpsvd", "listener"])
def test_ordinary_user(start, kind):
    """No root anywhere."""
    user = "nobody" if os.geteuid() == 0 else None
    server = start(Listener, user=user, FORCE_COMMAND="id -u") if kind == "listener" else start(user=user, FORCE_COMMAND="id -u")
    assert ask(server).body.strip() == (b"65534" if user else str(os.getuid()).encode())


# ---- inetd ----

def inetd(server):
    """SSH_USER is in its configuration, since openbsd-inetd removes SSH_* from its own environment."""
    host = f"[{server.host}]" if ":" in server.host else server.host
    version = "tcp6" if ":" in server.host else "tcp4"
    conf = server.home / "inetd.conf"
    conf.write_text(f"{host}:{server.port} stream {version} nowait.400 root /usr/bin/env env SSH_USER=nobody {BASTION} http\n")
    return ["/usr/sbin/inetd", "-i", str(conf)]


@pytest.mark.root
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_inetd(start, host):
    """0, 1 and 2 are the client's socket: the log goes to syslog, and none of it to the client."""
    with syslog() as (log, listen):
        server = start(host=host, argv=inetd, before=listen, FORCE_COMMAND=COMMAND + "; echo complaint >&2")
        with Client(server) as client:
            client.send(request() + request(target="/none") + request(close=True))
            answers = [client.answer() for _ in range(3)]
            assert client.is_closed()
        assert [a.status for a in answers] == [200, 404, 200]
        assert answers[0].body == answers[2].body == f"{host}\ncomplaint\n".encode()
        assert ask(server, AUTH).status == 400
        assert server.settled_runs() == 2
        log.settimeout(5)
        events = []
        while len(events) < 5:
            line = log.recv(8192).decode()
            if ">bastion[" in line:  # inetd has its own to say
                events.append(parse_line(line.split(": ", 1)[1]))
        assert [e["event"] for e in events] == ["start", "end", "start", "end", "deny"]
        assert {e["peer"] for e in events} == {host}
        assert events[0]["run"] == answers[0]["X-Bastion-Run"]
        assert server.log_text() == b""


@pytest.mark.root
def test_inetd_without_syslog(start):
    """Nobody records the run, so it does not start; and the client learns nothing."""
    def without_syslog(server):
        (server.home / "dev").mkdir()
        return own_dev(server.home / "dev")

    server = start(argv=inetd, before=without_syslog)
    answer = ask(server)
    assert (answer.status, answer.body) == (500, b"Internal Server Error\n")
    assert server.settled_runs() == 0


# ---- many ----

@pytest.mark.slow
@pytest.mark.parametrize("lock", ["skip", "wait", "off"])
def test_200_clients(start, lock):
    server = start(FORCE_COMMAND="echo x >>$T/runs; echo ok", COMMAND_LOCK=lock)
    answers = together([lambda: ask(server)] * 200)
    assert {a.status for a in answers} == {200}
    ran = sum(a["X-Bastion-Skipped"] is None for a in answers)
    assert server.settled_runs() == ran
    assert ran >= 1 if lock == "skip" else ran == 200
    assert len(server.events("start")) == len(server.events("end")) == ran


@pytest.mark.slow
def test_200_open_connections(start):
    """Half of them silent, half within a head; the others are served."""
    server = start()
    clients = [Client(server) for _ in range(200)]
    for client in clients[::2]:
        client.send("GET /cgi-bin/run HTTP/1.1\r\nHo")
    assert ask(server).status == 200
    for client in clients[::2]:
        client.send(b"st: x\r\n" + request()[len("GET /cgi-bin/run HTTP/1.1\r\nHost: bastion.test\r\n"):])
    assert all(client.answer().status == 200 for client in clients[::2])
    for client in clients:
        client.__exit__()
    server.settle()
