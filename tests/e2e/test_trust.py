"""Who may decide what runs: no command can make a setting, a rule or a key, and what its account owns is closed to it."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from harness import BASTION, OWN_FOLDERS, TOKEN, NotStarted, ask, settings_files
from init_harness import CAPABILITIES, InitServer
from ssh_harness import ALICE, MALLORY, Terminal, named, public

pytestmark = pytest.mark.root

HERE = Path(__file__).parent
WITHOUT_LANDLOCK = ["/usr/bin/python3", str(HERE / "without_calls.py"), "landlock"]
LIKE_DOCKER = CAPABILITIES + ",+dac_override"  # what an engine gives unless it is told otherwise
RULES = "sh .+\necho [a-z]+\n"


def tree(*folders):
    """All that stands there: names, and what files hold. Whoever owns a file may change its mode: that adds nothing."""
    found = {}
    for folder in folders:
        for path in sorted(Path(folder).rglob("*")):
            found[str(path)] = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else path.stat().st_mode >> 12
    return found


def own(path, uid=1000):
    for each in (path, *Path(path).rglob("*")):
        os.chown(each, uid, uid, follow_symlinks=False)


def of_the_command(server):
    """Everything is the command's account's, as the mounts of a host's user are; docker-bastion's users have them so."""
    (server.etc / "HTTP_HOLD_MS").write_text("5000\n")
    (server.etc / "authorized_keys.host").write_text(public(ALICE))
    shutil.copy(HERE / "attack.py", server.t)
    own(server.etc)
    own(server.keys)


def container(start, **options):
    return start(InitServer, **{"prepare": of_the_command, "capabilities": LIKE_DOCKER, "COMMAND_LOCK": "off", **options})


ATTACK = ("python3 $T/attack.py /etc/bastion/users.d /etc/bastion/users.d/alice.pub /etc/bastion/HTTP_HOLD_MS /etc/bastion/authorized_keys.host "
          "/etc/ssh/keys/ssh_host_ed25519_key")


# ---- what is the command's account's works, and is closed to the command ----

@pytest.mark.parametrize("channel", ["http", "ssh", "terminal"])
def test_attack(start, channel):
    server = container(start, FORCE_COMMAND=ATTACK)
    server.ssh()  # whatever the first connection makes is there
    key = server.keys / "ssh_host_ed25519_key"
    os.chown(key, 1000, 1000)
    server.settle()
    before = tree(server.etc, server.keys)
    assert len(before) > 5
    if channel == "http":
        assert ask(server).body == b"done\n"
    elif channel == "ssh":
        assert server.ssh().stdout == b"done\n"
    else:
        terminal = Terminal(server)
        assert b"seized" not in terminal.read_until(b"done")
        terminal.wait()
        terminal.close()
    server.settle()
    assert tree(server.etc, server.keys) == before
    assert server.ssh(key=MALLORY).returncode == 255
    assert server.ssh().stdout.endswith(b"done\n")


@pytest.mark.parametrize("what", ["list", "setting", "tokens", "etc"])
def test_one_thing_alone(start, what):
    """Whatever it is that the account owns; all else there stays root's."""
    def prepare(server):
        (server.etc / "allowed-commands.list").write_text(RULES)
        (server.etc / "HTTP_HOLD_MS").write_text("5000\n")
        (server.etc / "tokens.d").mkdir()
        (server.etc / "tokens.d/ci.token").write_text("# none yet\n")
        shutil.copy(HERE / "attack.py", server.t)
        own({"list": server.etc / "allowed-commands.list", "setting": server.etc / "HTTP_HOLD_MS", "tokens": server.etc / "tokens.d",
             "etc": server.etc}[what])

    server = container(start, prepare=prepare, FORCE_COMMAND=None)
    before = tree(server.etc)
    targets = "/etc/bastion/users.d /etc/bastion/allowed-commands.list /etc/bastion/HTTP_HOLD_MS /etc/bastion/tokens.d /etc/bastion/tokens.d/ci.token"
    answer = ask(server, f"X-Bastion-Command: sh {server.t}/go {targets}")
    assert answer.code == 127 or answer.code == 2  # there is no such script
    (server.t / "go").write_text(f"python3 {server.t}/attack.py {targets}")
    answer = ask(server, f"X-Bastion-Command: sh {server.t}/go")
    assert answer.body.endswith(b"done\n")
    assert tree(server.etc) == before


