"""`bastion check` on values that are not what was meant, and on names that are no settings."""
import os

import pytest
from check_harness import look
from harness import TOKEN

pytestmark = pytest.mark.root


def test_quiet_when_all_is_well():
    """What is set, what holds here, and the verdict; no secret."""
    found = look()
    assert (found.code, found.err, found.warnings, found.lines("not looked at")) == (0, "", [], [])
    assert found.verdict == "What is configured can work."
    # and a line where this machine has no log
    assert len(found.out.splitlines()) == 7 + (not os.path.exists("/dev/log")) and TOKEN not in found.out
    assert [line.index(" = ") for line in found.out.splitlines()[:3]] == [13] * 3


def test_every_fault_is_named():
    """Not the first alone."""
    found = look(AUDIT="xml", COMMAND_TIMEOUT="soon", files={"HTTP_HOLD_MS": "long"}, AUDIT_MASK="(")
    assert [fault.split(":")[0] for fault in found.faults] == ["COMMAND_TIMEOUT", "AUDIT", "AUDIT_MASK", "HTTP_HOLD_MS"]
    assert "(from the environment)" in found.faults[0] and "(from /etc/bastion/HTTP_HOLD_MS)" in found.faults[3]
    assert found.verdict == "It does not work like this: 4 faults."


def test_a_mask_that_is_too_large():
    [fault] = look(AUDIT_MASK="x" * 60000).faults
    assert fault.startswith("AUDIT_MASK: ") and "is too large" in fault


def test_a_fault_and_a_request():
    found = look("anything", AUDIT="xml")
    assert (found.code, found.out, len(found.faults)) == (78, "", 1)


@pytest.mark.parametrize("link", ["tcp://10.0.0.7:80", "udp://10.0.0.7:80"])
def test_a_service_link_is_no_port(link):
    """As Kubernetes makes it of a service with the name http."""
    found = look(HTTP_PORT=link)
    assert (found.code, found.faults) == (0, [])
    assert [w for w in found.warnings if w.startswith(f"HTTP_PORT: {link} is what Kubernetes says")] and not [line for line in found.out.splitlines() if line.startswith("HTTP_PORT =") and link in line]


PROXIES = [
    ({"TRUSTED_PROXIES": "192.0.2.0/24, ::1"}, []),
    ({"TRUSTED_PROXIES": "192.0.2.1", "PROXY_PROTOCOL": "on"}, []),
    ({"PROXY_PROTOCOL": "off"}, []),
    ({"PROXY_PROTOCOL": "on"}, ["PROXY_PROTOCOL: is on without TRUSTED_PROXIES: nobody is believed, and nobody served (from the environment)"]),
    ({"TRUSTED_PROXIES": "0.0.0.0/0 192.0.2.1,::/0"}, [
        f"TRUSTED_PROXIES: {entry} is everybody: whoever connects can say that he is anywhere, and no limit of an address holds (from the environment)"
        for entry in ("0.0.0.0/0", "::/0")]),
]


@pytest.mark.parametrize("settings, warnings", PROXIES, ids=repr)
def test_proxies(settings, warnings):
    found = look(**settings)
    assert (found.code, found.faults, found.warnings) == (0, [], warnings)


# ---- how a value looks ----

LOOKS = [
    ("COMMAND_TIMEOUT", "10\r", "carriage return"), ("COMMAND_TIMEOUT", '"10"', "quotes"), ("COMMAND_TIMEOUT", "10 ", "blanks"), ("COMMAND_TIMEOUT", "\ufeff10", "byte order mark"),
    ("COMMAND_LOCK", "'skip'", "quotes"), ("TLS_CERT", '"/etc/x.crt"', "quotes"), ("FORCE_COMMAND", "id\r\nid\r\n", "carriage return"), ("FORCE_COMMAND", "\ufeffid", "byte order mark"),
    ("FORCE_COMMAND", "id\r", "carriage return"), ("FORCE_COMMAND", '"ls -l"', "quotes make one word"), ("FORCE_COMMAND", "'ls -l /'", "quotes make one word"),
]


@pytest.mark.parametrize("name, value, word", LOOKS, ids=repr)
def test_looks(name, value, word):
    """A value that can't be right, with what made it so."""
    found = look(**{name: value})
    assert [fault for fault in found.faults if fault.startswith(f"{name}: ") and word in fault and "(from the environment)" in fault]


@pytest.mark.parametrize("content, word", [(b"id\\r\\n", "carriage return"), (b"\\357\\273\\277id\\n", "byte order mark"), (b"\\377\\376i", "UTF-16")])
def test_looks_of_a_file(content, word):
    found = look(before=f"printf '{content.decode()}' >/etc/bastion/FORCE_COMMAND", FORCE_COMMAND=None)
    assert len(found.faults) >= 1 and word in found.faults[0] and "/etc/bastion/FORCE_COMMAND" in found.faults[0]


