"""A release (init/packages/release): tarballs, the image's archive for several machines, what is in it, sums and signature. Of programs that
are made up: what matters here is how they are packed. (tests/image/test_release_image.py loads such an archive of the real ones.)"""
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
PACKAGES = TOP / "init/packages"
DATE = 1_700_000_000
TARGETS = {"x86_64-linux-gnu": ("amd64", None), "i686-linux-gnu": ("386", None), "aarch64-linux-gnu": ("arm64", None),
           "arm-linux-gnueabihf": ("arm", "v7"), "mipsel-linux-gnu": ("mipsle", None), "riscv64-linux-gnu": ("riscv64", None)}
PINS = [line.split() for line in (TOP / "vendor/pins").read_text().splitlines() if line and not line.startswith("#")]


def made_up(folder, target):
    folder.mkdir(parents=True)
    for program in ("bastion", "tinysshd", "sh"):
        (folder / program).write_text(f"{program} of {target}")
        (folder / f"{program}.debug").write_text(f"symbols of {program} of {target}")
    (folder / "licences").write_text("licences")
    (folder / "licences.gz").write_bytes(gzip.compress(b"licences", mtime=0))


def release(folder, targets=TARGETS, umask=0o022, built=None, **env):
    """Made in the folder `out` below; of a build somewhere else each time."""
    for target in targets:
        made_up(folder / "build" / target, target)
    pairs = [f"{target}={built or folder / 'build' / target}" for target in targets]
    done = subprocess.run([PACKAGES / "release", folder / "out", "9.8.7", *pairs], umask=umask, capture_output=True, text=True,
                          env={"PATH": os.environ["PATH"], "SOURCE_DATE_EPOCH": str(DATE), **env})
    assert done.returncode == 0, done.stderr
    return folder / "out"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("release")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key"], check=True)
    return release(folder, KEY=str(folder / "key"))


def test_files(made):
    names = {"SHA256SUMS", "SHA256SUMS.sig", "bastion-9.8.7-image.tar", "bastion-9.8.7.spdx.json"}
    for target in TARGETS:
        names |= {f"bastion-9.8.7-{target}.tar.gz", f"bastion-9.8.7-{target}-debug.tar.gz"}
    assert {path.name for path in made.iterdir()} == names


def test_tarball(made):
    with tarfile.open(made / "bastion-9.8.7-riscv64-linux-gnu.tar.gz") as archive:
        members = archive.getmembers()
    names = [m.name for m in members]
    assert names == sorted(names)
    assert {(m.uid, m.gid, m.mtime) for m in members} == {(0, 0, DATE)}
    modes = {m.name.partition("/")[2]: oct(m.mode) for m in members if m.isfile()}
    assert modes == {"bin/bastion": "0o711", "lib/bastion/tinysshd": "0o755", **{f"share/{name}": "0o644" for name in (
        "man/man8/bastion.8", "man/man5/bastion-settings.5", "man/man1/bastion-docker.1", "doc/bastion/licences", "doc/bastion/CHANGELOG.md")}}
    with tarfile.open(made / "bastion-9.8.7-riscv64-linux-gnu-debug.tar.gz") as archive:
        assert {m.name.rpartition("/")[2] for m in archive if m.isfile()} == {"bastion.debug", "tinysshd.debug", "sh.debug"}


def test_the_same_bytes_again(made, tmp_path):
    """From another folder, by another umask, home, time zone and language."""
    again = release(tmp_path / "a longer name", umask=0o077, TZ="Pacific/Chatham", HOME=str(tmp_path), LC_ALL="C.UTF-8")
    assert not (again / "SHA256SUMS.sig").exists()
    assert (made / "SHA256SUMS").read_text() == (again / "SHA256SUMS").read_text()


def test_sums(made, tmp_path):
    assert subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=made).returncode == 0
    named = {line.split()[1] for line in (made / "SHA256SUMS").read_text().splitlines()}
    assert named == {path.name for path in made.iterdir()} - {"SHA256SUMS", "SHA256SUMS.sig"}