def test_everything_else_works(start):
    """The terminal, devices, pipes, /tmp, the account's own files, files of /proc, sockets."""
    script = """cd $T; echo x >/dev/null; echo x >$T/file; mkdir $T/d; mv $T/file $T/d/file; ln $T/d/file $T/hard; rm -r $T/d $T/hard
echo 0 >/proc/self/oom_score_adj; echo x | cat >$T/kept; echo x >/dev/tty; echo x >$(tty)
python3 -c 'import socket, tempfile; s = socket.socket(socket.AF_UNIX); s.connect("/run/docker.sock"); print("connected"); tempfile.TemporaryFile(dir=".")'
: >>/etc/bastion/users.d/evil.pub"""
    server = container(start, FORCE_COMMAND=script)
    listener = "import os, socket; s = socket.socket(socket.AF_UNIX); s.bind('/run/docker.sock'); os.chown('/run/docker.sock', 0, 987); os.chmod('/run/docker.sock', 0o660); s.listen(); open('%s/listens', 'w'); s.accept()" % server.t
    pid = server.pid
    helper = subprocess.Popen(["nsenter", "-t", str(pid), "-m", f"-r/proc/{pid}/root", "/usr/bin/python3", "-c", listener])
    try:
        server.wait_file("listens")
        terminal = Terminal(server)
        seen = terminal.read_until(b"evil.pub")
        assert b"connected" in seen and seen.count(b"enied") == 0, seen
        terminal.read_until(b"enied")
        terminal.wait()
        terminal.close()
        assert (server.t / "kept").read_text() == "x\n"
    finally:
        helper.kill()
        helper.wait()


def test_a_helper_that_an_earlier_run_left(start):
    """It opens for another what it can open itself: nothing."""
    helper = """
import os, socket
s = socket.socket(socket.AF_UNIX); s.bind(os.environ["T"] + "/helper"); s.listen(); open(os.environ["T"] + "/ready", "w")
c, _ = s.accept()
try:
    socket.send_fds(c, [b"x"], [os.open("/etc/bastion/users.d", os.O_RDONLY), os.open("/etc/bastion/users.d/alice.pub", os.O_WRONLY)])
except OSError as e:
    c.send(str(e).encode())
"""
    asker = """
import os, socket
s = socket.socket(socket.AF_UNIX); s.connect(os.environ["T"] + "/helper")
text, fds, _, _ = socket.recv_fds(s, 200, 9)
for fd in fds:
    os.write(fd, b"evil")
print(text.decode(), len(fds))
"""
    def prepare(server):
        of_the_command(server)
        (server.t / "helper.py").write_text(helper)
        (server.t / "asker.py").write_text(asker)

    server = container(start, prepare=prepare, FORCE_COMMAND="if [ -e $T/ready ]; then python3 $T/asker.py; else setsid python3 $T/helper.py >/dev/null 2>&1 & until [ -e $T/ready ]; do sleep 0.02; done; fi")
    before = tree(server.etc)
    ask(server)
    assert b"Permission denied" in ask(server).body
    assert tree(server.etc) == before


def test_root_own_files_need_nothing(start):
    """Nothing is asked of Landlock then, and new privileges are not given up for it."""
    server = start(InitServer, capabilities=LIKE_DOCKER, FORCE_COMMAND="grep NoNewPrivs /proc/self/status; head -c0 /dev/null; echo x >/etc/bastion/users.d/evil.pub")
    server.settle()
    assert b"ermission denied" in ask(server).body  # by its owner and mode
    host = start(before=OWN_FOLDERS + settings_files({"FORCE_COMMAND": "grep NoNewPrivs /proc/self/status"}), FORCE_COMMAND=None)
    assert ask(host).body == b"NoNewPrivs:\t0\n"


