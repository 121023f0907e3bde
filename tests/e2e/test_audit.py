"""The log (bastion(8), DIAGNOSTICS; bastion-settings(5), The log)."""
import base64
import json
import os
import re
import socket
import subprocess

import pytest
from harness import AUTH, BASTION, TOKEN, UNTIL_GO, Client, Listener, ask, basic, own_dev, parse_line, request, together, syslog
from tls_harness import pair


@pytest.mark.parametrize("audit", ["text", "json"])
def test_a_run(start, audit):
    server = start(FORCE_COMMAND="printf 12345; exit 3", AUDIT=audit)
    answer = ask(server)
    server.settle()
    begin, end = [parse_line(line) for line in server.log_lines()]
    common = {"run": answer["X-Bastion-Run"], "channel": "http", "user": "token", "peer": "127.0.0.1", "rule": "force"}
    for event in (begin, end):
        assert {k: event[k] for k in common} == common
        assert event["command"] == "printf 12345; exit 3"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["time"])
    assert (begin["event"], begin["verdict"]) == ("start", "allow")
    assert (end["event"], end["exit"], end["bytes"]) == ("end", 3, 5)
    assert 0 <= end["ms"] < 10000 and "signal" not in end
    assert begin["time"] <= end["time"]


def test_a_signal(start):
    server = start(FORCE_COMMAND="kill -KILL $$")
    ask(server)
    end = server.wait_event("end")[0]
    assert end["signal"] == 9 and "exit" not in end


def test_times_and_sizes(start):
    server = start(FORCE_COMMAND="head -c 123456 /dev/zero; sleep 0.3")
    ask(server)
    end = server.wait_event("end")[0]
    assert end["bytes"] == 123456 and 300 <= end["ms"] < 10000


def test_the_start_is_known_before_the_end(start):
    server = start(FORCE_COMMAND=UNTIL_GO)
    with Client(server) as client:
        client.send(request())
        server.wait_event("start")
        assert not server.events("end")
        server.go()
        assert client.answer().status == 200
        assert len(server.events("end")) == 1  # before the client knows


@pytest.mark.parametrize("audit", ["text", "json"])
@pytest.mark.parametrize("fields, options, event, status", [
    ([], {"auth": None}, "login", 401),
    ([], {"auth": "Authorization: Bearer wrong-credential"}, "login", 401),
    ([AUTH], {}, "deny", 400),
    (["Origin: http://evil.test"], {}, "deny", 403),
    (["Content-Length: x"], {}, "deny", 400),
    ([], {"target": "/" + "x" * 9000}, "deny", 414),
], ids=str)
def test_refusals(start, audit, fields, options, event, status):
    server = start(AUDIT=audit)
    assert ask(server, *fields, **options).status == status
    server.settle()
    events = [parse_line(line) for line in server.log_lines()]
    assert [(e["event"], e["status"], e["verdict"], e["peer"], e["channel"]) for e in events] == [(event, status, "deny", "127.0.0.1", "http")]
    assert events[0]["reason"]


def test_health_is_not_logged(start):
    server = start()
    assert ask(server, target="/healthz").status == 200
    server.settle()
    assert server.log_text() == b""


FORGERY = 'echo ok\n# 2026-01-01T00:00:00.000Z bastion event=end run=0 verdict=allow\n# "quote" \\ back \t tab \r\x1b[2J\x7f \u00e4\u2028 \U0001f600 {"event":"x"}'


@pytest.mark.parametrize("audit", ["text", "json"])
def test_command_forges_no_line(start, audit):
    server = start(FORCE_COMMAND=FORGERY, AUDIT=audit)
    assert ask(server).body == b"ok\n"
    server.settle()
    raw = server.log_text()
    assert raw.count(b"\n") == 2 and raw.endswith(b"\n")
    assert not re.search(rb"[^\n\x20-\x7e]", raw)
    events = [parse_line(line) for line in raw.decode().splitlines()]
    assert [e["event"] for e in events] == ["start", "end"]
    if audit == "json":
        assert [e["command"] for e in events] == [FORGERY] * 2
    else:
        assert events[0]["command"].startswith(r"echo ok\n# 2026")


@pytest.mark.parametrize("audit", ["text", "json"])
def test_bytes_that_are_no_utf8(start, audit):
    server = start(FORCE_COMMAND="echo ok # \udcff\udcc3(\udced\udca0\udc80", AUDIT=audit)
    assert ask(server).body == b"ok\n"
    server.settle()
    events = [parse_line(line) for line in server.log_lines()]
    assert len(events) == 2 and events[0]["command"].startswith("echo ok # ")


@pytest.mark.parametrize("audit", ["text", "json"])
@pytest.mark.parametrize("char", ["x", "\n", "\x01", "\u00e4", '"'], ids=repr)
def test_long_command(start, audit, char):
    """Cut, and still a line of its own that is written in one piece."""
    server = start(FORCE_COMMAND="echo ok #" + "".join(["\n#" if char == "\n" else char] * 20000), AUDIT=audit)
    assert ask(server).body == b"ok\n"
    server.settle()
    raw = server.log_text()
    assert raw.count(b"\n") == 2 and max(map(len, raw.splitlines())) < 4096
    events = [parse_line(line) for line in raw.decode().splitlines()]
    assert all(e["command"].endswith("...") for e in events) and events[1]["exit"] == 0


