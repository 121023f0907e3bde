"""`bastion check` on the tokens of HTTP: whose they are, where and until when they count, what is wrong; no digest is shown."""
import hashlib

import pytest
from check_harness import look

pytestmark = pytest.mark.root

DIR = "/etc/bastion/tokens.d"


def secret(text, rest=""):
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}{rest}\n"


def test_good_tokens():
    found = look(files={"tokens.d/ci.token": secret("a") + "# the next\n" + secret("b", " expires=2099-06-30 from=192.0.2.0/24,::1"),
                        "tokens.d/backup.token": secret("c", "\r"), "tokens.d/other": "nonsense"})
    assert (found.code, found.warnings) == (0, [])
    assert found.lines("token") == [f'"backup"  ({DIR}/backup.token:1)', f'"ci"  ({DIR}/ci.token:1)',
                                    f'"ci" until 2099-06-30T23:59:59Z from 192.0.2.0/24,::1  ({DIR}/ci.token:3)']
    assert not any(hashlib.sha256(text.encode()).hexdigest()[:8] in found.out + found.err for text in "abc")


def test_none():
    assert look().lines("token") == look(files={"tokens.d/ci.token": "# none yet\n"}).lines("token") == []


def test_an_expired_one():
    found = look(files={"tokens.d/ci.token": secret("a", " expires=2020-02-29")})
    assert found.code == 0
    assert f'\ntoken: "ci" until 2020-02-29T23:59:59Z  ({DIR}/ci.token:1)\n  warning: it has expired\n' in found.out


def test_one_of_two_identities():
    found = look(files={"tokens.d/a.token": secret("x"), "tokens.d/b.token": secret("x")})
    assert (found.code, found.faults) == (78, [f"{DIR}/b.token:1: has the same secret as {DIR}/a.token:1: it counts for nobody"])
    assert '\n  warning: another identity has the same secret: it counts for nobody\n' in found.out


@pytest.mark.parametrize("text, wrong", [
    ("sha256:12\n", "sha256: has not 64 hexadecimal digits behind it"),
    ("bastion_0123\n", "does not begin with sha256:"),
    (secret("a", " expires=2027-02-30"), "expires= is no date: YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ"),
    (secret("a", " from=192.0.2.1/24"), "from= has an address with bits beyond those of its network"),
    (secret("a", " from=host"), "from= has an entry that is no address and no network"),
    (secret("a", " role=x"), "has a word that is neither expires= nor from="),
])
def test_a_line_with_an_error(text, wrong):
    found = look(files={"tokens.d/ci.token": text + secret("b")})
    assert (found.code, found.faults) == (78, [f"{DIR}/ci.token:1: {wrong}"])
    assert found.lines("token") == [f'"ci"  ({DIR}/ci.token:2)']


@pytest.mark.parametrize("before, path", [(f"chmod 666 {DIR}/ci.token", f"{DIR}/ci.token"), (f"chown 1234 {DIR}", DIR)])
def test_what_others_can_write(before, path):
    found = look(files={"tokens.d/ci.token": secret("a")}, before=before)
    assert found.code == 78 and found.lines("token") == []
    assert [fault for fault in found.faults if fault.startswith(f"{path}: ") and "can be written by others than root" in fault]


def test_elsewhere():
    found = look(before=f"mkdir /run/tokens; printf '%s' '{secret('a').strip()}' >/run/tokens/x.token", TOKENS_DIR="/run/tokens")
    assert found.lines("token") == ['"x"  (/run/tokens/x.token:1)']
