"""Much data, each way and with each cipher, by checksum; slow readers; records as output comes."""
import hashlib
import ssl
import subprocess
import threading

import pytest
from harness import AUTH, UNTIL_GO, request
from tls_harness import NAME, TlsClient, TlsServer, authority, s_client

MIB = 1 << 20
# Bytes that repeat in no record's length, so that one lost or doubled is seen.
PATTERN = hashlib.sha512(b"bastion").digest() * 1024 + b"x"  # 65537 bytes
MAKE = "python3 -c 'import sys, hashlib\nw = sys.stdout.buffer.write\np = hashlib.sha512(b\"bastion\").digest() * 1024 + b\"x\"\nfor i in range(%d): w(p)'"


def digest(count):
    h = hashlib.sha256()
    for _ in range(count):
        h.update(PATTERN)
    return h.hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize("suite", ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"])
def test_down(start, suite):
    """1 GiB with the first cipher, 128 MiB with the others."""
    count = (1 << 30) // 65537 if "AES128" in suite else 2047
    server = start(TlsServer, FORCE_COMMAND=MAKE % count)
    with subprocess.Popen(["curl", "-sS", "--tls-max", "1.2", "--ciphers", suite, "--cacert", authority().crt, "--noproxy", "*", "--resolve",
                           f"{NAME}:{server.port}:127.0.0.1", "-H", AUTH, server.url()], stdout=subprocess.PIPE) as process:
        assert hashlib.file_digest(process.stdout, "sha256").hexdigest() == digest(count)
    assert process.returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("suite", ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"])
def test_up(start, suite):
    count = (1 << 30) // 65537 if "AES128" in suite else 2047
    server = start(TlsServer, FORCE_COMMAND="exec sha256sum", HTTP_STDIN="body", HTTP_HOLD_MS="600000")
    with subprocess.Popen(["curl", "-sS", "--tls-max", "1.2", "--ciphers", suite, "--cacert", authority().crt, "--noproxy", "*", "--resolve",
                           f"{NAME}:{server.port}:127.0.0.1", "-H", AUTH, "-T", "-", "-X", "POST", server.url()],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        for _ in range(count):
            process.stdin.write(PATTERN)
        process.stdin.close()
        assert process.stdout.read().decode().split()[0] == digest(count)
    assert process.wait() == 0


@pytest.mark.parametrize("count", [40, pytest.param(2000, marks=pytest.mark.slow)])
def test_both_ways_at_once(start, count):
    """Through a program that reads and writes: neither direction waits for the other."""
    server = start(TlsServer, program=("cat",))
    argv = ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1_2", "-quiet"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as client:
        sent = threading.Thread(target=lambda: [client.stdin.write(PATTERN) for _ in range(count)] and client.stdin.flush())
        sent.start()
        h, n = hashlib.sha256(), 0
        while n < count * len(PATTERN):
            piece = client.stdout.read1(MIB)
            assert piece, f"it ended after {n} bytes"
            h.update(piece)
            n += len(piece)
        sent.join()
        client.kill()
    assert h.hexdigest() == digest(count)


def test_records(start):
    """A record as soon as there is output, full ones when there is much at once."""
    server = start(TlsServer, program=("sh", "-c", f"printf a; {UNTIL_GO}; printf b; {UNTIL_GO.replace('go', 'more')}; dd if=/dev/zero bs=163840 count=1 2>/dev/null"))
    sizes = []
    with TlsClient(server) as client:
        assert client.sock.recv(100) == b"a"
        server.go()
        assert client.sock.recv(100) == b"b"
        server.go("more")
        while piece := client.sock.recv(MIB):  # a record at a time
            sizes.append(len(piece))
    assert sum(sizes) == 163840
    assert max(sizes) == 16384


def test_small_fragments(start):
    """A client that can take no more than 512 bytes at once (RFC 6066, section 4)."""
    server = start(TlsServer, program=("sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x"))
    assert s_client(server, "-tls1_2", "-quiet", "-maxfraglen", "512").count("x" * 512) == 100000 // 512


def test_slow_reader(start):
    """One that stops reading stops the program, not the process; then all of it comes."""
    count = 200
    server = start(TlsServer, FORCE_COMMAND=f"{MAKE % count}; echo $? >$T/status", HTTP_HOLD_MS="0")
    with TlsClient(server, receive_buffer=4096) as client:
        client.send(request(version="HTTP/1.0"))
        head = client.head()
        first = client.file.read(1000)
        assert not (server.t / "status").exists()
        body = first + client.file.read()
    assert head.status == 200
    assert hashlib.sha256(body).hexdigest() == digest(count)


# ---- a body that the command does not take ----

@pytest.mark.parametrize("size, options, status", [(20, {}, 200), (20, {"auth": None}, 401), (60, {}, 413)], ids=str)
def test_body_that_nobody_takes(start, size, options, status):
    """For a client that reads nothing before it has sent all."""
    server = start(TlsServer)
    with TlsClient(server) as client:
        client.send(request(method="POST", body=bytes(size * MIB), **options))
        assert client.answer().status == status


def test_slow_body_that_nobody_takes(start):
    """The answer is there before the body's end, which is read all the same."""
    server = start(TlsServer)
    with TlsClient(server) as client:
        client.send(request(f"Content-Length: {20 * MIB}", method="POST", body=bytes(MIB)))
        answer = client.answer()
        assert (answer.status, answer.body, answer["Connection"]) == (200, b"ok\n", "close")
        for _ in range(19):
            client.sock.sendall(bytes(MIB))
    server.settle()


def test_large_body_and_a_broken_answer(start):
    """All of the output is there, and then it breaks."""
    server = start(TlsServer, FORCE_COMMAND="echo first; sleep 0.3; echo second; exit 3", HTTP_HOLD_MS="20")
    with TlsClient(server) as client:
        client.send(request(method="POST", body=bytes(20 * MIB)))
        assert client.head().status == 200
        assert [client.chunk(), client.chunk()] == [b"first\n", b"second\n"]
        with pytest.raises(ssl.SSLError):
            client.chunk()
