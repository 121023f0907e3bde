"""A front that is taken over, as its monitor sees it: every message at every wrong moment. The front is a double (hostile/puppet.c)
that does what the test says; the monitor is the shipped one."""
import contextlib
import hmac
import os
import re
import struct
import time
from pathlib import Path

import pytest
from harness import BASTION, TOKEN, UNTIL_GO, Client, Server, ask, wait_for
from test_hostile import double
from test_tls_isolation import holds

READY, ADMITTED, DENIED, REFUSED, STARTED, ENDING, ENDED, NOTED, HELLO, LOGIN, RUN, COUNT, REFUSAL, SLOW, HOOK, BODY, VERIFY, VALUE, TAKEN, FORWARDED, RUNS, FOLLOW, RECORD = range(1, 24)
MERGED, MERGED_INPUT, STREAMS, TERMINAL = range(4)
FIXED, TEXT, REFUSAL_TEXT = 40, 32768, 256  # bytes: of each message, of the longest text, of that of a REFUSAL
FAULT = "the process that parses what the client sends has said what it may not"
CREDENTIAL = f"Bearer {TOKEN}".encode()


def message(kind, text=b"", body=b""):
    return struct.pack("=I4x32s", kind, body) + text


def run(form=MERGED, request=None, variables=b"", length=None, leads=0, has_request=None, way=0):
    n = len(request or b"") if length is None else length
    has = request is not None if has_request is None else has_request
    return message(RUN, (request or b"") + variables, struct.pack("=BBBBI", form, has, leads, way, n))


def follow(name=b"0" * 16, what=0):
    return message(FOLLOW, name, struct.pack("=B", what))


def login(requested=None, credential=CREDENTIAL, may_run=1, length=None, has_request=None):
    """A LOGIN with a RUN in it."""
    n = len(requested or b"") if length is None else length
    has = requested is not None if has_request is None else has_request
    return message(LOGIN, (requested or b"") + credential, struct.pack("=BBxxI", may_run, has, n))


class Puppet:
    """What is said to a double, by two functions that carry bytes."""

    def __init__(self, write, read):
        self.write, self.read = write, read

    def whole(self, n):
        """That many bytes, or None where the double was ended before it had said them all."""
        try:
            data = self.read(n)
        except ConnectionResetError:  # it ended before it had read all that was sent
            return None
        return data if len(data) == n else None

    def numbers(self, n):
        data = self.whole(4 * n)
        return data and struct.unpack(f"={n}I", data)

    def send(self, packet, count=1, fds=0, letter=b"s"):
        """How many were taken, and the errno of what was not; None where the double is gone."""
        self.write(letter + struct.pack("=III", count, fds, len(packet)) + packet)
        return self.numbers(2)

    def receive(self):
        """The next message's kind, or None where the monitor is gone."""
        self.write(b"r")
        length = self.numbers(1)
        if length is None or length == (0xffffffff,):
            return None
        packet = self.whole(length[0])
        return packet and struct.unpack("=I", packet[:4])[0]

    def expect(self, *kinds):
        for kind in kinds:
            assert self.receive() == kind

    def log_in(self):
        self.expect(READY)
        self.send(message(LOGIN, CREDENTIAL))
        self.expect(ADMITTED)


@contextlib.contextmanager
def puppet(server):
    with Client(server) as client:
        made = Puppet(client.send, client.file.read)
        made.client = client
        yield made


class TakenOver(Server):
    def __init__(self, double, **options):
        self.double = double
        super().__init__(program=(double, "http"), **options)

    def connections(self):
        return self.processes(self.double, "http")


@pytest.fixture(scope="module")
def taken_over():
    return double("puppet", "front_wait_ready")


def is_ended(server, connection):
    """The monitor ends, and the front with it, whatever it does; with one line."""
    assert connection.receive() is None
    with contextlib.suppress(ConnectionError):
        assert connection.client.is_closed()


KINDS = [0, *range(READY, RECORD + 2), 1 << 31]


def lengths(kind):
    """Packets of each wrong length, and of each right one that may not come now."""
    whole = message(kind)
    yield from ([whole[:n] for n in (1, FIXED - 1)] + [message(kind, b"x" * n) for n in (TEXT + 1, 3 * TEXT)])
    if kind not in (LOGIN, REFUSAL):
        yield from (whole, message(kind, b"x"), message(kind, b"\0" * TEXT))
    if kind == REFUSAL:
        yield message(kind, b"x" * (REFUSAL_TEXT + 1))


