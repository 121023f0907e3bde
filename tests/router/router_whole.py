"""bastion on a router of its own (machine.py): inetd and tcpsvd start `bastion http`, `tls` and `ssh`, curl and ssh come from outside."""
import contextlib
from concurrent.futures import ThreadPoolExecutor

import pytest
import tls_harness
from harness import PATIENCE, curl, together, wait_for
from machine import COMMAND, Router
from role_harness import bearer, token
from ssh_harness import MALLORY, Terminal

ACCOUNT_HTTP, ACCOUNT_TLS, NOTHING = 65525, 65527, "0" * 16


@pytest.fixture(scope="module")
def router():
    it = Router()
    yield it
    print("\n".join(it.run("cat /tmp/log/messages /tmp/log/tcpsvd; dmesg | tail -n 20").splitlines()))
    it.stop()


def https(service, *arguments, **options):
    return tls_harness.curl(Https(service), *arguments, **options)


class Https:
    def __init__(self, service):
        self.port = service.port

    url = tls_harness.TlsServer.url


@contextlib.contextmanager
def held(router):
    """The command of whoever comes meanwhile waits until /tmp/hold is gone."""
    router.run(f"echo '{COMMAND}' >/etc/bastion/FORCE_COMMAND; touch /tmp/hold")
    try:
        yield
    finally:
        router.run("rm -f /tmp/hold")


@pytest.mark.parametrize("by", ["inetd", "tcpsvd"])
def test_http(router, by):
    service = router.services[by, "http"]
    assert curl(service).stdout == b"ok\n"
    assert curl(service, "-o", "/dev/null", "-w", "%{http_code}", auth="Authorization: Bearer wrong").stdout == b"401"


@pytest.mark.parametrize("by, key", [("inetd", "tls"), ("tcpsvd", "tls"), ("tcpsvd", "rsa")])
def test_tls(router, by, key):
    assert https(router.services[by, key]).stdout == b"ok\n"


@pytest.mark.parametrize("by", ["inetd", "tcpsvd"])
@pytest.mark.parametrize("exchange", ["curve25519-sha256", "sntrup761x25519-sha512@openssh.com"])
def test_ssh(router, by, exchange):
    service = router.services[by, "ssh"]
    done = service.ssh(options=("-o", f"KexAlgorithms={exchange}"), timeout=120)
    assert (done.returncode, done.stdout) == (0, b"ok\n"), done.stderr
    assert service.ssh(key=MALLORY, timeout=120).returncode == 255
    assert "/run -> /var/run" in router.run("ls -l -d /run"), "where there was no /run"


def test_a_role(router):
    """By its own token, which is found by a digest, and by which the command is another one."""
    folder = "/etc/bastion/roles/deploy"
    router.run(f"mkdir -p {folder}/tokens.d; echo 'echo $BASTION_ROLE' >{folder}/FORCE_COMMAND; echo {token('of deploy').strip()} >{folder}/tokens.d/ci.token")
    assert curl(router.services["tcpsvd", "http"], auth=bearer("of deploy")).stdout == b"deploy\n"
    assert curl(router.services["tcpsvd", "http"]).stdout == b"ok\n"


def test_confined(router):
    """Whatever reads a client's bytes has given up what it does not need, and the kernel refuses it the calls that it does not make: the
    filter knows them by this processor's numbers."""
    ssh, tls = router.services["tcpsvd", "ssh"], router.services["tcpsvd", "tls"]
    with held(router), ssh.start() as one, ThreadPoolExecutor() as pool:
        other = pool.submit(https, tls)
        wait_for(lambda: router.sleepers() == 2, "two commands", seconds=120)
        states = router.states("Uid", "CapEff", "Seccomp")
        router.run("rm /tmp/hold")
        assert (one.wait(timeout=120), other.result().stdout) == (0, b"ok\n")
    assert {name: state for name, *state in states if state[2] == "2"} == {
        "tls": [str(ACCOUNT_TLS), NOTHING, "2"], "http": [str(ACCOUNT_HTTP), NOTHING, "2"], "tinysshd": ["0", "00000000000000e9", "2"], "-bastion": ["1000", NOTHING, "2"]}


def test_ssh_on_a_terminal(router):
    router.run("echo 'tty; stty size' >/etc/bastion/FORCE_COMMAND")
    terminal = Terminal(router.services["tcpsvd", "ssh"])
    terminal.read_until(b"/dev/pts/", seconds=120)
    terminal.read_until(b"33 99")
    assert terminal.wait() == 0
    terminal.close()


def test_memory_of_tinysshd(router):
    """It has 670 KB of buffers, of which a session touches a tenth; the kernel locks pages as they are touched (mlock2(2)). What its
    executable has is all its own here, where no other session goes on."""
    with held(router), router.services["tcpsvd", "ssh"].start() as client:
        assert client.stdout.read(3) == b"ok\n"
        peak, = [peak for words, peak, _ in router.processes() if words.startswith("tinysshd ")]
        (_, locked), = [state for state in router.states("VmLck") if state[0] == "tinysshd"]
        router.run("rm /tmp/hold")
        assert client.wait(timeout=120) == 0
    assert peak < 500 and int(locked) > 600, (peak, locked)


def test_many_at_once(router):
    """Four sessions of SSH and four of HTTPS, all of them running: that much memory is there, and none is lost."""
    before = router.free()
    ssh, tls = router.services["tcpsvd", "ssh"], Https(router.services["tcpsvd", "tls"])

    def release():
        try:
            wait_for(lambda: router.sleepers() == 8, "eight commands", seconds=120)
            return router.free()
        finally:
            router.run("rm /tmp/hold")

    with held(router):
        *said, left = together([*[lambda: ssh.ssh(timeout=150).stdout] * 4, *[lambda: tls_harness.curl(tls).stdout] * 4, release])
    assert said == [b"ok\n"] * 8
    assert left > 1024, f"{before} KiB were free, {left} are"
    wait_for(lambda: not router.processes(), "all sessions end", seconds=PATIENCE)
    assert "Out of memory" not in router.run("dmesg")
