"""The modes of a terminal (RFC 4254, section 8): what the client's terminal does, the command's does too."""
import asyncio
import os
import subprocess
import warnings

import pytest

from harness import PATIENCE
from ssh_harness import ALICE, SshServer, Terminal

with warnings.catch_warnings(action="ignore"):
    import asyncssh
    import asyncssh.channel

pytestmark = pytest.mark.root

# The opcodes of the RFC, and of RFC 8160 for IUTF8, by stty's names.
CHARACTERS = {"intr": 1, "quit": 2, "erase": 3, "kill": 4, "eof": 5, "eol": 6, "eol2": 7, "start": 8, "stop": 9, "susp": 10, "rprnt": 12, "werase": 13, "lnext": 14, "discard": 18}
FLAGS = {"ignpar": 30, "parmrk": 31, "inpck": 32, "istrip": 33, "inlcr": 34, "igncr": 35, "icrnl": 36, "iuclc": 37, "ixon": 38, "ixany": 39, "ixoff": 40, "imaxbel": 41, "iutf8": 42,
         "isig": 50, "icanon": 51, "xcase": 52, "echo": 53, "echoe": 54, "echok": 55, "echonl": 56, "noflsh": 57, "tostop": 58, "iexten": 59, "echoctl": 60, "echoke": 61,
         "opost": 70, "olcuc": 71, "onlcr": 72, "ocrnl": 73, "onocr": 74, "onlret": 75, "parenb": 92, "parodd": 93}


def settings_of(output):
    """stty -a's words: flags with their sign, and characters with their values."""
    text = output.decode().replace("\r", "")
    words = {word for line in text.splitlines() if "=" not in line for word in line.split()}
    characters = dict(part.split(" = ") for part in text.replace("\n", " ").split("; ") if " = " in part)
    return words, {name.split()[-1]: value.strip() for name, value in characters.items()}


def ask(server, modes):
    async def talk():
        async with asyncssh.connect(server.host, server.port, username="agent", client_keys=[str(ALICE)], known_hosts=None, config=None, agent_path=None) as connection:
            done = await connection.run("x", term_type="xterm", term_size=(80, 24), term_modes=modes, encoding=None)
            return done.stdout

    return asyncio.run(asyncio.wait_for(talk(), PATIENCE))


@pytest.fixture(scope="module")
def stty(start_once):
    return start_once(SshServer, FORCE_COMMAND="stty -a", COMMAND_LOCK="off")


@pytest.mark.parametrize("on", [True, False])
def test_every_flag(stty, on):
    """But for what would change the answer's own letters, and for parity, which Linux's pseudoterminals don't have."""
    flags = {name: code for name, code in FLAGS.items() if name not in ("olcuc", "xcase", "opost", "onlcr", "ocrnl", "onlret", "onocr", "parenb")}
    words, _ = settings_of(ask(stty, {code: int(on) for code in flags.values()}))
    assert [name for name in flags if (name if on else f"-{name}") not in words] == []


@pytest.mark.parametrize("name", ["opost", "onlcr", "ocrnl", "onlret", "onocr", "olcuc"])
def test_output_flags(stty, name):
    for on in (1, 0):
        words, _ = settings_of(ask(stty, {FLAGS[name]: on}).lower())
        assert (name if on else f"-{name}") in words


def test_every_character(stty):
    codes = {name: 65 + i for i, name in enumerate(CHARACTERS)}
    _, characters = settings_of(ask(stty, {CHARACTERS[name]: code for name, code in codes.items()}))
    assert {name: characters.get(name) for name in CHARACTERS} == {name: chr(code) for name, code in codes.items()}


def test_a_character_that_is_switched_off(stty):
    _, characters = settings_of(ask(stty, {CHARACTERS["intr"]: 255, CHARACTERS["eof"]: 255}))
    assert (characters["intr"], characters["eof"]) == ("<undef>", "<undef>")


@pytest.mark.parametrize("speed", [50, 300, 9600, 38400, 115200, 921600])
def test_speed(stty, speed):
    assert b"speed %d baud" % speed in ask(stty, {128: speed, 129: speed})


@pytest.mark.parametrize("size, code", [("cs7", 90), ("cs8", 91)])
def test_size_of_characters(stty, size, code):
    """A pseudoterminal of Linux knows eight bits only."""
    words, _ = settings_of(ask(stty, {code: 1}))
    assert "cs8" in words


