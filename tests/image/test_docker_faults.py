"""bastion docker and an engine that goes away, is another's, or is none: what it is told is not to be trusted."""
import fcntl
import json
import os
import re
import socket
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path

import pytest
from docker_harness import CLIENTS, OURS, Docker, Terminal, outcome
from harness import SANITIZERS, SYSTEM_PATH, wait_for
from replay import answer


def test_engine_goes_away_and_comes_back(engine):
    results = []
    for program in CLIENTS.values():
        docker = Docker(program, engine)
        name = engine.run(options=["--name", "left"])
        with docker.start("exec", "-i", "left", "sh", "-c", "echo ready; exec sleep 1000") as process, docker.start("logs", "-f", "left") as logs:
            assert process.stdout.readline() == b"ready\n"
            engine.kill()
            results.append((process.wait(30), process.stdout.read(), logs.wait(30)))
        gone = docker("exec", "left", "true")
        results[-1] += outcome(gone)
        engine.start()
        engine.docker("start", "left")
        results[-1] += outcome(docker("exec", "left", "echo", "back"))
        engine.remove(name)
    # What was executed may have ended before its engine did, which then tells a code.
    assert {code for code, *_ in results} <= {1, 255}
    assert results[0][1:] == results[1][1:]
    assert results[1][0] == 255 and b"Is the docker daemon running?" in results[1][5] and results[1][7] == b"back\n"


# ---- an engine of our own: each connection gets what the test says ----


def frame(stream, text):
    return bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text


UPGRADED = b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
PODMAN = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"
FRAMES = frame(1, b"out\n") + frame(2, b"err\n") + frame(1, b"") + frame(1, b"x" * 70000 + b"\n") + frame(1, b"y") * 100


def exec_script(start, inspect=None):
    return {"POST /containers/": [answer({"Id": "e1"}, "201 Created")], "POST /exec/e1/start": start,
            "GET /exec/e1/json": [inspect or answer({"Running": False, "ExitCode": 3})]}


@pytest.mark.parametrize("head", [UPGRADED, PODMAN, PODMAN.replace(b"1.1", b"1.0"), UPGRADED.replace(b" UPGRADED", b"")])
@pytest.mark.parametrize("step", [1, 3, 7, 8, 9, 1000, 10 ** 6])
def test_frames_split_anywhere(replay, head, step):
    stream = head + FRAMES
    cut = len(head) + 64 if step < 100 else len(stream)
    pieces = [stream[i:i + step] for i in range(0, cut, step)]
    pieces += [stream[len(b"".join(pieces)):], None]
    done = replay(exec_script(pieces)).run("exec", "c", "x")
    assert outcome(done) == (3, b"out\n" + b"x" * 70000 + b"\n" + b"y" * 100, b"err\n")


def test_round_trips(replay):
    """A ping for the version, then three requests, and what they ask for."""
    server = replay(exec_script([UPGRADED + FRAMES, None]))
    server.run("exec", "-u", "me", "-w", "/w", "-e", "A=b", "a/b c", "x", "y")
    assert server.lines == ["HEAD /_ping HTTP/1.1", "POST /v1.41/containers/a%2Fb%20c/exec HTTP/1.1", "POST /v1.41/exec/e1/start HTTP/1.1", "GET /v1.41/exec/e1/json HTTP/1.1"]
    assert [line for line, _ in server.requests] == ["POST /containers/a%2Fb%20c/exec", "POST /exec/e1/start", "GET /exec/e1/json"]
    config = json.loads(server.requests[0][1])
    assert (config["Cmd"], config["User"], config["WorkingDir"], config["Env"], config["AttachStdin"], config["Tty"]) == (["x", "y"], "me", "/w", ["A=b"], False, False)


def test_exit_code_comes_late(replay):
    """As with Podman: the output has ended, and the code is not there yet."""
    script = exec_script([UPGRADED + frame(1, b"out\n"), None])
    waiting = [answer({"Running": True, "ExitCode": 0})] * 5

    class Late(list):
        def __iter__(self):
            return iter([waiting.pop() if waiting else answer({"Running": False, "ExitCode": 4})])

    script["GET /exec/e1/json"] = Late()
    done = replay(script).run("exec", "c", "x")
    assert outcome(done) == (4, b"out\n", b"")


