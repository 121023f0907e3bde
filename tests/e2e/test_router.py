"""What is different on routers (init/README.md, On a router): /run is a link or is not there, the kernel is old, / is flash memory."""
import os
import re
import socket
import struct
import subprocess
from pathlib import Path

import pytest
import tls_harness
from harness import BASTION, NOT_COUNTED, OWN_FOLDERS, SYSTEM_PATH, TOKEN, ask, curl, free_port, private, request
from init_harness import InitServer, NetServer
from ssh_harness import ALICE, MALLORY, SshServer, Terminal
from tls_harness import TlsServer

HERE = Path(__file__).parent
WITHOUT = ("/usr/bin/python3", str(HERE / "without_calls.py"))
OLD_KERNEL = [*WITHOUT, "getrandom"]
OLD = (*WITHOUT, "later")


# ---- /run ----

def own_root(server, run):
    """A root folder as OpenWrt's: /var is a link to /tmp, where everybody may write, and which is memory. `run`: what makes /run."""
    new, program = server.home / "root", Path(BASTION).parent
    return f"""
n={new}; mkdir $n; mount -t tmpfs -o mode=755 tmpfs $n
for d in bin sbin lib lib32 lib64; do [ ! -L /$d ] || cp -a /$d $n/; done
for d in bin sbin lib lib32 lib64 usr etc proc sys dev; do
    [ -L /$d ] || [ ! -d /$d ] || {{ mkdir $n/$d; mount --rbind /$d $n/$d; }}
done
mkdir $n/tmp $n/old; mount -t tmpfs -o mode=1777 tmpfs $n/tmp; ln -s tmp $n/var; mkdir $n/tmp/run
for d in {server.home} {program} {HERE}; do mkdir -p $n$d; mount --bind $d $n$d; done
{run}
cd $n; pivot_root . old; cd /; umount -l old; rmdir old
"""


LINK, NOTHING = "ln -s /var/run $n/run", ""


@pytest.mark.root
@pytest.mark.parametrize("run", [LINK, NOTHING, "rmdir $n/tmp/run"], ids=["a link", "only /var/run", "neither"])
def test_ssh_where_run_is(start, run):
    server = start(OpenWrt, run=run)
    for _ in range(2):  # what the first login has made is there for the second
        done = server.ssh()
        assert (done.returncode, done.stdout) == (0, b"ok\n"), server.log_text()
    inside = server.inside("/run")
    assert os.readlink(inside) == "/var/run" if "rmdir" not in run else not inside.is_symlink()
    done = subprocess.run(["nsenter", "-t", str(server.process.pid), "-m", f"-r/proc/{server.process.pid}/root", BASTION, "check"],
                          env={"PATH": SYSTEM_PATH, **server.settings}, capture_output=True, text=True)
    assert (done.returncode, "is not a link" in done.stdout + done.stderr) == (0, False), done.stdout + done.stderr


class OpenWrt(SshServer):
    def __init__(self, run, **options):
        self.run_there = run
        super().__init__(**options)

    @property
    def more(self):
        return own_root(self, self.run_there)

    @more.setter
    def more(self, _):
        pass


@pytest.mark.root
@pytest.mark.parametrize("run", [LINK, NOTHING], ids=["a link", "only /var/run"])
def test_init_where_run_is(start, run):
    def words(server):
        return ["env", f"SSH_PORT={server.port}", BASTION, "init", "--address", "127.0.0.1"]

    server = start(OpenWrt, run=run, argv=words)
    assert server.ssh().stdout == b"ok\n", server.log_text()
    assert not [e for e in server.events("notice") if "not served" in e["reason"]]


@pytest.mark.root
def test_init_says_that_ssh_is_not_served(start):
    """Root is not told that it takes root."""
    def words(server):
        return ["env", f"HTTP_PORT={server.port}", BASTION, "init", "--address", "127.0.0.1"]

    server = start(OpenWrt, run=LINK, argv=words, prepare=spoil_home, HTTP_TOKEN=TOKEN)
    reasons = [event["reason"] for event in server.events()]
    assert "is not a link to /run/bastion/ssh" in server.log_text().decode(), reasons
    assert [r for r in reasons if "not served" in r] == ["SSH is not served, only HTTP: what it takes is missing"]


def spoil_home(server):
    (server.home / "agent/.ssh").mkdir()


# ---- flash memory ----

def test_a_login_writes_nothing_that_is_there(start):
    """Whoever connects, scanners too: what the first connection has made stays as it is."""
    server = start(SshServer)
    assert server.ssh().returncode == 0
    server.settle()
    before = written(server)
    assert {name for name, *_ in before} >= {"run/ssh/authorized_keys", "agent/.ssh"}
    for key in (MALLORY, ALICE):
        server.ssh(key=key)
        server.settle()
    assert written(server) == before


def written(server):
    """What files there are, and when each has been written: those of the lock, which is the run's, apart."""
    return {(str(path.relative_to(server.home)), path.lstat().st_mtime_ns, path.lstat().st_ctime_ns)
            for folder in ("run", "keys", "agent", "etc") for path in [server.home / folder, *(server.home / folder).rglob("*")]
            if path.name != "lock"}


@pytest.mark.root
@NOT_COUNTED
def test_a_stranger_writes_nothing(start, tmp_path):
    """And asks for nothing to be written at once, which wears flash memory most."""
    trace = tmp_path / "trace"  # the last connection's, since strace begins it anew
    server = start(SshServer, program=("strace", "-o", str(trace), "-e", "trace=file,fsync,fdatasync,sync,write", BASTION, "ssh"))
    for _ in range(2):
        with socket.create_connection((server.host, server.port)) as s:
            s.recv(1)
        server.settle()
    calls = trace.read_text()
    assert re.search(r"^openat.*/alice.pub", calls, re.M)
    assert not re.search(r"^\w*sync\(|^open\w*\(.*O_CREAT|^(rename|symlink|link|unlink|mkdir)\w*\(.*= 0$", calls, re.M), calls


