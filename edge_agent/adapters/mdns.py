"""Brokers that announce themselves on the home's network (mDNS, `_mqtt._tcp`): asked once, when a person wants it.

Needs the extra `mdns`. What comes back is a suggestion: anybody on the network can announce anything, so a person
chooses, and no login is ever sent by itself.

Source: RFC 6762, RFC 6763; service names `mqtt` and `secure-mqtt` of the IANA registry.
"""

from __future__ import annotations

import asyncio
import importlib.util

from pydantic import ValidationError

from edge_agent.core.setup.first_steps import Broker, Offered

SEARCH_S = 3.0
FOUND_MAX = 10
_SERVICES = {"_mqtt._tcp.local.": False, "_secure-mqtt._tcp.local.": True}
_ANSWER_MS = 1_500


def is_installed() -> bool:
    """Whether the extra is there."""
    return importlib.util.find_spec("zeroconf") is not None


async def find_brokers(*, for_s: float = SEARCH_S) -> tuple[Offered, ...]:
    """What announces itself within so many seconds; nothing where the extra or the network is missing."""
    if not is_installed():
        return ()
    from zeroconf import IPVersion, ServiceStateChange, Zeroconf  # noqa: PLC0415 - an extra
    from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf  # noqa: PLC0415

    named: dict[str, str] = {}

    def note(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        del zeroconf
        if state_change is ServiceStateChange.Added and len(named) < FOUND_MAX:
            named[name] = service_type

    try:
        network = AsyncZeroconf(ip_version=IPVersion.V4Only)
    except OSError:
        return ()
    try:
        browser = AsyncServiceBrowser(network.zeroconf, list(_SERVICES), handlers=[note])
        await asyncio.sleep(for_s)
        await browser.async_cancel()
        found = [AsyncServiceInfo(kind, name) for name, kind in sorted(named.items())]
        answers = await asyncio.gather(*(each.async_request(network.zeroconf, _ANSWER_MS) for each in found))
    finally:
        await network.async_close()
    known = (
        offered_of(each.name, each.type, addresses=each.parsed_addresses(IPVersion.V4Only), port=each.port)
        for each, is_there in zip(found, answers, strict=True)
        if is_there
    )
    return tuple(each for each in known if each is not None)


def offered_of(name: str, kind: str, *, addresses: list[str], port: int | None) -> Offered | None:
    """One announcement as an offer; None where it names no address or port."""
    label = "".join(char for char in name.removesuffix(f".{kind}") if char.isprintable())[:60]
    try:
        return Offered(label, Broker(host=addresses[0], port=port or 0, tls=_SERVICES.get(kind, False)))
    except (IndexError, ValidationError):
        return None
