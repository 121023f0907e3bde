"""Webhooks of roles (bastion-settings(5), ROLES): the path names the role, and the signature proves it."""
import pytest
from harness import Client, request, together
from hook_harness import encoded, github, push
from role_harness import HttpRoles

pytestmark = pytest.mark.root
SAYS = 'printf "%s %s %s" "$BASTION_ROLE" "$BASTION_USER" "$(id -u):$(id -G)"'


class HookRoles(HttpRoles):
    def deliver(self, role, secret, body=None, **options):
        body = encoded(body or push())
        with Client(self) as client:
            client.send(request(*github(body, secret=secret, **options), f"Content-Length: {len(body)}", method="POST", target=f"/hooks/{role}" if role else "/hooks", auth=None, body=body))
            return client.answer("POST")

    def said(self, *delivery, **options):
        answer = self.deliver(*delivery, **options)
        return answer.body.decode() if answer.code == 0 else answer.status

    def all_say(self, *deliveries):
        """At the same time: each refusal takes a second."""
        return together([lambda delivery=delivery: self.said(*delivery) for delivery in deliveries])


def two(server):
    server.put("deploy", FORCE_COMMAND=SAYS, HOOK_SECRET="one\ntwo\n", RUN_AS="deployer")
    server.put("mail", FORCE_COMMAND=SAYS, HOOK_SECRET="three", HOOK_WHEN=".ref = refs/tags/.*")
    server.put("none", FORCE_COMMAND=SAYS)


def test_each_its_own(start):
    server = start(HookRoles, prepare=two, HOOK_SECRET="four", HOOK_WHEN=".ref = refs/heads/main", FORCE_COMMAND=SAYS)
    assert server.said("deploy", "one").startswith("deploy hook 4343:") and server.said("deploy", "two").startswith("deploy hook")
    assert server.said("mail", "three", push("refs/tags/1")).startswith("mail hook ")
    assert server.said("", "four").startswith(" hook ")
    wrong = (("deploy", "three"), ("deploy", "four"), ("mail", "one"), ("", "one"), ("none", "four"), ("none", "one"), ("other", "four"))
    assert server.all_say(*wrong) == [401] * len(wrong)
    assert len(server.events("start")) == 4
    assert server.deliver("mail", "three")["X-Bastion-Skipped"] == "1"
    assert server.deliver("deploy", "one", push("refs/heads/x"))["X-Bastion-Skipped"] == "1"  # what it lacks it has from outside
    assert {(e.get("role"), e["reason"]) for e in server.events("login")} == {("deploy", "wrong signature"), ("mail", "wrong signature"), (None, "wrong signature"),
                                                                             ("none", "HOOK_SECRET is not set"), (None, "HOOK_SECRET is not set")}
    assert server.wait_event("end", role="deploy")[0]["user"] == "hook"


def test_a_shared_secret(start):
    """What is signed for one role would be signed for the other: it counts for nobody."""
    def prepare(server):
        two(server)
        server.put("mail", HOOK_SECRET="three\none")
    server = start(HookRoles, prepare=prepare, HOOK_SECRET="two")
    assert server.all_say(("deploy", "one"), ("mail", "one"), ("deploy", "two"), ("", "two")) == [401] * 4
    assert server.said("mail", "three", push("refs/tags/1")).startswith("mail hook")
    assert ("deploy", "a HOOK_SECRET that stands in two places") in server.reasons() and (None, "a HOOK_SECRET that stands in two places") in server.reasons()
    server.put("mail", HOOK_SECRET="three")
    assert server.said("deploy", "one").startswith("deploy hook")


def test_comes_and_goes(start):
    server = start(HookRoles)
    assert server.said("deploy", "one") == 401
    two(server)
    assert server.said("deploy", "one").startswith("deploy hook")
    server.put("deploy", HOOK_SECRET="new")
    assert server.said("deploy", "one") == 401 and server.said("deploy", "new").startswith("deploy hook")


def test_a_faulty_role(start):
    def prepare(server):
        two(server)
        server.put("deploy", HOOK_WHEN="ref = x")
        server.put("mail", HOOK_SECRET="whsec_x")
    server = start(HookRoles, prepare=prepare)
    assert server.said("deploy", "one") == 500 and server.said("deploy", "x") == 401
    assert server.said("mail", "whsec_x") == 401
    assert server.events("start") == [] and "HOOK_WHEN: line 1" in server.wait_event("fault")[0]["reason"]
    assert any("HOOK_SECRET: behind whsec_" in reason for _, reason in server.reasons())


def test_identifiers_are_a_roles(start):
    server = start(HookRoles, prepare=two, HOOK_SECRET="four", FORCE_COMMAND=SAYS)
    assert server.said("deploy", "one", delivery="d").startswith("deploy")
    assert server.said("", "four", delivery="d").startswith(" hook")
    assert server.deliver("deploy", "two", delivery="d")["X-Bastion-Skipped"] == "1"


@pytest.mark.parametrize("path", ["", "deploy/", "Deploy", "../deploy", "deploy%00", "a" * 33, ".", "d?x=/"])
def test_paths(start, path):
    server = start(HookRoles, prepare=two)
    body = encoded(push())
    with Client(server) as client:
        client.send(request(*github(body, secret="one"), method="POST", target=f"/hooks/{path}", auth=None, body=body))
        assert client.answer("POST").status == (401 if path == "d?x=/" else 404)


def test_no_stranger_sees_which_roles_there_are(start):
    """A role with a secret, one without and none at all are alike, also before the body."""
    server = start(HookRoles, prepare=two)
    answers = []
    for role in ("deploy", "none", "other"):
        with Client(server) as client:
            client.send(request(*github(b"x"), "Expect: 100-continue", "Content-Length: 1", method="POST", target=f"/hooks/{role}", auth=None))
            first = client.line()
            assert first == "HTTP/1.1 100 Continue" and client.line() == ""
            answer = client.send(b"x").answer("POST")
            answers.append((answer.status, answer.body, [f for f in answer.fields if f[0] != "Date"]))
    assert answers[0] == answers[1] == answers[2] and answers[0][0] == 401
