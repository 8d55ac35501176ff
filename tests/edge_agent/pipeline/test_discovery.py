"""The list of devices, from a real store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from edge_agent.adapters.store.connection import Connection
from edge_agent.adapters.store.heard import SqliteHeard
from edge_agent.adapters.store.inspection import SqliteInspection
from edge_agent.adapters.store.readings import SqliteReadings
from edge_agent.core.catalogue import Binding, Household, Item
from edge_agent.core.decode import Decoder, Limits
from edge_agent.core.decoding.remarks import Remarks
from edge_agent.core.inventory import assembling
from edge_agent.core.inventory.assembling import assembled
from edge_agent.core.inventory.devices import Apart, Heard, Inventory, SuggestedLine
from edge_agent.core.inventory.text import as_text
from edge_agent.core.messages import (
    Birth,
    Decoded,
    DeviceId,
    Presence,
    PresenceChange,
    Quarantined,
    QuarantineReason,
    RawMessage,
    Reading,
    Suggestion,
)
from edge_agent.core.profile import Profile
from edge_agent.core.registry import Registry
from edge_agent.pipeline import discovery
from edge_agent.pipeline.discovery import Discovery
from tests.edge_agent.clock import ManualClock
from tests.edge_agent.fresh_store import fresh_store
from tests.edge_agent.samples import MILK, NOW

TANK = Profile.model_validate_json(
    json.dumps(
        {
            "profile": "own.tank",
            "version": 1,
            "title": "A tank",
            "source": "made up for this test",
            "match": {"topic": "garden/{device}/level", "require": [{"path": "/kind", "eq": "tank"}]},
            "decode": {"format": "json"},
            "signals": {
                "liquid.remaining": {
                    "select": "/level", "parse": "number", "unit": {"canonical": "%"}, "range": [0, 100],
                    "class": "level", "direction": "down",
                },
                "liquid.state": {
                    "select": "/state", "parse": "text", "transform": [{"lookup": {"fine": "ok", "low": "low"}}],
                    "class": "flag", "direction": "none",
                },
            },
            "samples": [{"name": "x", "payload": {"kind": "tank"}, "expect": {}}],
        }
    )
)  # fmt: skip
SOAP = MILK.model_copy(
    update={"id": "soap", "name": "Soap", "unit": "mL", "binding": Binding(device="x", signal="liquid.remaining")}
)
REGISTRY = Registry([TANK])


class Home:
    """The household's documents."""

    def __init__(self, *items: Item) -> None:
        self.household = Household(items=items)

    def load(self) -> Household:
        """As they stand."""
        return self.household


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """A store on disk, as in the hub."""
    with Connection(fresh_store(tmp_path / "hub.sqlite3")) as opened:
        yield opened


