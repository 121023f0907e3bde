"""The files of init/compose: what each promises, on containers made as the file says, with a local stand-in for the service that it
looks after.

Compose itself is not asked: its Python version does not know this form, and the other is no Debian package everywhere. The few keys
that the files use are taken word for word into `docker run`; any other key fails."""
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from bastion_image import IMAGE, Bastion, build
from engine import DEBIAN, SMALL, TOP
from harness import wait_for
from ssh_harness import ALICE, make_key

COMPOSE = TOP / "init/compose"


@pytest.fixture(scope="module")
def image(engine):
    build(engine)
    return engine


class Folder:
    """A copy of a folder of init/compose, filled as its comment says."""

    def __init__(self, engine, home, name):
        self.engine, self.home, self.name = engine, home / name, name
        shutil.copytree(COMPOSE / name, self.home)
        for folder in ("users.d", "keys", "etc/users.d"):
            (self.home / folder).mkdir(exist_ok=True, parents=True)
        for folder in ("users.d", "etc/users.d"):
            shutil.copy(f"{ALICE}.pub", self.home / folder / "alice.pub")
        self.files = {"token": "a-token-of-20-letters", "login": "user:password"}
        for file, text in self.files.items():
            (self.home / file).write_text(text + "\n")
            (self.home / file).chmod(0o600)  # umask 077
        self.made = []

    def load(self, file="compose.yaml"):
        return list(yaml.safe_load_all((self.home / file).read_text()))

    def words(self, compose, service):
        """A service of the file as options of docker run."""
        words = []
        for key, value in service.items():
            if key in ("image", "ports", "restart", "build", "container_name", "hostname", "command"):
                continue
            words += getattr(self, "put_" + key)(compose, value)
        return words

    def put_environment(self, _, value):
        # Compose takes $$ for a dollar sign.
        return [w for k, v in value.items() for w in ("-e", f"{k}={str(v).replace('$$', '$')}")]

    def put_secrets(self, compose, names):
        for name in names:
            if isinstance(name, dict):
                assert name["mode"] == 0o400
        names = [name["source"] if isinstance(name, dict) else name for name in names]
        files = {name: self.home / compose["secrets"][name].get("file", "./token") for name in names}
        return [w for name, file in files.items() for w in ("-v", f"{file}:/run/secrets/{name}:ro")]

    def put_volumes(self, _, volumes):
        words = []
        for v in volumes:
            if isinstance(v, dict):
                assert v.pop("type") == "tmpfs"
                words += ["--mount", f"type=tmpfs,target={v['target']}"]
                continue
            source, target = v.split(":", 1)
            source = self.engine.socket if source == "/var/run/docker.sock" else source if "/" not in source else self.home / source
            words += ["-v", f"{source}:{target}"]
        return words

    def put_tmpfs(self, _, value): return [w for v in value for w in ("--tmpfs", v)]
    def put_read_only(self, _, value): return ["--read-only"] if value else []
    def put_init(self, _, value): return ["--init"] if value else []
    def put_cap_drop(self, _, value): return [w for v in value for w in ("--cap-drop", v)]
    def put_cap_add(self, _, value): return [w for v in value for w in ("--cap-add", v)]
    def put_security_opt(self, _, value): return [w for v in value for w in ("--security-opt", v)]
    def put_pids_limit(self, _, value): return ["--pids-limit", str(value)]
    def put_mem_limit(self, _, value): return ["--memory", value]

    def put_deploy(self, _, value):
        limits = value["resources"]["limits"]
        return ["--pids-limit", str(limits["pids"]), "--memory", limits["memory"]]

    def put_stop_grace_period(self, _, value): return ["--stop-timeout", value.removesuffix("s")]

    def bastion(self, file="compose.yaml", **options):
        compose, = self.load(file)
        service = compose["services"]["bastion"]
        assert service.get("image", IMAGE) == IMAGE
        words = self.words(compose, service)
        self.made.append(Bastion(self.engine, *words, volumes=False, HTTP_TOKEN=None, FORCE_COMMAND=None, **options))
        assert not [e for e in self.made[-1].lines("notice") if "secret" in e["reason"] or "count" in e["reason"]]
        assert not [e for e in self.made[-1].lines("notice") if "no volume" in e["reason"]] or self.name == "swarm"
        return self.made[-1]

    def target(self, service, *setup):
        """The stand-in for another service of the file, with its name, mounts and command; then shell commands in it."""
        compose, = self.load()
        found = compose["services"][service]
        name = found["container_name"]
        for volume in found.get("volumes", []):
            (self.home / volume.split(":")[0]).mkdir(exist_ok=True)
        command = found.get("command", ["sleep", "infinity"])
        words = self.words(compose, {k: v for k, v in found.items() if k != "init"})
        self.engine.docker("run", "-d", "--init", "--network", "none", "--name", name, *words, SMALL, *command)
        self.made.append(name)
        for line in setup:
            self.engine.docker("exec", name, "sh", "-c", line)
        return name

    def close(self):
        for one in self.made:
            one.remove() if isinstance(one, Bastion) else self.engine.remove(one)


