"""bastion cgi behind real web servers, and called as one would (bastion(8), DESCRIPTION): all that is in its environment is
the client's or the web server's, so nothing of it counts but the meta-variables of CGI."""
import hashlib
import json
import os
import subprocess

import pytest
from harness import (AUTH, BASTION, OWN_FOLDERS, SANITIZERS, SYSTEM_PATH, TOKEN, UNTIL_GO, Client, ask, basic, curl, private, request, settings_files, together)

pytestmark = pytest.mark.root

LIGHTTPD = """
server.modules = ("mod_cgi")
server.document-root = "{home}/www"
server.bind = "{host}"
server.port = {port}
server.stream-response-body = 2
cgi.assign = ("/cgi-bin/run" => "")
"""


def web(start, kind, accounts="", **settings):
    """A web server with bastion as /cgi-bin/run. Settings are files in /etc/bastion; those of the environment are decoys."""
    def before(server):
        (server.home / "www/cgi-bin").mkdir(parents=True)
        script = server.home / "www/cgi-bin/run"
        script.write_text(f"#!/bin/sh\nT={server.t} ASAN_OPTIONS=detect_leaks=0 exec {BASTION} cgi 2>>{server.log}\n")
        script.chmod(0o755)
        # The command gets none of this process's environment: it has no $T
        files = {"FORCE_COMMAND": "echo x >>$T/runs; echo ok", "HTTP_TOKEN": TOKEN, "SSH_USER": "nobody", **settings}
        files = {k: v.replace("$T", str(server.t)) for k, v in files.items() if v is not None}
        return OWN_FOLDERS + settings_files(files) + "\n" + accounts

    def argv(server):
        if kind == "lighttpd":
            (server.home / "conf").write_text(LIGHTTPD.format(home=server.home, host=server.host, port=server.port))
            return ["lighttpd", "-D", "-f", str(server.home / "conf")]
        return ["busybox", "httpd", "-f", "-p", f"{server.host}:{server.port}", "-h", str(server.home / "www")]

    server = start(argv=argv, before=before, FORCE_COMMAND="echo decoy", HTTP_TOKEN="decoy-token", SSH_USER="root", RUN_DIR="/nonsense")
    server.connections = lambda: server.processes(BASTION, "cgi")
    return server


@pytest.fixture(scope="module")
def lighttpd(start_once):
    return web(start_once, "lighttpd")


@pytest.fixture(scope="module")
def httpd(start_once):
    return web(start_once, "busybox")


# ---- lighttpd ----

@pytest.mark.parametrize("method", ["GET", "POST"])
def test_run(lighttpd, method):
    before = lighttpd.runs()
    answer = ask(lighttpd, method=method, body=b"x" * 1000 if method == "POST" else b"")
    assert (answer.status, answer.body, answer.code) == (200, b"ok\n", 0)
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("text/plain; charset=utf-8", "no-store")
    assert answer["X-Content-Type-Options"] == "nosniff" and answer["X-Bastion-Run"]
    assert lighttpd.settled_runs() == before + 1
    end = lighttpd.events("end", run=answer["X-Bastion-Run"])[0]
    assert (end["channel"], end["peer"], end["user"]) == ("cgi", "127.0.0.1", "token")


@pytest.mark.parametrize("fields, options, status", [
    ([], {"auth": None}, 401),
    ([], {"auth": "Authorization: Bearer wrong"}, 401),
    ([], {"auth": "Authorization: Bearer decoy-token"}, 401),
    ([], {"method": "PUT", "body": b"x"}, 405),
    ([], {"method": "DELETE"}, 405),
    ([], {"method": "HEAD"}, 405),
    (["Sec-Fetch-Site: cross-site"], {}, 403),
    (["Origin: http://evil.test"], {}, 403),
    (["Origin: http://bastion.test"], {}, 200),
    (["Sec-Purpose: prefetch"], {}, 403),
    (["Purpose: prefetch"], {}, 403),
    (["X-Purpose: preview"], {}, 403),
    (["X-Moz: prefetch"], {}, 403),
    (["Range: bytes=6-"], {}, 409),
    (["Referer: http://evil.test/"], {}, 403),
    (["Referer: http://bastion.test/x"], {}, 200),
    ([], {"target": "/cgi-bin/run/junk"}, 404),
    ([], {"target": "/cgi-bin/run/cgi-bin/run/x"}, 404),
    ([], {"target": "/cgi-bin/run/"}, 404),
    ([], {"target": "/cgi-bin/run?a=b"}, 200),
], ids=str)
def test_status(lighttpd, fields, options, status):
    before = lighttpd.runs()
    answer = ask(lighttpd, *fields, **options)
    assert answer.status == status
    assert (answer["WWW-Authenticate"] is not None) == (status == 401)
    assert (answer["Allow"] is not None) == (status == 405)
    assert lighttpd.settled_runs() == before + (status == 200)


