"""What can't hold where the programs are another machine's, and qemu's user emulation runs them (tests/target), and why. Each such test is
skipped, and counted."""
import os
from fnmatch import fnmatchcase

LANDLOCK = "qemu's user emulation does not know Landlock"
FILTER = "a filter of this machine's calls is the emulator's as well"
STREAMS = "the emulator's own descriptors stand where closed ones were"
AES = "this processor has instructions for AES, that one has none, and so another suite is chosen"
COUNTS = "the emulator's own system calls and page faults would be counted"
PTRACE = "qemu's user emulation has no ptrace, by which bastion ssh holds a shell that is not the right one"
SPEED = "the emulator's table of terminals' speeds ends before this one"
NUMBERS = "the test's own: on MIPS that signal has another number"
HALF = "qemu's user emulation gives four bytes of TCP_INFO, which do not say whether a client went without a word"
EXECUTABLE = "qemu's user emulation answers for /proc/self/exe itself, by the name that it had"
CALLS = "the test's own: it looks at the calls of this machine"
NUMBERS_OF_CALLS = "the test's own: it refuses calls by the numbers that they have with 64 bits"
NANOSECONDS = "qemu's user emulation leaves the nanoseconds out of what stat says on s390x, by which a folder's change is known; a whole board has them"
TWICE = "qemu's user emulation leaves one of two variables of the same name"
DOUBLES = "built from the objects of this machine's executable"

REASONS = {
    "test_apart.py::*": LANDLOCK,
    "test_no_new_privs.py::test_what_check_says*": LANDLOCK,
    "test_no_new_privs.py::test_closed_files_take_it*": LANDLOCK,
    "test_roles.py::test_a_command_can_change_no_role*": LANDLOCK,
    "test_root_group.py::test_exposed_secrets*": LANDLOCK,
    "test_root_group.py::test_an_exposed_host_key*": LANDLOCK,
    "test_settings.py::test_bad_named_file*": LANDLOCK,
    "test_settings.py::test_invalid_setting*": LANDLOCK,
    "test_trust.py::*": LANDLOCK,
    "test_roles.py::test_a_command_of_a_role_that_came_later*": LANDLOCK,
    "test_roles.py::test_a_file_that_is_given_away_later*": LANDLOCK,
    "test_ssh_hostkey.py::test_unreadable_key*": LANDLOCK,
    "test_ssh_hostkey.py::test_full_disk*": LANDLOCK,
    "test_ssh_keys.py::test_owners_and_modes?users.d*": LANDLOCK,
    "test_router_lacks.py::test_served_by_no_account?tls*": LANDLOCK,
    "test_runs.py::test_another_account": LANDLOCK,
    "test_runs.py::test_a_command_of_the_same_account": LANDLOCK,
    "test_snapshot.py::test_a_read_only_mount": LANDLOCK,
    "test_snapshot.py::test_more_than_can_be_closed": LANDLOCK,
    "test_snapshot.py::test_what_a_command_could_write_is_closed_to_it": LANDLOCK,
    "test_tls_isolation.py::test_ordinary_user": LANDLOCK,
    "test_mux.py::test_an_upgrade_meanwhile": EXECUTABLE,
    "test_router_lacks.py::test_ssh_without_proc": EXECUTABLE,
    "test_tls_certificates.py::test_half_replaced*": CALLS,
    "test_ssh_not_offered.py::test_another_account*": PTRACE,
    "test_ssh_not_offered.py::test_an_account_whose_key_is_only_its_own*": PTRACE,
    "test_ssh_modes.py::test_speed?921600*": SPEED,
    "test_ssh_not_offered.py::test_noise?nothing-half*": HALF,
    "test_ssh_session.py::test_death_by_signal?USR1*": NUMBERS,
    "test_budget.py::*": COUNTS,
    "test_forwarded.py::test_cgi_with_two*": TWICE,
    "test_hostile*": DOUBLES,
    "test_forwarded.py::test_front_of_a_proxy": DOUBLES,
    "test_cert.py::test_without_random_numbers*": FILTER,
    "test_proxy_protocol.py::test_reader": FILTER,
    "test_router.py::test_init_without_ipv6*": FILTER,
    "test_router.py::test_without_random_numbers*": FILTER,
    "test_token.py::test_without_random_numbers*": FILTER,
    "test_tls.py::test_what_it_can_not_do_without*": FILTER,
    "test_tls.py::test_python*": AES,
    "test_tls.py::test_without_standard_streams*": STREAMS,
}

TARGET = os.environ.get("BASTION_TARGET")
if TARGET is None:
    REASONS = {}
if TARGET == "i686":  # whose programs this machine itself runs
    REASONS = {pattern: why for pattern, why in REASONS.items() if why in (DOUBLES, CALLS)}
    REASONS |= dict.fromkeys(["test_router.py::test_init_on_an_old_kernel", "test_ssh_not_offered.py::test_without_ptrace*"], NUMBERS_OF_CALLS)
    REASONS |= {"test_tls.py::test_what_it_can_not_do_without?sockets*": "there musl has another call for it than the one that is refused"}
if TARGET == "s390x":
    REASONS |= dict.fromkeys(["test_*roles.py::*", "test_snapshot.py::*", "test_*.py::test_roles*"], NANOSECONDS)


def reason(nodeid):
    """Of a test; None where it can hold, as everything can on this machine."""
    file, _, test = nodeid.partition("::")
    name = f"{file.rsplit('/', 1)[-1]}::{test}"
    return next((why for pattern, why in REASONS.items() if fnmatchcase(name, pattern)), None)