# ---- little memory ----

def test_no_segment_is_larger_than_the_memory():
    """Linux starts no program with such a one, and a router with 32 MB has no more than 25 for programs (proc(5), overcommit_memory)."""
    data = Path(BASTION).read_bytes()
    order, wide = "<>"[data[5] - 1], data[4] == 2
    at = struct.unpack_from(order + "Q" if wide else order + "I", data, 32 if wide else 28)[0]
    size, count = struct.unpack_from(order + "HH", data, 54 if wide else 42)
    headers = [data[at + i * size:][:size] for i in range(count)]
    loaded = [h for h in headers if struct.unpack_from(order + "I", h)[0] == 1]  # PT_LOAD
    sizes = [struct.unpack_from(order + "Q" if wide else order + "I", h, 40 if wide else 20)[0] for h in loaded]
    assert len(sizes) > 2 and max(sizes) < 16 << 20, sizes


# ---- a kernel without IPv6 ----

@pytest.mark.root
def test_init_without_ipv6(start):
    """It listens at every address of IPv4."""
    server = start(NetServer, wrap=(*WITHOUT, "ipv6"))
    with server.at("198.51.100.7") as client:
        assert client.send(request(close=True)).answer().body == b"ok\n"
    assert not server.events("error")


# ---- a kernel as old as Linux 4.14: OpenWrt 19.07 has it ----

def test_http_on_an_old_kernel(start):
    """Which can't close all descriptors that a superserver left open by one call."""
    server = start(program=("sh", "-c", 'exec "$@" 9</etc/passwd', "sh", *OLD, BASTION, "http"),
                   FORCE_COMMAND="[ ! -e /proc/self/fd/9 ] || echo it is open; cat; exit 3", HTTP_STDIN="body", COMMAND_TIMEOUT="60")
    done = curl(server, "-d", "text")
    assert (done.stdout, server.events("end")[0]["exit"]) == (b"text", 3)


@pytest.mark.root
def test_tls_on_an_old_kernel(start):
    server = start(TlsServer, bastion=(*OLD, BASTION))
    assert [tls_harness.curl(server).stdout for _ in range(2)] == [b"ok\n"] * 2


@pytest.mark.root
def test_ssh_on_an_old_kernel(start):
    server = start(SshServer, program=(*OLD, BASTION, "ssh"), FORCE_COMMAND="tty; cat; exit 3")
    done = server.ssh(input=b"text")
    assert (done.returncode, done.stdout) == (3, b"not a tty\ntext")
    terminal = Terminal(server)
    terminal.read_until(b"/dev/pts/")
    terminal.send(b"\x04")
    assert terminal.wait() == 3
    terminal.close()


@pytest.mark.root
def test_init_on_an_old_kernel(start):
    server = start(InitServer, wrap=OLD, TLS="self-signed", HTTPS_PORT=str(free_port()))
    assert ask(server).body == b"ok\n" and server.ssh().stdout == b"ok\n"
    server.tell()
    assert server.end() == 0


@pytest.mark.parametrize("words", [("check",), ("token", "{}", "ci"), ("cert", "{}", "router.lan"), ("docker", "--version")])
def test_tools_on_an_old_kernel(tmp_path, words):
    environment = {"PATH": SYSTEM_PATH, "FORCE_COMMAND": "id", "HTTP_TOKEN": TOKEN, "SSH_USER": "nobody", "RUN_DIR": str(tmp_path)}
    done = subprocess.run([*OLD, BASTION, *[word.format(tmp_path) for word in words]], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


# ---- a kernel without getrandom(2), before 3.17 ----

def test_http_without_getrandom(start):
    server = start(program=(*OLD_KERNEL, BASTION, "http"))
    assert curl(server).stdout == b"ok\n"
    assert re.fullmatch("[0-9a-f]{16}", str(server.events("start")[0]["run"]))


def test_tls_without_getrandom(start):
    server = start(TlsServer, bastion=(*OLD_KERNEL, BASTION))
    assert tls_harness.curl(server).stdout == b"ok\n"


@pytest.mark.root
def test_ssh_without_getrandom(start):
    server = start(SshServer, program=(*OLD_KERNEL, BASTION, "ssh"))
    assert server.ssh().stdout == b"ok\n"


@pytest.mark.parametrize("words", [("token", "{}", "ci"), ("cert", "{}", "router.lan")])
def test_tools_without_getrandom(tmp_path, words):
    done = subprocess.run([*OLD_KERNEL, BASTION, *[word.format(tmp_path) for word in words]], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.root
def test_without_random_numbers(tmp_path):
    """Neither the call nor the device: a line, and an end, instead of a loop."""
    devices = f"mkdir {tmp_path}/dev; : >{tmp_path}/dev/null; mount --bind /dev/null {tmp_path}/dev/null; mount --rbind {tmp_path}/dev /dev"
    argv = private(f"{OWN_FOLDERS}\n{devices}", [*OLD_KERNEL, BASTION, "ssh"])
    done = subprocess.run(argv, env={"PATH": SYSTEM_PATH, "FORCE_COMMAND": "id", "PYTHONHASHSEED": "0"}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 71 and "no random numbers" in done.stderr, done
