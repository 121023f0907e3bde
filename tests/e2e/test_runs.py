"""Runs that outlive their request (bastion(8), RUNS): how they are started, followed, listed and ended, and what is kept of them."""
import contextlib
import json
import os
import re
import signal
import time
from pathlib import Path

import pytest
from harness import AUTH, BASTION, UNTIL_GO, Client, Listener, Server, ask, curl, request, together, wait_for
from hook_harness import SECRET, encoded, github, push

WITHOUT_CALLS = str(Path(__file__).parent / "without_calls.py")
ASYNC, JSON = "Prefer: respond-async", "Accept: application/json"
# Lines that are there at once, and more as soon as the test lets it go on.
STEPS = f"echo x >>$T/runs; echo first; {UNTIL_GO}; echo second; exit ${{CODE:-0}}"
LATER = {"FORCE_COMMAND": STEPS, "COMMAND_LOCK": "off"}


def begin(server, *fields, **options):
    """Starts a run: its name."""
    answer = ask(server, ASYNC, *fields, **options)
    assert answer.status == 202 and answer["Location"] == f"/runs/{answer['X-Bastion-Run']}" and answer["Preference-Applied"] == "respond-async", answer
    return answer["X-Bastion-Run"]


def get(server, run, *fields, **options):
    return ask(server, *fields, target=f"/runs/{run}", **options)


def state(server, run):
    answer = get(server, run, method="HEAD")
    assert answer.body == b"" and answer["X-Bastion-Run"] == run
    return answer["X-Bastion-State"]


def about(server, run, **options):
    answer = get(server, run, JSON, **options)
    assert answer["Content-Type"] == "application/json" and answer.complete
    return {**json.loads(answer.body), "status": answer.status}


def until(server, run, wanted):
    wait_for(lambda: state(server, run) == wanted, f"the run is {wanted}")


def listed(server, **options):
    return [entry["run"] for entry in json.loads(ask(server, JSON, target="/runs", **options).body)]


def keepers(server):
    """Processes of bastion that have a record open for writing."""
    def writes(pid):
        with contextlib.suppress(OSError):
            return any("/runs" in os.readlink(fd) and int(re.search(r"flags:\s*0(\d+)", (Path("/proc") / str(pid) / "fdinfo" / fd.name).read_text())[1], 8) & 3
                       for fd in (Path("/proc") / str(pid) / "fd").iterdir() if "socket" not in os.readlink(fd))
        return False
    return [pid for pid in server.connections() if writes(pid)]


# ---- its beginning ----

def test_at_once(start):
    """202 before the command has ended, whose output and end come by another request; the log has the same run."""
    server = start(Server, **LATER)
    run = begin(server)
    assert state(server, run) == "running" and server.events("start")[0]["run"] == run and not server.events("end")
    server.go()
    until(server, run, "ended")
    answer = get(server, run)
    assert (answer.status, answer.body, answer.code, answer["Content-Length"]) == (200, b"first\nsecond\n", 0, "13")
    assert server.wait_event("end")[0]["run"] == run and server.runs() == 1


@pytest.mark.parametrize("value,is_async", [
    ("respond-async", True), ("Respond-Async", True), ('foo="a, respond-async"', False), ("handling=lenient, respond-async", True), ("respond-async;x=1", True),
    ('respond-async=""', True), ("respond-async=no", False), ("respond-asynchronously", False), ("", False), (",,respond-async ,", True), ('"respond-async"', False)])
def test_preference(start, value, is_async):
    """RFC 7240, section 2: a list of tokens, with values and parameters."""
    answer = ask(start(Server), f"Prefer: {value}")
    assert (answer.status, answer["Preference-Applied"]) == ((202, "respond-async") if is_async else (200, None))


def test_preference_in_a_second_field(start):
    assert ask(start(Server), "Prefer: handling=lenient", "Prefer: respond-async").status == 202


def test_wait(start):
    """A quick command is answered as ever, a slow one with 202 after the time."""
    server = start(Server, FORCE_COMMAND="echo x >>$T/runs; echo said; [ -e $T/quick ] || { " + UNTIL_GO + "; }; exit 3", COMMAND_LOCK="off", HTTP_HOLD_MS="0")
    slow = ask(server, "Prefer: respond-async, wait=1")
    assert slow.status == 202 and slow["Preference-Applied"] == "respond-async"
    server.go()
    until(server, slow["X-Bastion-Run"], "ended")
    assert get(server, slow["X-Bastion-Run"]).code == 3
    server.go("quick")
    quick = ask(server, "Prefer: wait=30, respond-async")
    assert (quick.status, quick.code, quick.body) == (422, 3, b"said\n") and quick["X-Bastion-Run"] in listed(server)


def test_client_goes_away(start):
    """The run goes on, whatever ON_DISCONNECT says."""
    server = start(Server, ON_DISCONNECT="hangup", **LATER)
    with Client(server) as client:
        client.send(request(ASYNC))
        run = client.answer()["X-Bastion-Run"]
        client.reset()
    server.go()
    until(server, run, "ended")
    assert get(server, run).code == 0


