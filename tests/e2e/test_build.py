"""The build as packagers see it: where the version stands, what becomes of warnings, symbols and licences, and how the sources of others
come here. (What takes minutes is in tests/packages.)"""
import contextlib
import gzip
import hashlib
import http.server
import os
import re
import shutil
import struct
import subprocess
import threading
import zlib
from pathlib import Path

import pytest

from harness import wait_for

TOP = Path(__file__).parents[2]
BUILT = Path(os.environ.get("BASTION") or TOP / "build/bastion").parent
PINS = [line.split() for line in (TOP / "vendor/pins").read_text().splitlines() if line and not line.startswith("#")]
NO_APT = "#!/bin/sh\nexit 1\n"


def run(*argv, **options):
    return subprocess.run([str(word) for word in argv], capture_output=True, text=True, **options)


# ---- the version ----

def test_version_stands_in_one_place():
    """But for the notes, which have those of all times."""
    version = re.search(r'BASTION_VERSION "(.*)"', (TOP / "src/base/version.h").read_text())[1]
    files = [TOP / "Makefile", *(TOP / "init").rglob("*"), *(TOP / "src").rglob("*"), *(TOP / "vendor").rglob("*")]
    named = [str(f.relative_to(TOP)) for f in files if f.is_file() and re.search(rf"(?<![\d.]){re.escape(version)}(?![\d.])", f.read_text(errors="replace"))]
    assert set(named) - {"src/CHANGELOG.md"} == {"src/base/version.h"}


# ---- warnings ----

@pytest.mark.parametrize("clone, goal, more, errors", [
    (True, "all", [], True), (False, "all", [], False), (False, "test", [], True), (False, "check", [], True),
    (True, "all", ["WERROR="], False), (False, "all", ["WERROR=-Werror"], True)])
def test_warnings_are_errors_for_us(tmp_path, clone, goal, more, errors):
    """In a clone, and where the tests are run; not for whoever builds the tarball with a compiler of another year."""
    shutil.copy(TOP / "Makefile", tmp_path)
    if clone:
        (tmp_path / ".git").mkdir()
    printed = run("make", "-npq", goal, *more, cwd=tmp_path, env={**os.environ, "MAKEFLAGS": ""}).stdout
    assert ("-Werror" in re.search(r"^WARN := (.*)$", printed, re.M)[1].split()) == errors


# ---- symbols ----

def sections(path):
    words = run("readelf", "-SW", path).stdout
    return set(re.findall(r"^ *\[ *\d+\] (\S+)", words, re.M))


@pytest.mark.parametrize("program", ["bastion", "tinysshd", "sh"])
def test_symbols_are_beside_the_program(program):
    shipped, beside = BUILT / program, BUILT / f"{program}.debug"
    if not beside.exists():
        pytest.skip("not built by the Makefile")
    assert not {".symtab", ".debug_info"} & sections(shipped)
    assert {".symtab", ".debug_info"} <= sections(beside)
    raw = run("readelf", "-x", ".gnu_debuglink", shipped).stdout
    data = bytes.fromhex("".join("".join(line.split()[1:5])[:32] if len(line.split()) > 4 else "".join(line.split()[1:-1])
                                 for line in raw.splitlines() if line.startswith("  0x")))
    assert data.split(b"\0")[0] == beside.name.encode()
    little = shipped.read_bytes()[5] == 1
    assert struct.unpack("<I" if little else ">I", data[-4:])[0] == zlib.crc32(beside.read_bytes())


def test_no_trace_of_where_it_was_built():
    for name in ("bastion", "tinysshd", "sh", "bastion.debug", "tinysshd.debug", "sh.debug"):
        if (BUILT / name).exists():
            assert str(TOP).encode() not in (BUILT / name).read_bytes(), name


# ---- segments ----

PAGE = 4096


def headers(path):
    """Type, flags, offset in the file, address, sizes in the file and in memory of each segment."""
    rows = re.findall(r"^ +(\w+) +0x(\w+) 0x(\w+) 0x\w+ 0x(\w+) 0x(\w+) ([R ][W ][E ])", run("readelf", "-lW", path).stdout, re.M)
    return [(kind, flags.replace(" ", ""), *[int(number, 16) for number in numbers]) for kind, *numbers, flags in rows]


