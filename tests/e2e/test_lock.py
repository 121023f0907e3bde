"""One run at a time (COMMAND_LOCK in bastion-settings(5))."""
import fcntl
import os
import re
import signal

import pytest
from harness import IS_ROOT, UNTIL_GO, Client, ask, basic, request, together, wait_for
from init_harness import InitServer

RUN = "echo x >>$T/runs; "
HELD = RUN + UNTIL_GO + "; echo done"


def begin(server):
    """A run under way: its connection."""
    runs = server.runs()
    client = Client(server)
    client.send(request())
    wait_for(lambda: server.runs() > runs, "the run starts")
    return client


@pytest.mark.parametrize("setting", ["skip", None, ""])
def test_skip(start, setting):
    server = start(FORCE_COMMAND=HELD, COMMAND_LOCK=setting)
    with begin(server) as first:
        answer = ask(server)
        assert (answer.status, answer["X-Bastion-Skipped"], answer.code) == (200, "1", None)
        assert answer.body.count(b"\n") == 1 and answer.body.endswith(b"\n")
        assert len(server.events("skip")) == 1
        server.go()
        answer = first.answer()
        assert (answer.body, answer["X-Bastion-Skipped"]) == (b"done\n", None)
    assert ask(server)["X-Bastion-Skipped"] is None
    assert server.settled_runs() == 2


def test_refuse(start):
    server = start(FORCE_COMMAND=HELD, COMMAND_LOCK="refuse")
    with begin(server) as first:
        answer = ask(server)
        assert (answer.status, answer["Retry-After"], answer["X-Bastion-Skipped"]) == (429, "5", None)
        assert len(server.events("refuse")) == 1
        server.go()
        assert first.answer().body == b"done\n"
    assert ask(server).status == 200
    assert server.settled_runs() == 2


def test_off(start):
    server = start(FORCE_COMMAND=HELD, COMMAND_LOCK="off")
    with begin(server) as first, begin(server) as second:
        assert server.runs() == 2  # both are under way
        server.go()
        assert [first.answer().body, second.answer().body] == [b"done\n"] * 2


def test_wait(start):
    server = start(FORCE_COMMAND=HELD, COMMAND_LOCK="wait")
    with begin(server) as first, Client(server) as second:
        second.send(request())
        second.sock.settimeout(1.3)  # longer than the hold: that begins with the run, not with the wait
        with pytest.raises(TimeoutError):
            second.sock.recv(1)
        second.sock.settimeout(20)
        assert server.runs() == 1
        server.go()
        assert first.answer().body == b"done\n"
        assert second.answer().body == b"done\n"
    assert server.settled_runs() == 2


def test_wait_ends(start):
    server = start(FORCE_COMMAND=HELD, COMMAND_LOCK="wait", COMMAND_LOCK_WAIT="1")
    with begin(server) as first:
        answer = ask(server)
        assert (answer.status, answer["Retry-After"]) == (429, "5")
        server.go()
        assert first.answer().body == b"done\n"
    assert server.settled_runs() == 1


def test_who_waits_and_leaves_does_not_run(start):
    server = start(FORCE_COMMAND=HELD, COMMAND_LOCK="wait", ON_DISCONNECT="hangup")
    with begin(server) as first:
        second = Client(server)
        second.send(request())
        wait_for(lambda: len(server.connections()) >= 2, "the second connection")
        second.reset()
        server.wait_event("gone")
        server.go()
        assert first.answer().body == b"done\n"
    assert server.settled_runs() == 1


OVERLAP = "mkdir $T/busy || echo x >>$T/overlaps; echo x >>$T/runs; sleep 0.01; rmdir $T/busy; wc -l <$T/runs"


def test_20_clients_wait(start):
    """Each runs, none at the same time."""
    server = start(FORCE_COMMAND=OVERLAP, COMMAND_LOCK="wait")
    answers = together([lambda: ask(server)] * 20)
    assert [a.status for a in answers] == [200] * 20
    assert sorted(int(a.body) for a in answers) == list(range(1, 21))
    assert (server.settled_runs(), server.lines("overlaps")) == (20, [])


@pytest.mark.parametrize("lock, status", [("skip", 200), ("refuse", 429)])
def test_20_clients_and_one_run(start, lock, status):
    server = start(FORCE_COMMAND=HELD, COMMAND_LOCK=lock, HTTP_HOLD_MS="3600000")
    clients = [Client(server) for _ in range(20)]
    for client in clients:
        client.send(request(close=True))
    event = "skip" if lock == "skip" else "refuse"
    server.wait_event(event, 19)
    wait_for(lambda: server.runs() == 1, "the one that has the lock runs")
    server.go()
    answers = [client.answer() for client in clients]
    assert sorted(a.status for a in answers) == sorted([200] + [status] * 19)
    assert sum(a.body == b"done\n" for a in answers) == 1
    for client in clients:
        client.sock.close()
        client.file.close()
    assert server.settled_runs() == 1


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # one killed before may have taken it along