def raw(topic: str, payload: object, *, at: datetime = NOW, retained: bool = False) -> RawMessage:
    """A message in JSON, or in bytes."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return RawMessage(topic, body, retained=retained, duplicate=False, received_at=at, receipt=0)


def ingest(connection: Connection, *messages: RawMessage) -> None:
    """Decode and store, as the hub does."""
    store = SqliteReadings(connection)
    decoder = Decoder(REGISTRY, home="home", limits=Limits(), birth_of=store.birth_of)
    for message in messages:
        match decoder.decode(message, now=message.received_at):
            case Decoded() as told:
                store.commit([told], [])
            case Quarantined() as strange:
                store.commit([], [strange])
            case Birth() as birth:
                store.record_birth(birth)
            case PresenceChange() as change:
                store.record_presence(change)


def known(connection: Connection, *items: Item, now: datetime = NOW, remarks: Remarks | None = None) -> Inventory:
    """The list of that store."""
    return Discovery(
        heard=SqliteHeard(connection),
        inspection=SqliteInspection(connection),
        household=Home(*items),
        profile_of=REGISTRY.by_id,
        clock=ManualClock(now),
        stale_after_s=3_600,
        remarks=remarks,
    ).inventory()


def tank(level: float, *, minutes: int = 0, **more: object) -> RawMessage:
    """A message of the tank, so many minutes ago."""
    payload = {"kind": "tank", "level": level, "state": "fine", **more}
    return raw("garden/rain/level", payload, at=NOW - timedelta(minutes=minutes))


def test_the_last_reading_of_each_signal_is_listed(connection: Connection) -> None:
    """With what its profile says of it, and whether it is fresh."""
    ingest(connection, tank(70, minutes=90), tank(62, minutes=5))
    (device,) = known(connection).devices
    assert (device.device, device.profile, device.topic) == ("own.rain", "own.tank", "garden/rain/level")
    assert [
        (line.signal, line.value, line.unit, line.kind, line.direction, line.is_fresh) for line in device.signals
    ] == [
        ("liquid.remaining", 62.0, "%", "level", "down", True),
        ("liquid.state", "ok", "", "flag", "", True),
    ]
    (later,) = known(connection, now=NOW + timedelta(hours=2)).devices
    assert not any(line.is_fresh for line in later.signals)


def test_what_a_device_says_besides_its_readings_is_listed(connection: Connection) -> None:
    """A product that it names, and why a value is unknown: by the hub's memory, and where somebody listened."""
    remarks, message = Remarks(), raw("garden/rain/level", {"kind": "tank", "level": 170, "state": "fine"})
    store = SqliteReadings(connection)
    told = Decoder(REGISTRY, home="home", limits=Limits(), birth_of=store.birth_of).decode(message, now=NOW)
    assert isinstance(told, Decoded)
    told = told._replace(suggestions=(Suggestion("liquid", "ean", "4006381333931"),) * 2)
    store.commit([told], [])
    remarks.note(told)
    (device,) = known(connection, remarks=remarks).devices
    assert device.suggested == (SuggestedLine("liquid", "ean", "4006381333931"),)
    assert {line.signal: line.fault for line in device.signals} == {
        "liquid.remaining": "170 % is outside 0 to 100",
        "liquid.state": "",
    }
    assert "names a product for liquid: ean 4006381333931" in as_text(known(connection, remarks=remarks))
    remarks.note(told._replace(faults=(), suggestions=()))
    (device,) = known(connection, remarks=remarks).devices
    assert (len(device.suggested), [line.fault for line in device.signals]) == (1, ["", ""])


def test_the_hub_says_why_a_value_is_unknown_and_pays_for_it_now_and_then(connection: Connection) -> None:
    """The reason stays while the value is unknown, and goes at once when there is one."""
    remarks, store = Remarks(), SqliteReadings(connection)
    decoder = Decoder(REGISTRY, home="home", limits=Limits(), birth_of=store.birth_of, explains_every_s=30.0)

    def why(payload: dict[str, object], *, after_s: float) -> tuple[int, str]:
        at = NOW + timedelta(seconds=after_s)
        told = decoder.decode(raw("garden/rain/level", payload, at=at), now=at)
        assert isinstance(told, Decoded)
        store.commit([told], [])
        remarks.note(told)
        (device,) = known(connection, remarks=remarks, now=at).devices
        return len(told.untold), next(line.fault for line in device.signals if line.signal == "liquid.remaining")

    assert why({"kind": "tank", "state": "fine"}, after_s=0) == (1, "nothing stands at /level")
    assert why({"kind": "tank", "state": "fine", "level": None}, after_s=10) == (0, "nothing stands at /level")
    assert why({"kind": "tank", "state": "fine", "level": None}, after_s=31) == (1, "the payload says null")
    assert why({"kind": "tank", "state": "fine", "level": 170}, after_s=40) == (0, "170 % is outside 0 to 100")
    assert why({"kind": "tank", "state": "fine", "level": 60}, after_s=50) == (0, "")
    assert why({"kind": "tank", "state": "fine"}, after_s=60) == (0, "")
    assert why({"kind": "tank", "state": "fine"}, after_s=62) == (1, "nothing stands at /level")


