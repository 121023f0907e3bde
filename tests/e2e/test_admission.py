"""Paths, methods, and what a browser sends for another site (bastion(8), HTTP)."""
import subprocess

import pytest
from harness import AUTH, Client, ask, request

# (name, fields, host, status)
SITES = [
    ("cross-site", ["Sec-Fetch-Site: cross-site"], "bastion.test", 403),
    ("same-site", ["Sec-Fetch-Site: same-site"], "bastion.test", 403),
    ("upper case", ["Sec-Fetch-Site: CROSS-SITE"], "bastion.test", 403),
    ("cross-site twice", ["Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"], "bastion.test", 403),
    ("same-origin", ["Sec-Fetch-Site: same-origin"], "bastion.test", 200),
    ("none", ["Sec-Fetch-Site: none"], "bastion.test", 200),
    ("own origin", ["Origin: http://bastion.test"], "bastion.test", 200),
    ("own origin behind TLS", ["Origin: https://bastion.test"], "bastion.test", 200),
    ("own origin, other case", ["Origin: http://BASTION.test"], "bastion.test", 200),
    ("own origin with port", ["Origin: http://bastion.test:8080"], "bastion.test:8080", 200),
    ("default port spelled out", ["Origin: https://bastion.test"], "bastion.test:443", 200),
    ("IPv6", ["Origin: http://[::1]:8080"], "[::1]:8080", 200),
    ("other host", ["Origin: http://evil.test"], "bastion.test", 403),
    ("host as a prefix", ["Origin: http://bastion.test.evil.test"], "bastion.test", 403),
    ("host as a suffix", ["Origin: http://evil-bastion.test"], "bastion.test", 403),
    ("host as the user", ["Origin: http://bastion.test@evil.test"], "bastion.test", 403),
    ("other port", ["Origin: http://bastion.test:9000"], "bastion.test:8080", 403),
    ("no port", ["Origin: http://bastion.test"], "bastion.test:8080", 403),
    ("null", ["Origin: null"], "bastion.test", 403),
    ("empty", ["Origin: "], "bastion.test", 403),
    ("no scheme", ["Origin: bastion.test"], "bastion.test", 403),
    ("other scheme", ["Origin: file://bastion.test"], "bastion.test", 403),
    ("two origins", ["Origin: http://bastion.test", "Origin: http://evil.test"], "bastion.test", 403),
    ("other origin, right site", ["Sec-Fetch-Site: same-origin", "Origin: http://evil.test"], "bastion.test", 403),
    ("right origin, other site", ["Sec-Fetch-Site: cross-site", "Origin: http://bastion.test"], "bastion.test", 403),
    ("own page", ["Referer: http://bastion.test/"], "bastion.test", 200),
    ("own page with port", ["Referer: http://bastion.test:8080/a?b=http://evil.test"], "bastion.test:8080", 200),
    ("a page elsewhere", ["Referer: http://evil.test/bastion.test"], "bastion.test", 403),
    ("an origin elsewhere", ["Referer: http://evil.test"], "bastion.test", 403),
    ("a page whose name begins like ours", ["Referer: http://bastion.test.evil.test/"], "bastion.test", 403),
    ("a page of another port", ["Referer: http://bastion.test:81/"], "bastion.test", 403),
    ("a page with our name as its user", ["Referer: http://bastion.test@evil.test/"], "bastion.test", 403),
    ("no page at all", ["Referer: about:blank"], "bastion.test", 403),
    ("two pages", ["Referer: http://bastion.test/", "Referer: http://evil.test/"], "bastion.test", 403),
    ("a page elsewhere, same-origin", ["Referer: http://evil.test/", "Sec-Fetch-Site: same-origin"], "bastion.test", 200),
    ("an old browser's prefetch", ["Purpose: prefetch"], "bastion.test", 403),
    ("prefetch twice", ["Purpose: x", "Sec-Purpose: prefetch"], "bastion.test", 403),
    ("prefetch", ["Sec-Purpose: prefetch"], "bastion.test", 403),
    ("prerender", ["Sec-Purpose: prefetch;prerender"], "bastion.test", 403),
    ("another old browser's prefetch", ["X-Moz: prefetch"], "bastion.test", 403),
    ("a preview", ["Purpose: preview"], "bastion.test", 403),
    ("another preview", ["X-Purpose: preview"], "bastion.test", 403),
    ("two purposes of one name", ["X-Purpose: x", "X-Purpose: y"], "bastion.test", 403),
    ("another purpose", ["X-Purpose: x"], "bastion.test", 200),
    ("prefetch by the user", ["Sec-Fetch-Site: none", "Sec-Purpose: prefetch"], "bastion.test", 403),
]


