"""requests, as its users call it. See clients.py for the arguments."""
import sys

import requests

method, url, token, path, mode = sys.argv[1:]
statuses = []
try:
    session = requests.Session()
    for _ in range(2 if mode == "twice" else 1):
        body = iter(lambda f=open(path, "rb"): f.read(65536), b"") if mode == "chunked" else open(path, "rb").read() if path else None
        answer = session.request(method, url, data=body, headers={"Authorization": f"Bearer {token}"}, stream=mode == "lines")
        statuses.append(str(answer.status_code))
        for piece in answer.iter_content(None) if mode == "lines" else [answer.content]:
            sys.stdout.buffer.write(piece)
            sys.stdout.flush()
    print(",".join(statuses), "complete", file=sys.stderr)
except requests.RequestException as e:
    print(",".join(statuses), "broken", repr(e), file=sys.stderr)