@pytest.mark.parametrize("program", ["bastion", "tinysshd", "sh"])
def test_rights_of_segments(program):
    """Nothing is to be written and executed, in memory no page belongs to two segments, and what is read-only after the start is so to its
    last page."""
    rows = headers(BUILT / program)
    loaded = [(flags, address // PAGE, -(-(address + memory) // PAGE)) for kind, flags, _, address, _, memory in rows if kind == "LOAD"]
    assert len(loaded) >= 2 and {flags for flags, *_ in loaded} <= {"R", "RE", "RW"}
    assert all(end <= begin for (_, _, end), (_, begin, _) in zip(loaded, loaded[1:]))
    (_, _, _, address, _, memory), = [row for row in rows if row[0] == "GNU_RELRO"]
    assert (address + memory) % PAGE == 0
    assert {flags for kind, flags, *_ in rows if kind == "GNU_STACK"} == {"RW"}


X86_64 = (BUILT / "bastion").read_bytes()[18:20] == b"\x3e\0"


@pytest.mark.skipif(not X86_64, reason="other machines' constants are in the segment of the code")
@pytest.mark.parametrize("program", ["bastion", "tinysshd", "sh"])
def test_nothing_is_empty_in_the_file(program):
    """Segments follow one another there, whatever their pages are in memory. (A section begins at a multiple of 64 bytes at most.)"""
    rows = [(flags, offset, size) for kind, flags, offset, _, size, _ in headers(BUILT / program) if kind == "LOAD" and size]
    assert [flags for flags, *_ in rows] == ["R", "RE", "R", "RW", "RW"]
    assert max(begin - offset - size for (_, offset, size), (_, begin, _) in zip(rows, rows[1:])) < 64


@pytest.mark.skipif(not X86_64, reason="an emulator's pages are others")
@pytest.mark.parametrize("program, arguments", [("sh", ["-c", "echo"]), ("bastion", ["--version"])])
def test_rights_of_pages(program, arguments):
    """What is shipped, running: what is to be read-only after the start is (musl/01-relro; not so with the machine's own musl)."""
    (_, _, _, address, _, memory), = [row for row in headers(BUILT / program) if row[0] == "GNU_RELRO"]
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):  # full, it lets nobody end who has something to say
        while os.write(writer, bytes(PAGE)):
            pass
    os.set_blocking(writer, True)
    with subprocess.Popen([BUILT / program, *arguments], stdout=writer) as process:
        try:
            def look():
                maps = [line.split() for line in Path(f"/proc/{process.pid}/maps").read_text().splitlines()]
                base = min((int(m[0].split("-")[0], 16) for m in maps if m[-1].endswith("/" + program)), default=0)
                pages = {(int(begin, 16) - base, int(end, 16) - base): m[1] for m in maps for begin, end in [m[0].split("-")]}
                return base and pages.get((address // PAGE * PAGE, address + memory)) == "r--p" and {m[1] for m in maps if m[-1].endswith(program)}
            rights = wait_for(look, "the end of its start")
        finally:
            process.kill()
            os.close(reader)
            os.close(writer)
    assert {"r-xp", "r--p", "rw-p"} == rights


# ---- licences ----

def test_licences_of_the_image():
    """In few bytes."""
    text = run(TOP / "vendor/licences", "--short", TOP / "build/download", "musl", "bearssl", "tinyssh", "dash").stdout
    assert len(zlib.compress(text.encode(), 9)) < 2500
    for words in ("the bastion authors", "Rich Felker", "Thomas Pornin", "TinySSH is hereby placed", "Herbert Xu"):
        assert words in text


def test_a_licence_that_is_missing(tmp_path):
    (tmp_path / "musl-1").mkdir()
    run("tar", "-cf", tmp_path / "musl.tar", "-C", tmp_path, "musl-1")
    done = run(TOP / "vendor/licences", tmp_path, "musl")
    assert done.returncode == 1 and "no COPYRIGHT in" in done.stderr


# ---- the sources of others ----

def without_apt(folder):
    """PATH, where apt-get fails as one that is not there does."""
    bin = folder / "bin"
    bin.mkdir()
    (bin / "apt-get").write_text(NO_APT)
    (bin / "apt-get").chmod(0o755)
    return {**os.environ, "PATH": f"{bin}:{os.environ['PATH']}", "no_proxy": "*", "NO_PROXY": "*"}


def no_clients(folder):
    """A folder with a curl and a wget that fail."""
    bin = folder / "no-clients"
    bin.mkdir(exist_ok=True)
    for tool in ("curl", "wget"):
        (bin / tool).write_text(NO_APT)
        (bin / tool).chmod(0o755)
    return bin


def fetcher(folder, pins):
    (folder / "vendor").mkdir()
    shutil.copy(TOP / "vendor/fetch", folder / "vendor")
    (folder / "vendor/pins").write_text("".join(" ".join(pin) + "\n" for pin in pins))
    return folder / "vendor/fetch"


@pytest.fixture
def site(tmp_path):
    """A web server with the file `right` (the second address) and `wrong`."""
    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *words):
            super().__init__(*words, directory=tmp_path / "site")

        def log_message(self, *words):
            pass

    (tmp_path / "site").mkdir()
    (tmp_path / "site/right").write_bytes(b"a tarball")
    (tmp_path / "site/wrong").write_bytes(b"another")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_fetch_without_apt_takes_the_second_address(tmp_path, site):
    digest = hashlib.sha256(b"a tarball").hexdigest()
    for first in ("gone", "wrong"):
        fetch = fetcher(tmp_path, [["part", "1.0", digest, "trixie", f"{site}/{first}", f"{site}/right"]])
        done = run(fetch, tmp_path / "download", env=without_apt(tmp_path))
        assert done.returncode == 0 and (tmp_path / "download/part.tar").read_bytes() == b"a tarball", done.stderr
        assert ("not reachable" if first == "gone" else "refused and deleted") in done.stderr
        for folder in ("vendor", "bin", "download"):
            shutil.rmtree(tmp_path / folder)


def test_fetch_by_what_an_archive_unpacks_to(tmp_path, site):
    """One that is made on demand, compressed anew in another way; not one with another byte, nor one whose end is missing."""
    content = bytes(range(256)) * 64
    pin = ["part", "1.0", "tar:" + hashlib.sha256(content).hexdigest(), "-", f"{site}/archive"]
    fetch, download, env = fetcher(tmp_path, [["part", "1.0", "0" * 64, "-", "-"], pin]), tmp_path / "download", without_apt(tmp_path)
    for level in (1, 9):
        (tmp_path / "site/archive").write_bytes(gzip.compress(content, level, mtime=level))
        done = run(fetch, download, env=env)
        assert done.returncode == 0 and gzip.decompress((download / "part.tar").read_bytes()) == content, done.stderr
        assert run(fetch, download, env={**env, "PATH": f"{no_clients(tmp_path)}:{env['PATH']}"}).returncode == 0  # what is there is right
        (download / "part.tar").unlink()
    for wrong in (gzip.compress(content + b"x"), gzip.compress(content)[:-9], content):
        (tmp_path / "site/archive").write_bytes(wrong)
        done = run(fetch, download, env=env)
        assert done.returncode == 1 and "refused and deleted" in done.stderr and not list(download.iterdir())


def test_each_part_has_two_addresses():
    """But for dash, which its author has in one place. All are upstream's."""
    for name in {pin[0] for pin in PINS}:
        addresses = [word for pin in PINS if pin[0] == name for word in pin[4:] if word != "-"]
        assert len(set(addresses)) == len(addresses) >= (1 if name == "dash" else 2), name


def test_fetch_that_finds_nothing(tmp_path, site):
    fetch = fetcher(tmp_path, [["part", "1.0", "0" * 64, "-", f"{site}/wrong", f"{site}/gone"]])
    done = run(fetch, tmp_path / "download", env=without_apt(tmp_path))
    assert done.returncode == 1 and "part: could not be fetched" in done.stderr and not list((tmp_path / "download").iterdir())


@pytest.mark.root
def test_fetch_without_a_net(tmp_path):
    """What is there and right is enough; neither apt nor an address is asked."""
    download = tmp_path / "download"
    download.mkdir()
    for name in {pin[0] for pin in PINS}:
        shutil.copy(TOP / f"build/download/{name}.tar", download)
    env = {**without_apt(tmp_path), "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    (tmp_path / "bin/apt-get").write_text("#!/bin/sh\ntouch asked\n")
    for tool in ("curl", "wget"):
        shutil.copy(tmp_path / "bin/apt-get", tmp_path / "bin" / tool)
    done = run("unshare", "--net", TOP / "vendor/fetch", download, env=env, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "") and not list(tmp_path.rglob("asked"))
    (download / "dash.tar").write_bytes(b"no dash")
    assert run("unshare", "--net", TOP / "vendor/fetch", download, env=env, cwd=tmp_path).returncode == 1


def test_a_machine_without_dpkg(tmp_path):
    """Where nothing can be installed, what is not there is named, and the rest is tried."""
    for tool in ("sh", "id", "sed", "tr", "gcc", "make", "python3", "awk"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    for goal in ([], ["build"]):
        done = run(TOP / "vendor/deps", *goal, env={"PATH": str(tmp_path)})
        assert done.returncode == 0
        line, = done.stderr.splitlines()
        named = line.split("missing: ")[1].split()
        assert "there is no dpkg here" in line and "patch" in named and not {"gcc", "make"} & set(named)
        assert ("curl" in named) == (goal == [])


# ---- the machine's own musl ----

def test_musl_of_the_machine(tmp_path):
    """MUSL=system: its compiler makes programs of the shape that ours have, and nothing of musl's sources is looked at. (What comes of
    all of it is in tests/packages.)"""
    env = {**os.environ, "MUSL": "system", "MUSL_GCC": str(BUILT / "vendor/musl/root/bin/musl-gcc"), "CC": "gcc", "TARGET": "", "FLAGS": ""}
    made = run(TOP / "vendor/build", "musl", "/nowhere", tmp_path / "musl", env=env)
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    (tmp_path / "hello.c").write_text('#include <stdio.h>\nint main(void) { return puts("hello") < 0; }\n')
    assert run(tmp_path / "musl/root/bin/musl-gcc", "-fPIE", "-o", tmp_path / "hello", tmp_path / "hello.c").returncode == 0
    assert run(tmp_path / "hello").stdout == "hello\n"
    assert "static-pie linked" in run("file", "-b", tmp_path / "hello").stdout