def test_lock_of_the_killed_is_released(start):
    server = start(FORCE_COMMAND=HELD, COMMAND_LOCK="refuse")
    with begin(server):
        assert ask(server).status == 429
        for pid in server.processes():
            if pid != server.process.pid:
                kill(pid)
        server.settle()
        server.go()
        wait_for(lambda: ask(server).status == 200, "the lock is free")
    assert server.settled_runs() == 2


@pytest.mark.root
def test_the_command_cannot_spoil_the_lock(start):
    """It can neither fill the file nor change who may take it."""
    server = start(FORCE_COMMAND=RUN + "cd $T/../run; for fd in /proc/self/fd/*; do echo x >>$fd; done; echo x >>lock; chmod 0 lock; rm lock; true", COMMAND_LOCK="refuse")
    assert [ask(server).status for _ in range(2)] == [200, 200]
    lock = (server.run_dir / "lock").stat()
    assert (lock.st_uid, lock.st_size, lock.st_mode & 0o777) == (0, 119, 0o640)
    assert re.fullmatch(r'[0-9a-f]{16} e \d{12} [0-9a-f]{16} "token" *\n', (server.run_dir / "lock").read_text())


def test_lock_outlives_the_killed_server(start):
    """The command goes on, and so does its lock."""
    server = start(FORCE_COMMAND=HELD, COMMAND_LOCK="refuse")
    with begin(server):
        for pid in server.connections():
            kill(pid)
        server.settle()
        assert ask(server).status == 429
        server.go()
        wait_for(lambda: ask(server).status == 200, "the lock is free")


@pytest.mark.parametrize("daemon", ["sh -c '{0}' &", "setsid sh -c '{0}' >/dev/null 2>&1 &", "(setsid sh -c '{0}' &);"], ids=["child", "daemon", "orphan"])
def test_daemon_keeps_the_lock(start, daemon):
    """The answer ends with the command; the lock with the last of its children. On one connection and on others."""
    server = start(FORCE_COMMAND=RUN + daemon.format("exec 2>&1; " + UNTIL_GO + "; echo too late") + " echo done", COMMAND_LOCK="refuse", HTTP_HOLD_MS="3600000")
    with Client(server) as client:
        client.send(request())
        answer = client.answer()
        assert (answer.status, answer.body) == (200, b"done\n")
        client.send(request())
        assert client.answer().status == 429
        assert ask(server).status == 429
        server.go()

        def again():
            client.send(request())
            return client.answer().status == 200

        wait_for(again, "the lock is free")
    assert server.settled_runs() == 2


def test_daemon_does_not_hold_a_stream(start):
    server = start(FORCE_COMMAND=f"echo first; (setsid sh -c '{UNTIL_GO}' &); sleep 0.1; echo last", HTTP_HOLD_MS="20")
    answer = ask(server)
    assert (answer.body, answer.complete) == (b"first\nlast\n", True)
    server.go()


def test_daemon_without_lock(start):
    server = start(FORCE_COMMAND=RUN + f"sh -c '{UNTIL_GO}' & echo done", COMMAND_LOCK="off")
    assert [ask(server).body for _ in range(3)] == [b"done\n"] * 3
    server.go()


def test_two_servers_one_lock(start):
    """The lock belongs to RUN_DIR, not to a superserver."""
    first = start(FORCE_COMMAND=HELD, COMMAND_LOCK="refuse")
    second = start(COMMAND_LOCK="refuse", RUN_DIR=str(first.run_dir))
    third = start(COMMAND_LOCK="refuse")
    with begin(first) as client:
        assert ask(second).status == 429
        assert ask(third).status == 200
        first.go()
        assert client.answer().status == 200
    assert ask(second).status == 200


# ---- whose run it is ----

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def body_and_reason(server, event):
    body = ask(server).body.decode()
    return body, server.events(event)[-1]["reason"]


