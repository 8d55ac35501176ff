"""Start hub and bridge in milliseconds: this process has their modules loaded, and forks one for each order.

Run as `python -m tests.kill.zygote`. An order is one JSON line on standard input, {"program": "hub" | "bridge",
"arguments": [...], "log": PATH, "environment": {...}}; the answer is the new process's id. What is forked runs the
program's own `main` with the arguments of its command, in a process and a session of its own. It is killed when this
process ends, and this process ends with its standard input.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
from typing import Any, NoReturn

_LOADED = ("cloud_bridge.app", "edge_agent.app", "edge_agent.wiring.household")
_MAIN = {"hub": "edge_agent.__main__", "bridge": "cloud_bridge.__main__"}
_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def main() -> None:
    """Fork until standard input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps
    for module in (*_LOADED, *_MAIN.values()):
        importlib.import_module(module)
    _say("ready")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become(json.loads(line))
        _say(str(child))


def _say(answer: str) -> None:
    sys.stdout.write(f"{answer}\n")
    sys.stdout.flush()


def _become(order: dict[str, Any]) -> NoReturn:
    """Be the program, and end with its exit code."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, nothing), (1, log), (2, log)):
        os.dup2(source, target)
    os.environ.update(order["environment"])
    code = 1
    try:
        code = importlib.import_module(_MAIN[order["program"]]).main(order["arguments"])
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