@pytest.fixture
def folder(image, tmp_path):
    made = []

    def open_folder(name):
        made.append(Folder(image, tmp_path, name))
        return made[-1]

    tmp_path.chmod(0o755)
    yield open_folder
    for one in made:
        one.close()


def script(path, text):
    return f"printf '%s\\n' {shlex.quote('#!/bin/sh')} {shlex.quote(text)} >{path}; chmod 755 {path}"


def test_wordpress(folder):
    f = folder("wordpress")
    f.target("wordpress", script("/bin/bash", "exec sh"), "hostname >/name")
    b = f.bastion()
    terminal = b.terminal(size=(33, 99))
    # The engine starts it without a size, which the client tells as soon as it can.
    terminal.send(b'until [ "$(stty size 2>/dev/null)" = "33 99" ]; do :; done; stty size; cat /name; exit 7\n')
    assert b"\n33 99\r\n" in terminal.read_until(b.engine.inspect("wordpress-app", "{{.Config.Hostname}}").encode())
    assert terminal.wait() == 7
    terminal.close()
    answer = b.curl("-i", auth="Authorization: Basic dXNlcjpwYXNzd29yZA==").stdout
    assert b" 422 " in answer and b"the input device is not a TTY" in answer


# With a terminal where there is one; the shell stays, as one with more to do would.
EXEC = "t=; [ -t 0 ] && t=-t; docker exec -i $t wordpress-app sh -c 'echo began; exec sleep infinity'; exit"


def begin(b, count, argv):
    """So many clients at once, begun by eights, whose commands have all begun."""
    clients = []
    while len(clients) < count:
        clients += [subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(8)]
        for client in clients[-8:]:
            line = client.stdout.readline()
            assert line.strip() == b"began", (line, b.log()[-2000:])
    return clients


def test_limits(folder):
    """What the examples' limits are measured for: as many as MAX_CONNECTIONS lets in on each of two ports, each with `docker exec`."""
    f = folder("wordpress")
    f.target("wordpress")
    compose, = f.load()
    service = compose["services"]["bastion"]
    service["environment"] |= {"FORCE_COMMAND": EXEC, "COMMAND_LOCK": "off", "MAX_CONNECTIONS_PER_ADDRESS": "64"}
    (f.home / "compose.yaml").write_text(yaml.safe_dump(compose))
    b = f.bastion()
    assert b.engine.inspect(b.name, "{{.HostConfig.PidsLimit}} {{.HostConfig.Memory}}") == f"{service['pids_limit']} {256 << 20}"
    curl = ["nsenter", "-t", str(b.pid), "-n", "curl", "-sSN", "--noproxy", "*", "-u", "user:password", "http://127.0.0.1:8080/cgi-bin/run"]
    clients = []
    try:
        clients += begin(b, 64, b.arguments("-tt"))
        clients += begin(b, 64, curl)
        assert b.execute("/bin/bastion", "health").returncode == 0
        assert all(client.poll() is None for client in clients) and not b.lines("fault")
        assert len(b.engine.processes(b.name)) > 500
    finally:
        for client in clients:
            client.kill()
            client.communicate()


