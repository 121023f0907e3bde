"""Processes that are ready before they are needed: bastion init gives a connection to one that was executed, has read its settings and
has confined itself before. What a client, an administrator and a command see is the same as without."""
import contextlib
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest
from harness import TOKEN, UNTIL_GO, Client, ask, free_port, is_alive, request, together, wait_for
from init_harness import InitServer, OnePort, children, is_ready, memory
from role_harness import bearer, token

pytestmark = pytest.mark.root


def inner(pid):
    """Its number in the container."""
    return int(re.search(r"^NSpid:.*\s(\d+)$", Path(f"/proc/{pid}/status").read_text(), re.M)[1])


def age(pid):
    """In seconds: proc(5), stat, starttime."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def descriptors(pid):
    return {int(fd.name): os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()}


def lay_out(pid):
    """Where the executable, the stack and the kernel's pages are."""
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return tuple(maps[i].split("-")[0] for i in (0, -3, -2, -1))


def writable_memory(pid):
    """All that it may have written to, piece by piece."""
    with open(f"/proc/{pid}/mem", "rb") as mem:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            start, end, rights = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
            if "w" in rights:
                mem.seek(int(start, 16))
                yield mem.read(int(end, 16) - int(start, 16))


def write_in_place(path, text):
    """An editor's worst: the same file, and afterwards the same size and time."""
    before = path.stat()
    with open(path, "r+") as f:
        f.write(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def other_lines(server, since):
    """What the log has but for runs."""
    return [e for e in server.events()[since:] if e["event"] not in ("start", "end")]


# ---- a connection ----

def test_a_connection_is_given_to_one_that_is_ready(start):
    server = start(InitServer, FORCE_COMMAND="echo $PPID", COMMAND_LOCK="off")
    layouts = set()
    for _ in range(3):
        spare, = server.wait_spares()
        front, = children(spare)
        expected = inner(spare)
        layouts |= {lay_out(spare)}
        assert int(ask(server).body) == expected
        wait_for(lambda: not is_alive(spare) and not is_alive(front), "it serves one connection")
    assert len(layouts) == 3


# What a command can see of how its process was made.
SEEN = ("env; ls -l /proc/self/fd | sed 's/.*[0-9] //' | grep -v /proc; id; ulimit -a; umask; "
        "grep -E '^(Umask|Uid|Gid|Groups|Shd|Sig[BIC]|Cap|NoNew|Secc)' /proc/self/status")


def seen(server, output):
    """The lines of SEEN, without what is each server's or run's own."""
    text = re.sub(r"pipe:\[\d+\]", "pipe", output.decode())
    for value in (str(server.home), str(server.port), str(server.ssh_port)):
        text = text.replace(value, "…")
    return re.sub(r"(?m)^(BASTION_RUN|T|SPARE)=.*", r"\1", text).splitlines()


def test_the_command_sees_no_difference(start):
    with_one, without = start(InitServer, FORCE_COMMAND=SEEN), start(InitServer, FORCE_COMMAND=SEEN, SPARE="0")
    with_one.wait_rest()
    one, other = (seen(server, ask(server).body) for server in (with_one, without))
    assert one == other != []
    assert not without.spares()


def test_its_descriptors(start):
    """Those of the monitor of any connection; and its front has no socket but the one to it."""
    server = start(InitServer)
    spare, = server.wait_spares()
    front, = children(spare)
    assert set(descriptors(front)) == {2}
    found = descriptors(spare)
    assert set(found) == set(range(11))
    sockets = [fd for fd, what in found.items() if what.startswith("socket:")]
    assert sockets == [3, 6]  # to process 1, and to its front
    assert [found[fd].rpartition("/")[2] for fd in (0, 1, 5, 7, 8, 9)] == ["null", "null", "null", "bastion", "lock", "lock"]
    assert Path(f"/proc/{front}/status").read_text().count("Seccomp:\t2")


@pytest.mark.parametrize("count", ["0", "1", "3"])
def test_as_many_as_asked_for(start, count):
    server = start(InitServer, SPARE=count)
    assert ask(server).status == 200
    if count != "0":
        wait_for(lambda: len(server.spares("http")) == int(count), "as many")
    else:
        assert not server.spares()


def test_more_while_more_are_needed(start):
    server = start(InitServer, FORCE_COMMAND="echo ok", COMMAND_LOCK="off")
    server.wait_spares()
    assert together([lambda: [ask(server).body for _ in range(25)]] * 8) == [[b"ok\n"] * 25] * 8
    wait_for(lambda: 1 < len(server.spares("http")) <= 8, "more than at rest")
    wait_for(lambda: len(server.spares("http")) == 1, "as many as at rest")


# ---- limits and times ----

def test_they_count_for_no_limit(start):
    server = start(InitServer, SPARE="4", MAX_CONNECTIONS="2", MAX_CONNECTIONS_PER_ADDRESS="2", FORCE_COMMAND=UNTIL_GO, COMMAND_LOCK="off")
    server.wait_spares(4)
    with Client(server) as one, Client(server) as other:
        for client in (one, other):
            client.send(request())
        server.wait_event("start", 2)
        server.go()
        assert one.answer().status == other.answer().status == 200
    assert not server.events("refuse")


@pytest.mark.slow
def test_times_begin_with_the_connection(start):
    """That for a request's head, ten seconds, would be over."""
    server = start(InitServer, FORCE_COMMAND="echo ok")
    spare = wait_for(lambda: next((p for p in server.spares("http") if is_ready(p) and age(p) > 11), None), "one that has waited for long")
    with Client(server) as client:
        client.send("GET /cgi-bin/run HTTP/1.1\r\n")
        time.sleep(0.5)
        client.send(request(close=True).partition(b"\r\n")[2].decode())
        assert client.answer().body == b"ok\n"
    wait_for(lambda: not is_alive(spare), "it has served it")


# ---- changes ----

def edit_in_place(server):
    write_in_place(server.etc / "FORCE_COMMAND", "echo b")


def edit_by_rename(server):
    (server.etc / ".new").write_text("echo b")
    (server.etc / ".new").rename(server.etc / "FORCE_COMMAND")


def add_list(server):
    (server.etc / "allowed-commands.list").write_text("echo c\n")


def take_account_away(server):
    passwd = server.inside("/run/bastion/passwd")
    passwd.write_text(passwd.read_text().replace("agent:x:1000", "agent:x:0000"))


def mount_over(server):
    (server.home / "other").mkdir()
    (server.home / "other/FORCE_COMMAND").write_text("echo b")
    subprocess.run(["nsenter", "-t", str(server.pid), "-m", "mount", "--bind", server.home / "other", server.inside("/etc/bastion")], check=True)


CHANGES = {edit_in_place: (200, b"b\n"), edit_by_rename: (200, b"b\n"), add_list: (400, None), take_account_away: (500, None),
           mount_over: (200, b"b\n")}


@pytest.mark.parametrize("change", CHANGES, ids=lambda f: f.__name__)
def test_a_change_counts_for_the_next_connection(start, change):
    server = start(InitServer, FORCE_COMMAND=None, prepare=lambda s: (s.etc / "FORCE_COMMAND").write_text("echo a"))
    server.wait_spares()
    assert ask(server).body == b"a\n"
    spare, = server.wait_spares()
    change(server)
    answer = ask(server)
    assert answer.status == CHANGES[change][0], answer
    assert CHANGES[change][1] in (answer.body, None)
    wait_for(lambda: not is_alive(spare), "nothing that was ready before is left")


def test_every_change_counts(start):
    """However soon after the one before: those that are ready have read what is there now."""
    server = start(InitServer, FORCE_COMMAND=None, prepare=lambda s: (s.etc / "FORCE_COMMAND").write_text("echo a"))
    for text in ("echo b", "echo c", "echo d"):
        server.wait_spares()
        write_in_place(server.etc / "FORCE_COMMAND", text)
        for _ in range(3):
            assert ask(server).body.decode() == text[-1] + "\n"


def test_a_named_file_that_is_a_link_to_a_folder(start):
    """As Kubernetes has them: the content changes by another folder's taking the place of a link."""
    def prepare(server):
        for name, command in (("..1", "echo a"), ("..2", "echo b")):
            (server.etc / name).mkdir()
            (server.etc / name / "command").write_text(command)
        (server.etc / "..data").symlink_to("..1")
        (server.etc / "command").symlink_to("..data/command")

    server = start(InitServer, prepare=prepare, FORCE_COMMAND=None, FORCE_COMMAND_FILE="/etc/bastion/command")
    server.wait_spares()
    assert ask(server).body == b"a\n"
    server.wait_spares()
    (server.etc / "..tmp").symlink_to("..2")
    (server.etc / "..tmp").rename(server.etc / "..data")
    assert ask(server).body == b"b\n"


def test_the_docker_socket(start):
    """Its group comes and goes with it."""
    server = start(InitServer, FORCE_COMMAND="id -G", COMMAND_LOCK="off")
    server.wait_spares()
    assert ask(server).body == b"1000\n"
    server.wait_spares()
    with socket.socket(socket.AF_UNIX) as s:
        path = server.inside("/run/docker.sock")
        s.bind(str(path))
        os.chown(path, 0, 4321)
        os.chmod(path, 0o660)
        assert ask(server).body == b"1000 4321\n"
        server.wait_spares()
        assert ask(server).body == b"1000 4321\n"
        server.wait_spares()
        path.unlink()
        assert ask(server).body == b"1000\n"


def test_the_lock_that_is_there(start):
    server = start(InitServer, FORCE_COMMAND=UNTIL_GO, HTTP_HOLD_MS="0")
    server.wait_spares()
    server.inside("/run/bastion/lock").unlink(missing_ok=True)
    with Client(server) as client:
        client.send(request())
        server.wait_event("start")
        server.wait_spares()
        assert ask(server)["X-Bastion-Skipped"] == "1"
        server.go()


def test_tokens(start):
    """Each request looks at them by itself, also one that is served by what was ready before."""
    def prepare(server):
        (server.etc / "tokens.d").mkdir(mode=0o755)
        (server.etc / "tokens.d/ci.token").write_text(token("old"))

    server = start(InitServer, prepare=prepare, TOKENS_DIR="/etc/bastion/tokens.d", FORCE_COMMAND="echo $PPID", COMMAND_LOCK="off")

    def answer(auth):
        expected = inner(server.wait_spares()[0])
        got = ask(server, auth=auth)
        return got.status, got.status != 200 or int(got.body) == expected

    assert answer(bearer("old")) == (200, True) and answer(bearer("new"))[0] == 401
    server.wait_spares()
    write_in_place(server.etc / "tokens.d/ci.token", token("new"))
    assert answer(bearer("old"))[0] == 401 and answer(bearer("new")) == (200, True)
    server.wait_spares()
    (server.etc / "tokens.d/ci.token").unlink()
    assert answer(bearer("new"))[0] == 401


def test_a_role(start):
    """Its settings, too, are read with the request that asks for it."""
    def prepare(server):
        (server.etc / "roles/web/tokens.d").mkdir(parents=True)
        (server.etc / "roles/web/tokens.d/ci.token").write_text(token("web"))
        (server.etc / "roles/web/FORCE_COMMAND").write_text("echo a")

    server = start(InitServer, prepare=prepare, COMMAND_LOCK="off")
    for text in ("echo a", "echo b", "echo c"):
        server.wait_spares()
        write_in_place(server.etc / "roles/web/FORCE_COMMAND", text)
        assert ask(server, auth=bearer("web")).body.decode() == text[-1] + "\n"


def test_a_list_that_was_there(start):
    def prepare(server):
        (server.etc / "allowed-commands.list").write_text("echo a\n")

    def answer():
        server.wait_spares()
        return ask(server, "X-Bastion-Command: echo a").status

    server = start(InitServer, FORCE_COMMAND=None, prepare=prepare, COMMAND_LOCK="off")
    assert answer() == 200
    server.wait_spares()
    write_in_place(server.etc / "allowed-commands.list", "echo b\n")
    assert answer() == 403
    server.wait_spares()
    write_in_place(server.etc / "allowed-commands.list", "echo a\n")
    assert answer() == 200
    server.wait_spares()
    (server.etc / "allowed-commands.list").unlink()
    assert ask(server, "X-Bastion-Command: echo a").status == 500


def test_a_setting_that_is_wrong(start):
    """The answer and the log are those without; and none is started again and again."""
    server = start(InitServer, FORCE_COMMAND=None, prepare=lambda s: (s.etc / "FORCE_COMMAND").write_text("echo a"))
    server.wait_spares()
    (server.etc / "COMMAND_TIMEOUT").write_text("soon")
    assert ask(server).status == 500
    assert "COMMAND_TIMEOUT" in server.events("fault")[-1]["reason"]

    def last_number():
        return int(server.execute("cat", "/proc/sys/kernel/ns_last_pid").stdout)

    before, lines = last_number(), len(server.events())
    time.sleep(3)
    assert last_number() - before < 12 and len(server.events()) == lines
    (server.etc / "COMMAND_TIMEOUT").unlink()
    assert ask(server).body == b"a\n"


# ---- their end ----

def test_the_end_of_bastion_init(start):
    server = start(InitServer, SPARE="3")
    spares = server.wait_spares(3)
    fronts = [front for spare in spares for front in children(spare)]
    server.tell()
    assert server.end() == 0
    assert not [p for p in spares + fronts if is_alive(p)]
    stop, = server.events("stop")
    assert "0 connections are open" in stop["reason"] and not server.events("fault")


def test_a_hangup(start):
    server = start(InitServer)
    spare, = server.wait_spares()
    server.tell(signal.SIGHUP)
    wait_for(lambda: not is_alive(spare), "it is another")
    server.wait_spares()
    assert ask(server).status == 200


@pytest.mark.parametrize("which", ["monitor", "front"])
def test_one_that_is_killed(start, which):
    """Another takes its place, in a while, and nobody notices: also where it is the process that it could not serve without."""
    server = start(InitServer)
    spare, = server.wait_spares()
    front, = children(spare)
    lines = len(server.events())
    os.kill(spare if which == "monitor" else front, signal.SIGKILL)
    wait_for(lambda: not is_alive(spare), "its end")
    assert ask(server).status == 200
    assert server.wait_spares() != [spare]
    assert not other_lines(server, lines)


def test_one_that_is_killed_with_its_connection(start):
    """It costs that connection and no other."""
    server = start(InitServer)
    spare, = server.wait_spares()
    os.kill(spare, signal.SIGSTOP)
    with Client(server) as client:
        client.send(request())
        wait_for(lambda: server.spares("http") != [spare], "it has been given away")
        os.kill(spare, signal.SIGKILL)
        with contextlib.suppress(ConnectionResetError):
            assert client.is_closed()
    server.settle()
    assert ask(server).status == 200 and not server.events("fault")


# ---- who can reach them ----

def test_commands_can_not(start):
    server = start(InitServer, SPARE="3", FORCE_COMMAND="for p in /proc/[0-9]*; do [ -O $p ] || { kill -9 ${p#/proc/}; cat $p/environ $p/mem; ls $p/fd; }; done 2>/dev/null; echo ok")
    spares = server.wait_spares(3)
    theirs = {p for spare in spares for p in [spare, *children(spare)]}
    answer = ask(server)
    assert answer.body.endswith(b"ok\n") and TOKEN not in answer.body.decode()
    server.settle()
    assert len([p for p in theirs if is_alive(p)]) == 4  # those of one have served


def test_without_root(start):
    server = start(InitServer, user="1000:1000", mode="1777", HTTP_TOKEN="t" * 20, SSH_PORT="off", FORCE_COMMAND="echo $PPID",
                   COMMAND_LOCK="off")
    auth = "Authorization: Bearer " + "t" * 20
    expected = inner(server.wait_spares()[0])
    assert int(ask(server, auth=auth).body) == expected


# ---- HTTPS ----

@pytest.fixture
def https(start):
    port = free_port()
    server = start(InitServer, FORCE_COMMAND="echo $PPID", COMMAND_LOCK="off", TLS="self-signed", HTTPS_PORT=str(port))
    server.https_port = port
    return server


def tls_spare(server):
    """The process that speaks TLS, and the monitor behind it."""
    def look():
        for pid in server.spares():
            if b"tls" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                for monitor in children(pid):
                    if is_ready(monitor):
                        return pid, monitor
        return None
    return wait_for(look, "a spare that speaks TLS")


def ask_tls(server, **options):
    context = ssl.create_default_context(cafile=server.keys / "tls.crt")
    with socket.create_connection(("127.0.0.1", server.https_port)) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as s:
            s.sendall(request(close=True, **options))
            answer = b"".join(iter(lambda: s.recv(65536), b""))
    return answer


def test_https(https):
    for _ in range(2):
        tls, monitor = tls_spare(https)
        expected = inner(monitor)
        assert int(ask_tls(https).split()[-1]) == expected
        wait_for(lambda: not is_alive(tls) and not is_alive(monitor), "they serve one connection")
    assert https.events("start")[-1]["peer"] == "127.0.0.1"


@pytest.mark.parametrize("which", [0, 1, 2], ids=["tls", "monitor", "front"])
def test_one_for_https_that_is_killed(https, which):
    tls, monitor = tls_spare(https)
    everybody = [tls, monitor, *children(monitor)]
    lines = len(https.events())
    os.kill(everybody[which], signal.SIGKILL)
    wait_for(lambda: not any(map(is_alive, everybody)), "the end of all three")
    assert b" 200 " in ask_tls(https)
    assert not other_lines(https, lines)


def test_what_is_ready_for_https_has_no_key(https):
    key = subprocess.run(["openssl", "pkey", "-in", https.keys / "tls.key", "-noout", "-text"], capture_output=True, text=True, check=True).stdout
    secret = bytes.fromhex(re.search(r"priv:\s*((?:[0-9a-f:]+\s*)+?)pub:", key)[1].replace(":", "").replace("\n", "").replace(" ", ""))[-32:]
    tls, monitor = tls_spare(https)
    for pid in (tls, monitor, *children(monitor)):
        assert not any(secret in data or b"PRIVATE KEY" in data for data in writable_memory(pid))


def test_a_certificate_that_is_replaced(https):
    tls_spare(https)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=other",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", https.home / "k", "-out", https.home / "c"], check=True, capture_output=True)
    shutil.copy(https.home / "k", https.keys / "tls.key")
    shutil.copy(https.home / "c", https.keys / "tls.crt")
    assert b" 200 " in ask_tls(https)  # the context believes the new one alone


