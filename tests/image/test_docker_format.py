"""--format: byte for byte what the newest real client prints, and where it refuses, too."""
import json
import re
import subprocess

import newest_client
import pytest
from docker_harness import NEWEST, OURS, Docker, of_one_second, outcome
from engine import SMALL
from harness import wait_for
from replay import answer

NEW_ROWS = newest_client.version(NEWEST)[0] >= 28  # has {{.Platform}}, and labels in order


@pytest.fixture(scope="module")
def real(engine):
    return Docker(NEWEST, engine)


@pytest.fixture(scope="module")
def ours(engine):
    return Docker(OURS, engine)


@pytest.fixture(scope="module")
def things(engine):
    """Containers with all that a format can show."""
    labels = ["--label", "z=1", "--label", "a=b", "--label", "com.docker.compose.project=<p>&q", "--label", "u=é漢\U0001f600"]
    made = [engine.run(options=["--name", "rich", *labels, "-v", "/data", "--network", "none", "-e", "A=b c"]),
            engine.docker("create", "--name", "dead", SMALL, "sh", "-c", "echo 'é漢漢漢漢漢漢漢漢漢漢漢'; exit 3").stdout.strip()]
    engine.docker("start", "--attach", "dead", check=False)
    yield
    engine.remove(*made)


def check(real, ours, arguments):
    got, wanted = of_one_second(ours, real, ours(*arguments), real(*arguments), *arguments)
    assert outcome(got) == outcome(wanted), arguments


FIELDS = ["ID", "Image", "Command", "CreatedAt", "RunningFor", "Ports", "State", "Status", "Size", "Names", "Labels", "Mounts", "Networks", "LocalVolumes"]


@pytest.mark.parametrize("field", FIELDS)
def test_fields_of_ps(real, ours, things, field):
    if field == "Labels" and not NEW_ROWS:
        pytest.skip("this client has them in any order")
    for text in ("{{.%s}}", "table {{.%s}}", "{{json .%s}}", "table {{.ID}}\t{{.%s}}\t{{.Names}}"):
        check(real, ours, ["ps", "-a", "--format", text % field])
        check(real, ours, ["ps", "--no-trunc", "--format", text % field])


@pytest.mark.parametrize("arguments", [
    ["-s"], ["-as", "--no-trunc"], ["--format", "table"], ["--format", "{{.Names}} {{.Size}}"], ["--size=false", "--format", "{{.Size}}"],
    ["-q", "--format", "{{.Names}}"], ["-q", "--format", "table"], ["-aq", "--format", "raw"], ["--format", "table {{.Names}}\t{{.Size}}"],
    ["--format", "{{.Label \"a\"}}|{{.Label \"com.docker.compose.project\"}}|{{.Label \"no\"}}"], ["--format", "table {{.Label \"com.docker.compose.my-project_x\"}}\t{{.Names}}"],
    ["--format", "table {{upper .Names}}\t{{lower .State}}"], ["--format", r"x\t{{.ID}}\n"], ["--format", " {{.ID}}  "], ["--format", "{{.Names}}: {{.Status}}\n"],
    ["--format", "{{upper .Names}} {{title .State}} {{truncate .ID 4}} {{pad .State 2 3}}| {{slice .ID 0 5}} {{len .ID}} {{println .ID \"x\"}}{{printf \"%-10s|%5s|\" .Names .State}}"],
    ["--format", '{{if eq .State "running"}}UP{{else}}DOWN {{.Names}}{{end}}'], ["--format", '{{range split .Names "e"}}<{{.}}>{{end}}'], ["--format", "{{with .Names}}{{.}}{{end}} "],
    ["--format", "{{- .Names -}} x"], ["--format", "{{/* c */}}{{.Names}}{{$x := .ID}}{{$x}}"], ["--format", '{{upper (.Label "u")}}|{{lower "ÉÀ"}}|{{title "é b"}}'],
    ["--format", '{{join (split .Names "a") "+"}} {{printf "%q" .Names}}'], ["--format", "{{.Foo}}"], ["--format", "table {{.Foo}}"], ["-f", "name=nosuch", "--format", "{{.Foo}}"],
], ids=str)
def test_ps(real, ours, things, arguments):
    check(real, ours, ["ps", "-a", *arguments])