NGINX = """
if [ "$1" = -s ]; then
    echo $2 >>/reloads
elif [ -e /bad ]; then
    echo "nginx: [emerg] unknown directive"
    exit 1
else
    echo "syntax is ok"
fi
"""


def test_nginx(folder):
    f = folder("nginx")
    f.target("nginx", script("/bin/nginx", NGINX))
    b = f.bastion()
    auth = "Authorization: Bearer a-token-of-20-letters"
    done = b.curl("--fail-with-body", auth=auth)
    assert (done.returncode, done.stdout) == (0, b"syntax is ok\n")
    b.engine.docker("exec", "nginx-app", "touch", "/bad")
    done = b.curl("--fail-with-body", auth=auth)
    assert (done.returncode, done.stdout) == (22, b"nginx: [emerg] unknown directive\n")
    assert b.engine.docker("exec", "nginx-app", "cat", "/reloads").stdout == "reload\n"


def test_docker_mailserver(folder):
    f = folder("docker-mailserver")
    f.target("mailserver", script("/bin/setup", 'printf "[%s]" "$@"; echo'))
    b = f.bastion()
    assert b.ssh("email list").stdout == b"[email][list]\n"
    assert b.ssh("quota set a@example.org 5G").stdout == b"[quota][set][a@example.org][5G]\n"
    assert b.ssh("email add a@example.org sesame").returncode == 0
    assert b.ssh("emial update a@example.org sesame").returncode == 126  # a slip of the hand shows no password either
    done = b.ssh("email del a@b; rm -rf /")
    assert (done.returncode, done.stdout) == (126, b"")
    auth = "Authorization: Bearer a-token-of-20-letters"
    assert b.curl("-H", "X-Bastion-Command: email list", auth=auth).stdout == b"[email][list]\n"
    assert b"403" in b.curl("-i", "-H", "X-Bastion-Command: email list; id", auth=auth).stdout
    assert b"403" in b.curl("-i", "-H", "X-Bastion-Command: email add sesame", auth=auth).stdout
    assert "sesame" not in b.log() and "a@example.org" not in b.log()
    assert "email *** *** ***" in b.log()


def test_one_host(folder):
    """Each credential buys its role and nothing else, by the lines that the file has to try."""
    f = folder("one-host")
    shutil.rmtree(f.home / "etc/users.d")
    (f.home / "etc/roles/deploy/tokens.d").mkdir()
    keys = {"mail": make_key(f.home, "bob"), "backup": make_key(f.home, "nas"), "oncall": ALICE}
    for role, key in keys.items():
        (f.home / f"etc/roles/{role}/users.d").mkdir()
        shutil.copy(f"{key}.pub", f.home / f"etc/roles/{role}/users.d")
    made = f.engine.docker("run", "--rm", "-v", f"{f.home}/etc:/new", "--entrypoint", "bastion", IMAGE, "token", "--expires", "90",
                           "/new/roles/deploy/tokens.d", "ci").stdout
    token, = set(re.findall(r"bastion_\w+", made))
    f.target("app", "echo precious >/data/file", script("/data/deploy.sh", "echo deployed by $(id -un)"))
    f.target("mailserver", script("/bin/setup", 'printf "[%s]" "$@"; echo'))
    b = f.bastion()
    assert b.execute("bastion", "check").returncode == 0
    assert [line.split(":")[1].strip() for line in b.execute("bastion", "check").stdout.splitlines() if line.startswith("role:")] \
        == ["backup", "deploy", "mail", "oncall"]

    auth = f"Authorization: Bearer {token}"
    done = b.curl("--fail-with-body", "-X", "POST", auth=auth)
    assert (done.returncode, done.stdout) == (0, b"deployed by root\n")
    assert b.ssh("email list", key=keys["mail"]).stdout == b"[email][list]\n"
    archive = b.ssh(key=keys["backup"]).stdout
    assert subprocess.run(["tar", "-xOf", "-", "./file"], input=archive, capture_output=True, check=True).stdout == b"precious\n"
    terminal = b.terminal(key=keys["oncall"])
    terminal.send(b"cat /data/file; exit 3\n")
    terminal.read_until(b"precious")
    assert terminal.wait() == 3
    terminal.close()

    # Nothing that a client says makes another role of it.
    assert b.curl("-X", "POST", "-H", "X-Bastion-Command: email list", auth=auth).stdout == b"deployed by root\n"
    assert (b.ssh("docker ps", key=keys["mail"]).returncode, b.ssh("email del a@b; id", key=keys["mail"]).returncode) == (126, 126)
    assert b.ssh("email list", key=keys["backup"]).stdout[:5] == archive[:5]
    assert b" 401 " in b.curl("-i", auth="Authorization: Bearer wrong").stdout
    assert {(e["role"], e["user"], e["channel"]) for e in b.lines("start")} \
        == {("deploy", "ci", "http"), ("mail", "bob", "ssh"), ("backup", "nas", "ssh"), ("oncall", "alice", "ssh")}

    # A role goes without a restart.
    shutil.rmtree(f.home / "etc/roles/mail")
    assert b.ssh("email list", key=keys["mail"]).returncode == 255
    (f.home / "etc/roles/deploy/tokens.d/ci.token").unlink()
    assert b" 401 " in b.curl("-i", auth=auth).stdout


