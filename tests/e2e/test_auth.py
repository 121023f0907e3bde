"""Who may run the command (bastion(8), HTTP)."""
import base64

import pytest
from harness import TOKEN, Client, ask, basic, curl, request, together

PASSWORD = "user:pa:ss w\u00f6rd"


def b64(raw):
    return base64.b64encode(raw).decode()


RAW = PASSWORD.encode()
# (name, Authorization lines, status) with HTTP_BASIC_AUTH
BASIC = [
    ("right", [basic(PASSWORD)], 200),
    ("lower-case scheme", ["Authorization: basic " + b64(RAW)], 200),
    ("upper-case scheme", ["Authorization: BASIC " + b64(RAW)], 200),
    ("lower-case field", ["authorization: Basic " + b64(RAW)], 200),
    ("spaces before the credential", ["Authorization: Basic   " + b64(RAW)], 200),
    ("missing", [], 401),
    ("wrong password", [basic("user:wrong")], 401),
    ("wrong user", [basic("User:pa:ss w\u00f6rd")], 401),
    ("password cut at its colon", [basic("user:pa")], 401),
    ("other encoding of the umlaut", [basic(PASSWORD.encode("latin-1"))], 401),
    ("NUL behind the password", [basic(RAW + b"\0")], 401),
    ("NUL and more behind the password", [basic(RAW + b"\0more")], 401),
    ("NUL inside", [basic(RAW[:6] + b"\0" + RAW[6:])], 401),
    ("NUL first", [basic(b"\0" + RAW)], 401),
    ("a prefix", [basic(RAW[:-1])], 401),
    ("one byte more", [basic(RAW + b"x")], 401),
    ("empty", ["Authorization: Basic "], 401),
    ("no scheme", ["Authorization: " + b64(RAW)], 401),
    ("scheme alone", ["Authorization: Basic"], 401),
    ("no space", ["Authorization: Basic" + b64(RAW)], 401),
    ("not base64", ["Authorization: Basic !!!!"], 401),
    ("base64 with junk behind", [basic(PASSWORD) + " x"], 401),
    ("base64 with a space inside", ["Authorization: Basic " + b64(RAW)[:4] + " " + b64(RAW)[4:]], 401),
    ("base64 in the URL alphabet", ["Authorization: Basic " + base64.urlsafe_b64encode(RAW + b"\xff\xfe\xfd").decode()], 401),
    ("plain text", ["Authorization: Basic " + "user:password"], 401),
    ("the password as a token", ["Authorization: Bearer " + b64(RAW)], 401),
    ("the token, while Basic wins", ["Authorization: Bearer " + TOKEN], 401),
    ("another scheme", ["Authorization: Digest username=user"], 401),
    ("right twice", [basic(PASSWORD), basic(PASSWORD)], 400),
    ("right, then wrong", [basic(PASSWORD), basic("user:wrong")], 400),
    ("wrong, then right", [basic("user:wrong"), basic(PASSWORD)], 400),
]
BEARER = [
    ("right", ["Authorization: Bearer " + TOKEN], 200),
    ("case of the scheme", ["Authorization: bEaReR " + TOKEN], 200),
    ("white space around", ["Authorization: \t Bearer " + TOKEN + " \t"], 200),
    ("missing", [], 401),
    ("wrong", ["Authorization: Bearer wrong"], 401),
    ("a prefix", ["Authorization: Bearer " + TOKEN[:-1]], 401),
    ("one byte more", ["Authorization: Bearer " + TOKEN + "x"], 401),
    ("other case", ["Authorization: Bearer " + TOKEN.upper()], 401),
    ("empty", ["Authorization: Bearer "], 401),
    ("no scheme", ["Authorization: " + TOKEN], 401),
    ("two tokens", [f"Authorization: Bearer {TOKEN}, {TOKEN}"], 401),
    ("the token as Basic", ["Authorization: Basic " + b64(TOKEN.encode())], 401),
    ("the token as a Basic password", [basic("token:" + TOKEN)], 401),
    ("in another field", ["X-Authorization: Bearer " + TOKEN], 401),
    ("for a proxy", ["Proxy-Authorization: Bearer " + TOKEN], 401),
    ("twice", ["Authorization: Bearer " + TOKEN] * 2, 400),
    ("twice, in other letters", ["Authorization: Bearer " + TOKEN, "AUTHORIZATION: Bearer x"], 400),
]