@pytest.mark.parametrize("value", ["id\n", " id", "id ", "\n\tid\n\n", '"id"', "'id'", "echo 'a' 'b'", '"id" "x y"'])
def test_looks_that_do_not_matter(value):
    found = look(FORCE_COMMAND=value)
    assert (found.code, found.warnings) == (0, [])


# ---- credentials ----

@pytest.mark.parametrize("value", ["Bearer 0123456789abcdef", "bearer 0123456789abcdef", "Basic 0123456789abcdef", "Authorization: Bearer 0123456789abcdef"])
def test_token_with_its_scheme(value):
    [fault] = look(HTTP_TOKEN=value).faults
    assert fault.startswith("HTTP_TOKEN: ") and "the token alone" in fault and "0123456789" not in fault


@pytest.mark.parametrize("value", ["schl\u00fcssel-des-hauses", b"schl\xfcssel-des-hauses"])
def test_token_that_is_not_ascii(value):
    [fault] = look(HTTP_TOKEN=value).faults
    assert "is not ASCII" in fault and "RFC 6750" in fault and "hauses" not in fault


@pytest.mark.parametrize("value, word", [('"0123456789abcdef"', "quotes"), ("'0123456789abcdef'", "quotes"), ("01234567 89abcdef", "RFC 6750"), ("0123456789abc$ef", "RFC 6750"),
                                         ("=0123456789abcdef", "RFC 6750"), ("0123456789=abcdef", "RFC 6750"), ("short", "shorter than 16")])
def test_token_that_clients_may_not_send(value, word):
    found = look(HTTP_TOKEN=value)
    [warning] = found.warnings
    assert found.code == 0 and warning.startswith("HTTP_TOKEN: ") and word in warning and "(from the environment)" in warning


@pytest.mark.parametrize("value", ["0123456789abcdef==", "-._~+/AZaz0189====", "0123456789abcdef"])
def test_token_as_it_should_be(value):
    assert look(HTTP_TOKEN=value).warnings == []


def test_password_that_is_not_ascii():
    """What is valid in UTF-8 can be sent (RFC 7617), what is not can't."""
    found = look(HTTP_TOKEN=None, HTTP_BASIC_AUTH="j\u00f6rg:pw-of-some-length")
    assert found.code == 0 and len(found.warnings) == 1 and "is not ASCII" in found.warnings[0] and "pw-of" not in found.out
    [fault] = look(HTTP_TOKEN=None, HTTP_BASIC_AUTH=b"joe:p\xe4ss-of-some-length").faults
    assert "is not UTF-8" in fault and "RFC 7617" in fault


