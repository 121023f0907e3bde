"""bastion tls with real clients: what is spoken, what the program learns, how a session is resumed."""
import json
import os
import re
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
from harness import AUTH, BASTION, SUPERSERVERS, SYSTEM_PATH, WITHOUT_RANDOM, request
from tls_harness import HTTPS, NAME, Pair, TlsClient, TlsServer, authority, curl, openssl, pair, s_client, trusting

ON = ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"]
ON_RSA = [name.replace("ECDSA", "RSA") for name in ON]


@pytest.fixture(scope="module")
def served(start_once):
    return start_once(TlsServer, COMMAND_LOCK="off", FORCE_COMMAND="echo $BASTION_USER $BASTION_PEER; env | grep -c -e ^SSL_ -e HTTPS -e TLS; true")


# ---- clients ----

def test_curl(served):
    done = curl(served, "--tls-max", "1.2", "-i")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"HTTP/1.1 200 OK\r\n")
    assert done.stdout.endswith(b"\r\n\r\ntoken 127.0.0.1\n0\n")  # nothing of TLS reaches the command
    assert curl(served, path="/healthz", auth=None).stdout == b"ok\n"
    assert curl(served, auth=None, path="/healthz").returncode == 0


def test_wget(served):
    host = f"--header=Host: {NAME}"
    done = subprocess.run(["wget", "-q", "-O", "-", f"--ca-certificate={authority().crt}", f"--header={AUTH}", host,
                           f"https://127.0.0.1:{served.port}/cgi-bin/run"], capture_output=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, b"token 127.0.0.1\n0\n"), done.stderr