@pytest.mark.slow
@pytest.mark.parametrize("logged_in", [False, True], ids=["stranger", "known"])
def test_messages(start, taken_over, logged_in):
    """Out of turn, or of a wrong length: one fault each, and nothing runs."""
    server, count = start(TakenOver, double=taken_over), 0
    for kind in KINDS:
        for packet in lengths(kind):
            if logged_in and kind == RUN and FIXED <= len(packet) <= FIXED + TEXT and packet[8:] == message(RUN)[8:]:
                continue  # that is one
            if logged_in and packet == message(RUNS):
                continue  # who is known may ask which runs there are
            with puppet(server) as p:
                p.log_in() if logged_in else p.expect(READY)
                p.send(packet)
                is_ended(server, p)
                count += 1
    server.settle()
    assert [e["reason"] for e in server.events("fault")] == [FAULT] * count and count > 60
    assert server.events("start") == [] and server.runs() == 0


@pytest.mark.slow
def test_messages_in_a_run(start, taken_over):
    """The same while a command runs, which gets the line of its end. What the front may say then is COUNT, once; and SLOW, a minute after the start."""
    server, count = start(TakenOver, double=taken_over, COMMAND_LOCK="off", ON_DISCONNECT="hangup"), 0
    for kind in KINDS:
        for packet in [*lengths(kind)] if kind not in (LOGIN, REFUSAL) else [message(kind)]:
            if kind == COUNT and packet == message(COUNT):
                continue
            with puppet(server) as p:
                p.log_in()
                p.send(run())
                p.expect(STARTED)
                p.send(packet)
                while p.receive() is not None:
                    pass
                count += 1
    for body in (struct.pack("=q", -1), struct.pack("=q", (1 << 63) - 1), struct.pack("=q", (1 << 60) + 1)):
        with puppet(server) as p:
            p.log_in()
            p.send(run())
            p.expect(STARTED)
            p.send(message(COUNT, body=body))
            while p.receive() is not None:
                pass
            count += 1
    server.settle()
    assert [e["reason"] for e in server.events("fault")] == [FAULT] * count and count > 60
    assert len(server.events("start")) == len(server.events("end")) == count


def test_count_twice(start, taken_over):
    server = start(TakenOver, double=taken_over, FORCE_COMMAND=f"echo x >>$T/runs; {UNTIL_GO}")
    with puppet(server) as p:
        p.log_in()
        p.send(run())
        p.expect(STARTED)
        p.send(message(COUNT, body=struct.pack("=q", 7)), count=2)
        assert p.receive() is None
        server.go()
    server.settle()
    assert len(server.events("end")) == 1 and [e["reason"] for e in server.events("fault")] == [FAULT]


def test_login_that_runs(start, taken_over):
    """A right credential runs the command, once; a wrong one nothing."""
    server = start(TakenOver, double=taken_over)
    with puppet(server) as p:
        p.expect(READY)
        p.send(login())
        p.expect(ADMITTED, STARTED)
        assert p.receive() in (ENDING, ENDED)
    assert server.wait_event("end")[0]["exit"] == 0
    for again in (run(), message(COUNT)):  # it was not admitted to anything else
        with puppet(server) as p:
            p.expect(READY)
            p.send(login(credential=b"Bearer wrong"))
            p.expect(DENIED)
            p.send(again)
            is_ended(server, p)
    server.settle()
    assert server.runs() == 1 and [e["reason"] for e in server.events("fault")] == [FAULT] * 2


def test_login_of_a_broker_that_runs(start, taken_over):
    """What is asked for is judged by the rules; where nothing is, nothing runs by itself."""
    server = start(TakenOver, double=taken_over, FORCE_COMMAND=None, ALLOWED_COMMANDS="echo [a-z]+")
    for requested, answer in ((b"echo ok", STARTED), (b"echo 1", REFUSED), (b"", REFUSED), (None, None)):
        with puppet(server) as p:
            p.expect(READY)
            p.send(login(requested))
            p.expect(ADMITTED)
            if answer is None:
                p.send(run(request=b"echo ok"))
            p.expect(answer or STARTED)
    server.settle()
    assert len(server.events("start")) == 2 and len(server.events("deny")) == 2 and server.events("fault") == []


