"""testssl.sh, which tries what is known of faults in TLS."""
import json
import subprocess

import pytest
from tls_harness import NAME, Pair, TlsServer, authority


@pytest.mark.slow
def test_testssl(start, tmp_path):
    """No finding above "low": this port's own certificate is a good one, for 90 days, with a place of revocation."""
    certificate = Pair("testssl", "P-256", authority(), days=90,
                       extensions=("subjectAltName=DNS:bastion.test,IP:127.0.0.1", "keyUsage=critical,digitalSignature", "extendedKeyUsage=serverAuth",
                                   "basicConstraints=critical,CA:FALSE", "crlDistributionPoints=URI:http://bastion.test/crl"))
    server = start(TlsServer, certificate=certificate)
    findings = tmp_path / "findings"
    done = subprocess.run(["testssl", "--quiet", "--color", "0", "--warnings", "off", "--ip", "127.0.0.1", "--add-ca", authority().crt, "--nodns", "none",
                           "--jsonfile", findings, "-p", "-P", "-s", "-f", "-S", "-h", "-U", f"{NAME}:{server.port}"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=400)
    found = json.loads(findings.read_text())
    assert len(found) > 60, done.stdout[-3000:]
    # engine_problem is about testssl's own openssl; TLS 1.3 is not there.
    bad = [(f["severity"], f["id"], f["finding"]) for f in found
           if f["severity"] not in ("OK", "INFO", "LOW") and f["id"] not in ("engine_problem", "TLS1_3")]
    assert bad == []
    said = {f["id"]: f["finding"] for f in found}
    assert said["TLS1_2"] == "offered"
    assert [said[name].split()[0] for name in ("SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_3")] == ["not"] * 5
    assert said.get("FS_ECDHE_curves", said.get("PFS_ECDHE_curves")) == "prime256v1 X25519"
