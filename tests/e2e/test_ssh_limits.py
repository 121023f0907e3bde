"""Keys with from="..." and expiry-time="..." (bastion(8), SSH): they count where and as long as they say, and what a client is told of one
that does not is what it would be told of a key that nobody knows."""
import time
from datetime import datetime, timedelta, timezone

import pytest
from check_harness import look
from harness import together
from init_harness import InitServer
from ssh_harness import ALICE, KEYS, MALLORY, SshServer, Terminal, fingerprint, make_key, public

pytestmark = pytest.mark.root

BOB = make_key(KEYS, "bob-of-limits")
CAROL = make_key(KEYS, "carol-of-limits")
DIR = "/etc/bastion/users.d"


def at(**delta):
    """A time from now, as the option has it in UTC."""
    return (datetime.now(timezone.utc) + timedelta(**delta)).strftime("%Y%m%d%H%M%SZ")


def begin(start, *lines, kind=SshServer, **options):
    """A server that knows Alice, and Bob by these options, a line each."""
    server = start(kind, **{"FORCE_COMMAND": 'echo x >>$T/runs; printf %s "$BASTION_USER"', "COMMAND_LOCK": "off", **options})
    write(server, *lines)
    return server


def write(server, *lines):
    (server.users / "bob.pub").write_text("".join(f"{line} {public(BOB)}" for line in lines))


def is_let_in(server, key=BOB, peer="127.0.0.1", more=()):
    done = server.ssh(key=key, options=[*(["-b", peer] if peer else []), *more])
    assert done.returncode in (0, 255), done
    return done.returncode == 0


def reasons(server):
    server.settle()
    return [event["reason"] for event in server.events("login", verdict="deny")]


# ---- from ----

@pytest.mark.parametrize("value, peers", [
    ("127.0.0.1", {"127.0.0.1": True, "127.0.0.2": False}),
    ("127.0.0.0/30", {"127.0.0.3": True, "127.0.0.4": False}),
    ("127.0.0.0/30,!127.0.0.2", {"127.0.0.1": True, "127.0.0.2": False}),
    ("!127.0.0.2,127.0.0.*", {"127.0.0.1": True, "127.0.0.2": False, "127.0.1.1": False}),
    ("127.0.0.?", {"127.0.0.9": True, "127.0.0.10": False}),
    ("*,!127.0.0.2", {"127.0.0.1": True, "127.0.0.2": False}),
    ("192.0.2.0/24,::1", {"127.0.0.1": False}),
    ("::ffff:127.0.0.2", {"127.0.0.2": True, "127.0.0.1": False}),
])
def test_from(start, value, peers):
    server = begin(start, f'from="{value}"')
    assert {peer: is_let_in(server, peer=peer) for peer in peers} == peers
    assert is_let_in(server, ALICE, peer=next(iter(peers)))
    wrong = f"no key that is let in: ssh-ed25519 {fingerprint(BOB)} of bob, which does not count from this address"
    assert reasons(server) == [wrong] * list(peers.values()).count(False)
    assert [e["peer"] for e in server.events("login", verdict="deny")] == [peer for peer, good in peers.items() if not good]
    assert not server.faults() and server.runs() == 1 + list(peers.values()).count(True)


@pytest.mark.parametrize("value, good", [("::1", True), ("::/127", True), ("::*", True), ("::2", False), ("0.0.0.0/0", False), ("!::1,*", False)])
def test_from_by_ipv6(start, value, good):
    server = begin(start, f'from="{value}"', kind=InitServer, address="::1")
    server.host = "::1"
    assert is_let_in(server, peer=None) == good
    assert is_let_in(server, ALICE, peer=None)


# ---- expiry-time ----

@pytest.mark.parametrize("value, good", [
    (24, True), (1, True), (-24, False), (-1, False), ("20991231", True), ("20200229", False),
    ("209912312359", True), ("20991231235959", True), ("20991231UTC", True), ("20200229235959Z", False),
])
def test_expiry(start, value, good):
    """A number: hours from now."""
    value = value if isinstance(value, str) else at(hours=value)
    server = begin(start, f'expiry-time="{value}"')
    assert is_let_in(server) == good and is_let_in(server, ALICE)
    wrong = reasons(server)
    assert len(wrong) == 1 - good and not server.faults()
    assert good or wrong[0].startswith(f"no key that is let in: ssh-ed25519 {fingerprint(BOB)} of bob, which has expired at {value[:4]}-{value[4:6]}-{value[6:8]}T")