DECOYS = ["Token: x", "Basic-Auth: user:x", "Force-Command: echo header", "Proxy: http://evil.test", "Stdin: body", "Hold-Ms: 0", "Token-File: /etc/hostname", "Port: 1"]


@pytest.mark.parametrize("kind", ["lighttpd", "busybox"])
def test_header_is_no_setting(start, kind):
    """`Token: x` is HTTP_TOKEN=x in the environment of a CGI program. All at once, since each 401 takes its second."""
    server = web(start, kind, COMMAND_LOCK="wait")
    asked = [(decoy, auth) for decoy in DECOYS for auth in ("Authorization: Bearer x", basic("user:x"), AUTH)]
    answers = together([lambda d=d, a=a: ask(server, d, auth=a) for d, a in asked])
    assert [(*x, a.status, a.body == b"ok\n") for x, a in zip(asked, answers)] == [(*x, 200 if x[1] == AUTH else 401, x[1] == AUTH) for x in asked]
    assert server.settled_runs() == len(DECOYS)


@pytest.mark.parametrize("kind", ["lighttpd", "httpd"])
def test_json(start, kind):
    """The answer as an object; a run that outlives its request there is none here, and no path to ask for it."""
    found = curl(web(start, kind, FORCE_COMMAND="echo said; exit 3"), "-w", "%{stderr}%{http_code}", "-H", "Accept: application/json", "-H", "Prefer: respond-async")
    said = json.loads(found.stdout)
    assert (found.stderr, said["state"], said["exit"], said["output"]) == (b"422", "ended", 3, "said\n")


def test_the_command_gets_nothing_of_it(start):
    """Neither a header nor a variable of the web server."""
    server = web(start, "lighttpd", FORCE_COMMAND="env; cat")
    body = ask(server, *DECOYS, "Marker: marker7531", target="/cgi-bin/run?marker7531", method="POST", body=b"marker7531").body.decode()
    names = {line.split("=")[0] for line in body.splitlines()}
    assert names <= {"PATH", "HOME", "USER", "LOGNAME", "PWD", "SHLVL", "_", "OLDPWD", "BASTION_RUN", "BASTION_CHANNEL", "BASTION_USER", "BASTION_PEER"}
    assert "marker7531" not in body and "BASTION_CHANNEL=cgi\n" in body and "HOME=/nonexistent\n" in body


def test_account_and_descriptors(start):
    server = web(start, "lighttpd", FORCE_COMMAND="id -un; id -G; ls -l /proc/$$/fd; :")
    lines = ask(server).body.decode().splitlines()
    assert lines[:2] == ["nobody", "65534"]
    assert sorted(int(line.split()[-3]) for line in lines if " -> " in line)[:3] == [0, 1, 2]
    assert sum(" -> " in line for line in lines) == 4


@pytest.mark.parametrize("command, status, code", [("exit 3", 422, 3), ("kill -KILL $$", 422, 137), ("no-such-program", 422, 127)])
def test_failure(start, command, status, code):
    answer = ask(web(start, "lighttpd", FORCE_COMMAND=command))
    assert (answer.status, answer.code) == (status, code)


def test_basic(start):
    server = web(start, "lighttpd", HTTP_BASIC_AUTH="user:pass:w\u00f6rd")
    assert ask(server, auth=basic("user:pass:w\u00f6rd")).body == b"ok\n"
    assert ask(server).status == 401


def test_streaming(start):
    server = web(start, "lighttpd", FORCE_COMMAND=f"echo first; {UNTIL_GO}; echo second", HTTP_HOLD_MS="50")
    with Client(server) as client:
        client.send(request())
        head = client.head()
        assert head.status == 200 and client.chunk() == b"first\n"
        server.go()
        assert client.read_body(head).body == b"second\n"


