"""`bastion check` on roles: what each of them buys, with which credentials, what is wrong with one; `--role` and `--as`."""
import shlex
import subprocess

import pytest
from check_harness import look
from harness import BASTION
from role_harness import ACCOUNTS, DOCKER, token
from ssh_harness import AGENT_UID, ALICE, KEYS, fingerprint, make_key, public

pytestmark = pytest.mark.root

BOB = make_key(KEYS, "bob-of-checked-roles")
DIR = "/etc/bastion/roles"


def roles(files):
    """A shell script that puts these files into roles' folders."""
    return ACCOUNTS + f"mkdir -p {DIR}\n" + "\n".join(
        f"mkdir -p {DIR}/{path.rsplit('/', 1)[0]}; printf %s {shlex.quote(text)} >{DIR}/{path}" for path, text in files.items()) + "\n"


GOOD = roles({
    "deploy/FORCE_COMMAND": "id", "deploy/tokens.d/ci.token": token("a", " from=192.0.2.0/24"), "deploy/users.d/alice.pub": public(ALICE),
    "deploy/RUN_AS": "deployer", "deploy/HTTP_TOKEN": "a token of the role",
    "mail/allowed-commands.list": "id [^ -]+\n", "mail/tokens.d/ci.token": token("b", " expires=2020-01-01"),
    "mail/users.d/bob.pub": f'from="192.0.2.7" {public(BOB)}'})


def test_what_they_buy():
    found = look(before=GOOD, DOCKER_GROUP=str(DOCKER))
    assert (found.code, found.faults) == (0, [])
    assert found.lines("role") == [f"deploy: one command (FORCE_COMMAND), as deployer  ({DIR}/deploy)",
                                   f"mail: requests that its rules allow, as agent, with the group of the Docker socket  ({DIR}/mail)"]
    assert found.lines("token") == [f'"token" of the role deploy  ({DIR}/deploy/HTTP_TOKEN)', f'"ci" of the role deploy from 192.0.2.0/24  ({DIR}/deploy/tokens.d/ci.token:1)',
                                    f'"ci" of the role mail until 2020-01-01T23:59:59Z  ({DIR}/mail/tokens.d/ci.token:1)']
    assert found.lines("key") == [f'256 {fingerprint(ALICE)} "alice" of the role deploy  ({DIR}/deploy/users.d/alice.pub:1)',
                                  f'256 {fingerprint(BOB)} "bob" of the role mail from 192.0.2.7  ({DIR}/mail/users.d/bob.pub:1)']
    assert "a token of the role" not in found.out + found.err


def test_secrets_of_webhooks():
    secrets = "hook-one", "hook-two", "hook-three", "hook-four"
    found = look(before=roles({"a/FORCE_COMMAND": "id", "a/HOOK_SECRET": "hook-one\nhook-two\n", "b/FORCE_COMMAND": "id", "b/HOOK_SECRET": "hook-three",
                               "c/FORCE_COMMAND": "id", "d/FORCE_COMMAND": "id", "d/HOOK_SECRET": "hook-two\nhook-four\nhook-five"}),
                 HOOK_SECRET="hook-four")
    assert found.lines("hook") == [f"POST /hooks/a: 2 secrets of the role a  ({DIR}/a/HOOK_SECRET)", f"POST /hooks/b: 1 secret of the role b  ({DIR}/b/HOOK_SECRET)",
                                   f"POST /hooks/d: 3 secrets of the role d  ({DIR}/d/HOOK_SECRET)"]
    assert found.out.count("1 of them stands in two places: it counts for nobody") == 1
    assert found.out.count("2 of them stand in two places: it counts for nobody") == 1
    assert [secret for secret in secrets if secret in found.out + found.err] == []
    assert look("--role", "b", before=roles({"b/FORCE_COMMAND": "id", "b/HOOK_SECRET": "x"})).lines("hook") \
        == [f"POST /hooks/b: 1 secret of the role b  ({DIR}/b/HOOK_SECRET)"]
    found = look(before=roles({"b/FORCE_COMMAND": "id", "b/HOOK_SECRET": "whsec_*"}))
    assert found.code == 78 and f"HOOK_SECRET: {DIR}/b/HOOK_SECRET: behind whsec_ a secret must be base64" in found.faults


