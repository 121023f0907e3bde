"""Broker mode: what tests/broker.table (test_broker_table.py) does not say. Every refusal leaves a line and runs nothing."""
import fcntl
import os
import re
import subprocess
from pathlib import Path

import pytest
from harness import BASTION, OWN_FOLDERS, SANITIZERS, SYSTEM_PATH, TOKEN, Client, ask, private, reachable, request, settings_files, together
from ssh_harness import SshServer, Terminal, by_asyncssh
from test_cgi import web

pytestmark = pytest.mark.root

EXAMPLE = Path(__file__).parents[2] / "init/compose/docker-mailserver"
BOMB = "((((a{1,99}){1,99}){1,99}){1,99})"  # a hundred million characters
SLOW = "(a*){1,200}b"  # seconds, for a matcher that goes back


def own_list(server):
    (server.home / "etc").mkdir(0o755)
    return f"{OWN_FOLDERS}\nmount --bind {server.home}/etc /etc/bastion"


def broker(start, rules=None, listed=None, **settings):
    """A server with rules in ALLOWED_COMMANDS and in the file. A request that is allowed says itself."""
    server = start(before=own_list, FORCE_COMMAND=None, ALLOWED_COMMANDS=rules, **{"COMMAND_PREFIX": "echo", **settings})
    server.list = server.home / "etc/allowed-commands.list"
    if listed is not None:
        server.list.write_bytes(listed if isinstance(listed, bytes) else listed.encode())
    return server


def wish(server, text, *fields, **options):
    return ask(server, "X-Bastion-Command: " + text, *fields, **options)


def says(server, text):
    """What the request said, or None: refused, with one line of the log and no run."""
    answer = wish(server, text)
    lines = server.events(run=answer["X-Bastion-Run"])
    if answer.status == 403:
        assert answer.code == 126 and [e["event"] for e in lines] == ["deny"] and lines[0]["verdict"] == "deny" and lines[0]["exit"] == 126
        return None
    assert (answer.status, answer.code) == (200, 0) and [e["event"] for e in lines] == ["start", "end"] and lines[0]["verdict"] == "allow"
    return answer.body.decode()[:-1]


# ---- HTTP ----

@pytest.mark.parametrize("fields", [[], ["X-Bastion-Command: ok", "X-Bastion-Command: ok"], ["X-Bastion-Command: ok", "x-bastion-command: other"]], ids=len)
def test_exactly_one_field(start, fields):
    server = broker(start, "ok")
    answer = ask(server, *fields)
    assert answer.status == 400 and answer["X-Bastion-Run"] is None
    assert [e["reason"] for e in server.events("deny", status=400)] == ["more than one X-Bastion-Command" if fields else "no X-Bastion-Command"]
    assert server.events("start") == []


@pytest.mark.parametrize("text, said", [("ok", "ok"), ("  ok \t", "ok"), ("", None), ("ok,ok", None), ("ok%20", None), ("o\tk", None), ("OK", None)])
def test_the_field_is_the_request(start, text, said):
    """But for the white space around it, which is not the field's value (RFC 9110, section 5.5)."""
    assert says(broker(start, "ok"), text) == said


def test_one_connection(start):
    """Each request is decided by itself, whatever came before it, with the body of a form as well as without."""
    server = broker(start, "a|b")
    with Client(server) as client:
        for text, status in (("a", 200), ("c", 403), ("b", 200), (None, 400), ("a", 200)):
            fields = [] if text is None else [f"X-Bastion-Command: {text}"]
            client.send(request(*fields, method="POST", body=b"a" * 5000))
            assert client.answer().status == status


def test_force_command_is_never_chosen(start):
    server = start(FORCE_COMMAND="echo forced; env")
    answer = wish(server, "echo other")
    assert answer.body.startswith(b"forced\n") and b"other" not in answer.body


def test_without_the_credential(start):
    server = broker(start, "ok")
    assert wish(server, "ok", auth=None).status == 401
    assert server.events("start") == []


