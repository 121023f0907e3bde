"""bastion cgi behind each web server that people have: what becomes of a request's body (bastion(8), HTTP).

Apache's mod_cgid and fcgiwrap pass all of the body before they read a byte of the answer; all of them tell of a body in chunks in
ways of their own."""
import hashlib
import os

import pytest
from harness import BASTION, OWN_FOLDERS, TOKEN, Client, ask, chunked, is_unix_listening, request, settings_files, wait_for

pytestmark = pytest.mark.root

CONTENT = bytes(range(251)) * 12000  # 3 MB
CONFIGURATIONS = {
    "lighttpd": """
server.modules = ("mod_cgi")
server.document-root = "{home}/www"
server.bind = "{host}"
server.port = {port}
cgi.assign = ("/cgi-bin/run" => "")
""",
    "apache": """
ServerRoot {home}
ServerName bastion.test
PidFile {home}/pid
ErrorLog {home}/error.log
Listen {host}:{port}
User www-data
Group www-data
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
LoadModule cgid_module /usr/lib/apache2/modules/mod_cgid.so
ScriptSock {home}/cgid.sock
ScriptAlias /cgi-bin/ {home}/www/cgi-bin/
StartServers 1
<Directory {home}/www>
Require all granted
CGIPassAuth On
</Directory>
""",
    "nginx": """
daemon off; master_process off; pid {home}/pid; error_log {home}/error.log;
events {{}}
http {{
    access_log off; client_max_body_size 100m; client_body_temp_path {home}/a; proxy_temp_path {home}/b; fastcgi_temp_path {home}/c;
    uwsgi_temp_path {home}/d; scgi_temp_path {home}/e;
    server {{
        listen {host}:{port};
        location /cgi-bin/run {{
            fastcgi_pass unix:{home}/fcgi.sock;
            fastcgi_param SCRIPT_FILENAME {home}/www/cgi-bin/run;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param CONTENT_TYPE $content_type;
            fastcgi_param CONTENT_LENGTH $content_length;
            fastcgi_param REMOTE_ADDR $remote_addr;
            fastcgi_param SERVER_SOFTWARE nginx/$nginx_version;
        }}
    }}
}}
""",
}
PROGRAMS = {
    "lighttpd": "exec lighttpd -D -f {home}/conf",
    "apache": "exec apache2 -D FOREGROUND -f {home}/conf",
    "nginx": "fcgiwrap -c 2 -s unix:{home}/fcgi.sock & exec nginx -c {home}/conf",
    "busybox": "exec busybox httpd -f -p {host}:{port} -h {home}/www",
}
SERVERS = list(PROGRAMS)
# Where programs are started by a process beside the web server: its socket, which may be there later than the server's, and whose it is
# in the end.
HELPERS = {"apache": ("cgid.sock", "www-data"), "nginx": ("fcgi.sock", "root")}


def web(start, kind, **settings):
    """Each starts bastion as the account that it has by itself: Apache's is no root."""
    def before(server):
        (server.home / "www/cgi-bin").mkdir(parents=True)
        script = server.home / "www/cgi-bin/run"
        script.write_text(f"#!/bin/sh\nT={server.t} ASAN_OPTIONS=detect_leaks=0 exec {BASTION} cgi 2>>{server.log}\n")
        script.chmod(0o755)
        os.chmod(server.log, 0o666)
        files = {"FORCE_COMMAND": "echo x >>$T/runs; echo ok", "HTTP_TOKEN": TOKEN, "SSH_USER": "nobody", "COMMAND_LOCK": "off", **settings}
        return OWN_FOLDERS + settings_files({k: v.replace("$T", str(server.t)) for k, v in files.items()})

    def argv(server):
        places = {"home": server.home, "host": server.host, "port": server.port}
        if kind in CONFIGURATIONS:
            (server.home / "conf").write_text(CONFIGURATIONS[kind].format(**places))
        return ["sh", "-c", PROGRAMS[kind].format(**places)]

    server = start(argv=argv, before=before)
    if kind in HELPERS:
        wait_for(lambda: is_unix_listening(server.home, *HELPERS[kind]), "the process that starts programs listens")
    server.kind = kind
    server.connections = lambda: server.processes(BASTION, "cgi")
    return server


@pytest.fixture(scope="module", params=SERVERS)
def plain_web(request, start_once):  # noqa: F811 (pytest's own request)
    return web(start_once, request.param)


@pytest.fixture(scope="module", params=SERVERS)
def digest_web(request, start_once):  # noqa: F811
    return web(start_once, request.param, HTTP_STDIN="body", FORCE_COMMAND="echo x >>$T/runs; sha256sum")