def check_table(server, table):
    """All at once, since each 401 takes its second."""
    answers = together([lambda lines=lines: ask(server, *lines, auth=None) for _, lines, _ in table])
    got = [(name, a.status) for (name, _, _), a in zip(table, answers)]
    assert got == [(name, status) for name, _, status in table]
    for answer in answers:
        assert (answer["WWW-Authenticate"] is not None) == (answer.status == 401)
    assert server.settled_runs() == sum(status == 200 for _, _, status in table)
    return answers


def test_basic(start):
    server = start(HTTP_BASIC_AUTH=PASSWORD, COMMAND_LOCK="off")
    answers = check_table(server, BASIC)
    challenges = {a["WWW-Authenticate"].split()[0] for a in answers if a.status == 401}
    assert challenges == {"Basic"}


def test_bearer(start):
    server = start(COMMAND_LOCK="off")
    answers = check_table(server, BEARER)
    challenges = {a["WWW-Authenticate"].split()[0] for a in answers if a.status == 401}
    assert challenges == {"Bearer"}


# "user:pass~~" is dXNlcjpwYXNzfn4= : the last digit before the padding has two bits that carry nothing.
NON_CANONICAL = [
    ("as it should be", "dXNlcjpwYXNzfn4=", 200),
    ("stray bits", "dXNlcjpwYXNzfn5=", 401),
    ("no padding", "dXNlcjpwYXNzfn4", 401),
    ("too much padding", "dXNlcjpwYXNzfn4==", 401),
    ("a group more", "dXNlcjpwYXNzfn4=AAAA", 401),
    ("padding alone behind", "dXNlcjpwYXNzfn4=====", 401),
    ("a line's end inside", "dXNlcjpw\tYXNzfn4=", 401),
]


def test_base64_has_one_form(start):
    server = start(HTTP_BASIC_AUTH="user:pass~~", COMMAND_LOCK="off")
    check_table(server, [(name, ["Authorization: Basic " + text], status) for name, text, status in NON_CANONICAL])


def test_curl_knows_the_schemes(start):
    server = start(HTTP_BASIC_AUTH=PASSWORD)
    assert curl(server, "--basic", "-u", PASSWORD, auth=None).stdout == b"ok\n"
    server = start()
    assert curl(server, "--oauth2-bearer", TOKEN, auth=None).stdout == b"ok\n"


def test_long_credential(start):
    """As long as the settings allow."""
    server = start(HTTP_TOKEN="t" * 4096, COMMAND_LOCK="off")
    check_table(server, [("right", ["Authorization: Bearer " + "t" * 4096], 200), ("short", ["Authorization: Bearer " + "t" * 4095], 401)])


def test_wrong_credential_waits_a_second(plain):
    """A guesser gets one try a second; and the connection serves the next request."""
    import time
    with Client(plain) as client:
        begin = time.monotonic()
        client.send(request(auth="Authorization: Bearer wrong"))
        assert client.answer().status == 401
        assert time.monotonic() - begin >= 0.99
        client.send(request(close=True))
        assert client.answer().status == 200


@pytest.mark.parametrize("settings", [{"HTTP_TOKEN": None}, {"HTTP_TOKEN": ""}, {"HTTP_TOKEN": "", "HTTP_BASIC_AUTH": ""}])
@pytest.mark.parametrize("auth", [None, "Authorization: Bearer ", "Authorization: Basic Og=="])
def test_no_credential_set_runs_nothing(start, settings, auth):
    server = start(**settings)
    answer = ask(server, auth=auth)
    assert answer.status == 500
    assert answer.body == b"Internal Server Error\n"
    assert server.settled_runs() == 0
    assert "HTTP_TOKEN" in server.events("fault")[0]["reason"]
