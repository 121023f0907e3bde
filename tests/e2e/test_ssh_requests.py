"""What clients ask for besides their session: keepalives, forwardings, a second session, requests out of order. Each gets the answer
that RFC 4254 has for it, and the session goes on."""
import asyncio
import socket
import warnings

import pytest

from harness import PATIENCE, UNTIL_GO
from ssh_harness import ALICE, SshServer

with warnings.catch_warnings(action="ignore"):
    import asyncssh
    from asyncssh.constants import MSG_CHANNEL_OPEN, MSG_REQUEST_FAILURE, MSG_UNIMPLEMENTED
    from asyncssh.packet import Boolean, String, UInt32

pytestmark = pytest.mark.root

WAITS = f": >$T/started; {UNTIL_GO}; exit 7"


def talk(server, conversation, **options):
    """Runs conversation(connection), which is a coroutine, logged in as alice."""
    async def all_of_it():
        async with asyncssh.connect(server.host, server.port, username="agent", client_keys=[str(ALICE)], known_hosts=None, config=None, agent_path=None,
                                    **options) as connection:
            return await conversation(connection)

    try:
        return asyncio.run(asyncio.wait_for(all_of_it(), PATIENCE))
    except TimeoutError as e:  # which is an OSError too, as a lost connection is
        raise AssertionError(f"it has not come to its end in {PATIENCE} s") from e


class Session(asyncssh.SSHClientSession):
    """Keeps what comes, and how it ends."""

    def __init__(self):
        self.received, self.status, self.ended = b"", None, asyncio.get_running_loop().create_future()

    def data_received(self, data, datatype):
        self.received += data

    def exit_status_received(self, status):
        self.status = status

    def connection_lost(self, error):
        if not self.ended.done():
            self.ended.set_result(error)


async def open_session(connection, command="x", **options):
    return await connection.create_session(Session, command, encoding=None, **options)


async def started(server):
    while not (server.t / "started").exists():
        await asyncio.sleep(0.01)


async def finish(server, session):
    """The command goes on, and its exit code arrives."""
    server.go()
    assert await session.ended is None
    assert session.status == 7


# ---- global requests ----

@pytest.mark.parametrize("name", [b"keepalive@openssh.com", b"keepalive@lag.net", b"hostkeys-prove-00@openssh.com", b"", b"x" * 1000])
def test_a_global_request_is_refused(start, name):
    """Before a channel is open, and in the session."""
    server = start(SshServer, FORCE_COMMAND=WAITS)

    async def conversation(connection):
        for _ in range(5):
            assert (await connection._make_global_request(name))[0] == MSG_REQUEST_FAILURE
        _, session = await open_session(connection)
        await started(server)
        for _ in range(5):
            assert (await connection._make_global_request(name))[0] == MSG_REQUEST_FAILURE
        await finish(server, session)

    talk(server, conversation)


def test_keepalives_do_not_end_the_connection(start):
    """AsyncSSH counts the answers: without them it ends the connection after three."""
    server = start(SshServer, FORCE_COMMAND=WAITS)

    async def conversation(connection):
        answers = 0
        make = connection._make_global_request

        async def counted(*arguments):
            nonlocal answers
            answer = await make(*arguments)
            answers += 1
            return answer

        connection._make_global_request = counted
        _, session = await open_session(connection)
        while answers < 8:
            await asyncio.sleep(0.01)
        await finish(server, session)

    talk(server, conversation, keepalive_interval=0.05)


def test_a_global_request_that_wants_no_answer_gets_none(start):
    server = start(SshServer, FORCE_COMMAND=WAITS)

    async def conversation(connection):
        connection.send_packet(80, String(b"no-more-sessions@openssh.com"), Boolean(False))
        connection.send_packet(80, String(b"x"), Boolean(False), String(b"y"))
        _, session = await open_session(connection)
        await started(server)
        assert (await connection._make_global_request(b"keepalive@openssh.com"))[0] == MSG_REQUEST_FAILURE
        await finish(server, session)

    talk(server, conversation)


def test_an_unknown_message_is_named_by_its_own_number(start):
    """RFC 4253, section 11.4; and an UNIMPLEMENTED is not answered."""
    server = start(SshServer, FORCE_COMMAND=WAITS)

    async def conversation(connection):
        named = asyncio.get_running_loop().create_future()
        handlers = dict(connection._packet_handlers)
        handlers[MSG_UNIMPLEMENTED] = lambda _, __, ___, packet: named.set_result(packet.get_uint32())
        connection._packet_handlers = handlers
        connection.send_packet(MSG_UNIMPLEMENTED, UInt32(0))
        connection.send_packet(192)
        number = connection._send_seq - 1
        assert await named == number
        _, session = await open_session(connection)
        await finish(server, session)

    talk(server, conversation)