def test_lock(start):
    server = web(start, "lighttpd", FORCE_COMMAND=f"echo x >>$T/runs; {UNTIL_GO}", COMMAND_LOCK="refuse")
    with Client(server) as client:
        client.send(request())
        server.wait_event("start")
        answer = ask(server)
        assert (answer.status, answer["Retry-After"]) == (429, "5")
        server.go()
        assert client.answer().status == 200
    assert server.settled_runs() == 1


def test_input(start):
    server = web(start, "lighttpd", FORCE_COMMAND="sha256sum", HTTP_STDIN="body")

    content = bytes(range(256)) * 4000
    assert ask(server, method="POST", body=content).body.split()[0].decode() == hashlib.sha256(content).hexdigest()
    assert ask(server).body.split()[0].decode() == hashlib.sha256(b"").hexdigest()


def test_large_output(start):
    server = web(start, "lighttpd", FORCE_COMMAND="head -c 5000000 /dev/zero")
    found = curl(server)
    assert (found.returncode, found.stdout == bytes(5000000)) == (0, True)


@pytest.mark.parametrize("settings, name", [({"HTTP_TOKEN": None}, "HTTP_BASIC_AUTH, HTTP_TOKEN"), ({"FORCE_COMMAND": None}, "FORCE_COMMAND"), ({"COMMAND_LOCK": "maybe"}, "COMMAND_LOCK"),
                                            ({"SSH_USER": "root"}, "SSH_USER"), ({"RUN_DIR": "/no/such"}, "RUN_DIR")], ids=str)
def test_faults(start, settings, name):
    server = web(start, "lighttpd", **settings)
    for _ in range(2):
        answer = ask(server)
        assert (answer.status, answer.body) == (500, b"Internal Server Error\n")
    assert server.settled_runs() == 0
    faults = server.events("fault")
    assert len(faults) == 2 and all(f["reason"].startswith(name) and f["channel"] == "cgi" for f in faults)


# ---- busybox httpd ----

@pytest.mark.parametrize("fields, options, status", [
    ([], {}, 200),
    ([], {"method": "POST", "body": b"x=1"}, 200),
    ([], {"auth": None}, 401),
    ([], {"auth": "Authorization: Bearer wrong"}, 401),
    (["Sec-Fetch-Site: cross-site"], {}, 403),
    (["Origin: http://evil.test"], {}, 403),
    (["Referer: http://evil.test/"], {}, 403),
    ([], {"target": "/cgi-bin/run/junk"}, 404),
], ids=str)
def test_status_behind_busybox(httpd, fields, options, status):
    before = httpd.runs()
    answer = ask(httpd, *fields, **options)
    assert (answer.status, answer.body == b"ok\n") == (status, status == 200)
    assert (answer["WWW-Authenticate"] is not None) == (status == 401)
    assert httpd.settled_runs() == before + (status == 200)


def test_failure_behind_busybox(start):
    answer = ask(web(start, "busybox", FORCE_COMMAND="echo no; exit 3"))
    assert (answer.status, answer.code, answer.body) == (422, 3, b"no\n")


# ---- called by the test ----

def call_words(environment, files=None):
    files = {"FORCE_COMMAND": "echo ok; cat", "HTTP_TOKEN": TOKEN, "SSH_USER": "nobody", **(files or {})}
    env = {"PATH": SYSTEM_PATH, **SANITIZERS, "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "GET", "HTTP_HOST": "bastion.test", "REMOTE_ADDR": "192.0.2.1",
           "HTTP_AUTHORIZATION": AUTH.split(": ")[1], **environment}
    env = {k: v for k, v in env.items() if v is not None}
    return private(OWN_FOLDERS + settings_files(files), [BASTION, "cgi"]), env


def call(environment, files=None, stdin=b""):
    words, env = call_words(environment, files)
    return subprocess.run(words, env=env, input=stdin, capture_output=True, timeout=60)


