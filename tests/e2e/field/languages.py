"""Builds the clients of other languages, once a worker. Node's packages are put into build/field by tests/run."""
import subprocess
from pathlib import Path

from harness import SYSTEM_PATH

HERE = Path(__file__).parent
NODE_MODULES = HERE.parents[2] / "build/field/node_modules"


def go(source, folder):
    """Debian puts Go's libraries where a GOPATH has them."""
    made = folder / Path(source).stem
    subprocess.run(["go", "build", "-o", made, HERE / source], check=True, cwd=folder,
                   env={"PATH": SYSTEM_PATH, "HOME": str(folder), "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(folder / "cache")})
    return [str(made)]


def java(source, folder):
    subprocess.run(["javac", "-d", folder, HERE / source], check=True)
    return ["java", "-XX:TieredStopAtLevel=1", "-cp", str(folder), Path(source).stem]


def node(source, folder):
    return ["env", f"NODE_PATH={NODE_MODULES}", "node", str(HERE / source)]


PROGRAMS = {
    "go": (go, "http.go"), "fetch": (node, "fetch.mjs"), "java": (java, "HttpByJava.java"),
    "x/crypto/ssh": (go, "ssh.go"), "ssh2": (node, "ssh2.cjs"),
}


def program(name, folder):
    how, source = PROGRAMS[name]
    return how(source, folder)
