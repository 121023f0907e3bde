"""Roles (bastion-settings(5), ROLES): whoever logs in by a role's credential gets what the role says and nothing else, over every channel."""
import contextlib
import os
import random
import shutil
import socket
import threading
import time

import pytest
from harness import TOKEN, UNTIL_GO, Client, ask, pass_bytes, request, together, wait_for
from role_harness import AGENT, BACKUP, DEPLOYER, DOCKER, SAYS, HttpRoles, SshRoles, basic, bearer, token
from ssh_harness import AGENT_UID, ALICE, KEYS, MALLORY, Terminal, make_key

pytestmark = pytest.mark.root

BOB = make_key(KEYS, "bob-of-roles", comment="bob@desk")
ROLES = "/etc/bastion/roles"


def three(server):
    """One with a command of its own, one with rules, and one that takes the command from outside."""
    server.put("deploy", FORCE_COMMAND=SAYS, ci_token=token("of deploy"), HTTP_TOKEN="secret of deploy\n", alice_pub=ALICE)
    server.put("mail", list="printf .*\n", ALLOWED_COMMANDS="echo .*\n", manager_token=token("of mail"), HTTP_BASIC_AUTH="mailer:secret of mail", bob_pub=BOB)
    server.put("plain", someone_token=token("of plain"))


# ---- who, and what runs ----

OUTSIDE = 'echo x >>$T/runs; printf "outside:%s" "$BASTION_ROLE"'
HTTP = [  # credential, request, what is said, role, user
    (bearer("of deploy"), None, f"deploy ci {AGENT}", "deploy", "ci"),
    (basic("ci:of deploy"), None, f"deploy ci {AGENT}", "deploy", "ci"),
    (bearer("secret of deploy"), None, f"deploy token {AGENT}", "deploy", "token"),
    (basic("token:secret of deploy"), None, 401, None, None),
    (bearer("of mail"), "printf %s-%s a b", "a-b", "mail", "manager"),
    (basic("manager:of mail"), "echo hi", "hi\n", "mail", "manager"),
    (basic("mailer:secret of mail"), "echo hi", "hi\n", "mail", "mailer"),
    (bearer("mailer:secret of mail"), "echo hi", 401, None, None),
    (bearer("of mail"), "id", 403, "mail", "manager"),
    (bearer("of mail"), None, 400, None, None),
    (bearer("of plain"), None, "outside:plain", "plain", "someone"),
    (bearer(TOKEN), None, "outside:", None, "token"),
    (basic("ci:of mail"), "echo hi", 401, None, None),
    (bearer("of nobody"), None, 401, None, None),
]


@pytest.mark.parametrize("auth, asked, said, role, user", HTTP)
def test_over_http(start, auth, asked, said, role, user):
    server = start(HttpRoles, prepare=three, FORCE_COMMAND=OUTSIDE, HTTP_TOKEN=TOKEN)
    # Nothing that the client says changes the role.
    fields = ["BASTION_ROLE: plain", "X-Bastion-Role: plain", "Role: plain"] + ([f"X-Bastion-Command: {asked}"] if asked else [])
    assert server.said(auth, *fields, target="/cgi-bin/run?role=plain") == said
    server.settle()
    runs = server.events("start")
    assert [(e.get("role"), e["user"]) for e in runs] == ([(role, user)] if isinstance(said, str) else [])
    assert [e.get("role") for e in server.events("end")] == [role] * len(runs)
    assert [(e["role"], e["user"]) for e in server.events("deny") if "role" in e] == ([(role, user)] if said == 403 else [])


SSH = [(ALICE, (), f"deploy alice {AGENT}", "deploy"), (BOB, ("echo hi",), "hi\n", "mail"), (BOB, ("id",), 126, "mail")]


