"""Where settings come from, and what becomes of a wrong one (bastion-settings(5), DESCRIPTION and DIAGNOSTICS)."""
import os
import re
import subprocess
from pathlib import Path

import pytest
from harness import AUTH, BASTION, IS_ROOT, NOT_COUNTED, OWN_FOLDERS, SANITIZERS, SYSTEM_PATH, TOKEN, Client, ask, private, settings_files

GOOD = {"FORCE_COMMAND": "echo ok", "HTTP_TOKEN": TOKEN}

# (setting, value)
INVALID = [
    ("COMMAND_TIMEOUT", "abc"), ("COMMAND_TIMEOUT", "-1"), ("COMMAND_TIMEOUT", "+1"), ("COMMAND_TIMEOUT", "1.5"), ("COMMAND_TIMEOUT", "10s"), ("COMMAND_TIMEOUT", " 1"),
    ("COMMAND_TIMEOUT", "0x10"), ("COMMAND_TIMEOUT", "99999999999999999999"), ("COMMAND_LOCK_WAIT", "soon"), ("COMMAND_LOCK", "maybe"), ("COMMAND_LOCK", "Skip"),
    ("COMMAND_LOCK", "skip "), ("COMMAND_LOCK", "skip refuse"), ("HTTP_HOLD_MS", "1s"), ("HTTP_HOLD_MS", "-1"), ("HTTP_STDIN", "yes"), ("HTTP_STDIN", "on"),
    ("ON_DISCONNECT", "stop"), ("AUDIT", "xml"), ("AUDIT", "JSON"), ("RUN_DIR", "relative/path"), ("SSH_USER", "no body"), ("SSH_USER", "-x"), ("SSH_USER", "a:b"),
    ("HTTP_BASIC_AUTH", "nocolon"), ("HTTP_BASIC_AUTH", ":sesame"), ("HTTP_BASIC_AUTH", "sesame:"), ("HTTP_BASIC_AUTH", "user:sesame\nx"),
    ("HTTP_TOKEN", "two\nlines"), ("HTTP_TOKEN", " sesame"), ("HTTP_TOKEN", "sesame "), ("HTTP_TOKEN", "t" * 5000), ("FORCE_COMMAND", " \n\t"), ("FORCE_COMMAND", None),
    ("COMMAND_PREFIX", "docker exec"), ("AUDIT_MASK", "("),
]


ROOM = {"SSH_USER": "nobody"} if IS_ROOT else {}


def check(settings, *arguments, before=None):
    env = {"PATH": SYSTEM_PATH, **SANITIZERS, **{k: v for k, v in settings.items() if v is not None}}
    argv = [BASTION, "check", *arguments]
    return subprocess.run(private(before, argv) if before else argv, env=env, capture_output=True, text=True)


@pytest.mark.parametrize("name, value", INVALID, ids=[f"{n}={v!r}"[:40] for n, v in INVALID])
def test_invalid_setting(start, name, value):
    """500 with no detail to the client, one line for the administrator; and `check` says the same."""
    server = start(**{name: value})
    for auth in (AUTH, None):
        answer = ask(server, auth=auth)
        assert (answer.status, answer.body, answer["Connection"]) == (500, b"Internal Server Error\n", "close")
    assert ask(server, target="/healthz").status == 500
    assert server.settled_runs() == 0
    faults = server.events("fault")
    assert len(faults) == 3 == len(server.log_lines())
    assert all(f["reason"].startswith(name + ":") and f["peer"] == "127.0.0.1" for f in faults)
    if value is not None:
        assert "from the environment" in faults[0]["reason"]
        if name in ("HTTP_TOKEN", "HTTP_BASIC_AUTH"):
            assert value not in faults[0]["reason"]
    found = check(server.settings)
    [line] = found.stderr.splitlines()
    assert found.returncode == 78 and line.startswith("fault: " + faults[0]["reason"].replace(r"\\", "\\"))
    assert found.stdout.endswith("\nIt does not work like this: 1 fault.\n")


@pytest.mark.root
@pytest.mark.parametrize("name", ["no-such-account", "root"])
def test_account_that_cannot_be(start, name):
    server = start(SSH_USER=name)
    assert ask(server).status == 500
    assert server.settled_runs() == 0
    assert name in server.events("fault")[0]["reason"]


