"""The event loop's own threads, and one more for each host whose address is looked up.

A look-up cannot be cancelled: it ends when the name servers have answered or the system gives up, which may be long
after whoever asked has gone. On shared threads a few of them for one merchant would leave none for the others. On a
thread of its own a host holds up nobody but those who ask for it. There are as many hosts as configured merchants.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")


class LookupThreads(ThreadPoolExecutor):
    """To be set as the default executor: the loop hands its look-ups to that (asyncio, `loop.getaddrinfo`)."""

    def __init__(self) -> None:
        super().__init__(thread_name_prefix="loop")
        self._by_host: dict[object, ThreadPoolExecutor] = {}

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run it beside everything else, or a look-up after the ones before it of the same host."""
        if fn is not socket.getaddrinfo:
            return super().submit(fn, *args, **kwargs)
        host = args[0]
        if host not in self._by_host:
            self._by_host[host] = ThreadPoolExecutor(max_workers=1, thread_name_prefix="names")
        return self._by_host[host].submit(cast("Callable[P, T]", fn), *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002  as its base
        """End; nobody waits for a name any more."""
        for threads in self._by_host.values():
            threads.shutdown(wait=False, cancel_futures=True)
        super().shutdown(wait, cancel_futures=cancel_futures)