@pytest.mark.parametrize("key, asked, said, role", SSH)
def test_over_ssh(start, key, asked, said, role):
    server = start(SshRoles, prepare=three, FORCE_COMMAND=OUTSIDE)
    done = server.ssh(*asked, key=key, env={"BASTION_ROLE": "plain", "LC_ROLE": "plain"}, options=["-o", "SendEnv=BASTION_ROLE LC_*"])
    assert (done.stdout.decode() if done.returncode == 0 else done.returncode) == said
    server.settle()
    lines = [e for e in server.events() if e["event"] in ("login", "start", "end", "deny", "logout")]
    assert len(lines) > 2 and {e["role"] for e in lines} == {role}


def test_a_second_key_that_is_offered_first(start):
    """Which key logs in decides, and not which others the client has."""
    server = start(SshRoles, prepare=three, FORCE_COMMAND=OUTSIDE)
    said = [server.ssh("echo hi", key=None, options=["-i", str(first), "-i", str(second)]).stdout.decode()
            for first, second in ((MALLORY, ALICE), (MALLORY, BOB), (ALICE, BOB), (BOB, ALICE))]
    assert said == [f"deploy alice {AGENT}", "hi\n", f"deploy alice {AGENT}", "hi\n"]


def test_a_second_authorization(start):
    server = start(HttpRoles, prepare=three)
    assert server.said(bearer("of deploy"), bearer("of plain")) == 400
    assert server.events("start") == []


def test_only_roles(start):
    """Without a command and a credential outside."""
    server = start(HttpRoles, prepare=three)
    assert server.said(bearer("of deploy")) == f"deploy ci {AGENT}"
    assert server.said(bearer("of plain")) == 500  # it has no command
    assert server.said(None) == 401 and server.said(bearer("x")) == 401
    assert [(e.get("role"), e["reason"]) for e in server.events("fault")] == [
        ("plain", "FORCE_COMMAND: not set, nor is ALLOWED_COMMANDS, and there is no /etc/bastion/allowed-commands.list: nothing to run")]


def test_credentials_outside_without_a_command(start):
    server = start(HttpRoles, prepare=three, HTTP_TOKEN=TOKEN)
    assert server.said(bearer(TOKEN)) == 500 and server.said(bearer("of deploy")) == f"deploy ci {AGENT}"


def test_one_connection_two_roles(start):
    server = start(HttpRoles, prepare=three, FORCE_COMMAND=OUTSIDE, HTTP_TOKEN=TOKEN)
    with Client(server) as client:
        def said(secret):
            client.send(request(f"X-Bastion-Command: echo {secret}", auth=bearer(secret)))
            answer = client.answer()
            return answer.body.decode() if answer.status == 200 else answer.status
        assert [said(s) for s in ("of deploy", "of mail", TOKEN, "of plain", "of mail", "x", "of deploy")] == [
            f"deploy ci {AGENT}", "of mail\n", "outside:", "outside:plain", "of mail\n", 401, f"deploy ci {AGENT}"]


# ---- what a role has of its own ----

def test_its_command_is_one_thing(start):
    """A role with a part of it inherits none of the others."""
    def prepare(server):
        server.put("a", FORCE_COMMAND="printf own", a_token=token("a"))
        server.put("b", COMMAND_PREFIX="printf", b_token=token("b"))
        server.put("c", list="%s .*\n", COMMAND_PREFIX="printf", c_token=token("c"))
        server.put("d", list="", d_token=token("d"))
    server = start(HttpRoles, prepare=prepare, ALLOWED_COMMANDS="echo .*")
    said = [server.said(bearer(secret), "X-Bastion-Command: %s x") for secret in "abcd"]
    assert said == ["own", 500, "x", 403]


def test_its_settings(start):
    def prepare(server):
        server.put("short", FORCE_COMMAND="sleep 60", COMMAND_TIMEOUT="1", HTTP_HOLD_MS="30000", a_token=token("a"))
        server.put("body", FORCE_COMMAND="cat", HTTP_STDIN="body", b_token=token("b"))
        server.put("none", c_token=token("c"))
    server = start(HttpRoles, prepare=prepare, FORCE_COMMAND="cat")
    assert server.said(bearer("a"), method="POST") == 422
    assert server.said(bearer("b"), method="POST", body=b"hello") == "hello"
    assert server.said(bearer("c"), method="POST", body=b"hello") == ""