def test_a_read_only_mount_needs_nothing(start):
    more = """for d in bastion ssh/keys; do mount --bind "$root/etc/$d" "$root/etc/$d"; mount -o remount,bind,ro "$root/etc/$d"; done"""
    server = container(start, more=more, wrap=WITHOUT_LANDLOCK, volume=True, FORCE_COMMAND="echo x >/etc/bastion/users.d/evil.pub",
                       prepare=lambda s: (of_the_command(s), shutil.copy(MALLORY, s.keys / "ssh_host_ed25519_key"), (s.keys / "ssh_host_ed25519_key").chmod(0o600)))
    assert b"Read-only file system" in ask(server).body
    assert b"Read-only file system" in server.ssh().stderr


# ---- without Landlock ----

def test_keys_without_landlock(start):
    """They are not used, which is said once at the start; root's own are."""
    def prepare(server):
        own(server.users)
        (server.etc / "authorized_keys.repo").write_text(public(MALLORY))

    server = container(start, prepare=prepare, wrap=WITHOUT_LANDLOCK)
    assert ask(server).body == b"ok\n"
    assert server.ssh(key=ALICE).returncode == 255
    assert server.ssh(key=MALLORY).stdout == b"ok\n"
    found = [f for f in named(server) if f.startswith("/etc/bastion/users.d: does not count: ")]
    assert len(found) == 1 and "Landlock" in found[0] and ":ro" in found[0] and "chown root" in found[0]
    checked = server.execute(WITHOUT_LANDLOCK[0], str(copied(server)), "landlock", "/bin/bastion", "check")
    assert f"fault: {found[0]}\n" in checked.stderr and checked.returncode == 78


def copied(server):
    shutil.copy(HERE / "without_calls.py", server.t)
    return server.t / "without_calls.py"


def test_a_list_without_landlock(start):
    def prepare(server):
        (server.etc / "allowed-commands.list").write_text(RULES)
        own(server.etc / "allowed-commands.list")

    server = container(start, prepare=prepare, wrap=WITHOUT_LANDLOCK, FORCE_COMMAND=None, ALLOWED_COMMANDS="echo (variable)")
    assert ask(server, "X-Bastion-Command: echo listed").status == 403
    assert ask(server, "X-Bastion-Command: echo variable").body == b"variable\n"
    assert any(f.startswith("/etc/bastion/allowed-commands.list: does not count: ") for f in named(server))


@pytest.mark.parametrize("what, reason", [("setting", "HTTP_HOLD_MS: "), ("etc", "/etc/bastion: "), ("keys", "SSH_KEYS: /etc/ssh/keys: ")])
def test_no_start_without_landlock(what, reason):
    def prepare(server):
        (server.etc / "HTTP_HOLD_MS").write_text("5000\n")
        own({"setting": server.etc / "HTTP_HOLD_MS", "etc": server.etc, "keys": server.keys}[what])

    with pytest.raises(NotStarted) as fault:
        InitServer(capabilities=LIKE_DOCKER, prepare=prepare, wrap=WITHOUT_LANDLOCK)
    assert fault.value.code == 78 and reason in fault.value.log and "chown root" in fault.value.log


def test_a_second_name(start):
    """What has a hard link elsewhere can't be closed."""
    def prepare(server):
        os.link(server.users / "alice.pub", server.t / "alice")
        own(server.users / "alice.pub")

    server = container(start, prepare=prepare)
    assert server.ssh().returncode == 255
    assert any("second name" in f for f in named(server))