def test_signature(made, tmp_path):
    public = (made.parent / "key.pub").read_text().split()
    (tmp_path / "signers").write_text(f"maintainer {public[0]} {public[1]}\n")
    argv = ["ssh-keygen", "-Y", "verify", "-f", tmp_path / "signers", "-I", "maintainer", "-n", "file", "-s", made / "SHA256SUMS.sig"]
    sums = (made / "SHA256SUMS").read_bytes()
    assert subprocess.run(argv, input=sums, capture_output=True).returncode == 0
    assert subprocess.run(argv, input=sums.replace(b"a", b"b", 1), capture_output=True).returncode != 0


def test_a_key_that_is_none(tmp_path):
    made_up(tmp_path / "built", "x86_64-linux-gnu")
    done = subprocess.run([PACKAGES / "release", tmp_path / "out", "9.8.7", f"x86_64-linux-gnu={tmp_path}/built"], capture_output=True,
                          env={"PATH": os.environ["PATH"], "SOURCE_DATE_EPOCH": "0", "KEY": str(tmp_path / "none")})
    assert done.returncode != 0 and not (tmp_path / "out/SHA256SUMS.sig").exists()


# ---- the image's archive ----

class Archive:
    def __init__(self, path):
        with tarfile.open(path) as archive:
            self.members = archive.getmembers()
            self.files = {m.name: archive.extractfile(m).read() for m in self.members if m.isfile()}

    def blob(self, descriptor):
        data = self.files["blobs/" + descriptor["digest"].replace(":", "/")]
        assert len(data) == descriptor["size"] and "sha256:" + hashlib.sha256(data).hexdigest() == descriptor["digest"]
        return data

    def json(self, descriptor):
        return json.loads(self.blob(descriptor))


@pytest.fixture(scope="module")
def archive(made):
    return Archive(made / "bastion-9.8.7-image.tar")


def platforms(archive):
    assert json.loads(archive.files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    top, = json.loads(archive.files["index.json"])["manifests"]
    assert top["annotations"] == {"org.opencontainers.image.ref.name": "9.8.7", "io.containerd.image.name": "docker.io/library/bastion:9.8.7"}
    return archive.json(top)["manifests"]


def test_one_index_for_all_platforms(archive):
    found = [(m["platform"]["os"], m["platform"]["architecture"], m["platform"].get("variant")) for m in platforms(archive)]
    assert found == [("linux", *names) for names in TARGETS.values()]
    assert {(m.uid, m.gid, m.mtime) for m in archive.members} == {(0, 0, DATE)}


@pytest.mark.parametrize("number, target", enumerate(TARGETS))
def test_platform(archive, number, target):
    described = platforms(archive)[number]
    manifest = archive.json(described)
    config = archive.json(manifest["config"])
    assert config["architecture"] == TARGETS[target][0] and config["created"] == "2023-11-14T22:13:20Z"
    layer = gzip.decompress(archive.blob(manifest["layers"][0]))
    assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(layer).hexdigest()]
    with tarfile.open(fileobj=io.BytesIO(layer)) as files:
        members = {m.name: m for m in files}
        assert files.extractfile("bin/bastion").read().decode() == f"bastion of {target}"
    assert {(m.uid, m.gid, m.mtime) for m in members.values()} == {(0, 0, DATE)}
    modes = {name: oct(members[name].mode) for name in ("bin", "bin/bastion", "bin/sh", "bin/tinysshd", "licences.gz", "run", "tmp")}
    assert modes == {"bin": "0o755", "bin/bastion": "0o711", "bin/sh": "0o755", "bin/tinysshd": "0o755", "licences.gz": "0o644",
                     "run": "0o1777", "tmp": "0o1777"}
    assert members["bin/docker"].linkname == "bastion" and members["var/run"].linkname == "/run"
    # The same for an engine that reads no layout.
    loaded = json.loads(archive.files["manifest.json"])[number]
    assert loaded["RepoTags"] == ["bastion:9.8.7-" + "".join(filter(None, TARGETS[target]))]
    assert archive.files[loaded["Config"]] == archive.blob(manifest["config"])
    assert [archive.files[name] for name in loaded["Layers"]] == [archive.blob(manifest["layers"][0])]


