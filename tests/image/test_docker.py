"""bastion docker beside the real client: the same words, the same output, the same exit codes."""
import fcntl
import json
import re
import subprocess

import pytest
from docker_harness import CLIENTS, NEWEST, OURS, REAL, Docker, of_one_second, outcome, same_outcome
from engine import SMALL
from harness import wait_for


@pytest.fixture
def real(engine):
    return Docker(CLIENTS["real"], engine)


@pytest.fixture
def ours(engine):
    return Docker(OURS, engine)


# Where the newest client has other words, or another code, than those of the years before, which are ours.
OTHER_WORDS = [["exec", "", "true"], ["inspect", ""], ["inspect", "--type", "image", "idle"], ["inspect", "--type", "foo", "idle"], ["foo"],
               ["-H", "a", "-H", "b", "ps"], ["service", "update", "nosuch", "--force"]]


@pytest.fixture
def same(engine, ours):
    """Runs ours and each real one, and compares; ours."""
    def run(*arguments, **options):
        got = ours(*arguments, **options)
        for program in REAL:
            if program != NEWEST or [*arguments] not in OTHER_WORDS or NEWEST == CLIENTS["real"]:
                real = Docker(program, engine)
                got, wanted = of_one_second(ours, real, got, real(*arguments, **options), *arguments, **options)
                assert same_outcome(got, wanted), (program, arguments, outcome(got), outcome(wanted))
        return got
    return run


@pytest.fixture(scope="module")
def stopped(engine):
    name = engine.docker("create", "--name", "stopped", "--label", "a=b", SMALL, "sh", "-c", "echo out; echo err >&2; exit 3").stdout.strip()
    engine.docker("start", "--attach", "stopped", check=False)
    yield "stopped"
    engine.remove(name)


@pytest.mark.parametrize("arguments", [
    ["idle", "true"],
    ["idle", "false"],
    ["idle", "sh", "-c", "echo a; echo b >&2; exit 3"],
    ["idle", "sh", "-c", "kill -9 $$"],
    ["idle", "nosuch"],
    ["idle", "/etc"],
    ["idle", ""],
    ["idle", "echo", 'ü" \\ <>& \t\x01'],
    ["-t", "idle", "nosuch"],
    ["-t", "idle", "sh", "-c", "tty; echo err >&2"],
    ["-t=false", "idle", "tty"],
    ["-i", "idle", "cat"],
    ["-it", "idle", "true"],
    ["-it", "nosuch", "true"],
    ["nosuch", "true"],
    ["", "true"],
    ["/idle", "true"],
    ["idle/", "true"],
    ["a/b", "true"],
    ["a?b", "true"],
    ["stopped", "true"],
    ["-u", "nobody", "idle", "id"],
    ["-u", "1234:5678", "idle", "id"],
    ["-unobody", "idle", "id"],
    ["--user=nobody", "idle", "id", "-un"],
    ["-u", "nosuch", "idle", "id"],
    ["-iu", "nobody", "idle", "id"],
    ["-w", "/tmp", "idle", "pwd"],
    ["--workdir", "/nosuch", "idle", "pwd"],
    ["-e", "A=b", "-e", "HOME", "-e", "NOSUCH", "--env=C=d e", "idle", "env"],
    ["-e", "PATH", "idle", "sh", "-c", "echo $PATH"],
    ["-e", "=x", "idle", "env"],
    ["--privileged", "idle", "grep", "CapEff", "/proc/self/status"],
    ["-d", "idle", "true"],
    ["-d", "idle", "nosuch"],
    ["--", "idle", "echo", "-n", "x"],
    ["idle", "--", "true"],
    ["--detach-keys=foo", "idle", "true"],
    ["--detach-keys", "ctrl-x,y", "idle", "true"],
    ["--tty=maybe", "idle", "true"],
    ["--foo", "idle", "true"],
    ["-x", "idle", "true"],
    ["-itx", "idle", "true"],
    ["-itu"],
    ["--user"],
    ["idle"],
    [],
], ids=str)
def test_exec(same, idle, stopped, arguments):
    same("exec", *arguments)