def test_size_before_the_command_is_there(replay):
    """The engine refuses it until then; it is asked again."""
    told, script = threading.Event(), exec_script(None)
    refusals = [answer({"message": "not there yet"}, "500 Internal Server Error"), None]
    without_its_body = [b"HTTP/1.1 500 Oops\r\nContent-Length: 9\r\n\r\n", lambda c: c.recv(1)]  # till the client closes, as it must

    class Start(list):
        def __iter__(self):
            yield UPGRADED
            told.wait(30)
            yield b"out"
            yield None

    class Resize(list):
        def __iter__(self):
            if without_its_body:
                return iter([without_its_body.pop(0), without_its_body.pop(0), None])
            if refusals:
                return iter([refusals.pop()])
            told.set()
            return iter([answer(b"")])

    server = replay({**script, "POST /exec/e1/start": Start(), "POST /exec/e1/resize": Resize()})
    terminal = Terminal([OURS, "exec", "-it", "c", "x"], {"DOCKER_HOST": f"unix://{server.path}", **SANITIZERS}, size=(12, 34))
    assert terminal.wait() == (3, b"out")
    assert [line for line, _ in server.requests if "resize" in line] == ["POST /exec/e1/resize?h=12&w=34"] * 4


def test_size_while_the_engine_can_not_be_reached(replay):
    """The stream goes on, and the engine is asked again; it is unreachable until the client has slept a few times."""
    script, told = exec_script(None), threading.Event()

    class Start(list):
        def __iter__(self):
            os.rename(server.path, f"{server.path}.away")
            yield UPGRADED
            before = sleeps(terminal.pid)
            wait_for(lambda: sleeps(terminal.pid) > before + 3, "it tries, and waits")
            os.rename(f"{server.path}.away", server.path)
            told.wait(30)
            yield b"out"
            yield None

    server = replay({**script, "POST /exec/e1/start": Start(), "POST /exec/e1/resize": [lambda _: told.set(), answer(b"")]})
    terminal = Terminal([OURS, "exec", "-it", "c", "x"], {"DOCKER_HOST": f"unix://{server.path}", **SANITIZERS}, size=(12, 34))
    assert terminal.wait() == (3, b"out") and told.is_set()


def sleeps(pid):
    """How often the process has gone to sleep (proc(5))."""
    return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.M)[1])


def test_no_size(replay):
    """A terminal that has none, as one of a script may, is passed over."""
    class Start(list):
        def __iter__(self):
            before = sleeps(terminal.pid)
            yield UPGRADED
            wait_for(lambda: sleeps(terminal.pid) > before, "it has read that, and waits")
            yield b"out"
            yield None

    server = replay(exec_script(Start()))
    terminal = Terminal([OURS, "exec", "-it", "c", "x"], {"DOCKER_HOST": f"unix://{server.path}", **SANITIZERS}, size=(0, 0))
    assert terminal.wait() == (3, b"out")
    assert not [line for line, _ in server.requests if "resize" in line]


def test_detach_keys_that_the_engine_takes(replay):
    """What is no sequence is passed over, as the real client does it: the usual one holds."""
    server = replay({**exec_script([UPGRADED, b"ready", lambda c: c.recv(1)]), "POST /exec/e1/resize": [answer(b"")]})
    terminal = Terminal([OURS, "exec", "-it", "--detach-keys", "nonsense", "c", "x"], {"DOCKER_HOST": f"unix://{server.path}", **SANITIZERS})
    terminal.read_until(b"ready")
    terminal.send(b"\x10\x11")
    assert terminal.wait() == (1, b"read escape sequence\r\n")


IN_THE_BACKGROUND = """
import os, sys
there, here = os.pipe()
if os.fork() == 0:
    if os.fork() == 0:  # in a process group of its own, which has nobody left to bring it to the foreground (setpgid(2))
        os.setpgid(0, 0)
        os.close(here)
        os.read(there, 1)  # until the one between has ended
        os.dup2(os.open(sys.argv[1], os.O_WRONLY), 2)
        os.execv(sys.argv[2], sys.argv[2:])
    os._exit(0)
os.wait()
os.close(here)
os.read(0, 1)
"""