def test_pipelined(start):
    """The connection takes further requests, which may have come already."""
    server = start(Server, **LATER)
    server.go()
    with Client(server) as client:
        client.send(request(ASYNC, method="POST", body=b"x" * 70000) + request(ASYNC) + request("Connection: close", target="/runs"))
        first, second, runs = client.answer(), client.answer(), client.answer()
        assert (first.status, second.status) == (202, 202) and client.is_closed()
    assert re.findall("run=([0-9a-f]+)", runs.body.decode()) == [second["X-Bastion-Run"], first["X-Bastion-Run"]]


def test_refused(start):
    """What refuses any other request refuses this one in the same way; and nothing of it is kept."""
    server = start(Server, **{**LATER, "COMMAND_LOCK": "refuse"})
    run = begin(server)
    busy = ask(server, ASYNC)
    assert busy.status == 429 and busy["Retry-After"] == "5" and busy["Location"] is None and listed(server) == [run]
    assert ask(server, ASYNC, auth=None).status == 401 and ask(server, ASYNC, "Range: bytes=1-").status == 409
    server.go()
    until(server, run, "ended")


def test_skipped(start):
    server = start(Server, **{**LATER, "COMMAND_LOCK": "skip"})
    run = begin(server)
    assert ask(server, ASYNC)["X-Bastion-Skipped"] == "1" and listed(server) == [run]
    server.go()


def test_broker(start):
    server = start(Server, FORCE_COMMAND=None, ALLOWED_COMMANDS="echo [a-z]+\n/nowhere")
    denied = ask(server, ASYNC, "X-Bastion-Command: rm")
    assert denied.status == 403 and denied.body.startswith(b"[broker] DENY: rm\n") and listed(server) == []
    run = begin(server, "X-Bastion-Command: echo yes")
    until(server, run, "ended")
    assert get(server, run).body == b"yes\n"
    missing = ask(server, ASYNC, "X-Bastion-Command: /nowhere")
    assert (missing.status, missing.code) == (422, 127) and b"cannot be started" in missing.body


def test_waiting(start):
    """One that waits for the lock is answered too, and can be ended before it has begun."""
    server = start(Server, **{**LATER, "COMMAND_LOCK": "wait"})
    first, second, third = begin(server), begin(server), begin(server)
    wait_for(lambda: state(server, second) == "waiting" and state(server, third) == "waiting", "they wait")
    assert about(server, second)["exit"] is None
    assert get(server, third, method="DELETE").status == 202
    until(server, third, "ended")
    assert (get(server, third).code, about(server, third)["exit"]) == (143, 143)
    server.go()
    for run in (first, second):
        until(server, run, "ended")
        assert get(server, run).body == b"first\nsecond\n"
    assert server.settled_runs() == 2 and "while it waited" in server.events("gone", run=third)[0]["reason"]


def test_waited_in_vain(start):
    server = start(Server, **{**LATER, "COMMAND_LOCK": "wait", "COMMAND_LOCK_WAIT": "1"})
    begin(server)
    second = begin(server)
    until(server, second, "refused")
    answer = get(server, second)
    assert answer.status == 429 and b"under way already" in answer.body
    server.go()


def test_input(start):
    """A command that reads what the client sends runs while that is there."""
    answer = ask(start(Server, HTTP_STDIN="body", FORCE_COMMAND="cat"), ASYNC, JSON, method="POST", body=b"said")
    assert (answer.status, answer.body, answer["Preference-Applied"]) == (200, b"said", None)


def test_no_runs(start):
    server = start(Server, RUNS_KEEP="0")
    answer = ask(server, ASYNC)
    assert (answer.status, answer["Preference-Applied"], answer.body) == (200, None, b"ok\n") and listed(server) == []


# ---- following it ----

def test_followed(start):
    """What there was, and each line as it comes; then the end of the message says how the run ended."""
    for code in ("0", "3"):
        server = start(Server, HTTP_HOLD_MS="0", env={"CODE": code}, **LATER)
        run = begin(server)
        with Client(server) as client:
            client.send(request("TE: trailers", target=f"/runs/{run}"))
            answer = client.head()
            assert (answer.status, answer["X-Bastion-State"], answer["Trailer"]) == (200, "running", "X-Bastion-Exit-Code")
            assert client.chunk() == b"first\n"
            server.go()
            client.read_body(answer)
        assert answer.body == b"second\n" and answer.complete == (code == "0")
        assert answer.trailers == ([("X-Bastion-Exit-Code", "0")] if code == "0" else [])
        assert get(server, run).status == (200 if code == "0" else 422)