@pytest.mark.parametrize("setting", ["HTTP_TOKEN", "HTTP_BASIC_AUTH"])
def test_a_secret_that_commands_can_read(setting):
    """By it the commands of one role could log in as another."""
    path = f"{DIR}/a/{setting}"
    before = roles({"a/FORCE_COMMAND": "id", f"a/{setting}": "some:thing"})
    warning = f"{path}: is a secret that commands can read: chown root and chmod 600"
    assert warning in look(before=before).warnings
    assert warning not in look(before=before + f"chmod 600 {path}\n").warnings


def test_nothing_outside_of_them():
    found = look(before=GOOD, FORCE_COMMAND=None, HTTP_TOKEN=None)
    assert (found.code, found.faults) == (0, [])


@pytest.mark.parametrize("files, fault", [
    ({"a/SSH_USER": "x"}, f"role a: SSH_USER: no role may have one of its own (from {DIR}/a/SSH_USER)"),
    ({"a/COMMAND_LOCK": "x"}, f"role a: COMMAND_LOCK: must be one of: skip refuse wait off rerun join (from {DIR}/a/COMMAND_LOCK)"),
    ({"a/COMMAND_PREFIX": "x"}, f"role a: FORCE_COMMAND: not set, nor is ALLOWED_COMMANDS, and there is no {DIR}/a/allowed-commands.list: nothing to run"),
    ({"a/RUN_AS": "nosuch"}, "role a: RUN_AS: there is no account nosuch"),
    ({"a/HTTP_TOKEN": " x"}, f"{DIR}/a/HTTP_TOKEN: must be one line of at most 4096 bytes with no space at its ends: it lets nobody in"),
    ({"A/FORCE_COMMAND": "id"}, f"{DIR}/A: a name that can't be a role's: small letters, digits, _ and -, at most 32, and the first is a letter or a digit"),
    ({"a/tokens.d/x.token": token("s"), "b/tokens.d/y.token": token("s")},
     f"{DIR}/b/tokens.d/y.token:1: has the same secret as {DIR}/a/tokens.d/x.token:1: it counts for nobody"),
    ({"a/users.d/x.pub": public(ALICE), "b/users.d/y.pub": public(ALICE)}, None),
])
def test_faults(files, fault):
    found = look(before=roles(files), FORCE_COMMAND="id")
    assert found.code == 78
    if fault is None:
        [line] = found.faults
        assert line.startswith(f"{DIR}/b/users.d/y.pub:1: the same key as one of the role a: it counts for nobody")
    else:
        assert found.faults == [fault]


def test_one_role():
    found = look("--role", "mail", before=GOOD)
    assert found.code == 0 and [f"mail: requests that its rules allow, as agent  ({DIR}/mail)"] == found.lines("role")
    assert "rule allowed-commands.list:1: id [^ -]+" in found.out
    assert "deploy" not in found.out and "setting" not in found.out


@pytest.mark.parametrize("arguments, code, said", [
    (["--role", "mail", "id x"], 0, "allow: rule allowed-commands.list:1: id [^ -]+\n\"id\"\n\"x\"\n"),
    (["--role", "mail", "id -x"], 126, "deny: no rule allows it\n"),
    (["--role", "mail", "--explain", "id -x"], 126, "near: rule allowed-commands.list:1"),
    (["--role", "deploy", "anything"], 0, "allow: rule force"),
    (["--role", "none", "x"], 78, ""),
    (["--role", "../roles/mail", "id x"], 78, ""),
    (["--as", "alice"], 0, "holds: ssh, key ALICE, of the role deploy\nrole deploy: the one command (FORCE_COMMAND)\n"),
    (["--as", "bob", "id x"], 0, "holds: ssh, key BOB, of the role mail, from 192.0.2.7\nrole mail: allow: "),
    (["--as", "bob", "--peer", "192.0.2.7", "id x"], 0, "holds: ssh, key BOB, of the role mail\nrole mail: allow: "),
    (["--as", "bob", "--peer", "192.0.2.8", "id x"], 126, "does not hold: ssh, key BOB, of the role mail: it does not count from there\n"),
    (["--as", "bob", "id -x"], 126, "role mail: deny: no rule allows it\n"),
    (["--as", "ci", "--peer", "192.0.2.7"], 0, f"holds: http, {DIR}/deploy/tokens.d/ci.token:1, of the role deploy\n"
     f"does not hold: http, {DIR}/mail/tokens.d/ci.token:1, of the role mail: a token of ci that has expired at 2020-01-01T23:59:59Z\nrole deploy: the one command"),
    (["--as", "nobody"], 126, "nobody has this name: no key, and no credential of HTTP\n"),
    (["--as", "token"], 0, "holds: http, HTTP_TOKEN\nholds: http, /etc/bastion/roles/deploy/HTTP_TOKEN, of the role deploy\nno role: the one command"),
])
def test_questions(arguments, code, said):
    said = said.replace("ALICE", fingerprint(ALICE)).replace("BOB", fingerprint(BOB))
    found = look(*arguments, before=GOOD)
    assert (found.code, said in found.out) == (code, True), found


