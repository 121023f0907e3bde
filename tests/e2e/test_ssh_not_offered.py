"""What an SSH server may have and this one has not (bastion(8), SSH): other credentials, other accounts, forwarding, subsystems; and noise."""
import asyncio
import os
import random
import socket
import subprocess
import warnings

import pytest
from harness import BASTION, PATIENCE, SYSTEM_PATH, UNTIL_GO, is_listening, free_port, wait_for

from ssh_harness import AGENT_UID, ALICE, KEYS, MALLORY, TINYSSHD, SshServer, Terminal, make_key, public

with warnings.catch_warnings(action="ignore"):
    import asyncssh

pytestmark = pytest.mark.root

HELD = "echo x >>$T/runs; : >$T/started; " + UNTIL_GO + "; echo done"


def check_denied(server, count=1):
    """That many refusals, one line each, and nothing has run."""
    server.settle()
    assert [(e["event"], e["verdict"], e["peer"], e.get("user")) for e in server.events()] == [("login", "deny", "127.0.0.1", None)] * count
    assert all(e["reason"] for e in server.events())
    assert server.runs() == 0 and not (server.t / "evil").exists()


# ---- other credentials ----

def connect(server, **options):
    """AsyncSSH's connection with these credentials alone; the session's output."""
    async def talk():
        async with asyncssh.connect(server.host, server.port, **{"username": "agent", "known_hosts": None, "config": None, "agent_path": None, "client_keys": None, **options}) as c:
            return (await c.run("x")).stdout
    return asyncio.run(asyncio.wait_for(talk(), PATIENCE))


class Interactive(asyncssh.SSHClient):
    def kbdint_auth_requested(self):
        return ""

    def kbdint_challenge_received(self, *_):
        return ["password"]


@pytest.mark.parametrize("options", [{"password": "password"}, {"password": ""}, {"client_factory": Interactive, "preferred_auth": "keyboard-interactive"},
                                     {"host_based_auth": True, "client_host": "localhost", "client_host_keys": [str(MALLORY)], "client_username": "root"}, {}],
                         ids=["password", "empty password", "interactive", "host", "nothing"])
@pytest.mark.parametrize("user", ["agent", "root"])
def test_no_password(start, options, user):
    server = start(SshServer)
    with pytest.raises(asyncssh.PermissionDenied):
        connect(server, username=user, **options)
    check_denied(server)


def test_keys_are_all_that_is_offered(start):
    server = start(SshServer)
    done = server.ssh(options=["-v", "-o", "LogLevel=DEBUG1", "-o", "PreferredAuthentications=none"])
    assert done.returncode == 255 and b"Permission denied (publickey)." in done.stderr
    check_denied(server)


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_a_wrong_key(start, kind):
    key = MALLORY if kind == "ed25519" else make_key(KEYS, f"mallory-{kind}-{os.urandom(4).hex()}", kind)
    server = start(SshServer)
    done = server.ssh("touch", f"{server.t}/evil", key=key)
    assert (done.returncode, done.stdout) == (255, b"") and b"Permission denied (publickey)" in done.stderr
    check_denied(server)


def test_a_wrong_key_and_then_the_right_one(start):
    """As with an agent that holds many: no refusal."""
    server = start(SshServer)
    assert server.ssh(options=["-i", str(MALLORY)], key=None).returncode == 255
    assert server.ssh(options=["-i", str(MALLORY), "-i", str(ALICE)], key=None).stdout == b"ok\n"
    server.settle()
    assert [(e["event"], e.get("verdict")) for e in server.events() if e["event"] == "login"] == [("login", "deny"), ("login", "allow")]


def test_very_many_keys(start, tmp_path):
    """tinysshd has enough of them at some point; the right one does not count any more."""
    server = start(SshServer)
    many = [make_key(tmp_path, f"k{i}") for i in range(40)]
    done = server.ssh("touch", f"{server.t}/evil", options=[word for key in many for word in ("-i", str(key))], key=ALICE)
    assert done.returncode in (0, 255)
    server.settle()
    assert not (server.t / "evil").exists() and server.runs() == (done.returncode == 0)