@pytest.mark.parametrize("lock, event, end", [("skip", "skip", "this one is left out"), ("refuse", "refuse", "try again later")])
@pytest.mark.parametrize("same", [True, False], ids=["same", "another"])
def test_the_run_under_way_is_named(start, lock, event, end, same):
    """To the client and in the log: which, since when, and whether it is another command's."""
    first = start(FORCE_COMMAND=HELD, COMMAND_LOCK=lock)
    second = start(FORCE_COMMAND=HELD if same else "echo secret-words", COMMAND_LOCK=lock, RUN_DIR=str(first.run_dir))
    with begin(first):
        run = first.wait_event("start")[0]["run"]
        body, reason = body_and_reason(second, event)
        assert re.fullmatch(rf'A run{"" if same else " of another command"} by "token" is under way already \({run}, since {TIME}\): {end}\.\n', body)
        assert re.fullmatch(rf'run {run}, since {TIME}{"" if same else ", of another command in this RUN_DIR"}, holds the lock', reason)
        first.go()
    first.settle()
    second.go()
    assert ask(second).status == 200
    # And it is the next one's afterwards.
    assert (first.run_dir / "lock").read_text().startswith(second.wait_event("end")[-1]["run"] + " e ")


def test_rules_are_commands(start):
    """In broker mode; nothing of the request is written down."""
    server = start(FORCE_COMMAND=None, ALLOWED_COMMANDS="/dev/[a-z]+\n/etc/[a-z]+", COMMAND_PREFIX="/usr/bin/tail -f", COMMAND_LOCK="skip")
    with Client(server) as first:
        first.send(request("X-Bastion-Command: /dev/null"))
        run = server.wait_event("start")[0]["run"]
        same, other = (ask(server, f"X-Bastion-Command: {path}").body.decode() for path in ("/dev/zero", "/etc/hosts"))
        assert same.startswith(f'A run by "token" is under way already ({run}, since ')
        assert other.startswith(f'A run of another command by "token" is under way already ({run}, since ')
        assert "null" not in (server.run_dir / "lock").read_text()


def test_who_waits_is_in_the_log(start):
    server = start(FORCE_COMMAND=HELD, COMMAND_LOCK="wait", COMMAND_LOCK_WAIT="1")
    with begin(server) as first:
        run = server.wait_event("start")[0]["run"]
        answer = ask(server)
        assert answer.status == 429 and run.encode() in answer.body
        assert [run in e["reason"] for e in server.events("wait") + server.events("refuse")] == [True, True]
        server.go()
        assert first.answer().body == b"done\n"


@pytest.mark.parametrize("user", [None, "nobody"])
def test_a_daemon_that_a_run_left_is_named(start, user):
    """The log has the process; the client learns no more than that it is there."""
    if user is not None and not IS_ROOT:
        pytest.skip("only root can become another account")
    daemon = "cp /bin/sleep $T/my-daemon; setsid $T/my-daemon 1000 >/dev/null 2>&1 & echo $! >$T/pid; echo done"
    server = start(FORCE_COMMAND=RUN + daemon, user=user)
    assert ask(server).body == b"done\n"
    run = server.wait_event("end")[0]["run"]
    body, reason = body_and_reason(server, "skip")
    pid = server.lines("pid")[0]
    assert re.fullmatch(rf'What run {run} by "token" of {TIME} left behind is still at work: this one is left out\.\n', body)
    assert re.fullmatch(rf'run {run}, since {TIME}, has ended, but what it left behind holds the lock \(process {pid}, my-daemon\)', reason)
    kill(int(pid))
    wait_for(lambda: ask(server).body == b"done\n", "the lock is free")


def test_a_name_forges_nothing(start):
    """A process calls itself what it likes; the line of the log stays one."""
    script = "import ctypes, time; ctypes.CDLL(None).prctl(15, b'x\\n\\x1b[2J y=1', 0, 0, 0); open('$T/named', 'w'); time.sleep(1000)"
    server = start(FORCE_COMMAND=f'setsid /usr/bin/python3 -c "{script}" >/dev/null 2>&1 & echo done')
    assert ask(server).body == b"done\n"
    server.wait_file("named")
    ask(server)
    assert "(process " in server.wait_event("skip")[0]["reason"]
    assert all(line.isprintable() for line in server.log_lines())


def record(run="0123456789abcdef", state="r", seconds="001700000000", command="0123456789abcdef", user='"alice"'):
    return f"{run} {state} {seconds} {command} {user:69}\n"


def busy_with(server, content):
    """What a client is told while somebody who has written this holds the lock."""
    with open(server.run_dir / "lock", "w") as lock:
        lock.write(content)
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        return ask(server).body.decode()


@pytest.mark.parametrize("content", ["", "x" * 119, record(run="0123456789abcdeX"), record(seconds="00170000000x"), record(state="z"),
                                     record(command="0123456789abcde\r"), record(run="<script>alert(1)"), record(user="alice"), record(user='"alice'),
                                     record(user='"alice" x'), record(user='"al\x1b[2Jice"'), record(user='"al\nice"'), record(user='"alice\\"'),
                                     record(user='"' + "x" * 68), record(user='"' + "x" * 67 + "\\"), record()[:-1]], ids=range(16))