@pytest.mark.parametrize("lines", ["A=b\nC=d e \n", "# no\n\n  A=b\n\tC\n", "HOME\nNOSUCH\n", "\ufeffA=b", "A=b\r\nC=d\r\r\nE=f\r", "=x\n", "A B=c\n", "A=" + "x" * 60000], ids=repr)
def test_env_file(same, idle, tmp_path, lines):
    (tmp_path / "env").write_text(lines)
    same("exec", "--env-file", tmp_path / "env", "-e", "Z=z", "idle", "env")


def test_no_env_file(same, idle):
    same("exec", "--env-file", "/nosuch", "idle", "env")


def test_long_arguments(same, idle):
    done = same("exec", "idle", "sh", "-c", "printf %s $1 | sha256sum", "sh", "ü\"\\" * 30000)
    assert done.returncode == 0


@pytest.mark.parametrize("arguments", [
    ["ps"], ["ps", "-a"], ["ps", "-q"], ["ps", "-aq", "--no-trunc"], ["ps", "--no-trunc", "-a"], ["ps", "-n", "1"], ["ps", "-l"],
    ["ps", "-a", "-f", "name=idle", "-f", "name=stop", "--filter", "status=exited"], ["ps", "-f", "foo"], ["ps", "-f", "foo=bar"],
    ["ps", "--format", "{{.Names}} {{.Status}}"], ["ps", "-a", "--format", r"table {{.ID}}\t{{.Names}}\t{{.Command}}"],
    ["ps", "-a", "--format", "{{.Command}}|{{.CreatedAt}}|{{.RunningFor}}|{{.Image}}|{{.Labels}}|{{.Networks}}|{{.State}}|{{.Ports}}|{{.Mounts}}"],
    ["ps", "-qf", "name=nosuch"], ["ps", "--format", "{{json .Names}}"], ["ps", "extra"], ["container", "ls"], ["container", "ps", "-q"],
    ["logs", "nosuch"], ["start", "nosuch"], ["start", "nosuch", "other"], ["stop", "nosuch"], ["stop", "-t", "x", "idle"], ["restart", "nosuch"],
    ["kill", "nosuch", "stopped"], ["kill", "-s", "FOO", "idle"], ["pause", "nosuch", "stopped"], ["unpause", "idle"], ["rm", "nosuch", "idle"],
    ["rm", "-f", "nosuch"], ["wait", "nosuch"], ["wait", "stopped"], ["top", "nosuch"], ["top", "idle"], ["top", "idle", "-o", "pid,comm"],
    ["top", "stopped"], ["logs", "stopped"], ["logs", "-n", "1", "stopped"], ["logs", "--since", "1h", "stopped"],
    ["logs", "--since", "2020-01-02T03:04:05", "stopped"], ["logs", "--until", "2020-01-02", "stopped"], ["logs", "--since", "foo", "stopped"],
    ["logs", "--since", "1577836800.5", "stopped"], ["logs", "--tail=foo", "stopped"], ["logs", "-t", "stopped"], ["logs"], ["wait"],
    ["inspect", "nosuch"], ["inspect", "idle", "nosuch", "stopped"], ["inspect", "nosuch", "other"], ["inspect", SMALL], ["inspect", "none", "host"],
    ["inspect", "-s", "stopped"], ["inspect", "--type", "image", "idle"], ["inspect", "--type", "foo", "idle"], ["inspect"], ["inspect", ""],
    ["container", "inspect", "idle"], ["container", "inspect", SMALL],
    ["inspect", "-f", "{{.State.Status}}", "idle", "nosuch", "stopped"], ["inspect", "-f", "{{.State.ExitCode}} {{.Id}}", "stopped"], ["inspect", "-f", "{{.ID}} {{.Name}}", "stopped"],
    ["inspect", "-f", "{{json .State}}", "idle"], ["inspect", "-f", "{{.Config.Cmd}} {{.Config.Labels}}", "stopped"],
    ["inspect", "-f", '{{index .Config.Labels "a"}}', "stopped"], ["inspect", "-f", "{{.State.Nosuch}}", "idle"], ["inspect", "-f", "{{.State", "idle"],
    ["inspect", "-f", "{{.Foo.Bar}}", "idle"], ["inspect", "-f", "{{.Id}}", "nosuch"],
    ["version", "-f", "{{.Server.Version}}"], ["info", "-f", "{{.Driver}} {{.Swarm.LocalNodeState}}"], ["foo"], ["-H", "ftp://x", "ps"],
    ["-H", "tcp://127.0.0.1:1", "ps"], ["-H", "unix:///nosuch.sock", "exec", "idle", "true"], ["-H", "a", "-H", "b", "ps"], ["service", "ls"],
], ids=str)
def test_commands(same, idle, stopped, arguments):
    same(*arguments)


