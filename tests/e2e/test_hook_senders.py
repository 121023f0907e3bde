"""What forges send beside a push (test_hooks.py): releases, merge requests, jobs of their pipelines; by fields and bodies as they document
them, signed by openssl. What HOOK_WHEN wants of each is run, once, with the values that HOOK_PASS names; what it does not want is not."""
import copy

import pytest
from harness import together
from hook_harness import HookServer, encoded, forgejo, gitea, github, gitlab, gitlab_token, push

SHA = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
REPOSITORY = push()["repository"]
SENDER = push()["sender"]
NOTES = "## Größer 🚀\r\n\r\n* \"quoted\" \\ and \u2028 and <b>&amp;</b>\r\n"

GITHUB_RELEASE = {"action": "published", "release": {
    "url": "https://api.example.org/repos/octocat/hello/releases/17372790", "id": 17372790, "node_id": "MDc6UmVsZWFzZTE3MzcyNzkw", "tag_name": "v1.2.0",
    "target_commitish": "main", "name": None, "draft": False, "prerelease": False, "author": SENDER, "created_at": "2026-05-15T15:19:25Z",
    "published_at": "2026-05-15T15:20:53Z", "assets": [], "body": NOTES}, "repository": REPOSITORY, "sender": SENDER}
GITHUB_PULL_REQUEST = {"action": "closed", "number": 2, "pull_request": {
    "id": 279147437, "number": 2, "state": "closed", "locked": False, "title": "Größen", "user": SENDER, "body": NOTES, "merged_at": "2026-05-15T15:20:33Z",
    "merge_commit_sha": SHA, "labels": [{"name": "deploy"}], "head": {"label": "octocat:x", "ref": "x", "sha": "e" * 40, "repo": REPOSITORY},
    "base": {"label": "octocat:main", "ref": "main", "sha": "f" * 40, "repo": REPOSITORY}, "merged": True, "commits": 1}, "repository": REPOSITORY, "sender": SENDER}
WORKFLOW_JOB = {"action": "completed", "workflow_job": {
    "id": 2832853555, "run_id": 940463255, "workflow_name": "Continuous integration", "head_branch": "main", "run_attempt": 1, "head_sha": SHA, "status": "completed",
    "conclusion": "success", "created_at": "2026-06-15T19:22:27Z", "started_at": "2026-06-15T19:22:29Z", "completed_at": "2026-06-15T19:22:38Z", "name": "Test",
    "steps": [{"name": "Set up job", "status": "completed", "conclusion": "success", "number": 1}, {"name": "Run ./test", "status": "completed", "conclusion": "success", "number": 2}],
    "labels": ["self-hosted", "gpu"], "runner_id": 1, "runner_name": "my runner"}, "repository": REPOSITORY, "sender": SENDER}
GITLAB_PROJECT = {"id": 15, "name": "Diaspora", "description": "", "web_url": "https://gitlab.example.org/mike/diaspora", "namespace": "Mike", "visibility_level": 0,
                  "path_with_namespace": "mike/diaspora", "default_branch": "main"}
GITLAB_PUSH = {"object_kind": "push", "event_name": "push", "before": "9" * 40, "after": SHA, "ref": "refs/heads/main", "ref_protected": True, "checkout_sha": SHA,
               "user_id": 4, "user_name": "John Smith", "user_email": None, "project_id": 15, "project": GITLAB_PROJECT,
               "commits": [{"id": SHA, "message": "Überarbeitet 🚀\n", "title": "Überarbeitet 🚀", "timestamp": "2026-01-03T23:36:29+02:00", "author": {"name": "J", "email": "[REDACTED]"},
                            "added": ["CHANGELOG"], "modified": ["app/controller/application.rb"], "removed": []}], "total_commits_count": 1, "push_options": {}}
GITLAB_MERGE_REQUEST = {"object_kind": "merge_request", "event_type": "merge_request", "user": {"id": 1, "name": "Administrator"}, "project": GITLAB_PROJECT,
                        "object_attributes": {"id": 99, "iid": 1, "target_branch": "main", "source_branch": "ms-viewport", "title": "MS-Viewport", "state": "merged", "draft": False,
                                              "merge_commit_sha": SHA, "last_commit": {"id": "d" * 40, "message": "fixed readme"}, "action": "merge", "oldrev": "e" * 40},
                        "labels": [{"id": 206, "title": "API"}], "changes": {"updated_by_id": {"previous": None, "current": 1}, "draft": {"previous": True, "current": False}}}
GITLAB_RELEASE = {"id": 1, "created_at": "2026-11-02 12:55:12 UTC", "description": NOTES, "name": "v1.2.0", "released_at": "2026-11-02 12:55:12 UTC", "tag": "v1.2.0",
                  "object_kind": "release", "project": GITLAB_PROJECT, "url": "https://gitlab.example.org/x/-/releases/v1.2.0", "action": "create",
                  "assets": {"count": 5, "links": [{"id": 1, "link_type": "other", "name": "Changelog", "url": "https://example.net/changelog"}], "sources": [{"format": "zip"}]},
                  "commit": {"id": SHA, "message": "Release v1.2.0", "author": {"name": "Example User"}}}
