"""bastion init and those who show no right credential: how long they stay, how many there are, and that they keep nobody out who
has one."""
import os
import re
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from harness import AUTH, UNTIL_GO, Client, ask, free_port, request, together, wait_for
from init_harness import InitServer, NetServer, lasting
from test_init_supervisor import steal

pytestmark = pytest.mark.root
WRONG = request(auth="Authorization: Bearer wrong", close=True)
STRANGER, PERSON = "198.51.100.7", "198.51.100.8"
MADE_ROOM = "no right credential yet: the connection made room for another"


def left_out(lines):
    return sum(int(n) for line in lines for n in re.findall(r"(\d+) more were refused", line["reason"]))


def served(server):
    return server.monitors()


def descriptors(server):
    """How many process 1 has open."""
    return len(os.listdir(f"/proc/{server.pid}/fd"))


def is_ended(sock):
    """Whether the other side has closed, whatever it said before."""
    sock.setblocking(False)
    try:
        while sock.recv(4096):
            pass
        return True
    except ConnectionResetError:
        return True
    except BlockingIOError:
        return False


# ---- a login works, whoever else is there ----

def by_https(server, source):
    url = f"https://{server.host}:{server.settings['HTTPS_PORT']}/cgi-bin/run"
    return server.command("curl", "-sSk", "--noproxy", "*", "--max-time", "20", "--fail-with-body", "--interface", source, "-H", AUTH, url)


def by_http(server, source):
    return server.command("curl", "-sS", "--noproxy", "*", "--max-time", "20", "--fail-with-body", "--interface", source, "-H", AUTH, server.url())


def by_ssh(server, source):
    return server.arguments("-b", source, "-o", "ConnectTimeout=20")


def tries(argv):
    """How often it takes until the command's output is there."""
    for n in range(1, 10):
        done = subprocess.run(argv, capture_output=True, timeout=60)
        if done.stdout == b"ok\n":
            return n
        time.sleep(1)  # as a person does, or Retry-After says
    raise AssertionError((argv, done))


def silent(server, sources):
    """Connections that say nothing, to each of its ports."""
    ports = [server.port, int(server.settings["HTTPS_PORT"]), server.ssh_port]
    return [server.connect(source, port) for source in sources for port in ports]


@pytest.mark.slow
@pytest.mark.parametrize("sources", [[STRANGER] * 200, [f"198.51.100.{n}" for n in range(20, 220)]], ids=["one address", "200 addresses"])
def test_200_silent_ones(start, sources):
    """And a login over each of the three ports, from one of their addresses: while they are new, and when they are not."""
    server = start(NetServer, TLS="self-signed", HTTPS_PORT=str(free_port()), COMMAND_LOCK="off", FORCE_COMMAND="echo ok")
    held = silent(server, sources)
    logins = [by(server, sources[0]) for by in (by_http, by_https, by_ssh)]
    counts = [tries(login) for login in logins] + together([lambda login=login: tries(login) for login in logins])
    print("tries:", counts)
    assert max(counts) <= 2
    assert len(lasting(lambda: served(server))) <= 64 + 1  # the one that may have just ended
    for s in held:
        s.close()


@pytest.mark.slow
@pytest.mark.parametrize("by", [by_http, by_ssh])
def test_silent_ones_that_come_again(start, by):
    """Each as soon as its connection has ended, a hundred at a time, from the address of the one who logs in."""
    server = start(NetServer, COMMAND_LOCK="off", FORCE_COMMAND="echo ok")
    port = server.port if by is by_http else server.ssh_port
    held = {server.connect(STRANGER, port) for _ in range(100)}

    def again():
        for s in [s for s in held if is_ended(s)]:
            s.close()
            held.remove(s)
            held.add(server.connect(STRANGER, port))

    with ThreadPoolExecutor(1) as thread:
        login = thread.submit(tries, by(server, STRANGER))
        while not login.done():
            again()
            time.sleep(0.1)
    print("tries:", login.result())
    assert login.result() <= 3
    for s in held:
        s.close()