def test_quick_end_is_held(start):
    """A run that ends within HTTP_HOLD_MS of its start has its status."""
    server = start(Server, HTTP_HOLD_MS="60000", env={"CODE": "4"}, **LATER)
    run = begin(server)

    def go():
        server.wait_event("follow")
        server.go()
    answer, _ = together([lambda: get(server, run), go])
    assert (answer.status, answer.code, answer.body) == (422, 4, b"first\nsecond\n")


def test_ten_followers(start):
    """One of them takes nothing: neither the run nor another waits for it."""
    size, most = 40_000_000, 1_000_000
    server = start(Server, FORCE_COMMAND=f"{UNTIL_GO}; head -c {size} /dev/zero; echo; echo end", RUN_OUTPUT_MAX=str(most), HTTP_HOLD_MS="0")
    run = begin(server)
    with Client(server, receive_buffer=4096) as slow:
        slow.send(request(target=f"/runs/{run}"))
        answer = slow.head()

        def follow():
            found = curl(server, path=f"/runs/{run}")
            return found.returncode, found.stdout

        def go():
            wait_for(lambda: len(server.events("follow")) == 10, "all follow")
            server.go()
            return 0, b"end\n"
        for code, output in together([follow] * 9 + [go]):
            assert code == 0 and output.endswith(b"end\n")
        until(server, run, "ended")
        assert server.wait_event("end")[0]["bytes"] == size + 5
        slow.read_body(answer)
    assert re.search(rb"\n\(\d+ bytes of output are left out here\)\n", answer.body) and answer.body.endswith(b"\nend\n") and len(answer.body) < size


def test_at_the_moment_of_the_end(start):
    """Whoever comes as the run ends sees all of it, and its end."""
    server = start(Server, FORCE_COMMAND="sleep 0.01; echo all; exit 5", COMMAND_LOCK="off", HTTP_HOLD_MS="0")
    for i in range(25):
        with Client(server) as client:
            client.send(request(ASYNC))
            run = client.answer()["X-Bastion-Run"]
            time.sleep(i / 1000)  # so that some come before the end, and some after it: what they see is the same
            client.send(request(target=f"/runs/{run}", close=True))
            answer = client.answer()
        assert answer.body == b"all\n" and (answer.status == 422 and answer.code == 5 or answer.status == 200 and not answer.complete)


def test_comes_again(start):
    """A connection that is lost: the next one has all of it from the beginning."""
    server = start(Server, HTTP_HOLD_MS="0", **LATER)
    run = begin(server)
    for _ in range(3):
        with Client(server) as client:
            client.send(request(target=f"/runs/{run}"))
            client.head()
            assert client.chunk() == b"first\n"
            client.reset()
    server.go()
    assert get(server, run).body == b"first\nsecond\n"
    assert wait_for(lambda: server.processes("sh") == [], "the command is gone")


def test_no_delay(start):
    """A line is there soon after it is written: nobody looks by the clock. (tests/bench has the figure.)"""
    server = start(Server, FORCE_COMMAND="while read -r line; do echo $line; done <$T/pipe", HTTP_HOLD_MS="0")
    os.mkfifo(server.t / "pipe")
    os.chmod(server.t / "pipe", 0o666)
    run = begin(server)
    with Client(server) as client, open(server.t / "pipe", "w") as pipe:
        client.send(request(target=f"/runs/{run}"))
        client.head()
        for i in range(20):
            pipe.write(f"{i}\n")
            pipe.flush()
            assert client.chunk() == b"%d\n" % i
        # The monitor that follows sleeps until it is told: it calls nothing meanwhile.
        follower = [pid for pid in server.connections() if "runs" in "".join(os.readlink(f) for f in Path(f"/proc/{pid}/fd").iterdir()) and pid not in keepers(server)]
        assert len(follower) == 1
        switches = [re.search(r"\nvoluntary_ctxt_switches:\t(\d+)", Path(f"/proc/{follower[0]}/status").read_text())[1] for _ in range(2) if not time.sleep(0.3)]
        assert switches[0] == switches[1]


def test_more_followers_than_are_told(start):
    """From the 65th on they look by themselves, and miss nothing."""
    server = start(Server, HTTP_HOLD_MS="0", **LATER)
    run = begin(server)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(server)) for _ in range(70)]
        for client in clients:
            client.send(request(target=f"/runs/{run}"))
            client.head()
            assert client.chunk() == b"first\n"
        server.go()
        assert all(client.chunk() == b"second\n" for client in clients)


# ---- what is kept ----

@pytest.mark.parametrize("size,left_out", [(2000, 0), (2001, 1), (5000, 3000), (3_000_000, 2_998_000)])
def test_output_in_part(start, size, left_out):
    server = start(Server, FORCE_COMMAND=f"seq 1 1000000 | head -c {size}", RUN_OUTPUT_MAX="2000")
    whole = "".join(f"{i}\n" for i in range(1, 500000)).encode()[:size]
    run = begin(server)
    until(server, run, "ended")
    answer = get(server, run)
    gap = b"\n(%d bytes of output are left out here)\n" % left_out if left_out else b""
    assert answer.body == whole[:1000] + gap + whole[1000 + left_out:] and answer.complete and int(answer["Content-Length"]) == len(answer.body)
    found = about(server, run)
    assert (found["bytes"], found["truncated"], found["output"]) == (size, left_out > 0, answer.body.decode())
    assert sum(f.stat().st_blocks * 512 for f in (server.run_dir / "runs").iterdir()) < 20000


