"""A running hub connects to its broker and to its bridge, and to nothing else in the world."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.isolation.inside import CALLS_WANTED, TRACE

ROOT = Path(__file__).parents[2]
UNSHARE = ["unshare", "--map-root-user", "--net"]
_ADDRESS = re.compile(r'sin6?_port=htons\((\d+)\).*?"([0-9a-f.:]+)"')
_CALL = re.compile(r"^\d+ +(\w+)\(")
_OTHER_FAMILY = re.compile(r"sa_family=(AF_\w+)")


def can_isolate() -> bool:
    """Whether this machine lets us have a network of our own, and watch a process."""
    if not all(shutil.which(tool) for tool in ("unshare", "strace", "ip")):
        return False
    tried = subprocess.run([*UNSHARE, "strace", "-qq", "-o", "/dev/null", "true"], capture_output=True, check=False)
    return tried.returncode == 0


def destinations(trace: str, *, calls: frozenset[str]) -> set[tuple[str, int]]:
    """Addresses and ports that these system calls named. An address that is no internet address has port 0."""
    found = set[tuple[str, int]]()
    for line in trace.splitlines():
        call = _CALL.match(line)
        if call is None or call[1] not in calls:
            continue
        address, family = _ADDRESS.search(line), _OTHER_FAMILY.search(line)
        if address is not None:
            found.add((address[2], int(address[1])))
        elif family is not None and family[1] not in {"AF_UNSPEC", "AF_NETLINK"}:
            found.add((family[1], 0))
    return found


def test_a_trace_is_read() -> None:
    """The reader sees what it must: a name server, another host over IPv6, a local socket."""
    trace = "\n".join(
        [
            '12 connect(3, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("1.1.1.1")}, 16) = 0',
            '12 connect(4, {sa_family=AF_INET6, sin6_port=htons(443), inet_pton(AF_INET6, "2001:db8::1", x)}, 28) = -1',
            '12 connect(5, {sa_family=AF_UNIX, sun_path="/run/nscd/socket"}, 110) = -1 ENOENT',
            '12 getsockname(5, {sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("127.0.0.1")}, [16]) = 0',
        ]
    )
    assert destinations(trace, calls=frozenset({"connect"})) == {
        ("1.1.1.1", 53), ("2001:db8::1", 443), ("AF_UNIX", 0)
    }  # fmt: skip


def test_a_hub_connects_to_broker_and_bridge_only(tmp_path: Path) -> None:
    """Every connect() and every addressed datagram of a whole hub, in a namespace where nothing else exists."""
    if not can_isolate():
        pytest.skip("no network namespace, no strace or no ip here")
    command = [*UNSHARE, sys.executable, "-m", "tests.isolation.inside", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=90)
    log = (tmp_path / "hub.log").read_text() if (tmp_path / "hub.log").exists() else ""
    assert run.returncode == 0, f"{run.stderr[-2_000:]}{log[-2_000:]}"
    said = json.loads(run.stdout)
    assert min(said["calls"]) >= CALLS_WANTED, log[-2_000:]
    trace = (tmp_path / TRACE).read_text()
    named = destinations(trace, calls=frozenset({"connect", "sendto", "sendmsg", "sendmmsg"}))
    # A library wakes its own thread by a pair of sockets on loopback: a port that this very process had bound.
    own = destinations(trace, calls=frozenset({"getsockname"}))
    assert named - own == {("127.0.0.1", said["broker"]), ("127.0.0.1", said["bridge"])}