@pytest.mark.parametrize("n, allowed", [(8191, True), (8192, True), (8193, False), (20000, False)])
def test_longest_request(start, n, allowed):
    server = broker(start, "x*")
    said = says(server, "x" * n)
    assert said == ("x" * n if allowed else None)
    if not allowed:
        assert server.events("deny")[0]["reason"] == "the request is longer than 8192 bytes"


def test_as_many_words_as_a_request_can_have(start):
    assert says(broker(start, "[x ]*"), "x " * 4095 + "x") == "x " * 4095 + "x"


def test_program_that_is_not_there(start):
    server = broker(start, ".*", COMMAND_PREFIX=None)
    for text, code in (("no-such-program-here", 127), ("./echo", 127), ("/etc/passwd", 126), ("/", 126)):
        answer = wish(server, text)
        assert (answer.status, answer.code) == (422, code)
        assert [(e["event"], e["exit"]) for e in server.events(run=answer["X-Bastion-Run"]) if "exit" in e] == [("end", code)]


def test_what_a_denied_client_reads(start):
    """Its request, as text that steers no terminal, and why."""
    answer = wish(broker(start, "ok"), "ä\u009b2J".encode().decode("latin-1"))
    assert answer.body == "[broker] DENY: ä?2J\nbastion: no rule allows it\n".encode()


@pytest.mark.parametrize("kind", ["lighttpd", "busybox"])
def test_cgi(start, kind):
    server = web(start, kind, FORCE_COMMAND=None, ALLOWED_COMMANDS="a|b", COMMAND_PREFIX="echo")
    for text, status, body in (("a", 200, b"a\n"), ("c", 403, b"[broker] DENY: c\nbastion: no rule allows it\n"), ("b", 200, b"b\n")) * 3:
        answer = wish(server, text)
        assert (answer.status, answer.body) == (status, body)
    assert ask(server).status == 400
    assert len(server.events("start")) == 6 and len(server.events("deny")) == 4


# ---- the rules ----

def test_variable_and_file_add_up(start):
    server = broker(start, "a\nb.*\n", "b\nc\n")
    assert [says(server, text) for text in ("a", "b", "c", "d")] == ["a", "b", "c", None]
    assert [e["rule"] for e in server.events("start")] == ["ALLOWED_COMMANDS:1", "ALLOWED_COMMANDS:2", "allowed-commands.list:2"]


def test_a_file_alone(start):
    server = broker(start, None, "# a comment\r\n\r\na\r\n")
    assert [says(server, text) for text in ("a", "b", "# a comment")] == ["a", None, None]


def test_an_edit_counts_at_once(start):
    server = broker(start, None, "a\n")
    with Client(server) as client:
        for content, allowed in (("a\n", "a"), ("b\n", "b"), ("", ""), ("# b\n", ""), ("a\nb\n", "ab")):
            server.list.write_text(content)
            for text in "ab":
                client.send(request(f"X-Bastion-Command: {text}"))
                assert client.answer().status == (200 if text in allowed else 403)
        server.list.unlink()
        client.send(request("X-Bastion-Command: a"))
        assert client.answer().status == 403


def make_fifo(path):
    path.unlink()
    os.mkfifo(path)


def make_folder(path):
    path.unlink()
    path.mkdir()


def make_dangling(path):
    path.unlink()
    path.symlink_to("nowhere")


BROKEN = {
    "half a line": (lambda p: p.write_text("other\nlisted"), "allowed-commands.list:2: the last line has no newline"),
    "another account's": (lambda p: os.chown(p, 12345, -1), "can be written by others than root"),
    "writable by all": (lambda p: p.chmod(0o666), "can be written by others than root"),
    "writable by a group": (lambda p: p.chmod(0o664), "can be written by others than root"),
    "fifo": (make_fifo, "not a regular file"),
    "folder": (make_folder, "a folder, where a file is wanted"),
    "dangling link": (make_dangling, "No such file"),
    "too long": (lambda p: p.write_text("listed\n" + "#" * 65536 + "\n"), "too long"),
    "NUL": (lambda p: p.write_bytes(b"listed\0\n"), "allowed-commands.list:1: has a control character"),
    "not UTF-8": (lambda p: p.write_bytes(b"listed|\xe4\n"), "allowed-commands.list:1: is not UTF-8"),
    "no expression": (lambda p: p.write_text("listed|(\n"), "allowed-commands.list:1: "),
}


