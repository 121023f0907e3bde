"""The end of a session's channel, whichever side begins it (RFC 4254, section 5.3), and of its connection with it."""
import asyncio
import ctypes
import subprocess
import warnings

import pytest

from harness import PATIENCE, UNTIL_GO, wait_for
from ssh_harness import ALICE, SshServer, Terminal

with warnings.catch_warnings(action="ignore"):
    import asyncssh

pytestmark = pytest.mark.root

# Tells what it gets: the end of its input, and signals.
TELLS = "trap 'echo hup >>$T/signals; exit 1' HUP; cat >/dev/null; echo eof >>$T/signals; : >$T/ended"
HOLDS = f"trap 'echo hup >>$T/signals; exit 1' HUP; : >$T/started; {UNTIL_GO}; echo done >>$T/ends"


def connect(server, port=None):
    """AsyncSSH's, without anything of the user's own."""
    return asyncssh.connect(server.host, port or server.port, username="agent", client_keys=[str(ALICE)], known_hosts=None, config=None, agent_path=None)


def closing(server, terminal=False, **options):
    """A session that AsyncSSH closes while the command runs."""
    async def talk():
        async with connect(server) as connection:
            process = await connection.create_process("x", encoding=None, **({"term_type": "xterm"} if terminal else {}), **options)
            while not (server.t / "started").exists():
                await asyncio.sleep(0.01)
            process.close()
            await process.wait_closed()

    asyncio.run(asyncio.wait_for(talk(), PATIENCE))


@pytest.mark.parametrize("terminal", [False, True], ids=["streams", "terminal"])
def test_close_is_answered_and_the_command_hung_up(start, terminal):
    server = start(SshServer, FORCE_COMMAND=HOLDS, ON_DISCONNECT="hangup")
    closing(server, terminal)
    end = server.wait_event("end")[0]
    server.settle()
    assert server.lines("signals") == ["hup"] and not server.lines("ends")
    assert end["reason"] == "the client went away"


def test_a_run_that_holds_the_lock_continues(start):
    """As when the client vanishes."""
    server = start(SshServer, FORCE_COMMAND=HOLDS)
    closing(server)
    assert server.ssh().stdout.startswith(b"A run by ")
    server.go()
    assert server.wait_event("end")[0]["exit"] == 0
    assert (server.lines("signals"), server.lines("ends")) == ([], ["done"])
    server.settle()


def test_its_input_ends(start):
    server = start(SshServer, FORCE_COMMAND=": >$T/started; " + TELLS, ON_DISCONNECT="continue")
    closing(server)
    server.wait_file("ended")
    server.settle()
    assert server.lines("signals") == ["eof"]


def test_ssh_that_shares_its_connection_makes_another(start, tmp_path):
    """As Ansible has it: three tasks in a row. Each is quiet, and none waits for the end of the connection before."""
    server = start(SshServer, FORCE_COMMAND="echo x >>$T/runs; exit 3")
    shared = ["-o", "ControlMaster=auto", "-o", "ControlPersist=60s", "-S", str(tmp_path / "control")]
    for i in range(3):
        done = server.ssh("x", options=shared)
        assert (done.returncode, done.stderr) == (3, b"")
        wait_for(lambda: not (tmp_path / "control").exists(), "the end of the shared connection")
        assert server.runs() == i + 1
    server.settle()


class Proxy:
    """Passes the bytes on, and says in which order the two sides ended: `ends`."""

    def __init__(self, server):
        self.server, self.ends = server, []

    async def __aenter__(self):
        self.listener = await asyncio.start_server(self.pass_on, "127.0.0.1", 0)
        self.port = self.listener.sockets[0].getsockname()[1]
        self.over = asyncio.get_running_loop().create_future()
        return self

    async def __aexit__(self, *_):
        self.listener.close()

    async def pass_on(self, reader, writer):
        there, back = await asyncio.open_connection(self.server.host, self.server.port)

        async def one_way(name, source, sink):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
            self.ends.append(name)
            if len(self.ends) == 1:
                self.over.set_result(None)
            else:
                sink.close()

        await asyncio.gather(one_way("client", reader, back), one_way("server", there, writer), return_exceptions=True)
        writer.close(), back.close()


def test_the_server_ends_the_connection_itself(start, tmp_path):
    """A client that keeps it is not waited for: the server's end comes first. That of OpenSSH's, which keeps it for sessions to come, at
    once: before that of a library, which is left time to take what has come, though not for ever."""
    server = start(SshServer, COMMAND_LOCK="off")
    shared = ["-o", "ControlMaster=auto", "-o", "ControlPersist=60s", "-S", str(tmp_path / "control")]

    async def talk():
        async with Proxy(server) as library, Proxy(server) as openssh:
            connection = await connect(server, library.port)
            done = await connection.run("x", encoding=None)
            assert (done.exit_status, done.stdout) == (0, b"ok\n")
            ssh = await asyncio.to_thread(server.ssh, "x", options=["-p", str(openssh.port), *shared])
            assert (ssh.returncode, ssh.stdout, ssh.stderr) == (0, b"ok\n", b"")
            await openssh.over
            assert (openssh.ends, library.ends) == (["server"], [])
            await library.over
            assert library.ends == ["server"]
            connection.abort()

    asyncio.run(asyncio.wait_for(talk(), PATIENCE))


