"""An engine of our own: each connection gets what the test says."""
import contextlib
import json
import re
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

from docker_harness import OURS
from harness import SANITIZERS, SYSTEM_PATH

API = "1.41"


class Replay:
    """Answers with what `script` (a request's first line, less the version of the API, -> pieces) says; a piece of None ends the
    connection, and a function is called with it. A ping is answered with the version of an engine; `pings` are for others."""

    def __init__(self, script, pings=None):
        self.pings, self.lines = pings, []
        self.folder = tempfile.TemporaryDirectory(prefix="bastion-replay-")
        self.path = Path(self.folder.name, "sock")
        self.script, self.requests = script, []
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(self.path))
        self.socket.listen(16)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self.socket.accept()[0]
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, connection.makefile("rb") as file, contextlib.suppress(OSError):
            while line := file.readline():
                length = 0
                while (field := file.readline()) not in (b"\r\n", b""):
                    if field.lower().startswith(b"content-length:"):
                        length = int(field.split(b":")[1])
                body = file.read(length)
                self.lines.append(line.decode().strip())
                if "/_ping" in self.lines[-1]:
                    pong = (self.pings or {}).get(self.lines[-1].split()[0], b"HTTP/1.1 200 OK\r\nApi-Version: %s\r\nContent-Length: 2\r\n\r\n" % API.encode())
                    self.give(connection, pong)
                    continue
                asked = re.sub(r"^(\w+) (/p/q)?/v[0-9.]+", r"\1 ", self.lines[-1]).replace(" HTTP/1.1", "")
                asked = asked.replace("  ", " ")
                self.requests.append((asked, body))
                pieces = next(p for k, p in self.script.items() if asked.startswith(k))
                for piece in pieces:
                    if piece is None:
                        return
                    self.give(connection, piece)

    @staticmethod
    def give(connection, piece):
        if callable(piece):
            piece(connection)
        else:
            connection.sendall(piece)

    def run(self, *arguments, **options):
        env = {"PATH": SYSTEM_PATH, "DOCKER_HOST": f"unix://{self.path}", **SANITIZERS}
        return subprocess.run([OURS, *arguments], env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, **options)

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.folder.cleanup()


def answer(body, status="200 OK", *fields):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return b"".join([f"HTTP/1.1 {status}\r\n".encode(), *(f.encode() + b"\r\n" for f in fields), b"Content-Length: %d\r\n\r\n" % len(body), body])
