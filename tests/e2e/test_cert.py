"""bastion cert: the key and certificate that it makes, read by OpenSSL; and what --keep leaves alone."""
import base64
import hashlib
import os
import re
import stat
import subprocess

import pytest
from harness import BASTION, WITHOUT_RANDOM, together


def cert(*words, **options):
    return subprocess.run([BASTION, "cert", *map(str, words)], capture_output=True, text=True, timeout=30, **options)


def openssl(*words, text=True, **options):
    return subprocess.run(["openssl", *map(str, words)], capture_output=True, text=text, check=True, **options).stdout


def state(folder):
    return [(name, (folder / name).read_bytes()) for name in ("tls.crt", "tls.key")]


def expiring(folder, days):
    """The pair's certificate, replaced by one for the same key that ends then."""
    openssl("req", "-new", "-x509", "-key", folder / "tls.key", "-subj", "/CN=a.test", "-addext", "subjectAltName=DNS:a.test", "-days", days, "-out", folder / "tls.crt")


def test_a_pair(tmp_path):
    folder = tmp_path / "new"
    done = cert(folder, "bastion.test", "192.0.2.7", "2001:db8::1", "*.sub.bastion.test")
    assert done.returncode == 0, done.stderr
    text = openssl("x509", "-in", folder / "tls.crt", "-noout", "-text")
    assert "DNS:bastion.test, IP Address:192.0.2.7, IP Address:2001:DB8:0:0:0:0:0:1, DNS:*.sub.bastion.test" in text
    for wanted in ("Version: 3", "Subject: CN = bastion.test", "Issuer: CN = bastion.test", "ecdsa-with-SHA256", "prime256v1", "CA:FALSE",
                   "Key Usage: critical\n                Digital Signature", "TLS Web Server Authentication"):
        assert wanted in text
    openssl("verify", "-x509_strict", "-partial_chain", "-purpose", "sslserver", "-verify_hostname", "x.sub.bastion.test", "-CAfile", folder / "tls.crt", folder / "tls.crt")
    openssl("x509", "-in", folder / "tls.crt", "-noout", "-checkend", 800 * 86400)
    public = openssl("pkey", "-in", folder / "tls.key", "-pubout", "-outform", "DER", text=False)
    assert public == openssl("pkey", "-pubin", "-outform", "DER", text=False, input=openssl("x509", "-in", folder / "tls.crt", "-noout", "-pubkey").encode())
    pin = base64.b64encode(hashlib.sha256(public).digest()).decode()
    assert done.stdout == f"TLS_CERT={folder}/tls.crt\nTLS_KEY={folder}/tls.key\ncurl --insecure --pinnedpubkey 'sha256//{pin}'\n"
    assert [stat.S_IMODE(os.stat(folder / name).st_mode) for name in ("tls.crt", "tls.key")] == [0o644, 0o600]
    assert sorted(os.listdir(folder)) == ["tls.crt", "tls.key"]


def test_serial_numbers_differ(tmp_path):
    serials = set()
    for i in range(5):
        cert(tmp_path / str(i), "a.test")
        serials.add(openssl("x509", "-in", tmp_path / str(i) / "tls.crt", "-noout", "-serial"))
    assert len(serials) == 5
    assert all(re.fullmatch(r"serial=[4-7][0-9A-F]{31}\n", serial) for serial in serials)


def test_what_is_there_is_not_replaced(tmp_path):
    assert cert(tmp_path, "a.test").returncode == 0
    before = state(tmp_path)
    again = cert(tmp_path, "a.test")
    assert (again.returncode, again.stdout, state(tmp_path)) == (71, "", before)
    kept = cert("--keep", tmp_path, "a.test")
    assert (kept.returncode, state(tmp_path)) == (0, before)
    assert kept.stdout.startswith(f"TLS_CERT={tmp_path}/tls.crt\n")