def test_nothing_is_parsed_when_faulty(start):
    """Not even a request that is none."""
    server = start(AUDIT="xml")
    with Client(server) as client:
        client.send(b"\0\1\2 nonsense")
        assert client.answer().status == 500
        assert client.is_closed()


@pytest.mark.parametrize("name, value", [("HTTP_BASIC_AUTH", ""), ("COMMAND_LOCK", ""), ("HTTP_HOLD_MS", ""), ("AUDIT", ""), ("ALLOWED_COMMANDS", ""),
                                         ("COMMAND_TIMEOUT", ""), ("AUDIT_MASK", ""), ("HTTP_BASIC_AUTH_FILE", ""), ("FORCE_COMMAND_FILE", "")])
def test_empty_is_not_set(start, name, value):
    server = start(**{name: value})
    assert ask(server).body == b"ok\n"


@pytest.mark.parametrize("name, value", [("COMMAND_TIMEOUT", "007"), ("HTTP_HOLD_MS", "0"), ("HTTP_HOLD_MS", "3600000"), ("FORCE_COMMAND", "\n echo ok\n\n"), ("AUDIT_MASK", "a|b"),
                                         ("HTTP_PORT", "nonsense"), ("TLS_CERT", "relative")])
def test_valid_setting(start, name, value):
    """The last two are of no concern to http."""
    answer = ask(start(**{name: value}))
    assert (answer.status, answer.body) == (200, b"ok\n")


# ---- NAME_FILE ----

@pytest.mark.parametrize("content, token", [(TOKEN, TOKEN), (TOKEN + "\n", TOKEN), ("a b", "a b")], ids=repr)
def test_named_file(start, tmp_path, content, token):
    """Read before the account changes: only root can read it."""
    (tmp_path / "token").write_text(content)
    os.chmod(tmp_path / "token", 0o400)
    server = start(HTTP_TOKEN=None, HTTP_TOKEN_FILE=str(tmp_path / "token"))
    assert ask(server, auth="Authorization: Bearer " + token).status == 200


def test_named_file_of_the_command(start, tmp_path):
    (tmp_path / "command").write_text("echo one\necho two\n")
    assert ask(start(FORCE_COMMAND=None, FORCE_COMMAND_FILE=str(tmp_path / "command"))).body == b"one\ntwo\n"


def test_named_file_is_read_anew(start, tmp_path):
    """At every connection: a secret is changed without a restart."""
    (tmp_path / "token").write_text("one-token-of-many")
    server = start(HTTP_TOKEN=None, HTTP_TOKEN_FILE=str(tmp_path / "token"))
    assert ask(server, auth="Authorization: Bearer one-token-of-many").status == 200
    (tmp_path / "token").write_text("another-token-of-many")
    assert ask(server, auth="Authorization: Bearer another-token-of-many").status == 200


def test_name_wins_over_named_file(start, tmp_path):
    (tmp_path / "token").write_text("other-token")
    assert ask(start(HTTP_TOKEN_FILE="/no/such/file")).status == 200
    server = start(HTTP_TOKEN_FILE=str(tmp_path / "token"))
    assert ask(server).status == 200
    assert ask(server, auth="Authorization: Bearer other-token").status == 401


