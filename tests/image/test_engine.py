"""The engine that all tests of the image stand on."""
from engine import DATA, DEBIAN


def test_containers_run(engine, container):
    name = container()
    assert engine.docker("exec", name, "echo", "ok").stdout == "ok\n"
    assert len(engine.processes(name)) >= 2  # its init, and the sleep


def test_debian(engine):
    done = engine.docker("run", "--rm", "--network", "host", DEBIAN, "cat", "/etc/os-release")
    assert "VERSION_CODENAME=trixie" in done.stdout


def test_it_is_not_the_machines(engine):
    assert engine.docker("info", "--format", "{{.DockerRootDir}}").stdout.strip() == str(DATA / "data")