def test_the_key_without_its_secret_half(start, tmp_path):
    """Alice's public key with mallory's signature."""
    server = start(SshServer)
    (tmp_path / "id").write_bytes(MALLORY.read_bytes())
    (tmp_path / "id.pub").write_text(public(ALICE))
    os.chmod(tmp_path / "id", 0o600)
    assert server.ssh(key=tmp_path / "id").returncode == 255
    check_denied(server)


# ---- other accounts ----

def accounts(*wanted):
    """Shell text: accounts (name, uid, shell, whose keys) with keys of their own, below folders that tinysshd finds good."""
    lines = ["mkdir -p /etc/homes"]
    for name, uid, shell, keys in wanted:
        home = f"/etc/homes/{name}"
        lines.append(f"grep -v ^{name}: /etc/passwd >/etc/passwd.new; mv /etc/passwd.new /etc/passwd; echo '{name}:x:{uid}:{uid}::{home}:{shell}' >>/etc/passwd; mkdir {home}")
        lines.append(f"ln -s {keys} {home}/.ssh" if isinstance(keys, str) else f"mkdir {home}/.ssh; cat {' '.join(f'{k}.pub' for k in keys)} >{home}/.ssh/authorized_keys")
        lines.append(f"chown -Rh {uid}:{uid} {home}; chmod -R go-w {home}")
    return "\n".join(lines)


BOTH = [MALLORY, ALICE]
OTHERS = accounts(("root", 0, "/bin/sh", BOTH), ("eve", 4343, "/bin/sh", BOTH), ("twin", AGENT_UID, "/bin/sh", BOTH), ("guest", 4344, BASTION, BOTH),
                  ("borrower", 4345, "/bin/sh", "/run/bastion/ssh"), ("zoe", 4346, "/bin/bash", BOTH))
NAMES = ["root", "eve", "twin", "guest", "borrower", "zoe"]


def try_all(server, user, key):
    """A request, a login, and a login on a terminal: the return codes."""
    evil = f"touch {server.t}/evil"
    codes = [server.ssh(evil, user=user, key=key).returncode, server.ssh(user=user, key=key, input=f"{evil}\n".encode()).returncode,
             server.ssh(evil, user=user, key=key, options=["-tt"]).returncode]
    server.settle()
    return codes


@pytest.mark.parametrize("user", NAMES)
@pytest.mark.parametrize("key", [MALLORY, ALICE], ids=["mallory", "alice"])
def test_another_account(start, user, key):
    """It has keys, its shell is no bastion's, and tinysshd would serve it."""
    server = start(SshServer, more=OTHERS)
    assert try_all(server, user, key) == [255] * 3
    check_denied(server, 3)
    assert server.ssh().stdout == b"ok\n"


@pytest.mark.parametrize("user", ["root", "eve", "twin", "borrower", "zoe"])
def test_tinysshd_alone_would_serve_it(start, user):
    """Shows that the test above tests something."""
    prepare = f"\nFORCE_COMMAND=x {BASTION} ssh </dev/null >/dev/null 2>&1 || :"  # makes the host's key
    listed = f"exec 100<{KEYS}/alice.pub; exec {TINYSSHD} -v /run/bastion/hostkey"  # as bastion ssh gives it the list of keys
    server = start(SshServer, more=OTHERS + prepare, program=["bash", "-c", listed])
    assert try_all(server, user, ALICE)[0] == 0
    assert (server.t / "evil").exists()


def test_an_account_whose_key_is_only_its_own(start):
    """Mallory's key is in eve's file; she tries it as agent."""
    server = start(SshServer, more=OTHERS)
    assert try_all(server, "agent", MALLORY) == [255] * 3
    check_denied(server, 3)