def test_remarks_are_bounded() -> None:
    """Whoever invents devices or signals fills no memory, and loses nobody else's."""
    remarks = Remarks()
    told = Decoder(REGISTRY, home="home", limits=Limits(), birth_of=lambda _: None).decode(tank(62), now=NOW)
    assert isinstance(told, Decoded)
    reading = told.readings[0]._replace(presence=Presence.UNKNOWN, value=None)
    for number in range(3_000):
        remarks.note(
            told._replace(
                device=DeviceId(f"own.x{number}"),
                readings=(reading,),
                faults=(f"liquid.remaining: {'no' * 900}",),
                suggestions=tuple(Suggestion("liquid", "ean", f"{code}") for code in range(50)),
            )
        )
    assert (len(remarks._suggestions), len(remarks._faults)) == (1_000, 2_000)
    assert (len(remarks.suggestions("own.x0")), len(remarks.fault("own.x0", "liquid.remaining"))) == (20, 200)
    assert remarks.suggestions("own.x2999") == ()


def test_an_unknown_value_is_not_zero(connection: Connection) -> None:
    """The presence says so, and the value is none."""
    ingest(connection, raw("garden/rain/level", {"kind": "tank", "state": "low"}))
    (device,) = known(connection).devices
    assert [(line.presence, line.value) for line in device.signals] == [("unknown", None), ("value", "low")]


def test_a_level_is_offered_until_an_item_is_bound_to_it(connection: Connection) -> None:
    """And its line then says what it feeds."""
    ingest(connection, tank(62))
    (offer,) = known(connection, SOAP).offers
    assert (offer.device, offer.signal, [taker.item for taker in offer.takers]) == (
        "own.rain",
        "liquid.remaining",
        ["soap"],
    )
    bound = SOAP.model_copy(update={"binding": Binding(device="own.rain", signal="liquid.remaining", full_amount=500)})
    inventory = known(connection, bound)
    assert inventory.offers == ()
    assert inventory.devices[0].signals[0].feeds == ("soap",)


def test_what_was_kept_apart_is_counted_by_topic_and_reason(connection: Connection) -> None:
    """The newest detail stands for it; what no profile is for is a family, with no value in it."""
    ingest(connection, tank(162, minutes=9, state=5), tank(163, minutes=8, state=5), raw("garden/rain/level", b"{"))
    ingest(connection, raw("pool/PS-88123/t", {"ph": 7.25}), raw("pool/PS-88124/t", {"ph": 7.5}))
    inventory = known(connection)
    assert [(line.reason, line.messages) for line in inventory.apart] == [("malformed", 1), ("out_of_range", 2)]
    assert "163 % is outside 0 to 100" in inventory.apart[1].detail
    (family,) = inventory.families
    assert (family.pattern, family.topics, family.shape) == ("pool/+/t", 2, "{ph: <number>}")


def test_a_device_without_its_birth_is_kept_apart_by_name(connection: Connection) -> None:
    """It is no stranger: it has to announce itself."""
    reading = {"device": "fridge", "boot": "b", "seq": 1, "at": "2026-03-02T08:00:00Z", "values": {}}
    ingest(connection, raw("restock/v1/home/fridge/reading", reading | {"values": {"milk": {"value": 1, "unit": "g"}}}))
    inventory = known(connection)
    assert [(line.device, line.reason) for line in inventory.apart] == [("fridge", "unknown_device")]
    assert inventory.families == ()


def test_a_topic_that_is_understood_since_is_no_stranger(connection: Connection) -> None:
    """A profile may have been added after the first messages."""
    ingest(connection, raw("garden/rain/level", {"level": 5}, at=NOW - timedelta(hours=1)))
    assert len(known(connection).families) == 1
    ingest(connection, tank(62))
    assert known(connection).families == ()