def test_configuration(archive):
    """What Dockerfile.scratch says."""
    config = archive.json(archive.json(platforms(archive)[0])["config"])["config"]
    assert config["Entrypoint"] == ["/bin/bastion", "init"] and config["StopSignal"] == "SIGTERM"
    assert config["Env"] == ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    assert set(config["ExposedPorts"]) == {"22/tcp", "8080/tcp", "8443/tcp"}
    second = 10**9
    assert config["Healthcheck"] == {"Test": ["CMD", "/bin/bastion", "health"], "Interval": 30 * second, "Timeout": 5 * second,
                                     "StartPeriod": 10 * second}
    assert config["Labels"]["org.opencontainers.image.licenses"] == "MIT" and config["Labels"]["org.opencontainers.image.version"] == "9.8.7"


def test_configuration_that_is_not_known(tmp_path):
    """An instruction that the archive would lack is an error."""
    (tmp_path / "init/packages").mkdir(parents=True)
    shutil.copy(PACKAGES / "oci", tmp_path / "init/packages")
    text = (TOP / "Dockerfile.scratch").read_text()
    (tmp_path / "root").mkdir()
    for more, status in (("", 0), ("USER 1000\n", 1)):
        (tmp_path / "Dockerfile.scratch").write_text(text + more)
        done = subprocess.run([tmp_path / "init/packages/oci", tmp_path / "image.tar", "1", f"linux/amd64={tmp_path}/root"],
                              capture_output=True, text=True, env={**os.environ, "SOURCE_DATE_EPOCH": "0"})
        assert done.returncode == status and ("USER" in done.stderr) == bool(more)


def test_another_tool_reads_it(made, tmp_path):
    """skopeo, where it is there: each platform by its name, from the index; and what `docker save` would have written."""
    if not shutil.which("skopeo"):
        pytest.skip("skopeo is not installed")
    for machine, variant in TARGETS.values():
        names = [f"--override-arch={machine}", *([f"--override-variant={variant}"] if variant else [])]
        done = subprocess.run(["skopeo", f"--tmpdir={tmp_path}", *names, "inspect", "--config", f"oci-archive:{made}/bastion-9.8.7-image.tar:9.8.7"],
                              capture_output=True, text=True)
        assert done.returncode == 0 and json.loads(done.stdout)["architecture"] == machine, done.stderr
    done = subprocess.run(["skopeo", f"--tmpdir={tmp_path}", "inspect", "--config", f"docker-archive:{made}/bastion-9.8.7-image.tar:bastion:9.8.7-armv7"],
                          capture_output=True, text=True)
    assert done.returncode == 0 and json.loads(done.stdout)["architecture"] == "arm", done.stderr


# ---- what it is made of ----

def test_bill_of_materials(made):
    """SPDX 2.3: the fields that it must have, and each part with the sum that vendor/pins has."""
    bill = json.loads((made / "bastion-9.8.7.spdx.json").read_text())
    assert bill["spdxVersion"] == "SPDX-2.3" and bill["dataLicense"] == "CC0-1.0" and bill["SPDXID"] == "SPDXRef-DOCUMENT"
    assert bill["creationInfo"]["created"] == "2023-11-14T22:13:20Z" and bill["creationInfo"]["creators"]
    assert re.fullmatch(r"https://\S+/bastion-9\.8\.7-[0-9a-f]{64}", bill["documentNamespace"])
    packages = {p["name"]: p for p in bill["packages"]}
    assert set(packages) == {"bastion"} | {pin[0] for pin in PINS} and packages["bastion"]["versionInfo"] == "9.8.7"
    for name, version, digest, _, address, *_ in reversed(PINS):  # of two the first
        one = packages[name]
        assert one["versionInfo"] == version and one["licenseDeclared"] and one["downloadLocation"].startswith("http")
    first = {pin[0]: pin[2] for pin in reversed(PINS)}
    assert {n: p["checksums"][0]["checksumValue"] for n, p in packages.items() if n != "bastion"} == first
    assert "02-drain-self-pipe" in packages["tinyssh"]["sourceInfo"]
    related = {(r["spdxElementId"], r["relatedSpdxElement"]) for r in bill["relationships"]}
    assert related == {("SPDXRef-DOCUMENT", "SPDXRef-bastion"), *(("SPDXRef-bastion", f"SPDXRef-{pin[0]}") for pin in PINS)}
    table = dict(re.findall(r"^\| \[(\w+)\]\(\S+\) \| (\S+) \|", (TOP / "vendor/README.md").read_text(), re.M))
    assert {name.lower(): version for name, version in table.items()} == {pin[0]: pin[1] for pin in PINS}