def test_request_forges_no_line(start):
    server = start()
    evil = "\u00e9\" bastion event=start run=1 \x1b[31m"
    with Client(server) as client:
        client.send(request(f"User-Agent: {evil}".replace("\x1b", ""), target='/cgi-bin/run?"%0a', host="evil\n", auth=AUTH))
        client.file.read()
    for options in ({"auth": "Authorization: Bearer \"x\\ event=start"}, {"target": "/\"x"}, {"method": "X\"Y"}):
        ask(server, **options)
    server.settle()
    raw = server.log_text()
    assert not re.search(rb"[^\n\x20-\x7e]", raw) and b"31m" not in raw
    assert not any(parse_line(line)["event"] in ("start", "end") for line in raw.decode().splitlines())


@pytest.mark.parametrize("audit", ["text", "json"])
def test_no_credential_in_the_log(start, audit):
    """Neither the right one nor a wrong one, which is often a right one of another place."""
    server = start(HTTP_BASIC_AUTH="alice:secret-of-alice", AUDIT=audit)
    wrong = ["alice:secret-of-bob", "secret-of-carol:x"]
    lines = [basic("alice:secret-of-alice"), *map(basic, wrong), "Authorization: Bearer secret-of-dave"]
    assert [a.status for a in together([lambda a=a: ask(server, auth=a) for a in lines])] == [200, 401, 401, 401]
    server.settle()
    raw = server.log_text().decode()
    assert len(raw.splitlines()) == 5 and "secret" not in raw and TOKEN not in raw
    assert not any(base64.b64encode(p.encode()).decode() in raw for p in wrong + ["alice:secret-of-alice"])


def test_the_log_is_not_for_the_client(start):
    """Standard error is the client's socket under inetd."""
    server = start(Listener, stderr="client")
    answer = ask(server)
    assert answer.status in (200, 500) and answer.body in (b"ok\n", b"Internal Server Error\n")


# ---- a log that takes nothing ----

def check_unrecorded(server):
    answer = ask(server)
    assert (answer.status, answer.body) == (500, b"Internal Server Error\n")
    assert server.settled_runs() == 0
    left = server.run_dir / "unlogged"  # where it says why
    assert left.stat().st_mode & 0o777 == 0o600
    assert b" event=fault run=" in left.read_bytes() and b'reason="no log takes the line of this run"\n' in left.read_bytes()


STDERR = {"full": "2>/dev/full", "closed": "2>&-", "read-only": "2</dev/null"}


def logging_to(way, *front):
    return ["sh", "-c", f'exec "$@" {way}', "sh", BASTION, *front, "http"]


@pytest.mark.root
@pytest.mark.parametrize("way", STDERR)
def test_run_that_cannot_be_recorded(start, way):
    """Standard error fails, and there is no syslog in this server's /dev."""
    def without_syslog(server):
        (server.home / "dev").mkdir()
        return own_dev(server.home / "dev")
    check_unrecorded(start(before=without_syslog, program=logging_to(STDERR[way])))


@pytest.mark.skipif(os.path.exists("/dev/log"), reason="syslog would take the line")
def test_log_that_nobody_reads(start):
    reading, writing = os.pipe()
    server = start(Listener, stderr=writing)
    os.close(reading)
    check_unrecorded(server)
    os.close(writing)


