"""The version of the engine's API: asked for once, or given, and in every path; and the place of the engine, with a path of its own."""
import re
import subprocess

import pytest
from docker_harness import OURS, REAL, Docker
from harness import SANITIZERS, SYSTEM_PATH, free_port, wait_for
from replay import answer

LIST = {"GET /containers/json": [answer([])]}


def ping(version, status="200 OK", body=b""):
    fields = [f"Api-Version: {version}"] if version else []
    return answer(body, status, *fields)


def outcome_of(server, program, env):
    """The paths asked for; the real client pings even where it has no use for the answer."""
    del server.lines[:]
    done = subprocess.run([program, "ps", "-q"], env={"PATH": SYSTEM_PATH, "DOCKER_CONFIG": "/nonexistent", "DOCKER_HOST": f"unix://{server.path}", **SANITIZERS, **env},
                          capture_output=True, timeout=60)
    return done, [line for line in server.lines if "_ping" not in line]


@pytest.mark.parametrize("version, asked", [("1.41", "1.41"), ("1.24", "1.24"), ("1.99", "1.51"), ("2.0", "1.51"), (None, "1.24"), ("1.41/../..", "1.24"), ("foo", "1.24")])
def test_the_lower_version(replay, version, asked):  # noqa: F811
    server = replay(LIST, {"HEAD": ping(version)})
    done, lines = outcome_of(server, OURS, {})
    assert (done.returncode, lines) == (0, [f"GET /v{asked}/containers/json HTTP/1.1"])


@pytest.mark.parametrize("program", REAL)
def test_as_the_real_one(replay, program):  # noqa: F811
    """Up to what each knows."""
    for pings, env in [({"HEAD": ping("1.40")}, {}), ({"HEAD": ping(None)}, {}), ({"HEAD": ping(None, "405 No"), "GET": ping("1.39")}, {}), ({}, {"DOCKER_API_VERSION": "1.30"}),
                       ({}, {"DOCKER_API_VERSION": "v1.30"}), ({}, {"DOCKER_API_VERSION": "1.99"}), ({}, {"DOCKER_API_VERSION": ""})]:
        server = replay(LIST, pings)
        wanted, got = outcome_of(server, program, env), outcome_of(server, OURS, env)
        assert got[1] == wanted[1] and got[0].returncode == wanted[0].returncode == 0


def test_an_engine_that_is_gone_after_a_ping(replay):  # noqa: F811
    """Whether it has told its version, or the ping is to be tried the other way."""
    for status in ("200 OK", "405 No"):
        def leave(connection):
            server.path.unlink(missing_ok=True)
            connection.sendall(answer(b"", status, "Connection: close"))  # noqa: B023

        server = replay(LIST, {"HEAD": leave})
        for arguments in (["ps"], ["exec", "-e", "A=b", "c", "x"]):  # the second finds no engine from the beginning
            done = server.run(*arguments)
            assert (done.returncode, server.requests) == (1, []) and done.stderr.startswith(b"Cannot connect to the Docker daemon at unix://")
        assert server.lines == ["HEAD /_ping HTTP/1.1"]


def test_no_ping_where_the_version_is_given(replay):  # noqa: F811
    server = replay(LIST)
    server.run("ps", "-q")
    assert server.lines[0] == "HEAD /_ping HTTP/1.1"
    outcome_of(server, OURS, {"DOCKER_API_VERSION": "1.40"})
    assert server.lines == ["GET /v1.40/containers/json HTTP/1.1"]


@pytest.mark.parametrize("value", ["foo", "1", "1.", ".1", "1.41/x", "1.41\r\nX: y", "../1.41", "1.41 ", "-1.41", "v"])
def test_no_version(replay, value):  # noqa: F811
    server = replay(LIST)
    done, lines = outcome_of(server, OURS, {"DOCKER_API_VERSION": value})
    assert (done.returncode, lines) == (1, []) and done.stderr.startswith(b"docker: DOCKER_API_VERSION ")


@pytest.mark.parametrize("pings, asked", [
    ({"HEAD": answer(b"", "403 Forbidden"), "GET": answer(b"no", "403 Forbidden")}, "1.51"), ({"HEAD": answer(b"", "500 Oops")}, "1.51"),
    ({"HEAD": answer(b"", "404 Not Found"), "GET": ping("1.42", body=b"OK")}, "1.42"), ({"HEAD": ping("1.42", "404 Not Found")}, "1.42"),
    ({"HEAD": b"SSH-2.0-x\r\n"}, "1.51"),
], ids=str)
def test_a_ping_that_is_refused(replay, pings, asked):  # noqa: F811
    """A proxy may let everything through but that."""
    server = replay(LIST, pings)
    done, lines = outcome_of(server, OURS, {})
    assert (done.returncode, lines) == (0, [f"GET /v{asked}/containers/json HTTP/1.1"])


def test_an_engine_that_is_too_old(replay):  # noqa: F811
    server = replay(LIST, {"HEAD": ping("1.23")})
    done, lines = outcome_of(server, OURS, {})
    assert (done.returncode, lines, done.stderr) == (1, [], b"docker: the engine's API is of version 1.23, and this client needs 1.24 or later\n")


def test_an_engine_that_is_too_new(replay):  # noqa: F811
    """It says so itself."""
    said = "client version 1.51 is too old. Minimum supported API version is 1.60, please upgrade your client to a newer version"
    server = replay({"GET": [answer({"message": said}, "400 Bad Request")]}, {"HEAD": ping("1.61")})
    done, _ = outcome_of(server, OURS, {})
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"Error response from daemon: " + said.encode() + b"\n")


