"""What the hub and Home Assistant may say to each other at the broker: their own topics, and nobody's else."""

from __future__ import annotations

from edge_agent.core.broker.acl import Login, mosquitto_acl, nats_users
from edge_agent.core.broker.home_assistant import home_assistant, hub_to_home_assistant
from edge_agent.core.home_assistant.names import Names
from edge_agent.core.leave.grants import meets, native_grant

NAMES = Names("home")
HUB, THERE = hub_to_home_assistant(NAMES), home_assistant(NAMES)
EVERY_WORD = (
    NAMES.availability, NAMES.hub_state, NAMES.hub_discovery,
    NAMES.item_discovery("milk"), NAMES.item_state("milk"), NAMES.item_event("milk"),
)  # fmt: skip


def allows(filters: tuple[str, ...], topic: str) -> bool:
    """Whether some filter lets this topic through."""
    return any(meets(each, topic) for each in filters)


def test_each_hears_what_the_other_says() -> None:
    """Every word of the hub reaches Home Assistant, and both of its words reach the hub."""
    for topic in EVERY_WORD:
        assert allows(HUB.writes, topic)
        assert allows(THERE.reads, topic)
        assert not allows(THERE.writes, topic)
    for topic in (NAMES.birth, NAMES.command):
        assert allows(THERE.writes, topic)
        assert allows(HUB.reads, topic)
        assert not allows(HUB.writes, topic)


def test_neither_is_a_device_nor_another_home() -> None:
    """No reading can be made up by this way, and no acknowledgement; another home's announcements are its own."""
    device, neighbour = native_grant("home", "fridge"), Names("neighbour")
    for grant in (HUB, THERE):
        for topic in (*device.writes, *device.reads):
            assert not allows((*grant.writes, *grant.reads), topic)
    for topic in (neighbour.item_discovery("milk"), neighbour.command, "homeassistant/sensor/x/config"):
        assert not allows(HUB.writes, topic)
    assert not allows(THERE.writes, neighbour.command)


def test_both_brokers_are_told_in_their_own_words() -> None:
    """Line by line for Mosquitto, as subjects for nats-server."""
    logins = [Login("hub-ha", HUB, "hash", "hash"), Login("home-assistant", THERE, "hash", "hash")]
    acl = mosquitto_acl(logins)
    assert "\nuser hub-ha\ntopic write homeassistant/device/restock_home/+/config\n" in acl
    assert "topic read restock/ha/home/command\n" in acl
    assert "topic write restock/ha/home/command\n" in acl.partition("user home-assistant")[2]
    nats = nats_users(logins, store_mib_max=8, memory_mib_max=4)
    assert '"homeassistant.device.restock_home.*.config"' in nats
    assert '"restock.ha.home.command"' in nats