def test_idle_memory(https):
    """Of all processes, with a spare for each port: KiB."""
    tls_spare(https)
    https.wait_rest()
    assert sum(memory(pid) for pid in https.processes() if pid != https.process.pid) < 600


# ---- programs that become others: one port for all, and behind a proxy's header ----

@pytest.fixture
def mux(start):
    port = free_port()
    server = start(OnePort, HTTP_TOKEN=TOKEN, MUX_PORT=str(port), SSH_PORT="off", HTTP_PORT="off", HTTPS_PORT="off", TLS="self-signed",
                   FORCE_COMMAND='echo "$PPID $BASTION_CHANNEL $BASTION_PEER"', COMMAND_LOCK="off")
    server.port = server.ssh_port = server.https_port = port
    return server


def test_mux(mux):
    """What was ready becomes the program that serves the connection: that of HTTP is the command's parent itself."""
    served = []
    for ask_it, channel in ((lambda: ask(mux).body, b"http"), (lambda: ask_tls(mux).partition(b"\r\n\r\n")[2], b"http"), (lambda: mux.ssh().stdout, b"ssh")):
        mux.wait_rest()
        spare, = mux.spares("mux")
        number = inner(spare)
        parent, *said = ask_it().split()
        assert said == [channel, b"127.0.0.1"]
        served.append(int(parent) == number)
        wait_for(lambda spare=spare: not is_alive(spare), "it serves one connection")
    assert served == [True, False, False]