@pytest.mark.slow
def test_too_many_entries(start):
    """A folder that can't be closed, since there is too much beside it: nothing runs."""
    def prepare(server):
        many = server.etc / "many"
        many.mkdir()
        for i in range(9000):
            (many / str(i)).touch()
        (many / "keys").mkdir()
        shutil.copy(f"{ALICE}.pub", many / "keys/alice.pub")
        own(many / "keys")
        (server.etc / "AUTHORIZED_KEYS_DIR").write_text("/etc/bastion/many/keys")

    server = container(start, prepare=lambda s: (prepare(s), shutil.move(s.etc / "many", s.t / "many"), (s.etc / "AUTHORIZED_KEYS_DIR").write_text(f"{s.t}/many/keys")))
    assert ask(server).status == 500
    assert server.runs() == 0
    assert any("can't be closed to commands" in f for f in named(server))


# ---- files of others ----

@pytest.mark.parametrize("landlock", [True, False])
def test_keys_of_a_third_account(start, landlock):
    """A host's user whose number is not SSH_UID: the command can't write them."""
    server = container(start, prepare=lambda s: own(s.etc / "users.d", 1001), wrap=() if landlock else WITHOUT_LANDLOCK,
                       FORCE_COMMAND="grep NoNew /proc/self/status >/dev/null; echo x >/etc/bastion/users.d/evil.pub")
    assert b"ermission denied" in server.ssh().stderr
    assert server.events("login", verdict="allow")


def test_a_list_of_a_third_account(start):
    def prepare(server):
        (server.etc / "allowed-commands.list").write_text(RULES)
        own(server.etc / "allowed-commands.list", 1001)

    server = container(start, prepare=prepare, FORCE_COMMAND=None)
    assert ask(server, "X-Bastion-Command: echo listed").status == 403
    assert any("can be written by others than root" in f for f in named(server))


@pytest.mark.parametrize("mode, group, counts", [(0o664, 1000, True), (0o664, 4711, False), (0o666, 1000, False)])
def test_modes_of_a_list(start, mode, group, counts):
    """umask 002 makes files that a user's own group may write."""
    def prepare(server):
        (server.etc / "allowed-commands.list").write_text(RULES)
        os.chown(server.etc / "allowed-commands.list", 1000, group)
        (server.etc / "allowed-commands.list").chmod(mode)

    server = container(start, prepare=prepare, FORCE_COMMAND=None)
    assert ask(server, "X-Bastion-Command: echo listed").status == (200 if counts else 403)


def test_a_link_into_the_accounts_folder(start):
    """The key is where the command can write, and is closed there."""
    def prepare(server):
        (server.t / "mine").mkdir()
        shutil.move(server.users / "alice.pub", server.t / "mine/key")
        own(server.t / "mine")
        (server.users / "alice.pub").symlink_to(f"{server.t}/mine/key")

    server = container(start, prepare=prepare, FORCE_COMMAND="echo x >$T/mine/key; mv $T/mine $T/yours; mv $T/mine/key $T/x; echo x >$T/beside; cat $T/beside")
    before = (server.t / "mine/key").read_bytes()
    done = server.ssh()
    assert done.returncode == 1 and b"x\n" not in done.stdout  # a folder on the way there takes nothing new
    assert (server.t / "mine/key").read_bytes() == before


def test_a_folder_that_is_not_there_yet(start):
    """Nobody but the administrator makes it."""
    def prepare(server):
        (server.t / "conf").mkdir()
        own(server.t / "conf")
        shutil.copy(f"{MALLORY}.pub", server.t / "evil.pub")

    server = container(start, prepare=prepare, FORCE_COMMAND="mkdir $T/conf/users.d; cp $T/evil.pub $T/conf/users.d/; ls $T/conf", env={"AUTHORIZED_KEYS_DIR": "/nowhere"})
    assert ask(server).code == 0
    server = container(start, prepare=lambda s: (prepare(s), (s.etc / "AUTHORIZED_KEYS_DIR").write_text(f"{s.t}/conf/users.d"), (s.etc / "authorized_keys.host").write_text(public(ALICE))),
                       FORCE_COMMAND="mkdir $T/conf/users.d; cp $T/evil.pub $T/conf/users.d/; ls $T/conf")
    server.ssh()
    assert list((server.t / "conf").iterdir()) == []