def test_whole_listings(real, ours, idle):
    """What both tell of the engine; of itself each client tells its own. The real one has the runtimes in any order."""
    def tell(client, command):
        text = client(command).stdout.decode().split("\nServer:", 1)[1]
        return re.sub("(?<= Runtimes: ).*", lambda found: " ".join(sorted(found[0].split())), text)

    for command in ("version", "info"):
        wanted, got = tell(real, command), tell(ours, command)
        lines = [line for line in wanted.splitlines() if line in got.splitlines()]
        assert got.splitlines() == lines and len(lines) > 15


def test_long_variable(same, engine, idle):
    """As long as Linux gives one to a program, of characters that JSON needs six bytes for."""
    value = "\x01" * (128 * 1024 - 3)
    done = same("exec", "-e", f"A={value}", "idle", "sh", "-c", 'printf %s "$A" | wc -c')
    assert done.stdout == b"%d\n" % len(value)
    same("exec", "-e", "B", "idle", "sh", "-c", 'printf %s "$B" | wc -c', env={"B": value})


@pytest.mark.parametrize("command, code", [("run", 125), ("compose", 1), ("build", 1), ("pull", 1), ("cp", 1), ("image", 1)])
def test_what_it_lacks(ours, command, code):
    """One line that says how to have it, and the plugins that it is made of."""
    done = ours(command, "-it", "--rm", "x")
    assert (b"/usr/local/libexec/docker/cli-plugins" in done.stderr) == (command in ("compose", "build"))
    assert (done.returncode, done.stdout) == (code, b"") and re.fullmatch(rb"docker: '%s' .* COPY --from=docker:cli .*\n" % command.encode(), done.stderr)


def test_no_tls(ours):
    done = ours("ps", env={"DOCKER_TLS_VERIFY": "1"})
    assert done.returncode == 1 and done.stderr.count(b"\n") == 1 and b"TLS" in done.stderr


def test_life_of_a_container(engine, same, real, ours):
    """The same changes by each of them, and each sees the other's."""
    for client in (real, ours):
        name = engine.run("sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done", options=["--name", "life"])
        state = lambda: engine.inspect(name, "{{.State.Status}} {{.State.ExitCode}}")
        steps, starts = [], [0]

        def ready():
            """Its trap is set."""
            starts[0] += 1
            wait_for(lambda: engine.docker("logs", name).stdout.count("ready") == starts[0], "it is ready")

        def step(*arguments):
            done = client(*arguments)
            if arguments[0] in ("start", "restart"):
                ready()
            steps.append((outcome(done), state() if arguments[0] not in ("kill", "rm") else None))

        ready()
        step("pause", "life")
        step("unpause", "life")
        step("restart", "-t", "5", "life")
        step("stop", "--timeout=5" if client is not real else "--time=5", "life")
        step("start", "life")
        step("kill", "-s", "TERM", "life")
        waited = client("wait", "life")
        step("start", "life")
        step("kill", "life")
        client("wait", "life")
        step("rm", "life")
        if client is real:
            wanted, wanted_wait = steps, outcome(waited)
    assert (steps, outcome(waited)) == (wanted, wanted_wait)
    assert steps[3] == ((0, b"life\n", b""), "exited 5") and waited.stdout == b"5\n"