def test_long_output_of_a_failure(start):
    """More than 64 KiB, which the request itself would have streamed: of a run that has ended the status says how."""
    server = start(Server, FORCE_COMMAND="head -c 300000 /dev/zero; exit 3")
    run = begin(server)
    until(server, run, "ended")
    answer = get(server, run)
    assert (answer.status, answer.code, answer["Content-Length"], len(answer.body)) == (422, 3, "300000", 300000)


def test_oldest_is_removed(start):
    server = start(Server, RUNS_KEEP="3")
    runs = []
    for _ in range(6):
        runs.append(begin(server))
        until(server, runs[-1], "ended")
        assert listed(server) == runs[::-1][:3]
    assert sorted(os.listdir(server.run_dir / "runs")) == sorted(runs[3:]) and get(server, runs[0]).status == 404


def test_crowd(start):
    """As many as are kept are under way: one more is refused, and runs nothing."""
    server = start(Server, RUNS_KEEP="3", **LATER)
    runs = [begin(server) for _ in range(3)]
    full = ask(server, ASYNC)
    assert full.status == 503 and full["Retry-After"] == "5" and b"RUNS_KEEP" in full.body
    wait_for(lambda: server.runs() == 3, "three have begun")
    assert server.events("refuse")[0]["reason"] == "as many runs as RUNS_KEEP says are under way"
    assert get(server, runs[1], method="DELETE").status == 202
    until(server, runs[1], "ended")
    fourth = begin(server)
    assert listed(server) == [fourth, runs[2], runs[0]]
    server.go()


def test_crowd_at_once(start):
    server = start(Server, RUNS_KEEP="5", **LATER)
    answers = together([lambda: ask(server, ASYNC)] * 12)
    assert sorted(a.status for a in answers) == [202] * 5 + [503] * 7
    server.go()
    assert server.settled_runs() == 5


def test_thousand(start):
    server = start(Server, RUNS_KEEP="1000", COMMAND_LOCK="off", FORCE_COMMAND="true")
    run = begin(server)
    until(server, run, "ended")
    server.settle()
    record = (server.run_dir / "runs" / run).read_bytes()
    for i in range(999):  # copies, since a thousand runs take their time
        name = b"%016x" % i
        (server.run_dir / "runs" / name.decode()).write_bytes(record.replace(run.encode(), name))
    assert len(listed(server)) == 1000
    newest = begin(server)
    assert len(listed(server)) == 1000 and listed(server)[0] == newest


def test_clean_up(start):
    """What was begun and never listed is nobody's once its process is gone."""
    server = start(Server, RUNS_KEEP="1")
    first = begin(server)
    until(server, first, "ended")
    leftover = server.run_dir / "runs" / ".00000000000000aa"
    leftover.write_bytes(bytes(5000))
    second = begin(server)
    until(server, second, "ended")
    assert os.listdir(server.run_dir / "runs") == [second]


def test_left_behind(start):
    """A process that the command leaves behind writes on: that is its output no more, and the run has ended."""
    server = start(Server, FORCE_COMMAND=f"(echo x >>$T/runs; {UNTIL_GO}; echo late; sleep 600) & echo mine; exit 2", COMMAND_LOCK="off")
    run = begin(server)
    until(server, run, "ended")
    server.go()
    assert (get(server, run).body, get(server, run).code) == (b"mine\n", 2)


# ---- JSON ----

def test_json(start):
    server = start(Server, env={"CODE": "3"}, **LATER)
    run = begin(server)
    wait_for(lambda: about(server, run)["output"] == "first\n", "the first line")
    found = about(server, run)
    assert found.pop("ms") >= 0 and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found.pop("started"))
    assert found == {"run": run, "role": None, "user": "token", "state": "running", "exit": None, "signal": None, "bytes": 6, "truncated": False, "output": "first\n", "status": 200}
    server.go()
    until(server, run, "ended")
    found = about(server, run)
    assert (found["status"], found["state"], found["exit"], found["bytes"], found["output"]) == (422, "ended", 3, 13, "first\nsecond\n")
    assert [{k: e[k] for k in e if k != "output"} for e in [found]][0].keys() - {"status"} == json.loads(ask(server, JSON, target="/runs").body)[0].keys()