@pytest.mark.parametrize("spoil", [
    lambda folder: (folder / "tls.crt").unlink(),
    lambda folder: (folder / "tls.crt").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    lambda folder: expiring(folder, 29),
    lambda folder: cert(folder / "other", "a.test") and os.replace(folder / "other/tls.crt", folder / "tls.crt"),
    lambda folder: (folder / "tls.crt").unlink() or cert("--keep", folder, "b.test"),
], ids=["missing", "damaged", "ends soon", "another key's", "another name"])
def test_keep_mends(tmp_path, spoil):
    """The key stays, so that its pin does."""
    cert(tmp_path, "a.test")
    before = state(tmp_path)
    spoil(tmp_path)
    done = cert("--keep", tmp_path, "a.test")
    assert done.returncode == 0, done.stderr
    assert state(tmp_path)[1] == before[1]
    openssl("verify", "-partial_chain", "-verify_hostname", "a.test", "-CAfile", tmp_path / "tls.crt", tmp_path / "tls.crt")
    openssl("x509", "-in", tmp_path / "tls.crt", "-noout", "-checkend", 800 * 86400)


def test_keep_leaves_one_that_lasts(tmp_path):
    cert(tmp_path, "a.test")
    expiring(tmp_path, 31)
    before = state(tmp_path)
    assert cert("--keep", tmp_path, "a.test").returncode == 0
    assert state(tmp_path) == before


def test_at_once(tmp_path):
    """One key, whoever was first, and a certificate for it."""
    done = together([lambda: cert("--keep", tmp_path, "a.test")] * 12)
    assert {d.returncode for d in done} == {0}
    assert len({d.stdout for d in done}) == 1
    assert sorted(os.listdir(tmp_path)) == ["tls.crt", "tls.key"]
    assert openssl("x509", "-in", tmp_path / "tls.crt", "-noout", "-pubkey") == openssl("pkey", "-in", tmp_path / "tls.key", "-pubout")


def test_a_damaged_key(tmp_path):
    """Nobody but its owner knows what it was: it is left alone."""
    cert(tmp_path, "a.test")
    key = tmp_path / "tls.key"
    key.write_bytes(damaged := key.read_bytes().replace(b"M", b"*"))
    done = cert("--keep", tmp_path, "a.test")
    assert (done.returncode, done.stdout) == (71, "") and str(key) in done.stderr
    assert key.read_bytes() == damaged


def test_a_key_that_is_not_ours(tmp_path):
    openssl("genrsa", "-out", tmp_path / "tls.key", 2048)
    before = (tmp_path / "tls.key").read_bytes()
    done = cert("--keep", tmp_path, "a.test")
    assert (done.returncode, done.stdout) == (71, "")
    assert "left alone" in done.stderr
    assert (tmp_path / "tls.key").read_bytes() == before
    assert not (tmp_path / "tls.crt").exists()


@pytest.mark.parametrize("words", [[], ["x"], ["--keep", "x"], ["--other", "x", "a.test"], ["x", "a b"], ["x", "-a.test"], ["x", "a..test"], ["x", "a.test."],
                                   ["x", ""], ["x", "*."], ["x", "a.*"], ["x", "a" * 64], ["x", "a.test", "b/c"]])
def test_usage(tmp_path, words):
    assert cert(*words, cwd=tmp_path).returncode == 64
    assert os.listdir(tmp_path) == []


def test_faults(tmp_path):
    assert cert(tmp_path / "no/folder", "a.test").returncode == 71
    assert "ilename too long" in cert("/x" * 3000, "a.test").stderr
    (tmp_path / "file").touch()
    assert cert(tmp_path / "file", "a.test").returncode == 71
    with open("/dev/full", "w") as full:
        assert subprocess.run([BASTION, "cert", tmp_path / "x", "a.test"], stdout=full).returncode == 71


@pytest.mark.root
@pytest.mark.parametrize("have_key", [False, True])
def test_without_random_numbers(tmp_path, have_key):
    """Neither a key nor a certificate is made of something else."""
    if have_key:
        cert(tmp_path, "a.test")
        (tmp_path / "tls.crt").unlink()
    done = subprocess.run([*WITHOUT_RANDOM, BASTION, "cert", "--keep", tmp_path, "a.test"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (71, "", "bastion cert: no random numbers: No such file or directory\n")
    assert os.listdir(tmp_path) == (["tls.key"] if have_key else [])


def test_names_of_every_length(tmp_path):
    """As many and as long as they may be, they have room."""
    names = [f"{i:063}.{'a' * 63}.{'b' * 63}.{'c' * 61}" for i in range(64)]
    assert cert(tmp_path, *names).returncode == 0
    assert openssl("x509", "-in", tmp_path / "tls.crt", "-noout", "-text").count("DNS:") == 64