def test_what_is_no_record_is_not_repeated(start, content):
    """Where bastion is not root's, the command can write the file."""
    server = start()
    assert busy_with(server, content) == "A run is under way already: this one is left out.\n"
    assert server.events("skip")[0]["reason"].startswith("another run holds the lock")


@pytest.mark.parametrize("user", ['"alice"', '""', '"a\\"b\\\\"', '"' + "x" * 67 + '"'])
def test_a_sound_record_is_repeated(start, user):
    server = start()
    sentence = f"A run of another command by {user} is under way already (0123456789abcdef, since 2023-11-14T22:13:20Z): this one is left out.\n"
    assert busy_with(server, record(user=user)) == sentence


@pytest.mark.parametrize("name, shown", [("al\"i\\ce", r'"al\"i\\ce"'), ("caf\u00e9", r'"caf\xc3\xa9"'), ("n" * 100, '"' + "n" * 49 + '..."')], ids=range(3))
def test_any_name_is_one_printable_word(start, name, shown):
    """It is the user's of the run under way; of the password nothing is written down."""
    server = start(FORCE_COMMAND=HELD, HTTP_BASIC_AUTH=f"{name}:pass-word")
    with Client(server) as first:
        first.send(request(auth=basic(f"{name}:pass-word")))
        wait_for(lambda: server.runs() == 1, "the run starts")
        body = ask(server, auth=basic(f"{name}:pass-word")).body.decode()
        assert body.startswith(f"A run by {shown} is under way already (") and len(body.splitlines()) == 1
        assert "pass-word" not in (server.run_dir / "lock").read_text()
        server.go()
        assert first.answer().body == b"done\n"


@pytest.mark.root
def test_named_over_ssh_and_to_ssh(start):
    """Runs over SSH are written down, too, and are told whose run it is."""
    server = start(InitServer, FORCE_COMMAND=f"echo x >>$T/runs; {UNTIL_GO}; echo done")
    session = server.start()
    wait_for(lambda: server.runs() == 1, "a run over SSH")
    run, user = (server.wait_event("start")[0][field] for field in ("run", "user"))
    sentence = rf'A run by "{user}" is under way already \({run}, since {TIME}\): this one is left out\.'
    assert re.fullmatch(sentence + "\n", ask(server).body.decode())
    done = server.ssh()
    assert done.returncode == 0 and re.fullmatch(sentence + "\n", done.stdout.decode())
    server.go()
    assert session.communicate()[0] == b"done\n"
    server.settle()
    lock = server.inside("/run/bastion/lock")
    assert lock.read_text().startswith(run + " e ") and lock.stat().st_uid == 0


# ---- RUN_DIR ----

def check_no_lock(server):
    answer = ask(server)
    assert (answer.status, answer.body) == (500, b"Internal Server Error\n")
    assert server.settled_runs() == 0
    reasons = [e["reason"] for e in server.events("fault")]
    assert len(reasons) == 1 and "RUN_DIR" in reasons[0]


@pytest.mark.parametrize("lock", ["skip", "refuse", "wait"])
def test_missing_run_dir(start, lock):
    check_no_lock(start(RUN_DIR="/no/such/folder", COMMAND_LOCK=lock))


def test_run_dir_is_a_file(start, tmp_path):
    path = tmp_path / "file"
    path.touch()
    check_no_lock(start(RUN_DIR=str(path)))


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775])
def test_run_dir_that_others_write(start, mode):
    """Somebody else could put a lock of his own there."""
    server = start()
    os.chmod(server.run_dir, mode)
    check_no_lock(server)


def test_lock_is_a_link(start):
    server = start()
    (server.t / "target").write_text("")
    (server.run_dir / "lock").symlink_to(server.t / "target")
    check_no_lock(server)


@pytest.mark.skipif(not IS_ROOT, reason="only root can mount")
@pytest.mark.parametrize("options", ["ro", "nr_inodes=1"], ids=["read-only", "full"])
def test_run_dir_that_takes_no_lock(start, options):
    check_no_lock(start(before=lambda s: f"mount -t tmpfs -o mode=755,{options} tmpfs {s.run_dir}"))


@pytest.mark.skipif(not IS_ROOT, reason="only root can mount")
def test_run_dir_without_space(start):
    """A lock takes no space, so it works on a full disk."""
    server = start(before=lambda s: f"mount -t tmpfs -o mode=755,size=4k tmpfs {s.run_dir}; head -c 9999 /dev/zero >{s.run_dir}/full || :")
    assert [ask(server).status, ask(server).status] == [200, 200]


def test_no_run_dir_needed_without_lock(start):
    assert ask(start(RUN_DIR="/no/such/folder", COMMAND_LOCK="off")).status == 200
