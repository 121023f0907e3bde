"""TLS_CLIENT_CA: no connection without a certificate from it, and its name in the log."""
import pytest
from tls_harness import AUTHORITY, Pair, TlsServer, authority, curl, openssl, pair, s_client

CLIENT = ("basicConstraints=critical,CA:FALSE", "extendedKeyUsage=clientAuth")


def client(name, kind="P-256", ca=None, **options):
    return Pair("client-" + name, kind, ca or authority("client-ca"), subject=options.pop("subject", f"/O=x/CN={name}"), extensions=CLIENT, **options)


def with_certificate(server, certificate, *arguments, **options):
    return curl(server, "--cert", certificate.crt, "--key", certificate.key, *arguments, **options)


@pytest.fixture(scope="module")
def served(start_once):
    return start_once(TlsServer, TLS_CLIENT_CA=str(authority("client-ca").crt), COMMAND_LOCK="off", FORCE_COMMAND="echo $BASTION_USER; env | grep -c ^SSL; true")


def refused(server, *arguments):
    """What the log says of a connection that ended in the handshake."""
    before = len(server.events("deny", channel="tls"))
    done = curl(server, *arguments)
    assert (done.returncode, done.stdout) in ((56, b""), (35, b""), (55, b""), (60, b"")), done
    return server.wait_event("deny", before + 1, channel="tls")[-1]["reason"]


@pytest.mark.parametrize("kind", ["P-256", "P-384", "P-521", "RSA:2048", pytest.param("RSA:4096", marks=pytest.mark.slow)])
def test_allowed(served, kind):
    name = "alice-" + kind.replace(":", "")
    done = with_certificate(served, client(name, kind))
    assert (done.returncode, done.stdout) == (0, f"{name}\n0\n".encode()), done.stderr
    assert served.wait_event("end", user=name, channel="http")


@pytest.mark.parametrize("beside", ["", "a key"])
def test_authority_with_an_rsa_key(start, tmp_path, beside):
    """Of what else is in the file nothing counts."""
    ca, other = authority("rsa-ca", "RSA:2048"), authority("client-ca")
    (tmp_path / "ca").write_text((ca.key.read_text() if beside else "") + ca.crt.read_text() + other.crt.read_text())
    server = start(TlsServer, TLS_CLIENT_CA=str(tmp_path / "ca"))
    assert with_certificate(server, client("of-rsa", ca=ca)).returncode == 0
    assert with_certificate(server, client("alice-P-256")).returncode == 0


def test_the_credential_is_needed_too(served):
    done = with_certificate(served, client("bob"), "-o", "/dev/null", "-w", "%{http_code}", auth=None)
    assert done.stdout == b"401"
    assert served.wait_event("login", user="bob")[0]["status"] == 401


def test_none(served):
    assert refused(served) == "TLS: the client sent no certificate"


def test_from_elsewhere(served):
    other = client("eve", ca=authority("other-ca"))
    assert refused(served, "--cert", other.crt, "--key", other.key) == "TLS: the client's certificate is from no authority in TLS_CLIENT_CA"


def test_server_s_own_authority_does_not_count(served):
    assert "no authority" in refused(served, "--cert", pair().crt, "--key", pair().key)


def test_same_names_other_key(served, tmp_path):
    """An authority that calls itself as the right one does."""
    fake = Pair("fake-ca", subject="/O=bastion/CN=client-ca", extensions=("basicConstraints=critical,CA:TRUE",))
    other = Pair("client-of-fake", ca=fake, subject="/CN=eve", extensions=CLIENT)
    assert refused(served, "--cert", other.crt, "--key", other.key).startswith("TLS: ")


def test_signed_by_a_client(served):
    """A certificate of a client's is no authority, whatever its holder signs with it."""
    alice = client("alice-P-256")
    fake = Pair("client-of-alice", ca=alice, subject="/CN=root", extensions=CLIENT)
    chain = fake.crt.with_name("chain-of-alice.crt")
    chain.write_text(fake.crt.read_text() + alice.crt.read_text())
    assert refused(served, "--cert", chain, "--key", fake.key).startswith("TLS: ")


def test_expired(served, tmp_path):
    old = client("old")
    (tmp_path / "index").touch()
    (tmp_path / "conf").write_text(f"[ca]\ndefault_ca = x\n[x]\ndatabase = {tmp_path}/index\nnew_certs_dir = {tmp_path}\nrand_serial = yes\n"
                                   "default_md = sha256\npolicy = y\n[y]\ncommonName = supplied\n")
    openssl("req", "-new", "-key", old.key, "-subj", "/CN=old", "-out", tmp_path / "csr")
    openssl("ca", "-batch", "-notext", "-config", tmp_path / "conf", "-cert", authority("client-ca").crt, "-keyfile", authority("client-ca").key,
            "-in", tmp_path / "csr", "-out", tmp_path / "crt", "-startdate", "200101000000Z", "-enddate", "200201000000Z")
    assert refused(served, "--cert", tmp_path / "crt", "--key", old.key) == "TLS: the client's certificate is expired, or not valid yet"


