"""A load of prepared requests over raw sockets, so that the client costs little and is not what is measured."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Rate:
    """One round: requests per second, and the times of single requests in milliseconds."""

    per_s: float
    p50_ms: float
    p99_ms: float


async def send_all(requests: Sequence[bytes], *, port: int, connections: int, status: int) -> Rate:
    """Send each request once over `connections` keep-alive connections.

    Raises: RuntimeError when an answer has another status.
    """
    left, times_s = iter(requests), [0.0] * 0
    pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in range(connections)]
    started = time.perf_counter()
    try:
        async with asyncio.timeout(_WITHIN_S), asyncio.TaskGroup() as group:
            for reader, writer in pairs:
                group.create_task(_send(left, reader, writer, status=status, times_s=times_s))
        took_s = time.perf_counter() - started
    finally:
        for _, writer in pairs:
            writer.close()
    ordered = sorted(times_s)
    return Rate(
        per_s=len(requests) / took_s,
        p50_ms=1_000 * statistics.median(ordered),
        p99_ms=1_000 * ordered[len(ordered) * 99 // 100],
    )


async def _send(
    left: Iterator[bytes],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    *,
    status: int,
    times_s: list[float],
) -> None:
    wanted = f"HTTP/1.1 {status} ".encode()
    for request in left:
        begun = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(_length(head))
        times_s.append(time.perf_counter() - begun)
        if not head.startswith(wanted):
            raise RuntimeError(f"{status} is wanted: {head.decode()}{body.decode()}")


def _length(head: bytes) -> int:
    lowered = head.lower()
    start = lowered.index(b"content-length:") + len(b"content-length:")
    return int(lowered[start : lowered.index(b"\r\n", start)])
