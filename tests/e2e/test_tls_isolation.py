"""Who holds what: the key, privileges, descriptors; and what a superserver says of the connection."""
import contextlib
import os
import re

import pytest
from harness import BASTION, UNTIL_GO, parse_line, request, wait_for, syslog
from test_tls_endings import Memory
from tls_harness import TlsClient, TlsServer, curl, openssl, pair, s_client

WAITS = f": >$T/started; {UNTIL_GO}"


def status(pid, name):
    return re.search(rf"^{name}:[ \t]*(.*)$", open(f"/proc/{pid}/status").read(), re.M)[1]


def secrets(certificate):
    """What must not be found: the key as bytes, and a line of its file."""
    raw = re.search(r"priv:\n((?: +[0-9a-f:]+\n)+)", openssl("pkey", "-in", certificate.key, "-noout", "-text"))[1]
    return [bytes.fromhex(re.sub(r"[\s:]", "", raw))[-32:], certificate.key.read_text().splitlines()[1].encode()]


def holds(pid, needles):
    """Which of them are anywhere in its memory."""
    found = set()
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in open(f"/proc/{pid}/maps"):
            span, mode, *rest = line.split()
            start, end = (int(x, 16) for x in span.split("-"))
            if "r" not in mode or rest[-1] in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
                continue
            memory.seek(start)
            data = memory.read(end - start)
            found |= {needle for needle in needles if needle in data}
    return found


@pytest.mark.root
def test_the_key(start):
    """In the memory of one process alone, and there only until the handshake is through."""
    server = start(TlsServer, FORCE_COMMAND=WAITS)
    needles = secrets(server.certificate)
    with Memory(server) as client:
        client.step(client.tls.do_handshake, limit=60)
        tls = wait_for(lambda: [p for p in server.processes(BASTION, "tls") if status(p, "Uid").split()[0] == "65527"], "it has dropped")[0]
        waiting = [p for p in server.processes(BASTION, "tls") if p != tls]
        assert len(waiting) == 1
        assert holds(tls, needles) == {needles[0]}  # the scan works, and the file's text is gone already
        assert holds(waiting[0], needles) == set()
    with TlsClient(server) as client:
        client.send(request())
        server.wait_file("started")
        http, tls = server.processes(BASTION, "http"), server.processes(BASTION, "tls")
        everything = server.processes()
        assert (len(http), len(tls)) == (2, 1) and len(everything) >= 5  # the superserver and the command too
        for pid in everything:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the command's sleeps end
                assert holds(pid, needles) == set()
        assert holds(http[0], needles) == holds(http[1], needles) == holds(tls[0], needles) == set()
        server.go()
        assert client.answer().status == 200


@pytest.mark.root
def test_privileges(start):
    server = start(TlsServer, FORCE_COMMAND=WAITS)
    with TlsClient(server) as client:
        client.send(request())
        server.wait_file("started")
        tls, (http, front) = server.processes(BASTION, "tls")[0], sorted(server.processes(BASTION, "http"), key=lambda p: status(p, "NoNewPrivs"))
        assert status(tls, "Uid").split() == status(tls, "Gid").split() == ["65527"] * 4
        assert status(tls, "Groups") == ""
        assert (status(tls, "NoNewPrivs"), status(tls, "CapEff"), status(tls, "CapPrm")) == ("1", "0" * 16, "0" * 16)
        assert re.search(r"Max processes\s+0\s+0 ", open(f"/proc/{tls}/limits").read())
        assert os.stat(f"/proc/{tls}/mem").st_uid == 0  # not dumpable: its own account can't look into it
        assert status(http, "Uid").split() == ["0"] * 4
        assert status(front, "Uid").split() == status(front, "Gid").split() == ["65525"] * 4
        assert (status(front, "Groups"), status(front, "CapEff"), status(front, "CapPrm")) == ("", "0" * 16, "0" * 16)
        children = open(f"/proc/{tls}/task/{tls}/children").read().split()
        assert children == [str(http)]
        # The client's connection is the one process's alone.
        mine = {fd: os.readlink(f"/proc/{tls}/fd/{fd}") for fd in os.listdir(f"/proc/{tls}/fd")}
        theirs = {(p, fd): os.readlink(f"/proc/{p}/fd/{fd}") for p in (http, front) for fd in os.listdir(f"/proc/{p}/fd")}
        assert not {mine["0"], mine["1"]} & set(theirs.values())
        assert len(mine) == 4  # 0, 1, 2, the program's socket: other clients' sessions are closed too
        server.go()
        client.answer()


def test_ordinary_user(start, tmp_path):
    """No root anywhere: the same, but for the account."""
    if os.geteuid() != 0:
        pytest.skip("is what all tests do")
    os.chmod(tmp_path, 0o755)
    key = tmp_path / "key"
    key.write_bytes(pair().key.read_bytes())
    os.chown(key, 65534, 65534)
    for folder in tmp_path.parents:
        os.chmod(folder, os.stat(folder).st_mode | 0o005) if str(folder).startswith("/tmp/") else None
    crt = tmp_path / "crt"
    crt.write_bytes(pair().crt.read_bytes())
    server = start(TlsServer, user="nobody", FORCE_COMMAND="id -u", TLS_CERT=str(crt), TLS_KEY=str(key))
    assert curl(server).stdout == b"65534\n"
    assert (server.run_dir / "tls-sessions").stat().st_uid == 65534


# ---- superservers ----

@pytest.mark.parametrize("kind", ["tcpsvd", "tcpserver"])
def test_superserver(start, kind):
    server = start(TlsServer, kind=kind, FORCE_COMMAND="echo $BASTION_PEER")
    assert curl(server).stdout == b"127.0.0.1\n"




def inetd(server, script=f"exec {BASTION} http"):
    """The program is a script: inetd.conf has no quotes, and openbsd-inetd takes SSH_* away."""
    path = server.home / "program"
    path.write_text(f"#!/bin/sh\nexport SSH_USER=nobody\n{script}\n")
    os.chmod(path, 0o755)
    conf = server.home / "inetd.conf"
    conf.write_text(f"{server.host}:{server.port} stream tcp4 nowait.400 root {BASTION} bastion tls {path}\n")
    return ["/usr/sbin/inetd", "-i", str(conf)]


@pytest.mark.root
def test_inetd(start):
    """0, 1 and 2 are the client's connection: the peer comes from it, and the log goes to syslog."""
    with syslog() as (log, listen):
        server = start(TlsServer, argv=inetd, before=listen, FORCE_COMMAND="echo $BASTION_PEER; echo complaint >&2")
        assert curl(server).stdout == b"127.0.0.1\ncomplaint\n"
        assert curl(server, path="/cgi-bin/run", auth="Authorization: Bearer wrong").stdout == b"The credential is missing or wrong.\n"
        log.settimeout(10)
        events = []
        while len(events) < 3:
            line = log.recv(8192).decode()
            if ">bastion[" in line:
                events.append(parse_line(line.split(": ", 1)[1]))
        assert [(e["event"], e["peer"]) for e in events] == [("start", "127.0.0.1"), ("end", "127.0.0.1"), ("login", "127.0.0.1")]
        assert server.log_text() == b""


@pytest.mark.root
def test_standard_error_is_encrypted_too(start):
    """Under inetd a program's descriptor 2 is the client's: not a byte of it may get out in clear text."""
    server = start(TlsServer, argv=lambda s: inetd(s, "echo out; echo err >&2"))
    assert s_client(server, "-tls1_2", "-quiet").startswith("out\nerr\n")
