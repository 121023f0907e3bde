"""COMMAND_LOCK=rerun and join (bastion-settings(5)): runs that several requests share, over HTTP, by webhooks and over SSH."""
import contextlib
import os
import random
import signal
import subprocess
import threading
import time

import pytest
from harness import TOKEN, UNTIL_GO, Client, ask, parent, request, together, wait_for
from hook_harness import HookServer, encoded, github, push
from init_harness import InitServer
from role_harness import HttpRoles
from ssh_harness import SshServer, Terminal

# A run's output tells which one it is: they are counted as they begin.
COUNTED = "echo x >>$T/runs; n=$(wc -l <$T/runs); echo run $n; "
RUN_OF_100_MS = 'echo "$BASTION_RUN $(date +%s%N)" >>$T/began; mkdir $T/busy || echo x >>$T/overlaps; sleep 0.1; rmdir $T/busy; echo done'
HELD = COUNTED + "while [ ! -e $T/go$n ]; do sleep 0.02; done; echo end $n; exit $((n % 2))"


@pytest.fixture
def start(start):
    """The answer waits for the end of the run, however busy the machine is: so its status tells the exit code."""
    return lambda *kind, **settings: start(*kind, **{"HTTP_HOLD_MS": "3600000", **settings})


class Leaving(Client):
    """A client that goes once it has its answer: bastion waits for that, two seconds at most."""

    def answer(self, method="GET"):
        answer = super().answer(method)
        self.__exit__()
        return answer


def begin(server, *fields, **options):
    client = Leaving(server)
    client.send(request(*fields, **{"close": True, **options}))
    return client


def begin_run(server, *fields, **options):
    runs = server.runs()
    client = begin(server, *fields, **options)
    wait_for(lambda: server.runs() > runs, "the run starts")
    return client


def output(n):
    return f"run {n}\nend {n}\n".encode()


def test_rerun(start):
    """Those who come during a run are one more, all of them."""
    server = start(FORCE_COMMAND=HELD, COMMAND_LOCK="rerun")
    first = begin_run(server)
    others = [begin(server) for _ in range(5)]
    server.wait_event("wait", 5)
    assert server.runs() == 1
    server.go("go1")
    answer = first.answer()
    assert (answer.status, answer.code, answer.body) == (422, 1, output(1))
    wait_for(lambda: server.runs() == 2, "the next run")
    server.wait_event("share", 4)
    late = begin(server)
    server.wait_event("wait", 6)
    server.go("go2")
    answers = [client.answer() for client in others]
    assert [(a.status, a.code, a.body, a["X-Bastion-State"]) for a in answers] == [(200, 0, output(2), "ended")] * 5
    assert len({a["X-Bastion-Run"] for a in answers}) == 1
    server.go("go3")
    assert late.answer().body == output(3)
    assert server.settled_runs() == 3
    assert len(server.events("start")) == len(server.events("end")) == 3 and len(server.events("share")) == 4


def test_join(start):
    """Those who come during a run get its output from its beginning, and its exit code."""
    server = start(FORCE_COMMAND=HELD, COMMAND_LOCK="join")
    first = begin_run(server)
    others = [begin(server) for _ in range(5)]
    server.wait_event("share", 5)
    server.go("go1")
    answers = [client.answer() for client in [first, *others]]
    assert [(a.status, a.code, a.body) for a in answers] == [(422, 1, output(1))] * 6
    assert len({a["X-Bastion-Run"] for a in answers}) == 1
    server.go("go2")
    assert ask(server).body == output(2)
    assert server.settled_runs() == 2 and server.events("wait") == []


# ---- who shares ----

RUN_ID = "X-Bastion-Run"
ASYNC = "Prefer: respond-async"


def follow(server, answer):
    return ask(server, target=answer["Location"])


@pytest.mark.parametrize("lock", ["rerun", "join"])
def test_async(start, lock):
    """Each has a name to ask by, be it before there is a run or after it."""
    server = start(FORCE_COMMAND=HELD, COMMAND_LOCK=lock)
    first = ask(server, ASYNC)
    server.wait_file("runs")
    others = [ask(server, ASYNC) for _ in range(3)]
    assert [a.status for a in [first, *others]] == [202] * 4
    followers = [begin(server, target=a["Location"]) for a in others]
    server.go("go1")
    server.go("go2")
    n = 2 if lock == "rerun" else 1
    for client in followers:
        answer = client.answer()
        assert (answer.body, answer.code or 0) == (output(n), n % 2)
    said = [follow(server, a) for a in [first, *others]]
    assert [a.body for a in said] == [output(1)] + [output(n)] * 3
    assert len({a[RUN_ID] for a in said}) == n
    assert server.settled_runs() == n
    states = ask(server, target="/runs").body.decode()
    assert states.count("state=ended") == n and states.count("state=shared") == (2 if lock == "rerun" else 0)