@pytest.mark.parametrize("packet", [login(length=len(CREDENTIAL) + 1, has_request=1), login(length=1 << 31, has_request=1), login(may_run=2), login(b"x", has_request=2),
                                    login(b"x", may_run=0), login(b"x", has_request=0)],
                         ids=["longer than all", "much longer", "may_run", "has_request", "a request that may not run", "a request that there is not"])
def test_unsound_logins(start, taken_over, packet):
    server = start(TakenOver, double=taken_over)
    with puppet(server) as p:
        p.expect(READY)
        p.send(packet)
        is_ended(server, p)
    server.settle()
    assert [e["reason"] for e in server.events("fault")] == [FAULT] and server.events("start") == []


@pytest.mark.parametrize("form, fds, variables", [(MERGED_INPUT, 0, b""), (STREAMS, 0, b""), (TERMINAL, 0, b""), (TERMINAL, 1, b""), (TERMINAL, 2, b""),
                                                  (4, 0, b""), (255, 1, b""), (MERGED, 1, b""), (MERGED, 0, b"TERM=xterm\0")])
def test_forms(start, taken_over, form, fds, variables):
    """An HTTP client can ask for no terminal, which would be a way past the lock, for no input that the administrator has not allowed, and for
    no variables: nor can its front."""
    server = start(TakenOver, double=taken_over)
    with puppet(server) as p:
        p.log_in()
        p.send(run(form, variables=variables), fds=fds)
        is_ended(server, p)
    server.settle()
    assert [e["reason"] for e in server.events("fault")] == [FAULT] and server.events("start") == []


def test_input_instead_of_none(start, taken_over):
    server = start(TakenOver, double=taken_over, HTTP_STDIN="body")
    with puppet(server) as p:
        p.log_in()
        p.send(run(MERGED))
        is_ended(server, p)
    assert server.events("start") == []


# What may not be said of runs that are kept (bastion(8), RUNS), with the settings, and descriptors that come with it.
UNSOUND = {
    "a path": (follow(b"../runs.b/000000"), {}, 0), "upper case": (follow(b"A" * 16), {}, 0), "too short a name": (follow(b"0" * 15), {}, 0), "too long a one": (follow(b"0" * 17), {}, 0),
    "a NUL": (follow(b"0" * 15 + b"\0"), {}, 0), "no name": (follow(b""), {}, 0), "nothing that can be wanted": (follow(what=4), {}, 0), "a descriptor": (follow(), {}, 1),
    "a list with a text": (message(RUNS, b"0" * 16), {}, 0), "a list with a descriptor": (message(RUNS), {}, 1), "no way to be served": (run(way=8), {}, 0),
    "without its client, and with its input": (run(MERGED_INPUT, way=1), {"HTTP_STDIN": "body"}, 0), "a record": (message(RECORD, b"x" * 400), {}, 0)}


@pytest.mark.parametrize("packet, settings, fds", UNSOUND.values(), ids=UNSOUND)
def test_unsound_of_runs(start, taken_over, packet, settings, fds):
    server = start(TakenOver, double=taken_over, **settings)
    with puppet(server) as p:
        p.log_in()
        p.send(packet, fds=fds)
        is_ended(server, p)
    server.settle()
    assert [e["reason"] for e in server.events("fault")] == [FAULT]
    assert server.events("start") == server.events("list") == server.events("follow") == []


@pytest.mark.parametrize("packet", [follow(), follow(what=3), message(RUNS), run(way=1)], ids=["follow", "kill", "list", "async"])
@pytest.mark.parametrize("before", ["a stranger", "one that was served"])
def test_runs_without_a_credential(start, taken_over, packet, before):
    """Each question takes a credential of its own, as each run does."""
    server = start(TakenOver, double=taken_over)
    with puppet(server) as p:
        if before == "a stranger":
            p.expect(READY)
        else:
            p.log_in()
            p.send(follow())
            p.expect(REFUSED)
        p.send(packet)
        is_ended(server, p)
    server.settle()
    assert server.events("start") == server.events("list") == server.events("follow") == []