# ---- forwardings, and other channels ----

def test_ssh_learns_that_nothing_is_forwarded_to_it(start):
    server = start(SshServer, FORCE_COMMAND="echo x >>$T/runs")
    done = server.ssh(options=["-R", "0:127.0.0.1:1", "-o", "ExitOnForwardFailure=yes"])
    assert done.returncode == 255 and b"remote port forwarding failed" in done.stderr
    server.settle()
    assert server.runs() == 0


def test_ssh_learns_that_nothing_is_forwarded_from_it(start):
    server = start(SshServer)
    with socket.create_server(("127.0.0.1", 0)) as target:
        done = server.ssh(options=["-W", "127.0.0.1:%d" % target.getsockname()[1]])
    assert done.returncode == 255 and b"forwarding failed" in done.stderr


@pytest.mark.parametrize("kind, reason", [(b"direct-tcpip", 1), (b"x11", 1), (b"forwarded-tcpip", 1), (b"session", 1), (b"direct-streamlocal@openssh.com", 3), (b"", 3)])
def test_another_channel_is_refused(start, kind, reason):
    """A second session too. The first goes on."""
    server = start(SshServer, FORCE_COMMAND=WAITS)

    async def conversation(connection):
        _, session = await open_session(connection)
        await started(server)
        channel = asyncssh.channel.SSHTCPChannel(connection, asyncio.get_running_loop(), None, "strict", 2 ** 20, 2 ** 15)
        with pytest.raises(asyncssh.ChannelOpenError) as refusal:
            await channel._open(kind, *(() if kind == b"session" else (String(b"127.0.0.1"), UInt32(80), String(b"127.0.0.1"), UInt32(1))))
        assert refusal.value.code == reason
        await finish(server, session)

    talk(server, conversation)


# ---- requests of the session ----

@pytest.mark.parametrize("name, arguments", [
    (b"exec", (String(b"x"),)), (b"shell", ()), (b"subsystem", (String(b"sftp"),)), (b"env", (String(b"LANG"), String(b"C"))),
    (b"pty-req", (String(b"xterm"), UInt32(80), UInt32(24), UInt32(0), UInt32(0), String(b"\0"))), (b"window-change", (UInt32(80), UInt32(24), UInt32(0), UInt32(0))),
    (b"auth-agent-req@openssh.com", ()), (b"x11-req", (Boolean(False), String(b"x"), String(b"y"), UInt32(0))), (b"keepalive@openssh.com", ()), (b"", ()),
])
def test_a_request_that_comes_too_late_or_is_unknown(start, name, arguments):
    """It is refused, and the session goes on."""
    server = start(SshServer, FORCE_COMMAND=WAITS)

    async def conversation(connection):
        channel, session = await open_session(connection)
        await started(server)
        assert await channel._make_request(name, *arguments) is False
        await finish(server, session)

    talk(server, conversation)


def test_a_second_terminal_is_refused(start):
    server = start(SshServer, FORCE_COMMAND="stty size; exit 7")
    terminal = (String(b"xterm"), UInt32(80), UInt32(24), UInt32(0), UInt32(0), String(b"\0"))

    async def conversation(connection):
        channel = asyncssh.channel.SSHClientChannel(connection, asyncio.get_running_loop(), None, "strict", 2 ** 20, 2 ** 15)
        channel._session = session = Session()
        await channel._open(b"session")
        assert await channel._make_request(b"pty-req", *terminal) is True
        assert await channel._make_request(b"pty-req", *terminal) is False
        assert await channel._make_request(b"exec", String(b"x")) is True
        channel.resume_reading()
        await session.ended
        assert (session.received, session.status) == (b"24 80\r\n", 7)

    talk(server, conversation)


def test_a_type_of_terminal_that_is_too_long_leaves_nothing_open(start):
    """Neither end of a terminal reaches the login shell, which has no terminal then."""
    server = start(SshServer, FORCE_COMMAND="ls -l /proc/$PPID/fd /proc/$$/fd; exit 7")

    async def conversation(connection):
        channel = asyncssh.channel.SSHClientChannel(connection, asyncio.get_running_loop(), None, "strict", 2 ** 20, 2 ** 15)
        channel._session = session = Session()
        await channel._open(b"session")
        for _ in range(3):
            assert await channel._make_request(b"pty-req", String(b"x" * 3000), UInt32(80), UInt32(24), UInt32(0), UInt32(0), String(b"\0")) is False
        assert await channel._make_request(b"exec", String(b"x")) is True
        channel.resume_reading()
        await session.ended
        assert session.status == 7 and b"pts" not in session.received and b"ptmx" not in session.received

    talk(server, conversation)


@pytest.mark.parametrize("message, body", [(98, UInt32(0) + String(b"exec") + Boolean(True) + String(b"x")), (94, UInt32(0) + String(b"x")), (93, UInt32(0) + UInt32(1)),
                                           (96, UInt32(0)), (97, UInt32(0))], ids=["request", "data", "window", "eof", "close"])
