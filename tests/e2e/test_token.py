"""bastion token (bastion-settings(5), TOKENS): what it makes, that its secret is nowhere else, and that a file is whole at any moment."""
import hashlib
import os
import re
import stat
import subprocess
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from harness import BASTION, SYSTEM_PATH, WITHOUT_RANDOM, private, together

SECRET = r"bastion_[0-9a-f]{64}"
HERE = Path(__file__).parent


def token(*words, **options):
    return subprocess.run([BASTION, "token", *map(str, words)], capture_output=True, text=True, timeout=30, **options)


def secret_of(done):
    """What it has printed: the secret alone."""
    assert done.returncode == 0, done
    assert re.fullmatch(SECRET + "\n", done.stdout), done
    return done.stdout.strip()


def line_for(secret, rest=""):
    return f"sha256:{hashlib.sha256(secret.encode()).hexdigest()}{rest}\n"


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


# ---- what it makes ----

def test_a_token(tmp_path):
    done = token(tmp_path, "ci")
    secret = secret_of(done)
    assert (tmp_path / "ci.token").read_text() == line_for(secret)
    assert (os.listdir(tmp_path), mode(tmp_path / "ci.token")) == (["ci.token"], 0o600)
    assert secret not in done.stderr
    assert done.stderr == (f"{tmp_path}/ci.token has its digest; nobody can show the secret again. With it in $TOKEN:\n"
                           'curl --fail-with-body -X POST -H "Authorization: Bearer $TOKEN" https://HOST/cgi-bin/run\n')


def test_several_secrets_of_one_identity(tmp_path):
    secrets = [secret_of(token(tmp_path, "ci")) for _ in range(3)]
    assert len(set(secrets)) == 3
    assert (tmp_path / "ci.token").read_text() == "".join(map(line_for, secrets))
    secret_of(token(tmp_path, "backup"))
    assert sorted(os.listdir(tmp_path)) == ["backup.token", "ci.token"]


@pytest.mark.parametrize("words, rest", [
    (["--expires", "2099-06-30"], " expires=2099-06-30T23:59:59Z"),
    (["--expires", "2099-06-30T12:00:00Z"], " expires=2099-06-30T12:00:00Z"),
    (["--from", "192.0.2.0/24"], " from=192.0.2.0/24"),
    (["--from", "192.0.2.7,2001:db8::/32"], " from=192.0.2.7,2001:db8::/32"),
    (["--from", "::1", "--expires", "2099-06-30"], " expires=2099-06-30T23:59:59Z from=::1"),
], ids=" ".join)
def test_limits(tmp_path, words, rest):
    secret = secret_of(token(*words, tmp_path, "ci"))
    assert (tmp_path / "ci.token").read_text() == line_for(secret, rest)


def test_days(tmp_path):
    before = datetime.now(timezone.utc).replace(microsecond=0)
    secret_of(token("--expires", "30", tmp_path, "ci"))
    after = datetime.now(timezone.utc)
    text = re.search(r"expires=(\S+)Z$", (tmp_path / "ci.token").read_text())[1]
    assert before <= datetime.fromisoformat(text).replace(tzinfo=timezone.utc) - timedelta(days=30) <= after


@pytest.mark.parametrize("before, kept", [
    ("# ours\r\nsha256:00\r\n", "# ours\r\nsha256:00\r\n"),
    ("# no newline", "# no newline\n"),
    ("", ""),
], ids=["CRLF", "no newline", "empty"])
def test_what_is_there_stays(tmp_path, before, kept):
    (tmp_path / "ci.token").write_bytes(before.encode())
    secret = secret_of(token(tmp_path, "ci"))
    assert (tmp_path / "ci.token").read_bytes().decode() == kept + line_for(secret)


