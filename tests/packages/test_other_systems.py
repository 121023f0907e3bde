"""The packages of systems that are none of Debian's, as far as it goes here: their files filled in and read by the shell, or by Nix;
and a build with the machine's own musl, as Alpine and OpenWrt do it."""
import hashlib
import os
import re
import shutil
import subprocess

import pytest
from conftest import TOP, clean_environment


@pytest.fixture(scope="module")
def filled(tarball, version, tmp_path_factory):
    folder = tmp_path_factory.mktemp("filled") / "packages"
    env = clean_environment(RELEASE_URL="https://example.org/releases/9")
    subprocess.run([TOP / "init/packages/fill", tarball, version, folder], check=True, env=env)
    return folder


def test_nothing_is_left_open(filled):
    for path in filled.rglob("*"):
        if path.is_file() and "debian" not in path.parts:
            assert not re.search(r"@[A-Z0-9_]+@", path.read_text()), path


def test_it_is_packed_beside_the_source(tarball, version):
    """By `make packages`, which names everything from the top of the source."""
    subprocess.run(["make", "-s", "packages"], cwd=TOP, check=True, env=clean_environment())
    packed = TOP / f"build/release/bastion-{version}-packages.tar.gz"
    listed = subprocess.run(["tar", "-tf", packed], capture_output=True, text=True, check=True).stdout.splitlines()
    assert {"debian/control", "openwrt/Makefile", "alpine/APKBUILD", "nix/default.nix"} <= {name.partition("/")[2] for name in listed}


