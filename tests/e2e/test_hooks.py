"""Webhooks of forges: who may start the command by a signature, and what the sender is told. Bodies and fields are those that the forges
document (hook_harness.py), signed by openssl."""
import base64
import json
import os
import signal
import time
import uuid
import urllib.parse

import pytest
from harness import AUTH, TOKEN, UNTIL_GO, Client, ask, chunked, request, together, wait_for
from hook_harness import PING, SECRET, STANDARD_KEY, HookServer, encoded, forgejo, gitea, github, gitlab, gitlab_token, hmac, push, standard

SENDERS = [github, gitea, forgejo, gitlab, gitlab_token, standard]
by_sender = pytest.mark.parametrize("sender", SENDERS)


@pytest.fixture(scope="module")
def hooks(start_once):
    return start_once(HookServer, COMMAND_LOCK="off", FORCE_COMMAND="echo x >>$T/runs; env | grep -E '^(HOOK_|BASTION_USER)' | sort; echo deployed")


def is_unsigned(server, answer, runs):
    assert (answer.status, answer.body) == (401, b"The signature is missing or wrong.\n") and server.settled_runs() == runs
    return True


def all_unsigned(server, cases, runs):
    """Of deliveries by their names, each as Server.send has it; all at the same time, since each refusal takes a second."""
    answers = together([lambda words=words: server.send(*words) for words in cases.values()])
    wrong = {case: answer for case, answer in zip(cases, answers) if (answer.status, answer.body) != (401, b"The signature is missing or wrong.\n")}
    assert len(cases) > 1 and not wrong and server.settled_runs() == runs
    return True


# ---- what is right ----

@by_sender
@pytest.mark.parametrize("split", [None, 1000])
@pytest.mark.parametrize("count", [2, 1500])  # commits: some, and 300 KB of them
def test_signed(hooks, sender, split, count):
    body = encoded(push(count=count))
    assert count == 2 or len(body) > 300_000
    runs = hooks.runs()
    answer = hooks.deliver(body, sender, split=split)
    assert (answer.status, answer.code, answer.body) == (200, 0, b"BASTION_USER=hook\ndeployed\n"), answer
    assert hooks.runs() == runs + 1


def test_log(hooks):
    hooks.deliver(push(), delivery='a "b"')
    end = hooks.wait_event("end", delivery=r'a \"b\"')[0]
    assert (end["user"], end["channel"], end["exit"]) == ("hook", "http", 0)


def test_by_curl(hooks, tmp_path):
    """With 100-continue, and over HTTP/1.0."""
    from harness import curl
    body = encoded(push(count=900))
    (tmp_path / "body").write_bytes(body)
    for version in ("--http1.1", "--http1.0"):
        fields = [word for field in github(body) for word in ("-H", field)]
        done = curl(hooks, version, "-H", "Expect: 100-continue", *fields, "--data-binary", f"@{tmp_path / 'body'}", path="/hooks", auth=())
        assert done.stdout.endswith(b"deployed\n"), done


@pytest.mark.parametrize("secret", ["another", SECRET, "whsec_" + base64.b64encode(STANDARD_KEY).decode()])
def test_any_secret(hooks, secret):
    """Each line counts as it stands for what is no Standard Webhook."""
    for sender in (github, gitlab_token):
        assert hooks.deliver(push(), sender, secret=secret).status == 200


@pytest.mark.parametrize("key", [b"another", SECRET.encode(), STANDARD_KEY])
def test_any_standard_secret(hooks, key):
    assert hooks.deliver(push(), standard, key=key).status == 200


