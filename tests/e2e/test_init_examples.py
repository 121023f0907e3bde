"""What else starts bastion, in init/: each tried as far as it can be on a machine without that system."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from harness import BASTION, OWN_FOLDERS, TOKEN, curl, own_dev, settings_files
from role_harness import HttpRoles, SshRoles, bearer, token
from ssh_harness import ALICE, KEYS, make_key, public

INIT = Path(__file__).parents[2] / "init"
SETTINGS = {"FORCE_COMMAND": "id -un; echo $BASTION_PEER", "HTTP_TOKEN": TOKEN, "SSH_USER": "nobody"}


def files(_):
    """Settings as files alone, and the secret root's."""
    return f"{OWN_FOLDERS}\nrmdir /run/bastion\n{settings_files(SETTINGS)}\nchmod 600 /etc/bastion/HTTP_TOKEN\n"


def bare(**options):
    return {"before": files, "FORCE_COMMAND": None, "HTTP_TOKEN": None, "SSH_USER": None, "RUN_DIR": None, **options}


@pytest.mark.root
def test_inetd_conf(start):
    """Its own lines, with this test's port, and a program that is here."""
    def inetd(server):
        lines = [line for line in (INIT / "inetd.conf").read_text().splitlines() if not line.startswith("#")]
        assert [line.split("\t")[0] for line in lines] == ["8080", "2222"]
        conf = server.home / "inetd.conf"
        conf.write_text(lines[0].replace("8080", f"127.0.0.1:{server.port}").replace("/usr/local/bin/bastion", BASTION) + "\n")
        return ["/usr/sbin/inetd", "-i", str(conf)]

    def place(server):
        (server.home / "dev").mkdir()
        # Somebody has to take the log.
        return files(server) + "mkdir /run/bastion /run/bastion-http\n" + own_dev(server.home / "dev") + """
/usr/bin/python3 -c "
import os, socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind('/dev/log'); os.chmod('/dev/log', 0o666)
if os.fork() == 0:
    while s.recv(9999): pass
"
"""

    server = start(**bare(argv=inetd, before=place))
    assert curl(server).stdout == b"nobody\n127.0.0.1\n"


@pytest.mark.root
def test_tcpsvd_run(start):
    def words(server):
        return ["env", "ADDRESS=127.0.0.1", f"PORT={server.port}", f"BASTION={BASTION}", str(INIT / "tcpsvd/run")]

    server = start(**bare(argv=words))
    assert curl(server).stdout == b"nobody\n127.0.0.1\n"


@pytest.mark.root
def test_openwrt(start):
    """The script with a stand-in for rc.common and procd that starts what it is told to start."""
    def words(server):
        stand_in = server.home / "rc.common"
        stand_in.write_text("""
procd_open_instance() { :; }
procd_set_param() { case $1 in command) shift; command="$*" ;; env) shift; env="$*" ;; esac; }
procd_append_param() { [ "$1" = env ]; shift; env="$env $*"; }
procd_close_instance() { exec env $env $command --address 127.0.0.1; }
procd_add_reload_trigger() { echo "reload: $1"; }
config_load() { [ "$1" = bastion ]; }
config_foreach() { "$1" main; }
config_get() { eval "$1="; [ "$3" != http_port ] || eval "$1=$UCI_PORT"; }
. "$1"
service_triggers
"$2"_service
""")
        script = server.home / "bastion"
        script.write_text((INIT / "openwrt/bastion").read_text().replace("/usr/sbin/bastion", BASTION))
        return ["env", f"UCI_PORT={server.port}", "sh", str(stand_in), str(script), "start"]

    def place(server):
        (server.home / "dev").mkdir()  # it makes /dev/log
        return files(server) + own_dev(server.home / "dev")

    server = start(**bare(argv=words, before=place))
    assert curl(server).stdout == b"nobody\n127.0.0.1\n"
    assert "SSH is not served" in server.events("notice", channel="ssh")[-1]["reason"]  # its account's shell is another
    assert b"reload: bastion\n" in server.log_text()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
def test_systemd(tmp_path):
    for unit in (INIT / "systemd").iterdir():
        text = unit.read_text().replace("/usr/local/bin/bastion", BASTION).replace("Documentation=man:bastion(8)\n", "")
        (tmp_path / unit.name).write_text(text)
    units = [tmp_path / f"bastion-{name}{kind}" for name in ("http", "ssh") for kind in (".socket", "@.service")]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True,
                          env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"})
    assert (done.returncode, done.stderr) == (0, "")


