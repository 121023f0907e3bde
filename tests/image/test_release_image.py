"""The release's archive of the image on a real engine: it is loaded, and what it holds for this machine serves."""
import json
import os
import subprocess
from pathlib import Path

import pytest
from bastion_image import Bastion
from engine import TOP

FOREIGN = "aarch64-linux-gnu"


@pytest.fixture(scope="module")
def loaded(engine, tmp_path_factory):
    """What `docker load` says of an archive for this machine and, if its programs were built, for another one."""
    folder = tmp_path_factory.mktemp("release")
    here = subprocess.run(["gcc", "-dumpmachine"], capture_output=True, text=True, check=True).stdout.strip()
    pairs = [f"{here}={TOP}/build"]
    if all((TOP / "build" / FOREIGN / name).exists() for name in ("bastion", "tinysshd", "sh", "bastion.debug", "licences")):
        pairs.append(f"{FOREIGN}={TOP}/build/{FOREIGN}")
    subprocess.run(["make", "-s", "build/licences", "build/licences.gz"], cwd=TOP, check=True)
    subprocess.run([TOP / "init/packages/release", folder, "9.8.7", *pairs], check=True, env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"})
    names = [line.partition(": ")[2] for line in engine.docker("load", "-i", folder / "bastion-9.8.7-image.tar").stdout.splitlines()]
    assert len(names) == len(pairs)
    yield engine, names
    engine.docker("rmi", "--force", *names)


def test_it_is_the_image(loaded):
    engine, names = loaded
    facts = json.loads(engine.docker("image", "inspect", names[0]).stdout)[0]
    assert facts["Size"] < 1_000_000 and facts["Created"] == "2023-11-14T22:13:20Z"
    config = facts["Config"]
    assert config["Entrypoint"] == ["/bin/bastion", "init"] and config["Healthcheck"]["Test"] == ["CMD", "/bin/bastion", "health"]
    assert config["Labels"]["org.opencontainers.image.version"] == "9.8.7" and config["StopSignal"] == "SIGTERM"


def test_it_serves(loaded):
    engine, names = loaded
    bastion = Bastion(engine, image=names[0], FORCE_COMMAND="echo $USER; exit 3")
    try:
        answer = bastion.curl("-i").stdout
        assert b"X-Bastion-Exit-Code: 3" in answer and answer.endswith(b"agent\n"), bastion.log()
        done = bastion.ssh()
        assert (done.returncode, done.stdout) == (3, b"agent\n"), bastion.log()
        assert bastion.execute("/bin/bastion", "health").stdout.endswith("ok\n")
    finally:
        bastion.remove()


def test_another_machine(loaded):
    engine, names = loaded
    if len(names) < 2:
        pytest.skip(f"not built here: make TARGET={FOREIGN}")
    assert names[1] == "bastion:9.8.7-arm64"
    assert engine.inspect(names[1], "{{.Architecture}}") == "arm64"
    assert Path(TOP / "build" / FOREIGN / "bastion").stat().st_size < json.loads(engine.docker("image", "inspect", names[1]).stdout)[0]["Size"]