@pytest.mark.parametrize("files, said", [
    ({"a/FORCE_COMMAND": "id", "a/users.d/eve.pub": f'expiry-time="20200101Z" {public(ALICE)}'},
     "does not hold: ssh, key ALICE, of the role a: it has expired at 2020-01-01T00:00:00Z\n"),
    ({"a/COMMAND_LOCK": "x", "a/users.d/eve.pub": public(ALICE)},
     f"role a: nothing can run: COMMAND_LOCK: must be one of: skip refuse wait off rerun join (from {DIR}/a/COMMAND_LOCK)\n"),
    ({"a/COMMAND_PREFIX": "x", "a/users.d/eve.pub": public(ALICE)},
     f"role a: nothing can run: FORCE_COMMAND: not set, nor is ALLOWED_COMMANDS, and there is no {DIR}/a/allowed-commands.list: nothing to run\n"),
], ids=["expired", "a faulty setting", "no command"])
def test_who_gets_nothing(files, said):
    said = said.replace("ALICE", fingerprint(ALICE))
    found = look("--as", "eve", before=roles(files))
    assert (found.code, said in found.out) == (126, True), found


def test_one_role_that_is_faulty():
    found = look("--role", "a", before=roles({"a/COMMAND_LOCK": "x"}))
    assert found.code == 78
    assert found.faults == [f"COMMAND_LOCK: must be one of: skip refuse wait off rerun join (from {DIR}/a/COMMAND_LOCK)"]


def test_a_secret_with_a_nul_byte():
    """A shorter one would let somebody in."""
    found = look(before=roles({"a/FORCE_COMMAND": "id"}) + f"printf 'a\\0b' >{DIR}/a/HTTP_TOKEN; chmod 600 {DIR}/a/HTTP_TOKEN")
    assert found.faults == [f"{DIR}/a/HTTP_TOKEN: has a NUL byte: it lets nobody in"]


def test_a_list_from_elsewhere():
    found = look(before=roles({"a/users.d/x.pub": public(ALICE)}) + f"echo id >/etc/bastion/other; ln -s /etc/bastion/other {DIR}/a/allowed-commands.list")
    assert found.code == 78
    assert [f for f in found.faults if "allowed-commands.list: a symbolic link that leads out of its folder" in f], found.faults


def test_not_as_root():
    found = look(before=roles({"a/FORCE_COMMAND": "id", "a/RUN_AS": "deployer"}), user=AGENT_UID, RUN_DIR="/tmp")
    assert "RUN_AS has no effect: this is not root" in found.out, found


MANY = "i=0; while [ $i -lt %d ]; do %s; i=$((i + 1)); done\n"


@pytest.mark.parametrize("before, fault", [
    (f"mkdir -p $(seq -f {DIR}/r%.0f 1025)", "one role more than there is room for"),
    (MANY % (4097, "printf 'sha256:%064x\\n' $i >/etc/bastion/tokens.d/t$i.token"), "/etc/bastion/tokens.d: more files than there is room for"),
    (MANY % (4095, "printf 'sha256:%064x\\n' $i >/etc/bastion/tokens.d/t$i.token")
     + f"mkdir -p {DIR}/a/tokens.d; echo id >{DIR}/a/FORCE_COMMAND; printf 'sha256:%064x\\n' 5000 >{DIR}/a/tokens.d/x.token",
     f"{DIR}/a/tokens.d/x.token:1: one token more than there is room for"),
], ids=["roles", "files", "tokens"])
def test_more_than_there_is_room_for(before, fault):
    """It is said once; and none of the others is lost."""
    found = look(before=before)
    assert found.code == 78 and len([f for f in found.faults if f.endswith(fault)]) == 1, [f for f in found.faults if "room" in f]


@pytest.mark.parametrize("arguments", ["--role", "--as", "--peer ::1", "--as x --peer host", "--as x --role y", "--brief --role mail", "a b", "--explain", "--as x --explain y"])
def test_usage(arguments):
    assert subprocess.run([BASTION, "check", *arguments.split()], capture_output=True).returncode == 64
