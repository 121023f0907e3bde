"""tinysshd that is taken over: another program in its place, which `bastion ssh` confines as it does tinysshd. It is root and reads
what clients send; each thing that would help whoever has it is tried, and its errno shown."""
import errno
import re
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest
from harness import BASTION, reachable
from ssh_harness import TINYSSHD, SshServer
from test_hostile import ROOT, SOURCES, WITHOUT, engine  # noqa: F401

pytestmark = pytest.mark.root


def taken_over(start, engine, *wrap):  # noqa: F811
    """What each attempt came to."""
    places = {"HOSTILE_SOCKET": engine, "TLS_KEY": "/etc/bastion/HTTP_TOKEN", "RUN_DIR": "/run/bastion"}
    places["REAL"] = reachable(TINYSSHD)
    macros = [f'-D{name}="{value}"' for name, value in places.items()] + ["-DRUNS_ITSELF"]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        folder.chmod(0o755)
        subprocess.run([ROOT / "build/vendor/musl/root/bin/musl-gcc", "-std=c11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Werror", "-static", *macros,
                        "-o", folder / "tinysshd", SOURCES / "sshd.c", SOURCES / "attempts.c"], check=True)
        bastion, double = reachable(shutil.copy(BASTION, folder / "bastion")), folder / "tinysshd"
        shutil.copy(double, Path(bastion).parent / "tinysshd")
    server = start(SshServer, program=(*wrap, bastion, "ssh"), prepare=keep_a_secret)
    with socket.create_connection((server.host, server.port)) as s, s.makefile("rb") as answer:
        found = re.findall(r"^attempt (\S+) (\d+)$", answer.read().decode(), re.M)
    assert len(found) > 20
    return {name: errno.errorcode.get(int(code), "OK") for name, code in found}


def keep_a_secret(server):
    (server.etc / "HTTP_TOKEN").write_text("secret")
    (server.etc / "HTTP_TOKEN").chmod(0o600)


# What it needs for its work, or what leads nowhere: it is root still, and its account's processes are its own.
ITS_WORK = {"outlive-parent", "read-passwd", "fork", "setuid", "setgroups", "dumpable", "executable-memory", "much-memory"}


def test_sshd(start, engine):  # noqa: F811
    found = taken_over(start, engine)
    assert {name for name, result in found.items() if result == "OK"} <= ITS_WORK
    assert {found[name] for name in ("docker-socket", "log-socket", "read-key", "read-settings", "write-run-dir", "write-lock", "exec")} == {"EACCES"}
    assert {found[name] for name in ("parent-stop", "parent-trace", "parent-memory", "init-kill-0")} == {"EPERM"}
    assert found["tcp-connect"] == found["tcp-listen"] == "EAFNOSUPPORT"


@pytest.mark.parametrize("lacks", ["landlock", "seccomp"])
def test_sshd_where_a_means_lacks(start, engine, lacks):  # noqa: F811
    """Without Landlock it can open what root can; without the filter it can connect, and set limits of root's processes."""
    found = taken_over(start, engine, *WITHOUT, lacks)
    succeeded = {name for name, result in found.items() if result == "OK"}
    if lacks == "seccomp":
        # (who owns a descriptor may be said; the signal would not reach him: Landlock)
        assert succeeded <= ITS_WORK | {"docker-socket", "log-socket", "userfaultfd", "memfd", "unshare", "io-uring", "keyctl", "init-limits",
                                        "parent-limits", "owner-signal", "parent-owner", "parent-owner-ioctl"}
    else:
        assert "exec" not in found  # what it becomes is held, and killed: it has no word of it
        assert not succeeded & {"docker-socket", "log-socket", "tcp-connect", "tcp-listen", "parent-trace", "parent-memory", "mount", "unshare", "bpf"}