def test_terminal_that_may_not_be_set(replay, tmp_path):
    """tcsetattr(3) fails for what stands in the background with nobody to bring it back."""
    server = replay(exec_script([UPGRADED, b"out", None]))
    os.mkfifo(tmp_path / "err")
    terminal = Terminal([sys.executable, "-c", IN_THE_BACKGROUND, str(tmp_path / "err"), OURS, "exec", "-it", "c", "x"], {"DOCKER_HOST": f"unix://{server.path}", **SANITIZERS})
    assert (tmp_path / "err").read_bytes() == b"unable to set IO streams as raw terminal: I/O error\n"
    terminal.send(b"\r")
    terminal.wait()


RAW = b"Content-Type: application/vnd.docker.raw-stream\r\n"
NO_UPGRADE = {"until it closes": PODMAN, "a length": b"HTTP/1.1 200 OK\r\n" + RAW + b"Content-Length: 12\r\n\r\n", "chunks": b"HTTP/1.1 200 OK\r\n" + RAW + b"Transfer-Encoding: chunked\r\n\r\n",
              "nothing": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "201": b"HTTP/1.1 201 Created\r\n\r\n"}


@pytest.mark.parametrize("head", NO_UPGRADE.values(), ids=NO_UPGRADE)
@pytest.mark.parametrize("options", [["-i"], ["-it"]], ids=str)
def test_no_upgrade_for_input(replay, head, options):
    """A proxy has dropped it, and goes on: input would never arrive, and what waits for it would never end."""
    hold = threading.Event()

    class Start(list):
        def __iter__(self):
            yield head
            hold.wait(60)
            yield None

    server = replay(exec_script(Start()))
    try:
        terminal = Terminal([OURS, "exec", *options, "c", "cat"], {"DOCKER_HOST": f"unix://{server.path}", **SANITIZERS})
        code, said = terminal.wait()
    finally:
        hold.set()
    assert (code, said.count(b"\n")) == (1, 1) and said.startswith(b"unable to upgrade to tcp, received %s (" % head.split()[1])


def test_no_upgrade_without_input(replay):
    """The output alone can come so."""
    pieces = [NO_UPGRADE["chunks"] + b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (frame(1, b"out\n"), frame(2, b"err\n"))) + b"0\r\n\r\n"]
    assert outcome(replay(exec_script(pieces)).run("exec", "c", "x")) == (3, b"out\n", b"err\n")


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_chunked_answers(replay):
    body = json.dumps({"Id": "abc", "State": {"Status": "running"}}).encode()
    pieces = [CHUNKED + b"".join(b"1\r\n%c\r\n" % c for c in body) + b"0\r\n\r\n"]
    done = replay({"GET /containers/c/json": pieces}).run("inspect", "-f", "{{.Id}} {{.State.Status}}", "c")
    assert outcome(done) == (0, b"abc running\n", b"")


@pytest.mark.parametrize("pieces", [
    [None], [b"", None], [b"HTTP/1.1 200", None], [b"SSH-2.0-x\r\n", None], [b"HTTP/2.0 200 OK\r\n\r\n", None], [b"HTTP/1.1 2x0 OK\r\n\r\n", None],
    [b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", None], [b"HTTP/1.1 200 OK\r\nX: " + b"y" * 40000 + b"\r\n\r\n", None],
    [b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}", None], [b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}", None],
    [CHUNKED + b"zz\r\n", None], [CHUNKED + b"5\r\n{}", None], [answer(b"{\"a\":"), None], [answer(b"[" * 100000), None], [answer(b""), None],
    [answer(b"\xff\xfe"), None], [answer(b'{"message":5}', "500 Oops"), None], [answer(b"oops", "500 Oops"), None], [answer(b"", "301 Moved", "Location: /"), None],
    [answer(b"null"), None], [answer(b"[]"), None], [answer(b'"x"'), None], [answer(b"1e999"), None], [answer(b'{"Id":5}'), None],
], ids=repr)
@pytest.mark.parametrize("arguments", [["exec", "c", "x"], ["ps"], ["inspect", "c"], ["logs", "c"], ["top", "c"], ["wait", "c"], ["version"], ["info"],
                                       ["service", "ls"], ["service", "ps", "s"], ["service", "logs", "s"], ["service", "update", "--force", "s"]], ids=" ".join)
def test_no_engine_at_all(replay, arguments, pieces):
    """Whatever comes, the client ends with a code of its own, and says so in a line where it can't go on."""
    done = replay({"": pieces}).run(*arguments)
    assert done.returncode in (0, 1) and len(done.stderr) < 10000 and b"anitizer" not in done.stderr
    assert done.returncode == 0 or done.stderr.strip()