# ---- as another account than root ----

def test_not_root(start):
    """--user 1000:1000: all of it is the command's account's."""
    attack = ("python3 $T/attack.py /etc/bastion/users.d /etc/bastion/users.d/alice.pub /etc/ssh/keys/ssh_host_ed25519_key /run/bastion/ssh/authorized_keys "
              "/run/bastion/hostkey/.ed25519.sk; mkdir /run/bastion/settings; echo 'echo owned' >/run/bastion/settings/FORCE_COMMAND; echo done")
    server = start(InitServer, user="1000:1000", more='chown 1000:1000 "$root/run"', prepare=of_the_command, FORCE_COMMAND=attack)
    server.ssh()
    server.settle()
    run = server.inside("/run/bastion")
    before = tree(server.etc, server.keys, run / "ssh", run / "hostkey")
    assert len(before) > 8
    for said in (ask(server).body, server.ssh().stdout):
        assert said.endswith(b"done\n") and b"seized" not in said
    server.settle()
    assert tree(server.etc, server.keys, run / "ssh", run / "hostkey") == before
    assert server.ssh(key=MALLORY).returncode == 255


def test_not_root_and_without_landlock(start):
    """Over SSH nothing can be trusted then; over HTTP, with all settings in the environment, there is nothing to be written."""
    server = start(InitServer, user="1000:1000", more='chown 1000:1000 "$root/run"', wrap=WITHOUT_LANDLOCK, FORCE_COMMAND="id -u")
    assert ask(server).body == b"1000\n"
    assert any("SSH is not served" in f for f in named(server))
    assert server.ssh().returncode == 255


def test_a_setting_that_the_command_left_in_run(start):
    """In /run/bastion, of an account that is not root, nothing is a setting, for any program."""
    plant = "mkdir -p /run/bastion/settings; echo 'echo owned' >/run/bastion/settings/FORCE_COMMAND; echo user:owned >/run/bastion/settings/HTTP_BASIC_AUTH; echo planted"
    more = 'chown 1000:1000 "$root/run"; mkdir "$root/run/bastion"; chown 1000:1000 "$root/run/bastion"'
    server = start(InitServer, user="1000:1000", more=more, FORCE_COMMAND=plant, wrap=WITHOUT_LANDLOCK, prepare=lambda s: (s.etc / "FORCE_COMMAND").write_text("echo etc"))
    assert ask(server).body == ask(server).body == b"planted\n"
    done = server.execute("setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "/bin/bastion", "check", "--files", "x")
    assert "echo etc" in done.stdout and "owned" not in done.stdout


@pytest.mark.parametrize("landlock", [True, False])
def test_a_named_file_of_an_ordinary_user(start, tmp_path, landlock):
    """bastion http of an account that owns the file of its token."""
    secret = Path("/tmp") / f"bastion-token-{os.getpid()}-{landlock}"
    secret.mkdir()
    (secret / "token").write_text(TOKEN)
    own(secret, 65534)
    wrap = [] if landlock else WITHOUT_LANDLOCK
    try:
        server = start(user="nobody", HTTP_TOKEN=None, HTTP_TOKEN_FILE=str(secret / "token"), program=(*wrap, BASTION, "http"),
                       FORCE_COMMAND=f"echo x >{secret}/token; echo $?")
        answer = ask(server)
        assert (answer.status, answer.body.endswith(b"2\n")) == (200, True) if landlock else answer.status == 500
        assert (secret / "token").read_text() == TOKEN
    finally:
        shutil.rmtree(secret)


def test_an_ordinary_user_with_an_environment(start):
    """Nothing is asked of Landlock: RUN_DIR's lock decides nothing."""
    server = start(user="nobody", program=(*WITHOUT_LANDLOCK, BASTION, "http"), FORCE_COMMAND="grep Seccomp: /proc/self/status")
    assert ask(server).body == b"Seccomp:\t2\n"
