"""without_calls.py WHAT[,WHAT...] PROGRAM ARG...: runs it as on a machine whose kernel, or whose container engine, has none of these:
`landlock`; `seccomp`, filters of system calls; `getrandom`, random numbers without a device; `socketpair`; `ptrace`. Their calls are not known.
`ipv6`: no socket of that family can be made. `later`: all calls that Linux 4.14 does not have."""
import ctypes
import os
import platform
import struct
import sys

PR_SET_SECCOMP, SECCOMP_MODE_FILTER, RET_ALLOW, RET_ERRNO, ENOSYS = 22, 2, 0x7FFF0000, 0x00050000, 38
PR_SET_NO_NEW_PRIVS = 38
EAFNOSUPPORT, AF_INET6 = 97, 10


def has_32_bits(path):
    """Whether it is an executable file of i686 (e_machine is EM_386)."""
    try:
        with open(path, "rb") as file:
            return file.read(20)[18:] == b"\3\0"
    except OSError:
        return False


# Whose numbers the calls have: a bastion of 32 bits may be what is started, or what that starts.
MACHINE = "i686" if platform.machine() == "x86_64" and any(map(has_32_bits, sys.argv[2:])) else platform.machine()
# First and last of each; Landlock's three have the same numbers everywhere.
SECCOMP = {"x86_64": 317, "aarch64": 277, "i686": 354}.get(MACHINE, 0)
GETRANDOM = {"x86_64": 318, "aarch64": 278, "i686": 355}.get(MACHINE, 0)
SOCKETPAIR = {"x86_64": 53, "aarch64": 199, "i686": 360}.get(MACHINE, 0)
PTRACE = {"x86_64": 101, "aarch64": 117, "i686": 26}.get(MACHINE, 0)
SOCKET = {"x86_64": 41, "aarch64": 198, "i686": 359}.get(MACHINE, 0)
LATER = {"x86_64": 333, "aarch64": 292, "i686": 385}.get(MACHINE, 292)
CALLS = {"landlock": (444, 446), "seccomp": (SECCOMP, SECCOMP), "getrandom": (GETRANDOM, GETRANDOM), "socketpair": (SOCKETPAIR, SOCKETPAIR),
         "ptrace": (PTRACE, PTRACE), "later": (LATER, 0x3FFFFFFF)}


def program(*steps):
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def forbid(names):
    steps = [(0x20, 0, 0, 0)]                        # the call's number
    if "ipv6" in names:
        steps += [(0x15, 0, 4, SOCKET),              # another call: not this
                  (0x20, 0, 0, 16),                  # its first argument, whose lower half this is
                  (0x15, 0, 1, AF_INET6),
                  (0x06, 0, 0, RET_ERRNO | EAFNOSUPPORT),
                  (0x20, 0, 0, 0)]
    for name in names & CALLS.keys():
        first, last = CALLS[name]
        steps += [(0x35, 0, 2, first),               # below the first: not this
                  (0x25, 1, 0, last),                # above the last: not this
                  (0x06, 0, 0, RET_ERRNO | ENOSYS)]
    code = program(*steps, (0x06, 0, 0, RET_ALLOW))
    held = ctypes.create_string_buffer(code, len(code))
    filter_ = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(held))
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0:  # root keeps the way to other accounts
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter_, 0, 0) != 0:
        sys.exit("seccomp: " + os.strerror(ctypes.get_errno()))


forbid(set(sys.argv[1].split(",")))
os.execvp(sys.argv[2], sys.argv[2:])
