"""/run/bastion/settings: what `bastion init` has had in its environment, for `bastion cgi` and login shells of other sshds, while it lives."""
import subprocess

import pytest
from harness import BASTION, OWN_FOLDERS, PATIENCE, SANITIZERS, SYSTEM_PATH, TOKEN, free_port, private, settings_files

pytestmark = pytest.mark.root

# $1 is what ends it. What cgi says is what is configured.
SCRIPT = """
cgi() { REQUEST_METHOD=GET HTTP_AUTHORIZATION="Bearer $TOKEN" env -i REQUEST_METHOD=GET HTTP_AUTHORIZATION="Bearer $TOKEN" $BASTION cgi 2>&1 | tail -1; }
start() { FORCE_COMMAND="$1" HTTP_TOKEN=$TOKEN SSH_USER=nobody $BASTION init --address 127.0.0.1 2>$2 & pid=$!; until grep -qs event=ready $2; do sleep 0.05; done; }
end() { kill -$1 $pid; wait $pid || true; }
chmod 755 /run /run/bastion
echo nobody >/etc/bastion/SSH_USER
start "echo old" /run/log
ls -A /run/bastion/settings | sort | tr '\\n' ' '; echo
cgi
"""


def host(script, files=None, **settings):
    env = {"PATH": SYSTEM_PATH, **SANITIZERS, "BASTION": BASTION, "TOKEN": TOKEN, "HTTP_PORT": str(free_port()), **settings}
    files = {"FORCE_COMMAND": "echo new", "HTTP_TOKEN": TOKEN} if files is None else files
    argv = private(OWN_FOLDERS + settings_files(files), ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-euc", script])
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=2 * PATIENCE)
    return done.stdout.splitlines()


@pytest.mark.parametrize("signals, stays", [("TERM", False), ("INT", False), ("QUIT", False), ("KILL", True)])
def test_it_goes_with_init(signals, stays):
    """However init ends, the next program goes by /etc/bastion; after a crash what is left does not count."""
    said = host(SCRIPT + f"end {signals}; [ -e /run/bastion/settings ] && echo left || echo gone; cgi\n")
    assert said == [".init FORCE_COMMAND SSH_USER ", "old", "left" if stays else "gone", "new"]


def test_a_second_signal():
    """While a command has its ten seconds it is there; a second signal leaves them out."""
    script = SCRIPT.replace("echo old", "trap : TERM; while :; do sleep 1; done").replace("\ncgi\n", """
python3 -c 'import os, urllib.request as u
try: u.urlopen(u.Request("http://127.0.0.1:" + os.environ["HTTP_PORT"] + "/cgi-bin/run", headers={"Authorization": "Bearer " + os.environ["TOKEN"]})).read()
except OSError: pass' 2>/dev/null &
until grep -q event=start /run/log; do sleep 0.05; done
""") + "kill -TERM $pid; until grep -q event=stop /run/log; do sleep 0.05; done; ls -d /run/bastion/settings; end TERM; ls -A /run/bastion | grep settings || echo gone\n"
    assert host(script)[1:] == ["/run/bastion/settings", "gone"]


def test_a_fault_after_it_was_written():
    """On a host without a credential for HTTP or an account for SSH there is nothing to serve."""
    said = host("FORCE_COMMAND='echo old' $BASTION init --address 127.0.0.1 2>/dev/null || echo $?; ls -A /run/bastion\n", files={}, HTTP_PORT="")
    assert said == ["78"]


def test_after_a_crash_it_is_made_anew():
    script = SCRIPT + "end KILL; cgi; start 'echo third' /run/log3; cgi; end TERM; cgi; ls -A /run/bastion | grep settings || echo gone\n"
    assert host(script)[1:] == ["old", "new", "third", "new", "gone"]


def test_two_on_one_host():
    """The first one's stay; the second says so, and takes away nothing."""
    script = SCRIPT + """first=$pid; HTTP_PORT=$OTHER; start 'echo second' /run/log2; cgi; grep -c 'another bastion init' /run/log2; end TERM; cgi
pid=$first; end TERM; cgi
"""
    assert host(script, OTHER=str(free_port()))[1:] == ["old", "old", "1", "old", "new"]


@pytest.mark.parametrize("spoil", ["chown 65534 /run/bastion", "chmod 777 /run/bastion", "chown 65534 /run/bastion/settings", "chmod 777 /run/bastion/settings",
                                   "chmod 777 /run", "chmod 666 /run/bastion/settings/.init"])
def test_only_what_is_root_alone_counts(spoil):
    assert host(SCRIPT + f"{spoil}; $BASTION check --files | grep ^FORCE\n")[1:] == ["old", 'FORCE_COMMAND = "echo new"  (from /etc/bastion/FORCE_COMMAND)']


def test_a_lock_of_a_command_is_none():
    """Whoever can read the file can't keep it alive."""
    script = SCRIPT + """end KILL
setpriv --reuid=65534 --regid=65534 --clear-groups python3 -c '
import fcntl, time
f = open("/run/bastion/settings/.init")
for lock in (fcntl.lockf, fcntl.flock):
    try:
        lock(f, fcntl.LOCK_EX)
    except OSError:
        lock(f, fcntl.LOCK_SH)
print("held", flush=True)
time.sleep(60)' >/run/held & until grep -q held /run/held; do sleep 0.05; done
cgi
"""
    assert host(script)[1:] == ["old", "new"]


def test_other_programs_never_read_it():
    script = SCRIPT + "$BASTION check | grep ^FORCE; $BASTION check --files | grep ^FORCE\n"
    assert host(script)[2:] == ['FORCE_COMMAND = "echo new"  (from /etc/bastion/FORCE_COMMAND)',
                                'FORCE_COMMAND = "echo old"  (from /run/bastion/settings/FORCE_COMMAND)']
