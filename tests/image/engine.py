"""A Docker engine of the tests' own: Debian's dockerd in namespaces of its own, with its own data, sockets and configuration,
so that nothing of it is left once the test session is gone, however it goes, and the machine's own engine is never touched.

There is no bridge and no packet filter: a container has `--network none` unless it is given `--network host`."""
import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).parents[2]
sys.path.insert(0, str(TOP / "tests/e2e"))

from harness import SYSTEM_PATH, wait_for  # noqa: E402

CLIENT = "/usr/bin/docker"  # Debian's: another one may come first in PATH, and be the machine's own
# Images and the cache of builds stay for the next session; `make clean` leaves them too. Two sessions at the same time take two.
DATA = TOP / "build" / os.environ.get("BASTION_ENGINE", "engine")
DEBIAN = "debian:trixie-slim"
SMALL = "target"  # busybox alone: where a container has to be made quickly

# As process 1 of its namespace dockerd takes everything along when it ends. containerd's sockets have fixed places.
START = """
for d in /run/containerd /run/docker; do mkdir -p $d; mount -t tmpfs tmpfs $d; done
exec "$@"
"""


def storage_driver():
    """overlay2, as users have it, where the file system takes that; else vfs, which copies all of an image for each layer and container."""
    with tempfile.TemporaryDirectory(prefix="overlay-", dir=DATA) as folder:
        script = 'cd "$1"; mkdir l u w m; mount -t overlay overlay -o lowerdir=l,upperdir=u,workdir=w m'
        tried = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-euc", script, "sh", folder], capture_output=True)
    return "overlay2" if tried.returncode == 0 else "vfs"


