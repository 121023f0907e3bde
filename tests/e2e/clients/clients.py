"""HTTP's clients: how each is started for a request, and what it says of the answer.

The scripts in this folder take: method, URL, token, file of the body or nothing, mode. They print what they get, when they get it
where the mode is `lines`, and then on standard error the statuses and `complete` or `broken`, whichever their library's users see.
`twice` makes two requests, `chunked` sends a body of unknown length, `expect` asks for a 100 (Continue) first, `resume` for what comes
behind the first five bytes.
"""
import re
from pathlib import Path

HERE = Path(__file__).parent
PYTHON = "/usr/bin/python3"  # Debian's, which has the libraries


class Script:
    """A program that takes these arguments after words of its own."""

    def __init__(self, *words):
        self.words = words

    def argv(self, method, url, token, path, mode, folder):
        return [*self.words, method, url, token, path, mode]

    def read(self, done, folder):
        """Of a finished process: the statuses, whether its user takes the answer for a whole one, and the output."""
        statuses, end = re.fullmatch(r"([0-9,]*) (complete|broken).*", done.stderr.decode().splitlines()[-1]).groups()
        return statuses, end == "complete", done.stdout


class Curl:
    def argv(self, method, url, token, path, mode, folder):
        body = [*(["-H", "Transfer-Encoding: chunked"] if mode == "chunked" else []), "--data-binary", f"@{path}"] if path else []
        expect = ["-H", "Expect: 100-continue", "--expect100-timeout", "30"] if mode == "expect" else ["-H", "Expect:"]
        return ["curl", "-sSN", "--max-time", "60", "-H", f"Authorization: Bearer {token}", *{"GET": [], "HEAD": ["--head"], "POST": ["-X", "POST"]}[method],
                *expect, *body, *(["-C", "5"] if mode == "resume" else []), "-w", "%{stderr}%{http_code}\n", *([url] * (2 if mode == "twice" else 1))]

    def read(self, done, folder):
        return ",".join(re.findall(r"(?m)^\d+$", done.stderr.decode())), done.returncode == 0, done.stdout


class Wget:
    def argv(self, method, url, token, path, mode, folder):
        return ["wget", "-nv", "-S", "-O", "-", "--content-on-error", "--header", f"Authorization: Bearer {token}",
                *{"GET": [], "HEAD": ["--spider"], "POST": [f"--post-file={path}"] if path else ["--post-data="]}[method],
                *(["--start-pos=5"] if mode == "resume" else []), *([url] * (2 if mode == "twice" else 1))]

    def read(self, done, folder):
        """It exits with 8 at a status that is an error (6: 401), and if that is the one of its repetition, the first answer broke."""
        statuses = re.findall(r"(?m)^  HTTP/1.1 (\d+)", done.stderr.decode())
        return ",".join(statuses), done.returncode in (0, 6, 8) and statuses != ["200", "409"], done.stdout


class Busybox:
    def argv(self, method, url, token, path, mode, folder):
        return ["busybox", "wget", "-q", "-S", "-O", "-", "--header", f"Authorization: Bearer {token}",
                *{"GET": [], "HEAD": ["--spider"], "POST": ["--post-file", path] if path else ["--post-data", ""]}[method], url]

    def read(self, done, folder):
        """Of an answer whose status is an error it shows nothing but that."""
        text = done.stderr.decode()
        return ",".join(re.findall(r"(?m)^  HTTP/1.1 (\d+)", text)), done.returncode == 0 or "server returned error" in text, done.stdout


class Aria2:
    """It downloads into a file, and tells a status only where that is an error."""

    def argv(self, method, url, token, path, mode, folder):
        return ["aria2c", "--no-conf", "-d", str(folder), "-o", "out", "--header", f"Authorization: Bearer {token}",
                *(["--dry-run"] if method == "HEAD" else []), url]

    def read(self, done, folder):
        text = done.stdout.decode()
        status = "200" if done.returncode == 0 else "401" if "Authorization failed" in text else "".join(re.findall(r"status=(\d+)", text)[-1:])
        return status, done.returncode in (0, 22, 24), (folder / "out").read_bytes() if (folder / "out").exists() else b""


CLIENTS = {
    "curl": Curl(),
    "wget": Wget(),
    "busybox": Busybox(),
    "aria2": Aria2(),
    "urllib3": Script(PYTHON, HERE / "by_urllib3.py"),
    "requests": Script(PYTHON, HERE / "by_requests.py"),
    "httpx": Script(PYTHON, HERE / "by_httpx.py"),
    "ruby": Script("ruby", HERE / "by_ruby.rb"),
    "php": Script("php", HERE / "by_php.php"),
    "lwp": Script("perl", HERE / "by_lwp.pl"),
}
