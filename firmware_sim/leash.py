"""Start a program that cannot outlive the one that started it.

Run as a script, in the child, before the program itself: `python -I -S leash.py PARENT_PID PROGRAM ARGUMENTS...`. It
asks the kernel to kill this process when its parent ends (Linux; elsewhere the program just starts) and then becomes
PROGRAM. Standard library only, and nothing of this package: it must start in milliseconds.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def main(arguments: list[str]) -> None:
    """Bind this process to `PARENT_PID` and become the program; does not return."""
    parent_pid, *command = arguments
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(parent_pid):  # the parent ended before the leash was on
            sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - no shell, arguments of the demo's own


if __name__ == "__main__":
    main(sys.argv[1:])