def test_one_directory(folder):
    f = folder("one-directory")
    f.target("jail", "echo found >/opt/docker-mailserver/file")
    b = f.bastion()
    terminal = b.terminal()
    terminal.send(b"pwd; cat file; exit 3\n")
    assert b"/opt/docker-mailserver" in terminal.read_until(b"found")
    assert terminal.wait() == 3
    terminal.close()
    assert (f.home / "docker-mailserver/file").read_text() == "found\n"


def test_one_directory_without_a_socket(folder):
    f = folder("one-directory-no-socket")
    (f.home / "docker-mailserver").mkdir()
    (f.home / "docker-mailserver").chmod(0o777)
    f.engine.docker("build", "-t", "jail", f.home)
    b = f.bastion(image="jail")
    terminal = b.terminal()
    terminal.send(b"pwd; id -un; : >file; exit 3\n")
    assert b"/opt/docker-mailserver" in terminal.read_until(b"agent\r\n")
    assert terminal.wait() == 3
    terminal.close()
    assert (f.home / "docker-mailserver/file").stat().st_uid == 1000
    assert b.execute("bastion", "health").returncode == 0
    assert DEBIAN in (f.home / "Dockerfile").read_text()


def test_swarm(folder):
    """A manager; its services have no network here."""
    f = folder("swarm")
    with f.engine.swarm():
        check_stack(f)


def check_stack(f):
    f.engine.docker("service", "create", "--detach", "--name", "site_web", "--network", "host", SMALL, "sleep", "infinity")
    b = f.bastion("stack.yaml")
    tasks = lambda: f.engine.docker("service", "ps", "-q", "site_web").stdout.split()
    wait_for(lambda: len(tasks()) == 1, "the service's task")
    done = b.curl("--fail-with-body", auth="Authorization: Bearer a-token-of-20-letters")
    assert done.returncode == 0, done.stdout
    wait_for(lambda: len(tasks()) == 2, "another task")