@pytest.mark.parametrize("packet", [message(RUNS), follow(), message(LOGIN, b"x"), run()], ids=["list", "follow", "login", "run"])
def test_out_of_turn_while_it_follows(start, taken_over, packet):
    """The front counts as gone then; the run goes on."""
    server = start(TakenOver, double=taken_over, FORCE_COMMAND=f"echo x >>$T/runs; {UNTIL_GO}", COMMAND_LOCK="off")
    with puppet(server) as p:
        p.log_in()
        p.send(run(way=1))
        p.expect(RECORD, ENDED)
        name = server.wait_event("start")[0]["run"].encode()
        p.send(message(LOGIN, CREDENTIAL))
        p.expect(ADMITTED)
        p.send(follow(name))
        p.expect(RECORD, STARTED)
        p.send(packet)
        while p.receive() is not None:
            pass
    wait_for(lambda: server.events("fault"), "a fault")
    assert not server.events("end")
    server.go()
    assert server.wait_event("end")[0]["exit"] == 0


def test_descriptors_of_a_run_that_is_followed(start, taken_over):
    """A front that takes no output, and stays, holds up neither the run nor its keeper; and one that closes its socket ends its monitor."""
    server = start(TakenOver, double=taken_over, FORCE_COMMAND="head -c 3000000 /dev/zero", COMMAND_LOCK="off")
    with puppet(server) as p:
        p.log_in()
        p.send(run(way=2))
        p.expect(RECORD, STARTED)
        assert server.wait_event("end")[0]["bytes"] == 3000000
    server.settle()


@pytest.mark.parametrize("fds", [1, 3, 4, 12, 13, 250])
@pytest.mark.parametrize("kind", [LOGIN, REFUSAL, COUNT])
def test_descriptors(start, taken_over, kind, fds):
    """The socket to the monitor itself among them, which would keep it from seeing the front's end. Nothing of what was sent stays open there."""
    server = start(TakenOver, double=taken_over, FORCE_COMMAND=UNTIL_GO, ON_DISCONNECT="continue", COMMAND_LOCK="off")
    with puppet(server) as p:
        p.log_in()
        if kind == COUNT:
            p.send(run())
            p.expect(STARTED)
            monitor = [pid for pid in server.connections() if os.readlink(f"/proc/{pid}/fd/0") == "/dev/null"]
            before = descriptors(monitor[0])
        p.send(message(kind, CREDENTIAL if kind == LOGIN else b""), fds=fds)
        if kind == COUNT:
            wait_for(lambda: len(descriptors(monitor[0])) < len(before), "the monitor closes its socket")
            assert descriptors(monitor[0]) < before
            server.go()
        is_ended(server, p)
    server.settle()
    assert [e["reason"] for e in server.events("fault")] == [FAULT]
    assert len(server.events("end")) == (kind == COUNT)


def descriptors(pid):
    found = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed since it was listed
            found.add((fd, os.readlink(f"/proc/{pid}/fd/{fd}")))
    return found


def test_nothing_but_descriptors(start, taken_over):
    """A packet without a byte is the end."""
    server = start(TakenOver, double=taken_over, FORCE_COMMAND=UNTIL_GO, ON_DISCONNECT="continue")
    with puppet(server) as p:
        p.log_in()
        p.send(run())
        p.expect(STARTED)
        monitor = [pid for pid in server.connections() if os.readlink(f"/proc/{pid}/fd/0") == "/dev/null"][0]
        before = descriptors(monitor)
        p.send(b"", fds=3)
        wait_for(lambda: len(descriptors(monitor)) < len(before), "the monitor closes its socket")
        assert descriptors(monitor) < before
        server.go()
        server.wait_event("end")


def status(pid, name):
    return re.search(rf"^{name}:[ \t]*(.*)$", Path(f"/proc/{pid}/status").read_text(), re.M)[1]


def test_flood(start, taken_over):
    """Of lines for the log, and of what is not read: the log is bounded, and so is the monitor's memory."""
    server = start(TakenOver, double=taken_over)
    with puppet(server) as p:
        p.log_in()
        monitor = [pid for pid in server.connections() if os.readlink(f"/proc/{pid}/fd/0") == "/dev/null"][0]
        began, sizes = time.monotonic(), []
        for _ in range(20):
            assert p.send(message(REFUSAL, b"x" * REFUSAL_TEXT), count=100) == (100, 0)
            p.expect(*[NOTED] * 100)
            sizes.append(int(status(monitor, "VmRSS").split()[0]))
        seconds = time.monotonic() - began
        assert sizes[-1] - sizes[0] < 256
        assert len(server.events("deny")) <= 5 * (seconds + 2)
        p.send(message(REFUSAL, b"x"), count=1 << 20)  # and nothing is read any more
        while p.receive() is not None:
            pass
    server.settle()
    assert "more were refused since the last such line" in server.events("deny")[-1]["reason"]


