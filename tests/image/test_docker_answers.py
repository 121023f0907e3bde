"""bastion docker and answers that the engine of these tests does not give: jobs, published ports, several nodes, a registry. The newest
real client gets the same ones, and prints the same."""
import json
import subprocess

import pytest
from docker_harness import NEWEST, OURS, outcome
from harness import SANITIZERS, SYSTEM_PATH
from replay import answer


def run(program, server, *arguments):
    env = {"PATH": SYSTEM_PATH, "DOCKER_CONFIG": "/nonexistent", "DOCKER_HOST": f"unix://{server.path}", "TZ": "UTC", **SANITIZERS}
    return subprocess.run([program, *arguments], env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)


DIGEST = "sha256:" + "ab" * 32


def service(name, mode, status=(0, 0, 0), ports=(), most=None):
    return {"ID": f"{name:0<25}", "Version": {"Index": 7}, "Endpoint": {"Ports": list(ports)},
            "Spec": {"Name": name, "Mode": mode, "TaskTemplate": {"ContainerSpec": {"Image": f"x:1@{DIGEST}"}, "Placement": {"MaxReplicas": most} if most else {}}},
            "ServiceStatus": dict(zip(("RunningTasks", "DesiredTasks", "CompletedTasks"), status))}


def port(inner, outer, mode="ingress"):
    return {"Protocol": "tcp", "TargetPort": inner, "PublishedPort": outer, "PublishMode": mode}


def task(name, slot, created, node="n1", ports=(), state="running", error=""):
    return {"ID": f"{name:0<25}", "Slot": slot, "NodeID": node, "ServiceID": f"{'web':0<25}", "CreatedAt": created, "DesiredState": state,
            "Spec": {"ContainerSpec": {"Image": "x:1"}}, "Status": {"Timestamp": "2020-01-02T03:04:05Z", "State": state, "Err": error, "PortStatus": {"Ports": list(ports)}}}


def container(name, **more):
    return {"Id": f"{name:0<64}", "Names": [f"/{name}"], "Image": "x", "ImageID": DIGEST, "Command": "c", "Created": 1577934245, "Ports": [], "Labels": {}, "State": "running",
            "Status": "Up", "NetworkSettings": {"Networks": {}}, "Mounts": [], **more}


SERVICES = [service("jobs", {"ReplicatedJob": {"MaxConcurrent": 2, "TotalCompletions": 5}}, (1, 2, 3)), service("everywhere", {"GlobalJob": {}}, (1, 2, 3)),
            service("web", {"Replicated": {"Replicas": 3}}, (2, 3, 0), [port(80, 8080), port(443, 8443), port(9, 9, "host")], 2)]
OLD, NEW = "2020-01-02T03:04:05Z", "2020-01-03T03:04:05Z"
TASKS = [task("a", 2, OLD), task("b", 1, OLD, state="shutdown", error="it went away in a way that takes some words"), task("c", 1, NEW, "n2", [port(80, 8080, "host"), port(81, 8081, "host")]),
         task("d", 3, OLD, "gone")]
EVERYWHERE = [task("a", 0, OLD, "n2"), task("b", 0, OLD, "n1"), task("c", 0, NEW, "n1")]
NODES = [{"ID": "n1", "Description": {"Hostname": "one"}}, {"ID": "n2", "Description": {"Hostname": "two"}}]
CONTAINERS = [container("two", Mounts=[{"Type": "bind", "Source": "/a/long/path/on/the/host"}, {"Type": "volume", "Name": "v", "Driver": "local"}]),
              container("named", Image=DIGEST), container("short", Image=DIGEST.split(":")[1][:12]), container("linked", Names=["/other/name", "/linked"])]


def engine_of(tasks):
    web = SERVICES[-1]
    return {"GET /services?": [answer(SERVICES if tasks is None else [web])], "GET /services/": [answer(web)], "GET /tasks?": [answer(tasks)],
            "GET /nodes/n1": [answer(NODES[0])], "GET /nodes/n2": [answer(NODES[1])], "GET /nodes/": [answer({"message": "no"}, "404 Not Found")], "GET /nodes": [answer(NODES)],
            "GET /containers/json": [answer(CONTAINERS)]}


