"""A process of bastion's that is taken over: what is left to whoever has it. The doubles are built from the objects of the shipped
executable, one function of its own being replaced (hostile/); each tries everything that would help it, and says by name and
errno what came of it."""
import errno
import functools
import re
import subprocess
import tempfile
from pathlib import Path

import pytest
from harness import Client, Server, ask, reachable, request
from tls_harness import TlsServer, curl

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SOURCES = HERE / "hostile"
WITHOUT = ["/usr/bin/python3", str(HERE / "without_calls.py")]


COMPILER = [ROOT / "build/vendor/musl/root/bin/musl-gcc", "-std=c11", "-D_GNU_SOURCE", "-O1", "-fPIE", "-Wall", "-Werror", f"-I{ROOT}/src",
            f"-I{SOURCES}", "-isystem", ROOT / "build/vendor/bearssl/inc"]


def compiled(*words):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "bastion"
        subprocess.run([*COMPILER, "-o", out, *words, SOURCES / "attempts.c"], check=True)
        return reachable(out)


@functools.cache
def double(source, *functions, defines=()):
    """The executable in which `functions` are those of hostile/SOURCE.c."""
    objects = sorted(str(ROOT / "build/obj" / path.relative_to(ROOT).with_suffix(".o")) for room in ("src", "init") for path in (ROOT / room).rglob("*.c"))
    return compiled(*(f"-D{name}" for name in defines), *(f"-Wl,--wrap={name}" for name in functions), SOURCES / f"{source}.c", *objects,
                    ROOT / "build/vendor/bearssl/build/libbearssl.a")


@functools.cache
def command():
    """A program of its own that tries the same."""
    return compiled(SOURCES / "command.c")


def attempts(text):
    """What each one came to: {name: errno's name, or OK}."""
    found = re.findall(rb"^attempt (\S+) (\d+)$", text, re.M)
    found = [(name.decode(), code) for name, code in found]
    assert len(found) == len({name for name, _ in found}) > 30
    return {name: errno.errorcode.get(int(code), "OK") for name, code in found}


TLS = {"before the handshake": ("tunnel_shake_hands", ("BEFORE_HANDSHAKE",)), "behind the handshake": ("tunnel_carry", ())}
HTTP = {"at the first byte": ("input_read", ("FIRST_BYTE",)), "behind a right credential": ("handler_run", ())}


# What no command can either, nor anything else that is not root.
NEVER = {"own-environment", "read-key", "write-run-dir", "write-lock", "setuid", "setgroups", "chroot", "mount",
         "init-module", *(f"parent-{what}" for what in ("environment", "memory-file", "memory", "trace", "limits", "stop", "kill-0", "affinity", "descriptor")),
         *(f"init-{what}" for what in ("limits", "kill-0", "memory", "environment"))}

# Without the filter of calls there are still the account, the limits and Landlock: of these that succeed none leads anywhere.
# That somebody is named as the owner of a descriptor is no signal to him yet: the kernel looks at the accounts when it comes to that.
HARMLESS = {"memfd", "dumpable", "executable-memory", "userfaultfd", "unshare", "outlive-parent", "parent-owner", "parent-owner-ioctl",
            "owner-signal"}


def taken_over(start, engine, when, *wrap, **more):
    function, defines = TLS[when]
    server = start(TlsServer, bastion=(*wrap, double("tls", function, defines=defines)), HOSTILE_SOCKET=engine, **more)
    assert curl(server).stdout == b"ok\n"  # it still does its work: nothing that it needs was refused
    found = attempts(server.log_text())
    assert found.pop("own-environment") == "ENOENT"
    return found


def nothing_is_left(found):
    assert {found.pop(name) for name in ("executable-memory", "much-memory")} == {"ENOMEM"}  # which is what musl makes of EPERM
    assert found.pop("tcp-fast-open") in ("EISCONN", "EOPNOTSUPP")  # sendto(2) is there, for the connection alone
    assert found == dict.fromkeys(found, "EPERM")


@pytest.mark.parametrize("when", TLS)
def test_tls(start, engine, when):
    """Of all these calls none is left to it; the administrator's secrets are not in its environment."""
    found = taken_over(start, engine, when)
    nothing_is_left(found)


def what_remains(found, calls):
    succeeded = {name for name, result in found.items() if result == "OK"}
    if calls == "landlock":
        assert not succeeded
    elif calls == "seccomp":
        assert succeeded <= HARMLESS | {"docker-socket", "log-socket"}  # a path that everybody may connect to
    else:
        assert succeeded <= HARMLESS | {"docker-socket", "log-socket", "tcp-connect", "read-passwd", "read-settings", "write-tmp"}



@pytest.mark.root
@pytest.mark.parametrize("when", TLS)
@pytest.mark.parametrize("calls", ["landlock", "seccomp", "landlock,seccomp"])
def test_tls_where_a_means_lacks(start, engine, when, calls):
    """Each of the others holds."""
    found = taken_over(start, engine, when, *WITHOUT, calls, **({"HOSTILE_NO_EXEC": "1"} if calls == "landlock,seccomp" else {}))
    what_remains(found, calls)


# ---- the front of HTTP ----

def taken_over_front(start, engine, when, *wrap, **more):
    function, defines = HTTP[when]
    server = start(Server, program=(*wrap, double("http", function, defines=defines), "http"), env={"HOSTILE_SOCKET": engine, **more.pop("env", {})}, **more)
    with Client(server) as client:
        found, response = client.send(request(close=True)).file.read().split(b"HTTP/1.1 ", 1)
    assert response.startswith(b"200 ")
    found = attempts(found)
    assert found.pop("own-environment") == "ENOENT"
    return found


@pytest.mark.parametrize("when", HTTP)
@pytest.mark.parametrize("user", [pytest.param(None, marks=pytest.mark.root, id="root"), pytest.param("nobody", marks=pytest.mark.root, id="one account")])
def test_http(start, engine, when, user):
    """Where front, monitor and command are of one account, too."""
    nothing_is_left(taken_over_front(start, engine, when, user=user))


@pytest.mark.root
@pytest.mark.parametrize("when", HTTP)
@pytest.mark.parametrize("calls", ["landlock", "seccomp", "landlock,seccomp"])
def test_http_where_a_means_lacks(start, engine, when, calls):
    """Each of the others holds."""
    found = taken_over_front(start, engine, when, *WITHOUT, calls, env={"HOSTILE_NO_EXEC": "1"} if "seccomp" in calls else {})
    what_remains(found, calls)


# ---- the command ----

@pytest.mark.root
def test_command(start, engine):
    """Under a superserver on a host. It is let out, to the engine too, and may start what it likes; of bastion's it has nothing."""
    server = start(Server, FORCE_COMMAND=f"exec {command()}", env={"HOSTILE_SOCKET": engine, "HOSTILE_NO_EXEC": "1"})
    found = attempts(ask(server).body)
    assert {found[name] for name in ("docker-socket", "fork", "read-passwd")} == {"OK"}
    assert {found[name] for name in NEVER} <= {"EPERM", "EACCES", "ESRCH", "ENOENT", "EROFS", "ENOSYS"}