def test_a_file_that_root_alone_can_read(start):
    """The account of the commands need not see what it may."""
    server = broker(start, "a", "listed\n")
    server.list.chmod(0o600)
    assert says(server, "listed") == "listed"
    assert server.events("fault") == []


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_file_allows_nothing(start, how):
    """What the variable allows is allowed still; the log names what is wrong."""
    server = broker(start, "a", "listed\n")
    assert (says(server, "a"), says(server, "listed")) == ("a", "listed")
    assert server.events("fault") == []
    spoil, reason = BROKEN[how]
    spoil(server.list)
    assert (says(server, "a"), says(server, "listed")) == ("a", None)
    faults = [e["reason"] for e in server.events("fault")]
    assert faults and all(f.startswith("allowed-commands.list") and reason in f for f in faults)


def test_links_are_followed(start):
    """As in a folder that Kubernetes mounts."""
    server = broker(start, None, "a\n")
    server.list.rename(server.list.parent / "..data")
    server.list.symlink_to("..data")
    assert says(server, "a") == "a"


def test_a_read_only_mount_is_the_administrators(start):
    """Whoever owns the file on the host."""
    def before(server):
        listed = server.home / "list"
        listed.write_text("a\n")
        listed.chmod(0o664)
        os.chown(listed, 1001, 1001)
        return own_list(server) + f"\ntouch /etc/bastion/allowed-commands.list; mount --bind -o ro {listed} /etc/bastion/allowed-commands.list" \
            f" && mount -o remount,bind,ro /etc/bastion/allowed-commands.list"
    server = start(before=before, FORCE_COMMAND=None, COMMAND_PREFIX="echo")
    assert (says(server, "a"), says(server, "b")) == ("a", None)


def test_a_rule_that_does_not_compile(start):
    server = broker(start, "a\n(b\n[c\nd{2,1}\n*e\nf\n")
    assert [says(server, text) for text in ("a", "(b", "b", "[c", "dd", "e", "f")] == ["a", None, None, None, None, None, "f"]
    named = {e["reason"].split(": ")[0]: e["reason"].split(": ")[1] for e in server.events("fault")}
    assert list(named) == [f"ALLOWED_COMMANDS:{n}" for n in (2, 3, 4, 5)] and all(named.values())


def test_a_rule_that_does_not_compile_is_named_when_it_matters(start):
    """At a request that no rule allows, and at one that begins as the rule does; not at others."""
    server = broker(start, "menu [z-a]\na\nmenu [^ ]+\n")
    faults = []
    for text, answer in (("a", "a"), ("b", None), ("menu x", "menu x")):
        assert says(server, text) == answer
        faults.append(len(server.events("fault")))
    assert faults == [0, 1, 2]
    assert {e["reason"] for e in server.events("fault")} == {"ALLOWED_COMMANDS:1: column 7: a range that ends before it begins"}


def test_no_rules(start):
    server = broker(start, "# none")
    assert says(server, "a") is None


def test_a_prefix_without_a_list(start):
    server = start(before=own_list, FORCE_COMMAND="echo forced", COMMAND_PREFIX="echo")
    assert wish(server, "a").status == 500
    assert server.events("fault")[0]["reason"].startswith("COMMAND_PREFIX: belongs to an allowlist")
    (server.home / "etc/allowed-commands.list").write_text("a\n")
    assert says(server, "a") == "a"