@pytest.mark.parametrize("count", [30])
def test_the_end_is_quiet_for_ssh(start, count):
    """Neither a broken pipe nor a closed connection is to be seen, however the two ends meet."""
    server = start(SshServer, FORCE_COMMAND="echo out; exit 3", COMMAND_LOCK="off")
    for options in ([], ["-o", "LogLevel=INFO"], ["-T", "-n"]):
        for _ in range(count // 3):
            done = server.ssh("x", options=options)
            assert (done.returncode, done.stdout) == (3, b"out\n")
            assert b"closed" not in done.stderr and b"roken" not in done.stderr


def test_a_second_session_after_the_first(start):
    """One session a connection: the library is told, and at once. The connection ends with that."""
    server = start(SshServer)

    async def talk():
        async with connect(server) as connection:
            await connection.run("x")
            with pytest.raises(asyncssh.ChannelOpenError) as told:
                await connection.run("x")
            assert told.value.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED
            await connection.wait_closed()

    asyncio.run(asyncio.wait_for(talk(), PATIENCE))
    server.settle()
    assert server.runs() == 1


@pytest.mark.parametrize("terminal", [False, True], ids=["streams", "terminal"])
def test_one_window_of_a_shared_connection(start, tmp_path, terminal):
    """Whoever sat at it is killed, while the master lives on. OpenSSH's master notes that its client is gone, but tells the server only
    when something else wakes it: here a question."""
    server = start(SshServer, FORCE_COMMAND=HOLDS, ON_DISCONNECT="hangup")
    control = tmp_path / "control"
    master = server.start(options=["-M", "-N", "-S", str(control)])
    try:
        wait_for(control.exists, "the master")
        window = Terminal(server, "x", options=["-S", str(control)]) if terminal else server.start("x", options=["-S", str(control)])
        server.wait_file("started")
        process = window.process if terminal else window
        process.kill()
        process.wait()
        subprocess.run(["ssh", "-F", "/dev/null", "-S", str(control), "-O", "check", server.host], capture_output=True)  # it may be gone before it answers
        assert server.wait_event("end")[0]["reason"] == "the client went away"
    finally:
        master.kill()
        master.communicate()
    if terminal:
        window.close()
    server.settle()
    assert server.lines("signals") == ["hup"] and not server.lines("ends")


# ---- libssh ----

@pytest.fixture(scope="module")
def libssh():
    library = ctypes.CDLL("libssh.so.4")
    for name in ("ssh_new", "ssh_channel_new"):
        getattr(library, name).restype = ctypes.c_void_p
    return library


class LibSsh:
    """A session of libssh's: its functions, by their own names less the prefix."""
    HOST, PORT, USER, KNOWN_HOSTS, PROCESS_CONFIG = 0, 1, 4, 8, 39

    def __init__(self, library, server):
        self.library = library
        self.session = ctypes.c_void_p(library.ssh_new())
        for option, value in ((self.HOST, server.host.encode()), (self.USER, b"agent"), (self.KNOWN_HOSTS, b"/dev/null")):
            assert library.ssh_options_set(self.session, option, value) == 0
        assert library.ssh_options_set(self.session, self.PORT, ctypes.byref(ctypes.c_uint(server.port))) == 0
        assert library.ssh_options_set(self.session, self.PROCESS_CONFIG, ctypes.byref(ctypes.c_bool(False))) == 0
        assert library.ssh_connect(self.session) == 0
        key = ctypes.c_void_p()
        assert library.ssh_pki_import_privkey_file(str(ALICE).encode(), None, None, None, ctypes.byref(key)) == 0
        assert library.ssh_userauth_publickey(self.session, None, key) == 0
        self.channel = ctypes.c_void_p(library.ssh_channel_new(self.session))
        assert library.ssh_channel_open_session(self.channel) == 0

    def __getattr__(self, name):
        function = getattr(self.library, f"ssh_{name}")
        return lambda *arguments: function(self.channel if name.startswith("channel") else self.session, *arguments)


def test_keepalives_and_close_of_libssh(start, libssh):
    server = start(SshServer, FORCE_COMMAND=HOLDS, ON_DISCONNECT="hangup")
    client = LibSsh(libssh, server)
    assert client.channel_request_exec(b"x") == 0
    for _ in range(5):
        assert client.send_keepalive() == 0
    server.wait_file("started")
    assert client.channel_request_send_signal(b"USR1") == 0
    # A request that wants an answer and is unknown: refused, which is -1, and no end of the connection.
    assert client.channel_request_x11(0, None, None, 0) == -1
    assert client.is_connected() == 1
    assert client.channel_close() == 0
    server.wait_event("end")
    client.disconnect()
    server.settle()
    assert server.lines("signals") == ["hup"]


def test_a_session_of_libssh(start, libssh):
    server = start(SshServer, FORCE_COMMAND="echo out; exit 5")
    client = LibSsh(libssh, server)
    assert client.channel_request_exec(b"x") == 0
    room, got = ctypes.create_string_buffer(64), b""
    while (n := client.channel_read(room, 64, 0)) > 0:
        got += room.raw[:n]
    assert (got, client.channel_get_exit_status()) == (b"out\n", 5)
    assert client.channel_close() == 0
    client.disconnect()
    server.settle()


def test_a_command_that_reads_no_more(start):
    """What the client still sends is dropped; output and exit code arrive."""
    server = start(SshServer, FORCE_COMMAND="exec <&-; seq 1 20000; exit 9")
    done = server.ssh("x", input=b"x" * 5000000)
    assert (done.returncode, done.stderr, done.stdout.split()[-1]) == (9, b"", b"20000")


def test_nothing_is_left(start):
    """Of many sessions that are closed in all ways, no process."""
    server = start(SshServer, FORCE_COMMAND=HOLDS, ON_DISCONNECT="hangup", COMMAND_LOCK="off")
    for terminal in (True, False) * 3:
        closing(server, terminal)
    server.settle()
