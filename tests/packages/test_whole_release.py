"""A release as a stranger uses it: of this machine's programs, and of those of other machines that were built here (make TARGET=…)."""
import json
import os
import shutil
import subprocess
import tarfile

import pytest
from conftest import TOP, clean_environment

HERE = subprocess.run(["gcc", "-dumpmachine"], capture_output=True, text=True, check=True).stdout.strip()
PROGRAMS = ("bastion", "tinysshd", "sh", "bastion.debug", "tinysshd.debug", "sh.debug", "licences.gz")
EMULATORS = {"arm": "arm", "i686": "i386", "powerpc64le": "ppc64le"}


def built():
    """The folder of each machine's programs."""
    folders = {HERE: TOP / "build", **{path.name: path for path in (TOP / "build").glob("*-linux-gnu*")}}
    return {target: folder for target, folder in folders.items() if all((folder / name).exists() for name in PROGRAMS)}


@pytest.fixture(scope="module")
def handed_on(version, tmp_path_factory):
    """The release's folder, and who may have signed it."""
    folder, targets = tmp_path_factory.mktemp("release"), built()
    for target in targets:
        where = [] if target == HERE else [f"TARGET={target}", "-o", "all"]
        goal = "build/licences" if target == HERE else f"build/{target}/licences"
        subprocess.run(["make", "-s", *where, goal], cwd=TOP, check=True, env=clean_environment())
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", folder / "key"], check=True)
    subprocess.run([TOP / "init/packages/release", folder / "out", version, *[f"{target}={path}" for target, path in targets.items()]],
                   check=True, env=clean_environment(SOURCE_DATE_EPOCH="1700000000", KEY=str(folder / "key")))
    (folder / "signers").write_text("maintainer " + (folder / "key.pub").read_text())
    return folder / "out"


def test_sums_and_signature(handed_on):
    argv = ["ssh-keygen", "-Y", "verify", "-f", handed_on.parent / "signers", "-I", "maintainer", "-n", "file", "-s", "SHA256SUMS.sig"]
    assert subprocess.run(argv, cwd=handed_on, input=(handed_on / "SHA256SUMS").read_bytes(), capture_output=True).returncode == 0
    assert subprocess.run(["sha256sum", "--quiet", "--strict", "-c", "SHA256SUMS"], cwd=handed_on).returncode == 0


@pytest.mark.parametrize("target", built())
def test_programs_of(handed_on, version, tmp_path, target):
    """Unpacked as vendor/README.md says, they start, and say which machine they are for."""
    tarball = handed_on / f"bastion-{version}-{target}.tar.gz"
    subprocess.run(["tar", "-C", tmp_path, "--strip-components=1", "-xf", tarball], check=True)
    machine = target.split("-")[0]
    name = EMULATORS.get(machine, machine)
    emulator = [] if target == HERE else [shutil.which(f"qemu-{name}-static") or shutil.which(f"qemu-{name}")]
    if emulator == [None]:
        pytest.skip(f"there is no qemu-{name} here: vendor/deps target {target}")
    said = subprocess.run([*emulator, tmp_path / "bin/bastion", "--version"], capture_output=True, text=True).stdout.splitlines()
    assert said[0] == f"bastion {version}" and said[1].startswith(f"{machine}, with musl "), said
    done = subprocess.run([*emulator, tmp_path / "lib/bastion/tinysshd"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert "tinysshd" in done.stderr and done.returncode > 0, done  # its usage


def test_each_platform_is_in_the_image(handed_on, version):
    """With its own programs."""
    with tarfile.open(handed_on / f"bastion-{version}-image.tar") as archive:
        def blob(descriptor):
            return json.load(archive.extractfile("blobs/" + descriptor["digest"].replace(":", "/")))

        index, = json.load(archive.extractfile("index.json"))["manifests"]
        manifests = blob(index)["manifests"]
        assert len(manifests) == len(built())
        sizes = []
        for manifest in manifests:
            layer, = blob(manifest)["layers"]
            with tarfile.open(fileobj=archive.extractfile("blobs/" + layer["digest"].replace(":", "/")), mode="r:gz") as files:
                sizes.append(files.getmember("bin/bastion").size)
    assert sizes == [os.stat(folder / "bastion").st_size for folder in built().values()]