@pytest.mark.parametrize("command", ["start", "stop", "restart", "kill", "pause", "unpause", "rm", "wait"])
def test_a_redirection_is_no_success(replay, command):
    """Dots and slashes in a name can make one; what was asked for has not happened."""
    done = replay({"": [answer(b"", "301 Moved Permanently", "Location: /")]}).run(command, "c")
    assert (done.returncode, done.stdout) == (1, b"") and done.stderr


@pytest.mark.parametrize("command", ["start", "stop"])
def test_already_so(replay, command):
    assert outcome(replay({"": [b"HTTP/1.1 304 Not Modified\r\n\r\n"]}).run(command, "c")) == (0, b"c\n", b"")


HOSTILE = [
    # What is no list of containers, services or tasks of this world.
    b'[-1,null,"x",[],{"Names":["","/"],"Created":1e400,"ImageManifestDescriptor":{"platform":{"os":5}}}]', b'[{"Names":["","/a/b","/"],"Labels":-3,"Mounts":[-1],"Ports":[{"PrivatePort":-1}]}]',
    b'[{"Spec":{"Name":"a","Mode":{"ReplicatedJob":{"TotalCompletions":-1}}}},{"Spec":{"Name":5}},7,{"Spec":{"Name":"a"}}]', b'[{"ID":-1,"Slot":-1,"Status":{"Timestamp":5,"Err":7}}]',
    b'{"Client":5,"Components":[-1,{"Name":"Engine","Details":{"BuildTime":"\\u0022,"}},{"Name":"Engine","Details":7}]}', b'{"Components":{}}', b'{}', b'[{}]', b'-1',
]


@pytest.mark.parametrize("body", HOSTILE, ids=repr)
@pytest.mark.parametrize("arguments", [["ps", "-as"], ["ps", "--format", "json"], ["service", "ls"], ["service", "ps", "s"], ["version"], ["version", "--format", "json"], ["info", "--format", "json"],
                                       ["inspect", "-f", "{{json .}}{{.}}", "c"]], ids=" ".join)
def test_answers_that_mean_nothing(replay, arguments, body):
    """What is printed is of the client's making: valid JSON where that was asked for."""
    done = replay({"GET /services/s": [answer({"ID": "s", "Spec": {"Name": "s"}})], "": [answer(body)]}).run(*arguments)
    assert done.returncode in (0, 1) and b"anitizer" not in done.stderr and (done.returncode == 0 or done.stderr.strip())
    for line in done.stdout.splitlines() if "json" in arguments else []:
        assert not line or json.loads(line)


def test_more_labels_than_there_is_room_for(replay):
    """It is said, where a row without them would be a lie."""
    labels = {f"label{i}": "x" * 1000 for i in range(1000)}
    server = replay({"GET /containers/json": [answer([{"Id": "a", "Names": ["/a"], "Labels": labels}])]})
    done = server.run("ps", "--format", "{{.Labels}}")
    assert (done.returncode, done.stdout) == (1, b"") and done.stderr.startswith(b"docker: one of them takes more than")
    labels = {k: v for k, v in labels.items() if k < "label3"}
    server = replay({"GET /containers/json": [answer([{"Id": "a", "Names": ["/a"], "Labels": labels}])]})
    assert server.run("ps", "--format", "{{.Labels}}").stdout.count(b",") == len(labels) - 1


@pytest.mark.parametrize("inspect", [{"Running": False}, {"Running": False, "ExitCode": None}, {"Running": False, "ExitCode": -1},
                                     {"Running": False, "ExitCode": "0"}, {"Running": False, "ExitCode": 0.5}, []], ids=repr)
def test_no_exit_code(replay, inspect):
    """Nobody takes that for a success."""
    done = replay(exec_script([UPGRADED + frame(1, b"out\n"), None], answer(inspect))).run("exec", "c", "x")
    assert outcome(done) == (255, b"out\n", b"docker: the engine does not say how the command ended\n")


def test_an_upgrade_that_nobody_asked_for(replay):
    done = replay({"": [UPGRADED + b"[]", None]}).run("ps")
    assert (done.returncode, done.stdout) == (1, b"") and done.stderr.endswith(b": Protocol error\n")