def test_nothing_comes_before_a_channel(start, message, body):
    server = start(SshServer)

    async def conversation(connection):
        connection.send_packet(message, body)
        await connection.wait_closed()

    with pytest.raises((asyncssh.Error, OSError)):
        talk(server, conversation)
        raise asyncssh.ConnectionLost("as it should be")
    server.settle()
    assert server.runs() == 0


# ---- the channel's values ----

@pytest.mark.parametrize("packet", [0, 1, 9, 31])
def test_a_channel_whose_packets_hold_nothing_is_refused(start, packet):
    server = start(SshServer)

    async def conversation(connection):
        channel = asyncssh.channel.SSHClientChannel(connection, asyncio.get_running_loop(), None, "strict", 2 ** 20, packet)
        with pytest.raises(asyncssh.ChannelOpenError):
            await channel._open(b"session")

    talk(server, conversation)


@pytest.mark.parametrize("window, packet", [(0, 32768), (1, 32), (100, 40)])
def test_small_windows_and_packets(start, window, packet):
    server = start(SshServer, FORCE_COMMAND="echo abcdefghijklmnopqrstuvwxyz; exit 7")

    async def conversation(connection):
        channel = asyncssh.channel.SSHClientChannel(connection, asyncio.get_running_loop(), None, "strict", window, packet)
        channel._session = session = Session()
        await channel._open(b"session")
        assert await channel._make_request(b"exec", String(b"x")) is True
        channel.resume_reading()
        channel._recv_window += 1000
        channel.send_packet(93, UInt32(1000))
        await session.ended
        assert (session.received, session.status) == (b"abcdefghijklmnopqrstuvwxyz\n", 7)

    talk(server, conversation)


def test_a_window_that_is_never_opened_again(start):
    """All of the output fits exactly: the end is seen all the same."""
    server = start(SshServer, FORCE_COMMAND="echo 1234567; exit 7")

    async def conversation(connection):
        channel = asyncssh.channel.SSHClientChannel(connection, asyncio.get_running_loop(), None, "strict", 8, 32768)
        channel._session = session = Session()
        send = channel.send_packet
        channel.send_packet = lambda kind, *arguments: None if kind == 93 else send(kind, *arguments)
        await channel._open(b"session")
        assert await channel._make_request(b"exec", String(b"x")) is True
        channel.resume_reading()
        await session.ended
        assert (session.received, session.status) == (b"1234567\n", 7)

    talk(server, conversation)


@pytest.mark.parametrize("message", [UInt32(2 ** 32 - 1) * 2, None], ids=["window", "data"])
def test_beyond_the_window(start, message):
    """More window than a number holds, and more data than the server's window: the connection ends."""
    server = start(SshServer, FORCE_COMMAND=WAITS, ON_DISCONNECT="hangup")

    async def conversation(connection):
        channel, session = await open_session(connection)
        await started(server)
        if message:
            channel.send_packet(93, UInt32(2 ** 32 - 1))
        else:
            for _ in range(20):  # more than that and all pipes on the way to a command that reads nothing
                channel.send_packet(94, String(b"x" * 30000))
        await session.ended
        assert session.status is None

    try:
        talk(server, conversation)
    except (asyncssh.Error, OSError):
        pass
    server.settle()
    assert server.events("end")[0]["reason"] == "the client went away"


def test_input_that_ends_before_the_session_starts(start):
    server = start(SshServer, FORCE_COMMAND="cat; exit 7")

    async def conversation(connection):
        channel = asyncssh.channel.SSHClientChannel(connection, asyncio.get_running_loop(), None, "strict", 2 ** 20, 2 ** 15)
        channel._session = session = Session()
        await channel._open(b"session")
        channel.send_packet(96)
        channel.send_packet(96)
        assert await channel._make_request(b"exec", String(b"x")) is True
        channel.resume_reading()
        await session.ended
        assert session.status == 7

    talk(server, conversation)


def test_nothing_is_done_after_the_client_has_said_goodbye(start):
    """SSH_MSG_DISCONNECT, and a session in the same breath."""
    server = start(SshServer)

    async def conversation(connection):
        connection.send_packet(1, UInt32(11), String(b"bye"), String(b""))
        connection.send_packet(MSG_CHANNEL_OPEN, String(b"session"), UInt32(0), UInt32(2 ** 20), UInt32(2 ** 15))
        connection.send_packet(98, UInt32(0), String(b"exec"), Boolean(False), String(b"x"))
        await connection.wait_closed()

    try:
        talk(server, conversation)
    except (asyncssh.Error, OSError):
        pass
    server.settle()
    assert server.runs() == 0 and not server.events("start")