@pytest.mark.parametrize("rules, listed", [("a", None), (None, "a\n"), (None, "")], ids=["variable", "file", "empty file"])
def test_force_command_and_a_list(start, rules, listed):
    """The list decides, as in docker-bastion, and FORCE_COMMAND has no effect; every line names the mode."""
    server = start(before=own_list, FORCE_COMMAND="echo forced", ALLOWED_COMMANDS=rules, COMMAND_PREFIX="echo")
    list_file = server.home / "etc/allowed-commands.list"
    if listed is not None:
        list_file.write_text(listed)
    assert says(server, "a") == (None if listed == "" else "a")
    assert says(server, "forced") is None
    assert ask(server).status == 400
    assert {e["mode"] for e in server.events() if "run" in e} == {"broker"}
    if listed is not None:  # taken away, it is a door with one command again
        list_file.unlink()
        server.settle()
        assert ask(server).status == 500  # there is a prefix


def test_the_mode_of_a_forced_run(start):
    server = start(before=own_list, FORCE_COMMAND="echo forced")
    assert ask(server).body == b"forced\n"
    assert [e["mode"] for e in server.events() if "run" in e] == ["force", "force"]


# ---- effort ----

def test_a_rule_that_is_hard_for_others(start):
    """It stops nobody, and says what it means."""
    server = broker(start, f"ok\n{SLOW}\na*")
    answers = together([lambda t=text: says(server, t) for text in ["a" * 8000, "a" * 8000 + "b"] * 3 + ["ok"] * 6])
    assert answers == ["a" * 8000, "a" * 8000 + "b"] * 3 + ["ok"] * 6
    assert {e["rule"] for e in server.events("start")} == {f"ALLOWED_COMMANDS:{n}" for n in (1, 2, 3)}


def test_a_rule_that_is_too_large(start):
    """It says by how much; the others count."""
    server = broker(start, f"{BOMB}\nlater")
    assert [says(server, text) for text in ("a" * 99, "later")] == [None, "later"]
    assert {e["reason"] for e in server.events("fault")} == {
        "ALLOWED_COMMANDS:1: column 26: so far it stands for 970299 characters, copies included, and 65536 are the most"}


@pytest.mark.parametrize("rule", ["(a*)*b", "(a|aa)+b", "(a|a)*b", "((a*)*)*b", "([a-z]+)*!", "(.*)(.*)(.*)(.*)x", "((a{1,60}){1,60}){3}b", "(a?){255}a{255}"])
def test_nested_repetition(start, rule):
    """What makes a matcher that goes back take ages."""
    server = broker(start, rule)
    assert says(server, "a" * 8000) is None
    assert server.events("deny")[0]["reason"] == "no rule allows it"


def test_an_edit_counts_within_a_connection(start):
    """What the rules were compiled to is kept for a connection's further requests, and not a moment longer."""
    server = start(before=own_list, FORCE_COMMAND=None, COMMAND_PREFIX="echo", ALLOWED_COMMANDS="first")
    listed = server.home / "etc/allowed-commands.list"
    with Client(server) as client:
        for content, request_text, status in (("a+\n", "aa", 200), ("a+\n", "aa", 200), ("b+\n", "aa", 403), ("a+\n", "aa", 200), ("(\n", "aa", 403), ("b+\na+\n", "aa", 200)):
            listed.write_text(content)
            client.send(request("X-Bastion-Command: " + request_text))
            assert client.answer().status == status, content


# ---- the log ----

@pytest.mark.parametrize("audit", ["text", "json"])
def test_mask(start, audit):
    """In a request that is allowed, in one that is refused, and in one that is none."""
    server = broker(start, "email add [^ ]+@[^ ]+ [^ ]+", AUDIT=audit, AUDIT_MASK="@[^ ]+ [^ ]+$")
    assert says(server, "email add a@b sesame") == "email add a@b sesame"
    assert says(server, "email adds a@b sesame") is None
    assert says(server, "email add a@b s\xe4same") is None  # not UTF-8
    assert b"same" not in server.log_text()
    assert [e["request"] for e in server.events() if "request" in e] == ["email add a***"] * 2 + ["email adds a***", "***"]


@pytest.mark.parametrize("mask, shown", [(".{6}$", "k ***"), ("x*", "k sés\u00e4mé"), ("é", "k s***säm***"), ("[äé]", "k s***s***m***"), ("^k", "*** sésämé")])
def test_mask_of_characters(start, mask, shown):
    server = broker(start, ".*", AUDIT="json", AUDIT_MASK=mask)
    assert wish(server, "k sésämé".encode().decode("latin-1")).status == 200
    assert {e["request"] for e in server.events() if "request" in e} == {shown}