def test_mux_reads_settings_anew(start):
    """Whether there is a certificate decides about clear text from elsewhere, and about TLS."""
    port = free_port()
    server = start(OnePort, HTTP_TOKEN=TOKEN, MUX_PORT=str(port), SSH_PORT="off", HTTP_PORT="off", HTTPS_PORT="off", FORCE_COMMAND="echo ok")
    server.port = server.https_port = port
    server.wait_rest()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
                    "-keyout", server.etc / "key.pem", "-out", server.etc / "crt.pem"], check=True, capture_output=True)
    (server.etc / "TLS_KEY").write_text("/etc/bastion/key.pem")
    (server.etc / "TLS_CERT").write_text("/etc/bastion/crt.pem")
    context = ssl._create_unverified_context()
    with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain) as s:
        s.sendall(request(close=True))
        assert s.recv(65536).endswith(b"ok\n")


def behind_a_proxy(start, **settings):
    return start(InitServer, PROXY_PROTOCOL="on", COMMAND_LOCK="off", prepare=lambda s: (s.etc / "TRUSTED_PROXIES").write_text("127.0.0.1"), **settings)


def ask_behind(server, client="192.0.2.7"):
    with socket.create_connection(("127.0.0.1", server.port)) as s:
        s.sendall(f"PROXY TCP4 {client} 192.0.2.1 50000 80\r\n".encode() + request(close=True))
        with contextlib.suppress(ConnectionResetError):
            return b"".join(iter(lambda: s.recv(65536), b"")).partition(b"\r\n\r\n")[2]


