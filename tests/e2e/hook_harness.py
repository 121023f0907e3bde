"""Deliveries of webhooks, as forges document them: fields and bodies; signed by openssl, not by our own code."""
import base64
import json
import subprocess
import time
import uuid

from harness import Client, Server, chunked, request

SECRET = "it's a secret, twice"
STANDARD_KEY = bytes(range(32))
STANDARD = "whsec_" + base64.b64encode(STANDARD_KEY).decode()


def hmac(body, secret=SECRET, algorithm="sha256"):
    key = secret if isinstance(secret, bytes) else secret.encode()
    said = subprocess.run(["openssl", "dgst", f"-{algorithm}", "-mac", "HMAC", "-macopt", f"hexkey:{key.hex()}"], input=body, capture_output=True, check=True)
    return said.stdout.decode().split()[-1]


def commits(count, message="Überarbeitet: Größen 日本語 🚀"):
    return [{"id": f"{i:040x}", "message": f"{message} {i}\n\nMore of it.", "author": {"name": "Jürgen", "email": "j@example.org"},
             "added": ["a/ä"], "removed": [], "modified": ["README.md"]} for i in range(count)]


def push(ref="refs/heads/main", count=2, **more):
    """What GitHub, Forgejo and Gitea send for a push, as far as all of them do."""
    return {"ref": ref, "before": "0" * 40, "after": "6113728f27ae82c7b1a177c8d03f9e96e0adf246", "created": False, "deleted": False, "forced": False,
            "compare": "https://example.org/a/b/compare/1...2", "commits": commits(count), "total_commits": count,
            "repository": {"id": 1296269, "name": "hello", "full_name": "octocat/hello", "private": False, "owner": {"login": "octocat", "email": None}},
            "pusher": {"name": "octocat", "email": "o@example.org"}, "sender": {"login": "octocat", "id": 1, "site_admin": False}, **more}


PING = {"zen": "Keep it logically awesome.", "hook_id": 1, "hook": {"type": "Repository", "events": ["push"], "active": True}}


def encoded(body):
    return body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()


def github(body, event="push", delivery=None, secret=SECRET):
    return ["User-Agent: GitHub-Hookshot/044aadd", "Content-Type: application/json", f"X-GitHub-Event: {event}", f"X-GitHub-Delivery: {delivery or uuid.uuid4()}",
            "X-GitHub-Hook-ID: 292430182", f"X-Hub-Signature: sha1={hmac(body, secret, 'sha1')}", f"X-Hub-Signature-256: sha256={hmac(body, secret)}"]


def gitea(body, event="push", delivery=None, secret=SECRET, kinds=("Gitea", "Gogs")):
    delivery, signature = delivery or uuid.uuid4(), hmac(body, secret)
    fields = ["Content-Type: application/json", f"X-GitHub-Delivery: {delivery}", f"X-GitHub-Event: {event}", f"X-GitHub-Event-Type: {event}",
              f"X-Hub-Signature: sha1={hmac(body, secret, 'sha1')}", f"X-Hub-Signature-256: sha256={signature}"]
    for kind in kinds:
        fields += [f"X-{kind}-Delivery: {delivery}", f"X-{kind}-Event: {event}", f"X-{kind}-Event-Type: {event}", f"X-{kind}-Signature: {signature}"]
    return fields


def forgejo(body, **options):
    return gitea(body, kinds=("Forgejo", "Gitea", "Gogs"), **options)


def gitlab_token(_body, event="Push Hook", delivery=None, secret=SECRET):
    return ["Content-Type: application/json", "User-Agent: GitLab/17.0.0", f"Idempotency-Key: {delivery or uuid.uuid4()}", f"X-Gitlab-Event: {event}",
            "X-Gitlab-Instance: https://gitlab.example.org", f"X-Gitlab-Event-UUID: {uuid.uuid4()}", f"X-Gitlab-Webhook-UUID: {uuid.uuid4()}", f"X-Gitlab-Token: {secret}"]


def standard(body, event=None, delivery=None, key=STANDARD_KEY, timestamp=None, more=""):
    delivery, timestamp = delivery or f"msg_{uuid.uuid4()}", timestamp if timestamp is not None else int(time.time())
    signature = base64.b64encode(bytes.fromhex(hmac(f"{delivery}.{timestamp}.".encode() + body, key))).decode()
    return ["Content-Type: application/json", f"webhook-id: {delivery}", f"webhook-timestamp: {timestamp}", f"webhook-signature: {more}v1,{signature}",
            *([f"X-Gitlab-Event: {event}"] if event else [])]


def gitlab(body, event="Push Hook", delivery=None, **options):
    delivery = delivery or uuid.uuid4()
    return standard(body, event, delivery, **options) + [f"Idempotency-Key: {delivery}", f"X-Gitlab-Event-UUID: {delivery}"]


class HookServer(Server):
    """A server with no credential but the secret of webhooks, and the settings of a deployment."""

    def __init__(self, **settings):
        super().__init__(**{"HTTP_TOKEN": None, "HOOK_SECRET": f"another\n{SECRET}\n{STANDARD}", "FORCE_COMMAND": "echo x >>$T/runs; echo deployed", **settings})

    def deliver(self, body, sender=github, *more, split=None, **options):
        """Sends it, and gives the answer."""
        body = encoded(body)
        return self.send(body, *sender(body, **options), *more, split=split)

    def send(self, body, *fields, split=None, target="/hooks"):
        with Client(self) as client:
            if split:
                pieces = [body[at:at + split] for at in range(0, len(body), split)]
                client.send(request(*fields, "Transfer-Encoding: chunked", method="POST", target=target, auth=None) + chunked(*pieces))
            else:
                client.send(request(*fields, f"Content-Length: {len(body)}", method="POST", target=target, auth=None, body=body))
            return client.answer("POST")