@pytest.mark.parametrize("encoded", [
    b"", b"\0", b"\x03", b"\x03\0\0\0", b"\x03\0\0\0\x08\x35", b"\xa0\0\0\0\x08" + b"\x03\0\0\0\x41\0", b"\xff" * 1000, b"\0\x03\0\0\0\x41", b"\x9f" + b"\xff" * 4,
    b"\x0b\0\0\0\x01\x0f\0\0\0\x01\x11\0\0\0\x01\x7f\xff\xff\xff\xff\0", b"\x80\xff\xff\xff\xff\x81\0\0\0\x01\0", b"\x35\0\0\0\0" * 6000, bytes(range(256)) * 40,
], ids=lambda b: b[:8].hex() or "none")
def test_modes_that_make_no_sense(stty, monkeypatch, encoded):
    """What can be read of them counts, to the first that can't; the session is there in any case."""
    make = asyncssh.channel.SSHClientChannel._make_request

    async def with_other_modes(self, name, *arguments):
        if name == b"pty-req":
            arguments = (*arguments[:-1], asyncssh.packet.String(encoded))
        return await make(self, name, *arguments)

    monkeypatch.setattr(asyncssh.channel.SSHClientChannel, "_make_request", with_other_modes)
    _, characters = settings_of(ask(stty, {}))
    assert characters["erase"] in ("^H" if encoded.startswith(b"\x03\0\0\0\x08") else "^?", chr(2))


# ---- what people see of it ----

class SetUp(Terminal):
    """With the client's own terminal as `stty` sets it up."""

    def __init__(self, server, *stty):
        openpty = os.openpty

        def prepared():
            master, slave = openpty()
            subprocess.run(["stty", *stty], stdin=slave, check=True)
            return master, slave

        os.openpty = prepared
        try:
            super().__init__(server)
        finally:
            os.openpty = openpty


@pytest.fixture
def editing(start):
    """Prints the bytes of a line."""
    return start(SshServer, FORCE_COMMAND="echo ready; read -r line; printf %s \"$line\" | od -An -tx1; echo end")


@pytest.mark.parametrize("stty, typed, got", [
    (["iutf8"], "ö\x7fk\r".encode(), b"6b"),
    (["-iutf8"], "ö\x7fk\r".encode(), b"c3 6b"),
    (["iutf8"], "a漢\x7f\x7fk\r".encode(), b"6b"),
    (["erase", "^H"], b"ab\x08k\r", b"61 6b"),
    (["kill", "^X"], b"abc\x18k\r", b"6b"),
    (["werase", "^B"], b"abc def\x02k\r", b"61 62 63 20 6b"),
    (["eof", "^B"], b"abc\x02\x02", b"61 62 63"),
])
def test_editing_a_line(editing, stty, typed, got):
    terminal = SetUp(editing, *stty)
    terminal.read_until(b"ready")
    terminal.send(typed)
    assert terminal.read_until(b"end\r\n").split(b"\r\n")[-3].split(b" ", 1)[1] == got
    assert terminal.wait() == 0
    terminal.close()


def test_what_is_typed_is_not_shown(start):
    """A client that has switched its echo off, for a password."""
    server = start(SshServer, FORCE_COMMAND="read -r word; echo got ${#word}; echo end")

    async def talk():
        async with asyncssh.connect(server.host, server.port, username="agent", client_keys=[str(ALICE)], known_hosts=None, config=None, agent_path=None) as connection:
            process = await connection.create_process("x", term_type="xterm", term_size=(80, 24), term_modes={asyncssh.PTY_ECHO: 0}, encoding=None)
            process.stdin.write(b"secret\n")
            return (await process.wait()).stdout

    assert asyncio.run(asyncio.wait_for(talk(), PATIENCE)) == b"got 6\r\nend\r\n"


def test_an_interrupt_of_the_clients_own(start):
    server = start(SshServer, FORCE_COMMAND="trap 'echo caught; exit 9' INT; echo ready; while :; do read -r x; done")
    terminal = SetUp(server, "intr", "^G")
    terminal.read_until(b"ready")
    terminal.send(b"\x07")
    terminal.read_until(b"caught")
    assert terminal.wait() == 9
    terminal.close()


def test_the_size_is_there_from_the_start(start):
    """Not only once the session is under way."""
    server = start(SshServer, FORCE_COMMAND="stty size", COMMAND_LOCK="off")
    for _ in range(5):
        terminal = Terminal(server, size=(31, 97))
        assert b"31 97\r\n" in terminal.read_until(b"97\r\n")
        terminal.wait()
        terminal.close()