def test_body_that_nobody_takes(plain_web):
    before = plain_web.runs()
    assert [(a.status, a.body) for a in (ask(plain_web, method="POST", body=CONTENT) for _ in range(10))] == [(200, b"ok\n")] * 10
    assert plain_web.settled_runs() == before + 10


def test_small_body_that_nobody_takes(plain_web):
    assert [(a.status, a.body) for a in (ask(plain_web, method="POST", body=b"x=1") for _ in range(10))] == [(200, b"ok\n")] * 10


@pytest.mark.parametrize("fields, options, status", [
    ([], {"auth": None}, 401),
    (["Origin: null"], {}, 403),
    ([], {"method": "PUT"}, 405),
    (["Range: bytes=1-"], {}, 409),
], ids=str)
def test_refusal_of_a_body(plain_web, fields, options, status):
    if plain_web.kind == "busybox" and status in (405, 409):
        pytest.skip("busybox httpd keeps Range to itself, and knows no PUT")
    before = plain_web.runs()
    assert ask(plain_web, *fields, body=CONTENT, **{"method": "POST", **options}).status == status
    assert plain_web.settled_runs() == before


def test_body_above_the_limit(plain_web):
    """A web server may have a limit of its own, with the same status."""
    before = plain_web.runs()
    assert ask(plain_web, method="POST", body=bytes(33554433)).status == 413
    assert plain_web.settled_runs() == before


@pytest.mark.parametrize("fields, method", [([], "GET"), (["Content-Length: 0"], "POST")], ids=["GET", "POST"])
def test_no_body(plain_web, fields, method):
    assert ask(plain_web, *fields, method=method).body == b"ok\n"


@pytest.mark.parametrize("fields, method", [([], "GET"), (["Content-Length: 0"], "POST")], ids=["GET", "POST"])
def test_no_input(digest_web, fields, method):
    assert ask(digest_web, *fields, method=method).body.split()[0].decode() == hashlib.sha256(b"").hexdigest()


def test_input(digest_web):
    assert ask(digest_web, method="POST", body=CONTENT).body.split()[0].decode() == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize("pieces", [[b"hello"], [CONTENT[:100000]] * 10], ids=["small", "large"])
def test_chunked_body_that_nobody_takes(plain_web, pieces):
    with Client(plain_web) as client:
        client.send(request("Transfer-Encoding: chunked", method="POST", body=chunked(*pieces), close=True))
        assert client.answer().body == b"ok\n"


@pytest.mark.parametrize("pieces", [[b"hello"], [CONTENT[:100000]] * 10], ids=["small", "large"])
def test_chunked_input(digest_web, pieces):
    """Whole, or refused: never a part of it and a 200."""
    before = digest_web.runs()
    with Client(digest_web) as client:
        client.send(request("Transfer-Encoding: chunked", method="POST", body=chunked(*pieces), close=True))
        answer = client.answer()
        if answer.status == 200:
            assert answer.body.split()[0].decode() == hashlib.sha256(b"".join(pieces)).hexdigest()
    assert answer.status in (200, 411, 501)
    assert digest_web.settled_runs() - before == (answer.status == 200)


# Of these and of X-Forwarded-For some servers make one variable, so that a client could say what its proxy says.
NAMES = ["X_Forwarded_For", "x_forwarded-for", "X.Forwarded.For", "X-Forwarded.For"]
FORWARDED = "X-Forwarded-For: 203.0.113.5"


@pytest.mark.parametrize("kind", SERVERS)
def test_client_behind_a_trusted_proxy(start, kind):
    """Where the web server tells the names apart the proxy's word counts; elsewhere nobody knows where its client is."""
    server = web(start, kind, TRUSTED_PROXIES="127.0.0.1", FORCE_COMMAND='printf %s "$BASTION_PEER"')
    apart = kind in ("apache", "nginx")
    client = b"203.0.113.5" if apart else b"unknown"
    assert ask(server).body == b"127.0.0.1"
    assert ask(server, FORWARDED).body == ask(server, "X-Forwarded-For: 198.51.100.9", FORWARDED).body == client
    for name in NAMES:
        forged = f"{name}: 198.51.100.9"
        assert ask(server, forged, FORWARDED).body == ask(server, FORWARDED, forged).body == client
        assert ask(server, forged).body == (b"127.0.0.1" if apart else b"unknown")
    server.settle()
    assert {(e["peer"], e.get("via")) for e in server.events("start")} == {(client.decode(), "127.0.0.1"), ("127.0.0.1", None)}