def test_by_hooks(start):
    """A delivery is through when the run is that it shares, and not before: then it does not run again, or does, where that has failed."""
    server = start(HookServer, HTTP_TOKEN=TOKEN, FORCE_COMMAND=HELD, COMMAND_LOCK="rerun")
    body = encoded(push())
    with begin_run(server):
        clients = [begin(server, *github(body, delivery=f"d{i}"), method="POST", target="/hooks", auth=None, body=body) for i in range(3)]
        server.wait_event("wait", 3)
        assert server.deliver(body, delivery="d1")["X-Bastion-Skipped"] == "1"
        server.go("go1")
        wait_for(lambda: server.runs() == 2, "the next run")
        assert server.deliver(body, delivery="d1")["X-Bastion-Skipped"] == "1"
        server.go("go2")
        answers = [client.answer("POST") for client in clients]
    assert [(a.status, a.body) for a in answers] == [(200, output(2))] * 3
    assert [server.deliver(body, delivery=f"d{i}")["X-Bastion-Skipped"] for i in range(3)] == ["1"] * 3
    server.go("go3")
    assert server.deliver(body, delivery="d4").code == 1
    server.go("go4")
    assert server.deliver(body, delivery="d4").code == 0
    assert server.settled_runs() == 4


@pytest.mark.slow
def test_a_hook_that_waits_long(start):
    """The sender, who hangs up soon, is told where to look."""
    server = start(HookServer, HTTP_TOKEN=TOKEN, FORCE_COMMAND=HELD, COMMAND_LOCK="rerun")
    with begin_run(server):
        late = server.deliver(push())
        assert late.status == 202 and ask(server, target=late["Location"], method="HEAD")["X-Bastion-State"] == "waiting"
        server.go("go1")
        server.go("go2")
        assert follow(server, late).body == output(2)


def test_what_is_another_run(start):
    """Requests for other commands, and deliveries with other values, share nothing; the same do."""
    server = start(ALLOWED_COMMANDS="sh -c .*\nsleep .*", COMMAND_LOCK="rerun", FORCE_COMMAND=None)
    with Client(server) as first:
        first.send(request("X-Bastion-Command: sleep 1000"))
        server.wait_event("start")
        others = [begin(server, f"X-Bastion-Command: sleep 0.00{i % 2}") for i in range(4)]
        server.wait_event("wait", 4)
        for pid in server.processes("sleep", "1000"):
            os.kill(pid, signal.SIGTERM)
        answers = [client.answer() for client in others]
        assert [a.code for a in answers] == [0] * 4
        names = [a[RUN_ID] for a in answers]
        assert names[0] == names[2] and names[1] == names[3] and names[0] != names[1]
    server = start(HookServer, HOOK_PASS="REF = .ref .*", FORCE_COMMAND=COUNTED + "echo $HOOK_REF; " + UNTIL_GO, COMMAND_LOCK="join")
    refs = ["a", "b", "b", "a"]
    clients = []
    for i, ref in enumerate(refs):
        body = encoded(push(ref))
        clients.append(begin(server, *github(body), method="POST", target="/hooks", auth=None, body=body))
        server.wait_event("start")
    server.wait_event("wait", 2)
    server.wait_event("share")
    server.go()
    answers = [client.answer("POST").body.decode().split()[-1] for client in clients]
    assert answers == refs and server.settled_runs() == 2


def test_the_client_goes(start):
    """Neither the first takes the run from the others, nor who waits the run that is to come."""
    server = start(FORCE_COMMAND=HELD, COMMAND_LOCK="join", ON_DISCONNECT="hangup")
    first = begin_run(server)
    second = begin(server)
    server.wait_event("share")
    first.reset()
    server.go("go1")
    assert second.answer().body == output(1)
    server = start(FORCE_COMMAND=HELD, COMMAND_LOCK="rerun")
    first = begin_run(server)
    second = begin(server)
    server.wait_event("wait")
    second.reset()
    server.go("go1")
    server.go("go2")
    assert first.answer().body == output(1)
    assert wait_for(lambda: server.runs() == 2, "the run of the client that went") and server.wait_event("end", 2)
    server.settle()