BAD_FILES = {
    "missing": lambda p: None,
    "empty": lambda p: p.write_text(""),
    "a newline": lambda p: p.write_text("\n"),
    "two newlines": lambda p: p.write_text(TOKEN + "\n\n"),
    "NUL": lambda p: p.write_bytes(TOKEN.encode() + b"\0more"),
    "carriage return": lambda p: p.write_bytes(TOKEN.encode() + b"\r\n"),
    "folder": lambda p: p.mkdir(),
    "pipe": lambda p: os.mkfifo(p),
    "too long": lambda p: p.write_text("t" * 100000),
    "device": lambda p: p.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_bad_named_file(start, tmp_path, kind):
    BAD_FILES[kind](tmp_path / "token")
    server = start(HTTP_TOKEN=None, HTTP_TOKEN_FILE=str(tmp_path / "token"))
    answer = ask(server, auth="Authorization: Bearer ")
    assert (answer.status, answer.body) == (500, b"Internal Server Error\n")
    assert server.settled_runs() == 0
    reason = server.events("fault")[0]["reason"]
    assert reason.startswith("HTTP_TOKEN:") and str(tmp_path / "token") in reason
    found = check(server.settings)
    assert found.returncode == 78 and found.stderr.startswith(f"fault: {reason}") and found.stderr.count("\n") == 1


# ---- folders ----

def folder_server(start, files, extra="", **settings):
    return start(before=OWN_FOLDERS + "mkdir /run/bastion/settings\n" + settings_files(files) + "\n" + extra, **settings)


@pytest.mark.root
def test_files_in_etc(start):
    server = folder_server(start, {"FORCE_COMMAND": "echo from file\n", "HTTP_TOKEN": "token-from-file", "HTTP_HOLD_MS": "500"}, FORCE_COMMAND=None, HTTP_TOKEN=None)
    answer = ask(server, auth="Authorization: Bearer token-from-file")
    assert (answer.status, answer.body) == (200, b"from file\n")


@pytest.mark.root
def test_order_of_places(start, tmp_path):
    """The environment, then a file that it names, then /etc/bastion; never /run/bastion/settings."""
    (tmp_path / "command").write_text("echo named file")
    extra = settings_files({"FORCE_COMMAND": "echo run"}, "/run/bastion/settings")
    files = {"FORCE_COMMAND": "echo etc"}
    assert ask(folder_server(start, files, extra, FORCE_COMMAND="echo environment")).body == b"environment\n"
    assert ask(folder_server(start, files, extra, FORCE_COMMAND=None, FORCE_COMMAND_FILE=str(tmp_path / "command"))).body == b"named file\n"
    assert ask(folder_server(start, files, extra, FORCE_COMMAND=None)).body == b"etc\n"
    assert ask(folder_server(start, files, FORCE_COMMAND=None)).body == b"etc\n"
    assert ask(folder_server(start, files, FORCE_COMMAND="")).body == b"etc\n"


@pytest.mark.root
@pytest.mark.parametrize("extra", ["chmod 666 /etc/bastion/FORCE_COMMAND", "chmod 777 /etc/bastion", "chown 4321 /etc/bastion/FORCE_COMMAND", "chown 4321 /etc/bastion", "chown 65534 /etc/bastion/FORCE_COMMAND; echo nobody >/etc/bastion/SSH_USER; chown 65534 /etc/bastion/SSH_USER",
                                   "rm /etc/bastion/FORCE_COMMAND; mkdir /etc/bastion/FORCE_COMMAND", "rm /etc/bastion/FORCE_COMMAND; mkfifo /etc/bastion/FORCE_COMMAND"])
def test_files_that_others_could_have_written(start, extra):
    server = folder_server(start, {"FORCE_COMMAND": "echo x >>$T/runs"}, extra, FORCE_COMMAND=None, **({"SSH_USER": None} if "SSH_USER" in extra else {}))
    assert ask(server).status == 500
    assert server.settled_runs() == 0
    assert "/etc/bastion" in server.events("fault")[0]["reason"]


@pytest.mark.root
def test_named_file_forms_in_a_folder_mean_nothing(start):
    server = folder_server(start, {"FORCE_COMMAND_FILE": "/etc/passwd", "NONSENSE": "x"})
    assert ask(server).body == b"ok\n"


@pytest.mark.root
def test_read_only_mount_of_kubernetes(start):
    """A ConfigMap's files are links into a folder that looks writable, on a mount that is not."""
    extra = """mkdir /etc/bastion/..data; mv /etc/bastion/FORCE_COMMAND /etc/bastion/..data/; ln -s ..data/FORCE_COMMAND /etc/bastion/FORCE_COMMAND
chmod 777 /etc/bastion /etc/bastion/..data; mount --bind /etc/bastion /etc/bastion; mount -o remount,bind,ro /etc/bastion"""
    assert ask(folder_server(start, {"FORCE_COMMAND": "echo mounted"}, extra, FORCE_COMMAND=None)).body == b"mounted\n"


# ---- check, help, usage ----

def test_check_shows_what_is_set(tmp_path):
    found = check({**GOOD, **ROOM, "RUN_DIR": str(tmp_path), "COMMAND_TIMEOUT": "77", "HTTP_BASIC_AUTH": "user:very-secret"})
    assert found.returncode == 0 and found.stderr == ""
    assert "COMMAND_TIMEOUT" in found.stdout and "77" in found.stdout
    assert "very-secret" not in found.stdout and TOKEN not in found.stdout


def test_check_of_a_request():
    found = check(GOOD, "anything")
    assert (found.returncode, found.stderr) == (0, "")
    assert "echo ok" in found.stdout


def test_check_runs_nothing(tmp_path):
    check({**GOOD, "FORCE_COMMAND": f"touch {tmp_path}/ran"}, "anything")
    assert not (tmp_path / "ran").exists()


@pytest.mark.root
def test_check_of_files():
    """As cgi sees them: the environment counts for nothing."""
    before = OWN_FOLDERS + settings_files({"FORCE_COMMAND": "echo file"})
    assert "echo ok" in check(GOOD, before=before).stdout
    found = check(GOOD, "--files", before=before)
    assert "echo file" in found.stdout and "echo ok" not in found.stdout
    assert check(GOOD, "--files", before=OWN_FOLDERS).returncode == 78


@pytest.mark.parametrize("arguments", [["nonsense"], ["HTTP"], [""], ["http", "x"], ["http", "--nonsense"], ["cgi", "x"], ["check", "a", "b"], ["check", "--nonsense"], ["-x"],
                                       ["init", "x"], ["init", "--address"], ["init", "--address", "here"], ["ssh", "x"], ["tls"], ["health", "x"], ["mux", "x"], ["proxy"], ["proxy", "-x"]], ids=str)
def test_usage(arguments):
    found = subprocess.run([BASTION, *arguments], env={**SANITIZERS, **GOOD}, stdin=subprocess.DEVNULL, capture_output=True)
    assert (found.returncode, found.stdout) == (64, b"") and found.stderr


@pytest.mark.parametrize("arguments", [[], ["--help"], ["http", "--help"], ["cgi", "--help"], ["check", "--help"], ["--version"]], ids=str)
def test_help(arguments):
    found = subprocess.run([BASTION, *arguments], env=SANITIZERS, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert (found.returncode, found.stderr) == (0, "") and "bastion" in found.stdout


@pytest.mark.parametrize("arguments, code", [(["--help"], 71), (["--version"], 71), (["http", "--help"], 71), (["check", "--help"], 71), (["check"], 71),
                                             (["docker", "--help"], 71), (["docker", "help"], 1), (["docker", "ps", "--help"], 1), (["docker", "exec", "--help"], 1)], ids=str)
def test_output_that_cannot_be_written(arguments, code):
    """However much of it there is: the C library forgets what it could not write."""
    with open("/dev/full", "wb") as full:
        assert subprocess.run([BASTION, *arguments], env={**SANITIZERS, **GOOD}, stdout=full, stderr=subprocess.DEVNULL).returncode == code


# What file(1) says of each that there is a compiler for (Makefile).
MACHINES = {"x86_64": ("64-bit LSB", "x86-64"), "i686": ("32-bit LSB", "80386"), "aarch64": ("64-bit LSB", "aarch64"), "arm": ("32-bit LSB", "ARM"),
            "mips": ("32-bit MSB", "MIPS32"), "mipsel": ("32-bit LSB", "MIPS32"), "mips64el": ("64-bit LSB", "MIPS64"),
            "powerpc": ("32-bit MSB", "PowerPC"), "powerpc64le": ("64-bit LSB", "64-bit PowerPC"), "riscv64": ("64-bit LSB", "RISC-V"),
            "s390x": ("64-bit MSB", "IBM S/390")}


@NOT_COUNTED
def test_version():
    """What it is, what it was built for, and what it was built with."""
    said = subprocess.run([BASTION, "--version"], env=SANITIZERS, capture_output=True, text=True).stdout.splitlines()
    top = Path(__file__).parents[2]
    assert said[0] == "bastion " + re.search(r"^## ([0-9.]+)$", (top / "src/CHANGELOG.md").read_text(), re.M)[1]
    target, parts = said[1].split(", with ")
    machine = subprocess.run(["file", "-b", BASTION], capture_output=True, text=True).stdout
    order, name = MACHINES[target]
    assert f"{order} pie executable" in machine and name in machine
    pins = [line.split()[:2] for line in (top / "vendor/pins").read_text().splitlines() if not line.startswith("#")]
    assert sorted(parts.split(", ")) == sorted({" ".join(pin) for pin in pins})
