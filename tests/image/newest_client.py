"""The newest docker client that Debian has and that speaks to the engines here: where the machine's own is older, it is fetched beside it,
by an apt whose state is all its own."""
import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from engine import CLIENT, DATA, mirror

SUITES = ["sid", "trixie"]
MAJOR = 28  # the newest that still speaks to Debian 12's engine (API 1.41)
CONFIG = """
Dir::State "{0}"; Dir::State::lists "{0}/lists"; Dir::State::status "{0}/status"; Dir::Cache "{0}/cache"; Dir::Etc::sourcelist "{0}/sources.list";
Dir::Etc::sourceparts "-"; Dir::Etc::preferences "-"; Dir::Etc::preferencesparts "-"; APT::Sandbox::User ""; Acquire::Languages "none"; Acquire::Retries "2";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""


def version(program):
    """(28, 5, 2), or None where it does not run."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    except OSError:
        return None
    found = re.search(r"version (\d+)\.(\d+)\.(\d+)", said)
    return tuple(map(int, found.groups())) if found else None


def apt(program, folder, *arguments):
    argv = [program, "-qq", "-c", folder / "apt.conf", *arguments]
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=600).stdout


def fetch(suite, folder):
    """Into folder/usr/bin; whether there is one, and no newer than we want."""
    keys = next(Path("/usr/share/keyrings").glob("debian-archive-keyring.[gp]*"))
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    (folder / "apt.conf").write_text(CONFIG.format(folder))
    (folder / "sources.list").write_text(f"deb [signed-by={keys}] {mirror()} {suite} main\n")
    apt("apt-get", folder, "update")
    found = re.search(r"^Version: (\d+)\.", apt("apt-cache", folder, "show", "docker-cli"), re.M)
    if not found or int(found[1]) > MAJOR:
        return False
    apt("apt-get", folder, "download", "docker-cli")
    packages = list(folder.glob("docker-cli_*.deb"))
    if not packages:
        return False
    subprocess.run(["dpkg-deb", "-x", packages[0], folder], check=True)
    return version(folder / "usr/bin/docker") is not None


def find():
    own, kept = version(CLIENT), DATA / "docker-cli"
    if own and own[0] >= 26:
        return CLIENT
    DATA.mkdir(parents=True, exist_ok=True)
    with open(DATA / "docker-cli.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for suite in [] if version(kept) else SUITES:
            with tempfile.TemporaryDirectory(prefix="bastion-docker-cli-") as folder:
                if fetch(suite, Path(folder)):
                    shutil.copy(Path(folder, "usr/bin/docker"), kept)
                    os.chmod(kept, 0o755)
                    break
    assert version(kept), "no newer docker client can be had from this machine's Debian mirror"
    return str(kept)
