"""The server's key and certificate: every kind and form of them, what is wrong with some, and replacing them."""
import base64
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from harness import BASTION, wait_for
from tls_harness import NAME, Pair, TlsServer, authority, curl, openssl, pair, s_client

ECHO = ("echo", "ok")
WITHOUT_LANDLOCK = ("/usr/bin/python3", str(Path(__file__).parent / "without_calls.py"), "landlock")
FORMS = {
    "PKCS#8": lambda key: key.read_text(),
    "SEC1 or PKCS#1": lambda key: openssl("ec" if "BEGIN EC" in openssl("pkey", "-in", key, "-traditional") else "rsa", "-in", key,
                                           *([] if "BEGIN EC" in openssl("pkey", "-in", key, "-traditional") else ["-traditional"])),
}


@pytest.fixture
def files(tmp_path):
    """A copy of a pair that a test may spoil."""
    def copy(certificate):
        crt, key = tmp_path / "crt", tmp_path / "key"
        shutil.copy(certificate.crt, crt), shutil.copy(certificate.key, key)
        return crt, key
    return copy


def serve(start, files, **options):
    crt, key = files
    return start(TlsServer, program=ECHO, TLS_CERT=str(crt), TLS_KEY=str(key), **options)


def works(server):
    said = s_client(server, "-tls1_2", "-verify_return_error", "-quiet", check=False)
    return "\nok\n" in "\n" + said


# ---- kinds and forms ----

@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["P-256", "P-384", "P-521", "RSA:2048", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("RSA:3072", "RSA:4096"))])
def test_kind(start, files, kind, form):
    crt, key = files(pair(kind))
    key.write_text(FORMS[form](pair(kind).key))
    assert works(serve(start, (crt, key)))


