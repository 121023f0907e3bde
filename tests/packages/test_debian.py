"""Debian's package, and by the same build that the release's tarball needs no net and gives the same bytes anywhere: in a network
namespace without any interface, in another folder, another year, time zone and language, by another umask and home."""
import filecmp
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import TOP, clean_environment

DATE = "1700000000"
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


@pytest.fixture(scope="module")
def built(tarball, version, tmp_path_factory):
    """The folder with what dpkg-buildpackage has made. (Under the false clock is the compiling, all that could ask for a date.)"""
    folder = tmp_path_factory.mktemp("elsewhere") / "with another name"
    env = clean_environment(SOURCE_DATE_EPOCH=DATE, TZ="Pacific/Chatham", LC_ALL="C.UTF-8", HOME=str(folder),
                            LD_PRELOAD=str(FAKETIME), FAKETIME="+1500d", FAKE_UTIME="1", NO_FAKE_STAT="1")
    argv = ["unshare", "--net", TOP / "init/packages/deb", tarball, version, str(folder).replace(" ", "-")]
    done = subprocess.run(argv, env=env, umask=0o077, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return Path(str(folder).replace(" ", "-"))


@pytest.mark.root
@pytest.mark.parametrize("program", ["bastion", "tinysshd", "sh", "licences", "licences.gz", "bastion.debug", "tinysshd.debug"])
def test_the_same_bytes(built, version, program):
    tree = built / f"bastion-{version}"
    if program in ("sh", "licences.gz"):  # of the image: the package has none
        done = subprocess.run(["unshare", "--net", "make", "-s", f"build/{program}"], cwd=tree, env=clean_environment(), umask=0o077,
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert filecmp.cmp(tree / "build" / program, TOP / "build" / program, shallow=False)


@pytest.mark.root
def test_the_same_archive(built, version, tmp_path):
    """Of the image, from the programs of both builds."""
    tree = built / f"bastion-{version}"
    subprocess.run(["unshare", "--net", "make", "-s", "build/sh", "build/licences.gz"], cwd=tree, env=clean_environment(), check=True)
    for name, top, umask, zone in (("one", TOP, 0o022, "UTC"), ("two", tree, 0o077, "Pacific/Chatham")):
        env = clean_environment(SOURCE_DATE_EPOCH=DATE, TZ=zone)
        subprocess.run([top / "init/rootfs", tmp_path / name], env=env, umask=umask, check=True)
        subprocess.run([top / "init/packages/oci", tmp_path / f"{name}.tar", version, f"linux/amd64={tmp_path / name}"], env=env,
                       umask=umask, check=True)
    assert filecmp.cmp(tmp_path / "one.tar", tmp_path / "two.tar", shallow=False)


@pytest.mark.root
def test_packages(built, version):
    made = {path.name.split("_")[0] for path in built.glob("*.deb")}
    assert made == {"bastion", "bastion-dbg"} and len(list(built.glob(f"bastion_{version}-1.dsc"))) == 1


@pytest.mark.root
def test_lintian(built):
    """Nothing is said, of the source and of the packages, but for the version that is nobody's upload."""
    changes, = built.glob("*.changes")
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", "--suppress-tags",
                           "initial-upload-closes-no-bugs,bad-distribution-in-changes-file", changes],
                          capture_output=True, text=True, env=clean_environment(HOME=str(built)))
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


INSTALL = """
set -eu
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount --bind /dev "$1/root/dev"
mount -t proc proc "$1/root/proc"
cp "$2"/*.deb "$1/root/tmp/"
cp "$3" "$1/root/tmp/look"
exec chroot "$1/root" sh -eu /tmp/look
"""

LOOK = r"""
export DEBIAN_FRONTEND=noninteractive
userdel agent 2>/dev/null || true
rm -rf /etc/bastion
dpkg -i --force-depends /tmp/bastion_*.deb >&2
stat -c '%a %U %n' /usr/bin/bastion /usr/lib/bastion/tinysshd /etc/bastion/users.d
getent passwd agent | cut -d : -f 6,7
grep -x /usr/bin/bastion /etc/shells
ls /usr/share/man/man8/bastion.8.gz /usr/share/doc/bastion/licences* /usr/share/doc/bastion/copyright
for dir in /usr/lib/systemd/system /lib/systemd/system; do
    [ ! -e $dir/bastion-http@.service ] || { grep ExecStart $dir/bastion-http@.service; ls $dir | grep bastion; break; }
done
bastion --version | head -n 1
echo kept >/etc/bastion/HTTP_TOKEN; chmod 600 /etc/bastion/HTTP_TOKEN
FORCE_COMMAND='echo installed' bastion check >/dev/null || echo "check: $?"
mkdir /run/bastion-http
printf 'GET /cgi-bin/run HTTP/1.0\r\nAuthorization: Bearer kept\r\n\r\n' | FORCE_COMMAND='echo I am $USER' RUN_DIR=/run/bastion-http bastion http | tail -n 1
dpkg -r bastion >&2
ls /usr/bin/bastion 2>/dev/null || echo gone
cat /etc/bastion/HTTP_TOKEN
"""


@pytest.mark.root
def test_it_is_installed_and_works(built, version, tmp_path):
    """In a copy of this system's files that is gone with the test. A credential outlives the package."""
    (tmp_path / "look").write_text(LOOK)
    (tmp_path / "mount").mkdir()
    argv = ["unshare", "--mount", "--propagation", "private", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", INSTALL, "sh",
            tmp_path / "mount", built, tmp_path / "look"]
    done = subprocess.run(argv, capture_output=True, text=True, env=clean_environment(), stdin=subprocess.DEVNULL)
    if "overlay" in done.stderr and "mount" in done.stderr.split("dpkg")[0] and not done.stdout:
        pytest.skip("no overlay can be mounted here")
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.splitlines()
    for line in ("711 root /usr/bin/bastion", "755 root /usr/lib/bastion/tinysshd", "755 root /etc/bastion/users.d",
                 "/var/lib/bastion:/usr/bin/bastion", "/usr/bin/bastion", "ExecStart=/usr/bin/bastion http", "bastion-http.socket",
                 "bastion-ssh.socket", "bastion-ssh@.service", f"bastion {version}", "I am agent", "gone", "kept"):
        assert line in said, (line, done.stdout, done.stderr)


@pytest.mark.root
def test_symbols_fit(built, tmp_path):
    """A debugger finds the file of the package bastion-dbg by the name and the sum that stand in the program."""
    for deb in built.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", deb, tmp_path], check=True)
    beside = tmp_path / "usr/lib/debug/usr/bin/bastion.debug"
    shutil.copy(tmp_path / "usr/bin/bastion", tmp_path / "bastion")
    assert filecmp.cmp(tmp_path / "bastion", TOP / "build/bastion", shallow=False)
    assert filecmp.cmp(beside, TOP / "build/bastion.debug", shallow=False)
    assert os.access(beside, os.R_OK)
