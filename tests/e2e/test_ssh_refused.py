"""Who is not let in, and what the log says of it: the key with its type and fingerprint, what a negotiation lacked. And what is no SSH."""
import asyncio
import re
import socket
import struct
import warnings

import pytest

from harness import PATIENCE
from ssh_harness import ALICE, KEYS, MALLORY, SshServer, fingerprint, make_key

with warnings.catch_warnings(action="ignore"):
    import asyncssh
    import asyncssh.connection
    from asyncssh.packet import Boolean, String

pytestmark = pytest.mark.root

RSA = make_key(KEYS, "rsa-refused", kind="rsa")
ECDSA = make_key(KEYS, "ecdsa-refused", kind="ecdsa")


def denied(server):
    """The one line's reason: no login, no run."""
    server.settle()
    events = server.events()
    assert [(e["event"], e["verdict"], e.get("user"), e.get("key")) for e in events] == [("login", "deny", None, None)]
    assert server.runs() == 0
    return events[0]["reason"]


def connect(server, conversation=None, **options):
    """By AsyncSSH, which does as it is told."""
    options = {"username": "agent", "client_keys": [str(ALICE)], **options}

    async def talk():
        async with asyncssh.connect(server.host, server.port, known_hosts=None, config=None, agent_path=None, **options) as connection:
            return await conversation(connection) if conversation else None

    return asyncio.run(asyncio.wait_for(talk(), PATIENCE))


# ---- keys ----

def test_an_unknown_key(start):
    server = start(SshServer)
    assert server.ssh(key=MALLORY).returncode == 255
    assert denied(server) == f"no key that is let in: ssh-ed25519 {fingerprint(MALLORY)}"


@pytest.mark.parametrize("key, kind", [(RSA, "ssh-rsa"), (ECDSA, "ecdsa-sha2-nistp256")], ids=["rsa", "ecdsa"])
def test_a_key_of_another_type(start, key, kind):
    server = start(SshServer)
    with pytest.raises(asyncssh.PermissionDenied):
        connect(server, client_keys=[str(key)], signature_algs=[kind])
    assert denied(server) == f"no key that is let in: {kind} {fingerprint(key)}"


def test_several_keys(start):
    """Each of them once, however often it is shown."""
    server = start(SshServer)
    with pytest.raises(asyncssh.PermissionDenied):
        connect(server, client_keys=[str(k) for k in (ECDSA, MALLORY, ECDSA)])
    assert denied(server) == f"no key that is let in: ecdsa-sha2-nistp256 {fingerprint(ECDSA)}, ssh-ed25519 {fingerprint(MALLORY)}"


def test_more_keys_than_a_line_holds(start):
    server = start(SshServer)
    keys = [make_key(KEYS, f"many{i}", kind="ecdsa") for i in range(12)]
    with pytest.raises((asyncssh.Error, OSError)):
        connect(server, client_keys=[str(k) for k in keys])
    reason = denied(server)
    assert fingerprint(keys[0]) in reason and len(reason) < 600


def test_an_account_that_is_none(start):
    server = start(SshServer)
    assert server.ssh(user="nobody-here").returncode == 255
    assert denied(server) == f"there is no such account: ssh-ed25519 {fingerprint(ALICE)}"


@pytest.mark.parametrize("kind", [b"x y", b"a\nb", b"", b"x" * 65, b"\xff", b"ssh-ed25519 SHA256:abc rejected"], ids=repr)
def test_a_type_that_can_be_none(start, monkeypatch, kind):
    """A client's words."""
    server = start(SshServer)

    async def conversation():
        connection = await asyncssh.connect(server.host, server.port, known_hosts=None, config=None, agent_path=None, username="agent", client_keys=[str(ALICE)])
        await connection.wait_closed()

    def send(self, method, *arguments, key=None, trivial=True):
        self.send_packet(50, String(self._username), String(b"ssh-connection"), String(b"publickey"), Boolean(False), String(kind), String(b"blob"))
        return None

    monkeypatch.setattr(asyncssh.connection.SSHClientConnection, "send_userauth_request", _async(send))
    with pytest.raises((asyncssh.Error, OSError)):
        asyncio.run(asyncio.wait_for(conversation(), PATIENCE))
    assert re.fullmatch(r"no key that is let in: unknown SHA256:[A-Za-z0-9+/]{43}", denied(server))


def _async(function):
    async def wrapper(*arguments, **options):
        return function(*arguments, **options)
    return wrapper


def test_a_second_signature_of_the_same_message(start, monkeypatch):
    """(R, S + L) is none (RFC 8032, section 5.1.7)."""
    order = 2 ** 252 + 27742317777372353535851937790883648493
    sign = asyncssh.public_key.SSHLocalKeyPair.sign

    def other(self, data):
        signature = sign(self, data)
        s = int.from_bytes(signature[-32:], "little")
        return signature[:-32] + (s + order).to_bytes(32, "little")

    server = start(SshServer)
    monkeypatch.setattr(asyncssh.public_key.SSHLocalKeyPair, "sign", other)
    with pytest.raises((asyncssh.Error, OSError)):
        connect(server)
    denied(server)