# Starts a program for whom ptrace(2) fails, as in some sandboxes.
WITHOUT_PTRACE = """
import ctypes, os, struct, sys
number = {"x86_64": 101, "aarch64": 117}[os.uname().machine]
code = struct.pack("HBBI" * 4, 0x20, 0, 0, 0, 0x15, 0, 1, number, 0x06, 0, 0, 0x00050001, 0x06, 0, 0, 0x7fff0000)
text = ctypes.create_string_buffer(code, len(code))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(text)))
assert ctypes.CDLL(None).prctl(22, 2, program, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""
UNWATCHED = ["/usr/bin/python3", "-c", WITHOUT_PTRACE, BASTION, "ssh"]


def test_without_ptrace_and_with_another_account(start):
    """tinysshd can't be held then: nobody is served, and the log says which account is in the way."""
    server = start(SshServer, more=accounts(("root", 0, "/bin/sh", "/nowhere"), ("eve", 4343, "/bin/sh", BOTH)), program=UNWATCHED)
    assert try_all(server, "eve", MALLORY) == [255] * 3
    assert server.ssh().returncode == 255
    server.settle()
    assert not (server.t / "evil").exists() and server.runs() == 0
    assert {e["event"] for e in server.events()} == {"fault"} and "eve" in server.events("fault")[0]["reason"]


def test_without_ptrace(start):
    """No other account has keys: then it is not needed."""
    server = start(SshServer, more=accounts(("root", 0, "/bin/sh", "/nowhere")), program=UNWATCHED)
    assert server.ssh().stdout == b"ok\n"
    assert server.ssh(key=MALLORY).returncode == 255
    server.settle()
    assert [e["verdict"] for e in server.events("login")] == ["allow", "deny"]


# ---- keys with options ----

@pytest.mark.parametrize("options, allowed", [("no-pty", False), ("restrict", False), ("pty,no-pty", False), ("restrict,pty", True), ("no-pty,pty", True),
                                              ("no-port-forwarding,no-agent-forwarding,no-X11-forwarding,no-user-rc", True), ("RESTRICT", False), ("No-Pty", False)])
def test_a_key_that_may_have_no_terminal(start, options, allowed):
    server = start(SshServer, alice=False)
    (server.users / "alice.pub").write_text(f"{options} {public(ALICE)}")
    terminal = Terminal(server)
    code = terminal.wait()
    terminal.close()
    server.settle()
    if allowed:
        assert code == 0 and server.runs() == 1
    else:
        assert code == 126 and server.runs() == 0
        deny = server.wait_event("deny")[0]
        assert (deny["user"], deny["verdict"], deny["exit"], deny["peer"], deny["run"]) == ("alice", "deny", 126, "127.0.0.1", server.events("login")[0]["run"])
        assert not server.events("start")
    assert server.ssh().stdout == b"ok\n"  # without a terminal it works in any case


def test_the_refusal_of_a_terminal_is_said(start):
    server = start(SshServer, alice=False)
    (server.users / "alice.pub").write_text(f"no-pty {public(ALICE)}")
    terminal = Terminal(server)
    terminal.read_until(b"this key may have no terminal\r\n")
    assert terminal.wait() == 126
    terminal.close()


# ---- forwarding ----