@pytest.mark.parametrize("command", ["stop", "restart"])
def test_the_signal_to_stop_with(engine, same, ours, command):
    """From the API on that has it; an engine of before would send another one."""
    name = engine.run("sh", "-c", "trap 'echo got INT; exit 5' INT; echo ready; while :; do sleep 0.05; done", options=["--name", "signalled"])
    try:
        wait_for(lambda: "ready" in engine.docker("logs", name).stdout, "its trap is set")
        done = ours(command, "--signal", "INT", "--timeout", "9", name)
        if tuple(map(int, engine.docker("version", "-f", "{{.Server.APIVersion}}").stdout.split("."))) >= (1, 42):
            assert (done.returncode, done.stdout.split()) == (0, [name.encode()]) and "got INT" in engine.docker("logs", name).stdout
        else:
            assert done.returncode == 1 and done.stderr.startswith(b'"--signal" requires API version 1.42, but') and engine.inspect(name, "{{.RestartCount}} {{.State.Running}}") == "0 true"
        assert ours(command, "-t", "1", "--time", "2", name).stderr == b"conflicting options: cannot specify both --timeout and --time\n"
    finally:
        engine.remove(name)


def test_rm_force(engine, ours):
    name = engine.run(options=["-v", "/volume"])
    volume = engine.inspect(name, "{{(index .Mounts 0).Name}}")
    assert ours("rm", "-fv", name).stdout.decode().strip() == name
    assert volume not in engine.docker("volume", "ls", "-q").stdout


def test_reprints_what_the_engine_sent(ours, idle):
    found = ours("inspect", "idle").stdout
    assert json.dumps(json.loads(found), indent=4, ensure_ascii=False) + "\n" == found.decode().replace("\\u003c", "<").replace("\\u003e", ">")


def test_logs_follow(engine, ours, container):
    name = container("sh", "-c", "echo first; while [ ! -e /go ]; do sleep 0.05; done; echo second >&2; exit 4")
    with ours.start("logs", "-f", name) as process:
        assert process.stdout.readline() == b"first\n"
        engine.docker("exec", name, "touch", "/go")
        assert (process.stderr.readline(), process.stdout.read(), process.wait()) == (b"second\n", b"", 0)


def test_logs_of_a_terminal(same, engine, container):
    name = container("sh", "-c", "echo out; echo err >&2; sleep 1000", options=["-t"])
    wait_for(lambda: "err" in engine.docker("logs", name).stdout, "its output")
    assert same("logs", name).stdout == b"out\r\nerr\r\n"


def test_started_without_descriptors(engine, idle):
    """What the shell has closed gets no socket in its place."""
    done = subprocess.run(["sh", "-c", f"{OURS} exec -i idle sh -c 'cat; echo out; echo err >&2; exit 3' <&- >&- 2>&-; echo $?"],
                          env=Docker(OURS, engine).env, capture_output=True, timeout=60)
    assert done.stdout in (b"3\n", b"1\n") and done.stderr == b""