def test_the_end_and_a_joiner(start):
    """At whatever moment of a short run's end somebody comes, he gets a whole one."""
    server = start(FORCE_COMMAND=COUNTED + "echo end $n", COMMAND_LOCK="join", RUNS_KEEP="50")
    answers = [a for round in range(8) for a in together([lambda: ask(server)] * 8)]
    assert all(a.code == 0 and a.complete and a.body == output(int(a.body.split()[1])) for a in answers)
    numbers = {a[RUN_ID]: a.body for a in answers}
    assert all(numbers[a[RUN_ID]] == a.body for a in answers) and server.settled_runs() == len(numbers)


def test_output_of_all_is_the_same(start):
    server = start(FORCE_COMMAND="echo x >>$T/runs; for i in 1 2 3 4 5 6 7 8; do head -c 40000 /dev/urandom | od -An -v -tx1; done; exit 9", COMMAND_LOCK="join")
    answers = together([lambda: ask(server, "TE: trailers")] * 6)
    for run in {a[RUN_ID] for a in answers}:
        same = [a for a in answers if a[RUN_ID] == run]
        assert len({a.body for a in same}) == 1 and len(same[0].body) > 900000
    assert not any(a.complete for a in answers if a.status == 200)


@pytest.mark.root
@pytest.mark.parametrize("lock", ["rerun", "join"])
def test_over_ssh(start, lock):
    """Together with HTTP. Standard error and output are one stream, and there is no input; a terminal takes no part."""
    server = start(InitServer, HTTP_TOKEN=TOKEN, COMMAND_LOCK=lock, FORCE_COMMAND=HELD.replace("; exit", " >&2; cat; exit"))
    first = server.start()
    wait_for(lambda: server.runs() == 1, "the run")
    ssh, http = server.start(), begin(server)
    server.wait_event("wait" if lock == "rerun" else "share", 2)
    terminal = Terminal(server)
    server.go("go2")
    if lock == "rerun":
        server.go("go3")
    terminal.read_until(b"end 2")
    terminal.send(b"\4")
    assert terminal.process.wait() == 0
    n = 3 if lock == "rerun" else 1
    first.stdin.close()
    server.go("go1")
    assert http.answer().body == output(n)
    said = [(p.wait(), p.stdout.read(), p.stderr.read()) for p in (first, ssh)]
    assert said == [(1, output(1), b""), (1, output(n), b"")]
    assert server.runs() == 2 + (lock == "rerun")


@pytest.mark.root
def test_an_ssh_client_that_waits_and_leaves(start):
    """Its run comes nevertheless, and who shares it gets it; where there is no process 1 but a superserver, too."""
    for kind in (InitServer, SshServer):
        server = start(kind, COMMAND_LOCK="rerun", FORCE_COMMAND=HELD, **({"HTTP_TOKEN": TOKEN} if kind is InitServer else {}))
        first = server.start()
        wait_for(lambda: server.runs() == 1, "the run")
        leaves = server.start()
        server.wait_event("wait", 1)
        stays = server.start()
        server.wait_event("wait", 2)
        leaves.kill()
        server.go("go1")
        server.go("go2")
        assert (first.wait(), stays.wait()) == (1, 0) and stays.stdout.read() == output(2)
        server.settle()
        assert server.runs() == 2


@pytest.mark.slow
@pytest.mark.root
def test_the_end_of_all(start):
    """`bastion init` ends while one runs and others wait: all of them end, and the run has the line of its end."""
    server = start(InitServer, HTTP_TOKEN=TOKEN, COMMAND_LOCK="rerun", FORCE_COMMAND=f"trap 'echo trapped; exit 3' TERM; {HELD}")
    clients = [begin_run(server), begin(server), begin(server), begin(server, ASYNC)]
    server.wait_event("wait", 3)
    server.tell()
    assert server.end() == 0
    ends = server.events("end")
    assert len(ends) == 1 and ends[0].get("exit") == 3 and server.runs() == 1, ends
    del clients