def test_the_earliest_counts(start):
    server = begin(start, f'expiry-time="{at(days=1)}",expiry-time="{at(days=-1)}",expiry-time="20991231"')
    assert not is_let_in(server)


def test_local_time(start):
    """Without Z it is the time that the machine shows; here one ahead of UTC by five hours, and one behind."""
    value = at(hours=1)[:-1]
    for zone, good in (("EAST-5", False), ("WEST+5", True), ("UTC", True)):
        server = begin(start, f'expiry-time="{value}"', env={"TZ": zone})
        assert is_let_in(server) == good, zone


def test_it_expires(start):
    """While the server runs; a session that has begun goes on."""
    ends = datetime.now(timezone.utc) + timedelta(seconds=4)
    server = begin(start, f'expiry-time="{ends.strftime("%Y%m%d%H%M%SZ")}"', FORCE_COMMAND="echo begun; read line; echo $line")
    session = server.start(key=BOB)
    assert session.stdout.readline() == b"begun\n"
    while time.time() < ends.timestamp() + 1:
        time.sleep(0.1)
    assert not is_let_in(server)
    assert session.communicate(b"on\n")[0] == b"on\n" and session.returncode == 0


# ---- together, and beside others ----

def test_both_have_to_hold(start):
    server = begin(start, f'from="127.0.0.1",no-user-rc,expiry-time="{at(days=1)}",no-pty')
    assert is_let_in(server) and not is_let_in(server, peer="127.0.0.2")
    session = Terminal(server, key=BOB)
    session.read_until(b"bastion: this key may have no terminal")
    session.close()
    write(server, f'from="127.0.0.1",expiry-time="{at(days=-1)}"')
    assert not is_let_in(server)


def test_another_line_of_the_same_key(start):
    """As for sshd: the first line whose limits hold. Without limits it is for all, and what stands behind it does not count."""
    server = begin(start, 'from="127.0.0.2",no-pty', f'expiry-time="{at(days=-1)}"', 'from="127.0.0.3"')
    (server.etc / "authorized_keys.repo").write_text(f'from="127.0.0.4" {public(BOB)}')
    assert [is_let_in(server, peer=f"127.0.0.{n}") for n in range(1, 5)] == [False, True, True, True]
    assert server.ssh(key=BOB, options=["-tt", "-b", "127.0.0.2"]).returncode == 126
    assert server.ssh(key=BOB, options=["-tt", "-b", "127.0.0.3"]).returncode == 0
    write(server, "no-pty", 'from="127.0.0.3"')
    assert server.ssh(key=BOB, options=["-tt", "-b", "127.0.0.3"]).returncode == 126


def test_the_client_learns_nothing(start):
    """What it is told, and in which messages, is what it would be told of a key that is not there."""
    def seen():
        done = server.ssh(key=BOB, options=["-v", "-o", "LogLevel=DEBUG1"])
        lines = done.stderr.decode().splitlines()
        return done.returncode, [line for line in lines if "uthentic" in line or "Offering" in line or "denied" in line or "closed" in line]

    server = begin(start, 'from="192.0.2.1"')
    elsewhere = seen()
    write(server, f'expiry-time="{at(days=-1)}"')
    expired = seen()
    (server.users / "bob.pub").unlink()
    unknown = seen()
    assert elsewhere == expired == unknown and any("Permission denied" in line for line in unknown[1])
    assert len(reasons(server)) == len(set(reasons(server))) == 3


def test_a_second_key_is_taken(start):
    server = begin(start, 'from="192.0.2.1"')
    done = server.ssh(key=BOB, options=["-i", str(MALLORY), "-i", str(BOB), "-i", str(ALICE)])
    assert (done.returncode, done.stdout) == (0, b"alice")
    done = server.ssh(key=MALLORY, options=["-i", str(BOB)])
    assert done.returncode == 255
    shown = reasons(server)[-1].removeprefix("no key that is let in: ").split(", ssh-")
    assert sorted(part.removeprefix("ssh-") for part in shown) == sorted([
        f"ed25519 {fingerprint(MALLORY)}", f"ed25519 {fingerprint(BOB)} of bob, which does not count from this address"])


def test_logins_at_once_from_two_addresses(start):
    """Each has a list of its own: none takes a key away from another, or lends it."""
    server = begin(start, 'from="127.0.0.1"')
    (server.users / "carol.pub").write_text(f'from="127.0.0.2" {public(CAROL)}')
    asked = [(key, peer) for key in (BOB, CAROL) for peer in ("127.0.0.1", "127.0.0.2")] * 5
    assert together([lambda key=key, peer=peer: is_let_in(server, key, peer) for key, peer in asked]) == [True, False, False, True] * 5