def test_json_at_once(start):
    """An answer to a request itself: once the command has ended, with the same status."""
    server = start(Server, FORCE_COMMAND="echo said; head -c 100000 /dev/zero; kill -9 $$", HTTP_HOLD_MS="0")
    answer = ask(server, JSON)
    found = json.loads(answer.body)
    assert (answer.status, answer.code, found["exit"], found["signal"], found["bytes"]) == (422, 137, 137, 9, 100005) and found["output"] == "said\n" + "\0" * 100000
    assert listed(server) == [] and answer["X-Bastion-State"] == "ended"
    denied = ask(server, JSON, auth=None)
    assert denied.status == 401


def test_json_of_the_start(start):
    server = start(Server, **LATER)
    answer = ask(server, JSON, ASYNC)
    found = json.loads(answer.body)
    assert (answer.status, found["state"], found["run"], answer["Location"]) == (202, "running", answer["X-Bastion-Run"], f"/runs/{found['run']}")
    server.go()


def test_json_of_a_refusal(start):
    server = start(Server, FORCE_COMMAND=None, ALLOWED_COMMANDS="echo [a-z]+")
    for more in ([], [ASYNC]):
        answer = ask(server, JSON, "X-Bastion-Command: rm -rf", *more)
        found = json.loads(answer.body)
        assert (answer.status, found["state"], found["exit"]) == (403, "refused", 126) and found["output"].startswith("[broker] DENY: rm -rf\n")


# Bytes, and what their text in JSON is.
BYTES = {
    "text": ("ä日🚀".encode(), "ä日🚀"), "controls": (bytes(range(32)) + b'"\\\x7f', "".join(map(chr, range(32))) + '"\\\x7f'), "no UTF-8": (b"a\xff\xc3b\xe6\x97", "a��b��"),
    "overlong": (b"\xc0\xaf\xed\xa0\x80", "�����"), "separators": ("\u2028\u2029".encode(), "\u2028\u2029")}


@pytest.mark.parametrize("data,text", BYTES.values(), ids=BYTES)
def test_json_of_any_bytes(start, data, text):
    server = start(Server, FORCE_COMMAND="cat $T/data", COMMAND_LOCK="off")
    for repeated in (1, 20000):  # so that characters are cut at every place of a piece
        (server.t / "data").write_bytes(b"x" * (repeated % 7) + data * repeated)
        assert json.loads(ask(server, JSON).body)["output"] == "x" * (repeated % 7) + text * repeated


@pytest.mark.parametrize("accept,is_json", [
    ("application/json", True), ("Application/JSON", True), ("application/*", True), ("*/*", False), ("text/plain", False), ("application/json, text/plain, */*", False),
    ("application/json, */*;q=0.8", True), ("application/json;q=0.5, text/*", False), ("text/plain;q=0.1, application/json;q=0.2", True), ("application/json;q=0", False),
    ("application/json;charset=utf-8", True), ("application/jsonp", False), ("text/html, application/json;q=x", False), ("application/problem+json", False), ("", False)])
def test_accept(start, accept, is_json):
    """RFC 9110, section 12.5.1; who wants both alike, as some libraries say by themselves, gets text."""
    answer = ask(start(Server), f"Accept: {accept}")
    assert answer["Content-Type"] == ("application/json" if is_json else "text/plain; charset=utf-8") and (answer.body[:1] == b"{") == is_json


def test_json_disconnect(start):
    """It is no run that is kept: its client's end is its own, where that is so."""
    server = start(Server, ON_DISCONNECT="hangup", FORCE_COMMAND=f"trap 'echo hup >>$T/signals; exit' HUP; echo x >>$T/runs; {UNTIL_GO}")
    with Client(server) as client:
        client.send(request(JSON))
        server.wait_file("runs")
        client.reset()
    wait_for(lambda: server.lines("signals") == ["hup"], "the command is told")


# ---- its end by request ----

def test_kill(start):
    server = start(Server, FORCE_COMMAND=f"trap 'echo told; exit 9' TERM; echo x >>$T/runs; {UNTIL_GO}", COMMAND_LOCK="off")
    run = begin(server)
    server.wait_file("runs")
    answer = get(server, run, method="DELETE")
    assert (answer.status, answer["Location"]) == (202, f"/runs/{run}")
    until(server, run, "ended")
    answer = get(server, run)
    assert (answer.status, answer.code) == (422, 143) and answer.body.endswith(b"told\n")
    end, = server.wait_event("end")
    assert end["reason"] == "ended by token" and server.events("kill")[0]["run"] == run
    again = get(server, run, method="DELETE")
    assert again.status == 200 and len(server.events("end")) == 1


@pytest.mark.slow
def test_kill_hard(start):
    """SIGKILL behind SIGTERM, as COMMAND_TIMEOUT has it."""
    server = start(Server, FORCE_COMMAND="trap '' TERM; echo x >>$T/runs; while :; do sleep 0.1; done", COMMAND_LOCK="off")
    run = begin(server)
    server.wait_file("runs")
    get(server, run, method="DELETE")
    until(server, run, "ended")
    assert get(server, run).code == 143 and server.wait_event("end")[0]["ms"] >= 5000