def test_a_crowd_with_credentials(start):
    """Nobody of it is refused for the others who have not shown theirs yet."""
    server = start(NetServer, MAX_CONNECTIONS="60", MAX_CONNECTIONS_PER_ADDRESS="60", COMMAND_LOCK="off", SSH_PORT="off")
    clients = [server.at(PERSON) for _ in range(60)]
    for client in clients:
        client.send(request(close=True))
    assert [client.answer().status for client in clients] == [200] * 60
    for client in clients:
        client.__exit__()
    assert not server.events("deny")


def test_who_waits_at_the_end(start):
    """Of process 1: nobody is served any more, and HTTP says so."""
    for _ in range(5):
        server = start(NetServer, MAX_CONNECTIONS_PER_ADDRESS="1", SSH_PORT="off", SPARE="0")
        idle = descriptors(server)
        with server.connect(STRANGER) as first:
            wait_for(lambda server=server, idle=idle: served(server) and descriptors(server) == idle + 1, "it is served, and has a link")
            with server.connect(STRANGER) as second:
                wait_for(lambda server=server, first=first, idle=idle: descriptors(server) == idle + 2 or is_ended(first), "it is accepted")
                server.tell()
                answer = second.recv(4096)
        assert server.end() == 0
        reasons = [e["reason"] for e in server.events("deny", peer=STRANGER)]
        if MADE_ROOM not in [reason.split(";")[0] for reason in reasons]:  # else it did not have to wait, since that took too long here
            break
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert reasons[:1] == ["bastion init ends: nobody is served any more"]


# ---- who makes room ----

def test_old_ones_make_room(start):
    """Some of them, and nobody who has shown a credential. (That it is anybody's turn is shown in tests/unit/unit_connection.c.)"""
    server = start(NetServer, MAX_CONNECTIONS_PER_ADDRESS="6", COMMAND_LOCK="off", SSH_PORT="off")
    known = [server.at(STRANGER) for _ in range(2)]
    for _ in range(2):
        assert [client.send(request()).answer().status for client in known] == [200] * 2
        held = [server.connect(STRANGER) for _ in range(4)]
        while not any(is_ended(s) for s in held):
            with server.at(STRANGER) as client:
                assert client.send(request(close=True)).answer().status == 200
        for s in held:
            s.close()
        wait_for(lambda: len(served(server)) == 2, "they are gone")
    assert [client.send(request()).answer().status for client in known] == [200] * 2
    assert {e["reason"].split(";")[0] for e in server.events("deny", peer=STRANGER)} == {MADE_ROOM}
    for client in known:
        client.__exit__()


def test_one_that_has_just_logged_in(start):
    """Process 1 has not read of it yet when somebody else comes: it has more to read than it takes at a time."""
    server = start(NetServer, MAX_CONNECTIONS_PER_ADDRESS="24", COMMAND_LOCK="off", FORCE_COMMAND="echo ok", SSH_PORT="off")
    clients = [server.at(STRANGER) for _ in range(24)]
    wait_for(lambda: len(served(server)) == 24, "they are served")
    time.sleep(4)  # until they are old
    os.kill(server.pid, signal.SIGSTOP)
    assert [client.send(request()).answer().status for client in clients] == [200] * 24
    with server.at(STRANGER) as late:
        os.kill(server.pid, signal.SIGCONT)
        assert late.answer().status == 503
    assert [client.send(request()).answer().status for client in clients] == [200] * 24
    for client in clients:
        client.__exit__()


STAYS = """
#include <signal.h>
#include <unistd.h>
int main(void) {
    signal(SIGTERM, SIG_IGN);
    if (fork() == 0)
        setsid();
    else
        write(1, "here", 4);
    for (;;)
        pause();
}
"""


