"""The image: what is in it, and that it works wherever it is put."""
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bastion_image import CAPABILITIES, IMAGE, LEAST, Bastion, build
from harness import AUTH, request, wait_for


@pytest.fixture(scope="module")
def image(engine):
    build(engine)
    return engine


@pytest.fixture
def bastion(image):
    made = []

    def start(*options, **settings):
        made.append(Bastion(image, *options, **settings))
        return made[-1]

    yield start
    for one in made:
        one.remove()


# ---- what it is ----

def test_size_and_content(image):
    facts = json.loads(image.docker("image", "inspect", IMAGE).stdout)[0]
    assert facts["Size"] < 1_000_000
    config = facts["Config"]
    assert config["Entrypoint"] == ["/bin/bastion", "init"] and config["Healthcheck"]["Test"] == ["CMD", "/bin/bastion", "health"]
    assert set(config["ExposedPorts"]) == {"22/tcp", "8080/tcp", "8443/tcp"} and config["StopSignal"] == "SIGTERM"
    assert config["Labels"]["org.opencontainers.image.title"] == "bastion"
    name = image.docker("create", IMAGE).stdout.strip()
    with subprocess.Popen(["/usr/bin/docker", "export", name], stdout=subprocess.PIPE, env=image.env) as export:
        listed = subprocess.run(["tar", "-tv"], stdin=export.stdout, capture_output=True, text=True).stdout.splitlines()
    image.remove(name)
    files = {line.split()[5].rstrip("/"): line[0] for line in listed}
    made_by_the_engine = {".dockerenv", "etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/mtab", "dev/console"}
    assert {f for f, kind in files.items() if kind != "d"} - made_by_the_engine == {
        "bin/bastion", "bin/tinysshd", "bin/sh", "bin/docker", "licences.gz", "etc/passwd", "etc/group", "var/run", "home/agent/.ssh"}


# ---- where it is put ----

SITUATIONS = {
    "plain": [],
    "read-only": ["--read-only", "--tmpfs", "/run"],
    "few capabilities": LEAST,
    "no new privileges": ["--security-opt", "no-new-privileges"],
    "all of it": ["--read-only", "--tmpfs", "/run", *LEAST, "--security-opt", "no-new-privileges"],
    "another init": ["--init"],
}


@pytest.mark.parametrize("name", SITUATIONS)
def test_situation(bastion, name):
    b = bastion(*SITUATIONS[name], FORCE_COMMAND="echo $USER; [ -t 0 ] && echo terminal; exit 3")
    for _ in range(2):  # the second run finds what the first has left
        answer = b.curl("-i").stdout
        assert b"422" in answer and b"X-Bastion-Exit-Code: 3" in answer and answer.endswith(b"agent\n")
        done = b.ssh()
        assert (done.returncode, done.stdout) == (3, b"agent\n"), b.log()
        terminal = b.terminal()
        terminal.read_until(b"terminal")
        assert terminal.wait() == 3
        terminal.close()
    assert b.execute("/bin/bastion", "health").stdout.endswith("ok\n")
    assert not b.lines("fault") and not b.lines("notice"), b.log()
    b.engine.docker("stop", b.name)
    assert b.exit_code() == 0


@pytest.mark.parametrize("options", [[], ["--read-only", "--tmpfs", "/run"], [*LEAST, "--security-opt", "no-new-privileges"]])
@pytest.mark.parametrize("user", ["1000:1000", "4321:4321"])
def test_another_user(bastion, options, user):
    """HTTP as whoever it is; SSH where /run can be made its own."""
    b = bastion("--user", user, *options, FORCE_COMMAND="[ -O /run/bastion ] && echo mine", HTTP_PORT="8081")
    assert b.curl(url="http://127.0.0.1:8081/cgi-bin/run").stdout == b"mine\n"
    assert any("SSH is not served" in e["reason"] for e in b.lines("notice"))
    assert b.execute("/bin/bastion", "health").returncode == 0


def test_another_user_over_ssh(bastion):
    run = "/run:uid=1000,gid=1000,mode=755"
    b = bastion("--user", "1000:1000", "--read-only", "--tmpfs", run, "--cap-drop", "ALL", FORCE_COMMAND="echo $USER")
    assert b.ssh().stdout == b.curl().stdout == b"agent\n"
    terminal = b.terminal()
    terminal.read_until(b"agent")
    assert terminal.wait() == 0
    terminal.close()


def test_no_new_privs(bastion):
    """Commands have it without any option of the engine's, and not where the setting says so."""
    look = "while read name value; do [ $name != NoNewPrivs: ] || echo $value; done </proc/self/status"
    b = bastion(FORCE_COMMAND=look)
    assert b.curl().stdout == b.ssh().stdout == b"1\n"
    assert b.execute("/bin/sh", "-c", look).stdout == "0\n"
    assert "\ncommands: no_new_privs on: NO_NEW_PRIVS is on by default here\n" in b.execute("/bin/bastion", "check").stdout
    b = bastion(FORCE_COMMAND=look, NO_NEW_PRIVS="off")
    assert b.curl().stdout == b.ssh().stdout == b"0\n"