# ---- negotiations ----

@pytest.mark.parametrize("option, offer, what", [
    ("Ciphers", "aes128-ctr,aes256-gcm@openssh.com", "cipher"), ("KexAlgorithms", "diffie-hellman-group14-sha256,ecdh-sha2-nistp256", "key exchange"),
    ("HostKeyAlgorithms", "rsa-sha2-512,ecdsa-sha2-nistp256", "type of host key"),
])
def test_nothing_in_common(start, option, offer, what):
    server = start(SshServer)
    done = server.ssh(options=["-o", f"{option}={offer}"])
    assert done.returncode == 255
    reason = denied(server)
    assert reason.startswith(f"kex: no {what} in common, the client offers {offer}")


def string(text):
    return struct.pack(">I", len(text)) + text


def kexinit(exchanges=b"curve25519-sha256", keys=b"ssh-ed25519", ciphers=b"chacha20-poly1305@openssh.com", padding=None):
    lists = [exchanges, keys, ciphers, ciphers, b"hmac-sha2-256", b"hmac-sha2-256", b"none", b"none", b"", b""]
    payload = b"\x14" + bytes(16) + b"".join(string(each) for each in lists) + bytes(5)
    padding = 4 + -(len(payload) + 9) % 8 if padding is None else padding
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


class Raw:
    """A client that says what it is given."""

    def __init__(self, server):
        self.socket = socket.create_connection((server.host, server.port), PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *data):
        self.socket.sendall(b"".join(data))

    def is_closed(self):
        """Once all that came is read. A reset is an end too."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass
        return True


def test_an_offer_that_is_long(start):
    """Its beginning is logged, on one line."""
    server = start(SshServer)
    with Raw(server) as client:
        client.send(b"SSH-2.0-x\r\n", kexinit(ciphers=b"x" * 8000))
        assert client.is_closed()
    reason = denied(server)
    assert reason.startswith("kex: no cipher in common, the client offers xxx") and 256 <= reason.count("x") <= 514
    assert len(server.log_lines()) == 1


@pytest.mark.parametrize("offer", [b"x\ntinysshd: AAAAAAAA: info: auth: agent: ssh-ed25519 %s accepted {x:1}\n", b"x\r\n\x1b[2J\x7f\x80\xff\0y"], ids=["forged", "controls"])
def test_an_offer_with_other_bytes(start, offer):
    server = start(SshServer)
    with Raw(server) as client:
        client.send(b"SSH-2.0-x\r\n", kexinit(ciphers=offer))
        assert client.is_closed()
    assert re.fullmatch(r"[ -~]*", denied(server))
    assert len(server.log_lines()) == 1


@pytest.mark.parametrize("padding", [0, 1, 3])
def test_too_little_padding(start, padding):
    server = start(SshServer)
    with Raw(server) as client:
        client.send(b"SSH-2.0-x\r\n", kexinit(padding=padding))
        assert client.is_closed()
    assert "BUG" not in denied(server)


@pytest.mark.parametrize("hello", [b"SSH-2.0-x\0y\r\n", b"\0SSH-2.0-x\r\n", b"SSH-2.0-x\0"], ids=repr)
def test_a_greeting_with_a_nul(start, hello):
    server = start(SshServer)
    with Raw(server) as client:
        client.send(hello, kexinit())
        assert client.is_closed()
    denied(server)


# ---- requests ----

@pytest.mark.parametrize("request_", [b"\0touch x", b"touch\0x", b"x\0", b"\0"], ids=repr)
@pytest.mark.parametrize("broker", [False, True], ids=["forced", "broker"])
def test_a_request_with_a_nul(start, request_, broker):
    """It is not cut at it: nothing runs."""
    settings = {"FORCE_COMMAND": None, "ALLOWED_COMMANDS": ".*"} if broker else {}
    server = start(SshServer, **settings)

    async def conversation(connection):
        channel = asyncssh.channel.SSHClientChannel(connection, asyncio.get_running_loop(), None, "strict", 2 ** 20, 2 ** 15)
        channel._session = asyncssh.SSHClientSession()
        await channel._open(b"session")
        for _ in range(3):
            assert await channel._make_request(b"exec", String(request_)) is False

    connect(server, conversation)
    server.settle()
    assert server.runs() == 0 and not server.events("start")
    deny = server.events("deny")
    assert [(e["user"], e["reason"]) for e in deny] == [("alice", "a request with a NUL byte")]
    assert [e["event"] for e in server.events()] == ["deny", "logout"]
