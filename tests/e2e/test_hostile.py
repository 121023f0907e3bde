"""A process of bastion's that is taken over: what is left to whoever has it. The doubles are built from the objects of the shipped
executable, one function of its own being replaced (hostile/); each tries everything that would help it, and says by name and
errno what came of it."""
import errno
import functools
import re
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest
from harness import reachable
from tls_harness import TlsServer, curl

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SOURCES = HERE / "hostile"
WITHOUT = ["/usr/bin/python3", str(HERE / "without_calls.py")]


@functools.cache
def double(source, function, *defines):
    """The executable in which `function` is the one of hostile/SOURCE.c."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "bastion"
        objects = sorted(str(ROOT / "build/obj" / path.relative_to(ROOT).with_suffix(".o")) for room in ("src", "init") for path in (ROOT / room).rglob("*.c"))
        subprocess.run([ROOT / "build/vendor/musl/root/bin/musl-gcc", "-std=c11", "-D_GNU_SOURCE", "-O1", "-fPIE", "-Wall", "-Werror", f"-I{ROOT}/src",
                        f"-I{SOURCES}", "-isystem", ROOT / "build/vendor/bearssl/inc", *(f"-D{name}" for name in defines), f"-Wl,--wrap={function}",
                        "-o", out, SOURCES / f"{source}.c", SOURCES / "attempts.c", *objects, ROOT / "build/vendor/bearssl/build/libbearssl.a"], check=True)
        return reachable(out)


def attempts(server, count=1):
    """What each one came to: {name: errno's name, or OK}. Nothing else may have been written to the log's place."""
    found = re.findall(r"^attempt (\S+) (\d+)$", server.log_text().decode(), re.M)
    assert len(found) == len({name for name, _ in found}) * count > 30
    return {name: errno.errorcode.get(int(code), "OK") for name, code in found}


@pytest.fixture
def engine(tmp_path):
    """Stands for the Docker engine: a socket that everybody may connect to."""
    tmp_path.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "sock"))
        (tmp_path / "sock").chmod(0o777)
        listener.listen()
        yield str(tmp_path / "sock")


TLS = {"before the handshake": ("tunnel_shake_hands", "BEFORE_HANDSHAKE"), "behind the handshake": ("tunnel_carry",)}


# Without the filter of calls there are still the account, the limits and Landlock: of these that succeed none leads anywhere.
HARMLESS = {"memfd", "dumpable", "executable-memory", "userfaultfd", "unshare"}


def taken_over(start, engine, when, *wrap, **more):
    function, *defines = TLS[when]
    server = start(TlsServer, bastion=(*wrap, double("tls", function, *defines)), HOSTILE_SOCKET=engine, **more)
    assert curl(server).stdout == b"ok\n"  # it still does its work: nothing that it needs was refused
    found = attempts(server)
    assert found.pop("own-environment") == "ENOENT"
    return found


@pytest.mark.parametrize("when", TLS)
def test_tls(start, engine, when):
    """Of all these calls none is left to it; the administrator's secrets are not in its environment."""
    found = taken_over(start, engine, when)
    assert {found.pop(name) for name in ("executable-memory", "much-memory")} == {"ENOMEM"}  # which is what musl makes of EPERM
    assert found == dict.fromkeys(found, "EPERM")


@pytest.mark.root
@pytest.mark.parametrize("when", TLS)
@pytest.mark.parametrize("calls", ["landlock", "seccomp", "landlock,seccomp"])
def test_tls_where_a_means_lacks(start, engine, when, calls):
    """Each of the others holds."""
    found = taken_over(start, engine, when, *WITHOUT, calls, **({"HOSTILE_NO_EXEC": "1"} if calls == "landlock,seccomp" else {}))
    succeeded = {name for name, result in found.items() if result == "OK"}
    if calls == "landlock":
        assert not succeeded
    elif calls == "seccomp":
        assert succeeded <= HARMLESS | {"docker-socket", "log-socket"}  # a path that everybody may connect to
    else:
        assert succeeded <= HARMLESS | {"docker-socket", "log-socket", "tcp-connect", "read-passwd", "read-settings", "write-tmp"}
