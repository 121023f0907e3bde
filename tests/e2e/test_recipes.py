"""What the documents advise: CI jobs and locks, systemd and sudo, the manual's examples, and apt's lock for `make run`."""
import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from check_harness import look
from harness import SYSTEM_PATH, UNTIL_GO, ask, curl, curl_in_background, wait_for
from tls_harness import TlsServer, s_client

TOP = Path(__file__).parents[2]
README = (TOP / "README.md").read_text()
WAYS = (TOP / "init/README.md").read_text()


# ---- CI ----

SLOW = f"echo x >>$T/runs; echo started; {UNTIL_GO}; echo done"


def test_jobs_that_wait(start):
    """Each deploy runs, one after another."""
    server = start(COMMAND_LOCK="wait", COMMAND_LOCK_WAIT="900", FORCE_COMMAND=SLOW)
    first = curl_in_background(server, "-X", "POST")
    wait_for(lambda: server.runs() == 1, "the first run")
    second = curl_in_background(server, "--fail-with-body", "-X", "POST")
    wait_for(lambda: len(server.connections()) >= 2, "the second connection")
    assert server.runs() == 1
    server.go()
    assert (first.wait(), second.wait()) == (0, 0) and server.settled_runs() == 2


@pytest.mark.slow
def test_jobs_that_try_again(start):
    """As often as Retry-After says; a failed command is not repeated."""
    server = start(COMMAND_LOCK="refuse", FORCE_COMMAND=SLOW)
    first = curl_in_background(server, "-X", "POST")
    wait_for(lambda: server.runs() == 1, "the first run")
    assert ask(server, method="POST")["Retry-After"] == "5"
    second = curl_in_background(server, "--fail-with-body", "--retry", "60", "-X", "POST")
    wait_for(lambda: len(server.events("refuse")) == 2, "the second client is refused")
    server.go()
    assert (first.wait(), second.wait()) == (0, 0) and server.settled_runs() == 2
    failing = start(COMMAND_LOCK="refuse", FORCE_COMMAND="echo x >>$T/runs; exit 3")
    done = curl(failing, "--fail-with-body", "--retry", "60", "-X", "POST")
    assert done.returncode == 22 and failing.settled_runs() == 1


@pytest.mark.parametrize("apart", [True, False])
def test_a_run_dir_for_each_service(start, apart):
    one = start(FORCE_COMMAND=SLOW)
    other = start(FORCE_COMMAND="echo backup", **({} if apart else {"RUN_DIR": str(one.run_dir)}))
    deploy = curl_in_background(one)
    wait_for(lambda: one.runs() == 1, "the deploy")
    answer = ask(other)
    assert (answer.body == b"backup\n", answer["X-Bastion-Skipped"]) == ((True, None) if apart else (False, "1"))
    one.go()
    assert deploy.wait() == 0


# ---- README, init/README.md, the units, the manual ----

def test_volumes_of_docker_run():
    """Debian 12's engine takes no path that begins with ./ there."""
    lines = [line for line in (README + WAYS).splitlines() if re.search(r"\s-v\s", line) and line.startswith("    ")]
    assert lines and not [line for line in lines if re.search(r"-v \.", line)]


@pytest.mark.parametrize("unit", ["bastion-http@.service", "bastion-ssh@.service"])
def test_units_say_what_sudo_needs(unit):
    before = (TOP / "init/systemd" / unit).read_text().split("NoNewPrivileges=yes")[0].splitlines()
    assert any("sudo" in line for line in before[-2:])


def test_migration_names_what_the_image_lacks():
    [row] = [line for line in WAYS.splitlines() if line.startswith("| tools |")]
    assert all(f"`{tool}`" in row for tool in ("head", "xargs", "sleep", "date", "id", "true"))


def manual(page):
    shown = subprocess.run(["mandoc", "-T", "ascii", TOP / "src" / page], capture_output=True, text=True, check=True).stdout
    return re.sub(".\b", "", shown)


def test_the_manual_has_examples():
    """Every example's rule and setting is one, as `bastion check` sees it."""
    assert manual("bastion.8").count("`bastion -c'") == 1
    # Nested quotes: a request of mdoc that took more for its argument than was meant.
    assert not [page for page in ("bastion.8", "bastion-settings.5", "bastion-docker.1") if re.search(r"(?<!\\)''", manual(page))]
    [rules] = re.findall(r"allowed-commands.list <<'END'\n(.*?)\n *END\n", manual("bastion-settings.5"), re.S)
    if os.geteuid() == 0:
        found = look(FORCE_COMMAND=None, files={"allowed-commands.list": "\n".join(line.strip() for line in rules.splitlines()) + "\n"}, COMMAND_PREFIX="id")
        assert found.code == 0 and len(found.lines("rule allowed-commands.list:2")) == 1
        assert not re.search("^  warning: (?!ends with a word)", found.out, re.M)


# ---- apt ----

@pytest.mark.root
def test_make_run_waits_for_apt():
    """apt-get itself waits for dpkg's lock alone, not for that of the lists. Of a package that there is not, it is known then."""
    folder = Path(tempfile.mkdtemp(prefix="bastion-e2e-apt-"))
    try:
        (folder / "lists/partial").mkdir(parents=True)
        (folder / "conf").write_text(f'Dir::Etc::sourcelist "/dev/null"; Dir::Etc::sourceparts "/dev/null"; Dir::State::lists "{folder}/lists";\n')
        script = (TOP / "vendor/deps").read_text().replace("wanted=\"$build $run $test\"", "wanted=bastion-has-no-such-package")
        (folder / "deps").write_text(script)
        with open(folder / "lists/lock", "w") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)
            with open(folder / "said", "wb") as said:
                waiting = subprocess.Popen(["sh", folder / "deps"], env={"PATH": SYSTEM_PATH, "APT_CONFIG": f"{folder}/conf"}, stderr=said, stdout=said)
            wait_for(lambda: b"another apt is at work" in (folder / "said").read_bytes() or waiting.poll() is not None, "it waits")
            assert waiting.poll() is None
            fcntl.lockf(lock, fcntl.LOCK_UN)
        assert waiting.wait(60) != 0
        said = (folder / "said").read_text()
        assert "Unable to locate package bastion-has-no-such-package" in said and "Could not get lock" not in said
    finally:
        shutil.rmtree(folder)


# ---- TLS ----

def test_no_extended_master_secret(start):
    """README says who can't connect for lack of it: should it come, the sentence goes."""
    assert "Extended master secret: no" in s_client(start(TlsServer), "-tls1_2")
    assert "extended master secret" in README
