"""httpx, as its users call it. See clients.py for the arguments."""
import sys

import httpx

method, url, token, path, mode = sys.argv[1:]
statuses = []
try:
    with httpx.Client(timeout=60, trust_env=False) as client:
        for _ in range(2 if mode == "twice" else 1):
            body = iter(lambda f=open(path, "rb"): f.read(65536), b"") if mode == "chunked" else open(path, "rb").read() if path else None
            with client.stream(method, url, content=body, headers={"Authorization": f"Bearer {token}"}) as answer:
                statuses.append(str(answer.status_code))
                for piece in answer.iter_bytes():
                    sys.stdout.buffer.write(piece)
                    sys.stdout.flush()
    print(",".join(statuses), "complete", file=sys.stderr)
except httpx.HTTPError as e:
    print(",".join(statuses), "broken", repr(e), file=sys.stderr)