@pytest.mark.parametrize("arguments", [["--format", "json"], ["--format", "{{json .}}"], ["--format", "raw"], ["-s", "--format", "raw"], ["--no-trunc", "--format", "json"]], ids=str)
def test_whole_rows(real, ours, things, arguments):
    if not NEW_ROWS:
        pytest.skip("this client has other rows")
    check(real, ours, ["ps", "-a", *arguments])


@pytest.mark.parametrize("text", ["{{.Names}", "{{foo}}", "{{range .Names}}", "{{template \"x\"}}", "{{html .ID}}"])
def test_no_template(ours, things, text):
    """One line of a reason, and the exit code for it."""
    for command in (["ps"], ["version"], ["info"], ["inspect", "rich"], ["service", "ls"]):
        done = ours(*command, "--format", text)
        assert (done.returncode, done.stdout) == (64, b"") and re.fullmatch(rb"[^\n]*template: \w*:1: [^\n]+\n", done.stderr)


@pytest.mark.parametrize("text", [
    "{{.Server.APIVersion}}", "{{.Client.APIVersion}} {{.Client.Os}}/{{.Client.Arch}} {{.Client.Context}}", "{{range .Server.Components}}{{.Name}}={{.Version}} {{end}}",
    "{{.Server.MinAPIVersion}} {{.Server.Os}} {{.Server.Arch}} {{.Server.KernelVersion}} {{.Server.BuildTime}} {{.Server.Experimental}} {{.Server.GoVersion}} {{.Server.Platform.Name}}",
    "{{json .Server}}", "{{.Foo}}", "{{.Server.Version}}\t{{.Server.Os}}", "{{if .Server}}yes{{end}}",
])
def test_version(real, ours, text):
    check(real, ours, ["version", "-f", text])


def test_version_without_an_engine(real, ours):
    """What the client knows of itself it tells."""
    for text in ("{{.Client.Context}}", "{{.Client.Os}}"):
        check(real, ours, ["-H", "unix:///nosuch", "version", "-f", text])
    done = ours("-H", "unix:///nosuch", "version", "--format", "json")
    assert done.returncode == 1 and json.loads(done.stdout)["Server"] is None


UNLIKE = ("RegistryConfig", "ContainerdCommit", "RuncCommit", "InitCommit")  # the real one drops what its year does not know


@pytest.mark.parametrize("command", ["version", "info"])
def test_whole_as_json(real, ours, command):
    """The engine's part is the same."""
    wanted, got = (json.loads(client(command, "--format", "json").stdout) for client in (real, ours))
    for key in ("Client", "ClientInfo"):
        assert set(got.pop(key, {})) <= set(wanted.pop(key, {})) | {"GitCommit"}
    wanted, got = ({k: v for k, v in found.items() if k not in ("SystemTime", "NFd", "NGoroutines", "ContainersRunning") + UNLIKE} for found in (wanted, got))
    assert {k: v for k, v in got.items() if k in wanted} == {k: v for k, v in wanted.items() if k in got} and not any(wanted[k] for k in set(wanted) - set(got))


@pytest.mark.parametrize("text", [
    "{{json .Swarm}}", "{{.ServerVersion}} {{.ID}} {{.NCPU}} {{.MemTotal}} {{.OSType}}", "{{.ClientInfo.Context}} {{.ClientInfo.Debug}}", "{{range .SecurityOptions}}{{println .}}{{end}}",
    "{{.DriverStatus}} {{.Plugins.Volume}} {{.Labels}} {{.Warnings}}", "{{.Foo}}", "{{.HTTPProxy}}|{{.CPUCfsPeriod}}|{{.OomKillDisable}}", '{{join .Plugins.Log ","}}', "{{len .Plugins.Log}}",
])
def test_info(real, ours, text):
    check(real, ours, ["info", "-f", text])