def test_a_lock_of_its_own(start):
    """One run of a role at a time, beside those of others."""
    def prepare(server):
        for name in ("a", "b"):
            server.put(name, FORCE_COMMAND=f"echo x >>$T/runs; echo $BASTION_ROLE >$T/{name}; {UNTIL_GO}", COMMAND_LOCK="skip", x_token=token(name))
    server = start(HttpRoles, prepare=prepare)
    def first(name):
        client = Client(server)
        client.send(request(auth=bearer(name)))
        server.wait_file(name)
        return client
    with first("a") as a, first("b") as b:
        assert [ask(server, auth=bearer(name))["X-Bastion-Skipped"] for name in ("a", "b")] == ["1", "1"]
        server.go()
        assert [c.answer().status for c in (a, b)] == [200, 200]
    assert server.settled_runs() == 2
    assert sorted(os.listdir(server.run_dir)) >= ["lock.a", "lock.b"]
    assert [e["role"] for e in server.events("skip")] == ["a", "b"]


@pytest.mark.parametrize("run_as, docker, ids", [
    ("deployer", None, f"{DEPLOYER}:{DEPLOYER}"),
    ("deployer\n", "on", f"{DEPLOYER}:{DEPLOYER} {DOCKER}"),
    ("5000:5001", None, "5000:5001"),
    ("5000:5001", "on", f"5000:5001 {DOCKER}"),
    ("agent", None, AGENT),
    (None, "on", AGENT),
    (None, "off", f"{AGENT_UID}:{AGENT_UID}"),
    ("backup-er", None, f"{BACKUP}:{BACKUP}"),  # which is in that group by itself
    ("backup-er", "on", f"{BACKUP}:{BACKUP} {DOCKER}"),
])
def test_run_as(start, run_as, docker, ids):
    def prepare(server):
        own = {k: v for k, v in {"RUN_AS": run_as, "DOCKER": docker}.items() if v}
        server.put("a", FORCE_COMMAND=SAYS, a_token=token("a"), alice_pub=ALICE, **own)
    server = start(HttpRoles, prepare=prepare)
    assert server.said(bearer("a")) == f"a a {ids}"


@pytest.mark.parametrize("run_as, reason", [
    ("root", "RUN_AS: must not be root"), ("0:0", "above 0"), ("0:5", "above 0"), ("5:0", "above 0"), ("-1:5", "RUN_AS: must be"), ("nosuch", "there is no account nosuch"),
    ("65525:65525", "parse HTTP"), ("65527:5", "TLS"), ("a b", "RUN_AS: must be"), ("4294967295:1", "RUN_AS: must be"), ("5:6:7", "RUN_AS: must be"), ("halt", None)])
def test_run_as_nobody_fit(start, run_as, reason):
    def prepare(server):
        server.put("a", FORCE_COMMAND=SAYS, RUN_AS=run_as, a_token=token("a"))
    server = start(HttpRoles, prepare=prepare, FORCE_COMMAND="id")
    if reason is None:  # Debian has no such account
        reason = "there is no account halt"
    assert server.said(bearer("a")) == 500 and server.events("start") == []
    [fault] = server.events("fault")
    assert reason in fault["reason"] and fault["role"] == "a"


def test_the_terminal_is_its_account_s(start):
    def prepare(server):
        server.put("a", FORCE_COMMAND="stat -c %u $(tty); : >$(tty) && echo mine", RUN_AS="5000:5001", alice_pub=ALICE)
        server.put("b", FORCE_COMMAND="stat -c %u $(tty)", bob_pub=BOB)
    server = start(SshRoles, prepare=prepare)
    def said(key):
        terminal = Terminal(server, key=key)
        text = terminal.read_until(b"\n" if key is BOB else b"mine")
        terminal.process.wait()
        return text
    assert b"5000" in said(ALICE) and b"%d" % AGENT_UID in said(BOB)


