"""tinysshd that is taken over, before a login and behind it. It is root and reads what clients send; each thing that would help
whoever has it is tried, and its errno shown."""
import contextlib
import errno
import re
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest
from harness import BASTION, reachable
from ssh_harness import TINYSSHD, SshServer
from test_hostile import ROOT, SOURCES, WITHOUT, double

pytestmark = pytest.mark.root


WHEN = ["before the login", "behind the login"]


def build(when, folder, engine, real=TINYSSHD):
    """Makes the double; `engine` is the socket's path and `real` that of tinysshd itself where it will run."""
    places = {"HOSTILE_SOCKET": engine, "TLS_KEY": "/etc/bastion/HTTP_TOKEN", "RUN_DIR": "/run/bastion", "REAL": real}
    defines = [f'-D{name}="{value}"' for name, value in places.items()] + ["-DRUNS_ITSELF"]
    if when == WHEN[0]:
        more = ["-DBEFORE_LOGIN"]
    else:
        more = ["-Wl,--wrap=channel_open", *(ROOT / "build/vendor/tinyssh").glob("[!_]*.o")]
    subprocess.run([ROOT / "build/vendor/musl/root/bin/musl-gcc", "-std=c11", "-D_GNU_SOURCE", "-O1", "-fPIE", "-Wall", "-Werror", *defines,
                    "-o", folder / "tinysshd", SOURCES / "sshd.c", SOURCES / "attempts.c", *more], check=True)


def what_it_says(server, when):
    """All that the server sends, while a client logs in through here."""
    said = b""
    if when == WHEN[0]:
        with socket.create_connection((server.host, server.port)) as s, s.makefile("rb") as answer:
            return answer.read()
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        client = server.start(options=("-p", str(proxy.getsockname()[1])))
        near, _ = proxy.accept()
        with near, socket.create_connection((server.host, server.port)) as far:
            threading.Thread(target=pump, args=(near, far), daemon=True).start()
            while piece := far.recv(65536):
                said += piece
                with contextlib.suppress(OSError):  # the client minds what stands between the packets
                    near.sendall(piece)
    client.communicate()
    return said


def pump(near, far):
    with contextlib.suppress(OSError):
        while piece := near.recv(65536):
            far.sendall(piece)


def taken_over(start, engine, when, *wrap):
    """What each attempt came to."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        build(when, folder, engine)
        bastion = reachable(shutil.copy(BASTION, folder / "bastion"))
        shutil.copy(folder / "tinysshd", Path(bastion).parent / "tinysshd")
    server = start(SshServer, program=(*wrap, bastion, "ssh"), prepare=keep_a_secret)
    return attempts(what_it_says(server, when))


def attempts(text):
    found = re.findall(rb"attempt (\S+) (\d+)\n", text)
    assert len(found) > 20
    return {name.decode(): errno.errorcode.get(int(code), "OK") for name, code in found}


def keep_a_secret(server):
    (server.etc / "HTTP_TOKEN").write_text("secret")
    (server.etc / "HTTP_TOKEN").chmod(0o600)


# What it needs for its work, or what leads nowhere: it is root still, and its account's processes are its own.
ITS_WORK = {"outlive-parent", "read-passwd", "fork", "setuid", "setgroups", "dumpable", "executable-memory", "much-memory"}


def it_is_held(found):
    assert {name for name, result in found.items() if result == "OK"} <= ITS_WORK
    assert {found[name] for name in ("docker-socket", "log-socket", "write-run-dir", "write-lock", "exec")} == {"EACCES"}
    assert {found[name] for name in ("parent-stop", "parent-trace", "parent-memory", "init-kill-0")} == {"EPERM"}
    assert found["tcp-connect"] == found["tcp-listen"] == "EAFNOSUPPORT"


@pytest.mark.parametrize("when", WHEN)
def test_sshd(start, engine, when):
    found = taken_over(start, engine, when)
    it_is_held(found)
    assert found["read-key"] == found["read-settings"] == "EACCES"


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("lacks", ["landlock", "seccomp"])
def test_sshd_where_a_means_lacks(start, engine, lacks, when):
    """Without Landlock it can open what root can; without the filter it can connect, and set limits of root's processes."""
    found = taken_over(start, engine, when, *WITHOUT, lacks)
    succeeded = {name for name, result in found.items() if result == "OK"}
    if lacks == "seccomp":
        # (who owns a descriptor may be said; the signal would not reach him: Landlock)
        assert succeeded <= ITS_WORK | {"docker-socket", "log-socket", "userfaultfd", "memfd", "unshare", "io-uring", "keyctl", "init-limits",
                                        "parent-limits", "owner-signal", "parent-owner", "parent-owner-ioctl"}
    else:
        assert "exec" not in found  # what it becomes is held, and killed: it has no word of it
        assert not succeeded & {"docker-socket", "log-socket", "tcp-connect", "tcp-listen", "parent-trace", "parent-memory", "mount", "unshare", "bpf"}


# ---- the login shell ----

SHELL = {"before it is confined": ("front_wait_ready", "BEFORE_CONFINEMENT", "RUNS_ITSELF"), "behind": ("front_run",)}


def build_shell(when, engine):
    """The whole of bastion, whose login shell tries everything."""
    function, *defines = SHELL[when]
    places = {"HOSTILE_SOCKET": engine, "TLS_KEY": "/etc/bastion/HTTP_TOKEN", "RUN_DIR": "/run/bastion"}
    return double("shell", function, defines=(*defines, *(f'{name}="{value}"' for name, value in places.items())))


def shell_is_held(found, when):
    """It is of the command's account, and can reach none of bastion's; once it is confined nothing is left to it at all."""
    assert found.pop("tcp-fast-open") == "ENOTSOCK" and found.pop("own-environment") == "ENOENT"
    if when == "behind":
        assert {found.pop(name) for name in ("executable-memory", "much-memory")} == {"ENOMEM"}
        assert found == dict.fromkeys(found, "EPERM")
    else:
        assert {name for name, result in found.items() if result == "OK"} == {"read-passwd", "fork", "executable-memory", "much-memory", "dumpable", "outlive-parent"}
        # (in a container a file system may be read-only, and what is looked for not there)
        assert set(found.values()) <= {"OK", "EACCES", "EPERM", "EAFNOSUPPORT", "EROFS", "ENOENT"}


@pytest.mark.parametrize("when", SHELL)
def test_shell(start, engine, when):
    """It still does its work: nothing that it needs was refused."""
    program = build_shell(when, engine)
    shutil.copy(TINYSSHD, Path(program).parent)
    server = start(SshServer, program=(program, "ssh"), more=f"sed -i 's#{BASTION}$#{program}#' /etc/passwd", prepare=keep_a_secret)
    done = server.ssh()
    assert done.stdout.endswith(b"ok\n") and done.returncode == 0
    shell_is_held(attempts(done.stdout), when)