@pytest.mark.parametrize("arguments", [
    ["json", "rich"], ["json", "rich", "dead"], ["json", "nosuch"], ["json", SMALL],
    *([text, "rich"] for text in [
        "{{range .NetworkSettings.Networks}}{{.IPAddress}}|{{.NetworkID}}{{end}}", "{{range $k,$v := .NetworkSettings.Networks}}{{$k}}={{$v.MacAddress}} {{end}}", "{{.State.Health}}",
        "{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}", "{{.State.Health.Status}}", '{{and .State.Health (eq .State.Health.Status "healthy")}}',
        "{{.Config.Entrypoint}} {{.Config.Cmd}} {{.Config.Env}} {{.Config.Volumes}} {{.Config.ExposedPorts}} {{.Config.OnBuild}} {{.Config.Healthcheck}} {{.Config.StopSignal}}|",
        "{{.HostConfig.Binds}} {{.HostConfig.CapAdd}} {{.HostConfig.PidsLimit}} {{.HostConfig.NanoCPUs}} {{.HostConfig.CPUShares}} {{.HostConfig.OomKillDisable}} {{.HostConfig.ShmSize}}",
        "{{.HostConfig.DNS}} {{.HostConfig.PortBindings}} {{.HostConfig.Devices}} {{.HostConfig.LogConfig.Config}} {{.HostConfig.RestartPolicy.Name}}",
        "{{json .Config.Labels}} {{json .HostConfig.CapAdd}} {{json .State.Health}} {{json .Config.Cmd}}", '{{index .Config.Labels "nosuch"}}|{{index .Config.Labels "a"}}',
        "{{range .Mounts}}{{.Destination}}:{{.RW}} {{end}}", "{{range $i, $e := .Config.Env}}{{if $i}},{{end}}{{$e}}{{end}}", "{{.NetworkSettings.Ports}} {{.ExecIDs}} {{.SizeRw}}",
        "{{with .State}}{{.Status}} {{$.Name}}{{end}}", '{{.State.Status | upper | printf "%q"}}', "{{.GraphDriver.Name}} {{.Driver}} {{.Platform}} {{.AppArmorProfile}}|",
        "{{.State.StartedAt}} {{.Created}} {{.RestartCount}}", "{{json .HostConfig.LogConfig}}", "{{json .Config.Labels}}",
    ]),
    *([text, "dead"] for text in [
        "{{index .Config.Cmd 0}}", "{{index .Config.Cmd 9}}", '{{join .Config.Cmd " "}} {{join .Config.Entrypoint ","}}|', "{{len .Config.Cmd}} {{len .Mounts}}",
        "{{eq .State.ExitCode 3}} {{gt .State.ExitCode 2}} {{and .State.Running .State.Pid}} {{or .State.Running \"x\"}} {{not .State.Running}} {{ne .Name \"x\"}} {{lt .State.Pid 0}}",
        "{{.Foo.Bar.Baz}}", "{{.State.Foo.Baz}}", "{{.State.Status.Foo}}", "line\n{{.State.Foo}}", "{{range .Mounts}}{{.}}{{else}}none{{end}}",
        '{{range .Config.Cmd}}{{if eq . "-c"}}{{continue}}{{end}}[{{.}}]{{end}}', '{{range .Config.Cmd}}{{if eq . "-c"}}{{break}}{{end}}[{{.}}]{{end}}',
        '{{printf "%5d|%-5d|%05d|%v|%t" .State.ExitCode .State.ExitCode .State.ExitCode .State.ExitCode .State.Running}}', '{{print .State.ExitCode .State.ExitCode "x" .Name}}',
        "{{end}}", "{{else}}", "{{nosuch .State}}", '{{"unterminated}}', "{{$x}}", "{{(.State.Status}}", '{{"a\\tb"}}{{`c\\n`}}{{1}}{{true}}', "{{.State.Status}}",
    ]),
], ids=str)
def test_inspect(real, ours, things, arguments):
    wanted, got = real("inspect", "-f", *arguments), ours("inspect", "-f", *arguments)
    if wanted.returncode == 64:  # no template: the reason may have other words
        assert (got.returncode, got.stdout) == (64, wanted.stdout) and got.stderr.startswith(b"template parsing error: template: :1: ")
    else:
        assert outcome(got) == outcome(wanted)


@pytest.fixture(scope="module")
def swarm(engine):
    with engine.swarm():
        engine.docker("service", "create", "--detach", "--quiet", "--no-resolve-image", "--network", "host", "--label", "a=b", "--name", "web", SMALL, "sleep", "infinity")
        wait_for(lambda: "1/1" in engine.docker("service", "ls").stdout, "it runs")
        yield