@pytest.mark.parametrize("name, subject", [("nameless", "/O=x"), ("control", "/CN=a\x01b")])
def test_no_usable_name(served, name, subject):
    bad = client(name, subject=subject)
    assert refused(served, "--cert", bad.crt, "--key", bad.key) == "TLS: the client's certificate has no usable common name"


def test_name_that_needs_quotes(served):
    odd = client("odd", subject="/CN=a \"b\" verdict=allow")
    assert with_certificate(served, odd).returncode == 0
    assert served.wait_event("end", user='a \\"b\\" verdict=allow')


PURPOSES = {"": True, "clientAuth": True, "serverAuth,clientAuth": True, "anyExtendedKeyUsage": True,
            "serverAuth": False, "critical,serverAuth": False, "codeSigning,emailProtection": False}


@pytest.mark.parametrize("purposes", PURPOSES)
def test_purpose(served, purposes):
    """A server's certificate from the same authority is no client's, whatever its name."""
    extensions = CLIENT[:1] + (("extendedKeyUsage=" + purposes,) if purposes else ())
    other = Pair("for-" + purposes.replace(",", "-"), ca=authority("client-ca"), subject="/CN=www.test", extensions=extensions)
    if PURPOSES[purposes]:
        assert with_certificate(served, other).returncode == 0
    else:
        assert refused(served, "--cert", other.crt, "--key", other.key) in (
            "TLS: the client's certificate is for another purpose", "TLS: the client's certificate can't be used")


def test_long_chain(served, tmp_path):
    """Nobody has a thousand signatures checked."""
    link = Pair("link", "P-521", subject="/CN=link", extensions=("basicConstraints=critical,CA:TRUE",))
    (tmp_path / "chain").write_text(link.crt.read_text() * 1000)
    assert refused(served, "--cert", tmp_path / "chain", "--key", link.key) == "TLS: the client's certificate can't be used"


def test_no_resumption(served, tmp_path):
    """The certificate is asked for at every connection, so that one that is taken back counts at once."""
    alice = client("alice-P-256")
    words = ("-tls1_2", "-cert", alice.crt, "-key", alice.key)
    s_client(served, *words, "-sess_out", tmp_path / "session")
    assert "New, TLSv1.2" in s_client(served, *words, "-sess_in", tmp_path / "session")


def test_a_session_from_a_server_that_asks_nobody(start, served, tmp_path):
    """They share a folder and a certificate; what the one lets in the other does not."""
    open_server = start(TlsServer, RUN_DIR=str(served.run_dir), program=("echo", "ok"))
    s_client(open_server, "-tls1_2", "-sess_out", tmp_path / "session")
    assert "Reused" in s_client(open_server, "-tls1_2", "-sess_in", tmp_path / "session")
    said = s_client(served, "-tls1_2", "-sess_in", tmp_path / "session", check=False)
    assert "Reused" not in said and "alert" in said


def test_one_client_s_certificate_alone(start):
    """One that is no authority's in the file is taken as it is."""
    only = Pair("only", subject="/CN=only", extensions=CLIENT)
    server = start(TlsServer, TLS_CLIENT_CA=str(only.crt))
    assert with_certificate(server, only).returncode == 0
    assert server.wait_event("end", user="only")
    alice, of_only = client("alice-P-256"), Pair("of-only", ca=only, subject="/CN=root", extensions=CLIENT)
    for other in (alice, of_only):  # it is an authority over nobody
        assert refused(server, "--cert", other.crt, "--key", other.key).startswith("TLS: ")


@pytest.mark.parametrize("content, reason", [(None, "No such file"), ("", "there is no certificate in it"), ("many", "it has too many certificates"),
                                             ("large", "its certificates are too large together"), ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "a certificate in it is damaged")])
def test_fault(start, tmp_path, content, reason):
    path = tmp_path / "ca"
    special = {"many": lambda: authority().crt.read_text() * 17, "large": lambda: Pair("long-name", ca=authority(), subject="/O=x" + "".join(f"/OU={i:064}" for i in range(230)), extensions=AUTHORITY).crt.read_text() * 2}
    if content is not None:
        path.write_text(special[content]() if content in special else content)
    server = start(TlsServer, TLS_CLIENT_CA=str(path))
    assert curl(server).returncode != 0
    assert reason in server.wait_event("fault", channel="tls")[0]["reason"]
