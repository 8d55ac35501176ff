"""The list of devices, from what was heard at a broker."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from edge_agent.core.catalogue import Item
from edge_agent.core.decode import Decoder, Limits
from edge_agent.core.inventory.devices import Inventory
from edge_agent.core.messages import DeviceId
from edge_agent.pipeline import survey as listening
from edge_agent.pipeline.survey import Survey
from tests.edge_agent.pipeline.test_discovery import REGISTRY, SOAP, raw, tank
from tests.edge_agent.samples import NOW


def survey() -> Survey:
    """One that knows the tank."""
    return Survey(lambda births: Decoder(REGISTRY, home="home", limits=Limits(), birth_of=births))


def heard(found: Survey, *items: Item) -> Inventory:
    """The list so far."""
    return found.inventory(items=items, profile_of=REGISTRY.by_id, now=NOW, stale_after_s=3_600, source="a test")


def test_a_survey_lists_what_it_hears() -> None:
    """Understood, with the fault of a signal; kept apart; strangers with an example that is kept whole for a draft."""
    found = survey()
    for message in (
        tank(162),
        raw("garden/other/level", b"{"),
        raw("pool/a/t", {"ph": 7.25}),
        raw("restock/v1/home/fridge/ack", {"device": "fridge", "boot": "b", "seq": 4}),
    ):
        found.take(message, now=NOW)
    inventory = heard(found, SOAP)
    assert [(line.signal, line.value, line.fault) for line in inventory.devices[0].signals] == [
        ("liquid.remaining", None, "162 % is outside 0 to 100"),
        ("liquid.state", "ok", ""),
    ]
    assert [(line.topic, line.reason) for line in inventory.apart] == [("garden/other/level", "malformed")]
    assert [line.pattern for line in inventory.families] == ["pool/a/t"]
    assert found.examples() == {"pool/a/t": (b'{"ph": 7.25}',)}
    assert len(inventory.offers) == 1
    assert found.messages == 4


def test_examples_of_a_topic_differ_and_are_few() -> None:
    """The first, the newest, and the one moment in which the lid was open; the same again takes no place."""
    found = survey()
    for number in (1, 1, 2, 3, 255, 4, 4, 5, 6, 7, 8, 1):
        found.take(raw("pool/a/t", {"ph": number, "lid": "open" if number == 255 else "closed"}), now=NOW)
    assert [json.loads(each)["ph"] for each in found.examples()["pool/a/t"]] == [1, 255, 5, 6, 7, 8]


def test_examples_are_few_where_no_two_are_alike() -> None:
    """No topic fills the memory."""
    found = survey()
    for word in "abcdefghijk":
        found.take(raw("pool/a/t", {"ph": word}), now=NOW)
    kept = [json.loads(each)["ph"] for each in found.examples()["pool/a/t"]]
    assert (len(kept), kept[0], kept[-1]) == (6, "a", "k")


def test_a_survey_says_why_a_signal_is_unknown() -> None:
    """Also where nothing contradicts the profile."""
    found = Survey(
        lambda births: Decoder(REGISTRY, home="home", limits=Limits(), birth_of=births, explains_every_s=0.0)
    )
    found.take(raw("garden/a/level", {"kind": "tank", "state": "fine"}), now=NOW)
    [line] = [each for each in heard(found, SOAP).devices[0].signals if each.signal == "liquid.remaining"]
    assert line.value is None
    assert line.fault.startswith("nothing stands at /")


def test_a_retained_copy_is_shown_and_never_fresh() -> None:
    """It tells what there is; a live message takes its place."""
    found = survey()
    found.take(replace(tank(62), retained=True), now=NOW)
    assert [(line.value, line.is_fresh, line.is_retained) for line in heard(found).devices[0].signals][:1] == [
        (62.0, False, True)
    ]
    found.take(tank(61), now=NOW)
    assert [(line.value, line.is_fresh, line.is_retained) for line in heard(found).devices[0].signals][:1] == [
        (61.0, True, False)
    ]


def test_a_native_device_is_read_by_its_retained_birth() -> None:
    """Its birth names the profile; before it, its readings are kept apart."""
    found = survey()
    state = {"device": "fridge", "boot": "b", "state": "online"}
    found.take(raw("restock/v1/home/fridge/state", state, retained=True), now=NOW)
    birth = {"device": "fridge", "profile": "no.such", "firmware": "1", "boot": "b", "at": "2026-03-02T08:00:00Z"}
    found.take(raw("restock/v1/home/fridge/birth", birth, retained=True), now=NOW)
    (device,) = heard(found).devices
    assert (device.profile, device.online, device.seen_at) == ("no.such", True, None)


def test_a_flood_of_topics_is_bounded_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Topics, signals and examples have limits; the messages beyond them are counted."""
    monkeypatch.setattr(listening, "TOPICS_MAX", 3)
    monkeypatch.setattr(listening, "EXAMPLES_MAX", 2)
    monkeypatch.setattr(listening, "SIGNALS_MAX", 2)
    found = survey()
    for number in range(9):
        found.take(raw(f"x/y{number}/{number}", {"a": number}), now=NOW)
        found.take(raw(f"garden/t{number}/level", {"kind": "tank", "level": number}), now=NOW)
    inventory = heard(found)
    assert sum(line.topics for line in inventory.families) == 3
    assert len(found.examples()) == 2
    assert sum(len(device.signals) for device in inventory.devices) == 2
    assert inventory.left_out[-1] == "14 messages of topics or signals over the limit"


def test_an_announced_device_has_its_id() -> None:
    """The same id as in the hub's store, so that a binding fits."""
    found = survey()
    found.take(tank(5), now=NOW)
    assert heard(found).devices[0].device == DeviceId("own.rain")