def test_each_service_has_a_lock_of_its_own(tmp_path):
    """Two commands behind one lock would leave out each other's runs."""
    unit = (INIT / "systemd/bastion-http@.service").read_text()
    assert "RuntimeDirectory=bastion-http\n" in unit and "Environment=RUN_DIR=/run/bastion-http\n" in unit
    assert "RuntimeDirectory=bastion\n" in (INIT / "systemd/bastion-ssh@.service").read_text()
    http, ssh = [line for line in (INIT / "inetd.conf").read_text().splitlines() if not line.startswith("#")]
    assert "RUN_DIR=/run/bastion-http " in http and "RUN_DIR" not in ssh
    for tool in ("mkdir", "tcpsvd"):
        (tmp_path / tool).write_text(f'#!/bin/sh\necho "$RUN_DIR {tool} $*"\n')
        (tmp_path / tool).chmod(0o755)
    for program, folder in (("http", "/run/bastion-http"), ("ssh", "/run/bastion")):
        done = subprocess.run(["/bin/sh", INIT / "tcpsvd/run"], env={"PROGRAM": program, "PATH": str(tmp_path)}, capture_output=True, text=True)
        made, started = done.stdout.splitlines()
        assert made == f"{folder} mkdir -p {folder}" and started.startswith(f"{folder} tcpsvd ") and started.endswith(f" {program}")


def test_scripts_are_plain_sh():
    for script in ("run", "rootfs", "tcpsvd/run", "openwrt/bastion"):
        assert subprocess.run(["sh", "-n", INIT / script]).returncode == 0, script
        assert os.access(INIT / script, os.X_OK)


# ---- roles ----

def lay_out_kubernetes(folder, name):
    """Makes of a projected volume of the file what the kubelet makes: data behind ..data, and links to it. Returns its folder."""
    documents = list(yaml.safe_load_all((INIT / "compose/kubernetes/roles.yaml").read_text()))
    data = {(d["kind"], d["metadata"]["name"]): {**d.get("data", {}), **d.get("stringData", {})} for d in documents}
    pod, = [d["spec"]["template"]["spec"] for d in documents if d["kind"] == "DaemonSet"]
    volume, = [v for v in pod["volumes"] if v["name"] == name]
    mount, = [m for m in pod["containers"][0]["volumeMounts"] if m["name"] == name]
    assert mount["mountPath"] == "/etc/bastion/roles" and mount["readOnly"]
    for source in volume["projected"]["sources"]:
        (kind, named), = source.items()
        for item in named["items"]:
            path = folder / "..2027" / item["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(data[{"configMap": "ConfigMap", "secret": "Secret"}[kind], named["name"]][item["key"]])
            path.chmod(item.get("mode", 0o644))
    (folder / "..data").symlink_to("..2027")
    for entry in (folder / "..2027").iterdir():
        (folder / entry.name).symlink_to(f"..data/{entry.name}")


DOCKER = "#!/bin/sh\nprintf '[%s]' docker \"$@\"\n"


@pytest.mark.root
def test_kubernetes_roles(start):
    """The files of its roles, where the volume puts them, with a token and a key of this test in place of the examples."""
    def prepare(server):
        lay_out_kubernetes(server.roles, "roles")
        server.roles.joinpath("..2027/deploy/tokens.d/ci.token").write_text(token("of ci"))
        server.roles.joinpath("..2027/look/users.d/bob.pub").write_text(public(ALICE))
        (server.home / "bin").mkdir()
        (server.home / "bin/docker").write_text(DOCKER), (server.home / "bin/docker").chmod(0o755)
        server.env["PATH"] = f"{server.home}/bin:{server.env['PATH']}"

    server = start(HttpRoles, prepare=prepare)
    assert server.said(bearer("of ci")) == "[docker][restart][app]" and server.events("fault") == []
    server = start(SshRoles, prepare=prepare)
    assert server.ssh("ps -a").stdout == b"[docker][ps][-a]" and server.ssh("rm app").returncode == 126
    assert server.ssh("logs --tail 9 app").stdout == b"[docker][logs][--tail][9][app]" and server.faults() == []


@pytest.mark.root
def test_one_host(start):
    """Its folder of roles, and each line to try, with a stand-in for docker."""
    keys = {"mail": make_key(KEYS, "of-one-host-mail"), "backup": make_key(KEYS, "of-one-host-backup"), "oncall": ALICE}

    def prepare(server):
        shutil.copytree(INIT / "compose/one-host/etc/roles", server.roles, dirs_exist_ok=True)
        assert sorted(os.listdir(server.roles)) == ["backup", "deploy", "mail", "oncall"]
        server.put("deploy", ci_token=token("of ci"))
        for role, key in keys.items():
            server.put(role, somebody_pub=key)
        (server.home / "bin").mkdir()
        (server.home / "bin/docker").write_text(DOCKER + "id -u >&2\n"), (server.home / "bin/docker").chmod(0o755)
        server.env["PATH"] = f"{server.home}/bin:{server.env['PATH']}"

    server = start(HttpRoles, prepare=prepare)
    assert server.said(bearer("of ci")).startswith("[docker][exec][app][/data/deploy.sh]")
    server = start(SshRoles, prepare=prepare)
    menu = server.ssh("email list", key=keys["mail"])
    assert menu.stdout == b"[docker][exec][-i][mailserver][setup][email][list]" and server.ssh("ps", key=keys["mail"]).returncode == 126
    backup = server.ssh(key=keys["backup"])
    assert backup.stdout == b"[docker][exec][app][tar][-C][/data][-cf][-][.]" and backup.stderr.strip() == b"2000"
    assert server.ssh().stdout == b"[docker][exec][-it][app][sh]"
    assert server.faults() == []