@pytest.mark.slow
def test_a_killed_command_of_another_account(start):
    """It is ended like any, though it is not SSH_USER's."""
    def prepare(server):
        server.put("a", FORCE_COMMAND="echo x >>$T/runs; trap '' TERM; sleep 300", COMMAND_TIMEOUT="1", HTTP_HOLD_MS="30000", RUN_AS="5000:5001", a_token=token("a"))
    server = start(HttpRoles, prepare=prepare)
    assert server.said(bearer("a")) == 422
    server.settle()


# ---- live ----

def test_it_comes_changes_and_goes(start):
    server = start(HttpRoles, prepare=three, FORCE_COMMAND=OUTSIDE)
    with Client(server) as client:
        def said(secret):
            client.send(request(auth=bearer(secret)))
            answer = client.answer()
            return answer.body.decode() if answer.status == 200 else answer.status
        assert said("new") == 401
        server.put("new", FORCE_COMMAND="printf one", x_token=token("new"))
        assert said("new") == "one"
        server.put("new", FORCE_COMMAND="printf two")
        assert said("new") == "two"
        (server.roles / "new").rename(server.roles / "newer")
        assert said("new") == "two"
        shutil.rmtree(server.roles / "newer")
        assert said("new") == 401
    server.settle()
    assert [e["role"] for e in server.events("start")] == ["new", "new", "newer"]


@contextlib.contextmanager
def held_back(server, then):
    """A port to connect to: `then` is done when the server has begun and read its keys, and before it hears a byte of the client's."""
    with socket.create_server(("127.0.0.1", 0)) as relay:
        def pass_on():
            near, _ = relay.accept()
            with near, socket.create_connection((server.host, server.port)) as far:
                banner = far.recv(1024)  # it comes when all is prepared
                then()
                near.sendall(banner)
                threading.Thread(target=pass_bytes, args=(near, far), daemon=True).start()
                pass_bytes(far, near)
        threading.Thread(target=pass_on, daemon=True).start()
        yield relay.getsockname()[1]


@pytest.mark.parametrize("change, said, role", [
    ("another command", b"two", "a"), ("another folder", b"three", "a"), ("another role", b"four", "b"), ("gone", None, None), ("to none", None, None), ("nothing", b"one", "a")])
def test_a_role_changes_between_connection_and_login(start, change, said, role):
    """Whose key it is and what its role says are of one state, also where seconds lie between."""
    def prepare(server):
        server.put("a", FORCE_COMMAND="echo x >>$T/runs; printf one", alice_pub=ALICE)
        server.put(".a", FORCE_COMMAND="echo x >>$T/runs; printf three", alice_pub=ALICE)

    def then():
        if change == "another command":
            server.put("a", FORCE_COMMAND="echo x >>$T/runs; printf two")
        elif change != "nothing":
            shutil.move(server.roles / "a", server.home / "old")
        if change == "another folder":
            (server.roles / ".a").rename(server.roles / "a")
        elif change == "another role":
            server.put("b", FORCE_COMMAND="echo x >>$T/runs; printf four", alice_pub=ALICE)
        elif change == "to none":
            server.admit(ALICE)
    server = start(SshRoles, prepare=prepare, FORCE_COMMAND="echo x >>$T/runs; printf outside")
    with held_back(server, then) as port:
        done = server.ssh(options=["-p", str(port)])
    assert (done.returncode, done.stdout) == ((0, said) if said else (78, b""))
    server.settle()
    assert [e["role"] for e in server.events("start")] == ([role] if said else []) and server.runs() == len(server.events("start"))


