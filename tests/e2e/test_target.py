"""Building for other machines (Makefile, TARGET=), as far as it shows without their whole suite (make check TARGET=...)."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]


@pytest.mark.parametrize("target, hint", [("aarch64-linux-gnu", "vendor/deps target aarch64-linux-gnu"), ("", "vendor/deps\n")])
def test_headers_that_are_missing(tmp_path, target, hint):
    """Said before anything is built, not by the end of musl's."""
    compiler = tmp_path / "gcc"
    compiler.write_text('#!/bin/sh\nexec gcc -nostdinc "$@"\n')
    compiler.chmod(0o755)
    folder = tmp_path / "musl"
    done = subprocess.run([TOP / "vendor/build", "musl", "/nowhere.tar", folder], capture_output=True, text=True,
                          env={**os.environ, "CC": str(compiler), "TARGET": target})
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and done.stderr.endswith(hint.strip() + "\n")
    assert not folder.exists()


def test_packages_of_a_target(tmp_path):
    """Of each that make check-targets builds for, Debian's name of the machine."""
    for name, says in (("dpkg-query", ":"), ("id", "echo 1000")):  # nothing is installed, and this is not root
        (tmp_path / name).write_text(f"#!/bin/sh\n{says}\n")
        (tmp_path / name).chmod(0o755)
    targets = (TOP / "Makefile").read_text().split("TARGETS := ")[1].split("\ncheck-targets")[0].replace("\\", "").split()
    done = subprocess.run([TOP / "vendor/deps", "target", *targets], capture_output=True, text=True,
                          env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    named = done.stderr.split()
    for target, name in zip(targets, ["i386", "arm64", "armhf", "armel", "mips", "mipsel", "mips64el", "riscv64",
                                     "powerpc", "ppc64el", "s390x"]):
        assert f"gcc-{target}" in named and f"libc6-dev-{name}-cross" in named
    assert "qemu-user-static" in named


@pytest.mark.parametrize("kind", ["mips", "mipsel"])
def test_shell_without_floating_point(kind):
    """As on most routers: that processor has no such unit, and this emulator does not pretend."""
    shell, emulator = TOP / f"build/{kind}-linux-gnu/sh", shutil.which(f"qemu-{kind}-static") or shutil.which(f"qemu-{kind}")
    if not shell.exists() or not emulator:
        pytest.skip("not built here: make TARGET=mipsel-linux-gnu, vendor/deps target mipsel-linux-gnu")
    script = 'printf "%d %s\\n" 3 x; trap "echo told" USR1; kill -USR1 $$; (: ${none?}) 2>/dev/null || echo gone; for i in 1 2; do [ $i = 1 ] && continue; echo $((i * 21)); done'
    done = subprocess.run([emulator, "-cpu", "24Kc", shell, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "3 x\ntold\ngone\n42\n"), done


def test_slim(tmp_path):
    """Without the Docker client: its objects are no part, and nothing asks for them."""
    words = ["make", "-C", TOP, f"OUT={tmp_path}", f"V={TOP}/build/vendor", "SLIM=1"]
    main, whole = tmp_path / "obj/src/main.o", tmp_path / "bastion"
    subprocess.run([*words, main], check=True, capture_output=True)
    symbols = subprocess.run(["nm", main], check=True, capture_output=True, text=True).stdout
    assert "health_main" in symbols and "docker" not in symbols
    link = subprocess.run([*words, "-n", whole], check=True, capture_output=True, text=True).stdout
    assert "src/tool/health.o" in link and "src/docker/" not in link