def test_the_whole_tree_goes(start):
    """Also what has left its process group: of a program that stands in the place of bastion's own, as after an upgrade."""
    server = start(NetServer, MAX_CONNECTIONS_PER_ADDRESS="1", SSH_PORT="off")
    source = server.home / "stays.c"
    source.write_text(STAYS)
    subprocess.run(["cc", "-O1", "-static", "-o", server.home / "stays", source], check=True)
    subprocess.run(["nsenter", "-t", str(server.pid), "-m", "mount", "--bind", server.home / "stays", server.root / "bin/bastion"], check=True)
    first = server.connect(STRANGER)
    assert first.recv(4) == b"here"
    old = wait_for(lambda: len(found := server.connections()) == 2 and found, "it, and its child")
    second = server.connect(STRANGER)  # it waits until the first one is old
    assert second.recv(4) == b"here"
    wait_for(lambda: is_ended(first) and not set(old) & set(server.processes()), "the first one's processes have gone")
    first.close()
    second.close()


# ---- how long they stay ----

@pytest.mark.slow
def test_what_the_time_is_enough_for(start):
    """All at once: a silent one has its 408, and one that sends its head and its body late its 401; who has a credential stays."""
    server = start(InitServer, COMMAND_LOCK="off", SSH_PORT="off")
    late = request("Content-Length: 200", method="POST", auth="Authorization: Bearer wrong")

    def says_nothing():
        with Client(server) as client:
            return client.answer().status

    def is_slow():
        with Client(server) as client:
            for at in range(0, 90, 10):
                client.send(late[at:at + 10])
                time.sleep(1)
            client.send(late[90:])
            for _ in range(20):  # and the server does not close before it has all of it
                client.send(b"x" * 10)
                time.sleep(0.5)
            return client.answer().status

    def stays():
        with Client(server) as client:
            statuses = [client.send(request()).answer().status]
            for _ in range(2):
                time.sleep(10)
                statuses.append(client.send(request()).answer().status)
            return statuses

    assert together([says_nothing, is_slow, stays]) == [408, 401, [200] * 3]
    assert not [e for e in server.events("deny") if "ended" in e["reason"]]


@pytest.mark.slow
@pytest.mark.parametrize("channel", ["http", "ssh"])
def test_the_time_is_over(start, channel):
    """For one whose process does nothing about it: it is stopped."""
    server = start(InitServer)
    port, seconds = (server.port, 15) if channel == "http" else (server.ssh_port, 30)
    with socket.create_connection(("127.0.0.1", port)) as s:
        victims = wait_for(lambda: len(found := server.connections()) >= (1 if channel == "http" else 2) and found, "it is served")
        for pid in victims:
            os.kill(pid, signal.SIGSTOP)
        wait_for(lambda: not server.connections() and is_ended(s), "it is ended", seconds + 30)
    line, = server.events("deny")
    assert line["reason"] == f"no right credential within {seconds} s: the connection is ended"
    assert (line["peer"], line["channel"]) == ("127.0.0.1", channel)


@pytest.mark.slow
def test_a_login_stays(start):
    """One with a command, and one over HTTP, for longer than the time that others have."""
    server = start(InitServer, COMMAND_LOCK="off", FORCE_COMMAND=f"{UNTIL_GO}; echo ok")
    with Client(server) as client:
        client.send(request())
        session = server.start()
        server.wait_event("start", 2)
        time.sleep(32)
        server.go()
        assert client.answer().body == b"ok\n"
        assert session.communicate()[0] == b"ok\n"
    assert not server.events("deny")


# ---- who says that he is known ----

def test_one_that_says_it_falsely(start):
    """It has what those with a credential have, and no more: a place of MAX_CONNECTIONS_PER_ADDRESS."""
    server = start(NetServer, MAX_CONNECTIONS_PER_ADDRESS="1", COMMAND_LOCK="off", SSH_PORT="off", SPARE="0")
    with server.at(STRANGER) as liar, server.at(PERSON) as person:
        victim, = wait_for(lambda: len(found := served(server)) == 2 and [p for p in found if is_of(p, STRANGER)], "they are served")
        with steal(victim, 3) as link:
            link.sendall(b"k")
            wait_for(lambda: server.at(STRANGER).answer().status == 503, "it is known")
            line = server.events("deny")[-1]
            assert line["reason"].startswith("MAX_CONNECTIONS_PER_ADDRESS: as many connections are open")
            with pytest.raises(ConnectionError):
                for _ in range(10000):
                    link.sendall(b"k" * 1000)  # it is not listened to any more
        assert person.send(request()).answer().status == 200
        assert liar.send(request()).answer().status == 200


