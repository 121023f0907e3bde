"""The answer to a run that ends within the hold (bastion(8), HTTP)."""
import re

import pytest
from harness import AUTH, Client, ask, curl, request

# (command, status, exit code, body)
EXITS = [
    ("echo ok", 200, 0, b"ok\n"),
    ("true", 200, 0, b""),
    ("echo no; exit 3", 422, 3, b"no\n"),
    ("exit 1", 422, 1, b""),
    ("exit 255", 422, 255, b""),
    ("echo x; kill -TERM $$", 422, 143, b"x\n"),
    ("kill -KILL $$", 422, 137, b""),
    ("no-such-program", 422, 127, None),
    ("/", 422, 126, None),
    ("/no/such/program with words", 422, 127, None),
    ("if", 422, 2, None),
    ("echo one\necho two\n# three", 200, 0, b"one\ntwo\n"),
    ("printf 'a\\0b\\377'", 200, 0, b"a\0b\xff"),
    ("printf %s 'no newline'", 200, 0, b"no newline"),
]


@pytest.mark.parametrize("command, status, code, body", EXITS, ids=[e[0][:30] for e in EXITS])
def test_exit(start, command, status, code, body):
    server = start(FORCE_COMMAND=command)
    answer = ask(server)
    assert (answer.status, answer.code) == (status, code)
    assert answer["Content-Length"] is not None and answer["Transfer-Encoding"] is None
    if body is None:
        assert answer.body  # the shell's own message
    else:
        assert answer.body == body


def test_missing_program_is_named(start):
    answer = ask(start(FORCE_COMMAND="no-such-program"))
    assert b"no-such-program" in answer.body and b"not found" in answer.body


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
@pytest.mark.parametrize("command", ["echo ok", "exit 1", "sleep 0.1; echo late"])
def test_fields(start, version, command):
    server = start(FORCE_COMMAND=command, HTTP_HOLD_MS="50" if "sleep" in command else "20000")
    answer = ask(server, version=version)
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["Cache-Control"] == "no-store"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Accel-Buffering"] == "no"
    assert re.fullmatch(r"[A-Za-z0-9_-]+", answer["X-Bastion-Run"])
    assert re.fullmatch(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", answer["Date"])


def test_every_run_has_its_own_name(plain):
    assert len({ask(plain)["X-Bastion-Run"] for _ in range(20)}) == 20


@pytest.mark.parametrize("options", [{"target": "/none"}, {"target": "/healthz"}, {"method": "PUT"}, {"auth": AUTH + "x"}, {"host": "a b"}], ids=str)
def test_fields_of_other_answers(plain, options):
    answer = ask(plain, **options)
    assert answer["X-Bastion-Run"] is None and answer["X-Bastion-Exit-Code"] is None
    assert (answer["Cache-Control"], answer["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert answer["Content-Type"] == "text/plain; charset=utf-8"


def test_both_outputs_in_order(start):
    server = start(FORCE_COMMAND="i=0; while [ $i -lt 200 ]; do echo $i; echo $i >&2; i=$((i+1)); done")
    assert ask(server).body == b"".join(b"%d\n%d\n" % (i, i) for i in range(200))


def test_curl_fails_and_prints(start):
    found = curl(start(FORCE_COMMAND="echo complaint >&2; exit 7"), "--fail-with-body")
    assert (found.returncode, found.stdout) == (22, b"complaint\n")


def test_curl_does_not_repeat_a_failure(start):
    """422 is not among the statuses that clients repeat by themselves."""
    server = start(FORCE_COMMAND="echo x >>$T/runs; exit 1")
    curl(server, "--retry", "3", "--retry-delay", "1")
    assert server.settled_runs() == 1


@pytest.mark.parametrize("size", [0, 1, 4096, 65535])
def test_sizes_within_the_hold(start, size):
    server = start(FORCE_COMMAND=f"head -c {size} /dev/zero | tr '\\0' x", HTTP_HOLD_MS="3600000")
    with Client(server) as client:
        for _ in range(2):
            client.send(request())
            answer = client.answer()
            assert (answer.status, answer["Content-Length"], answer.body) == (200, str(size), b"x" * size)


def test_no_input(start):
    """A command that reads gets the end at once, and no byte of the request."""
    assert ask(start(FORCE_COMMAND="cat; echo end"), method="POST", body=b"hello").body == b"end\n"


def test_command_that_closes_its_output(start):
    """Its exit counts, not the end of its output."""
    server = start(FORCE_COMMAND="echo x; exec >&- 2>&-; while [ ! -e $T/go ]; do sleep 0.02; done; exit 3", HTTP_HOLD_MS="3600000")
    with Client(server) as client:
        client.send(request())
        server.wait_event("start")
        client.sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.sock.recv(1)
        server.go()
        client.sock.settimeout(20)
        answer = client.answer()
        assert (answer.status, answer.code, answer.body) == (422, 3, b"x\n")


def test_output_right_before_the_exit(start):
    """None of it is lost, however full the pipe is."""
    server = start(FORCE_COMMAND="head -c 60000 /dev/zero; kill -KILL $$", COMMAND_LOCK="off")
    for _ in range(20):
        answer = ask(server)
        assert (answer.status, answer.code, len(answer.body)) == (422, 137, 60000)