@pytest.mark.slow
@pytest.mark.skipif(os.path.exists("/dev/log"), reason="syslog would take the line")
def test_log_that_stands_still(start):
    """A full pipe is given up on."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while os.write(writing, b"x" * 4096):
            pass
    except BlockingIOError:
        os.set_blocking(writing, True)
    server = start(Listener, stderr=writing)
    check_unrecorded(server)
    os.close(reading)
    os.close(writing)


@pytest.mark.root
def test_log_on_a_full_disk(start):
    def full_disk(server):
        (server.home / "dev").mkdir()
        (server.home / "disk").mkdir()
        return (own_dev(server.home / "dev") + f"\nmount -t tmpfs -o size=4k tmpfs {server.home}/disk; cat /dev/zero >{server.home}/disk/log 2>/dev/null || :"
                + f"\nexec 2>>{server.home}/disk/log")
    check_unrecorded(start(before=full_disk))


# ---- syslog ----

@pytest.mark.root
@pytest.mark.parametrize("way", [*STDERR.values(), "2>&0"], ids=[*STDERR, "the client's socket"])
def test_syslog(start, way):
    """Where standard error takes no line, or must not."""
    with syslog() as (log, listen):
        server = start(before=listen, program=logging_to(way))
        answer = ask(server)
        assert (answer.status, answer.body) == (200, b"ok\n")
        log.settimeout(2)
        lines = [log.recv(8192).decode() for _ in range(2)]
        for line in lines:
            assert re.match(r"<\d+>bastion\[\d+\]: ", line) and "\n" not in line
        events = [parse_line(line.split(": ", 1)[1]) for line in lines]
        assert [(e["event"], e["run"]) for e in events] == [("start", answer["X-Bastion-Run"]), ("end", answer["X-Bastion-Run"])]


@pytest.mark.root
def test_syslog_of_tls(start):
    """A process that can open nothing any more has it open."""
    with syslog() as (log, listen):
        server = start(before=listen, program=logging_to("2>&0", "tls", BASTION), **pair().settings())
        with Client(server) as client:
            client.send(b"neither TLS nor HTTP\r\n")
            log.settimeout(30)
            event = parse_line(log.recv(8192).decode().split(": ", 1)[1])
        assert (event["event"], event["channel"], event["reason"]) == ("deny", "tls", "TLS: something else was spoken")


# ---- who ----

PEERS = [
    ({}, "127.0.0.1"),
    ({"TCPREMOTEIP": "192.0.2.1"}, "192.0.2.1"),
    ({"TCPREMOTEADDR": "192.0.2.2"}, "192.0.2.2"),
    ({"TCPREMOTEADDR": "192.0.2.2:4711"}, "192.0.2.2"),
    ({"TCPREMOTEADDR": "[2001:db8::2]:4711"}, "2001:db8::2"),
    ({"REMOTE_ADDR": "192.0.2.3"}, "192.0.2.3"),
    ({"TCPREMOTEIP": "192.0.2.1", "TCPREMOTEADDR": "192.0.2.2", "REMOTE_ADDR": "192.0.2.3"}, "192.0.2.1"),
    ({"TCPREMOTEADDR": "192.0.2.2", "REMOTE_ADDR": "192.0.2.3"}, "192.0.2.2"),
    ({"TCPREMOTEIP": "nonsense", "REMOTE_ADDR": "192.0.2.3"}, "192.0.2.3"),
    ({"TCPREMOTEIP": "", "REMOTE_ADDR": ""}, "127.0.0.1"),
    ({"TCPREMOTEIP": "nonsense event=start"}, "127.0.0.1"),
    ({"TCPREMOTEIP": "2001:DB8:0:0:0:0:0:1"}, "2001:db8::1"),
    ({"TCPREMOTEIP": "[2001:db8::1]"}, "2001:db8::1"),
    ({"TCPREMOTEIP": "::ffff:192.0.2.1"}, "192.0.2.1"),
    ({"REMOTE_ADDR": "fe80::1%eth0"}, "fe80::1"),
    ({"TCPREMOTEIP": "192.0.2.1" * 50}, "127.0.0.1"),
]


@pytest.mark.parametrize("env, peer", PEERS, ids=[str(e)[:60] for e, _ in PEERS])
def test_peer(start, env, peer):
    server = start(Listener, env=env, FORCE_COMMAND="echo $BASTION_PEER")
    assert ask(server).body.decode() == peer + "\n"
    server.settle()
    assert {e["peer"] for e in server.events()} == {peer}


def test_peer_of_ipv6(start):
    server = start(Listener, host="::1", FORCE_COMMAND="echo $BASTION_PEER")
    assert ask(server).body == b"::1\n"


def test_peer_of_a_unix_socket(start):
    server = start(Listener)
    ours, theirs = socket.socketpair()
    with ours, theirs, open(server.log, "ab") as log:
        ours.sendall(request(close=True))
        ours.shutdown(socket.SHUT_WR)
        found = subprocess.run([BASTION, "http"], env=server.env, stdin=theirs, stdout=theirs, stderr=log)
        assert found.returncode == 0 and b" 200 " in ours.recv(100)
    assert server.events("start")[0]["peer"] == "local"


def test_json_is_json(start):
    server = start(AUDIT="json", HTTP_BASIC_AUTH='a"\\b\u00e4:x')
    assert ask(server, auth=basic('a"\\b\u00e4:x')).status == 200
    server.settle()
    assert [json.loads(line)["user"] for line in server.log_text().splitlines()] == ['a"\\b\u00e4'] * 2


@pytest.mark.parametrize("audit", ["text", "json"])
@pytest.mark.parametrize("mask, command, shown", [
    ("hunter[0-9]+", "echo hunter22 hunter3 >/dev/null", "echo *** *** >/dev/null"),
    ("^echo", "echo echo", "*** echo"),
    ("x*", "echo axxb >/dev/null", "echo a***b >/dev/null"),
    ("nothing", "echo a", "echo a"),
    (".+", "echo a\necho b", "***"),
])
def test_mask(start, audit, mask, command, shown):
    server = start(FORCE_COMMAND=command, AUDIT=audit, AUDIT_MASK=mask)
    assert ask(server).status == 200
    server.wait_event("end")
    assert [event["command"] for event in server.events("start") + server.events("end")] == [shown, shown]


@pytest.mark.parametrize("header", [b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"])
def test_proxy_header_before_tls(start, header):
    """It is named, since a balancer that is set up so would be refused for no reason that anybody sees."""
    server = start(program=(BASTION, "tls", BASTION, "http"), **pair().settings())
    with Client(server) as client:
        client.send(header)
        [event] = server.wait_event("deny", channel="tls")
    assert event["reason"] == "TLS: a header of the PROXY protocol, which this port does not take"
