"""bastion cgi behind OpenWrt's uhttpd (bastion(8), HTTP): that hands on a dozen fields of the request, each of them set though it is
empty, and no other. Debian does not have uhttpd, so that its environment is given here as its source sets it."""
import subprocess

import pytest
from harness import AUTH, BASTION, OWN_FOLDERS, SANITIZERS, SYSTEM_PATH, TOKEN, basic, private, settings_files

pytestmark = pytest.mark.root

PASSED = ("ACCEPT", "ACCEPT_CHARSET", "ACCEPT_ENCODING", "ACCEPT_LANGUAGE", "AUTHORIZATION", "CONNECTION", "COOKIE", "HOST", "REFERER", "USER_AGENT")
BROKER = {"ALLOWED_COMMANDS": "echo [a-z &+]+", "FORCE_COMMAND": None}
FORM = "application/x-www-form-urlencoded"
BEARER, BASIC = AUTH.split(": ")[1], basic("user:password").split(": ")[1]


def ask(method="GET", body=b"", kind="", length=None, settings=None, server="uhttpd", **fields):
    """What a client gets of a request with these fields: status, the head's other lines, the body; and the log."""
    sent = {"HOST": "router.test", "AUTHORIZATION": BEARER, **fields}
    environment = {f"HTTP_{name}": sent.pop(name, "") for name in PASSED}
    assert server != "uhttpd" or not sent, "uhttpd does not hand it on"
    environment |= {f"HTTP_{name}": value for name, value in sent.items()}
    environment |= {"GATEWAY_INTERFACE": "CGI/1.1", "SERVER_SOFTWARE": server, "REQUEST_METHOD": method, "REMOTE_ADDR": "192.0.2.1",
                    "QUERY_STRING": "", "CONTENT_TYPE": kind, "CONTENT_LENGTH": str(len(body)) if length is None and body else length or ""}
    files = {"FORCE_COMMAND": "echo ok", "HTTP_TOKEN": TOKEN, "SSH_USER": "nobody", **(settings or {})}
    words = private(OWN_FOLDERS + settings_files({k: v for k, v in files.items() if v is not None}), [BASTION, "cgi"])
    done = subprocess.run(words, env={"PATH": SYSTEM_PATH, **SANITIZERS, **environment}, input=body, capture_output=True, timeout=60)
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    return int(lines[0].split()[1]), lines[1:], content.decode(), done.stderr.decode()


def form(command, **options):
    return ask("POST", command, FORM, settings=BROKER, **options)


# ---- the one command ----

@pytest.mark.parametrize("method", ["GET", "POST"])
def test_empty_fields_are_none(method):
    status, lines, content, log = ask(method)
    assert (status, content) == (200, "ok\n"), log
    # It has chunks of its own, and a length beside them is none.
    assert not [line for line in lines if line.lower().startswith(("content-length", "transfer-encoding"))]


def test_no_credential():
    status, lines, _, _ = ask(AUTHORIZATION="")
    assert status == 401 and any(line.startswith("WWW-Authenticate: Bearer") for line in lines)
    assert not any(line.startswith("Content-Length") for line in lines)


PASSWORD = {"HTTP_TOKEN": None, "HTTP_BASIC_AUTH": "user:password"}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("referer, status", [("", 403), ("http://evil.test/page", 403), ("http://router.test/page", 200)])
def test_password_that_a_browser_remembers(method, referer, status):
    """The page that sent it would be in Origin, which is not handed on, or in Referer, which that page can suppress."""
    assert ask(method, AUTHORIZATION=BASIC, REFERER=referer, settings=PASSWORD)[0] == status
    assert ask(method, AUTHORIZATION=BASIC, REFERER=referer, settings=PASSWORD, server="other")[0] == (403 if "evil" in referer else 200)


# ---- a form that says what to run ----

@pytest.mark.parametrize("server", ["uhttpd", "other"])
@pytest.mark.parametrize("body, said", [(b"command=echo+hello", "hello"), (b"command=echo%20a%26b%2Bc", "a&b+c")])
def test_form(server, body, said):
    status, _, content, log = form(body, server=server)
    assert (status, content) == (200, said + "\n"), log
    assert f'request="echo {said}"' in log and "mode=broker" in log


@pytest.mark.parametrize("body, status, text", [
    (b"command=rm+x", 403, "[broker] DENY: rm x"),
    (b"command=echo+a%0Ab", 403, "[broker] DENY"),
    (b"command=echo+a%00b", 403, "[broker] DENY"),
    (b"command=", 403, "[broker] DENY"),
    (b"command=echo+a&x=1", 400, "one field"),
    (b"x=1&command=echo+a", 400, "one field"),
    (b"command=echo+%zz", 400, "one field"),
    (b"command=" + b"a" * 9000, 403, "[broker] DENY"),
    (b"command=echo+" + b"%61" * 8187, 200, "a"),
    (b"command=" + b"%61" * 8300, 413, "Content-Length"),
], ids=lambda value: value[:24] if isinstance(value, bytes) else None)
def test_form_is_judged(body, status, text):
    got, _, content, log = form(body)
    assert got == status and text in content, (content, log)
    assert ("event=start" in log) == (status == 200)


def test_form_without_a_length():
    status, _, _, log = form(b"command=echo+a", length="")
    assert status == 411 and "event=start" not in log


def test_form_that_breaks_off():
    status, _, _, log = form(b"command=echo+a", length="15")
    assert status == 408 and "event=start" not in log


@pytest.mark.parametrize("options", [{"method": "GET"}, {"kind": "text/plain"}, {"kind": ""}, {"kind": "multipart/form-data; boundary=x"},
                                     {"settings": {**BROKER, "HTTP_STDIN": "body"}}], ids=str)
def test_what_is_no_form(options):
    """Nor is one that the command is to read."""
    status, _, content, log = ask(**{"method": "POST", "body": b"command=echo+a", "kind": FORM, "settings": BROKER, **options})
    assert status == 400 and "X-Bastion-Command" in content and "event=start" not in log


def test_the_field_wins():
    status, _, content, _ = form(b"command=echo+form", server="other", X_BASTION_COMMAND="echo field")
    assert (status, content) == (200, "field\n")


@pytest.mark.parametrize("server", ["uhttpd", "other"])
@pytest.mark.parametrize("fields", [{}, {"REFERER": "http://router.test/"}], ids=str)
def test_form_with_a_password(server, fields):
    """Any page can have a browser send such a form, with the password that it remembers; Referer may be wanting."""
    status, _, _, log = ask("POST", b"command=echo+a", FORM, settings={**BROKER, **PASSWORD}, server=server, AUTHORIZATION=BASIC, **fields)
    assert status == 403 and "event=start" not in log


@pytest.mark.parametrize("fields", [{"ORIGIN": "http://evil.test"}, {"ORIGIN": "null"}, {"SEC_FETCH_SITE": "cross-site"}], ids=str)
def test_form_of_another_site(fields):
    status, _, _, log = form(b"command=echo+a", server="other", **fields)
    assert status == 403 and "event=start" not in log


def test_force_command_reads_no_form():
    assert ask("POST", b"command=echo+a", FORM)[2] == "ok\n"
