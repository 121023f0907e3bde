"""`bastion check` on certificates."""
import subprocess

import pytest
from check_harness import look

pytestmark = pytest.mark.root


def make(folder, name="tls", days=90, more=()):
    key, crt = folder / f"{name}.key", folder / f"{name}.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", crt, "-days", str(days), "-subj", "/CN=x", *more],
                   check=True, capture_output=True)
    return {"TLS_CERT": str(crt), "TLS_KEY": str(key)}


def test_good(tmp_path):
    found = look(**make(tmp_path))
    assert (found.code, found.warnings) == (0, []) and "good for another" in found.lines("certificate")[0]
    assert look("--brief", **make(tmp_path, "brief")).code == 0


def test_not_a_pair(tmp_path):
    pair = {**make(tmp_path), "TLS_KEY": make(tmp_path, "other")["TLS_KEY"]}
    [fault] = look(**pair).faults
    assert "TLS_CERT, TLS_KEY: " in fault and "does not belong to the certificate (from the environment)" in fault


BROKEN = {
    "no certificate's file": (lambda c, k: c.unlink(), "No such file"),
    "no key's file": (lambda c, k: k.unlink(), "No such file"),
    "an empty certificate": (lambda c, k: c.write_text(""), "there is no certificate in it"),
    "a key for a certificate": (lambda c, k: c.write_bytes(k.read_bytes()), "there is no certificate in it"),
    "a certificate for a key": (lambda c, k: k.write_bytes(c.read_bytes()), "there is no private key in it"),
    "a folder": (lambda c, k: (c.unlink(), c.mkdir()), ""),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken(tmp_path, kind):
    pair = make(tmp_path)
    BROKEN[kind][0](tmp_path / "tls.crt", tmp_path / "tls.key")
    [fault] = look(**pair).faults
    assert fault.startswith("TLS_CERT, TLS_KEY: ") and BROKEN[kind][1] in fault and str(tmp_path) in fault


def test_one_without_the_other(tmp_path):
    found = look(TLS_CERT=make(tmp_path)["TLS_CERT"])
    assert found.faults == ["TLS_CERT: needs TLS_KEY too (from the environment)"]


@pytest.mark.parametrize("dates, word", [(("-not_before", "20200101000000Z", "-not_after", "20210101000000Z"), "expired"), (None, "expires in")])
def test_old(tmp_path, dates, word):
    """Clients decide, so it is a warning."""
    pair = make(tmp_path, days=3)
    if dates:  # openssl req of Debian 12 knows no dates
        subprocess.run(["openssl", "req", "-new", "-key", pair["TLS_KEY"], "-subj", "/CN=x", "-out", tmp_path / "csr"], check=True)
        (tmp_path / "db").touch(), (tmp_path / "serial").write_text("01")
        (tmp_path / "cnf").write_text(f"[ca]\ndefault_ca=x\n[x]\ndatabase={tmp_path}/db\nserial={tmp_path}/serial\nnew_certs_dir={tmp_path}\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n")
        subprocess.run(["openssl", "ca", "-batch", "-config", tmp_path / "cnf", "-selfsign", "-keyfile", pair["TLS_KEY"], "-in", tmp_path / "csr", "-notext", "-out", pair["TLS_CERT"],
                        "-startdate", "200101000000Z", "-enddate", "210101000000Z"], check=True, capture_output=True)
    found = look(**pair)
    assert found.code == 0 and len(found.warnings) == 1 and word in found.warnings[0]


def test_key_that_everybody_can_read(tmp_path):
    pair = make(tmp_path)
    (tmp_path / "tls.key").chmod(0o644)
    found = look(**pair)
    assert found.code == 0 and "chmod 600" in found.warnings[0]


def test_client_ca(tmp_path):
    pair = make(tmp_path)
    assert look(**pair, TLS_CLIENT_CA=pair["TLS_CERT"]).code == 0
    [fault] = look(**pair, TLS_CLIENT_CA="/nowhere/ca.pem").faults
    assert fault.startswith("TLS_CLIENT_CA: /nowhere/ca.pem: No such file")


# ---- TLS=self-signed ----

def test_self_signed_before_it_is_made():
    found = look(TLS="self-signed")
    assert found.code == 0 and "bastion cert --keep /etc/ssh/keys NAME" in found.warnings[0]
    for folder in ("/run/a/b/c", "/nowhere-yet", "/nowhere-yet/keys"):
        found = look(TLS="self-signed", SSH_KEYS=folder)
        assert found.code == 0 and f"there is no certificate in {folder} yet" in found.warnings[0]


CONTAINER = "".join(f"mv /etc/{name} /run/bastion; ln -s /run/bastion/{name} /etc/{name}\n" for name in ("passwd", "group"))


def test_self_signed_in_the_container():
    """bastion init makes it at its start, so that nothing is left to do."""
    found = look(TLS="self-signed", before=CONTAINER)
    assert (found.code, found.warnings) == (0, []) and found.lines("certificate") == ["none yet; bastion init makes one in /etc/ssh/keys"]


@pytest.mark.parametrize("folder", ["/etc/ssh/keys", "/etc/ssh/keys/more"])
def test_self_signed_and_no_place(folder):
    [fault] = look(TLS="self-signed", SSH_KEYS=folder, before="mount --bind /etc/ssh/keys /etc/ssh/keys; mount -o remount,bind,ro /etc/ssh/keys").faults
    assert fault.startswith("TLS: self-signed: there is no certificate in ") and "Read-only" in fault


def test_self_signed_made(tmp_path):
    make(tmp_path)
    assert look(TLS="self-signed", SSH_KEYS=str(tmp_path)).code == 0
    (tmp_path / "tls.key").unlink()
    [fault] = look(TLS="self-signed", SSH_KEYS=str(tmp_path)).faults
    assert fault.startswith("TLS: ") and "tls.key: No such file" in fault


def test_without_a_credential(tmp_path):
    found = look(**make(tmp_path), HTTP_TOKEN=None)
    assert any("nobody is served over HTTPS" in w for w in found.warnings)
