"""Tokens over HTTP (bastion-settings(5), TOKENS): by either scheme, beside the credential of the settings or alone; the log has the identity,
and why one was refused; the client learns nothing."""
import base64
import hashlib
import subprocess

import pytest
from harness import AUTH, BASTION, TOKEN, Client, Server, ask, free_port, request, together
from init_harness import InitServer

pytestmark = pytest.mark.root


def bearer(secret):
    return f"Authorization: Bearer {secret}"


def basic(name, secret):
    return "Authorization: Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


def line(secret, rest=""):
    return f"sha256:{hashlib.sha256(secret.encode()).hexdigest()}{rest}\n"


class TokenServer(Server):
    """bastion http with a folder of tokens of its own, which is root's: `ci` has one that `bastion token` has made."""

    def __init__(self, **settings):
        super().__init__("tcpsvd", before=lambda server: f"mkdir -p /run; mount -t tmpfs -o mode=755 tmpfs /run; mkdir /run/tokens; mount --bind {server.tokens} /run/tokens",
                         **{"HTTP_TOKEN": None, "TOKENS_DIR": "/run/tokens", "COMMAND_LOCK": "off", "FORCE_COMMAND": 'echo x >>$T/runs; printf %s "$BASTION_USER"', **settings})

    def lay_out(self):
        self.tokens = self.home / "tokens"
        self.tokens.mkdir(mode=0o755)
        self.ci = self.make("ci")

    def make(self, name, *options):
        return subprocess.run([BASTION, "token", *options, self.tokens, name], capture_output=True, text=True, check=True).stdout.strip()

    def put(self, name, *lines):
        (self.tokens / f"{name}.token").write_text("".join(lines))

    def reasons(self):
        return [event["reason"] for event in self.events("login", verdict="deny")]


def who(server, auth, **options):
    """Whom the command runs for; or None, where the answer is a 401 with both challenges."""
    answer = ask(server, auth=auth, **options)
    if answer.status == 401:
        assert [v.split()[0] for k, v in answer.fields if k == "WWW-Authenticate"] == ["Basic", "Bearer"]
        assert answer.body == b"The credential is missing or wrong.\n" or answer.body
        return None
    assert answer.status == 200, answer
    return answer.body.decode()


def test_both_schemes(start):
    server = start(TokenServer)
    assert together([lambda auth=auth: who(server, auth) for auth in (
        bearer(server.ci), basic("ci", server.ci), bearer(server.ci[:-1]), bearer(server.ci + "0"), bearer("ci:" + server.ci), basic("ci", server.ci[:-1]),
        basic("ic", server.ci), basic("", server.ci), basic("ci", ""), "Authorization: Basic !", "Authorization: Digest x", bearer(""), None)]) == ["ci", "ci"] + [None] * 11
    assert server.runs() == 2
    assert [e["user"] for e in server.events("start")] == ["ci", "ci"]
    assert server.ci not in server.log_text().decode()


@pytest.mark.parametrize("settings, other, name", [
    ({"HTTP_TOKEN": TOKEN}, AUTH, "token"),
    ({"HTTP_BASIC_AUTH": "user:a password"}, basic("user", "a password"), "user"),
])
def test_beside_the_credential_of_the_settings(start, settings, other, name):
    server = start(TokenServer, **settings)
    assert [who(server, auth) for auth in (other, bearer(server.ci), basic("ci", server.ci))] == [name, "ci", "ci"]
    assert who(server, bearer("x")) is None
    (server.tokens / "ci.token").unlink()
    assert who(server, other) == name
    answer = ask(server, auth=bearer(server.ci))
    assert answer.status == 401 and answer["WWW-Authenticate"].split()[0] == ("Bearer" if name == "token" else "Basic")