def test_behind_a_proxy(start):
    server = behind_a_proxy(start, SSH_PORT="off", FORCE_COMMAND='echo "$PPID $BASTION_PEER"')
    for client in ("192.0.2.7", "192.0.2.8"):
        server.wait_rest()
        spare, = server.spares("proxy")
        number = inner(spare)
        assert ask_behind(server, client).decode() == f"{number} {client}\n"
        wait_for(lambda spare=spare: not is_alive(spare), "it serves one connection")
    server.wait_rest()
    (server.etc / "TRUSTED_PROXIES").write_text("127.0.0.2")
    assert not ask_behind(server)


@pytest.mark.parametrize("kind", ["mux", "proxy"])
def test_the_command_sees_no_difference_there(start, kind):
    def lines(spare):
        port = free_port()
        server = (behind_a_proxy(start, SPARE=spare, SSH_PORT="off", FORCE_COMMAND=SEEN) if kind == "proxy" else
                  start(OnePort, HTTP_TOKEN=TOKEN, MUX_PORT=str(port), SSH_PORT="off", HTTP_PORT="off", HTTPS_PORT="off", FORCE_COMMAND=SEEN,
                        COMMAND_LOCK="off", SPARE=spare))
        server.port = server.port if kind == "proxy" else port
        server.wait_rest()
        return seen(server, ask_behind(server) if kind == "proxy" else ask(server).body)

    assert lines("1") == lines("0") != []