def test_removed_during_a_run(start):
    def prepare(server):
        server.put("a", FORCE_COMMAND=f"echo x >>$T/runs; {UNTIL_GO}; printf done", a_token=token("a"))
    server = start(HttpRoles, prepare=prepare)
    with Client(server) as client:
        client.send(request(auth=bearer("a")))
        wait_for(lambda: server.runs() == 1)
        shutil.rmtree(server.roles / "a")
        server.go()
        assert client.answer().body == b"done"
    server.settle()
    assert [(e["role"], e["exit"]) for e in server.events("end")] == [("a", 0)]


def test_a_folder_is_renamed_into_place(start):
    """Each login sees one of the two states: the credential of one never buys what the other says."""
    def prepare(server):
        server.put("a", FORCE_COMMAND="printf one", x_token=token("one"))
        server.put(".two", FORCE_COMMAND="printf two", x_token=token("two"))
        for i in range(300):  # read between the credential and what it buys
            server.put(f"b{i}", FORCE_COMMAND="id", x_token=token(f"b{i}"))
    server = start(HttpRoles, prepare=prepare)
    ended = []

    def swap():
        a, b, c = (server.roles / name for name in ("a", ".two", ".three"))
        for i in range(100):
            time.sleep(random.random() / 10)
            os.rename(a, c), os.rename(b, a), os.rename(c, b)
        ended.append(True)

    def login(secret):
        said = set()
        while not ended:
            said.add(server.said(bearer(secret)))
        return said
    said = together([swap, *[lambda secret=secret: login(secret) for secret in ("one", "two") * 4]])[1:]  # a refusal takes a second
    one, two = set().union(*said[::2]), set().union(*said[1::2])
    assert one <= {"one", 401} and two <= {"two", 401}, (one, two)
    assert [server.said(bearer(secret)) for secret in ("one", "two")] == ["one", 401]  # after as many swaps as lead back


# ---- bad input ----

def named(server):
    return sorted(event["reason"] for event in server.events("fault"))


SOMEBODY = 1234


def spoil(folder, name):
    """Makes one of the faults of a role's folder."""
    if name == "a setting that it may not have":
        (folder / "SSH_USER").write_text("nobody")
    elif name == "a bad value":
        (folder / "COMMAND_TIMEOUT").write_text("soon")
    elif name == "a link out of it":
        (folder / "FORCE_COMMAND").unlink()
        (folder / "FORCE_COMMAND").symlink_to("/etc/hostname")
    elif name == "a link to its tokens":
        (folder / "tokens.d").rename(folder.parent.parent / "elsewhere")
        (folder / "tokens.d").symlink_to("../../elsewhere")
    elif name == "a token's link out of it":
        (folder / "tokens.d/x.token").rename(folder.parent.parent / "x")
        (folder / "tokens.d/x.token").symlink_to("../../../x")
    elif name == "somebody's folder":
        os.chown(folder, SOMEBODY, SOMEBODY)
    elif name == "somebody's setting":
        os.chown(folder / "FORCE_COMMAND", SOMEBODY, SOMEBODY)
    elif name == "somebody's token":
        os.chown(folder / "tokens.d/x.token", SOMEBODY, SOMEBODY)
    elif name == "somebody's RUN_AS":
        (folder / "RUN_AS").write_text("deployer")
        os.chown(folder / "RUN_AS", AGENT_UID, AGENT_UID)
    elif name == "blank":
        (folder / "FORCE_COMMAND").write_text(" \n")
    elif name == "empty":
        (folder / "FORCE_COMMAND").write_text("")