@pytest.mark.parametrize("rest, good, reason", [
    (" expires=2099-06-30", True, None),
    (" expires=2020-06-30", False, "a token of x that has expired at 2020-06-30T23:59:59Z"),
    (" from=127.0.0.0/8", True, None),
    (" from=127.0.0.2,::1", False, "a token of x that does not count from this address"),
    (" from=127.0.0.1 expires=2020-06-30", False, "a token of x that has expired at 2020-06-30T23:59:59Z"),
    (" from=127.0.0.1 expires=2099-06-30", True, None),
    (" from=127.0.0.1/8", False, "wrong token"),
    (" expires=2099-02-30", False, "wrong token"),
    ("\r", True, None),
])
def test_limits(start, rest, good, reason):
    server = start(TokenServer)
    server.put("x", line("secret", rest))
    assert who(server, bearer("secret")) == ("x" if good else None)
    assert server.reasons() == ([] if good else [reason])


def test_two_identities_with_one_secret(start):
    server = start(TokenServer)
    server.put("a", line("one"), line("shared"))
    server.put("b", line("shared"))
    assert [who(server, bearer(secret)) for secret in ("one", "shared")] == ["a", None]
    assert who(server, basic("b", "shared")) is None
    assert server.reasons()[0] == "a token that a and another identity have"


def test_it_changes_while_a_connection_is_open(start):
    """Read anew for every request: one comes, is replaced without a gap, and goes."""
    server = start(TokenServer)
    with Client(server) as client:
        def status(secret):
            client.send(request(auth=bearer(secret)))
            return client.answer().status
        assert status(server.ci) == 200
        new = server.make("ci")
        assert (status(server.ci), status(new)) == (200, 200)
        server.put("ci", line(new))
        assert (status(server.ci), status(new)) == (401, 200)
        subprocess.run([BASTION, "token", "--revoke", server.tokens, "ci"], check=True)
        server.put("other", line("other"))
        assert (status(new), status("other")) == (401, 200)


def test_none_at_all(start):
    """There is no anonymous path."""
    server = start(TokenServer)
    (server.tokens / "ci.token").unlink()
    assert ask(server, auth=bearer("x")).status == 500
    assert server.runs() == 0


def test_a_file_that_others_can_write(start):
    server = start(TokenServer)
    server.put("evil", line("evil"))
    (server.tokens / "evil.token").chmod(0o666)
    assert [who(server, bearer(secret)) for secret in ("evil", server.ci)] == [None, "ci"]


@pytest.mark.slow
def test_what_is_unusable_is_named_once(start):
    """Whatever clients send meanwhile; and again when it has changed."""
    server = start(TokenServer)
    server.put("a", "sha256:00\n", line("one", " from=host"))
    server.put("b", line("two", " expires=never"), line("good"))

    def faults():
        return [event["reason"].removeprefix("/run/tokens/") for event in server.events("fault")]
    for _ in range(3):
        assert [who(server, bearer(secret)) for secret in ("one", "two", "good", "x")] == [None, None, "b", None]
    wrong = ["a.token:1: sha256: has not 64 hexadecimal digits behind it", "a.token:2: from= has an entry that is no address and no network",
             "b.token:1: expires= is no date: YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ"]
    assert faults() == wrong
    server.put("a", line("one"))
    assert who(server, bearer("one")) == "a"
    server.put("a", "sha256:00\n")
    assert who(server, bearer("one")) is None
    assert faults() == wrong + wrong[:1]


def test_a_thousand(start):
    server = start(TokenServer)
    for n in range(1000):
        server.put(f"t{n}", line(f"secret {n}"))
    assert [who(server, bearer(f"secret {n}")) for n in (0, 500, 999)] == ["t0", "t500", "t999"]


def test_the_container_listens_for_tokens_alone(start):
    port = free_port()

    def prepare(server):
        (server.etc / "tokens.d").mkdir()
        (server.etc / "tokens.d/ci.token").write_text(line("secret"))
    server = start(InitServer, prepare=prepare, FORCE_COMMAND='printf %s "$BASTION_USER"', HTTP_TOKEN=None, HTTP_PORT=str(port))
    server.port = port
    assert [who(server, auth) for auth in (bearer("secret"), basic("ci", "secret"), bearer("other"))] == ["ci", "ci", None]