@pytest.fixture
def target():
    """Something that nobody is to reach through here."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener
        with pytest.raises(BlockingIOError):
            listener.accept()


def poke(port, *words):
    """Connects to a port that the client listens on, says the words, and waits for the end."""
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.settimeout(PATIENCE)
        for word in words:
            s.sendall(word)
        answer = b""
        try:
            while data := s.recv(4096):
                answer += data
        except ConnectionResetError:
            pass
        return answer


def port_of(listener):
    return listener.getsockname()[1]


def socks5(port):
    return b"\5\1\0", b"\5\1\0\1\x7f\0\0\1" + port.to_bytes(2, "big")


def socks4(port):
    return (b"\4\1" + port.to_bytes(2, "big") + b"\x7f\0\0\1user\0",)


@pytest.mark.parametrize("way", ["-L", "-L unix", "-D 5", "-D 4", "-L -N"])
def test_no_local_forwarding(start, target, way):
    server, port, wanted = start(SshServer, FORCE_COMMAND=HELD), free_port(), port_of(target)
    if way.startswith("-L"):
        options, words = ["-L", f"{port}:{'/run/docker.sock' if 'unix' in way else f'127.0.0.1:{wanted}'}"], [b"hello"]
    else:
        options, words = ["-D", str(port)], (socks5 if "5" in way else socks4)(wanted)
    client = server.start(options=[*options, *(["-N"] if "-N" in way else [])])
    wait_for(lambda: is_listening(port), "the client listens")
    if "-N" not in way:
        server.wait_file("started")
    assert not poke(port, *words).endswith(b"hello")
    server.go()
    if "-N" in way:
        client.kill()
        client.communicate()
        server.settle()
        assert server.runs() == 0
    else:
        assert client.communicate(timeout=PATIENCE)[0] == b"done\n"  # and the session does not suffer
        assert client.returncode == 0


def test_no_remote_forwarding(start, target):
    server, port = start(SshServer, FORCE_COMMAND=HELD), free_port()
    client = server.start(options=["-R", f"{port}:127.0.0.1:{port_of(target)}", "-R", f"{server.t}/socket:127.0.0.1:{port_of(target)}"])
    server.wait_file("started")
    assert not is_listening(port) and not (server.t / "socket").exists()
    server.go()
    assert client.communicate(timeout=PATIENCE)[0] == b"done\n"


def test_no_remote_forwarding_that_must_be(start, target):
    """tinysshd does not know the request at all, so that a client that insists on it waits for an answer."""
    server, port = start(SshServer, FORCE_COMMAND=HELD), free_port()
    client = server.start(options=["-N", "-o", "ExitOnForwardFailure=yes", "-R", f"{port}:127.0.0.1:{port_of(target)}", "-o", "LogLevel=DEBUG1"])
    for line in client.stderr:
        if b"Received SSH2_MSG_UNIMPLEMENTED" in line:
            break
    assert not is_listening(port)
    client.kill()
    client.communicate()
    server.settle()
    assert server.runs() == 0


def test_no_forwarding_of_input_and_output(start, target):
    server = start(SshServer)
    done = server.ssh(options=["-W", f"127.0.0.1:{port_of(target)}"], input=b"hello")
    assert (done.returncode, done.stdout) == (255, b"")
    server.settle()
    assert server.runs() == 0


@pytest.mark.parametrize("terminal", [[], ["-tt"]], ids=["streams", "terminal"])
def test_no_agent_and_no_display(start, terminal):
    """The command sees nothing of either, and the client's agent hears nothing."""
    server = start(SshServer, FORCE_COMMAND="env; ls /tmp/ssh-* 2>/dev/null; ls -A")
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(server.home / "agent.sock"))
        agent.listen()
        agent.setblocking(False)
        done = server.ssh(options=["-A", "-X", "-o", "ForwardX11Trusted=yes", *terminal], env={"SSH_AUTH_SOCK": str(server.home / "agent.sock"), "DISPLAY": ":99"})
        with pytest.raises(BlockingIOError):
            agent.accept()
    assert b"BASTION_USER=alice" in done.stdout
    assert not any(word in done.stdout for word in (b"SSH_AUTH_SOCK", b"DISPLAY", b"XAUTHORITY", b".Xauthority"))


# ---- files and subsystems ----

def copy(server, *words):
    words = [word.format(t=server.t) for word in words]
    return subprocess.run([words[0], *words[1:-2], "-F", "/dev/null", "-P", str(server.port), "-i", str(ALICE), "-o", f"UserKnownHostsFile={server.home}/known_hosts",
                           "-o", "StrictHostKeyChecking=accept-new", "-o", "BatchMode=yes", "-o", "IdentityAgent=none", *[w for w in words[-2:] if w]],
                          capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE, env={"PATH": SYSTEM_PATH, "HOME": str(server.home)})