def test_dies_in_a_run(start, taken_over):
    server = start(TakenOver, double=taken_over, FORCE_COMMAND=UNTIL_GO, ON_DISCONNECT="continue")
    with puppet(server) as p:
        p.log_in()
        p.send(run())
        p.expect(STARTED)
        p.client.send(b"k")
        assert p.client.is_closed()
        assert server.events("end") == []
        server.go()
        server.wait_event("end", reason="the client went away")
    server.settle()
    assert [e["reason"] for e in server.events("fault")] == ["the process that parses what the client sends ended by signal 4"]


def test_closes_its_socket_in_a_run(start, taken_over):
    """It stays, and so the connection does; the run's end is recorded all the same."""
    server = start(TakenOver, double=taken_over, FORCE_COMMAND="exec sleep 1000", ON_DISCONNECT="hangup")
    with puppet(server) as p:
        p.log_in()
        p.send(run())
        p.expect(STARTED)
        p.client.send(b"ch")
        assert server.wait_event("end")[0]["reason"] == "the client went away"


def test_never_answers(start, taken_over):
    """How much output there was: the line of the end is written without."""
    server = start(TakenOver, double=taken_over)
    with puppet(server) as p:
        p.log_in()
        p.send(run())
        p.client.send(b"h")
        assert "bytes" not in server.wait_event("end")[0]


@pytest.mark.root
@pytest.mark.slow
def test_does_not_outlast_its_time(start):
    """Neither before a right credential nor once it is done, though it tries to stay. In this double time passes 200 times as fast, and what
    it sets an alarm for is a second."""
    hasty = double("puppet", "front_wait_ready", "clock_now", "clock_left", "alarm", defines=("HASTE",))
    server = start(TakenOver, double=hasty)
    with puppet(server) as silent, puppet(server) as done:
        silent.expect(READY)
        silent.client.send(b"h")
        done.log_in()
        done.write(b"c")
        assert done.numbers(1) == (0,)
        done.client.send(b"h")
        assert silent.client.is_closed() and done.client.is_closed()
    server.settle()


# ---- a webhook's delivery: what is unsigned runs nothing, whatever is said in which order ----

SECRET = b"a secret of webhooks"


def claim(body=b"", secret=SECRET, bodies=None, event=b"push", delivery=b"", role=b""):
    """What a front says of a delivery's head (struct hook_claim)."""
    digest = hmac.digest(secret, body, "sha256")
    return message(HOOK, struct.pack("=5B128s256s256s24s32s33s256s128s", 0, 0, 0, 1 if bodies is None else bodies, 0, digest, b"", b"", b"", b"", role, delivery, event))


def value(text=b"refs/heads/main", kind=4):
    return message(VALUE, text, struct.pack("=B", kind))


RUN_HOOK = run()
GOOD = [claim(b"ab"), message(BODY, b"a"), message(BODY, b"b"), message(VERIFY), value(), RUN_HOOK]


def hooked(start, taken_over, **settings):
    return start(TakenOver, double=taken_over, HTTP_TOKEN=None, HOOK_SECRET=SECRET.decode(), HOOK_WHEN=".ref = refs/heads/main", **settings)


def test_hook(start, taken_over):
    """The messages below, in their right order, run the command."""
    server = hooked(start, taken_over)
    with puppet(server) as p:
        p.expect(READY)
        for packet, answers in zip(GOOD, ([ADMITTED], [TAKEN], [TAKEN], [ADMITTED], [TAKEN], [RECORD, STARTED])):
            p.send(packet)
            p.expect(*answers)
        server.wait_event("end", user="hook")