@pytest.mark.root
def test_roles(start):
    """Each has its own runs."""
    def two(server):
        for role in ("a", "b"):
            server.put(role, FORCE_COMMAND=HELD.replace("$T/runs", "$T/$BASTION_ROLE").replace("go$n", "go$BASTION_ROLE$n"), HTTP_TOKEN=role * 16, COMMAND_LOCK="join",
                       **({"RUN_AS": "deployer"} if role == "b" else {}))
    server = start(HttpRoles, prepare=two, FORCE_COMMAND="true")
    clients = [begin(server, auth=f"Authorization: Bearer {role * 16}") for role in "aabb"]
    server.wait_event("share", 2)
    server.go("goa1")
    server.go("gob1")
    assert [client.answer().body for client in clients] == [output(1)] * 4
    assert (len(server.lines("a")), len(server.lines("b"))) == (1, 1)
    assert sorted(name for name in os.listdir(server.run_dir) if name.startswith("shared")) == ["shared.a", "shared.b"]


# ---- what may go wrong ----

@pytest.mark.root
def test_killed_waiters(start):
    """Of those who wait any may be killed, and the child of one: the next run comes all the same, once."""
    server = start(FORCE_COMMAND=HELD, COMMAND_LOCK="rerun")
    first = begin_run(server)
    before = set(server.connections())
    others = [begin(server) for _ in range(4)]
    server.wait_event("wait", 4)
    who = {e["run"] for e in server.events("wait")}
    assert len(who) == 4
    waiting = [pid for pid in server.connections() if pid not in before]
    keepers = [pid for pid in waiting if any(parent(child) == pid for child in waiting) and parent(pid) in waiting]
    children = [pid for pid in waiting if parent(pid) in keepers]
    assert len(keepers) == len(children) == 4
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    for pid in keepers[:3]:
        os.kill(pid, signal.SIGKILL)
    server.go("go1")
    server.go("go2")
    assert first.answer().body == output(1)
    answers = [client.answer() for client in others]
    assert [a.body for a in answers if a.status == 200] == [output(2)] and sorted(a.status for a in answers) == [200, 500, 500, 500]
    assert server.settled_runs() == 2


def test_what_a_run_leaves_behind(start):
    """It holds the lock as long as it is there: a joiner gets the run that has left it, and the next run waits."""
    left = HELD.replace("exit", "while [ ! -e $T/leave ]; do sleep 0.02; done >/dev/null 2>&1 & exit")
    server = start(FORCE_COMMAND=left, COMMAND_LOCK="join")
    server.go("go1")
    assert [ask(server).body for _ in range(3)] == [output(1)] * 3
    server.go("leave")
    server.go("go2")
    wait_for(lambda: ask(server).body == output(2), "the lock is free")
    server = start(FORCE_COMMAND=left, COMMAND_LOCK="rerun")
    server.go("go1")
    server.go("go2")
    assert ask(server).body == output(1)
    second = begin(server)
    assert "left behind" in server.wait_event("wait")[0]["reason"] or "has ended" in server.wait_event("wait")[0]["reason"]
    server.go("leave")
    assert second.answer().body == output(2)


def test_more_than_are_kept(start):
    """As many wait as RUNS_KEEP says, and who makes the next run. Others need not: it is theirs too."""
    server = start(HookServer, HTTP_TOKEN=TOKEN, COMMAND_LOCK="rerun", FORCE_COMMAND=HELD, RUNS_KEEP="3")
    first = begin_run(server)
    answers = [ask(server, ASYNC) for _ in range(6)] + [server.deliver(push())]
    assert [a.status for a in answers] == [202] * 7 and len([a for a in answers if a["Location"]]) == 2
    assert len(server.events("wait")) == 2 and all("RUNS_KEEP" in e["reason"] for e in server.wait_event("share", 5))
    server.go("go1")
    server.go("go2")
    assert first.answer().body == output(1)
    assert [follow(server, a).body for a in answers if a["Location"]] == [output(2)] * 2
    assert server.settled_runs() == 2


def test_who_leaves_one_of_many(start):
    """And has no name to ask by leaves nothing behind, but for the one who makes the next run."""
    server = start(COMMAND_LOCK="rerun", FORCE_COMMAND=HELD)
    first = begin_run(server)
    others = [begin(server) for _ in range(4)]
    server.wait_event("wait", 4)
    for client in others:
        client.reset()
    server.wait_event("gone", 3)
    server.go("go1")
    server.go("go2")
    assert first.answer().body == output(1)
    server.wait_event("end", 2)
    assert server.settled_runs() == 2 and len(server.events("gone")) == 3