@pytest.mark.parametrize("words, runs", [
    (("sftp", "-b", "/dev/null", "", "agent@127.0.0.1"), 0), (("sftp", "", "agent@127.0.0.1:/etc/passwd"), 0), (("scp", "/etc/passwd", "agent@127.0.0.1:{t}/evil"), 0), (("scp", "agent@127.0.0.1:/etc/passwd", "{t}/evil"), 0),
    (("scp", "-O", "/etc/passwd", "agent@127.0.0.1:{t}/evil"), 1), (("scp", "-O", "agent@127.0.0.1:/etc/passwd", "{t}/evil"), 1), (("scp", "-O", "-r", "agent@127.0.0.1:/etc", "{t}/evil"), 1),
], ids=lambda w: " ".join(w)[:24] if isinstance(w, tuple) else str(w))
def test_no_files(start, words, runs):
    """The old scp's request is one like any other: FORCE_COMMAND runs."""
    server = start(SshServer)
    done = copy(server, *words)
    assert done.returncode != 0
    server.settle()
    assert server.runs() == runs and not (server.t / "evil").exists()
    assert len(server.events("start")) == runs


@pytest.mark.parametrize("name", ["sftp", "netconf", "shell", "exec", "sftp=/bin/sh", "x" * 20000, "a\nb", "/bin/sh"], ids=lambda n: ascii(n)[:20])
def test_no_subsystem(start, name):
    server = start(SshServer)

    async def talk():
        async with asyncssh.connect(server.host, server.port, username="agent", client_keys=[str(ALICE)], known_hosts=None, config=None, agent_path=None) as c:
            await c.create_process(subsystem=name, encoding=None)

    with pytest.raises((asyncssh.ChannelOpenError, asyncssh.ConnectionLost)):
        asyncio.run(asyncio.wait_for(talk(), PATIENCE))
    server.settle()
    assert server.runs() == 0 and not server.events("start")
    assert [e["event"] for e in server.events()] == ["login", "logout"]


# ---- one connection, one session ----

def test_a_second_session_over_the_same_connection(start):
    """It is refused, and the first does not suffer."""
    server = start(SshServer, FORCE_COMMAND=HELD)

    async def talk():
        async with asyncssh.connect(server.host, server.port, username="agent", client_keys=[str(ALICE)], known_hosts=None, config=None, agent_path=None) as c:
            first = await c.create_process("x")
            await asyncio.to_thread(server.wait_file, "started")
            for _ in range(3):
                with pytest.raises(asyncssh.ChannelOpenError):
                    await c.create_process("x")
            server.go()
            return (await first.wait()).stdout

    assert asyncio.run(asyncio.wait_for(talk(), PATIENCE)) == "done\n"
    server.settle()
    assert server.runs() == 1 and len(server.events("start")) == 1


def test_control_master(start):
    """OpenSSH's way to do that. The second client is refused there, says so, and connects by itself."""
    server = start(SshServer, FORCE_COMMAND=HELD)
    path = str(server.home / "master")
    first = server.start(options=["-M", "-S", path])
    server.wait_file("started")
    second = server.ssh(options=["-S", path, "-o", "ControlMaster=no", "-o", "LogLevel=INFO"])
    assert b"Session open refused by peer" in second.stderr and b"under way already" in second.stdout
    server.go()
    assert first.communicate(timeout=PATIENCE)[0] == b"done\n"
    server.settle()
    assert server.runs() == 1
    assert len(server.events("login", verdict="allow")) == 2


@pytest.mark.parametrize("more", [(b"exec", b"\0\0\0\1x"), (b"shell", b""), (b"pty-req", b"\0\0\0\1x" + bytes(20)), (b"env", b"\0\0\0\4LANG\0\0\0\1C"), (b"subsystem", b"\0\0\0\4sftp"),
                                  (b"signal", b"\0\0\0\4KILL"), (b"break", bytes(4)), (b"window-change", bytes(16)), (b"auth-agent-req@openssh.com", b""),
                                  (b"x11-req", b"\0\0\0\0\1x\0\0\0\1x" + bytes(4)), (b"eow@openssh.com", b""), (b"x" * 100, b"")], ids=lambda m: m[0][:12].decode())
