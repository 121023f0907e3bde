"""urllib3, as its users call it. See clients.py for the arguments."""
import sys

import urllib3

method, url, token, path, mode = sys.argv[1:]
headers = {"Authorization": f"Bearer {token}"}
pool = urllib3.PoolManager()
statuses = []
try:
    for _ in range(2 if mode == "twice" else 1):
        body = open(path, "rb") if mode == "chunked" else open(path, "rb").read() if path else None
        more = {"chunked": True} if mode == "chunked" else {}
        answer = pool.request(method, url, body=body, headers=headers, preload_content=mode != "lines", **more)
        statuses.append(str(answer.status))
        for piece in answer.stream() if mode == "lines" else [answer.data]:
            sys.stdout.buffer.write(piece)
            sys.stdout.flush()
    print(",".join(statuses), "complete", file=sys.stderr)
except urllib3.exceptions.HTTPError as e:
    print(",".join(statuses), "broken", repr(e), file=sys.stderr)