def test_a_device_that_was_only_born_is_listed(connection: Connection) -> None:
    """Without signals, with what it said of itself."""
    birth = {
        "device": "fridge",
        "profile": "restock.fridge",
        "firmware": "1.4",
        "boot": "b",
        "at": "2026-03-02T08:00:00Z",
    }
    state = {"device": "fridge", "boot": "b", "state": "offline"}
    ingest(connection, raw("restock/v1/home/fridge/birth", birth), raw("restock/v1/home/fridge/state", state))
    (device,) = known(connection).devices
    assert (device.device, device.profile, device.firmware, device.online, device.signals) == (
        "fridge",
        "restock.fridge",
        "1.4",
        False,
        (),
    )


def test_limits_are_said(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left out without a word."""
    for module in (assembling, discovery):
        monkeypatch.setattr(module, "SIGNALS_MAX", 1)
        monkeypatch.setattr(module, "TOPICS_MAX", 2)
    monkeypatch.setattr(assembling, "_FAMILIES_MAX", 1)
    ingest(connection, tank(62), *(raw(f"x/{name}", {name: 1}) for name in "abc"))
    inventory = known(connection)
    assert len(inventory.devices[0].signals) == 1
    assert len(inventory.families) == 1
    assert inventory.left_out == (
        "signals after the first 1",
        "topics after the newest 2",
        "1 more families of topics",
    )


def test_the_cost_of_the_list_does_not_grow_with_the_readings(connection: Connection) -> None:
    """No table is read whole for the last readings: all but the list of signals is a search by an index."""
    from edge_agent.adapters.store import heard  # noqa: PLC0415

    plan = [row[3] for row in connection.db.execute(f"EXPLAIN QUERY PLAN {heard._LATEST}", (9,))]
    scans = [step for step in plan if step.startswith("SCAN")]
    first = "SCAN reading USING COVERING INDEX"  # the first pair only
    assert all(step.startswith((first, "SCAN p", "SCAN (subquery")) for step in scans), plan
    assert not any("TEMP B-TREE" in step for step in plan), plan
    assert any("(device=? AND signal>?)" in step for step in plan), plan  # else all readings of a device are passed by


# --- what was heard at a broker ---


def test_a_late_reading_is_old_and_its_device_is_not() -> None:
    """The value has the time that it was measured, the device the time that it was heard; its topic is understood."""
    at = NOW - timedelta(minutes=50)
    read = Heard(
        "d", "own.tank", "garden/a/level", Reading("liquid.remaining", Presence.VALUE, 5.0, "%"), at, heard_at=NOW
    )
    apart = Apart(
        "garden/a/level", None, QuarantineReason.UNKNOWN_DEVICE, "no", b"{}", 2, NOW - timedelta(minutes=5), 1
    )
    told = assembled(
        [read],
        [apart],
        known=(),
        items=(),
        profile_of=REGISTRY.by_id,
        now=NOW,
        stale_after_s=1_800,
        source="a test",
        remarks=Remarks(),
    )
    [device] = told.devices
    assert device.seen_at == NOW
    assert (device.signals[0].at, device.signals[0].is_fresh) == (at, False)
    assert told.families == ()


def test_a_device_of_which_only_the_broker_told_is_listed(connection: Connection) -> None:
    """By name and without a value; what the copy said is known to nobody, until the device speaks."""
    copy = raw("garden/rain/level", {"kind": "tank", "level": 62, "state": "fine"}, retained=True)
    ingest(connection, copy, raw("garden/other/level", {"kind": "pump"}, retained=True))
    (device,) = known(connection).devices
    assert (device.device, device.signals, device.seen_at, device.only_old_copies) == ("own.rain", (), None, True)
    assert known(connection).offers == ()
    ingest(connection, tank(62))
    (device,) = known(connection).devices
    assert (len(device.signals), device.only_old_copies) == (2, False)