def test_time_out(start):
    server = start(Server, COMMAND_TIMEOUT="1", **LATER)
    run = begin(server)
    until(server, run, "ended")
    assert (get(server, run).code, about(server, run)["exit"], get(server, run).status) == (124, 124, 422)


# ---- who may ask ----

METHODS = [("POST", "/runs", "GET, HEAD"), ("DELETE", "/runs", "GET, HEAD"), ("PUT", "/runs/0123456789abcdef", "GET, HEAD, DELETE"), ("POST", "/runs/0123456789abcdef", "GET, HEAD, DELETE")]


@pytest.mark.parametrize("method,path,allow", METHODS)
def test_methods(start, method, path, allow):
    answer = ask(start(Server), method=method, target=path)
    assert (answer.status, answer["Allow"]) == (405, allow)


def test_paths(start):
    """A name is 16 digits, and nothing else is one."""
    server = start(Server)
    run = begin(server)
    until(server, run, "ended")
    wrong = ["/runs/", "/runs//" + run, "//runs/" + run, f"/runs/{run}/", f"/runs/{run}s", f"/runs/../runs/{run[:8]}", f"/runs/{run[:15]}.", f"/runs/{run[:15]}A", "/runs/." + run, f"/runs/../runs/{run}", f"/runs/%2e%2e/{run}", f"/runs/{run.upper()}X", f"/RUNS/{run}",
             "/runs/" + "".join(f"%{ord(c):02x}" for c in run), f"/runs/{run[:-1]}", "/runs/..", "/runs/.", f"/runs/{run}%00", f"/runs/{run};x", "/runs/AAAAAAAAAAAAAAAA", f"/runs.{run}"]
    assert [ask(server, target=path).status for path in wrong] == [404] * len(wrong)
    assert ask(server, target=f"/runs/{run}?x=../y").status == 200
    assert ask(server, target=f"/runs/{run}", auth=None).status == 401 and ask(server, target="/runs", auth=None).status == 401
    assert ask(server, AUTH, target=f"/runs/{run}").status == 400
    for method in ("GET", "DELETE", "HEAD"):
        assert ask(server, "Origin: http://elsewhere.test", target=f"/runs/{run}", method=method).status == 403


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_bodies(start, method):
    """A body is read and dropped: what stands in it is no request."""
    server = start(Server)
    run = begin(server)
    until(server, run, "ended")
    inner = request(ASYNC)
    with Client(server) as client:
        client.send(request(method=method, target=f"/runs/{run}", body=inner) + request(target="/runs", close=True))
        assert client.answer(method).status == 200 and client.answer().status == 200 and client.is_closed()
    assert server.runs() == 1


def test_the_log_says_who_asks(start):
    server = start(Server)
    run = begin(server)
    until(server, run, "ended")
    server.settle()
    before = len(server.events("follow"))
    get(server, run)
    ask(server, target="/runs")
    get(server, "0" * 16)
    assert len(server.events("follow", run=run, user="token")) == before + 1 and server.events("list", user="token")
    unknown, = server.events("deny", status=404)
    assert unknown["run"] == "0" * 16 and unknown["user"] == "token"


# ---- heartbeat ----

def test_heartbeat(start):
    """An empty line where nothing else came, in an answer that streams; it is no output."""
    server = start(Server, HTTP_HEARTBEAT="1", HTTP_HOLD_MS="0", **LATER)
    run = begin(server)
    for target in ("/cgi-bin/run", f"/runs/{run}"):
        with Client(server) as client:
            client.send(request(target=target))
            client.head()
            assert [client.chunk() for _ in range(3)] == [b"first\n", b"\n", b"\n"]
    server.go()
    until(server, run, "ended")
    assert get(server, run).body == b"first\nsecond\n" and server.wait_event("end", run=run)[0]["bytes"] == 13


def test_no_heartbeat_without_a_status(start):
    server = start(Server, HTTP_HEARTBEAT="1", HTTP_HOLD_MS="60000", FORCE_COMMAND="sleep 1.5; echo ok")
    assert ask(server).body == b"ok\n"


# ---- processes that are killed, and what is full ----

def others_of(server):
    """The monitors and fronts of its connections."""
    return [pid for pid in server.connections() if pid not in keepers(server)]


def test_keeper_is_killed(start):
    """Nobody knows how the run ends: that is what is said, to those who follow it and to those who come."""
    server = start(Server, HTTP_HOLD_MS="0", **LATER)
    run = begin(server)
    with Client(server) as client:
        client.send(request(target=f"/runs/{run}"))
        answer = client.head()
        assert client.chunk() == b"first\n"
        keeper, = keepers(server)
        os.kill(keeper, signal.SIGKILL)
        assert not client.read_body(answer).complete
    assert state(server, run) == "lost"
    answer = get(server, run)
    assert (answer.status, answer.code, answer.body, answer["X-Bastion-State"]) == (422, None, b"first\n", "lost")
    found = about(server, run)
    assert (found["state"], found["exit"], found["status"], found["ms"]) == ("lost", None, 422, None)
    assert get(server, run, method="DELETE").status == 200 and "state=lost" in ask(server, target="/runs").body.decode()
    server.go()
    assert state(server, begin(server)) in ("running", "ended")


