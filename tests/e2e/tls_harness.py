"""bastion tls behind a superserver, certificates made by OpenSSL, and clients of several TLS libraries."""
import atexit
import functools
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
from pathlib import Path

from harness import AUTH, BASTION, PATIENCE, Client, Server

NAME = "bastion.test"
HTTPS = (BASTION, "tls", BASTION, "http")

_folder = Path(tempfile.mkdtemp(prefix="bastion-e2e-tls-"))
atexit.register(shutil.rmtree, _folder)


def openssl(*words, **options):
    return subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, check=True, **options).stdout


def _genpkey(kind, path):
    algorithm, value = kind.split(":") if ":" in kind else ("EC", kind)
    options = {"RSA": ["-pkeyopt", f"rsa_keygen_bits:{value}"], "EC": ["-pkeyopt", f"ec_paramgen_curve:{value}"]}
    openssl("genpkey", "-algorithm", algorithm, *options.get(algorithm, []), "-out", path)


class Pair:
    """A key and its certificate, in files of their own."""

    def __init__(self, name, kind="P-256", ca=None, subject=f"/CN={NAME}", days=30, extensions=("subjectAltName=DNS:bastion.test,IP:127.0.0.1",), more=()):
        self.key, self.crt = _folder / f"{name}.key", _folder / f"{name}.crt"
        if not self.key.exists():
            _genpkey(kind, self.key)
            words = [] if ca is None else ["-CA", ca.crt, "-CAkey", ca.key]
            for extension in extensions:
                words += ["-addext", extension]
            openssl("req", "-x509", "-new", "-key", self.key, "-subj", subject, "-days", days, "-out", self.crt, *words, *more)

    def settings(self):
        return {"TLS_CERT": str(self.crt), "TLS_KEY": str(self.key)}


AUTHORITY = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")


@functools.cache
def authority(name="ca", kind="P-256"):
    return Pair(name, kind, subject=f"/O=bastion/CN={name}", extensions=AUTHORITY)


@functools.cache
def pair(kind="P-256"):
    """A server's, signed by the authority."""
    return Pair("server-" + kind.replace(":", ""), kind, authority(),
                extensions=("subjectAltName=DNS:bastion.test,IP:127.0.0.1", "keyUsage=critical,digitalSignature", "extendedKeyUsage=serverAuth",
                            "basicConstraints=critical,CA:FALSE"))


class TlsServer(Server):
    """bastion tls with a program, by default bastion http; `bastion` is the words that start the executable."""

    def __init__(self, certificate=None, program=HTTPS[2:], bastion=(BASTION,), **options):
        self.certificate = certificate or pair()
        super().__init__(program=(*bastion, "tls", *program), **{**self.certificate.settings(), **options})

    def url(self, path="/cgi-bin/run"):
        return f"https://{NAME}:{self.port}{path}"

    def connections(self):
        return self.processes(BASTION, "tls") + self.processes(BASTION, "http")

    def reload(self, source, target):
        """Puts another file in the place of one, as certbot does."""
        shutil.copy(source, f"{target}.new")
        os.replace(f"{target}.new", target)


def trusting(**options):
    """A context of Python's that believes the authority."""
    context = ssl.create_default_context(cafile=authority().crt)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    for name, value in options.items():
        setattr(context, name, value)
    return context


class TlsClient(Client):
    """harness.Client through TLS, by Python's ssl (OpenSSL)."""

    def __init__(self, server, context=None, session=None, name=NAME, timeout=PATIENCE, receive_buffer=None):
        super().__init__(server, timeout, receive_buffer)
        self.file.close()
        self.sock = (context or trusting()).wrap_socket(self.sock, server_hostname=name, session=session, suppress_ragged_eofs=False)
        self.file = self.sock.makefile("rb")


def connect(server, timeout=PATIENCE):
    """The bare TCP connection."""
    return socket.create_connection((server.host, server.port), timeout=timeout)


def curl(server, *arguments, path="/cgi-bin/run", auth=AUTH, **options):
    argv = ["curl", "-sS", "--max-time", "120", "--noproxy", "*", "--cacert", authority().crt, "--resolve", f"{NAME}:{server.port}:127.0.0.1",
            *(["-H", auth] if auth else []), *arguments, server.url(path)]
    return subprocess.run(argv, capture_output=True, **options)


def s_client(server, *arguments, input=b"", check=True, sni=True, **options):
    """openssl s_client; a wanted failure has check=False. Its answer is what it printed."""
    argv = ["openssl", "s_client", "-connect", f"{server.host}:{server.port}", *(["-servername", NAME] if sni else []), "-CAfile", authority().crt, *arguments]
    done = subprocess.run([str(a) for a in argv], input=input, capture_output=True, timeout=PATIENCE, **options)
    assert not check or done.returncode == 0, done.stderr
    return (done.stdout + done.stderr).decode(errors="replace")
