"""`bastion check` on what the command starts, and on the rules' programs."""
import pytest
from check_harness import look
from harness import BASTION

pytestmark = pytest.mark.root


# What can be started, or can't be judged: neither a fault nor a warning.
GOOD = [
    "id", "/usr/bin/id", "id -u; id -g", "cd /tmp && id", "if id; then id; else id; fi", "while id; do break; done", "A=b id", "A=b B=c id", "exec id", "{ id; }", "(id)", "! id",
    "id >/dev/null 2>&1", "id 2>&1 | cat", "echo hello", "export A=b; id", "# nowhere\nid", "id # nowhere", "'id'", '"id"', "i\\d", "test -x nowhere || echo no", "trap 'nowhere' EXIT; id",
    "echo 'a; nowhere'", 'echo "a; nowhere"', "echo a\\; nowhere", "f() { nowhere; }; f", ". /nowhere; nowhere", "for i in nowhere; do $i; done", "case x in nowhere) nowhere;; esac",
    "cat <<nowhere\nnowhere\nnowhere", "eval nowhere", "PATH=/nowhere nowhere", "A=\"$(id)\"; nowhere", "id && $X", "command -v nowhere", "[ -x nowhere ] && id", "cat < /etc/passwd",
    "echo $(nowhere)", "id &\nwait", "time nowhere", "alias x=id; x", "id\r\n#" [:2], "id;", "set -eu\nid", "readonly A=b", "id>/dev/null;id",
]


@pytest.mark.parametrize("command", GOOD)
def test_programs_that_are_there(command):
    found = look(FORCE_COMMAND=command)
    assert (found.faults, found.warnings) == ([], [])


@pytest.mark.parametrize("command", ["nowhere", "nowhere | id", "/opt/nowhere", "A=b nowhere -x", "exec nowhere", "( nowhere )", "'nowhere'", "no\\where", "if nowhere; then id; fi", "# x\nnowhere",
                                     "nowhere>/dev/null", "nowhere;id", "nowhere\tx"])
def test_the_program_is_missing(command):
    """The first command: none of it can work."""
    found = look(FORCE_COMMAND=command)
    assert found.code == 78 and len(found.faults) == 1
    assert found.faults[0].startswith("FORCE_COMMAND: ") and "nowhere" in found.faults[0] and "(from the environment)" in found.faults[0]


@pytest.mark.parametrize("command", ["id && nowhere", "id; nowhere", "id | nowhere", "cd /tmp && nowhere", "echo x\nnowhere", "if id; then nowhere; fi", "test -x /opt/nowhere && /opt/nowhere"])
def test_a_later_program_is_missing(command):
    """It may never be started."""
    found = look(FORCE_COMMAND=command)
    assert found.code == 0 and len(found.warnings) == 1 and "nowhere" in found.warnings[0]


@pytest.mark.parametrize("command", ["$COMMAND", "`which id`", "~/bin/x", "*"])
def test_what_cannot_be_judged(command):
    found = look(FORCE_COMMAND=command)
    assert found.code == 0 and found.lines("not looked at") == ["FORCE_COMMAND: which program it starts is only known when it runs"]


def test_the_path_of_the_command():
    """The administrator's; without one bastion's own; and for cgi and a login shell always bastion's own."""
    before = "mkdir /run/bin; printf '#!/bin/sh\\n' >/run/bin/mine; chmod 755 /run/bin/mine"
    assert look(FORCE_COMMAND="mine", before=before).code == 78
    assert look(FORCE_COMMAND="mine", before=before, path="/run/bin:/usr/bin:/bin").code == 0
    files = {"FORCE_COMMAND": "mine", "SSH_USER": "agent"}
    assert look("--files", before=before, files=files, path="/run/bin:/usr/bin:/bin").code == 78