def evaluated(path, names):
    """What a shell script sets."""
    script = f'set -eu; . "$1"; for name in {" ".join(names)}; do eval "printf \'%s\\0\' \\"\\${{$name}}\\""; done'
    done = subprocess.run(["busybox", "sh", "-c", script, "sh", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(zip(names, done.stdout.split("\0")))


def test_alpine(filled, tarball, version):
    said = evaluated(filled / "alpine/APKBUILD", ["pkgname", "pkgver", "source", "sha512sums", "install"])
    assert said["pkgver"] == version
    address, script = said["source"].split()
    assert address == f"https://example.org/releases/9/{tarball.name}"
    sums = {name: digest for digest, name in (line.split() for line in said["sha512sums"].split("\n") if line)}
    files = {tarball.name: tarball, script: filled / "alpine" / script}
    assert sums == {name: hashlib.sha512(path.read_bytes()).hexdigest() for name, path in files.items()}
    for name in [script, *said["install"].split()]:
        assert subprocess.run(["busybox", "sh", "-n", filled / "alpine" / name]).returncode == 0
        assert os.access(filled / "alpine" / name, os.X_OK)


def test_openwrt(filled, tarball, version):
    text = (filled / "openwrt/Makefile").read_text()
    assert f"PKG_VERSION:={version}\n" in text and f"PKG_HASH:={hashlib.sha256(tarball.read_bytes()).hexdigest()}\n" in text
    # By the rest of OpenWrt's build system in a few words: what the package would be built by, and what would be put where.
    stub = filled / "stub"
    stub.mkdir()
    (stub / "rules.mk").write_text("INCLUDE_DIR=$(TOPDIR)\nTARGET_CROSS=/x/bin/mipsel-openwrt-linux-musl-\nHOSTCC=gcc\n"
                                   "INSTALL_DIR=echo dir\nINSTALL_BIN=echo bin\nINSTALL_DATA=echo data\nINSTALL_CONF=echo conf\nCP=echo cp\n")
    (stub / "package.mk").write_text("PKG_BUILD_DIR=/build\ndefine BuildPackage\ncompile:\n\t$(Build/Compile)\ninstall:\n"
                                     "\t$(call Package/$(1)/install,/to)\nendef\n")
    def steps(goal):
        return subprocess.run(["make", "-n", "MAKE=echo", f"TOPDIR={stub}", "-C", filled / "openwrt", goal], capture_output=True, text=True, check=True,
                              env=clean_environment()).stdout
    compile = steps("compile")
    assert "MUSL=system" in compile and "TARGET=mipsel-openwrt-linux-musl " in compile and "build/mipsel-openwrt-linux-musl/bastion" in compile
    sources = re.findall(r"(?:/build|\./files)/\S+", steps("install"))
    for source in sources:
        here = source.replace("/build/build/mipsel-openwrt-linux-musl/", f"{TOP}/build/").replace("/build/init", f"{TOP}/init")
        assert os.path.exists(os.path.join(filled, "openwrt", here)), source
    assert len(sources) >= 6


OPENWRT_PASSWD = "root:x:0:0:root:/root:/bin/ash\nagent:x:1000:1000:agent:/var/run/agent:/bin/false\n"


def test_openwrt_defaults(filled, tmp_path):
    """The account that the package asks for gets its home and its shell; a second time changes nothing."""
    script = (filled / "openwrt/files/bastion.defaults").read_text().replace("/etc/", f"{tmp_path}/etc/")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(OPENWRT_PASSWD)
    (tmp_path / "etc/shells").write_text("/bin/ash\n")
    for _ in range(2):
        subprocess.run(["busybox", "sh", "-c", script], check=True)
        assert (tmp_path / "etc/passwd").read_text() == OPENWRT_PASSWD.replace("/var/run/agent:/bin/false", "/usr/lib/bastion:/usr/sbin/bastion")
        assert (tmp_path / "etc/shells").read_text() == "/bin/ash\n/usr/sbin/bastion\n"
    # What the procd script takes of uci, of which the package has the first option.
    script = (TOP / "init/openwrt/bastion").read_text()
    options = re.findall(r"^\toption (\w+)", (filled / "openwrt/files/bastion.config").read_text(), re.M)
    assert options and set(options) <= set(re.search(r"^OPTIONS='(.*)'", script, re.M)[1].split())


@pytest.mark.skipif(not shutil.which("nix-instantiate"), reason="nix-bin is not installed")
def test_nix(filled, tarball, version, tmp_path):
    """Evaluated with a stand-in for nixpkgs."""
    words = """let package = import %s/nix/default.nix {
        lib = { licenses.mit = "MIT"; platforms.linux = "linux"; };
        stdenv.mkDerivation = made: if builtins.isFunction made then made {} else made;
        fetchurl = source: source;
    }; in "${package.pname} ${package.version} ${package.src.url} ${package.src.sha256}" """ % filled
    env = clean_environment(NIX_STATE_DIR=f"{tmp_path}/state", NIX_STORE_DIR=f"{tmp_path}/store", HOME=str(tmp_path))
    done = subprocess.run(["nix-instantiate", "--eval", "--readonly-mode", "-E", words], capture_output=True, text=True, env=env)
    digest = hashlib.sha256(tarball.read_bytes()).hexdigest()
    assert done.stdout.strip() == f'"bastion {version} https://example.org/releases/9/{tarball.name} {digest}"', done.stderr


# ---- the machine's musl ----

@pytest.fixture(scope="module")
def with_musl(tarball, tmp_path_factory):
    """Built of the tarball with a musl that is there: the one of this build, installed elsewhere with musl's own wrapper, as Debian's
    musl-tools have it. (Debian 12's is too old.) Of musl's own sources nothing is looked at but the licence."""
    folder, theirs = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("musl")
    ours = TOP / "build/vendor/musl"
    for name in ("include", "lib"):
        shutil.copytree(ours / "root" / name, theirs / name, symlinks=True)
    # As old as may be: 1.2.5 does not name what statx(2) tells since Linux 5.8.
    header = theirs / "include/sys/stat.h"
    text = re.sub(r"#define STATX_(MNT_ID|DIOALIGN|MNT_ID_UNIQUE|SUBVOL|WRITE_ATOMIC)\b.*\n", "", header.read_text())
    header.write_text(text.replace("uint64_t stx_mnt_id;", "uint64_t __room;"))
    with open(theirs / "lib/musl-gcc.specs", "w") as specs:
        subprocess.run(["sh", ours / "tools/musl-gcc.specs.sh", theirs / "include", theirs / "lib", "/lib/ld-musl.so.1"], stdout=specs, check=True)
    (theirs / "musl-gcc").write_text(f'#!/bin/sh\nexec "${{REALGCC:-gcc}}" "$@" -specs "{theirs}/lib/musl-gcc.specs"\n')
    (theirs / "musl-gcc").chmod(0o755)
    subprocess.run(["tar", "-xf", tarball, "-C", folder, "--strip-components=1", "--no-same-owner"], check=True)
    done = subprocess.run(["make", "-j2", "MUSL=system", "VENDOR_CFLAGS=-DA_WORD_OF_A_PACKAGER", "build/bastion", "build/tinysshd",
                           "build/licences"], cwd=folder, env=clean_environment(MUSL_GCC=str(theirs / "musl-gcc")), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def test_musl_of_the_system(with_musl):
    vendor = with_musl / "build/vendor"
    assert not (vendor / "musl/src").exists() and not (vendor / "musl/root/lib/libc.a").exists()
    for part in ("bearssl", "tinyssh"):
        compiled = [line for line in (vendor / part / "build.log").read_text().splitlines() if " -c " in line]
        assert compiled and all("-DA_WORD_OF_A_PACKAGER" in line for line in compiled), part
    said = subprocess.run([with_musl / "build/bastion", "--version"], capture_output=True, text=True, check=True).stdout
    assert "with musl of the system, bearssl " in said
    headers = subprocess.run(["readelf", "-ldW", with_musl / "build/bastion"], capture_output=True, text=True).stdout
    assert "INTERP" not in headers and "GNU_RELRO" in headers and "Flags: NOW PIE" in headers and "NEEDED" not in headers
    assert b"glibc" not in (with_musl / "build/bastion").read_bytes()
    assert "Rich Felker" in (with_musl / "build/licences").read_text()


@pytest.mark.root
def test_musl_of_the_system_serves(with_musl):
    """A file of the end-to-end tests for HTTP, and one for SSH."""
    env = {**os.environ, "BASTION": str(with_musl / "build/bastion"), "MAKEFLAGS": ""}
    os.chmod(with_musl.parent, 0o755)
    os.chmod(with_musl, 0o755)
    done = subprocess.run(["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/e2e/test_auth.py", "tests/e2e/test_ssh_session.py"],
                          cwd=TOP, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