WRONG_ORDERS = {
    "no body": [GOOD[0], RUN_HOOK], "no signature": GOOD[:3] + [RUN_HOOK], "a value of the unsigned": GOOD[:3] + [value()], "a body after the signature": GOOD[:4] + [GOOD[1]],
    "verified twice": GOOD[:4] + [GOOD[3]], "no value": GOOD[:4] + [RUN_HOOK], "two values": GOOD[:5] + [value()], "another delivery's signature": GOOD[:5] + [claim(b"c"), RUN_HOOK],
    "a value of a kind that is none": GOOD[:4] + [value(kind=7)], "too long a value": GOOD[:4] + [value(b"x" * 4097)], "input of its own": GOOD[:5] + [run(MERGED_INPUT)],
    "variables": GOOD[:5] + [run(variables=b"TERM=xterm\0")], "a second run": GOOD + [RUN_HOOK], "a credential between": GOOD[:4] + [message(LOGIN, b"x"), value()],
    "a claim too short": [GOOD[0][:-1]], "more digests than there is room for": [claim(bodies=5), RUN_HOOK], "a text without its end": [claim(event=b"x" * 128), RUN_HOOK],
    "a wrong signature": [claim(b"x"), *GOOD[1:4], RUN_HOOK], "another secret's": [claim(b"ab", secret=b"x"), *GOOD[1:4], RUN_HOOK], "a role without its end": [claim(role=b"x" * 33), RUN_HOOK], "no role's": [claim(b"ab", role=b"nobody"), *GOOD[1:4], RUN_HOOK], "a name that is no role's": [claim(b"ab", role=b"../x"), *GOOD[1:4], RUN_HOOK],
    "a run behind a wrong one": [claim(bodies=0), RUN_HOOK],
}


@pytest.mark.parametrize("packets", WRONG_ORDERS.values(), ids=WRONG_ORDERS)
def test_hook_out_of_order(start, taken_over, packets):
    server = hooked(start, taken_over)
    with puppet(server) as p:
        p.expect(READY)
        for packet in packets:
            p.send(packet)
        while p.receive() is not None:
            pass
        is_ended(server, p)
    server.settle()
    assert [e["reason"] for e in server.events("fault")] == [FAULT]
    assert len(server.events("start")) == (packets[:-1] == GOOD)


def test_hook_too_long(start, taken_over):
    """A body of more than 25 MiB: the monitor counts, too."""
    server = hooked(start, taken_over)
    with puppet(server) as p:
        p.expect(READY)
        p.send(claim())
        p.expect(ADMITTED)
        piece = message(BODY, b"x" * TEXT)
        for _ in range(26214400 // TEXT):
            p.send(piece)
            p.expect(TAKEN)
        p.send(message(BODY, b"x"))
        is_ended(server, p)
    server.settle()
    assert [e["reason"] for e in server.events("fault")] == [FAULT]


def test_others_are_served(start, taken_over):
    """While fronts that are taken over hold connections."""
    server = start(TakenOver, double=taken_over)
    other = start(RUN_DIR=str(server.run_dir))
    with puppet(server) as p:
        p.log_in()
        p.client.send(b"h")
        assert ask(other).status == 200


# ---- what it holds ----

@pytest.mark.root
def test_memory_and_descriptors(start):
    """Of the administrator's neither a secret nor a setting; open is the connection, and what leads to the monitor."""
    words = {"HTTP_TOKEN": "a-secret-of-http", "FORCE_COMMAND": f"echo a-secret-command; {UNTIL_GO}", "PASSWORD": "a-secret-of-others"}
    needles = [b"a-secret-of-http", b"a-secret-command", b"a-secret-of-others"]
    server = start(**words)
    with Client(server):
        pids = wait_for(lambda: len(found := server.processes(BASTION, "http")) == 2 and found, "a front and its monitor")
        front, monitor = sorted(pids, key=lambda pid: status(pid, "Uid"), reverse=True)
        assert wait_for(lambda: status(front, "Seccomp") == "2", "it is confined") and status(front, "Uid").split() == ["65525"] * 4
        assert holds(monitor, needles) >= {*needles[1:]}  # the scan works
        assert holds(front, needles) == set()
        assert Path(f"/proc/{front}/environ").read_bytes().strip(b"\0") == b""
        mine = sorted(name.split(":")[0] for _, name in descriptors(front))
        assert mine == ["socket", "socket", "socket"]
        assert not {name for _, name in descriptors(front)} & {name for fd, name in descriptors(monitor)} - {"/dev/null"}
        assert not [name for _, name in descriptors(monitor) if name.startswith("socket") and fd_peer_is_client(server, name)]


def fd_peer_is_client(server, name):
    inode = name[len("socket:["):-1]
    return any(line.split()[9] == inode for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