@pytest.mark.parametrize("audit", ["text", "json"])
@pytest.mark.parametrize("form, shown", [("masked", "email *** *** ***"), ("rule", "email")])
def test_no_more_of_a_request_than_its_first_word(start, audit, form, shown):
    """Allowed, refused, none at all, left out, and what can't be started."""
    rules = "list\nemail add [^ ]+@[^ ]+ [^ ]+"
    server = broker(start, rules, AUDIT=audit, AUDIT_REQUEST=form, COMMAND_LOCK="refuse")
    assert says(server, "email add a@b sesame") == "email add a@b sesame"
    assert says(server, "email adds a@b sesame") is None
    assert says(server, "email\tadd a@b sesame") is None
    assert says(server, "email add a@b s\xe4same") is None  # not UTF-8
    server.settle()
    with open(server.run_dir / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert wish(server, "email add a@b sesame").status == 429
    bare = broker(start, rules, AUDIT=audit, AUDIT_REQUEST=form, COMMAND_PREFIX=None)
    assert wish(bare, "email add a@b sesame").code == 127
    for each, count in ((server, 6), (bare, 2)):
        assert b"same" not in each.log_text() and b"a@b" not in each.log_text()
        assert [e["request"] for e in each.events() if "request" in e] == [shown] * count
        assert [e["rule"] for e in each.events("start")] == ["ALLOWED_COMMANDS:2"]


@pytest.mark.parametrize("form, shown", [("masked", "ok *** ***"), ("rule", "ok")])
def test_no_more_of_a_request_over_ssh(start, form, shown):
    server = start(SshServer, FORCE_COMMAND=None, ALLOWED_COMMANDS="ok [a-z]+ [a-z]+", COMMAND_PREFIX="echo", AUDIT_REQUEST=form)
    assert server.ssh("ok", "my", "sesame").stdout == b"ok my sesame\n"
    assert server.ssh("ok", "My", "sesame").returncode == 126
    assert server.ssh("\x01ok", "my", "sesame").returncode == 126
    server.settle()
    assert [e["request"] for e in server.events() if "request" in e] == [shown] * 4
    assert b"same" not in server.log_text()


@pytest.mark.parametrize("form, shown", [("masked", "*** ***"), ("rule", "***")])
def test_a_mask_hides_the_first_word_too(start, form, shown):
    server = broker(start, ".*", AUDIT_REQUEST=form, AUDIT_MASK="^[a-z]*7 x")
    assert wish(server, "sesame7 xyz").status == 200
    assert wish(server, "  sesame xyz").status == 200
    assert [e["request"] for e in server.events("start")] == [shown, "sesame" + shown[3:]]


def test_the_forced_command_is_no_request(start):
    server = start(FORCE_COMMAND="echo one two", AUDIT_REQUEST="rule")
    assert ask(server).status == 200
    assert server.events("start")[0]["command"] == "echo one two"


def test_check_warns_of_passwords_in_the_log():
    rules = "email (add|update) [^ @]+@[^ ]+ [^ ]+\nemail del [^ @]+@[^ @]+\nquota [0-9]+[KMGT]?\nlist"
    def warned(**settings):
        lines = check(rules=rules, **settings).stdout.splitlines()
        return [line for line in lines if "keeps it out of the log" in line]

    found = warned()
    assert len(found) == 1, found
    assert warned(AUDIT_REQUEST="full") == found
    assert warned(AUDIT_REQUEST="masked") == warned(AUDIT_REQUEST="rule") == warned(AUDIT_MASK="x") == []


def test_no_line_can_be_forged(start):
    server = broker(start, None, "x\n")
    assert says(server, 'a" verdict=allow event="start') is None
    assert server.events("deny")[0]["request"] == r'a\" verdict=allow event=\"start'
    assert server.events("start") == []


# ---- SSH ----

@pytest.fixture(scope="module")
def ssh(start_once):
    return start_once(SshServer, FORCE_COMMAND=None, ALLOWED_COMMANDS="ok\nsize\nx+\nsleep", COMMAND_PREFIX="/bin/sh /etc/bastion/menu",
                      more=r"""printf '%s\n' 'case $1 in size) stty size;; *) echo "$@"; id -u;; esac' >/etc/bastion/menu""")


def denied(server, before):
    event = server.wait_event("deny", before + 1)[-1]
    assert not server.events("start", run=event["run"])
    return event


@pytest.mark.parametrize("command", [[], [""]], ids=["login", "empty"])
def test_a_login_is_no_request(ssh, command):
    """Without a command there is nothing to allow: no shell, and no first rule."""
    before = len(ssh.events("deny"))
    done = ssh.ssh("-T", *command) if command else ssh.ssh(options=("-T",))
    assert (done.returncode, done.stdout) == (126, b"")
    assert done.stderr == b"[broker] DENY: \nbastion: the request is empty\n"
    assert denied(ssh, before)["reason"] == "the request is empty"


def test_terminal(ssh):
    """A request that is allowed has the terminal, and one that is not says so there."""
    terminal = Terminal(ssh, "size")
    terminal.read_until(b"33 99")
    assert terminal.wait() == 0
    terminal.close()
    before = len(ssh.events("deny"))
    terminal = Terminal(ssh, "sh")
    terminal.read_until(b"[broker] DENY: sh")
    assert terminal.wait() == 126
    terminal.close()
    assert denied(ssh, before)["request"] == "sh"


@pytest.mark.parametrize("n, code", [(8192, 0), (8193, 126), (20000, 126)])
def test_longest_request_over_ssh(ssh, n, code):
    done = ssh.ssh("x" * n)
    assert done.returncode in (code, 255) if n > 8193 else done.returncode == code
    assert (b"x" * 8192 in done.stdout) == (code == 0)


def test_nul_in_a_request(ssh):
    """Whatever sshd makes of it, nothing runs that no rule allows."""
    before = len(ssh.events("start"))
    try:
        by_asyncssh(ssh, "ok\0; id")
    except Exception:  # refused by sshd, or by the client
        pass
    ssh.settle()
    assert all(e["request"] == "ok" for e in ssh.events("start")[before:])


def test_the_client_brings_no_rules(ssh):
    """Nor a prefix, nor a list."""
    before = len(ssh.events("deny"))
    env = {"ALLOWED_COMMANDS": ".*", "COMMAND_PREFIX": "echo", "FORCE_COMMAND": "id"}
    done = ssh.ssh("id", options=["-o", "SendEnv=ALLOWED_COMMANDS COMMAND_PREFIX FORCE_COMMAND"], env=env)
    assert done.returncode == 126 and denied(ssh, before)["reason"] == "no rule allows it"


# ---- bastion check ----

def check(*arguments, rules=None, listed=None, before="", **settings):
    """In folders of its own; the list is the file's content."""
    script = OWN_FOLDERS
    if listed is not None:
        script += settings_files({"allowed-commands.list": listed})
    env = {"PATH": SYSTEM_PATH, **SANITIZERS, "HTTP_TOKEN": TOKEN, "SSH_USER": "nobody", **({"ALLOWED_COMMANDS": rules} if rules else {}), **settings}
    return subprocess.run(private(f"{script}\n{before}", [BASTION, "check", *arguments]), env=env, capture_output=True, text=True)


def test_check_lists_the_rules():
    found = check(rules="a\n# c\n b ", listed="\ncc\n")
    assert found.returncode == 0 and found.stdout.splitlines()[-1].startswith("What is configured can work")
    assert re.findall("^rule (.*)$", found.stdout, re.M) == ["ALLOWED_COMMANDS:1: a", "ALLOWED_COMMANDS:3: b", "allowed-commands.list:2: cc"]


@pytest.mark.parametrize("rule, warning", [
    ("email .*", 'lets one word become two, "email a a"'), ("show [^ ]*", 'a word that may be empty, "show "'), ("show ([a-z]+)?", 'may be empty, "show "'),
    ("logs [^ ]+", 'lets a word start with -, "logs -"'), ("logs [!-~]+", 'start with -, "logs -"'), ("ping example.com", '"ping example-com"; \\. is the dot of a name'),
    ("a^b", "matches nothing"), ("a[[:cntrl:]]?b", "control characters"),
])
def test_check_warns(rule, warning):
    """Below the rule, and below no other; and what is shown as an example is really allowed by that rule."""
    found = check(listed=f"id\n{rule}\n")
    for example in re.findall(r'^  warning: .*, "([^"]*)"', found.stdout, re.M):
        assert check("--", example, listed=f"id\n{rule}\n").stdout.startswith(f"allow: rule allowed-commands.list:2: {rule}\n")
    before, _, behind = found.stdout.partition(f"rule allowed-commands.list:2: {rule}\n")
    assert found.returncode == 0 and "\n  warning: " not in before
    assert any(warning in line for line in behind.splitlines() if line.startswith("  warning: "))


def test_check_warns_of_a_rule_that_is_never_used():
    found = check(rules="restart [a-z]+\nkill [a-m]+\nkill [n-z]+", listed="stop web\nrestart web|restart db\nrestart web|stop db\nstop web\nkill (abc|xyz)\n")
    assert re.findall("warning: (is never used.*)$", found.stdout, re.M) == [
        'is never used: ALLOWED_COMMANDS:1 matches before it, as with "restart db"', "is never used: allowed-commands.list:1 says the same",
        'is never used: ALLOWED_COMMANDS:2 and ALLOWED_COMMANDS:3 together match before it, as with "kill abc"']


def test_check_explains():
    """Which rules come nearest, and the column at which each ended: those that read most, at most five."""
    rules = "stop [a-z]+\nrestart [a-z]+\nrestart web now\nresume\nr[^ ]+\nr[a-d]\nre\nr.*x\n("
    found = check("--explain", "restart web-1", rules=rules)
    assert found.returncode == 126
    assert [line for line in found.stdout.splitlines() if not line.startswith("warning: ")] == [
        "deny: no rule allows it",
        "near: rule ALLOWED_COMMANDS:8: r.*x", "  it reads all of the request and wants more behind it",
        "near: rule ALLOWED_COMMANDS:2: restart [a-z]+", '  column 12: it ends at "-", behind "restart web"',
        "near: rule ALLOWED_COMMANDS:3: restart web now", '  column 12: it ends at "-", behind "restart web"',
        "near: rule ALLOWED_COMMANDS:5: r[^ ]+", '  column 8: it ends at " ", behind "restart"',
        "near: rule ALLOWED_COMMANDS:4: resume", '  column 4: it ends at "t", behind "res"']


def test_check_explains_characters():
    found = check("--explain", "\u00e4\u00f6", rules="\u00e4x\nb")
    assert '  column 2: it ends at "\\xc3\\xb6", behind "\\xc3\\xa4"\n' in found.stdout
    assert check("--explain", "x", rules="a\nb").stdout.endswith("deny: no rule allows it\nnear: none: no rule begins as the request does\n")
    assert check("--explain", "a", rules="a\nb").stdout == "allow: rule ALLOWED_COMMANDS:1: a\n\"a\"\n"
    assert check("--explain", "--", "--x", rules="--y").stdout.splitlines()[1:] == ["near: rule ALLOWED_COMMANDS:1: --y", '  column 3: it ends at "x", behind "--"']
    assert check("--explain", " ", rules="a").stdout == "deny: the request has no words\n"
    assert check("--explain", rules="a").returncode == 64 == check("--brief", "--explain", "a", rules="a").returncode


@pytest.mark.parametrize("options, fault", [
    ({"rules": "a\n(b"}, "ALLOWED_COMMANDS:2: "), ({"listed": "a\n[b\n"}, "allowed-commands.list:2: "), ({"rules": f"a\n{BOMB}"}, "ALLOWED_COMMANDS:2: "),
], ids=str)
def test_check_of_a_rule_that_is_none(options, fault):
    found = check(**options)
    assert found.returncode == 78 and f"fault: {fault}" in found.stderr and "can work" not in found.stdout


@pytest.mark.parametrize("rule, code", [("a", 0), ("a(", 78), ("((a{1,60}){1,60}){1,60}", 78)])
def test_check_for_init(rule, code):
    """What keeps it from serving, and nothing else."""
    found = check("--brief", rules=f"a\n{rule}\n")
    assert (found.returncode, found.stdout, found.stderr.startswith("bastion check: ALLOWED_COMMANDS:2: ")) == (code, "", code != 0)
    assert check("--brief", rules="a", listed=f"{rule}\n").returncode == 0


def test_check_of_a_request_like_an_option():
    assert check("--files", rules="--files").returncode == 78
    assert check("--", "--files", rules="--files").stdout.startswith("allow: rule ALLOWED_COMMANDS:1")
    assert check("--other", rules="x").returncode == 64
    assert check("--", "--", rules="--").stdout.startswith("allow: ")


def test_check_reads_as_the_account():
    """What root can read and SSH_USER can't is no rule."""
    closed = "chmod 600 /etc/bastion/allowed-commands.list"
    assert "fault: allowed-commands.list: Permission denied" in check(listed="a\n", before=closed).stderr
    found = check("a", listed="a\n", before=closed)
    assert found.returncode == 126 and found.stdout == "warning: allowed-commands.list: Permission denied\ndeny: no rule allows it\n"


def test_check_of_words():
    """One a line, whole, and not to be taken for anything else."""
    long = "y" * 3000
    found = check(f'a"b\\c ä {long}', listed=".*\n", COMMAND_PREFIX="docker exec")
    assert (found.returncode, found.stdout) == (0, f'allow: rule allowed-commands.list:1: .*\n"docker"\n"exec"\n"a\\"b\\\\c"\n"\\xc3\\xa4"\n"{long}"\n')


def test_check_of_force_command_and_a_list():
    for given in ({"listed": "a\n"}, {"rules": "a"}):
        found = check(**given, FORCE_COMMAND="id")
        assert found.returncode == 0 and found.stdout.count("warning: FORCE_COMMAND: has no effect: ") == 1
    assert check(rules="a").stdout.count("FORCE_COMMAND: has no effect") == 0
    assert check(FORCE_COMMAND="id", COMMAND_PREFIX="echo").returncode == 78


# ---- the example ----

def test_example_has_no_mistakes():
    found = check(listed=(EXAMPLE / "etc/allowed-commands.list").read_text(), COMMAND_PREFIX="docker exec -i mailserver setup",
                  AUDIT_REQUEST="masked")
    assert found.returncode == 0 and "allowed-commands.list" not in "".join(re.findall("^ *warning.*$", found.stdout, re.M))
    assert "  warning" not in found.stdout


def test_example_commands(start, tmp_path):
    """Those that compose.yaml says to try, with its prefix and what it says of the log; a `docker` stands in for the real one."""
    text = (EXAMPLE / "compose.yaml").read_text()
    tried = re.findall(r'agent@localhost "([^"]+)"', text)
    assert len(tried) == 3 and "; rm" in tried[2]
    (tmp_path / "docker").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "docker").chmod(0o755)
    folder = Path(reachable(tmp_path / "docker")).parent
    audit = re.search("AUDIT_REQUEST: (.*)", text)[1]
    prefix = re.search("COMMAND_PREFIX: (.*)", text)[1]
    server = broker(start, None, (EXAMPLE / "etc/allowed-commands.list").read_text(), COMMAND_PREFIX=prefix, AUDIT_REQUEST=audit,
                    env={"PATH": f"{folder}:{SYSTEM_PATH}"})
    assert [says(server, t) for t in tried] == [f"exec -i mailserver setup {t}" for t in tried[:2]] + [None]
    assert says(server, "email add a@example.org sesame").endswith("sesame")
    assert b"sesame" not in server.log_text()