def test_a_further_request_in_a_session(start, more):
    """Whether tinysshd ignores it or ends the connection: nothing else runs, and the command comes to its end."""
    server = start(SshServer, FORCE_COMMAND=HELD)

    async def talk():
        async with asyncssh.connect(server.host, server.port, username="agent", client_keys=[str(ALICE)], known_hosts=None, config=None, agent_path=None) as c:
            process = await c.create_process("x")
            await asyncio.to_thread(server.wait_file, "started")
            process.channel._send_request(more[0], more[1])
            server.go()
            await process.wait()

    try:
        asyncio.run(asyncio.wait_for(talk(), PATIENCE))
    except (asyncssh.ConnectionLost, ConnectionResetError):
        pass
    end = server.wait_event("end")[0]
    assert end["exit"] == 0
    server.settle()
    assert server.runs() == 1 and len(server.events("start")) == 1


def test_a_login_without_a_session(start):
    """ssh -N."""
    server = start(SshServer, FORCE_COMMAND=HELD)
    client = server.start(options=["-N", "-o", "LogLevel=DEBUG1"])
    for line in client.stderr:
        if b"Entering interactive session" in line:
            break
    client.terminate()
    client.communicate(timeout=PATIENCE)
    server.settle()
    assert server.runs() == 0
    assert [(e["event"], e["user"]) for e in server.events()] == [("login", "alice"), ("logout", "alice")]


# ---- noise ----

NOISE = {
    "nothing": b"", "a byte": b"S", "an empty line": b"\r\n", "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "tls": bytes.fromhex("16030100c8010000c40303") + bytes(200),
    "a hello": b"SSH-2.0-x\r\n", "an old hello": b"SSH-1.5-x\r\n", "a hello without end": b"SSH-2.0-" + b"x" * 5000, "zeros": bytes(100000),
    "a hello and zeros": b"SSH-2.0-x\r\n" + bytes(1000), "a packet too long": b"SSH-2.0-x\r\n\xff\xff\xff\xff" + bytes(1000), "noise": random.Random(1).randbytes(100000),
    "a hello and noise": b"SSH-2.0-x\r\n" + random.Random(2).randbytes(100000), "a packet of nothing": b"SSH-2.0-x\r\n\0\0\0\x0c\x0b" + bytes(11),
    "a login in the clear": b"SSH-2.0-x\r\n\0\0\0\x0c\x06\x32" + bytes(10), "lines": b"x\r\n" * 10000,
}


def recv_all(client):
    try:
        while client.recv(65536):
            pass
    except ConnectionResetError:
        pass


@pytest.mark.parametrize("end", ["half", "close", "reset"])
@pytest.mark.parametrize("name", NOISE)
def test_noise(start, name, end):
    """It costs a line of the log, unless it is nothing and ends well: that is what `bastion health` does, from here, twice a minute."""
    costs = 0 if (name, end) == ("nothing", "half") else 1
    server = start(SshServer)
    with socket.create_connection((server.host, server.port)) as client:
        client.settimeout(PATIENCE)
        try:
            client.sendall(NOISE[name])
            if end == "half":
                client.shutdown(socket.SHUT_WR)
                recv_all(client)
        except (ConnectionResetError, BrokenPipeError, OSError):
            pass
        if end == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    if costs:
        server.wait_event("login")
    check_denied(server, costs)
    assert server.ssh().stdout == b"ok\n"


@pytest.mark.slow
def test_silence(start):
    """Clients that stand there without a login have a minute; the others are served meanwhile, and nothing is left of them."""
    server = start(SshServer)
    clients = [socket.create_connection((server.host, server.port)) for _ in range(3)]
    clients[1].sendall(b"SSH-2.0-x\r\n")
    assert server.ssh().stdout == b"ok\n"
    for client in clients:
        client.settimeout(80)
        recv_all(client)
        client.close()
    server.settle()
    assert [(e["event"], e["verdict"]) for e in server.events() if e["event"] == "login"] == [("login", "allow")] + [("login", "deny")] * 3