@pytest.mark.parametrize("tasks, arguments", [
    (None, ["service", "ls"]), (None, ["service", "ls", "--format", "{{.Name}} {{.Replicas}} {{.Ports}}"]), (TASKS, ["service", "ps", "web"]), (TASKS, ["service", "ps", "--no-trunc", "web"]),
    (EVERYWHERE, ["service", "ps", "web"]), (TASKS, ["service", "ps", "--format", "{{.Nosuch}}", "web"]), ([], ["service", "ps", "web"]),
    (None, ["ps"]), (None, ["ps", "--no-trunc"]), (None, ["ps", "--format", "{{.Mounts}} {{.Image}} {{.Names}}"]),
], ids=str)
def test_listings(replay, tasks, arguments):
    server = replay(engine_of(tasks))
    got, wanted = run(OURS, server, *arguments), run(NEWEST, server, *arguments)
    assert outcome(got) == outcome(wanted)


@pytest.mark.parametrize("arguments", [["rm", "/c/"], ["rm", "", "c"], ["rm", "/", "c//"]], ids=str)
def test_slashes_of_a_name(replay, arguments):
    server = replay({"DELETE /containers/c": [b"HTTP/1.1 204 No Content\r\n\r\n"], "": [answer({"message": "what?"}, "404 Not Found")]})
    got, wanted = run(OURS, server, *arguments), run(NEWEST, server, *arguments)
    assert (got.returncode, got.stdout) == (wanted.returncode, wanted.stdout) and got.stderr.lower() == wanted.stderr.lower()
    assert [line for line, _ in server.requests] == ["DELETE /containers/c?v=0&link=0&force=0", "DELETE /containers/c"]


def test_several_networks(replay):
    """In the engine's order; the real client has them in any."""
    server = replay({"GET /containers/json": [answer([container("c", NetworkSettings={"Networks": {"b": {}, "a": {}}})])]})
    assert outcome(run(OURS, server, "ps", "--format", "{{.Networks}}")) == (0, b"b,a\n", b"")


@pytest.mark.parametrize("image, found", [("x:2", True), ("x", True), ("host:5000/x", True), ("host:5000/x:2", True), (f"x:2@{DIGEST}", True), ("x:2", False)])
def test_digest_of_an_image(replay, image, found):
    """Asked for at its registry, by way of the engine, and in the new specification; where it is not known, that is said."""
    known = answer({"Descriptor": {"digest": DIGEST}, "Platforms": []}) if found else answer({"message": "no"}, "401 Unauthorized")
    results = []
    for program in (OURS, NEWEST):
        server = replay({"GET /services": [answer(SERVICES[-1])], "POST /services/": [answer({})], "GET /distribution/": [known], "": [answer({})]})
        done = run(program, server, "service", "update", "--detach", "--image", image, "web")
        asked = [line.replace("docker.io/library/", "").replace("%2F", "/").replace("%3A", ":") for line, _ in server.requests if "/distribution/" in line]
        sent = next(body for line, body in server.requests if line.startswith("POST"))
        results.append((outcome(done), "@" in image or asked, json.loads(sent)["TaskTemplate"]["ContainerSpec"]["Image"].replace("docker.io/library/", "")))
    assert results[0] == results[1]


def test_an_answer_before_the_answer(replay):
    """Informational ones are passed over (RFC 9110, section 15.2)."""
    script = {"GET /containers/json": [b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", answer(CONTAINERS)]}
    got, wanted = (run(program, replay(script), "ps", "-q") for program in (OURS, NEWEST))
    assert outcome(got) == outcome(wanted) and got.stdout.count(b"\n") == len(CONTAINERS)


def test_text_of_a_proxy(replay):
    """What is no JSON is told as it is, without the end of its line."""
    server = replay({"": [answer(b"no such backend\r\n", "502 Bad Gateway", "Content-Type: text/plain")]})
    assert outcome(run(OURS, server, "ps")) == (1, b"", b"Error response from daemon: no such backend\n")
