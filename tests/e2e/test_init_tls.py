"""bastion init with TLS: HTTPS beside HTTP, with a certificate of the administrator's or one of its own."""
import subprocess

import pytest
from harness import AUTH, NotStarted, curl, free_port
from init_harness import InitServer

pytestmark = pytest.mark.root


def https(server, *arguments):
    url = f"https://localhost:{server.settings['HTTPS_PORT']}/cgi-bin/run"
    return subprocess.run(["curl", "-sS", "--noproxy", "*", "-H", AUTH, *arguments, url], capture_output=True)


def test_self_signed(start):
    """Made at the first start and kept beside the host's key; valid for the names that clients have for it."""
    server = start(InitServer, TLS="self-signed", HTTPS_PORT=str(free_port()), FORCE_COMMAND="id -u; echo $BASTION_PEER")
    assert https(server, "--cacert", server.keys / "tls.crt").stdout == b"1000\n127.0.0.1\n"
    assert curl(server).stdout == b"1000\n127.0.0.1\n"
    assert (server.keys / "tls.key").stat().st_mode & 0o77 == 0
    key = (server.keys / "tls.key").read_bytes()
    server.tell()
    assert server.end() == 0
    again = start(InitServer, TLS="self-signed", HTTPS_PORT=str(free_port()),
                  prepare=lambda s: (s.keys / "tls.key").write_bytes(key))
    assert (again.keys / "tls.key").read_bytes() == key


def test_a_name_that_no_certificate_can_have(start):
    server = start(InitServer, TLS="self-signed", HTTPS_PORT=str(free_port()), uts="a..b")
    assert https(server, "--cacert", server.keys / "tls.crt").returncode == 0


def test_health(start):
    server = start(InitServer, TLS="self-signed", HTTPS_PORT=str(free_port()))
    server.wait_event("ready")
    before = server.log_text()
    assert server.execute("/bin/bastion", "health").stdout.endswith("ok\n")
    server.settle()
    assert server.log_text() == before
    (server.keys / "tls.key").write_text("")
    assert server.execute("/bin/bastion", "health").returncode == 1


def test_a_certificate_that_cannot_be_made():
    with pytest.raises(NotStarted) as fault:
        InitServer(TLS="self-signed", HTTPS_PORT=str(free_port()),
                   prepare=lambda s: (s.keys / "tls.key").write_text("nonsense"))
    assert fault.value.code == 78 and "bastion cert: /etc/ssh/keys/tls.key: there is no private key in it" in fault.value.log