@pytest.mark.root
def test_owner_and_mode_stay(tmp_path):
    (tmp_path / "ci.token").write_text("# of the web server\n")
    os.chown(tmp_path / "ci.token", 33, 44)
    os.chmod(tmp_path / "ci.token", 0o640)
    secret_of(token(tmp_path, "ci"))
    st = (tmp_path / "ci.token").stat()
    assert (st.st_uid, st.st_gid, mode(tmp_path / "ci.token")) == (33, 44, 0o640)
    assert os.listdir(tmp_path) == ["ci.token"]


def test_whatever_the_umask(tmp_path):
    secret_of(token(tmp_path, "ci", umask=0o777))
    assert mode(tmp_path / "ci.token") == 0o600


def test_the_secret_is_in_no_argument(tmp_path):
    """Every program that it might start, and every byte that it writes elsewhere, would show."""
    trace = tmp_path / "trace"
    done = subprocess.run(["strace", "-f", "-s", "4096", "-e", "trace=execve,write,pwrite64,sendto,sendmsg,writev", "-o", trace, BASTION, "token", tmp_path, "ci"],
                          capture_output=True, text=True, timeout=30)
    secret = secret_of(done)
    lines = [line for line in trace.read_text().splitlines() if secret[8:] in line]
    assert len(lines) == 1 and re.match(r"\d+ +writev?\(1, ", lines[0]), lines
    assert trace.read_text().count("execve(") == 1


# ---- revoking ----

def test_revoke(tmp_path):
    for name in ("ci", "ci", "backup"):
        secret_of(token(tmp_path, name))
    done = token("--revoke", tmp_path, "ci")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert os.listdir(tmp_path) == ["backup.token"]
    done = token("--revoke", tmp_path, "ci")
    assert (done.returncode, done.stdout) == (71, "")
    assert done.stderr == f"bastion token: {tmp_path}/ci.token: No such file or directory\n"


def test_revoking_a_link_takes_the_link(tmp_path):
    (tmp_path / "elsewhere").write_text("# kept\n")
    (tmp_path / "ci.token").symlink_to("elsewhere")
    assert token("--revoke", tmp_path, "ci").returncode == 0
    assert os.listdir(tmp_path) == ["elsewhere"]


# ---- what is refused ----

@pytest.mark.parametrize("words", [
    [], ["x"], ["x", "a", "b"], ["--expires", "1", "a"], ["--revoke", "x"], ["--revoke", "--from", "::1", "x", "a"], ["--from", "::1", "--revoke", "x", "a"],
    ["--other", "1", "x", "a"], ["--expires", "1", "--expires", "2", "x", "a"], ["--from", "::1", "--from", "::1", "x", "a"], ["x", "--a"], ["x", "-a"],
    ["--expires=1", "x", "a"],
], ids=repr)
def test_usage(tmp_path, words):
    (tmp_path / "x").mkdir()
    done = token(*words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr == "usage: bastion token [--revoke | [--expires DAYS|DATE] [--from CIDR[,CIDR...]]] FOLDER NAME\n"
    assert os.listdir(tmp_path / "x") == []


@pytest.mark.parametrize("name", ["", ".", "..", ".ci", "a/b", "../ci", "a:b", "a\nb", "a\tb", "a\x7f", "x" * 201], ids=repr)
def test_names_that_cannot_be_an_identity(tmp_path, name):
    for revoke in ([], ["--revoke"]):
        done = token(*revoke, tmp_path, name)
        assert (done.returncode, done.stdout) == (64, "")
        assert done.stderr.startswith("bastion token: the name can't be an identity: ") and done.stderr.count("\n") == 1
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["x" * 200, "al ice", "J\u00f6rg", 'a"b\\c', "ci.token", "$(id)"])
def test_odd_names(tmp_path, name):
    secret_of(token(tmp_path, name))
    assert os.listdir(tmp_path) == [f"{name}.token"]
    secret_of(token(tmp_path, name))