@pytest.mark.parametrize("environment, status", [
    ({}, 200),
    ({"REQUEST_METHOD": None}, 405),
    ({"REQUEST_METHOD": ""}, 405),
    ({"PATH_INFO": ""}, 200),
    ({"PATH_INFO": "/x"}, 404),
    ({"PATH_INFO": "/cgi-bin/runs"}, 404),
    ({"HTTP_AUTHORIZATION": None}, 401),
    ({"HTTP_AUTHORIZATION": None, "HTTP_TOKEN": ""}, 401),
    ({"CONTENT_LENGTH": "5x"}, 400),
    ({"CONTENT_LENGTH": "-1"}, 400),
    ({"CONTENT_LENGTH": ""}, 200),
    ({"HTTP_HOST": None, "HTTP_ORIGIN": "http://bastion.test"}, 403),
    ({"HTTP_SEC_FETCH_SITE": "none"}, 200),
    ({"FORCE_COMMAND": "echo other", "HTTP_TOKEN": "x", "HTTP_HOLD_MS": "nonsense", "SSH_USER": "root", "RUN_DIR": "x", "HTTP_TOKEN_FILE": "/x", "AUDIT": "json"}, 200),
    ({"REMOTE_ADDR": "nonsense"}, 200),
], ids=str)
def test_meta_variables(environment, status):
    found = call(environment, stdin=b"never read")
    head, _, body = found.stdout.partition(b"\r\n\r\n")
    assert head.startswith(b"Status: %d " % status)
    if status == 200:
        assert body == b"ok\n"
        assert b' peer=' in found.stderr and b"event=start" in found.stderr
        assert (b"peer=192.0.2.1" in found.stderr) == (environment.get("REMOTE_ADDR") is None)


@pytest.mark.parametrize("environment, sent", [
    ({}, b""),
    ({"REQUEST_METHOD": "POST"}, b""),
    ({"REQUEST_METHOD": "POST"}, b"hello"),
    ({"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "10"}, b"hello"),
    ({"REQUEST_METHOD": "POST", "HTTP_TRANSFER_ENCODING": "chunked"}, b"hello"),
], ids=str)
def test_input_that_does_not_end(environment, sent):
    """A web server that keeps the pipe open gets the whole answer, and its end, all the same."""
    words, env = call_words(environment)
    ours, theirs = os.pipe()
    with open(theirs, "wb", buffering=0) as feed:
        feed.write(sent)
        with subprocess.Popen(words, env=env, stdin=ours, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            os.close(ours)
            assert process.stdout.read().endswith(b"\r\n\r\nok\n")
            feed.close()
            assert process.wait() == 0


def test_broken_stream_is_told_to_the_web_server():
    """There are no chunks here: the exit code is what a web server can see."""
    found = call({}, {"FORCE_COMMAND": "echo first; sleep 0.1; exit 3", "HTTP_HOLD_MS": "20"})
    assert found.returncode != 0 and found.stdout.endswith(b"\r\n\r\nfirst\n")


def test_empty_environment():
    found = subprocess.run(private(OWN_FOLDERS, ["env", "-i", BASTION, "cgi"]), env={"PATH": SYSTEM_PATH}, stdin=subprocess.DEVNULL, capture_output=True)
    assert found.stdout.startswith(b"Status: 500 ") or b"Sanitizer" in found.stderr


# ---- roles (bastion-settings(5), ROLES) ----

@pytest.mark.parametrize("kind", ["lighttpd", "busybox"])
def test_roles(start, kind):
    """The credential alone says which; what the client puts into this program's environment, path and query changes nothing."""
    digest = hashlib.sha256(b"of deploy").hexdigest()
    script = f"""
mkdir -p /etc/bastion/roles/deploy/tokens.d /etc/bastion/roles/plain
echo 'printf "%s %s %s" "$BASTION_ROLE" "$BASTION_USER" "$(id -u)"' >/etc/bastion/roles/deploy/FORCE_COMMAND
echo 5000:5001 >/etc/bastion/roles/deploy/RUN_AS; echo sha256:{digest} >/etc/bastion/roles/deploy/tokens.d/ci.token
echo secret-of-plain >/etc/bastion/roles/plain/HTTP_TOKEN
"""
    server = web(start, kind, script, FORCE_COMMAND='printf "outside:%s" "$BASTION_ROLE"')
    forged = ["BASTION_ROLE: plain", "Role: plain", "ROLES-DIR: /tmp"]

    def said(secret, target="/cgi-bin/run?role=plain"):
        answer = ask(server, *forged, auth=f"Authorization: Bearer {secret}", target=target)
        return answer.body if answer.status == 200 else answer.status

    assert [said(secret) for secret in ("of deploy", "secret-of-plain", TOKEN, "wrong")] == [b"deploy ci 5000", b"outside:plain", b"outside:", 401]
    server.settle()
    assert [(e.get("role"), e["user"], e["channel"]) for e in server.events("start")] == [("deploy", "ci", "cgi"), ("plain", "token", "cgi"), (None, "token", "cgi")]