def without_public(key):
    """SEC1 without the public key, which is optional there."""
    return subprocess.run(["openssl", "ec", "-in", key, "-no_public"], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("change", [
    lambda crt, key: [f.write_bytes(f.read_bytes().replace(b"\n", b"\r\n")) for f in (crt, key)],
    lambda crt, key: [f.write_text("Bag Attributes\n    friendlyName: x -----BEGIN\n\n" + f.read_text() + "\ntext behind\n") for f in (crt, key)],
    lambda crt, key: [f.write_text(f.read_text().rstrip("\n")) for f in (crt, key)],
    lambda crt, key: key.write_text(without_public(key)),
    lambda crt, key: key.write_text(openssl("ecparam", "-name", "prime256v1") + openssl("ec", "-in", key)),
    lambda crt, key: crt.write_text(key.read_text() + crt.read_text()) and shutil.copy(crt, key),
], ids=["CRLF", "text around", "no last newline", "no public key", "parameters before", "both in one file"])
def test_form(start, files, change):
    crt, key = files(pair())
    change(crt, key)
    assert works(serve(start, (crt, key)))


def test_chain(start, files):
    """An authority's authority: the client knows the root alone."""
    between = Pair("between", ca=authority(), subject="/CN=between", extensions=("basicConstraints=critical,CA:TRUE",))
    leaf = Pair("leaf", ca=between)
    crt, key = files(leaf)
    assert not works(serve(start, (crt, key)))
    crt.write_text(leaf.crt.read_text() + between.crt.read_text())
    assert works(serve(start, (crt, key)))


def test_self_signed_and_pinned(start, tmp_path):
    made = subprocess.run([BASTION, "cert", tmp_path, NAME], capture_output=True, text=True, check=True).stdout
    pin = re.search("sha256//[^']*", made)[0]
    server = start(TlsServer, TLS_CERT=None, TLS_KEY=None, TLS="self-signed", SSH_KEYS=str(tmp_path))
    assert curl(server, "-k", "--pinnedpubkey", pin).stdout == b"ok\n"
    assert curl(server, "--cacert", tmp_path / "tls.crt").stdout == b"ok\n"
    assert curl(server, "-k", "--pinnedpubkey", "sha256//" + "A" * 43 + "=").returncode == 90


# ---- faults ----

def encrypted(key, *form):
    return openssl("pkey", "-in", key, "-aes128", "-passout", "pass:x", *form)


def damaged(file):
    text = file.read_text()
    return text[:200] + "!" + text[201:]


FAULTS = {
    "encrypted": (lambda crt, key: key.write_text(encrypted(key)), "key: the key is encrypted"),
    "encrypted the old way": (lambda crt, key: key.write_text(encrypted(key, "-traditional")), "key: the key is encrypted"),
    "another's": (lambda crt, key: shutil.copy(pair("P-384").key, key), "key: the key does not belong to the certificate"),
    "another of its kind": (lambda crt, key: shutil.copy(Pair("other").key, key), "key: the key does not belong to the certificate"),
    "another, public half hidden": (lambda crt, key: key.write_text(without_public(Pair("other").key)), "key: the key does not belong to the certificate"),
    "another RSA key": (lambda crt, key: shutil.copy(pair("RSA:2048").key, key), "key: the key does not belong to the certificate"),
    "no certificate": (lambda crt, key: shutil.copy(key, crt), "crt: there is no certificate in it"),
    "empty": (lambda crt, key: crt.write_text(""), "crt: there is no certificate in it"),
    "no key": (lambda crt, key: shutil.copy(crt, key), "key: there is no private key in it"),
    "missing": (lambda crt, key: crt.unlink(), "crt: No such file or directory"),
    "missing key": (lambda crt, key: key.unlink(), "key: No such file or directory"),
    "damaged": (lambda crt, key: crt.write_text(damaged(crt)), "crt: an object in it is damaged"),
    "damaged inside": (lambda crt, key: crt.write_text(f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(os.urandom(300)).decode()}\n-----END CERTIFICATE-----\n"),
                       "crt: a certificate in it is damaged"),
    "cut": (lambda crt, key: crt.write_text(crt.read_text()[:300]), "crt: an object in it is cut short"),
    "weak": (lambda crt, key: [shutil.copy(f, t) for f, t in ((Pair("weak", "RSA:1024").crt, crt), (Pair("weak", "RSA:1024").key, key))],
             "crt: its RSA key has less than 2048"),
    "of another kind": (lambda crt, key: [shutil.copy(f, t) for f, t in ((Pair("ed", "ED25519:").crt, crt), (Pair("ed", "ED25519:").key, key))],
                        "crt: a certificate in it is damaged, or of a kind that is not known here"),
    "key of another kind": (lambda crt, key: shutil.copy(Pair("ed", "ED25519:").key, key), "key: its key is damaged, or neither RSA nor on P-256, P-384 or P-521"),
    "one that is huge": (lambda crt, key: crt.write_text(f"-----BEGIN CERTIFICATE-----\n{base64.encodebytes(bytes(33000)).decode()}-----END CERTIFICATE-----\n"), "crt: an object in it is too long"),
    "huge": (lambda crt, key: crt.write_text(crt.read_text() + "x" * 70000), "crt: too long"),
    "many": (lambda crt, key: crt.write_text(crt.read_text() * 11), "crt: it has too many certificates"),
    "folder": (lambda crt, key: crt.unlink() or crt.mkdir(), "crt: a folder, where a file is wanted"),
}


@pytest.mark.parametrize("spoil, reason", FAULTS.values(), ids=FAULTS.keys())
def test_fault(start, files, spoil, reason):
    """The log says it, the client gets an alert that does not."""
    crt, key = files(pair())
    spoil(crt, key)
    server = serve(start, (crt, key))
    assert "alert internal error" in s_client(server, "-tls1_2", check=False)
    assert reason in server.wait_event("fault", channel="tls", peer="127.0.0.1")[0]["reason"]
    server.settle()


def test_settings_at_fault(start):
    server = start(TlsServer, program=ECHO, TLS_KEY=None)
    assert "alert internal error" in s_client(server, "-tls1_2", check=False)
    assert server.wait_event("fault")[0]["reason"].startswith("TLS_CERT: needs TLS_KEY too")
    server = start(TlsServer, program=ECHO, TLS_CERT=None, TLS_KEY=None)
    assert "alert internal error" in s_client(server, "-tls1_2", check=False)
    assert server.wait_event("fault")[0]["reason"] == "TLS_CERT, TLS_KEY, TLS: none is set"


@pytest.mark.root
@pytest.mark.parametrize("name", ["TLS_CERT", "TLS_KEY", "TLS_CLIENT_CA"])
def test_files_that_a_command_can_write(start, name):
    """They decide whom clients talk to, and who is let in; where nothing closes them to commands, they don't count."""
    files = {"TLS_CERT": pair().crt, "TLS_KEY": pair().key, "TLS_CLIENT_CA": authority().crt}

    class Open(TlsServer):
        def lay_out(self):
            shutil.copy(files[name], self.t / "file")  # where everybody may put another in its place
            self.env[name] = str(self.t / "file")

    server = start(Open, program=ECHO, bastion=(*WITHOUT_LANDLOCK, BASTION))
    assert "alert internal error" in s_client(server, "-tls1_2", check=False)
    assert server.wait_event("fault")[0]["reason"].startswith(f"{server.t}/file: ")


def test_expired(start, files, tmp_path):
    """A warning: the client decides."""
    (tmp_path / "index").touch()
    (tmp_path / "conf").write_text(f"[ca]\ndefault_ca = x\n[x]\ndatabase = {tmp_path}/index\nnew_certs_dir = {tmp_path}\nrand_serial = yes\n"
                                   "default_md = sha256\npolicy = y\n[y]\ncommonName = supplied\n")
    crt, key = files(pair())
    openssl("req", "-new", "-key", key, "-subj", f"/CN={NAME}", "-out", tmp_path / "csr")
    openssl("ca", "-batch", "-notext", "-config", tmp_path / "conf", "-selfsign", "-keyfile", key, "-in", tmp_path / "csr", "-out", crt,
            "-startdate", "200101000000Z", "-enddate", "200201000000Z")
    server = serve(start, (crt, key))
    assert "certificate has expired" in s_client(server, "-tls1_2", "-CAfile", crt, check=False)
    assert re.search(r"crt: the certificate is expired \d+ days ago", server.wait_event("fault")[0]["reason"])
    server.settle()
    assert len(server.events()) == 1


def test_check(files):
    """bastion check says it before any client comes."""
    crt, key = files(pair())
    env = {"FORCE_COMMAND": "true", "HTTP_TOKEN": "0123456789abcdef", "TLS_CERT": str(crt), "TLS_KEY": str(key)}

    def said():
        return subprocess.run([BASTION, "check"], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout

    assert re.search(rf"^certificate: {crt}: good for another (29|30) days$", said(), re.M)
    shutil.copy(Pair("other").key, key)
    assert f"fault: TLS_CERT, TLS_KEY: {crt}, {key}: the key does not belong to the certificate (from the environment)\n" in said()


# ---- replacing ----

def test_replaced(start, files):
    """A renewal counts at the next connection, with no restart."""
    crt, key = files(Pair("before", ca=authority(), subject="/CN=before"))
    server = serve(start, (crt, key))
    assert "CN = before" in s_client(server, "-tls1_2")
    after = Pair("after", ca=authority(), subject="/CN=after")
    server.reload(after.crt, crt), server.reload(after.key, key)
    assert "CN = after" in s_client(server, "-tls1_2")


def waits_for_the_other_file(pid):
    """Whether it is in poll(NULL, 0, ...), as nowhere else."""
    try:
        return re.match(r"7 0x0 0x0 ", Path(f"/proc/{pid}/syscall").read_text()) is not None
    except OSError:
        return False


@pytest.mark.root
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="knows poll's number by heart")
def test_half_replaced(start, files):
    """The second file comes while the first connection waits for it."""
    first, after = files(Pair("before", ca=authority(), subject="/CN=before")), Pair("after", ca=authority(), subject="/CN=after")
    crt, key = first
    server = serve(start, (crt, key))
    for _ in range(100):
        server.reload(Pair("before").crt, crt), server.reload(after.key, key)
        argv = ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1_2"]
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as client:
            pid = wait_for(lambda: [p for p in server.processes(BASTION, "tls") if waits_for_the_other_file(p)] or client.poll() is not None, "it waits")
            if pid is True:
                continue
            os.kill(pid[0], signal.SIGSTOP)
            caught = waits_for_the_other_file(pid[0])
            server.reload(after.crt, crt)
            os.kill(pid[0], signal.SIGCONT)
            said = client.communicate(timeout=30)[0].decode()
        if caught:
            break
    else:
        raise AssertionError("it never waited for the other file")
    assert "CN = after" in said
    assert not server.events("fault") or "does not belong" in server.events("fault")[-1]["reason"]