def test_others_are_killed(start):
    """The monitor and the front of the connection that has started it, and of one that follows it."""
    server = start(Server, HTTP_HOLD_MS="0", **LATER)
    with Client(server) as first, Client(server) as second:
        first.send(request(ASYNC))
        run = first.answer()["X-Bastion-Run"]
        second.send(request(target=f"/runs/{run}"))
        second.head()
        assert second.chunk() == b"first\n"
        for pid in others_of(server):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert first.is_closed()
    assert state(server, run) == "running"
    server.go()
    until(server, run, "ended")
    assert get(server, run).body == b"first\nsecond\n" and server.wait_event("end")[0]["exit"] == 0


SMALL = 'mount -t tmpfs -o size=64k,mode=755 tmpfs $RUN_DIR'


@pytest.mark.root
def test_full(start):
    """RUN_DIR has no room: the run goes on, and what is kept says where it ends."""
    server = start(Server, before=SMALL, FORCE_COMMAND="seq 1 100000; echo x >>$T/runs; exit 3")
    whole = "".join(f"{i}\n" for i in range(1, 100001)).encode()
    run = begin(server)
    until(server, run, "ended")
    answer = get(server, run)
    match = re.fullmatch(rb"(.*)\n\((\d+) more bytes were not kept: no room\)\n", answer.body, re.S)
    assert answer.code == 3 and whole.startswith(match[1]) and len(match[1]) + int(match[2]) == len(whole) and len(match[1]) > 20000
    assert (about(server, run)["truncated"], about(server, run)["bytes"]) == (True, len(whole)) and server.runs() == 1
    # No room for another one: it is served as it would be without that wish.
    second = ask(server, ASYNC)
    assert (second.status, second["Preference-Applied"], second.complete) == (200, None, False) and second.body == whole
    assert "no record of run" in server.events("fault")[0]["reason"] and server.runs() == 2
    third = ask(server, JSON)
    assert third["Content-Type"] == "text/plain; charset=utf-8" and third.body == whole


@pytest.mark.root
@pytest.mark.parametrize("plant", ["ln -s $T/elsewhere $RUN_DIR/runs", "mkdir -m 777 $RUN_DIR/runs", "mkdir $RUN_DIR/runs; chown nobody $RUN_DIR/runs", ": >$RUN_DIR/runs"])
def test_folder_of_others(start, plant):
    """What is not root's alone is no folder of records."""
    server = start(Server, before=f"mkdir -m 700 $T/elsewhere; {plant}")
    answer = ask(server, ASYNC)
    assert (answer.status, answer.body) == (200, b"ok\n") and os.listdir(server.t / "elsewhere") == [] and listed(server) == []


@pytest.mark.root
def test_planted_records(start):
    """Names in the folder that are no records of ours: links, folders, others' files, and what is too short."""
    server = start(Server)
    run = begin(server)
    until(server, run, "ended")
    runs = server.run_dir / "runs"
    os.symlink(runs / run, runs / ("a" * 16))
    os.mkdir(runs / ("b" * 16))
    os.mkfifo(runs / ("c" * 16))
    (runs / ("d" * 16)).write_bytes((runs / run).read_bytes())
    os.chown(runs / ("d" * 16), 65534, 65534)
    (runs / ("e" * 16)).write_bytes(b"short")
    (runs / ("f" * 16)).write_bytes(bytes(5000))
    assert listed(server) == [run] and [get(server, c * 16).status for c in "abcdef"] == [404] * 6


@pytest.mark.root
def test_what_the_command_can_do(start):
    """It can neither read nor write records, nor reach the sockets of keepers, and has none of their descriptors."""
    server = start(Server, FORCE_COMMAND='. $T/command', COMMAND_LOCK="off")
    (server.t / "command").write_text(f"""d={server.run_dir}/runs
        ls -l /proc/self/fd | grep runs && echo has; ls $d && echo lists; cat $d/$BASTION_RUN && echo reads; true >$d/0123456789abcdef && echo writes
        mv $d $d.old && echo moves; test -S $d/${{BASTION_RUN}}s && echo sees; kill -9 $PPID && echo kills; echo done""")
    run = begin(server)
    until(server, run, "ended")
    assert [line for line in get(server, run).body.decode().splitlines() if 0 < len(line) < 7] == ["done"]


# ---- webhooks ----

def hook(server, delivery, timeout=60):
    body = encoded(push())
    with Client(server, timeout=timeout) as client:
        client.send(request(*github(body, delivery=delivery), method="POST", target="/hooks", auth=None, body=body))
        return client.answer("POST")


