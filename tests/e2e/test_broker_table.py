"""tests/broker.table, asked in every way: what is allowed, by which rule, and exactly which words are executed."""
import ast
import os
import subprocess

import broker_table
import pytest
from harness import BASTION, OWN_FOLDERS, SANITIZERS, SYSTEM_PATH, Client, reachable, request
from ssh_harness import SshServer

pytestmark = pytest.mark.root

every_set = pytest.mark.parametrize("table", broker_table.SETS, ids=[s.name.split(":")[0] for s in broker_table.SETS])

SHOW = 'int printf(const char *, ...); int main(int n, char **word) { for (int i = 0; i < n; i++) printf("%s\\n", word[i]); }'


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """PATH with `show`, which shows the words that it was executed with: a line each, since no word can have a newline."""
    show = tmp_path_factory.mktemp("show") / "show"
    subprocess.run(["cc", "-x", "c", "-o", show, "-"], input=SHOW.encode(), check=True)
    return f"{os.path.dirname(reachable(show))}:{SYSTEM_PATH}"


def write_list(etc, table):
    """As an administrator's editor does: a new file in the place of the old one."""
    for name, content in (("COMMAND_PREFIX", table.prefix.encode()), ("allowed-commands.list", table.text())):
        (etc / "new").write_bytes(content)
        os.rename(etc / "new", etc / name)


def test_it_is_a_table():
    rows = [row for table in broker_table.SETS for row in table.rows]
    assert len(rows) >= 150 and sum(bool(row.rule) for row in rows) > 70


# ---- grep, where the two should agree ----

@every_set
def test_grep(table, tmp_path):
    """One rule at a time: GNU grep joins several to one expression. What it can be asked is one line."""
    for row in table.rows:
        if b"\n" in row.request or b"\0" in row.request:
            continue
        found = 0
        for number, rule in enumerate(table.rules, 1):
            rule = rule.strip(b" \t\r")
            if not rule or rule.startswith(b"#"):
                continue
            # A request of invalid UTF-8 is "binary" to grep: nothing is printed, and the status tells.
            done = subprocess.run(["grep", "-Exq", "-e", rule], input=row.request + b"\n", env={"LC_ALL": "C.UTF-8", "PATH": SYSTEM_PATH},
                                  stderr=subprocess.DEVNULL)
            if done.returncode == 0:
                found = number
                break
        assert (found == row.rule) == (row.differs == ""), f"broker.table:{row.line}: grep -Ex: rule {found}"


# ---- bastion check ----

def unquoted(line):
    """A word as check prints it. Python reads that form, byte for byte."""
    return ast.literal_eval("b" + line)


@every_set
def test_check(table):
    settings = {"ALLOWED_COMMANDS": table.text().decode(), "COMMAND_PREFIX": table.prefix, "SSH_USER": "nobody"}
    for row in table.rows:
        if b"\0" in row.request:
            continue
        done = subprocess.run([os.fsencode(BASTION), b"check", row.request], env={"PATH": SYSTEM_PATH, **SANITIZERS, **settings}, capture_output=True)
        verdict, *more = [line for line in done.stdout.decode().splitlines() if not line.startswith("warning: ")]
        where = f"broker.table:{row.line}: {done}"
        if row.rule:
            text = table.rules[row.rule - 1].decode().strip(" ")
            assert (done.returncode, verdict) == (0, f"allow: rule ALLOWED_COMMANDS:{row.rule}: {text}"), where
            assert [unquoted(line) for line in more] == row.words, where
        else:
            assert done.returncode == 126 and verdict.startswith("deny: ") and row.reason in verdict and not more, where


# ---- HTTP ----

def own_list(server):
    (server.home / "etc").mkdir(0o755)
    return f"{OWN_FOLDERS}\nmount --bind {server.home}/etc /etc/bastion"


@pytest.fixture(scope="module")
def http(start_once, path):
    server = start_once(before=own_list, FORCE_COMMAND=None, ALLOWED_COMMANDS=None, env={"PATH": path})
    server.etc = server.home / "etc"
    return server


def travels_by_http(row):
    """Spaces around a field's value are not its (RFC 9110, section 5.5), nor can it have control characters but the tab."""
    return row.request == row.request.strip(b" \t") and not any(byte < 32 and byte != 9 or byte == 127 for byte in row.request)


def expect_line(server, run, row):
    """What the log says of a run: a refusal has one line, and nothing ran."""
    lines = [e for e in server.events(run=run) if e["event"] not in ("login", "logout")]
    if row.rule:
        assert [e["event"] for e in lines] == ["start", "end"] and lines[0]["rule"] == f"allowed-commands.list:{row.rule}", lines
    else:
        assert [e["event"] for e in lines] == ["deny"] and row.reason in lines[0]["reason"] and lines[0]["exit"] == 126, lines


@every_set
def test_http(http, table):
    write_list(http.etc, table)
    rows = [row for row in table.rows if travels_by_http(row)]
    with Client(http) as client:
        for row in rows:
            client.send(request("X-Bastion-Command: " + row.request.decode("latin-1")))
            answer = client.answer()
            where = f"broker.table:{row.line}: {answer}"
            if row.rule:
                assert (answer.status, answer.code, answer.body.split(b"\n")[:-1]) == (200, 0, row.words), where
            else:
                assert (answer.status, answer.code) == (403, 126) and answer.body.startswith(b"[broker] DENY: "), where
            expect_line(http, answer["X-Bastion-Run"], row)


# ---- SSH ----

@pytest.fixture(scope="module")
def ssh(start_once, path):
    return start_once(SshServer, FORCE_COMMAND=None, ALLOWED_COMMANDS=None, env={"PATH": path})


@pytest.mark.slow
@every_set
def test_ssh(ssh, table):
    write_list(ssh.etc, table)
    for row in table.rows:
        if b"\0" in row.request:
            continue
        before = len(ssh.events("login"))
        done = subprocess.run([*map(os.fsencode, ssh.arguments("-T")), b"--", row.request], stdin=subprocess.DEVNULL, capture_output=True,
                              env={"PATH": SYSTEM_PATH, "HOME": str(ssh.home)})
        where = f"broker.table:{row.line}: {done}"
        if row.rule:
            assert (done.returncode, done.stdout.split(b"\n")[:-1], done.stderr) == (0, row.words, b""), where
        else:
            assert done.returncode == 126 and done.stdout == b"" and done.stderr.startswith(b"[broker] DENY: "), where
        expect_line(ssh, ssh.wait_event("login", before + 1)[-1]["run"], row)