BAD = {  # what is wrong: the status, and what the log names
    "a setting that it may not have": (500, f"SSH_USER: no role may have one of its own (from {ROLES}/a/SSH_USER)"),
    "a bad value": (500, "COMMAND_TIMEOUT: must be a number from 0 to 315360000 (from /etc/bastion/roles/a/COMMAND_TIMEOUT)"),
    "a link out of it": (500, f"FORCE_COMMAND: a symbolic link that leads out of its folder (from {ROLES}/a/FORCE_COMMAND)"),
    "a link to its tokens": (401, f"{ROLES}/a/tokens.d: a symbolic link that leads out of its folder"),
    "a token's link out of it": (401, f"{ROLES}/a/tokens.d/x.token: a symbolic link that leads out of its folder"),
    "somebody's folder": (401, f"{ROLES}/a: {ROLES}/a can be written by others than root: mount it read-only (:ro), or chown root and chmod go-w"),
    "somebody's setting": (500, f"FORCE_COMMAND: {ROLES}/a/FORCE_COMMAND can be written by others than root: mount it read-only (:ro), or chown root and "
                                f"chmod go-w (from {ROLES}/a/FORCE_COMMAND)"),
    "somebody's token": (401, f"{ROLES}/a/tokens.d/x.token: {ROLES}/a/tokens.d/x.token can be written by others than root: mount it read-only (:ro), or "
                              "chown root and chmod go-w"),
    "somebody's RUN_AS": (500, f"RUN_AS: {ROLES}/a/RUN_AS can be written by others than root: mount it read-only (:ro), or chown root and chmod go-w "
                               f"(from {ROLES}/a/RUN_AS)"),
    "blank": (500, f"FORCE_COMMAND: blank (from {ROLES}/a/FORCE_COMMAND)"),
    "empty": (500, f"FORCE_COMMAND: not set, nor is ALLOWED_COMMANDS, and there is no {ROLES}/a/allowed-commands.list: nothing to run"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_faulty_role(start, what):
    """It denies itself alone, and is named."""
    def prepare(server):
        for name in ("a", "b"):
            server.put(name, FORCE_COMMAND="echo x >>$T/runs; printf $BASTION_ROLE", x_token=token(name))
        spoil(server.roles / "a", what)
    server = start(HttpRoles, prepare=prepare, FORCE_COMMAND="id")
    status, reason = BAD[what]
    assert [server.said(bearer(secret)) for secret in "aabb"] == [status, status, "b", "b"]
    server.settle()
    assert named(server) == [reason] * (2 if status == 500 else 1)
    assert server.runs() == 2


def test_bad_names(start):
    names = ["Deploy", "a.b", "-a", "_a", "a" * 33, "\u00e4", "a b", "a\nb", "a:b"]

    def prepare(server):
        for i, name in enumerate(names):
            server.put(name, FORCE_COMMAND="printf a", x_token=token(f"a{i}"))
        server.put("a" * 32, FORCE_COMMAND="printf b", x_token=token("b"))
    server = start(HttpRoles, prepare=prepare)
    assert server.said(bearer("b")) == "b"
    assert together([lambda i=i: server.said(bearer(f"a{i}")) for i in range(len(names))]) == [401] * len(names)  # a refusal takes a second
    assert len(named(server)) == len(names) and all("a name that can't be a role's" in line for line in named(server))


def test_what_is_no_folder(start):
    """A file beside them, and what is being put together under a name with a dot, are nothing."""
    def prepare(server):
        server.put(".new", FORCE_COMMAND="printf a", x_token=token("a"))
        (server.roles / "README").write_text("our roles")
        (server.roles / "lost").symlink_to("nowhere")
    server = start(HttpRoles, prepare=prepare)
    assert server.said(bearer("a")) == 401
    assert named(server) == [f"{ROLES}/lost: a symbolic link that leads out of its folder"]


def test_as_kubernetes_has_it(start):
    """The folder and the files in it are links to ..data/ beside them, which is a link that is replaced."""
    def prepare(server):
        def version(n, text):
            folder = server.roles / f"..2027_{n}/mail"
            folder.mkdir(parents=True)
            (folder / "FORCE_COMMAND").write_text(f"printf {text}")
            (folder / "HTTP_TOKEN").write_text("m")
        version(1, "one"), version(2, "two")
        (server.roles / "..data").symlink_to("..2027_1")
        (server.roles / "mail").symlink_to("..data/mail")
        own = server.put("deploy", x_token=token("d"))
        (own / "..2027").mkdir()
        (own / "..2027/FORCE_COMMAND").write_text("printf deploy")
        (own / "..data").symlink_to("..2027")
        (own / "FORCE_COMMAND").symlink_to("..data/FORCE_COMMAND")
    server = start(HttpRoles, prepare=prepare)
    assert [server.said(bearer(secret)) for secret in "md"] == ["one", "deploy"]
    (server.roles / "..new").symlink_to("..2027_2")
    (server.roles / "..new").rename(server.roles / "..data")
    assert server.said(bearer("m")) == "two"
    assert named(server) == []


@pytest.mark.parametrize("one, other", [
    ({"x_token": token("s")}, {"y_token": token("s")}),
    ({"x_token": token("s")}, {"HTTP_TOKEN": "s"}),
    ({"HTTP_TOKEN": "s"}, {"HTTP_TOKEN": "s\n"}),
    ({"x_token": token("s", " expires=2020-01-01")}, {"x_token": token("s")}),
])
def test_one_secret_in_two_roles(start, one, other):
    def prepare(server):
        server.put("a", FORCE_COMMAND="printf a", **one)
        server.put("b", FORCE_COMMAND="printf b", other_token=token("other"), **other)
    server = start(HttpRoles, prepare=prepare)
    assert [server.said(bearer("s")), server.said(bearer("other"))] == [401, "b"]
    assert len(named(server)) == 1 and named(server)[0].endswith(": it counts for nobody")
    assert "another identity have" in server.reasons()[0][1]


def test_a_secret_of_a_role_and_of_none(start):
    def prepare(server):
        server.put("a", FORCE_COMMAND="printf a", HTTP_TOKEN=TOKEN)
    server = start(HttpRoles, prepare=prepare, HTTP_TOKEN=TOKEN, FORCE_COMMAND="id")
    assert server.said(bearer(TOKEN)) == 401


@pytest.mark.parametrize("outside", [False, True])
def test_one_key_in_two_roles(start, outside):
    def prepare(server):
        server.put("a", FORCE_COMMAND="printf a", alice_pub=ALICE, bob_pub=BOB)
        if outside:
            server.admit(ALICE)
        else:
            server.put("b", FORCE_COMMAND="printf b", al_pub=ALICE)
    server = start(SshRoles, prepare=prepare, FORCE_COMMAND="printf outside")
    assert [server.ssh(key=key).returncode for key in (ALICE, BOB)] == [255, 0]
    server.settle()
    assert [r for r in server.faults() if "the same key as one of" in r and r.endswith(": it counts for nobody")]
    assert "which stands in two roles" in server.reasons()[0][1]


@pytest.mark.parametrize("text, good, reason", [
    (token("s"), True, None),
    (token("s").replace("\n", "\r\n"), True, None),
    (token("s").strip(), True, None),
    (token("s", " from=127.0.0.0/8 expires=2099-01-01"), True, None),
    (token("s", " from=192.0.2.0/24"), False, "a token of x that does not count from this address"),
    (token("s", " expires=2020-01-01"), False, "a token of x that has expired at 2020-01-01T23:59:59Z"),
    (token("s", " expires=soon"), False, "wrong token"),
    (token("s", " from=1.2.3.4/99"), False, "wrong token"),
    ("sha256:0123\n", False, "wrong token"),
])
def test_a_token_of_a_role(start, text, good, reason):
    def prepare(server):
        server.put("a", FORCE_COMMAND="printf a", x_token=text, y_token=token("y"))
    server = start(HttpRoles, prepare=prepare)
    assert [server.said(bearer("s")), server.said(bearer("y"))] == ["a" if good else 401, "a"]
    assert server.reasons() == ([] if good else [("a" if reason.startswith("a token") else None, reason)])


@pytest.mark.parametrize("options, good", [("", True), ('from="127.0.0.1" ', True), ('from="192.0.2.1" ', False), ('expiry-time="20200101Z" ', False)])
def test_a_key_of_a_role(start, options, good):
    def prepare(server):
        server.put("a", FORCE_COMMAND="printf a", alice_pub=ALICE)
        path = server.roles / "a/users.d/alice.pub"
        path.write_text(options + path.read_text())
    server = start(SshRoles, prepare=prepare)
    done = server.ssh()
    assert (done.returncode, done.stdout) == ((0, b"a") if good else (255, b""))


def test_a_thousand_roles(start):
    def prepare(server):
        for i in range(1000):
            server.put(f"r{i}", FORCE_COMMAND=f"printf {i}", x_token=token(f"secret {i}"))
    server = start(HttpRoles, prepare=prepare)
    assert [server.said(bearer(f"secret {i}")) for i in (0, 500, 999, 1000)] == ["0", "500", "999", 401]
    assert named(server) == []


# ---- its commands and bastion's own ----

def test_a_command_can_change_no_role(start):
    """Whoever runs a role's commands is one who may change nothing that decides: not the folders of roles, nor the keys that he owns."""
    attack = f"for f in {ROLES}/a/FORCE_COMMAND {ROLES}/b/users.d/bob.pub {ROLES}/b/users.d/new.pub; do echo x >>$f && echo wrote $f; done; ls {ROLES} >/dev/null && echo ran"
    def prepare(server):
        server.put("a", FORCE_COMMAND=attack, RUN_AS=f"{DEPLOYER}:{DEPLOYER}", alice_pub=ALICE)
        folder = server.put("b", FORCE_COMMAND="printf b", bob_pub=BOB)
        for path in (folder / "users.d", folder / "users.d/bob.pub"):
            os.chown(path, DEPLOYER, DEPLOYER)
    server = start(SshRoles, prepare=prepare)
    assert server.ssh(key=BOB).stdout == b"b"  # an account's own keys count,
    assert server.ssh().stdout == b"ran\n"  # since that account is kept from them as long as it runs commands
    assert "x" not in (server.roles / "b/users.d/bob.pub").read_text().splitlines()


def test_a_command_of_a_role_that_came_later(start):
    """Its account is known as one of those that run commands, also to a connection that is older than the role."""
    def prepare(server):
        server.put("a", FORCE_COMMAND="printf a", x_token=token("a"))
        (server.etc / "users.d").mkdir()
        os.chown(server.etc / "users.d", DEPLOYER, DEPLOYER)
    server = start(HttpRoles, prepare=prepare)
    with Client(server) as client:
        def said(secret):
            client.send(request(auth=bearer(secret)))
            return client.answer().body
        assert said("a") == b"a"
        server.put("b", FORCE_COMMAND="echo x >/etc/bastion/users.d/new.pub && echo wrote || echo kept", RUN_AS=f"{DEPLOYER}:{DEPLOYER}", y_token=token("b"))
        assert said("b").endswith(b"kept\n")
    assert os.listdir(server.etc / "users.d") == []


@pytest.mark.parametrize("kind", ["tokens.d/x.token", "users.d/x.pub"])
def test_a_file_that_is_given_away_later(start, kind):
    """A run relies on what its own login has found, and on nothing older."""
    attack = f"echo x >>{ROLES}/a/{kind} && echo wrote || echo kept"
    def prepare(server):
        server.put("a", FORCE_COMMAND=attack, x_token=token("a"), y_token=token("y"), x_pub=ALICE)
    server = start(HttpRoles, prepare=prepare)
    with Client(server) as client:
        def said():
            client.send(request(auth=bearer("y")))
            return client.answer().body
        assert said().endswith(b"kept\n")
        os.chown(server.roles / "a" / kind, AGENT_UID, AGENT_UID)
        assert said().endswith(b"kept\n")