@pytest.mark.parametrize("value, word", [('"joe:secret-word"', "quotes"), ("joe:secret-word ", "blanks"), ("joe:$apr1$salt$hash", "htpasswd"), ("joe:$2y$05$hash", "htpasswd"),
                                         ("joe:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "htpasswd")])
def test_password_that_is_likely_not_meant(value, word):
    found = look(HTTP_TOKEN=None, HTTP_BASIC_AUTH=value)
    assert found.code == 0 and len(found.warnings) == 1 and word in found.warnings[0]


def test_password_with_its_scheme():
    found = look(HTTP_TOKEN=None, HTTP_BASIC_AUTH="Basic joe:secret-word")
    assert found.code == 78 and "user:password" in found.faults[0]


def test_nothing_set_for_anybody():
    """FORCE_COMMAND alone is what a login shell under another sshd needs."""
    found = look(HTTP_TOKEN=None)
    assert found.code == 0 and found.warnings == ["HTTP_BASIC_AUTH, HTTP_TOKEN: neither is set: over HTTP nobody may run anything"]


def test_no_command():
    found = look(FORCE_COMMAND=None)
    assert found.code == 78 and found.faults[0].startswith("FORCE_COMMAND: not set")


@pytest.mark.parametrize("name, value, warning", [
    ("COMMAND_LOCK_WAIT", "5", "COMMAND_LOCK_WAIT: has no effect: COMMAND_LOCK is not wait or rerun"),
    ("HTTP_BASIC_AUTH", "joe:a-long-password", "HTTP_TOKEN: has no effect: HTTP_BASIC_AUTH wins"),
    ("TLS_CLIENT_CA", "/etc/bastion/none", "TLS_CLIENT_CA: has no effect"),
])
def test_without_effect(name, value, warning):
    assert any(w.startswith(warning) for w in look(**{name: value}).warnings)


@pytest.mark.parametrize("name, value, warning", [
    ("RUNS_KEEP", "0", "COMMAND_LOCK: is as wait, since no run is kept"), ("HTTP_STDIN", "body", "COMMAND_LOCK: is as wait over HTTP"),
    ("ON_DISCONNECT", "hangup", "ON_DISCONNECT: has no effect on runs that are shared"), ("COMMAND_LOCK_WAIT", "5", None)])
def test_shared_runs(name, value, warning):
    for lock in ("rerun", "join", "wait"):
        found = look(COMMAND_LOCK=lock, **{name: value}).warnings
        assert any(w.startswith(warning or "COMMAND_LOCK") for w in found) == (warning is not None and lock != "wait"), found


def test_exposed_secret():
    found = look(before=f"echo {TOKEN} >/etc/bastion/HTTP_TOKEN; chmod 644 /etc/bastion/HTTP_TOKEN", HTTP_TOKEN=None)
    assert found.code == 0 and "/etc/bastion/HTTP_TOKEN: is a secret that commands can read: chown root and chmod 600" in found.warnings


def test_folder_that_others_could_have_written():
    found = look(before="chmod 777 /etc/bastion")
    assert found.code == 78 and any("/etc/bastion" in fault for fault in found.faults)


# ---- names ----

@pytest.mark.parametrize("name, meant", [("HTTP_TOKN", "HTTP_TOKEN"), ("HTPT_TOKEN", "HTTP_TOKEN"), ("http_token", "HTTP_TOKEN"), ("HTTP-TOKEN", "HTTP_TOKEN"), ("FORCE_COMAND", "FORCE_COMMAND"),
                                         ("ALLOWED_COMMAND", "ALLOWED_COMMANDS"), ("COMMAND_TIMOUT", "COMMAND_TIMEOUT"), ("SSH_USR", "SSH_USER"), ("FORCED_COMMAND", "FORCE_COMMAND")])
def test_a_name_that_is_nearly_a_setting(name, meant):
    """As a file of bastion's own folder it is a fault; a variable may be somebody else's."""
    found = look(files={name: "x"})
    assert found.code == 78 and found.faults == [f"/etc/bastion/{name}: is no setting, and has no effect; was {meant} meant?"]
    found = look(env={name: "x"})
    assert found.code == 0 and found.warnings == [f"{name}: is no setting, and has no effect; was {meant} meant? (from the environment)"]


@pytest.mark.parametrize("name, meant", [("HTTP_TOKN_FILE", "HTTP_TOKEN_FILE"), ("BASTION_HTTP_TOKEN", "HTTP_TOKEN"), ("BASTION_FORCE_COMMAND", "FORCE_COMMAND")])
def test_other_variables_that_are_meant(name, meant):
    assert look(env={name: "x"}).warnings == [f"{name}: is no setting, and has no effect; was {meant} meant? (from the environment)"]


@pytest.mark.parametrize("name", ["HTTP_HOST", "HTTP_PROXY", "HTTPS_PROXY", "SSH_TTY", "SSH_CLIENT", "SSL_CERT_FILE", "SSL_CERT_DIR", "TLS_ROOT", "HOME", "AUDITOR_X", "HTTP_PORT_80_TCP",
                                  "SSH_AUTH_SOCK", "RUNNER_DIR", "TERM", "DOCKER_HOST", "BASTION_X", "X" * 300])
def test_variables_of_others(name):
    assert look(env={name: "x"}).warnings == []


def test_a_file_with_a_name_longer_than_any():
    name = "HTTP_TOKEN" * 10
    assert look(files={name: "x"}).warnings == [f"/etc/bastion/{name}: is not known, and has no effect"]


def test_folder_that_can_not_be_listed():
    """Nobody says that its names are right."""
    found = look(user=65534, RUN_DIR="/run/own", before="mkdir /run/own; chown 65534 /run/own; chmod 711 /etc/bastion")
    assert found.faults == ["/etc/bastion: Permission denied; bastion as this account can't read it, as root perhaps"]
    assert "/etc/bastion: Permission denied" in found.lines("not looked at")


def test_files_of_another_form():
    found = look(files={"HTTP_TOKEN_FILE": "/x", "notes.txt": "x", "FORCE_COMMAND.bak": "x", "AUDIT~": "x"})
    assert found.code == 78 and len(found.faults) == 1 and "HTTP_TOKEN_FILE: such names count in the environment alone" in found.faults[0]
    assert sorted(w.split(": ")[0] for w in found.warnings) == ["/etc/bastion/AUDIT~", "/etc/bastion/FORCE_COMMAND.bak", "/etc/bastion/notes.txt"]


def test_files_that_belong_there():
    files = {"deploy.sh": "#!/bin/sh", "my-token": TOKEN, "AUDIT": "text", ".hidden": "x"}
    more = "mkdir /etc/bastion/tls /etc/bastion/roles /etc/bastion/..data; chmod 755 /etc/bastion/deploy.sh; chmod 600 /etc/bastion/my-token"
    found = look(files=files, before=more, FORCE_COMMAND="/etc/bastion/deploy.sh now", HTTP_TOKEN=None, HTTP_TOKEN_FILE="/etc/bastion/my-token")
    assert (found.code, found.warnings) == (0, [])