@pytest.mark.parametrize("name, fields, host, status", SITES, ids=[s[0] for s in SITES])
def test_other_sites_are_refused(plain, name, fields, host, status):
    """With the right credential, which a browser would send by itself."""
    before = plain.runs()
    answer = ask(plain, *fields, host=host, method="POST", body=b"x=1")
    assert answer.status == status
    assert plain.settled_runs() - before == (status == 200)


@pytest.mark.parametrize("options", [{"target": "/"}, {"target": "/healthz"}, {"method": "DELETE"}, {"auth": None}, {"auth": "Authorization: Bearer x"}], ids=str)
def test_other_sites_are_refused_first(plain, options):
    """Before path, method and credential: no 401 that makes a browser ask for a password."""
    before = plain.runs()
    assert ask(plain, "Sec-Fetch-Site: cross-site", **options).status == 403
    assert plain.settled_runs() == before


def test_health(plain):
    answer = ask(plain, target="/healthz", auth=None)
    assert (answer.status, answer.body) == (200, b"ok\n")
    with Client(plain) as client:
        client.send(request(target="/healthz?x=1", auth=None, method="HEAD"))
        head = client.answer("HEAD")
        assert (head.status, head["Content-Length"]) == (200, "3")
        client.send(request(target="/healthz", auth=None, close=True))
        assert client.answer().body == b"ok\n"  # so no body came before
    answer = ask(plain, target="/healthz", auth=None, method="POST")
    assert answer.status == 405
    assert {m.strip() for m in answer["Allow"].split(",")} == {"GET", "HEAD"}


@pytest.mark.parametrize("target", [
    "/", "/cgi-bin/", "/cgi-bin", "/cgi-bin/run/", "//cgi-bin/run", "/cgi-bin//run", "/./cgi-bin/run", "/x/../cgi-bin/run", "/cgi-bin/%72un",
    "/cgi-bin%2frun", "/CGI-BIN/RUN", "/cgi-bin/run;x", "/cgi-bin/run%00", "/cgi-bin/run%3fx", "/healthz/", "/healthz/../cgi-bin/run", "/?/cgi-bin/run",
    "/cgi-bin/run.", "/cgi-bin/ru"])
def test_other_paths(plain, target):
    before = plain.runs()
    assert ask(plain, target=target).status == 404
    assert plain.settled_runs() == before


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "get", "Post", "PROPFIND", "X-UNKNOWN"])
def test_other_methods(plain, method):
    before = plain.runs()
    answer = ask(plain, method=method)
    assert answer.status == 405
    assert {m.strip() for m in answer["Allow"].split(",")} == {"GET", "POST"}
    assert answer.body == b"" if method == "HEAD" else answer.body
    assert plain.settled_runs() == before


@pytest.mark.parametrize("options", [{}, {"method": "POST"}, {"method": "POST", "body": b"hello"}, {"target": "/cgi-bin/run?a=b&c"}, {"target": "/cgi-bin/run?"}], ids=str)
def test_get_and_post_run(plain, options):
    before = plain.runs()
    answer = ask(plain, **options)
    assert (answer.status, answer.body) == (200, b"ok\n")
    assert plain.settled_runs() == before + 1


# ---- Range ----

@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("value", ["bytes=6-", "bytes=0-", "nonsense"])
def test_range_is_a_repeat(plain, method, value):
    """What asks for the rest of an answer is a client that repeats by itself: the command does not run again."""
    before = plain.runs()
    answer = ask(plain, f"Range: {value}", method=method)
    assert answer.status == 409 and b"Nothing was run" in answer.body
    assert plain.settled_runs() == before
    assert plain.events("deny", status=409)[-1]["reason"].startswith("Range")


def test_range_opens_no_door(plain):
    assert ask(plain, "Range: bytes=6-", auth=None).status == 401
    assert ask(plain, "Range: bytes=1-", target="/healthz", auth=None).body == b"ok\n"


@pytest.mark.parametrize("arguments", [[], ["--post-data=x=1"]], ids=["GET", "POST"])
@pytest.mark.parametrize("output", ["first", ""], ids=["output", "silent"])
def test_wget_runs_a_failing_command_once(start, tmp_path, arguments, output):
    """It takes the broken transfer for a network's fault and repeats up to 20 times, with Range if it got anything: so there is an
    empty line where the command said nothing."""
    server = start(FORCE_COMMAND=f"echo x >>$T/runs; printf '%s' '{output}'; sleep 0.3; exit 3", HTTP_HOLD_MS="50")
    found = subprocess.run(["wget", "-nv", "--header", AUTH, *arguments, "-O", str(tmp_path / "out"), server.url()], capture_output=True, timeout=60)
    assert found.returncode != 0 and b"409" in found.stderr
    assert (tmp_path / "out").read_text() == (output or "\n")
    assert server.settled_runs() == 1