@pytest.mark.parametrize("value, said", [(None, b"refused"), ("off", b"opened")])
def test_two_sessions(bastion, value, said):
    """With the engine's own filter of calls. Terminals are the container's: the first session has number 0."""
    b = bastion(FORCE_COMMAND="exec sh", NO_NEW_PRIVS=value)
    first, second = b.terminal(), None
    try:
        first.send(b"echo begun$((1))\n")
        first.read_until(b"begun1")
        second = b.terminal()
        second.send(b"for n in 1 0; do true </dev/pts/$n && echo $n=opened= || echo $n=refused=; done 2>/dev/null\n")
        assert b"1=opened=" in second.read_until(b"0=" + said + b"=\r\n")
    finally:
        for terminal in filter(None, (first, second)):
            terminal.close()


def test_without_a_volume(bastion):
    """It works, and says what that means."""
    b = bastion(volumes=False)
    assert b.curl().stdout == b"ok\n"
    assert any("the host's key goes when this container goes" in e["reason"] for e in b.lines("notice"))
    assert b.execute("/bin/bastion", "health").returncode == 0


def test_read_only_needs_a_run_folder(bastion):
    b = bastion("--read-only")
    assert b.exit_code() == 78
    assert b.log().startswith("bastion init: /run/bastion: can't be made") and "--tmpfs /run" in b.log()


def test_faults_are_one_line_and_78(bastion):
    b = bastion(COMMAND_LOCK="perhaps")
    assert b.exit_code() == 78
    assert b.log() == "bastion init: COMMAND_LOCK: must be one of: skip refuse wait off rerun join (from the environment)\n"


@pytest.mark.parametrize("missing", ["SETUID", "SETGID"])
def test_capabilities_that_it_cannot_do_without(bastion, missing):
    words = ["--cap-drop", "ALL", *(w for name in CAPABILITIES if name != missing for w in ("--cap-add", name))]
    b = bastion(*words)
    assert b.exit_code() == 78
    assert b.log().startswith(f"bastion init: capabilities: root is without {missing}, so that no command can run as agent: ")


def test_it_becomes_healthy(bastion):
    b = bastion("--health-interval", "1s")
    wait_for(lambda: b.engine.inspect(b.name, "{{.State.Health.Status}}") == "healthy", "it is healthy")
    assert not b.lines("login")


# ---- the lock, and the end ----

def begin(b):
    """A client that waits for its answer."""
    argv = ["nsenter", "-t", str(b.pid), "-n", "curl", "-sSN", "--noproxy", "*", "-H", AUTH, "http://127.0.0.1:8080/cgi-bin/run"]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_the_lock_is_the_containers(bastion, how):
    """A run under way when the container ends leaves nothing locked."""
    b = bastion(FORCE_COMMAND="echo begun; while :; do :; done")
    run = begin(b)
    wait_for(lambda: b.lines("start"), "a run")
    assert b"X-Bastion-Skipped" in b.curl("-i").stdout
    if how == "restart":
        b.engine.docker("restart", "-t", "0", b.name)
    else:
        b.engine.docker("kill", b.name)
        b.engine.docker("start", b.name)
    wait_for(lambda: len(b.lines("ready")) == 2, "it is back")
    run.communicate()
    again = begin(b)
    wait_for(lambda: len(b.lines("start")) == 2, "another run")
    again.kill()
    again.communicate()


def test_the_end_of_an_idle_container_is_quick(bastion):
    b = bastion()
    begun = time.monotonic()
    b.engine.docker("stop", "-t", "30", b.name)
    assert time.monotonic() - begun < 8  # not what a command would be given
    assert b.exit_code() == 0


def test_a_command_comes_to_its_end(bastion):
    b = bastion("--tmpfs", "/tmp:mode=1777", FORCE_COMMAND="echo begun; while [ ! -e /tmp/go ]; do :; done; echo whole",
                HTTP_HOLD_MS="60000")
    run = begin(b)
    wait_for(lambda: b.lines("start"), "a run")
    place = Path(f"/proc/{b.pid}/root/tmp/go")
    stop = subprocess.Popen(["/usr/bin/docker", "stop", "-t", "60", b.name], env=b.engine.env, stdout=subprocess.DEVNULL)
    wait_for(lambda: b.lines("stop"), "it stops")
    place.touch()
    assert run.communicate()[0] == b"begun\nwhole\n"
    assert stop.wait() == 0 and b.exit_code() == 0


# ---- many ----

CROWD = """
import socket, sys
request = eval(sys.argv[1])
socks = []
for n in range(300):
    s = socket.create_connection(("127.0.0.1", 8080)); s.sendall(request); socks.append(s)
good = 0
for s in socks:
    got = b""
    while more := s.recv(65536): got += more
    good += got.startswith(b"HTTP/1.1 200 ") and got.endswith(b"ok\\n")
print(good)
"""


def test_300_at_once_and_no_zombies(bastion):
    b = bastion(MAX_CONNECTIONS="400", MAX_CONNECTIONS_PER_ADDRESS="400", COMMAND_LOCK="off",
                FORCE_COMMAND="(exec 3</dev/zero) & echo ok")
    for _ in range(4):
        assert b.within(sys.executable, "-c", CROWD, repr(request(close=True)), timeout=120).stdout == b"300\n"
    # Process 1, what prints its log, and what is ready for the next connections: two processes for HTTP, and two for SSH.
    wait_for(lambda: len(b.engine.processes(b.name)) == 6, "all others have ended, and are reaped")
    assert len(b.lines("start")) == len(b.lines("end")) == 1200