def test_gnutls(served):
    done = subprocess.run(["gnutls-cli", f"--x509cafile={authority().crt}", f"--verify-hostname={NAME}", f"--sni-hostname={NAME}", "-p", str(served.port),
                           "127.0.0.1"], input=request(version="HTTP/1.0"), capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert b"\r\n\r\ntoken 127.0.0.1\n0\n" in done.stdout
    assert b"Status: The certificate is trusted" in done.stdout


def test_python(served):
    with TlsClient(served) as client:
        assert (client.sock.version(), client.sock.cipher()[0]) == ("TLSv1.2", ON[0] if "aes" in open("/proc/cpuinfo").read() else ON[2])
        client.send(request() + request(target="/none") + request(close=True))
        assert [client.answer().status for _ in range(3)] == [200, 404, 200]
        assert client.is_closed()  # by a close_notify: anything else would be an error here


# ---- what is on and off ----

@pytest.mark.parametrize("suite", ON)
def test_cipher_suite(served, suite):
    assert f"Cipher is {suite}" in s_client(served, "-tls1_2", "-cipher", suite)


@pytest.mark.parametrize("suite", ON_RSA)
def test_cipher_suite_rsa(start, suite):
    server = start(TlsServer, certificate=pair("RSA:2048"))
    assert f"Cipher is {suite}" in s_client(server, "-tls1_2", "-cipher", suite)


def test_every_other_cipher_suite_is_off(start, served):
    """All that OpenSSL has, one by one. With an RSA certificate too, since it brings the RSA key exchange."""
    every = openssl("ciphers", "-s", "-tls1_2", "ALL:COMPLEMENTOFALL:@SECLEVEL=0").strip().split(":")
    assert len(every) > 80
    rsa = start(TlsServer, certificate=pair("RSA:2048"))
    for server, on in ((served, ON), (rsa, ON_RSA)):
        off = [suite for suite in every if suite not in on]
        said = s_client(server, "-tls1_2", "-cipher", ":".join(off) + ":@SECLEVEL=0", check=False)
        assert "alert handshake failure" in said and "Cipher is (NONE)" in said


@pytest.mark.parametrize("group, name", [("X25519:P-256", "X25519, 253 bits"), ("P-256", "ECDH, prime256v1, 256 bits"), ("P-256:X25519", "X25519, 253 bits"),
                                         ("X448:P-384:P-256", "ECDH, prime256v1, 256 bits")])
def test_group(served, group, name):
    assert f"Server Temp Key: {name}" in s_client(served, "-tls1_2", "-groups", group)


@pytest.mark.parametrize("group", ["P-384", "P-521", "X448", "brainpoolP256r1", "secp256k1"])
def test_group_that_is_off(served, group):
    assert "alert handshake failure" in s_client(served, "-tls1_2", "-groups", group, check=False)


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_version_that_is_off(served, version):
    before = len(served.events("deny"))
    assert "Cipher is (NONE)" in s_client(served, version, "-cipher", "ALL:@SECLEVEL=0", check=False)
    assert served.wait_event("deny", before + 1)[-1]["reason"] == "TLS: a version of TLS below 1.2"


def test_version_1_3_falls_back(served):
    assert "Protocol  : TLSv1.2" in s_client(served)
    assert "alert" in s_client(served, "-tls1_3", check=False)


def test_weak_signatures_are_off(served):
    assert "alert handshake failure" in s_client(served, "-tls1_2", "-sigalgs", "ECDSA+SHA1", "-cipher", "ALL:@SECLEVEL=0", check=False)
    assert "Peer signing digest: SHA256" in s_client(served, "-tls1_2", "-sigalgs", "ECDSA+SHA1:ECDSA+SHA256", "-cipher", "ALL:@SECLEVEL=0")


@pytest.mark.parametrize("offered, chosen", [("http/1.1", "http/1.1"), ("h2,http/1.1", "http/1.1"), ("http/1.0", "http/1.0")])
def test_application_protocol(served, offered, chosen):
    assert f"ALPN protocol: {chosen}" in s_client(served, "-tls1_2", "-alpn", offered)


def test_application_protocol_that_is_not_there(served):
    assert "alert no application protocol" in s_client(served, "-tls1_2", "-alpn", "h2", check=False)
    assert "No ALPN negotiated" in s_client(served, "-tls1_2")


def test_no_renegotiation(served):
    said = s_client(served, "-tls1_2", input=b"R\n", check=False)
    assert "Secure Renegotiation IS supported" in said
    assert "no renegotiation" in said


def test_log_of_refusals(start):
    server = start(TlsServer)
    s_client(server, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", check=False)
    s_client(server, "-tls1_2", "-groups", "P-384", check=False)
    curl(server, "--cacert", pair().crt.with_name("ca.key"))
    server.settle()
    reasons = [e["reason"] for e in server.events("deny", channel="tls", peer="127.0.0.1")]
    assert reasons[:2] == ["TLS: a version of TLS below 1.2", "TLS: no cipher suite, group or signature algorithm in common"]


# ---- what the program learns ----

PRINT = ("python3", "-c", """
import json, os, sys
print(json.dumps({k: v for k, v in os.environ.items() if k.startswith(("SSL", "HTTPS", "TCP"))}))
""")


def learnt(server, *arguments, **options):
    said = s_client(server, "-tls1_2", "-quiet", *arguments, **options)
    return json.loads(re.search(r"^\{.*\}$", said, re.M)[0])


def test_environment(start):
    server = start(TlsServer, program=PRINT, env={"SSL_CIPHER": "wrong", "SSL_CLIENT_S_DN_CN": "root", "SSL_CLIENT_VERIFY": "SUCCESS", "HTTPS": "off"})
    found = learnt(server)
    assert {k: v for k, v in found.items() if not k.startswith("TCP")} == {
        "HTTPS": "on", "SSL_PROTOCOL": "TLSv1.2", "SSL_CIPHER": learnt(server)["SSL_CIPHER"], "SSL_TLS_SNI_SERVERNAME": NAME}
    assert found["SSL_CIPHER"] in ON
    assert found["TCPREMOTEIP"] == "127.0.0.1"


def test_server_name_that_is_none(start):
    server = start(TlsServer, program=PRINT, env={"SSL_TLS_SNI_SERVERNAME": "wrong"})
    for name in ("a b", "x\nEVIL=1", "$(id)", "ä"):
        assert "SSL_TLS_SNI_SERVERNAME" not in learnt(server, "-servername", name)
    assert "SSL_TLS_SNI_SERVERNAME" not in learnt(server, "-noservername", sni=False)


def test_program_that_is_not_there(start):
    server = start(TlsServer, program=("/no/program",))
    assert "alert internal error" in s_client(server, "-tls1_2", "-ign_eof", check=False)
    assert server.wait_event("fault", channel="tls")[0]["reason"] == "/no/program: No such file or directory"


# ---- resumption ----

def sessions(server, tmp_path, *arguments):
    """Two connections, the second with the first one's session; what the second printed."""
    s_client(server, "-tls1_2", "-sess_out", tmp_path / "session", *arguments)
    return s_client(server, "-tls1_2", "-sess_in", tmp_path / "session", *arguments)


@pytest.mark.parametrize("suite", ON)
def test_resumption(served, tmp_path, suite):
    assert f"Reused, TLSv1.2, Cipher is {suite}" in sessions(served, tmp_path, "-cipher", suite)


def test_resumed_connection_works(served):
    context = trusting()
    with TlsClient(served, context) as client:
        client.send(request(close=True))
        assert client.answer().status == 200
        session = client.sock.session
    with TlsClient(served, context, session) as client:
        assert client.sock.session_reused
        client.send(request(close=True))
        assert client.answer().body == b"token 127.0.0.1\n0\n"


def test_cache_is_the_account_s_alone(served):
    assert curl(served).returncode == 0
    state = (served.run_dir / "tls-sessions").stat()
    assert (state.st_mode & 0o777, state.st_uid) == (0o600, 65527)
    assert state.st_size <= 4096 * 112


@pytest.mark.root
def test_resumption_for_a_root_of_few_capabilities(start, tmp_path):
    """As in a container: it can't open what is another account's."""
    few = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    server = start(TlsServer, argv=lambda server: [*few, *SUPERSERVERS["tcpsvd"](server.host, server.port), *HTTPS])
    sessions(server, tmp_path)
    assert "Reused" in sessions(server, tmp_path)


def test_no_resumption_with_another_certificate(start, tmp_path):
    files = Pair("replaced-a", ca=authority()), Pair("replaced-b", ca=authority())
    crt, key = tmp_path / "crt", tmp_path / "key"
    shutil.copy(files[0].crt, crt), shutil.copy(files[0].key, key)
    server = start(TlsServer, TLS_CERT=str(crt), TLS_KEY=str(key))
    assert "Reused" in sessions(server, tmp_path)
    server.reload(files[1].crt, crt), server.reload(files[1].key, key)
    said = s_client(server, "-tls1_2", "-sess_in", tmp_path / "session")
    assert "New, TLSv1.2" in said


@pytest.mark.parametrize("spoil", ["torn", "zero", "short", "gone", "foreign"])
def test_a_damaged_cache_is_a_miss(start, tmp_path, spoil):
    server = start(TlsServer)
    assert "Reused" in sessions(server, tmp_path)
    cache = server.run_dir / "tls-sessions"
    data = cache.read_bytes()
    if spoil == "torn":  # the master secret's bytes
        cache.write_bytes(b"".join(data[i:i + 40] + bytes(255 - b for b in data[i + 40:i + 41]) + data[i + 41:i + 112] for i in range(0, len(data), 112)))
    elif spoil == "foreign":
        cache.unlink()
        cache.symlink_to("/etc/passwd")
    elif spoil == "gone":
        cache.unlink()
    else:
        cache.write_bytes(bytes(len(data)) if spoil == "zero" else data[:100])
    assert "New, TLSv1.2" in s_client(server, "-tls1_2", "-sess_in", tmp_path / "session")
    assert curl(server).returncode == 0


@pytest.mark.root
def test_another_s_file_is_not_taken_for_the_cache(start, tmp_path):
    """One that has a second name may be anything of root's."""
    (tmp_path / "precious").touch()
    (tmp_path / "run").mkdir()
    os.link(tmp_path / "precious", tmp_path / "run/tls-sessions")
    server = start(TlsServer, RUN_DIR=str(tmp_path / "run"))
    assert curl(server, path="/healthz", auth=None).stdout == b"ok\n"
    assert ((tmp_path / "precious").stat().st_uid, (tmp_path / "precious").stat().st_size) == (0, 0)


def test_without_a_folder_for_the_cache(start, tmp_path):
    server = start(TlsServer, program=("echo", "ok"), RUN_DIR=str(tmp_path / "none"))
    assert "New, TLSv1.2" in sessions(server, tmp_path)


# ---- what the system would not give ----

WITHOUT_SOCKETPAIR = ("/usr/bin/python3", str(Path(__file__).parent / "without_calls.py"), "socketpair")
NO_ACCOUNTS = ("setpriv", "--bounding-set=-setuid", "--inh-caps=-setuid")


@pytest.mark.root
@pytest.mark.parametrize("before, reason", [(WITHOUT_SOCKETPAIR, "the program's process can't be made: Function not implemented"),
                                            (WITHOUT_RANDOM, "there are no random numbers"),
                                            (NO_ACCOUNTS, r"cannot become the account \d+ without privileges: Operation not permitted")], ids=["sockets", "random numbers", "accounts"])
def test_what_it_can_not_do_without(start, before, reason):
    """The client gets an alert, and the log the reason; the program never starts."""
    server = start(TlsServer, program=("sh", "-c", "echo x >>$T/runs"), bastion=(*before, BASTION))
    assert "alert internal error" in s_client(server, "-tls1_2", check=False)
    assert re.fullmatch(reason, server.wait_event("fault", channel="tls")[0]["reason"])
    server.settle()
    assert not (server.t / "runs").exists()


def test_usage():
    for words in ([], ["-x"]):
        done = subprocess.run([BASTION, "tls", *words], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert (done.returncode, done.stdout, done.stderr) == (64, "", "usage: bastion tls PROGRAM [ARG...]\n")


@pytest.mark.root
def test_without_standard_streams():
    """Nothing is opened in their places where there is no /dev/null."""
    done = subprocess.run(["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /dev && exec "$0" tls echo x <&-', BASTION], capture_output=True)
    assert (done.returncode, done.stdout) == (71, b"")


@pytest.mark.parametrize("said", ["hello", "something else"])
def test_nobody_to_answer(said):
    """The client is gone before it is answered: that is an end, and nobody's fault."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        trusting().wrap_bio(incoming, outgoing, server_hostname=NAME).do_handshake()
    there, here = os.pipe()
    os.close(there)
    try:
        done = subprocess.run([BASTION, "tls", "echo", "x"], input=outgoing.read() if said == "hello" else b"something else", stdout=here, stderr=subprocess.PIPE, timeout=60,
                              env={"PATH": SYSTEM_PATH, **pair().settings()})
    finally:
        os.close(here)
    assert done.returncode == 0 and b"fault" not in done.stderr


STOPS_READING = """
import os, socket, sys, time
with socket.socket(fileno=os.dup(0)) as connection:
    connection.shutdown(socket.SHUT_RD)
print("shut", flush=True)
while not os.path.exists(os.environ["T"] + "/go"):
    time.sleep(0.01)
print("more")
"""


def test_program_that_stops_reading(start):
    """What the client still sends is dropped, and the output goes on."""
    server = start(TlsServer, program=("/usr/bin/python3", "-c", STOPS_READING))
    with TlsClient(server) as client:
        assert client.file.readline() == b"shut\n"
        for _ in range(3):
            client.sock.sendall(b"x" * 100000)
        (server.t / "go").touch()
        assert client.file.read() == b"more\n"