@pytest.mark.parametrize("arguments, needed", [(["exec", "-w", "/", "c", "x"], "1.35"), (["exec", "-e", "A=b", "c", "x"], "1.25"), (["exec", "--env-file", "/dev/null", "c", "x"], "1.25"), (["logs", "--until", "1h", "c"], "1.35"),
                                               (["stop", "-s", "INT", "c"], "1.42"), (["restart", "--signal", "INT", "c"], "1.42")], ids=str)
def test_what_an_engine_does_not_know_yet(replay, arguments, needed):  # noqa: F811
    """It would pass over that in silence, and do something else."""
    server = replay({}, {"HEAD": ping("1.24")})
    done = server.run(*arguments)
    assert done.returncode == 1 and re.fullmatch(rb'"--[a-z-]+" requires API version %s, but the Docker daemon API version is 1.24\n' % needed.encode(), done.stderr)
    assert not server.requests


@pytest.mark.parametrize("path", ["/p/q", "/p//q/", "/p/./x/../q", "/p/%71?a=b"])
def test_a_path_of_its_own(replay, path):  # noqa: F811
    """tcp://HOST:PORT/PATH: a prefix of every request, as the real one has it."""
    server, port = replay(LIST), free_port()
    with subprocess.Popen(["tcpsvd", "-l", "localhost", "127.0.0.1", str(port), "nc", "-NU", str(server.path)]) as relay:
        try:
            env = {"PATH": SYSTEM_PATH, "DOCKER_CONFIG": "/nonexistent", "DOCKER_HOST": f"tcp://127.0.0.1:{port}{path}", **SANITIZERS}
            wait_for(lambda: subprocess.run([OURS, "ps", "-q"], env=env, capture_output=True).returncode == 0, "the relay")
            for program in [OURS, *REAL]:
                del server.lines[:]
                assert subprocess.run([program, "ps", "-q"], env=env, capture_output=True, timeout=60).returncode == 0
                assert (server.lines[0], server.lines[-1]) == ("HEAD /p/q/_ping HTTP/1.1", "GET /p/q/v1.41/containers/json HTTP/1.1")
        finally:
            relay.terminate()


@pytest.mark.parametrize("host, said", [
    ("tcp://nosuch.invalid:2375", rb'error during connect: HEAD "tcp://nosuch\.invalid:2375/_ping": lookup nosuch\.invalid: [^\n]+\n'),
    ("ssh://me@host", rb"docker: this client speaks no SSH to the engine[^\n]*\n"), ("https://host:1", rb"Failed to initialize: [^\n]* invalid bind address format: https://host:1\n"),
    ("tcp://host:99999", rb"Failed to initialize: [^\n]* invalid bind address format: tcp://host:99999\n"), ("tcp://127.0.0.1:1/x", rb"Cannot connect to the Docker daemon at tcp://127\.0\.0\.1:1/x\. [^\n]*\n"),
    ("unix:///nosuch", rb"Cannot connect to the Docker daemon at unix:///nosuch\. Is the docker daemon running\?\n"),
], ids=str)
def test_no_such_place(host, said):
    done = subprocess.run([OURS, "ps"], env={"PATH": SYSTEM_PATH, "DOCKER_HOST": host, **SANITIZERS}, capture_output=True, timeout=60)
    assert done.returncode == 1 and re.fullmatch(said, done.stderr)


@pytest.mark.parametrize("arguments, env", [(["ps"], {"DOCKER_TLS_VERIFY": "1"}), (["ps"], {"DOCKER_TLS": "1"}), (["--tls", "ps"], {}), (["--tlsverify", "ps"], {})], ids=str)
def test_no_tls(arguments, env):
    """Never in clear text where TLS was asked for."""
    done = subprocess.run([OURS, *arguments], env={"PATH": SYSTEM_PATH, **SANITIZERS, **env}, capture_output=True, timeout=60)
    assert done.returncode == 1 and done.stderr.count(b"\n") == 1 and b"TLS" in done.stderr


def test_a_port_that_is_for_tls(tmp_path):
    """As 2376 is."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key", "-out", "cert", "-subj", "/CN=x"], cwd=tmp_path,
                   check=True, capture_output=True)
    port = free_port()
    env = {"PATH": SYSTEM_PATH, "DOCKER_HOST": f"tcp://127.0.0.1:{port}", **SANITIZERS}
    with subprocess.Popen(["gnutls-serv", "--quiet", "--port", str(port), "--x509keyfile", "key", "--x509certfile", "cert"], cwd=tmp_path, stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for(lambda: b"Cannot connect" not in (run := subprocess.run([OURS, "ps"], env=env, capture_output=True, timeout=60)).stderr and run, "the server")
            done = subprocess.run([OURS, "ps"], env=env, capture_output=True, timeout=60)
            assert (done.returncode, done.stderr) == (1, b"docker: the engine at tcp://127.0.0.1:%d speaks TLS, and this client does not\n" % port)
        finally:
            server.terminate()


def test_one_connection(replay):  # noqa: F811
    """The ping goes over the connection of the request behind it."""
    seen = []
    server = replay({"GET /containers/json": [answer([])]})
    serve = server.serve
    server.serve = lambda connection: (seen.append(1), serve(connection))
    server.run("ps", "-q")
    assert len(server.lines) == 2 and len(seen) == 1


def test_real_engine(engine):
    """Its own version, or ours where that is lower."""
    client, server = Docker(OURS, engine)("version", "-f", "{{.Client.APIVersion}} {{.Server.APIVersion}}").stdout.split()
    assert int(client.split(b".")[1]) == min(51, int(server.split(b".")[1]))