def test_published_vector(start, monkeypatch):
    """The example of Standard Webhooks' specification: its secret, identifier, timestamp and body give its signature. Only the time is not
    ours, so that the same at another time is refused."""
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    fields = ["webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp: 1614265330", "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="]
    key = base64.b64decode(secret[6:])
    assert standard(body, key=key, delivery="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1614265330)[-1] == fields[-1]
    server = start(HookServer, HOOK_SECRET=secret)
    assert is_unsigned(server, server.send(body, *fields), 0)
    assert "five minutes" in server.wait_event("login")[0]["reason"]
    assert server.deliver(body, standard, key=key).status == 200


@pytest.mark.parametrize("off, right", [(-360, False), (-290, True), (290, True), (360, False), (10 ** 12, False)])
def test_timestamps(hooks, off, right):
    answer = hooks.deliver(push(), standard, timestamp=int(time.time()) + off)
    assert answer.status == (200 if right else 401)


def test_timestamps_that_are_none(hooks):
    body, runs = encoded(push()), hooks.runs()
    assert all_unsigned(hooks, {timestamp: (body, *standard(body, timestamp=timestamp)) for timestamp in ("", "x", "-5", "1e9", "0x5")}, runs)


def test_several_signatures(hooks):
    """Of a sender whose secret is being replaced."""
    other = base64.b64encode(bytes(32)).decode()
    assert hooks.deliver(push(), standard, more=f"v1a,{other} v1,{other} ").status == 200


def test_more_signatures_than_there_is_room_for(hooks):
    other, runs = base64.b64encode(bytes(32)).decode(), hooks.runs()
    assert is_unsigned(hooks, hooks.deliver(push(), standard, more=f"v1,{other} " * 8), runs)


@pytest.mark.parametrize("n, status", [(255, 200), (256, 400)])
def test_a_long_identifier(hooks, n, status):
    """It is kept whole, or not taken: two that are alike in their beginning are two."""
    runs = hooks.runs()
    assert hooks.deliver(push(), github, delivery=uuid.uuid4().hex.ljust(n, "x")).status == status
    assert hooks.settled_runs() == runs + (status == 200)


# ---- what is wrong ----

def changed(fields, name, change):
    found = [i for i, f in enumerate(fields) if f.lower().startswith(name.lower() + ":")]
    assert found
    value = fields[found[0]].split(": ", 1)[1]
    return fields[:found[0]] + [f"{name}: {change(value)}"] + fields[found[0] + 1:]


def flipped(value):
    return value[:-3] + ("A" if value[-3] != "A" else "B") + value[-2:] if value.endswith("=") else value[:-1] + ("0" if value[-1] != "0" else "1")


SIGNATURES = [(github, "X-Hub-Signature-256"), (gitea, "X-Gitea-Signature"), (gitea, "X-Gogs-Signature"), (gitea, "X-Hub-Signature-256"), (forgejo, "X-Forgejo-Signature"),
              (gitlab, "webhook-signature"), (gitlab, "webhook-id"), (gitlab_token, "X-Gitlab-Token")]


CHANGES = {"flipped": flipped, "truncated": lambda v: v[:-1], "longer": lambda v: v + "0", "empty": lambda v: "",
           "prefix": lambda v: v[7:] if v.startswith("sha256=") else "sha1=" + v, "a letter": lambda v: v[:-2] + ("k" if v[-2] == "g" else "g") + v[-1]}


@pytest.mark.parametrize("change", CHANGES)
def test_wrong(hooks, change):
    """Each that is there has to be right, whatever the others are."""
    body, runs = encoded(push()), hooks.runs()
    assert all_unsigned(hooks, {(sender.__name__, name): (body, *changed(sender(body), name, CHANGES[change])) for sender, name in SIGNATURES}, runs)


@pytest.mark.parametrize("sender, name", SIGNATURES)
def test_doubled(hooks, sender, name):
    body, runs = encoded(push()), hooks.runs()
    fields = sender(body)
    answer = hooks.send(body, *fields, *[f for f in fields if f.startswith(name + ":")])
    assert answer.status == 400 and hooks.settled_runs() == runs


def test_other_body(hooks):
    body, runs = encoded(push()), hooks.runs()
    others = {"another byte": body[:100] + b"!" + body[101:], "longer": body + b" ", "shorter": body[:-1]}
    assert all_unsigned(hooks, {(sender.__name__, what): (other, *sender(body)) for sender in SENDERS if sender is not gitlab_token
                                for what, other in others.items()}, runs)


def test_other_secret(hooks):
    body, runs = encoded(push()), hooks.runs()
    assert all_unsigned(hooks, {sender.__name__: (body, *sender(body, **({"key": b"x"} if sender in (gitlab, standard) else {"secret": "x"})))
                                for sender in SENDERS}, runs)


def test_none(hooks):
    """A credential is none here, and what is signed by SHA-1 alone is not signed."""
    body, runs = encoded(push()), hooks.runs()
    sha1 = [f for f in github(body) if "256" not in f]
    fields = {"nothing": [], "a token": [AUTH], "SHA-1": sha1, "SHA-1 as another": [*sha1, f"X-Hub-Signature-256: sha1={hmac(body, algorithm='sha1')}"]}
    assert all_unsigned(hooks, {what: (body, *more) for what, more in fields.items()}, runs)
    assert hooks.events("login", reason="no signature") and not hooks.events("login", verdict="allow")


def test_upper_case(hooks):
    """Is the same digest."""
    body = encoded(push())
    assert hooks.send(body, *changed(github(body), "X-Hub-Signature-256", lambda v: "sha256=" + v[7:].upper())).status == 200


def test_not_set(start):
    """Who has set no secret has no webhooks, and tells nobody; a hook's secret is no credential, and the other way round."""
    server = start(HookServer, HTTP_TOKEN=TOKEN, HOOK_SECRET=None)
    assert is_unsigned(server, server.deliver(push()), 0)
    assert server.events("login", reason="HOOK_SECRET is not set")
    assert ask(server).status == 200 and server.runs() == 1
    other = start(HookServer)
    assert ask(other, auth=f"Authorization: Bearer {SECRET}").status == 401
    assert other.settled_runs() == 0


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
def test_methods(hooks, method):
    answer = ask(hooks, method=method, target="/hooks", auth=None)
    assert answer.status == 405 and answer["Allow"] == "POST"


def test_paths(hooks):
    for path in ("/hooks/", "/hooks/x", "/hook", "/hooks%2f"):
        body = encoded(push())
        assert hooks.send(body, *github(body), target=path).status in (401, 404)


def test_cross_site(hooks):
    runs = hooks.runs()
    assert hooks.deliver(push(), github, "Origin: https://elsewhere.example").status == 403 and hooks.settled_runs() == runs


def test_range(hooks):
    runs = hooks.runs()
    assert hooks.deliver(push(), github, "Range: bytes=5-").status == 409 and hooks.settled_runs() == runs


def test_next_request(hooks):
    """A connection goes on behind a delivery, whether it ran or was refused."""
    body = encoded(push())
    with Client(hooks) as client:
        for fields, status in ((github(body), 200), ([], 401), (github(body), 200), ([AUTH], 401)):
            client.send(request(*fields, method="POST", target="/hooks", auth=None, body=body))
            assert client.answer("POST").status == status
        client.send(request(method="POST", auth=None, body=b"x"))
        assert client.answer("POST").status == 401


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_too_long(hooks, framing):
    """Above 25 MiB."""
    with Client(hooks) as client:
        fields = github(b"")
        if framing == "length":
            client.send(request(*fields, "Content-Length: 26214401", method="POST", target="/hooks", auth=None))
        else:
            client.send(request(*fields, "Transfer-Encoding: chunked", method="POST", target="/hooks", auth=None))
            piece = chunked(bytes(1 << 20), end=b"")
            for _ in range(26):
                client.send(piece)
        assert client.answer("POST").status == 413


def test_breaks_off(hooks):
    body, runs = encoded(push()), hooks.runs()
    with Client(hooks) as client:
        client.send(request(*github(body), f"Content-Length: {len(body) + 1}", method="POST", target="/hooks", auth=None) + body).end()
        assert client.answer("POST").status == 400
    with Client(hooks) as client:
        client.send(request(*github(body), "Transfer-Encoding: chunked", method="POST", target="/hooks", auth=None) + chunked(body, end=b"0\r\nx\r\n"))
        assert client.answer("POST").status == 400
    assert hooks.settled_runs() == runs


@pytest.mark.slow
def test_memory(start):
    """25 MiB go by, and neither process grows by it."""
    server = start(HookServer, HOOK_WHEN=".last = yes")
    body = b'{"a":"' + b"x" * (25 * 1024 * 1024 - 100) + b'","last":"yes"}'
    with Client(server) as client:
        client.send(request(*github(body), f"Content-Length: {len(body)}", method="POST", target="/hooks", auth=None) + body[:-1])
        pids = wait_for(lambda: len(found := server.connections()) >= 2 and found, "both processes")
        peaks = [int(next(line for line in open(f"/proc/{pid}/status") if line.startswith("VmHWM")).split()[1]) for pid in pids]
        assert all(peak < 4096 for peak in peaks), peaks
        client.send(body[-1:])
        assert client.answer("POST").status == 200


# ---- HOOK_WHEN ----

WHEN = "# what is deployed\nevent = push|Push Hook\n.ref = refs/heads/(main|rel-[0-9]+)\n"


def is_skipped(answer, *words):
    assert answer.status == 200 and answer["X-Bastion-Skipped"] == "1" and answer.code is None, answer
    assert all(word.encode() in answer.body for word in words), answer.body
    return True


@pytest.fixture(scope="module")
def when(start_once):
    return start_once(HookServer, HOOK_WHEN=WHEN, COMMAND_LOCK="off")


@pytest.mark.parametrize("sender", [github, gitea, forgejo, gitlab, gitlab_token])
def test_when(when, sender):
    assert when.deliver(push(), sender).code == 0
    runs = when.runs()
    assert is_skipped(when.deliver(push("refs/heads/feature"), sender), ".ref", "refs/heads/feature", "HOOK_WHEN")
    assert is_skipped(when.deliver(push(), sender, event="issues"), "event", "issues")
    assert when.settled_runs() == runs
    assert when.events("skip", reason=r"""The delivery's event is \"issues\", which HOOK_WHEN does not want""")


@pytest.mark.parametrize("sender", [github, gitea])
def test_ping(when, hooks, sender):
    for server in (when, hooks):
        runs = server.runs()
        assert is_skipped(server.deliver(PING, sender, event="ping"), "ping") and server.settled_runs() == runs


REFS = [
    '{"x":{"ref":"refs/heads/main"}}', '[{"ref":"refs/heads/main"}]', '{"ref":["refs/heads/main"]}', '{"ref":{"ref":"refs/heads/main"}}',
    '{"ref":"refs\\/heads\\/main"}', '{"\\u0072ef":"refs/heads/m\\u0061in"}', '{"ref":7}', '{"ref":true}', '{"ref":null}', '{}', '"refs/heads/main"', '7',
    '{"ref":"refs/heads/main\\n"}', '{"ref":"refs/heads/main\\u0000"}', '{"ref":"xrefs/heads/main"}', '{"ref":"refs/heads/rel-12"}', '{"Ref":"refs/heads/main"}',
    '{"ref":"refs/heads/main","ref":"x"}', '{"ref":"x","ref":"refs/heads/main"}', '{"ref":"refs/heads/\\ud83d\\ude80"}', '{"ref":"refs/heads/\\ud83d"}', ' {"a":[[{}]],"ref"\n:"refs/heads/main"}\r\n',
]


@pytest.mark.parametrize("text", REFS)
def test_refs(when, text):
    """HOOK_WHEN sees what Python's json does, and of two members with one name the first."""
    value = json.loads(text, object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    ref = value.get("ref") if isinstance(value, dict) else None
    wanted = ref in ("refs/heads/main", "refs/heads/rel-12")
    answer = when.deliver(text.encode(), delivery=f"id-{hash(text)}")
    assert answer.code == 0 if wanted else is_skipped(answer, ".ref")
    twice = when.events("notice", delivery=f"id-{hash(text)}")
    assert [e["reason"] for e in twice] == (["a name of .ref stands twice in the delivery: the first counts"] if text.count('"ref"') == 2 and text[2] == "r" and "{\"ref\":{" not in text else [])


NO_JSON = {b"": b"at byte 0 the end before", b"{": b"the end before", b"{]": b"at byte 1", b"ref=refs/heads/main": b"at byte 0",
           b'{"ref":"refs/heads/main"}x': b"at byte 25 something behind", b'{"ref":"\xff"}': b"not UTF-8", b'{"ref":"a\nb"}': b"a control character", b"[" * 65: b"64 containers"}


@pytest.mark.parametrize("text", NO_JSON)
def test_no_json(when, text):
    """Is refused with what is wrong."""
    answer = when.deliver(text)
    assert answer.status == 400 and b"not JSON" in answer.body and NO_JSON[text] in answer.body, answer.body


def test_no_json_of_strangers(when):
    """But only once it is known who has sent it."""
    runs = when.runs()
    assert all_unsigned(when, {text: (text, *github(text, secret="x")) for text in NO_JSON}, runs)


def form(body, **more):
    return urllib.parse.urlencode({**more, "payload": body.decode()}).encode()


def as_form(body, **options):
    return [f if not f.startswith("Content-Type") else "Content-Type: application/x-www-form-urlencoded" for f in github(body, **options)]


@pytest.mark.parametrize("split", [None, 7])
def test_form(when, split):
    """GitHub's older kind."""
    body = encoded(push())
    assert when.deliver(form(body, other="{}"), as_form, split=split).code == 0
    assert is_skipped(when.deliver(form(encoded(push("refs/heads/x"))), as_form, split=split), "refs/heads/x")
    for wrong, reason in ((body, b"not in the form"), (b"payload=%", b"two digits"), (b"payload={}&payload={}", b"twice"), (b"payload=[", b"payload is not JSON")):
        answer = when.deliver(wrong, as_form)
        assert answer.status == 400 and reason in answer.body, answer.body


def test_all_lines_have_to_match(start):
    server = start(HookServer, HOOK_WHEN=".repository.full_name = octocat/.*\n.commits.1.modified.0 = README.md\n.deleted = false\n.commits.9.id = .*", COMMAND_LOCK="off")
    assert server.deliver(push(count=10)).code == 0
    assert is_skipped(server.deliver(push(count=9)), ".commits.9.id is not there")
    assert is_skipped(server.deliver(push(count=10, deleted=True)), '.deleted is "true"')


# ---- HOOK_PASS ----

@pytest.fixture(scope="module")
def passing(start_once):
    return start_once(HookServer, COMMAND_LOCK="off", HOOK_WHEN=".ref = refs/.*", HOOK_PASS="TEXT = .text .*\nPATH = .path [a-z/:]+\nLD_PRELOAD = .n -?[0-9.]+|true",
                      FORCE_COMMAND="echo x >>$T/runs; env | grep -aE '^(HOOK_|PATH|LD_|BASTION_(USER|PEER))' | sort", env={"HOOK_OTHER": "the administrator's"})


def passed(server, **values):
    return server.deliver({"ref": "refs/heads/main", "text": "", "path": "a", "n": 1, **values})


@pytest.mark.parametrize("text", ["", "main", "a b;c$(d)`e`'f\"g\\", "äß日🚀", "x" * 4096, "--option"])
def test_passes(passing, text):
    """As it is, and with HOOK_ before the name, so that none of the shell's and the loader's can be named."""
    answer = passed(passing, text=text, path="/evil:/bin", n=-1.5)
    lines = answer.body.decode().splitlines()
    assert answer.code == 0 and [line for line in lines if not line.startswith(("PATH=", "BASTION_"))] == [
        "HOOK_LD_PRELOAD=-1.5", "HOOK_OTHER=the administrator's", "HOOK_PATH=/evil:/bin", f"HOOK_TEXT={text}"]
    assert not any(line.startswith("PATH=") and "evil" in line for line in lines)


@pytest.mark.parametrize("values", [{"text": "a\nb"}, {"text": "a\n"}, {"text": "a\0b"}, {"text": "\x1b[2J"}, {"text": "\x7f"}, {"text": "x" * 4097}, {"text": "x" * 1048576}, {"text": None, "path": "A"},
                                    {"text": []}, {"text": {"text": "x"}}, {"path": "a\n"}, {"path": ""}, {"path": "a-b"}, {"n": False}, {"n": "1\n"}, {"text": "\ud800"}])
def test_does_not_pass(passing, values):
    """What the expression does not match as a whole; control characters, of which `.` is one too; what is too long. Nothing runs then."""
    runs = passing.runs()
    body = json.dumps({"ref": "refs/heads/main", "text": "", "path": "a", "n": 1, **values}).encode()
    answer = passing.deliver(body)
    assert answer.status == 403 and b"HOOK_PASS" in answer.body and passing.settled_runs() == runs
    assert b"\x1b" not in answer.body and b"\0" not in answer.body


def test_absent(passing):
    runs = passing.runs()
    answer = passing.deliver({"ref": "refs/heads/main", "text": "a", "path": "a"})
    assert answer.status == 403 and b".n is not there" in answer.body and passing.settled_runs() == runs


@pytest.mark.parametrize("n, status", [(4000, 200), (4096, 403)])
def test_the_most_values(start, n, status):
    """As many lines as either setting may have; and no more of values than there is room for in all of them."""
    server = start(HookServer, HOOK_WHEN="\n".join(f".ref = x{{0,{i}}}r.*" for i in range(16)), HOOK_PASS="\n".join(f"V{i} = .v.{i} .*" for i in range(16)),
                   FORCE_COMMAND="echo $HOOK_V15 | wc -c")
    answer = server.deliver(push(v=["x" * n] * 16))
    assert answer.status == status
    assert answer.body == b"%d\n" % (n + 1) if status == 200 else b"is more than there is room for" in answer.body


def test_when_comes_first(passing):
    assert is_skipped(passing.deliver({"ref": "main", "text": "a\nb"}), ".ref")


# ---- HTTP_STDIN=body ----

@pytest.mark.parametrize("split", [None, 5000])
def test_body_as_input(start, split):
    server = start(HookServer, HTTP_STDIN="body", FORCE_COMMAND="echo x >>$T/runs; cat; echo; (echo x >&0) 2>/dev/null || echo read-only", HOOK_BODY_MAX="400000")
    body = encoded(push(count=120))
    assert len(body) < 32768  # of output an answer has no more
    answer = server.deliver(body, split=split)
    assert answer.body == body + b"\nread-only\n"
    assert is_unsigned(server, server.deliver(body, secret="x", split=split), 1)
    assert server.deliver(b"x" * 400000, split=split).code == 0
    assert server.deliver(b"x" * 400001, split=split).status == 413
    assert server.settled_runs() == 2


# ---- identifiers ----

IDENTIFIED = [github, gitea, forgejo, gitlab, gitlab_token, standard]


@pytest.mark.parametrize("sender", IDENTIFIED)
def test_once(start, sender):
    """What has run with success does not run again; what has failed does, as a person's redelivery wants."""
    server = start(HookServer, FORCE_COMMAND="echo x >>$T/runs; test -e $T/go")
    assert server.deliver(push(), sender, delivery="d1").code == 1
    assert server.deliver(push(), sender, delivery="d1").code == 1
    server.go()
    assert server.deliver(push(), sender, delivery="d1").code == 0
    assert is_skipped(server.deliver(push(), sender, delivery="d1"), "success")
    assert server.deliver(push(), sender, delivery="d2").code == 0
    assert is_skipped(server.deliver(push(), sender, delivery="d1"), "success")
    assert server.settled_runs() == 4


def test_while_it_runs(start):
    server = start(HookServer, COMMAND_LOCK="off", FORCE_COMMAND=f"echo x >>$T/runs; {UNTIL_GO}")
    body = encoded(push())
    with Client(server) as client:
        client.send(request(*github(body, delivery="d"), method="POST", target="/hooks", auth=None, body=body))
        server.wait_file("runs")
        assert is_skipped(server.deliver(body, delivery="d"), "running")
        server.go()
        assert client.answer("POST").code == 0
    assert is_skipped(server.deliver(body, delivery="d"), "success")
    assert server.settled_runs() == 1


def test_at_once(start):
    """Of many deliveries with one identifier at the same time one runs, also where all wait for the lock."""
    server = start(HookServer, COMMAND_LOCK="wait")
    answers = together([lambda: server.deliver(push(), delivery="d")] * 12)
    assert sum(a.code == 0 for a in answers) == 1 and sum(a["X-Bastion-Skipped"] == "1" for a in answers) == 11
    assert server.settled_runs() == 1


@pytest.mark.root
def test_killed(start):
    """The run's keeper, and the monitor, are gone with all they know: the delivery has not run with success, and may run again."""
    server = start(HookServer, COMMAND_LOCK="off", FORCE_COMMAND=f"echo x >>$T/runs; {UNTIL_GO}")
    body = encoded(push())
    with Client(server) as client:
        client.send(request(*github(body, delivery="d"), method="POST", target="/hooks", auth=None, body=body))
        server.wait_file("runs")
        for pid in [pid for pid in server.connections() if os.readlink(f"/proc/{pid}/fd/0") == "/dev/null"]:
            os.kill(pid, signal.SIGKILL)
        server.settle()
    server.go()
    assert server.deliver(body, delivery="d").code == 0
    assert server.settled_runs() == 2


def test_another_run(start):
    """A delivery that was left out for another run has not run."""
    server = start(HookServer, FORCE_COMMAND=f"echo x >>$T/runs; {UNTIL_GO}")
    body = encoded(push())
    with Client(server) as client:
        client.send(request(*github(body, delivery="d"), method="POST", target="/hooks", auth=None, body=body))
        server.wait_file("runs")
        assert is_skipped(server.deliver(body, delivery="e"), "under way")
        server.go()
        assert client.answer("POST").code == 0
    assert server.deliver(body, delivery="e").code == 0


def test_without(start):
    """No identifier: nothing to remember."""
    server = start(HookServer, HOOK_SECRET=SECRET)
    body = encoded(push())
    for _ in range(2):
        assert server.send(body, f"X-Hub-Signature-256: sha256={hmac(body)}").code == 0


def test_no_place(start):
    """Where deliveries can't be noted none runs: a push that is deployed twice is worse."""
    server = start(HookServer)
    (server.run_dir / "deliveries").mkdir()
    assert server.deliver(push()).status == 500 and server.settled_runs() == 0
    assert server.wait_event("fault")[0]["reason"].startswith("RUN_DIR: deliveries can't be noted in ")


# ---- answers ----

@pytest.mark.parametrize("ok", ["off", "on"])
def test_failure(start, ok):
    """HOOK_OK=on: for senders that switch a hook off that fails, or repeat."""
    server = start(HookServer, HOOK_OK=ok, FORCE_COMMAND="echo broken; exit 7", HTTP_TOKEN=TOKEN)
    answer = server.deliver(push())
    assert (answer.status, answer.code, answer.body) == (200 if ok == "on" else 422, 7, b"broken\n")
    assert ask(server).status == 422


def test_long_output(start):
    server = start(HookServer, FORCE_COMMAND="head -c 200000 /dev/zero | tr '\\0' x; exit 3")
    answer = server.deliver(push())
    assert (answer.status, answer.code) == (422, 3) and answer.body == b"x" * 32768 + b"\n(167232 more bytes are left out here)\n"
    assert server.wait_event("end")[0]["bytes"] == 200000


@pytest.mark.slow
@pytest.mark.parametrize("disconnect", ["hangup", None])
def test_later(start, disconnect):
    """After eight seconds the sender learns that the command runs, which goes on without it, whatever ON_DISCONNECT says."""
    server = start(HookServer, FORCE_COMMAND=f"echo x >>$T/runs; echo first; {UNTIL_GO}; echo last >>$T/ends; exit 3", ON_DISCONNECT=disconnect)
    began = time.monotonic()
    body = encoded(push())
    with Client(server) as client:
        client.send(request(*github(body, delivery="d"), method="POST", target="/hooks", auth=None, body=body))
        answer = client.answer("POST")
        assert answer.status == 202 and 7.9 < time.monotonic() - began
        assert answer["X-Bastion-Run"].encode() in answer.body and answer.complete and client.is_closed()
    assert is_skipped(server.deliver(body, delivery="d"), "running")
    assert server.events("end") == []
    server.go()
    end = server.wait_event("end")[0]
    assert end["run"] == answer["X-Bastion-Run"] and end["exit"] == 3 and "reason" not in end
    assert server.lines("ends") == ["last"]
    server.settle()


def test_client_goes(start):
    server = start(HookServer, FORCE_COMMAND=f"echo x >>$T/runs; {UNTIL_GO}; echo last >>$T/ends", ON_DISCONNECT="hangup")
    body = encoded(push())
    with Client(server) as client:
        client.send(request(*github(body), method="POST", target="/hooks", auth=None, body=body))
        server.wait_file("runs")
        client.reset()
    server.go()
    assert server.wait_event("end")[0]["exit"] == 0 and server.lines("ends") == ["last"]


def test_allowlist(start):
    """Nobody signs what is asked for there."""
    server = start(HookServer, ALLOWED_COMMANDS="echo .*", FORCE_COMMAND=None)
    answer = server.deliver(push(), github, "X-Bastion-Command: echo a")
    assert answer.status == 403 and b"allowlist" in answer.body and server.events("start") == []


# ---- the settings ----

@pytest.mark.parametrize("name, value, reason", [
    ("HOOK_SECRET", "a\nwhsec_x", "behind whsec_ a secret must be base64"), ("HOOK_WHEN", "event = push\nref = x", "line 2, column 1: "), ("HOOK_PASS", "A = .a (b", "line 1, column 8: "),
    ("HOOK_OK", "yes", "must be one of: off on"), ("HOOK_BODY_MAX", "0", "must be a number from 1 to 26214400")])
def test_faults(start, name, value, reason):
    server = start(HookServer, **{name: value})
    assert server.deliver(push()).status == 500
    assert server.wait_event("fault")[0]["reason"].startswith(f"{name}: {reason}")


def test_secret_is_no_variable(start):
    server = start(HookServer, FORCE_COMMAND="env; cat /proc/self/environ")
    assert SECRET.encode() not in server.deliver(push()).body
