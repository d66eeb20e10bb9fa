"""Become a program that does not outlive its parent: `launch.py PARENT SIGNAL UID GID PROGRAM ARGUMENT...`.

Started as a script without site packages, so it costs a few milliseconds. Doing the same in a `preexec_fn`
would run Python between fork and exec in a process that has threads, which can deadlock.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Drop to UID and GID (unless -1), ask the kernel for SIGNAL when the parent dies, become PROGRAM."""
    parent, death_signal, uid, gid = (int(value) for value in arguments[:4])
    program = arguments[4:]
    if uid >= 0:
        os.setgroups([gid])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        # After the change of user, which clears it.
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    # A shell starts what runs in its background with SIGINT ignored, which a program would inherit.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if os.getppid() != parent:
        sys.exit(f"{program[0]}: the supervisor ended before this program began")
    try:
        os.execvp(program[0], program)  # noqa: S606 - the program is the supervisor's own, no shell wanted
    except OSError as error:
        sys.exit(f"{program[0]} cannot be started: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