@pytest.mark.slow
def test_hook(start):
    """A delivery whose command takes more than eight seconds is told where to ask; one that waits for the lock too."""
    server = start(Server, HOOK_SECRET=SECRET, **{**LATER, "COMMAND_LOCK": "wait"})
    first, second = together([lambda: hook(server, "a"), lambda: hook(server, "b")])
    for answer in (first, second):
        assert answer.status == 202 and answer["Location"] == f"/runs/{answer['X-Bastion-Run']}" and answer["Preference-Applied"] is None
    assert sorted(state(server, answer["X-Bastion-Run"]) for answer in (first, second)) == ["running", "waiting"]
    server.go()
    for answer in (first, second):
        until(server, answer["X-Bastion-Run"], "ended")
    found = about(server, first["X-Bastion-Run"])
    assert (found["user"], found["exit"], found["output"]) == ("hook", 0, "first\nsecond\n")


def test_quick_hook(start):
    server = start(Server, HOOK_SECRET=SECRET, FORCE_COMMAND="echo x >>$T/runs; echo said; exit 3")
    answer = hook(server, "a")
    assert (answer.status, answer.code, answer.body, answer["Location"]) == (422, 3, b"said\n", None) and listed(server) == [answer["X-Bastion-Run"]]


# ---- superservers ----

def test_monitor_waits(start):
    """Where no `bastion init` is, the process that was started for the connection stays for the run, and passes on a signal to end."""
    server = start(Listener, **LATER)
    run = begin(server)
    monitor = server.children[0]
    assert monitor.poll() is None
    monitor.terminate()
    monitor.wait(timeout=30)
    end, = server.wait_event("end")
    assert end["run"] == run and end["signal"] == 15
    assert state(server, run) == "ended" and get(server, run).code == 143


def test_another_account(start):
    """As an ordinary user, whose commands are of the same account."""
    if os.geteuid() != 0:
        pytest.skip("root alone can be another")
    server = start(Server, user="nobody", **LATER)
    run = begin(server)
    server.go()
    until(server, run, "ended")
    assert get(server, run).body == b"first\nsecond\n" and (server.run_dir / "runs").stat().st_mode & 0o777 == 0o700


def test_old_clients(start):
    """HTTP/1.0: the message ends with the connection, and a cut one by a reset."""
    server = start(Server, env={"CODE": "3"}, **LATER)
    run = begin(server)
    server.go()
    until(server, run, "ended")
    answer = ask(server, target=f"/runs/{run}", version="HTTP/1.0")
    assert (answer.status, answer.code, answer.body) == (422, 3, b"first\nsecond\n")
    assert json.loads(ask(server, JSON, target=f"/runs/{run}", version="HTTP/1.0").body)["exit"] == 3


def test_curl(start):
    """With curl alone: start, follow, and fail as the command did."""
    server = start(Server, env={"CODE": "3"}, **LATER)
    location = curl(server, "-o", "/dev/null", "-w", "%header{location}", "-X", "POST", "-H", ASYNC, text=True).stdout
    if not location:  # before curl 7.84
        location = re.search(r"(?mi)^location: (\S+)", curl(server, "-D", "-", "-o", "/dev/null", "-X", "POST", "-H", ASYNC, text=True).stdout)[1]
    server.go()
    until(server, location.removeprefix("/runs/"), "ended")
    done = curl(server, "--fail-with-body", path=location)
    assert done.returncode == 22 and done.stdout == b"first\nsecond\n"


# ---- one account ----

TAMPERS = """R=$T/../run; for f in $R $R/runs $R/runs/*; do (echo evil >>$f); (: >$f); rm -rf $f; mv $f $f.old; done 2>/dev/null
mkdir $R/runs.other || (: >$R/runs-too) || echo nothing can be written; exit 3"""


@pytest.mark.root
def test_a_command_of_the_same_account(start):
    """It can neither write a record, which would be believed, nor cut it short, by which its keeper would end without a line."""
    server = start(Server, user="nobody", COMMAND_LOCK="off", FORCE_COMMAND=TAMPERS)
    run = begin(server)
    until(server, run, "ended")
    assert get(server, run).body.endswith(b"\nnothing can be written\n") and [e["exit"] for e in server.events("end")] == [3]
    assert listed(server) == [run]


@pytest.mark.root
def test_an_account_that_nothing_is_closed_to(start):
    """Without Landlock there is no record that a command could not write: so there is none."""
    server = start(Server, user="nobody", COMMAND_LOCK="off", FORCE_COMMAND="echo ok", program=("/usr/bin/python3", WITHOUT_CALLS, "landlock", BASTION, "http"))
    answer = ask(server, ASYNC)
    assert (answer.status, answer.body, answer["Preference-Applied"]) == (200, b"ok\n", None)
    assert "is not to be had here" in server.wait_event("fault")[0]["reason"] and not (server.run_dir / "runs").exists()