class Pod:
    """What a file for Kubernetes describes, by hand: the folder that the projected volume makes, and options of docker run."""

    def __init__(self, file, tmp_path, values=None):
        self.parts = {part["kind"]: part for part in yaml.safe_load_all((COMPOSE / "kubernetes" / file).read_text())}
        self.spec = next(p["spec"]["template"]["spec"] for kind, p in self.parts.items() if kind in ("DaemonSet", "Deployment"))
        self.container, = self.spec["containers"]
        self.values = {**self.parts["ConfigMap"]["data"], **self.parts["Secret"]["stringData"], **(values or {})}
        self.home = tmp_path
        tmp_path.chmod(0o755)
        self.lay_settings()

    def lay_settings(self):
        settings = self.home / "settings"
        self.data = settings / "..data"
        self.data.mkdir(parents=True)
        settings.chmod(0o777)  # as the kubelet leaves it, on a read-only mount
        group = self.spec.get("securityContext", {}).get("fsGroup", -1)
        for source in self.spec["volumes"][0]["projected"]["sources"]:
            for item in next(iter(source.values()))["items"]:
                path = self.data / item["path"]
                path.parent.mkdir(exist_ok=True)
                path.write_text(self.values[item["key"]])
                path.chmod(item.get("mode", 0o644))
                os.chown(path, -1, group)
                top = item["path"].split("/")[0]
                if not (settings / top).is_symlink():
                    (settings / top).symlink_to(f"..data/{top}")

    def words(self, **sources):
        """`sources`: what stands behind a volume; a folder in memory where that is None."""
        context, pod = self.container["securityContext"], self.spec.get("securityContext", {})
        assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"]
        words = ["--read-only", "--security-opt", "no-new-privileges", "--cap-drop", *context["capabilities"]["drop"],
                 *(w for name in context["capabilities"].get("add", []) for w in ("--cap-add", name))]
        memory = "mode=777"
        if pod:
            words += ["--user", f"{pod['runAsUser']}:{pod['runAsGroup']}", "--group-add", str(pod["fsGroup"])]
            memory = f"mode=2777,gid={pod['fsGroup']}"
        words += ["--memory", self.container["resources"]["limits"]["memory"].removesuffix("i")]
        for variable in self.container.get("env", []):
            words += ["-e", f"{variable['name']}={self.values[variable['valueFrom']['secretKeyRef']['key']]}"]
        for mount in self.container["volumeMounts"]:
            source = {"settings": self.home / "settings", **sources}[mount["name"]]
            path, mode = mount["mountPath"], ":ro" if mount.get("readOnly") else ""
            words += ["-v", f"{source}:{path}{mode}"] if source else ["--tmpfs", f"{path}:{memory}"]
        return words

    def check_probes(self, b):
        assert b.execute(*self.container["livenessProbe"]["exec"]["command"]).returncode == 0
        assert b.within("curl", "-sf", "http://127.0.0.1:8080" + self.container["readinessProbe"]["httpGet"]["path"]).returncode == 0


def test_kubernetes(image, tmp_path):
    pod = Pod("bastion.yaml", tmp_path, {"alice.pub": Path(f"{ALICE}.pub").read_text()})
    keys = tmp_path / "keys"
    keys.mkdir()
    b = Bastion(image, *pod.words(keys=keys, socket=image.socket, run=None), volumes=False, HTTP_TOKEN=None, FORCE_COMMAND=None)
    try:
        assert b"CONTAINER ID" in b.ssh().stdout
        assert b"CONTAINER ID" in b.curl("--fail-with-body", auth=f"Authorization: Bearer {pod.values['HTTP_TOKEN']}").stdout
        pod.check_probes(b)
        (pod.data / "FORCE_COMMAND").write_text("echo edited")
        assert b.ssh().stdout == b"edited\n"
    finally:
        b.remove()


def test_kubernetes_restricted(image, tmp_path):
    """The Pod Security Standard's profile: everything that it asks for is there, and nothing is missing for it."""
    pod = Pod("restricted.yaml", tmp_path)
    assert pod.spec["securityContext"]["runAsNonRoot"] and pod.spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod.container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert all(set(v) - {"name"} <= {"projected", "emptyDir"} for v in pod.spec["volumes"])
    b = Bastion(image, *pod.words(run=None), volumes=False, HTTP_TOKEN=None, FORCE_COMMAND=None)
    try:
        auth = f"Authorization: Bearer {pod.values['HTTP_TOKEN']}"
        for _ in range(2):
            assert re.fullmatch(rb"run [0-9a-f]{16} for token\n", b.curl("--fail-with-body", auth=auth).stdout), b.log()
        assert b"401" in b.curl("-i", auth="Authorization: Bearer wrong").stdout
        pod.check_probes(b)
        assert not b.lines("fault") and not b.lines("notice"), b.log()
        b.engine.docker("stop", b.name)
        assert b.exit_code() == 0
    finally:
        b.remove()