def test_a_command_that_lets_go_of_the_lock(start):
    """It can do that with its own. Then the next run begins beside it, and is as good for those who came during the first as any."""
    server = start(COMMAND_LOCK="rerun", FORCE_COMMAND="flock -u 100; " + HELD)
    first = begin_run(server)
    others = [begin(server) for _ in range(3)]
    wait_for(lambda: server.runs() >= 2, "the next run")
    for n in range(1, 5):
        server.go(f"go{n}")
    assert first.answer().body == output(1)
    assert all(int(client.answer().body.split()[1]) > 1 for client in others)
    server.settle()


def has_pipe(pid):
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed since it was listed
            if os.readlink(f"/proc/{pid}/fd/{fd}").startswith("pipe:"):
                return True
    return False


@pytest.mark.parametrize("lock", ["rerun", "join"])
def test_a_lost_run(start, lock):
    """The process that knows how it ends is killed: who shares it is told so, and the command, which goes on, is waited for."""
    server = start(COMMAND_LOCK=lock, FORCE_COMMAND=f"trap '' PIPE; exec 2>/dev/null; {HELD}")
    first = begin_run(server)
    connection = set(server.connections())
    keeper = [pid for pid in connection if parent(pid) in connection and os.readlink(f"/proc/{pid}/fd/0") == "/dev/null"]
    front, = (pid for pid in connection if os.readlink(f"/proc/{pid}/fd/0") != "/dev/null")
    wait_for(lambda: has_pipe(front), "the front is told that it runs")
    assert len(keeper) == 1
    os.kill(keeper[0], signal.SIGKILL)
    answer = first.answer()
    assert (answer.status, answer.code, answer["X-Bastion-State"]) == (422, None, "lost")
    second = begin(server)
    server.wait_event("wait")
    assert server.runs() == 1
    server.go("go1")
    server.go("go2")
    assert second.answer().body == output(2)
    server.settle()


def test_wait_is_over(start):
    server = start(FORCE_COMMAND=HELD, COMMAND_LOCK="rerun", COMMAND_LOCK_WAIT="1")
    with begin_run(server) as first:
        answers = together([lambda: ask(server)] * 2)
        assert [(a.status, a["Retry-After"]) for a in answers] == [(429, "5")] * 2
        server.go("go1")
        assert first.answer().body == output(1)
    assert server.settled_runs() == 1


def test_a_command_that_cannot_start(start):
    """Covers nobody: each is told so."""
    server = start(ALLOWED_COMMANDS="sleep 1000\n/no/such/program", FORCE_COMMAND=None, COMMAND_LOCK="rerun")
    first = begin(server, "X-Bastion-Command: sleep 1000")
    server.wait_event("start")
    others = [begin(server, "X-Bastion-Command: /no/such/program") for _ in range(3)]
    server.wait_event("wait", 3)
    for pid in server.processes("sleep", "1000"):
        os.kill(pid, signal.SIGTERM)
    assert first.answer().code == 143
    assert [client.answer().code for client in others] == [127] * 3


def test_no_records(start):
    """Where no run is kept there is nothing to share: all run, one by one."""
    server = start(FORCE_COMMAND=RUN_OF_100_MS, COMMAND_LOCK="join", RUNS_KEEP="0")
    answers = together([lambda: ask(server)] * 4)
    assert [a.code for a in answers] == [0] * 4 and len(server.lines("began")) == 4 and server.lines("overlaps") == []


@pytest.mark.root
@pytest.mark.parametrize("lock", ["rerun", "join"])
def test_no_room(start, lock):
    """RUN_DIR is full: all run, one by one; and when there is room again they share again."""
    def small(server):
        return f"mount -t tmpfs -o size=16k,mode=755 tmpfs {server.run_dir}"
    server = start(before=small, FORCE_COMMAND=RUN_OF_100_MS, COMMAND_LOCK=lock)
    run_dir = f"/proc/{server.process.pid}/root{server.run_dir}"
    assert ask(server).code == 0
    with open(f"{run_dir}/filler", "wb", buffering=0) as file, pytest.raises(OSError):
        while True:
            file.write(bytes(4096))
    answers = together([lambda: ask(server)] * 4)
    assert [a.code for a in answers] == [0] * 4 and server.lines("overlaps") == []
    os.unlink(f"{run_dir}/filler")
    assert ask(server).code == 0
    server.settle()