class Engine:
    def __init__(self):
        self.home = Path(tempfile.mkdtemp(prefix="bastion-engine-"))
        os.chmod(self.home, 0o755)
        self.socket = self.home / "docker.sock"
        self.host = f"unix://{self.socket}"
        self.env = {"PATH": SYSTEM_PATH, "HOME": str(self.home), "DOCKER_CONFIG": str(self.home / "config"), "DOCKER_HOST": self.host}
        self.log = self.home / "log"
        (self.home / "config").mkdir()
        (self.home / "daemon.json").write_text("{}")
        DATA.mkdir(parents=True, exist_ok=True)
        self.lock = open(DATA / "lock", "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)  # one engine at a time can have the data
        self.process, self.driver = None, storage_driver()
        for other in {"overlay2", "vfs"} - {self.driver}:  # which was another session's, and takes gigabytes
            for path in (DATA / "data" / other, DATA / "data/image" / other):
                shutil.rmtree(path, ignore_errors=True)

    # -- the daemon --

    def start(self, *more):
        """`more`: further options of dockerd's."""
        dockerd = ["dockerd", "--config-file", self.home / "daemon.json", "--data-root", DATA / "data", "--exec-root", self.home / "exec",
                   "--pidfile", self.home / "pid", "-H", self.host, f"--storage-driver={self.driver}", "--bridge=none", "--iptables=false",
                   "--ip6tables=false", "--ip-forward=false", *more]
        argv = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "slave", "--pid", "--fork", "--kill-child",
                "--mount-proc", "sh", "-euc", START, "sh", *dockerd]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(argv, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                                            start_new_session=True)
        wait_for(lambda: self.answers() or self.process.poll() is not None, "the engine answers", 60)
        if self.process.poll() is not None:
            raise RuntimeError("dockerd: " + self.log.read_text(errors="replace")[-3000:])

    def answers(self):
        return self.socket.exists() and self.docker("version", check=False).returncode == 0

    def kill(self):
        """The engine and all that runs in it is gone, at once."""
        self.process.kill()
        self.process.wait()
        self.process = None
        # unshare's child gets its signal only now.
        wait_for(lambda: not self.is_locked(), "dockerd ends")
        # What it left there names processes by numbers that are others' in the next namespace.
        (self.home / "pid").unlink(missing_ok=True)
        shutil.rmtree(self.home / "exec", ignore_errors=True)

    def is_locked(self):
        """Whether a containerd still has its database open."""
        path = DATA / "data/containerd/daemon/io.containerd.metadata.v1.bolt/meta.db"
        if not path.exists():
            return False
        with open(path, "rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def close(self):
        if self.process:
            self.remove_all()
            self.kill()
        self.lock.close()
        shutil.rmtree(self.home)

    # -- its images --

    def prepare(self):
        """What sessions before have left goes, and the images are there."""
        self.remove_all()
        self.docker("image", "prune", "--force")
        have = self.docker("images", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()
        if DEBIAN not in have:
            self.make_debian()
        if f"{SMALL}:latest" not in have:
            self.make_small()

    def make_debian(self):
        with tempfile.TemporaryDirectory(prefix="bastion-debian-") as root:
            os.chmod(root, 0o755)
            subprocess.run(["debootstrap", "--variant=minbase", "trixie", root, mirror()], check=True, stdout=subprocess.DEVNULL)
            self.import_folder(root, DEBIAN)

    def make_small(self):
        with tempfile.TemporaryDirectory(prefix="bastion-small-") as root:
            os.chmod(root, 0o755)
            words = subprocess.run(["ldd", "/bin/busybox"], capture_output=True, text=True).stdout.split()
            for path in ["/bin/busybox", *(w for w in words if w.startswith("/"))]:
                os.makedirs(os.path.dirname(root + path), exist_ok=True)
                shutil.copy(os.path.realpath(path), root + path)
            for folder in ("etc", "tmp", "root"):
                os.makedirs(f"{root}/{folder}", exist_ok=True)
            Path(root, "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
            Path(root, "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n")
            for name in subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True).stdout.split():
                if name != "busybox":
                    os.symlink("/bin/busybox", f"{root}/bin/{name}")
            self.import_folder(root, SMALL)

    def import_folder(self, folder, image):
        with subprocess.Popen(["tar", "-C", folder, "-c", "."], stdout=subprocess.PIPE) as tar:
            self.docker("import", "-", image, stdin=tar.stdout)

    # -- its containers --

    def docker(self, *arguments, check=True, **options):
        """The real client; the finished process."""
        preset = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": self.env,
                  **({} if "input" in options else {"stdin": subprocess.DEVNULL})}
        done = subprocess.run([CLIENT, *map(str, arguments)], **{**preset, **options})
        assert not check or done.returncode == 0, f"docker {arguments}: {done.stdout}{done.stderr}"
        return done

    def run(self, *command, image=SMALL, options=()):
        """A container that runs in the background (with no command: until it is removed); its id."""
        return self.docker("run", "-d", "--init", *options, image, *(command or ("sleep", "infinity"))).stdout.strip()

    def remove(self, *containers):
        if containers:
            self.docker("rm", "--force", "--volumes", *containers)

    def remove_all(self):
        self.docker("swarm", "leave", "--force", check=False)
        self.remove(*self.docker("ps", "--all", "--quiet").stdout.split())

    @contextlib.contextmanager
    def swarm(self):
        """It is a manager meanwhile. A Swarm's ports are fixed: one at a time on a machine."""
        with open(Path(tempfile.gettempdir(), "bastion-swarm.lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.docker("swarm", "init", "--advertise-addr", "127.0.0.1")
            try:
                yield
            finally:
                services = self.docker("service", "ls", "--quiet").stdout.split()
                if services:
                    self.docker("service", "rm", *services)
                    wait_for(lambda: not self.docker("ps", "-aq", "--filter", "label=com.docker.swarm.task.id").stdout, "the tasks are gone")
                self.docker("swarm", "leave", "--force")

    def inspect(self, container, template):
        return self.docker("inspect", "--format", template, container).stdout.strip()

    def processes(self, container):
        """Its processes as this side's numbers (the engine's own are its namespace's)."""
        name = self.inspect(container, "{{.Id}}")
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                with contextlib.suppress(OSError):
                    if f"/{name}" in Path(f"/proc/{entry}/cgroup").read_text():
                        found.append(int(entry))
        return found


def mirror():
    """Where this machine takes its Debian packages from."""
    argv = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Component: main"]
    labelled = subprocess.run([*argv, "Label: Debian"], capture_output=True, text=True).stdout.split()
    found = labelled or subprocess.run([*argv, "--no-release-info"], capture_output=True, text=True).stdout.split()
    return next(uri for uri in found if "security" not in uri and not uri.startswith("cdrom:"))


@contextlib.contextmanager
def running():
    """An engine with its images. Data that a dockerd does not start with (a full disk, another version's) is made anew."""
    engine = Engine()
    try:
        try:
            engine.start()
        except RuntimeError:
            shutil.rmtree(DATA / "data", ignore_errors=True)
            engine.start()
        engine.prepare()
        yield engine
    finally:
        engine.close()
