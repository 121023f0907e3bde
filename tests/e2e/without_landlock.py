"""without_landlock.py PROGRAM ARG...: runs it as on a machine whose kernel, or whose container engine, has no Landlock: its three
system calls (which have the same numbers everywhere) are not known."""
import ctypes
import os
import struct
import sys

PR_SET_SECCOMP, SECCOMP_MODE_FILTER, RET_ALLOW, RET_ERRNO, ENOSYS = 22, 2, 0x7FFF0000, 0x00050000, 38
PR_SET_NO_NEW_PRIVS = 38


def program(*steps):
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def forbid():
    code = program((0x20, 0, 0, 0),                # the call's number
                   (0x35, 0, 2, 444),              # below the first: allowed
                   (0x25, 1, 0, 446),              # above the last: allowed
                   (0x06, 0, 0, RET_ERRNO | ENOSYS),
                   (0x06, 0, 0, RET_ALLOW))
    held = ctypes.create_string_buffer(code, len(code))
    filter_ = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(held))
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0:  # root keeps the way to other accounts
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter_, 0, 0) != 0:
        sys.exit("seccomp: " + os.strerror(ctypes.get_errno()))


forbid()
os.execvp(sys.argv[1], sys.argv[1:])