@pytest.mark.parametrize("option, value, wrong", [
    ("--expires", "2020-01-01", "is in the past"),
    ("--expires", "0", "is in the past"),
    ("--expires", "2027-02-30", "is neither a number of days"),
    ("--expires", "36501", "is neither a number of days"),
    ("--expires", "-1", "is neither a number of days"),
    ("--expires", "20990630", "is neither a number of days"),
    ("--expires", "tomorrow", "is neither a number of days"),
    ("--expires", "", "is neither a number of days"),
    ("--from", "192.0.2.1/24", "from= has an address with bits beyond those of its network"),
    ("--from", "192.0.2.0/33", "from= has a slash without the number of a network's bits behind it"),
    ("--from", "host.example", "from= has an entry that is no address and no network"),
    ("--from", "192.0.2.1, 192.0.2.2", "from= has an entry that is no address and no network"),
    ("--from", "192.0.2.1\nsha256:00", "from= has an entry that is no address and no network"),
    ("--from", "", "from= has an empty entry"),
])
def test_limits_that_are_none(tmp_path, option, value, wrong):
    done = token(option, value, tmp_path, "ci")
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr.startswith(f"bastion token: {option} {value}: {wrong}")
    assert os.listdir(tmp_path) == []


def make_hard_link(path):
    (path.parent / "other").write_text("# other\n")
    os.link(path.parent / "other", path)


@pytest.mark.parametrize("make, wrong", [
    (lambda path: path.symlink_to("elsewhere"), "is a symbolic link, and left alone"),
    (lambda path: path.symlink_to("/etc/passwd"), "is a symbolic link, and left alone"),
    (lambda path: path.mkdir(), "is not a regular file"),
    (lambda path: os.mkfifo(path), "is not a regular file"),
    (make_hard_link, "has a second name (a hard link), and is left alone"),
    (lambda path: path.write_text("#" * 65537), "is too long"),
    (lambda path: path.write_text("#" * 65500 + "\n"), "would be too long"),
], ids=["dangling link", "link", "folder", "FIFO", "hard link", "too long", "full"])
def test_files_that_are_left_alone(tmp_path, make, wrong):
    path = tmp_path / "ci.token"
    make(path)
    before = os.lstat(path)
    done = token(tmp_path, "ci")
    assert (done.returncode, done.stdout, done.stderr) == (71, "", f"bastion token: {path}: {wrong}\n")
    assert os.lstat(path) == before or os.lstat(path).st_mtime_ns == before.st_mtime_ns
    assert set(os.listdir(tmp_path)) <= {"ci.token", "other"}


def test_folders_that_are_none(tmp_path):
    (tmp_path / "file").touch()
    for folder, wrong in (("missing", "No such file or directory"), ("file", "Not a directory")):
        done = token(tmp_path / folder, "ci")
        assert (done.returncode, done.stdout, done.stderr) == (71, "", f"bastion token: {tmp_path / folder}: {wrong}\n")
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.root
def test_a_folder_that_is_not_writable(tmp_path):
    os.chmod(tmp_path, 0o755)
    folder = tmp_path / "t"
    folder.mkdir()
    (folder / "ci.token").write_text("# ours\n")
    os.chmod(folder / "ci.token", 0o644)
    for path in (tmp_path, *tmp_path.parents):
        if path.stat().st_uid == 0 and path != Path("/") and path != Path("/tmp"):
            os.chmod(path, path.stat().st_mode | 0o055)
    argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", BASTION, "token"]
    for words in ([folder, "ci"], [folder, "new"], ["--revoke", folder, "ci"]):
        done = subprocess.run([*argv, *map(str, words)], capture_output=True, text=True, timeout=30)
        assert (done.returncode, done.stdout) == (71, "") and done.stderr.endswith(": Permission denied\n")
    assert (folder / "ci.token").read_text() == "# ours\n" and os.listdir(folder) == ["ci.token"]


@pytest.mark.root
def test_a_read_only_folder(tmp_path):
    (tmp_path / "ci.token").write_text("# ours\n")
    script = f"mount --bind {tmp_path} {tmp_path}; mount -o remount,bind,ro {tmp_path}\n"
    done = subprocess.run(private(script, [BASTION, "token", str(tmp_path), "ci"]), capture_output=True, text=True, env={"PATH": SYSTEM_PATH})
    assert (done.returncode, done.stdout, done.stderr) == (71, "", f"bastion token: {tmp_path}/ci.token: Read-only file system\n")