@pytest.mark.root
@pytest.mark.parametrize("name", ["shared", "lock", "runs"])
def test_a_file_is_removed(start, name):
    """By root, whom nobody keeps from it: nobody waits for ever, and each is covered."""
    server = start(FORCE_COMMAND=HELD, COMMAND_LOCK="rerun")
    first = begin_run(server)
    second = begin(server)
    server.wait_event("wait")
    if name == "runs":
        subprocess.run(["rm", "-r", server.run_dir / name], check=True)
    else:
        os.unlink(server.run_dir / name)
    third = begin(server)
    wait_for(lambda: len(server.events("wait")) == 2 or server.runs() == 2, "the third has come")
    for n in range(1, 4):
        server.go(f"go{n}")
    assert first.answer().body == output(1)
    assert second.answer().body in (output(2), output(3)) and third.answer().body in (output(2), output(3))
    server.settle()


@pytest.mark.root
def test_no_command_has_its_hands_on_it(start):
    """Neither by what it inherits nor by name."""
    tries = "ls -l /proc/self/fd; for f in shared runs; do (: <$D/$f) 2>&1; (: >>$D/$f) 2>&1; done; ls $D/runs 2>&1; id -u"
    server = start(COMMAND_LOCK="rerun", FORCE_COMMAND=f"D=$(dirname $T)/run; {tries}")
    said = ask(server).body.decode()
    assert [line for line in said.splitlines() if "->" in line and str(server.run_dir) in line and "/run/lock" not in line] == []
    assert said.count("ermission denied") == 4 and said.count("Is a directory") == 1, said
    mode = os.stat(server.run_dir / "shared")
    assert (mode.st_uid, mode.st_mode & 0o777, os.stat(server.run_dir / "runs").st_mode & 0o777) == (0, 0o600, 0o700)


# ---- many ----



def one_of_many(server, answers, wait):
    """One request, after `wait` seconds on its open connection; it may be killed."""
    try:
        with Client(server, timeout=120) as client:
            time.sleep(wait)
            sent = time.time_ns()
            answer = client.send(request(close=True)).answer()
    except OSError:
        return
    except EOFError:
        return
    if answer.code is not None and answer.complete:
        answers.append((sent, answer))


def many(server, clients, each, seed):
    """Requests at random moments; gives what became of those that were answered."""
    answers, dice = [], random.Random(seed)
    waits = [[dice.random() * 0.12 for _ in range(each)] for _ in range(clients)]

    def client(mine):
        for wait in mine:
            one_of_many(server, answers, wait)
    threads = [threading.Thread(target=client, args=(mine,), daemon=True) for mine in waits]
    for thread in threads:
        thread.start()
    return threads, answers


def began(server):
    return {run: int(at) for run, at in (line.split() for line in server.lines("began"))}


@pytest.mark.slow
def test_a_thousand(start):
    """Each request is covered by a run that began after it, and no two run at once."""
    server = start(FORCE_COMMAND=RUN_OF_100_MS, COMMAND_LOCK="rerun", RUNS_KEEP="50")
    threads, answers = many(server, 40, 25, 1)
    for thread in threads:
        thread.join()
    runs = began(server)
    assert len(answers) == 1000 and {(a.status, a.body) for _, a in answers} == {(200, b"done\n")}
    assert [sent for sent, a in answers if runs[a["X-Bastion-Run"]] <= sent] == []
    assert server.lines("overlaps") == [] and len(runs) < 500
    server.settle()


@pytest.mark.slow
@pytest.mark.root
def test_a_thousand_and_kills(start):
    """The same, while any of bastion's processes is killed at any time: who is answered is covered, and nobody waits for ever. A run whose
    processes are killed goes on, or not, and nobody knows how it ends."""
    server = start(FORCE_COMMAND=RUN_OF_100_MS, COMMAND_LOCK="rerun", RUNS_KEEP="50")
    threads, answers = many(server, 40, 25, 2)
    dice, killed = random.Random(3), 0
    while any(thread.is_alive() for thread in threads):
        victims = server.connections()
        for pid in dice.sample(victims, min(2, len(victims))):
            killed += 1
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    runs = began(server)
    done = [(sent, a) for sent, a in answers if a.code == 0]
    assert [sent for sent, a in done if runs[a["X-Bastion-Run"]] <= sent] == []
    assert killed > 0 and len(done) > 0
    server.settle()
    assert ask(server).code == 0
