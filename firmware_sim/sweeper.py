"""Remove the demo's private folder when the demo is gone, however it went.

Run as a script beside the demo: `python -I -S sweeper.py FOLDER`, with a pipe from the demo as standard input. The pipe
ends when the demo ends, also when it is killed; then the folder goes. Standard library only.
"""

import shutil
import signal
import sys
import time
from pathlib import Path

_TRIES_MAX = 100
_BETWEEN_TRIES_S = 0.1  # real: a dying child may still write into the folder


def main(arguments: list[str]) -> None:
    """Wait for the end of standard input, then remove the folder."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    folder = Path(arguments[0])
    sys.stdin.buffer.read()
    for _ in range(_TRIES_MAX):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(_BETWEEN_TRIES_S)
    sys.exit(f"{folder} could not be removed; please remove it")


if __name__ == "__main__":
    main(sys.argv[1:])