FILES = {
    "not executable": ("printf '#!/bin/sh\\n' >/run/x; chmod 644 /run/x", "chmod +x"),
    "root's alone": ("printf '#!/bin/sh\\n' >/run/x; chmod 700 /run/x", "may not be executed"),
    "in a folder of root's": ("mkdir -m 700 /run/y; printf '#!/bin/sh\\n' >/run/y/x; chmod 755 /run/y/x; ln -s /run/y/x /run/x", "Permission denied"),
    "an interpreter that is missing": ("printf '#!/bin/nowhere\\n' >/run/x; chmod 755 /run/x", "what its first line names is not here: /bin/nowhere"),
    "line ends of Windows": ("printf '#!/bin/sh\\r\\nid\\r\\n' >/run/x; chmod 755 /run/x", "its lines end as in Windows"),
    "a folder": ("mkdir /run/x", "may not be executed"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_program_that_cannot_be_started(kind):
    before, word = FILES[kind]
    found = look(FORCE_COMMAND="/run/x", before=before)
    assert found.code == 78 and len(found.faults) == 1 and word in found.faults[0]


def test_a_program_whose_loader_is_missing():
    """What `not found` mostly means in an image from scratch. A program is changed to ask for another one."""
    before = "sed 's,/lib64/ld-linux-x86-64.so.2,/lib64/ld-linux-nowhere.so,;s,/lib/ld-linux-aarch64.so.1,/lib/ld-linux-nowhereX.so,' /usr/bin/id >/run/x; chmod 755 /run/x"
    found = look(FORCE_COMMAND="/run/x", before=before)
    assert found.code == 78 and "it is not static, and what loads it is not here" in found.faults[0]


def test_no_shell():
    [fault] = look(before=": >/run/none; mount --bind /run/none /bin/sh").faults
    assert fault.startswith("FORCE_COMMAND: it is run by /bin/sh -c, and /bin/sh: is there, but may not be executed")


# ---- broker mode ----

RULES = {"FORCE_COMMAND": None, "ALLOWED_COMMANDS": "email list\nemail add [^ -][^ ]*"}


def test_prefix():
    assert look(**RULES, COMMAND_PREFIX="id -x").code == 0
    [fault] = look(**RULES, COMMAND_PREFIX="nowhere exec").faults
    assert fault.startswith("COMMAND_PREFIX: nowhere is not found in PATH")
    found = look(**RULES, COMMAND_PREFIX="id 'a b'")
    assert found.code == 0 and "mean nothing here" in found.warnings[0]
    assert "carriage return" in look(**RULES, COMMAND_PREFIX="id\r").faults[0]
    assert "byte order mark" in look(**RULES, COMMAND_PREFIX="\ufeffid").faults[0]
    found = look(**RULES, COMMAND_PREFIX="env sh -c")
    assert found.code == 0 and "a request's first word becomes a script" in found.warnings[0]


def test_rules_without_a_prefix():
    """What they say letter by letter is a program."""
    found = look(**{**RULES, "ALLOWED_COMMANDS": "id\nnowhere x\nno[a-z]+ x\nnowhere|id\nfoo.sh x"})
    assert found.code == 0
    lines = found.out.splitlines()
    at = lines.index("rule ALLOWED_COMMANDS:2: nowhere x")
    assert lines[at + 1].startswith("  warning: its program can't be started: nowhere is not found") and lines[at + 2].startswith("rule ")
    assert found.out.count("can't be started") == 1


def test_how_many_rules_may_not_mean_what_they_say():
    found = look(**{**RULES, "ALLOWED_COMMANDS": "id\nid [^ ]*\nid .*"})
    assert "\nrules: 3, of which 2 may not mean what they say\n" in found.out


@pytest.mark.slow
def test_thousands_of_rules():
    """Each is proved to be used, by a request that none before it allows."""
    rules = [f"a{i} b{i} c{i} d{i}" for i in range(2000)]
    found = look(**{**RULES, "ALLOWED_COMMANDS": "\n".join([*rules, rules[7]])}, COMMAND_PREFIX="id")
    assert found.code == 0 and found.out.count("\nrule ALLOWED_COMMANDS:") == 2001
    assert [line for line in found.out.splitlines() if line.startswith("  ")] == ["  warning: is never used: ALLOWED_COMMANDS:8 says the same"]


def test_little_address_space(tmp_path):
    """What proves things of rules takes 100 MB when it is asked for; a host that bounds the address space bears all else."""
    bounded = tmp_path / "bounded"
    bounded.write_text(f"#!/bin/sh\nexec prlimit --as=50331648 {BASTION} \"$@\"\n")
    bounded.chmod(0o755)
    tmp_path.chmod(0o755)
    found = look(**RULES, COMMAND_PREFIX="id", program=bounded)
    assert found.code == 0 and found.lines("not looked at")[0].startswith("ALLOWED_COMMANDS: what the rules may not mean"), found
    assert look("email list", **RULES, COMMAND_PREFIX="id", program=bounded).code == 0
    assert look("email lost", **RULES, COMMAND_PREFIX="id", program=bounded).code == 126


def test_no_rules_at_all():
    found = look(FORCE_COMMAND=None, files={"allowed-commands.list": "# nothing\n"})
    assert found.code == 78 and any("there are no rules" in fault for fault in found.faults)


# ---- what special programs need ----

DOCKER = "mkdir /run/bin; printf '#!/bin/sh\\n' >/run/bin/docker; chmod 755 /run/bin/docker; "
SOCKET = "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"/run/docker.sock\")'; chmod 660 /run/docker.sock; "


def test_docker_without_its_socket():
    found = look(FORCE_COMMAND="docker ps", before=DOCKER, path="/run/bin:/usr/bin:/bin")
    assert found.code == 0 and "/var/run/docker.sock: No such file or directory: mount it" in found.warnings[0]
    found = look(FORCE_COMMAND="docker ps", before=DOCKER, path="/run/bin:/usr/bin:/bin", env={"DOCKER_HOST": "tcp://192.0.2.1:2375"})
    assert found.warnings == []
    found = look(FORCE_COMMAND="docker ps; docker ps", before=DOCKER, path="/run/bin:/usr/bin:/bin", env={"DOCKER_HOST": "unix:///run/docker.sock"})
    assert len(found.warnings) == 1


def test_docker_with_its_socket():
    """Commands are in the socket's group."""
    assert look(FORCE_COMMAND="docker ps", before=DOCKER + SOCKET + "chgrp 777 /run/docker.sock", path="/run/bin:/usr/bin:/bin", env={"DOCKER_HOST": "unix:///run/docker.sock"}).warnings == []
    found = look(FORCE_COMMAND="docker ps", before=DOCKER + SOCKET + "chmod 600 /run/docker.sock", path="/run/bin:/usr/bin:/bin", env={"DOCKER_HOST": "unix:///run/docker.sock"})
    assert len(found.warnings) == 1 and "Permission denied" in found.warnings[0]


def test_nothing_is_started(tmp_path):
    look(FORCE_COMMAND=f"touch {tmp_path}/ran")
    assert not (tmp_path / "ran").exists()