GITLAB_JOB = {"object_kind": "build", "ref": "main", "tag": False, "before_sha": "0" * 40, "sha": SHA, "build_id": 1977, "build_name": "test", "build_stage": "test",
              "build_status": "success", "build_started_at": None, "build_duration": 12.5, "build_allow_failure": False, "build_failure_reason": "unknown_failure",
              "pipeline_id": 2366, "runner": None, "project_id": 380, "commit": {"id": 2366, "sha": SHA, "message": "test\n", "status": "success"}}

RELEASE = ("event = release\n.action = published\n.release.draft = false\n.release.tag_name = v[0-9.]+", "TAG = .release.tag_name v[0-9.]+", "HOOK_TAG=v1.2.0",
           [("action", "edited"), ("release.draft", True), ("release.tag_name", "nightly")])
MERGED = ("event = pull_request\n.action = closed\n.pull_request.merged = true\n.pull_request.base.ref = main", "SHA = .pull_request.merge_commit_sha [0-9a-f]{40}",
          f"HOOK_SHA={SHA}", [("action", "opened"), ("pull_request.merged", False), ("pull_request.base.ref", "dev"), ("pull_request.merged", None)])
JOB = ("event = workflow_job\n.action = completed\n.workflow_job.conclusion = success\n.workflow_job.head_branch = main\n.workflow_job.labels.0 = self-hosted",
       "JOB = .workflow_job.id [0-9]+", "HOOK_JOB=2832853555", [("action", "queued"), ("workflow_job.conclusion", "failure"), ("workflow_job.conclusion", None), ("workflow_job.labels", [])])
SENT = {
    "github-release": ([github], "release", GITHUB_RELEASE, *RELEASE),
    "github-pull-request": ([github], "pull_request", GITHUB_PULL_REQUEST, *MERGED),
    "github-workflow-job": ([github], "workflow_job", WORKFLOW_JOB, *JOB),
    "forgejo-release": ([forgejo, gitea], "release", {**GITHUB_RELEASE, "sender": {"id": 1, "login": "octocat", "full_name": "Jürgen"}}, *RELEASE),
    "forgejo-pull-request": ([forgejo, gitea], "pull_request", {**GITHUB_PULL_REQUEST, "requested_reviewer": None, "commit_id": "", "review": None}, *MERGED),
    "gitea-workflow-job": ([gitea], "workflow_job", WORKFLOW_JOB, *JOB),
    "gitlab-push": ([gitlab, gitlab_token], "Push Hook", GITLAB_PUSH, "event = Push Hook\n.object_kind = push\n.ref = refs/heads/main", "SHA = .checkout_sha [0-9a-f]{40}",
                    f"HOOK_SHA={SHA}", [("object_kind", "tag_push"), ("ref", "refs/heads/x")]),
    "gitlab-merge-request": ([gitlab, gitlab_token], "Merge Request Hook", GITLAB_MERGE_REQUEST, "event = Merge Request Hook\n.object_attributes.action = merge\n.object_attributes.target_branch = main",
                             "SHA = .object_attributes.merge_commit_sha [0-9a-f]{40}", f"HOOK_SHA={SHA}", [("object_attributes.action", "update"), ("object_attributes.target_branch", "dev")]),
    "gitlab-release": ([gitlab, gitlab_token], "Release Hook", GITLAB_RELEASE, "event = Release Hook\n.action = create\n.tag = v.*", "TAG = .tag v[0-9.]+", "HOOK_TAG=v1.2.0",
                       [("action", "update"), ("tag", "x")]),
    "gitlab-job": ([gitlab, gitlab_token], "Job Hook", GITLAB_JOB, "event = Job Hook\n.build_status = success\n.ref = main\n.tag = false", "SECONDS = .build_duration [0-9.]+",
                   "HOOK_SECONDS=12.5", [("build_status", "failed"), ("tag", True), ("ref", None)]),
}


def changed(body, path, value):
    body = copy.deepcopy(body)
    *folders, name = path.split(".")
    inner = body
    for folder in folders:
        inner = inner[folder]
    inner[name] = value
    return body


@pytest.mark.parametrize("kind", SENT)
def test_what_forges_send(start, kind):
    senders, event, body, when, values, passed, others = SENT[kind]
    server = start(HookServer, COMMAND_LOCK="off", HOOK_WHEN=when, HOOK_PASS=values, FORCE_COMMAND="echo x >>$T/runs; env | grep ^HOOK_")
    wrong = []
    for sender in senders:
        runs = server.runs()
        answer = server.deliver(body, sender, event=event)
        assert (answer.status, answer.code, answer.body.decode()) == (200, 0, passed + "\n"), answer
        answer = server.deliver(body, sender, event=event, split=97)
        assert answer.code == 0 and server.runs() == runs + 2
        for path, value in others:
            answer = server.deliver(changed(body, path, value), sender, event=event)
            assert (answer.status, answer["X-Bastion-Skipped"]) == (200, "1") and f".{path}" in answer.body.decode(), (path, value, answer)
        assert server.deliver(body, sender, event="push")["X-Bastion-Skipped"] == "1"
        altered = encoded(body)[:-1] + b" }"
        wrong.append((altered, *sender(altered, event=event, **({"key": b"x"} if sender is gitlab else {"secret": "x"}))))
        assert server.settled_runs() == runs + 2
    runs = server.runs()
    assert {answer.status for answer in together([lambda words=words: server.send(*words) for words in wrong])} == {401}
    assert server.settled_runs() == runs
