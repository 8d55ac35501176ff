"""Brokers on the home's network: what an announcement becomes."""

from __future__ import annotations

import pytest

from edge_agent.adapters.mdns import find_brokers, is_installed, offered_of

KIND = "_mqtt._tcp.local."


def test_an_announcement_is_an_offer_without_a_login() -> None:
    """Address and port are taken, the name is only a label."""
    offered = offered_of(f"Mosquitto\x1b[31m.{KIND}", KIND, addresses=["192.168.1.20"], port=1883)
    assert offered is not None
    assert (offered.source, offered.broker.url, offered.broker.user) == (
        "Mosquitto[31m",
        "mqtt://192.168.1.20:1883",
        "",
    )


@pytest.mark.parametrize(("addresses", "port"), [([], 1883), (["192.168.1.20"], None), (["a b"], 1883)])
def test_half_an_announcement_is_none(addresses: list[str], port: int | None) -> None:
    """Nothing is guessed."""
    assert offered_of(f"x.{KIND}", KIND, addresses=addresses, port=port) is None


async def test_without_the_extra_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """No error, and no wait."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert await find_brokers(for_s=0.01) == ()


async def test_a_real_announcement_is_found() -> None:
    """Announced and found by the library itself, on this machine."""
    if not is_installed():
        pytest.skip("the extra mdns is not installed")
    from zeroconf import IPVersion, ServiceInfo  # noqa: PLC0415
    from zeroconf.asyncio import AsyncZeroconf  # noqa: PLC0415

    try:
        network = AsyncZeroconf(ip_version=IPVersion.V4Only)
    except OSError:
        pytest.skip("no multicast here")
    info = ServiceInfo(KIND, f"Broker of the test.{KIND}", port=18_830, parsed_addresses=["127.0.0.1"])
    try:
        await (await network.async_register_service(info))
        found = await find_brokers()
    finally:
        await network.async_close()
    assert ("Broker of the test", "mqtt://127.0.0.1:18830") in {(each.source, each.broker.url) for each in found}