@pytest.mark.parametrize("arguments", [
    ["ls", "--format", "json"], ["ls", "--format", "raw"], ["ls", "-q", "--format", "raw"], ["ls", "--format", "{{.Foo}}"], ["ls", "--format", "table {{.ID}}\t{{upper .Name}}"],
    ["ls", "--format", "table"], ["ls", "--format", "{{json .Name}} {{.Mode}} {{.Replicas}} {{.Image}} {{.Ports}}"], ["ls", "--format", '{{.Label "x"}}'],
    ["ps", "--format", "json", "web"], ["ps", "--format", "raw", "web"], ["ps", "-q", "--format", "raw", "web"], ["ps", "--format", "table {{.Name}} {{.Node}}", "web"],
    ["ps", "--format", "{{.Name}} {{.CurrentState}} {{.Error}} {{.DesiredState}} {{.ID}} {{.Ports}}", "web"], ["ps", "--no-trunc", "--format", "json", "web"],
    ["inspect", "--format", "raw", "web"], ["inspect", "-f", "{{.Spec.Name}} {{.ID}} {{.Spec.Mode.Replicated.Replicas}} {{.UpdateStatus}} {{.Spec.Labels}} {{.Spec.TaskTemplate.ContainerSpec.Env}}", "web"],
], ids=str)
def test_services(real, ours, swarm, arguments):
    check(real, ours, ["service", *arguments])


# ---- what a hostile image, label or engine puts into it ----

BAD = "a\x1b[31m\u009b31m\x07\u200b\u202e\u00a0é\u00ad漢\U0001f600\x7f"
ROW = {"Id": "0123456789abcdef" * 4, "Names": ["/n" + BAD], "Image": "im" + BAD, "ImageID": "sha256:" + "ab" * 32, "Command": "c" + BAD, "Created": 1700000000, "Ports": [],
       "Labels": {"l" + BAD: "v" + BAD, "b": "<&>"}, "State": "st" + BAD, "Status": "Up" + BAD, "NetworkSettings": {"Networks": {"net" + BAD: {}}},
       "Mounts": [{"Type": "volume", "Name": "m" + BAD, "Driver": "local"}]}


@pytest.mark.parametrize("arguments", [["--format", "{{.Command}}"], ["--no-trunc", "--format", "{{.Command}}"], ["--format", "{{.Names}} {{.Status}}"], ["--format", "{{.Mounts}}"],
                                       ["--format", "{{json .Names}}"], *([["--format", "json"], ["--format", "raw"]] if NEW_ROWS else [])], ids=str)
def test_hostile_text_as_the_real_one_has_it(replay, arguments):  # noqa: F811
    """The command in Go's quotes, C1 and what turns the direction of writing included; by a format of the user's, which a script reads, the rest as it is."""
    server = replay({"GET /containers/json": [answer([ROW])]})
    env = {"DOCKER_HOST": f"unix://{server.path}", "DOCKER_CONFIG": "/nonexistent", "TZ": "UTC"}
    wanted = subprocess.run([NEWEST, "ps", *arguments], env=env, capture_output=True, timeout=60)
    got = server.run("ps", *arguments)
    assert (got.returncode, got.stdout) == (wanted.returncode, wanted.stdout)


def controls(text):
    return [c for c in text.decode() if (ord(c) < 0x20 and c not in "\n\t") or 0x7f <= ord(c) < 0xa0]


def test_no_control_characters_for_people(replay):  # noqa: F811
    """Nothing in a table, nor in a message, steers the terminal."""
    said = answer({"message": "oops" + BAD + "\n"}, "500 Oops")
    server = replay({"GET /containers/json": [answer([ROW])], "GET /containers/x/top": [answer({"Titles": ["PID" + BAD], "Processes": [["1" + BAD]]})],
                     "POST /containers/x/wait": [answer({"StatusCode": "\u009b31m"})], "": [said]})
    for arguments in (["ps"], ["ps", "-s", "--no-trunc"], ["ps", "--format", "table {{.Names}}\t{{.Labels}}"], ["top", "x"], ["inspect", "x"], ["stop", "x"], ["version"], ["info"], ["wait", "x"],
                      ["exec", "x\u009b", "y"]):
        done = server.run(*arguments)
        assert not controls(done.stdout) and not controls(done.stderr), arguments
        assert done.stdout + done.stderr
    assert rb"\x1b[31m\u009b31m" in server.run("ps").stdout
