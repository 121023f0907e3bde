"""bastion docker and an engine that goes away, is another's, or is none: what it is told is not to be trusted."""
import json
import threading

import pytest
from docker_harness import CLIENTS, OURS, Docker, Terminal, outcome
from harness import SANITIZERS
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
FRAMES = frame(1, b"out\n") + frame(2, b"err\n") + frame(1, b"") + frame(1, b"x" * 70000 + b"\n")


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
    assert outcome(done) == (3, b"out\n" + b"x" * 70000 + b"\n", b"err\n")


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
    refusals = [answer({"message": "not there yet"}, "500 Internal Server Error")] * 2

    class Start(list):
        def __iter__(self):
            yield UPGRADED
            told.wait(30)
            yield b"out"
            yield None

    class Resize(list):
        def __iter__(self):
            if refusals:
                return iter([refusals.pop()])
            told.set()
            return iter([answer(b"")])

    server = replay({**script, "POST /exec/e1/start": Start(), "POST /exec/e1/resize": Resize()})
    terminal = Terminal([OURS, "exec", "-it", "c", "x"], {"DOCKER_HOST": f"unix://{server.path}", **SANITIZERS}, size=(12, 34))
    assert terminal.wait() == (3, b"out")
    assert [line for line, _ in server.requests if "resize" in line] == ["POST /exec/e1/resize?h=12&w=34"] * 3


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