@pytest.mark.parametrize("stream", [frame(9, b"x"), frame(3, b"engine trouble"), b"\1\0\0\0\xff\xff\xff\xffx", b"\1\0\0", frame(0, b"in\n")], ids=repr)
def test_faulty_frames(replay, stream):
    done = replay(exec_script([UPGRADED + stream, None])).run("exec", "c", "x")
    wanted = {frame(9, b"x"): (1, b"", b"Unrecognized input header: 9\n"), frame(3, b"engine trouble"): (1, b"", b"error from daemon in stream: engine trouble\n"),
              b"\1\0\0\0\xff\xff\xff\xffx": (3, b"x", b""), b"\1\0\0": (3, b"", b""), frame(0, b"in\n"): (3, b"in\n", b"")}
    assert outcome(done) == wanted[stream]


# ---- input that nobody reads ----


def test_engine_stops_reading(replay):
    """Input has nowhere to go then, and the output goes on."""
    taken = threading.Event()
    server = replay(exec_script([lambda c: c.shutdown(socket.SHUT_RD), UPGRADED, lambda _: taken.wait(30), frame(1, b"out\n"), None]))
    there, here = os.pipe()
    with open(there, "rb") as there, open(here, "wb") as here:
        process = subprocess.Popen([OURS, "exec", "-i", "c", "x"], env={"DOCKER_HOST": f"unix://{server.path}", **SANITIZERS}, stdin=there, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        here.write(b"in\n")
        here.flush()
        wait_for(lambda: struct.unpack("i", fcntl.ioctl(there, termios.FIONREAD, bytes(4)))[0] == 0, "it has read that")
        taken.set()
        assert process.communicate(timeout=60) == (b"out\n", b"") and process.returncode == 3


# ---- how a command has ended ----


@pytest.mark.parametrize("said, wanted", [(answer({"message": "no such exec"}, "404 Not Found"), (1, b"Error: No such exec instance: e1\n")),
                                          (answer(b"{"), (1, b"docker: the engine's answer is cut, too long, or no JSON\n"))], ids=repr)
def test_no_word_of_the_end(replay, said, wanted):
    done = replay(exec_script([UPGRADED + frame(1, b"out\n"), None], said)).run("exec", "c", "x")
    assert outcome(done) == (wanted[0], b"out\n", wanted[1])


def test_command_that_never_ends(replay):
    """Its output has ended, and after a while that is taken for its end, as the real client takes it."""
    done = replay(exec_script([UPGRADED + frame(1, b"out\n"), None], answer({"Running": True, "ExitCode": 0}))).run("exec", "c", "x")
    assert outcome(done) == (0, b"out\n", b"")


# ---- one line for whatever keeps it from going on ----

SERVICE = {"ID": "s", "Version": {"Index": 7}, "Spec": {"Name": "s", "Mode": {"Replicated": {"Replicas": 1}}, "TaskTemplate": {"ContainerSpec": {"Image": "x:1"}}}}
OOPS = answer({"message": "oops"}, "500 Oops")
TOO_LONG = "x" * 9000


@pytest.mark.parametrize("arguments, said", [
    (["ps", "--format", TOO_LONG], rb"docker: the format is too long\n"),
    (["ps", "-f", "name=" + TOO_LONG], rb"docker: the filters are too long\n"),
    (["service", "ls", "-f", "name=" + TOO_LONG], rb"docker: the filters are too long\n"),
    (["service", "ps", "-f", "name=" + TOO_LONG, "s"], rb"docker: the filters are too long\n"),
    (["logs", "--tail", TOO_LONG, "c"], rb"docker: the options are too long\n"),
    (["kill", "-s", TOO_LONG, "c"], rb"Error response from daemon: Invalid signal: x{64}\.\.\.\n"),
    (["stop", "-s", TOO_LONG, "c"], rb"Error response from daemon: Invalid signal: x{64}\.\.\.\n"),
    (["exec", *["--env=A=b"] * 1025, "c", "x"], rb'invalid argument "A=b" for "-e, --env" flag: there are too many\nSee .*\n'),
    (["exec", "--env-file", "/", "c", "x"], rb"read /: Is a directory\n"),
    (["rm", "", "/", "/c/"], rb"Container name cannot be empty\nContainer name cannot be empty\n"),
    (["service", "update", "--force", "--image", TOO_LONG, "s"], rb"docker: the service's specification is too long\n"),
    (["service", "ps", "--format", "{{foo}}", "s"], rb'template parsing error: template: :1: function "foo" not defined\n'),
    (["service", "ps", "--format", "{{.Foo}}", "s"], rb"template parsing error: [^\n]* can't evaluate field Foo in type \*task\.taskContext\n"),
    (["-c", "other", "ps"], rb"docker: this client knows no contexts; [^\n]*\n"),
    (["--nosuch", "ps"], rb"unknown flag: --nosuch\nSee 'docker --help'\.\n"),
], ids=lambda v: repr(v)[:60])
def test_refused(replay, arguments, said):
    known = {"GET /services/s": [answer(SERVICE)], "GET /tasks?": [answer([{"ID": "t", "Slot": 1}])], "GET /containers/c": [answer({"Config": {}})], "DELETE /containers/c": [answer(b"", "204 No Content")]}
    done = replay({**known, "": [OOPS]}, {"HEAD": answer(b"", "200 OK", "Api-Version: 1.42")}).run(*arguments)
    assert done.returncode != 0 and re.fullmatch(said, done.stderr)


@pytest.mark.parametrize("content, said", [
    (b"A=b\n=" , rb"poorly formatted environment: no variable name on line '='\n"), (b"A=\xff\n", rb"docker: [^\n]*: a line is no UTF-8\n"),
    (b"A=" + b"x" * 270000, rb"docker: [^\n]*: a line is longer than 262144 bytes, or has a NUL\n"), (b"A=b\0c\nB=d\n", rb"docker: [^\n]*: a line is longer than 262144 bytes, or has a NUL\n"),
    ((b"A=" + b"x" * 250000 + b"\n") * 70, rb"docker: the request is too long\n"),
], ids=lambda v: repr(v)[:40])
def test_variables_that_can_not_be_sent(replay, tmp_path, content, said):
    """Nothing is run with some of them."""
    (tmp_path / "env").write_bytes(content)
    server = replay(exec_script([UPGRADED, None]))
    done = server.run("exec", "--env-file", str(tmp_path / "env"), "c", "x")
    assert (done.returncode, server.requests) == (1, []) and re.fullmatch(said, done.stderr)


@pytest.mark.parametrize("arguments", [["start", "c"], ["stop", "c"], ["rm", "c"], ["service", "ps", "s"], ["service", "update", "-d", "--image", "x", "s"], ["service", "update", "-d", "--force", "s"]], ids=" ".join)
def test_engine_that_hangs_up(replay, arguments):
    """On the request that would change something, or on the last one."""
    done = replay({"GET /services/s": [answer(SERVICE)], "GET /nodes": [answer([])], "": [None]}).run(*arguments)
    assert done.returncode == 1 and re.fullmatch(rb'error during connect: [A-Z]+ "[^\n]*": EOF\n', done.stderr)


@pytest.mark.parametrize("arguments", [["service", "ps", "s"], ["service", "update", "-d", "--force", "s"], ["service", "update", "--force", "s"], ["service", "logs", "s"]], ids=" ".join)
@pytest.mark.parametrize("where", ["GET /services/s", "GET /tasks?", "POST /services/s/update", "GET /services?", "GET /services/s/logs"])
def test_engine_that_refuses_a_step(replay, arguments, where):
    """Its words are passed on, and what was not asked for is not missed."""
    script = {"GET /services/s/logs": [CHUNKED + b"0\r\n\r\n"], "GET /services/s": [answer(SERVICE)], "GET /nodes": [answer([])], "GET /tasks?": [answer([])],
              "POST /services/s/update": [answer({})], "GET /services?": [answer([{**SERVICE, "UpdateStatus": {"State": "completed"}}])]}
    server = replay({where: [OOPS], **{k: v for k, v in script.items() if k != where}})
    done = server.run(*arguments)
    asked = any(line.startswith(where) for line, _ in server.requests)
    assert outcome(done)[::2] == ((1, b"Error response from daemon: oops\n") if asked else (0, b""))


@pytest.mark.parametrize("state, said", [("paused", "service update paused"), ("rollback_paused", "service rollback paused"), ("rollback_completed", "service rolled back")])
def test_update_that_fails(replay, state, said):
    server = replay({"GET /services/s": [answer(SERVICE)], "POST /services/s/update": [answer({})], "GET /tasks?": [answer([])],
                     "GET /services?": [answer([{**SERVICE, "ServiceStatus": {"DesiredTasks": 1}, "UpdateStatus": {"State": state, "Message": "because"}}])]})
    done = server.run("service", "update", "--force", "s")
    assert (done.returncode, done.stderr) == (1, f"{said}: because\n".encode())


def test_update_of_a_service_that_is_gone(replay):
    server = replay({"GET /services/s": [answer(SERVICE)], "POST /services/s/update": [answer({})], "GET /services?": [answer([])]})
    done = server.run("service", "update", "--force", "s")
    assert outcome(done) == (1, b"s\n", b"no such service: s\n")


def test_lines_of_a_service(replay):
    """One that is longer than a buffer comes whole, too; a stream that breaks off is no success."""
    details = b"com.docker.swarm.node.id=n1,com.docker.swarm.task.id=t1 "
    script = {"GET /services/s/logs": [PODMAN.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")], "GET /services/s": [answer(SERVICE)],
              "GET /nodes": [answer([{"ID": "n0", "Description": {"Hostname": "zero"}}, {"ID": "n1", "Description": {"Hostname": "one"}}])], "GET /tasks/t1": [answer({"Slot": 4})]}
    stream = frame(1, details + b"short\n") + frame(1, details + b"x" * 200000 + b"\n")
    script["GET /services/s/logs"] += [b"%x\r\n%s\r\n" % (len(stream), stream), None]
    done = replay(script).run("service", "logs", "s")
    assert outcome(done) == (1, b"s.4.t1@one    | short\ns.4.t1@one    | " + b"x" * 200000 + b"\n", b"unexpected EOF\n")


def test_date_that_is_none(replay):
    """Where the engine says when it was built there may be anything; the lines after it are there."""
    done = replay({"GET /version": [answer({"Version": "1", "BuildTime": "x" * 100, "Components": [{"Name": "Engine", "Version": "1"}, {"Name": "other", "Version": "2"}]})]}).run("version")
    assert done.returncode == 0 and b"  Built:            \n" in done.stdout and b"\n other:" in done.stdout and b"xx" not in done.stdout


# ---- standard streams, the socket, and what is too much ----


@pytest.mark.parametrize("script, said", [
    ("exec $0 ps >/dev/full", b"write /dev/stdout: No space left on device\n"), ("exec $0 --version >/dev/full", b""), ("exec $0 --help >/dev/full", b""), ("exec $0 ps --help >/dev/full", b""),
    ("mount -t tmpfs none /dev; exec $0 ps <&-", b"docker: standard input, output or error is closed, and /dev/null can't be opened\n"),
    ("exec setpriv --reuid 65534 --clear-groups $0 ps", b"permission denied while trying to connect to the Docker daemon socket at unix://%s: connect: permission denied\n"),
], ids=lambda v: repr(v)[:40])
def test_what_it_stands_on(replay, script, said):
    server = replay({"": [answer([])]})
    env = {"PATH": SYSTEM_PATH, "DOCKER_HOST": f"unix://{server.path}", **SANITIZERS}
    done = subprocess.run(["unshare", "-m", "sh", "-c", script, OURS], env=env, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, said.replace(b"%s", str(server.path).encode()))


BIG = {"Id": "c", "R": list(range(70)), "Big": "y" * 1000000}


@pytest.mark.parametrize("arguments", [["ps", "--format", "{{.Labels}}" * 170], ["ps", "--format", "table " + "{{.Labels}}" * 170], ["inspect", "-f", "{{range .R}}{{$.Big}}{{end}}", "c"],
                                       ["inspect", "-f", "{{$x := .Big}}{{range .R}}{{$x = print $x $x}}{{end}}{{len $x}}", "c"]], ids=lambda v: repr(v)[:40])
def test_more_than_there_is_room_for(replay, arguments):
    """Nothing of it is printed."""
    done = replay({"GET /containers/json": [answer([{"Id": "a", "Names": ["/a"], "Labels": {"l": "x" * 400000}}])], "GET /containers/c": [answer(BIG)]}).run(*arguments)
    assert (done.returncode, done.stdout.strip()) == (1, b"") and re.fullmatch(rb"[^\n]* there is too much to show\n", done.stderr)