def test_inherited_descriptors_stay_open(engine, idle, tmp_path):
    """A lock that the command holds is its whole process tree's."""
    with open(tmp_path / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.Popen([OURS, "exec", "idle", "sh", "-c", "echo on; sleep 1000"], env=Docker(OURS, engine).env,
                                   stdout=subprocess.PIPE, pass_fds=[lock.fileno()])
    with process, open(tmp_path / "lock", "w") as other:
        try:
            assert process.stdout.readline() == b"on\n"
            with pytest.raises(BlockingIOError):
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            process.kill()


# ---- a Swarm ----

@pytest.fixture(scope="module")
def swarm(engine):
    with engine.swarm():
        serve_two(engine)
        yield


def serve_two(engine):
    common = ["service", "create", "--detach", "--quiet", "--no-resolve-image", "--network", "host", "--stop-grace-period", "100ms", "--name"]
    engine.docker(*common, "web", "--update-monitor", "100ms", SMALL, "sleep", "infinity")
    engine.docker(*common, "all", "--mode", "global", SMALL, "sh", "-c", "echo out; echo err >&2; exec sleep infinity")
    wait_for(lambda: engine.docker("service", "logs", "all").stdout and "1/1" in engine.docker("service", "ls", "-f", "name=web").stdout, "both")


@pytest.mark.parametrize("arguments", [
    ["ls"], ["ls", "-q"], ["ls", "-f", "name=web", "--format", "{{.Name}} {{.Replicas}} {{.Image}}"], ["ls", "--filter", "foo=bar"],
    ["ps", "web"], ["ps", "all"], ["ps", "-q", "web", "all"], ["ps", "--no-trunc", "web"], ["ps", "web", "nosuch"], ["ps", "nosuch"],
    ["ps", "-f", "desired-state=running", "web"], ["logs", "all"], ["logs", "-n", "1", "all"], ["logs", "-t", "all"], ["logs", "nosuch"],
    ["inspect", "web"], ["update", "nosuch", "--force"], ["update"], ["ps"],
], ids=str)
def test_service(same, swarm, arguments):
    same("service", *arguments)


def test_logs_of_a_task(same, engine, swarm):
    """By its id; the names of its service and node are there, too."""
    task = engine.docker("service", "ps", "-q", "--no-trunc", "all").stdout.strip()
    done = same("service", "logs", task)
    assert b"all." in done.stdout and b"| out\n" in done.stdout and b"| err\n" in done.stderr


def test_no_registrys_password(engine, swarm, ours):
    """It is said before anything changes."""
    before = engine.docker("service", "inspect", "-f", "{{.Version.Index}}", "web").stdout
    done = ours("service", "update", "--force", "--with-registry-auth", "web")
    assert done.returncode == 1 and re.fullmatch(rb"docker: --with-registry-auth: [^\n]+\n", done.stderr)
    assert engine.docker("service", "inspect", "-f", "{{.Version.Index}}", "web").stdout == before
    assert ours("service", "update", "--with-registry-auth=false", "-d", "web").returncode == 0


def test_service_update(engine, swarm, ours):
    def number():
        return int(engine.docker("service", "inspect", "-f", "{{.Spec.TaskTemplate.ForceUpdate}}", "web").stdout)

    def image():
        return engine.docker("service", "inspect", "-f", "{{.Spec.TaskTemplate.ContainerSpec.Image}}", "web").stdout.strip()

    before, spec = number(), engine.docker("service", "inspect", "-f", "{{json .Spec}}", "web").stdout
    done = ours("service", "update", "--force", "web")
    assert done.returncode == 0 and done.stdout.startswith(b"web\n") and done.stdout.endswith(b"verify: Service converged\n")
    assert number() == before + 1
    after = json.loads(engine.docker("service", "inspect", "-f", "{{json .Spec}}", "web").stdout)
    after["TaskTemplate"]["ForceUpdate"] = before
    assert after == json.loads(spec)  # and nothing else
    engine.docker("tag", SMALL, "target:other")
    done = ours("service", "update", "-q", "--image", "target:other", "--no-resolve-image", "web")
    assert (done.returncode, done.stdout, done.stderr, image()) == (0, b"web\n", b"", "target:other")
    assert ours("service", "update", "-d", "--no-resolve-image", "--image", "target:nosuch", "web").stdout == b"web\n"
    # Refused as "out of sequence" when the swarm writes down how that goes between the client's look and its change.
    wait_for(lambda: engine.docker("service", "update", "--rollback", "--quiet", "web", check=False).returncode == 0, "the image that is there")
