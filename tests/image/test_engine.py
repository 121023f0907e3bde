"""The engine that all tests of the image stand on."""
from engine import CLIENT, DEBIAN


def test_containers_run(engine, container):
    name = container()
    assert engine.docker("exec", name, "echo", "ok").stdout == "ok\n"
    assert len(engine.processes(name)) >= 2  # its init, and the sleep


def test_debian(engine):
    done = engine.docker("run", "--rm", "--network", "host", DEBIAN, "cat", "/etc/os-release")
    assert "VERSION_CODENAME=trixie" in done.stdout


def test_nothing_of_the_machine_is_seen(engine):
    assert engine.docker("ps", "--all", "--quiet").stdout == ""
    assert engine.docker("version", env={"DOCKER_HOST": engine.host}).returncode == 0 and CLIENT == "/usr/bin/docker"