def is_of(pid, source):
    return f"TCPREMOTEIP={source}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")


# ---- sources that keep failing ----

def test_failing_ones_wait(start):
    """And only those: somebody else who comes later is served before, and the one who waits is served too."""
    server = start(NetServer, COMMAND_LOCK="off", FORCE_COMMAND="echo $BASTION_PEER >>$T/runs", SSH_PORT="off")
    assert [client.answer().status for client in [server.at(STRANGER).send(WRONG) for _ in range(8)]] == [401] * 8
    wait_for(lambda: not served(server), "they are gone")
    with server.at(STRANGER) as waits, server.at(PERSON) as person:
        waits.send(request())
        assert person.send(request(close=True)).answer().status == 200
        assert server.lines() == [PERSON]
        assert waits.answer().status == 200
        # Others with that address may fail as long as somebody there has a credential, and what they owe is forgiven.
        with server.at(STRANGER) as same:
            same.send(request())
            assert same.answer().status == 200
    assert not server.events("fault")


def test_the_health_check_never_waits(start):
    server = start(InitServer, COMMAND_LOCK="off")
    for _ in range(3):
        assert {a.status for a in together([lambda: ask(server, auth="Authorization: Bearer wrong")] * 8)} == {401}
    assert server.execute("/bin/bastion", "health").returncode == 0
    assert ask(server).status == 200


# ---- networks of IPv6 ----

def test_one_network_of_many_addresses(start):
    """Each connection from another network of 64 bits of one of 48."""
    server = start(NetServer, MAX_CONNECTIONS_PER_ADDRESS="4", COMMAND_LOCK="off", SSH_PORT="off")
    held = [server.connect(f"2001:db8:7:{n:x}::1") for n in range(0, 0x4000, 0x100)]
    with server.at("2001:db8:8::1") as client:
        assert client.send(request()).answer().status == 200
        wait_for(lambda: len(served(server)) == 1 + 12, "as many are served as may be, of those who wait, too")
    for s in held:
        s.close()
    wait_for(lambda: not served(server), "they are gone")


# ---- the log ----

def test_the_log_of_many_refusals(start):
    """A few lines, and all the others counted."""
    server = start(NetServer, MAX_CONNECTIONS_PER_ADDRESS="2", COMMAND_LOCK="off", SSH_PORT="off")
    held = [server.at(STRANGER).send(request()) for _ in range(2)]
    assert [client.answer().status for client in held] == [200] * 2
    for _ in range(150):
        with server.at(STRANGER) as client:
            assert client.answer().status == 503
    wait_for(lambda: len(server.events("deny", peer=STRANGER)) + left_out(server.events("deny")) == 150, "each has a line, or is counted")
    assert len(server.events("deny")) < 40
    for client in held:
        client.__exit__()


# ---- what is left ----

@pytest.mark.slow
def test_500_mixed_connections(start):
    """And then there is as much room as there was at first, to the last place."""
    server = start(NetServer, MAX_CONNECTIONS="12", MAX_CONNECTIONS_PER_ADDRESS="8", COMMAND_LOCK="off")
    server.wait_rest()
    before = descriptors(server)

    def mixed(first):
        for n in range(first, 500, 4):
            source = f"198.51.100.{n % 50 + 10}"
            port = server.ssh_port if n % 5 == 0 else server.port
            with server.connect(source, port) as s:
                if n % 5 in (1, 2):
                    s.sendall(request(close=True) if n % 5 == 1 else WRONG)
                    wait_for(lambda: is_ended(s), "its answer")
                elif n % 5 == 3:
                    s.sendall(b"nonsense\r\n")

    together([lambda first=first: mixed(first) for first in range(4)])
    server.wait_rest()
    wait_for(lambda: descriptors(server) == before, "and nothing of theirs is left")
    held = [server.at(PERSON).send(request()) for _ in range(8)] + [server.at("198.51.100.9").send(request()) for _ in range(4)]
    assert [client.answer().status for client in held] == [200] * 12
    with server.at("198.51.100.5") as client:
        assert client.answer().status == 503
    for client in held:
        client.__exit__()
