"""bastion on a router of its own (machine.py): inetd and tcpsvd start `bastion http`, `tls` and `ssh`, curl and ssh come from outside."""
import pytest
import tls_harness
from harness import PATIENCE, curl, together, wait_for
from machine import COMMAND, Router
from ssh_harness import MALLORY, Terminal


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
    router.run(f"echo '{COMMAND}' >/etc/bastion/FORCE_COMMAND; touch /tmp/hold")
    with router.services["tcpsvd", "ssh"].start() as client:
        try:
            assert client.stdout.read(3) == b"ok\n"
            peak, = [peak for words, peak, _ in router.processes() if words.startswith("tinysshd ")]
            locked = router.run("cat /proc/$(pidof tinysshd)/status | sed -n 's/^VmLck:[^0-9]*//p'")
        finally:
            router.run("rm /tmp/hold")
        assert client.wait(timeout=120) == 0
    assert peak < 500 and int(locked.split()[0]) > 600, (peak, locked)


def test_many_at_once(router):
    """Four sessions of SSH and four of HTTPS, all of them running: that much memory is there, and none is lost."""
    router.run(f"echo '{COMMAND}' >/etc/bastion/FORCE_COMMAND; touch /tmp/hold")
    before = router.free()
    ssh, tls = router.services["tcpsvd", "ssh"], Https(router.services["tcpsvd", "tls"])

    def count():
        return router.run("grep -l '^sleep' /proc/[0-9]*/cmdline 2>/dev/null | wc -l; true").strip()

    def release():
        try:
            wait_for(lambda: count() == "8", "eight commands", seconds=120)
            return router.free()
        finally:
            router.run("rm /tmp/hold")

    *said, left = together([*[lambda: ssh.ssh(timeout=150).stdout] * 4, *[lambda: tls_harness.curl(tls).stdout] * 4, release])
    assert said == [b"ok\n"] * 8
    assert left > 1024, f"{before} KiB were free, {left} are"
    wait_for(lambda: not router.processes(), "all sessions end", seconds=PATIENCE)
    assert "Out of memory" not in router.run("dmesg")