@pytest.mark.root
def test_a_full_disk(tmp_path):
    """Nothing is printed, and what was there is whole."""
    script = f"mount -t tmpfs -o size=16k,mode=755 tmpfs {tmp_path}; echo '# ours' >{tmp_path}/ci.token; head -c 100000 /dev/zero >{tmp_path}/full 2>/dev/null || true\n"
    argv = ["sh", "-c", f'"$@"; code=$?; cat {tmp_path}/ci.token >&2; ls -A {tmp_path} >&2; exit $code', "sh", BASTION, "token", str(tmp_path), "ci"]
    done = subprocess.run(private(script, argv), capture_output=True, text=True, env={"PATH": SYSTEM_PATH})
    assert (done.returncode, done.stdout) == (71, "")
    assert done.stderr == f"bastion token: {tmp_path}/ci.token: No space left on device\n# ours\nci.token\nfull\n"


@pytest.mark.parametrize("before", [None, "# ours\n"])
def test_a_secret_that_nobody_has_seen_is_none(tmp_path, before):
    if before:
        (tmp_path / "ci.token").write_text(before)
    with open("/dev/full", "w") as full:
        done = subprocess.run([BASTION, "token", tmp_path, "ci"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (71, "bastion token: the secret can't be printed, so there is none\n")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == ({"ci.token": before} if before else {})


# ---- at the same time ----

def test_at_once(tmp_path):
    """No line is lost, and whoever reads meanwhile sees whole lines, and no fewer than before."""
    (tmp_path / "ci.token").write_text("# ours\n")
    stopping, seen = threading.Event(), []

    def watch():
        while not stopping.is_set():
            seen.append((tmp_path / "ci.token").read_text())
            time.sleep(0.001)
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        secrets = [secret_of(done) for done in together([lambda: token(tmp_path, "ci")] * 12)]
    finally:
        stopping.set()
        watcher.join()
    lines = (tmp_path / "ci.token").read_text().splitlines(keepends=True)
    assert lines[0] == "# ours\n" and sorted(lines[1:]) == sorted(map(line_for, secrets))
    assert os.listdir(tmp_path) == ["ci.token"]
    assert all("".join(lines).startswith(text) and text.endswith("\n") for text in seen)


@pytest.mark.root
def test_in_a_folder_of_somebody_else(tmp_path):
    """Who owns the folder can put anything there; nothing of root's is changed or given away by that."""
    victim = tmp_path / "victim"
    victim.write_text("root's\n")
    folder = tmp_path / "t"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    os.link(victim, folder / "ci.token")
    (folder / ".bastion-token").symlink_to(victim)
    assert token(folder, "ci").returncode == 71
    (folder / "ci.token").unlink()
    secret_of(token(folder, "ci"))
    assert (victim.read_text(), victim.stat().st_uid) == ("root's\n", 0)


@pytest.mark.root
def test_without_random_numbers(tmp_path):
    done = subprocess.run([*WITHOUT_RANDOM, BASTION, "token", tmp_path, "ci"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (71, "", "bastion token: no random numbers: No such file or directory\n")
    assert os.listdir(tmp_path) == []


@pytest.mark.root
def test_a_file_that_can_not_be_read(tmp_path):
    """It may have tokens: nothing takes its place."""
    (tmp_path / "ci.token").write_text("")
    script = f"mount --bind /proc/$$/mem {tmp_path}/ci.token"  # whose beginning no process has
    done = subprocess.run(private(script, [BASTION, "token", tmp_path, "ci"]), capture_output=True, text=True, env={"PATH": SYSTEM_PATH})
    assert (done.returncode, done.stdout, done.stderr) == (71, "", f"bastion token: {tmp_path}/ci.token: I/O error\n")
    assert os.listdir(tmp_path) == ["ci.token"]