def test_many_keys_with_limits(start):
    """The last of them is found, and named."""
    server = begin(start, alice=False)
    other = public(MALLORY).split()[1]
    lines = [f'from="10.{n // 256}.{n % 256}.0/24" ssh-ed25519 {other[:-4]}{n:04d} k{n}\n' for n in range(1000)]
    (server.users / "bob.pub").write_text("".join(lines) + f'from="127.0.0.2" {public(BOB)}')
    assert is_let_in(server, peer="127.0.0.2") and not is_let_in(server)
    assert reasons(server) == [f"no key that is let in: ssh-ed25519 {fingerprint(BOB)} of bob, which does not count from this address"]


# ---- lines with an error ----

BAD = [
    ('from=""', "from= has an empty entry"),
    ('from="127.0.0.1,"', "from= has an empty entry"),
    ('from="127.0.0.1/8"', "from= has an address with bits beyond those of its network"),
    ('from="127.0.0.0/33"', "from= has a slash without the number of a network's bits behind it"),
    ('from="127.0.0.0/255.0.0.0"', "from= has a slash without the number of a network's bits behind it"),
    ('from="localhost"', "from= has an entry that is no address and no network"),
    ('from="127.0.0.1, 127.0.0.2"', "from= has an entry that is no address and no network"),
    ('from="*.example.com"', "from= has a pattern that no address matches"),
    ('from="*,!*.example.com"', "from= has a pattern that no address matches"),
    ('from="!192.0.2.1"', "from= keeps some out and lets nobody in"),
    ('from="127.0.0.1",from="127.0.0.1"', "has from= twice"),
    ('expiry-time="20270230"', "expiry-time= is no date: YYYYMMDD[HHMM[SS]], with Z behind it for UTC"),
    ('expiry-time="2099-12-31"', "expiry-time= is no date: YYYYMMDD[HHMM[SS]], with Z behind it for UTC"),
    ('expiry-time="+1d"', "expiry-time= is no date: YYYYMMDD[HHMM[SS]], with Z behind it for UTC"),
    ('expiry-time=""', "expiry-time= is no date: YYYYMMDD[HHMM[SS]], with Z behind it for UTC"),
    (",".join(['expiry-time="20991231"'] * 5), "has expiry-time= too often"),
    ('from="127.0.0.1",command="id"', "has an option that is not obeyed here"),
    ('from="127.0.0.\\"1"', "has an option that is not obeyed here"),
]


def test_lines_with_an_error(start):
    """Each is unusable, and named with its line, once; the key behind them works."""
    server = begin(start)
    (server.users / "mallory.pub").write_text("".join(f"{option} {public(MALLORY)}" for option, _ in BAD) + f'from="127.0.0.1" {public(BOB)}')
    (server.users / "bob.pub").unlink()
    for _ in range(2):
        assert [is_let_in(server, key) for key in (MALLORY, BOB, ALICE)] == [False, True, True]
    assert server.faults() == [f"{DIR}/mallory.pub:{n}: {wrong}" for n, (_, wrong) in enumerate(BAD, 1)]
    assert reasons(server) == [f"no key that is let in: ssh-ed25519 {fingerprint(MALLORY)}"] * 2


# ---- bastion check ----

def test_check_shows_them():
    found = look(files={"users.d/alice.pub": f'from="192.0.2.*,!192.0.2.1",no-pty,expiry-time="20991231Z" {public(ALICE)}',
                        "users.d/bob.pub": f'expiry-time="20200229120000Z" {public(BOB)}'})
    assert found.code == 0
    assert found.lines("key") == [f'256 {fingerprint(ALICE)} "alice" no-pty until 2099-12-31T00:00:00Z from 192.0.2.*,!192.0.2.1  ({DIR}/alice.pub:1)',
                                  f'256 {fingerprint(BOB)} "bob" until 2020-02-29T12:00:00Z  ({DIR}/bob.pub:1)']
    assert f"({DIR}/bob.pub:1)\n  warning: it has expired\n" in found.out


def test_check_names_a_line_with_an_error():
    found = look(files={"users.d/alice.pub": public(ALICE), "users.d/bob.pub": f'from="192.0.2.1/24" {public(BOB)}'})
    assert (found.code, found.faults) == (78, [f"{DIR}/bob.pub:1: from= has an address with bits beyond those of its network"])
